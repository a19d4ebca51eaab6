"""Disk images: partitions that belong together, what each kind of image must and must not have, what files say."""

import random
from collections.abc import Mapping
from dataclasses import replace

import pytest

from bbhv.formats.images import ddi, dps, filesystem, gpt, verity
from bbhv.formats.images.reader import Report, over

from .images import Part, Watched, changed, disk, guid_of, seal, signature, sound, verity_set
from .images import verity as hash_partition

SQUASHFS = b"hsqs".ljust(4096, b"\0")
FAT = (bytes(54) + b"FAT16   ").ljust(512, b"\0")
ROOT, USR, ESP, HOME = guid_of("root"), guid_of("usr"), guid_of("esp"), guid_of("home")
GENERIC, VAR = guid_of("linux-generic"), guid_of("var")


def checked(parts: list[Part], kind: str = "system") -> list[str]:
    """What the rules for partitions say of an image."""
    image = over("f", bytes(disk(parts, count=16)))
    table, findings = gpt.parse(image)
    assert table is not None and findings == (), findings
    report = Report("f")
    dps.check(image, table, report)
    ddi.check_partitions(image, table, ddi.KINDS[kind], report)
    return sound(report.all)


# Partitions


def test_there_is_one_type_for_each_use_and_architecture() -> None:
    uses = [(kind.designator, kind.architecture) for kind in dps.TYPES.values()]
    assert len(set(uses)) == len(uses) == 21
    assert dps.TYPES["b921b045-1df0-41c3-af44-4c6f280d3fae"] == dps.Type("root", "arm64")
    assert all(guid == guid.lower() and len(guid) == 36 for guid in dps.TYPES)


@pytest.mark.parametrize("architecture", ["x86-64", "arm64"])
@pytest.mark.parametrize("designator", ["root", "usr"])
@pytest.mark.parametrize("signed", [True, False])
def test_a_verity_image_is_good(designator: str, architecture: str, signed: bool) -> None:
    assert checked(verity_set(designator, architecture, signed)) == []


def test_images_for_two_architectures_and_two_versions_are_good() -> None:
    parts = verity_set() + verity_set("root", "arm64")
    numbered = [part if "verity-sig" not in dps.TYPES[part.type].designator else part for part in parts]
    image = disk([replace(part, uuid=part.uuid or f"00000000-0000-0000-0000-0000000000{at:02}")
                  for at, part in enumerate(numbered)], count=16)
    table, _ = gpt.parse(over("f", bytes(image)))
    assert table is not None
    report = Report("f")
    dps.check(over("f", bytes(image)), table, report)
    assert sound(report.all) == []


