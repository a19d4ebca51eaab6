"""URLs: one normal form, so that a granted prefix can be tested on it, and nothing in it can mean something else.

Allowed are https, http, ssh and file URLs without userinfo, query, fragment, `..`, empty segments, and escapes of
characters that structure a path. Two URLs with the same normal form name the same thing.
"""

from .values import Unreadable, quoted, text

MAX_URL = 1024
_PORTS = {"https": "443", "http": "80", "ssh": "22", "file": ""}
_UNRESERVED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
_PCHAR = _UNRESERVED | frozenset("!$&'()*+,;=:@")
_HEX = frozenset("0123456789abcdefABCDEF")
_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def normalise(value: str, schemes: tuple[str, ...] = ("https", "http", "ssh", "file")) -> str:
    """The normal form of a URL. Raises Unreadable for everything outside the rule above."""
    text(value)
    scheme, found, rest = value.partition("://")
    scheme = scheme.lower()
    if not found or scheme not in schemes or len(value) > MAX_URL:
        known = ", ".join(f"{name}://" for name in schemes)
        hint = f"Write a URL that starts with {known}."
        if value.startswith("/") and "file" in schemes:
            hint = f"Write file://{value[:200]}."
        raise Unreadable(f"{quoted(value)} is not a URL that is allowed here.", hint)
    authority, slash, path = rest.partition("/")
    if not slash:
        raise Unreadable(f"The URL {quoted(value)} has no path.")
    return f"{scheme}://{_authority(value, scheme, authority)}/{_path(value, path)}"


def _authority(value: str, scheme: str, authority: str) -> str:
    if "@" in authority:
        raise Unreadable(f"The URL {quoted(value)} names a user.", "Leave the user and the password out.")
    if scheme == "file":
        if authority not in ("", "localhost"):
            raise Unreadable(f"The file URL {quoted(value)} names a host.", "Write file:/// and an absolute path.")
        return ""
    host, colon, port = authority.lower().partition(":")
    labels = host.split(".")
    if len(host) > 253 or any(
        not 0 < len(label) <= 63 or not _LABEL.issuperset(label) or "-" in (label[0], label[-1]) for label in labels
    ):
        raise Unreadable(f"The URL {quoted(value)} has no valid host name.")
    if colon and (not port.isascii() or not port.isdigit() or len(port) > 5 or not 0 < int(port) < 65536):
        raise Unreadable(f"The URL {quoted(value)} has no valid port.")
    return f"{host}:{int(port)}" if colon and port.lstrip("0") != _PORTS[scheme] else host


def _path(value: str, path: str) -> str:
    parts = path.split("/")
    shown = [_segment(value, part) for part in parts]
    if any(part in (".", "..") for part in shown):
        raise Unreadable(f"The URL {quoted(value)} has a . or .. in its path.")
    if any(part == "" for part in shown[:-1]):
        raise Unreadable(f"The URL {quoted(value)} has repeated slashes.")
    return "/".join(shown)


def _segment(value: str, part: str) -> str:
    """One path segment: escapes of harmless characters resolved, the others in upper case."""
    out, index = [], 0
    while index < len(part):
        char = part[index]
        if char == "%":
            digits = part[index + 1 : index + 3]
            if len(digits) != 2 or not _HEX.issuperset(digits):
                raise Unreadable(f"The URL {quoted(value)} has a broken % escape.")
            byte = int(digits, 16)
            if byte < 0x20 or byte == 0x7F or chr(byte) in "/\\":
                raise Unreadable(f"The URL {quoted(value)} hides a character that it must not have.")
            out.append(chr(byte) if chr(byte) in _UNRESERVED else f"%{byte:02X}")
            index += 3
        elif char in _PCHAR:
            out.append(char)
            index += 1
        else:
            raise Unreadable(f"The URL {quoted(value)} has the character {char!r} in it.", "Write it as a % escape.")
    return "".join(out)


def covers(prefix: str, url: str) -> bool:
    """Whether a URL lies below a prefix, both in normal form: a prefix ends where a path segment ends."""
    return url == prefix or url.startswith(prefix if prefix.endswith("/") else prefix + "/")


def file_path(url: str) -> str:
    """The path that a file URL in normal form names. Raises Unreadable for another URL."""
    if not url.startswith("file:///"):
        raise Unreadable(f"{quoted(url)} is not a file URL.")
    out, rest = bytearray(), url.removeprefix("file://")
    while rest:
        plain, escape, rest = rest.partition("%")
        out += plain.encode()
        if escape:
            out.append(int(rest[:2], 16))
            rest = rest[2:]
    try:
        return out.decode()
    except UnicodeDecodeError:
        raise Unreadable(f"The path in {quoted(url)} is not UTF-8 text.") from None
