"""bbhv-findings(7): every code of findings, what it means, and what to do, made of the table of advice."""

from collections.abc import Iterator

from ...advice.entry import Advice
from ...advice.table import ADVICE, GROUPS, example, title
from ...findings import MAX_SHOWN
from ...formats.pages.page import Block, Example, Heading, Page, Paragraph, Subheading

ABOUT = f"""A finding is one problem of an input: of a tenant's repository, of the system repository, of an image. All
of them are reported at once, sorted by file and line; of more than {MAX_SHOWN} the rest is counted. One is printed as

`containers/web.nspawn:4:1: error[BB202]: There is no key Memory= in section [X-Bitbuilder]. hint: Did you mean
MemoryMax?`

with its file, line and column, where they are known; they count from 1. An error forbids to go on: a host does not
take the commit, and what runs is not touched. A warning does not. A code is never given a second meaning.

`bbhv explain` prints the entry of a code. An example below is a file of a repository that has all else that it needs;
the other examples are what somebody typed."""

SEE_ALSO = "`bbhv`(1), `bbhv.tenant`(5), `bbhv.system`(5)"


def page() -> Page:
    """The page bbhv-findings(7)."""
    return Page(name="bbhv-findings", section=7, summary="what the findings of bbhv mean, and what to do", body=(
        Heading("DESCRIPTION"), *map(Paragraph, ABOUT.split("\n\n")),
        *(block for digit, heading in GROUPS.items() for block in (Heading(heading), *_group(digit))),
        Heading("SEE ALSO"), Paragraph(SEE_ALSO),
    ))  # fmt: skip


def _group(digit: str) -> Iterator[Block]:
    for code, advice in ADVICE.items():
        if code[2] == digit:
            yield Subheading(title(code))
            yield from entry(advice)


def entry(advice: Advice) -> Iterator[Block]:
    """What there is to say about one code."""
    yield from map(Paragraph, advice.text.split("\n\n"))
    yield Paragraph("Wrong:")
    yield Example(example(advice, advice.wrong))
    yield Paragraph("Right:")
    yield Example(example(advice, advice.right))
    yield Paragraph(f"What to do: {advice.fix}")
