"""Where the verifiers of signatures are: the File Hierarchy for the Verification of OS Artifacts (VOA, UAPI.11).

    LOAD PATH/OS/PURPOSE/CONTEXT/TECHNOLOGY/FILE      /etc/voa/bitbuilder/tenant-config/acme-release/ssh/0f9e….pub

Pure functions over listings: who lists directories and reads files decides nothing. What the specification calls a
warning is a warning here (BB505), and what it says must not be considered is left out. Two technologies are known:
ssh, where a file in a more important load path takes the place of those with the same name, and openpgp, where all
files of one name count together. `check_tree` is for trust/ of a system repository, where a wrong file is an error.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from ..findings import Finding, Place
from ..records import dataclass
from .pubkeys import KeyFileError, openpgp_fingerprint, refuse_secret, ssh_fingerprint

LOAD_PATHS = ("/etc/voa", "/run/voa", "/usr/local/share/voa", "/usr/share/voa")
EPHEMERAL = ("/run/voa",)
WRITABLE = ("/etc/voa", "/run/voa")
OS, TENANT_PURPOSE, SYSTEM_PURPOSE, IMAGE_PURPOSE = "bitbuilder", "tenant-config", "system-config", "image"
ANCHOR = "trust-anchor-"
MAX_LINKS = 16
MAX_FINDINGS = 200

_PART = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")
_HEX = frozenset("0123456789abcdef")
_MASK = "/dev/null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Technology:
    """One kind of signature: the suffix of its files, how long a name is before it, and how copies go together."""

    suffix: str
    lengths: tuple[int, ...]
    merges: bool
    named: str
    fingerprint: Callable[[bytes], str]


TECHNOLOGIES: Mapping[str, Technology] = {
    "ssh": Technology(
        suffix=".pub", lengths=(64,), merges=False, named="the SHA-256 of the key", fingerprint=ssh_fingerprint
    ),
    "openpgp": Technology(
        suffix=".openpgp", lengths=(40, 64), merges=True, named="the fingerprint of the certificate",
        fingerprint=openpgp_fingerprint,
    ),
}  # fmt: skip


class PathError(ValueError):
    """Not the path of a verifier: a sentence, and a hint that may be empty."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """What the path of a verifier says, below a load path."""

    os: str
    purpose: str
    context: str
    technology: str
    file: str

    @property
    def role(self) -> str:
        """The purpose without the mark of a trust anchor."""
        return self.purpose.removeprefix(ANCHOR)

    @property
    def is_anchor(self) -> bool:
        """Whether it certifies other verifiers instead of verifying artifacts."""
        return self.purpose.startswith(ANCHOR)


def parse(path: str) -> Verifier:
    """The verifier at a path below a load path. Raises PathError when the path does not follow the hierarchy."""
    parts = path.split("/")
    if len(parts) != 5:
        raise PathError(f"{path!r} is not OS/PURPOSE/CONTEXT/TECHNOLOGY/FILE.")
    os, purpose, context, technology, file = parts
    _check_os(os)
    for name, part in (("purpose", purpose), ("context", context), ("technology", technology)):
        if not part or not _PART.issuperset(part):
            hint = "Use lower-case letters, digits, dots, dashes and underscores."
            raise PathError(f"{part!r} is not the name of a {name}.", hint)
    if not purpose.removeprefix(ANCHOR) or purpose.removeprefix(ANCHOR).startswith(ANCHOR):
        raise PathError(f"The purpose {purpose!r} has no role of its own.")
    known = TECHNOLOGIES.get(technology)
    if known and file_problem(known, file):
        raise PathError(file_problem(known, file), f"Its name is {known.named}, and {known.suffix}.")
    return Verifier(os=os, purpose=purpose, context=context, technology=technology, file=file)


def _check_os(os: str) -> None:
    """ID[:VERSION_ID[:VARIANT_ID[:IMAGE_ID[:IMAGE_VERSION]]]]; parts in the middle may be empty."""
    parts = os.split(":")
    if not parts[0] or not parts[-1] or len(parts) > 5 or not all(_PART.issuperset(part) for part in parts):
        raise PathError(f"{os!r} is not the name of a system.", "Write ID=, or ID= and VERSION_ID= with a colon.")


def file_problem(technology: Technology, file: str) -> str:
    """What is wrong with the name of a file, as a sentence; empty when nothing is."""
    stem = file.removesuffix(technology.suffix)
    if stem == file:
        return f"The file's name does not end in {technology.suffix}."
    if len(stem) not in technology.lengths or not _HEX.issuperset(stem):
        return f"The file's name is not {technology.named} in lower-case hexadecimal."
    return ""


@dataclass(frozen=True, slots=True)
class Node:
    """One thing in a listing of the load paths; `target` is what a link says, as it says it."""

    kind: Literal["file", "directory", "link"]
    target: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller looks for: any of these systems, exactly as written, for one purpose and context."""

    oses: tuple[str, ...]
    purpose: str
    context: str
    technology: str


