"""The secrets of tenants on this host: encrypted for a commit, and tried before one is activated.

A secret is only ever on its way: from the caller to systemd-creds, which encrypts it. What is tried is decrypted into
nothing, so that a file of another tenant, of another host or of the past is a finding before anything changes.
"""

from ..errors import BbhvError, UsageError
from ..findings import Finding
from ..formats import credblob
from ..host import credentials
from ..kinds.credential import embedded_name
from ..kinds.values import show_size
from ..model.credentials import MAX_OF_UNIT, chosen, of_no_use, used
from ..model.harvest import MAX_FILE
from ..model.tenant import Tenant
from ..names import parse_name
from .world import World


def encrypt(
    host: World, tenant: str, name: str, secret: bytes, *, key: str = "auto", not_after: str = ""
) -> bytes:
    """The text of a file that only this host can decrypt, only for this tenant and only under this name.

    Raises NotFoundError for a tenant that is not registered here, UsageError for a secret that no unit can have, and
    BbhvError.
    """
    host.registered(tenant)
    inside = embedded_name(tenant, parse_name(name, "credential"))
    if not secret:
        raise UsageError("The secret is empty.", hint="Give it on standard input, or as a file.")
    if len(secret) + len(inside) > MAX_OF_UNIT:
        raise UsageError(f"The secret is larger than {show_size(MAX_OF_UNIT)}, the most that a unit may have.")
    text = credentials.encrypt(inside, secret, key=key, not_after=not_after)
    try:
        blob = credblob.parse(text)
    except credblob.BlobError as error:
        raise BbhvError(f"systemd-creds wrote no encrypted credential: {error}") from error
    if blob.key.null:
        raise BbhvError("This host has no key to encrypt with.", hint="Run: systemd-creds setup")
    if len(text) > MAX_FILE:
        raise UsageError(f"Encrypted, the secret is larger than {show_size(MAX_FILE)}, the most of a file in a commit.")
    return text


def unusable(tenant: Tenant, host_name: str) -> tuple[Finding, ...]:
    """What this host cannot decrypt of the credentials that the tenant's workloads use here, a finding each.

    Raises BbhvError when it cannot be tried.
    """
    found = []
    for name, one in used(tenant.workloads.values(), chosen(tenant.credentials, host_name)).items():
        words = credentials.problem(embedded_name(tenant.id, name), one.text)
        if words:
            found.append(of_no_use(one, tenant.id, host_name, words))
    return tuple(found)
