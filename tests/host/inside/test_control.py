"""The API inside containers: where it is and where not, who may ask what there, and who only looks like somebody."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Make
from .support import REGISTRATIONS, run, unit_property, wait_until
from .world import Tenant, container, new_tenant

FOLDERS = Path("/run/bitbuilder/control")
INSIDE = "/run/bitbuilder/io.bitbuilder.Hypervisor"
HYPERVISOR = "io.bitbuilder.Hypervisor"
LIST, SYNC, CONFIRM = f"{HYPERVISOR}.ListTenants", f"{HYPERVISOR}.Sync", f"{HYPERVISOR}.Confirm"
PLAN, LOGS, RESTART = f"{HYPERVISOR}.Plan", f"{HYPERVISOR}.Logs", f"{HYPERVISOR}.Restart"
DENIED = {"error": "org.varlink.service.PermissionDenied"}
RANGES = Path("/var/lib/bitbuilder/uids.json")
COUNTS = Path("/run/bitbuilder-varlink")
SHARE = 4  # calls of a tenant that units of their own answer at a time
LEFT, ASIDE = "left", "left-a"  # the id of one is how that of the other begins
# Connects as whoever it is told to become, and prints what it is told; being hung up on is a line of its own.
KNOCK = """
import json, os, socket, sys
folder, group, uid, method, given = sys.argv[1:]
os.chdir(folder)
if group:
    with open(group + "/cgroup.procs", "w") as file:
        file.write(str(os.getpid()))
os.setgroups([])
os.setresgid(int(uid), int(uid), int(uid))
os.setresuid(int(uid), int(uid), int(uid))
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
    one.settimeout(30)
    one.connect("io.bitbuilder.Hypervisor")
    try:
        one.sendall(json.dumps({"method": method, "parameters": json.loads(given)}).encode() + b"\\0")
        found = b""
        while not found.endswith(b"\\0"):
            data = one.recv(1 << 16)
            if not data:
                break
            found += data
    except (BrokenPipeError, ConnectionResetError):
        found = b""
print(found.rstrip(b"\\0").decode() or "hung up")
"""


def socket_unit(tenant: Tenant) -> str:
    """The unit of the socket that containers of a tenant see."""
    return f"bitbuilder-varlink@{tenant.id}.socket"


def service(tenant: Tenant) -> str:
    """The unit that answers there."""
    return f"bitbuilder-varlink@{tenant.id}.service"


def group(tenant: Tenant, name: str) -> str:
    """The folder of the control group that the first process of a container is in."""
    lines = Path(f"/proc/{tenant.leader(name)}/cgroup").read_text().splitlines()
    (path,) = (line.removeprefix("0::") for line in lines if line.startswith("0::"))
    return f"{run(['findmnt', '-no', 'TARGET', '-t', 'cgroup2']).stdout.split()[0]}{path}"


def becoming(tenant: Tenant, name: str, *argv: str, uid: int = 0) -> list[str]:
    """The command that becomes a process of a container, in all its namespaces and in its control group."""
    join = 'echo $$ >"$0"/cgroup.procs && exec "$@"'
    who = ["--target", str(tenant.leader(name)), "--all", f"--setuid={uid}", f"--setgid={uid}", "--root", "--wd"]
    return ["sh", "-c", join, group(tenant, name), "nsenter", *who, "--", *argv]


def as_inside(tenant: Tenant, name: str, *argv: str, uid: int = 0) -> "subprocess.CompletedProcess[str]":
    """Runs a program as a process of a container."""
    return run(becoming(tenant, name, *argv, uid=uid), check=False)


def call(
    tenant: Tenant, name: str, method: str = LIST, given: str = "{}", uid: int = 0, more: bool = False
) -> "subprocess.CompletedProcess[str]":
    """Calls a method from inside, by the client that the image has."""
    words = ["varlinkctl", "call", "--json=short", *(["--more"] if more else []), INSIDE, method, given]
    return as_inside(tenant, name, *words, uid=uid)


def base(tenant: Tenant, name: str) -> int:
    """The host's number of root in a container."""
    return int(Path(f"/proc/{tenant.leader(name)}/uid_map").read_text().split()[1])


