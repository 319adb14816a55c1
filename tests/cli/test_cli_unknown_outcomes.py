"""Lost answers, refusals and killed processes: no post twice, none lost."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from outside import UPLOADS, Project, ahead, flow, moment, until, video

PUBLISH = "/v1/content/publish"
CREATE = "/api/v1/schedule/create"
SCHEDULE = "/api/v1/schedule/*"


def _live(project: Project) -> int:
    return sum(each["status"] in ("scheduled", "pending") for each in project.posts())


def _publishes(project: Project) -> list[Any]:
    return [each for each in project.writes() if each["path"] == PUBLISH]


def _creates(project: Project) -> list[Any]:
    return [each for each in project.writes() if each["path"] == CREATE]


def _converged(project: Project, posts: int) -> None:
    """The next plan has nothing to do, and every post is there once and recorded."""
    planned = project.plan("--detailed-exitcode").json
    assert planned["actions"] == []
    assert planned["summary"]["unchanged"] == posts
    assert _live(project) == posts
    assert len(project.state()["posts"]) == posts


@pytest.mark.parametrize("duplicate", ["replay", "conflict"])
def test_a_lost_answer_of_postqued(project: Project, duplicate: Any) -> None:
    """A create whose answer is lost goes out again with the same key and the same body: one post."""
    project.box.set_knobs(duplicate_key=duplicate)
    project.calendar(video("teaser", ahead(days=3)))
    project.box.fault("reset_after", path=PUBLISH)
    first = project.run("apply", "-y", "--format", "json")
    sent = _publishes(project)
    assert len(sent) >= 2
    assert len({each["idempotency_key"] for each in sent}) == 1
    assert all(each["body"] == sent[0]["body"] for each in sent)
    assert _live(project) == 1
    if duplicate == "replay":
        assert first.code == 0
        _converged(project, 1)
    else:
        assert first.code == 4
        assert first.outcomes() == {"spring/teaser@brand": "unknown"}


def test_a_conflict_at_postqued_is_ended_by_a_person(project: Project) -> None:
    """Where a key answers with a conflict something was made that v1 cannot show: it stays unknown until adopted."""
    project.box.set_knobs(duplicate_key="conflict")
    project.calendar(video("teaser", ahead(days=3)))
    project.box.fault("reset_after", path=PUBLISH)
    project.apply(code=4)
    again = project.run("apply", "-y", "--format", "json", code=4)
    assert again.codes()["unknown"] == "error"
    assert _live(project) == 1
    [post] = project.posts()
    project.run("state", "adopt", "spring/teaser@brand", post["id"], code=0)
    _converged(project, 1)


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "answer", "answer_after"])
def test_a_lost_answer_of_tikflow(project: Project, kind: Any) -> None:
    """A TikFlow create without an understood answer is looked up in the list, never sent blindly again."""
    project.calendar(flow("loop", ahead(days=3)))
    project.box.fault(kind, path=CREATE, status=500)
    first = project.run("apply", "-y", "--format", "json")
    assert len(_creates(project)) == 1
    if kind in ("reset_after", "answer_after"):
        assert first.code == 0
        assert first.outcomes() == {"spring/loop@flow": "done"}
    else:
        assert first.code == 4
        assert first.outcomes() == {"spring/loop@flow": "unknown"}
        assert _live(project) == 0
        project.apply()
    _converged(project, 1)


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
@pytest.mark.parametrize("change", ["cancel", "reschedule"])
def test_a_lost_answer_of_a_change(project: Project, kind: Any, change: str) -> None:
    """A cancel or a reschedule whose answer is lost is repeated: it names the state to reach."""
    project.calendar(flow("loop", ahead(days=3), 0), flow("stays", ahead(days=4), 1))
    project.apply()
    project.box.fault(kind, method="PUT", path=SCHEDULE)
    later = ahead(days=5)
    left = [flow("loop", later, 0)] if change == "reschedule" else []
    project.calendar(*left, flow("stays", ahead(days=4), 1))
    done = project.apply()
    assert done.outcomes() == {"spring/loop@flow": "done"}
    _converged(project, 2 if change == "reschedule" else 1)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["cancel", "reschedule"])
def test_a_change_that_is_never_answered(project: Project, change: str) -> None:
    """A change of which nobody knows whether it was done is looked at; the next apply finds out or does it again."""
    project.calendar(flow("loop", ahead(days=3), 0), flow("stays", ahead(days=4), 1))
    project.apply()
    project.box.fault("answer", method="PUT", path=SCHEDULE, status=500, times=None)
    left = [flow("loop", ahead(days=5), 0)] if change == "reschedule" else []
    project.calendar(*left, flow("stays", ahead(days=4), 1))
    first = project.apply(code=4)
    assert first.outcomes() == {"spring/loop@flow": "unknown"}
    project.box.clear_faults()
    second = project.apply()
    assert second.outcomes() == {"spring/loop@flow": "done"}
    _converged(project, 2 if change == "reschedule" else 1)


@pytest.mark.parametrize("kind", ["delay", "reset_after", "answer_after"])
@pytest.mark.parametrize("service", ["postqued", "tikflow"])
def test_a_killed_apply(project: Project, service: str, kind: Any) -> None:
    """kill -9 during a create, whether the service carried it out or not: the next apply converges with one post."""
    posts = video("one", ahead(days=3)) if service == "postqued" else flow("one", ahead(days=3))
    project.calendar(posts)
    path = PUBLISH if service == "postqued" else CREATE
    if kind == "delay":
        # The request is carried out long after the process is gone.
        project.box.fault("delay", path=path, seconds=1.5)
    else:
        # The request is carried out, and the process dies while it waits to try again or to look.
        project.box.fault(kind, path=path, status=503)
        project.box.fault("delay", path=path, seconds=60)
        project.box.fault("delay", path="/api/v1/schedule/scheduled-videos", skip=1, seconds=60)
    running = project.start("apply", "-y")
    count: Callable[[], int] = lambda: len([each for each in project.writes() if each["path"] == path])  # noqa: E731
    if kind == "delay" or service == "tikflow":
        until(lambda: count() == 1)
        if kind != "delay":
            until(lambda: _live(project) == 1)
    else:
        until(lambda: count() == 2)
    assert running.kill() == -signal.SIGKILL
    if kind == "delay":
        until(lambda: _live(project) == 1)
    project.box.clear_faults()
    waiting = project.plan()
    assert waiting.json["summary"]["create"] == 0
    project.apply()
    _converged(project, 1)
    keys = {each["idempotency_key"] for each in _publishes(project)}
    assert len(keys) == (1 if service == "postqued" else 0)


@pytest.mark.parametrize("service", ["postqued", "tikflow"])
def test_killed_before_it_was_sent(project: Project, service: str) -> None:
    """kill -9 while a create is on its way and never arrives: the next apply makes the one post."""
    project.calendar(video("one", ahead(days=3)) if service == "postqued" else flow("one", ahead(days=3)))
    path = PUBLISH if service == "postqued" else CREATE
    # The service drops the request and lets nobody know.
    project.box.fault("reset_before", path=path, times=1)
    project.box.fault("delay", path=path, seconds=60)
    project.box.fault("delay", path="/api/v1/schedule/scheduled-videos", skip=1, seconds=60)
    running = project.start("apply", "-y")
    until(lambda: any(each["fault"] == "reset_before" for each in project.writes()))
    time.sleep(0.1)
    running.kill()
    assert _live(project) == 0
    project.box.clear_faults()
    project.apply()
    _converged(project, 1)


def test_killed_between_the_halves_of_a_replace(project: Project) -> None:
    """kill -9 between the cancel and the create of a replace: the next apply goes on with its create."""
    project.calendar(flow("loop", ahead(days=3), 0))
    project.apply()
    project.calendar(flow("loop", ahead(days=3), 1))
    assert project.plan().actions() == {"spring/loop@flow": "replace"}
    project.box.fault("delay", path=CREATE, seconds=60)
    running = project.start("apply", "-y")
    until(lambda: len(_creates(project)) == 2)
    running.kill()
    assert _live(project) == 0
    project.box.clear_faults()
    again = project.plan()
    assert again.actions() == {"spring/loop@flow": "create"}
    project.apply()
    [post] = project.posts("pending")
    assert post["media"] == [UPLOADS[1]]
    _converged(project, 1)


def test_too_many_requests(project: Project) -> None:
    """429 with Retry-After is waited for and the request sent again, a create without a key included."""
    project.calendar(video("teaser", ahead(days=3)), flow("loop", ahead(days=4)))
    for path in (PUBLISH, CREATE, "/v1/platform-accounts"):
        project.box.fault("answer", path=path, status=429, headers={"Retry-After": "1"})
    began = time.monotonic()
    project.apply()
    assert time.monotonic() - began > 1
    assert [each["status"] for each in _publishes(project)] == [429, 200]
    assert [each["status"] for each in _creates(project)] == [429, 201]
    _converged(project, 2)


def test_a_breakdown_of_postqued(project: Project) -> None:
    """A 5xx of a create with a key is tried again under it, and says nothing about whether it was made."""
    project.calendar(video("teaser", ahead(days=3)))
    project.box.fault("answer_after", path=PUBLISH, status=502, times=2)
    project.apply()
    assert len({each["idempotency_key"] for each in _publishes(project)}) == 1
    _converged(project, 1)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refused_key_stops_one_service(project: Project, status: int) -> None:
    """401, 402 and 403 stop that service's remaining actions and not the other's; the next apply does the rest."""
    posts = [video(f"p{n}", ahead(days=3 + n)) for n in range(8)]
    project.calendar(*posts, flow("loop", ahead(days=4)))
    # One at a time reaches the service first: four may be under way when the first refusal comes.
    project.box.fault(
        "answer", path=PUBLISH, status=status, body={"error": "no", "code": "FORBIDDEN"}, times=None
    )
    done = project.apply(code=4)
    outcomes = done.outcomes()
    assert outcomes.pop("spring/loop@flow") == "done"
    assert set(outcomes.values()) == {"failed", "skipped"}
    assert 1 <= list(outcomes.values()).count("failed") <= 4
    assert len(_publishes(project)) <= 4
    assert "unknown" not in done.codes()
    project.box.clear_faults()
    project.apply()
    _converged(project, 9)


@pytest.mark.parametrize("code", ["SCHEDULING_LIMIT_EXCEEDED", "FORBIDDEN"])
def test_a_full_plan_stops_creates_alone(project: Project, code: str) -> None:
    """A 403 for quota: the refused create failed with code quota, further creates are skipped, other changes are done."""
    project.calendar(flow("moves", ahead(days=3), 9))
    project.apply()
    posts = [flow(f"p{n}", ahead(days=4 + n), n) for n in range(8)]
    project.calendar(flow("moves", ahead(days=13), 9), *posts)
    body: Any = {"success": False, "error": {"code": code, "message": "Your plan is full"}}
    project.box.fault("answer", path=CREATE, status=403, body=body, times=None)
    done = project.apply(code=4)
    outcomes = done.outcomes()
    assert outcomes.pop("spring/moves@flow") == "done"
    assert set(outcomes.values()) == {"failed", "skipped"}
    failed = [each for each in done.json["actions"] if each["outcome"] == "failed"]
    assert {each["code"] for each in failed} == {"quota"}
    project.box.clear_faults()
    project.apply()
    _converged(project, 9)


def test_what_does_not_fit_is_deferred(project: Project) -> None:
    """Creates beyond the plan's places wait as deferred, the soonest first; a freed place serves the next apply."""
    project.box.set_knobs(tikflow_quota=2)
    posts = [flow(f"p{n}", ahead(days=3 + n), n) for n in range(4)]
    project.calendar(*reversed(posts))
    planned = project.plan("--detailed-exitcode", code=2)
    assert planned.json["summary"]["deferred"] == 2
    assert planned.actions() == {
        "spring/p0@flow": "create", "spring/p1@flow": "create",
        "spring/p2@flow": "deferred", "spring/p3@flow": "deferred",
    }  # fmt: skip
    assert planned.action("spring/p2@flow")["code"] == "quota"
    assert planned.codes()["deferred"] == "note"
    done = project.apply()
    assert done.outcomes()["spring/p2@flow"] == "skipped"
    project.calendar(*posts[1:])
    assert project.plan().actions() == {
        "spring/p0@flow": "cancel", "spring/p2@flow": "deferred", "spring/p3@flow": "deferred",
    }  # fmt: skip
    project.apply()
    assert project.apply().outcomes()["spring/p2@flow"] == "done"
    assert _live(project) == 2


