"""Locks: one caller at a time for each tenant; the next one is told who it is, or waits."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .conftest import Make
from .support import run, wait_until
from .world import container

LOCKS = Path("/run/bitbuilder/lock")
VERBS = ("sync", "apply", "rollback", "suspend", "resume")


@contextmanager
def held(name: str) -> Iterator[None]:
    """Somebody else has the lock."""
    path = LOCKS / name
    path.touch()
    with subprocess.Popen(["flock", path, "sh", "-c", f"echo 'somebody (pid 7)' > {path}; echo have; read line"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "have\n"
        yield
        assert process.stdin
        process.stdin.close()


def test_a_second_caller_gets_75_and_the_holders_name(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    before = (acme.folder / "state.json").read_bytes()
    for verb in VERBS:
        with held("acme"):
            done = run(["bbhv", verb, "acme"], check=False)
        assert done.returncode == 75 and "Tenant acme is busy: somebody (pid 7)." in done.stderr, verb
        assert (acme.folder / "state.json").read_bytes() == before and acme.state("web") == "active", verb


@pytest.mark.parametrize("verb", [("sync",), ("suspend",)])
def test_who_waits_says_for_whom_and_then_does_it(make: Make, verb: tuple[str, ...]) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    newest = acme.commit(web=container("MemoryMax=80M"))
    with held("acme"):
        waiting = subprocess.Popen(["bbhv", *verb, "--wait", "acme"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        assert waiting.stderr and waiting.stderr.readline() == "Waiting for somebody (pid 7).\n"
        assert waiting.poll() is None
    out, _ = waiting.communicate(timeout=120)
    assert waiting.returncode == 0
    assert ("acme: applied" if verb == ("sync",) else "acme: suspended") in out
    assert verb != ("sync",) or acme.status()["commit"] == newest


def test_an_interrupted_wait_ends_with_130_and_changes_nothing(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    with held("acme"):
        waiting = subprocess.Popen(["bbhv", "suspend", "--wait", "acme"], stderr=subprocess.PIPE, text=True)
        assert waiting.stderr and waiting.stderr.readline().startswith("Waiting for")
        waiting.send_signal(2)
        _, said = waiting.communicate(timeout=60)
    assert waiting.returncode == 130 and said == "bbhv: Interrupted.\n"
    assert acme.state("web") == "active" and acme.status()["hold"] is None


def test_a_busy_tenant_keeps_no_other_from_being_done(make: Make) -> None:
    acme, shop = make("acme"), make("shop")
    for tenant in (acme, shop):
        tenant.commit(web=container())
        tenant.sync()
        tenant.commit(web=container("MemoryMax=70M"))
    with held("acme"):
        done = run(["bbhv", "sync", "acme", "shop"], check=False, timeout=120)
        assert done.returncode == 75 and "somebody (pid 7)" in done.stdout and "shop: applied" in done.stdout
        shop.commit(web=container("MemoryMax=71M"))
        waiting = subprocess.Popen(["bbhv", "sync", "--wait", "acme", "shop"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        wait_until("shop was done", lambda: "MemoryMax=71M" in "".join(
            path.read_text() for path in shop.folder.glob("good/units/*web*/*")), 60)
        assert waiting.poll() is None
    out, _ = waiting.communicate(timeout=120)
    assert waiting.returncode == 0 and "acme: applied" in out and "shop: applied" in out


def test_two_syncs_of_everything_are_one_too_many_unless_the_second_waits(make: Make) -> None:
    make("acme").commit(web=container())
    with held("_sync"):
        done = run(["bbhv", "sync"], check=False)
        assert done.returncode == 75 and "The sync of all tenants is busy: somebody (pid 7)." in done.stderr
        waiting = subprocess.Popen(["bbhv", "sync", "--wait"], stderr=subprocess.PIPE, text=True)
        assert waiting.stderr and waiting.stderr.readline() == "Waiting for somebody (pid 7).\n"
    waiting.communicate(timeout=120)
    assert waiting.returncode == 0
