"""Postqued v2: which version is served, workspaces, accounts, creator info, and the description itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from calsync.sandbox import Knobs, Sandbox, serve
from calsync.sandbox.described import Description, Operation, Schema
from calsync.sandbox.v2_calls import DESCRIPTION
from calsync.sandbox.wire import Refusal

BRAND = "660e8400-e29b-41d4-a716-446655440001"
PICTURES = "660e8400-e29b-41d4-a716-446655440003"
MAIN = "770e8400-e29b-41d4-a716-446655440000"
NOBODY = "00000000-0000-4000-8000-000000000000"
HERE = {"workspaceId": MAIN}
Ahead = Callable[[float], str]


@pytest.mark.parametrize(("ping", "code"), [(404, "NOT_FOUND"), (410, "GONE"), (500, "INTERNAL_ERROR")])
def test_v2_is_there_where_ping_says_so(box: Sandbox, v2: httpx.Client, ping: Any, code: str) -> None:
    """With another ping than 200 all of v2 answers the same."""
    paths = ("/v2/ping", "/v2/mcp/context", "/v2/organizations/context", "/v2/integrations", "/v2/publish")
    box.set_knobs(ping=ping)
    for path in paths:
        answer = v2.get(path, params=HERE)
        assert (answer.status_code, answer.json()["code"]) == (ping, code)
    box.set_knobs(ping=200)
    assert {v2.get(path, params=HERE).status_code for path in paths} == {200}


def test_v1_can_be_retired(box: Sandbox, v2: httpx.Client, ahead: Ahead) -> None:
    """Then all its paths are 410 and v2 goes on; by default both are served."""
    assert v2.get("/v1/platform-accounts").status_code == 200
    box.set_knobs(v1_retired=True)
    for method, path in (("GET", "platform-accounts"), ("POST", "content/publish"), ("GET", "anything/else")):
        answer = v2.request(method, f"/v1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (410, "GONE")
    assert v2.get("/v2/integrations", params=HERE).status_code == 200


def test_the_key_is_asked_for_in_v2(box: Sandbox, plain: httpx.Client) -> None:
    """All but ping is 401 without it."""
    box.set_knobs(ping=200)
    assert plain.get("/v2/ping").json() == {"pong": "it worked!"}
    assert plain.get("/v2/mcp/context").status_code == 401
    assert plain.get("/v2/publish", params=HERE).status_code == 401


def test_the_context_names_the_workspaces(box: Sandbox, v2: httpx.Client) -> None:
    """There is one at first; those of another organization are not shown."""
    second = box.seed_workspace("Client")
    box.seed_workspace("Theirs", organization="Other agency")
    context = v2.get("/v2/organizations/context").json()
    [organization] = context["organizations"]
    assert context["activeOrganizationId"] == organization["id"]
    assert context["activeWorkspaceId"] == MAIN
    names = [(workspace["id"], workspace["name"]) for workspace in organization["workspaces"]]
    assert names == [(MAIN, "Main"), (second, "Client")]
    nested = v2.get("/v2/mcp/context").json()
    assert [each["id"] for each in nested["organizations"][0]["workspaces"]] == [MAIN, second]
    box.set_knobs(v2_context="flat")
    flat = v2.get("/v2/mcp/context").json()
    assert [each["id"] for each in flat["workspaces"]] == [MAIN, second]
    assert "workspaces" not in flat["organizations"][0]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/integrations"),
        ("GET", f"/v2/integrations/{BRAND}/creator-info"),
        ("GET", "/v2/content"),
        ("GET", "/v2/publish"),
        ("GET", f"/v2/publish/{NOBODY}"),
        ("DELETE", f"/v2/publish/{NOBODY}"),
        ("POST", f"/v2/publish/{NOBODY}/cancel"),
        ("POST", f"/v2/publish/target/{NOBODY}/cancel"),
    ],
)
def test_a_workspace_has_to_be_named(box: Sandbox, v2: httpx.Client, method: str, path: str) -> None:
    """With a key it is 400 without one, 403 with one that the key does not reach."""
    theirs = box.seed_workspace("Theirs", organization="Other agency")
    cases: list[tuple[dict[str, str], int, str]] = [
        ({}, 400, "WORKSPACE_REQUIRED"),
        ({"workspaceId": "main"}, 400, "VALIDATION_ERROR"),
        ({"workspaceId": theirs}, 403, "WORKSPACE_ACCESS_DENIED"),
        ({"workspaceId": NOBODY}, 403, "WORKSPACE_ACCESS_DENIED"),
    ]
    for params, status, code in cases:
        answer = v2.request(method, path, params=params)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_what_has_a_body_names_its_workspace_there(v2: httpx.Client, ahead: Ahead) -> None:
    """The query is not looked at for it, as the description has it."""
    answer = v2.patch(f"/v2/publish/target/{NOBODY}", params=HERE, json={"dispatchAt": ahead(60)})
    assert (answer.status_code, answer.json()["code"]) == (400, "WORKSPACE_REQUIRED")
    answer = v2.patch(f"/v2/publish/target/{NOBODY}", json={"dispatchAt": ahead(60), **HERE})
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


def test_accounts_belong_to_a_workspace(box: Sandbox, v2: httpx.Client) -> None:
    """All platforms are listed together; v1 shows those of all workspaces but not what only v2 has."""
    second = box.seed_workspace("Client")
    sky = box.seed_account("postqued", "@sky", platform="bluesky", workspace_id=second)
    accounts = v2.get("/v2/integrations", params=HERE).json()["accounts"]
    assert [account["platform"] for account in accounts] == ["tiktok", "tiktok", "instagram", "youtube"]
    assert (accounts[0]["id"], accounts[0]["username"], accounts[0]["displayName"]) == (
        BRAND,
        "@brand",
        "Brand",
    )
    there = v2.get("/v2/integrations", params={"workspaceId": second}).json()["accounts"]
    assert [account["id"] for account in there] == [sky]
    old = v2.get("/v1/platform-accounts").json()["accounts"]
    assert [account["username"] for account in old] == ["@brand", "@second", "@sky"]
    with pytest.raises(ValueError, match="workspace"):
        box.seed_account("postqued", "@lost", workspace_id=NOBODY)


def test_creator_info_has_several_shapes(box: Sandbox, v2: httpx.Client) -> None:
    """It tells what a test set, in TikTok's names or others, or nothing to be understood."""
    box.set_creator(BRAND, privacy_levels=["SELF_ONLY"], longest_seconds=60, disabled=["duet"])
    seen: dict[str, Any] = {}
    shapes: tuple[Any, ...] = ("snake", "camel", "wrapped", "opaque")
    for shape in shapes:
        box.set_knobs(v2_creator_info=shape)
        seen[shape] = v2.get(f"/v2/integrations/{BRAND}/creator-info", params=HERE).json()
    snake, camel = seen["snake"], seen["camel"]
    assert snake["privacy_level_options"] == camel["privacyLevelOptions"] == ["SELF_ONLY"]
    assert snake["max_video_post_duration_sec"] == camel["maxVideoPostDurationSec"] == 60
    assert (snake["duet_disabled"], snake["comment_disabled"]) == (True, False)
    assert seen["wrapped"] == {"creatorInfo": camel}
    assert "privacy" not in str(seen["opaque"])
    with pytest.raises(ValueError, match="privacy levels"):
        box.set_creator(BRAND, privacy_levels=["FRIENDS"])


