"""Virtual machines for tests: a disk made by systemd-repart, the guest of the harness, and what it said on its console.

Processors are emulated: a guest takes some seconds to come up, and most of a CPU meanwhile.
"""

import shutil
from functools import cache
from pathlib import Path

from .guests import IMAGES, image
from .support import run, unit_property, wait_until
from .world import Tenant

CAN_RUN = shutil.which("systemd-vmspawn") is not None
GRANTS: dict[str, object] = {
    "cpus": 4, "memory": "4G", "tasks": 4096, "storage": "20G", "containers": 16, "machines": 4, "emulation": True,
    "images": ["debian-*"], "imageSources": ["file:///srv/images/"],
}  # fmt: skip
UP = "console:^guest: is up"
# A folder by which a guest is told what to do, and says what came of it.
ORDERS: dict[str, str | None] = {"infrastructure/orders.volume": "[Volume]\nUse=machine\nFormat=directory\n"}
TAKES_ORDERS = "Volume=orders:/srv/orders"
_WAITS = """
(number=1
while true; do
    until [ -e order.$number ]; do sleep 0.2; done
    sh ./order.$number >part 2>&1
    mv part answer.$number
    number=$((number + 1))
done) </dev/null >/dev/null 2>&1 &
"""


@cache
def disk(kind: str = "root") -> Path:
    """A disk image with one partition, an empty ext4."""
    folder, path = Path("/run/disk-definitions"), IMAGES / f"machine-{kind}.raw"
    path.unlink(missing_ok=True)
    folder.mkdir(exist_ok=True)
    (folder / "root.conf").write_text(f"[Partition]\nType={kind}\nFormat=ext4\nSizeMinBytes=24M\nSizeMaxBytes=24M\n")
    run(["systemd-repart", "--empty=create", "--size=auto", "--offline=yes", f"--definitions={folder}",
         "--seed=4a5a1f0e6d7d4b1c9d7b1c3e5f708192", path])  # fmt: skip
    return path


def images() -> dict[str, str | None]:
    """The declarations of the images that the guest needs."""
    return {
        "infrastructure/disk.image": image(disk(), "raw"),
        "infrastructure/linux.image": image(IMAGES / "guest.vmlinuz", "raw"),
        "infrastructure/initrd.image": image(IMAGES / "guest.initrd", "raw"),
    }


def machine(*lines: str, vm: tuple[str, ...] = (), words: str = "", health: str = UP) -> str:
    """A machine that is called healthy as soon as it says so on its console."""
    base = ["[VM]", "Firmware=bios", "Linux=linux", "Initrd=initrd", "NotifyReady=no"]
    base += [] if any(line.startswith("RAM=") for line in vm) else ["RAM=128M"]
    lines += () if any(line.startswith("HealthStableSec=") for line in lines) else ("HealthStableSec=0",)
    base += [f"KernelCommandLine=quiet {words}".rstrip(), *vm]
    return "\n".join([*base, "[X-Bitbuilder]", "Image=disk", f"Health={health}", *lines, ""])


def unit(tenant: Tenant, name: str) -> str:
    """The unit of a machine."""
    return f"tenant-machine@{name}.{tenant.id}.service"


def said(tenant: Tenant, name: str) -> list[str]:
    """What the guest has said on its console since its unit was started last."""
    invocation = unit_property(unit(tenant, name), "InvocationID")
    lines = run(["journalctl", "--no-pager", "-o", "cat", "-a", f"_SYSTEMD_INVOCATION_ID={invocation}"]).stdout
    return [line.rstrip("\r").partition("guest: ")[2] for line in lines.splitlines() if "guest: " in line]


def qemu(tenant: Tenant, name: str) -> int:
    """The process of QEMU."""
    group = Path("/sys/fs/cgroup") / unit_property(unit(tenant, name), "ControlGroup").lstrip("/")
    for pid in (group / "cgroup.procs").read_text().split():
        if Path(f"/proc/{pid}/comm").read_text().startswith("qemu"):
            return int(pid)
    return 0


def await_up(tenant: Tenant, name: str) -> None:
    """Wait until the guest has said that it is up."""
    wait_until(f"{name} of {tenant.id} is up", lambda: "is up" in said(tenant, name), timeout=120)


def expect_orders(tenant: Tenant) -> None:
    """Has the machine of a tenant take orders from its next start on; the volume is there."""
    (_orders(tenant) / "run").write_text(_WAITS)


def order(tenant: Tenant, script: str, timeout: float = 120) -> str:
    """What a script prints in the machine of a tenant, as its root."""
    folder = _orders(tenant)
    number = 1 + len(list(folder.glob("answer.*")))
    (folder / "new").write_text(script)
    (folder / "new").rename(folder / f"order.{number}")
    answer = folder / f"answer.{number}"
    wait_until(f"the machine of {tenant.id} has done as it was told", answer.exists, timeout=timeout)
    return answer.read_text()


def _orders(tenant: Tenant) -> Path:
    return tenant.folder / "volumes/orders.shared"
