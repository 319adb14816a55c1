"""Postiz, request by request: the whole post each time, looks before and after, and one list of everything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from loopback import Act, Loopback, answer, reset
from services import KEYS, House, connected, image, video

from calsync.errors import Rejected, TooClose, Unavailable, Uncertain
from calsync.model import (
    AccountKey,
    Channel,
    Content,
    Intent,
    MediaRef,
    Options,
    RemoteId,
    Reply,
    Sighting,
    Status,
)
from calsync.providers.base import Provider, RemoteAccount, Scope, Submission, Window
from calsync.sandbox import Sandbox, seeds
from calsync.testing import File

AT = datetime(2026, 12, 1, 14, 30, tzinfo=UTC)
BEFORE = datetime(2026, 11, 22, tzinfo=UTC)
NAME = RemoteId("cmpost1")
SCOPE = Scope(AccountKey("postiz", "cmchannel1"))
POST = Submission(scope=SCOPE, platform="mastodon", content=Content(at=AT, caption="Hello"), assets=())
ROW: dict[str, Any] = {
    "id": NAME.id,
    "content": "Hello",
    "publishDate": "2026-12-01T14:30:00.000Z",
    "releaseURL": None,
    "releaseId": None,
    "state": "QUEUE",
    "intervalInDays": None,
    "group": "g1",
    "creationMethod": "API",
    "tags": [],
    "integration": {"id": "cmchannel1", "providerIdentifier": "mastodon", "name": "Brand", "picture": ""},
}
"""An entry of the list, as a server of 2.23.0 shows it."""
WHENEVER = Window(AT - timedelta(days=100), AT + timedelta(days=100))
PNG = b"\x89PNG\r\n\x1a\n still"

At = Callable[..., Provider]


@pytest.fixture
def at() -> Iterator[At]:
    """Connects to a scripted server, as of November."""
    with ExitStack() as opened:

        def connect(server: Loopback, now: datetime = BEFORE, **settings: Any) -> Provider:
            provider, transport = connected("postiz", server.url, lambda: now, **settings)
            opened.enter_context(transport)
            return provider

        yield connect


@pytest.fixture(params=["2.23.0", "HEAD"])
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    """The sandbox's Postiz, in both versions."""
    with Sandbox(rate_limits=False, postiz=request.param) as box:
        provider, transport = connected("postiz", box.url, box.now, lead_time=timedelta(minutes=15))
        with transport:
            yield House("postiz", box, provider, (channel("mastodon"), channel("bluesky")))


def channel(network: str) -> str:
    return next(each.id for each in seeds.POSTIZ_CHANNELS if each.network == network)


def said(body: object, status: int = 200) -> Act:
    return answer(status, json.dumps(body).encode())


def rows(*shown: dict[str, Any]) -> Act:
    return said({"posts": list(shown)})


def post(house: House, number: int = 0, **changes: Any) -> Submission:
    """A post of the day after tomorrow."""
    content = replace(Content(at=house.now() + timedelta(days=2), caption="Hello"), **changes)
    normal = house.provider.normalize(content, "mastodon")
    return Submission(scope=house.scope(number), platform="mastodon", content=normal, assets=())


def truth(house: House, remote_id: RemoteId) -> dict[str, Any]:
    return next(dict(each) for each in house.box.posts() if each["id"] == remote_id.id)


# What is sent


def test_a_create_is_a_whole_post(at: At) -> None:
    """The key alone, a time in UTC, every field that is required, replies and settings."""
    content = Content(
        at=AT,
        caption="Hello",
        intent=Intent.DRAFT,
        thread=(Reply("First"), Reply("Second")),
        options=Options({"settings.tags": [{"label": "own"}], "tags": ["launch"], "short_link": True}),
    )
    with Loopback(said([{"postId": "p1", "integration": "cmchannel1"}], 201)) as server:
        assert at(server).create(replace(POST, content=content), token="unused") == RemoteId("p1")
    (got,) = server.received
    assert (got.method, got.target) == ("POST", "/public/v1/posts")
    assert got.headers["authorization"] == KEYS["postiz"]
    assert json.loads(got.body) == {
        "type": "draft",
        "date": "2026-12-01T14:30:00Z",
        "shortLink": True,
        "tags": [{"value": "launch", "label": "launch"}],
        "posts": [
            {
                "integration": {"id": "cmchannel1"},
                "settings": {"tags": [{"label": "own"}]},
                "value": [
                    {"content": "Hello", "image": []},
                    {"content": "First", "image": []},
                    {"content": "Second", "image": []},
                ],
            }
        ],
    }


