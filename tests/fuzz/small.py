"""What is fuzzed of the small formats: release files, credentials, keys, paths of verifiers, scripts, extensions,
frames of the sandboxed units, answers of servers, the texts that a schema's formats are about, labels of metrics.

Each check raises AssertionError when a promise is broken, and says whether the input was accepted.
"""

import re
from pathlib import Path

from bbhv.findings import CODES, Finding
from bbhv.formats import (
    credblob,
    frames,
    gpgstatus,
    httpreply,
    httpstatus,
    lsrefs,
    openmetrics,
    openpgp,
    osrelease,
    pubkeys,
    signature,
    sshsig,
    versions,
    voa,
)  # fmt: skip
from bbhv.formats.schema.compiler import compile_schema
from bbhv.formats.schema.formats import FORMATS
from bbhv.kinds.credential import read_credential
from bbhv.kinds.extension import read_confext, read_sysext
from bbhv.kinds.script import read_script
from bbhv.kinds.source import Source

KEYS = Path(__file__).parents[1] / "unit/fixtures/formats/keys"
SIGNATURES = KEYS.parent / "signatures"
STATUS = (SIGNATURES / "gpgv.status").read_bytes()
STATUS_KEYS = ("9cbef8238da7d241e11f4cf3045eda07f913cb51", "7d45b954d143805509397b7f81dd14b7d9ccaa39")
BLOB = b"""Whxqht+dQJax1aZeCGLxmiAAAAABAAAADAAAABAAAACwWzpGMSIDpCMi/SMAAAAAMs0gMPaTHDV+EeA
/DDQgkiCrYOU+U7q7l1Y8yjElQrMYnU4VevfTMc6FH+gIQ9g20aT6a/76cj3FPQ7wyE8=
"""
RELEASES = [
    b'NAME=Fedora\nVERSION="32 (Workstation Edition)"\nID=fedora\nVERSION_ID=32\nANSI_COLOR="0;38;2;60;110;180"\n',
    b"# of Acme\nID=_any\nARCHITECTURE=x86-64\nSYSEXT_SCOPE='system portable'\nEXTENSION_RELOAD_MANAGER=1\n",
    b'ID=debian\r\nVERSION_ID=13\nA="a\\$b\\\nc" d\nB=x\\\ny z\n;no\n',
]
PATHS = [
    b"bitbuilder/tenant-config/acme/ssh/" + b"a" * 64 + b".pub\0link\0/dev/null",
    b"bitbuilder/tenant-config/acme/ssh/" + b"b" * 64 + b".pub\0file\0",
    b"bitbuilder\0link\0../../usr/share/voa/bitbuilder",
]
SCRIPTS = [b"#!/bin/sh -eu\necho hello\n", b"#!/usr/bin/env -S python3 -I\nprint('x')\n"]


def told(findings: tuple[Finding, ...], data: bytes) -> None:
    """Findings have known codes, sentences, and places inside of the input."""
    lines = data.count(b"\n") + data.count(b"\r") + 1
    for finding in findings:
        assert finding.code in CODES and finding.message.endswith(".") and str(finding).isprintable()
        assert 0 <= finding.place.line <= lines and 0 <= finding.place.column <= len(data) + 1


def release(data: bytes) -> bool:
    """Keys are keys, the last one counts, and what was read matches or says why not."""
    found, findings = osrelease.parse("f", data)
    told(findings, data)
    for one in found.assignments:
        assert one.key.isascii() and one.key.isidentifier() and "\0" not in one.value
        assert found.find(one.key) is not None
    reason = osrelease.mismatch(found.values, {"ID": "fedora", "VERSION_ID": "32"}, kind="sysext")
    assert reason is None or reason.endswith(".")
    return bool(found.assignments) and reason is None


