"""What runs inside the sandboxes: unprivileged, with nothing but standard input and output to the engine.

`fetch` talks to the network and writes a git bundle. `ingest` takes a bundle apart without a network and writes the
checked pack in frames. `image` writes the bytes of an image. `unpack` extracts an archive below one folder.
Whatever is wrong is one sentence on standard error and a non-zero exit status.
"""

import os
import stat
import sys
import tempfile
from typing import IO
from urllib.parse import unquote, urlsplit

from ..errors import BbhvError, CommandError, RefusedError, UsageError
from ..formats import bundle, frames
from ..host import git, run
from ..names import is_object_id
from .paths import REF_INCOMING
from .unpack import unpack

CHUNK = 1 << 20
MAX_HEADER = 1 << 16


def work(arguments: list[str]) -> int:
    """Does the work that the first argument names. Raises BbhvError, with the words of git where git failed."""
    try:
        return _work(*arguments)
    except CommandError as error:
        raise BbhvError(" ".join(error.stderr.split()) or error.message) from error
    except OSError as error:
        raise BbhvError(f"{error.filename or 'The sandbox'}: {error.strerror or error}") from error


def _work(kind: str = "", *rest: str) -> int:
    match kind, len(rest):
        case "fetch", 4:
            fetch(rest[0], rest[1], rest[2], rest[3])
        case "ingest", 3:
            ingest(rest[0], int(rest[1]), rest[2])
        case "image", 1:
            image(rest[0])
        case "unpack", 3:
            unpack(sys.stdin.buffer, rest[0], int(rest[1]), int(rest[2]))
        case _:
            raise UsageError("This verb is for the engine's own units.")
    return 0


def fetch(url: str, branch: str, have: str, objects: str) -> None:
    """Writes a bundle of the branch's tip without what `have` reaches; nothing when the tip is `have`.

    `objects` is the clone's object store, lent for deltas; `have` and it may be empty.
    """
    scheme = urlsplit(url).scheme
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        env = dict(git.ENVIRONMENT, GIT_ALLOW_PROTOCOL=scheme, HOME=folder)
        if scheme == "file":
            env["GIT_CONFIG_GLOBAL"] = _trust_local(folder, url)
        kind = git.algorithm(have) if have else _remote_algorithm(url, branch, env)
        repository = _scratch(f"{folder}/repo.git", kind, objects, env)
        if have:
            _git(repository, env, "update-ref", "refs/bitbuilder/have", have)
        _git(
            repository, env, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head",
            "--no-auto-maintenance", "--refmap=", "--end-of-options", url, f"+refs/heads/{branch}:{REF_INCOMING}",
        )  # fmt: skip
        tip = _git(repository, env, "rev-parse", "--verify", f"{REF_INCOMING}^{{commit}}")
        if tip == have:
            return
        news = have and _git(repository, env, "rev-list", "--max-count=1", f"{have}..{tip}")
        without = (f"^{have}",) if news else ()
        making = ("bundle", "create", "--quiet", "-", REF_INCOMING, *without)
        process = run.spawn(("git", f"--git-dir={repository}", *git.HARMLESS, *making), env=env)
        try:
            _copy(process.stdout, sys.stdout.buffer)
            if process.wait(git.TIMEOUT).returncode:
                raise BbhvError(f"git bundle failed: {process.last_words().strip()}")
        finally:
            process.close()


def ingest(objects: str, limit: int, kind: str) -> None:
    """Reads a bundle, checks it and its pack, and writes the frames tip, name, pack, rev, idx, end."""
    source = open(0, "rb", buffering=0, closefd=False)
    head, rest = _makingheader(source)
    if len(head.references) != 1:
        raise RefusedError(f"The bundle has {len(head.references)} references; exactly one is taken.")
    tip = head.references[0][0]
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        env = dict(git.ENVIRONMENT, HOME=folder)
        repository = _scratch(f"{folder}/repo.git", kind or git.algorithm(tip), objects, env)
        for oid in head.prerequisites:
            _git(repository, env, "cat-file", "-e", f"{oid}^{{commit}}")
        name = _index_pack(repository, env, rest, source, limit)
        _git(repository, env, "update-ref", REF_INCOMING, tip)
        _git(repository, env, "rev-list", "--quiet", "--objects", tip, *(f"^{oid}" for oid in head.prerequisites))
        _hand_over(f"{repository}/objects/pack/pack-{name}", tip, name)


