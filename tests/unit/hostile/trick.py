"""A trick: a repository that differs in one thing from one that is right, and what must become of it.

Most are rows of three or four texts: what the tenant is after, what it writes, and the codes of the findings. A code
alone is for the line that was written, `+1 BB202` for the line below, and `network/lan.network:6 BB209` for another
place. Some tricks are taken, because what is compiled of them does no harm: then the row says how that looks.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from bbhv.findings import Finding, errors
from bbhv.formats.unitfile import parse, split_words, values
from bbhv.model.compile import Generation, compile_tenant
from bbhv.model.forecast import check
from bbhv.model.registration import Grants
from bbhv.records import dataclass, field, replace

from ..model import COMMIT, METADATA_SCHEMA
from . import base

# What a tenant is after, what it writes, and what is found; the last may be several.
Row = tuple[str, str, *tuple[str, ...]]
Harmless = Callable[[Generation], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trick:
    """`changed` are the files that differ, None for one that is not there. `found` are the findings, "FILE:LINE CODE".
    With `harmless` the commit is taken, and that says whether what was compiled is."""

    name: str
    changed: Mapping[str, bytes | None]
    found: tuple[str, ...] = ()
    harmless: Harmless | None = field(default=None, repr=False)
    grants: Grants = base.GRANTS

    @property
    def files(self) -> dict[str, bytes]:
        """The whole repository."""
        merged = {**base.FILES, **self.changed}
        return {path: data for path, data in merged.items() if data is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What became of a repository: what is found that is not found of the right one, and what was compiled, if it
    was."""

    found: tuple[str, ...]
    generation: Generation | None


def see(trick: Trick) -> Seen:
    """What the host would do with the commit."""
    findings, generation = _brought(trick.files, trick.grants)
    new = sorted({_told(one) for one in findings} - {_told(one) for one in usual()[0]})
    return Seen(found=tuple(new), generation=generation)


def is_caught(trick: Trick) -> bool:
    """Whether the trick is refused for its own reason, or does no harm."""
    seen = see(trick)
    if seen.found != tuple(sorted(trick.found)):
        return False
    if trick.harmless is None:
        return seen.generation is None
    return seen.generation is not None and trick.harmless(seen.generation)


def _brought(files: Mapping[str, bytes], grants: Grants) -> tuple[tuple[Finding, ...], Generation | None]:
    """A commit by the way that every commit goes: its findings, and the generation when it is taken."""
    registration = replace(base.REGISTRATION, grants=grants)
    tenant, findings = check(files, (), registration, base.FACTS, METADATA_SCHEMA, allow_file=False)
    assert (tenant is None) is bool(errors(findings))
    return findings, compile_tenant(tenant, registration, base.FACTS, COMMIT, "1") if tenant else None


@cache
def usual() -> tuple[tuple[Finding, ...], Generation | None]:
    """What is found of the right repository, which are warnings, and what it is compiled to."""
    return _brought(base.FILES, base.GRANTS)


def _told(finding: Finding) -> str:
    return f"{finding.place.file}:{finding.place.line} {finding.code}"


# Ways to write many tricks.


def lines(file: str, section: str, *rows: Row) -> Iterator[Trick]:
    """Each writes a line more at the end of a section, which is made when it is not there."""
    for aim, line, *codes in rows:
        before, after = _parted(file, section)
        text = "\n".join((*before, line, *after)) + "\n"
        yield _trick(file, aim, text.encode(), len(before) + 1, codes)


def instead(file: str, old: str, *rows: Row) -> Iterator[Trick]:
    """Each writes something else for a line of the file."""
    for aim, line, *codes in rows:
        yield changed(file, old, aim, line.encode(), *codes)


def changed(file: str, old: str, aim: str, new: bytes, *codes: str) -> Trick:
    """Bytes instead of a line of the file."""
    before, found, after = base.FILES[file].partition(f"{old}\n".encode())
    assert found, f"{file} has no line {old}"
    return _trick(file, aim, before + new + b"\n" + after, before.count(b"\n") + 1, codes)


