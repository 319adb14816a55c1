"""Postiz in the sandbox: keys, channels, what a post has to say, uploads, the limit."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from postiz_calls import IMAGE, INSTAGRAM, LOST, MASTODON, NEWS, NOUVELLES, OFF, PNG, TIKTOK, Caller, X

from calsync.sandbox import Sandbox

GOOD_X = {"who_can_reply_post": "everyone"}
STORY = {"post_type": "story"}


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (None, "No API Key found"),
        ("Bearer pz_sandbox", "Invalid API key"),
        ("pz_other", "Invalid API key"),
    ],
)
def test_the_key_stands_alone_in_the_header(postiz: Caller, header: str | None, said: str) -> None:
    """A bearer is not known here, and the refusal is a shape of its own."""
    headers = {} if header is None else {"Authorization": header}
    answer = httpx.get(f"{postiz.http.base_url}is-connected", headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()) == (401, {"msg": said})


def test_the_key_is_good(postiz: Caller) -> None:
    """is-connected says so."""
    assert postiz.http.get("/is-connected").json() == {"connected": True}


def test_channels_are_listed(postiz: Caller) -> None:
    """With what a channel is and whether it is off; that one has lost its access is not told."""
    channels = {each["id"]: each for each in postiz.http.get("/integrations").json()}
    assert channels[X] == {
        "id": X,
        "name": "Brand",
        "identifier": "x",
        "picture": f"https://pictures.example/{X}.png",
        "disabled": False,
        "profile": "brand",
    }
    assert [each["id"] for each in channels.values() if each["disabled"]] == [OFF]
    assert not any("refresh" in name.lower() for each in channels.values() for name in each)
    assert channels[X]["name"] == channels[MASTODON]["name"]
    assert [channels[each]["name"] for each in (NEWS, NOUVELLES)] == ["News", "News"]


def test_channels_have_groups(postiz: Caller) -> None:
    """The customers are listed, and the channels and posts of one can be asked for."""
    [group] = postiz.http.get("/groups").json()
    [channel] = postiz.http.get("/integrations", params={"group": group["id"]}).json()
    assert (channel["id"], channel["customer"]) == (INSTAGRAM, group)
    made = postiz.made(channel=INSTAGRAM, settings=STORY, image=[IMAGE])
    postiz.made()
    assert [each["id"] for each in postiz.list(customer=group["id"])] == [made]


def test_a_channel_tells_its_rules(postiz: Caller) -> None:
    """A schema of its settings where it has some, a text where it has none, and the length."""
    output = postiz.http.get(f"/integration-settings/{X}").json()["output"]
    assert output.keys() == {"rules", "maxLength", "settings", "tools"}
    assert (output["maxLength"], output["settings"]["required"]) == (280, ["who_can_reply_post"])
    mastodon = postiz.http.get(f"/integration-settings/{MASTODON}").json()["output"]
    assert (mastodon["maxLength"], type(mastodon["settings"])) == (500, str)


def test_a_slot_has_no_zone(postiz: Caller) -> None:
    """The next free time is UTC and does not say so; a time that is taken is not offered."""
    [first] = postiz.http.get(f"/find-slot/{X}").json().values()
    assert len(first) == len("2026-11-22T06:40:00")
    postiz.made(channel=X, at=first)
    assert postiz.http.get(f"/find-slot/{X}").json()["date"] > first


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/posts/some-id"),
        ("PATCH", "/posts/some-id"),
        ("PUT", "/posts/some-id/date"),
        ("GET", "/media"),
        ("DELETE", "/media/some-id"),
        ("PUT", "/posts/some-id/settings"),
    ],
)
def test_what_is_not_there_is_not_found(postiz: Caller, method: str, path: str) -> None:
    """No post by its id, no media, no moving, and in the release no settings either."""
    answer = postiz.http.request(method, path, json={})
    assert (answer.status_code, answer.json()["error"]) == (404, "Not Found")


@pytest.mark.parametrize("missing", ["shortLink", "tags", "date", "posts"])
def test_required_fields_are_required(postiz: Caller, missing: str) -> None:
    """What the form lacks is listed; nothing is made."""
    body = postiz.body("Hello")
    del body[missing]
    answer = postiz.http.post("/posts", json=body)
    assert answer.status_code == 400
    assert answer.json().keys() == {"message", "error", "statusCode"}
    [message] = answer.json()["message"]
    assert message.startswith(missing)
    assert postiz.box.posts() == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"content": "Hello"}, "image must be an array"),
        ({"image": []}, "content must be a string"),
        ({"content": "Hello", "image": [{"path": 1}]}, "path must be a string"),
    ],
)
def test_required_fields_of_a_text_are_required(postiz: Caller, value: dict[str, Any], expected: str) -> None:
    """A list of media has to be there, be it empty."""
    body = postiz.body("Hello")
    body["posts"][0]["value"] = [value]
    answer = postiz.http.post("/posts", json=body)
    assert answer.status_code == 400
    assert expected in answer.json()["message"][0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"channel": X, "settings": {}}, "who_can_reply_post"),
        ({"channel": X, "settings": {}, "kind": "draft"}, "who_can_reply_post"),
        ({"channel": X, "settings": {"who_can_reply_post": "nobody"}}, "who_can_reply_post"),
        ({"channel": INSTAGRAM, "settings": {}, "image": [IMAGE]}, "post_type"),
        ({"channel": INSTAGRAM, "settings": {"post_type": "reel"}, "image": [IMAGE]}, "post_type"),
        ({"channel": INSTAGRAM, "settings": STORY}, "attachment"),
        ({"channel": TIKTOK, "settings": {}, "image": [IMAGE]}, "privacy_level"),
        ({"channel": "nobody"}, "Integration with id nobody not found"),
        ({"image": [{"id": "x"}]}, "path"),
        ({"image": [{"id": "x", "path": "https://media.example/a.svg"}]}, "extension"),
        ({"at": "tomorrow"}, "date"),
        ({"at": "2026-02-30"}, "date"),
    ],
)
def test_a_bad_post_is_refused(postiz: Caller, change: dict[str, Any], expected: str) -> None:
    """Settings, media, channel and date are looked at, in drafts too."""
    answer = postiz.post(**change)
    assert answer.status_code == 400
    assert expected in str(answer.json()["message"])
    assert postiz.box.posts() == []


@pytest.mark.parametrize("channel", [MASTODON, "cm0sandbox000000000000003", NEWS, LOST, OFF])
def test_channels_without_needs_take_anything(postiz: Caller, channel: str) -> None:
    """No settings are needed there, and a channel that is off or lost is as good as any."""
    assert postiz.shown(postiz.made(channel=channel))["state"] == "QUEUE"


def test_one_bad_of_two_makes_nothing(postiz: Caller) -> None:
    """All entries are checked before any is written."""
    body = postiz.body("Hello")
    body["posts"] += postiz.body("x" * 281, channel=X)["posts"]
    answer = postiz.http.post("/posts", json=body)
    assert answer.status_code == 400
    assert answer.json().keys() == {"statusCode", "provider", "name", "message"}
    assert (answer.json()["provider"], answer.json()["name"]) == ("x", "Brand")
    assert postiz.box.posts() == []


def test_each_entry_is_a_post_of_its_own(postiz: Caller) -> None:
    """Several entries share the date; each has its own id and its own group."""
    body = postiz.body("Hello")
    body["posts"] += postiz.body("Hi", channel=X)["posts"]
    answer = postiz.http.post("/posts", json=body).json()
    assert [each["integration"] for each in answer] == [MASTODON, X]
    assert len({each["group"] for each in postiz.list()}) == 2


@pytest.mark.parametrize(("size", "status"), [(101_000, 400), (103_000, 413)])
def test_long_bodies_are_refused(postiz: Caller, size: int, status: int) -> None:
    """The framework takes 100 KiB, whatever is in it."""
    assert postiz.post("x" * size).status_code == status


@pytest.mark.parametrize(
    ("channel", "text", "fits"),
    [
        (X, "a" * 280, True),
        (X, "a" * 281, False),
        (X, "\u6f22" * 140, True),
        (X, "\u6f22" * 141, False),
        (X, "&" * 56, True),
        (X, "&" * 57, False),
        (X, "https://example.org/" + "a" * 300, False),
        (MASTODON, "a" * 500, True),
        (MASTODON, "a" * 501, False),
        (MASTODON, "&" * 500, True),
    ],
)
def test_texts_have_a_length(postiz: Caller, channel: str, text: str, fits: bool) -> None:
    """On x CJK counts twice, an ampersand five times and an address in full; mastodon counts letters."""
    assert postiz.post(text, channel=channel).status_code == (201 if fits else 400)


def test_replies_have_a_length_too(postiz: Caller) -> None:
    """Each part of a thread is held to it."""
    assert postiz.post("Short", "x" * 501).status_code == 400


def test_more_images_than_the_rules_allow_are_taken(postiz: Caller) -> None:
    """Four are x's rule, five are accepted; an id that nobody knows is, too."""
    postiz.made(channel=X, image=[IMAGE] * 5)
    [post] = postiz.box.posts()
    assert len(post["media"]) == 5


