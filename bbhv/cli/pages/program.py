"""bbhv(1): the verbs with their options, what statuses and outcomes mean, and where everything is."""

from collections.abc import Sequence

from ...formats.pages.page import Block, Example, Heading, Item, Page, Paragraph, Subheading, items
from ...ipc.table import HYPERVISOR, ROWS, Who
from ..options import OFFLINE
from ..through import TABLE
from ..verbs import COMMON, GROUPS, MAKE, UNITS, Option, Verb, shown
from . import telling

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
    `/run/bitbuilder` or `/usr/lib/bitbuilder` goes before the template of that name that is built in. The parameters
    of a template are asked for on a terminal, or given by `--set=`; `--list` shows the templates with theirs. A
    template declares them in a file `template.conf` of sections `[Parameter NAME]` with `Description=`, `Type=`,
    `Default=` and `Optional=`; `@NAME@` in its other files stands for the value, and `@TENANT@` for the id.""",
    "validate": """Checks tenant and system repositories (their folders), and prints all findings as
    `file:line:column: error[code]: what. hint: what to do`. Needs no host, no network and no root. Single files are
    checked too: `metadata.json`, `system.json`, registrations, disk images (<NAME>`.raw`), unified kernel images and
    their addons (<NAME>`.efi`), boot loader entries (`loader/entries/`<NAME>`.conf`, or the folder that has
    `loader/entries`), `extension-release` files, and the tree of an extension.

    What could not be checked is said at the end: without `--registration=`, what a grant allows. With `--tenants=`,
    the repositories of all tenants of a system repository are checked too, each against its grant and all of them
    against each other. It is the folder in which they lie as <ID> or `tenant-`<ID>, or with `.git` after it.

    Without `--systemd=`, a key that systemd 257, the oldest that is supported, does not know is a warning; with it, a
    key that this version does not know is an error.

    Of `--format=`, `text` is for people, `json` for programs, `sarif` (SARIF 2.1.0) for code scanners and editors,
    and `github` for GitHub Actions, which shows each finding beside its line. At most 200 findings are shown as `text`
    and `github`, and at most 5000 as `json` and `sarif`, with the whole number beside them; the exit status counts
    all. `--json=` says how JSON and SARIF are laid out.""",
    "hook": """Called by git, as a hook of a bare repository: a file such as `hooks/pre-receive` with the two lines
    `#!/bin/sh` and `exec bbhv hook pre-receive`.

    `pre-receive` rejects a push in which a branch has errors, and shows the findings to whoever pushes. With
    `--registration=` the grant is checked too, and only the branch that the registration follows; `--branch=` says
    which branches are checked instead.

    `post-receive` is for a repository on the host itself, and asks for a sync of the <TENANT>, or of those whose
    registration names this repository as a `file://` URL, when a branch was pushed (with `--branch=`, one of these). It
    does not wait, never fails a push, and tells the pusher in a line what happens. Whoever pushes is root, or is named
    by `access` in the registration.""",
    "credential": """`encrypt` makes of a secret a file that the <TENANT> may commit as the credential <NAME>: only this
    host can decrypt it, only for this tenant, and only under this name. The tenant is registered
    here. The secret is read from <FILE>, from standard input, or, on a terminal, typed twice without an echo. It is
    never an argument, a file or a line of a log on its way. All bytes count, also a newline at the end.

    The encrypted text is printed, or written to `--output=`. In the folder of a tenant repository it goes to
    `infrastructure/credentials/`<NAME>`.cred`, with `--this-host` to `credentials/`<HOST>`/`<NAME>`.cred`, where
    <HOST> is this host; in another folder it is <NAME>`.cred`. `--not-after=` is a time as in `systemd.time`(7), after
    which no workload starts with it. `--with-key=` is what `systemd-creds`(1) calls so: `auto` takes the TPM and the
    host's own key, as far as they are there. See `bbhv.credential`(5).""",
    "explain": """Says what the codes of findings mean, each with an example of wrong and of right, and what to do;
    without a code, lists them all. `bbhv-findings`(7) has the same text.""",
    "help": """Shows what a verb does, or one of the manual pages as plain text, for a terminal without `man`(1).""",
    "list": "Prints one line for each tenant: what systemd says of it, how its last sync ended, and what it runs.",
    "status": """Tells of each tenant what it runs, what of it has drifted, how its last sync ended with all findings,
    who holds it, which image is on its way to it and how much of it is here, and the state of its workloads.""",
    "plan": """Shows what a sync would do to the tenants (all, or those that are named), and does nothing: for each
    object the action, with the key that is the reason and what its change costs; DATA LOSS where data would be lost;
    what is kept though nobody declares it any more; and a line that sums up. The plan comes from the functions that
    decide for a sync. Where a sync would refuse the commit, that and why comes first, and the exit status is the one
    of the sync.

    The newest commit that was fetched is planned. `--fetch` asks the server for a newer one; that alone is written,
    to the clone. `--commit=` names a commit of the clone by its object id, which may be abbreviated, or HEAD.

    `--repository=` plans a folder, a work tree or a bare repository, on any machine, with what `bbhv facts` has told
    in the file of `--host-facts=`; the exit status is 3 when there are findings. `--format=markdown` is for a comment
    in a forge.""",
    "facts": """Prints what a plan away from the host must know: the host's programs and offered images, the tenant's
    registration without how to fetch and who has access, and its current generation. Nothing in it is secret that is
    not in the tenant's repository.""",
    "history": """Lists the generations that are kept, the newest first, with the commit, the verb that each came with,
    its workloads, and which of them is `current`, which is `good`, and which a rollback left (`held`). Below are the
    commits that are not tried again, with the reason. At most `keepGenerations` are kept, besides those that are
    current, good, on trial or held.""",
    "monitor": """Shows what happens to the tenants (all, or those that are named), and goes on until it is interrupted:
    when, to whom, how a run ended or what was done, the generation, the commit, and why. With `--steps`, each step of a
    run is a line as well. The last 10 events come first, or as many as `--lines=` says, or, with `--since=`, a time as
    in `systemd.time`(7), all that are newer. `--json=short` prints one JSON object on each line. See EVENTS.""",
    "usage": """Shows what the tenants (all, or those that are named) and their workloads use, as the kernel counts it
    in their control groups: memory now and at most, processor time and disks since the start, tasks; and what the
    volumes of a tenant, and the roots and disks that are kept, take on the disk. Behind a slash is what is granted, or
    for a workload what it is limited to. A dash is what nobody counts on this host.""",
    "metrics": """Prints numbers about the host and its tenants as OpenMetrics text, for a program that collects them.
    See METRICS.""",
    "doctor": """Looks at what the host must have, at its settings and registrations, at what is kept of each tenant,
    what of it has drifted, and who needs which image. Every check that found something says what to do; the exit status
    is then 1.""",
    "logs": """Shows what a workload has logged, or all that runs for a <TENANT>, and what systemd says of it: the
    journal of their units, as `journalctl`(1) shows it. What would move a cursor or change colours is not printed.
    `--json=` prints an object for each entry, with its message, unit, priority and time. `--since=` is a time as in
    `systemd.time`(7), and shows all that is newer, unless `--lines=` is given too. What `--follow` shows are the
    workloads that there were when it began.""",
    "console": """Shows what a workload writes to its console, since it was started, and goes on until it is
    interrupted, also when it is started again. It is text alone: what would move a cursor or change colours is left
    out. Nothing can be typed: `bbhv shell` goes into a container; a machine has the ways in that its guest offers.""",
    "shell": """Goes into a running container: runs <COMMAND> in it, or a login shell, and returns its exit status;
    with statuses of 125 and more, a line says what they may mean. Write `--` before a <COMMAND> with options of its
    own. Nothing has to run in the container for it, not even an init. The program is `root` of the container, or the
    user of `--uid=`, and may do what the container may: it has its namespaces, and the limits of the tenant. On a
    terminal it gets a terminal of its own; elsewhere its input and output go through pipes.""",
    "sync": """Fetches the system repository and the repositories of the tenants (all, or those that are named), and
    takes each new commit all the way: verify, check, compile, activate, watch. What did not change is not touched. A
    generation that does not become healthy is rolled back and its commit quarantined. Problems of one tenant never
    stop another. A tenant that was stopped with `systemctl stop` stays so; its commits are only checked. One whose
    start failed is started again, and has its newest commit from the sync after that. What was good and has drifted
    since, because a container was stopped for example, is set right, as the registration says (see `bbhv.system`(5)).
    A sync of all tenants ends with removing the images that nobody needs any more.

    Several https repositories that need no credential are first asked together, over at most four connections to each
    server, where their branches are. Who has nothing new is not fetched from; once a day everybody is fetched from,
    whatever was answered.

    With `--allow-rewind`, the commit may be older than what was accepted before, or have been rolled back: an
    operator's word, for the tenants that are named, in this one run.""",
    "apply": """Does what sync does with the commit that the tenant's clone is at, without a network: for use after a
    `git pull` by hand. `systemctl restart` of the tenant does it too, and restarts everything once.""",
    "rollback": """Activates another generation that is kept, and holds the tenant there: the commit that was left is
    not applied again, a newer one ends the hold; so does a rollback to the newest generation. A generation that waits
    to be confirmed goes back to the good one. When the generation does not become healthy, or its image is gone, what
    ran before runs again, and nothing is held.""",
    "confirm": """Keeps a generation that waits to be confirmed. A tenant with `confirmWithinSec` in `metadata.json`
    has so much time, once a new generation is healthy, to say that it is also right; the sync ends with `held`, and
    newer commits wait. Without that word, also when the host restarts meanwhile, the generation before comes back and
    the commit is quarantined. `bbhv rollback` goes back at once.""",
    "suspend": """Stops the tenants and keeps them stopped, through syncs and reboots; their data is kept. `systemctl
    start` passes a suspended tenant over, and says which condition was not met. A rollback hold counts again
    afterwards. The registration goes before this: it may say `suspended` for good.""",
    "resume": """Ends the suspension of the tenants, fetches what is newest, and starts them.""",
    "purge": """Removes all data of a tenant that no registration has any more, or that one says is `absent`: volumes,
    generations, the clone, and the UID ranges of its workloads; with `--volume=`, one volume that neither the current
    nor the good generation declares. This is the only way in which data of a tenant is removed. It asks for the name
    on a terminal, and needs `--yes` elsewhere; it refuses while something of the tenant runs, or is mounted in what is
    to go. After an interruption, call it again.""",
    "volume": """`list` shows the volumes of the <TENANT> on this host, declared or not. `snapshot` keeps a copy of
    the <VOLUME> beside it under the name <SNAPSHOT>, sharing the bytes where the file system can; it counts as
    storage of the tenant. Of a volume in use, files that are written meanwhile may be there in part; of a drive
    in use it is made only where the copy takes one instant, which is what a power cut would have left. `restore` makes
    the volume what the snapshot is, and refuses while a workload that uses it runs; the snapshot stays until `discard`
    removes it. `export` writes the volume to standard output: a folder as a `tar`(1) archive, a drive as it is, while
    nothing uses it. What is not whole ends with a status that says so.""",
    "boot": "Called by `tenant-manager.service`: brings the good generations into /run and starts the tenants.",
    "serve": """Called by `bitbuilder-varlink.service` when its socket is connected to; leaves when nobody calls. With
    `--tenant=` it answers processes in containers of this tenant that have `Control=`, and nobody else, not even root.
    See `bbhv.varlink`(5).""",
    "bridge": """Makes standard input and output a connection to the service, in the name of the caller: for a client
    on another host, as in `varlinkctl call 'ssh-exec:HOST:bbhv bridge' …`, or as the only command of a key in
    `authorized_keys`. It ends when either end does.""",
}