@pytest.mark.parametrize("account", [PICTURES, NOBODY])
def test_only_tiktok_has_creator_info(v2: httpx.Client, account: str) -> None:
    """For another platform, or an account that is not there, it is 404."""
    answer = v2.get(f"/v2/integrations/{account}/creator-info", params=HERE)
    assert (answer.status_code, answer.json()["code"]) == (404, "ACCOUNT_NOT_FOUND")


def test_v2_handles_work_over_http(box: Sandbox, plain: httpx.Client) -> None:
    """Workspaces, creator info and knobs can be set from outside the process."""
    second = plain.post("/_sandbox/workspaces", json={"name": "Client"}).json()["id"]
    account = {"service": "postqued", "username": "@client", "workspace_id": second, "v2_only": True}
    made = plain.post("/_sandbox/accounts", json=account).json()["id"]
    limit = {"account_id": made, "longest_seconds": 60}
    assert plain.post("/_sandbox/creator", json=limit).json() == {"ok": True}
    assert plain.post("/_sandbox/knobs", json={"ping": 200}).status_code == 200
    headers = {"Authorization": "Bearer pq_sandbox"}
    path = f"/v2/integrations/{made}/creator-info"
    info = plain.get(path, params={"workspaceId": second}, headers=headers).json()
    assert info["max_video_post_duration_sec"] == 60
    wrong = plain.post("/_sandbox/knobs", json={"v2_list_shape": "bare"})
    assert (wrong.status_code, "publishRequests" in wrong.text) == (400, True)


def test_serve_says_which_versions_there_are() -> None:
    """Knobs can be given to it, and where v2 is served, its workspace and its own accounts are shown."""

    class Seen(Exception):
        pass

    lines: list[str] = []

    def announce(line: str) -> None:
        lines.append(line)
        if line.startswith("Stop with"):
            raise Seen

    with pytest.raises(Seen):
        serve(0, None, announce)
    assert lines[0].startswith("calsync sandbox: Postqued v1, TikFlow and Postiz 2.23.0 at http")
    assert MAIN not in "".join(lines)
    lines.clear()
    with pytest.raises(Seen):
        serve(0, None, announce, ping=200, v1_retired=True, postiz="HEAD")
    assert lines[0].startswith("calsync sandbox: Postqued v2, TikFlow and Postiz HEAD at http")
    assert {MAIN, PICTURES} <= set(" ".join(lines).split())


