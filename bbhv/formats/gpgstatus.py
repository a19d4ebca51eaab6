"""What gpgv(1) says on its status descriptor: whether there is one good signature, and by which key.

The exit status alone does not do: gpgv exits with 0 also when the key is revoked or has expired (seen with 2.4.7).
"""

PREFIX = b"[GNUPG:] "
MAX_STATUS = 64 << 10
_BAD = frozenset(
    "BADSIG ERRSIG EXPSIG EXPKEYSIG REVKEYSIG KEYREVOKED KEYEXPIRED SIGEXPIRED NO_PUBKEY NODATA UNEXPECTED FAILURE "
    "ERROR PLAINTEXT BADARMOR".split()
)
# gpgv escapes them in all that it quotes, so a line that has one is not as gpgv wrote it.
_CONTROL = bytes({*range(32), 127} - {10})
_ONCE = ("NEWSIG", "GOODSIG", "VALIDSIG")


def is_good(status: bytes, key: str, certificate: str) -> bool:
    """Whether the lines tell of exactly one signature, which is good, by this key of this certificate.

    Both are fingerprints in lower-case hexadecimal.
    """
    if len(status) > MAX_STATUS or status.translate(None, _CONTROL) != status:
        return False
    rows = [line[len(PREFIX):].decode("ascii", "replace").split() for line in status.split(b"\n")
            if line.startswith(PREFIX)]  # fmt: skip
    words = [row[0] for row in rows if row]
    if not _BAD.isdisjoint(words) or any(words.count(one) != 1 for one in _ONCE):
        return False
    valid = next(row for row in rows if row and row[0] == "VALIDSIG")
    return len(valid) >= 3 and valid[1].lower() == key and valid[-1].lower() == certificate
