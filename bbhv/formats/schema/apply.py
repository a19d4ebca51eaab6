"""The applicator and unevaluated vocabularies of JSON Schema 2020-12: keywords that hand on to subschemas.

One row each. Keywords of the first group look at parts of the value and, when tracked, note in `Run.seen` which; the
second group looks at the same value again; `unevaluated…` comes after all of them.
"""

from typing import Iterable

from ..jsonvalue import Json
from .types import ARRAYS, EVERY, OBJECTS, Check, Problem, Row, Run, Site, Trail, show
from .values import description, description_of, lazy_search


def _schemas(argument: Json, site: Site) -> dict[str, Json]:
    if not isinstance(argument, dict):
        raise site.error("The argument must be an object of schemas.")
    return argument


def _list(argument: Json, site: Site) -> list[Json]:
    if not isinstance(argument, list):
        raise site.error("The argument must be a list of schemas.")
    return argument


def _properties(argument: Json, site: Site) -> Check:
    checks = {name: site.below(schema, name) for name, schema in _schemas(argument, site).items()}
    tracked = site.tracked

    def check(value: dict[str, Json], run: Run, trail: Trail) -> bool:
        ok = True
        for name, member in value.items():
            test = checks.get(name)
            if test is not None:
                if not test(member, run, (trail, name)):
                    if run.problems is None:
                        return False
                    ok = False
                if tracked:
                    run.seen.add(name)
        return ok

    return check


def _pattern_properties(argument: Json, site: Site) -> Check:
    schemas = _schemas(argument, site)
    pairs = [(lazy_search(pattern, site), site.below(schema, pattern)) for pattern, schema in schemas.items()]
    tracked = site.tracked

    def check(value: dict[str, Json], run: Run, trail: Trail) -> bool:
        ok = True
        for name, member in value.items():
            for matcher, test in pairs:
                if matcher[0](name):
                    ok = test(member, run, (trail, name)) and ok
                    if tracked:
                        run.seen.add(name)
        return ok

    return check


def _additional_properties(argument: Json, site: Site) -> Check:
    names = site.schema.get("properties")
    known = frozenset(names) if isinstance(names, dict) else frozenset()
    patterns = site.schema.get("patternProperties")
    matchers = [lazy_search(pattern, site) for pattern in patterns] if isinstance(patterns, dict) else []
    test = _no_key(known, "additionalProperties", site) if argument is False else site.below(argument)
    tracked = site.tracked

    def check(value: dict[str, Json], run: Run, trail: Trail) -> bool:
        if value.keys() <= known:
            return True
        ok = True
        for name, member in value.items():
            if name not in known and not any(matcher[0](name) for matcher in matchers):
                ok = test(member, run, (trail, name)) and ok
                if tracked:
                    run.seen.add(name)
        return ok

    return check


def _no_key(known: Iterable[str], keyword: str, site: Site) -> Check:
    """A check that fails, saying that there is no such key, and which ones there are."""
    words = sorted(known)
    listed = f"Known keys: {', '.join(words)}." if 0 < len(words) <= 24 else description(site)

    def check(value: Json, run: Run, trail: Trail) -> bool:
        if run.problems is None or trail is None:
            return False
        from ...findings import did_you_mean

        name = str(trail[1])
        hint = did_you_mean(name, words) or listed
        return run.fail(trail, keyword, f"Key {show(name)} is not known in {{}}.", hint, at_key=True)

    return check


def _property_names(argument: Json, site: Site) -> Check:
    test = site.below(argument)
    words = description_of(argument)

    def check(value: dict[str, Json], run: Run, trail: Trail) -> bool:
        ok = True
        for name in value:
            if not run.quietly(test, name, (trail, name)):
                message = f"Key {show(name)} is not allowed in {{}}."
                hint = words or ("" if run.problems is None else _first(run.gather(test, name, (trail, name))))
                ok = run.fail((trail, name), "propertyNames", message, hint, at_key=True)
        return ok

    return check


def _first(problems: list[Problem]) -> str:
    """What the first problem of a name says it should be."""
    for problem in problems:
        return problem.hint or problem.message
    return ""


def _prefix_items(argument: Json, site: Site) -> Check:
    tests = [site.below(schema, index) for index, schema in enumerate(_list(argument, site))]
    tracked = site.tracked

    def check(value: list[Json], run: Run, trail: Trail) -> bool:
        ok = True
        for index, (item, test) in enumerate(zip(value, tests)):
            ok = test(item, run, (trail, index)) and ok
            if tracked:
                run.seen.add(index)
        return ok

    return check


