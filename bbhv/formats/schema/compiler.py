"""JSON Schema draft 2020-12: a schema is compiled once to closures, which check any number of documents.

`compile_schema` puts the keyword tables of the vocabularies together; a new keyword is a new row there. A document that
is right is only seen by the short way (fast). Promises: all required tests of the official suite, and all of its
formats; checking is bounded and never raises, but SchemaError when a pattern that Python cannot compile is first used;
all problems of a document come back, as findings BB104 with line and column.
"""

from typing import TYPE_CHECKING, Callable, Mapping

from ..jsontext import Json, Located
from .apply import APPLICATOR, UNEVALUATED, subschemas
from .fast import Fasts
from .fast_node import TESTS_PER_STEP, Entry
from .refs import Registry
from .types import EVERY, Check, Problem, Resource, Row, Run, SchemaError, Site, TooMuchError, Trail
from .values import ASSERTED_FORMAT, FORMAT, VALIDATION, description

if TYPE_CHECKING:
    from ...findings import Finding


class Schema:
    """A compiled schema. It has no state: one may be used for any number of documents."""

    def __init__(self, check: Check, top: Resource, short: bool) -> None:
        self._check = check
        self._top = top
        self.short = short  # whether all of it has a short way

    def check(self, located: Located) -> "tuple[Finding, ...]":
        """All problems of a document as findings (BB104), in its order."""
        problems = self.problems(located.value)
        if not problems:
            return ()
        from ...findings import Finding

        found = []
        for problem in problems:
            place = located.where(problem.path, key=problem.at_key)
            found.append(Finding(place, "BB104", problem.message, problem.hint))
        return tuple(sorted(found, key=lambda finding: (finding.place.line, finding.place.column)))

    def problems(self, value: Json) -> tuple[Problem, ...]:
        """All problems of a value, at most MAX_PROBLEMS."""
        try:
            if self._check(value, self._run(None), None):
                return ()
            problems: list[Problem] = []
            self._check(value, self._run(problems), None)
        except RecursionError:
            return (Problem((), "$ref", "The document or its schema is nested too deeply."),)
        except TooMuchError as error:
            return (Problem((), "$ref", error.message),)
        return tuple(dict.fromkeys(problems))

    def _run(self, problems: list[Problem] | None) -> Run:
        run = Run(problems)
        run.scope.append(self._top)
        return run


def compile_schema(
    schema: Json, *, library: Mapping[str, Json] | None = None, formats: bool = True, shortly: bool = True
) -> Schema:
    """Compile a schema. `library` holds other schemas by their URI; `formats` says whether `format` is asserted where
    the schema does not say it by its vocabulary. Without `shortly` no part has a short way, which changes no verdict.

    Raises SchemaError when the schema is wrong or refers to something that is not there.
    """
    compiler = _Compiler(Registry(schema, library or {}), formats, shortly)
    try:
        return Schema(compiler.top(), compiler.registry.top, compiler.short())
    except RecursionError:
        raise SchemaError("The schema is nested too deeply.") from None


def _ref(argument: Json, site: Site) -> Check:
    if not isinstance(argument, str):
        raise site.error("The argument must be a string.")
    return site.maker.refer(argument, site)


def _dynamic_ref(argument: Json, site: Site) -> Check:
    if not isinstance(argument, str):
        raise site.error("The argument must be a string.")
    return site.maker.refer_dynamic(argument, site)


_VOCABULARY = "https://json-schema.org/draft/2020-12/vocab/"
CORE: dict[str, Row] = {"$ref": Row(EVERY, _ref), "$dynamicRef": Row(EVERY, _dynamic_ref)}
# In this order the keywords of a schema are checked: `type` first, what counts what the others saw last.
VOCABULARIES: dict[str, dict[str, Row]] = {
    _VOCABULARY + "validation": VALIDATION,
    _VOCABULARY + "format-annotation": FORMAT,
    _VOCABULARY + "format-assertion": ASSERTED_FORMAT,
    _VOCABULARY + "core": CORE,
    _VOCABULARY + "applicator": APPLICATOR,
    _VOCABULARY + "unevaluated": UNEVALUATED,
}


