"""Tenants from bundles: one that never ran comes up from what the bundle brought, without asking a network first."""

from collections.abc import Sequence

from . import retry
from .job import Job

PATIENCE_SEC = 600


def startable(new: Sequence[str], jobs: Sequence[Job]) -> tuple[list[str], list[Job]]:
    """Of the tenants that do not run yet those whose bundle was accepted, and the jobs of all others.

    Nobody asks for the repositories of the former for a while, so that their start takes what is there.
    """
    accepted = [job.tenant for job in jobs if job.tenant in new and job.outcome and job.outcome.word == "held"]
    for tenant in accepted:
        retry.postpone(tenant, PATIENCE_SEC)
    return accepted, [job for job in jobs if job.tenant not in accepted]
