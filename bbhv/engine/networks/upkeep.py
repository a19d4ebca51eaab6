"""The networks of a tenant on this host: brought up from what its generation says, changed, and taken away.

The order keeps what is promised at every instant: rules before interfaces, new interfaces before workloads, interfaces
away before their rules. Nothing is touched that is as it should be: systemd-networkd is told only of files that differ,
and one telling serves all who wrote before it. Every step may be done again.
"""

import os
from collections.abc import Mapping, Sequence

from ...errors import BbhvError, CommandError
from ...formats import nft as text
from ...formats import rtnetlink
from ...formats.nft import Fragment
from ...formats.rtnetlink import End
from ...host import files, log, networkd, nft
from ...host.links import Links, wait_up
from ...host.lock import Lock
from ...model import neighbours
from ...model.networks import filter
from ...model.networks.wires import Vlan, Wires
from ...model.units.network import FILTER, HOSTS, WIRES
from ...names import FILTER_TABLE, NETWORK_GROUP, PORT_GROUP, WAY_GROUP
from .. import paths, rereads
from . import look, record, rivals
from .meaning import read, wires_of
from .record import Record

WAIT_SEC = 30
_OPENED = f"{paths.RUN_NETWORKS}/_opened"
_OURS = (NETWORK_GROUP, PORT_GROUP, WAY_GROUP)
# IPv6 is passed on interface by interface since Linux 6.17; before that only by all interfaces at once, or by none.
_FORWARDING = {4: "/proc/sys/net/ipv4/conf/{}/forwarding", 6: "/proc/sys/net/ipv6/conf/{}/force_forwarding"}
_ALL6 = "/proc/sys/net/ipv6/conf/all/forwarding"
_ROUTES = "/proc/net/route"


def up(tenant: str) -> None:
    """Brings the networks of a tenant's current generation up, or to what that says now. Raises BbhvError, OSError."""
    folder = os.path.realpath(f"{paths.tenant(tenant)}/current/networks")
    wanted = files.read_tree(folder) if os.path.isdir(folder) else {}
    if missing := sorted({FILTER, HOSTS, WIRES} - set(wanted)):
        hint = f"A sync makes it anew: bbhv sync {tenant}"
        raise BbhvError(f"The generation is damaged: {folder} has no {', '.join(missing)}.", hint=hint)
    shut = files.read(paths.revoked(tenant))
    _settle(tenant, {**wanted, record.REVOKED: shut.decode("utf-8", "replace")} if shut else wanted)


def down(tenant: str) -> None:
    """Takes the networks of a tenant away. Raises BbhvError, OSError."""
    _settle(tenant, {})


def _settle(tenant: str, wanted: Mapping[str, str]) -> None:
    files.make_dir(paths.RUN_NETWORKS, 0o755)
    with Lock(f"{paths.RUN_LOCK}/_networks", "The networks of this host") as lock:
        lock.take(f"networks of {tenant}", wait=True)
        known = record.load(tenant)
        old, new = wires_of(known.now, known.before), wires_of(wanted)
        _fragment(wanted)  # what cannot be read is not recorded as what is in force
        with Links() as links:
            _refuse_foreign(links, old, new)
            _refuse_taken(tenant, new)
            record.save(tenant, Record(wanted, {**known.before, **known.now}, tuple(new.links)))
            if wanted:
                _tell_names(tenant, wanted[HOSTS].encode())
                _filter(tenant, known, wanted)
            _remake(links, old, known, wanted)
            changed = _write(known, wanted)
            # Whoever was interrupted may not have told it; what somebody removed, it makes only when told again.
            untold = bool(known.before) or any(links.find(name) is None for name in _made_by_networkd(new))
    if changed or untold:
        _tell(needed=bool(wanted))
    with Lock(f"{paths.RUN_LOCK}/_networks", "The networks of this host") as lock:
        lock.take(f"networks of {tenant}", wait=True)
        with Links() as links:
            for name in sorted(set(old.links) - set(new.links)):
                links.delete(name)
            _finish(links, new)
        if not wanted:
            _filter(tenant, known, {})
        record.save(tenant, Record(wanted, links=tuple(new.links)))


def _made_by_networkd(one: Wires) -> tuple[str, ...]:
    own = {vlan.interface for vlan in one.vlans}
    return tuple(name for name in one.links if name not in own)


