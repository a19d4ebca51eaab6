"""The system repository: the host follows its branch as a tenant's is followed; only what verifies moves the clone."""

import os

from ..errors import BbhvError, NotFoundError, RefusedError
from ..findings import Finding, errors, ordered
from ..host import files, git, log
from ..host.lock import Lock
from ..kinds.urls import normalise
from ..kinds.values import Unreadable
from ..model import fetching
from ..model.hostconf import ALLOW_FILE, HostSettings
from ..model.registration import Fetch
from . import paths
from .repository import memory, obtain, reach, verify
from .repository.read import read
from .repository.signers import Signers
from .tenant.job import Asked
from .world import emptied, system_config


def follow(host: HostSettings, asked: Asked = Asked()) -> None:
    """Fetches the system repository, or takes it from a bundle, and moves its clone, verified. Raises BbhvError.

    Without a system repository, nothing happens.
    """
    if not host.repository:
        if asked.bundle:
            hint = "Set Repository= under [System] in /etc/bitbuilder/bitbuilder.conf."
            raise NotFoundError("This host has no system repository.", hint=hint)
        return
    with Lock(f"{paths.RUN_LOCK}/_system", "The system repository") as lock:
        lock.take("syncing the system repository", wait=True)
        if host.repository.startswith("file:") and not host.allow_file:
            raise RefusedError(f"{host.repository} is a local repository.", hint=ALLOW_FILE)
        repository = obtain.Repository(
            name="_system", url=_address(host.repository), branch=host.branch, clone=git.Clone(paths.SYSTEM_CLONE),
            allow_file=host.allow_file, fetch=_fetch(host), seconds=host.fetch_timeout_sec,
        )  # fmt: skip
        if not asked.bundle:
            _check(repository)
        memory.heal(repository.clone)
        try:
            commit = _taken(host, repository, asked)
        except RefusedError:
            obtain.give_back(repository)
            raise
        except BbhvError as error:
            error.message, error.hint = map(fetching.for_settings, (error.message, error.hint))
            raise
        obtain.accept(repository)
        repository.clone.align(commit.oid, host.branch, lock.handle)


def _taken(host: HostSettings, repository: obtain.Repository, asked: Asked) -> verify.VerifiedCommit:
    """The newest commit, accepted. A clone that is damaged is made anew. Raises BbhvError."""
    try:
        commit, found, problems = _newest(host, repository, asked)
    except git.DamagedError as error:
        log.write("warning", f"{error.message} The system repository is cloned again.")
        repository.clone.discard()
        commit, found, problems = _newest(host, repository, asked)
    _accept(host, commit, found, problems)
    return commit


def _newest(
    host: HostSettings, repository: obtain.Repository, asked: Asked
) -> tuple[verify.VerifiedCommit, dict[str, bytes], tuple[Finding, ...]]:
    """The tip of the branch, verified, its files, and what is wrong with them. Raises BbhvError."""
    tip = obtain.attempt(repository, bundle=asked.bundle, patient=asked.backoff)
    commit = _verified(host, repository.clone, tip)
    return commit, *read(commit)


def _address(url: str) -> str:
    """The URL of the repository in its normal form: the host's settings are not less careful than a registration."""
    try:
        return normalise(url, ("https", "ssh", "file"))
    except Unreadable as error:
        raise RefusedError(f"Repository= cannot be followed: {error}", hint=error.hint) from None


def _fetch(host: HostSettings) -> Fetch:
    """How the repository is reached. The settings name files of the operator, who may use links."""
    known, ca = host.known_hosts, host.ca
    if host.known_hosts_file:
        known = _text(host.known_hosts_file, "KnownHostsFile=")
    if host.ca_file:
        ca = _text(host.ca_file, "CAFile=")
    given = any(os.path.exists(f"{folder}/bitbuilder.git") for folder in reach.GIVEN)
    credential = host.credential or ("bitbuilder.git" if given else "")
    return Fetch(credential=credential, user=host.user, known_hosts=tuple(known.splitlines()), ca=ca)


def _check(repository: obtain.Repository) -> None:
    """Raises RefusedError for what can never be fetched like this, as a registration has a finding for it."""
    one = repository.fetch
    for key, problem, hint in fetching.problems(repository.url, one.credential, one.known_hosts, one.ca):
        where = fetching.for_settings(f'Set "{key}" under "fetch".')
        raise RefusedError(f"Repository={repository.url} cannot be followed: {problem}", hint=f"{where} {hint}")


def _text(path: str, setting: str) -> str:
    data = files.read(os.path.realpath(path))
    if data is None:
        raise BbhvError(f"{setting}{path} does not exist.")
    return data.decode("utf-8", "replace")


def adopt(host: HostSettings) -> None:
    """After a pull by hand: what the clone's HEAD says is remembered as accepted, if it verifies. Raises BbhvError."""
    clone = git.Clone(paths.SYSTEM_CLONE)
    head = clone.head() if clone.exists() else None
    if head is None or memory.of_system(clone).accepted == (head,):
        return
    with Lock(f"{paths.RUN_LOCK}/_system", "The system repository") as lock:
        lock.take("reading the system repository", wait=True)
        commit = _verified(host, clone, head)
        _accept(host, commit, *read(commit))


def _verified(host: HostSettings, clone: git.Clone, oid: str) -> verify.VerifiedCommit:
    known = memory.of_system(clone)
    authority, findings = Signers({}).of_system(host)
    for finding in findings:
        log.write("warning", str(finding))
    if not known.accepted:
        log.write("notice", f"Nothing is remembered of the system repository; {oid[:12]} is the first commit of it.")
    try:
        return verify.verify(clone, oid, authority=authority, accepted=known.accepted, proof=known.proof)
    except RefusedError as error:
        if oid in known.accepted:
            message = f"{error.message} It was accepted before and stays in force; nothing newer is taken."
            raise RefusedError(message, hint=error.hint) from error
        forget = f"rm -r {paths.SYSTEM_CLONE} {paths.SYSTEM_TRIED}"
        hint = error.hint.replace("an operator says --allow-rewind", f"run: {forget}")
        raise RefusedError(f"The system repository: {error.message}", hint=hint) from error


def _accept(
    host: HostSettings, commit: verify.VerifiedCommit, found: dict[str, bytes], problems: tuple[Finding, ...]
) -> None:
    """Remembers a commit that can be read. Raises RefusedError for one with errors."""
    parsed, more = system_config(found, paths.SYSTEM_CLONE)
    known = memory.of_system(commit.clone).accepted
    taken = emptied(commit.clone, known, found, parsed, host) if parsed else ()
    bad = errors((*problems, *more, *taken))
    if parsed is None or bad:
        raise RefusedError(f"The system repository's commit {commit.oid[:12]} has errors: {ordered(bad)[0]}")
    memory.note_system(commit.clone, commit.oid, commit.proof)


def try_to_adopt(host: HostSettings) -> None:
    """The same, where the caller goes on with what was accepted before when it does not verify."""
    try:
        adopt(host)
    except BbhvError as error:
        log.write("warning", str(error))
