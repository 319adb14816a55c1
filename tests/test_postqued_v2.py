"""Postqued v2, request by request: bodies as its OpenAPI document has them, and whatever its answers leave open."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from loopback import Act, Loopback, answer, reset
from services import KEYS, House, connected, due, image, video

from calsync.binding import bind
from calsync.errors import CalsyncError, Rejected, Severity, Source, Unauthorized, Unavailable, Uncertain
from calsync.model import (
    AccountKey,
    AccountSpec,
    Address,
    Content,
    CreatorInfo,
    Desired,
    Entry,
    Intent,
    Json,
    Options,
    Record,
    Recorded,
    RemoteId,
    Status,
)
from calsync.observed import Refresh, refresh
from calsync.providers import postqued_v2_reading as reading
from calsync.providers.base import Provider, Scope, Submission, Window
from calsync.sandbox import Sandbox, seeds

AT = datetime(2026, 3, 15, 14, 0, tzinfo=UTC)
BEFORE = datetime(2026, 3, 1, tzinfo=UTC)
CONTENT_ID, ACCOUNT_ID = "550e8400-e29b-41d4-a716-446655440000", "660e8400-e29b-41d4-a716-446655440001"
SCOPE = Scope(AccountKey("postqued", ACCOUNT_ID))
POST = Submission(
    scope=SCOPE,
    platform="tiktok",
    content=Content(
        at=AT,
        caption="Scheduled! #automation",
        intent=Intent.DRAFT,
        options=Options({"privacy_level": "PUBLIC_TO_EVERYONE", "video_cover_timestamp_ms": 1000}),
    ),
    assets=(CONTENT_ID,),
)
BODY: dict[str, Any] = {
    "contentIds": [CONTENT_ID],
    "targets": [
        {
            "platform": "tiktok",
            "accountId": ACCOUNT_ID,
            "intent": "draft",
            "caption": "Scheduled! #automation",
            "dispatchAt": "2026-03-15T14:00:00Z",
            "options": {"privacyLevel": "PUBLIC_TO_EVERYONE", "videoCoverTimestampMs": 1000},
        }
    ],
    "workspaceId": "w1",
}
"""A PublishRequest of the OpenAPI document."""
TARGET: dict[str, Any] = {
    "id": "t1",
    "platform": "tiktok",
    "accountId": ACCOUNT_ID,
    "intent": "draft",
    "caption": "Hello",
    "dispatchAt": "2026-03-15T15:00:00+01:00",
    "status": "scheduled",
    "options": {"privacyLevel": "SELF_ONLY", "firstComment": {"text": "1st"}},
}
REQUEST: dict[str, Any] = {
    "id": "p1",
    "status": "pending",
    "contentIds": [CONTENT_ID],
    "targets": [TARGET],
}


@pytest.fixture
def house() -> Iterator[House]:
    """The sandbox's Postqued, by v2."""
    with Sandbox(rate_limits=False, ping=200) as box:
        provider, transport = connected("postqued", box.url, box.now)
        with transport:
            first, second = seeds.POSTQUED_ACCOUNTS
            yield House("postqued", box, provider, (first[0], second[0]))


At = Callable[..., Provider]


@pytest.fixture
def at() -> Iterator[At]:
    """Connects to a scripted server, as of March."""
    with ExitStack() as opened:

        def connect(server: Loopback, workspace: str | None = "w1") -> Provider:
            provider, transport = connected(
                "postqued", server.url, lambda: BEFORE, api="v2", workspace=workspace
            )
            opened.enter_context(transport)
            return provider

        yield connect


def said(value: object, status: int = 200) -> Act:
    return answer(status, json.dumps(value).encode())


NOT_FOUND = said({"error": "Not found", "code": "NOT_FOUND"}, 404)
LOCKED = said({"error": "It is being published", "code": "INVALID_STATE"}, 409)


def paths(server: Loopback) -> list[str]:
    return [f"{each.method} {urlsplit(each.target).path}" for each in server.received]


def query(target: str) -> Mapping[str, str]:
    return {name: value for name, [value] in parse_qs(urlsplit(target).query).items()}


# What is sent


