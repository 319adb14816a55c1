"""Postqued v2: making posts, dry runs, idempotency keys, and the options of every platform."""

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
MAIN = "770e8400-e29b-41d4-a716-446655440000"
NOBODY = "00000000-0000-4000-8000-000000000000"
HERE = {"workspaceId": MAIN}
Ahead = Callable[[float], str]

GOOD: dict[str, list[dict[str, Any]]] = {
    "tiktok": [
        {
            "privacyLevel": "SELF_ONLY",
            **dict.fromkeys(("disableComment", "disableDuet", "disableStitch", "autoAddMusic"), True),
            **dict.fromkeys(("commercialContent", "brandContentToggle", "brandOrganicToggle"), False),
            "authenticContentConfirmed": True,
            "videoCoverTimestampMs": 0,
            "photoCoverIndex": 1,
            "maxVideoPostDurationSec": 60,
        }
    ],
    "instagram": [
        {"postType": "reel", "collaborators": ["a", "b", "c"], "trialReelGraduationStrategy": "MANUAL"},
        {"firstComment": {"text": "First"}, "crop": {"x": 0, "y": 0.5, "zoom": 1.5, "aspect": "4:5"}},
        {"crop": {"x": 0, "y": 0, "width": 10, "height": 10, "aspect": 0.8, "focal": [0, 0]}},
        {"audio": {"type": "music", "title": "Song", "audioVolume": 50}},
    ],
    "facebook": [
        {"postType": "link", "link": "https://example.org", "title": "T", "firstComment": {"text": "x"}}
    ],
    "threads": [{"replyControl": "mentioned_only", "firstComment": {"text": "x"}}],
    "linkedin": [{"postType": "article", "articleUrl": "u", "articleTitle": "t", "articleDescription": "d"}],
    "youtube": [
        {"visibility": "unlisted", "title": "t", "description": "d", "categoryId": "22", "tags": ["a"] * 30},
        {"madeForKids": False, "containsSyntheticMedia": True, "firstComment": {"text": "x"}},
    ],
    "twitter": [{"replySettings": "following", "firstComment": {"text": "x"}}],
    "pinterest": [
        {"boardId": "1", "boardSectionId": "2", "title": "t", "description": "d", "link": "l"},
        {"altText": "a", "coverImageUrl": "u", "isStandard": True},
    ],
    "reddit": [
        {"subreddit": "python", "kind": "self", "title": "t", "text": "x", "url": "u", "flairId": "1"},
        {"subreddit": "python", **dict.fromkeys(("nsfw", "spoiler", "sendReplies", "resubmit"), False)},
        {"subreddit": "python", "flairText": "f", "videoPosterUrl": "u"},
    ],
    "mastodon": [{"visibility": "direct", "sensitive": True, "spoilerText": "s", "language": "en"}],
    "bluesky": [{}],
}
BAD: dict[str, list[dict[str, Any]]] = {
    "tiktok": [
        {"privacyLevel": "FRIENDS"},
        {"disableDuet": "yes"},
        {"videoCoverTimestampMs": -1},
        {"privacy": 1},
    ],
    "instagram": [
        {"collaborators": ["a"] * 4},
        {"crop": {"x": 0}},
        {"crop": {"x": 0, "y": 0, "zoom": 0}},
        {"crop": {"x": 0, "y": 0, "aspect": "wide"}},
        {"firstComment": "First"},
        {"privacyLevel": "SELF_ONLY"},
    ],
    "facebook": [{"postType": "story"}],
    "threads": [{"replyControl": "nobody"}],
    "linkedin": [{"postType": "poll"}],
    "youtube": [{"visibility": "private!"}, {"tags": ["a"] * 31}, {"privacyLevel": "SELF_ONLY"}],
    "twitter": [{"replySettings": "nobody"}, {"firstComment": {"body": "x"}}],
    "pinterest": [{"boardId": 1}],
    "reddit": [{}, {"subreddit": ""}, {"subreddit": "python", "kind": "poll"}],
    "mastodon": [{"visibility": "followers"}],
    "bluesky": [{"language": "en"}],
}


