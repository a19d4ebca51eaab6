"""What happens to repositories inside the sandboxes: fetching, taking a bundle apart, making one pack of many.

`fetch` talks to the network and writes a git bundle. `ingest` takes a bundle apart without a network and writes the
checked pack in frames, as does `repack`. `credential` is the helper that tells git a password. None of them can do
more than its sandbox; whatever is wrong is a BbhvError.
"""

import os
import sys
from typing import IO

from ...errors import BbhvError, CommandError, NotFoundError, RefusedError
from ...formats import bundle, frames
from ...host import git, run
from ...kinds.urls import file_path
from ...model import fetching
from ...model.fetching import Request
from ...names import is_object_id
from ..paths import REF_INCOMING

CHUNK = 1 << 20
MAX_HEADER = 1 << 16
MAX_OBJECTS = 1_000_000
SECONDS = 300.0


def fetch() -> None:
    """Does what the request on standard input asks for: writes a bundle, or nothing when there is nothing new."""
    try:
        request = fetching.decode(sys.stdin.buffer.read(fetching.MAX_REQUEST))
    except ValueError as error:
        raise RefusedError(f"The request cannot be read: {error}.") from error
    folder = _workplace()
    env = environment(request, folder)
    try:
        _fetch(request, folder, env)
    except CommandError as error:
        words = " ".join(error.stderr.split()) or error.message
        raise BbhvError(words, hint=fetching.advice(words)) from error


def _fetch(request: Request, folder: str, env: dict[str, str]) -> None:
    kind = git.algorithm(request.have) if request.have else _remote_algorithm(request, env)
    repository = _scratch(f"{folder}/repo.git", kind, request.objects)
    if request.have:
        _write(f"{repository}/refs/bitbuilder/have", f"{request.have}\n")
    _git(
        repository, env, "-c", "fetch.unpackLimit=1", "-c", "pack.threads=1", "fetch", "--quiet", "--no-tags",
        "--no-recurse-submodules", "--no-write-fetch-head", "--no-auto-maintenance", "--refmap=", "--end-of-options",
        request.url, f"+refs/heads/{request.branch}:{REF_INCOMING}",
    )  # fmt: skip
    with open(f"{repository}/{REF_INCOMING}", encoding="ascii") as file:
        tip = file.read().strip()
    if tip != request.have:
        _write_bundle(repository, env, tip, request.have)


def _write_bundle(repository: str, env: dict[str, str], tip: str, have: str) -> None:
    """Writes what was fetched: the pack that git took from the server, completed with what its deltas start from.

    When the server had nothing to send, because the clone has all objects already, git makes one.
    """
    packs = [name for name in os.listdir(f"{repository}/objects/pack") if name.endswith(".pack")]
    if len(packs) == 1:
        sys.stdout.buffer.write(bundle.make_header(tip, REF_INCOMING, (have,) if have else ()))
        with open(f"{repository}/objects/pack/{packs[0]}", "rb") as pack:
            _copy(pack, sys.stdout.buffer)
        return
    making = ("bundle", "create", "--quiet", "-", REF_INCOMING)
    process = run.spawn(("git", f"--git-dir={repository}", *git.HARMLESS, *making), env=env)
    try:
        _copy(process.stdout, sys.stdout.buffer)
        if process.wait(git.TIMEOUT).returncode:
            raise BbhvError(f"git bundle failed: {process.last_words().strip()}")
    finally:
        process.close()


