"""Registrations: what a file says, over the defaults, and which file counts when there are several."""

import json

import pytest

from bbhv.findings import Finding, Place
from bbhv.formats.jsontext import Json
from bbhv.model.registration import (
    Fetch,
    Grants,
    Registration,
    SystemConfig,
    Trust,
    for_host,
    merge,
    parse_registration,
    parse_system,
)

from .model import load_schema, told

SCHEMA = load_schema("registration")
SYSTEM = load_schema("system")
LEAST: dict[str, Json] = {
    "apiVersion": "bitbuilder.io/v1",
    "tenant": "acme",
    "repository": "https://git.example.com/acme.git",
}


def parse(defaults: Json = None, **more: Json) -> tuple[Registration | None, list[str]]:
    text = json.dumps({**LEAST, **more}, indent=0).encode()
    found, findings = parse_registration("tenants/acme.json", text, SCHEMA, defaults=defaults)
    return found, told(findings)


def test_the_least_registration_grants_nothing_and_wants_signatures() -> None:
    found, findings = parse()
    assert findings == []
    assert found == Registration(
        tenant="acme",
        repository="https://git.example.com/acme.git",
        branch="main",
        state="enabled",
        trust=Trust.SIGNED,
        hosts=("*",),
        grants=Grants(),
        fetch=None,
        source=Place("tenants/acme.json"),
    )


def test_everything_that_is_said_is_kept() -> None:
    found, findings = parse(
        branch="prod",
        state="suspended",
        trust={"commits": "strict", "signers": ["acme-release"]},
        hosts=["eu-*"],
        access={"users": ["alice"], "groups": ["acme"]},
        fetch={"credential": "git.acme", "user": "deploy", "knownHosts": ["h ssh-ed25519 AAAA"], "ca": None},
        grants={
            "cpus": 0.5, "memory": "4G", "tasks": 4096, "storage": 1024, "machines": 4, "containers": 16,
            "images": ["debian-*"], "imageSources": ["https://Images.example.com/"], "mountImages": True,
            "subnets": ["10.77.0.0/24"], "vlans": [7], "uplinks": ["eth0"], "ports": ["tcp:8080-8090"],
            "internet": True, "serviceProfiles": ["strict"], "emulation": True,
        },
    )  # fmt: skip
    assert findings == []
    assert found is not None
    assert (found.branch, found.state) == ("prod", "suspended")
    assert (found.trust, found.signers) == (Trust.STRICT, ("acme-release",))
    assert (found.hosts, found.access_users, found.access_groups) == (("eu-*",), ("alice",), ("acme",))
    assert found.fetch == Fetch(credential="git.acme", user="deploy", known_hosts=("h ssh-ed25519 AAAA",))
    assert found.grants == Grants(
        cpus=0.5, memory=4 << 30, tasks=4096, storage=1024, machines=4, containers=16, images=("debian-*",),
        image_sources=("https://images.example.com/",), mount_images=True, subnets=("10.77.0.0/24",), vlans=(7,),
        uplinks=("eth0",), ports=("tcp:8080-8090",), internet=True, service_profiles=("strict",), emulation=True,
    )  # fmt: skip


def test_defaults_are_below_what_a_registration_says() -> None:
    defaults: Json = {"branch": "stable", "grants": {"memory": "1G", "tasks": 10}, "trust": {"commits": "unsigned"}}
    found, findings = parse(defaults, grants={"memory": "2G"})
    assert findings == []
    assert found is not None
    assert (found.branch, found.trust) == ("stable", Trust.UNSIGNED)
    assert (found.grants.memory, found.grants.tasks, found.grants.cpus) == (2 << 30, 10, None)


@pytest.mark.parametrize(
    "url",
    ["http://h/x", "git@h:x", "https://u@h/x", "https://h/../x", "ext::id", "-x", "--upload-pack=id", "file://h/x"],
)
def test_a_repository_url_that_could_do_harm_is_refused(url: str) -> None:
    found, findings = parse(repository=url)
    assert found is None
    assert findings in (["tenants/acme.json:4 BB504"], ["tenants/acme.json:4 BB104"])


@pytest.mark.parametrize(
    ("more", "findings"),
    [
        ({"tenant": "other"}, ["tenants/acme.json:3 BB502"]),
        ({"tenant": "Acme"}, ["tenants/acme.json:3 BB104"]),
        ({"grants": {"imageSources": ["https://h/a/../b"]}}, ["tenants/acme.json:7 BB502"]),
        ({"grants": {"memory": "999999999E"}}, ["tenants/acme.json:6 BB502"]),
        ({"grants": {"memory": 4}}, ["tenants/acme.json:6 BB502"]),
        ({"grants": {"memory": "0"}}, ["tenants/acme.json:6 BB502"]),
        ({"grants": {"subnets": ["10.77.0.0/33"]}}, ["tenants/acme.json:7 BB502"]),
        ({"grants": {"subnets": ["10.77.0.0/24", "300.0.0.0/8"]}}, ["tenants/acme.json:8 BB502"]),
        ({"grants": {"ports": ["tcp:8090-8080"]}}, ["tenants/acme.json:7 BB502"]),
        ({"grants": {"ports": ["udp:1-65536"]}}, ["tenants/acme.json:7 BB502"]),
        ({"branch": "refs/heads/main"}, ["tenants/acme.json:5 BB502"]),
        ({"branch": "a..b"}, ["tenants/acme.json:5 BB502"]),
        ({"branch": "a.lock"}, ["tenants/acme.json:5 BB502"]),
        ({"grants": {"gpu": 1}}, ["tenants/acme.json:6 BB104"]),
        ({"trust": {"commits": "signed"}}, ["tenants/acme.json:5 BB104"]),
    ],
)
def test_what_is_wrong_is_found_at_its_line(more: dict[str, Json], findings: list[str]) -> None:
    assert parse(None, **more) == (None, findings)


