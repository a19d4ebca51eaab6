"""The verb that checks: validate. Offline, without root, on a laptop, in a pipeline, or on the host."""

import os
from dataclasses import replace
from typing import Mapping

from .. import grants, registration
from ..errors import EXIT_FINDINGS, EXIT_OK, BbhvError, NotFoundError, UsageError
from ..findings import Finding, errors, ordered, printable
from ..formats import jsontext, schema
from ..formats.jsontext import Json
from ..host import files, resources
from ..kinds import container
from ..registration import Registration
from ..tenant import read_tenant
from .folder import read_folder
from .main import Call
from .output import Output


def validate(call: Call, output: Output) -> int:
    """bbhv validate: all findings of all paths, sorted; a place is named from where it was called."""
    form = call.get("--format", "json" if output.json != "off" else "text")
    grant = _grant(call.get("--registration")) if call.has("--registration") else None
    found: list[Finding] = []
    notes: list[str] = []
    for path in dict.fromkeys(call.arguments):
        found += _path(path, grant, notes)
    findings = ordered(found)
    if form == "json":
        output.json = "short" if output.json == "off" else output.json
        output.value({"findings": [dict[str, Json](one.as_json()) for one in findings]})
    else:
        output.findings(findings)
        for note in dict.fromkeys(notes):
            output.say(note)
        output.say(_total(findings))
    return EXIT_FINDINGS if errors(findings) else EXIT_OK


def _total(findings: tuple[Finding, ...]) -> str:
    bad = len(errors(findings))
    rest = len(findings) - bad
    if not findings:
        return "No findings."
    return f"{bad} error{'' if bad == 1 else 's'}, {rest} warning{'' if rest == 1 else 's'}."


def _grant(path: str) -> Registration:
    data = files.read(path)
    if data is None:
        raise NotFoundError(f"{path} does not exist.")
    one, findings = registration.parse_registration(path, data, _schema("registration"))
    if one is None or errors(findings):
        raise BbhvError(f"The registration has errors: {findings[0]}")
    return one


def _schema(name: str) -> schema.Schema:
    located, findings = jsontext.parse(name, resources.data(f"schemas/{name}.schema.json"))
    if located is None or findings:
        raise BbhvError(f"The schema of {name} is damaged: {findings[0]}")
    return schema.compile(located.value)


def _path(path: str, grant: Registration | None, notes: list[str]) -> tuple[Finding, ...]:
    if os.path.isdir(path):
        texts, problems = read_folder(path)
        system = "system.json" in texts or any(name.startswith("tenants/") for name in texts)
        found = (*problems, *(_system(texts) if system else _tenant(texts, grant, notes)))
        return tuple(_from_here(path, finding) for finding in found)
    data = files.read(path)
    if data is None:
        raise NotFoundError(f"{path} does not exist.")
    name = os.path.basename(path)
    if name == "metadata.json":
        located, findings = jsontext.parse(path, data)
        return (*findings, *(_schema("metadata").check(located) if located else ()))
    if name.endswith(".json"):
        return registration.parse_registration(path, data, _schema("registration"))[1]
    message = f"{path} is neither the folder of a repository, nor a metadata.json, nor a registration."
    raise UsageError(message, hint="One file can only be checked together with its repository: give the folder.")


def _from_here(folder: str, finding: Finding) -> Finding:
    """The finding with its file as somebody who typed the folder would find it."""
    file = os.path.normpath(os.path.join(folder, finding.place.file))
    return replace(finding, place=replace(finding.place, file=printable(file)))


def _tenant(texts: Mapping[str, bytes], grant: Registration | None, notes: list[str]) -> tuple[Finding, ...]:
    name = grant.tenant if grant else _own_name(texts)
    tenant, findings = read_tenant(texts, name, _schema("metadata"))
    if grant is None:
        notes.append("Checks against the grant were not done: no --registration= was given.")
        return findings
    if tenant is None:
        notes.append("Checks against the grant were not done: the repository has errors.")
        return findings
    notes.append("Whether the host offers the images was not checked.")
    named = {one.values.need(container.IMAGE) for one in tenant.containers.values()} - tenant.images.keys()
    return (*findings, *grants.check(tenant, grant, allow_file=True, offered=named))


def _own_name(texts: Mapping[str, bytes]) -> str:
    """The name that the repository gives itself; on a host the registration decides."""
    located, _ = jsontext.parse("metadata.json", texts.get("metadata.json", b"{}"))
    value = located.value if located else None
    name = value.get("tenant") if isinstance(value, dict) else None
    return name if isinstance(name, str) else ""


def _system(texts: Mapping[str, bytes]) -> tuple[Finding, ...]:
    findings: list[Finding] = []
    defaults: Json = {}
    if "system.json" in texts:
        config, problems = registration.parse_system("system.json", texts["system.json"], _schema("system"))
        findings += problems
        defaults = config.defaults if config else {}
    document = _schema("registration")
    for name, data in texts.items():
        if name.startswith("tenants/") and name.endswith(".json"):
            findings += registration.parse_registration(name, data, document, defaults=defaults)[1]
    return tuple(findings)
