"""git, as the host may use it on a repository that others fill: refs, objects by id, never a work tree.

A clone is `config.git/.git`. Its configuration is ours, whole; its checkout is sparse and empty, so that a pull by
hand works and yet writes no file. Our refs (`refs/bitbuilder/…`) are written by ourselves, durably and without git's
lock files, because the tenant's lock already orders us. Objects are read with `git cat-file --batch`, and each id is
computed again over the bytes that came back.
"""

import os
import time
from contextlib import contextmanager
from typing import Iterator, Literal, Mapping

from ..errors import BbhvError, CommandError, RefusedError
from ..formats import gitobject
from ..formats.gitconfig import configuration as configuration
from ..names import is_object_id
from . import files, run

TIMEOUT = 60.0
MAX_OBJECT = 4 << 20
MAX_CLONE = 1 << 30
ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "SSH_ASKPASS": "/bin/false",
    "GIT_PROTOCOL_FROM_USER": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_ADVICE": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_CEILING_DIRECTORIES": "/",
}
# Where git reads what others made, outside of a sandbox: a small object may be a delta against one of gigabytes.
READING = {**ENVIRONMENT, "GIT_ALLOC_LIMIT": "64m"}
_GAVE_UP = "over limit"
# The settings through which a repository could make git run something.
HARMLESS = (
    "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.attributesFile=/dev/null",
    "-c", "core.symlinks=false", "-c", "core.protectHFS=true", "-c", "core.protectNTFS=true", "-c", "gc.auto=0",
    "-c", "maintenance.auto=false", "-c", "submodule.recurse=false", "-c", "core.pager=cat", "-c", "core.fsync=all",
)  # fmt: skip

Algorithm = Literal["sha1", "sha256"]


class DamagedError(BbhvError):
    """An object that must be in the clone is missing, or is not what its id says."""


def algorithm(oid: str) -> Algorithm:
    """The hash that made an object id."""
    return "sha256" if len(oid) == 64 else "sha1"


class TooLargeError(RefusedError):
    """An object that takes more than this host gives for it: whoever made it is to blame, no new clone is better."""


class ObjectReader:
    """Reads objects of one clone by id, each checked against its id. Use it in a `with`.

    `env` adds to git's environment, as where the objects of a push lie. git starts with the first question.
    """

    def __init__(self, gitdir: str, env: Mapping[str, str] | None = None) -> None:
        self._gitdir = gitdir
        self._env = {**READING, **(env or {})}
        self._begun: run.Process | None = None
        self._buffer = b""

    @property
    def _process(self) -> run.Process:
        if self._begun is None:
            command = ("git", f"--git-dir={self._gitdir}", *HARMLESS, "cat-file", "--batch-command")
            self._begun = run.spawn(command, pipe_stdin=True, env=self._env)
        return self._begun

    def __enter__(self) -> "ObjectReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Ends git; another question starts it again."""
        process, self._begun, self._buffer = self._begun, None, b""
        if process is None:
            return
        if process.popen.stdin is not None:
            try:
                process.popen.stdin.close()
            except OSError:
                pass  # it died, or the host is short of something, which the read that met it has reported
        process.close()

    def read(self, oid: str, kind: str, *, limit: int = MAX_OBJECT) -> bytes:
        """The content of an object. Raises DamagedError when it is missing or not what its id and kind say.

        Raises TooLargeError when it is larger, or git needs more memory for it than it is given.
        """
        if not is_object_id(oid):
            raise DamagedError(f"{ascii(oid[:80])} is not an object id.")
        try:
            found, size = self._ask("info", oid)
            if size <= limit:
                return self._checked(oid, kind, found)
        except (BbhvError, OSError):
            self.end()  # whatever is still to come from it answers no other question
            raise
        raise TooLargeError(f"Object {oid} is {size} bytes, more than the {limit} that are read.")

    def _checked(self, oid: str, kind: str, found: str) -> bytes:
        if found != kind:
            raise DamagedError(f"Object {oid} in {self._gitdir} is a {found}, not a {kind}.", hint=_DAMAGED)
        data = self._take(self._ask("contents", oid)[1] + 1)[:-1]
        if gitobject.object_id(kind, data, algorithm(oid)) != oid:
            raise DamagedError(f"Object {oid} in {self._gitdir} does not hold what its id says.", hint=_DAMAGED)
        return data

    def read_bounded(self, oid: str, kind: str, limit: int) -> bytes | None:
        """The content of an object, or None when it is larger than `limit` bytes. Raises DamagedError."""
        try:
            return self.read(oid, kind, limit=limit)
        except TooLargeError:
            return None

    def commit(self, oid: str) -> gitobject.Commit:
        """A commit, parsed. Raises DamagedError, TooLargeError, GitFormatError."""
        return gitobject.parse_commit(self.read(oid, "commit"))

    def _ask(self, what: str, oid: str) -> tuple[str, int]:
        """Kind and size of an object; after `contents` its bytes follow, which git then holds in memory."""
        stdin = self._process.popen.stdin
        assert stdin is not None
        try:
            with run.named(self._process.argv):
                stdin.write(f"{what} {oid}\n".encode())
                stdin.flush()
        except BrokenPipeError:
            raise self._died() from None
        header = self._line().decode("ascii", "replace").split()
        if len(header) != 3 or header[0] != oid or not header[2].isdigit():
            raise DamagedError(f"Object {oid} is missing in {self._gitdir}.", hint=_DAMAGED)
        return header[1], int(header[2])

    def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            self._fill()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _take(self, size: int) -> bytes:
        parts = [self._buffer]
        have = len(self._buffer)
        while have < size:
            self._buffer = b""
            self._fill()
            parts.append(self._buffer)
            have += len(self._buffer)
        data = b"".join(parts)
        self._buffer = data[size:]
        return data[:size]

    def _fill(self) -> None:
        pipe = self._process.stdout.fileno()
        if not run.has_data(pipe, TIMEOUT):
            raise self._died()
        with run.named(self._process.argv):
            chunk = os.read(pipe, 1 << 16)
        if not chunk:
            raise self._died()
        self._buffer += chunk

    def _died(self) -> BbhvError:
        run.go_on()  # it was ended, which says nothing about the clone
        words = " ".join(self._process.last_words().split())
        self.end()
        if _GAVE_UP in words:
            return TooLargeError(f"An object in {self._gitdir} takes too much memory: {words}.")
        return DamagedError(f"git cannot read {self._gitdir}: {words or 'no answer'}.", hint=_DAMAGED)


