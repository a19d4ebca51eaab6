"""The verb that makes a repository: init. It appears whole, or nothing of it does."""

import os
import shlex
from collections.abc import Mapping

from ..errors import EXIT_OK, BbhvError, UsageError
from ..findings import printable
from ..formats.jsontext import Json
from ..host import files
from ..model.template import Parameter, Template, fill
from ..names import NAME_RULE, is_name
from . import asking, shelf
from .main import Call
from .output import Output

# Where the files of a repository wait that is made inside of a folder that is there already.
WAITING = f"{files.PREFIX}bbhv-init"
SCRIPT = b"#!"


def init(call: Call, output: Output) -> int:
    """bbhv init: writes a template into a folder that is empty or does not exist."""
    if call.has("--list"):
        return _list(call, output)
    if not any(call.arguments):
        raise UsageError("bbhv init takes DIR.", hint="bbhv init --help tells more.")
    folder = call.arguments[0]
    template = _chosen(call)
    tenant = "" if template.is_system else _tenant(call, folder)
    _usable(folder)
    values = asking.complete(template, asking.given(template, call.all("--set")))
    made = fill(template, values, tenant)
    _write(folder, made)
    if output.json != "off":
        output.value({"folder": folder, "tenant": tenant or None, "template": template.name,
                      "files": list[Json](sorted(made))})  # fmt: skip
    else:
        _next_steps(folder, tenant, made, output)
    return EXIT_OK


def _chosen(call: Call) -> Template:
    template = shelf.template(call.get("--template", "system" if call.has("--system") else "minimal"))
    if call.has("--system") and not template.is_system:
        message = f"Template {template.name} makes the repository of a tenant, not a system repository."
        raise UsageError(message, hint="Leave --system out, or leave --template out.")
    return template


def _tenant(call: Call, folder: str) -> str:
    name = call.get("--tenant") or os.path.basename(os.path.abspath(folder)).removeprefix("tenant-")
    if is_name(name):
        return name
    hint = f"{NAME_RULE[0].upper()}{NAME_RULE[1:]}." if call.has("--tenant") else "Give one: --tenant=acme"
    raise UsageError(f"{ascii(name[:40])} is not a tenant name.", hint=hint)


# The list


def _list(call: Call, output: Output) -> int:
    if call.arguments:
        raise UsageError("bbhv init --list takes no DIR.", hint="Without --list it makes a repository.")
    names = (call.get("--template"),) if call.has("--template") else shelf.names()
    found: list[Json] = []
    for name in names:
        try:
            template = shelf.template(name)
        except BbhvError as error:
            if call.has("--template"):
                raise
            output.say(f"{output.paint(name, 'bold')}: {printable(error.message)}")
            continue
        found.append(_as_json(template))
        _show(template, output)
    if output.json != "off":
        output.value({"templates": found})
    return EXIT_OK


def _show(template: Template, output: Output) -> None:
    output.say(f"{output.paint(template.name, 'bold')}: {printable(template.description)}")
    width = max([0, *(len(one.name) for one in template.parameters)])
    for one in template.parameters:
        output.say(f"    {one.name:<{width}}  {printable(one.description)} ({_kind(one)})")


def _kind(parameter: Parameter) -> str:
    """The type of a parameter, and what it is when nobody chooses."""
    usual = printable(parameter.default) or ("none" if parameter.optional else "")
    return f"{parameter.type.name}, default {usual}" if usual else f"{parameter.type.name}, required"


def _as_json(template: Template) -> Json:
    parameters: list[Json] = [
        {"name": one.name, "type": one.type.name, "description": one.description, "default": one.default or None,
         "required": one.required} for one in template.parameters
    ]  # fmt: skip
    return {"name": template.name, "description": template.description, "system": template.is_system,
            "parameters": parameters}  # fmt: skip


# The files


def _usable(folder: str) -> None:
    """Raises BbhvError unless the folder is absent or empty; the .git of a new clone may be there."""
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise BbhvError(f"{folder} is not a folder.", hint="Choose another one; nothing was written.")
    there = set(os.listdir(folder)) - {".git"} if os.path.isdir(folder) else set()
    waiting = f"{folder}/{WAITING}"
    if WAITING in there and len(there) > 1 and os.listdir(waiting):
        hint = f"mv {waiting}/* {folder} && rmdir {waiting} completes what it made."
        raise BbhvError(f"An earlier bbhv init of {folder} was interrupted.", hint=hint)
    if there - {WAITING}:
        raise BbhvError(f"{folder} is not empty.", hint="Choose another folder; nothing was written.")


def _write(folder: str, made: Mapping[str, bytes]) -> None:
    """Makes the folder by one rename. In one that is there, everything is written before the first thing shows."""
    inside = os.path.isdir(folder)
    folder = folder.rstrip("/") or folder
    new = f"{folder}/{WAITING}" if inside else files.temporary(folder)
    if inside:
        files.remove_tree(new)
    files.make_dir(files.parent(new))
    try:
        _fill(new, made)
        if inside:
            _publish(folder, new)
        else:
            os.rename(new, folder)
    except BaseException as error:
        if not inside or set(os.listdir(folder)) <= {".git", WAITING}:
            files.remove_tree(new)
        if isinstance(error, OSError):
            raise files.named(error, folder) from None
        raise
    files.fsync_dir(folder if inside else files.parent(folder))


def _publish(folder: str, new: str) -> None:
    for name in sorted(os.listdir(new)):
        os.rename(f"{new}/{name}", f"{folder}/{name}")
    os.rmdir(new)


def _fill(new: str, made: Mapping[str, bytes]) -> None:
    os.mkdir(new, 0o755)
    for name in sorted(made):
        files.make_dir(files.parent(f"{new}/{name}"))
        files.write_new(f"{new}/{name}", made[name], 0o755 if made[name].startswith(SCRIPT) else 0o644)
    for top, _, _ in os.walk(new):
        files.fsync_dir(top)


def _next_steps(folder: str, tenant: str, made: Mapping[str, bytes], output: Output) -> None:
    shown, word = printable(folder), shlex.quote(folder) if folder.isprintable() else "DIR"
    for name in sorted(made) if output.legend else ():
        output.say(output.paint(f"{shown.rstrip('/')}/{name}", "dim"))
    output.say(f"{shown} is {f'the repository of tenant {tenant}' if tenant else 'a system repository'} now.")
    if not output.legend:
        return
    begin = "" if os.path.lexists(f"{folder}/.git") else f"git -C {word} init -b main && "
    output.say("Next, after your changes:" if tenant else "Next, after your changes to tenants/acme.json:")
    output.say(f"  bbhv validate {word}")
    output.say(f"  {begin}git -C {word} add -A && git -C {word} commit -m 'First commit'")
