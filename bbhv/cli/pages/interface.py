"""The page of the varlink interface: its methods as the description and the table of who may call them have them."""

from collections.abc import Iterator

from ...formats.pages.page import Block, Example, Heading, Item, Page, Paragraph, items
from ...formats.varlink_idl import Interface, Method, Struct, Type
from ...formats.varlink_text import spelt
from ...ipc.table import HYPERVISOR, ROWS, Who

ABOUT = """`bitbuilder-varlink.socket` answers calls of the interface `io.bitbuilder.Hypervisor` at
`/run/bitbuilder/io.bitbuilder.Hypervisor`, in
the protocol that systemd's own services speak: `varlinkctl`(1) calls it, and
so does any library for varlink. Nothing of it stays in memory when nobody calls.

Whoever calls is who the kernel says. A call is judged before its parameters are looked at. Who may not see a tenant
gets the same answer whether there is one of that name or not. What has several replies, such as a log, must be called
with `more`, and ends when its caller hangs up. What changes something is finished also when its caller is gone.

From another host, `varlinkctl` comes by way of `ssh`(1), with the right of whom ssh logs in as: by the socket
(`ssh-unix:`), or by `bbhv bridge` (`ssh-exec:`).

A user has at most 16 connections and 4 calls at a time that are answered by a unit of their own; a message is at most
1 MiB large, and at most 64 levels deep. Who breaks a bound, or does not take what was asked for, is disconnected."""

WHO = (
    (Who.EVERYBODY, "Whoever can connect."),
    (Who.VIEWERS, """Root and the operators' group (`OperatorsGroup=` in `bbhv.system`(5)); users and groups that
    `access` in the registration of the tenant names; processes in a container of the tenant with `Control=read` or
    `Control=full`, by a socket of its own."""),
    (Who.EDITORS, "The same, but in a container only its root, and only with `Control=full`."),
    (Who.OPERATORS, "Root and the operators' group."),
)  # fmt: skip

EXAMPLE = """
cd /run/bitbuilder
varlinkctl introspect ./io.bitbuilder.Hypervisor
varlinkctl call ./io.bitbuilder.Hypervisor \\
  io.bitbuilder.Hypervisor.ListTenants '{}'
varlinkctl call --more ./io.bitbuilder.Hypervisor \\
  io.bitbuilder.Hypervisor.Logs '{"tenant": "acme", "follow": true}'
varlinkctl info 'ssh-exec:alice@vm1:bbhv bridge'
varlinkctl info \\
  ssh-unix:alice@vm1:/run/bitbuilder/io.bitbuilder.Hypervisor
"""


def page(interface: Interface) -> Page:
    """The page bbhv.varlink(5)."""
    return Page(name="bbhv.varlink", section=5, summary="the interface io.bitbuilder.Hypervisor", body=(
        Heading("SYNOPSIS"), Paragraph("`/run/bitbuilder/io.bitbuilder.Hypervisor`"),
        Heading("DESCRIPTION"), *map(Paragraph, ABOUT.split("\n\n")),
        Heading("WHO MAY CALL"), *(Item(who.value, text) for who, text in WHO),
        Heading("METHODS"), *(_method(interface, name, one) for name, one in interface.methods.items()),
        Heading("ERRORS"), *items((name, _text(interface.docs.get(name, ""))) for name in interface.errors),
        Heading("EXAMPLES"), Example(EXAMPLE),
        Heading("SEE ALSO"), Paragraph("`bbhv`(1), `bbhv.system`(5), `varlinkctl`(1)"),
    ))  # fmt: skip


def _method(interface: Interface, name: str, one: Method) -> Item:
    who = ROWS[f"{HYPERVISOR}.{name}"].who
    body: tuple[Block, ...] = (*_fields(one.parameters, ""), *_fields(one.reply, "→ "))
    return Item(f"`{name}`", f"{_text(interface.docs.get(name, ''))} Who may call it: {who.value}.", body=body)


def _fields(struct: Struct, before: str) -> Iterator[Item]:
    for name, kind in struct.fields.items():
        yield Item(f"{before}`{name}: {_kind(kind)}`", _text(struct.docs.get(name, "")))


def _kind(kind: Type) -> str:
    return " ".join(spelt(kind).split())


def _text(doc: str) -> str:
    return " ".join(doc.split())
