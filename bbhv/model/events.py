"""Events: what happened to a tenant, as one value: for whoever listens, for replies, for the journal, and back from it.

`ROWS` is the one table: what there is to tell, the id that the journal knows it by, how urgent it is, and what it
means. An id never gets another meaning; the journal's catalogue (sysext/usr/lib/systemd/catalog) and the manual say the
same as the table. What is read back is bounded and strict: whatever is not exactly an event of ours is none.

Not everybody who can write such fields into a journal is believed, see `is_ours`: the kernel must vouch for the writer.
"""

from collections.abc import Mapping
from enum import StrEnum

from ..errors import printable
from ..formats.jsontext import Json, parse
from ..formats.logentry import place
from ..names import is_name, is_object_id, tenant_unit
from ..records import dataclass

MAX_MESSAGE = 4000  # characters; each may take four bytes, and a whole event goes into one datagram
MAX_STEPS = 32
MAX_DIGITS = 18
IDENTIFIER = "bbhv"
NOTICE, WARNING, DEBUG = 5, 4, 7
TENANTS_SLICES = ("tenants.slice", "tenants-")
# The units in which this program does what it tells of; what else is called like them works on what tenants wrote.
ENGINE_UNITS = (
    "bitbuilder-act@", "bitbuilder-requests.service", "tenant-manager.service", "tenant-sync.service", "tenant@",
    "tenant-sync@", "tenant-confirm@",
)  # fmt: skip
OTHER_UNITS = ("tenant", "bitbuilder")
# What of an entry of the journal is looked at.
FIELDS = (
    "MESSAGE_ID", "BITBUILDER_TENANT", "BITBUILDER_EVENT", "BITBUILDER_OUTCOME", "BITBUILDER_COMMIT",
    "BITBUILDER_GENERATION", "BITBUILDER_REASON", "BITBUILDER_USEC", "BITBUILDER_TRACE", "_UID", "_TRANSPORT",
    "_SYSTEMD_UNIT", "_SYSTEMD_SLICE", "_SYSTEMD_CGROUP",
)  # fmt: skip


class Kind(StrEnum):
    """The kinds of events."""

    STEP = "step"
    OUTCOME = "outcome"
    HOLD = "hold"
    RESUME = "resume"
    CONFIRM = "confirm"
    HEAL = "heal"


class Stage(StrEnum):
    """How far a run has come with a tenant, in the order of the way that a commit travels."""

    FETCHED = "fetched"
    VERIFIED = "verified"
    CHECKED = "checked"
    COMPILED = "compiled"
    SUPPLIED = "supplied"
    PLANNED = "planned"
    ACTIVATED = "activated"
    WATCHED = "watched"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Row:
    """What there is to tell: its id, how urgent it is (syslog(3)), and what it means."""

    id: str
    priority: int
    says: str


# By the word that people see: the kind, or of an outcome its own word.
ROWS: Mapping[str, Row] = {
    "step": Row("0b48d48806064e1bba178683b4c9d22b", DEBUG, "A run has come so far with a tenant"),
    "applied": Row("3b70ab978fb64316a55a7e33b0a85357", NOTICE, "A commit runs, was watched, and is good"),
    "rolled-back": Row("4def6af8536947b89c812b3a8e160964", WARNING, "A commit did not stay; what was good runs again"),
    "quarantined": Row("0e1239efe56145d6935f3c36c3559611", WARNING, "A commit that was rolled back is not tried again"),
    "refused": Row("a40a3762d39946b19038fe6ecfb12c07", WARNING, "A commit is not taken; what runs is not touched"),
    "failed": Row("aa01fac3d4364ee3abd80dcce569f8a5", WARNING, "A run has failed, and is tried again"),
    "held": Row("a3a461cfd6204b85a378c9bbca027bab", NOTICE, "A commit is checked and not applied, or waits for a word"),
    "suspended": Row("d7bc5324d5b049578d2d4d536f7b9230", NOTICE, "A tenant is stopped, and its data is kept"),
    "hold": Row("c58ca48989d94eb9b6509422ca3fa78d", NOTICE, "An operator holds a tenant where it is"),
    "resume": Row("4116bb52a9a24299a7787696b304c9d4", NOTICE, "An operator has ended a suspension"),
    "confirm": Row("6fb04317d14047be84314480da1b9eed", NOTICE, "Somebody has confirmed a generation that waited"),
    "heal": Row("064fd01f23264fea802180a22c2b39a7", WARNING, "What had drifted from the good generation is set right"),
}  # fmt: skip
_WORDS = {row.id: word for word, row in ROWS.items()}
_KINDS = frozenset(Kind)
_STAGES = frozenset(Stage)
OUTCOMES = tuple(word for word in ROWS if word not in _KINDS)


