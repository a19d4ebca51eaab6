"""A tenant's repository as one value: every file read by its kind, and what only shows across files.

`read_tenant` reports everything that is wrong at once. Findings of its own: BB109 (metadata.json is missing), BB301
(a name that nothing declares), BB302 (workloads that wait for each other in a circle), BB304 (names that collide).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from .findings import Finding, Place, did_you_mean, errors
from .formats.schema import Schema
from .kinds import container
from .kinds.container import Container
from .kinds.credential import Credential
from .kinds.extension import Extension
from .kinds.image import Image
from .kinds.limits import Limits
from .kinds.machine import Machine
from .kinds.metadata import Metadata
from .kinds.netdev import Netdev
from .kinds.network import Network
from .kinds.portable import Portable
from .kinds.script import Script
from .kinds.source import Declared, Source
from .kinds.table import METADATA, Declaration, Kind, classify, kind_of
from .kinds.volume import Volume

C = TypeVar("C", bound=Declared)
MAX_DECLARATIONS = 4096
MAX_SHOWN_CIRCLE = 12
MAX_CIRCLES = 20


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


def read_tenant(
    files: Mapping[str, bytes], tenant: str, metadata_schema: Schema
) -> tuple[Tenant | None, tuple[Finding, ...]]:
    """The tenant that these files declare, None when there are errors, and all findings."""
    sources, found = _sources(files, tenant, metadata_schema)
    findings = list(found)
    declarations: list[Declaration] = []
    for kind, source in sources:
        declaration, found = kind.read(source)
        findings += found
        if kind.pending:
            message = f"A {kind.name} is checked, but this version does not run it yet."
            findings.append(Finding(Place(source.file), "BB211", message, severity="warning"))
        if declaration is not None:
            declarations.append(declaration)
    if METADATA not in files:
        hint = f'Write {{"apiVersion": "bitbuilder.io/v1", "tenant": "{tenant}"}} into it.'
        findings.append(Finding(Place(METADATA), "BB109", "The file is missing.", hint))
    findings += _collisions(sources)
    findings += _references(declarations, {(kind.name, source.name) for kind, source in sources})
    result = _assemble(tenant, declarations)
    findings += _cycles(result)
    return None if errors(findings) else result, tuple(findings)


def _sources(
    files: Mapping[str, bytes], tenant: str, metadata_schema: Schema
) -> tuple[list[tuple[Kind, Source]], tuple[Finding, ...]]:
    """The declarations with their bytes, in the order of their paths; all files below a folder make one of them."""
    findings: list[Finding] = []
    sources: list[tuple[Kind, Source]] = []
    trees: dict[str, dict[str, bytes]] = {}
    for path in sorted(files):
        kind, match, found = classify(path)
        findings += found
        if kind is None:
            continue
        file = path.removesuffix(f"/{match.inside}")
        if match.inside and file in trees:
            trees[file][match.inside] = files[path]
            continue
        if len(sources) >= MAX_DECLARATIONS:
            message = f"There are more than {MAX_DECLARATIONS} declarations; the rest was not read."
            findings.append(Finding(Place(path), "BB110", message, "Split the tenant."))
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


def _collisions(sources: list[tuple[Kind, Source]]) -> Iterator[Finding]:
    """Two declarations of one kind and name, such as an extension that is a folder and an image."""
    taken: dict[tuple[str, str, str], str] = {}
    for kind, source in sources:
        first = taken.setdefault((kind.name, source.name, source.host), source.file)
        if first != source.file:
            message = f"The {kind.name} {source.name} is declared by {first} already."
            yield Finding(Place(source.file), "BB304", message, "Remove one, or choose another name.")


def _references(declarations: list[Declaration], tried: set[tuple[str, str]]) -> Iterator[Finding]:
    """Names that nothing declares; what was declared with errors has its findings already. Images may be offered."""
    for one in declarations:
        for row, name, place in one.values.references() if isinstance(one, Declared) else ():
            if not any((kind, name) in tried for kind in row.refers):
                known = [known for kind, known in tried if kind in row.refers]
                hint = did_you_mean(name, known) or f"Add {kind_of(row.refers[0]).path(name)}, or correct the name."
                yield Finding(place, "BB301", f"{row.key}={name} names something that is not declared.", hint)


def _cycles(tenant: Tenant) -> Iterator[Finding]:
    """Each circle once, at an After= of its first member by name. A container after itself has its own finding."""
    after = {name: {to for to in one.after if to != name} for name, one in tenant.containers.items()}
    for _ in range(MAX_CIRCLES):
        circle = _circle(after)
        if not circle:
            return
        values = tenant.containers[circle[0]].values
        place = values.places(container.AFTER)[values.all(container.AFTER).index(circle[1])]
        yield Finding(place, "BB302", f"The workloads wait for each other: {_path(circle)}.", "Remove one After=.")
        for name in circle:
            after.pop(name, None)


def _circle(after: dict[str, set[str]]) -> tuple[str, ...]:
    """A circle in what waits for what, from its first member by name back to itself, or nothing. In linear time."""
    waiting = {name: {to for to in targets if to in after} for name, targets in after.items()}
    waiters: dict[str, list[str]] = {name: [] for name in waiting}
    for name, targets in waiting.items():
        for to in targets:
            waiters[to].append(name)
    free = [name for name, targets in waiting.items() if not targets]
    for name in free:  # grows while it is walked: who waited only for the free is free
        del waiting[name]
        for waiter in waiters[name]:
            waiting[waiter].discard(name)
            if not waiting[waiter]:
                free.append(waiter)
    if not waiting:
        return ()
    order: dict[str, int] = {}
    name = min(waiting)
    while name not in order:  # everybody left waits for somebody left
        order[name] = len(order)
        name = min(waiting[name])
    ring = [one for one, at in order.items() if at >= order[name]]
    first = ring.index(min(ring))
    return (*ring[first:], *ring[:first], ring[first])


def _path(circle: tuple[str, ...]) -> str:
    shown = circle if len(circle) <= MAX_SHOWN_CIRCLE else (*circle[:MAX_SHOWN_CIRCLE], "…", circle[-1])
    return " → ".join(shown)
