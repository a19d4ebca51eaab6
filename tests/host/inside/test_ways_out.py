"""What leads out of the networks of a tenant and into them, and that it ends when it is taken back."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import pytest

from .conftest import Make
from .nets import (
    ABROAD,
    ELSEWHERE,
    FAR,
    OTHER_UPLINK,
    UPLINK,
    WORLD,
    Peer,
    asks,
    bridge,
    commit,
    connection,
    grants,
    member,
    net,
    pings,
    serving,
    settle,
    within,
    world,
)
from .support import REGISTRATIONS, registration, run, wait_until
from .world import Tenant

BOTH = bridge("lan", "10.77.0.1/24", "Address=fd00:77::1/64")
OWN = ("Address=10.77.0.10", "Address=fd00:77::10")
# Packets that are the beginning of nothing and no part of anything, and a last one that is honest.
STRANGE = """
import socket, struct
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as one:
    for port, flags in ((5000, 0), (5001, 3), (5002, 6)):
        one.sendto(struct.pack("!HHIIBBHHH", port, 80, 1, 0, 0x50, flags, 1000, 0, 0), ("198.51.100.2", 0))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    one.sendto(b"honest", ("198.51.100.2", 9))
"""
# The senders of what comes to the world, until that.
SEES = """
import socket
found = set()
with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x800)) as one:
    one.settimeout(20)
    one.bind(("wup0", 0))
    print("ready", flush=True)
    while True:
        packet, where = one.recvfrom(2000)
        if where[2] != 4:
            found.add(socket.inet_ntoa(packet[12:16]))
        if b"honest" in packet:
            break
