"""What the host is told: its settings and its registrations. Everything is read, nothing is changed."""

import os
from dataclasses import dataclass, field
from typing import Mapping

from .. import registration as registrations
from ..errors import BbhvError, NotFoundError, RefusedError
from ..findings import Finding, Place, errors, ordered
from ..formats import conffile, jsontext, schema
from ..formats.jsontext import Json
from ..host import files, git, resources
from ..hostconf import HostSettings
from ..hostconf import read as read_settings
from ..names import is_name
from ..registration import Registration, SystemConfig
from . import paths, verify
from .read import read


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One reading of the host. `refused` are the tenants whose registration has errors, `system` the commit used."""

    settings: HostSettings
    registrations: Mapping[str, Registration] = field(default_factory=dict)
    refused: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    system: str = ""
    readable: bool = True

    def registered(self, tenant: str) -> Registration:
        """The registration of a tenant. Raises NotFoundError, or RefusedError when it has errors."""
        if tenant in self.refused:
            first = self.refused[tenant][0]
            raise RefusedError(f"The registration of {tenant} has errors: {first}")
        if tenant not in self.registrations:
            known = ", ".join(sorted(self.registrations)) or "none"
            raise NotFoundError(f"No tenant {tenant} is registered on this host.", hint=f"Registered: {known}.")
        return self.registrations[tenant]


def settings() -> tuple[HostSettings, tuple[Finding, ...]]:
    """The host's settings, from the configuration folders and the system credentials."""
    found: dict[str, bytes | None] = {}
    for root in paths.CONFIGURATION:
        for folder, names in ((root, ["bitbuilder.conf"]), (f"{root}/bitbuilder.conf.d", _names(f"{root}/bitbuilder.conf.d"))):
            for name in names:
                path = f"{folder}/{name}"
                if os.path.lexists(path):
                    found[path] = None if os.path.realpath(path) == "/dev/null" else files.read(os.path.realpath(path))
    order = conffile.order("bitbuilder.conf", found, paths.CONFIGURATION)
    credentials = {
        name: files.read(f"{paths.CREDENTIALS}/{name}") or b""
        for name in _names(paths.CREDENTIALS) if name.startswith("bitbuilder.")
    }  # fmt: skip
    return read_settings([(path, found[path] or b"") for path in order], credentials)


def load() -> World:
    """The host as it is told now. Problems of one registration refuse that tenant only."""
    host, findings = settings()
    config, clone_files, oid, problems = _system_files(host)
    found: list[Finding] = [*findings, *problems]
    document = schema.compile(_json(resources.data("schemas/registration.schema.json")))
    origins = [(root, _folder(root)) for root in paths.REGISTRATIONS]
    origins.insert(1, (paths.SYSTEM_CLONE, clone_files))
    sources: list[tuple[str, dict[str, Registration]]] = []
    refused: dict[str, tuple[Finding, ...]] = {}
    for origin, texts in origins:
        parsed: dict[str, Registration] = {}
        for name, data in sorted(texts.items()):
            tenant = name.rpartition("/")[2].removesuffix(".json")
            one, trouble = registrations.parse_registration(f"{origin}/{name}", data, document, defaults=config.defaults)
            if one is None or errors(trouble):
                refused.setdefault(tenant, ordered(errors(trouble)))
            else:
                parsed[tenant] = one
            found += trouble
        sources.append((origin, parsed))
    merged, doubles = registrations.merge(sources)
    here = registrations.for_host(merged, host.name or os.uname().nodename)
    return World(
        settings=host, registrations=here, refused={k: v for k, v in refused.items() if k not in here and is_name(k)},
        findings=ordered((*found, *doubles)), system=oid, readable=bool(oid) or not host.repository,
    )  # fmt: skip


def _system_files(host: HostSettings) -> tuple[SystemConfig, dict[str, bytes], str, tuple[Finding, ...]]:
    """What the clone of the system repository says, if it is there: HEAD, else the newest that was accepted."""
    clone = git.Clone(paths.SYSTEM_CLONE)
    problems: list[Finding] = []
    accepted = clone.ref(paths.REF_TRIED) if clone.exists() else None
    for oid in dict.fromkeys((clone.head() if clone.exists() else None, accepted)):
        if oid is None:
            continue
        try:
            commit = verify.verify(clone, oid, policy=host.trust, accepted=accepted)
            found, trouble = read(commit)
        except BbhvError as error:
            problems.append(Finding(Place(paths.SYSTEM_CLONE), "BB502", error.message, error.hint, "warning"))
            continue
        config, more = system_config(found, paths.SYSTEM_CLONE)
        problems += (*trouble, *more)
        if config is not None:
            tenants = {name: data for name, data in found.items() if name.startswith("tenants/") and name.endswith(".json")}
            return config, tenants, oid, tuple(problems)
    return SystemConfig(), {}, "", tuple(problems)


def system_config(found: Mapping[str, bytes], origin: str) -> tuple[SystemConfig | None, tuple[Finding, ...]]:
    """What system.json says, None when it has errors; without one, the defaults."""
    data = found.get("system.json")
    if data is None:
        return SystemConfig(), ()
    document = schema.compile(_json(resources.data("schemas/system.schema.json")))
    return registrations.parse_system(f"{origin}/system.json", data, document)


def _folder(root: str) -> dict[str, bytes]:
    return {name: files.read(f"{root}/{name}") or b"" for name in _names(root) if name.endswith(".json")}


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _json(data: bytes) -> Json:
    located, findings = jsontext.parse("schema", data)
    if located is None or findings:
        raise BbhvError(f"A schema of this program is damaged: {findings[0]}")
    return located.value


def metadata_schema() -> schema.Schema:
    """The schema of metadata.json."""
    return schema.compile(_json(resources.data("schemas/metadata.schema.json")))