def _tell_names(tenant: str, data: bytes) -> None:
    """The names of a tenant's workloads, in the one file that its containers have mounted: what took its place, none of
    them would see."""
    handle = os.open(
        f"{paths.RUN_NETWORKS}/{tenant}/hosts", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644
    )
    try:
        os.fchmod(handle, 0o644)
        os.pwrite(handle, data, 0)
        os.ftruncate(handle, len(data))
    finally:
        os.close(handle)


def _fragment(*texts: Mapping[str, str]) -> Fragment:
    found = Fragment()
    for one in texts:
        for name in (FILTER, record.REVOKED):
            found = found.joined(read(name, text.from_json, one)) if name in one else found
    return found


def _refuse_foreign(links: Links, old: Wires, new: Wires) -> None:
    """An interface that is there and is not the tenant's is never taken for one of its own."""
    for name in sorted(set(new.links) - set(old.links)):
        found = links.find(name)
        if found is not None and found.group not in _OURS:
            message = f"This host has an interface {name} already, which is not of a tenant."
            raise BbhvError(message, hint=f"Choose another name for the network {new.links[name].partition('.')[0]}.")


def _refuse_taken(tenant: str, new: Wires) -> None:
    """What another tenant has is not taken either, whatever both were granted. Who has it, nobody is told."""
    if taken := rivals.taken(tenant, neighbours.held(tenant, new)):
        raise BbhvError(taken[0].message, hint=taken[0].hint)


def _filter(tenant: str, known: Record, wanted: Mapping[str, str]) -> None:
    """Puts the rules of a tenant in force; all of them, when somebody has changed the tables or emptied them."""
    old, new = _fragment(known.before, known.now), _fragment(wanted)
    listed = files.read(record.FILTER, record.MAX_RECORD)
    others = [one for one in record.tenants() if one != tenant]
    if not wanted and not others:
        nft.delete(FILTER_TABLE, text.FAMILIES)
        files.discard(record.FILTER)
        files.discard(record.BASE)
        _close()
        return
    in_force = listed is not None and look.is_in_force()
    if listed is not None and not in_force:
        log.write("warning", "Somebody has changed the filter of tenants: all of it is put in force again.")
    if in_force and old == new and not known.before:
        return
    if in_force and files.read(record.BASE) == filter.BASE.encode():
        nft.load(text.replaced(FILTER_TABLE, old, new))
    else:
        fragments = {one: _fragment(record.load(one).now) for one in others}
        whole = text.whole(FILTER_TABLE, filter.BASE, {**fragments, tenant: new})
        nft.load(whole + _noted(_opened()))
        files.write(record.BASE, filter.BASE.encode(), 0o600)
    look.note_filter()


def _remake(links: Links, old: Wires, known: Record, wanted: Mapping[str, str]) -> None:
    """Removes what cannot be changed into what is wanted: a pair whose ends differ, a VLAN of another number. A bridge
    stays, for workloads are connected to it."""
    vlans = set(wires_of(wanted).vlans)
    for vlan in old.vlans:
        if vlan not in vlans:
            links.delete(vlan.interface)
    for name, before in {**known.before, **known.now}.items():
        after = wanted.get(name)
        if name.endswith(".netdev") and after is not None and after != before:
            if "\nKind=bridge\n" not in before or "\nKind=bridge\n" not in after:
                own = next(line for line in before.splitlines() if line.startswith("Name="))
                links.delete(own.removeprefix("Name="))


def _write(known: Record, wanted: Mapping[str, str]) -> bool:
    """The files of systemd-networkd; says whether one differs. Those of others in the folder are theirs."""
    files.make_dir(networkd.FILES, 0o755)
    changed = False
    for name in sorted(record.files_of({**known.before, **known.now, **wanted})):
        path, after = f"{networkd.FILES}/{name}", wanted.get(name)
        if after is None:
            changed = changed or os.path.lexists(path)
            files.discard(path)
        elif files.read(path) != after.encode():
            files.write(path, after.encode(), 0o644)
            changed = True
    return changed


def _tell(*, needed: bool) -> None:
    """Has systemd-networkd read the files. Where it does not run it has nothing to forget: only who needs it fails."""
    try:
        rereads.reread(f"{paths.RUN_LOCK}/_networkd", "systemd-networkd", networkd.reload)
    except CommandError as error:
        if needed:
            raise
        log.write("warning", f"systemd-networkd was not told that networks are gone: {error.message}")


