"""What the service manager says of units when it is asked directly is what systemctl show prints of them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from .support import run

ASK = """
import json, sys
sys.path.insert(0, "/usr/bin/bbhv")
from bbhv.engine.tenant.watch import PROPERTIES
from bbhv.host import bus
print(json.dumps([PROPERTIES, bus.properties(sys.argv[1:], PROPERTIES)]))
"""
UNITS = {
    "bb-runs.service": "[Service]\nType=notify\nNotifyAccess=all\n"
                       "ExecStart=/bin/sh -c 'systemd-notify --ready --status=\"x=1 ü\"; exec sleep infinity'\n",
    "bb-failed.service": "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 7'\n",
    "bb-waits.service": "[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=/bin/sleep infinity\n",
    "bb-a.b.slice": "[Slice]\n",
    "1bb.target": "[Unit]\n",
}  # fmt: skip


@pytest.fixture
def units() -> Iterator[list[str]]:
    """Units of several kinds in several states, one that nobody ever wrote, and two of the host."""
    folder = Path("/run/systemd/system")
    for name, text in UNITS.items():
        (folder / name).write_text(text)
    run(["systemctl", "daemon-reload"])
    try:
        run(["systemctl", "start", "bb-runs.service", "1bb.target"])
        run(["systemctl", "start", "bb-failed.service"], check=False)
        run(["systemctl", "start", "--no-block", "bb-waits.service"])
        yield [*UNITS, "bb-nobody.service", "systemd-journald.service", "dbus.service"]
    finally:
        run(["systemctl", "stop", *UNITS], check=False)
        run(["systemctl", "reset-failed", *UNITS], check=False)
        for name in UNITS:
            (folder / name).unlink()
        run(["systemctl", "daemon-reload"])


def test_both_say_the_same(units: list[str]) -> None:
    names, asked = json.loads(run(["python3", "-IS", "-c", ASK, *units]).stdout)
    printed = {unit: run(["systemctl", "show", f"--property={','.join(names)}", unit]).stdout for unit in units}
    for unit in units:
        shown = dict(line.partition("=")[::2] for line in printed[unit].splitlines())
        own = {name: "" if (name, value) == ("Job", "0") else value for name, value in asked[unit].items()}
        assert own == shown, unit
    assert asked["bb-runs.service"]["StatusText"] == "x=1 ü" and asked["bb-runs.service"]["ActiveState"] == "active"
    assert asked["bb-failed.service"]["ExecMainStatus"] == "7" and int(asked["bb-waits.service"]["Job"]) > 0
    assert asked["bb-nobody.service"]["ActiveState"] == "inactive"
