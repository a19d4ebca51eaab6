"""Whether everything about a tenant is as the last sync left it, told from files alone: no program, no write.

This is the way of nearly every tenant in nearly every sync, so it is short. It says yes only when each thing that a
longer way would look at is the same: the commit, where it was accepted, what it was accepted by, the generation that
was made of it, and all that it was made from. Anything else takes the longer way, which finds out what it is.
"""

from ..host import git
from ..model.compile import HostFacts, inputs_digest
from ..version import VERSION
from . import paths
from .job import Job


def has_repository(job: Job) -> bool:
    """Whether the clone holds, and the tenant's memory accepted, what the server is said to have (`job.told`)."""
    clone, oid, branch = job.clone, job.told, job.registration.branch
    if job.registration.trust != "unsigned":
        return False  # a signature is looked at again each time
    if not oid or job.state.tried != oid or job.state.quarantined(oid) or job.state.hold or job.state.trial:
        return False
    if any(clone.ref(name) != oid for name in (paths.REF_INCOMING, paths.REF_TRIED)):
        return False
    return clone.is_configured(job.repository.configuration(git.algorithm(oid)), branch) and clone.head() == oid


def has_generation(job: Job, oid: str, facts: HostFacts) -> bool:
    """Whether what a commit compiles to is what runs, is good, and lies on the disk whole."""
    manifest, current = job.current(), job.store.number("current")
    if manifest is None or manifest.commit != oid or current is None or current != job.store.number("good"):
        return False
    if not job.store.is_whole(current):
        return False  # it is damaged: the same commit makes it anew
    return manifest.inputs == inputs_digest(oid, job.registration, facts, VERSION)
