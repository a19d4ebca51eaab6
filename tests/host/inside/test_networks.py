"""Networks of tenants, by real packets: who reaches whom, by which address and name, and what a change touches."""

import shutil
from pathlib import Path

from .conftest import Make
from .nets import (
    ABROAD,
    UPLINK,
    asks,
    bridge,
    commit,
    given,
    grants,
    links,
    member,
    net,
    pings,
    reached,
    serving,
    settle,
    within,
    world,
)
from .support import REGISTRATIONS, registration, run, unit_property, wait_until
from .world import Tenant


OPENED = ("opened_ip", "opened_ip6")
RA = ("Address=fd00:77::1/64", "IPv6SendRA=yes", "[IPv6Prefix]", "Prefix=fd00:77::/64")


def test_booted_guests_get_addresses_and_find_each_other(make: Make) -> None:
    acme = make("acme", grants=grants(77))
    commit(acme, bridge("lan", "10.77.0.1/24", *RA), web=member("lan", "Address=10.77.0.10", boot=True),
           db=member("lan", boot=True))  # fmt: skip
    assert acme.sync() == "applied", acme.said
    for name in ("web", "db"):
        acme.inside(name, "systemctl", "start", "systemd-networkd")
    for name in ("web", "db"):
        wanted = {"10.77.0", "fd00:77"}
        wait_until(f"{name} has addresses", lambda: wanted <= {one[:7] for one in addresses(acme, name)})
    assert "10.77.0.10/24" in addresses(acme, "web")
    db = given(acme, "db", "lan")
    assert f"{db}/24" in addresses(acme, "db")
    assert acme.inside("web", "getent", "hosts", "db").split() == [db, "db", "db.lan"]
    reached(acme, "web", db)
    six = next(one.partition("/")[0] for one in addresses(acme, "db") if one.startswith("fd00:77:"))
    reached(acme, "web", six)
    for udp in (False, True):
        inside = within(acme, "db")
        with serving(inside, six, 5000, "six", udp=udp), serving(inside, db, 5000, "four", udp=udp):
            assert asks(within(acme, "web"), db, 5000, udp=udp) == "four 10.77.0.10"
            assert asks(within(acme, "web"), six, 5000, udp=udp).startswith("six fd00:77:")
    assert run(["ping", "-c1", "-W2", db]).returncode == 0, "the host reaches its workloads"


def addresses(tenant: Tenant, name: str) -> list[str]:
    """The addresses of a booted guest, each with its length."""
    return tenant.inside(name, "ip", "-br", "address", "show", "host0").split()[2:]


def test_a_network_gives_nothing_but_what_was_declared(make: Make) -> None:
    """One of each side, and nobody else: the host, another network of the tenant, another tenant, the world."""
    acme, other = make("acme", grants=grants(77)), make("other", grants=grants(78))
    commit(acme, {**bridge("lan", "10.77.0.1/24"), **bridge("back", "10.77.1.1/24")},
           web=member("lan", "Address=10.77.0.10"), both=member("lan", "Network=back:10.77.1.11", "Address=10.77.0.11"),
           deep=member("back", "Address=10.77.1.12"))  # fmt: skip
    commit(other, bridge("lan", "10.78.0.1/24"), web=member("lan", "Address=10.78.0.10"))
    assert (acme.sync(), other.sync()) == ("applied", "applied"), (acme.said, other.said)
    for name, address in (("web", "10.77.0.10"), ("both", "10.77.0.11")):
        settle(acme, name, f"{address}/24", gateway="10.77.0.1")
    settle(acme, "both", "10.77.1.11/24", link="host1")
    settle(acme, "deep", "10.77.1.12/24", gateway="10.77.1.1")
    settle(other, "web", "10.78.0.10/24", gateway="10.78.0.1")
    with world("203.0.113.7"):
        reached(acme, "web", "10.77.0.11")
        reached(acme, "both", "10.77.1.12")
        with serving([], "10.77.0.1", 2222, "host"), serving([], "198.51.100.1", 2222, "host"):
            for address in ("10.77.0.1", "198.51.100.1"):
                assert asks(within(acme, "web"), address, 2222) == "nothing", address
            assert asks([], "10.77.0.1", 2222) == "host 10.77.0.1"
        unreached = {
            "web": ("10.77.1.12", "10.77.1.11", "10.78.0.10", "10.78.0.1", "10.77.0.1", "198.51.100.2", "203.0.113.7",
                    "169.254.169.254"),
            "deep": ("10.77.0.10", "10.78.0.10"),
        }  # fmt: skip
        found = [(name, one) for name, all_of in unreached.items() for one in all_of if pings(acme, name, one)]
        assert found == []
        assert not pings(other, "web", "10.77.0.10")


