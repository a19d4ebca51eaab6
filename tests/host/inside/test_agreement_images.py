"""Our readers of images and boot files say what this host's own tools say of the same files."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .support import run, systemd_version

READER = """
import hashlib, json, sys
sys.path.insert(0, "/usr/bin/bbhv")
from bbhv.formats.images import bls, dps, gpt, pe, uki
from bbhv.host import inspect

def table(path):
    with inspect.opened(path) as file:
        read, findings = gpt.parse(file.reader)
        parts = [{"number": one.number, "start": one.first, "size": one.last - one.first + 1, "type": one.type,
                  "uuid": one.uuid, "name": one.name, "flags": one.flags} for one in read.partitions]
        return {"sector": read.sector, "id": read.uuid, "first": read.first_usable, "last": read.last_usable,
                "backup": read.backup, "partitions": parts, "findings": [str(one) for one in findings]}

def program(path):
    with inspect.opened(path) as file:
        read, findings = pe.parse(file.reader)
        def shown(group):
            found = []
            for one in group:
                part = read.reader(file.reader, one)
                digest = hashlib.sha256(b"".join(part.at(at, 65536) for at in range(0, part.size, 65536)))
                found.append([one.name, {"size": part.size, "sha256": digest.hexdigest()}])
            return found
        return {"machine": read.machine, "addon": uki.is_addon(read), "findings": [str(one) for one in findings],
                "profiles": [shown(group) for group in uki.profiles(read)]}

def types(path):
    return {guid: [kind.designator, kind.architecture] for guid, kind in dps.TYPES.items()}

def order(path):
    import os
    found = []
    for name in os.listdir(path):
        with open(path + "/" + name, "rb") as file:
            found.append(bls.parse(name, name, file.read())[0])
    return [one.name.stem for one in bls.ordered(found)]