print(" ".join(sorted(found)))
"""
# Whether what passes a bridge passes the filters of IP as well, as far as this kernel can do that.
BRIDGED = [path for path in map(Path, (
    "/proc/sys/net/bridge/bridge-nf-call-iptables", "/proc/sys/net/bridge/bridge-nf-call-ip6tables",
)) if path.exists()]  # fmt: skip
# How long a word may take that comes; one that does not come in this time does not come.
SECONDS = 3


@pytest.fixture
def bridged() -> Iterator[None]:
    """What this test host does with what passes a bridge, as it was."""
    before = [path.read_text() for path in BRIDGED]
    yield
    for path, text in zip(BRIDGED, before):
        path.write_text(text)


def settled(tenant: Tenant, name: str, last: int) -> None:
    """A container with its addresses, and the host as its router."""
    settle(tenant, name, f"10.77.0.{last}/24", f"fd00:77::{last}/64", gateway="10.77.0.1")
    net(tenant, name, "ip", "route", "add", "default", "via", "fd00:77::1")


def talks(one: Peer, other: Peer, word: str) -> tuple[bool, bool]:
    """Whether a word comes through, in the one direction and in the other."""
    one.says(f"{word} there")
    other.says(f"{word} back")
    return other.hears(SECONDS) == f"{word} there", one.hears(SECONDS) == f"{word} back"


def regranted(tenant: Tenant, **more: object) -> None:
    """The operator changes the grants, and a sync follows."""
    path = REGISTRATIONS / f"{tenant.id}.json"
    path.write_text(registration(tenant.id, tenant.repo.url, grants=grants(77, **more)))
    assert tenant.sync() in ("applied", "unchanged"), tenant.said


def test_a_connection_to_the_internet_ends_with_the_grant(make: Make) -> None:
    acme = make("acme", grants=grants(77, uplinks=[UPLINK], internet=True))
    with world("203.0.113.7"):
        commit(acme, BOTH, web=member("lan", *OWN))
        assert acme.sync() == "applied", acme.said
        settled(acme, "web", 10)
        before, inside = acme.invocation("web"), within(acme, "web")
        with connection(ABROAD, inside, "203.0.113.7", "203.0.113.7", 80) as (server, client):
            assert talks(server, client, "first") == (True, True)
            regranted(acme, uplinks=[UPLINK])
            assert talks(server, client, "second") == (False, False)
            assert asks(inside, "203.0.113.7", 81) == "nothing" and not pings(acme, "web", "203.0.113.7")
            # Both are still there: what was said meanwhile comes as soon as it may.
            regranted(acme, uplinks=[UPLINK], internet=True)
            assert (client.hears(60), server.hears(60)) == ("second there", "second back")
        assert acme.invocation("web") == before, "nothing of it restarts a workload"


def test_nothing_leaves_with_an_address_of_a_network(make: Make) -> None:
    """What belongs to no connection is not translated, so it does not leave at all: here, TCP without a flag, and with
    two that exclude each other."""
    acme = make("acme", grants=grants(77, uplinks=[UPLINK], internet=True))
    with world():
        commit(acme, BOTH, web=member("lan", *OWN))
        assert acme.sync() == "applied", acme.said
        settled(acme, "web", 10)
        with subprocess.Popen([*ABROAD, "python3", "-c", SEES], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout and process.stdout.readline() == "ready\n"
            run([*within(acme, "web"), "python3", "-c", STRANGE])
            assert process.communicate(timeout=30)[0].split() == ["198.51.100.1"]


def test_a_connection_by_a_port_ends_with_the_port(make: Make) -> None:
    """In both directions, and in one of them only by who sends without being asked again."""
    acme = make("acme", grants=grants(77, ports=["tcp:8080"], uplinks=[UPLINK]))
    with world():
        commit(acme, BOTH, web=member("lan", *OWN, ports=("tcp:8080:80",)))
        assert acme.sync() == "applied", acme.said
        settled(acme, "web", 10)
        inside = within(acme, "web")
        with connection(inside, ABROAD, "10.77.0.10", "198.51.100.1", 8080, 80) as (server, client):
            with connection(inside, ABROAD, "fd00:77::10", "2001:db8:1::1", 8080, 80) as (server6, client6):
                assert talks(server, client, "first") == talks(server6, client6, "first") == (True, True)
                commit(acme, BOTH, web=member("lan", *OWN))
                assert acme.sync() == "applied", acme.said
                assert talks(server, client, "second") == talks(server6, client6, "second") == (False, False)
                commit(acme, BOTH, web=member("lan", *OWN, ports=("tcp:8080:80",)))
                assert acme.sync() == "applied", acme.said
                assert (client.hears(60), server.hears(60)) == ("second there", "second back")
                assert (client6.hears(60), server6.hears(60)) == ("second there", "second back")
                # By another port of the host, it would be another connection.
                regranted(acme, ports=["tcp:8080", "tcp:8081"], uplinks=[UPLINK])
                commit(acme, BOTH, web=member("lan", *OWN, ports=("tcp:8081:80",)))
                assert acme.sync() == "applied", acme.said
                assert talks(server, client, "third") == (False, False)


def test_what_is_taken_back_is_shut_while_a_commit_that_asks_for_it_is_refused(make: Make) -> None:
    """What runs goes on, but for that; also when its networks are brought up anew, and until it is granted again."""
    both: dict[str, object] = {"ports": ["tcp:8080"], "uplinks": [UPLINK], "internet": True}
    acme = make("acme", grants=grants(77, **both))

    def granted(more: dict[str, object], status: int = 0) -> None:
        path = REGISTRATIONS / "acme.json"
        path.write_text(registration("acme", acme.repo.url, grants=grants(77, **more)))
        assert acme.sync(status) in (("refused",) if status else ("unchanged", "applied")), acme.said

    with world("203.0.113.7"):
        commit(acme, BOTH, web=member("lan", *OWN, ports=("tcp:8080:80",)))
        assert acme.sync() == "applied", acme.said
        settled(acme, "web", 10)
        before, inside = acme.invocation("web"), within(acme, "web")
        with connection(inside, ABROAD, "10.77.0.10", "198.51.100.1", 8080, 80) as (server, client):
            with connection(ABROAD, inside, "203.0.113.7", "203.0.113.7", 443) as (far, near):
                assert talks(server, client, "first") == talks(far, near, "first") == (True, True)
                granted({}, 3)
                assert talks(server, client, "second") == talks(far, near, "second") == (False, False)
                run(["systemctl", "reload", "tenant-network@acme"])
                assert (client.hears(SECONDS), near.hears(SECONDS)) == ("", "")
                granted({**both, "ports": []}, 3)
                assert (near.hears(60), far.hears(60)) == ("second there", "second back")
                assert client.hears(SECONDS) == ""
                granted(both)
                assert (client.hears(60), server.hears(60)) == ("second there", "second back")
        assert acme.invocation("web") == before and not (acme.folder / "revoked.json").exists()


def test_what_an_interrupted_sync_has_written_down_the_next_one_shuts_and_opens(make: Make) -> None:
    """Each time as if it was killed after it had written what is to be, and before that was in force."""
    port: dict[str, object] = {"ports": ["tcp:8080"], "uplinks": [UPLINK]}
    acme = make("acme", grants=grants(77, **port))
    noted, kept = acme.folder / "revoked.json", acme.folder / "kept"

    def shut() -> bool:
        return "tcp . 8080 : drop" in run(["nft", "list", "map", "inet", "bitbuilder", "shut_ports"]).stdout

    def regrant(**more: object) -> None:
        path = REGISTRATIONS / "acme.json"
        path.write_text(registration("acme", acme.repo.url, grants=grants(77, **more)))

    with world("203.0.113.7"):
        commit(acme, BOTH, web=member("lan", *OWN, ports=("tcp:8080:80",)))
        assert acme.sync() == "applied", acme.said
        regrant(uplinks=[UPLINK])
        assert acme.sync(3) == "refused" and shut() and noted.stat().st_size > 0
        noted.rename(kept)
        run(["systemctl", "reload", "tenant-network@acme"])
        kept.rename(noted)
        assert not shut()
        assert acme.sync(3) == "refused" and shut()
        noted.write_bytes(b"")
        regrant(**port)
        assert shut()
        assert acme.sync() in ("unchanged", "applied") and not shut() and not noted.exists()


@pytest.mark.usefixtures("bridged")
def test_who_asks_the_host_for_a_port_of_his_own_network_is_led_back(make: Make) -> None:
    """Nobody else is: not another network of the tenant, and not another tenant."""
    acme = make("acme", grants=grants(77, ports=["tcp:8080", "udp:5353"], uplinks=[UPLINK]))
    other = make("other", grants=grants(78, ports=["tcp:9090"], uplinks=[UPLINK]))
    files = {**BOTH, **bridge("back", "10.77.1.1/24")}
    ports, asked = ("tcp:8080:80", "udp:5353:53"), ((8080, False), (5353, True))
    with world():
        commit(acme, files, web=member("lan", *OWN, ports=ports), db=member("lan", "Address=10.77.0.11"),
               deep=member("back", "Address=10.77.1.12"))  # fmt: skip
        commit(other, bridge("lan", "10.78.0.1/24"), web=member("lan", "Address=10.78.0.10", ports=("tcp:9090:80",)))
        assert (acme.sync(), other.sync()) == ("applied", "applied"), (acme.said, other.said)
        settled(acme, "web", 10)
        settled(acme, "db", 11)
        settle(acme, "deep", "10.77.1.12/24", gateway="10.77.1.1")
        settle(other, "web", "10.78.0.10/24", gateway="10.78.0.1")
        web, db, deep, foreign = (within(*one) for one in (
            (acme, "web"), (acme, "db"), (acme, "deep"), (other, "web")
        ))  # fmt: skip
        with ExitStack() as stack:
            for udp, inside in ((False, 80), (True, 53)):
                for address in ("10.77.0.10", "fd00:77::10"):
                    stack.enter_context(serving(web, address, inside, "web", udp=udp))
            for filtered in ("1\n", "0\n"):
                for path in BRIDGED:
                    path.write_text(filtered)
                for host, (port, udp) in product(("198.51.100.1", "10.77.0.1", "2001:db8:1::1"), asked):
                    wait_until("it is led back", lambda: asks(db, host, port, udp=udp).startswith("web "))
                    assert asks(deep, host, port, udp=udp) == asks(foreign, host, port, udp=udp) == "nothing"
            assert asks(web, "198.51.100.1", 8080) == "web 10.77.0.1", "where the bridge does it not by itself"
            assert asks(db, "198.51.100.1", 8080) == "web 10.77.0.1"
            assert asks(db, "10.77.0.10", 80) == "web 10.77.0.11", "who asks him himself is seen as he is"
            assert asks(db, "198.51.100.1", 80) == asks(db, "198.51.100.1", 9090) == "nothing"
            assert asks(ABROAD, "198.51.100.1", 8080) == "web 198.51.100.2"


def test_several_uplinks_lead_out_and_none_of_them_in(make: Make) -> None:
    acme = make("acme", grants=grants(77, uplinks=[UPLINK, OTHER_UPLINK], internet=True))
    with world("203.0.113.7"), world("203.0.113.130", name=ELSEWHERE):
        commit(acme, BOTH, web=member("lan", *OWN))
        assert acme.sync() == "applied", acme.said
        settled(acme, "web", 10)
        inside = within(acme, "web")
        with serving(ABROAD, "203.0.113.7", 80, "world"), serving(FAR, "203.0.113.130", 80, "elsewhere"):
            assert asks(inside, "203.0.113.7", 80) == "world 198.51.100.1"
            assert asks(inside, "203.0.113.130", 80) == "elsewhere 192.0.2.1"
        with serving(ABROAD, "2001:db8:1::2", 80, "world"), serving(FAR, "2001:db8:2::2", 80, "elsewhere"):
            wait_until("the one answers", lambda: asks(inside, "2001:db8:1::2", 80) == "world 2001:db8:1::1")
            wait_until("so does the other", lambda: asks(inside, "2001:db8:2::2", 80) == "elsewhere 2001:db8:2::1")
        ways = {WORLD: ("198.51.100.1", "2001:db8:1::1"), ELSEWHERE: ("192.0.2.1", "2001:db8:2::1")}
        for name, (four, six) in ways.items():
            run(["ip", "-n", name, "route", "add", "default", "via", four])
            run(["ip", "-n", name, "route", "add", "default", "via", six])
        with serving(inside, "10.77.0.10", 80, "web"), serving(inside, "fd00:77::10", 80, "web"):
            wanted = [(where, target) for where in (ABROAD, FAR) for target in ("10.77.0.10", "fd00:77::10")]

            def reached() -> list[bool]:
                return [asks(where, target, 80).startswith("web ") for where, target in wanted]

            through = [*ABROAD, "ping", "-c1", "-W1", "192.0.2.2"]
            assert reached() == [False] * 4 and run(through, check=False).returncode != 0
            # Nothing but the filter is in the way.
            run(["nft", "flush", "ruleset"])
            wait_until("all are reached without the filter", lambda: reached() == [True] * 4)
            assert run(through).returncode == 0