def knock(at: Tenant, group: str, uid: int, method: str = LIST, given: str = "{}") -> str:
    """What a process with a uid, in a control group (empty: this one), is told at the socket of a tenant."""
    return run([sys.executable, "-IS", "-c", KNOCK, FOLDERS / at.id, group, str(uid), method, given]).stdout.strip()


def said(unit: str, since: str) -> str:
    """What a unit has logged since then."""
    return run(["journalctl", "-u", unit, "-o", "cat", f"--since=@{since}"]).stdout


def now() -> str:
    """The time as `said` takes it."""
    return run(["date", "+%s"]).stdout.strip()


@pytest.fixture(scope="module")
def two() -> Iterator[tuple[Tenant, Tenant]]:
    """Two tenants with containers that may do everything, ask, and nothing; who uses them leaves them as they are."""
    tenants = (new_tenant(LEFT), new_tenant(ASIDE))
    for one in tenants:
        one.commit(full=container("Control=full"), eye=container("Control=read"), none=container())
        assert one.sync() == "applied", one.said
    yield tenants
    for one in tenants:
        one.remove()
    assert not [path for path in FOLDERS.iterdir() if path.name in (LEFT, ASIDE)]


Two = tuple[Tenant, Tenant]


def test_the_socket_is_inside_where_control_says_so_and_cannot_be_changed_there(two: Two) -> None:
    for one in two:
        for name in ("full", "eye"):
            there = Path(f"/proc/{one.leader(name)}/root/run/bitbuilder")
            assert [path.name for path in there.iterdir()] == [Path(INSIDE).name]
            assert stat.S_ISSOCK(os.stat(there / Path(INSIDE).name).st_mode)
            done = as_inside(one, name, "touch", "/run/bitbuilder/x")
            assert done.returncode and "Read-only file system" in done.stderr
            assert as_inside(one, name, "rm", "-f", INSIDE).returncode
        assert not os.path.lexists(f"/proc/{one.leader('none')}/root/run/bitbuilder")
        assert unit_property(socket_unit(one), "ActiveState") == "active"


def test_nobody_else_on_the_host_comes_near_it(two: Two) -> None:
    assert stat.S_IMODE(os.stat(FOLDERS).st_mode) == 0o700
    assert run(["setpriv", "--reuid=1", "--regid=1", "--clear-groups", "ls", FOLDERS / LEFT], check=False).returncode
    assert run(["varlinkctl", "info", FOLDERS / LEFT / Path(INSIDE).name], check=False).returncode


def test_the_service_is_not_in_the_slice_of_the_tenant_and_sees_nothing_of_another(two: Two) -> None:
    left, _ = two
    assert call(left, "eye").returncode == 0
    assert unit_property(service(left), "Slice").startswith("system")
    pid = unit_property(service(left), "MainPID")
    seen = run(["nsenter", "--target", pid, "--mount", "ls", "-A", "/var/lib/tenants"]).stdout.split()
    assert seen == [LEFT]


@pytest.mark.parametrize(
    ("who", "told"),
    [
        pytest.param(lambda left, _: ("", 0), "pid [0-9]+: uid 0 is of no container", id="root of the host"),
        pytest.param(
            lambda left, _: (group(left, "full"), 0), "uid 0 is of no container", id="root of the host in the group"
        ),
        pytest.param(lambda left, _: ("", 1), "uid 1 is of no container", id="a user of the host"),
        pytest.param(lambda left, _: ("", 65534), "uid 65534 is of no container", id="the overflow uid"),
        pytest.param(
            lambda left, _: ("", base(left, "full")), "its process is not", id="the right user, out of the group"
        ),
        pytest.param(
            lambda left, _: (group(left, "eye"), base(left, "full")),
            "its process is not", id="the right user in the group of another container",
        ),
        pytest.param(
            lambda left, _: (group(left, "none"), base(left, "none")),
            "is of no container", id="the container that has no Control=",
        ),
        pytest.param(
            lambda left, _: (group(left, "full"), base(left, "none")),
            "is of no container", id="a user of the container that has none, in the group of one that has",
        ),
        pytest.param(
            lambda _, aside: (group(aside, "full"), base(aside, "full")), "is of no container", id="another tenant"
        ),
        pytest.param(
            lambda left, aside: (group(aside, "full"), base(left, "full")),
            "its process is not", id="the right user in the group of another tenant",
        ),
    ],
)  # fmt: skip
def test_who_is_not_both_is_hung_up_on(
    who: Callable[[Tenant, Tenant], tuple[str, int]], told: str, two: Two
) -> None:
    left, aside = two
    since = now()
    folder, uid = who(left, aside)
    assert knock(left, folder, uid) == "hung up"

    def logged() -> bool:
        return bool(run(["grep", "-Ec", told], input=said(service(left), since), check=False).returncode == 0)

    wait_until("the journal says who it was", logged)
    assert "tenants" in knock(left, group(left, "full"), base(left, "full"))  # it is served that is both


