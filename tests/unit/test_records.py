"""Records are what dataclasses(3) would make of the same classes, in all that this program uses of them."""

import dataclasses
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Generic, TypeVar

import pytest

from bbhv import records

T = TypeVar("T")


def changed(job: Any) -> Any:
    """The same, after something of it has changed."""
    job.number = 5
    return job


def classes(of: Any) -> dict[str, Any]:
    """The same classes, made by one of the two modules."""

    @of.dataclass(frozen=True, slots=True)
    class Plain:
        """Two values, one of which has a default."""

        name: str
        size: int = 7

        @property
        def both(self) -> str:
            return f"{self.name}{self.size}"

    @of.dataclass(frozen=True, slots=True)
    class Wider(Plain):
        size: int = 8
        notes: tuple[str, ...] = ()

    @of.dataclass(frozen=True, slots=True, kw_only=True)
    class Named:
        first: str = "one"
        second: Mapping[str, int] = of.field(default_factory=dict)
        hidden: str = of.field(default="", repr=False, compare=False)

    @of.dataclass(frozen=True, slots=True)
    class Row(Generic[T]):
        key: str
        _: of.KW_ONLY
        default: T | None = None

    @of.dataclass(slots=True)
    class Job:
        number: int
        seen: list[int] = of.field(default_factory=list)
        twice: int = of.field(init=False)
        word: str = of.field(init=False, default="new")

        def __post_init__(self) -> None:
            self.twice = self.number * 2

    @of.dataclass(frozen=True, slots=True)
    class Checked:
        value: int

        def __post_init__(self) -> None:
            if self.value < 0:
                raise ValueError("negative")

    @of.dataclass(frozen=True, slots=True)
    class Own:
        value: int

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own)

        def __hash__(self) -> int:
            return 1

    return {one.__name__: one for one in (Plain, Wider, Named, Row, Job, Checked, Own)}


OURS, THEIRS = classes(records), classes(dataclasses)

NAN = float("nan")

# What is done with the classes, and must come out the same.
USES: Mapping[str, Callable[[dict[str, Any], ModuleType], object]] = {
    "positional": lambda c, m: repr(c["Plain"]("a", 3)),
    "by name": lambda c, m: repr(c["Plain"](size=3, name="a")),
    "a default": lambda c, m: repr(c["Plain"]("a")),
    "a property": lambda c, m: c["Plain"]("a").both,
    "a class that inherits": lambda c, m: (repr(c["Wider"]("a", 1, ("x",))), repr(c["Wider"]("a"))),
    "slots": lambda c, m: [c[name].__slots__ for name in sorted(c)],
    "fields": lambda c, m: [[one.name for one in m.fields(c[name])] for name in sorted(c)],
    "what is matched": lambda c, m: [c[name].__match_args__ for name in sorted(c)],
    "names": lambda c, m: [(c[name].__name__, c[name].__qualname__, c[name].__module__) for name in sorted(c)],
    "documentation": lambda c, m: c["Plain"].__doc__,
    "by name only": lambda c, m: repr(c["Named"](first="x", second={"a": 1}, hidden="h")),
    "a factory makes a new one each time": lambda c, m: c["Named"]().second is c["Named"]().second,
    "what is not compared": lambda c, m: c["Named"](hidden="a") == c["Named"](hidden="b"),
    "what is not shown": lambda c, m: repr(c["Named"](hidden="a")),
    "behind the mark": lambda c, m: repr(c["Row"]("k", default=3)),
    "equal": lambda c, m: (c["Plain"]("a") == c["Plain"]("a", 7), c["Plain"]("a") == c["Plain"]("b")),
    "another class is never equal": lambda c, m: (c["Plain"]("a") == c["Wider"]("a", 7), c["Plain"]("a") == ("a", 7)),
    "what is not equal to itself": lambda c, m: c["Plain"](NAN) == c["Plain"](NAN),
    "hash": lambda c, m: (hash(c["Plain"]("a", 1)), len({c["Plain"]("a"), c["Plain"]("a")})),
    "hash of what changes": lambda c, m: c["Job"].__hash__,
    "hash of what cannot be hashed": lambda c, m: hash(c["Named"]()),
    "after init": lambda c, m: (c["Job"](4).twice, c["Job"](4).word, repr(c["Job"](4))),
    "what may change": lambda c, m: changed(c["Job"](1)).number,
    "its own methods": lambda c, m: (repr(c["Own"](1)), c["Own"](1) == c["Own"](2), hash(c["Own"](1))),
    "replaced": lambda c, m: repr(m.replace(c["Wider"]("a", 1), notes=("n",))),
    "replaced is checked": lambda c, m: m.replace(c["Checked"](1), value=-1),
    "replaced by what it has not": lambda c, m: m.replace(c["Plain"]("a"), other=1),
    "too many": lambda c, m: c["Plain"]("a", 1, 2),
    "too few": lambda c, m: c["Plain"](),
    "unknown": lambda c, m: c["Plain"]("a", other=1),
    "twice": lambda c, m: c["Plain"]("a", name="b"),
    "positional where names are": lambda c, m: c["Named"]("x"),
    "positional behind the mark": lambda c, m: c["Row"]("k", 3),
    "what init does not take": lambda c, m: c["Job"](1, twice=2),
    "frozen": lambda c, m: setattr(c["Plain"]("a"), "name", "b"),
    "frozen, and removed": lambda c, m: delattr(c["Plain"]("a"), "name"),
    "no other attributes": lambda c, m: setattr(c["Job"](1), "other", 1),
    "refused": lambda c, m: c["Checked"](-1),
}


def outcome(use: Callable[[], object]) -> object:
    """What comes out of it: a value, or which error."""
    try:
        return use()
    except (TypeError, ValueError, AttributeError) as error:
        return next(one for one in (TypeError, ValueError, AttributeError) if isinstance(error, one))


@pytest.mark.parametrize("name", USES)
def test_records_are_dataclasses(name: str) -> None:
    assert outcome(lambda: USES[name](OURS, records)) == outcome(lambda: USES[name](THEIRS, dataclasses))


def test_the_uses_tell_something() -> None:
    """Some come to a value and some to an error: not all of them may fail alike."""
    found = [outcome(lambda: use(OURS, records)) for use in USES.values()]
    assert found.count(TypeError) == 9 and found.count(ValueError) == 2 and found.count(AttributeError) == 3
