"""TikFlow, request by request: three documented fields, one list, and whatever its pages leave open."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from loopback import Act, Loopback, answer, reset
from services import KEYS, House, connected, due, image, video

from calsync import providers
from calsync.errors import Rejected, Unauthorized, Unavailable, Uncertain
from calsync.model import AccountKey, Content, Intent, MediaRef, Options, RemoteId, Sighting, Status, Usage
from calsync.providers.base import Provider, Scope, ServiceSettings, Submission, Window
from calsync.sandbox import Sandbox, seeds

AT = datetime(2025, 10, 21, 14, 30, tzinfo=UTC)
BEFORE = datetime(2025, 10, 1, tzinfo=UTC)
UPLOAD_ID, ACCOUNT_ID = "550e8400-e29b-41d4-a716-446655440000", "123e4567-e89b-12d3-a456-426614174000"
SCHEDULE_ID = "650e8400-e29b-41d4-a716-446655440000"
SCOPE = Scope(AccountKey("tikflow", ACCOUNT_ID))
POST = Submission(
    scope=SCOPE,
    platform="tiktok",
    content=Content(at=AT, media=(MediaRef("id", UPLOAD_ID),)),
    assets=(UPLOAD_ID,),
)
ROW: dict[str, Any] = {
    "id": SCHEDULE_ID,
    "scheduledPublishTime": "2025-10-21T14:30:00.000Z",
    "status": "pending",
    "video": {"id": UPLOAD_ID, "title": "Amazing TikTok Video", "description": "Check out this content!"},
    "tiktokAccount": {"id": ACCOUNT_ID, "username": "my_tiktok_handle", "displayName": "My TikTok Name"},
}
"""The example of the scheduling page."""
NAME = RemoteId(SCHEDULE_ID, UPLOAD_ID)
WHENEVER = Window(AT - timedelta(days=900), AT + timedelta(days=900))

At = Callable[..., Provider]


@pytest.fixture
def at() -> Iterator[At]:
    """Connects to a scripted server, as of October."""
    with ExitStack() as opened:

        def connect(server: Loopback, now: datetime = BEFORE, **settings: Any) -> Provider:
            provider, transport = connected("tikflow", server.url, lambda: now, **settings)
            opened.enter_context(transport)
            return provider

        yield connect


@pytest.fixture
def house() -> Iterator[House]:
    """The sandbox's TikFlow, with uploads allowed."""
    with Sandbox(rate_limits=False) as box:
        provider, transport = connected("tikflow", box.url, box.now, allow_upload=True)
        with transport:
            first, second = seeds.TIKFLOW_ACCOUNTS
            yield House("tikflow", box, provider, (first[0], second[0]))


def said(data: object, status: int = 200, **more: object) -> Act:
    return answer(status, json.dumps({"success": status < 300, "data": data, **more}).encode())


def refused(status: int, code: str, message: str = "no") -> Act:
    return answer(
        status, json.dumps({"success": False, "error": {"code": code, "message": message}}).encode()
    )


def by_id(house: House, number: int = 0) -> Submission:
    """A post of an upload that is there."""
    upload_id = seeds.TIKFLOW_UPLOADS[number]
    content = Content(at=house.now() + timedelta(days=1), media=(MediaRef("id", upload_id),))
    return Submission(scope=house.scope(), platform="tiktok", content=content, assets=(upload_id,))


# What is sent


def test_a_create_is_the_three_documented_fields(at: At) -> None:
    """No title and no hashtags: they stand in samples and in no schema."""
    made = {"scheduleId": SCHEDULE_ID, "scheduledTime": "2025-10-21T14:30:00.000Z", "status": "pending"}
    for status in (200, 201):
        with Loopback(said(made, status)) as server:
            assert at(server).create(POST, token="unused") == NAME
        (got,) = server.received
        assert (got.method, got.target) == ("POST", "/api/v1/schedule/create")
        assert json.loads(got.body) == {
            "videoId": UPLOAD_ID,
            "tiktokAccountId": ACCOUNT_ID,
            "scheduledPublishTime": "2025-10-21T14:30:00Z",
        }
        assert got.headers["authorization"] == f"Bearer {KEYS['tikflow']}"
        assert "idempotency-key" not in got.headers