WHOM = """Root does what a verb says on the host itself, whether the service runs or not. Whoever else calls one asks
the service of the host, `bitbuilder-varlink.socket`, which knows the caller by the kernel's word, does it, and tells
how it ended: what is printed and the exit status are those of root. Nobody can tell a tenant that is not his from one
that there is not: both are refused. What was begun goes on when the caller leaves."""

REMOTE = """With `--host=`, another host that has `bbhv` does what the command line says: this process becomes `ssh`(1),
with the keys, the agent and the settings of the caller. <HOST> is what ssh takes for a destination: [<USER>`@`]<HOST>,
an alias of `ssh_config`(5), or `ssh://`<USER>`@`<HOST>`:`<PORT>. Who may what is decided there, for the user that ssh
logs in as. Files that are named are files there; standard input and output are those of here.

`shell`, `console`, `monitor`, `logs --follow`, and `purge` and `credential` while they ask, have a terminal there when
all of standard input and output is one here. The exit status is the one of the verb there, or 255 when ssh failed."""

STATUSES = (
    ("0", "It is done; or there was nothing to do, or a hold or a suspension says that nothing is to be done."),
    ("1", "It failed, was rolled back, or is quarantined."), ("2", "The command line is wrong."),
    ("3", "The input has errors."), ("4", "Refused, by trust, a grant or a permission."),
    ("5", "There is no such thing."),
    ("75", "Somebody else is at work on it, whom the message names, and `--wait` was not given."),
    ("130", """Interrupted: what was begun is stopped, and the next sync starts anew; what the service does for somebody
    goes on."""),
    ("255", "`ssh` failed, with `--host=`."),
)  # fmt: skip

