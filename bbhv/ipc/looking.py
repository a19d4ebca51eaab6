"""What is looked up for a caller in a unit of its own: it takes long, or reads what a tenant wrote."""

from ..engine import describing, events, hostfacts, report, world
from ..engine import metrics as gathering
from ..engine import usage as measuring
from ..engine.hostfacts import Running
from ..engine.tenant import foreseeing, listening
from ..engine.tenant import volumes as engine
from ..findings import ordered
from ..formats import varlink
from ..formats.jsontext import Json
from ..formats.varlink import VarlinkError
from ..model import forecast, planview
from ..names import is_name
from .methods import Asked, Service, decoded

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
    return {path: decoded(text, "files") for path, text in given.items()}


def list_volumes(service: Service, asked: Asked) -> dict[str, Json]:
    """The volumes of a tenant."""
    return {"volumes": [one.as_json() for one in engine.volumes(asked.tenant)]}


def logs(service: Service, asked: Asked) -> dict[str, Json]:
    """What a tenant or one of its workloads has logged, an entry a reply. The last reply has none.

    The numbers of processes are the host's: whoever is in a container would count by them what others start."""
    workload, since, lines = asked.text("workload"), _since(asked), asked.number("lines")
    lines = lines if lines is not None else MAX_LINES if since else LINES
    _require("workload", not workload or is_name(workload))
    _require("lines", 0 <= lines <= MAX_LINES)
    for entry in listening.entries(asked.tenant, workload, str(lines), since=since, follow=asked.flag("follow")):
        asked.tell({"entry": {**entry, "pid": None} if asked.inside else entry})
    return {"entry": None}


def _since(asked: Asked) -> str:
    since = asked.text("since")
    _require("since", len(since) <= MAX_TIME and since.isprintable())
    return since


def _require(parameter: str, right: bool) -> None:
    if not right:
        raise VarlinkError(varlink.INVALID_PARAMETER, {"parameter": parameter})


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
    since, cursor, lines = _since(asked), asked.text("cursor"), asked.number("lines") or 0
    _require("lines", 0 <= lines <= MAX_LINES)
    _require("cursor", events.is_cursor(cursor))
    if asked.tenant:
        report.known(world.load(), asked.tenant)
    many = "all" if since and not lines else str(lines)
    chosen = (asked.tenant,) if asked.tenant else asked.tenants
    feed = events.follow(chosen, cursor, many, since=since, steps=asked.flag("steps"))
    while True:
        cursor, event = next(feed)
        asked.tell({"event": event.as_json(), "cursor": cursor})
