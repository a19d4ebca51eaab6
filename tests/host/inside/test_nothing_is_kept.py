"""What nobody accepts leaves nothing: no object in the clone, no byte on the disk, no file, no program that ran.

Each attack comes over https from a real server, to a tenant whose commits must be signed. The reason is said, and then
the host is looked over as a whole (traces.py).
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from . import clock
from .conftest import Make
from .servers import Authority, HttpServer, endless_pack
from .signing import SshKey, commit, forget, signed, trust
from .support import REGISTRATIONS, REPOSITORIES, registration, run
from .test_fetch import ca as ca  # a fixture
from .traces import Traces
from .world import Tenant, new_tenant

POLICY = {"commits": "signed", "signers": ["prey-release"]}


@dataclass
class Prey:
    """A tenant with a signer, at an https server."""

    tenant: Tenant
    server: HttpServer
    ca: Authority
    mine: SshKey
    other: SshKey

    def register(self, **how: object) -> None:
        """Writes the registration."""
        url = self.server.url("prey.git")
        text = registration("prey", url, **{"fetch": {"ca": self.ca.text}, "trust": POLICY, **how})
        (REGISTRATIONS / "prey.json").write_text(text)

    def push(self, signer: SshKey | None, files: dict[str, str | None], *, date: str = "") -> str:
        """Makes the branch a commit of these files, on top of what was accepted."""
        return commit(self.tenant.repo, signer, files, date=date)

    def planted(self, entries: list[tuple[str, str, str]]) -> str:
        """Makes the branch a commit with these entries (mode, path, id), which nobody signed."""
        repo = self.tenant.repo
        repo.git("read-tree", repo.head)
        repo.git("update-index", "-z", "--index-info",
                 input="".join(f"{mode} {oid}\t{path}\0" for mode, path, oid in entries))
        made = signed(repo, None, repo.git("write-tree"), [repo.head])
        repo.git("update-ref", "refs/heads/main", made)
        return made

    def blob(self, text: str) -> str:
        """The id of a file's text."""
        return self.tenant.repo.git("hash-object", "-w", "--stdin", input=text)

    @contextmanager
    def attack(self, *reasons: str, status: int = 4, outcome: str = "refused") -> Iterator[Traces]:
        """What is pushed in here is refused for these reasons, leaves nothing, and good news come through after it."""
        tenant = self.tenant
        head, running, traces = tenant.repo.head, tenant.status()["commit"], Traces(tenant)
        yield traces
        assert tenant.sync(status) == outcome
        assert all(reason in tenant.said for reason in reasons) and "Traceback" not in tenant.said, tenant.said
        assert tenant.status()["commit"] == running
        traces.are_all()
        tenant.repo.git("update-ref", "refs/heads/main", head)
        self.server.behaviour = None
        self.register()


@pytest.fixture(scope="module")
def prey(ca: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prey]:
    """The tenant, with two commits that were accepted."""
    forget()
    folder = tmp_path_factory.mktemp("keys")
    with HttpServer(REPOSITORIES, ca.certificate("localhost")) as server:
        one = Prey(new_tenant("prey"), server, ca, SshKey(folder, "mine"), SshKey(folder, "other"))
        trust(one.mine, "prey-release")
        one.register()
        for text in ("first", "second"):
            one.push(one.mine, {**one.tenant.files(), "README.md": text})
            one.tenant.sync()
        yield one
        newest = one.push(one.mine, {"README.md": "whatever was tried, this is taken"})
        assert one.tenant.sync() == "applied" and one.tenant.status()["commit"] == newest
        one.tenant.remove()
    forget()


def test_a_tree_full_of_traps(prey: Prey) -> None:
    with prey.attack("is not signed") as traces:
        evil = prey.blob(f"#!/bin/sh\n{traces.program}\n")
        modules = prey.blob(f'[submodule "x"]\n\tpath = x\n\turl = "ext::sh -c {traces.program}"\n')
        blobs = {"hooks/post-checkout": evil, ".gitattributes": prey.blob("* filter=evil diff=evil merge=evil\n"),
                 ".gitconfig": prey.blob(f"[filter \"evil\"]\n\tsmudge = {traces.program}\n"), f"{traces.mark}": evil,
                 "docs/Twin": evil, "docs/twin": evil, ".lfsconfig": evil}  # fmt: skip
        prey.planted([*(("100755", path, oid) for path, oid in blobs.items()), ("100644", "modules", modules),
                      ("120000", "metadata.json", prey.blob("/etc/shadow")), ("160000", "x", prey.tenant.repo.head)])


