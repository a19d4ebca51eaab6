"""Volumes as an operator sees them: what there is, copies of it that are kept beside it, and the way out.

What is in a volume is the tenant's, who may change it meanwhile. So a copy is made, and an archive written, in a
sandbox whose root holds the programs of the host and that one volume: a link in it leads nowhere else.

A copy has its name when it is whole and on the disk. Whoever is interrupted finds the volume as it was or as it is to
be; what is left without a name goes with the next call.
"""

import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from ...errors import BbhvError, CommandError, NotFoundError, RefusedError
from ...formats.jsontext import Json
from ...host import files, removal, run, systemd
from ...model.manifest import DRIVE, SHARED, SHARED_ENDING, Manifest
from ...names import is_name
from ...records import dataclass
from .. import emptyroot, paths, world
from ..sandboxes import said
from ..storage.state import Store, known_tenants
from ..storage.taken import taken
from .job import Asked, say_waiting, tenant_lock

SECONDS = 3600
CHUNK = 1 << 20
ENDING = ".raw"
# What a manifest calls a volume that has a name with this ending.
_WHAT = {"": "directory", ENDING: DRIVE, SHARED_ENDING: SHARED}
_GOING = ("active", "activating", "reloading", "refreshing", "deactivating")
_COPY_CAPABILITIES = "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_SETFCAP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A volume that is there: its path, whether a commit declares it, the units that use it, and its snapshots."""

    name: str
    path: str
    declared: bool = False
    users: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()

    @property
    def is_drive(self) -> bool:
        """Whether it is a drive of machines, and not a folder."""
        return self.path.endswith(ENDING)

    @property
    def is_for_machines(self) -> bool:
        """Whether machines use it, and not containers."""
        return self.is_drive or self.path.endswith(SHARED_ENDING)

    @property
    def use(self) -> str:
        """What mounts it."""
        return "machine" if self.is_for_machines else "container"

    def as_json(self) -> Json:
        """The volume as `volume --json` and the interface tell it; sizes in bytes."""
        return {
            "name": self.name, "use": self.use, "declared": self.declared, "size": self.size, "taken": self.taken,
            "snapshots": list(self.snapshots),
        }  # fmt: skip

    @property
    def taken(self) -> int:
        """The bytes that it takes on the disk."""
        return taken(self.path)

    @property
    def size(self) -> int | None:
        """The size of a drive in bytes; a folder has none of its own."""
        return os.lstat(self.path).st_size if self.is_drive else None

    def snapshot(self, name: str) -> str:
        """The path of a snapshot."""
        home = os.path.dirname(os.path.dirname(self.path))
        return f"{home}/snapshots/{self.name}/{name}{os.path.basename(self.path).removeprefix(self.name)}"


def volumes(tenant: str) -> tuple[Volume, ...]:
    """All that there are. Raises NotFoundError when the storage of the tenant is not there."""
    store = Store(paths.tenant(tenant))
    home = os.path.realpath(f"{store.folder}/volumes")
    if not os.path.isdir(home):
        if tenant not in known_tenants():
            world.load().registered(tenant)
        hint = f"systemctl start tenant-infra@{tenant}.service"
        raise NotFoundError(f"The storage of {tenant} is not there.", hint=hint)
    manifest = store.manifest(store.number("current"))
    return tuple(_volumes(home, manifest))


def _volumes(home: str, manifest: Manifest | None) -> Iterator[Volume]:
    for entry in sorted(os.listdir(home)):
        name, dot, rest = entry.partition(".")
        mode, what = os.lstat(f"{home}/{entry}").st_mode, _WHAT.get(f"{dot}{rest}")
        if not is_name(name) or not what or not (stat.S_ISREG(mode) if what == DRIVE else stat.S_ISDIR(mode)):
            continue
        declared = _is_declared(manifest, name, what)
        workloads = manifest.workloads if manifest and declared else ()
        users = tuple(each.unit for each in workloads if f"volume:{name}" in each.settings)
        one = Volume(name=name, path=f"{home}/{entry}", declared=declared, users=users)
        folder, ending = os.path.split(one.snapshot(""))
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        kept = tuple(each.removesuffix(ending) for each in names if each.endswith(ending))
        yield Volume(name=name, path=one.path, declared=one.declared, users=one.users,
                     snapshots=tuple(each for each in kept if is_name(each)))  # fmt: skip


