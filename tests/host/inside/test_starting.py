"""A sync that meets a start which fails: nobody has stopped that tenant, so in the end it runs what was committed."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Make
from .support import REGISTRATIONS, run, unit_property, wait_until
from .test_locks import held
from .world import Tenant, container

UNIT = "tenant@acme.service"
DROP_IN = Path(f"/run/systemd/system/{UNIT}.d/50-fails-once.conf")
GATE = Path("/run/gate")
ONCE = f"ExecStartPre=/bin/sh -c 'test ! -p {GATE}'"
WAITS = f"/bin/sh -c 'test ! -p {GATE} || {{ read line < {GATE}; rm {GATE}; exit 1; }}'"


@pytest.fixture
def gate() -> Iterator[Path]:
    """Where a start waits before it fails, once."""
    os.mkfifo(GATE)
    yield GATE
    if GATE.exists():  # a test has failed: who still waits at it goes on
        held_open = os.open(GATE, os.O_RDWR | os.O_NONBLOCK)
        os.write(held_open, b"\n")
        wait_until("the start is over", lambda: not unit_property(UNIT, "ActiveState").endswith("activating"))
        os.close(held_open)
    GATE.unlink(missing_ok=True)
    shutil.rmtree(DROP_IN.parent, ignore_errors=True)
    run(["systemctl", "daemon-reload"])


def stopped(make: Make, *settings: str) -> Tenant:
    """A tenant that ran, and is stopped. Its next start has these settings."""
    acme = make("acme")
    acme.commit(web=container())
    assert acme.sync() == "applied"
    run(["systemctl", "stop", UNIT], timeout=120)
    DROP_IN.parent.mkdir(exist_ok=True)
    DROP_IN.write_text("\n".join(("[Service]", *settings, "")))
    run(["systemctl", "daemon-reload"])
    return acme


def begun(make: Make, state: str, *settings: str) -> Tenant:
    """A tenant that ran, and is started again with these settings, as far as this state of its unit."""
    acme = stopped(make, *settings)
    begin(state)
    return acme


def begin(state: str, verb: str = "start") -> None:
    """Has systemd start or reload the unit, and waits until it is in this state."""
    run(["systemctl", verb, "--no-block", UNIT])
    wait_until(f"it is {state}", lambda: unit_property(UNIT, "ActiveState") == state)


def syncing() -> "subprocess.Popen[str]":
    return subprocess.Popen(["bbhv", "sync", "acme"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def fails(make: Make) -> Tenant:
    """A tenant whose start has failed, and cleans up until it is let through the gate."""
    return begun(make, "deactivating", ONCE, f"ExecStopPost={WAITS}")


def test_a_start_that_has_failed_and_cleans_up_is_followed_by_another(make: Make, gate: Path) -> None:
    acme = fails(make)
    with syncing() as sync:
        assert sync.stderr and sync.stderr.readline() == f"Waiting for the end of {UNIT}, which did not start.\n"
        gate.write_text("\n")
        out, problems = sync.communicate(timeout=120)
    assert sync.returncode == 0 and "acme: applied" in out and acme.state("web") == "active", out + problems


def test_one_that_cleans_up_for_long_is_not_waited_for_without_end(make: Make, gate: Path) -> None:
    acme = fails(make)
    done = run(["bbhv", "sync", "acme"], check=False, timeout=120)
    assert done.returncode == 1 and "acme: failed: its start has failed, and still cleans up" in done.stdout
    gate.write_text("\n")
    wait_until("it has failed", lambda: unit_property(UNIT, "ActiveState") == "failed")
    assert acme.sync() == "applied" and acme.state("web") == "active"


def test_whom_the_registration_suspends_meanwhile_is_not_started_again(make: Make, gate: Path) -> None:
    fails(make)
    place = REGISTRATIONS / "acme.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "state": "suspended"}))
    assert "acme: suspended" in run(["bbhv", "sync", "acme"], timeout=120).stdout
    gate.write_text("\n")
    wait_until("it has failed", lambda: unit_property(UNIT, "ActiveState") == "failed")


def test_who_is_stopped_while_a_start_cleans_up_is_not_started_by_that_sync(make: Make, gate: Path) -> None:
    acme = fails(make)
    with syncing() as sync:
        assert sync.stderr and sync.stderr.readline().startswith("Waiting for")
        run(["systemctl", "stop", "--no-block", UNIT])
        out, _ = sync.communicate(timeout=120)
    assert "acme: held" in out and acme.state("web") == "inactive"
    gate.write_text("\n")
    wait_until("it is over", lambda: unit_property(UNIT, "ActiveState") in ("failed", "inactive"))


def test_a_start_that_fails_during_a_sync_is_told(make: Make, gate: Path) -> None:
    acme = begun(make, "activating", f"ExecStartPre={WAITS}")
    newest = acme.commit(web=container().replace("HealthStableSec=0", "HealthStableSec=8"))
    with syncing() as sync:
        wait_until("the container runs", lambda: acme.state("web") == "active" or sync.poll() is not None)
        gate.write_text("\n")
        out, _ = sync.communicate(timeout=120)
    assert sync.returncode == 1 and "acme: failed: a start that was under way has failed" in out
    wait_until("it has failed", lambda: unit_property(UNIT, "ActiveState") == "failed")
    assert acme.sync() == "applied"
    assert acme.status()["commit"] == newest and acme.state("web") == "active"


def test_a_start_that_fails_before_it_says_so_is_not_told_with_an_earlier_outcome(make: Make, gate: Path) -> None:
    acme = begun(make, "failed", ONCE)
    done = run(["bbhv", "sync", "acme"], check=False, timeout=120)
    assert done.returncode == 1 and f"acme: failed: it did not start, see: journalctl -u {UNIT}" in done.stdout
    gate.unlink()
    assert acme.sync() == "applied" and acme.state("web") == "active"


def test_what_runs_again_after_its_memory_was_lost_is_no_failure(make: Make, gate: Path) -> None:
    acme = begun(make, "failed", ONCE)
    gate.unlink()
    (acme.folder / "state.json").unlink()
    assert acme.sync() == "applied" and acme.state("web") == "active"


def test_who_stops_a_tenant_while_its_failed_start_is_cleaned_up_has_stopped_it(make: Make, gate: Path) -> None:
    acme = stopped(make, ONCE)
    with held("acme"):  # for which the cleaning up waits
        begin("deactivating")
        run(["systemctl", "stop", "--no-block", UNIT])
        assert " stop " in run(["systemctl", "list-jobs", "--no-legend", UNIT]).stdout
    wait_until("it is over", lambda: unit_property(UNIT, "ActiveState") in ("failed", "inactive"))
    gate.unlink()
    assert acme.sync() == "held" and acme.state("web") == "inactive"


@pytest.mark.parametrize(("verb", "state"), [("start", "activating"), ("reload", "reloading")])
def test_who_stops_a_tenant_that_is_under_way_has_stopped_it(make: Make, verb: str, state: str) -> None:
    acme = make("acme")
    acme.commit(web=container())
    assert acme.sync() == "applied"
    if verb == "start":
        run(["systemctl", "stop", UNIT], timeout=120)
    with held("acme"):
        begin(state, verb)
        run(["systemctl", "stop", "--no-block", UNIT])
        wait_until("it stops", lambda: unit_property(UNIT, "ActiveState") == "deactivating")
    wait_until("it has stopped", lambda: unit_property(UNIT, "ActiveState") in ("failed", "inactive"))
    assert acme.sync() == "held" and acme.state("web") == "inactive"
