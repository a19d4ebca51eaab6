"""Images, boot files and extension trees, checked as files: the readers of formats/ over what host/inspect.py opens.

Nothing is mounted and nothing needs root. What could not be looked at is a warning BB115 that says why.
"""

import os
from typing import Callable, Mapping

from ..errors import NotFoundError
from ..findings import Finding
from ..formats import osrelease
from ..formats.images import bls, ddi, dps, filesystem, gpt, pe, uki
from ..formats.images.gpt import Partition, Table
from ..formats.images.reader import Reader, Report
from ..host import files, inspect

# An image has a root and a /usr for each of two architectures, each perhaps twice; content of more is not read.
MAX_TREES = 8
MAX_BOOT_FILES = 1000


def check_image(path: str) -> tuple[Finding, ...]:
    """A disk image: a GPT with its partitions, or one file system alone."""
    name, folders = os.path.basename(path), _folders(path)
    kind = ddi.KINDS[ddi.kind_of(name, folders)]
    report = Report(path)
    ddi.check_name(name, report)
    with inspect.opened(path) as file:
        alone = filesystem.identify(file.reader)
        if gpt.sector_size(file.reader) or not alone:
            _check_table(file, kind, report)
        else:
            ddi.check_whole(file.reader, alone, report)
            _check_content(file, file.reader, kind, report, path)
    return report.all


def _check_table(file: inspect.Opened, kind: ddi.Kind, report: Report) -> None:
    table, findings = gpt.parse(file.reader)
    report.take(findings)
    if table is None:
        return
    dps.check(file.reader, table, report)
    main = ddi.check_partitions(file.reader, table, kind, report)
    for one in _read_partitions(main)[:MAX_TREES]:
        _check_partition(file, table, one, kind, report)
    for one in (*dps.having(table, "esp")[:1], *dps.having(table, "xbootldr")[:1]):
        name = filesystem.identify(table.reader(file.reader, one))
        if name:
            message = f"{one} is for booting: the boot entries and kernels in its {name} were not checked."
            report.warn("BB115", message, "Mount it, and give bbhv validate the folder.")


def _read_partitions(main: tuple[Partition, ...]) -> tuple[Partition, ...]:
    """Those whose files are looked at: with a /usr partition the root may be empty until the first boot."""
    usr = tuple(one for one in main if _is_usr(one))
    return usr or main


def _is_usr(one: Partition) -> bool:
    use = dps.type_of(one)
    return use is not None and use.designator == "usr"


def _check_partition(
    file: inspect.Opened, table: Table, one: Partition, kind: ddi.Kind, report: Report
) -> None:
    part = table.reader(file.reader, one)
    where = f"{file.reader.file}:{one.number}"
    _check_content(file, part, kind, report, where, usr=_is_usr(one))


def _check_content(
    file: inspect.Opened, part: Reader, kind: ddi.Kind, report: Report, where: str, *, usr: bool = False
) -> None:
    """The files in a file system, as its own tool shows them; `where` names it in front of a file's path."""
    name = filesystem.identify(part)
    if not name:
        return  # said already: there is no file system
    try:
        tree = inspect.tree(file, part, name, limit=osrelease.MAX_SIZE)
        image, folders = ddi.parse_name(os.path.basename(part.file)).name, _folders(part.file)
        pinned = bool(folders) and folders[0].endswith(".v")
        kind.check(ddi.Content(tree=tree, file=where, name=image, report=report, usr=usr, pinned=pinned))
    except inspect.UnreadableError as problem:
        if problem.damaged:
            report.error("BB111", f"The {name} at byte {part.start} is damaged: {problem.message}.", problem.hint)
        else:
            message = f"The files in the {name} at byte {part.start} were not checked: {problem.message}."
            report.warn("BB115", message, problem.hint)


def check_program(path: str) -> tuple[Finding, ...]:
    """A unified kernel image, or an addon for one."""
    name = os.path.basename(path)
    addon = name.lower().endswith(uki.ADDON_SUFFIX)
    with inspect.opened(path) as file:
        program, findings = pe.parse(file.reader)
        if program is not None:
            findings += uki.check(file.reader, program, addon=addon)
    in_place = _folders(path)[:2] == ("Linux", "EFI")
    return findings + (bls.check_name(path, name, bls.TYPE2) if in_place and not addon else ())


def check_entry(path: str) -> tuple[Finding, ...]:
    """A boot loader entry of type 1."""
    data = files.read(path, bls.MAX_SIZE, cut=True)
    if data is None:
        raise NotFoundError(f"{path} does not exist.")
    return bls.parse(path, os.path.basename(path), data)[1]


def check_release(path: str) -> tuple[Finding, ...]:
    """An extension-release file, or an os-release file."""
    data = files.read(path, osrelease.MAX_SIZE, cut=True)
    if data is None:
        raise NotFoundError(f"{path} does not exist.")
    if not os.path.basename(path).startswith("extension-release."):
        return osrelease.parse(path, data, code="BB112")[1]
    return ddi.check_release(path, data, "confext" if "etc" in _folders(path)[:2] else "sysext")


def check_tree(path: str) -> tuple[Finding, ...]:
    """A folder that is an extension: one class, or both when it has both release files."""
    report = Report(path)
    tree = inspect.FolderTree(path, osrelease.MAX_SIZE)
    name = os.path.basename(os.path.abspath(path))
    classes: tuple[osrelease.Class, ...] = ("sysext", "confext")
    for kind in classes:
        if os.path.isdir(f"{path}/{osrelease.release_folder(kind)}"):
            ddi.KINDS[kind].check(ddi.Content(tree=tree, file=path.rstrip("/"), name=name, report=report))
    return report.all


def check_boot_folder(path: str) -> tuple[Finding, ...]:
    """The top of a boot partition: the entries of both types, and the file that says what loader/entries/ holds."""
    report = Report(path)
    tree = inspect.FolderTree(path, bls.MAX_SIZE)
    marker = tree.read("loader/entries.srel")
    if marker not in (None, bls.MARKER):
        message = "loader/entries.srel does not say type1: the entries are not those of the Boot Loader Specification."
        report.error("BB114", message, "Write the line type1 into it, or give another folder.")
    for folder, suffix, check in ((bls.FOLDER1, bls.TYPE1, check_entry), (bls.FOLDER2, bls.TYPE2, check_program)):
        names = [name for name in tree.names(folder) if name.lower().endswith(suffix)]
        for name in names[:MAX_BOOT_FILES]:
            report.take(check(f"{path.rstrip('/')}/{folder}/{name}"))
        if len(names) > MAX_BOOT_FILES:
            report.warn("BB115", f"{folder} has {len(names)} entries; only {MAX_BOOT_FILES} were checked.")
    return report.all


def _folders(path: str) -> tuple[str, ...]:
    """The names of the folders around a path, the innermost first."""
    return tuple(os.path.dirname(os.path.abspath(path)).split("/")[:0:-1])


CHECKS: Mapping[str, Callable[[str], tuple[Finding, ...]]] = {
    one.__name__: one for one in (check_image, check_program, check_entry, check_release, check_tree, check_boot_folder)
}
