"""What the host is told: its settings and its registrations. Everything is read, nothing is changed."""

import os
from typing import Iterable, Mapping, Sequence

from ..errors import BbhvError, NoSuchTenantError, NotFoundError, RefusedError
from ..findings import Finding, Place, Severity, did_you_mean, errors, ordered
from ..formats import conffile, jsontext
from ..formats.jsontext import Json
from ..formats.schema.compiler import Schema, compile_schema
from ..host import files, git, resources
from ..model import hostconf
from ..model.authority import Authority
from ..model.emptied import unregistered
from ..model.hostconf import HostSettings
from ..model.registration import (
    Registration,
    SystemConfig,
    for_host,
    is_registration,
    merge,
    parse_registration,
    parse_system,
)  # fmt: skip
from ..names import is_name
from ..records import dataclass, field
from . import paths
from .repository import memory, verify
from .repository.read import read, read_tree


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One reading of the host. `refused` are the tenants whose registration has errors, `system` the commit used,
    `trust` the verifiers that it brings along, `elsewhere` those that are registered for other hosts; `readable` says
    whether absence can be believed: not where settings are `unread`, among which may be the name of the host."""

    settings: HostSettings
    registrations: Mapping[str, Registration] = field(default_factory=dict)
    elsewhere: Mapping[str, Registration] = field(default_factory=dict)
    refused: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    system: str = ""
    trust: Mapping[str, bytes] = field(default_factory=dict)
    unread: tuple[Finding, ...] = ()
    readable: bool = True

    def unwanted(self, tenant: str) -> str:
        """Why a registration does not let its tenant run; empty where it does, and where there is none."""
        state = self.registrations[tenant].state if tenant in self.registrations else "enabled"
        return "" if state == "enabled" else f"its registration says {state}"

    def registered(self, tenant: str) -> Registration:
        """The registration of a tenant. Raises NotFoundError, or RefusedError when it has errors."""
        if tenant in self.refused:
            first = self.refused[tenant][0]
            raise RefusedError(f"The registration of {tenant} has errors: {first}")
        if tenant in self.elsewhere:
            other = self.elsewhere[tenant]
            message = f"Tenant {tenant} is registered for other hosts: {', '.join(other.hosts)} ({other.source})."
            raise NotFoundError(message, hint='Add this host to "hosts", or set Name= under [Host] in bitbuilder.conf.')
        for lost in [one for one in self.findings if one.place.file in paths.REGISTRATIONS]:
            if tenant not in self.registrations:
                raise BbhvError(f"Whether {tenant} is registered cannot be told: {lost}")
        if tenant not in self.registrations:
            raise unknown(tenant, self.registrations)
        return self.registrations[tenant]


def written(one: Registration) -> str:
    """Where a registration is to be changed: of those in the system repository, its clone has no file to edit."""
    file = one.source.file
    below = file.removeprefix(f"{paths.SYSTEM_CLONE}/")
    return file if below == file else f"{below} of the system repository"


def unknown(tenant: str, known: Iterable[str]) -> NotFoundError:
    """The error for a name that no tenant has. There may be hundreds to choose from, so only the nearest is named."""
    message = f"This host has no tenant {tenant}."
    hint = did_you_mean(tenant, known) or "bbhv list shows the tenants."
    return NoSuchTenantError(message, tenant=tenant, hint=hint)


def name_of(host: HostSettings) -> str:
    """The name of this host, by which registrations and credentials are for it."""
    return host.name or os.uname().nodename


def settings() -> tuple[HostSettings, tuple[Finding, ...]]:
    """The host's settings, from the configuration folders and the system credentials. What cannot be read is found."""
    found: dict[str, bytes | None] = {}
    findings: list[Finding] = []
    for root in paths.CONFIGURATION:
        drop_ins = [f"{root}/bitbuilder.conf.d/{name}" for name in _names(f"{root}/bitbuilder.conf.d", findings)]
        for path in (f"{root}/bitbuilder.conf", *drop_ins):
            if os.path.realpath(path) == "/dev/null":
                found[path] = None
            elif (data := _bytes(path, findings)) is not None:
                found[path] = data
    order = conffile.order("bitbuilder.conf", found, paths.CONFIGURATION)
    names = [name for name in _names(paths.CREDENTIALS, findings) if name.startswith("bitbuilder.")]
    credentials = {name: _bytes(f"{paths.CREDENTIALS}/{name}", findings) or b"" for name in names}
    host, problems = hostconf.read([(path, found[path] or b"") for path in order], credentials)
    return host, (*findings, *problems)


