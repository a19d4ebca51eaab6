"""What is fuzzed: a row for each reader of untrusted bytes, with good inputs and what must hold for any input.

The test suite runs a bounded sample of each row; `build.py bench fuzz` runs the same rows longer, with other seeds.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bbhv.cli import shelf
from bbhv.findings import CODES, Finding
from bbhv.formats import bundle, dbus, gitobject, jsontext, unitfile
from bbhv.formats.jsontext import Json
from bbhv.formats.schema.compiler import Schema, compile_schema
from bbhv.formats.schema.pattern import translate
from bbhv.formats.schema.types import SchemaError
from bbhv.kinds.settings import read
from bbhv.kinds.source import Source
from bbhv.kinds.table import KINDS
from bbhv.model import registration, tenant
from bbhv.model.template import fill, read_template
from tests.fuzz import images, small, varlinks

FIXTURES = Path(__file__).parents[1] / "unit/fixtures"
SCHEMAS = Path(__file__).parents[2] / "schemas"
TEMPLATES = Path(__file__).parents[2] / "sysext/usr/lib/bitbuilder/templates"


@dataclass(frozen=True, slots=True)
class Target:
    """One reader. `check` raises AssertionError when a promise is broken, and says whether the input was accepted;
    of `rounds` mutations at least `floor` must be, or the good inputs are not good any more."""

    name: str
    seeds: Callable[[], list[bytes]]
    check: Callable[[bytes], bool]
    rounds: int = 2000
    floor: int = 1


def sound(findings: tuple[Finding, ...], data: bytes) -> None:
    """Findings have known codes, sentences, and places inside of the input."""
    lines = max(data.count(b"\n"), data.count(b"\r")) + 1
    for finding in findings:
        assert finding.code in CODES
        assert finding.message.endswith((".", "?")) and str(finding).isprintable()
        assert 0 <= finding.place.line <= lines + data.count(b"\r")
        assert 0 <= finding.place.column <= len(data) + 1


def files(folder: str, pattern: str = "*") -> Callable[[], list[bytes]]:
    """The fixtures below a folder as inputs."""
    return lambda: [path.read_bytes() for path in sorted((FIXTURES / folder).rglob(pattern)) if path.is_file()]


def unit_file(data: bytes) -> bool:
    """Reading and writing back loses nothing; what reads can be rendered, and reads the same again."""
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
    try:
        text = unitfile.render([(entry.section, [(entry.key, entry.value)]) for entry in unit.entries])
    except ValueError:
        return False
    again, findings = unitfile.parse("f", text.encode())
    assert findings == ()
    pairs = [[(entry.section, entry.key, entry.value) for entry in one.entries] for one in (unit, again)]
    assert pairs[0] == pairs[1]
    return bool(unit.entries)


def _constant(name: str) -> None:
    raise ValueError(name)


OURS = ("more than once", "half of", "deeply", "too large", "order mark")  # what the decoder takes, and we do not


def json_document(data: bytes) -> bool:
    """What reads is what the standard library reads; what is written of it reads the same."""
    located, findings = jsontext.parse("f", data)
    sound(findings, data)
    assert located is not None or findings
    if located is not None and not findings:
        assert located.value == json.loads(data.decode(), parse_constant=_constant)
        text = jsontext.dump(located.value)
        assert jsontext.parse("f", text.encode())[0] == jsontext.Located("f", located.value, text)
        return True
    if not any(word in str(findings) for word in OURS):
        try:
            json.loads(data.decode(), parse_constant=_constant)
        except (ValueError, RecursionError):
            return False
        raise AssertionError("the standard library reads it")
    return False


def commit(data: bytes) -> bool:
    """A commit is read whole, or refused with a sentence."""
    try:
        found = gitobject.parse_commit(data)
    except gitobject.GitFormatError as error:
        assert error.message.endswith(".")
        return False
    assert len(found.signed_payload) <= len(data)
    assert found.signature is not None or b"\ngpgsig" not in found.signed_payload.partition(b"\n\n")[0]
    return True


def git_tree(data: bytes) -> bool:
    """A tree that reads is written back to the same bytes."""
    accepted = False
    for length in (20, 32):
        try:
            entries = gitobject.parse_tree(data, length)
        except gitobject.GitFormatError as error:
            assert error.message.endswith(".")
            continue
        assert b"".join(b"%o %s\0%s" % (one.mode, one.name, bytes.fromhex(one.oid)) for one in entries) == data
        for one in entries:
            assert bool(gitobject.name_problem(one.name)) == (gitobject.is_safe_path_component(one.name) is None)
        accepted = True
    return accepted


def packed_refs(data: bytes) -> bool:
    """Only names of refs and object ids come out."""
    try:
        refs = gitobject.parse_packed_refs(data.decode("utf-8", "replace"))
    except gitobject.GitFormatError as error:
        assert error.message.endswith(".")
        return False
    assert all(gitobject.is_ref_name(name) and len(oid) in (40, 64) for name, oid in refs.items())
    return True


def bundle_header(data: bytes) -> bool:
    """A header is within its bounds, or refused with a sentence."""
    try:
        header = bundle.parse_header(data)
    except (bundle.BundleFormatError, bundle.BundleIncompleteError) as error:
        assert error.message.endswith(".")
        return False
    assert data[: header.size].endswith(b"\n\n") and header.size <= bundle.MAX_HEADER
    assert 0 < len(header.references) <= bundle.MAX_REFERENCES
    return True


DOCUMENT: Json = {"apiVersion": "bitbuilder.io/v1", "tenant": "a", "grants": {"cpus": 1}, "labels": {"a": "b"}}


def schema_itself(data: bytes) -> bool:
    """A schema compiles and checks within its bounds, or is refused with a sentence."""
    located, _ = jsontext.parse("f", data)
    if located is None:
        return False
    try:
        problems = compile_schema(located.value).problems(DOCUMENT)
    except SchemaError as error:
        assert error.message.endswith(".") and len(error.message) < 500
        return False
    assert len(problems) <= 200
    return True


@cache
def our_schemas() -> tuple[Schema, ...]:
    """The schemas that are shipped."""
    return tuple(map(our_schema, sorted(path.name.partition(".")[0] for path in SCHEMAS.glob("*.schema.json"))))


@cache
def our_schema(name: str) -> Schema:
    """One schema that is shipped."""
    located, findings = jsontext.parse(name, (SCHEMAS / f"{name}.schema.json").read_bytes())
    assert located is not None and not findings
    return compile_schema(located.value)


def documents() -> list[bytes]:
    """Documents for our own schemas."""
    return [
        b'{"apiVersion": "bitbuilder.io/v1", "tenant": "acme", "repository": "https://x/y", '
        b'"trust": {"commits": "unsigned"}, "fetch": {"credential": "git.acme", "knownHosts": []},'
        b' "hosts": ["*"], "grants": {"cpus": 4, "memory": "4G", "ports": ["tcp:1-2"], "vlans": [1]}}',
        b'{"apiVersion": "bitbuilder.io/v1", "tenant": "acme", "owner": {"email": "a@b"}, "labels": {"env": "prod"},'
        b' "lifecycle": {"healthTimeoutSec": 60}, "defaults": {"grants": {"internet": true}}}',
    ]


def document(data: bytes) -> bool:
    """Findings about a document have places inside of it."""
    located, _ = jsontext.parse("f", data)
    if located is None:
        return False
    for checker in our_schemas():
        sound(checker.check(located), data)
    return True


def register(data: bytes) -> bool:
    """A registration is read or refused."""
    one, findings = registration.parse_registration("acme.json", data, our_schema("registration"))
    sound(findings, data)
    assert one is not None or findings
    return one is not None


def pattern(data: bytes) -> bool:
    """A pattern compiles, or is refused with a sentence."""
    text = data.decode("utf-8", "replace")
    try:
        translate(text)
        compile_schema({"pattern": text}).problems("aa-a")
    except (ValueError, SchemaError) as error:
        assert str(error).endswith(".")
        return False
    return True


def _fixture(kind: str) -> list[bytes]:
    """The fixtures of a kind, each case an input."""
    return [case.encode() for path in sorted((FIXTURES / "kinds" / kind).glob("*")) if path.is_file()
            for case in path.read_text(encoding="utf-8").split("## case ")]


def declarations(data: bytes) -> bool:
    """Any bytes as any declaration: typed values that show and emit, or findings with places."""
    accepted = False
    for kind in KINDS:
        inside = {"usr/lib/extension-release.d/extension-release.x": data, "usr/lib/os-release": data}
        source = Source(
            tenant="acme", name="x", file="f", data=b"" if kind.is_tree else data, files=inside if kind.is_tree else {},
            metadata_schema=our_schema("metadata"),
        )
        one, findings = kind.read(source)
        sound(findings, data)
        assert one is not None or findings, kind.name
        accepted = accepted or one is not None
    return accepted


def tables(data: bytes) -> bool:
    """Every table reads the same bytes: what a row parses it also shows, emits and parses again."""
    unit, _ = unitfile.parse("f", data)
    for kind in KINDS:
        if kind.settings is not None:
            values, findings = read(kind.settings, unit, "f")
            sound(findings, data)
            assert all("\n" not in word and "\0" not in word for word in values.argv())
            assert all("\n" not in value for _, value in values.directives())
            assert all(char >= " " or char in "\n\t" for text in values.texts().values() for char in text)
    return bool(unit.entries)


def repository(data: bytes) -> bool:
    """A repository of mutated files, cut apart at the marks: findings, or a tenant, never an exception."""
    parts = data.split(b"\n## file ")
    texts = {}
    for part in parts:
        name, _, text = part.partition(b"\n")
        texts[name.decode("utf-8", "backslashreplace")[:200]] = text
    found, findings = tenant.read_tenant(texts, "acme", our_schema("metadata"))
    assert found is not None or findings
    for finding in findings:
        assert finding.code in CODES and str(finding).isprintable()
    return found is not None


def repositories() -> list[bytes]:
    """Every template as one text."""
    texts = [fill(shelf.template(name, ()), {}, "acme") for name in shelf.names(())]
    return [b"\n## file ".join(f"{path}\n".encode() + one[path] for path in sorted(one)) for one in texts]


def declared(data: bytes) -> bool:
    """A mutated template.conf: what it declares can be filled in, and what is filled in ends no line."""
    files = {"template.conf": data, "web.nspawn": b"A=@PORT@ @TITLE@ @IMAGE@\n", "a.json": b'["@PORT@", "@TITLE@"]'}
    made, findings = read_template("mine", files, "f")
    sound(findings, data)
    if made is None:
        assert findings
        return False
    texts = fill(made, {}, "acme")
    assert texts["web.nspawn"].count(b"\n") == 1 and isinstance(json.loads(texts["a.json"]), list)
    return bool(made.parameters)


KIND_NAMES = tuple(sorted(path.name for path in (FIXTURES / "kinds").iterdir() if path.is_dir()))

def message_of_dbus(data: bytes) -> bool:
    """A whole message: nothing but the documented error, and a text that the message has."""
    try:
        answer = dbus.read(data)
    except dbus.DbusFormatError:
        return False
    assert len(answer.text.encode("utf-8", "replace")) <= 3 * len(data)
    return True


TARGETS = (
    Target("unit files", files("formats/unit"), unit_file, floor=50),
    Target("JSON", lambda: [
        b'{"a": [1, -2.5e3, true, null, "x\\n\\u00e9\\ud83d\\ude00"], "b": {"c": {}, "d": []}, "": ""}',
        b"[[[]], 1, 2, 3]", b'"x"', b" 12 ", '{"\u00f6": "\u2028"}'.encode(), b"[0.5, 1E2, -0, false]\n",
    ], json_document, floor=60),  # fmt: skip
    Target("commits", files("formats/git", "*.commit"), commit),
    Target("trees", files("formats/git", "*.tree"), git_tree),
    Target("packed refs", files("formats/git", "packed-refs"), packed_refs),
    Target("bundle headers", files("formats/git", "*.bundle"), bundle_header),
    Target("schemas", lambda: [path.read_bytes() for path in sorted(SCHEMAS.glob("*.schema.json"))], schema_itself,
           rounds=250, floor=15),
    Target("documents", documents, document, rounds=400, floor=20),
    Target("registrations", documents, register, rounds=1000, floor=0),
    Target("patterns", lambda: [b"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", rb"^(?<n>\d{2,}|[^\S\-]|\u{1F600})\k<n>+?$",
                                rb"\p{Lu}|\P{L}|\x41\cJ(?=a)(?!b)"], pattern, rounds=1000, floor=50),
    Target("varlink calls", lambda: varlinks.CALLS, varlinks.call, floor=20),
    Target("varlink replies", lambda: varlinks.REPLIES, varlinks.reply, floor=20),
    Target("varlink streams", lambda: varlinks.STREAMS, varlinks.stream, floor=500),
    Target("varlink descriptions", varlinks.descriptions, varlinks.description, rounds=1000, floor=20),
    Target("varlink types", lambda: varlinks.STREAMS, varlinks.types, rounds=1000, floor=500),
    Target("entries of the journal", lambda: varlinks.ENTRIES, varlinks.entry, rounds=1000, floor=30),
    Target("settings tables", lambda: [case for kind in KIND_NAMES for case in _fixture(kind)], tables, rounds=500,
           floor=200),
    Target("declarations", lambda: [case for kind in KIND_NAMES for case in _fixture(kind)] + documents(),
           declarations, rounds=300, floor=0),
    Target("release files", lambda: small.RELEASES, small.release, floor=20),
    Target("versions", lambda: [b"257.13-1~deb13u1", b"5.11.0-0.rc5.git76c057.137.fc34"], small.version, floor=50),
    Target("credentials", lambda: [small.BLOB], small.blob, rounds=1000, floor=10),
    Target("public keys", small.keys, small.key, rounds=1000, floor=10),
    Target("signatures", small.signatures, small.signature_of_a_commit, floor=5),
    Target("certificates", small.certificates, small.certificate, rounds=1000, floor=10),
    Target("status lines", lambda: [small.STATUS], small.gpgv_lines, rounds=1000, floor=20),
    Target("verifiers", lambda: small.PATHS, small.verifiers, rounds=1000, floor=100),
    Target("files of kinds", lambda: [*small.RELEASES, *small.SCRIPTS, small.BLOB], small.whole_files, rounds=1000,
           floor=50),
    Target("replies of web servers", lambda: small.REPLIES, small.reply, rounds=1000, floor=10),
    Target("statuses of web servers", lambda: [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 404\r\nx"], small.status, floor=5),
    Target("answers of git servers", lambda: small.ANSWERS, small.branch, rounds=1000, floor=5),
    Target("messages of D-Bus", lambda: [
        dbus.call(7, "/org/example", "org.example.A", "Do", "org.example", "s", ("x",)),
    ], message_of_dbus, rounds=1000, floor=10),  # fmt: skip
    Target("frames", lambda: small.FRAMES, small.frame, rounds=1000, floor=10),
    Target("texts of a format", lambda: small.TEXTS, small.text_formats, rounds=1000, floor=200),
    Target("values of the interface", lambda: varlinks.VALUES, varlinks.value, rounds=1000, floor=10),
    Target("labels of metrics", lambda: small.TEXTS, small.label, floor=2000),
    Target("partition tables", images.disks, images.partition_table, rounds=600, floor=10),
    Target("programs for UEFI", images.programs, images.boot_program, rounds=1000, floor=10),
    Target("boot entries", lambda: images.ENTRIES, images.boot_entry, floor=50),
    Target("listings", lambda: images.LISTINGS, images.listing, floor=50),
    Target("declarations of templates", lambda: [path.read_bytes() for path in sorted(TEMPLATES.glob("*/*.conf"))],
           declared, rounds=500, floor=10),
    Target("repositories", repositories, repository, rounds=500, floor=10),
)  # fmt: skip
