"""What people see of a host: without the right to, on a terminal, in a pipe, interrupted, with wrong names."""

import json
import os
import pty
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .conftest import SETTINGS, Make
from .support import REGISTRATIONS, run, wait_until
from .world import container, never_healthy

STRANGER = ("setpriv", "--reuid=9", "--regid=9", "--clear-groups")
SOMEBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.mark.parametrize("verb", ["doctor", "facts acme", "console web.acme", "shell web.acme", "plan --fetch acme",
                                  "boot", "serve", "reload", "sync --backoff", "volume export acme data"])
def test_what_is_for_root_alone_is_said_in_one_sentence(verb: str) -> None:
    done = run([*SOMEBODY, "bbhv", *verb.split()], check=False)
    assert (done.returncode, done.stdout) == (4, "")
    name = " ".join(word for word in verb.split()[:2] if word not in ("acme", "web.acme"))
    looks = name.split()[0] in ("plan", "facts", "doctor", "console", "shell")
    why = "what the tenants run is for root's eyes only" if looks else "it changes what runs on this host"
    assert done.stderr.splitlines() == [
        f"bbhv: bbhv {name} needs root: {why}.",
        "      Run it with sudo or run0.",
    ]


@pytest.mark.parametrize("verb", ["list", "status", "status acme", "history acme", "sync", "apply acme", "plan",
                                  "rollback acme", "confirm acme", "suspend acme", "resume acme", "purge acme --yes",
                                  "logs web.acme", "volume list acme", "credential encrypt acme key"])
def test_somebody_without_the_right_to_gets_one_sentence(verb: str) -> None:
    done = run([*STRANGER, "bbhv", *verb.split()], check=False)
    assert (done.returncode, done.stdout) == (4, "")
    name, of = verb.split()[0], " of acme" if "acme" in verb else ""
    hint = f'"access" {"in its registration does not name" if of else "of no registration names"} uid 9.'
    if name in ("suspend", "resume", "purge"):
        hint = "It is for operators: root, and the group of OperatorsGroup= in bitbuilder.conf."
    assert done.stderr.splitlines() == [
        f"bbhv: bbhv {name}{of} is refused to uid 9.",
        f"      {hint}",
    ]


def test_who_has_no_name_here_is_not_listened_to() -> None:
    done = run([*SOMEBODY, "bbhv", "list"], check=False)
    assert (done.returncode, done.stdout) == (1, "") and "The service hung up without a reply." in done.stderr


