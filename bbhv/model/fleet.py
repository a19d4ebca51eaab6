"""A whole host, offline: the system repository, every tenant's repository, and what they mean to each other.

`read_system` reads a system repository, `read_member` one registered tenant's repository against its registration,
`between` finds what collides, and `proven` says what was looked at. Only what is compared between tenants is kept of a
tenant, so that a fleet takes no more memory than its largest repository. Findings: BB107, BB108, BB301, BB501, BB505,
BB506.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from ..findings import Finding, Place, did_you_mean, printable
from ..formats import jsontext, voa
from ..formats.schema.compiler import Schema
from ..kinds.credential import UNCHECKED
from ..kinds.extension import NOUNS, READERS
from ..kinds.plain import members, text
from ..kinds.source import Source
from ..kinds.table import Kind, is_beside
from ..names import NAME_RULE, is_name
from ..records import dataclass, field, replace
from . import grants, hostversion, neighbours
from .bounds import MAX_FINDINGS, is_complete
from .neighbours import Claim
from .registration import Registration, SystemConfig, Trust, is_registration, parse_registration, parse_system
from .tenant import Tenant, read_tenant

MAX_REGISTRATIONS = 4_000
MAX_SIZE = 2 << 20
SYSTEM = "system.json"
TENANTS = "tenants/"
TRUST = "trust/"
SIGNERS = f"{TRUST}bitbuilder/tenant-config/"
EXTENSIONS = tuple(
    Kind(name=name, noun=NOUNS[name], pattern=f"host/extensions/{name}/NAME{end}", read=read)
    for name, read in READERS.items()
    for end in (".image", "/**")
)
PATTERNS = (SYSTEM, f"{TENANTS}NAME.json", f"{TRUST}**", *(kind.pattern for kind in EXTENSIONS))
COUNTED = ("container", "machine", "network", "volume", "image")

NO_REGISTRATION = "the grant (no --registration= was given)"
NO_TENANTS = "the tenants' repositories (no --tenants= was given)"
HAS_ERRORS = "the grant (the repository has errors)"
OFFERED = "whether the host offers the images"
SIGNATURES = "signatures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schemas:
    """The schemas that a host's files are checked by."""

    metadata: Schema
    registration: Schema
    system: Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A tenant's repository, all findings about it, and what could not be checked; `tenant` is None with errors."""

    tenant: Tenant | None
    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A system repository: the registrations that can be read, and how many host extensions there are."""

    registrations: Mapping[str, Registration]
    extensions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What is kept of a tenant's repository: what it takes of the host, how many things it declares, and what could not
    be checked, all only when it is `whole`, without errors of its own."""

    tenant: str
    claims: tuple[Claim, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    unchecked: tuple[str, ...] = ()
    whole: bool = False


def is_system(files: Iterable[str]) -> bool:
    """Whether these are the files of a system repository."""
    return any(name == SYSTEM or name.startswith(TENANTS) for name in files)


def own_name(files: Mapping[str, bytes]) -> str:
    """The name that a tenant's repository gives itself; on a host the registration decides."""
    located, _ = jsontext.parse("metadata.json", files.get("metadata.json", b"{}"))
    return text(members(located.value if located else None).get("tenant"))


def check_tenant(
    files: Mapping[str, bytes], metadata: Schema, registration: Registration | None, systemd: int | None = None,
    *, complete: bool = True,
) -> Checked:
    """A tenant's repository, against its grants when its registration is known, and for hosts with this systemd.

    Unless `complete`, the repository has more files than these.
    """
    name = registration.tenant if registration else own_name(files)
    tenant, findings = read_tenant(files, name, metadata, complete=complete)
    findings += hostversion.newer(tenant, systemd) if tenant else ()
    secrets = (UNCHECKED,) if tenant and tenant.credentials else ()
    if registration is None:
        return Checked(tenant=tenant, findings=findings, unchecked=(NO_REGISTRATION, *secrets))
    if tenant is None:
        return Checked(tenant=None, findings=findings, unchecked=(HAS_ERRORS,))
    named = {name for one in tenant.runs for name, _ in one.images} - tenant.images.keys()
    findings += grants.check(tenant, registration, allow_file=True, offered=named)
    return Checked(tenant=tenant, findings=findings, unchecked=(OFFERED, *secrets))


def read_system(files: Mapping[str, bytes], schemas: Schemas) -> tuple[System, tuple[Finding, ...]]:
    """The system repository of these files, and everything that is wrong in it alone."""
    config, found = _config(files, schemas)
    findings = list(found)
    registrations: dict[str, Registration] = {}
    taken: dict[str, str] = {}
    size = 0
    for path in sorted(filter(is_registration, files)):
        size += len(files[path])
        if len(taken) >= MAX_REGISTRATIONS or size > MAX_SIZE or len(findings) > MAX_FINDINGS:
            message = f"The rest of {TENANTS} was not read: there are more than {MAX_REGISTRATIONS} tenants, or "
            message += f"{MAX_SIZE >> 20} MiB of registrations, or {MAX_FINDINGS} problems."
            findings.append(Finding(Place(path), "BB110", message, "Divide the tenants between system repositories."))
            break
        findings += _twice(path, files[path], taken)
        one, found = parse_registration(path, files[path], schemas.registration, defaults=config.defaults)
        findings += found
        if one is not None:
            registrations.setdefault(one.tenant, one)
    extensions, found = _extensions(files, schemas.metadata)
    findings += found
    for kind, source in extensions[:MAX_FINDINGS]:
        findings += islice(kind.read(source)[1], MAX_FINDINGS)
    findings += voa.check_tree(files)
    findings += _signers(registrations, files)
    findings += _shared(registrations)
    return System(registrations=registrations, extensions=len(extensions)), tuple(findings)


def _config(files: Mapping[str, bytes], schemas: Schemas) -> tuple[SystemConfig, tuple[Finding, ...]]:
    if SYSTEM not in files:
        return SystemConfig(), ()
    config, findings = parse_system(SYSTEM, files[SYSTEM], schemas.system)
    return config or SystemConfig(), findings


def _twice(path: str, data: bytes, taken: dict[str, str]) -> Iterator[Finding]:
    """A tenant that an earlier file registers already, also when one of the two has other errors."""
    located, _ = jsontext.parse(path, data)
    tenant = text(members(located.value if located else None).get("tenant"))
    if located is None or not is_name(tenant):
        return
    first = taken.setdefault(tenant, path)
    if first != path:
        yield Finding(located.where(("tenant",)), "BB501", f"Tenant {tenant} is registered in {first} already.",
                      "Remove one of the two files.")  # fmt: skip


def _extensions(
    files: Mapping[str, bytes], metadata: Schema
) -> tuple[tuple[tuple[Kind, Source], ...], tuple[Finding, ...]]:
    """The host extensions, and what is wrong with the places of all files that are nothing else."""
    findings: list[Finding] = []
    sources: dict[str, tuple[Kind, Source]] = {}
    trees: dict[str, dict[str, bytes]] = {}
    for path in sorted(files):
        matches = ((kind, kind.match(path)) for kind in EXTENSIONS)
        kind, match = next(((kind, match) for kind, match in matches if match), (None, None))
        if kind is None or match is None:
            if len(findings) < MAX_FINDINGS:
                findings += _misplaced(path)
            continue
        file = path.removesuffix(f"/{match.inside}") if match.inside else path
        if match.inside:
            trees.setdefault(file, {})[match.inside] = files[path]
        if file in sources:
            continue
        data = b"" if match.inside else files[path]
        sources[file] = kind, Source(
            tenant="", name=match.name, file=file, data=data, metadata_schema=metadata, files=trees.get(file, {})
        )
        if not is_name(match.name):
            hint = f"{NAME_RULE[0].upper()}{NAME_RULE[1:]}."
            findings.append(Finding(Place(file), "BB107", f"The name of the {kind.noun} is not allowed.", hint))
    return tuple(sources.values()), tuple(findings)


def _misplaced(path: str) -> Iterator[Finding]:
    """The warning about a file that nothing reads."""
    if path == SYSTEM or path.startswith(TRUST) or is_registration(path) or is_beside(path):
        return
    first, slash, _ = path.partition("/")
    known = [pattern for pattern in PATTERNS if pattern.startswith(f"{first}/")]
    if slash and known:
        hint = f"Files here are {', '.join(known)}."
    else:
        hint = did_you_mean(first, {pattern.partition("/")[0] for pattern in PATTERNS})
    message = "The file has no place in a system repository, ignoring."
    yield Finding(Place(path), "BB108", message, hint, severity="warning")


def _signers(registrations: Mapping[str, Registration], files: Mapping[str, bytes]) -> Iterator[Finding]:
    """Signers whom the repository does not bring along: the host may know them, and may not. And policies for which
    nobody is left."""
    known: dict[str, set[str]] = {}
    for path in files:
        parts = path.removeprefix(SIGNERS).split("/")
        if path.startswith(SIGNERS) and len(parts) == 3:
            known.setdefault(parts[0], set()).add(parts[2].partition(".")[0])
    for registration in registrations.values():
        yield from _nobody(registration, known)
        for index, signer in enumerate(registration.signers):
            if signer not in known:
                place = registration.where("trust", "signers", index)
                hint = did_you_mean(signer, known) or f"Add {SIGNERS}{signer}/, or put it into /etc/voa of the hosts."
                yield Finding(place, "BB301", f"Nothing in {TRUST} says who {signer} is.", hint, severity="warning")


def _nobody(registration: Registration, known: Mapping[str, set[str]]) -> Iterator[Finding]:
    """The warning about a tenant whose commits nobody could sign."""
    if registration.trust == Trust.UNSIGNED:
        return
    keys = {key for signer in registration.signers for key in known.get(signer, ())}
    if not registration.signers:
        message, hint = "The policy wants signatures and names no signer.", 'Write "signers": ["NAME"], or "unsigned".'
    elif keys and keys <= set(registration.revoked):
        message, hint = "Every key of the signers that is in trust/ is revoked.", f"Add a new one below {SIGNERS}."
    else:
        return
    yield Finding(registration.where("trust"), "BB503", message, hint, severity="warning")


def _shared(registrations: Mapping[str, Registration]) -> tuple[Finding, ...]:
    """What is granted to two tenants that may run on one host: a warning, because not both can use it."""
    claims = (claim for one in registrations.values() for claim in neighbours.granted(one))
    return neighbours.findings(claims, _hosts(registrations), "warning")


def _hosts(registrations: Mapping[str, Registration]) -> dict[str, tuple[str, ...]]:
    return {name: one.hosts for name, one in registrations.items()}


def read_member(
    registration: Registration, folder: str, files: Mapping[str, bytes], found: tuple[Finding, ...], metadata: Schema,
    systemd: int | None = None,
) -> Member:
    """A registered tenant's repository that lies in `folder`; `found` is what was wrong with reading it.

    The places of findings and claims begin with the folder.
    """
    checked = check_tenant(files, metadata, registration, systemd, complete=is_complete(found))
    tenant = checked.tenant
    findings = tuple(inside(folder, finding) for finding in (*found, *checked.findings))
    if tenant is None:
        return Member(tenant=registration.tenant, findings=findings)
    claims = tuple(replace(one, place=_inside(folder, one.place)) for one in neighbours.claims(tenant))
    sizes = (tenant.containers, tenant.machines, tenant.networks, tenant.volumes, tenant.images)
    counts = {what: len(declared) for what, declared in zip(COUNTED, sizes)}
    return Member(
        tenant=tenant.id, claims=claims, counts=counts, findings=findings, unchecked=checked.unchecked, whole=True
    )


def missing(registration: Registration, message: str, hint: str) -> Finding:
    """The finding about a registered tenant whose repository is not there, or cannot be read, as the words say."""
    return Finding(registration.where("repository"), "BB506", message, hint, severity="warning")


def left_out(registration: Registration) -> Finding:
    """The finding about the first tenant that was not looked at, because there are findings enough."""
    message = f"From tenant {registration.tenant} on, no repository was checked: there is too much to report."
    return Finding(registration.where("repository"), "BB115", message, "Correct the others first.", "warning")


def inside(folder: str, finding: Finding) -> Finding:
    """The finding as somebody who stands above the folder would place it."""
    return replace(finding, place=_inside(folder, finding.place))


def _inside(folder: str, place: Place) -> Place:
    parts = [part for part in f"{folder}/{place.file}".split("/") if part not in ("", ".")]
    root = "/" if folder.startswith("/") else ""
    return replace(place, file=printable(root + "/".join(parts)))


def between(system: System, members_: Iterable[Member]) -> tuple[Finding, ...]:
    """What collides between the tenants that may run on one host; both tenants are named, for the operator."""
    claims = (claim for member in members_ for claim in member.claims)
    return neighbours.findings(claims, _hosts(system.registrations), "error")


def proven(members_: Iterable[Member]) -> tuple[str, ...]:
    """The last lines of a report: what was looked at, and what was not."""
    found = list(members_)
    counts = {what: sum(member.counts.get(what, 0) for member in found) for what in COUNTED}
    said = [_number(len(found), "tenant"), *(_number(count, what) for what, count in counts.items() if count)]
    broken = [member.tenant for member in found if not member.whole]
    shared = (f"what collides with {', '.join(broken)} (its repository has errors)",) if broken else ()
    theirs = (what for member in found for what in member.unchecked)
    return (f"Checked together: {', '.join(said)}.", not_checked((*shared, SIGNATURES, OFFERED, *theirs)))


def not_checked(what: Iterable[str]) -> str:
    """The sentence that names what was not checked."""
    return f"Not checked: {'; '.join(dict.fromkeys(what))}."


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
