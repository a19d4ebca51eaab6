"""What bbhv(1) says about what the program tells of itself: its events in the journal, and its metrics."""

from ...formats.pages.page import Block, Example, Heading, Item, Paragraph, items
from ...model.events import ROWS
from ...model.metrics import PREFIX, TENANT, WORKLOAD

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

ABOUT_METRICS = """`bbhv metrics` prints OpenMetrics text, for the textfile collector of a Prometheus exporter, for
example. All of it is about now, or adds up since a tenant started; what nobody counts on this host, such as memory
without that controller, is left out. Times in ages are in seconds."""

EXAMPLE = """
cd /var/lib/node_exporter
bbhv metrics >bitbuilder.prom.new
mv bitbuilder.prom.new bitbuilder.prom
"""

# Those that are not a number for each tenant or workload.
OTHERS = (
    ("", "The version, as a label."), ("tenants", "How many tenants there are."),
    ("generator_seconds", "Processor time of the last run of the generator."),
    ("sync_seconds", "How long the last sync of all took."), ("sync_age_seconds", "How long ago it ended."),
    ("calls_denied", """Calls of the varlink interface that were denied, and connections that were refused, by the
    server: `_host`, or the one of a tenant's containers."""),
    ("tenant_outcome", "How its last sync ended, one of the words in OUTCOMES."),
    ("tenant_hold", "What an operator holds it by: `suspend` or `rollback`."),
    ("tenant_workloads", "Its workloads, by their health."),
    ("workloads_left_out", "How many workloads have no series, because there are more than 4000."),
)  # fmt: skip


def blocks() -> tuple[Block, ...]:
    """The sections EVENTS and METRICS."""
    return (
        Heading("EVENTS"), Paragraph(ABOUT_EVENTS), *items(FIELDS), Paragraph(TRUST), Paragraph(CATALOG),
        Paragraph("These are the MESSAGE_IDs:"),
        *(Item(f"`{word}`", f"{row.says}: {row.id}.") for word, row in ROWS.items()),
        Heading("METRICS"), Paragraph(ABOUT_METRICS), Example(EXAMPLE),
        *(Item(f"`{name_of(name)}`", text) for name, text in OTHERS),
        *(Item(f"`{name_of(f'tenant_{row.name}')}`", f"{row.help}.") for row in TENANT),
        *(Item(f"`{name_of(f'workload_{row.name}')}`", f"{row.help}.") for row in WORKLOAD),
    )  # fmt: skip


def name_of(metric: str) -> str:
    """The whole name of a metric, without the suffix that its type gives it."""
    return f"{PREFIX}_{metric}" if metric else PREFIX
