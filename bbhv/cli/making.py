"""The verb that makes a repository: init."""

import os
from typing import Mapping

from ..engine import paths
from ..errors import EXIT_OK, BbhvError, NotFoundError, UsageError
from ..formats.jsontext import Json
from ..host import files, resources
from ..names import NAME_RULE, is_name
from .folder import read_folder
from .main import Call
from .output import Output

MINIMAL = ("metadata.json", "infrastructure/tenant.slice", "containers/web.nspawn", "README.md")
SYSTEM = ("system.json", "tenants/acme.json", "README.md")
SHIPPED = {"minimal": MINIMAL, "system": SYSTEM}
FOLDERS = tuple(f"{root}/templates" for root in paths.CONFIGURATION)


def init(call: Call, output: Output) -> int:
    """bbhv init: writes a template into a folder that is empty or does not exist."""
    folder = call.arguments[0]
    system = call.has("--system")
    texts = template(call.get("--template", "system" if system else "minimal"))
    tenant = "" if system else _tenant(call, folder)
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise BbhvError(f"{folder} is not a folder.", hint="Choose another one; nothing was written.")
    if os.path.isdir(folder) and set(os.listdir(folder)) - {".git"}:
        raise BbhvError(f"{folder} is not empty.", hint="Choose another folder; nothing was written.")
    for name, data in texts.items():
        files.make_dir(os.path.dirname(f"{folder}/{name}"))
        files.write(f"{folder}/{name}", data.replace(b"@TENANT@", tenant.encode()))
    if output.json != "off":
        output.value({"folder": folder, "tenant": tenant or None, "files": list[Json](sorted(texts))})
    else:
        _next_steps(folder, tenant, output)
    return EXIT_OK


def _next_steps(folder: str, tenant: str, output: Output) -> None:
    output.say(f"{folder} is {f'the repository of tenant {tenant}' if tenant else 'a system repository'} now.")
    if not output.legend:
        return
    begin = "" if os.path.lexists(f"{folder}/.git") else f"git -C {folder} init -b main && "
    output.say("Next, after your changes:" if tenant else "Next, after your changes to tenants/acme.json:")
    output.say(f"  bbhv validate {folder}")
    output.say(f"  {begin}git -C {folder} add -A && git -C {folder} commit -m 'First commit'")


def template(name: str, folders: tuple[str, ...] = FOLDERS) -> Mapping[str, bytes]:
    """The files of a template: the operator's own of that name, else ours. Raises NotFoundError, BbhvError."""
    for root in folders if is_name(name) else ():
        if os.path.isdir(f"{root}/{name}"):
            texts, findings = read_folder(f"{root}/{name}")
            if findings:
                raise BbhvError(f"Template {root}/{name} cannot be used: {findings[0]}")
            return texts
    if name in SHIPPED:
        return {file: resources.data(f"templates/{name}/{file}") for file in SHIPPED[name]}
    known = {*SHIPPED, *(one for root in folders if os.path.isdir(root) for one in os.listdir(root))}
    raise NotFoundError(f"There is no template {ascii(name[:40])}.", hint=f"There are: {', '.join(sorted(known))}.")


def _tenant(call: Call, folder: str) -> str:
    name = call.get("--tenant") or os.path.basename(os.path.abspath(folder)).removeprefix("tenant-")
    if is_name(name):
        return name
    hint = f"{NAME_RULE[0].upper()}{NAME_RULE[1:]}." if call.has("--tenant") else "Give one: --tenant=acme"
    raise UsageError(f"{ascii(name[:40])} is not a tenant name.", hint=hint)
