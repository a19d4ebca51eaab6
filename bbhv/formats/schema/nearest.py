"""Why a value has none of the forms that a JSON Schema allows: what the nearest of them says.

Only loaded when there is such a value. A form is far when the value is not meant to have it: another type, another
constant, or another constant in one of its members, as ``"kind": "web"``.
"""

from ..jsonvalue import Json
from .types import MAX_PROBLEMS, Problem, Run, Trail, name_of, path_of, show

_TELLING = frozenset(("type", "const", "enum"))
_FAR = _TELLING | {"required", "false"}


def explain(keyword: str, branches: list[list[Problem]], value: Json, run: Run, trail: Trail, hint: str) -> bool:
    """Note why no branch fits, given the problems of each. Always False."""
    depth = len(path_of(trail))
    near = [problems for problems in branches if not any(_is_far(problem, depth) for problem in problems)]
    near.sort(key=len)
    if near and (len(near) == 1 or len(near[0]) < len(near[1])):
        if run.problems is not None:
            run.problems += near[0][: MAX_PROBLEMS - len(run.problems)]
        return False
    choice = None if near else _choice(branches, value, depth)
    if choice is not None and run.problems is not None:
        run.problems.append(choice._replace(hint=hint))
        return False
    nearest = near or sorted(branches, key=len)
    if not hint and nearest:
        hint = f"The nearest of them says: {nearest[0][0].message}"
    return run.fail(trail, keyword, f"{{}} has none of the allowed forms: {show(value)}.", hint)


def _is_far(problem: Problem, depth: int) -> bool:
    """Whether a problem says that a form was not meant."""
    here = len(problem.path) - depth
    return (here == 0 and problem.keyword in _FAR) or (here == 1 and problem.keyword in ("const", "enum"))


def _choice(branches: list[list[Problem]], value: Json, depth: int) -> Problem | None:
    """One problem for all branches, when each wants something else of the same part of the value."""
    by_path = [{one.path: one for one in problems if one.keyword in _TELLING and one.wanted} for problems in branches]
    shared = [path for path in by_path[0] if all(path in problems for problems in by_path)] if by_path else []
    if not shared:
        return None
    path = min(shared, key=len)
    words = list(dict.fromkeys(problems[path].wanted for problems in by_path))
    for step in path[depth:]:
        if isinstance(value, dict) and isinstance(step, str):
            value = value[step]
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step]
    listed = " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    message = f"{name_of(path) or 'The document'} must be {listed}, not {show(value)}."
    return Problem(path, by_path[0][path].keyword, message, wanted=listed)