def _bytes(path: str, findings: list[Finding]) -> bytes | None:
    """A file of the operator, who may use links. What is no readable file is a finding, and is passed over."""
    severity: Severity = "warning"
    try:
        data = files.read(os.path.realpath(path))
        problem = "it is a link to nothing." if data is None and os.path.islink(path) else ""
    except BbhvError as error:
        data, problem, severity = None, str(error), "error"
    if problem:
        findings.append(Finding(Place(path), "BB502", f"It cannot be read, ignoring: {problem}", "", severity))
    return data


def load() -> World:
    """The host as it is told now. Problems of one registration refuse that tenant only."""
    host, findings = settings()
    config, system_files, oid, problems = _system_files(host)
    clone_files: dict[str, bytes | None] = {name: data for name, data in system_files.items() if is_registration(name)}
    found: list[Finding] = [*findings, *problems]
    document = compile_schema(_json(resources.data("schemas/registration.schema.json")))
    etc, usr = ((root, _folder(root, found)) for root in paths.REGISTRATIONS)
    sources: list[tuple[str, dict[str, Registration]]] = []
    refused: dict[str, tuple[Finding, ...]] = {}
    for origin, texts in (etc, (paths.SYSTEM_CLONE, clone_files), usr):
        parsed, bad, trouble = _registrations(origin, texts, document, config)
        known = {tenant for _, earlier in sources for tenant in earlier}
        sources.append((origin, {k: v for k, v in parsed.items() if k not in refused}))
        refused.update((tenant, problem) for tenant, problem in bad.items() if {tenant}.isdisjoint({*known, *refused}))
        found += trouble
    brought = {name: data for name, data in system_files.items() if name.startswith("trust/")}
    merged, doubles = merge(sources)
    lost = [one for one in found if one.place.file in paths.REGISTRATIONS]  # a folder: who is not in it may well be
    unread = tuple(one for one in errors(findings) if one.code == "BB502")
    here = for_host(merged, name_of(host))
    return World(
        settings=host, registrations=here, elsewhere={k: v for k, v in merged.items() if k not in here},
        refused={k: v for k, v in refused.items() if is_name(k)},
        findings=ordered((*found, *doubles)), system=oid,
        trust=brought, unread=unread, readable=not lost and not unread and (bool(oid) or not host.repository),
    )  # fmt: skip


def _registrations(
    origin: str, texts: Mapping[str, bytes | None], document: Schema, config: SystemConfig
) -> tuple[dict[str, Registration], dict[str, tuple[Finding, ...]], list[Finding]]:
    """The registrations of one place, those with errors by tenant, and all findings."""
    parsed: dict[str, Registration] = {}
    bad: dict[str, tuple[Finding, ...]] = {}
    found: list[Finding] = []
    for name, data in sorted(texts.items()):
        tenant, path = name.rpartition("/")[2].removesuffix(".json"), f"{origin}/{name}"
        if data is None:
            bad[tenant] = (Finding(Place(path), "BB502", "It cannot be read."),)
            continue
        one, trouble = parse_registration(path, data, document, defaults=config.defaults)
        if one is None or errors(trouble):
            bad[tenant] = ordered(errors(trouble))
        else:
            parsed[tenant] = one
        found += trouble
    return parsed, bad, found


