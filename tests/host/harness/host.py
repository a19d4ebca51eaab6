"""A test host: a throw-away machine with a real systemd as process 1, booted in about two seconds.

    with Host("sid") as host:
        host.install(Path("dist/bbhv.raw"))
        host.boot()
        host.run(["systemctl", "status"])
        host.crash()                 # SIGKILL of process 1; what was written stays
        host.boot()                  # the same tree again

Its /usr is the cached tree itself, read-only (`writable_usr` lays an overlay over it); all else is a copy on the disk
of the cache, so that idmapped mounts and overlays work on it as on a real host. It has loopback only. `credentials`
are system credentials, as a boot loader or a virtual machine manager would pass them to the next boot. With `packages`
its tree is one that has these as well. Inside are the guest tree as the offered image debian-13, and
/srv/images/guest.tar.gz and /srv/images/guest.squashfs; where systemd has vmspawn, also /srv/images/guest.vmlinuz and
/srv/images/guest.initrd, which a virtual machine starts from.
"""

import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from . import trees, vmguest
from .holder import Holder, add_loop_devices, child_of, sweep
from .shell import BuildError, Progress, failure, run

BOOT_TIMEOUT = 120.0
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "USER": "root",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
}
_NODES = ("loop-control", "fuse", "net/tun", "kvm")
_OFFERED = "var/lib/bitbuilder/offered/debian-13"


