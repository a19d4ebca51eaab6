"""What the machines of a tenant need of a host. Findings: BB211 (the host cannot run machines at all), BB209 (nothing
would tell whether a machine is up, because the host has no vsock)."""

from collections.abc import Iterator

from ..findings import Finding, Place
from ..kinds.workloads import vmcommand
from ..kinds.workloads.machine import HEALTH, Machine
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
    elif not facts.vsock:
        for one in machines:
            yield from _silent(one)


def _silent(machine: Machine) -> Iterator[Finding]:
    values = machine.values
    if values.need(HEALTH).kind == "unit":
        place = values.places(HEALTH)[0] if values.given(HEALTH) else Place(machine.file)
        message = "Health=unit needs vsock, over which a machine says that it is up, and this host has none."
        yield Finding(place, "BB209", message, "Write a check, such as Health=console:REGEX, in [X-Bitbuilder].")
