"""What is looked up for a caller in a unit of its own: it takes long, or reads what a tenant wrote."""

import base64
import binascii

from ..engine import describing, events, hostfacts, report, world
from ..engine import metrics as gathering
from ..engine import usage as measuring
from ..engine.hostfacts import Running
from ..engine.tenant import foreseeing, listening
from ..engine.tenant import volumes as engine
from ..errors import BbhvError
from ..findings import ordered
from ..formats import varlink
from ..formats.jsontext import Json
from ..formats.varlink import VarlinkError
from ..model import forecast, planview
from ..names import is_name
from .methods import Asked, Service

MAX_FILES = 10_000
MAX_LINES = 100_000
LINES = 100
MAX_TIME = 100


def describe_host(service: Service, asked: Asked) -> dict[str, Json]:
    """The host, and what it can do."""
    return {"host": describing.host(service.version)}


def plan(service: Service, asked: Asked) -> dict[str, Json]:
    """What a sync would do with the newest commit that is here, or with another one of the clone."""
    return {"plan": planview.as_json(foreseeing.view(world.load(), asked.tenant, revision=asked.text("commit")))}


def validate(service: Service, asked: Asked) -> dict[str, Json]:
    """What is wrong with files that are not committed yet, for this tenant on this host. Nothing is kept of them."""
    host = world.load()
    registration = host.registered(asked.tenant)
    facts = hostfacts.gather(host.settings, Running(), allocate=False)
    _, findings = forecast.check(_files(asked), (), registration, facts, world.metadata_schema(),
                                 allow_file=host.settings.allow_file)  # fmt: skip
    return {"findings": [dict[str, Json](one.as_json()) for one in ordered(findings)]}


def _files(asked: Asked) -> dict[str, bytes]:
    given = asked.parameters.get("files")
    assert isinstance(given, dict)
    if len(given) > MAX_FILES:
        raise VarlinkError(varlink.INVALID_PARAMETER, {"parameter": "files"})
    try:
        return {path: base64.b64decode(str(text), validate=True) for path, text in given.items()}
    except binascii.Error:
        raise VarlinkError(varlink.INVALID_PARAMETER, {"parameter": "files"}) from None


def list_volumes(service: Service, asked: Asked) -> dict[str, Json]:
    """The volumes of a tenant."""
    return {"volumes": [one.as_json() for one in engine.volumes(asked.tenant)]}


def logs(service: Service, asked: Asked) -> dict[str, Json]:
    """What a tenant or one of its workloads has logged, an entry a reply. The last reply has none."""
    workload, since, lines = asked.text("workload"), asked.text("since"), asked.number("lines")
    lines = lines if lines is not None else MAX_LINES if since else LINES
    for name, right in (("workload", not workload or is_name(workload)), ("lines", 0 <= lines <= MAX_LINES),
                        ("since", len(since) <= MAX_TIME and since.isprintable())):  # fmt: skip
        if not right:
            raise VarlinkError(varlink.INVALID_PARAMETER, {"parameter": name})
    for line in listening.entries(asked.tenant, workload, str(lines), since=since, follow=asked.flag("follow")):
        asked.tell({"entry": line})
    return {"entry": None}


def usage(service: Service, asked: Asked) -> dict[str, Json]:
    """What tenants use."""
    chosen = (asked.tenant,) if asked.tenant else asked.tenants
    return {"tenants": [one.as_json() for one in measuring.usage(chosen)]}


def metrics(service: Service, asked: Asked) -> dict[str, Json]:
    """Numbers about all tenants."""
    return {"text": gathering.metrics()}


def subscribe(service: Service, asked: Asked) -> dict[str, Json]:
    """The events of the tenants that the caller may see, until it leaves. The journal has them, so that whoever comes
    back goes on after the last one that he has seen."""
    chosen, lines = (asked.tenant,) if asked.tenant else asked.tenants, asked.number("lines") or 0
    if not 0 <= lines <= MAX_LINES:
        raise VarlinkError(varlink.INVALID_PARAMETER, {"parameter": "lines"})
    if asked.tenant:
        report.known(world.load(), asked.tenant)
    since = asked.text("since")
    for cursor, event in events.follow(chosen, asked.text("cursor"), "all" if since and not lines else str(lines),
                                       since=since, steps=asked.flag("steps")):  # fmt: skip
        asked.tell({"event": event.as_json(), "cursor": cursor})
    raise BbhvError("The journal cannot be followed any more.", hint="journalctl --verify")