class Host:
    """One test host. Use it as a context manager: leaving it ends its processes and frees all that it used."""

    def __init__(
        self,
        release: str,
        *,
        writable_usr: bool = False,
        credentials: Mapping[str, str] | None = None,
        packages: tuple[str, ...] = (),
        progress: Progress | None = None,
    ) -> None:
        if release not in trees.RELEASES:
            raise BuildError(f"There is no test host {release}; there are {', '.join(trees.RELEASES)}.")
        self.release = release
        self._writable_usr = writable_usr
        self._packages = packages
        self.credentials = dict(credentials or {})
        self._progress = progress or Progress()
        self._holder = Holder(release)
        self._nspawn: subprocess.Popen[bytes] | None = None
        self.leader = 0

    @property
    def name(self) -> str:
        """The unique name of this host."""
        return self._holder.name

    @property
    def console(self) -> Path:
        """The file that collects what process 1 says on the console, over all boots."""
        return self._holder.directory / "console.log"

    def __enter__(self) -> Self:
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def _prepare(self) -> None:
        """Copy the tree and mount what is shared."""
        if os.geteuid():
            raise BuildError("Test hosts need root: namespaces, mounts and loop devices.")
        pristine = trees.host_tree(self.release, self._progress, self._packages)
        guest = trees.guest(self._progress)
        sweep()
        self._holder.open()
        root = self._holder.directory / "root"
        root.mkdir(mode=0o755)
        own = [path for path in sorted(pristine.iterdir()) if path.name != "usr"]
        run(["cp", "-a", "--reflink=auto", "-t", root, *own])
        for directory in ("usr", _OFFERED):
            (root / directory).mkdir(parents=True, exist_ok=True)
        images = {"guest.tar.gz": guest.tar, "guest.squashfs": guest.squashfs}
        if self.release in trees.WITH_MACHINES:
            machine = vmguest.machine_guest(self._progress)
            images |= {"guest.vmlinuz": machine.kernel, "guest.initrd": machine.initrd}
        for image in images:
            (root / "srv/images" / image).touch()
        _mask_generators(pristine, root)
        (root / "etc/machine-id").write_text(uuid.uuid4().hex + "\n")
        (root / "etc/hostname").write_text(f"{self.name}\n")
        self._holder.enter("\n".join(self._mounts(pristine, guest, images, root)))

    def _mounts(self, pristine: Path, guest: trees.Guest, images: Mapping[str, Path], root: Path) -> list[str]:
        """The shell commands that complete the tree inside the holder."""
        def bind(source: Path, target: str) -> str:
            return shlex.join(["mount", "-o", "bind,ro", str(source), str(root / target)])

        usr = bind(pristine / "usr", "usr")
        if self._writable_usr:
            upper, work = self._holder.directory / "usr-upper", self._holder.directory / "usr-work"
            upper.mkdir(mode=0o755)
            work.mkdir()
            layers = f"lowerdir={pristine / 'usr'},upperdir={upper},workdir={work}"
            usr = shlex.join(["mount", "-t", "overlay", "-o", layers, "overlay", str(root / "usr")])
        # Own device nodes: the modes that the host's systemd sets on them are not those of the outer system.
        nodes = shlex.quote(str(self._holder.directory / "dev"))
        return [
            usr,
            f"mkdir {nodes}; mount -t tmpfs -o mode=755 tmpfs {nodes}",
            f"cd /dev; cp -a --parents {' '.join(_nodes())} {nodes}; cd /",
            bind(guest.tree, _OFFERED),
            *(bind(path, f"srv/images/{name}") for name, path in images.items()),
        ]

    # Power

    def boot(self, *, expect: str | None = "running", timeout: float = BOOT_TIMEOUT) -> None:
        """Boot, and wait until process 1 says that it is up. `expect` is the wanted `is-system-running`; None: any."""
        if self._nspawn is not None:
            raise BuildError(f"{self.name} is running already.")
        add_loop_devices()
        self._holder.sweep_cgroup()
        address = self._holder.directory / "notify"
        address.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, self.console.open("ab") as console:
            ready.bind(str(address))
            self._nspawn = subprocess.Popen(
                self._holder.command(*self._nspawn_command()), stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                env={**_ENVIRONMENT, "NOTIFY_SOCKET": str(address), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                start_new_session=True,
            )
            self._await_ready(ready, time.monotonic() + timeout)
        self.leader = child_of(child_of(self._nspawn.pid))
        state = self.run(["systemctl", "is-system-running", "--wait"], check=False, timeout=timeout).stdout.strip()
        if expect is not None and state != expect:
            failed = self.run(["systemctl", "--failed", "--no-legend", "--plain"], check=False).stdout
            raise BuildError(f"{self.name} is {state} after its boot, not {expect}. Failed units:\n{failed}")

    def _nspawn_command(self) -> list[str]:
        nodes = self._holder.directory / "dev"
        return [
            "systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--settings=no",
            f"--machine={self.name}", f"--directory={self._holder.directory / 'root'}",
            "--private-network", "--capability=all", "--system-call-filter=@known",
            "--console=read-only", "--kill-signal=SIGRTMIN+3", "--notify-ready=yes",
            "--resolv-conf=off", "--timezone=off", "--link-journal=no",
            *(f"--bind={nodes / node}:/dev/{node}" for node in _nodes()),
            *(f"--set-credential={name}:{value}" for name, value in self.credentials.items()),
        ]

    def _await_ready(self, ready: socket.socket, deadline: float) -> None:
        """Wait for READY=1 from process 1, or for the end of nspawn, whichever comes first."""
        assert self._nspawn
        ended = os.pidfd_open(self._nspawn.pid)
        try:
            while (left := deadline - time.monotonic()) > 0:
                seen, _, _ = select.select([ready.fileno(), ended], [], [], left)
                if ready.fileno() in seen and b"READY=1" in ready.recv(65536).split(b"\n"):
                    return
                if seen == [ended]:
                    break
        finally:
            os.close(ended)
        status = self._nspawn.poll()
        why = f"{self.name} did not boot in time." if status is None else f"{self.name} ended with status {status}."
        raise BuildError(f"{why} The end of its console:\n{self.console_tail()}")

    def console_tail(self, lines: int = 40) -> str:
        """The last lines of the console."""
        return "\n".join(self.console.read_text(errors="replace").splitlines()[-lines:])

    def crash(self) -> None:
        """SIGKILL process 1, and with it every process of the host. What was written stays; nothing is shut down."""
        if self.leader:
            os.kill(self.leader, signal.SIGKILL)
        self._gone(timeout=60)

    def poweroff(self, timeout: float = 120) -> None:
        """Shut down cleanly and wait for the end."""
        self.run(["systemctl", "poweroff", "--no-block"])
        self._gone(timeout)

    def reboot(self, timeout: float = BOOT_TIMEOUT) -> None:
        """Shut down cleanly and boot again."""
        self.run(["systemctl", "reboot", "--no-block"])
        self._gone(timeout)
        self.boot(timeout=timeout)

    def _gone(self, timeout: float) -> None:
        """Wait for nspawn to end. It ends after process 1, and the kernel ends all others with that."""
        if self._nspawn is None:
            return
        try:
            self._nspawn.wait(timeout)
        except subprocess.TimeoutExpired:
            raise BuildError(f"{self.name} did not go down. Its console:\n{self.console_tail()}") from None
        self._nspawn, self.leader = None, 0

    def close(self) -> None:
        """End the host and free everything. May be called at any time, and again."""
        nspawn, self._nspawn, self.leader = self._nspawn, None, 0
        self._holder.close()
        if nspawn is not None:
            nspawn.wait(timeout=60)

    # Commands and files

    def command(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> list[str]:
        """The outer command line that runs `argv` inside, as root in every namespace of the host but its user's."""
        if not self.leader:
            raise BuildError(f"{self.name} is not running.")
        settings = [f"{key}={value}" for key, value in {**_ENVIRONMENT, **(env or {})}.items()]
        enter = ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-C", "--root", "--wd"]
        return [*enter, "env", "-i", *settings, *argv]

    def spawn(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a program inside with pipes on all three standard streams. The caller ends it, see `kill`."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.command(argv, env), stdin=pipe, stdout=pipe, stderr=pipe, text=True, errors="replace",
            start_new_session=True,
        )

    def run(
        self,
        argv: Sequence[str],
        *,
        input: str | None = None,
        timeout: float = 60,
        check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside to its end. Raises BuildError when it fails and `check` is on, or when it takes longer.

        A program that takes longer is killed together with its process group.
        """
        with self.spawn(argv, env=env) as process:
            try:
                out, err = process.communicate(input or "", timeout)
            except BaseException as error:
                kill(process)
                if isinstance(error, subprocess.TimeoutExpired):
                    raise BuildError(f"{shlex.join(argv)} did not end within {timeout:g} s on {self.name}.") from None
                raise
        if check and process.returncode:
            raise BuildError(failure(argv, process.returncode, out + err))
        return subprocess.CompletedProcess(list(argv), process.returncode, out, err)

    def path(self, inside: str) -> Path:
        """A path of the host as seen from outside, also while it is down. Absolute symlinks in it lead outside."""
        relative = PurePosixPath(inside).relative_to("/")
        if self.leader:
            return Path(f"/proc/{self.leader}/root") / relative
        return self._holder.path(self._holder.directory / "root") / relative

    def put(self, inside: str, data: str | bytes, mode: int = 0o644) -> None:
        """Write a file inside, with its parent directories."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        path.chmod(mode)

    def get(self, inside: str) -> str:
        """The text of a file inside."""
        return self.path(inside).read_text(errors="replace")

    def copy_in(self, source: Path, inside: str) -> None:
        """Copy a file or a directory of the build machine to a path inside that is not there yet."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, path, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source, path)

    def install(self, sysext: Path) -> None:
        """Install the product as an operator does: drop the image, and refresh when the host is up."""
        self.copy_in(sysext, f"/var/lib/extensions/{sysext.name}")
        if self.leader:
            self.run(["systemd-sysext", "refresh"])


def _mask_generators(pristine: Path, root: Path) -> None:
    """Turn off the distribution's generators: none has anything to do here, and they are a dozen programs that start at
    each daemon-reload, of which the tests make many."""
    folder = root / "etc/systemd/system-generators"
    folder.mkdir(parents=True, exist_ok=True)
    for path in (pristine / "usr/lib/systemd/system-generators").iterdir():
        (folder / path.name).symlink_to("/dev/null")


def _nodes() -> list[str]:
    """The device nodes that a test host gets, as far as this machine has them."""
    return [node for node in _NODES if Path("/dev", node).exists()]


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL a program started by `Host.spawn`, and what it started in its process group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait(timeout=20)
