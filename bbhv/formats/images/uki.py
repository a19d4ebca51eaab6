"""Unified kernel images and their addons (UAPI.5): which sections there are, how often, and whether they can be read.

Promises: `check` never raises and reads of each section at most MAX_TEXT bytes. Findings: BB111 (damaged), BB112
(against the specification); os-release in `.osrel` is reported as BB112 too.
"""

from base64 import b64decode
from itertools import groupby
from typing import Callable, Mapping, NamedTuple

from ...findings import Finding
from ...records import dataclass
from .. import jsontext, osrelease
from . import pe
from .pe import Program, Section
from .reader import Reader, Report

MAX_TEXT = 1 << 20
MAX_PROFILES = 256
ADDON_SUFFIX = ".addon.efi"
SUPPORTED = ("x86-64", "arm64")
PROFILE = ".profile"

_HEX = frozenset("0123456789abcdef")
_REBUILD = "Build it anew with ukify."


class Row(NamedTuple):
    """A kind of section: whether it may be there more than once, makes an addon, and what reads its content."""

    name: str
    repeatable: bool = False
    addon: bool = False
    check: "Callable[[_Part], None] | None" = None


@dataclass(frozen=True, slots=True)
class _Part:
    """The content of one section that is checked."""

    program: Program
    section: Section
    content: Reader
    report: Report

    def wrong(self, message: str, hint: str = _REBUILD) -> None:
        self.report.error("BB112", f"{self.section} {message}", hint)

    def text(self) -> str | None:
        """The content as text without the NUL bytes behind it; None, and a finding, when it is none."""
        data = self.content.at(0, MAX_TEXT).rstrip(b"\0")
        if self.content.size > MAX_TEXT:
            self.wrong(f"has {self.content.size} bytes; text has at most {MAX_TEXT}.")
            return None
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            self.wrong(f"is not UTF-8 text: look at byte {self.content.start + error.start}.")
            return None
        if "\0" in text:
            self.wrong("has a NUL byte in the middle of its text.")
        return text


def _check_linux(part: _Part) -> None:
    """The kernel is a program of its own, for the same architecture: the stub starts it as one."""
    if part.content.at(0, 2) != b"MZ":
        part.wrong("is no kernel that UEFI can start: it does not start with MZ.")
        return
    inner, findings = pe.parse(part.content)
    if inner is None:
        part.report.take(findings, f"The kernel at byte {part.content.start}")
    elif inner.machine != part.program.machine:
        part.wrong(f"is a kernel for {inner.machine} in an image for {part.program.machine}.")


def _check_osrel(part: _Part) -> None:
    data = part.content.at(0, osrelease.MAX_SIZE + 1).rstrip(b"\0")
    release, findings = osrelease.parse(part.report.file, data, code="BB112")
    part.report.take(findings, f"The os-release at byte {part.content.start}")
    values = release.values
    if release.assignments and not (values.get("PRETTY_NAME") or values.get("NAME") or values.get("IMAGE_ID")):
        part.report.warn("BB112", f"{part.section} has no PRETTY_NAME=: the boot menu has no title for it.")


def _check_line(part: _Part) -> None:
    text = part.text()
    if text is not None and any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text.strip()):
        part.report.warn("BB112", f"{part.section} has control characters or more than one line.")


def _check_uname(part: _Part) -> None:
    text = part.text()
    if text is not None and (not text or not text.isprintable() or " " in text):
        part.wrong("is no kernel release as `uname -r` prints it.")


def _check_sbat(part: _Part) -> None:
    """CSV lines; the first is of the format itself (shim, SBAT.md)."""
    lines = [line.split(",") for line in (part.text() or "sbat,1,-,-,-,-").split("\n") if line]
    if not lines or lines[0][:1] != ["sbat"]:
        part.wrong("does not start with a line for sbat itself.")
    elif any(len(line) < 6 or not line[1].isdigit() for line in lines):
        part.wrong("has a line that is not: component,generation,vendor,package,version,url.")


