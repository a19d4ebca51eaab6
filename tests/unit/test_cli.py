"""The command line as a person, a script, a shell and a pager meet it: the real archive, run as a program."""

import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

import build
from bbhv.cli import completion
from bbhv.cli.help import help_text
from bbhv.cli.verbs import COMMON, UNITS, VERBS, shown
from bbhv.names import NAME_RULE
from bbhv.version import VERSION

from .conftest import Done, Run

SCRIPTS = build.ROOT / "sysext/usr/lib/bitbuilder/scripts"


def shell(program: Path, script: str, folder: Path) -> Done:
    """What a shell makes of a line in which `bbhv` is the program."""
    environment = {"PATH": f"{program.parent}:/usr/bin:/bin", "LANG": "C.UTF-8"}
    return subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60, check=False)


def on_terminal(program: Path, words: list[str], env: Mapping[str, str]) -> str:
    """What the program writes to a terminal."""
    ours, theirs = pty.openpty()
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **env}
    with subprocess.Popen([program, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        data, deadline = b"", time.monotonic() + 60
        while select.select([ours], [], [], max(0, deadline - time.monotonic()))[0]:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # a terminal whose other side is closed
                break
            data += chunk
        process.kill()
    os.close(ours)
    return data.decode()


# Help


@pytest.mark.parametrize("verb", [None, *VERBS], ids=lambda verb: verb.name if verb else "bbhv")
def test_every_help_is_one_screen(verb: object) -> None:
    chosen = next((one for one in VERBS if one is verb), None)
    lines = help_text(chosen).splitlines()
    groups = [one.group for one in shown() if one.group != UNITS]
    most = 24 if chosen else len(groups) + len(set(groups)) + 3
    assert len(lines) <= most and max(map(len, lines)) <= 80, "\n".join(lines)


def test_the_texts_of_all_rows_of_a_help_stand_in_one_column() -> None:
    seen = [(help_text(None), one.help) for one in shown() if f"\n  {one.name} " in help_text(None)]
    seen += [(help_text(verb), option.help) for verb in shown() for option in verb.options]
    assert any(text == "Check or run what is pushed" for _, text in seen)
    for screen, text in seen:
        line = next(line for line in screen.splitlines() if line.startswith("  ") and line.endswith(text))
        assert line[25] == " " and line[26:] == text, line


def test_the_help_of_a_verb_says_what_each_of_its_actions_takes() -> None:
    verb = next(one for one in VERBS if one.actions)
    screen = help_text(verb).splitlines()
    first = verb.arguments.split()[0]
    assert first.split("|") == [one.name for one in verb.actions]
    for one in verb.actions:
        assert any(line.split() == [one.name, *one.arguments.split(), *one.help.split()] for line in screen), one.name


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("help",)])
def test_the_help_names_every_verb_that_people_use(bbhv: Run, words: tuple[str, ...]) -> None:
    done = bbhv(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"\n  {verb.name}" in done.stdout for verb in shown() if verb.group != "Called by units")
    assert done.stdout == help_text(None)


@pytest.mark.parametrize("words", [("sync", "--help"), ("help", "sync"), ("-h", "sync"), ("sync", "a", "B", "-h")])
def test_the_help_of_a_verb_is_asked_for_in_any_order(bbhv: Run, words: tuple[str, ...]) -> None:
    done = bbhv(*words)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("bbhv sync [OPTION…] [TENANT…]\n")


def test_without_a_verb_the_help_is_shown_and_the_usage_is_wrong(bbhv: Run) -> None:
    done = bbhv()
    assert (done.returncode, done.stdout, done.stderr) == (2, help_text(None), "")


def test_headings_stand_out_on_a_terminal_only_and_only_if_wanted(program: Path) -> None:
    assert "\x1b[1mOptions:\x1b[0m" in on_terminal(program, ["--help"], {"TERM": "xterm"})
    for environment in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}, {}):
        assert "\x1b" not in on_terminal(program, ["--help"], environment)


