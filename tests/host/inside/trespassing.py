"""A hostile tenant with root in its containers, on a host that is watched: who tries what, and what came of it.

As a program on a test host with the product: `python3 -m tests.host.inside.trespassing` prints what became of each
attempt, one JSON object for all.
"""

import ctypes
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import hostile_root
from .hostile_root import CALLS, call
from .nets import bridge, commit, grants, member
from .support import cursor, leader, run, unit_property, wait_until
from .world import Tenant, container, new_tenant

EVIL, VICTIM = "isoevil", "isovictim"
WAYS = ("plain", "below", "strict", "shell", "booted")
HOST_SAW = ("what udev was told", "the clock", "what others have logged", "copies of a volume")
VOLUME: dict[str, str | None] = {"infrastructure/data.volume": "[Volume]\nSize=256M\n"}
IPC = 0x62627276
CALLS |= {"name_to_handle_at": 303, "shmctl": 31, "msgctl": 71, "semctl": 66, "mq_unlink": 241}
# Only what the host has: not one of these may be seen from inside.
MARKS = ("/usr/bin/bbhv", "/var/lib/tenants", "/var/lib/bitbuilder", "/etc/bitbuilder", "/run/bitbuilder", "/srv/git",
         "/run/systemd/nspawn", "/run/udev/control")  # fmt: skip
PROGRAM = "/srv/data/py/start /srv/data/hostile_root.py /srv/data/facts"
# Of Python's own modules, what nobody needs who tries something.
_LEFT_OUT = ("test", "tests", "idlelib", "tkinter", "ensurepip", "lib2to3", "pydoc_data", "__pycache__", "config-*",
             "dist-packages", "unittest", "asyncio", "email", "http", "xml", "multiprocessing", "sqlite3", "curses",
             "dbm", "wsgiref", "xmlrpc", "urllib", "turtledemo", "turtle.py", "venv", "distutils")  # fmt: skip
# Its root is not where it was built for.
START = '#!/bin/sh\nexport PYTHONHOME=/srv/data/py\nexec /srv/data/py/{loader} --library-path /srv/data/py/libs '
START += '/srv/data/py/python3 -S -B "$@"\n'


def payload(*steps: str) -> str:
    """What a container does that is not booted: waits for the word to go, and takes the steps."""
    words = "; ".join(("until [ -e /srv/data/go ]; do sleep 0.1; done", *steps, "exec sleep infinity"))
    return f"Parameters=/bin/sh -c '{words}'"


def bring_python(folder: Path) -> None:
    """Puts the host's Python into a volume: a guest has none, and what it needs comes along."""
    there = folder / "py"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copytree(sysconfig.get_path("stdlib"), there / "lib" / version, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    shutil.copy2(f"/usr/bin/{version}", there / "python3")
    (there / "libs").mkdir()
    native = [str(one) for one in (there / "lib" / version / "lib-dynload").glob("*.so") if "_ctypes." in one.name]
    loader = ""
    for line in run(["ldd", there / "python3", *native]).stdout.splitlines():
        words = line.split()
        if "=>" in words:
            shutil.copy2(words[2], there / "libs" / words[0])
        elif words[0].startswith("/lib"):
            loader = Path(words[0]).name
            shutil.copy2(words[0], there / loader)
    (there / "start").write_text(START.format(loader=loader))
    (there / "start").chmod(0o755)


def handle(path: str) -> list[object]:
    """What name_to_handle_at(2) says of a file: its kind, and the bytes."""
    buffer, mount = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136), ctypes.create_string_buffer(4)
    call("name_to_handle_at", hostile_root.AT_FDCWD, os.fsencode(path) + b"\0", buffer, mount, 0)
    size, kind = struct.unpack_from("Ii", buffer.raw)
    return [kind, buffer.raw[8 : 8 + size].hex()]


def handles(paths: list[str]) -> list[list[object]]:
    """Those of all the files that have one."""
    found = []
    for path in paths:
        try:
            found.append(handle(path))
        except OSError:
            continue
    return found


