"""Health checks: each kind with a workload that is well, one that is not, one that is late, and one that is hostile."""

import json
from pathlib import Path

from .conftest import Make
from .support import run
from .world import Tenant, container

REPORT = ("cat /proc/self/status; cat /proc/self/environ | tr '\\\\0' '\\\\n'; ls -l /proc/self/fd; id; pwd; "
          "ls -l /proc/self/ns")


def tenant(acme: Tenant, seconds: int, files: dict[str, str], **containers: str) -> str:
    """Commits containers, of which all must be healthy within so many seconds."""
    life = {"apiVersion": "bitbuilder.io/v1", "tenant": "acme", "lifecycle": {"healthTimeoutSec": seconds}}
    named = {f"containers/{name}.nspawn": text for name, text in containers.items()}
    return acme.repo.commit({"metadata.json": json.dumps(life), **files, **named})


def idle(*lines: str, exec: tuple[str, ...] = ()) -> str:
    """A container that does nothing, with a check."""
    return container(*lines, exec=("Parameters=/bin/sleep infinity", *exec))


def server(port: int, answer: str, *lines: str, before: str = "") -> str:
    """A container with a server, which runs `answer` for each connection $c; $n is the end of a line."""
    code = (f"my $n = chr(13).chr(10); {before} my $s = IO::Socket::INET->new(LocalAddr => q(127.0.0.1), "
            f"LocalPort => {port}, Listen => 5, ReuseAddr => 1); while (my $c = $s->accept) {{ {answer} }}")
    return container(*lines, exec=(f'Parameters=/usr/bin/perl -MIO::Socket::INET -e "{code}"',))


def left() -> str:
    """The units of checks that systemd still knows."""
    patterns = ("tenant-health@*", "tenant-script@*")
    return run(["systemctl", "list-units", "--all", "--no-legend", "--plain", *patterns]).stdout


PIPE = "$SIG{PIPE} = q(IGNORE);"
SAY = "print $c qq(HTTP/1.1 {status} x$n$n); close $c;"


def test_what_answers_well_is_healthy(make: Make) -> None:
    acme = make("acme")
    tenant(
        acme, 60,
        {"scripts/health": "#!/bin/sh\ntest $BITBUILDER_TENANT = acme && test -d /srv/data && ! test -e /etc/passwd",
         "infrastructure/data.volume": "[Volume]\nSize=1G\n"},
        tcp=server(80, "close $c;", "Health=tcp:80"),
        http=server(8080, SAY.format(status=204), "Health=http:8080/healthz?a=%20b"),
        moved=server(80, SAY.format(status=302), "Health=http:80/"),
        exec=idle("Health=exec:/bin/sh -c 'test -e /etc/debian_version && test $(id -u) = 0'"),
        user=idle("Health=exec:/bin/sh -c 'test $(id -u) = 65534 && test $HOME = /nonexistent'",
                     exec=("User=nobody",)),
        script=idle("Health=script:health", "Volume=data:/srv/data"),
        late=server(80, "close $c;", "Health=tcp:80", before="sleep 4;"),
        boot=container("Health=exec:/bin/systemctl is-active --quiet dbus.socket", boot=True),
    )  # fmt: skip
    assert acme.sync() == "applied", acme.said
    assert left() == ""


