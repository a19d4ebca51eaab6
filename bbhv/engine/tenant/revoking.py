"""The registration wins: what it does not grant any more is shut, also where what runs has it and goes on.

What is shut lies beside the generations, where whoever brings the networks up finds it, also after a restart.
"""

from ...errors import BbhvError
from ...formats import nft
from ...formats.nft import Fragment
from ...host import files, log, systemd
from ...model.networks.revoked import revoked, told
from ...model.networks.wires import from_json
from ...model.units.network import WIRES
from ...names import network_unit
from .. import paths
from ..networks import record
from .job import Job, Mode, sentence


def settle(job: Job) -> None:
    """Shuts what a job leaves running and its registration does not grant, and opens what it grants again. What cannot
    be done is told, and is tried again by the next sync."""
    if job.busy:
        return
    try:
        _settle(job)
    except (BbhvError, OSError, ValueError) as error:
        log.write("warning", f"{job.tenant}: what is not granted any more could not be shut: {sentence(error)}")


def _settle(job: Job) -> None:
    path = paths.revoked(job.tenant)
    before = files.read(path)
    if before is None and job.mode is Mode.SYNC and job.outcome is not None and job.outcome.word == "unchanged":
        return  # what runs was made of this registration
    shut = _shut(job)
    after = nft.to_json(shut).encode() if shut.elements else b""
    if after != (before or b""):
        files.write(path, after, 0o600)  # an empty one says that all is to be open, until it is
        if after:
            log.write("warning", f"{job.tenant}: shut, because it is not granted any more: {told(shut)}")
    if job.active and after != _in_force(job.tenant):
        systemd.act("try-reload-or-restart", [network_unit(job.tenant)])
    if not after:
        files.discard(path)


def _in_force(tenant: str) -> bytes:
    """What is shut at this moment: whoever was interrupted may have written it down and not put it in force."""
    return record.load(tenant).now.get(record.REVOKED, "").encode()


def _shut(job: Job) -> Fragment:
    """What is to be shut of what runs."""
    manifest = job.current()
    if manifest is None or not manifest.network_settings:
        return Fragment()
    text = files.read(f"{paths.tenant(job.tenant)}/current/networks/{WIRES}")
    if text is None:
        return Fragment()  # it is damaged, which the next commit sets right, or whoever starts it says
    uplinks = manifest.network_settings.get("internet", "").split()
    return revoked(from_json(text.decode()), uplinks, job.registration.grants)