def _is_declared(manifest: Manifest | None, name: str, what: str) -> bool:
    """Whether a volume is what a commit says of it: after a change of Use=, what it was before is there as well."""
    return manifest is not None and manifest.infra_settings.get(f"volume:{name}", "").partition(" ")[0] == what


def find(tenant: str, name: str) -> Volume:
    """One volume, of two of one name that which is declared. Raises NotFoundError."""
    for one in sorted(volumes(tenant), key=lambda one: not one.declared):
        if one.name == name:
            return one
    raise NotFoundError(f"{tenant} has no volume {ascii(name[:64])}.", hint=f"bbhv volume list {tenant}")


def snapshot(tenant: str, volume: str, name: str, asked: Asked) -> bool:
    """Keeps a copy; says whether nobody wrote meanwhile.

    Raises RefusedError for a name that is taken, and for a drive that is in use where the copy would take time: what a
    machine writes meanwhile would be torn.
    """
    with tenant_lock(tenant) as lock:
        lock.take(f"bbhv volume snapshot {tenant}", wait=asked.wait, waiting=say_waiting)
        one = find(tenant, volume)
        target = one.snapshot(name)
        if not is_name(name):
            raise RefusedError(f"{ascii(name[:64])} is no name for a snapshot.", hint="Write a name such as before.")
        if os.path.lexists(target):
            raise RefusedError(f"Volume {volume} of {tenant} has a snapshot {name} already.", hint="Choose another.")
        used = _using(one)
        files.make_dir(os.path.dirname(target), 0o700)
        _sweep(os.path.dirname(target))
        os.rename(_copy(one, one.path, target, at_once=bool(used) and one.is_drive), target)
        files.fsync_dir(os.path.dirname(target))
        return not used


def restore(tenant: str, volume: str, name: str, asked: Asked) -> None:
    """Makes a volume what a snapshot is; the snapshot stays. Raises RefusedError while something uses the volume."""
    with tenant_lock(tenant) as lock:
        lock.take(f"bbhv volume restore {tenant}", wait=asked.wait, waiting=say_waiting)
        one = find(tenant, volume)
        if name not in one.snapshots:
            known = ", ".join(one.snapshots) or "none"
            raise NotFoundError(f"Volume {volume} of {tenant} has no such snapshot.", hint=f"There are: {known}.")
        _refuse_used(one, tenant)
        home = os.path.dirname(one.path)
        _sweep(home)
        new = _copy(one, one.snapshot(name), one.path, at_once=False)
        # The two names change places at one instant.
        run.run(("mv", "--exchange", "--no-copy", "-T", "--", new, one.path), timeout=systemd.QUICK)
        files.fsync_dir(home)
        removal.remove(new)


def discard(tenant: str, volume: str, name: str, asked: Asked) -> None:
    """Removes a snapshot. Raises NotFoundError."""
    with tenant_lock(tenant) as lock:
        lock.take(f"bbhv volume discard {tenant}", wait=asked.wait, waiting=say_waiting)
        one = find(tenant, volume)
        if name not in one.snapshots:
            raise NotFoundError(f"Volume {volume} of {tenant} has no such snapshot.")
        gone = files.temporary(one.snapshot(name))
        os.rename(one.snapshot(name), gone)
        files.fsync_dir(os.path.dirname(gone))
        removal.remove(gone)


