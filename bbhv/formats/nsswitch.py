"""nsswitch.conf(5): the same file without a source of names."""

import re

_ACTION = re.compile(r"\[[^\]]*\]")


def without(text: str, database: str, source: str) -> str:
    """The text in which a database does not ask a source, and nothing else differs; what is to happen after that source
    is left out with it."""
    return "".join(_line(line, database, source) for line in text.splitlines(keepends=True))


def _line(line: str, database: str, source: str) -> str:
    head, colon, rest = line.partition(":")
    if not colon or head.strip() != database:
        return line
    words = _ACTION.sub(lambda found: found.group().replace(" ", "\0"), rest.partition("#")[0]).split()
    kept: list[str] = []
    dropped = False
    for word in words:
        dropped = word == source or (dropped and word.startswith("["))
        if not dropped:
            kept.append(word.replace("\0", " "))
    return line if len(kept) == len(words) else f"{head}: {' '.join(kept)}\n"
