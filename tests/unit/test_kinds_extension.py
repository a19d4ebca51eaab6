"""Extensions of a tenant: trees with a release file that fits, or images that are fetched."""

from collections.abc import Mapping

import pytest

from bbhv.findings import Finding
from bbhv.formats.osrelease import Class
from bbhv.formats.schema.compiler import compile_schema
from bbhv.kinds import extension
from bbhv.kinds.extension import Extension, ExtensionImage, ExtensionTree, read_confext, read_sysext
from bbhv.kinds.source import Source
from bbhv.model import grants
from bbhv.model.registration import Grants, Registration
from bbhv.model.tenant import read_tenant

from .model import FILES, METADATA_SCHEMA

SYSEXT = "usr/lib/extension-release.d/extension-release.tools"
CONFEXT = "etc/extension-release.d/extension-release.tools"
ANY = b"ID=_any\n"
READERS = {"sysext": read_sysext, "confext": read_confext}
RELEASES = {"sysext": SYSEXT, "confext": CONFEXT}


def read(
    files: Mapping[str, bytes], kind: Class = "sysext", data: bytes = b"", folder: str = ""
) -> tuple[Extension | None, tuple[Finding, ...]]:
    file = f"{folder}extensions/{kind}/tools" + ("" if files else ".image")
    return READERS[kind](Source(
        tenant="acme", name="tools", file=file, data=data, metadata_schema=compile_schema(True), files=files
    ))  # fmt: skip


def said(findings: tuple[Finding, ...]) -> list[tuple[str, str, str]]:
    return [(one.code, one.severity, str(one.place)) for one in findings]


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("sysext", {"usr/bin/tool": b"\x7fELF", "opt/tool/data": b"\xff", "usr/lib/systemd/system/x.service": b""}),
        ("confext", {"etc/tool.conf": b"x", "etc/systemd/system/x.service": b"", "etc/.hidden": b""}),
    ],
)
def test_a_tree_keeps_its_files_and_what_its_release_says(kind: Class, more: dict[str, bytes]) -> None:
    found, findings = read({RELEASES[kind]: b"ID=debian\nVERSION_ID=13\n", **more}, kind)
    assert findings == () and isinstance(found, ExtensionTree)
    assert (found.name, found.kind, found.file) == ("tools", kind, f"extensions/{kind}/tools")
    assert found.files[next(iter(more))] == more[next(iter(more))]
    assert found.release == {"ID": "debian", "VERSION_ID": "13"}


@pytest.mark.parametrize(
    "release",
    [
        b"ID=_any\n",
        b"ID=debian\nSYSEXT_LEVEL=2\n",
        b"ID=debian\nVERSION_ID=13~rc1\nARCHITECTURE=x86-64\nSYSEXT_SCOPE=\"system initrd\"\n",
        b"ID=_any\nARCHITECTURE=_any\nEXTENSION_RELOAD_MANAGER=1\nSYSEXT_ID=tools\nSYSEXT_VERSION_ID=1.2\n",
        b"ID=_any\nSYSEXT_SCOPE=portable\nVENDOR_THING=x\n",
        b"# of Acme\n\nID=_any\nEXTENSION_RESTART_UNITS=\"x.service\"\n",
    ],
)
def test_a_release_file_may_say_all_that_systemd_knows(release: bytes) -> None:
    assert read({SYSEXT: release})[1] == ()


