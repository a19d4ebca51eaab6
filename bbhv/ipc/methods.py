"""What becomes of a call: whether there is such a method, whether its caller may use it, whether its parameters are of
the declared types, and whether what is answered is.

In this order: so a caller that may not use a method learns nothing from its parameters, and one that may not see a
tenant cannot tell it from one that does not exist. Nothing here looks at the host; who is admitted to which tenant,
`Service.admitted` says.
"""

import base64
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import NamedTuple, TypeVar

from ..errors import BbhvError, BusyError, NoSuchTenantError, NotFoundError, RefusedError
from ..formats import varlink, varlink_idl
from ..formats.jsontext import Json
from ..formats.varlink import Call, VarlinkError
from ..names import is_name
from ..records import dataclass
from .peer import Caller
from .table import HYPERVISOR, ROWS, WORDS, How, Row, Who

NO_SUCH_TENANT = f"{HYPERVISOR}.NoSuchTenant"
NOT_FOUND = f"{HYPERVISOR}.NotFound"
REFUSED = f"{HYPERVISOR}.Refused"
BUSY = f"{HYPERVISOR}.Busy"
FAILED = f"{HYPERVISOR}.Failed"
# What an answer may raise, and the error reply that says so: the first that fits.
_REPLIES = ((BusyError, BUSY), (NotFoundError, NOT_FOUND), (RefusedError, REFUSED), (BbhvError, FAILED))
TENANT = "tenant"


# A named tuple: one is made for every call, for a third of what a record costs.
class Asked(NamedTuple):
    """A call that was judged: its method and parameters, which are of the declared types, whether several replies are
    wanted, in whose name, which tenants it may be about (all of them, when it is None), and whether it comes from
    inside a container."""

    method: str
    parameters: dict[str, Json]
    more: bool = False
    who: str = ""
    operator: bool = False
    tenants: tuple[str, ...] | None = None
    inside: bool = False
    tell: Callable[[dict[str, Json]], None] = lambda parameters: None  # one of several replies, before the last

    @property
    def tenant(self) -> str:
        """The tenant that it names; empty for a call that is about all that its caller may see."""
        found = self.parameters.get(TENANT)
        return found if isinstance(found, str) else ""

    def text(self, name: str) -> str:
        """A parameter that is text; empty when it is left out. Raises VarlinkError for what no program can be told."""
        found = self.parameters.get(name)
        if isinstance(found, str) and "\0" in found:
            raise VarlinkError(varlink.INVALID_PARAMETER, {"parameter": name})
        return found if isinstance(found, str) else ""

    def data(self, name: str) -> bytes:
        """A parameter that is base64. Raises VarlinkError for what is none."""
        return decoded(self.parameters.get(name), name)

    def number(self, name: str) -> int | None:
        """A parameter that is a number; None when it is left out."""
        found = self.parameters.get(name)
        return found if type(found) is int else None

    def flag(self, name: str) -> bool:
        """A parameter that says yes or no; no when it is left out."""
        return self.parameters.get(name) is True


def decoded(text: Json, parameter: str) -> bytes:
    """The bytes of a text in base64, which is a parameter or a part of it. Raises VarlinkError for what is none."""
    try:
        return base64.b64decode(str(text), validate=True)
    except ValueError:  # which says of other letters what binascii.Error says of these
        raise VarlinkError(varlink.INVALID_PARAMETER, {"parameter": parameter}) from None


