"""Postiz's posts in the sandbox: writing them again, threads, drafts, lists, deletion, time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from postiz_calls import BLUESKY, IMAGE, LOST, MASTODON, OFF, Caller, X


def published(postiz: Caller, **more: Any) -> str:
    """Make a post and let its time come."""
    post_id = postiz.made(**more)
    postiz.box.advance(timedelta(hours=2))
    assert postiz.shown(post_id)["state"] == "PUBLISHED"
    return post_id


def test_a_post_is_listed(postiz: Caller) -> None:
    """With its text, date and state; media and replies are not told."""
    at = "2030-01-01T12:00:00+02:00"
    postiz.made("Hello", "A reply", at=at, image=[IMAGE])
    [item] = postiz.list()
    group = item.pop("group")
    post_id = item.pop("id")
    assert group
    assert item == {
        "content": "Hello",
        "publishDate": "2030-01-01T10:00:00.000Z",
        "releaseURL": None,
        "releaseId": None,
        "state": "QUEUE",
        "intervalInDays": None,
        "creationMethod": "API",
        "tags": [],
        "integration": {
            "id": MASTODON,
            "providerIdentifier": "mastodon",
            "name": "Brand",
            "picture": f"https://pictures.example/{MASTODON}.png",
        },
    }
    [post] = postiz.box.posts()
    assert (post["id"], post["media"], post["thread"]) == (post_id, ["made up"], ["A reply"])


def test_the_same_body_twice_is_two_posts(postiz: Caller) -> None:
    """There is no key that would tell them apart."""
    body = postiz.body("Hello")
    first, second = (postiz.http.post("/posts", json=body).json()[0]["postId"] for _ in range(2))
    assert first != second
    assert len(postiz.list()) == 2


def test_a_post_is_changed_by_writing_it_again(postiz: Caller) -> None:
    """Under its id all of it is replaced, media that are not sent again included; its group is another."""
    post_id = postiz.made("Hello", image=[IMAGE], channel=X)
    before = postiz.shown(post_id)
    assert postiz.made("Bye", ids=[post_id], channel=BLUESKY, at="2031-01-01") == post_id
    after = postiz.shown(post_id)
    assert (after["content"], after["publishDate"]) == ("Bye", "2031-01-01T00:00:00.000Z")
    assert after["integration"]["id"] == BLUESKY
    assert after["group"] != before["group"]
    [post] = postiz.box.posts()
    assert (post["media"], post["options"]) == ([], {})


@pytest.mark.parametrize(
    ("kind", "state"), [("schedule", "QUEUE"), ("update", "DRAFT"), ("draft", "DRAFT"), ("banana", "QUEUE")]
)
def test_a_draft_that_is_written_again(postiz: Caller, kind: str, state: str) -> None:
    """Only an update keeps the state: all else promotes a draft, but for a draft."""
    post_id = postiz.made(kind="draft")
    assert postiz.shown(post_id)["state"] == "DRAFT"
    postiz.made(kind=kind, ids=[post_id])
    assert postiz.shown(post_id)["state"] == state


@pytest.mark.parametrize("kind", ["banana", "Draft", None])
def test_a_misspelt_type_is_a_schedule(postiz: Caller, kind: str | None) -> None:
    """A client's slip goes out."""
    body = postiz.body("Hello")
    body = {**body, "type": kind, "surplus": 1} if kind else {k: v for k, v in body.items() if k != "type"}
    assert postiz.http.post("/posts", json=body).status_code == 201
    assert [each["state"] for each in postiz.list()] == ["QUEUE"]


def test_an_unknown_id_is_a_new_post(postiz: Caller) -> None:
    """The answer has another id than was asked for."""
    made = postiz.made(ids=["nobody"])
    assert made != "nobody"
    assert [each["id"] for each in postiz.list()] == [made]


def test_a_deleted_post_stays_deleted(postiz: Caller) -> None:
    """Writing to it is answered as if all were well."""
    post_id = postiz.made()
    postiz.http.delete(f"/posts/{post_id}")
    assert postiz.made("Again", ids=[post_id]) == post_id
    assert postiz.list() == []
    postiz.box.advance(timedelta(hours=2))
    assert postiz.box.publications() == []


