"""Git's objects and packed refs, read from bytes (gitformat-signature(5), git-fsck(1)).

Promises: every reader accepts only what git itself would write, raises nothing but GitFormatError, and is bounded.
Nothing here trusts an object id that it did not compute: `object_id` is how a reader proves what it holds.
"""

from typing import Literal

from ..errors import BbhvError
from ..names import is_object_id
from ..records import dataclass

Algorithm = Literal["sha1", "sha256"]

MAX_COMMIT = 1 << 20
MAX_TREE = 16 << 20
MAX_TREE_ENTRIES = 100_000
MAX_PARENTS = 64
MAX_HEADERS = 64
MAX_PACKED_REFS = 4 << 20
MAX_NAME = 255
MAX_SECONDS = 253402300799  # the end of the year 9999

MODE_FILE = 0o100644
MODE_EXECUTABLE = 0o100755
MODE_SYMLINK = 0o120000
MODE_TREE = 0o040000
MODE_SUBMODULE = 0o160000
_MODES = {
    b"100644": MODE_FILE,
    b"100755": MODE_EXECUTABLE,
    b"120000": MODE_SYMLINK,
    b"40000": MODE_TREE,
    b"160000": MODE_SUBMODULE,
}
_KINDS = ("blob", "tree", "commit", "tag")
_DIGITS = frozenset(b"0123456789")
_HEADER_KEY = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
_FIXED_HEADERS = (b"tree", b"parent", b"author", b"committer")
_SIGNATURES = {40: b"gpgsig", 64: b"gpgsig-sha256"}
# Characters that HFS+ leaves out when it compares names (git's next_hfs_char()).
_HFS_IGNORED = dict.fromkeys([*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF])
_REF_FORBIDDEN = frozenset(' ~^:?*[\\"\x7f') | frozenset(map(chr, range(32)))


