"""What can be called, by whom, and who answers: one table.

A call passes, in this order: is there such a method, may this caller use it, are its parameters of the declared
types, what does the handler say, is the reply of the declared type. So a caller that may not use a method learns
nothing from its parameters. Handlers look things up through `Backend` and decide nothing. A method that is for a
tenant's own users too is open to everybody, and it is the backend that refuses.
"""

from typing import Callable, Mapping, Protocol

from ..errors import BbhvError, NotFoundError, RefusedError
from ..formats import varlink, varlink_idl
from ..formats.jsontext import Json
from ..formats.varlink import Call, VarlinkError
from ..names import is_name
from ..records import dataclass
from .peer import Caller

VARLINK = "org.varlink.service"
HYPERVISOR = "io.bitbuilder.Hypervisor"
NO_SUCH_TENANT = f"{HYPERVISOR}.NoSuchTenant"
NO_SUCH_REPOSITORY = f"{HYPERVISOR}.NoSuchRepository"
FAILED = f"{HYPERVISOR}.Failed"


class Backend(Protocol):
    """What the handlers ask the engine for. Every value has the JSON form that the interface description gives it."""

    def tenants(self, tenant: str | None, /) -> list[dict[str, Json]]:
        """All tenants by id, or the one tenant. Raises NotFoundError when there is no such tenant."""

    def ask(self, verb: str, tenant: str | None, repository: str | None, caller: Caller, /) -> tuple[str, ...]:
        """Asks the host to do something for a tenant, or for those of a repository; returns for whom.

        Raises RefusedError when the caller may not, NotFoundError when there is no such tenant or repository.
        """


@dataclass(frozen=True, slots=True)
class Service:
    """The interfaces offered, the engine behind them and the version that GetInfo tells."""

    interfaces: Mapping[str, varlink_idl.Interface]
    backend: Backend
    version: str


@dataclass(frozen=True, slots=True)
class Method:
    """One row: who answers, and who may ask."""

    handler: Callable[[Service, Caller, dict[str, Json]], dict[str, Json]]
    allowed: Callable[[Caller], bool]


def load(texts: Mapping[str, str], backend: Backend, version: str) -> Service:
    """The service that offers these interface descriptions (name to text). Raises IdlError, BbhvError."""
    interfaces = {name: varlink_idl.parse(texts[name]) for name in sorted(texts)}
    for name, interface in interfaces.items():
        if interface.name != name:
            raise BbhvError(f"The description of {name} defines the interface {interface.name}.")
    return Service(interfaces, backend, version)


def answer(service: Service, caller: Caller, call: Call) -> dict[str, Json]:
    """The parameters of the reply to a call. Raises VarlinkError with the error reply instead."""
    prefix, _, member = call.method.rpartition(".")
    interface = service.interfaces.get(prefix)
    if prefix and interface is None:
        raise VarlinkError(varlink.INTERFACE_NOT_FOUND, {"interface": prefix})
    if interface is None or member not in interface.methods:
        raise VarlinkError(varlink.METHOD_NOT_FOUND, {"method": call.method})
    row = METHODS.get(call.method)
    if row is None or call.upgrade:  # no method of ours turns the connection into something else
        raise VarlinkError(varlink.METHOD_NOT_IMPLEMENTED, {"method": call.method})
    if not row.allowed(caller):
        raise VarlinkError(varlink.PERMISSION_DENIED)
    signature = interface.methods[member]
    wrong = varlink_idl.mismatch(interface, signature.parameters, call.parameters)
    if wrong is not None:
        raise VarlinkError(varlink.INVALID_PARAMETER, {"parameter": wrong})
    reply = _ask(service, caller, row, call)
    wrong = varlink_idl.mismatch(interface, signature.reply, reply)
    if wrong is not None:
        raise failed(f"The reply to {call.method} is not of its declared type at {wrong}.", "This is a defect of bbhv.")
    return reply


def failed(message: str, hint: str = "") -> VarlinkError:
    """The error reply for what the caller is not to blame for."""
    return VarlinkError(FAILED, {"message": message, "hint": hint})


def _ask(service: Service, caller: Caller, row: Method, call: Call) -> dict[str, Json]:
    try:
        return row.handler(service, caller, call.parameters)
    except VarlinkError:
        raise
    except BbhvError as error:
        raise failed(error.message, error.hint) from error


def _everybody(caller: Caller) -> bool:
    return True


def _operators(caller: Caller) -> bool:
    return caller.operator


def _get_info(service: Service, caller: Caller, parameters: dict[str, Json]) -> dict[str, Json]:
    return {
        "vendor": "BitBuilder",
        "product": "BitBuilder Hypervisor",
        "version": service.version,
        "url": "https://bitbuilder.io/",
        "interfaces": list(service.interfaces),
    }


def _get_interface_description(service: Service, caller: Caller, parameters: dict[str, Json]) -> dict[str, Json]:
    interface = service.interfaces.get(str(parameters["interface"]))
    if interface is None:
        raise VarlinkError(varlink.INTERFACE_NOT_FOUND, {"interface": parameters["interface"]})
    return {"description": interface.text}


def _list_tenants(service: Service, caller: Caller, parameters: dict[str, Json]) -> dict[str, Json]:
    tenant = parameters.get("tenant")
    if tenant is None:
        return {"tenants": [*service.backend.tenants(None)]}
    try:
        # What is not a name at all is no tenant either, and does not travel further.
        if type(tenant) is not str or not is_name(tenant):
            raise NotFoundError("There is no such tenant.")
        return {"tenants": [*service.backend.tenants(tenant)]}
    except NotFoundError as error:
        raise VarlinkError(NO_SUCH_TENANT, {"tenant": tenant}) from error


def _sync(service: Service, caller: Caller, parameters: dict[str, Json]) -> dict[str, Json]:
    tenant, repository = parameters.get("tenant"), parameters.get("repository")
    if (tenant is None) == (repository is None):
        raise VarlinkError(varlink.INVALID_PARAMETER, {"parameter": "tenant"})
    return {"tenants": _request(service, caller, "sync", tenant, repository)}


def _confirm(service: Service, caller: Caller, parameters: dict[str, Json]) -> dict[str, Json]:
    return {"tenants": _request(service, caller, "confirm", parameters["tenant"], None)}


def _request(service: Service, caller: Caller, verb: str, tenant: Json, repository: Json) -> list[Json]:
    try:
        if tenant is not None and not is_name(str(tenant)):
            raise NotFoundError("There is no such tenant.") if caller.operator else RefusedError("It is no name.")
        where = str(repository) if repository is not None else None
        return [*service.backend.ask(verb, str(tenant) if tenant is not None else None, where, caller)]
    except RefusedError as error:
        raise VarlinkError(varlink.PERMISSION_DENIED) from error
    except NotFoundError as error:
        if tenant is None:
            raise VarlinkError(NO_SUCH_REPOSITORY, {"repository": repository}) from error
        raise VarlinkError(NO_SUCH_TENANT, {"tenant": tenant}) from error


METHODS: Mapping[str, Method] = {
    f"{VARLINK}.GetInfo": Method(_get_info, _everybody),
    f"{VARLINK}.GetInterfaceDescription": Method(_get_interface_description, _everybody),
    f"{HYPERVISOR}.ListTenants": Method(_list_tenants, _operators),
    f"{HYPERVISOR}.Sync": Method(_sync, _everybody),
    f"{HYPERVISOR}.Confirm": Method(_confirm, _everybody),
}
