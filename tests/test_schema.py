"""The schema: fields typed from text, options per platform, and the JSON Schema that editors get."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from calsync.document import Map, Node, Null, Seq, pack, parse
from calsync.editors import json_schema
from calsync.options import PHOTO_ONLY, PLATFORMS, VIDEO_ONLY, spellings
from calsync.reading import OptionValues, read, read_options
from calsync.schema import SERVICES, CalendarFile, Defaults, PostItem, ProjectFile

Problem = tuple[str, str, str | None]


def mapping(text: str) -> Map:
    root = parse(text.encode(), "f").root
    assert isinstance(root, Map)
    return root


def post(text: str) -> tuple[PostItem, list[Problem]]:
    problems: list[Problem] = []
    model = read(
        PostItem, mapping(text), lambda code, _, message, hint: problems.append((code, message, hint))
    )
    return model, problems


def options(
    text: str, platform: str = "tiktok", others: tuple[str, ...] = ()
) -> tuple[OptionValues, list[Problem]]:
    problems: list[Problem] = []
    values = read_options(
        mapping(text), platform, others, lambda code, _, message, hint: problems.append((code, message, hint))
    )
    return values, problems


def test_text_means_what_it_says() -> None:
    """The contract's own examples: yes, 007, numbers and dates are text where text is wanted."""
    model, problems = post("id: 007\ncaption: yes\ntitle: 2026-01-01\nmedia: 1.0\naccounts: [1, true]\n")
    assert problems == []
    assert (model.id, model.caption, model.title, model.media) == ("007", "yes", "2026-01-01", ("1.0",))
    assert model.accounts == ("1", "true")
    assert post("caption: null\ntitle: ~\n")[0].caption == "null"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("caption:", "empty-value"),
        ("caption: [a]", "wrong-type"),
        ("caption: {a: b}", "wrong-type"),
        ("cancel: yes", "wrong-type"),
        ("cancel: 1", "wrong-type"),
        ("cancel:", "wrong-type"),
        ("id: Teaser", "bad-id"),
        ("id: -x", "bad-id"),
        ("id: a/b", "bad-id"),
        (f"id: {'x' * 65}", "bad-id"),
        ("accounts: brand", "wrong-type"),
        ("accounts: []", "empty-value"),
        ("accounts: [a, b, a]", "repeated"),
        ("media: []", "empty-value"),
        ("media: ''", "empty-value"),
        ("media: {file: a}", "unknown-key"),
        ("media: {}", "missing-key"),
        ("media: {id: ''}", "empty-value"),
        ("media: [{id: a}]", "wrong-type"),
        ("intent: later", "bad-value"),
        ("previously: a/b/c", "bad-id"),
        ("timezone: EST", "unknown-zone"),
        ("options: [a]", "wrong-type"),
        ("overrides: [a]", "wrong-type"),
        ("overrides: {a: b}", "wrong-type"),
        ("overrides: {a: {id: b}}", "unknown-key"),
        ("overrides: {a: {accounts: [b]}}", "unknown-key"),
        ("overrides: {a: {overrides: {}}}", "unknown-key"),
        ("overrides: {a: {previously: b}}", "unknown-key"),
        ("titel: x", "unknown-key"),
        ("at: 14:30", "bad-time"),
        ("thread: One", "wrong-type"),
        ("thread: [[One]]", "wrong-type"),
        ("thread: ['']", "empty-value"),
        ("thread: [{media: {id: a}}]", "wrong-type"),
        ("thread: [{caption: One}]", "unknown-key"),
    ],
)
def test_what_a_post_may_not_say(text: str, code: str) -> None:
    """A field that does not fit its kind is one error with its code."""
    assert [each[0] for each in post(text)[1]] == [code]


def test_true_and_false_in_any_case() -> None:
    """A flag is true or false, however it is capitalised; anything else names what was expected."""
    assert [post(f"cancel: {word}")[0].cancel for word in ("true", "TRUE", "False", "'true'")] == [
        True,
        True,
        False,
        True,
    ]
    assert post("cancel: on")[1] == [("wrong-type", "expected true or false, found 'on'", "write true")]