def replace(path: Path, data: bytes) -> None:
    """Puts another file in the place of one."""
    new = path.with_name("of-a-test")
    new.write_bytes(data)
    new.rename(path)


def test_a_container_whose_range_is_recorded_as_another_is_nobody(two: Two) -> None:
    left, _ = two
    who = (group(left, "full"), base(left, "full"))
    record = RANGES.read_bytes()
    found = json.loads(record)
    found[f"full.{LEFT}"] += 1 << 20
    try:
        for text in (json.dumps(found).encode(), b"{", b"[]"):
            replace(RANGES, text)
            assert knock(left, *who) == "hung up"
    finally:
        replace(RANGES, record)
    assert "tenants" in knock(left, *who)


def test_the_socket_comes_back_into_containers_that_run(make: Make) -> None:
    one = make("acme")
    one.commit(web=container("Control=read", "[Files]", "ReadOnly=yes"))
    assert one.sync() == "applied", one.said
    assert call(one, "web").returncode == 0
    before = one.invocation("web")
    for verb in ("restart", "stop"):
        run(["systemctl", verb, socket_unit(one)])
        wait_until("it is back", lambda: unit_property(socket_unit(one), "ActiveState") == "active")
        assert call(one, "web").returncode == 0
    assert one.invocation("web") == before


def test_it_is_there_as_long_as_one_container_may(make: Make) -> None:
    one = make("acme")
    one.commit(web=container("Control=read"), db=container("Control=full"))
    assert one.sync() == "applied", one.said
    assert call(one, "web").returncode == 0
    since = unit_property(socket_unit(one), "InvocationID")
    db = one.invocation("db")
    one.commit(web=container())
    assert one.sync() == "applied", one.said
    assert one.invocation("db") == db and unit_property(socket_unit(one), "InvocationID") == since
    assert call(one, "db").returncode == 0 and (FOLDERS / "acme").is_dir()
    assert not os.path.lexists(f"/proc/{one.leader('web')}/root/run/bitbuilder")
    one.commit(db=container())
    assert one.sync() == "applied", one.said
    gone(one)


def gone(one: Tenant) -> None:
    """Nothing is left of the API of a tenant."""
    assert not (FOLDERS / one.id).exists()
    units = run(["systemctl", "list-units", "--all", "--plain", "--no-legend", f"bitbuilder-varlink@{one.id}.*"]).stdout
    assert [line for line in units.splitlines() if " inactive " not in line] == []


def test_a_tenant_that_stops_takes_it_along_and_brings_it_back(make: Make) -> None:
    one = make("acme")
    one.commit(web=container("Control=full"))
    assert one.sync() == "applied", one.said
    assert call(one, "web").returncode == 0
    run(["systemctl", "stop", "tenant@acme.service"], timeout=120)
    gone(one)
    run(["systemctl", "start", "tenant@acme.service"], timeout=120)
    assert call(one, "web").returncode == 0
    run(["bbhv", "suspend", "acme"], timeout=120)
    gone(one)


def test_a_generation_that_goes_back_takes_it_along(make: Make) -> None:
    one = make("acme")
    one.commit(web=container())
    assert one.sync() == "applied", one.said
    bad = container("Control=full", "HealthStableSec=3", exec=("Parameters=/bin/false",))
    one.commit(web=bad.replace("HealthStableSec=0\n", ""))
    assert one.sync(1) == "rolled-back", one.said
    gone(one)