def test_a_create_is_a_publish_request_of_the_document(at: At) -> None:
    """One target, its workspace, its key; its answer's ids are what the post is known by."""
    with Loopback(said(REQUEST)) as server:
        provider = at(server)
        assert provider.create(POST, token="key-1") == RemoteId("p1", "t1")
        (got,) = server.received
        assert got.body == provider.create_body(POST)
    assert (got.method, got.target) == ("POST", "/v2/publish")
    assert json.loads(got.body) == BODY
    assert got.headers["idempotency-key"] == "key-1"
    assert got.headers["authorization"] == f"Bearer {KEYS['postqued']}"


def test_a_scopes_own_workspace_goes_first(at: At) -> None:
    """Before the one that the project names for the service."""
    with Loopback(said(REQUEST)) as server:
        at(server).create(replace(POST, scope=replace(SCOPE, workspace="w2")), token="k")
        assert json.loads(server.received[0].body)["workspaceId"] == "w2"


@pytest.mark.parametrize("file", [video(b"v" * 700_000), image(b"\xff\xd8\xff" + b"j" * 5000)])
def test_videos_and_images_go_up_in_three_steps(house: House, file: Any) -> None:
    """Announced, put, confirmed, with the storage key that was answered and the workspace."""
    asset = house.provider.upload([file], POST)
    context, announced, put, completed = house.box.requests()[-4:]
    assert context["path"] == "/v2/mcp/context"
    assert (announced["path"], put["service"], put["status"]) == ("/v2/content/upload", "storage", 200)
    assert isinstance(announced["body"], dict)
    assert isinstance(completed["body"], dict)
    assert completed["path"] == "/v2/content/upload/complete"
    workspace = announced["body"]["workspaceId"]
    assert (completed["body"]["contentId"], completed["body"]["workspaceId"]) == (asset, workspace)
    assert workspace == house.provider.workspace()


@pytest.mark.parametrize(
    ("platform", "options", "normal"),
    [
        ("tiktok", {}, {}),
        ("linkedin", {}, {}),
        ("youtube", {}, {"title": "A title"}),
        ("reddit", {"subreddit": "x"}, {"subreddit": "x", "title": "A title"}),
        ("pinterest", {"title": "Own"}, {"title": "Own"}),
        ("facebook", {}, {"title": "A title"}),
    ],
)
def test_a_title_is_an_option_where_the_platform_has_one(
    house: House, platform: str, options: dict[str, Json], normal: dict[str, Json]
) -> None:
    """And nothing elsewhere, so that a change of it changes no post."""
    content = Content(at=AT, title="A title", options=Options(options))
    made = house.provider.normalize(content, platform)
    assert (made.title, dict(made.options)) == ("", normal)
    assert house.provider.normalize(made, platform) == made


def test_names_inside_of_options_are_spelled_as_each_side_does(house: House) -> None:
    """snake_case here, camelCase there, however deep: what comes back equals what went out."""
    options: dict[str, Json] = {"audio": {"audioVolume": 30, "kind": "original_sound"}, "post_type": "reel"}
    content = house.provider.normalize(Content(at=AT, caption="x", options=Options(options)), "instagram")
    assert dict(content.options) == {
        "audio": {"audio_volume": 30, "kind": "original_sound"},
        "post_type": "reel",
    }
    body = json.loads(house.provider.create_body(replace(POST, platform="instagram", content=content)))
    sent = body["targets"][0]["options"]
    assert sent == {"audio": {"audioVolume": 30, "kind": "original_sound"}, "postType": "reel"}
    (seen,) = one({**REQUEST, "targets": [{**TARGET, "options": sent}]}).posts or ()
    assert seen.options == content.options


# What comes back from a create


@pytest.mark.parametrize(
    ("shown", "remote_id"),
    [
        ({"id": "1", "targets": [{"id": "2"}]}, RemoteId("1", "2")),
        ({"publishId": "1", "targets": [{"targetId": "2"}]}, RemoteId("1", "2")),
        ({"publish": {"id": "1", "targets": [{"id": "2"}]}}, RemoteId("1", "2")),
        ({"publish": {"id": "1"}, "targets": [{"id": "2"}]}, RemoteId("1", "2")),
        ({"success": True, "data": {"id": "1", "targets": [{"id": "2"}]}}, RemoteId("1", "2")),
    ],
)
def test_ids_are_read_from_wherever_they_are(at: At, shown: object, remote_id: RemoteId) -> None:
    """The answer's body is not documented."""
    with Loopback(said(shown)) as server:
        assert at(server).create(POST, token="k") == remote_id
        assert len(server.received) == 1


