"""The manual pages, made of the tables that the program itself runs by, and of the prose that no table has.

bbhv(1) is made of the verbs and the host's settings, bbhv.tenant(5) of the kinds and their settings. Both are pure:
the same tables give the same bytes.
"""

from ..formats import roff
from ..hostconf import SETTINGS, HostSettings
from ..kinds.settings import Setting, Verdict
from ..kinds.table import KINDS, Kind
from ..version import VERSION
from .verbs import COMMON, GROUPS, Option, Verb, shown

ABOUT = """Each tenant of a host has a git repository of systemd-native declarations; what it commits is what runs.
systemd does the running. `bbhv` decides what should run, proves that it is allowed, hands it to systemd, watches
whether it becomes healthy, and goes back by itself when it does not.

A system repository, written by the operator, says which tenants a host has and what each is granted; nothing is
granted by default. A `timer` follows all repositories; every verb may also be called by hand.

A generation is what one verified commit was compiled to. The last one that was healthy is good: a host boots and
starts the good generation of every tenant with no network and no git server."""

PROSE = {
    "init": """Writes a template into <DIR>, which must be absent or empty; a `.git` in it stays. The tenant's id is
    the folder's name without `tenant-`, or what `--tenant=` says. A folder `templates/NAME` in `/etc/bitbuilder`,
    `/run/bitbuilder` or `/usr/lib/bitbuilder` goes before the template of that name that is built in; `@TENANT@` in
    its files becomes the id.""",
    "validate": """Checks tenant and system repositories (their folders), and single files `metadata.json` and
    registrations, and prints all findings as `file:line:column: error[code]: what. hint: what to do`. Needs no host,
    no network and no root. Without `--registration=`, what a grant allows is not checked, and the output says so.""",
    "list": "Prints one line for each tenant: what systemd says of it, how its last sync ended, and what it runs.",
    "status": """Tells of each tenant what it runs, how its last sync ended with all findings, who holds it, and the
    state of its workloads.""",
    "history": """Lists the generations that are kept, the newest first, and says which of them is `current` and which
    is `good`.""",
    "doctor": """Looks at what the host must have, at its settings and registrations, and at what is kept of each
    tenant. Every check that found something says what to do; the exit status is then 1.""",
    "sync": """Fetches the system repository and the repositories of the tenants (all, or those that are named), and
    takes each new commit all the way: verify, check, compile, activate, watch. What did not change is not touched. A
    generation that does not become healthy is rolled back and its commit quarantined. Problems of one tenant never
    stop another. A tenant that was stopped with `systemctl stop` stays so; its commits are only checked.""",
    "apply": """Does what sync does with the commit that the tenant's clone is at, without a network: for use after a
    `git pull` by hand. `systemctl restart` of the tenant does it too, and restarts everything once.""",
    "rollback": """Activates an older generation, and holds the tenant there: the commit that was left is not applied
    again, a newer one ends the hold.""",
    "boot": "Called by `tenant-manager.service`: brings the good generations into /run and starts the tenants.",
    "serve": """Called by `bitbuilder-varlink.service` when its socket is connected to; leaves when nobody calls. See
    `varlinkctl introspect /run/bitbuilder/io.bitbuilder.Hypervisor`.""",
}

STATUSES = (
    ("0", "It is done; or there was nothing to do, or a hold or a suspension says that nothing is to be done."),
    ("1", "It failed, was rolled back, or is quarantined."), ("2", "The command line is wrong."),
    ("3", "The input has errors."), ("4", "Refused, by trust, a grant or a permission."),
    ("5", "There is no such thing."), ("75", "Somebody else is at work on it."), ("130", "Interrupted."),
)  # fmt: skip

OUTCOMES = (
    ("applied", "The commit runs, was watched, and is good."), ("unchanged", "There was nothing new."),
    ("rolled-back", "It did not become healthy; the generation before runs again, and the commit is quarantined."),
    ("quarantined", "The commit was rolled back before and is not tried again; a newer one is."),
    ("refused", "Findings, trust, a grant, or a history that was rewound. What runs is not touched."),
    ("failed", "A repository or an image could not be had, the disk is full, or time ran out. It is tried again."),
    ("held", "The tenant is stopped, or was rolled back by hand: the commit is checked and not applied."),
    ("suspended", "Suspended; the data is kept."),
)  # fmt: skip

