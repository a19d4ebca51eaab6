"""os-release files read as systemd reads them, and extensions match systems as systemd-sysext(8) says."""

import pytest

from bbhv.findings import CODES
from bbhv.formats import osrelease
from bbhv.formats.osrelease import MAX_ASSIGNMENTS, MAX_FINDINGS, MAX_SIZE, mismatch, parse

FEDORA = b"""NAME=Fedora
VERSION="32 (Workstation Edition)"
ID=fedora
VERSION_ID=32
PRETTY_NAME="Fedora 32 (Workstation Edition)"
ANSI_COLOR="0;38;2;60;110;180"
CPE_NAME="cpe:/o:fedoraproject:fedora:32"
HOME_URL="https://fedoraproject.org/"
SUPPORT_URL="https://fedoraproject.org/wiki/Communicating_and_getting_help"
VARIANT_ID=workstation
"""


def test_the_example_of_the_manual_reads_without_a_finding() -> None:
    release, findings = parse("os-release", FEDORA)
    assert findings == ()
    assert release.values["VERSION"] == "32 (Workstation Edition)"
    assert release.values["ID"] == "fedora" and release.values["VERSION_ID"] == "32"
    assert [one.key for one in release.assignments][:3] == ["NAME", "VERSION", "ID"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=b", "b"),
        ("A=", ""),
        ("A=b\n", "b"),
        ("A=b\r\n", "b"),
        ("A=b\rB=c", "b"),
        ("  A = b  ", "b"),
        ("A=  b", "b"),
        ("A=''", ""),
        ("A='b c'", "b c"),
        ('A="b c"', "b c"),
        ('A="b"  \n', "b"),
        ("A='b'\"c\"", "bc"),
        ('A="b" "c"', "bc"),
        ('A="b"c', "bc"),
        ('A=b"c"', 'b"c"'),
        ("A=b 'c'", "b 'c'"),
        (r"A=b\ ", "b "),
        (r"A=\'b", "'b"),
        (r"A=b\\c", r"b\c"),
        ("A=b\\\nc", "bc"),
        ("A=\\\n  b", "  b"),
        ("A=b \\", "b "),
        (r'A="\$\"\\\`"', '$"\\`'),
        (r'A="\b\'"', r"\b\'"),
        ('A="b\\\nc"', "bc"),
        (r"A='\b'", r"\b"),
        ("A='b\nc'", "b\nc"),
        ("A=b # c", "b # c"),
        ("A=$B", "$B"),
        ("#A=c\nA=b", "b"),
        (";A=c\n A=b", "b"),
        ("#c\\\nA=b", "b"),
        ("\n\n \t\nA=b", "b"),
        ("A=c\nA=b", "b"),
        ("A=ö", "ö"),
    ],
)
def test_values_read_as_systemd_reads_them(text: str, value: str) -> None:
    release, findings = parse("f", text.encode())
    assert release.values["A"] == value
    assert [one for one in findings if one.severity == "error"] == []


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("A=b\nfoo\n", 2, 1, "The line is no assignment."),
        ("A=b\n  =c", 2, 3, "The line is no assignment."),
        ("1A=b", 1, 1, "'1A' is not a key."),
        ("export A=b", 1, 1, "'export A' is not a key."),
        ("A-B=c", 1, 1, "'A-B' is not a key."),
        ("A=b\nB='c\nd", 2, 3, "A quotation that starts with ' is not closed."),
        ('A="b\\', 1, 3, 'A quotation that starts with " is not closed.'),
        ("\ufeffA=b", 1, 1, "The file starts with a byte order mark."),
    ],
)
def test_what_systemd_would_not_read_as_written_is_an_error_with_its_place(
    text: str, line: int, column: int, message: str
) -> None:
    _, findings = parse("f", text.encode())
    assert [(one.severity, one.code, one.place.line, one.place.column, one.message) for one in findings] == [
        ("error", "BB113", line, column, message)
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [("A=b c", "f:1:3"), ("A=b;c", "f:1:3"), ("A=$(id)", "f:1:3"), ('A=b"c"', "f:1:3"), ("A=b\n\nA=c", "f:3:1")],
)
def test_what_only_a_shell_would_read_differently_is_a_warning(text: str, place: str) -> None:
    _, findings = parse("f", text.encode())
    assert [(one.severity, str(one.place)) for one in findings] == [("warning", place)]


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (b"A=b\nB=\xff", "BB101", 2),
        (b"A=b\n\nB=\0", "BB101", 3),
        (b"A=\xed\xa0\x80", "BB101", 1),
        (b"A" * (MAX_SIZE + 1), "BB105", 0),
    ],
)
def test_a_file_that_systemd_refuses_whole_yields_nothing(data: bytes, code: str, line: int) -> None:
    release, findings = parse("f", data)
    assert release.values == {}
    assert [(one.code, one.place.line) for one in findings] == [(code, line)]


def test_the_findings_have_the_code_that_the_caller_wants() -> None:
    assert [one.code for one in parse("f", b"foo", code="BB112")[1]] == ["BB112"]


def test_hostile_files_stay_within_the_bounds() -> None:
    many = b"".join(b"K%d=v\n" % number for number in range(MAX_ASSIGNMENTS + 50))
    release, findings = parse("f", many)
    assert len(release.assignments) == MAX_ASSIGNMENTS and len(findings) == 1
    hostile = (b"x\n" * 30_000, b"=" * MAX_SIZE, b"A='" * 20_000, b'A="\\' * 15_000, b"#" * MAX_SIZE, b"A=\\\n" * 9000)
    for data in hostile:
        _, findings = parse("f", data)
        assert len(findings) <= MAX_FINDINGS and {one.code for one in findings} <= set(CODES)


