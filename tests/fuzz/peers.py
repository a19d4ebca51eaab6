"""Bad peers of a varlink server: those that stall, trickle, flood, vanish, and those that send what is no message.

Each kind either leaves by itself, or is one that the server must hang up on. What is random is seeded.
"""

import json
import random
import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PATIENCE = 20.0
PIECE = 1 << 16
CALL = b'{"method":"org.varlink.service.GetInfo","parameters":{}}'
LARGE = 1 << 20


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to be bad: what is sent, whether slowly or without an end, and who hangs up."""

    name: str
    sent: Callable[[random.Random], bytes]
    leaves: bool = False
    slow: bool = False
    endless: bool = False


def _half(rng: random.Random) -> bytes:
    return CALL[: rng.randrange(1, len(CALL))]


def _nested(rng: random.Random) -> bytes:
    depth = rng.randrange(65, 50_000)
    return b'{"method":"a.B","parameters":{"x":' + rng.choice((b"[", b'{"a":')) * depth + b"\0"


def _wrong(rng: random.Random) -> bytes:
    value: dict[str, object] = {"method": "org.varlink.service.GetInfo", "parameters": {}}
    value[rng.choice(("method", "parameters", "more", "oneway", "error"))] = rng.choice((0, "", [], 1.5))
    return json.dumps(value).encode() + b"}" * rng.randrange(2) + b"\0"


KINDS = (
    Kind("says nothing and leaves", lambda rng: b"", leaves=True),
    Kind("leaves in the middle of a message", _half, leaves=True),
    Kind("leaves without its reply", lambda rng: CALL + b"\0", leaves=True),
    Kind("leaves with many calls unanswered", lambda rng: (CALL + b"\0") * rng.randrange(2, 1000), leaves=True),
    Kind("stalls in the middle of a message", _half),
    Kind("stalls in the second message", lambda rng: CALL + b"\0" + _half(rng)),
    Kind("sends byte by byte", lambda rng: b" " * LARGE, slow=True),
    Kind("reads no reply", lambda rng: (CALL + b"\0") * 1000, endless=True),
    Kind("sends garbage", lambda rng: rng.randbytes(rng.randrange(1, 4000)) + b"\0"),
    Kind("sends what is no call", _wrong),
    Kind("nests too deep", _nested),
    Kind("sends too large a message", lambda rng: b'{"method":"a.B","parameters":{"x":"' + b"x" * LARGE),
)


@dataclass(slots=True)
class _Peer:
    """One connection of a kind."""

    kind: Kind
    socket: socket.socket
    left: memoryview
    ended: bool = False

    def push(self) -> None:
        """Send some of what is left, as much as the kind sends at a time and the server takes."""
        try:
            sent = self.socket.send(self.left[: 1 if self.kind.slow else PIECE])
        except BlockingIOError:
            return
        except OSError:
            self.ended = True
            return
        if not self.kind.endless:
            self.left = self.left[sent:]

    def pull(self) -> None:
        """Take what comes; the end is one."""
        try:
            self.ended |= self.socket.recv(PIECE) == b""
        except BlockingIOError:
            return
        except OSError:
            self.ended = True


def run(address: str, kinds: Sequence[Kind], rng: random.Random) -> list[str]:
    """One connection of each kind, all at once, until the last has ended. Returns those that did not in time."""
    peers: dict[int, _Peer] = {}
    for kind in kinds:
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connected.connect(address)
        connected.setblocking(False)
        peers[connected.fileno()] = _Peer(kind, connected, memoryview(kind.sent(rng)))
    deadline = time.monotonic() + PATIENCE
    while peers and time.monotonic() < deadline:
        _step(peers)
    for peer in peers.values():
        peer.socket.close()
    return [f"{peer.kind.name}: not hung up on within {PATIENCE:g} s" for peer in peers.values()]


def _step(peers: dict[int, _Peer]) -> None:
    """Let each do what it can, and forget those that have ended."""
    poll = select.poll()
    for number, peer in peers.items():
        poll.register(number, (select.POLLOUT if peer.left and not peer.kind.slow else 0)
                      | (0 if peer.kind.endless else select.POLLIN))  # fmt: skip
    for number, events in poll.poll(10):
        peer = peers[number]
        if events & select.POLLOUT:
            peer.push()
        if events & select.POLLIN and not peer.kind.leaves:
            peer.pull()
        peer.ended |= bool(events & select.POLLHUP) and not events & select.POLLIN
    for number, peer in list(peers.items()):
        if peer.kind.slow:
            peer.push()
        if peer.ended or (peer.kind.leaves and not peer.left):
            peer.socket.close()
            del peers[number]
