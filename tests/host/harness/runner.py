"""All tests on one release: `python -m tests.host.harness.runner RELEASE SYSEXT TESTKIT REPORTS -- [ARGUMENT…]`.

The arguments are pytest's. First the tests inside: one host with the product, the test kit runs on it. Then the tests
from outside, each of which boots hosts of its own. Prints as it goes and leaves one JUnit report of each in REPORTS.
Exit status 1 when any failed.
"""

import subprocess
import sys
from pathlib import Path

from .host import Host
from .shell import BuildError, Progress

INSIDE_TIMEOUT = 4300
OUTSIDE_TIMEOUT = 1800
GRACE = 120
_PASSED, _NOTHING_SELECTED = 0, 5


def inside(release: str, sysext: Path, kit: Path, reports: Path, arguments: list[str]) -> int:
    """Run the test kit on a new host. Returns pytest's exit status."""
    with Host(release) as host:
        host.install(sysext)
        host.boot()
        host.copy_in(kit, "/run/testkit.pyz")
        # Who is interrupted still tells which tests failed, and writes the report.
        late = ["timeout", "--signal=INT", f"--kill-after={GRACE}", str(INSIDE_TIMEOUT)]
        argv = [*late, "python3", "/run/testkit.pyz", "--junitxml=/run/inside.xml", *arguments]
        status = subprocess.run(
            host.command(argv, {"SHIV_ROOT": "/run/testkit"}), stdin=subprocess.DEVNULL,
            timeout=INSIDE_TIMEOUT + 2 * GRACE, check=False,
        ).returncode
        if not host.path("/run/inside.xml").exists():
            raise BuildError(f"The test kit ended with status {status} and no report. Console:\n{host.console_tail()}")
        (reports / "inside.xml").write_text(host.get("/run/inside.xml"))
    return status


def outside(release: str, sysext: Path, reports: Path, arguments: list[str]) -> int:
    """Run the tests that boot, crash and reboot hosts. Returns pytest's exit status."""
    argv = [sys.executable, "-m", "pytest", "tests/host/outside", f"--release={release}", f"--sysext={sysext}",
            "-o", f"cache_dir=.cache/pytest-{release}", f"--junitxml={reports / 'outside.xml'}", *arguments]
    return subprocess.run(argv, stdin=subprocess.DEVNULL, timeout=OUTSIDE_TIMEOUT, check=False).returncode


def main(arguments: list[str]) -> int:
    """The entry point; returns the exit status."""
    release, (sysext, kit, reports) = arguments[0], map(Path, arguments[1:4])
    selection = arguments[5:]
    accepted = {_PASSED, _NOTHING_SELECTED} if selection else {_PASSED}
    statuses: list[int] = []
    try:
        statuses.append(inside(release, sysext, kit, reports, selection))
        statuses.append(outside(release, sysext, reports, selection))
    except (BuildError, subprocess.TimeoutExpired) as error:
        Progress().say(f"The tests on {release} cannot go on. {error}")
        return 1
    return int(not accepted.issuperset(statuses))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