def body(at: str | None, contents: tuple[str, ...] = (CONTENT,), **changes: Any) -> dict[str, Any]:
    """Spell a publish request with one target, some of whose fields are changed."""
    target = {"platform": "tiktok", "accountId": BRAND, "intent": "publish", "caption": "Hello"}
    return {**HERE, "contentIds": list(contents), "targets": [{**target, "dispatchAt": at, **changes}]}


def publish(v2: httpx.Client, what: dict[str, Any], key: str = "key-1") -> httpx.Response:
    """Send a publish request, byte for byte the same for the same value."""
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    return v2.post("/v2/publish", content=json.dumps(what), headers=headers)


def test_a_v2_post_is_scheduled_and_goes_out(box: Sandbox, v2: httpx.Client, ahead: Ahead) -> None:
    """It is published once, at its time, and shown with what was asked for."""
    options = {"privacyLevel": "SELF_ONLY", "disableDuet": True}
    at = ahead(30)
    made = publish(v2, body(at, options=options)).json()
    [target] = made["targets"]
    assert (made["status"], target["status"], made["contentIds"]) == ("pending", "scheduled", [CONTENT])
    assert (target["caption"], target["intent"], target["options"]) == ("Hello", "publish", options)
    assert target["dispatchAt"][:19] == at[:19]
    box.advance(timedelta(minutes=31))
    seen = v2.get(f"/v2/publish/{made['id']}", params=HERE).json()
    assert (seen["status"], seen["targets"][0]["status"]) == ("completed", "published")
    [post] = box.posts()
    assert (post["times_published"], post["published_now"], post["workspace_id"]) == (1, False, MAIN)
    assert (post["made_by"], post["idempotency_key"]) == ("api", "key-1")


def test_an_instant_may_have_any_offset(box: Sandbox, v2: httpx.Client) -> None:
    """It is stored in UTC."""
    assert publish(v2, body("2099-01-01T02:00:00+02:00")).status_code == 200
    assert box.posts()[0]["at"] == "2099-01-01T00:00:00.000Z"


def test_null_means_now_in_v2(box: Sandbox, v2: httpx.Client) -> None:
    """Null publishes at once, and the sandbox shows it as such."""
    assert publish(v2, body(None)).json()["targets"][0]["status"] == "queued"
    [post] = box.posts()
    assert (post["published_now"], post["status"], post["times_published"]) == (True, "published", 1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"dispatchAt": "2020-01-01T00:00:00Z"}, "VALIDATION_ERROR"),
        ({"dispatchAt": "2099-01-01T00:00:00"}, "VALIDATION_ERROR"),
        ({"dispatchAt": "2099-01-01T00:00:00+00:00Z"}, "VALIDATION_ERROR"),
        ({"intent": "later"}, "VALIDATION_ERROR"),
        ({"caption": ""}, "VALIDATION_ERROR"),
        ({"caption": "x" * 63207}, "VALIDATION_ERROR"),
        ({"caption": "\ud83d"}, "VALIDATION_ERROR"),
        ({"platform": "myspace"}, "VALIDATION_ERROR"),
        ({"accountId": "brand"}, "VALIDATION_ERROR"),
        ({"accountId": NOBODY}, "ACCOUNT_NOT_CONNECTED"),
        ({"platform": "instagram"}, "ACCOUNT_NOT_CONNECTED"),
        ({"options": []}, "VALIDATION_ERROR"),
    ],
)
def test_a_bad_v2_target_is_refused(
    box: Sandbox, v2: httpx.Client, ahead: Ahead, changes: dict[str, Any], code: str
) -> None:
    """It is 400, makes nothing, and a dry run says the same."""
    asked = body(ahead(30), **changes)
    for answer in (publish(v2, asked), publish(v2, {**asked, "dryRun": True})):
        assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert box.posts() == []


