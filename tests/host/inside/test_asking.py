"""Servers are asked together what is new: who has nothing new is not fetched from, and nothing else is passed over."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Make
from .servers import Handler, HttpServer, authority, cut_off, hang, packet
from .signing import SshKey, commit, trust
from .support import REGISTRATIONS, REPOSITORIES, registration, run
from .world import Tenant, container, never_healthy

BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
GRANTS = {"cpus": 4, "memory": "4G", "tasks": 4096, "images": ["debian-*"]}
NAMES = ("ask1", "ask2", "ask3")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HttpServer]:
    """An https server that this host trusts."""
    ca = authority(tmp_path / "ca")
    before = BUNDLE.read_bytes() if BUNDLE.exists() else None
    BUNDLE.write_text(ca.text)
    with HttpServer(REPOSITORIES, ca.certificate("localhost")) as one:
        yield one
    BUNDLE.unlink() if before is None else BUNDLE.write_bytes(before)


@pytest.fixture
def tenants(make: Make, server: HttpServer) -> dict[str, Tenant]:
    """Three tenants of the server that have nothing new."""
    made = {name: make(name) for name in NAMES}
    for name, tenant in made.items():
        register(tenant, server)
        tenant.commit(web=container())
    assert set(sync().values()) == {"applied"}
    assert set(sync().values()) == {"unchanged"}
    server.asked.clear()
    return made


def register(tenant: Tenant, server: HttpServer, **changes: object) -> None:
    """Registers a tenant at the server, or changes its registration."""
    text = registration(tenant.id, server.url(f"{tenant.id}.git"), **changes)
    (REGISTRATIONS / f"{tenant.id}.json").write_text(text)


def sync(*options: str) -> dict[str, str]:
    """Syncs everything; the outcomes of the tenants here."""
    done = run(["bbhv", "sync", *options, "--json=short"], check=False, timeout=300)
    found = json.loads(done.stdout)["tenants"]
    return {one["id"]: one["outcome"] for one in found if one["id"] in NAMES}


def fetched(server: HttpServer) -> list[str]:
    """From which repositories somebody fetched, in order of their names: that alone asks what the server can do."""
    return sorted({line.split("/")[1].removesuffix(".git") for line in server.asked if line.startswith("GET ")})


def test_an_unchanged_repository_costs_one_round_trip_and_no_unit(
    tenants: dict[str, Tenant], server: HttpServer
) -> None:
    assert set(sync().values()) == {"unchanged"}
    assert sorted(server.asked) == [f"POST /{name}.git/git-upload-pack" for name in NAMES]


def test_a_changed_repository_is_fetched_and_no_other(tenants: dict[str, Tenant], server: HttpServer) -> None:
    commit = tenants["ask2"].commit(web=container("MemoryMax=64M", boot=False,
                                                  exec=("Parameters=/usr/bin/sleep infinity",)))  # fmt: skip
    assert sync() == {"ask1": "unchanged", "ask2": "applied", "ask3": "unchanged"}
    assert fetched(server) == ["ask2"] and tenants["ask2"].status()["commit"] == commit


def test_what_else_changed_is_not_passed_over(tenants: dict[str, Tenant], server: HttpServer) -> None:
    """The registration, a generation, the clone's settings, the memory of what was accepted."""
    before = {name: tenant.status()["generation"] for name, tenant in tenants.items()}
    register(tenants["ask1"], server, grants={**GRANTS, "containers": 8})
    shutil.rmtree(tenants["ask2"].folder / f"generations/{before['ask2']}/units")
    config = tenants["ask3"].folder / "config.git/.git/config"
    text = config.read_text()
    config.write_text(text + "[core]\n\tsshCommand = /bin/false\n")
    assert set(sync().values()) == {"unchanged"}
    assert {name: tenant.status()["generation"] for name, tenant in tenants.items()} == {
        "ask1": 2, "ask2": 2, "ask3": before["ask3"],
    }  # fmt: skip
    assert config.read_text() == text
    (tenants["ask3"].folder / "config.git/.git/refs/bitbuilder/tried").write_text("0" * 40 + "\n")
    assert sync()["ask3"] == "refused"  # it does not go on from that


def test_a_tenant_that_was_stopped_is_held(tenants: dict[str, Tenant], server: HttpServer) -> None:
    run(["systemctl", "stop", "tenant@ask1.service"])
    assert sync() == {"ask1": "held", "ask2": "unchanged", "ask3": "unchanged"}


