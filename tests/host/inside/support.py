"""What the tests inside a host share: repositories by real git, registrations, commands, and bounded waiting."""

import json
import os
import pty
import select
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

REPOSITORIES = Path("/srv/git")
REGISTRATIONS = Path("/etc/bitbuilder/tenants")
OFFERED = Path("/var/lib/bitbuilder/offered/debian-13")
_GIT_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Ops", "GIT_AUTHOR_EMAIL": "ops@acme.example",
    "GIT_COMMITTER_NAME": "Ops", "GIT_COMMITTER_EMAIL": "ops@acme.example",
}


def run(
    argv: Sequence[str | Path],
    *,
    input: str | None = None,
    timeout: float = 60,
    check: bool = True,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end. When `check` is on and it fails, the test fails with its output."""
    words = [str(word) for word in argv]
    done = subprocess.run(words, input=input or "", capture_output=True, text=True, errors="replace", timeout=timeout,
                          check=False, env={**os.environ, **(env or {})})
    assert not check or done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done


def systemd_version() -> int:
    """The number of this host's systemd."""
    return int(run(["systemctl", "--version"]).stdout.split()[1].partition(".")[0])


class Repo:
    """A bare git repository that commits are made in without a work tree."""

    def __init__(self, path: Path, branch: str = "main") -> None:
        self.path = path
        self.branch = branch

    @property
    def url(self) -> str:
        """The file:// address."""
        return f"file://{self.path}"

    @property
    def head(self) -> str:
        """The object id of the branch's newest commit, or an empty string."""
        return self.git("rev-parse", "--verify", "--quiet", f"refs/heads/{self.branch}", check=False)

    def git(self, *arguments: str, input: str | None = None, check: bool = True) -> str:
        """What a git command prints."""
        env = {**_GIT_ENVIRONMENT, "GIT_DIR": str(self.path), "GIT_INDEX_FILE": str(self.path / "test-index")}
        return run(["git", *arguments], input=input, check=check, env=env).stdout.strip()

    def init(self) -> "Repo":
        """Make the repository, empty."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--bare", f"--initial-branch={self.branch}", str(self.path))
        return self

    def commit(
        self, files: Mapping[str, str | None], message: str = "A change", mode: str = "100644", *, anew: bool = False
    ) -> str:
        """Commit the newest tree with these files changed; None removes one. Returns the commit's object id.

        With `anew` these are all files. One program does it all: what is done a thousand times is to be cheap.
        """
        branch = f"refs/heads/{self.branch}"
        stream = [f"commit {branch}\ncommitter Ops <ops@acme.example> now\n{_data(message + chr(10))}"]
        stream += [f"from {branch}^0\n"] if (self.path / branch).exists() else []
        stream += ["deleteall\n"] if anew else []
        for path, text in files.items():
            stream.append(f"D {path}\n" if text is None else f"M {mode} inline {path}\n{_data(text)}")
        self.git("fast-import", "--quiet", "--date-format=now", input="".join(stream))
        return (self.path / branch).read_text().strip()


def _data(text: str) -> str:
    """A text as `git fast-import` reads it."""
    return f"data {len(text.encode())}\n{text}\n"


def registration(tenant: str, url: str, **changes: object) -> str:
    """The text of a registration that trusts unsigned commits and offers debian-13."""
    value: dict[str, object] = {
        "apiVersion": "bitbuilder.io/v1", "tenant": tenant, "repository": url, "branch": "main", "state": "enabled",
        "trust": {"commits": "unsigned"}, "hosts": ["*"],
        "grants": {"cpus": 4, "memory": "4G", "tasks": 4096, "storage": "20G", "containers": 16,
                   "images": ["debian-*"], "imageSources": ["file:///srv/images/"]},
    }
    value.update(changes)
    return json.dumps(value, indent=2) + "\n"


def wait_until(what: str, probe: Callable[[], bool], timeout: float = 30) -> None:
    """Wait until the probe says yes. The test fails, naming what it waited for, when that takes too long.

    A probe that takes long itself is tried less often, so that it does not take the processor from what is waited for.
    """
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    begun = time.monotonic()
    while not probe():
        assert time.monotonic() < deadline, f"Waited {timeout:g} s in vain until {what}."
        pause.wait(max(0.05, 2 * (time.monotonic() - begun)))
        begun = time.monotonic()


def unit_property(unit: str, name: str) -> str:
    """One property of a unit as `systemctl show` prints it."""
    return run(["systemctl", "show", "--value", f"--property={name}", unit]).stdout.strip()


def attached(file: Path) -> str:
    """The loop devices of a file. They are those of the whole machine, and other hosts have files of the same name:
    losetup asks for the number of the file."""
    return run(["losetup", "--noheadings", "--output=NAME", "--associated", str(file)]).stdout


def cursor() -> str:
    """Where the journal ends now."""
    return run(["journalctl", "--quiet", "--lines=0", "--show-cursor"]).stdout.rpartition("-- cursor: ")[2].strip()


def leader(machine: str) -> int:
    """The leader process of a registered machine; 0 when there is no such machine."""
    shown = run(["machinectl", "show", "--value", "--property=Leader", machine], check=False).stdout.strip()
    return int(shown or "0")


def typed(words: list[str], *lines: str) -> tuple[int, str]:
    """The status, and all that a terminal shows, when somebody types a line after each prompt or question."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(words[0], words)
    shown, asked, answers, deadline = b"", b"", list(lines), time.monotonic() + 60
    while select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:
            break  # the other side is closed
        shown, asked = shown + chunk, asked + chunk  # since the last answer: a question is not answered twice
        if answers and asked.rstrip().endswith((b"#", b"$", b":")):
            os.write(terminal, f"{answers.pop(0)}\n".encode())
            asked = b""
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode(errors="replace")
