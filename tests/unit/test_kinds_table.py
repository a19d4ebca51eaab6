"""The table of kinds: which files are read, which are left alone, and which are pointed out."""

import pytest

from bbhv.kinds.settings import Cost, heaviest
from bbhv.kinds.table import KINDS, Match, classify, kind_of, settings_of


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        ("metadata.json", "metadata", "metadata"),
        ("infrastructure/tenant.slice", "limits", "tenant"),
        ("infrastructure/debian.image", "image", "debian"),
        ("infrastructure/data.volume", "volume", "data"),
        ("containers/web-1.nspawn", "container", "web-1"),
        ("infrastructure/credentials/db.cred", "credential", "db"),
        ("credentials/host1.example/db.cred", "credential", "db"),
        ("network/lan.netdev", "netdev", "lan"),
        ("network/lan.network", "network", "lan"),
        ("machines/db.vmspawn", "machine", "db"),
        ("extensions/sysext/tools/usr/bin/x", "sysext", "tools"),
        ("extensions/confext/tools.image", "confext", "tools"),
        ("services/web.portable", "portable", "web"),
        ("scripts/pre-start", "script", "pre-start"),
    ],
)
def test_a_file_of_the_format_has_a_kind_and_a_name(path: str, kind: str, name: str) -> None:
    found, called, findings = classify(path)
    assert found is not None
    assert (found.name, called.name, findings) == (kind, name, ())


@pytest.mark.parametrize(
    "path",
    [".gitignore", ".github/workflows/x.yml", "containers/.keep", "README", "LICENSE-MIT", "notes.md", "docs/a/b.txt"],
)
def test_files_for_people_are_silently_fine(path: str) -> None:
    assert classify(path) == (None, Match(""), ())


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("container/web.nspawn", "Move it to containers/web.nspawn."),
        ("infrastucture/data.volume", "Move it to infrastructure/data.volume."),
        ("metadata.jsn", "Did you mean metadata.json?"),
        ("containers/web.container", "Write it as containers/NAME.nspawn."),
        ("containers/a/web.nspawn", "Move it to containers/web.nspawn."),
            ("infrastucture/tenant.slice", "Did you mean infrastructure?"),
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


def test_a_path_tells_the_host_and_what_lies_inside() -> None:
    assert classify("credentials/host1/db.cred")[1] == Match("db", host="host1")
    assert classify("extensions/sysext/tools/usr/bin/.x")[1] == Match("tools", inside="usr/bin/.x")


@pytest.mark.parametrize(
    "path",
    ["containers/Web.nspawn", "containers/-.nspawn", "infrastructure/a_b.volume", "containers/a.b.nspawn",
     "extensions/sysext/A/usr/x", "credentials/-x/db.cred", "credentials/a..b/db.cred", "credentials/x/D.cred"],
)
def test_a_name_outside_the_rule_is_found(path: str) -> None:
    kind, _, findings = classify(path)
    assert kind is None
    assert [one.code for one in findings] == ["BB107"]


def test_kinds_can_be_found_by_name() -> None:
    assert settings_of("container") is not None and settings_of("script") is None and settings_of("nonsense") is None
    assert kind_of("volume").path("data") == "infrastructure/data.volume"
    assert kind_of("script") in KINDS


def test_costs_are_ordered_by_weight() -> None:
    assert sorted(Cost, key=lambda cost: cost.weight) == list(Cost)
    assert heaviest([]) is Cost.NONE
    assert heaviest([Cost.LIVE, Cost.RECREATE, Cost.NONE]) is Cost.RECREATE