def test_a_move_sends_the_time_and_a_cancel_the_status(at: At) -> None:
    """`executed` is never sent, nor anything that was not asked for."""
    with Loopback(said({}), said({"status": "cancelled"})) as server:
        provider = at(server)
        provider.reschedule(NAME, POST)
        provider.cancel(NAME, SCOPE)
    moved, stopped = server.received
    assert (moved.method, moved.target) == ("PUT", f"/api/v1/schedule/{SCHEDULE_ID}")
    assert json.loads(moved.body) == {"scheduledPublishTime": "2025-10-21T14:30:00Z"}
    assert json.loads(stopped.body) == {"status": "cancelled"}


def form_of(server: Loopback) -> list[tuple[str, str]]:
    """Name (and file name) and content of each part of the form that was sent."""
    (got,) = server.received
    boundary = got.headers["content-type"].partition("boundary=")[2]
    parts = got.body.decode().split(f"--{boundary}")[1:-1]
    heads = [part.strip("\r\n").partition("\r\n\r\n") for part in parts]
    return [(head.partition("form-data; ")[2], body) for head, _, body in heads]


def test_a_video_upload_is_one_form(at: At) -> None:
    """The documented fields of a video, and only options that are set."""
    options = Options({"privacy_level": "SELF_ONLY", "disable_duet": True, "video_cover_timestamp_ms": 1000})
    content = Content(at=AT, caption="First line 🚀\nmore", options=options)
    with Loopback(said({"uploadId": "u1", "status": "pending"}, 202)) as server:
        provider = at(server, allow_upload=True)
        asset = provider.upload([video(b"moving")], replace(POST, content=content, assets=()))
        assert asset == "u1"
        assert server.received[0].target == "/api/v1/upload/video"
        assert form_of(server) == [
            ('name="title"', "First line 🚀"),
            ('name="description"', "First line 🚀\nmore"),
            ('name="tiktokAccountId"', ACCOUNT_ID),
            ('name="disableDuet"', "true"),
            ('name="privacyLevel"', "SELF_ONLY"),
            ('name="videoCoverTimestampMs"', "1000"),
            ('name="video"; filename="My teaser.mp4"\r\nContent-Type: video/mp4', "moving"),
        ]


def test_a_carousel_upload_is_one_form(at: At) -> None:
    """`photos` repeated, in order, and their number."""
    content = Content(at=AT, caption="Caption", title="Title", options=Options({"disable_comment": False}))
    with Loopback(said({"id": "u1"}, 202)) as server:
        provider = at(server, allow_upload=True)
        files = [image(b"one", "1.jpg"), image(b"two", "2.jpg")]
        assert provider.upload(files, replace(POST, content=content, assets=())) == "u1"
        assert server.received[0].target == "/api/v1/upload/photo"
        assert form_of(server) == [
            ('name="title"', "Title"),
            ('name="description"', "Caption"),
            ('name="tiktokAccountId"', ACCOUNT_ID),
            ('name="disableComment"', "false"),
            ('name="photoCount"', "2"),
            ('name="photos"; filename="1.jpg"\r\nContent-Type: image/jpeg', "one"),
            ('name="photos"; filename="2.jpg"\r\nContent-Type: image/jpeg', "two"),
        ]


@pytest.mark.parametrize(
    ("caption", "title"),
    [
        ("\n  \n  First  \nmore", "First"),
        ("x" * 200, "x" * 150),
        ("🚀" * 80, "🚀" * 75),
        ("x" + "🚀" * 80, "x" + "🚀" * 74),
    ],
)
def test_a_title_is_cut_from_the_caption(at: At, caption: str, title: str) -> None:
    """Its first line that says something, in UTF-16 units and never inside a character."""
    with Loopback(said({})) as server:
        normal = at(server, allow_upload=True).normalize
        content = Content(at=AT, caption=caption, media=(MediaRef("sha256", "ab"),))
        assert normal(content).title == title
        assert normal(replace(content, title="Own")).title == "Own"
        assert normal(replace(content, media=(MediaRef("id", "ab"),))).title == ""


def test_an_upload_is_refused_unless_the_project_allows_it(at: At) -> None:
    """The documented upload may publish at once."""
    with Loopback(said({})) as server:
        provider = at(server)
        assert not provider.capabilities.uploads
        assert provider.capabilities.settable == {"at", "media"}
        with pytest.raises(Rejected, match="may publish at once"):
            provider.upload([video()], POST)
        with pytest.raises(Rejected, match="wants a title"):
            at(server, allow_upload=True).upload([video()], POST)
        assert at(server, allow_upload=True).capabilities.uploads
        assert server.received == []
    settings = ServiceSettings(service="tikflow")
    assert providers.limits(settings)[0].by_id_only
    assert providers.limits(replace(settings, allow_upload=True))[0].by_id_only is None