print(json.dumps({"table": table, "program": program, "types": types, "order": order}[sys.argv[1]](sys.argv[2])))
"""
REPART = ["systemd-repart", "--offline=yes", "--empty=create", "--size=auto", "--dry-run=no", "--no-pager",
          "--json=short", "--seed=3f2a91c0-0000-4000-8000-000000000001"]
STUBS = Path("/usr/lib/systemd/boot/efi")
NAMED_FLAGS = {"RequiredPartition": 0, "NoBlockIOProtocol": 1, "LegacyBIOSBootable": 2}


def ours(what: str, path: Path) -> dict[str, object]:
    """What our reader says of a file."""
    answer: dict[str, object] = json.loads(run(["/usr/bin/python3", "-IS", "-c", READER, what, path]).stdout)
    return answer


def findings(path: Path) -> list[tuple[str, str]]:
    """Code and message of what `bbhv validate` finds."""
    done = run(["bbhv", "validate", "--json=short", path], check=False)
    assert done.returncode in (0, 3), done.stderr
    return [(one["code"], one["message"]) for one in json.loads(done.stdout)["findings"]]


def flags(attrs: str) -> int:
    """The attribute bits that sfdisk names."""
    bits = 0
    for word in attrs.split():
        name, _, numbers = word.partition(":")
        for bit in numbers.split(",") if numbers else [NAMED_FLAGS[name]]:
            bits |= 1 << int(bit)
    return bits


def agree_on_table(path: Path, sector: int) -> None:
    """sfdisk and we read the same table."""
    table = json.loads(run(["sfdisk", "--json", "--sector-size", str(sector), path]).stdout)["partitiontable"]
    theirs = [
        {"number": int(one["node"].removeprefix(str(path)).lstrip("p")), "start": one["start"], "size": one["size"],
         "type": one["type"].lower(), "uuid": one["uuid"].lower(), "name": one.get("name", ""),
         "flags": flags(one.get("attrs", ""))}
        for one in table.get("partitions", [])
    ]  # fmt: skip
    mine = ours("table", path)
    assert mine.pop("findings") == []
    assert mine == {"sector": table["sectorsize"], "id": table["id"].lower(), "first": table["firstlba"],
                    "last": table["lastlba"], "backup": False, "partitions": theirs}


@pytest.mark.parametrize("sector", [512, 4096])
@pytest.mark.parametrize("slots", [4, 128, 256])
def test_sfdisk_reads_the_tables_that_sfdisk_wrote_as_we_do(tmp_path: Path, sector: int, slots: int) -> None:
    image = tmp_path / "disk.raw"
    image.touch()
    run(["truncate", "--size=64M", image])
    script = (
        f"label: gpt\ntable-length: {slots}\nunit: sectors\n\n"
        'size=100, type=L, name="Größe 😀", attrs="GUID:48,63"\n'
        'size=200, type=U, name="", attrs="RequiredPartition LegacyBIOSBootable"\n'
        'start=4000, size=1, type=4f68bce3-e8cd-4db1-96e7-fbcaf984b709, attrs="GUID:60"\n'
    )
    run(["sfdisk", "--quiet", "--sector-size", str(sector), image], input=script)
    run(["sfdisk", "--quiet", "--sector-size", str(sector), "--delete", image, "2"])
    agree_on_table(image, sector)


def make(folder: Path, name: str, partitions: dict[str, str], tree: Path, *more: str | Path) -> Path:
    """An image by systemd-repart."""
    definitions = folder / f"{name}.d"
    definitions.mkdir()
    for number, (kind, lines) in enumerate(partitions.items()):
        (definitions / f"{number}0-{kind}.conf").write_text(f"[Partition]\nType={kind}\n{lines}\n")
    image = folder / name
    run([*REPART, f"--definitions={definitions}", f"--root={tree}", *more, image], timeout=120)
    return image


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The switches that sign the root hash of an image."""
    folder = tmp_path_factory.mktemp("keys")
    run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-days", "2",
         "-keyout", folder / "key", "-out", folder / "cert"])  # fmt: skip
    return [f"--private-key={folder / 'key'}", f"--certificate={folder / 'cert'}"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A system extension that is called demo."""
    release = tmp_path / "tree/usr/lib/extension-release.d/extension-release.demo"
    release.parent.mkdir(parents=True)
    release.write_text("ID=_any\n")
    (tmp_path / "tree/usr/bin").mkdir()
    shutil.copy("/bin/true", tmp_path / "tree/usr/bin/demo")
    return tmp_path / "tree"


def signed(format: str, main: str = "root") -> dict[str, str]:
    """The three partitions of a signed image."""
    match, copy = f"VerityMatchKey={main}", f"CopyFiles=/usr:{'/' if main == 'usr' else '/usr'}"
    return {
        main: f"Format={format}\n{copy}\nVerity=data\n{match}\nMinimize=best",
        f"{main}-verity": f"Verity=hash\n{match}\nMinimize=best",
        f"{main}-verity-sig": f"Verity=signature\n{match}",
    }


@pytest.mark.parametrize("main", ["root", "usr"])
@pytest.mark.parametrize("sector", [512, 4096])
@pytest.mark.parametrize("format", ["squashfs", "erofs"])
def test_a_signed_extension_of_repart_is_good_to_dissect_and_to_us(
    tmp_path: Path, tree: Path, keys: list[str], format: str, sector: int, main: str
) -> None:
    image = make(tmp_path, "demo.sysext.raw", signed(format, main), tree, *keys, f"--sector-size={sector}")
    agree_on_table(image, sector)
    assert findings(image) == []
    run(["systemd-dissect", "--validate", image])
    with image.open("r+b") as file:  # the first block of hashes: the root hash is another one
        at = int(json.loads(run(["sfdisk", "--json", "--sector-size", str(sector), image]).stdout)
                 ["partitiontable"]["partitions"][1]["start"]) * sector
        file.seek(at + 8)
        version = file.read(4)
        file.seek(at + 4096 if sector == 4096 else at + 512)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))
    assert version == b"\1\0\0\0"
    told = findings(image)
    assert [code for code, _ in told] == ["BB112", "BB112"] and all("of the root hash" in text for _, text in told)


def test_a_disk_with_all_its_partitions_is_good_to_dissect_and_to_us(tmp_path: Path) -> None:
    system = tmp_path / "system"
    for folder in ("usr/lib", "etc", "boot", "efi", "var", "home", "srv"):
        (system / folder).mkdir(parents=True)
    (system / "usr/lib/os-release").write_text('ID=demo\nNAME=Demo\n')
    partitions = {
        "esp": "Format=vfat\nSizeMinBytes=40M", "xbootldr": "Format=vfat\nSizeMinBytes=40M",
        "root": "Format=ext4\nCopyFiles=/\nMinimize=guess\nGrowFileSystem=yes", "home": "Format=ext4\nSizeMinBytes=10M",
        "var": "Format=ext4\nSizeMinBytes=10M", "swap": "Format=swap\nSizeMinBytes=10M",
        "linux-generic": "SizeMinBytes=1M",
    }  # fmt: skip
    image = make(tmp_path, "disk.raw", partitions, system)
    agree_on_table(image, 512)
    assert [code for code, _ in findings(image)] == ["BB115", "BB115"]  # nobody looks into the two for booting
    run(["systemd-dissect", "--validate", image])


def test_systemd_calls_the_types_of_partitions_as_we_do() -> None:
    listed = json.loads(run(["systemd-id128", "show", "--json=short"]).stdout)
    theirs = {(one["id"], one["name"]) for one in listed}
    mine = ours("types", Path())
    assert len(mine) > 20
    for guid, names in mine.items():
        assert isinstance(names, list)
        designator, architecture = names
        main, dash, rest = str(designator).partition("-")
        name = f"{main}-{architecture}{dash}{rest}" if architecture else designator
        assert (guid.replace("-", ""), name) in theirs


ROOT, HOME, GENERIC = ("4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "933ac7e1-2eb4-4f13-b844-0e14e2aef915",
                       "0fc63daf-8483-4772-8e79-3d69d8477de4")  # fmt: skip
# Partitions, each with an ext4 in it, and whether they make an image that can be used. (An image without a root is one
# of data to systemd-dissect; to us it is an error, because no workload starts from it.)
LAYOUTS = {
    "root": ([f"type={ROOT}"], True),
    "usr": (["type=8484680c-9521-48c6-9c11-b0720656f69e"], True),
    "generic": ([f"type={GENERIC}"], True),
    "hidden root": ([f'type={ROOT}, attrs="GUID:63"'], False),
    "two homes": ([f"type={ROOT}", f"type={HOME}", f"type={HOME}"], True),
    "hashes alone": (["type=2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"], False),
    "a version to come": ([f"type={ROOT}", 'type=77ff5f63-e7b6-4633-acf4-1565b864c0e6, name="_empty"'], True),
}
SINCE = {"a version to come": 258}


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_dissect_cannot_use_is_an_error_of_ours(tmp_path: Path, name: str) -> None:
    """By the newest systemd, whatever this one is: what a machine starts from is dissected by 258 or newer."""
    partitions, usable = LAYOUTS[name]
    system = tmp_path / "system"
    (system / "usr/lib").mkdir(parents=True)
    (system / "lib").mkdir()
    for folder in ("usr/lib", "lib"):
        (system / folder / "os-release").write_text("ID=demo\n")
    run(["mke2fs", "-q", "-t", "ext4", "-d", system, tmp_path / "part", "8M"])
    image = tmp_path / "disk.raw"
    run(["truncate", "--size=64M", image])
    run(["sfdisk", "--quiet", image], input="label: gpt\n" + "".join(f"size=8M, {one}\n" for one in partitions))
    for number in range(len(partitions)):
        run(["dd", f"if={tmp_path / 'part'}", f"of={image}", "bs=1M", f"seek={1 + 8 * number}", "conv=notrunc"])
    done = run(["systemd-dissect", "--validate", image], check=False)
    assert (done.returncode == 0) == (usable and systemd_version() >= SINCE.get(name, 0)), done.stdout + done.stderr
    found = json.loads(run(["bbhv", "validate", "--json=short", image], check=False).stdout)["findings"]
    assert (not [one for one in found if one["severity"] == "error"]) == usable, found


def test_a_broken_image_is_broken_to_sfdisk_and_to_us(tmp_path: Path, tree: Path) -> None:
    image = make(tmp_path, "demo.sysext.raw", {"root": "Format=squashfs\nCopyFiles=/usr:/usr\nMinimize=best"}, tree)
    whole = image.read_bytes()
    edits = {
        "primary header": whole[:520] + b"\xff" + whole[521:], "primary entries": whole[:1100] + b"\xff" + whole[1101:],
        "backup header": whole[:-500] + b"\xff" + whole[-499:], "cut off": whole[: len(whole) - 4096],
    }  # fmt: skip
    for name, data in edits.items():
        image.write_bytes(data)
        done = run(["sfdisk", "--verify", image], check=False)
        assert "corrupt" in done.stdout + done.stderr or "error" in done.stdout + done.stderr, (name, done)
        assert "BB111" in {code for code, _ in findings(image)}, name
        assert str(ours("table", image)["partitions"]).count("number") == 1


MAKERS = {
    "squashfs": ["mksquashfs", "TREE", "IMAGE", "-quiet", "-no-progress", "-noappend"],
    "erofs": ["mkfs.erofs", "--quiet", "IMAGE", "TREE"],
    "ext4": ["mke2fs", "-q", "-t", "ext4", "-d", "TREE", "IMAGE", "8M"],
}


@pytest.mark.parametrize("format", MAKERS)
@pytest.mark.parametrize("offset", [False, True])
def test_what_is_in_a_file_system_is_read_by_its_own_tool(
    tmp_path: Path, tree: Path, format: str, offset: bool
) -> None:
    image = tmp_path / "demo.sysext.raw"
    release = tree / "usr/lib/extension-release.d/extension-release.demo"

    def told() -> list[tuple[str, str]]:
        image.unlink(missing_ok=True)
        shutil.rmtree(tmp_path / "demo.sysext.raw.d", ignore_errors=True)
        if offset:
            make(tmp_path, image.name, {"root": f"Format={format}\nCopyFiles=/\nMinimize=guess"}, tree)
        else:
            words = {"TREE": str(tree), "IMAGE": str(image)}
            run([words.get(word, word) for word in MAKERS[format]])
        return findings(image)

    assert told() == []
    release.write_text("VERSION_ID=1\n")
    assert [text for _, text in told()] == ["The file does not say by ID= which system the extension is for."]
    release.rename(release.with_name("extension-release.other"))
    (tree / "usr/lib/os-release").symlink_to("nowhere")
    codes = [code for code, _ in told()]
    assert sorted(codes) == ["BB113", "BB113", "BB115"]


def test_every_kind_of_damage_in_a_file_system_is_said(tmp_path: Path, tree: Path) -> None:
    for format, command in MAKERS.items():
        image = tmp_path / "demo.sysext.raw"
        image.unlink(missing_ok=True)
        words = {"TREE": str(tree), "IMAGE": str(image)}
        run([words.get(word, word) for word in command])
        run(["truncate", "--size=2500", image])
        assert "BB111" in {code for code, _ in findings(image)}, format


@pytest.fixture
def ukis(tmp_path: Path) -> dict[str, Path]:
    """What ukify makes: an image, one with profiles, and an addon."""
    (tmp_path / "osrel").write_text('ID=demo\nPRETTY_NAME="Demo"\nVERSION_ID=1\n')
    (tmp_path / "initrd").write_bytes(b"070701" * 500)
    kernel = next(STUBS.glob("systemd-boot*.efi"))
    base = ["ukify", "build", f"--linux={kernel}", f"--os-release=@{tmp_path / 'osrel'}", "--uname=6.18.1-demo"]
    made = {name: tmp_path / f"{name}.efi" for name in ("plain", "one", "two", "profiles", "x.addon")}
    run([*base, "--cmdline=quiet", f"--initrd={tmp_path / 'initrd'}", f"--output={made['plain']}"])
    for name in ("one", "two"):
        run(["ukify", "build", f"--profile=ID={name}", f"--cmdline={name}", f"--output={made[name]}"])
    joined = [f"--join-profile={made.pop(name)}" for name in ("one", "two")]
    run([*base, "--cmdline=base", *joined, f"--output={made['profiles']}"])
    run(["ukify", "build", "--cmdline=more", f"--output={made['x.addon']}"])
    return made


def shown_by_ukify(path: Path) -> list[dict[str, dict[str, object]]]:
    """The sections of each profile. Before 262 ukify shows one of each name, the last one in the file."""
    value = json.loads(run(["ukify", "inspect", path, "--json=short"]).stdout)
    return [value, *value.pop("_profiles", [])]


@pytest.mark.parametrize("name", ["plain", "profiles", "x.addon"])
def test_ukify_inspects_what_ukify_built_as_we_do(ukis: dict[str, Path], name: str) -> None:
    mine = ours("program", ukis[name])
    assert (mine["findings"], mine["addon"]) == ([], name == "x.addon")
    groups = mine["profiles"]
    assert isinstance(groups, list)
    theirs = shown_by_ukify(ukis[name])
    if len(theirs) < len(groups):
        groups = [[pair for group in groups for pair in group]]
    for group, sections in zip(groups, theirs, strict=True):
        measured = {name: {key: one[key] for key in ("size", "sha256")} for name, one in sections.items()}
        assert {name: one for name, one in dict(group).items() if name in measured} == measured
        assert set(dict(group)) == set(measured)
    assert findings(ukis[name]) == []


def test_bootctl_takes_for_an_image_or_an_addon_what_we_take_for_one(ukis: dict[str, Path], tmp_path: Path) -> None:
    stub = next(path for path in STUBS.glob("systemd-boot*.efi"))
    cut = tmp_path / "cut.efi"
    cut.write_bytes(ukis["plain"].read_bytes()[:300])
    shutil.copy(stub, tmp_path / "boot.efi")
    identified = {path: run(["bootctl", "kernel-identify", path]).stdout.strip()
                  for path in (*ukis.values(), tmp_path / "boot.efi", cut)}
    assert sorted(identified.values()) == ["addon", "pe", "uki", "uki", "unknown"]
    for path, kind in identified.items():
        assert (findings(path) == []) == (kind in ("uki", "addon")), path


ENTRIES = {
    "a.conf": "sort-key x\nversion 2\n", "b.conf": "sort-key x\nversion 10\n",
    "c+3.conf": "sort-key x\nversion 10~rc1\n", "d+0-2.conf": "sort-key a\nversion 99\n", "e.conf": "sort-key a\n",
    "f-9.conf": "version 1\n", "f-10.conf": "version 0\n",
    "g+0.conf": "", "h.conf": f"sort-key x\nmachine-id {'1' * 32}\nversion 1\n", "i+1-2.conf": "sort-key b\ntitle I\n",
}  # fmt: skip


@pytest.fixture
def esp() -> Iterator[Path]:
    """A boot partition, as far as bootctl looks when it is told not to look closely."""
    path = Path("/run/agreement-esp")
    path.mkdir()
    run(["mount", "-t", "tmpfs", "tmpfs", path])
    (path / "loader/entries").mkdir(parents=True)
    (path / "EFI/Linux").mkdir(parents=True)
    yield path
    run(["umount", path])
    path.rmdir()


def test_bootctl_lists_entries_in_our_order(esp: Path) -> None:
    for name, text in ENTRIES.items():
        (esp / "loader/entries" / name).write_text(f"title {name}\nlinux /linux\n{text}")
    relaxed = {"SYSTEMD_RELAX_ESP_CHECKS": "1", "SYSTEMD_RELAX_XBOOTLDR_CHECKS": "1"}
    done = run(["bootctl", f"--esp-path={esp}", "list", "--json=short", "--no-pager"], env=relaxed)
    theirs = [one["id"].removesuffix(".conf") for one in json.loads(done.stdout) if one["type"] == "type1"]
    listed = run(["/usr/bin/python3", "-IS", "-c", READER, "order", esp / "loader/entries"]).stdout
    assert json.loads(listed) == theirs and len(theirs) == len(ENTRIES)
