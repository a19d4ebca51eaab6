"""Interface descriptions of varlink: what our parser says to each, and what systemd's varlinkctl says."""

from dataclasses import dataclass

_HEAD = "interface org.example.x\n"
_LARGER = "The grammar of varlink.org has it; systemd reads a part of that only"
_SMALLER = "The grammar of varlink.org does not have it"
_EMPTY = f"{_LARGER}. Certification needs the set, which is a map to nothing"
_PLACE = f"{_LARGER}. A comment that stands before nothing with a name is lost"


@dataclass(frozen=True, slots=True)
class Description:
    """One description. `ours` and `theirs` say whether it is accepted, `older` whether systemd 257 does, too.

    Where they are not all the same, `why` says what is right about it.
    """

    name: str
    text: str
    ours: bool
    theirs: bool
    older: bool
    why: str


def _good(name: str, text: str) -> Description:
    return Description(name, text, True, True, True, "")


def _bad(name: str, text: str) -> Description:
    return Description(name, text, False, False, False, "")


def _only_ours(name: str, text: str, why: str) -> Description:
    return Description(name, text, True, False, False, why)


def _only_theirs(name: str, text: str, why: str) -> Description:
    return Description(name, text, False, True, True, why)


def _only_newer(name: str, text: str) -> Description:
    return Description(name, text, True, True, False, "systemd knows the type any since 258")


def _field(kind: str) -> str:
    return f"{_HEAD}type T (a: {kind})\ntype U (b: int)\n"


def _nested(depth: int) -> str:
    return _field("(a: " * depth + "int" + ")" * depth)