def environment(request: Request, folder: str) -> dict[str, str]:
    """What git is told about the network, in files that are gone with the unit; nothing secret is in them."""
    given = os.environ.get("CREDENTIALS_DIRECTORY", "")
    secret = f"{given}/{request.credential}" if given and request.credential else ""
    if request.credential and not os.path.exists(secret):
        raise NotFoundError(f"This unit was not given the credential {request.credential}.")
    env = dict(git.ENVIRONMENT, GIT_ALLOW_PROTOCOL=request.scheme, HOME=folder, GIT_CONFIG_GLOBAL=f"{folder}/gitconfig")
    helper: tuple[str, ...] = ()
    if request.scheme == "ssh":
        known = _write(f"{folder}/known_hosts", f"{request.known_hosts}\n")
        env["GIT_SSH_COMMAND"] = fetching.ssh_command(request, known, secret)
        env["GIT_SSH_VARIANT"] = "ssh"
    elif secret:
        env["CREDENTIALS_DIRECTORY"] = given
        about = (request.credential, request.user, fetching.server(request.url))
        helper = (*run.program(), "worker", "credential", *about)
    authority = _write(f"{folder}/ca.pem", request.ca) if request.ca else ""
    path = file_path(request.url) if request.scheme == "file" else ""
    owned = (path, f"{path}/.git", f"{path}.git") if path else ()
    _write(f"{folder}/gitconfig", fetching.git_configuration(request, authority, helper, owned))
    return env


def credential(name: str, user: str, server: str, action: str) -> None:
    """Answers git as a credential helper does (gitcredentials(7)), for our server only."""
    question = sys.stdin.read(fetching.MAX_SECRET)
    if action != "get":
        return
    with open(f"{os.environ['CREDENTIALS_DIRECTORY']}/{name}", encoding="utf-8") as file:
        secret = file.read(fetching.MAX_SECRET).rstrip("\r\n")
    try:
        sys.stdout.write(fetching.answer(question, server, user, secret))
    except ValueError as error:
        raise BbhvError(f"Credential {name}: {error}.") from None


def ingest(objects: str, limit: int, kind: str, branch: str) -> None:
    """Reads a bundle, checks it and its pack, and writes the frames tip, name, pack, rev, idx, end.

    Of its refs `branch` is taken, or the only one that it has.
    """
    source = open(0, "rb", buffering=0, closefd=False)
    head, rest = _header(source)
    try:
        tip = bundle.chosen(head, branch)
    except bundle.BundleFormatError as error:
        raise RefusedError(error.message, hint=error.hint) from None
    rest = _counted(source, rest)
    folder = _workplace()
    env = dict(git.ENVIRONMENT, HOME=folder)
    repository = _scratch(f"{folder}/repo.git", kind or git.algorithm(tip), objects)
    try:
        name = _checked(repository, env, rest, source, limit, tip, head.prerequisites)
    except RefusedError:
        for oid in head.prerequisites:
            _prerequisite(repository, env, oid, branch)  # which would be the reason
        raise
    _hand_over(f"{repository}/objects/pack/pack-{name}", tip, name)


def _checked(
    repository: str, env: dict[str, str], first: bytes, source: IO[bytes], limit: int, tip: str, known: tuple[str, ...]
) -> str:
    """The name of the pack, which holds all that the tip needs beyond what is known. Raises RefusedError."""
    name = _index_pack(repository, env, first, source, limit)
    if _git(repository, env, "cat-file", "-t", tip) != "commit":
        raise RefusedError(f"{tip[:12]}, which the bundle offers, is no commit.", hint=bundle.MAKE)
    _connected(repository, env, tip, known)
    return name


def repack(objects: str, *tips: str) -> None:
    """Writes one pack of all that the tips reach, in frames."""
    if not tips or not all(map(is_object_id, tips)):
        raise RefusedError("There is nothing to pack.")
    folder = _workplace()
    env = dict(git.ENVIRONMENT, HOME=folder)
    repository = _scratch(f"{folder}/repo.git", git.algorithm(tips[0]), objects)
    command = ("-c", "pack.threads=1", "pack-objects", "--quiet", "--revs", f"{repository}/objects/pack/pack")
    name = _git(repository, env, *command, stdin="".join(f"{tip}\n" for tip in tips).encode())
    if not is_object_id(name):
        raise BbhvError("git pack-objects made more than one pack, or none.")
    _hand_over(f"{repository}/objects/pack/pack-{name}", tips[0], name)


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


def _prerequisite(repository: str, env: dict[str, str], oid: str, branch: str) -> None:
    try:
        _git(repository, env, "cat-file", "-e", f"{oid}^{{commit}}")
    except CommandError:
        name = branch.removeprefix("refs/heads/")
        hint = f"Make a complete one: git bundle create FILE {name}"
        message = f"The bundle goes on from commit {oid[:12]}, which this host does not have."
        raise RefusedError(message, hint=hint) from None


