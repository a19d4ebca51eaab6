"""Collection on a real host: images that nobody needs go, others stay, and whoever comes back fetches again."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Make
from .guests import archive, guest, idler, image
from .support import run
from .world import Tenant

STORE = Path("/var/lib/bitbuilder/images")
LOCKS = Path("/run/bitbuilder/lock")
ARCHIVE = Path("/srv/images/collected.tar.gz")
OFFERED = idler("debian-13")


@pytest.fixture(scope="module", autouse=True)
def source() -> Iterator[None]:
    """Where the tenants' image comes from."""
    ARCHIVE.write_bytes(archive(guest()))
    yield
    ARCHIVE.unlink()


def sync_all() -> str:
    """A sync of all tenants, which collects at its end; what it said."""
    return run(["bbhv", "sync"], timeout=200).stdout


def tree() -> Path:
    """Where the guest's archive lies in the store when somebody needs it."""
    return STORE / f"{digest()}.tree"


def digest() -> str:
    """Of the tenants' image."""
    return hashlib.sha256(ARCHIVE.read_bytes()).hexdigest()


def metadata(tenant: str, keep: int) -> str:
    """The description of a tenant that keeps so many generations."""
    life = {"healthTimeoutSec": 20, "keepGenerations": keep}
    return json.dumps({"apiVersion": "bitbuilder.io/v1", "tenant": tenant, "lifecycle": life})


def own() -> dict[str, str | None]:
    """What makes a container run from the tenant's own image."""
    return {"containers/web.nspawn": idler(), "infrastructure/tiny.image": image(ARCHIVE)}


def with_image(make: Make, name: str, keep: int = 2) -> Tenant:
    """A tenant whose container runs from an image of its own."""
    one = make(name)
    one.repo.commit({"metadata.json": metadata(name, keep), **own()})
    assert one.sync() == "applied"
    return one


def without_image(one: Tenant) -> None:
    """Its next generations need an offered image only; two, for the one before is always kept."""
    for text in (OFFERED, OFFERED + "MemoryMax=99M\n"):
        one.repo.commit({"infrastructure/tiny.image": None, "containers/web.nspawn": text})
        assert one.sync() == "applied"


def fetched(one: Tenant) -> list[str]:
    """The digests that the tenant need not fetch again."""
    found = json.loads((one.folder / "state.json").read_text())["images"]
    assert isinstance(found, list)
    return found


def test_an_image_that_no_kept_generation_needs_goes_and_comes_back_from_its_source(make: Make) -> None:
    acme = with_image(make, "acme")
    sync_all()
    assert tree().is_dir() and fetched(acme) == [digest()]
    without_image(acme)
    sync_all()
    assert not tree().exists() and fetched(acme) == [] and not [*STORE.glob(".#*")]
    assert acme.state("web") == "active"
    acme.repo.commit(own())
    assert acme.sync() == "applied" and tree().is_dir() and fetched(acme) == [digest()]


def test_an_image_stays_for_a_generation_that_may_be_rolled_back_to(make: Make) -> None:
    acme = with_image(make, "acme", keep=5)
    without_image(acme)
    sync_all()
    assert tree().is_dir()
    run(["bbhv", "rollback", "acme"], timeout=100)
    assert acme.state("web") == "active"


def test_an_image_stays_for_another_tenant_but_who_left_it_fetches_it_again(make: Make) -> None:
    acme, beta = with_image(make, "acme"), with_image(make, "beta")
    without_image(acme)
    sync_all()
    assert tree().is_dir() and fetched(acme) == [] and fetched(beta) == [digest()]
    shown = run(["bbhv", "doctor", "--json=short"], check=False).stdout
    told = {one["name"]: one["message"] for one in json.loads(shown)["checks"]}
    assert told[f"image {digest()[:12]}"] == "kept for generations of beta (1)"


def test_an_image_stays_for_a_tenant_that_is_not_registered_any_more(make: Make) -> None:
    acme = with_image(make, "acme")
    Path("/etc/bitbuilder/tenants/acme.json").unlink()
    sync_all()
    assert acme.folder.is_dir() and tree().is_dir()


def test_nothing_goes_while_somebody_is_at_it(make: Make) -> None:
    acme = with_image(make, "acme")
    without_image(acme)
    with open(LOCKS / "_store", "wb") as store:
        fcntl.flock(store, fcntl.LOCK_SH)  # as a run does that has made sure of an image and not written its generation
        sync_all()
        assert tree().is_dir()
    sync_all()
    assert not tree().exists()


def test_nothing_goes_while_a_generation_cannot_be_read(make: Make) -> None:
    acme = with_image(make, "acme")
    without_image(acme)
    damaged = acme.folder / "generations/90"
    damaged.mkdir()
    (damaged / "manifest.json").write_text("{")
    sync_all()
    assert tree().is_dir()
    done = run(["bbhv", "doctor"], check=False)
    assert "generations of acme" in done.stdout and "cannot be read" in done.stdout
    (damaged / "manifest.json").unlink()
    damaged.rmdir()
    sync_all()
    assert not tree().exists()


def test_what_a_crash_left_goes_with_the_next_collection(make: Make) -> None:
    acme = with_image(make, "acme")
    without_image(acme)
    tree().rename(STORE / ".#half.1")  # it has lost its name, and then the power was cut
    stale = Path("/run/bitbuilder/generations/gone.3")
    stale.mkdir()
    marker = Path("/run/bitbuilder/stopped/gone")
    marker.write_text("")
    sync_all()
    assert not stale.exists() and not marker.exists() and not [*STORE.glob(".#*")]


def test_nothing_to_do_reads_no_generation(make: Make, tmp_path: Path) -> None:
    acme = with_image(make, "acme")
    sync_all()
    sync_all()
    log = tmp_path / "trace"
    number = acme.status()["good"]
    run(["strace", "-f", "-qq", "-e", "trace=openat,rename", "-o", log, "bbhv", "sync", "--quiet"], timeout=200)
    lines = [line for line in log.read_text().splitlines() if "_store" in line or "/collected" in line]
    assert len([line for line in lines if "_store" in line]) == 1, lines  # held with others, never alone
    assert not any("rename" in line for line in lines) and number is not None and os.path.exists(tree())
