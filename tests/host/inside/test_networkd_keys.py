"""systemd-networkd of this host reads every key that a tenant may set, and complains about nothing but what is newer.

The files in networkd/ have every allowed key once (a unit test sees to that). Parsing needs no kernel that knows the
kinds of netdevs and queues, so links that cannot be made here do not matter.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .support import cursor, run, systemd_version

FILES = sorted((Path(__file__).parent / "networkd").iterdir())
DROPS = Path(__file__).parent / "networkd-drops.txt"
PLACE = Path("/run/systemd/network")
LINKS = ("lan", "dmz", "way", "office")


@pytest.fixture(autouse=True)
def no_networks() -> Iterator[None]:
    """Everything that the tests write and make is gone after each."""
    PLACE.mkdir(parents=True, exist_ok=True)
    before = set(PLACE.iterdir())
    yield
    for path in set(PLACE.iterdir()) - before:
        path.unlink()
    run(["networkctl", "reload"])
    for link in LINKS:
        run(["ip", "link", "delete", link], check=False)


def complaints(files: dict[str, str]) -> list[str]:
    """What systemd-networkd says of these files when it reads them, each beginning with "NAME:LINE"."""
    since = cursor()
    for name, text in files.items():
        (PLACE / name).write_text(text, encoding="utf-8")
    run(["networkctl", "reload"])
    run(["journalctl", "--sync"])
    said = run(["journalctl", "-u", "systemd-networkd", "-o", "cat", f"--after-cursor={since}"]).stdout
    return [line.removeprefix(f"{PLACE}/") for line in said.splitlines() if line.startswith(f"{PLACE}/")]


def newer(path: Path, than: int) -> Iterator[str]:
    """The places of the keys that need a newer systemd than this, as "NAME:LINE"."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith("# since ") and int(line.split()[2]) > than:
            yield f"40-{path.name}:{number + 1}"


def test_a_key_that_does_not_exist_and_a_value_that_cannot_be_read_are_complained_about() -> None:
    said = complaints({"41-bad.network": "[Match]\nName=nope\n[Network]\nBogus=1\nAddress=x\n"})
    assert [line.split(":")[1].strip() for line in said] == ["4", "5"]
    assert "Unknown key 'Bogus'" in said[0] and "Failed to parse" in said[1]


def test_every_key_that_a_tenant_may_set_is_read() -> None:
    said = complaints({f"40-{path.name}": path.read_text(encoding="utf-8") for path in FILES})
    wanted = [place for path in FILES for place in newer(path, systemd_version())]
    assert sorted(":".join(line.split(":")[:2]) for line in said) == sorted(wanted), said
    assert [line for line in said if "Unknown key" not in line] == []


def test_what_systemd_drops_from_a_file_is_dropped() -> None:
    """A unit test sees to it that each of these files has a finding."""
    cases = [case.partition("\n")[::2] for case in DROPS.read_text(encoding="utf-8").split("## ")[1:]]
    said = complaints({f"42-{title}.network": text for title, text in cases})
    assert {line.partition(".network")[0] for line in said} == {f"42-{title}" for title, _ in cases}
