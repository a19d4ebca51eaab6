"""The scripts of a tenant: when each runs, with what, what its failure does, and what a hostile one can not do."""

import json
import os
import signal
import subprocess
from pathlib import Path

from .conftest import Make
from .support import run, unit_property, wait_until
from .world import Tenant, container

VOLUME = {"infrastructure/data.volume": "[Volume]\nSize=1G\n"}
NAMES = ("provision", "pre-start", "post-start", "pre-stop", "post-stop")
# What each script does in most tests: it notes in the file that they share when it was called.
NOTE = ('#!/bin/sh -eu\ntest ${{#BITBUILDER_COMMIT}} = 40\ntest $BITBUILDER_TENANT = {tenant}\n'
        'echo "$(date +%s%N) {name} $BITBUILDER_GENERATION $BITBUILDER_REASON" >>"$BITBUILDER_STATE"\n{more}')
# Messages of systemd about a unit, by their ids (systemd/sd-messages.h).
STARTING, STARTED = "7d4958e842da4a758f6c1cdc7b36dcc5", "39f53479d3a045ac8e11786248231fbf"
STOPPING, STOPPED = "de5b426a63be47a7b6ac3eaac82e2f6f", "9d1aaa27d60140bd96365438aad20286"


def idle(*lines: str, seconds: str = "infinity") -> str:
    """A container that does nothing."""
    return container(*lines, exec=(f"Parameters=/bin/sleep {seconds}",))


def noting(tenant: str, **more: str) -> dict[str, str | None]:
    """All scripts; each also does what `more` says of it."""
    return {
        f"scripts/{name}": NOTE.format(name=name, tenant=tenant, more=more.get(name.replace("-", "_"), ""))
        for name in NAMES
    }


def timed(tenant: Tenant) -> dict[str, int]:
    """When each script was called since the last time, in nanoseconds, in order."""
    path = tenant.folder / "script-state"
    rows = [line.split(" ", 1) for line in path.read_text().splitlines()]
    path.write_text("")
    return {words: int(when) for when, words in rows}


def noted(tenant: Tenant) -> list[str]:
    """What was called since the last time."""
    return list(timed(tenant))


def happened(unit: str, message: str) -> int:
    """When systemd last said this about a unit, in nanoseconds."""
    run(["journalctl", "--sync"])
    found = run(["journalctl", "-o", "json", "-n", "1", f"UNIT={unit}", f"MESSAGE_ID={message}", "_PID=1"]).stdout
    return int(json.loads(found)["_SOURCE_REALTIME_TIMESTAMP"]) * 1000


def called() -> list[str]:
    """The units of scripts that run just now, or have failed."""
    rows = run(["systemctl", "list-units", "--all", "--no-legend", "--plain", "tenant-script@*"]).stdout.splitlines()
    return [row.split()[0] for row in rows if row.split()[3] != "exited"]


def printed(tenant: str, name: str) -> str:
    """What a script printed."""
    run(["journalctl", "--sync"])
    return run(["journalctl", f"_SYSTEMD_UNIT=tenant-script@{name}.{tenant}.service", "-o", "cat", "--no-pager"]).stdout


def script(text: str) -> str:
    """A script for the shell that ends at the first failure."""
    return f"#!/bin/sh -eu\n{text}\n"


def test_each_script_runs_when_its_time_has_come(make: Make) -> None:
    acme = make("acme")
    acme.repo.commit({**acme.files(web=idle(), db=idle()), **noting("acme")})
    assert acme.sync() == "applied", acme.said
    assert noted(acme) == ["provision 1 start", "pre-start 1 start", "post-start 1 start"]
    acme.commit(web=idle("MemoryMax=200M"))
    assert acme.sync() == "applied", acme.said
    assert noted(acme) == ["provision 2 change"], "nothing stops or starts when a limit changes"
    db = acme.invocation("db")
    acme.commit(web=idle("MemoryMax=200M", seconds="100000"))
    assert acme.sync() == "applied", acme.said
    found = timed(acme)
    assert list(found) == [
        "provision 3 change", "pre-stop 2 change", "post-stop 2 change", "pre-start 3 change", "post-start 3 change",
    ]  # fmt: skip
    unit = acme.unit("web")
    assert found["pre-stop 2 change"] < happened(unit, STOPPING)
    assert happened(unit, STOPPED) < found["post-stop 2 change"] < found["pre-start 3 change"]
    assert found["pre-start 3 change"] < happened(unit, STARTING)
    assert happened(unit, STARTED) < found["post-start 3 change"]
    assert acme.invocation("db") == db, "what did not change goes on"
    assert acme.sync() == "unchanged" and noted(acme) == [] and called() == []