def _check_profile(part: _Part) -> None:
    _, findings = osrelease.parse(part.report.file, (part.text() or "").encode(), code="BB112")
    part.report.take(findings, f"The profile at byte {part.content.start}")


def _check_pcrpkey(part: _Part) -> None:
    if not (part.text() or "").lstrip().startswith("-----BEGIN "):
        part.wrong("is no public key in PEM form.")


def _check_pcrsig(part: _Part) -> None:
    """Per hash algorithm a list of what was signed (UAPI.5, JSON Format for .pcrsig)."""
    text = part.text()
    if text is None:
        return
    located, findings = jsontext.parse(part.report.file, text.encode())
    part.report.take(findings, f"The signature at byte {part.content.start}")
    banks = located.value if located else {}
    if not isinstance(banks, dict) or not all(isinstance(bank, list) for bank in banks.values()):
        part.wrong("is no JSON object with a list for each hash algorithm.")
        return
    for bank in banks.values():
        if isinstance(bank, list) and not all(isinstance(one, dict) and _is_signature(one) for one in bank):
            part.wrong("has a signature without pcrs, pkfp and pol in hexadecimal, and sig in Base64.")
            return


def _is_signature(one: Mapping[str, jsontext.Json]) -> bool:
    pcrs, sig = one.get("pcrs"), one.get("sig")
    if not isinstance(pcrs, list) or not all(type(number) is int and 0 <= number < 24 for number in pcrs):
        return False
    for key in ("pkfp", "pol"):
        value = one.get(key)
        if not isinstance(value, str) or not value or not _HEX.issuperset(value):
            return False
    try:
        return isinstance(sig, str) and bool(b64decode(sig, validate=True))
    except ValueError:
        return False


def _check_splash(part: _Part) -> None:
    if part.content.at(0, 2) != b"BM":
        part.report.warn("BB112", f"{part.section} is no BMP picture: it is not shown.")


def _check_dtb(part: _Part) -> None:
    """A flattened device tree has big-endian numbers: a magic and its size."""
    head = part.content.at(0, 8)
    size = int.from_bytes(head[4:], "big")
    if head[:4] != b"\xd0\x0d\xfe\xed" or size > part.content.size:
        part.wrong("is no whole device tree blob.")


# In the canonical order, in which the sections of a profile are measured; the order in the file means nothing.
ROWS = (
    Row(".linux", check=_check_linux),
    Row(".osrel", check=_check_osrel),
    Row(".cmdline", addon=True, check=_check_line),
    Row(".initrd", addon=True),
    Row(".ucode", addon=True),
    Row(".splash", check=_check_splash),
    Row(".dtb", addon=True, check=_check_dtb),
    Row(".dtbauto", repeatable=True, addon=True, check=_check_dtb),
    Row(".efifw", repeatable=True),
    Row(".hwids"),
    Row(".uname", check=_check_uname),
    Row(".sbat", check=_check_sbat),
    Row(".pcrsig", check=_check_pcrsig),
    Row(".pcrpkey", check=_check_pcrpkey),
    Row(PROFILE, check=_check_profile),
)
SECTIONS: Mapping[str, Row] = {row.name: row for row in ROWS}


def is_addon(program: Program) -> bool:
    """Whether the sections are those of an addon: no kernel, but something for one."""
    names = {section.name for section in program.sections}
    return ".linux" not in names and any(row.addon and row.name in names for row in ROWS)


def profiles(program: Program) -> tuple[tuple[Section, ...], ...]:
    """The sections of the base profile, then of each profile from its `.profile` on; only those that UAPI.5 knows."""
    numbers: list[int] = []
    for section in program.sections:
        numbers.append((numbers[-1] if numbers else 0) + (section.name == PROFILE))
    found: list[tuple[Section, ...]] = [() for _ in range(numbers[-1] + 1 if numbers else 1)]
    for number, group in groupby(zip(numbers, program.sections), key=lambda pair: pair[0]):
        found[number] = tuple(section for _, section in group if section.name in SECTIONS)
    return tuple(found)


