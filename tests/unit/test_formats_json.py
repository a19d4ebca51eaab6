"""JSON: strict, with the place of everything, and never an exception."""

import json
import random

import pytest

from bbhv.findings import Place
from bbhv.formats.jsontext import Json, Located, dump, parse, pretty


def good(data: bytes | str) -> Located:
    """The document, which has no findings."""
    located, findings = parse("f.json", data.encode() if isinstance(data, str) else data)
    assert located is not None and findings == ()
    return located


def shown(data: bytes | str) -> list[str]:
    """The findings of a document as they print."""
    return [str(finding) for finding in parse("f.json", data.encode() if isinstance(data, str) else data)[1]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None), (" true\r\n", True), ("false", False), ("0", 0), ("-0", 0), ("-12.5e-1", -1.25), ("1E2", 100.0),
        ("18446744073709551615", (1 << 64) - 1), ("-9223372036854775808", -(1 << 63)), ('""', ""), ('"é\\u00e9"', "éé"),
        ('"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\/\b\f\n\r\t'), ('"\\ud83d\\ude00😀"', "😀😀"), ("[]", []), ("{}", {}),
        ('\t[1,\n[2, {"a": null}]]', [1, [2, {"a": None}]]), ('{"": 1, "a\\n": {}}', {"": 1, "a\n": {}}),
    ],
)
def test_good_documents_are_read(text: str, value: Json) -> None:
    assert good(text).value == value
    assert type(good(text).value) is type(value)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", "1:1: error[BB103]: File is empty."),
        (" \n", "1:1: error[BB103]: File is empty."),
        ("[1,2,]", "1:5: error[BB103]: A comma stands before the closing ]. hint: JSON has no trailing commas."),
        ('{"a":1,}', "1:7: error[BB103]: A comma stands before the closing }."),
        ('{\n  "a": 1\n  "b": 2}', "3:3: error[BB103]: Expected a comma or } in this object, not '\"'."),
        ("[1", "1:3: error[BB103]: Expected a comma or ] in this array, but the file ends."),
        ("[1,", "1:4: error[BB103]: The file ends where a value is expected."),
        ('{"a"', "1:5: error[BB103]: Key 'a' is not followed by a colon."),
        ('{"a":', "1:6: error[BB103]: The file ends where a value is expected."),
        ("{a: 1}", "1:2: error[BB103]: Expected a key, not 'a'. hint: A key is a string in double quotes."),
        ("{'a': 1}", "1:2: error[BB103]: A key is in single quotes. hint: JSON wants double quotes."),
        ("{1: 1}", "1:2: error[BB103]: Expected a key, not '1'."),
        ("{", "1:2: error[BB103]: Expected a key, not the end of the file."),
        ("['a']", "1:2: error[BB103]: Expected a value, not ''a''. hint: A string is in double quotes."),
        ("[True]", "1:2: error[BB103]: Expected a value, not 'True'. hint: Write true, false or null."),
        ("nul", "1:1: error[BB103]: Expected a value, not 'nul'."),
        ("[NaN, -Infinity]", "1:2: error[BB103]: NaN is not a number in JSON."),
        ("[01]", "1:2: error[BB103]: Expected a value, not '01'. hint: A number has no leading zero"),
        ("[+1]", "1:2: error[BB103]: Expected a value, not '+1'. hint: A number"),
        ("[.5]", "1:2: error[BB103]: Expected a value, not '.5'. hint: A number"),
        ("[1.]", "1:2: error[BB103]: Expected a value, not '1.'. hint: A number"),
        ("-", "1:1: error[BB103]: Expected a value, not '-'. hint: A number"),
        ("[0x10]", "1:2: error[BB103]: Expected a value, not '0x10'. hint: A number"),
        ("1e999", "1:1: error[BB103]: Number is too large. hint: Numbers must fit into 64 bits."),
        ("18446744073709551616", "1:1: error[BB103]: Number is too large."),
        ("-9223372036854775809", "1:1: error[BB103]: Number is too large."),
        ("1" * 100_000, "1:1: error[BB103]: Number is too large."),
        ('"abc', "1:1: error[BB103]: The string is not closed on its line."),
        ('["a\nb"]', "1:2: error[BB103]: The string is not closed on its line."),
        ('"a\tb"', "1:3: error[BB103]: A string holds a control character. hint: Write it as \\u0009."),
        ('"a\0b"', "1:3: error[BB103]: A string holds a control character. hint: Write it as \\u0000."),
        ('"a\\qb"', "1:3: error[BB103]: \\q is not an escape sequence of JSON."),
        ('"\\u12g4"', "1:2: error[BB103]: \\u is not followed by four hexadecimal digits."),
        ('{"a": 1 // x\n}', "1:9: error[BB103]: Expected a comma or } in this object, not '/'. hint: JSON has no com"),
        ("# x\n{}", "1:1: error[BB103]: Expected a value, not '#'. hint: JSON has no comments."),
        ("{} {}", "1:4: error[BB103]: The document ends before '{'. hint: Remove what follows the document."),
        ("\x0b1", "1:1: error[BB103]: Expected a value, not '\\x0b'."),
        (b"[\xe9]", "1:2: error[BB101]: File is not valid UTF-8 text."),
        ("ä\n".encode() + b"  \xff", "2:3: error[BB101]: File is not valid UTF-8 text."),
        (b'"\xed\xa0\x80"', "1:2: error[BB101]: File is not valid UTF-8 text."),
        ("[" * 65 + "]" * 65, "1:65: error[BB105]: Arrays and objects are nested too deeply."),
        ('{"a":' * 500_00, "1:321: error[BB105]: Arrays and objects are nested too deeply."),
        ("[" * (1 << 20), "1:65: error[BB105]: Arrays and objects are nested too deeply."),
        (" " * (1 << 20) + "1", " error[BB105]: File is larger than 1048576 bytes."),
    ],
)
def test_a_bad_document_is_refused_with_its_reason_and_place(data: str | bytes, expected: str) -> None:
    located, findings = parse("f.json", data.encode() if isinstance(data, str) else data)
    assert located is None
    assert str(findings[0]).startswith(f"f.json:{expected}")


