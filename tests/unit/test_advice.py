"""The advice of bbhv-findings(7): complete, and true. Each example is put into a repository and checked.

The repository has all else that an example needs and no finding of its own. What is wrong gives the code of its entry
and nothing else, what is right does not give it. Entries that are no text of one file are built here.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bbhv.advice.table import ADVICE, GROUPS, example, title
from bbhv.cli import manual
from bbhv.cli.inspecting import inspect
from bbhv.cli.repositories import check_fleet, check_folder, grant_of
from bbhv.findings import CODES, Finding, Place
from bbhv.formats.pages.plaintext import unmarked
from bbhv.kinds.settings import Verdict
from bbhv.kinds.table import KINDS
from bbhv.model import credentials, emptied, guards, hostversion
from bbhv.model.compile import compile_tenant
from bbhv.model.harvest import MAX_FILE, MAX_TOTAL
from bbhv.model.plan import plan
from bbhv.model.registration import Registration, merge
from bbhv.model.tenant import Tenant, read_tenant
from bbhv.records import replace

from . import images
from .model import FACTS, METADATA_SCHEMA
from .test_formats_credblob import HOST, header

METADATA = '{"apiVersion": "bitbuilder.io/v1", "tenant": "acme"}\n'
CONTAINER = "[Exec]\nBoot=yes\n[X-Bitbuilder]\nImage=debian-13\n"
TENANT: Mapping[str, str] = {
    "metadata.json": METADATA,
    "infrastructure/data.volume": "[Volume]\nSize=1G\n",
    "infrastructure/logs.volume": "[Volume]\nSize=1G\n",
    "containers/db.nspawn": CONTAINER,
    "infrastructure/app.image": "[Image]\nSource=file:///srv/images/app.tar\nSHA256=" + "5" * 64 + "\nFormat=tar\n",
}
BRIDGE = {"network/lan.netdev": "[NetDev]\nName=lan\nKind=bridge\n"}
APP = {"containers/app.nspawn": CONTAINER.replace("debian-13", "app")}
GRANTS = """{"cpus": 2, "memory": "2G", "tasks": 4096, "storage": "20G", "containers": 4, "machines": 1,
  "images": ["debian-*"], "imageSources": ["file:///srv/images"], "subnets": ["10.77.0.0/24"],
  "serviceProfiles": ["strict"]}"""
REGISTRATION = (
    '{"apiVersion": "bitbuilder.io/v1", "tenant": "acme", "repository": "https://git.example.com/acme.git",\n'
    f' "trust": {{"commits": "unsigned"}}, "grants": {GRANTS}}}\n'
)
SYSTEM: Mapping[str, str] = {"system.json": '{"apiVersion": "bitbuilder.io/v1"}\n', "tenants/acme.json": REGISTRATION}
# Kinds that are not run yet say so, in every repository that has one.
ALWAYS = {"BB211"}
WRITTEN = [code for code, advice in ADVICE.items() if advice.file]


def written(folder: Path, files: Mapping[str, str], encoding: str = "utf-8") -> Path:
    """A folder with these files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding=encoding)
    return folder


def grant(folder: Path) -> Registration:
    return grant_of(str(written(folder, {"acme.json": REGISTRATION}) / "acme.json"))


def codes(findings: tuple[Finding, ...]) -> set[str]:
    return {one.code for one in findings}


def found(folder: Path, code: str, text: str | None) -> set[str]:
    """The codes of a repository in which an example is what it says."""
    advice = ADVICE[code]
    system = advice.file.startswith(("tenants/", "trust/", "host/"))
    base = dict(SYSTEM if system else TENANT)
    base |= BRIDGE if advice.file.startswith("network/") else {}
    base |= APP if code == "BB404" else {}
    base.pop(advice.file, None)
    written(folder / "repository", base)
    if text is not None:
        # The example of text that is not UTF-8 says so itself.
        written(folder / "repository", {advice.file: text}, "latin-1" if "Latin-1" in text else "utf-8")
    granted = grant(folder / "registration") if code.startswith(("BB303", "BB4")) else None
    return codes(check_folder(str(folder / "repository"), granted, []))


# What the table has


def test_every_code_has_an_entry_in_the_order_of_the_codes() -> None:
    assert list(ADVICE) == list(CODES)
    assert {code[2] for code in CODES} == set(GROUPS)


