"""bbhv.system(5): what the operator writes, the system repository and the settings of a host."""

from ...formats.pages.page import Block, Example, Heading, Item, Page, Paragraph, Subheading, items
from ...model.drift import KINDS
from ...model.hostconf import SETTINGS, HostSettings
from ...model.registration import DriftPolicy
from . import reference

TREE = """
system.json        what holds for all tenants
tenants/ID.json    a registration: one tenant, and what it is granted
trust/             who may sign the tenants' commits
host/extensions/   extensions of the host itself
"""

ABOUT = """The operator of one or more hosts writes a system repository. It says which tenants a host has, where their
repositories are, whose commits are believed, and what each tenant may ask for; nothing is granted by default. The
`sync` of a host reads it before it reads the repositories of the tenants.

A registration always wins over what an operator's verb did on one host. A host may have registrations of its own in
`/etc/bitbuilder/tenants` and `/usr/lib/bitbuilder/tenants`: the first place that has a tenant counts, `/etc` before
the system repository before `/usr`, and every other one is a finding.

`bbhv validate` of the folder checks all of it, offline; `bbhv init --system` makes one."""

SYSTEM = """`system.json` has what holds for every registration that does not say otherwise. The grants of a
registration are laid over those of `defaults`, key by key; everything else replaces them. The schema is
`/usr/lib/bitbuilder/schemas/system.schema.json`; a `$schema` in the file gives completion in editors."""

REGISTRATION = """`tenants/`<ID>`.json` is the registration of the tenant <ID>. Its schema is
`/usr/lib/bitbuilder/schemas/registration.schema.json`."""

FETCHING = """A repository is fetched by a unit of its own that has no privilege: it runs as a user that exists only
meanwhile, sees no file of any tenant but the objects that it fetches against, and may do nothing but talk to the
network, for a bounded time and with bounded memory. What it hands over is taken apart by a second unit, which has no
network. In both, git runs alone; unless the repository is a local one, it sees nothing of the host but `/usr` and
`/etc`, both read-only. The journal has only warnings of these units: when one ends without a word, the message names
the unit to ask for.

A password, a token or an SSH key is a credential of the host: `fetch.credential` is its name in the credential stores
of `systemd.exec`(5), encrypted or not. systemd gives it to the one unit that fetches for this tenant; it is in no
argument, no unit file and no log. For `https://` it is one line, the password or token of `fetch.user`; it is told to
the server of the URL only. For `ssh://` it is a private key in the format of OpenSSH without a passphrase, and
`fetch.knownHosts` must name the keys that the server may have. To encrypt one for a host, on that host:

`systemd-creds encrypt --name=git.acme - /etc/credstore.encrypted/git.acme`

Redirections are not followed. A repository may take up to 256 MiB and a million objects.

A repository that cannot be fetched is left alone by the timer for a minute, then for two, and so on up to an hour,
give or take a quarter; `bbhv status` says when it is tried again. `bbhv sync` by hand tries at once, and so does the
timer when the registration says something else about how to fetch it. A host opens at most four connections to a server
at the same time, and one tenant that is slow delays no other.

Without a network, `bbhv sync --bundle=`<FILE> <TENANT> takes a git bundle, for example from a USB stick, through the
same door: the same checks and the same trust. `git bundle create` <FILE> <BRANCH> makes one that is complete. The ref
of the registered branch is taken, or the only ref that the bundle has. `bbhv sync --system --bundle=`<FILE> does the
same for the system repository."""

GRANTS = """What a grant does not name, the tenant has not. Numbers and sizes bound the sum of what all of its
declarations ask for. A tenant that runs anything needs `cpus`, `memory` and `tasks`: they are the limits of its
slice."""

