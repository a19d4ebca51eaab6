"""Health checks as declared: Health= in [X-Bitbuilder], the same forms for containers and machines.

    unit                 active and ready, and then neither restarted nor failed for HealthStableSec=
    tcp:PORT             somebody listens on the port
    http:PORT/PATH       a request for the path is answered with a status of 2xx or 3xx
    exec:COMMAND         a program inside a container exits with 0
    script:NAME          scripts/NAME of the repository exits with 0
    console:REGEX        a line of a machine's console has the pattern (console.py says which are allowed)
"""

from collections.abc import Callable, Collection

from ...findings import did_you_mean
from ...records import dataclass
from .. import values as v
from ..script import SCRIPTS
from .console import pattern

MAX_URL_PATH = 1024
_URL_PATH = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/?%")
_port = v.integer(1, 65535)


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `text` is the path of http, the command line of exec, the script's name, or the console's pattern."""

    kind: str
    port: int = 0
    text: str = ""

    def __str__(self) -> str:
        port = str(self.port) if self.port else ""
        return f"{self.kind}:{port}{self.text}" if port or self.text else self.kind

    @property
    def argv(self) -> tuple[str, ...]:
        """The program of an exec check and its arguments."""
        return v.words(self.text)

    @property
    def script(self) -> str:
        """The name of the script that it runs, or nothing."""
        return self.text if self.kind == "script" else ""

    @property
    def needs_network(self) -> bool:
        """Whether it connects to the workload."""
        return self.kind in ("tcp", "http")


def _tcp(rest: str) -> Check:
    return Check("tcp", port=_port(rest))


def _http(rest: str) -> Check:
    port, slash, path = rest.partition("/")
    number = _port(port)
    if not slash:
        raise v.Unreadable("The check http has no path.", f"Write http:{number}/ for the top of the server.")
    if len(path) >= MAX_URL_PATH or not _URL_PATH.issuperset(path):
        raise v.Unreadable(f"{v.quoted(slash + path)} is not the path of a URL.", "Write other characters as %XX.")
    return Check("http", port=number, text=slash + path)


def _exec(rest: str) -> Check:
    v.path(v.parameters(rest)[0])
    return Check("exec", text=rest.strip())


def _script(rest: str) -> Check:
    return Check("script", text=v.one_of(*SCRIPTS)(rest))


def _console(rest: str) -> Check:
    return Check("console", text=pattern(rest).text)


_FORMS: dict[str, tuple[Callable[[str], Check], str]] = {
    "unit": (lambda rest: Check("unit"), "unit"),
    "tcp": (_tcp, "tcp:PORT, such as tcp:80"),
    "http": (_http, "http:PORT/PATH, such as http:80/healthz"),
    "exec": (_exec, "exec:COMMAND, such as exec:/usr/bin/pg_isready -q"),
    "script": (_script, "script:NAME, such as script:health"),
    "console": (_console, "console:REGEX, such as console:ttyS0"),
}


def check(text: str) -> Check:
    """The check of a text that one of the readers has shown. Raises Unreadable for anything else."""
    return checks(*_FORMS)(text)


def _without_host(kind: str, rest: str) -> str:
    """The check that a URL, or HOST:PORT, is meant for: it always connects to the workload itself. Else nothing."""
    place, slash, path = rest.removeprefix("//").partition("/")
    port = place.rpartition(":")[2] if ":" in place else "80" if rest.startswith("//") else ""
    try:
        return str({"tcp": _tcp, "http": _http}[kind](f"{port}/{path}" if kind == "http" else port))
    except (KeyError, v.Unreadable):
        return ""


def checks(*ready: str, later: Collection[str] = ()) -> Callable[[str], Check]:
    """A reader of the checks of these kinds; one of a kind in `later` is read, but is not supported yet."""
    known = (*ready, *later)
    forms = f"Write {' or '.join(ready)}." if len(ready) == 1 else f"The checks are {', '.join(ready)}."

    def read(value: str) -> Check:
        kind, colon, rest = v.text(value).partition(":")
        if kind not in known:
            wrong = "is not for this kind of workload" if kind in _FORMS else "is not a check"
            raise v.Unreadable(f"{v.quoted(kind)} {wrong}.", did_you_mean(kind, ready) or forms)
        form, shape = _FORMS[kind]
        try:
            if bool(colon) is (kind == "unit"):
                raise v.Unreadable(f"{v.quoted(value)} is not {shape.partition(',')[0]}.")
            check = form(rest)
        except v.Unreadable as error:
            raise v.Unreadable(str(error), error.hint or f"Write {_without_host(kind, rest) or shape}.") from None
        if kind in later:
            raise v.NotYet(f"The check {v.quoted(value)} is not supported yet.", forms)
        return check

    return read
