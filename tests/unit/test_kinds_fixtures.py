"""Every row of every settings table is exercised by a fixture that carries its own expectations.

A fixture file has cases. Each starts with lines of `##` and goes on with the text of a unit file:

    ## case TITLE
    ## value SECTION.KEY=NORMALISED       lines of a repeated value are joined by " | "
    ## argv WORD                          all words of the case, in order
    ## directive KEY=VALUE                all unit settings of the case, in order
    ## finding CODE line N [hint TEXT]    lines count from the first one after the ##
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from bbhv.findings import ordered
from bbhv.formats.unitfile import parse
from bbhv.kinds import extension, image, limits, portable, volume
from bbhv.kinds.networks import keys, netdev
from bbhv.kinds.settings import Setting, Table, Verdict, read
from bbhv.kinds.values import text
from bbhv.kinds.workloads import container, machine

FIXTURES = Path(__file__).parent / "fixtures" / "kinds"
TABLES = {
    "container": container.TABLE,
    "extension": extension.TABLE,
    "image": image.TABLE,
    "limits": limits.TABLE,
    "machine": machine.TABLE,
    "netdev": netdev.TABLE,
    "network": keys.TABLE,
    "portable": portable.TABLE,
    "volume": volume.TABLE,
}
CODES = {Verdict.HOST: "BB203", Verdict.FORBIDDEN: "BB204", Verdict.LATER: "BB207"}


@dataclass(frozen=True)
class Case:
    kind: str
    file: str
    title: str
    expected: tuple[tuple[str, str], ...]
    text: str

    def of(self, word: str) -> list[str]:
        return [rest for first, rest in self.expected if first == word]


def cases_of(kind: str, path: Path) -> list[Case]:
    found = []
    for block in path.read_text(encoding="utf-8").split("## case ")[1:]:
        title, *lines = block.split("\n")
        expected = [line[3:].partition(" ")[::2] for line in lines if line.startswith("## ")]
        text = "\n".join(line for line in lines if not line.startswith("## "))
        found.append(Case(kind, path.name, title, tuple(expected), text))
    return found


CASES = [case for kind in TABLES for path in sorted((FIXTURES / kind).iterdir()) for case in cases_of(kind, path)]


def row_of(table: Table, name: str) -> Setting[object]:
    """The row of "Section.Key", or of "Section[2].Key" where a section is there several times."""
    section, _, key = name.rpartition(".")
    return table.by_key[section.partition("[")[0], key]


def outcome(case: Case) -> tuple[list[str], list[str], list[str], list[str]]:
    table = TABLES[case.kind]
    unit, form = parse(case.file, case.text.encode())
    values, found = read(table, unit, case.file)
    wrong = [finding for finding in ordered((*form, *found)) if finding.code != "BB208"]
    defaults = read(table, parse(case.file, b"")[0], case.file)[0]
    hinted = {line for line in case.of("finding") if " hint " in line}
    shown = []
    for finding in wrong:
        line = f"{finding.code} line {finding.place.line}"
        shown.append(f"{line} hint {finding.hint}" if f"{line} hint {finding.hint}" in hinted else line)
    given = {name: text for name, text in values.texts().items() if values.given(row_of(table, name))}
    texts = [f"{name}={text.replace(chr(10), ' | ')}" for name, text in given.items()]
    spare = [word for word in defaults.argv() if word not in case.of("argv")]
    argv = [word for word in values.argv() if word not in spare]
    said = {one.partition("=")[0] for one in case.of("directive")}
    base = [item for item in defaults.directives() if item[0] not in said]
    directives = [f"{key}={value}" for key, value in values.directives() if (key, value) not in base]
    return shown, texts, argv, directives


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}: {case.title}")
def test_a_fixture_is_read_as_it_says(case: Case) -> None:
    found, texts, argv, directives = outcome(case)
    assert sorted(found) == sorted(case.of("finding"))
    if not case.of("finding"):
        assert texts == case.of("value")
        assert argv == case.of("argv")
        assert directives == case.of("directive")


def exercised(kind: str) -> set[tuple[str, str]]:
    """Each row's name with what a fixture shows of it: "read", or the code of a finding on one of its lines."""
    shown = set()
    for case in CASES:
        if case.kind != kind:
            continue
        entries = parse(case.file, case.text.encode())[0].entries
        codes = {int(line.split()[2]): line.split()[0] for line in case.of("finding")}
        shown |= {(value.partition("=")[0], "read") for value in case.of("value")}
        shown |= {(f"{entry.section}.{entry.key}", codes[entry.line]) for entry in entries if entry.line in codes}
    return shown


def wanted(row: Setting[object]) -> set[tuple[str, str]]:
    if row.verdict is Verdict.LATER and row.parse is not text:
        return {(row.name, "BB207"), (row.name, "BB205")}
    if row.verdict is not Verdict.ALLOWED:
        return {(row.name, CODES[row.verdict])}
    return {(row.name, "read"), (row.name, "BB205")}


@pytest.mark.parametrize("kind", TABLES)
def test_every_row_has_a_fixture_for_what_it_takes_and_for_what_it_refuses(kind: str) -> None:
    any_text = {("Unit.Description", "BB205")}
    needed = {item for row in TABLES[kind] for item in wanted(row)} - any_text
    assert sorted(needed - exercised(kind)) == []


@pytest.mark.parametrize("kind", TABLES)
def test_every_row_explains_itself(kind: str) -> None:
    for row in TABLES[kind]:
        if row.verdict is Verdict.ALLOWED:
            assert row.doc.endswith("."), row.name
        elif row.verdict is not Verdict.LATER:
            assert row.reason.endswith("."), row.name


def listed(name: str) -> dict[str, int]:
    """The keys of a manual page of systemd 262, each with its "Added in version N" when that is above 257."""
    lines = (FIXTURES / name).read_text(encoding="utf-8").splitlines()
    return {key: int(since or 0) for key, _, since in (line.partition(" ") for line in lines)}


def test_the_container_table_has_exactly_the_keys_that_nspawn_reads_and_ours() -> None:
    theirs = {row.name: row.since for row in container.TABLE if row.section != "X-Bitbuilder"}
    assert theirs == listed("keys-of-nspawn-262.txt")


def test_the_limits_table_has_every_key_of_the_resource_control_manual() -> None:
    since = {row.key: row.since for row in limits.TABLE if row.section == "Slice"}
    assert listed("keys-of-resource-control-262.txt").items() <= since.items()


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_has_each_key_once(kind: str) -> None:
    table: Table = TABLES[kind]
    assert len(table.by_key) == len(table.rows)
