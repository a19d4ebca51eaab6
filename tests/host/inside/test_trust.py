"""Trust: only what the registered signers signed is taken, and history is never rewound without an operator's word."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import SETTINGS, Make
from .signing import (
    PgpKey,
    Signer,
    SshKey,
    commit,
    forget,
    in_repository,
    programs,
    signed,
    trust,
    without,
)
from .support import REGISTRATIONS, registration, run
from .test_system import CLONE, System, sync
from .test_system import system as system  # a fixture
from .world import Tenant, container, never_healthy

NOTED = Path("/var/lib/bitbuilder/system-tried")
SIGNED = {"commits": "signed", "signers": ["acme-release"]}
STRICT = {"commits": "strict", "signers": ["acme-release"]}
Key = Callable[[str], Signer]


@pytest.fixture(autouse=True)
def verifiers() -> Iterator[None]:
    """No test leaves a signer behind."""
    forget()
    yield
    forget()


@pytest.fixture(params=["ssh", "gpgv", "sqv"])
def key(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Key]:
    """Makes keys of one technology; of OpenPGP's verifier programs the host has one."""
    made = SshKey if request.param == "ssh" else PgpKey
    other = {"gpgv": ("sqv",), "sqv": ("gpgv",)}.get(request.param, ())
    with without(*other):
        yield lambda name: made(tmp_path, name)


def register(tenant: Tenant, **how: object) -> None:
    """Writes the registration again."""
    (REGISTRATIONS / f"{tenant.id}.json").write_text(registration(tenant.id, tenant.repo.url, **how))


def change(tenant: Tenant, signer: Signer | None, text: str = "Words.", date: str = "") -> str:
    """A commit that changes nothing that runs."""
    files = tenant.files() if not tenant.repo.head else {}
    return commit(tenant.repo, signer, {**files, "README.md": text}, date=date)


def refused(tenant: Tenant, *words: str) -> None:
    """A sync refuses for this reason, and what runs stays as it is."""
    before = tenant.status()["commit"]
    assert tenant.sync(status=4) == "refused"
    assert all(word in tenant.said for word in words), tenant.said
    assert tenant.status()["commit"] == before and "Traceback" not in tenant.said


def test_only_what_a_signer_of_the_tenant_signed_is_taken(make: Make, key: Key) -> None:
    acme, mine, other = make("acme", trust=SIGNED), key("mine"), key("other")
    trust(mine, "acme-release")
    trust(other, "somebody-else")
    first = change(acme, mine)
    assert acme.sync() == "applied" and acme.status()["commit"] == first
    unsigned = change(acme, None, "1")
    refused(acme, f"Commit {unsigned[:12]} is not signed.", "acme-release")
    change(acme, other, "2")
    refused(acme, other.fingerprint, "which is not one of acme-release")
    newest = change(acme, mine, "3")
    assert acme.sync() == "applied" and acme.status()["commit"] == newest
    assert acme.sync() == "unchanged"


def test_a_signature_that_was_copied_to_another_commit_is_not_good(make: Make, key: Key) -> None:
    acme, mine = make("acme", trust=SIGNED), key("mine")
    trust(mine, "acme-release")
    first = change(acme, mine)
    acme.sync()
    data = acme.repo.git("cat-file", "commit", first) + "\n"
    head = acme.repo.git("cat-file", "commit", change(acme, None, "forged"))
    start, end = data.index("gpgsig "), data.index("\n\n")
    forged = head.replace("\n\n", f"\n{data[start:end]}\n\n", 1) + "\n"
    oid = acme.repo.git("hash-object", "-t", "commit", "-w", "--stdin", input=forged)
    acme.repo.git("update-ref", "refs/heads/main", oid)
    refused(acme, f"The signature of commit {oid[:12]} of acme is not good", mine.fingerprint)