def test_a_service_below_a_path_is_reached_there(at: At) -> None:
    """As where somebody hosts it: the path stands before the API's own."""
    with Loopback(said([])) as server:
        provider, transport = connected("postiz", f"{server.url}/api", lambda: BEFORE)
        with transport:
            assert provider.accounts() == ()
    assert server.received[0].target == "/api/public/v1/integrations"


def test_media_go_where_they_belong(house: House) -> None:
    """By id and path: the post's own with the post, a reply's with the reply."""
    files = [File(PNG + bytes([each]), image(PNG + bytes([each])).media) for each in range(3)]
    assets = tuple(house.provider.upload([each], post(house)) for each in files)
    assert [each.split(" ")[1].startswith("http") for each in assets] == [True] * 3
    refs = [MediaRef.of(each.media) for each in files]
    bare = post(house, media=(refs[0],), thread=(Reply("with two", (refs[1], refs[2])), Reply("with none")))
    remote_id = house.provider.create(replace(bare, assets=assets), token="k")
    shown = truth(house, remote_id)
    assert shown["media"] == [assets[0].split(" ")[0]]
    assert shown["thread"] == ["with two", "with none"]


def test_too_much_is_not_sent(at: At) -> None:
    """The service refuses more than 100 KiB, replies included."""
    content = replace(POST.content, thread=tuple(Reply("x" * 5000) for _ in range(25)))
    with Loopback(said([])) as server, pytest.raises(Rejected, match="100,000"):
        at(server).create(replace(POST, content=content), token="k")
    assert server.received == []


@pytest.mark.parametrize(
    "trouble",
    [
        reset,
        answer(500),
        answer(502),
        answer(body=b"<html>"),
        said([]),
        said({}),
        said([{"postId": None}], 201),
        said([{"postId": "a"}, {"postId": "b"}], 201),
        said([{"postId": "a", "integration": "another"}], 201),
    ],
)
def test_a_create_is_sent_once(at: At, trouble: Act) -> None:
    """The same body a second time is a second post, so that a lost answer is a doubt."""
    with Loopback(trouble) as server, pytest.raises(Uncertain):
        at(server).create(POST, token="k")
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": ["date must be a date", "tags must be an array"], "statusCode": 400}, "date must.*tags"),
        ({"message": "Integration not found", "error": "Bad Request", "statusCode": 400}, "Integration not"),
        ({"msg": "No such thing"}, "No such thing"),
        ({"statusCode": 400, "provider": "x", "name": "Brand", "message": "Too long"}, "Too long"),
    ],
)
def test_refusals_are_told_in_its_words(at: At, body: object, words: str) -> None:
    """It has four shapes of errors."""
    with Loopback(said(body, 400)) as server, pytest.raises(Rejected, match=words):
        at(server).create(POST, token="k")


# Texts


@pytest.mark.parametrize(
    "text",
    [
        "a < b and 3>2",
        "<b>bold</b> <script>x</script> t",
        "1 &lt; 2 & <3",
        "I <3 you & me",
        "<!-- -->",
        "a & b &lt;kept&gt; as it is",
        "  blanks\tand\r\nlines  ",
        "é e\u0301 🚀 \u200b",
        "",
    ],
)
def test_a_text_is_no_drift_right_after_it_was_sent(house: House, text: str) -> None:
    """What is compared is what the service keeps, and every letter is published as it was written."""
    submission = post(house, caption=text, thread=(Reply(text or "x"),))
    assert house.provider.normalize(submission.content) == submission.content
    remote_id = house.provider.create(submission, token="k")
    seen = house.seen(remote_id)
    assert seen is not None
    assert seen.caption == submission.content.caption
    assert truth(house, remote_id)["thread"] == [submission.content.thread[0].text]


# Changing and moving


