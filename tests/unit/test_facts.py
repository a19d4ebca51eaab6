"""Plans away from a host: with the facts of one, a folder gives the plan that the host itself would make."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bbhv.formats.jsontext import Json
from bbhv.kinds.credential import UNCHECKED
from bbhv.model import facts
from bbhv.model.facts import Facts
from bbhv.model.forecast import Has, digest
from bbhv.records import replace

from .model import FACTS, FILES, registration
from .test_formats_credblob import HOST as HOST_BLOB
from .test_output_schemas import problems, schema_of
from .test_plan import OLD
from .test_registration import SCHEMA as REGISTRATION

ROOT = Path(__file__).parents[2]
HOST = replace(FACTS, allow_file=True, host_name="host1")
TOLD = Facts(registration=registration(), host=HOST, has=Has(manifest=OLD.manifest, units=OLD.units, number=7))


def repository(folder: Path, **changes: bytes | None) -> Path:
    named = {name.replace("__", "/").replace("_", "."): data for name, data in changes.items()}
    for name, data in {**FILES, **named}.items():
        if data is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    return folder


def planned(folder: Path, told: object, *words: str) -> subprocess.CompletedProcess[str]:
    """What `bbhv plan` says away from every host, as nobody in particular."""
    (folder.parent / "facts.json").write_text(told if isinstance(told, str) else json.dumps(told))
    command = [sys.executable, "-m", "bbhv", "plan", f"--repository={folder}",
               f"--host-facts={folder.parent}/facts.json", *words]
    return subprocess.run(command, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                          timeout=60, capture_output=True, text=True, check=False)


def test_facts_are_told_as_the_schema_says_and_read_back_as_they_were() -> None:
    document = facts.to_json(TOLD)
    assert problems("facts", document) == []
    again, findings = facts.from_json("f", json.dumps(document).encode(), schema_of("facts"), REGISTRATION)
    assert again is not None and findings == ()
    assert again.host == replace(HOST, tools=again.host.tools) and again.registration.grants == TOLD.registration.grants
    assert again.has.manifest == OLD.manifest and again.has.number == 7
    assert again.has.units == {path: digest(text) for path, text in OLD.units.items()}
    nothing = replace(TOLD, has=Has())
    assert problems("facts", facts.to_json(nothing)) == [] and facts.to_json(nothing)["running"] is None


def test_nothing_is_told_of_other_tenants_or_of_how_to_fetch() -> None:
    host = replace(FACTS, uid_bases={**FACTS.uid_bases, "web.shop": 7}, offered={
        **FACTS.offered, "secret": replace(FACTS.offered["debian-13"], name="secret"),
    })  # fmt: skip
    document = json.dumps(facts.to_json(replace(TOLD, host=host)))
    assert "shop" not in document and "secret" not in document
    assert not {"fetch", "access", "credential"} & set(json.loads(document)["registration"])


def test_what_only_the_host_can_decrypt_is_named_as_not_checked(tmp_path: Path) -> None:
    web = FILES["containers/web.nspawn"] + b"Credential=key\n"
    files = {"containers__web_nspawn": web, "infrastructure__credentials__key_cred": HOST_BLOB}
    done = planned(repository(tmp_path / "one", **files), facts.to_json(TOLD))
    assert done.returncode == 0 and "credential:key=(unset) → " in done.stdout
    assert f"Not checked: {UNCHECKED}." in done.stdout
    for_others = {"containers__web_nspawn": web, "credentials__other__key_cred": HOST_BLOB}
    done = planned(repository(tmp_path / "two", **for_others), facts.to_json(TOLD))
    assert done.returncode == 3 and "for other hosts only" in done.stdout


def test_a_folder_gives_the_plan_of_the_host(tmp_path: Path) -> None:
    document = facts.to_json(TOLD)
    same = planned(repository(tmp_path / "same"), document)
    assert (same.returncode, same.stderr) == (0, "") and "nothing to do" not in same.stdout
    assert same.stdout.endswith("4 untouched; loses data: none\n")
    web = FILES["containers/web.nspawn"].replace(b"512M", b"1G")
    one = planned(repository(tmp_path / "one", containers__web_nspawn=web), document)
    assert one.returncode == 0 and "X-Bitbuilder.MemoryMax=512M → 1G (live)" in one.stdout
    new = planned(repository(tmp_path / "new", containers__new_nspawn=FILES["containers/db.nspawn"]), document)
    assert new.returncode == 0 and "start     container new" in new.stdout


def test_findings_and_guards_end_with_3_and_the_plan_is_there_where_it_can_be(tmp_path: Path) -> None:
    document = facts.to_json(TOLD)
    gone = planned(repository(tmp_path / "gone", containers__web_nspawn=None, containers__db_nspawn=None), document)
    assert gone.returncode == 3 and "BB601" in gone.stdout and "stop      container web" in gone.stdout
    bad = planned(repository(tmp_path / "bad", containers__web_nspawn=b"[Exec]\nBoot=ys\n"), document, "--json=short")
    assert bad.returncode == 3
    reply: Json = json.loads(bad.stdout)
    assert problems("plan", reply) == [] and "BB205" in bad.stdout
    comment = planned(tmp_path / "gone", document, "--format=markdown")
    assert comment.returncode == 3 and comment.stdout.startswith("### bbhv plan: `acme`\n")


def test_a_bare_repository_is_planned_at_its_branch(tmp_path: Path) -> None:
    work, bare = repository(tmp_path / "work"), tmp_path / "bare.git"
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b",
           "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-qm", "x")):
        subprocess.run(["git", "-C", work, *words], env=env, check=True, timeout=60)
    subprocess.run(["git", "clone", "-q", "--bare", work, bare], env=env, check=True, timeout=60)
    done = planned(bare, facts.to_json(TOLD))
    assert done.returncode == 0 and "4 untouched" in done.stdout


@pytest.mark.parametrize(("change", "said"), [
    ({"apiVersion": "v0"}, "BB104"), ({"tenant": "Acme"}, "BB104"), ({"more": 1}, "BB104"), ({"host": None}, "BB104"),
    ({"tenant": "shop"}, "BB502"), ({"registration": {"apiVersion": "bitbuilder.io/v1"}}, "BB104"),
    ({"running": {"generation": 1, "manifest": {"apiVersion": "bitbuilder.io/v1"}, "units": {}}}, "BB104"),
])  # fmt: skip
def test_what_are_no_facts_is_found(change: dict[str, Json], said: str, tmp_path: Path) -> None:
    done = planned(repository(tmp_path / "it"), {**facts.to_json(TOLD), **change})
    assert done.returncode == 3 and said in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("text", ["", "{", "[" * 100, '"\x1b[31m"', " " * (5 << 20)])
def test_what_is_no_document_is_found(text: str, tmp_path: Path) -> None:
    done = planned(repository(tmp_path / "it"), text)
    assert done.returncode == 3 and "error[BB10" in done.stdout and "\x1b" not in done.stdout


@pytest.mark.parametrize(("words", "said"), [
    (("--repository=.",), "needs --repository= and --host-facts="),
    (("acme", "--repository=.", "--host-facts=f"), "and no tenant"),
    (("--repository=/nope",), "no tenant: the facts name it. The folder /nope does not exist."),
])  # fmt: skip
def test_half_a_question_is_wrong_usage(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "bbhv", "plan", *words], cwd=tmp_path, timeout=60, check=False,
                          env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert done.returncode == 2 and said in done.stderr


def test_everything_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
    words = ("--repository=/nope", "--host-facts=/no")
    done = subprocess.run([sys.executable, "-m", "bbhv", "plan", *words], cwd=tmp_path, timeout=60, check=False,
                          env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert done.returncode == 5 and "The folder /nope does not exist. /no does not exist.\n" in done.stderr
