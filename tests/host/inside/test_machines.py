"""Virtual machines: what a tenant commits is what runs, as a user of its own that sees nothing of anybody else.

Where systemd has no vmspawn, a warning names it, and everything else of the tenant runs.
"""

import hashlib
import json
import os
from pathlib import Path

from .conftest import Make
from .guests import IMAGES, image
from .support import run, unit_property, wait_until
from .vms import CAN_RUN, GRANTS, await_up, disk, images, machine, qemu, said, unit
from .world import Tenant, container


def metadata(tenant: str) -> dict[str, str | None]:
    """A description with a time for its health that an emulated processor keeps, being multiplied for it."""
    value = {"apiVersion": "bitbuilder.io/v1", "tenant": tenant, "lifecycle": {"healthTimeoutSec": 30}}
    return {"metadata.json": json.dumps(value)}


def heard(tenant: Tenant, *parts: str) -> bool:
    """Whether the machine db has said a line with all of these parts."""
    return any(all(part in line for part in parts) for line in said(tenant, "db"))


def without_machines(make: Make) -> None:
    """On a host that cannot run them: the containers run, and status says what does not."""
    acme = make("vma", grants=GRANTS)
    unused = image(IMAGES / "guest.squashfs", "raw")  # never fetched: no machine runs that needs it
    acme.repo.commit({
        **metadata("vma"), **{f"infrastructure/{name}.image": unused for name in ("disk", "linux", "initrd")},
        "machines/db.vmspawn": machine(), "containers/web.nspawn": container("After=db"),
    })  # fmt: skip
    assert acme.sync() == "applied" and acme.state("web") == "active"
    findings = acme.status()["findings"]
    assert isinstance(findings, list)
    # Its keys that came with a newer systemd are named as well.
    assert {(one["code"], one["severity"]) for one in findings} == {("BB210", "warning"), ("BB211", "warning")}
    (lacking,) = [one["message"] for one in findings if one["code"] == "BB211"]
    assert lacking == "Machine db does not run here: this host has no systemd-vmspawn."
    assert run(["systemctl", "list-units", "--all", "--no-legend", "tenant-machine@*"]).stdout == ""


def with_machines(make: Make) -> None:
    """A machine and a container: up, healthy, changed, powered off, broken, gone."""
    acme = make("vma", grants=GRANTS)
    acme.repo.commit({**metadata("vma"), **images(), "machines/db.vmspawn": machine(words="guest.word=one"),
                      "containers/web.nspawn": container("After=db")})
    assert acme.sync() == "applied", acme.said
    db = unit(acme, "db")
    workloads = acme.status()["workloads"]
    assert isinstance(workloads, list)
    assert sorted((one["name"], one["kind"], one["activeState"], one["health"]) for one in workloads) == [
        ("db", "machine", "active", "healthy"), ("web", "container", "active", "healthy")
    ]
    assert heard(acme, "memory ", " cpus 1") and heard(acme, "drive ", " start 1") and heard(acme, "guest.word=one")
    assert unit_property(db, "ControlGroup").startswith("/tenants.slice/tenants-vma.slice/")
    assert "db.vma" in run(["machinectl", "list", "--no-legend"]).stdout
    run(["systemd-analyze", "security", "--no-pager", "--threshold=20", db])

    # Only the machine restarts, after its guest has powered off, and it starts from its image again.
    web, first = acme.invocation("web"), unit_property(db, "InvocationID")
    acme.repo.commit({"machines/db.vmspawn": machine(vm=("RAM=192M", "CPUs=2"))})
    assert acme.sync() == "applied", acme.said
    assert unit_property(db, "InvocationID") != first and acme.invocation("web") == web
    assert heard(acme, " cpus 2") and heard(acme, "drive ", " start 1")
    console = run(["journalctl", "--no-pager", "-o", "cat", f"_SYSTEMD_INVOCATION_ID={first}"]).stdout
    assert "guest: is going down" in console

    # A guest that comes up and then ends by itself is not healthy.
    acme.repo.commit({"machines/db.vmspawn": machine("Restart=no", "HealthStableSec=45", words="guest.end=poweroff")})
    assert acme.sync(1) == "rolled-back" and "db.vma.service is inactive: it ended by itself" in acme.said
    assert acme.invocation("web") == web and heard(acme, " cpus 2")

    # What is no disk touches nothing; one that nothing starts from is not started, and what was good is back.
    (IMAGES / "broken-disk.raw").write_bytes(b"no partitions here" * 4096)
    acme.repo.commit({"infrastructure/disk.image": image(IMAGES / "broken-disk.raw", "raw"),
                      "machines/db.vmspawn": machine()})
    running = qemu(acme, "db")
    assert acme.sync(1) == "failed" and "is not what a machine starts from: There is no GPT" in acme.said
    assert qemu(acme, "db") == running
    acme.repo.commit({"infrastructure/disk.image": image(disk("linux-generic"), "raw")})
    assert acme.sync(1) == "failed" and "None of its partitions is a root or /usr partition" in acme.said
    assert qemu(acme, "db") == running
    (IMAGES / "broken-kernel").write_bytes(b"no kernel" * 100)
    acme.repo.commit({**images(), "infrastructure/linux.image": image(IMAGES / "broken-kernel", "raw")})
    assert acme.sync(1) == "rolled-back", acme.said
    await_up(acme, "db")

    # Killed by something else, it comes back by itself.
    os.kill(qemu(acme, "db"), 9)
    wait_until("the machine was started again", lambda: unit_property(db, "NRestarts") == "1", timeout=60)
    await_up(acme, "db")

    acme.repo.commit({"machines/db.vmspawn": None, "containers/web.nspawn": container()})
    assert acme.sync() == "applied", acme.said
    assert unit_property(db, "ActiveState") == "inactive" and acme.state("web") == "active"
    assert "db.vma" not in run(["machinectl", "list", "--no-legend"]).stdout


