"""Discoverable disk images (UAPI.3): which partitions and which files an image of each kind must and must not have.

Promises: `check_partitions` and `check_tree` never raise and report BB111 (damaged), BB112 (against the specification)
and BB113 (extension release). What is in a file system is asked of a `Tree`, which somebody else reads.
"""

from typing import Callable, Iterable, Mapping, Protocol

from ...findings import Finding, did_you_mean
from ...records import dataclass
from .. import osrelease, versions
from . import dps
from .filesystem import identify, needed
from .gpt import Partition, Table
from .reader import Reader, Report

UNIT_SUFFIXES = (".service", ".socket", ".target", ".timer", ".path")
_SHARED = ("esp", "xbootldr")
_ONCE = ("home", "srv", "var", "tmp")
# What a portable service needs to be there in a read-only image: systemd mounts or writes over each of them.
_MOUNT_POINTS = ("proc", "sys", "dev", "run", "tmp", "var", "etc")


class Tree(Protocol):
    """The content of a file system. Paths have no slash in front."""

    def names(self, folder: str) -> tuple[str, ...]:
        """The names directly in a folder; none when it is not there. An empty path is the top."""

    def read(self, path: str) -> bytes | None:
        """The bytes of a plain file, at most `osrelease.MAX_SIZE` and one more; None when it is not there."""

    def strict(self, path: str) -> bool | None:
        """Whether the xattr user.extension-release.strict demands the name of the image; None when not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of image: what it is called, one of which partitions it needs, and what is read of its content."""

    name: str
    title: str
    needs: tuple[str, ...]
    check: Callable[["Content"], None]

    @property
    def extends(self) -> bool:
        """Whether it is laid over another system, which uses its data partition alone."""
        return self.name in ("sysext", "confext")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A file system that is checked: `file` is how it is named, `name` what the image is called, `pinned` that it lies
    in a folder NAME.v/, where the version is no part of the name. `usr` says that the tree is that of /usr alone."""

    tree: Tree
    file: str
    name: str
    report: Report
    usr: bool = False
    pinned: bool = False

    def names(self, folder: str) -> tuple[str, ...]:
        """The names in a folder of the whole system that the tree is a part of."""
        path = self._path(folder)
        return () if path is None else self.tree.names(path)

    def read(self, path: str) -> bytes | None:
        """The bytes of a file of the whole system that the tree is a part of."""
        inside = self._path(path)
        return None if inside is None else self.tree.read(inside)

    def strict(self, path: str) -> bool | None:
        """Whether an extension-release file must have the name of the image."""
        inside = self._path(path)
        return True if inside is None else self.tree.strict(inside)

    def _path(self, path: str) -> str | None:
        if not self.usr:
            return path
        return path.removeprefix("usr/") if path.startswith("usr/") else "" if path == "usr" else None


@dataclass(frozen=True, slots=True)
class Name:
    """The name of an image file: NAME_VERSION.CLASS.raw (UAPI.3, Naming; UAPI.10)."""

    name: str
    version: str

    @property
    def base(self) -> str:
        """The name without its version."""
        return self.name.partition("_")[0] if self.version else self.name


def parse_name(file: str) -> Name:
    """The name of an image from its file name: without suffixes; what follows the first `_` is the version."""
    stem = file.removesuffix(".raw").removesuffix(".img").removesuffix(".sysext").removesuffix(".confext")
    return Name(stem, stem.partition("_")[2].partition("+")[0])


def kind_of(file: str, folders: tuple[str, ...]) -> str:
    """The kind of an image by its name, else by the folders around it, the innermost first: where systemd looks."""
    for name in ("sysext", "confext"):
        if file.endswith((f".{name}.raw", f".{name}.img")):
            return name
    around = next((folder for folder in folders if not folder.endswith(".v")), "")
    return _FOLDERS.get(around, "system")


_FOLDERS = {"extensions": "sysext", "confexts": "confext", "portables": "portable"}


def check_name(file: str, report: Report) -> None:
    """The version in a file name is one that can be compared."""
    version = parse_name(file).version
    if version and not versions.is_version(version):
        hint = "Name it NAME_VERSION.raw, as in web_1.2.raw."
        report.warn("BB112", f"{version!r} in the file name is no version.", hint)


def check_partitions(image: Reader, table: Table, kind: Kind, report: Report) -> tuple[Partition, ...]:
    """The rules for the partitions of a kind of image; returns those whose content counts, one per architecture."""
    main = [one for need in kind.needs for one in dps.having(table, need) if not one.flag(dps.NO_AUTO)]
    generic = dps.having(table, "linux-generic")
    if not main and len(generic) == 1 and not kind.extends:
        message = f"{generic[0]} is of the type linux-generic: systemd-nspawn starts from it, a machine does not."
        report.warn("BB112", message, "Give it the type of a root partition: sfdisk --part-type IMAGE N TYPE")
        main = list(generic)
    elif not main:
        wanted = " or ".join(f"/{need}" if need == "usr" else need for need in kind.needs)
        message = f"{kind.title} needs a {wanted} partition for x86-64 or arm64, and this image has none."
        report.error("BB112", message, "Look at the partition types and at the flag no-auto: sfdisk --json IMAGE")
    _check_repeated(table, kind, report)
    for one in table.partitions:
        _check_filesystem(table.reader(image, one), one, kind, report)
    return tuple(main)


def _check_repeated(table: Table, kind: Kind, report: Report) -> None:
    for designator in _SHARED:
        found = dps.having(table, designator)
        if len(found) > 1:
            message = f"{found[1]} is a second {designator} partition; an image has at most one."
            report.error("BB112", message, "Take one of them away.")
    for designator in _ONCE:
        found = tuple(one for one in dps.having(table, designator) if not one.flag(dps.NO_AUTO))
        if len(found) > 1:
            report.warn("BB112", f"{found[1]} is a second {designator} partition; only the first one is used.")
    if kind.extends:
        for one in table.partitions:
            use = dps.type_of(one)
            if use and use.designator.partition("-")[0] not in (*kind.needs, "linux"):
                report.warn("BB112", f"{one} is a {use} partition, which is ignored in {kind.title.lower()}.")


def _check_filesystem(part: Reader, one: Partition, kind: Kind, report: Report) -> None:
    """What a partition holds is what its type promises, and whole."""
    use = dps.type_of(one)
    name = identify(part)
    if use is None or "verity" in use.designator:
        return
    if use.designator == "esp" and name != "vfat":
        report.error("BB112", f"{one} is the ESP, but holds {name or 'no file system'}: firmware reads only vfat.")
    elif use.designator in kind.needs and not name:
        message = f"{one} is a {use} partition, but at byte {part.start} there is no file system that Linux mounts."
        report.error("BB112", message)
    check_whole(part, name, report)


def check_whole(part: Reader, name: str, report: Report) -> None:
    """The file system is not larger than what holds it."""
    size = needed(part, name)
    if size > part.size:
        message = f"The {name} at byte {part.start} has {size} bytes, but there are only {part.size}: it is cut off."
        report.error("BB111", message, "Copy the image again.")


def check_tree(kind: Kind, content: Content) -> None:
    """The rules for the files of a kind of image."""
    kind.check(content)


def _check_extension(content: Content, kind: osrelease.Class) -> None:
    """It says what it extends, in a file of its own name, and brings nothing else (UAPI.4, systemd-sysext(8))."""
    folder = osrelease.release_folder(kind)
    prefix = "extension-release."
    files = [name for name in content.names(folder) if name.startswith(prefix)]
    name = parse_name(content.name).base if content.pinned else content.name
    if prefix + name in files:
        _check_release(content, kind, f"{folder}/{prefix}{name}")
    elif len(files) == 1:
        _check_free_name(content, name, f"{folder}/{files[0]}", osrelease.release_path(kind, name))
        _check_release(content, kind, f"{folder}/{files[0]}")
    else:
        message = f"The extension has no file {osrelease.release_path(kind, name)}."
        content.report.error("BB113", message, "Make it, with at least ID= and VERSION_ID=; ID=_any fits every system.")
    _check_no_system(content, kind)


def _check_free_name(content: Content, name: str, path: str, wanted: str) -> None:
    """The only release file has another name than the image, which an xattr on it allows."""
    strict = content.strict(path)
    if strict is False:
        return
    message = f"The extension is called {name}, but its release file is {path}, not {wanted}."
    hint = "Rename one of them."
    if strict:
        content.report.error("BB113", message, hint)
    else:
        unread = "It may be so only if the file has the xattr user.extension-release.strict=0, which was not read."
        content.report.warn("BB115", f"{message} {unread}", hint)


_HIERARCHIES: Mapping[osrelease.Class, tuple[str, ...]] = {"sysext": ("usr", "opt"), "confext": ("etc",)}
_FORBIDDEN: Mapping[osrelease.Class, tuple[str, ...]] = {"sysext": ("usr/lib",), "confext": ("etc", "usr/lib")}


def _check_no_system(content: Content, kind: osrelease.Class) -> None:
    """An extension is no system of its own, and only its hierarchies are merged (UAPI.4)."""
    for folder in _FORBIDDEN[kind]:
        if "os-release" in content.names(folder):
            message = f"The extension has {folder}/os-release, which would make it a system of its own."
            content.report.error("BB113", message, "Take the file away: systemd refuses the extension.")
    top = () if content.usr else content.tree.names("")
    merged = " and ".join(f"/{one}" for one in _HIERARCHIES[kind])
    for name in sorted(set(top) - {*_HIERARCHIES[kind], "lost+found"})[:10]:
        content.report.warn("BB112", f"/{name} in the extension is ignored: only {merged} is merged.")


def _check_release(content: Content, kind: osrelease.Class, path: str) -> None:
    data = content.read(path)
    if data is None:
        content.report.error("BB113", f"{path} is no file that can be read.", "Make it a plain file.")
        return
    content.report.take(check_release(f"{content.file}/{path}", data, kind))


def check_release(file: str, data: bytes, kind: osrelease.Class) -> tuple[Finding, ...]:
    """An extension-release file: readable, and says which systems it is for (os-release(5), systemd-sysext(8))."""
    release, findings = osrelease.parse(file, data)
    report = Report(file, list(findings))
    values = release.values
    level = f"{kind.upper()}_LEVEL"
    if not values.get("ID"):
        message = "The file does not say by ID= which system the extension is for."
        report.error("BB113", message, "Write the ID= of that system's os-release, or ID=_any.")
    elif values["ID"] != "_any" and not values.get("VERSION_ID") and not values.get(level):
        message = f"The file says neither by VERSION_ID= nor by {level}= which version of {values['ID']} it is for."
        report.error("BB113", message, "Write VERSION_ID= as in that system's os-release.")
    rules: tuple[tuple[str, Iterable[str]], ...] = (
        (f"{kind.upper()}_SCOPE", osrelease.SCOPES), ("ARCHITECTURE", (*osrelease.ARCHITECTURES, "_any")),
    )  # fmt: skip
    for key, allowed in rules:
        for word in values.get(key, "").split():
            if word not in allowed:
                report.error("BB113", f"{key}= does not know {word[:60]!r}.", did_you_mean(word, allowed))
    return report.all


def _check_system(content: Content) -> None:
    """A system has an os-release file (os-release(5)): nspawn, portabled and the boot menu refuse one without."""
    for path in ("etc/os-release", "usr/lib/os-release"):
        data = content.read(path)
        if data is not None:
            content.report.take(osrelease.parse(f"{content.file}/{path}", data, code="BB112")[1])
            return
    if "os-release" in (*content.names("etc"), *content.names("usr/lib")):
        return  # a symbolic link whose target a tool did not follow
    message = "The file system has neither etc/os-release nor usr/lib/os-release: it is no system that systemd starts."
    content.report.error("BB112", message, "An extension is called NAME.sysext.raw or NAME.confext.raw.")


def _check_portable(content: Content) -> None:
    _check_system(content)
    prefix = parse_name(content.name).base
    units = [name for name in content.names("usr/lib/systemd/system") if name.endswith(UNIT_SUFFIXES)]
    if not any(name.startswith((f"{prefix}-", f"{prefix}.", f"{prefix}@")) for name in units):
        message = f"There is no unit {prefix}, {prefix}-… or {prefix}@ in usr/lib/systemd/system to attach."
        content.report.error("BB112", message, f"portablectl takes only units with the prefix of the image: {prefix}")
    missing = [] if content.usr else [name for name in _MOUNT_POINTS if name not in content.tree.names("")]
    if missing:
        message = f"The image has no /{', no /'.join(missing)}: systemd cannot mount over them in a read-only image."
        content.report.warn("BB112", message, "Make them as empty folders.")


KINDS: Mapping[str, Kind] = {
    one.name: one
    for one in (
        Kind(name="system", title="An image of a system", needs=("root", "usr"), check=_check_system),
        Kind(name="portable", title="A portable service", needs=("root", "usr"), check=_check_portable),
        Kind(name="sysext", title="A system extension", needs=("root", "usr"),
             check=lambda content: _check_extension(content, "sysext")),
        Kind(name="confext", title="A configuration extension", needs=("root",),
             check=lambda content: _check_extension(content, "confext")),
    )
}  # fmt: skip
