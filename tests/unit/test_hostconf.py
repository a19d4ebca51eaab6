"""The host's settings: files in their order, then credentials, which never loosen trust."""

import pytest

from bbhv.model.hostconf import HostSettings, read

CONF = "/etc/bitbuilder/bitbuilder.conf"


def test_nothing_is_a_host_with_an_empty_etc() -> None:
    assert read([], {}) == (HostSettings(), ())


def test_later_files_win_and_an_empty_assignment_takes_back() -> None:
    files = [
        (CONF, b"[System]\nRepository=https://a.example/x.git\nBranch=stable\n[Sync]\nIntervalSec=2min\nParallel=8\n"),
        (f"{CONF}.d/50.conf", b"[System]\nBranch=\nAllowFile=yes\n[Host]\nName=h1\nOperatorsGroup=ops\n"),
    ]
    settings, findings = read(files, {})
    assert findings == ()
    assert settings == HostSettings(
        repository="https://a.example/x.git", branch="main", allow_file=True, interval_sec=120, parallel=8, name="h1",
        operators_group="ops",
    )  # fmt: skip


def test_a_wrong_line_is_found_with_its_place_and_the_rest_counts() -> None:
    settings, findings = read([(CONF, b"[System]\nRepositry=x\nTrust=maybe\nBranch=dev\n")], {})
    assert settings.branch == "dev" and settings.trust == "signed"
    assert [str(f).partition(" hint")[0] for f in findings] == [
        f"{CONF}:2:1: warning[BB202]: [System] Repositry= is not a setting, ignoring.",
        f"{CONF}:3:1: warning[BB205]: Trust= cannot be read, ignoring: 'maybe' is not a trust policy; "
        "there are unsigned, signed, strict.",
    ]
    assert findings[0].hint == "Did you mean Repository?"


@pytest.mark.parametrize(("file", "credential", "trust", "found"), [
    ("", "unsigned", "unsigned", 0),
    ("Trust=signed", "unsigned", "signed", 1),
    ("Trust=signed", "strict", "strict", 0),
    ("Trust=unsigned", "signed", "signed", 0),
    ("", "sometimes", "signed", 1),
])  # fmt: skip
def test_a_credential_may_set_or_tighten_trust(file: str, credential: str, trust: str, found: int) -> None:
    settings, findings = read([(CONF, f"[System]\n{file}\n".encode())], {"bitbuilder.trust": credential.encode()})
    assert settings.trust == trust and len(findings) == found


def test_credentials_say_where_the_repository_is() -> None:
    given = {
        "bitbuilder.repository": b"https://a.example/x.git\n",
        "bitbuilder.branch": b"edge",
        "bitbuilder.signers": b"key",
    }
    settings, _ = read([], given)
    assert (settings.repository, settings.branch, settings.signers) == ("https://a.example/x.git", "edge", "key")
