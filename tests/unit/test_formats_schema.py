"""JSON Schema: each keyword accepts and refuses what the specification says, and the findings help."""

import pytest

from bbhv.formats.jsontext import Json, dump, parse
from bbhv.formats.schema.compiler import compile_schema
from bbhv.formats.schema.pattern import translate
from bbhv.formats.schema.refs import join, unquote
from bbhv.formats.schema.types import Problem, SchemaError, name_of, show

OBJECT: Json = {"a": 1}
REMOTE = "https://example.com/names.json"

# schema, values that match, values that do not
CASES: list[tuple[Json, list[Json], list[Json]]] = [
    (True, [None, 1, {}], []),
    (False, [], [None, 1, {}]),
    ({}, [None, 1, "x", [], {}], []),
    ({"type": "integer"}, [0, -5, 1.0, 1e30], [1.5, "1", True, None]),
    ({"type": "number"}, [0, 1.5], [True, "1"]),
    ({"type": "boolean"}, [True, False], [0, 1, "true"]),
    ({"type": ["string", "null"]}, ["", None], [0, False, []]),
    ({"type": "object"}, [{}], [[], "x"]),
    ({"type": "array"}, [[]], [{}, "x"]),
    ({"enum": [1, "a", [True], {"k": [0]}]}, [1, 1.0, "a", [True], {"k": [0.0]}],
        [True, [1], {"k": [False]}, "b", None]),
    ({"const": 0}, [0, 0.0, -0.0], [False, "", None, []]),
    ({"const": {"a": [1, {}], "b": None}}, [{"b": None, "a": [1.0, {}]}],
        [{"a": [1, {}]}, {"a": [True, {}], "b": None}]),
    ({"minimum": 1, "maximum": 3}, [1, 3, 2.5, "x", True], [0, 3.01]),
    ({"exclusiveMinimum": 1, "exclusiveMaximum": 3}, [2, 1.01], [1, 3]),
    ({"multipleOf": 3}, [0, 9, -3, 6.0, "x"], [1, 4.5]),
    ({"multipleOf": 0.01}, [0.07, 1, 4.35], [0.075]),
    ({"minLength": 2, "maxLength": 3}, ["ab", "😀😀😀", 1], ["a", "abcd"]),
    ({"pattern": "^a+$"}, ["a", "aaa", 5], ["", "ab", "a\n"]),
    ({"pattern": "b"}, ["abc"], ["ac"]),
    ({"minItems": 1, "maxItems": 2}, [[1], [1, 2], {}], [[], [1, 2, 3]]),
    ({"uniqueItems": True}, [[1, "1", True, [1], [True], {"a": 1}, {"a": "1"}], ["a", "b"]],
        [[1, 1.0], [[1], [1]], ["a", "a"]]),
    ({"uniqueItems": False}, [[1, 1]], []),
    ({"minProperties": 1, "maxProperties": 2}, [OBJECT, []], [{}, {"a": 1, "b": 2, "c": 3}]),
    ({"required": ["a", "b"]}, [{"a": None, "b": 1}, "x"], [OBJECT, {}]),
    ({"dependentRequired": {"a": ["b"]}}, [{"b": 1}, {"a": 1, "b": 1}], [OBJECT]),
    ({"properties": {"a": {"type": "string"}, "b": False}}, [{"a": "x", "c": 1}, []], [OBJECT, {"b": 1}]),
    ({"patternProperties": {"^x-": {"type": "null"}, "-y$": False}}, [{"x-a": None, "b": 1}],
        [{"x-a": 1}, {"x-y": None}]),
    (
        {"properties": {"a": {}}, "patternProperties": {"^x": {}}, "additionalProperties": False},
        [{"a": 1, "x1": 2}, {}], [{"b": 1}, {"a": 1, "yx": 1}],
    ),
    ({"additionalProperties": {"type": "null"}}, [{"b": None}], [OBJECT]),
    ({"propertyNames": {"maxLength": 2}}, [{"ab": 1}], [{"abc": 1}]),
    ({"prefixItems": [{"type": "string"}, {}], "items": {"type": "integer"}}, [["a"], ["a", "b", 1, 2], []],
        [[1], ["a", 1, "c"]]),
    ({"prefixItems": [{}], "items": False}, [[1], []], [[1, 2]]),
    ({"items": {"type": "string"}}, [["a", "b"], {}], [["a", 1]]),
    ({"contains": {"const": 1}}, [[0, 1]], [[], [0]]),
    ({"contains": {"const": 1}, "minContains": 2, "maxContains": 3}, [[1, 1], [1, 1, 1]], [[1], [1, 1, 1, 1]]),
    ({"contains": {"const": 1}, "minContains": 0}, [[], [0]], []),
    ({"allOf": [{"minimum": 1}, {"maximum": 3}]}, [2], [0, 4]),
    ({"anyOf": [{"minimum": 3}, {"maximum": 1}]}, [0, 4], [2]),
    ({"oneOf": [{"minimum": 1}, {"maximum": 3}]}, [0, 4], [2]),
    ({"not": {"type": "string"}}, [1], ["x"]),
    ({"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"minimum": 2}}, ["ab", 2], ["a", 1]),
    ({"if": {"type": "string"}, "then": False}, [1], ["a"]),
    ({"dependentSchemas": {"a": {"required": ["b"]}}}, [{}, {"a": 1, "b": 1}], [OBJECT]),
    ({"unevaluatedProperties": False}, [{}, 1], [OBJECT]),
    (
        {"allOf": [{"properties": {"a": {}}}], "properties": {"b": {}}, "unevaluatedProperties": False},
        [{"a": 1, "b": 1}], [{"c": 1}],
    ),
    (
        {"anyOf": [{"properties": {"a": {"const": 1}}, "required": ["a"]}, {"properties": {"b": {}}}],
         "unevaluatedProperties": False},
        [OBJECT, {"b": 1}, {"a": 1, "b": 1}], [{"a": 2}, {"c": 1}],
    ),
    (
        {"if": {"properties": {"a": {"const": 1}}, "required": ["a"]}, "then": {"properties": {"b": {}}},
         "unevaluatedProperties": {"type": "null"}},
        [{"a": 1, "b": 2}, {"a": None, "b": None}], [{"a": 2}, {"b": 2}],
    ),
    ({"not": {"not": {"properties": {"a": {}}}}, "unevaluatedProperties": False}, [{}], [OBJECT]),
    (
        {"properties": {"x": {"properties": {"a": {}}}}, "unevaluatedProperties": False}, [{"x": {"a": 1}}],
        [{"x": {}, "a": 1}],
    ),
    ({"prefixItems": [{}], "contains": {"const": 7}, "unevaluatedItems": False}, [[7], [1, 7, 7]], [[7, 1], [1, 7, 2]]),
    ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "null"}}}, [None], [1]),
    ({"$ref": "#/$defs/100%25", "$defs": {"100%": {"type": "null"}}}, [None], [1]),
    ({"$ref": "#here", "$defs": {"x": {"$anchor": "here", "type": "null"}}}, [None], [1]),
    ({"$ref": "#/$defs/a", "minimum": 3, "$defs": {"a": {"maximum": 5}}}, [4], [2, 6]),
    ({"type": "object", "additionalProperties": {"$ref": "#"}}, [{"a": {"b": {}}}], [{"a": {"b": 1}}]),
    ({"$ref": REMOTE}, ["abc"], ["ABC", 1]),
    ({"$id": "https://example.com/x/top.json", "$ref": "../names.json#/$defs/id"}, ["abc"], ["ABC"]),
    ({"$ref": REMOTE + "#any"}, [1], []),
    (
        {"$id": "https://example.com/list", "$ref": "tree", "$defs": {
            "tree": {"$id": "tree", "$dynamicAnchor": "node", "properties": {"next": {"$dynamicRef": "#node"}}},
            "strict": {"$dynamicAnchor": "node", "$ref": "tree", "unevaluatedProperties": False}}},
        [{"next": {"next": {}}}], [{"next": {"nxt": 1}}],
    ),
    ({"format": "email"}, ["ops@acme.example", "a.b+c@x.y", 5],
        ["ops", "a@", "@b", "a b@c.d", "a..b@c.d", "a@-c.d", "a@b..c"]),
    ({"format": "hostname"}, ["a", "a-b.c1"], ["", "-a", "a_b", "a" * 64, "é"]),
    ({"format": "no-such-format"}, ["anything"], []),
    ({"default": 1, "title": "x", "$comment": "y", "examples": [1], "x-own": {"type": 5}}, [None], []),
    ({"enum": [{"$id": "https://example.com/no", "$ref": "#/nowhere"}]},
        [{"$id": "https://example.com/no", "$ref": "#/nowhere"}], [1]),
]
LIBRARY: dict[str, Json] = {
    REMOTE: {"$id": REMOTE, "$ref": "#/$defs/id", "$defs": {"id": {"type": "string", "pattern": "^[a-z]+$"},
                                                           "any": {"$anchor": "any"}}},
}


