"""Postqued v1: accounts, publishing, idempotency keys, statuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from calsync.sandbox import Sandbox

BRAND = "660e8400-e29b-41d4-a716-446655440001"
CONTENT = "550e8400-e29b-41d4-a716-446655440000"
Ahead = Callable[[float], str]


def body(at: str | None, contents: tuple[str, ...] = (CONTENT,), **changes: Any) -> dict[str, Any]:
    """Spell a publish request with one target, some of whose fields are changed."""
    target = {
        "platform": "tiktok",
        "accountId": BRAND,
        "intent": "publish",
        "caption": "Hello",
        "dispatchAt": at,
    }
    return {"contentIds": list(contents), "targets": [{**target, "options": {}, **changes}]}


def publish(postqued: httpx.Client, what: dict[str, Any], key: str = "key-1") -> httpx.Response:
    """Send a publish request, byte for byte the same for the same value."""
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    return postqued.post("/v1/content/publish", content=json.dumps(what), headers=headers)


def test_the_key_is_asked_for(plain: httpx.Client, box: Sandbox) -> None:
    """Without the right bearer key everything is 401, in the flat error shape, and the log keeps no key."""
    for headers in ({}, {"Authorization": "Bearer pq_other"}, {"Authorization": "pq_sandbox"}):
        answer = plain.get("/v1/platform-accounts", headers=headers)
        assert answer.status_code == 401
        assert answer.json().keys() == {"error", "code"}
    assert "pq_" not in str(box.requests())
    assert [entry["key_ok"] for entry in box.requests()] == [False] * 3


def test_accounts_are_listed_by_platform(box: Sandbox, postqued: httpx.Client) -> None:
    """The seeded accounts have the guide's shape; a platform filters them."""
    box.seed_account("postqued", "@photos", platform="instagram")
    accounts = postqued.get("/v1/platform-accounts", params={"platform": "tiktok"}).json()["accounts"]
    assert accounts[0] == {"id": BRAND, "platform": "tiktok", "username": "@brand", "displayName": "Brand"}
    assert [account["username"] for account in accounts] == ["@brand", "@second"]
    assert len(postqued.get("/v1/platform-accounts").json()["accounts"]) == 3


def test_a_post_is_scheduled_and_goes_out(box: Sandbox, postqued: httpx.Client, ahead: Ahead) -> None:
    """It is scheduled, processing for the time that was set, published at its time, and only once."""
    box.set_knobs(processing_seconds=60)
    made = publish(postqued, body(ahead(30))).json()
    target = {"id": made["targets"][0]["id"], "platform": "tiktok", "status": "scheduled"}
    assert made == {"id": made["id"], "status": "pending", "targets": [target]}
    seen = []
    for _ in range(3):
        answer = postqued.get(f"/v1/content/publish/{made['id']}").json()
        seen.append((answer["status"], answer["targets"][0]["status"]))
        box.advance(timedelta(minutes=30, seconds=10) if len(seen) == 1 else timedelta(hours=1))
    assert seen == [("pending", "scheduled"), ("processing", "processing"), ("completed", "published")]
    [post] = box.posts()
    assert (post["times_published"], post["published_now"]) == (1, False)


def test_a_draft_is_sent(box: Sandbox, postqued: httpx.Client, ahead: Ahead) -> None:
    """What goes to the inbox ends as sent, not as published."""
    publish(postqued, body(ahead(5), intent="draft"))
    box.advance(timedelta(minutes=6))
    assert box.posts()[0]["status"] == "sent"


@pytest.mark.parametrize("what", [{"dispatchAt": None}, {}])
def test_no_time_means_now(box: Sandbox, postqued: httpx.Client, what: dict[str, Any]) -> None:
    """A null or missing time publishes at once, and the sandbox shows it as such."""
    asked = body(None)
    del asked["targets"][0]["dispatchAt"]
    asked["targets"][0].update(what)
    assert publish(postqued, asked).json()["targets"][0]["status"] == "queued"
    [post] = box.posts()
    assert post["published_now"]
    assert (post["at"], post["status"], post["times_published"]) == (None, "published", 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"dispatchAt": "2020-01-01T00:00:00Z"},
        {"dispatchAt": "2099-01-01T00:00:00"},
        {"dispatchAt": "2099-01-01T00:00:00+00:00Z"},
        {"dispatchAt": "tomorrow"},
        {"intent": "later"},
        {"caption": "x" * 2201},
        {"caption": "\ud83d"},
        {"options": {"privacyLevel": "FRIENDS"}},
        {"options": {"disableDuet": "yes"}},
        {"accountId": "660e8400-e29b-41d4-a716-446655440009"},
        {"platform": "instagram"},
    ],
)
def test_a_bad_target_is_refused(
    box: Sandbox, postqued: httpx.Client, ahead: Ahead, changes: dict[str, Any]
) -> None:
    """Past, naive and malformed times, unknown accounts and values out of range are 400 and make nothing."""
    answer = publish(postqued, body(ahead(30), **changes))
    assert answer.status_code == 400
    assert box.posts() == []


