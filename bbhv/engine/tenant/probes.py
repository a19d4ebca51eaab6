"""The checks of workloads that are watched: started when their time has come, looked at, and stopped.

No process of the engine enters a workload or reads a byte of it. What asks is a transient unit in the slice of the
tenant, and systemd tells how it went: probes are answered by the same question that the units are.
"""

from collections.abc import Mapping, Sequence

from ...errors import BbhvError, CommandError
from ...host import files, log, namespaces, run, systemd
from ...kinds.script import interpreter
from ...model.probe import Answer, Probe, answer, sentence
from ...model.scripts import SCRIPT_PATH, sandbox
from ...names import tenant_slice, workload
from ...records import dataclass, field
from .. import emptyroot
from . import inside

MAX_ATTEMPTS = 5000
# What every one of them may use up.
_BOUNDS = ("MemoryMax=256M", "TasksMax=64", "LimitCORE=0", "KillSignal=SIGKILL", "TimeoutStopSec=10", "UMask=0077",
           "CollectMode=inactive-or-failed", "RemainAfterExit=yes", "StandardInput=null", "SyslogLevelPrefix=no",
           "LogRateLimitIntervalSec=30s", "LogRateLimitBurst=100", "SystemCallErrorNumber=EPERM")  # fmt: skip
# What reads a console reads the journal, and nothing else.
_LISTENING = (
    *systemd.STRICT, *systemd.UNPRIVILEGED, "PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX",
    "SupplementaryGroups=systemd-journal", "ProcSubset=all", "NotifyAccess=main",
)  # fmt: skip
# What connects to a workload, and to nobody else.
_CALLING = (
    *systemd.STRICT, *systemd.UNPRIVILEGED, "NotifyAccess=main", "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
    "IPAddressDeny=any",
)  # fmt: skip


@dataclass(slots=True)
class Asked:
    """The probes of one watch: which run, what they said last, and the namespaces that they need."""

    probes: Sequence[Probe]
    folder: str
    volumes: Mapping[str, str] = field(default_factory=dict)
    running: dict[str, namespaces.Namespaces | None] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)

    def verdict(self, probe: Probe, found: Mapping[str, Mapping[str, str]]) -> Answer:
        """How it stands with a probe; of one that asks again, what it said last."""
        if probe.unit not in self.running:
            return Answer(None, sentence(probe, self.last.get(probe.unit, "it was not asked yet")))
        said = answer(probe, found.get(probe.unit, {}))
        if said.settled:
            self.last[probe.unit] = said.words
        return Answer(said.healthy, sentence(probe, self.last.get(probe.unit, said.words)))

    def start(self, probe: Probe) -> None:
        """Starts a probe. When it cannot be, the reason is remembered, and it is tried again."""
        space = None
        try:
            if probe.check.kind not in ("script", "console") and not probe.addresses:
                leader = namespaces.leader(workload(probe.workload, probe.tenant))
                space = namespaces.hold(leader, probe.of, namespaces.KINDS if probe.check.kind == "exec" else ("net",))
            systemd.start_transient(probe.unit, *self._unit(probe, space))
        except BbhvError as error:
            if space:
                space.close()
            self.last[probe.unit] = f"it cannot be asked: {error.message}"
        else:
            self.running[probe.unit] = space

    def end(self) -> None:
        """Stops them all; also what a hostile program has left behind in their control groups."""
        try:
            systemd.act("stop", self.running, ok=(0, 5))
        except CommandError as error:
            log.write("warning", str(error))  # systemd collects them when they end; nobody else is to wait for that
        finally:
            for space in self.running.values():
                if space:
                    space.close()
            self.running.clear()

    def _unit(
        self, probe: Probe, space: namespaces.Namespaces | None
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The properties and the command of a probe's unit."""
        common = (*_BOUNDS, f"Slice={tenant_slice(probe.tenant)}", f"Description=Health of {probe.of or probe.tenant}")
        if probe.check.kind == "console":
            return (*_LISTENING, *common), _listening(probe)
        if probe.addresses:
            return (*_CALLING, f"IPAddressAllow={' '.join(probe.addresses)}", *common), _calling(probe)
        if space is None:
            return (*common, *_repeated(probe), *self._script(probe)), self._script_command(probe)
        if probe.check.kind == "exec":
            unheard = ("StandardOutput=null", "StandardError=null")
            limits = (*inside.SANDBOX, *inside.denied(probe.denied), *unheard)
            return (*common, *_repeated(probe), *limits), inside.entering(space, probe.user, probe.check.argv)
        alone = (*_CALLING, f"NetworkNamespacePath={space.path('net')}", "IPAddressAllow=localhost")
        return (*alone, *common), _calling(probe)

    def _script(self, probe: Probe) -> tuple[str, ...]:
        """Behind the sandbox of all scripts: it reads the volumes, and keeps nothing."""
        source = f"{self.folder}/scripts/{probe.check.script}"
        told = {"BITBUILDER_TENANT": probe.tenant, "BITBUILDER_WORKLOAD": probe.workload}
        settings = sandbox(probe.tenant, source, self.volumes, root=emptyroot.prepare())
        return (
            *(f"{key}={value}" for key, value in settings),
            *(f"Environment={name}={value}" for name, value in told.items()),
        )

    def _script_command(self, probe: Probe) -> tuple[str, ...]:
        """The interpreter of the script and its path, as the kernel would call it."""
        path = f"{self.folder}/scripts/{probe.check.script}"
        text = (files.read(path) or b"").decode("utf-8", "replace")
        return (*interpreter(text), SCRIPT_PATH)


def _calling(probe: Probe) -> tuple[str, ...]:
    """Connects again and again, to one of the addresses or to the loopback that it sees."""
    times = (f"{probe.interval_sec:g}", f"{probe.timeout_sec:g}")
    asked = (str(probe.check.port), probe.check.text, *times, *probe.addresses)
    return (*run.program(), "worker", "probe", *asked)


def _listening(probe: Probe) -> tuple[str, ...]:
    """Reads what the unit has written to the journal since it was started."""
    shown = systemd.show((probe.of,), ("InvocationID",)).get(probe.of, {})
    return (*run.program(), "worker", "probe", "console", shown.get("InvocationID", ""), probe.check.text)


def sweep(probes: Sequence[Probe]) -> None:
    """Stops what a watch that was interrupted has left behind."""
    if probes:
        systemd.act("stop", systemd.loaded([probe.unit for probe in probes]), ok=(0, 5))


def _repeated(probe: Probe) -> tuple[str, ...]:
    """Started again by systemd until it succeeds, each time with nothing left of the time before."""
    return (
        "Restart=on-failure", f"RestartSec={probe.interval_sec:g}", f"TimeoutStartSec={probe.timeout_sec:g}",
        "TimeoutStartFailureMode=kill", "StartLimitIntervalSec=1d", f"StartLimitBurst={MAX_ATTEMPTS}",
    )  # fmt: skip
