"""What only shows when the workloads of a tenant are seen together, and beside its volumes and images.

Findings: BB302 (workloads that wait for each other in a circle), BB209 (a volume that is for the other kind of
workload, an archive of files where a machine needs a disk), BB304 (a port of the host that leads into two containers).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from ..findings import Finding, Place
from ..kinds.image import Image
from ..kinds.portable import Portable
from ..kinds.volume import Volume
from ..kinds.workloads.container import PORT, Container
from ..kinds.workloads.guest import VolumeMount
from ..kinds.workloads.machine import Machine
from ..kinds.workloads.workload import AFTER, VOLUME, Workload

Runs: TypeAlias = Workload | Portable
MAX_SHOWN_CIRCLE = 12
MAX_CIRCLES = 20


def cycles(workloads: Mapping[str, Runs]) -> Iterator[Finding]:
    """Each circle once, at an After= of its first member by name. A workload after itself has its own finding."""
    after = {name: {to for to in one.after if to != name} for name, one in workloads.items()}
    for _ in range(MAX_CIRCLES):
        circle = _circle(after)
        if not circle:
            return
        values = workloads[circle[0]].values
        place = values.places(AFTER)[values.all(AFTER).index(circle[1])]
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


def volume_uses(workloads: Iterable[Runs], volumes: Mapping[str, Volume]) -> Iterator[Finding]:
    """A volume that a workload cannot have: the host never mounts what a machine could have written."""
    for workload in workloads:
        use = "machine" if isinstance(workload, Machine) else "container"
        for mount, place in zip(workload.values.all(VOLUME), workload.values.places(VOLUME)):
            volume = volumes.get(mount.volume)
            if volume is not None and volume.use != use:
                message = f"Volume {volume.name} is for {volume.use}s, so no {use} can have it."
                hint = f"Declare another volume, or write Use={use} in {volume.file}."
                yield Finding(place, "BB209", message, hint)
            elif volume is not None and use == "machine":
                yield from _drive_or_folder(volume, mount, place)


def _drive_or_folder(volume: Volume, mount: VolumeMount, place: Place) -> Iterator[Finding]:
    """A path for a drive, or none for a folder."""
    if volume.is_drive and mount.path:
        message = f"Volume {volume.name} is a drive, which the machine itself mounts where it likes."
        hint = f"Write Volume={volume.name}, or Format=directory in {volume.file} for a folder that is shared."
        yield Finding(place, "BB209", message, hint)
    elif volume.is_shared and not mount.path:
        message = f"Volume {volume.name} is a folder, and Volume= does not say where the machine sees it."
        yield Finding(place, "BB209", message, f"Write Volume={volume.name}:/srv/{volume.name}.")


def forwarded(containers: Iterable[Container]) -> Iterator[Finding]:
    """A port of the host that leads into another container already. Twice in one file has its own finding."""
    taken: dict[tuple[str, int], Container] = {}
    for one in containers:
        for port, place in zip(one.values.all(PORT), one.values.places(PORT)):
            first = taken.setdefault((port.protocol, port.host), one)
            if first is not one:
                message = f"The port {port.protocol}:{port.host} of the host leads into {first.name} already."
                yield Finding(place, "BB304", message, "Choose another one.")


def disks(machines: Iterable[Machine], images: Mapping[str, Image]) -> Iterator[Finding]:
    """An image that no machine can start from; of an offered one only the host knows."""
    for machine in machines:
        for name, place in machine.images:
            if name in images and images[name].format != "raw":
                message = f"The image {name} is an archive of files, but a machine needs one file as it is."
                hint = f"Name an image with Format=raw, or correct Format= in {images[name].file}."
                yield Finding(place, "BB209", message, hint)
