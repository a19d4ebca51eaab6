"""What the machines of a tenant need of a host. Findings: BB211 (the host cannot run machines at all, or cannot share a
folder with one), BB209 (nothing would tell whether a machine is up, because the host has no vsock)."""

from collections.abc import Iterator

from ..findings import Finding, Place
from ..kinds.workloads import vmcommand
from ..kinds.workloads.machine import HEALTH, VOLUME, Machine
from .host import HostFacts
from .tenant import Tenant


def findings(tenant: Tenant, facts: HostFacts) -> Iterator[Finding]:
    """Without the program, one warning for all machines: what else the tenant has runs."""
    machines = [one for _, one in sorted(tenant.machines.items())]
    lacking = vmcommand.lacking(facts.vmspawn, facts.vmspawn_switches)
    if machines and lacking:
        what = f"{len(machines)} machines do" if len(machines) > 1 else f"Machine {machines[0].name} does"
        hint = "Everything else of the repository runs. Use a host with systemd 260 or newer and its container tools."
        yield Finding(Place(machines[0].file), "BB211", f"{what} not run here: {lacking}.", hint, severity="warning")
        return
    for one in machines:
        if not facts.vsock:
            yield from _silent(one)
        if not facts.virtiofsd:
            yield from _unshared(one)


def _unshared(machine: Machine) -> Iterator[Finding]:
    values = machine.values
    for mount, place in zip(values.all(VOLUME), values.places(VOLUME)):
        if mount.path:
            message = f"Volume {mount.volume} is a shared folder, which this host cannot do: it has no virtiofsd."
            yield Finding(place, "BB211", message, "The operator installs virtiofsd; or use a drive, without a path.")


def _silent(machine: Machine) -> Iterator[Finding]:
    values = machine.values
    if values.need(HEALTH).kind == "unit":
        place = values.places(HEALTH)[0] if values.given(HEALTH) else Place(machine.file)
        message = "Health=unit needs vsock, over which a machine says that it is up, and this host has none."
        yield Finding(place, "BB209", message, "Write a check, such as Health=console:REGEX, in [X-Bitbuilder].")
