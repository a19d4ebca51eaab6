"""The verbs that foresee: plan, on a host or anywhere else with the facts of one, and facts, which tells them."""

import os
from collections.abc import Mapping

from ..engine import world
from ..engine.tenant import foreseeing
from ..engine.tenant.job import Asked
from ..errors import BbhvError, EXIT_OK, NotFoundError, UsageError
from ..findings import Finding, errors
from ..formats import jsontext
from ..formats.schema.compiler import compile_schema
from ..host import files, log, resources
from ..kinds.credential import UNCHECKED
from ..kinds.plain import members
from ..model import facts
from ..model.facts import Facts, MAX_SIZE, from_json
from ..model.forecast import check, count, forecast
from ..model.planview import View
from ..records import replace
from ..version import VERSION
from . import formats, options, plans
from .looking import nobody
from .main import Call
from .output import Output, complain
from .reporting import worst
from .repositories import read_repository, schema_of

FACTS = "On the host: bbhv facts TENANT > FILE"


def plan(call: Call, output: Output) -> int:
    """bbhv plan."""
    log.quiet = True
    form = formats.chosen(call.get("--format"), output.json)
    if any(call.has(name) for name in options.OFFLINE):
        views, statuses = _offline(call)
    else:
        views, statuses = _on_host(call)
    if not views and not statuses and form == "text":
        nobody(output)
    plans.show(views, form, output)
    return worst([*statuses, *map(plans.status, views)])


def tell_facts(call: Call, output: Output) -> int:
    """bbhv facts: always JSON, for people who look at it first laid out as such."""
    found = foreseeing.facts(world.load(), call.tenants()[0])
    output.json = "pretty" if output.json == "off" else output.json
    output.value(facts.to_json(found))
    return EXIT_OK


def _on_host(call: Call) -> tuple[list[View], list[int]]:
    tenants = call.tenants()
    options.check_commit(call)
    host = world.load()
    views, statuses = [], []
    asked = Asked(wait=call.has("--wait"))
    for tenant in tenants or sorted({*host.registrations, *host.refused}):
        try:
            views.append(foreseeing.view(host, tenant, revision=call.get("--commit"), fetch=call.has("--fetch"),
                                         asked=asked))  # fmt: skip
        except BbhvError as error:
            statuses.append(complain(error))
    return views, statuses


def _offline(call: Call) -> tuple[list[View], list[int]]:
    """The plan for a folder, with the facts in a file: no host, no root, no network."""
    folder, file = (call.get(name) for name in options.OFFLINE)
    missing = [f"The folder {folder} does not exist."] if folder and not os.path.isdir(folder) else []
    missing += [f"{file} does not exist."] if file and not os.path.exists(file) else []
    if call.arguments or not (folder and file):
        message = "Away from a host, a plan needs --repository= and --host-facts=, and no tenant: the facts name it."
        raise UsageError(" ".join([message, *missing]), hint=FACTS)
    if missing:
        raise NotFoundError(" ".join(missing), hint=FACTS)
    told, problems = _facts(file)
    if told is None:
        return [_refused(View(tenant="-", outcome="refused", where=folder, findings=problems))], []
    texts, trouble = read_repository(folder, told.registration.branch)
    return [_foreseen(folder, told, texts, (*problems, *trouble))], []


def _facts(file: str) -> tuple[Facts | None, tuple[Finding, ...]]:
    data = files.read(file, MAX_SIZE, cut=True)
    if data is None:
        raise NotFoundError(f"{file} does not exist.", hint=FACTS)
    located, damages = jsontext.parse("output", resources.data("schemas/output.schema.json"))
    if located is None or damages:
        raise BbhvError("The schema of facts is damaged.")
    form = compile_schema({"$ref": "#/$defs/facts", "$defs": members(located.value).get("$defs")})
    return from_json(file, data, form, schema_of("registration"))


def _foreseen(folder: str, told: Facts, texts: Mapping[str, bytes], trouble: tuple[Finding, ...]) -> View:
    one, host, has = told.registration, told.host, told.has
    tenant, findings = check(texts, trouble, one, host, schema_of("metadata"), allow_file=host.allow_file)
    view = View(
        tenant=one.tenant, outcome="applied", where=folder, generation=has.number, findings=findings,
        running=has.manifest.commit if has.manifest else "",
        notes=() if one.state == "enabled" else (f"The registration of {one.tenant} says {one.state}.",),
    )  # fmt: skip
    if tenant is None:
        return _refused(view)
    found = forecast(tenant, one, host, has, commit="", version=VERSION)
    unchecked = (f"Not checked: {UNCHECKED}.",) if tenant.credentials else ()
    view = replace(view, plan=found.plan, findings=(*findings, *found.findings), notes=(*view.notes, *unchecked))
    return _refused(view) if errors(view.findings) else view


def _refused(view: View) -> View:
    return replace(view, outcome="refused", refusal=count(view.findings))
