"""systemd-machined does for nobody but root what it can do to workloads.

These hosts have no polkit: so whoever is not root is refused without being asked for a password. Where there is one,
its own defaults want the password of an administrator for every action here; bbhv ships no rule that loosens them.
"""

import json
from collections.abc import Callable
from pathlib import Path

from bbhv import names

from .conftest import Make
from .support import leader, run, systemd_version, unit_property
from .vms import CAN_RUN, images, machine, qemu
from .vms import GRANTS as VM_GRANTS
from .world import Tenant, container

VARLINK = "/run/systemd/machine/io.systemd.Machine"
OBJECT, MANAGER = "/org/freedesktop/machine1", "org.freedesktop.machine1.Manager"
USER, TAKEN = "ordinary", "/run/taken"
# What is said to who may not, by the bus, by systemd-machined, by systemd, and where somebody has not even a name.
DENIED = ("Access denied", "Permission denied", "nteractive authentication required", "PermissionDenied",
          "InteractiveAuthenticationRequired", "Rejected send message", "Operation not permitted",
          "Transport endpoint is not connected")  # fmt: skip
# What nobody can do with a virtual machine, and root is told as well.
IMPOSSIBLE = ("only supported on container machines", "NotSupported")


def over_dbus(name: str) -> list[list[str]]:
    """What systemd-machined does over D-Bus with a machine, and with its own images."""
    calls = {
        "TerminateMachine": ("s", name), "KillMachine": ("ssi", name, "leader", "9"), "OpenMachinePTY": ("s", name),
        "OpenMachineLogin": ("s", name), "OpenMachineRootDirectory": ("s", name), "UnregisterMachine": ("s", name),
        "OpenMachineShell": ("sssasas", name, "root", "/bin/sh", "0", "0"),
        "BindMountMachine": ("sssbb", name, "/etc", "/mnt", "true", "true"),
        "CopyFromMachine": ("sss", name, "/etc/os-release", TAKEN),
        "CopyToMachine": ("sss", name, "/etc/os-release", "/taken"),
        "RegisterMachine": ("sayssus", f"{name}x", "0", "", "container", "0", ""),
        "SetPoolLimit": ("t", "1000000"), "CleanPool": ("s", "all"),
    }  # fmt: skip
    itself = {"Terminate": (), "Kill": ("si", "leader", "9"), "OpenShell": ("ssasas", "root", "/bin/sh", "0", "0")}
    call = ["busctl", "call", "--quiet", "org.freedesktop.machine1"]
    own = f"{OBJECT}/machine/{name.replace('.', '_2e')}"
    return [*([*call, OBJECT, MANAGER, method, *words] for method, words in calls.items()),
            *([*call, own, "org.freedesktop.machine1.Machine", method, *words] for method, words in itself.items())]


def over_varlink(name: str, version: int) -> list[list[str]]:
    """The same over varlink, as far as this version of systemd has it."""
    one = {"name": name}
    calls: dict[str, dict[str, object]] = {
        "Terminate": {**one}, "Kill": {**one, "whom": "leader", "signal": 9}, "Unregister": {**one},
        "Open": {**one, "mode": "shell", "user": "root", "path": "/bin/sh"},
        "Register": {"name": f"{name}x", "class": "container"},
    }  # fmt: skip
    if version >= 258:
        calls |= {
            "OpenRootDirectory": {**one}, "BindMount": {**one, "source": "/etc", "destination": "/mnt"},
            "CopyFrom": {**one, "source": "/etc/os-release", "destination": TAKEN},
            "CopyTo": {**one, "source": "/etc/os-release", "destination": "/taken"},
        }
    return [["varlinkctl", "call", VARLINK, f"io.systemd.Machine.{method}", json.dumps(words)]
            for method, words in calls.items()]  # fmt: skip


def by_command(name: str, unit: str) -> list[list[str]]:
    """The same as somebody types it, and the unit itself."""
    typed = [
        ("terminate", name), ("poweroff", name), ("reboot", name), ("kill", "--signal=KILL", name), ("shell", name),
        ("login", name), ("copy-from", name, "/etc/os-release", TAKEN),
        ("copy-to", name, "/etc/os-release", "/taken"), ("bind", name, "/etc"),
    ]  # fmt: skip
    verbs = ("stop", "restart", "kill", "freeze", "disable")
    return [*(["machinectl", "--no-pager", *words] for words in typed),
            *(["systemctl", "--no-ask-password", verb, unit] for verb in verbs)]  # fmt: skip


