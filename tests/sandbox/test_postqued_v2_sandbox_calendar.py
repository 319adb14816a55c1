"""Postqued v2: what became of posts, and listing, moving, cancelling and deleting them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from calsync.sandbox import Sandbox

BRAND = "660e8400-e29b-41d4-a716-446655440001"
PICTURES = "660e8400-e29b-41d4-a716-446655440003"
CONTENT = "550e8400-e29b-41d4-a716-446655440000"
MAIN = "770e8400-e29b-41d4-a716-446655440000"
NOBODY = "00000000-0000-4000-8000-000000000000"
HERE = {"workspaceId": MAIN}
Ahead = Callable[[float], str]


def add(box: Sandbox, minutes: float, account: str = BRAND) -> tuple[str, str]:
    """Schedule a post by hand; its publish and target id."""
    post_id = box.add_post("postqued", account, box.now() + timedelta(minutes=minutes), caption="Hello")
    target_id = next(post["target_id"] for post in box.posts() if post["id"] == post_id)
    assert target_id is not None
    return post_id, target_id


def pair(v2: httpx.Client, first: str, second: str) -> tuple[str, list[str]]:
    """Make a publish with two targets of their own times."""
    target = {"platform": "tiktok", "accountId": BRAND, "intent": "publish", "caption": "Hello"}
    asked = {
        **HERE,
        "contentIds": [CONTENT],
        "targets": [{**target, "dispatchAt": at} for at in (first, second)],
    }
    made = v2.post("/v2/publish", json=asked, headers={"Idempotency-Key": "pair"}).json()
    return made["id"], [target["id"] for target in made["targets"]]


def listed(v2: httpx.Client, start: str | None = None, end: str | None = None, **changes: str) -> list[str]:
    """List ids of publishes."""
    dates = {name: value for name, value in (("startDate", start), ("endDate", end)) if value is not None}
    answer = v2.get("/v2/publish", params={**HERE, **dates, **changes})
    assert answer.status_code == 200, answer.text
    return [publish["id"] for publish in answer.json()["publishes"]]


def statuses(box: Sandbox) -> list[str]:
    """Tell how all posts stand."""
    return [post["status"] for post in box.posts()]


def test_publishes_are_listed_by_their_time(box: Sandbox, v2: httpx.Client) -> None:
    """Both ends belong to a range, the rest does not, and without a range all are listed, newest first."""
    start = datetime(2099, 1, 1, tzinfo=UTC)
    made = [box.add_post("postqued", BRAND, start + timedelta(days=number)) for number in range(4)]
    assert listed(v2) == made[::-1]
    assert listed(v2, "2099-01-02T00:00:00Z", "2099-01-03T00:00:00Z") == [made[2], made[1]]
    assert listed(v2, "2099-01-02T02:00:00+02:00", "2099-01-02T00:00:00.000Z") == [made[1]]
    assert listed(v2, "2098-01-01T00:00:00Z", "2098-12-31T23:59:59Z") == []


@pytest.mark.parametrize(
    "dates",
    [
        {"startDate": "2099-01-01T00:00:00Z"},
        {"endDate": "2099-01-01T00:00:00Z"},
        {"startDate": "2099-01-02T00:00:00Z", "endDate": "2099-01-01T00:00:00Z"},
        {"startDate": "2099-01-01", "endDate": "2099-01-02"},
    ],
)
def test_a_bad_range_of_dates_is_refused(v2: httpx.Client, dates: dict[str, str]) -> None:
    """Dates go together, in order, and are whole instants."""
    assert v2.get("/v2/publish", params={**HERE, **dates}).status_code == 400


def test_a_publish_is_listed_whole_and_once(v2: httpx.Client, ahead: Ahead) -> None:
    """With two targets in the range it stands there once; with one, it shows the other too."""
    made, targets = pair(v2, ahead(60), ahead(120))
    assert listed(v2, ahead(0), ahead(180)) == [made]
    answer = v2.get("/v2/publish", params={**HERE, "startDate": ahead(90), "endDate": ahead(180)})
    [publish] = answer.json()["publishes"]
    assert [target["id"] for target in publish["targets"]] == targets


def test_dates_may_be_those_of_making(box: Sandbox, v2: httpx.Client, ahead: Ahead) -> None:
    """Which date is meant is not documented, so it can be the other one."""
    made, _ = add(box, 600)
    assert listed(v2, ahead(-1), ahead(1)) == []
    box.set_knobs(v2_list_dates="created")
    assert listed(v2, ahead(-1), ahead(1)) == [made]
    assert listed(v2, ahead(500), ahead(700)) == []


def test_a_list_has_several_shapes(box: Sandbox, v2: httpx.Client) -> None:
    """Bare or under one of several names; ids under one of two, and one publish wrapped or not."""
    made, target = add(box, 60)
    keys: tuple[Any, ...] = ("publishes", "publishRequests", "requests", "items", "data")
    for key in keys:
        box.set_knobs(v2_list_shape=key)
        assert [each["id"] for each in v2.get("/v2/publish", params=HERE).json()[key]] == [made]
    box.set_knobs(v2_list_shape="list", v2_publish_id="publishId")
    [bare] = v2.get("/v2/publish", params=HERE).json()
    assert (bare["publishId"], "id" in bare) == (made, False)
    assert v2.get(f"/v2/publish/{made}", params=HERE).json() == bare
    box.set_knobs(v2_publish_id="publish.id")
    wrapped = v2.get(f"/v2/publish/{made}", params=HERE).json()
    assert (wrapped["publish"]["id"], wrapped["publish"]["targets"][0]["id"]) == (made, target)
    [bare] = v2.get("/v2/publish", params=HERE).json()
    assert bare == wrapped["publish"]
    cancelled = v2.post(f"/v2/publish/{made}/cancel", params=HERE).json()
    assert cancelled["publish"]["status"] == "canceled"


def test_posts_of_v1_and_of_people_are_seen(box: Sandbox, v2: httpx.Client, ahead: Ahead) -> None:
    """Ids of publishes and targets are the same in both versions."""
    target = {"platform": "tiktok", "accountId": BRAND, "intent": "publish", "caption": "Hello"}
    asked = {"contentIds": [CONTENT], "targets": [{**target, "dispatchAt": ahead(30)}]}
    old = v2.post("/v1/content/publish", json=asked, headers={"Idempotency-Key": "1"}).json()
    by_hand, _ = add(box, 60, PICTURES)
    assert listed(v2) == [by_hand, old["id"]]
    seen = v2.get(f"/v2/publish/{old['id']}", params=HERE).json()
    assert seen["targets"][0]["id"] == old["targets"][0]["id"]
    assert v2.get(f"/v2/publish/{by_hand}", params=HERE).json()["targets"][0]["platform"] == "instagram"
    moved = v2.patch(f"/v2/publish/target/{old['targets'][0]['id']}", json={**HERE, "dispatchAt": ahead(90)})
    assert moved.status_code == 200
    assert v2.get(f"/v1/content/publish/{old['id']}").json()["targets"][0]["status"] == "scheduled"


def test_another_workspace_has_other_posts(box: Sandbox, v2: httpx.Client, ahead: Ahead) -> None:
    """A thing of one is 404 in the other, and nobody can touch it from there."""
    second = box.seed_workspace("Client")
    account = box.seed_account("postqued", "@client", workspace_id=second)
    made, target = add(box, 60, account)
    there = {"workspaceId": second}
    assert (listed(v2), listed(v2, **there)) == ([], [made])
    for method, path in (
        ("GET", f"/v2/publish/{made}"),
        ("DELETE", f"/v2/publish/{made}"),
        ("POST", f"/v2/publish/{made}/cancel"),
        ("POST", f"/v2/publish/target/{target}/cancel"),
    ):
        assert v2.request(method, path, params=HERE).status_code == 404
    move = {"dispatchAt": ahead(90)}
    assert v2.patch(f"/v2/publish/target/{target}", json={**move, **HERE}).status_code == 404
    assert v2.patch(f"/v2/publish/target/{target}", json={**move, **there}).status_code == 200
    whose = {"platform": "tiktok", "accountId": account, "intent": "publish", "caption": "Hello"}
    asked = {**HERE, "contentIds": [CONTENT], "targets": [{**whose, **move}]}
    answer = v2.post("/v2/publish", json=asked, headers={"Idempotency-Key": "1"})
    assert answer.json()["code"] == "ACCOUNT_NOT_CONNECTED"


def test_a_target_moves(box: Sandbox, v2: httpx.Client, ahead: Ahead) -> None:
    """It goes out at its last time and not before, and one of two moves alone."""
    made, targets = pair(v2, ahead(60), ahead(60))
    for minutes in (200, 120):
        answer = v2.patch(f"/v2/publish/target/{targets[0]}", json={**HERE, "dispatchAt": ahead(minutes)})
        assert answer.status_code == 200
    assert answer.json()["target"]["dispatchAt"][:16] == ahead(120)[:16]
    box.advance(timedelta(minutes=61))
    assert statuses(box) == ["scheduled", "published"]
    assert v2.get(f"/v2/publish/{made}", params=HERE).json()["status"] == "processing"
    box.advance(timedelta(minutes=60))
    assert statuses(box) == ["published", "published"]


def test_a_move_to_null_is_a_move_to_now(box: Sandbox, v2: httpx.Client) -> None:
    """It goes out at once, and the sandbox shows it as published now."""
    _, target = add(box, 60)
    assert v2.patch(f"/v2/publish/target/{target}", json={**HERE, "dispatchAt": None}).status_code == 200
    [post] = box.posts()
    assert (post["published_now"], post["status"], post["times_published"]) == (True, "published", 1)


@pytest.mark.parametrize("move", [{}, {"dispatchAt": "2020-01-01T00:00:00Z"}, {"dispatchAt": "tomorrow"}])
def test_a_bad_move_is_refused(box: Sandbox, v2: httpx.Client, move: dict[str, str]) -> None:
    """A missing, past or malformed time is 400 and moves nothing."""
    _, target = add(box, 60)
    before = box.posts()
    assert v2.patch(f"/v2/publish/target/{target}", json={**HERE, **move}).status_code == 400
    assert box.posts() == before


def test_a_publish_is_cancelled(box: Sandbox, v2: httpx.Client, ahead: Ahead) -> None:
    """What waits stays, visible as canceled; what went out stays out; a second time is a conflict."""
    made, _ = pair(v2, ahead(60), ahead(120))
    box.advance(timedelta(minutes=61))
    answer = v2.post(f"/v2/publish/{made}/cancel", params=HERE).json()
    assert (answer["success"], answer["id"], answer["status"]) == (True, made, "completed")
    box.advance(timedelta(days=1))
    assert statuses(box) == ["published", "canceled"]
    again = v2.post(f"/v2/publish/{made}/cancel", params=HERE)
    assert (again.status_code, again.json()["code"]) == (409, "INVALID_STATE")


def test_a_target_is_cancelled(box: Sandbox, v2: httpx.Client, ahead: Ahead) -> None:
    """The other one goes out, and a second time is a conflict."""
    _, targets = pair(v2, ahead(60), ahead(60))
    answer = v2.post(f"/v2/publish/target/{targets[0]}/cancel", params=HERE).json()
    assert (answer["success"], answer["target"]["status"]) == (True, "canceled")
    box.advance(timedelta(days=1))
    assert statuses(box) == ["canceled", "published"]
    assert v2.post(f"/v2/publish/target/{targets[0]}/cancel", params=HERE).status_code == 409


@pytest.mark.parametrize("status", ["processing", "published", "failed", "canceled"])
def test_what_does_not_wait_cannot_be_changed(
    box: Sandbox, v2: httpx.Client, ahead: Ahead, status: str
) -> None:
    """Moving and cancelling are conflicts then, and change nothing."""
    box.set_knobs(processing_seconds=3600)
    made, target = add(box, 60)
    if status == "failed":
        box.fail_post(made)
    elif status == "canceled":
        box.stop_post(made)
    else:
        box.advance(timedelta(minutes=61 if status == "processing" else 200))
    answers = [
        v2.post(f"/v2/publish/{made}/cancel", params=HERE),
        v2.post(f"/v2/publish/target/{target}/cancel", params=HERE),
        v2.patch(f"/v2/publish/target/{target}", json={**HERE, "dispatchAt": ahead(600)}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "INVALID_STATE")] * 3
    assert statuses(box) == [status]


@pytest.mark.parametrize(("cancels", "times"), [(False, 1), (True, 0)])
def test_a_deleted_publish_may_still_go_out(
    box: Sandbox, v2: httpx.Client, *, cancels: bool, times: int
) -> None:
    """It is out of sight; that it does not stop by that is the default, since nothing else is documented."""
    box.set_knobs(v2_delete_cancels=cancels)
    made, target = add(box, 60)
    assert v2.delete(f"/v2/publish/{made}", params=HERE).json() == {"success": True}
    assert listed(v2) == []
    for method, path in (
        ("GET", made),
        ("DELETE", made),
        ("POST", f"{made}/cancel"),
        ("POST", f"target/{target}/cancel"),
    ):
        assert v2.request(method, f"/v2/publish/{path}", params=HERE).status_code == 404
    box.advance(timedelta(days=1))
    assert [(post["status"], post["times_published"]) for post in box.posts()] == [("deleted", times)]


@pytest.mark.parametrize("field", ["error", "errorMessage", "failureReason", "errorCode"])
def test_a_failure_has_a_reason(box: Sandbox, v2: httpx.Client, field: Any) -> None:
    """It stands at the target, under a name that can be chosen."""
    box.set_knobs(v2_error_field=field)
    made, _ = add(box, 60)
    box.fail_post(made, "spam_risk")
    shown = v2.get(f"/v2/publish/{made}", params=HERE).json()
    assert (shown["status"], shown["targets"][0][field]) == ("failed", "spam_risk")


def test_ids_may_be_spelt_in_capitals_and_have_to_be_uuids(box: Sandbox, v2: httpx.Client) -> None:
    """Letters of an id have no case; what is no UUID is 400, as the description has it."""
    made, _ = add(box, 60)
    capitals = {"workspaceId": MAIN.upper()}
    assert v2.get(f"/v2/publish/{made.upper()}", params=capitals).json()["id"] == made
    assert v2.get("/v2/publish/latest", params=HERE).status_code == 400
    assert v2.get(f"/v2/publish/{NOBODY}", params=HERE).status_code == 404


def test_the_log_tells_v2_writes(box: Sandbox, v2: httpx.Client) -> None:
    """Moves and cancels are writes of class other, deletes of class delete, and looks are none."""
    v2.get("/v2/publish", params=HERE)
    v2.patch(f"/v2/publish/target/{NOBODY}", json={**HERE, "dispatchAt": None})
    v2.post(f"/v2/publish/{NOBODY}/cancel", params=HERE)
    v2.delete(f"/v2/publish/{NOBODY}", params=HERE)
    v2.post(
        "/v2/publish", content=json.dumps({"dryRun": "true"}), headers={"Content-Type": "application/json"}
    )
    seen = [(entry["request_class"], entry["write"]) for entry in box.requests()]
    assert seen == [("read", False), ("other", True), ("other", True), ("delete", True), ("publish", True)]
