"""The systemd generator: links what activation compiled into the unit path.

It runs on every daemon-reload, so it reads no file, parses nothing, starts nothing and imports only `os`, `sys` and,
to say how long it took, `time`.
Inputs are /run/bitbuilder/units (one symbolic link per tenant, followed once, so that one whole generation is seen)
and the names of the registrations in /usr/lib and /etc. Never /var: it may not be mounted yet. What is not owned by
root, or is writable by others, is ignored. One bad tenant never stops the rest. See systemd.generator(7).
"""

import os
import sys

UNITS = "run/bitbuilder/units"
REGISTRATIONS = ("etc/bitbuilder/tenants", "usr/lib/bitbuilder/tenants")
TOOK = ".bitbuilder-generator"
TEMPLATE = "/usr/lib/systemd/system/tenant@.service"
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def generate(normal: str, root: str = "/") -> list[str]:
    """Fills the generator's normal output folder; the sentences that are returned belong into the log."""
    if "bitbuilder=no" in _kernel_command_line(root):
        return []
    problems: list[str] = []
    tenants = dict.fromkeys(_registered(root))
    units = f"{root}{UNITS}"
    for tenant in _names(units):
        try:
            if _link_tenant(f"{units}/{tenant}", normal, problems):
                tenants[tenant] = None
        except OSError as error:
            problems.append(f"{units}/{tenant}: {error.strerror}, skipping")
    _want(normal, tenants, problems)
    return problems


def _link_tenant(pointer: str, normal: str, problems: list[str]) -> bool:
    # Read through one handle, by short names: it stays the same folder, and costs a tenth less with many units.
    folder = os.path.normpath(os.path.join(os.path.dirname(pointer), os.readlink(pointer)))
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not _trusted(os.lstat(pointer), link=True) or not _trusted(os.fstat(handle)):
            problems.append(f"{folder}: not owned by root alone, skipping")
            return False
        with os.scandir(handle) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}"
                if not _trusted(entry.stat(follow_symlinks=False)):
                    problems.append(f"{path}: not owned by root alone, skipping")
                    continue
                try:
                    os.symlink(path, f"{normal}/{entry.name}")
                except FileExistsError:
                    problems.append(f"{path}: another tenant has this unit, skipping")
    finally:
        os.close(handle)
    return not os.path.basename(pointer).startswith("_")


def _trusted(status: os.stat_result, link: bool = False) -> bool:
    return status.st_uid == 0 and (link or not status.st_mode & 0o022)


def _registered(root: str) -> list[str]:
    found = []
    for folder in REGISTRATIONS:
        for name in _names(f"{root}{folder}"):
            tenant, dot, ending = name.rpartition(".")
            if dot and ending == "json" and 0 < len(tenant) <= 24 and _NAME.issuperset(tenant):
                found.append(tenant)
    return found


def _want(normal: str, tenants: dict[str, None], problems: list[str]) -> None:
    if not tenants:
        return
    wants = f"{normal}/tenants.target.wants"
    os.makedirs(wants, exist_ok=True)
    for tenant in tenants:
        try:
            os.symlink(TEMPLATE, f"{wants}/tenant@{tenant}.service")
        except OSError as error:
            problems.append(f"{wants}/tenant@{tenant}.service: {error.strerror}, skipping")


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _kernel_command_line(root: str) -> list[str]:
    try:
        with open(f"{root}proc/cmdline", encoding="utf-8", errors="replace") as file:
            return file.read(65536).split()
    except OSError:
        return []


def log(problems: list[str]) -> None:
    """Writes to the kernel's log buffer: at this hour there is no other. A container has none: standard error."""
    for problem in problems:
        line = f"<4>bitbuilder-generator: {problem[:900]}\n".encode("utf-8", "replace")
        try:
            with open("/dev/kmsg", "wb", buffering=0) as kmsg:
                kmsg.write(line)
        except OSError:
            sys.stderr.write(line.decode())


def main(arguments: list[str], root: str = "/") -> int:
    """systemd.generator(7): `normal-dir early-dir late-dir`; 0 also when a tenant was skipped.

    Everything goes into the first: what is in the second would win over /etc.
    """
    if not arguments:
        sys.stderr.write("usage: bitbuilder-generator NORMAL-DIR [EARLY-DIR LATE-DIR]\n")
        return 2
    log(generate(arguments[0], root))
    _note_time(arguments[0])
    return 0


def _note_time(normal: str) -> None:
    """Leaves how much processor time this took, where systemd looks for no unit. Nothing depends on it."""
    from time import process_time  # which whoever reads an archive has loaded

    try:
        with open(f"{normal}/{TOOK}", "w", encoding="ascii") as file:
            file.write(f"{process_time():.6f}\n")
    except OSError:
        return
