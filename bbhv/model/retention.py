"""Retention: which images of the store something may still need, and which nobody does any more. Pure.

Needed is every image of every generation that is kept, of every tenant that has a folder: what runs, what is good, what
is tried, and what an operator may roll back to; also of a tenant that is suspended or not registered any more. A
generation that cannot be read may need any of them, so then nothing is given up.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from ..records import dataclass, field
from .manifest import ImageRef, Manifest, kept_name

PERSISTENT = "X-Bitbuilder.Persistent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept of one tenant: its generations by number (None: it cannot be read), and the digests it fetched."""

    generations: Mapping[int, Manifest | None] = field(default_factory=dict)
    fetched: tuple[str, ...] = ()

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """The images of all its generations."""
        return tuple(image for one in self.generations.values() if one for image in one.images)

    def users(self, path: str) -> tuple[int, ...]:
        """The generations that need what lies at a path."""
        return tuple(number for number, one in self.generations.items() if one and path in (i.path for i in one.images))


@dataclass(frozen=True, slots=True, kw_only=True)
class Surplus:
    """What can go: paths of images, and by tenant the digests that it is to fetch anew when it uses them again."""

    images: tuple[str, ...] = ()
    forgotten: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def surplus(store: str, names: Collection[str], tenants: Mapping[str, Kept], loaded: Sequence[str] = ()) -> Surplus:
    """What can go of the images with these names in the store. `loaded` are the texts of units that systemd may run."""
    if any(one is None for kept in tenants.values() for one in kept.generations.values()):
        return Surplus()
    needed = {image.path for kept in tenants.values() for image in kept.images}
    paths = [path for path in (f"{store}/{name}" for name in sorted(names)) if path not in needed]
    gone = tuple(path for path in paths if not any(path in text for text in loaded))
    forgotten = {tenant: _unused(kept) for tenant, kept in tenants.items() if _unused(kept)}
    return Surplus(images=gone, forgotten=forgotten)


def copies(manifests: Iterable[Manifest], kind: str, name: str) -> frozenset[str]:
    """What the copies of images are called that generations have for one workload, see `kept_name`."""
    return frozenset(
        kept_name(one.settings["image"]) for manifest in manifests for one in manifest.workloads
        if (one.kind, one.name) == (kind, name) and one.settings.get(PERSISTENT) == "yes"
    )  # fmt: skip


def _unused(kept: Kept) -> tuple[str, ...]:
    known = {image.sha256 for image in kept.images}
    return tuple(digest for digest in kept.fetched if digest not in known)


def reason(path: str, tenants: Mapping[str, Kept]) -> str:
    """Who needs an image, for people; empty when nobody does."""
    users = ((tenant, kept.users(path)) for tenant, kept in sorted(tenants.items()))
    return ", ".join(f"{tenant} ({', '.join(map(str, numbers))})" for tenant, numbers in users if numbers)