_DAMAGED = "The next sync clones the repository again; what runs stays as it is."


class Clone:
    """One repository on the host, at `path`; a missing or empty folder is a clone that never was."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.gitdir = f"{path}/.git"
        self._reader: ObjectReader | None = None

    @contextmanager
    def reading(self) -> Iterator[ObjectReader]:
        """Reads objects. Who does so within somebody else's `reading` of this clone shares the git that is there."""
        if self._reader is not None:
            yield self._reader
            return
        with ObjectReader(self.gitdir) as self._reader:
            try:
                yield self._reader
            finally:
                self._reader = None

    def exists(self) -> bool:
        """Whether it was ever cloned."""
        return os.path.isfile(f"{self.gitdir}/HEAD")

    def create(self, config: str, branch: str, kind: Algorithm) -> None:
        """Makes an empty repository, whole or not at all, in the place of what may be left of a damaged one."""
        files.make_dir(files.parent(self.path), 0o700)
        new = files.temporary(self.path)
        os.mkdir(new, 0o700)
        init = ("init", "--quiet", "--template=", f"--object-format={kind}", f"--initial-branch={branch}", new)
        try:
            run.run(("git", *HARMLESS, *init), timeout=TIMEOUT, env=ENVIRONMENT)
            _furnish(f"{new}/.git", {"config": config, **_INFO})
            _fsync_all(new)
            files.retire_tree(self.path)
            os.rename(new, self.path)
        except (OSError, CommandError):
            files.remove_tree(new)
            raise
        files.fsync_dir(files.parent(self.path))

    def configure(self, config: str, branch: str) -> None:
        """Makes the configuration ours again, if it is not, and HEAD the registered branch."""
        _furnish(self.gitdir, {"config": config, "HEAD": f"ref: refs/heads/{branch}\n", **_INFO})

    def is_configured(self, config: str, branch: str) -> bool:
        """Whether `configure` would change nothing."""
        wanted = {"config": config, "HEAD": f"ref: refs/heads/{branch}\n", **_INFO}
        same = all(_text(f"{self.gitdir}/{name}", 1 << 20) == text for name, text in wanted.items())
        return same and not any(os.path.lexists(f"{self.gitdir}/{name}") for name in _FOREIGN)

    def algorithm(self) -> Algorithm:
        """The hash of its objects, by what its refs name: its configuration may be anybody's."""
        return algorithm(self.ref("refs/bitbuilder/incoming") or self.head() or "")

    def restore(self, config: str) -> None:
        """Makes the clone ours again before git runs in it: nothing that a hand put there is run, borrowed or believed.

        HEAD, the branch and the objects stay. Only under the lock.
        """
        _furnish(self.gitdir, {"config": config, **_INFO})
        for name in _FOREIGN:
            if os.path.lexists(f"{self.gitdir}/{name}"):
                files.remove_tree(f"{self.gitdir}/{name}")

    def ref(self, name: str) -> str | None:
        """The object id that a ref holds; None when there is none, or nothing that can be read."""
        if not gitobject.is_ref_name(name):
            return None
        oid = _text(f"{self.gitdir}/{name}", 200)
        if oid is None:
            try:
                oid = gitobject.parse_packed_refs(_text(f"{self.gitdir}/packed-refs", 8 << 20) or "").get(name, "")
            except gitobject.GitFormatError:
                return None
        return oid.strip() if is_object_id(oid.strip()) else None

    def head(self) -> str | None:
        """The commit that HEAD means; None when there is none, or nothing that can be read."""
        text = (_text(f"{self.gitdir}/HEAD", 1000) or "").strip()
        return self.ref(text[5:]) if text.startswith("ref: refs/heads/") else text if is_object_id(text) else None

    def set_ref(self, name: str, oid: str) -> None:
        """Moves a ref of ours, durably. Only under the tenant's lock."""
        path = f"{self.gitdir}/{name}"
        if _text(path, 200) != f"{oid}\n":
            files.make_dir(files.parent(path))
            files.sweep(files.parent(path), os.path.basename(path))
            files.write(path, f"{oid}\n".encode())

    def touch_ref(self, name: str) -> None:
        """Notes in a ref's modification time that it is right now. It need not outlive a power cut."""
        try:
            os.utime(f"{self.gitdir}/{name}")
        except FileNotFoundError:
            return  # git has packed it, so there is no time to be read either

    def ref_age(self, name: str) -> float | None:
        """How many seconds ago a ref was last known to be right, by the wall clock; None when nobody can say."""
        try:
            return time.time() - os.stat(f"{self.gitdir}/{name}").st_mtime
        except OSError:
            return None

    def align(self, oid: str, branch: str, handle: int) -> None:
        """Moves the branch and the index to a commit, so that the next pull by hand goes on from there.

        The index is built beside the old one and renamed, so that no lock file of git is left by a crash.
        Raises CommandError. `handle` is the lock that the child holds with us.
        """
        if self.ref(f"refs/heads/{branch}") == oid and os.path.exists(f"{self.gitdir}/index"):
            return
        _furnish(self.gitdir, _INFO)
        new = files.temporary(f"{self.gitdir}/index")
        env = dict(READING, GIT_INDEX_FILE=new)
        here = (f"--git-dir={self.gitdir}", f"--work-tree={self.path}")
        command = ("git", *here, *HARMLESS, *_SPARSE, "read-tree", "-m", "-u", oid)
        try:
            run.run(command, timeout=TIMEOUT, env=env, pass_fds=(handle,))
            files.fsync_file(new)
            os.rename(new, f"{self.gitdir}/index")
        except (OSError, CommandError):
            files.discard(new)
            raise
        files.fsync_dir(self.gitdir)
        self.set_ref(f"refs/remotes/origin/{branch}", oid)
        self.set_ref(f"refs/heads/{branch}", oid)  # the last, by which the next run sees that all is done

    def store_pack(self, name: str, parts: dict[str, str], limit: int = MAX_CLONE, *, on_trial: bool = False) -> None:
        """Publishes a pack that was checked: `parts` maps pack, rev and idx to staged files. The index comes last.

        One `on_trial` is marked, as git marks a pack on its way in, until `keep_packs` or `return_packs`; one that was
        there already is not.
        """
        folder = f"{self.gitdir}/objects/pack"
        files.make_dir(folder)
        have = sum(os.lstat(f"{folder}/{one}").st_size for one in os.listdir(folder))
        if have + sum(os.stat(part).st_size for part in parts.values()) > limit:
            message = f"The clone {self.path} would be larger than {limit >> 20} MiB."
            raise BbhvError(message, hint=f"Remove {self.path} and sync: what nobody uses any more is left out then.")
        if on_trial and f"pack-{name}" not in self.packs():
            files.write(f"{folder}/pack-{name}{_ON_TRIAL}", b"")
        try:
            for part in [part for part in ("pack", "rev", "idx") if part in parts]:
                os.chmod(parts[part], 0o444)
                files.fsync_file(parts[part])
                os.rename(parts[part], f"{folder}/pack-{name}.{part}")
                files.fsync_dir(folder)
        except OSError:
            self._sweep_packs()
            raise

    def keep_packs(self) -> None:
        """What came in was accepted: no pack is on trial any more."""
        folder = f"{self.gitdir}/objects/pack"
        for name in self._on_trial():
            files.discard(f"{folder}/{name}{_ON_TRIAL}")

    def return_packs(self) -> None:
        """What came in was not accepted: no object of it is kept."""
        if names := self._on_trial():
            self.drop_packs(names)

    def _on_trial(self) -> set[str]:
        folder = f"{self.gitdir}/objects/pack"
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return {name.removesuffix(_ON_TRIAL) for name in names if name.endswith(_ON_TRIAL)}

    def packs(self) -> set[str]:
        """The names of the packs that git reads: `pack-` and an object id."""
        folder = f"{self.gitdir}/objects/pack"
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return {name.removesuffix(".idx") for name in names if name.startswith("pack-") and name.endswith(".idx")}

    def drop_packs(self, names: set[str]) -> None:
        """Removes packs whose objects are in another one. Of each the index goes first: git knows packs by it."""
        folder = f"{self.gitdir}/objects/pack"
        for name in sorted(names):
            files.discard(f"{folder}/{name}.idx")
        for entry in os.listdir(folder):
            if entry.partition(".")[0] in names:
                files.discard(f"{folder}/{entry}")
        files.fsync_dir(folder)

    def is_whole(self, oid: str, objects: str = "", *, seconds: float = TIMEOUT) -> bool | None:
        """Whether everything that a commit needs is in the clone, or in another folder of `objects` alone.

        None when nobody can say: git was not done within so many seconds, was ended, or would need too much memory.
        """
        command = ("git", f"--git-dir={self.gitdir}", *HARMLESS, "rev-list", "--objects", "--quiet", oid)
        env = {**READING, "GIT_OBJECT_DIRECTORY": objects} if objects else READING
        try:
            done = run.run(command, timeout=seconds, env=env, ok=())
        except CommandError:
            return None
        return done.returncode == 0 or (None if _GAVE_UP in done.stderr else False)

    def sweep(self) -> None:
        """Removes what a crash left half written, and a list of refs that git could not read. Only under the lock."""
        try:
            gitobject.parse_packed_refs(_text(f"{self.gitdir}/packed-refs", 8 << 20) or "")
        except gitobject.GitFormatError:
            files.discard(f"{self.gitdir}/packed-refs")
        for folder in (self.gitdir, f"{self.gitdir}/objects/pack", f"{self.gitdir}/refs/bitbuilder"):
            files.sweep(folder)
        self._sweep_packs()
        beside = files.parent(self.path)
        for name in os.listdir(beside) if os.path.isdir(beside) else ():
            if name.startswith((f"{files.PREFIX}incoming.", f"{files.PREFIX}{os.path.basename(self.path)}.")):
                files.remove_tree(f"{beside}/{name}")

    def _sweep_packs(self) -> None:
        """Removes what lies beside an index that is not there: a pack on its way in or out."""
        folder, whole = f"{self.gitdir}/objects/pack", self.packs()
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            if name.startswith(("pack-", "tmp_")) and name.partition(".")[0] not in whole:
                files.discard(f"{folder}/{name}")

    def discard(self) -> None:
        """Forgets a damaged clone."""
        if self._reader is not None:
            self._reader.end()
        files.retire_tree(self.path)


