"""A system repository, alone and with the repositories of its tenants: a whole host, checked on a laptop."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bbhv.cli.main import run
from bbhv.findings import Finding, Place
from bbhv.kinds.credential import UNCHECKED
from bbhv.model import fleet
from tests.unit import model
from tests.unit.test_formats_credblob import HOST

SCHEMAS = fleet.Schemas(
    metadata=model.METADATA_SCHEMA, registration=model.load_schema("registration"), system=model.load_schema("system")
)
SYSTEM = b'{"apiVersion": "bitbuilder.io/v1"}'
WEB = "[Exec]\nBoot=yes\n[X-Bitbuilder]\nImage=debian-13\n"
BRIDGE = "[NetDev]\nName=lan\nKind=bridge\n"
SUBNET = "[Match]\nName=lan\n[Network]\nAddress=10.77.{}.1/24\n"
GRANTS = {"cpus": 2, "memory": "2G", "tasks": 100, "containers": 2, "images": ["debian-*"], "subnets": ["10.77.0.0/16"]}

Run = Callable[..., tuple[int, list[str], str]]


def registration(tenant: str, grants: object = None, **more: object) -> str:
    value = {"apiVersion": "bitbuilder.io/v1", "tenant": tenant, "repository": f"https://x.example/{tenant}.git",
             "trust": {"commits": "unsigned"}, "grants": grants or {}, **more}  # fmt: skip
    return json.dumps(value, indent=1)


def seen(**files: str) -> list[str]:
    """The findings about a system repository with these registrations and other files."""
    texts = {name: text.encode() for name, text in files.items()}
    _, findings = fleet.read_system({"system.json": SYSTEM, **texts}, SCHEMAS)
    return [f"{one.place}: {one.severity}[{one.code}]: {one.message}" for one in findings]


@pytest.fixture
def bbhv(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Calls the program from an empty folder: its exit status, its lines, and what it complains of."""

    def call(*words: str) -> tuple[int, list[str], str]:
        os.chdir(tmp_path)
        status = run(list(words))
        said = capsys.readouterr()
        return status, said.out.splitlines(), said.err

    return call


def write(top: Path, **files: str) -> Path:
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return top


def system(top: Path, **registrations: str) -> Path:
    write(top, **{"system.json": SYSTEM.decode()})
    return write(top, **{f"tenants/{name}.json": text for name, text in registrations.items()})


def tenant(top: Path, name: str, **files: str) -> Path:
    metadata = json.dumps({"apiVersion": "bitbuilder.io/v1", "tenant": name})
    return write(top, **{"metadata.json": metadata, "containers/web.nspawn": WEB, **files})


# A system repository alone


def test_every_place_of_the_format_is_known_and_files_for_people_are_left_alone() -> None:
    release = {"host/extensions/sysext/tools/usr/lib/extension-release.d/extension-release.tools": "ID=_any\n"}
    text = f"[Image]\nSource=file:///srv/c.raw\nSHA256={'5' * 64}\nFormat=raw\n"
    image = {"host/extensions/confext/conf.image": text}
    found = seen(**{"tenants/acme.json": registration("acme"), "README.md": "", "docs/x": "", ".gitignore": ""},
                 **release, **image)  # fmt: skip
    assert [one for one in found if "error" in one] == []
    texts = {name: text.encode() for name, text in {**release, **image}.items()}
    assert fleet.read_system(texts, SCHEMAS)[0].extensions == 2


@pytest.mark.parametrize(("path", "hint"), [
    ("tenant/acme.json", "Did you mean tenants?"),
    ("tenants/acme.yaml", "Files here are tenants/NAME.json."),
    ("tenants/eu/acme.json", "Files here are tenants/NAME.json."),
    ("host/extension/sysext/a.image", "Files here are host/extensions/sysext/NAME.image, "),
    ("host/extensions/sysext/a.raw", "Files here are host/extensions/sysext/NAME.image, "),
    ("system.jsn", "Did you mean system.json?"),
])
def test_a_file_without_a_place_is_a_warning_that_says_where_it_might_go(path: str, hint: str) -> None:
    _, findings = fleet.read_system({"system.json": SYSTEM, path: b"{}"}, SCHEMAS)
    (one,) = findings
    assert (one.code, one.severity, one.place.file) == ("BB108", "warning", path) and one.hint.startswith(hint), one


