"""What compiling must know of this host: its programs, the offered images, the user ids of its workloads."""

import os
from collections.abc import Mapping
from functools import cache

from ..errors import BbhvError
from ..host import files, run, systemd
from ..model.compile import HostFacts, Offered
from ..model.hostconf import HostSettings
from . import paths, world
from .storage import images, uids

TOOLS = ("mount", "umount", "mkdir", "chown", "systemd-nspawn", "sh")


def gather(
    host: HostSettings, workloads: tuple[str, ...], offered: Mapping[str, Offered] | None = None, *,
    allocate: bool = True,
) -> HostFacts:
    """The facts of now; the UID ranges of these workloads are allocated when they have none. Raises BbhvError.

    A run that has looked at the offered images already passes them on. Without `allocate`, those that have no range are
    left out, and nothing is written.
    """
    tools = _tools()
    return HostFacts(
        host_name=world.name_of(host),
        systemd_version=_systemd_version(),
        nspawn=tools["systemd-nspawn"],
        uid_bases=uids.bases(workloads) if allocate else uids.known(workloads),
        offered=images.offered() if offered is None else offered,
        image_store=paths.IMAGES,
        tenants_dir=paths.TENANTS,
        run_dir=paths.RUN,
        allow_file=host.allow_file,
        tools=tools,
    )


# Asked once by a command, not once for each of its tenants: neither changes while it runs.
@cache
def _tools() -> dict[str, str]:
    tools = {tool: run.find(tool) or "" for tool in TOOLS}
    missing = [tool for tool, path in tools.items() if not path]
    if missing:
        raise BbhvError(f"This host has no {', '.join(missing)}.", hint="Install systemd-container and util-linux.")
    return tools


@cache
def _systemd_version() -> int:
    """The version of systemd, asked for again when its program is another one than the last time."""
    program = run.find("systemctl")
    status = os.stat(program) if program else None
    key = f"{status.st_dev}:{status.st_ino}:{status.st_mtime_ns}:{status.st_size}" if status else ""
    known, _, number = (files.read(paths.RUN_VERSION, 200) or b"").decode("ascii", "replace").partition(" ")
    if key and known == key and number.isdigit():
        return int(number)
    version = systemd.version()
    if key and version and os.path.isdir(paths.RUN):
        files.write(paths.RUN_VERSION, f"{key} {version}".encode())
    return version