@pytest.mark.parametrize("field", ["platform", "accountId", "intent", "caption", "dispatchAt"])
def test_all_fields_of_a_target_are_required(v2: httpx.Client, ahead: Ahead, field: str) -> None:
    """Above all the time: in v2 a missing one is no null."""
    asked = body(ahead(30))
    del asked["targets"][0][field]
    answer = publish(v2, asked)
    assert (answer.status_code, answer.json()["error"]) == (400, f"targets[0].{field}: it is required")


@pytest.mark.parametrize(
    "changes",
    [{"targets": []}, {"contentIds": None}, {"contentIds": ["x"]}, {"dryRun": "yes"}, {"targets": "all"}],
)
def test_a_malformed_publish_is_refused(v2: httpx.Client, ahead: Ahead, changes: dict[str, Any]) -> None:
    """What does not fit the description is 400."""
    assert publish(v2, {**body(ahead(30)), **changes}).status_code == 400


def test_one_to_ten_targets(box: Sandbox, v2: httpx.Client, ahead: Ahead) -> None:
    """Ten are made together and eleven are refused."""
    asked = body(ahead(30))
    asked["targets"] *= 11
    assert publish(v2, asked).status_code == 400
    del asked["targets"][10]
    assert len(publish(v2, asked).json()["targets"]) == len(box.posts()) == 10


def test_none_to_35_contents(box: Sandbox, v2: httpx.Client, ahead: Ahead) -> None:
    """They have to exist here, to be ready, and for TikTok to be there and, if several, images."""
    images = tuple(box.seed_content("image") for _ in range(36))
    elsewhere = box.seed_content(workspace_id=box.seed_workspace("Client"))
    sky = {"accountId": box.seed_account("postqued", "@sky", platform="bluesky"), "platform": "bluesky"}
    asked = {"filename": "a.mp4", "contentType": "video/mp4", **HERE}
    waiting = v2.post("/v2/content/upload", json=asked).json()["contentId"]
    cases: list[tuple[tuple[str, ...], dict[str, Any], int]] = [
        ((), {}, 400),
        ((), sky, 200),
        (images[:35], {}, 200),
        (images, {}, 400),
        ((CONTENT, images[0]), {}, 400),
        ((CONTENT, images[0]), sky, 200),
        ((NOBODY,), {}, 404),
        ((elsewhere,), {}, 404),
        ((waiting,), {}, 400),
    ]
    statuses = [
        publish(v2, body(ahead(30), contents, **changes), key=str(number)).status_code
        for number, (contents, changes, _) in enumerate(cases)
    ]
    assert statuses == [status for *_, status in cases]


@pytest.mark.parametrize("platform", GOOD)
def test_the_options_of_a_platform(box: Sandbox, v2: httpx.Client, ahead: Ahead, platform: str) -> None:
    """Those that are documented are taken and kept; unknown names and wrong values are 400."""
    account = box.seed_account("postqued", f"@{platform}", platform=platform)
    place: dict[str, Any] = {"platform": platform, "accountId": account}
    for number, options in enumerate(GOOD[platform]):
        answer = publish(v2, body(ahead(30), options=options, **place), key=str(number))
        assert answer.status_code == 200, answer.text
    for options in BAD[platform]:
        answer = publish(v2, body(ahead(30), options=options, **place), key="bad")
        assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR"), options
        assert "targets[0].options" in answer.json()["error"]
    assert [post["options"] for post in box.posts()] == GOOD[platform]


def test_what_tiktok_allows_is_held_to(box: Sandbox, v2: httpx.Client, ahead: Ahead) -> None:
    """Privacy levels and lengths beyond the account's creator info are refused, by the dry run as well."""
    private = body(ahead(30), options={"privacyLevel": "FOLLOWER_OF_CREATOR"})
    assert publish(v2, {**private, "dryRun": True}).status_code == 400
    box.set_creator(BRAND, privacy_levels=["FOLLOWER_OF_CREATOR", "SELF_ONLY"], longest_seconds=60)
    assert publish(v2, {**private, "dryRun": True}).status_code == 200
    asked = {"filename": "a.mp4", "contentType": "video/mp4", **HERE}
    made = v2.post("/v2/content/upload", json=asked).json()
    httpx.put(made["upload"]["url"], content=b"x", headers=made["upload"]["headers"], trust_env=False)
    asked |= {"contentId": made["contentId"], "key": made["upload"]["key"]}
    done = v2.post("/v2/content/upload/complete", json={**asked, "durationMs": 60001})
    assert done.status_code == 200
    answer = publish(v2, body(ahead(30), (made["contentId"],)))
    assert (answer.status_code, "60 seconds" in answer.json()["error"]) == (400, True)


