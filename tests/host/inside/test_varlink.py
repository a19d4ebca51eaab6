"""The varlink service on a real host, asked by systemd's varlinkctl: who answers, who may ask, what bad peers get."""

import grp
import json
import os
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .support import run, unit_property, wait_until

ADDRESS = "/run/bitbuilder/io.bitbuilder.Hypervisor"
SERVICE = "bitbuilder-varlink.service"
SCHEMAS = Path("/usr/lib/bitbuilder/schemas")
LIST = "io.bitbuilder.Hypervisor.ListTenants"
INTERFACES = ["io.bitbuilder.Hypervisor", "io.systemd.service", "org.varlink.service"]
IDLE = 30


def varlinkctl(*words: str, groups: str | None = None, uid: int = 0) -> "subprocess.CompletedProcess[str]":
    """What systemd's client says, as root or as another user with these supplementary groups."""
    drop = ["--groups", groups] if groups else ["--clear-groups"]
    who = ["setpriv", f"--reuid={uid}", f"--regid={uid}", *drop, "--"] if uid else []
    return run([*who, "varlinkctl", *words], check=False)


def parameters(done: "subprocess.CompletedProcess[str]") -> object:
    """The parameters of a reply, or of an error reply."""
    return json.loads(done.stdout)


def test_the_socket_is_open_for_all_and_in_the_registry() -> None:
    assert unit_property("bitbuilder-varlink.socket", "ActiveState") == "active"
    mode = os.stat(ADDRESS).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o666
    assert os.path.realpath("/run/varlink/registry/io.bitbuilder.Hypervisor") == ADDRESS


def test_a_client_that_knows_the_registry_lists_the_interface() -> None:
    if "list-registry" in run(["varlinkctl", "--help", "--no-pager"]).stdout:
        assert "io.bitbuilder.Hypervisor" in varlinkctl("list-registry", "--no-pager").stdout
    else:
        assert "io.bitbuilder.Hypervisor" in os.listdir("/run/varlink/registry")


def test_the_service_says_who_it_is_and_what_it_offers() -> None:
    info = parameters(varlinkctl("info", "--json=short", ADDRESS))
    assert isinstance(info, dict)
    assert (info["product"], info["interfaces"]) == ("BitBuilder Hypervisor", INTERFACES)
    assert f"bbhv {info['version']}" == run(["bbhv", "--version"]).stdout.strip()
    assert varlinkctl("list-interfaces", ADDRESS).stdout.split() == INTERFACES
    assert LIST in varlinkctl("list-methods", ADDRESS).stdout.split()


@pytest.mark.parametrize("interface", INTERFACES)
def test_the_description_is_valid_and_the_one_that_is_shipped(interface: str) -> None:
    shown = varlinkctl("introspect", ADDRESS, interface).stdout
    shipped = (SCHEMAS / f"{interface}.varlink").read_text()
    # validate-idl prints what it understood; both texts mean the same when both prints are equal.
    understood = run(["varlinkctl", "validate-idl"], input=shipped).stdout
    assert interface in understood
    assert run(["varlinkctl", "validate-idl"], input=shown).stdout == understood


def test_the_list_of_tenants_is_what_the_command_prints() -> None:
    def same() -> bool:
        reply = parameters(varlinkctl("call", "--json=short", ADDRESS, LIST, "{}"))
        assert isinstance(reply, dict) and isinstance(reply["tenants"], list)
        return bool(reply == json.loads(run(["bbhv", "list", "--json=short"]).stdout))

    wait_until("no tenant changes between the two questions", same)


def test_more_and_oneway_are_understood() -> None:
    once = parameters(varlinkctl("call", "--json=short", ADDRESS, LIST, "{}"))
    assert parameters(varlinkctl("call", "--collect", "--json=short", ADDRESS, LIST, "{}")) == [once]
    oneway = varlinkctl("call", "--oneway", ADDRESS, LIST, '{"tenant":"no-such-tenant"}')
    assert (oneway.returncode, oneway.stdout) == (0, "")


