"""Doctor: whether this host has what bbhv needs, and whether what it remembers fits together."""

import os
import sys
from typing import Callable, Iterator

from ..errors import BbhvError, RefusedError
from ..findings import Finding
from ..host import git, nft, run, signatures, systemd, vmspawn
from ..kinds.workloads import vmcommand
from ..model.authority import UNSIGNED
from ..model.drift import GOING, sentence
from ..model.retention import reason
from ..names import tenant_unit
from ..records import dataclass
from . import paths, resolving, world
from .repository.signers import Signers
from .storage import collect
from .storage.state import Store, known_tenants
from .tenant import sight

PROGRAMS = {
    "git": "git", "systemd-nspawn": "systemd-container", "systemd-run": "systemd",
    "systemd-creds": "systemd",
    "mount": "util-linux (2.39 or newer)", "mkfs.ext4": "e2fsprogs",
}  # fmt: skip
NETWORKD = "systemd-networkd.service"
# CVE-2026-40226 and CVE-2026-4105: the first version of each series with the fixes.
FIXED = {257: 13, 258: 6, 259: 4}


@dataclass(frozen=True, slots=True)
class Check:
    """One look at the host, what it saw, and what to do when it is not right."""

    name: str
    ok: bool
    message: str
    hint: str = ""


def examine() -> list[Check]:
    """All checks, in order. A check that cannot be made is itself one that failed."""
    checks: list[Check] = []
    for name, look in _LOOKS:
        try:
            checks += look()
        except (BbhvError, OSError) as error:
            checks.append(Check(name, False, str(error)))
    return checks


def _python() -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("python", sys.version_info >= (3, 11), version, "Python 3.11 or newer is needed.")


def _systemd() -> Iterator[Check]:
    yield Check("booted", systemd.is_running(), "systemd is PID 1" if systemd.is_running() else "systemd is not PID 1")
    text = run.run(("systemctl", "--version"), timeout=systemd.QUICK).text.splitlines()[0]
    full = text[text.find("(") + 1 : text.rfind(")")]
    numbers = [int(part) for part in full.split("-")[0].split("~")[0].split(".") if part.isdigit()]
    major, minor = (numbers + [0, 0])[:2]
    safe = major >= 257 and minor >= FIXED.get(major, 0)
    yield Check(
        "systemd", safe, full or text, "257.13, 258.6, 259.4, 260 or newer is needed (CVE-2026-40226, CVE-2026-4105)."
    )


def _cgroups() -> Iterator[Check]:
    found = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
    yield Check(
        "cgroup v2", found, "mounted" if found else "not mounted", "Boot with systemd.unified_cgroup_hierarchy=1."
    )
    if found:
        with open("/sys/fs/cgroup/cgroup.controllers", encoding="ascii") as file:
            have = set(file.read().split())
        missing = sorted({"cpu", "memory", "pids"} - have)
        yield Check(
            "controllers",
            not missing,
            f"missing: {' '.join(missing)}" if missing else "cpu memory pids",
            "Limits do not hold without them.",
        )


def _programs() -> Iterator[Check]:
    for name, package in PROGRAMS.items():
        path = run.find(name)
        yield Check(name, path is not None, path or "not found", f"Install {package}.")
    idmap = "idmap" in run.run(("mount", "--version"), timeout=systemd.QUICK).text
    yield Check(
        "idmapped mounts",
        idmap,
        "mount knows X-mount.idmap" if idmap else "mount is too old",
        "Install util-linux 2.39 or newer.",
    )


def _machines() -> Iterator[Check]:
    """What runs virtual machines; a host without is right as long as no tenant is granted one."""
    program, switches = vmspawn.switches(paths.RUN_VMSPAWN)
    wanted = [name for name, one in sorted(world.load().registrations.items()) if one.grants.machines]
    lacking = vmcommand.lacking(program, switches)
    qemu = f"qemu-system-{os.uname().machine}"
    if not lacking and not run.find(qemu):
        lacking = f"this host has no {qemu}"
    kvm, vsock = ("yes" if os.path.exists(path) else "no" for path in (vmspawn.KVM, vmspawn.VSOCK))
    said = f"{program}, KVM {kvm}, vsock {vsock}, virtiofsd {'yes' if vmspawn.virtiofsd() else 'no'}"
    if lacking:
        said = f"{lacking}; granted to {', '.join(wanted) or 'nobody'}"
    hint = f"Install systemd-vmspawn (systemd 260 or newer) and {qemu}."
    yield Check("virtual machines", not (lacking and wanted), said, hint)


def _networks() -> Iterator[Check]:
    """What networks of tenants need; a host without is right as long as nobody is granted a subnet."""
    granted = {name: one.grants for name, one in sorted(world.load().registrations.items()) if one.grants.subnets}
    state = systemd.states((NETWORKD,)).get(NETWORKD, "inactive")
    missing = [name for name, there in (("nft", nft.is_there()), (NETWORKD, state == "active")) if not there]
    said = f"no {', no '.join(missing)}; granted to {', '.join(granted) or 'nobody'}" if missing else "nft, networkd"
    hint = f"Install nftables, and: systemctl enable --now {NETWORKD}"
    yield Check("networks", not (missing and granted), said, hint)
    for uplink in sorted({uplink for grants in granted.values() for uplink in grants.uplinks}):
        there = os.path.exists(f"/sys/class/net/{uplink}")
        seen = "there" if there else "not there"
        yield Check(f"uplink {uplink}", there, seen, "Correct uplinks in the registrations.")
    shadowed = resolving.is_told_of_machines()
    told = "systemd-resolved answers for names of machines" if shadowed else "no machine has the name of a server"
    yield Check("names", not shadowed, told, "systemctl restart systemd-resolved")


