"""The system repository: the host follows its branch as a tenant's is followed; only what verifies moves the clone."""

import os

from ..errors import BbhvError, NotFoundError, RefusedError
from ..findings import Finding, errors, ordered
from ..host import files, git, log
from ..host.lock import Lock
from ..kinds.urls import normalise
from ..kinds.values import Unreadable
from ..model.hostconf import HostSettings
from ..model.registration import Fetch
from ..names import is_object_id
from . import obtain, paths, verify
from .job import Asked
from .read import read
from .world import emptied, system_config


def follow(host: HostSettings, asked: Asked = Asked()) -> None:
    """Fetches the system repository, or takes it from a bundle, and moves its clone, verified. Raises BbhvError.

    Without a system repository, nothing happens.
    """
    if not host.repository:
        if asked.bundle:
            raise NotFoundError("This host has no system repository.", hint="Set Repository= under [System].")
        return
    with Lock(f"{paths.RUN_LOCK}/_system", "The system repository") as lock:
        lock.take("syncing the system repository", wait=True)
        if host.repository.startswith("file:") and not host.allow_file:
            raise RefusedError(f"{host.repository} is a local repository.", hint="Set AllowFile=yes under [System].")
        repository = obtain.Repository(
            name="_system", url=_address(host.repository), branch=host.branch, clone=git.Clone(paths.SYSTEM_CLONE),
            allow_file=host.allow_file, fetch=_fetch(host), seconds=host.fetch_timeout_sec,
        )  # fmt: skip
        try:
            tip, found, problems = _read(repository, host, asked)
        except git.DamagedError as error:
            log.write("warning", f"{error.message} The system repository is cloned again.")
            repository.clone.discard()
            tip, found, problems = _read(repository, host, asked)
        parsed, more = system_config(found, paths.SYSTEM_CLONE)
        accepted = repository.clone.ref(paths.REF_TRIED)
        taken = emptied(repository.clone, accepted, found, parsed, host) if parsed else ()
        bad = errors((*problems, *more, *taken))
        if parsed is None or bad:
            raise RefusedError(f"The system repository's commit {tip[:12]} has errors: {ordered(bad)[0]}")
        files.write(paths.SYSTEM_TRIED, f"{tip}\n".encode(), 0o600)
        repository.clone.set_ref(paths.REF_TRIED, tip)
        repository.clone.align(tip, host.branch, lock.handle)


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
    credential = host.credential or ("bitbuilder.git" if os.path.exists(f"{paths.CREDENTIALS}/bitbuilder.git") else "")
    return Fetch(credential=credential, user=host.user, known_hosts=tuple(known.splitlines()), ca=ca)


def _text(path: str, setting: str) -> str:
    data = files.read(os.path.realpath(path))
    if data is None:
        raise BbhvError(f"{setting}{path} does not exist.")
    return data.decode("utf-8", "replace")


def _read(
    repository: obtain.Repository, host: HostSettings, asked: Asked
) -> tuple[str, dict[str, bytes], tuple[Finding, ...]]:
    """The tip of the branch, verified, its files, and what is wrong with them. Raises BbhvError."""
    tip = obtain.attempt(repository, bundle=asked.bundle, patient=asked.backoff)
    noted = (files.read(paths.SYSTEM_TRIED) or b"").decode("ascii", "replace").strip()
    accepted = repository.clone.ref(paths.REF_TRIED) or (noted if is_object_id(noted) else None)
    return tip, *read(verify.verify(repository.clone, tip, policy=host.trust, accepted=accepted))