def test_an_upload_is_named_by_its_bytes(postiz: Caller) -> None:
    """A PNG called .jpg is a PNG; the name is random, the path ends like it."""
    answer = postiz.image()
    assert answer.status_code == 201
    made = answer.json()
    assert made.keys() == {"id", "name", "originalName", "path", "thumbnail", "alt"}
    assert made["originalName"] is None
    assert made["name"].endswith(".png")
    assert made["path"].endswith(f"/{made['name']}")


@pytest.mark.parametrize("name", ["plain.jpg", "moving.gif", "lossless.webp", "plain.mp4", "plain.mov"])
def test_real_media_are_told_apart(postiz: Caller, name: str) -> None:
    """By their bytes alone."""
    data = (Path(__file__).parents[1] / "media" / name).read_bytes()
    made = postiz.image(data, "unknown.bin").json()
    assert made["name"].rpartition(".")[2] == name.rpartition(".")[2]


def test_the_same_file_twice_is_two_media(postiz: Caller) -> None:
    """Postiz does not know it again; the sandbox counts it."""
    first, second = (postiz.image().json() for _ in range(2))
    assert first["id"] != second["id"]
    assert first["name"] != second["name"]
    [upload] = postiz.box.uploads()
    assert (upload["service"], upload["times"]) == ("postiz", 2)
    postiz.made(image=[{"id": first["id"], "path": first["path"]}])
    assert postiz.box.posts()[0]["sha256"] == [upload["sha256"]]


