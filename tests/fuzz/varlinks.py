"""What is fuzzed of varlink: calls, replies, streams of them, descriptions of interfaces, values of their types, and
what is made of the words of systemd.

Each check raises AssertionError when a promise is broken, and says whether the input was accepted.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bbhv.formats import jsontext, logentry
from bbhv.formats.varlink import Framer, Reply, WireError, encode_call, encode_reply, parse_call, parse_reply
from bbhv.formats.varlink_idl import IdlError, mismatch, parse
from bbhv.formats.varlink_text import render
from tests.fuzz import typed
from tests.host.inside.descriptions import DESCRIPTIONS

SCHEMAS = Path(__file__).parents[2] / "schemas"
CALLS = [
    b'{"method":"io.bitbuilder.Hypervisor.ListTenants","parameters":{"a":[1,{}]},"more":true}',
    b'{"method":"org.varlink.service.GetInfo","oneway":false,"parameters":null}',
    b'{"method":"a.B","parameters":{"x":"\\ud83d\\ude00 \\u0000","y":[[[[-1.5e3,true,null]]]]},"oneway":true}',
]
REPLIES = [
    b'{"parameters":{"tenants":[{"id":"acme","generation":3}]},"continues":true}',
    b'{"error":"org.varlink.service.InvalidParameter","parameters":{"parameter":"a.b[2]"}}',
    b'{"parameters":{}}', b"{}",
]  # fmt: skip
STREAMS = [b"\0".join([*CALLS, *REPLIES, b""]), b"one\0\0three\0four", b"x" * 100 + b"\0" + b"y" * 101]
LIMIT = 100
VALUES = [
    b'{"tenants": [{"id": "acme", "state": "enabled", "generation": 3, "workloads": [], "findings": []}]}',
    b'{"tenant": "acme"}', b'{"tenants": []}', b'{"x": {"a": [true, 1.5, null]}}', b"[]", b"{}",
]  # fmt: skip
ENTRIES = [
    b'{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1700000000000000","PRIORITY":"6","MESSAGE":"hello","UNIT":"x.service"}',
    b'{"__REALTIME_TIMESTAMP":"999999999999999999","MESSAGE":[104,255,0],"_SYSTEMD_UNIT":["a.service","b.service"]}',
    b'{"MESSAGE":null,"PRIORITY":["3","4"],"__CURSOR":"\\ud800"}',
]
T = TypeVar("T")
INTERFACE = parse((SCHEMAS / "io.bitbuilder.Hypervisor.varlink").read_text(encoding="utf-8"))


def call(data: bytes) -> bool:
    """A call is read, and is the same when it is sent on; or it is refused with a sentence."""
    return _message(data, parse_call, encode_call)


def reply(data: bytes) -> bool:
    """The same of a reply."""
    return _message(data, parse_reply, encode_reply)


def _message(data: bytes, read: Callable[[bytes], T], write: Callable[[T], bytes]) -> bool:
    try:
        found = read(data)
    except WireError as error:
        assert error.message.endswith(".")
        return False
    sent = write(found)
    assert sent.index(0) == len(sent) - 1 and read(sent[:-1]) == found
    return True


def stream(data: bytes) -> bool:
    """However the bytes come, out come the messages between the NULs, up to the first one that is too large."""
    framer, found, whole = Framer(LIMIT), [], data.split(b"\0")
    step = 1 + len(data) % 17
    try:
        for start in range(0, len(data), step):
            framer.feed(data[start : start + step])
            while (message := framer.take()) is not None:
                found.append(message)
    except WireError:
        assert len(whole[len(found)]) > LIMIT
    else:
        assert len(found) == len(whole) - 1 and framer.partial == bool(whole[-1])
    assert found == whole[: len(found)] and max(map(len, found), default=0) <= LIMIT
    return bool(found)


def descriptions() -> list[bytes]:
    """Good ones, small and large."""
    texts = [one.text for one in DESCRIPTIONS if one.ours]
    texts += [path.read_text(encoding="utf-8") for path in sorted(SCHEMAS.glob("*.varlink"))]
    return [text.encode() for text in texts]


def description(data: bytes) -> bool:
    """A description that reads is written, and that reads and is written the same; or its line is told."""
    try:
        found = parse(data.decode("utf-8", "surrogateescape"))
    except IdlError as error:
        line = int(error.message.removeprefix("The interface description is wrong in line ").partition(":")[0])
        assert 1 <= line <= data.count(b"\n") + 1
        return False
    text = render(found)
    assert parse(text) == found and render(parse(text)) == text and text.encode()
    return True


def value(data: bytes) -> bool:
    """Any JSON is of the type of what a method takes or gives, or not, and then it is said where."""
    located, _ = jsontext.parse("f", data)
    types = [kind for method in INTERFACE.methods.values() for kind in (method.parameters, method.reply)]
    said = [mismatch(INTERFACE, kind, located.value) for kind in types] if located else [""]
    return None in said


def entry(data: bytes) -> bool:
    """An entry of the journal is one of those that the method Logs gives, or none."""
    found = logentry.entry(data.decode("utf-8", "surrogateescape"))
    assert found is None or mismatch(INTERFACE, INTERFACE.methods["Logs"].reply, {"entry": found}) is None
    return found is not None


def types(data: bytes) -> bool:
    """For any types: what fits is accepted and comes through the wire, what is damaged is found in its place, and the
    types come through their description."""
    rng = random.Random(data)
    made = typed.interface(rng)
    assert parse(render(made)) == made
    kind = made.methods["M"].reply
    right = typed.fitting(rng, kind, made)
    assert isinstance(right, dict) and mismatch(made, kind, right) is None
    assert parse_reply(encode_reply(Reply(right))[:-1]).parameters == right
    found = typed.damaged(rng, kind, right, made)
    if found is None:
        return False
    wrong, place = found
    assert mismatch(made, kind, wrong) == place.removeprefix(".")
    return True
