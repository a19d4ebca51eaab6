"""The varlink wire: what is read of the bytes of a peer, what is refused, and where the bounds are."""

import random

import pytest

from bbhv.formats.jsontext import Json
from bbhv.formats.varlink import (
    MAX_DEPTH,
    MAX_MESSAGE,
    Call,
    Framer,
    Reply,
    WireError,
    encode_call,
    encode_reply,
    parse_call,
    parse_reply,
    too_deep,
)


def test_a_call_comes_back_as_it_was_sent() -> None:
    call = Call("io.example.More.Look", {"name": "ö\0\"\\", "list": [1, 1.5, True, None, {}]}, more=True)
    assert encode_call(call).endswith(b"\0")
    assert parse_call(encode_call(call)[:-1]) == call


def test_a_reply_comes_back_as_it_was_sent() -> None:
    for reply in (Reply({"a": 1}), Reply({"a": 1}, continues=True), Reply({"tenant": "x"}, "io.example.Broken")):
        assert parse_reply(encode_reply(reply)[:-1]) == reply


def test_only_the_last_byte_of_a_message_is_nul() -> None:
    data = encode_reply(Reply({"text": "a\0b"}))
    assert data.index(0) == len(data) - 1


def test_parameters_and_flags_may_be_absent_or_null() -> None:
    assert parse_call(b'{"method":"a.B"}') == Call("a.B", {})
    assert parse_call(b' {"method":"a.B","parameters":null,"more":null,"oneway":null} ') == Call("a.B", {})


def test_what_no_text_can_hold_is_sent_as_a_question_mark() -> None:
    assert parse_reply(encode_reply(Reply({"file": "caf\udce9"}))[:-1]).parameters == {"file": "caf?"}


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (b"", "A message is not valid JSON."),
        (b"{", "A message is not valid JSON."),
        (b'{"method":"a.B"} x', "A message is not valid JSON."),
        (b"{'method':'a.B'}", "A message is not valid JSON."),
        (b'{"method":"a\nB"}', "A message is not valid JSON."),
        (b'\xef\xbb\xbf{"method":"a.B"}', "A message is not valid JSON."),
        (b'{"method":"a.\xffB"}', "A message is not valid UTF-8 text."),
        (b'{"method":"a.\xed\xa0\x80B"}', "A message is not valid UTF-8 text."),
        (b'{"method":"a.B","parameters":{"x":"\\ud800"}}', "A message is not valid UTF-8 text."),
        (b'{"method":"a.B","parameters":{"x":"\\uDC00"}}', "A message is not valid UTF-8 text."),
        (b"[]", "A message is not a JSON object."),
        (b"null", "A message is not a JSON object."),
        (b"{}", "A call names no method."),
        (b'{"method":""}', "A call names no method."),
        (b'{"method":7}', "A call names no method."),
        (b'{"method":"a.B","method":"a.B"}', "A JSON object has a key twice."),
        (b'{"method":"a.B","parameters":{"x":{"y":1,"y":2}}}', "A JSON object has a key twice."),
        (b'{"method":"a.B","fds":1}', "A message has a key that varlink does not know."),
        (b'{"method":"a.B","parameters":[]}', "The parameters of a message are not a JSON object."),
        (b'{"method":"a.B","more":1}', "The flag more of a message is neither true nor false."),
        (b'{"method":"a.B","oneway":"no"}', "The flag oneway of a message is neither true nor false."),
        (b'{"method":"a.B","more":true,"oneway":true}', "A call asks for no reply and for several at once."),
        (b'{"method":"a.B","parameters":{"x":NaN}}', "NaN is not JSON."),
        (b'{"method":"a.B","parameters":{"x":-Infinity}}', "-Infinity is not JSON."),
        (b'{"method":"a.B","parameters":{"x":1e999}}', "A number is too large or too long."),
        (b'{"method":"a.B","parameters":{"x":' + b"9" * 65 + b"}}", "A number is too long."),
        (b'{"method":"a.B","parameters":{"x":0.' + b"9" * 65 + b"}}", "A number is too large or too long."),
    ],
)
def test_what_is_not_a_call_is_refused_with_the_reason(message: bytes, sentence: str) -> None:
    with pytest.raises(WireError) as caught:
        parse_call(message)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (b'{"error":""}', "The error of a reply is not a name."),
        (b'{"error":3}', "The error of a reply is not a name."),
        (b'{"error":"a.B","continues":true}', "An error reply promises another reply."),
        (b'{"method":"a.B"}', "A message has a key that varlink does not know."),
    ],
)
def test_what_is_not_a_reply_is_refused_with_the_reason(message: bytes, sentence: str) -> None:
    with pytest.raises(WireError) as caught:
        parse_reply(message)
    assert str(caught.value) == sentence


