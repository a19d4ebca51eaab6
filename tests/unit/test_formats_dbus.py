"""D-Bus: what is written is what the specification says, byte by byte, and what is read is bounded and whole."""

import struct

import pytest

from bbhv.formats import dbus
from bbhv.formats.dbus import DbusFormatError, Value, marshal, read, whole_size

# Examples of the specification's rules: sizes, padding, and an array whose length leaves out the padding before it.
BYTES: dict[str, tuple[str, list[Value], bytes]] = {
    "a boolean is four bytes": ("b", [True], b"\1\0\0\0"),
    "a number stands at a multiple of its size": ("yu", [1, 2], b"\1\0\0\0\2\0\0\0"),
    "eight bytes of a large one": ("ut", [1, 2], b"\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0"),
    "a negative number": ("i", [-1], b"\xff\xff\xff\xff"),
    "a text has its length and an end": ("s", ["foo"], b"\3\0\0\0foo\0"),
    "texts are counted in bytes": ("s", ["ü"], b"\2\0\0\0\xc3\xbc\0"),
    "a signature's length is one byte": ("g", ["as"], b"\2as\0"),
    "a variant": ("v", [("u", 5)], b"\1u\0\0\5\0\0\0"),
    "an array of texts": ("as", [["a", "b"]], b"\x0e\0\0\0\1\0\0\0a\0\0\0\1\0\0\0b\0"),
    "no element, but its padding": ("at", [[]], b"\0\0\0\0\0\0\0\0"),
    "a structure stands at eight": ("y(y)", [1, (2,)], b"\1\0\0\0\0\0\0\0\2"),
    "bytes": ("ay", [b"\7\x08"], b"\2\0\0\0\7\x08"),
}


@pytest.mark.parametrize("name", BYTES)
def test_values_are_written_as_the_specification_says(name: str) -> None:
    signature, values, expected = BYTES[name]
    assert marshal(signature, values) == expected


@pytest.mark.parametrize(("signature", "values"), [
    ("d", [1]), ("s(", ["x", 1]), ("a", [1]), ("u", []), ("u", [1, 2]), ("(us)", ["x"]), ("v", ["x"]), ("as", [1]),
])  # fmt: skip
def test_what_does_not_fit_a_signature_is_an_error(signature: str, values: list[Value]) -> None:
    with pytest.raises(ValueError, match=r"is no|shorter|longer"):
        marshal(signature, values)


def test_a_call_says_how_long_it_is_and_what_it_is() -> None:
    message = dbus.call(7, "/a/b", "org.example.I", "Do", "org.example", "sh", ("x", 0), 1)
    assert whole_size(message[: dbus.FIXED]) == len(message) and message[:4] == b"l\1\0\1"
    assert struct.unpack_from("<II", message, 4) == (len(marshal("sh", ["x", 0])), 7)
    assert b"\1\1o\0\4\0\0\0/a/b\0" in message and b"\x09\1u\0\1\0\0\0" in message and b"\x08\1g\0\2sh\0" in message


def reply(kind: int, fields: list[Value], signature: str = "", values: list[Value] = []) -> bytes:
    """A message as a peer writes it."""
    body = marshal(signature, values)
    head = marshal("yyyyuua(yv)", [ord("l"), kind, 0, 1, len(body), 1, fields])
    return head + bytes(-len(head) % 8) + body


def test_an_error_is_read_with_its_name_and_words() -> None:
    fields: list[Value] = [(5, ("u", 7)), (4, ("s", "org.example.No")), (8, ("g", "s")), (7, ("s", ":1.1"))]
    data = reply(dbus.ERROR, fields, "s", ["It is not so."])
    assert whole_size(data[: dbus.FIXED]) == len(data)
    assert read(data) == (dbus.ERROR, 7, "org.example.No", "It is not so.")
    assert read(reply(dbus.RETURN, [(5, ("u", 9))])) == (dbus.RETURN, 9, "", "")


@pytest.mark.parametrize(("signature", "value", "text"), [
    ("s", "x", "x"), ("o", "/a", "/a"), ("u", 7, "7"), ("i", -7, "-7"), ("t", 1 << 63, str(1 << 63)),
    ("b", False, "no"), ("y", 9, "9"),
    ("(uo)", (5, "/a"), "5"), ("v", ("s", "x"), "x"), ("v", ("(uo)", (5, "/a")), "5"),
    ("v", ("v", ("s", "x")), ""), ("v", ("(v)", (("s", "x"),)), ""), ("as", ["x"], ""),
])  # fmt: skip
def test_what_a_message_says_first_is_text(signature: str, value: Value, text: str) -> None:
    fields: list[Value] = [(5, ("u", 7)), (8, ("g", signature))]
    data = reply(dbus.RETURN, fields, signature, [value])
    assert read(data).text == text
    for size in range(dbus.FIXED, len(data)):
        try:
            read(data[:size])
        except DbusFormatError:
            continue


def test_a_peer_of_the_other_byte_order_is_understood() -> None:
    fields = struct.pack(">BB2sI", 5, 1, b"u\0", 3)
    data = struct.pack(">BBBBIII", ord("B"), dbus.RETURN, 0, 1, 0, 1, len(fields)) + fields
    assert whole_size(data[: dbus.FIXED]) == len(data) and read(data).answers == 3


def test_what_is_no_message_or_too_long_is_refused() -> None:
    with pytest.raises(DbusFormatError, match="larger than"):
        whole_size(struct.pack("<BBBBIII", ord("l"), 2, 0, 1, 1 << 30, 1, 0))
    with pytest.raises(DbusFormatError, match="no message"):
        whole_size(b"HTTP/1.1 400 Bad")
    whole = reply(dbus.ERROR, [(5, ("u", 7)), (4, ("s", "org.example.No")), (8, ("g", "s"))], "s", ["words"])
    with pytest.raises(DbusFormatError, match="unknown type"):
        read(whole.replace(b"\4\1s\0", b"\4\1d\0"))
    for size in range(dbus.FIXED):
        with pytest.raises(DbusFormatError):
            read(whole[:size])
    for size in range(dbus.FIXED, len(whole)):
        try:
            assert read(whole[:size]).kind == dbus.ERROR
        except DbusFormatError:
            continue
