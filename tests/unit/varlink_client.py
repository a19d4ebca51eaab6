"""A plain varlink client for the tests, and an engine that knows three tenants."""

import contextlib
import socket
from pathlib import Path

from bbhv.errors import BbhvError, NoSuchTenantError
from bbhv.formats.jsontext import Json
from bbhv.formats.varlink import Call, Framer, Reply, encode_call, parse_reply
from bbhv.ipc.methods import Asked, Service, found, load
from bbhv.ipc.peer import Caller
from bbhv.ipc.table import HYPERVISOR, ROWS, How
from bbhv.names import is_name

SCHEMAS = Path(__file__).parents[2] / "schemas"
PATIENCE = 10.0


def tenant(name: str, **changes: Json) -> dict[str, Json]:
    """A tenant in the form of the interface description."""
    return {
        "id": name,
        "state": "enabled",
        "activeState": "active",
        "outcome": "rolled-back",
        "outcomeCommit": "b" * 40,
        "outcomeUSec": 1_700_000_000_000_000,
        "message": "Generation 8 did not become healthy within 60 seconds.",
        "commit": "3f2a91c" + "0" * 33,
        "generation": 8,
        "good": 7,
        "confirmUSec": None,
        "retryUSec": None,
        "fetching": None,
        "hold": {"verb": "suspend", "who": "root", "whenUSec": 1_700_000_000_000_000, "until": "bbhv resume",
                 "untilUSec": None},
        "drift": [],
        "workloads": [{"name": "web", "kind": "container", "activeState": "active", "health": None}],
        "findings": [
            {
                "file": "containers/web.nspawn",
                "line": 3,
                "column": 1,
                "code": "BB202",
                "severity": "error",
                "message": "Unknown key Imgae=.",
                "hint": "Did you mean Image?",
            }
        ],
        **changes,
    }


class Engine:
    """Three tenants, and four that show what may go wrong behind the interface. It remembers what it was asked.

    The user 1000 is admitted to acme."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.users: tuple[int, ...] = (1000,)  # whom the registration of acme names
        self.changes: dict[str, Json] = {}  # what is otherwise of all tenants

    def service(self, version: str = "1") -> Service:
        """The service that it answers for."""
        texts = {path.name.removesuffix(".varlink"): path.read_text() for path in SCHEMAS.glob("*.varlink")}
        own = {f"{HYPERVISOR}.ListTenants": self.list_tenants, f"{HYPERVISOR}.Pushed": self.pushed,
               f"{HYPERVISOR}.History": self.history, f"{HYPERVISOR}.DescribeTenant": self.describe_tenant}  # fmt: skip
        answers = {name: found(row) for name, row in ROWS.items() if row.how is How.HERE}
        return load(texts, version, admitted=self.admitted, answers={**answers, **own})

    def admitted(self, caller: Caller) -> tuple[str, ...]:
        """What a registration says of the user."""
        return ("acme",) if caller.uid in self.users else ()

    def list_tenants(self, service: Service, asked: Asked) -> dict[str, Json]:
        """The tenants that exist, or the mishap that the name stands for."""
        name = asked.tenant
        assert not name or is_name(name), "no other text may get here"
        self.asked.append(name)
        match name:
            case "":
                everybody = ("acme", "beta", "team-a") if asked.tenants is None else asked.tenants
                return {"tenants": [tenant(one, **self.changes) for one in everybody]}
            case "acme" | "beta" | "team-a":
                return {"tenants": [tenant(name)]}
            case "unreadable":
                raise BbhvError("/var/lib/tenants cannot be read.", hint="Mount it.")
            case "defect":
                raise ZeroDivisionError("a defect")
            case "ill-typed":
                return {"tenants": [tenant("ill-typed", generation="8")]}
            case "large":
                return {"tenants": [tenant("large", outcome="x" * 70_000)]}
        raise NoSuchTenantError(f"There is no tenant {name}.", tenant=name)

    def history(self, service: Service, asked: Asked) -> dict[str, Json]:
        """One generation, and a commit that is not tried again."""
        self.asked.append(f"history {asked.tenant}")
        return {"generations": [{
            "generation": 7, "commit": "c" * 40, "author": "A", "subject": "Seventh", "createdUSec": 1, "verb": "sync",
            "current": True, "good": True, "held": False, "workloads": ["web"],
        }], "quarantined": [{"commit": "b" * 40, "reason": "sick", "whenUSec": 1, "author": None, "subject": None}]}

    def describe_tenant(self, service: Service, asked: Asked) -> dict[str, Json]:
        """A tenant, of whose registration nothing is said."""
        self.asked.append(f"describe {asked.tenant}")
        return {"tenant": tenant(asked.tenant), "repository": None, "branch": None, "trust": None, "grants": None}

    def pushed(self, service: Service, asked: Asked) -> dict[str, Json]:
        """Those that are meant."""
        self.asked.append(f"pushed {asked.tenant or asked.text('repository')}")
        return {"tenants": [asked.tenant or "acme"]}


class Client:
    """One connection; every wait is bounded by `PATIENCE`."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(address)
        self.socket.settimeout(PATIENCE)
        self._framer = Framer(1 << 24)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *calls: Call | bytes) -> None:
        """Send calls, or bytes as they are, in one go."""
        self.socket.sendall(b"".join(call if isinstance(call, bytes) else encode_call(call) for call in calls))

    def receive(self) -> Reply:
        """The next reply. Raises EOFError when the server hung up instead."""
        while (message := self._framer.take()) is None:
            try:
                data = self.socket.recv(1 << 16)
            except (ConnectionResetError, BrokenPipeError):
                data = b""
            if not data:
                raise EOFError
            self._framer.feed(data)
        return parse_reply(message)

    def call(self, method: str, **parameters: Json) -> Reply:
        """Call and wait for the reply. Raises EOFError when the server hung up instead."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send(Call(method, parameters))
        return self.receive()
