"""What activation does to units: in the order of After=, side by side where nothing waits, and only what is to be.

The times are those that systemd notes, so a slow host changes nothing.
"""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from .conftest import Make
from .support import run, unit_property, wait_until
from .world import Tenant, container, reloads


def begins(acme: Tenant, name: str) -> int:
    """When a container last began to start, in microseconds."""
    return int(unit_property(acme.unit(name), "InactiveExitTimestampMonotonic"))


def ready(acme: Tenant, name: str) -> int:
    """When a container last was ready."""
    return int(unit_property(acme.unit(name), "ActiveEnterTimestampMonotonic"))


def seen(acme: Tenant, names: Iterable[str]) -> dict[str, str]:
    """Something that differs after each start of each container."""
    return {name: acme.invocation(name) for name in names}


def role(text: str, *lines: str) -> str:
    """A container of a role. Until it is ready nspawn has some time to set it up."""
    return container(*lines, exec=(f"Environment=ROLE={text}",))


def told(text: str) -> str:
    """The same, but it is ready when it is told to be."""
    wait = "until test -e /tmp/go; do sleep 0.1; done; exec systemd-notify --ready --no-block --exec ';' sleep infinity"
    does = (f'Parameters=/bin/sh -c "{wait}"', "NotifyReady=yes", "KillSignal=SIGKILL")
    return container(exec=(f"Environment=ROLE={text}", *does))


def waits(acme: Tenant, name: str) -> bool:
    """Whether its shell runs: what was mounted for it is there, so that a file in /tmp is seen."""
    leader = acme.leader(name)
    return leader != 0 and Path(f"/proc/{leader}/comm").read_text() == "sh\n"


def test_what_restarts_waits_for_what_it_names_and_the_rest_does_not(make: Make) -> None:
    acme = make("acme")
    # By name, each would come before the one that it waits for.
    acme.commit(a=role("1", "After=b"), b=role("1", "After=c"), c=role("1"), d=role("1"))
    assert acme.sync() == "applied"
    before = seen(acme, "abcd")
    acme.commit(a=role("2", "After=b"), b=role("2", "After=c"), c=told("2"), d=told("2"))
    with subprocess.Popen(["bbhv", "sync", "acme"], stdout=subprocess.PIPE, text=True) as sync:
        for name in "cd":
            wait_until(f"{name} starts, whatever the other does", lambda: acme.invocation(name) != before[name], 60)
            wait_until(f"{name} waits to be told", lambda: waits(acme, name), 60)
        assert [acme.state(name) for name in "abcd"] == ["inactive", "inactive", "activating", "activating"]
        for name in "cd":
            acme.inside(name, "touch", "/tmp/go")
        assert "acme: applied" in sync.communicate(timeout=120)[0]
    assert all(before[name] != now for name, now in seen(acme, "abcd").items())
    assert ready(acme, "c") <= begins(acme, "b") and ready(acme, "b") <= begins(acme, "a")


def test_what_restarts_waits_for_what_is_new(make: Make) -> None:
    acme = make("acme")
    acme.commit(a=role("1"))
    assert acme.sync() == "applied"
    acme.commit(a=role("2", "After=z"), z=role("1"))
    assert acme.sync() == "applied"
    assert ready(acme, "z") <= begins(acme, "a")
    acme.commit(a=role("3", "After=z"), z=role("2"))
    assert acme.sync() == "applied"
    assert ready(acme, "z") <= begins(acme, "a")


def test_a_start_of_the_tenant_keeps_the_order_too(make: Make) -> None:
    acme = make("acme")
    acme.commit(a=role("1", "After=b"), b=role("1"))
    assert acme.sync() == "applied"
    run(["systemctl", "restart", "tenant@acme"], timeout=120)
    assert ready(acme, "b") <= begins(acme, "a")


def test_only_what_has_to_restart_restarts(make: Make) -> None:
    acme = make("acme")
    names = ("limit", "order", "restart", "same", "volume", "health")
    acme.commit(**{name: container() for name in names})
    assert acme.sync() == "applied"
    before, loaded = seen(acme, names), reloads()
    infra = unit_property("tenant-infra@acme.service", "InvocationID")
    acme.repo.commit({
        "containers/limit.nspawn": container("MemoryMax=77M"),
        "containers/order.nspawn": container("After=same"),
        "containers/restart.nspawn": container(exec=("Environment=A=1",)),
        "containers/volume.nspawn": container("Volume=data:/srv/data"),
        "containers/health.nspawn": container("Health=exec:/bin/true"),
        "infrastructure/data.volume": "[Volume]\nSize=1M\n",
    })  # fmt: skip
    assert acme.sync() == "applied"
    after = seen(acme, names)
    assert {name for name in names if before[name] != after[name]} == {"restart", "volume"}
    assert unit_property(acme.unit("limit"), "MemoryMax") == str(77 << 20) and reloads() != loaded
    assert acme.unit("same") in unit_property(acme.unit("order"), "After")
    assert unit_property("tenant-infra@acme.service", "InvocationID") == infra, "it was reloaded, not restarted"
    assert (acme.folder / "volumes/data").is_dir()
    loaded = reloads()
    acme.commit(health=container("Health=exec:/bin/sleep 0"))
    assert acme.sync() == "applied" and reloads() == loaded and seen(acme, names) == after
