"""Manual pages as plain text, for a terminal that has no man(1): a page in columns, with no control character."""

from collections.abc import Callable, Iterable, Iterator

from .page import Block, Example, Heading, Item, Page, Paragraph, Subheading, spans

_STEP = 7
_DEEPER = 4
_EXAMPLE = 2


def render(page: Page, width: int = 80, heading: Callable[[str], str] = str) -> str:
    """A whole page of at most `width` columns, examples aside; `heading` may make headings stand out."""
    name = [heading("NAME"), *_filled(f"{page.name} - {page.summary}", _STEP, width)]
    return "\n".join([*name, *_blocks(page.body, _STEP, width, heading)]) + "\n"


def lines(blocks: Iterable[Block], width: int = 80) -> Iterator[str]:
    """A part of a page as lines that start at the left edge."""
    return _blocks(blocks, 0, width, str)


def unmarked(text: str) -> str:
    """A paragraph on one line, without its marks."""
    return "".join(piece for _, piece in spans(text))


def _blocks(blocks: Iterable[Block], left: int, width: int, heading: Callable[[str], str]) -> Iterator[str]:
    for block in blocks:
        yield ""
        match block:
            case Heading(text):
                yield heading(printed(text))
            case Subheading(text):
                yield "   " + heading(printed(text))
            case Paragraph(text):
                yield from _filled(text, left, width)
            case Example(text):
                yield from ((" " * (left + _EXAMPLE) + printed(line)).rstrip() for line in text.strip("\n").split("\n"))
            case Item(tag, text):
                yield from _filled(tag, left, width)
                yield from _filled(text, left + _DEEPER, width)
                yield from _blocks(block.body, left + _DEEPER, width, heading)


def _filled(text: str, left: int, width: int) -> Iterator[str]:
    """The words of a paragraph on as few lines as there can be; a word that is too long has its own line."""
    line = ""
    for word in printed(unmarked(text)).split():
        if line and left + len(line) + 1 + len(word) > width:
            yield " " * left + line
            line = word
        else:
            line = f"{line} {word}" if line else word
    if line:
        yield " " * left + line


def printed(text: str) -> str:
    """The text with a sign in place of each control character."""
    return "".join(char if char.isprintable() else "␣" for char in text)
