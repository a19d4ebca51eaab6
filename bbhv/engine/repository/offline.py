"""Tenants from bundles: one that never ran comes up from what the bundle brought, without asking a network first."""

from collections.abc import Sequence

from ..tenant.job import Job
from . import retry

PATIENCE_SEC = 600


def startable(new: Sequence[str], jobs: Sequence[Job]) -> tuple[list[str], list[Job]]:
    """Of the tenants that do not run yet those whose bundle was accepted, and the jobs of all others.

    Nobody asks for the repositories of the former for a while, so that their start takes what is there.
    """
    accepted = {job.tenant: job for job in jobs if job.tenant in new and job.outcome and job.outcome.word == "held"}
    for tenant, job in accepted.items():
        retry.postpone(tenant, job.repository.way, PATIENCE_SEC)
    return list(accepted), [job for job in jobs if job.tenant not in accepted]