@pytest.mark.parametrize("minutes", [60, -60])
def test_a_published_post_is_published_again(postiz: Caller, minutes: float) -> None:
    """In the release: at its new time, or at once where that is past; until then it has its old address."""
    post_id = published(postiz)
    url = postiz.shown(post_id)["releaseURL"]
    answer = postiz.post("Again", ids=[post_id], at=postiz.ahead(minutes))
    assert answer.status_code == 201
    if minutes > 0:
        assert (postiz.shown(post_id)["state"], postiz.shown(post_id)["releaseURL"]) == ("QUEUE", url)
        postiz.box.advance(timedelta(hours=2))
    assert postiz.shown(post_id)["state"] == "PUBLISHED"
    assert [each["caption"] for each in postiz.box.publications()] == ["Hello", "Again"]
    assert postiz.box.posts()[0]["times_published"] == 2


def test_head_publishes_again_only_when_told(postiz: Caller) -> None:
    """There writing to what is published is 400, and nothing of the body is done, unless it says so."""
    postiz.box.set_knobs(postiz="HEAD")
    post_id = published(postiz)
    body = postiz.body("Another")
    body["posts"] += postiz.body("Again", ids=[post_id])["posts"]
    assert postiz.http.post("/posts", json=body).status_code == 400
    assert len(postiz.list()) == 1
    postiz.made("Again", ids=[post_id], republish=True)
    postiz.box.advance(timedelta(hours=2))
    assert len(postiz.box.publications()) == 2


@pytest.mark.parametrize(("kind", "after"), [("update", 0), ("schedule", 60)])
def test_an_update_keeps_the_running_job(postiz: Caller, kind: str, after: int) -> None:
    """A post that is moved by an update goes out at its old time; one that is scheduled, at its new."""
    at = postiz.box.now().replace(microsecond=0) + timedelta(hours=1)
    post_id = postiz.made(at=at.isoformat())
    postiz.made(ids=[post_id], kind=kind, at=(at + timedelta(hours=1)).isoformat())
    postiz.box.advance(timedelta(hours=3))
    [out] = postiz.box.publications()
    assert datetime.fromisoformat(out["at"]) == at + timedelta(minutes=after)
    shown = datetime.fromisoformat(postiz.shown(post_id)["publishDate"])
    assert shown == at + timedelta(hours=1)


def test_a_root_without_its_group_leaves_the_replies(postiz: Caller) -> None:
    """The old reply lives on under the old group, and so survives the deletion of the post."""
    post_id = postiz.made("Root", "Old reply")
    postiz.made("Root", "New reply", ids=[post_id])
    assert sorted(postiz.box.posts()[0]["thread"]) == ["New reply", "Old reply"]


def test_a_root_with_its_group_replaces_the_replies(postiz: Caller) -> None:
    """The old replies go, and it goes out with the new ones."""
    post_id = postiz.made("Root", "Old reply")
    postiz.made("Root", "New reply", ids=[post_id], group=postiz.shown(post_id)["group"])
    assert postiz.box.posts()[0]["thread"] == ["New reply"]
    postiz.box.advance(timedelta(hours=2))
    assert [each["thread"] for each in postiz.box.publications()] == [["New reply"]]


def test_the_group_of_another_post_deletes_it(postiz: Caller) -> None:
    """In a create, too."""
    other = postiz.shown(postiz.made("Other"))
    made = postiz.made("Mine", group=other["group"])
    assert [each["id"] for each in postiz.list()] == [made]
    assert [each["status"] for each in postiz.box.posts()] == ["deleted", "QUEUE"]