def test_a_server_that_lies_delays_a_commit_by_a_day_at_most(tenants: dict[str, Tenant], server: HttpServer) -> None:
    old = {name: tenant.repo.head for name, tenant in tenants.items()}
    for tenant in tenants.values():
        tenant.commit(web=container("MemoryMax=65M"))

    def lie(handler: Handler) -> bool:
        name = handler.path.split("/")[1].removesuffix(".git")
        if "bbhv" not in handler.headers["User-Agent"]:
            return False
        body = packet(f"{old[name]} refs/heads/main\n".encode()) + b"0000"
        handler.send_response(200)
        handler.send_header("Content-Type", "application/x-git-upload-pack-result")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        return True

    server.behaviour = lie
    assert set(sync().values()) == {"unchanged"}
    ref = tenants["ask1"].folder / "config.git/.git/refs/bitbuilder/incoming"
    os.utime(ref, (time.time() - 90_000, time.time() - 90_000))
    assert sync() == {"ask1": "applied", "ask2": "unchanged", "ask3": "unchanged"}


def test_a_server_that_breaks_off_costs_others_nothing(
    tenants: dict[str, Tenant], server: HttpServer, tmp_path: Path
) -> None:
    ca = authority(tmp_path / "second")
    BUNDLE.write_text(BUNDLE.read_text() + ca.text)
    with HttpServer(REPOSITORIES, ca.certificate("localhost"), behaviour=cut_off) as bad:
        register(tenants["ask2"], bad)
        assert sync() == {"ask1": "unchanged", "ask2": "failed", "ask3": "unchanged"}
        assert any(line.startswith("POST") for line in bad.asked) and fetched(bad) == ["ask2"]
    assert fetched(server) == []


def test_one_bad_server_is_tried_once(server: HttpServer) -> None:
    """What asks gives up a server after its first silence, and says so for each repository."""
    server.behaviour = hang
    questions = [[server.url(f"hang{number}.git"), "main", "1" * 40, ""] for number in range(40)]
    done = run(["bbhv", "worker", "refs"], input=json.dumps(questions), timeout=60)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(one["n"] for one in answers) == list(range(40))
    assert all("timed out" in one["problem"] for one in answers)
    assert len(server.asked) == 4 == server.most


def test_a_quarantined_commit_is_not_fetched_again(tenants: dict[str, Tenant], server: HttpServer) -> None:
    tenants["ask1"].commit(web=never_healthy())
    assert sync()["ask1"] == "rolled-back"
    server.asked.clear()
    assert sync() == {"ask1": "quarantined", "ask2": "unchanged", "ask3": "unchanged"}
    assert fetched(server) == []


def test_many_tenants_start_a_few_at_a_time(make: Make) -> None:
    """All were asked for at once; four at most are brought up at the same time, and all are in the end."""
    made = [make(f"herd{number}") for number in range(10)]
    for tenant in made:
        tenant.commit(web=container())
    with open("/run/bitbuilder/lock/_start0", "w", encoding="utf-8") as place:
        fcntl.flock(place, fcntl.LOCK_EX)  # somebody who never comes to an end has one of the places
        run(["bbhv", "sync"], check=False, timeout=300)
    assert [tenant.status()["outcome"] for tenant in made] == ["applied"] * 10


def test_who_is_trusted_is_looked_at_though_nothing_is_new(
    tenants: dict[str, Tenant], server: HttpServer, tmp_path: Path
) -> None:
    """A policy, a signer and a revocation count at once; a signature that was found good is not proved again."""
    key, signed = SshKey(tmp_path, "ask"), {"commits": "signed", "signers": ["ask-release"]}
    verifier = trust(key, "ask-release")
    try:
        register(tenants["ask1"], server, trust=signed)
        assert sync()["ask1"] == "refused"  # nobody signed it
        commit(tenants["ask1"].repo, key, {"README.md": "Signed."})
        assert sync()["ask1"] in ("applied", "unchanged")
        server.asked.clear()
        assert sync()["ask1"] == "unchanged" and fetched(server) == []
        register(tenants["ask1"], server, trust={**signed, "revoked": [key.fingerprint]})
        assert sync()["ask1"] == "refused" and fetched(server) == []
        register(tenants["ask1"], server, trust=signed)
        assert sync()["ask1"] == "unchanged"
        verifier.unlink()
        assert sync()["ask1"] == "refused"
    finally:
        verifier.unlink(missing_ok=True)


def test_what_was_refused_is_not_fetched_again_by_the_timer_until_something_changes(
    tenants: dict[str, Tenant], server: HttpServer, tmp_path: Path
) -> None:
    one, key = tenants["ask1"], SshKey(tmp_path, "ask")
    first, signed = one.repo.head, {"commits": "signed", "signers": ["ask-release"]}
    verifier = trust(key, "ask-release")
    try:
        register(one, server, trust=signed)
        one.repo.commit({"README.md": "not signed"})
        assert sync()["ask1"] == "refused"
        said = one.status()["outcome"], one.repo.head
        server.asked.clear()
        assert sync("--backoff")["ask1"] == "refused" and fetched(server) == [], "one round trip, and no object"
        assert (one.status()["outcome"], one.status()["outcomeCommit"]) == said
        assert sync()["ask1"] == "refused" and fetched(server) == ["ask1"], "by hand it is looked at again"
        register(one, server)
        assert sync("--backoff")["ask1"] in ("applied", "unchanged") and one.status()["commit"] != first
    finally:
        verifier.unlink()
