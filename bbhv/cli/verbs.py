"""The table of verbs: what each takes, in one row; the command line, its help and its completion are made of it.

A row names its function as ``module:function`` below bbhv.cli, so that a verb imports only what it uses.
"""

from typing import NamedTuple


class Option(NamedTuple):
    """An option: its name, what its value is called (empty: it takes none), and a sentence."""

    name: str
    value: str
    help: str


class Verb(NamedTuple):
    """A verb: its arguments as the usage line shows them, how many there may be, its options, and who does it.

    `changes` verbs have effects: everything that they may need is loaded before the first one.
    """

    name: str
    arguments: str
    least: int
    most: int
    function: str
    help: str
    options: tuple[Option, ...] = ()
    changes: bool = False
    hidden: bool = False


MANY = 10_000
COMMON = (
    Option("--json", "MODE", "Print JSON: pretty, short or off"),
    Option("--no-pager", "", "Do not use a pager (bbhv never does)"),
    Option("--no-legend", "", "Print no headings and no hints"),
    Option("--quiet", "", "Print only what went wrong (-q)"),
    Option("--help", "", "Show this help (-h)"),
    Option("--version", "", "Show the version"),
)

VERBS = (
    Verb("init", "DIR", 1, 1, "making:init", "Make a repository that validates as it stands", (
        Option("--system", "", "A system repository instead of a tenant's"),
        Option("--tenant", "ID", "The tenant's id (default: the folder's name)"),
        Option("--template", "NAME", "The template to start from (default: minimal)"),
    )),
    Verb("validate", "PATH…", 1, MANY, "checking:validate", "Check repositories or files, offline and without root", (
        Option("--registration", "FILE", "Check against the grant in this registration too"),
        Option("--format", "FORMAT", "How findings are printed: text or json"),
    )),
    Verb("sync", "[TENANT…]", 0, MANY, "changing:sync", "Fetch, verify, check, apply and watch what was committed", (), True),
    Verb("apply", "TENANT…", 1, MANY, "changing:apply", "Apply what the clone's HEAD says, without a network", (), True),
    Verb("rollback", "TENANT", 1, 1, "changing:rollback", "Go back to an older generation until a newer commit", (
        Option("--to", "N", "The generation (default: the one before)"),
    ), True),
    Verb("history", "TENANT", 1, 1, "looking:history", "Show the generations that are kept"),
    Verb("list", "", 0, 0, "looking:list_tenants", "List the tenants"),
    Verb("status", "[TENANT…]", 0, MANY, "looking:status", "Show what runs and how the last sync ended"),
    Verb("doctor", "", 0, 0, "looking:doctor", "Check this host and say what to do"),
    Verb("serve", "", 0, 0, "serving:serve", "Answer varlink calls (for bitbuilder-varlink.service)", (), True),
    Verb("boot", "", 0, 0, "changing:boot", "Bring up what was good (for tenant-manager.service)", (), True),
    Verb("reload", "", 0, 0, "changing:reload", "Apply the system repository as it was pulled by hand", (), True, True),
    Verb("tenant", "start|reload|stop TENANT", 2, 2, "changing:tenant", "What tenant@.service calls", (), True, True),
    Verb("worker", "KIND …", 1, 9, "serving:worker", "What the sandboxed units call", (), False, True),
)  # fmt: skip
