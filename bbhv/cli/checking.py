"""The verb that checks: validate. Offline, without root, on a laptop, in a pipeline, or on the host."""

import os
from contextlib import suppress

from ..errors import EXIT_FINDINGS, EXIT_OK, NotFoundError, UsageError
from ..findings import Finding, errors, ordered
from ..formats import jsontext
from ..host import files
from ..kinds.metadata import read_metadata
from ..kinds.source import Source
from ..kinds.table import METADATA
from ..model import hostversion, registration
from ..model.fleet import not_checked, own_name
from ..model.registration import Registration
from . import formats, inspecting
from .main import Call
from .output import Output
from .repositories import check_fleet, check_folder, grant_of, schema_of


def validate(call: Call, output: Output) -> int:
    """bbhv validate: all findings of all paths, sorted; a place is named from where it was called."""
    form = formats.chosen(call.get("--format"), output.json)
    notes: list[str] = []
    findings = ordered(_fleet(call, notes) if call.has("--tenants") else _paths(call, notes))
    with suppress(BrokenPipeError):  # who reads no further gets the status all the same
        formats.show(formats.Report(findings=findings, notes=tuple(notes)), form, output)
    return EXIT_FINDINGS if errors(findings) else EXIT_OK


def _fleet(call: Call, notes: list[str]) -> tuple[Finding, ...]:
    """A system repository with all its tenants'; `notes` gets what was proven and what not."""
    if len(call.arguments) != 1 or call.has("--registration"):
        message = "--tenants= takes one system repository, and the registrations are in it."
        raise UsageError(message, hint="Write: bbhv validate SYSTEM --tenants=DIR")
    return check_fleet(call.arguments[0], call.get("--tenants"), notes, _systemd(call))


def _paths(call: Call, notes: list[str]) -> tuple[Finding, ...]:
    """Every path for itself; `notes` gets what could not be checked."""
    grant = grant_of(call.get("--registration")) if call.has("--registration") else None
    unchecked: list[str] = []
    systemd = _systemd(call)
    found = [one for path in dict.fromkeys(call.arguments) for one in _path(path, grant, unchecked, systemd)]
    notes += (not_checked(unchecked),) if unchecked else ()
    return tuple(found)


def _systemd(call: Call) -> int | None:
    """The version of systemd to check against. Raises UsageError when it is not one that hosts may have."""
    if not call.has("--systemd"):
        return None
    said = call.get("--systemd")
    if not (said.isascii() and said.isdigit() and len(said) < 6 and int(said) >= hostversion.OLDEST):
        message = f"--systemd={ascii(said[:40])[1:-1]} is not a version that hosts may have."
        raise UsageError(message, hint=f"Write {hostversion.OLDEST} or a later one, without what comes after a dot.")
    return int(said)


def _path(
    path: str, grant: Registration | None, notes: list[str], systemd: int | None
) -> tuple[Finding, ...]:
    if not path:
        raise UsageError("An empty word is no path.", hint="Write . for the folder where you are.")
    inspected = inspecting.inspect(path)
    if inspected is not None:
        return inspected
    if os.path.isdir(path):
        return check_folder(path, grant, notes, systemd)
    data = files.read(path, jsontext.MAX_SIZE, cut=True)
    if data is None:
        raise NotFoundError(f"{path} does not exist.")
    name = os.path.basename(path)
    if name == METADATA:
        tenant = grant.tenant if grant else own_name({METADATA: data})
        source = Source(tenant=tenant, name=name, file=path, data=data, metadata_schema=schema_of("metadata"))
        return read_metadata(source)[1]
    if name == "system.json":
        return registration.parse_system(path, data, schema_of("system"))[1]
    if name.endswith(".json"):
        return registration.parse_registration(path, data, schema_of("registration"))[1]
    message = f"{path} is neither the folder of a repository, nor a metadata.json, a registration or a disk image."
    raise UsageError(message, hint="One file can only be checked together with its repository: give the folder.")
