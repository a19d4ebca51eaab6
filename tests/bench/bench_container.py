"""What our part of a container's start costs beside that of systemd and nspawn.

Ours are the programs that nspawn itself does not need: the one that makes the root, and those of the units that every
start of ours brings along.
"""

import shlex
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.bench import hosts, measure
from tests.host.harness.host import Host

ROUNDS = 10
LIMIT = 0.125  # 10 ms beside nspawn's own 80
UNIT = "tenant-container@web.tenant0.service"
DROP_IN = f"/run/systemd/generator/{UNIT}.d/10-bitbuilder.conf"
WORDS = 7  # container-root DIR BASE SIZE INODES tree IMAGE, and then the program


def command(host: Host) -> list[str]:
    """What the unit runs before nspawn."""
    text = host.run(["cat", DROP_IN]).stdout
    line = next(line for line in text.splitlines() if line.startswith("ExecStart=/"))
    return shlex.split(line.removeprefix("ExecStart="))[:WORDS]


def apart(directory: str, argv: Sequence[str]) -> list[str]:
    """The command in a mount namespace of its own, as the service has one, with the directory that systemd makes."""
    script = 'mkdir -p "$1"; shift; exec "$@"'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", directory, *argv]


def start(host: Host) -> float:
    """A whole start of the container, systemd's part with it."""
    host.run(["systemctl", "stop", UNIT])
    return hosts.whole(host, ["systemctl", "start", UNIT])


def making(host: Host, words: Sequence[str], format: str, image: str) -> list[str]:
    """Making a root, and the shortest program afterwards."""
    directory = "/run/bench-root"
    return apart(directory, [words[0], directory, *words[2:5], format, image, "/bin/true"])


def main(dist: Path) -> None:
    """Measure on one host."""
    with hosts.host(dist) as host:
        hosts.quiet(host)
        hosts.tenant(host, "tenant0")
        host.run(["bbhv", "sync"], timeout=120)
        words = command(host)
        programs = {
            "nothing": apart("/run/bench-root", ["/bin/true"]), "tree": making(host, words, "tree", words[6]),
            "raw": making(host, words, "raw", "/srv/images/guest.squashfs"),
        }
        times = measure.by_turns({
            "start": lambda: start(host),
            # To start what runs starts only what it brings along, and what stays up brings along nothing.
            "again": partial(hosts.whole, host, ["systemctl", "start", UNIT]),
            "target": partial(hosts.whole, host, ["systemctl", "start", "tenants.target"]),
            **{name: partial(hosts.own, host, argv) for name, argv in programs.items()},
        }, ROUNDS)
        whole, brought = times.ms("start"), max(0.0, times.ms("again") - times.ms("target"))
        measure.row("start of a container, everybody", whole, "ms")
        measure.row("units that it brings along each time", brought, "ms")
        for name in ("tree", "raw"):
            root = times.ms(name) - times.ms("nothing")
            measure.row(f"making its root from a {name} image", root, "ms")
            ours = root + brought
            measure.row(f"ours, over the rest of the start, {name} image", ours / (whole - ours), "times", LIMIT)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
