"""The scenarios in which faults are tried: what changes, by which command, and how it is to end.

Each begins with a tenant that is at rest, and says what the tenant may run afterwards.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from . import faults, guests
from .faults import Ended
from .subject import Shape, Subject, declared
from .support import REGISTRATIONS, REPOSITORIES, Repo, registration, run

PLACE = Path("/run/faults")
SETTINGS = Path("/etc/bitbuilder/bitbuilder.conf")
UNIT = Path("/run/systemd/system")
SCRIPTS = ("provision", "pre-start", "post-start", "pre-stop", "post-stop")
BUSY, NOTHING = 75, 5
GUESTS: dict[str, Subject] = {}
ANY = frozenset({0, 1, 3, 4})  # when others are synced as well, who may have troubles of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a scenario does: the command, what runs before it and after it, and how the last sync is to end.

    A `hook` is the part of tenant@ that is struck while the command starts or stops it. With `either`, a sync does not
    end what was begun: the tenant runs one or the other. `again` is the next sync, when it is not that of the tenant.
    `beside` are other tenants that the command changes as well. With `threads`, the command has threads, all of which
    are struck.
    """

    argv: tuple[str, ...]
    before: Shape
    after: Shape
    hook: str = ""
    either: bool = False
    statuses: frozenset[int] = frozenset({0})
    final: Shape | None = None
    again: tuple[str, ...] = ()
    beside: "tuple[tuple[Subject, Change], ...]" = ()
    threads: bool = False

    @property
    def end(self) -> Shape:
        """What runs when all is done."""
        return self.after if self.final is None else self.final


@dataclass(frozen=True, slots=True)
class Scenario:
    """What brings a subject to where the change begins, and by which ways a host sets right what went wrong.

    One that concerns the whole host is for a `guest` of its own, while nobody else is struck. One that `repeats` is
    tried again as it is where it left everything as it was; any other begins again, with a newer commit.
    """

    begin: Callable[[Subject], Change]
    ways: tuple[str, ...] = ("sync", "reload", "restart", "boot")
    guest: str = ""
    repeats: bool = False


# Subjects


def enter(subject: Subject) -> None:
    """Registers a tenant that is not there yet."""
    subject.tenant.repo.init()
    REGISTRATIONS.mkdir(parents=True, exist_ok=True)
    (REGISTRATIONS / f"{subject.id}.json").write_text(registration(subject.id, subject.tenant.repo.url))
    _hook(subject)


def begin_anew(subject: Subject) -> None:
    """Takes everything of a tenant from the host, without asking the program, and registers it again."""
    run(["systemctl", "stop", f"tenant@{subject.id}.service"], check=False, timeout=150)
    run(["systemctl", "stop", f"tenant-*@*{subject.id}.service"], check=False, timeout=150)
    if subject.folder.is_dir():  # which may be a file system of its own
        run(["find", subject.folder, "-mindepth", "1", "-delete"])
    places = [subject.tenant.repo.path, *(path for name in ("units", "generations", "stopped")
              for path in Path("/run/bitbuilder", name).glob(f"*{subject.id}*"))]
    run(["rm", "-rf", *places])
    run(["systemctl", "reset-failed"], check=False)
    subject.shape, subject.known, subject.keeps = {}, [], []
    enter(subject)


def guest(name: str) -> Subject:
    """A tenant that what concerns the whole host is tried on; it comes to the host when it is first asked for."""
    if name not in GUESTS:
        GUESTS[name] = Subject.named(name)
        GUESTS[name].alone = True
        begin_anew(GUESTS[name])
    return GUESTS[name]


def leave(subject: Subject) -> None:
    """Takes a tenant from the host, and what has it struck."""
    run(["systemctl", "stop", f"tenant@{subject.id}.service"], check=False, timeout=150)
    run(["umount", subject.folder], check=False)
    subject.tenant.remove()
    run(["rm", "-rf", UNIT / f"tenant@{subject.id}.service.d", PLACE / subject.id])
    run(["systemctl", "daemon-reload"])