@pytest.mark.parametrize(
    ("method", "given", "told"),
    [
        (LIST, '{"tenant":"no-such-tenant"}', {"tenant": "no-such-tenant"}),
        (LIST, '{"tenant":"../acme"}', {"tenant": "../acme"}),
        (LIST, '{"tenant":true}', {"parameter": "tenant"}),
        (LIST, '{"tenants":"acme"}', {"parameter": "tenants"}),
        ("io.bitbuilder.Hypervisor.NoSuch", "{}", {"method": "io.bitbuilder.Hypervisor.NoSuch"}),
        ("io.example.Ping", "{}", {"interface": "io.example"}),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(method: str, given: str, told: dict[str, str]) -> None:
    done = varlinkctl("call", "--json=short", ADDRESS, method, given)
    assert done.returncode != 0
    assert parameters(done) == told


def test_a_stranger_learns_who_answers_and_no_tenant() -> None:
    since = run(["date", "+%s"]).stdout.strip()
    assert "BitBuilder Hypervisor" in varlinkctl("info", ADDRESS, uid=1).stdout
    for given in ("{}", '{"tenant":"no-such-tenant"}', '{"tenant":7}'):
        done = varlinkctl("call", "--json=short", ADDRESS, LIST, given, uid=1)
        assert (done.returncode != 0, parameters(done)) == (True, {})
        assert "ermission" in done.stderr

    def said() -> bool:
        return f"may not call {LIST}." in run(["journalctl", "-u", SERVICE, "-o", "cat", f"--since=@{since}"]).stdout

    wait_until("the journal names the stranger", said)


def test_a_member_of_the_operators_group_lists_tenants() -> None:
    if "bitbuilder" not in [group.gr_name for group in grp.getgrall()]:
        run(["groupadd", "--system", "bitbuilder"])
    run(["systemctl", "stop", SERVICE])  # it looks the group up when it starts
    group = str(grp.getgrnam("bitbuilder").gr_gid)
    assert "tenants" in varlinkctl("call", "--json=short", ADDRESS, LIST, "{}", uid=1, groups=group).stdout
    assert "tenants" not in varlinkctl("call", "--json=short", ADDRESS, LIST, "{}", uid=1, groups="2,3").stdout


def test_a_peer_that_shows_the_overflow_uid_is_hung_up_on() -> None:
    done = varlinkctl("info", ADDRESS, uid=65534)
    assert done.returncode != 0
    assert "BitBuilder" not in done.stdout


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"\0" * 10_000, id="NULs"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n\0", id="another protocol"),
        pytest.param(b"[" * 100_000 + b"\0", id="depth bomb"),
        pytest.param(b"x" * ((1 << 20) + 1), id="more than a mebibyte"),
    ],
)
def test_a_bad_peer_is_hung_up_on_and_the_next_one_is_served(garbage: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bad:
        bad.connect(ADDRESS)
        bad.settimeout(10)
        try:
            bad.sendall(garbage)
            assert bad.recv(1) == b""
        except (BrokenPipeError, ConnectionResetError):
            pass  # it hung up before it read all
    assert varlinkctl("call", "--json=short", ADDRESS, LIST, "{}").returncode == 0
    assert unit_property(SERVICE, "Result") == "success"


def test_a_killed_service_is_back_with_the_next_call() -> None:
    assert varlinkctl("info", ADDRESS).returncode == 0
    run(["systemctl", "kill", "--signal=SIGKILL", SERVICE])
    assert varlinkctl("info", ADDRESS).returncode == 0
    assert unit_property("bitbuilder-varlink.socket", "ActiveState") == "active"
    assert unit_property(SERVICE, "ActiveState") == "active"


def things_of_ours() -> list[str]:
    """Units and files that the service leaving could take with it."""
    units = run(["systemctl", "list-units", "--all", "--plain", "--no-legend", "tenant*"]).stdout
    files = run(["find", "/run/bitbuilder", "/run/varlink/registry", "-printf", "%p %y %m %i\n"]).stdout
    return sorted([*units.splitlines(), *files.splitlines()])


@pytest.fixture
def no_timed_sync() -> Iterator[None]:
    """Nothing else of ours happens meanwhile."""
    run(["systemctl", "stop", "tenant-sync.timer"])
    wait_until("no sync runs", lambda: unit_property("tenant-sync.service", "ActiveState") in ("inactive", "failed"))
    yield
    run(["systemctl", "start", "tenant-sync.timer"])


@pytest.mark.usefixtures("no_timed_sync")
def test_the_service_leaves_when_idle_and_changes_nothing() -> None:
    assert varlinkctl("info", ADDRESS).returncode == 0
    before = things_of_ours()
    idle = "nobody calls any more and the service leaves"
    wait_until(idle, lambda: unit_property(SERVICE, "ActiveState") == "inactive", timeout=IDLE + 30)
    assert unit_property(SERVICE, "Result") == "success"
    assert things_of_ours() == before
    assert varlinkctl("info", ADDRESS).returncode == 0