_ON_TRIAL = ".keep"
# No file is checked out, and no attribute of a file that a tenant commits counts.
_INFO = {"info/sparse-checkout": "/*\n!/*\n", "info/attributes": "* -text -filter -ident -working-tree-encoding\n"}
# What makes git run something, read objects from elsewhere, or take one for another. None of it is ever ours.
_FOREIGN = (
    "hooks", "config.worktree", "commondir", "worktrees", "modules", "shallow", "refs/replace", "info/grafts",
    "objects/info/alternates", "objects/info/http-alternates", "objects/info/commit-graph",
    "objects/info/commit-graphs", "objects/pack/multi-pack-index",
)  # fmt: skip
_SPARSE = ("-c", "core.sparseCheckout=true", "-c", "core.sparseCheckoutCone=false")


def _furnish(gitdir: str, texts: Mapping[str, str]) -> None:
    """Makes files of a clone what they are to be; what is right already is not written."""
    for name, text in texts.items():
        path = f"{gitdir}/{name}"
        if _text(path, 1 << 20) != text:
            files.make_dir(files.parent(path))
            files.write(path, text.encode())


def _text(path: str, limit: int) -> str | None:
    """The text of a file; None when there is none, or nothing that can be read."""
    try:
        data = files.read(path, limit)
    except BbhvError:
        return None
    return None if data is None else data.decode("utf-8", "replace")


def _fsync_all(top: str) -> None:
    for folder, _, names in os.walk(top, topdown=False, onerror=files.reraise):
        for name in names:
            files.fsync_file(f"{folder}/{name}")
        files.fsync_dir(folder)