def test_a_deferred_post_that_is_near_is_an_error(project: Project) -> None:
    """A post without a place within 48 hours of its time is an error, and apply exits 4."""
    project.configure(
        providers={"tikflow": {"quota": "1", "rate_limits": {"all": "6000"}}},
    )
    project.calendar(flow("a", ahead(hours=24), 0), flow("b", ahead(hours=40), 1))
    done = project.apply(code=4)
    assert done.codes()["deferred"] == "error"
    assert done.outcomes() == {"spring/a@flow": "done", "spring/b@flow": "skipped"}


def test_an_expired_upload_is_made_again(project: Project) -> None:
    """A content id that the service no longer knows is uploaded again, once, and the post is made."""
    project.calendar(video("one", ahead(days=3)))
    project.apply()
    project.calendar(video("one", ahead(days=3)), video("two", ahead(days=4)))
    project.box.fault(
        "answer", path=PUBLISH, status=404, body={"error": "There is no content", "code": "CONTENT_NOT_FOUND"}
    )
    project.apply()
    [upload] = project.box.uploads()
    assert upload["times"] == 2
    _converged(project, 2)


def test_a_failed_upload_fails_its_posts_alone(project: Project) -> None:
    """When an upload is refused its posts failed and nothing of them was sent; all else is done."""
    project.media("teaser.mp4", "launch.mp4")
    project.calendar(
        video("bad", ahead(days=3)),
        video("good", ahead(days=4), media="media/launch.mp4"),
        flow("loop", ahead(days=5)),
    )
    project.box.fault(
        "answer", path="/v1/content/upload", status=400, body={"error": "no", "code": "VALIDATION_ERROR"}
    )
    done = project.apply(code=4)
    outcomes = done.outcomes()
    assert outcomes.pop("spring/loop@flow") == "done"
    assert sorted(outcomes.values()) == ["done", "failed"]
    project.apply()
    _converged(project, 3)