def test_a_shell_of_the_operator_is_not_the_container(two: Two) -> None:
    left, _ = two
    done = run(["bbhv", "shell", f"full.{LEFT}", "varlinkctl", "call", INSIDE, LIST, "{}"], check=False)
    assert done.returncode and "tenants" not in done.stdout


def test_what_the_payload_itself_asks_is_answered(make: Make) -> None:
    """No tool of the host has a part in it."""
    one = make("acme")
    asks = f"varlinkctl call --json=short {INSIDE} {LIST} {{}} >/srv/data/told 2>&1; exec sleep infinity"
    files = {**one.files(web=container("Control=read", "Volume=data:/srv/data",
                                       exec=(f"Parameters=/bin/sh -c '{asks}'",))),
             "infrastructure/data.volume": "[Volume]\nSize=16M\n"}  # fmt: skip
    one.repo.commit(files)
    assert one.sync() == "applied", one.said
    path = one.folder / "volumes/data/told"
    wait_until("it was told", lambda: path.exists() and path.read_text().endswith("}\n"))
    assert [tenant["id"] for tenant in json.loads(path.read_text())["tenants"]] == ["acme"]


def test_inside_nobody_sees_another_tenant(two: Two) -> None:
    for one, other in (two, two[::-1]):
        for name, uid in (("full", 0), ("eye", 0), ("eye", 1000)):
            told = json.loads(call(one, name, uid=uid).stdout)["tenants"]
            assert [tenant["id"] for tenant in told] == [one.id]
            assert [tenant["id"] for tenant in json.loads(call(one, name, LIST, about(one), uid).stdout)["tenants"]]
        own = (group(one, "full"), base(one, "full"))
        for method in (LIST, PLAN, SYNC, CONFIRM):
            words = {knock(one, *own, method, json.dumps({"tenant": name})) for name in (other.id, "nobody", "../x")}
            assert list(map(json.loads, words)) == [DENIED | {"parameters": {}}], words


def about(tenant: Tenant, **more: object) -> str:
    """The parameters of a call about a tenant."""
    return json.dumps({"tenant": tenant.id, **more})


def test_only_root_inside_may_change_something_and_only_with_full(two: Two) -> None:
    left, _ = two
    for name, uid, allowed in (("full", 0, True), ("full", 1000, False), ("eye", 0, False), ("eye", 1000, False)):
        done = call(left, name, SYNC, about(left), uid)
        assert (done.returncode == 0) is allowed, done
        assert allowed or "ermission" in done.stderr
    for name in ("Suspend", "Resume", "Purge", "SyncSystem", "DescribeHost"):  # an operator's alone
        given = "{}" if name in ("SyncSystem", "DescribeHost") else about(left)
        assert json.loads(knock(left, group(left, "full"), base(left, "full"), f"{HYPERVISOR}.{name}", given)) == (
            DENIED | {"parameters": {}}
        )


def test_a_tenant_looks_at_what_is_its_own(two: Two) -> None:
    left, _ = two
    known = json.loads(call(left, "eye", f"{HYPERVISOR}.ListWorkloads", uid=1000).stdout)["workloads"]
    assert {(one["tenant"], one["name"]) for one in known} == {(LEFT, "full"), (LEFT, "eye"), (LEFT, "none")}
    for method, key in ((PLAN, "plan"), (f"{HYPERVISOR}.History", "generations"),
                        (f"{HYPERVISOR}.DescribeTenant", "tenant")):  # fmt: skip
        done = call(left, "eye", method, about(left))
        assert done.returncode == 0 and json.loads(done.stdout)[key], done
    lines = call(left, "eye", LOGS, about(left, workload="none", lines=5), more=True)
    assert lines.returncode == 0 and "entry" in lines.stdout
    assert set(re.findall(r'"pid":(null|\d+)', lines.stdout)) == {"null"}


