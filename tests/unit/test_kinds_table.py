"""The table of kinds: which files are read, which are left alone, and which are pointed out."""

import pytest

from bbhv.kinds.settings import Cost, heaviest
from bbhv.kinds.table import KINDS, classify, settings_of


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        ("metadata.json", "metadata", "metadata"),
        ("infrastructure/tenant.slice", "limits", "tenant"),
        ("infrastructure/debian.image", "image", "debian"),
        ("infrastructure/data.volume", "volume", "data"),
        ("containers/web-1.nspawn", "container", "web-1"),
    ],
)
def test_a_file_of_the_format_has_a_kind_and_a_name(path: str, kind: str, name: str) -> None:
    found, called, findings = classify(path)
    assert found is not None
    assert (found.name, called, findings) == (kind, name, ())


@pytest.mark.parametrize(
    "path",
    [".gitignore", ".github/workflows/x.yml", "containers/.keep", "README", "LICENSE-MIT", "notes.md", "docs/a/b.txt"],
)
def test_files_for_people_are_silently_fine(path: str) -> None:
    assert classify(path) == (None, "", ())


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("container/web.nspawn", "Did you mean containers?"),
        ("infrastucture/data.volume", "Did you mean infrastructure?"),
        ("metadata.jsn", "Did you mean metadata.json?"),
        ("containers/web.container", "Files here are containers/NAME.nspawn."),
        ("containers/a/web.nspawn", "Files here are containers/NAME.nspawn."),
        ("containers/.nspawn/x", None),
        ("scripts/deploy", "Files here are scripts/provision, scripts/pre-start"),
        ("Makefile", ""),
    ],
)
def test_a_file_without_a_place_is_a_warning_that_says_where_it_belongs(path: str, hint: str | None) -> None:
    kind, _, findings = classify(path)
    assert kind is None
    if hint is None:
        assert findings == ()
    else:
        assert [(one.code, one.severity) for one in findings] == [("BB108", "warning")]
        assert findings[0].hint.startswith(hint)


@pytest.mark.parametrize(
    "path",
    [
        "infrastructure/credentials/db.cred",
        "credentials/host1/db.cred",
        "network/lan.netdev",
        "network/lan.network",
        "machines/db.vmspawn",
        "extensions/sysext/tools/usr/bin/x",
        "extensions/confext/tools.image",
        "services/web.portable",
        "scripts/health",
    ],
)
def test_a_kind_that_comes_later_says_so_once_per_file(path: str) -> None:
    kind, _, findings = classify(path)
    assert kind is None
    assert [one.code for one in findings] == ["BB207"]


@pytest.mark.parametrize(
    "path",
    ["containers/Web.nspawn", "containers/-.nspawn", "infrastructure/a_b.volume", "containers/a.b.nspawn"],
)
def test_a_name_outside_the_rule_is_found(path: str) -> None:
    kind, _, findings = classify(path)
    assert kind is None
    assert [one.code for one in findings] == ["BB107"]


def test_kinds_with_settings_can_be_found_by_name() -> None:
    known = {row.name for row in KINDS if settings_of(row.name) is not None}
    assert known == {"container", "image", "volume", "limits"}
    assert settings_of("nonsense") is None


def test_costs_are_ordered_by_weight() -> None:
    assert sorted(Cost, key=lambda cost: cost.weight) == list(Cost)
    assert heaviest([]) is Cost.NONE
    assert heaviest([Cost.LIVE, Cost.RECREATE, Cost.NONE]) is Cost.RECREATE