def test_signed_asks_for_the_tip_and_strict_for_every_commit_with_all_sides_of_a_merge(make: Make, key: Key) -> None:
    acme, mine = make("acme", trust=STRICT), key("mine")
    trust(mine, "acme-release")
    first = change(acme, mine)
    assert acme.sync() == "applied"
    tree = acme.repo.git("rev-parse", "HEAD^{tree}")
    side = signed(acme.repo, None, tree, [first])
    merge = signed(acme.repo, mine, tree, [first, side])
    acme.repo.git("update-ref", "refs/heads/main", merge)
    refused(acme, f"Commit {side[:12]} is not signed.")
    register(acme, trust=SIGNED)
    assert acme.sync() == "applied" and acme.status()["commit"] == merge
    register(acme, trust=STRICT)
    assert acme.sync() == "unchanged", "the policy changed, and what is deployed is signed"
    one, two = (signed(acme.repo, mine, tree, [merge], date=f"{date} +0000") for date in ("1795000000", "1795000001"))
    unsigned = signed(acme.repo, None, tree, [one, two])
    acme.repo.git("update-ref", "refs/heads/main", unsigned)
    for policy in (STRICT, SIGNED):
        register(acme, trust=policy)
        refused(acme, f"Commit {unsigned[:12]} is not signed.")
    register(acme, trust=STRICT)
    good = signed(acme.repo, mine, tree, [merge, signed(acme.repo, mine, tree, [first])])
    acme.repo.git("update-ref", "refs/heads/main", good)
    assert acme.sync() == "applied" and acme.status()["commit"] == good


def test_a_policy_without_a_signer_or_a_signer_without_a_key_says_which_file_to_add(make: Make, tmp_path: Path) -> None:
    acme, mine = make("acme", trust=SIGNED), SshKey(tmp_path, "mine")
    change(acme, mine)
    add = "trust/bitbuilder/tenant-config/acme-release/ssh/SHA256.pub"
    refused(acme, "there is no key of acme-release", add, f"/etc/voa/{add.removeprefix('trust/')}")
    value = json.loads(registration("acme", acme.repo.url))
    del value["trust"]
    (REGISTRATIONS / "acme.json").write_text(json.dumps(value))
    refused(acme, "it names no signer", '"signers": ["acme-release"]')


def test_a_missing_verifier_program_refuses_and_names_its_package(make: Make, tmp_path: Path) -> None:
    acme, ssh, pgp = make("acme", trust=SIGNED), SshKey(tmp_path, "ssh"), PgpKey(tmp_path, "pgp")
    for one in (ssh, pgp):
        trust(one, "acme-release")
    change(acme, ssh)
    with without("ssh-keygen"):
        refused(acme, "ssh-keygen was not found", "Install openssh-client")
        assert "ssh-keygen" in run(["bbhv", "doctor"], check=False).stdout
    change(acme, pgp, "2")
    with without("gpgv", "sqv"):
        refused(acme, "gpgv was not found", "or sqv")
    with without("setpriv"):
        refused(acme, "setpriv was not found", "util-linux")
    assert acme.sync() == "applied"


def test_a_key_that_is_revoked_masked_or_not_valid_refuses_and_what_runs_runs_on(make: Make, tmp_path: Path) -> None:
    acme, mine, next_one = make("acme", trust=SIGNED), SshKey(tmp_path, "mine"), SshKey(tmp_path, "next")
    path = trust(mine, "acme-release")
    trust(next_one, "acme-release")
    commit(acme.repo, mine, acme.files(web=container()))
    assert acme.sync() == "applied"
    leader = acme.leader("web")
    register(acme, trust={**SIGNED, "revoked": [mine.fingerprint]})
    refused(acme, "which trust.revoked of acme names", "It is deployed already and runs on.")
    register(acme, trust=SIGNED)
    assert acme.sync() == "unchanged"
    change(acme, mine, "2")
    for text, reason in (
        (mine.valid(valid_before="20260101"), "which was valid until 2026-01-01 00:00:00 UTC, and the commit is of"),
        (mine.valid(valid_after="20990101Z"), "which is valid from 2099-01-01"),
        ("ssh-ed25519 AAAA\n", "which is not one of acme-release"),
    ):
        path.write_text(text)
        refused(acme, reason)
    path.write_text(mine.public)
    mask = Path("/run/voa/bitbuilder/tenant-config/acme-release/ssh") / path.name
    mask.parent.mkdir(parents=True)
    mask.symlink_to("/dev/null")
    refused(acme, "which is masked on this host")
    run(["systemctl", "restart", "tenant@acme"], timeout=120)
    assert acme.state("web") == "active" and acme.leader("web") != leader, "good is started without asking"
    change(acme, next_one, "3")
    assert acme.sync() == "applied"


