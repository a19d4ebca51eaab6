"""The table of methods: who may call what, in which order a call is judged, and which error says what."""

from functools import cache

import pytest

from bbhv.errors import BbhvError, NoSuchTenantError
from bbhv.formats.jsontext import Json
from bbhv.formats.varlink import Call, VarlinkError
from bbhv.ipc.methods import Asked, Service, found, judge, load, reply_to, row_of
from bbhv.ipc.peer import Caller
from bbhv.ipc.table import HYPERVISOR, ROWS, SERVICE, VARLINK, WORDS, Who

from .varlink_client import SCHEMAS, Engine, tenant

ROOT = Caller(1, 0, True)
STRANGER = Caller(1, 1001, False)
USER = Caller(1, 1000, False)  # whom the registration of acme names
LIST = f"{HYPERVISOR}.ListTenants"
SYNC, PUSHED = f"{HYPERVISOR}.Sync", f"{HYPERVISOR}.Pushed"
DENIED: tuple[str, dict[str, Json]] = ("org.varlink.service.PermissionDenied", {})


def texts() -> dict[str, str]:
    return {path.name.removesuffix(".varlink"): path.read_text() for path in SCHEMAS.glob("*.varlink")}


@cache
def service() -> Service:
    return Engine().service("1.2.3")


def judged(caller: Caller, method: str, more: bool = False, **parameters: Json) -> Asked:
    call = Call(method, parameters, more=more)
    one = service()
    return judge(one, row_of(one, call), caller, call)


def answer(one: Service, caller: Caller, call: Call) -> dict[str, Json]:
    asked = judge(one, row_of(one, call), caller, call)
    return reply_to(one, asked, one.answers[call.method])


def error(caller: Caller, method: str, **parameters: Json) -> tuple[str, dict[str, Json]]:
    with pytest.raises(VarlinkError) as caught:
        answer(service(), caller, Call(method, parameters))
    return caught.value.name, caught.value.parameters


def test_the_table_has_a_row_for_every_method_that_is_described() -> None:
    described = {f"{name}.{method}" for name, interface in service().interfaces.items() for method in interface.methods}
    assert set(ROWS) == described


def test_everybody_learns_who_answers() -> None:
    assert answer(service(), STRANGER, Call(f"{VARLINK}.GetInfo", {})) == {
        "vendor": "BitBuilder",
        "product": "BitBuilder Hypervisor",
        "version": "1.2.3",
        "url": "https://bitbuilder.io/",
        "interfaces": ["io.bitbuilder.Hypervisor", "io.systemd.service", "org.varlink.service"],
    }


@pytest.mark.parametrize("name", [VARLINK, SERVICE, HYPERVISOR])
def test_everybody_gets_the_description_word_for_word(name: str) -> None:
    reply = answer(service(), STRANGER, Call(f"{VARLINK}.GetInterfaceDescription", {"interface": name}))
    assert reply == {"description": texts()[name]}


def test_an_operator_lists_all_tenants_or_one() -> None:
    everything: dict[str, Json] = {"tenants": [tenant("acme"), tenant("beta"), tenant("team-a")]}
    one: dict[str, Json] = {"tenants": [tenant("team-a")]}
    assert answer(service(), ROOT, Call(LIST, {})) == everything
    assert answer(service(), Caller(1, 1000, True), Call(LIST, {"tenant": None})) == everything
    assert answer(service(), ROOT, Call(LIST, {"tenant": "team-a"})) == one


def test_who_may_not_list_learns_nothing_from_the_parameters() -> None:
    for parameters in ({}, {"tenant": "acme"}, {"tenant": "nobody"}, {"tenant": 7}, {"what": 1}):
        assert error(STRANGER, LIST, **parameters) == ("org.varlink.service.PermissionDenied", {})


@pytest.mark.parametrize("name", ["nobody", "", "../acme", "Acme", "a" * 25, "acme\n", "acme\0"])
def test_a_tenant_that_does_not_exist_is_named(name: str) -> None:
    assert error(ROOT, LIST, tenant=name) == ("io.bitbuilder.Hypervisor.NoSuchTenant", {"tenant": name})


@pytest.mark.parametrize(
    ("method", "parameters", "place"),
    [
        (LIST, {"tenant": True}, "tenant"),
        (LIST, {"tenant": ["acme"]}, "tenant"),
        (LIST, {"tenants": "acme"}, "tenants"),
        (f"{VARLINK}.GetInfo", {"": 1}, ""),
        (f"{VARLINK}.GetInterfaceDescription", {}, "interface"),
        (f"{VARLINK}.GetInterfaceDescription", {"interface": None}, "interface"),
    ],
)
def test_a_parameter_of_another_type_is_named(method: str, parameters: dict[str, Json], place: str) -> None:
    assert error(ROOT, method, **parameters) == ("org.varlink.service.InvalidParameter", {"parameter": place})


