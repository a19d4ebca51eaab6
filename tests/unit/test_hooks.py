"""The hook pre-receive: real pushes into real bare repositories, which either take them or say what is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from bbhv.cli import hooks
from bbhv.cli.main import Call, parse
from bbhv.cli.output import Output
from bbhv.errors import BbhvError

ROOT = Path(__file__).parents[2]
AUTHOR = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b"}
METADATA = '{"apiVersion": "bitbuilder.io/v1", "tenant": "acme"}'
BAD = "[Exec]\nBoot=yes\nUsr=a\n[X-Bitbuilder]\nImage=b\n"
GOOD = BAD.replace("Usr", "User")
ZERO = "0" * 40
UNCHECKED = "Not checked: the grant (no --registration= was given)."


class Server:
    """A bare repository with the hook of two lines, and a work tree that pushes into it."""

    def __init__(self, folder: Path, kind: str, options: str = "") -> None:
        self.bare, self.work, self.bin = folder / "srv.git", folder / "work", folder / "bin"
        self.bin.mkdir()
        (self.bin / "bbhv").write_text(
            f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -P -m bbhv \"$@\"\n", encoding="utf-8"
        )
        (self.bin / "bbhv").chmod(0o755)
        self.env = {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(folder), **AUTHOR}
        self.git("init", "-q", "--bare", "-b", "main", f"--object-format={kind}", self.bare)
        self.git("init", "-q", "-b", "main", f"--object-format={kind}", self.work)
        hook = self.bare / "hooks/pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\nexec bbhv hook pre-receive {options}\n")
        hook.chmod(0o755)

    def git(self, *arguments: str | Path, stdin: str | bytes = "") -> str:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(["git", *arguments], cwd=self.work if self.work.is_dir() else "/", env=self.env,
                              input=data, capture_output=True, check=True, timeout=60)
        return done.stdout.decode().strip()

    def commit(self, **files: str) -> str:
        for name, text in {"metadata.json": METADATA, **files}.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-qm", "x", "--allow-empty")
        return self.git("rev-parse", "HEAD")

    def push(self, *refs: str) -> tuple[bool, list[str]]:
        """Whether the server took it, and what it said."""
        done = subprocess.run(["git", "push", "-q", self.bare, *refs], cwd=self.work, env=self.env,
                              capture_output=True, text=True, check=False, timeout=60)
        said = [line.removeprefix("remote: ").rstrip() for line in done.stderr.splitlines() if "remote: " in line]
        assert "Traceback" not in done.stderr
        return done.returncode == 0, said

    def refs(self) -> list[str]:
        return self.git(f"--git-dir={self.bare}", "for-each-ref", "--format=%(refname)").split()

    def call(self, stdin: str | bytes, *options: str, gitdir: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Runs the verb as git would, but with an input that git never gives."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(["bbhv", "hook", "pre-receive", *options], cwd=gitdir or self.work / ".git", input=data,
                              env=dict(self.env, GIT_DIR="."), capture_output=True, check=False, timeout=60)
        text = done.stdout.decode(), done.stderr.decode()
        assert "Traceback" not in text[0] + text[1]
        return subprocess.CompletedProcess((), done.returncode, *text)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path, "sha1")


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_a_push_with_an_error_is_rejected_and_the_corrected_one_is_taken(tmp_path: Path, kind: str) -> None:
    server = Server(tmp_path, kind)
    server.commit(**{"containers/web.nspawn": BAD})
    assert server.push("main") == (False, [
        "containers/web.nspawn:3:1: error[BB202]: There is no key Usr= in section [Exec]. hint: Did you mean User?",
        "1 error, 0 warnings.",
        UNCHECKED,
        "The push is rejected: correct the errors, commit, and push again.",
    ])
    assert server.refs() == []
    server.commit(**{"containers/web.nspawn": GOOD})
    assert server.push("main") == (True, [UNCHECKED])
    assert server.refs() == ["refs/heads/main"]


def test_warnings_let_a_push_pass(server: Server) -> None:
    server.commit(**{"container/web.nspawn": GOOD})
    taken, said = server.push("main")
    assert taken and "warning[BB108]" in said[0] and said[1] == "0 errors, 1 warning."


def test_tags_notes_and_deletions_pass_and_are_not_read(server: Server) -> None:
    server.commit()
    assert server.push("main", "main:side")[0]
    server.commit(**{"containers/web.nspawn": BAD})
    server.git("tag", "v1")
    server.git("tag", "-a", "-m", "x", "blob", server.git("rev-parse", "HEAD:metadata.json"))
    assert server.push("v1", "blob", "main:refs/notes/x", ":side") == (True, [])
    assert server.refs() == ["refs/heads/main", "refs/notes/x", "refs/tags/blob", "refs/tags/v1"]


def test_findings_of_several_branches_name_theirs_and_reject_them_all(server: Server) -> None:
    good = server.commit()
    server.commit(**{"containers/web.nspawn": BAD})
    taken, said = server.push("main", f"{good}:refs/heads/good")
    assert not taken and said[0].startswith("main:containers/web.nspawn:3:1: error[BB202]") and server.refs() == []


def test_only_the_branches_that_are_asked_for_are_checked(tmp_path: Path) -> None:
    server = Server(tmp_path, "sha1", "--branch=main --branch='rel/*'")
    server.commit(**{"containers/web.nspawn": BAD})
    assert server.push("main:side", "main:release") == (True, [])
    for branch in ("main", "rel/1"):
        assert not server.push(f"main:{branch}")[0]


def registration(folder: Path, **grants: object) -> Path:
    path = folder / "acme.json"
    path.write_text(json.dumps({
        "apiVersion": "bitbuilder.io/v1", "tenant": "acme", "repository": "file:///srv/acme.git", "branch": "live",
        "trust": {"commits": "unsigned"}, "grants": grants,
    }))  # fmt: skip
    return path


def test_a_registration_brings_the_grant_and_the_branch(tmp_path: Path) -> None:
    path = registration(tmp_path, cpus=1, memory="1G", tasks=100)
    server = Server(tmp_path, "sha1", f"--registration={path}")
    server.commit(**{"containers/web.nspawn": GOOD})
    assert server.push("main") == (True, [])
    taken, said = server.push("main:live")
    assert not taken and "Container web is number 1, but 0 are granted." in said[0]
    registration(tmp_path, cpus=1, memory="1G", tasks=100, containers=1, images=["b"])
    assert server.push("main:live") == (True, ["Not checked: whether the host offers the images."])


def test_without_its_registration_nothing_is_taken(tmp_path: Path) -> None:
    server = Server(tmp_path, "sha1", "--registration=/nonexistent/acme.json")
    server.commit()
    assert server.push("main") == (False, ["bbhv: /nonexistent/acme.json does not exist."])


def test_a_system_repository_is_checked_as_one(server: Server) -> None:
    text = json.dumps({"apiVersion": "bitbuilder.io/v1", "tenant": "acme", "repository": "http://x/y"})
    server.commit(**{"system.json": '{"apiVersion": "bitbuilder.io/v1"}', "tenants/acme.json": text})
    taken, said = server.push("main")
    assert not taken and any("tenants/acme.json:1:68: error[BB504]" in line for line in said), said


# Hostile pushes


def test_what_is_no_plain_file_is_named(server: Server) -> None:
    oid = server.commit()
    (server.work / "link").symlink_to("/etc/shadow")
    (server.work / "big").write_bytes(b"\0" * ((1 << 20) + 1))
    deep = server.work / "/".join("d" * 14)
    deep.mkdir(parents=True)
    (deep / "file").write_text("")
    server.git("add", "-A")
    server.git("update-index", "--add", "--cacheinfo", f"160000,{oid},module")
    server.git("commit", "-qm", "x")
    taken, said = server.push("main")
    found = {line.partition(":")[0]: line.partition("[")[2][:5] for line in said if "error[" in line}
    assert not taken and found == {
        "big": "BB105", "/".join("d" * 12): "BB107", "link": "BB106", "module": "BB106"
    }


def test_a_name_that_drives_a_terminal_is_shown_escaped(server: Server) -> None:
    server.commit(**{"\x1b[2J\n": "x"})
    taken, said = server.push("main")
    assert not taken and said[0].startswith("\\x1b[2J\\n: error[BB107]")


def blobs(sizes: Iterator[int]) -> bytes:
    """A fast-import stream with one branch for each size, each with files of its own."""
    out = []
    for number, size in enumerate(sizes):
        out.append(b"commit refs/heads/b%d\ncommitter A <a@b> 1 +0000\ndata 0\n" % number)
        out.append(b"M 100644 inline metadata.json\ndata %d\n%s\n" % (len(METADATA), METADATA.encode()))
        out.append(b"M 100644 inline docs/f\ndata %d\n%s\n" % (size, b"x" * size))
    return b"".join(out)


def test_a_thousand_branches_with_the_same_files_are_read_once(server: Server) -> None:
    oid = server.commit()
    server.git("update-ref", "--stdin", stdin="".join(f"create refs/heads/b{n} {oid}\n" for n in range(1000)))
    assert server.push("refs/heads/*:refs/heads/*") == (True, [UNCHECKED])
    assert len(server.refs()) == 1001


def test_too_many_different_branches_at_once_are_rejected_with_a_way_out(server: Server) -> None:
    server.git("fast-import", "--quiet", stdin=blobs(iter(range(hooks.MAX_TREES + 1))))
    taken, said = server.push("refs/heads/b*:refs/heads/b*")
    assert not taken and server.refs() == []
    assert said == [f"bbhv: More than {hooks.MAX_TREES} branches with different files are pushed at once.",
                    "      Push fewer, or let the hook check only certain ones: --branch=main."]
    server.git("branch", "-D", "b0")
    assert server.push("refs/heads/b*:refs/heads/b*")[0]


def test_more_findings_than_fit_are_counted(server: Server) -> None:
    server.commit(**{f"wrong/{n}.txt": "x" for n in range(150)})
    server.git("checkout", "-qb", "other")
    server.commit(**{"containers/web.nspawn": BAD})
    taken, said = server.push("main", "other")
    assert not taken and len(said) == 200 + 4
    assert said[200:202] == ["… and 101 more", "1 error, 300 warnings."]


def test_a_branch_that_is_no_commit_is_rejected(server: Server) -> None:
    server.commit()
    blob = server.git("rev-parse", "HEAD:metadata.json")
    server.git("tag", "-a", "-m", "x", "t", blob)
    for oid in (blob, server.git("rev-parse", "t"), server.git("rev-parse", "HEAD^{tree}"), "f" * 40, "f" * 64):
        done = server.call(f"{ZERO} {oid} refs/heads/main\n")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"bbhv: refs/heads/main cannot be set to {oid[:12]}: "), done.stderr


def test_objects_that_are_missing_or_damaged_reject_the_push(server: Server) -> None:
    server.commit(**{"containers/web.nspawn": GOOD})
    for tree in (b"100644 a\0" + b"\x11" * 20, b"100644 b\0" + b"1" * 20 + b"100644 a\0" + b"1" * 20, b"nonsense"):
        oid = server.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=tree)
        commit = server.git("hash-object", "-w", "-t", "commit", "--literally", "--stdin",
                            stdin=f"tree {oid}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx\n")
        done = server.call(f"{ZERO} {commit} refs/heads/main\n")
        assert done.returncode == 1 and "bbhv: What was pushed cannot be read: " in done.stderr, done.stderr
        assert "clones" not in done.stderr


@pytest.mark.parametrize("stdin", ["x", "\n", f"{ZERO} {ZERO}\n", f"{ZERO}  refs/heads/main\n", "\0" * 100,
                                   f"{ZERO} HEAD refs/heads/main\n", "é" * 50, b"\xff\xfe"])
def test_an_input_that_git_never_gives_is_a_sentence(server: Server, stdin: str | bytes) -> None:
    done = server.call(stdin)
    sentence, hint = done.stderr.splitlines()
    assert done.returncode == 2 and "Line 1 of standard input" in sentence and "hooks/pre-receive" in hint


def test_an_endless_input_is_rejected(server: Server) -> None:
    done = server.call(f"{ZERO} {ZERO} refs/heads/x\n" * 50_000)
    assert (done.returncode, done.stderr) == (1, "bbhv: The push updates too many refs at once.\n      Push fewer.\n")


def test_nothing_to_check_is_silent(server: Server) -> None:
    done = server.call("")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_folder_that_is_no_repository_rejects(server: Server, tmp_path: Path) -> None:
    done = server.call(f"{ZERO} {'1' * 40} refs/heads/main\n", gitdir=tmp_path)
    assert done.returncode == 1 and "not a git repository" in done.stderr


def test_a_pusher_who_went_away_is_judged_all_the_same(server: Server) -> None:
    commit = server.commit(**{"containers/web.nspawn": BAD})
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        done = subprocess.run(["bbhv", "hook", "pre-receive"], cwd=server.work / ".git", stdout=nobody, check=False,
                              env=dict(server.env, GIT_DIR="."), timeout=60,
                              input=f"{ZERO} {commit} refs/heads/main\n".encode())
    assert done.returncode == 1


def test_a_branch_without_a_name_is_a_wrong_call_and_no_check_left_out(tmp_path: Path) -> None:
    server = Server(tmp_path, "sha1", "--branch=$UNSET")
    server.commit(**{"containers/web.nspawn": BAD})
    taken, said = server.push("main")
    assert not taken and said[0] == "bbhv: --branch= has no value, so that no branch would be checked."


def test_an_error_of_our_own_rejects_with_a_sentence() -> None:
    verb, _, _ = parse(["hook", "pre-receive"])
    assert verb is not None
    wrong = cast(str, 5)  # what no command line can give
    with pytest.raises(BbhvError, match="The push was not checked: internal error, TypeError in [a-z]+.py:[0-9]+"):
        hooks.hook(Call(verb, ["pre-receive"], {"--registration": wrong}), Output())


def test_there_is_no_other_hook(server: Server) -> None:
    done = subprocess.run(["bbhv", "hook", "update"], env=server.env, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    there_are = "There are pre-receive and post-receive."
    assert (done.returncode, done.stderr) == (2, f"bbhv: There is no hook 'update'.\n      {there_are}\n")


@pytest.mark.parametrize(("words", "why"), [
    (["pre-receive", "acme"], "takes no tenant"), (["post-receive", "../acme"], "is not a tenant name"),
    (["post-receive", "--registration=x"], "takes no --registration="), (["post-receive", "acme", "x"], "takes"),
])  # fmt: skip
def test_a_hook_that_is_called_wrongly_says_so(server: Server, words: list[str], why: str) -> None:
    done = subprocess.run(["bbhv", "hook", *words], env=server.env, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and why in done.stderr


def test_a_push_is_taken_and_the_pusher_told_where_there_is_no_host(server: Server) -> None:
    hook = server.bare / "hooks/post-receive"
    hook.write_text("#!/bin/sh\nexec bbhv hook post-receive --branch=main\n")
    hook.chmod(0o755)
    server.commit()
    assert server.push("main:side") == (True, [UNCHECKED])
    taken, said = server.push("main")
    assert taken and said[0] == UNCHECKED and len(said) == 2 and server.refs() == ["refs/heads/main", "refs/heads/side"]
    assert said[1].startswith("bbhv: no sync was asked for, the timer does it: ")


def test_a_person_who_calls_it_is_told_who_does(server: Server) -> None:
    ours, theirs = os.openpty()
    done = subprocess.run(["bbhv", "hook", "pre-receive"], env=server.env, stdin=theirs, capture_output=True, text=True,
                          check=False, timeout=60)
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 2 and "git calls this verb" in done.stderr
