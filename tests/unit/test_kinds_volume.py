"""Volumes and images: keys that contradict each other, and what is only doubtful."""

import pytest

from bbhv.findings import Finding
from bbhv.formats.schema.compiler import compile_schema
from bbhv.kinds.image import Image, read_image
from bbhv.kinds.source import Source
from bbhv.kinds.volume import Volume, read_volume


def source(text: str, file: str) -> Source:
    return Source(tenant="acme", name="data", file=file, data=text.encode(), metadata_schema=compile_schema(True))


def volume(*lines: str) -> tuple[Volume | None, tuple[Finding, ...]]:
    return read_volume(source("\n".join(("[Volume]", *lines)), "infrastructure/data.volume"))


@pytest.mark.parametrize(
    ("lines", "use", "form"),
    [
        ((), "container", "directory"),
        (("Format=directory",), "container", "directory"),
        (("Use=container", "Format=directory", "Size=1G"), "container", "directory"),
    ],
)
def test_a_volume_for_containers_is_a_folder(lines: tuple[str, ...], use: str, form: str) -> None:
    found, findings = volume(*lines)
    assert findings == () and found is not None
    assert (found.use, found.format) == (use, form)


@pytest.mark.parametrize("lines", [("Use=machine", "Size=1G"), ("Use=machine", "Size=1G", "Format=ext4")])
def test_a_volume_for_machines_is_a_drive_with_a_size(lines: tuple[str, ...]) -> None:
    found, findings = volume(*lines)
    assert found is not None
    assert (found.use, found.format, found.size) == ("machine", "ext4", 1 << 30)


@pytest.mark.parametrize(
    "lines", [("Use=machine", "Format=directory"), ("Use=machine", "Format=directory", "Size=1G")]
)
def test_a_folder_for_machines_may_have_a_size(lines: tuple[str, ...]) -> None:
    found, findings = volume(*lines)
    assert found is not None and findings == ()
    assert (found.use, found.format, found.is_shared, found.is_drive) == ("machine", "directory", True, False)


@pytest.mark.parametrize(
    ("lines", "code", "line", "hint"),
    [
        (("Format=ext4", "Use=container", "Size=1G"), "BB209", 2, "Write Use=machine, or leave Format= out"),
        (("Format=ext4", "Size=1G"), "BB209", 2, "Write Use=machine, or leave Format= out"),
        (("Use=machine",), "BB208", 0, "How much room"),
    ],
)
def test_a_format_that_does_not_go_with_the_use_is_found(
    lines: tuple[str, ...], code: str, line: int, hint: str
) -> None:
    found, findings = volume(*lines)
    assert found is None
    [finding] = [one for one in findings if one.severity == "error"]
    assert (finding.code, finding.place.line) == (code, line)
    assert hint in finding.hint


def image(url: str, form: str) -> tuple[Image | None, tuple[Finding, ...]]:
    text = f"[Image]\nSource={url}\nSHA256={'a' * 64}\nFormat={form}\n"
    return read_image(source(text, "infrastructure/data.image"))


@pytest.mark.parametrize(
    ("url", "form"),
    [("file:///srv/a.tar.xz", "tar"), ("file:///srv/a.raw", "raw"), ("file:///srv/a", "raw"), ("file:///srv/a", "tar")],
)
def test_an_image_whose_name_says_nothing_else_is_fine(url: str, form: str) -> None:
    found, findings = image(url, form)
    assert findings == () and found is not None
    assert (found.source, found.format, found.sha256) == (url, form, "a" * 64)


def test_a_signature_is_not_the_image_itself() -> None:
    text = f"[Image]\nSource=https://h/a.raw\nSHA256={'a' * 64}\nFormat=raw\nSignature=HTTPS://h:443/a.raw\n"
    found, [finding] = read_image(source(text, "infrastructure/data.image"))
    assert found is None and (finding.code, finding.place.line) == ("BB209", 5) and ".sig" in finding.hint


@pytest.mark.parametrize(
    ("url", "form", "hint"),
    [
        ("file:///srv/a.tar.zst", "raw", "Write Format=tar"),
        ("file:///srv/A.TGZ", "raw", "Write Format=tar"),
        ("file:///srv/a.squashfs", "tar", "Write Format=raw"),
        ("file:///srv/a.raw", "tar", "Write Format=raw"),
    ],
)
def test_an_image_whose_name_says_another_format_is_doubtful(url: str, form: str, hint: str) -> None:
    found, [finding] = image(url, form)
    assert found is not None
    assert (finding.code, finding.severity, finding.place.line) == ("BB209", "warning", 4)
    assert finding.hint.startswith(hint)