class GitFormatError(BbhvError):
    """An object or a file of git does not have the form that git gives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit. `author` and `committer` are ``Name <address>``; times are in microseconds since the epoch.

    `signature` is the one made for this repository's hash (None without one); `signed_payload` is what it signs.
    """

    tree: str
    parents: tuple[str, ...]
    author: str
    committer: str
    authored_usec: int
    committed_usec: int
    message: str
    signature: bytes | None
    signed_payload: bytes


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One name in a tree. `mode` is one of the MODE constants."""

    mode: int
    name: bytes
    oid: str


def object_id(kind: str, data: bytes, algorithm: Algorithm) -> str:
    """The id of an object: the hash over its kind, its size and its bytes. Raises GitFormatError for another kind."""
    if kind not in _KINDS:
        raise GitFormatError(f"Git has no objects of kind {ascii(kind[:32])}.")
    import hashlib  # with all of OpenSSL, for who reads objects: a sandbox that fetches does not

    header = b"%s %d\0" % (kind.encode(), len(data))
    if algorithm == "sha1":
        return hashlib.sha1(header + data, usedforsecurity=False).hexdigest()
    return hashlib.sha256(header + data).hexdigest()


def parse_commit(data: bytes) -> Commit:
    """A commit object. Raises GitFormatError when it is malformed, has a header twice or is larger than MAX_COMMIT."""
    if len(data) > MAX_COMMIT:
        raise GitFormatError(f"The commit is larger than {MAX_COMMIT} bytes.")
    if b"\0" in data:
        raise GitFormatError("The commit holds a NUL byte.")
    headers, end = _headers(data)
    tree, parents, author, committer = _fixed_headers(headers)
    _check_extra_headers(headers[3 + len(parents) :])
    signature, payload = _split_signature(headers, data[end:], _SIGNATURES[len(tree)])
    return Commit(
        tree=tree,
        parents=parents,
        author=author[0],
        committer=committer[0],
        authored_usec=author[1],
        committed_usec=committer[1],
        message=data[end + 1 :].decode("utf-8", "replace"),
        signature=signature,
        signed_payload=payload,
    )


def parse_tree(data: bytes, id_length: int) -> tuple[TreeEntry, ...]:
    """A tree object; `id_length` is 20 (SHA-1) or 32 (SHA-256) bytes. Raises GitFormatError when it is malformed.

    Names come as they are: without ``/`` and NUL, sorted as git sorts them, each once. See `is_safe_path_component`.
    """
    if id_length not in (20, 32):
        raise GitFormatError(f"An object id has 20 or 32 bytes, not {id_length}.")
    if len(data) > MAX_TREE:
        raise GitFormatError(f"The tree is larger than {MAX_TREE} bytes.")
    entries: list[TreeEntry] = []
    names: set[bytes] = set()
    at, before = 0, b""
    while at < len(data):
        entry, at = _tree_entry(data, at, id_length)
        order = entry.name + b"/" if entry.mode == MODE_TREE else entry.name
        if entry.name in names:
            raise GitFormatError(f"The tree has the name {ascii(entry.name)} twice.")
        if order < before:
            raise GitFormatError(f"The tree is not sorted at the name {ascii(entry.name)}.")
        if len(entries) >= MAX_TREE_ENTRIES:
            raise GitFormatError(f"The tree has more than {MAX_TREE_ENTRIES} entries.")
        entries.append(entry)
        names.add(entry.name)
        before = order
    return tuple(entries)


def parse_packed_refs(text: str) -> dict[str, str]:
    """The refs of a packed-refs file: name to object id. Raises GitFormatError when it is malformed."""
    if len(text) > MAX_PACKED_REFS:
        raise GitFormatError(f"The packed-refs file is larger than {MAX_PACKED_REFS} bytes.")
    refs: dict[str, str] = {}
    peeled = True
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else (), 1):
        oid, _, name = line.partition(" ")
        if line.startswith("#"):
            continue
        if line.startswith("^") and not peeled and is_object_id(line[1:]):
            peeled = True
        elif is_object_id(oid) and is_ref_name(name) and name not in refs:
            refs[name] = oid
            peeled = False
        else:
            raise GitFormatError(f"Line {number} of the packed-refs file cannot be read.")
    return refs


def is_ref_name(name: str) -> bool:
    """Whether git would take this as the full name of a ref (git-check-ref-format(1)), in at most 255 characters."""
    if not name.startswith("refs/") or len(name) > MAX_NAME or not _REF_FORBIDDEN.isdisjoint(name):
        return False
    if ".." in name or "@{" in name or name.endswith("."):
        return False
    return all(part and part[0] != "." and not part.endswith(".lock") for part in name.split("/"))


def is_safe_path_component(name: bytes) -> str | None:
    """The name as text when it may be one component of a path on any host, else None. See `name_problem` for why."""
    return None if name_problem(name) else name.decode()


def name_problem(name: bytes) -> str:
    """Why a name from a tree may not be a component of a path, as the end of a sentence; empty when it may."""
    if not name or name in (b".", b".."):
        return "is not the name of a file"
    if len(name) > MAX_NAME:
        return f"is longer than {MAX_NAME} bytes"
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return "is not UTF-8"
    if "/" in text or any(char < " " or "\x7f" <= char < "\xa0" for char in text):
        return "holds a slash or a control character"
    if any(_is_dot_git(part) for part in text.split("\\")):
        return "stands for .git on some file system"
    return ""


def _is_dot_git(text: str) -> bool:
    """Whether a file system could take the name for .git: by case, HFS+'s ignored characters, NTFS's short names,
    trailing dots and spaces, and streams."""
    folded = text.translate(_HFS_IGNORED).lower()
    return folded.partition(":")[0].rstrip(" .") in (".git", "git~1")


def _headers(data: bytes) -> tuple[list[tuple[bytes, bytes, bytes]], int]:
    """The header lines as (key, value, raw text), continuation lines joined, and where the empty line stands."""
    headers: list[tuple[bytes, bytes, bytes]] = []
    at = 0
    while data[at : at + 1] != b"\n":
        end = data.find(b"\n", at) + 1
        while end and data[end : end + 1] == b" ":
            end = data.find(b"\n", end) + 1
        key, space, value = data[at:end].partition(b" ")
        if not end or not space or not key or not _HEADER_KEY.issuperset(key):
            raise GitFormatError("The commit's header does not end, or has a broken line.")
        if len(headers) >= MAX_HEADERS + MAX_PARENTS:
            raise GitFormatError("The commit has too many headers.")
        headers.append((key, value.replace(b"\n ", b"\n"), data[at:end]))
        at = end
    return headers, at


def _fixed_headers(
    headers: list[tuple[bytes, bytes, bytes]],
) -> tuple[str, tuple[str, ...], tuple[str, int], tuple[str, int]]:
    """Tree, parents, author and committer, which must come first and in this order."""
    keys = [key for key, _, _ in headers]
    count = keys.count(b"parent")
    if keys[: 3 + count] != [b"tree", *[b"parent"] * count, b"author", b"committer"]:
        raise GitFormatError("The commit does not start with tree, parents, author and committer.")
    if count > MAX_PARENTS:
        raise GitFormatError(f"The commit has more than {MAX_PARENTS} parents.")
    tree, *parents = [_oid(value) for _, value, _ in headers[: 1 + count]]
    if any(len(parent) != len(tree) for parent in parents):
        raise GitFormatError("The commit names objects by different hashes.")
    return tree, tuple(parents), _person(headers[1 + count][1]), _person(headers[2 + count][1])


def _check_extra_headers(headers: list[tuple[bytes, bytes, bytes]]) -> None:
    """Refuse what git's own readers would see differently from ours: fixed headers again, a second signature."""
    seen: set[bytes] = set()
    for key, _, _ in headers:
        if key in _FIXED_HEADERS or (key in seen and key != b"mergetag"):
            raise GitFormatError(f"The commit has the header {key[:32].decode()} twice.")
        if key.startswith(b"gpgsig") and key not in _SIGNATURES.values():
            raise GitFormatError(f"The commit has an unknown signature header {key[:32].decode()}.")
        seen.add(key)


