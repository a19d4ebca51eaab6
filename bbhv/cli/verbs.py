"""The table of verbs: what each takes, in one row; the command line, help, completion and manual are made of it.

A row names its function as ``module:function`` below bbhv.cli, so that a verb imports only what it uses.
"""

from typing import NamedTuple

# What a verb is for: these are also the headings of the help, in this order.
MAKE, LOOK, ENTER, CHANGE, UNITS = "Repositories", "Looking", "Going in", "Changing", "Called by units"
GROUPS = (MAKE, LOOK, ENTER, CHANGE, UNITS)


class Option(NamedTuple):
    """An option: its name, what its value is called (empty: it takes none), a sentence, and the values it may have.

    One that is `repeated` may be given more than once, and every value counts.
    """

    name: str
    value: str
    help: str
    choices: tuple[str, ...] = ()
    short: str = ""
    repeated: bool = False


class Action(NamedTuple):
    """What a verb can do that does several things: the word for it, what follows that, a sentence."""

    name: str
    arguments: str
    help: str


class Verb(NamedTuple):
    """A verb: its arguments as the usage line shows them, how many there may be, what for, who does it, its options.

    The kind of an argument is its name: DIR, PATH, TENANT, NAME.TENANT (a workload), CODE and PAGE. With the option
    `rootless` it needs no root. `sandboxed` verbs are called without any privilege, and take no options; of
    those that make things only some need `root`.
    """

    name: str
    arguments: str
    least: int
    most: int
    group: str
    function: str
    help: str
    options: tuple[Option, ...] = ()
    hidden: bool = False
    rootless: str = ""
    sandboxed: bool = False
    root: bool = False
    actions: tuple[Action, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether it has effects: everything that it may need is loaded before the first one."""
        return self.group in (CHANGE, UNITS) and not self.sandboxed

    @property
    def needs_root(self) -> bool:
        """Whether it reads or writes what is root's alone."""
        return (self.group != MAKE or self.root) and not self.sandboxed


MANY = 10_000
JSON = ("pretty", "short", "off")
FORMATS = ("text", "json", "sarif", "github")
KEYS = ("auto", "host", "tpm2", "host+tpm2")
PLANS = ("text", "json", "markdown")
HOST = "--host"
COMMON = (
    Option("--json", "MODE", "Print JSON: pretty, short or off", JSON),
    Option("--no-pager", "", "Do not use a pager (bbhv never does)"),
    Option("--no-legend", "", "Print no headings, totals and hints"),
    Option("--quiet", "", "Print only what went wrong", (), "-q"),
    Option(HOST, "HOST", "On another host, [USER@]HOST, over ssh", (), "-H"),
    Option("--help", "", "Show this help", (), "-h"),
    Option("--version", "", "Show the version"),
)
REWIND = Option("--allow-rewind", "", "Take a commit that goes back, or was rolled back")

WAIT = Option("--wait", "", "Wait for whoever is at work on it")

VERBS = (
    Verb("init", "DIR", 0, 1, MAKE, "making:init", "Make a repository that validates as it stands", (
        Option("--system", "", "A system repository instead of a tenant's"),
        Option("--tenant", "ID", "The tenant's id (default: the folder's name)"),
        Option("--template", "TEMPLATE", "The template to start from (default: minimal)"),
        Option("--set", "NAME=VALUE", "A parameter of the template (may be repeated)", (), "", True),
        Option("--list", "", "List the templates and their parameters"),
    )),
    Verb("validate", "PATH…", 1, MANY, MAKE, "validating:validate", "Check repositories and images, offline", (
        Option("--registration", "FILE", "Check against the grant in this file too"),
        Option("--tenants", "DIR", "Check a system repository with its tenants'"),
        Option("--format", "FORMAT", "Print findings as text, json, sarif or github", FORMATS),
        Option("--systemd", "VERSION", "Check against this version of systemd too"),
    )),
    Verb("credential", "encrypt TENANT NAME [FILE]", 1, 4, MAKE, "encrypting:credential", "Encrypt what is secret", (
        Option("--output", "FILE", "Write it there; in a folder, to its place"),
        Option("--this-host", "", "For this host, even where there is one for all"),
        Option("--not-after", "TIME", "When it ends to be valid, as 2030-01-01"),
        Option("--with-key", "KEY", "Encrypt with this key (default: auto)", KEYS),
    ), root=True),
    Verb("explain", "[CODE…]", 0, MANY, MAKE, "explaining:explain", "Say what the codes of findings mean"),
    Verb("help", "[VERB|PAGE]", 0, 1, MAKE, "explaining:help_about", "Show help about a verb, or a manual page"),
    Verb("hook", "pre-receive|post-receive [TENANT]", 1, 2, MAKE, "receiving:hook", "Check or run what is pushed", (
        Option("--registration", "FILE", "Check the grant and branch in this file"),
        Option("--branch", "NAME", "Only this branch (may be repeated, may be a*)", (), "", True),
    )),
    Verb("list", "", 0, 0, LOOK, "looking:list_tenants", "List the tenants"),
    Verb("status", "[TENANT…]", 0, MANY, LOOK, "looking:status", "Show what runs and how the last sync ended"),
    Verb("plan", "[TENANT…]", 0, MANY, LOOK, "planning:plan", "Show what a sync would do, and do nothing", (
        Option("--commit", "REV", "A commit of the clone instead of the newest"),
        Option("--fetch", "", "Ask the server for the newest commit first"),
        WAIT,
        Option("--format", "FORMAT", "Print the plan as text, json or markdown", PLANS),
        Option("--repository", "DIR", "Plan this repository, away from the host"),
        Option("--host-facts", "FILE", "What bbhv facts told on the host"),
    ), rootless="--repository"),
    Verb("facts", "TENANT", 1, 1, LOOK, "planning:tell_facts", "Print what a plan must know, for elsewhere"),
    Verb("history", "TENANT", 1, 1, LOOK, "looking:history", "Show the generations that are kept"),
    Verb("monitor", "[TENANT…]", 0, MANY, LOOK, "monitoring:monitor", "Watch what happens to the tenants", (
        Option("--steps", "", "Show each step of a run too"),
        Option("--lines", "N", "So many past events first, or all (default: 10)", (), "-n"),
        Option("--since", "TIME", "What is newer, such as -1h or yesterday", (), "-S"),
    )),
    Verb("usage", "[TENANT…]", 0, MANY, LOOK, "measuring:usage", "Show what tenants use of what they are granted"),
    Verb("metrics", "", 0, 0, LOOK, "measuring:metrics", "Print numbers for those who collect them"),
    Verb("doctor", "", 0, 0, LOOK, "looking:doctor", "Check this host and say what to do"),
    Verb("logs", "NAME.TENANT|TENANT", 1, 1, ENTER, "entering:logs", "Show what a workload or a tenant has logged", (
        Option("--follow", "", "Go on with what comes, until interrupted", (), "-f"),
        Option("--lines", "N", "So many of the newest, or all (default: 100)", (), "-n"),
        Option("--since", "TIME", "What is newer, such as -1h or yesterday", (), "-S"),
    )),
    Verb("console", "NAME.TENANT", 1, 1, ENTER, "entering:console", "Watch the console of a workload", (
        Option("--lines", "N", "So many lines first, or all (default: 100)", (), "-n"),
    )),
    Verb("shell", "NAME.TENANT [COMMAND…]", 1, MANY, ENTER, "entering:shell", "Run a shell in a container", (
        Option("--uid", "USER", "As this user of the container (default: root)"),
    )),
    Verb("sync", "[TENANT…]", 0, MANY, CHANGE, "changing:sync", "Fetch, verify, check, apply and watch commits", (
        Option("--bundle", "FILE", "Take this git bundle instead of the network"),
        Option("--system", "", "The system repository alone, then what it says"),
        Option("--backoff", "", "Leave out whose fetch failed a short while ago"),
        REWIND, WAIT,
    )),
    Verb("apply", "TENANT…", 1, MANY, CHANGE, "changing:apply", "Apply the clone's HEAD, without a network", (
        REWIND, WAIT,
    )),
    Verb("rollback", "TENANT", 1, 1, CHANGE, "changing:rollback", "Run an older generation until a newer commit", (
        Option("--to", "N", "The generation (default: the good one before)"),
        WAIT,
    )),
    Verb("confirm", "TENANT", 1, 1, CHANGE, "changing:confirm", "Keep a generation that waits to be confirmed", (
        WAIT,
    )),
    Verb("suspend", "TENANT…", 1, MANY, CHANGE, "changing:suspend", "Stop a tenant until it is resumed", (WAIT,)),
    Verb("resume", "TENANT…", 1, MANY, CHANGE, "changing:resume", "Bring a suspended tenant up again", (WAIT,)),
    Verb("purge", "TENANT", 1, 1, CHANGE, "changing:purge", "Remove the data of a tenant that is gone", (
        Option("--volume", "NAME", "Only this volume, which nobody declares any more"),
        Option("--yes", "", "Do not ask"),
        WAIT,
    )),
    Verb("volume", "list|snapshot|restore|discard|export TENANT [NAME…]", 2, 4, CHANGE, "storing:volume",
         "Show, copy and export a tenant's volumes", (WAIT,), actions=(
        Action("list", "TENANT", "Show the volumes that are here"),
        Action("snapshot", "TENANT VOLUME SNAPSHOT", "Keep a copy of one"),
        Action("restore", "TENANT VOLUME SNAPSHOT", "Make it what the copy is"),
        Action("discard", "TENANT VOLUME SNAPSHOT", "Remove the copy"),
        Action("export", "TENANT VOLUME", "Write it to standard output"),
    )),
    Verb("boot", "", 0, 0, UNITS, "changing:boot", "Bring up what was good (tenant-manager.service)"),
    Verb("serve", "", 0, 0, UNITS, "serving:serve", "Answer varlink calls (bitbuilder-varlink.service)", (
        Option("--tenant", "ID", "Those of this tenant's own containers alone"),
    )),
    Verb("bridge", "", 0, 0, UNITS, "serving:bridge", "Speak varlink on standard input and output", sandboxed=True),
    Verb("answer", "look|act", 1, 1, UNITS, "serving:answer", "Answer one call of the API", hidden=True),
    Verb("reload", "", 0, 0, UNITS, "changing:reload", "Apply the system repository as pulled", hidden=True),
    Verb("tenant", "VERB TENANT", 2, 2, UNITS, "changing:tenant", "Called by the units of a tenant", hidden=True),
    Verb("network", "up|down TENANT", 2, 2, UNITS, "networking:network", "Called by tenant-network@", hidden=True),
    Verb("requests", "", 0, 0, UNITS, "serving:requests", "Do what callers of the API asked for", hidden=True),
    Verb("worker", "KIND …", 1, 9, UNITS, "serving:worker", "Called in sandboxes", hidden=True, sandboxed=True),
)  # fmt: skip


def shown() -> tuple[Verb, ...]:
    """The verbs that people are told about, in the order of their groups."""
    return tuple(verb for group in GROUPS for verb in VERBS if verb.group == group and not verb.hidden)
