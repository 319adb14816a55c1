"""The main job from outside: plan, apply, apply again, and what reached the services."""

from __future__ import annotations

from typing import Any

import pytest
from outside import Project, ahead, flow, moment, video


def test_a_second_apply_writes_nothing(project: Project) -> None:
    """An applied calendar is applied: the next apply, in a process of its own, sends no write.

    Neither leaves anything open, or has anything to complain of while the interpreter clears up.
    """
    strict = {"PYTHONDEVMODE": "1"}
    project.calendar(video("teaser", ahead(days=3)), flow("loop", ahead(days=4)))
    first_run = project.run("apply", "-y", cold=True, env=strict, code=0)
    first = project.wrote()
    assert first.count("POST /v1/content/publish") == 1
    assert first.count("POST /api/v1/schedule/create") == 1
    again = project.run("apply", "-y", cold=True, env=strict, code=0)
    for result in (first_run, again):
        assert "Warning" not in result.err, str(result)
        assert "ignored in" not in result.err, str(result)
    assert project.wrote() == first
    assert "Nothing to do" in again.out


def test_no_look_ever_writes(project: Project) -> None:
    """plan in all its forms, status, accounts, validate and the looks at the state send no write and no lock."""
    project.calendar(video("teaser", ahead(days=3)), flow("loop", ahead(days=4)))
    for argv in (
        ["plan"],
        ["plan", "--format", "json"],
        ["plan", "--format", "markdown"],
        ["plan", "--refresh", "full"],
        ["plan", "--refresh", "off"],
        ["validate"],
        ["status"],
        ["accounts"],
    ):
        project.run(*argv, code=0)
    assert project.writes() == []
    assert not (project.root / ".calsync/state.json").exists()
    project.apply()
    before = {path: path.read_bytes() for path in project.files() if "cache" not in path.parts}
    for argv in (["plan"], ["status"], ["state", "list"], ["state", "show", "spring/teaser@brand"]):
        project.run(*argv, code=0)
    assert {path: path.read_bytes() for path in project.files() if "cache" not in path.parts} == before


def test_a_shared_file_goes_up_once(project: Project) -> None:
    """Posts that use one file share its one upload, in one run and in later ones."""
    project.media("teaser.mp4", "look-1.jpg", "look-2.jpg")
    project.calendar(
        video("one", ahead(days=3)),
        video("two", ahead(days=4), accounts=["brand", "second"]),
        video("three", ahead(days=5), media=["media/look-1.jpg", "media/look-2.jpg"]),
        video("four", ahead(days=6), media=["media/look-2.jpg", "media/look-1.jpg"]),
    )
    plan = project.plan().json
    assert [use["upload"] for each in plan["actions"] for use in each["media"]].count(True) == 3
    project.apply()
    assert [each["times"] for each in project.box.uploads()] == [1, 1, 1]
    assert len(project.posts("scheduled")) == 5
    project.calendar(video("five", ahead(days=7)), name="summer")
    project.apply()
    assert [each["times"] for each in project.box.uploads()] == [1, 1, 1]
    assert len(project.posts("scheduled")) == 6
    by_caption = {each["caption"]: each for each in project.posts()}
    assert by_caption["The three"]["sha256"] == by_caption["The four"]["sha256"][::-1]


def test_what_arrives_is_what_was_written(project: Project) -> None:
    """Time, caption, account, intent, options and media reach Postqued as the calendar has them."""
    project.configure(timezone="America/New_York")
    project.calendar(
        {
            "id": "teaser",
            "at": "2031-07-04 18:30",
            "accounts": ["second"],
            "media": "media/teaser.mp4",
            "caption": "Köln & <b>friends</b> 🎆\n#launch @you\n",
            "intent": "draft",
            "options": {
                "disable_duet": True,
                "videoCoverTimestampMs": 1000,
                "privacy_level": "FOLLOWER_OF_CREATOR",
            },
        }
    )
    project.apply()
    [post] = project.posts()
    assert post["at"] == "2031-07-04T22:30:00.000Z"
    assert post["caption"].rstrip() == "Köln & <b>friends</b> 🎆\n#launch @you"
    assert (post["account"], post["intent"], post["status"]) == ("@second", "draft", "scheduled")
    assert post["options"] == {
        "disableDuet": True,
        "videoCoverTimestampMs": 1000,
        "privacyLevel": "FOLLOWER_OF_CREATOR",
    }
    assert len(post["sha256"]) == 1