TRUST = """`trust/` is laid out as UAPI.11 says, the File Hierarchy for the Verification of OS Artifacts: below
`trust/bitbuilder/tenant-config/`<SIGNER>`/` there is a folder for each technology, `ssh` or `openpgp`, with the
verifiers of this signer: public keys, each in a file that is named by its fingerprint. <SIGNER> is the name that a
registration has in `trust.signers`.

The name of an OpenSSH key is the SHA-256 of the key in hexadecimal and `.pub`: `cut -d' ' -f2 key.pub | base64 -d |
sha256sum` prints it. Before the key, `valid-after="20260101"` and `valid-before="20270101120000Z"` with a comma between
them may say from when until when its signatures count, in UTC. The name of an OpenPGP certificate is its fingerprint in
hexadecimal and `.openpgp`; it is one certificate in ASCII armor, and says itself how long it is valid.

The host may have verifiers too, in `/etc/voa`, `/run/voa`, `/usr/local/share/voa` and `/usr/share/voa`, below
`bitbuilder/tenant-config/`<SIGNER>`/`. They count together with those of `trust/`. A link to `/dev/null` in `/etc/voa`
or `/run/voa` masks the verifier of its name wherever it is; of an OpenPGP certificate all copies count together, so a
revocation in one of them is one. What others than root could change is left out.

Who may sign images has the purpose `image` instead of `tenant-config`, in the same places: the keys below
`bitbuilder/image/default/` count for the images of all tenants, those below `bitbuilder/image/`<SIGNER>`/` for the
tenants whose registration has this name in `trust.signers`. They matter only for an image that is declared with
`Signature=`, see `bbhv.image`(5); `trust.revoked` and masks count for them as well.

Who may sign the system repository itself is never read from it: it comes from these directories of the host, with the
purpose `system-config` and the context `default`, or, where they have nothing for it, from the credential
`bitbuilder.signers`: lines of OpenSSH keys as in a `.pub` file, or one OpenPGP certificate in ASCII armor."""

POLICIES = """`unsigned` takes every commit. `signed` wants the newest one to be signed by a key of one of the signers;
a merge that is not signed does not pass because its parents are. `strict` wants that of every commit since the last one
that was accepted, on all sides of a merge; the first time, of the newest one.

The key must have been valid when the commit was made, by the commit's own time, and must be valid now. A commit from
the future (more than a day) is refused; and so is everything that is new when the clock of the host is behind what was
accepted already, because nobody could tell what is valid. What runs is not stopped because the key of its commit
expired or was revoked: the next sync says so, and takes nothing newer from that key.

Signatures by SSH are verified by `ssh-keygen`(1), those by OpenPGP by `gpgv`(1) or `sqv`(1), as the user nobody and
without a network. When the program is missing, nothing passes; `bbhv doctor` says which package to install.

History never goes back. What was accepted is remembered in the clone, as `refs/bitbuilder/tried`, and beside it; a
commit that does not descend from it is refused, also when one of the two was lost. `--allow-rewind` of `bbhv sync` and
`bbhv apply` is how an operator lets a tenant go back. For the system repository remove both:
`/var/lib/bitbuilder/system` and `/var/lib/bitbuilder/system-tried`.

Nothing is kept of a commit that trust or history refuses: its objects leave the clone again. One that counts but has
findings stays, as the history that the next one goes on from."""

DRIFT = """A sync compares what runs with the good generation of each tenant that is to run, also when a newer commit
is refused or its repository cannot be reached; `bbhv status` shows what differs. `drift` in the registration says what
a sync does about it, each policy what those before it do. A tenant that somebody stopped has not drifted, nor has a
workload with `Restart=no` that ended, or with `on-failure` that ended well. Drop-ins for all tenants, such as those in
`tenant-container@.service.d/`, are never touched.

What a sync sets right is in the journal with its reason and in the outcome; the outcome stays what the commit made it,
or is `failed` when what was started does not become healthy."""

DRIFT_POLICIES = {
    DriftPolicy.REPORT: "Tells, and touches nothing. Nobody but an operator ever does anything about",
    DriftPolicy.HEAL: "Also sets right what nobody has said shall be otherwise:",
    DriftPolicy.REVERT: "Also removes what an operator changed about a unit of the tenant, in `/etc` and `/run`:",
}

