"""Addresses and names of hosts and mailboxes, for the formats of JSON Schema (RFC 1123, 2673, 4291, 5321, 6531)."""

_DIGITS = frozenset("0123456789")
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
_LABEL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
_ATOM = _LABEL | frozenset("!#$%&'*+/=?^_`{|}~")
# The other full stops that RFC 3490 takes for a dot.
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")

MAX_NAME = 253
MAX_LABEL = 63


def is_hostname(text: str) -> bool:
    """RFC 1123: labels of letters, digits and inner dashes, 253 characters in all; A-labels must be what they say."""
    return len(text) <= MAX_NAME and _are_labels(text.split("."))


def is_idn_hostname(text: str) -> bool:
    """RFC 5890: labels as above, or U-labels."""
    if text.isascii():
        return is_hostname(text)
    if len(text) > MAX_NAME:
        return False
    labels = text.translate(_DOTS).split(".")
    from ..characters.idna import directions_fit, encoded, is_label

    if not all(is_label(label) if not label.isascii() else _are_labels([label]) for label in labels):
        return False
    size = len(".".join(label if label.isascii() else encoded(label) for label in labels))
    return size <= MAX_NAME and directions_fit(labels)


def _are_labels(labels: list[str]) -> bool:
    reserved = False
    for label in labels:
        if not 0 < len(label) <= MAX_LABEL or not _LABEL.issuperset(label) or "-" in (label[0], label[-1]):
            return False
        reserved = reserved or label[2:4] == "--"
    return not reserved or _are_encoded(labels)


def _are_encoded(labels: list[str]) -> bool:
    """Whether those labels that have two dashes in the third place are A-labels, and all together may be a name."""
    from ..characters.idna import decoded, directions_fit

    decoding = [decoded(label) if label[:4].lower() == "xn--" else label for label in labels]
    known = [label for label in decoding if label is not None]
    sound = all(label[2:4] != "--" or label[:4].lower() == "xn--" for label in labels)
    return sound and len(known) == len(labels) and directions_fit(known)


def is_ipv4(text: str) -> bool:
    """RFC 2673's dotted quad: four decimal numbers without leading zeros."""
    parts = text.split(".")
    return len(parts) == 4 and all(
        0 < len(part) <= 3 and _DIGITS.issuperset(part) and int(part) < 256 and (part[0] != "0" or part == "0")
        for part in parts
    )


def is_ipv6(text: str) -> bool:
    """RFC 4291, section 2.2, without a zone."""
    if len(text) > 45:
        return False
    halves = text.split("::")
    if len(halves) > 2:
        return False
    groups = [half.split(":") if half else [] for half in halves]
    size = sum(map(len, groups))
    if groups[-1] and "." in groups[-1][-1]:
        if not is_ipv4(groups[-1].pop()):
            return False
        size += 1
    sound = all(0 < len(group) <= 4 and _HEXADECIMAL.issuperset(group) for half in groups for group in half)
    return sound and (size == 8 if len(halves) == 1 else size < 8)


def is_email(text: str) -> bool:
    """RFC 5321's Mailbox: a dotted or quoted name, and a host name or an address in brackets."""
    local, at, domain = text.rpartition("@")
    return bool(at) and _is_local(local, False) and (is_hostname(domain) or _is_literal(domain))


def is_idn_email(text: str) -> bool:
    """RFC 6531's Mailbox, where both parts may have characters beyond ASCII."""
    local, at, domain = text.rpartition("@")
    return bool(at) and _is_local(local, True) and (is_idn_hostname(domain) or _is_literal(domain))


def _is_local(text: str, international: bool) -> bool:
    if not text or len(text.encode("utf-8", "replace")) > 64:
        return False
    ascii_only = "".join(char for char in text if char < "\x80")
    if (ascii_only != text and not international) or any("\ud800" <= char <= "\udfff" for char in text):
        return False
    if text[0] == '"':
        return len(text) > 1 and text[-1] == '"' and _is_quoted(text[1:-1])
    return all(text.split(".")) and (_ATOM | {"."}).issuperset(ascii_only)


def _is_quoted(text: str) -> bool:
    """The inside of a quoted string: printable characters, with a backslash before a quote or a backslash."""
    bare = text.replace("\\\\", "").replace('\\"', "")
    sound = all(" " <= char != "\x7f" for char in text)
    return sound and '"' not in bare and not bare.endswith("\\")


def _is_literal(text: str) -> bool:
    """An address in brackets (RFC 5321, section 4.1.3)."""
    if text[:1] != "[" or text[-1:] != "]":
        return False
    inside = text[1:-1]
    return is_ipv6(inside[5:]) if inside[:5].lower() == "ipv6:" else is_ipv4(inside)
