"""TikFlow: scheduling, uploads, the plan."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from calsync.sandbox import Sandbox

ACCOUNT = "123e4567-e89b-12d3-a456-426614174000"
VIDEOS = [f"550e8400-e29b-41d4-a716-{446655440000 + number}" for number in range(10)]
NOBODY = "00000000-0000-4000-8000-000000000000"
Ahead = Callable[[float], str]


def schedule(tikflow: httpx.Client, at: Any, video: str = VIDEOS[0], **more: Any) -> httpx.Response:
    """Ask for a schedule."""
    body = {"videoId": video, "tiktokAccountId": ACCOUNT, "scheduledPublishTime": at, **more}
    return tikflow.post("/schedule/create", json=body)


def code(answer: httpx.Response) -> tuple[int, str]:
    """Read status and code off a refusal."""
    body = answer.json()
    assert body["success"] is False
    return answer.status_code, body["error"]["code"]


def listed(tikflow: httpx.Client) -> list[Any]:
    """List the schedules."""
    return list(tikflow.get("/schedule/scheduled-videos").json()["data"])


def history(tikflow: httpx.Client, upload_id: str) -> Any:
    """Find an upload in the history."""
    uploads = tikflow.get("/upload/history", params={"limit": 100}).json()["data"]
    return next(upload for upload in uploads if upload["id"] == upload_id)


def test_the_key_is_asked_for(plain: httpx.Client) -> None:
    """Without a key it is 401 in TikFlow's envelope; only the upcoming posts are public."""
    assert code(plain.get("/api/v1/schedule/scheduled-videos")) == (401, "UNAUTHORIZED")
    assert plain.get("/api/v1/schedule/upcoming").json() == {"success": True, "data": {"upcomingPosts": []}}


