"""What compiling must know of this host: its programs, the offered images, the user ids of its workloads."""

from collections.abc import Mapping
from functools import cache

from ..errors import BbhvError
from ..host import run, systemd
from ..model.compile import HostFacts, Offered
from ..model.hostconf import HostSettings
from . import images, paths, uids

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
    return systemd.version()
