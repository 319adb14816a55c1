"""Postqued v1, request by request: the guide's bodies field for field, and whatever its answers leave open."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from loopback import Act, Key, Loopback, Time, answer, reset
from services import KEYS, House, connected, image, video

from calsync import providers
from calsync.errors import CalsyncError, Rejected, Unauthorized, Unavailable, Uncertain
from calsync.model import AccountKey, Content, Intent, Options, Rate, RemoteId, Status
from calsync.providers.base import Link, Provider, Scope, ServiceSettings, Submission
from calsync.providers.postqued import V1_LIMITS, V2_LIMITS
from calsync.sandbox import Sandbox, seeds
from calsync.transport import Transport

AT = datetime(2026, 3, 15, 14, 0, tzinfo=UTC)
BEFORE = datetime(2026, 3, 1, tzinfo=UTC)
CONTENT_ID, ACCOUNT_ID = "550e8400-e29b-41d4-a716-446655440000", "660e8400-e29b-41d4-a716-446655440001"
SCOPE = Scope(AccountKey("postqued", ACCOUNT_ID))
POST = Submission(
    scope=SCOPE,
    platform="tiktok",
    content=Content(
        at=AT,
        caption="Scheduled via API! #automation #tiktokapi",
        intent=Intent.DRAFT,
        options=Options(
            {
                "privacy_level": "PUBLIC_TO_EVERYONE",
                "disable_duet": False,
                "disable_stitch": False,
                "disable_comment": False,
                "video_cover_timestamp_ms": 1000,
            }
        ),
    ),
    assets=(CONTENT_ID,),
)
GUIDE: dict[str, Any] = {
    "contentIds": [CONTENT_ID],
    "targets": [
        {
            "platform": "tiktok",
            "accountId": ACCOUNT_ID,
            "intent": "draft",
            "caption": "Scheduled via API! #automation #tiktokapi",
            "dispatchAt": "2026-03-15T14:00:00Z",
            "options": {
                "privacyLevel": "PUBLIC_TO_EVERYONE",
                "disableDuet": False,
                "disableStitch": False,
                "disableComment": False,
                "videoCoverTimestampMs": 1000,
            },
        }
    ],
}
"""The publish request of the guide, step 3."""


@pytest.fixture
def house() -> Iterator[House]:
    """The sandbox's Postqued."""
    with Sandbox(rate_limits=False) as box:
        provider, transport = connected("postqued", box.url, box.now, api="v1")
        with transport:
            first, second = seeds.POSTQUED_ACCOUNTS
            yield House("postqued", box, provider, (first[0], second[0]))


At = Callable[[Loopback], Provider]


@pytest.fixture
def at() -> Iterator[At]:
    """Connects to a scripted server, as of March."""
    with ExitStack() as opened:

        def connect(server: Loopback) -> Provider:
            provider, transport = connected("postqued", server.url, lambda: BEFORE, api="v1")
            opened.enter_context(transport)
            return provider

        yield connect


def said(value: object, status: int = 200) -> Act:
    return answer(status, json.dumps(value).encode())


# What is sent


def test_a_create_is_the_guides_request_field_for_field(at: At) -> None:
    """Body, header and path of step 3; its answer's ids are what the post is known by."""
    shown = {
        "id": "770e",
        "status": "pending",
        "targets": [{"id": "880e", "platform": "tiktok", "status": "scheduled"}],
    }
    with Loopback(said(shown)) as server:
        assert at(server).create(POST, token="key-1") == RemoteId("770e", "880e")
        assert server.received[0].body == at(server).create_body(POST)
    (got,) = server.received
    assert (got.method, got.target) == ("POST", "/v1/content/publish")
    assert json.loads(got.body) == GUIDE
    assert got.headers["idempotency-key"] == "key-1"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["authorization"] == f"Bearer {KEYS['postqued']}"


def test_only_options_that_are_set_are_sent(at: At) -> None:
    """TikTok's rules forbid defaults, so there are none of ours."""
    with Loopback(said({"id": "1"})) as server:
        at(server).create(replace(POST, content=replace(POST.content, options=Options({}))), token="k")
        assert json.loads(server.received[0].body)["targets"][0]["options"] == {}


