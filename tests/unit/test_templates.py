"""Templates: what may be chosen, that nothing chosen breaks out of its place, and that init makes all or nothing."""

import json
import os
import pty
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest

import build
from bbhv.cli import shelf
from bbhv.errors import BbhvError, NotFoundError
from bbhv.formats.unitfile import parse
from bbhv.kinds.table import KINDS
from bbhv.kinds.values import Unreadable
from bbhv.model.template import MAX_PARAMETERS, TYPES, Template, chosen, fill, known, read_template

from .conftest import Run

FOLDER = build.ROOT / "sysext/usr/lib/bitbuilder/templates"
NAMES = tuple(sorted(path.name for path in FOLDER.iterdir()))
TENANTS = tuple(name for name in NAMES if name != "system")


def template(conf: str, **files: str) -> Template:
    """A template with this template.conf and these files, `__` in whose names is a dot."""
    texts = {name.replace("__", "."): text.encode() for name, text in files.items()}
    found, findings = read_template("mine", {"template.conf": conf.encode(), **texts}, "etc/mine")
    assert found and not findings, findings
    return found


def filled(made: Template, **values: str) -> dict[str, str]:
    checked = {name: chosen(known(made, name), value) for name, value in values.items()}
    return {path: data.decode() for path, data in fill(made, checked, "acme").items()}


# What is chosen stays where it is put

ATTACKS = (
    "a\nMemoryMax=infinity", "a\r[Exec]", "a\\", "\\", 'a" "LD_PRELOAD=x', "a' b", "$(reboot)", "`reboot`", "${HOME}",
    "a;reboot", "a|b", "a&b", "a>b", "a<b", "a#b", "a\0b", "a\x1b[2J", "a\u2028b", "a\x85b", "a\u202eb", "a\udcffb",
    "*", "[Exec]", "{a,b}", "(a)", "\ufeff", "a\tb",
)  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("file", ["web__nspawn", "health", "ci__yml", "x__service"])
def test_no_text_breaks_out_of_a_unit_file_or_a_script(file: str, attack: str) -> None:
    made = template("[Parameter WORD]\n", **{file: 'A="@WORD@"\n'})
    with pytest.raises(Unreadable) as caught:
        filled(made, WORD=attack)
    assert str(caught.value).endswith(".") and caught.value.hint


@pytest.mark.parametrize("kind", sorted(TYPES))
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_type_lets_an_attack_into_a_unit_file(kind: str, attack: str) -> None:
    made = template(f"[Parameter WORD]\nType={kind}\n", web__nspawn='[Exec]\nA="@WORD@"\n')
    try:
        text = filled(made, WORD=attack)["web.nspawn"]
    except Unreadable:
        return
    assert kind == "base64" and re.fullmatch('\\[Exec]\nA="[A-Za-z0-9+/=]+"\n', text)


@pytest.mark.parametrize("word", [
    'Bob\'s "Best" & Söhne', "a\\", '"', '", "tenant": "evil', "}", "@WORD@", "@TENANT@", "€",
])  # fmt: skip
def test_a_text_in_json_is_one_string_whatever_it_says(word: str) -> None:
    made = template("[Parameter WORD]\n", metadata__json='{"tenant": "@TENANT@", "displayName": "<@WORD@>"}')
    assert json.loads(filled(made, WORD=word)["metadata.json"]) == {"tenant": "acme", "displayName": f"<{word}>"}


@pytest.mark.parametrize("attack", ["a\nb", "a\x1b", "a\0", "a\udcff", "x" * 201, "a\u202e"])
def test_a_text_is_one_printable_line_also_in_json(attack: str) -> None:
    with pytest.raises(Unreadable):
        filled(template("[Parameter WORD]\n", metadata__json='{"a": "@WORD@"}'), WORD=attack)


def test_a_number_in_json_loses_its_quotes_and_only_where_it_is_all_of_the_string() -> None:
    text = '{"a": "@N@", "b": "n @N@", "c": "\\"@N@\\"", "d": ["@N@"]}'
    made = template("[Parameter N]\nType=number\n", a__json=text)
    assert json.loads(filled(made, N="7")["a.json"]) == {"a": 7, "b": "n 7", "c": '"7"', "d": [7]}