@dataclass(frozen=True, slots=True)
class Step:
    """How far a run had come, and when: microseconds since the epoch."""

    stage: Stage
    when_usec: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a tenant, in microseconds since the epoch. `outcome` is the word of one, else empty.

    `commit` and `generation` are what it is about, if it is about one; `message` says why, in one line. `trace` are the
    steps that the run had gone through with the tenant by then.
    """

    tenant: str
    kind: Kind
    outcome: str = ""
    commit: str = ""
    generation: int | None = None
    message: str = ""
    when_usec: int
    trace: tuple[Step, ...] = ()

    @property
    def word(self) -> str:
        """The row of the table that it has."""
        return self.outcome if self.kind is Kind.OUTCOME else self.kind

    @property
    def row(self) -> Row:
        """What there is to know about all events like it."""
        return ROWS[self.word]

    @property
    def sentence(self) -> str:
        """All of it for people, in one line."""
        what = self.trace[-1].stage if self.kind is Kind.STEP and self.trace else self.word
        return f"{self.tenant}: {what}{': ' + self.message if self.message else ''}"

    def as_json(self) -> dict[str, Json]:
        """The event as a reply has it."""
        return {
            "tenant": self.tenant, "kind": self.kind.value, "outcome": self.outcome or None,
            "commit": self.commit or None, "generation": self.generation, "message": self.message,
            "whenUSec": self.when_usec,
            "trace": [{"step": one.stage.value, "whenUSec": one.when_usec} for one in self.trace],
        }  # fmt: skip

    def fields(self) -> dict[str, str]:
        """The event as fields of the journal. It is among what `journalctl -u` shows of the tenant's own unit."""
        found = {
            "MESSAGE": self.sentence, "MESSAGE_ID": self.row.id, "PRIORITY": str(self.row.priority),
            "SYSLOG_IDENTIFIER": IDENTIFIER, "OBJECT_SYSTEMD_UNIT": tenant_unit(self.tenant),
            "BITBUILDER_TENANT": self.tenant, "BITBUILDER_EVENT": self.kind.value, "BITBUILDER_OUTCOME": self.outcome,
            "BITBUILDER_COMMIT": self.commit,
            "BITBUILDER_GENERATION": "" if self.generation is None else str(self.generation),
            "BITBUILDER_REASON": self.message, "BITBUILDER_USEC": str(self.when_usec),
            "BITBUILDER_TRACE": " ".join(f"{one.stage.value}={one.when_usec}" for one in self.trace),
        }  # fmt: skip
        return {name: value for name, value in found.items() if value}


def told(message: str) -> str:
    """A message as an event has it: one line, harmless on a terminal, and not endless."""
    line = printable(" ".join(message[:MAX_MESSAGE].split()))
    whole = max(len(line), len(message)) <= MAX_MESSAGE
    return line if whole else f"{line[: MAX_MESSAGE - 1]}…"


def from_fields(fields: Mapping[str, str]) -> Event | None:
    """The event in fields of the journal; None when there is none, or something else."""
    kind, word = fields.get("BITBUILDER_EVENT", ""), _WORDS.get(fields.get("MESSAGE_ID", ""))
    tenant, commit = fields.get("BITBUILDER_TENANT", ""), fields.get("BITBUILDER_COMMIT", "")
    outcome, message = fields.get("BITBUILDER_OUTCOME", ""), fields.get("BITBUILDER_REASON", "")
    generation, when = fields.get("BITBUILDER_GENERATION", ""), _number(fields.get("BITBUILDER_USEC", ""))
    trace = _trace(fields.get("BITBUILDER_TRACE", ""))
    if kind not in _KINDS or word is None or word != (outcome if kind == Kind.OUTCOME else kind):
        return None
    if (outcome and kind != Kind.OUTCOME) or not is_name(tenant) or (commit and not is_object_id(commit)):
        return None
    number = _number(generation)
    if when is None or trace is None or (generation and number is None) or message != told(message):
        return None
    return Event(
        tenant=tenant, kind=Kind(kind), outcome=outcome, commit=commit, generation=number, message=message,
        when_usec=when, trace=trace,
    )  # fmt: skip


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else None


def _trace(text: str) -> tuple[Step, ...] | None:
    words = [word.partition("=") for word in text.split(" ", MAX_STEPS)] if text else []
    times = [_number(time) for _, _, time in words]
    if len(words) > MAX_STEPS or None in times or any(stage not in _STAGES for stage, _, _ in words):
        return None
    return tuple(Step(Stage(stage), time) for (stage, _, _), time in zip(words, times) if time is not None)


def is_ours(fields: Mapping[str, str]) -> bool:
    """Whether root of the host wrote an entry of the journal, and nothing that runs for a tenant.

    `_UID` is the kernel's word about every writer. Where he is, journald has to look up: it may come too late for a
    process that has ended, and then there is no such field. So what is denied is a place that it does name: the slices
    of the tenants, and the units of ours in which work is done on what tenants have written.
    """
    if fields.get("_UID") != "0" or fields.get("_TRANSPORT") != "journal":
        return False
    unit, place = fields.get("_SYSTEMD_UNIT", ""), fields.get("_SYSTEMD_SLICE", "")
    below = place.startswith(TENANTS_SLICES) or f"/{TENANTS_SLICES[0]}/" in fields.get("_SYSTEMD_CGROUP", "")
    return not below and (unit.startswith(ENGINE_UNITS) or not unit.startswith(OTHER_UNITS))


def from_line(line: bytes) -> tuple[str, Event] | None:
    """The event in a line of `journalctl --output=json`, after its cursor; None when there is none that is believed."""
    located, findings = parse("the journal", line)
    if located is None or findings or not isinstance(located.value, dict):
        return None
    # A field that an entry has twice, or that is no text, is a list: nothing of ours has one.
    fields = {name: value for name, value in located.value.items() if isinstance(value, str)}
    event = from_fields(fields) if is_ours(fields) else None
    return (place(fields.get("__CURSOR", "")), event) if event else None