def test_a_video_goes_up_in_the_guides_three_steps(house: House) -> None:
    """Announced, put, confirmed, with bodies field for field; what is not known of the file is left out."""
    file = video(b"v" * 700_000, name='deep/down/My tea"ser/é\n.mp4')
    asset = house.provider.upload([file], POST)
    announced, put, completed = house.box.requests()
    assert (announced["path"], announced["body"]) == (
        "/v1/content/upload",
        {"filename": "é_.mp4", "contentType": "video/mp4", "fileSize": 700_000},
    )
    assert (put["service"], put["method"], put["key_ok"], put["status"]) == ("storage", "PUT", False, 200)
    assert completed["path"] == "/v1/content/upload/complete"
    assert completed["body"] == {
        "contentId": asset,
        "key": f"content/usr_sandbox/{asset}.mp4",
        "filename": "é_.mp4",
        "contentType": "video/mp4",
        "size": 700_000,
    }
    (upload,) = house.box.uploads()
    assert (upload["sha256"], upload["content_ids"]) == (file.media.sha256, [asset])


def test_what_is_known_of_a_video_is_told(house: House) -> None:
    """Width, height and duration, as in the guide's confirmation."""
    file = video()
    file.media = replace(file.media, width=1080, height=1920, duration_ms=45000)
    house.provider.upload([file], POST)
    body = house.box.requests()[-1]["body"]
    assert isinstance(body, dict)
    assert {"width": 1080, "height": 1920, "durationMs": 45000}.items() <= body.items()


def test_an_image_goes_up_as_a_form(at: At) -> None:
    """v1's images have an endpoint of their own, with one part, `file`; its answer may have any of three shapes."""
    for shape in ({"contentId": "c1"}, {"content": {"id": "c1"}}, {"id": "c1"}):
        with Loopback(said(shape)) as server:
            assert at(server).upload([image(b"still")], POST) == "c1"
            (got,) = server.received
        boundary = got.headers["content-type"].partition("boundary=")[2].encode()
        assert (got.method, got.target) == ("POST", "/v1/content/upload-image")
        assert got.body == (
            b"--" + boundary + b'\r\nContent-Disposition: form-data; name="file"; filename="1.jpg"\r\n'
            b"Content-Type: image/jpeg\r\n\r\nstill\r\n--" + boundary + b"--\r\n"
        )


def test_a_carousel_is_made_of_images_in_order(house: House) -> None:
    """Each is uploaded, and the post names them in the order of the calendar."""
    files = [image(bytes([number]) * 100, f"{number}.jpg") for number in range(3)]
    assets = tuple(house.provider.upload([each], POST) for each in files)
    submission = Submission(
        scope=house.scope(), platform="tiktok", content=house.content(options=Options({})), assets=assets
    )
    house.provider.create(submission, token="k")
    (post,) = house.box.posts()
    assert post["sha256"] == [each.media.sha256 for each in files]


def test_the_key_reaches_neither_the_storage_nor_a_message(house: House) -> None:
    """It is for Postqued alone."""
    for status in (400, 403, 500):
        house.box.fault("answer", service="storage", status=status, times=2 if status != 500 else 5)
        with pytest.raises((Rejected, Unavailable)) as caught:
            house.provider.upload([video()], POST)
        assert KEYS["postqued"] not in str(caught.value)
    assert not any(each["key_ok"] for each in house.box.requests() if each["service"] == "storage")
    assert all(each["key_ok"] for each in house.box.requests() if each["service"] == "postqued")


# Where the storage key comes from


@pytest.mark.parametrize(
    ("upload", "key"),
    [
        ({"upload": {"url": "{}/b/content/u/1.mp4?s=1", "key": "content/k1"}}, "content/k1"),
        ({"upload": {"url": "{}/b/content/u/1.mp4?s=1"}, "key": "content/k2"}, "content/k2"),
        ({"upload": {"url": "{}/content/u/a%20b.mp4?s=1"}}, "content/u/a b.mp4"),
        ({"upload": {"url": "{}/bucket/content/u/1.mp4?s=1"}}, "content/u/1.mp4"),
        ({"upload": {"url": "{}/bucket/else/u/1.mp4?s=1"}}, None),
        ({"upload": {"url": "{}/"}}, None),
    ],
)
def test_the_storage_key_is_read_or_found_in_the_address_but_never_guessed(
    at: At, upload: dict[str, Any], key: str | None
) -> None:
    """The guide needs it for the confirmation and shows it nowhere; without one nothing is put up in vain."""
    with Loopback(said({})) as server:
        upload = {**upload, "upload": {**upload["upload"], "url": upload["upload"]["url"].format(server.url)}}
        server.acts = [said({"contentId": "c1", **upload}), said({}), said({})]
        if key is None:
            with pytest.raises(Rejected, match="without the key of the upload"):
                at(server).upload([video()], POST)
            assert len(server.received) == 1
        else:
            assert at(server).upload([video()], POST) == "c1"
            assert json.loads(server.received[-1].body)["key"] == key