@pytest.mark.parametrize(
    ("release", "line", "message", "hint"),
    [
        (b"", 0, "ID= is missing", "or ID=_any"),
        (b"VERSION_ID=13\n", 0, "ID= is missing", "or ID=_any"),
        (b"ID=\n", 1, "ID= is missing", "or ID=_any"),
        (b"ID=debian\n", 1, "which version", "Write VERSION_ID= or SYSEXT_LEVEL="),
        (b"ID=debian\nVERSION_ID=\n", 1, "which version", "Write VERSION_ID= or SYSEXT_LEVEL="),
        (b"ID=Debian\nVERSION_ID=13\n", 1, "ID='Debian' is not the id of a system", "such as debian"),
        (b"ID=debian\nVERSION_ID='13 (x)'\n", 2, "VERSION_ID='13 (x)' has a character", "os-release"),
        (b"ID=debian\nSYSEXT_LEVEL=A\n", 2, "SYSEXT_LEVEL='A' has a character", "os-release"),
        (b"ID=_any\nARCHITECTURE=x86_64\n", 2, "is not an architecture", "Write ARCHITECTURE=x86-64."),
        (b"ID=_any\nARCHITECTURE=amd64\n", 2, "is not an architecture", "Write ARCHITECTURE=x86-64."),
        (b"ID=_any\nARCHITECTURE=arm46\n", 2, "is not an architecture", "Did you mean arm64?"),
        (b"ID=_any\nSYSEXT_SCOPE=initrd\n", 2, "nothing would use it", "Leave SYSEXT_SCOPE= out"),
        (b"ID=_any\nSYSEXT_SCOPE=\n", 2, "nothing would use it", "Leave SYSEXT_SCOPE= out"),
        (b"ID=_any\nSYSEXT_SCOPE='system portabel'\n", 2, "'portabel' is not a scope", "Did you mean portable?"),
        (b"ID=_any\nEXTENSION_RELOAD_MANAGER=maybe\n", 2, "is not a boolean", "yes or no"),
        (b"ID=_any\nfoo\n", 2, "The line is no assignment", "KEY=VALUE"),
        (b"ID='_any\n", 1, "is not closed", "Close every quote"),
    ],
)
def test_a_release_file_that_systemd_or_the_host_would_refuse_is_found(
    release: bytes, line: int, message: str, hint: str
) -> None:
    found, [finding] = read({SYSEXT: release})
    assert found is None
    assert (finding.code, finding.severity, finding.place.line) == ("BB113", "error", line)
    assert finding.place.file == f"extensions/sysext/tools/{SYSEXT}"
    assert message in finding.message and finding.message.endswith(".") and hint in finding.hint


@pytest.mark.parametrize(
    ("release", "line", "hint"),
    [
        (b"ID=_any\nCONFEXT_LEVEL=1\n", 2, "Write SYSEXT_LEVEL=."),
        (b"ID=_any\nCONFEXT_SCOPE=system\n", 2, "Write SYSEXT_SCOPE=."),
        (b"ID=_any\nARCHITECTUR=arm64\n", 2, "Did you mean ARCHITECTURE?"),
        (b"ID=_any\nID=_any\n", 2, "Keep one of them."),
    ],
)
def test_what_would_be_ignored_in_a_release_file_is_a_warning(release: bytes, line: int, hint: str) -> None:
    found, [finding] = read({SYSEXT: release})
    assert found is not None
    assert (finding.code, finding.severity, finding.place.line, finding.hint) == ("BB113", "warning", line, hint)


def test_a_configuration_extension_has_a_level_of_its_own() -> None:
    assert read({CONFEXT: b"ID=debian\nCONFEXT_LEVEL=1\n"}, "confext")[1] == ()
    _, findings = read({CONFEXT: b"ID=debian\nSYSEXT_LEVEL=1\n"}, "confext")
    assert [one.severity for one in findings] == ["error", "warning"]


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        ({"usr/bin/tool": b"x"}, "Add it with ID= and VERSION_ID= of the image"),
        ({"usr/lib/extension-release.d/extension-release.tool": ANY}, "its name ends in the name of the folder"),
        ({"usr/lib/extension-release.d/extension-release": ANY}, "its name ends in the name of the folder"),
        ({"usr/lib/extension-release.d/tools": ANY}, "Add it with ID="),
    ],
)
def test_a_release_file_that_is_missing_or_misnamed_is_found(files: dict[str, bytes], hint: str) -> None:
    found, findings = read(files)
    assert found is None
    assert said(findings) == [("BB113", "error", "extensions/sysext/tools")]
    assert SYSEXT in findings[0].message and hint in findings[0].hint


def test_a_tree_of_the_other_class_says_where_it_belongs() -> None:
    found, findings = read({CONFEXT: ANY})
    assert found is None
    assert ("BB113", "error", "extensions/sysext/tools") in said(findings)
    assert "move the folder to extensions/confext/tools" in " ".join(one.hint for one in findings)


def test_a_second_release_file_is_pointed_out() -> None:
    found, findings = read({SYSEXT: ANY, "usr/lib/extension-release.d/extension-release.other": ANY})
    assert found is not None
    assert [(one.code, one.severity) for one in findings] == [("BB113", "warning")]


