"""A host with an empty /etc that is told everything by system credentials, its deploy key included."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.host.harness.host import Host

from .test_crash import wait_until

GIT = ("git", "-c", "user.name=Ops", "-c", "user.email=ops@acme.example", "-C", "/srv/git/system")
SIGN = ("-c", "gpg.format=ssh", "-c", "user.signingkey=/srv/keys/ops", "commit", "-S", "-qm", "signed")
SSHD = """ListenAddress 127.0.0.1:2222
HostKey /srv/keys/host
PidFile none
UsePAM no
AuthorizedKeysFile /srv/keys/identity.pub
StrictModes no
PermitRootLogin prohibit-password
AcceptEnv GIT_PROTOCOL
"""
SERVE = ["systemd-run", "--quiet", "--unit=forge", "/usr/sbin/sshd", "-D", "-e", "-f", "/srv/keys/sshd"]
ONE = '{"apiVersion": "bitbuilder.io/v1"}\n'


def keys(host: Host, folder: Path) -> dict[str, str]:
    """Makes keys, puts them on the host, and returns their texts by name."""
    made = {}
    for name in ("host", "identity", "ops"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        for path in (folder / name, folder / f"{name}.pub"):
            made[path.name] = path.read_text()
            host.put(f"/srv/keys/{path.name}", made[path.name], 0o600)
    return made


def passed(text: str) -> str:
    """A text as the option of a command that knows escapes takes it."""
    return text.replace("\n", "\\n")


def test_a_deploy_key_known_hosts_and_signers_by_credentials_follow_a_private_system_repository_over_ssh(
    make_host: Callable[..., Host], tmp_path: Path
) -> None:
    host = make_host()
    made = keys(host, tmp_path)
    kind, key, *_ = made["host.pub"].split()
    told = {
        "repository": "ssh://localhost:2222/srv/git/system", "branch": "trunk", "trust": "signed",
        "signers": made["ops.pub"], "known-hosts": f"[localhost]:2222 {kind} {key}\n", "git": made["identity"],
    }  # fmt: skip
    host.credentials = {f"bitbuilder.{name}": passed(text) for name, text in told.items()}
    host.boot()
    host.put("/run/bitbuilder/bitbuilder.conf", "[System]\nUser=root\n")  # a forge takes git
    host.put("/srv/keys/sshd", SSHD)
    host.run(["mkdir", "-p", "/run/sshd", "/srv/git/system"])
    host.run([*GIT, "init", "-q", "-b", "trunk"])
    host.put("/srv/git/system/system.json", ONE)
    host.run([*GIT, "add", "-A"])
    host.run([*GIT, "commit", "-qm", "not signed"])
    host.run(SERVE)
    wait_until("sshd listens", lambda: "Server listening" in host.run(["journalctl", "-u", "forge"]).stdout)
    done = host.run(["bbhv", "sync"], check=False)
    assert done.returncode == 4 and "is not signed" in done.stderr
    host.run([*GIT, *SIGN, "--allow-empty"])
    host.run(["bbhv", "sync"])
    tip = host.run([*GIT, "rev-parse", "HEAD"]).stdout
    assert host.run(["git", "-C", "/var/lib/bitbuilder/system", "rev-parse", "HEAD"]).stdout == tip
    assert not host.path("/etc/bitbuilder").exists()
    secret = made["identity"].splitlines()[2]
    places = ["/var/lib", "/run/bitbuilder", "/var/tmp", "/etc"]
    assert host.run(["grep", "-rlF", secret, *places], check=False).stdout == ""
    host.put("/run/bitbuilder/bitbuilder.conf", "[System]\nUser=root\nTrust=strict\n")
    host.run([*GIT, "commit", "--allow-empty", "-qm", "not signed"])
    host.run([*GIT, *SIGN, "--allow-empty"])
    done = host.run(["bbhv", "sync"], check=False)
    assert done.returncode == 4 and "is not signed" in done.stderr
    assert "cannot loosen Trust=strict" in host.run(["bbhv", "doctor"], check=False).stdout
