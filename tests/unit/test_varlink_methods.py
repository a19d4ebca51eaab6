"""The table of methods: who may call what, in which order a call is judged, and which error says what."""

import pytest

from bbhv.errors import BbhvError
from bbhv.formats.jsontext import Json
from bbhv.formats.varlink import Call, VarlinkError
from bbhv.ipc.methods import HYPERVISOR, METHODS, VARLINK, Service, answer, load
from bbhv.ipc.peer import Caller

from .varlink_client import SCHEMAS, Engine, tenant

ROOT = Caller(1, 0, True)
NOBODY_SPECIAL = Caller(1, 1000, False)
LIST = f"{HYPERVISOR}.ListTenants"
SYNC, CONFIRM = f"{HYPERVISOR}.Sync", f"{HYPERVISOR}.Confirm"


def texts() -> dict[str, str]:
    return {path.name.removesuffix(".varlink"): path.read_text() for path in SCHEMAS.glob("*.varlink")}


def service() -> Service:
    return load(texts(), Engine(), "1.2.3")


def error(caller: Caller, method: str, **parameters: Json) -> tuple[str, dict[str, Json]]:
    with pytest.raises(VarlinkError) as caught:
        answer(service(), caller, Call(method, parameters))
    return caught.value.name, caught.value.parameters


def test_the_table_has_a_row_for_every_method_that_is_described() -> None:
    described = {f"{name}.{method}" for name, interface in service().interfaces.items() for method in interface.methods}
    assert set(METHODS) == described


def test_everybody_learns_who_answers() -> None:
    assert answer(service(), NOBODY_SPECIAL, Call(f"{VARLINK}.GetInfo", {})) == {
        "vendor": "BitBuilder",
        "product": "BitBuilder Hypervisor",
        "version": "1.2.3",
        "url": "https://bitbuilder.io/",
        "interfaces": ["io.bitbuilder.Hypervisor", "org.varlink.service"],
    }


@pytest.mark.parametrize("name", [VARLINK, HYPERVISOR])
def test_everybody_gets_the_description_word_for_word(name: str) -> None:
    reply = answer(service(), NOBODY_SPECIAL, Call(f"{VARLINK}.GetInterfaceDescription", {"interface": name}))
    assert reply == {"description": texts()[name]}


def test_an_operator_lists_all_tenants_or_one() -> None:
    everything: dict[str, Json] = {"tenants": [tenant("acme"), tenant("beta"), tenant("team-a")]}
    one: dict[str, Json] = {"tenants": [tenant("team-a")]}
    assert answer(service(), ROOT, Call(LIST, {})) == everything
    assert answer(service(), Caller(1, 1000, True), Call(LIST, {"tenant": None})) == everything
    assert answer(service(), ROOT, Call(LIST, {"tenant": "team-a"})) == one


def test_who_may_not_list_learns_nothing_from_the_parameters() -> None:
    for parameters in ({}, {"tenant": "acme"}, {"tenant": "nobody"}, {"tenant": 7}, {"what": 1}):
        assert error(NOBODY_SPECIAL, LIST, **parameters) == ("org.varlink.service.PermissionDenied", {})


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
        answer(load(more, Engine(), "1"), ROOT, Call(f"{HYPERVISOR}.Later", {}))
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

    class Empty(Engine):
        """An engine that has only just been told of a tenant."""

        def tenants(self, tenant_id: str | None) -> list[dict[str, Json]]:
            return [{"id": "acme", **nothing, "workloads": [], "drift": [], "findings": []}]

    assert answer(load(texts(), Empty(), "1"), ROOT, Call(LIST, {}))["tenants"] == Empty().tenants(None)


def test_a_sync_is_asked_for_by_an_operator_or_by_a_user_of_the_tenant() -> None:
    one = service()
    assert answer(one, ROOT, Call(SYNC, {"tenant": "beta"})) == {"tenants": ["beta"]}
    assert answer(one, ROOT, Call(SYNC, {"repository": "/srv/git/team-a.git"})) == {"tenants": ["team-a"]}
    assert answer(one, NOBODY_SPECIAL, Call(SYNC, {"tenant": "acme"})) == {"tenants": ["acme"]}
    assert isinstance(one.backend, Engine) and one.backend.asked == ["sync beta", "sync team-a", "sync acme"]


def test_a_generation_is_confirmed_by_who_may_ask_for_a_sync() -> None:
    one = service()
    assert answer(one, NOBODY_SPECIAL, Call(CONFIRM, {"tenant": "acme"})) == {"tenants": ["acme"]}
    assert isinstance(one.backend, Engine) and one.backend.asked == ["confirm acme"]
    assert error(NOBODY_SPECIAL, CONFIRM, tenant="beta") == ("org.varlink.service.PermissionDenied", {})
    assert error(ROOT, CONFIRM, tenant="nobody") == (f"{HYPERVISOR}.NoSuchTenant", {"tenant": "nobody"})


@pytest.mark.parametrize("name", ["beta", "nobody", "", "../acme", "acme\0"])
def test_a_stranger_cannot_tell_a_tenant_from_none(name: str) -> None:
    for parameters in ({"tenant": name}, {"repository": f"/srv/git/{name}.git"}):
        assert error(NOBODY_SPECIAL, SYNC, **parameters) == ("org.varlink.service.PermissionDenied", {})


def test_an_operator_is_told_that_there_is_no_such_tenant_or_repository() -> None:
    assert error(ROOT, SYNC, tenant="../x") == (f"{HYPERVISOR}.NoSuchTenant", {"tenant": "../x"})
    assert error(ROOT, SYNC, tenant="nobody") == (f"{HYPERVISOR}.NoSuchTenant", {"tenant": "nobody"})
    assert error(ROOT, SYNC, repository="/srv") == (f"{HYPERVISOR}.NoSuchRepository", {"repository": "/srv"})


@pytest.mark.parametrize("given", [{}, {"tenant": "acme", "repository": "/srv/git/acme.git"}, {"tenant": 1}])
def test_a_sync_is_of_a_tenant_or_of_a_repository(given: dict[str, Json]) -> None:
    assert error(ROOT, SYNC, **given) == ("org.varlink.service.InvalidParameter", {"parameter": "tenant"})


def test_a_description_under_another_name_is_refused() -> None:
    with pytest.raises(BbhvError) as caught:
        load({"io.example": texts()[VARLINK]}, Engine(), "1")
    assert str(caught.value) == "The description of io.example defines the interface org.varlink.service."
