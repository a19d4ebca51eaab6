"""Supply: a generation's images are there before the first change, for they are what can be slow, or missing.

All images of a run share one deadline. What fails is left alone by the timer for a while, as a repository is, unless so
much of it came that it is worth going on at once.
"""

import time
from zlib import crc32

from ...errors import BbhvError, NotYetError
from ...model.authority import Voucher
from ...model.compile import Generation
from ...model.manifest import ImageRef
from ...model.tenant import Tenant
from ...records import replace
from ..repository import retry
from ..repository.reach import PATIENCE
from ..storage import images, partial
from ..storage.customer import Customer, UnfinishedError
from . import room
from .job import Job, Mode, now_usec

SECONDS = 3600
START_SECONDS = 1500  # since a start began, and less than TimeoutStartSec= of tenant@.service


def take(job: Job, generation: Generation, tenant: Tenant | None = None) -> None:
    """Makes sure of all images. `tenant` is what was declared, if that is known. Raises BbhvError or OSError.

    A timer, and a start that has something good to run, waits for servers no longer than for a repository.
    """
    wanted = generation.manifest.images
    missing = [image for image in wanted if _lacks(job, image)]
    partial.keep(job.tenant, [image.sha256 for image in missing])
    now = time.monotonic()
    until = job.began + START_SECONDS if job.mode is Mode.START else now + SECONDS
    others_wait = job.asked.backoff or (job.mode is Mode.START and job.store.number("good") is not None)
    soon = min(until, now + job.fetch_seconds) if others_wait else until
    for image in missing:
        if _lacks(job, image):  # not when it is the same bytes as one before
            left = room.left(job, wanted, image, tenant)
            declared = tenant.images.get(image.name) if tenant else None
            most = min(left, declared.size) if declared and declared.size else left
            ends = soon if _asks_servers(image) else until
            _take(job, image, _customer(job, most, left, ends, max(0, round(ends - now))))


def _lacks(job: Job, image: ImageRef) -> bool:
    """Whether an image is not here for this tenant, or is to be signed, and nothing is known of a signature by somebody
    who may sign it."""
    if not images.is_here(image, job.state.images):
        return True
    if not image.signature:
        return False
    from ...model import imagetrust  # only who has such an image pays for it

    return not imagetrust.stands(job.state.vouchers, image, job.signers.of_images(job.registration)[0], now_usec())


def _asks_servers(image: ImageRef) -> bool:
    return any(url and not url.startswith("file:") for url in (image.source, image.signature))


def _customer(job: Job, most: int, unpacked: int, until: float, seconds: int) -> Customer:
    one = job.registration
    return Customer(
        tenant=job.tenant, most=most, unpacked=unpacked, until=until, seconds=seconds,
        granted=one.grants.image_sources, authority=one.fetch.ca if one.fetch else "",
        patience=min(PATIENCE, job.fetch_seconds),
    )  # fmt: skip


def _take(job: Job, image: ImageRef, customer: Customer) -> None:
    one = job.registration
    decides = image.source, image.signature, image.sha256, one.grants, one.fetch, one.signers, one.revoked
    name, way = retry.of_images(job.tenant), crc32(repr(decides).encode())
    if job.asked.backoff and retry.waits(name, way):
        message = f"Image {image.name} could not be fetched from {image.source} a short while ago."
        raise NotYetError(message, hint=f"It is tried again later; bbhv sync {job.tenant} tries now.")
    if time.monotonic() >= customer.until:
        message = f"Image {image.name} is not here yet: what came before it took all of the {customer.seconds} s."
        raise UnfinishedError(message, hint="The next sync goes on with it.")
    if _asks_servers(image):
        job.slow()
    try:
        _fetch(job, image, customer)
    except NotYetError:
        raise
    except UnfinishedError:
        retry.forget(name)
        raise
    except (BbhvError, OSError):
        retry.failed(name, way)
        raise
    retry.forget(name)


def _fetch(job: Job, image: ImageRef, customer: Customer) -> None:
    """One that is to be signed is fetched again when it is not known to be."""
    if not image.signature:
        images.ensure(image, job.state.images, customer, lambda path: _remember(job, image, job.state.vouchers))
        return
    from ..storage import vouching  # only who has such an image pays for it

    seal = vouching.obtain(image, customer, job.signers.of_images(job.registration)[0])

    def proven(path: str) -> None:
        seal.check(path)
        _remember(job, image, (*(one for one in job.state.vouchers if one.sha256 != image.sha256), seal.voucher))

    images.ensure(image, (), customer, proven)


def _remember(job: Job, image: ImageRef, vouchers: tuple[Voucher, ...]) -> None:
    """From now on the tenant may have these bytes from the store: it has shown that it knows where they are."""
    known = tuple(one for one in job.state.images if one != image.sha256)
    job.remember(replace(job.state, images=(*known, image.sha256), vouchers=vouchers))
