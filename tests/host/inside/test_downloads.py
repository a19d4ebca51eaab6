"""Images from the network: they come by a sandboxed unit, whatever their server does, and nobody else waits for it."""

import fcntl
import gzip
import hashlib
import lzma
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Make
from .guests import archive, guest, idler, member
from .servers import Authority, Behaviour, Handler, HttpServer, hang, redirect, trickle
from .shelves import Shelf, answer, endless
from .support import run, wait_until
from .test_fetch import ca as ca  # fixtures
from .test_hostile_server import impatient as impatient
from .test_images import MOUNTS, STORE, left_over, zstd
from .world import Tenant

TINY = archive(guest())
LOCKS = Path("/run/bitbuilder/lock")


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
    "has no end": (endless, "is larger than the 64M that it may take."),
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
    assert "Correct Size= in infrastructure/tiny.image" in acme.said
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
    assert len(server.asked) == asked, "the timer leaves alone who gave as good as nothing"
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


def test_the_timer_goes_on_at_once_only_with_what_came_in_earnest(acme: Tenant, server: HttpServer) -> None:
    up(acme)
    data = os.urandom(1 << 20)
    shelf = Shelf({"big.tar.gz": data}, cuts=[6_000] * 5)
    server.behaviour = shelf
    declare(acme, text(server, "big.tar.gz", data))
    assert acme.sync(1) == "failed" and "30 KiB of it are kept; it is asked for more a while later" in acme.said
    assert "bbhv sync acme" in acme.said
    run(["bbhv", "sync", "--backoff", "acme"], check=False)
    assert len(shelf.begun) == 5
    shelf.cuts = [50_000] * 5
    assert acme.sync(1) == "failed" and "274 KiB of it are kept; the next sync goes on behind them" in acme.said
    run(["bbhv", "sync", "--backoff", "acme"], check=False)
    assert shelf.begun[5:] == [30_000, 80_000, 130_000, 180_000, 230_000, 280_000]


def test_a_server_that_always_begins_anew_is_not_said_to_go_on_and_is_left_alone(
    acme: Tenant, server: HttpServer
) -> None:
    up(acme)
    data = os.urandom(1 << 20)
    shelf = Shelf({"big.tar.gz": data}, parts=False, cuts=[400_000] * 5)
    server.behaviour = shelf
    declare(acme, text(server, "big.tar.gz", data))
    assert acme.sync(1) == "failed" and shelf.begun == [0, 0]
    assert "Its server began anew" in acme.said and "it has to send the whole file within 3600 s" in acme.said
    run(["bbhv", "sync", "--backoff", "acme"], check=False)
    assert shelf.begun == [0, 0]


def test_all_images_of_a_run_share_the_time_that_it_has(acme: Tenant, server: HttpServer, impatient: None) -> None:
    up(acme)
    shelf = Shelf({"one.tar.gz": TINY, "two.tar.gz": archive([*guest(), member("srv/two")])})
    asked: list[float] = []

    def behave(handler: Handler) -> bool:
        asked.append(time.monotonic())
        return hang(handler) if len(asked) > 1 else handler.owner.closing.wait(4) or shelf(handler)

    server.behaviour = behave
    acme.repo.commit({
        **{f"infrastructure/{name[:3]}.image": text(server, name, data) for name, data in shelf.files.items()},
        **{f"containers/{name[:3]}.nspawn": idler(name[:3]) for name in shelf.files},
    })  # fmt: skip
    said = run(["bbhv", "sync", "--backoff", "acme"], check=False).stdout
    if len(asked) == 1:  # on a slow machine the first took all of it
        assert "what came before it took all of the 6 s" in said, said
        return
    assert len(asked) == 2 and time.monotonic() - asked[1] < 6, said  # which it would have had for itself
    assert "it took longer than 6 s and was ended" in said, said


def test_what_has_come_counts_as_storage(make: Make, server: HttpServer, ca: Authority) -> None:
    acme = customer(make, server, ca, storage="64M")
    first, last = sorted((os.urandom(50 << 20) for _ in range(2)), key=lambda data: hashlib.sha256(data).digest())
    shelf = Shelf({"last.tar.gz": last, "first.tar.gz": first})
    one, two = (text(server, name, data) for name, data in shelf.files.items())
    killed(acme, server, one, shelf, 40 << 20)
    acme.repo.commit({"infrastructure/another.image": two, "containers/other.nspawn": idler("another")})
    assert acme.sync(1) == "failed" and "Image another from " in acme.said, acme.said
    assert f"first.tar.gz has {50 << 20} bytes, more than the " in acme.said, acme.said
    assert "ask the operator for more storage" in acme.said
    acme.repo.commit({"containers/web.nspawn": idler("another")})
    assert acme.sync(1) == "failed" and "cannot be read" in acme.said, "it fits beside nothing, and is no archive"


def test_zeros_of_a_disk_image_take_no_place(acme: Tenant, server: HttpServer) -> None:
    data = Path("/srv/images/guest.squashfs").read_bytes() + bytes(32 << 20)
    server.behaviour = Shelf({"guest.raw": data}, cuts=[len(data) - (20 << 20) - 5])
    declare(acme, text(server, "guest.raw", data, "raw"), idler("tiny"))
    assert acme.sync() == "applied"
    made = STORE / f"{hashlib.sha256(data).hexdigest()}.raw"
    assert made.read_bytes() == data and made.stat().st_blocks * 512 < len(data) - (30 << 20)