def test_a_tenant_in_two_registrations_is_an_error_also_when_one_of_them_has_others() -> None:
    wrong = registration("acme", {"cpus": -1})
    found = seen(**{"tenants/acme.json": wrong, "tenants/other.json": registration("acme")})
    assert "tenants/other.json:3:12: error[BB501]: Tenant acme is registered in tenants/acme.json already." in found
    assert any(one.startswith("tenants/acme.json:") and "BB104" in one for one in found)
    assert any(one.startswith("tenants/other.json:3:12: error[BB502]") for one in found)


@pytest.mark.parametrize(("more", "code"), [
    ({"tenant": "shop"}, "BB502"), ({"tenant": "Acme"}, "BB104"), ({"branch": "-x"}, "BB104"),
    ({"hosts": ["a b"]}, "BB104"), ({"repository": "ssh://x.example/../y"}, "BB504"), ({"state": "off"}, "BB104"),
    ({"trust": {"commits": "signed"}}, "BB104"),
])  # fmt: skip
def test_what_a_registration_cannot_say(more: dict[str, object], code: str) -> None:
    text = json.dumps({**json.loads(registration("acme")), **more})
    assert [one.partition("[")[2][:5] for one in seen(**{"tenants/acme.json": text})] == [code]


def test_what_is_wrong_with_a_host_extension_is_found() -> None:
    found = seen(**{"host/extensions/sysext/a.image": "[Image]\nSource=x\n", "host/extensions/sysext/B_/usr/x": ""})
    assert any(one.startswith("host/extensions/sysext/a.image:2:8: error[BB205]") for one in found)
    assert any(one.startswith("host/extensions/sysext/B_: error[BB107]") for one in found)


def test_defaults_count_and_their_errors_are_theirs() -> None:
    files = {"system.json": b'{"apiVersion": "bitbuilder.io/v1", "defaults": {"grants": {"containers": 3}}}',
             "tenants/acme.json": registration("acme").encode()}  # fmt: skip
    found, findings = fleet.read_system(files, SCHEMAS)
    assert findings == () and found.registrations["acme"].grants.containers == 3
    files["system.json"] = b'{"apiVersion": "bitbuilder.io/v1", "defaults": {"grants": {"containers": -3}}}'
    assert [one.place for one in fleet.read_system(files, SCHEMAS)[1]] == [Place("system.json", 1, 74)]


def test_a_signer_whom_nothing_describes_is_a_warning() -> None:
    trust = {"commits": "signed", "signers": ["release"]}
    found = seen(**{"tenants/acme.json": registration("acme", trust=trust)})
    assert [one.partition(": ")[2] for one in found] == ["warning[BB301]: Nothing in trust/ says who release is."]
    below = "trust/bitbuilder/tenant-config/release"
    same = seen(**{"tenants/acme.json": registration("acme", trust=trust), f"{below}/README.md": ""})
    assert same == found, "words about a signer are no key"
    key = (Path(__file__).parent / "fixtures/formats/signatures/ssh.pub").read_text()
    name = "a172ff319362b0af14b26279a74169ee1f31b9f638705d9692888d32a7b26b63"
    files = {f"{below}/ssh/{name}.pub": key, "tenants/acme.json": registration("acme", trust=trust)}
    assert seen(**files) == []
    files["tenants/acme.json"] = registration("acme", trust={**trust, "revoked": [name]})
    (gone,) = seen(**files)
    assert "warning[BB503]: Every key of the signers that is in trust/ is revoked." in gone


def test_what_two_tenants_are_granted_is_a_warning_at_the_line_of_the_second() -> None:
    grants = {"ports": ["udp:53", "tcp:80-90"], "subnets": ["10.0.0.0/24"]}
    one = registration("a", {"ports": ["tcp:85"]})
    found = seen(**{"tenants/a.json": one, "tenants/b.json": registration("b", grants)})
    assert found == [
        "tenants/b.json:11:4: warning[BB305]: tcp:80-90 of tenant b overlaps tcp:85 of tenant a (tenants/a.json:10:4)."
    ]
    apart = {"a": registration("a", grants, hosts=["one"]), "b": registration("b", grants, hosts=["two"])}
    assert seen(**{f"tenants/{name}.json": text for name, text in apart.items()}) == []


def test_too_many_registrations_are_not_read() -> None:
    files = {f"tenants/t{n}.json": b'{"tenant": "t%d"}' % n for n in range(fleet.MAX_REGISTRATIONS + 5)}
    _, findings = fleet.read_system(files, SCHEMAS)
    assert [one.code for one in findings].count("BB110") == 1


# With its tenants