@pytest.mark.parametrize(
    ("kind", "path", "hint"),
    [
        ("sysext", "etc/tool.conf", "Put it into extensions/confext/tools."),
        ("sysext", "var/lib/x", "Remove it."),
        ("sysext", "README.md", "Remove it."),
        ("sysext", "usr", "Remove it."),
        ("sysext", "usr.d/x", "Remove it."),
        ("confext", "usr/bin/x", "Put it into extensions/sysext/tools."),
        ("confext", "opt/x", "Put it into extensions/sysext/tools."),
    ],
)
def test_a_file_that_nobody_would_see_is_a_warning(kind: Class, path: str, hint: str) -> None:
    found, findings = read({RELEASES[kind]: ANY, path: b"x"}, kind)
    assert found is not None
    assert said(findings) == [("BB108", "warning", f"extensions/{kind}/tools/{path}")]
    assert findings[0].hint == hint


def test_an_extension_of_the_host_gets_hints_about_its_own_repository() -> None:
    _, findings = read({SYSEXT: ANY, "etc/x": b""}, folder="host/")
    assert [one.hint for one in findings] == ["Put it into host/extensions/confext/tools."]


@pytest.mark.parametrize(
    ("kind", "path"), [(kind, path) for kind in extension.FORBIDDEN for path in extension.FORBIDDEN[kind]]
)
def test_a_file_that_tells_systems_apart_is_refused(kind: Class, path: str) -> None:
    found, findings = read({RELEASES[kind]: ANY, path: b"x"}, kind)
    assert found is None
    assert said(findings) == [("BB112", "error", f"extensions/{kind}/tools/{path}")]


def test_an_extension_that_is_too_large_is_to_become_an_image() -> None:
    many = {f"usr/share/{number}": b"" for number in range(extension.MAX_FILES)}
    found, findings = read({SYSEXT: ANY, **many})
    assert found is None
    assert said(findings) == [("BB110", "error", "extensions/sysext/tools")]
    assert "extensions/sysext/tools.image" in findings[0].hint


def test_a_release_file_of_nonsense_keys_is_read_in_bounded_time() -> None:
    keys = b"".join(b"ARCHITECTUR%d=x\n" % number for number in range(900))
    _, findings = read({SYSEXT: ANY + keys})
    assert len(findings) <= extension.MAX_SPELT


IMAGE = b"[Image]\nSource=file:///srv/images/tools.raw\nSHA256=" + b"a" * 64 + b"\nFormat=raw\n"


@pytest.mark.parametrize("kind", ["sysext", "confext"])
def test_an_image_has_the_settings_of_images(kind: Class) -> None:
    found, findings = read({}, kind, IMAGE)
    assert findings == () and isinstance(found, ExtensionImage)
    assert (found.kind, found.source, found.format) == (kind, "file:///srv/images/tools.raw", "raw")
    assert found.sha256 == "a" * 64


@pytest.mark.parametrize(
    ("old", "new", "code", "severity"),
    [
        (b"Format=raw\n", b"", "BB208", "error"),
        (b"Format=raw", b"Format=tree", "BB205", "error"),
        (b"file:///srv", b"ssh://images.example.com", "BB205", "error"),
        (b"Format=raw", b"Format=tar", "BB209", "warning"),
    ],
)
def test_an_image_with_a_wrong_setting_is_found(old: bytes, new: bytes, code: str, severity: str) -> None:
    found, [finding] = read({}, data=IMAGE.replace(old, new))
    assert (finding.code, finding.severity) == (code, severity)
    assert (found is None) is (severity == "error")


@pytest.mark.parametrize(
    ("granted", "codes"),
    [
        (Grants(image_sources=("file:///srv/images/",), mount_images=True), []),
        (Grants(image_sources=("file:///srv/images/",)), ["BB404"]),
        (Grants(), ["BB403", "BB404"]),
    ],
)
def test_the_source_of_an_extension_must_be_granted_like_that_of_an_image(granted: Grants, codes: list[str]) -> None:
    files = {"metadata.json": FILES["metadata.json"], "extensions/sysext/tools.image": IMAGE}
    tenant, findings = read_tenant(files, "acme", METADATA_SCHEMA)
    assert tenant is not None, findings
    registration = Registration(tenant="acme", repository="file:///x", grants=granted)
    found = grants.check(tenant, registration, allow_file=True, offered=())
    assert sorted(one.code for one in found) == codes
