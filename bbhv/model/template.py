"""Templates of repositories: a folder of files in which `@NAME@` stands for a value that somebody chooses.

What may be chosen is declared in template.conf, which itself is never written:

    [Template]
    Description=A web server in a container
    [Parameter PORT]
    Description=The port that the server listens on
    Type=port
    Default=80

A value is checked by its type, and by every file that it goes into, before it is put there: none can end the line,
the quotation or the member that it stands in. `@TENANT@` needs no declaration. A file that is nothing but one
parameter is left out when that parameter is empty.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from ..findings import Finding, Place, did_you_mean, errors
from ..formats import jsontext
from ..formats.unitfile import UnitFile, parse
from ..kinds import values as v
from ..kinds.image import digest
from ..kinds.settings import Cost, Setting, Table, Values, Verdict, read
from ..kinds.urls import normalise
from ..records import dataclass

DECLARATION = "template.conf"
TENANT = "TENANT"
MAX_PARAMETERS = 32
MAX_NAME = 32
MAX_TEXT = 200
_SYSTEM = "system.json"
_PRINTED = "Give the text that bbhv credential encrypt printed."
_MARK = re.compile(rb"@([A-Z][A-Z0-9_]{0,31})@")
_JSON_MARK = re.compile(rb'((?:(?<!\\)")?)@([A-Z][A-Z0-9_]{0,31})@("?)')
_ALONE = re.compile(rb"\s*@([A-Z][A-Z0-9_]{0,31})@\s*")
_BLOB = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=")
# What stands for itself in a unit file and in a shell script, in quotes or not. Letters and digits do as well.
_PLAIN = frozenset(" .,:/_+-@=!?%~")


def _text(value: str) -> str:
    if len(value) > MAX_TEXT or not value.isprintable():
        raise v.Unreadable(f"{v.quoted(value)} is too long, or has a character in it that cannot be printed.")
    return value


def _size(value: str) -> str:
    return v.show_size(v.bounded_size(1 << 20, 1 << 50)(value))


def _quota(value: str) -> str:
    return v.show_quota(v.quota(value))


def _span(value: str) -> str:
    return v.show_span(v.bounded_span(1, 7 * 86400)(value))


def _blob(value: str) -> str:
    found = "".join(value.split())
    if not found or len(found) > 64 << 10 or not _BLOB.issuperset(found):
        raise v.Unreadable(f"{v.quoted(value)} is not in Base64.", _PRINTED)
    return found


def _whole(low: int, high: int) -> Callable[[str], str]:
    return lambda value: str(v.integer(low, high)(value))


@dataclass(frozen=True, slots=True)
class Type:
    """A type of values: its name, how to read one into its normal form, what to write, and whether JSON has it bare."""

    name: str
    parse: Callable[[str], str]
    hint: str
    bare: bool = False


TYPES = {
    one.name: one
    for one in (
        Type("text", _text, f"Write one line of at most {MAX_TEXT} characters."),
        Type("name", v.name, "Write a name such as web-1."),
        Type("port", _whole(1, 65535), "Write a port from 1 to 65535.", bare=True),
        Type("number", _whole(1, 10**9), "Write a whole number from 1.", bare=True),
        Type("size", _size, "Write a number and K, M, G or T, such as 512M."),
        Type("percent", _quota, "Write a percentage of one CPU, such as 50%."),
        Type("time", _span, "Write a number and a unit, such as 30s or 5min."),
        Type("path", v.path, "Write an absolute path, such as /srv/data."),
        Type("url", normalise, "Write a URL, such as https://images.example.com/web.tar.zst."),
        Type("sha256", digest, "Write the 64 digits that sha256sum(1) prints."),
        Type("base64", _blob, _PRINTED),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """Something to choose; it is required when it is neither optional nor has a default."""

    name: str
    type: Type
    description: str
    default: str = ""
    optional: bool = False
    files: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        """Whether there is no repository without a value for it."""
        return not self.default and not self.optional


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template: the files as they are before anything is chosen, and what there is to choose, in its order."""

    name: str
    description: str
    files: Mapping[str, bytes]
    parameters: tuple[Parameter, ...] = ()

    @property
    def is_system(self) -> bool:
        """Whether it makes a system repository, which has no tenant."""
        return _SYSTEM in self.files


class _Rows(NamedTuple):
    """The settings of one parameter."""

    description: Setting[str]
    type: Setting[str]
    default: Setting[str]
    optional: Setting[bool]


_YES = Verdict.ALLOWED
_TITLE = Setting("Template", "Description", _YES, v.text, Cost.NONE, "One line about what it makes.", default="")


def _rows(name: str) -> _Rows:
    section = f"Parameter {name}"
    return _Rows(
        Setting(section, "Description", _YES, v.text, Cost.NONE, "One line that asks for the value.", default=""),
        Setting(section, "Type", _YES, v.one_of(*TYPES), Cost.NONE, "The type of the value.", default="text"),
        Setting(section, "Default", _YES, v.text, Cost.NONE, "The value when nobody chooses one.", default=""),
        Setting(section, "Optional", _YES, v.boolean, Cost.NONE, "Whether it may be empty.", default=False),
    )