@contextmanager
def lures(word: str, victim: Tenant) -> Iterator[dict[str, object]]:
    """Things of the host that somebody inside would like to have, and what he is told of them."""
    secret = Path(f"/var/lib/{word}")
    memory = Path(f"/dev/shm/{word}")
    with ExitStack() as stack:
        secret.write_text(f"secret {word}\n")
        memory.write_text(word)
        stack.callback(secret.unlink, missing_ok=True)
        stack.callback(memory.unlink, missing_ok=True)
        process = stack.enter_context(subprocess.Popen(["/bin/sh", "-c", f": {word}; read x"], stdin=subprocess.PIPE))
        stack.callback(process.kill)
        one = stack.enter_context(socket.socket(socket.AF_UNIX))
        one.bind(f"\0{word}")
        one.listen()
        shared = [call("shmget", IPC, 4096, 0o1666), call("msgget", IPC, 0o1666), call("semget", IPC, 1, 0o1666)]
        stack.callback(call, "shmctl", shared[0], 0, 0)
        stack.callback(call, "msgctl", shared[1], 0, 0)
        stack.callback(call, "semctl", shared[2], 0, 0)
        name = ctypes.create_string_buffer(word.encode())
        os.close(call("mq_open", name, os.O_RDWR | os.O_CREAT, 0o666, 0))
        stack.callback(call, "mq_unlink", name)
        kind, text = ctypes.create_string_buffer(b"user"), ctypes.create_string_buffer(b"secret")
        key = call("add_key", kind, name, text, 6, -4)
        stack.callback(call, "keyctl", 9, key, -4)  # unlink it from the keys of the user
        victims = leader(f"web.{VICTIM}")
        disks = {os.stat(path).st_dev for path in ("/", "/var", "/usr", victim.folder)}
        yield {
            "word": word,
            "pids": [process.pid, victims, os.getpid(), int(unit_property("dbus.service", "MainPID"))],
            "address": int(Path(f"/proc/{process.pid}/maps").read_text().partition("-")[0], 16),
            "marks": MARKS,
            "mountNamespace": _mounts_number(),
            "handles": handles([str(secret), "/etc/shadow", "/", str(victim.folder), f"{victim.folder}/volumes/data"]),
            "namespaceHandles": handles([f"/proc/1/ns/{one}" for one in ("net", "mnt", "user", "pid", "uts", "ipc")]),
            "uid": int(Path(f"/proc/{victims}/uid_map").read_text().split()[1]),
            "links": ["lo", f"lan.{EVIL}"[:15], *(one for one in os.listdir("/sys/class/net") if one != "lo")],
            "disks": sorted({(os.major(one), os.minor(one)) for one in disks}),
            "key": key,
            "ipc": IPC,
            "victim": victim.unit("web"),
            "names": [socket.gethostname(), f"web.{VICTIM}", f"tenant@{VICTIM}", "tenants.slice"],
        }  # fmt: skip
        assert process.poll() is None, "somebody has ended a process of the host"


def _mounts_number() -> int:
    """The number of the host's namespace of mounts (ioctl_nsfs(2), NS_GET_MNTNS_ID)."""
    with open("/proc/1/ns/mnt", "rb") as file:
        return int(struct.unpack("Q", fcntl.ioctl(file, 0x8008B705, bytes(8)))[0])