def test_a_whole_host_is_proven_and_says_what_was_not(bbhv: Run, tmp_path: Path) -> None:
    system(tmp_path / "system", acme=registration("acme", GRANTS), shop=registration("shop", {**GRANTS, "subnets": []}))
    tenant(tmp_path / "all/acme", "acme", **{"network/lan.netdev": BRIDGE, "network/lan.network": SUBNET.format(0)})
    tenant(tmp_path / "all/tenant-shop", "shop")
    status, lines, _ = bbhv("validate", "system", "--tenants=all")
    assert status == 0 and lines[-3:] == [
        "Checked together: 2 tenants, 2 containers, 1 network.",
        "Not checked: signatures; whether the host offers the images.",
        lines[-1],
    ]
    assert bbhv("validate", "system")[1][-2:] == [
        "Not checked: the tenants' repositories (no --tenants= was given); signatures.", "No findings."
    ]


def test_tenants_are_checked_by_their_own_grants_and_against_each_other(bbhv: Run, tmp_path: Path) -> None:
    grants = {**GRANTS, "containers": 1}
    system(tmp_path / "system", acme=registration("acme", GRANTS), shop=registration("shop", grants))
    lan = {"network/lan.netdev": BRIDGE, "network/lan.network": SUBNET.format(0)}
    tenant(tmp_path / "all/acme", "acme", **lan)
    tenant(tmp_path / "all/shop", "shop", **lan, **{"containers/zoo.nspawn": WEB})
    status, lines, _ = bbhv("validate", "system/", "--tenants", "./all")
    errors = [line for line in lines if ": error[" in line]
    assert status == 3 and len(errors) == 2
    assert errors[0].startswith("all/shop/containers/zoo.nspawn: error[BB401]: Container zoo is number 2, but 1 ")
    assert errors[1].startswith(
        "all/shop/network/lan.network:4:9: error[BB305]: 10.77.0.0/24 of tenant shop is also that of tenant acme "
        "(all/acme/network/lan.network:4:9)."
    )
    assert [line for line in lines if line.startswith("system/tenants/shop.json:") and "BB305" in line]


def test_a_tenant_that_is_not_there_is_a_warning_and_an_absent_one_is_not_looked_for(bbhv: Run, tmp_path: Path) -> None:
    system(tmp_path / "system", acme=registration("acme"), gone=registration("gone", state="absent"))
    (tmp_path / "all").mkdir()
    status, lines, _ = bbhv("validate", "system", "--tenants=all")
    assert status == 0 and lines[0] == (
        "system/tenants/acme.json:4:16: warning[BB506]: There is no repository of tenant acme to check. "
        "hint: Looked for all/acme, all/tenant-acme, all/acme.git, all/tenant-acme.git."
    )
    assert lines[1] == "Checked together: 0 tenants."