@pytest.mark.parametrize(
    ("act", "part"), [(said(REQUEST), "t1"), (answer(500), None), (NOT_FOUND, None), (said([]), None)]
)
def test_a_target_that_is_not_named_is_asked_for(at: At, act: Act, part: str | None) -> None:
    """The post is made, whatever becomes of the question."""
    with Loopback(said({"id": "p1"}), act) as server:
        assert at(server).create(POST, token="k") == RemoteId("p1", part)


@pytest.mark.parametrize("shown", [{}, [], {"publish": {}}, {"id": 7}])
def test_an_answer_without_a_name_is_uncertain(at: At, shown: object) -> None:
    """Something was made, and we cannot say what."""
    with Loopback(said(shown)) as server, pytest.raises(Uncertain):
        at(server).create(POST, token="k")


def test_lost_content_and_a_missing_subscription_are_told_apart(at: At) -> None:
    """One may be uploaded again; the other stops the service."""
    gone = said({"error": "There is no content x", "code": "CONTENT_NOT_FOUND"}, 404)
    with Loopback(gone) as server, pytest.raises(Rejected) as lost:
        at(server).create(POST, token="k")
    assert lost.value.asset_gone
    unpaid = said({"error": "Subscribe", "code": "SUBSCRIPTION_REQUIRED"}, 402)
    with Loopback(unpaid) as server, pytest.raises(Unauthorized):
        at(server).create(POST, token="k")


# The dry run


@pytest.mark.parametrize("how", ["refuse", "report"])
def test_a_dry_run_says_why(house: House, how: Literal["refuse", "report"]) -> None:
    """As a refusal or in an answer: an error either way, and nothing is made."""
    house.box.set_knobs(v2_dry_run=how)
    submission = house.uploaded()
    assert house.provider.check(submission) == ()
    scope = Scope(AccountKey("postqued", "660e8400-e29b-41d4-a716-446655449999"))
    (finding,) = house.provider.check(replace(submission, scope=scope))
    assert (finding.severity, finding.code) == (Severity.ERROR, "dry-run")
    assert "connected" in finding.message
    assert house.box.posts() == []
    with pytest.raises(Rejected) as caught:
        house.provider.check(replace(submission, assets=("550e8400-e29b-41d4-a716-446655449999",)))
    assert caught.value.asset_gone


def test_a_dry_run_is_the_create_without_a_key(at: At) -> None:
    """And with one field more; trouble on the way is trouble, no verdict."""
    with Loopback(reset, answer(503), said({"ok": True})) as server:
        assert at(server).check(POST) == ()
        got = server.received[-1]
    assert json.loads(got.body) == BODY | {"dryRun": True}
    assert "idempotency-key" not in got.headers
    with Loopback(answer(500)) as server, pytest.raises(Unavailable):
        at(server).check(POST)


# What is read


def test_a_post_is_read_field_by_field(at: At) -> None:
    """Time in UTC, options as calendars spell them, media in order."""
    with Loopback(said(REQUEST)) as server:
        seen = at(server).get_post(RemoteId("p1", "t1"), SCOPE)
        assert server.received[0].target == "/v2/publish/p1?workspaceId=w1"
    assert seen is not None
    assert (seen.remote_id, seen.account_id, seen.status) == (
        RemoteId("p1", "t1"),
        ACCOUNT_ID,
        Status.SCHEDULED,
    )
    assert (seen.at, seen.caption, seen.intent, seen.media) == (AT, "Hello", Intent.DRAFT, (CONTENT_ID,))
    assert dict(seen.options) == {"privacy_level": "SELF_ONLY", "first_comment": {"text": "1st"}}


def one(shown: Json) -> reading.Request:
    [found] = reading.requests([shown]) or ()
    return found


@pytest.mark.parametrize(
    ("change", "media"),
    [
        ({"contentIds": ["a", "b"]}, ("a", "b")),
        ({"contentIds": None, "contents": [{"id": "a"}, {"contentId": "b"}]}, ("a", "b")),
        ({"contentIds": None, "media": [{"url": "..."}]}, None),
        ({"contentIds": None}, None),
        ({"contentIds": []}, ()),
    ],
)
def test_media_is_all_known_or_not_known(change: dict[str, Any], media: Any) -> None:
    """A part of a carousel would look like another one."""
    (seen,) = one({**REQUEST, **change}).posts or ()
    assert seen.media == media


