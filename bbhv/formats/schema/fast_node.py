"""A schema while its short way is made (see `fast`): its keywords, its arguments, and its subschemas."""

from typing import Callable, Protocol

from ..jsonvalue import Json
from .pattern import Search, searcher
from .types import EVERY, Resource, SchemaError
from .values import count_of

MAX_COST = 2000
# How many tests count as one of the steps that a run may do.
TESTS_PER_STEP = 50

# Called with a value, whose type is left open: a function only gets what stands before it has let through.
Fast = Callable[..., bool]


class UnfitError(Exception):
    """There is no short way."""


# A schema that takes strings only, for those who have many of them: bounds, and an expression if there is one.
Text = tuple[int, int, Search | None]


class Entry:
    """The short way of a schema: its function, how many tests it may do, the types that it takes."""

    __slots__ = ("test", "cost", "kinds", "text")

    def __init__(self, test: Fast, cost: int = 1, kinds: frozenset[type] = EVERY, text: Text | None = None) -> None:
        self.test = test
        self.cost = cost
        self.kinds = kinds
        self.text = text


class Maker(Protocol):
    """Who makes the short ways of other schemas. Raises UnfitError or SchemaError when there is none."""

    def entry(self, schema: Json, resource: Resource) -> Entry:
        """Of a schema."""

    def refer(self, reference: str, base: Resource) -> Entry:
        """Of what a reference leads to."""


class Node:
    """`words` are the keywords that count; `kinds` the types that the schema takes, and `typed` the one, when there is
    one whose function has to look at the type itself. `asserting` says whether a format counts."""

    __slots__ = ("schema", "words", "kinds", "typed", "resource", "asserting", "maker", "cost")

    def __init__(
        self, schema: dict[str, Json], words: frozenset[str], kinds: frozenset[type], resource: Resource, maker: Maker
    ) -> None:
        self.schema = schema
        self.words = words
        self.kinds = kinds
        self.typed = next((kind for kind in (str, list, dict) if kinds == {kind}), None)
        self.resource = resource
        self.asserting = False
        self.maker = maker
        self.cost = 1

    def error(self, message: str) -> SchemaError:
        """For those who read arguments; the long way says it again, with the place."""
        return SchemaError(message)

    def get(self, name: str) -> Json:
        """The argument of a keyword, or None when it does not count."""
        return self.schema[name] if name in self.words else None

    def count(self, name: str, default: int) -> int:
        """The argument of a keyword as a count."""
        return count_of(self.schema[name], self) if name in self.words else default

    def search(self, pattern: Json) -> Search:
        """A function that looks for a pattern."""
        if not isinstance(pattern, str):
            raise UnfitError
        try:
            return searcher(pattern)
        except ValueError as error:
            raise UnfitError from error

    def full(self, schema: Json) -> Entry:
        """The short way of a subschema, with what is known about it."""
        return self._paid(self.maker.entry(schema, self.resource))

    def below(self, schema: Json) -> Fast:
        """The short way of a subschema."""
        return self.full(schema).test

    def behind(self, reference: Json) -> Entry:
        """The short way of what a reference leads to."""
        if not isinstance(reference, str):
            raise UnfitError
        return self._paid(self.maker.refer(reference, self.resource))

    def many(self, argument: Json) -> list[Fast]:
        """The short ways of a list of subschemas."""
        if not isinstance(argument, list):
            raise UnfitError
        return [self.below(schema) for schema in argument]

    def named(self, argument: Json) -> dict[str, Fast]:
        """The short ways of an object of subschemas."""
        if not isinstance(argument, dict):
            raise UnfitError
        return {name: self.below(schema) for name, schema in argument.items()}

    def _paid(self, entry: Entry) -> Entry:
        self.cost += entry.cost
        if self.cost > MAX_COST:
            raise UnfitError
        return entry