def test_text_that_is_no_json_is_found() -> None:
    found, findings = parse_registration("acme.json", b"{", SCHEMA)
    assert found is None
    assert told(findings) == ["acme.json:1 BB103"]


def test_system_json_has_defaults() -> None:
    text = b'{"apiVersion": "bitbuilder.io/v1", "defaults": {"grants": {"memory": "1G"}}}'
    assert parse_system("system.json", text, SYSTEM) == (SystemConfig(defaults={"grants": {"memory": "1G"}}), ())


def test_defaults_that_cannot_be_read_are_found_in_system_json() -> None:
    text = b'{"apiVersion": "bitbuilder.io/v1", "defaults":\n{"grants": {"imageSources": ["file:///a/../b"]}}}'
    found, findings = parse_system("system.json", text, SYSTEM)
    assert (found, told(findings)) == (None, ["system.json:2 BB502"])


def named(tenant: str, origin: str, hosts: tuple[str, ...] = ("*",)) -> Registration:
    return Registration(tenant=tenant, repository="https://h/x", hosts=hosts, source=Place(f"{origin}/{tenant}.json"))


def test_the_first_origin_wins_and_the_other_is_a_warning_that_names_both() -> None:
    etc, clone = named("acme", "/etc/bitbuilder/tenants"), named("acme", "tenants")
    other = named("b", "tenants")
    merged, findings = merge([("/etc/bitbuilder/tenants", {"acme": etc}), ("system", {"acme": clone, "b": other})])
    assert merged == {"acme": etc, "b": other}
    assert findings == (
        Finding(
            Place("tenants/acme.json"),
            "BB501",
            "Tenant acme is registered in /etc/bitbuilder/tenants/acme.json and again in tenants/acme.json, "
            "ignoring the one in system.",
            "Remove one of them.",
            severity="warning",
        ),
    )


def test_a_registration_is_for_the_hosts_that_it_names() -> None:
    everywhere, here, there = named("a", "t"), named("b", "t", ("x", "eu-*")), named("c", "t", ("us-*",))
    found = for_host({"a": everywhere, "b": here, "c": there}, "eu-1")
    assert list(found) == ["a", "b"]


def test_grants_as_json_are_the_same_for_the_same_grants() -> None:
    assert Grants(images=("a",)).as_json() == Grants(images=("a",)).as_json()
    assert Grants(images=("a",)).as_json() != Grants(images=("b",)).as_json()


KNOWN: Json = ["git.example.com ssh-ed25519 AAAA"]


@pytest.mark.parametrize(("repository", "fetch", "problems"), [
    ("ssh://git.example.com/a", {"credential": "git.acme", "knownHosts": KNOWN}, []),
    ("ssh://git.example.com/a", {}, ["needs a credential", "needs the keys"]),
    ("ssh://git.example.com/a", None, ["needs a credential", "needs the keys"]),
    ("ssh://git.example.com/a", {"credential": "git.acme"}, ["needs the keys"]),
    ("https://git.example.com/a", {"ca": "nonsense"}, ["no certificate in PEM form"]),
    ("https://git.example.com/a", {"ca": "-----BEGIN PRIVATE KEY-----\nx"}, ["private key among the certificates"]),
    ("https://git.example.com/a", {"ca": "-----BEGIN CERTIFICATE-----\nx"}, []),
    ("http://git.example.com/a", None, ["is not a URL that is allowed here"]),
])  # fmt: skip
def test_what_can_never_be_fetched_is_found(repository: str, fetch: Json, problems: list[str]) -> None:
    text = json.dumps({**LEAST, "repository": repository, **({} if fetch is None else {"fetch": fetch})}).encode()
    found, told_ = parse_registration("tenants/acme.json", text, SCHEMA)
    findings = [str(finding) for finding in told_]
    assert len(findings) == len(problems) and (found is None) == bool(problems)
    assert all(problem in finding for problem, finding in zip(problems, findings, strict=True)), findings


@pytest.mark.parametrize(("fetch", "lines"), [({}, [2, 2]), ({"knownHosts": KNOWN}, [2])])
def test_what_is_not_written_is_found_where_it_is_needed(fetch: Json, lines: list[int]) -> None:
    text = (
        '{"apiVersion": "bitbuilder.io/v1", "tenant": "acme",\n'
        '"repository": "ssh://git.example.com/a",\n'
        f'"fetch": {json.dumps(fetch)}}}'
    )
    _, findings = parse_registration("tenants/acme.json", text.encode(), SCHEMA)
    assert [finding.place.line for finding in findings] == lines, [str(one) for one in findings]


ADDRESSES = (
    "ext::sh -c x", "-oProxyCommand=x", "ssh://-oProxyCommand=x/a", "--upload-pack=x", "git@git.example.com:a.git",
    "https://git.example.com/a\n", "https://git.example.com/a\x00", "https://git.example.com/\u202e",
    "ssh://u@git.example.com/a", "https://git.example.com/../a", "",
)  # fmt: skip


@pytest.mark.parametrize("repository", ADDRESSES)
@pytest.mark.parametrize("known", [True, False])
def test_an_address_that_means_something_else_is_refused(repository: str, known: bool) -> None:
    fetch: Json = {"credential": "git.acme", "knownHosts": KNOWN}
    found, findings = parse(repository=repository, **({"fetch": fetch} if known else {}))
    assert found is None and any("BB504" in one or "BB104" in one or "BB103" in one for one in findings), findings