@pytest.mark.parametrize(
    "named",
    [
        {"platformAccountId": "a"},
        {"integrationId": "a"},
        {"account": {"id": "a"}},
        {"integration": {"id": "a"}},
    ],
)
def test_an_account_has_several_names(named: dict[str, Any]) -> None:
    """Since the field is not documented."""
    target = {name: value for name, value in TARGET.items() if name != "accountId"} | named
    (seen,) = one({**REQUEST, "targets": [target]}).posts or ()
    assert seen.account_id == "a"


@pytest.mark.parametrize(
    ("target", "request_", "status"),
    [
        ("queued", "pending", Status.SCHEDULED),
        ("processing", "pending", Status.PROCESSING),
        ("sent", "completed", Status.PUBLISHED),
        ("published", "completed", Status.PUBLISHED),
        ("FAILED", "failed", Status.FAILED),
        ("canceled", "pending", Status.CANCELED),
        ("weird", "completed", Status.UNKNOWN),
        (None, "completed", Status.PUBLISHED),
        (None, "partial_failed", Status.UNKNOWN),
        (None, None, Status.UNKNOWN),
    ],
)
def test_a_status_is_never_a_guess(target: str | None, request_: str | None, status: Status) -> None:
    """The target's, else the request's where it has one target, else unknown."""
    shown: dict[str, Any] = {"id": "p", "status": request_, "targets": [{**TARGET, "status": target}]}
    (seen,) = one(shown).posts or ()
    assert seen.status is status
    if target is None:
        two = one({**shown, "targets": [{**TARGET, "status": None}, {**TARGET, "status": None}]})
        assert {each.status for each in two.posts or ()} == {Status.UNKNOWN}


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        ({"error": "spam"}, "spam"),
        ({"errorMessage": "spam"}, "spam"),
        ({"failureReason": "spam"}, "spam"),
        ({"errorCode": "spam"}, "spam"),
        ({"error": {"message": "spam"}}, "spam"),
        ({}, None),
    ],
)
def test_a_failure_has_its_reason(shown: dict[str, Any], why: str | None) -> None:
    """Under whichever name."""
    (seen,) = one({**REQUEST, "targets": [{**TARGET, "status": "failed"} | shown]}).posts or ()
    assert (seen.status, seen.reason) == (Status.FAILED, why)


LISTS: list[Any] = [
    [REQUEST],
    *({name: [REQUEST]} for name in ("publishes", "requests", "publishRequests", "items", "data")),
    {"data": {"publishes": [REQUEST]}, "success": True},
    {"publishes": [{"publish": REQUEST}]},
    {"items": [{"publishId": "p1", "contentIds": [CONTENT_ID], **TARGET}]},
]


@pytest.mark.parametrize("shown", LISTS)
def test_lists_are_read_in_whatever_they_are_wrapped(at: At, shown: Json) -> None:
    """Each post once, although several lists hold it."""
    window = Window(AT - timedelta(days=40), AT + timedelta(days=40))
    with Loopback(said(shown)) as server:
        (seen,) = at(server).list_posts([SCOPE], window)
        dated = [query(each.target) for each in server.received if "startDate" in each.target]
    assert (seen.remote_id, seen.at, seen.media) == (RemoteId("p1", "t1"), AT, (CONTENT_ID,))
    assert [each["startDate"] for each in dated[1:]] == [each["endDate"] for each in dated[:-1]]
    assert (dated[0]["startDate"], dated[-1]["endDate"]) == ("2026-02-03T14:00:00Z", "2026-04-24T14:00:00Z")
    assert len(dated) == 3
    assert {each["workspaceId"] for each in dated} == {"w1"}


@pytest.mark.parametrize(
    "shown",
    [{}, {"result": []}, {"data": {"total": 0}}, {"items": ["p1"]}, [{"name": "x"}], "none", 7, None],
)
def test_a_list_in_an_unknown_shape_is_not_no_posts(at: At, shown: Json) -> None:
    """Whoever took it for that would take every post for lost."""
    window = Window(AT, AT + timedelta(days=1))
    with Loopback(said(shown)) as server, pytest.raises(Unavailable, match="unknown shape"):
        at(server).list_posts([SCOPE], window)