DESCRIPTIONS: tuple[Description, ...] = (
    # The interface
    _good("an interface and nothing else", "interface org.example.x"),
    _good("two parts with dashes and digits", "interface a-b.1c-2"),
    _good("upper case", "interface Org.Example"),
    _good("a long name", f"interface {'a.' * 120}b\n"),
    _good("a line of its own for the name", "interface\n\norg.example.x\n"),
    _only_ours("two dashes side by side", "interface xn--a.b--c\n", _LARGER),
    _only_theirs("one part only", "interface example\n", _SMALLER),
    _bad("nothing", ""),
    _bad("a comment only", "# There is no interface\n"),
    _bad("a digit first", "interface 1a.b\n"),
    _bad("a dash last", "interface a.b-\n"),
    _bad("a dot last", "interface a.b.\n"),
    _bad("two dots side by side", "interface a..b\n"),
    _bad("an underscore in the interface", "interface a_b.c\n"),
    _bad("two interfaces", _HEAD + _HEAD),
    _bad("a byte order mark", "\ufeff" + _HEAD),
    # Its members
    _good("all kinds of members", f"{_HEAD}type T (a: int)\ntype E (a)\nmethod M(a: T) -> (b: E)\nerror X (a: ?int)\n"),
    _good("members in one line", f"{_HEAD}type T (a: int) type E (a, b) method M() -> () error X ()"),
    _good("no space where none is needed", f"{_HEAD}type T(a:int,b:[]string)method M()->()error X()"),
    _good("a tab between all words", f"{_HEAD}type\tT\t(\ta\t:\tint\t,\tb\t:\t[]T\t)\n"),
    _good("lines that end in CR and LF", f"{_HEAD}type T (\n  # one\n  a: int\n)\n".replace("\n", "\r\n")),
    _good("lines that end in CR", f"{_HEAD}# one\ntype T (a: int)\n".replace("\n", "\r")),
    _good("a type before it is defined", f"{_HEAD}type T (a: U)\ntype U (a, b)\n"),
    _good("a type in itself", f"{_HEAD}type T (a: ?T)\n"),
    _good("names like those of types", f"{_HEAD}type Bool (int: int, type: string, T: Bool)\n"),
    _good("the same field in parameters and reply", f"{_HEAD}method M(a: int) -> (a: int)\n"),
    _only_theirs("no space after type", f"{_HEAD}typeT (a: int)\n", _SMALLER),
    _bad("a lower case letter first", f"{_HEAD}type t (a: int)\n"),
    _bad("the name of a primitive", f"{_HEAD}type bool (a: int)\n"),
    _bad("an underscore in a type", f"{_HEAD}type T_x (a: int)\n"),
    _bad("no name", f"{_HEAD}type (a: int)\n"),
    _bad("two types of one name", f"{_HEAD}type T (a: int)\ntype T (b: int)\n"),
    _bad("a type and a method of one name", f"{_HEAD}type T (a: int)\nmethod T() -> ()\n"),
    _bad("another word than type, method, error", f"{_HEAD}function F() -> ()\n"),
    _bad("another name for a type", f"{_HEAD}type T int\n"),
    _bad("an error without parentheses", f"{_HEAD}error X\n"),
    _bad("an error that is an enum", f"{_HEAD}error X (a, b)\n"),
    _bad("parameters that are an enum", f"{_HEAD}method M(a, b) -> ()\n"),
    _bad("no arrow", f"{_HEAD}method M() ()\n"),
    _bad("half an arrow", f"{_HEAD}method M() > ()\n"),
    _bad("two arrows", f"{_HEAD}method M() ->-> ()\n"),
    _bad("an arrow in two parts", f"{_HEAD}method M() - > ()\n"),
    _bad("a colon after the name", f"{_HEAD}method M: () -> ()\n"),
    _bad("a form feed", f"{_HEAD}\fmethod M() -> ()\n"),
    # Fields and words
    _good("field names", f"{_HEAD}type T (a: int, B: int, c_d: int, e1: int)\n"),
    _good("an enum of one word", f"{_HEAD}type T (a)\n"),
    _bad("an underscore first", f"{_HEAD}type T (_a: int)\n"),
    _bad("an underscore last", f"{_HEAD}type T (a_: int)\n"),
    _bad("two underscores side by side", f"{_HEAD}type T (a__b: int)\n"),
    _bad("a digit first in a field", f"{_HEAD}type T (1a: int)\n"),
    _bad("a dash in a field", f"{_HEAD}type T (a-b: int)\n"),
    _bad("a dash in a word", f"{_HEAD}type T (a-b, c)\n"),
    _bad("a letter that is not ASCII", f"{_HEAD}type T (ä: int)\n"),
    _bad("two fields of one name", f"{_HEAD}type T (a: int, a: int)\n"),
    _bad("a word twice", f"{_HEAD}type T (a, a)\n"),
    _bad("a comma after the last field", f"{_HEAD}type T (a: int,)\n"),
    _bad("a comma after the last word", f"{_HEAD}type T (a, b,)\n"),
    _bad("a semicolon", f"{_HEAD}type T (a: int;)\n"),
    _bad("a word, then a field", f"{_HEAD}type T (a, b: int)\n"),
    _bad("a field, then a word", f"{_HEAD}type T (a: int, b)\n"),
    # Types of fields
    _good("all primitives", f"{_HEAD}type T (a: bool, b: int, c: float, d: string, e: object)\n"),
    _good("nullable ones", f"{_HEAD}type T (a: ?bool, b: ?[]int, c: ?[string]float, d: ?object, e: ?T, f: ?(x, y))\n"),
    _good("arrays", f"{_HEAD}type T (a: []bool, b: []T, c: [](a: int), d: [](x, y), e: []object)\n"),
    _good("maps", f"{_HEAD}type T (a: [string]bool, b: [string]T, c: [string](a: int), d: [string](x, y))\n"),
    _good("a struct in a struct", _nested(14)),
    _only_newer("any", _field("any")),
    _only_newer("any in others", f"{_HEAD}type T (a: ?any, b: []any, c: [string]any, d: ?[]any)\n"),
    _only_ours("a set", _field("[string]()"), _EMPTY),
    _only_ours("a struct without fields", _field("()"), _EMPTY),
    _only_ours("a type without fields", f"{_HEAD}type T ()\n", _EMPTY),
    _only_ours("an array of arrays", _field("[][]int"), _LARGER),
    _only_ours("a map of arrays", _field("[string][]int"), _LARGER),
    _only_ours("an array of what may be null", _field("[]?int"), _LARGER),
    _only_theirs("a struct in a struct, twenty deep", _nested(20), "Nobody needs it, and so deep is nothing checked"),
    _bad("a struct in a struct, seventy deep", _nested(70)),
    _bad("nullable twice", _field("??int")),
    _bad("a space after ?", _field("? int")),
    _bad("a space after []", _field("[] int")),
    _bad("a space after [string]", _field("[string] int")),
    _bad("a space in []", _field("[ ]int")),
    _bad("a map from numbers", _field("[int]string")),
    _bad("a type that is not defined", _field("Tree")),
    _bad("a type that is a method", f"{_HEAD}method M() -> ()\ntype T (a: M)\n"),
    _bad("a type that is an error", f"{_HEAD}error X ()\ntype T (a: X)\n"),
    _bad("a name like that of a primitive", _field("boolean")),
    _bad("a primitive in upper case", _field("Int")),
    _bad("no type", _field("")),
    # Comments
    _good("comments before all names", f"# one\n# two\n{_HEAD}\n# three\ntype T (\n# four\n  a, # five\n  b)\n"),
    _good("comments without a space, with several, and empty ones", f"#one\n#   two\n#\n#\tthree\n{_HEAD}"),
    _good("a comment that is not ASCII", f"# ä \U0001f600\n{_HEAD}"),
    _good("a comment at the end, without a line end", f"{_HEAD}type T (a: int) # one"),
    _good("a comment in a method's empty parentheses", f"{_HEAD}method M( # one\n) -> ()\n"),
    _good("a comment within a comment", f"# one # two\n{_HEAD}"),
    _only_ours("a comment before the last parenthesis", f"{_HEAD}type T (\n  a: int\n  # one\n)\n", _PLACE),
    _only_ours("a comment before a comma", f"{_HEAD}type T (\n  a: int # one\n, b: int)\n", _PLACE),
    _only_ours("a comment before a type", f"{_HEAD}type T (a: # one\n  int)\n", _PLACE),
    _only_ours("a comment before an arrow", f"{_HEAD}method M() # one\n  -> ()\n", _PLACE),
    _only_ours("a comment before the interface's name", "interface # one\n  org.example.x\n", _PLACE),
    _bad("a NUL", f"# one\0two\n{_HEAD}"),
    _bad("a comment that is not UTF-8", f"# caf\udce9\n{_HEAD}"),
)  # fmt: skip
