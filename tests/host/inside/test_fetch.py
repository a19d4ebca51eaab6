"""Fetching: over https and ssh, from servers that want to know who asks, by a unit that can do nothing else."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import SETTINGS, Make
from .guests import idler
from .servers import Authority, HttpServer, SshServer, authority
from .support import REPOSITORIES, Repo, run
from .test_system import CLONE
from .world import Tenant

STORE = Path("/run/credstore")
ENCRYPTED = Path("/etc/credstore.encrypted")


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the certificates of the servers here."""
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def server(ca: Authority) -> Iterator[HttpServer]:
    """An https server of all repositories."""
    with HttpServer(REPOSITORIES, ca.certificate("localhost")) as one:
        yield one


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[SshServer]:
    """An ssh server of all repositories."""
    with SshServer(tmp_path / "ssh") as one:
        yield one


def served(make: Make, server: HttpServer, ca: Authority, name: str = "acme", **fetch: object) -> Tenant:
    """A tenant whose repository is on an https server."""
    tenant = make(name, repository=server.url(f"{name}.git"), fetch={"ca": ca.text, **fetch})
    tenant.commit(web=idler("debian-13"))
    return tenant


def stored(name: str, secret: str) -> None:
    """Puts a secret into a credential store of the host, as it is."""
    STORE.mkdir(mode=0o700, exist_ok=True)
    (STORE / name).write_text(secret)


def encrypted(name: str, secret: str) -> None:
    """Encrypts a secret for this host."""
    ENCRYPTED.mkdir(mode=0o700, exist_ok=True)
    run(["systemd-creds", "encrypt", "--with-key=host", f"--name={name}", "-", ENCRYPTED / name], input=secret)


@pytest.fixture(autouse=True)
def no_credentials() -> Iterator[None]:
    """What a test puts into the stores is gone afterwards."""
    yield
    for path in (*STORE.glob("git.*"), *ENCRYPTED.glob("git.*")):
        path.unlink()


def test_https_with_an_authority_of_its_own_and_one_round_trip_for_no_news(
    make: Make, server: HttpServer, ca: Authority
) -> None:
    acme = served(make, server, ca)
    assert acme.sync() == "applied"
    acme.commit(web=idler("debian-13", "MemoryMax=90M"))
    assert acme.sync() == "applied"
    server.asked.clear()
    assert acme.sync() == "unchanged"
    assert server.asked == [
        "GET /acme.git/info/refs?service=git-upload-pack", "POST /acme.git/git-upload-pack"
    ], "the capabilities, and the one ref: no pack"


@pytest.mark.parametrize("put", [stored, encrypted])
def test_https_with_a_password(make: Make, server: HttpServer, ca: Authority, put: object) -> None:
    assert callable(put)
    server.users = {"deploy": "s3cret pass:word"}
    acme = served(make, server, ca, credential="git.acme", user="deploy")
    put("git.acme", "s3cret pass:word\n")
    assert acme.sync() == "applied"
    put("git.acme", "another")
    assert acme.sync(1) == "failed"
    assert "Authentication failed" in acme.said and 'the credential that "credential" names' in acme.said


def test_a_server_that_asks_for_a_password_which_nobody_has(make: Make, server: HttpServer, ca: Authority) -> None:
    server.users = {"deploy": "secret"}
    acme = served(make, server, ca)
    assert acme.sync(1) == "failed" and 'set "credential" under "fetch"' in acme.said


def test_a_credential_that_the_host_does_not_have(make: Make, server: HttpServer, ca: Authority) -> None:
    acme = served(make, server, ca, credential="git.acme")
    assert acme.sync(1) == "failed"
    assert "The credential git.acme that fetching needs is in none of this host's credential stores." in acme.said
    assert "systemd-creds encrypt --name=git.acme - /etc/credstore.encrypted/git.acme" in acme.said
    assert server.asked == []


def test_a_certificate_of_another_authority(make: Make, server: HttpServer, tmp_path: Path) -> None:
    acme = served(make, server, authority(tmp_path / "other"))
    assert acme.sync(1) == "failed"
    assert "certificate" in acme.said and 'Set "ca" under "fetch"' in acme.said and server.asked == []


def test_ssh_with_a_deploy_key(make: Make, sshd: SshServer) -> None:
    fetch = {"credential": "git.acme", "user": "root", "knownHosts": [sshd.known_hosts]}
    acme = make("acme", repository=sshd.url(REPOSITORIES / "acme.git"), fetch=fetch)
    acme.commit(web=idler("debian-13"))
    encrypted("git.acme", sshd.identity)
    assert acme.sync() == "applied"
    assert acme.sync() == "unchanged"
    acme.commit(web=idler("debian-13", "MemoryMax=90M"))
    assert acme.sync() == "applied"


def test_the_system_repository_over_https_with_a_password(
    make_repo: Callable[[str], Repo], server: HttpServer, ca: Authority, tmp_path: Path
) -> None:
    repo = make_repo("system")
    repo.commit({"system.json": '{"apiVersion": "bitbuilder.io/v1"}'})
    server.users = {"deploy": "secret"}
    (tmp_path / "ca.pem").write_text(ca.text)
    lines = [f"Repository={server.url('system.git')}", "Trust=unsigned", f"CAFile={tmp_path}/ca.pem",
             "Credential=git.system", "User=deploy"]
    SETTINGS.write_text("\n".join(["[System]", *lines, ""]))
    try:
        done = run(["bbhv", "sync"], check=False)
        assert done.returncode == 1 and "systemd-creds encrypt --name=git.system" in done.stderr
        server.asked.clear()
        done = run(["bbhv", "sync", "--backoff"], check=False)
        assert done.returncode == 1 and "bbhv sync --system tries now" in done.stderr and server.asked == []
        encrypted("git.system", "secret")
        run(["bbhv", "sync", "--system"])
        assert run(["git", "-C", CLONE, "rev-parse", "HEAD"]).stdout.strip() == repo.head
        SETTINGS.write_text(SETTINGS.read_text().replace("https://", "https://user:password@"))
        done = run(["bbhv", "sync", "--system"], check=False)
        assert done.returncode == 4 and "names a user" in done.stderr
    finally:
        SETTINGS.write_text("[System]\nAllowFile=yes\n")
        run(["rm", "-rf", CLONE, "/var/lib/bitbuilder/system-tried", "/run/bitbuilder/retry/_system"])


def test_ssh_to_a_server_that_is_another_one(make: Make, sshd: SshServer, tmp_path: Path) -> None:
    with SshServer(tmp_path / "other") as other:
        line = other.known_hosts.replace(f"]:{other.port} ", f"]:{sshd.port} ")
        fetch = {"credential": "git.acme", "user": "root", "knownHosts": [line]}
        acme = make("acme", repository=sshd.url(REPOSITORIES / "acme.git"), fetch=fetch)
        acme.commit(web=idler("debian-13"))
        stored("git.acme", sshd.identity)
        assert acme.sync(1) == "failed"
        assert "Host key verification failed" in acme.said and "ssh-keyscan shows the keys" in acme.said
        stored("git.acme", other.identity)
    fetch["knownHosts"] = [sshd.known_hosts]
    shutil.rmtree(acme.folder, ignore_errors=True)
    acme = make("acme", repository=sshd.url(REPOSITORIES / "acme.git"), fetch=fetch)
    assert acme.sync(1) == "failed" and "Permission denied" in acme.said and "knows the key" in acme.said