def test_a_request_listed_without_its_targets_is_read_by_id(at: At) -> None:
    """It cannot be told whose it is otherwise."""
    window = Window(AT, AT + timedelta(days=1))
    with Loopback(said([]), said([{"id": "p1", "status": "pending"}]), said(REQUEST)) as server:
        (seen,) = at(server).list_posts([SCOPE], window)
        assert paths(server) == ["GET /v2/publish", "GET /v2/publish", "GET /v2/publish/p1"]
    assert seen.remote_id == RemoteId("p1", "t1")
    bare = said([{"id": "p1", "status": "pending"}]), said({"id": "p1", "status": "pending"})
    with Loopback(said([]), *bare) as server, pytest.raises(Unavailable):
        at(server).list_posts([SCOPE], window)


@pytest.mark.parametrize(
    "hint",
    [
        {"hasMore": True},
        {"nextCursor": "abc"},
        {"pagination": {"page": 1, "pages": 3}},
        {"meta": {"hasNextPage": True}},
    ],
)
def test_a_list_that_says_it_is_cut_off_is_asked_for_in_halves(at: At, hint: dict[str, Any]) -> None:
    """And where that does not help, it could not be read."""
    window = Window(AT, AT + timedelta(days=4))
    cut, whole = said({"items": [], **hint}), said({"items": [REQUEST]})
    with Loopback(said([]), cut, whole) as server:
        (seen,) = at(server).list_posts([SCOPE], window)
        assert [query(each.target).get("startDate") for each in server.received] == [
            None,
            "2026-03-15T14:00:00Z",
            "2026-03-15T14:00:00Z",
            "2026-03-17T14:00:00Z",
        ]
    assert seen.remote_id == RemoteId("p1", "t1")
    with Loopback(cut) as server, pytest.raises(Unavailable):
        at(server).list_posts([SCOPE], window)


def test_other_accounts_and_deleted_requests_are_not_listed(at: At) -> None:
    """One request may hold targets of several accounts."""
    other = {**TARGET, "id": "t2", "accountId": "another"}
    gone = {**REQUEST, "id": "p2", "deletedAt": "2026-03-01T00:00:00Z"}
    with Loopback(said([{**REQUEST, "targets": [other, TARGET]}, gone])) as server:
        (seen,) = at(server).list_posts([SCOPE], Window(AT, AT + timedelta(days=1)))
    assert seen.remote_id == RemoteId("p1", "t1")
    with Loopback(said(gone)) as server:
        assert at(server).get_post(RemoteId("p2", "t1"), SCOPE) is None


@pytest.mark.parametrize(
    ("remote_id", "target"),
    [
        (RemoteId("p1", "t1"), "t1"),
        (RemoteId("p1", "t2"), "t2"),
        (RemoteId("p1"), "t1"),
        (RemoteId("p1", "t9"), None),
    ],
)
def test_the_target_that_is_meant_is_found(at: At, remote_id: RemoteId, target: str | None) -> None:
    """By its id, or, where that is not known yet, by its account; another one is nobody."""
    shown = {**REQUEST, "targets": [{**TARGET, "id": "t2", "accountId": "another"}, TARGET]}
    with Loopback(said(shown)) as server:
        seen = at(server).get_post(remote_id, SCOPE)
    assert (seen.remote_id if seen else None) == (RemoteId("p1", target) if target else None)


@pytest.mark.parametrize("act", [said({}), said([]), answer(404, b"<html>"), said({"status": "pending"})])
def test_a_post_in_an_unknown_shape_is_not_a_missing_one(at: At, act: Act) -> None:
    """Nor is a 404 that is not the API's own."""
    with Loopback(act) as server, pytest.raises(Unavailable) as caught:
        at(server).get_post(RemoteId("p1", "t1"), SCOPE)
    assert caught.value.status is not None


@pytest.mark.parametrize("dates", ["dispatch", "created"])
def test_a_thousand_posts_are_read_in_windows(house: House, dates: Literal["dispatch", "created"]) -> None:
    """About as many requests as windows, whichever date they are about: three months are four of them."""
    house.box.set_knobs(v2_list_dates=dates)
    now, records = house.now(), {}
    asset = house.box.seed_content()
    for number in range(1000):
        at = now + timedelta(hours=1 + 2 * number)
        publish_id = house.box.add_post("postqued", house.accounts[0], at, caption=str(number), media=[asset])
        address = Address("spring", f"p{number}", "brand")
        records[address] = Record(
            address=address,
            account=house.scope().account,
            remote_id=RemoteId(publish_id),
            content=Content(at=at, caption=str(number)),
            api="v2",
        )
    recorded = Recorded(lineage="x", records=records)
    observed = refresh(Desired(posts=()), recorded, {"postqued": house.provider}, mode=Refresh.AUTO, now=now)
    assert observed.unreadable == {}
    assert {each.status for each in observed.by_address.values()} == {Status.SCHEDULED}
    assert len(observed.by_address) == 1000
    # The context, the windows and the list without dates.
    assert len(house.box.requests()) <= 6