@pytest.mark.parametrize(
    "upload",
    [
        {"data": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "name": "a.png"},
        {"data": b"only text", "name": "a.txt"},
        {"data": b""},
        {"field": "image"},
        {"data": PNG + b"\x00" * 10 * 1024 * 1024},
    ],
    ids=["svg", "text", "nothing", "another field", "over 10 MB"],
)
def test_a_bad_upload_is_refused(postiz: Caller, upload: dict[str, Any]) -> None:
    """What is no image or video, is too long, or comes under another name."""
    assert postiz.image(**upload).status_code == 400


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://media.example.org/a.png", 201),
        ("https://media.example.org/a", 400),
        ("http://media.example.org/a.png", 400),
        ("https://127.0.0.1/a.png", 400),
        ("https://localhost/a.png", 400),
        ("https://10.0.0.8/a.png", 400),
        (None, 400),
    ],
)
def test_an_upload_by_address_is_public(postiz: Caller, url: str | None, status: int) -> None:
    """Only https, only the outside world, only what ends like a medium."""
    assert postiz.http.post("/upload-from-url", json={"url": url}).status_code == status


def test_only_writes_of_posts_are_counted(postiz: Caller) -> None:
    """Refused ones count too; over the limit it is 429, while all else goes on."""
    postiz.box.set_knobs(rate_limits={"postiz": 2})
    answers = [postiz.post(), postiz.http.post("/posts", json={}), postiz.post()]
    assert [each.status_code for each in answers] == [201, 400, 429]
    assert [each.headers.get("X-RateLimit-Remaining") for each in answers] == ["1", "0", None]
    assert answers[0].headers["X-RateLimit-Limit"] == "2"
    assert 3500 < int(answers[1].headers["X-RateLimit-Reset"]) <= 3600
    assert answers[2].headers["Retry-After"] == "3600"
    assert answers[2].json() == {"statusCode": 429, "message": "ThrottlerException: Too Many Requests"}
    [post] = postiz.list()
    assert "X-RateLimit-Limit" not in postiz.http.get("/integrations").headers
    assert postiz.image().status_code == 201
    assert postiz.http.put(f"/posts/{post['id']}/status", json={"status": "draft"}).status_code == 200
    assert postiz.http.delete(f"/posts/{post['id']}").status_code == 200


def test_the_limit_ends(postiz: Caller) -> None:
    """With a shorter hour a test can wait for its end."""
    postiz.box.set_knobs(rate_limits={"postiz": 1, "postiz_seconds": 1})
    postiz.made()
    deadline = time.monotonic() + 30
    while postiz.post().status_code == 429 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(postiz.list()) == 2


def test_the_limit_is_ninety_an_hour() -> None:
    """Unless it is told otherwise."""
    with Sandbox() as box:
        answer = httpx.post(
            f"{box.url}/public/v1/posts", json={}, headers={"Authorization": "pz_sandbox"}, trust_env=False
        )
    assert (answer.status_code, answer.headers["X-RateLimit-Limit"]) == (400, "90")
    assert answer.headers["X-RateLimit-Remaining"] == "89"
