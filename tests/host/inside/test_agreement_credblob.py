"""Our reader of encrypted credentials and this host's systemd-creds agree on what is one, and on its key."""

import base64
import json
from pathlib import Path

from .support import run

READER = """
import json, sys
sys.path.insert(0, "/usr/bin/bbhv")
from bbhv.formats import credblob
found = []
for path in sys.argv[1:]:
    try:
        blob = credblob.parse(open(path, "rb").read())
        found.append([blob.key.name, blob.key.user, blob.encrypted])
    except credblob.BlobError as error:
        found.append([str(error)])
print(json.dumps(found))
"""
NAME = "tenant-acme.db"


def ours(*paths: Path) -> list[list[str | bool | int]]:
    """Key, whether it is for a user, and the encrypted size of each file; the complaint alone for one that is none."""
    found: list[list[str | bool | int]] = json.loads(run(["/usr/bin/python3", "-IS", "-c", READER, *paths]).stdout)
    return found


def encrypt(path: Path, *options: str) -> Path:
    run(["systemd-creds", "encrypt", *options, "-", path], input="secret")
    return path


def test_what_systemd_creds_writes_is_read_and_its_key_is_told(tmp_path: Path) -> None:
    name = f"--name={NAME}"
    paths = [
        encrypt(tmp_path / "host", "--with-key=host", name),
        encrypt(tmp_path / "none", "--with-key=null", name),
        encrypt(tmp_path / "late", "--with-key=host", name, "--not-after=2100-01-01"),
        encrypt(tmp_path / "bare", "--with-key=host", "--name="),
        encrypt(tmp_path / "user", "--uid=root", name),
    ]
    assert ours(*paths) == [
        ["host", False, 46], ["null", False, 46], ["host", False, 46], ["host", False, 30], ["host", True, 46]
    ]


def test_what_is_cut_off_or_has_another_header_is_refused_by_both(tmp_path: Path) -> None:
    blob = base64.b64decode(encrypt(tmp_path / "whole", "--with-key=host", f"--name={NAME}").read_bytes())
    damaged = {
        "short": blob[:40], "header": blob[:16], "id": bytes(16) + blob[16:], "size": blob[:16] + b"!" + blob[17:]
    }
    paths = []
    for name, data in damaged.items():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(base64.b64encode(data))
        assert run(["systemd-creds", "decrypt", f"--name={NAME}", paths[-1], "-"], check=False).returncode != 0
    assert [len(one) for one in ours(*paths)] == [1, 1, 1, 1]


def test_only_the_host_can_tell_the_name_inside(tmp_path: Path) -> None:
    path = encrypt(tmp_path / "other", "--with-key=host", "--name=tenant-other.db")
    assert ours(path)[0][0] == "host"
    assert run(["systemd-creds", "decrypt", f"--name={NAME}", path, "-"], check=False).returncode != 0
