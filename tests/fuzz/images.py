"""The readers of disk images and boot files under the fuzzer: what they promise for any bytes."""

from bbhv.findings import CODES, Finding
from bbhv.formats.images import bls, ddi, dps, filesystem, gpt, pe, uki
from bbhv.formats.images.reader import MAX_FINDINGS, Report
from tests.unit.images import Part, Watched, disk, guid_of, program, seal, verity_set

# A reader looks at headers, and at bounded parts of what they lead to.
MAX_BYTES = 64 << 20


def _sound(findings: tuple[Finding, ...]) -> None:
    assert len(findings) <= MAX_FINDINGS
    for one in findings:
        assert one.code in CODES and one.message.endswith((".", "?")) and str(one).isprintable()


def disks() -> list[bytes]:
    """Images of both sector sizes, with and without verity."""
    plain = [Part(guid_of("root"), b"hsqs" + bytes(1020)), Part(guid_of("home"), bytes(512))]
    verity = (verity_set(), verity_set("usr", "arm64"))
    return [bytes(disk(plain)), bytes(disk(plain, 4096)), *(bytes(disk(parts)) for parts in verity)]


def partition_table(data: bytes) -> bool:
    """As the bytes are, and again with checksums that are right: a table lies within the image, or is a finding."""
    good = False
    for image in (data, bytes(seal(bytearray(data))) if len(data) > 2048 else data):
        watched = Watched(image)
        table, findings = gpt.parse(watched.reader)
        _sound(findings)
        assert table is not None or findings
        if table is not None:
            report = Report("f")
            dps.check(watched.reader, table, report)
            for kind in ddi.KINDS.values():
                ddi.check_partitions(watched.reader, table, kind, report)
            _sound(report.all)
            for one in table.partitions:
                part = table.reader(watched.reader, one)
                assert 0 <= part.start <= part.start + part.size <= len(image)
        assert watched.read < MAX_BYTES
        good = good or table is not None and not findings
    return good


def programs() -> list[bytes]:
    """A kernel, an image with profiles, an addon."""
    kernel = bytes(program([(".text", b"k")]))
    image = [(".linux", kernel), (".osrel", b"ID=x\nNAME=x\n"), (".cmdline", b"quiet"), (".pcrsig", b'{"sha256": []}'),
             (".sbat", b"sbat,1,a,b,c,d\n"), (".dtb", b"\xd0\x0d\xfe\xed\0\0\0\x08"), (".profile", b"ID=a\n"),
             (".cmdline", b"")]  # fmt: skip
    return [kernel, bytes(program(image)), bytes(program([(".cmdline", b"x")], plus=False))]


def boot_program(data: bytes) -> bool:
    """Sections lie within the file, and what is made of them is bounded."""
    watched = Watched(data)
    read, findings = pe.parse(watched.reader)
    _sound(findings)
    assert read is not None or findings
    if read is not None:
        for addon in (True, False):
            _sound(uki.check(watched.reader, read, addon=addon))
        for section in read.sections:
            part = read.reader(watched.reader, section)
            assert 0 <= part.start <= part.start + part.size <= len(data)
        assert sum(len(group) for group in uki.profiles(read)) <= len(read.sections)
    assert watched.read < MAX_BYTES
    return read is not None and not findings


ENTRIES = [
    b"title Debian 13\nversion 6.18.1\nsort-key debian\nlinux /a/linux\ninitrd /a/initrd\noptions quiet\n",
    b"# x\nuki /EFI/Linux/a.efi\nprofile 1\narchitecture x64\nmachine-id 6a9857a393724b7a981ebb5b8495b9ea\n",
]


def boot_entry(data: bytes) -> bool:
    """Findings have their line; what reads can be sorted."""
    entry, findings = bls.parse("f", "a+3-0.conf", data)
    assert entry is not None or findings
    assert len(findings) <= bls.MAX_FINDINGS
    for one in findings:
        assert one.code in CODES and one.message.endswith((".", "?")) and str(one).isprintable()
        assert 0 <= one.place.line <= data.count(b"\n") + 1
    if entry is not None:
        assert len(bls.ordered((entry, entry))) == 2
    return entry is not None and not findings


def listing(data: bytes) -> bool:
    """What a tool prints of a hostile file system: names without a slash, none twice the top."""
    text = data.decode("utf-8", "replace")
    names = (*filesystem.squashfs_names(text, "usr/lib"), *filesystem.ext4_names(text, "usr/lib"))
    assert all(name and "/" not in name for name in names if name)
    filesystem.erofs_names(text, "usr/lib")
    return bool(names)


LISTINGS = [
    b"squashfs-root\nsquashfs-root/usr\nsquashfs-root/usr/lib\nsquashfs-root/usr/lib/os-release\n",
    b"/15/040755/0/0/usr//\n/17/120777/0/0/os-release/4/\n", b"Path : /\n\n       NID TYPE  FILENAME\n  40    2  usr\n",
]