def test_a_move_and_a_cancel_reach_tikflow(project: Project) -> None:
    """At TikFlow a new time moves the same schedule, and an entry that is gone is cancelled."""
    project.calendar(flow("a", ahead(days=3), 0), flow("b", ahead(days=4), 1), flow("c", ahead(days=5), 2))
    project.apply()
    ids = {each["media"][0]: each["id"] for each in project.posts()}
    later = ahead(days=6)
    project.calendar(flow("a", later, 0), flow("c", ahead(days=5), 2))
    planned = project.plan("--detailed-exitcode", code=2)
    assert planned.actions() == {"spring/b@flow": "cancel", "spring/a@flow": "reschedule"}
    done = project.apply()
    assert set(done.outcomes().values()) == {"done"}
    after = {each["media"][0]: each for each in project.posts()}
    assert {upload: each["id"] for upload, each in after.items()} == ids
    assert [each["status"] for _, each in sorted(after.items())] == ["pending", "cancelled", "pending"]
    moved = min(after.items())[1]
    assert moved["at"] is not None
    assert moment(moved["at"]) == moment(later)
    assert project.plan("--detailed-exitcode").json["summary"]["unchanged"] == 2


@pytest.mark.parametrize("change", [{"at": ahead(days=9)}, {"caption": "Other words"}, None])
def test_postqued_v1_is_changed_by_hand(project: Project, change: dict[str, Any] | None) -> None:
    """Postqued v1 can neither move, change nor cancel: the action is blocked, says whose turn it is, and exits 4."""
    project.calendar(video("teaser", ahead(days=3)), video("stays", ahead(days=4)))
    project.apply()
    before = project.wrote()
    left = [] if change is None else [video("teaser", ahead(days=3)) | change]
    project.calendar(*left, video("stays", ahead(days=4)))
    planned = project.plan("--detailed-exitcode", code=2).action("spring/teaser@brand")
    assert (planned["action"], planned["code"]) == ("blocked", "by-hand")
    done = project.apply(code=4)
    assert done.outcomes() == {"spring/teaser@brand": "blocked"}
    assert done.codes()["by-hand"] == "error"
    assert project.wrote() == before
    assert any("dashboard" in (each["hint"] or "") for each in done.json["diagnostics"])


def test_a_thousand_posts(project: Project) -> None:
    """1,000 posts with one change of each kind among them are planned, by reading alone."""
    project.configure(policy={"max_cancels": "20%"})
    posts = [video(f"p{n}", ahead(days=3 + n // 50, minutes=20 * (n % 50))) for n in range(1000)]
    project.calendar(*posts)
    planned = project.plan("--detailed-exitcode", code=2)
    assert planned.json["summary"]["create"] == 1000
    assert [use["upload"] for each in planned.json["actions"] for use in each["media"]].count(True) == 1
    assert project.writes() == []


@pytest.mark.slow
def test_a_thousand_posts_applied_and_changed(project: Project) -> None:
    """A mix of changes among 1,000 applied posts is found, and only that."""
    project.box.set_knobs(tikflow_quota=2000)
    uploads = [project.box.seed_upload() for _ in range(1000)]
    times = [ahead(days=3 + n // 50, minutes=20 * (n % 50)) for n in range(1000)]
    posts = [flow(f"p{n}", times[n], media={"id": uploads[n]}) for n in range(1000)]
    project.calendar(*posts)
    project.apply()
    assert len(project.posts("pending")) == 1000
    mixed = posts[5:]
    mixed[0] = {**mixed[0], "at": ahead(days=40)}
    mixed[1] = {**mixed[1], "cancel": True}
    mixed[2] = {**mixed[2], "id": "renamed", "previously": mixed[2]["id"]}
    fresh = project.box.seed_upload()
    project.calendar(*mixed, flow("new", ahead(days=41), media={"id": fresh}))
    summary = project.plan("--detailed-exitcode", code=2).json["summary"]
    assert {name: number for name, number in summary.items() if number} == {
        "create": 1, "reschedule": 1, "cancel": 6, "move": 1, "unchanged": 992,
    }  # fmt: skip
