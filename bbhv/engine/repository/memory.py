"""What was accepted of the system repository: in the clone's ref `tried`, and in a file beside the clone.

Either may be lost, with the clone or without; a new commit must go on from what each of them says. The file has the
object id in its first line, and the proof that goes with it in the second.
"""

from ...errors import BbhvError
from ...host import files, git, log
from ...model.authority import Proof
from ...names import is_object_id
from ...records import dataclass
from .. import paths


@dataclass(frozen=True, slots=True)
class Memory:
    """The newest commits that were accepted, as each place has it, and the proof of the file's one."""

    accepted: tuple[str, ...] = ()
    proof: Proof | None = None


def of_system(clone: git.Clone) -> Memory:
    """What is remembered. A file that cannot be read remembers nothing, and is said."""
    noted, proof = "", None
    try:
        lines = (files.read(paths.SYSTEM_TRIED) or b"").decode("ascii", "replace").splitlines()
        noted = lines[0] if lines and is_object_id(lines[0]) else ""
        digest, _, until = lines[1].partition(" ") if noted and len(lines) > 1 else ("", "", "")
        proof = Proof(digest, int(until)) if until.isdigit() else None
    except BbhvError as error:
        log.write("warning", f"What was accepted before is known from the clone only: {error}")
    tried = clone.ref(paths.REF_TRIED) if clone.exists() else None
    return Memory(tuple(dict.fromkeys(one for one in (noted, tried) if one)), proof)


def heal(clone: git.Clone) -> None:
    """Makes the file remember what only the clone does; the other way round the clone may not have the commit."""
    known = of_system(clone)
    if len(known.accepted) == 1 and files.read(paths.SYSTEM_TRIED) is None:
        note_system(clone, known.accepted[0], None)


def note_system(clone: git.Clone, oid: str, proof: Proof | None) -> None:
    """Remembers, durably, in both places."""
    text = f"{oid}\n{proof.digest} {proof.until_usec}\n" if proof else f"{oid}\n"
    if files.read(paths.SYSTEM_TRIED) != text.encode():
        files.sweep(paths.STATE, paths.SYSTEM_TRIED.rpartition("/")[2])
        files.write(paths.SYSTEM_TRIED, text.encode(), 0o600)
    clone.set_ref(paths.REF_TRIED, oid)