def changed(house: House, remote_id: RemoteId, **changes: Any) -> Submission:
    submission = post(house, **changes)
    assert house.provider.update(remote_id, submission) == remote_id
    return submission


@pytest.mark.parametrize(
    ("intent", "by_now", "words"),
    [
        (Intent.PUBLISH, {"state": "DRAFT"}, "made a draft"),
        (Intent.DRAFT, {"state": "QUEUE"}, "scheduled the draft"),
        (Intent.PUBLISH, {"integration": {"id": "cmchannel2"}}, "another channel"),
    ],
)
def test_what_a_person_has_decided_since_the_look_is_not_written_over(
    at: At, intent: Intent, by_now: dict[str, Any], words: str
) -> None:
    """A stop, a draft that was finished, another channel: the plan was made without knowing it."""
    before = ROW | {"state": "DRAFT" if intent is Intent.DRAFT else "QUEUE"}
    wanted = replace(POST, content=replace(POST.content, caption="Other", intent=intent))
    with Loopback(rows(before), rows(before | by_now)) as server:
        provider = at(server)
        assert provider.list_posts([SCOPE], WHENEVER)
        with pytest.raises(Rejected, match=words):
            provider.update(NAME, wanted)
    assert [each.method for each in server.received] == ["GET", "GET"]


@pytest.mark.parametrize("cancels", [False, True])
def test_nothing_is_deleted_with_a_post_that_a_person_made_for_several_channels(
    at: At, cancels: bool
) -> None:
    """A write deletes the rest of its group, so the others are looked for wherever they were moved to."""
    web = ROW | {"creationMethod": "WEB"}
    far = web | {
        "id": "cmpost2",
        "publishDate": "2028-12-01T14:30:00.000Z",
        "integration": {"id": "cmchannel2"},
    }
    with Loopback(rows(web), rows(web), rows(far), rows(web)) as server:
        provider = at(server)
        assert provider.list_posts([SCOPE], WHENEVER)[0].fixed is None
        write = (lambda: provider.cancel(NAME, SCOPE)) if cancels else (lambda: provider.update(NAME, POST))
        with pytest.raises(Rejected, match="made together"):
            write()
    assert {each.method for each in server.received} == {"GET"}


def test_a_change_replaces_the_whole_post_and_its_thread(house: House) -> None:
    """Under its id; old replies do not stay behind; settings are those of the entry."""
    remote_id = house.provider.create(post(house, thread=(Reply("old"), Reply("older"))), token="k")
    for thread in (("new",), ("new", "newer"), ()):
        wanted = changed(house, remote_id, caption=f"Other {thread}", thread=tuple(map(Reply, thread)))
        shown = truth(house, remote_id)
        assert (shown["caption"], shown["thread"]) == (wanted.content.caption, [*thread])
    (seen,) = house.listed().values()
    assert seen.status is Status.SCHEDULED


def test_a_move_keeps_all_else(house: House) -> None:
    """The post is sent again as it is, at another time, and its job wakes up then."""
    submission = post(house, thread=(Reply("reply"),))
    remote_id = house.provider.create(submission, token="k")
    later = replace(submission, content=replace(submission.content, at=house.now() + timedelta(days=4)))
    house.provider.reschedule(remote_id, later)
    shown = truth(house, remote_id)
    assert (shown["thread"], shown["status"]) == (["reply"], "QUEUE")
    house.advance(timedelta(days=3))
    assert house.times_published() == [0]
    house.advance(timedelta(days=1, minutes=1))
    assert house.times_published() == [1]


def test_a_draft_becomes_a_post_and_a_post_a_draft(house: House) -> None:
    """In place, either way."""
    remote_id = house.provider.create(post(house, intent=Intent.DRAFT), token="k")
    for intent in (Intent.DRAFT, Intent.PUBLISH, Intent.DRAFT):
        changed(house, remote_id, intent=intent)
        seen = house.seen(remote_id)
        assert seen is not None
        assert (seen.status, seen.intent) == (Status.SCHEDULED, intent)
    house.advance(timedelta(days=3))
    assert house.times_published() == [0]


def writes(house: House) -> list[str]:
    return [each["method"] for each in house.box.requests() if each["method"] != "GET"]