def test_contents_are_checked(box: Sandbox, postqued: httpx.Client, ahead: Ahead) -> None:
    """Contents have to exist, and several of them to be 2 to 35 images."""
    images = tuple(box.seed_content("image") for _ in range(36))
    statuses = [
        publish(postqued, body(ahead(30), contents), key=str(len(contents))).status_code
        for contents in ((), images[:35], images, (CONTENT, images[0]))
    ]
    assert statuses == [400, 200, 400, 400]
    answer = publish(postqued, body(ahead(30), ("00000000-0000-4000-8000-000000000000",)), key="other")
    assert (answer.status_code, answer.json()["code"]) == (404, "CONTENT_NOT_FOUND")


def test_a_key_is_required(postqued: httpx.Client, ahead: Ahead) -> None:
    """A publish without Idempotency-Key is refused."""
    answer = postqued.post("/v1/content/publish", json=body(ahead(30)))
    assert (answer.status_code, answer.json()["code"]) == (400, "MISSING_IDEMPOTENCY_KEY")


def test_a_key_makes_one_post(box: Sandbox, postqued: httpx.Client, ahead: Ahead) -> None:
    """The same key replays the first answer to the same body and conflicts with another."""
    asked = body(ahead(30))
    first = publish(postqued, asked)
    box.advance(timedelta(hours=1))
    again = publish(postqued, asked)
    assert (again.status_code, again.content) == (200, first.content)
    answer = publish(postqued, body(ahead(60)))
    assert (answer.status_code, answer.json()["code"]) == (409, "IDEMPOTENCY_CONFLICT")
    assert len(box.posts()) == 1


def test_a_key_lives_24_hours(box: Sandbox, postqued: httpx.Client, ahead: Ahead) -> None:
    """A day later the same key and body make another post: the danger that clients have to know."""
    asked = body(ahead(48 * 60))
    publish(postqued, asked)
    box.advance(timedelta(hours=24))
    publish(postqued, asked)
    assert len(box.posts()) == 2


def test_a_used_key_may_always_conflict(box: Sandbox, postqued: httpx.Client, ahead: Ahead) -> None:
    """The guide reads so, and a knob makes it so."""
    box.set_knobs(duplicate_key="conflict")
    asked = body(ahead(30))
    assert [publish(postqued, asked).status_code for _ in range(2)] == [200, 409]


def test_a_refused_request_does_not_use_up_its_key(postqued: httpx.Client, ahead: Ahead) -> None:
    """A refusal made nothing, so the corrected body may carry the same key."""
    assert publish(postqued, body("never")).status_code == 400
    assert publish(postqued, body(ahead(30))).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/content/publish/00000000-0000-4000-8000-000000000000"),
        ("GET", "/v1/content/publish"),
        ("DELETE", "/v1/content/publish/x"),
        ("PATCH", "/v1/content/publish/x"),
        ("POST", "/v1/content/publish/x/cancel"),
        ("GET", "/v2/publish"),
    ],
)
def test_what_v1_does_not_document_is_not_found(postqued: httpx.Client, method: str, path: str) -> None:
    """An unknown publish, and any way to list, cancel or move, is a flat 404."""
    answer = postqued.request(method, path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "NOT_FOUND"


def test_ping_answers_as_set(box: Sandbox, plain: httpx.Client) -> None:
    """Ping needs no key; by default there is no v2."""
    statuses = [plain.get("/v2/ping").status_code]
    for status in (200, 410, 500):
        box.set_knobs(ping=status)
        answer = plain.get("/v2/ping")
        statuses.append(answer.status_code)
        if status == 200:
            assert answer.json() == {"pong": "it worked!"}
    assert statuses == [404, 200, 410, 500]
