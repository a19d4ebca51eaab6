"""Who wants an image, how much of it is taken, and the sentences about what is not, whichever way it comes."""

import time
from math import ceil

from ...errors import BbhvError
from ...kinds.values import show_size
from ...model.manifest import ImageRef
from ...records import dataclass
from .. import paths

MAX_IMAGE = 16 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who wants an image: how many bytes its file may have, how many what comes of it, and where it may be; whom it
    believes besides the host's authorities; until when it waits, by the monotonic clock, after how many seconds that
    is, and how long a server may be silent."""

    tenant: str
    most: int
    unpacked: int
    until: float
    seconds: int
    granted: tuple[str, ...] = ()
    authority: str = ""
    patience: int = 30


@dataclass(frozen=True, slots=True)
class Bound:
    """How many bytes are taken at most, and what who has more can do."""

    most: int
    hint: str


class UnfinishedError(BbhvError):
    """Enough of an image has come that the next attempt need not wait."""


def left(until: float) -> int:
    """How many seconds there are until then, at least one: no fewer, for who was ended after them has been late."""
    return max(1, ceil(until - time.monotonic()))


def unfetched(image: ImageRef, words: str, hint: str = "What runs stays as it is.") -> BbhvError:
    """The sentence about a source that gives nothing."""
    return BbhvError(f"Image {image.name} cannot be fetched from {image.source}: {words}.", hint=hint)


def other_digest(image: ImageRef, digest: str, size: int) -> BbhvError:
    """The sentence about bytes that are not those that are declared."""
    message = f"Image {image.name} from {image.source} has SHA256={digest} ({size} bytes), not {image.sha256}."
    hint = f"Correct SHA256= in infrastructure/{image.name}.image, or the file at its source."
    return BbhvError(message, hint=hint)


def too_large(image: ImageRef, bound: Bound, size: int = 0) -> BbhvError:
    """The sentence about more bytes than are taken."""
    what = f"has {size} bytes, more" if size else "is larger"
    message = f"Image {image.name} from {image.source} {what} than the {show_size(bound.most)} that it may take."
    return BbhvError(message, hint=bound.hint)


def bound_of(image: ImageRef, customer: Customer, most: int, room: int) -> Bound:
    """How many bytes are taken of what may have `most`, when there is room for so many."""
    if room < most:
        return Bound(max(0, room), f"No more is free in {paths.IMAGES}: make room there.")
    if most < customer.unpacked:
        return Bound(most, f"Correct Size= in infrastructure/{image.name}.image, or the file at its source.")
    if most == MAX_IMAGE:
        return Bound(most, "No host takes a larger one.")
    return Bound(most, "Use a smaller image, or ask the operator for more storage.")