def lookup(
    nodes: Mapping[str, Node], wanted: Wanted, roots: Sequence[str] = LOAD_PATHS
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """The paths of the files that count, the most important first, and warnings about what was left out.

    `nodes` is everything at and below the load paths by its absolute path, links not followed. A link to /dev/null
    masks the verifiers of its name, in all load paths. Of an unknown technology nothing counts.
    """
    search = _Search(nodes, roots)
    technology = TECHNOLOGIES.get(wanted.technology)
    if technology is None:
        return (), ()
    found: list[str] = []
    for os in wanted.oses:
        below = f"{os}/{wanted.purpose}/{wanted.context}"
        masked = {file for name in TECHNOLOGIES for file in search.masks(f"{below}/{name}")}
        seen: set[str] = set()
        for root in roots:
            for path, file in search.files(root, f"{below}/{wanted.technology}"):
                problem = file_problem(technology, file)
                if problem:
                    search.warn(path, problem)
                elif file not in masked and (technology.merges or file not in seen):
                    seen.add(file)
                    found.append(path)
    return tuple(dict.fromkeys(found)), tuple(dict.fromkeys(search.warnings))


class _Search:
    """The listing with its folders, and the warnings so far."""

    def __init__(self, nodes: Mapping[str, Node], roots: Sequence[str]) -> None:
        self._nodes = nodes
        self._roots = tuple(roots)
        self._inside: dict[str, list[str]] = {}
        self.warnings: list[Finding] = []
        for path in sorted(nodes):
            folder, _, name = path.rpartition("/")
            self._inside.setdefault(folder, []).append(name)

    def warn(self, path: str, message: str) -> None:
        """Notes why something is left out."""
        if len(self.warnings) < MAX_FINDINGS:
            text = f"{message.removesuffix('.')}, ignoring."
            self.warnings.append(Finding(Place(path), "BB505", text, severity="warning"))

    def masks(self, below: str) -> list[str]:
        """The names that are masked in a folder of any load path."""
        found = []
        for root in self._roots:
            folder = self._folder(root, below)
            for name in self._inside.get(folder, ()) if folder else ():
                if self._nodes[f"{folder}/{name}"] == Node("link", _MASK):
                    found.append(name)
                    if root not in WRITABLE:
                        message = "A verifier is masked where only the system's vendor writes; it counts as masked."
                        self.warnings.append(Finding(Place(f"{folder}/{name}"), "BB505", message, severity="warning"))
        return found

    def files(self, root: str, below: str) -> list[tuple[str, str]]:
        """Path and name of each file in a folder of a load path, links followed."""
        folder = self._folder(root, below)
        found = []
        for name in self._inside.get(folder, ()) if folder else ():
            if self._nodes[f"{folder}/{name}"] == Node("link", _MASK):
                continue
            path = self._follow(f"{folder}/{name}", "file")
            if path:
                found.append((path, name))
        return found

    def _folder(self, root: str, below: str) -> str:
        """The folder below a load path, links followed; empty when there is none."""
        path = root
        for part in below.split("/"):
            path = f"{path}/{part}"
            if path not in self._nodes:
                return ""
            path = self._follow(path, "directory")
            if not path:
                return ""
        return path

    def _follow(self, path: str, kind: str) -> str:
        """Where a link leads when it may lead there, or the path itself; empty, with a warning, when it may not."""
        start, name = path, path.rpartition("/")[2]
        for _ in range(MAX_LINKS):
            node = self._nodes.get(path)
            if node is None:
                self.warn(start, "The link leads nowhere.")
                return ""
            if node.kind != "link":
                if node.kind != kind:
                    self.warn(start, f"This is no {kind}.")
                return path if node.kind == kind else ""
            problem = self._link_problem(path, node.target, name)
            if problem:
                self.warn(start, problem)
                return ""
            path = _absolute(path, node.target)
        self.warn(start, "The link leads to itself.")
        return ""

    def _link_problem(self, path: str, target: str, name: str) -> str:
        level = self._level(path)
        if target == _MASK:
            return "A folder cannot be masked."
        if self._roots[level] in EPHEMERAL:
            return f"Links are not allowed in {self._roots[level]}."
        where = _absolute(path, target)
        if self._level(where) < level:
            return "The link leads out of the load paths that are at most as important."
        if where.rpartition("/")[2] != name:
            return "The link leads to a file of another name."
        return ""

    def _level(self, path: str) -> int:
        """The place of a path's load path in their order; -1 for a path outside of them."""
        return next((level for level, root in enumerate(self._roots) if path.startswith(root + "/")), -1)


def _absolute(link: str, target: str) -> str:
    """The absolute path that a link means, without looking at the links on the way."""
    parts: list[str] = []
    for part in (target if target.startswith("/") else f"{link.rpartition('/')[0]}/{target}").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def check_tree(files: Mapping[str, bytes], top: str = "trust") -> tuple[Finding, ...]:
    """What is wrong with the verifiers that a system repository has below `top`; other files are not looked at.

    Errors are files that would be ignored, or that hold another key than they say, and every secret key. Warnings are
    verifiers that nothing asks for.
    """
    findings: list[Finding] = []
    for path in sorted(files):
        inside = path.removeprefix(f"{top}/")
        name = inside.rpartition("/")[2]
        if inside == path or name.startswith((".", "README")) or name.endswith(".md"):
            continue
        finding = _file_finding(path, inside, files[path])
        findings += [finding] if finding else []
    return tuple(findings[:MAX_FINDINGS])


def _file_finding(path: str, inside: str, data: bytes) -> Finding | None:
    place = Place(path)
    try:
        refuse_secret(data)
        verifier = parse(inside)
        known = TECHNOLOGIES.get(verifier.technology)
        fingerprint = known.fingerprint(data) if known else ""
    except (PathError, KeyFileError) as error:
        example = f"trust/{OS}/{TENANT_PURPOSE}/SIGNER/ssh/SHA256.pub"
        return Finding(place, "BB505", str(error), error.hint or f"A verifier is a file such as {example}.")
    if verifier.role == SYSTEM_PURPOSE:
        message = "A system repository cannot say who signs it."
        return Finding(place, "BB505", message, "Put the verifier into /etc/voa of the host.")
    if known and verifier.file != fingerprint + known.suffix:
        message = "The file holds another key than its name says."
        return Finding(place, "BB505", message, f"Rename it to {fingerprint}{known.suffix}.")
    unused = _unused(verifier)
    return Finding(place, "BB505", f"{unused}, ignoring.", severity="warning") if unused else None


def _unused(verifier: Verifier) -> str:
    """Why nothing asks for a verifier; empty when something does."""
    if verifier.os != OS:
        return f"Verifiers are looked for below {OS} only, not below {verifier.os}"
    if verifier.is_anchor:
        return "Trust anchors are not used"
    if verifier.purpose not in (TENANT_PURPOSE, IMAGE_PURPOSE):
        return f"Nothing asks for the purpose {verifier.purpose}, only for {TENANT_PURPOSE} and {IMAGE_PURPOSE}"
    if verifier.technology not in TECHNOLOGIES:
        return f"Signatures by {verifier.technology} are not verified by this version"
    return ""
