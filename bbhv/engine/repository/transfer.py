"""What a program of ours does for repositories inside of a sandbox: making one pack of many, telling a password.

`repack` writes one pack of a clone's objects in frames. `credential` is the helper that tells git a password. Neither
can do more than its sandbox; whatever is wrong is a BbhvError.
"""

import os
import sys
from typing import IO

from ...errors import BbhvError, RefusedError
from ...formats import frames
from ...host import git, run
from ...model import fetching
from ...names import is_object_id

CHUNK = 1 << 20
SECONDS = 300.0


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