GOOD = verity_set()
_HASHES, _ROOT_HASH = hash_partition(8192)
VERITY: dict[str, tuple[list[Part], str]] = {
    "hashes without data": (GOOD[1:], "has hashes for a root partition, which the image does not have"),
    "signature without hashes": ([GOOD[0], GOOD[2]], "has a signature for a root-verity partition that is not there"),
    "data of another image": (
        changed(GOOD, 0, replace(GOOD[0], uuid="")), "Partition 1 (root, entry at byte 1024) should have the UUID"
    ),
    "hashes of another image": (
        changed(GOOD, 1, replace(GOOD[1], uuid="")), "Partition 2 (root-verity, entry at byte 1152) should have"
    ),
    "another root hash is signed": (
        changed(GOOD, 2, replace(GOOD[2], content=signature("ab" * 32))),
        "should have the UUID abababab-abab-abab-abab-abababababab: the first 128 bits of the root hash that partition",
    ),
    "no superblock": (
        changed(GOOD, 1, replace(GOOD[1], content=bytes(8192))), "has no usable verity data: there is no verity superbl"
    ),
    "more hashed than there is": (
        changed(GOOD, 0, replace(GOOD[0], content=SQUASHFS)), "hashes for 8192 bytes, but partition 1 has 4096"
    ),
    "cut off": (changed(GOOD, 1, replace(GOOD[1], content=_HASHES[:4096])), "its hash tree is cut off at byte"),
    "no JSON": (changed(GOOD, 2, replace(GOOD[2], content=b"{".ljust(4096, b"\0"))), "The signature at byte"),
    "no object": (changed(GOOD, 2, replace(GOOD[2], content=b"[]".ljust(4096, b"\0"))), "has JSON that is no object"),
    "nothing": (changed(GOOD, 2, replace(GOOD[2], content=bytes(4096))), "The signature at byte"),
    "not padded": (changed(GOOD, 2, replace(GOOD[2], content=bytes(512))), "has 512 bytes; a signature has a multiple"),
    "too long": (
        changed(GOOD, 2, replace(GOOD[2], content=signature(_ROOT_HASH) + bytes(1 << 17))), "a multiple of 4096, at mos"
    ),
    "padded with more": (
        changed(GOOD, 2, replace(GOOD[2], content=signature(_ROOT_HASH)[:-1] + b"x")), "more than NUL bytes behind"
    ),
    "upper case": (
        changed(GOOD, 2, replace(GOOD[2], content=signature("AB" * 32))), "needs rootHash, the root hash in lower-case"
    ),
    "no root hash": (changed(GOOD, 2, replace(GOOD[2], content=signature("", rootHash=None))), "needs rootHash"),
    "no signature": (
        changed(GOOD, 2, replace(GOOD[2], content=signature(_ROOT_HASH, signature=None))), "needs signature, a PKCS#7"
    ),
    "signature no Base64": (
        changed(GOOD, 2, replace(GOOD[2], content=signature(_ROOT_HASH, signature="!"))), "needs signature, a PKCS#7"
    ),
    "signature no DER": (
        changed(GOOD, 2, replace(GOOD[2], content=signature(_ROOT_HASH, signature="AAAA"))), "needs signature, a PKCS#7"
    ),
    "fingerprint with colons": (
        changed(GOOD, 2, replace(GOOD[2], content=signature(_ROOT_HASH, certificateFingerprint="a:" * 32))),
        "has a certificateFingerprint that is no SHA-256",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VERITY)
def test_what_does_not_belong_together_is_found(name: str) -> None:
    parts, words = VERITY[name]
    told = checked(parts)
    assert any(words in one for one in told), told


def test_a_verity_head_is_read_whatever_is_in_it() -> None:
    rng = random.Random(3)
    for _ in range(1500):
        data = bytearray(_HASHES)
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(96)] = rng.randrange(256)
        watched = Watched(bytes(data[: rng.choice((96, 511, 4096, 8191, 8192))]))
        tree, problem = verity.read(watched.reader)
        assert (tree is None) == bool(problem) and watched.read < 2 << 20
    assert verity.read(over("f", _HASHES))[0] == verity.Tree(8192, _ROOT_HASH)


def flagged(kind: str, *bits: int) -> list[str]:
    content = FAT if kind == "esp" else SQUASHFS
    extra = [] if kind in ("root", "usr") else [Part(ROOT, SQUASHFS)]
    return checked([*extra, Part(guid_of(kind), content, flags=sum(1 << bit for bit in bits))])


def test_flags_count_where_they_mean_something() -> None:
    assert flagged("root", 60) == flagged("home", 59) == flagged("swap", 63) == flagged("root", 0, 2) == []
    assert flagged("esp", 50) == flagged("linux-generic", 60) == []
    assert "has the flag grow-file-system, which means nothing for swap." in flagged("swap", 59)[0]
    assert "has the flag bit 48, which means nothing for root (x86-64)." in flagged("root", 48)[0]
    assert "is read-only, so the flag grow-file-system is without effect." in flagged("root", 59, 60)[0]
    assert "is /var or /var/tmp, but has the flag read-only." in flagged("var", 60)[0]


