"""Settings files of containers as systemd-nspawn of this host reads them: the same keys, the same values.

systemd-nspawn reads the settings of a container before it looks at its root: an empty folder is refused at once, and
what was wrong with the settings was said by then. A section at the end that nobody knows shows that they were read.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from .support import run, systemd_version

SETTINGS = Path("/run/systemd/nspawn/agree.nspawn")
READER = """
import json, sys
sys.path.insert(0, "/usr/bin/bbhv")
from bbhv.formats import unitfile
from bbhv.kinds.settings import read
from bbhv.kinds.workloads.container import TABLE
unit, form = unitfile.parse("f", sys.stdin.buffer.read())
found = (*form, *read(TABLE, unit, "f")[1])
rows = [(row.section, row.key, row.since, row.verdict) for row in TABLE if not row.section.startswith("X-")]
print(json.dumps([rows, [(one.place.line, one.code) for one in found if one.code != "BB208"]]))
"""
# Every key of nspawn that a tenant may set, now or later, with values of all forms.
GOOD = (
    "[Exec]\nBoot=yes\nNotifyReady=yes\nParameters=--unit=rescue.target 'a b'\nKillSignal=SIGRTMIN+3\n",
    "[Exec]\nProcessTwo=yes\nParameters=/bin/sh -c \"exit 0\"\nKillSignal=15\nUser=www-data\nWorkingDirectory=/srv\n",
    "[Exec]\nEnvironment=A=1 \"B=2 3\"\nEnvironment=C=\\x41 'D=\\t'\nDropCapability=CAP_NET_RAW CAP_CHOWN\n"
    "NoNewPrivileges=yes\nPersonality=x86\nSystemCallFilter=~@keyring reboot\nHostname=web1\nSuppressSync=no\n",
    "[Exec]\nDropCapability=all\nResolvConf=off\nTimezone=delete\nKillSignal=TERM\nPersonality=x86-64\n",
    "[Files]\nReadOnly=no\nTemporaryFileSystem=/var/cache:size=64M,mode=0755\nTemporaryFileSystem=/mnt:size=1M\n"
    "Inaccessible=/opt\n[Network]\nBridge=lan\nPort=tcp:8080:80\nPort=udp:53\nPort=80\n",
    "\ufeff[Exec]\r\nBoot = 1\r\n# note\r\nEnvironment=A=1 \\\r\n# inside\r\n  B=2\r\n[X-Bitbuilder]\r\nImage=a\r\n",
)
# The second line of each is one that neither reads.
BAD = (
    "[Exec]\nBoot=perhaps\n", "[Exec]\nKillSignal=SIGNONE\n", "[Exec]\nPersonality=pdp11\n", "[Exec]\nBoots=yes\n",
    "[Exec]\nHostname=-a_b-\n", "[Exec]\nWorkingDirectory=srv\n", "[Exec]\nResolvConf=maybe\n",
    "[Exec]\nDropCapability=CAP_NONE\n", "[Exec]\nBoot\n", "[Files]\nReadOnly=2\n", "[Files]\nBoot=yes\n",
    "[Files]\nTemporaryFileSystem=mnt\n", "[Files]\nInaccessible=srv\n", "[Network]\nPort=tcp:0\n",
    "[Network]\nPort=sctp:80\n", "[Network]\nPort=tcp:99999\n", "[Network]\nBridge=a/b\n",
)  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """The root of no system; what the tests write is gone afterwards."""
    SETTINGS.parent.mkdir(exist_ok=True)
    yield tmp_path
    SETTINGS.unlink()


def complaints(root: Path, text: str) -> list[tuple[int, str]]:
    """What systemd-nspawn says of the settings: the line, and the sentence."""
    SETTINGS.write_bytes(f"{text}[Last]\n".encode())
    done = run(["systemd-nspawn", "--register=no", f"--directory={root}", f"--machine={SETTINGS.stem}"], check=False)
    said = [line.split(":", 2) for line in done.stderr.splitlines() if line.startswith(f"{SETTINGS}:")]
    assert done.returncode == 1 and said and "Unknown section 'Last'" in said[-1][2], done.stderr
    return [(int(number), sentence) for _, number, sentence in said[:-1]]


def ours(text: str) -> tuple[list[tuple[str, str, int, str]], list[tuple[int, str]]]:
    """The rows of the table, and the lines and codes of what we find."""
    rows, found = json.loads(run(["/usr/bin/python3", "-IS", "-c", READER], input=text).stdout)
    return [(row[0], row[1], row[2], row[3]) for row in rows], [(line, code) for line, code in found]


def test_every_key_of_the_table_is_one_that_nspawn_knows_since_the_version_that_the_table_says(root: Path) -> None:
    rows = ours("")[0]
    text = "".join(f"[{section}]\n{key}=\n" for section, key, _, _ in rows)
    unknown = {line for line, sentence in complaints(root, text) if "Unknown key" in sentence}
    assert unknown == {2 * number for number, (_, _, since, _) in enumerate(rows, 1) if since > systemd_version()}


def test_what_a_tenant_may_set_is_read_by_both(root: Path) -> None:
    wanted = {f"{key}=" for _, key, _, verdict in ours("")[0] if verdict in ("allowed", "later")}
    assert {key for key in wanted if not any(f"\n{key}" in text.replace(" = ", "=") for text in GOOD)} == set()
    for text in GOOD:
        assert complaints(root, text) == []
        assert {code for _, code in ours(text)[1]} <= {"BB207"}, text  # which is: not yet


@pytest.mark.parametrize("text", BAD)
def test_what_nspawn_does_not_read_is_a_finding_on_the_same_line(root: Path, text: str) -> None:
    said = complaints(root, text)
    assert [line for line, _ in said] == [2], said
    assert [line for line, _ in ours(text)[1]] == [2]
