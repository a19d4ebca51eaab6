"""The folder of a repository, checked: a tenant's, or a system repository together with those of its tenants."""

import os
from collections.abc import Mapping

from ..engine.repository.read import read_tree
from ..errors import BbhvError, CommandError, NotFoundError, UsageError
from ..findings import Finding, errors
from ..formats import jsontext
from ..formats.schema.compiler import Schema, compile_schema
from ..host import files, git, resources, run
from ..model import fleet
from ..model.bounds import MAX_FINDINGS, is_complete
from ..model.fleet import Schemas
from ..model.neighbours import MAX_CLAIMS
from ..model.registration import Registration, SystemConfig, parse_registration, parse_system
from .folder import read_folder

_TENANTS = "--tenants= is the folder of the tenants' repositories."
# Where a tenant's repository may lie in that folder, in the order in which one is looked for.
NAMES = ("{}", "tenant-{}", "{}.git", "tenant-{}.git")


def schema_of(name: str) -> Schema:
    """A schema of ours, `metadata`, `registration` or `system`. Raises BbhvError when this program is damaged."""
    located, findings = jsontext.parse(name, resources.data(f"schemas/{name}.schema.json"))
    if located is None or findings:
        raise BbhvError(f"The schema of {name} is damaged: {findings[0]}")
    return compile_schema(located.value)


def grant_of(path: str) -> Registration:
    """The registration in a file, over the defaults of the system repository that it lies in. Raises BbhvError."""
    data = files.read(path)
    if data is None:
        raise NotFoundError(f"{path} does not exist.")
    one, findings = parse_registration(path, data, schema_of("registration"), defaults=_defaults(path).defaults)
    if one is None or errors(findings):
        raise BbhvError(f"The registration has errors: {findings[0]}")
    return one


def _defaults(path: str) -> SystemConfig:
    folder, tenants = os.path.split(os.path.dirname(os.path.abspath(path)))
    data = files.read(f"{folder}/{fleet.SYSTEM}") if tenants == "tenants" else None
    if data is None:
        return SystemConfig()
    config, findings = parse_system(f"{folder}/{fleet.SYSTEM}", data, schema_of("system"))
    if config is None:
        raise BbhvError(f"The defaults of the registration have errors: {findings[0]}")
    return config


def check_files(
    texts: Mapping[str, bytes], grant: Registration | None, notes: list[str], systemd: int | None = None,
    *, complete: bool = True,
) -> tuple[Finding, ...]:
    """What is wrong with the files of a repository; what is not checked is added to the notes.

    Unless `complete`, the repository has more files than these.
    """
    if grant is None and fleet.is_system(texts):
        notes += (fleet.NO_TENANTS, fleet.SIGNATURES)
        return fleet.read_system(texts, _schemas())[1]
    checked = fleet.check_tenant(texts, schema_of("metadata"), grant, systemd, complete=complete)
    notes += checked.unchecked
    return checked.findings


def check_folder(
    path: str, grant: Registration | None, notes: list[str], systemd: int | None = None
) -> tuple[Finding, ...]:
    """What is wrong with a repository that is a folder, its places as whoever typed the folder finds them."""
    texts, problems = read_folder(path)
    if grant is not None and fleet.SYSTEM in texts:
        message = f"{path} is a system repository; --registration= is for a tenant's."
        raise UsageError(message, hint="Leave --registration= out; its own registrations are checked.")
    found = check_files(texts, grant, notes, systemd, complete=is_complete(problems))
    return tuple(fleet.inside(path, one) for one in (*problems, *found))


def check_fleet(path: str, tenants: str, lines: list[str], systemd: int | None = None) -> tuple[Finding, ...]:
    """What is wrong with a system repository and all its tenants' repositories, which lie in the folder `tenants`."""
    texts, problems = read_folder(path)
    if not fleet.is_system(texts):
        message = f"{path} is not a system repository: it has neither system.json nor a folder tenants."
        raise UsageError(message, hint="--tenants= is for a system repository; give its folder.")
    if not os.path.isdir(tenants):
        raise NotFoundError(f"The folder {tenants} does not exist.", hint=_TENANTS)
    schemas = _schemas()
    system, own = fleet.read_system(texts, schemas)
    del texts  # a tenant's files may be as many, and what is held at the same time is bounded
    found = [fleet.inside(path, one) for one in (*problems, *own)]
    members: list[fleet.Member] = []
    for registration in system.registrations.values():
        if registration.state == "absent":
            continue
        if len(found) > MAX_FINDINGS or sum(len(member.claims) for member in members) > MAX_CLAIMS:
            found.append(fleet.inside(path, fleet.left_out(registration)))
            break
        try:
            members.append(_member(registration, tenants, schemas, systemd))
            found += members[-1].findings
        except BbhvError as error:
            found.append(fleet.inside(path, fleet.missing(registration, error.message, error.hint)))
    lines += fleet.proven(members)
    return (*found, *fleet.between(system, members))


def _member(registration: Registration, tenants: str, schemas: Schemas, systemd: int | None) -> fleet.Member:
    """A tenant's repository in the folder of all tenants. Raises BbhvError when it is not there or cannot be read."""
    looked = [os.path.join(tenants, name.format(registration.tenant)) for name in NAMES]
    place = next((one for one in looked if os.path.isdir(one)), None)
    if place is None:
        message = f"There is no repository of tenant {registration.tenant} to check."
        raise NotFoundError(message, hint=f"Looked for {', '.join(looked)}.")
    taken, trouble = read_repository(place, registration.branch)
    return fleet.read_member(registration, place, taken, trouble, schemas.metadata, systemd)


def _schemas() -> Schemas:
    return Schemas(metadata=schema_of("metadata"), registration=schema_of("registration"), system=schema_of("system"))


def read_repository(place: str, branch: str) -> tuple[Mapping[str, bytes], tuple[Finding, ...]]:
    """The files of a work tree as they lie there, or those of a bare repository at a branch. Raises BbhvError."""
    if not (os.path.isfile(f"{place}/HEAD") and os.path.isdir(f"{place}/objects")):
        return read_folder(place)
    gitdir = os.path.abspath(place)
    wanted = f"refs/heads/{branch}^{{tree}}"
    ask = ("git", f"--git-dir={gitdir}", *git.HARMLESS, "rev-parse", "--verify", "--quiet", wanted)
    try:
        tree = run.run(ask, timeout=git.TIMEOUT, env=git.ENVIRONMENT).text
    except CommandError as error:
        message = f"{place} has no branch {branch}."
        raise BbhvError(message, hint="Fetch it, or correct the branch in the registration.") from error
    with git.ObjectReader(gitdir) as reader:
        return read_tree(reader, tree)
