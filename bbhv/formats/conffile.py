"""Which configuration files count, and in which order (Configuration Files Specification, UAPI.6).

A pure function over a listing: who lists the directories and reads the files decides nothing. What is inside of the
files is not looked at, except whether there is anything.
"""

from typing import Mapping, Sequence

SUFFIX = ".conf"


def order(name: str, files: Mapping[str, bytes | None], roots: Sequence[str]) -> tuple[str, ...]:
    """The paths to read, lowest precedence first: the main file, then the drop-ins sorted by file name.

    `name` is that of the main file, with or without ``.conf``. `roots` are directories, the most important first
    (/etc, /run, /usr). `files` has the content of every ``ROOT/NAME.conf`` and ``ROOT/NAME.conf.d/*.conf`` that
    exists, None for a link to /dev/null. A file hides those of the same name in later roots; an empty one, or None,
    hides them and is not read itself. A masked main file leaves the drop-ins in force. Hidden files and other
    suffixes are left out, as systemd leaves them out.
    """
    main = name.removesuffix(SUFFIX) + SUFFIX
    paths = [_winner([f"{root}/{main}" for root in roots], files)]
    dropins = {base for root in roots for base in _bases(f"{root}/{main}.d/", files)}
    for base in sorted(dropins, key=lambda text: text.encode("utf-8", "surrogateescape")):
        paths.append(_winner([f"{root}/{main}.d/{base}" for root in roots], files))
    return tuple(path for path in paths if path)


def _winner(candidates: Sequence[str], files: Mapping[str, bytes | None]) -> str:
    """The first path that exists; empty when there is none or when it masks."""
    for path in candidates:
        if path in files:
            return path if files[path] else ""
    return ""


def _bases(directory: str, files: Mapping[str, bytes | None]) -> list[str]:
    """The names of the drop-ins directly in a directory, whose path ends with a slash."""
    names = [path.removeprefix(directory) for path in files if path.startswith(directory)]
    return [base for base in names if base.endswith(SUFFIX) and "/" not in base and not base.startswith(".")]