OUTCOMES = (
    ("applied", "The commit runs, was watched, and is good."), ("unchanged", "There was nothing new."),
    ("rolled-back", """It did not become healthy, or nobody confirmed it in time; the generation before runs again, and
    the commit is quarantined."""),
    ("quarantined", "The commit was rolled back before and is not tried again; a newer one is."),
    ("refused", """Findings, a signature that does not count, a grant, or a history that was rewound. What runs is
    not touched."""),
    ("failed", "A repository or an image could not be had, the disk is full, or time ran out. It is tried again."),
    ("held", """The tenant is stopped, or was rolled back by hand: the commit is checked and not applied. Or the commit
    runs and waits for `bbhv confirm`."""),
    ("suspended", "Suspended; the data is kept."),
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
    ("SUDO_USER", "Who is noted as the one that rolled a tenant back, suspended it, or confirmed a generation."),
)  # fmt: skip

FILES = (
    ("/etc/bitbuilder/bitbuilder.conf", "The host's settings; see `bbhv.system`(5)."),
    ("/etc/bitbuilder/tenants/", """Registrations `ID.json` of this host alone; they go before those of the system
    repository, and these before `/usr/lib/bitbuilder/tenants/`."""),
    ("/etc/bitbuilder/templates/", "The operator's own templates for `bbhv init`."),
    ("/var/lib/bitbuilder/offered/", """Images that tenants may be granted by name: a tree `NAME`, or `NAME.raw`,
    `NAME.tar`, `NAME.tar.gz` and so on. `/etc`, `/run` and `/usr/lib` have such a folder too."""),
    ("/etc/voa/", "Keys of signers, and masks of them; `/run/voa` and `/usr/share/voa` too. See `bbhv.system`(5)."),
    ("/var/lib/bitbuilder/system/", "The clone of the system repository."),
    ("/var/lib/bitbuilder/system-tried", "The newest commit of it that was accepted: a memory beside the clone."),
    ("/var/lib/bitbuilder/images/", "The images that were fetched, by their SHA-256."),
    ("/var/lib/tenants/ID/config.git/", "The clone of a tenant's repository. Its work tree is empty on purpose."),
    ("/var/lib/tenants/ID/generations/", "The generations that are kept; `current` and `good` point to one each."),
    ("/var/lib/tenants/ID/volumes/", "The tenant's data. It outlives containers, rollbacks and the removal of bbhv."),
    ("/var/lib/tenants/ID/roots/", "The roots of containers with `Persistent=yes`, by name and image."),
    ("/var/lib/tenants/ID/storage/", "Where all of a tenant's data is, in a project quota or in `storage.raw`."),
    ("/var/lib/tenants/ID/script-state", "What the tenant's scripts keep; see `bbhv.script`(5)."),
    ("/run/bitbuilder/", "What systemd runs now, the locks, and the socket of the varlink interface."),
    ("/run/bitbuilder/control/ID/", "The socket for a tenant's containers with `Control=`, mounted into them."),
    ("/usr/lib/bitbuilder/schemas/", "JSON Schemas of the JSON files, and the varlink interfaces."),
)  # fmt: skip