def test_a_parameter_outside_of_a_json_string_is_a_finding() -> None:
    files = {"template.conf": b"[Parameter WORD]\n", "a.json": b'{"a": @WORD@}'}
    found, findings = read_template("mine", files, "etc/mine")
    assert found is None and [str(one.place) for one in findings] == ["etc/mine/a.json:1:7"]


def test_nothing_is_replaced_twice_and_what_is_no_parameter_stays() -> None:
    made = template("[Parameter A]\n[Parameter B]\n", file__md="@A@ @B@ @C@ a@b @a@ @@A@@ ops@EXAMPLE@", t="@TENANT@")
    assert filled(made, A="@B@", B="2") == {"file.md": "@B@ 2 @C@ a@b @a@ @@B@@ ops@EXAMPLE@", "t": "acme"}


def test_a_program_in_a_template_is_copied_as_it_is() -> None:
    files = {"template.conf": b"[Parameter A]\nDefault=x\n", "bin": b"\x7fELF\0@A@@TENANT@\xff"}
    made = read_template("mine", files, "etc/mine")[0]
    assert made and fill(made, {}, "acme") == {"bin": files["bin"]}


def test_a_file_that_is_one_empty_parameter_is_left_out() -> None:
    made = template("[Parameter BLOB]\nType=base64\nOptional=yes\n", a__cred="@BLOB@\n", b="x")
    assert filled(made) == filled(made, BLOB=" ") == {"b": "x"}
    assert filled(made, BLOB="ab\ncd==\n") == {"a.cred": "abcd==\n", "b": "x"}


# What a value may be

VALUES = {
    "text": (("It works", "It works"), ("  a ", "a")),
    "name": (("web-1", "web-1"),),
    "port": (("80", "80"), ("65535", "65535")),
    "number": (("1", "1"), ("007", "7")),
    "size": (("512M", "512M"), ("1024K", "1M"), ("1.5G", "1536M")),
    "percent": (("50%", "50%"), ("150.5%", "150.5%")),
    "time": (("30", "30s"), ("5min", "300s")),
    "path": (("/srv/data", "/srv/data"),),
    "url": (("https://Example.com/a", "https://example.com/a"),),
    "sha256": (("AB" * 32, "ab" * 32),),
    "base64": (("YWJj ZGVm", "YWJjZGVm"),),
}
WRONG = {
    "text": ("", "x" * 201), "name": ("Web", "", "a.b", "-a"), "port": ("0", "65536", "80/tcp", "http", "-1", "8_0"),
    "number": ("-1", "0", "1e3", "９"), "size": ("512MB", "lots", "1K", "-1M", "infinity"),
    "percent": ("50", "0%", "%"),
    "time": ("soon", "0", "-5s"), "path": ("srv", "/a/../b", "/a//b"),
    "url": ("example.com", "ftp://a/b", "https://u@a/b"),
    "sha256": ("abc", "g" * 64), "base64": ("a_b", "@file", "x" * (65 << 10)),
}  # fmt: skip


def test_every_type_has_examples_here() -> None:
    assert set(VALUES) == set(WRONG) == set(TYPES)


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_a_value_is_put_into_its_normal_form_or_refused_with_what_to_write(kind: str) -> None:
    made = template(f"[Parameter WORD]\nType={kind}\n", file__md="@WORD@")
    for given, normal in VALUES[kind]:
        assert filled(made, WORD=given) == {"file.md": normal}
    for value in WRONG[kind]:
        with pytest.raises(Unreadable) as caught:
            filled(made, WORD=value)
        assert str(caught.value).endswith(".") and caught.value.hint.endswith((".", "?"))


def test_an_unknown_parameter_says_which_was_meant() -> None:
    with pytest.raises(Unreadable) as caught:
        known(template("[Parameter MEMORY]\n[Parameter IMAGE]\n"), "MEMROY")
    assert caught.value.hint == "Did you mean MEMORY?"
    with pytest.raises(Unreadable) as caught:
        known(template("[Parameter MEMORY]\n[Parameter IMAGE]\n"), "x")
    assert caught.value.hint == "There are MEMORY, IMAGE."
    with pytest.raises(Unreadable) as caught:
        known(template(""), "x")
    assert caught.value.hint == "It has none."