def _split_signature(
    headers: list[tuple[bytes, bytes, bytes]], rest: bytes, ours: bytes
) -> tuple[bytes | None, bytes]:
    """The signature in the header `ours`, and the commit without any signature header, which is what it signs."""
    signature = None
    payload = []
    for key, value, raw in headers:
        if key == ours:
            signature = value
        elif key not in _SIGNATURES.values():
            payload.append(raw)
    return signature, b"".join(payload) + rest


def _oid(value: bytes) -> str:
    text = value[:-1].decode("ascii", "replace")
    if not is_object_id(text):
        raise GitFormatError("The commit names an object by something that is no object id.")
    return text


def _person(value: bytes) -> tuple[str, int]:
    """``Name <address> SECONDS ZONE`` as ``Name <address>`` and microseconds since the epoch."""
    who, _, stamp = value[:-1].rpartition(b"> ")
    seconds, _, zone = stamp.partition(b" ")
    if who.count(b"<") != 1 or b">" in who or b"\n" in who or (who[:1] != b"<" and b" <" not in who):
        raise GitFormatError("The commit's author or committer is malformed.")
    numeric = 0 < len(seconds) <= 12 and _DIGITS.issuperset(seconds) and int(seconds) <= MAX_SECONDS
    if not numeric or (seconds[:1] == b"0" and seconds != b"0"):
        raise GitFormatError("The commit's time is malformed, or after the year 9999.")
    if len(zone) != 5 or zone[:1] not in (b"+", b"-") or not _DIGITS.issuperset(zone[1:]):
        raise GitFormatError("The commit's time zone is malformed.")
    return who.decode("utf-8", "replace") + ">", int(seconds) * 1_000_000


def _tree_entry(data: bytes, at: int, id_length: int) -> tuple[TreeEntry, int]:
    """The entry at an offset, and where the next one starts."""
    space = data.find(b" ", at, at + 7)
    nul = data.find(b"\0", space + 1) if space > 0 else -1
    mode = _MODES.get(data[at:space]) if nul > 0 else None
    end = nul + 1 + id_length
    if mode is None or end > len(data):
        raise GitFormatError("The tree has an entry with an unknown mode, or is cut off.")
    name = data[space + 1 : nul]
    if not name or b"/" in name:
        raise GitFormatError(f"The tree has an entry with the broken name {ascii(name[:64])}.")
    return TreeEntry(mode, name, data[nul + 1 : end].hex()), end
