"""What the host has to do for a tenant's networks beyond the files of systemd-networkd, as plain data beside them.

The text is canonical JSON, and is read back by whoever brings the networks up: at boot nothing is compiled.
"""

import json

from ...formats.jsontext import Json, dump
from ...kinds.networks import netdev
from ...names import MAX_INTERFACE, interface_name, workload
from ...records import dataclass
from ..host import HostFacts
from ..registration import Grants
from ..tenant import Tenant
from . import addressing
from .files import bridges
from .ports import Port, link_mac, mtu


@dataclass(frozen=True, slots=True)
class Vlan:
    """A VLAN on an uplink, which the host makes itself."""

    interface: str
    uplink: str
    number: int
    mac: str
    mtu: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wires:
    """`links` maps the interfaces of a tenant to their readable names; of these, `bridges` are its networks, and
    `vlans` those that systemd-networkd does not make. `ports` maps the host's ends of workloads to their bridges,
    and `uplinks` are the interfaces of the host through which packets come and leave; `passes` says that some do, if
    need be by those of the host's default routes. `subnets` are in its networks, and `forwarded` the ports of the host
    that lead there, as tcp:8080: both are one tenant's alone."""

    links: dict[str, str]
    bridges: tuple[str, ...] = ()
    vlans: tuple[Vlan, ...] = ()
    ports: dict[str, str]
    uplinks: tuple[str, ...] = ()
    passes: bool = False
    subnets: tuple[str, ...] = ()
    forwarded: tuple[str, ...] = ()


def wires(tenant: Tenant, grants: Grants, facts: HostFacts, ports: tuple[Port, ...]) -> Wires:
    """What a tenant needs."""
    said = addressing.described(tenant)
    uplink_of = {name: one.link for _, one in sorted(tenant.networks.items()) for name, _ in one.vlans}
    vlans = tuple(
        Vlan(interface_name(name, tenant.id), uplink_of[name], one.vlan_id,
             link_mac(name, tenant.id, facts), mtu(tenant, name, said.get(name)))
        for name, one in sorted(tenant.netdevs.items())
        if one.kind == netdev.VLAN and one.vlan_id is not None and name in uplink_of
    )  # fmt: skip
    return Wires(
        links={interface_name(link, tenant.id): workload(link, tenant.id)
               for _, one in sorted(tenant.netdevs.items()) for link in one.links},
        bridges=tuple(interface_name(name, tenant.id) for name in bridges(tenant)),
        vlans=vlans,
        ports={port.interface: port.bridge for port in ports},
        uplinks=grants.uplinks,
        passes=grants.internet or any(port.forwarded for port in ports),
        subnets=tuple(str(subnet.network) for _, one in sorted(tenant.networks.items()) for subnet in one.subnets),
        forwarded=tuple(f"{one.protocol}:{one.host}" for port in ports for one in port.forwarded),
    )  # fmt: skip


def hosts(ports: tuple[Port, ...]) -> str:
    """The names of a tenant's workloads, as hosts(5) has them: what each of them that is connected knows of all."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    for port in sorted(ports, key=lambda port: (port.inside, port.workload, port.network)):
        name = port.workload.partition(".")[0]
        words = (name, f"{name}.{port.network}") if port.inside == "host0" else (f"{name}.{port.network}",)
        lines += [f"{address} {' '.join(words)}" for address in port.addresses]
    return "".join(f"{line}\n" for line in lines)


def to_json(one: Wires) -> str:
    """The wires as canonical JSON text."""
    value: Json = {
        "links": dict(one.links),
        "bridges": list(one.bridges),
        "vlans": [[vlan.interface, vlan.uplink, vlan.number, vlan.mac, vlan.mtu] for vlan in one.vlans],
        "ports": dict(one.ports),
        "uplinks": list(one.uplinks),
        "passes": one.passes,
        "subnets": list(one.subnets),
        "forwarded": list(one.forwarded),
    }
    return dump(value)


def from_json(text: str) -> Wires:
    """The wires in a text that `to_json` made. Raises ValueError for anything else."""
    try:
        value: Json = json.loads(text)
    except RecursionError:
        raise ValueError("the networks are nested too deeply") from None
    keys = {"links", "bridges", "vlans", "ports", "uplinks", "passes", "subnets", "forwarded"}
    if not isinstance(value, dict) or set(value) != keys:
        raise ValueError("the networks are not what bbhv writes")
    return Wires(
        links={_name(key): _text(found) for key, found in _object(value["links"]).items()},
        bridges=tuple(map(_name, _list(value["bridges"]))),
        vlans=tuple(map(_vlan, _list(value["vlans"]))),
        ports={_name(key): _name(found) for key, found in _object(value["ports"]).items()},
        uplinks=tuple(map(_name, _list(value["uplinks"]))),
        passes=value["passes"] is True,
        subnets=tuple(map(_text, _list(value["subnets"]))),
        forwarded=tuple(map(_text, _list(value["forwarded"]))),
    )


def _vlan(value: Json) -> Vlan:
    match value:
        case [str() as interface, str() as uplink, int() as number, str() as mac, int() as size]:
            return Vlan(_name(interface), _name(uplink), number, mac, size)
    raise ValueError("the networks have a VLAN that is none")


def _name(value: Json) -> str:
    text = _text(value)
    if not 0 < len(text) <= MAX_INTERFACE or "/" in text or text in (".", ".."):
        raise ValueError(f"{text[:40]!r} is no name of an interface")
    return text


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise ValueError("the networks have something that is no text")
    return value


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise ValueError("the networks have something that is no list")
    return value


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise ValueError("the networks have something that is no object")
    return value
