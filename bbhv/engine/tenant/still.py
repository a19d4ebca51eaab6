"""Whether everything about a tenant is as the last sync left it, told from files alone: no program, no write.

This is the way of nearly every tenant in nearly every sync, so it is short. It says yes only when each thing that a
longer way would look at is the same: the commit, where it was accepted, what it was accepted by, the generation that
was made of it, and all that it was made from. Anything else takes the longer way, which finds out what it is.
"""

from ...host import git
from ...model.authority import UNSIGNED
from ...model.compile import inputs_digest
from ...model.host import HostFacts
from ...version import VERSION
from .. import paths
from .job import Job, now_usec


def is_fetched(job: Job) -> bool:
    """Whether the clone is as a fetch would leave it, if the server has what it is said to have (`job.told`)."""
    clone, oid = job.clone, job.told
    if not oid or clone.ref(paths.REF_INCOMING) != oid:
        return False
    return clone.is_configured(job.repository.configuration(git.algorithm(oid)), job.registration.branch)


def is_accepted(job: Job, oid: str) -> bool:
    """Whether a commit was verified, by a policy that says the same today, and nothing is held against it."""
    state = job.state
    if state.tried != oid or state.quarantined(oid) or state.hold or state.trial:
        return False
    return job.clone.ref(paths.REF_TRIED) == oid == job.clone.head() and _is_proved(job, oid)


def _is_proved(job: Job, oid: str) -> bool:
    """Whether the policy, the keys and the revocations are those that found the commit good, and it still is."""
    if job.registration.trust == UNSIGNED:
        return True
    from ...model import trust  # only who has signers pays for it

    authority, _ = job.signers.of_tenant(job.registration)
    return trust.stands(job.state.proof, authority, oid, now_usec())


def has_generation(job: Job, oid: str, facts: HostFacts) -> bool:
    """Whether what a commit compiles to is what runs, is good, and lies on the disk whole."""
    manifest, current = job.current(), job.store.number("current")
    if manifest is None or manifest.commit != oid or current is None or current != job.store.number("good"):
        return False
    if not job.store.is_whole(current):
        return False  # it is damaged: the same commit makes it anew
    return manifest.inputs == inputs_digest(oid, job.registration, facts, VERSION)