def version(data: bytes) -> bool:
    """Versions have an order: what is cut off is never the same as the whole, but for separators."""
    text = data.decode("utf-8", "replace")
    half = text[: len(text) // 2]
    assert versions.compare(text, text) == 0
    assert versions.compare(text, half) == -versions.compare(half, text)
    return versions.is_version(text)


def blob(data: bytes) -> bool:
    """A credential is read, or refused with a sentence."""
    try:
        found = credblob.parse(data)
    except credblob.BlobError as error:
        assert str(error).endswith(".")
        return False
    assert found.encrypted >= 24
    return True


def key(data: bytes) -> bool:
    """A key has a fingerprint in hexadecimal, or is refused with a sentence."""
    good = False
    for read in (pubkeys.ssh_fingerprint, pubkeys.openpgp_fingerprint):
        try:
            assert len(read(data)) in (40, 64)
            good = True
        except pubkeys.KeyFileError as error:
            assert str(error).endswith(".")
    told(voa.check_tree({"trust/bitbuilder/tenant-config/acme/ssh/x": data}), data)
    return good


def signature_of_a_commit(data: bytes) -> bool:
    """A signature names its key, and what is handed on reads the same again; or it is refused with a sentence."""
    kind = signature.technology(data)
    try:
        if kind == "ssh":
            found = sshsig.parse(data)
            assert len(found.fingerprint) == 64 and sshsig.parse(found.armored()) == found
        elif kind == "openpgp":
            made = openpgp.parse_signature(data)
            assert made.hash in openpgp.HASHES and made.kind == 0 and made.packet.startswith(b"\xc2\xff")
    except signature.SignatureFormatError as error:
        assert error.message.endswith(".")
        return False
    return bool(kind)


def certificate(data: bytes) -> bool:
    """A certificate merges with itself to the same, and its primary key is what names its file; or it is refused."""
    try:
        found = openpgp.merge([data])
        assert openpgp.merge([data, data]) == found
        assert found.fingerprint == pubkeys.openpgp_fingerprint(data)
    except pubkeys.KeyFileError as error:
        assert str(error).endswith(".")
        return False
    return all(key.ends is None or key.ends > key.created for key in found.keys)


def gpgv_lines(data: bytes) -> bool:
    """Whatever is said, it is good only with each of the lines that must be there once, and with none that is bad."""
    good = gpgstatus.is_good(data, STATUS_KEYS[0], STATUS_KEYS[1])
    words = [line.split()[1] for line in data.split(b"\n") if line.startswith(gpgstatus.PREFIX) and line.split()[1:]]
    assert not good or (words.count(b"GOODSIG") == words.count(b"VALIDSIG") == 1 and b"REVKEYSIG" not in words)
    return good


def verifiers(data: bytes) -> bool:
    """Only files of the listing, below the load paths, are found; every other thing is a warning at most."""
    path, _, rest = data.decode("utf-8", "replace").partition("\0")
    kind, _, target = rest.partition("\0")
    nodes = {f"/usr/share/voa/{BELOW}/{'b' * 64}.pub": voa.Node("file"), "/usr/share/voa/x": voa.Node("directory")}
    nodes[f"/etc/voa/{path}"] = voa.Node("link" if kind == "link" else "file", target)
    for name in list(nodes):
        parts = name.split("/")
        for end in range(2, len(parts)):
            nodes.setdefault("/".join(parts[:end]), voa.Node("directory"))
    found, warnings = voa.lookup(nodes, voa.Wanted(("bitbuilder",), "tenant-config", "acme", "ssh"))
    assert all(nodes[one].kind == "file" and one.startswith(voa.LOAD_PATHS) for one in found)
    assert all(one.severity == "warning" and str(one).isprintable() for one in warnings)
    return bool(found)


BELOW = "bitbuilder/tenant-config/acme/ssh"


def whole_files(data: bytes) -> bool:
    """Kinds that are no unit files: a declaration, or errors, never both and never neither."""
    good = False
    for read, files in (
        (read_script, {}), (read_credential, {}), (read_sysext, {osrelease.release_path("sysext", "x"): data}),
        (read_confext, {osrelease.release_path("confext", "x"): data, "etc/x": b""}),
    ):  # fmt: skip
        found, findings = read(Source(
            tenant="acme", name="x", file="x", data=data, metadata_schema=compile_schema(True), files=files
        ))  # fmt: skip
        told(findings, data)
        assert (found is None) is any(one.severity == "error" for one in findings)
        good |= found is not None
    return good


HEAD = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Type: application/x-git-upload-pack-result\r\n"
REPLIES = [
    HEAD + b"Content-Length: 4\r\n\r\n0000",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n00\r\n2\r\n00\r\n0\r\n\r\n",
    HEAD + b"Connection: close\r\n\r\n0000",
]
ANSWERS = [
    b"003d" + b"a" * 40 + b" refs/heads/main\n" + b"003e" + b"b" * 40 + b" refs/heads/main2\n0000",
    b"0055" + b"c" * 64 + b" refs/heads/main\n0000",
]


def reply(data: bytes) -> bool:
    """A reply is whole, waited for or refused; what was whole says nothing else with another byte."""
    for ended in (False, True):
        try:
            found = httpreply.read(data, ended, 64)
        except httpreply.HttpError as error:
            assert error.message.endswith(".")
            continue
        assert found is None or (len(found.body) <= 64 and 0 <= found.status <= 999)
        assert found is not None or not ended
        if found is not None:
            return True
    return False


def status(data: bytes) -> bool:
    """A status has three digits, and what is behind the first line changes nothing; or it is none."""
    try:
        found = httpstatus.status_of(data)
    except ValueError:
        return False
    assert found is None or (0 <= found <= 999 and httpstatus.status_of(data + b"x") == found)
    assert found is not None or len(data) < httpstatus.MAX_LINE
    return found is not None


def branch(data: bytes) -> bool:
    """An answer names an object, or nothing, or is refused."""
    try:
        found = lsrefs.answer(data, "main")
    except lsrefs.LsRefsError as error:
        assert error.message.endswith(".")
        return False
    assert found is None or found.encode() + b" refs/heads/main" in data
    return found is not None


FRAMES = [frames.header("pack", 5 << 20), frames.header("tip", 40), frames.header("end", 0)]


def frame(data: bytes) -> bool:
    """A header is one of those that we write, within its limit, or refused."""
    try:
        name, size = frames.parse_header(data, 1 << 30)
    except ValueError:
        return False
    assert frames.header(name, size) == data and size <= 1 << 30
    return True


TEXTS = [
    b"2026-01-31T13:05:00.5+01:30", b"P1Y2DT3H", b"ops+x@acme.example", "ä@bücher.example".encode(),
    b"2001:db8::1.2.3.4",
    b"https://u@[::1]:8080/%41?q#f", "//ö/p".encode(), b"http://x/{a,b*}{?c:3}", b"1/a~1b/~0#", b"(?<n>\\p{L}+)\\k<n>",
    b"2eb8aa08-aa98-11ea-b4aa-73b441d16380", "xn--bcher-kva.例え。テスト".encode(),
]


def text_formats(data: bytes) -> bool:
    """Every format of JSON Schema says yes or no to any text."""
    answers = [test(data.decode("utf-8", "surrogateescape")) for test, _ in FORMATS.values()]
    assert {True, False} >= set(answers)
    return sum(answers) > 1  # a regular expression is nearly everything


def label(data: bytes) -> bool:
    """Whatever a label and a description are, they stay in their lines, and a reader gets them back."""
    text = data.decode("utf-8", "replace")
    one = openmetrics.Family(name="x", type=openmetrics.Type.GAUGE, help=text,
                             samples=(openmetrics.Sample(1, (("a", text), ("b", text))),))  # fmt: skip
    lines = openmetrics.render([one]).split("\n")
    assert [lines[0], *lines[3:]] == ["# TYPE x gauge", "# EOF", ""] and lines[2].endswith(" 1")
    found = re.fullmatch(r'x\{a="((?:[^"\\]|\\.)*)",b="((?:[^"\\]|\\.)*)"\} 1', lines[2], re.DOTALL)
    assert found and _unescaped(found[1]) == _unescaped(found[2]) == _unescaped(lines[1].removeprefix("# HELP x "))
    return _unescaped(found[1]) == text


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text, flags=re.DOTALL)


def keys() -> list[bytes]:
    """The fixtures of public keys."""
    return [path.read_bytes() for path in sorted(KEYS.iterdir())]


def signatures() -> list[bytes]:
    """The fixtures of signatures."""
    return [path.read_bytes() for path in sorted(SIGNATURES.glob("*.sig"))]


def certificates() -> list[bytes]:
    """The fixtures of OpenPGP certificates."""
    return [path.read_bytes() for path in sorted(SIGNATURES.glob("*.openpgp"))]