# Moving and cancelling


def test_a_move_is_a_patch_of_the_target(at: At) -> None:
    """With its time and its workspace; a target that is not known yet is looked up first."""
    later = AT + timedelta(days=1)
    with Loopback(said({"success": True})) as server:
        at(server).reschedule(RemoteId("p1", "t1"), due(POST, later))
        (got,) = server.received
    assert (got.method, got.target) == ("PATCH", "/v2/publish/target/t1")
    assert json.loads(got.body) == {"dispatchAt": "2026-03-16T14:00:00Z", "workspaceId": "w1"}
    with Loopback(said(REQUEST), said({})) as server:
        at(server).reschedule(RemoteId("p1"), due(POST, later))
        assert paths(server) == ["GET /v2/publish/p1", "PATCH /v2/publish/target/t1"]
    with Loopback(NOT_FOUND) as server, pytest.raises(Rejected, match="does not show"):
        at(server).reschedule(RemoteId("p1"), due(POST, later))


def test_a_post_on_its_way_can_be_neither_moved_nor_cancelled(at: At) -> None:
    """409, and a person is told."""
    with Loopback(LOCKED) as server, pytest.raises(Rejected) as moved:
        at(server).reschedule(RemoteId("p1", "t1"), POST)
    assert moved.value.conflict
    going = said({**REQUEST, "targets": [{**TARGET, "status": "processing"}]})
    with Loopback(LOCKED, going) as server, pytest.raises(Rejected) as stopped:
        at(server).cancel(RemoteId("p1", "t1"), SCOPE)
    assert stopped.value.conflict


def shown_as(status: str) -> Act:
    return said({**REQUEST, "targets": [{**TARGET, "status": status}]})


@pytest.mark.parametrize(
    "acts",
    [
        [said({"target": {"id": "t1", "status": "canceled"}})],
        [said({"id": "t1", "status": "canceled"})],
        [said({"success": True}), shown_as("canceled")],
        [answer(204, b""), NOT_FOUND],
        [LOCKED, shown_as("canceled")],
        [NOT_FOUND, NOT_FOUND],
        [said({"status": "scheduled"}), shown_as("canceled")],
        [said({"target": {"id": "another", "status": "canceled"}}), shown_as("canceled")],
    ],
)
def test_a_cancel_is_confirmed(at: At, acts: list[Act]) -> None:
    """By its answer or by reading; canceled already and absent are fine."""
    with Loopback(*acts) as server:
        at(server).cancel(RemoteId("p1", "t1"), SCOPE)
        assert len(server.received) == len(acts)
        assert server.received[0].target == "/v2/publish/target/t1/cancel?workspaceId=w1"
        assert server.received[0].method == "POST"


@pytest.mark.parametrize(
    ("acts", "error"),
    [
        ([said({"success": True}), shown_as("scheduled")], Uncertain),
        ([said({"success": True}), shown_as("weird")], Uncertain),
        # Refused as if it were cancelled, shown as if not: what is shown may lag behind an earlier try.
        ([LOCKED, shown_as("scheduled")], Uncertain),
        ([LOCKED, shown_as("published")], Rejected),
        ([LOCKED, shown_as("failed")], Rejected),
        ([said({"success": True}), answer(404, b"<html>")], Uncertain),
        ([reset], Uncertain),
    ],
)
def test_a_cancel_that_is_not_confirmed_is_not_one(
    at: At, acts: list[Act], error: type[CalsyncError]
) -> None:
    """What is scheduled still, or is out, is said."""
    with Loopback(*acts) as server, pytest.raises(error):
        at(server).cancel(RemoteId("p1", "t1"), SCOPE)


# Workspaces