@contextmanager
def listening_to_devices() -> Iterator[Callable[[], str]]:
    """Hears what the kernel and others tell udev; gives what was said."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15) as one:
        one.bind((0, 3))
        one.setblocking(False)

        def heard() -> str:
            found = b""
            try:
                while True:
                    found += one.recv(1 << 16)
            except (BlockingIOError, OSError):
                return found.decode("utf-8", "replace")

        yield heard


# What changes by itself, or with what others do who share the kernel.
_RESTLESS = ("kernel/random/", "fs/dentry-state", "fs/inode", "fs/file-nr", "fs/aio-nr", "kernel/ns_last_pid",
             "kernel/pty/nr", "fs/quota/", "net/netfilter/nf_conntrack_count", "kernel/perf_event_max_sample_rate")


def _settings() -> dict[str, str]:
    found, top = {}, "/proc/sys/"
    for folder, _, names in os.walk(top):
        for path in (os.path.join(folder, name) for name in names):
            if not path.removeprefix(top).startswith(_RESTLESS):
                try:
                    found[path] = Path(path).read_text(errors="replace")
                except OSError:
                    continue
    return found


def _files(word: str) -> list[str]:
    """Everything on the host that has the word in its name, but for what the tenant has in its own places."""
    named = ["-name", f"*{word[:8]}*"]
    found = run(["find", "/", "-xdev", *named, "-not", "-path", f"/var/lib/tenants/{EVIL}/*"]).stdout
    found += run(["find", "/run", "/dev", "/tmp", "/sys/fs/cgroup", *named], check=False).stdout
    return sorted(path for path in {*found.splitlines()} if f"tenants-{EVIL}.slice" not in path)


def _limits() -> dict[str, str]:
    """The limits of all tenants, as their control groups have them."""
    found, top = {}, "/sys/fs/cgroup/tenants.slice"
    for folder, _, names in os.walk(top):
        for name in names:
            if folder.count("/") <= top.count("/") + 2 and name.endswith((".max", ".high", ".weight", ".freeze")):
                found[f"{folder}/{name}"] = Path(f"{folder}/{name}").read_text()
    return found


def _units() -> list[str]:
    """What the host runs, without the steps of a moment."""
    lines = run(["systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager"]).stdout.splitlines()
    rows = [line.split()[:4] for line in lines]
    return sorted(" ".join(row) for row in rows if not row[0].startswith(("bitbuilder-shell", "systemd-", "run-"))
                  and row[0].endswith((".service", ".mount", ".socket", ".slice", ".swap")))  # fmt: skip


def _about(tenant: str) -> dict[str, str]:
    names = ("MainPID", "NRestarts", "NFileDescriptorStore", "StatusText", "ActiveState", "InvocationID", "Result")
    units = run(["systemctl", "list-units", "--plain", "--no-legend", f"tenant-*.{tenant}.service"]).stdout.splitlines()
    return {f"{one.split()[0]} {name}": unit_property(one.split()[0], name) for one in units for name in names}


def state(word: str) -> dict[str, object]:
    """The host, aspect by aspect: what nobody inside a container may change."""
    listed = {
        "the name": ["hostname"], "the interfaces": ["ip", "-o", "link"],
        "the addresses": ["ip", "-o", "-4", "address"], "the routes": ["ip", "route"],
        "the filter": ["nft", "-s", "list", "ruleset"],
        "the swap": ["cat", "/proc/swaps"], "the shared memory": ["cat", "/proc/sysvipc/shm", "/proc/sysvipc/msg"],
        "the machines": ["machinectl", "list", "--no-legend"],
        "the sessions": ["loginctl", "list-sessions", "--no-legend"],
    }  # fmt: skip
    mounts = [line.split() for line in Path("/proc/1/mountinfo").read_text().splitlines()]
    offered = Path("/var/lib/bitbuilder/offered/debian-13")
    return {
        **{what: run(argv).stdout for what, argv in listed.items()},
        "the settings of the kernel": _settings(),
        "the mounts": sorted(f"{row[4]} {row[5]} {row[8:]}" for row in mounts),
        "the units": _units(),
        "the units of the hostile tenant": _about(EVIL),
        "the units of another tenant": _about(VICTIM),
        "the limits": _limits(),
        "the files": _files(word),
        "the image": [f"{one.name} {one.stat().st_mtime_ns} {one.stat().st_mode}" for one in sorted(offered.iterdir())],
        "the accounts": [Path(path).read_text() for path in ("/etc/passwd", "/etc/shadow", "/etc/hosts")],
        "the keys": [line.split()[-1] for line in Path("/proc/keys").read_text().splitlines() if word in line],
    }  # fmt: skip


@dataclass
class Found:
    """What came of everything: by way and attempt what it got, the same for the controls, and what the host saw."""

    attempts: dict[str, dict[str, list[object]]] = field(default_factory=dict)
    controls: dict[str, dict[str, list[object]]] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)
    aspects: int = 0

    def escapes(self) -> list[str]:
        """Everything that an attempt got, and everything that is not as it was."""
        got = [f"{name}, {way}: {what}" for way, rows in self.attempts.items() for name, (one, what) in rows.items()
               if one]  # fmt: skip
        return got + [f"{aspect}: {what}" for aspect, what in self.changed.items()]

    def missed(self) -> list[str]:
        """The controls that did not succeed."""
        return [f"{name}, {way}: {what}" for way, rows in self.controls.items() for name, (one, what) in rows.items()
                if not one]  # fmt: skip


def bring_up(make: Callable[..., Tenant]) -> tuple[Tenant, Tenant]:
    """The hostile tenant, and one who minds his own business."""
    evil = make(EVIL, grants=grants(66))
    victim = make(VICTIM, grants=grants(67))
    volume = "Volume=data:/srv/data"
    tries = f"{PROGRAM} /srv/data/plain.json"
    below = f"{PROGRAM} /srv/data/below.json below"
    commit(victim, VOLUME, web=container(volume, boot=False, exec=("Parameters=/bin/sleep infinity",)))
    commit(evil, {**bridge("lan", "10.66.0.1/24"), **VOLUME},
           plain=member("lan", volume).replace("Parameters=/bin/sleep infinity", payload(tries, below)),
           strict=container(volume, "Profile=strict", boot=False, exec=(payload(f"{PROGRAM} /srv/data/strict.json"),)),
           booted=container(volume, boot=True))  # fmt: skip
    for one in (victim, evil):
        assert one.sync() == "applied", one.said
    return evil, victim


def trespass(evil: Tenant, victim: Tenant) -> Found:
    """Tries everything in every way, and looks at the host before and after."""
    word, data = f"lure{os.urandom(6).hex()}", evil.folder / "volumes/data"
    bring_python(data)
    shutil.copy2(hostile_root.__file__, data / "hostile_root.py")
    run(["mkfs.erofs", data / "image", "/etc/systemd"])
    with lures(word, victim) as facts, listening_to_devices() as heard:
        (data / "facts").write_text(json.dumps(facts))
        on_host = data.parent / "here.json"
        words = [sys.executable, hostile_root.__file__, str(data / "facts"), str(on_host), "here"]
        run(words, env={"DATA": str(data)})
        here = json.loads(on_host.read_text())["attempts"]
        on_host.unlink()
        before = state(word)
        began, since = _moment(), cursor()
        (data / "go").touch()
        program = PROGRAM.split()
        run(["bbhv", "shell", f"plain.{EVIL}", "--", *program, "/srv/data/shell.json"])
        inner = ["systemd-run", "--quiet", "--wait", "--collect"]
        run(["bbhv", "shell", f"booted.{EVIL}", "--", *inner, *program, "/srv/data/booted.json"])
        wait_until("the containers have tried all", lambda: all((data / f"{way}.json").exists() for way in WAYS))
        after = state(word)
        found = Found(aspects=len(before) + len(HOST_SAW))
        said = heard()
        found.changed = {what: f"{_differing(before[what], after[what])}" for what in before
                         if before[what] != after[what]}  # fmt: skip
        (data / "go").unlink()
        lies = {"what udev was told": word in said, "the clock": abs(_moment() - began) > 5,
                "what others have logged": bool(forged(word, since)), "copies of a volume": not _copied(evil, word)}
        assert set(lies) == set(HOST_SAW)
        found.changed |= {what: "changed" for what, wrong in lies.items() if wrong}
    for way in WAYS:
        told = json.loads((data / f"{way}.json").read_text())
        found.attempts[way], found.controls[way] = told["attempts"], told["controls"]
    found.controls["on the host"] = {name: here[name] for name in hostile_root.ON_THE_HOST}
    return found


def _copied(evil: Tenant, word: str) -> bool:
    """Whether the host takes copies of a volume and archives that hold nothing but what is in it, while somebody inside
    has names change."""
    data = evil.folder / "volumes/data"
    argv = ["bbhv", "shell", f"plain.{EVIL}", "--", *PROGRAM.split(), "-", "race"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as process:
        try:
            wait_until("names change", lambda: (data / "racing").exists())
            for number in range(3):  # one that meets a change in the middle says so, and ends with 1
                run(["bbhv", "volume", "snapshot", EVIL, "data", f"s{number}"], check=False)
                archive = subprocess.run(["bbhv", "volume", "export", EVIL, "data"], capture_output=True, timeout=60,
                                         check=False).stdout  # fmt: skip
                assert b"honest" in archive
                if f"secret {word}".encode() in archive:
                    return False
            run(["systemctl", "restart", evil.unit("strict")])
        finally:
            (data / "stop").touch()
    assert run(["bbhv", "volume", "snapshot", EVIL, "data", "last"]).returncode == 0
    return not run(["grep", "-rl", "--devices=skip", f"secret {word}", evil.folder], check=False).stdout


def _moment() -> float:
    """The time of day, less what a clock says that nobody can set."""
    return time.time() - time.monotonic()


def _differing(before: object, after: object) -> str:
    """What is not the same, in short."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        return "; ".join(f"{name}: {before.get(name)!r}, now {after.get(name)!r}" for name in names)[:600]
    one, two = (set(value.splitlines() if isinstance(value, str) else map(str, value))
                for value in (before, after) if isinstance(value, (str, list)))  # fmt: skip
    return f"gone {sorted(one - two)}, new {sorted(two - one)}"[:600]