@pytest.fixture
def named() -> Iterator[str]:
    """A name that means this host, as anybody may give one to it."""
    hosts = Path("/etc/hosts")
    before = hosts.read_text()
    hosts.write_text(f"{before}\n127.0.0.1 images.test\n169.254.169.254 link.test\n")
    yield "images.test"
    hosts.write_text(before)


def test_a_name_does_not_lead_to_what_only_this_host_may_reach(make: Make, named: str) -> None:
    with HttpServer(Path("/nowhere"), host=named) as server, HttpServer(Path("/nowhere")) as own:
        granted = [server.url("images/"), own.url("images/"), "http://link.test/images/"]
        acme = make("acme", grants={**MOUNTS, "storage": "20G", "images": ["debian-*"], "imageSources": granted})
        shelf = Shelf({"tiny.tar.gz": TINY})
        server.behaviour, own.behaviour = shelf, redirect(server.url("x")[:-2])
        for one in (server, own):
            declare(acme, text(one, "tiny.tar.gz", TINY))
            assert acme.sync(1) == "failed", acme.said
            assert "images.test has the address 127.0.0.1, which is this host itself, and is not asked" in acme.said
        declare(acme, text(own, "tiny.tar.gz", TINY).replace(own.url("images/"), granted[2]))
        assert acme.sync(1) == "failed" and "link.test has the address 169.254.169.254, which is only" in acme.said
        assert server.asked == [] and len(own.asked) == 1
        own.behaviour = shelf
        declare(acme, text(own, "tiny.tar.gz", TINY))
        assert acme.sync() == "applied", "the operator has named this host"


def test_who_is_sent_to_another_server_has_a_place_there(make: Make, server: HttpServer, ca: Authority) -> None:
    with HttpServer(Path("/nowhere"), server.certificate) as other:
        acme = customer(make, server, ca, imageSources=[one.url("images/") for one in (server, other)])
        places = [LOCKS / f"_to-localhost:{one.port}.{number}" for one in (server, other) for number in range(4)]
        taken: list[list[bool]] = []

        def look(handler: Handler) -> bool:
            taken.append([is_locked(place) for place in places])
            return shelf(handler)

        shelf = Shelf({"tiny.tar.gz": TINY})
        server.behaviour, other.behaviour = redirect(other.url("x")[:-2]), look
        declare(acme, text(server, "tiny.tar.gz", TINY))
        assert acme.sync() == "applied" and len(server.asked) == len(other.asked) == 1
        assert [sum(taken[0][:4]), sum(taken[0][4:])] == [0, 1] and not taken[0][7]


def test_nothing_is_collected_while_a_rollback_fetches_an_image(acme: Tenant, server: HttpServer) -> None:
    shelf, held = Shelf({"tiny.tar.gz": TINY}), []

    def look(handler: Handler) -> bool:
        held.append(is_locked(LOCKS / "_store"))
        return shelf(handler)

    server.behaviour = look
    declare(acme, text(server, "tiny.tar.gz", TINY))
    assert acme.sync() == "applied"
    acme.repo.commit({"containers/web.nspawn": idler("debian-13")})
    assert acme.sync() == "applied"
    shutil.rmtree(STORE / f"{hashlib.sha256(TINY).hexdigest()}.tree")
    assert "applied" in run(["bbhv", "rollback", "acme"]).stdout and held == [True, True]


def is_locked(path: Path) -> bool:
    """Whether somebody holds a lock."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


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
    assert acme.sync() == "applied" and partial() == []
    assert shelf.begun == [0], "what is whole is not fetched again"
    run(["bbhv", "sync"])
    assert left_over() == []


def test_what_nobody_wants_any_more_goes(acme: Tenant, server: HttpServer) -> None:
    shelf = Shelf({"tiny.tar.gz": TINY, "other.tar.gz": archive([*guest(), member("srv/x")])})
    killed(acme, server, text(server, "tiny.tar.gz", TINY), shelf, 50_000)
    declare(acme, text(server, "other.tar.gz", shelf.files["other.tar.gz"]))
    assert acme.sync() == "applied" and partial() == []
    killed(acme, server, text(server, "tiny.tar.gz", TINY), shelf, 50_000)
    acme.remove()
    with next((STORE / ".partial/acme").glob("*[0-9a-f]")).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        run(["bbhv", "sync"], check=False)
        assert len(partial()) == 2, "somebody is at it"
    os.utime(STORE)
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
        wait_until("as many as may come at the same time", lambda: len(shelf.begun) == 3, 60)
        assert sync.poll() is None
        told = {"image": "tiny", "received": 50_000, "size": len(TINY)}
        wait_until("it is told", lambda: [one.status()["fetching"] for one in slow].count(told) == 3)
        one = next(one for one in slow if one.status()["fetching"])
        assert f"Fetching: image tiny, 49 KiB of " in run(["bbhv", "status", one.id]).stdout
        assert not any(b"cat-file" in path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline"))
        unit, *_ = [unit for unit in units() if f"-{one.id}-" in unit]
        rated = run(["systemd-analyze", "security", "--no-pager", unit]).stdout
        line = next(line for line in rated.splitlines() if "Overall exposure level" in line)
        assert float(line.split(":")[1].split()[0]) <= 1.5, rated
    finally:
        shelf.most = 1 << 40
        server.closing.set()
        sync.wait(120)
    assert [one.sync() for one in slow] == ["unchanged"] * len(slow)
    assert acme.status()["fetching"] is None and server.most == 3, "one place is for repositories"


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