def test_what_is_wrong_is_taken_out_and_the_rest_stays() -> None:
    """One bad field hides neither the other problems nor the good fields."""
    model, problems = post(
        "id: a\nat: never\ncaption: [x]\ntitle: fine\nbad: 1\noverrides: {b: {cancel: x, title: y}}"
    )
    assert sorted(code for code, _, _ in problems) == ["bad-time", "unknown-key", "wrong-type", "wrong-type"]
    assert (model.id, model.title, model.caption, model.at) == ("a", "fine", None, None)
    assert model.overrides is not None
    assert model.overrides["b"].title == "y"


def test_did_you_mean() -> None:
    """An unknown key names the nearest known one, at every level."""
    assert post("acounts: [a]")[1][0][2] == "did you mean accounts?"
    assert post("overrides: {a: {captoin: b}}")[1][0][2] == "did you mean caption?"
    assert options("privacylevel: SELF_ONLY")[1][0][2] == "did you mean privacy_level?"


def test_options_in_both_spellings() -> None:
    """snake_case and the service's camelCase are one option; writing both is an error at the second."""
    values, problems = options("privacyLevel: SELF_ONLY\ndisable_duet: true\nvideoCoverTimestampMs: 1000\n")
    assert problems == []
    assert values.values == {
        "privacy_level": "SELF_ONLY",
        "disable_duet": True,
        "video_cover_timestamp_ms": 1000,
    }
    assert [each[0] for each in options("disableDuet: true\ndisable_duet: true")[1]] == ["duplicate-key"]


def test_null_takes_an_option_back() -> None:
    """A plain null removes an option; a quoted one is a value like any other."""
    values, problems = options("disable_duet: null\nprivacy_level: ~\ndisable_stitch:\n")
    assert problems == []
    assert values.removed == {"disable_duet", "privacy_level", "disable_stitch"}
    assert [each[0] for each in options("disable_duet: 'null'")[1]] == ["wrong-type"]


@pytest.mark.parametrize(
    "text",
    [
        "privacy_level: public",
        "privacy_level: PUBLIC",
        "disable_duet: maybe",
        "video_cover_timestamp_ms: 1.5",
        "video_cover_timestamp_ms: -1",
        "video_cover_timestamp_ms: 99999999999",
        "photo_cover_index: 35",
        "photo_cover_index: 01",
        "photo_cover_index: ' 1'",
        "is_aigc: true",
    ],
)
def test_tiktok_options_are_typed(text: str) -> None:
    """Words, flags and numbers outside their range are errors, and so is what the platform does not have."""
    values, problems = options(text)
    assert len(problems) == 1
    assert values.values == {}


def test_other_platforms_have_their_own_options() -> None:
    """Options belong to a platform; one that only another platform knows is set apart, not called unknown."""
    values, problems = options(
        "visibility: public\nmade_for_kids: false\nfirstComment: {text: hi}\n", "youtube"
    )
    assert problems == []
    assert values.values == {"visibility": "public", "made_for_kids": False, "first_comment": {"text": "hi"}}
    values, problems = options("privacy_level: SELF_ONLY", "bluesky", ("tiktok",))
    assert (list(values.foreign), problems) == (["privacy_level"], [])
    assert [each[0] for each in options("privacy_level: SELF_ONLY", "bluesky")[1]] == ["unknown-key"]


def test_what_fits_only_one_kind_of_media_is_an_option_of_tiktok() -> None:
    """The lists of options that mean nothing on photos or on video name real options, none of them in both."""
    assert set(PLATFORMS["tiktok"].model_fields) >= VIDEO_ONLY | PHOTO_ONLY
    assert not VIDEO_ONLY & PHOTO_ONLY


