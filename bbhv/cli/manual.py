"""All manual pages, by name: as files for man(1), and as plain text for a terminal that has no man(1).

Pure but for the schemas, which are data of ours: the same tables give the same bytes.
"""

from collections.abc import Callable
from functools import cache

from ..findings import did_you_mean
from ..formats.pages import plaintext, roff
from ..formats.pages.page import Page
from ..formats.varlink_idl import parse
from ..host import resources
from ..ipc.table import HYPERVISOR
from ..version import VERSION
from .pages import findings, interface, kinds, program, system, tenant

FOLDER = "usr/share/man"


@cache
def pages() -> tuple[Page, ...]:
    """Every page, first those that one reads first."""
    described = parse(resources.data(f"schemas/{HYPERVISOR}.varlink").decode())
    return (program.page(), tenant.page(), system.page(), interface.page(described), findings.page(), *kinds.pages())


def files() -> dict[str, str]:
    """The pages for man(1), by their path in the extension."""
    return {
        f"{FOLDER}/man{page.section}/{page.name}.{page.section}": roff.render(page, f"bbhv {VERSION}")
        for page in pages()
    }


def find(name: str) -> Page | None:
    """The page that is called so: bbhv.tenant, bbhv.tenant(5), or just tenant."""
    for page in pages():
        if name in (page.name, page.title, page.name.removeprefix("bbhv.").removeprefix("bbhv-")):
            return page
    return None


def nearest(name: str) -> str:
    """A hint for a name that no page has."""
    return did_you_mean(name, (page.name for page in pages()))


def text(page: Page, width: int, heading: Callable[[str], str] = str) -> str:
    """A page as plain text."""
    return plaintext.render(page, width, heading)