def _finish(links: Links, new: Wires) -> None:
    """What systemd-networkd does not do: VLANs, readable names, and ports whose bridge was made anew."""
    for vlan in new.vlans:
        _vlan(links, vlan)
    missing = wait_up(tuple(new.links), WAIT_SEC)
    if missing:
        message = f"systemd-networkd did not make {', '.join(missing)} within {WAIT_SEC} s."
        raise BbhvError(message, hint="journalctl -u systemd-networkd")
    for name, readable in new.links.items():
        if name != readable:
            _call(links, name, readable)
    for port, bridge in new.ports.items():
        found, master = links.find(port), links.need(bridge)
        if found is not None and found.master != master.index:
            links.ask(rtnetlink.change(found.index, up=True, master=master.index))
    if new.passes:
        _open(new.uplinks or _default_routes(), new.bridges)


def _open(uplinks: Sequence[str], bridges: Sequence[str]) -> None:
    """Has the kernel pass on what comes by uplinks and from networks. What did not before is noted, for the filter and
    for the end."""
    for bridge in bridges:
        _pass_on(bridge, 6, True)  # systemd-networkd does it for IPv4
    known = _opened()
    for uplink in uplinks:
        if not os.path.exists(_FORWARDING[4].format(uplink)):
            log.write("warning", f"The uplink {uplink} is not there: nothing comes or leaves through it.")
            continue
        for version in _FORWARDING:
            if (uplink, version) not in known and _passes_on(uplink, version) is False:
                known.append((uplink, version))
    if known != _opened():
        nft.load(_noted(known))
        look.note_filter()
        files.write(_OPENED, "".join(f"{name} {version}\n" for name, version in known).encode(), 0o600)
    for name, version in known:
        _pass_on(name, version, True)


def _noted(uplinks: Sequence[tuple[str, int]]) -> str:
    bridges = sorted({name for name, _ in uplinks if os.path.isdir(f"/sys/class/net/{name}/bridge")})
    return filter.opened(sorted(uplinks), bridges)


def _close() -> None:
    """Has uplinks be as they were before any tenant needed them."""
    for name, version in _opened():
        _pass_on(name, version, False)
    files.discard(_OPENED)


def _opened() -> list[tuple[str, int]]:
    """The uplinks that were opened for tenants, each with the version of IP."""
    lines = (files.read(_OPENED) or b"").decode("utf-8", "replace").splitlines()
    rows = (line.rpartition(" ") for line in lines)
    return [(name, int(version)) for name, _, version in rows if version in ("4", "6")]


def _passes_on(interface: str, version: int) -> bool | None:
    """Whether the kernel passes on what comes by an interface; None when it cannot for this one alone."""
    if version == 6 and (files.read(_ALL6) or b"").strip() not in (b"", b"0"):
        return True  # by all interfaces, as somebody wants it
    found = files.read(_FORWARDING[version].format(interface)) if _has(interface, version) else None
    return None if found is None else found.strip() != b"0"


def _pass_on(interface: str, version: int, wanted: bool) -> None:
    if _has(interface, version) and _passes_on(interface, version) is not wanted:
        with open(_FORWARDING[version].format(interface), "w", encoding="ascii") as file:
            file.write("1\n" if wanted else "0\n")


def _has(interface: str, version: int) -> bool:
    return os.path.exists(_FORWARDING[version].format(interface))


def _default_routes() -> tuple[str, ...]:
    """The interfaces by which the host itself reaches the world (proc_net_route)."""
    rows = [line.split() for line in (files.read(_ROUTES) or b"").decode("ascii", "replace").splitlines()[1:]]
    return tuple(dict.fromkeys(row[0] for row in rows if len(row) > 7 and row[1] == row[7] == "00000000"))


def _vlan(links: Links, vlan: Vlan) -> None:
    if links.find(vlan.interface) is not None:
        return
    uplink = links.find(vlan.uplink)
    if uplink is None:
        raise BbhvError(f"This host has no interface {vlan.uplink}, on which VLAN {vlan.number} is to be.")
    links.ask(rtnetlink.vlan(End(vlan.interface, vlan.mac, vlan.mtu, WAY_GROUP), uplink.index, vlan.number))


def _call(links: Links, name: str, readable: str) -> None:
    try:
        links.ask(rtnetlink.call(links.need(name).index, readable))
    except OSError:
        pass  # it has the name already, or somebody else does: it is for people


def told(tenant: str) -> str:
    """The status line of the unit."""
    found = wires_of(record.load(tenant).now)
    return f"networks: {len(found.bridges)}, workloads connected: {len(found.ports)}"