def _system_files(host: HostSettings) -> tuple[SystemConfig, dict[str, bytes], str, tuple[Finding, ...]]:
    """What the clone of the system repository says, if it is there: HEAD, else the newest that was accepted."""
    clone = git.Clone(paths.SYSTEM_CLONE)
    problems: list[Finding] = []
    accepted = memory.of_system(clone).accepted if clone.exists() else ()
    for oid in dict.fromkeys((clone.head() if clone.exists() else None, *accepted)):
        if oid is None:
            continue
        try:
            found, trouble = read(_system_commit(host, clone, oid, accepted))
        except BbhvError as error:
            problems.append(Finding(Place(paths.SYSTEM_CLONE), "BB502", error.message, error.hint, "warning"))
            continue
        config, more = system_config(found, paths.SYSTEM_CLONE)
        taken = emptied(clone, accepted, found, config, host) if config and oid not in accepted else ()
        problems += (*trouble, *more, *taken)
        if config is not None and not taken:
            return config, found, oid, tuple(problems)
    return SystemConfig(), {}, "", tuple(problems)


def _system_commit(host: HostSettings, clone: git.Clone, oid: str, accepted: Sequence[str]) -> verify.VerifiedCommit:
    """What was accepted stays in force, whatever became of its signer since; anything else has to verify first."""
    authority = Authority(policy=host.trust, whose="the system repository")
    if oid not in accepted:
        from .repository.signers import Signers  # only after a pull by hand

        authority = Signers({}).of_system(host)[0]
    return verify.verify(clone, oid, authority=authority, accepted=accepted, in_force=True)


def emptied(
    clone: git.Clone, accepted: Sequence[str], found: Mapping[str, bytes], config: SystemConfig, host: HostSettings
) -> tuple[Finding, ...]:
    """What is wrong with a commit of the system repository that leaves this host no tenant of those it was accepted
    with. When that commit cannot be read any more, nothing is known of it, and nothing is wrong."""
    if not accepted or config.allow_empty:
        return ()
    try:
        with clone.reading() as reader:
            before, _ = read_tree(reader, reader.commit(accepted[0]).tree)
    except BbhvError:
        return ()
    place = Place(f"{paths.SYSTEM_CLONE}/system.json")
    old = system_config(before, paths.SYSTEM_CLONE)[0] or SystemConfig()
    had = [one for one, state in _here(before, old, host).items() if state != "absent"]
    return unregistered(had, _here(found, config, host), place, allowed=False)


def _here(found: Mapping[str, bytes], config: SystemConfig, host: HostSettings) -> dict[str, str]:
    """The tenants that these files register for this host, with their states; what has errors is there as well."""
    document = compile_schema(_json(resources.data("schemas/registration.schema.json")))
    named = {name: data for name, data in found.items() if is_registration(name)}
    parsed, bad, _ = _registrations(paths.SYSTEM_CLONE, named, document, config)
    here = for_host(parsed, name_of(host))
    return {**dict.fromkeys(bad, ""), **{tenant: one.state for tenant, one in here.items()}}


def system_config(found: Mapping[str, bytes], origin: str) -> tuple[SystemConfig | None, tuple[Finding, ...]]:
    """What system.json says, None when it has errors; without one, the defaults."""
    data = found.get("system.json")
    if data is None:
        return SystemConfig(), ()
    document = compile_schema(_json(resources.data("schemas/system.schema.json")))
    return parse_system(f"{origin}/system.json", data, document)


def _folder(root: str, findings: list[Finding]) -> dict[str, bytes | None]:
    return {name: _bytes(f"{root}/{name}", findings) for name in _names(root, findings) if name.endswith(".json")}


def _names(folder: str, findings: list[Finding]) -> list[str]:
    """What is in a folder; nothing when there is none. One that cannot be read is a finding."""
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        if error.errno in files.SHORTAGES:
            raise
        problem = f"It cannot be read, ignoring: {error.strerror}."
        findings.append(Finding(Place(folder), "BB502", problem, "", "warning"))
        return []


def _json(data: bytes) -> Json:
    located, findings = jsontext.parse("schema", data)
    if located is None or findings:
        raise BbhvError(f"A schema of this program is damaged: {findings[0]}")
    return located.value


def metadata_schema() -> Schema:
    """The schema of metadata.json."""
    return compile_schema(_json(resources.data("schemas/metadata.schema.json")))
