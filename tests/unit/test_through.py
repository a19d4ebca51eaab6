"""The verbs of whoever is not root: what the service is asked, and what is made of its replies and its errors."""

import base64
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bbhv.cli import through
from bbhv.cli.main import Call, parse
from bbhv.cli.output import Output, complain
from bbhv.cli.verbs import COMMON, UNITS, VERBS
from bbhv.errors import BbhvError
from bbhv.findings import Finding, Place
from bbhv.formats.jsontext import Json
from bbhv.formats.varlink import INVALID_PARAMETER, METHOD_NOT_FOUND, PERMISSION_DENIED, Reply
from bbhv.formats.varlink_idl import parse as interface_of
from bbhv.ipc.table import HYPERVISOR, ROWS
from bbhv.model.plan import Action, Plan, Step
from bbhv.model.planview import View, as_json

from .test_entries import ENTRY
from .test_output_schemas import problems
from .test_varlink_server import Running, running
from .test_varlink_units import Manager, Unit, manager
from .varlink_client import PATIENCE, SCHEMAS, tenant

__all__ = ["manager"]
INTERFACE = interface_of((SCHEMAS / f"{HYPERVISOR}.varlink").read_text())
FOR_ROOT = {"facts", "doctor", "console", "shell"}
FINDING: Json = dict[str, Json](Finding(Place("a.nspawn", 3, 1), "BB202", "Unknown key X=.", "Drop it.").as_json())
STEP = Step(action=Action.START, kind="container", name="web", unit="web.service", reasons=("new",))
PLAN = as_json(View(tenant="acme", outcome="applied", commit="c" * 40, subject="x", plan=Plan((STEP,), kept=("data",))))
VOLUME: dict[str, Json] = {"name": "data", "use": "container", "declared": True, "size": None, "taken": 5,
                           "snapshots": ["one"]}  # fmt: skip
OTHER: Json = {**VOLUME, "name": "other"}


@pytest.fixture
def server(tmp_path: Path, manager: Manager) -> Iterator[Running]:
    """A service, whose units the test is."""
    with running(tmp_path / "s") as one:
        yield one


def call(*words: str) -> Call:
    verb, arguments, options = parse(list(words))
    assert verb is not None
    return Call(verb, arguments, options)