HOST_SETTINGS = {
    ("System", "Repository"): "The URL of the system repository: https, ssh, or file.",
    ("System", "Branch"): "The branch of it that this host follows.",
    ("System", "Trust"): """Whom to believe: `signed` (the newest commit is signed by a known signer), `strict` (every
    commit is), `unsigned` (anybody who can write to it). In this version only `unsigned` is built; the others refuse
    every commit.""",
    ("System", "AllowFile"): "Whether repositories and images may be `file://` URLs.",
    ("Sync", "IntervalSec"): "The time from the end of a sync to the next one.",
    ("Sync", "Parallel"): "How many tenants are prepared at the same time.",
    ("Host", "Name"): "The name by which registrations know this host in `hosts`; default: its host name.",
    ("Host", "OperatorsGroup"): "The group that may ask the varlink interface everything.",
}
SHOWN_DEFAULTS = {"repository": "", "interval_sec": "5min", "name": ""}

CREDENTIALS = (
    ("bitbuilder.repository", "The same as `Repository=`."), ("bitbuilder.branch", "The same as `Branch=`."),
    ("bitbuilder.trust", "The same as `Trust=`; it may set or tighten what the files say, never loosen it."),
    ("bitbuilder.signers", "Who may sign the system repository."),
)  # fmt: skip

BY_HAND = """
git -C /var/lib/bitbuilder/system pull
systemctl reload tenant-manager

git -C /var/lib/tenants/acme/config.git pull
systemctl restart tenant@acme

systemctl enable --now tenant@acme
systemctl stop tenants.target
"""

ENVIRONMENT = (
    ("NO_COLOR", "Set to anything: no colours. There are none anyway where the output is no terminal."),
    ("TERM", "`dumb`: no colours."),
    ("SUDO_USER", "Who is noted as the one that rolled a tenant back."),
)  # fmt: skip

FILES = (
    ("/etc/bitbuilder/bitbuilder.conf", "The host's settings, see above."),
    ("/etc/bitbuilder/tenants/", """Registrations `ID.json` of this host alone; they go before those of the system
    repository, and these before `/usr/lib/bitbuilder/tenants/`."""),
    ("/etc/bitbuilder/templates/", "The operator's own templates for `bbhv init`."),
    ("/var/lib/bitbuilder/offered/", """Images that tenants may be granted by name: a tree `NAME`, or `NAME.raw`,
    `NAME.tar`, `NAME.tar.gz` and so on. `/etc`, `/run` and `/usr/lib` have such a folder too."""),
    ("/var/lib/bitbuilder/system/", "The clone of the system repository."),
    ("/var/lib/bitbuilder/images/", "The images that were fetched, by their SHA-256."),
    ("/var/lib/tenants/ID/config.git/", "The clone of a tenant's repository. Its work tree is empty on purpose."),
    ("/var/lib/tenants/ID/generations/", "The generations that are kept; `current` and `good` point to one each."),
    ("/var/lib/tenants/ID/volumes/", "The tenant's data. It outlives containers, rollbacks and the removal of bbhv."),
    ("/run/bitbuilder/", "What systemd runs now, the locks, and the socket of the varlink interface."),
    ("/usr/lib/bitbuilder/schemas/", "JSON Schemas of the JSON files, and the varlink interfaces."),
)  # fmt: skip

UNIT_FILES = (
    ("tenant-manager.service", "Starts the tenants at boot; reload applies the system repository's clone."),
    ("tenants.target", "All tenants; stopping it stops them all, and boot does not wait for it."),
    ("tenant@ID.service", "A tenant: start, stop, restart and reload do what they say with all that it runs."),
    ("tenant-infra@ID.service", "What the workloads of a tenant share."),
    ("tenant-container@NAME.ID.service", "One container; its name in `machinectl` is `NAME.ID`."),
    ("tenants-ID.slice", "Where all of a tenant runs, with its limits."),
    ("tenant-sync.timer", "Calls `bbhv sync`."),
    ("bitbuilder-varlink.socket", "The varlink interface `io.bitbuilder.Hypervisor`."),
)  # fmt: skip

