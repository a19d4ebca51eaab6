"""A manual page as a value: headings, paragraphs, lists and examples, which formats/roff and formats/plaintext show.

In texts and tags, `back quotes` stand for what is typed as it is and <angle brackets> for what is replaced. Headings
and examples may hold any character.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from ...records import KW_ONLY, dataclass

_MARKED = re.compile(r"`[^`]+`|<[A-Za-z][^<>`]*>")


@dataclass(frozen=True, slots=True)
class Heading:
    """A section's heading."""

    text: str


@dataclass(frozen=True, slots=True)
class Subheading:
    """A heading within a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of prose; how its lines are broken has no meaning."""

    text: str


@dataclass(frozen=True, slots=True)
class Example:
    """Lines that are shown as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a list: a tag, what it means, and what belongs below it."""

    tag: str
    text: str
    _: KW_ONLY
    body: "tuple[Block, ...]" = ()


Block: TypeAlias = Heading | Subheading | Paragraph | Example | Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A whole page: bbhv.tenant(5) has the name `bbhv.tenant` and the section 5."""

    name: str
    section: int
    summary: str
    body: tuple[Block, ...]

    @property
    def title(self) -> str:
        """How other pages call it, bbhv.tenant(5)."""
        return f"{self.name}({self.section})"


def items(rows: Iterable[tuple[str, str]]) -> tuple[Item, ...]:
    """A list whose tags are typed as they are."""
    return tuple(Item(f"`{tag}`", text) for tag, text in rows)


def spans(text: str) -> Iterator[tuple[str, str]]:
    """The pieces of one paragraph on one line, each with its mark: "`" is typed, "<" is replaced, "" is prose.

    A mark that has no other end is a character like any other.
    """
    line, at = " ".join(text.split()), 0
    for found in _MARKED.finditer(line):
        yield "", line[at : found.start()]
        yield found[0][0], found[0][1:-1]
        at = found.end()
    yield "", line[at:]
