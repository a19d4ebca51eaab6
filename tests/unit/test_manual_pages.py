"""The manual: every page as man(1) and as a terminal without man(1) shows it, and that nothing is missing in it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import build
from bbhv.cli import manual
from bbhv.cli.pages import kinds, program, reference, system, tenant
from bbhv.cli.verbs import COMMON, shown
from bbhv.formats.pages import page as form
from bbhv.formats.pages import plaintext, roff
from bbhv.formats.pages.page import Example, Heading, Item, Page, Paragraph, Subheading, spans
from bbhv.kinds.settings import Cost, Setting, Table, Verdict, refused
from bbhv.kinds.table import KINDS
from bbhv.model.hostconf import SETTINGS

WIDTH = 80
NAMES = [page.name for page in manual.pages()]


def chosen(name: str) -> Page:
    found = manual.find(name)
    assert found is not None
    return found


def plain(name: str) -> str:
    return manual.text(chosen(name), WIDTH)


def words(text: str) -> str:
    """The text without its line breaks."""
    return " ".join(text.split())


def rendered(text: str, tmp_path: Path) -> str:
    """The page as man(1) shows it, which must have nothing to complain about."""
    (tmp_path / "page").write_text(text, encoding="ascii")
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "MANWIDTH": str(WIDTH), "HOME": str(tmp_path)}
    done = subprocess.run(["man", "--warnings=w", "-P", "cat", "-l", "page"], cwd=tmp_path, env=environment,
                          timeout=60, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_man_shows_a_page_without_a_warning_and_with_the_words_of_the_plain_text(name: str, tmp_path: Path) -> None:
    page = chosen(name)
    shown_text = rendered(roff.render(page, "bbhv 1"), tmp_path)
    assert max(map(len, shown_text.splitlines())) <= WIDTH
    assert max(map(len, plain(name).splitlines())) <= WIDTH
    body = shown_text.splitlines()[1:-1]
    assert words("\n".join(body)) == words(plain(name))


@pytest.mark.parametrize("name", NAMES)
def test_no_mark_is_left_over(name: str) -> None:
    prose = [line for line in plain(name).splitlines() if not line.startswith("         ")]
    assert [line for line in prose if set(line) & set("`<>")] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_what_every_page_has(name: str) -> None:
    page = chosen(name)
    headings = [block.text for block in page.body if isinstance(block, Heading)]
    assert headings[-1] == "SEE ALSO" and "DESCRIPTION" in headings and len(set(headings)) == len(headings)
    assert page.summary[0].islower() and page.summary[-1] != "." and len(page.summary) < 60


@pytest.mark.parametrize("name", NAMES)
def test_a_page_of_ours_that_is_named_is_there(name: str) -> None:
    named = set(re.findall(r"bbhv[a-z.-]*\([0-9]\)", plain(name)))
    assert named and named <= {page.title for page in manual.pages()}


def test_every_kind_of_declaration_has_a_page_and_only_one() -> None:
    told = [kind for about in kinds.ABOUTS for kind in about.kinds] + [*tenant.KINDS_HERE]
    assert sorted(told) == sorted({kind.name for kind in KINDS})
    assert tenant.FILES.keys() == {kind.pattern for kind in KINDS}


def test_every_key_of_every_kind_is_on_its_page() -> None:
    places = {kind: about.name for about in kinds.ABOUTS for kind in about.kinds}
    places |= dict.fromkeys(tenant.KINDS_HERE, "bbhv.tenant")
    texts = {name: words(plain(name)) for name in set(places.values())}
    for kind in KINDS:
        for row in kind.settings or ():
            text = texts[places[kind.name]]
            mark = f"{row.key}= (" if row.verdict is Verdict.ALLOWED else f"{row.key}="
            assert mark in text and (row.verdict is Verdict.ALLOWED or words(row.reason) in text), row.name


def test_the_page_of_the_program_shows_every_verb_option_and_status() -> None:
    text = plain("bbhv")
    options = [option.name for verb in shown() for option in verb.options] + [option.name for option in COMMON]
    wanted = [*(f"bbhv {verb.name}" for verb in shown()), *options,
              *(f"       {status}\n" for status, _ in program.STATUSES), "tenant-manager.service", "NO_COLOR"]
    assert [word for word in wanted if word not in text] == []
    assert program.PROSE.keys() == {verb.name for verb in shown()}


def test_the_page_of_the_operator_shows_every_setting_and_every_key() -> None:
    text = plain("bbhv.system")
    keys = "repository branch fetch credential knownHosts ca state trust commits signers hosts access users groups"
    grants = "cpus memory tasks storage machines containers images imageSources mountImages subnets vlans uplinks ports"
    for key in f"{keys} {grants} internet serviceProfiles emulation apiVersion".split():
        assert f"\n       {key} (" in text or f"\n           {key} (" in text or f"{key}\n" in text, key
    assert [key for _, key in SETTINGS if f"{key}=\n" not in text] == []
    assert system.HOST_SETTINGS.keys() == SETTINGS.keys()
    assert "One of `enabled`" not in text and "One of enabled, suspended, absent. Default: enabled." in words(text)


def test_keys_that_are_refused_for_the_same_reason_stand_together() -> None:
    rows = refused(Verdict.HOST, "A", "The host does it.", "One", "Two"), refused(Verdict.FORBIDDEN, "B", "No.", "Six")
    given = Setting("A", "Given", Verdict.ALLOWED, str, Cost.LIVE, "What < and ` are.", default="x", since=260)
    table = Table(given, *rows[0], *rows[1], *refused(Verdict.HOST, "B", "The host does it.", "Ten"))
    found = [*reference.settings(table), *reference.refused((table,))]
    assert found == [
        Subheading("[A]"),
        Item("`Given=` (live)", "What < and ` are. Default: `x`. Needs systemd 260 on the host."),
        Heading("SET BY THE HOST"), Item("The host does it.", "[A] `One=`, `Two=`; [B] `Ten=`."),
        Heading("NOT ALLOWED"), Item("No.", "[B] `Six=`."),
    ]


ODD = "a .b 'c' \\d \\fB \"e\" ^~ - `f` <g> < ` h… \x1b[31m \x9b ~"


@pytest.mark.parametrize("text", [".TH x", "'br", "\\", "\"", ODD, f".{ODD}"])
def test_no_text_is_taken_for_a_command_of_roff(text: str, tmp_path: Path) -> None:
    body = (Heading(f"Of {text}"), Subheading(f"On {text}"), Paragraph(text), Item(text, text),
            Item("a", "b", body=(Item(text, text),)), Example(text))
    page = Page(name="x", section=7, summary="y", body=body)
    source = roff.render(page, "1")
    assert source.isascii() and source.replace("\n", "").isprintable()
    there = words("\n".join(rendered(source, tmp_path).splitlines()[1:-1]))
    assert there == words(plaintext.render(page))


def test_marks_without_another_end_are_characters() -> None:
    assert list(spans("a `b` < 3 <c> `")) == [("", "a "), ("`", "b"), ("", " < 3 "), ("<", "c"), ("", " `")]
    assert list(spans("<A=B…> <a <b>")) == [("", ""), ("<", "A=B…"), ("", " <a "), ("<", "b"), ("", "")]
    assert form.items([("a", "b")]) == (Item("`a`", "b"),)


def test_a_page_is_found_by_any_of_its_names() -> None:
    assert {manual.find(name) for name in ("bbhv.container", "container", "bbhv.container(5)")} == {
        chosen("bbhv.container")
    }
    assert chosen("bbhv").section == 1 and manual.find("bbhv.x") is None
    assert manual.nearest("bbhv.contaner") == "Did you mean bbhv.container?"


def bbhv(*asked: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(build.ROOT), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    return subprocess.run([sys.executable, "-m", "bbhv", *asked], env=environment, capture_output=True, text=True,
                          timeout=60, check=False)


def test_a_terminal_without_man_shows_the_pages_too() -> None:
    for asked, name in (("bbhv.container", "bbhv.container"), ("findings", "bbhv-findings"), ("bbhv", "bbhv"),
                        ("tenant", "bbhv.tenant")):
        done = bbhv("help", asked)
        assert (done.returncode, done.stderr, done.stdout) == (0, "", plain(name))
    assert bbhv("help", "sync").stdout == bbhv("sync", "--help").stdout != ""
    assert bbhv("help").stdout == bbhv("--help").stdout != ""


@pytest.mark.parametrize(("asked", "hint"), [
    ("synk", "Did you mean sync?"), ("bbhv.netwerk", "Did you mean bbhv.network?"),
    ("\x1b]0;x", f"Pages: {', '.join(NAMES)}."), ("./bbhv.1", f"Pages: {', '.join(NAMES)}."),
])  # fmt: skip
def test_help_that_there_is_not_is_one_sentence_and_a_hint(asked: str, hint: str) -> None:
    done = bbhv("help", asked)
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == f"bbhv: There is no verb and no page {ascii(asked)}.\n      {hint}\n"


def test_every_unit_points_at_the_manual() -> None:
    units = [path for path in (build.ROOT / "units").rglob("*") if path.is_file()]
    assert [str(path) for path in units if "\nDocumentation=man:bbhv(1)" not in path.read_text()] == []
    assert len(units) >= 10


def test_the_pages_and_the_completion_are_in_the_extension(tmp_path: Path) -> None:
    archive = tmp_path / "bbhv"
    archive.write_bytes(b"")
    build.stage(archive, tmp_path / "tree")
    assert (tmp_path / "tree/usr/share/man/man1/bbhv.1").read_text().startswith(".TH BBHV 1 ")
    for name, text in build.made_of_tables().items():
        path = tmp_path / "tree" / name
        assert path.read_text() == text and path.stat().st_mode & 0o777 == 0o644
    assert {name.rpartition("/")[2] for name in manual.files()} == {f"{page.name}.{page.section}"
                                                                   for page in manual.pages()}


def test_this_machine_has_what_the_tests_above_judge_by() -> None:
    assert shutil.which("man") is not None
