"""Manual pages: a page as the man(7) macros of roff, in ASCII, so that every formatter shows the same."""

from collections.abc import Iterable

from .page import Block, Example, Heading, Item, Page, Paragraph, Subheading, spans

_ESCAPES = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq", "`": "\\(ga"}
_FONTS = {"`": "B", "<": "I"}


def escape(text: str) -> str:
    """The text as roff shows it unchanged, whatever characters it has, also at the beginning of a line."""
    shown = _escape(text)
    return f"\\&{shown}" if shown.startswith(".") else shown


def _escape(text: str) -> str:
    return "".join(_ESCAPES.get(char) or (char if " " <= char <= "~" else _glyph(char)) for char in text)


def _glyph(char: str) -> str:
    """A character by its number; a control character is shown as what stands for it in print."""
    return f"\\[u{ord(char):04X}]" if char.isprintable() else "\\[u2423]"


def inline(text: str) -> str:
    """One paragraph of prose with its marks, as one line."""
    line = "".join(_span(mark, piece) for mark, piece in spans(text))
    return f"\\&{line}" if line.startswith(".") else line


def _span(mark: str, text: str) -> str:
    return f"\\f{_FONTS[mark]}{escape(text)}\\fR" if mark else _escape(text)


def render(page: Page, version: str) -> str:
    """A whole page. It has no date, so that the same text gives the same bytes."""
    head = f".TH {page.name.upper()} {page.section} \"\" \"{version}\"\n.\\\" Made by build.py\n.nh\n.ad l\n"
    return f"{head}.SH NAME\n{inline(f'{page.name} - {page.summary}')}\n{_blocks(page.body)}"


def _blocks(blocks: Iterable[Block]) -> str:
    return "".join(map(_block, blocks))


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f".SH {_heading(text)}\n"
        case Subheading(text):
            return f".SS {_heading(text)}\n"
        case Paragraph(text):
            return f".PP\n{inline(text)}\n"
        case Item(tag, text):
            below = f".RS\n{_blocks(block.body)}.RE\n" if block.body else ""
            return f".TP\n{inline(tag)}\n{inline(text)}\n{below}"
        case Example(text):
            lines = "".join(f"{escape(line)}\n" if line else "\n" for line in text.strip("\n").split("\n"))
            return f".PP\n.RS 2\n.nf\n{lines}.fi\n.RE\n"


def _heading(text: str) -> str:
    """A heading is an argument of its macro, where a quote would end it."""
    return f'"{_escape(text)}"'
