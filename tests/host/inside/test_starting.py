"""A sync that meets a start which fails: nobody has stopped that tenant, so in the end it runs what was committed."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Make
from .support import REGISTRATIONS, run, unit_property, wait_until
from .world import Tenant, container

UNIT = "tenant@acme.service"
DROP_IN = Path(f"/run/systemd/system/{UNIT}.d/50-fails-once.conf")
GATE = Path("/run/gate")
WAITS = f"/bin/sh -c 'test ! -p {GATE} || {{ read line < {GATE}; rm {GATE}; exit 1; }}'"


@pytest.fixture
def gate() -> Iterator[Path]:
    """Where a start waits before it fails, once."""
    os.mkfifo(GATE)
    yield GATE
    GATE.unlink(missing_ok=True)
    DROP_IN.unlink(missing_ok=True)
    run(["systemctl", "daemon-reload"])


def stopped(make: Make, *settings: str) -> Tenant:
    """A tenant that ran, and is started again with these settings."""
    acme = make("acme")
    acme.commit(web=container())
    assert acme.sync() == "applied"
    run(["systemctl", "stop", UNIT], timeout=120)
    DROP_IN.parent.mkdir(exist_ok=True)
    DROP_IN.write_text("\n".join(("[Service]", *settings, "")))
    run(["systemctl", "daemon-reload"])
    run(["systemctl", "start", "--no-block", UNIT])
    return acme


def let_go(sync: "subprocess.Popen[str]") -> str:
    """Lets the start fail, and returns what the sync says in the end."""
    GATE.write_text("\n")
    out, problems = sync.communicate(timeout=120)
    assert sync.returncode == 0, out + problems
    return out


def syncing() -> "subprocess.Popen[str]":
    return subprocess.Popen(["bbhv", "sync", "acme"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def waits_for_systemd() -> bool:
    return run(["pgrep", "-f", f"^systemctl start -- {UNIT}"], check=False).returncode == 0


def test_a_start_that_has_failed_and_cleans_up_is_followed_by_another(make: Make, gate: Path) -> None:
    acme = stopped(make, "ExecStartPre=/bin/sh -c 'test ! -p /run/gate'", f"ExecStopPost={WAITS}")
    wait_until("its start has failed", lambda: unit_property(UNIT, "ActiveState") == "deactivating")
    newest = acme.commit(web=container("MemoryMax=80M"))
    sync = syncing()
    wait_until("it starts the tenant, or is over", lambda: waits_for_systemd() or sync.poll() is not None)
    assert "acme: applied" in let_go(sync)
    assert acme.status()["commit"] == newest and acme.state("web") == "active"


def test_whom_the_registration_suspends_meanwhile_is_not_started_again(make: Make, gate: Path) -> None:
    stopped(make, "ExecStartPre=/bin/sh -c 'test ! -p /run/gate'", f"ExecStopPost={WAITS}")
    wait_until("its start has failed", lambda: unit_property(UNIT, "ActiveState") == "deactivating")
    place = REGISTRATIONS / "acme.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "state": "suspended"}))
    assert "acme: suspended" in run(["bbhv", "sync", "acme"], timeout=120).stdout
    gate.write_text("\n")
    wait_until("it has failed", lambda: unit_property(UNIT, "ActiveState") == "failed")


def test_a_start_that_fails_during_a_sync_does_not_have_the_last_word(make: Make, gate: Path) -> None:
    acme = stopped(make, f"ExecStartPre={WAITS}")
    wait_until("it starts", lambda: unit_property(UNIT, "ActiveState") == "activating")
    newest = acme.commit(web=container().replace("HealthStableSec=0", "HealthStableSec=3"))
    sync = syncing()
    wait_until("the container runs", lambda: acme.state("web") == "active" or sync.poll() is not None)
    assert "acme: applied" in let_go(sync)
    assert acme.status()["commit"] == newest and acme.state("web") == "active"
    assert unit_property(UNIT, "ActiveState") == "active"


def test_a_sync_starts_a_tenant_whose_start_had_failed_with_what_is_newest(make: Make, gate: Path) -> None:
    acme = stopped(make, "ExecStartPre=/bin/sh -c 'test ! -p /run/gate'")
    wait_until("its start has failed", lambda: unit_property(UNIT, "ActiveState") == "failed")
    gate.unlink()
    newest = acme.commit(web=container("MemoryMax=80M"))
    assert acme.sync() == "applied"
    assert acme.status()["commit"] == newest and acme.state("web") == "active"
