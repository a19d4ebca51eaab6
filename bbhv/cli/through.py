"""The verbs that the service of this host does for whoever is not root: it knows who may what.

A row says which method a verb calls, which of its options the method has a word for, and what is made of the replies.
What is printed, and the exit status, are those of root, made by the same functions. A verb, or an option, without a
row needs root.
"""

import base64
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from ..engine import paths
from ..errors import EXIT_OK, BbhvError, BusyError, NotFoundError, RefusedError, UsageError
from ..formats import varlink, varlink_idl
from ..formats.jsontext import Json
from ..formats.varlink import VarlinkError
from ..host import resources
from ..ipc.client import Client, NoServiceError
from ..ipc.table import HYPERVISOR, ROWS, How, Who
from . import options, reporting, showing
from .main import Call
from .output import Output, complain, objects
from .verbs import COMMON

MAX_DATA = 780_000  # which is less than a message may have in base64
ROOT = "Run it with sudo or run0."
_NO_SERVICE = "Start it: systemctl start bitbuilder-varlink.socket; or run this with sudo or run0."
_OTHER_VERSION = "It may be of another version: systemctl restart bitbuilder-varlink.service"
_OPERATORS = "It is for operators: root, and the group of OperatorsGroup= in bitbuilder.conf."
_GOES_ON = "What the service has begun goes on; bbhv status tells how it ends."
_KINDS: Mapping[str, type[BbhvError]] = {
    "Refused": RefusedError, "NotFound": NotFoundError, "Busy": BusyError, "Failed": BbhvError
}  # fmt: skip
# The options that are a parameter of the method just as they are: the value of one that takes none is yes.
_PARAMETERS = {
    "--allow-rewind": "allowRewind", "--wait": "wait", "--commit": "commit", "--not-after": "notAfter",
    "--follow": "follow", "--since": "since", "--steps": "steps",
}  # fmt: skip


class Service:
    """The service, asked for what one command line says."""

    def __init__(self, call: Call, client: Client) -> None:
        self._call = call
        self._client = client
        self._interface = varlink_idl.parse(resources.data(f"schemas/{HYPERVISOR}.varlink").decode())

    def ask(self, method: str, **given: Json) -> dict[str, Json]:
        """The reply to a call, the last one of several. Raises as `follow`."""
        *_, last = self.follow(method, **given)
        return last

    def follow(self, method: str, **given: Json) -> Iterator[dict[str, Json]]:
        """The replies to a call with these parameters; what is None is left out. Raises BbhvError of the kind that root
        would get, and RefusedError for who may not."""
        parameters: dict[str, Json] = {name: value for name, value in given.items() if value is not None}
        try:
            for reply in self._client.stream(f"{HYPERVISOR}.{method}", parameters):
                self._check(method, reply)
                yield reply
        except VarlinkError as error:
            raise self._meant(method, error, str(given.get("tenant") or "")) from None
        except KeyboardInterrupt:
            if ROWS[f"{HYPERVISOR}.{method}"].how is How.ACT:
                complain(BbhvError("Nobody waits any more.", hint=_GOES_ON))
            raise

    def nothing(self, method: str) -> dict[str, Json]:
        """The reply of a method whose lists are all empty."""
        fields = self._interface.methods[method].reply.fields
        return {name: [] for name, kind in fields.items() if isinstance(kind, varlink_idl.Array)}

    def _check(self, method: str, reply: dict[str, Json]) -> None:
        """Whoever shows a reply may rely on its type."""
        wrong = varlink_idl.mismatch(self._interface, self._interface.methods[method].reply, reply)
        if wrong is not None:
            message = f"The reply of the service to {method} is not of its declared type at {wrong}."
            raise BbhvError(message, hint=_OTHER_VERSION)

    def _meant(self, method: str, error: VarlinkError, tenant: str) -> BbhvError:
        """An error reply as the error that root would get."""
        short = error.name.rpartition(".")[2]
        if error.name == varlink.PERMISSION_DENIED:
            return self._denied(method, tenant)
        if short == "NoSuchTenant":
            return NotFoundError(f"This host has no tenant {tenant}.", hint="bbhv list shows the tenants.")
        if short in _KINDS:
            message, hint = (str(error.parameters.get(part) or "") for part in ("message", "hint"))
            return _KINDS[short](message or "The service failed.", hint=hint)
        if error.name == varlink.INVALID_PARAMETER:
            return UsageError(f"The service does not take this {error.parameters.get('parameter')}.")
        return BbhvError(f"The service does not take this call of {method}: {error.name}.", hint=_OTHER_VERSION)

    def _denied(self, method: str, tenant: str) -> RefusedError:
        uid = os.geteuid()
        message = f"bbhv {self._call.verb.name}{tenant and f' of {tenant}'} is refused to uid {uid}."
        if ROWS[f"{HYPERVISOR}.{method}"].who is Who.OPERATORS:
            return RefusedError(message, hint=_OPERATORS)
        named = f"in its registration does not name uid {uid}" if tenant else f"of no registration names uid {uid}"
        rewind = ", or it is --allow-rewind, which is for operators" if self._call.has("--allow-rewind") else ""
        return RefusedError(message, hint=f'"access" {named}{rewind}.')