@pytest.mark.parametrize(("schema", "right", "wrong"), CASES, ids=[dump(case[0])[:60] for case in CASES])
def test_a_schema_takes_what_is_right_and_refuses_what_is_wrong(schema: Json, right: list[Json],
    wrong: list[Json]) -> None:
    check = compile_schema(schema, library=LIBRARY)
    assert [value for value in right if check.problems(value)] == []
    assert [value for value in wrong if not check.problems(value)] == []


@pytest.mark.parametrize(
    "schema",
    [
        5, None, "x", [], {"type": "text"}, {"type": 5}, {"enum": 5}, {"minimum": "1"}, {"minimum": True},
        {"minLength": -1},
        {"minLength": 1.5}, {"multipleOf": 0}, {"pattern": 5}, {"pattern": "("}, {"pattern": "a**"},
        {"pattern": "\\p{Klingon}"}, {"pattern": "\\p{Script=}"}, {"pattern": "\\p{L}" * 51},
        {"properties": []}, {"properties": {"a": 5}}, {"items": []}, {"allOf": {}}, {"allOf": [5]}, {"$ref": 5},
        {"$ref": "#/nowhere"}, {"$ref": "#nowhere"}, {"$ref": "https://example.com/other"}, {"$ref": "#/a/7", "a": [1]},
        {"dependentRequired": []}, {"$dynamicRef": "#nowhere"}, {"$dynamicRef": 1}, {"$id": "https://a/", "$ref": "b"},
    ],
    ids=lambda schema: dump(schema)[:40],
)
def test_a_wrong_schema_is_refused(schema: Json) -> None:
    with pytest.raises(SchemaError):
        compile_schema(schema).problems("x")


