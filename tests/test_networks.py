"""Options as written, typed by the JSON Schema of a network; and schemas that mean harm."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from calsync.model import Json
from calsync.networks import MOST_PROBLEMS, Network, as_recorded
from calsync.schemas import MAX_DEPTH, MAX_NODES, pruned

X: dict[str, Json] = {
    "type": "object",
    "properties": {
        "who_can_reply_post": {"type": "string", "enum": ["everyone", "following", "verified"]},
        "community": {"type": "string", "pattern": "^(a+)+$", "maxLength": 20},
        "made_with_ai": {"type": "boolean"},
        "delay": {"type": "integer", "minimum": 0},
        "ratio": {"type": "number"},
        "level": {"enum": [1, True, "low"]},
        "people": {"type": "array", "items": {"$ref": "#/definitions/Person"}, "maxItems": 2},
        "cover": {"oneOf": [{"type": "null"}, {"type": "integer"}, {"type": "object", "properties": {"at": {"type": "number"}}}]},
        "tags": {"type": "array", "items": {"$ref": "#/definitions/Person"}},
        "__type": {"type": "string"},
    },
    "required": ["who_can_reply_post", "__type"],
    "definitions": {
        "Person": {"type": "object", "properties": {"label": {"type": "string", "minLength": 1}, "age": {"type": "integer"}}, "required": ["label"], "additionalProperties": False},
    },
}  # fmt: skip
NETWORK = Network.of("x", X)
FINE: dict[str, Json] = {"who_can_reply_post": "everyone"}


@pytest.mark.parametrize(
    ("name", "written", "typed"),
    [
        ("made_with_ai", "true", True),
        ("made_with_ai", "False", False),
        ("community", "true", "true"),
        ("community", "007", "007"),
        ("delay", "5", 5),
        ("ratio", "0.5", 0.5),
        ("ratio", "2", 2),
        ("level", "1", 1),
        ("level", "true", True),
        ("level", "low", "low"),
        ("people", [{"label": "12", "age": "12"}], [{"label": "12", "age": 12}]),
        ("cover", "3", 3),
        ("cover", {"at": "1.5"}, {"at": 1.5}),
        ("cover", None, None),
        ("tags", ["a", "b"], ["a", "b"]),
        ("short_link", "true", True),
    ],
)
def test_text_becomes_what_the_network_takes(name: str, written: Json, typed: Json) -> None:
    """Text stays text where text may stand; elsewhere it is the truth, number or null that it spells."""
    options, problems = NETWORK.typed(FINE | {name: written})
    assert problems == ()
    assert (options[name], type(options[name])) == (typed, type(typed))


def test_a_network_s_own_option_may_have_the_name_of_one_that_all_have() -> None:
    """`settings.` before it says which is meant, and is nothing before any other name."""
    options, problems = NETWORK.typed(
        FINE | {"tags": ["a"], "settings.tags": [{"label": "b"}], "settings.delay": "1"}
    )
    assert problems == ()
    assert dict(options) == FINE | {"tags": ["a"], "settings.tags": [{"label": "b"}], "delay": 1}
    _, problems = NETWORK.typed(FINE | {"delay": "1", "settings.delay": "2"})
    assert [each.code for each in problems] == ["duplicate-key"]


@pytest.mark.parametrize(
    ("written", "code", "path", "words"),
    [
        ({}, "missing-key", "", ("needs who_can_reply_post", "one of everyone, following and verified")),
        (FINE | {"comunity": "x"}, "unknown-key", "comunity", ("has no option comunity", "did you mean community?")),
        (FINE | {"zzz": "x"}, "unknown-key", "zzz", ("known here: community, cover,",)),
        (FINE | {"__type": "x"}, "unknown-key", "__type", ()),
        ({"who_can_reply_post": "everyon"}, "bad-value", "who_can_reply_post", ("expected everyone, following or verified, found 'everyon'", "did you mean everyone?")),
        (FINE | {"made_with_ai": "yes"}, "wrong-type", "made_with_ai", ("expected true or false, found 'yes'", "write true")),
        (FINE | {"delay": "soon"}, "wrong-type", "delay", ("expected a whole number",)),
        (FINE | {"delay": "-1"}, "bad-value", "delay", ("wants at least 0",)),
        (FINE | {"community": ["a"]}, "wrong-type", "community", ("expected text, found a list",)),
        (FINE | {"community": "b" * 21}, "too-long", "community", ("has 21 characters; x takes at most 20",)),
        (FINE | {"people": "me"}, "wrong-type", "people", ("expected a list, found 'me'", "write [me]")),
        (FINE | {"people": [{"label": "a"}, {"age": "1"}]}, "missing-key", "people.1", ("people.1: x needs label",)),
        (FINE | {"people": [{"label": "a", "lable": "b"}]}, "unknown-key", "people.0.lable", ("did you mean label?",)),
        (FINE | {"people": [{"label": None}]}, "wrong-type", "people.0.label", ("found nothing", 'quote it ("null")')),
        (FINE | {"cover": "x"}, "wrong-type", "cover", ("expected a mapping or a whole number or null",)),
        (FINE | {"tags": "a"}, "wrong-type", "tags", ("write [a]",)),
        (FINE | {"tags": ["a", "a"]}, "repeated", "tags", ()),
        (FINE | {"short_link": "1"}, "wrong-type", "short_link", ()),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_where_it_stands(
    written: dict[str, Json], code: str, path: str, words: tuple[str, ...]
) -> None:
    """Unknown names with a suggestion, wrong types, values that are not offered, what is missing, what is too long."""
    _, [problem] = NETWORK.typed(written)
    assert (problem.code, problem.path) == (code, path)
    for each in words:
        assert each in f"{problem.message} ({problem.hint})"


@pytest.mark.parametrize(
    "described", [None, {}, {"type": "string"}, {"properties": 3}, {"$ref": "http://a.b/c"}]
)
def test_where_nothing_is_known_options_are_text(described: dict[str, Json] | None) -> None:
    """No reference is followed out of the description; what every network has is typed all the same."""
    network = Network.of("mastodon", described)
    assert network.schema is None
    options, problems = network.typed({"a": "1", "b": ["true"], "short_link": "true"})
    assert (dict(options), problems) == ({"a": "1", "b": ["true"], "short_link": True}, ())


def test_a_network_without_options_has_none() -> None:
    """That no option is described is something known."""
    _, [problem] = Network.of("y", {"type": "object", "properties": {}}).typed({"a": "1"})
    assert problem.code == "unknown-key"


def test_what_was_typed_before_keeps_its_type() -> None:
    """Also once the service no longer says what it was; what is written otherwise by now does not."""
    written: dict[str, Json] = {
        "a": "true",
        "b": "5",
        "c": ["1", {"d": "x"}],
        "e": "no",
        "settings.tags": ["1"],
    }
    bare, _ = Network.of("z", None).typed(written)
    recorded: dict[str, Json] = {"a": True, "b": 5, "c": [1, {"d": "x"}], "e": False, "settings.tags": [1]}
    expected = recorded | {"e": "no"}
    assert dict(as_recorded(written, bare, recorded)) == expected


# -- schemas that mean harm ---------------------------------------------------------------------------------------


def nodes(schema: Any, depth: int = 0) -> tuple[int, int]:
    """How many schemas there are, and how deep."""
    counts = [(1, depth)]
    if isinstance(schema, dict):
        inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ()), *schema.get("allOf", ())]
        inner += [
            schema[each] for each in ("items", "additionalProperties") if isinstance(schema.get(each), dict)
        ]
        counts += [nodes(each, depth + 1) for each in inner]
    return sum(count for count, _ in counts), max(deep for _, deep in counts)


DEEP: Any = {"type": "string"}
for _ in range(400):
    DEEP = {"properties": {"a": DEEP, "b": {"anyOf": [{}, {}]}}}


@pytest.mark.parametrize(
    "described",
    [
        {"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}, "c": {"items": {"$ref": "#"}}}},
        {"$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}}},
        {"properties": {"a": {"$ref": "#/properties/a"}}},
        {"properties": {"a": {"$ref": "file:///etc/passwd"}, "b": {"$ref": "https://evil.example/x.json"}}},
        {"properties": {"a": {"enum": [str(each) for each in range(100_000)]}}},
        {"properties": {f"a{each}": {"type": "string"} for each in range(50_000)}, "additionalProperties": False},
        {"properties": {"a": {"pattern": "(a+)+$", "type": "string"}}, "patternProperties": {"(x+)+y": {}}},
        {"properties": {"a": {"anyOf": [{"anyOf": [{"$ref": "#"}] * 50}] * 50}}},
        {"properties": {"a": {"type": ["string", 3, None], "minLength": -1, "maxLength": 10**400, "minimum": float("nan")}}},
        {"properties": {"a": {"$dynamicRef": "#x", "$id": "https://evil.example", "$schema": "https://evil.example"}}},
        {"properties": {"a": {"not": {}}, "b": {"not": {"pattern": "x"}}, "c": {"oneOf": [{"pattern": "x"}, {"pattern": "y"}]}}},
        DEEP,
    ],
)  # fmt: skip
def test_a_schema_that_means_harm_is_cut_to_size(described: dict[str, Json]) -> None:
    """Recursion, references, endless lists and patterns cost nothing and refuse nothing that they might not."""
    began = time.process_time()
    schema = pruned(described)
    count, depth = nodes(schema)
    assert count <= 2 * MAX_NODES
    assert depth <= MAX_DEPTH + 1
    written: dict[str, Json] = {"a": "a" * 200 + "!", "b": {"a": "1"}, "c": ["x"]}
    _, problems = Network.of("evil", described).typed(written)
    assert {each.code for each in problems} <= {"wrong-type", "unknown-key"}
    assert time.process_time() - began < 20


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
WORDS = st.sampled_from(
    ["type", "enum", "const", "properties", "required", "items", "additionalProperties", "anyOf", "oneOf", "allOf", "not", "$ref", "nullable", "minLength", "maximum", "uniqueItems", "pattern", "a", "b"]
)  # fmt: skip
VALUES = st.sampled_from(["string", "boolean", "integer", "array", "object", "#", "#/properties/a", "a", "b"])
SCHEMAS = st.recursive(
    VALUES | st.none() | st.booleans() | st.integers(-1, 3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=40,
)
WRITTEN = st.dictionaries(
    st.sampled_from(["a", "b", "c", "tags", "short_link", "settings.a", "settings.tags"]),
    st.recursive(
        st.none() | st.sampled_from(["true", "1", "1.5", "", "text", "a"]) | st.text(max_size=6),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
        max_leaves=6,
    ),
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(WORDS, SCHEMAS, max_size=6) | st.dictionaries(st.text(max_size=8), JSON, max_size=4),
    WRITTEN,
)
def test_any_description_types_any_options(described: dict[str, Json], written: dict[str, Json]) -> None:
    """Whatever a service describes and a person writes: a result, a bounded number of problems, each with a place."""
    network = Network.of("any", described)
    Draft202012Validator.check_schema(pruned(described))
    options, problems = network.typed(written)
    assert len(problems) <= MOST_PROBLEMS
    assert all(
        not each.path or each.path.split(".")[0] in {name.split(".")[0] for name in written}
        for each in problems
    )
    again, _ = network.typed(written)
    assert again == options
    assert dict(as_recorded(written, options, dict(options))) == dict(options)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from("abcd"),
        st.sampled_from([{"type": "string"}, {"type": "boolean"}, {"type": "integer"}, {"enum": ["x", 1]}, {"type": "array", "items": {"type": "number"}}]),
        min_size=1,
    ),
    st.data(),
)  # fmt: skip
def test_what_the_schema_takes_is_taken_as_written(properties: dict[str, Json], data: st.DataObject) -> None:
    """Every value that fits, spelled as a person would in YAML, is typed back into itself without a problem."""
    strategies: dict[str, st.SearchStrategy[Json]] = {
        "string": st.text(max_size=5),
        "boolean": st.booleans(),
        "integer": st.integers(-1000, 1000),
        "array": st.lists(st.integers(0, 9) | st.sampled_from([0.5, 1.25]), max_size=3),
    }
    values: dict[str, Json] = {
        name: data.draw(st.sampled_from(["x", 1]) if "enum" in each else strategies[str(each["type"])])
        for name, each in properties.items()
        if isinstance(each, dict)
    }
    options, problems = Network.of("n", {"properties": properties}).typed(
        {name: spelled(value) for name, value in values.items()}
    )
    assert problems == ()
    assert options == values


def spelled(value: Json) -> Json:
    if isinstance(value, list):
        return [spelled(each) for each in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
