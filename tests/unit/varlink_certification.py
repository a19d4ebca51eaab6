"""org.varlink.certification, the interface that bindings of varlink are tried with, on both sides: a service of our
library for tests alone, and a client.

A client gets an id and takes what each method gives to the next one, through all types, a method with several replies
and one without; the service knows what must come. The description of the interface is the one of the package varlink.
"""

import importlib.util
import itertools
import math
import socket
import threading
from functools import partial
from pathlib import Path

from bbhv.formats.jsontext import Json
from bbhv.formats.varlink import Call, Reply, VarlinkError
from bbhv.formats.varlink_idl import Interface, mismatch, parse
from bbhv.ipc import peer
from bbhv.ipc.methods import Asked, Service, found, load, reply_to
from bbhv.ipc.server import Limits, Server
from bbhv.ipc.table import ROWS, VARLINK, How, Row, Who

from .test_varlink_units import Unit
from .varlink_client import PATIENCE, SCHEMAS, Client

CERTIFICATION = "org.varlink.certification"
SEVERAL, ONEWAY = "Test10", "Test11"
WORDS: list[Json] = ["one", "two", "three"]
MAP: dict[str, Json] = {"foo": "Foo", "bar": "Bar"}
STRUCT: dict[str, Json] = {"bool": False, "int": 2, "float": math.pi, "string": "a lot of string"}
SET: dict[str, Json] = {"one": {}, "two": {}, "three": {}}
MY_TYPE: dict[str, Json] = {
    "object": {"method": f"{CERTIFICATION}.Test09", "parameters": {"map": MAP}},
    "enum": "two",
    "struct": {"first": 1, "second": "2"},
    "array": WORDS,
    "dictionary": MAP,
    "stringset": SET,
    "nullable": None,
    "nullable_array_struct": None,
    "interface": {
        "foo": [None, {"foo": "foo", "bar": "bar"}, None, {"one": "foo", "two": "bar"}],
        "anon": {"foo": True, "bar": False},
    },
}
LINES: list[Json] = [f"Reply number {number}" for number in range(1, 11)]
# What each method gives, which is what the next one takes.
GIVES: dict[str, dict[str, Json]] = {
    "Start": {},
    "Test01": {"bool": True},
    "Test02": {"int": 1},
    "Test03": {"float": 1.0},
    "Test04": {"string": "ping"},
    "Test05": STRUCT,
    "Test06": {"struct": STRUCT},
    "Test07": {"map": MAP},
    "Test08": {"set": SET},
    "Test09": {"mytype": MY_TYPE},
    "Test10": {"last_more_replies": LINES},
    "Test11": {},
    "End": {"all_ok": True},
}
TAKES = {"Start": {}, **{after: GIVES[before] for before, after in itertools.pairwise(GIVES)}}
FOLLOWS = dict(itertools.pairwise(GIVES))


def description() -> str:
    """The text of the interface."""
    package = importlib.util.find_spec("varlink")
    assert package and package.origin
    return (Path(package.origin).parent / f"tests/{CERTIFICATION}.varlink").read_text(encoding="utf-8")


class Certifier:
    """What the service knows: which method each client calls next."""

    def __init__(self) -> None:
        self._next: dict[str, str] = {}

    def service(self) -> Service:
        """The service of the interface, which everybody may call. Several replies need a unit."""
        rows = {f"{CERTIFICATION}.{name}": Row(Who.EVERYBODY, How.LOOK if name == SEVERAL else How.HERE, "",
                                               several=name == SEVERAL) for name in GIVES}  # fmt: skip
        own = {f"{VARLINK}.{name}": ROWS[f"{VARLINK}.{name}"] for name in ("GetInfo", "GetInterfaceDescription")}
        answers = {**{name: found(row) for name, row in own.items()}, **{name: self.answer for name in rows}}
        texts = {VARLINK: (SCHEMAS / f"{VARLINK}.varlink").read_text(), CERTIFICATION: description()}
        return load(texts, "1", answers=answers, rows={**own, **rows})

    def answer(self, service: Service, asked: Asked) -> dict[str, Json]:
        """The reply of a method, or the last one of several. Raises VarlinkError for a client that fails."""
        name, client = asked.method.rpartition(".")[2], asked.text("client_id")
        if name == "Start":
            client = f"client-{len(self._next)}"
            self._next[client] = FOLLOWS[name]
            return {"client_id": client}
        if client not in self._next:
            raise VarlinkError(f"{CERTIFICATION}.ClientIdError")
        self._judge(client, name, asked.parameters)
        if name == SEVERAL:
            for line in LINES[:-1]:
                asked.tell({"string": line})
            return {"string": LINES[-1]}
        return GIVES[name]

    def _judge(self, client: str, name: str, parameters: dict[str, Json]) -> None:
        wanted: dict[str, Json] = {"client_id": client, **TAKES[name]}
        if self._next[client] != name or _present(parameters) != _present(wanted):
            wants: Json = {"method": self._next[client], "parameters": wanted}
            raise VarlinkError(f"{CERTIFICATION}.CertificationError", {"wants": wants, "got": parameters})
        self._next[client] = FOLLOWS.get(name, "")