@pytest.mark.parametrize("code", CODES)
def test_an_entry_is_sentences_and_examples_that_fit_a_page(code: str) -> None:
    advice = ADVICE[code]
    for text in (advice.text, advice.fix):
        shown = unmarked(text)
        assert shown[0].isupper() and shown.endswith(".") and len(shown) < 500
    assert advice.wrong != advice.right
    for text in (example(advice, advice.wrong), example(advice, advice.right)):
        assert text and max(map(len, text.splitlines())) <= 71
    assert advice.file or (advice.wrong and advice.right)


def test_the_page_of_findings_has_every_entry() -> None:
    page = manual.find("bbhv-findings")
    assert page is not None
    text = " ".join(manual.text(page, 80).split())
    for code, advice in ADVICE.items():
        assert f"{title(code)} {' '.join(unmarked(advice.text).split())}" in text
        assert " ".join(unmarked(advice.fix).split()) in text


# The examples


@pytest.mark.parametrize("code", WRITTEN)
def test_what_an_entry_calls_wrong_is_that_and_what_it_calls_right_is_not(code: str, tmp_path: Path) -> None:
    wrong = found(tmp_path / "wrong", code, ADVICE[code].wrong)
    assert wrong - (ALWAYS - {code}) == {code}
    assert found(tmp_path / "right", code, ADVICE[code].right) <= ALWAYS - {code}


def test_the_repositories_of_the_examples_have_no_finding_of_their_own(tmp_path: Path) -> None:
    granted = grant(tmp_path / "registration")
    acme = written(tmp_path / "acme", {**TENANT, "containers/web.nspawn": CONTAINER})
    assert check_folder(str(acme), granted, []) == ()
    assert check_folder(str(written(tmp_path / "system", SYSTEM)), None, []) == ()


# What no text of one file can show


def tenant(folder: Path) -> Path:
    return written(folder, TENANT)


def checked(folder: Path) -> set[str]:
    return codes(check_folder(str(folder), None, []))


def large(folder: Path) -> set[str]:
    os.truncate(tenant(folder) / "containers/db.nspawn", MAX_FILE + 1)
    return checked(folder)


def link(folder: Path) -> set[str]:
    (tenant(folder) / "containers/web.nspawn").symlink_to("db.nspawn")
    return checked(folder)