UNIT_FILES = (
    ("tenant-manager.service", "Starts the tenants at boot; reload applies the system repository's clone."),
    ("tenants.target", "All tenants; stopping it stops them all, and boot does not wait for it."),
    ("tenant@ID.service", "A tenant: start, stop, restart and reload do what they say with all that it runs."),
    ("tenant-infra@ID.service", "What the workloads of a tenant share."),
    ("tenant-network@ID.service", "The networks of a tenant; a reload changes what differs."),
    ("tenant-container@NAME.ID.service", "One container; its name in `machinectl` is `NAME.ID`."),
    ("tenant-health@NAME.ID.service", "A health check of a workload, while a change is watched."),
    ("tenant-script@NAME.ID.service", "A script of a tenant; those of a stop rest until something stops."),
    ("tenant-confirm@ID.timer", "There while a generation waits to be confirmed: it ends the wait."),
    ("tenants-ID.slice", "Where all of a tenant runs, with its limits."),
    ("tenant-sync.timer", "Calls `bbhv sync`."),
    ("tenant-sync@ID.service", "Syncs one tenant, as after a push; started while it runs, it runs once more."),
    ("bitbuilder-varlink.socket", "The varlink interface `io.bitbuilder.Hypervisor`; see `bbhv.varlink`(5)."),
    ("bitbuilder-varlink@ID.socket", """The same for the containers of one tenant that have `Control=`, about itself
    alone. They uphold it, and it stops with the last one."""),
    ("bitbuilder-look@.service", "Answers one call of it that only looks, such as a plan or a log."),
    ("bitbuilder-act@.service", "Answers one call of it that changes something."),
)  # fmt: skip