KINDS: dict[str, tuple[str, list[Part], str]] = {
    "no root": ("system", [Part(HOME, SQUASHFS)], "needs a root or /usr partition for x86-64 or arm64"),
    "no partition": ("system", [], "needs a root or /usr partition"),
    "hidden root": ("system", [Part(ROOT, SQUASHFS, flags=1 << 63)], "needs a root or /usr partition"),
    "generic root": ("system", [Part(GENERIC, SQUASHFS)], "is of the type linux-generic: systemd-nspawn starts"),
    "two generic": ("system", [Part(GENERIC, SQUASHFS), Part(GENERIC, SQUASHFS)], "needs a root or /usr partition"),
    "generic extension": ("sysext", [Part(GENERIC, SQUASHFS)], "A system extension needs a root or /usr partition"),
    "confext in usr": ("confext", [Part(USR, SQUASHFS)], "A configuration extension needs a root partition"),
    "extension with a home": ("sysext", [Part(ROOT, SQUASHFS), Part(HOME, SQUASHFS)],
                              "is a home partition, which is ignored in a system extension."),
    "two ESPs": ("system", [Part(ROOT, SQUASHFS), Part(ESP, FAT), Part(ESP, FAT)], "is a second esp partition; an ima"),
    "two homes": ("system", [Part(ROOT, SQUASHFS), Part(HOME, SQUASHFS), Part(HOME, SQUASHFS)], "only the first one i"),
    "ESP not vfat": ("system", [Part(ROOT, SQUASHFS), Part(ESP, SQUASHFS)], "is the ESP, but holds squashfs: firmware"),
    "empty root": ("system", [Part(ROOT, bytes(4096))], "there is no file system that Linux mounts"),
    "cut off": ("system", [Part(ROOT, b"hsqs" + bytes(36) + b"\xff" * 8 + bytes(464))], "it is cut off"),
}


@pytest.mark.parametrize("name", KINDS)
def test_an_image_of_a_kind_has_the_partitions_of_that_kind(name: str) -> None:
    kind, parts, words = KINDS[name]
    told = checked(parts, kind)
    assert any(words in one for one in told), told


def test_a_disk_with_everything_is_good() -> None:
    parts = [Part(ESP, FAT), Part(guid_of("xbootldr"), FAT), Part(ROOT, SQUASHFS), Part(USR, SQUASHFS),
             Part(VAR, SQUASHFS), Part(HOME, SQUASHFS, flags=1 << 59), Part(GENERIC, b"x"), Part(guid_of("swap"), b"")]
    assert checked([*parts[:-1], Part("02461bb4-b7d9-45f5-a2ae-4b1b45ca0fd9", b"?")]) == []


# File systems


def test_file_systems_are_known_by_their_magic() -> None:
    for one in filesystem.MAGICS:
        assert filesystem.identify(over("f", bytes(one.offset) + one.data)) == one.name
    assert filesystem.identify(over("f", b"")) == filesystem.identify(over("f", bytes(70000))) == ""


def test_a_file_system_says_how_long_it_is() -> None:
    squashfs = over("f", b"hsqs" + bytes(36) + (5000).to_bytes(8, "little") + bytes(48))
    assert filesystem.needed(squashfs, "squashfs") == 5000
    block = bytearray(2048)
    block[1024 + 12], block[1024 + 36] = 12, 3
    assert filesystem.needed(over("f", bytes(block)), "erofs") == 3 << 12
    ext4 = bytearray(2048)
    ext4[1024 + 4], ext4[1024 + 24], ext4[1024 + 336] = 5, 2, 1
    assert filesystem.needed(over("f", bytes(ext4)), "ext4") == 5 << 12
    ext4[1024 + 96] = 0x80
    assert filesystem.needed(over("f", bytes(ext4)), "ext4") == (1 << 32 | 5) << 12
    for name in ("squashfs", "ext4", "vfat"):
        assert filesystem.needed(over("f", b"hsqs"), name) == 0


def test_listings_of_the_tools_are_read() -> None:
    squashfs = "squashfs-root\nsquashfs-root/usr\nsquashfs-root/usr/lib\nsquashfs-root/usr/lib/a b\nsquashfs-root/opt\n"
    assert filesystem.squashfs_names(squashfs, "") == ("usr", "opt")
    assert filesystem.squashfs_names(squashfs, "usr/lib") == ("a b",)
    assert filesystem.squashfs_names("squashfs-root\n", "nope") == ()
    erofs = "Path : /\nSize: 42\n\n       NID TYPE  FILENAME\n  36    2  .\n  36    2  ..\n  40    2  a b\n"
    assert filesystem.erofs_names(erofs, "") == ("a b",) and filesystem.erofs_names("", "") == ()
    ext4 = "/14/040755/0/0/.//\n/12/040755/0/0/..//\n/15/040755/0/0/usr//\n/17/120777/0/0/x/4/\n/0/0/0/0/gone//\n\n"
    assert filesystem.ext4_names(ext4, "") == ("usr", "x")


# Names


