"""Whether the signature of an image counts: by the keys of those who may sign images here, and the clock.

Pure. `candidate` chooses the key, a verifier program proves that it signed the bytes; an image is used only if both
agree. What was proven stands as long as the key counts: the bytes are not fetched again for it.
"""

from collections.abc import Iterable

from ..errors import RefusedError
from .authority import Authority, Voucher
from .makers import Candidate, Signed, find, problem, shown, when
from .manifest import ImageRef
from .trust import DAY_USEC, check_clock

NAMESPACE = "file"


def stands(vouchers: Iterable[Voucher], image: ImageRef, authority: Authority, now_usec: int) -> bool:
    """Whether it was proven that an image is signed, by a key that counts still."""
    known = {(one.key, one.part) for one in vouchers if one.sha256 == image.sha256}
    return any(
        (key.fingerprint, part.fingerprint) in known and not problem(authority, Candidate(key, part, b"", now_usec),
                                                                    now_usec, "")
        for key in authority.keys for part in key.parts
    )  # fmt: skip


def candidate(authority: Authority, image: ImageRef, signature: bytes, now_usec: int) -> Candidate:
    """The key that must have signed an image. Raises RefusedError when none may have."""
    check_clock(now_usec, 0)
    if not authority.keys:
        message = f"Image {image.name} is to be signed, and there is no key of anybody who may sign images."
        raise RefusedError(message, hint=authority.add)
    what = Signed(
        name=f"image {image.name}", namespace=NAMESPACE, dated="the signature",
        again=f"Sign the file again: ssh-keygen -Y sign -n {NAMESPACE}, or gpg --armor --detach-sign.",
        other=f"Sign the file by another key of {' or '.join(authority.signers)}.",
    )  # fmt: skip
    found = find(authority, what, signature, now_usec)
    if found.made_usec > now_usec + DAY_USEC:
        message = f"The signature of image {image.name} is dated {when(found.made_usec)}, which is in the future."
        raise RefusedError(message, hint="Correct the clock where it was made, and sign again.")
    return found


def not_made(image: ImageRef, one: Candidate) -> RefusedError:
    """The error for a signature that the verifier program does not find good."""
    message = f"The signature of image {image.name} at {image.signature} is not good: "
    message += f"{shown(one)} did not make it over what is at {image.source}."
    return RefusedError(message, hint="Sign the very file that SHA256= is of, and put the signature there.")


def voucher(image: ImageRef, one: Candidate) -> Voucher:
    """What is remembered of a signature that is good."""
    return Voucher(image.sha256, one.key.fingerprint, one.part.fingerprint)
