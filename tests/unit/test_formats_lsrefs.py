"""Asking for a branch by protocol version 2: real git answers our question, and no other answer is taken."""

import subprocess
from pathlib import Path

import pytest

from bbhv.formats.lsrefs import MAX_ANSWER, MAX_LINES, LsRefsError, answer, question

ID, OTHER = "1" * 40, "2" * 40


def line(text: str) -> bytes:
    return b"%04x" % (len(text) + 4) + text.encode()


def git(*arguments: str, data: bytes = b"", version: str = "") -> bytes:
    env = {"PATH": "/usr/bin:/bin", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_PROTOCOL": version}
    return subprocess.run(["git", *arguments], input=data, capture_output=True, check=True, env=env).stdout


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_git_answers_the_question(tmp_path: Path, algorithm: str) -> None:
    git("init", "--quiet", "--bare", f"--object-format={algorithm}", str(tmp_path))
    stream = "".join(f"commit refs/heads/{name}\ncommitter a <a@b> 1 +0000\ndata 1\nx\n" for name in ("main", "main2"))
    git("-C", str(tmp_path), "fast-import", "--quiet", data=stream.encode())
    tip = git("-C", str(tmp_path), "rev-parse", "main").decode().strip()
    for branch, wanted in (("main", tip), ("mai", None), ("other", None)):
        asked = question(branch, "sha256" if algorithm == "sha256" else "sha1")
        said = git("upload-pack", "--stateless-rpc", str(tmp_path), data=asked, version="version=2")
        assert answer(said, branch) == wanted


def test_only_the_branch_that_was_asked_for_counts() -> None:
    data = line(f"{OTHER} refs/heads/main2\n") + line(f"{ID} refs/heads/main symref-target:refs/heads/x\n") + b"0000"
    assert answer(data, "main") == ID
    assert answer(b"0000", "main") is None


@pytest.mark.parametrize("data", [
    b"", b"000", b"0001", b"0004", b"0003", b"zzzz", b"+005x", b"0009abc", b"ffff", b"00000000",
    line(f"{ID} refs/heads/main\n"),  # nothing ends it
    line(f"{ID} refs/heads/main\n") * 2 + b"0000",
    line("ERR no such repository\n") + b"0000",
    line(f"{ID[:-1]} refs/heads/main\n") + b"0000",
    line(f"{ID} refs/heads/x\n") * (MAX_LINES + 1) + b"0000",
    b"0" * (MAX_ANSWER + 1),
    b"<html>sign in</html>",
])  # fmt: skip
def test_nothing_else_is_an_answer(data: bytes) -> None:
    with pytest.raises(LsRefsError):
        answer(data, "main")
