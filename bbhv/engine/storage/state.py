"""What the host remembers about a tenant, and the two links that decide what runs.

    /var/lib/tenants/acme/
        generations/7/manifest.json, units/…, scripts/…, credentials/…, networks/…, environment
                                    written whole, never changed
        current -> generations/7                what activation last switched to
        good    -> generations/7                what was healthy; boot starts this
        state.json                              trial, quarantine, hold, last outcome
        suspended                               the hold of a suspended tenant once more, in case state.json is lost

While `current` and `good` differ, a trial is under way, and state.json says which. state.json may be lost: then the
links win, and only the reasons are forgotten. Every change is atomic and durable.
"""

import os
from collections.abc import Mapping
from functools import lru_cache

from ...errors import BbhvError
from ...formats.jsontext import Json, dump, parse
from ...host import files, log
from ...model.authority import Proof, Voucher
from ...model.manifest import Manifest, from_json, to_json
from ...names import is_name
from ...records import dataclass, field, replace
from .. import paths

MAX_STATE = 4 << 20
KEPT_QUARANTINES = 20
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Trial:
    """A generation that was switched to and is not known to be good. `attempts` counts the starts of it.

    While a healthy one waits to be confirmed, `confirm_usec` is the deadline, CLOCK_BOOTTIME in microseconds of the
    boot with the id `boot`; else it is 0. While its script provision runs, which comes before every change, it is
    `untouched`: nothing is to be undone.
    """

    generation: int
    commit: str
    attempts: int = 1
    interrupted: bool = False
    confirm_usec: int = 0
    boot: str = ""
    untouched: bool = False


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A commit that is not tried again, with the reason and the time in microseconds since the epoch."""

    commit: str
    reason: str
    when_usec: int


@dataclass(frozen=True, slots=True)
class Hold:
    """An operator's verb that outlives its command: `suspend` or `rollback`; `until` says what ends it.

    `under` is what counts again when a suspension ends.
    """

    verb: str
    commit: str
    who: str
    when_usec: int
    until: str
    under: "Hold | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the last sync ended: one word, the commit it spoke of, a sentence, findings as their JSON."""

    word: str
    commit: str = ""
    message: str = ""
    findings: tuple[Json, ...] = ()
    when_usec: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The content of state.json."""

    trial: Trial | None = None
    quarantine: tuple[Quarantined, ...] = ()
    hold: Hold | None = None
    outcome: Outcome | None = None
    tried: str = ""
    images: tuple[str, ...] = field(default=())
    last: int = 0
    proof: Proof | None = None
    vouchers: tuple[Voucher, ...] = ()

    def quarantined(self, commit: str) -> Quarantined | None:
        """The quarantine of a commit, if it is in one."""
        return next((one for one in self.quarantine if one.commit == commit), None)

    def with_quarantine(self, commit: str, reason: str, when_usec: int) -> "State":
        """The state in which a commit is not tried again."""
        rest = tuple(one for one in self.quarantine if one.commit != commit)
        return replace(self, quarantine=(*rest, Quarantined(commit, reason, when_usec))[-KEPT_QUARANTINES:])

    def allowing(self, commit: str) -> "State":
        """The state in which a commit may be tried again, whatever quarantine or rollback says otherwise."""
        rest = tuple(one for one in self.quarantine if one.commit != commit)
        hold = None if self.hold and self.hold.verb == "rollback" and self.hold.commit == commit else self.hold
        return replace(self, quarantine=rest, hold=hold)


def encode(state: State) -> bytes:
    """The state as the bytes of state.json."""
    trial, outcome, proof = state.trial, state.outcome, state.proof
    value: Json = {
        "version": 1,
        "trial": None if trial is None else {
            "generation": trial.generation, "commit": trial.commit,
            "attempts": trial.attempts, "interrupted": trial.interrupted,
            "confirmUSec": trial.confirm_usec, "boot": trial.boot, "untouched": trial.untouched,
        },
        "quarantine": [{"commit": q.commit, "reason": q.reason, "whenUSec": q.when_usec} for q in state.quarantine],
        "hold": _hold_to(state.hold),
        "outcome": None if outcome is None else {
            "word": outcome.word, "commit": outcome.commit, "message": outcome.message,
            "findings": list(outcome.findings), "whenUSec": outcome.when_usec,
        },
        "tried": state.tried,
        "images": list(state.images),
        "last": state.last,
        "proof": None if proof is None else {"digest": proof.digest, "untilUSec": proof.until_usec},
        "vouchers": [{"sha256": one.sha256, "key": one.key, "part": one.part} for one in state.vouchers],
    }  # fmt: skip
    return dump(value).encode()


def decode(data: bytes) -> State:
    """The state of the bytes of state.json. Raises ValueError, KeyError or TypeError for anything else."""
    located, findings = parse("state.json", data, max_size=MAX_STATE)
    if located is None or findings or not isinstance(located.value, dict) or located.value["version"] != 1:
        raise ValueError("it is not what bbhv writes")
    value = located.value
    trial, outcome = _dict(value["trial"]), _dict(value["outcome"])
    proof = _dict(value.get("proof"))
    return State(
        trial=Trial(
            _int(trial["generation"]), _str(trial["commit"]), _int(trial["attempts"]), trial["interrupted"] is True,
            _int(trial.get("confirmUSec", 0)), _str(trial.get("boot", "")), trial.get("untouched") is True,
        )
        if trial else None,
        quarantine=tuple(
            Quarantined(_str(one["commit"]), _str(one["reason"]), _int(one["whenUSec"]))
            for one in map(_dict, _list(value["quarantine"])) if one
        ),
        hold=_hold_from(value["hold"]),
        outcome=Outcome(
            word=_str(outcome["word"]), commit=_str(outcome["commit"]), message=_str(outcome["message"]),
            findings=tuple(_list(outcome["findings"])), when_usec=_int(outcome["whenUSec"]),
        ) if outcome else None,
        tried=_str(value["tried"]),
        images=tuple(_str(one) for one in _list(value["images"])),
        last=_int(value["last"]),
        proof=Proof(_str(proof["digest"]), _int(proof["untilUSec"])) if proof else None,
        vouchers=tuple(
            Voucher(_str(one["sha256"]), _str(one["key"]), _str(one["part"]))
            for one in map(_dict, _list(value["vouchers"])) if one
        ),
    )  # fmt: skip


def _hold_to(hold: Hold | None) -> Json:
    if hold is None:
        return None
    return {
        "verb": hold.verb, "commit": hold.commit, "who": hold.who, "whenUSec": hold.when_usec, "until": hold.until,
        "under": _hold_to(hold.under),
    }  # fmt: skip


def _hold_of(data: bytes) -> Hold | None:
    """The hold in the bytes of the file `suspended`; whoever damaged it has not resumed the tenant."""
    located, findings = parse("suspended", data, max_size=MAX_STATE)
    try:
        found = None if located is None or findings else _hold_from(located.value)
    except (KeyError, TypeError):
        found = None
    return found if found and found.verb == "suspend" else Hold("suspend", "", "somebody", 0, "bbhv resume")


def _hold_from(value: Json) -> Hold | None:
    found = _dict(value)
    if not found:
        return None
    return Hold(
        _str(found["verb"]), _str(found["commit"]), _str(found["who"]), _int(found["whenUSec"]), _str(found["until"]),
        _hold_from(found.get("under")),
    )  # fmt: skip


def _dict(value: Json) -> dict[str, Json] | None:
    if value is not None and not isinstance(value, dict):
        raise TypeError("an object was expected")
    return value


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise TypeError("a list was expected")
    return value


def _str(value: Json) -> str:
    if not isinstance(value, str):
        raise TypeError("a string was expected")
    return value


def _int(value: Json) -> int:
    if type(value) is not int:
        raise TypeError("a whole number was expected")
    return value


def known_tenants() -> list[str]:
    """The tenants that have a folder on this host."""
    try:
        return sorted(name for name in os.listdir(paths.TENANTS) if is_name(name))
    except FileNotFoundError:
        return []


@lru_cache(maxsize=64)
def _manifest(path: str, *_: int) -> Manifest | None:
    """A manifest, read once as long as it is the same file: each step of a sync asks for it."""
    data = files.read(path, MAX_STATE)
    return from_json(data.decode()) if data is not None else None


class Store:
    """The folder of one tenant. Changes only under the tenant's lock."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def make(self) -> None:
        """Makes the folder, and removes what a crash left half written."""
        files.make_dir(files.parent(self.folder), 0o700)
        files.make_dir(self.folder, 0o700)
        files.make_dir(f"{self.folder}/generations", 0o700)
        files.sweep(self.folder)
        files.sweep(f"{self.folder}/generations")

    def load(self) -> State:
        """The state. Lost or damaged: what the links still say, and whether the tenant was suspended."""
        try:
            data = files.read(f"{self.folder}/state.json", MAX_STATE)
            state = decode(data) if data is not None else State(hold=self._suspended())
        except (BbhvError, ValueError, KeyError, TypeError) as error:
            log.write("warning", f"{self.folder}/state.json is damaged, going by the links: {error}")
            state = State(hold=self._suspended())
        current = self.number("current")
        if current is not None and current != self.number("good") and state.trial is None:
            manifest = self.manifest(current)
            state = replace(state, trial=Trial(current, manifest.commit if manifest else ""))
        return state

    def save(self, state: State) -> None:
        """Makes the state durable. Unchanged bytes are not written."""
        data = encode(state)
        path = f"{self.folder}/state.json"
        suspended = state.hold is not None and state.hold.verb == "suspend"
        if suspended:
            self._note_suspended(dump(_hold_to(state.hold)).encode())
        try:
            same = files.read(path, MAX_STATE) == data
        except BbhvError:
            same = False
            files.remove_tree(path)  # it is not a plain file, or it is huge: not one of ours
        if not same:
            files.write(path, data, 0o600)
        if not suspended:
            self._note_suspended(None)

    def _suspended(self) -> Hold | None:
        data = self._noted()
        return None if data is None else _hold_of(data)

    def _noted(self) -> bytes | None:
        """The second memory of a suspension; what cannot be read is one as well."""
        try:
            return files.read(f"{self.folder}/suspended", MAX_STATE)
        except BbhvError:
            return b""

    def _note_suspended(self, data: bytes | None) -> None:
        """It is there before state.json says so, and until state.json does not say so any more."""
        path = f"{self.folder}/suspended"
        if data is not None and self._noted() != data:
            files.write(path, data, 0o600)
        elif data is None and os.path.lexists(path):
            files.discard(path)
            files.fsync_dir(self.folder)

    def number(self, link: str) -> int | None:
        """The generation that `current` or `good` points to, or None; a dangling link counts as none."""
        target = files.read_link(f"{self.folder}/{link}") or ""
        number = target.removeprefix("generations/")
        known = number.isdigit() and os.path.isfile(f"{self.folder}/generations/{number}/manifest.json")
        return int(number) if known else None

    def point(self, link: str, number: int | None) -> None:
        """Moves `current` or `good`, durably; None removes it."""
        path = f"{self.folder}/{link}"
        if number is not None:
            files.link(f"generations/{number}", path)
        elif os.path.lexists(path):
            os.unlink(path)
            files.fsync_dir(self.folder)

    def numbers(self) -> list[int]:
        """The generations that are kept, oldest first."""
        try:
            names = os.listdir(f"{self.folder}/generations")
        except FileNotFoundError:
            return []
        return sorted(int(name) for name in names if name.isdigit())

    def write(
        self, manifest: Manifest, units: Mapping[str, str], scripts: Mapping[str, str] = _NOTHING, verb: str = "", *,
        credentials: Mapping[str, str] = _NOTHING, networks: Mapping[str, str] = _NOTHING,
    ) -> int:
        """Publishes a new generation, which `verb` asked for, and returns its number."""
        number = max([0, *self.numbers(), self.load().last]) + 1
        texts = {f"units/{name}": text for name, text in units.items()}
        texts.update((f"scripts/{name}", text) for name, text in scripts.items())
        texts.update((f"credentials/{name}.cred", text) for name, text in credentials.items())
        texts.update((f"networks/{name}", text) for name, text in networks.items())
        texts["manifest.json"] = to_json(manifest)
        texts["origin.json"] = dump({"verb": verb})
        if scripts:  # what they are told of it
            texts["environment"] = f"BITBUILDER_GENERATION={number}\nBITBUILDER_COMMIT={manifest.commit}\n"
        files.write_tree(f"{self.folder}/generations/{number}", texts)
        return number  # which the caller notes as `last`, so that it is never given again

    def manifest(self, number: int | None) -> Manifest | None:
        """The manifest of a generation; None when there is none or it cannot be read."""
        if number is None:
            return None
        path = f"{self.folder}/generations/{number}/manifest.json"
        try:
            status = os.lstat(path)
            return _manifest(path, status.st_ino, status.st_mtime_ns, status.st_size)
        except (BbhvError, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno in files.SHORTAGES:
                raise  # the host is short of something, which says nothing about the generation
            return None

    def origin(self, number: int) -> str:
        """The verb that a generation came with; empty when nobody knows any more."""
        try:
            data = files.read(f"{self.folder}/generations/{number}/origin.json", MAX_STATE) or b""
        except BbhvError:
            return ""
        located, _ = parse("origin.json", data, max_size=MAX_STATE)
        value = located.value if located else None
        verb = value.get("verb") if isinstance(value, dict) else None
        return verb if isinstance(verb, str) else ""

    def units(self, number: int | None) -> dict[str, str]:
        """The unit tree of a generation: relative path to text."""
        try:
            return files.read_tree(f"{self.folder}/generations/{number}/units")
        except ValueError as error:
            raise BbhvError(f"Generation {number} in {self.folder} is damaged: {error}.") from error

    def is_whole(self, number: int) -> bool:
        """Whether the units of a generation, and what makes its networks, are there and can be read."""
        manifest = self.manifest(number)
        try:
            folder = f"{self.folder}/generations/{number}/networks"
            wired = not (manifest and manifest.network_settings) or bool(files.read_tree(folder))
            return bool(self.units(number)) and wired
        except (BbhvError, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno in files.SHORTAGES:
                raise
            return False

    def created_usec(self, number: int) -> int:
        """When a generation was written, in microseconds since the epoch."""
        return os.stat(f"{self.folder}/generations/{number}").st_mtime_ns // 1000

    def forget(self, number: int) -> None:
        """Removes a generation that never was good; one that a link names stays."""
        if number not in (self.number("current"), self.number("good")):
            files.retire_tree(f"{self.folder}/generations/{number}")

    def _held(self, hold: Hold | None) -> int | None:
        """The generation that a rollback hold left: its operator may want to go there again."""
        left = hold.under if hold and hold.verb == "suspend" else hold
        commits = {number: one.commit for number in self.numbers() if left and (one := self.manifest(number))}
        return max((number for number, commit in commits.items() if left and commit == left.commit), default=None)

    def prune(self, keep: int) -> None:
        """Removes all but the newest `keep` generations; never one that a link, the trial or a hold names."""
        state = self.load()
        used = {self.number("current"), self.number("good"), state.trial.generation if state.trial else None}
        used.add(self._held(state.hold))
        for number in self.numbers()[: -max(keep, 1)]:
            if number not in used:
                files.retire_tree(f"{self.folder}/generations/{number}")
