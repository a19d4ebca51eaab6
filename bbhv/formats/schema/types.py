"""What the parts of the JSON Schema compiler share: the shape of a check, the state of a run, the place of a keyword.

A keyword is one `Row` in the table of its vocabulary. Compiling a schema turns each of its keywords into a `Check`,
a closure; checking a value calls the closures that matter for the value's type. Promises: a check never changes the
value, and its work is bounded by `MAX_STEPS` references.
"""

from types import NoneType
from typing import Callable, NamedTuple, Protocol, Union

from ...errors import BbhvError
from ..jsonvalue import Json

MAX_STEPS = 100_000
MAX_PROBLEMS = 200
MAX_SHOWN = 48

# The way from the top of the document to a value, innermost step last; None is the top itself.
Trail = Union[None, tuple["Trail", Union[str, int]]]

EVERY: frozenset[type] = frozenset((dict, list, str, int, float, bool, NoneType))
NUMBERS: frozenset[type] = frozenset((int, float))
STRINGS: frozenset[type] = frozenset((str,))
ARRAYS: frozenset[type] = frozenset((list,))
OBJECTS: frozenset[type] = frozenset((dict,))


class SchemaError(BbhvError):
    """A schema is wrong, or needs something that is not there; `message` has the place inside of the schema."""


class Problem(NamedTuple):
    """One way in which a value breaks its schema. `at_key` says that the name, not the value, is what is wrong.

    `wanted` says in words what the value should be, where a few words can.
    """

    path: tuple[str | int, ...]
    keyword: str
    message: str
    hint: str = ""
    at_key: bool = False
    wanted: str = ""


class TooMuchError(BbhvError):
    """A run followed more references than MAX_STEPS."""


class Resource:
    """A schema resource: its absolute URI, its top, its anchors, and the anchors that `$dynamicRef` may find."""

    __slots__ = ("uri", "top", "anchors", "dynamic")

    def __init__(self, uri: str, top: Json) -> None:
        self.uri = uri
        self.top = top
        self.anchors: dict[str, Json] = {}
        self.dynamic: dict[str, Json] = {}


class Run:
    """One check of one document.

    `problems` is None while only the verdict matters: then a check stops at the first failure. `seen` has the names
    or indices of the current value that some subschema looked at; only tracked checks use it. `scope` are the schema
    resources that the run went through, outermost first.
    """

    __slots__ = ("problems", "seen", "scope", "steps")

    def __init__(self, problems: list[Problem] | None = None) -> None:
        self.problems = problems
        self.seen: set[str | int] = set()
        self.scope: list[Resource] = []
        self.steps = MAX_STEPS

    def spend(self, steps: int) -> None:
        """Count what was done. Raises TooMuchError when it is more than MAX_STEPS."""
        self.steps -= steps
        if self.steps < 0:
            raise TooMuchError("Checking the document against its schema takes too long.")

    def fail(
        self, trail: Trail, keyword: str, message: str, hint: str = "", *, at_key: bool = False, wanted: str = ""
    ) -> bool:
        """Note a problem, when problems are wanted; `{}` in the message becomes the name of the value. Always False."""
        if self.problems is not None and len(self.problems) < MAX_PROBLEMS:
            path = path_of(trail)
            name = name_of(path_of(trail and trail[0]) if at_key else path)
            subject = name if name or not message.startswith("{}") else "The document"
            text = message.replace("{}", subject or "the document", 1)
            self.problems.append(Problem(path, keyword, text, hint, at_key, wanted))
        return False

    def quietly(self, check: "Check", value: Json, trail: Trail) -> bool:
        """The verdict of a check, without its problems."""
        kept, self.problems = self.problems, None
        verdict = check(value, self, trail)
        self.problems = kept
        return verdict

    def gather(self, check: "Check", value: Json, trail: Trail) -> list[Problem]:
        """The problems of a check, without noting them."""
        kept, self.problems = self.problems, []
        check(value, self, trail)
        found, self.problems = self.problems, kept
        return found


# Called with the value, the run and the trail. The value's type is left open, because a check only ever gets the types
# that its row names: it can say so in its signature, and need not look again.
Check = Callable[..., bool]


class Maker(Protocol):
    """Who turns schemas and references into checks."""

    formats: bool

    def node(self, schema: Json, site: "Site") -> Check:
        """The check of a schema."""

    def refer(self, reference: str, site: "Site") -> Check:
        """The check behind a `$ref`."""

    def refer_dynamic(self, reference: str, site: "Site") -> Check:
        """The check behind a `$dynamicRef`."""


class Site:
    """Where a keyword stands: `schema` has its neighbours, `pointer` its place for messages.

    `tracked` says that somebody above wants to know which names and items were looked at (`Run.seen`); `resource` is
    what references are relative to. A site is never changed: those below it are new ones.
    """

    __slots__ = ("schema", "pointer", "resource", "tracked", "maker")

    def __init__(
        self, schema: dict[str, Json], pointer: str, resource: Resource, tracked: bool, maker: Maker
    ) -> None:
        self.schema = schema
        self.pointer = pointer
        self.resource = resource
        self.tracked = tracked
        self.maker = maker

    def _step(self, steps: tuple[str | int, ...], tracked: bool) -> "Site":
        pointer = "/".join((self.pointer, *map(str, steps)))
        return Site(self.schema, pointer, self.resource, tracked, self.maker)

    def down(self, *steps: str | int) -> "Site":
        """The site of something inside."""
        return self._step(steps, self.tracked)

    def below(self, schema: Json, *steps: str | int) -> Check:
        """The check of a subschema for a part of the value."""
        return self.maker.node(schema, self._step(steps, False))

    def here(self, schema: Json, *steps: str | int) -> Check:
        """The check of a subschema for the same value."""
        return self.maker.node(schema, self._step(steps, self.tracked))

    def error(self, message: str) -> SchemaError:
        """What is wrong, with its place."""
        return SchemaError(f"Schema, {self.pointer or 'top'}: {message}")


def never_sure(argument: Json) -> frozenset[type]:
    """The default of `Row.sure`."""
    return frozenset()


class Row(NamedTuple):
    """A keyword: the types of values that it constrains, and how its argument becomes a check (None: nothing to do).

    `sure` gives the types for which the check cannot fail, so that it is left out for them.
    """

    kinds: frozenset[type]
    build: Callable[[Json, Site], Check | None]
    sure: Callable[[Json], frozenset[type]] = never_sure


def path_of(trail: Trail) -> tuple[str | int, ...]:
    """A trail as a path from the top."""
    steps: list[str | int] = []
    while trail:
        trail, step = trail
        steps.append(step)
    return tuple(reversed(steps))


def name_of(path: tuple[str | int, ...]) -> str:
    """A path as people write it: ``grants.ports[0]``; empty for the top."""
    text = ""
    for step in path:
        if isinstance(step, str) and step.replace("-", "_").isidentifier():
            text += f".{step}" if text else step
        else:
            text += f"[{show(step)}]"
    return text


def show(value: Json) -> str:
    """A value for a message: short, and never more than a glimpse of what is large."""
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= MAX_SHOWN else f'"{value[:MAX_SHOWN]}…"'
    if isinstance(value, dict):
        return "an object" if value else "an empty object"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def frozen(value: Json) -> object:
    """A hashable stand-in: two values are equal for JSON Schema exactly when their stand-ins are."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, list):
        return ("list", tuple(map(frozen, value)))
    if isinstance(value, dict):
        return ("dict", frozenset((name, frozen(member)) for name, member in value.items()))
    return value