EXAMPLE = """
bbhv init acme
bbhv validate acme
git -C acme init -b main
git -C acme add -A
git -C acme commit -m 'First commit'
"""

SEE_ALSO = """`bbhv.tenant`(5), `systemd.nspawn`(5), `machinectl`(1), `systemd-sysext`(8), `varlinkctl`(1),
`systemd.resource-control`(5), `systemd.system-credentials`(7)"""


def bbhv_1() -> str:
    """The page bbhv(1)."""
    return roff.page("bbhv", 1, f"bbhv {VERSION}", "".join((
        roff.heading("NAME"), roff.inline("bbhv - run what tenants commit to git, with systemd") + "\n",
        roff.heading("SYNOPSIS"), roff.paragraph("`bbhv` [<OPTION>…] <VERB> [<ARGUMENT>…]"),
        roff.heading("DESCRIPTION"), *map(roff.paragraph, ABOUT.split("\n\n")),
        roff.heading("VERBS"), *map(_group, GROUPS),
        roff.heading("OPTIONS"), *map(_option, COMMON),
        roff.item("`-j`", "The same as `--json=pretty` on a terminal, else as `--json=short`."),
        roff.heading("EXIT STATUS"), *_items(STATUSES),
        roff.paragraph("Of several tenants, 1 goes before 4, and 4 before 3."),
        roff.heading("OUTCOMES"), roff.paragraph("How a sync of a tenant ended is one word:"), *_items(OUTCOMES),
        roff.heading("CONFIGURATION"), *_configuration(),
        roff.heading("BY HAND"), roff.paragraph("The clones are ordinary ones, and the units are ordinary units:"),
        roff.example(BY_HAND),
        roff.heading("ENVIRONMENT"), *_items(ENVIRONMENT),
        roff.heading("FILES"), *_items(FILES),
        roff.heading("UNITS"), *_items(UNIT_FILES),
        roff.heading("EXAMPLES"), roff.paragraph("A repository for the tenant acme, ready to be pushed:"),
        roff.example(EXAMPLE),
        roff.heading("SEE ALSO"), roff.paragraph(SEE_ALSO),
    )))  # fmt: skip


def _items(rows: tuple[tuple[str, str], ...]) -> list[str]:
    return [roff.item(f"`{tag}`", text) for tag, text in rows]


def _group(group: str) -> str:
    return roff.subheading(group) + "".join(_verb(verb) for verb in shown() if verb.group == group)


def _verb(verb: Verb) -> str:
    words = "".join(f" [<{word[1:-1]}>]" if word.startswith("[") else f" <{word}>" for word in verb.arguments.split())
    options = roff.nested("".join(map(_option, verb.options))) if verb.options else ""
    return roff.item(f"`bbhv {verb.name}`{words}", PROSE[verb.name]) + options


def _option(option: Option) -> str:
    short = f"`{option.short}`, " if option.short else ""
    return roff.item(f"{short}`{option.name}`" + (f"`=`<{option.value}>" if option.value else ""), f"{option.help}.")


def _configuration() -> list[str]:
    where = """Settings are read from `bitbuilder.conf` and from `bitbuilder.conf.d/*.conf`, in `/etc/bitbuilder`,
    `/run/bitbuilder` and `/usr/lib/bitbuilder`: of `bitbuilder.conf` the first that is there counts, drop-ins are all
    read after it, in the order of their names. All settings are optional. A line that cannot be read is skipped, and
    `bbhv doctor` names it."""
    parts = [roff.paragraph(where)]
    for section in dict.fromkeys(section for section, _ in SETTINGS):
        parts.append(roff.subheading(f"[{section}]"))
        parts += [_host_setting(place, field) for place, (field, _) in SETTINGS.items() if place[0] == section]
    with_empty_etc = "A host whose /etc is empty takes the same from system credentials:"
    return [*parts, roff.subheading("System credentials"), roff.paragraph(with_empty_etc), *_items(CREDENTIALS)]