def test_a_tenant_follows_its_own_events_and_nothing_counts_those_of_others(two: Two) -> None:
    left, aside = two
    follow = ["varlinkctl", "call", "--more", "--json=short", "--timeout=infinity", INSIDE, f"{HYPERVISOR}.Subscribe"]
    with subprocess.Popen(becoming(left, "eye", *follow, '{"lines":1}', uid=1000), stdout=subprocess.PIPE, text=True,
                          start_new_session=True) as client:  # fmt: skip
        told = [heard(client)]
        for one in (aside, left):
            one.commit(none=container("MemoryMax=90M"))
            assert one.sync() == "applied", one.said
        told.append(heard(client))
        os.killpg(client.pid, signal.SIGTERM)
    assert [(one["event"]["tenant"], one["event"]["outcome"]) for one in told] == [(LEFT, "applied")] * 2
    assert [part.partition("=")[0] for one in told for part in one["cursor"].split(";")] == ["b", "m", "t", "x"] * 2


def heard(client: "subprocess.Popen[str]") -> Any:
    """The next reply, without the mark that JSON text sequences begin with (RFC 7464)."""
    assert client.stdout is not None
    return json.loads(client.stdout.readline().lstrip("\x1e"))


def test_root_inside_restarts_a_workload_and_encrypts_a_secret(two: Two) -> None:
    left, _ = two
    before = left.invocation("none")
    done = call(left, "full", RESTART, about(left, workload="none"))
    assert done.returncode == 0 and left.invocation("none") != before, done
    wait_until("it runs again", lambda: left.state("none") == "active")
    secret = call(left, "full", f"{HYPERVISOR}.EncryptCredential", about(left, name="word", secret="c2VjcmV0"))
    assert secret.returncode == 0 and json.loads(secret.stdout)["text"], secret


def test_a_tenant_that_asks_for_all_it_can_takes_no_place_of_another(two: Two) -> None:
    left, aside = two
    follow = ["varlinkctl", "call", "--more", INSIDE, LOGS, about(left, follow=True)]
    asking = [
        subprocess.Popen(becoming(left, "eye", *follow, uid=uid), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         start_new_session=True) for uid in range(1, SHARE + 1)
    ]  # fmt: skip
    try:
        wait_until("all are answered", lambda: len(answering()) == SHARE)
        assert f"{SHARE} calls of {LEFT} are answered" in knock(left, group(left, "full"), base(left, "full"), PLAN,
                                                                about(left))  # fmt: skip
        assert call(aside, "eye", PLAN, about(aside)).returncode == 0
        assert run(["varlinkctl", "call", "/run/bitbuilder/io.bitbuilder.Hypervisor", PLAN, about(left)]).stdout
    finally:
        for one in asking:
            os.killpg(one.pid, signal.SIGTERM)
            one.wait(timeout=30)
    wait_until("nobody is answered any more", lambda: not answering())


def answering() -> list[str]:
    """The units that answer a call that looks."""
    shown = run(["systemctl", "list-units", "--plain", "--no-legend", "--state=active", "bitbuilder-look@*.service"])
    return shown.stdout.split("\n")[:-1]


def test_root_inside_confirms_what_waits(make: Make) -> None:
    one = make("acme")
    life = {"healthTimeoutSec": 20, "confirmWithinSec": 600}
    metadata = json.dumps({"apiVersion": "bitbuilder.io/v1", "tenant": "acme", "lifecycle": life})
    one.commit(web=container("Control=full"))
    assert one.sync() == "applied", one.said
    one.repo.commit({"metadata.json": metadata,
                     "containers/web.nspawn": container("Control=full", exec=("Environment=ROLE=two",))})  # fmt: skip
    assert one.sync() == "held", one.said
    done = call(one, "web", CONFIRM, about(one))
    assert done.returncode == 0, done
    assert one.status()["good"] == 2 and "confirmed by uid 0 in web.acme" in str(one.status()["message"])


def test_a_tenant_that_nobody_registers_any_more_leaves_nothing(make: Make) -> None:
    one = make("acme")
    one.commit(web=container("Control=full"))
    assert one.sync() == "applied", one.said
    assert knock(one, "", 0) == "hung up"
    assert (COUNTS / "acme").is_file()
    (REGISTRATIONS / "acme.json").unlink()
    run(["systemctl", "reload", "tenant-manager.service"], timeout=120)
    gone(one)
    assert not (COUNTS / "acme").exists()
