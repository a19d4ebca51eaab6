"""Which templates there are: the operator's own folders by name, and those that ship inside the archive."""

import os
from collections.abc import Mapping

from ..engine import paths
from ..errors import BbhvError, NotFoundError
from ..findings import did_you_mean, errors, printable
from ..host import resources
from ..model.template import Template, read_template
from ..names import is_name
from .folder import read_folder

FOLDERS = tuple(f"{root}/templates" for root in paths.CONFIGURATION)


def shipped() -> dict[str, dict[str, bytes]]:
    """The files of each template that is built in."""
    found: dict[str, dict[str, bytes]] = {}
    for path, data in resources.tree("templates").items():
        name, _, file = path.partition("/")
        found.setdefault(name, {})[file] = data
    return found


def names(folders: tuple[str, ...] = FOLDERS) -> tuple[str, ...]:
    """The names of all templates, sorted."""
    theirs = {one for root in folders if os.path.isdir(root) for one in os.listdir(root)
              if is_name(one) and os.path.isdir(f"{root}/{one}")}
    return tuple(sorted(theirs | shipped().keys()))


def template(name: str, folders: tuple[str, ...] = FOLDERS) -> Template:
    """The template of that name: the operator's own goes before ours. Raises NotFoundError, BbhvError."""
    for root in folders if is_name(name) else ():
        if os.path.isdir(f"{root}/{name}"):
            return _usable(name, *_folder(f"{root}/{name}"))
    built_in = shipped()
    if name in built_in:
        return _usable(name, built_in[name], f"templates/{name}")
    known = names(folders)
    hint = f"{did_you_mean(name, known)} There are {', '.join(known)}.".strip()
    raise NotFoundError(f"There is no template {ascii(name[:40])}.", hint=hint)


def _folder(path: str) -> tuple[Mapping[str, bytes], str]:
    texts, findings = read_folder(path)
    if findings:
        raise BbhvError(f"Template {path} cannot be used: {findings[0]}")
    return texts, path


def _usable(name: str, files: Mapping[str, bytes], folder: str) -> Template:
    found, findings = read_template(name, files, folder)
    wrong = errors(findings)
    if found is None or wrong:
        rest = f" ({len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise BbhvError(f"Template {name} cannot be used: {printable(str(wrong[0]))}{rest}")
    return found