CONTEXTS: list[tuple[Json, list[str]]] = [
    ({"organizations": [{"id": "o", "workspaces": [{"id": "w1", "name": "Main"}]}]}, ["w1"]),
    ({"workspaces": [{"id": "w1"}, {"workspaceId": "w2"}]}, ["w1", "w2"]),
    ({"data": {"accessible": {"workspaces": [{"id": "w1"}]}}}, ["w1"]),
    ({"workspace": {"id": "w1", "name": "Main"}}, ["w1"]),
    ({"principal": {"workspaceId": "w1"}}, ["w1"]),
    ({"activeOrganizationId": "o", "activeWorkspaceId": "w1", "organizations": [{"id": "o"}]}, ["w1"]),
    ({"activeWorkspaceId": "w1", "workspaces": [{"id": "w1"}, {"id": "w2"}]}, ["w1", "w2"]),
    ({"workspaceIds": ["w1", "w2"]}, ["w1", "w2"]),
    ({"organizations": [{"id": "o"}]}, []),
    ({"workspaces": 3, "workspaceId": None}, []),
    ([], []),
]


@pytest.mark.parametrize(("shown", "ids"), CONTEXTS)
def test_a_context_is_walked_for_workspaces(shown: Json, ids: list[str]) -> None:
    """Its shape is not documented."""
    assert [each.id for each in reading.workspaces(shown)] == ids


def test_one_workspace_is_taken_and_asked_for_once(house: House) -> None:
    """Whatever is done."""
    house.provider.accounts()
    house.provider.create(house.uploaded(), token="a")
    house.listed()
    contexts = [each for each in house.box.requests() if each["path"].endswith("context")]
    assert [each["path"] for each in contexts] == ["/v2/mcp/context"]
    assert {each.workspace for each in house.provider.accounts()} == {house.provider.workspace()}
    assert {each.platform for each in house.provider.accounts()} == {"tiktok", "instagram", "youtube"}


def test_of_several_workspaces_one_has_to_be_named(house: House) -> None:
    """The error lists them; accounts are listed of all, so that one can choose."""
    other = house.box.seed_workspace("Second <room>")
    account = house.box.seed_account("postqued", "@third", workspace_id=other)
    with pytest.raises(CalsyncError, match="2 workspaces") as caught:
        house.provider.workspace()
    assert caught.value.code == "workspace"
    assert f"Second <room> ({other})" in caught.value.message
    assert "Main (" in caught.value.message
    assert {each.id: each.workspace for each in house.provider.accounts()}[account] == other
    scope = Scope(AccountKey("postqued", account), other)
    bare = Submission(scope=scope, platform="tiktok", content=house.content(), assets=())
    made = replace(bare, assets=(house.provider.upload([video()], bare),))
    remote_id = house.provider.create(made, token="a")
    window = Window(house.now(), house.now() + timedelta(days=9))
    assert [each.remote_id for each in house.provider.list_posts([scope], window)] == [remote_id]
    # A record from before it had a workspace is of the one that its account is in.
    assert house.provider.get_post(remote_id, replace(scope, workspace=None)) is not None
    provider, transport = connected("postqued", house.box.url, house.box.now, workspace=other)
    with transport:
        assert provider.workspace() == other


def test_accounts_are_bound_to_a_workspace(house: House) -> None:
    """By name or by id, so that both share their uploads; several workspaces stop the run."""
    specs = {
        "brand": AccountSpec(alias="brand", service="postqued", username="@brand"),
        "second": AccountSpec(alias="second", service="postqued", id=house.accounts[1]),
    }
    entries = [
        Entry(
            address=Address("spring", "a", alias),
            content=Content(at=AT, title="Dropped"),
            media=(),
            zone="UTC",
            source=Source(file="spring.yaml", line=1),
        )
        for alias in specs
    ]
    desired = bind(entries, specs, {"postqued": house.provider}).desired
    assert {post.account.workspace for post in desired.posts} == {house.provider.workspace()}
    assert {post.content.title for post in desired.posts} == {""}
    house.box.seed_workspace("Another")
    provider, transport = connected("postqued", house.box.url, house.box.now)
    with transport, pytest.raises(CalsyncError, match="Another"):
        bind(entries, specs, {"postqued": provider})