@pytest.mark.parametrize("name", ["io.example", "io.bitbuilder", "io.bitbuilder.hypervisor"])
def test_an_interface_that_is_not_offered_is_named(name: str) -> None:
    expected = ("org.varlink.service.InterfaceNotFound", {"interface": name})
    assert error(ROOT, f"{name}.Ping") == expected
    assert error(ROOT, f"{VARLINK}.GetInterfaceDescription", interface=name) == expected


@pytest.mark.parametrize("method", ["Ping", f"{VARLINK}.Ping", f"{HYPERVISOR}.Tenant", f"{HYPERVISOR}."])
def test_a_method_that_does_not_exist_is_named(method: str) -> None:
    assert error(ROOT, method) == ("org.varlink.service.MethodNotFound", {"method": method})


def test_a_method_that_is_described_and_has_no_row_is_not_implemented() -> None:
    more = texts()
    more[HYPERVISOR] += "\nmethod Later() -> ()\n"
    with pytest.raises(VarlinkError) as caught:
        answer(load(more, "1", answers={}), ROOT, Call(f"{HYPERVISOR}.Later", {}))
    assert caught.value.name == "org.varlink.service.MethodNotImplemented"
    assert caught.value.parameters == {"method": "io.bitbuilder.Hypervisor.Later"}


def test_no_method_upgrades_a_connection() -> None:
    with pytest.raises(VarlinkError) as caught:
        answer(service(), ROOT, Call(f"{VARLINK}.GetInfo", {}, upgrade=True))
    assert caught.value.name == "org.varlink.service.MethodNotImplemented"


def test_what_went_wrong_behind_the_interface_is_told_with_its_hint() -> None:
    told: dict[str, Json] = {"message": "/var/lib/tenants cannot be read.", "hint": "Mount it."}
    assert error(ROOT, LIST, tenant="unreadable") == ("io.bitbuilder.Hypervisor.Failed", told)


def test_a_reply_that_is_not_of_its_type_does_not_leave_the_house() -> None:
    name, parameters = error(ROOT, LIST, tenant="ill-typed")
    assert name == "io.bitbuilder.Hypervisor.Failed"
    assert parameters["message"] == f"The reply to {LIST} is not of its declared type at tenants[0].generation."
    assert parameters["hint"] == "This is a defect of bbhv."


def test_a_tenant_of_which_nothing_is_known_is_of_its_type() -> None:
    nothing: dict[str, Json] = dict.fromkeys(set(tenant("acme")) - {"id", "workloads", "drift", "findings"})
    empty: list[Json] = [{"id": "acme", **nothing, "workloads": [], "drift": [], "findings": []}]
    one = load(texts(), "1", answers={LIST: lambda service, asked: {"tenants": empty}})
    assert answer(one, ROOT, Call(LIST, {})) == {"tenants": empty}


def test_every_row_has_a_function_that_answers() -> None:
    for name, row in ROWS.items():
        assert callable(found(row)), name


def sample(method: str) -> dict[str, Json]:
    """Parameters of the declared types, about acme."""
    values: dict[str, Json] = {"tenant": "acme", "interface": VARLINK, "level": 6, "workload": "web", "files": {},
                               "bundle": "", "volume": "data", "snapshot": "first", "name": "key", "secret": ""}
    prefix, _, member = method.rpartition(".")
    return {name: values[name] for name in service().interfaces[prefix].methods[member].parameters.fields
            if name in values}  # fmt: skip


@pytest.mark.parametrize("method", ROWS)
def test_each_class_of_callers_is_allowed_and_refused_as_the_table_says(method: str) -> None:
    row = ROWS[method]
    reader, changer = (Caller(1, 700_000, False, tenant="acme", may_change=may) for may in (False, True))
    elsewhere = Caller(1, 700_000, False, tenant="beta", may_change=True)
    allowed = {
        Who.EVERYBODY: (ROOT, Caller(1, 1001, True), USER, reader, changer, elsewhere, STRANGER),
        Who.VIEWERS: (ROOT, Caller(1, 1001, True), USER, reader, changer),
        Who.EDITORS: (ROOT, Caller(1, 1001, True), USER, changer),
        Who.OPERATORS: (ROOT, Caller(1, 1001, True)),
    }[row.who]
    for caller in (ROOT, Caller(1, 1001, True), USER, reader, changer, elsewhere, STRANGER):
        if caller in allowed:
            asked = judged(caller, method, row.several, **sample(method))
            assert asked.method == method and asked.operator is caller.operator
            everything = caller.operator or row.who is Who.EVERYBODY
            assert asked.tenants == (None if everything else ("acme",))
        else:
            assert refusal(caller, method, row.several, **sample(method)) == DENIED


