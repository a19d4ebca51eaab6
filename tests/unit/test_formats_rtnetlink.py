"""rtnetlink: what we write is what the kernel's headers say, and whatever comes back is read or refused."""

import random
import struct

import pytest

from bbhv.formats import rtnetlink
from bbhv.formats.rtnetlink import End, Link

END = End("bb-a", "fe:00:00:00:00:01", 1400, 25187)


def answer(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 1, 0) + body


def error(number: int) -> bytes:
    return answer(2, struct.pack("=i", -number) + bytes(16))


def attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def link(index: int, *attributes: bytes, flags: int = 1) -> bytes:
    return answer(16, struct.pack("=BxHiII", 0, 1, index, flags, 0) + b"".join(attributes))


def test_a_request_says_its_size_and_asks_for_an_answer() -> None:
    found = rtnetlink.delete(7)
    assert struct.unpack_from("=IHHII", found) == (len(found), 17, 0x5, 1, 0)
    assert struct.unpack_from("=BxHiII", found, 16) == (0, 0, 7, 0, 0)


@pytest.mark.parametrize(
    "request_", [rtnetlink.veth(END, END), rtnetlink.vlan(END, 3, 7), rtnetlink.find("lo"),
                 rtnetlink.call(3, "lan.web.acme"), rtnetlink.change(3, up=True, master=0, end=END)]
)  # fmt: skip
def test_every_request_is_as_long_as_it_says_and_aligned(request_: bytes) -> None:
    assert struct.unpack_from("=I", request_)[0] == len(request_) and len(request_) % 4 == 0


def test_an_interface_is_read_with_what_counts() -> None:
    numbers = (attribute(kind, struct.pack("=I", value)) for kind, value in ((10, 2), (27, 25187)))
    data = link(4, attribute(3, b"bb-a\0"), *numbers)
    assert list(rtnetlink.answers(data + error(0))) == [Link(4, "bb-a", True, 2, 25187), 0]
    assert list(rtnetlink.answers(link(5, flags=0))) == [Link(5, "", False, 0, 0)]


def test_an_error_is_its_number() -> None:
    assert list(rtnetlink.answers(error(19))) == [19]


@pytest.mark.parametrize("mac", ["", "fe:00", "fe:00:00:00:00:zz", "fe:00:00:00:00:01:02"])
def test_only_a_hardware_address_is_one(mac: str) -> None:
    with pytest.raises(ValueError):
        rtnetlink.hardware(mac)


def test_whatever_comes_is_read_or_refused() -> None:
    dice = random.Random(7)
    whole = link(4, attribute(3, b"bb-a\0"), attribute(10, struct.pack("=I", 2))) + error(0)
    for _ in range(3000):
        data = bytearray(whole[: dice.randrange(len(whole) + 1)])
        for _ in range(dice.randrange(4)):
            if data:
                data[dice.randrange(len(data))] = dice.randrange(256)
        try:
            list(rtnetlink.answers(bytes(data)))
        except ValueError:
            continue