def test_an_expired_address_is_asked_for_again_once(house: House) -> None:
    """400 and 403 are how object stores say it; a second one is final."""
    for status in (400, 403):
        house.box.fault("answer", service="storage", status=status)
        assert house.provider.upload([video()], POST)
    house.box.fault("answer", service="storage", status=403, times=2)
    with pytest.raises(Rejected):
        house.provider.upload([video()], POST)


@pytest.mark.parametrize(
    "begun",
    [
        {"contentId": "c1", "upload": {"url": "SERVER/content/x", "method": "DELETE"}},
        {"contentId": "c1", "upload": {"url": "http://storage.example.com/content/x"}},
        {"contentId": "c1", "upload": {}},
        {"upload": {"url": "SERVER/content/x"}},
        {},
        [],
        None,
    ],
)
def test_a_strange_beginning_of_an_upload_ends_it(at: At, begun: Any) -> None:
    """Another method, an unsafe address, anything missing: nothing is put anywhere."""
    with Loopback(said({})) as server:
        server.acts = [answer(200, json.dumps(begun).replace("SERVER", server.url).encode()), said({})]
        with pytest.raises(Rejected):
            at(server).upload([video()], POST)
        assert len(server.received) == 1


@pytest.mark.parametrize("path", ["/v1/content/upload", "/v1/content/upload/complete"])
def test_an_upload_in_trouble_is_repeated_and_never_uncertain(house: House, path: str) -> None:
    """It makes no post, so that a lost answer is no more than a lost read."""
    house.box.fault("reset_after", path=path)
    assert house.provider.upload([video()], POST)
    house.box.fault("answer", path=path, status=503, times=5)
    with pytest.raises(Unavailable):
        house.provider.upload([video()], POST)


# Creating, when things go wrong


@pytest.mark.parametrize("trouble", ["reset_after", "reset_before", "answer", "answer_after"])
def test_a_create_in_trouble_makes_one_post(house: House, trouble: Any) -> None:
    """The same body goes out again under the same key."""
    submission = house.uploaded()
    house.box.fault(trouble, path="/v1/content/publish", times=2)
    remote_id = house.provider.create(submission, token="k")
    assert [each["id"] for each in house.box.posts()] == [remote_id.id]
    sent = [each for each in house.box.requests() if each["path"] == "/v1/content/publish"]
    assert {each["idempotency_key"] for each in sent} == {"k"}
    assert all(each["body"] == sent[0]["body"] for each in sent)


def test_a_create_that_is_never_answered_is_uncertain(house: House) -> None:
    """Whether it was made, only a look can tell."""
    submission = house.uploaded()
    house.box.fault("reset_after", path="/v1/content/publish", times=None)
    with pytest.raises(Uncertain):
        house.provider.create(submission, token="k")
    assert len(house.box.posts()) == 1


def test_a_key_that_is_known_is_a_conflict(house: House) -> None:
    """Where the service does not replay (the guide's IDEMPOTENCY_CONFLICT), it says that something was made."""
    house.box.set_knobs(duplicate_key="conflict")
    submission = house.uploaded()
    house.provider.create(submission, token="k")
    with pytest.raises(Rejected) as caught:
        house.provider.create(submission, token="k")
    assert (caught.value.conflict, caught.value.remote_code) == (True, "IDEMPOTENCY_CONFLICT")


@pytest.mark.parametrize(
    ("status", "body", "gone"),
    [
        (404, {"error": "There is no content 1", "code": "CONTENT_NOT_FOUND"}, True),
        (400, {"error": "Content 550e not found", "code": "VALIDATION_ERROR"}, True),
        (404, {"error": "Content not found"}, True),
        (400, {"error": "not complete", "code": "CONTENT_NOT_READY"}, True),
        (400, {"error": "No tiktok account", "code": "ACCOUNT_NOT_CONNECTED"}, False),
        (400, {"error": "caption too long", "code": "VALIDATION_ERROR"}, False),
        (409, {"error": "content not found", "code": "IDEMPOTENCY_CONFLICT"}, False),
    ],
)
def test_lost_content_is_told_from_other_refusals(at: At, status: int, body: object, gone: bool) -> None:
    """A fresh upload helps only against that."""
    with Loopback(said(body, status)) as server, pytest.raises(Rejected) as caught:
        at(server).create(POST, token="k")
    assert caught.value.asset_gone is gone


def test_a_missing_subscription_stops_the_service(at: At) -> None:
    """402, as v2's document has it."""
    refusal = said({"error": "Upgrade", "code": "SUBSCRIPTION_REQUIRED"}, 402)
    with Loopback(refusal) as server, pytest.raises(Unauthorized, match="Upgrade"):
        at(server).create(POST, token="k")


