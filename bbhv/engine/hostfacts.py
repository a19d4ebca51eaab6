"""What compiling must know of this host: its programs, the offered images, the user ids of its workloads."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Self

from ..errors import BbhvError
from ..host import files, networkd, nft, run, systemd, vmspawn
from ..model.host import HostFacts, Offered
from ..model.hostconf import HostSettings
from ..model.manifest import Manifest
from ..model.tenant import Tenant
from ..names import workload
from ..records import dataclass
from . import paths, world
from .storage import images
from .storage.numbers import CIDS, RANGES

TOOLS = ("mount", "umount", "mkdir", "chown", "systemd-nspawn", "sh")
# Some hosts do without.
MORE_TOOLS = ("mkfs.ext4", "setquota")


@dataclass(frozen=True, slots=True)
class Running:
    """The workloads for which numbers are wanted, as web.acme."""

    containers: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()

    @classmethod
    def declared(cls, tenant: Tenant) -> Self:
        """Those of a commit."""
        kinds = (tenant.containers, tenant.machines)
        return cls(*(tuple(workload(name, tenant.id) for name in kind) for kind in kinds))

    @classmethod
    def recorded(cls, manifest: Manifest | None) -> Self:
        """Those of a generation."""
        pairs = [(one.kind, workload(one.name, manifest.tenant)) for one in manifest.workloads] if manifest else []
        return cls(*(tuple(name for kind, name in pairs if kind == wanted) for wanted in ("container", "machine")))


def gather(
    host: HostSettings, running: Running, offered: Mapping[str, Offered] | None = None, *, allocate: bool = True,
) -> HostFacts:
    """The facts of now; what runs gets the numbers that it needs, when it has none. Raises BbhvError.

    A run that has looked at the offered images already passes them on. Without `allocate`, those that have no number
    are left out, and nothing is written.
    """
    tools = _tools()
    program, switches = _vmspawn()
    vsock = bool(program) and vmspawn.has_vsock()
    return HostFacts(
        host_name=world.name_of(host),
        systemd_version=_systemd_version(),
        nspawn=tools["systemd-nspawn"],
        vmspawn=program,
        vmspawn_switches=switches,
        virtiofsd=vmspawn.virtiofsd() if program else "",
        network_lacking=_network_lacking(),
        uid_bases=(RANGES.take if allocate else RANGES.known)(running.containers),
        vsock=vsock,
        cids=(CIDS.take if allocate else CIDS.known)(running.machines if vsock else ()),
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
    return tools | {tool: run.find(tool) or "" for tool in MORE_TOOLS}


@cache
def _network_lacking() -> str:
    known = {"nft": nft.is_there(), "systemd-networkd": networkd.is_there()}
    missing = [name for name, there in known.items() if not there]
    return f"this host has no {' and no '.join(missing)}" if missing else ""


@cache
def _vmspawn() -> tuple[str, frozenset[str]]:
    return vmspawn.switches(paths.RUN_VMSPAWN)


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