class Row(NamedTuple):
    """How the service does a verb: by a method (others may be asked besides), given the options that it has a word for,
    or that are for us to mind."""

    method: str
    do: Callable[[Service, "Row", Call, Output], int]
    options: tuple[str, ...] = ()


def through(call: Call, output: Output, address: str = paths.API) -> int:
    """Has the service do a verb. Raises RefusedError when that is for root alone."""
    row = TABLE.get(call.verb.name)
    if row is None:
        raise needs_root(call)
    known = {*row.options, *(one.name for one in COMMON)}
    for name in call.options:
        if name not in known:
            raise needs_root(call, f" {name}")
    try:
        with Client(address) as client:
            return row.do(Service(call, client), row, call, output)
    except NoServiceError as error:
        message = f"bbhv {call.verb.name} asks the service of this host, which is not there: {error.message}"
        raise BbhvError(message, hint=_NO_SERVICE) from error


def needs_root(call: Call, words: str = "") -> RefusedError:
    """The error for what the service does not do: a verb, or the words of it that are given."""
    why = "what the tenants run is for root's eyes only"
    why = "it changes what runs on this host" if call.verb.changes else why
    why = "only root may use the key of this host" if call.verb.root else why
    return RefusedError(f"bbhv {call.verb.name}{words} needs root: {why}.", hint=ROOT)


def parameters(row: Row, call: Call) -> dict[str, Json]:
    """What the options of a command line say to the method."""
    given = (one for one in call.verb.options if call.has(one.name) and one.name in row.options)
    return {_PARAMETERS[one.name]: call.get(one.name) if one.value else True for one in given
            if one.name in _PARAMETERS}  # fmt: skip


def _each(service: Service, row: Row, call: Call, given: dict[str, Json]) -> tuple[dict[str, Json], list[BbhvError]]:
    """Calls the method for each tenant that is named, else once: the replies as one, and what went wrong. Raises
    BbhvError when only one was asked and has nothing but an error to say."""
    tenants = call.tenants()
    found, wrong, said = service.nothing(row.method), [], False
    for tenant in tenants or (None,):
        try:
            for reply in service.follow(row.method, tenant=tenant, **given):
                said = True
                _join(found, reply)
        except BbhvError as error:
            if len(tenants) < 2 and not said:
                raise
            wrong.append(error)
    return found, wrong


def _join(found: dict[str, Json], reply: dict[str, Json]) -> None:
    for name, value in reply.items():
        if name == "event":
            continue  # how far it is: here the outcome is shown
        before = found.get(name)
        found[name] = [*before, *value] if isinstance(before, list) and isinstance(value, list) else value


def _looks(show: Callable[[Call, dict[str, Json], Output], None]) -> Callable[[Service, Row, Call, Output], int]:
    """What shows the replies of a method that changes nothing."""

    def do(service: Service, row: Row, call: Call, output: Output) -> int:
        reply, wrong = _each(service, row, call, parameters(row, call))
        if output.json != "off":
            output.value(reply)
        elif reply.get("tenants") == [] and not wrong:
            showing.nobody(output)
        else:
            show(call, reply, output)
        return max([EXIT_OK, *map(complain, wrong)])

    return do


def _changes(service: Service, row: Row, call: Call, output: Output) -> int:
    """What shows the outcomes of tenants."""
    options.check_tenants(call)
    given = {**parameters(row, call), **({"generation": options.generation(call)} if call.has("--to") else {})}
    bundle = options.bundle(call)
    if bundle and call.has("--system"):
        raise needs_root(call, " --system --bundle")
    if bundle:
        row, given = row._replace(method="Bundle"), {**given, "bundle": _base64(_content(bundle), bundle)}
    elif call.has("--system"):
        row = row._replace(method="SyncSystem")
    reply, wrong = _each(service, row, call, given)
    if output.json != "off":
        output.value(reply)
    else:
        reporting.show(reply, output)
        if not reply["tenants"] and not wrong and not output.quiet:
            showing.nobody(output)
    return reporting.worst([*map(complain, wrong), reporting.status(reply)])


def _plan(service: Service, row: Row, call: Call, output: Output) -> int:
    from ..model import planview
    from . import formats, plans

    form = formats.chosen(call.get("--format"), output.json)
    options.check_commit(call)
    views, statuses = [], []
    tenants = {tenant: "" for tenant in call.tenants()}
    known = {} if tenants else {str(one["id"]): one for one in objects(service.ask("ListTenants")["tenants"])}
    for tenant in tenants or known:
        try:
            told = service.ask(row.method, tenant=tenant, **parameters(row, call))["plan"]
        except NotFoundError as error:
            # What is left of somebody who is not registered here has no plan, which is nothing to complain about.
            statuses += [complain(error)] if tenant in tenants or known[tenant]["state"] is not None else []
        except BbhvError as error:
            statuses.append(complain(error))
        else:
            views.append(planview.from_json(told if isinstance(told, dict) else {}))
    if not views and not statuses and form == "text":
        showing.nobody(output)
    plans.show(views, form, output)
    return reporting.worst([*statuses, *map(plans.status, views)])