def test_the_place_of_a_mistake_in_a_schema_is_named() -> None:
    with pytest.raises(SchemaError, match="Schema, /properties/a/items/type: \"text\" is not a type"):
        compile_schema({"properties": {"a": {"items": {"type": "text"}}}})


def one(schema: Json, value: Json) -> Problem:
    """The only problem of a value."""
    problems = compile_schema(schema).problems(value)
    assert len(problems) == 1, problems
    return problems[0]


@pytest.mark.parametrize(
    ("schema", "value", "message", "hint"),
    [
        ({"type": "object"}, [1], "The document must be an object, not a list.", ""),
        ({"type": ["integer", "null"], "description": "How many."}, "4",
            'The document must be a whole number or null, not "4".',
         "How many."),
        ({"items": {"type": "boolean"}}, [True, "yes"], '[1] must be true or false, not "yes".', ""),
        ({"properties": {"a b": {"properties": {"c": {"const": 1}}}}}, {"a b": {"c": 2}},
            "[\"a b\"].c must be 1, not 2.", ""),
        ({"enum": ["enabled", "suspended"]}, "enable",
            'The document must be one of "enabled", "suspended", not "enable".',
         "Did you mean enabled?"),
        ({"enum": ["x"]}, 5, 'The document must be "x", not 5.', ""),
        ({"minimum": 2}, 1, "The document must be at least 2, not 1.", ""),
        ({"exclusiveMaximum": 2.5}, 3, "The document must be less than 2.5, not 3.", ""),
        ({"minLength": 1}, "", "The document must not be empty.", ""),
        ({"maxLength": 1}, "abc", "The document must have at most 1 character, not 3.", ""),
        ({"minItems": 2}, [1], "The document must have at least 2 items, not 1.", ""),
        ({"maxProperties": 1}, {"a": 1, "b": 2}, "The document must have at most 1 key, not 2.", ""),
        ({"pattern": "^a$"}, "b", 'The document does not have the right form: "b".', "It must match ^a$"),
        ({"pattern": "^a$", "description": "Write an a."}, "b" * 99,
            f'The document does not have the right form: "{"b" * 48}…".',
         "Write an a."),
        ({"uniqueItems": True}, [1, 2, 1], "[2] repeats an earlier item of its list: 1.", "Keep one of them."),
        ({"required": ["a"], "properties": {"a": {"description": "The a."}}}, {}, "The document must have the key a.",
            "The a."),
        ({"dependentRequired": {"a": ["b"]}}, OBJECT, "The document must have the key b, because it has the key a.",
            ""),
        ({"properties": {"branch": True}, "additionalProperties": False}, {"brnch": 1},
            'Key "brnch" is not known in the document.',
         "Did you mean branch?"),
        ({"properties": {"o": {"properties": {"b": {}, "a": {}}, "additionalProperties": False}}}, {"o": {"zzz": 1}},
         'Key "zzz" is not known in o.', "Known keys: a, b."),
        ({"propertyNames": {"pattern": "^a", "description": "It starts with a."}}, {"b": 1},
         'Key "b" is not allowed in the document.', "It starts with a."),
        ({"unevaluatedProperties": False}, {"b": 1}, 'Key "b" is not known in the document.', ""),
        ({"properties": {"a": False}}, OBJECT, "a is not allowed.", ""),
        ({"not": {"const": 1}}, 1, "The document may not be 1.", ""),
        ({"anyOf": [{"type": "null"}, {"type": "string"}, {"enum": [2, 3]}]}, 1,
            "The document must be null, a string or 2, 3, not 1.", ""),
        ({"properties": {"a": {"oneOf": [{"properties": {"kind": {"const": "x"}, "n": {"type": "integer"}}},
                                         {"properties": {"kind": {"const": "y"}}}]}}}, {"a": {"kind": "x", "n": "1"}},
            'a.n must be a whole number, not "1".', ""),
        ({"oneOf": [{"properties": {"kind": {"const": "x"}}}, {"properties": {"kind": {"const": "y"}}}],
          "description": "A thing."}, {"kind": "z"}, 'kind must be "x" or "y", not "z".', "A thing."),
        ({"anyOf": [{"minimum": 5}, {"maximum": 1}]}, 3, "The document has none of the allowed forms: 3.",
            "The nearest of them says: The document must be at least 5, not 3."),
        ({"anyOf": [{"properties": {"a": {"minimum": 1}, "b": {"minimum": 1}}}, {"properties": {"b": {"minimum": 2}}}]},
            {"a": 0, "b": 0}, "b must be at least 2, not 0.", ""),
        ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, {}, "The document has none of the allowed forms: an "
            "empty object.", "The nearest of them says: The document must have the key a."),
        ({"anyOf": [{"type": "null"}, {"type": "string", "minLength": 3}]}, "x",
            "The document must have at least 3 characters, not 1.",
         ""),
        ({"oneOf": [{}, False, True]}, 1, "The document has more than one of the allowed forms.",
            "Only one may fit, but the forms 1 and 3 do."),
        ({"contains": {"const": 1, "description": "Give a one."}}, [2],
            "The document must have at least 1 item of the required form, not 0.", "Give a one."),
        ({"contains": {"const": 1}, "maxContains": 2}, [1, 1, 1],
            "The document must have at most 2 items of this form, not 3.", ""),
        ({"not": {"required": ["a", "b"]}}, {"a": 1, "b": 2},
            'The document may not have the keys "a" and "b" together.', ""),
        ({"not": {"required": ["a"]}, "description": "It went away."}, OBJECT, 'The document may not have the key "a".',
            "It went away."),
        ({"not": {"properties": {"a": {"const": 1}}}}, OBJECT, "The document may not have this form.", ""),
        ({"propertyNames": {"enum": ["size"]}}, {"sizes": 1}, 'Key "sizes" is not allowed in the document.',
            "Did you mean size?"),
        ({"propertyNames": {"maxLength": 2}}, {"abc": 1}, 'Key "abc" is not allowed in the document.',
            "abc must have at most 2 characters, not 3."),
        ({"allOf": [{"properties": {"branch": {}}}], "unevaluatedProperties": False}, {"brnch": 1},
            'Key "brnch" is not known in the document.', "Did you mean branch?"),
        ({"enum": [*range(30)]}, -1, f"The document must be one of {', '.join(map(str, range(20)))}, …, not -1.", ""),
        ({"format": "email"}, "x", 'The document must be an e-mail address, not "x".', ""),
        ({"multipleOf": 3}, 4, "The document must be a multiple of 3, not 4.", ""),
        ({"properties": {"a": {"type": "string", "minLength": 3, "pattern": "x"}}}, OBJECT,
            "a must be a string, not 1.", ""),
    ],
)
def test_a_problem_says_what_is_wrong_and_what_is_right(schema: Json, value: Json, message: str, hint: str) -> None:
    problem = one(schema, value)
    assert (problem.message, problem.hint) == (message, hint)