def test_the_assignment_that_counts_tells_where_it_is() -> None:
    release, _ = parse("f", b"ID=a\n  ID =  b\n")
    found = release.find("ID")
    assert found is not None
    assert (found.value, found.line, found.column, found.value_line, found.value_column) == ("b", 2, 3, 2, 7)
    assert release.find("NAME") is None


DEBIAN = {"ID": "debian", "VERSION_ID": "13"}
ROLLING = {"ID": "arch"}
LIKE = {"ID": "ubuntu", "ID_LIKE": "debian rhel", "VERSION_ID": "24.04"}
LEVEL = {"ID": "particle", "VERSION_ID": "7", "SYSEXT_LEVEL": "2", "CONFEXT_LEVEL": "3"}
ONLY_LEVEL = {"ID": "particle", "SYSEXT_LEVEL": "2"}


@pytest.mark.parametrize(
    ("extension", "host"),
    [
        ({"ID": "_any"}, DEBIAN),
        ({"ID": "_any", "VERSION_ID": "12"}, DEBIAN),
        ({"ID": "debian", "VERSION_ID": "13"}, DEBIAN),
        ({"ID": "debian", "VERSION_ID": "13", "SYSEXT_LEVEL": "9"}, DEBIAN),
        ({"ID": "arch"}, ROLLING),
        ({"ID": "arch", "VERSION_ID": "1"}, ROLLING),
        ({"ID": "debian", "VERSION_ID": "24.04"}, LIKE),
        ({"ID": "particle", "SYSEXT_LEVEL": "2"}, LEVEL),
        ({"ID": "particle", "SYSEXT_LEVEL": "2", "VERSION_ID": "6"}, LEVEL),
        ({"ID": "particle", "VERSION_ID": "7"}, LEVEL),
        ({"ID": "particle"}, ONLY_LEVEL),
        ({"ID": "_any", "ARCHITECTURE": "x86-64"}, DEBIAN),
        ({"ID": "_any", "ARCHITECTURE": "_any"}, DEBIAN),
        ({"ID": "_any", "ARCHITECTURE": ""}, DEBIAN),
        ({"ID": "_any", "SYSEXT_SCOPE": "initrd system"}, DEBIAN),
        ({"ID": "_any", "CONFEXT_SCOPE": "initrd"}, DEBIAN),
    ],
)
def test_an_extension_that_systemd_would_merge_has_no_mismatch(
    extension: dict[str, str], host: dict[str, str]
) -> None:
    assert mismatch(extension, host, kind="sysext", architecture="x86-64") is None


@pytest.mark.parametrize(
    ("extension", "host", "reason"),
    [
        ({}, DEBIAN, "by ID= which system"),
        ({"ID": ""}, DEBIAN, "by ID= which system"),
        ({"ID": "fedora", "VERSION_ID": "13"}, DEBIAN, "for the system fedora, this one is debian"),
        ({"ID": "Debian", "VERSION_ID": "13"}, DEBIAN, "for the system Debian"),
        ({"ID": "debian"}, DEBIAN, "does not say by VERSION_ID="),
        ({"ID": "debian", "VERSION_ID": "12"}, DEBIAN, "for version 12 of the system, this is version 13"),
        ({"ID": "debian", "VERSION_ID": "13.0"}, DEBIAN, "for version 13.0"),
        ({"ID": "rhe", "VERSION_ID": "24.04"}, LIKE, "for the system rhe"),
        ({"ID": "particle", "SYSEXT_LEVEL": "3", "VERSION_ID": "7"}, LEVEL, "SYSEXT_LEVEL=3, the system has 2"),
        ({"ID": "particle", "CONFEXT_LEVEL": "3"}, LEVEL, "does not say by VERSION_ID="),
        ({"ID": "_any", "ARCHITECTURE": "arm64"}, DEBIAN, "architecture arm64, the system is x86-64"),
        ({"ID": "_any", "SYSEXT_SCOPE": "initrd"}, DEBIAN, "for initrd use, not for system use"),
        ({"ID": "_any", "SYSEXT_SCOPE": ""}, DEBIAN, "for no use, not for system use"),
    ],
)
def test_an_extension_that_systemd_would_not_merge_says_why(
    extension: dict[str, str], host: dict[str, str], reason: str
) -> None:
    found = mismatch(extension, host, kind="sysext", architecture="x86-64")
    assert found is not None and reason in found and found.endswith(".")


def test_a_configuration_extension_has_a_level_and_a_scope_of_its_own() -> None:
    assert mismatch({"ID": "particle", "CONFEXT_LEVEL": "3"}, LEVEL, kind="confext") is None
    assert mismatch({"ID": "_any", "CONFEXT_SCOPE": "initrd"}, LEVEL, kind="confext") is not None
    assert mismatch({"ID": "_any", "CONFEXT_SCOPE": "initrd"}, LEVEL, kind="confext", scope="initrd") is None


def test_the_architecture_and_the_scope_count_only_when_they_are_known() -> None:
    extension = {"ID": "_any", "ARCHITECTURE": "arm64", "SYSEXT_SCOPE": "initrd"}
    assert mismatch(extension, DEBIAN, kind="sysext", scope="") is None


def test_the_release_file_is_called_as_the_extension() -> None:
    assert osrelease.release_path("sysext", "x") == "usr/lib/extension-release.d/extension-release.x"
    assert osrelease.release_path("confext", "x") == "etc/extension-release.d/extension-release.x"
