"""The real service by clients that others have made: all that systemd's varlinkctl can ask, and the package varlink."""

import importlib.util
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .conftest import Make
from .support import run
from .test_varlink import ADDRESS, LIST, SCHEMAS, varlinkctl
from .world import Tenant, container

INTERFACES = ("io.bitbuilder.Hypervisor", "io.systemd.service", "org.varlink.service")
NEWS = 9  # a user of the host that nobody names

# What it asks by the package, and what it prints of that.
CLIENT = """
import json, sys
import varlink

def error(call):
    try:
        call()
    except varlink.VarlinkError as wrong:
        return [wrong.error(), wrong.parameters()]

address, names = sys.argv[1], sys.argv[2:]
said = {}
with varlink.Client(f"unix:{address}") as client:
    with client.open("org.varlink.service") as one:
        said["info"] = one.GetInfo()
    with client.open("io.systemd.service") as one:
        said["ping"] = one.Ping()
    with client.open("io.bitbuilder.Hypervisor") as one:
        said["listed"] = one.ListTenants()
        said["missing"] = error(lambda: one.ListTenants("no-such"))
        said["wrong"] = error(lambda: one.ListTenants(tenant="x" * 100))
        said["oneway"] = one.ListTenants(_oneway=True)
        said["again"] = one.ListTenants()
        for name in names:
            said["sync"] = one.Sync(tenant=name)["tenants"]
            said["logs"] = [reply.get("entry") for reply in one.Logs(tenant=name, lines=20, _more=True)]
            said["expected"] = error(lambda: one.Logs(tenant=name))
print(json.dumps(said))
"""


def package(*words: str, uid: int = 0) -> "subprocess.CompletedProcess[str]":
    """A Python that has the package, as root or as another user; it is no Python that warns of it."""
    found = importlib.util.find_spec("varlink")
    assert found and found.origin
    who = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--"] if uid else []
    place = str(Path(found.origin).parents[1])
    return run([*who, "python3", "-W", "ignore", *words], check=False, env={"PYTHONPATH": place})


def asked(*names: str, uid: int = 0) -> dict[str, Any]:
    """What the package is told about tenants."""
    done = package("-c", CLIENT, ADDRESS, *names, uid=uid)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def started(make: Make) -> Tenant:
    """A tenant that runs."""
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    return acme


def test_the_package_calls_and_is_told_errors_by_their_names(make: Make) -> None:
    started(make)
    said = asked()
    assert (said["info"]["product"], said["info"]["interfaces"]) == ("BitBuilder Hypervisor", list(INTERFACES))
    assert said["ping"] == {}
    assert [one["id"] for one in said["listed"]["tenants"]] == ["acme"]
    assert said["missing"] == ["io.bitbuilder.Hypervisor.NoSuchTenant", {"tenant": "no-such"}]
    assert said["wrong"] == ["io.bitbuilder.Hypervisor.NoSuchTenant", {"tenant": "x" * 100}]
    assert said["oneway"] is None and said["again"]["tenants"][0]["id"] == "acme"


def test_the_package_has_a_tenant_synced_and_reads_its_log_one_by_one(make: Make) -> None:
    acme = started(make)
    commit = acme.commit(web=container("MemoryMax=80M"))
    said = asked("acme")
    (one,) = said["sync"]
    assert (one["outcome"], one["commit"], one["generation"]) == ("applied", commit, 2)
    assert len(said["logs"]) > 2 and said["logs"][-1] is None
    assert all(isinstance(entry["message"], str) and entry["whenUSec"] > 0 for entry in said["logs"][:-1])
    assert said["expected"] == ["org.varlink.service.ExpectedMore", {}]


def test_a_stranger_is_denied_by_the_package_too() -> None:
    done = package("-c", CLIENT, ADDRESS, uid=NEWS)
    assert done.returncode != 0
    assert "org.varlink.service.PermissionDenied" in done.stderr


def test_the_command_of_the_package_calls_and_prints() -> None:
    done = package("-m", "varlink.cli", "call", f"unix:{ADDRESS}/org.varlink.service.GetInfo")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["product"] == "BitBuilder Hypervisor"
    shown = package("-m", "varlink.cli", "help", f"unix:{ADDRESS}/io.bitbuilder.Hypervisor").stdout
    assert (SCHEMAS / "io.bitbuilder.Hypervisor.varlink").read_text() in shown


def test_varlinkctl_introspects_one_interface_or_all() -> None:
    every = varlinkctl("introspect", ADDRESS).stdout
    for interface in INTERFACES:
        one = varlinkctl("introspect", ADDRESS, interface).stdout
        assert f"interface {interface}\n" in one and one.strip() in every


def test_varlinkctl_lists_methods_of_one_interface_or_all() -> None:
    every = varlinkctl("list-methods", ADDRESS).stdout.split()
    assert varlinkctl("list-methods", ADDRESS, "io.systemd.service").stdout.split() == [
        f"io.systemd.service.{name}" for name in ("GetEnvironment", "Ping", "SetLogLevel")
    ]
    assert {name.rpartition(".")[0] for name in every} == set(INTERFACES)


def test_more_gives_one_reply_of_a_method_that_has_one() -> None:
    once = varlinkctl("call", "--json=short", ADDRESS, LIST, "{}").stdout
    assert varlinkctl("call", "--more", "--json=short", ADDRESS, LIST, "{}").stdout.lstrip("\x1e") == once


def test_quiet_calls_print_nothing_and_tell_by_their_status() -> None:
    good = varlinkctl("call", "--quiet", ADDRESS, "io.systemd.service.Ping", "{}")
    bad = varlinkctl("call", "--quiet", ADDRESS, LIST, '{"tenant":"no-such"}')
    assert (good.returncode, good.stdout) == (0, "")
    assert bad.returncode != 0


def test_an_error_that_is_expected_is_no_failure() -> None:
    name = "io.bitbuilder.Hypervisor.NoSuchTenant"
    done = varlinkctl("call", f"--graceful={name}", ADDRESS, LIST, '{"tenant":"no-such"}')
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("interface", INTERFACES)
def test_the_files_that_are_shipped_are_valid(interface: str) -> None:
    done = varlinkctl("validate-idl", str(SCHEMAS / f"{interface}.varlink"))
    assert (done.returncode, done.stderr) == (0, "")