@pytest.mark.parametrize("state", ["published", "failed", "deleted", "soon", "repeating", "unknown"])
def test_what_is_not_waiting_is_never_sent_again(house: House, state: str) -> None:
    """It would go out twice, come back, vanish, or become a stranger: a look comes first, and nothing is sent."""
    remote_id = house.provider.create(post(house), token="k")
    if state == "published":
        house.advance(timedelta(days=3))
    elif state == "failed":
        house.fail(remote_id, "spam")
    elif state == "deleted":
        house.delete(remote_id)
    elif state == "soon":
        house.advance(timedelta(days=2) - timedelta(minutes=10))
    elif state == "unknown":
        remote_id = RemoteId("cmnobody")
    else:
        repeat(house, remote_id)
    before = writes(house)
    with pytest.raises(Rejected) as caught:
        house.provider.update(remote_id, post(house))
    assert (caught.value.code == "by-hand") is (state in ("soon", "repeating"))
    with pytest.raises(Rejected):
        house.provider.reschedule(remote_id, post(house))
    assert writes(house) == before


def repeat(house: House, remote_id: RemoteId, days: int = 7) -> dict[str, Any]:
    """A person lets a post repeat; what was sent for that."""
    body: dict[str, Any] = json.loads(house.provider.create_body(post(house)))
    body["inter"] = days
    body["posts"][0]["value"][0]["id"] = remote_id.id
    headers = {"Authorization": KEYS["postiz"]}
    assert httpx.post(f"{house.box.url}/public/v1/posts", json=body, headers=headers).status_code == 201
    return body


def test_a_time_is_judged_when_its_turn_comes(at: At) -> None:
    """A past or near time is never sent, however the post stands."""
    with Loopback(rows(ROW)) as server:
        provider = at(server, now=AT - timedelta(minutes=5), lead_time=timedelta(minutes=15))
        for ask in (
            lambda: provider.update(NAME, POST),
            lambda: provider.reschedule(NAME, POST),
            lambda: provider.create(POST, token="k"),
        ):
            with pytest.raises(TooClose):
                ask()
    assert server.received == []


@pytest.mark.parametrize(("ahead", "outcome"), [(119, Rejected), (121, None)])
def test_two_minutes_before_its_time_nobody_changes_a_post(
    at: At, ahead: int, outcome: type[Exception] | None
) -> None:
    """However short the project's lead time is: the change might come after it went out."""
    with Loopback(rows(ROW), rows(ROW), OK, rows({**MOVED, "publishDate": "2026-12-02T14:30:00Z"})) as server:
        provider = at(server, now=AT - timedelta(seconds=ahead))
        later = replace(NEW, content=replace(NEW.content, at=AT + timedelta(days=1)))
        if outcome is None:
            provider.reschedule(NAME, later)
            return
        with pytest.raises(outcome) as caught:
            provider.reschedule(NAME, later)
    assert getattr(caught.value, "code", None) == "by-hand"
    assert [each.method for each in server.received] == ["GET"]