def crowd(folder: Path) -> set[str]:
    (tenant(folder) / "docs").mkdir()
    for number in range(MAX_TOTAL // MAX_FILE):
        (folder / f"docs/{number}").touch()
        os.truncate(folder / f"docs/{number}", MAX_FILE)
    return checked(folder)


def image(folder: Path, data: bytearray) -> set[str]:
    folder.mkdir()
    (folder / "app.raw").write_bytes(data)
    return codes(inspect(str(folder / "app.raw")) or ())


def damaged(folder: Path) -> set[str]:
    return image(folder, images.disk(images.verity_set()))


def irregular(folder: Path) -> set[str]:
    root = images.guid_of("root", "x86-64")
    return image(folder, images.disk([images.Part(root), images.Part(root)]))


def unread(folder: Path) -> set[str]:
    secret = images.Part(images.guid_of("root", "x86-64"), b"LUKS\xba\xbe".ljust(4096, b"\0"))
    return image(folder, images.disk([secret]))


def carriage(folder: Path) -> set[str]:
    written(folder, {"loader/entries/host.conf": "title My Host\r\nlinux /linux\n"})
    return codes(inspect(str(folder)) or ())


def twice(folder: Path) -> set[str]:
    one = grant(folder)
    return codes(merge([("/etc", {"acme": one}), ("/usr", {"acme": grant(folder)})])[1])


def nowhere(folder: Path) -> set[str]:
    (written(folder / "system", SYSTEM).parent / "empty").mkdir()
    return codes(check_fleet(str(folder / "system"), str(folder / "empty"), []))


def taken(folder: Path, **change: str) -> set[str]:
    """What a commit takes away of a tenant that has a container with data of its own."""
    tenant, _ = read_tenant({name: text.encode() for name, text in TENANT.items()}, "acme", METADATA_SCHEMA)
    assert tenant is not None
    old = compile_tenant(tenant, grant(folder), FACTS, "c" * 40, "1").manifest
    (db,) = old.workloads
    kept = {**db.settings, "X-Bitbuilder.Persistent": "yes"}
    new = replace(old, workloads=tuple(replace(db, settings={**kept, **change}) for _ in change))
    old = replace(old, workloads=(replace(db, settings=kept),))
    return codes(guards.check(old, new, plan(old, new), guards.Said()))


def smaller(folder: Path) -> set[str]:
    """A drive of a machine that is to shrink."""
    tenant, _ = read_tenant({name: text.encode() for name, text in TENANT.items()}, "acme", METADATA_SCHEMA)
    assert tenant is not None
    had, wants = (
        replace(compile_tenant(tenant, grant(folder), FACTS, "c" * 40, "1").manifest, infra_settings=settings)
        for settings in ({"volume:data": "drive 2"}, {"volume:data": "drive 1"})
    )
    return codes(guards.check(had, wants, plan(had, wants), guards.Said()))


def everybody(folder: Path) -> set[str]:
    return codes(emptied.unregistered(["acme"], [], Place("system.json"), allowed=False))


def sealed(folder: Path) -> set[str]:
    files = {"metadata.json": METADATA.encode(), "infrastructure/credentials/key.cred": HOST}
    tenant, _ = read_tenant(files, "acme", METADATA_SCHEMA)
    assert tenant is not None
    return codes((credentials.of_no_use(tenant.credentials[0], "acme", "host1", "Encrypted file too short."),))


def heavy(folder: Path) -> set[str]:
    names = ("one", "two")
    web = (CONTAINER + "".join(f"Credential={name}\n" for name in names)).encode()
    blob = base64.b64encode(header("host") + bytes(600_000))
    keys = {f"infrastructure/credentials/{name}.cred": blob for name in names}
    files = {"metadata.json": METADATA.encode(), "containers/web.nspawn": web, **keys}
    return codes(read_tenant(files, "acme", METADATA_SCHEMA)[1])


BUILT: Mapping[str, Callable[[Path], set[str]]] = {
    "BB105": large, "BB106": link, "BB110": crowd, "BB111": damaged, "BB112": irregular, "BB115": unread,
    "BB212": sealed, "BB213": heavy,
    "BB114": carriage, "BB501": twice, "BB506": nowhere, "BB601": taken,
    "BB602": lambda folder: taken(folder, image="sha256:6"), "BB603": everybody, "BB604": smaller,
}  # fmt: skip
# Codes that are kept for what no check looks at yet.
KEPT: set[str] = set()


@pytest.mark.parametrize("code", BUILT)
def test_what_no_text_can_show_is_built_and_has_its_code(code: str, tmp_path: Path) -> None:
    assert BUILT[code](tmp_path / "it") == {code}


def test_every_code_that_a_check_gives_has_an_example_that_was_tried() -> None:
    root = Path(__file__).parents[2] / "bbhv"
    sources = [path for path in root.rglob("*.py") if path.parent.name != "advice" and path.name != "findings.py"]
    texts = [path.read_text(encoding="utf-8") for path in sources]
    given = {code for code in CODES if any(f'"{code}"' in text for text in texts)}
    assert {code for code in CODES if not ADVICE[code].file} - KEPT == BUILT.keys()
    assert given == CODES.keys() - KEPT


# BB210


def machine(*lines: str) -> Tenant:
    text = "\n".join(["[VM]", "RAM=1G", *lines, "[X-Bitbuilder]", "Image=debian-13-vm", ""])
    files = {"metadata.json": METADATA.encode(), "machines/vm.vmspawn": text.encode()}
    found, findings = read_tenant(files, "acme", METADATA_SCHEMA)
    assert found is not None, findings
    return found


def test_a_key_is_told_of_when_systemd_of_the_host_does_not_know_it() -> None:
    new = machine("Firmware=uefi")
    assert [hostversion.newer(new, version) for version in (261, 262, 0)] == [(), (), ()]
    assert hostversion.newer(machine(), 257) == hostversion.newer(machine(), None) == ()
    (error,) = hostversion.newer(new, 260)
    assert str(error) == (
        "machines/vm.vmspawn:3:10: error[BB210]: Firmware= in section [VM] needs systemd 261; 260 is what this host "
        "has. hint: Leave it out, or use a newer host."
    )
    (mild,) = hostversion.newer(new, 260, idle={"machine"})  # where they do not run
    assert mild.severity == "warning" and mild.message == error.message
    (warning,) = hostversion.newer(new, None)
    assert warning.severity == "warning" and "257 is the oldest that is supported." in warning.message


@pytest.mark.parametrize(("option", "status", "said"), [
    ((), 0, "0 errors, 1 warning."), (("--systemd=261",), 0, "No findings."),
    (("--systemd=257",), 3, "1 error, 0 warnings."),
])  # fmt: skip
def test_a_repository_is_checked_against_a_version_of_systemd(
    option: tuple[str, ...], status: int, said: str, tmp_path: Path
) -> None:
    text = "[VM]\nRAM=1G\nFirmware=uefi\n[X-Bitbuilder]\nImage=debian-13-vm\n"
    acme = written(tmp_path / "all/acme", {"metadata.json": METADATA, "machines/vm.vmspawn": text})
    system = written(tmp_path / "system", {**SYSTEM, "tenants/acme.json": REGISTRATION.replace("2G", "4G")})
    for words in ((str(acme),), (str(system), f"--tenants={tmp_path}/all")):
        done = bbhv("validate", *words, *option)
        assert (done.returncode, done.stderr) == (status, "")
        assert ("BB210" in done.stdout) == ("--systemd=261" not in option)
        assert said in done.stdout or len(words) == 2


@pytest.mark.parametrize("version", ["256", "x", "257.1", "-1", "", "9" * 30, "\u0662\u0665\u0667"])
def test_a_version_that_no_host_has_is_wrong_usage(version: str, tmp_path: Path) -> None:
    done = bbhv("validate", str(tenant(tmp_path / "acme")), f"--systemd={version}")
    assert (done.returncode, done.stdout) == (2, "") and "Write 257 or a later one" in done.stderr


def test_there_are_keys_that_came_later_and_each_is_found_by_its_row() -> None:
    late = [row for kind in KINDS for row in kind.settings or () if row.verdict is Verdict.ALLOWED and row.since]
    assert {row.since for row in late} <= set(range(hostversion.OLDEST + 1, 300)) and late != []


# The verb that explains


def bbhv(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    return subprocess.run([sys.executable, "-m", "bbhv", *words], env=environment, capture_output=True, text=True,
                          timeout=60, check=False)


def test_a_code_is_explained_however_it_is_written() -> None:
    first, *others = [bbhv("explain", word) for word in ("BB205", "bb205", "205", "error[BB205]:", "error[BB205]")]
    assert (first.returncode, first.stderr) == (0, "") and first.stdout.startswith("BB205: value cannot be read\n\n")
    assert "\n  MemoryMax=512 MiB\n" in first.stdout and "What to do: " in first.stdout
    assert {one.stdout for one in others} == {first.stdout}
    assert max(map(len, bbhv("explain", *CODES).stdout.splitlines())) <= 80


def test_without_a_code_all_are_listed() -> None:
    lines = bbhv("explain").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:-2]] == list(CODES) and lines[-1] == f"{len(CODES)} codes listed."
    assert len(bbhv("explain", "--no-legend").stdout.splitlines()) == len(CODES)


def test_several_codes_are_told_once_each_in_their_order() -> None:
    told = json.loads(bbhv("explain", "BB304", "101", "BB304", "--json=short").stdout)["codes"]
    assert [one["code"] for one in told] == ["BB304", "BB101"]
    assert told[0]["wrong"] == ADVICE["BB304"].wrong and told[1]["title"] == CODES["BB101"]


@pytest.mark.parametrize(("word", "hint"), [
    ("BB2055", "Did you mean BB205?"), ("B205", "Did you mean BB205?"), ("\x1b[2J", "bbhv explain lists all codes."),
    ("nonsense", "bbhv explain lists all codes."), ("", "bbhv explain lists all codes."),
])  # fmt: skip
def test_a_code_that_there_is_not_is_one_sentence_and_a_hint(word: str, hint: str) -> None:
    done = bbhv("explain", "BB101", word)
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == f"bbhv: There is no code {ascii(word)}.\n      {hint}\n"