def test_a_v2_key_is_required(v2: httpx.Client, ahead: Ahead) -> None:
    """A publish without Idempotency-Key is refused unless it is a dry run."""
    answer = v2.post("/v2/publish", json=body(ahead(30)))
    assert (answer.status_code, answer.json()["code"]) == (400, "MISSING_IDEMPOTENCY_KEY")
    assert v2.post("/v2/publish", json={**body(ahead(30)), "dryRun": True}).status_code == 200


def test_a_v2_key_makes_one_post(box: Sandbox, v2: httpx.Client, ahead: Ahead) -> None:
    """The same body gets the first answer even when its time has passed; another conflicts."""
    box.set_knobs(duplicate_key="conflict")  # which is about v1 alone
    asked = body(ahead(30))
    first = publish(v2, asked)
    box.advance(timedelta(hours=1))
    again = publish(v2, asked)
    assert (again.status_code, again.content) == (200, first.content)
    answer = publish(v2, body(ahead(60)))
    assert (answer.status_code, answer.json()["code"]) == (409, "IDEMPOTENCY_CONFLICT")
    box.advance(timedelta(hours=24))
    assert publish(v2, body(ahead(60))).status_code == 200
    assert len(box.posts()) == 2


def test_a_dry_run_makes_nothing(box: Sandbox, v2: httpx.Client, ahead: Ahead) -> None:
    """It uses up no key, is no write, and is a class of its own in the log."""
    asked = body(ahead(30))
    dry = publish(v2, {**asked, "dryRun": True}).json()
    assert (dry["dryRun"], dry["valid"], box.posts()) == (True, True, [])
    assert publish(v2, asked).status_code == 200
    seen = [(entry["request_class"], entry["write"]) for entry in box.requests()]
    assert seen == [("check", False), ("publish", True)]


def test_a_dry_run_may_report_instead_of_refusing(box: Sandbox, v2: httpx.Client, ahead: Ahead) -> None:
    """Set so, it is 200 and says what is wrong; a malformed request is refused all the same."""
    box.set_knobs(v2_dry_run="report")
    asked = {**body(ahead(30), accountId=NOBODY), "dryRun": True}
    answer = publish(v2, asked)
    assert (answer.status_code, answer.json()["valid"]) == (200, False)
    assert answer.json()["errors"][0]["code"] == "ACCOUNT_NOT_CONNECTED"
    assert publish(v2, {**body(ahead(30), intent="later"), "dryRun": True}).status_code == 400


def test_dry_runs_count_as_publishes(box: Sandbox, v2: httpx.Client, ahead: Ahead) -> None:
    """They go to the same address, so they share its rate limit; PATCH and cancel have none, as in v1."""
    box.set_knobs(rate_limits={"publish": 1, "upload": 1, "read": 1, "delete": 1})
    asked = body(ahead(30))
    statuses = [publish(v2, each).status_code for each in ({**asked, "dryRun": True}, asked)]
    statuses += [v2.get("/v2/publish", params=HERE).status_code for _ in range(2)]
    statuses += [v2.delete(f"/v2/publish/{NOBODY}", params=HERE).status_code for _ in range(2)]
    statuses += [v2.post("/v2/content/upload", json={}).status_code for _ in range(2)]
    statuses += [v2.post(f"/v2/publish/{NOBODY}/cancel", params=HERE).status_code for _ in range(2)]
    assert statuses == [200, 429, 200, 429, 404, 429, 400, 429, 404, 404]