def _items(argument: Json, site: Site) -> Check:
    prefix = site.schema.get("prefixItems")
    first = len(prefix) if isinstance(prefix, list) else 0
    test = site.below(argument)
    tracked = site.tracked

    def check(value: list[Json], run: Run, trail: Trail) -> bool:
        ok = True
        for index in range(first, len(value)):
            if not test(value[index], run, (trail, index)):
                if run.problems is None:
                    return False
                ok = False
        if tracked:
            run.seen.update(range(first, len(value)))
        return ok

    return check


def _contains(argument: Json, site: Site) -> Check:
    test = site.below(argument)
    hint = description_of(argument)
    least, most = (site.schema.get(name) for name in ("minContains", "maxContains"))
    low = int(least) if isinstance(least, (int, float)) else 1
    high = int(most) if isinstance(most, (int, float)) else None
    tracked = site.tracked

    def check(value: list[Json], run: Run, trail: Trail) -> bool:
        found = [index for index, item in enumerate(value) if run.quietly(test, item, (trail, index))]
        if tracked:
            run.seen.update(found)
        if len(found) < low:
            message = f"{{}} must have at least {low} item{'s' * (low != 1)} of the required form, not {len(found)}."
            return run.fail(trail, "contains", message, hint or description(site))
        if high is not None and len(found) > high:
            message = f"{{}} must have at most {high} item{'s' * (high != 1)} of this form, not {len(found)}."
            return run.fail(trail, "maxContains", message, hint or description(site))
        return True

    return check


def _all_of(argument: Json, site: Site) -> Check:
    tests = [site.here(schema, index) for index, schema in enumerate(_list(argument, site))]

    def check(value: Json, run: Run, trail: Trail) -> bool:
        ok = True
        for test in tests:
            if not test(value, run, trail):
                if run.problems is None:
                    return False
                ok = False
        return ok

    return check


def _passing(tests: list[Check], value: Json, run: Run, trail: Trail) -> int:
    """How many of the tests pass. What a failing one looked at does not count as seen."""
    outer, count = run.seen, 0
    for test in tests:
        run.seen = set()
        if run.quietly(test, value, trail):
            count += 1
            outer |= run.seen
    run.seen = outer
    return count


def _any_of(argument: Json, site: Site) -> Check:
    tests = [site.here(schema, index) for index, schema in enumerate(_list(argument, site))]
    tracked = site.tracked

    def check(value: Json, run: Run, trail: Trail) -> bool:
        if tracked:
            passed = _passing(tests, value, run, trail) > 0
        else:
            passed = any(run.quietly(test, value, trail) for test in tests)
        return passed or _no_branch("anyOf", tests, value, run, trail, description(site))

    return check


def _one_of(argument: Json, site: Site) -> Check:
    tests = [site.here(schema, index) for index, schema in enumerate(_list(argument, site))]

    def check(value: Json, run: Run, trail: Trail) -> bool:
        count = _passing(tests, value, run, trail)
        if count == 0:
            return _no_branch("oneOf", tests, value, run, trail, description(site))
        if count == 1:
            return True
        forms = " and ".join(str(at) for at, test in enumerate(tests, 1) if run.quietly(test, value, trail))
        hint = description(site) or f"Only one may fit, but the forms {forms} do."
        return run.fail(trail, "oneOf", "{} has more than one of the allowed forms.", hint)

    return check


def _no_branch(keyword: str, tests: list[Check], value: Json, run: Run, trail: Trail, hint: str) -> bool:
    """Say why no branch fits. Always False."""
    if run.problems is None:
        return False
    from .nearest import explain

    return explain(keyword, [run.gather(test, value, trail) for test in tests], value, run, trail, hint)


def _not(argument: Json, site: Site) -> Check:
    test = site.below(argument)
    needs = argument.get("required") if isinstance(argument, dict) and len(argument) == 1 else None
    names = [show(name) for name in needs] if isinstance(needs, list) else []
    keys = f"the key{'s' * (len(names) > 1)} {' and '.join(names)}{' together' * (len(names) > 1)}"

    def check(value: Json, run: Run, trail: Trail) -> bool:
        if not run.quietly(test, value, trail):
            return True
        if names:
            return run.fail(trail, "not", f"{{}} may not have {keys}.", description(site))
        form = "have this form" if isinstance(value, (dict, list)) and value else f"be {show(value)}"
        return run.fail(trail, "not", f"{{}} may not {form}.", description(site))

    return check


