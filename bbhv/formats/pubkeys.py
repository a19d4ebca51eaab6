"""Public keys of signers: which key is in a file, by its fingerprint. OpenSSH (sshd(8)) and OpenPGP (RFC 9580).

The line of an OpenSSH key may have two options of ssh-keygen(1), ALLOWED SIGNERS, before it: valid-after="20260101"
and valid-before="20270101120000Z". Their times are in UTC, with and without the Z.

Promises: nothing raises but `KeyFileError`, the work is linear and bounded, and nothing is verified but that the file
holds one public key in its usual form. A file with a secret key is told apart, because it must never be committed.
"""

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from ..records import dataclass

MAX_KEY = 256 << 10
MAX_PACKETS = 10_000

SSH_TYPES = (
    "ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521", "sk-ecdsa-sha2-nistp256@openssh.com",
)  # fmt: skip
_BEGIN, _END = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"
SECRET_KEY, PUBLIC_KEY, SECRET_SUBKEY = 5, 6, 7
NEVER_USEC = 253_402_300_800_000_000  # the end of the year 9999
_OPTION = re.compile(r'(valid-after|valid-before)="(\d{8}|\d{12}|\d{14})Z?"', re.ASCII)


class KeyFileError(ValueError):
    """The file does not hold what it should: a sentence, and a hint that may be empty."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class SshKey:
    """An OpenSSH public key as `TYPE BASE64`, and from when until when its signatures count, in microseconds."""

    fingerprint: str
    line: str
    after_usec: int = 0
    before_usec: int = NEVER_USEC


def ssh_fingerprint(data: bytes) -> str:
    """The SHA-256 of the one OpenSSH public key in a file, in lower-case hexadecimal."""
    return ssh_key(data).fingerprint


def ssh_key(data: bytes) -> SshKey:
    """The one OpenSSH public key in a file."""
    lines = [line for line in key_text(data).splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) != 1:
        raise KeyFileError(f"The file has {len(lines)} lines with a key instead of one.", "Use a file for each key.")
    times, line = _options(lines[0].strip())
    kind, _, rest = line.partition(" ")
    if kind not in SSH_TYPES:
        hint = "Copy the file that ends in .pub: the type of the key, a blank, and the key."
        raise KeyFileError("The line does not start with a type of OpenSSH key that can sign.", hint)
    key = rest.strip().partition(" ")[0]
    blob = _base64(key)
    parts = list(_strings(blob))
    if len(parts) < 2 or parts[0] != kind.encode():
        raise KeyFileError(f"The key is damaged: it is not of the type {kind}.")
    return SshKey(
        fingerprint=hashlib.sha256(blob).hexdigest(), line=f"{kind} {key}", after_usec=times.get("valid-after", 0),
        before_usec=times.get("valid-before", NEVER_USEC),
    )  # fmt: skip


def _options(line: str) -> tuple[dict[str, int], str]:
    """The times before a key, and the rest of the line."""
    head, _, rest = line.partition(" ")
    if "=" not in head and '"' not in head:
        return {}, line
    times: dict[str, int] = {}
    for text in head.split(","):
        match = _OPTION.fullmatch(text)
        if match is None or match[1] in times:
            hint = 'Write for example valid-after="20260101",valid-before="20270101" before the key.'
            raise KeyFileError(f"{text[:40]!r} is not one of the options valid-after and valid-before.", hint)
        times[match[1]] = _usec(match[2])
    return times, rest.strip()


def _usec(text: str) -> int:
    """YYYYMMDD, or with HHMM or HHMMSS after it, in microseconds since the epoch."""
    at = text.ljust(14, "0")
    try:
        month, day, hour, minute, second = (int(at[place : place + 2]) for place in (4, 6, 8, 10, 12))
        when = datetime(int(at[:4]), month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise KeyFileError(f"{text} is not a time.", "Write YYYYMMDD, or YYYYMMDDHHMMSS.") from None
    return max(0, int(when.timestamp()) * 1_000_000)


def openpgp_fingerprint(data: bytes) -> str:
    """The fingerprint of the one OpenPGP certificate in an ASCII-armored file, in lower-case hexadecimal."""
    found = ""
    for count, (tag, body) in enumerate(packets(armored(key_text(data), _BEGIN, _END))):
        if count >= MAX_PACKETS:
            raise KeyFileError(f"The certificate has more than {MAX_PACKETS} packets.")
        if tag in (SECRET_KEY, SECRET_SUBKEY):
            raise secret_found()
        if tag == PUBLIC_KEY and found:
            raise KeyFileError("The file has several certificates.", "Use a file for each certificate.")
        if tag == PUBLIC_KEY:
            found = fingerprint(body)
        elif not found:
            raise KeyFileError("The file does not start with a public key.")
    if not found:
        raise KeyFileError("The file has no public key.")
    return found


def secret_found() -> KeyFileError:
    """The error about a secret key."""
    hint = "Remove it, and replace the key: whoever has read the repository has it."
    return KeyFileError("The file holds a secret key.", hint)


def refuse_secret(data: bytes) -> None:
    """Raises KeyFileError when the file says of itself that it holds a secret key, in whatever form."""
    if b"PRIVATE KEY" in data or b"SECRET KEY" in data:
        raise secret_found()


def key_text(data: bytes) -> str:
    """The file as text. Raises KeyFileError when it is none, too large, or has a secret key."""
    if len(data) > MAX_KEY:
        raise KeyFileError(f"The file has more than {MAX_KEY >> 10} KiB.")
    refuse_secret(data)
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise KeyFileError("The file is not ASCII text.", "Export the key in its text form.") from None


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise KeyFileError("The key is damaged: it is not base64 text.") from None


def _strings(blob: bytes) -> Iterator[bytes]:
    """The parts of an OpenSSH key, each with its length in four bytes before it (RFC 4251, section 5)."""
    at = 0
    while at < len(blob):
        end = at + 4 + int.from_bytes(blob[at : at + 4], "big")
        if at + 4 > len(blob) or end > len(blob):
            raise KeyFileError("The key is cut off.")
        yield blob[at + 4 : end]
        at = end


def armored(text: str, begin: str, end: str) -> bytes:
    """What is inside of the one ASCII armor with these lines around it. The checksum is left alone, as RFC 9580
    (section 6.1) wants it."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    if not lines or lines[0] != begin or lines[-1] != end or lines.count(begin) > 1:
        hint = "Export it with --armor."
        raise KeyFileError(f"The file is not one block that starts with {begin}.", hint)
    body = lines[1:-1]
    start = body.index("") + 1 if "" in body else len(body)
    if not all(": " in line for line in body[: start - 1]):
        raise KeyFileError("The block has no empty line before the key.")
    return _base64("".join(line for line in body[start:] if not (len(line) == 5 and line.startswith("="))))


def packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The packets by their type, with their content (RFC 9580, section 4.2)."""
    at = 0
    while at < len(data):
        head = data[at]
        if not head & 0x80:
            raise KeyFileError("It is damaged: where a packet should start is none.")
        tag, at, size = (_new if head & 0x40 else _old)(data, at)
        if size > len(data) - at:
            raise KeyFileError("It is cut off.")
        yield tag, data[at : at + size]
        at += size


def _new(data: bytes, at: int) -> tuple[int, int, int]:
    """Type, start of the content, and its size, of a packet in the new format."""
    tag, first = data[at] & 0x3F, data[at + 1] if at + 1 < len(data) else 0
    if first < 192:
        return tag, at + 2, first
    if first < 224:
        return tag, at + 3, (first - 192 << 8) + 192 + int.from_bytes(data[at + 2 : at + 3], "big")
    if first == 255:
        return tag, at + 6, int.from_bytes(data[at + 2 : at + 6], "big")
    raise KeyFileError("It has a packet in parts, which no key can be.")


def _old(data: bytes, at: int) -> tuple[int, int, int]:
    """The same for a packet in the format of PGP 2."""
    octets = 1 << (data[at] & 3)
    if octets == 8:
        raise KeyFileError("It has a packet without a length.")
    return data[at] >> 2 & 0xF, at + 1 + octets, int.from_bytes(data[at + 1 : at + 1 + octets], "big")


def fingerprint(body: bytes) -> str:
    """The fingerprint of a key by the content of its packet (RFC 9580, section 5.5.4; version 5 is LibrePGP's)."""
    version = body[0] if body else 0
    if version == 4:
        digest = hashlib.sha1(b"\x99" + len(body).to_bytes(4, "big")[2:] + body, usedforsecurity=False)
        return digest.hexdigest()
    if version in (5, 6):
        return hashlib.sha256((b"\x9a", b"\x9b")[version - 5] + len(body).to_bytes(4, "big") + body).hexdigest()
    raise KeyFileError(f"The public key is of version {version}, which is not supported.", "Use a newer key.")