def test_what_does_not_answer_well_is_not_and_the_sentence_says_why(make: Make) -> None:
    acme = make("acme")
    tenant(acme, 20, {}, good=idle("Health=exec:/bin/true"))
    assert acme.sync() == "applied", acme.said
    hang = "HealthTimeoutSec=1"
    tenant(
        acme, 12,
        {"scripts/health": "#!/bin/sh\nexec sleep 1000\n", "scripts/post-stop": "#!/bin/sh\nexit 7\n"},
        refused=idle("Health=tcp:80"),
        silent=server(80, "push @k, $c;", "Health=http:80/", hang),
        endless=server(80, "while (1) { print $c q(x) x 65536 or last }", "Health=http:80/", hang, before=PIPE),
        drip=server(80, "for (1 .. 9) { print $c q(H); $c->flush; sleep 1 }", "Health=http:80/", hang, before=PIPE),
        nonsense=server(80, "print $c qq(SSH-2.0-x$n); close $c;", "Health=http:80/"),
        sick=server(80, SAY.format(status=503), "Health=http:80/"),
        false=idle("Health=exec:/bin/false"),
        missing=idle("Health=exec:/bin/no-such-program"),
        nobody=idle("Health=exec:/bin/true", exec=()),
        forks=idle("Health=exec:/bin/sh -c 'sleep 4711 & setsid sleep 4711 & wait'", hang),
        flood=idle("Health=exec:/usr/bin/perl -e 'print q(x) x 65536 while 1'", hang),
        script=idle("Health=script:health", hang),
        other=idle("Health=script:post-stop"),
    )  # fmt: skip
    assert acme.sync(status=1) == "rolled-back"
    for words in (
        "refused: tcp:80: connection refused (", "silent: http:80/: no answer within 1 s (",
        "endless: http:80/: it is no answer of HTTP/1.x (", "nonsense: http:80/: it is no answer of HTTP/1.x (",
        "drip: http:80/: ", "sick: http:80/: status 503 (", "false: exec:/bin/false: exit status 1 (",
        "missing: exec:/bin/no-such-program: exit status 127, there is no such program (",
        "forks: exec:/bin/sh -c 'sleep 4711 & setsid sleep 4711 & wait': not done within 1 s (",
        "flood: exec:/usr/bin/perl -e 'print q(x) x 65536 while 1': not done within 1 s (",
        "script: script:health: not done within 1 s (", "other: script:post-stop: exit status 7 (",
    ):  # fmt: skip
        assert words in acme.said, acme.said
    assert "nobody:" not in acme.said and "see: journalctl -u tenant-health@script.acme.service" in acme.said
    assert acme.state("good") == "active" and left() == ""
    assert run(["pgrep", "-f", "sleep 4711"], check=False).returncode == 1, "what a check left behind is gone"


def test_a_program_inside_has_what_the_container_has_and_nothing_of_the_host(make: Make) -> None:
    acme = make("acme")
    tenant(acme, 30, {}, web=idle(
        f'Health=exec:/bin/sh -c "({REPORT}) >/run/report"', exec=("DropCapability=CAP_NET_RAW", "NoNewPrivileges=yes")
    ))  # fmt: skip
    assert acme.sync() == "applied", acme.said
    report = acme.inside("web", "cat", "/run/report")
    leader = Path(f"/proc/{acme.leader('web')}/status").read_text()
    for key in ("CapBnd", "NoNewPrivs"):
        line = next(line for line in leader.splitlines() if line.startswith(key))
        assert line in report, (line, report)
    assert "Seccomp:\t2" in report and "uid=0(root) gid=0(root) groups=0(root)" in report
    for kind in ("net", "mnt", "pid", "user", "uts", "ipc"):
        assert str(Path(f"/proc/{acme.leader('web')}/ns/{kind}").readlink()) in report, (kind, report)
    for word in ("INVOCATION_ID", "NOTIFY_SOCKET", "bitbuilder", "PYTHON", "socket:", "pipe:"):
        assert word not in report, (word, report)
    assert "PATH=/usr/local/sbin" in report


def test_a_script_of_the_tenant_is_asked_while_a_generation_is_watched(make: Make) -> None:
    acme = make("acme")
    tenant(acme, 20, {"scripts/health": "#!/bin/sh\nexit 0\n"}, web=idle())
    assert acme.sync() == "applied", acme.said
    tenant(acme, 4, {"scripts/health": "#!/bin/sh -eu\necho it is not well\nexit 3\n"}, web=idle("MemoryMax=99M"))
    assert acme.sync(status=1) == "rolled-back"
    assert "script:health: exit status 3 (" in acme.said
    said = run(["journalctl", "-u", "tenant-script@health.acme.service", "-o", "cat", "--no-pager"]).stdout
    assert "it is not well" in said