def test_deleting_says_error_and_means_well(postiz: Caller) -> None:
    """A post goes with its whole group; a second time, or an unknown id, is 500; a group is always 200."""
    post_id = postiz.made("Root", "Reply")
    answer = postiz.http.delete(f"/posts/{post_id}")
    assert (answer.status_code, answer.json()) == (200, {"error": True})
    assert postiz.box.posts()[0]["thread"] == []
    for gone in (post_id, "nobody"):
        assert postiz.http.delete(f"/posts/{gone}").status_code == 500
    group = postiz.shown(postiz.made())["group"]
    for name in (group, group, "nothing"):
        answer = postiz.http.delete(f"/posts/group/{name}")
        assert (answer.status_code, answer.json()) == (200, {"error": True})
    assert postiz.list() == []


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("<b>bold</b> <script>x</script> t", "bold  t"),
        ("a < b and 3>2", "a &lt; b and 3&gt;2"),
        ("a < b & c", "a &lt; b &amp; c"),
        ("Rock & roll, 3>2, &lt;x&gt;", "Rock & roll, 3>2, &lt;x&gt;"),
        (" \tlines\r\nand\n ends \u200b\U0001f389 ", " \tlines\r\nand\n ends \u200b\U0001f389 "),
        ("I <3 you", "I &lt;3 you"),
    ],
)
def test_texts_are_sanitised(postiz: Caller, text: str, stored: str) -> None:
    """One sign changes all of a text; without it not a byte is."""
    postiz.made(text)
    assert [each["content"] for each in postiz.list()] == [stored]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2030-06-01T12:00:05+02:00", "2030-06-01T10:00:05.000Z"),
        ("2030-06-01T12:00:00", "2030-06-01T12:00:00.000Z"),
        ("2030-06-01T12:00", "2030-06-01T12:00:00.000Z"),
        ("2030-06-01", "2030-06-01T00:00:00.000Z"),
        ("2030-06-01T12:00:00.123987Z", "2030-06-01T12:00:00.123Z"),
    ],
)
def test_dates_become_utc(postiz: Caller, written: str, shown: str) -> None:
    """An offset counts, no zone is UTC, what is finer than milliseconds is cut."""
    postiz.made(at=written)
    assert [each["publishDate"] for each in postiz.list()] == [shown]


def test_a_past_date_is_taken(postiz: Caller) -> None:
    """Where no worker runs it waits with that date; where one does, it goes out at once."""
    postiz.box.set_knobs(postiz_worker=False)
    postiz.made(at="2020-01-01")
    [item] = postiz.list()
    assert (item["state"], item["publishDate"]) == ("QUEUE", "2020-01-01T00:00:00.000Z")
    postiz.box.set_knobs(postiz_worker=True)
    assert [each["state"] for each in postiz.list()] == ["PUBLISHED"]


def test_now_goes_out_now(postiz: Caller) -> None:
    """The sandbox tells it from what was scheduled."""
    postiz.made(kind="now", at="2040-01-01")
    [post] = postiz.box.posts()
    assert (post["times_published"], post["published_now"], post["at"]) == (1, True, None)


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("2030-01-01T10:00:00Z", "2030-01-01T10:00:00Z", 1),
        ("2030-01-01T10:00:00.001Z", "2030-01-02", 0),
        ("2030-01-01", "2030-01-01T09:59:59.999", 0),
        ("2030-01-01T12:00:00+02:00", "2030-01-02", 1),
        ("2031-01-01", "2030-01-01", 0),
    ],
)
def test_a_list_has_two_inclusive_ends(postiz: Caller, start: str, end: str, found: int) -> None:
    """No zone is UTC, and a range that is turned round is empty."""
    postiz.made(at="2030-01-01T10:00:00Z")
    assert len(postiz.list(start, end)) == found


@pytest.mark.parametrize(
    "query", ["startDate=2030-01-01T00:00:00+02:00&endDate=2031-01-01", "startDate=2030-01-01"]
)
def test_a_bare_plus_is_no_date(postiz: Caller, query: str) -> None:
    """In a query it is a blank; nor is one end enough."""
    assert postiz.http.get(f"/posts?{query}").status_code == 400


