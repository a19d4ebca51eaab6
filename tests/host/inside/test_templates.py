"""The templates on a real host: what init makes is committed, synced and applied, and what this version runs, runs."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import Make
from .guests import archive, guest
from .support import OFFERED, run, wait_until
from .world import Tenant

IMAGES = Path("/srv/images")
MACHINES = shutil.which("systemd-vmspawn") is not None
# One grant that every template fits into.
GRANTS = {
    "cpus": 4, "memory": "4G", "tasks": 4096, "storage": "20G", "containers": 4, "machines": 2,
    "images": ["debian-*"], "imageSources": ["file:///srv/images/"], "subnets": ["10.77.0.0/24"],
    "serviceProfiles": ["strict"],
}  # fmt: skip
# Prints nothing while nobody listens: a program that says nothing is ready as soon as it runs.
PAGE = "use IO::Socket::INET; my $s = IO::Socket::INET->new('127.0.0.1:8080') or exit; " \
       "print $s qq(GET / HTTP/1.0\r\n\r\n); print while <$s>;"


@pytest.fixture
def machine_image() -> Iterator[None]:
    """The host offers the disk image that machines start from; nothing starts from it yet."""
    path = OFFERED.parent / "debian-13-vm.raw"
    path.write_bytes(bytes(1 << 20))
    yield
    path.unlink()


@pytest.fixture
def app_image() -> Iterator[tuple[str, str]]:
    """The source and the digest of a small image that a tenant may fetch."""
    path = IMAGES / "app.tar"
    path.write_bytes(archive(guest()))
    yield f"file://{path}", hashlib.sha256(path.read_bytes()).hexdigest()
    path.unlink()


@pytest.fixture
def planted(make: Make, tmp_path: Path) -> Callable[..., Tenant]:
    """Makes a registered tenant whose repository is a template, as a person would: init, validate, commit, push."""

    def plant(tenant: str, template: str, *words: str) -> Tenant:
        one = make(tenant, grants=GRANTS)
        folder = tmp_path / tenant
        run(["bbhv", "init", f"--template={template}", *words, folder])
        done = run(["bbhv", "validate", folder, "--json=short"])
        assert {found["severity"] for found in json.loads(done.stdout)["findings"]} <= {"warning"}
        registered = f"--registration=/etc/bitbuilder/tenants/{tenant}.json"
        run(["bbhv", "validate", folder, registered])
        git = ["git", "-C", str(folder), "-c", "user.name=Ops", "-c", "user.email=ops@example.com"]
        run(["git", "init", "--quiet", "--initial-branch=main", folder])
        run([*git, "add", "-A"])
        run([*git, "commit", "--quiet", "-m", "First commit"])
        run([*git, "push", "--quiet", str(one.repo.path), "main"])
        shutil.rmtree(folder)
        return one

    return plant


def running(tenant: Tenant) -> list[object]:
    workloads = tenant.status()["workloads"]
    assert isinstance(workloads, list)
    return [(one["name"], one["activeState"], one["health"]) for one in workloads if one["kind"] == "container"]


def test_the_minimal_template_runs(planted: Callable[..., Tenant]) -> None:
    shop = planted("shop", "minimal")
    assert shop.sync() == "applied" and running(shop) == [("web", "active", "healthy")]


def test_the_web_container_serves_its_title_and_then_the_page_of_its_volume(planted: Callable[..., Tenant]) -> None:
    shop = planted("shop", "web-container", "--set", "TITLE=My shop!", "--set", "PORT=8080")
    assert shop.sync() == "applied" and running(shop) == [("web", "active", "healthy")]

    def said() -> str:
        return shop.inside("web", "perl", "-e", PAGE)

    assert said().startswith("HTTP/1.0 200 OK") and said().endswith("<h1>My shop!</h1>\n")
    shop.inside("web", "sh", "-c", "echo hello > /srv/www/index.html")
    run(["systemctl", "restart", shop.unit("web")])
    wait_until("the page of the volume is served", lambda: said().endswith("\n\nhello\n"))
    run(["systemctl", "stop", shop.unit("web")], timeout=20)


def test_the_virtual_machine_is_applied_as_far_as_machines_run(
    planted: Callable[..., Tenant], machine_image: None
) -> None:
    shop = planted("shop", "virtual-machine")
    if MACHINES:  # such a host has no vsock: the one sentence that its operator has to see
        assert shop.sync(status=3) == "refused" and "1 error" in shop.said
        assert "error[BB209]: Health=unit needs vsock" in shop.said
        return
    assert shop.sync() == "applied"
    findings = shop.status()["findings"]
    assert isinstance(findings, list) and {one["severity"] for one in findings} <= {"warning"}


def test_the_full_template_is_applied_and_its_containers_run(
    planted: Callable[..., Tenant], machine_image: None, app_image: tuple[str, str]
) -> None:
    source, digest = app_image
    shop = planted("shop", "full", "--set", f"SOURCE={source}", "--set", f"SHA256={digest}")
    if MACHINES:  # what it starts from is no disk
        shop.repo.commit({"machines/db.vmspawn": None})
    assert shop.sync() == "applied"
    assert running(shop) == [("app", "active", "healthy"), ("web", "active", "healthy")]