@pytest.mark.parametrize(
    ("file", "name", "version", "base"),
    [("web.raw", "web", "", "web"), ("web_1.2.raw", "web_1.2", "1.2", "web"), ("a.sysext.raw", "a", "", "a"),
     ("a_1.confext.raw", "a_1", "1", "a"), ("a_1+3-0.raw", "a_1+3-0", "1", "a"), ("a.b.raw", "a.b", "", "a.b")],
)
def test_the_name_of_an_image_has_its_version(file: str, name: str, version: str, base: str) -> None:
    read = ddi.parse_name(file)
    assert (read.name, read.version, read.base) == (name, version, base)


@pytest.mark.parametrize(
    ("file", "folders", "kind"),
    [("a.sysext.raw", (), "sysext"), ("a.confext.raw", ("extensions",), "confext"),
     ("a.raw", ("extensions",), "sysext"), ("a.raw", ("confexts", "etc"), "confext"),
     ("a.raw", ("portables",), "portable"), ("a.raw", ("machines",), "system"),
     ("a_1.raw", ("a.raw.v", "extensions"), "sysext"), ("a.raw", (), "system")],
)
def test_the_kind_of_an_image_is_told_by_its_name_or_its_folder(file: str, folders: tuple[str, ...], kind: str) -> None:
    assert ddi.kind_of(file, folders) == kind


def test_a_version_that_cannot_be_compared_is_a_finding() -> None:
    report = Report("f")
    ddi.check_name("web_1.2.raw", report)
    ddi.check_name("web.raw", report)
    assert report.all == ()
    ddi.check_name("web_1 2.raw", report)
    assert sound(report.all) == ["'1 2' in the file name is no version."]


# Content


class Files:
    """A tree in memory: texts by path; a folder is what a path goes through."""

    def __init__(self, files: Mapping[str, bytes], strict: bool | None = True) -> None:
        self.files = files
        self.demand = strict

    def names(self, folder: str) -> tuple[str, ...]:
        prefix = f"{folder}/" if folder else ""
        below = (path.removeprefix(prefix) for path in self.files if path.startswith(prefix))
        return tuple(dict.fromkeys(path.partition("/")[0] for path in below))

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)

    def strict(self, path: str) -> bool | None:
        return self.demand


SYSEXT = "usr/lib/extension-release.d/extension-release.web"
CONFEXT = "etc/extension-release.d/extension-release.web"


def told(kind: str, files: Mapping[str, bytes], name: str = "web", strict: bool | None = True, usr: bool = False,
         pinned: bool = False) -> list[str]:  # fmt: skip
    report = Report("f")
    tree = Files(files, strict)
    ddi.check_tree(ddi.KINDS[kind],
                   ddi.Content(tree=tree, file="f", name=name, report=report, usr=usr, pinned=pinned))
    return sound(report.all)


def test_good_extensions_are_good() -> None:
    release = b"ID=debian\nVERSION_ID=13\nARCHITECTURE=x86-64\nSYSEXT_SCOPE=\"system initrd\"\n"
    assert told("sysext", {SYSEXT: release, "usr/bin/web": b"", "opt/x": b""}) == []
    assert told("sysext", {SYSEXT.removeprefix("usr/"): b"ID=_any\n", "bin/web": b""}, usr=True) == []
    assert told("confext", {CONFEXT: b"ID=debian\nCONFEXT_LEVEL=1\n", "etc/web.conf": b""}) == []
    assert told("sysext", {SYSEXT: b"ID=_any\n"}, name="other", strict=False) == []
    assert told("sysext", {SYSEXT: b"ID=_any\n"}, name="web_1.2", pinned=True) == []


