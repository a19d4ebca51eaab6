"""Servers that mean no good: each is refused with its reason, within its bounds, and delays nobody else."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import SETTINGS, Make
from .servers import Authority, Behaviour, HttpServer, cut_off, endless_pack, endless_refs, hang, redirect, trickle
from .support import REGISTRATIONS, REPOSITORIES, cursor, registration, run, wait_until
from .test_fetch import ca as ca  # fixtures
from .test_fetch import encrypted, served
from .test_fetch import no_credentials as no_credentials
from .test_fetch import server as server
from .world import Tenant

SECRET = "-".join(("hunter2", "is", "no", "password"))  # which the tests' own files do not hold


@pytest.fixture
def impatient() -> Iterator[None]:
    """A host that gives every fetch a few seconds."""
    SETTINGS.write_text("[System]\nAllowFile=yes\n[Sync]\nFetchTimeoutSec=6\nParallel=16\n")
    yield
    SETTINGS.write_text("[System]\nAllowFile=yes\n")


def small(tenant: Tenant) -> Tenant:
    """A tenant that declares nothing."""
    tenant.repo.commit(tenant.files())
    return tenant


def left() -> list[str]:
    """What fetching left on this host: folders of its units, and files on their way."""
    private = [str(path) for path in Path("/var/tmp").glob("systemd-private-*bitbuilder-*")]
    return private + [str(path) for path in Path("/var/lib/tenants").glob("*/.#*")]


def units() -> list[str]:
    """The sandboxes that run now."""
    shown = run(["systemctl", "list-units", "--plain", "--no-legend", "--state=active,activating", "bitbuilder-*"])
    return [line.split()[0] for line in shown.stdout.splitlines() if line.split()[0].startswith("bitbuilder-fetch-")]


BAD: dict[str, tuple[Behaviour, tuple[str, ...]]] = {
    "hangs": (hang, ("took longer than 6 s", "too slow")),
    "trickles": (trickle, ("took longer than 6 s", "too slow")),
    "cuts off": (cut_off, ("unable to access", "unexpected", "early EOF", "hung up")),
    "tells of refs without end": (endless_refs, ("emory", "took longer", "disconnect", "hung up", "signal")),
    "sends a pack without end": (endless_pack, ("larger than a host takes", "took longer")),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_server_that(make: Make, server: HttpServer, ca: Authority, impatient: None, what: str) -> None:
    acme = served(make, server, ca)
    server.behaviour, signs = BAD[what]
    assert acme.sync(1) == "failed"
    assert any(sign in acme.said for sign in signs) and "Traceback" not in acme.said, acme.said
    wait_until("its unit is gone", lambda: not units() and not left(), 60)
    server.behaviour = None
    assert acme.sync() == "applied"


def test_a_server_that_sends_us_elsewhere_is_not_followed(
    make: Make, server: HttpServer, ca: Authority, tmp_path: Path
) -> None:
    acme = served(make, server, ca)
    with HttpServer(REPOSITORIES, ca.certificate("localhost")) as other, HttpServer(REPOSITORIES) as plain:
        for to in (other.url("")[:-1], plain.url("")[:-1], f"file://{REPOSITORIES}", "http://169.254.169.254"):
            server.behaviour = redirect(to)
            assert acme.sync(1) == "failed"
            assert "which is not followed" in acme.said and other.asked == plain.asked == []


def test_one_that_hangs_delays_no_other(make: Make, server: HttpServer, ca: Authority) -> None:
    calm = make("calm")
    calm.commit()
    assert calm.sync() == "applied"
    slow = [small(make(f"slow{number}", repository=server.url(f"slow{number}.git"), fetch={"ca": ca.text}))
            for number in range(6)]
    for one in slow:
        assert one.sync() in ("applied", "unchanged")  # the target may have started it
        one.repo.commit({"README": "news\n"})
    server.behaviour = hang
    newest = calm.repo.commit({"README": "news\n"})
    going = subprocess.Popen(["bbhv", "sync"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until("the other is applied", lambda: calm.status()["outcomeCommit"] == newest, 60)
        assert going.poll() is None, "the others still hang"
        server.behaviour = None
        server.closing.set()
    finally:
        going.wait(180)
    assert calm.status()["outcome"] in ("applied", "unchanged")


def test_a_server_is_asked_for_few_at_the_same_time(
    make: Make, server: HttpServer, ca: Authority, impatient: None
) -> None:
    def slowly(handler: object) -> bool:
        server.closing.wait(0.3)
        return False

    server.behaviour = slowly
    tenants = [small(make(f"many{number}", repository=server.url(f"many{number}.git"), fetch={"ca": ca.text}))
               for number in range(9)]
    run(["bbhv", "sync"], timeout=180, check=False)
    assert [one.status()["outcome"] for one in tenants] == ["applied"] * 9
    assert 1 < server.most <= 4


def test_a_tenant_that_failed_is_left_alone_by_the_timer_for_a_while(
    make: Make, server: HttpServer, ca: Authority
) -> None:
    acme = small(make("acme", repository=server.url("acme.git"), fetch={"ca": ca.text}))
    assert acme.sync() == "applied" and acme.status()["retryUSec"] is None
    server.behaviour = redirect("http://localhost:1")
    acme.repo.commit({"README": "news\n"})
    assert acme.sync(1) == "failed"
    assert isinstance(acme.status()["retryUSec"], int)
    assert "It is fetched again in " in run(["bbhv", "status", "acme"]).stdout
    server.behaviour = None
    server.asked.clear()
    said = run(["bbhv", "sync", "--backoff", "acme"], check=False).stdout
    assert "failed 1 time in a row" in said and "bbhv sync acme tries now" in said and server.asked == []
    changed = registration("acme", server.url("acme.git"), fetch={"ca": ca.text, "user": "other"})
    (REGISTRATIONS / "acme.json").write_text(changed)
    run(["bbhv", "sync", "--backoff", "acme"])
    assert acme.status()["retryUSec"] is None and acme.status()["commit"] == acme.repo.head


def test_the_unit_that_fetches_has_no_privilege_and_its_secret_is_nowhere_else(
    make: Make, server: HttpServer, ca: Authority
) -> None:
    acme = served(make, server, ca, credential="git.acme", user="deploy")
    other = served(make, server, ca, "other")
    since = cursor()
    encrypted("git.acme", SECRET)
    server.behaviour = hang
    going = [subprocess.Popen(["bbhv", "sync", one.id], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
             for one in (acme, other)]
    try:
        wait_until("both are fetched", lambda: len(units()) == 2 and len(server.asked) == 2)
        mine, = (unit for unit in units() if "-acme-" in unit)
        theirs, = (unit for unit in units() if "-other-" in unit)
        for unit in (mine, theirs):
            rated = run(["systemd-analyze", "security", "--no-pager", unit]).stdout
            line = next(line for line in rated.splitlines() if "Overall exposure level" in line)
            assert float(line.split(":")[1].split()[0]) <= 1.5, rated
            shown = run(["systemctl", "show", unit]).stdout
            assert SECRET not in shown and "DynamicUser=yes" in shown
        assert Path(f"/run/credentials/{mine}/git.acme").read_text() == SECRET
        assert not Path(f"/run/credentials/{theirs}").exists()
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                assert SECRET.encode() not in path.read_bytes() + path.with_name("environ").read_bytes()
            except OSError:
                continue  # it has ended
        cgroup = run(["systemctl", "show", "--value", "--property=ControlGroup", mine]).stdout.strip()
        procs = Path(f"/sys/fs/cgroup{cgroup}").rglob("cgroup.procs")
        pids = [pid for found in procs for pid in found.read_text().split()]
        assert pids
        for pid in pids:
            status = Path(f"/proc/{pid}/status").read_text()
            fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0 and fields["NoNewPrivs"] == "1"
            assert fields["Seccomp"] == "2" and 61184 <= int(fields["Uid"].split()[0]) <= 65519
            limits = Path(f"/proc/{pid}/limits").read_text()
            assert "Max data size             536870912" in limits and "Max file size             268435456" in limits
            sees = Path(f"/proc/{pid}/root")
            assert not any(list((sees / closed).iterdir()) for closed in ("proc", "sys"))
            assert not (sees / "run/systemd/journal").exists() and (sees / "proc").stat().st_mode & 0o777 == 0
    finally:
        server.closing.set()
        for one in going:
            one.wait(120)
    assert SECRET not in run(["journalctl", "--no-pager", "--output=export", f"--after-cursor={since}"]).stdout
    assert run(["grep", "-rlF", SECRET, "/run", "/var/lib/tenants", "/var/tmp", "/tmp", "/etc"], check=False,
               timeout=120).stdout == ""


def test_many_packs_become_one_and_nothing_is_lost(make: Make) -> None:
    acme = small(make("acme"))
    assert acme.sync() == "applied"
    folder = acme.folder / "config.git/.git/objects/pack"
    git = ["git", f"--git-dir={folder.parents[1]}"]
    for number in range(32):
        blob = run([*git, "hash-object", "-w", "--stdin"], input=f"{number}\n").stdout
        run([*git, "pack-objects", "-q", folder / "pack"], input=blob)
    assert len(list(folder.glob("*.idx"))) > 30
    (folder / "pack-half.pack").write_bytes(b"left by a crash")
    newest = acme.repo.commit({"README": "news\n"})
    assert acme.sync() == "applied" and acme.status()["commit"] == newest
    assert len(list(folder.glob("*.idx"))) == 1 and not (folder / "pack-half.pack").exists()
    run([*git, "fsck", "--strict", "--connectivity-only"])
    acme.repo.commit({"README": "more\n"})
    assert acme.sync() == "applied"


FOREIGN = (
    ("objects/info/alternates", "/srv/git/acme.git/objects\n"), ("shallow", "{head}\n"),
    ("commondir", "/srv/git/acme.git\n"), ("config.worktree", "[core]\n\tfsmonitor = /bin/false\n"),
    ("info/grafts", "{head}\n"), ("hooks/post-checkout", "x"),
    ("refs/replace/{head}", "{head}\n"), ("objects/info/http-alternates", "http://localhost/\n"),
)  # fmt: skip


def test_what_a_hand_put_into_a_clone_is_gone_before_git_runs_in_it(make: Make) -> None:
    acme = small(make("acme"))
    assert acme.sync() == "applied"
    git = acme.folder / "config.git/.git"
    for restart in (False, True):
        for name, text in FOREIGN:
            path = git / name.format(head=acme.repo.head)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.format(head=acme.repo.head))
        acme.repo.commit({"README": f"{restart}\n"})
        if restart:
            run(["systemctl", "reload", "tenant@acme"])
        else:
            assert acme.sync() == "applied"
        assert [name for name, _ in FOREIGN if (git / name.format(head=acme.repo.head)).exists()] == []
    assert acme.sync() == "applied"