def _logs(service: Service, row: Row, call: Call, output: Output) -> int:
    from ..ipc.looking import MAX_LINES
    from . import entries

    (tenant, workload), lines = entries.whose(call), entries.lines(call)
    given = {**parameters(row, call), "workload": workload or None}
    given["lines"] = MAX_LINES if lines == "all" else min(int(lines), MAX_LINES)
    return entries.show((reply["entry"] for reply in service.follow(row.method, tenant=tenant, **given)), output)


def _monitor(service: Service, row: Row, call: Call, output: Output) -> int:
    from ..ipc.looking import MAX_LINES
    from . import watching

    tenants, lines = call.tenants(), watching.lines(call)
    if len(tenants) > 1:
        raise needs_root(call, " of several tenants")
    given = {**parameters(row, call), "lines": MAX_LINES if lines == "all" else min(int(lines), MAX_LINES)}
    return watching.watch(service.follow(row.method, tenant=tenants[0] if tenants else None, **given), output)


def _figures(call: Call, reply: dict[str, Json], output: Output) -> None:
    from .figures import show

    show(call, reply, output)


def _metrics(service: Service, row: Row, call: Call, output: Output) -> int:
    reply = service.ask(row.method)
    if output.json != "off":
        output.value(reply)
    else:
        sys.stdout.write(str(reply["text"]))
    return EXIT_OK


def _volume(service: Service, row: Row, call: Call, output: Output) -> int:
    from . import storing

    action, tenant, *names = words = storing.parsed(call)
    methods = {"snapshot": row.method, "restore": "RestoreVolume", "discard": "DiscardSnapshot"}
    if action == "export":
        raise needs_root(call, " export")
    clean: Json = None
    if action in methods:
        given: dict[str, Json] = dict(zip(("volume", "snapshot"), names))
        clean = service.ask(methods[action], tenant=tenant, **given, **parameters(row, call)).get("clean")
    return storing.show(words, {"clean": clean, **service.ask("ListVolumes", tenant=tenant)}, output)


def _purge(service: Service, row: Row, call: Call, output: Output) -> int:
    from . import purging

    def look(tenant: str, volume: str) -> list[str]:
        removed = service.ask(row.method, tenant=tenant, volume=volume or None, dryRun=True)["removed"]
        return [str(path) for path in removed] if isinstance(removed, list) else []

    return purging.purge(call, output, look, lambda tenant, volume: service.ask(
        row.method, tenant=tenant, volume=volume or None, **parameters(row, call)))  # fmt: skip


def _credential(service: Service, row: Row, call: Call, output: Output) -> int:
    from . import encrypting

    def make(tenant: str, name: str, secret: bytes) -> tuple[str, str]:
        given = parameters(row, call)
        reply = service.ask(row.method, tenant=tenant, name=name, secret=_base64(secret, "The secret"), **given)
        return str(reply["text"]), str(reply["host"])

    return encrypting.encrypt(call, output, lambda tenant: service.ask("DescribeTenant", tenant=tenant), make)


def _base64(data: bytes, what: str) -> str:
    if len(data) > MAX_DATA:
        raise RefusedError(f"{what} has more than {MAX_DATA} bytes, which is all that the service takes.", hint=ROOT)
    return base64.b64encode(data).decode("ascii")


def _content(path: str) -> bytes:
    """A file that is sent with a call; of one that is too large, the beginning."""
    with open(path, "rb") as file:
        return file.read(MAX_DATA + 1)


TABLE: Mapping[str, Row] = {
    "list": Row("ListTenants", _looks(showing.tenants)),
    "status": Row("ListTenants", _looks(showing.status)),
    "plan": Row("Plan", _plan, ("--commit", "--format")),
    "history": Row("History", _looks(showing.history)),
    "logs": Row("Logs", _logs, ("--follow", "--lines", "--since")),
    "monitor": Row("Subscribe", _monitor, ("--steps", "--lines", "--since")),
    "usage": Row("Usage", _looks(_figures)),
    "metrics": Row("Metrics", _metrics),
    "sync": Row("Sync", _changes, ("--bundle", "--system", "--allow-rewind", "--wait")),
    "apply": Row("Apply", _changes, ("--allow-rewind", "--wait")),
    "rollback": Row("Rollback", _changes, ("--to", "--wait")),
    "confirm": Row("Confirm", _changes, ("--wait",)),
    "suspend": Row("Suspend", _changes, ("--wait",)),
    "resume": Row("Resume", _changes, ("--wait",)),
    "purge": Row("Purge", _purge, ("--volume", "--yes", "--wait")),
    "volume": Row("SnapshotVolume", _volume, ("--wait",)),
    "credential": Row("EncryptCredential", _credential, ("--output", "--this-host", "--not-after")),
}
