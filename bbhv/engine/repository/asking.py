"""Asking first: which tenants' repositories are where they were, asked of all their servers by one sandboxed process.

A fetch of its own costs each tenant two programs, a sandbox and a TLS session, also when there is nothing new. So the
https repositories that need no credential are asked together (`refs`), and who is told that nothing moved needs no
fetch. Whoever is told anything else, or nothing in time, is fetched as if nobody had asked.

The answer is a hint and nothing more. The process has no credential to lose and no object passes through it; an oid
counts only when it is the one that the clone's ref `incoming` holds already, which was fetched, ingested and verified
as everything is. So a liar, be it the server, or a process that some server took over, can at best say "nothing is
new": it delays a commit. It delays none for longer than a day, for after that a tenant's own fetch is due whatever
anybody says; `refs/bitbuilder/incoming` carries the time of the last one as its modification time.
"""

import json
import os
import time
from collections.abc import Iterator, Sequence

from ...errors import BbhvError
from ...host import log, run, systemd
from ...names import is_object_id
from .. import paths, resolving, sandboxes
from ..tenant.job import Job, Mode, sentence

FEWEST = 2
PATIENCE = 15.0
OWN_FETCH_SEC = 86_400
MAX_LINE = 1000
MAX_ANSWERS = 4 << 20
SECONDS = 120


def in_order(jobs: Sequence[Job]) -> Iterator[Job]:
    """The jobs, each as soon as it is known what its server says: `told` is the oid, empty when nobody knows.

    Those that nobody is asked about come first. Never raises because of what is answered, or is not.
    """
    asked = [job for job in jobs if _may_be_asked(job)]
    if len(asked) < FEWEST:
        yield from jobs
        return
    left = dict(enumerate(asked))
    known = {job.tenant for job in asked}
    yield from (job for job in jobs if job.tenant not in known)
    try:
        for number, oid in _answers(asked):
            job = left.pop(number, None)
            if job is not None:
                job.told = oid
                yield job
    except (BbhvError, OSError, ValueError) as error:
        why = sentence(error)
        log.write("warning", f"Asking for what is new failed, fetching from {len(left)} repositories: {why}")
    yield from left.values()


def _may_be_asked(job: Job) -> bool:
    """Whether a server can be asked about a tenant without a secret, and the clone has what its answer may be."""
    one = job.registration
    if job.asked.bundle or job.asked.allow_rewind:
        return False
    if job.mode is not Mode.SYNC or not one.repository.startswith("https:") or (one.fetch and one.fetch.credential):
        return False
    age = job.clone.ref_age(paths.REF_INCOMING)
    return age is not None and 0 <= age < OWN_FETCH_SEC and job.clone.ref(paths.REF_INCOMING) is not None


def _answers(jobs: Sequence[Job]) -> Iterator[tuple[int, str]]:
    """Number and oid of each answer, empty for a problem, as they come. Ends when all are there or patience is over."""
    questions = json.dumps([
        [job.registration.repository, job.registration.branch, job.clone.ref(paths.REF_INCOMING) or "",
         job.registration.fetch.ca if job.registration.fetch else ""]
        for job in jobs
    ])  # fmt: skip
    sandbox = systemd.Sandbox(
        properties=(*sandboxes.lend(""), *resolving.properties()), network=True, memory="256M", file_size=1 << 20,
        seconds=SECONDS,
    )  # fmt: skip
    stdin = sandboxes.in_memory(questions.encode())
    try:
        with sandboxes.unit("refs", "all", "all repositories", ("refs",), sandbox, stdin) as unit:
            deadline = time.monotonic() + PATIENCE
            for line in _lines(unit.process.stdout.fileno(), deadline):
                yield _answer(line)
            if time.monotonic() < deadline:
                unit.finish()
    finally:
        os.close(stdin)


def _lines(pipe: int, deadline: float) -> Iterator[bytes]:
    """The lines that come before the deadline. Raises ValueError when there are too many, or one is too long."""
    data, size = b"", 0
    while run.has_data(pipe, deadline - time.monotonic()):
        chunk = os.read(pipe, 1 << 16)
        *lines, data = (data + chunk).split(b"\n")
        size += len(chunk)
        if len(data) > MAX_LINE or size > MAX_ANSWERS:
            raise ValueError("the answers are too long")
        yield from lines
        if not chunk:
            return


def _answer(line: bytes) -> tuple[int, str]:
    """Raises ValueError for what is no answer."""
    value = json.loads(line.decode())
    if not isinstance(value, dict) or type(value.get("n")) is not int:
        raise ValueError("an answer is not understood")
    oid = value.get("oid")
    return value["n"], oid if isinstance(oid, str) and is_object_id(oid) else ""