T = TypeVar("T")
Answer = Callable[["Service", Asked], dict[str, Json]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The interfaces offered, who answers (a function by the method's full name, for those that this process answers),
    which tenants a user of the host is admitted to, and the version that GetInfo tells. `rows` and `types` are of the
    methods that are offered, by their full names too."""

    interfaces: Mapping[str, varlink_idl.Interface]
    answers: Mapping[str, Answer]
    admitted: Callable[[Caller], tuple[str, ...]]
    version: str
    rows: Mapping[str, Row]
    types: Mapping[str, tuple[varlink_idl.Interface, varlink_idl.Method]]


def load(
    texts: Mapping[str, str], version: str, *, admitted: Callable[[Caller], tuple[str, ...]] = lambda caller: (),
    answers: Mapping[str, Answer] | None = None, rows: Mapping[str, Row] = ROWS,
) -> Service:
    """The service that offers these interface descriptions (name to text). Unless told otherwise, it answers all that
    is not for a unit of its own. Raises IdlError, BbhvError."""
    interfaces = {name: varlink_idl.parse(texts[name]) for name in sorted(texts)}
    for name, interface in interfaces.items():
        if interface.name != name:
            raise BbhvError(f"The description of {name} defines the interface {interface.name}.")
    own = {name: found(row) for name, row in rows.items() if not row.how.is_unit} if answers is None else answers
    types = {f"{name}.{member}": (one, method) for name, one in interfaces.items()
             for member, method in one.methods.items()}  # fmt: skip
    offered = {name: row for name, row in rows.items() if name in types}
    return Service(interfaces=interfaces, answers=own, admitted=admitted, version=version, rows=offered, types=types)


def found(row: Row) -> Answer:
    """The function that answers a method."""
    module, _, name = row.function.partition(":")
    function: Answer = getattr(import_module(f".{module}", __package__), name)
    return function


def row_of(service: Service, call: Call) -> Row:
    """The row of a call. Raises VarlinkError when there is no such method, or not in this way."""
    row = service.rows.get(call.method)
    if row is None or call.upgrade:  # no method of ours turns the connection into something else
        raise _missing(service, call)
    return row


def _missing(service: Service, call: Call) -> VarlinkError:
    prefix = call.method.rpartition(".")[0]
    if prefix and prefix not in service.interfaces:
        return VarlinkError(varlink.INTERFACE_NOT_FOUND, {"interface": prefix})
    known = call.method in service.types
    return VarlinkError(varlink.METHOD_NOT_IMPLEMENTED if known else varlink.METHOD_NOT_FOUND, {"method": call.method})


def judge(service: Service, row: Row, caller: Caller, call: Call) -> Asked:
    """The call as it may be answered. Raises VarlinkError for the reply that it gets instead.

    What users are admitted to may have to be read from disk; for operators, and for what is everybody's, it is not.
    """
    tenants = _tenants(service, row, caller, call)
    interface, method = service.types[call.method]
    wrong = varlink_idl.mismatch(interface, method.parameters, call.parameters)
    if wrong is not None:
        raise VarlinkError(varlink.INVALID_PARAMETER, {"parameter": wrong})
    if row.several and not call.more:
        raise VarlinkError(varlink.EXPECTED_MORE)
    name = call.parameters.get(TENANT)
    if isinstance(name, str) and not is_name(name):  # what is not a name at all travels no further
        raise VarlinkError(NO_SUCH_TENANT, {"tenant": name})
    return Asked(call.method, call.parameters, call.more, str(caller), caller.operator, tenants, bool(caller.tenant))


def _tenants(service: Service, row: Row, caller: Caller, call: Call) -> tuple[str, ...] | None:
    """Which tenants the call may be about, None for all. Raises VarlinkError for a caller that may not call it."""
    if row.who is Who.EVERYBODY or caller.operator:
        return None
    admitted: tuple[str, ...] = ()
    if row.who is Who.VIEWERS or (row.who is Who.EDITORS and caller.may_change):
        admitted = (caller.tenant,) if caller.tenant else service.admitted(caller)
    name = call.parameters.get(TENANT)
    if not admitted or (name is not None and name not in admitted) or any(map(call.parameters.get, WORDS)):
        raise VarlinkError(varlink.PERMISSION_DENIED)
    return admitted


def reply_to(service: Service, asked: Asked, answer: Answer) -> dict[str, Json]:
    """The parameters of a reply. Raises VarlinkError with the error reply instead, whatever is wrong."""

    def ask() -> dict[str, Json]:
        try:
            return checked(service, asked.method, answer(service, asked))
        except NoSuchTenantError as error:
            if asked.tenants is None:
                raise
            raise VarlinkError(varlink.PERMISSION_DENIED) from error  # it has gone since the caller was admitted

    return said(asked.method, ask)


def said(method: str, answer: Callable[[], T]) -> T:
    """What an answer to a call of a method says, with its errors as error replies: one bad call is nobody else's."""
    try:
        return answer()
    except VarlinkError:
        raise
    except BbhvError as error:
        raise as_reply(error) from error
    except OSError as error:
        raise failed(f"{error.filename or method}: {error.strerror or error}.") from error
    except Exception:  # a defect of ours, which is told in the journal
        sys.excepthook(*sys.exc_info())
        raise failed(f"{method} failed.", "This is a defect of bbhv; see its journal.") from None


def as_reply(error: BbhvError) -> VarlinkError:
    """The error reply for what went wrong."""
    if isinstance(error, NoSuchTenantError):
        return VarlinkError(NO_SUCH_TENANT, {"tenant": error.tenant})
    name = next(name for kind, name in _REPLIES if isinstance(error, kind))
    return VarlinkError(name, {"message": error.message, "hint": error.hint})


def checked(service: Service, method: str, reply: dict[str, Json]) -> dict[str, Json]:
    """The same reply, when it is of its declared type. Raises VarlinkError otherwise."""
    interface, types = service.types[method]
    wrong = varlink_idl.mismatch(interface, types.reply, reply)
    if wrong is not None:
        raise failed(f"The reply to {method} is not of its declared type at {wrong}.", "This is a defect of bbhv.")
    return reply


def failed(message: str, hint: str = "") -> VarlinkError:
    """The error reply for what the caller is not to blame for."""
    return VarlinkError(FAILED, {"message": message, "hint": hint})