MOVED = {**ROW, "group": "g2", "content": "New"}
NEW = replace(POST, content=replace(POST.content, caption="New"))
OK = said([{"postId": NAME.id, "integration": "cmchannel1"}], 201)


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([rows(ROW), rows(ROW), OK, rows(MOVED)], None),
        # Somebody wrote between two looks: it is built anew.
        ([rows(ROW), rows({**ROW, "group": "g3"}), rows({**ROW, "group": "g3"}), rows({**ROW, "group": "g3"}), OK, rows(MOVED)], None),
        # Its answer was lost, and it was done, or not, or nobody knows.
        ([rows(ROW), rows(ROW), reset, rows(MOVED)], None),
        ([rows(ROW), rows(ROW), answer(500), rows(MOVED)], None),
        ([rows(ROW), rows(ROW), reset, rows(ROW)], Uncertain),
        ([rows(ROW), rows(ROW), reset, rows({**MOVED, "group": "g1"})], Uncertain),
        ([rows(ROW), rows(ROW), reset, answer(500)], Uncertain),
        ([rows(ROW), rows(ROW), OK, answer(500)], Uncertain),
        # It was deleted meanwhile: the service says 201 and keeps it deleted.
        ([rows(ROW), rows(ROW), OK, rows()], Rejected),
        ([rows(ROW), rows(ROW), OK, rows(ROW)], Uncertain),
        # It went out between the looks.
        ([rows(ROW), rows({**ROW, "state": "PUBLISHED"})], Rejected),
        ([rows(ROW), rows(ROW), said({"message": "published already", "statusCode": 400}, 400)], Rejected),
        ([rows(ROW), answer(503)], Unavailable),
        ([rows({**ROW, "state": "ODD"})], Rejected),
        ([rows({**ROW, "publishDate": "soon"})], Rejected),
        ([rows({**ROW, "group": None})], Rejected),
        ([rows(ROW, {**ROW, "id": "sibling"})], Rejected),
    ],
)  # fmt: skip
def test_a_change_is_looked_after(at: At, answers: list[Act], outcome: type[Exception] | None) -> None:
    """Right before, so that nothing goes out twice, and right after, so that nothing is lost in silence."""
    with Loopback(*answers) as server:
        if outcome is None:
            at(server).update(NAME, NEW)
        else:
            with pytest.raises(outcome):
                at(server).update(NAME, NEW)
        sent = [each for each in server.received if each.method == "POST"]
    assert len(sent) <= 1
    for each in sent:
        (entry,) = json.loads(each.body)["posts"]
        assert entry["value"][0]["id"] == NAME.id
        assert entry["group"] in ("g1", "g3")


def test_a_stranger_made_by_a_change_is_deleted_again(at: At) -> None:
    """The id in the answer is compared with the one that was sent; what was there before, or is not as sent, stays."""
    answered = said([{"postId": "stranger", "integration": "cmchannel1"}], 201)
    stranger = {**MOVED, "id": "stranger", "group": "g9"}
    for before, shown, deleted, outcome in (
        ((), (stranger,), said({"error": True}), Rejected),
        ((), (stranger,), answer(500), Uncertain),
        ((), ({**stranger, "content": "Theirs"},), None, Uncertain),
        ((), ({**stranger, "integration": {"id": "another"}},), None, Uncertain),
        ((), (), None, Uncertain),
        ((stranger,), (stranger,), None, Uncertain),
    ):
        looks = [rows(ROW, *before)] * 2
        with Loopback(
            *looks, answered, *([] if before else [rows(ROW, *shown)]), deleted or rows(ROW)
        ) as server:
            with pytest.raises(outcome) as caught:
                at(server).update(NAME, NEW)
            assert "stranger" in str(caught.value)
            sent = [(each.method, each.target) for each in server.received if each.method == "DELETE"]
            assert sent == ([] if deleted is None else [("DELETE", "/public/v1/posts/stranger")])


# Cancelling


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([rows(ROW), said({"error": True}), rows()], None),
        ([rows(ROW), answer(500), rows()], None),
        ([rows(ROW), answer(404), rows()], None),
        ([rows(ROW), reset, rows()], None),
        ([rows(ROW), answer(500), rows(ROW), said({"error": True}), rows()], None),
        ([rows()], None),
        ([rows(ROW), said({"error": True}), rows(ROW)] * 3, Uncertain),
        ([rows(ROW), reset, answer(500)], Uncertain),
        ([rows(ROW), reset, rows({**ROW, "state": "PUBLISHED"})], Rejected),
        ([rows({**ROW, "state": "PUBLISHED"})], Rejected),
        ([rows({**ROW, "state": "ERROR"})], Rejected),
        ([rows({**ROW, "intervalInDays": 7})], Rejected),
        ([rows(ROW, {**ROW, "id": "sibling"})], Rejected),
        ([answer(500)], Unavailable),
        ([said({})], Unavailable),
    ],
)
def test_a_cancel_is_confirmed_by_the_list(
    at: At, answers: list[Act], outcome: type[Exception] | None
) -> None:
    """Its answer is `error` on success and 500 for what is gone; only what waits is deleted."""
    with Loopback(*answers) as server:
        if outcome is None:
            at(server).cancel(NAME, SCOPE)
        else:
            with pytest.raises(outcome):
                at(server).cancel(NAME, SCOPE)


