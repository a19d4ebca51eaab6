"""Rules of nftables as values: what a tenant adds to the tables of the host, and the text that puts it there.

A `Fragment` is what belongs to one owner: chains with their rules, and elements of maps that lead into them. A text is
one transaction of nft(8): all of it is in force from one packet to the next, or nothing is. Rules are written by the
caller from checked values; names and keys are checked here once more.
"""

import json
from collections.abc import Iterator, Mapping

from ..records import dataclass, field
from .jsontext import Json, dump

FAMILIES = ("inet", "bridge")
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:")
_KEY = _WORD | frozenset('" ')  # names of interfaces are quoted, and a key may have several parts

Rules = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fragment:
    """`chains` maps a family and a chain to its rules, `elements` a family and a map to its elements."""

    chains: Mapping[tuple[str, str], Rules] = field(default_factory=dict)
    elements: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)

    def joined(self, other: "Fragment") -> "Fragment":
        """Both, for taking away whatever of them is there."""
        elements = {where: dict(found) for where, found in self.elements.items()}
        for where, found in other.elements.items():
            elements.setdefault(where, {}).update(found)
        return Fragment({**self.chains, **other.chains}, elements)


def replaced(table: str, old: Fragment, new: Fragment) -> str:
    """The transaction that puts the new fragment in the place of the old one; what is not there any more may be."""
    return "".join(f"{line}\n" for line in (*_taken(table, old, new), *_put(table, new)))


def whole(table: str, base: str, fragments: Mapping[str, Fragment]) -> str:
    """The transaction after which the tables are the base and these fragments, and nothing else."""
    cleared = [line for family in FAMILIES for line in (f"table {family} {table}", f"delete table {family} {table}")]
    added = [line for _, fragment in sorted(fragments.items()) for line in _put(table, fragment)]
    return "".join(f"{line}\n" for line in (*cleared, base.rstrip("\n"), *added))


def _taken(table: str, old: Fragment, new: Fragment) -> Iterator[str]:
    """First what leads into chains, then the chains: all are emptied before one that another leads into is removed."""
    for (family, name), found in sorted(old.elements.items()):
        for key in sorted(found):
            yield f"destroy element {family} {table} {_word(name)} {{ {_key(key)} }}"
    chains = sorted({*old.chains, *new.chains})
    yield from (f"add chain {family} {table} {_word(chain)}" for family, chain in chains)
    yield from (f"flush chain {family} {table} {_word(chain)}" for family, chain in chains)
    gone = (where for where in chains if where not in new.chains)
    yield from (f"delete chain {family} {table} {_word(chain)}" for family, chain in gone)


def _put(table: str, new: Fragment) -> Iterator[str]:
    yield from (f"add chain {family} {table} {_word(chain)}" for family, chain in sorted(new.chains))
    for (family, chain), rules in sorted(new.chains.items()):
        yield from (f"add rule {family} {table} {_word(chain)} {rule}" for rule in rules)
    for (family, name), found in sorted(new.elements.items()):
        if found:
            shown = ", ".join(f"{_key(key)} : {value}" for key, value in sorted(found.items()))
            yield f"add element {family} {table} {_word(name)} {{ {shown} }}"


def _word(name: str) -> str:
    if not name or not _WORD.issuperset(name):
        raise ValueError(f"{name!r} is no name of nftables")
    return name


def _key(key: str) -> str:
    if not key or not _KEY.issuperset(key):
        raise ValueError(f"{key!r} is no key of a map of ours")
    return key


def to_json(fragment: Fragment) -> str:
    """The fragment as canonical JSON text."""
    value: Json = {
        "chains": {f"{family} {chain}": list(rules) for (family, chain), rules in fragment.chains.items()},
        "elements": {f"{family} {name}": dict(found) for (family, name), found in fragment.elements.items()},
    }
    return dump(value)


def from_json(text: str) -> Fragment:
    """The fragment of a text that `to_json` made. Raises ValueError for anything else."""
    try:
        value: Json = json.loads(text)
    except RecursionError:
        raise ValueError("the filter is nested too deeply") from None
    if not isinstance(value, dict) or set(value) != {"chains", "elements"}:
        raise ValueError("the filter is not what bbhv writes")
    chains, elements = value["chains"], value["elements"]
    if not isinstance(chains, dict) or not isinstance(elements, dict):
        raise ValueError("the filter is not what bbhv writes")
    return Fragment(
        {_where(name): tuple(_lines(rules)) for name, rules in chains.items()},
        {_where(name): _texts(found) for name, found in elements.items()},
    )


def _where(name: str) -> tuple[str, str]:
    family, _, rest = name.partition(" ")
    if family not in FAMILIES:
        raise ValueError(f"{name!r} is in no table of ours")
    return family, _word(rest)


def _lines(value: Json) -> Iterator[str]:
    for line in value if isinstance(value, list) else [None]:
        if not isinstance(line, str) or "\n" in line:
            raise ValueError("the filter has a rule that is no line")
        yield line


def _texts(value: Json) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError("the filter has elements that are no map")
    return {_key(key): text for key, text in zip(value, _lines(list(value.values())))}