def files(*rows: tuple[str, str, str, *tuple[str, ...]]) -> Iterator[Trick]:
    """Each writes a file: what for, where, what, and the findings, whose place is the file as a whole."""
    for aim, path, text, *codes in rows:
        yield _trick(path, aim, text.encode(), 0, codes)


def without(aim: str, *paths: str, found: tuple[str, ...]) -> Trick:
    """Files that are not there."""
    return Trick(name=f"{paths[0]}: {aim}", changed=dict.fromkeys(paths), found=found)


def granted(tricks: Iterator[Trick], grants: Grants) -> Iterator[Trick]:
    """The same with other grants."""
    return (replace(trick, grants=grants) for trick in tricks)


def ignored(*rows: tuple[str, str, str]) -> Iterator[Trick]:
    """Each writes a file that nobody reads: there is a warning, and what is compiled is the same to the byte."""
    for aim, path, text in rows:
        yield replace(_trick(path, aim, text.encode(), 0, ("BB108",)), harmless=_is_usual)


def unseen(*rows: tuple[str, str, str]) -> Iterator[Trick]:
    """The same without a warning: people put such files into any repository."""
    return (replace(trick, found=()) for trick in ignored(*rows))


def words(file: str, section: str, unit: str, *rows: tuple[str, str, str]) -> Iterator[Trick]:
    """Each writes a line that is taken, and of which a program is told by the last word of the row, as it is written
    there, once systemd has done with the unit whatever it does."""
    for aim, line, word in rows:
        [trick] = lines(file, section, (aim, line))
        yield told(trick, unit, word)


def told(trick: Trick, unit: str, word: str) -> Trick:
    """The trick does no harm: it is a word for a program that the unit starts, and nothing else."""
    return replace(trick, harmless=_is_told(unit, word))


def shown(trick: Trick, path: str, *texts: str, never: str = "") -> Trick:
    """The trick does no harm: of what is compiled, the text at this path has these lines, and nothing has `never`."""

    def is_shown(one: Generation) -> bool:
        everything = {**one.units, **one.networks, **one.scripts}
        own = everything[path].splitlines()
        return set(texts) <= set(own) and not (never and any(never in text for text in everything.values()))

    return replace(trick, harmless=is_shown)


def _trick(file: str, aim: str, data: bytes, line: int, codes: tuple[str, ...] | list[str]) -> Trick:
    return Trick(name=f"{file}: {aim}", changed={file: data}, found=tuple(_place(file, line, one) for one in codes))


def _place(file: str, line: int, code: str) -> str:
    where, _, code = code.rpartition(" ")
    return f"{where} {code}" if ":" in where else f"{file}:{line + int(where or 0)} {code}"


def _parted(file: str, section: str) -> tuple[list[str], list[str]]:
    """The lines of a file up to the end of a section, and those behind it."""
    every = base.FILES[file].decode().splitlines()
    if f"[{section}]" not in every:
        return [*every, f"[{section}]"], []
    start = every.index(f"[{section}]")
    end = next((at for at in range(start + 1, len(every)) if every[at].startswith("[")), len(every))
    return every[:end], every[end:]


def _is_usual(one: Generation) -> bool:
    return one == usual()[1]


def _is_told(unit: str, word: str) -> Harmless:
    def is_told(one: Generation) -> bool:
        read, findings = parse(unit, one.units[unit].encode())
        assert findings == ()
        lines = [entry.value for key in ("ExecStart", "ExecStop") for entry in values(read, "Service", key)]
        return any(word in _as_systemd_runs(line) for line in lines)

    return is_told


def _as_systemd_runs(line: str) -> tuple[str, ...]:
    """What a program is started with: words unquoted, then specifiers and variables expanded, of which none is left."""
    quoted = split_words(line)
    alone = [word.replace("%%", "").replace("$$", "") for word in quoted]
    assert not any("%" in word or "$" in word for word in alone), line
    return tuple(word.replace("%%", "%").replace("$$", "$") for word in quoted)
