"""Images: what the operator offers, and the content-addressed store for what tenants name.

    /var/lib/bitbuilder/images/<sha256>.tree    an unpacked archive
    /var/lib/bitbuilder/images/<sha256>.raw     a file-system image

The store shares bytes, not access: a tenant's first use of a digest always comes from its own Source=. An image is
fetched by a sandbox that can read no more than anybody on the host can, hashed while it streams in, and unpacked by
another one without a network and without the right to make device nodes. It gets its name only when it is whole.
What comes from a server is in `arriving`.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from ...errors import BbhvError, CommandError
from ...findings import Finding, Place, errors
from ...host import files, run, systemd
from ...host.lock import Lock
from ...model.host import Offered
from ...model.manifest import EXPANDED, ImageRef, Workload
from ...names import is_name
from ...records import replace
from .. import paths
from ..sandboxes import GRACE, lend, said, unit
from . import partial
from .customer import MAX_IMAGE, Bound, Customer, bound_of, left, other_digest, too_large, unfetched

MAX_FILES = 1_000_000
UNPACK_SECONDS = 1200
SYNC_SECONDS = 3600
MAX_RESERVE = 2 << 30
_ENDINGS = (".raw", ".tar", ".tar.gz", ".tar.xz", ".tar.bz2")
_UNPACK = (
    "CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_SETFCAP CAP_SYS_CHROOT",
    "RestrictSUIDSGID=no", "SystemCallFilter=@system-service chroot", "LimitAS=1G", "MemorySwapMax=0",
)  # fmt: skip


def offered() -> dict[str, Offered]:
    """The images that the operator put on this host, by name; the first folder that has a name wins."""
    found: dict[str, Offered] = {}
    for folder in paths.OFFERED:
        try:
            names = sorted(os.listdir(folder))
        except (FileNotFoundError, NotADirectoryError):
            continue  # any other error would make everything in it look as if it were not offered
        for entry in names:
            try:
                one = _offered(folder, entry)
            except OSError as error:
                if error.errno in files.SHORTAGES:
                    raise
                continue  # a link to nothing offers nothing, and takes nothing else with it
            if one:
                found.setdefault(one.name, one)
    return found


def _offered(folder: str, entry: str) -> Offered | None:
    path = f"{folder}/{entry}"
    identity = _identity(os.stat(path))
    if os.path.isdir(path):
        return Offered(name=entry, path=path, format="tree", identity=identity) if is_name(entry) else None
    for ending in _ENDINGS:
        name = entry.removesuffix(ending)
        if name != entry and is_name(name):
            return Offered(name=name, path=path, format="raw" if ending == ".raw" else "tar", identity=identity)
    return None


def _identity(status: os.stat_result) -> str:
    return f"{status.st_dev}:{status.st_ino}:{status.st_mtime_ns}"


def is_here(image: ImageRef, known: tuple[str, ...]) -> bool:
    """Whether nothing has to be done for an image. `known` are the tenant's digests."""
    return os.path.lexists(image.path) and (image.format == "offered" or image.sha256 in known)


def ensure(image: ImageRef, known: tuple[str, ...], customer: Customer, proven: Callable[[str], None]) -> None:
    """Makes sure that an image is there. `known` are the tenant's digests; `proven` is called with the path of what the
    source gave, when it has the digest and before it gets a name in the store: what that raises keeps it out, and what
    it remembers need not be proven again after an interruption.

    Raises BbhvError when the image is missing, has another digest, or cannot be unpacked.
    """
    if is_here(image, known):
        return
    if image.format == "offered":
        _take_offered(image)
        return
    with _staging(image) as staging:
        if image.source.startswith("file:"):
            ready = f"{staging}/image"
            _fetch(image, ready, customer)
        else:
            from . import arriving  # only who fetches something pays for it

            ready = arriving.pull(image, customer, lambda: _room()[0])
        proven(ready)
        if not os.path.lexists(image.path):
            _publish(image, staging, ready, customer)
        partial.forget(ready)


def check(workload: Workload) -> tuple[Finding, ...]:
    """Looks into the raw image of a container or a machine before it starts from it, and returns what is odd about it.
    One that the operator offers may be a link.

    Raises BbhvError when nothing could start from it.
    """
    from ...host import inspect  # only who has such an image pays for it
    from ...model import rawimages

    image = workload.image
    with inspect.opened(os.path.realpath(image.path)) as file:
        found = rawimages.check(file.reader, workload)
    for one in errors(found):
        origin = image.source or image.path
        message = f"Image {image.name} from {origin} is not what a {workload.kind} starts from: {one.message}"
        raise BbhvError(message, hint=one.hint)
    place = Place(f"infrastructure/{image.name}.image")
    return tuple(replace(one, place=place) for one in found)


def _take_offered(image: ImageRef) -> None:
    """Unpacks an offered archive. What is offered as a tree or as a file system lies where it is used."""
    path = image.source.removeprefix("file://")
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        message = f"Offered image {image.name} is not at {path or image.path} any more."
        raise BbhvError(message, hint="Ask the operator.") from None
    with open(handle, "rb") as archive, _staging(image) as staging:
        if image.identity != f"offered:{_identity(os.fstat(handle))}":
            raise BbhvError(f"Offered image {image.name} at {path} was replaced just now.", hint="Sync again.")
        _publish(image, staging, "", None, archive)


