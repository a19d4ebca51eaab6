"""What an attack would leave on a host: objects in the clone, bytes on the disk, files anywhere, a program that ran.

    before = Traces(acme)
    …                            # the attack, which uses before.mark in names and texts
    before.are_all()             # nothing is there that was not there before
"""

import os
from pathlib import Path

from .support import run
from .world import Tenant

# Where this host could keep something. Of /run only what is ours: the runtime of systemd goes on meanwhile.
PLACES = ("/var/lib/tenants", "/var/lib/bitbuilder", "/run/bitbuilder", "/var/tmp", "/etc", "/root", "/home")


class Traces:
    """A host before an attack on one tenant's clone. `mark` is a word that only the attack uses."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.mark = f"mark{os.urandom(6).hex()}"
        self.ran = Path(f"/var/tmp/ran-{self.mark}")
        self._files = _files(self.clone)
        self._objects = self.objects()
        self._refs = self._git("for-each-ref", "refs/bitbuilder")

    @property
    def clone(self) -> Path:
        """The tenant's clone."""
        return self.tenant.folder / "config.git"

    @property
    def program(self) -> str:
        """A command that would tell that it ran."""
        return f"touch {self.ran}"

    def _git(self, *arguments: str) -> str:
        return run(["git", "-C", self.clone, *arguments]).stdout if self.clone.exists() else ""

    def objects(self) -> set[str]:
        """The ids of all objects of the clone."""
        return set(self._git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split())

    def are_all(self) -> None:
        """Nothing of the attack was run, checked out, or kept."""
        self.are_harmless()
        assert self.objects() == self._objects
        assert self._git("for-each-ref", "refs/bitbuilder") == self._refs
        assert _files(self.clone) == self._files, "the clone is as large as it was, to the byte"

    def are_harmless(self) -> None:
        """Nothing of the attack was run, or lies anywhere but as an object in the clone, which is whole."""
        assert not self.ran.exists()
        assert [path.name for path in self.clone.glob("*")] in ([".git"], [])
        named = run(["find", *filter(os.path.exists, PLACES), "-name", f"*{self.mark}*"]).stdout
        assert named == ""
        told = run(["grep", "-rlsIF", self.mark, "/var/lib", "/run/bitbuilder", "/var/tmp", "/etc"], check=False).stdout
        assert {line for line in told.split() if not line.endswith("/state.json")} == set()
        left = [*Path("/var/tmp").glob("systemd-private-*bitbuilder-*"), *self.tenant.folder.glob(".#*")]
        assert left == []
        if self.clone.exists():
            self._git("fsck", "--strict", "--no-dangling")


def _files(clone: Path) -> dict[str, int]:
    """Each file of a clone, and its size."""
    paths = (path for path in clone.rglob("*") if path.is_file())
    return {str(path.relative_to(clone)): path.stat().st_size for path in paths}