def test_findings_that_leave_the_meaning_clear_leave_the_document() -> None:
    located, findings = parse("f", b'\xef\xbb\xbf{"a": [1], "b": "\\ud800x", "a": [2, 3],\n "a": 4}')
    assert located is not None and located.value == {"a": 4, "b": "\ufffdx"}
    assert located.where(("a",), key=True) == Place("f", 2, 2)
    assert [(finding.place.line, finding.place.column) for finding in findings] == [(1, 1), (1, 18), (1, 28), (2, 2)]
    assert {finding.code for finding in findings} == {"BB103"}
    assert "Key 'a' is given more than once" in findings[2].message


@pytest.mark.parametrize("text", ['"\\udc00"', '"\\ud800\\ud800"', '"\\ud800\\u0041"', '{"\\udfff": 1}'])
def test_half_characters_are_found(text: str) -> None:
    assert "is half of a character" in shown(text)[0]


def test_all_findings_come_at_once_up_to_a_bound() -> None:
    assert [line.split(":")[2] for line in shown('[NaN, 1e999, "\\udc00", Infinity]')] == ["2", "7", "15", "24"]
    _, findings = parse("f", b'{"a": 0' + b', "a": 0' * 5000 + b"}")
    assert len(findings) == 100


def test_the_limits_are_the_callers() -> None:
    assert parse("f", b"[[1]]", max_depth=2)[0] is not None
    assert parse("f", b"[[[1]]]", max_depth=2)[1][0].code == "BB105"
    assert parse("f", b"[[1]]", max_size=4)[1][0].code == "BB105"
    assert good("[" * 64 + "]" * 64).value is not None


def test_places_of_values_and_keys() -> None:
    located = good('{\n "a": [1,\n {"b" : [] , "ö":  "x"}],\n  "d":null}')
    places = {
        (): "1:1", ("a",): "2:7", ("a", 0): "2:8", ("a", 1): "3:2", ("a", 1, "b"): "3:9", ("a", 1, "ö"): "3:20",
        ("d",): "4:7", ("z",): "1:1", ("a", 7): "2:7", ("a", "x"): "2:7", ("d", 0): "4:7", ("a", 1, "b", 0): "3:9",
        ("a", -1): "2:7",
    }
    for path, place in places.items():
        assert str(located.where(path)) == f"f.json:{place}"
    assert str(located.where(("a", 1, "ö"), key=True)) == "f.json:3:14"
    assert str(located.where(("a", 1), key=True)) == "f.json:3:2"
    assert str(located.where((), key=True)) == "f.json:1:1"


def anything(rng: random.Random, depth: int) -> Json:
    """A random value."""
    kind = rng.randint(0, 7 if depth else 4)
    if kind == 0:
        return rng.choice((None, True, False))
    if kind == 1:
        return rng.choice((0, 1, -1, rng.getrandbits(60), rng.random(), -1e-7, 1e300))
    if kind <= 4:
        return "".join(rng.choices('a"\\/\n\t é\u2028😀{[,:]}1', k=rng.randint(0, 8)))
    if kind == 5:
        return [anything(rng, depth - 1) for _ in range(rng.randint(0, 4))]
    names = ["".join(rng.choices('ab"\\é \n', k=rng.randint(0, 3))) for _ in range(rng.randint(0, 4))]
    return {name: anything(rng, depth - 1) for name in names}


def paths(value: Json) -> list[tuple[tuple[str | int, ...], Json]]:
    """Every part of a value with its path."""
    found: list[tuple[tuple[str | int, ...], Json]] = [((), value)]
    if isinstance(value, list):
        found += [((index, *path), part) for index, item in enumerate(value) for path, part in paths(item)]
    elif isinstance(value, dict):
        found += [((name, *path), part) for name, member in value.items() for path, part in paths(member)]
    return found


def test_every_part_of_any_document_is_where_it_is_said_to_be() -> None:
    rng = random.Random(11)
    for _ in range(150):
        value = anything(rng, 5)
        for text in (dump(value), pretty(value)):
            located = good(text)
            assert located.value == value
            lines = text.split("\n")
            for path, part in paths(value):
                place = located.where(path)
                rest = "\n".join((lines[place.line - 1][place.column - 1 :], *lines[place.line :]))
                assert json.JSONDecoder().raw_decode(rest)[0] == part
                if path and isinstance(path[-1], str):
                    place = located.where(path, key=True)
                    rest = lines[place.line - 1][place.column - 1 :]
                    assert json.JSONDecoder().raw_decode(rest)[0] == path[-1]


def test_the_canonical_text_is_one_and_readable() -> None:
    assert dump({"b": [1, 2.5, None], "a": "é"}) == '{"a":"\\u00e9","b":[1,2.5,null]}\n'
    assert dump({"b": 1, "a": 2}) == dump({"a": 2, "b": 1})
    assert pretty({"b": ["é"], "a": {}}) == '{\n  "b": [\n    "é"\n  ],\n  "a": {}\n}\n'
    assert pretty("\udcff") == '"\\udcff"\n'
    for write in (dump, pretty):
        with pytest.raises(ValueError, match="not JSON compliant"):
            write(float("nan"))
