"""What bbhv(1) says about what the program tells of itself: its events in the journal."""

from ...formats.pages.page import Block, Heading, Item, Paragraph, items
from ...model.events import ROWS

ABOUT_EVENTS = """What happens to a tenant is an event: how a run ended, when that says something new, and what an
operator did. It is an entry of the journal, which `bbhv monitor` and the varlink interface follow, as may everything
else that reads it; `journalctl -u tenant@ID` shows it among the words of that unit, whoever it was that did it. Steps
are told of a commit that is new to the tenant."""

# What the entry of an event has, besides what every entry has.
FIELDS = (
    ("MESSAGE", "All of it, for people."), ("MESSAGE_ID", "What it is, see below."),
    ("BITBUILDER_TENANT", "The tenant."),
    ("BITBUILDER_EVENT", "`step`, `outcome`, `hold`, `resume`, `confirm`, or `heal`."),
    ("BITBUILDER_OUTCOME", "Of an outcome its word, see OUTCOMES; `unchanged` is no event."),
    ("BITBUILDER_COMMIT", "The commit that it is about, if there is one."),
    ("BITBUILDER_GENERATION", "The number of the generation that it is about, if there is one."),
    ("BITBUILDER_REASON", "Why, in one line."),
    ("BITBUILDER_USEC", "When it happened, in microseconds since the epoch."),
    ("BITBUILDER_TRACE", """The steps that the run had gone through by then, each with its time, as
    `fetched=1700000000000000`: `fetched`, `verified`, `checked`, `compiled`, `supplied` (its images are here),
    `planned`, `activated`, `watched`, `returned`."""),
)  # fmt: skip

TRUST = """A container has a journal of its own, and no way into that of the host; scripts of tenants cannot write such
entries in the host's name either. Who reads events by himself should ask for `_UID=0` as well, which the kernel vouches
for, and pass over what has a `_SYSTEMD_SLICE` of a tenant."""

CATALOG = """`journalctl -x` explains each of them, once the catalogue of the host has been made anew: run `journalctl
--update-catalog` after the extension was merged for the first time, and after an update of it."""


def blocks() -> tuple[Block, ...]:
    """The section EVENTS."""
    return (
        Heading("EVENTS"), Paragraph(ABOUT_EVENTS), *items(FIELDS), Paragraph(TRUST), Paragraph(CATALOG),
        Paragraph("These are the MESSAGE_IDs:"),
        *(Item(f"`{word}`", f"{row.says}: {row.id}.") for word, row in ROWS.items()),
    )  # fmt: skip