def test_a_tenant_that_stops_or_starts_calls_its_scripts(make: Make) -> None:
    acme = make("acme")
    acme.repo.commit({**acme.files(web=idle()), **noting("acme")})
    assert acme.sync() == "applied", acme.said
    noted(acme)
    run(["systemctl", "stop", "tenant@acme"], timeout=120)
    assert noted(acme) == ["pre-stop 1 stop", "post-stop 1 stop"] and acme.state("web") == "inactive"
    run(["systemctl", "start", "tenant@acme"], timeout=120)
    assert noted(acme) == ["pre-start 1 start", "post-start 1 start"], "it was provided for before"
    run(["systemctl", "restart", acme.unit("web")])
    assert noted(acme) == [], "who restarts one container calls no script"
    # As when the host shuts down: systemd alone stops everything at once, and keeps the order.
    run(["systemctl", "stop", "tenants-acme.slice"], timeout=120)
    run(["systemctl", "stop", "tenant-infra@acme.service"], timeout=120)
    found = timed(acme)
    assert list(found) == ["pre-stop 1 stop", "post-stop 1 stop"]
    assert found["pre-stop 1 stop"] < happened(acme.unit("web"), STOPPING)
    assert happened(acme.unit("web"), STOPPED) < found["post-stop 1 stop"]
    acme.sync()
    assert noted(acme) == ["pre-start 1 heal", "post-start 1 heal"] and acme.state("web") == "active"
    run(["bbhv", "suspend", "acme"], timeout=120)
    assert noted(acme) == ["pre-stop 1 stop", "post-stop 1 stop"]
    run(["bbhv", "resume", "acme"], timeout=120)
    assert noted(acme) == ["pre-start 1 start", "post-start 1 start"]


def test_a_change_that_cannot_be_provided_for_is_not_made(make: Make) -> None:
    acme = make("acme")
    acme.repo.commit({**acme.files(web=idle()), **noting("acme")})
    assert acme.sync() == "applied", acme.said
    before, units = acme.invocation("web"), run(["ls", "/run/bitbuilder/generations"]).stdout
    bad = noting("acme", provision="printf 'no room \\033[2J for it\\n' >&2\nexit 7\n")
    acme.repo.commit({**bad, "containers/web.nspawn": idle(seconds="9999")})
    noted(acme)
    assert acme.sync(status=1) == "rolled-back"
    why = "scripts/provision: exit status 7: no room \\x1b[2J for it, see: journalctl -u tenant-script@provision.acme"
    assert why in acme.said, acme.said
    assert noted(acme) == ["provision 2 change"], "nothing stopped, and nothing started"
    assert acme.invocation("web") == before and acme.status()["generation"] == 1
    assert run(["ls", "/run/bitbuilder/generations"]).stdout == units
    assert why in run(["bbhv", "status", "acme"], check=False).stdout.replace("\n", " ")
    assert "exit status 7" in run(["bbhv", "history", "acme", "--json=short"]).stdout
    assert acme.sync(status=1) == "quarantined" and noted(acme) == []
    acme.repo.commit({**noting("acme"), "containers/web.nspawn": idle(seconds="9998")})
    assert acme.sync() == "applied" and noted(acme)[0] == "provision 3 change" and called() == []


def test_a_script_of_a_start_that_fails_brings_the_old_generation_back(make: Make) -> None:
    acme = make("acme")
    acme.repo.commit({**acme.files(web=idle()), **noting("acme")})
    assert acme.sync() == "applied", acme.said
    for new, seconds, name, called_then in (
        (2, "71", "pre-start", []),
        (3, "72", "post-start", ["post-start 3 change", "pre-stop 3 rollback", "post-stop 3 rollback"]),
    ):
        bad = noting("acme", **{name.replace("-", "_"): "echo it is no good\nexit 3\n"})
        acme.repo.commit({**bad, "containers/web.nspawn": idle(seconds=seconds)})
        noted(acme)
        assert acme.sync(status=1) == "rolled-back"
        assert f"scripts/{name}: exit status 3: it is no good, see: " in acme.said, acme.said
        assert "generation 1 runs again" in acme.said and acme.state("web") == "active"
        number = acme.status()["generation"]
        assert number == 1 and noted(acme) == [
            f"provision {new} change", "pre-stop 1 change", "post-stop 1 change", f"pre-start {new} change",
            *called_then,
            "pre-start 1 rollback", "post-start 1 rollback",
        ], name  # fmt: skip
    assert called() == []


