"""Patterns for lines of a console: a subset of regular expressions that is matched in linear time.

A pattern is found anywhere in a line. It may have

    x         the character itself            x* x+ x?       the item before, repeated
    .         any character                   x{3} x{1,4}    the same, counted
    [a-z_]    one of a set, [^…] any other    ^ $            beginning and end of the line
    \\d \\w \\s  an ASCII digit, word, blank     a|b            either
    \\.        the punctuation itself

and nothing else: no groups, so that repetitions cannot be nested, no references back and no look-around. All places
of a pattern move at once, one step for each character, so a line of n characters takes n steps whatever it says.
"""

from collections.abc import Iterator

from ...records import dataclass
from ..values import Unreadable, quoted

MAX_PATTERN = 256
MAX_PLACES = 256
MAX_LINE = 4096

_DIGITS = frozenset("0123456789")
_WORD = _DIGITS | frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": frozenset(" \t")}
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ")


@dataclass(frozen=True, slots=True)
class Chars:
    """A set of characters, or with `others` all that are not in it."""

    members: frozenset[str]
    others: bool = False

    def has(self, char: str) -> bool:
        """Whether the character is one of them."""
        return (char in self.members) is not self.others


@dataclass(frozen=True, slots=True)
class Branch:
    """One alternative: a place for each character that it takes. A place of `loops` takes any number, so may be left
    out; a place of `spare` may be left out. Both are bit masks."""

    places: tuple[Chars, ...]
    loops: int
    spare: int
    from_start: bool
    to_end: bool

    @property
    def is_idle(self) -> bool:
        """Whether every line has it."""
        return self.spare == (1 << len(self.places)) - 1 and not (self.from_start and self.to_end)

    def found(self, line: str) -> bool:
        """Whether the line has it."""
        goal, takers, here = 1 << len(self.places), dict[str, int](), self._skip(1)
        for char in line:
            if here & goal and not self.to_end:
                return True
            if char not in takers:
                takers[char] = sum(1 << place for place, chars in enumerate(self.places) if chars.has(char))
            taken = here & takers[char]
            here = self._skip((taken & ~self.loops) << 1 | (taken & self.loops) | (not self.from_start))
        return bool(here & goal)

    def _skip(self, here: int) -> int:
        """The places, and those that are reached by leaving something out."""
        while True:
            more = here | (here & self.spare) << 1
            if more == here:
                return here
            here = more


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that was read."""

    text: str
    branches: tuple[Branch, ...]

    def found(self, line: str) -> bool:
        """Whether the line has it; of a longer line, the first MAX_LINE characters count."""
        return any(branch.found(line[:MAX_LINE]) for branch in self.branches)


def pattern(text: str) -> Pattern:
    """The pattern in a text. Raises Unreadable with what is wrong."""
    if not 0 < len(text) <= MAX_PATTERN:
        raise Unreadable(f"A pattern has 1 to {MAX_PATTERN} characters.")
    branches = tuple(_branch(_Reader(part)) for part in _alternatives(text))
    if sum(len(branch.places) for branch in branches) > MAX_PLACES:
        raise Unreadable(f"The pattern {quoted(text)} is too long when its repetitions are counted out.")
    if any(branch.is_idle for branch in branches):
        raise Unreadable(f"The pattern {quoted(text)} is found in every line.", "Write what the line must have.")
    return Pattern(text, branches)


def plain(line: str) -> str:
    """A line of a console without what only moves the cursor or changes colours, and without its line end."""
    parts = line[:MAX_LINE].split("\x1b")
    found = [parts[0], *(_after_sequence(part) for part in parts[1:])]
    return "".join(char for char in "".join(found) if char.isprintable() or char == "\t")


def _after_sequence(text: str) -> str:
    """What follows an escape sequence (ECMA-48): ESC [ numbers and a letter, or ESC and one character."""
    if not text.startswith("["):
        return text[1:]
    rest = text[1:].lstrip("0123456789;:<=>?!\"#$%&'()*+,-./ ")
    return rest[1:]


def _alternatives(text: str) -> Iterator[str]:
    start, inside, index = 0, False, 0
    while index < len(text):
        if text[index] == "\\":
            index += 1
        elif text[index] in "[]":
            inside = text[index] == "["
        elif text[index] == "|" and not inside:
            yield text[start:index]
            start = index + 1
        index += 1
    yield text[start:]


class _Reader:
    """The text of one alternative and how far it was read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def take(self) -> str:
        """The next character; Unreadable at the end."""
        if self.at >= len(self.text):
            raise Unreadable(f"The pattern {quoted(self.text)} ends too early.", "Close every [ and finish every \\.")
        self.at += 1
        return self.text[self.at - 1]

    def skip(self, word: str) -> bool:
        """Whether the word is next; it is read then."""
        found = self.text.startswith(word, self.at)
        self.at += len(word) * found
        return found

    @property
    def more(self) -> bool:
        """Whether something is left."""
        return self.at < len(self.text)


def _branch(reader: _Reader) -> Branch:
    places: list[Chars] = []
    loops = spare = 0
    from_start, to_end = reader.skip("^"), False
    while reader.more:
        if reader.text[reader.at:] == "$":
            to_end = True
            break
        chars = _item(reader)
        low, high = _count(reader)
        first = len(places) + low
        places += [chars] * (max(low, high) if high else low + 1)
        if len(places) > MAX_PLACES:
            raise Unreadable(f"The pattern {quoted(reader.text)} is too long when its repetitions are counted out.")
        loops |= 0 if high else 1 << first
        spare |= (1 << len(places)) - (1 << first)
    return Branch(tuple(places), loops, spare, from_start, to_end)


def _item(reader: _Reader) -> Chars:
    char = reader.take()
    if char == ".":
        return Chars(frozenset(), others=True)
    if char == "\\":
        return Chars(_escape(reader))
    if char == "[":
        return _set(reader)
    if char in "()":
        raise Unreadable("A pattern has no groups.", "Write a|b without parentheses, or \\( for the character.")
    if char in "*+?{}]^$":
        hint = f"Write \\{char} for the character."
        raise Unreadable(f"{char} cannot stand there in the pattern {quoted(reader.text)}.", hint)
    return Chars(frozenset(char))


def _escape(reader: _Reader) -> frozenset[str]:
    char = reader.take()
    if char in _CLASSES:
        return _CLASSES[char]
    if char in _PUNCTUATION:
        return frozenset(char)
    raise Unreadable(f"\\{char} has no meaning in a pattern.", "There are \\d, \\w, \\s, and \\ before punctuation.")


def _set(reader: _Reader) -> Chars:
    others, members = reader.skip("^"), set[str]()
    while not reader.skip("]"):
        char = reader.take()
        first = _escape(reader) if char == "\\" else frozenset(char)
        if len(first) > 1 or not reader.skip("-"):
            members |= first
        elif reader.skip("]"):
            members |= first | {"-"}
            break
        else:
            members |= _range(min(first), reader.take())
    if not members:
        raise Unreadable("A set in brackets is empty.", "Write \\] for the character.")
    return Chars(frozenset(members), others)


def _range(low: str, high: str) -> set[str]:
    if not (low.isascii() and high.isascii() and low <= high) or "\\" in (low, high):
        raise Unreadable(f"{low}-{high} is not a range of characters.", "Write a range such as a-z.")
    return {chr(code) for code in range(ord(low), ord(high) + 1)}


def _count(reader: _Reader) -> tuple[int, int]:
    """How often the item before may come: the least, and the most, or 0 for any number."""
    counts = {"*": (0, 0), "+": (1, 0), "?": (0, 1)}
    found = next((count for sign, count in counts.items() if reader.skip(sign)), None)
    if found is None:
        found = _counted(reader) if reader.skip("{") else (1, 1)
    elif reader.more and reader.text[reader.at] in "*+?{":
        raise Unreadable("A repetition is repeated.", "Keep one of *, +, ? and {…}.")
    return found


def _counted(reader: _Reader) -> tuple[int, int]:
    inside, brace, _ = reader.text[reader.at :].partition("}")
    low, comma, high = inside.partition(",")
    most = high if comma else low
    plain = all(0 < len(number) <= 3 and _DIGITS.issuperset(number) for number in (low, most))
    if not brace or not plain or not 0 < int(most) <= MAX_PLACES or int(low) > int(most):
        raise Unreadable(f"{quoted('{' + inside + brace)} is not a count.", "Write {3} or {1,4}, or \\{ for the brace.")
    reader.at += len(inside) + 1
    if reader.more and reader.text[reader.at] in "*+?{":
        raise Unreadable("A repetition is repeated.", "Keep one of *, +, ? and {…}.")
    return int(low), int(most)
