"""What is asked of the unit that fetches: whole, never an option, never a shell string of anybody else."""

import shlex
import subprocess
from pathlib import Path

import pytest

from bbhv.kinds.urls import normalise
from bbhv.kinds.values import Unreadable
from bbhv.model.fetching import Request, advice, answer, git_configuration, server, ssh_command
from bbhv.records import replace

PLAIN = Request(url="https://git.example.com/acme.git", branch="main")
FULL = Request(
    url="ssh://git.example.com:2222/srv/acme.git", branch="release/1",
    user="deploy", credential="git.acme",
    known_hosts="git.example.com ssh-ed25519 AAAA\nother ssh-rsa BB", patience="5",
)


@pytest.mark.parametrize(("url", "name"), [
    ("https://git.example.com/a.git", "git.example.com:443"), ("https://a.example:8443/a", "a.example:8443"),
    ("ssh://git.example.com/a", "git.example.com:22"), ("http://images.example.com/a?b:c", "images.example.com:80"),
    ("file:///srv/a.git", ""),
])  # fmt: skip
def test_the_server_of_a_url(url: str, name: str) -> None:
    assert server(url) == name


ATTACKS = (
    "ext::sh -c touch% /tmp/evil", "ext::https://git.example.com/a", "fd::7/a", "-oProxyCommand=touch /tmp/evil",
    "--upload-pack=touch", "ssh://-oProxyCommand=touch/a", "ssh://-oProxyCommand/a", "ssh://git-/a",
    "ssh://a@-oProxyCommand/a", "ssh://git.example.com:-oProxyCommand/a", "ssh://git.example.com:22-o/a",
    "git.example.com:a.git", "git@git.example.com:a.git", "ssh://user@git.example.com/a",
    "https://user:password@git.example.com/a", "https://git.example.com/a\n", "https://git.example.com/a\nb",
    "https://git.example.com/a\0b", "https://git.example.com/a%00b", "https://git.example.com/a%0Ab",
    "https://git.example.com/a/../../b", "https://git.example.com/a/%2e%2e/b", "https://git.example.com//a",
    "https://gít.example.com/a", "https://git.example.com\u202e/a", "https://git\uff0eexample.com/a",
    "https://git.example.com/\u00fc", "https://git.example.com/a?x=1", "https://git.example.com/a#x",
    "https://git.example.com/a b", "https:///a", "https://git.example.com", "https://[::1]/a", "https://1..2/a",
    "http://git.example.com/a", "git://git.example.com/a", "ftp://git.example.com/a", "HTTPS//git.example.com/a",
    "ssh://git.example.com/`touch /tmp/evil`", "ssh://git.example.com/$(touch)/\"a", "file://other/srv/a",
    "file:///srv/../etc", "transport::https://a/b", "https://git.example.com\\@evil/a", "https://a/" + "a" * 2000,
)  # fmt: skip


@pytest.mark.parametrize("url", ATTACKS)
def test_no_address_means_something_else_than_a_repository(url: str) -> None:
    with pytest.raises(Unreadable):
        normalise(url, ("https", "ssh", "file"))


@pytest.mark.parametrize("path", ["-oProxyCommand=touch", "--upload-pack=x", "'; touch /tmp/evil; '", "$HOME", "~a"])
def test_what_may_stand_in_a_path_is_one_word_of_the_path(path: str) -> None:
    try:
        url = normalise(f"ssh://git.example.com/{path}", ("ssh",))
    except Unreadable:
        return
    assert url.startswith("ssh://git.example.com/") and shlex.quote(url) in (url, f"'{url}'")


def test_the_ssh_command_is_ours_whatever_the_user_is_called(tmp_path: Path) -> None:
    user = "-oProxyCommand=touch x; $(id) 'a\" b"
    words = shlex.split(ssh_command(replace(FULL, user=user), f"{tmp_path}/known hosts", "/cred/git.acme"))
    assert words[:3] == ["ssh", "-F", "/dev/null"] and all(word.startswith("-o") for word in words[3:])
    assert f"-oUser={user}" in words and f"-oUserKnownHostsFile={tmp_path}/known hosts" in words
    assert {"-oProxyCommand=none", "-oStrictHostKeyChecking=yes", "-oBatchMode=yes", "-oIdentitiesOnly=yes"} < {*words}
    words = shlex.split(ssh_command(FULL, f"{tmp_path}/known hosts", "/cred/git.acme"))
    shown = subprocess.run([*words[:3], "-G", *words[3:], "host"], capture_output=True, text=True, check=False).stdout
    assert {"stricthostkeychecking true", "batchmode yes", "identitiesonly yes", "user deploy"} < {*shown.splitlines()}
    assert "proxycommand" not in shown and "proxyjump" not in shown


def test_git_reads_the_configuration_as_it_was_meant(tmp_path: Path) -> None:
    helper = ("/usr/bin/python3", "/a path/bb\"hv", "worker", "credential", "git.acme", "", "host:443")
    text = git_configuration(PLAIN, '/tmp/c"a\\.pem', helper, ("/srv/a \"b\"",))
    (tmp_path / "config").write_text(text)
    command = ["git", "config", "--file", str(tmp_path / "config"), "--list", "-z"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = [entry.partition("\n")[::2] for entry in out.split("\0") if entry]
    assert ("http.followredirects", "false") in found and ("http.sslcainfo", '/tmp/c"a\\.pem') in found
    helpers = [value for name, value in found if name == "credential.helper"]
    assert helpers[0] == "" and shlex.split(helpers[1].removeprefix("!")) == list(helper)
    assert ("safe.directory", '/srv/a "b"') in found


ASKED = "protocol=https\nhost=git.example.com\n"


def test_the_password_is_told_to_our_server_only() -> None:
    told = "username=deploy\npassword=s3 cret\n"
    assert answer(ASKED, "git.example.com:443", "deploy", "s3 cret") == told
    assert answer(ASKED.replace(".com", ".com:443"), "git.example.com:443", "deploy", "s3 cret") == told
    assert answer(ASKED, "git.example.com:443", "", "x") == "username=git\npassword=x\n"
    for question in (ASKED.replace("https", "http"), ASKED.replace("git.", "evil."), ASKED.replace(".com", ".com:444"),
                     "", "host=git.example.com\n", "protocol=https\n"):
        assert answer(question, "git.example.com:443", "deploy", "secret") == ""
    for secret in ("", "two\nlines", "nul\0", "\x1b[31m"):
        with pytest.raises(ValueError, match="credential"):
            answer(ASKED, "git.example.com:443", "deploy", secret)


def test_advice_is_given_for_what_is_known() -> None:
    assert "ssh-keyscan" in advice("fatal: Host key verification failed. Could not read")
    assert "Push a commit to that branch" in advice("fatal: couldn't find remote ref refs/heads/main")
    assert advice("fatal: something else") == ""
