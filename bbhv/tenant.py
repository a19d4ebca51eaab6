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
from .kinds.image import Image
from .kinds.limits import Limits
from .kinds.metadata import Metadata
from .kinds.source import Source
from .kinds.table import METADATA, Declaration, classify
from .kinds.volume import Volume

D = TypeVar("D", Image, Volume, Container)
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


def read_tenant(
    files: Mapping[str, bytes], tenant: str, metadata_schema: Schema
) -> tuple[Tenant | None, tuple[Finding, ...]]:
    """The tenant that these files declare, None when there are errors, and all findings."""
    declarations: list[Declaration] = []
    findings: list[Finding] = []
    tried: set[tuple[str, str]] = set()
    for path in sorted(files):
        kind, name, found = classify(path)
        findings += found
        if kind is None or kind.read is None:
            continue
        if len(tried) >= MAX_DECLARATIONS:
            message = f"There are more than {MAX_DECLARATIONS} declarations; the rest was not read."
            findings.append(Finding(Place(path), "BB110", message, "Split the tenant."))
            break
        tried.add((kind.name, name))
        source = Source(tenant=tenant, name=name, file=path, data=files[path], metadata_schema=metadata_schema)
        declaration, found = kind.read(source)
        findings += found
        if declaration is not None:
            declarations.append(declaration)
    if METADATA not in files:
        hint = f'Write {{"apiVersion": "bitbuilder.io/v1", "tenant": "{tenant}"}} into it.'
        findings.append(Finding(Place(METADATA), "BB109", "The file is missing.", hint))
    result = _assemble(tenant, declarations)
    findings += _references(result, tried)
    findings += _cycles(result)
    return None if errors(findings) else result, tuple(findings)


def _assemble(tenant: str, declarations: list[Declaration]) -> Tenant:
    metadata = next((one for one in declarations if isinstance(one, Metadata)), None)
    return Tenant(
        id=tenant,
        metadata=metadata or Metadata(file=METADATA, tenant=tenant),
        limits=next((one for one in declarations if isinstance(one, Limits)), None),
        images=_by_name(declarations, Image),
        volumes=_by_name(declarations, Volume),
        containers=_by_name(declarations, Container),
    )


def _by_name(declarations: list[Declaration], kind: type[D]) -> dict[str, D]:
    return {one.name: one for one in declarations if isinstance(one, kind)}


def _references(tenant: Tenant, tried: set[tuple[str, str]]) -> Iterator[Finding]:
    """Names that nothing declares; what was declared with errors has its findings already. Images may be offered."""
    for one in tenant.containers.values():
        values = one.values
        for mount, place in zip(values.all(container.VOLUME), values.places(container.VOLUME)):
            if ("volume", mount.volume) not in tried:
                file = f"infrastructure/{mount.volume}.volume"
                yield _undeclared(place, "Volume", mount.volume, file, tenant.volumes)
        for name, place in zip(values.all(container.AFTER), values.places(container.AFTER)):
            if ("container", name) not in tried:
                yield _undeclared(place, "After", name, f"containers/{name}.nspawn", tenant.containers)


def _undeclared(place: Place, key: str, name: str, file: str, known: Mapping[str, object]) -> Finding:
    hint = did_you_mean(name, known) or f"Add {file}, or correct the name."
    return Finding(place, "BB301", f"{key}={name} names something that is not declared.", hint)


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