def _hand_over(path: str, tip: str, name: str) -> None:
    out = sys.stdout.buffer
    for label, text in (("tip", tip), ("name", name)):
        out.write(frames.header("tip" if label == "tip" else "name", len(text)) + text.encode())
    for part in ("pack", "rev", "idx"):
        try:
            with open(f"{path}.{part}", "rb") as file:
                size = os.fstat(file.fileno()).st_size
                out.write(frames.header("pack" if part == "pack" else "rev" if part == "rev" else "idx", size))
                _copy(file, out)
        except FileNotFoundError:
            if part != "rev":
                raise
    out.write(frames.header("end", 0))
    out.flush()


def _index_pack(repository: str, env: dict[str, str], first: bytes, source: IO[bytes], limit: int) -> str:
    command = (
        "git", f"--git-dir={repository}", *git.HARMLESS, "index-pack", "--stdin", "--fix-thin", "--strict",
        f"--max-input-size={limit}", "--threads=1",
    )  # fmt: skip
    process = run.spawn(command, pipe_stdin=True, env=env)
    try:
        pipe = process.popen.stdin
        assert pipe is not None
        try:
            pipe.write(first)
            _copy(source, pipe)
            pipe.close()
        except BrokenPipeError:
            pass  # git says below why it stopped reading
        answer = process.stdout.read(200).decode("ascii", "replace").split()
        done = process.wait(git.TIMEOUT)
    finally:
        process.close()
    if done.returncode or len(answer) != 2 or not is_object_id(answer[1]):
        raise RefusedError(f"The pack was refused by git index-pack: {done.stderr.strip() or 'no answer'}")
    return answer[1]


def _makingheader(source: IO[bytes]) -> tuple[bundle.Header, bytes]:
    data = b""
    while True:
        chunk = source.read(4096)
        data += chunk
        try:
            head = bundle.parse_header(data)
        except bundle.BundleIncompleteError:
            if not chunk or len(data) > MAX_HEADER:
                raise RefusedError("The bundle ends within its header.") from None
            continue
        return head, data[head.size:]


def image(url: str) -> None:
    """Writes the bytes of an image. Only file:// in this sandbox without a network."""
    parts = urlsplit(url)
    if parts.scheme != "file":
        raise RefusedError(f"{url}: only file:// is supported.")
    path = unquote(parts.path)
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise BbhvError(f"{path} is not a plain file")  # nobody may ever write into a FIFO
        with open(handle, "rb", closefd=False) as file:
            _copy(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
    finally:
        os.close(handle)


def _scratch(path: str, kind: str, objects: str, env: dict[str, str]) -> str:
    run.run(
        ("git", *git.HARMLESS, "init", "--quiet", "--bare", "--template=", f"--object-format={kind}", path),
        timeout=git.TIMEOUT, env=env,
    )  # fmt: skip
    if objects:
        os.makedirs(f"{path}/objects/info", exist_ok=True)
        with open(f"{path}/objects/info/alternates", "w", encoding="utf-8") as file:
            file.write(objects + "\n")
    return path


def _remote_algorithm(url: str, branch: str, env: dict[str, str]) -> str:
    command = ("git", *git.HARMLESS, "ls-remote", "--quiet", "--end-of-options", url, f"refs/heads/{branch}")
    answer = run.run(command, timeout=git.TIMEOUT, env=env).text.split()
    if not answer:
        raise BbhvError(f"{url} has no branch {branch!r}.", hint="Push the branch, or correct it in the registration.")
    return git.algorithm(answer[0])


def _trust_local(folder: str, url: str) -> str:
    path = unquote(urlsplit(url).path)
    with open(f"{folder}/gitconfig", "w", encoding="utf-8") as file:
        for one in (path, f"{path}/.git", f"{path}.git"):
            escaped = one.replace("\\", "\\\\").replace('"', '\\"')
            file.write(f'[safe]\n\tdirectory = "{escaped}"\n')
    return file.name


def _git(repository: str, env: dict[str, str], *arguments: str) -> str:
    return run.run(("git", f"--git-dir={repository}", *git.HARMLESS, *arguments), timeout=300.0, env=env).text


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    while chunk := source.read(CHUNK):
        target.write(chunk)
