"""The reference parts of the manual pages, made of the tables and schemas that the program itself runs by.

A settings table gives each key that a tenant may set with its meaning, its default and what a change costs, and each
key that it may not set with the reason. A JSON Schema gives each key of a document with its description.
"""

from collections.abc import Iterable, Iterator

from ...formats import jsontext
from ...formats.jsontext import Json
from ...formats.pages.page import Block, Heading, Item, Paragraph, Subheading
from ...host import resources
from ...kinds.plain import items, members
from ...kinds.settings import Cost, Setting, Table, Verdict

COSTS = {
    Cost.NONE: "Nothing happens.",
    Cost.LIVE: "It changes while the workload runs.",
    Cost.RELOAD: "The network changes while its workloads run.",
    Cost.RESTART: "The workload restarts.",
    Cost.RECREATE: "What it is about is stopped and made anew.",
}
REFUSED = {
    Verdict.LATER: "NOT SUPPORTED YET",
    Verdict.HOST: "SET BY THE HOST",
    Verdict.FORBIDDEN: "NOT ALLOWED",
}
_TYPES = {
    "string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "array": "list",
    "object": "object", "null": "null",
}  # fmt: skip


def costs(tables: Iterable[Table]) -> Iterator[Block]:
    """What the words mean that say what a change of a key of these tables costs: only those that occur."""
    found = {row.cost for table in tables for row in table if row.verdict is Verdict.ALLOWED}
    if found:
        yield Heading("CHANGES")
        yield Paragraph("What it costs to change a setting of what runs is said in parentheses below:")
        yield from (Item(f"`{cost}`", text) for cost, text in COSTS.items() if cost in found)


def settings(table: Table) -> Iterator[Block]:
    """Every key that may be set, by section."""
    for section in table.sections:
        rows = [row for row in table if row.section == section and row.verdict is Verdict.ALLOWED]
        if rows:
            yield Subheading(f"[{section}]")
            yield from map(_setting, rows)


def _setting(row: Setting[object]) -> Item:
    notes = [row.cost.value, *(["required"] if row.required else []), *(["may be repeated"] if row.repeat else [])]
    shown = row.show(row.default) if row.default is not None else ""
    default = f" Default: `{shown}`." if shown else ""
    since = f" Needs systemd {row.since} on the host." if row.since else ""
    return Item(f"`{row.key}=` ({', '.join(notes)})", row.doc + default + since)


def refused(tables: Iterable[Table]) -> Iterator[Block]:
    """Every key of these tables that a tenant may not set, those with the same reason together."""
    rows = [row for table in tables for row in table]
    for verdict, title in REFUSED.items():
        reasons: dict[str, dict[str, list[str]]] = {}
        for row in rows:
            if row.verdict is verdict:
                keys = reasons.setdefault(row.reason, {}).setdefault(row.section, [])
                keys += [f"`{row.key}=`"] if f"`{row.key}=`" not in keys else []
        if reasons:
            yield Heading(title)
        for reason in sorted(reasons, key=bool, reverse=True):
            yield _reason(reason, reasons[reason])


def _reason(reason: str, keys: dict[str, list[str]]) -> Block:
    text = "; ".join(f"[{section}] {', '.join(names)}" for section, names in keys.items()) + "."
    return Item(reason, text) if reason else Paragraph(text)


def document(schema: str, *, within: str = "", leave: tuple[str, ...] = ()) -> tuple[Item, ...]:
    """Every key of the documents of a schema, `metadata` for example; what belongs to an object is below it.

    With `within`, the keys of this object instead; the keys of `leave` are left out.
    """
    located, _ = jsontext.parse(schema, resources.data(f"schemas/{schema}.schema.json"))
    top = members(located.value if located else None)
    shared = members(top.get("$defs"))
    chosen = _resolved(members(top.get("properties")).get(within), shared) if within else top
    return _members(chosen, shared, leave)


def _members(schema: dict[str, Json], shared: dict[str, Json], leave: tuple[str, ...] = ()) -> tuple[Item, ...]:
    required = items(schema.get("required"))
    return tuple(
        _member(key, _resolved(value, shared), shared, required=key in required)
        for key, value in members(schema.get("properties")).items() if key not in leave
    )


def _resolved(value: Json, shared: dict[str, Json]) -> dict[str, Json]:
    """A schema with what its $ref says below its own words."""
    schema = members(value)
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    return {**members(shared.get(name)), **schema}


def _member(key: str, schema: dict[str, Json], shared: dict[str, Json], *, required: bool) -> Item:
    notes = [*_type(schema, shared), *(["required"] if required else [])]
    default = f" Default: `{_plain(schema['default'])}`." if "default" in schema else ""
    text = f"{schema.get('description', '')}{_choices(schema)}{default}"
    return Item(f"`{key}`" + (f" ({', '.join(notes)})" if notes else ""), text, body=_members(schema, shared))


def _type(schema: dict[str, Json], shared: dict[str, Json]) -> list[str]:
    kinds = schema.get("type")
    if isinstance(kinds, str) and kinds == "array":
        inner = _type(_resolved(schema.get("items"), shared), shared)
        return [f"list of {inner[0]}" if inner and "enum" not in members(schema.get("items")) else "list"]
    names = [kinds] if isinstance(kinds, str) else items(kinds)
    return [" or ".join(_TYPES[str(name)] for name in names)] if names else []


def _choices(schema: dict[str, Json]) -> str:
    choices = [f"`{_plain(choice)}`" for choice in items(schema.get("enum"))]
    choices += [f"`{_plain(choice)}`" for choice in items(members(schema.get("items")).get("enum"))]
    return f" One of {', '.join(choices)}." if len(choices) > 1 else ""


def _plain(value: Json) -> str:
    return value if isinstance(value, str) else jsontext.dump(value).strip()
