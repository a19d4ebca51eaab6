"""Who calls from inside a container, told by user and control group; and who only looks like it."""

import os
import socket
import subprocess
import sys

import pytest

from bbhv.errors import RefusedError
from bbhv.ipc import inside
from bbhv.model.insiders import Controlled, Insider, judge

BASE, OTHER = 1_000_000_000, 1_000_131_072
WEB = Controlled("web", BASE, "full")
EYE = Controlled("eye", BASE + 65536, "read")
KNOWN = (WEB, EYE)
UNIT = "/tenants.slice/tenants-team.slice/tenant-container@web.team.service"
IN_WEB = f"0::{UNIT}/payload/init.scope\n"
IN_EYE = IN_WEB.replace("@web.", "@eye.")


@pytest.mark.parametrize(
    ("uid", "cgroup", "name", "user", "may_change"),
    [
        (BASE, IN_WEB, "web", 0, True),
        (BASE + 1000, IN_WEB, "web", 1000, False),
        (BASE + 65534, IN_WEB, "web", 65534, False),
        (BASE + 65535, IN_WEB, "web", 65535, False),
        (BASE + 65536, IN_EYE, "eye", 0, False),
        (BASE + 65536 + 33, IN_EYE, "eye", 33, False),
    ],
)
def test_user_and_control_group_together_say_who_it_is(
    uid: int, cgroup: str, name: str, user: int, may_change: bool
) -> None:
    assert judge("team", uid, cgroup, KNOWN) == Insider("team", name, user, may_change)


@pytest.mark.parametrize(
    "below",
    [
        "payload",
        "payload/system.slice/app.service",
        "payload/machine.slice/systemd-nspawn@inner.service/payload",  # a container in the container
        "payload/a (deleted)",
        "payload/0::/tenants.slice/tenants-other.slice",
        "payload/tenant-container@eye.team.service",
    ],
)
def test_whatever_is_below_the_unit_of_the_container_is_in_it(below: str) -> None:
    assert judge("team", BASE, f"0::{UNIT}/{below}\n", KNOWN).name == "web"


@pytest.mark.parametrize(
    "uid",
    [
        pytest.param(0, id="root of the host"),
        pytest.param(1000, id="a user of the host"),
        pytest.param(65534, id="the overflow uid, which a peer without a number here shows"),
        pytest.param((1 << 32) - 1, id="no uid at all"),
        pytest.param(BASE - 1, id="the last one before the first range"),
        pytest.param(EYE.base + 65536, id="the first one after the last range"),
        pytest.param(OTHER, id="root in a container of another tenant"),
        pytest.param(-1, id="a number below all"),
    ],
)
@pytest.mark.parametrize("cgroup", [IN_WEB, IN_EYE])
def test_a_user_of_no_such_range_is_refused_whatever_group_it_is_in(uid: int, cgroup: str) -> None:
    with pytest.raises(RefusedError, match="is of no container of team with Control="):
        judge("team", uid, cgroup, KNOWN)


@pytest.mark.parametrize(
    "cgroup",
    [
        pytest.param("", id="nothing"),
        pytest.param("0::/\n", id="the root"),
        pytest.param("0::/user.slice/user-1000.slice/session-1.scope\n", id="somebody of the host"),
        pytest.param(IN_EYE, id="another container of the tenant"),
        pytest.param(IN_WEB.replace("web.team.", "db.team."), id="a container without Control="),
        pytest.param(f"0::{UNIT}\n", id="the unit itself, where no payload ever is"),
        pytest.param(f"0::{UNIT} (deleted)\n", id="a unit that is gone"),
        pytest.param(f"0::{UNIT}x/payload\n", id="a unit whose name only begins the same"),
        pytest.param(IN_WEB.replace("tenants-team.slice", "tenants-other.slice"), id="the slice of another tenant"),
        pytest.param(
            IN_WEB.replace("tenants-team.slice", "tenants-team\\x2da.slice").replace("web.team.", "web.team-a."),
            id="the tenant whose id goes on where this one ends",
        ),
        pytest.param(
            IN_WEB.replace("tenants-team.slice", "tenants-team.slice/tenants-team-a.slice"), id="a slice below its own"
        ),
        pytest.param(f"0::/x{UNIT}/payload\n", id="the same path below another"),
        pytest.param(f"0::/..{UNIT}/payload\n", id="a path from outside of the namespace"),
        pytest.param(f"0::{UNIT}/../tenant-container@eye.team.service/payload\n", id="a path that climbs"),
        pytest.param(f"0::{UNIT}/payload/..\n", id="a path that ends in climbing"),
        pytest.param(f"0:{UNIT}/payload\n", id="a line without its second colon"),
        pytest.param(f"1:name=systemd:{UNIT}/payload\n", id="a hierarchy of the first version"),
        pytest.param(f"10::{UNIT}/payload\n", id="another hierarchy"),
        pytest.param(f"0::/user.slice\n{IN_WEB}", id="two lines"),
        pytest.param(f"0::/user.slice/x\v{IN_WEB}", id="a line that only looks like two"),
        pytest.param(f"0::/user.slice/x\u2028{IN_WEB}", id="a line that only looks like two to Python"),
        pytest.param(f" {IN_WEB}", id="a blank before"),
        pytest.param(IN_WEB.replace(".slice/", ".slice//"), id="slashes that stand twice"),
        pytest.param(IN_WEB.upper(), id="the wrong case"),
    ],
)
def test_the_right_user_in_another_group_is_refused(cgroup: str) -> None:
    with pytest.raises(RefusedError, match=r"uid 1000000000 is of web\.team, but its process is not"):
        judge("team", BASE, cgroup, KNOWN)