def _hook(subject: Subject) -> None:
    """Makes tenant@ call two scripts, so that what it starts can be struck without a daemon-reload for each point."""
    folder = UNIT / f"tenant@{subject.id}.service.d"
    folder.mkdir(parents=True, exist_ok=True)
    place = PLACE / subject.id
    place.mkdir(parents=True, exist_ok=True)
    lines = ["[Service]", "SystemCallFilter="]  # the engine itself traces nobody, which is what strikes it here
    for key, verb in (("ExecStart", "start"), ("ExecStopPost", "stop")):
        lines += [f"{key}=", f"{key}={place}/{verb}"]
    (folder / "90-faults.conf").write_text("\n".join([*lines, ""]))
    unhook(subject)
    run(["systemctl", "daemon-reload"])


def unhook(subject: Subject) -> None:
    """Lets tenant@ start and stop as it is shipped."""
    for verb in ("start", "stop"):
        script(subject, verb, [])


def script(subject: Subject, verb: str, words: list[str]) -> None:
    """Has a verb of tenant@ run with these words before it."""
    path = PLACE / subject.id / verb
    path.write_text(f"#!/bin/sh\nexec {' '.join(words)} /usr/bin/bbhv tenant {verb} {subject.id}\n")
    path.chmod(0o755)


def sync(subject: Subject, command: tuple[str, ...] = ()) -> Ended:
    """The next sync without a fault; what a run that was killed still had at work is waited for."""
    while (ended := faults.run(command or ("bbhv", "sync", subject.id))).status == BUSY:
        subject.rests()
    return ended


def up(subject: Subject, *, keeping: bool = False) -> Shape:
    """A tenant that runs two containers; what it runs. What another scenario has it keep it does not have any more."""
    if subject.memory().get("hold") is not None and "suspend" in json.dumps(subject.memory()["hold"]):
        faults.run(["bbhv", "resume", subject.id])
    if subject.shape and not subject.runs():
        run(["systemctl", "start", f"tenant@{subject.id}"], check=False, timeout=150)
        subject.settles(subject.shape)
    if (runs := subject.runs()) in subject.known and runs == subject.written(subject.number("good")):
        subject.shape = dict(runs)  # also after a rollback
    keeps = bool(subject.keeps) and not keeping
    if keeps or not subject.shape or subject.runs() != subject.shape or subject.number("good") is None:
        begin_anew(subject)
        role = subject.role()
        subject.declare({"web": (role, 200), "db": (role, 200)})
        sync(subject)
    return dict(subject.shape)


# Scenarios


def _sync(subject: Subject) -> tuple[str, ...]:
    return ("bbhv", "sync", subject.id)


def change(subject: Subject) -> Change:
    """Both containers restart."""
    before, role = up(subject), subject.role()
    subject.declare({name: (role, limit) for name, (_, limit) in before.items()})
    return Change(argv=_sync(subject), before=before, after=subject.shape)


def live(subject: Subject) -> Change:
    """Limits change, nothing restarts."""
    before = up(subject)
    subject.declare({name: (role, 200 + limit % 200 + 1) for name, (role, limit) in before.items()})
    return Change(argv=_sync(subject), before=before, after=subject.shape)


def reshape(subject: Subject) -> Change:
    """One container goes, one comes, one stays."""
    before = up(subject)
    other = "cache" if "db" in before else "db"
    subject.declare({"web": before["web"], other: (subject.role(), 200)})
    return Change(argv=_sync(subject), before=before, after=subject.shape)


def unhealthy(subject: Subject) -> Change:
    """A commit that does not become healthy: the way back is struck as well as the way there."""
    before, role = up(subject), subject.role()
    good = dict(subject.shape)
    bad = f"[Exec]\nBoot=no\nParameters=/bin/false\nEnvironment=ROLE={role}\n" \
          "[X-Bitbuilder]\nImage=debian-13\nHealthStableSec=3\nMemoryMax=200M\n"
    last = sorted(good)[-1]
    subject.declare({name: (role, limit) for name, (_, limit) in good.items()}, {f"containers/{last}.nspawn": bad})
    subject.known.append({**subject.shape, last: (role, 200)})
    subject.shape = good
    return Change(argv=_sync(subject), before=before, after=before, statuses=frozenset({1}), final=before)