def test_the_words_of_a_script_are_found_by_a_journal_that_reads_them_when_the_script_is_gone(make: Make) -> None:
    acme = make("acme")
    acme.repo.commit({**acme.files(web=idle()), **noting("acme")})
    assert acme.sync() == "applied", acme.said
    acme.repo.commit({**noting("acme", post_start="echo it is no good\nexit 3\n"),
                      "containers/web.nspawn": idle(seconds="73")})  # fmt: skip
    script, journald = "tenant-script@post-start.acme.service", int(unit_property("systemd-journald", "MainPID"))
    with subprocess.Popen(["bbhv", "sync", "acme"], stdout=subprocess.PIPE, text=True) as sync:
        os.kill(journald, signal.SIGSTOP)
        try:
            wait_until("the script has failed", lambda: unit_property(script, "ActiveState") == "failed", 60)
        finally:
            os.kill(journald, signal.SIGCONT)
        said, _ = sync.communicate(timeout=120)
    assert sync.returncode == 1 and "rolled-back: scripts/post-start: exit status 3: it is no good, see: " in said, said


def test_a_script_of_a_stop_that_fails_is_told_and_stops_nothing_from_stopping(make: Make) -> None:
    acme = make("acme")
    bad = noting("acme", pre_stop="trap '' TERM\n(while :; do sleep 1; done) &\nwhile :; do sleep 1; done\n",
                 post_stop="echo it is still there\nexit 5\n")  # fmt: skip
    acme.repo.commit({**acme.files(web=idle()), **bad})
    assert acme.sync() == "applied", acme.said
    noted(acme)
    acme.commit(web=idle(seconds="81"))
    assert acme.sync() == "applied", acme.said
    assert noted(acme)[1:3] == ["pre-stop 1 change", "post-stop 1 change"]
    words = "scripts/post-stop: exit status 5: it is still there, see: journalctl -u tenant-script@post-stop.acme"
    assert words in acme.said and "scripts/pre-stop: not done within 60 s" in acme.said, acme.said
    assert words in run(["bbhv", "status", "acme"]).stdout.replace("\n", " ")
    done = run(["journalctl", "-o", "cat", "-t", "bbhv", "--no-pager"], check=False).stdout
    assert called() == [] and acme.state("web") == "active", done
    acme.repo.commit({"scripts/pre-stop": None})
    assert acme.sync() == "applied", acme.said
    run(["systemctl", "stop", "tenant@acme"], timeout=120)
    assert [line for line in noted(acme) if "stop" in line] == ["post-stop 3 stop"], "what is gone is not called"
    run(["journalctl", "--sync"])
    assert words in run(["journalctl", "-u", "tenant@acme.service", "-o", "cat", "--no-pager"]).stdout
    assert called() == [] and acme.state("web") == "inactive"


