"""Credentials: a secret is readable inside of the workload that asks for it, and nowhere else on the host."""

import base64
import json
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import Make
from .support import run, typed, unit_property, wait_until
from .world import Tenant, container, never_healthy, reloads

SECRET = "correct horse battery staple 47110815"
OTHER = "another secret 11223344"
FILE = "infrastructure/credentials/db-password.cred"
HOST_KEY = Path("/var/lib/systemd/credential.secret")
INSIDE = "/run/host/credentials"
TPM2 = bytes.fromhex("0c7cc07b117645919c4b0bea08bc20fe")
WEB = container("Credential=db-password")


def encrypt(tenant: str, secret: str = SECRET, name: str = "db-password", *options: str) -> str:
    """What the verb prints for a secret on its standard input."""
    return run(["bbhv", "credential", "encrypt", tenant, name, *options], input=secret).stdout


def raw(*options: str, name: str = "tenant-acme.db-password", secret: str = SECRET) -> str:
    """What systemd-creds makes with these options."""
    return run(["systemd-creds", "encrypt", f"--name={name}", *options, "-", "-"], input=secret).stdout


def with_web(tenant: Tenant, blob: str, **more: str) -> dict[str, str | None]:
    return {**tenant.files(web=WEB), FILE: blob, **more}


def seen(tenant: Tenant, name: str = "web", credential: str = "db-password") -> str:
    return tenant.inside(name, "cat", f"{INSIDE}/{credential}")


@pytest.fixture
def another_key() -> Iterator[Callable[[], None]]:
    """Calling it makes this host another one, by its key, until the test ends."""
    kept = Path("/var/lib/systemd/credential.kept")

    def swap() -> None:
        HOST_KEY.rename(kept)
        run(["systemd-creds", "setup"])

    yield swap
    if kept.exists():
        kept.replace(HOST_KEY)


def of_another_host(make_blob: Callable[[], str]) -> str:
    """What another host would print: this one with another key, for as long as it takes."""
    kept = HOST_KEY.with_suffix(".kept")
    HOST_KEY.rename(kept)
    try:
        run(["systemd-creds", "setup"])
        return make_blob()
    finally:
        kept.replace(HOST_KEY)


# Where a secret is


def test_a_secret_is_readable_inside_by_root_alone_and_in_memory(make: Make) -> None:
    acme = make("acme")
    web = container("Credential=db-password", boot=True)
    acme.repo.commit({**with_web(acme, encrypt("acme")), "containers/web.nspawn": web})
    assert acme.sync() == "applied"
    assert seen(acme) == SECRET
    assert acme.inside("web", "systemd-creds", "--system", "cat", "db-password") == SECRET
    assert acme.inside("web", "stat", "-c", "%u %a", f"{INSIDE}/db-password").split()[0] == "0"
    assert acme.inside("web", "stat", "-c", "%A", f"{INSIDE}/db-password")[4:10] == "------"
    for path, where in ((INSIDE, acme.leader("web")), (f"/run/credentials/{acme.unit('web')}", 1)):
        mounts = [line.split() for line in Path(f"/proc/{where}/mounts").read_text().splitlines()]
        [(kind, options)] = [(one[2], one[3]) for one in mounts if one[1] == path]
        assert kind == "ramfs" or "noswap" in options, (path, kind, options)


def haystack() -> Iterator[tuple[str, bytes]]:
    """All that a host could leak to: its journal, its processes, and every file that is no image and no credential."""
    yield "journal", run(["journalctl", "--all", "--output=export", "--no-pager"], timeout=300).stdout.encode()
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                yield f"{process}/{name}", (process / name).read_bytes()
            except OSError:
                continue  # it has ended
    for top in ("/run", "/var", "/etc", "/tmp", "/root", "/srv", "/dev/shm"):
        for folder, folders, names in os.walk(top):
            folders[:] = [one for one in folders if f"{folder}/{one}" not in (
                "/run/credentials", "/var/lib/bitbuilder/offered", "/var/lib/bitbuilder/images")]
            for name in names:
                path = Path(folder, name)
                if path.is_file() and not path.is_symlink() and path.stat().st_size < 64 << 20:
                    yield str(path), path.read_bytes()


def found(*secrets: str) -> list[str]:
    """Where any of these secrets is, as it is, in base64 or in hexadecimal."""
    needles = [one.encode() for one in secrets]
    needles += [base64.b64encode(one)[:-4] for one in needles] + [one.hex().encode() for one in needles]
    return [place for place, data in haystack() if any(needle in data for needle in needles)]