def test_a_commit_that_is_signed_in_time_is_refused_once_its_key_has_expired(make: Make, tmp_path: Path) -> None:
    acme, mine = make("acme", trust=SIGNED), SshKey(tmp_path, "mine")
    trust(mine, "acme-release", text=mine.valid(valid_after="20250101", valid_before="20260301"))
    change(acme, mine, date="2026-02-01T00:00:00Z")
    refused(acme, "which was valid until 2026-03-01 00:00:00 UTC.")
    trust(mine, "acme-release", text=mine.valid(valid_after="20250101", valid_before="20990101"))
    assert acme.sync() == "applied"


@pytest.mark.parametrize("program", ["gpgv", "sqv"])
def test_openpgp_revocations_count_from_any_file_and_expiry_is_judged_now(
    make: Make, tmp_path: Path, program: str
) -> None:
    acme, mine = make("acme", trust=SIGNED), PgpKey(tmp_path, "mine")
    old = PgpKey(tmp_path, "old", made="20250101T000000", expires="20250601T000000")
    mine.subkey()
    with without({"gpgv": "sqv", "sqv": "gpgv"}[program]):
        trust(mine, "acme-release")
        trust(old, "acme-release")
        change(acme, mine)
        assert acme.sync() == "applied"
        before = acme.repo.head
        old.options = (*old.options, "-c", f"gpg.program={wrapper(tmp_path)}")
        change(acme, old, "2", date="2025-02-01T00:00:00Z")
        refused(acme, old.fingerprint, "which was valid until 2025-06-01")
        acme.repo.git("update-ref", "refs/heads/main", before)
        change(acme, mine, "3")
        trust(mine, "acme-release", text=mine.revoked(), root=Path("/run/voa/bitbuilder"))
        refused(acme, "of acme-release, which was revoked")


def wrapper(folder: Path) -> Path:
    """gpg that lives in February of 2025."""
    path = folder / "gpg-then"
    path.write_text('#!/bin/sh\nexec gpg --faked-system-time 20250201T000000! "$@"\n')
    path.chmod(0o755)
    return path


def test_a_clock_that_is_wrong_and_a_commit_from_the_future_are_refused(make: Make, tmp_path: Path) -> None:
    acme, mine = make("acme"), SshKey(tmp_path, "mine")
    trust(mine, "acme-release")
    change(acme, mine, date="2099-01-01T00:00:00Z")
    assert acme.sync() == "applied", "unsigned asks for no time"
    register(acme, trust=SIGNED)
    change(acme, mine, "2")
    refused(acme, "The clock of this host says", "2099-01-01", "Set the clock")
    shop = make("shop", trust=SIGNED)
    change(shop, mine, date="2099-01-01T00:00:00Z")
    refused(shop, "is dated 2099-01-01 00:00:00 UTC, which is in the future")


def test_history_is_never_rewound_without_an_operators_word(make: Make, tmp_path: Path) -> None:
    acme, mine = make("acme", trust=SIGNED), SshKey(tmp_path, "mine")
    trust(mine, "acme-release")
    first = change(acme, mine)
    second = change(acme, mine, "2")
    acme.sync()
    acme.repo.git("update-ref", "refs/heads/main", first)
    refused(acme, f"does not descend from {second[:12]}", "--allow-rewind")
    (acme.folder / "state.json").unlink()
    refused(acme, f"does not descend from {second[:12]}")
    shutil.rmtree(acme.folder / "config.git")
    (acme.folder / "state.json").write_text((acme.folder / "state.json").read_text().replace(first, second))
    tree = acme.repo.git("rev-parse", f"{first}^{{tree}}")
    unrelated = signed(acme.repo, mine, tree, [])
    acme.repo.git("update-ref", "refs/heads/main", unrelated)
    refused(acme, f"does not descend from {second[:12]}")
    acme.repo.git("update-ref", "-d", "refs/heads/main")
    assert acme.sync(status=1) == "failed" and "main" in acme.said
    acme.repo.git("update-ref", "refs/heads/main", first)
    assert run(["bbhv", "sync", "--allow-rewind"], check=False).returncode == 2
    run(["bbhv", "sync", "--allow-rewind", "acme"])
    assert acme.status()["commit"] == first
    acme.repo.git("update-ref", "refs/heads/main", unrelated)
    refused(acme, f"does not descend from {first[:12]}")
    acme.repo.git("update-ref", "refs/heads/main", second)
    assert acme.sync() == "applied"


