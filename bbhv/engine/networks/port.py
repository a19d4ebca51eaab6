"""The ports of workloads: made before a workload starts, removed when it has ended. What a workload's unit calls, as
root and outside of its sandbox, once for each port, so it imports little.

    port veth BRIDGE NAME READABLE MAC MTU PEER MAC     a pair of interfaces, one end in the bridge
    port tap  BRIDGE NAME READABLE MAC MTU FOLDER       a tap device in the bridge, for the owner of the folder
    port close NAME…                                    removes the host's ends, and with them the others
"""

import errno
import os
import sys

from ...formats import rtnetlink
from ...formats.rtnetlink import End
from ...host.links import Links, make_tap
from ...names import PORT_GROUP as GROUP


def main(arguments: list[str]) -> int:
    """Does what the words say; 0, or 1 with a sentence on standard error."""
    try:
        match arguments:
            case ["veth", bridge, name, readable, mac, mtu, peer, peer_mac]:
                end, inside = End(name, mac, int(mtu), GROUP), End(peer, peer_mac, int(mtu), GROUP)
                with Links() as links:
                    _clear(links, name)
                    _clear(links, peer)
                    links.ask(rtnetlink.veth(end, inside))
                    _connect(links, end, bridge, readable)
            case ["tap", bridge, name, readable, mac, mtu, folder]:
                end = End(name, mac, int(mtu), GROUP)
                with Links() as links:
                    _clear(links, name)
                    make_tap(name, os.stat(folder).st_uid)
                    _connect(links, end, bridge, readable)
            case ["close", *names]:
                with Links() as links:
                    for name in names:
                        links.delete(name)
            case _:
                sys.stderr.write("port: these are not the words of a port.\n")
                return 2
    except OSError as error:
        sys.stderr.write(f"The port of the workload cannot be made: {error.strerror}{_about(error)}\n")
        return 1
    return 0


def _about(error: OSError) -> str:
    return f": {error.filename}." if error.filename else "."


def _clear(links: Links, name: str) -> None:
    """Removes what an interruption left, also before it was in its group or up. What somebody else has under the name
    stays, and is told of."""
    found = links.find(name)
    if found is not None and found.group != GROUP and (found.up or found.master):
        raise FileExistsError(errno.EEXIST, "there is an interface of this name that is not ours", name)
    links.delete(name)


def _connect(links: Links, end: End, bridge: str, readable: str) -> None:
    """In its group before it is up: a filter that does not know it yet drops what comes out of it."""
    master = links.find(bridge)
    if master is None:
        links.delete(end.name)
        raise FileNotFoundError(errno.ENOENT, "its network is not there, start tenant-network@ first", bridge)
    index = links.need(end.name).index
    links.ask(rtnetlink.change(index, end=end))
    links.ask(rtnetlink.change(index, up=True, master=master.index))
    try:
        links.ask(rtnetlink.call(index, readable))
    except OSError:
        pass  # a name for people, which somebody else has