def test_a_script_reaches_nothing_but_programs_and_volumes(make: Make) -> None:
    acme = make("acme")
    tries = (
        "#!/bin/sh -ex\ntest ! -e /run/systemd/notify\ntest ! -e /var/lib/tenants\ntest ! -e /etc/bitbuilder\n"
        "! ls /root\n! ls /home\n! touch /usr/x\n! touch /srv/data/x\n! kill -0 1\n"
        "test \"$(grep -c : /proc/self/net/dev)\" = 1\n! ls /sys/fs\n"
            "test \"$(cat /srv/data/file)\" = kept\ntouch /tmp/mine\n"
        "test $(id -u) -ge 61184\ngrep -q '^NoNewPrivs:.1' /proc/self/status\n"
        "grep -q '^CapBnd:.0*$' /proc/self/status\n"
    )
    tenant(acme, 30, {"infrastructure/data.volume": "[Volume]\nSize=1G\n"}, web=idle("Volume=data:/srv/data"))
    assert acme.sync() == "applied", acme.said
    acme.inside("web", "sh", "-c", "echo kept > /srv/data/file")
    tenant(acme, 15, {"scripts/health": tries}, web=idle("Volume=data:/srv/data", "MemoryMax=98M"))
    assert acme.sync() == "applied", acme.said + run(["journalctl", "-u", "tenant-script@*", "-o", "cat"]).stdout


def test_when_neither_generation_is_healthy_both_are_named_and_nothing_flaps(make: Make) -> None:
    acme = make("acme")
    check = ("Volume=data:/srv/data", "Health=exec:/bin/test ! -e /srv/data/broken")
    tenant(acme, 6, {"infrastructure/data.volume": "[Volume]\nSize=1G\n"}, web=idle(*check))
    assert acme.sync() == "applied", acme.said
    acme.inside("web", "sh", "-c", "echo > /srv/data/broken")
    tenant(acme, 6, {}, web=idle(*check, exec=("Environment=A=2",)))
    assert acme.sync(status=1) == "rolled-back"
    failed = "web: exec:/bin/test ! -e /srv/data/broken: exit status 1 ("
    assert acme.said.count(failed) == 2 and "generation 1 runs again, but is not healthy either" in acme.said
    assert "bbhv rollback acme --to=N" in acme.said
    before, restarts = acme.invocation("web"), acme.state("web")
    assert restarts == "active" and acme.status()["generation"] == acme.status()["good"] == 1
    for _ in range(2):
        assert acme.sync(status=1) == "quarantined" and "generation 1 was not healthy either" in acme.said
    assert acme.invocation("web") == before, "what runs is left as it is"
    acme.inside("web", "rm", "/srv/data/broken")
    tenant(acme, 20, {}, web=idle(*check, exec=("Environment=A=3",)))
    assert acme.sync() == "applied", acme.said


def test_a_check_that_changes_alone_decides_and_restarts_nothing(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    before = acme.leader("web")
    bad = acme.commit(web=container("Health=exec:/bin/false", "HealthIntervalSec=1"))
    assert "Another health check decides on web" in run(["bbhv", "plan", "--fetch", "acme"]).stdout
    assert acme.sync(status=1) == "rolled-back"
    assert acme.leader("web") == before and acme.sync(status=1) == "quarantined" and bad[:12] in acme.said
    good = acme.commit(web=container("Health=exec:/bin/true"))
    assert acme.sync() == "applied" and acme.status()["commit"] == good and acme.leader("web") == before
    acme.repo.commit({"scripts/health": "#!/bin/sh\nexit 1\n"}, mode="100755")
    assert acme.sync(status=1) == "rolled-back" and acme.leader("web") == before
