"""Threads from outside: planned, applied and recorded where a service has them, refused where it has none."""

from __future__ import annotations

import pytest
from outside import Project, ahead, flow, video

THREAD = ["First reply", {"text": "With a picture", "media": "media/look-1.jpg"}]


def test_a_thread_is_planned_applied_and_recorded(project: Project) -> None:
    """Its texts and files stand in the plan, its files go up once, and the state holds it, main media first."""
    project.media("teaser.mp4", "look-1.jpg")
    project.configure(accounts={"brand": {"provider": "memory", "username": "@first"}})
    again = {"text": "Once more", "media": ["media/look-1.jpg"]}
    project.calendar(video("teaser", ahead(days=3), thread=[*THREAD, again]))
    [action] = project.plan().json["actions"]
    said = {each["path"]: each["after"] for each in action["changes"] if each["path"].startswith("thread")}
    assert list(said) == [
        "thread.0.text",
        "thread.1.text",
        "thread.1.media",
        "thread.2.text",
        "thread.2.media",
    ]
    assert (said["thread.0.text"], said["thread.1.media"]) == ("First reply", said["thread.2.media"])
    assert [each.get("reply") for each in action["media"]] == [None, 1, 2]
    assert "reply 2  With a picture" in project.run("plan").out
    project.run("plan", "--out", "plan.json", code=0)
    project.run("apply", "plan.json", "-y", code=0)
    [record] = project.state()["posts"].values()
    assert [each["text"] for each in record["content"]["thread"]] == [
        "First reply",
        "With a picture",
        "Once more",
    ]
    main, one, other = record["assets"]
    assert one == other != main


@pytest.mark.parametrize("service", ["postqued", "tikflow"])
def test_a_service_without_threads_refuses_one(project: Project, service: str) -> None:
    """In validate and in plan, at the thread's line and column, before anything is asked or sent."""
    post = video if service == "postqued" else flow
    project.calendar(post("teaser", ahead(days=3), thread=["First reply"]))
    lines = (project.root / "calendars/spring.yaml").read_text().splitlines()
    line = next(number for number, each in enumerate(lines, 1) if each.strip() == "thread:") + 1
    for command in ("validate", "plan"):
        result = project.run(command, code=3)
        said = result.out + result.err
        assert f"calendars/spring.yaml:{line}:3: error[no-thread]: " in said
        assert "has no threads" in said
    assert project.box.requests() == []


def test_a_key_in_a_reply_is_refused(project: Project) -> None:
    """A key file may lie where a calendar can reach it."""
    key = project.env["POSTQUED_API_KEY"]
    project.configure(accounts={"brand": {"provider": "memory", "username": "@first"}})
    project.calendar(video("teaser", ahead(days=3), thread=["First", f"see {key}"]))
    lines = (project.root / "calendars/spring.yaml").read_text().splitlines()
    line = next(number for number, each in enumerate(lines, 1) if key in each)
    result = project.run("plan", code=3)
    assert f"calendars/spring.yaml:{line}:5: error[secret]" in result.out + result.err
