"""Which extensions fit which system: our answer and the one of this host's systemd-sysext and systemd-confext agree."""

import itertools
import json
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .support import run

ARCHITECTURE = {"x86_64": "x86-64", "aarch64": "arm64"}[platform.machine()]
HOSTS = [
    {"ID": "debian", "VERSION_ID": "13"},
    {"ID": "arch"},
    {"ID": "ubuntu", "ID_LIKE": "debian rhel", "VERSION_ID": "24.04"},
    {"ID": "particle", "VERSION_ID": "7", "SYSEXT_LEVEL": "2", "CONFEXT_LEVEL": "3"},
    {"ID": "particle", "SYSEXT_LEVEL": "2", "CONFEXT_LEVEL": "2"},
]
IDS = [None, "_any", "debian", "arch", "ubuntu", "particle", "rhel", "rhe"]
MORE = [
    {}, {"VERSION_ID": "13"}, {"VERSION_ID": "24.04"}, {"VERSION_ID": "7"}, {"VERSION_ID": ""},
    {"SYSEXT_LEVEL": "2"}, {"CONFEXT_LEVEL": "2"}, {"SYSEXT_LEVEL": "3", "VERSION_ID": "7"},
    {"SYSEXT_LEVEL": "2", "CONFEXT_LEVEL": "3", "VERSION_ID": "6"},
    {"VERSION_ID": "13", "ARCHITECTURE": ARCHITECTURE}, {"VERSION_ID": "13", "ARCHITECTURE": "_any"},
    {"VERSION_ID": "13", "ARCHITECTURE": "s390"}, {"VERSION_ID": "13", "ARCHITECTURE": ""},
    {"VERSION_ID": "13", "SYSEXT_SCOPE": "initrd"}, {"VERSION_ID": "13", "CONFEXT_SCOPE": "initrd portable"},
    {"VERSION_ID": "13", "SYSEXT_SCOPE": "initrd system"}, {"VERSION_ID": "13", "SYSEXT_SCOPE": ""},
]  # fmt: skip
RELEASES = [{**({"ID": name} if name is not None else {}), **more} for name, more in itertools.product(IDS, MORE)]
READER = """
import json, sys
sys.path.insert(0, "/usr/bin/bbhv")
from bbhv.formats import osrelease
kind, host, architecture, releases = json.load(sys.stdin)
print(json.dumps([osrelease.mismatch(one, host, kind=kind, architecture=architecture) for one in releases]))
"""


def written(values: dict[str, str]) -> str:
    return "".join(f"{key}='{value}'\n" for key, value in values.items()) or "# nothing\n"


@pytest.fixture
def system() -> Iterator[Path]:
    """A root of a system, on a file system that an overlay can lie on."""
    root = Path("/var/tmp/agreement")
    for name in ("usr/lib", "opt", "etc"):
        (root / name).mkdir(parents=True)
    yield root
    shutil.rmtree(root)


def merged(root: Path, kind: str, host: dict[str, str]) -> set[int]:
    """The numbers of the releases that this host's systemd merges into a system with this release."""
    folder = root / ("etc" if kind == "confext" else "usr/lib") / "extension-release.d"
    (root / "usr/lib/os-release").write_text(written(host))
    tool = [f"systemd-{kind}", f"--root={root}"]
    run([*tool, "merge", "--no-reload"])
    try:
        return {int(path.name.rpartition("e")[2]) for path in folder.glob("*")}
    finally:
        run([*tool, "unmerge", "--no-reload"])


@pytest.mark.parametrize("kind", ["sysext", "confext"])
def test_the_same_extensions_fit(system: Path, kind: str) -> None:
    searched = system / ("var/lib/confexts" if kind == "confext" else "var/lib/extensions")
    for number, values in enumerate(RELEASES):
        folder = searched / f"e{number}" / ("etc" if kind == "confext" else "usr/lib") / "extension-release.d"
        folder.mkdir(parents=True)
        (folder / f"extension-release.e{number}").write_text(written(values))
    wrong = []
    for host in HOSTS:
        asked = json.dumps([kind, host, ARCHITECTURE, RELEASES])
        ours: list[str | None] = json.loads(run(["/usr/bin/python3", "-IS", "-c", READER], input=asked).stdout)
        theirs = merged(system, kind, host)
        assert 0 < len(theirs) < len(RELEASES)
        wrong += [f"{values} over {host}: {'merged' if number in theirs else 'refused'}, but we say {reason}"
                  for number, (values, reason) in enumerate(zip(RELEASES, ours, strict=True))
                  if (reason is None) is not (number in theirs)]
    assert wrong == []