@pytest.mark.parametrize(
    "trouble", [reset, answer(500), answer(502), answer(503), answer(body=b"<html>"), said({})]
)
def test_writes_without_a_key_are_sent_once(at: At, trouble: Act) -> None:
    """An upload or a schedule in doubt may have been made."""
    content = Content(at=AT, caption="x")
    with Loopback(trouble) as server:
        with pytest.raises(Uncertain):
            at(server).create(POST, token="k")
        assert len(server.received) == 1
        with pytest.raises(Uncertain):
            at(server, allow_upload=True).upload([video()], replace(POST, content=content))
        assert len(server.received) == 2


def test_a_move_and_a_cancel_in_doubt_are_repeated(house: House) -> None:
    """They name the state to reach."""
    remote_id = house.provider.create(by_id(house), token="k")
    later = house.now() + timedelta(days=3)
    for kind in ("reset_before", "reset_after", "answer", "answer_after"):
        house.box.fault(kind, method="PUT")
        house.provider.reschedule(remote_id, due(by_id(house), later))
        house.box.fault(kind, method="PUT")
        house.provider.cancel(remote_id, house.scope())
        seen = house.seen(remote_id)
        assert seen is not None
        assert seen.status is Status.CANCELED
        house.box.reset()
        remote_id = house.provider.create(by_id(house), token="k")


# Refusals


@pytest.mark.parametrize("code", ["FORBIDDEN", "SCHEDULING_LIMIT_EXCEEDED", "WHATEVER"])
def test_any_403_on_a_create_is_the_quota(at: At, code: str) -> None:
    """The scheduling page gives it two codes; elsewhere a plain 403 is about rights."""
    with Loopback(refused(403, code)) as server, pytest.raises(Unauthorized) as caught:
        at(server).create(POST, token="k")
    assert (caught.value.quota, caught.value.code) == (True, "quota")
    with Loopback(refused(403, "FORBIDDEN")) as server, pytest.raises(Unauthorized) as rights:
        at(server).reschedule(NAME, POST)
    assert not rights.value.quota


def test_a_conflict_says_scheduled_or_published(at: At) -> None:
    """Probably by an earlier try of ours: look before anything else."""
    with Loopback(refused(409, "CONFLICT")) as server, pytest.raises(Rejected) as caught:
        at(server).create(POST, token="k")
    assert caught.value.conflict
    assert "scheduled or published already" in str(caught.value.hint)


def test_a_time_too_near_is_told(at: At) -> None:
    """422, for a create and for a move."""
    with Loopback(refused(422, "UNPROCESSABLE_ENTITY")) as server:
        provider = at(server)
        for ask in (lambda: provider.create(POST, token="k"), lambda: provider.reschedule(NAME, POST)):
            with pytest.raises(Rejected) as caught:
                ask()
            assert caught.value.code == "too-close"


def test_a_post_is_made_of_one_upload(at: At) -> None:
    """No more and no less."""
    with Loopback(said({})) as server:
        for assets in ((), (UPLOAD_ID, UPLOAD_ID)):
            with pytest.raises(Rejected):
                at(server).create(replace(POST, assets=assets), token="k")
        assert server.received == []


# Cancelling is looked after


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([refused(404, "NOT_FOUND"), said([]), said([])], None),
        ([refused(410, "GONE"), said([]), said([])], None),
        ([reset, refused(404, "NOT_FOUND"), said([]), said([])], None),
        ([said({"status": "cancelled"})], None),
        ([said({"status": "canceled"})], None),
        ([said({}), said([{**ROW, "status": "cancelled"}])], None),
        ([answer(204, b""), said([]), said([])], None),
        ([answer(body=b'{"success": true, "message": "ok"}'), said([]), said([])], None),
        ([said({"status": "pending"}), said([ROW])], Uncertain),
        ([said({}), said([{**ROW, "status": "odd"}])], Uncertain),
        ([said({}), said([{**ROW, "status": "executed"}])], Rejected),
        ([refused(409, "CONFLICT", "published"), said([{**ROW, "status": "executed"}])], Rejected),
        ([refused(409, "CONFLICT"), said([{**ROW, "status": "cancelled"}])], None),
        ([refused(409, "CONFLICT"), said([ROW])], Uncertain),
        ([refused(409, "CONFLICT"), said([]), said([])], Uncertain),
        ([reset], Uncertain),
    ],
)
def test_a_cancel_is_confirmed(at: At, answers: list[Act], outcome: type[Exception] | None) -> None:
    """By its answer, or by the list; what is absent is fine."""
    with Loopback(*answers) as server:
        if outcome is None:
            at(server).cancel(NAME, SCOPE)
        else:
            with pytest.raises(outcome):
                at(server).cancel(NAME, SCOPE)