def _present(value: Json) -> Json:
    """A value without what is null in structs, which is the same as absent."""
    if isinstance(value, dict):
        return {name: _present(one) for name, one in value.items() if one is not None}
    return value


class Certified:
    """The service at an address, and the unit that it needs, each in a thread of its own."""

    def __init__(self, address: Path) -> None:
        self.address = str(address)
        certifier = Certifier()
        self._listener, self._units = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        for one, where in ((self._listener, self.address), (self._units, f"{address}.look")):
            one.bind(where)
            one.listen()
        self._listener.setblocking(False)
        service = certifier.service()
        server = Server([self._listener], service, identify=partial(peer.identify, operators=None), log=self._never,
                        limits=Limits(idle=0.0), units={How.LOOK: f"{address}.look"})  # fmt: skip
        self._keeper = Client(self.address)
        self._server = threading.Thread(target=server.run, daemon=True)
        self._unit = threading.Thread(target=self._answer, args=(certifier, service), daemon=True)

    def __enter__(self) -> "Certified":
        self._server.start()
        self._unit.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._keeper.socket.close()
        self._server.join(PATIENCE)
        assert not self._server.is_alive(), "the server did not leave"
        self._units.shutdown(socket.SHUT_RDWR)
        self._unit.join(PATIENCE)
        self._units.close()
        self._listener.close()

    def _never(self, text: str) -> None:
        raise AssertionError(text)

    def _answer(self, certifier: Certifier, service: Service) -> None:
        """The unit: one after the other, until nobody can ask any more."""
        while True:
            try:
                connected, _ = self._units.accept()
            except OSError:
                return
            unit = Unit(connected)
            tell = unit.asked._replace(tell=partial(_continue, unit))
            try:
                unit.say(Reply(reply_to(service, tell, certifier.answer)))
            except VarlinkError as error:
                unit.say(Reply(error.parameters, error.name))
            connected.close()


def _continue(unit: Unit, parameters: dict[str, Json]) -> None:
    unit.say(Reply(parameters, continues=True))


def certify(client: Client) -> None:
    """The client: asks a service everything, and hands on what it gets. The first thing that is wrong is told."""
    interface = parse(description())
    identity = _checked(interface, "Start", client.call(f"{CERTIFICATION}.Start"))
    given: dict[str, Json] = {}
    for name in list(GIVES)[1:]:
        parameters = {**identity, **given}
        call = Call(f"{CERTIFICATION}.{name}", parameters, more=name == SEVERAL, oneway=name == ONEWAY)
        assert mismatch(interface, interface.methods[name].parameters, parameters) is None, name
        client.send(call)
        if call.oneway:
            given = {}
        elif call.more:
            given = {"last_more_replies": _lines(interface, client)}
        else:
            given = _checked(interface, name, client.receive())
    assert given == {"all_ok": True}


def _lines(interface: Interface, client: Client) -> list[Json]:
    lines: list[Json] = []
    while True:
        reply = client.receive()
        lines.append(_checked(interface, SEVERAL, reply)["string"])
        if not reply.continues:
            return lines


def _checked(interface: Interface, name: str, reply: Reply) -> dict[str, Json]:
    assert reply.error == "", reply
    declared = interface.methods[name].reply
    # The package's service sends the id with a reply that does not have it.
    given = {key: one for key, one in reply.parameters.items() if key != "client_id" or key in declared.fields}
    assert mismatch(interface, declared, given) is None, (name, reply)
    return given