def _connected(repository: str, env: dict[str, str], tip: str, known: tuple[str, ...]) -> None:
    """All that the tip needs is there. Raises RefusedError."""
    try:
        _git(repository, env, "rev-list", "--quiet", "--objects", tip, *(f"^{oid}" for oid in known))
    except CommandError as error:
        words = " ".join(error.stderr.split()) or error.message
        message = f"The pack does not hold all that commit {tip[:12]} needs: {words}"
        raise RefusedError(message, hint=bundle.MAKE) from None


def _index_pack(repository: str, env: dict[str, str], first: bytes, source: IO[bytes], limit: int) -> str:
    command = (
        "git", f"--git-dir={repository}", *git.HARMLESS, "-c", "core.bigFileThreshold=16m", "index-pack", "--stdin",
        "--fix-thin", "--strict", f"--max-input-size={limit}", "--threads=1",
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
        words = " ".join(done.stderr.split()).removeprefix("fatal: ") or f"it ended with {done.returncode}"
        raise RefusedError(f"The pack was refused by git index-pack: {words}")
    return answer[1]


def _header(source: IO[bytes]) -> tuple[bundle.Header, bytes]:
    data = b""
    while True:
        chunk = source.read(4096)
        data += chunk
        try:
            head = bundle.parse_header(data)
        except bundle.BundleIncompleteError:
            if not chunk or len(data) > MAX_HEADER:
                raise RefusedError("The bundle ends within its header.", hint=bundle.MAKE) from None
            continue
        except bundle.BundleFormatError as error:
            raise RefusedError(error.message, hint=error.hint or bundle.MAKE) from None
        return head, data[head.size :]


def _counted(source: IO[bytes], data: bytes) -> bytes:
    """The start of the pack, once it is known how many objects it says that it has."""
    while len(data) < bundle.PACK_HEADER and (chunk := source.read(4096)):
        data += chunk
    if bundle.pack_objects(data) > MAX_OBJECTS:
        message = f"The pack has {bundle.pack_objects(data)} objects, more than the {MAX_OBJECTS} that are taken."
        raise RefusedError(message, hint="Start a new history.")
    return data


def _scratch(path: str, kind: str, objects: str) -> str:
    """An empty repository as `git init --bare` would make it, which borrows the objects of another."""
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/bitbuilder"):
        os.makedirs(f"{path}/{folder}")
    _write(f"{path}/HEAD", "ref: refs/heads/main\n")
    extensions = "[extensions]\n\tobjectFormat = sha256\n" if kind == "sha256" else ""
    version = 1 if extensions else 0
    _write(f"{path}/config", f"[core]\n\trepositoryFormatVersion = {version}\n\tbare = true\n{extensions}")
    if objects:
        _write(f"{path}/objects/info/alternates", objects + "\n")
    return path


def _workplace() -> str:
    """A folder in the own /var/tmp of the unit, with which it is gone."""
    folder = f"/var/tmp/bitbuilder-{os.urandom(8).hex()}"
    os.mkdir(folder, 0o700)
    return folder


def _remote_algorithm(request: Request, env: dict[str, str]) -> str:
    asked = ("--quiet", "--end-of-options", request.url, f"refs/heads/{request.branch}")
    command = ("git", *git.HARMLESS, "ls-remote", *asked)
    answer = run.run(command, timeout=SECONDS, env=env).text.split()
    if not answer or not is_object_id(answer[0]):
        message = f"{request.url} has no branch {request.branch!r}."
        raise BbhvError(message, hint="Push the branch, or correct it in the registration.")
    return git.algorithm(answer[0])


def _write(path: str, text: str) -> str:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _git(repository: str, env: dict[str, str], *arguments: str, stdin: bytes | None = None) -> str:
    command = ("git", f"--git-dir={repository}", *git.HARMLESS, *arguments)
    return run.run(command, timeout=SECONDS, env=env, stdin=stdin).text


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    while chunk := source.read(CHUNK):
        target.write(chunk)