def _if(argument: Json, site: Site) -> Check | None:
    if not site.tracked and "then" not in site.schema and "else" not in site.schema:
        return None
    test = site.here(argument)
    then = site.here(site.schema.get("then", True), "then")
    other = site.here(site.schema.get("else", True), "else")

    def check(value: Json, run: Run, trail: Trail) -> bool:
        return (then if _passing([test], value, run, trail) else other)(value, run, trail)

    return check


def _dependent_schemas(argument: Json, site: Site) -> Check:
    tests = {name: site.here(schema, name) for name, schema in _schemas(argument, site).items()}

    def check(value: dict[str, Json], run: Run, trail: Trail) -> bool:
        ok = True
        for name, test in tests.items():
            if name in value:
                ok = test(value, run, trail) and ok
        return ok

    return check


def _in_place(schema: Json) -> set[str]:
    """The names of members that a schema, or one for the same value inside of it, knows."""
    if not isinstance(schema, dict):
        return set()
    names = schema.get("properties")
    known = set(names) if isinstance(names, dict) else set[str]()
    branches = [branch for name in ("allOf", "anyOf", "oneOf") for branch in _items_of(schema.get(name))]
    dependent = schema.get("dependentSchemas")
    branches += [*dependent.values()] if isinstance(dependent, dict) else []
    return known.union(*map(_in_place, (*branches, *(schema.get(name) for name in ("if", "then", "else")))))


def _items_of(argument: Json) -> list[Json]:
    return argument if isinstance(argument, list) else []


def _unevaluated_properties(argument: Json, site: Site) -> Check:
    known = _in_place(site.schema)
    test = _no_key(known, "unevaluatedProperties", site) if argument is False else site.below(argument)

    def check(value: dict[str, Json], run: Run, trail: Trail) -> bool:
        ok = True
        for name in value.keys() - run.seen:
            ok = test(value[name], run, (trail, name)) and ok
            run.seen.add(name)
        return ok

    return check


def _unevaluated_items(argument: Json, site: Site) -> Check:
    test = site.below(argument)

    def check(value: list[Json], run: Run, trail: Trail) -> bool:
        ok = True
        for index, item in enumerate(value):
            if index not in run.seen:
                ok = test(item, run, (trail, index)) and ok
                run.seen.add(index)
        return ok

    return check


APPLICATOR: dict[str, Row] = {
    "properties": Row(OBJECTS, _properties),
    "patternProperties": Row(OBJECTS, _pattern_properties),
    "additionalProperties": Row(OBJECTS, _additional_properties),
    "propertyNames": Row(OBJECTS, _property_names),
    "prefixItems": Row(ARRAYS, _prefix_items),
    "items": Row(ARRAYS, _items),
    "contains": Row(ARRAYS, _contains),
    "allOf": Row(EVERY, _all_of),
    "anyOf": Row(EVERY, _any_of),
    "oneOf": Row(EVERY, _one_of),
    "not": Row(EVERY, _not),
    "if": Row(EVERY, _if),
    "dependentSchemas": Row(OBJECTS, _dependent_schemas),
}

UNEVALUATED: dict[str, Row] = {
    "unevaluatedItems": Row(ARRAYS, _unevaluated_items),
    "unevaluatedProperties": Row(OBJECTS, _unevaluated_properties),
}

# Where subschemas stand: directly in the argument, in a list, or in an object.
IN_PLACE = (
    *("additionalProperties", "propertyNames", "items", "contains", "not", "if", "then", "else"),
    *("unevaluatedItems", "unevaluatedProperties", "contentSchema"),
)
IN_LIST = ("prefixItems", "allOf", "anyOf", "oneOf")
IN_OBJECT = ("properties", "patternProperties", "dependentSchemas", "$defs")


def subschemas(schema: dict[str, Json]) -> Iterable[Json]:
    """The schemas directly inside of a schema."""
    for name in IN_PLACE:
        if name in schema:
            yield schema[name]
    for name in IN_LIST:
        argument = schema.get(name)
        yield from argument if isinstance(argument, list) else ()
    for name in IN_OBJECT:
        argument = schema.get(name)
        yield from argument.values() if isinstance(argument, dict) else ()