def test_a_hostile_script_reaches_nobody_and_fills_nothing(make: Make) -> None:
    acme, beta = make("evil"), make("beta")
    waiting = script("echo $$ >>$BITBUILDER_STATE\nsleep 60 & echo $! >>$BITBUILDER_STATE\nwait")
    beta.repo.commit({**beta.files(web=idle()), "scripts/provision": waiting})
    run(["systemd-run", "--quiet", "--collect", "--unit=test-beta", "bbhv", "sync", "beta"])
    other = beta.folder / "script-state"
    wait_until("the other tenant's script runs", lambda: other.exists() and other.read_text().count("\n") == 2)
    uid = run(["systemctl", "show", "--value", "--property=UID", "tenant-script@provision.beta.service"]).stdout
    tries = script(r"""
no() { if ( "$@" ) >/tmp/out 2>&1; then echo "REACHED: $*"; cat /tmp/out; fi; }
for path in /var/lib/tenants /var/lib/bitbuilder /run/bitbuilder /run/systemd/private /run/systemd/notify /run/dbus \
    /run/varlink /run/systemd/journal/io.systemd.journal /etc/passwd /etc/bitbuilder /root/x /home/x /boot /srv/git \
    /sys/fs/cgroup /dev/kmsg /dev/loop-control /dev/shm/x /proc/1; do no test -e $path; done
no systemctl list-units; no busctl list; no machinectl
no touch /x /usr/x /etc/x /var/x /srv/x /run/x /dev/shm/x
no mount -t tmpfs x /tmp; no unshare -Ur true; no chmod u+s /tmp/out; no mknod /tmp/n c 1 3
no perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(q(127.0.0.1:22))'
no perl -e 'kill 0, 1 or exit 1'
no perl -e 'for (2 .. 40000) { exit 0 if $_ != $$ && $_ != getppid && kill 0, $_ } exit 1'
no perl -e 'opendir D, q(/proc); exit !(grep { /^\d+$/ && (stat qq(/proc/$_))[4] != $> } readdir D)'
no dd if=/dev/zero of=$BITBUILDER_STATE bs=1M count=64
no dd if=/dev/zero of=/tmp/large bs=1M count=64
no rm $BITBUILDER_STATE; no ln -s /etc/shadow $BITBUILDER_STATE; no chmod 777 $BITBUILDER_STATE
env | sort | sed 's/^/ENV: /'
echo "uid $(id -u)"
perl -e 'my $n = 0; while (defined(my $p = fork)) { if (!$p) { sleep 600; exit } $n++ } print "children $n\n"'
""")
    acme.repo.commit({**acme.files(web=idle()), "scripts/provision": tries})
    assert acme.sync() == "applied", acme.said + printed("evil", "provision")
    said = printed("evil", "provision")
    assert "REACHED" not in said, said
    known = {"BITBUILDER_COMMIT", "BITBUILDER_GENERATION", "BITBUILDER_REASON", "BITBUILDER_STATE", "BITBUILDER_TENANT",
             "INVOCATION_ID", "JOURNAL_STREAM", "LANG", "LOGNAME", "MEMORY_PRESSURE_WATCH", "PATH", "PWD",
             "SYSTEMD_EXEC_PID", "USER"}  # fmt: skip
    assert {line.split()[1].partition("=")[0] for line in said.splitlines() if line.startswith("ENV:")} <= known, said
    children = next(line for line in said.splitlines() if line.startswith("children"))
    assert int(children.split()[1]) < 64, "it cannot fork for ever"
    assert f"uid {uid.strip()}" not in said, "two tenants never share a user"
    assert (acme.folder / "script-state").stat().st_size <= 16 << 20
    assert run(["pgrep", "-u", "bbhv-evil"], check=False).stdout == "", "what it left behind is gone"
    assert unit_property("test-beta.service", "ActiveState") == "active", "and nobody else noticed"
    run(["systemctl", "stop", "tenant-script@provision.beta.service"])
    wait_until("its sync ends", lambda: unit_property("test-beta.service", "ActiveState") != "active", 60)


def test_what_a_script_prints_without_end_is_not_kept(make: Make) -> None:
    loud = make("loud")
    loud.repo.commit({**loud.files(web=idle()), "scripts/pre-start": script("yes 'one more line' | head -c 2000000")})
    assert loud.sync() == "applied", loud.said
    assert printed("loud", "pre-start").count("one more line") < 2000
    # Of another script: the journal is to take no more of the first one for a while.
    bad = script("head -c 5000000 /dev/zero | tr '\\0' x >&2\nexit 1")
    loud.repo.commit({"scripts/post-start": bad, "containers/web.nspawn": idle(seconds="91")})
    assert loud.sync(status=1) == "rolled-back"
    assert len(loud.said) < 1000 and "scripts/post-start: exit status 1: …xxx" in loud.said, loud.said[:2000]


def test_a_script_that_the_kernel_could_not_start_is_refused_or_fails(make: Make) -> None:
    odd = make("odd")
    odd.commit(web=idle())
    assert odd.sync() == "applied", odd.said
    for text in ("echo x\n", "#!/bin/sh\r\nexit 0\r\n", "#!/bin/sh\nx\0\n", "#!sh\n", "#!/bin/../bin/sh\n"):
        odd.repo.commit({"scripts/pre-stop": text})
        assert odd.sync(status=3) == "refused", text
    odd.repo.commit({"scripts/pre-stop": None, "scripts/provision": "#!/var/lib/tenants/odd/x $HOME %n ; /bin/sh\n"})
    assert odd.sync(status=1) == "rolled-back"
    assert "scripts/provision: exit status 203, its interpreter cannot be executed" in odd.said, odd.said
    arguments = "#!/bin/echo a $HOME ${HOME} %n \"b ; /bin/false\n"
    odd.repo.commit({"scripts/provision": None, "scripts/pre-stop": arguments, "scripts/pre-start": arguments})
    assert odd.sync() == "applied", odd.said
    odd.commit(web=idle(seconds="92"))
    assert odd.sync() == "applied", odd.said
    for name in ("pre-start", "pre-stop"):
        assert 'a $HOME ${HOME} %n "b ; /bin/false /run/bitbuilder-script' in printed("odd", name)