def test_a_schedule_is_made_and_listed(tikflow: httpx.Client, ahead: Ahead) -> None:
    """Create answers 201 and the list shows it, each with its own names of the same things."""
    answer = schedule(tikflow, ahead(60), title="ignored", hashtags="#ignored")
    assert answer.status_code == 201
    made = answer.json()["data"]
    assert made.keys() == {"scheduleId", "scheduledTime", "status", "createdAt"}
    [entry] = listed(tikflow)
    assert entry == {
        "id": made["scheduleId"],
        "scheduledPublishTime": made["scheduledTime"],
        "status": "pending",
        "video": {"id": VIDEOS[0], "title": "Video 1", "description": "Description of video 1"},
        "tiktokAccount": {"id": ACCOUNT, "username": "my_tiktok_handle", "displayName": "My TikTok Name"},
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"videoId": NOBODY}, (404, "NOT_FOUND")),
        ({"tiktokAccountId": NOBODY}, (404, "NOT_FOUND")),
        ({"videoId": "video"}, (400, "VALIDATION_ERROR")),
        ({"scheduledPublishTime": "2099-01-01 10:00"}, (400, "VALIDATION_ERROR")),
        ({"scheduledPublishTime": "2099-01-01T10:00:00+01:00"}, (400, "VALIDATION_ERROR")),
        ({"scheduledPublishTime": None}, (400, "VALIDATION_ERROR")),
        ({"scheduledPublishTime": "2020-01-01T10:00:00Z"}, (422, "UNPROCESSABLE_ENTITY")),
    ],
)
def test_a_bad_schedule_is_refused(
    box: Sandbox, tikflow: httpx.Client, ahead: Ahead, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    """Unknown ids, times that are not UTC and times that are past have their documented answers."""
    assert code(schedule(tikflow, ahead(60), **changes)) == expected
    assert box.posts() == []


def test_fifteen_minutes_ahead_is_the_least(tikflow: httpx.Client, ahead: Ahead) -> None:
    """Nearer than 15 minutes is 422, for a new time as for a new schedule."""
    assert code(schedule(tikflow, ahead(14))) == (422, "UNPROCESSABLE_ENTITY")
    made = schedule(tikflow, ahead(16)).json()["data"]
    answer = tikflow.put(f"/schedule/{made['scheduleId']}", json={"scheduledPublishTime": ahead(14)})
    assert code(answer) == (422, "UNPROCESSABLE_ENTITY")


def test_an_upload_takes_one_schedule(box: Sandbox, tikflow: httpx.Client, ahead: Ahead) -> None:
    """A scheduled upload conflicts, a published one too, one whose schedule was cancelled does not."""
    made = schedule(tikflow, ahead(60)).json()["data"]
    assert code(schedule(tikflow, ahead(90))) == (409, "CONFLICT")
    tikflow.put(f"/schedule/{made['scheduleId']}", json={"status": "cancelled"})
    assert schedule(tikflow, ahead(90)).status_code == 201
    box.advance(timedelta(hours=2))
    assert code(schedule(tikflow, ahead(60))) == (409, "CONFLICT")
    assert [post["times_published"] for post in box.posts()] == [0, 1]


def test_a_schedule_is_executed_at_its_time(box: Sandbox, tikflow: httpx.Client, ahead: Ahead) -> None:
    """It becomes executed, its upload published, and neither can be changed any more."""
    made = schedule(tikflow, ahead(60)).json()["data"]
    box.advance(timedelta(hours=2))
    assert [entry["status"] for entry in listed(tikflow)] == ["executed"]
    assert history(tikflow, VIDEOS[0])["publishedAt"] == made["scheduledTime"]
    for answer in (
        tikflow.put(f"/schedule/{made['scheduleId']}", json={"status": "cancelled"}),
        tikflow.delete(f"/schedule/{made['scheduleId']}"),
    ):
        assert code(answer) == (409, "CONFLICT")


def test_a_schedule_moves(box: Sandbox, tikflow: httpx.Client, ahead: Ahead) -> None:
    """PUT sets the time and answers as create does; only pending and cancelled may be asked for."""
    path = f"/schedule/{schedule(tikflow, ahead(60)).json()['data']['scheduleId']}"
    moved = tikflow.put(path, json={"scheduledPublishTime": ahead(120)}).json()["data"]
    assert box.posts()[0]["at"] == moved["scheduledTime"]
    assert code(tikflow.put(path, json={"status": "executed"})) == (400, "VALIDATION_ERROR")
    assert code(tikflow.put(f"/schedule/{NOBODY}", json={})) == (404, "NOT_FOUND")


def test_a_cancelled_schedule_can_be_revived(tikflow: httpx.Client, ahead: Ahead) -> None:
    """Unless its upload was scheduled again meanwhile."""
    path = f"/schedule/{schedule(tikflow, ahead(60)).json()['data']['scheduleId']}"
    tikflow.put(path, json={"status": "cancelled"})
    assert tikflow.put(path, json={"status": "pending"}).status_code == 200
    tikflow.put(path, json={"status": "cancelled"})
    schedule(tikflow, ahead(60))
    assert code(tikflow.put(path, json={"status": "pending"})) == (409, "CONFLICT")


@pytest.mark.parametrize("status", [200, 204])
def test_a_schedule_is_deleted(box: Sandbox, tikflow: httpx.Client, ahead: Ahead, status: Any) -> None:
    """It leaves the list, a second delete is 404, and its upload can be scheduled again."""
    box.set_knobs(tikflow_delete_status=status)
    path = f"/schedule/{schedule(tikflow, ahead(60)).json()['data']['scheduleId']}"
    assert tikflow.delete(path).status_code == status
    assert listed(tikflow) == []
    assert code(tikflow.delete(path)) == (404, "NOT_FOUND")
    assert schedule(tikflow, ahead(60)).status_code == 201
    assert [post["status"] for post in box.posts()] == ["deleted", "pending"]


def test_the_list_may_keep_no_history(box: Sandbox, tikflow: httpx.Client, ahead: Ahead) -> None:
    """With the knob off, executed and cancelled schedules vanish from the list."""
    schedule(tikflow, ahead(60))
    made = schedule(tikflow, ahead(90), VIDEOS[1]).json()["data"]
    tikflow.put(f"/schedule/{made['scheduleId']}", json={"status": "cancelled"})
    box.advance(timedelta(hours=2))
    assert sorted(entry["status"] for entry in listed(tikflow)) == ["cancelled", "executed"]
    box.set_knobs(tikflow_history=False)
    assert listed(tikflow) == []


def test_the_plan_limits_schedules(box: Sandbox, tikflow: httpx.Client, ahead: Ahead) -> None:
    """Beyond the plan it is 403; usage tells the numbers; a cancelled schedule gives its place back."""
    box.set_knobs(tikflow_quota=2)
    made = [schedule(tikflow, ahead(60), video).json()["data"] for video in VIDEOS[:2]]
    assert code(schedule(tikflow, ahead(60), VIDEOS[2])) == (403, "SCHEDULING_LIMIT_EXCEEDED")
    usage = tikflow.get("/subscription/usage").json()["data"]
    assert (usage["scheduledPostsUsed"], usage["scheduledPostsLimit"]) == (2, 2)
    assert tikflow.get("/subscription").json()["data"]["plan"]["maxScheduledPosts"] == 2
    tikflow.put(f"/schedule/{made[0]['scheduleId']}", json={"status": "cancelled"})
    assert schedule(tikflow, ahead(60), VIDEOS[2]).status_code == 201


def test_an_upload_publishes_itself(box: Sandbox, tikflow: httpx.Client) -> None:
    """As in the documented example an upload that nobody schedules is published after 11 seconds."""
    body = {"title": "Teaser", "tiktokAccountId": ACCOUNT, "videoUrl": "https://cdn.example.org/a.mp4"}
    answer = tikflow.post("/upload/video", json=body)
    assert answer.status_code == 202
    upload_id = answer.json()["data"]["uploadId"]
    assert history(tikflow, upload_id)["status"] == "pending"
    box.advance(timedelta(seconds=11))
    assert history(tikflow, upload_id)["tiktokVideoId"].startswith("v_pub_file~")
    [post] = box.posts()
    assert (post["kind"], post["published_now"], post["times_published"]) == ("upload", True, 1)


def test_an_upload_scheduled_in_time_waits(box: Sandbox, tikflow: httpx.Client, ahead: Ahead) -> None:
    """A multipart upload, scheduled at once, goes out at its time and not before."""
    fields = {"title": "Teaser", "tiktokAccountId": ACCOUNT}
    answer = tikflow.post("/upload/video", data=fields, files={"video": ("a.mp4", b"bytes", "video/mp4")})
    upload_id = answer.json()["data"]["uploadId"]
    assert schedule(tikflow, ahead(60), upload_id).status_code == 201
    box.advance(timedelta(minutes=5))
    assert [post["times_published"] for post in box.posts()] == [0]
    box.advance(timedelta(hours=1))
    [post] = box.posts()
    assert (post["kind"], post["times_published"], post["published_now"]) == ("schedule", 1, False)
    assert post["sha256"] == [box.uploads()[0]["sha256"]]


def test_photos_are_uploaded_together(box: Sandbox, tikflow: httpx.Client) -> None:
    """The part is repeated, its number told, the account named, and the answer 202."""
    files = [("photos", (f"{number}.jpg", b"%d" % number, "image/jpeg")) for number in range(3)]
    fields = {"title": "Reveal", "tiktokAccountId": ACCOUNT, "photoCount": "3"}
    answer = tikflow.post("/upload/photo", data=fields, files=files)
    assert answer.status_code == 202
    assert history(tikflow, answer.json()["data"]["uploadId"])["mediaType"] == "photo"
    assert len(box.uploads()) == 3
    for wrong in ({"photoCount": "2"}, {"tiktokAccountId": ""}, {"title": "x" * 151}):
        answer = tikflow.post("/upload/photo", data={**fields, **wrong}, files=files)
        assert code(answer) == (400, "VALIDATION_ERROR")


def test_the_history_has_pages(tikflow: httpx.Client) -> None:
    """Pages follow each other without gap or double, and the last one says so."""
    seen: list[str] = []
    more = True
    while more:
        page = tikflow.get("/upload/history", params={"limit": 4, "offset": len(seen)}).json()
        seen += [upload["id"] for upload in page["data"]]
        more = page["pagination"]["hasMore"]
    assert sorted(seen) == VIDEOS
    assert page["pagination"]["total"] == 10
    assert code(tikflow.get("/upload/history", params={"limit": 101})) == (400, "VALIDATION_ERROR")


def test_times_come_back_in_utc_with_milliseconds(tikflow: httpx.Client, ahead: Ahead) -> None:
    """However a time was spelled, it reads ...000Z."""
    at = (datetime.fromisoformat(ahead(60)).replace(microsecond=0)).isoformat()
    assert schedule(tikflow, at).json()["data"]["scheduledTime"] == at.replace("+00:00", ".000Z")