CONFS = {
    "[Parameter port]\n": ("BB107", 1), "[Parameter TENANT]\n": ("BB107", 1), "[Parameter ]\n": ("BB107", 1),
    "[Parameter A]\nDefault=x\nType=port\n": ("BB205", 2), "[Parameter A]\nType=prot\n": ("BB205", 2),
    "[Parameter A]\nDefalt=x\n": ("BB202", 2), "[Parameters]\n": ("BB201", 1), "A=b\n": ("BB102", 1),
    "[Parameter A]\nDefault=1\n[Parameter A]\nDefault=2\n": ("BB206", 4), "[Template]\nDescription=\n": ("BB205", 2),
    "".join(f"[Parameter A{n}]\n" for n in range(MAX_PARAMETERS + 1)): ("BB110", MAX_PARAMETERS + 1),
    "[Parameter A]\nDefault=a\\\\b\n": ("BB205", 2),
}  # fmt: skip


@pytest.mark.parametrize("conf", CONFS)
def test_a_wrong_declaration_is_a_finding_with_its_place(conf: str) -> None:
    files = {"template.conf": conf.encode(), "web.nspawn": b"A=@A@\n"}
    found, findings = read_template("mine", files, "etc/mine")
    assert found is None
    assert [(one.code, str(one.place).split(":")[:2]) for one in findings] == [
        (CONFS[conf][0], ["etc/mine/template.conf", str(CONFS[conf][1])])
    ]


# The templates that ship


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_asked_for_in_a_sentence_has_a_default_and_is_used(name: str) -> None:
    made = shelf.template(name, ())
    assert made.description and (made.parameters or made.is_system)
    for one in made.parameters:
        assert one.description and one.files and not one.required, one.name
        assert one.default == chosen(one, one.default), one.name


@pytest.mark.parametrize("name", NAMES)
def test_no_mark_is_left_and_a_text_is_in_quotes(name: str) -> None:
    made = shelf.template(name, ())
    texts = {path: data.decode() for path, data in fill(made, {}, "acme").items()}
    assert not [path for path, text in texts.items() if re.search("@[A-Z0-9_]+@|\r", text) or not text.endswith("\n")]
    assert "template.conf" not in texts
    for one in made.parameters:
        for path in one.files if one.type.name == "text" else ():
            data = made.files[path].decode()
            lines = [line for line in data.splitlines() if f"@{one.name}@" in line and not path.endswith(".md")]
            assert all(line.count('"') >= 2 for line in lines), (path, one.name)


@pytest.mark.parametrize("name", TENANTS)
def test_every_declaration_says_what_it_is_and_where_the_manual_is(name: str) -> None:
    for path, data in shelf.template(name, ()).files.items():
        if path.endswith((".json", ".md", ".cred")) or path.startswith("extensions/"):
            continue
        head = [line for line in data.decode().splitlines()[:6] if line.startswith("#") and not line.startswith("#!")]
        assert len(head) >= 2 and "man bbhv" in data.decode(), path


def test_the_full_template_has_every_kind_of_declaration() -> None:
    files = shelf.template("full", ()).files
    found = {kind.name for kind in KINDS for path in files if kind.match(path)}
    assert found == {kind.name for kind in KINDS}


