"""Host names in other scripts: the labels of IDNA 2008 (RFC 5890 to 5893), for the formats of JSON Schema.

What a character may do in a label is derived as RFC 5892 says from its properties, and not looked up in a copied table.
Promises: pure; work is linear in the label. Normalisation and directions come from Python's own Unicode data, which
may be older than that of `properties`: a character that it does not know yet counts as one without direction.
"""

from .properties import has, joining

MAX_LABEL = 63

_VALID = frozenset("\u00df\u03c2\u06fd\u06fe\u0f0b\u3007")
_IN_CONTEXT = frozenset("\u00b7\u0375\u05f3\u05f4\u30fb")
_ARABIC = frozenset(map(chr, range(0x660, 0x66A)))
_EXTENDED = frozenset(map(chr, range(0x6F0, 0x6FA)))
_NOT_VALID = frozenset("\u0640\u07fa\u302e\u302f\u3031\u3032\u3033\u3034\u3035\u303b")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_IGNORABLE = ("Default_Ignorable_Code_Point", "White_Space", "Noncharacter_Code_Point")
# Blocks of symbols that RFC 5892 leaves out, and the old Hangul letters.
_BLOCKS = (
    (0x20D0, 0x20FF), (0x1D100, 0x1D1FF), (0x1D200, 0x1D24F),
    (0x1100, 0x11FF), (0xA960, 0xA97C), (0xD7B0, 0xD7C6), (0xD7CB, 0xD7FB),
)  # fmt: skip
_LETTERS = ("Ll", "Lu", "Lo", "Nd", "Lm", "Mn", "Mc")
_ZWNJ, _ZWJ = "\u200c", "\u200d"


def is_label(label: str) -> bool:
    """Whether a label with characters beyond ASCII is a U-label, apart from the rule for directions."""
    from unicodedata import normalize

    if label[:1] in ("", "-") or label[-1] == "-" or label[2:4] == "--" or has(label[0], "M"):
        return False
    if len(label) > MAX_LABEL or normalize("NFC", label) != label:
        return False
    return len(encoded(label)) <= MAX_LABEL and all(_fits(label, at) for at in range(len(label)))


def encoded(label: str) -> str:
    """The A-label of a U-label (RFC 3492)."""
    return "xn--" + label.encode("punycode", "replace").decode("ascii")


def decoded(label: str) -> str | None:
    """The U-label of an A-label, or None when it is none: it must be what encoding gives again."""
    try:
        text = label[4:].lower().encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return None
    if text.isascii() or any("\ud800" <= char <= "\udfff" for char in text) or encoded(text) != label.lower():
        return None
    return text if is_label(text) else None


def directions_fit(labels: list[str]) -> bool:
    """The rule of RFC 5893 for a whole name: it counts when one label reads from right to left."""
    from unicodedata import bidirectional

    kinds = [[bidirectional(char) for char in label] for label in labels]
    if not any({"R", "AL", "AN"} & set(label) for label in kinds):
        return True
    return all(map(_direction_fits, kinds))


_RIGHT = frozenset(("R", "AL", "AN", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"))
_LEFT = frozenset(("L", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"))


def _direction_fits(kinds: list[str]) -> bool:
    """The six conditions of RFC 5893, section 2, for the directions of a label's characters."""
    last = next((kind for kind in reversed(kinds) if kind != "NSM"), "")
    if kinds[:1] == ["L"]:
        return _LEFT.issuperset(kinds) and last in ("L", "EN")
    ends = last in ("R", "AL", "EN", "AN") and not {"EN", "AN"} <= set(kinds)
    return kinds[:1] in (["R"], ["AL"]) and _RIGHT.issuperset(kinds) and ends


def _fits(label: str, at: int) -> bool:
    """Whether a character may stand where it stands in a label (RFC 5892, section 3 and appendix A)."""
    char = label[at]
    if char in _PLAIN or char in _VALID:
        return True
    if char in (_ZWNJ, _ZWJ):
        return _joins(label, at)
    if char in _IN_CONTEXT or char in _ARABIC or char in _EXTENDED:
        return _in_context(label, at)
    if char in _NOT_VALID or any(first <= ord(char) <= last for first, last in _BLOCKS):
        return False
    if not any(has(char, kind) for kind in _LETTERS) or any(has(char, name) for name in _IGNORABLE):
        return False
    from unicodedata import normalize

    return normalize("NFKC", normalize("NFKC", char).casefold()) == char


def _joins(label: str, at: int) -> bool:
    """Whether a joiner stands after a virama, or a non-joiner between letters that would join (appendices A.1, A.2)."""
    from unicodedata import combining

    if at and combining(label[at - 1]) == 9:
        return True
    if label[at] == _ZWJ:
        return False
    before, after = at - 1, at + 1
    while before >= 0 and joining(label[before], "T"):
        before -= 1
    while after < len(label) and joining(label[after], "T"):
        after += 1
    return before >= 0 and after < len(label) and joining(label[before], "LD") and joining(label[after], "RD")


def _in_context(label: str, at: int) -> bool:
    """Characters that may stand in some company only (appendices A.3 to A.9)."""
    char, before, after = label[at], label[at - 1 : at], label[at + 1 : at + 2]
    if char == "\u00b7":
        return before == "l" and after == "l"
    if char == "\u0375":
        return bool(after) and has(after, "Script=Greek")
    if char in ("\u05f3", "\u05f4"):
        return bool(before) and has(before, "Script=Hebrew")
    if char == "\u30fb":
        scripts = ("Script=Hiragana", "Script=Katakana", "Script=Han")
        return any(has(other, script) for other in label for script in scripts)
    return (_EXTENDED if char in _ARABIC else _ARABIC).isdisjoint(label)