def test_all_problems_come_at_once_in_the_order_of_the_document() -> None:
    schema = compile_schema({
        "required": ["z"], "properties": {"a": {"type": "string"}, "b": {"items": {"minimum": 5}}},
        "additionalProperties": False,
    })
    located, _ = parse("f.json", b'{\n "c": 1,\n "b": [7, 3,\n  4],\n "a": 1}')
    assert located is not None
    assert [str(finding).partition(" hint")[0] for finding in schema.check(located)] == [
        "f.json:1:1: error[BB104]: The document must have the key z.",
        'f.json:2:2: error[BB104]: Key "c" is not known in the document.',
        "f.json:3:11: error[BB104]: b[1] must be at least 5, not 3.",
        "f.json:4:3: error[BB104]: b[2] must be at least 5, not 4.",
        "f.json:5:7: error[BB104]: a must be a string, not 1.",
    ]


def test_a_schema_that_describes_endless_work_ends() -> None:
    assert "too deeply" in one({"$ref": "#"}, 1).message
    assert "too deeply" in one({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}, 1).message
    laughs: dict[str, Json] = {f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}] * 10} for n in range(9)}
    assert "takes too long" in one({"$ref": "#/$defs/l0", "$defs": {**laughs, "l9": {"type": "null"}}}, None).message
    deep: Json = {}
    for _ in range(5000):
        deep = {"items": deep}
    with pytest.raises(SchemaError, match="too deeply"):
        compile_schema(deep)


