"""Where things are on a host (DESIGN: places). The only place that spells these paths."""

SYSTEM_CLONE = "/var/lib/bitbuilder/system"
STATE = "/var/lib/bitbuilder"
SYSTEM_TRIED = "/var/lib/bitbuilder/system-tried"
IMAGES = "/var/lib/bitbuilder/images"
PARTIAL = "/var/lib/bitbuilder/images/.partial"  # what has come of images that come from servers
TENANTS = "/var/lib/tenants"
RUN = "/run/bitbuilder"
RUN_UNITS = "/run/bitbuilder/units"
RUN_GENERATIONS = "/run/bitbuilder/generations"
RUN_LOCK = "/run/bitbuilder/lock"
RUN_VERSION = "/run/bitbuilder/systemd-version"  # with the identity of the program that said it
RUN_VMSPAWN = "/run/bitbuilder/vmspawn-switches"  # the same
RUN_RETRY = "/run/bitbuilder/retry"
RUN_REFUSED = "/run/bitbuilder/refused"
GENERATED = "/run/systemd/generator"
GENERATOR_TOOK = "/run/systemd/generator/.bitbuilder-generator"  # how much processor time, in seconds
# Where units of an operator lie that win over generated ones, and what set-property writes (systemd.unit(5)).
UNIT_OVERRIDES = (
    "/etc/systemd/system.control", "/run/systemd/system.control", "/etc/systemd/system", "/run/systemd/system",
)  # fmt: skip
RUN_STOPPED = "/run/bitbuilder/stopped"
RUN_REQUESTS = "/run/bitbuilder/requests"
RUN_WANTED = "/run/bitbuilder/wanted"
API = "/run/bitbuilder/io.bitbuilder.Hypervisor"
RUN_TALLY = "/run/bitbuilder-varlink"  # whom the servers of the interface have refused
RUN_CONTROL = "/run/bitbuilder/control"  # for each tenant a folder with the socket that its containers see
RUN_NSSWITCH = "/run/bitbuilder/nsswitch.conf"  # as units that fetch see it
RUN_NETWORKS = "/run/bitbuilder/networks"
RUN_SYNCED = "/run/bitbuilder/synced"
RUN_SUSPENDED = "/run/bitbuilder/suspended"  # units/tenant@.service looks there too
RUN_ROOT = "/run/bitbuilder/root"  # what sandboxes have as their root
# In there: where git works, and the objects that it is lent.
WORKPLACE = "/var/lib/bitbuilder/work"
OBJECTS = "/var/lib/bitbuilder/objects"
RUN_REASONS = "/run/bitbuilder/reasons"  # why scripts are called, while it is not a plain stop
CREDENTIALS = "/run/credentials/@system"
REGISTRATIONS = ("/etc/bitbuilder/tenants", "/usr/lib/bitbuilder/tenants")
CONFIGURATION = ("/etc/bitbuilder", "/run/bitbuilder", "/usr/lib/bitbuilder")
OFFERED = (
    "/etc/bitbuilder/offered",
    "/run/bitbuilder/offered",
    "/var/lib/bitbuilder/offered",
    "/usr/lib/bitbuilder/offered",
)
SCHEMAS = "/usr/lib/bitbuilder/schemas"
CGROUPS = "/sys/fs/cgroup/tenants.slice"  # where the kernel counts what tenants use

REF_INCOMING = "refs/bitbuilder/incoming"
REF_TRIED = "refs/bitbuilder/tried"
REF_GOOD = "refs/bitbuilder/good"


def tenant(tenant_id: str) -> str:
    """The folder of a tenant."""
    return f"{TENANTS}/{tenant_id}"


def revoked(tenant_id: str) -> str:
    """What of a tenant's networks is shut, because it is not granted any more."""
    return f"{TENANTS}/{tenant_id}/revoked.json"


def clone(tenant_id: str) -> str:
    """The clone of a tenant's repository."""
    return f"{TENANTS}/{tenant_id}/config.git"
