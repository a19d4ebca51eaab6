"""Data that ships inside the archive: the schemas and the templates. The only reader of it."""

import os
import sys
from zipimport import zipimporter


def _path(name: str) -> str:
    loader = getattr(sys.modules["bbhv"].__spec__, "loader", None)
    if isinstance(loader, zipimporter):
        return f"{loader.archive}/{name}"
    # Not an archive but its source: there the templates lie where the extension image will have them.
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return f"{root}/sysext/usr/lib/bitbuilder/{name}" if name.startswith("templates/") else f"{root}/{name}"


def tree(name: str) -> dict[str, bytes]:
    """All files below a folder of ours, for example `templates`, by their path in it. Nothing there is no file."""
    loader = getattr(sys.modules["bbhv"].__spec__, "loader", None)
    found = {}
    if isinstance(loader, zipimporter):
        from zipfile import ZipFile

        with ZipFile(loader.archive) as archive:
            for path in archive.namelist():
                if path.startswith(f"{name}/") and not path.endswith("/"):
                    found[path.removeprefix(f"{name}/")] = archive.read(path)
        return found
    top = _path(f"{name}/").rstrip("/")
    for folder, _, names in os.walk(top):
        for one in names:
            with open(f"{folder}/{one}", "rb") as file:
                found[f"{folder}/{one}"[len(top) + 1:]] = file.read()
    return found


SCHEMAS = ("schemas/metadata.schema.json", "schemas/registration.schema.json", "schemas/system.schema.json")
_kept: dict[str, bytes] = {}


def preload() -> None:
    """Reads what a verb may need later: an archive that is replaced meanwhile would give wrong bytes."""
    for name in SCHEMAS:
        _kept[name] = data(name)


def data(name: str) -> bytes:
    """The bytes of a file of ours, for example `schemas/metadata.schema.json`. Raises OSError when there is none."""
    if name in _kept:
        return _kept[name]
    path = _path(name)
    loader = getattr(sys.modules["bbhv"].__spec__, "loader", None)
    if isinstance(loader, zipimporter):
        return loader.get_data(path)
    with open(path, "rb") as file:
        return file.read()
