"""Folders that machines share with the host: virtiofsd as the machine's user, in the sandbox of the machine's unit."""

import os
import tarfile
from pathlib import Path

from .conftest import Make
from .support import run, unit_property, wait_until
from .test_machines import heard, metadata
from .vms import CAN_RUN, GRANTS, await_up, images, machine, qemu, said, unit
from .world import Tenant

SHARED = "[Volume]\nUse=machine\nFormat=directory\n"
PROGRAM = "/usr/libexec/virtiofsd"
FILES = 3000
# What a guest does in its folder; each line is on its console.
WORK = f"""
echo one >a; echo "writes $?"
chown 5:5 a; echo "chowns $? $(stat -c %u:%g a)"
chmod 4755 a 2>/dev/null || echo "no set-user-id"
mknod n c 1 3 2>/dev/null || echo "no devices"
ln -s /etc/passwd link && mkdir -p d/e && ln a d/e/b && mv d/e/b d/c && rm a && echo "links and renames"
cat link >/dev/null 2>&1 || echo "a link is one of the guest"
mkdir many && for n in $(seq {FILES}); do echo >many/$n; done; echo "made $(ls many | wc -l)"
(exec 9<many/1; for n in $(seq {FILES}); do read -r x <many/$n; done; echo "reads all")
dd if=/dev/zero of=big bs=1M count=4 2>/dev/null && truncate -s 100 big && echo "has $(stat -c %s big)"
sync; echo "syncs $?"
"""


def virtiofsd(tenant: Tenant, name: str) -> int:
    """The process that shares."""
    group = Path("/sys/fs/cgroup") / unit_property(unit(tenant, name), "ControlGroup").lstrip("/")
    pids = (group / "cgroup.procs").read_text().split()
    return next(int(pid) for pid in pids if Path(f"/proc/{pid}/comm").read_text().startswith("virtiofsd"))


def shares(make: Make) -> None:
    """A folder of the host in a machine: what the guest may do there, as whom, and what stays."""
    acme = make("vms", grants=GRANTS)
    acme.repo.commit({**metadata("vms"), **images(), "infrastructure/data.volume": SHARED,
                      "machines/db.vmspawn": machine("Volume=data:/srv/data")})
    assert acme.sync() == "applied", acme.said
    folder = acme.folder / "volumes/data.shared"
    assert heard(acme, "share mnt0 start 1") and (folder / "starts").read_text() == "1\n"
    run(["systemd-analyze", "security", "--no-pager", "--threshold=20", unit(acme, "db")])

    # It is the machine's user that opens files, without any right, and it sees what QEMU sees.
    pid, user = virtiofsd(acme, "db"), Path(f"/proc/{qemu(acme, 'db')}").stat().st_uid
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert user >= 61184 and set(status["Uid"].split()) == {str(user)} and status["NoNewPrivs"] == "1"
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0 and status["Seccomp"] == "2"
    for hidden in ("var/lib", "srv", "home", "root"):
        path = Path(f"/proc/{pid}/root") / hidden
        assert not path.exists() or not any(path.iterdir()) or oct(path.stat().st_mode)[-3:] == "000", hidden
    assert os.listdir(f"/proc/{pid}/root/run/bitbuilder/shares") == ["data"]

    # The folder comes to the machine's user, whoever has it: that user is another one after some other start.
    (folder / "run").write_text(WORK)
    run(["systemctl", "stop", unit(acme, "db")], timeout=300)
    run(["chown", "-R", "0:0", folder])
    run(["systemctl", "start", unit(acme, "db")], timeout=300)
    await_up(acme, "db")
    words = said(acme, "db")
    for line in ("share mnt0 start 2", "writes 0", "chowns 0 0:0", "no set-user-id", "no devices", "links and renames",
                 "a link is one of the guest", f"made {FILES}", "reads all", "has 100", "syncs 0"):  # fmt: skip
        assert line in words, (line, words)
    found = [path.lstat() for path in (folder, *folder.rglob("*"))]
    assert {one.st_uid for one in found} == {Path(f"/proc/{qemu(acme, 'db')}").stat().st_uid}
    assert not any(one.st_mode & 0o6000 for one in found) and os.readlink(folder / "link") == "/etc/passwd"
    (folder / "run").unlink()

    # Another machine shares it at the same time.
    acme.repo.commit({"machines/more.vmspawn": machine("Volume=data:/srv", words="guest.word=more")})
    assert acme.sync() == "applied", acme.said
    assert "share mnt0 start 3" in said(acme, "more") and heard(acme, "share mnt0 start 2")

    # It can be looked at, copied, and carried away.
    assert run(["bbhv", "volume", "list", "vms", "--no-legend"]).stdout.split()[:3] == ["data", "machine", "-"]
    run(["bbhv", "volume", "snapshot", "vms", "data", "one"])
    archive = Path("/run/shared.tar")
    run(["sh", "-c", f"bbhv volume export vms data >{archive}"])
    with tarfile.open(archive) as tar:
        assert {"./starts", "./big", "./link"} <= set(tar.getnames())
    archive.unlink()

    # What is not declared any more stays; and a host that has no virtiofsd says what it cannot do.
    run(["mount", "--bind", "/dev/null", PROGRAM])
    try:
        acme.repo.commit({"machines/more.vmspawn": None, "README.md": "Less."})
        assert acme.sync(3) == "refused" and "machines/db.vmspawn:" in acme.said and "BB211" in acme.said
        assert "Volume data is a shared folder, which this host cannot do: it has no virtiofsd." in acme.said
    finally:
        run(["umount", PROGRAM])
    acme.repo.commit({"machines/db.vmspawn": machine(), "machines/more.vmspawn": None,
                      "infrastructure/data.volume": None})
    assert acme.sync() == "applied" and (folder / "starts").read_text() == "3\n", acme.said
    wait_until("nobody shares it any more", lambda: not Path(f"/proc/{pid}").exists(), timeout=60)


if CAN_RUN:
    test_a_folder_is_shared_with_machines_by_the_machines_user = shares
