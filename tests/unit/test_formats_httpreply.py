"""Replies of HTTP servers: whole ones are read, longer ones waited for, and everything doubtful is refused."""

import pytest

from bbhv.formats.httpreply import HttpError, Reply, read

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/Plain; charset=x\r\n"


def test_a_reply_with_a_length() -> None:
    data = HEAD + b"Content-Length: 3\r\n\r\nabc"
    assert read(data, False, 10) == Reply(status=200, kind="text/plain", body=b"abc", stays=True)
    assert all(read(data[:size], False, 10) is None for size in range(len(data)))


def test_a_reply_in_chunks() -> None:
    data = HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"
    assert read(data, False, 13) == Reply(status=200, kind="text/plain", body=b"abc0123456789", stays=False)
    assert all(read(data[:size], False, 13) is None for size in range(len(data)))


def test_a_reply_that_ends_with_its_connection() -> None:
    assert read(HEAD + b"\r\nabc", False, 10) is None
    assert read(HEAD + b"\r\nabc", True, 10) == Reply(status=200, kind="text/plain", body=b"abc", stays=False)


@pytest.mark.parametrize("data", [
    b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 2x0 OK\r\n\r\n", b"HTTP/1.1 2000 OK\r\n\r\n",
    HEAD + b"Content-Length: 3\r\n\r\nabcd",
    HEAD + b"Content-Length: 11\r\n\r\n",
    HEAD + b"Content-Length: -1\r\n\r\n",
    HEAD + b"Content-Length: +1\r\n\r\n",
    HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    HEAD + b"Content-Encoding: gzip\r\n\r\n",
    HEAD + b"Content-Length : 3\r\n\r\nabc",
    HEAD + b" folded: x\r\n\r\n",
    HEAD + b"no colon\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nB\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n+1\r\nx\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nxyz",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nmore",
    HEAD + b"\r\n01234567890",
    b"HTTP/1.1 200 OK\r\nx: " + b"y" * (16 << 10),
])  # fmt: skip
def test_what_is_wrong_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(HttpError):
        read(data, False, 10)


def test_what_ends_early_is_refused() -> None:
    for data in (b"", HEAD, HEAD + b"Content-Length: 3\r\n\r\nab", HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nab"):
        with pytest.raises(HttpError):
            read(data, True, 10)
