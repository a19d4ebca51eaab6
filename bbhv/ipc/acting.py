"""What callers have done to this host, each call in a unit of its own: the verbs of the command line that change
something."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ..engine import events, manager, outcomes, secrets, world
from ..engine.tenant import holds, restarting, volumes
from ..engine.tenant import purge as purging
from ..engine.tenant.job import Asked as Wanted
from ..engine.tenant.job import Job
from ..engine.tenant.purge import Purged
from ..formats import varlink
from ..formats.jsontext import Json
from ..formats.varlink import VarlinkError
from ..model.events import Event
from ..names import is_name
from .methods import Asked, Service


def sync(service: Service, asked: Asked) -> dict[str, Json]:
    """Fetches and applies what is new of a tenant, or of all that the caller may change. For operators the system
    repository comes first; what is wrong with it does not keep the tenants from being done, and is told after them."""
    chosen = (asked.tenant,) if asked.tenant else asked.tenants
    if not asked.operator:
        return _outcomes(asked, lambda: manager.sync_some(chosen or (), _wanted(asked)))
    with _telling(asked):
        run = manager.sync_all(chosen or (), _wanted(asked))
    if run.problem is not None:
        asked.tell(outcomes.reply(run.jobs))
        raise run.problem
    return outcomes.reply(run.jobs)


def sync_system(service: Service, asked: Asked) -> dict[str, Json]:
    """Fetches and applies the system repository alone."""
    return _outcomes(asked, lambda: manager.sync_system(_wanted(asked)).jobs)


def bundle(service: Service, asked: Asked) -> dict[str, Json]:
    """Takes a git bundle instead of the network."""
    with tempfile.NamedTemporaryFile(prefix="bitbuilder-", suffix=".bundle") as file:
        file.write(asked.data("bundle"))
        file.flush()
        return _outcomes(asked, lambda: manager.sync_all([asked.tenant], _wanted(asked, bundle=file.name)).jobs)


def apply(service: Service, asked: Asked) -> dict[str, Json]:
    """Applies the clone's HEAD, without a network."""
    return _outcomes(asked, lambda: manager.apply([asked.tenant], _wanted(asked)))


def rollback(service: Service, asked: Asked) -> dict[str, Json]:
    """Goes to an older generation, until a newer commit."""
    return _outcomes(asked, lambda: [
        holds.rollback(asked.tenant, asked.number("generation"), asked.who, _wanted(asked))
    ])  # fmt: skip


def confirm(service: Service, asked: Asked) -> dict[str, Json]:
    """Keeps a generation that waits to be confirmed."""
    return _outcomes(asked, lambda: [manager.confirm(asked.tenant, asked.who, _wanted(asked))])


def suspend(service: Service, asked: Asked) -> dict[str, Json]:
    """Stops a tenant until it is resumed."""
    return _outcomes(asked, lambda: [holds.suspend(asked.tenant, asked.who, _wanted(asked))])


def resume(service: Service, asked: Asked) -> dict[str, Json]:
    """Brings a suspended tenant up again."""
    return _outcomes(asked, lambda: [holds.resume(asked.tenant, _wanted(asked))])


def restart(service: Service, asked: Asked) -> dict[str, Json]:
    """Restarts a workload."""
    restarting.restart(asked.tenant, _name(asked, "workload"), _wanted(asked))
    return {}


def purge(service: Service, asked: Asked) -> dict[str, Json]:
    """Removes what is left of a tenant that is gone, or a volume that nobody declares, or tells what that would be. Its
    caller was asked before."""
    volume = asked.text("volume") and _name(asked, "volume")
    if asked.flag("dryRun"):
        return Purged(tenant=asked.tenant, removed=purging.look(asked.tenant, volume)).as_json()
    return purging.purge(asked.tenant, volume, _wanted(asked)).as_json()


def snapshot(service: Service, asked: Asked) -> dict[str, Json]:
    """Keeps a copy of a volume."""
    return {"clean": volumes.snapshot(*_volume(asked), _wanted(asked))}


def restore(service: Service, asked: Asked) -> dict[str, Json]:
    """Makes a volume what its copy is."""
    volumes.restore(*_volume(asked), _wanted(asked))
    return {}


def discard(service: Service, asked: Asked) -> dict[str, Json]:
    """Removes a copy."""
    volumes.discard(*_volume(asked), _wanted(asked))
    return {}


def encrypt(service: Service, asked: Asked) -> dict[str, Json]:
    """Encrypts a secret for this host, this tenant and this name."""
    host = world.load()
    name, secret = _name(asked, "name"), asked.data("secret")
    text = secrets.encrypt(host, asked.tenant, name, secret, not_after=asked.text("notAfter"))
    return {"text": text.decode("ascii"), "host": world.name_of(host.settings)}


def _wanted(asked: Asked, bundle: str = "") -> Wanted:
    """What the call asks for beyond its verb."""
    return Wanted(allow_rewind=asked.flag("allowRewind"), wait=asked.flag("wait"), bundle=bundle)


def _outcomes(asked: Asked, do: Callable[[], Sequence[Job]]) -> dict[str, Json]:
    with _telling(asked):
        jobs = do()
    return outcomes.reply(jobs)


@contextmanager
def _telling(asked: Asked) -> Iterator[None]:
    """Tells each step meanwhile to who wants several replies."""
    with events.listening(lambda event: _tell(asked, event)):
        yield


def _tell(asked: Asked, event: Event) -> None:
    if asked.tenants is None or event.tenant in asked.tenants:
        asked.tell({"event": event.as_json(), "tenants": [], "done": []})


def _volume(asked: Asked) -> tuple[str, str, str]:
    return asked.tenant, _name(asked, "volume"), _name(asked, "snapshot")


def _name(asked: Asked, parameter: str) -> str:
    """A name of something of the tenant. Raises VarlinkError when it cannot be one."""
    found = asked.text(parameter)
    if not is_name(found):
        raise VarlinkError(varlink.INVALID_PARAMETER, {"parameter": parameter})
    return found