def test_a_list_has_no_order_and_all_states(postiz: Caller) -> None:
    """Whoever is written is moved; drafts, failures and what is out are in it, on one page."""
    posts = [postiz.made(str(number), at=postiz.ahead(300 - number)) for number in range(120)]
    assert [each["id"] for each in postiz.list()] == posts
    postiz.made("0", ids=[posts[0]], kind="draft")
    assert [each["id"] for each in postiz.list()] == [*posts[1:], posts[0]]
    postiz.made(kind="now")
    postiz.box.fail_post(posts[1])
    assert {each["state"] for each in postiz.list()} == {"QUEUE", "DRAFT", "ERROR", "PUBLISHED"}


def test_a_repeating_post_is_listed_for_each_time(postiz: Caller) -> None:
    """From its first on, before the start of the range too; it goes out as often."""
    at = postiz.box.now().replace(microsecond=0) + timedelta(hours=1)
    post_id = postiz.made(at=at.isoformat(), inter=7)

    def spell(days: int) -> str:
        return (at + timedelta(days=days)).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    found = postiz.list(spell(10), spell(21))
    assert {each["id"] for each in found} == {post_id}
    assert [each["publishDate"] for each in found] == [spell(days) for days in (0, 7, 14, 21)]
    assert {each["actualDate"] for each in found} == {spell(0)}
    assert postiz.list("2000-01-01", spell(-1)) == []
    postiz.box.advance(timedelta(days=15))
    assert len(postiz.box.publications()) == 3


def test_only_known_tags_stick(postiz: Caller) -> None:
    """A label that nobody made before is dropped without a word; a write replaces the tags."""
    postiz.box.seed_tag("known")
    tags = [{"value": each, "label": each} for each in ("known", "calsync")]
    post_id = postiz.made(tags=tags)
    assert [each["tag"]["name"] for each in postiz.shown(post_id)["tags"]] == ["known"]
    postiz.made(ids=[post_id])
    assert postiz.shown(post_id)["tags"] == []


@pytest.mark.parametrize("channel", [OFF, LOST])
def test_a_channel_that_does_not_work_fails_late(postiz: Caller, channel: str) -> None:
    """Nothing is said before the time has come."""
    post_id = postiz.made(channel=channel)
    postiz.box.advance(timedelta(hours=2))
    assert postiz.shown(post_id)["state"] == "ERROR"
    assert postiz.box.publications() == []


def test_a_state_is_changed_alone(postiz: Caller) -> None:
    """To a draft, which does not go out, and back; the group stays."""
    post_id = postiz.made()
    group = postiz.shown(post_id)["group"]

    def put(status: str, of: str = post_id) -> Any:
        return postiz.http.put(f"/posts/{of}/status", json={"status": status})

    assert put("draft").json() == {"id": post_id, "state": "DRAFT"}
    assert postiz.shown(post_id)["group"] == group
    postiz.box.advance(timedelta(hours=2))
    assert postiz.box.publications() == []
    assert put("schedule").json() == {"id": post_id, "state": "QUEUE"}
    assert len(postiz.box.publications()) == 1
    assert put("banana").status_code == 400
    unknown = put("draft", "nobody")
    assert (unknown.status_code, unknown.json()["message"]) == (400, "Post not found")


def test_head_shows_and_merges_settings(postiz: Caller) -> None:
    """As a text of JSON; a change keeps what it does not name, and the group."""
    post_id = postiz.made(channel=X)
    assert "settings" not in postiz.shown(post_id)
    postiz.box.set_knobs(postiz="HEAD")
    before = postiz.shown(post_id)
    assert before["settings"] == '{"who_can_reply_post": "everyone"}'
    path = f"/posts/{post_id}/settings"
    answer = postiz.http.put(path, json={"settings": {"community": "c"}})
    assert answer.json() == {"postId": post_id, "publishDate": before["publishDate"]}
    after = postiz.shown(post_id)
    assert after["settings"] == '{"who_can_reply_post": "everyone", "community": "c"}'
    assert after["group"] == before["group"]
    assert postiz.http.put("/posts/nobody/settings", json={"settings": {}}).status_code == 404
    postiz.box.advance(timedelta(hours=2))
    assert postiz.http.put(path, json={"settings": {}}).status_code == 400
