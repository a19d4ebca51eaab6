"""What the build machine must have: a virtual environment for the development packages, Debian packages for the hosts.

The virtual environment is ``.venv`` in the checkout. Debian packages are installed only by root and only when
missing; anybody else is told the exact command.
"""

import os
import shutil
import sys
import tomllib
from pathlib import Path

from . import cache
from .shell import BuildError, Progress, run

LOCK_SECONDS = 300
# What the test hosts, the extension image and the tests need from the distribution.
PACKAGES = (
    "debian-archive-keyring", "git", "man-db", "mmdebstrap", "mount", "squashfs-tools", "strace", "systemd-container",
    "uidmap", "util-linux",
)


def venv(root: Path, progress: Progress) -> Path:
    """The Python of the virtual environment, made or brought up to date first."""
    wanted = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]["dev"]
    home, stamp = root / ".venv", root / ".venv/packages"
    python = home / "bin/python"
    key = cache.digest(*wanted)
    if stamp.exists() and stamp.read_text() == key and run([python, "-c", ""], check=False).returncode == 0:
        return python
    if run([sys.executable, "-c", "import ensurepip, venv"], check=False).returncode:
        install(["python3-venv"], progress)
    with progress.step(f"installing {', '.join(wanted)} into .venv"):
        shutil.rmtree(home, ignore_errors=True)
        run([sys.executable, "-m", "venv", home])
        run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted])
        stamp.write_text(key)
    return python


def missing_packages() -> list[str]:
    """The Debian packages of `PACKAGES` that are not installed."""
    return [name for name in PACKAGES if not _installed(name)]


def _installed(package: str) -> bool:
    done = run(["dpkg-query", "--show", "--showformat=${db:Status-Status}", package], check=False)
    return done.returncode == 0 and done.stdout.strip() == "installed"


def apt_command(packages: list[str]) -> str:
    """The command that an administrator types."""
    return f"apt-get update && apt-get install --no-install-recommends {' '.join(packages)}"


def install(packages: list[str], progress: Progress) -> None:
    """Install Debian packages as root. Raises BuildError with the command to type for anybody else."""
    if os.geteuid():
        raise BuildError(f"Some Debian packages are missing. As root: {apt_command(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with progress.step(f"installing {', '.join(packages)}"):
        apt = ["apt-get", "--quiet", "--yes", f"--option=DPkg::Lock::Timeout={LOCK_SECONDS}"]
        run([*apt, "update"], env=environment)
        run([*apt, "install", "--no-install-recommends", *packages], env=environment)


def provide(progress: Progress) -> None:
    """Install the Debian packages that are missing when root; tell anybody else what to type, and go on."""
    if not shutil.which("dpkg-query"):
        progress.say(f"This is not a Debian. What these Debian packages hold is needed: {' '.join(PACKAGES)}")
    elif missing := missing_packages():
        if os.geteuid():
            progress.say(f"Some Debian packages are missing. As root: {apt_command(missing)}")
        else:
            install(missing, progress)


def prepare_hosts(progress: Progress) -> None:
    """Make sure that test hosts can be made and booted here. Raises BuildError with the reason when they cannot."""
    if os.geteuid():
        raise BuildError("Test hosts need root: run this with sudo.")
    provide(progress)
