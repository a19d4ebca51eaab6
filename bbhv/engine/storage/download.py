"""Asks a server for an image, inside of a sandbox: a process without any privilege or credential.

The question is one JSON document on standard input. The answer begins with one JSON line, which says at which byte of
the file it goes on, how many bytes the file has (0: the server does not say) and its ETag; the rest is the bytes.
Nobody has to believe it: see `arriving`, which starts this and compares the digest.

A server has some seconds of `patience` to answer, and to bring each LEAST bytes, counted while it is waited for. It may
send us elsewhere a few times: to places that are granted, and from https not to http. To another server only `arriving`
goes, which knows how many already talk to that: where it is, is all of the answer then.
"""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urljoin

from ...errors import BbhvError
from ...model.fetching import server
from ...model.sources import REDIRECTS, TOO_OFTEN, elsewhere, forbidden
from ...version import VERSION
from ..repository.refs import context

LEAST = 64 << 10
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
            reply = _ask(url, granted, authority, patience, start, tag)
        if reply.status == 416 and start:
            start = 0  # it has less by now
        elif reply.status in _ELSEWHERE:
            before, url = url, _elsewhere(url, reply.headers.get("Location", ""), granted)
            if server(url) != server(before):
                return _write(json.dumps({"elsewhere": url}).encode() + b"\n")
        else:
            return _pass_on(reply, name, patience, start)
    raise BbhvError(TOO_OFTEN)


def _ask(url: str, granted: Sequence[str], authority: str, patience: int, start: int, tag: str) -> HTTPResponse:
    scheme, _, name, path = url.split("/", 3)
    if scheme == "https:":
        trusted = context("")
        if authority:
            trusted.load_verify_locations(cadata=authority)
        connection: HTTPConnection = HTTPSConnection(name, context=trusted)
        channel = _connected(url, granted, patience)
        connection.sock = trusted.wrap_socket(channel, server_hostname=name.partition(":")[0])
    else:
        connection = HTTPConnection(name)
        connection.sock = _connected(url, granted, patience)
    headers = {"User-Agent": f"bbhv/{VERSION}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if tag.startswith('"'):  # a weak one says nothing about bytes
            headers["If-Range"] = tag
    connection.request("GET", f"/{path}", headers=headers)
    return connection.getresponse()


def _elsewhere(url: str, location: str, granted: Sequence[str]) -> str:
    if not location:
        raise BbhvError("The server sends us elsewhere, and does not say where")
    try:
        target = urljoin(url, location)
    except ValueError:
        raise BbhvError("The server sends us elsewhere, to what is no URL") from None
    return elsewhere(url, target, granted)


def _connected(url: str, granted: Sequence[str], patience: int) -> socket.socket:
    """A connection to the host that a URL names, at the first of its addresses that is allowed and answers."""
    host, _, port = server(url).rpartition(":")
    problem: Exception = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if what := forbidden(str(address[0]), url, granted):
            problem = BbhvError(f"{host} has the address {address[0]}, which is {what}, and is not asked")
            continue
        channel = socket.socket(family, kind, protocol)
        try:
            channel.settimeout(patience)
            channel.connect(address)
            return channel
        except OSError as error:
            channel.close()
            problem = error
    raise problem


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
