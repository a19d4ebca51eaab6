"""Registrations: which tenants a host has, where their repositories are, whom to trust, and what each is granted.

Nothing is granted by default. The form of the files is schemas/registration.schema.json and system.schema.json; what
a schema cannot say is checked here. Findings: BB101 … BB105, BB501 (registered twice), BB502, BB504.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Literal

from ..findings import Finding, Place, errors
from ..formats.gitobject import is_ref_name
from ..formats.jsontext import Json, Located
from ..formats.schema.compiler import Schema
from ..kinds.plain import document, items, members, number, text, texts, whole
from ..kinds.urls import normalise
from ..kinds.values import Unreadable, memory, quoted, size
from ..names import is_name
from ..records import dataclass, field, fields

MAX_FILE = 256 << 10
MAX_DEPTH = 16
State = Literal["enabled", "suspended", "absent"]


class Trust(StrEnum):
    """How a tenant's commits are verified."""

    UNSIGNED = "unsigned"
    SIGNED = "signed"
    STRICT = "strict"


class DriftPolicy(StrEnum):
    """What is done when what runs is not what the generation says; each does what those before it do."""

    REPORT = "report"
    HEAL = "heal"
    REVERT = "revert"

    @property
    def rank(self) -> int:
        """How much it does."""
        return tuple(DriftPolicy).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """How to reach a repository: the name of a credential, a user, lines of known hosts, a CA's certificate."""

    credential: str = ""
    user: str = ""
    known_hosts: tuple[str, ...] = ()
    ca: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """What a tenant may ask for; `None` is "not granted". Sizes are in bytes, image sources are URLs in normal form."""

    cpus: float | None = None
    memory: int | None = None
    tasks: int | None = None
    storage: int | None = None
    machines: int = 0
    containers: int = 0
    images: tuple[str, ...] = ()
    image_sources: tuple[str, ...] = ()
    mount_images: bool = False
    subnets: tuple[str, ...] = ()
    vlans: tuple[int, ...] = ()
    uplinks: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    internet: bool = False
    service_profiles: tuple[str, ...] = ()
    emulation: bool = False

    @property
    def cpu_quota(self) -> int | None:
        """The granted CPUs in hundredths of a percent of one CPU."""
        return None if self.cpus is None else max(1, round(self.cpus * 10_000))

    def as_written(self) -> dict[str, Json]:
        """The grants as a registration has them; what is not granted is null."""
        return {
            "cpus": self.cpus, "memory": self.memory, "tasks": self.tasks, "storage": self.storage,
            "machines": self.machines, "containers": self.containers, "images": list(self.images),
            "imageSources": list(self.image_sources), "mountImages": self.mount_images,
            "subnets": list(self.subnets), "vlans": list(self.vlans), "uplinks": list(self.uplinks),
            "ports": list(self.ports), "internet": self.internet,
            "serviceProfiles": list(self.service_profiles), "emulation": self.emulation,
        }  # fmt: skip

    def as_json(self) -> Json:
        """The grants as one JSON value, the same for the same grants."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One tenant of the host. `source` is where the registration is, `located` the places of its parts."""

    tenant: str
    repository: str
    branch: str = "main"
    state: State = "enabled"
    trust: Trust = Trust.SIGNED
    signers: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ("*",)
    access_users: tuple[str, ...] = ()
    access_groups: tuple[str, ...] = ()
    drift: DriftPolicy = DriftPolicy.HEAL
    grants: Grants = Grants()
    fetch: Fetch | None = None
    source: Place = Place("")
    located: Located | None = field(default=None, repr=False, compare=False)

    def where(self, *path: str | int) -> Place:
        """The place of a part of it; of a part that comes from the defaults, the place where it would be."""
        return self.located.where(path) if self.located else self.source


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemConfig:
    """What system.json says: `defaults` is the registration that every registration starts from, and `allow_empty` that
    a commit may unregister every tenant of a host."""

    defaults: Json = field(default_factory=dict)
    allow_empty: bool = False


def is_registration(path: str) -> bool:
    """Whether a file of a system repository registers a tenant: it lies in tenants/, and not in a folder below."""
    return path.startswith("tenants/") and path.endswith(".json") and path.count("/") == 1