def test_ports_of_the_host_lead_inside(make: Make) -> None:
    acme = make("acme", grants=grants(77, ports=["tcp:8080", "udp:5353"], uplinks=[UPLINK]))
    files = bridge("lan", "10.77.0.1/24", "Address=fd00:77::1/64")
    addresses = ("Address=10.77.0.10", "Address=fd00:77::10")
    with world():
        commit(acme, files, web=member("lan", *addresses, ports=("tcp:8080:80", "udp:5353:53")))
        assert acme.sync() == "applied", acme.said
        settle(acme, "web", "10.77.0.10/24", "fd00:77::10/64", gateway="10.77.0.1")
        net(acme, "web", "ip", "route", "add", "default", "via", "fd00:77::1")
        inside = within(acme, "web")
        with serving(inside, "10.77.0.10", 80, "web"), serving(inside, "fd00:77::10", 80, "six"):
            assert asks(ABROAD, "198.51.100.1", 8080) == "web 198.51.100.2"
            wait_until("IPv6 leads inside", lambda: asks(ABROAD, "2001:db8:1::1", 8080) == "six 2001:db8:1::2")
            assert asks(ABROAD, "198.51.100.1", 80) == "nothing"
            assert asks([], "198.51.100.1", 8080).startswith("web ")
            commit(acme, files, web=member("lan", *addresses))
            before = acme.invocation("web")
            assert acme.sync() == "applied", acme.said
            assert asks(ABROAD, "198.51.100.1", 8080) == "nothing"
            assert acme.invocation("web") == before
        with serving(inside, "10.77.0.10", 53, "dns", udp=True):
            assert asks(ABROAD, "198.51.100.1", 5353, udp=True) == "nothing"
    commit(acme, files, web=member("lan", *addresses, ports=("tcp:8081:80",)))
    assert acme.sync(3) == "refused" and "The port tcp:8081 of the host is not granted." in acme.said


def test_the_internet_is_granted(make: Make) -> None:
    acme = make("acme", grants=grants(77, uplinks=[UPLINK], internet=True))
    with world("203.0.113.7", "10.9.9.9"):
        commit(acme, bridge("lan", "10.77.0.1/24", "Address=fd00:77::1/64"), web=member("lan", "Address=10.77.0.10"))
        assert acme.sync() == "applied", acme.said
        settle(acme, "web", "10.77.0.10/24", "fd00:77::10/64", gateway="10.77.0.1")
        net(acme, "web", "ip", "route", "add", "default", "via", "fd00:77::1")
        with serving(ABROAD, "203.0.113.7", 80, "world"), serving(ABROAD, "2001:db8:1::2", 80, "six"):
            assert asks(within(acme, "web"), "203.0.113.7", 80) == "world 198.51.100.1"
            wait_until("IPv6 leads out", lambda: asks(within(acme, "web"), "2001:db8:1::2", 80) == "six 2001:db8:1::1")
        assert not pings(acme, "web", "10.9.9.9"), "a private network is not the internet"
        assert Path(f"/proc/sys/net/ipv4/conf/{UPLINK}/forwarding").read_text() == "1\n"
        run(["systemctl", "stop", "tenant@acme"])
        assert Path(f"/proc/sys/net/ipv4/conf/{UPLINK}/forwarding").read_text() == "0\n"


