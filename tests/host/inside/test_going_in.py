"""Going in: a shell in a container, which may do no more than the container, its console, and logs."""

import json
import os
import pty
import select
import signal
import subprocess
from collections.abc import Iterator

import pytest

from .conftest import Make
from .support import run, wait_until
from .world import Tenant, container, new_tenant

# What it says would colour what follows, and name the window of whoever looks.
SAID = r"'\033[31mred\033[0m and \033]0;title\007plain\n'"
TALKING = f'Parameters=/bin/sh -c "while sleep 0.2; do printf {SAID}; done"'


def shell(*words: str, status: int = 0, stdin: str = "") -> str:
    argv = ["bbhv", "shell", *words]
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status, done
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def hall() -> Iterator[Tenant]:
    """A tenant with a container that has booted, for all who go in and leave it as it is."""
    tenant = new_tenant("hall")
    tenant.commit(web=container(boot=True))
    assert tenant.sync() == "applied"
    yield tenant
    tenant.remove()


def talking(make: Make, line: str = TALKING) -> Tenant:
    """A tenant with a container that says something."""
    acme = make("acme")
    acme.commit(web=container(exec=(line,)))
    assert acme.sync() == "applied"
    return acme


def test_a_command_runs_inside_as_root_of_the_container_and_its_status_is_passed_on(hall: Tenant) -> None:
    assert shell("web.hall", "--", "id", "-u") == "0\n"
    assert shell("web.hall", "--", "sh", "-c", "exit 42", status=42) == ""
    assert shell("web.hall", "--", "cat", stdin="a\nb\n") == "a\nb\n"
    assert shell("--uid=nobody", "web.hall", "--", "id", "-un") == "nobody\n"
    assert shell("web.hall", stdin="echo $0 $TERM; exit 3\n", status=3).startswith("bash")


def test_it_may_do_what_the_first_process_of_the_container_may_and_no_more(hall: Tenant) -> None:
    wanted = ("CapBnd", "CapEff", "Seccomp", "NoNewPrivs")
    inside = shell("web.hall", "--", "cat", "/proc/1/status", "/proc/self/status").splitlines()
    first, own = ({line.split(":")[0]: line.split()[1] for line in part if line.split(":")[0] in wanted}
                  for part in (inside[: len(inside) // 2], inside[len(inside) // 2 :]))  # fmt: skip
    assert own == first
    assert shell("web.hall", "--", "sh", "-c", "ls /proc/self/fd") == "0\n1\n2\n3\n"  # the last is that of the folder
    for kind in ("mnt", "user", "pid", "net", "uts", "ipc", "cgroup"):
        one, other = (shell("web.hall", "--", "readlink", f"/proc/{number}/ns/{kind}") for number in ("1", "self"))
        assert one == other


def test_a_terminal_of_the_operator_is_never_the_one_inside(hall: Tenant) -> None:
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)
    with subprocess.Popen(["bbhv", "shell", "web.hall"], stdin=theirs, stdout=theirs, stderr=theirs,
                          start_new_session=True, env={**os.environ, "TERM": "xterm"}) as process:
        os.close(theirs)
        heard = b""
        while not heard.rstrip().endswith(b"#"):
            heard += os.read(ours, 4096)
        os.write(ours, b"echo t=$TERM; test -t 0 && echo on a terminal; readlink /proc/self/fd/0; exit 7\n")
        try:
            while data := os.read(ours, 4096):
                heard += data
        except OSError:
            pass  # nobody has the other end any more
        assert process.wait(30) == 7
    os.close(ours)
    assert b"t=xterm" in heard and b"on a terminal" in heard and f"\r\n{name}\r\n".encode() not in heard


def test_what_is_mixed_goes_through_pipes(hall: Tenant) -> None:
    """Standard error is a terminal here, and the program inside does not see one anywhere."""
    ours, theirs = pty.openpty()
    command = "for i in 0 1 2; do test -t $i && echo terminal; readlink /proc/self/fd/$i | cut -d: -f1; done"
    done = subprocess.run(["bbhv", "shell", "web.hall", "--", "sh", "-c", command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=theirs, text=True, timeout=60, check=True)
    os.close(theirs)
    os.close(ours)
    assert done.stdout.split() == ["pipe"] * 3


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGHUP, -1)])
def test_an_interruption_leaves_nothing_running_inside(hall: Tenant, number: signal.Signals, status: int) -> None:
    argv = ["env", "--default-signal=INT,TERM,HUP", "bbhv", "shell", "web.hall", "sleep", "1000"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        units = ["systemctl", "list-units", "--no-legend", "--plain", "bitbuilder-shell-*"]
        wait_until("it runs", lambda: "running" in run(units).stdout)
        process.send_signal(number)
        assert process.wait(30) == status
    wait_until("it has ended", lambda: run(units).stdout == "")


def test_what_cannot_be_entered_says_why(hall: Tenant) -> None:
    assert "Tenant hall has no workload wbe.\n      Did you mean web?" in shell("wbe.hall", status=5)
    assert "Nothing of a tenant nobody runs on this host." in shell("web.nobody", status=5)
    assert "A workload is NAME.TENANT" in shell("../x.hall", status=2)
    assert "it has no such program, or that is what" in shell("web.hall", "--", "/none", status=127)
    assert "it has no such user" in shell("--uid=stranger", "web.hall", "--", "id", status=217)
    run(["systemctl", "stop", hall.unit("web")], timeout=120)
    assert "web.hall does not run" in shell("web.hall", status=1)
    run(["systemctl", "start", hall.unit("web")], timeout=120)


def test_the_console_is_text_and_follows(make: Make) -> None:
    talking(make)
    with subprocess.Popen(["env", "--default-signal=INT", "bbhv", "console", "web.acme"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        assert (process.wait(30), process.stderr and process.stderr.read()) == (0, "")
    assert lines == ["red and 0;titleplain\n"] * 3


def test_the_console_goes_on_when_the_workload_is_started_again(make: Make) -> None:
    acme = talking(make, 'Parameters=/bin/sh -c "echo begins; while sleep 0.2; do echo goes on; done"')
    with subprocess.Popen(["bbhv", "console", "web.acme"], stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout

        def line() -> bytes:
            assert process.stdout and select.select([process.stdout], [], [], 30)[0], "nothing more is said"
            return process.stdout.readline()

        try:
            assert [line(), line()] == [b"begins\n", b"goes on\n"]
            run(["systemctl", "restart", acme.unit("web")], timeout=120)
            while line() != b"begins\n":
                pass
        finally:
            process.terminate()


def test_logs_are_those_of_the_workload_or_of_all_of_the_tenant_and_of_nobody_else(make: Make) -> None:
    talking(make)
    other = make("acmes")
    other.commit(web=container())
    assert other.sync() == "applied"
    wait_until("it has said something", lambda: "plain" in run(["bbhv", "logs", "--json=short", "web.acme"]).stdout)
    one = run(["bbhv", "logs", "web.acme"]).stdout
    assert "Starting tenant-container@web.acme.service" in one and "\x1b" not in one
    everything = run(["bbhv", "logs", "-n", "all", "--json=short", "acme"]).stdout
    units = {json.loads(line)["entry"]["unit"] for line in everything.splitlines()}
    assert {"tenant@acme.service", "tenant-container@web.acme.service"} <= units
    assert [unit for unit in units if not unit or ".acme.service" not in f".{unit.split('@')[-1]}"] == []
    assert len(run(["bbhv", "logs", "-n2", "--no-pager", "web.acme"]).stdout.splitlines()) == 2
    assert run(["bbhv", "logs", "--lines=-1", "acme"], check=False).returncode == 2