def test_a_secret_is_nowhere_else_on_the_host(make: Make) -> None:
    acme = make("acme")
    encrypting, secret = ["bbhv", "credential", "encrypt", "acme", "db-password"], os.urandom(20).hex()
    assert found(secret) == []
    log = "/run/trace"
    trace = ["strace", "-f", "-qq", "-v", "-s", "4000"]
    blob = run([*trace, "-e", "trace=execve", "-o", log, *encrypting], input=secret).stdout
    assert "systemd-creds" in Path(log).read_text()
    acme.commit(web=container())
    assert acme.sync() == "applied"  # a first commit is activated by the tenant's unit, a later one by the sync
    acme.repo.commit(with_web(acme, blob))
    run([*trace, "-e", "trace=execve,read,write", "-o", f"{log}-sync", "bbhv", "sync", "acme"], timeout=300)
    assert seen(acme) == secret
    lines = Path(f"{log}-sync").read_text().splitlines()
    decrypting = {line.split()[0] for line in lines if '"decrypt"' in line and "execve(" in line}
    assert decrypting and [line for line in lines if secret in line and line.split()[0] not in decrypting] == []
    Path(f"{log}-sync").unlink()
    for _ in range(2):
        run(["systemctl", "restart", acme.unit("web")], timeout=120)
    assert "db-password" in run(["systemctl", "cat", acme.unit("web")]).stdout
    assert secret not in run(["systemctl", "show", acme.unit("web")]).stdout
    assert secret not in run(["bbhv", "status", "acme", "--json=short"]).stdout
    assert found(secret) == []
    Path(log).unlink()


def test_a_workload_gets_what_it_asks_for_and_nothing_else(make: Make) -> None:
    acme = make("acme")
    key = "infrastructure/credentials/key.cred"
    acme.repo.commit({
        **acme.files(web=WEB, db=container("Credential=key", "Credential=db-password"), mail=container()),
        FILE: encrypt("acme"), key: encrypt("acme", OTHER, "key"),
    })  # fmt: skip
    assert acme.sync() == "applied"
    assert acme.inside("web", "ls", INSIDE).split() == ["db-password"]
    assert acme.inside("db", "ls", INSIDE).split() == ["db-password", "key"]
    assert seen(acme, "db", "key") == OTHER
    assert acme.inside("mail", "sh", "-c", f"ls {INSIDE} 2>/dev/null || true") == ""
    assert os.listdir(f"/run/credentials/{acme.unit('web')}") == ["tenant-acme.db-password"]


def test_one_program_finds_its_credential_where_systemd_says(make: Make) -> None:
    acme = make("acme")
    shell = "Parameters=/bin/sh -c 'cat $CREDENTIALS_DIRECTORY/db-password >/srv/data/seen; exec sleep infinity'"
    web = container("Credential=db-password", "Volume=data:/srv/data", exec=(shell,))
    acme.repo.commit({**acme.files(web=web), FILE: encrypt("acme"),
                      "infrastructure/data.volume": "[Volume]\nSize=1G\n"})  # fmt: skip
    assert acme.sync() == "applied"
    wait_until("it was read", lambda: (acme.folder / "volumes/data/seen").is_file())
    wait_until("it was read whole", lambda: (acme.folder / "volumes/data/seen").read_text() == SECRET)


# What a change does


def test_another_secret_restarts_who_uses_it_and_nobody_else(make: Make) -> None:
    acme = make("acme")
    acme.repo.commit({**acme.files(web=WEB, db=container()), FILE: encrypt("acme")})
    assert acme.sync() == "applied"
    web, db = acme.leader("web"), acme.leader("db")
    acme.repo.commit({FILE: encrypt("acme", OTHER)})
    plan = run(["bbhv", "plan", "--fetch", "acme"]).stdout
    assert "credential:db-password=" in plan and "(restart)" in plan
    assert acme.sync() == "applied"
    assert "credential:db-password=" in acme.said
    assert seen(acme) == OTHER and acme.leader("db") == db and acme.leader("web") != web


def test_what_goes_back_has_the_secret_of_before(make: Make) -> None:
    acme = make("acme")
    acme.repo.commit({**acme.files(web=WEB, db=container()), FILE: encrypt("acme")})
    assert acme.sync() == "applied"
    acme.repo.commit({FILE: encrypt("acme", OTHER), "containers/db.nspawn": never_healthy()})
    assert acme.sync(status=1) == "rolled-back"
    assert seen(acme) == SECRET
    run(["systemctl", "restart", "tenant@acme"], timeout=180)
    assert seen(acme) == SECRET


