"""Images with a signature: what is not signed by one who may sign images here never gets into the store."""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import Make
from .guests import IMAGES, archive, guest, idler, image, member
from .servers import Authority, HttpServer
from .shelves import Shelf
from .signing import PgpKey, Signer, SshKey, in_repository, trust, without
from .support import run
from .test_downloads import TINY, customer, partial, text
from .test_fetch import ca as ca  # fixtures
from .test_images import STORE, left_over
from .test_images import put as put
from .test_system import System, sync
from .test_system import system as system
from .test_trust import Key
from .test_trust import key as key
from .test_trust import verifiers as verifiers
from .world import Tenant

OTHER = archive([*guest(), member("srv/other")])


@pytest.fixture
def tiny(put: Callable[[str, bytes], Path]) -> Iterator[Path]:
    """An image that no other test has, and whatever lies beside it, which is gone after the test."""
    yield put("signed.tar.gz", archive([*guest(), member("srv/signed", os.urandom(8))]))
    for path in IMAGES.glob("signed.tar.gz?*"):
        path.unlink()


def declare(tenant: Tenant, path: Path, signature: Path | str = "") -> None:
    """Commits an image, perhaps with a signature, and a container that starts from it."""
    url = f"file://{signature}" if isinstance(signature, Path) else signature
    lines = f"Signature={url}\n" if url else ""
    tenant.repo.commit({**tenant.files(web=idler()), "infrastructure/tiny.image": image(path) + lines})


def refused(tenant: Tenant, *words: str) -> None:
    """A sync refuses with these words, and nothing new is in the store."""
    before = sorted(STORE.glob("*"))
    assert tenant.sync(status=4) == "refused"
    assert all(word in tenant.said for word in words) and "Traceback" not in tenant.said, tenant.said
    assert left_over() == [] and sorted(STORE.glob("*")) == before


def tree(path: Path) -> Path:
    """Where an archive is in the store."""
    return STORE / f"{hashlib.sha256(path.read_bytes()).hexdigest()}.tree"


def test_an_image_starts_when_somebody_who_may_signed_it_and_not_otherwise(make: Make, key: Key, tiny: Path) -> None:
    acme, mine, other = make("acme"), key("mine"), key("other")
    declare(acme, tiny, mine.sign(tiny))
    refused(acme, "there is no key of anybody who may sign images", "trust/bitbuilder/image/default/ssh/SHA256.pub")
    trust(mine, "default", "image")
    other.sign(tiny)
    refused(acme, "Image tiny is signed by the ", f"{other.fingerprint}, which is not one of default.")
    (wrong := IMAGES / "signed.tar.gz-other").write_bytes(OTHER)
    mine.sign(wrong).rename(f"{tiny}.sig")
    refused(acme, f"The signature of image tiny at file://{tiny}.sig is not good: ", f"{mine.fingerprint} of default "
            f"did not make it over what is at file://{tiny}.", "Sign the very file")  # fmt: skip
    assert not tree(tiny).exists()
    mine.sign(tiny)
    assert acme.sync() == "applied" and tree(tiny).is_dir()
    Path(f"{tiny}.sig").unlink()
    tiny.unlink()
    acme.repo.commit({"containers/web.nspawn": idler("tiny", "MemoryMax=50M")})
    assert acme.sync() == "applied", "neither is asked for again"


def test_an_armored_signature_of_gpg_is_one_too(make: Make, tmp_path: Path, tiny: Path) -> None:
    acme, mine = make("acme"), PgpKey(tmp_path, "mine")
    trust(mine, "default", "image")
    declare(acme, tiny, mine.sign(tiny, "--armor"))
    assert acme.sync() == "applied"


def test_who_has_the_image_gets_it_no_more_once_it_is_to_be_signed_and_is_not(
    make: Make, tmp_path: Path, tiny: Path
) -> None:
    acme, beta, mine = make("acme"), make("beta"), SshKey(tmp_path, "mine")
    for one in (acme, beta):
        declare(one, tiny)
        assert one.sync() == "applied"
    trust(mine, "default", "image")
    declare(acme, tiny, SshKey(tmp_path, "other").sign(tiny))
    refused(acme, "which is not one of default")
    assert acme.state("web") == "active", "what runs runs on"
    mine.sign(tiny)
    before = acme.invocation("web")
    assert acme.sync() == "applied" and acme.invocation("web") == before


def test_a_key_of_a_tenant_signs_the_images_of_that_tenant_only_and_none_of_its_commits(
    system: System, tmp_path: Path, tiny: Path
) -> None:
    acme, beta, mine = system.tenant("acme"), system.tenant("beta"), SshKey(tmp_path, "mine")
    system.register(acme, trust={"commits": "unsigned", "signers": ["acme-release"]})
    system.register(beta)
    system.repo.commit(in_repository(mine, "acme-release", "image"))
    signature = mine.sign(tiny)
    for one in (acme, beta):
        declare(one, tiny, signature)
    said = sync(status=4)
    assert "acme: applied" in said and "there is no key of anybody who may sign images" in said
    system.register(acme, trust={"commits": "signed", "signers": ["acme-release"]})
    assert "there is no key of acme-release, so nothing passes" in sync(status=4)


