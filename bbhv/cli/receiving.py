"""The hooks of git: pre-receive checks a push, post-receive has what was pushed run about a second later.

post-receive is for a repository on the host itself. It asks for a sync and does not wait for it: as root it asks
systemd, as anybody else the varlink interface, which knows who may. It never fails a push, for the push is done; it
tells the pusher in a line what happens now. Only what this needs is imported: the pusher waits for it.
"""

import os
from collections.abc import Iterator

from ..engine import paths
from ..errors import BbhvError, EXIT_OK, UsageError
from ..findings import printable
from ..formats.varlink import PERMISSION_DENIED, VarlinkError
from .main import Call
from .output import Output
from .pushed import is_wanted, standard_input, updates

PUSHED = "io.bitbuilder.Hypervisor.Pushed"
PATIENCE = 20.0
HOOKS = ("pre-receive", "post-receive")


def hook(call: Call, output: Output) -> int:
    """bbhv hook pre-receive: 0 takes the push, everything else rejects it. bbhv hook post-receive [TENANT]."""
    name, *rest = call.arguments
    if name not in HOOKS:
        raise UsageError(f"There is no hook {ascii(name[:40])}.", hint=f"There are {' and '.join(HOOKS)}.")
    if name == "pre-receive":
        if rest:
            raise UsageError("bbhv hook pre-receive takes no tenant.", hint="Write --registration=FILE.")
        from .hooks import hook as pre_receive

        return pre_receive(call, output)
    if call.has("--registration"):
        raise UsageError("bbhv hook post-receive takes no --registration=.", hint="Name the tenant instead.")
    tenant = Call(call.verb, rest, {}).tenants()[0] if rest else None
    wanted = call.all("--branch") or ("*",)
    if any([is_wanted(ref, wanted) for ref, _ in updates(standard_input(), name)]):  # all is read, whatever is in it
        for line in _told(tenant):
            output.say(line)
    return EXIT_OK


def _told(tenant: str | None) -> Iterator[str]:
    """What to tell the pusher, a line each."""
    who = tenant or "bbhv"
    try:
        asked = _ask_systemd(tenant) if os.geteuid() == 0 else _ask_service(tenant)
        yield from (f"{one}: sync is under way" for one in asked)
    except VarlinkError as error:
        yield f"{who}: no sync was asked for, {printable(_meaning(error))}"
    except (BbhvError, OSError) as error:
        yield f"{who}: no sync was asked for, the timer does it: {printable(str(error))}"


def _repository() -> str:
    return os.path.realpath(os.environ.get("GIT_DIR", "."))


def _ask_systemd(tenant: str | None) -> tuple[str, ...]:
    from ..engine.storage import publish
    from ..engine import requests

    if not os.path.isdir(paths.RUN):
        raise BbhvError(f"this host has no {paths.RUN}.")
    if tenant is None or not os.path.isdir(paths.tenant(tenant)):
        from ..engine import access

        chosen = access.chosen_by_root(tenant, _repository())
    else:
        chosen = (tenant,)
    publish.prepare()
    problem = requests.want(chosen)
    if problem:
        raise BbhvError(problem)
    return chosen


def _ask_service(tenant: str | None) -> tuple[str, ...]:
    from ..ipc import client

    asked = {"tenant": tenant} if tenant else {"repository": _repository()}
    reply = client.call(paths.API, PUSHED, {**asked}, seconds=PATIENCE)
    found = reply.get("tenants")
    return tuple(map(printable, map(str, found))) if isinstance(found, list) else ()


def _meaning(error: VarlinkError) -> str:
    """An error reply as the end of a sentence."""
    match error.name.rpartition(".")[2]:
        case "NoSuchTenant":
            return "this host has no such tenant."
        case "NoSuchRepository":
            return f"no tenant's repository is {error.parameters.get('repository')}."
        case "Failed":
            return f"the timer does it: {error.parameters.get('message')}"
    if error.name == PERMISSION_DENIED:
        return f"the timer does it: \"access\" in its registration does not name uid {os.geteuid()}."
    return f"the timer does it: {error.name}."