def refused(
    who: Callable[[list[str]], list[str]], calls: list[list[str]], words: tuple[str, ...]
) -> dict[str, str]:
    """What was not refused of these by one of the words, as somebody: each with what was said."""
    found = {}
    for argv in calls:
        done = run(who(argv), check=False, timeout=30)
        said = f"{done.stdout}{done.stderr}"
        if done.returncode == 0 or not any(word in said for word in words):
            found[" ".join(argv)] = f"{done.returncode}: {said}"
    return found


def seen(tenant: Tenant, units: list[str]) -> list[tuple[str, ...]]:
    """What would be otherwise, if somebody had done something."""
    properties = ("ActiveState", "InvocationID", "MainPID", "NRestarts", "FreezerState")
    return [(unit, *(unit_property(unit, name) for name in properties)) for unit in units] + [
        tuple(sorted(run(["machinectl", "list", "--no-legend"]).stdout.splitlines()))
    ]


def test_who_is_not_root_makes_systemd_machined_do_nothing(make: Make) -> None:
    """An ordinary user, the user that QEMU runs as, also where it is, and root of a container at the host's sockets."""
    victim, evil = make("victim", grants=VM_GRANTS), make("evil")
    files = victim.files(web=container())
    units = {"web.victim": victim.unit("web")}
    if CAN_RUN:
        files |= {**images(), "machines/db.vmspawn": machine()}
        units["db.victim"] = names.machine_unit("db", "victim")
    victim.repo.commit(files)
    evil.repo.commit(evil.files(web=container()))
    assert (victim.sync(), evil.sync()) == ("applied", "applied"), (victim.said, evil.said)
    inside, machine_user = leader("web.evil"), names.machine_user("evil")
    run(["useradd", "--no-create-home", USER])
    user = ["-p", "DynamicUser=yes", "-p", f"User={machine_user}"]
    whos: dict[str, Callable[[list[str]], list[str]]] = {
        "an ordinary user": lambda argv: ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", *argv],
        "the user of machines": lambda argv: ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", *user, *argv],
        "root of a container": lambda argv: ["nsenter", "-t", str(inside), "-U", "--setuid=0", "--setgid=0", *argv],
    }
    if CAN_RUN:
        pid = qemu(victim, "db")
        own = str(Path(f"/proc/{pid}").stat().st_uid)
        whos["QEMU"] = lambda argv: ["nsenter", "-t", str(pid), "-m", "-i", "-p", "-n", "setpriv", f"--reuid={own}",
                                     f"--regid={own}", "--clear-groups", "--no-new-privs", *argv]  # fmt: skip
    try:
        before = seen(victim, list(units.values()))
        for name, unit in units.items():
            calls = [*over_dbus(name), *over_varlink(name, systemd_version()), *by_command(name, unit)]
            words = DENIED if name == "web.victim" else (*DENIED, *IMPOSSIBLE)
            for who, enters in whos.items():
                left = refused(enters, calls, words)
                assert left == {}, json.dumps({who: left}, indent=1)
        assert seen(victim, list(units.values())) == before
        assert not Path(TAKEN).exists()
        # They are refused for who they are: to root, these are words that do something.
        run(["busctl", "call", "--quiet", "org.freedesktop.machine1", OBJECT, MANAGER, "OpenMachineRootDirectory", "s",
             "web.victim"])  # fmt: skip
        run(["busctl", "call", "--quiet", "org.freedesktop.machine1", OBJECT, MANAGER, "KillMachine", "ssi",
             "web.victim", "leader", "18"])  # fmt: skip
        continued = json.dumps({"name": "web.victim", "whom": "leader", "signal": 18})
        run(["varlinkctl", "call", VARLINK, "io.systemd.Machine.Kill", continued])
        run(["machinectl", "copy-from", "web.victim", "/etc/os-release", TAKEN])
        assert Path(TAKEN).stat().st_size > 0
    finally:
        Path(TAKEN).unlink(missing_ok=True)
        run(["userdel", USER])