def test_the_lost_upload_is_made_again(project: Project) -> None:
    """An upload makes no post, so that it is repeated however it broke."""
    project.calendar(video("one", ahead(days=3)))
    project.box.fault("reset_after", service="storage")
    project.box.fault("reset_after", path="/v1/content/upload/complete")
    project.box.fault("reset_before", path="/v1/content/upload")
    project.apply()
    _converged(project, 1)


def test_a_time_that_comes_too_close_meanwhile(project: Project) -> None:
    """A time is judged again right before its write: what became soon while apply ran is skipped, and exit 4."""
    at = ahead(minutes=10)
    lead = (moment(at) - datetime.now(UTC)).total_seconds() - 12
    project.configure(policy={"lead_time": f"{int(lead)}s"})
    project.calendar(video("soon", at), video("later", ahead(days=3)))
    project.box.fault("delay", path="/v1/content/upload", seconds=13)
    done = project.apply(code=4)
    assert done.outcomes() == {"spring/soon@brand": "skipped", "spring/later@brand": "done"}
    assert [each["caption"] for each in project.posts()] == ["The later"]
    assert "too-close" in project.plan().codes()


def test_times_are_never_missing_or_past(project: Project) -> None:
    """No request that makes or moves a post carries a null, missing or past time."""
    project.calendar(
        video("teaser", ahead(days=3)), flow("loop", ahead(days=4), 0), video("late", ahead(hours=-3))
    )
    project.apply(code=4)
    project.calendar(video("teaser", ahead(days=3)), flow("loop", ahead(days=5), 0))
    project.apply()
    times: list[str] = []
    for each in project.writes():
        body: Any = each["body"]
        if each["path"] == PUBLISH:
            times += [target["dispatchAt"] for target in body["targets"]]
        elif each["path"].startswith("/api/v1/schedule"):
            times.append(body["scheduledPublishTime"])
    assert len(times) == 3
    assert all(moment(each) > project.box.now() for each in times)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again(project: Project, seed: int) -> None:
    """Killed at any moment, any number of times: in the end every post is there once, moved once, cancelled once."""
    chance = random.Random(seed)
    project.configure(policy={"max_cancels": "100"})
    project.media("teaser.mp4", "launch.mp4", "look-1.jpg")
    files = ["media/teaser.mp4", "media/launch.mp4", "media/look-1.jpg"]
    made = [video(f"v{n}", ahead(days=3 + n), media=files[n % 3]) for n in range(4)]
    kept = [flow(f"f{n}", ahead(days=3 + n), n) for n in range(6)]
    project.calendar(*made, *kept)
    for _ in range(6):
        project.box.clear_faults()
        project.box.fault("delay", seconds=0.03, times=None)
        running = project.start("apply", "-y")
        time.sleep(chance.uniform(0.02, 0.4))
        running.kill()
    changed = [
        flow("f0", ahead(days=20), 0),
        flow("f1", ahead(days=4), 6),
        *({**each, "cancel": True} for each in kept[2:4]),
        *kept[4:],
    ]
    project.calendar(*made, *changed)
    for _ in range(6):
        running = project.start("apply", "-y")
        time.sleep(chance.uniform(0.02, 0.4))
        running.kill()
    project.box.clear_faults()
    project.apply()
    planned = project.plan("--detailed-exitcode").json
    assert planned["summary"]["unchanged"] == 8
    live = [each for each in project.posts() if each["status"] in ("scheduled", "pending")]
    assert len(live) == 8
    assert sorted(each["caption"] for each in live if each["service"] == "postqued") == [
        f"The v{n}" for n in range(4)
    ]
    assert {each["media"][0] for each in live if each["service"] == "tikflow"} == {
        UPLOADS[n] for n in (0, 4, 5, 6)
    }