# Wrong command lines

WRONG = {
    "synk": ("There is no verb 'synk'.", "Did you mean sync?"),
    "\x1b[31m": ("There is no verb '\\x1b[31m'.", "bbhv --help shows them."),
    "--quit": ("bbhv has no option '--quit'.", "Did you mean --quiet?"),
    "init --sytem x": ("bbhv init has no option '--sytem'.", "Did you mean --system?"),
    "sync -x": ("bbhv sync has no option '-x'.", "bbhv sync --help shows them."),
    "list acme": ("bbhv list takes no argument.", "bbhv list --help tells more."),
    "history": ("bbhv history takes TENANT.", "bbhv history --help tells more."),
    "list --json": ("--json= needs a value.", "There are pretty, short and off."),
    "list --json=long": ("--json=long is not known.", "There are pretty, short and off."),
    "validate --format=html .": ("--format=html is not known.", "There are text, json, sarif and github."),
    "validate --format=serif .": ("--format=serif is not known.", "Did you mean sarif?"),
    "validate --format=text --json=short .": (
        "--format=text is not JSON, as --json=short wants it.", "Leave one of them out."
    ),
    "list --json=prety": ("--json=prety is not known.", "Did you mean pretty?"),
    "init --quiet=yes x": ("--quiet takes no value.", ""),
    "init Acme": ("'Acme' is not a tenant name.", "Give one: --tenant=acme"),
    "credential decrypt acme x": ("There is no bbhv credential 'decrypt'.", "bbhv credential encrypt encrypts."),
    "credential encrypt acme": ("bbhv credential encrypt takes TENANT NAME [FILE].", "Write - for standard input."),
    "credential encrypt acme DB": ("'DB' is not a credential name.", f"{NAME_RULE[0].upper()}{NAME_RULE[1:]}."),
    "--": ("No verb was given.", "bbhv --help shows them."),
}


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_command_line_is_one_sentence_and_a_hint(bbhv: Run, words: str) -> None:
    done = bbhv(*words.split())
    message, hint = WRONG[words]
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"bbhv: {message}\n" + (f"      {hint}\n" if hint else "")


def test_the_version_is_told(bbhv: Run) -> None:
    for words in (("--version",), ("--version", "-q"), ("sync", "--version")):
        assert bbhv(*words).stdout == f"bbhv {VERSION}\n"


# Streams


def test_a_reader_that_leaves_is_no_error(program: Path, tmp_path: Path) -> None:
    for words in ("--help", "--version", "validate --format=json ."):
        done = shell(program, f"set -o pipefail; bbhv {words} | true; bbhv {words} | head -c 0", tmp_path)
        assert done.stderr == "" and done.returncode in (0, 3)


def test_output_that_cannot_be_written_is_one_sentence(program: Path, tmp_path: Path) -> None:
    for words in ("--help", "init --json=short x"):
        done = shell(program, f"bbhv {words} > /dev/full", tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1) and "No space left on device." in done.stderr


def test_a_complaint_that_nobody_can_read_leaves_the_status(program: Path, tmp_path: Path) -> None:
    script = "bbhv nonsense 2> /dev/full; echo $?; bbhv validate nothing 2> /dev/full; echo $?"
    assert shell(program, script, tmp_path).stdout == "2\n5\n"


def test_who_reads_no_further_gets_the_status_of_the_verb(program: Path, tmp_path: Path) -> None:
    (tmp_path / "containers").mkdir()
    for number in range(300):
        (tmp_path / f"containers/c{number}.nspawn").write_text("[Exec]\nBoot=maybe\n")
    (tmp_path / "blind").write_text("import os, sys\nr, w = os.pipe()\nos.close(r)\nos.dup2(w, 1)\n"
                                    "os.execvp(sys.argv[1], sys.argv[1:])\n")
    for words in ("validate .", "validate --format=json .", "validate --format=sarif containers"):
        done = shell(program, f"python3 blind bbhv {words}; echo $? >&2", tmp_path)
        assert done.stderr == "3\n"