def test_escaped_characters_outside_the_first_plane_are_whole() -> None:
    assert parse_call(b'{"method":"a.B","parameters":{"x":"\\ud83d\\ude00"}}').parameters == {"x": "\U0001f600"}


def test_a_backslash_before_ud_is_no_escape() -> None:
    assert parse_call(b'{"method":"a.B","parameters":{"x":"\\\\ud800"}}').parameters == {"x": "\\ud800"}


def nested(depth: int) -> bytes:
    """A call whose deepest value is `depth` levels down; call and parameters are the first two."""
    return b'{"method":"a.B","parameters":{"x":' + b"[" * (depth - 2) + b"]" * (depth - 2) + b"}}"


def test_a_message_may_be_as_deep_as_the_limit_and_no_deeper() -> None:
    assert parse_call(nested(MAX_DEPTH)).method == "a.B"
    with pytest.raises(WireError) as caught:
        parse_call(nested(MAX_DEPTH + 1))
    assert str(caught.value) == "A message nests deeper than 64 levels."


@pytest.mark.parametrize("bomb", [b"[", b"{", b'{"a":', b"[{", b'"x"[', b"]["])
def test_a_depth_bomb_never_reaches_the_parser(bomb: bytes) -> None:
    with pytest.raises(WireError):
        parse_call(bomb * (MAX_MESSAGE // len(bomb)))


def test_brackets_in_strings_have_no_depth() -> None:
    text = b'"' + b"[" * 500 + b'\\"' + b"{" * 500 + b'\\\\"'
    assert not too_deep(b'{"a":' + text + b',"b":[' + text + b"]}", 2)
    assert too_deep(b'{"a":' + text + b',"b":[[' + text + b"]]}", 2)


def test_many_values_side_by_side_are_not_deep() -> None:
    assert not too_deep(b"[" + b"[[]],{}," * 5000 + b"0]", 3)


def test_messages_come_out_whole_however_the_bytes_arrive() -> None:
    stream = b"one\0\0three\0four"
    for size in range(1, len(stream) + 1):
        framer, messages = Framer(), []
        for start in range(0, len(stream), size):
            framer.feed(stream[start : start + size])
            while (message := framer.take()) is not None:
                messages.append(message)
        assert messages == [b"one", b"", b"three"]
        assert framer.partial


def test_a_framer_that_gave_everything_is_not_partial() -> None:
    framer = Framer()
    framer.feed(b"one\0")
    assert framer.take() == b"one"
    assert framer.take() is None
    assert not framer.partial


def test_a_message_of_exactly_the_limit_is_taken() -> None:
    framer = Framer()
    framer.feed(b"x" * MAX_MESSAGE)
    assert framer.take() is None
    framer.feed(b"\0next\0")
    message = framer.take()
    assert message is not None and len(message) == MAX_MESSAGE
    assert framer.take() == b"next"


@pytest.mark.parametrize("end", [b"", b"\0"])
def test_a_message_of_one_byte_more_is_refused_with_and_without_its_end(end: bytes) -> None:
    framer = Framer()
    framer.feed(b"x" * (MAX_MESSAGE + 1) + end)
    with pytest.raises(WireError) as caught:
        framer.take()
    assert str(caught.value) == "A message is larger than 1048576 bytes."


def mutated(source: random.Random, message: bytes) -> bytes:
    """The message with a few bytes changed, removed, repeated or put in."""
    data = bytearray(message)
    for _ in range(source.randint(1, 6)):
        at = source.randrange(len(data) + 1)
        match source.randrange(4):
            case 0:
                data[at : at + 1] = bytes([source.randrange(256)])
            case 1:
                del data[at : at + source.randint(1, 8)]
            case 2:
                data[at:at] = data[at : at + source.randint(1, 16)]
            case _:
                data[at:at] = source.choice(WORDS)
    return bytes(data)


WORDS = [b"\\u0000", b"\\ud800", b"null", b"true", b"-0", b"1e9", b"\xff", b"NaN"]
WORDS += [bytes([byte]) for byte in b'"\\{}[],:']
SEEDS: list[dict[str, Json]] = [
    {},
    {"a": [1, {"b": None}]},
    {"t": "\U0001f600\\\""},
    {"n": -1.5e3},
    {"deep": [[[[{"x": [{}]}]]]]},
]


def test_twenty_thousand_damaged_messages_give_a_call_or_a_wire_error() -> None:
    source = random.Random(20)
    good = bad = 0
    for number in range(20_000):
        call = Call("io.example.More.Look", SEEDS[number % len(SEEDS)], more=number % 3 == 0)
        try:
            read = parse_call(mutated(source, encode_call(call)[:-1]))
        except WireError:
            bad += 1
        else:
            good += 1
            assert parse_call(encode_call(read)[:-1]) == read
    assert good > 500 and bad > 5000
