"""Asks a server for an image, inside of a sandbox: a process without any privilege or credential.

The question is one JSON document on standard input. The answer begins with one JSON line, which says at which byte of
the file it goes on, how many bytes the file has (0: the server does not say) and its ETag; the rest is the bytes.
Nobody has to believe it: see `arriving`, which starts this and compares the digest.

A server has some seconds of `patience` to answer, and to bring each LEAST bytes, counted while it is waited for. It may
send us elsewhere a few times: to places that are granted, and from https not to http.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urljoin

from ...errors import BbhvError
from ...kinds.urls import covers, normalise
from ...kinds.values import Unreadable
from ...version import VERSION
from ..repository.refs import context

LEAST = 64 << 10
REDIRECTS = 5
CHUNK = 1 << 20
MAX_TAG = 200
_ELSEWHERE = (301, 302, 303, 307, 308)


@contextmanager
def _within(seconds: float, what: str) -> Iterator[None]:
    """Raises TimeoutError when it takes longer, wherever it is then."""

    def late(number: int, frame: object) -> None:
        raise TimeoutError(what)

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def download(url: str, granted: Sequence[str], authority: str, patience: int, start: int, tag: str) -> None:
    """Writes the answer about a URL to standard output, from byte `start` on where the server can do that.

    Raises BbhvError, OSError or HTTPException.
    """
    for _ in range(REDIRECTS + 1):
        name = url.split("/")[2]
        with _within(patience, f"{name} does not answer within {patience} s"):
            reply = _ask(url, authority, patience, start, tag)
        if reply.status == 416 and start:
            start = 0  # it has less by now
        elif reply.status in _ELSEWHERE:
            url = _elsewhere(url, reply.headers.get("Location", ""), granted)
        else:
            return _pass_on(reply, name, patience, start)
    raise BbhvError(f"The server sends us elsewhere more than {REDIRECTS} times")


def _ask(url: str, authority: str, patience: int, start: int, tag: str) -> HTTPResponse:
    scheme, _, server, path = url.split("/", 3)
    if scheme == "https:":
        trusted = context("")
        if authority:
            trusted.load_verify_locations(cadata=authority)
        connection: HTTPConnection = HTTPSConnection(server, timeout=patience, context=trusted)
    else:
        connection = HTTPConnection(server, timeout=patience)
    headers = {"User-Agent": f"bbhv/{VERSION}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if tag.startswith('"'):  # a weak one says nothing about bytes
            headers["If-Range"] = tag
    connection.request("GET", f"/{path}", headers=headers)
    return connection.getresponse()


def _elsewhere(url: str, location: str, granted: Sequence[str]) -> str:
    target, mark, query = urljoin(url, location).partition("?")
    if not location:
        raise BbhvError("The server sends us elsewhere, and does not say where")
    try:
        target = normalise(target, ("https",) if url.startswith("https:") else ("https", "http"))
    except Unreadable as error:
        raise BbhvError(f"The server sends us elsewhere: {error}") from None
    if not any(covers(prefix, target) for prefix in granted):
        raise BbhvError(f"The server sends us to {target}, which is outside the sources that are granted")
    if not query.isascii() or not query.isprintable() or " " in query or "#" in query:
        raise BbhvError("The server sends us elsewhere, to what is no URL")
    return target + mark + query


def _pass_on(reply: HTTPResponse, name: str, patience: int, start: int) -> None:
    size = reply.length or 0
    if reply.status == 206 and start:
        if not reply.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise BbhvError(f"{name} answers with another part than it was asked for")
        size += start if size else 0
    elif reply.status == 200:
        start = 0
    else:
        raise BbhvError(f"{name} answers with status {reply.status} {reply.reason}".rstrip())
    tag = reply.headers.get("ETag", "")
    tag = tag if len(tag) <= MAX_TAG and tag.isascii() and tag.isprintable() else ""
    _write(json.dumps({"start": start, "size": size, "tag": tag}).encode() + b"\n")
    left, got, at = float(patience), 0, start
    while True:
        since = time.monotonic()
        with _within(left, f"{name} sends less than {LEAST >> 10} KiB in {patience} s"):
            chunk = reply.read1(CHUNK)
        left, got, at = left - (time.monotonic() - since), got + len(chunk), at + len(chunk)
        if got >= LEAST:
            left, got = float(patience), 0
        if not chunk:
            break
        _write(chunk)
    if at < size:
        raise BbhvError(f"{name} promises {size} bytes and sends {at}")


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def work() -> int:
    """Answers the question of standard input. Returns the exit status."""
    try:
        download(*json.load(sys.stdin))
    except BbhvError as error:
        why = error.message
    except (OSError, HTTPException, ValueError) as error:
        why = str(error) or type(error).__name__
    else:
        return 0
    sys.stderr.write(f"bbhv: {why}\n")
    return 1
