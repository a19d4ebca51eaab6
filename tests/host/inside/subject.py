"""A tenant that faults are tried on: what it is to run, what it runs, and what is wrong with what is left.

Everything is read from where it is kept: links and folders on the disk, the units that systemd has loaded, and the
command lines of the processes. Nothing of the program is asked, so that it cannot answer for itself.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .guests import idler
from .support import REPOSITORIES, Repo, run, unit_property, wait_until
from .world import Tenant

ROLE = re.compile(r"ROLE=(\w+)")
LIMIT = re.compile(r"^MemoryMax=(\d+)M?$", re.MULTILINE)
LEFT = ".#"
STORE = Path("/var/lib/bitbuilder/images")
MARKS = ("stopped", "suspended", "wanted")
MIB = 1 << 20

# Each container's role and its limit in MiB: what tells generations apart.
Shape = Mapping[str, tuple[str, int]]


def declared(shape: Shape, image: str = "debian-13") -> dict[str, str | None]:
    """The files of the containers of a shape, of one image."""
    return {
        f"containers/{name}.nspawn":
            idler(image, f"MemoryMax={limit}M", exec=("Boot=no", f"Environment=ROLE={role}"))
        for name, (role, limit) in shape.items()
    }  # fmt: skip


@dataclass(eq=False)
class Subject:
    """One tenant, with all shapes that it was ever told to have."""

    tenant: Tenant
    shape: dict[str, tuple[str, int]] = field(default_factory=dict)
    known: list[Shape] = field(default_factory=list)
    serial: int = 0
    keeps: list[Path] = field(default_factory=list)  # files that are there whenever it runs
    alone: bool = False  # whether nobody else is at work, so that what is left over in the store is its own
    note: Callable[[], None] = lambda: None  # called before a commit is made, for whoever is to remember it

    @classmethod
    def named(cls, name: str) -> "Subject":
        """A tenant by its id, with its repository at the usual place."""
        return cls(Tenant(name, Repo(REPOSITORIES / f"{name}.git")))

    @property
    def id(self) -> str:
        """The tenant's id."""
        return self.tenant.id

    @property
    def folder(self) -> Path:
        """The tenant's folder."""
        return self.tenant.folder

    def role(self) -> str:
        """A role that no container had before."""
        self.serial += 1
        return f"r{self.serial}"

    def declare(self, shape: dict[str, tuple[str, int]], more: Mapping[str, str | None] | None = None) -> None:
        """Commits what the tenant is to run now."""
        self.shape = shape
        self.known.append(dict(shape))
        self.note()
        files = {**self.tenant.files(), **declared(shape), **(more or {})}
        self.tenant.repo.commit({path: text for path, text in files.items() if text is not None}, anew=True)

    # What is kept

    def number(self, link: str) -> int | None:
        """The generation that a link names."""
        path = self.folder / link
        return int(path.readlink().name) if path.is_symlink() else None

    def written(self, number: int | None) -> Shape | None:
        """The shape of a generation on the disk; None for no generation."""
        if number is None:
            return None
        folder = self.folder / f"generations/{number}"
        json.loads((folder / "manifest.json").read_text())
        return self._units(folder / "units")

    def shown(self) -> Shape | None:
        """The shape that the generator would show to systemd now."""
        link = Path(f"/run/bitbuilder/units/{self.id}")
        return self._units(link.resolve(strict=True)) if link.is_symlink() else None

    def _units(self, folder: Path) -> Shape:
        found = {}
        for path in folder.glob(f"tenant-container@*.{self.id}.service.d/10-bitbuilder.conf"):
            name = path.parent.name.removeprefix("tenant-container@").removesuffix(f".{self.id}.service.d")
            text = path.read_text()
            role, limit = ROLE.search(text), LIMIT.search(text)
            found[name] = (role.group(1) if role else "", _mib(limit.group(1)) if limit else 0)
        return found

    def memory(self) -> dict[str, object]:
        """The content of state.json; empty when there is none."""
        path = self.folder / "state.json"
        value = json.loads(path.read_text()) if path.exists() else {}
        assert isinstance(value, dict)
        return value

    def marks(self) -> dict[str, str]:
        """What is noted of it in /run."""
        found = {name: Path("/run/bitbuilder", name, self.id) for name in MARKS}
        return {name: path.read_text() for name, path in found.items() if path.exists()}

    def scripts(self) -> dict[str, str]:
        """The scripts of what is good, by their names."""
        return {path.name: path.read_text() for path in self.folder.glob("good/scripts/*")}

    # What runs

    def runs(self, units: Mapping[str, Mapping[str, str]] | None = None) -> Shape:
        """The shape of what runs, by the processes and by the limits that systemd has for them."""
        found = {}
        for unit, values in (self.units() if units is None else units).items():
            if values["ActiveState"] in ("active", "reloading") and values["MainPID"] != "0":
                try:
                    line = Path(f"/proc/{values['MainPID']}/cmdline").read_text(errors="replace")
                except FileNotFoundError:
                    continue
                role, limit = ROLE.search(line), values["MemoryMax"]
                name = unit.removeprefix("tenant-container@").removesuffix(f".{self.id}.service")
                found[name] = (role.group(1) if role else "", _mib(limit) if limit.isdigit() else 0)
        return found

    def units(self) -> dict[str, dict[str, str]]:
        """The units of containers that systemd has loaded."""
        found = {}
        properties = "Id,ActiveState,MainPID,MemoryMax"
        shown = run(["systemctl", "show", f"--property={properties}", f"tenant-container@*.{self.id}.service"]).stdout
        for block in shown.split("\n\n"):
            values = dict(line.partition("=")[::2] for line in block.splitlines() if "=" in line)
            if values:
                found[values["Id"]] = values
        return found

    # What is wrong

    def broken(self) -> list[str]:
        """What must never be, at any instant: a half generation, a link to nothing, a state that cannot be read.

        And what runs is `good`, whole, or the state says that a change is under way.
        """
        problems = []
        for path in (self.folder / "generations").glob("[0-9]*"):
            problems += self._half(path.name)
        for link in ("current", "good"):
            if self.number(link) is not None and not (self.folder / link).is_dir():
                problems.append(f"{link} leads nowhere")
        if problems:
            return problems
        if (shown := self.shown()) is not None and shown not in self.known:
            problems.append(f"systemd would be shown what never was declared: {shown}")
        good, current, trial = self.number("good"), self.number("current"), self.memory().get("trial")
        if trial is None and good == current and not self._explained(runs := self.runs(), self.written(good) or {}):
            problems.append(f"generation {good} is good and no trial is noted, but what runs is {runs}")
        return problems

    def _explained(self, runs: Shape, good: Shape) -> bool:
        """Whether what runs is what is good; of a tenant that is stopped nothing does, or it is noted as stopping.

        One that is noted as suspended is stopped, or on its way there.
        """
        if "suspend" in json.dumps(self.memory().get("hold")):
            return set(runs.items()) <= set(good.items())
        mark = Path("/run/bitbuilder/stopped", self.id)
        if runs == good:
            return True
        stopped = unit_property(f"tenant@{self.id}.service", "ActiveState") != "active"
        return stopped and (not runs or mark.exists() and mark.read_text() == "stopping\n")

    def _half(self, number: str) -> list[str]:
        try:
            shape = self.written(int(number))
        except (OSError, ValueError) as error:
            return [f"generation {number} is not whole: {error}"]
        return [] if shape in self.known else [f"generation {number} was never declared: {shape}"]

    def unsettled(self, *allowed: Shape) -> list[str]:
        """What is wrong with a tenant that has come to rest: it runs one of these, whole, and nothing is left over."""
        problems = self.broken()
        good, current = self.number("good"), self.number("current")
        runs = self.runs()
        if runs not in allowed:
            problems.append(f"it runs {runs}, not {' or '.join(map(str, allowed))}")
        whole = good == current and runs == (self.written(good) or {}) == (self.shown() or {})
        if not whole and (runs or {} not in allowed):
            problems.append(f"good is {good}, current is {current}, shown is {self.shown()}, but it runs {runs}")
        problems += [f"{path} is lost" for path in self.keeps if runs and not path.exists()]
        return problems + self._uncalled() if runs else problems

    def _uncalled(self) -> list[str]:
        """What runs was begun by the scripts that belong to it."""
        path, text = self.folder / "script-state", self.scripts().get("post-start", "")
        lines = path.read_text().splitlines() if text and path.exists() else []
        last = next((line for line in reversed(lines) if line.startswith("post-start ")), "nothing")
        return [f"{last} was called last, not {text}"] if text and last not in text else []

    def left(self, *, stale: bool) -> list[str]:
        """What should not be there any more: files and units. What could not be removed may be `stale` until later."""
        found = [f"left: {path}" for path in self.folder.rglob(f"{LEFT}*")]
        found += [f"left: {path}" for path in STORE.glob(f"{LEFT}*") if self.alone]
        link = Path(f"/run/bitbuilder/units/{self.id}")
        used = link.readlink().name if link.is_symlink() else ""
        folders = [path.name for path in Path("/run/bitbuilder/generations").iterdir()]
        mine = [one for one in folders if one.removeprefix(LEFT).partition(".")[0] == self.id]
        found += [f"left: /run/bitbuilder/generations/{one}" for one in mine if one != used and not stale]
        units = self.units()
        expected = {f"tenant-container@{name}.{self.id}.service" for name in self.runs(units)}
        found += [f"orphan: {unit}" for unit in units.keys() - expected]
        return found + self._strays()

    def _strays(self) -> list[str]:
        """Units of workers that do not end, units that failed, and machines that are registered without one."""
        listed = run(["systemctl", "list-units", "--all", "--plain", "--no-legend"]).stdout.splitlines()
        rows = [line.split(maxsplit=4) for line in listed]
        mine = [row for row in rows if f"-{self.id}-" in row[0] or re.search(rf"[@.]{self.id}\.service", row[0])]
        bad = [row for row in mine if row[2] == "failed" and not row[0].startswith("tenant@")]
        bad += [row for row in mine if row[0].startswith("bitbuilder-") and row[2] != "inactive"]
        resting = [f"tenant-script@{name}.{self.id}.service" for name in self.scripts() if "stop" in name]
        bad += [row for row in mine if row[0].startswith("tenant-script@") and row[2] != "inactive"
                and row[0] not in resting]  # fmt: skip
        return [f"stray: {' '.join(row[:4])}" for row in bad]

    def settles(self, *allowed: Shape) -> list[str]:
        """What is still wrong with a tenant after a while in which units that were set going come up."""
        problems: list[str] = []

        def settled() -> bool:
            problems[:] = self.unsettled(*allowed)
            return not problems

        try:
            wait_until(f"{self.id} runs what it is to", settled, timeout=20)
        except AssertionError:
            return problems
        return []

    def rests(self) -> None:
        """Waits until the workers of a run that was killed have ended, and systemd has nothing more to do for it."""
        def still() -> bool:
            jobs = run(["systemctl", "list-jobs", "--plain", "--no-legend"]).stdout
            units = run(["systemctl", "list-units", "--plain", "--no-legend", f"bitbuilder-*-{self.id}-*"]).stdout
            return self.id not in jobs and not units.strip()

        wait_until(f"{self.id} has come to rest", still, timeout=60)


def _mib(text: str) -> int:
    """A limit in MiB, from one in bytes or in MiB."""
    return int(text) // MIB if int(text) >= MIB else int(text)
