"""Stopping in the first moments of a container, for a restart too: its init does not listen yet, and is asked again."""

from .conftest import Make
from .support import cursor, run, unit_property, wait_until
from .world import container


def test_a_container_that_is_stopped_while_it_starts_is_halted_and_not_killed_after_its_patience(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container(boot=True))
    assert acme.sync() == "applied"
    unit = acme.unit("web")
    for _ in range(4):
        run(["systemctl", "stop", unit], timeout=120)
        run(["systemctl", "start", "--no-block", unit])
        wait_until("nspawn runs", lambda: unit_property(unit, "MainPID") != "0")
        run(["systemctl", "stop", "tenant@acme"], timeout=150)
        assert unit_property(unit, "ActiveState") == "inactive" and unit_property(unit, "Result") == "success"
        run(["systemctl", "start", "tenant@acme"], timeout=120)
        assert acme.state("web") == "active"


def test_a_container_that_is_restarted_while_it_starts_is_halted_too(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container(boot=True))
    assert acme.sync() == "applied"
    unit = acme.unit("web")
    for number in range(4):
        run(["systemctl", "stop", unit], timeout=120)
        acme.commit(web=container(boot=True, exec=(f"Environment=A={number}",)))
        since = cursor()
        run(["systemctl", "start", "--no-block", unit])
        wait_until("nspawn runs", lambda: unit_property(unit, "MainPID") != "0")
        assert acme.sync() == "applied"
        assert "timed out" not in run(["journalctl", f"--after-cursor={since}", f"--unit={unit}", "--quiet"]).stdout
