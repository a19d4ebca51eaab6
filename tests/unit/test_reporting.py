"""How a verb that changed something says how it ended: lines for people, and the exit status, made of the reply."""

import pytest

from bbhv.cli.output import Output
from bbhv.cli.reporting import show, status, worst
from bbhv.engine import outcomes
from bbhv.engine.storage.state import Outcome
from bbhv.engine.tenant.job import Job, Mode
from bbhv.findings import Finding, Place
from bbhv.formats.jsontext import Json
from bbhv.model.plan import Action, Plan, Step
from bbhv.model.registration import Registration

from .test_output_schemas import problems

FINDING: Json = dict[str, Json](Finding(Place("a.nspawn", 3, 1), "BB202", "Unknown key X=.", "Drop it.").as_json())


def step(action: Action, name: str, *reasons: str) -> Step:
    return Step(action=action, kind="container", name=name, unit=f"{name}.service", reasons=reasons)


WEB = step(Action.RESTART, "web", "one", "two\x1b[31m")
PLAN = Plan((WEB, step(Action.NONE, "db"), step(Action.STOP, "old", "gone")))


def job(tenant: str, word: str = "", message: str = "", *findings: Json, busy: bool = False) -> Job:
    """A job that has ended so, or not at all."""
    one = Job(registration=Registration(tenant=tenant, repository=""), mode=Mode.SYNC, allow_file=False, plan=PLAN)
    one.busy = busy
    one.outcome = Outcome(word=word, message=message, findings=findings) if word else None
    return one


def shown(output: Output, *jobs: Job) -> int:
    reply = outcomes.brief(jobs)
    assert problems("sync", reply) == []
    show(reply, output)
    return status(reply)


def test_what_was_done_stands_below_a_tenant_whose_commit_was_applied(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(Output(), job("acme", "applied", "generation 2; note hint: Do so."), job("beta", "unchanged")) == 0
    assert capsys.readouterr().out == (
        "acme: applied: generation 2; note\n  restart  web  one; two\\x1b[31m\n  stop     old  gone\n  Do so.\n"
        "beta: unchanged\n"
    )


def test_findings_stand_below_what_was_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(Output(legend=False), job("acme", "refused", "1 error hint: x", FINDING)) == 3
    assert capsys.readouterr().out == (
        "acme: refused: 1 error\n  a.nspawn:3:1: error[BB202]: Unknown key X=. hint: Drop it.\n"
    )


def test_who_wants_it_quiet_hears_of_what_went_wrong_only(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = (job("acme", "applied"), job("beta", "held"), job("bad", "rolled-back", "web is unhealthy"))
    assert shown(Output(quiet=True), *jobs) == 1
    assert capsys.readouterr().out == "bad: rolled-back: web is unhealthy\n"


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (job("a", "applied"), 0), (job("a", "unchanged"), 0), (job("a", "held"), 0), (job("a", "suspended"), 0),
        (job("a", "rolled-back"), 1), (job("a", "quarantined"), 1), (job("a", "failed"), 1), (job("a"), 1),
        (job("a", "refused"), 4), (job("a", "refused", "", FINDING), 3),
        (job("a", "failed", "Tenant a is busy.", busy=True), 75),
    ],
)  # fmt: skip
def test_each_outcome_has_its_status(one: Job, expected: int) -> None:
    assert status(outcomes.brief([one])) == expected


def test_of_several_statuses_one_goes_before_the_others() -> None:
    assert [worst(some) for some in ([], [0, 0], [75, 0], [5, 75], [3, 5], [3, 4, 5], [4, 1, 3])] == [
        0, 0, 75, 5, 3, 4, 1
    ]
    ended = [job("a", "refused"), job("b", "failed", busy=True), job("c", "applied")]
    assert status(outcomes.brief(ended)) == 4
