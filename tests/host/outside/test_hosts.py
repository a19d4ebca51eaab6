"""Hosts come up, crash, come back, and are strangers to each other."""

import threading
from collections.abc import Callable
from pathlib import Path

from tests.host.harness.host import Host


def test_a_host_boots_again_after_a_crash_with_what_was_written(host: Host) -> None:
    first = host.get("/proc/sys/kernel/random/boot_id")
    host.run(["sh", "-c", "echo kept > /var/lib/kept; echo lost > /run/lost"])
    host.crash()
    host.boot()
    assert host.get("/var/lib/kept") == "kept\n"
    assert not host.path("/run/lost").exists()
    assert host.get("/proc/sys/kernel/random/boot_id") != first


def test_a_host_goes_down_and_up_cleanly(host: Host) -> None:
    host.reboot()
    host.poweroff()
    host.boot()
    assert host.run(["systemctl", "--failed", "--no-legend"]).stdout == ""


def test_removing_the_extension_uninstalls_the_product(host: Host, sysext: Path) -> None:
    assert host.path("/usr/bin/bbhv").exists()
    host.path(f"/var/lib/extensions/{sysext.name}").unlink()
    host.run(["systemd-sysext", "refresh"])
    assert not host.path("/usr/bin/bbhv").exists()
    host.install(sysext)
    assert host.path("/usr/bin/bbhv").exists()


def test_two_hosts_run_at_the_same_time_and_do_not_see_each_other(make_host: Callable[..., Host]) -> None:
    hosts = [make_host(), make_host(writable_usr=True)]
    hosts[1].put("/usr/lib/proof", "written\n")
    threads = [threading.Thread(target=host.boot) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for host in hosts:
        assert host.run(["hostname"]).stdout.strip() == host.name
        host.run(["systemd-run", "--unit=mine", "--remain-after-exit", "touch", f"/var/lib/{host.name}"])
    assert hosts[1].get("/usr/lib/proof") == "written\n"
    hosts[0].crash()
    assert hosts[1].run(["systemctl", "is-active", "mine"]).stdout == "active\n"
    assert not hosts[0].path(f"/var/lib/{hosts[1].name}").exists()
    assert not hosts[0].path("/usr/lib/proof").exists()
