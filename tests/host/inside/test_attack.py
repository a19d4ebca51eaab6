"""Attacks: what a tenant writes stays text, and what its containers do stays inside."""

import json
import os
from pathlib import Path

import pytest

from .conftest import Make
from .guests import idler
from .support import leader, run, unit_property, wait_until
from .world import Tenant

FLOOD = 5000


def nspawn(tenant: Tenant, name: str = "web") -> list[str]:
    """The command line of the nspawn that runs a container, as the kernel has it."""
    status = Path(f"/proc/{tenant.leader(name)}/status").read_text()
    parent = next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:"))
    return Path(f"/proc/{parent}/cmdline").read_bytes().decode().split("\0")[:-1]


def environment(tenant: Tenant, name: str = "web") -> dict[str, str]:
    """The environment of a container's program."""
    found = Path(f"/proc/{payload(tenant, name)}/environ").read_bytes().decode().split("\0")
    return dict(line.partition("=")[::2] for line in found if line)


def payload(tenant: Tenant, name: str = "web") -> int:
    """The program below the small init."""
    first = leader(f"{name}.{tenant.id}")
    return int(Path(f"/proc/{first}/task/{first}/children").read_text().split()[0])


TEXTS = (
    "%n %i %H %% %t/x", "$HOME ${PATH} $$ $(id) `id`", "a;b ; c", ";", "--bind=/:/host", "-x", "'single'", "tab\there",
    "\\n\\t\\\\ \\x41 \\", "ünïcödé ☃ 𝕏", "{a,b} * ? [x] ~", "a|b && c > /etc/evil", "#no comment", "x=y=z",
    "@@ + ! : -", "%", "trailing space ", " leading", "", "\\", "$", "\"", "ends with a backslash\\",
)


def quoted(text: str) -> str:
    """A word of a .nspawn file: in the quotes that the text does not hold."""
    return f"'{text}'" if "'" not in text else f'"{text}"'


def test_every_text_of_a_tenant_is_one_argument_exactly_as_written(make: Make) -> None:
    acme = make("acme")
    variables = {f"V{number}": text for number, text in enumerate(TEXTS)}
    assignments = [f"Environment={quoted(f'{name}={text}')}" for name, text in variables.items()]
    words = " ".join(quoted(text) for text in TEXTS)
    volumes = ["/srv/with space", "/srv/%n", "/srv/$HOME", "/srv/'quote'", "/srv/ünï ☃", "/srv/a,b;c", "/srv/--x=y"]
    mounts = "".join(f"Volume=data:{path}\n" for path in volumes)
    text = (
        "[Exec]\nHostname=web-1\nWorkingDirectory=/srv/%n $x\n" + "\n".join(assignments)
        + f"\nParameters=/bin/sh -c 'exec sleep infinity' {words}\n"
        + "[Files]\nTemporaryFileSystem=/srv/%n $x:size=1M\n"
        + "[X-Bitbuilder]\nImage=debian-13\nHealthStableSec=0\n" + mounts
    )
    acme.repo.commit({**acme.files(web=text), "infrastructure/data.volume": "[Volume]\nSize=1G\n"})
    assert acme.sync() == "applied", acme.said
    argv = nspawn(acme)
    end = argv.index("--")
    assert argv[end + 1:] == ["/bin/sh", "-c", "exec sleep infinity", *TEXTS]
    def given(option: str) -> list[str]:
        return [word.removeprefix(option) for word in argv[:end] if word.startswith(option)]

    assert given("--setenv=") == [f"{name}={text}" for name, text in variables.items()]
    assert given("--bind") == [f"={acme.folder}/volumes/data:{path}:idmap" for path in volumes]
    assert "--hostname=web-1" in argv and "--chdir=/srv/%n $x" in argv and "--tmpfs=/srv/%n $x:size=1048576" in argv
    found = environment(acme)
    assert {name: found.get(name) for name in variables} == variables
    inside = Path(f"/proc/{payload(acme)}/root")
    assert all(os.path.ismount(f"{inside}{path}") for path in volumes)
    assert not Path("/etc/evil").exists() and not (inside / "host").exists()


