"""Who calls from inside a container, by two things that the kernel says and that must agree. Pure.

The user lies in the range that one container of the tenant has and nobody else on the host, and the control group lies
below the unit that runs this same container. One of them alone proves nothing here: who is not both is refused.
"""

from collections.abc import Iterable

from .. import names
from ..errors import RefusedError
from ..records import dataclass
from .manifest import Manifest

CONTROL = "X-Bitbuilder.Control"
WORDS = ("read", "full")
SHOWN = 200
_UNIFIED = "0::"  # of the lines in /proc/PID/cgroup, the one of the hierarchy that systemd uses (cgroups(7))


@dataclass(frozen=True, slots=True)
class Controlled:
    """A container that may use the API of its tenant: the first of its user ids, and the word of its Control=."""

    name: str
    base: int
    word: str


@dataclass(frozen=True, slots=True)
class Insider:
    """Somebody in a container: whose it is, its name, the user inside, and whether he may change something."""

    tenant: str
    name: str
    user: int
    may_change: bool


def controls(manifest: Manifest | None) -> dict[str, str]:
    """The containers of a generation that may use the API, with the words of their Control=."""
    found = {one.name: one.settings.get(CONTROL, "") for one in manifest.workloads} if manifest else {}
    return {name: word for name, word in found.items() if word in WORDS}


def judge(tenant: str, uid: int, cgroup: str, known: Iterable[Controlled]) -> Insider:
    """Who has this user id on the host and this text in /proc/PID/cgroup, on the socket of a tenant with these
    containers. Raises RefusedError for everybody else."""
    having = [one for one in known if 0 <= uid - one.base < names.UID_COUNT]
    if not having:
        raise RefusedError(f"uid {uid} is of no container of {tenant} with Control=.")
    paths = [line.removeprefix(_UNIFIED) for line in cgroup.split("\n") if line.startswith(_UNIFIED)]
    for one in having:
        if len(paths) == 1 and _is_below(paths[0], _folder(tenant, one.name)):
            user = uid - one.base
            return Insider(tenant, one.name, user, one.word == "full" and user == 0)
    shown = ascii(", ".join(paths)[:SHOWN])
    raise RefusedError(f"uid {uid} is of {having[0].name}.{tenant}, but its process is not: {shown}.")


def _folder(tenant: str, name: str) -> str:
    return f"/tenants.slice/{names.tenant_slice(tenant)}/{names.container_unit(name, tenant)}/"


def _is_below(path: str, folder: str) -> bool:
    """Whether a control group is below a folder; the kernel writes `..` of what is outside of our own namespace."""
    return path.startswith(folder) and ".." not in path.split("/")