EXAMPLE = """
bbhv init acme
bbhv validate acme
git -C acme init -b main
git -C acme add -A
git -C acme commit -m 'First commit'
"""


PIPELINE = """A pipeline checks every push with nothing but Python and the one file `bbhv`. For GitHub Actions, where
the variable BBHV of the repository is the URL of that file:"""
GITHUB = """
# .github/workflows/validate.yml
on: [push, pull_request]
jobs:
  validate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: curl -fsSLo /tmp/bbhv "${{ vars.BBHV }}"
      - run: python3 /tmp/bbhv validate --format=github .
"""
GITLAB = """
# .gitlab-ci.yml
validate:
  image: python:3
  script:
    - curl -fsSLo /tmp/bbhv "$BBHV"
    - python3 /tmp/bbhv validate .
"""

SEE_ALSO = """`bbhv.tenant`(5), `bbhv.system`(5), `bbhv.varlink`(5), `bbhv-findings`(7), `machinectl`(1),
`systemd-sysext`(8), `varlinkctl`(1), `systemd.resource-control`(5)"""


def page() -> Page:
    """The page bbhv(1)."""
    return Page(name="bbhv", section=1, summary="run what tenants commit to git, with systemd", body=(
        Heading("SYNOPSIS"), Paragraph("`bbhv` [<OPTION>…] <VERB> [<ARGUMENT>…]"),
        Heading("DESCRIPTION"), *map(Paragraph, ABOUT.split("\n\n")),
        Heading("AS WHOM"), Paragraph(WHOM), *_whom(),
        Heading("ON ANOTHER HOST"), *map(Paragraph, REMOTE.split("\n\n")),
        Heading("VERBS"), *(block for group in GROUPS for block in _group(group)),
        Heading("OPTIONS"), *map(_option, COMMON),
        Item("`-j`", "The same as `--json=pretty` on a terminal, else as `--json=short`."),
        Heading("EXIT STATUS"), *items(STATUSES),
        Paragraph("Of several tenants, 1 goes before 4, and 4 before 3. One that is busy holds up no other."),
        Heading("OUTCOMES"), Paragraph("How a sync of a tenant ended is one word:"), *items(OUTCOMES),
        Heading("BY HAND"), Paragraph("The clones are ordinary ones, and the units are ordinary units:"),
        Example(BY_HAND),
        *telling.blocks(),
        Heading("ENVIRONMENT"), *items(ENVIRONMENT),
        Heading("FILES"), *items(FILES),
        Heading("UNITS"), *items(UNIT_FILES),
        Heading("EXAMPLES"), Paragraph("A repository for the tenant acme, ready to be pushed:"),
        Example(EXAMPLE),
        Heading("IN A PIPELINE"), Paragraph(PIPELINE), Example(GITHUB),
        Paragraph("For GitLab CI:"), Example(GITLAB),
        Heading("SEE ALSO"), Paragraph(SEE_ALSO),
    ))  # fmt: skip


