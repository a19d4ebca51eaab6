"""The servers of the tests serve: git itself, from this side of loopback, clones from each."""

from collections.abc import Callable
from pathlib import Path

from .servers import HttpServer, SshServer, authority
from .support import REPOSITORIES, Repo, run


def clone(url: str, target: Path, env: dict[str, str], *settings: str) -> str:
    """The commit that a clone of a repository has."""
    options = [word for one in settings for word in ("-c", one)]
    run(["git", *options, "clone", "--quiet", "--bare", url, target], env={"GIT_CONFIG_GLOBAL": "/dev/null", **env})
    return run(["git", "--git-dir", target, "rev-parse", "HEAD"]).stdout.strip()


def test_https_with_a_certificate_and_a_password(make_repo: Callable[[str], Repo], tmp_path: Path) -> None:
    repo = make_repo("served")
    head = repo.commit({"file": "content\n"})
    ca = authority(tmp_path / "ca")
    trusted = f"http.sslCAInfo={tmp_path}/ca/ca.pem"
    with HttpServer(REPOSITORIES, ca.certificate("localhost"), {"deploy": "secret"}) as server:
        url = server.url("served.git")
        named = url.replace("//", "//deploy:secret@")
        assert clone(named, tmp_path / "clone", {}, trusted) == head
        assert any(line.startswith("POST /served.git/git-upload-pack") for line in server.asked) and server.most
        refused = run(["git", "-c", trusted, "ls-remote", url], check=False, env={"GIT_TERMINAL_PROMPT": "0"})
        assert refused.returncode and "could not read Username" in refused.stderr
        authority(tmp_path / "other")
        refused = run(["git", "-c", f"http.sslCAInfo={tmp_path}/other/ca.pem", "ls-remote", named], check=False)
        assert refused.returncode and "certificate" in refused.stderr


def test_ssh_with_a_key(make_repo: Callable[[str], Repo], tmp_path: Path) -> None:
    repo = make_repo("served")
    head = repo.commit({"file": "content\n"})
    with SshServer(tmp_path / "ssh") as server:
        (tmp_path / "known").write_text(server.known_hosts + "\n")
        ssh = f"ssh -F /dev/null -oBatchMode=yes -oUserKnownHostsFile={tmp_path}/known -i {tmp_path}/ssh/identity"
        env = {"GIT_SSH_COMMAND": ssh}
        assert clone(server.url(repo.path), tmp_path / "clone", env) == head
        (tmp_path / "known").write_text("\n")
        assert run(["git", "ls-remote", server.url(repo.path)], check=False, env=env).returncode
