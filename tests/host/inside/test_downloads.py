"""Images from the network: they come by a sandboxed unit, whatever their server does, and nobody else waits for it."""

import gzip
import hashlib
import lzma
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Make
from .guests import archive, guest, idler, member
from .servers import Authority, Behaviour, HttpServer, hang, redirect, trickle
from .shelves import Shelf, answer, endless
from .support import run, wait_until
from .test_fetch import ca as ca  # fixtures
from .test_hostile_server import impatient as impatient
from .test_images import MOUNTS, STORE, left_over, zstd
from .world import Tenant

TINY = archive(guest())


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


SAID: dict[str, tuple[Behaviour, str]] = {
    "is not there": (answer(404), "answers with status 404 Not Found"),
    "ends at once": (lambda handler: True, "closed connection without response"),
    "is too large": (answer(200, Content_Length=str(1 << 40)), f"has {1 << 40} bytes, more than the 64M"),
    "has no end": (endless, "is larger than the 64M that it may take"),
    "is another file": (answer(200, TINY + b"x"), f"({len(TINY) + 1} bytes), not "),
    "is cut short": (answer(200, TINY[:-9]), f"({len(TINY) - 9} bytes), not "),
    "is nothing": (answer(204), "answers with status 204"),
    "is a part": (answer(206, TINY, Content_Range="bytes 5-6/9"), "answers with status 206"),
    "is somewhere": (answer(302), "does not say where"),
    "is elsewhere": (redirect("https://localhost:1"), "to https://localhost:1/images/tiny.tar.gz, which is outside"),
    "is without TLS": (redirect("http://localhost"), "'http://localhost/images/tiny.tar.gz' is not a URL that is "),
    "is a local file": (redirect("file://"), "is not a URL that is allowed here"),
    "is the host's own": (redirect("https://169.254.169.254"), "outside the sources that are granted"),
    "ends early": (answer(200, TINY[:-9], Content_Length=str(len(TINY))), f"promises {len(TINY)} bytes and sends"),
}  # fmt: skip


def test_a_server_whose_answer_is_not_the_image_has_its_sentence(
    make: Make, server: HttpServer, ca: Authority
) -> None:
    acme = customer(make, server, ca, storage="64M")
    for what, (server.behaviour, words) in SAID.items():
        declare(acme, text(server, "tiny.tar.gz", TINY))
        assert acme.sync(1) == "failed" and words in acme.said and "Traceback" not in acme.said, (what, acme.said)
        assert "Image tiny " in acme.said and left_over() == [], what
        assert partial() == [] or what == "ends early", what
    declare(acme, text(server, "tiny.tar.gz", TINY, "tar", "Size=100K"))
    server.behaviour = Shelf({"tiny.tar.gz": TINY})
    assert acme.sync(1) == "failed" and f"has {len(TINY)} bytes, more than the 100K that it may take" in acme.said
    declare(acme, text(server, "tiny.tar.gz", TINY, "tar", f"Size={len(TINY)}"))
    server.behaviour = redirect(server.url("images")[: -len("/images")])
    assert acme.sync(1) == "failed" and "sends us elsewhere more than 5 times" in acme.said
    shelf = Shelf({"tiny.tar.gz": TINY})
    server.behaviour = lambda handler: redirect(server.url("images/at"))(handler) if "/at/" not in handler.path else (
        shelf(handler))  # fmt: skip
    assert acme.sync() == "applied" and partial() == [] and server.asked[-1] == "GET /images/at/images/tiny.tar.gz"


SLOW: dict[str, tuple[Behaviour, str]] = {
    "hangs": (hang, "does not answer within 6 s"), "trickles": (trickle, "sends less than 64 KiB in 6 s"),
}  # fmt: skip


@pytest.mark.parametrize("what", SLOW)
def test_a_server_of_images_that(
    make: Make, acme: Tenant, server: HttpServer, impatient: None, what: str
) -> None:
    server.behaviour, words = SLOW[what]
    up(acme)
    declare(acme, text(server, "tiny.tar.gz", TINY))
    assert acme.sync(1) == "failed" and words in acme.said, acme.said
    asked = len(server.asked)
    run(["bbhv", "sync", "--backoff", "acme"], check=False)
    assert (len(server.asked) == asked) == (what == "hangs"), "the timer leaves alone who gave nothing at all"
    server.behaviour = Shelf({"tiny.tar.gz": TINY})
    assert acme.sync() == "applied"