def test_a_dash_in_the_id_is_escaped_where_the_slice_has_it_and_nowhere_else() -> None:
    right = "0::/tenants.slice/tenants-team\\x2da.slice/tenant-container@my-web.team-a.service/payload\n"
    known = (Controlled("my-web", BASE, "full"),)
    assert judge("team-a", BASE, right, known).may_change
    wrongs = [right.replace("\\x2d", "-"), right.replace("my-web", "my\\x2dweb"), right.replace("team-a.", "team.")]
    for wrong in wrongs:
        with pytest.raises(RefusedError):
            judge("team-a", BASE, wrong, known)


def test_two_containers_with_one_range_are_told_apart_by_their_groups() -> None:
    """A record that is damaged allows nothing more."""
    known = (Controlled("eye", BASE, "read"), Controlled("web", BASE, "full"))
    assert judge("team", BASE, IN_EYE, known) == Insider("team", "eye", 0, False)
    assert judge("team", BASE, IN_WEB, known) == Insider("team", "web", 0, True)


def test_nobody_is_anybody_where_no_container_has_control() -> None:
    with pytest.raises(RefusedError):
        judge("team", BASE, IN_WEB, ())


def test_what_the_log_says_of_a_group_is_short_and_plain() -> None:
    with pytest.raises(RefusedError) as caught:
        judge("team", BASE, "0::/evil\x1b[2J\u202e" + "x" * 4000, KNOWN)
    assert caught.value.message.isascii() and caught.value.message.isprintable()
    assert len(caught.value.message) < 400


def connected() -> tuple[socket.socket, socket.socket]:
    """A listening socket's end of a connection, and the end of whoever connected: this process."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind("")
        listener.listen(1)
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
    return server, client


def test_the_group_of_whoever_connected_is_read_and_no_descriptor_is_left() -> None:
    server, client = connected()
    with server, client, open("/proc/self/cgroup", encoding="utf-8") as file:
        before = os.listdir("/proc/self/fd")
        assert inside.control_group(server, os.getpid()) == file.read()
        assert os.listdir("/proc/self/fd") == before


def test_somebody_who_has_ended_is_nobody() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind("")
        listener.listen(1)
        name = listener.getsockname()
        code = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(bytes.fromhex(sys.argv[1]))"
        child = subprocess.Popen([sys.executable, "-IS", "-c", code, name.hex()])
        server, _ = listener.accept()
        child.wait(timeout=60)
    before = os.listdir("/proc/self/fd")
    with server, pytest.raises(RefusedError, match="gone already"):
        inside.control_group(server, child.pid)
    assert len(os.listdir("/proc/self/fd")) < len(before)


def test_this_process_is_in_no_container_whatever_its_user_is() -> None:
    server, client = connected()
    with server, client, pytest.raises(RefusedError, match="but its process is not"):
        inside.identify(server, "team", lambda: (Controlled("web", os.getuid(), "full"),))


def test_records_that_cannot_be_read_let_nobody_in() -> None:
    def damaged() -> tuple[Controlled, ...]:
        raise OSError(5, "Input/output error")

    server, client = connected()
    with server, client, pytest.raises(RefusedError, match="cannot be told"):
        inside.identify(server, "team", damaged)
