"""What `bbhv status` costs on a host with 1,000 workloads that systemd runs: one question for all of them."""

import sys
from functools import partial
from pathlib import Path

from tests.bench import fleet, hosts, measure
from tests.host.harness.host import Host

TENANTS, CONTAINERS = 250, 4
ROUNDS = 3
STATUS = ("/usr/bin/bbhv", "status", "--json=short")
LIST = ("/usr/bin/bbhv", "list", "--json=short")
METRICS = ("/usr/bin/bbhv", "metrics")
ONE = ("/usr/bin/bbhv", "status", "--json=short", "tenant0100")
PATTERNS = ("tenant@*.service", "tenant-container@*.service")
SHOW = ("systemctl", "show", "--property=Id,ActiveState,SubState", "--", *PATTERNS)
NOTHING = "[Service]\nType=oneshot\nRemainAfterExit=yes\nRestart=no\nExecStart=\nExecStop=/bin/true\nExecStopPost=\n"


def prepare(host: Host) -> None:
    """Store and show the tenants, and start all their units: these have nothing to run, but systemd counts them."""
    host.run(["systemctl", "start", "tenant-manager.service"])
    host.copy_in(Path(fleet.__file__), "/run/fleet.py")
    host.run(["python3", "-IS", "/run/fleet.py", str(TENANTS), str(CONTAINERS)], timeout=300)
    for template in ("tenant@", "tenant-infra@", "tenant-container@"):
        host.put(f"/etc/systemd/system/{template}.service.d/99-bench.conf", NOTHING)
    units = [f"tenant@{tenant}.service" for tenant in fleet.tenants(TENANTS)]
    units += [f"tenant-container@web{number}.{tenant}.service" for tenant in fleet.tenants(TENANTS)
              for number in range(CONTAINERS)]
    host.put("/run/systemd/system/bench.target", "[Unit]\n" + "".join(f"Wants={unit}\n" for unit in units))
    host.run(["systemctl", "daemon-reload"], timeout=300)
    host.run(["systemctl", "start", "bench.target"], timeout=300)
    active = host.run([*SHOW], timeout=300).stdout.count("ActiveState=active")
    if active != len(units):
        raise SystemExit(f"{active} units are active, not {len(units)}.")


def main(dist: Path) -> None:
    """Measure on one host."""
    with hosts.host(dist) as host:
        prepare(host)
        size = TENANTS * CONTAINERS
        commands = {"bare": hosts.BARE, "status": STATUS, "list": LIST, "one": ONE, "show": SHOW,
                    "metrics": METRICS}
        times = measure.by_turns({name: partial(hosts.whole, host, argv) for name, argv in commands.items()}, ROUNDS)
        measure.row(f"systemctl show of {size} workloads, with systemd's part", times.ms("show"), "ms")
        measure.row(f"bbhv status of {size} workloads, with systemd's part", times.ms("status"), "ms")
        measure.row("bbhv status over systemctl show of the same units", times.ratio("status", "show"), "times", 0.3)
        measure.row(f"bbhv list of {size} workloads, with systemd's part", times.ms("list"), "ms")
        measure.row(f"bbhv status of one tenant among {size} workloads, with systemd's part", times.ms("one"), "ms")
        measure.row(f"bbhv metrics of {size} workloads, with systemd's part", times.ms("metrics"), "ms")
        for name, argv in (("status", STATUS), ("list", LIST), ("status of one tenant", ONE), ("metrics", METRICS)):
            programs = hosts.started(host, argv)
            measure.row(f"programs that bbhv {name} starts", len(programs) - 1, "programs", 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