@pytest.mark.parametrize(
    ("shown", "remote_id"),
    [
        ({"id": "1", "targets": [{"id": "2"}]}, RemoteId("1", "2")),
        ({"publishId": "1", "targets": []}, RemoteId("1")),
        ({"publish": {"id": "1", "targets": [{"id": "2"}]}}, RemoteId("1", "2")),
        ({"id": "1", "targets": "none"}, RemoteId("1")),
        ({"id": 7, "publishId": "1"}, RemoteId("1")),
    ],
)
def test_a_publish_id_is_read_from_wherever_it_is(at: At, shown: object, remote_id: RemoteId) -> None:
    """Guide and skill name it differently."""
    with Loopback(said(shown)) as server:
        assert at(server).create(POST, token="k") == remote_id


@pytest.mark.parametrize("shown", [{}, {"id": ""}, {"id": None}, [], None, "ok"])
def test_an_answer_without_a_name_is_uncertain(at: At, shown: object) -> None:
    """Something was made that we cannot name."""
    with Loopback(said(shown)) as server, pytest.raises(Uncertain):
        at(server).create(POST, token="k")


# Reading


@pytest.mark.parametrize(
    ("shown", "status", "reason"),
    [
        ({"status": "pending", "targets": [{"id": "t", "status": "queued"}]}, Status.SCHEDULED, None),
        ({"status": "pending", "targets": [{"id": "t", "status": "scheduled"}]}, Status.SCHEDULED, None),
        ({"status": "processing", "targets": [{"id": "t", "status": "processing"}]}, Status.PROCESSING, None),
        ({"status": "processing", "targets": [{"id": "t", "status": "sent"}]}, Status.PUBLISHED, None),
        ({"status": "completed", "targets": [{"id": "t", "status": "published"}]}, Status.PUBLISHED, None),
        ({"status": "canceled", "targets": [{"id": "t", "status": "canceled"}]}, Status.CANCELED, None),
        ({"targets": [{"id": "t", "status": "failed", "error": "why"}]}, Status.FAILED, "why"),
        ({"targets": [{"id": "t", "status": "failed", "errorMessage": "why"}]}, Status.FAILED, "why"),
        ({"targets": [{"id": "t", "status": "failed", "error": {"message": "why"}}]}, Status.FAILED, "why"),
        ({"error": "why", "targets": [{"id": "t", "status": "failed"}]}, Status.FAILED, "why"),
        (
            {"targets": [{"id": "x", "status": "failed"}, {"id": "t", "status": "sent"}]},
            Status.PUBLISHED,
            None,
        ),
        ({"status": "pending", "targets": [{"id": "x", "status": "sent"}]}, Status.PUBLISHED, None),
        ({"status": "pending"}, Status.SCHEDULED, None),
        ({"status": "processing", "targets": []}, Status.PROCESSING, None),
        ({"status": "completed", "targets": None}, Status.PUBLISHED, None),
        ({"status": "failed", "failureReason": "why"}, Status.FAILED, "why"),
        ({"status": "canceled"}, Status.CANCELED, None),
        ({"publish": {"status": "canceled"}}, Status.CANCELED, None),
        ({"status": "partial_failed"}, Status.UNKNOWN, None),
        ({"status": "completed", "targets": [{"id": "t", "status": "under_review"}]}, Status.UNKNOWN, None),
        ({"status": "paused"}, Status.UNKNOWN, None),
        ({}, Status.UNKNOWN, None),
        ([], Status.UNKNOWN, None),
    ],
)
def test_a_status_is_the_targets_else_the_requests_and_never_a_guess(
    at: At, shown: object, status: Status, reason: str | None
) -> None:
    """A word that is not documented is unknown."""
    with Loopback(said(shown)) as server:
        seen = at(server).get_post(RemoteId("770e", "t"), SCOPE)
        assert server.received[0].target == "/v1/content/publish/770e"
    assert seen is not None
    assert (seen.status, seen.reason, seen.remote_id) == (status, reason, RemoteId("770e", "t"))


def test_an_id_that_is_another_path_is_not_asked_for(at: At) -> None:
    """Dots would lead out of the collection."""
    with Loopback(said({})) as server:
        for wild in (".", "..", ""):
            with pytest.raises(Rejected):
                at(server).get_post(RemoteId(wild), SCOPE)
        assert server.received == []


