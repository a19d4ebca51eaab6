"""Another host by plain OpenSSH: bbhv --host, and systemd's varlinkctl, by an sshd of this host, as root and as a
user."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Make
from .servers import SshServer
from .support import run, typed, wait_until
from .world import Tenant, container

FOLDER = Path("/srv/ssh")  # whose files sshd reads as whoever logs in
CONFIG = Path("/root/.ssh/config")
USER = "remota"
ADDRESS = "/run/bitbuilder/io.bitbuilder.Hypervisor"
LIST = "io.bitbuilder.Hypervisor.ListTenants"
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def ssh() -> Iterator[SshServer]:
    """An sshd, which root's ssh knows as vm1, and a user of its own that it lets in as well."""
    run(["useradd", "--create-home", "--shell=/bin/sh", "--password=*", USER])
    with SshServer(FOLDER, may="") as server:
        for name in ("", "authorized"):
            (FOLDER / name).chmod(0o755)
        CONFIG.parent.mkdir(mode=0o700, exist_ok=True)
        (FOLDER / "known").write_text(server.known_hosts + "\n")
        CONFIG.write_text(f"Host vm1\nHostName localhost\nPort {server.port}\nIdentityFile {FOLDER}/identity\n"
                          f"UserKnownHostsFile {FOLDER}/known\n")  # fmt: skip
        yield server
    CONFIG.unlink()
    shutil.rmtree(FOLDER)
    run(["userdel", "--remove", USER], check=False)


def remote(words: str, host: str = "vm1", status: int = 0, input: str = "") -> Done:
    """What a command line says by way of ssh, which is to end so."""
    done = run(["bbhv", f"--host={host}", *words.split()], check=False, timeout=120, input=input)
    assert done.returncode == status, f"{words} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done


def here(words: str) -> Done:
    """What it says without."""
    return run(["bbhv", *words.split()], check=False, timeout=120)


def started(make: Make) -> Tenant:
    """A tenant that runs, which the user may see and change."""
    acme = make("acme", access={"users": [USER]})
    acme.commit(web=container())
    acme.sync()
    return acme


def test_root_there_is_told_what_root_is_told_here(make: Make, ssh: SshServer) -> None:
    acme = started(make)
    for words in ("list", "status acme --json=short", "history acme --json=short", "plan acme --json=pretty",
                  "status none", "sync none", "doctor --json=short", "list -j", "--version"):  # fmt: skip
        there, own = remote(words, "root@vm1", here(words).returncode), here(words)
        assert (there.stdout, there.stderr) == (own.stdout, own.stderr), words
    acme.commit(web=container("Nonsense=yes"))
    assert remote("sync acme", status=3).stdout == here("sync acme").stdout
    acme.commit(web=container("MemoryMax=70M"))
    assert "acme: applied" in remote("sync acme").stdout and acme.status()["generation"] == 2


def test_a_user_there_has_what_a_user_may(make: Make, ssh: SshServer) -> None:
    acme = started(make)
    other = make("other")
    host = f"{USER}@vm1"
    assert [one["id"] for one in told("list", host)] == ["acme"]
    assert told("status acme", host) == json.loads(here("status acme --json=short").stdout)["tenants"]
    acme.commit(web=container("MemoryMax=71M"))
    assert "acme: applied" in remote("sync", host).stdout and acme.status()["generation"] == 2
    assert remote("status other", host, 4).stderr.replace("other", "T") == (
        remote("status none", host, 4).stderr.replace("none", "T")
    )
    assert "It is for operators" in remote("suspend acme", host, 4).stderr
    assert "needs root" in remote("shell web.acme id", host, 4).stderr
    assert other.status()["generation"] is None


def told(words: str, host: str) -> Any:
    """The tenants that it tells of as JSON."""
    return json.loads(remote(f"{words} --json=short", host).stdout)["tenants"]


def test_nothing_of_a_command_line_is_an_option_or_a_script_on_the_way(make: Make, ssh: SshServer) -> None:
    started(make)
    bad = FOLDER / "bad"
    for host in (f"-oProxyCommand=touch {bad}", f"-oProxyCommand=touch${{IFS}}{bad}", "-v", "vm1 -v"):
        assert "is no host" in run(["bbhv", "--host", host, "list"], check=False).stderr
    words = ["a b", f"$(touch {bad})", f"; touch {bad}", "'", '"', "-oProxyCommand=x", "--host=x", "", "\\", "ä"]
    done = run(["bbhv", "--host=root@vm1", "shell", "web.acme", "--", "printf", "%s\\n", *words])
    assert done.stdout.split("\n")[:-1] == words and not bad.exists()


