"""Images, boot files and extension trees as somebody gives them to `bbhv validate`: by path, and never trusted."""

import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bbhv.cli import artefacts, inspecting
from bbhv.errors import BbhvError, NotFoundError
from bbhv.formats import osrelease
from bbhv.formats.images import bls, gpt
from bbhv.formats.images.reader import over
from bbhv.host import inspect

from .images import Part, disk, guid_of, program, sound, verity_set

ROOT = Path(__file__).parents[2]
KERNEL = bytes(program([(".text", b"k")]))
UKI = [(".linux", KERNEL), (".osrel", b"PRETTY_NAME=x\n"), (".cmdline", b"quiet")]
SUPERBLOCK = b"hsqs".ljust(4096, b"\0")


def told(path: Path) -> list[str]:
    found = inspecting.inspect(str(path))
    assert found is not None
    assert all(one.place.file.startswith(str(path)) for one in found)
    return sound(found)


def written(path: Path, data: bytes | str = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


# What is recognised


def test_every_check_of_the_table_is_there() -> None:
    assert {row.function for row in (*inspecting.FILES, *inspecting.FOLDERS)} == set(artefacts.CHECKS)
    assert inspecting.ENTRIES == bls.FOLDER1
    assert inspecting.RELEASE_FOLDERS == (osrelease.release_folder("sysext"), osrelease.release_folder("confext"))


@pytest.mark.parametrize("name", ["metadata.json", "a.nspawn", "a.image", "a.conf", "entries/a.conf", "README", "raw"])
def test_what_is_no_image_and_no_boot_file_is_left_to_others(tmp_path: Path, name: str) -> None:
    assert inspecting.inspect(str(written(tmp_path / name))) is None
    assert inspecting.inspect(str(tmp_path / "not-there")) is None


def test_a_repository_with_an_extension_in_it_is_a_repository(tmp_path: Path) -> None:
    written(tmp_path / "usr/lib/extension-release.d/extension-release.x", "ID=_any\n")
    written(tmp_path / "metadata.json", "{}")
    assert inspecting.inspect(str(tmp_path)) is None


def test_other_files_do_not_load_the_readers_of_images() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1])\nfrom bbhv.cli.inspecting import inspect\n" \
           "assert inspect('/') is None\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-IS", "-c", code, ROOT], capture_output=True, text=True, check=True)
    assert {"bbhv.formats.images.gpt", "bbhv.cli.artefacts", "subprocess"}.isdisjoint(done.stdout.split())


# Images


def test_a_table_is_checked_and_what_was_not_looked_at_is_said(tmp_path: Path) -> None:
    home = Part(guid_of("home"), b"hsqs".ljust(4096, b"\0"))
    path = written(tmp_path / "web.raw", bytes(disk([*verity_set(), home])))
    found = inspecting.inspect(str(path)) or ()
    assert {(one.code, one.severity) for one in found} <= {("BB111", "error"), ("BB115", "warning")}
    assert len(sound(found)) == 1 and "squashfs at byte 1536" in found[0].message


def test_encrypted_and_unknown_content_is_not_checked_and_says_so(tmp_path: Path) -> None:
    for content, words in ((b"LUKS\xba\xbe", "it is encrypted"), (b"XFSB", "xfs is not read without mounting")):
        path = written(tmp_path / "web.raw", bytes(disk([Part(guid_of("root"), content.ljust(4096, b"\0"))])))
        found = inspecting.inspect(str(path)) or ()
        assert [(one.code, one.severity) for one in found] == [("BB115", "warning")] and words in found[0].message


@pytest.mark.parametrize("use", ["esp", "xbootldr"])
def test_what_lies_in_a_boot_partition_is_not_read_and_that_is_said(tmp_path: Path, use: str) -> None:
    vfat = (bytes(82) + b"FAT32   ").ljust(4096, b"\0")
    home = Part(guid_of("home"), vfat)
    parts = [Part(guid_of(use), vfat), Part(guid_of("root"), b"LUKS\xba\xbe".ljust(4096, b"\0")), home]
    found = inspecting.inspect(str(written(tmp_path / "web.raw", bytes(disk(parts))))) or ()
    unread = [one for one in found if "boot entries" in one.message]
    assert [(one.code, one.severity, one.message) for one in unread] == [(
        "BB115", "warning",
        "Partition 1 (entry at byte 1024) is for booting: the boot entries and kernels in its vfat were not checked.",
    )]  # fmt: skip
    assert unread[0].hint == "Mount it, and give bbhv validate the folder."