@contextmanager
def _staging(image: ImageRef) -> Iterator[str]:
    """A folder in the store for one image on its way. It is locked while it is used, so that a left one can be told."""
    files.make_private(paths.IMAGES)  # whatever made it: images hold files that are set-user-id root
    with Lock(f"{paths.RUN_LOCK}/_images", "The image store") as lock:
        lock.take(f"fetching image {image.name}", wait=True)
        sweep()
        staging = files.temporary(image.path)
        os.mkdir(staging, 0o700)
        handle = os.open(staging, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield staging
    finally:
        try:
            files.remove_tree(staging)
        finally:
            os.close(handle)


def sweep() -> None:
    """Removes what a crash left of images on their way, in or out: those that nobody has locked."""
    for name in os.listdir(paths.IMAGES):
        path = f"{paths.IMAGES}/{name}"
        if not name.startswith(files.PREFIX):
            continue
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            continue  # whose it was has just ended
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            files.remove_tree(path)
        except BlockingIOError:
            continue  # somebody is at it
        finally:
            os.close(handle)


def _publish(
    image: ImageRef, staging: str, ready: str, customer: Customer | None, archive: IO[bytes] | None = None
) -> None:
    """Gives an image its name. Without a customer it is the operator's, who takes as much as there is room for."""
    if customer and image.identity.endswith(EXPANDED):
        packed, ready = ready, f"{staging}/expanded"
        with open(packed, "rb") as source:
            _expand(image, source, ready, bound_of(image, customer, customer.unpacked, _room()[0]))
    if image.format == "raw":
        os.chmod(ready, 0o444)  # for who is lent it; nobody else comes through the store
    else:
        tree = f"{staging}/tree"
        os.mkdir(tree, 0o755)
        with archive or open(ready, "rb") as source:
            _unpack(image, source, tree, customer.unpacked if customer else MAX_IMAGE)
        ready = tree
        run.run(("sync", "--file-system", ready), timeout=SYNC_SECONDS)
    try:
        os.rename(ready, image.path)
    except OSError:
        if not os.path.lexists(image.path):
            raise  # else another tenant's sync published the same bytes meanwhile
    files.fsync_dir(paths.IMAGES)


def _room() -> tuple[int, int]:
    """The bytes and files that one image may take: a part of the store's file system is kept free for all others."""
    found = os.statvfs(paths.IMAGES)
    reserve = min(MAX_RESERVE, found.f_blocks * found.f_frsize // 20)
    inodes = found.f_favail - found.f_files // 20 if found.f_files else MAX_FILES
    return max(0, min(MAX_IMAGE, found.f_bavail * found.f_frsize - reserve)), max(0, min(MAX_FILES, inodes))


def _fetch(image: ImageRef, target: str, customer: Customer) -> None:
    sandbox = systemd.Sandbox(properties=lend(""), file_size=MAX_IMAGE, seconds=left(customer.until))
    with unit("image", customer.tenant, image.name, ("image", image.source), sandbox, None) as running:
        digest, size = _stream(running.process, target, image, bound_of(image, customer, customer.most, _room()[0]))
        done = running.process.wait(sandbox.seconds + GRACE)
    if done.returncode:
        raise unfetched(image, said(done.stderr) or f"exit status {done.returncode}")
    if digest != image.sha256:
        raise other_digest(image, digest, size)


def _stream(process: run.Process, target: str, image: ImageRef, bound: Bound) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with open(target, "xb") as file:
        while chunk := process.stdout.read(1 << 20):
            size += len(chunk)
            if size > bound.most:
                raise too_large(image, bound)
            digest.update(chunk)
            try:
                if chunk.count(0) == len(chunk):  # so that a disk image takes no more than what is in it
                    file.seek(size)
                else:
                    file.write(chunk)
            except OSError as error:
                raise files.named(error, f"{paths.IMAGES} (image {image.name})") from None
        file.truncate(size)
        os.fsync(file.fileno())
    return digest.hexdigest(), size


def _expand(image: ImageRef, source: IO[bytes], target: str, bound: Bound) -> None:
    """Takes the compression from a raw image. Raises BbhvError."""
    sandbox = systemd.Sandbox(properties=lend(""), file_size=MAX_IMAGE, seconds=UNPACK_SECONDS)
    with unit("expand", "image", image.name, ("expand",), sandbox, source.fileno()) as running:
        _stream(running.process, target, image, bound)
        done = running.process.wait(UNPACK_SECONDS)
    if done.returncode:
        words = said(done.stderr) or f"exit status {done.returncode}"
        raise BbhvError(f"Image {image.name} from {image.source} cannot be unpacked: {words}.")


def _unpack(image: ImageRef, archive: IO[bytes], tree: str, most: int) -> None:
    room, count = _room()
    sandbox = systemd.Sandbox(
        properties=(*_UNPACK, f"ReadWritePaths={tree}"), root=True, file_size=MAX_IMAGE, seconds=UNPACK_SECONDS
    )
    work = ("worker", "unpack", tree, str(min(most, room)), str(count))
    name = f"bitbuilder-unpack-{os.getpid()}-{os.urandom(4).hex()}.service"
    command = systemd.sandbox_command(name, sandbox, (*run.program(), *work), {})
    try:
        with systemd.owned(name):
            run.run(command, stdin=archive.fileno(), timeout=UNPACK_SECONDS + GRACE)
    except CommandError as error:
        words = said(error.stderr) or f"exit status {error.returncode}"
        raise BbhvError(f"Image {image.name} from {image.source} cannot be unpacked: {words}.") from error

