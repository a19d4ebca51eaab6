"""From a push to running: how much longer than the container's own start, and where the time goes.

A one-line change is pushed into a bare repository on the host, whose hook asks for a sync. The clock is the host's
monotonic one from before `git push` until systemd says that the changed container is active; beside it, in the same
round, the same container is restarted by systemctl alone.
"""

import json
import statistics
import sys
import threading
import time
from pathlib import Path

from tests.bench import hosts, measure
from tests.host.harness.host import Host

ROUNDS = 5
TENANT = "acme"
UNIT = f"tenant-container@web.{TENANT}.service"
BARE = f"/srv/git/{TENANT}.bare"
WORK = f"/srv/git/{TENANT}"
PATIENCE = 60.0
MOST = 1.0


def prepare(host: Host) -> None:
    """A tenant that runs, whose repository is bare and has the hook."""
    hosts.quiet(host)
    hosts.tenant(host, TENANT)
    host.run([*hosts.GIT, "clone", "-q", "--bare", WORK, BARE])
    host.put(f"{BARE}/hooks/post-receive", "#!/bin/sh\nexec bbhv hook post-receive\n")
    host.run(["chmod", "755", f"{BARE}/hooks/post-receive"])
    registration = json.loads(host.get(f"/etc/bitbuilder/tenants/{TENANT}.json"))
    host.put(f"/etc/bitbuilder/tenants/{TENANT}.json", json.dumps({**registration, "repository": f"file://{BARE}"}))
    host.run(["bbhv", "sync"], timeout=120)


def shown(host: Host) -> tuple[str, dict[str, float]]:
    """The invocation of the container, and the moments of its unit in seconds of the monotonic clock."""
    names = ("InvocationID", "InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic", "ActiveState",
             "ActiveExitTimestampMonotonic", "InactiveEnterTimestampMonotonic")
    lines = host.run(["systemctl", "show", f"--property={','.join(names)}", UNIT]).stdout.splitlines()
    found = dict(line.partition("=")[::2] for line in lines)
    moments = {name: int(value) / 1e6 for name, value in found.items() if name.endswith("Monotonic")}
    return (found["InvocationID"] if found["ActiveState"] == "active" else ""), moments


def again(host: Host, before: str) -> dict[str, float]:
    """Waits until the container runs once more; its moments."""
    pause, deadline = threading.Event(), time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        invocation, moments = shown(host)
        if invocation not in ("", before):
            return moments
        pause.wait(0.02)
    raise SystemExit(f"{UNIT} did not start again within {PATIENCE:g} s.")


def moment(host: Host, since: float, unit: str, said: str) -> float:
    """When a unit first said something, in seconds of the monotonic clock."""
    for line in host.run(["journalctl", "--output=json", f"--unit={unit}", "-b"]).stdout.splitlines():
        entry = json.loads(line)
        at = int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6
        if at >= since and str(entry["MESSAGE"]).startswith(said):
            return at
    raise SystemExit(f"{unit} did not say {said}.")


def pushed(host: Host, number: int) -> dict[str, float]:
    """One push: how long each part took, in seconds."""
    before, _ = shown(host)
    text = hosts.CONTAINER.replace("[X-Bitbuilder]\n", f"Environment=ROUND={number}\n[X-Bitbuilder]\n")
    host.put(f"{WORK}/containers/web.nspawn", text)
    host.run([*hosts.GIT, "-C", WORK, "commit", "-qam", "a line"])
    start = time.monotonic()
    host.run([*hosts.GIT, "-C", WORK, "push", "-q", BARE, "main"])
    done = time.monotonic()
    moments = again(host, before)
    began = moment(host, start, f"tenant-sync@{TENANT}.service", "Start")
    stopping = moments["ActiveExitTimestampMonotonic"]
    return {
        "whole": moments["ActiveEnterTimestampMonotonic"] - start,
        "from push to the start of the sync": began - start,
        "from the start of the sync to the stop of the container": stopping - began,
        "the push itself, for whoever pushes": done - start,
        "stop and start of the container": moments["ActiveEnterTimestampMonotonic"] - stopping,
    }


def restarted(host: Host) -> float:
    """How long the container takes to restart, with nobody but systemd at work."""
    before, _ = shown(host)
    host.run(["systemctl", "restart", UNIT])
    moments = again(host, before)
    return moments["ActiveEnterTimestampMonotonic"] - moments["ActiveExitTimestampMonotonic"]


def main(dist: Path) -> None:
    """Measure by turns; the first round warms up."""
    with hosts.host(dist) as host:
        prepare(host)
        seen: list[tuple[dict[str, float], float]] = []
        for number in range(ROUNDS + 1):
            host.run(["bbhv", "sync", "--quiet", "--wait"], timeout=120)  # until nobody is at work on it
            took = pushed(host, number)
            host.run(["bbhv", "sync", "--quiet", "--wait"], timeout=120)
            alone = restarted(host)
            seen += [(took, alone)] if number else []
        for what in seen[0][0]:
            if what != "whole":
                measure.row(f"push: {what}", statistics.median(took[what] for took, _ in seen), "s")
        alone = statistics.median(one for _, one in seen)
        measure.row("push: the container's own restart", alone, "s")
        over = statistics.median(took["whole"] - one for took, one in seen)
        measure.row("push: until it runs, over the container's own restart", over, "s", MOST)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
