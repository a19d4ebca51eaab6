"""Every trick, and what became of it."""

from collections.abc import Iterator

from . import containers, machines, networks, stores, texts
from .trick import Trick, is_caught

TRICKS: tuple[Trick, ...] = (
    *containers.TRICKS, *machines.TRICKS, *networks.TRICKS, *stores.TRICKS, *texts.TRICKS,
)  # fmt: skip


def attempts() -> Iterator[tuple[str, bool]]:
    """Each trick by name, and whether it is caught: for a table of attempts and escapes."""
    for trick in TRICKS:
        yield trick.name, is_caught(trick)
