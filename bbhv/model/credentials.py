"""The credentials of a tenant on one host: which file counts there, which unit is given it, and what is wrong.

The encrypted texts lie in the generation. A unit reads those that its workload asks for where `current` points, and
its systemd decrypts them; how they go on from there is in kinds/workloads/handing.py.

Findings: BB212 (of no use on this host), BB213 (together larger than a unit may have), BB301 (for other hosts only).
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from ..findings import Finding, Place, printable
from ..kinds.credential import Credential, embedded_name, how_to_encrypt
from ..kinds.source import Declared
from ..kinds.values import show_size
from ..kinds.workloads.handing import credentials as names
from ..kinds.workloads.machine import Machine
from ..kinds.workloads.workload import CREDENTIAL
from ..names import specifier_escape

# CREDENTIALS_TOTAL_SIZE_MAX of systemd: of all names and secrets of a unit, and of the file system that they are in.
MAX_OF_UNIT = 1 << 20
_PAGE = 4096
# vmspawn writes what QEMU is to hand on into files in /var/tmp, in clear, and they stay while the machine runs: so that
# is in memory, and the memory is not swapped, which has it anyway as the guest's.
_IN_MEMORY = (("PrivateTmp", "disconnected"), ("MemorySwapMax", "0"))
# What is around the secret in the encrypted part: two times and the size of the name, which follows them.
_AROUND = 20
_MAX_WORDS = 300
_NAME = "It was encrypted under another name, for another credential or another tenant."
_KEY = "It was encrypted on another host, or it was changed since."
# What systemd-creds says, and what it means.
_MEANINGS = (
    ("does not match filename", _NAME),
    ("time passed", "It has expired."),
    ("incorrect key", _KEY),
    ("local credential key", _KEY),
    ("too short", "It is damaged."),
    ("TPM", "It is sealed by a TPM that this host does not have, or that does not open it."),
)  # fmt: skip


def chosen(declared: Iterable[Credential], host: str) -> dict[str, Credential]:
    """By name, the files that count on a host: one for this host goes before the one for all."""
    found: dict[str, Credential] = {}
    for one in declared:
        if one.host == host or (not one.host and one.name not in found):
            found[one.name] = one
    return found


def settings(workload: Declared, there: Mapping[str, Credential]) -> dict[str, str]:
    """What the manifest says of a workload's credentials: another file is another text."""
    return {f"credential:{name}": hashlib.sha256(there[name].text).hexdigest() for name in names(workload)}


def directives(workload: Declared, tenant: str, tenants_dir: str) -> list[tuple[str, str]]:
    """The settings of a workload's unit, by which it is given its credentials, and nobody else is."""
    folder, wanted = specifier_escape(f"{tenants_dir}/{tenant}/current/credentials"), names(workload)
    given = [("LoadCredentialEncrypted", f"{embedded_name(tenant, name)}:{folder}/{name}.cred") for name in wanted]
    return [*given, *(_IN_MEMORY if wanted and isinstance(workload, Machine) else ())]


def used(workloads: Iterable[Declared], there: Mapping[str, Credential]) -> dict[str, Credential]:
    """By name, the credentials that the units of these workloads read, of those that are there."""
    wanted = {name for one in workloads for name in names(one)}
    return {name: there[name] for name in sorted(wanted & there.keys())}


def missing(workloads: Iterable[Declared], declared: Iterable[Credential], host: str) -> Iterator[Finding]:
    """Credentials that are declared, but for other hosts than this one."""
    every = tuple(declared)
    there, known = chosen(every, host), {one.name for one in every}
    for one in workloads:
        for name, place in zip(one.values.all(CREDENTIAL), one.values.places(CREDENTIAL)):
            if name in known and name not in there:
                message = f"Credential={name} is there for other hosts only, and this one is {printable(host)}."
                hint = f"Add infrastructure/credentials/{name}.cred, or credentials/{printable(host)}/{name}.cred."
                yield Finding(place, "BB301", message, hint)


def too_large(workloads: Iterable[Declared], declared: Iterable[Credential], tenant: str) -> Iterator[Finding]:
    """Workloads whose credentials systemd would not give to one unit, on any of the hosts that have files of their own.

    The size of a secret is known without decrypting it, if the name inside is the right one.
    """
    every = tuple(declared)
    by_host = [chosen(every, host) for host in sorted({"", *(one.host for one in every)})]
    for one in workloads:
        wanted = names(one)
        most = max(_size([there[name] for name in wanted if name in there], tenant) for there in by_host)
        if most > MAX_OF_UNIT:
            message = f"The credentials of {one.name} take {most} bytes together; {show_size(MAX_OF_UNIT)} is the most."
            hint = "Leave one out, or put what is large into a volume, encrypted by a key that is a credential."
            yield Finding(one.values.places(CREDENTIAL)[-1], "BB213", message, hint)


def _size(together: Iterable[Credential], tenant: str) -> int:
    """What credentials take in a unit: their secrets and names, or the pages of memory for the secrets."""
    whole, pages = 0, 0
    for one in together:
        name = len(embedded_name(tenant, one.name))
        secret = max(0, one.blob.encrypted - _up(_AROUND + name, 8))
        whole, pages = whole + secret + name, pages + _up(secret, _PAGE)
    return max(whole, pages)


def _up(size: int, unit: int) -> int:
    return -(-size // unit) * unit


def of_no_use(one: Credential, tenant: str, host: str, words: str) -> Finding:
    """The finding about a credential that this host cannot decrypt; `words` is what systemd-creds says about it."""
    said = printable(" ".join(words.split())[:_MAX_WORDS])
    meaning = next((text for words, text in _MEANINGS if words in said), "This host cannot decrypt it.")
    hint = f"On {printable(host)}, {how_to_encrypt(tenant, one.name)}"
    return Finding(Place(one.file), "BB212", f"{meaning} systemd-creds says: {said}", hint)