def git(folder: Path, *words: str) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": "/dev/null"}
    who = ("-c", "user.name=A", "-c", "user.email=a@b")
    subprocess.run(["git", "-C", folder, *who, *words], env=env, check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_a_bare_repository_is_read_at_its_registered_branch(bbhv: Run, tmp_path: Path, kind: str) -> None:
    system(tmp_path / "system", acme=registration("acme", GRANTS, branch="live"))
    work = tenant(tmp_path / "work", "acme")
    git(work, "init", "-q", "-b", "live", f"--object-format={kind}")
    git(work, "add", "-A")
    git(work, "commit", "-qm", "x")
    git(work, "checkout", "-qb", "main")
    tenant(work, "acme", **{"containers/web.nspawn": WEB + "Nonsense=1\n"})
    git(work, "commit", "-qam", "x")
    (tmp_path / "all").mkdir()
    git(tmp_path, "clone", "-q", "--bare", "work", "all/acme.git")
    status, lines, error = bbhv("validate", "system", "--tenants=all")
    assert (status, error) == (0, "") and "1 container" in lines[-3]
    git(tmp_path / "all/acme.git", "update-ref", "refs/heads/live", "refs/heads/main")
    status, lines, _ = bbhv("validate", "system", "--tenants=all")
    assert status == 3 and lines[0].startswith("all/acme.git/containers/web.nspawn:5:1: error[BB202]")
    git(tmp_path / "all/acme.git", "update-ref", "-d", "refs/heads/live")
    status, lines, _ = bbhv("validate", "system", "--tenants=all")
    assert status == 0 and "warning[BB506]: all/acme.git has no branch live." in lines[0]


def test_one_tenant_that_cannot_be_read_does_not_keep_the_others_from_being_checked(bbhv: Run, tmp_path: Path) -> None:
    system(tmp_path / "system", acme=registration("acme", GRANTS), shop=registration("shop", GRANTS))
    tenant(tmp_path / "all/shop", "shop", **{"containers/web.nspawn": "[Exec]\n"})
    for name in ("objects", "refs"):
        (tmp_path / "all/acme" / name).mkdir(parents=True)
    (tmp_path / "all/acme/HEAD").write_text("nonsense")
    status, lines, error = bbhv("validate", "system", "--tenants=all")
    assert status == 3 and error == ""
    assert any("system/tenants/acme.json:4:16: warning[BB506]" in line for line in lines)
    assert any("all/shop/containers/web.nspawn" in line for line in lines)


WRONG = {
    "system system --tenants=all": "--tenants= takes one system repository, and the registrations are in it.",
    "system --tenants=all --registration=system/tenants/acme.json":
        "--tenants= takes one system repository, and the registrations are in it.",
    "all/acme --tenants=all": "all/acme is not a system repository: it has neither system.json nor a folder tenants.",
    "system --registration=system/tenants/acme.json":
        "system is a system repository; --registration= is for a tenant's.",
}  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
def test_what_does_not_go_together_is_said(bbhv: Run, tmp_path: Path, words: str) -> None:
    system(tmp_path / "system", acme=registration("acme"))
    tenant(tmp_path / "all/acme", "acme")
    status, lines, error = bbhv("validate", *words.split())
    assert (status, lines) == (2, []) and error.startswith(f"bbhv: {WRONG[words]}\n      ")


def test_a_folder_of_tenants_that_is_not_there_is_said(bbhv: Run, tmp_path: Path) -> None:
    system(tmp_path / "system")
    assert bbhv("validate", "system", "--tenants=nowhere")[0::2] == (5, (
        "bbhv: The folder nowhere does not exist.\n      --tenants= is the folder of the tenants' repositories.\n"
    ))


def test_the_defaults_of_the_system_repository_count_for_its_registrations(bbhv: Run, tmp_path: Path) -> None:
    system(tmp_path / "system", acme=registration("acme"))
    tenant(tmp_path / "acme", "acme")
    assert bbhv("validate", "acme", "--registration=system/tenants/acme.json")[0] == 3
    text = json.dumps({"apiVersion": "bitbuilder.io/v1", "defaults": {"grants": GRANTS}})
    write(tmp_path / "system", **{"system.json": text})
    assert bbhv("validate", "acme", "--registration=system/tenants/acme.json")[0] == 0


def test_places_begin_with_the_folder_as_it_was_typed() -> None:
    one = Finding(Place("a/b", 2), "BB108", "x")
    for folder, expected in (("x", "x/a/b"), ("./x/", "x/a/b"), ("/x", "/x/a/b"), ("../x", "../x/a/b"), (".", "a/b")):
        assert fleet.inside(folder, one).place == Place(expected, 2)


def test_what_is_not_compared_because_of_errors_is_named(bbhv: Run, tmp_path: Path) -> None:
    system(tmp_path / "system", acme=registration("acme", GRANTS), shop=registration("shop", GRANTS))
    tenant(tmp_path / "all/acme", "acme")
    tenant(tmp_path / "all/shop", "other")
    status, lines, _ = bbhv("validate", "system", "--tenants=all")
    assert status == 3 and "Checked together: 2 tenants, 1 container." in lines
    assert any(line.startswith("Not checked: what collides with shop (its repository has errors); ") for line in lines)


def test_what_only_the_host_knows_of_a_credential_is_said_where_there_is_one(bbhv: Run, tmp_path: Path) -> None:
    tenant(tmp_path / "all/acme", "acme")
    assert UNCHECKED not in bbhv("validate", "all/acme")[1][-2]
    blob = {"infrastructure/credentials/password.cred": HOST.decode()}
    tenant(tmp_path / "all/acme", "acme", **blob)
    assert bbhv("validate", "all/acme")[1][-2] == f"Not checked: the grant (no --registration= was given); {UNCHECKED}."
    system(tmp_path / "system", acme=registration("acme", GRANTS))
    said = bbhv("validate", "system", "--tenants=all")[1][-2]
    assert said == f"Not checked: signatures; whether the host offers the images; {UNCHECKED}."


def test_what_a_walk_did_not_reach_is_not_called_missing(bbhv: Run, tmp_path: Path) -> None:
    tenant(tmp_path / "acme", "acme", **{"containers/web.nspawn": f"{WEB}Volume=data:/srv\n"})
    assert any("BB301" in line for line in bbhv("validate", "acme")[1])
    for number in range(17):
        write(tmp_path / "acme", **{f"docs/{number}": "x" * (1 << 20)})
    lines = bbhv("validate", "acme")[1]
    assert any("BB110" in line for line in lines) and not any("BB301" in line or "BB109" in line for line in lines)