def effective(program: Program, number: int | None = None) -> tuple[Section, ...]:
    """What the stub uses for a profile, in the canonical order: its sections, then those of the base that it lacks.

    None is the base profile. A section of no length hides the one of the base (UAPI.5, Multi-Profile UKIs).
    """
    groups = profiles(program)
    own = groups[number + 1] if number is not None and number + 1 < len(groups) else ()
    names = {section.name for section in own}
    chosen = (*own, *(section for section in groups[0] if section.name not in names))
    order = {row.name: index for index, row in enumerate(ROWS)}
    return tuple(sorted((one for one in chosen if one.size), key=lambda one: (order[one.name], one.number)))


def check(file: Reader, program: Program, *, addon: bool) -> tuple[Finding, ...]:
    """The rules for a unified kernel image, or for an addon when it is called one."""
    report = Report(file.file)
    names = {section.name for section in program.sections}
    if program.subsystem != pe.EFI_APPLICATION:
        message = f"The subsystem is {program.subsystem}, not {pe.EFI_APPLICATION}: it is no application for UEFI."
        report.error("BB112", message, _REBUILD)
    if program.machine not in SUPPORTED:
        report.warn("BB112", f"The file is for {program.machine}; known are {' and '.join(SUPPORTED)}.")
    _check_role(program, names, addon, report)
    groups = profiles(program)
    if len(groups) - 1 > MAX_PROFILES:
        report.error("BB112", f"There are {len(groups) - 1} profiles; at most {MAX_PROFILES} are used.")
    for number, group in enumerate(groups):
        _check_singletons(number, group, report)
        for section in group:
            _check_section(file, program, section, report)
    return report.all


def _check_role(program: Program, names: set[str], addon: bool, report: Report) -> None:
    """It is what its name says: an image with a kernel, or an addon without one."""
    if addon and ".linux" in names:
        message = f"The file is called an addon, but has a kernel in {_first(program, '.linux')}."
        report.error("BB112", message, f"Only addons are called NAME{ADDON_SUFFIX}.")
    elif addon and not is_addon(program):
        choices = ", ".join(row.name for row in ROWS if row.addon)
        report.error("BB112", f"An addon has at least one of the sections {choices}; this one has none.", _REBUILD)
    elif not addon and is_addon(program):
        message = "The file has no .linux section, but those of an addon, which the stub looks for by name."
        report.error("BB112", message, f"Call an addon NAME{ADDON_SUFFIX}; add the kernel to an image.")
    elif not addon and ".linux" not in names:
        report.error("BB112", "There is no .linux section: it is a program for UEFI, but no unified kernel image.")
    elif not addon and ".osrel" not in names:
        report.warn("BB112", "There is no .osrel section: the boot menu and bootctl do not list the image.",
                    "Build it with ukify --os-release=@/etc/os-release.")  # fmt: skip


def _first(program: Program, name: str) -> Section:
    return next(section for section in program.sections if section.name == name)


def _check_singletons(number: int, group: tuple[Section, ...], report: Report) -> None:
    known: dict[str, Section] = {}
    for section in group:
        first = known.setdefault(section.name, section)
        if first is not section and not SECTIONS[section.name].repeatable:
            where = f"profile @{number - 1}" if number else "the image"
            message = f"{section} is a second one in {where}, after that with its header at byte {first.at}."
            report.error("BB112", message, "Readers disagree on which of them counts: leave one.")


def _check_section(file: Reader, program: Program, section: Section, report: Report) -> None:
    row = SECTIONS[section.name]
    if row.check and section.size:
        row.check(_Part(program, section, program.reader(file, section), report))
