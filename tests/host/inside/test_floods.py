"""A payload that floods its output has its share of the journal, and nobody else has less."""

import json

from .conftest import Make
from .support import run, unit_property, wait_until
from .world import Tenant, container

# systemd's own name for the message of its journal that it has left out some (SD_MESSAGE_JOURNAL_DROPPED).
DROPPED = "a596d6fe7bfa4994828e72309e95d61e"
FLOOD, BURST, QUIET = 100_000, 5000, 100
# A journal that has room for it lets pass a few times as much (journald.conf(5), RateLimitBurst=).
MOST = 6
# It goes on slowly, so that the journal says what it left out before.
FLOODS = f"yes flood | head -n {FLOOD}; while sleep 1; do echo later; done"
SPEAKS = f"for n in $(seq {QUIET}); do echo line $n; sleep 0.02; done; exec sleep infinity"


def speaker(words: str) -> str:
    """A container that does something as soon as its volume has a file."""
    wait = "until [ -e /srv/data/go ]; do sleep 0.1; done"
    return container("Volume=data:/srv/data", exec=(f"Parameters=/bin/sh -c '{wait}; {words}'",))


def lines(unit: str, *fields: str) -> list[str]:
    """What the journal has of a unit, or about it."""
    argv = ["journalctl", "--no-pager", "-o", "json", *(fields or (f"_SYSTEMD_UNIT={unit}",))]
    return [str(json.loads(line)["MESSAGE"]).rstrip("\r") for line in run(argv).stdout.splitlines()]


def left_out(unit: str) -> int:
    """How many messages of a unit the journal says that it has left out."""
    said = lines(unit, f"MESSAGE_ID={DROPPED}")
    return sum(int(line.split()[1]) for line in said if line.endswith(f" {unit}"))


def test_a_flood_is_cut_off_and_others_are_heard(make: Make) -> None:
    evil, victim = make("evil"), make("victim")
    for one, words in ((evil, FLOODS), (victim, SPEAKS)):
        one.repo.commit({**one.files(web=speaker(words)), "infrastructure/data.volume": "[Volume]\nSize=16M\n"})
        assert one.sync() == "applied", one.said
        assert unit_property(one.unit("web"), "LogRateLimitIntervalUSec") == "30s"
        assert unit_property(one.unit("web"), "LogRateLimitBurst") == str(BURST)
    flooding, quiet = evil.unit("web"), victim.unit("web")
    for one in (evil, victim):
        go(one)
    wait_until("the other one was heard", lambda: f"line {QUIET}" in lines(quiet))
    assert [line for line in lines(quiet) if line.startswith("line ")] == [f"line {n}" for n in range(1, QUIET + 1)]
    run(["logger", "--tag=operator", "the host is heard too"])
    wait_until("so was the host", lambda: "the host is heard too" in lines("", "SYSLOG_IDENTIFIER=operator"))
    wait_until("the journal says how much it has left out", lambda: left_out(flooding) > 0, timeout=90)
    kept = lines(flooding).count("flood")
    assert kept <= MOST * BURST and kept + left_out(flooding) >= FLOOD
    assert left_out(quiet) == 0


def go(tenant: Tenant) -> None:
    """Has the container of a tenant begin."""
    (tenant.folder / "volumes/data/go").touch()
