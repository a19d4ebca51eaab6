"""System and configuration extensions of a tenant: a folder that is the tree of one, or NAME.image that is fetched.

    extensions/sysext/NAME/usr/lib/extension-release.d/extension-release.NAME      usr/… and opt/…
    extensions/confext/NAME/etc/extension-release.d/extension-release.NAME         etc/…

An extension of a tenant is laid over the images of that tenant's own containers, machines and portable services, and
never over the host (those of a system repository are, and read the same). So it may hold whatever an image may:
programs, libraries, units, generators, udev rules. What git cannot carry it cannot have: device nodes, set-user-id
programs, owners, extended attributes; the name of the release file is therefore always compared (there is no
user.extension-release.strict=0).

Whether it fits the image that it is laid over is known when both are: `osrelease.mismatch` says so. A tree must say
more than systemd asks for: its system, and a level or version of it, or ID=_any. A sysext and a confext of one name
belong together: Extension=NAME lays both over.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from ..findings import Finding, Place, did_you_mean, errors
from ..formats import osrelease
from ..formats.osrelease import Class, OsRelease
from ..records import dataclass
from . import values as v
from .image import SHA256, SIZE, SOURCE, Fetched, doubts
from .settings import Cost, Setting, Table, Verdict
from .source import Source, unit_values

MAX_FILES = 4096
MAX_SPELT = 16
HIERARCHIES: Mapping[Class, tuple[str, ...]] = {"sysext": ("usr", "opt"), "confext": ("etc",)}
NOUNS: Mapping[Class, str] = {"sysext": "system extension", "confext": "configuration extension"}
OTHER: Mapping[Class, Class] = {"sysext": "confext", "confext": "sysext"}
# Files that would take the place of what tells systems, and versions of them, apart.
FORBIDDEN: Mapping[Class, Mapping[str, str]] = {
    "sysext": {"usr/lib/os-release": "It would replace the release of the system, and so no extension would match."},
    "confext": {
        "etc/os-release": "It would replace the release of the system, and so no extension would match.",
        "etc/initrd-release": "With it, systemd would take the system for an initrd.",
        "etc/machine-id": "Every system that has the extension would have the same id.",
    },
}
_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")
_VERSION = _LOWER | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ~^+")

FORMAT = Setting(
    "Image", "Format", Verdict.ALLOWED, v.one_of("tar", "raw"), Cost.RECREATE,
    "tar for an archive of the extension's tree, raw for a squashfs or erofs image or a disk image (DDI) of it.",
    required=True,
)  # fmt: skip
TABLE = Table(SOURCE, SHA256, FORMAT, SIZE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionTree:
    """An extension that is a folder: its files by their path in it, and what its release file says."""

    name: str
    file: str
    kind: Class
    files: Mapping[str, bytes]
    release: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionImage(Fetched):
    """An extension that is fetched, like an image; its release file is read when it is there."""

    kind: Class


Extension: TypeAlias = ExtensionTree | ExtensionImage


def read_sysext(source: Source) -> tuple[Extension | None, tuple[Finding, ...]]:
    """The system extension of a declaration, None when it has errors."""
    return _read(source, "sysext")


def read_confext(source: Source) -> tuple[Extension | None, tuple[Finding, ...]]:
    """The configuration extension of a declaration, None when it has errors."""
    return _read(source, "confext")


READERS: Mapping[Class, Callable[[Source], tuple[Extension | None, tuple[Finding, ...]]]] = {
    "sysext": read_sysext,
    "confext": read_confext,
}


def _read(source: Source, kind: Class) -> tuple[Extension | None, tuple[Finding, ...]]:
    if source.files:
        return _read_tree(source, kind)
    values, findings = unit_values(source, TABLE)
    found = ExtensionImage(name=source.name, file=source.file, values=values, kind=kind)
    findings += tuple(doubts(found))
    return None if errors(findings) else found, findings


def _read_tree(source: Source, kind: Class) -> tuple[ExtensionTree | None, tuple[Finding, ...]]:
    findings = [*_bounds(source), *_places(source, kind), *_release_files(source, kind)]
    path = osrelease.release_path(kind, source.name)
    release = OsRelease(())
    if path in source.files:
        file = f"{source.file}/{path}"
        release, problems = osrelease.parse(file, source.files[path])
        findings += problems
        findings += () if errors(problems) else check_release(file, release, kind)
    tree = ExtensionTree(
        name=source.name, file=source.file, kind=kind, files=source.files, release=release.values,
    )  # fmt: skip
    return None if errors(findings) else tree, tuple(findings)


def _bounds(source: Source) -> Iterator[Finding]:
    if len(source.files) > MAX_FILES:
        hint = f"Make an image of it, and declare {source.file}.image."
        yield Finding(Place(source.file), "BB110", f"The extension has more than {MAX_FILES} files.", hint)


def _places(source: Source, kind: Class) -> Iterator[Finding]:
    """Files that must not be there, and files that nothing would ever see."""
    allowed = HIERARCHIES[kind]
    for inside in sorted(source.files):
        place = Place(f"{source.file}/{inside}")
        top, slash, _ = inside.partition("/")
        if inside in FORBIDDEN[kind]:
            hint = "Remove it. What describes the extension is its release file."
            yield Finding(place, "BB112", FORBIDDEN[kind][inside], hint)
        elif top not in allowed or not slash:
            where = " and ".join(f"{one}/" for one in allowed)
            other = OTHER[kind]
            hint = f"Put it into {_of(source, kind, other)}." if slash and top in HIERARCHIES[other] else ""
            message = f"Only {where} of a {NOUNS[kind]} count, ignoring the file."
            yield Finding(place, "BB108", message, hint or "Remove it.", severity="warning")


def _of(source: Source, kind: Class, other: Class) -> str:
    """Where an extension of this name and of the other class belongs, in the same repository."""
    return source.file.replace(f"extensions/{kind}/", f"extensions/{other}/")


def _release_files(source: Source, kind: Class) -> Iterator[Finding]:
    """The release file is there, under the name of the extension, and alone."""
    wanted = osrelease.release_path(kind, source.name)
    folder = f"{osrelease.release_folder(kind)}/"
    others = [path for path in sorted(source.files) if path.startswith(f"{folder}extension-release") and path != wanted]
    if wanted not in source.files:
        message = f"The {NOUNS[kind]} has no release file {wanted}."
        hint = "Add it with ID= and VERSION_ID= of the image that it is for, or with ID=_any."
        if others:
            hint = f"Rename {others[0]}: its name ends in the name of the folder, {source.name}."
        elif osrelease.release_path(OTHER[kind], source.name) in source.files:
            hint = f"It has that of a {NOUNS[OTHER[kind]]}: move the folder to {_of(source, kind, OTHER[kind])}."
        yield Finding(Place(source.file), "BB113", message, hint)
        return
    for path in others:
        message = f"The release file is {wanted}; this one is for another extension, ignoring."
        yield Finding(Place(f"{source.file}/{path}"), "BB113", message, "Remove it.", severity="warning")


def check_release(file: str, release: OsRelease, kind: Class) -> tuple[Finding, ...]:
    """What is wrong with the keys of an extension-release file: BB113, each with its place."""
    return tuple(finding for check in _CHECKS for finding in check(file, release, kind))


def _finding(file: str, release: OsRelease, key: str, message: str, hint: str) -> Finding:
    one = release.find(key)
    place = Place(file, one.value_line, one.value_column) if one else Place(file)
    return Finding(place, "BB113", message, hint)


def _system(file: str, release: OsRelease, kind: Class) -> Iterator[Finding]:
    """Which system it is for."""
    values, level = release.values, f"{kind.upper()}_LEVEL"
    if not values.get("ID"):
        hint = "Write ID= as in the os-release file of the image, or ID=_any when it fits every system."
        yield _finding(file, release, "ID", "The extension does not say which system it is for: ID= is missing.", hint)
    elif values["ID"] != "_any":
        if not _LOWER.issuperset(values["ID"]):
            hint = "Write it as in the os-release file of the image, such as debian."
            yield _finding(file, release, "ID", f"ID={v.quoted(values['ID'])} is not the id of a system.", hint)
        if not values.get(level) and not values.get("VERSION_ID"):
            message = "The extension does not say which version of the system it is for."
            hint = f"Write VERSION_ID= or {level}= as in the os-release file of the image, or ID=_any."
            yield _finding(file, release, "ID", message, hint)
    for key, allowed in ((level, _LOWER), ("VERSION_ID", _VERSION)):
        if not allowed.issuperset(values.get(key, "")):
            message = f"{key}={v.quoted(values[key])} has a character that is not allowed in it."
            yield _finding(file, release, key, message, "Write it as in the os-release file of the image.")


def _use(file: str, release: OsRelease, kind: Class) -> Iterator[Finding]:
    """What it can be used for: the architecture and the scope."""
    known = (*osrelease.ARCHITECTURES, "_any")
    architecture = release.values.get("ARCHITECTURE", "_any")
    if architecture and architecture not in known:
        message = f"ARCHITECTURE={v.quoted(architecture)} is not an architecture that systemd knows."
        spelt = {"x86_64": "x86-64", "amd64": "x86-64", "i386": "x86", "aarch64": "arm64"}.get(architecture, "")
        hint = f"Write ARCHITECTURE={spelt}." if spelt else did_you_mean(architecture, known)
        yield _finding(file, release, "ARCHITECTURE", message, hint or "Write such as x86-64 or arm64.")
    key = f"{kind.upper()}_SCOPE"
    scopes = release.values.get(key, "system portable").split()
    for scope in (scope for scope in scopes if scope not in osrelease.SCOPES):
        hint = did_you_mean(scope, osrelease.SCOPES) or f"Scopes are {', '.join(osrelease.SCOPES)}."
        yield _finding(file, release, key, f"{v.quoted(scope)} is not a scope.", hint)
    if not {"system", "portable"} & set(scopes):
        message = "The extension is neither for systems nor for portable services, so nothing would use it."
        yield _finding(file, release, key, message, f"Leave {key}= out, or write system.")


def _spelling(file: str, release: OsRelease, kind: Class) -> Iterator[Finding]:
    """Keys that look like one that counts but are none, and keys of the other class: all of them are ignored."""
    other = f"{OTHER[kind].upper()}_"
    for one in release.assignments:
        if one.key.startswith(other) and one.key.removeprefix(other) in ("LEVEL", "SCOPE"):
            message = f"{one.key}= means nothing for a {NOUNS[kind]}, ignoring."
            hint = f"Write {kind.upper()}_{one.key.removeprefix(other)}=."
            yield Finding(Place(file, one.line, one.column), "BB113", message, hint, severity="warning")
    unknown = [one for one in release.assignments if not osrelease.is_field(one.key)]
    for one in unknown[:MAX_SPELT]:  # looking for what was meant takes time
        hint = did_you_mean(one.key, osrelease.FIELDS)
        if hint:
            message = f"{one.key}= is no field of os-release(5), ignoring."
            yield Finding(Place(file, one.line, one.column), "BB113", message, hint, severity="warning")


def _reloading(file: str, release: OsRelease, kind: Class) -> Iterator[Finding]:
    value = release.values.get("EXTENSION_RELOAD_MANAGER", "")
    try:
        v.boolean(value or "no")
    except v.Unreadable as error:
        yield _finding(file, release, "EXTENSION_RELOAD_MANAGER", f"EXTENSION_RELOAD_MANAGER=: {error}", error.hint)


_CHECKS: tuple[Callable[[str, OsRelease, Class], Iterator[Finding]], ...] = (_system, _use, _spelling, _reloading)