FORBIDDEN = {
    "[Exec]\nEnvironment=A=1\x00B=2": "NUL", "[Exec]\nEnvironment=SYSTEMD_LOG_LEVEL=debug": "SYSTEMD_LOG_LEVEL",
    "[Exec]\nEnvironment=A": "not an assignment", "[Exec]\nHostname=a b": "not a host name",
    "[Exec]\nHostname=-a": "not a host name", "[Exec]\nHostname=a.b": "not a host name",
    "[Exec]\nHostname=" + "a" * 64: "not a host name", "[Exec]\nUser=--bind=/": "not a user name",
    "[Exec]\nUser=0:0": "not a user name", "[Exec]\nUser=-u": "not a user name",
    "[Exec]\nKillSignal=9;": "not a signal", "[Exec]\nKillSignal=": "no value",
    "[Exec]\nWorkingDirectory=../x": "not an absolute path", "[Exec]\nWorkingDirectory=/a/../../x": "not clean",
    "[Exec]\nSystemCallFilter=@mount": "denies calls", "[Exec]\nSystemCallFilter=~a,b;c": "not the name of a",
    "[Exec]\nPersonality=arm": "x86", "[Exec]\nDropCapability=CAP_ALL": "not a capability",
    "[Files]\nBind=/etc": "not allowed for tenants", "[Files]\nOverlay=+/:/etc:/x": "not allowed for tenants",
    "[Files]\nTemporaryFileSystem=/x:size=1M,uid=0": "not allowed", "[Files]\nTemporaryFileSystem=/x": "no size",
    "[Files]\nInaccessible=/proc": "Nothing can be mounted", "[Exec]\nPrivateUsers=no": "set by the host",
    "[Exec]\nCapability=CAP_SYS_ADMIN": "not allowed for tenants", "[Network]\nPrivate=no": "set by the host",
    "[X-Bitbuilder]\nVolume=data:/a:/b": "is followed by",
    "[X-Bitbuilder]\nVolume=data:/proc/x": "Nothing can be mounted",
    "[X-Bitbuilder]\nVolume=../x:/a": "is a path", "[X-Bitbuilder]\nVolume=data:/a\\nb": "backslash",
    "[X-Bitbuilder]\nVolume=data:/": "Nothing can be mounted", "[X-Bitbuilder]\nMemoryMax=50%": "relative",
    "[X-Bitbuilder]\nRestart=always\\\n\nDelegate=yes": "Delegate",
    "[X-Bitbuilder]\nCPUQuota=1%\x85Slice=x": "CPUQuota",
    "[Service]\nExecStartPre=/bin/evil": "no section [Service]", "[Exec]\nBoot=yes\rPivotRoot=/": "PivotRoot",
}  # fmt: skip


def test_what_would_reach_the_host_is_refused_line_by_line(make: Make) -> None:
    acme = make("acme")
    files = acme.files(**{f"c{number}": f"{text}\n" for number, text in enumerate(FORBIDDEN)})
    acme.repo.commit({**files, "infrastructure/data.volume": "[Volume]\nSize=1M\n"})
    assert acme.sync(status=3) == "refused"
    lines = [one for one in acme.said.splitlines() if "BB208" not in one and "BB209" not in one]
    for number, (text, words) in enumerate(FORBIDDEN.items()):
        mine = [line for line in lines if f"containers/c{number}.nspawn:" in line]
        assert any(words in line for line in mine), (text, mine)


def told(tenant: Tenant, status: int) -> str:
    """Everything that the operator is shown about a tenant."""
    tenant.sync(status)
    shown = (f"status {tenant.id}", "status", "list", f"history {tenant.id}", "doctor")
    words = [tenant.said, *(run(["bbhv", *argv.split()], check=False).stdout for argv in shown)]
    return "".join(words) + run(["journalctl", "--no-pager", "-n", "200", "-u", "tenant@*"]).stdout