def test_what_is_due_may_be_on_its_way(house: House) -> None:
    """No state says so: within a quarter of an hour after its time it is neither cancelled nor taken for overdue."""
    house.box.set_knobs(postiz_worker=False)
    remote_id = house.provider.create(post(house), token="k")
    house.advance(timedelta(days=2, minutes=1))
    seen = house.seen(remote_id)
    assert seen is not None
    assert seen.status is Status.PROCESSING
    with pytest.raises(Rejected) as caught:
        house.provider.cancel(remote_id, house.scope())
    assert caught.value.conflict
    house.advance(timedelta(minutes=15))
    seen = house.seen(remote_id)
    assert seen is not None
    assert seen.status is Status.SCHEDULED
    house.provider.cancel(remote_id, house.scope())
    assert house.listed() == {}


# Reading


def listed(provider: Provider) -> list[Sighting]:
    return list(provider.list_posts([SCOPE], WHENEVER))


def test_the_list_is_read_as_it_is_shown(at: At) -> None:
    """Neither media nor replies; settings where the server shows them."""
    shown = Sighting(
        remote_id=NAME,
        account_id="cmchannel1",
        status=Status.SCHEDULED,
        at=AT,
        caption="Hello",
        intent=Intent.PUBLISH,
    )
    settings = '{"__type": "x", "who_can_reply_post": "everyone", "tags": ["own"]}'
    read = Options({"who_can_reply_post": "everyone", "settings.tags": ["own"]})
    with Loopback(rows(ROW), rows({**ROW, "settings": settings}), rows({**ROW, "settings": "{"})) as server:
        provider = at(server)
        assert listed(provider) == [shown]
        assert listed(provider) == [replace(shown, options=read)]
        assert listed(provider) == [shown]
        assert server.received[0].target == (
            "/public/v1/posts?startDate=2026-08-23T14%3A30%3A00Z&endDate=2027-03-11T14%3A30%3A00Z"
        )


@pytest.mark.parametrize(
    ("word", "status", "intent"),
    [
        ("QUEUE", Status.SCHEDULED, Intent.PUBLISH),
        ("DRAFT", Status.SCHEDULED, Intent.DRAFT),
        ("PUBLISHED", Status.PUBLISHED, Intent.PUBLISH),
        ("ERROR", Status.FAILED, Intent.PUBLISH),
        ("queue", Status.SCHEDULED, Intent.PUBLISH),
        ("PAUSED", Status.UNKNOWN, None),
        (None, Status.UNKNOWN, None),
        (7, Status.UNKNOWN, None),
    ],
)
def test_states(at: At, word: object, status: Status, intent: Intent | None) -> None:
    """What is not known is unknown, never a guess."""
    with Loopback(rows({**ROW, "state": word})) as server:
        assert [(each.status, each.intent) for each in listed(at(server))] == [(status, intent)]


@pytest.mark.parametrize(
    "shape",
    [
        said({}),
        said([]),
        said({"posts": None}),
        said({"posts": [ROW, 7]}),
        said({"posts": [{**ROW, "id": 5}]}),
    ],
)
def test_a_list_that_may_be_a_part_decides_nothing(at: At, shape: Act) -> None:
    """What it does not show would be taken for lost."""
    with Loopback(shape) as server, pytest.raises(Unavailable):
        listed(at(server))


def test_posts_of_other_channels_and_times_are_passed_over(at: At) -> None:
    """One whose channel is not shown may be ours."""
    other = {**ROW, "id": "b", "integration": {"id": "another"}, "group": "g2"}
    bare = {"id": "c"}
    early = {**ROW, "id": "d", "group": "g3", "publishDate": "2020-01-01T00:00:00.000Z"}
    with Loopback(rows(ROW, other, bare, early)) as server:
        assert [each.remote_id.id for each in listed(at(server))] == [NAME.id, "c"]


def test_a_repeating_post_is_one_post_that_nobody_touches(house: House) -> None:
    """It is listed for each time that it goes out, before the window too."""
    remote_id = house.provider.create(post(house), token="k")
    at = datetime.fromisoformat(str(repeat(house, remote_id)["date"]))
    (seen,) = house.listed().values()
    assert (seen.at, seen.fixed) == (at, "it repeats every 7 days")
    with pytest.raises(Rejected, match="repeats every 7 days"):
        house.provider.cancel(remote_id, house.scope())


