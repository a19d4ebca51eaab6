"""The formats of JSON Schema that can be asserted: name to (test of a string, what it must be). One row each."""

from typing import Callable

_ATOM = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+/=?^_`{|}~-")
_LABEL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")


def is_hostname(text: str) -> bool:
    """RFC 1123: labels of letters, digits and inner dashes, 253 characters in all."""
    labels = text.split(".")
    return len(text) <= 253 and all(
        0 < len(label) <= 63 and _LABEL.issuperset(label) and label[0] != "-" and label[-1] != "-" for label in labels
    )


def is_email(text: str) -> bool:
    """RFC 5321's Mailbox without quoted local parts and address literals, which nobody has."""
    local, at, domain = text.rpartition("@")
    atoms = local.split(".")
    sound = len(local) <= 64 and all(atom and _ATOM.issuperset(atom) for atom in atoms)
    return bool(at) and sound and is_hostname(domain)


FORMATS: dict[str, tuple[Callable[[str], bool], str]] = {
    "email": (is_email, "an e-mail address"),
    "hostname": (is_hostname, "a host name"),
}
