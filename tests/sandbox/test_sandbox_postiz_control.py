"""Postiz in the hands of tests: people, faults, lagging lists, the log, kept data."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from postiz_calls import IMAGE, MASTODON, Caller, X

from calsync.sandbox import NoSuchPost, Sandbox

POSTQUED = "660e8400-e29b-41d4-a716-446655440001"


def test_a_person_changes_posts(postiz: Caller) -> None:
    """What is done in Postiz's own pages is done at once, to waiting posts only."""
    box = postiz.box
    at = box.now().replace(microsecond=0) + timedelta(days=1)
    made = [box.add_post("postiz", MASTODON, at, caption="By hand") for _ in range(5)]
    groups = [each["group"] for each in postiz.list()]
    medium = box.seed_medium()
    box.edit_post(made[0], at=at + timedelta(hours=1), caption="Edited", media=[medium])
    box.stop_post(made[1])
    box.delete_post(made[2])
    box.fail_post(made[3], "token expired")
    box.edit_post(made[4], at=at - timedelta(hours=30))
    shown = {each["id"]: each for each in postiz.list()}
    assert shown[made[0]]["content"] == "Edited"
    assert shown[made[0]]["group"] != groups[0]
    assert {each["creationMethod"] for each in shown.values()} == {"WEB"}
    box.advance(timedelta(days=2))
    posts = box.posts()
    assert [each["status"] for each in posts] == ["PUBLISHED", "DRAFT", "deleted", "ERROR", "PUBLISHED"]
    assert [each["times_published"] for each in posts] == [1, 0, 0, 0, 1]
    assert posts[0]["media"] == [medium]
    assert posts[3]["error"] == "token expired"
    assert {each["made_by"] for each in posts} == {"person"}
    with pytest.raises(NoSuchPost):
        box.edit_post(made[0], caption="Too late")
    with pytest.raises(ValueError, match="no medium"):
        box.edit_post(made[1], media=["nothing"])


def test_the_hands_work_over_http(postiz: Caller) -> None:
    """Each has its control endpoint."""
    control = f"{postiz.box.url}/_sandbox"

    def act(name: str, **body: object) -> Any:
        answer = postiz.http.post(f"{control}/{name}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json().get("id")

    act("knobs", postiz="HEAD")
    act("tags", label="Spring")
    channel = act("accounts", service="postiz", platform="x", username="third", display_name="Third")
    act("channel", account_id=channel, refresh_needed=True)
    medium = act("media", kind="video")
    post = act(
        "posts", service="postiz", account_id=channel, at=postiz.ahead(), media=[medium], options={"a": 1}
    )
    assert postiz.shown(post)["settings"] == '{"a": 1}'
    act("edit", id=post, caption="Edited", media=[])
    act("channel", account_id=channel, refresh_needed=False)
    act("clock", advance_seconds=7200)
    [out] = postiz.http.get(f"{control}/publications").json()["publications"]
    assert (out["id"], out["account_id"], out["caption"], out["media"]) == (post, channel, "Edited", [])
    unknown = postiz.http.post(f"{control}/knobs", json={"postiz": "3.0"})
    assert unknown.status_code == 400


def test_a_person_changes_threads(postiz: Caller) -> None:
    """Replies are made and replaced by hand, unseen in the list, and go out as they are then."""
    at = postiz.box.now() + timedelta(hours=1)
    by_hand = postiz.box.add_post("postiz", MASTODON, at, caption="Root", thread=["One", "Two"])
    by_api = postiz.made("Root", "A reply", image=[IMAGE])
    [first, second] = postiz.box.posts()
    assert (first["thread"], first["thread_media"]) == (["One", "Two"], [[], []])
    assert (second["thread"], second["thread_media"]) == (["A reply"], [["made up"]])
    postiz.box.edit_post(by_hand, thread=["Three"])
    postiz.box.edit_post(by_api, thread=[])
    assert [each["id"] for each in postiz.list()] == [by_hand, by_api]
    postiz.box.advance(timedelta(hours=2))
    out = {each["id"]: each["thread"] for each in postiz.box.publications()}
    assert out == {by_hand: ["Three"], by_api: []}
    with pytest.raises(ValueError, match="threads"):
        postiz.box.add_post("postqued", POSTQUED, at, thread=["One"])


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_channel_is_taken_away(postiz: Caller, by_hand: bool) -> None:
    """It is not listed any more, its posts go with it, and nothing can be written to it."""
    postiz.made()
    if by_hand:
        postiz.box.remove_channel(MASTODON)
    else:
        assert postiz.http.delete(f"/integrations/{MASTODON}").status_code == 200
    assert MASTODON not in {each["id"] for each in postiz.http.get("/integrations").json()}
    assert postiz.list() == []
    assert [each["status"] for each in postiz.box.posts()] == ["deleted"]
    assert postiz.post().status_code == 400
    with pytest.raises(ValueError, match="no channel"):
        postiz.box.remove_channel(MASTODON)


def test_an_answer_is_lost_after_the_work(postiz: Caller) -> None:
    """The post is made though the client cannot know it, and a second attempt makes a second."""
    postiz.box.fault("reset_after", service="postiz", request_class="publish")
    with pytest.raises(httpx.TransportError):
        postiz.post()
    assert len(postiz.list()) == 1
    postiz.made()
    assert len(postiz.list()) == 2


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "answer", "status": 500}, 500),
        ({"kind": "answer", "status": 429, "headers": {"Retry-After": "1"}}, 429),
        ({"kind": "answer_after", "status": 504}, 504),
    ],
)
def test_an_answer_can_be_scripted(postiz: Caller, fault: dict[str, Any], expected: int) -> None:
    """For the requests that match, once."""
    postiz.box.fault(service="postiz", path="/public/v1/posts", method="POST", **fault)
    assert postiz.post().status_code == expected
    assert len(postiz.box.posts()) == (fault["kind"] == "answer_after")
    assert postiz.post().status_code == 201