def parse_registration(
    file: str, data: bytes, schema: Schema, *, defaults: Json = None
) -> tuple[Registration | None, tuple[Finding, ...]]:
    """The registration in a file that must be called TENANT.json, over the defaults; None when it has errors."""
    located, findings = document(file, data, schema, max_size=MAX_FILE, max_depth=MAX_DEPTH)
    if located is None:
        return None, findings
    reader = _Reader(located, _merged(defaults, located.value))
    registration = reader.registration()
    reader.check_name(file)
    findings += tuple(reader.findings)
    return None if errors(findings) else registration, findings


def parse_system(file: str, data: bytes, schema: Schema) -> tuple[SystemConfig | None, tuple[Finding, ...]]:
    """What a system.json says; None when it has errors."""
    located, findings = document(file, data, schema, max_size=MAX_FILE, max_depth=MAX_DEPTH)
    if located is None:
        return None, findings
    defaults = members(located.value).get("defaults")
    reader = _Reader(located, members(defaults), ("defaults",))
    reader.grants()
    findings += tuple(reader.findings)
    allow = members(located.value).get("allowEmpty") is True
    return None if errors(findings) else SystemConfig(defaults=members(defaults), allow_empty=allow), findings


def merge(
    sources: Sequence[tuple[str, Mapping[str, Registration]]],
) -> tuple[dict[str, Registration], tuple[Finding, ...]]:
    """One registration per tenant: the first origin that has it wins, and every other one is a warning."""
    chosen: dict[str, Registration] = {}
    findings = []
    for origin, registrations in sources:
        for tenant, registration in sorted(registrations.items()):
            first = chosen.setdefault(tenant, registration)
            if first is not registration:
                places = f"in {first.source} and again in {registration.source}"
                message = f"Tenant {tenant} is registered {places}, ignoring the one in {origin}."
                hint = "Remove one of them."
                findings.append(Finding(registration.source, "BB501", message, hint, severity="warning"))
    return dict(sorted(chosen.items())), tuple(findings)


def for_host(registrations: Mapping[str, Registration], host_name: str) -> dict[str, Registration]:
    """The registrations whose `hosts` have a pattern that fits the name of the host."""
    return {
        tenant: registration
        for tenant, registration in sorted(registrations.items())
        if any(fnmatchcase(host_name, pattern) for pattern in registration.hosts)
    }


def _merged(defaults: Json, own: Json) -> dict[str, Json]:
    """A registration over the defaults: objects such as the grants are merged, everything else is replaced; but what
    the defaults revoke stays revoked."""
    result, own_trust = dict(members(defaults)), members(own).get("trust")
    for key, value in members(own).items():
        before = result.get(key)
        result[key] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
    gone = [*texts(members(members(defaults).get("trust")).get("revoked")), *texts(members(own_trust).get("revoked"))]
    if gone:
        result["trust"] = {**members(result.get("trust")), "revoked": list(dict.fromkeys(gone))}
    return result