def test_a_row_that_is_listed_twice_is_one_post(at: At) -> None:
    """Only other times make it one that repeats."""
    with Loopback(rows(ROW, ROW), rows(ROW, {**ROW, "publishDate": "2026-12-08T14:30:00.000Z"})) as server:
        provider = at(server)
        (once,), (again,) = listed(provider), listed(provider)
    assert (once.fixed, again.fixed) == (None, "it repeats")


def test_posts_that_share_a_group_are_left_alone(at: At) -> None:
    """A person made them together: deleting or sending one again would delete the others."""
    with Loopback(rows(ROW, {**ROW, "id": "b"}, {**ROW, "id": "c", "group": "g2"})) as server:
        assert [each.fixed is None for each in listed(at(server))] == [False, False, True]
    # Also where a person has moved them far apart: what was listed before counts.
    with Loopback(rows(ROW, {**ROW, "id": "b"}), rows(ROW)) as server:
        provider = at(server)
        listed(provider)
        with pytest.raises(Rejected, match="together"):
            provider.cancel(NAME, SCOPE)
        assert [each.method for each in server.received] == ["GET", "GET"]


def test_a_post_is_found_wherever_it_went(house: House) -> None:
    """By its id, in time spans further and further away; one search serves a whole refresh."""
    made = [house.provider.create(post(house, caption=str(each)), token="k") for each in range(3)]
    for remote_id, years in zip(made, (0.5, 5, 20), strict=True):
        house.box.edit_post(remote_id.id, at=house.now() + timedelta(days=366 * years))
    provider, transport = connected("postiz", house.box.url, house.box.now)
    with transport:
        before = len(house.box.requests())
        assert all(provider.get_post(each, house.scope()) for each in made)
        assert provider.get_post(RemoteId("cmnobody"), house.scope()) is None
        assert len(house.box.requests()) - before <= 8
        # Asked again, it is read afresh.
        house.delete(made[0])
        assert provider.get_post(made[0], house.scope()) is None


def test_channels_are_accounts(at: At) -> None:
    """By id, network, profile and name; and why one is of no use."""
    shown = [
        {"id": "a", "name": "Brand", "identifier": "x", "picture": "", "disabled": False, "profile": "brand"},
        {"id": "b", "name": "Old", "identifier": "linkedin", "disabled": True, "profile": None},
        {"id": "c", "name": "New", "identifier": "threads", "refreshNeeded": True},
        {"id": "d"},
        7,
    ]
    with Loopback(said(shown), said({})) as server:
        provider = at(server)
        assert provider.accounts() == (
            RemoteAccount(id="a", platform="x", username="brand", name="Brand"),
            RemoteAccount(id="b", platform="linkedin", name="Old", unusable="it is disabled in Postiz"),
            RemoteAccount(
                id="c", platform="threads", name="New", unusable="it has to be connected again in Postiz"
            ),
        )
        with pytest.raises(Unavailable):
            provider.accounts()


def test_a_channel_says_what_its_network_takes(house: House, at: At) -> None:
    """A schema of settings, or a text where there are none, and a length."""
    scope = Scope(AccountKey("postiz", channel("x")))
    found = house.provider.channel(scope)
    assert found is not None
    assert found.options is not None
    assert (found.caption_units, found.options["required"]) == (280, ["who_can_reply_post"])
    none = house.provider.channel(house.scope())
    assert none == Channel(options={"type": "object", "properties": {}}, caption_units=500)
    with Loopback(
        said({}), said({"output": 7}), said({"output": {"maxLength": "long", "settings": 7}})
    ) as server:
        assert [at(server).channel(SCOPE) for _ in range(3)] == [None, None, Channel()]


def test_uploads_in_doubt_are_repeated(house: House) -> None:
    """A second copy in the library publishes nothing."""
    submission = post(house)
    for kind in ("reset_before", "reset_after", "answer", "answer_after"):
        house.box.fault(kind, method="POST", path="/public/v1/upload")
        assert " " in house.provider.upload([File(PNG, image(PNG).media)], submission)
    with pytest.raises(Rejected, match="Unsupported"):
        house.provider.upload([video(b"nothing")], submission)
