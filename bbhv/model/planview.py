"""A plan as people read it: text for a terminal, Markdown for a comment in a forge, JSON for programs.

What a tenant wrote never drives a terminal, and never becomes Markdown: in there it stands in code spans alone, which
nothing within them can end. Both are bounded.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from ..findings import MAX_SHOWN, Finding, foremost, printable
from ..formats.jsontext import Json
from ..kinds.plain import items, members, texts, whole
from ..kinds.plain import text as plain
from ..records import dataclass
from .forecast import counts
from .plan import MAX_STEPS, Plan, Step

MAX_SUBJECT = 120
MAX_ASKED = 20
_KEPT = "volumes/"
# Forges take comments of 64 KiB; what is left out is counted.
MAX_MARKDOWN = 60_000
_VERBS = {
    "stop": "to stop", "start": "to start", "recreate": "to recreate", "restart": "to restart", "reload": "to reload",
    "live": "live", "none": "untouched",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One tenant's plan with all that is said about it. `commit`, `running` and `subject` may be empty; then
    `where` says where the files lie."""

    tenant: str
    outcome: str
    commit: str = ""
    where: str = ""
    subject: str = ""
    running: str = ""
    generation: int | None = None
    plan: Plan = Plan()
    refusal: str = ""
    hint: str = ""
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def summary(steps: Plan) -> str:
    """How much of what, in a line: `2 to restart, 1 live, 5 untouched; loses data: 1`."""
    found = counts(steps)
    parts = [f"{found[word]} {said}" for word, said in _VERBS.items() if word in found]
    losing = sum(step.loses_data for step in steps.steps)
    return f"{', '.join(parts) or 'nothing to do'}; loses data: {losing or 'none'}"


def as_json(view: View) -> dict[str, Json]:
    """The plan as `plan --json` prints it."""
    return {
        "id": view.tenant,
        "outcome": view.outcome,
        "commit": view.commit or None,
        "subject": clipped(view.subject) or None,
        "running": view.running or None,
        "generation": view.generation,
        "refusal": view.refusal or None,
        "hint": view.hint or None,
        "steps": [step.as_json() for step in view.plan.steps[:MAX_STEPS]],
        "kept": [f"{_KEPT}{name}" for name in view.plan.kept],
        "summary": summary(view.plan),
        "losesData": sum(step.loses_data for step in view.plan.steps),
        "notes": list(_notes(view)),
        "findings": [dict[str, Json](one.as_json()) for one in foremost(view.findings, MAX_SHOWN)],
    }


def from_json(told: Mapping[str, Json]) -> View:
    """The plan that is told so, of a host that has answered."""
    steps = Plan(
        tuple(Step.from_json(members(one)) for one in items(told["steps"])),
        kept=tuple(one.removeprefix(_KEPT) for one in texts(told["kept"])),
    )
    commit, subject, running, refusal, hint = (
        plain(told[part]) for part in ("commit", "subject", "running", "refusal", "hint")
    )
    return View(
        tenant=plain(told["id"]), outcome=plain(told["outcome"]), commit=commit, subject=subject, running=running,
        generation=whole(told["generation"]), plan=steps, refusal=refusal, hint=hint, notes=texts(told["notes"]),
        findings=tuple(Finding.from_json(members(one)) for one in items(told["findings"])),
    )  # fmt: skip


def text(view: View) -> str:
    """The plan for a terminal: why it would not be done, a line for each object that is touched, and the summary.

    Findings are left to whoever prints findings.
    """
    lines = [f"{view.tenant}: {_way(view)}{f'  {clipped(view.subject)}' if view.subject else ''}"]
    lines += [f"  {view.outcome}: {printable(view.refusal)}"] if view.refusal else []
    lines += [f"  {printable(view.hint)}"] if view.hint else []
    for step in view.plan.touched:
        lines.append(f"  {step.action.value:<9} {step.kind} {step.name}{'  DATA LOSS' if step.loses_data else ''}")
        lines += [f"  {'':<9}   {printable(reason)}" for reason in step.reasons]
    lines += [f"  {'kept':<9} {one}" for one in _kept(view)]
    lines += [f"  {printable(note)}" for note in _notes(view)]
    lines += [f"  {summary(view.plan)}"] if view.plan.steps else []
    return "".join(line + "\n" for line in lines)


def markdown(views: Sequence[View]) -> str:
    """The plans as one comment: at most MAX_MARKDOWN characters, whatever is in them."""
    kept: list[str] = []
    room = MAX_MARKDOWN
    lines = [line for view in views for line in _markdown(view)]
    for number, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            kept += ["", f"… and {len(lines) - number} more lines."]
            break
        kept.append(line)
    return "\n".join(kept) + "\n"


def _markdown(view: View) -> Iterator[str]:
    yield from (f"### bbhv plan: {code(view.tenant)}", "", f"{_way(view, code)} {code(clipped(view.subject))}", "")
    if view.refusal:
        yield from (f"**{view.outcome}:** {code(view.refusal)}{f' {code(view.hint)}' if view.hint else ''}", "")
    losing = [step for step in view.plan.steps if step.loses_data]
    for step in losing:
        yield f"- **DATA LOSS:** {step.kind} {code(step.name)}"
    yield from ([""] if losing else ())
    for step in view.plan.touched:
        yield f"- **{step.action.value}** {step.kind} {code(step.name)}"
        yield from (f"  - {code(reason)}" for reason in step.reasons)
    yield from (f"- **kept** {code(one)}" for one in _kept(view))
    yield from (f"- {code(note)}" for note in _notes(view))
    for finding in foremost(view.findings, MAX_SHOWN):
        yield f"- **{finding.severity}** {code(str(finding))}"
    yield from ("", f"**{summary(view.plan)}**", "")


def code(said: str) -> str:
    """A text as a code span: its fence is longer than any run of backticks in it, so that nothing in it ends it."""
    shown = printable(said) or " "
    longest = max(map(len, "".join(c if c == "`" else " " for c in shown).split()), default=0)
    fence = "`" * (longest + 1)
    pad = " " if "`" in (shown[0], shown[-1]) else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def clipped(subject: str) -> str:
    """A commit's subject, escaped and bounded."""
    shown = printable(subject)
    return shown if len(shown) <= MAX_SUBJECT else shown[: MAX_SUBJECT - 1] + "…"


def _kept(view: View) -> Iterator[str]:
    for name in view.plan.kept:
        yield f"{_KEPT}{name} (bbhv purge {view.tenant} --volume={name} removes it)"


def _notes(view: View) -> Iterator[str]:
    """What else there is to know, also of workloads that are asked whether they are healthy, and not touched."""
    yield from view.notes
    names = {step.unit: step.name for step in view.plan.steps}
    asked = [names[unit] for unit in view.plan.asked if unit in names]
    if asked:
        more = f" and {len(asked) - MAX_ASKED} more" if len(asked) > MAX_ASKED else ""
        yield f"Another health check decides on {', '.join(asked[:MAX_ASKED])}{more}; one that fails goes back."


def _way(view: View, shown: Callable[[str], str] = str) -> str:
    old, new = view.running[:12] or "nothing", view.commit[:12] or view.where or "nothing"
    return f"{shown(old)} → {shown(new)}"
