"""metadata.json: who a tenant is and how its changes are to be made. Its form is schemas/metadata.schema.json."""

from collections.abc import Mapping

from ..findings import Finding, Place, errors
from ..formats.jsontext import Json, Located
from ..records import dataclass, field
from .lifecycle import Consent
from .lifecycle import Lifecycle as Lifecycle
from .plain import document, members, text, texts, whole
from .source import MAX_FILE, Source

MAX_DEPTH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What metadata.json says."""

    file: str
    tenant: str
    display_name: str = ""
    owner_name: str = ""
    owner_email: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    lifecycle: Lifecycle = Lifecycle()
    consent: Consent = Consent()
    consent_place: Place = field(default=Place("metadata.json"), repr=False, compare=False)


def read_metadata(source: Source) -> tuple[Metadata | None, tuple[Finding, ...]]:
    """The metadata of a file, None when it has errors."""
    schema = source.metadata_schema
    located, findings = document(source.file, source.data, schema, max_size=MAX_FILE, max_depth=MAX_DEPTH)
    if located is None:
        return None, findings
    metadata = _metadata(located, source.file)
    if metadata.tenant != source.tenant:
        message = f"The tenant is registered as {source.tenant}, but this file is of {metadata.tenant}."
        hint = f'Write "tenant": "{source.tenant}", or ask the operator which repository is registered.'
        findings += (Finding(located.where(("tenant",)), "BB303", message, hint),)
    return None if errors(findings) else metadata, findings


def _metadata(located: Located, file: str) -> Metadata:
    """The metadata of a document that has passed its schema: what is not there has its default."""
    top = members(located.value)
    owner = members(top.get("owner"))
    life, default = members(top.get("lifecycle")), Lifecycle()
    return Metadata(
        file=file,
        tenant=text(top.get("tenant")),
        display_name=text(top.get("displayName")),
        owner_name=text(owner.get("name")),
        owner_email=text(owner.get("email")),
        labels={name: text(value) for name, value in sorted(members(top.get("labels")).items())},
        lifecycle=Lifecycle(
            health_timeout_sec=_or(life.get("healthTimeoutSec"), default.health_timeout_sec),
            on_failure="rollback",
            keep_generations=_or(life.get("keepGenerations"), default.keep_generations),
            confirm_within_sec=_or(life.get("confirmWithinSec"), default.confirm_within_sec),
        ),
        consent=Consent(
            allow_empty=life.get("allowEmpty") is True, allow_data_loss=texts(life.get("allowDataLoss"))
        ),
        consent_place=located.where(("lifecycle",)),
    )


def _or(value: Json, default: int) -> int:
    found = whole(value)
    return default if found is None else found
