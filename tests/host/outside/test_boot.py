"""The life of a host: boot, work, stop, shutdown, and the extension taken away, without a word of complaint."""

import json
from pathlib import Path

import pytest

from tests.host.harness.host import Host

from .test_crash import SOURCE, commit, roles, settled, setup, wait_until

# What this project does not cause: the kernel of the test host lacks cgroup controllers, and its guests say so.
NOISE = ("Failed to read pids.max", "kernel/sysrq", "pids.max", "memory.", "Failed to open /dev/kmsg")


def complaints(host: Host) -> list[str]:
    """The warnings and worse of this boot that concern our units, and what systemd says of cycles and deadlocks."""
    lines = host.run(["journalctl", "-b", "--no-pager", "-o", "json", "-p", "warning"]).stdout.splitlines()
    found = []
    for entry in map(json.loads, lines):
        unit = entry.get("UNIT", "") + entry.get("_SYSTEMD_UNIT", "")
        message = str(entry.get("MESSAGE", ""))
        ours = any(word in unit for word in ("tenant", "bitbuilder")) or "bitbuilder" in message or "cycle" in message
        if ours and not any(noise in message for noise in NOISE):
            found.append(f"{unit}: {message}")
    return found


@pytest.fixture
def acme(host: Host) -> Host:
    """A host with one tenant of two containers."""
    setup(host)
    commit(host, "one")
    host.run(["bbhv", "sync"], timeout=120)
    return host


def test_nothing_complains_from_boot_to_shutdown(acme: Host) -> None:
    acme.reboot()
    wait_until("the tenant is up", lambda: settled(acme))
    commit(acme, "two")
    acme.run(["bbhv", "sync"], timeout=120)
    acme.run(["systemctl", "restart", "tenant@acme"], timeout=120)
    acme.run(["systemctl", "reload", "tenant@acme"], timeout=120)
    acme.run(["systemctl", "reload", "tenant-manager"], timeout=120)
    acme.run(
        ["varlinkctl", "call", "/run/bitbuilder/io.bitbuilder.Hypervisor", "io.bitbuilder.Hypervisor.ListTenants", "{}"]
    )
    acme.run(["systemctl", "stop", "bitbuilder-varlink.service"])
    acme.run(["systemctl", "stop", "tenant@acme"], timeout=120)
    acme.run(["systemctl", "start", "tenant@acme"], timeout=120)
    assert acme.run(["systemctl", "--failed", "--no-legend"]).stdout.strip() == ""
    assert complaints(acme) == []
    acme.poweroff()
    acme.boot()
    wait_until("the tenant is up", lambda: settled(acme))
    last = acme.run(["journalctl", "-b", "-1", "--no-pager", "-o", "cat", "-p", "warning", "-u", "tenant*"]).stdout
    assert [line for line in last.splitlines() if not any(noise in line for noise in NOISE)] == []
    assert roles(acme) == ["two", "two"] and complaints(acme) == []


def test_the_host_is_up_before_its_tenants_are(acme: Host) -> None:
    acme.reboot()
    times = [
        int(acme.run(["systemctl", "show", "--value", "--property=ActiveEnterTimestampMonotonic", unit]).stdout or 0)
        for unit in ("multi-user.target", "tenant@acme.service")
    ]
    wait_until("the tenant is up", lambda: settled(acme))
    assert times[0] > 0 and times[1] == 0


def test_workloads_outlive_the_extension_and_are_managed_again_when_it_is_back(acme: Host, sysext: Path) -> None:
    leader = acme.run(["machinectl", "show", "--value", "--property=Leader", "web.acme"]).stdout
    image = acme.path(f"/var/lib/extensions/{sysext.name}")
    image.rename(acme.path("/root/away.raw"))
    acme.run(["systemd-sysext", "refresh"])
    assert not acme.path("/usr/bin/bbhv").exists()
    assert acme.run(["machinectl", "show", "--value", "--property=Leader", "web.acme"]).stdout == leader
    acme.path("/root/away.raw").rename(image)
    acme.run(["systemd-sysext", "refresh"])
    wait_until(
        "the manager is back",
        lambda: acme.run(["systemctl", "is-active", "tenant-manager"], check=False).stdout.strip() == "active",
    )
    assert acme.run(["machinectl", "show", "--value", "--property=Leader", "web.acme"]).stdout == leader
    commit(acme, "two")
    acme.run(["bbhv", "sync"], timeout=120)
    assert roles(acme) == ["two", "two"]
    assert acme.run(["systemctl", "--failed", "--no-legend"]).stdout.strip() == ""


def test_the_first_boot_with_a_registration_brings_the_tenant_up(host: Host) -> None:
    setup(host)
    commit(host, "one")
    host.reboot()
    wait_until("the tenant is up", lambda: settled(host))
    assert roles(host) == ["one", "one"]


def test_a_registration_that_the_image_brings_is_known_without_its_content(host: Host) -> None:
    setup(host)
    host.put("/etc/bitbuilder/tenants/acme.json", "not JSON")
    host.run(["systemctl", "daemon-reload"])
    assert "tenant@acme.service" in host.run(["systemctl", "show", "--property=Wants", "tenants.target"]).stdout
    said = host.run(["systemctl", "start", "tenant@acme"], check=False)
    assert said.returncode != 0
    journal = host.run(["journalctl", "--no-pager", "-u", "tenant@acme"]).stdout
    assert "/etc/bitbuilder/tenants/acme.json:1:1" in journal and SOURCE not in journal