@pytest.mark.parametrize("platform", PLATFORMS)
def test_spellings_are_one_to_one(platform: str) -> None:
    """No spelling means two options, and every option has its own name among its spellings."""
    accepted = spellings(platform)
    assert set(accepted.values()) == set(PLATFORMS[platform].model_fields)
    assert all(accepted[name] == name for name in PLATFORMS[platform].model_fields)


# -- JSON Schema --------------------------------------------------------------------------------------------------


def references(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from references(each)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def objects(node: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(node, Mapping):
        if isinstance(node.get("properties"), Mapping):
            yield path, node
        for key, each in node.items():
            yield from objects(each, f"{path}/{key}")


@pytest.mark.parametrize("which", ["calendar", "project"])
def test_json_schema_is_whole(which: Literal["calendar", "project"]) -> None:
    """It is plain JSON, every reference leads somewhere, and its patterns compile."""
    schema = json.loads(json.dumps(json_schema(which)))
    for reference in references(schema):
        node = schema
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
    assert all(re.compile(each) for each in re.findall(r'"pattern": "([^"]+)"', json.dumps(schema)))
    assert schema["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize("which", ["calendar", "project"])
def test_every_field_is_described_with_an_example(which: Literal["calendar", "project"]) -> None:
    """Editors show what a field means and how it looks; nothing beyond the fields is allowed."""
    for path, node in objects(json_schema(which)):
        assert node.get("additionalProperties") is not True or path.endswith("Comment"), path
        for name, field in node["properties"].items():
            if (
                "$ref" in field
                or "/anyOf" in path
                or "/if" in path
                or "/else" in path
                or name in ("text", "id")
            ):
                continue
            assert field.get("description"), f"{path}/{name}"
            assert field.get("examples") or field.get("enum") or "properties" in field, f"{path}/{name}"


def test_json_schema_asks_for_what_is_required() -> None:
    """A post needs id and at, a calendar its posts, an account its provider."""
    calendar, project = json_schema("calendar"), json_schema("project")
    assert calendar["required"] == ["posts"]
    assert calendar["$defs"]["PostItem"]["required"] == ["id", "at"]
    assert project["$defs"]["AccountItem"]["required"] == ["provider"]


def _nodes() -> st.SearchStrategy[Node]:
    words = st.sampled_from(
        [
            "",
            "true",
            "no",
            "draft",
            "7",
            "2031-03-15 14:00",
            "Europe/Berlin",
            "brand",
            "a b",
            "\n",
            "15m",
            "20%",
        ]
    )
    keys = st.sampled_from(
        [*PostItem.model_fields, *ProjectFile.model_fields, "id", "text", "brand", "unknown"]
    )

    def mapping(pairs: dict[str, Node]) -> Map:
        made = Map(pack(1, 1))
        for line, (key, value) in enumerate(pairs.items(), 1):
            made.key_at[key], made.value_at[key] = pack(line, 1), pack(line, 9)
            made[key] = value
        return made

    def listed(items: list[Node]) -> Seq:
        made = Seq(pack(1, 1))
        made.extend(items)
        made.item_at = [pack(line, 3) for line in range(1, len(items) + 1)]
        return made

    leaves = words | words.map(Null)
    return st.recursive(
        leaves,
        lambda inner: (
            st.dictionaries(keys, inner, max_size=6).map(mapping) | st.lists(inner, max_size=3).map(listed)
        ),
        max_leaves=12,
    )


@settings(max_examples=300)
@given(
    model=st.sampled_from(
        [PostItem, CalendarFile, Defaults, ProjectFile, *SERVICES.values(), *PLATFORMS.values()]
    ),
    node=_nodes().filter(lambda each: isinstance(each, Map)),
)
def test_reading_takes_what_pydantic_takes(model: type[BaseModel], node: Map) -> None:
    """Our own way through a model takes and refuses exactly what pydantic does, and reads the same values."""
    try:
        whole = model.model_validate(node)
    except ValidationError:
        whole = None
    told: list[str] = []
    ours = read(model, node, lambda code, at, message, hint: told.append(message))
    assert bool(told) is (whole is None)
    assert ours == (model.model_validate(node) if whole is None else whole)
