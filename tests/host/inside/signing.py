"""Signers as a test has them: real keys by ssh-keygen and gpg, commits that git signs, verifiers where a host looks."""

import base64
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from .support import Repo, run

VOA = Path("/etc/voa/bitbuilder")
PEOPLE = {
    "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Ops", "GIT_AUTHOR_EMAIL": "ops@acme.example",
    "GIT_COMMITTER_NAME": "Ops", "GIT_COMMITTER_EMAIL": "ops@acme.example",
}  # fmt: skip


class SshKey:
    """A key of ssh-keygen."""

    technology, suffix = "ssh", ".pub"

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / name
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", self.path])
        self.public = self.path.with_suffix(".pub").read_text()
        self.fingerprint = hashlib.sha256(base64.b64decode(self.public.split()[1])).hexdigest()
        self.options: tuple[str, ...] = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={self.path}")
        self.environment: dict[str, str] = {}

    def sign(self, path: Path) -> Path:
        """Signs a file; the signature lies beside it."""
        beside = Path(f"{path}.sig")
        beside.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", self.path, path])
        return beside

    def valid(self, **options: str) -> str:
        """The public key with options before it, such as valid_after="20260101"."""
        return ",".join(f'{name.replace("_", "-")}="{value}"' for name, value in options.items()) + f" {self.public}"


class PgpKey:
    """A key of gpg."""

    technology, suffix = "openpgp", ".openpgp"

    def __init__(self, folder: Path, name: str, *, made: str = "", expires: str = "never") -> None:
        self.home = folder / name
        self.home.mkdir(mode=0o700)
        clock = ("--faked-system-time", f"{made}!") if made else ()
        self.gpg(*clock, "--passphrase", "", "--quick-gen-key", f"{name} <{name}@x>", "ed25519", "sign", expires)
        listing = self.gpg("--with-colons", "--list-keys").splitlines()
        self.id = next(line.split(":")[9] for line in listing if line.startswith("fpr"))
        self.fingerprint = self.id.lower()
        self.public = self.gpg("--export", "--armor")
        self.options: tuple[str, ...] = ("-c", "gpg.format=openpgp", "-c", f"user.signingkey={self.id}")
        self.environment = {"GNUPGHOME": str(self.home)}

    def gpg(self, *arguments: str, input: str | None = None) -> str:
        """What gpg prints."""
        environment = {"GNUPGHOME": str(self.home)}
        return run(["gpg", "--quiet", "--batch", *arguments], input=input, env=environment).stdout

    def sign(self, path: Path, *how: str) -> Path:
        """Signs a file; the signature lies beside it, and has no armor unless it is asked for."""
        beside = Path(f"{path}.sig")
        self.gpg("--yes", *how, "--output", str(beside), "--detach-sign", str(path))
        return beside

    def subkey(self) -> None:
        """A subkey that signs from now on."""
        self.gpg("--passphrase", "", "--quick-add-key", self.id, "ed25519", "sign", "never")
        self.public = self.gpg("--export", "--armor")

    def revoked(self) -> str:
        """The certificate with its revocation. Git cannot sign by it any more."""
        text = (self.home / f"openpgp-revocs.d/{self.id}.rev").read_text().replace(":-----BEGIN", "-----BEGIN")
        self.gpg("--import", input=text)
        return self.gpg("--export", "--armor")


Signer = SshKey | PgpKey


def commit(
    repo: Repo, signer: Signer | None, files: Mapping[str, str | None], *, date: str = ""
) -> str:
    """Commits as `Repo.commit` does, signed, and perhaps at another time."""
    head = repo.head
    tree = repo.git("rev-parse", repo.commit(files) + "^{tree}")
    made = signed(repo, signer, tree, [head] if head else [], date)
    repo.git("update-ref", f"refs/heads/{repo.branch}", made)
    return made


def signed(repo: Repo, signer: Signer | None, tree: str, parents: Sequence[str], date: str = "") -> str:
    """A commit of a tree, signed by git."""
    environment = {**PEOPLE, "GIT_DIR": str(repo.path), **(signer.environment if signer else {})}
    if date:
        environment |= {"GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date}
    options = signer.options if signer else ()
    behind = [word for parent in parents for word in ("-p", parent)]
    command = ["git", *options, "commit-tree", *(["-S"] if signer else []), tree, *behind, "-m", "A change"]
    return run(command, env=environment).stdout.strip()


def trust(signer: Signer, name: str, purpose: str = "tenant-config", text: str = "", root: Path = VOA) -> Path:
    """Adds a verifier to a load path of this host, as the signer of this name."""
    path = root / purpose / name / signer.technology / f"{signer.fingerprint}{signer.suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or signer.public)
    return path


def in_repository(signer: Signer, name: str, purpose: str = "tenant-config") -> dict[str, str | None]:
    """The verifier as a file of a system repository."""
    path = f"trust/bitbuilder/{purpose}/{name}/{signer.technology}/{signer.fingerprint}{signer.suffix}"
    return {path: signer.public}


def forget() -> None:
    """Removes all verifiers of this host."""
    for root in ("/etc/voa", "/run/voa"):
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def without(*programs: str) -> Iterator[None]:
    """This host has none of these programs, as long as it lasts."""
    paths = [path for name in programs if (path := shutil.which(name))]
    for path in paths:
        run(["mount", "--bind", "/dev/null", path])
    try:
        yield
    finally:
        for path in paths:
            run(["umount", path])


def programs(log: Path) -> list[str]:
    """The names of the programs that a trace of strace saw being started."""
    lines = (line for line in log.read_text().splitlines() if "execve(" in line and line.endswith("= 0"))
    return [os.path.basename(line.split('"')[1]) for line in lines]