def test_a_sparse_terabyte_takes_no_time_and_no_memory(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number, data in enumerate((b"", bytes(disk(verity_set())), SUPERBLOCK, KERNEL)):
        path = written(tmp_path / (f"{number}.efi" if data == KERNEL else f"{number}.raw"), data)
        os.truncate(path, 1 << 40)
        start = time.monotonic()
        assert told(path)
        assert time.monotonic() - start < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 << 10


def test_an_image_that_is_cut_off_is_a_finding_at_every_length(tmp_path: Path) -> None:
    data = bytes(disk(verity_set()))
    path = tmp_path / "web.raw"
    for length in range(0, len(data), 97):
        assert told(written(path, data[:length]))


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "pipe": (pipe, "is not a plain file"),
    "socket": (listening, "cannot be read"),
    "link": (lambda path: path.symlink_to("/etc/shadow"), "is a symbolic link"),
    "dangling link": (lambda path: path.symlink_to("nothing"), "is a symbolic link"),
    "link to a folder": (lambda path: path.symlink_to("/"), "is a symbolic link"),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("file", ["a.raw", "a.efi", "a.sysext.raw"])
def test_what_is_no_plain_file_is_refused_with_a_sentence(tmp_path: Path, name: str, file: str) -> None:
    make, words = ODD[name]
    make(tmp_path / file)
    with pytest.raises(BbhvError, match=words):
        inspecting.inspect(str(tmp_path / file))


def test_a_device_is_refused() -> None:
    with pytest.raises(BbhvError, match="is not a plain file"):
        with inspect.opened("/dev/zero"):
            pass


@pytest.mark.parametrize("file", ["a.raw", "a.efi", "loader/entries/a.conf", "os-release"])
def test_what_is_not_there_is_said(tmp_path: Path, file: str) -> None:
    with pytest.raises(NotFoundError, match="does not exist"):
        inspecting.inspect(str(tmp_path / file))


def test_what_cannot_be_opened_is_said(tmp_path: Path) -> None:
    written(tmp_path / "file")
    for name in ("file/a.raw", "x" * 300 + ".raw"):
        with pytest.raises(BbhvError, match="cannot be read"):
            inspecting.inspect(str(tmp_path / name))


# The tools of file systems


def asked(tmp_path: Path, script: str, seconds: float = 10) -> inspect.ToolTree:
    """The content of an image, through a program that is called like the tool of squashfs and does what is written."""
    tool = written(tmp_path / "unsquashfs", f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    image = written(tmp_path / "a.raw", SUPERBLOCK)
    with inspect.opened(str(image)) as file:
        finder = {"unsquashfs": str(tool)}.get
        return inspect.tree(file, file.reader, "squashfs", limit=1000, seconds=seconds, find=finder)


def test_a_missing_tool_is_named_with_its_package(tmp_path: Path) -> None:
    image = written(tmp_path / "a.raw", SUPERBLOCK)
    for name, tool in inspect.TOOLS.items():
        with inspect.opened(str(image)) as file:
            with pytest.raises(inspect.UnreadableError, match=f"{tool.program} is not on this host") as error:
                inspect.tree(file, file.reader, name, limit=9, find=lambda _: None)
        assert error.value.hint == f"Install {tool.package}." and not error.value.damaged


def test_a_tool_that_says_nothing_found_damage(tmp_path: Path) -> None:
    with pytest.raises(inspect.UnreadableError, match="unsquashfs cannot read it: no good") as error:
        asked(tmp_path, "echo no good >&2; exit 1")
    assert error.value.damaged


def test_a_tool_that_is_too_old_is_not_the_fault_of_the_image(tmp_path: Path) -> None:
    with pytest.raises(inspect.UnreadableError, match="too old") as error:
        asked(tmp_path, "echo 'unsquashfs: -max-depth is an invalid option' >&2; exit 1")
    assert not error.value.damaged and error.value.hint == "Install a newer squashfs-tools."


def test_a_tool_that_hangs_is_ended(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(inspect.UnreadableError, match="gave no answer within 0.2 s"):
        asked(tmp_path, "exec tail -f /dev/null", seconds=0.2)
    with pytest.raises(inspect.UnreadableError, match="gave no answer within 0.2 s"):
        asked(tmp_path, "exec >/dev/null; exec tail -f /dev/null", seconds=0.2)
    assert time.monotonic() - start < 10


def test_a_tool_that_writes_without_end_is_cut_off(tmp_path: Path) -> None:
    tree = asked(tmp_path, 'for last; do :; done\necho squashfs-root/usr\ncase "$last" in usr/big) exec yes; esac')
    assert tree.names("") == ("usr",)
    image = written(tmp_path / "b.raw", SUPERBLOCK)
    with inspect.opened(str(image)) as file:
        again = inspect.tree(file, file.reader, "squashfs", limit=1000, find={"unsquashfs": tree.command[-1]}.get)
        assert len(again.read("usr/big") or b"") == 1001


def test_a_name_that_a_tool_may_read_differently_is_not_handed_to_it(tmp_path: Path) -> None:
    tree = asked(tmp_path, "echo squashfs-root/usr")
    for name in ('usr/"; rdump / /tmp; "', "usr/*", "usr/a b", "usr/\n"):
        with pytest.raises(inspect.UnreadableError, match="for something else than a name"):
            tree.read(name)


def test_commands_name_the_place_of_the_file_system() -> None:
    for name, words in (("squashfs", "-o 512"), ("erofs", "--offset=512"), ("ext4", "img?offset=512")):
        tool = inspect.TOOLS[name]
        for command in (tool.list("img", 512, "usr/lib"), tool.print("img", 512, "usr/lib")):
            assert words in " ".join(command) and "usr/lib" in " ".join(command)


# Folders


def test_an_extension_tree_is_checked(tmp_path: Path) -> None:
    tree = tmp_path / "web"
    release = written(tree / "usr/lib/extension-release.d/extension-release.web", "ID=_any\n")
    assert told(tree) == []
    release.rename(release.with_name("extension-release.db"))
    assert len(told(tree)) == 1 and "is called web, but its release file is" in told(tree)[0]
    written(tree / "etc/extension-release.d/extension-release.web", "ID=debian\n")
    assert any("neither by VERSION_ID= nor by CONFEXT_LEVEL=" in one for one in told(tree))


def test_no_link_of_a_tree_is_followed(tmp_path: Path) -> None:
    secret = written(tmp_path / "secret/extension-release.web", "TOP SECRET\n")
    folder = tmp_path / "web/usr/lib/extension-release.d"
    folder.mkdir(parents=True)
    (folder / "extension-release.web").symlink_to(secret)
    assert told(tmp_path / "web") == [
        "usr/lib/extension-release.d/extension-release.web is no file that can be read."
    ]
    tree = inspect.FolderTree(str(tmp_path), 10)
    (tmp_path / "link").symlink_to("secret")
    assert tree.names("link") == () and tree.read("link/extension-release.web") is None
    assert tree.read("secret/extension-release.web") == b"TOP SECRET\n"
    assert tree.read("secret") is None and tree.strict("nothing") is True
    os.mkfifo(tmp_path / "pipe")
    assert tree.read("pipe") is None


def test_a_release_file_alone_is_checked(tmp_path: Path) -> None:
    assert told(written(tmp_path / "etc/extension-release.d/extension-release.a", "ID=x\nCONFEXT_LEVEL=1\n")) == []
    assert len(told(written(tmp_path / "extension-release.a", "ID=x\nCONFEXT_LEVEL=1\n"))) == 1
    assert told(written(tmp_path / "os-release", "ID=debian\n")) == []
    assert told(written(tmp_path / "os-release", "what\n")) == ["The line is no assignment."]


# Boot files


def test_a_unified_kernel_image_is_checked_by_its_name(tmp_path: Path) -> None:
    image = bytes(program(UKI))
    assert told(written(tmp_path / "linux.efi", image)) == []
    assert told(written(tmp_path / "EFI/Linux/debian+3-0.efi", image)) == []
    assert "is called an addon" in told(written(tmp_path / "x.addon.efi", image))[0]
    assert "is not one of a boot entry" in told(written(tmp_path / "EFI/Linux/a b.efi", image))[0]
    assert told(written(tmp_path / "x.addon.efi", bytes(program(UKI[2:])))) == []


def test_a_boot_partition_is_checked_whole(tmp_path: Path) -> None:
    written(tmp_path / "loader/entries/a.conf", "linux /a\n")
    written(tmp_path / "loader/entries.srel", "type1\n")
    written(tmp_path / "EFI/Linux/a.efi", bytes(program(UKI)))
    assert told(tmp_path) == told(tmp_path / "loader/entries/a.conf") == []
    written(tmp_path / "loader/entries/b.conf", "title b\n")
    written(tmp_path / "loader/entries.srel", "type2\n")
    written(tmp_path / "EFI/Linux/b.efi", b"MZ")
    said = told(tmp_path)
    assert len(said) == 3 and said[0].startswith("loader/entries.srel does not say type1")
    assert said[1].startswith("The entry boots nothing") and said[2].startswith("There is no PE header")


def test_a_short_read_of_a_file_that_shrinks_is_no_traceback() -> None:
    reader = over("f", bytes(disk(verity_set())))
    short = type(reader)("f", reader.size, lambda offset, length: reader.at(offset, length)[: length // 2])
    assert gpt.parse(short)[0] is None


def test_the_command_names_each_finding(tmp_path: Path) -> None:
    written(tmp_path / "a.raw", b"nothing")
    done = subprocess.run([sys.executable, "-m", "bbhv", "validate", "a.raw"], cwd=tmp_path, capture_output=True,
                          text=True, timeout=60, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith("a.raw: error[BB112]: There is no GPT")
