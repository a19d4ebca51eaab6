"""A credential of a tenant: infrastructure/credentials/NAME.cred, or credentials/HOST/NAME.cred for one host.

The file is what `bbhv credential encrypt TENANT NAME` prints on the host that is to use it, and so does `systemd-creds
encrypt --name=tenant-TENANT.NAME`: only that host can decrypt it. What it is encrypted with is read from its header; a
secret in clear text, and a blob that everybody can decrypt, are refused. Whether it is for this host, bears that name,
and is still valid is in its encrypted part: the host tries it before a commit is activated (`UNCHECKED`).
"""

from ..findings import Finding, Place
from ..formats.credblob import Blob, BlobError, parse
from ..records import dataclass
from .source import Source

# In words that follow "not checked".
UNCHECKED = "whether the credentials are for the host and the tenant, and valid (only the host can decrypt them)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """An encrypted credential as committed; `host` is empty when it is for all hosts."""

    name: str
    file: str
    host: str
    text: bytes
    blob: Blob


def embedded_name(tenant: str, name: str) -> str:
    """The name that must be inside of the encrypted part, so that no tenant can use another one's credential."""
    return f"tenant-{tenant}.{name}"


def how_to_encrypt(tenant: str, name: str) -> str:
    """What to do for a file that is of use, in words that follow "On the host,"."""
    return f"run: bbhv credential encrypt {tenant or 'TENANT'} {name} > {name}.cred"


def read_credential(source: Source) -> tuple[Credential | None, tuple[Finding, ...]]:
    """The credential of a file, None when it has errors."""
    place = Place(source.file)
    how = f"On the host, {how_to_encrypt(source.tenant, source.name)}"
    try:
        blob = parse(source.data)
    except BlobError as error:
        return None, (Finding(place, "BB205", str(error), f"{error.hint} {how}".strip()),)
    if blob.key.null:
        message = "The credential is encrypted with the null key: everybody who has the repository can read it."
        return None, (Finding(place, "BB204", message, f"Replace the secret. {how}"),)
    if blob.key.user:
        message = "The credential is bound to a user of the host, and no unit of a tenant is one."
        return None, (Finding(place, "BB205", message, f"Leave out --user and --uid=. {how}"),)
    return Credential(name=source.name, file=source.file, host=source.host, text=source.data, blob=blob), ()