def test_a_blob_of_zeros_that_unpacks_to_much_and_one_that_does_not_pack(prey: Prey) -> None:
    with prey.attack("is not signed") as traces:
        zeros, noise = Path(f"/tmp/{traces.mark}.zeros"), Path(f"/tmp/{traces.mark}.noise")
        with zeros.open("wb") as file:
            file.truncate(100 << 20)
        noise.write_bytes(os.urandom(3 << 20))
        oids = [prey.tenant.repo.git("hash-object", "-w", str(path)) for path in (zeros, noise)]
        prey.planted([("100644", f"docs/{number}", oid) for number, oid in enumerate(oids)])
        zeros.unlink()
        noise.unlink()


def test_more_files_than_anybody_needs(prey: Prey) -> None:
    with prey.attack("is not signed"):
        blob = prey.blob("")
        prey.planted([("100644", f"docs/{number:06}", blob) for number in range(30_000)])


def test_a_server_whose_pack_never_ends(prey: Prey) -> None:
    with prey.attack("larger than a host takes", status=1, outcome="failed"):
        prey.push(prey.mine, {"README.md": "news"})
        prey.server.behaviour = endless_pack


def test_a_merge_that_nobody_signed_of_parents_that_somebody_did(prey: Prey) -> None:
    repo = prey.tenant.repo
    with prey.attack("is not signed"):
        tree, head = repo.git("rev-parse", "HEAD^{tree}"), repo.head
        sides = [signed(repo, prey.mine, tree, [head], f"{1795000000 + side} +0000") for side in range(2)]
        repo.git("update-ref", "refs/heads/main", signed(repo, None, tree, sides))


def test_an_old_commit_that_was_signed_once_is_offered_again(prey: Prey) -> None:
    repo = prey.tenant.repo
    with prey.attack("does not descend from", "history was rewound"):
        repo.git("update-ref", "refs/heads/main", repo.git("rev-parse", "main~1"))
    with prey.attack("does not descend from", "history was rewound"):
        old = repo.git("rev-parse", "main~1")
        replay = signed(repo, prey.mine, repo.git("rev-parse", f"{old}^{{tree}}"), [old])
        repo.git("update-ref", "refs/heads/main", replay)


def test_a_history_that_was_written_anew(prey: Prey) -> None:
    repo = prey.tenant.repo
    with prey.attack("does not descend from", "history was rewound"):
        tree = repo.git("rev-parse", "HEAD^{tree}")
        repo.git("update-ref", "refs/heads/main", signed(repo, prey.mine, tree, []))


def test_a_signer_who_was_revoked_yesterday(prey: Prey) -> None:
    with prey.attack("which trust.revoked of prey names"):
        prey.push(prey.mine, {"README.md": "of yesterday"}, date="2026-06-01T00:00:00Z")
        prey.register(trust={**POLICY, "revoked": [prey.mine.fingerprint]})


def test_a_signer_of_somebody_else(prey: Prey) -> None:
    trust(prey.other, "another")
    with prey.attack(prey.other.fingerprint, "which is not one of prey-release"):
        prey.push(prey.other, {"README.md": "of another"})


def test_a_commit_of_the_future(prey: Prey) -> None:
    with prey.attack("which is in the future"):
        prey.push(prey.mine, {"README.md": "tomorrow"}, date="2099-01-01T00:00:00Z")


def test_a_clock_from_before_this_program_judges_nobody(prey: Prey) -> None:
    """A host without a battery wakes up in the past: nothing is taken by that clock, and nothing is lost by it."""
    traces = Traces(prey.tenant)
    newest = prey.push(prey.mine, {"README.md": "signed, at a good time"})
    past = ["python3", clock.__file__, "1577836800", "bbhv", "sync", "prey"]
    done = run(past, check=False, timeout=120)
    assert done.returncode == 4 and "The clock of this host is wrong: it says 2020-01-01" in done.stdout, done
    assert "Set the clock" in done.stdout and prey.tenant.status()["outcome"] == "refused"
    traces.are_all()
    prey.tenant.sync()
    assert prey.tenant.status()["commit"] == newest


