"""Fetching: git talks to the network in a sandbox of its own, and leaves a pack of what is new.

All that it is told about the network is in files of its workplace; nothing secret is in them. A key or a password is
the unit's credential.
"""

from collections.abc import Mapping

from ...errors import CommandError
from ...host import files, git, run, systemd
from ...kinds.urls import file_path
from ...model import fetching
from ...model.fetching import Request
from ...names import is_object_id
from .. import confined, paths, sandboxes
from . import reach
from .reach import Repository

MEMORY = "512M"
CPU_SECONDS = 240
_OTHER_HASH = "mismatched algorithms"


def fetch(repository: Repository, have: str | None, workplace: str) -> str:
    """The tip of the branch; in the workplace is a pack of what `have` has not. Raises BbhvError, OSError."""
    if have:
        return _fetch(repository, have, git.algorithm(have), workplace)
    try:
        return _fetch(repository, "", "sha1", workplace)
    except CommandError as error:
        if _OTHER_HASH not in error.stderr:
            raise
    files.remove_tree(workplace)
    return _fetch(repository, "", "sha256", workplace)


def _fetch(repository: Repository, have: str, kind: git.Algorithm, workplace: str) -> str:
    request = repository.request()
    unit = confined.unit_name("fetch", repository.name)
    objects = f"{repository.clone.gitdir}/objects" if have else ""
    confined.furnish(workplace, kind, have, bool(objects))
    local = request.scheme == "file"
    environment, seen = _told(request, workplace, f"/run/credentials/{unit}/{request.credential}")
    sandbox = systemd.Sandbox(
        properties=(*reach.properties(repository), *seen), memory=MEMORY, cpu=CPU_SECONDS, network=not local,
        file_size=sandboxes.PACK_LIMIT, seconds=repository.seconds,
    )  # fmt: skip
    work = confined.Work(step="fetch", name=repository.name, workplace=workplace, objects=objects, rooted=not local)
    arguments = (
        "-c", "pack.threads=1", "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head",
        "--no-auto-maintenance", "--refmap=", "--end-of-options", request.url,
        f"+refs/heads/{request.branch}:{paths.REF_INCOMING}",
    )  # fmt: skip
    said = confined.run_git(work, arguments, sandbox, environment, unit=unit)
    found = files.read(f"{workplace}/{confined.REPOSITORY}/{paths.REF_INCOMING}", 200)
    tip = (found or b"").decode("ascii", "replace").strip()
    if not said.ended or not is_object_id(tip):
        why = said.why(repository.seconds)
        message = f"The fetch of {repository.subject} failed: {why}."
        hint = fetching.advice(said.words) or sandboxes.AGAIN
        raise CommandError(("git", *arguments), 1, said.words, message, hint=hint)
    return tip


def _told(request: Request, workplace: str, secret: str) -> tuple[Mapping[str, str], list[str]]:
    """What git is told about the network: its environment, and what else it has to see. `secret` is a path in there."""
    config = f"{paths.WORKPLACE}/gitconfig"
    env = {"GIT_ALLOW_PROTOCOL": request.scheme, "GIT_CONFIG_GLOBAL": config}
    seen: list[str] = []
    helper: tuple[str, ...] = ()
    if request.scheme == "ssh":
        confined.put(f"{workplace}/known_hosts", f"{request.known_hosts}\n")
        known = f"{paths.WORKPLACE}/known_hosts"
        env["GIT_SSH_COMMAND"] = fetching.ssh_command(request, known, secret if request.credential else "")
        env["GIT_SSH_VARIANT"] = "ssh"
    elif request.credential:
        about = (request.credential, request.user, fetching.server(request.url))
        helper = (*run.program(), "worker", "credential", *about)
        seen = [f"BindReadOnlyPaths={path}" for path in helper[:3] if path[0] == "/" and not path.startswith("/usr/")]
    if request.ca:
        confined.put(f"{workplace}/ca.pem", request.ca)
    path = file_path(request.url) if request.scheme == "file" else ""
    owned = (path, f"{path}/.git", f"{path}.git") if path else ()
    authority = f"{paths.WORKPLACE}/ca.pem" if request.ca else ""
    confined.put(f"{workplace}/gitconfig", fetching.git_configuration(request, authority, helper, owned))
    return env, seen