def refusal(caller: Caller, method: str, more: bool, **parameters: Json) -> tuple[str, dict[str, Json]]:
    with pytest.raises(VarlinkError) as caught:
        judged(caller, method, more, **parameters)
    return caught.value.name, caught.value.parameters


@pytest.mark.parametrize("name", ["beta", "nobody", "", "../acme", "acme\0"])
def test_who_may_not_see_a_tenant_cannot_tell_it_from_none(name: str) -> None:
    inside = Caller(1, 700_000, False, tenant="acme", may_change=True)
    for method in [name for name, row in ROWS.items() if row.who in (Who.VIEWERS, Who.EDITORS)]:
        for caller in (STRANGER, USER, inside):
            assert refusal(caller, method, True, **{**sample(method), "tenant": name}) == DENIED
            assert refusal(caller, method, True, **{**sample(method), "tenant": name, "x": 1}) == DENIED


def test_a_call_without_a_tenant_is_about_those_that_its_caller_may_see() -> None:
    one = service()
    assert answer(one, USER, Call(LIST, {})) == {"tenants": [tenant("acme")]}
    assert judged(USER, SYNC).tenants == ("acme",) and judged(ROOT, SYNC).tenants is None
    assert error(STRANGER, LIST) == DENIED


def test_a_tenant_that_has_gone_since_its_user_was_admitted_is_refused_like_one_that_never_was() -> None:
    def gone(service: Service, asked: Asked) -> dict[str, Json]:
        raise NoSuchTenantError("This host has no tenant acme.", tenant="acme")

    one = load(texts(), "1", admitted=lambda caller: ("acme",), answers={LIST: gone})
    for caller, told in ((STRANGER, DENIED), (ROOT, (f"{HYPERVISOR}.NoSuchTenant", {"tenant": "acme"}))):
        with pytest.raises(VarlinkError) as caught:
            answer(one, caller, Call(LIST, {}))
        assert (caught.value.name, caught.value.parameters) == told


def test_an_operator_is_told_that_there_is_no_such_tenant() -> None:
    for method in (LIST, SYNC, PUSHED):
        assert error(ROOT, method, tenant="../x") == (f"{HYPERVISOR}.NoSuchTenant", {"tenant": "../x"})
    assert error(ROOT, LIST, tenant="nobody") == (f"{HYPERVISOR}.NoSuchTenant", {"tenant": "nobody"})


def test_an_operators_word_is_an_operators_whoever_may_call_the_method() -> None:
    words = [(name, word) for name in ROWS for word in WORDS if word in service().types[name][1].parameters.fields]
    assert len(words) >= 3
    for method, word in words:
        parameters: dict[str, Json] = {**sample(method), word: True}
        assert judged(ROOT, method, False, **parameters).flag(word)
        assert refusal(USER, method, False, **parameters) == DENIED
        assert not judged(USER, method, False, **{**parameters, word: False}).flag(word)


def test_what_no_program_can_be_told_and_what_is_no_base64_is_a_wrong_parameter() -> None:
    given: dict[str, Json] = {"name": "a\0b", "secret": "\u00e9\u00e9\u00e9\u00e9", "bundle": "no base64!"}
    asked = Asked("x", given)
    for read, name in ((asked.text, "name"), (asked.data, "secret"), (asked.data, "bundle")):
        with pytest.raises(VarlinkError) as caught:
            read(name)
        assert caught.value.parameters == {"parameter": name}
    assert Asked("x", {"secret": "czNjcmV0"}).data("secret") == b"s3cret"


@pytest.mark.parametrize(
    ("error_", "message"),
    [(OSError(5, "Input/output error", "/x"), "/x: Input/output error."), (KeyError("x"), f"{LIST} failed.")],
)
def test_whatever_is_wrong_with_an_answer_it_is_an_error_reply(
    error_: Exception, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def bad(service: Service, asked: Asked) -> dict[str, Json]:
        raise error_

    one = load(texts(), "1", answers={LIST: bad})
    with pytest.raises(VarlinkError) as caught:
        answer(one, ROOT, Call(LIST, {}))
    assert (caught.value.name, caught.value.parameters["message"]) == (f"{HYPERVISOR}.Failed", message)
    assert ("KeyError" in capfd.readouterr().err) is isinstance(error_, KeyError)


def test_what_has_many_replies_is_called_with_more() -> None:
    logs = f"{HYPERVISOR}.Logs"
    assert refusal(ROOT, logs, False, tenant="acme") == ("org.varlink.service.ExpectedMore", {})
    assert judged(ROOT, logs, True, tenant="acme").more
    assert [name for name, row in ROWS.items() if row.several and not row.how.is_unit] == []


def test_a_description_under_another_name_is_refused() -> None:
    with pytest.raises(BbhvError) as caught:
        load({"io.example": texts()[VARLINK]}, "1")
    assert str(caught.value) == "The description of io.example defines the interface org.varlink.service."
