"""The system repository by ssh and https, as settings or system credentials say; servers that say nothing."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .conftest import SETTINGS, Make
from .servers import Authority, HttpServer, SshServer
from .signing import SshKey, commit, forget
from .support import REPOSITORIES, Repo, run, wait_until
from .test_fetch import ca as ca  # fixtures
from .test_fetch import no_credentials as no_credentials
from .test_fetch import server as server
from .test_fetch import sshd as sshd
from .test_fetch import stored
from .test_system import CLONE

GIVEN = Path("/run/credentials/@system")
NOTED = Path("/var/lib/bitbuilder/system-tried")


@pytest.fixture
def repo() -> Iterator[Repo]:
    """A system repository that registers nobody; afterwards this host follows none, and was told nothing."""
    forget()
    one = Repo(REPOSITORIES / "system.git").init()
    one.commit({"system.json": '{"apiVersion": "bitbuilder.io/v1"}\n'})
    yield one
    for path in (*GIVEN.glob("bitbuilder.*"), *SETTINGS.parent.glob("bitbuilder.conf.d/*")):
        path.unlink()
    SETTINGS.write_text("[System]\nAllowFile=yes\n")
    run(["rm", "-rf", CLONE, NOTED, one.path, "/run/bitbuilder/retry/_system"])
    run(["systemctl", "reload", "tenant-manager"], timeout=120)


def follow(**settings: str) -> None:
    """Writes the host's settings."""
    SETTINGS.write_text("\n".join(["[System]", *(f"{name}={value}" for name, value in settings.items()), ""]))


def told(**credentials: str) -> None:
    """Gives the host system credentials, with `_` for the hyphen of a name."""
    GIVEN.mkdir(parents=True, exist_ok=True)
    for name, text in credentials.items():
        (GIVEN / f"bitbuilder.{name.replace('_', '-')}").write_text(text)


def sync(status: int = 0) -> str:
    """Syncs the system repository and expects an exit status; what is said."""
    done = run(["bbhv", "sync", "--system"], check=False, timeout=120)
    said = done.stdout + done.stderr
    assert done.returncode == status and "Traceback" not in said, f"{done.returncode}, not {status}: {said}"
    return said


def head() -> str:
    """The commit of the system repository that is in force."""
    return run(["git", "-C", CLONE, "rev-parse", "HEAD"]).stdout.strip()


def test_by_ssh_with_a_deploy_key_and_a_file_of_known_hosts(repo: Repo, sshd: SshServer, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    reach = {"Repository": sshd.url(repo.path), "Trust": "unsigned", "User": "root", "Credential": "git.system"}
    follow(**reach)
    stored("git.system", sshd.identity)
    assert "KnownHostsFile=" in sync(4), "no server is believed that nobody has named"
    follow(**reach, KnownHostsFile=str(known))
    assert f"KnownHostsFile={known} does not exist" in sync(1)
    known.write_text(sshd.known_hosts.replace(f"]:{sshd.port}", "]:1") + "\n")
    said = sync(1)
    assert "Host key verification failed" in said and "KnownHostsFile=" in said and "registration" not in said
    known.write_text(f"# of the operators\n{sshd.known_hosts}\n")
    sync()
    assert head() == repo.head
    newest = repo.commit({"README.md": "news"})
    sync()
    assert head() == newest
    (REPOSITORIES / "system.git").rename(REPOSITORIES / "away.git")
    said = sync(1)
    (REPOSITORIES / "away.git").rename(REPOSITORIES / "system.git")
    assert sshd.url(repo.path) in said and head() == newest
    follow(**{**reach, "Credential": ""}, KnownHostsFile=str(known))
    assert "Credential=" in sync(4)


def test_by_credentials_alone_with_an_authority_and_signers(
    repo: Repo, server: HttpServer, ca: Authority, tmp_path: Path
) -> None:
    """The key of a deploy comes with a boot only: see the tests from outside."""
    ops = SshKey(tmp_path, "ops")
    SETTINGS.unlink()
    told(repository=server.url("system.git"), branch="trunk", signers=ops.public)
    said = sync(1)
    assert "certificate" in said and "bitbuilder.ca" in said and "registration" not in said
    told(ca=ca.text)
    assert "trunk" in sync(1), "there is no such branch"
    repo.branch = "trunk"
    repo.commit({"system.json": '{"apiVersion": "bitbuilder.io/v1"}\n'})
    assert "is not signed" in sync(4), "nobody said that unsigned commits count"
    first = commit(repo, ops, {"README.md": "signed"})
    sync()
    assert head() == first
    told(trust="strict")
    side = repo.commit({"README.md": "not signed"})
    commit(repo, ops, {"README.md": "signed, on top of it"})
    assert f"Commit {side[:12]} is not signed" in sync(4)
    told(trust="signed")
    sync()
    assert head() == repo.head


@pytest.mark.parametrize("place", ["bitbuilder.conf", "bitbuilder.conf.d/50-trust.conf"])
def test_a_credential_tightens_trust_and_never_loosens_it(repo: Repo, place: str) -> None:
    follow(Repository=repo.url, AllowFile="yes")
    path = SETTINGS.parent / place
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write("[System]\nTrust=signed\n")
    told(trust="unsigned")
    assert "no key of default" in sync(4)
    assert "cannot loosen Trust=signed" in run(["bbhv", "doctor"], check=False).stdout
    path.write_text(path.read_text().replace("Trust=signed", "Trust=unsigned"))
    sync()
    repo.commit({"README.md": "news"})
    told(trust="signed")
    assert "no key of default" in sync(4)
    told(trust="nonsense")
    sync()
    assert head() == repo.head and "nonsense" in run(["bbhv", "doctor"], check=False).stdout


@contextmanager
def silent(first: bytes) -> Iterator[tuple[int, list[socket.socket]]]:
    """A server that takes every connection, says its first words, and nothing else. Its port, and who has come."""
    came: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        def serve() -> None:
            while True:
                try:
                    came.append(listening.accept()[0])
                except OSError:
                    return
                came[-1].sendall(first)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1], came
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(30)
    for one in came:
        one.close()


@pytest.mark.parametrize("first", [b"", b"SSH-2.0-OpenSSH_9.9\r\n"])
def test_an_sshd_that_hangs_delays_no_other(make: Make, sshd: SshServer, first: bytes) -> None:
    SETTINGS.write_text("[System]\nAllowFile=yes\n[Sync]\nFetchTimeoutSec=5\n")
    try:
        calm = make("calm")
        calm.repo.commit(calm.files())
        with silent(first) as (port, came):
            line = sshd.known_hosts.replace(f"]:{sshd.port}", f"]:{port}")
            fetch = {"credential": "git.acme", "user": "git", "knownHosts": [line]}
            acme = make("acme", repository=f"ssh://localhost:{port}/acme.git", fetch=fetch)
            stored("git.acme", sshd.identity)
            going = subprocess.Popen(["bbhv", "sync"], stdout=subprocess.PIPE, text=True)
            wait_until("the other is applied", lambda: calm.status()["commit"] == calm.repo.head)
            wait_until("it was connected to", lambda: len(came) > 0)
            out, _ = going.communicate(timeout=120)
        assert going.returncode == 1 and "calm: " in out, out
        assert f"acme: failed: The fetch of ssh://localhost:{port}/acme.git (branch main) failed: " in out
        assert "timed out" in out or "took longer than 5 s" in out, out
        assert acme.status()["retryUSec"] is not None and calm.status()["retryUSec"] is None
    finally:
        SETTINGS.write_text("[System]\nAllowFile=yes\n")
