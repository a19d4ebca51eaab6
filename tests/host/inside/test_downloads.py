"""Images from the network: they come by a sandboxed unit, whatever their server does, and nobody else waits for it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Make
from .guests import archive, guest, idler, member
from .servers import Authority, HttpServer
from .shelves import Shelf
from .test_fetch import ca as ca  # a fixture
from .test_images import MOUNTS, STORE, left_over
from .world import Tenant


@pytest.fixture
def server(ca: Authority) -> Iterator[HttpServer]:
    """An https server, which serves what its behaviour says."""
    with HttpServer(Path("/nowhere"), ca.certificate("localhost")) as one:
        yield one


@pytest.fixture
def acme(make: Make, server: HttpServer, ca: Authority) -> Tenant:
    """A tenant that may take images from the server."""
    return customer(make, server, ca)


def customer(make: Make, server: HttpServer, ca: Authority, name: str = "acme", **grants: object) -> Tenant:
    """A tenant that may take images from the server."""
    given = {**MOUNTS, "storage": "20G", "images": ["debian-*"], "imageSources": [server.url("images/")], **grants}
    return make(name, fetch={"ca": ca.text}, grants=given)


def text(server: HttpServer, name: str, data: bytes, format: str = "tar", *lines: str) -> str:
    """The text of infrastructure/NAME.image for a file of the server."""
    source, digest = server.url(f"images/{name}"), hashlib.sha256(data).hexdigest()
    return "\n".join(["[Image]", f"Source={source}", f"SHA256={digest}", f"Format={format}", *lines, ""])


def declare(tenant: Tenant, image: str, web: str = "") -> str:
    """Commits an image and a container that starts from it."""
    return tenant.repo.commit({**tenant.files(web=web or idler()), "infrastructure/tiny.image": image})


def partial() -> list[str]:
    """What lies in the store of images that are not whole."""
    return sorted(str(path.relative_to(STORE)) for path in (STORE / ".partial").rglob("*") if path.is_file())


def test_an_image_comes_over_https_and_its_server_may_vanish(acme: Tenant, server: HttpServer) -> None:
    squashfs = Path("/srv/images/guest.squashfs").read_bytes()
    server.behaviour = Shelf({"guest.raw": squashfs})
    declare(acme, text(server, "guest.raw", squashfs, "raw"), idler("tiny"))
    assert acme.sync() == "applied"
    assert server.asked == ["GET /images/guest.raw"] and left_over() == partial() == []
    server.behaviour = None
    acme.repo.commit({"containers/web.nspawn": idler("tiny", "MemoryMax=50M")})
    assert acme.sync() == "applied" and len(server.asked) == 1