def export(tenant: str, volume: str, into: BinaryIO) -> None:
    """Writes a folder as a tar archive, a drive as it is. Raises CommandError when the archive is not whole, and
    RefusedError for a drive that is in use, which would be torn."""
    one = find(tenant, volume)
    if one.is_drive:
        _refuse_used(one, tenant)
        with open(os.open(one.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            while chunk := file.read(CHUNK):
                into.write(chunk)
        return
    words = ("tar", "--create", "--sparse", "--numeric-owner", "--xattrs", "--directory=/srv", "--", ".")
    unit, command = _sandboxed("export", words, "CAP_DAC_READ_SEARCH", f"BindReadOnlyPaths={one.path}:/srv")
    with systemd.owned(unit):
        process = run.spawn(command)
        try:
            while chunk := process.stdout.read(CHUNK):
                into.write(chunk)
            done = process.wait(SECONDS)
        finally:
            process.close()
    if done.returncode:
        message = f"Volume {volume} of {tenant} was not exported whole: {said(done.stderr)}."
        raise CommandError(command, done.returncode, done.stderr, message)


def _using(one: Volume) -> tuple[str, ...]:
    """The units that have the volume now."""
    states = systemd.states(one.users) if one.users else {}
    return tuple(sorted(unit for unit, state in states.items() if state in _GOING))


def _refuse_used(one: Volume, tenant: str) -> None:
    if used := _using(one):
        hint = f"Stop it first: systemctl stop {used[0]}"
        raise RefusedError(f"Volume {one.name} of {tenant} is in use by {', '.join(used)}.", hint=hint)


def _copy(one: Volume, source: str, target: str, *, at_once: bool) -> str:
    """A copy beside the target, without a name yet; `at_once` where the file system shares the bytes, or not at all."""
    new = files.temporary(target)
    if one.is_drive:
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    else:
        os.mkdir(new, 0o700)
    reflink = "always" if at_once else "auto"
    words = ("cp", "-a", f"--reflink={reflink}", "--sparse=auto" if at_once else "--sparse=always", "-T", "--")
    lent = (f"BindReadOnlyPaths={source}:/srv/from", f"BindPaths={new}:/srv/to")
    unit, command = _sandboxed("copy", (*words, "/srv/from", "/srv/to"), _COPY_CAPABILITIES, *lent)
    try:
        with systemd.owned(unit):
            run.run(command, timeout=SECONDS)
        run.run(("sync", "-f", "--", new), timeout=SECONDS)
    except BbhvError as error:
        removal.remove(new)
        words_of_it = said(error.stderr) if isinstance(error, CommandError) else error.message
        if at_once:
            message = f"Volume {one.name} is in use, and this file system cannot copy a drive at one instant."
            raise RefusedError(message, hint=f"Stop it first: systemctl stop {one.users[0]}") from error
        raise BbhvError(f"Volume {one.name} cannot be copied: {words_of_it}.") from error
    return new


def _sandboxed(step: str, argv: tuple[str, ...], capabilities: str, *lent: str) -> tuple[str, tuple[str, ...]]:
    """A unit's name, and the command that runs a program of the host in it, as root of nothing but what it is lent."""
    properties = (
        f"RootDirectory={emptyroot.prepare()}", "TemporaryFileSystem=/srv:mode=0755", "BindReadOnlyPaths=/usr",
        "RestrictSUIDSGID=no", f"CapabilityBoundingSet={capabilities}", "SystemCallFilter=@system-service", *lent,
    )  # fmt: skip
    unit = f"bitbuilder-{step}-{os.getpid()}-{os.urandom(4).hex()}.service"
    box = systemd.Sandbox(properties=properties, root=True, file_size=1 << 50, seconds=SECONDS)
    return unit, systemd.sandbox_command(unit, box, argv, {})


def _sweep(folder: str) -> None:
    """Removes what an interruption left: the tenant's lock is held, so nobody is at it."""
    for name in os.listdir(folder):
        if name.startswith(files.PREFIX):
            removal.remove(f"{folder}/{name}")
