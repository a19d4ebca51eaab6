"""A plan as people and programs read it: what a tenant wrote drives no terminal, and becomes no Markdown."""

import re

import pytest

from bbhv.findings import Finding, Place
from bbhv.model.plan import Action, Plan, Step
from bbhv.model.planview import MAX_MARKDOWN, View, as_json, code, from_json, markdown, summary, text

from .test_output_schemas import problems

HOSTILE = (
    "x` <img src=x onerror=alert(1)> @everyone [a](http://evil) ``` \x1b[31m \n# heading",
    "`````", "|a|b|", "\\`", "``", "`", "<!--", "![](https://evil/?q)", "\u202egnp.exe", "", " ", "~~~\n~~~",
)  # fmt: skip


def step(action: Action, name: str = "web", *reasons: str, loses: bool = False) -> Step:
    return Step(action=action, kind="container", name=name, unit=f"{name}.service", reasons=reasons, loses_data=loses)


PLAN = Plan((
    step(Action.RESTART, "web", "Exec.Environment=A → B (restart)"), step(Action.RECREATE, "db", "image", loses=True),
    step(Action.LIVE, "mail", "X-Bitbuilder.MemoryMax=256M → 512M (live)"), step(Action.NONE, "a"),
    step(Action.NONE, "b"),
), kept=("data",))  # fmt: skip
VIEW = View(tenant="acme", outcome="applied", commit="c" * 40, subject="Change it", running="a" * 40, plan=PLAN)


def spans(comment: str) -> tuple[list[str], str]:
    """The code spans of a comment as CommonMark finds them, and what is left outside of them."""
    found, outside = [], []
    for line in comment.split("\n"):
        rest = line
        while match := re.search(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", rest):
            outside.append(rest[: match.start()])
            found.append(match[2])
            rest = rest[match.end():]
        outside.append(rest + "\n")
    return found, "".join(outside)


def test_the_text_has_a_line_for_each_object_that_is_touched_and_one_that_sums_up() -> None:
    assert text(VIEW) == (
        "acme: aaaaaaaaaaaa → cccccccccccc  Change it\n"
        "  restart   container web\n"
        "              Exec.Environment=A → B (restart)\n"
        "  recreate  container db  DATA LOSS\n"
        "              image\n"
        "  live      container mail\n"
        "              X-Bitbuilder.MemoryMax=256M → 512M (live)\n"
        "  kept      volumes/data (bbhv purge acme --volume=data removes it)\n"
        "  1 to recreate, 1 to restart, 1 live, 2 untouched; loses data: 1\n"
    )
    assert summary(Plan()) == "nothing to do; loses data: none"


def test_a_refusal_comes_first() -> None:
    view = View(tenant="acme", outcome="refused", refusal="No.", hint="Do.", plan=PLAN)
    assert text(view).splitlines()[1:3] == ["  refused: No.", "  Do."]
    assert markdown([view]).splitlines()[4] == "**refused:** `No.` `Do.`"


def test_the_markdown_is_what_a_forge_shows() -> None:
    assert markdown([VIEW]) == (
        "### bbhv plan: `acme`\n\n`aaaaaaaaaaaa` → `cccccccccccc` `Change it`\n\n"
        "- **DATA LOSS:** container `db`\n\n"
        "- **restart** container `web`\n  - `Exec.Environment=A → B (restart)`\n"
        "- **recreate** container `db`\n  - `image`\n"
        "- **live** container `mail`\n  - `X-Bitbuilder.MemoryMax=256M → 512M (live)`\n"
        "- **kept** `volumes/data (bbhv purge acme --volume=data removes it)`\n\n"
        "**1 to recreate, 1 to restart, 1 live, 2 untouched; loses data: 1**\n\n"
    )


def hostile(said: str) -> View:
    finding = Finding(Place(said or "x", 1, 1), "BB202", said or "x", said)
    return View(
        tenant="acme", outcome="refused", commit="c" * 40, subject=said, refusal=said, hint=said, notes=(said,),
        plan=Plan((step(Action.RESTART, "web", said),)), findings=(finding,),
    )  # fmt: skip


@pytest.mark.parametrize("said", [said for said in HOSTILE if said])
def test_nothing_that_a_tenant_wrote_stands_outside_of_a_code_span(said: str) -> None:
    inside, outside = spans(markdown([hostile(said)]))
    own = spans(markdown([hostile("harmless")]))
    assert outside == own[1] and len(inside) == len(own[0])
    assert not any(c for c in markdown([hostile(said)]) if not c.isprintable() and c != "\n")


@pytest.mark.parametrize("said", HOSTILE)
def test_nothing_that_a_tenant_wrote_drives_a_terminal_or_makes_a_line_of_its_own(said: str) -> None:
    shown = text(hostile(said))
    assert shown.replace("\n", "").isprintable()
    assert shown.count("\n") == text(hostile("harmless")).count("\n") - (said == "") * 2


@pytest.mark.parametrize("said", HOSTILE)
def test_a_code_span_is_one_line_with_a_fence_of_its_own(said: str) -> None:
    (inside,), outside = spans(code(said))
    assert outside == "\n" and "\n" not in inside


def test_a_comment_is_bounded_and_says_what_it_left_out() -> None:
    many = Plan(tuple(step(Action.RESTART, f"w{n}", "Exec.Environment=" + "x" * 100) for n in range(2000)))
    comment = markdown([View(tenant="acme", outcome="applied", plan=many)])
    assert len(comment) < MAX_MARKDOWN + 100 and re.search(r"… and \d+ more lines\.\n$", comment)


@pytest.mark.parametrize("view", [VIEW, *map(hostile, HOSTILE), View(tenant="acme", outcome="suspended")])
def test_the_json_is_what_the_schema_says(view: View) -> None:
    assert problems("plan", {"plans": [as_json(view)]}) == []


@pytest.mark.parametrize("view", [VIEW, *map(hostile, HOSTILE), View(tenant="acme", outcome="suspended")])
def test_a_plan_that_somebody_else_has_made_is_shown_as_who_made_it_would(view: View) -> None:
    told = from_json(as_json(view))
    assert (as_json(told), text(told), markdown([told])) == (as_json(view), text(view), markdown([view]))
