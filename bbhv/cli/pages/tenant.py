"""bbhv.tenant(5): what a tenant's repository has, and the two files that no other page tells of."""

from ...formats.pages.page import Block, Example, Heading, Item, Page, Paragraph
from ...kinds.script import SCRIPTS
from ...kinds.table import KINDS, settings_of
from ...model import bounds
from . import reference
from .kinds import ABOUTS

# Two files that every repository may have; every other kind has a page of its own.
KINDS_HERE = ("metadata", "limits")
# What each file is; what the scripts are is told by themselves.
FILES = {
    "metadata.json": "Whose the repository is, and how changes are brought in. Required.",
    "infrastructure/tenant.slice": "Limits for everything together.",
    "infrastructure/NAME.image": "Where an image comes from, and its digest",
    "infrastructure/NAME.volume": "A place for data that outlives workloads",
    "infrastructure/credentials/NAME.cred": "A secret, encrypted",
    "credentials/HOST/NAME.cred": "A secret, encrypted for the host of this name",
    "network/NAME.netdev": "A network, or what connects it to others",
    "network/NAME.network": "The addresses of the host in a network, its DHCP and its limits",
    "machines/NAME.vmspawn": "A virtual machine",
    "containers/NAME.nspawn": "A container",
    "extensions/sysext/NAME.image": "Where the image of a system extension comes from",
    "extensions/sysext/NAME/**": "The tree of a system extension, which adds to /usr and /opt of an image",
    "extensions/confext/NAME.image": "Where the image of a configuration extension comes from",
    "extensions/confext/NAME/**": "The tree of a configuration extension, which adds to /etc of an image",
    "services/NAME.portable": "A portable service",
    **{f"scripts/{name}": text.partition(".")[0] for name, text in SCRIPTS.items()},
}

ABOUT = f"""A tenant's repository declares what it runs, in systemd's own file syntax; the tree's root is the root of
the repository, which is usually called `tenant-`<ID>. A name is lower-case letters, digits and single dashes, starts
with a letter, and has at most 24 characters. Dot files, README files and everything in `docs/` are left alone; any
other file that has no place is a finding.

Settings that are not listed in these pages are errors. Those that systemd has and a tenant may not set are listed
with the reason. An empty assignment takes back what a key that may be repeated had before, as in systemd.

A repository has at most {bounds.MAX_DECLARATIONS} declarations, which are at most {bounds.MAX_SIZE >> 20} MiB and
{bounds.MAX_LINES} lines together. Large data belongs into images.

`bbhv validate` of the folder prints everything that is wrong with it, offline; `bbhv init` makes a repository that is
right."""

EXAMPLE = """
# metadata.json
{
  "$schema": "https://bitbuilder.io/schemas/v1/metadata.schema.json",
  "apiVersion": "bitbuilder.io/v1",
  "tenant": "acme"
}

# infrastructure/tenant.slice
[Slice]
MemoryMax=2G
TasksMax=2048
"""

METADATA = """`metadata.json` says whose the repository is, and how changes are brought in. The schema is
`/usr/lib/bitbuilder/schemas/metadata.schema.json`; `$schema` in the file, its URL or a path to it, gives completion in
editors.

A change is watched: everything that it touches must be healthy within `healthTimeoutSec`, as `Health=` of each workload
says, and so must the script `health`, if there is one; nor may the other scripts of a start fail (`bbhv.script`(5)).
A check or its script that changes alone restarts nothing, but is asked as well. Otherwise the generation before comes
back as a whole, and the commit is not tried again; the way on is a newer one. When that is not healthy either, it is
left as it is, and `bbhv status` names both.

With `confirmWithinSec`, a change that is healthy must also be confirmed by `bbhv confirm`: until then newer commits
wait, and without it, or when the host restarts, the generation before comes back too. A change that touches nothing
that runs needs no word."""

SLICE = """`infrastructure/tenant.slice` bounds all workloads of the tenant together, with keys of
`systemd.resource-control`(5). It may ask for less than what is granted; without it, the grants are the limits."""


def page() -> Page:
    """The page bbhv.tenant(5)."""
    limits = settings_of("limits")
    tables = (limits,) if limits else ()
    return Page(name="bbhv.tenant", section=5, summary="what a tenant's repository may declare", body=(
        Heading("SYNOPSIS"), Example("\n".join(dict.fromkeys(kind.pattern for kind in KINDS))),
        Heading("DESCRIPTION"), *map(Paragraph, ABOUT.split("\n\n")),
        Heading("FILES"), *map(_file, dict.fromkeys(kind.pattern for kind in KINDS)),
        Heading("METADATA.JSON"), *map(Paragraph, METADATA.split("\n\n")), *reference.document("metadata"),
        Heading("TENANT.SLICE"), Paragraph(SLICE), *(block for table in tables for block in reference.settings(table)),
        *reference.refused(tables),
        Heading("EXAMPLES"), Example(EXAMPLE),
        Heading("SEE ALSO"), Paragraph(f"{', '.join(_others())}, `systemd.resource-control`(5), `systemd.syntax`(7)"),
    ))  # fmt: skip


def _file(pattern: str) -> Block:
    kind = next(kind for kind in KINDS if kind.pattern == pattern)
    about = next((one for one in ABOUTS if kind.name in one.kinds), None)
    return Item(f"`{pattern}`", f"{FILES[pattern]}; see `{about.name}`(5)." if about else FILES[pattern])


def _others() -> tuple[str, ...]:
    return ("`bbhv`(1)", "`bbhv.system`(5)", *(f"`{about.name}`(5)" for about in ABOUTS), "`bbhv-findings`(7)")