RETENTION = """Of each tenant as many generations are kept as its `keepGenerations` says, and never one that runs, is
good or is tried. At the end of a sync of all tenants, images that no generation of any tenant needs any more are
removed; generations of tenants that are suspended or not registered count too. Whoever uses such an image again fetches
it from its own source. While a generation cannot be read, no image is removed. `bbhv doctor` says of each image
who needs it."""

NETWORKS = """Networks of tenants need `systemd-networkd` and `nft`(8). A bridge is called `lan.acme`, or where that is
too long by its beginning and a digest, and has `lan.acme` as its alternative name; the host's end of a workload's
connection is `bb-` and a digest, and `lan.web.acme`. Files of bbhv in `/run/systemd/network` begin with
`10-bitbuilder-`, so a file of your own that is to match before them has to sort before them.

What may pass is in two tables of nftables, `inet bitbuilder` and `bridge bitbuilder`. They stand beside your own rules,
which can forbid more, never less. Interfaces of tenants are known to them by their groups (`ip link`): 25186 a network,
25187 a workload. What no rule of a tenant lets pass is dropped. When somebody has changed or flushed them,
`bbhv status` says so, and a sync puts all of them in force again.

`uplinks` are the interfaces of the host through which packets of tenants come and leave. Where `ports` are granted and
no `uplinks`, these are the interfaces of the host's default routes. Forwarding is switched on for them and for the
networks that need it, never for the whole host; for whom it was off before, packets for others than tenants stay as
undelivered as before, and it is off again when no tenant has a network. IPv6 can be passed on interface by interface
since Linux 6.17; on an older kernel tenants have IPv6 inside of their networks only.

Subnets and ports are one tenant's alone: the second one that takes them is told that they are taken.

A port that is taken back, and `internet`, are shut by the next sync for new connections and for those that are there,
also while the commit that asks for more is refused for that and what runs goes on."""

HOST = """`host/extensions/sysext/` and `host/extensions/confext/` have the extensions of the host itself: a folder with
the tree of the extension, or `NAME.image` as in `bbhv.extension`(5)."""

EXAMPLE = """
{
  "apiVersion": "bitbuilder.io/v1",
  "tenant": "acme",
  "repository": "https://git.example.com/acme.git",
  "trust": { "commits": "unsigned" },
  "grants": { "cpus": 2, "memory": "2G", "tasks": 4096,
              "containers": 4, "images": ["debian-*"] }
}
"""

HOST_SETTINGS = {
    ("System", "Repository"): "The URL of the system repository: https, ssh, or file.",
    ("System", "Branch"): "The branch of it that this host follows.",
    ("System", "Trust"): """Whom to believe: `signed` (the newest commit is signed by a known signer), `strict` (every
    commit is), `unsigned` (anybody who can write to it).""",
    ("System", "AllowFile"): "Whether repositories and images may be `file://` URLs.",
    ("System", "Credential"): """The name of the credential with which the system repository is fetched, as
    `fetch.credential` of a registration; default: `bitbuilder.git`, if the host was given a system credential of that
    name.""",
    ("System", "User"): "The user to log in with, where the system repository needs one; default: `git`.",
    ("System", "KnownHostsFile"): "A file with the SSH host keys that the server may have (`sshd`(8)).",
    ("System", "CAFile"): "A file with the certificate authority of the server, in PEM form.",
    ("Sync", "IntervalSec"): "The time from the end of a sync to the next one.",
    ("Sync", "Parallel"): "How many tenants are prepared at the same time.",
    ("Sync", "FetchTimeoutSec"): """How long fetching one repository may take before it is ended, at most an
    hour. All images of a tenant together have as long, where the timer asked for them.""",
    ("Host", "Name"): "The name by which registrations know this host in `hosts`; default: its host name.",
    ("Host", "OperatorsGroup"): "The group that may ask the varlink interface everything.",
}
SHOWN_DEFAULTS = {"repository": "", "interval_sec": "5min", "name": "", "fetch_timeout_sec": "5min"}