def test_a_server_that_nobody_signed_for_is_not_believed(make: Make, server: HttpServer, ca: Authority) -> None:
    acme = customer(make, server, ca)
    other = make("other", grants={**MOUNTS, "imageSources": [server.url("images/")]})
    server.behaviour = Shelf({"tiny.tar.gz": TINY})
    declare(other, text(server, "tiny.tar.gz", TINY))
    assert other.sync(1) == "failed" and "certificate verify failed" in other.said and server.asked == []
    declare(acme, text(server, "tiny.tar.gz", TINY))
    assert acme.sync() == "applied"


def test_what_breaks_off_is_gone_on_with(acme: Tenant, server: HttpServer) -> None:
    shelf = Shelf({"tiny.tar.gz": TINY}, cuts=[1000, 70_000])
    server.behaviour = shelf
    declare(acme, text(server, "tiny.tar.gz", TINY))
    assert acme.sync() == "applied" and shelf.begun == [0, 1000, 71_000] and partial() == []


def test_a_server_without_parts_begins_anew(acme: Tenant, server: HttpServer) -> None:
    shelf = Shelf({"tiny.tar.gz": TINY}, parts=False, cuts=[70_000])
    server.behaviour = shelf
    declare(acme, text(server, "tiny.tar.gz", TINY))
    assert acme.sync() == "applied" and shelf.begun == [0, 0]


def up(tenant: Tenant) -> None:
    """Brings a tenant up: else its start fetches the image, and not the sync."""
    if tenant.status()["generation"] is None:
        tenant.commit(web=idler("debian-13"))
        assert tenant.sync() == "applied"


