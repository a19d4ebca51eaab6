"""bbhv volume: what there is, copies beside it, and the way out, whatever a tenant has put into a volume."""

import io
import json
import os
import subprocess
import tarfile

from .conftest import Make
from .support import run
from .world import Tenant, container

IDLE = ("Parameters=/usr/bin/sleep infinity",)


def volume(*words: str, status: int = 0) -> str:
    """What `bbhv volume` says."""
    done = run(["bbhv", "volume", *words], check=False, timeout=120)
    assert done.returncode == status, f"{words}: {done.returncode}, not {status}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def with_data(make: Make) -> Tenant:
    """A tenant whose container has a file, a file of another user, and a link to what only the host's root may read."""
    acme = make("acme")
    acme.repo.commit({
        **acme.files(web=container("Volume=data:/srv/data", exec=IDLE)),
        "infrastructure/data.volume": "[Volume]\nSize=64M\n",
    })  # fmt: skip
    assert acme.sync() == "applied", acme.said
    made = "echo one > file; echo other > other; chmod 600 other; chown 33:33 other; ln -s /etc/shadow link"
    acme.inside("web", "sh", "-c", f"cd /srv/data; {made}")
    return acme


def test_a_snapshot_is_kept_and_comes_back_while_nobody_uses_the_volume(make: Make) -> None:
    acme = with_data(make)
    assert "it was in use" in volume("snapshot", "acme", "data", "before")
    assert "has a snapshot before already" in volume("snapshot", "acme", "data", "before", status=4)
    acme.inside("web", "sh", "-c", "echo two > /srv/data/file; echo new > /srv/data/new")
    assert "is in use by tenant-container@web.acme.service" in volume("restore", "acme", "data", "before", status=4)
    run(["systemctl", "stop", acme.unit("web")])
    assert "nobody used it" in volume("snapshot", "acme", "data", "after")
    assert "has no such snapshot" in volume("restore", "acme", "data", "no-such", status=5)
    volume("restore", "acme", "data", "before")
    data = acme.folder / "volumes/data"
    assert sorted(path.name for path in data.iterdir()) == ["file", "link", "other"]
    assert (data / "file").read_text() == "one\n" and os.readlink(data / "link") == "/etc/shadow"
    assert ((data / "other").stat().st_uid, (data / "other").stat().st_mode & 0o777) == (33, 0o600)
    [told] = json.loads(volume("list", "acme", "--json=short"))["volumes"]
    assert (told["name"], told["use"], told["declared"], told["snapshots"]) == (
        "data", "container", True, ["after", "before"]
    )
    volume("discard", "acme", "data", "after")
    assert "before" in volume("list", "acme") and "after" not in volume("list", "acme")
    assert not list((acme.folder / "volumes").glob(".#*"))
    run(["systemctl", "start", acme.unit("web")])
    assert acme.inside("web", "cat", "/srv/data/file") == "one\n"


def test_a_volume_goes_out_as_an_archive_of_what_is_in_it(make: Make) -> None:
    with_data(make)
    done = subprocess.run(["bbhv", "volume", "export", "acme", "data"], capture_output=True, timeout=120, check=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        members = {one.name: one for one in archive.getmembers()}
    assert sorted(members) == [".", "./file", "./link", "./other"] and members["./link"].issym()
    assert (members["./other"].uid, members["./other"].size) == (33, 6)


def test_a_tenant_without_a_volume_has_an_empty_list(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    assert volume("list", "acme") == "acme has no volume.\n" and volume("list", "acme", "--no-legend") == ""


def test_wrong_words_say_what_is_right(make: Make) -> None:
    with_data(make)
    assert "There is no bbhv volume 'shrink'" in volume("shrink", "acme", status=2)
    assert "takes TENANT VOLUME SNAPSHOT" in volume("snapshot", "acme", "data", status=2)
    assert "has no volume 'other'" in volume("snapshot", "acme", "other", "x", status=5)
    assert "snapshot" in volume("snapshot", "acme", "data", "../../x", status=2)
    assert "bbhv: This host has no tenant acm.\n      Did you mean acme?" in volume("list", "acm", status=5)
    run(["systemctl", "stop", "tenant@acme"], timeout=120)
    assert "systemctl start tenant-infra@acme" in volume("list", "acme", status=5)
