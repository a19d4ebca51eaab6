"""Servers of images: one that hands out files as RFC 9110 has it, with parts and tags, and what misbehaves there."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from .servers import PATIENCE, Handler


@dataclass
class Shelf:
    """Files by their names. Behaves like a server, and notes where each answer began in `begun`.

    `cuts` are after how many bytes the next answers break off; `most` is how much is sent before it waits until the
    server is closed.
    """

    files: dict[str, bytes]
    parts: bool = True
    tag: bool = True
    cuts: list[int] = field(default_factory=list)
    most: int = 1 << 40
    begun: list[int] = field(default_factory=list)

    def __call__(self, handler: Handler) -> bool:
        data = self.files.get(handler.path.rpartition("/")[2])
        if data is None:
            return plain(handler, 404)
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        start = self._start(handler, tag)
        if start >= len(data) > 0:
            return plain(handler, 416)
        self.begun.append(start)
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(data) - start))
        if self.tag:
            handler.send_header("ETag", tag)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.end_headers()
        sent = min(self.most, self.cuts.pop(0) if self.cuts else self.most)
        handler.wfile.write(data[start : start + sent])
        handler.wfile.flush()
        if sent == self.most:
            handler.owner.closing.wait(PATIENCE * 10)
        return True

    def _start(self, handler: Handler, tag: str) -> int:
        found = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        same = handler.headers.get("If-Range", tag) == tag
        return int(found[1]) if found and self.parts and same else 0


def plain(handler: Handler, status: int, body: bytes = b"", **headers: str) -> bool:
    """An answer as it is; a header's name has _ for -."""
    handler.send_response(status)
    for name, value in {"Content_Length": str(len(body)), **headers}.items():
        if value:
            handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
    return True


def answer(status: int, body: bytes = b"", **headers: str) -> Callable[[Handler], bool]:
    """A server that says the same to everything; Content_Length="" leaves the length out."""
    return lambda handler: plain(handler, status, body, **headers)


def endless(handler: Handler) -> bool:
    """A body in chunks that has no end."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    chunk = b"100000\r\n" + b"x" * (1 << 20) + b"\r\n"
    while not handler.owner.closing.is_set():
        handler.wfile.write(chunk)
    return True