class Asked:
    """A command line that asks a service, in a thread of its own; what it complains of is said as the program does."""

    def __init__(self, server: Running, *words: str) -> None:
        self._status = -1
        self._thread = threading.Thread(target=self._run, args=(server.address, call(*words)))
        self._thread.start()

    def _run(self, address: str, asked: Call) -> None:
        output = Output(asked.get("--json", "off"), legend=not asked.has("--no-legend"), quiet=asked.has("--quiet"))
        try:
            self._status = through.through(asked, output, address)
        except BbhvError as error:
            self._status = complain(error)

    @property
    def status(self) -> int:
        """The exit status, once it has ended."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "it did not end"
        return self._status


def reply(*tenants: dict[str, Json], busy: bool = False) -> Reply:
    done: list[Json] = [{"tenant": one["id"], "busy": busy, "steps": []} for one in tenants]
    return Reply({"tenants": list(tenants), "done": done})


def answered(manager: Manager, kind: str, *replies: Reply) -> Unit:
    """The next unit that is asked, which says this."""
    unit = manager.start(kind)
    unit.say(*replies)
    return unit


# The table


def test_every_verb_that_looks_or_changes_has_a_row_or_is_for_root() -> None:
    needing = {verb.name for verb in VERBS if verb.needs_root and verb.group != UNITS}
    assert needing - through.TABLE.keys() == FOR_ROOT and set(through.TABLE) <= needing


def test_a_row_names_a_method_and_options_of_its_verb() -> None:
    for verb in (one for one in VERBS if one.name in through.TABLE):
        row = through.TABLE[verb.name]
        assert f"{HYPERVISOR}.{row.method}" in ROWS
        assert set(row.options) <= {option.name for option in verb.options} - {option.name for option in COMMON}
        given = {option: "1" if one.value else "" for one in verb.options for option in [one.name]}
        sent = through.parameters(row, Call(verb, [], given))
        assert set(sent) <= set(INTERFACE.methods[row.method].parameters.fields), verb.name


ASKED: dict[str, tuple[str, str, dict[str, Json]]] = {
    "sync": ("act", "Sync", {}),
    "sync acme --wait": ("act", "Sync", {"tenant": "acme", "wait": True}),
    "sync acme --allow-rewind": ("act", "Sync", {"tenant": "acme", "allowRewind": True}),
    "sync --system --wait": ("act", "SyncSystem", {"wait": True}),
    "apply acme": ("act", "Apply", {"tenant": "acme"}),
    "rollback acme --to=3": ("act", "Rollback", {"tenant": "acme", "generation": 3}),
    "rollback acme": ("act", "Rollback", {"tenant": "acme"}),
    "confirm acme": ("act", "Confirm", {"tenant": "acme"}),
    "suspend acme --wait": ("act", "Suspend", {"tenant": "acme", "wait": True}),
    "resume acme": ("act", "Resume", {"tenant": "acme"}),
}


@pytest.mark.parametrize("words", ASKED)
def test_a_verb_that_changes_something_asks_and_says_how_it_ended(
    words: str, server: Running, manager: Manager, capsys: pytest.CaptureFixture[str]
) -> None:
    kind, method, parameters = ASKED[words]
    asked = Asked(server, *words.split())
    unit = answered(manager, kind, reply(tenant("acme", outcome="applied", message="generation 8", findings=[])))
    assert (unit.asked.method, unit.asked.parameters) == (f"{HYPERVISOR}.{method}", parameters)
    assert unit.asked.more  # so that it may take its time
    assert asked.status == 0
    assert capsys.readouterr().out == "acme: applied: generation 8\n"


# What is printed


def test_tenants_are_listed_and_told_as_the_reply_has_them(
    server: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Asked(server, "list").status == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["TENANT", "ACTIVE", "OUTCOME", "GENERATION", "COMMIT", "WORKLOADS"]
    assert lines[1].split() == ["acme", "active", "rolled-back", "8", "3f2a91c00000", "1"]
    assert lines[-1] == "3 tenants listed."
    assert Asked(server, "status", "acme", "--json=short").status == 0
    assert json.loads(capsys.readouterr().out) == {"tenants": [tenant("acme")]}
    assert Asked(server, "status", "beta").status == 0
    assert capsys.readouterr().out.startswith("● beta  active\n")


def test_of_several_names_those_that_are_there_are_told_and_the_others_complained_of(
    server: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Asked(server, "status", "beta", "nobody", "acme", "--json=short").status == 5
    told = capsys.readouterr()
    assert [one["id"] for one in json.loads(told.out)["tenants"]] == ["beta", "acme"]
    assert told.err == "bbhv: This host has no tenant nobody.\n      bbhv list shows the tenants.\n"
    assert Asked(server, "status", "nobody", "none", "--json=short").status == 5
    assert json.loads(capsys.readouterr().out) == {"tenants": []}
    assert Asked(server, "status", "nobody").status == 5
    assert capsys.readouterr().out == ""


def test_a_history_is_told(server: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert Asked(server, "history", "acme").status == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].split()[:2] == ["7", "cccccccccccc"] and "Not tried again:" in shown
    assert Asked(server, "history", "acme", "--json=short").status == 0
    told = json.loads(capsys.readouterr().out)
    assert problems("history", told) == [] and [one["generation"] for one in told["generations"]] == [7]


def test_each_tenant_that_is_named_is_asked_for_and_one_that_is_busy_holds_up_no_other(
    server: Running, manager: Manager, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = Asked(server, "suspend", "acme", "beta", "--json=short")
    busy = Reply({"message": "Tenant acme is busy: bbhv sync.", "hint": "Wait."}, f"{HYPERVISOR}.Busy")
    assert answered(manager, "act", busy).asked.tenant == "acme"
    assert answered(manager, "act", reply(tenant("beta", outcome="suspended"))).asked.tenant == "beta"
    assert asked.status == 75
    told = capsys.readouterr()
    assert [one["id"] for one in json.loads(told.out)["tenants"]] == ["beta"]
    assert problems("suspend", json.loads(told.out)) == []
    assert told.err == "bbhv: Tenant acme is busy: bbhv sync.\n      Wait.\n"


def test_outcomes_have_the_status_that_root_gets(server: Running, manager: Manager) -> None:
    refused = tenant("acme", outcome="refused")
    for one, busy, expected in ((refused, False, 3), ({**refused, "findings": []}, False, 4), (refused, True, 75),
                                (tenant("acme"), False, 1)):  # fmt: skip
        asked = Asked(server, "sync", "--quiet")
        answered(manager, "act", reply(one, busy=busy))
        assert asked.status == expected


def test_what_is_wrong_with_the_system_repository_comes_after_the_outcomes(
    server: Running, manager: Manager, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = Asked(server, "sync")
    done = reply(tenant("acme", outcome="unchanged", message=None, findings=[]))
    failed = Reply({"message": "It cannot be reached.", "hint": ""}, f"{HYPERVISOR}.Failed")
    answered(manager, "act", Reply(done.parameters, continues=True), failed)
    assert asked.status == 1
    told = capsys.readouterr()
    assert (told.out, told.err) == ("acme: unchanged\n", "bbhv: It cannot be reached.\n")


def test_a_bundle_is_sent_along(server: Running, manager: Manager, tmp_path: Path) -> None:
    (tmp_path / "bundle").write_bytes(b"\0bundle")
    asked = Asked(server, "sync", f"--bundle={tmp_path}/bundle", "acme")
    unit = answered(manager, "act", reply(tenant("acme", outcome="applied")))
    assert unit.asked.method == f"{HYPERVISOR}.Bundle"
    assert unit.asked.parameters == {"tenant": "acme", "bundle": base64.b64encode(b"\0bundle").decode()}
    assert asked.status == 0


def test_a_bundle_that_is_too_large_for_a_call_is_for_root(
    server: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundle").write_bytes(bytes(through.MAX_DATA + 1))
    assert Asked(server, "sync", f"--bundle={tmp_path}/bundle", "acme").status == 4
    assert "is all that the service takes.\n      Run it with sudo or run0.\n" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "plans", "first"), [
    ("plan acme", ["acme"], "acme: nothing → cccccccccccc  x\n"),
    ("plan acme --commit=cccc --format=markdown", ["acme"], "### bbhv plan: `acme`\n"),
    ("plan", ["acme", "beta", "team-a"], "acme: nothing → cccccccccccc  x\n"),
])  # fmt: skip
def test_a_plan_is_shown_as_root_would_see_it(
    words: str, plans: list[str], first: str, server: Running, manager: Manager, capsys: pytest.CaptureFixture[str]
) -> None:
    for json_too in (False, True):
        if json_too and "--format" in words:
            continue
        asked = Asked(server, *words.split(), *(["--json=short"] if json_too else []))
        for name in plans:
            unit = answered(manager, "look", Reply({"plan": {**PLAN, "id": name}}))
            assert unit.asked.tenant == name and unit.asked.text("commit") == ("cccc" if "--commit" in words else "")
        assert asked.status == 0
        out = capsys.readouterr().out
        if json_too:
            assert json.loads(out) == {"plans": [{**PLAN, "id": name} for name in plans]}
        else:
            assert out.startswith(first)


def test_who_is_not_registered_here_any_more_has_no_plan_unless_he_is_named(
    server: Running, manager: Manager, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = Reply({"tenant": "acme"}, f"{HYPERVISOR}.NoSuchTenant")
    asked = Asked(server, "plan", "acme")
    answered(manager, "look", gone)
    assert asked.status == 5 and "no tenant acme" in capsys.readouterr().err
    for state, status in (("enabled", 5), (None, 3)):
        server.engine.changes = {"state": state}
        asked = Asked(server, "plan")
        answered(manager, "look", gone)
        for told in ({**PLAN, "findings": [FINDING], "outcome": "refused"} if state is None else PLAN, PLAN):
            answered(manager, "look", Reply({"plan": told}))
        assert asked.status == status
        said = capsys.readouterr()
        assert said.out.count("a.nspawn:3:1") == (state is None) and bool(said.err) is (state == "enabled")


def test_logs_come_as_they_are_told(
    server: Running, manager: Manager, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, wanted in (
        ("logs web.acme -f", {"tenant": "acme", "workload": "web", "follow": True, "lines": 100}),
        ("logs acme --json=short --since=-1h", {"tenant": "acme", "since": "-1h", "lines": 100_000}),
        ("logs acme -n 5", {"tenant": "acme", "lines": 5}),
    ):
        asked = Asked(server, *words.split())
        unit = answered(manager, "look", Reply({"entry": ENTRY}, continues=True), Reply({"entry": None}))
        assert unit.asked.parameters == wanted and asked.status == 0
        out = capsys.readouterr().out
        assert json.loads(out) == {"entry": ENTRY} if "--json" in words else out.endswith(" web[42]: hello\n")


def test_volumes_are_copied_and_listed(
    server: Running, manager: Manager, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = Asked(server, "volume", "list", "acme")
    answered(manager, "look", Reply({"volumes": [VOLUME]}))
    assert asked.status == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["data", "container", "-", "1K", "yes", "one"]
    for action, method, told in (("snapshot", "SnapshotVolume", {"clean": True}), ("restore", "RestoreVolume", {}),
                                 ("discard", "DiscardSnapshot", {})):  # fmt: skip
        asked = Asked(server, "volume", action, "acme", "data", "one", "--json=short")
        unit = answered(manager, "act", Reply({**told}))
        assert unit.asked.method == f"{HYPERVISOR}.{method}"
        assert unit.asked.parameters == {"tenant": "acme", "volume": "data", "snapshot": "one"}
        answered(manager, "look", Reply({"volumes": [VOLUME, OTHER]}))
        assert asked.status == 0
        found = json.loads(capsys.readouterr().out)
        assert found == {"tenant": "acme", "clean": told.get("clean"), "volumes": [VOLUME]}
        assert problems("volume", found) == []


def test_a_purge_is_asked_about_before_anything_is_removed(
    server: Running, manager: Manager, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Reply({"tenant": "acme", "removed": ["/var/lib/tenants/acme"], "uidRanges": []})
    asked = Asked(server, "purge", "acme", "--volume=data")
    unit = answered(manager, "act", found)
    assert unit.asked.parameters == {"tenant": "acme", "volume": "data", "dryRun": True}
    assert asked.status == 4 and "nobody can be asked here" in capsys.readouterr().err
    asked = Asked(server, "purge", "acme", "--yes", "--wait", "--json=short")
    assert answered(manager, "act", found).asked.parameters == {"tenant": "acme", "dryRun": True}
    assert answered(manager, "act", found).asked.parameters == {"tenant": "acme", "wait": True}
    assert asked.status == 0 and json.loads(capsys.readouterr().out) == found.parameters


def test_a_secret_is_sent_when_the_tenant_is_there_and_the_file_is_written_by_the_caller(
    server: Running, manager: Manager, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").write_bytes(b"s3cret")
    words = ["credential", "encrypt", "acme", "db", f"{tmp_path}/secret", f"--output={tmp_path}/db.cred"]
    asked = Asked(server, *words, "--not-after=2030-01-01", "--json=short")
    unit = answered(manager, "act", Reply({"text": "blob\n", "host": "vm1"}))
    assert unit.asked.parameters == {"tenant": "acme", "name": "db", "notAfter": "2030-01-01",
                                     "secret": base64.b64encode(b"s3cret").decode()}  # fmt: skip
    assert asked.status == 0 and (tmp_path / "db.cred").read_text() == "blob\n"
    told = json.loads(capsys.readouterr().out)
    assert problems("credential", told) == [] and told["host"] == "vm1"
    assert server.engine.asked == ["describe acme"]


# What is refused, and what goes wrong

ERRORS: dict[str, tuple[Reply, int, str]] = {
    "a tenant that one may not see": (
        Reply({}, PERMISSION_DENIED), 4, "bbhv: bbhv confirm of acme is refused to uid 0.\n"
        '      "access" in its registration does not name uid 0.\n',
    ),
    "trust or a grant": (Reply({"message": "No.", "hint": "Do"}, f"{HYPERVISOR}.Refused"), 4, "bbhv: No.\n      Do\n"),
    "no such thing": (Reply({"message": "None.", "hint": ""}, f"{HYPERVISOR}.NotFound"), 5, "bbhv: None.\n"),
    "somebody is at work": (Reply({"message": "Busy.", "hint": ""}, f"{HYPERVISOR}.Busy"), 75, "bbhv: Busy.\n"),
    "it went wrong": (Reply({"message": "x\x1b", "hint": ""}, f"{HYPERVISOR}.Failed"), 1, "bbhv: x\\x1b\n"),
    "no such tenant": (Reply({"tenant": "acme"}, f"{HYPERVISOR}.NoSuchTenant"), 5, "bbhv: This host has no tenant"),
    "a value": (Reply({"parameter": "wait"}, INVALID_PARAMETER), 2, "bbhv: The service does not take this wait.\n"),
    "another version": (
        Reply({"method": "x"}, METHOD_NOT_FOUND), 1, "bbhv: The service does not take this call of Confirm: "
        "org.varlink.service.MethodNotFound.\n      It may be of another version: systemctl restart",
    ),
    "no declared type": (
        Reply({"tenants": [{}], "done": []}), 1, "bbhv: The reply of the service to Confirm is not of its",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ERRORS)
def test_an_error_reply_is_the_sentence_and_the_status_that_root_gets(
    what: str, server: Running, manager: Manager, capsys: pytest.CaptureFixture[str]
) -> None:
    told, status, words = ERRORS[what]
    asked = Asked(server, "confirm", "acme")
    answered(manager, "act", told)
    assert asked.status == status
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith(words.replace("uid 0", f"uid {os.geteuid()}"))


@pytest.mark.parametrize(("words", "hint"), [
    ("suspend acme", "It is for operators: root, and the group of OperatorsGroup= in bitbuilder.conf."),
    ("sync --system", "It is for operators: root, and the group of OperatorsGroup= in bitbuilder.conf."),
    ("sync", '"access" of no registration names uid U.'),
    ("apply acme --allow-rewind",
     '"access" in its registration does not name uid U, or it is --allow-rewind, which is for operators.'),
])  # fmt: skip
def test_who_may_not_is_told_why(
    words: str, hint: str, server: Running, manager: Manager, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = Asked(server, *words.split())
    answered(manager, "act", Reply({}, PERMISSION_DENIED))
    assert asked.status == 4
    assert capsys.readouterr().err.splitlines()[1].strip() == hint.replace(" U", f" {os.geteuid()}")


@pytest.mark.parametrize(("words", "sentence"), [
    ("doctor", "bbhv doctor needs root: what the tenants run is for root's eyes only."),
    ("shell web.acme", "bbhv shell needs root: what the tenants run is for root's eyes only."),
    ("sync --backoff", "bbhv sync --backoff needs root: it changes what runs on this host."),
    ("sync --system --bundle=x", "bbhv sync --system --bundle needs root: it changes what runs on this host."),
    ("plan acme --fetch", "bbhv plan --fetch needs root: what the tenants run is for root's eyes only."),
    ("volume export acme data", "bbhv volume export needs root: it changes what runs on this host."),
    ("credential encrypt acme x --with-key=tpm2",
     "bbhv credential --with-key needs root: only root may use the key of this host."),
])  # fmt: skip
def test_what_no_method_does_needs_root(
    words: str, sentence: str, server: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Asked(server, *words.split()).status == 4
    assert capsys.readouterr().err == f"bbhv: {sentence}\n      Run it with sudo or run0.\n"


@pytest.mark.parametrize("words", [
    "sync --allow-rewind", "sync --system acme", "sync --bundle=x", "rollback acme --to=x", "plan --commit=abcd",
    "logs acme -n x", "volume copy acme", "purge acme --volume=",
])  # fmt: skip
def test_a_wrong_command_line_asks_nothing(words: str, server: Running) -> None:
    assert Asked(server, *words.split()).status == 2


def test_without_a_service_it_is_said_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BbhvError) as caught:
        through.through(call("list"), Output(), str(tmp_path / "none"))
    assert complain(caught.value) == 1
    where = f"{tmp_path}/none: No such file or directory."
    assert capsys.readouterr().err == (
        f"bbhv: bbhv list asks the service of this host, which is not there: {where}\n"
        "      Start it: systemctl start bitbuilder-varlink.socket; or run this with sudo or run0.\n"
    )