def read_template(name: str, files: Mapping[str, bytes], folder: str) -> tuple[Template | None, tuple[Finding, ...]]:
    """The template of these files, None when it has errors; the findings name files below `folder`.

    Findings: what can be wrong with template.conf, BB107 for the name of a parameter, and BB103 for a JSON file that
    is not valid as it is in the template. In JSON a parameter stands inside of a string, numbers too: "@PORT@".
    """
    place = f"{folder}/{DECLARATION}"
    unit, form = parse(place, files.get(DECLARATION, b""))
    names, odd = _names(unit, place)
    if odd and not names:
        return None, odd
    # Without a parameter there is one section still, for the hint about an unknown one.
    rows = {one: _rows(one) for one in names or ("NAME",)}
    values, wrong = read(Table(_TITLE, *(row for one in rows.values() for row in one)), unit, place)
    kept = {path: data for path, data in files.items() if path != DECLARATION}
    findings = [*form, *odd, *wrong, *_broken_json(kept, folder)]
    parameters = tuple(_parameter(one, rows[one], values, kept) for one in names)
    for parameter in parameters:
        findings += _bad_default(parameter, values.places(rows[parameter.name].default)[0])
    title = values.need(_TITLE)
    template = Template(name=name, description=title, files=kept, parameters=parameters)
    return None if errors(findings) else template, tuple(findings)


def _names(unit: UnitFile, place: str) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """The names of the parameters in their order, and what is wrong with them."""
    findings: list[Finding] = []
    found: dict[str, None] = {}
    for section, line in unit.sections:
        name = section.removeprefix("Parameter ")
        if name == section or name in found:
            continue
        if len(found) == MAX_PARAMETERS:
            message = f"There are more than {MAX_PARAMETERS} parameters."
            return (), (Finding(Place(place, line, 1), "BB110", message, "Ask for less."),)
        if name == TENANT or not _MARK.fullmatch(f"@{name}@".encode()):
            hint = f"Write capital letters, digits and _, at most {MAX_NAME}. TENANT is there without a declaration."
            findings.append(Finding(Place(place, line, 1), "BB107", f"{v.quoted(name)} cannot name a parameter.", hint))
        found[name] = None
    return tuple(found), tuple(findings)


def _parameter(name: str, rows: _Rows, values: Values, files: Mapping[str, bytes]) -> Parameter:
    mark = f"@{name}@".encode()
    return Parameter(
        name=name,
        type=TYPES[values.need(rows.type)],
        description=values.need(rows.description),
        default=values.need(rows.default),
        optional=values.need(rows.optional),
        files=tuple(path for path, data in files.items() if mark in data),
    )


def _bad_default(parameter: Parameter, place: Place) -> Iterator[Finding]:
    try:
        if parameter.default:
            chosen(parameter, parameter.default)
    except v.Unreadable as error:
        yield Finding(place, "BB205", f"Default=: {error}", error.hint)


def _broken_json(files: Mapping[str, bytes], folder: str) -> Iterator[Finding]:
    for path, data in files.items():
        if path.endswith(".json"):
            yield from jsontext.parse(f"{folder}/{path}", data)[1]


def chosen(parameter: Parameter, value: str) -> str:
    """The value in its normal form, when the parameter may have it. Raises Unreadable, whose hint says what to do."""
    value = value.strip()
    if not value:
        if parameter.optional:
            return ""
        raise v.Unreadable("It has no value.", parameter.type.hint)
    try:
        # Before anything else: other types would trip over text that has no encoding.
        found = parameter.type.parse(value if parameter.type.parse is _blob else _text(value))
    except v.Unreadable as error:
        raise v.Unreadable(str(error), error.hint or parameter.type.hint) from None
    for path in parameter.files:
        if not (path.endswith(".json") or _is_prose(path)):
            _plain(found, path)
    return found


def _plain(value: str, path: str) -> None:
    for char in value:
        if char not in _PLAIN and not char.isalnum():
            hint = f"Leave it out here, and change the file {path} afterwards."
            raise v.Unreadable(f"It goes into {path}, where the character {char} could mean something else.", hint)


def _is_prose(path: str) -> bool:
    """Whether people alone read the file."""
    return path.endswith(".md") or path.rpartition("/")[2].startswith(("README", "LICENSE"))


def known(template: Template, name: str) -> Parameter:
    """The parameter of that name. Raises Unreadable with the nearest one as its hint."""
    for parameter in template.parameters:
        if parameter.name == name:
            return parameter
    names = [parameter.name for parameter in template.parameters]
    there = f"There are {', '.join(names)}." if names else "It has none."
    message = f"Template {template.name} has no parameter {v.quoted(name)}."
    raise v.Unreadable(message, did_you_mean(name, names) or there)


def fill(template: Template, values: Mapping[str, str], tenant: str = "") -> dict[str, bytes]:
    """The files with every parameter replaced: each of `values` is what `chosen` returned for it, or its default is.

    What no parameter is called stays as it is. Nothing is replaced twice.
    """
    texts = {one.name: values.get(one.name, chosen(one, one.default) if one.default else "")
             for one in template.parameters}
    texts[TENANT] = tenant
    bare = {one.name for one in template.parameters if one.type.bare}
    found = {}
    for path, data in template.files.items():
        alone = _ALONE.fullmatch(data)
        if alone and not texts.get(alone[1].decode(), "?"):
            continue
        found[path] = _fill_json(data, texts, bare) if path.endswith(".json") else _fill(data, texts)
    return found


def _fill(data: bytes, texts: Mapping[str, str]) -> bytes:
    if b"\0" in data:
        return data  # a program or an image, in which nothing is a mark
    return _MARK.sub(lambda mark: texts.get(mark[1].decode(), mark[0].decode()).encode(), data)


def _fill_json(data: bytes, texts: Mapping[str, str], bare: set[str]) -> bytes:
    """In JSON a mark is inside of a string; where a number is all of it, its quotes go."""

    def text(mark: re.Match[bytes]) -> bytes:
        name, whole = mark[2].decode(), bool(mark[1] and mark[3])
        if name not in texts:
            return mark[0]
        if whole and name in bare and texts[name]:
            return texts[name].encode()
        return mark[1] + jsontext.pretty(texts[name]).strip()[1:-1].encode() + mark[3]

    return _JSON_MARK.sub(text, data)