def test_a_state_nobody_knows(postiz: Caller) -> None:
    """Answers can be changed, states included, or have all their posts twice."""
    postiz.made()
    postiz.box.fault("duplicate", service="postiz")
    assert len(postiz.list()) == 2
    postiz.box.fault("unknown_status", service="postiz")
    assert [each["state"] for each in postiz.list()] == ["simmering"]


def test_a_list_can_lag(postiz: Caller) -> None:
    """What was written is not in it for the next reads."""
    postiz.box.set_knobs(late_reads=1)
    postiz.made()
    assert [len(postiz.list()) for _ in range(2)] == [0, 1]


def test_the_log_tells_what_was_sent(postiz: Caller) -> None:
    """With its class, and without the key."""
    post_id = postiz.made()
    postiz.list()
    postiz.image()
    postiz.http.put(f"/posts/{post_id}/status", json={"status": "draft"})
    postiz.http.delete(f"/posts/{post_id}")
    log = postiz.box.requests()
    assert [(each["request_class"], each["write"], each["status"]) for each in log] == [
        ("publish", True, 201),
        ("read", False, 200),
        ("upload", True, 201),
        ("other", True, 200),
        ("delete", True, 200),
    ]
    assert {each["service"] for each in log} == {"postiz"}
    assert all(each["key_ok"] for each in log)
    assert "pz_sandbox" not in str(log)


def test_data_outlives_the_sandbox(tmp_path: Path) -> None:
    """Posts and channels of a folder are found again."""
    with Sandbox(tmp_path) as box:
        post_id = box.add_post("postiz", X, box.now() + timedelta(hours=1))
    with Sandbox(tmp_path) as box:
        assert [each["id"] for each in box.posts()] == [post_id]
        box.advance(timedelta(hours=2))
        assert len(box.publications()) == 1


def test_a_copy_brings_posts_back(postiz: Caller) -> None:
    """As at the other services."""
    postiz.made("Root", "Reply")
    before, copy = postiz.box.posts(), postiz.box.copy()
    postiz.http.delete(f"/posts/{before[0]['id']}")
    postiz.box.restore(copy)
    assert postiz.box.posts() == before