def test_somebody_can_make_and_check_repositories(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    assert run([*SOMEBODY, "bbhv", "init", home / "acme"]).returncode == 0
    assert "No findings." in run([*SOMEBODY, "bbhv", "validate", home / "acme"]).stdout
    done = run([*SOMEBODY, "bbhv", "init", tmp_path / "acme"], check=False)
    assert done.returncode == 4 and done.stderr == f"bbhv: {tmp_path}/acme: Permission denied.\n"
    (home / "acme/metadata.json").chmod(0o000)
    os.chown(home / "acme/metadata.json", 0, 0)
    done = run([*SOMEBODY, "bbhv", "validate", home / "acme/metadata.json"], check=False)
    assert done.returncode == 4 and "Permission denied" in done.stderr


def test_none_one_and_many_tenants(make: Make) -> None:
    assert "No tenant is registered on this host." in run(["bbhv", "list"]).stdout
    assert run(["bbhv", "list", "--no-legend"]).stdout == ""
    assert json.loads(run(["bbhv", "status", "--json=short"]).stdout) == {"tenants": []}
    assert "bitbuilder.conf" in run(["bbhv", "status"]).stdout
    acme = make("acme")
    assert run(["bbhv", "list"]).stdout.endswith("\n1 tenant listed.\n")
    assert "Last sync: never" in run(["bbhv", "status"]).stdout
    acme.commit(web=container())
    acme.sync()
    shop = make("shop")
    shop.commit(web=container("Nonsense=yes"))
    shop.sync(status=3)
    assert "shop: refused" in shop.said and "web.nspawn:" in shop.said
    listed = run(["bbhv", "list"]).stdout.splitlines()
    assert [line.split()[0] for line in listed if line] == ["TENANT", "acme", "shop", "2"]
    shown = run(["bbhv", "status"]).stdout
    assert "● acme  active" in shown and "Findings: containers/web.nspawn:" in shown and "Did you mean" not in shown
    assert json.loads(run(["bbhv", "status", "shop", "acme", "-j"]).stdout)["tenants"][0]["id"] == "shop"
    for words, status in (("status acme nope", 5), ("status nope", 5), ("history nope", 5), ("sync nope", 5),
                          ("rollback acme --to=7", 5), ("rollback acme --to=x", 2), ("sync Nope", 2)):
        done = run(["bbhv", *words.split()], check=False)
        assert done.returncode == status and done.stderr.startswith("bbhv: "), words
        assert ("● acme" in done.stdout) == (words == "status acme nope")
    for verb in ("status", "history", "plan", "sync", "apply", "rollback", "confirm", "suspend", "facts"):
        for name, hint in (("acm", "Did you mean acme?"), ("nope", "bbhv list shows the tenants.")):
            said = f"bbhv: This host has no tenant {name}.\n      {hint}\n"
            assert run(["bbhv", verb, name], check=False).stderr == said, verb


JUDGE = """
import json, sys
sys.path.insert(0, "/usr/bin/bbhv")
from bbhv.formats.schema.compiler import compile_schema
with open("/usr/lib/bitbuilder/schemas/output.schema.json", encoding="utf-8") as file:
    defined = json.load(file)["$defs"]
schema = compile_schema({"$ref": f"#/$defs/{sys.argv[1]}", "$defs": defined})
print([f"{one.path}: {one.message}" for one in schema.problems(json.load(sys.stdin))])
"""


def judged(verb: str, *words: str, input: str = "") -> dict[str, Any]:
    """What a verb says as JSON, which must have the form that its schema gives it."""
    done = run(["bbhv", verb, *words, "--json=short"], check=False, input=input, timeout=120)
    assert run(["python3", "-IS", "-c", JUDGE, verb], input=done.stdout).stdout == "[]\n", (verb, words, done)
    reply = json.loads(done.stdout)
    assert isinstance(reply, dict)
    return reply


def told(verb: str, *words: str) -> list[dict[str, object]]:
    """What a verb lists as JSON."""
    listed, *_ = judged(verb, *words).values()  # a history has the quarantined commits besides
    return list(listed)


def test_every_verb_that_looks_or_changes_answers_in_json(make: Make) -> None:
    acme = make("acme")
    assert [one["outcome"] for one in told("list")] == [None]
    acme.commit(web=container())
    acme.sync()
    acme.commit(web=container("MemoryMax=90M"))
    for verb in ("sync", "apply", "rollback"):
        one, known = told(verb, "acme")[0], told("status", "acme")[0]
        assert one.keys() == known.keys() and one["id"] == "acme" and one["workloads"] == known["workloads"]
        assert (one["generation"], one["commit"]) == (known["generation"], known["commit"])
    assert [row["generation"] for row in told("history", "acme")] == [2, 1]
    assert all(bool(one["hint"]) <= (not one["ok"]) for one in told("doctor"))
    acme.commit(web=container("MemoryMax=lots"))
    assert told("sync", "acme")[0]["outcome"] == told("list")[0]["outcome"] == "refused"


def test_what_changes_and_what_makes_things_answers_in_json_too(make: Make) -> None:
    acme = make("acme")
    files = {**acme.files(web=container("Volume=data:/srv")), "infrastructure/data.volume": "[Volume]\nSize=1M\n"}
    acme.repo.commit(files)
    assert judged("plan", "--fetch", "acme")["plans"][0]["outcome"] == "applied"
    acme.sync()
    assert judged("facts", "acme")["tenant"] == "acme" and told("history", "acme")
    assert judged("volume", "snapshot", "acme", "data", "before")["clean"] is False
    assert judged("volume", "list", "acme")["volumes"][0]["snapshots"] == ["before"]
    assert judged("volume", "discard", "acme", "data", "before")["volumes"][0]["snapshots"] == []
    assert judged("credential", "encrypt", "acme", "key", input="x")["name"] == "key"
    word = json.dumps({**json.loads(files["metadata.json"] or ""), "lifecycle": {"confirmWithinSec": 600}})
    acme.repo.commit({"metadata.json": word, "containers/web.nspawn": container("Volume=data:/srv", "MemoryMax=90M")})
    assert told("sync", "acme")[0]["outcome"] == told("status")[0]["outcome"] == "held"
    assert judged("status")["tenants"][0]["confirmUSec"] and judged("plan", "acme")["plans"][0]["outcome"] == "held"
    assert told("confirm", "acme")[0]["outcome"] == "applied"
    run(["systemctl", "stop", acme.unit("web")])
    assert [one["kind"] for one in judged("status", "acme")["tenants"][0]["drift"]] == ["stopped"]
    steps = (("suspend", "suspended"), ("sync", "suspended"), ("resume", "applied"), ("resume", "unchanged"))
    for verb, outcome in steps:
        assert told(verb, "acme")[0]["outcome"] == outcome, verb
    acme.repo.commit({"containers/web.nspawn": never_healthy(), "metadata.json": files["metadata.json"]})
    assert [told("sync", "acme")[0]["outcome"] for _ in range(2)] == ["rolled-back", "quarantined"]
    assert judged("history", "acme")["quarantined"] and told("plan", "acme")[0]["outcome"] == "quarantined"
    (REGISTRATIONS / "acme.json").unlink()
    run(["systemctl", "reload", "tenant-manager"], timeout=120)
    assert judged("purge", "acme", "--yes")["removed"] == [str(acme.folder)] and told("list") == []


def test_each_screen_says_what_to_do_next_and_that_works(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    unit = acme.unit("web")
    run(["systemctl", "mask", "--runtime", unit])
    hint = f"systemctl unmask --runtime {unit}"
    assert hint in run(["bbhv", "status", "acme"]).stdout
    run(hint.split())
    assert "Drift" not in run(["bbhv", "status", "acme"]).stdout
    acme.commit(web=never_healthy())
    assert acme.sync(status=1) == "rolled-back" and acme.sync(status=1) == "quarantined"
    again = "Push a newer commit, or try this one once more: bbhv sync --allow-rewind acme"
    assert acme.said.splitlines()[1].strip() == again and again in run(["bbhv", "status", "acme"]).stdout
    assert acme.said.splitlines()[1].strip() == again and again in run(["bbhv", "plan", "acme"], check=False).stdout
    run(["systemctl", "stop", unit])
    assert acme.sync(status=1) == "quarantined" and acme.said.splitlines()[-1].strip() == again
    assert run(["bbhv", "sync", "--allow-rewind", "acme"], check=False).stdout.count("rolled-back") == 1
    run(["systemctl", "stop", "tenant@acme"], timeout=120)
    start = "systemctl start tenant@acme"
    acme.commit(web=container())
    for words in ("status acme", "resume acme", "sync acme", "apply acme"):
        assert run(["bbhv", *words.split()]).stdout.count(start) == 1, words
    assert run(["bbhv", "status", "acme"]).stdout.count(start) == 1
    run(start.split(), timeout=120)
    assert start not in run(["bbhv", "status", "acme"]).stdout and acme.state("web") == "active"


def test_without_systemd_as_in_a_chroot_there_is_a_way_on(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    rescue = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /run; exec bbhv \"$@\"", "bbhv"]
    for verb in ("status", "list", "sync"):
        done = run([*rescue, verb], check=False)
        assert done.returncode == 1 and "bbhv history TENANT and bbhv doctor need none." in done.stderr, verb
    assert "current good" in run([*rescue, "history", "acme"]).stdout
    assert "systemd is not PID 1" in run([*rescue, "doctor"], check=False).stdout


def test_a_setting_that_is_passed_over_is_said_by_whoever_goes_by_it(make: Make) -> None:
    make("acme")
    place = SETTINGS.parent / "bitbuilder.conf.d/50-odd.conf"
    place.parent.mkdir(exist_ok=True)
    place.write_text("[System]\nRepositry=x\n")
    try:
        done = run(["bbhv", "sync", "acme", "--json=short"], check=False)
    finally:
        place.unlink()
    assert f"{place}:2:1: warning[BB202]: [System] Repositry= is not a setting" in done.stderr
    assert json.loads(done.stdout)["tenants"][0]["id"] == "acme"


def test_a_hold_and_a_suspension_are_shown(make: Make) -> None:
    acme = make("acme")
    for line in ("MemoryMax=80M", "MemoryMax=90M"):
        acme.commit(web=container(line))
        acme.sync()
    run(["bbhv", "rollback", "acme"])
    assert "Hold: rollback by root" in run(["bbhv", "status", "acme"]).stdout
    registered = REGISTRATIONS / "acme.json"
    registered.write_text(registered.read_text().replace('"enabled"', '"suspended"'))
    assert "Registration: suspended" in run(["bbhv", "status", "acme"]).stdout


def test_colours_are_for_terminals(make: Make) -> None:
    make("acme")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(["bbhv", "list"], stdin=theirs, stdout=theirs, env=environment) as process:
        os.close(theirs)
        assert b"\x1b[1mTENANT" in os.read(ours, 65536)
        assert process.wait(30) == 0
    os.close(ours)
    assert "\x1b" not in run(["bbhv", "list"], env={"TERM": "xterm"}).stdout


def test_a_reader_that_leaves_is_no_error(make: Make) -> None:
    make("acme")
    for verb in ("list", "status", "doctor"):
        done = run(["bash", "-c", f"set -o pipefail; bbhv {verb} | head -c 0"], check=False)
        assert done.stderr == "" and (done.returncode == 0 or verb == "doctor"), verb


def test_an_interrupted_sync_says_one_line_and_the_next_one_settles_it(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    good = acme.leader("web")
    acme.commit(web=container("HealthStableSec=50", exec=("Environment=A=1",)).replace("HealthStableSec=0\n", ""))
    argv = ["env", "--default-signal=INT", "bbhv", "sync", "acme"]  # a shell's background jobs ignore it
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        wait_until("the trial runs", lambda: acme.leader("web") not in (0, good))
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "bbhv: Interrupted.\n")
    assert "on trial; 1 is good" in run(["bbhv", "status", "acme"]).stdout
    acme.commit(web=container())
    acme.sync()
    assert "on trial" not in run(["bbhv", "status", "acme"]).stdout


def test_bash_completes_the_names_of_tenants(make: Make) -> None:
    make("acme")
    make("shop")
    script = "source /usr/share/bash-completion/completions/bbhv; COMP_WORDS=(bbhv status s); COMP_CWORD=2; _bbhv; "
    assert run(["bash", "--norc", "-c", script + 'echo "${COMPREPLY[*]}"']).stdout == "shop\n"


def test_the_manual_came_with_the_product() -> None:
    for page in ("man1/bbhv.1", "man5/bbhv.tenant.5", "man5/bbhv.system.5", "man7/bbhv-findings.7"):
        assert (Path("/usr/share/man") / page).read_text().startswith(".TH BBHV")
    assert "MemoryMax=" in run(["bbhv", "help", "bbhv.container"]).stdout


def test_the_scripts_of_the_old_names_are_there(tmp_path: Path) -> None:
    run(["bbhv", "init", tmp_path / "acme"])
    scripts = Path("/usr/lib/bitbuilder/scripts")
    run([scripts / "validate-template.sh", tmp_path / "acme"])
    run([scripts / "validate-metadata.sh", tmp_path / "acme/metadata.json"])