def test_the_file_for_this_host_goes_before_the_one_for_all(make: Make) -> None:
    acme = make("acme")
    here, elsewhere = (f"credentials/{host}/db-password.cred" for host in (os.uname().nodename, "elsewhere"))
    theirs = of_another_host(lambda: encrypt("acme"))
    acme.repo.commit(with_web(acme, theirs, **{here: encrypt("acme", OTHER), elsewhere: theirs}))
    assert acme.sync() == "applied"
    assert seen(acme) == OTHER
    acme.repo.commit({FILE: None, here: None})
    assert acme.sync(status=3) == "refused"
    assert "error[BB301]" in acme.said and "for other hosts only" in acme.said and seen(acme) == OTHER


# What is refused before anything changes


def hostile(name: str) -> str:
    """A file that is no use of the credential db-password of acme on this host."""
    good = raw()
    match name:
        case "another tenant":
            return raw(name="tenant-other.db-password")
        case "renamed":
            return raw(name="tenant-acme.other")
        case "no name":
            return raw(name="")
        case "another host":
            return of_another_host(raw)
        case "expired":
            return raw("--timestamp=2020-01-01", "--not-after=2020-01-02")
        case "cut off":
            return good[:60]
        case "shortened":
            return base64.b64encode(base64.b64decode(good)[:-20]).decode()
        case "changed":
            blob = bytearray(base64.b64decode(good))
            blob[-1] ^= 1
            return base64.b64encode(blob).decode()
        case "null key":
            return raw("--with-key=null")
        case "a user's":
            return raw("--uid=root")
        case "sealed by a TPM":
            return base64.b64encode(_sealed()).decode()
        case "too large":
            return raw(secret="x" * 700_000)
    return "the secret itself"


def _sealed() -> bytes:
    """A whole file whose key is in a TPM that nobody has."""
    head = TPM2 + struct.pack("<4I", 32, 1, 12, 16) + bytes(16)
    part = struct.pack("<QHHII", 128, 0xB, 0x23, 30, 32) + bytes(62)
    return head + part + bytes(-len(part) % 8) + bytes(100)


REFUSED = {
    "another tenant": ("BB212", "under another name"), "renamed": ("BB212", "under another name"),
    "another host": ("BB212", "on another host"), "expired": ("BB212", "It has expired."),
    "changed": ("BB212", "on another host, or it was changed"), "sealed by a TPM": ("BB212", "systemd-creds says"),
    "shortened": ("BB212", "systemd-creds says"), "cut off": ("BB205", "cut off"),
    "null key": ("BB204", "everybody who has the repository can read it"),
    "a user's": ("BB205", "bound to a user"), "in clear": ("BB205", "not an encrypted credential"),
}  # fmt: skip


def test_a_file_that_is_of_no_use_is_refused_by_name_and_nothing_changes(make: Make) -> None:
    acme = make("acme")
    acme.repo.commit({**acme.files(web=WEB, db=container()), FILE: encrypt("acme")})
    assert acme.sync() == "applied"
    before = acme.leader("web"), acme.leader("db"), reloads(), acme.status()["generation"]
    for name, (code, words) in REFUSED.items():
        acme.repo.commit({FILE: hostile(name)}, name)
        assert acme.sync(status=3) == "refused", name
        assert f"{FILE}: error[{code}]" in acme.said and words in acme.said, (name, acme.said)
        assert "run: bbhv credential encrypt acme db-password" in acme.said
        assert (acme.leader("web"), acme.leader("db"), reloads(), acme.status()["generation"]) == before, name
    plan = run(["bbhv", "plan", "acme"], check=False)
    assert plan.returncode == 3 and "error[BB205]" in plan.stdout
    acme.repo.commit({FILE: encrypt("acme", OTHER)})
    assert acme.sync() == "applied" and seen(acme) == OTHER


def test_a_plan_names_what_the_host_cannot_decrypt(make: Make) -> None:
    acme = make("acme")
    acme.repo.commit(with_web(acme, hostile("another tenant")))
    plan = run(["bbhv", "plan", "--fetch", "acme"], check=False)
    assert plan.returncode == 3 and f"{FILE}: error[BB212]" in plan.stdout


def test_what_is_larger_together_than_a_unit_may_have_is_refused(make: Make) -> None:
    acme = make("acme")
    web = container("Credential=db-password", "Credential=more")
    more = raw(name="tenant-acme.more", secret="y" * 400_000)
    acme.repo.commit({**acme.files(web=web), FILE: hostile("too large"),
                      "infrastructure/credentials/more.cred": more})  # fmt: skip
    assert acme.sync(status=3) == "refused" and "error[BB213]" in acme.said


