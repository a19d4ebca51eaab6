"""--host: what ssh is called with, and that a shell at its other end finds the same words."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from bbhv.cli import remote
from bbhv.cli.main import parse
from bbhv.errors import UsageError

from .conftest import Run


def command(*words: str, terminal: bool = False) -> tuple[str, ...]:
    verb, arguments, options = parse(list(words))
    return remote.command(verb, arguments, options, terminal=terminal)


def heard(line: str) -> list[str]:
    """The words that a program gets from a shell that is given this line."""
    script = f"bbhv() {{ printf '%s\\0' \"$@\"; }}\n{line}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split("\0")[:-1]


def test_the_command_line_goes_to_the_other_host_without_its_host() -> None:
    assert command("--host=vm1", "list") == ("ssh", "--", "vm1", "bbhv list")
    assert command("-H", "root@vm1", "sync", "acme", "--wait") == (
        "ssh", "--", "root@vm1", "bbhv sync --wait -- acme"
    )
    assert command("status", "-Hvm1", "--json=short", "a", "b")[-1] == "bbhv status --json=short -- a b"
    assert command("list", "-j", "--host", "vm1")[-1] == "bbhv list --json=short"
    assert command("--host=ssh://root@[::1]:2222", "--version") == (
        "ssh", "--", "ssh://root@[::1]:2222", "bbhv --version"
    )


@pytest.mark.parametrize("word", [
    "a b", "$(touch /tmp/x)", "`id`", "'", '"', "\\", "a;b", "*", "", "~", "!x", "ä", "#x", "-H", "--host=x", "--",
    "line\nbreak", "x=y", "${IFS}",
])  # fmt: skip
def test_no_word_means_anything_to_the_shell_there(word: str) -> None:
    line = command("--host=vm1", "shell", "--uid", word, "web.acme", "--", word, "x")[-1]
    assert heard(line) == ["shell", f"--uid={word}", "--", "web.acme", word, "x"]
    verb, arguments, options = parse(heard(line))
    assert verb and (verb.name, arguments, options) == ("shell", ["web.acme", word, "x"], {"--uid": word})


def test_an_option_that_is_repeated_goes_there_as_often() -> None:
    line = command("--host=vm1", "init", "--set", "A=1 2", "--set=B=", "x")[-1]
    assert heard(line) == ["init", "--set=A=1 2", "--set=B=", "--", "x"]


@pytest.mark.parametrize("host", ["", "-oProxyCommand=id", "-", "a b", "a\tb", "a\nb", "a\x00b", "a\x1bb", "a\u2028b"])
def test_what_ssh_could_take_for_something_else_is_no_host(host: str) -> None:
    with pytest.raises(UsageError) as caught:
        command(f"--host={host}", "list")
    assert caught.value.message.endswith(" is no host.") and caught.value.message.isprintable()
    with pytest.raises(UsageError):
        command("--host", host, "list")


@pytest.mark.parametrize(("words", "terminal"), [
    ("list", False), ("sync acme", False), ("logs acme", False), ("purge acme --yes", False), ("shell web.acme", True),
    ("shell web.acme ls", True), ("console web.acme", True), ("monitor", True), ("logs -f acme", True),
    ("purge acme", True),
    ("credential encrypt acme x", True), ("credential encrypt acme x -", True), ("credential encrypt acme x f", False),
])  # fmt: skip
def test_ssh_has_a_terminal_for_what_talks_to_one(words: str, terminal: bool) -> None:
    assert ("-t" in command("--host=vm1", *words.split(), terminal=True)) is terminal
    assert "-t" not in command("--host=vm1", *words.split())


WRONG = {
    "--host": ("--host= needs a value.", "Write --host=HOST."),
    "list --host=a -H b": ("--host= is given twice.", "A command line is for one host."),
    "--host=-v list": ("--host=-v is no host.", "Write --host=[USER@]HOST."),
    "--host=vm1": ("No verb was given.", "bbhv --help shows them."),
    "--host=vm1 synk": ("There is no verb 'synk'.", "Did you mean sync?"),
}


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_command_line_gets_no_further_than_here(bbhv: Run, words: str) -> None:
    done = bbhv(*words.split())
    message, hint = WRONG[words]
    assert (done.returncode, done.stdout) == (2, "") and done.stderr == f"bbhv: {message}\n      {hint}\n"


def test_help_is_given_here(bbhv: Run) -> None:
    assert bbhv("--host=vm1", "sync", "--help").stdout.startswith("bbhv sync [OPTION…]")


def test_a_secret_is_not_typed_where_it_would_be_seen(program: Path) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run([program, "--host=vm1", "credential", "encrypt", "acme", "x"], stdin=theirs, timeout=60,
                          capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"})  # fmt: skip
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 2 and "would be seen" in done.stderr
