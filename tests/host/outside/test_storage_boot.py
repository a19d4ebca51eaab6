"""What a tenant keeps is there after a crash of the host, and after a shutdown, without its git server."""

import json

from tests.host.harness.host import Host

from .test_boot import complaints
from .test_crash import GIT, SOURCE, settled, setup, wait_until

REGISTRATION = "/etc/bitbuilder/tenants/acme.json"


def inside(host: Host, *argv: str) -> str:
    """What a command prints in the container."""
    leader = host.run(["machinectl", "show", "--value", "--property=Leader", "web.acme"]).stdout.strip()
    return host.run(["nsenter", "-t", leader, "-m", "-u", "-i", "-n", "-p", "-U", "--root", "--wd", *argv]).stdout


def test_storage_outlives_a_crash_and_a_shutdown(host: Host) -> None:
    setup(host)
    one = json.loads(host.get(REGISTRATION))
    one["grants"]["storage"] = "2G"
    host.put(REGISTRATION, json.dumps(one))
    ours = "Image=debian-13\nHealthStableSec=0\nPersistent=yes\nVolume=data:/srv/data\n"
    host.put(f"{SOURCE}/containers/web.nspawn", f"[Exec]\nBoot=yes\n[X-Bitbuilder]\n{ours}")
    host.put(f"{SOURCE}/infrastructure/data.volume", "[Volume]\nSize=16M\n")
    host.run([*GIT, "-C", SOURCE, "add", "-A"])
    host.run([*GIT, "-C", SOURCE, "commit", "-qm", "one"])
    host.run(["bbhv", "sync"], timeout=180)
    inside(host, "sh", "-c", "echo kept > /srv/data/file; echo mine > /etc/mine; sync")
    host.run(["mv", SOURCE, "/srv/away"])
    for end in (host.crash, host.poweroff):
        end()
        host.boot()
        wait_until("the tenant is up", lambda: settled(host), timeout=120)
        assert inside(host, "cat", "/srv/data/file", "/etc/mine") == "kept\nmine\n"
        assert host.run(["findmnt", "-n", "-o", "FSTYPE", "/var/lib/tenants/acme/storage"]).stdout.strip() == "ext4"
        assert [line for line in complaints(host) if "storage" in line] == []