def test_a_branch_that_is_gone(prey: Prey) -> None:
    with prey.attack("main", status=1, outcome="failed"):
        prey.tenant.repo.git("update-ref", "-d", "refs/heads/main")


def test_a_commit_that_is_larger_than_any_that_is_read(prey: Prey) -> None:
    """It is not read into the memory of the host, and the clone survives it."""
    repo, person = prey.tenant.repo, "Ops <ops@acme.example> 1790000000 +0000"
    with prey.attack("more than the 4194304 that are read"):
        tree, head = repo.git("rev-parse", "HEAD^{tree}"), repo.head
        head_lines = f"tree {tree}\nparent {head}\nauthor {person}\ncommitter {person}\n\n"
        made = repo.git("hash-object", "-t", "commit", "-w", "--stdin", input=head_lines + "x" * (20 << 20))
        repo.git("update-ref", "refs/heads/main", made)


def test_many_pushes_that_are_refused_do_not_add_up(prey: Prey) -> None:
    """What a look of an operator has fetched is given back as well."""
    for look in (False, True):
        with prey.attack("is not signed"):
            for number in range(2 if look else 1):
                prey.planted([("100644", f"docs/{number}", prey.blob(os.urandom(500_000).hex()))])
                if look:
                    assert "is not signed" in run(["bbhv", "plan", "--fetch", "prey"], check=False).stdout


def test_the_first_commit_of_a_tenant(prey: Prey, make: Make) -> None:
    """A clone that has nothing else is not there afterwards."""
    new = make("fresh", repository=prey.server.url("fresh.git"), fetch={"ca": prey.ca.text}, trust=POLICY)
    new.repo.commit(new.files())
    assert new.sync(4) == "refused" and "is not signed" in new.said
    assert not (new.folder / "config.git").exists() and list(new.folder.glob(".#*")) == []
    newest = commit(new.repo, prey.mine, {"README.md": "signed"})
    assert new.sync() == "held" or new.status()["commit"] == newest


def test_what_replaces_and_lends_objects_is_not_asked_for(prey: Prey) -> None:
    """Refs of replacement, notes and pull requests, and alternates of the server, stay where they are."""
    repo, traces = prey.tenant.repo, Traces(prey.tenant)
    head = repo.head
    evil = signed(repo, None, repo.git("rev-parse", "HEAD^{tree}"), [head])
    for ref in (f"refs/replace/{head}", "refs/notes/commits", "refs/pull/1/head", "refs/tags/v1"):
        repo.git("update-ref", ref, evil)
    (repo.path / "objects/info/http-alternates").write_text("/other.git/objects\n")
    assert prey.tenant.sync() == "unchanged"
    traces.are_all()
    assert [line for line in prey.server.asked if "alternates" in line or "objects" in line] == []


URLS = ("ext::sh -c {}", "ext::{}", "fd::7/x", "ssh://-oProxyCommand={}/x", "ssh://localhost/-oProxyCommand={}",
        "-oProxyCommand={}", "--upload-pack={}", "git@-oProxyCommand={}:x", "https://localhost/x.git --upload-pack={}",
        "http://localhost/x.git", "git://localhost/x.git")  # fmt: skip


@pytest.mark.parametrize("place", ["registration", "user", "branch"])
def test_an_address_that_is_a_command(prey: Prey, place: str) -> None:
    """An address, a user or a branch that git or ssh would run, or take for an option, is a finding of its line."""
    traces = Traces(prey.tenant)
    for text in URLS if place == "registration" else ("-oProxyCommand={}", "--upload-pack={}", "x\n{}"):
        word = text.format(traces.program)
        value = json.loads(registration("prey", prey.server.url("prey.git"), trust=POLICY))
        match place:
            case "registration":
                value["repository"] = word
            case "user":
                value["fetch"] = {"user": word, "credential": "git.x"}
            case "branch":
                value["branch"] = word
        (REGISTRATIONS / "prey.json").write_text(json.dumps(value, indent=1))
        done = run(["bbhv", "sync", "prey"], check=False)
        said = done.stdout + done.stderr
        if "/-oProxyCommand" in word:  # a path, and no more than that
            assert done.returncode in (1, 3, 4), said
        else:
            assert done.returncode in (3, 4) and f"{REGISTRATIONS}/prey.json:" in said, (word, said)
        assert "Traceback" not in said
    prey.register()
    traces.are_all()

