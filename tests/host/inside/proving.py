"""Isolation as figures: `python3 -m tests.host.inside.proving STEP` on a test host with the product.

`frames` and `inside` try what a hostile tenant can do and print, as JSON, how many attempts there were in each group
and what escaped; `again COUNT` stops and starts a tenant so often, `many COUNT` makes so many networks of one tenant.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from . import frames, trespassing
from .nets import bridge, commit, grants, member
from .support import run, wait_until
from .world import new_tenant

MANAGER = "org.freedesktop.network1.Manager"


def sent() -> dict[str, object]:
    """The frames, each of which somebody hears or does not."""
    acme = new_tenant("acme", grants=grants(77))
    heard = frames.heard(acme)
    acme.remove()
    escapes = [f"{name}, heard by {who}" for who, names in heard.items() for name in sorted(names - set(frames.HONEST))]
    missed = [f"{name}, not heard by {who}" for who, names in heard.items() for name in set(frames.HONEST) - names]
    return {"rows": {f"frames that come to {who}": (len(frames.HOSTILE), len(names - set(frames.HONEST)))
                     for who, names in heard.items()}, "escapes": escapes, "missed": missed}  # fmt: skip


def inside() -> dict[str, object]:
    """What a root in a container tries."""
    tenants = trespassing.bring_up(new_tenant)
    found = trespassing.trespass(*tenants)
    for one in tenants:
        one.remove()
    return {"rows": trespassing.rows(found), "escapes": found.escapes(), "missed": found.missed()}


def left() -> dict[str, set[str]]:
    """Everything of which a tenant has some while it runs, and nothing afterwards."""
    def lines(*argv: str) -> set[str]:
        return set(run(argv).stdout.splitlines())

    units = lines("systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager", "tenant*", "bitbuilder*")
    folders = ("/run/systemd/network", "/run/bitbuilder", "/run/systemd/nspawn", "/run/systemd/machines")
    rules = run(["nft", "-s", "list", "ruleset"]).stdout.splitlines()
    return {
        "links": {line.split(":")[1].strip() for line in lines("ip", "-o", "link")},
        "addresses": {" ".join(line.split()[1:4]) for line in lines("ip", "-o", "address")},
        "routes": {" ".join(line.split()) for line in lines("ip", "route", "show", "table", "all")}
        | lines("ip", "-6", "route", "show", "table", "all"),
        "rules": {f"{number} {line}" for number, line in enumerate(rules)},
        "network namespaces": set(_spaces()),
        "units": {" ".join(line.split()[:4]) for line in units},
        "mounts": {line.split()[4] for line in Path("/proc/1/mountinfo").read_text().splitlines()},
        "machines": lines("machinectl", "list", "--no-legend"),
        "files": lines("find", *(path for path in folders if os.path.exists(path))),
    }  # fmt: skip


def _spaces() -> Iterator[str]:
    """The network namespaces that processes of tenants have, or that are mounted somewhere: services of the host come
    and go with some of their own."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if "/tenants.slice/" in (path / "cgroup").read_text():
                yield os.readlink(path / "ns/net")
        except OSError:
            continue  # it has ended
    yield from (line for line in Path("/proc/1/mountinfo").read_text().splitlines() if " - nsfs " in line)


def again(times: int) -> dict[str, object]:
    """Stops and starts a tenant with two networks and two containers, and looks for what is left of it."""
    acme = new_tenant("again", grants=grants(70))
    nets = {**bridge("lan", "10.70.0.1/24", "Address=fd00:70::1/64"), **bridge("back", "10.70.1.1/24")}
    commit(acme, nets, web=member("lan", "Address=10.70.0.10", "Network=back:10.70.1.10"), db=member("back"))
    assert acme.sync() == "applied", acme.said
    run(["systemctl", "stop", "tenant@again"])
    before = left()
    took = []
    for _ in range(times):
        began = time.monotonic()
        run(["systemctl", "start", "tenant@again"], timeout=120)
        assert acme.state("web") == acme.state("db") == "active"
        run(["systemctl", "stop", "tenant@again"], timeout=120)
        took.append(time.monotonic() - began)
    after = left()
    found = {what: sorted(before[what] ^ after[what]) for what in before}
    acme.remove()
    return {"times": times, "left": found, "seconds": sorted(took)[times // 2]}


def told(change: Callable[[], object]) -> list[str]:
    """What systemd-networkd is told by the bus during a change: the names of the calls."""
    match = f"--match=type='method_call',interface='{MANAGER}'"
    last = ["busctl", "call", "org.freedesktop.network1", "/org/freedesktop/network1", MANAGER, "ListLinks"]
    heard = Path("/run/heard")
    watch = ["stdbuf", "--output=L", "busctl", "monitor", "--json=short", match]

    def calls() -> list[str]:
        return [str(json.loads(line)["member"]) for line in heard.read_text().splitlines(keepends=True)
                if line.endswith("\n")]  # fmt: skip

    with heard.open("w") as file, subprocess.Popen(watch, stdout=file) as process:
        try:
            wait_until("somebody listens", lambda: run(last).returncode == 0 and bool(calls()))
            before = len(calls())
            change()
            wait_until("all was heard", lambda: run(last).returncode == 0 and last[-1] in calls()[before + 1 :])
            return calls()[before:]
        finally:
            process.terminate()


def many(count: int) -> dict[str, object]:
    """Makes many networks of one tenant, and counts how often systemd-networkd is told to read its files."""
    acme = new_tenant("many", grants=grants(71))
    nets: dict[str, str | None] = {}
    for number in range(count):
        nets |= bridge(f"net{number}", f"10.71.{number}.1/24", dhcp=False)
    commit(acme, nets, web=member("net0"))
    began = time.monotonic()
    calls = told(lambda: acme.sync())
    took = time.monotonic() - began
    assert acme.outcomes and acme.status()["outcome"] == "applied", acme.said
    up = [line for line in run(["ip", "-o", "link", "show", "type", "bridge"]).stdout.splitlines() if ".many:" in line]
    assert len(up) == count, f"{len(up)} of {count} networks came up"
    acme.remove()
    return {"networks": len(up), "reloads": calls.count("Reload"), "seconds": took}


STEPS: dict[str, Callable[..., dict[str, object]]] = {"frames": sent, "inside": inside, "again": again, "many": many}

if __name__ == "__main__":
    print(json.dumps(STEPS[sys.argv[1]](*map(int, sys.argv[2:]))))
