"""One mistake is one finding: what cannot be read, or is called a little differently, is not missing besides."""

import pytest

from bbhv.findings import Finding, did_you_mean
from bbhv.formats import jsontext
from bbhv.formats.schema.compiler import compile_schema
from bbhv.host import resources
from bbhv.kinds.source import Source
from bbhv.kinds.table import classify

SCHEMA = jsontext.parse("schema", resources.data("schemas/metadata.schema.json"))[0]
CONTAINER = "[Exec]\nBoot=yes\n[X-Bitbuilder]\nImage=debian-13\n"
MACHINE = "[X-Bitbuilder]\nImage=debian-13\nMemoryMax=4G\n"
IMAGE = f"[Image]\nSource=file:///srv/app.tar\nSHA256={'a1' * 32}\nFormat=tar\n"
PORTABLE = "[Portable]\nImage=agent\nPrefix=web\nUnit=web.service\n"
NETDEV = "[NetDev]\nName=lan\nKind=bridge\n"
FILES = {
    "containers/web.nspawn": CONTAINER, "machines/db.vmspawn": MACHINE, "infrastructure/app.image": IMAGE,
    "services/agent.portable": PORTABLE, "network/lan.netdev": NETDEV,
}  # fmt: skip


def check(path: str, text: str) -> tuple[Finding, ...]:
    kind, match, _ = classify(path)
    assert kind is not None and SCHEMA is not None
    schema = compile_schema(SCHEMA.value)
    return kind.read(
        Source(tenant="acme", name=match.name, file=path, data=text.encode(), metadata_schema=schema)
    )[1]


@pytest.mark.parametrize("path", FILES)
def test_the_files_to_make_mistakes_in_have_none(path: str) -> None:
    assert check(path, FILES[path]) == ()


@pytest.mark.parametrize(("path", "old", "new", "code"), [
    ("containers/web.nspawn", "Image=", "Imgae=", "BB202"),
    ("containers/web.nspawn", "Image=", "image=", "BB202"),
    ("containers/web.nspawn", "Image=debian-13", "Image: debian-13", "BB102"),
    ("containers/web.nspawn", "Image=debian-13", "Image=Debian", "BB205"),
    ("containers/web.nspawn", "[X-Bitbuilder]", "[X-Bitbuildr]", "BB201"),
    ("containers/web.nspawn", "[X-Bitbuilder]", "[Container]", "BB201"),
    ("containers/web.nspawn", "Boot=yes", "Boot=ys", "BB205"),
    ("containers/web.nspawn", "Boot=yes", "Bot=yes", "BB202"),
    ("containers/web.nspawn", "Boot=yes", "Boot: yes", "BB102"),
    ("containers/web.nspawn", "Boot=yes", "Parameter=/bin/x", "BB202"),
    ("containers/web.nspawn", "[Exec]\nBoot=yes\n[X-Bitbuilder]", "[X-Bitbuilder]\nBoot=yes", "BB202"),
    ("containers/web.nspawn", "[Exec]\nBoot=yes\n[X-Bitbuilder]", "[Exec]\nBoot=yes", "BB202"),
    ("machines/db.vmspawn", "Image=debian-13", "[VM]\nImage=debian-13\n[X-Bitbuilder]", "BB202"),
    ("machines/db.vmspawn", "MemoryMax=4G", "MemoryMax=1G\n[VM]\nRAM=1X", "BB205"),
    ("machines/db.vmspawn", "MemoryMax=4G", "MemoryMax=1G\n[VM]\nRM=512M", "BB202"),
    ("machines/db.vmspawn", "MemoryMax=4G", "Address=10.0.0.2\n[Network]\nBrigde=lan", "BB202"),
    ("machines/db.vmspawn", "MemoryMax=4G", "[VM]\nSecureBoot=yes\nLinxu=a", "BB202"),
    ("infrastructure/app.image", "SHA256=", "SHA265=", "BB202"),
    ("infrastructure/app.image", "[Image]", "[Images]", "BB201"),
    ("services/agent.portable", "Prefix=web", "Prefix=.web", "BB205"),
    ("services/agent.portable", "Prefix=web", "Prefx=web", "BB202"),
    ("network/lan.netdev", "Kind=bridge", "Kidn=bridge", "BB202"),
])  # fmt: skip
def test_one_mistake_is_one_finding(path: str, old: str, new: str, code: str) -> None:
    assert old in FILES[path]
    assert [one.code for one in check(path, FILES[path].replace(old, new))] == [code]


@pytest.mark.parametrize(("path", "old", "new", "codes"), [
    ("containers/web.nspawn", "Image=debian-13", "Colour=blue", ["BB202", "BB208"]),
    ("containers/web.nspawn", "Image=debian-13", "", ["BB208"]),
    ("containers/web.nspawn", "Boot=yes", "", ["BB209"]),
    ("containers/web.nspawn", "[X-Bitbuilder]\nImage=debian-13", "[Colours]\nColour=blue", ["BB201", "BB208"]),
    ("machines/db.vmspawn", "MemoryMax=4G", "[VM]\nSecureBoot=yes\nLinux=a", ["BB209"]),
])  # fmt: skip
def test_what_is_surely_missing_is_said(path: str, old: str, new: str, codes: list[str]) -> None:
    assert [one.code for one in check(path, FILES[path].replace(old, new))] == codes


def test_of_a_file_whose_problems_are_too_many_nothing_is_missing() -> None:
    found = check("containers/web.nspawn", "[Exec]\n" + "Colour=blue\n" * 300 + CONTAINER)
    assert {one.code for one in found} == {"BB202", "BB105"}


@pytest.mark.parametrize(("word", "known", "meant"), [
    ("tpc", "tcp udp", "tcp"), ("ctp", "tcp udp", "tcp"), ("lam", "lan wan", "lan"), ("tcp4", "tcp udp", "tcp"),
    ("dat", "data", "data"), ("hsot", "host", "host"), ("RAW", "tar raw", "raw"), ("TPC", "TCP", "TCP"),
    ("udp", "tcp", ""), ("tan", "lan wan", ""), ("lap", "lan lab", ""), ("db1", "db2", ""), ("no", "on", ""),
    ("ab", "ac", ""), ("", "a", ""), ("web", "db", ""),
])  # fmt: skip
def test_a_slip_of_the_fingers_in_a_short_word_is_seen(word: str, known: str, meant: str) -> None:
    assert did_you_mean(word, known.split()) == (f"Did you mean {meant}?" if meant else "")
