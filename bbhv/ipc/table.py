"""Which methods there are, who may call each, and who answers: one table.

What a caller may do is judged before its parameters are looked at, so that whoever may not use a method learns nothing
from it. `function` is ``module:name`` below bbhv.ipc, so that each process loads what it answers and nothing else.
"""

from enum import Enum
from typing import Mapping

from ..records import dataclass

VARLINK = "org.varlink.service"
SERVICE = "io.systemd.service"
HYPERVISOR = "io.bitbuilder.Hypervisor"
INTERFACES = (HYPERVISOR, SERVICE, VARLINK)
# Parameters that are an operator's word, whoever may call the method.
WORDS = ("allowRewind",)


class Who(Enum):
    """Who may call a method. Operators may call all; of others, those who may see or change the tenant it is about."""

    EVERYBODY = "everybody"
    VIEWERS = "who may see the tenant"
    EDITORS = "who may change the tenant"
    OPERATORS = "operators"


class How(Enum):
    """Where a method is answered: at once, in a thread of the service, or in a unit of its own that may only look, or
    that may act on the host."""

    HERE = "here"
    THREAD = "thread"
    LOOK = "look"
    ACT = "act"

    @property
    def is_unit(self) -> bool:
        """Whether it is a unit of its own."""
        return self in (How.LOOK, How.ACT)


@dataclass(frozen=True, slots=True)
class Row:
    """One method. One that is `several` has many replies and no last one of its own, so it must be called with the
    flag "more"."""

    who: Who
    how: How
    function: str
    several: bool = False


_ANSWERS: Mapping[str, Row] = {
    "ListTenants": Row(Who.VIEWERS, How.THREAD, "telling:list_tenants"),
    "ListWorkloads": Row(Who.VIEWERS, How.THREAD, "telling:list_workloads"),
    "DescribeHost": Row(Who.OPERATORS, How.LOOK, "looking:describe_host"),
    "DescribeTenant": Row(Who.VIEWERS, How.THREAD, "telling:describe_tenant"),
    "DescribeWorkload": Row(Who.VIEWERS, How.THREAD, "telling:describe_workload"),
    "History": Row(Who.VIEWERS, How.THREAD, "telling:history"),
    "ListVolumes": Row(Who.VIEWERS, How.LOOK, "looking:list_volumes"),
    "Plan": Row(Who.VIEWERS, How.LOOK, "looking:plan"),
    "Validate": Row(Who.VIEWERS, How.LOOK, "looking:validate"),
    "Logs": Row(Who.VIEWERS, How.LOOK, "looking:logs", several=True),
    "Usage": Row(Who.VIEWERS, How.LOOK, "looking:usage"),
    "Subscribe": Row(Who.VIEWERS, How.LOOK, "looking:subscribe", several=True),
    "Metrics": Row(Who.OPERATORS, How.LOOK, "looking:metrics"),
    "Pushed": Row(Who.EDITORS, How.THREAD, "telling:pushed"),
    "Sync": Row(Who.EDITORS, How.ACT, "acting:sync"),
    "SyncSystem": Row(Who.OPERATORS, How.ACT, "acting:sync_system"),
    "Bundle": Row(Who.EDITORS, How.ACT, "acting:bundle"),
    "Apply": Row(Who.EDITORS, How.ACT, "acting:apply"),
    "Rollback": Row(Who.EDITORS, How.ACT, "acting:rollback"),
    "Confirm": Row(Who.EDITORS, How.ACT, "acting:confirm"),
    "Restart": Row(Who.EDITORS, How.ACT, "acting:restart"),
    "Suspend": Row(Who.OPERATORS, How.ACT, "acting:suspend"),
    "Resume": Row(Who.OPERATORS, How.ACT, "acting:resume"),
    "Purge": Row(Who.OPERATORS, How.ACT, "acting:purge"),
    "SnapshotVolume": Row(Who.EDITORS, How.ACT, "acting:snapshot"),
    "RestoreVolume": Row(Who.EDITORS, How.ACT, "acting:restore"),
    "DiscardSnapshot": Row(Who.EDITORS, How.ACT, "acting:discard"),
    "EncryptCredential": Row(Who.EDITORS, How.ACT, "acting:encrypt"),
}

ROWS: Mapping[str, Row] = {
    f"{VARLINK}.GetInfo": Row(Who.EVERYBODY, How.HERE, "itself:get_info"),
    f"{VARLINK}.GetInterfaceDescription": Row(Who.EVERYBODY, How.HERE, "itself:get_interface_description"),
    f"{SERVICE}.Ping": Row(Who.EVERYBODY, How.HERE, "itself:ping"),
    f"{SERVICE}.SetLogLevel": Row(Who.OPERATORS, How.HERE, "itself:set_log_level"),
    f"{SERVICE}.GetEnvironment": Row(Who.OPERATORS, How.HERE, "itself:get_environment"),
    **{f"{HYPERVISOR}.{name}": row for name, row in _ANSWERS.items()},
}
