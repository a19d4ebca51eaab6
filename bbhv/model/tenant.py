"""A tenant's repository as one value: every file read by its kind, and what only shows across files.

`read_tenant` reports everything that is wrong at once. Findings of its own: BB109 (metadata.json is missing), BB301
(a name that nothing declares), BB304 (names that collide), and those of relations.py.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TypeVar

from ..findings import MAX_SHOWN, Finding, Place, did_you_mean, errors
from ..formats.schema.compiler import Schema
from ..kinds.credential import Credential
from ..kinds.extension import Extension
from ..kinds.image import Image
from ..kinds.limits import Limits
from ..kinds.metadata import Metadata
from ..kinds.networks.netdev import Netdev
from ..kinds.networks.network import Network, overlaps
from ..kinds.networks.wiring import connections, wiring
from ..kinds.portable import Portable
from ..kinds.script import Script
from ..kinds.source import Declared, Source
from ..kinds.table import KINDS, METADATA, Declaration, Kind, classify
from ..kinds.volume import Volume
from ..kinds.workloads.container import Container
from ..kinds.workloads.machine import Machine
from ..kinds.workloads.workload import Workload
from ..records import dataclass, field
from . import credentials, relations
from .bounds import MAX_FINDINGS, Bounds, is_complete, too_many
from .networks import addressing
from .relations import Runs

C = TypeVar("C", bound=Declared)
# Of these, one name is one thing: of what runs on the host, NAME.TENANT, and of what After= waits for.
_RUNS = ("container", "machine", "portable")
_WIRES = ("netdev", "network")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """What one commit of a tenant declares, by name."""

    id: str
    metadata: Metadata
    limits: Limits | None = None
    images: Mapping[str, Image] = field(default_factory=dict)
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    containers: Mapping[str, Container] = field(default_factory=dict)
    machines: Mapping[str, Machine] = field(default_factory=dict)
    netdevs: Mapping[str, Netdev] = field(default_factory=dict)
    networks: Mapping[str, Network] = field(default_factory=dict)
    portables: Mapping[str, Portable] = field(default_factory=dict)
    extensions: tuple[Extension, ...] = ()
    credentials: tuple[Credential, ...] = ()
    scripts: Mapping[str, Script] = field(default_factory=dict)

    @property
    def workloads(self) -> dict[str, Workload]:
        """The containers and machines, whose names never meet."""
        return {**self.machines, **self.containers}

    @property
    def runs(self) -> tuple[Runs, ...]:
        """Everything that starts from an image."""
        return (*self.containers.values(), *self.machines.values(), *self.portables.values())


def read_tenant(
    files: Mapping[str, bytes], tenant: str, metadata_schema: Schema, *, complete: bool = True
) -> tuple[Tenant | None, tuple[Finding, ...]]:
    """The tenant that these files declare, None when there are errors, and all findings.

    Unless `complete`, the repository has more files than were read: then nothing is said of what is missing.
    """
    sources, found = _sources(files, tenant, metadata_schema)
    findings = list(found)
    complete = complete and is_complete(found)
    declarations: list[Declaration] = []
    for kind, source in sources:
        declaration, found = kind.read(source)
        findings += found
        if declaration is not None:
            declarations.append(declaration)
        if len(findings) > MAX_FINDINGS:
            return None, (*findings[:MAX_FINDINGS], too_many(source.file))
    if METADATA not in files and complete:
        hint = f'Write {{"apiVersion": "bitbuilder.io/v1", "tenant": "{tenant or "ID"}"}} into it.'
        findings.append(Finding(Place(METADATA), "BB109", "The file is missing.", hint))
    findings += _pending(sources)
    findings += _collisions(sources)
    tried = {(kind.name, source.name) for kind, source in sources}
    findings += islice(_references(declarations, tried), MAX_FINDINGS if complete else 0)
    result = _assemble(tenant, declarations)
    runs: dict[str, Runs] = {**result.portables, **result.workloads}
    findings += relations.cycles(runs)
    findings += islice(relations.volume_uses(runs.values(), result.volumes), MAX_FINDINGS)
    findings += islice(relations.forwarded(result.containers.values()), MAX_FINDINGS)
    findings += islice(relations.disks(result.machines.values(), result.images), MAX_FINDINGS)
    findings += islice(credentials.too_large(runs.values(), result.credentials, tenant), MAX_FINDINGS)
    wires = sum(kind.name in _WIRES for kind, _ in sources)
    complete = complete and wires == len(result.netdevs) + len(result.networks)
    findings += wiring(result.netdevs, result.networks, complete=complete)
    findings += connections(result.workloads.values(), result.netdevs, result.networks, complete=complete)
    findings += overlaps(result.networks)
    findings += islice(addressing.findings(result), MAX_FINDINGS if complete else 0)
    return None if errors(findings) else result, tuple(findings)


def _sources(
    files: Mapping[str, bytes], tenant: str, metadata_schema: Schema
) -> tuple[list[tuple[Kind, Source]], tuple[Finding, ...]]:
    """The declarations with their bytes, in the order of their paths; all files below a folder make one of them."""
    findings: list[Finding] = []
    sources: list[tuple[Kind, Source]] = []
    trees: dict[str, dict[str, bytes]] = {}
    bounds = Bounds()
    for path in sorted(files):
        kind, match, found = classify(path)
        findings += found
        if kind is None:
            if len(findings) > MAX_FINDINGS:
                findings.append(too_many(path))
                break
            continue
        file = path.removesuffix(f"/{match.inside}")
        if match.inside and file in trees:
            trees[file][match.inside] = files[path]
            continue
        excess = tuple(bounds.excess(path, files[path] if kind.settings and not match.inside else b""))
        if excess:
            findings += excess
            break
        inside = trees.setdefault(file, {match.inside: files[path]}) if match.inside else {}
        sources.append((kind, Source(
            tenant=tenant, name=match.name, file=file, data=b"" if inside else files[path],
            metadata_schema=metadata_schema, host=match.host, files=inside,
        )))  # fmt: skip
    return sources, tuple(findings)


def _assemble(tenant: str, declarations: list[Declaration]) -> Tenant:
    metadata = next((one for one in declarations if isinstance(one, Metadata)), None)
    return Tenant(
        id=tenant,
        metadata=metadata or Metadata(file=METADATA, tenant=tenant),
        limits=next((one for one in declarations if isinstance(one, Limits)), None),
        images=_by_name(declarations, Image),
        volumes=_by_name(declarations, Volume),
        containers=_by_name(declarations, Container),
        machines=_by_name(declarations, Machine),
        netdevs=_by_name(declarations, Netdev),
        networks=_by_name(declarations, Network),
        portables=_by_name(declarations, Portable),
        extensions=tuple(one for one in declarations if isinstance(one, Extension)),
        credentials=tuple(one for one in declarations if isinstance(one, Credential)),
        scripts={one.name: one for one in declarations if isinstance(one, Script)},
    )


def _by_name(declarations: list[Declaration], kind: type[C]) -> dict[str, C]:
    return {one.name: one for one in declarations if isinstance(one, kind)}


def _pending(sources: list[tuple[Kind, Source]]) -> Iterator[Finding]:
    """Once per kind, at its first declaration: what is checked, and not run."""
    waiting: dict[str, list[tuple[Kind, Source]]] = {}
    for kind, source in sources:
        if kind.pending:
            waiting.setdefault(kind.name, []).append((kind, source))
    for (kind, source), *more in waiting.values():
        one = f"A {kind.noun} is checked, but this version does not run it yet."
        all_of = f"{len(more) + 1} {kind.noun}s are checked, but this version does not run them yet."
        hint = "Everything else of the repository runs."
        yield Finding(Place(source.file), "BB211", all_of if more else one, hint, severity="warning")


def _collisions(sources: list[tuple[Kind, Source]]) -> Iterator[Finding]:
    """Two declarations of one name: of one kind, such as an extension that is a folder and an image, or what runs."""
    taken: dict[tuple[str, str, str], tuple[str, str]] = {}
    for kind, source in sources:
        space = "runs" if kind.name in _RUNS else kind.name
        other, first = taken.setdefault((space, source.name, source.host), (kind.noun, source.file))
        if first != source.file:
            message = f"The {kind.noun} {source.name} is declared by {first} already."
            if other != kind.noun:
                message = f"{first} declares {source.name} already, and a {other} and a {kind.noun} share their names."
            yield Finding(Place(source.file), "BB304", message, "Remove one, or choose another name.")


def _references(declarations: list[Declaration], tried: set[tuple[str, str]]) -> Iterator[Finding]:
    """Names that nothing declares; what was declared with errors has its findings already. Images may be offered."""
    near: dict[tuple[tuple[str, ...], str], str] = {}  # comparing takes a millisecond: each name once, and not for ever
    for one in declarations:
        for row, name, place in one.values.references() if isinstance(one, Declared) else ():
            if not any((kind, name) in tried for kind in row.refers):
                asked = (row.refers, name)
                if asked not in near and len(near) < MAX_SHOWN:
                    near[asked] = did_you_mean(name, (known for kind, known in tried if kind in row.refers))
                hint = near.get(asked) or f"Add {_wanted(row.refers[0], name)}, or correct the name."
                yield Finding(place, "BB301", f"{row.key}={name} names something that is not declared.", hint)


def _wanted(kind: str, name: str) -> str:
    """Where a declaration of this kind and name belongs; a kind may have several places, and fixed ones."""
    paths = [row.path(name) for row in KINDS if row.name == kind]
    return next((path for path in paths if path.endswith(f"/{name}")), paths[0])