def rollback(subject: Subject) -> Change:
    """The generation before the good one is asked for."""
    before, role = up(subject), subject.role()
    subject.declare({name: (role, limit) for name, (_, limit) in before.items()})
    ended = sync(subject)
    assert ended.status == 0, ended.said
    newest, good = dict(subject.shape), subject.number("good") or 0
    numbers = [int(path.name) for path in (subject.folder / "generations").glob("[0-9]*")]
    after = subject.written(max(number for number in numbers if number < good)) or {}
    return Change(argv=("bbhv", "rollback", subject.id), before=newest, after=after, either=True)


def first(subject: Subject) -> Change:
    """tenant@ starts a tenant that never was."""
    begin_anew(subject)
    role = subject.role()
    subject.declare({"web": (role, 200), "db": (role, 200)})
    return Change(argv=("systemctl", "start", f"tenant@{subject.id}"), before={}, after=subject.shape, hook="start")


def start(subject: Subject) -> Change:
    """tenant@ starts again, with a commit that was pulled by hand meanwhile."""
    before, role = up(subject), subject.role()
    run(["systemctl", "stop", f"tenant@{subject.id}"], timeout=120)
    subject.declare({name: (role, limit) for name, (_, limit) in before.items()})
    run(["git", "-C", subject.folder / "config.git", "pull", "--quiet"])
    return Change(argv=("systemctl", "start", f"tenant@{subject.id}"), before=before, after=subject.shape, hook="start")


def stop(subject: Subject) -> Change:
    """tenant@ stops."""
    before = up(subject)
    return Change(argv=("systemctl", "stop", f"tenant@{subject.id}"), before=before, after={}, hook="stop", either=True)


def boot(subject: Subject) -> Change:
    """The host shows and starts its tenants, as after it was switched on."""
    before = up(subject)
    run(["systemctl", "stop", f"tenant@{subject.id}"], timeout=120)
    run(["rm", "-rf", *(path for name in ("units", "generations", "stopped")
                        for path in Path("/run/bitbuilder", name).glob(f"{subject.id}*"))])  # fmt: skip
    run(["systemctl", "daemon-reload"])
    return Change(argv=("bbhv", "boot"), before=before, after=before)


def system(subject: Subject) -> Change:
    """The system repository registers a tenant, or does not any more."""
    repo, runs = Repo(REPOSITORIES / "system.git"), subject.runs()
    mine = f"tenants/{subject.id}.json"
    if not repo.head:
        repo.init()
        other = registration("elsewhere", subject.tenant.repo.url, hosts=["elsewhere"])
        head = '{"apiVersion": "bitbuilder.io/v1", "allowEmpty": true}'
        repo.commit({"system.json": head, "tenants/elsewhere.json": other})
        SETTINGS.write_text(f"{SETTINGS.read_text()}Repository={repo.url}\nTrust=unsigned\n")
    (REGISTRATIONS / f"{subject.id}.json").unlink(missing_ok=True)
    command = ("bbhv", "sync")
    if runs:
        repo.commit({mine: None})
        return Change(argv=command, before=runs, after={}, again=command, statuses=ANY)
    if not subject.shape:  # one that comes again starts with what it has
        subject.declare({"web": (subject.role(), 200), "db": (subject.role(), 200)})
    repo.commit({mine: registration(subject.id, subject.tenant.repo.url)})
    return Change(argv=command, before={}, after=subject.shape, again=command, statuses=ANY)


def image(subject: Subject) -> Change:
    """A container gets a root of its own, which the host does not have yet: it is fetched, unpacked and published."""
    before, role = up(subject), subject.role()
    for path in sorted(guests.IMAGES.glob(f"{subject.id}-*.tar"), key=lambda path: path.stat().st_mtime)[:-2]:
        path.unlink()
    archive = guests.IMAGES / f"{subject.id}-{role}.tar"
    archive.write_bytes(guests.archive([*guests.guest(), guests.member("role", role.encode())], bytes))
    shape = {name: (role, limit) for name, (_, limit) in before.items()}
    subject.declare(shape, {
        "infrastructure/tiny.image": guests.image(archive),
        "containers/web.nspawn": declared({"web": shape["web"]}, "tiny")["containers/web.nspawn"],
    })
    return Change(argv=_sync(subject), before=before, after=subject.shape, again=("bbhv", "sync"), statuses=ANY)


def suspend(subject: Subject) -> Change:
    """An operator stops a tenant."""
    before = up(subject)
    return Change(argv=("bbhv", "suspend", subject.id), before=before, after={}, either=True)