CREDENTIALS = (
    ("bitbuilder.repository", "The same as `Repository=`."), ("bitbuilder.branch", "The same as `Branch=`."),
    ("bitbuilder.trust", "The same as `Trust=`; it may set or tighten what the files say, never loosen it."),
    ("bitbuilder.signers", "Who may sign the system repository, where the host's directories say nothing; see TRUST/."),
    ("bitbuilder.git", "The password, token or SSH key with which the system repository is fetched."),
    ("bitbuilder.known-hosts", "The content of `KnownHostsFile=`."), ("bitbuilder.ca", "The content of `CAFile=`."),
)  # fmt: skip

SEE_ALSO = """`bbhv`(1), `bbhv.tenant`(5), `bbhv-findings`(7), `systemd.system-credentials`(7), `portablectl`(1)"""


def page() -> Page:
    """The page bbhv.system(5)."""
    return Page(name="bbhv.system", section=5, summary="what the operator of a host writes", body=(
        Heading("SYNOPSIS"), Example(TREE),
        Heading("DESCRIPTION"), *map(Paragraph, ABOUT.split("\n\n")),
        Heading("SYSTEM.JSON"), Paragraph(SYSTEM), *reference.document("system", leave=("defaults",)),
        Item("`defaults` (object)", "What a registration says when it does not say otherwise. It may have the keys "
             "`branch`, `trust`, `drift`, `hosts`, `access` and `grants` of a registration."),
        Heading("REGISTRATIONS"), Paragraph(REGISTRATION), *reference.document("registration", leave=("grants",)),
        Heading("FETCHING"), *map(Paragraph, FETCHING.split("\n\n")),
        Heading("GRANTS"), Paragraph(GRANTS), *reference.document("registration", within="grants"),
        Heading("TRUST/"), *map(Paragraph, TRUST.split("\n\n")),
        Heading("POLICIES"), *map(Paragraph, POLICIES.split("\n\n")),
        Heading("DRIFT"), *map(Paragraph, DRIFT.split("\n\n")), *map(_policy, DriftPolicy),
        Heading("NETWORKS"), *map(Paragraph, NETWORKS.split("\n\n")),
        Heading("RETENTION"), Paragraph(RETENTION),
        Heading("HOST/"), Paragraph(HOST),
        Heading("BITBUILDER.CONF"), *_configuration(),
        Heading("EXAMPLES"), Paragraph("`tenants/acme.json`:"), Example(EXAMPLE),
        Heading("SEE ALSO"), Paragraph(SEE_ALSO),
    ))  # fmt: skip


def _policy(policy: DriftPolicy) -> Item:
    """A policy with the kinds of drift that are new with it."""
    needs = None if policy is DriftPolicy.REPORT else policy
    kinds = ", ".join(f"`{kind.value}` ({row.says.format('…')})" for kind, row in KINDS.items() if row.policy is needs)
    return Item(f"`{policy.value}`", f"{DRIFT_POLICIES[policy]} {kinds}.")


def _configuration() -> tuple[Block, ...]:
    where = """Settings are read from `bitbuilder.conf` and from `bitbuilder.conf.d/*.conf`, in `/etc/bitbuilder`,
    `/run/bitbuilder` and `/usr/lib/bitbuilder`: of `bitbuilder.conf` the first that is there counts, drop-ins are all
    read after it, in the order of their names. All settings are optional. A line that cannot be read is skipped, and
    `bbhv doctor` names it."""
    parts: list[Block] = [Paragraph(where)]
    for section in dict.fromkeys(section for section, _ in SETTINGS):
        parts.append(Subheading(f"[{section}]"))
        parts += [_host_setting(place, field) for place, (field, _) in SETTINGS.items() if place[0] == section]
    with_empty_etc = "A host whose /etc is empty takes the same from system credentials:"
    return *parts, Subheading("System credentials"), Paragraph(with_empty_etc), *items(CREDENTIALS)


def _host_setting(place: tuple[str, str], field: str) -> Item:
    value = SHOWN_DEFAULTS.get(field, getattr(HostSettings(), field))
    default = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    said = f" Default: `{default}`." if default else ""
    return Item(f"`{place[1]}=`", HOST_SETTINGS[place] + said)
