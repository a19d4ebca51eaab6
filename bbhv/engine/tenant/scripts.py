"""The scripts of a tenant, called when their time has come; model/scripts.py says what each of them is.

Whoever calls one holds the tenant's lock and waits for it. One that was called by an engine that is not there any more
is stopped by the next who has the lock, or by its own limit, and is called again with what it belongs to.
"""

import os
import stat
from collections.abc import Mapping, Sequence

from ...errors import BbhvError
from ...host import files, journal, log, systemd
from ...kinds.script import interpreter
from ...model import scripts
from ...model.manifest import Manifest
from ...names import script_unit
from .. import emptyroot, paths
from ..storage.state import Store

_SHOWN = ("Result", "ExecMainStatus", "ExecStop", "InactiveExitTimestampMonotonic", "ActiveState")


def call(name: str, store: Store, number: int | None, reason: str) -> str:
    """Runs a script of a generation to its end. Says why it failed; nothing when it did not, or is not there."""
    manifest = store.manifest(number)
    if manifest is None or number is None or name not in manifest.scripts:
        return ""
    tenant, unit = manifest.tenant, script_unit(name, manifest.tenant)
    source = f"{store.folder}/generations/{number}/scripts/{name}"
    argv = (*interpreter((files.read(source) or b"").decode("utf-8", "replace")), scripts.SCRIPT_PATH)
    keep_state(store)
    settings = scripts.sandbox(
        tenant, source, volumes(manifest, store), root=emptyroot.prepare(), state=scripts.state_file(store.folder)
    )
    properties = (f"Description=Script {name} of Tenant {tenant}", *(f"{key}={value}" for key, value in settings))
    told = scripts.environment(tenant, reason, number, manifest.commit)
    log.write("info", f"{tenant}: scripts/{name} of generation {number} ({reason})")
    systemd.forget(systemd.loaded((unit,)))
    complaint = systemd.run_transient(unit, properties, argv, told, scripts.SECONDS[name])
    return "" if complaint is None else _failed(name, tenant, complaint)


def _failed(name: str, tenant: str, complaint: str = "") -> str:
    """Why a script has failed that systemd still knows; it is forgotten then."""
    unit = script_unit(name, tenant)
    found = systemd.show((unit,), _SHOWN).get(unit, {})
    began = int(found.get("InactiveExitTimestampMonotonic") or 0)
    words = (journal.last_words(unit, began) if began else "") or complaint
    systemd.forget((unit,))
    return scripts.failure(name, tenant, found, words)


def volumes(manifest: Manifest, store: Store) -> dict[str, str]:
    """The folders of the volumes of a generation, by their names."""
    settings = manifest.infra_settings.items()
    names = [name.partition(":")[2] for name, what in settings if name.startswith("volume:") and what == "directory"]
    return {name: f"{store.folder}/volumes/{name}" for name in names}


def keep_state(store: Store) -> None:
    """Makes the one file that scripts may change. Its folder is closed to everybody, so its mode is for them alone."""
    path = scripts.state_file(store.folder)
    if not os.path.lexists(path):
        files.write(path, b"", 0o600)
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        raise BbhvError(f"{path} is no plain file.", hint="Remove it.")
    if stat.S_IMODE(status.st_mode) != 0o666:
        os.chmod(path, 0o666)


def announce(tenant: str, reason: str) -> None:
    """Tells the scripts of a stop why it happens, when it is no plain one; nothing to say ends that."""
    path = f"{paths.RUN_REASONS}/{tenant}"
    if reason:
        files.write(path, f"BITBUILDER_REASON={reason}\n".encode(), 0o600)
    else:
        files.discard(path)


def rest(store: Store, before: Manifest | None, now: Manifest | None) -> None:
    """Has the units whose stop is a script rest until then, those that are new; what is gone is not run any more."""
    units, old = scripts.stop_units(now), scripts.stop_units(before)
    systemd.act("stop", [unit for unit in old if unit not in units], ok=(0, 5))
    if units:
        emptyroot.prepare()
        keep_state(store)
        systemd.urge("start", units)


def tell_failed(tenant: str, units: Sequence[str]) -> tuple[str, ...]:
    """Warns of scripts that failed in a stop, which they never prevent. Returns why each did."""
    mine = {script_unit(name, tenant): name for name in scripts.STOPPING}
    asked = [unit for unit in units if unit in mine]
    found = systemd.show(asked, _SHOWN)
    told = tuple(_failed(mine[unit], tenant) for unit in asked if found.get(unit, {}).get("ActiveState") == "failed")
    for words in told:
        log.write("warning", f"{tenant}: {words}")
    return told


def sweep(tenant: str, states: Mapping[str, str]) -> None:
    """Stops what an engine that was killed had called. Only under the tenant's lock."""
    if left := scripts.orphans(states, tenant):
        log.write("warning", f"{tenant}: stopping what was left running: {', '.join(left)}")
        systemd.forget(left)