def test_a_change_touches_only_what_differs(make: Make) -> None:
    acme = make("acme", grants=grants(77))
    lan = bridge("lan", "10.77.0.1/24")
    commit(acme, lan, web=member("lan", "Address=10.77.0.10"))
    assert acme.sync() == "applied", acme.said
    settle(acme, "web", "10.77.0.10/24")
    before, invocation = links(), acme.invocation("web")
    commit(acme, {**lan, **bridge("back", "10.77.1.1/24")}, db=member("lan", "Address=10.77.0.11"))
    assert acme.sync() == "applied", acme.said
    after = links()
    assert {name: after.get(name) for name in before} == before
    assert acme.invocation("web") == invocation
    settle(acme, "db", "10.77.0.11/24")
    reached(acme, "web", "10.77.0.11")
    assert "10.77.0.11 db db.lan" in acme.inside("web", "cat", "/etc/hosts").splitlines()
    commit(acme, bridge("lan", "10.77.0.2/24"))
    assert acme.sync() == "applied", acme.said
    assert {name: links().get(name) for name in before} == before
    assert "10.77.0.2/24" in run(["ip", "-br", "address", "show", "lan.acme"]).stdout
    acme.repo.commit({"network/back.netdev": None, "network/back.network": None})
    assert acme.sync() == "applied", acme.said
    assert "back.acme" not in links() and acme.invocation("web") == invocation
    assert pings(acme, "web", "10.77.0.11")


def test_what_is_gone_leaves_nothing(make: Make) -> None:
    before, rules = links(), run(["nft", "list", "ruleset"]).stdout
    acme = make("acme", grants=grants(77))
    files = {**bridge("lan", "10.77.0.1/24"), **bridge("back"), "network/way.netdev":
             "[NetDev]\nName=way\nKind=veth\n[Peer]\nName=yaw\n", "network/way.network":
             "[Match]\nName=way\n[Network]\nBridge=lan\n", "network/yaw.network":
             "[Match]\nName=yaw\n[Network]\nBridge=back\n"}  # fmt: skip
    commit(acme, files, web=member("lan", "Address=10.77.0.10"), db=member("back"))
    assert acme.sync() == "applied", acme.said
    assert {"lan.acme", "back.acme", "way.acme", "yaw.acme"} <= set(links())
    settle(acme, "web", "10.77.0.10/24")
    settle(acme, "db", "10.77.0.20/24")
    assert not pings(acme, "db", "10.77.0.10"), "whoever has no address in his own network has none in the next"
    acme.repo.commit({f"network/{name}": None for name in ("way.netdev", "way.network", "yaw.network")})
    assert acme.sync() == "applied", acme.said
    assert not {"way.acme", "yaw.acme"} & set(links())
    acme.remove()
    assert links() == before and run(["nft", "list", "ruleset"]).stdout == rules
    left = [path.name for path in Path("/run/systemd/network").iterdir() if "bitbuilder" in path.name]
    assert left == [] and not Path("/run/bitbuilder/networks/acme").exists()


def test_rules_that_somebody_flushed_come_back(make: Make) -> None:
    acme = make("acme", grants=grants(77), drift="heal")
    commit(acme, bridge("lan", "10.77.0.1/24"), web=member("lan", "Address=10.77.0.10"))
    assert acme.sync() == "applied", acme.said
    rules = run(["nft", "-s", "list", "ruleset"]).stdout
    run(["nft", "flush", "ruleset"])
    assert "the filter" in str(acme.status()["drift"])
    acme.sync()
    assert "the filter" in acme.said
    assert run(["nft", "-s", "list", "ruleset"]).stdout == rules