def test_what_a_unit_may_just_have_reaches_the_container(make: Make) -> None:
    acme = make("acme")
    web = container("Credential=db-password", "Credential=more")
    size = (256 - 171) * 4096  # what is left of a mebibyte in pages
    acme.repo.commit({**acme.files(web=web), FILE: hostile("too large"),
                      "infrastructure/credentials/more.cred": encrypt("acme", "y" * size, "more")})  # fmt: skip
    assert acme.sync() == "applied"
    assert acme.inside("web", "stat", "-c", "%s", f"{INSIDE}/db-password", f"{INSIDE}/more").split() == [
        "700000", str(size)
    ]


def test_names_of_credentials_that_systemd_reads_are_refused(make: Make) -> None:
    acme = make("acme")
    for name in ("passwd.hashed-password.root", "system.hostname", "fstab.extra"):
        path = f"infrastructure/credentials/{name}.cred"
        acme.repo.commit({**acme.files(web=container(f"Credential={name}")), path: raw(name=f"tenant-acme.{name}")})
        assert acme.sync(status=3) == "refused"
        assert f"{path}: error[BB107]" in acme.said and "error[BB205]" in acme.said
        acme.repo.commit({path: None})


def test_a_host_that_loses_its_key_says_so_when_a_workload_starts(make: Make, another_key: Callable[[], None]) -> None:
    acme = make("acme")
    acme.repo.commit({**acme.files(web=WEB), FILE: encrypt("acme")})
    assert acme.sync() == "applied"
    another_key()
    assert run(["systemctl", "restart", acme.unit("web")], check=False, timeout=120).returncode != 0
    assert unit_property(acme.unit("web"), "ExecMainStatus") == "243"
    said = run(["journalctl", "--unit", acme.unit("web"), "--output=cat"]).stdout
    assert "credential" in said.lower() and SECRET not in said


# The verb


def test_nobody_encrypts_for_a_tenant_that_is_not_registered(make: Make) -> None:
    done = run(["bbhv", "credential", "encrypt", "nobody", "db"], input=SECRET, check=False)
    assert (done.returncode, done.stdout) == (5, "") and "This host has no tenant nobody." in done.stderr
    make("acme")
    for secret, words in (("", "The secret is empty."), ("x" * ((1 << 20) + 1), "larger than 1M")):
        done = run(["bbhv", "credential", "encrypt", "acme", "db"], input=secret, check=False)
        assert (done.returncode, done.stdout) == (2, "") and words in done.stderr
    done = run(["bbhv", "credential", "encrypt", "acme", "db", "--not-after=yesterday"], input=SECRET, check=False)
    assert done.returncode == 1 and done.stdout == "" and SECRET not in done.stderr
    asked = ["setpriv", "--reuid=9", "--regid=9", "--clear-groups", "bbhv", "credential", "encrypt"]
    done = run([*asked, "acme", "db"], input=SECRET, check=False)
    assert (done.returncode, done.stdout) == (4, "") and "is refused to uid 9" in done.stderr


def test_a_repository_has_a_place_for_what_is_written(make: Make, tmp_path: Path) -> None:
    make("acme")
    (tmp_path / "metadata.json").write_text("{}")
    run(["bbhv", "credential", "encrypt", "acme", "db", f"--output={tmp_path}"], input=SECRET)
    run(["bbhv", "credential", "encrypt", "acme", "db", "--this-host", f"--output={tmp_path}"], input=SECRET)
    (tmp_path / "secret").write_text(SECRET)
    words = ["bbhv", "credential", "encrypt", "acme", "db", f"{tmp_path}/secret", f"--output={tmp_path}/x"]
    reply = json.loads(run([*words, "--json=short"]).stdout)
    host = os.uname().nodename
    files = [tmp_path / "infrastructure/credentials/db.cred", tmp_path / f"credentials/{host}/db.cred", tmp_path / "x"]
    for file in files:
        assert run(["systemd-creds", "decrypt", "--name=tenant-acme.db", file, "-"]).stdout == SECRET
    assert reply == {"tenant": "acme", "name": "db", "host": host, "path": "infrastructure/credentials/db.cred",
                     "file": str(tmp_path / "x"), "text": (tmp_path / "x").read_text()}  # fmt: skip


def test_on_a_terminal_it_is_typed_twice_and_never_shown(make: Make, tmp_path: Path) -> None:
    make("acme")
    words = ["bbhv", "credential", "encrypt", "acme", "db", f"--output={tmp_path}/db.cred"]
    status, shown = typed(words, SECRET, SECRET)
    assert status == 0 and SECRET not in shown and "Commit it as infrastructure/credentials/db.cred" in shown
    found = run(["systemd-creds", "decrypt", "--name=tenant-acme.db", tmp_path / "db.cred", "-"]).stdout
    assert found == SECRET
    status, shown = typed(words, SECRET, OTHER)
    assert status == 1 and "The two are not the same" in shown and SECRET not in shown and OTHER not in shown