def test_accounts_are_asked_for_as_in_the_guide(at: At) -> None:
    """Tolerant of entries without an id, and of nothing else than a list."""
    listed = {"accounts": [{"id": "1", "platform": "tiktok", "username": "@a", "displayName": None}, {}, "x"]}
    with Loopback(said(listed), said({"accounts": "none"})) as server:
        (account,) = at(server).accounts()
        assert (account.id, account.username, account.name) == ("1", "@a", None)
        assert server.received[0].target == "/v1/platform-accounts?platform=tiktok"
        with pytest.raises(Unavailable):
            at(server).accounts()


# Which version


def version(url: str, now: Callable[[], datetime], api: str) -> str:
    settings = ServiceSettings(service="postqued", api=api)
    with Transport(url, Key(KEYS["postqued"]), service="postqued", sleep=lambda _: None) as transport:
        return providers.connect(Link(settings=settings, transport=transport, now=now)).capabilities.api


@pytest.mark.parametrize("status", [404, 410])
def test_a_service_without_v2_is_asked_by_v1(status: Any) -> None:
    """404 and 410 are the two answers that mean it."""
    with Sandbox(ping=status) as box:
        assert version(box.url, box.now, "auto") == "v1"


def test_a_service_with_v2_is_not_asked_by_v1() -> None:
    """Found or chosen; what is chosen is not questioned."""
    with Sandbox(ping=200) as box:
        assert version(box.url, box.now, "auto") == "v2"
        before = len(box.requests())
        assert version(box.url, box.now, "v1") == "v1"
        assert version(box.url, box.now, "v2") == "v2"
        assert len(box.requests()) == before


def test_any_other_answer_to_the_question_stops_the_run() -> None:
    """A version is not guessed from trouble."""
    acts = [
        answer(500),
        answer(401),
        answer(403),
        answer(body=b"<html>"),
        answer(302, location="/"),
        reset,
        answer(204, b""),
    ]
    for act in acts:
        with Loopback(act) as server, pytest.raises(CalsyncError, match="which version") as caught:
            version(server.url, lambda: BEFORE, "auto")
        assert caught.value.code == "api-version"
        assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("status", "body"), [(404, b"<html>"), (404, b"404 Not Found"), (410, b"{}"), (404, b"")]
)
def test_a_retired_v1_is_said_to_be(at: At, status: int, body: bytes) -> None:
    """No post is taken for lost because the whole API is gone."""
    with Loopback(answer(status, body)) as server:
        provider = at(server)
        asks = (
            lambda: provider.accounts(),
            lambda: provider.upload([video()], POST),
            lambda: provider.upload([image()], POST),
            lambda: provider.create(POST, token="k"),
            lambda: provider.get_post(RemoteId("1"), SCOPE),
        )
        for ask in asks:
            with pytest.raises(Rejected, match="v1 is retired, use v2"):
                ask()


def test_limits_are_those_of_the_versions_that_could_be_meant() -> None:
    """Offline it is not known which a service speaks."""
    assert providers.limits(ServiceSettings(service="postqued")) == (V1_LIMITS, V2_LIMITS)
    assert providers.limits(ServiceSettings(service="postqued", api="v1")) == (V1_LIMITS,)
    assert providers.limits(ServiceSettings(service="postqued", api="v2")) == (V2_LIMITS,)


def test_the_documented_rates_are_kept() -> None:
    """Against a service that enforces them, no request of a burst is refused."""
    clock = Time()
    with Sandbox() as box:
        link_rates = providers.rates(ServiceSettings(service="postqued"))
        assert link_rates == {"upload": Rate(20), "read": Rate(30), "publish": Rate(10), "delete": Rate(20)}
        way = Transport(
            box.url,
            Key(KEYS["postqued"]),
            service="postqued",
            rates=link_rates,
            clock=clock,
            sleep=clock.sleep,
        )
        with way:
            settings = ServiceSettings(service="postqued", api="v1")
            provider = providers.connect(Link(settings=settings, transport=way, now=box.now))
            content = Content(at=box.now() + timedelta(days=1), caption="x")
            submission = Submission(
                scope=SCOPE, platform="tiktok", content=content, assets=(seeds.POSTQUED_CONTENTS[0],)
            )
            for number in range(10):
                provider.create(submission, token=str(number))
            assert clock.slept == []
            # Real time has not passed for the service, so that the eleventh is refused there, and waits on.
            with pytest.raises(CalsyncError):
                provider.create(submission, token="eleven")
    assert clock.slept[0] == 60


def test_an_upload_is_of_one_file(at: At) -> None:
    """Several posts may share it, so that a carousel's images go up one by one."""
    with Loopback(said({})) as server:
        for files in ([], [video(), video()]):
            with pytest.raises(Rejected):
                at(server).upload(files, POST)
        assert server.received == []
