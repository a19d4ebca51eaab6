"""Messages to a varlink server, right and wrong ones, and what must come back.

What a server says in a process of its own is what its parts say here: the same error or none, once for each call and
in their order, nothing to a call that wants no reply, and the end of the connection for what is no message.
"""

import contextlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bbhv.formats import varlink
from bbhv.formats.jsontext import Json
from bbhv.formats.varlink import Call, Reply, VarlinkError, WireError, encode_call, parse_call
from bbhv.formats.varlink_idl import mismatch
from bbhv.ipc.methods import Service, judge, reply_to, row_of
from bbhv.ipc.peer import Caller
from bbhv.ipc.table import HYPERVISOR, ROWS, VARLINK
from tests.fuzz import typed
from tests.fuzz.mutate import mutated
from tests.unit.varlink_client import Client

BATCH = 100
CALLERS = (
    Caller(1, 0, True),
    Caller(1, 1000, False),
    Caller(1, 1001, False),
    Caller(1, 700_000, False, tenant="acme", may_change=False),
)
# Parameters by their names, of which a method is given those that it has.
GIVEN: dict[str, Json] = {
    "tenant": "acme", "interface": VARLINK, "level": 6, "workload": "web", "files": {"a": "YQ=="}, "bundle": "YQ==",
    "volume": "data", "snapshot": "first", "name": "key", "secret": "YQ==", "commit": None, "lines": 5, "wait": True,
    "generation": 7, "repository": "/srv/git/acme.git", "follow": False,
}  # fmt: skip


def calls(service: Service) -> list[bytes]:
    """A right call of every method, and some that are wrong in a way that mutations seldom find."""
    made = []
    for name, row in ROWS.items():
        prefix, _, member = name.rpartition(".")
        fields = service.interfaces[prefix].methods[member].parameters.fields
        made.append(Call(name, {field: GIVEN[field] for field in fields if field in GIVEN}, more=row.several))
    made += [Call(f"{HYPERVISOR}.ListTenants", {"tenant": name}) for name in ("beta", "nobody", "../x", "unreadable")]
    made += [Call(f"{VARLINK}.GetInfo", {}, oneway=True), Call("io.example.Ping", {}), Call("Ping", {})]
    return [encode_call(call)[:-1] for call in made]


def messages(service: Service, count: int, seed: int) -> Iterator[bytes]:
    """Damaged calls: every other one in its bytes, so that it mostly is no message any more, the others in what they
    say, so that they are."""
    rng, good = random.Random(seed), calls(service)
    for number, damaged in enumerate(mutated(good, count, seed)):
        yield damaged if number % 2 else _changed(rng, rng.choice(good))


def _changed(rng: random.Random, message: bytes) -> bytes:
    call = parse_call(message)
    parameters = dict(call.parameters)
    for _ in range(rng.randrange(3)):
        name = rng.choice([*parameters, "tenant", "unknown"])
        parameters[name] = rng.choice(rng.choice([*typed.RIGHT.values(), *typed.WRONG.values()]))
    if parameters and rng.random() < 0.2:
        del parameters[rng.choice(sorted(parameters))]
    method = call.method
    if rng.random() < 0.1:
        method = method[: rng.randrange(1, len(method))] + rng.choice(".xX")
    flag = rng.random()
    return encode_call(Call(method, parameters, call.more or flag < 0.1, flag > 0.95 and not call.more))[:-1]


def answer(service: Service, caller: Caller, message: bytes) -> Reply:
    """The reply to a message, which must be of its declared type, and one that a peer can read. Raises WireError."""
    call = parse_call(message)
    try:
        row = row_of(service, call)
        asked = judge(service, row, caller, call)
        reply = Reply(reply_to(service, asked, service.answers[asked.method]))
    except VarlinkError as error:
        reply = Reply(error.parameters, error.name)
    prefix, _, member = (reply.error or call.method).rpartition(".")
    interface = service.interfaces[prefix]
    declared = interface.errors[member] if reply.error else interface.methods[member].reply
    assert mismatch(interface, declared, reply.parameters) is None
    assert varlink.parse_reply(varlink.encode_reply(reply)[:-1]) == reply
    return reply


@dataclass(slots=True)
class Heard:
    """How many messages were answered, not to be answered, and hung up on, and what was not as it must be."""

    answered: int = 0
    silent: int = 0
    refused: int = 0
    wrong: int = 0

    @property
    def messages(self) -> int:
        """All of them."""
        return self.answered + self.silent + self.refused


def converse(address: str, service: Service, data: Iterable[bytes]) -> Heard:
    """Send the messages that the data holds, by root, and compare what comes with what must come."""
    heard, client, batch = Heard(), Client(address), list[tuple[bytes, Reply | None]]()
    for message in (piece for one in data for piece in one.split(b"\0")):
        try:
            call = parse_call(message)
        except WireError:
            _hear(client, batch, message + b"\0", heard)
            client.socket.close()
            client, batch = Client(address), []
            continue
        batch.append((message, None if call.oneway else answer(service, CALLERS[0], message)))
        if len(batch) == BATCH:
            _hear(client, batch, b"", heard)
            batch = []
    _hear(client, batch, b"", heard)
    client.socket.close()
    return heard


def _hear(client: Client, batch: Sequence[tuple[bytes, Reply | None]], end: bytes, heard: Heard) -> None:
    """Send calls, and perhaps what ends the connection, and read what comes."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        client.send(b"".join(message + b"\0" for message, _ in batch) + end)
    for _, expected in batch:
        if expected is None:
            heard.silent += 1
            continue
        heard.answered += 1
        heard.wrong += not _is_as_expected(client, expected)
    if end:
        heard.refused += 1
        heard.wrong += not _has_ended(client)


def _is_as_expected(client: Client, expected: Reply) -> bool:
    try:
        reply = client.receive()
    except EOFError:
        return False
    return reply.error == expected.error and not reply.continues


def _has_ended(client: Client) -> bool:
    try:
        client.receive()
    except EOFError:
        return True
    return False
