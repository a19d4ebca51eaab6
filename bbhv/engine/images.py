"""Images: what the operator offers, and the content-addressed store for what tenants name.

    /var/lib/bitbuilder/images/<sha256>.tree    an unpacked archive
    /var/lib/bitbuilder/images/<sha256>.raw     a file-system image

The store shares bytes, not access: a tenant's first use of a digest always comes from its own Source=. An image is
fetched by a sandbox that can read no more than anybody on the host can, hashed while it streams in, and unpacked by
another one without a network and without the right to make device nodes. It gets its name only when it is whole.
"""

import hashlib
import os

from ..compile import Offered
from ..errors import BbhvError, CommandError
from ..host import files, run, systemd
from ..manifest import ImageRef
from ..names import is_name
from . import paths
from .obtain import program, said

MAX_IMAGE = 16 << 30
MAX_FILES = 1_000_000
SECONDS = 3600
_ENDINGS = (".raw", ".tar", ".tar.gz", ".tar.xz", ".tar.bz2")
_UNPACK = (
    "CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_SETFCAP CAP_SYS_CHROOT",
    "RestrictSUIDSGID=no", "SystemCallFilter=@system-service chroot",
)  # fmt: skip


def offered() -> dict[str, Offered]:
    """The images that the operator put on this host, by name; the first folder that has a name wins."""
    found: dict[str, Offered] = {}
    for folder in paths.OFFERED:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        for entry in names:
            one = _offered(folder, entry)
            if one:
                found.setdefault(one.name, one)
    return found


def _offered(folder: str, entry: str) -> Offered | None:
    path = f"{folder}/{entry}"
    status = os.stat(path)
    identity = f"{status.st_dev}:{status.st_ino}:{status.st_mtime_ns}"
    if os.path.isdir(path):
        return Offered(name=entry, path=path, format="tree", identity=identity) if is_name(entry) else None
    for ending in _ENDINGS:
        name = entry.removesuffix(ending)
        if name != entry and is_name(name):
            return Offered(name=name, path=path, format="raw" if ending == ".raw" else "tar", identity=identity)
    return None


def ensure(image: ImageRef, known: tuple[str, ...]) -> bool:
    """Makes sure that an image is there; says whether it had to be fetched. `known` are the tenant's digests.

    Raises BbhvError when the image is missing, has another digest, or cannot be unpacked.
    """
    if image.format == "offered" and not image.source:
        if not os.path.lexists(image.path):
            raise BbhvError(f"Offered image {image.name} is not at {image.path} any more.", hint="Ask the operator.")
        return False
    if image.format == "offered":
        return _ensure_archive(image)
    if os.path.lexists(image.path) and image.sha256 in known:
        return False
    files.make_dir(paths.IMAGES, 0o700)
    staging = files.temporary(f"{paths.IMAGES}/{image.sha256}")
    os.mkdir(staging, 0o700)
    try:
        _fetch(image, f"{staging}/image")
        if not os.path.lexists(image.path):
            _publish(image, staging, f"{staging}/image")
    finally:
        files.remove_tree(staging)
    return True


def _ensure_archive(image: ImageRef) -> bool:
    """An archive that the operator offers is unpacked once; its identity names it in the store."""
    if not os.path.lexists(image.path):
        files.make_dir(paths.IMAGES, 0o700)
        staging = files.temporary(image.path)
        os.mkdir(staging, 0o700)
        try:
            _publish(image, staging, image.source.removeprefix("file://"))
        finally:
            files.remove_tree(staging)
    return False


def _publish(image: ImageRef, staging: str, fetched: str) -> None:
    """Gives what was fetched its name in the store, unpacked if it is an archive."""
    ready = fetched
    if image.format != "raw":
        ready = f"{staging}/tree"
        os.mkdir(ready, 0o755)
        _unpack(image, fetched, ready)
        run.run(("sync", "--file-system", ready), timeout=SECONDS)
    else:
        os.chmod(ready, 0o400)
    try:
        os.rename(ready, image.path)
    except OSError:
        if not os.path.lexists(image.path):
            raise  # else another tenant's sync published the same bytes meanwhile
    files.fsync_dir(paths.IMAGES)


def _fetch(image: ImageRef, target: str) -> None:
    hidden = tuple(f"TemporaryFileSystem={folder}:ro,mode=0755" for folder in (paths.TENANTS, paths.STATE))
    sandbox = systemd.Sandbox(properties=hidden, file_size=MAX_IMAGE, seconds=SECONDS)
    command = systemd.sandbox_command(_unit("image"), sandbox, (*program(), "worker", "image", image.source), {})
    process = run.spawn(command)
    try:
        digest, size = _stream(process, target, image)
        done = process.wait(SECONDS)
    finally:
        process.close()
    if done.returncode:
        message = f"Image {image.name} cannot be fetched from {image.source}: {said(done.stderr)}."
        raise CommandError(process.argv, done.returncode, done.stderr, message, hint="What runs stays as it is.")
    if digest != image.sha256:
        message = f"Image {image.name} from {image.source} has SHA256={digest} ({size} bytes), not {image.sha256}."
        raise BbhvError(message, hint=f"Correct SHA256= in infrastructure/{image.name}.image, or the file at its source.")


def _stream(process: run.Process, target: str, image: ImageRef) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with open(target, "xb") as file:
        while chunk := process.stdout.read(1 << 20):
            size += len(chunk)
            if size > MAX_IMAGE:
                raise BbhvError(f"Image {image.name} from {image.source} is larger than {MAX_IMAGE} bytes.")
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest(), size


def _unpack(image: ImageRef, archive: str, tree: str) -> None:
    sandbox = systemd.Sandbox(
        properties=(*_UNPACK, f"ReadWritePaths={tree}"), root=True, file_size=MAX_IMAGE, seconds=SECONDS
    )
    work = ("worker", "unpack", tree, str(MAX_IMAGE), str(MAX_FILES))
    command = systemd.sandbox_command(_unit("unpack"), sandbox, (*program(), *work), {})
    handle = os.open(archive, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        run.run(command, stdin=handle, timeout=SECONDS)
    except CommandError as error:
        raise BbhvError(f"Image {image.name} from {image.source} cannot be unpacked: {said(error.stderr)}.") from error
    finally:
        os.close(handle)


def _unit(step: str) -> str:
    return f"bitbuilder-{step}-{os.getpid()}-{os.urandom(4).hex()}.service"
