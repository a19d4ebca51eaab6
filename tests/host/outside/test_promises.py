"""The eight promises of the design, each with the test that carries its name, on one host that lives through them all.

What each promise means in every corner is shown by the other tests. These are the short proofs, by which a reader can
tell what the product promises.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.harness.host import Host

from .test_crash import GIT, SOURCE, commit, container, hold_and_crash, roles, settled, setup, status, wait_until

OTHER = "/srv/git/other"


@pytest.fixture(scope="module")
def acme(request: pytest.FixtureRequest) -> Iterator[Host]:
    """A host with the tenants acme, which has two containers, and other, which has one."""
    with Host(str(request.config.getoption("--release"))) as host:
        image = request.config.getoption("--sysext")
        assert isinstance(image, Path)
        host.install(image)
        host.boot()
        setup(host)
        commit(host, "one")
        registration = json.loads(host.get("/etc/bitbuilder/tenants/acme.json"))
        other = {**registration, "tenant": "other", "repository": f"file://{OTHER}"}
        host.put("/etc/bitbuilder/tenants/other.json", json.dumps(other))
        host.put(f"{OTHER}/metadata.json", json.dumps({"apiVersion": "bitbuilder.io/v1", "tenant": "other"}))
        host.put(f"{OTHER}/containers/web.nspawn", container("other"))
        host.run([*GIT, "init", "-q", "-b", "main", OTHER])
        save(host, OTHER, "one")
        host.run(["bbhv", "sync"], timeout=120)
        yield host


def save(host: Host, repository: str, message: str) -> str:
    """Commits whatever is in a work tree, and returns the commit."""
    host.run([*GIT, "-C", repository, "add", "-A"])
    host.run([*GIT, "-C", repository, "commit", "-qm", message, "--allow-empty"])
    return host.run([*GIT, "-C", repository, "rev-parse", "HEAD"]).stdout.strip()


def sync(host: Host, *arguments: str) -> tuple[int, str]:
    """The exit status of a sync, and all that it printed."""
    done = host.run(["bbhv", "sync", *arguments], check=False, timeout=180)
    return done.returncode, done.stdout + done.stderr


def leaders(host: Host) -> dict[str, str]:
    """The first process of every container, by its name."""
    names = [line.split()[0] for line in host.run(["machinectl", "--no-legend"], check=False).stdout.splitlines()]
    show = ["machinectl", "show", "--value", "--property=Leader"]
    return {name: host.run([*show, name]).stdout.strip() for name in names}


def loaded(host: Host) -> str:
    """When systemd last read its units."""
    return host.run(["systemctl", "show", "--value", "--property=UnitsLoadTimestampMonotonic"]).stdout.strip()


def resident(host: Host) -> list[str]:
    """The processes of this program that run now."""
    return host.run(["pgrep", "-af", "/usr/bin/bbhv"], check=False).stdout.splitlines()


def come_up(host: Host) -> None:
    """Waits until a boot has brought everything up, and nothing of ours is at work any more."""
    wait_until("all containers run", lambda: sorted(leaders(host)) == ["db.acme", "web.acme", "web.other"])
    wait_until("the start is over", lambda: settled(host) and resident(host) == [])


def test_promise_1_a_host_boots_its_tenants_with_no_network_no_git_server_and_no_daemon_of_ours(acme: Host) -> None:
    for repository in (SOURCE, OTHER):
        acme.path(repository).rename(acme.path(f"{repository}.away"))
    links = acme.run(["ip", "-brief", "link"]).stdout.splitlines()
    assert [line.split()[0] for line in links] == ["lo"]
    acme.reboot()
    come_up(acme)
    assert roles(acme) == ["one", "one"]
    for repository in (SOURCE, OTHER):
        acme.path(f"{repository}.away").rename(acme.path(repository))


HOSTILE = {
    "containers/web.nspawn": "[Exec]\nBoot=yes\n[Files]\nBind=/:/host\n[X-Bitbuilder]\nImage=debian-13\n",
    "containers/..%2f..%2fetc.nspawn": "x", "containers/a\nb.nspawn": "[Exec]\n", "tenants/other.json": "{}",
    "network/evil.network": "[Match]\nName=*\n[Network]\nDHCP=yes\n", "system.json": "{}",
    ".gitattributes": "* filter=x",
    ".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% /tmp/evil\n',
    "infrastructure/tenant.slice": "[Slice]\nMemoryMax=infinity\nSlice=system.slice\n", "metadata.json": "[" * 100_000,
}  # fmt: skip


def test_promise_2_nothing_that_a_tenant_commits_or_does_changes_the_host_or_another_tenant(acme: Host) -> None:
    configuration = ["sh", "-c", "cd /etc && find . -type f | sort | xargs -d '\\n' sha256sum"]
    before, others = acme.run(configuration).stdout, leaders(acme)["web.other"]
    for name, text in HOSTILE.items():
        acme.put(f"{SOURCE}/{name}", text)
    acme.run(["ln", "-sf", "/etc/shadow", f"{SOURCE}/containers/shadow.nspawn"])
    save(acme, SOURCE, "hostile")
    code, said = sync(acme)
    assert code == 3 and "acme: refused" in said and "other: unchanged" in said
    inside = ["nsenter", "-t", leaders(acme)["web.acme"], "-m", "-u", "-i", "-n", "-p", "-U", "--root", "--wd"]
    for attempt in ("echo b > /proc/sysrq-trigger", "mknod /dev/sda b 8 0",
                    "echo x > /proc/sys/kernel/domainname", "sysctl -w kernel.panic=1", "kill -9 1; true"):
        acme.run([*inside, "sh", "-c", attempt], check=False)
    acme.put(f"{OTHER}/README.md", "A change of another tenant.\n")
    save(acme, OTHER, "two")
    code, said = sync(acme, "other")
    assert code == 0 and "other: applied" in said and leaders(acme)["web.other"] == others
    assert acme.run(configuration).stdout == before and not acme.path("/tmp/evil").exists()
    acme.reboot()
    come_up(acme)
    acme.run([*GIT, "-C", SOURCE, "rm", "-rqf", "."])
    acme.put(f"{SOURCE}/metadata.json", json.dumps({"apiVersion": "bitbuilder.io/v1", "tenant": "acme"}))


def test_promise_3_a_commit_is_applied_whole_or_not_at_all_also_when_the_power_goes(acme: Host) -> None:
    commit(acme, "two")
    sync(acme, "acme")
    assert roles(acme) == ["two", "two"]
    held = 0
    for number, call in enumerate((12, 40, 75)):
        before, role = roles(acme)[0], f"power{number}"
        commit(acme, role)
        held += hold_and_crash(acme, call)
        acme.boot()
        come_up(acme)
        found, said = roles(acme), status(acme)
        assert found in ([before] * 2, [role] * 2) and said["generation"] == said["good"], (call, found, said)
        assert sync(acme, "acme")[0] == 0 and roles(acme) == [role] * 2
    assert held >= 1


def test_promise_4_what_does_not_become_healthy_is_rolled_back_and_never_called_applied(acme: Host) -> None:
    good = status(acme)["commit"]
    broken = "[Exec]\nBoot=no\nParameters=/bin/false\n[X-Bitbuilder]\nImage=debian-13\nHealthStableSec=3\n"
    acme.put(f"{SOURCE}/containers/web.nspawn", broken)
    bad = save(acme, SOURCE, "broken")
    code, said = sync(acme, "acme")
    now = status(acme)
    assert code == 1 and "rolled-back" in said and "applied" not in said
    assert now["outcome"] == "rolled-back" and now["outcomeCommit"] == bad and now["commit"] == good
    code, said = sync(acme, "acme")
    assert code == 1 and "quarantined" in said and status(acme)["commit"] == good
    commit(acme, "mended")
    assert sync(acme, "acme")[0] == 0 and roles(acme) == ["mended", "mended"]


def test_promise_5_what_did_not_change_is_not_touched(acme: Host) -> None:
    before, read = leaders(acme), loaded(acme)
    code, said = sync(acme)
    assert code == 0 and "acme: unchanged" in said and (leaders(acme), loaded(acme)) == (before, read)
    acme.put(f"{SOURCE}/README.md", "For people.\n")
    save(acme, SOURCE, "a text")
    assert sync(acme, "acme")[0] == 0 and (leaders(acme), loaded(acme)) == (before, read)
    acme.put(f"{SOURCE}/containers/web.nspawn", container("changed"))
    save(acme, SOURCE, "one container")
    assert sync(acme, "acme")[0] == 0
    after = leaders(acme)
    assert after.pop("web.acme") != before.pop("web.acme") and after == before
    commit(acme, "same")
    assert sync(acme, "acme")[0] == 0


SIGN = ("-c", "gpg.format=ssh", "-c", "user.signingKey=/root/signer", "-c", "commit.gpgSign=true")
VOA = "/etc/voa/bitbuilder/tenant-config/acme-release/ssh"


def signed_from_now_on(host: Host) -> None:
    """Makes a key, tells the host of it, and has the registration ask for it."""
    host.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/signer"])
    public = host.get("/root/signer.pub")
    name = hashlib.sha256(base64.b64decode(public.split()[1])).hexdigest()
    host.put(f"{VOA}/{name}.pub", public)
    place = "/etc/bitbuilder/tenants/acme.json"
    registration = json.loads(host.get(place))
    host.put(place, json.dumps({**registration, "trust": {"commits": "signed", "signers": ["acme-release"]}}))


def test_promise_6_everything_is_verified_before_it_is_read_and_history_is_never_rewound(acme: Host) -> None:
    signed_from_now_on(acme)
    acme.put(f"{SOURCE}/containers/web.nspawn", "this would be a finding, if anybody read it\n")
    save(acme, SOURCE, "not signed")
    before = leaders(acme)
    code, said = sync(acme, "acme")
    assert code == 4 and "acme: refused" in said and "sign" in said and "web.nspawn" not in said
    acme.put(f"{SOURCE}/containers/web.nspawn", container("signed"))
    acme.run([*GIT, "-C", SOURCE, *SIGN, "commit", "-qam", "signed"])
    code, said = sync(acme, "acme")
    assert code == 0 and roles(acme)[0] == "signed", said
    acme.run([*GIT, "-C", SOURCE, *SIGN, "commit", "-q", "--amend", "-m", "history is another one"])
    code, said = sync(acme, "acme")
    assert code == 4 and "rewound" in said and roles(acme)[0] == "signed"
    assert sync(acme, "--allow-rewind", "acme")[0] == 0 and leaders(acme)["db.acme"] == before["db.acme"]
    place = "/etc/bitbuilder/tenants/acme.json"
    acme.put(place, json.dumps({**json.loads(acme.get(place)), "trust": {"commits": "unsigned"}}))


def test_promise_7_a_host_with_an_empty_etc_needs_nothing_but_python_systemd_and_git(
    request: pytest.FixtureRequest
) -> None:
    told = {"bitbuilder.repository": "file:///srv/git/system", "bitbuilder.trust": "unsigned"}
    with Host(str(request.config.getoption("--release")), credentials=told) as host:
        image = request.config.getoption("--sysext")
        assert isinstance(image, Path)
        host.install(image)
        host.boot()
        setup(host)
        commit(host, "one")
        system = "/srv/git/system"
        host.put(f"{system}/system.json", json.dumps({"apiVersion": "bitbuilder.io/v1"}))
        host.put(f"{system}/tenants/acme.json", host.get("/etc/bitbuilder/tenants/acme.json"))
        host.run([*GIT, "init", "-q", "-b", "main", system])
        save(host, system, "the system")
        host.run(["rm", "-r", "/etc/bitbuilder"])
        host.put("/run/bitbuilder/bitbuilder.conf", "[System]\nAllowFile=yes\n")
        assert host.run(["touch", "/usr/proof"], check=False).returncode
        assert "No module named pip" in host.run(["python3", "-m", "pip"], check=False).stderr
        host.run(["bbhv", "sync"], timeout=120)
        assert roles(host) == ["one", "one"] and not host.path("/etc/bitbuilder").exists()
        wait_until("nobody calls any more", lambda: resident(host) == [])
        assert host.run(["systemctl", "is-system-running"]).stdout.strip() == "running"


def test_promise_8_every_error_says_where_and_what_to_do_next(acme: Host) -> None:
    acme.put(f"{SOURCE}/containers/web.nspawn", "[Exec]\nBoot=perhaps\n[X-Bitbuilder]\nImage=debian-13\n")
    save(acme, SOURCE, "a mistake")
    _, said = sync(acme, "acme")
    assert "containers/web.nspawn:2:6: error[BB205]" in said and " hint: " in said
    acme.put("/etc/bitbuilder/tenants/broken.json", '{"tenant": "broken"}')
    _, said = sync(acme, "broken")
    assert "/etc/bitbuilder/tenants/broken.json:1" in said and "hint: " in said
    acme.path("/etc/bitbuilder/tenants/broken.json").unlink()
    acme.path(SOURCE).rename(acme.path(f"{SOURCE}.away"))
    _, said = sync(acme, "acme")
    assert f"file://{SOURCE}" in said and "the next sync tries again" in said
    acme.path(f"{SOURCE}.away").rename(acme.path(SOURCE))
    for words in ("sync nobody", "rollback acme --to=999", "status nobody", "statsu", "sync --x"):
        done = acme.run(["bbhv", *words.split()], check=False)
        lines = done.stderr.splitlines()
        assert done.returncode and lines[0].startswith("bbhv: ") and len(lines) == 2 and lines[1].startswith("      ")
    journal = acme.run(["journalctl", "--no-pager", "--grep", "Traceback"], check=False).stdout
    assert "Traceback" not in journal
    commit(acme, "right")
    assert sync(acme, "acme")[0] == 0