@pytest.mark.parametrize(
    ("acts", "calls"),
    [
        ([NOT_FOUND, said({"activeWorkspaceId": "w9"})], 2),
        ([said({"ok": True}), said({"workspaces": [{"id": "w9"}]})], 2),
        ([said({"workspaces": [{"id": "w9"}]})], 1),
    ],
)
def test_the_second_context_is_asked_where_the_first_does_not_say(
    at: At, acts: list[Act], calls: int
) -> None:
    """The first is in no OpenAPI document, the second for browsers."""
    with Loopback(*acts) as server:
        assert at(server, None).workspace() == "w9"
        assert len(server.received) == calls


def test_without_any_workspace_one_has_to_be_named(at: At) -> None:
    """A key that may not ask in either place can still work."""
    denied = said({"error": "no session", "code": "UNAUTHORIZED"}, 401)
    with Loopback(NOT_FOUND, denied) as server, pytest.raises(CalsyncError, match="does not say") as caught:
        at(server, None).workspace()
    assert caught.value.code == "workspace"
    assert "providers.postqued.workspace" in (caught.value.hint or "")
    with Loopback(denied) as server, pytest.raises(Unauthorized):
        at(server, None).workspace()
    forbidden = said({"error": "not with this key", "code": "FORBIDDEN"}, 403)
    for acts in ([NOT_FOUND, NOT_FOUND], [forbidden]):
        with Loopback(*acts, said({"accounts": [{"id": "a", "platform": "x"}]})) as server:
            (account,) = at(server).accounts()
        assert (account.id, account.workspace) == ("a", "w1")


# Creator info


@pytest.mark.parametrize("shape", ["snake", "camel", "wrapped", "opaque"])
def test_creator_info_is_understood_or_nothing(
    house: House, shape: Literal["snake", "camel", "wrapped", "opaque"]
) -> None:
    """In whichever spelling, however deep."""
    house.box.set_knobs(v2_creator_info=shape)
    house.box.set_creator(
        house.accounts[0], privacy_levels=["SELF_ONLY"], longest_seconds=60, disabled=["duet"]
    )
    info = house.provider.creator(house.scope())
    known = CreatorInfo(privacy_levels=("SELF_ONLY",), max_video_seconds=60, disabled=frozenset({"duet"}))
    assert info == (None if shape == "opaque" else known)


@pytest.mark.parametrize("shown", [{}, [], None, {"privacy_level_options": []}, {"comment_disabled": "no"}])
def test_creator_info_that_says_nothing_is_nothing(shown: Json) -> None:
    """Rather than a limit of nothing at all."""
    assert reading.creator(shown) is None


def test_two_targets_of_one_request_are_two_posts(house: House) -> None:
    """As a person makes them in the dashboard: each is seen, moved and cancelled by itself."""
    submission = house.uploaded()
    body = json.loads(house.provider.create_body(submission))
    body["targets"].append({**body["targets"][0], "accountId": house.accounts[1]})
    _, transport = connected("postqued", house.box.url, house.box.now)
    with transport:
        made = transport.request(
            "POST", "/v2/publish", klass="publish", json=body, headers={"Idempotency-Key": "by-hand"}
        )
    assert isinstance(made.body, dict)
    posts = house.listed()
    assert {each.account_id for each in posts.values()} == {*house.accounts}
    assert {each.id for each in posts} == {made.body["id"]}
    first, second = sorted(posts, key=lambda each: posts[each].account_id != house.accounts[0])
    later = house.now() + timedelta(days=2)
    house.provider.cancel(first, house.scope(0))
    moving = Submission(
        scope=house.scope(1), platform="tiktok", content=house.content(at=later), assets=submission.assets
    )
    house.provider.reschedule(second, moving)
    gone, moved = house.seen(first, 0), house.seen(second, 1)
    assert gone is not None
    assert moved is not None
    assert (gone.status, moved.status, moved.at) == (Status.CANCELED, Status.SCHEDULED, later)
    # By its account, where the target is not known yet.
    assert house.seen(RemoteId(second.id), 1) == moved


@pytest.mark.parametrize("shape", ["list", "publishRequests", "requests", "items", "data"])
@pytest.mark.parametrize("name", ["id", "publishId", "publish.id"])
def test_the_sandboxs_shapes_are_all_read(house: House, shape: Any, name: Any) -> None:
    """Created, listed and read, however the answers are wrapped."""
    house.box.set_knobs(v2_list_shape=shape, v2_publish_id=name, v2_context="flat")
    remote_id = house.provider.create(house.uploaded(), token="a")
    assert remote_id.part is not None
    assert house.listed() == {remote_id: house.seen(remote_id)}