def _host_setting(place: tuple[str, str], field: str) -> str:
    value = SHOWN_DEFAULTS.get(field, getattr(HostSettings(), field))
    default = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    said = f" Default: `{default}`." if default else ""
    return roff.item(f"`{place[1]}=`", HOST_SETTINGS[place] + said)


# bbhv.tenant(5)

TREE = """
metadata.json                who the tenant is; required
infrastructure/tenant.slice  limits for everything together
infrastructure/NAME.image    an image by its digest
infrastructure/NAME.volume   a folder that outlives the container
containers/NAME.nspawn       a container
"""

TENANT_ABOUT = """A tenant's repository declares what it runs, in systemd's own file syntax. A `.nspawn` file stays a
valid `systemd.nspawn`(5) file: what is ours is in the section `[X-Bitbuilder]`, which systemd ignores. A name is
lower-case letters, digits and single dashes, starts with a letter, and has at most 24 characters. Dot files, README
files and everything in `docs/` are left alone; any other file that has no place is a finding. Settings that are not
listed here are errors, with the reason why a tenant may not set them."""

TENANT_EXAMPLE = """
# containers/web.nspawn
[Exec]
Boot=yes

[X-Bitbuilder]
Image=debian-13
Volume=data:/srv/data
MemoryMax=512M
"""

COSTS = {
    "none": "Nothing happens.", "live": "It changes while the workload runs.", "reload": "The workload is reloaded.",
    "restart": "The workload restarts.", "recreate": "The workload is stopped and made anew.",
}  # fmt: skip
METADATA = """`metadata.json` has `apiVersion` (`bitbuilder.io/v1`), `tenant` (the id of the registration), and, if
wanted, `displayName`, `owner`, `labels` and `lifecycle`. `lifecycle.healthTimeoutSec` is how long a new generation may
take to become healthy before the host goes back, `lifecycle.keepGenerations` how many are kept. The schema is
`/usr/lib/bitbuilder/schemas/metadata.schema.json`."""


def bbhv_tenant_5() -> str:
    """The page bbhv.tenant(5)."""
    kinds = [kind for kind in KINDS if kind.settings is not None]
    return roff.page("bbhv.tenant", 5, f"bbhv {VERSION}", "".join((
        roff.heading("NAME"), roff.inline("bbhv.tenant - what a tenant's repository may declare") + "\n",
        roff.heading("SYNOPSIS"), roff.example(TREE),
        roff.heading("DESCRIPTION"), roff.paragraph(TENANT_ABOUT),
        roff.paragraph("What a change of a setting costs a workload that runs is said in parentheses:"),
        *_items(tuple(COSTS.items())),
        roff.heading("METADATA.JSON"), roff.paragraph(METADATA), *map(_kind, kinds),
        roff.heading("EXAMPLES"), roff.example(TENANT_EXAMPLE),
        roff.heading("SEE ALSO"), roff.paragraph("`bbhv`(1), `systemd.nspawn`(5), `systemd.resource-control`(5)"),
    )))  # fmt: skip


def _kind(kind: Kind) -> str:
    assert kind.settings is not None
    parts = [roff.heading(kind.pattern)]
    for section in kind.settings.sections:
        rows = [row for row in kind.settings if row.section == section and row.verdict is Verdict.ALLOWED]
        parts += [roff.subheading(f"[{section}]"), *map(_setting, rows)] if rows else []
    return "".join(parts)


def _setting(row: Setting[object]) -> str:
    notes = [row.cost.value, *(["required"] if row.required else []), *(["may be repeated"] if row.repeat else [])]
    default = f" Default: `{row.show(row.default)}`." if row.default is not None else ""
    since = f" Needs systemd {row.since} on the host." if row.since else ""
    return roff.item(f"`{row.key}=` ({', '.join(notes)})", row.doc + default + since)
