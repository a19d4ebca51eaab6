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
    after = {name: [to for to in one.after if to != name] for name, one in tenant.containers.items()}
    reported: set[str] = set()
    for name in sorted(after):
        circle = _circle(after, name)
        if circle and not reported.intersection(circle):
            reported.update(circle)
            values = tenant.containers[name].values
            place = values.places(container.AFTER)[values.all(container.AFTER).index(circle[1])]
            path = " → ".join(circle)
            yield Finding(place, "BB302", f"The workloads wait for each other: {path}.", "Remove one After=.")


def _circle(after: Mapping[str, list[str]], start: str) -> tuple[str, ...]:
    """The shortest way from a workload over After= back to itself, or nothing."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen: set[str] = set()
    for way in ways:  # grows while it is walked: breadth first
        for name in after.get(way[-1], ()):
            if name == start:
                return (*way, start)
            if name not in seen:
                seen.add(name)
                ways.append((*way, name))
    return ()
