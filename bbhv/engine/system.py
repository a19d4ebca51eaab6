"""The system repository: the host follows its branch as a tenant's is followed; only what verifies moves the clone."""

from ..errors import RefusedError
from ..findings import errors, ordered
from ..host import git
from ..host.lock import Lock
from ..hostconf import HostSettings
from . import obtain, paths, verify
from .read import read
from .world import system_config


def follow(host: HostSettings) -> None:
    """Fetches the system repository and moves its clone, verified. Without one, nothing happens. Raises BbhvError."""
    if not host.repository:
        return
    with Lock(f"{paths.RUN_LOCK}/_system", "The system repository") as lock:
        lock.take("syncing the system repository", wait=True)
        if host.repository.startswith("file:") and not host.allow_file:
            raise RefusedError(f"{host.repository} is a local repository.", hint="Set AllowFile=yes under [System].")
        repository = obtain.Repository(
            name="_system", url=host.repository, branch=host.branch, clone=git.Clone(paths.SYSTEM_CLONE),
            allow_file=host.allow_file,
        )  # fmt: skip
        tip = obtain.obtain(repository, lock.handle)
        clone = repository.clone
        commit = verify.verify(clone, tip, policy=host.trust, accepted=clone.ref(paths.REF_TRIED))
        found, problems = read(commit)
        parsed, more = system_config(found, paths.SYSTEM_CLONE)
        bad = errors((*problems, *more))
        if parsed is None or bad:
            raise RefusedError(f"The system repository's commit {tip[:12]} has errors: {ordered(bad)[0]}")
        clone.set_ref(paths.REF_TRIED, tip)
        clone.align(tip, host.branch, lock.handle)