class _Reader:
    """Reads a document that has passed its schema, and collects what the schema could not say."""

    def __init__(self, located: Located, value: dict[str, Json], at: tuple[str, ...] = ()) -> None:
        self.located = located
        self.value = value
        self.at = at
        self.findings: list[Finding] = []

    def registration(self) -> Registration:
        value, trust, access = self.value, members(self.value.get("trust")), members(self.value.get("access"))
        repository = self._url("repository")
        return Registration(
            tenant=text(value.get("tenant")),
            repository=repository,
            branch=self._branch(text(value.get("branch")) or "main"),
            state=_state(value.get("state")),
            trust=Trust(text(trust.get("commits")) or Trust.SIGNED),
            signers=texts(trust.get("signers")),
            revoked=texts(trust.get("revoked")),
            hosts=texts(value.get("hosts")) or ("*",),
            access_users=texts(access.get("users")),
            access_groups=texts(access.get("groups")),
            drift=DriftPolicy(text(value.get("drift")) or DriftPolicy.HEAL),
            grants=self.grants(),
            fetch=self._fetch(repository),
            source=Place(self.located.file),
            located=Located(self.located.file, None, self.located.text),  # what it says is in the other fields
        )

    def check_name(self, file: str) -> None:
        tenant, stem = text(self.value.get("tenant")), file.rpartition("/")[2].removesuffix(".json")
        if not is_name(tenant):
            self._find(("tenant",), "BB107", f"{tenant[:64]!r} is not a tenant name.")
        elif tenant != stem:
            message = f"The file is named {stem[:64]}.json, but registers {tenant}."
            self._find(("tenant",), "BB502", message, "Rename the file.")

    def grants(self) -> Grants:
        found = members(self.value.get("grants"))
        return Grants(
            cpus=number(found.get("cpus")),
            memory=self._size("memory", found.get("memory"), memory),
            tasks=whole(found.get("tasks")),
            storage=self._size("storage", found.get("storage"), size),
            machines=whole(found.get("machines")) or 0,
            containers=whole(found.get("containers")) or 0,
            images=texts(found.get("images")),
            image_sources=self._texts("imageSources", found.get("imageSources"), _source),
            mount_images=found.get("mountImages") is True,
            subnets=self._texts("subnets", found.get("subnets"), _subnet),
            vlans=tuple(item for item in items(found.get("vlans")) if isinstance(item, int)),
            uplinks=texts(found.get("uplinks")),
            ports=self._texts("ports", found.get("ports"), _ports),
            internet=found.get("internet") is True,
            service_profiles=texts(found.get("serviceProfiles")),
            emulation=found.get("emulation") is True,
        )

    def _url(self, key: str) -> str:
        try:
            return normalise(text(self.value.get(key)), ("https", "ssh", "file"))
        except Unreadable as error:
            self._find((key,), "BB504", f"{error}", error.hint)
            return ""

    def _fetch(self, repository: str) -> Fetch | None:
        found = _fetch(self.value.get("fetch"))
        if found is None and not repository.startswith("ssh:"):
            return None
        from .fetching import problems  # only who has something to check pays for it

        one = found or Fetch()
        for key, message, hint in problems(repository, one.credential, one.known_hosts, one.ca):
            # What is not written has no place: it is the repository that needs it.
            where = ("fetch", key) if key in members(self.value.get("fetch")) else ("repository",)
            self._find(where, "BB502", message, hint)
        return found

    def _branch(self, name: str) -> str:
        if name.startswith("refs/") or not is_ref_name(f"refs/heads/{name}"):
            hint = "Write its name alone, such as main."
            self._find(("branch",), "BB502", f"{quoted(name)} is not the name of a branch.", hint)
        return name

    def _size(self, key: str, value: Json, read: Callable[[str], int]) -> int | None:
        if value is None:
            return None
        try:
            return read(str(value) if isinstance(value, int) else text(value))
        except Unreadable as error:
            self._find(("grants", key), "BB502", f"{key}: {error}", error.hint)
            return None

    def _texts(self, key: str, value: Json, read: Callable[[str], str]) -> tuple[str, ...]:
        """The items of a grant; one that cannot be read would grant nothing, and nobody would know."""
        found = []
        for index, one in enumerate(texts(value)):
            try:
                found.append(read(one))
            except Unreadable as error:
                self._find(("grants", key, index), "BB502", f"{error}", error.hint)
        return tuple(found)

    def _find(self, path: tuple[str | int, ...], code: str, message: str, hint: str = "") -> None:
        place = self.located.where((*self.at, *path))
        self.findings.append(Finding(place, code, message, hint))


def _source(value: str) -> str:
    return normalise(value, ("https", "http", "file"))


def _subnet(value: str) -> str:
    from ipaddress import ip_network  # only who has such a grant pays for it

    try:
        ip_network(value, strict=False)
    except ValueError:
        raise Unreadable(f"{quoted(value)} is not a subnet.", "Write for example 10.77.0.0/24.") from None
    return value


def _ports(value: str) -> str:
    from ..kinds.workloads.ports import port_range

    port_range(value)
    return value


def _fetch(value: Json) -> Fetch | None:
    if not isinstance(value, dict):
        return None
    return Fetch(
        credential=text(value.get("credential")),
        user=text(value.get("user")),
        known_hosts=texts(value.get("knownHosts")),
        ca=text(value.get("ca")),
    )


def _state(value: Json) -> State:
    return "suspended" if value == "suspended" else "absent" if value == "absent" else "enabled"