def forged(word: str, since: str) -> list[str]:
    """What the journal has had since then with the word that is not of the hostile tenant, or is more than a line."""
    text = run(["journalctl", "--no-pager", "-o", "json", "-g", word, f"--after-cursor={since}"]).stdout
    entries = [json.loads(line) for line in text.splitlines()]
    assert [one for one in entries if str(one["MESSAGE"]).endswith("honest")], "nothing of the tenant is in the journal"
    return [str(one) for one in entries if not str(one.get("_SYSTEMD_UNIT", "")).endswith(f".{EVIL}.service")
            or "UNIT" in one or "OBJECT_SYSTEMD_UNIT" in one or int(one.get("PRIORITY", 6)) < 5]  # fmt: skip



def rows(found: Found) -> dict[str, tuple[int, int]]:
    """For a table: for each group of attempts how many there were in all ways, and how many got what they wanted."""
    table: dict[str, tuple[int, int]] = {}
    for attempts in found.attempts.values():
        for name, (got, _) in attempts.items():
            group = name.partition(":")[0]
            tries, escapes = table.get(group, (0, 0))
            table[group] = (tries + 1, escapes + bool(got))
    return {**table, "what the host sees afterwards": (found.aspects, len(found.changed))}


def main() -> None:
    """Tries everything, with tenants of its own."""
    evil, victim = bring_up(new_tenant)
    found = trespass(evil, victim)
    print(json.dumps({"rows": rows(found), "escapes": found.escapes(), "missed": found.missed()}))


if __name__ == "__main__":
    main()