def test_the_number_of_problems_is_bounded() -> None:
    assert len(compile_schema({"items": {"type": "string"}}).problems([1] * 5000)) == 200


def test_formats_can_be_left_to_be_annotations() -> None:
    assert compile_schema({"format": "email"}, formats=False).problems("x") == ()


def test_a_vocabulary_that_the_meta_schema_leaves_out_does_not_count() -> None:
    base = "https://json-schema.org/draft/2020-12/vocab/"
    meta: Json = {"$id": "https://example.com/meta", "$vocabulary": {base + "core": True, base + "applicator": True}}
    schema: Json = {"$schema": "https://example.com/meta", "properties": {"a": False, "b": {"minimum": 5}}}
    check = compile_schema(schema, library={"https://example.com/meta": meta})
    assert check.problems({"b": 1}) == () and check.problems(OBJECT)


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
        (r"^\d+$", "12", "١٢"), (r"^\w$", "a", "é"), (r"^\s$", "\u2003", "a"), (r"^\S$", "a", "\ufeff"),
        (r"^[\s]$", "\xa0", "x"),
        (r"^[\S]$", "x", "\xa0"), (r"^[^\s]$", "x", "\u2028"), ("^.$", "\x85", "\u2029"), (r"^\u00e9\x41$", "éA", "e"),
        (r"^\ud83d\ude00$", "😀", "x"), (r"^\u{1F600}$", "😀", "x"), (r"^\cA$", "\x01", "A"), (r"^\0$", "\0", "0"),
        (r"^(?<y>a)\k<y>$", "aa", "a"), (r"^(a)\1$", "aa", "a"), (r"^a{2,3}$", "aaa", "a"), ("^a{,2}$", "a{,2}", "aa"),
        ("^x{$", "x{", "x"), ("^[^]$", "\n", ""), ("^(?:a|b)+?$", "ab", "c"),
        ("^(?=a)a(?!b)$", "a", "ab"), ("(?<=a)b", "ab", "cb"), ("(?<!a)b", "cb", "ab"), ("^[[&|~-]+$", "[&|~-", "a"),
        (r"^[\b]$", "\b", "b"), (r"\bfoo\b", "a foo b", "afoob"), (r"^\/\.-$", "/.-", "x"),
        (r"^[\-]$", "-", "a"),
        (r"^\p{L}+$", "aÉß中", "a1"), (r"^\P{L}$", "1", "é"), (r"^\p{Uppercase_Letter}$", "É", "é"),
        (r"^\p{Script=Greek}+$", "λόγος", "logos"), (r"^\p{sc=Grek}$", "λ", "l"),
        (r"^\p{scx=Deva}$", "\u0964", "x"),
        (r"^\p{Script=Devanagari}$", "\u0915", "\u0964"), (r"^\p{gc=Nd}$", "৪", "x"), (r"^\p{LC}$", "a", "ª"),
        (r"^\p{Alphabetic}$", "ⅷ", "1"), (r"^\p{White_Space}$", "\u3000", "\u200b"), (r"^\p{Emoji}$", "😀", "x"),
        (r"^\p{ASCII}$", "~", "é"), (r"^\p{Any}$", "\ud800", ""), (r"^[\p{Lu}\d_-]+$", "É1-_", "é"),
        (r"^[^\p{L}]$", "1", "é"), (r"^[\P{L}x]$", "x", "y"), (r"^[^\P{L}]$", "y", "1"),
        (r"^[^\P{Any}]$", "\n", ""),
        (r"^\p{ID_Start}\p{ID_Continue}*$", "été1", "1a"), (r"^(?:x\P{Any}|a)$", "a", "x"),
        (r"^(?:(a)|b)\1$", "b", "ab"), (r"^(?<ä>a)?\k<ä>$", "aa", "aaa"), (r"^[+--]$", ",", "a"),
        (r"^[--/]$", ".", "0"),
        (r"^[a-]$", "-", "b"), (r"^[-a]$", "-", "b"), (r"^[a-c-e]$", "-", "d"), (r"^[]|^x$", "x", "y"),
    ],
)
def test_patterns_mean_what_they_mean_in_ecmascript(pattern: str, right: str, wrong: str) -> None:
    schema = compile_schema({"pattern": pattern})
    assert schema.problems(right) == ()
    assert schema.problems(wrong)


