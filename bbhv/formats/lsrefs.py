"""Asking a git server for one branch by protocol version 2: the question, and reading its answer (gitprotocol-v2(5)).

A message is a series of pkt-lines: four hexadecimal digits that count themselves, then that many bytes less four; 0000
ends it. Promises: raises LsRefsError for anything but a whole answer of at most MAX_ANSWER bytes; of what a server
says, only an object id for exactly the branch that was asked for is ever taken.
"""

from typing import TYPE_CHECKING

from ..errors import BbhvError
from ..names import is_object_id

if TYPE_CHECKING:
    from .gitobject import Algorithm

MAX_ANSWER = 64 << 10
MAX_LINES = 1000
_FLUSH, _DELIMITER = b"0000", b"0001"
_HEX = frozenset(b"0123456789abcdefABCDEF")


class LsRefsError(BbhvError):
    """What a server said is no answer to the question."""


def _line(text: str) -> bytes:
    data = f"{text}\n".encode()
    return b"%04x" % (len(data) + 4) + data


def question(branch: str, algorithm: "Algorithm") -> bytes:
    """The request for one branch of a repository whose objects are named by this hash."""
    capabilities = _line("command=ls-refs") + _line("agent=bbhv") + _line(f"object-format={algorithm}")
    return capabilities + _DELIMITER + _line(f"ref-prefix refs/heads/{branch}") + _FLUSH


def answer(data: bytes, branch: str) -> str | None:
    """The object id of the branch, or None when the repository does not have it. Raises LsRefsError.

    The prefix of the question fits other branches too, whose lines are passed over.
    """
    if len(data) > MAX_ANSWER:
        raise LsRefsError(f"The answer is larger than {MAX_ANSWER} bytes.")
    found: str | None = None
    for line in _lines(data):
        oid, _, rest = line.partition(b" ")
        name = rest.rstrip(b"\n").partition(b" ")[0]
        if line.startswith(b"ERR ") or not is_object_id(oid.decode("ascii", "replace")):
            raise LsRefsError("The server answers with an error.")
        if name == f"refs/heads/{branch}".encode():
            if found is not None:
                raise LsRefsError("The server names the branch twice.")
            found = oid.decode("ascii")
    return found


def _lines(data: bytes) -> list[bytes]:
    """The payloads of the pkt-lines, up to the flush that must end the message. Raises LsRefsError."""
    lines: list[bytes] = []
    at = 0
    while data[at : at + 4] != _FLUSH:
        digits = data[at : at + 4]
        size = int(digits, 16) if len(digits) == 4 and _HEX.issuperset(digits) else 0
        if size < 5 or at + size > len(data) or len(lines) >= MAX_LINES:
            raise LsRefsError("The answer is not what git's protocol version 2 says.")
        lines.append(data[at + 4 : at + size])
        at += size
    if at + 4 != len(data):
        raise LsRefsError("Something follows the end of the answer.")
    return lines
