"""Repositories of a hostile tenant, one trick each: what is refused, and where, and what does no harm.

The tricks are in hostile/, each a row. `hostile.corpus.attempts()` counts them for a table of attempts and escapes.
"""

from collections.abc import Iterator

import pytest

from bbhv.formats.unitfile import parse
from bbhv.kinds.settings import Setting, Verdict
from bbhv.kinds.table import KINDS, Kind, classify

from .hostile import base
from .hostile.corpus import TRICKS, attempts
from .hostile.trick import Trick, is_caught, see, usual
from .test_kinds_fixtures import TABLES


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: ascii(trick.name)[1:-1])
def test_a_trick_is_refused_where_it_is_or_does_no_harm(trick: Trick) -> None:
    seen = see(trick)
    assert seen.found == tuple(sorted(trick.found))
    if trick.harmless is None:
        assert seen.generation is None
    else:
        assert seen.generation is not None and trick.harmless(seen.generation)


def test_the_repository_without_a_trick_has_every_kind_of_file_and_is_taken() -> None:
    findings, generation = usual()
    assert generation is not None
    assert {one.code for one in findings} == {"BB211"}  # what is checked, but not run yet
    assert [kind.pattern for kind in KINDS if kind not in map(kind_of, base.FILES)] == []


def test_there_are_enough_tricks_and_no_two_are_the_same() -> None:
    assert len(TRICKS) >= 150
    assert len({trick.name for trick in TRICKS}) == len(TRICKS)
    repositories = {(*sorted(trick.files.items()), str(trick.grants)) for trick in TRICKS}
    assert len(repositories) == len(TRICKS)


def test_every_kind_of_file_is_tried() -> None:
    tried = {kind.name for trick in TRICKS for path in trick.changed if (kind := kind_of(path))}
    assert tried == {kind.name for kind in KINDS}


def test_every_reason_for_which_a_key_is_refused_is_tried() -> None:
    """That every single key is refused, the fixtures of each kind show: here, that a refusal ends a commit."""
    refused = (Verdict.HOST, Verdict.FORBIDDEN)
    reasons = {(kind.name, row.reason) for kind in KINDS for row in kind.settings or () if row.verdict in refused}
    assert reasons - {reason for trick in TRICKS for reason in reasons_of(trick)} == set()
    assert [kind.name for kind in KINDS if kind.settings and kind.settings not in TABLES.values()] == []


def test_attempts_are_counted_by_name_and_an_escape_would_show() -> None:
    first = TRICKS[0]
    assert next(attempts()) == (first.name, True)
    right = Trick(name="nothing", changed={})
    assert not is_caught(right)
    taken = Trick(name="something else", changed=first.changed, harmless=lambda one: True)
    assert not is_caught(taken)


def kind_of(path: str) -> Kind | None:
    return classify(path)[0]


def reasons_of(trick: Trick) -> Iterator[tuple[str, str]]:
    """The kinds of file and the reasons for which the trick's keys are refused."""
    for place in (found.removesuffix(code)[:-1] for found in trick.found for code in ("BB203", "BB204")
                  if found.endswith(code)):  # fmt: skip
        path, _, line = place.rpartition(":")
        kind = kind_of(path)
        entries = parse(path, trick.files[path])[0].entries if kind and kind.settings else ()
        for entry in entries:
            if kind and kind.settings and entry.line == int(line):
                row: Setting[object] = kind.settings.by_key[entry.section, entry.key]
                yield kind.name, row.reason
