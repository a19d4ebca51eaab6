"""The limits of a whole tenant: infrastructure/tenant.slice, with keys of systemd.resource-control(5).

The host writes the slice itself, from these values and the grants; a tenant may ask for less than it was granted.
"""

from ..findings import Finding
from ..records import dataclass
from . import elsewhere
from . import values as v
from .settings import Cost, Setting, Table, Verdict, refused
from .source import Declared, Source, read_declared

_SECTION, _YES, _HOST, _NO = "Slice", Verdict.ALLOWED, Verdict.HOST, Verdict.FORBIDDEN
# The default of CPUWeight= and IOWeight= in systemd.resource-control(5), which every tenant has.
FAIR_WEIGHT = 100


def _fair_weight(value: str) -> str:
    if int(v.weight(value)) > FAIR_WEIGHT:
        message = f"The weight {value} is more than every other tenant has."
        raise v.Unreadable(message, f"Write at most {FAIR_WEIGHT}, which is what all tenants have.")
    return value


def _fair_cpu_weight(value: str) -> str:
    return value if value == "idle" else _fair_weight(value)


DESCRIPTION = Setting("Unit", "Description", _YES, v.text, Cost.NONE, "A text for readers of the file.")
MEMORY_MAX = Setting(
    _SECTION, "MemoryMax", _YES, v.memory, Cost.LIVE, "The most memory of the whole tenant, such as 2G.",
    show=v.show_size, directive="MemoryMax",
)
MEMORY_HIGH = Setting(
    _SECTION, "MemoryHigh", _YES, v.memory, Cost.LIVE, "Where memory use is slowed down, such as 1800M.",
    show=v.show_size, directive="MemoryHigh",
)
SWAP_MAX = Setting(
    _SECTION, "MemorySwapMax", _YES, v.size, Cost.LIVE, "The most swap space, such as 0 or 1G.",
    show=v.show_size, directive="MemorySwapMax",
)
ZSWAP_MAX = Setting(
    _SECTION, "MemoryZSwapMax", _YES, v.size, Cost.LIVE, "The most compressed swap in memory, such as 0 or 1G.",
    show=v.show_size, directive="MemoryZSwapMax",
)
CPU_QUOTA = Setting(
    _SECTION, "CPUQuota", _YES, v.quota, Cost.LIVE, "The most CPU time, as a percentage of one CPU, such as 200%.",
    show=v.show_quota, directive="CPUQuota",
)
CPU_WEIGHT = Setting(
    _SECTION, "CPUWeight", _YES, _fair_cpu_weight, Cost.LIVE, "The share of CPU time, 1 to 100 or idle.",
    directive="CPUWeight",
)
TASKS_MAX = Setting(
    _SECTION, "TasksMax", _YES, v.tasks, Cost.LIVE, "The most processes and threads, such as 2048.",
    show=v.show_limit, directive="TasksMax",
)
IO_WEIGHT = Setting(
    _SECTION, "IOWeight", _YES, _fair_weight, Cost.LIVE, "The share of disk time, 1 to 100.", directive="IOWeight"
)

TABLE = Table(
    DESCRIPTION,
    MEMORY_MAX,
    MEMORY_HIGH,
    SWAP_MAX,
    ZSWAP_MAX,
    CPU_QUOTA,
    CPU_WEIGHT,
    TASKS_MAX,
    IO_WEIGHT,
    *refused(_HOST, _SECTION, "The host accounts for all of it.", "MemoryAccounting", "TasksAccounting",
             "IOAccounting", "IPAccounting", "CPUAccounting"),
    *refused(_HOST, _SECTION, "It would take memory from other tenants.", "MemoryMin", "MemoryLow",
             "StartupMemoryLow", "DefaultMemoryMin", "DefaultMemoryLow", "DefaultStartupMemoryLow"),
    *refused(_HOST, _SECTION, "The same limits hold while the host boots.", "StartupCPUWeight", "StartupMemoryHigh",
             "StartupMemoryMax", "StartupMemorySwapMax", "StartupMemoryZSwapMax", "StartupIOWeight"),
    *refused(_HOST, _SECTION, "The host places tenants on CPUs and memory nodes.", "AllowedCPUs", "StartupAllowedCPUs",
             "AllowedMemoryNodes", "StartupAllowedMemoryNodes", "CPUQuotaPeriodSec"),
    *refused(_HOST, _SECTION, "The host places tenants on CPUs and memory nodes.", "CPUSetPartition", since=261),
    *refused(_HOST, _SECTION, "The host decides how memory is compressed.", "MemoryZSwapWriteback"),
    *refused(_NO, _SECTION, "It names a device of the host.", "IODeviceWeight", "IOReadBandwidthMax",
             "IOWriteBandwidthMax", "IOReadIOPSMax", "IOWriteIOPSMax", "IODeviceLatencyTargetSec", "DeviceAllow",
             "DevicePolicy"),
    *refused(_NO, _SECTION, "It would also cut connections inside the containers. Filter there.", "IPAddressAllow",
             "IPAddressDeny", "SocketBindAllow", "SocketBindDeny", "RestrictNetworkInterfaces"),
    *refused(_NO, _SECTION, "It would also cut connections inside the containers. Filter there.",
             "BindNetworkInterface", since=260),
    *refused(_NO, _SECTION, "It names something in the kernel of the host.", "NFTSet", "IPIngressFilterPath",
             "IPEgressFilterPath", "BPFProgram"),
    *refused(_HOST, _SECTION, "The host places the slice.", "Slice", "Delegate", "DelegateSubgroup",
             "DisableControllers"),
    *refused(_HOST, _SECTION, "The host decides what happens when memory runs out.", "ManagedOOMSwap",
             "ManagedOOMMemoryPressure", "ManagedOOMMemoryPressureLimit", "ManagedOOMMemoryPressureDurationSec",
             "ManagedOOMPreference"),
    *refused(_HOST, _SECTION, "The host decides what happens when memory runs out.", "OOMRules", since=261),
    *refused(_HOST, _SECTION, "It concerns single services.", "MemoryPressureWatch", "MemoryPressureThresholdSec",
             "CoredumpReceive"),
    *refused(_HOST, _SECTION, "It concerns single services.", "CPUPressureWatch", "CPUPressureThresholdSec",
             "IOPressureWatch", "IOPressureThresholdSec", since=261),
    *refused(_HOST, _SECTION, "The host decides how many units start at once.", "ConcurrencySoftMax",
             "ConcurrencyHardMax", since=258),
    *refused(_HOST, _SECTION, "The host decides how many units start at once.", "ActivatingConcurrencyMax", since=262),
    meant=elsewhere.LIMITS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(Declared):
    """The limits as declared."""


def read_limits(source: Source) -> tuple[Limits | None, tuple[Finding, ...]]:
    """The limits of a file, None when it has errors."""
    return read_declared(source, TABLE, Limits)