def impatient(tenant: Tenant) -> None:
    """Nobody waits long for the guest of this tenant, as an operator may decide by a drop-in."""
    patience = Path(f"/run/systemd/system/{unit(tenant, 'db')}.d/20-impatient.conf")
    patience.parent.mkdir(parents=True, exist_ok=True)
    patience.write_text("[Service]\nEnvironment=STOP_SEC=2\n")


def alone(make: Make) -> None:
    """QEMU as its tenant's user sees the programs of the host, its own files and processes, and nothing else."""
    acme, other = make("vmc", grants=GRANTS), make("vmd", grants=GRANTS)
    deaf = machine("Restart=no", words="guest.end=deaf")
    for tenant in (acme, other):
        impatient(tenant)
        tenant.repo.commit({**metadata(tenant.id), **images(), "machines/db.vmspawn": deaf})
        assert tenant.sync() == "applied", tenant.said
    pid, foreign = qemu(acme, "db"), qemu(other, "db")
    root, user = Path(f"/proc/{pid}/root"), Path(f"/proc/{pid}").stat().st_uid
    assert user >= 61184 and Path(f"/proc/{foreign}").stat().st_uid not in (0, user)
    assert sorted(path.name for path in (root / "run/bitbuilder").iterdir()) == [
        "disk.raw", "initrd.1", "kept", "linux", "machines", "vm"
    ]
    for hidden in ("var/lib", "srv", "run/credentials", "run/systemd/machines", "home", "root"):
        path = root / hidden
        assert not path.exists() or not any(path.iterdir()) or oct(path.stat().st_mode)[-3:] == "000", hidden
    assert [path.name for path in (root / "run/bitbuilder/machines").iterdir()] == ["db.vmc"]
    processes = {path.name for path in (root / "proc").iterdir() if path.name.isdigit()}
    assert len(processes) == 2, "vmspawn and QEMU"
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert (int(status["CapEff"], 16), int(status["CapBnd"], 16), status["NoNewPrivs"]) == (0, 0, "1")
    disks = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir() if "disk" in os.readlink(path)]
    assert disks and all(path.startswith("/run/bitbuilder/") for path in disks)
    mounts = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    flags = [fields[5].split(",") for fields in mounts if fields[4] == "/run/bitbuilder/disk.raw"]
    assert flags and all("ro" in one for one in flags)

    # Its guest does not listen to the power button: it is switched off when its time is over.
    db = unit(acme, "db")
    run(["systemctl", "stop", db], timeout=60)
    assert unit_property(db, "ActiveState") == "inactive"
    journal = run(["journalctl", "--no-pager", "-o", "cat", "-u", db]).stdout
    assert "The guest did not power off within 2 s: it is switched off." in journal


def keeps(make: Make) -> None:
    """A disk that is kept is a copy of the image, larger when that is wanted; a secret is there inside only."""
    acme, secret = make("vme", grants=GRANTS), "correct horse battery staple"
    blob = run(["bbhv", "credential", "encrypt", "vme", "key"], input=secret).stdout
    one = machine("Persistent=yes", "Credential=key", vm=("GrowImage=48M",))
    acme.repo.commit({**metadata("vme"), **images(), "machines/db.vmspawn": one,
                      "infrastructure/credentials/key.cred": blob})
    assert acme.sync() == "applied", acme.said
    db = unit(acme, "db")
    assert heard(acme, "of 48 MiB start 1")
    assert heard(acme, f"credential key {hashlib.sha256(secret.encode()).hexdigest()}")
    pid = qemu(acme, "db")
    assert not any(secret in Path(f"/proc/{pid}/{file}").read_text() for file in ("cmdline", "environ"))
    assert secret not in run(["systemctl", "show", db]).stdout + run(["systemctl", "cat", db]).stdout
    run(["systemctl", "restart", db], timeout=300)
    await_up(acme, "db")
    assert heard(acme, "of 48 MiB start 2")
    (kept,) = (acme.folder / "machines/db/kept").iterdir()
    acme.repo.commit({"machines/db.vmspawn": None, "containers/web.nspawn": container()})
    assert acme.sync() == "applied" and kept.exists(), acme.said


if CAN_RUN:
    test_a_disk_that_is_kept_outlives_its_machine_and_a_secret_is_inside_only = keeps
    test_a_machine_is_what_its_tenant_commits = with_machines
    test_a_machine_sees_nothing_of_anybody_else_and_its_stop_is_bounded = alone
else:
    test_without_vmspawn_a_finding_names_it_and_the_rest_runs = without_machines
