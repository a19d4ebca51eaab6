"""A virtual machine in a network of its tenant: its address, its neighbours, and nobody else."""

from pathlib import Path

from .conftest import Make
from .nets import asks, bridge, grants, links, member, pings, reached, settle, within
from .support import run
from .test_machines import heard, metadata
from .vms import CAN_RUN, GRANTS, images, machine, qemu, unit


def connects(make: Make) -> None:
    """A machine that is asked over its network whether it is healthy, beside a container."""
    acme = make("vms", grants={**GRANTS, **grants(77)})
    text = machine("Address=10.77.0.20", health="tcp:80", vm=("[Network]", "Bridge=lan"))
    acme.repo.commit({
        **metadata("vms"), **images(), **bridge("lan", "10.77.0.1/24"), "machines/db.vmspawn": text,
        "containers/web.nspawn": member("lan", "Address=10.77.0.10"),
    })  # fmt: skip
    assert acme.sync() == "applied", acme.said
    assert heard(acme, "address 10.77.0.20")
    settle(acme, "web", "10.77.0.10/24", gateway="10.77.0.1")
    reached(acme, "web", "10.77.0.20")
    assert asks(within(acme, "web"), "10.77.0.20", 80) == "machine"
    names = acme.inside("web", "cat", "/etc/hosts").splitlines()[2:]
    assert names == ["10.77.0.20 db db.lan", "10.77.0.10 web web.lan"]
    run(["systemd-analyze", "security", "--no-pager", "--threshold=20", unit(acme, "db")])
    lines = Path(f"/proc/{qemu(acme, 'db')}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    before = links()
    acme.repo.commit({"machines/db.vmspawn": None})
    assert acme.sync() == "applied", acme.said
    assert len(before) - len(links()) == 1, "its port is gone with it"
    assert not pings(acme, "web", "10.77.0.20")


if CAN_RUN:
    test_a_machine_has_an_address_and_neighbours = connects
