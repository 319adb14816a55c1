"""Rate limits and scripted faults."""

from __future__ import annotations

import time

import httpx
import pytest

from calsync.sandbox import RequestEntry, Sandbox

ACCOUNTS = "/v1/platform-accounts"
VIDEO = "550e8400-e29b-41d4-a716-446655440000"
SCHEDULE = {
    "videoId": VIDEO,
    "tiktokAccountId": "123e4567-e89b-12d3-a456-426614174000",
    "scheduledPublishTime": "2099-01-01T10:00:00Z",
}


def test_each_class_has_its_own_limit(box: Sandbox, postqued: httpx.Client) -> None:
    """The eleventh publish in a minute is 429 with the seconds to wait; reading goes on."""
    box.set_knobs(rate_limits=True)
    answers = [postqued.post("/v1/content/publish") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [400] * 10 + [429]
    assert 50 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert answers[-1].json()["code"] == "RATE_LIMITED"
    assert postqued.get(ACCOUNTS).status_code == 200


def test_tikflow_tells_its_limit_in_every_answer(box: Sandbox, tikflow: httpx.Client) -> None:
    """The headers count down, errors included, and at zero it is 429."""
    box.set_knobs(rate_limits={"tikflow": 3})
    answers = [
        tikflow.get(f"/{path}") for path in ("subscription", "nowhere", "subscription", "subscription")
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"3"}


def test_limits_stand_unless_switched_off() -> None:
    """A sandbox that is not told otherwise limits as documented."""
    with Sandbox() as box:
        assert box.knobs()["rate_limits"] is True


def test_a_misspelt_limit_or_knob_is_refused(box: Sandbox) -> None:
    """A knob that does nothing would be a test that tests nothing."""
    with pytest.raises(TypeError, match="rate limits are"):
        box.set_knobs(rate_limits={"publsh": 1})
    with pytest.raises(TypeError, match="no knob"):
        Sandbox(pong=200)  # type: ignore[call-arg]


def test_an_answer_can_be_scripted(box: Sandbox, postqued: httpx.Client) -> None:
    """Status, body and headers are as told, for the requests that match, at the position that was told."""
    box.fault(
        "answer",
        path="/v1/platform-*",
        skip=1,
        times=2,
        status=502,
        body="<html>",
        headers={"Retry-After": "7"},
    )
    answers = [postqued.get(ACCOUNTS) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 502, 502, 200]
    assert (answers[1].text, answers[1].headers["Retry-After"]) == ("<html>", "7")
    assert [entry["fault"] for entry in box.requests()] == [None, "answer", "answer", None]


def test_a_connection_breaks_before_the_work(box: Sandbox, tikflow: httpx.Client) -> None:
    """The client sees a broken connection, and nothing was done."""
    box.fault("reset_before", service="tikflow", request_class="publish")
    with pytest.raises(httpx.TransportError):
        tikflow.post("/schedule/create", json=SCHEDULE)
    assert box.posts() == []
    [entry] = box.requests()
    assert (entry["status"], entry["body"]) == (None, SCHEDULE)


@pytest.mark.parametrize("kind", ["reset_after", "answer_after"])
def test_an_answer_is_lost_after_the_work(box: Sandbox, tikflow: httpx.Client, kind: str) -> None:
    """The work is done though the client cannot know it."""
    if kind == "reset_after":
        box.fault("reset_after", method="POST")
        with pytest.raises(httpx.TransportError):
            tikflow.post("/schedule/create", json=SCHEDULE)
    else:
        box.fault("answer_after", method="POST", status=504)
        assert tikflow.post("/schedule/create", json=SCHEDULE).status_code == 504
    assert len(box.posts()) == 1
    assert tikflow.post("/schedule/create", json=SCHEDULE).status_code == 409


def test_storage_can_break_in_the_middle(box: Sandbox, postqued: httpx.Client) -> None:
    """A fault of the storage hits the bytes; the address is still good afterwards."""
    size = 8 * 1024 * 1024
    body = {"filename": "a.mp4", "contentType": "video/mp4", "fileSize": size}
    upload = postqued.post("/v1/content/upload", json=body).json()["upload"]
    box.fault("reset_before", service="storage")
    with pytest.raises(httpx.TransportError):
        httpx.put(upload["url"], content=b"x" * size, headers=upload["headers"], trust_env=False)
    assert box.uploads() == []
    answer = httpx.put(upload["url"], content=b"x" * size, headers=upload["headers"], trust_env=False)
    assert answer.status_code == 200


def test_an_answer_can_be_late(box: Sandbox, tikflow: httpx.Client) -> None:
    """A client that does not wait long enough has done its work nevertheless."""
    box.fault("delay", method="POST", seconds=0.3)
    with pytest.raises(httpx.ReadTimeout):
        tikflow.post("/schedule/create", json=SCHEDULE, timeout=0.1)
    assert box.posts() == []
    deadline = time.monotonic() + 5
    while not box.posts() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(box.posts()) == 1


def test_a_broken_connection_leaves_no_traceback(
    box: Sandbox, tikflow: httpx.Client, capfd: pytest.CaptureFixture[str]
) -> None:
    """Faults are meant: the sandbox prints nothing about them."""
    box.fault("reset_before")
    box.fault("reset_after")
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            tikflow.get("/subscription")
    box.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_watcher_ends_requests(box: Sandbox, tikflow: httpx.Client, moment: str) -> None:
    """Whoever watches is told of each request as it arrives and before it is answered, and may break it off there."""
    told: list[tuple[str, str]] = []

    def watch(when: str, entry: RequestEntry) -> bool:
        told.append((when, entry["path"]))
        return when != moment or entry["method"] == "GET"

    box.watch(watch)
    assert tikflow.get("/subscription").status_code == 200
    with pytest.raises(httpx.TransportError):
        tikflow.post("/schedule/create", json=SCHEDULE)
    assert [when for when, _ in told] == ["before", "after", "before", "after"][
        : 4 if moment == "after" else 3
    ]
    assert len(box.posts()) == (moment == "after")
    box.watch(None)
    assert tikflow.get("/subscription").status_code == 200
    assert len(told) == (4 if moment == "after" else 3)