def _units() -> Iterator[Check]:
    found = systemd.show(["tenant-manager.service", "tenants.target"], ("LoadState", "ActiveState"))
    for name in ("tenant-manager.service", "tenants.target"):
        state = found.get(name, {}).get("ActiveState", "inactive")
        yield Check(name, state == "active", state, f"Look at: systemctl status {name}")


def _settings() -> Iterator[Check]:
    host = world.load()
    for finding in host.findings:
        yield Check("settings", False, str(finding), finding.hint)
    source = host.settings.repository
    at = f"{source} at {host.system[:12] or 'no commit'}" if source else "none; registrations come from /etc and /usr"
    yield Check("system repository", host.readable, at, "Run: bbhv sync")


def _trust() -> Iterator[Check]:
    """Who may sign what, where signatures are asked for, and whether this host can verify them."""
    host = world.load()
    known = Signers(host.trust)
    asked = [("the system repository", known.of_system(host.settings))] if host.settings.repository else []
    asked += [(name, known.of_tenant(one)) for name, one in sorted(host.registrations.items())]
    technologies: set[str] = set()
    told: dict[Finding, None] = {}
    for whose, (authority, findings) in asked:
        told |= dict.fromkeys(findings)
        if authority.policy == UNSIGNED:
            continue
        usable = [key for key in authority.keys if not key.masked and key.fingerprint not in authority.revoked]
        technologies |= {key.technology for key in usable}
        lacking = f"no key of {', '.join(authority.keyless)}; " if authority.keyless else ""
        count = f"{len(usable)} key{'' if len(usable) == 1 else 's'} of {', '.join(authority.signers) or 'nobody'}"
        yield Check(f"trust of {whose}", bool(usable) and not lacking, f"{lacking}{authority.policy}, {count}",
                    authority.add)  # fmt: skip
    for one in host.registrations.values():
        authority, findings = known.of_images(one)
        told |= dict.fromkeys(findings)
        technologies |= {key.technology for key in authority.keys}
    for finding in told:
        yield Check("verifiers", False, str(finding), finding.hint)
    for technology in sorted(technologies):
        yield _verifier(technology)


def _verifier(technology: str) -> Check:
    try:
        name = signatures.program(technology)
    except RefusedError as error:
        return Check(f"{technology} verifier", False, error.message, error.hint)
    return Check(f"{technology} verifier", True, run.find(name) or name)


def _tenants() -> Iterator[Check]:
    for tenant in known_tenants():
        store, clone = Store(paths.tenant(tenant)), git.Clone(paths.clone(tenant))
        current, good = store.number("current"), store.number("good")
        same = current == good
        known = f"generation {good}" if good is not None else "nothing is good yet"
        trial = known if same else f"trial of generation {current}, good is {good}"
        yield Check(tenant_unit(tenant), same, trial, f"The next sync settles it: bbhv sync {tenant}")
        yield _clone(tenant, clone)


def _clone(tenant: str, clone: git.Clone) -> Check:
    head = clone.head() if clone.exists() else None
    if head is None:
        return Check(f"clone of {tenant}", False, "has no HEAD", f"The next sync clones it again: bbhv sync {tenant}")
    with clone.reading() as reader:
        reader.commit(head)
    return Check(f"clone of {tenant}", True, head[:12])


def _drift() -> Iterator[Check]:
    """What runs and is not what is good, of every tenant that is to run; healing is for the next sync."""
    seen = sight.look()
    for tenant in known_tenants():
        if seen.states.get(tenant_unit(tenant)) in GOING:
            found = sight.find(tenant, Store(paths.tenant(tenant)), seen)
            yield Check(f"drift of {tenant}", not found, sentence(found) or "none", f"See: bbhv status {tenant}")


def _images() -> Iterator[Check]:
    """What is kept in the store, and for which generations of whom."""
    tenants = collect.kept()
    damaged = [name for name, one in tenants.items() if None in one.generations.values()]
    for name in damaged:
        hint = "No image is given up while one of its generations cannot be read; remove the damaged one."
        yield Check(f"generations of {name}", False, "one of them cannot be read", hint)
    for name in collect.stored():
        users = reason(f"{paths.IMAGES}/{name}", tenants)
        kept = f"kept for generations of {users}" if users else "nobody needs it, the next sync of all removes it"
        yield Check(f"image {name[:12]}", True, kept)


_LOOKS: tuple[tuple[str, Callable[[], Iterator[Check]]], ...] = (
    ("python", _python), ("systemd", _systemd), ("cgroups", _cgroups), ("programs", _programs),
    ("machines", _machines), ("networks", _networks), ("units", _units),
    ("settings", _settings), ("trust", _trust), ("tenants", _tenants), ("drift", _drift), ("images", _images),
)  # fmt: skip