def test_the_archive_and_the_source_have_the_same_templates(program: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(program) as archive:
        packed = {name: archive.read(name) for name in archive.namelist() if name.startswith("templates/")}
    ours = shelf.shipped()
    assert {f"templates/{name}/{path}": ours[name][path] for name in ours for path in ours[name]} == packed
    assert set(ours) == set(NAMES)


def test_the_operators_template_goes_before_ours(tmp_path: Path) -> None:
    for root, text in (("etc", "theirs"), ("usr", "vendor's")):
        (tmp_path / root / "minimal").mkdir(parents=True)
        (tmp_path / root / "minimal/file").write_text(text)
    folders = (str(tmp_path / "etc"), str(tmp_path / "none"), str(tmp_path / "usr"))
    assert shelf.template("minimal", folders).files == {"file": b"theirs"}
    (tmp_path / "usr/extra").mkdir()
    (tmp_path / "usr/extra/link").symlink_to("/etc/passwd")
    (tmp_path / "usr/Odd Name").mkdir()
    assert shelf.names(folders) == tuple(sorted({*NAMES, "extra"}))
    with pytest.raises(BbhvError, match="symbolic link"):
        shelf.template("extra", folders)
    for name in ("../etc/minimal", "Odd Name", "", "."):
        with pytest.raises(NotFoundError) as caught:
            shelf.template(name, folders)
        assert caught.value.hint.endswith(f"There are {', '.join(sorted({*NAMES, 'extra'}))}.")
    (tmp_path / "etc/minimal/template.conf").write_text("[Parameter A]\nTyp=port\n")
    with pytest.raises(BbhvError, match="template.conf:2:1: error.BB202.*Did you mean Type"):
        shelf.template("minimal", folders)


# The command


@pytest.mark.parametrize("name", TENANTS)
def test_every_template_validates_without_an_error_as_it_stands(bbhv: Run, tmp_path: Path, name: str) -> None:
    made = bbhv("init", "--template", name, "shop")
    assert (made.returncode, made.stderr) == (0, "") and "bbhv validate shop" in made.stdout
    done = bbhv("validate", "shop", "-j")
    assert (done.returncode, done.stderr) == (0, "")
    # Warnings: what is not run yet, and what the oldest systemd does not know.
    assert {one["code"] for one in json.loads(done.stdout)["findings"]} <= {"BB210", "BB211"}
    for path in (tmp_path / "shop").rglob("*"):
        wanted = 0o755 if path.is_dir() or path.read_bytes().startswith(b"#!") else 0o644
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
    assert not [path for path in tmp_path.iterdir() if path.name != "shop"]


def test_what_is_set_is_in_the_files_and_the_rest_has_its_default(bbhv: Run, tmp_path: Path) -> None:
    words = ("--set", "PORT=8080", "--set=TITLE=My shop", "--set", "PORT=8081")
    assert bbhv("init", "--template=web-container", *words, "shop").returncode == 0
    text = (tmp_path / "shop/containers/web.nspawn").read_text()
    assert 'Environment=PORT=8081 "TITLE=My shop"\n' in text and "Image=debian-13\n" in text
    assert parse("x", text.encode())[1] == ()


def test_everything_that_is_wrong_with_what_is_set_is_said_at_once(bbhv: Run, tmp_path: Path) -> None:
    done = bbhv("init", "--template=web-container", "--set=PORT=http", "--set", "TITEL=a", "--set=SIZE", "shop")
    assert done.returncode == 2 and not list(tmp_path.iterdir())
    assert done.stderr.splitlines() == [
        "bbhv: --set PORT: 'http' is not a whole number from 1 to 65535. Write a port from 1 to 65535. --set TITEL: "
        "Template web-container has no parameter 'TITEL'. Did you mean TITLE? --set SIZE: It has no value. Write --set "
        "SIZE=VALUE.",
        "      bbhv init --list --template=web-container shows its parameters.",
    ]


def test_the_list_has_every_template_with_its_parameters(bbhv: Run) -> None:
    lines = bbhv("init", "--list").stdout.splitlines()
    assert [line.partition(":")[0] for line in lines if not line.startswith(" ")] == list(NAMES)
    assert "    PORT    The port that the server listens on (port, default 80)" in lines
    found = json.loads(bbhv("init", "--list", "--json=short").stdout)["templates"]
    assert [one["name"] for one in found] == list(NAMES)
    assert [one["name"] for one in found if one["system"]] == ["system"]
    one = json.loads(bbhv("init", "--list", "--template=minimal", "-j").stdout)["templates"][0]
    assert one["parameters"][0] == {
        "name": "IMAGE", "type": "name", "description": "An image that the operator of the host offers",
        "default": "debian-13", "required": False,
    }  # fmt: skip


@pytest.mark.parametrize(("words", "status", "said"), [
    (("init",), 2, "bbhv: bbhv init takes DIR."),
    (("init", "--list", "shop"), 2, "bbhv: bbhv init --list takes no DIR."),
    (("init", "--template=web-contaner", "shop"), 5, "bbhv: There is no template 'web-contaner'."),
    (("init", "--list", "--template=nothing"), 5, "bbhv: There is no template 'nothing'."),
    (("init", "--system", "--template=full", "shop"), 2,
     "bbhv: Template full makes the repository of a tenant, not a system repository."),
])  # fmt: skip
def test_a_wrong_call_is_one_sentence(
    bbhv: Run, tmp_path: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    done = bbhv(*words)
    assert (done.returncode, done.stdout, done.stderr.splitlines()[0]) == (status, "", said)
    assert not list(tmp_path.iterdir())


# On a terminal


def talk(program: Path, words: list[str], answers: list[str], folder: Path, end: str = "") -> tuple[int, str]:
    """What a person sees who gives these answers, one to each question, and then types `end`."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([program, *words], stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder,
                          env={"LANG": "C.UTF-8"}, start_new_session=True) as process:
        os.close(theirs)
        seen, left, deadline = b"", [*[f"{answer}\n" for answer in answers], end], time.monotonic() + 20
        while select.select([ours], [], [], max(0, deadline - time.monotonic()))[0]:
            try:
                seen += os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
            if seen.endswith(b": ") and left:
                os.write(ours, left.pop(0).encode())
        os.close(ours)  # which hangs up on whoever still asks
        status = process.wait(timeout=60)
    return status, seen.decode().replace("\r\n", "\n")


def test_a_person_is_asked_with_the_default_and_again_with_the_reason(program: Path, tmp_path: Path) -> None:
    answers = ["", "99999", "http", "8080", "512MB", "512M", ""]
    status, seen = talk(program, ["init", "--template=web-container", "--set=TITLE=Hi", "shop"], answers, tmp_path)
    assert status == 0, seen
    assert "The port that the server listens on [80]: 99999\n" in seen and "TITLE" not in seen
    assert "  '99999' is not a whole number from 1 to 65535. Write a port from 1 to 65535.\n" in seen
    assert seen.count("The port that the server listens on [80]: ") == 3
    text = (tmp_path / "shop/containers/web.nspawn").read_text()
    assert "PORT=8080" in text and "MemoryMax=512M" in text


@pytest.mark.parametrize("end", ["\x04", "80\x04\x04"])
def test_the_end_of_the_input_is_a_clean_end(program: Path, tmp_path: Path, end: str) -> None:
    status, seen = talk(program, ["init", "--template=web-container", "shop"], ["", "Hi"], tmp_path, end)
    assert (status, list(tmp_path.iterdir())) == (1, []), seen
    assert seen.endswith("\nbbhv: The input ended; nothing was written.\n")


def test_a_control_character_in_an_answer_is_refused_and_shown_as_an_escape(program: Path, tmp_path: Path) -> None:
    answers = ["", "a\x1b]0;x\x07", "Hi", "", "", ""]
    status, seen = talk(program, ["init", "--template=web-container", "shop"], answers, tmp_path)
    assert status == 0 and "'a\\x1b]0;x\\x07' is too long, or has a character" in seen


def test_nobody_is_asked_when_there_is_nobody(bbhv: Run, tmp_path: Path, program: Path) -> None:
    (tmp_path / "minimal").mkdir()
    conf = b"[Parameter URL]\nType=url\n[Parameter SHA]\nType=sha256\n[Parameter X]\nDefault=a\n"
    made = read_template("mine", {"template.conf": conf}, "etc/mine")[0]
    assert made and [one.name for one in made.parameters if one.required] == ["URL", "SHA"]
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          cwd=build.ROOT, timeout=60, check=False)  # fmt: skip
    assert done.stdout == ("2 Template mine needs a value for URL, SHA. hint: Add --set URL=VALUE --set SHA=VALUE.\n")


ASK = """
from bbhv.cli.asking import complete
from bbhv.errors import UsageError
from bbhv.model.template import read_template
conf = b"[Parameter URL]\\nType=url\\n[Parameter SHA]\\nType=sha256\\n[Parameter X]\\nDefault=a\\n"
try: complete(read_template("mine", {"template.conf": conf}, "etc/mine")[0], {})
except UsageError as error: print(error.status, error)
"""


# All or nothing


def test_init_overwrites_nothing(bbhv: Run, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/note").write_text("mine")
    done = bbhv("init", "shop")
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "bbhv: shop is not empty.")
    assert [path.name for path in (tmp_path / "shop").iterdir()] == ["note"]


@pytest.mark.parametrize("there", ["nothing", "folder", "clone", "here", "deep", "link"])
def test_it_is_made_where_nothing_is_and_in_a_folder_that_is_empty(bbhv: Run, tmp_path: Path, there: str) -> None:
    place = {"deep": "a/b/shop", "here": "."}.get(there, "shop")
    if there in ("folder", "clone"):
        (tmp_path / "shop").mkdir(mode=0o700)
    if there == "clone":
        (tmp_path / "shop/.git").mkdir()
    if there == "link":
        (tmp_path / "real").mkdir()
        (tmp_path / "shop").symlink_to("real")
    done = bbhv("init", "--tenant=shop", f"{place}/" if there == "folder" else place)
    assert done.returncode == 0, done.stderr
    found = {str(path.relative_to(tmp_path / place)) for path in (tmp_path / place).rglob("*") if path.is_file()}
    assert found == {"README.md", "containers/web.nspawn", "infrastructure/tenant.slice", "metadata.json"}
    if there == "folder":
        assert stat.S_IMODE((tmp_path / "shop").stat().st_mode) == 0o700


CALLS = ("mkdir", "rename", "rmdir", "fsync", "unlink")


def moments(program: Path, folder: Path, words: list[str]) -> list[tuple[str, int]]:
    """System calls of a run that change what is on the disk, by name and number: of fsync the first and the last."""
    log, found = folder / "trace", Counter[str]()
    subprocess.run(["strace", "-qq", "-e", f"trace={','.join(CALLS)}", "-o", log, program, *words], cwd=folder,
                   check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    found.update(line.partition("(")[0] for line in log.read_text().splitlines())
    log.unlink()
    return [(name, number) for name in sorted(found) for number in range(1, found[name] + 1)
            if name != "fsync" or number in (1, found[name])]


def cut(program: Path, folder: Path, words: list[str], call: str, number: int) -> None:
    """A run that is killed at its n-th system call of that name."""
    inject = f"inject={call}:signal=KILL:when={number}"
    done = subprocess.run(["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject, program, *words],
                          cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), done


@pytest.mark.parametrize("inside", [False, True])
def test_killed_at_any_moment_it_left_nothing_or_everything_or_says_how_to_go_on(
    program: Path, bbhv: Run, tmp_path: Path, inside: bool
) -> None:
    words = ["init", "shop"]
    whole = {"README.md", "containers", "infrastructure", "metadata.json"}

    def begin() -> None:
        shutil.rmtree(tmp_path / "shop", ignore_errors=True)
        if inside:
            (tmp_path / "shop").mkdir()

    begin()
    found = moments(program, tmp_path, words)
    made = {str(path.relative_to(tmp_path)) for path in (tmp_path / "shop").rglob("*.*")}
    assert {call for call, _ in found} >= {"mkdir", "rename", "fsync"}
    for call, number in found:
        begin()
        cut(program, tmp_path, words, call, number)
        names = set(os.listdir(tmp_path / "shop")) if (tmp_path / "shop").exists() else set()
        shown = {name for name in names if not name.startswith(".#")}
        again = bbhv("init", "shop")
        if not shown:
            assert again.returncode == 0, again.stderr
        elif shown == whole:
            assert "is not empty" in again.stderr
        else:
            assert inside and "was interrupted" in again.stderr
            subprocess.run(["sh", "-c", again.stderr.splitlines()[1].strip().removesuffix(" completes what it made.")],
                           cwd=tmp_path, check=True, timeout=60)
        assert whole == {name for name in os.listdir(tmp_path / "shop") if not name.startswith(".#")}
        assert {str(path.relative_to(tmp_path)) for path in (tmp_path / "shop").rglob("*.*")} >= made


def test_a_full_disk_leaves_nothing(program: Path, bbhv: Run, tmp_path: Path) -> None:
    for call in (1, 3):
        inject = f"inject=fsync:error=ENOSPC:when={call}"
        done = subprocess.run(["strace", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", inject, program, "init",
                               "shop"], cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=60, check=False)  # fmt: skip
        assert done.returncode == 1 and "No space left on device" in done.stderr, done
        assert list(tmp_path.iterdir()) == []
