"""Volumes of machines: drives that the host makes, grows and never looks into, and that outlive what uses them."""

from pathlib import Path

from .conftest import Make
from .support import attached, run, unit_property
from .test_machines import heard, metadata
from .vms import CAN_RUN, GRANTS, images, machine, qemu, said, unit
from .world import container


def drive(size: str) -> dict[str, str | None]:
    """The declaration of the volume data."""
    return {"infrastructure/data.volume": f"[Volume]\nUse=machine\nSize={size}\n"}


def without_machines(make: Make) -> None:
    """Nothing is made for a machine that does not run."""
    acme = make("vola", grants=GRANTS)
    acme.repo.commit({**metadata("vola"), **drive("16M"), "containers/web.nspawn": container()})
    assert acme.sync() == "applied", acme.said
    assert not (acme.folder / "volumes").exists() or list((acme.folder / "volumes").iterdir()) == []


def with_machines(make: Make) -> None:
    """A drive with data: through a restart, a kill, a larger size, a smaller one, another use, and its removal."""
    acme = make("vola", grants={**GRANTS, "storage": "256M"})
    with_data = machine("Volume=data")
    acme.repo.commit({**metadata("vola"), **images(), **drive("16M"), "machines/db.vmspawn": with_data})
    assert acme.sync() == "applied", acme.said
    file, db = acme.folder / "volumes/data.raw", unit(acme, "db")
    assert heard(acme, "drive data of 16 MiB start 1")
    user = Path(f"/proc/{qemu(acme, 'db')}").stat().st_uid
    assert (file.stat().st_mode & 0o777, file.stat().st_uid, file.stat().st_size) == (0o600, user, 16 << 20)
    assert attached(file) == ""
    assert "data.raw" not in Path("/proc/self/mounts").read_text()

    # Larger: the machine restarts and finds its data, and more room around it. Smaller is refused.
    acme.repo.commit(drive("32M"))
    assert acme.sync() == "applied", acme.said
    assert heard(acme, "drive data of 32 MiB start 2"), said(acme, "db")
    assert file.stat().st_size == 32 << 20
    invocation = unit_property(db, "InvocationID")
    acme.repo.commit(drive("24M"))
    assert acme.sync(3) == "refused" and "Volume data has 32M and cannot become smaller" in acme.said
    acme.repo.commit(drive("1G"))
    assert acme.sync(3) == "refused" and "but 256M are granted" in acme.said
    other: dict[str, str | None] = {"infrastructure/data.volume": "[Volume]\nSize=8M\n"}
    acme.repo.commit({**other, "machines/db.vmspawn": machine()})
    assert acme.sync(3) == "refused" and "BB602" in acme.said
    assert "DATA LOSS" in run(["bbhv", "plan", "vola"], check=False).stdout
    assert unit_property(db, "InvocationID") == invocation and unit_property(db, "ActiveState") == "active"

    # What is no longer declared stays, until an operator purges it.
    acme.repo.commit({"infrastructure/data.volume": None, "machines/db.vmspawn": None,
                      "containers/web.nspawn": container()})
    assert acme.sync() == "applied", acme.said
    assert file.stat().st_size == 32 << 20
    assert "Removed" in run(["bbhv", "purge", "vola", "--volume=data", "--yes"]).stdout and not file.exists()


if CAN_RUN:
    test_a_drive_outlives_its_machine_and_only_grows = with_machines
else:
    test_a_drive_is_not_made_where_no_machine_runs = without_machines