def test_a_lost_state_and_a_lost_clone_leave_the_good_generation_as_memory_and_a_first_start_says_so(
    make: Make, tmp_path: Path
) -> None:
    acme, mine = make("acme", trust=SIGNED), SshKey(tmp_path, "mine")
    trust(mine, "acme-release")
    first = change(acme, mine)
    second = change(acme, mine, "2")
    acme.sync()
    shutil.rmtree(acme.folder / "config.git")
    (acme.folder / "state.json").unlink()
    acme.repo.git("update-ref", "refs/heads/main", first)
    done = run(["systemctl", "reload", "tenant@acme"], check=False, timeout=120)
    assert done.returncode == 0
    refused(acme, f"does not descend from {second[:12]}")
    shutil.rmtree(acme.folder)
    run(["systemctl", "restart", "tenant@acme"], timeout=120)
    said = run(["journalctl", "-b", "--no-pager", "-u", "tenant@acme"]).stdout
    assert f"nothing remembers what was accepted before; {first[:12]} is the first commit" in said


def test_an_operators_word_lifts_a_quarantine_and_a_hold(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    acme.commit(web=never_healthy())
    assert acme.sync(status=1) == "rolled-back" and acme.sync(status=1) == "quarantined"
    done = run(["bbhv", "sync", "--allow-rewind", "acme"], check=False, timeout=120)
    assert done.returncode == 1 and "rolled-back" in done.stdout, "it is tried again"
    acme.commit(web=container("MemoryMax=120M"))
    acme.sync()
    run(["bbhv", "rollback", "acme"], timeout=120)
    assert acme.sync() == "held"
    run(["bbhv", "apply", "--allow-rewind", "acme"], timeout=120)
    assert acme.status()["commit"] == acme.repo.head and acme.status()["hold"] is None


def test_an_unchanged_tip_starts_no_verifier_until_something_that_decides_changes(make: Make, tmp_path: Path) -> None:
    acme, mine, other = make("acme", trust=SIGNED), SshKey(tmp_path, "mine"), SshKey(tmp_path, "other")
    trust(mine, "acme-release")
    change(acme, mine)

    def traced() -> list[str]:
        log = tmp_path / "trace"
        run(["strace", "-f", "-qq", "-e", "trace=execve", "-s", "200", "-o", log, "bbhv", "sync", "acme"])
        return programs(log)

    assert acme.sync() == "applied"
    assert "ssh-keygen" not in traced()
    change(acme, mine, "2")
    assert traced().count("ssh-keygen") == 1
    assert "ssh-keygen" not in traced()
    trust(other, "acme-release")
    assert traced().count("ssh-keygen") == 1
    assert "ssh-keygen" not in traced()


def test_a_verifier_runs_as_nobody_without_a_network(make: Make, tmp_path: Path) -> None:
    acme, mine = make("acme", trust=SIGNED), SshKey(tmp_path, "mine")
    trust(mine, "acme-release")
    change(acme, mine)
    acme.sync()
    change(acme, mine, "2")
    log = tmp_path / "trace"
    calls = "trace=execve,setresuid,unshare,prctl,prlimit64"
    run(["strace", "-f", "-qq", "-e", calls, "-s", "200", "-o", log, "bbhv", "sync", "acme"])
    lines = log.read_text().splitlines()
    process = next(line.split()[0] for line in lines if '/ssh-keygen"' in line and line.endswith("= 0"))
    mine_lines = [line for line in lines if line.split()[0] == process]
    before = "\n".join(mine_lines[: next(i for i, line in enumerate(mine_lines) if '/ssh-keygen"' in line)])
    for call in ("CLONE_NEWNET", "setresuid(65534, 65534, 65534)", "PR_SET_NO_NEW_PRIVS, 1", "RLIMIT_FSIZE"):
        assert call in before, (call, before)


def test_the_system_repository_is_signed_by_whom_the_host_names_and_by_nobody_else(
    system: System, key: Key
) -> None:
    ops, tenants = key("ops"), key("tenants")
    SETTINGS.write_text(SETTINGS.read_text().replace("Trust=unsigned", "Trust=signed"))
    acme = system.tenant("acme")
    text = registration("acme", acme.repo.url)
    commit(system.repo, ops, {"tenants/acme.json": text})
    assert "there is no key of default" in sync(status=4)
    trust(tenants, "acme-release")
    trust(ops, "default")  # the purpose tenant-config says nothing about the system repository
    assert "/etc/voa/bitbuilder/system-config/default/ssh/SHA256.pub" in sync(status=4)
    path = trust(ops, "default", "system-config")
    assert "acme: applied" in sync()
    commit(system.repo, tenants, {"README.md": "1", **in_repository(tenants, "acme-release")})
    assert tenants.fingerprint in sync(status=4)
    newest = commit(system.repo, ops, {"README.md": "2"})
    sync()
    path.unlink()
    said = sync(status=4)
    assert "stays in force" in said and "acme: unchanged" in said, "what is deployed stays"
    trust(ops, "default", "system-config")
    sync()
    assert run(["git", "-C", CLONE, "rev-parse", "HEAD"]).stdout.strip() == newest


def test_signers_come_with_the_system_repository_and_are_masked_by_the_host(system: System, tmp_path: Path) -> None:
    acme, mine = system.tenant("acme"), SshKey(tmp_path, "mine")
    text = registration("acme", acme.repo.url, trust=SIGNED)
    system.repo.commit({"tenants/acme.json": text, **in_repository(mine, "acme-release")})
    assert "is not signed" in sync(status=4)
    commit(acme.repo, mine, {"README.md": "signed"})
    assert "acme: applied" in sync()
    mask = Path(f"/etc/voa/bitbuilder/tenant-config/acme-release/ssh/{mine.fingerprint}.pub")
    mask.parent.mkdir(parents=True)
    mask.symlink_to("/dev/null")
    assert "which is masked on this host" in sync(status=4)


def test_the_credential_names_the_system_repositorys_signers_where_the_host_names_none(
    system: System, tmp_path: Path
) -> None:
    ops, other, store = SshKey(tmp_path, "ops"), PgpKey(tmp_path, "other"), Path("/run/credentials/@system")
    SETTINGS.write_text(SETTINGS.read_text().replace("Trust=unsigned", "Trust=strict"))
    store.mkdir(parents=True, exist_ok=True)
    given = store / "bitbuilder.signers"
    try:
        given.write_text(f"# of the operators\n{ops.public}")
        commit(system.repo, ops, {"system.json": '{"apiVersion": "bitbuilder.io/v1"}\n'})
        sync()
        given.write_text(other.public)
        commit(system.repo, other, {"README.md": "1"})
        sync()
        trust(ops, "default", "system-config")
        assert other.fingerprint in sync(status=4), "files of the host come first"
    finally:
        given.unlink()


def test_the_memory_of_the_system_repository_survives_in_either_place(system: System) -> None:
    first = system.repo.commit({"system.json": '{"apiVersion": "bitbuilder.io/v1"}\n'})
    second = system.repo.commit({"README.md": "1"})
    sync()
    system.repo.git("update-ref", "refs/heads/main", first)
    for lost in (NOTED, CLONE):
        run(["rm", "-rf", lost])
        said = sync(status=4)
        assert f"does not descend from {second[:12]}" in said and f"rm -r {CLONE} {NOTED}" in said
    run(["rm", "-rf", CLONE, NOTED])
    sync()
    assert run(["git", "-C", CLONE, "rev-parse", "HEAD"]).stdout.strip() == first


def test_a_pull_by_hand_of_the_system_repository_is_verified_too(system: System, tmp_path: Path) -> None:
    ops = SshKey(tmp_path, "ops")
    trust(ops, "default", "system-config")
    SETTINGS.write_text(SETTINGS.read_text().replace("Trust=unsigned", "Trust=signed"))
    acme, shop = system.tenant("acme"), system.tenant("shop")
    first = commit(system.repo, ops, {"tenants/acme.json": registration("acme", acme.repo.url)})
    sync()
    commit(system.repo, None, {"tenants/shop.json": registration("shop", shop.repo.url)})
    run(["git", "-C", CLONE, "pull"])
    run(["systemctl", "reload", "tenant-manager"], timeout=120)
    assert "shop" not in run(["bbhv", "list"]).stdout and NOTED.read_text().split()[0] == first
    newest = commit(system.repo, ops, {"README.md": "1"})
    run(["git", "-C", CLONE, "pull"])
    run(["systemctl", "reload", "tenant-manager"], timeout=120)
    assert "shop" in run(["bbhv", "list"]).stdout and NOTED.read_text().split()[0] == newest
