"""Scripted faults of the wire, of the storage and of answers, and lists that lag behind."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from calsync.sandbox import Sandbox

SCHEDULED = "/schedule/scheduled-videos"
UPLOAD = "550e8400-e29b-41d4-a716-446655440000"
SCHEDULE = {
    "videoId": UPLOAD,
    "tiktokAccountId": "123e4567-e89b-12d3-a456-426614174000",
    "scheduledPublishTime": "2099-01-01T10:00:00Z",
}


def announced(postqued: httpx.Client, size: int = 1000) -> Any:
    body = {"filename": "a.mp4", "contentType": "video/mp4", "fileSize": size}
    return postqued.post("/v1/content/upload", json=body).json()["upload"]


def put(upload: Any, content: bytes) -> httpx.Response:
    return httpx.put(upload["url"], content=content, headers=upload["headers"], trust_env=False)


@pytest.mark.parametrize("kind", ["stall_before", "stall_after", "stall_body"])
def test_a_stalled_request_is_never_answered_whole(box: Sandbox, tikflow: httpx.Client, kind: Any) -> None:
    """The client waits in vain, whether the work was done before or not at all."""
    box.fault(kind, method="POST")
    with pytest.raises(httpx.ReadTimeout):
        tikflow.post("/schedule/create", json=SCHEDULE, timeout=0.2)
    assert len(box.posts()) == (0 if kind == "stall_before" else 1)
    assert tikflow.get(SCHEDULED).status_code == 200


def test_an_answer_can_drip(box: Sandbox, tikflow: httpx.Client) -> None:
    """It comes byte by byte and is whole at the end; no read takes as long as all of them together."""
    box.fault("drip", seconds=0.001)
    before = time.monotonic()
    answer = tikflow.get("/subscription/usage", timeout=5)
    assert answer.json()["success"] is True
    assert time.monotonic() - before > 0.001 * len(answer.content)


def test_an_answer_can_end_early(box: Sandbox, tikflow: httpx.Client) -> None:
    """The connection ends before as many bytes have come as were promised; the work is done."""
    box.fault("truncate", method="POST")
    with pytest.raises(httpx.RemoteProtocolError):
        tikflow.post("/schedule/create", json=SCHEDULE)
    assert len(box.posts()) == 1


def test_an_answer_can_be_half_of_its_json(box: Sandbox, tikflow: httpx.Client) -> None:
    """Its length is right and its text stops in the middle."""
    box.fault("cut", method="POST")
    answer = tikflow.post("/schedule/create", json=SCHEDULE)
    assert answer.status_code == 201
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_connections_can_be_refused(box: Sandbox, tikflow: httpx.Client) -> None:
    """From the request that meets it on nobody gets in, at that port alone, until the faults are cleared."""
    box.fault("refuse")
    with pytest.raises(httpx.ReadError):
        tikflow.get("/subscription")
    for _ in range(2):
        with pytest.raises(httpx.ConnectError):
            tikflow.get("/subscription")
    assert httpx.get(box.storage_url, trust_env=False).status_code == 404
    box.clear_faults()
    assert tikflow.get("/subscription").status_code == 200


def test_refusing_may_pass_by_itself(box: Sandbox, tikflow: httpx.Client) -> None:
    """After the seconds that were said, connections are accepted again."""
    box.fault("refuse", seconds=0.2)
    with pytest.raises(httpx.TransportError):
        tikflow.get("/subscription")
    end = time.monotonic() + 20
    while True:
        try:
            assert tikflow.get("/subscription").status_code == 200
            break
        except httpx.ConnectError:
            assert time.monotonic() < end
            time.sleep(0.02)


def test_a_sandbox_can_be_closed_while_it_refuses() -> None:
    """Nothing is left listening and nothing waits."""
    with Sandbox(rate_limits=False) as box:
        box.fault("refuse")
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{box.url}/v2/ping", trust_env=False)


def test_answers_can_have_other_fields(box: Sandbox, tikflow: httpx.Client) -> None:
    """More fields, one field less, a status that nobody documents: everywhere in the answer."""
    tikflow.post("/schedule/create", json=SCHEDULE)
    [plain] = tikflow.get(SCHEDULED).json()["data"]
    box.fault("extra_fields")
    [more] = tikflow.get(SCHEDULED).json()["data"]
    assert more.keys() > plain.keys()
    assert more["video"].keys() > plain["video"].keys()
    box.fault("drop_field", field="id")
    [less] = tikflow.get(SCHEDULED).json()["data"]
    assert "id" not in less
    assert "id" not in less["video"]
    box.fault("unknown_status")
    [strange] = tikflow.get(SCHEDULED).json()["data"]
    assert strange["status"] not in ("pending", "executed", "cancelled")
    assert {**strange, "status": "pending"} == plain


def test_lists_can_repeat_themselves(box: Sandbox, tikflow: httpx.Client) -> None:
    """Entries are there twice, and those of the page before once more."""
    box.fault("duplicate", times=2)
    first, second = (
        tikflow.get("/upload/history", params={"limit": 2, "offset": offset}).json()["data"]
        for offset in (0, 2)
    )
    assert [each["id"] for each in first] == 2 * [first[0]["id"], first[1]["id"]]
    assert second[:2] == first[:2]
    assert len({each["id"] for each in second}) == 4


@pytest.mark.parametrize("kind", ["store_short", "store_short_reset"])
def test_bytes_can_be_stored_cut_short(box: Sandbox, postqued: httpx.Client, kind: Any) -> None:
    """The storage keeps half of them, whether it says that all is well or nothing at all."""
    upload = announced(postqued)
    box.fault(kind, service="storage")
    if kind == "store_short":
        assert put(upload, b"x" * 1000).status_code == 200
    else:
        with pytest.raises(httpx.TransportError):
            put(upload, b"x" * 1000)
    [stored] = box.uploads()
    assert stored["size"] == 500
    assert put(upload, b"x" * 1000).status_code == 200


def test_a_presigned_address_can_expire_at_once(box: Sandbox, postqued: httpx.Client) -> None:
    """How long it lives is a knob."""
    box.set_knobs(url_life_seconds=0)
    assert put(announced(postqued), b"x").status_code == 403
    box.set_knobs(url_life_seconds=60)
    assert put(announced(postqued), b"x").status_code == 200


def test_lists_and_lookups_can_be_late(box: Sandbox, tikflow: httpx.Client) -> None:
    """What was written shows after so many reads; other reads and the truth are not late."""
    box.set_knobs(late_reads=2)
    made = tikflow.post("/schedule/create", json=SCHEDULE).json()["data"]["scheduleId"]
    assert len(box.posts()) == 1
    assert tikflow.get("/subscription/usage").json()["data"]["scheduledPostsUsed"] == 1
    shown = [len(tikflow.get(SCHEDULED).json()["data"]) for _ in range(3)]
    assert shown == [0, 0, 1]
    tikflow.put(f"/schedule/{made}", json={"status": "cancelled"})
    statuses = [tikflow.get(SCHEDULED).json()["data"][0]["status"] for _ in range(3)]
    assert statuses == ["pending", "pending", "cancelled"]


def test_a_lookup_at_postqued_can_be_late(box: Sandbox, v2: httpx.Client) -> None:
    """By seconds, too."""
    box.set_knobs(late_seconds=30)
    content = box.seed_content()
    target = {
        "platform": "tiktok",
        "accountId": "660e8400-e29b-41d4-a716-446655440001",
        "intent": "publish",
        "caption": "x",
        "dispatchAt": "2099-01-01T10:00:00Z",
        "options": {"privacyLevel": "SELF_ONLY"},
    }
    workspace = v2.get("/v2/mcp/context").json()["organizations"][0]["workspaces"][0]["id"]
    body = {"contentIds": [content], "targets": [target], "workspaceId": workspace}
    made = v2.post("/v2/publish", json=body, headers={"Idempotency-Key": "k"})
    assert made.status_code == 200
    path, query = f"/v2/publish/{made.json()['id']}", {"workspaceId": workspace}
    assert v2.get(path, params=query).status_code == 404
    box.set_knobs(late_seconds=0)
    assert v2.get(path, params=query).status_code == 200


def test_a_kind_that_does_not_exist_is_refused(box: Sandbox, plain: httpx.Client) -> None:
    """Over HTTP too; and what is scripted over HTTP is as good as by hand."""
    assert plain.post("/_sandbox/faults", json={"kind": "explode"}).status_code == 400
    answer = plain.post("/_sandbox/faults", json={"kind": "drop_field", "field": "pong", "path": "/v2/*"})
    assert answer.status_code == 200
    box.set_knobs(ping=200)
    assert plain.get("/v2/ping").json() == {}
