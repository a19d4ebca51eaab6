"""The reply of an HTTP/1.1 server, as far as a question with one short answer needs it (RFC 9112).

Promises: `read` raises HttpError as soon as no reply can come of the bytes, and when it would be larger than the
bounds; it returns None while more bytes are needed. Nothing is decoded but the framing; no header means anything but
the five that are read.
"""

from typing import NamedTuple

from ..errors import BbhvError

MAX_HEAD = 16 << 10
MAX_CHUNKS = 1000
_DIGITS = frozenset("0123456789")
_HEX = frozenset("0123456789abcdefABCDEF")
# Headers that may be there several times are none of those that are read.
_READ = frozenset(("content-length", "transfer-encoding", "content-type", "connection", "content-encoding"))


class HttpError(BbhvError):
    """The bytes are no reply, or one that is not taken."""


class Reply(NamedTuple):
    """A whole reply. `kind` is its media type without parameters, `stays` whether the connection may be used again."""

    status: int
    kind: str
    body: bytes
    stays: bool


def read(data: bytes, ended: bool, max_body: int) -> Reply | None:
    """The reply in the bytes so far, None while it is not whole. `ended` says that no more bytes come.

    Raises HttpError; also for bytes beyond the end of the reply, which nobody asked for.
    """
    end = data.find(b"\r\n\r\n", 0, MAX_HEAD)
    if end < 0:
        if ended or len(data) >= MAX_HEAD or not b"HTTP/1.1 ".startswith(data[:9]):
            raise HttpError("The server does not answer in HTTP/1.1.")
        return None
    status, headers = _head(data[:end].decode("latin-1"))
    body = _body(headers, data[end + 4 :], ended, max_body)
    if body is None:
        if ended:
            raise HttpError("The server's answer ends early.")
        return None
    stays = "content-length" in headers or "transfer-encoding" in headers
    return Reply(
        status=status,
        kind=headers.get("content-type", "").partition(";")[0].strip().lower(),
        body=body,
        stays=stays and not ended and headers.get("connection", "").lower() != "close",
    )


def _head(text: str) -> tuple[int, dict[str, str]]:
    first, *lines = text.split("\r\n")
    version, _, rest = first.partition(" ")
    digits = rest[:3]
    if version != "HTTP/1.1" or len(digits) != 3 or not _DIGITS.issuperset(digits) or rest[3:4] not in ("", " "):
        raise HttpError("The server does not answer in HTTP/1.1.")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or not name or name != name.strip() or name in headers and name in _READ:
            raise HttpError("The server's answer has a broken header.")
        headers[name] = value.strip(" \t")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise HttpError("The server's answer is compressed, which was not asked for.")
    return int(digits), headers


def _body(headers: dict[str, str], data: bytes, ended: bool, max_body: int) -> bytes | None:
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        if coding.lower() != "chunked" or length is not None:
            raise HttpError("The server's answer has an unknown transfer coding.")
        return _chunks(data, max_body)
    if length is None:
        if len(data) > max_body:
            raise HttpError(f"The server's answer is larger than {max_body} bytes.")
        return data if ended else None
    if not 0 < len(length) < 10 or not _DIGITS.issuperset(length):
        raise HttpError("The server's answer has a broken length.")
    if int(length) > max_body:
        raise HttpError(f"The server's answer is larger than {max_body} bytes.")
    if len(data) > int(length):
        raise HttpError("The server says more than was asked for.")
    return data if len(data) == int(length) else None


def _chunks(data: bytes, max_body: int) -> bytes | None:
    """The body of the chunks, None while the last one is not there. Trailers are not taken."""
    body, at = b"", 0
    for _ in range(MAX_CHUNKS):
        end = data.find(b"\r\n", at, at + 64)
        if end < 0 and len(data) - at < 64:
            return None
        digits = data[at:end].partition(b";")[0].decode("latin-1").strip(" \t") if end >= 0 else ""
        if not 0 < len(digits) < 9 or not _HEX.issuperset(digits):
            raise HttpError("The server's answer has a broken chunk.")
        size, at = int(digits, 16), end + 2
        if len(body) + size > max_body:
            raise HttpError(f"The server's answer is larger than {max_body} bytes.")
        if len(data) < at + size + 2:
            return None
        if data[at + size : at + size + 2] != b"\r\n" or (not size and len(data) > at + 2):
            raise HttpError("The server's answer has a broken chunk.")
        if not size:
            return body
        body += data[at : at + size]
        at += size + 2
    raise HttpError(f"The server's answer has more than {MAX_CHUNKS} chunks.")