EXTENSIONS: dict[str, tuple[str, dict[str, bytes], str]] = {
    "no release file": ("sysext", {"usr/bin/web": b""}, "The extension has no file usr/lib/extension-release.d/ext"),
    "of the other class": ("confext", {SYSEXT: b"ID=_any\n"}, "has no file etc/extension-release.d/extension-release."),
    "another name": ("sysext", {SYSEXT.replace("web", "db"): b"ID=_any\n"}, "is called web, but its release file is"),
    "a system": ("sysext", {SYSEXT: b"ID=_any\n", "usr/lib/os-release": b""}, "has usr/lib/os-release"),
    "a system in etc": ("confext", {CONFEXT: b"ID=_any\n", "etc/os-release": b""}, "has etc/os-release"),
    "more than is merged": ("sysext", {SYSEXT: b"ID=_any\n", "etc/x": b""}, "/etc in the extension is ignored: only /"),
    "no ID": ("sysext", {SYSEXT: b"VERSION_ID=1\n"}, "does not say by ID= which system"),
    "no version": ("sysext", {SYSEXT: b"ID=debian\n"}, "neither by VERSION_ID= nor by SYSEXT_LEVEL= which version of"),
    "level of the other class": ("confext", {CONFEXT: b"ID=debian\nSYSEXT_LEVEL=1\n"}, "nor by CONFEXT_LEVEL="),
    "unknown scope": ("sysext", {SYSEXT: b"ID=_any\nSYSEXT_SCOPE=sytem\n"}, "SYSEXT_SCOPE= does not know 'sytem'"),
    "unknown architecture": ("sysext", {SYSEXT: b"ID=_any\nARCHITECTURE=amd64\n"}, "ARCHITECTURE= does not know 'amd6"),
    "not text": ("sysext", {SYSEXT: b"\xff"}, "The file is not UTF-8 text."),
}


@pytest.mark.parametrize("name", EXTENSIONS)
def test_an_extension_says_what_it_extends_and_is_no_system(name: str) -> None:
    kind, files, words = EXTENSIONS[name]
    said = told(kind, files)
    assert any(words in one for one in said), said


def test_a_name_that_an_xattr_may_allow_is_a_warning_when_it_was_not_read() -> None:
    report = Report("f")
    tree = Files({SYSEXT: b"ID=_any\n"}, None)
    ddi.check_tree(ddi.KINDS["sysext"], ddi.Content(tree=tree, file="f", name="db", report=report))
    assert [(one.code, one.severity) for one in report.all] == [("BB115", "warning")]
    assert "user.extension-release.strict=0, which was not read." in report.all[0].message


def test_a_finding_in_a_file_of_an_image_has_that_file_and_line() -> None:
    report = Report("f.raw:1")
    tree = Files({SYSEXT: b"ID=_any\nwhat\n"})
    ddi.check_tree(ddi.KINDS["sysext"], ddi.Content(tree=tree, file="f.raw:1", name="web", report=report))
    assert [str(one.place) for one in report.all] == [f"f.raw:1/{SYSEXT}:2:1"]


def test_a_system_has_an_os_release() -> None:
    assert told("system", {"usr/lib/os-release": b"ID=debian\n"}) == []
    assert told("system", {"etc/os-release": b"ID=debian\n"}) == []
    assert told("system", {"lib/os-release": b"ID=debian\n"}, usr=True) == []
    assert "neither etc/os-release nor usr/lib/os-release" in told("system", {"bin/sh": b""})[0]
    assert told("system", {"usr/lib/os-release": b"what\n"}) == ["The line is no assignment."]


def test_a_portable_service_has_units_of_its_name() -> None:
    unit = "usr/lib/systemd/system/"
    places = {f"{name}/.keep": b"" for name in ("proc", "sys", "dev", "run", "tmp", "var", "etc")}
    system = {"usr/lib/os-release": b"ID=debian\n", **places}
    for file in ("web.service", "web-worker.timer", "web@.socket"):
        assert told("portable", {**system, unit + file: b""}, name="web_1") == []
    for file in ("webserver.service", "web.mount", "db.service"):
        assert "There is no unit web, web-… or web@" in told("portable", {**system, unit + file: b""})[0]
    bare = told("portable", {"usr/lib/os-release": b"ID=x\n", unit + "web.service": b""})
    assert bare == ["The image has no /proc, no /sys, no /dev, no /run, no /tmp, no /var, no /etc: "
                    "systemd cannot mount over them in a read-only image."]


def test_spoilt_images_never_raise_whatever_their_checksums_say() -> None:
    image = bytes(disk(verity_set(), count=4))
    rng = random.Random(5)
    for _ in range(400):
        data = bytearray(image)
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(512, len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        watched = Watched(bytes(seal(data)))
        table, findings = gpt.parse(watched.reader)
        sound(findings)
        if table is not None:
            report = Report("f")
            dps.check(watched.reader, table, report)
            for kind in ddi.KINDS.values():
                ddi.check_partitions(watched.reader, table, kind, report)
            sound(report.all)
        assert watched.read < 4 << 20
