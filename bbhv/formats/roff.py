"""Manual pages: text to the man(7) macros of roff, in ASCII, so that every formatter shows the same.

In the text, `back quotes` stand for what is typed as it is (bold) and <angle brackets> for what is replaced (italic).
"""

_ESCAPES = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq"}


def escape(text: str) -> str:
    """The text as roff shows it unchanged, whatever characters it has, also at the beginning of a line."""
    shown = _escape(text)
    return f"\\&{shown}" if shown.startswith(".") else shown


def _escape(text: str) -> str:
    return "".join(_ESCAPES.get(char) or (char if char.isascii() else f"\\[u{ord(char):04X}]") for char in text)


def inline(text: str) -> str:
    """One paragraph of prose with its marks, as one line."""
    parts = " ".join(text.split()).split("`")
    line = "".join(f"\\fB{escape(part)}\\fR" if number % 2 else _plain(part) for number, part in enumerate(parts))
    return f"\\&{line}" if line.startswith(".") else line


def _plain(text: str) -> str:
    """Prose between what is typed: what is replaced becomes italic."""
    first, *rest = text.split("<")
    out = [_escape(first)]
    for piece in rest:
        name, _, after = piece.partition(">")
        out.append(f"\\fI{_escape(name)}\\fR{_escape(after)}")
    return "".join(out)


def page(name: str, section: int, version: str, body: str) -> str:
    """A whole page. It has no date, so that the same text gives the same bytes."""
    return f".TH {name.upper()} {section} \"\" \"{version}\"\n.\\\" Made by build.py\n.nh\n.ad l\n{body}"


def heading(text: str) -> str:
    """A section's heading."""
    return f".SH {escape(text)}\n"


def subheading(text: str) -> str:
    """A heading within a section."""
    return f".SS {escape(text)}\n"


def paragraph(text: str) -> str:
    """A paragraph."""
    return f".PP\n{inline(text)}\n"


def item(tag: str, text: str) -> str:
    """An item of a list: a tag, and what it means."""
    return f".TP\n{inline(tag)}\n{inline(text)}\n"


def nested(body: str) -> str:
    """A list that belongs to the item before it."""
    return f".RS\n{body}.RE\n"


def example(text: str) -> str:
    """Lines that are shown as they are."""
    lines = "".join(f"{escape(line)}\n" if line else "\n" for line in text.strip("\n").split("\n"))
    return f".PP\n.RS 4\n.nf\n{lines}.fi\n.RE\n"