@pytest.mark.parametrize(
    "pattern",
    [r"\Z", r"\A", r"\a", "(?P<x>a)", "(?i)a", "(?#c)", "a++", "a*+", "a{2}+", "(?>a)", "[a", r"\u{110000}", r"\pL",
        "\\", r"\-", r"\p", r"\p{}", r"\p{l}", r"\p{Joining_Type:D}", r"\p{Script=Foo}", r"\p{sc=Latin|}",
        r"[\p{Lu}-z]",
        r"[\w-.]", r"[a-\d]", r"\k", r"\k<1>", "(?i:a)", "(?P=a)"],
)
def test_patterns_that_only_python_knows_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="The pattern"):
        translate(pattern)


def test_references_are_joined_as_rfc_3986_says() -> None:
    base = "http://a/b/c/d;p?q"
    table = {
        "g:h": "g:h", "g": "http://a/b/c/g", "./g": "http://a/b/c/g", "g/": "http://a/b/c/g/", "/g": "http://a/g",
        "//g": "http://g",
        "?y": "http://a/b/c/d;p?y", "g?y": "http://a/b/c/g?y", "#s": "http://a/b/c/d;p?q#s", "g#s": "http://a/b/c/g#s",
        "": "http://a/b/c/d;p?q", ".": "http://a/b/c/", "..": "http://a/b/", "../g": "http://a/b/g",
        "../..": "http://a/",
        "../../../g": "http://a/g", "/./g": "http://a/g", "g.": "http://a/b/c/g.", "g/./h": "http://a/b/c/g/h",
        "g/../h": "http://a/b/c/h", "g?y/./x": "http://a/b/c/g?y/./x",
    }
    assert {reference: join(base, reference) for reference in table} == table
    assert unquote("a%25b%e2%82%ac%zz%") == "a%b€%zz%"


def test_values_are_shown_briefly() -> None:
    values: list[Json] = [None, True, 1.5, "a" * 60, [], [1], {}, OBJECT]
    assert [show(value) for value in values] == [
        "null", "true", "1.5", f'"{"a" * 48}…"', "an empty list", "a list", "an empty object", "an object"
    ]
    assert name_of(("a", 0, "b c", "d-e")) == 'a[0]["b c"].d-e'
