"""Every parser against mutated input: nothing but its documented error, no more output than its bounds allow.

The input is seeded, so a failure repeats. Each case mutates good input, because random bytes rarely get past the door.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from bbhv.findings import CODES, Finding
from bbhv.formats import bundle, conffile, gitobject, jsontext, schema, unitfile
from bbhv.formats.jsontext import Json
from bbhv.formats.schema_pattern import translate
from bbhv.formats.schema_types import SchemaError

FIXTURES = Path(__file__).parent / "fixtures/formats"
SCHEMAS = Path(__file__).parents[2] / "schemas"
ROUNDS = 2500
TOKENS = [
    b"\0", b"\n", b"\r", b"\\", b'"', b"'", b"=", b"[", b"]", b"{", b"}", b",", b":", b"#", b";", b" ", b"\t", b"-",
    b"0",
    b"9" * 30, b"1e999", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\\u", b"\\ud800", b"null",
    b"NaN",
    b"\\\n", b"[" * 70, b"x" * 300, b"tree ", b"100644 ", b"40000 ", b"@filter",
    b"\nparent ", b"gpgsig ",
    b" refs/heads/", b"..",
]


def mutated(seeds: list[bytes], rounds: int = ROUNDS) -> Iterator[bytes]:
    """Good inputs with a few random edits: tokens put in, pieces cut, doubled, exchanged with another input."""
    rng = random.Random(2020)
    for _ in range(rounds):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 4)):
            at = rng.randint(0, len(data))
            end = min(len(data), at + rng.choice((1, 2, 8, 60)))
            edit = rng.randint(0, 5)
            if edit == 0:
                data[at:at] = rng.choice(TOKENS)
            elif edit == 1:
                data[at:end] = rng.choice(TOKENS)
            elif edit == 2:
                del data[at:end]
            elif edit == 3:
                data[at:at] = data[at:end] * 2
            elif edit == 4:
                data[at:end] = bytes(rng.randrange(256) for _ in range(end - at))
            else:
                other = rng.choice(seeds)
                data[at:] = other[rng.randint(0, len(other)) :]
        yield bytes(data)


def sound(findings: tuple[Finding, ...], data: bytes) -> None:
    """Findings have known codes, sentences, and places inside of the input."""
    lines = max(data.count(b"\n"), data.count(b"\r")) + 1
    for finding in findings:
        assert finding.code in CODES
        assert finding.message.endswith(".") and str(finding).isprintable()
        assert 0 <= finding.place.line <= lines + data.count(b"\r")
        assert 0 <= finding.place.column <= len(data) + 1


def test_unit_files() -> None:
    seeds = [path.read_bytes() for path in sorted((FIXTURES / "unit").iterdir())]
    for data in mutated(seeds):
        unit, findings = unitfile.parse("f", data)
        sound(findings, data)
        lines, same = unitfile.parse_lines("f", data)
        assert same == findings
        assert tuple(line.entry for line in lines if line.entry) == unit.entries
        assert unitfile.write_lines(lines) == data
        for entry in unit.entries:
            assert entry.key == entry.key.strip(" \t\r\n") and "\0" not in entry.value
            try:
                unitfile.split_words(entry.value)
            except ValueError as error:
                assert str(error).endswith(".")


def test_what_reads_can_be_rendered_and_reads_the_same_again() -> None:
    seeds = [path.read_bytes() for path in sorted((FIXTURES / "unit").iterdir())]
    rendered = 0
    for data in mutated(seeds, 500):
        unit, _ = unitfile.parse("f", data)
        try:
            text = unitfile.render([(entry.section, [(entry.key, entry.value)]) for entry in unit.entries])
        except ValueError:
            continue
        again, findings = unitfile.parse("f", text.encode())
        assert findings == ()
        pairs = [[(entry.section, entry.key, entry.value) for entry in one.entries] for one in (unit, again)]
        assert pairs[0] == pairs[1]
        rendered += 1
    assert rendered > 50


def constant(name: str) -> None:
    raise ValueError(name)


def test_json_documents() -> None:
    seeds = [
        b'{"a": [1, -2.5e3, true, null, "x\\n\\u00e9\\ud83d\\ude00"], "b": {"c": {}, "d": []}, "": ""}',
        b"[[[]], 1, 2, 3]", b'"x"', b" 12 ", '{"\u00f6": "\u2028"}'.encode(), b"[0.5, 1E2, -0, false]\n",
    ]
    ours = ("more than once", "half of", "deeply", "too large", "order mark")  # the decoder takes these
    good = 0
    for data in mutated(seeds):
        located, findings = jsontext.parse("f", data)
        sound(findings, data)
        assert located is not None or findings
        if located is not None and not findings:
            assert located.value == json.loads(data.decode(), parse_constant=constant)
            assert jsontext.parse("f", jsontext.dump(located.value).encode())[0] == jsontext.Located(
                "f", located.value, jsontext.dump(located.value)
            )
            good += 1
        elif not any(word in str(findings) for word in ours):
            with pytest.raises(ValueError, match="."):
                json.loads(data.decode(), parse_constant=constant)
    assert good > 150


def commits_and_trees(suffix: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((FIXTURES / "git").rglob(f"*{suffix}"))]


def test_commits() -> None:
    for data in mutated(commits_and_trees(".commit")):
        try:
            commit = gitobject.parse_commit(data)
        except gitobject.GitFormatError as error:
            assert error.message.endswith(".")
            continue
        assert len(commit.signed_payload) <= len(data)
        assert commit.signature is not None or b"\ngpgsig" not in commit.signed_payload.partition(b"\n\n")[0]


def test_trees() -> None:
    for data in mutated(commits_and_trees(".tree")):
        for length in (20, 32):
            try:
                entries = gitobject.parse_tree(data, length)
            except gitobject.GitFormatError as error:
                assert error.message.endswith(".")
                continue
            written = b"".join(b"%o %s\0%s" % (one.mode, one.name, bytes.fromhex(one.oid)) for one in entries)
            assert written == data
            for one in entries:
                assert bool(gitobject.name_problem(one.name)) == (gitobject.is_safe_path_component(one.name) is None)


def test_packed_refs() -> None:
    for data in mutated(commits_and_trees("packed-refs")):
        try:
            refs = gitobject.parse_packed_refs(data.decode("utf-8", "replace"))
        except gitobject.GitFormatError as error:
            assert error.message.endswith(".")
            continue
        assert all(gitobject.is_ref_name(name) and len(oid) in (40, 64) for name, oid in refs.items())


def test_bundle_headers() -> None:
    for data in mutated(commits_and_trees(".bundle")):
        try:
            header = bundle.parse_header(data)
        except (bundle.BundleFormatError, bundle.BundleIncompleteError) as error:
            assert error.message.endswith(".")
            continue
        assert data[: header.size].endswith(b"\n\n") and header.size <= bundle.MAX_HEADER
        assert 0 < len(header.references) <= bundle.MAX_REFERENCES


def test_configuration_listings() -> None:
    rng = random.Random(4)
    parts = ["/etc/x", "/run/x", "/usr/x", "/", "a.conf", "a.conf.d", "b.conf", ".conf", "..", "\udcff.conf", ""]
    for _ in range(ROUNDS):
        files: dict[str, bytes | None] = {
            "/".join(rng.choices(parts, k=rng.randint(1, 4))): rng.choice((None, b"", b"x")) for _ in range(8)
        }
        chosen = conffile.order("a", files, ("/etc/x", "/run/x", "/usr/x"))
        assert all(files[path] for path in chosen) and len(set(chosen)) == len(chosen)


def test_schemas_and_documents() -> None:
    seeds = [path.read_bytes() for path in sorted(SCHEMAS.glob("*.schema.json"))]
    document: Json = {"apiVersion": "bitbuilder.io/v1", "tenant": "a", "grants": {"cpus": 1}, "labels": {"a": "b"}}
    compiled = 0
    for data in mutated(seeds, 250):
        located, _ = jsontext.parse("f", data)
        if located is None:
            continue
        try:
            checker = schema.compile(located.value)
            problems = checker.problems(document)
        except SchemaError as error:
            assert error.message.endswith(".") and len(error.message) < 500
            continue
        compiled += 1
        assert len(problems) <= 200
    assert compiled > 20


def test_documents_against_our_schemas() -> None:
    schemas = []
    for path in sorted(SCHEMAS.glob("*.schema.json")):
        located, _ = jsontext.parse("f", path.read_bytes())
        assert located is not None
        schemas.append(schema.compile(located.value))
    seeds = [
        b'{"apiVersion": "bitbuilder.io/v1", "tenant": "acme", "repository": "https://x/y", '
        b'"trust": {"commits": "unsigned"},'
        b' "hosts": ["*"], "grants": {"cpus": 4, "memory": "4G", "ports": ["tcp:1-2"], "vlans": [1]}}',
        b'{"apiVersion": "bitbuilder.io/v1", "tenant": "acme", "owner": {"email": "a@b"}, "labels": {"env": "prod"},'
        b' "lifecycle": {"healthTimeoutSec": 60}, "defaults": {"grants": {"internet": true}}}',
    ]
    for data in mutated(seeds, 600):
        located, _ = jsontext.parse("f", data)
        if located is not None:
            for checker in schemas:
                sound(checker.check(located), data)


def test_patterns() -> None:
    rng = random.Random(5)
    pieces = ["a", "\\d", "[", "]", "^", "$", "(", ")", "(?:", "(?<n>", "\\k<n>", "{2}", "{,", "*", "+", "?", "|", "\\",
              "\\S", "\\u{1F600}", "\\ud83d", "-", "\\1", "&&", "\\x4", "\\p{L}", "(?P<", "\\-", "."]
    for _ in range(ROUNDS):
        pattern = "".join(rng.choices(pieces, k=rng.randint(1, 8)))
        try:
            translate(pattern)
            schema.compile({"pattern": pattern}).problems("aa-a")
        except (ValueError, SchemaError) as error:
            assert str(error).endswith(".")
