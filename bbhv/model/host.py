"""What compiling may know of a host: its programs, what it offers, and the numbers that its workloads have."""

from collections.abc import Mapping
from typing import Literal

from ..records import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """An image that the operator offers: `identity` differs whenever the content does."""

    name: str
    path: str
    format: Literal["tree", "tar", "raw"]
    identity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """All that compiling may know of the host.

    `uid_bases` maps workloads (web.acme) to their UID range's first id. `vmspawn` is the path of the program that runs
    machines, empty where there is none, and `vmspawn_switches` are those that its help names; `virtiofsd` is the
    path of the program by which they share folders, where vmspawn looks for it. `cids` maps machines to their numbers
    on vsock, where the host has it. `network_lacking` says what is missing for the networks of tenants, and is empty
    where they can be had.
    """

    systemd_version: int
    host_name: str = ""
    nspawn: str = "/usr/bin/systemd-nspawn"
    vmspawn: str = ""
    vmspawn_switches: frozenset[str] = frozenset()
    virtiofsd: str = ""
    uid_bases: Mapping[str, int] = field(default_factory=dict)
    vsock: bool = False
    cids: Mapping[str, int] = field(default_factory=dict)
    offered: Mapping[str, Offered] = field(default_factory=dict)
    image_store: str = "/var/lib/bitbuilder/images"
    tenants_dir: str = "/var/lib/tenants"
    run_dir: str = "/run/bitbuilder"
    allow_file: bool = False
    network_lacking: str = ""
    tools: Mapping[str, str] = field(default_factory=dict)

    def control(self, tenant: str) -> str:
        """The folder in which the socket of a tenant's API is; units/bitbuilder-varlink@.socket says so too."""
        return f"{self.run_dir}/control/{tenant}"

    def storage(self, tenant: str) -> str:
        """Where the storage of a tenant is mounted, into which the folders below lead."""
        return f"{self.tenants_dir}/{tenant}/storage"

    def volumes(self, tenant: str) -> str:
        """The folder that holds the volumes of a tenant."""
        return f"{self.tenants_dir}/{tenant}/volumes"

    def machines(self, tenant: str) -> str:
        """The folder that holds what the machines of a tenant keep."""
        return f"{self.tenants_dir}/{tenant}/machines"

    def roots(self, tenant: str) -> str:
        """The folder that holds the roots that the containers of a tenant keep."""
        return f"{self.tenants_dir}/{tenant}/roots"