def resume(subject: Subject) -> Change:
    """An operator lets a tenant run again."""
    after = up(subject)
    run(["bbhv", "suspend", subject.id])
    return Change(argv=("bbhv", "resume", subject.id), before={}, after=after, either=True)


def confirm(subject: Subject) -> Change:
    """An operator confirms what waits for that; asked once more, nothing waits any more."""
    before, role = up(subject), subject.role()
    head = json.loads(subject.tenant.files()["metadata.json"] or "")
    head["lifecycle"]["confirmWithinSec"] = 3600
    subject.declare({name: (role, limit) for name, (_, limit) in before.items()}, {"metadata.json": json.dumps(head)})
    sync(subject)
    argv = ("bbhv", "confirm", subject.id)
    return Change(argv=argv, before=subject.shape, after=subject.shape, again=argv, statuses=frozenset({0, NOTHING}))


def together(subject: Subject) -> Change:
    """Two tenants change in one sync, each prepared by a thread of its own and activated in another."""
    other = guest("hull")
    one, beside = change(subject), change(other)
    argv = (*one.argv, other.id)
    return replace(one, argv=argv, again=argv, beside=((other, replace(beside, again=argv)),), threads=True)


def scripts(subject: Subject) -> Change:
    """Both containers restart, and every script is called on the way."""
    before = up(subject)
    if not subject.scripts():
        before = _scripted(subject, before)
        sync(subject)
    return Change(argv=_sync(subject), before=before, after=_scripted(subject, before))


def _scripted(subject: Subject, shape: Shape) -> Shape:
    """Commits another role for all containers, and for the scripts, which note that they were called."""
    role = subject.role()
    texts: dict[str, str | None] = {
        f"scripts/{name}": f'#!/bin/sh\necho "{name} {role}" >>"$BITBUILDER_STATE"\n' for name in SCRIPTS
    }
    subject.declare({name: (role, limit) for name, (_, limit) in shape.items()}, texts)
    return subject.shape


def storage(subject: Subject) -> Change:
    """A container keeps its root and has volumes, one of which comes with each commit; what is in them stays."""
    before = up(subject, keeping=True)
    if not subject.keeps:
        before = _keeping(subject, before)
        sync(subject)
        places = [subject.folder / "volumes/data", *subject.folder.glob("roots/web/*")]
        subject.keeps = [place / "kept" for place in places]
        for path in subject.keeps:
            path.write_text(subject.id)
    return Change(argv=_sync(subject), before=before, after=_keeping(subject, before))


def _keeping(subject: Subject, shape: Shape) -> Shape:
    """Commits another role for all containers, and another volume for the one that keeps what it has."""
    role, archive = subject.role(), guests.IMAGES / f"{subject.id}.tar"
    if not archive.exists():
        archive.write_bytes(guests.archive(guests.guest(), bytes))
    new = {name: (role, limit) for name, (_, limit) in shape.items()}
    web = declared({"web": new["web"]}, "tiny")["containers/web.nspawn"]
    subject.declare(new, {
        "infrastructure/tiny.image": guests.image(archive),
        **{f"infrastructure/{name}.volume": "[Volume]\nSize=16M\n" for name in ("data", role)},
        "containers/web.nspawn": f"{web}Persistent=yes\nVolume=data:/srv/data\nVolume={role}:/srv/more\n",
    })
    return new


SCENARIOS: Mapping[str, Scenario] = {
    "change": Scenario(change),
    "live": Scenario(live),
    "reshape": Scenario(reshape),
    "unhealthy": Scenario(unhealthy),
    "rollback": Scenario(rollback, repeats=True),
    "first": Scenario(first, ("sync", "restart")),
    "start": Scenario(start, ("sync", "restart")),
    "stop": Scenario(stop, ("sync", "restart"), repeats=True),
    "suspend": Scenario(suspend, ("sync", "boot"), repeats=True),
    "resume": Scenario(resume, ("sync", "boot"), repeats=True),
    "confirm": Scenario(confirm, ("sync",)),
    "scripts": Scenario(scripts),
    "storage": Scenario(storage),
    "image": Scenario(image, guest="fern"),
    "together": Scenario(together, guest="gale"),
    "boot": Scenario(boot, ("boot",), guest="dune"),
    "system": Scenario(system, ("sync", "boot"), guest="echo"),
}