def _whom() -> tuple[Item, ...]:
    """Who may what: what the table of the methods says of each verb."""
    operators = [name for name, row in TABLE.items() if ROWS[f"{HYPERVISOR}.{row.method}"].who is Who.OPERATORS]
    theirs = [name for name in TABLE if name not in operators]
    anybody = [verb.name for verb in shown() if verb.group == MAKE and not verb.root]
    alone = [verb.name for verb in shown() if verb.needs_root and verb.name not in TABLE and verb.group != UNITS]
    options = [f"{verb.name} {one.name}" for verb in shown() if verb.name in TABLE for one in verb.options
               if one.name not in (*TABLE[verb.name].options, *OFFLINE)]  # fmt: skip
    return (
        Item("Anybody", f"May call {_words(anybody)}, and `bbhv plan --repository=`: they need no host."),
        Item("A user whom `access` of a registration names, or a group of it",
             f"May call {_words(theirs)} for these tenants; without a name, for all of them that are theirs."),
        Item("Operators", f"""Who is in the group of `OperatorsGroup=` (see `bbhv.system`(5)) may call these for every
             tenant, and {_words([*operators, 'sync --system', 'sync --allow-rewind'])}."""),
        Item("Root alone", f"May call {_words([*alone, 'volume export', *options, 'sync --system --bundle'])}."),
    )  # fmt: skip


def _words(names: Sequence[str]) -> str:
    *most, last = (f"`{name}`" for name in names)
    return f"{', '.join(most)} and {last}"


def _group(group: str) -> tuple[Block, ...]:
    return (Subheading(group), *(_verb(verb) for verb in shown() if verb.group == group))


def _verb(verb: Verb) -> Item:
    words = "".join(f" [<{word[1:-1]}>]" if word.startswith("[") else f" <{word}>" for word in verb.arguments.split())
    first, *more = PROSE[verb.name].split("\n\n")
    return Item(f"`bbhv {verb.name}`{words}", first, body=(*map(Paragraph, more), *map(_option, verb.options)))


def _option(option: Option) -> Item:
    short = f"`{option.short}`, " if option.short else ""
    return Item(f"{short}`{option.name}`" + (f"`=`<{option.value}>" if option.value else ""), f"{option.help}.")
