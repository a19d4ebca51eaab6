"""The host's settings: bitbuilder.conf, its drop-ins and the system credentials, as one typed value.

Pure: takes the bytes of the files, in the order of the Configuration Files Specification (UAPI.6), and of the
credentials. A credential may set or tighten trust; it never loosens what a file says.
"""

from typing import Any, Callable, Mapping, Sequence

from ..findings import Finding, Place, did_you_mean
from ..formats import unitfile
from ..kinds import values
from ..records import dataclass, replace

_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
TRUST = ("unsigned", "signed", "strict")
ALLOW_FILE = "Set AllowFile=yes under [System] in /etc/bitbuilder/bitbuilder.conf."


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """What the operator of this host decided. All are optional; `interval_sec` 0 means the timer's own default."""

    repository: str = ""
    branch: str = "main"
    trust: str = "signed"
    trust_from_file: bool = False
    signers: str = ""
    allow_file: bool = False
    credential: str = ""
    user: str = ""
    known_hosts_file: str = ""
    known_hosts: str = ""
    ca_file: str = ""
    ca: str = ""
    interval_sec: int = 0
    parallel: int = 4
    fetch_timeout_sec: int = 300
    name: str = ""
    operators_group: str = "bitbuilder"


def _trust(text: str) -> str:
    if text not in TRUST:
        raise ValueError(f"{text!r} is not a trust policy; there are {', '.join(TRUST)}.")
    return text


def _parallel(text: str) -> int:
    return values.integer(1, 64)(text)


def _seconds(text: str) -> int:
    return values.bounded_span(1, 7 * 86400)(text) // 10**6


def _limit(text: str) -> int:
    return values.bounded_span(1, 3600)(text) // 10**6


def _word(text: str) -> str:
    if not _WORD.issuperset(text) or text[0] in "-." or len(text) > 64:
        raise ValueError(f"{text[:64]!r} is not a name: use letters, digits, and . _ - in between.")
    return text


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("Write an absolute path.")
    return _text(text)


def _text(text: str) -> str:
    if not text or len(text) > 2048 or not text.isprintable():
        raise ValueError("The value is empty, too long, or has control characters.")
    return text


# section, key -> (field, parser)
SETTINGS: Mapping[tuple[str, str], tuple[str, Callable[[str], object]]] = {
    ("System", "Repository"): ("repository", _text),
    ("System", "Branch"): ("branch", _text),
    ("System", "Trust"): ("trust", _trust),
    ("System", "AllowFile"): ("allow_file", values.boolean),
    ("System", "Credential"): ("credential", _word),
    ("System", "User"): ("user", _word),
    ("System", "KnownHostsFile"): ("known_hosts_file", _path),
    ("System", "CAFile"): ("ca_file", _path),
    ("Sync", "IntervalSec"): ("interval_sec", _seconds),
    ("Sync", "Parallel"): ("parallel", _parallel),
    ("Sync", "FetchTimeoutSec"): ("fetch_timeout_sec", _limit),
    ("Host", "Name"): ("name", _text),
    ("Host", "OperatorsGroup"): ("operators_group", _text),
}


def read(
    files: Sequence[tuple[str, bytes]], credentials: Mapping[str, bytes]
) -> tuple[HostSettings, tuple[Finding, ...]]:
    """The settings of the files, later ones winning, with the credentials over them.

    A wrong line is a finding, and is skipped.
    """
    fields: dict[str, Any] = {}
    findings: list[Finding] = []
    for name, data in files:
        unit, problems = unitfile.parse(name, data)
        findings += problems
        for entry in unit.entries:
            _one(name, entry, fields, findings)
    settings = replace(HostSettings(), **fields)  # each of the type that its row's parser returns
    return _credentials(replace(settings, trust_from_file="trust" in fields), credentials, findings), tuple(findings)


def _one(name: str, entry: unitfile.Entry, fields: dict[str, Any], findings: list[Finding]) -> None:
    place = Place(name, entry.line, entry.column)
    row = SETTINGS.get((entry.section, entry.key))
    if row is None:
        hint = did_you_mean(entry.key, (key for _, key in SETTINGS))
        findings.append(
            Finding(place, "BB202", f"[{entry.section}] {entry.key}= is not a setting, ignoring.", hint, "warning")
        )
        return
    field, parse = row
    try:
        if entry.value:
            fields[field] = parse(entry.value)
        else:
            fields.pop(field, None)
    except ValueError as error:
        findings.append(Finding(place, "BB205", f"{entry.key}= cannot be read, ignoring: {error}", "", "warning"))


def _credentials(settings: HostSettings, given: Mapping[str, bytes], findings: list[Finding]) -> HostSettings:
    texts = {name: data.decode("utf-8", "replace").strip() for name, data in given.items()}
    settings = replace(
        settings,
        repository=texts.get("bitbuilder.repository") or settings.repository,
        branch=texts.get("bitbuilder.branch") or settings.branch,
        signers=texts.get("bitbuilder.signers") or settings.signers,
        known_hosts=texts.get("bitbuilder.known-hosts") or settings.known_hosts,
        ca=texts.get("bitbuilder.ca") or settings.ca,
    )
    trust = texts.get("bitbuilder.trust", "")
    if not trust:
        return settings
    place = Place("credential bitbuilder.trust")
    if trust not in TRUST:
        findings.append(Finding(place, "BB205", f"{trust!r} is not a trust policy, ignoring.", "", "warning"))
    elif settings.trust_from_file and TRUST.index(trust) < TRUST.index(settings.trust):
        findings.append(
            Finding(place, "BB205", f"A credential cannot loosen Trust={settings.trust}, ignoring.", "", "warning")
        )
    else:
        settings = replace(settings, trust=trust)
    return settings