def test_no_text_of_a_tenant_drives_a_terminal(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=idler("debian-13"))
    acme.sync()
    csi, turn, line = "\x9b31m", "\u202e", "\u2028"
    acme.repo.commit({
        "containers/web.nspawn":
            f"[Exec]\nE\x1b[31mvil=1\nEv{csi}il=1\n{turn}Boot=yes\nBoot=\x1b]0;x\x07\n[e{csi}{turn}x]\n",
        f"containers/{turn}{line}x.nspawn": "x", f"docs{turn}/a": "x", "odd\u200b.md": "x",
        "metadata.json": json.dumps({"apiVersion": "x\x1b[31m", "tenant": f"a{csi}", f"k{csi}": 1}),
    })  # fmt: skip
    shown = told(acme, 3)
    assert [char for char in ("\x1b", "\x9b", "\x07", turn, line) if char in shown] == []
    assert acme.state("web") == "active"


def test_a_flood_of_findings_is_cut_and_the_tenant_goes_on_afterwards(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=idler("debian-13"))
    acme.sync()
    blob = acme.repo.git("hash-object", "-w", "--stdin", input="[Exec]\n" + "Enviroment=1\n" * 4000)
    acme.repo.git("read-tree", acme.repo.head)
    lines = [f"100644 {blob}\tcontainers/c{number}.nspawn\0" for number in range(40)]
    lines += [f"120000 {blob}\tdocs/{'n' * 60}{number}\0" for number in range(FLOOD)]
    acme.repo.git("update-index", "-z", "--index-info", input="".join(lines))
    acme.repo.git("update-ref", "refs/heads/main",
                  acme.repo.git("commit-tree", acme.repo.git("write-tree"), "-p", acme.repo.head, "-m", "Flood"))
    done = run(["bbhv", "sync", "acme"], check=False, timeout=60)
    assert done.returncode == 3 and len(done.stdout.splitlines()) < 500
    assert (acme.folder / "state.json").stat().st_size < 200_000
    kept = {path: None for path in acme.repo.git("ls-tree", "-r", "--name-only", "HEAD").splitlines()
            if path not in ("metadata.json", "containers/web.nspawn")}
    newest = acme.repo.commit({**kept, "containers/web.nspawn": idler("debian-13", "MemoryMax=64M")})
    assert acme.sync() == "applied" and acme.status()["commit"] == newest


def test_workloads_that_wait_for_each_other_by_the_thousand_are_judged_in_seconds(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=idler("debian-13"))
    acme.sync()
    for ring in (2, 4000):
        names = {f"c{n}": idler("debian-13", f"After=c{n // ring * ring + (n + 1) % ring}") for n in range(4000)}
        plant(acme, {f"containers/{name}.nspawn": text for name, text in names.items()})
        done = run(["bbhv", "sync", "acme"], check=False, timeout=45)
        assert done.returncode == 3 and "BB302" in done.stdout