def test_a_script_that_an_engine_left_running_is_stopped(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=idle())
    assert acme.sync() == "applied", acme.said
    waiting = script('test -e /srv/data/go || { echo begun >>$BITBUILDER_STATE; sleep 250; }')
    acme.repo.commit({**VOLUME, "scripts/provision": waiting, "containers/web.nspawn": idle("Volume=data:/srv/data")})
    state, unit = acme.folder / "script-state", "tenant-script@provision.acme.service"
    before = acme.invocation("web")
    for healed_by in (["systemctl", "restart", "tenant-manager.service"], ["bbhv", "sync", "acme"]):
        state.unlink(missing_ok=True)
        run(["systemd-run", "--quiet", "--collect", "--unit=test-sync", "bbhv", "sync", "acme"])
        wait_until("the script runs", lambda: state.exists() and "begun" in state.read_text())
        run(["systemctl", "kill", "--signal=KILL", "test-sync.service"])
        wait_until("the engine is gone", lambda: unit_property("test-sync.service", "ActiveState") != "active")
        assert unit_property(unit, "ActiveState") == "activating"
        (acme.folder / "volumes/data").mkdir(parents=True, exist_ok=True)
        (acme.folder / "volumes/data/go").touch()
        run(healed_by, check=False, timeout=120)
        assert called() == [], healed_by
        (acme.folder / "volumes/data/go").unlink()
    wait_until("it is as before", lambda: acme.state("web") == "active")
    assert acme.status()["generation"] == acme.status()["good"]
    assert acme.invocation("web") == before, "what comes before every change had begun, and nothing else"
    (acme.folder / "volumes/data/go").touch()
    acme.commit(web=idle("Volume=data:/srv/data", seconds="93"))
    assert acme.sync() == "applied", acme.said


def test_a_change_that_an_engine_left_half_done_is_undone_with_its_scripts(make: Make) -> None:
    acme = make("acme")
    acme.repo.commit({**acme.files(web=idle()), **noting("acme")})
    assert acme.sync() == "applied", acme.said
    noted(acme)
    acme.repo.commit({**noting("acme", pre_start="sleep 250\n"), "containers/web.nspawn": idle(seconds="74")})
    run(["systemd-run", "--quiet", "--collect", "--unit=test-sync", "bbhv", "sync", "acme"])
    state = acme.folder / "script-state"
    wait_until("the script runs", lambda: "pre-start 2 change" in state.read_text(), 120)
    run(["systemctl", "kill", "--signal=KILL", "test-sync.service"])
    wait_until("the engine is gone", lambda: unit_property("test-sync.service", "ActiveState") != "active")
    assert noted(acme)[-1] == "pre-start 2 change" and acme.state("web") == "inactive"
    acme.repo.commit({**noting("acme"), "containers/web.nspawn": idle(seconds="75")})
    assert acme.sync() == "applied", acme.said
    found = noted(acme)
    assert found[:2] == ["pre-start 1 rollback", "post-start 1 rollback"], found
    again = ["provision change", "pre-stop change", "post-stop change", "pre-start change", "post-start change"]
    assert [f"{line.split()[0]} {line.split()[2]}" for line in found[2:]] == again
    assert called() == [] and acme.state("web") == "active"


def test_the_unit_of_a_script_is_confined(make: Make) -> None:
    acme = make("acme")
    acme.repo.commit({**acme.files(web=idle()), **noting("acme")})
    assert acme.sync() == "applied", acme.said
    for name in ("pre-stop", "post-stop"):
        unit = f"tenant-script@{name}.acme.service"
        assert unit_property(unit, "ActiveState") == "active"
        assert unit_property(unit, "Slice") == "tenants-acme.slice"
        assert Path(unit_property(unit, "FragmentPath")).parent.parent == Path("/run/systemd")
        table = run(["systemd-analyze", "security", "--no-pager", unit]).stdout
        exposure = float(table.rpartition(": ")[2].split()[0])
        assert exposure < 1.0, table
