"""The status line of an HTTP/1.x response (RFC 9112 section 4), and the smallest request for one."""

MAX_LINE = 512


def request(path: str) -> bytes:
    """A GET request for a path, which must be checked already; the connection ends with the answer."""
    lines = (f"GET {path} HTTP/1.1", "Host: localhost", "User-Agent: bbhv", "Accept: */*", "Connection: close", "", "")
    return "\r\n".join(lines).encode()


def status_of(data: bytes) -> int | None:
    """The status in the first bytes of a response, None while they do not have the whole line.

    Raises ValueError when they are the beginning of something else, or of a line that does not end.
    """
    line, end, _ = data[:MAX_LINE].partition(b"\n")
    version, _, rest = line.partition(b" ")
    known = (b"HTTP/1.0", b"HTTP/1.1")
    if not any(version == one or (one.startswith(version) and len(line) < len(one)) for one in known):
        raise ValueError("it is no answer of HTTP/1.x")
    if not end:
        if len(data) >= MAX_LINE:
            raise ValueError("the first line does not end")
        return None
    code = rest[:3]
    if not (code.isdigit() and len(code) == 3 and rest[3:4] in (b"", b" ", b"\r")):
        raise ValueError("it has no status")
    return int(code)