# Reading


def listed(provider: Provider) -> list[Sighting]:
    return list(provider.list_posts([SCOPE], WHENEVER))


def test_the_list_is_read_as_the_page_shows_it(at: At) -> None:
    """Names of its own, milliseconds, and the upload as media."""
    with Loopback(said([ROW])) as server:
        (seen,) = listed(at(server))
        assert server.received[0].target == "/api/v1/schedule/scheduled-videos"
    assert seen == Sighting(
        remote_id=NAME,
        account_id=ACCOUNT_ID,
        status=Status.SCHEDULED,
        at=AT,
        caption="Check out this content!",
        title="Amazing TikTok Video",
        intent=Intent.PUBLISH,
        media=(UPLOAD_ID,),
    )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pending", Status.SCHEDULED),
        ("executed", Status.PUBLISHED),
        ("cancelled", Status.CANCELED),
        ("canceled", Status.CANCELED),
        ("PENDING", Status.SCHEDULED),
        ("paused", Status.UNKNOWN),
        (None, Status.UNKNOWN),
        (7, Status.UNKNOWN),
    ],
)
def test_words_that_are_not_documented_are_unknown(at: At, word: object, status: Status) -> None:
    """Never a guess."""
    with Loopback(said([{**ROW, "status": word}])) as server:
        assert [each.status for each in listed(at(server))] == [status]


def test_a_sparse_row_is_still_a_post(at: At) -> None:
    """An account that is not shown may be ours."""
    rows = [{"id": "1"}, {"id": "2", "video": None, "tiktokAccount": [], "scheduledPublishTime": "soon"}]
    with Loopback(said(rows)) as server:
        seen = listed(at(server))
    assert [(each.remote_id, each.at, each.account_id, each.media) for each in seen] == [
        (RemoteId("1"), None, None, None),
        (RemoteId("2"), None, None, None),
    ]


@pytest.mark.parametrize(
    "shape",
    [
        said({}),
        said(None),
        said("none"),
        answer(body=b"[]"),
        said([ROW], pagination={"hasMore": True}),
        said([ROW, {}]),
        said([ROW, 7]),
        said([ROW, {**ROW, "id": 5}]),
    ],
)
def test_a_list_that_may_be_a_part_decides_nothing(at: At, shape: Act) -> None:
    """What it does not show would be taken for lost."""
    with Loopback(shape) as server, pytest.raises(Unavailable):
        listed(at(server))


def test_one_list_serves_a_refresh_and_none_serves_a_second_look(house: House) -> None:
    """What is gone from the list is answered from what was read; after a write, or when asked again, it is read anew."""
    house.box.set_knobs(tikflow_history=False)
    made = [house.provider.create(by_id(house, number), token="k") for number in range(3)]
    house.box.advance(timedelta(days=2))

    def asked() -> list[str]:
        before = len(house.box.requests())
        yes = [house.seen(each) for each in made]
        assert [each and each.status for each in yes] == [Status.PUBLISHED] * 3
        return [each["path"].rpartition("/")[2] for each in house.box.requests()[before:]]

    assert house.listed() == {}
    assert asked() == ["history"]
    assert asked().count("scheduled-videos") >= 1
    house.listed()
    house.provider.create(by_id(house, 4), token="k")
    assert asked()[0] == "scheduled-videos"