def test_a_misspelt_knob_is_refused() -> None:
    """A value that nothing reads would leave a test believing that it had tried something."""
    knobs: Any = {"v2_publish_id": "publish_id"}
    with pytest.raises(ValueError, match="publishId"):
        Sandbox(**knobs)
    assert "v2_publish_id" in Knobs.__annotations__


def test_a_folder_from_before_v2_is_taken_over(tmp_path: Path) -> None:
    """Its accounts and publishes are in the first workspace."""
    with Sandbox(tmp_path) as box:
        post_id = box.add_post("postqued", BRAND, box.now())
    with closing(sqlite3.connect(tmp_path / "sandbox.db", isolation_level=None)) as db:
        for table, column in (
            ("accounts", "workspace_id"),
            ("accounts", "v2_only"),
            ("accounts", "connected_ms"),
            ("contents", "workspace_id"),
            ("publishes", "workspace_id"),
        ):
            db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        db.execute("DROP TABLE workspaces")
    with Sandbox(tmp_path, ping=200) as box:
        [post] = box.posts()
        assert (post["id"], post["workspace_id"]) == (post_id, MAIN)
        headers = {"Authorization": "Bearer pq_sandbox"}
        answer = httpx.get(f"{box.url}/v2/publish/{post_id}", params=HERE, headers=headers, trust_env=False)
        assert answer.json()["id"] == post_id


@pytest.mark.parametrize(
    "schema",
    [{"oneOf": []}, {"type": "file"}, {"type": "string", "format": "email"}, {"items": {"multipleOf": 2}}],
)
def test_a_description_that_cannot_be_checked_is_not_loaded(schema: Schema) -> None:
    """Unknown keywords, types and formats would go unchecked in silence."""
    with pytest.raises(ValueError, match="which nothing here checks"):
        Description({}, {"Strange": schema})


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "string", "nullable": True}, [None, "x"], [1]),
        ({"type": "string"}, [""], [None, "\ud83d"]),
        ({"type": "string", "minLength": 1, "maxLength": 2}, ["ab", "🚀"], ["", "abc", "🚀🚀"]),
        ({"type": "string", "format": "uuid"}, [BRAND], ["x", BRAND + "0"]),
        (
            {"type": "string", "format": "date-time"},
            ["2030-01-01T00:00:00Z", "2030-01-01T00:00:00.5+02:00"],
            ["2030-01-01", "2030-01-01T00:00:00", "2030-01-01T00:00:00+00:00Z"],
        ),
        ({"type": "string", "pattern": "^[0-9]+:[0-9]+$"}, ["9:16"], ["wide"]),
        ({"type": "string", "enum": ["a", "b"]}, ["a"], ["c"]),
        ({"type": "integer", "minimum": 1, "maximum": 3}, [1, 3], [0, 4, 1.5, True, "1"]),
        ({"type": "number", "minimum": 0, "exclusiveMinimum": True}, [0.1], [0, -1]),
        ({"type": "boolean"}, [True], [1, "true"]),
        (
            {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
            [["a"]],
            [[], ["a"] * 3, [1]],
        ),
        ({"anyOf": [{"type": "number"}, {"type": "string", "pattern": ":"}]}, [1, "1:1"], ["1", None]),
        (
            {
                "type": "object",
                "required": ["a"],
                "properties": {"a": {"type": "string"}},
                "additionalProperties": False,
            },
            [{"a": "x"}],
            [{}, {"a": 1}, {"a": "x", "b": 1}, []],
        ),
        ({"type": "object"}, [{"anything": 1}], ["x"]),
    ],
)
def test_schemas_are_checked(schema: Schema, good: list[Any], bad: list[Any]) -> None:
    """Each keyword that the description uses lets the good through and refuses the bad."""
    description = Description({}, {})
    for value in good:
        description.check(schema, value, "field")
    for value in bad:
        with pytest.raises(Refusal, match="field"):
            description.check(schema, value, "field")


def test_an_answer_of_our_own_is_held_to_the_description() -> None:
    """A sandbox that answered otherwise than described would teach its clients wrong."""
    DESCRIPTION.answer("GET", "/v2/integrations", 200, {"accounts": [], "extra": 1})
    with pytest.raises(ValueError, match="accounts"):
        DESCRIPTION.answer("GET", "/v2/integrations", 200, {"accounts": {}})
    operation: Operation = {"responses": {"200": {}}}
    Description({"/x": {"get": operation}}, {}).answer("GET", "/x", 200, "anything")