class _Compiler:
    """Turns schemas into checks; references are compiled once for each way in which they are used."""

    def __init__(self, registry: Registry, formats: bool, shortly: bool) -> None:
        self.registry = registry
        self.shortly = shortly
        self.formats = formats
        self.targets: dict[tuple[int, bool], list[Check]] = {}
        self.dynamic: set[tuple[str, bool]] = set()
        self.tables: dict[str, dict[str, Row]] = {}
        self.fasts = Fasts(registry, self.table, formats)

    def top(self) -> Check:
        """The check of the whole schema, with everything that a dynamic reference may find compiled as well."""
        check = self.target(self.registry.top.top, self.registry.top, False)
        before = -1
        while before != len(self.targets):
            before = len(self.targets)
            for name, tracked in tuple(self.dynamic):
                for resource in tuple(self.registry.resources.values()):
                    if name in resource.dynamic:
                        self.target(resource.dynamic[name], resource, tracked)
        return check

    def short(self) -> bool:
        """Whether the whole schema has a short way."""
        return self.shortly and self.fasts.of(self.registry.top.top, self.registry.top) is not None

    def table(self, resource: Resource) -> dict[str, Row]:
        """The keywords that count in a resource."""
        if resource.uri not in self.tables:
            wanted = self.registry.vocabularies(resource)
            usual = VOCABULARIES.keys() - {_VOCABULARY + "format-assertion"}
            chosen = [rows for uri, rows in VOCABULARIES.items()
                      if uri in (usual if wanted is None else wanted) or rows is CORE]
            self.tables[resource.uri] = {name: row for rows in chosen for name, row in rows.items()}
        return self.tables[resource.uri]

    def target(self, schema: Json, resource: Resource, tracked: bool) -> Check:
        """The check of a schema that something refers to; it may still be in the making, when it refers to itself."""
        cell = self.targets.setdefault((id(schema), tracked), [])
        if not cell:
            cell.append(lambda value, run, trail: cell[1](value, run, trail))
            site = Site({}, "", resource, tracked, self)
            cell.append(self.node(schema, site))
        return cell[-1]

    def refer(self, reference: str, site: Site) -> Check:
        """The check behind a `$ref`."""
        schema, resource, _ = self.registry.resolve(reference, site.resource)
        test = self.target(schema, resource, site.tracked)
        if resource is not site.resource:
            return _entering(test, resource)
        return _counted(test) if _refers(schema) else test

    def refer_dynamic(self, reference: str, site: Site) -> Check:
        """The check behind a `$dynamicRef`: the outermost resource of the run that has the anchor decides."""
        schema, resource, anchor = self.registry.resolve(reference, site.resource)
        if resource.dynamic.get(anchor) is not schema:
            return self.refer(reference, site)
        tracked = site.tracked
        self.dynamic.add((anchor, tracked))

        def check(value: Json, run: Run, trail: Trail) -> bool:
            outermost = next((known for known in run.scope if anchor in known.dynamic), resource)
            test = self.targets[id(outermost.dynamic[anchor]), tracked][-1]
            return _entering(test, outermost)(value, run, trail)

        return check

    def node(self, schema: Json, site: Site) -> Check:
        """The check of a schema at a site: the short way first, where there is one."""
        fast = None if site.tracked or not self.shortly else self.fasts.of(schema, site.resource)
        return self.long(schema, site) if fast is None else _shortly(fast, lambda: self.long(schema, site))

    def long(self, schema: Json, site: Site) -> Check:
        """The check that goes through all keywords of a schema."""
        if isinstance(schema, bool):
            return _pass if schema else _refuse(site)
        if not isinstance(schema, dict):
            raise site.error("A schema is an object, true or false.")
        resource = self.registry.tops.get(id(schema), site.resource)
        owner = not UNEVALUATED.keys().isdisjoint(schema)
        inner = Site(schema, site.pointer, resource, site.tracked or owner, self)
        tests = []
        for name, row in self.table(resource).items():
            if name in schema:
                check = row.build(schema[name], inner.down(name))
                if check is not None:
                    tests.append((row.kinds - row.sure(schema[name]), check))
        check = _dispatch(tests, "type" in schema and "type" in self.table(resource))
        if owner:
            check = _owning(check, site.tracked)
        return check if resource is site.resource else _entering(check, resource)


def _shortly(fast: Entry, build: Callable[[], Check]) -> Check:
    """A check that compiles the rest of itself when there is a problem to be made."""
    cell: list[Check] = []
    test, steps = fast.test, fast.cost // TESTS_PER_STEP

    def check(value: Json, run: Run, trail: Trail) -> bool:
        run.spend(steps)
        if test(value):
            return True
        if run.problems is None:
            return False
        if not cell:
            cell.append(build())
        return cell[0](value, run, trail)

    return check


def _pass(value: Json, run: Run, trail: Trail) -> bool:
    return True


def _refuse(site: Site) -> Check:
    def check(value: Json, run: Run, trail: Trail) -> bool:
        return run.fail(trail, "false", "{} is not allowed.", description(site))

    return check


def _dispatch(tests: list[tuple[frozenset[type], Check]], typed: bool) -> Check:
    """All checks of a schema as one. For each type of value, only those that look at it are there."""
    table = {kind: tuple(check for kinds, check in tests if kind in kinds) for kind in EVERY}
    gate = tests[0][1] if typed else None  # a value of the wrong type has no other problems

    def check(value: Json, run: Run, trail: Trail) -> bool:
        ok = True
        for test in table[type(value)]:
            if not test(value, run, trail):
                if run.problems is None or test is gate:
                    return False
                ok = False
        return ok

    if any(len(checks) > 1 for checks in table.values()):
        return check
    single = {kind: checks[0] if checks else _pass for kind, checks in table.items()}
    return lambda value, run, trail: single[type(value)](value, run, trail)


def _owning(inner: Check, tracked: bool) -> Check:
    """A check with its own account of what was seen, handed on when somebody above keeps one."""

    def check(value: Json, run: Run, trail: Trail) -> bool:
        outer, run.seen = run.seen, set()
        ok = inner(value, run, trail)
        if tracked:
            outer |= run.seen
        run.seen = outer
        return ok

    return check


def _refers(schema: Json) -> bool:
    """Whether there is a reference anywhere in a schema."""
    if not isinstance(schema, dict):
        return False
    return "$ref" in schema or "$dynamicRef" in schema or any(map(_refers, subschemas(schema)))


def _counted(inner: Check) -> Check:
    """A check behind a reference: only references can make endless work out of a small schema."""

    def check(value: Json, run: Run, trail: Trail) -> bool:
        run.spend(1)
        return inner(value, run, trail)

    return check


def _entering(inner: Check, resource: Resource) -> Check:
    """A check that goes into another schema resource."""
    counted = _counted(inner)

    def check(value: Json, run: Run, trail: Trail) -> bool:
        run.scope.append(resource)
        ok = counted(value, run, trail)
        run.scope.pop()
        return ok

    return check