@pytest.mark.parametrize(("error", "said", "status"), [
    ("KeyboardInterrupt", "bbhv: Interrupted.\n", 130),
    ("MemoryError", "bbhv: There is not enough memory for this.\n", 1),
])
@pytest.mark.parametrize("module", ["bbhv.cli.main", "bbhv.cli.checking"])
def test_an_end_at_any_moment_is_a_sentence(module: str, error: str, said: str, status: int) -> None:
    """The moment is the one in which a module is looked for: before the command line is read, or after that."""
    script = f"""
import sys
class Finder:
    def find_spec(self, name, *_):
        if name == {module!r}:
            raise {error}
sys.meta_path.insert(0, Finder())
sys.argv[1:] = ["validate", "."]
from bbhv.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": str(build.ROOT)}, capture_output=True,
                          text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", said)


def test_closed_streams_are_streams_that_nobody_reads(program: Path, tmp_path: Path) -> None:
    done = shell(program, "bbhv --help >&- && bbhv nonsense 2>&-; echo $?", tmp_path)
    assert (done.stdout, done.stderr) == ("2\n", "")


def test_any_locale_will_do(bbhv: Run, tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff")
    for environment in ({"LANG": "C"}, {"LC_ALL": "POSIX", "LANG": ""}, {"LANG": "xx_XX.nonsense"}):
        done = bbhv("validate", tmp_path / odd, env=environment)
        assert done.returncode == 5 and done.stderr.count("\n") == 1 and "does not exist." in done.stderr


def test_what_cannot_be_read_is_a_sentence(bbhv: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "file.json").symlink_to("file")
    for words in (("init", "file"), ("init", "file/acme"), ("validate", "file.json")):
        done = bbhv(*words)
        assert done.returncode == 1 and done.stderr.startswith("bbhv: ") and done.stderr.count("\n") <= 2, done


# init and validate


@pytest.mark.parametrize("options", [(), ("--system",), ("--tenant=team-a",), ("--template=minimal",)])
def test_what_init_makes_validates_without_a_finding(bbhv: Run, tmp_path: Path, options: tuple[str, ...]) -> None:
    made = bbhv("init", *options, "acme")
    assert made.returncode == 0 and "bbhv validate acme" in made.stdout
    done = bbhv("validate", "acme")
    assert (done.returncode, done.stderr, done.stdout.splitlines()[-1]) == (0, "", "No findings.")
    reply = json.loads(bbhv("validate", "acme", "-j").stdout)
    assert (reply["findings"], reply["total"]) == ([], 0) and reply.keys() == {"findings", "total", "notes"}


def test_a_repository_and_its_registration_fit_as_init_makes_them(bbhv: Run) -> None:
    bbhv("init", "acme"), bbhv("init", "--system", "system")
    done = bbhv("validate", "acme", "--registration=system/tenants/acme.json")
    assert (done.returncode, done.stderr) == (0, "") and "No findings." in done.stdout


def test_the_id_is_the_folders_name_without_its_usual_beginning(bbhv: Run, tmp_path: Path) -> None:
    made = json.loads(bbhv("init", "tenant-acme", "--json=short").stdout)
    found = sorted(str(path.relative_to(tmp_path / "tenant-acme")) for path in (tmp_path / "tenant-acme").rglob("*.*"))
    assert made == {"folder": "tenant-acme", "tenant": "acme", "template": "minimal", "files": found}
    assert json.loads((tmp_path / "tenant-acme/metadata.json").read_text())["tenant"] == "acme"


def test_init_overwrites_nothing_but_moves_into_a_new_clone(bbhv: Run, tmp_path: Path) -> None:
    (tmp_path / "acme/.git").mkdir(parents=True)
    done = bbhv("init", "acme")
    assert done.returncode == 0 and "init -b main" not in done.stdout
    again = bbhv("init", "acme")
    assert (again.returncode, again.stderr.splitlines()[0]) == (1, "bbhv: acme is not empty.")


@pytest.mark.parametrize("folder", ["acme", "my shop; $(touch x)/acme"])
def test_the_suggested_commands_work_as_they_are_printed(
    bbhv: Run, program: Path, tmp_path: Path, folder: str
) -> None:
    lines = [line.strip() for line in bbhv("init", folder).stdout.splitlines() if line.startswith("  ")]
    identity = "; ".join(f"export GIT_{who}_{what}=x@example.com" for who in ("AUTHOR", "COMMITTER")
                         for what in ("NAME", "EMAIL"))
    done = shell(program, f"set -e; {identity}\n" + "\n".join(lines), tmp_path)
    assert done.returncode == 0 and len(lines) == 2, done.stderr


def test_a_folder_whose_name_drives_a_terminal_is_shown_escaped(bbhv: Run) -> None:
    made = bbhv("init", "--tenant=acme", "a\nb\x1b[31m")
    assert made.returncode == 0 and "\x1b" not in made.stdout and "a\\nb\\x1b[31m is the repo" in made.stdout


@pytest.mark.parametrize("verb", ["init", "validate"])
def test_an_empty_word_is_no_path(bbhv: Run, verb: str) -> None:
    done = bbhv(verb, "")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 2


def test_findings_name_their_file_from_where_one_stands(bbhv: Run, tmp_path: Path) -> None:
    for name in ("acme", "shop"):
        bbhv("init", name)
        (tmp_path / name / "containers/web.nspawn").write_text("[Exec]\nBoot=yes\nUsr=a\n[X-Bitbuilder]\nImage=b\n")
    done = bbhv("validate", "acme", "./shop/")
    assert done.returncode == 3
    assert done.stdout.splitlines()[:2] == [
        f"{name}/containers/web.nspawn:3:1: error[BB202]: There is no key Usr= in section [Exec]. "
        "hint: Did you mean User?"
        for name in ("acme", "shop")
    ]
    assert done.stdout.endswith("2 errors, 0 warnings.\n")
    found = json.loads(bbhv("validate", "acme", "--format=json").stdout)["findings"]
    assert [(one["file"], one["line"], one["code"]) for one in found] == [("acme/containers/web.nspawn", 3, "BB202")]


def test_a_text_of_a_tenant_never_drives_the_terminal(bbhv: Run, program: Path, tmp_path: Path) -> None:
    bbhv("init", "acme")
    (tmp_path / "acme/containers/web.nspawn").write_text("[Exec]\nUser=\x1b]0;mine\x07\n[X-Bitbuilder]\nImage=a\n")
    (tmp_path / "acme/containers/\x1b[2J.nspawn").write_text("")
    shown_text = on_terminal(program, ["validate", str(tmp_path / "acme")], {"TERM": "xterm"})
    assert "\x1b[31;1merror" in shown_text
    assert "\x1b]" not in shown_text and "\x1b[2J" not in shown_text and "\x07" not in shown_text


def test_what_a_host_would_not_read_is_a_finding(bbhv: Run, tmp_path: Path) -> None:
    bbhv("init", "acme")
    (tmp_path / "acme/link").symlink_to("/etc/passwd")
    (tmp_path / "acme/docs").mkdir()
    os.mkfifo(tmp_path / "acme/docs/fifo")
    (tmp_path / "acme/docs/large").write_bytes(b"x" * (2 << 20))
    (tmp_path / "acme/README.MD").write_text("")
    done = bbhv("validate", "acme", "-j")
    found = [(one["file"], one["code"]) for one in json.loads(done.stdout)["findings"]]
    assert found == [("acme/README.md", "BB107"), ("acme/docs/fifo", "BB106"), ("acme/docs/large", "BB105"),
                     ("acme/link", "BB106")]


@pytest.mark.parametrize(("script", "good", "bad"), [
    ("validate-template.sh", "acme", "acme/containers"), ("validate-metadata.sh", "acme/metadata.json", "acme/x.json"),
])  # fmt: skip
def test_the_scripts_of_the_old_names_validate(
    bbhv: Run, program: Path, tmp_path: Path, script: str, good: str, bad: str
) -> None:
    bbhv("init", "acme")
    (tmp_path / "acme/x.json").write_text("{}")
    assert len((SCRIPTS / script).read_text().splitlines()) == 2
    assert shell(program, f"{SCRIPTS / script} {good}", tmp_path).returncode == 0
    assert shell(program, f"{SCRIPTS / script} {good} {bad}", tmp_path).returncode == 3
    assert shell(program, f"cd acme; {SCRIPTS / script}", tmp_path).returncode == 0


# The completion

COMPLETED = {
    ("s",): "status shell sync suspend", ("init", "--tem"): "--template=", ("-",): None, ("sync", "--js"): "--json=",
    ("list", "--json", "=", ""): "pretty short off", ("list", "--json", "="): "pretty short off",
    ("list", "--json", "=", "p"): "pretty", ("--json", "=", "short", "li"): "list", ("status", "a"): "acme",
    ("status", "acme", ""): "acme shop", ("rollback", "--to", "=", ""): "", ("list", ""): "",
    ("explain", "BB50"): "BB501 BB502 BB503 BB504 BB505 BB506", ("help", "st"): "status",
    ("help", "bbhv-"): "bbhv-findings", ("validate", "--format", "=", ""): "text json sarif github",
    ("validate", "--sys"): "--systemd=", ("validate", "--systemd", "=", ""): "",
    ("validate", "fo"): "folder", ("init", "f"): "folder",
    ("init", "--template", "=", "w"): "web-container", ("init", "--template", "s"): "system",
    ("init", "--template", "=", ""): "full minimal system virtual-machine web-container mine",
    ("validate", "--registration", "=", "fi"): "file", ("credential", ""): "encrypt",
    ("credential", "encrypt", "a"): "acme", ("credential", "--with-key", "=", "h"): "host host+tpm2",
    ("--host", "=", "vm"): "vm1 vm2", ("list", "-H", "x", "-"): None,
    ("credential", "--output", "=", "fi"): "file", ("hook", "po"): "post-receive",
    ("volume", ""): "list snapshot restore discard export", ("volume", "list", ""): "acme shop",
    ("volume", "--wait", "e"): "export", ("hook", "post-receive", "a"): "acme",
}  # fmt: skip


@pytest.mark.parametrize("words", COMPLETED, ids=" ".join)
def test_bash_completes(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "etc/templates/mine").mkdir(parents=True)
    (tmp_path / "etc/templates/full").mkdir()
    (tmp_path / "etc/templates/$(touch bad)").mkdir()
    # What `bbhv list` prints on a host with two tenants; there is none here.
    (tmp_path / "bbhv").write_text("#!/bin/sh\nprintf 'acme  active\\nshop  failed\\n'\n")
    (tmp_path / "bbhv").chmod(0o755)
    (tmp_path / "script").write_text(completion.bash_completion().replace("/etc/bitbuilder", f"{tmp_path}/etc"))
    given = " ".join(f"'{word}'" for word in ("bbhv", *words))
    (tmp_path / "hosts").write_text("127.0.0.1 vm1 vm2 other\n")
    code = (f"set -u; HOSTFILE=./hosts; source ./script; COMP_WORDS=({given}); COMP_CWORD={len(words)}; "
            '_bbhv; echo "${COMPREPLY[*]}"')  # fmt: skip
    done = subprocess.run(["bash", "--norc", "-c", code], cwd=tmp_path, env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
                          capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    expected = COMPLETED[words]
    options = " ".join(one.name + ("=" if one.value else "") for one in COMMON) + " -q -H -h"
    assert done.stdout.rstrip("\n") == (options if expected is None else expected)
    assert not (tmp_path / "bad").exists()


def test_this_machine_has_what_the_tests_above_judge_by() -> None:
    assert [tool for tool in ("bash", "man", "git") if shutil.which(tool) is None] == []