def test_standard_input_output_and_the_status_are_those_of_the_verb_there(make: Make, ssh: SshServer) -> None:
    started(make)
    assert remote("shell web.acme cat", input="over there\n").stdout == "over there\n"
    assert run(["bbhv", "-Hvm1", "shell", "web.acme", "--", "sh", "-c", "exit 42"], check=False).returncode == 42
    secret = remote("credential encrypt acme key", input="s3cret").stdout
    (FOLDER / "key.cred").write_text(secret)
    assert run(["systemd-creds", "decrypt", "--name=tenant-acme.key", FOLDER / "key.cred", "-"]).stdout == "s3cret"
    assert remote("list", "root@vm9", 255).stderr.startswith("ssh: ")


def test_who_sits_at_a_terminal_has_one_there(make: Make, ssh: SshServer) -> None:
    acme = started(make)
    status, shown = typed(["bbhv", "-Hvm1", "shell", "web.acme"], "test -t 0 && echo a terminal $((6 * 7))",
                          "exit 7")  # fmt: skip
    assert status == 7 and "a terminal 42" in shown, shown
    (Path("/etc/bitbuilder/tenants") / "acme.json").unlink()
    run(["systemctl", "reload", "tenant-manager"], timeout=120)
    status, shown = typed(["bbhv", "-Hvm1", "purge", "acme"], "acme")
    assert status == 0 and f"Removed {acme.folder}." in shown and not acme.folder.exists()
    status, shown = typed(["bbhv", "-Hvm1", "list"])
    assert status == 0 and "Connection to" not in shown


def test_varlinkctl_reaches_the_service_by_ssh_as_who_it_logs_in(make: Make, ssh: SshServer) -> None:
    started(make)
    make("other")
    for user, seen in (("root", ["acme", "other"]), (USER, ["acme"])):
        for transport in (f"ssh-exec:{user}@vm1:bbhv bridge", f"ssh-unix:{user}@vm1:{ADDRESS}"):
            info = json.loads(run(["varlinkctl", "info", "--json=short", transport]).stdout)
            assert info["product"] == "BitBuilder Hypervisor", transport
            reply = json.loads(run(["varlinkctl", "call", "--json=short", transport, LIST, "{}"]).stdout)
            assert [one["id"] for one in reply["tenants"]] == seen, transport
            words = ["varlinkctl", "call", "--collect", "--json=short", transport, "io.bitbuilder.Hypervisor.Logs"]
            entries = json.loads(run([*words, '{"tenant":"acme"}']).stdout)
            assert len(entries) > 2 and entries[-1] == {"entry": None}, transport
    refused = run(["varlinkctl", "call", f"ssh-exec:{USER}@vm1:bbhv bridge", LIST, '{"tenant":"other"}'], check=False)
    assert refused.returncode != 0 and "ermission" in refused.stderr
    wait_until("nothing of it is left", lambda: "bbhv bridge" not in run(["ps", "-eo", "args"]).stdout)


def test_a_key_may_be_for_the_interface_alone(make: Make, ssh: SshServer) -> None:
    started(make)
    with SshServer(FOLDER / "only", may='restrict,command="bbhv bridge" ') as only:
        (FOLDER / "only").chmod(0o755)
        CONFIG.write_text(CONFIG.read_text() + f"Host vm2\nHostName localhost\nPort {only.port}\n"
                          f"IdentityFile {FOLDER}/only/identity\nUserKnownHostsFile {FOLDER}/only/known\n")  # fmt: skip
        (FOLDER / "only/known").write_text(only.known_hosts + "\n")
        where = f"ssh-exec:{USER}@vm2:whatever"
        reply = json.loads(run(["varlinkctl", "call", "--json=short", where, LIST, "{}"]).stdout)
        assert [one["id"] for one in reply["tenants"]] == ["acme"]
        assert "acme" not in run(["ssh", f"{USER}@vm2", "bbhv", "list"], check=False).stdout