def test_what_an_operator_forwards_stays_so(make: Make) -> None:
    """One version of IP by an uplink that is his router already: only the other one is opened for tenants alone."""
    acme = make("acme", grants=grants(77, uplinks=[UPLINK], internet=True))
    own = Path(f"/proc/sys/net/ipv4/conf/{UPLINK}/forwarding")
    with world():
        own.write_text("1\n")
        commit(acme, bridge("lan", "10.77.0.1/24"), web=member("lan"))
        assert acme.sync() == "applied", acme.said
        noted = {name: run(["nft", "list", "set", "inet", "bitbuilder", name]).stdout for name in OPENED}
        assert [UPLINK in text for text in noted.values()] == [False, True]
        run(["systemctl", "stop", "tenant@acme"])
        assert own.read_text() == "1\n"


def test_a_good_generation_whose_networks_are_damaged_is_made_anew(make: Make) -> None:
    acme = make("acme", grants=grants(77))
    commit(acme, bridge("lan", "10.77.0.1/24"), web=member("lan", "Address=10.77.0.10"))
    assert acme.sync() == "applied", acme.said
    rules = acme.folder / "good/networks/filter.json"
    for damage in ("{", None):
        if damage is None:
            shutil.rmtree(rules.parent)
        else:
            rules.write_text(damage)
        failed = run(["systemctl", "reload", "tenant-network@acme"], check=False)
        assert failed.returncode, "what is damaged is not called done"
        said = run(["journalctl", "-u", "tenant-network@acme", "-o", "cat", "-n20"]).stdout
        assert "damaged" in said and "Traceback" not in said
        assert "lan.acme" in links(), "what runs stays"
    assert acme.sync() == "unchanged" and rules.exists(), acme.said
    again = run(["systemctl", "reload", "tenant-network@acme"], check=False)
    assert again.returncode == 0, run(["journalctl", "-u", "tenant-network@acme", "-o", "cat", "-n20"]).stdout


def test_what_somebody_removed_comes_back_with_who_is_connected(make: Make) -> None:
    acme = make("acme", grants=grants(77), drift="heal")
    commit(acme, bridge("lan", "10.77.0.1/24"), web=member("lan", "Address=10.77.0.10"))
    assert acme.sync() == "applied", acme.said
    settle(acme, "web", "10.77.0.10/24")
    invocation = acme.invocation("web")
    run(["ip", "link", "delete", "lan.acme"])
    assert "lan.acme was removed" in str(acme.status()["drift"])
    acme.sync()
    assert "lan.acme was removed" in acme.said and acme.invocation("web") == invocation
    assert acme.status()["drift"] == []
    wait_until("the host reaches it", lambda: run(["ping", "-c1", "-W1", "10.77.0.10"], check=False).returncode == 0)


def test_a_subnet_and_a_port_are_one_tenants_alone(make: Make) -> None:
    """Though both were granted the same: nobody is told who has it."""
    same = grants(77, ports=["tcp:8080"])
    acme, other = make("acme", grants=same), make("other", grants=same)
    commit(acme, bridge("lan", "10.77.0.1/24"), web=member("lan", ports=("tcp:8080:80",)))
    assert acme.sync() == "applied", acme.said
    port = ("tcp:8080:80",)
    for address, ports, taken in (("10.77.0.129/25", (), "10.77.0.128/25"), ("10.77.1.1/24", port, "tcp:8080")):
        commit(other, bridge("lan", address), web=member("lan", ports=ports))
        assert other.sync(3) == "refused", other.said
        assert f"error[BB305]: {taken} is taken on this host already. hint: Choose another one" in other.said
        assert "acme" not in other.said
    assert acme.state("web") == "active" and "lan.other" not in links()
    commit(acme, bridge("lan", "10.77.2.1/24"), web=member("lan"))
    assert acme.sync() == "applied", acme.said
    assert other.sync() == "applied", other.said  # the same commit, for what it takes is free now


