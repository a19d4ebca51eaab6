"""Vouching for images: the signature that an image is declared with, and whether who made it may sign images here.

The signature comes first, by the same sandboxes and from places of the same grants as the image itself; where no key
that it could be by counts here, the image is not even fetched. When all of the image is here, and has its digest, a
verifier program reads it, before it gets a name in the store. What it proved is remembered for this tenant.
"""

import os
import time

from ...errors import BbhvError
from ...formats.signature import MAX_SIGNATURE
from ...host import systemd
from ...model import imagetrust
from ...model.authority import Authority, Voucher
from ...model.makers import Candidate
from ...model.manifest import ImageRef
from ...records import dataclass
from ..repository.signers import is_made_by
from ..sandboxes import GRACE, lend, said, unit
from . import arriving
from .customer import Customer, left

SECONDS = 120


@dataclass(frozen=True, slots=True)
class Seal:
    """The signature of an image, by the key that it says to be made by."""

    image: ImageRef
    found: Candidate

    @property
    def voucher(self) -> Voucher:
        """What is remembered of it once `check` has passed."""
        return imagetrust.voucher(self.image, self.found)

    def check(self, path: str) -> None:
        """Has a verifier program read the whole image, which lies where nobody but root comes to. Raises RefusedError
        when it was not signed by the key, or nobody can say."""
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.fchmod(handle, 0o444)  # for the verifier, which is nobody and has only this descriptor of it
            good = is_made_by(self.found, handle, imagetrust.NAMESPACE)
        finally:
            os.close(handle)
        if not good:
            raise imagetrust.not_made(self.image, self.found)


def obtain(image: ImageRef, customer: Customer, authority: Authority) -> Seal:
    """The signature of an image that is declared with one. Raises RefusedError when none of the keys may have made it,
    BbhvError when it cannot be fetched."""
    data = _local(image, customer) if image.signature.startswith("file:") else _remote(image, customer)
    return Seal(image, imagetrust.candidate(authority, image, data, time.time_ns() // 1000))


def _local(image: ImageRef, customer: Customer) -> bytes:
    sandbox = systemd.Sandbox(properties=lend(""), file_size=1 << 20, seconds=SECONDS)
    with unit("image", customer.tenant, image.name, ("image", image.signature), sandbox, None) as running:
        data = _bounded(image, running.process.stdout.fileno())
        done = running.process.wait(SECONDS + GRACE)
    if done.returncode:
        raise _unfetched(image, said(done.stderr) or f"exit status {done.returncode}")
    return data


def _remote(image: ImageRef, customer: Customer) -> bytes:
    until = min(customer.until, time.monotonic() + SECONDS)
    seconds = left(until)
    with arriving.asking(customer, image.name, image.signature, until) as (running, head):
        data = _bounded(image, running.process.stdout.fileno()) if head else b""
        done = running.process.wait(seconds + GRACE)
    if done.returncode or head is None:
        raise _unfetched(image, said(done.stderr) or f"it took longer than {seconds} s, or ended without a word")
    return data


def _bounded(image: ImageRef, handle: int) -> bytes:
    data = b""
    while chunk := os.read(handle, MAX_SIGNATURE + 1 - len(data)):
        data += chunk
        if len(data) > MAX_SIGNATURE:
            message = f"The signature of image {image.name} at {image.signature} has more than {MAX_SIGNATURE >> 10} "
            raise BbhvError(f"{message}KiB.", hint="Is it the signature, and not the image?")
    return data


def _unfetched(image: ImageRef, words: str) -> BbhvError:
    message = f"The signature of image {image.name} cannot be fetched from {image.signature}: {words}."
    return BbhvError(message, hint="What runs stays as it is.")