def killed(tenant: Tenant, server: HttpServer, image: str, shelf: Shelf, at: int) -> None:
    """Kills the sync when so many bytes have come and no more come; somebody else finds them later."""
    server.behaviour = shelf
    shelf.most = at
    up(tenant)
    declare(tenant, image)
    sync = subprocess.Popen(["bbhv", "sync", tenant.id], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until("the bytes are there", lambda: bool(shelf.begun) and any(
            path.stat().st_size == at for path in (STORE / ".partial" / tenant.id).glob("*[0-9a-f]")))
    finally:
        os.kill(sync.pid, signal.SIGKILL)
        sync.wait()
    shelf.most = 1 << 40


@pytest.mark.parametrize("tag", [True, False])
def test_what_a_kill_leaves_is_gone_on_with_and_only_by_whose_it_is(
    make: Make, acme: Tenant, server: HttpServer, ca: Authority, tag: bool
) -> None:
    shelf, image = Shelf({"tiny.tar.gz": TINY}, tag=tag), text(server, "tiny.tar.gz", TINY)
    killed(acme, server, image, shelf, 50_000)
    assert len(partial()) == 2 and left_over() != []
    beta = customer(make, server, ca, "beta")
    declare(beta, image)
    assert beta.sync() == "applied" and shelf.begun == [0, 0], "not from what another one has"
    assert acme.sync() == "applied" and shelf.begun == [0, 0, 50_000] and left_over() == partial() == []

    # Another file by now, of which the bytes so far are no part.
    news = archive([*guest(), member("srv/new")])
    killed(acme, server, text(server, "tiny.tar.gz", news), Shelf({"tiny.tar.gz": TINY}), 50_000)
    shelf = Shelf({"tiny.tar.gz": news}, tag=tag)
    server.behaviour = shelf
    assert acme.sync() == "applied" and shelf.begun in ([0], [50_000, 0]) and partial() == []


@pytest.mark.parametrize("call", ["fsync", "rename", "unlink"])
def test_a_kill_between_two_steps_leaves_the_bytes_or_the_image(acme: Tenant, server: HttpServer, call: str) -> None:
    data = Path("/srv/images/guest.squashfs").read_bytes() + call.encode().ljust(4096)
    digest = hashlib.sha256(data).hexdigest()
    shelf = Shelf({"guest.raw": data})
    server.behaviour = shelf
    up(acme)
    declare(acme, text(server, "guest.raw", data, "raw"), idler("tiny"))
    run(["strace", "-f", "-qq", "-o", "/dev/null", "-P", STORE / ".partial/acme" / digest, "-e", f"trace={call}",
         "-e", f"inject={call}:signal=KILL:when=1", "bbhv", "sync", "acme"], check=False, timeout=120)
    made = STORE / f"{digest}.raw"
    assert shelf.begun == [0] and acme.status()["generation"] == 1
    assert made.exists() == (call == "unlink") and (not made.exists() or made.read_bytes() == data)
    assert acme.sync() == "applied" and left_over() == partial() == []
    assert shelf.begun == [0, 0][: 1 + (call == "unlink")], "what is whole is not fetched again, unless nobody knows it"


def test_what_nobody_wants_any_more_goes(acme: Tenant, server: HttpServer) -> None:
    shelf = Shelf({"tiny.tar.gz": TINY, "other.tar.gz": archive([*guest(), member("srv/x")])})
    killed(acme, server, text(server, "tiny.tar.gz", TINY), shelf, 50_000)
    declare(acme, text(server, "other.tar.gz", shelf.files["other.tar.gz"]))
    assert acme.sync() == "applied" and partial() == []
    killed(acme, server, text(server, "tiny.tar.gz", TINY), shelf, 50_000)
    acme.remove()
    run(["bbhv", "sync"], check=False)
    assert partial() == []


def test_a_hash_that_another_tenant_has_opens_nothing(
    make: Make, acme: Tenant, server: HttpServer, ca: Authority
) -> None:
    server.behaviour = Shelf({"tiny.tar.gz": TINY})
    declare(acme, text(server, "tiny.tar.gz", TINY))
    assert acme.sync() == "applied"
    beta = customer(make, server, ca, "beta")
    declare(beta, text(server, "none.tar.gz", TINY))
    assert beta.sync(1) == "failed" and "answers with status 404" in beta.said


def test_nobody_else_waits_for_a_download(make: Make, acme: Tenant, server: HttpServer, ca: Authority) -> None:
    slow = [acme, *(customer(make, server, ca, f"slow{number}") for number in range(5))]
    calm = make("calm")
    calm.commit(web=idler("debian-13"))
    assert calm.sync() == "applied"
    shelf = Shelf({"tiny.tar.gz": TINY}, most=50_000)
    server.behaviour = shelf
    for one in slow:
        declare(one, text(server, "tiny.tar.gz", TINY))
    newest = calm.commit(web=idler("debian-13", "MemoryMax=60M"))
    sync = subprocess.Popen(["bbhv", "sync"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until("the other is applied", lambda: calm.status()["outcomeCommit"] == newest, 60)
        wait_until("all others are fetched", lambda: len(shelf.begun) == len(slow), 60)
        assert sync.poll() is None
        wait_until("it is told", lambda: acme.status()["fetching"] == {
            "image": "tiny", "received": 50_000, "size": len(TINY)})
        assert f"Fetching: image tiny, 49 KiB of " in run(["bbhv", "status", "acme"]).stdout
        unit, *_ = [unit for unit in units() if "-acme-" in unit]
        rated = run(["systemd-analyze", "security", "--no-pager", unit]).stdout
        line = next(line for line in rated.splitlines() if "Overall exposure level" in line)
        assert float(line.split(":")[1].split()[0]) <= 1.5, rated
    finally:
        shelf.most = 1 << 40
        server.closing.set()
        sync.wait(120)
    assert [one.sync() for one in slow] == ["unchanged"] * len(slow)
    assert acme.status()["fetching"] is None


def test_a_raw_image_may_be_compressed_and_has_a_bound(make: Make, server: HttpServer, ca: Authority) -> None:
    acme = customer(make, server, ca, storage="64M")
    whole = Path("/srv/images/guest.squashfs").read_bytes()
    for ending, pack in (("gz", gzip.compress), ("xz", lambda data: lzma.compress(data, preset=0)), ("zst", zstd)):
        server.behaviour = Shelf({f"guest.raw.{ending}": (data := pack(whole + bytes(4096)))})
        declare(acme, text(server, f"guest.raw.{ending}", data, "raw"))
        assert acme.sync() == "applied", acme.said
    bomb = gzip.compress(bytes(100 << 20), 1)
    for data, words in ((bomb, "is larger than the 64M"), (gzip.compress(whole)[:-9], "The image cannot be read: ")):
        server.behaviour = Shelf({"bomb.raw.gz": data})
        declare(acme, text(server, "bomb.raw.gz", data, "raw"))
        assert acme.sync(1) == "failed" and words in acme.said and left_over() == [], acme.said
    bomb = gzip.compress(archive([*guest(), member("srv/zeros", bytes(100 << 20))], bytes), 1)
    server.behaviour = Shelf({"bomb.tar.gz": bomb})
    declare(acme, text(server, "bomb.tar.gz", bomb))
    assert acme.sync(1) == "failed" and "more bytes than there is room for" in acme.said and left_over() == []
    asked = len(server.asked)
    assert acme.sync(1) == "failed" and len(server.asked) == asked, "what has come is not fetched again"


def units() -> list[str]:
    """The sandboxes that fetch images now."""
    shown = run(["systemctl", "list-units", "--plain", "--no-legend", "--state=active", "bitbuilder-image-*"])
    return [line.split()[0] for line in shown.stdout.splitlines()]