def test_a_key_that_is_taken_back_lets_nothing_new_start_and_what_runs_runs_on(
    make: Make, tmp_path: Path, tiny: Path
) -> None:
    acme, mine, next = make("acme"), SshKey(tmp_path, "mine"), SshKey(tmp_path, "next")
    path = trust(mine, "default", "image")
    declare(acme, tiny, mine.sign(tiny))
    assert acme.sync() == "applied"
    path.unlink()
    path.symlink_to("/dev/null")
    trust(next, "default", "image")
    assert acme.sync() == "unchanged"
    acme.repo.commit({"containers/web.nspawn": idler("tiny", "MemoryMax=50M")})
    refused(acme, f"SSH key {mine.fingerprint}, which is not one of default")
    assert acme.state("web") == "active"
    next.sign(tiny)
    assert acme.sync() == "applied"


def test_a_missing_verifier_program_refuses_and_names_its_package(make: Make, tmp_path: Path, tiny: Path) -> None:
    acme = make("acme")
    keys: tuple[tuple[Signer, tuple[str, ...]], ...] = (
        (SshKey(tmp_path, "ssh"), ("ssh-keygen",)), (PgpKey(tmp_path, "pgp"), ("gpgv", "sqv")),
    )  # fmt: skip
    for one, programs in keys:
        trust(one, "default", "image")
        declare(acme, tiny, one.sign(tiny))
        with without(*programs):
            refused(acme, f"{programs[0]} was not found on this host", "Install ")
            assert f"{programs[0]} was not found" in run(["bbhv", "doctor"], check=False).stdout
    assert acme.sync() == "applied"


BAD: dict[str, tuple[bytes, int, str, str]] = {
    "is empty": (b"", 4, "refused", "has a signature of an unknown kind"),
    "is a program": (b"\x7fELF" * 9, 4, "refused", "has a signature of an unknown kind"),
    "is cut off": (b"-----BEGIN SSH SIGNATURE-----\nAAAA\n", 4, "refused", "is not one block"),
    "is the image": (TINY, 1, "failed", "has more than 64 KiB"),
    "is a flood of packets": (b"\x88\x00" * 30_000, 4, "refused", "is not exactly one detached signature"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_signature_is_refused_before_the_image_is_fetched(
    make: Make, ca: Authority, tmp_path: Path, what: str
) -> None:
    data, status, outcome, words = BAD[what]
    trust(SshKey(tmp_path, "mine"), "default", "image")
    with HttpServer(Path("/nowhere"), ca.certificate("localhost")) as server:
        acme = customer(make, server, ca)
        server.behaviour = Shelf({"app.tar.gz": OTHER, "app.sig": data})
        lines = text(server, "app.tar.gz", OTHER, "tar", f"Signature={server.url('images/app.sig')}")
        acme.repo.commit({**acme.files(web=idler()), "infrastructure/tiny.image": lines})
        assert acme.sync(status=status) == outcome and words in acme.said, acme.said
        assert server.asked == ["GET /images/app.sig"] and left_over() == partial() == []


def test_a_signature_and_its_image_come_from_a_server(make: Make, ca: Authority, tmp_path: Path) -> None:
    mine, path = SshKey(tmp_path, "mine"), tmp_path / "other"
    path.write_bytes(OTHER)
    signature = mine.sign(path).read_bytes()
    trust(mine, "default", "image")
    with HttpServer(Path("/nowhere"), ca.certificate("localhost")) as server:
        acme = customer(make, server, ca)
        lines = text(server, "app.tar.gz", OTHER, "tar", f"Signature={server.url('images/app.sig')}")
        acme.repo.commit({**acme.files(web=idler()), "infrastructure/tiny.image": lines})
        server.behaviour = Shelf({"app.tar.gz": OTHER})
        assert acme.sync(status=1) == "failed" and "The signature of image tiny cannot be fetched from " in acme.said
        assert "answers with status 404" in acme.said
        other = tmp_path / "tiny"
        other.write_bytes(TINY)
        server.behaviour = Shelf({"app.tar.gz": OTHER, "app.sig": mine.sign(other).read_bytes()})
        assert acme.sync(status=4) == "refused" and "is not good" in acme.said
        server.asked.clear()
        server.behaviour = Shelf({"app.tar.gz": OTHER, "app.sig": signature})
        assert acme.sync() == "applied"
        assert server.asked == ["GET /images/app.sig"], "the bytes that had come are not fetched twice"
        assert left_over() == partial() == []


def test_a_signature_outside_of_the_grant_is_not_asked_for(make: Make, tiny: Path, tmp_path: Path) -> None:
    acme = make("acme")
    trust(SshKey(tmp_path, "mine"), "default", "image")
    declare(acme, tiny, "https://elsewhere.example/app.sig")
    assert acme.sync(status=3) == "refused" and "BB403" in acme.said and "infrastructure/tiny.image:5:" in acme.said