def test_a_root_that_is_kept_or_read_only_is_connected_too(make: Make) -> None:
    acme = make("acme", grants=grants(77))
    text = member("lan", "Address=10.77.0.10")
    commit(acme, bridge("lan", "10.77.0.1/24"), kept=text.replace("HealthStable", "Persistent=yes\nHealthStable"),
           fixed=member("lan").replace("[Network]", "[Files]\nReadOnly=yes\n[Network]"))  # fmt: skip
    assert acme.sync() == "applied", acme.said
    assert "10.77.0.10 kept kept.lan" in acme.inside("kept", "cat", "/etc/hosts").splitlines()
    settle(acme, "kept", "10.77.0.10/24")
    settle(acme, "fixed", f"{given(acme, 'fixed', 'lan')}/24")
    reached(acme, "fixed", "10.77.0.10")


def test_no_name_of_a_workload_is_that_of_a_server(make: Make) -> None:
    """The host itself finds its containers by their names; what fetches for tenants does not."""
    acme, other = make("acme", grants=grants(77)), make("other")
    commit(acme, bridge("lan", "10.77.0.1/24"), web=member("lan", "Address=10.77.0.10"))
    assert acme.sync() == "applied", acme.said
    settle(acme, "web", "10.77.0.10/24")
    assert run(["getent", "hosts", "web.acme"]).stdout.split()[0] == "10.77.0.10"
    url = "https://web.acme/other.git"
    (REGISTRATIONS / "other.json").write_text(registration("other", url))
    assert other.sync(1) == "failed" and "Could not resolve host: web.acme" in other.said, other.said


def test_a_second_start_and_a_crash_of_a_container_find_their_port(make: Make) -> None:
    acme = make("acme", grants=grants(77))
    commit(acme, bridge("lan", "10.77.0.1/24"), web=member("lan", "Address=10.77.0.10"))
    assert acme.sync() == "applied", acme.said
    first = acme.leader("web")
    run(["kill", "-KILL", unit_property(acme.unit("web"), "MainPID")])
    wait_until("it runs again", lambda: acme.leader("web") not in (0, first) and acme.state("web") == "active")
    settle(acme, "web", "10.77.0.10/24")
    assert run(["ping", "-c1", "-W2", "10.77.0.10"]).returncode == 0
    commit(acme, bridge("lan", "10.77.0.1/24"), web=member("lan", "Address=10.77.0.10", "ScratchSize=64M"))
    assert acme.sync() == "applied", acme.said
    settle(acme, "web", "10.77.0.10/24")
    assert run(["ping", "-c1", "-W2", "10.77.0.10"]).returncode == 0


def test_an_interface_of_the_host_is_not_taken(make: Make) -> None:
    acme = make("acme", grants=grants(77))
    run(["ip", "link", "add", "lan.acme", "type", "bridge"])
    try:
        commit(acme, bridge("lan", "10.77.0.1/24"), web=member("lan"))
        assert acme.sync(1) == "rolled-back"
        said = run(["journalctl", "-u", "tenant-network@acme", "-o", "cat", "-n20"]).stdout
        assert "This host has an interface lan.acme already" in said
        assert "lan.acme" in links()
    finally:
        run(["ip", "link", "delete", "lan.acme"])


def test_a_network_of_nobody_is_waited_for_and_goes_back_when_it_does_not_come_up(make: Make) -> None:
    acme = make("acme", grants=grants(77))
    commit(acme, bridge("lan", "10.77.0.1/24"))
    assert acme.sync() == "applied", acme.said
    assert unit_property("tenant-network@acme", "ActiveState") == "active" and "lan.acme" in links()
    acme.remove()
    acme = make("acme", grants=grants(77))
    run(["ip", "link", "add", "lan.acme", "type", "bridge"])
    try:
        commit(acme, bridge("lan", "10.77.0.1/24"))
        assert acme.sync(1) == "rolled-back", acme.said
    finally:
        run(["ip", "link", "delete", "lan.acme"])