def plant(tenant: Tenant, files: dict[str, str]) -> None:
    """Commits many files with one call of git."""
    repo, head = tenant.repo, tenant.repo.head
    stream = [f"commit refs/heads/main\ncommitter x <x> 0 +0000\ndata 1\nx\nfrom {head}\n"]
    stream += [f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n" for path, text in files.items()]
    repo.git("fast-import", "--quiet", "--force", input="".join(stream))


def test_what_a_container_prints_is_never_more_than_text(make: Make) -> None:
    acme = make("acme")
    words = "'<0>panic at the host' '<3>error of nobody' 'plain'"
    acme.commit(web="[Exec]\nParameters=/bin/sh -c 'for word; do echo \"$word\"; done; exec sleep infinity' sh " + words
                + "\n[X-Bitbuilder]\nImage=debian-13\nHealthStableSec=0\n")
    assert acme.sync() == "applied"
    argv = ["journalctl", "--no-pager", "-o", "json", "-u", acme.unit("web"), "SYSLOG_IDENTIFIER=web.acme"]
    wait_until("it is logged", lambda: "plain" in run(argv).stdout)
    found = {one["MESSAGE"]: one["PRIORITY"] for one in map(json.loads, run(argv).stdout.splitlines())}
    assert found["<0>panic at the host"] == found["<3>error of nobody"] == found["plain"] == "6"


def test_a_container_sees_nothing_of_the_host_and_of_other_tenants(make: Make) -> None:
    acme, beta = make("acme"), make("beta")
    for tenant in (acme, beta):
        tenant.repo.commit({**tenant.files(web=idler("debian-13", "Volume=data:/srv/data")),
                            "infrastructure/data.volume": "[Volume]\nSize=1M\n"})
        assert tenant.sync() == "applied"
    seen = "for path in /var/lib/tenants /var/lib/bitbuilder /run/bitbuilder /usr/bin/bbhv; do ls -d $path; done; true"
    assert beta.inside("web", "sh", "-c", seen) == ""
    maps = {tenant.id: Path(f"/proc/{tenant.leader('web')}/uid_map").read_text().split()[1:] for tenant in (acme, beta)}
    assert maps["acme"][0] != maps["beta"][0] and {size for _, size in maps.values()} == {"65536"}
    assert int(min(first for first, _ in maps.values())) >= 524288
    assert Path(f"/proc/{acme.leader('web')}/ns/net").readlink() != Path("/proc/1/ns/net").readlink()
    capable = int(next(line.split()[1] for line in Path(f"/proc/{acme.leader('web')}/status").read_text().splitlines()
                       if line.startswith("CapBnd")), 16)
    assert not capable & (1 << 25 | 1 << 16 | 1 << 17), "no clock, no modules, no raw input and output"


def test_set_user_id_programs_of_a_tenant_are_nobodys_on_the_host(make: Make) -> None:
    acme = make("acme")
    acme.repo.commit({**acme.files(web=idler("debian-13", "Volume=data:/srv/data")),
                      "infrastructure/data.volume": "[Volume]\nSize=10M\n"})
    assert acme.sync() == "applied"
    acme.inside("web", "sh", "-c", "cp /bin/sh /srv/data/evil; chmod 4755 /srv/data/evil")
    program = acme.folder / "volumes/data/evil"
    assert program.stat().st_uid == 0 and program.stat().st_mode & 0o4000
    Path("/var/lib/tenants").chmod(0o755)  # as the root of a file system of its own is
    somebody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/bin/sh", "-c"]
    done = run([*somebody, f"{program} -c 'echo reached'"], check=False)
    assert done.returncode != 0 and done.stdout == "" and "Permission denied" in done.stderr
    run(["bbhv", "sync"])
    assert Path("/var/lib/tenants").stat().st_mode & 0o777 == 0o700


def test_a_container_that_floods_and_dies_restarts_slower_and_slower_and_takes_nobody_along(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=idler("debian-13"))
    acme.sync()
    acme.commit(web="[Exec]\nParameters=/bin/sh -c 'head -c 3000000 /dev/zero | tr \"\\\\0\" x; exit 1'\n"
                "[X-Bitbuilder]\nImage=debian-13\nHealthStableSec=3\n")
    assert acme.sync(status=1) == "rolled-back" and acme.state("web") == "active"
    assert unit_property(acme.unit("web"), "RestartMaxDelayUSec") == "1min"


@pytest.mark.parametrize("name", ["a" * 24, "a-b-c-d-e-f-g-h-i-j-k-l", "x2d", "tenants", "host", "system"])
def test_any_name_that_is_allowed_stays_beside_the_others(make: Make, name: str) -> None:
    one = make(name)
    one.commit(**{name: idler("debian-13")})
    assert one.sync() == "applied"
    cgroup = unit_property(one.unit(name), "ControlGroup").split("/")
    assert cgroup[1] == "tenants.slice" and cgroup[2] == "tenants-" + name.replace("-", "\\x2d") + ".slice"
    assert cgroup[3] == one.unit(name) and len(cgroup) == 4