def test_the_fate_of_an_upload_is_that_of_a_schedule_that_is_gone(at: At) -> None:
    """Published or failed; anything else, or an upload that another schedule plays, says nothing."""
    entry = {"id": UPLOAD_ID, "tiktokAccount": {"id": ACCOUNT_ID}, "status": "published", "error": None}
    for shown, status, reason in (
        (entry, Status.PUBLISHED, None),
        ({**entry, "status": "failed", "error": "spam"}, Status.FAILED, "spam"),
        ({**entry, "status": "failed", "error": {"code": "X", "message": "spam"}}, Status.FAILED, "spam"),
        ({**entry, "status": "pending"}, None, None),
        ({**entry, "status": "ready"}, None, None),
        ({"id": "other"}, None, None),
    ):
        with Loopback(said([]), said([shown])) as server:
            seen = at(server).get_post(NAME, SCOPE)
        assert (seen and (seen.status, seen.reason, seen.account_id)) == (
            status and (status, reason, ACCOUNT_ID)
        )
    with Loopback(said([{**ROW, "id": "other"}]), said([entry])) as server:
        assert at(server).get_post(NAME, SCOPE) is None


def test_a_schedule_that_is_overdue_shows_its_failure(at: At) -> None:
    """Its own status stays `pending`: no word for a failed run is documented."""
    entry = {"id": UPLOAD_ID, "status": "failed", "error": "spam_risk"}
    with Loopback(said([ROW]), said([entry])) as server:
        (seen,) = listed(at(server, now=AT + timedelta(minutes=1)))
    assert (seen.status, seen.reason) == (Status.FAILED, "spam_risk")
    with Loopback(said([ROW]), said([{**entry, "status": "odd"}])) as server:
        (seen,) = listed(at(server, now=AT + timedelta(minutes=1)))
    assert seen.status is Status.SCHEDULED


def test_the_history_is_paged_until_it_is_found(at: At) -> None:
    """A page says whether there are more, and no more are read than needed."""

    def page(number: int, *, more: bool) -> Act:
        entries = [{"id": f"{number}-{each}", "status": "published"} for each in range(100)]
        return said(entries, pagination={"total": 300, "limit": 100, "offset": number * 100, "hasMore": more})

    pages = [page(0, more=True), page(1, more=True), page(2, more=False)]
    for upload_id, status, read in (
        ("1-7", Status.PUBLISHED, 2),
        ("2-99", Status.PUBLISHED, 3),
        ("x", None, 3),
    ):
        with Loopback(*pages) as server:
            assert at(server).asset_status(upload_id) is status
            assert [each.target for each in server.received] == [
                f"/api/v1/upload/history?limit=100&offset={100 * number}" for number in range(read)
            ]


def test_an_upload_that_went_out_at_once_is_seen(house: House) -> None:
    """Read back after scheduling, and a schedule for it is a conflict."""
    submission = house.uploaded()
    assert house.provider.asset_status(submission.assets[0]) is Status.PROCESSING
    house.box.advance(timedelta(seconds=12))
    assert house.provider.asset_status(submission.assets[0]) is Status.PUBLISHED
    with pytest.raises(Rejected) as caught:
        house.provider.create(submission, token="k")
    assert caught.value.conflict


def test_accounts_are_gathered_from_schedules_and_uploads(at: At) -> None:
    """No page documents a list of them."""
    other = {"id": "a2", "username": "other", "displayName": None}
    with Loopback(said([ROW]), said([{"id": "u", "tiktokAccount": other}, {"id": "v"}])) as server:
        found = at(server).accounts()
    assert [(each.id, each.username, each.name) for each in found] == [
        (ACCOUNT_ID, "my_tiktok_handle", "My TikTok Name"),
        ("a2", "other", None),
    ]


def test_places_are_what_the_service_says_unless_the_project_knows_better(at: At) -> None:
    """The plan's tables contradict the usage page, so the live numbers count."""
    usage = said({"scheduledPostsUsed": 5, "scheduledPostsLimit": 25})
    with Loopback(usage) as server:
        assert at(server).usage() == Usage(limit=25, used=5)
        assert at(server, quota=50).usage() == Usage(limit=50, used=5)
    with Loopback(said({"scheduledPostsLimit": None})) as server:
        assert at(server).usage() is None
    for nothing in (said({}), refused(403, "FORBIDDEN"), refused(404, "NOT_FOUND")):
        with Loopback(nothing, said([ROW])) as server:
            assert at(server, quota=50).usage() == Usage(limit=50, used=1)


def test_texts_with_half_a_character_do_not_travel_on(at: At) -> None:
    """A terminal could not show them, nor a file keep them."""
    row = {**ROW, "video": {"id": UPLOAD_ID, "description": "\ud83d broken"}}
    with Loopback(said([row])) as server:
        (seen,) = listed(at(server))
    assert seen.caption == "\ufffd broken"
