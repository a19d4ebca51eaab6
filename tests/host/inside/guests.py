"""Small images for containers: a shell, sleep and cat with their libraries, and whatever a test puts beside them."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

from .support import OFFERED

IMAGES = Path("/srv/images")
PROGRAMS = ("usr/bin/dash", "usr/bin/sleep", "usr/bin/cat")
LIBRARIES = ("usr/lib/*/libc.so.6", "usr/lib64/ld-linux*", "usr/lib/ld-linux*")
FOLDERS = ("usr", "usr/bin", "usr/sbin", "usr/lib", "etc", "proc", "sys", "dev", "run", "tmp", "var", "srv", "root")
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64", "usr/bin/sh": "dash"}

Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, data: bytes = b"", **fields: object) -> Member:
    """A member of an archive: a plain file of root's, changed as the fields of its header say."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o644
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def folder(name: str, mode: int = 0o755) -> Member:
    """A folder."""
    return member(name, type=tarfile.DIRTYPE, mode=mode)


def link(name: str, target: str, *, hard: bool = False) -> Member:
    """A link."""
    return member(name, type=tarfile.LNKTYPE if hard else tarfile.SYMTYPE, linkname=target, mode=0o777)


@cache
def guest() -> tuple[Member, ...]:
    """A guest that runs /bin/sh, /bin/sleep and /bin/cat. Its init never says that it is ready, and ends when asked."""
    found = [folder(name, 0o1777 if name == "tmp" else 0o755) for name in FOLDERS]
    found += [link(name, target) for name, target in LINKS.items()]
    for path in [OFFERED / name for name in PROGRAMS] + [path for name in LIBRARIES for path in OFFERED.glob(name)]:
        name = str(path.relative_to(OFFERED))
        found.append(link(name, str(path.readlink())) if path.is_symlink() else
                     member(name, path.read_bytes(), mode=0o755))
        target = path.resolve()
        if path.is_symlink() and target.is_relative_to(OFFERED):
            found.append(member(str(target.relative_to(OFFERED)), target.read_bytes(), mode=0o755))
    init = b"#!/bin/sh\ntrap 'exit 0' 37\nwhile true; do sleep 1; done\n"
    found.append(member("usr/sbin/init", init, mode=0o755))
    found.append(member("usr/lib/os-release", b"ID=tiny\nVERSION_ID=1\n"))
    found.append(member("etc/machine-id"))
    return tuple(found)


def archive(members: Iterable[Member], compress: Callable[[bytes], bytes] = gzip.compress) -> bytes:
    """The bytes of an archive with these members."""
    out = io.BytesIO()
    with tarfile.TarFile(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as file:
        for info, data in members:
            file.addfile(info, io.BytesIO(data))
    return compress(out.getvalue())


def image(path: Path, format: str = "tar", sha256: str = "") -> str:
    """The text of infrastructure/NAME.image for a file of this host."""
    digest = sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
    return f"[Image]\nSource=file://{path}\nSHA256={digest}\nFormat={format}\n"


def idler(name: str = "tiny", *lines: str, exec: Sequence[str] = ()) -> str:
    """A container that sleeps: it is ready at once, and stops when asked."""
    head = ["[Exec]", "Parameters=/bin/sleep infinity", *exec, "[X-Bitbuilder]", f"Image={name}", "HealthStableSec=0"]
    return "\n".join([*head, *lines, ""])
