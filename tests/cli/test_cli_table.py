"""The decision table, row by row, at each service that can reach the row: the plan, and what apply does to the service.

Each case is named by its row. It arranges calendars and services with a project, and then the plan (as JSON) and
the truth at the services after apply are held against it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from outside import BRAND, FLOW, UPLOADS, Project, ahead, flow, moment, video

IN_3, IN_4, IN_5 = ahead(days=3), ahead(days=4), ahead(days=5)


@dataclass(frozen=True)
class Case:
    """One case: how it comes about, what the plan says, and what is true after apply.

    `action` and `code` of the address `spring/post@...`; `count`: where it is counted in the summary; `says`:
    severity by code of the diagnostics; `after`: (media or caption, status) of every post, in order.
    """

    row: str
    arrange: Callable[[Project], None]
    action: str | None = None
    code: str | None = None
    count: str | None = None
    says: Mapping[str, str] = field(default_factory=dict)
    after: tuple[tuple[str, str], ...] = ()
    exit: int = 0
    writes: int = 0
    drift: bool = False


def spelled(at: str) -> str:
    """A time of a case; `in 10 minutes` is counted from when the case runs, not from when it was collected."""
    return ahead(minutes=int(at.split()[1])) if at.startswith("in ") else at


def now(post: dict[str, Any]) -> dict[str, Any]:
    """A post with its time spelled out."""
    return post | {"at": spelled(post["at"])}


def pq(
    change: Callable[[Project, str], None] | None = None, *posts: dict[str, Any] | None
) -> Callable[[Project], None]:
    """At Postqued: apply one post, let something happen to it, then write other entries (None: the same)."""
    return _applied(video("post", IN_3), change, posts)


def tf(
    change: Callable[[Project, str], None] | None = None, *posts: dict[str, Any] | None
) -> Callable[[Project], None]:
    """At TikFlow, the same."""
    return _applied(flow("post", IN_3), change, posts)


def _applied(
    first: dict[str, Any],
    change: Callable[[Project, str], None] | None,
    posts: tuple[dict[str, Any] | None, ...],
) -> Callable[[Project], None]:
    def arrange(project: Project) -> None:
        # Another post of the calendar, so that no brake is met.
        stays = flow("stays", ahead(days=20), 9)
        project.calendar(now(first), stays)
        project.apply()
        if change is not None:
            [made] = [each for each in project.posts() if each["media"] != [UPLOADS[9]]]
            change(project, made["id"])
        if posts:
            project.calendar(*(now(each) for each in posts if each is not None), stays)

    return arrange


def fresh(
    *posts: dict[str, Any], before: Callable[[Project], Any] | None = None
) -> Callable[[Project], None]:
    """Nothing is recorded; something may be at the services."""

    def arrange(project: Project) -> None:
        if before is not None:
            before(project)
        project.calendar(*map(now, posts))

    return arrange


def by_hand(upload: int = 0, at: str = IN_3) -> Callable[[Project], Any]:
    """A person schedules an upload at TikFlow."""
    return lambda project: project.box.add_post("tikflow", FLOW, moment(at), media=[UPLOADS[upload]])


def stop(project: Project, post_id: str) -> None:
    project.box.stop_post(post_id)


def delete(project: Project, post_id: str) -> None:
    project.box.delete_post(post_id)


def fail(project: Project, post_id: str) -> None:
    project.box.fail_post(post_id, "spam_risk")


def publish(project: Project, _: str) -> None:
    project.box.advance(timedelta(days=3, hours=1))


def process(project: Project, _: str) -> None:
    project.box.set_knobs(processing_seconds=10 * 86400)
    publish(project, _)


def move(at: str) -> Callable[[Project, str], None]:
    return lambda project, post_id: project.box.edit_post(post_id, at=moment(spelled(at)))


def both(*changes: Callable[[Project, str], Any]) -> Callable[[Project, str], None]:
    def change(project: Project, post_id: str) -> None:
        for each in changes:
            each(project, post_id)

    return change


def policy(**changes: str) -> Callable[[Project, str], None]:
    return lambda project, _: project.configure(policy=changes)


def weird_postqued(project: Project, post_id: str) -> None:
    body: Any = {"id": post_id, "status": "weird", "targets": [{"platform": "tiktok", "status": "weird"}]}
    project.box.fault("answer", path=f"/v1/content/publish/{post_id}", status=200, body=body, times=None)


def weird_tikflow(project: Project, post_id: str) -> None:
    listed: list[Any] = [
        {
            "id": each["id"],
            "scheduledPublishTime": each["at"],
            "status": "weird" if each["id"] == post_id else "pending",
            "video": {"id": each["media"][0]},
            "tiktokAccount": {"id": FLOW},
        }
        for each in project.posts()
    ]
    body: Any = {"success": True, "data": listed}
    project.box.fault("answer", path="/api/v1/schedule/scheduled-videos", status=200, body=body, times=None)


U0, U1, STAYS = UPLOADS[0], UPLOADS[1], (UPLOADS[9], "pending")
POST = "The post"

CASES = [
    # Row 1
    Case("1 not understood, postqued", pq(weird_postqued, video("post", IN_4)), count="unchanged",
         says={"unknown": "error"}, after=((POST, "scheduled"), STAYS), exit=4),
    Case("1 not understood, tikflow", tf(weird_tikflow, flow("post", IN_4)), count="unchanged",
         says={"unknown": "error"}, after=((U0, "pending"), STAYS), exit=4),
    Case("1 not wanted, tikflow", tf(weird_tikflow, None), says={"unknown": "error"},
         after=((U0, "pending"), STAYS), exit=4),
    # Row 2
    Case("2 unmanaged", fresh(flow("post", IN_3), before=by_hand(1, IN_4)), action="create", writes=1,
         after=((U1, "pending"), (U0, "pending"))),
    # Row 3
    Case("3 removed, tikflow", tf(None, None), action="cancel", after=((U0, "cancelled"), STAYS), writes=1),
    Case("3 removed, postqued", pq(None, None), action="blocked", code="by-hand", says={"by-hand": "error"},
         after=((POST, "scheduled"), STAYS), exit=4),
    Case("3 cancel: true", tf(None, flow("post", IN_3, cancel=True)), action="cancel",
         after=((U0, "cancelled"), STAYS), writes=1),
    Case("3 however close", tf(move("in 5 minutes"), None), action="cancel",
         after=((U0, "cancelled"), STAYS), writes=1),
    # Row 4
    Case("4 in the works", pq(process, None), says={"locked": "warning"}, after=((POST, "processing"),)),
    # Row 5
    Case("5 published, tikflow", tf(publish, None), action="forget", after=((U0, "executed"), STAYS)),
    Case("5 published, postqued", pq(publish, None), action="forget", after=((POST, "published"), STAYS)),
    Case("5 failed, postqued", pq(fail, None), action="forget", after=((POST, "failed"), STAYS)),
    Case("5 stopped, tikflow", tf(stop, None), action="forget", after=((U0, "cancelled"), STAYS)),
    Case("5 stopped, postqued", pq(stop, None), action="forget", after=((POST, "canceled"), STAYS)),
    Case("5 missing, tikflow", tf(delete, None), action="forget", after=((U0, "deleted"), STAYS)),
    Case("5 missing, postqued", pq(delete, None), action="forget", after=((POST, "deleted"), STAYS)),
    Case("5 cancelled on purpose", tf(stop, flow("post", IN_3, cancel=True)), action="forget",
         after=((U0, "cancelled"), STAYS)),
    # Row 6
    Case("6 a twin", fresh(flow("post", IN_3), before=by_hand()), action="adopt", after=((U0, "pending"),)),
    Case("6 several twins", fresh(flow("post", IN_3), before=lambda p: (by_hand()(p), by_hand()(p))),
         action="blocked", code="ambiguous", says={"ambiguous": "error"},
         after=((U0, "pending"), (U0, "pending")), exit=4),
    Case("6 stopped, and a twin", tf(both(stop, lambda p, _: by_hand()(p))), action="adopt",
         after=((U0, "cancelled"), STAYS, (U0, "pending"))),
    Case("6 missing, and a twin", tf(both(delete, lambda p, _: by_hand()(p))), action="adopt",
         after=((U0, "deleted"), STAYS, (U0, "pending"))),
    # Row 7
    Case("7 missed, postqued", fresh(video("post", ahead(hours=-3))), count="past", says={"missed": "error"}, exit=4),
    Case("7 missed, tikflow", fresh(flow("post", ahead(hours=-3))), count="past", says={"missed": "error"}, exit=4),
    Case("7 for a day", fresh(flow("post", ahead(hours=-30))), count="past"),
    # Row 8
    Case("8 too close, postqued", fresh(video("post", "in 10 minutes")), says={"too-close": "warning"}),
    Case("8 too close, tikflow", fresh(flow("post", "in 10 minutes")), says={"too-close": "warning"}),
    # Row 9
    Case("9 another post in its minute", fresh(flow("post", IN_3), before=by_hand(1)), action="blocked",
         code="lookalike", says={"lookalike": "error"}, after=((U1, "pending"),), exit=4),
    Case("9 a new time that is taken", tf(both(stop, lambda p, _: by_hand(1, IN_4)(p)), flow("post", IN_4)),
         action="blocked", code="lookalike", says={"lookalike": "error"},
         after=((U0, "cancelled"), STAYS, (U1, "pending")), exit=4),
    # Row 10
    Case("10 new, postqued", fresh(video("post", IN_3)), action="create", after=((POST, "scheduled"),), writes=4),
    Case("10 new, tikflow", fresh(flow("post", IN_3)), action="create", after=((U0, "pending"),), writes=1),
    # Row 11
    Case("11 published, postqued", pq(publish), count="unchanged", after=((POST, "published"), STAYS)),
    Case("11 published, tikflow", tf(publish), count="unchanged", after=((U0, "executed"), STAYS)),
    Case("11 edited too late, postqued", pq(publish, video("post", IN_5)), count="unchanged",
         says={"locked": "warning"}, after=((POST, "published"), STAYS)),
    Case("11 edited too late, tikflow", tf(publish, flow("post", IN_5)), count="unchanged",
         says={"locked": "warning"}, after=((U0, "executed"), STAYS)),
    Case("11 in the works", pq(process, video("post", IN_3, caption="Other")), count="unchanged",
         says={"locked": "warning"}, after=((POST, "processing"),)),
    # Row 12
    Case("12 failed, a new time", pq(fail, video("post", IN_4)), action="create",
         after=((POST, "failed"), (POST, "scheduled"), STAYS), writes=1),
    Case("12 stopped, a new time, postqued", pq(stop, video("post", IN_4)), action="create",
         after=((POST, "canceled"), (POST, "scheduled"), STAYS), writes=1),
    Case("12 stopped, a new time, tikflow", tf(stop, flow("post", IN_4)), action="create",
         after=((U0, "cancelled"), STAYS, (U0, "pending")), writes=1),
    Case("12 missing, a new time", tf(delete, flow("post", IN_4)), action="create",
         after=((U0, "deleted"), STAYS, (U0, "pending")), writes=1),
    Case("12 stopped, restore-all", tf(both(stop, policy(drift="restore-all"))), action="create",
         says={"policy-changed": "warning"}, after=((U0, "cancelled"), STAYS, (U0, "pending")), writes=1),
    Case("12 missing, restore-all", tf(both(delete, policy(drift="restore-all"))), action="create",
         says={"policy-changed": "warning"}, after=((U0, "deleted"), STAYS, (U0, "pending")), writes=1),
    # Row 13
    Case("13 failed", pq(fail, video("post", IN_3, caption="Other")), action="blocked", code="failed",
         says={"failed": "error"}, after=((POST, "failed"), STAYS), exit=4),
    Case("13 stopped, tikflow", tf(stop), action="blocked", code="stopped", says={"stopped": "warning"},
         after=((U0, "cancelled"), STAYS)),
    Case("13 lost, tikflow", tf(delete), action="blocked", code="lost", says={"lost": "error"},
         after=((U0, "deleted"), STAYS), exit=4),
    Case("13 never failed ones", pq(both(fail, policy(drift="restore-all")), video("post", IN_3, caption="Other")),
         action="blocked", code="failed", says={"failed": "error", "policy-changed": "warning"},
         after=((POST, "failed"), STAYS), exit=4),
    # Row 14
    Case("14 as it should be, postqued", pq(), count="unchanged", after=((POST, "scheduled"), STAYS)),
    Case("14 as it should be, tikflow", tf(), count="unchanged", after=((U0, "pending"), STAYS)),
    Case("14 by hand, and so in git", tf(move(IN_4), flow("post", IN_4)), count="unchanged",
         after=((U0, "pending"), STAYS)),
    # Row 15
    Case("15 left", tf(both(move(IN_4), policy(drift="leave"))), count="unchanged",
         says={"drift": "warning", "policy-changed": "warning"}, after=((U0, "pending"), STAYS)),
    Case("15 until edited", tf(both(move(IN_4), policy(drift="leave")), flow("post", IN_5)), action="reschedule",
         drift=True, says={"drift": "warning", "policy-changed": "warning"},
         after=((U0, "pending"), STAYS), writes=1),
    # Row 16
    Case("16 too close, postqued", pq(None, video("post", "in 10 minutes")), count="unchanged",
         says={"too-close": "warning"}, after=((POST, "scheduled"), STAYS)),
    Case("16 too close, tikflow", tf(None, flow("post", "in 10 minutes")), count="unchanged",
         says={"too-close": "warning"}, after=((U0, "pending"), STAYS)),
    # Row 17
    Case("17 a new time", tf(None, flow("post", IN_4)), action="reschedule", after=((U0, "pending"), STAYS), writes=1),
    Case("17 drift", tf(move(IN_4)), action="reschedule", drift=True, says={"drift": "warning"},
         after=((U0, "pending"), STAYS), writes=1),
    Case("17 from a close time", tf(move("in 5 minutes"), flow("post", IN_3)), action="reschedule", drift=True,
         says={"drift": "warning"}, after=((U0, "pending"), STAYS), writes=1),
    # Row 19
    Case("19 other content", tf(None, flow("post", IN_3, 1)), action="replace",
         after=((U0, "cancelled"), STAYS, (U1, "pending")), writes=2),
    Case("19 other content and time", tf(None, flow("post", IN_4, 1)), action="replace",
         after=((U0, "cancelled"), STAYS, (U1, "pending")), writes=2),
    # Row 20
    Case("20 a new time", pq(None, video("post", IN_4)), action="blocked", code="by-hand", says={"by-hand": "error"},
         after=((POST, "scheduled"), STAYS), exit=4),
    Case("20 other words", pq(None, video("post", IN_3, caption="Other")), action="blocked", code="by-hand",
         says={"by-hand": "error"}, after=((POST, "scheduled"), STAYS), exit=4),
    # Names
    Case("move, previously", tf(None, flow("new", IN_3, previously="post")), action="move",
         after=((U0, "pending"), STAYS)),
    Case("move, equal specs", tf(None, flow("new", IN_3)), action="move", after=((U0, "pending"), STAYS)),
    Case("moved and changed", tf(None, flow("new", IN_4, previously="post")), action="reschedule",
         after=((U0, "pending"), STAYS), writes=1),
    Case("move, postqued", pq(None, video("new", IN_3, caption=POST, previously="spring/post")), action="move",
         after=((POST, "scheduled"), STAYS)),
    # Ties
    Case("tied to what cannot be cancelled", pq(None, video("new", IN_4)), action="blocked", code="by-hand",
         says={"by-hand": "error", "tied": "error"}, after=((POST, "scheduled"), STAYS), exit=4),
    Case("fixed upstream", tf(None, flow("post", IN_3, caption="Words of my own")), count="unchanged",
         says={"fixed-upstream": "warning"}, after=((U0, "pending"), STAYS)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.row)
def test_row(project: Project, case: Case) -> None:
    """The row decides as the table says, apply does it and nothing else, and the next apply has nothing more to do."""
    case.arrange(project)
    before = len(project.writes())
    planned = project.plan("--refresh", "full")
    found = [each for each in planned.json["actions"] if not each["address"].startswith("spring/stays")]
    ours = [each for each in found if each["address"].startswith("spring/post")] or found
    assert [each["action"] for each in ours] == ([case.action] if case.action else []), str(planned)
    if case.action:
        assert ours[0]["code"] == case.code
        assert ours[0]["drift"] == case.drift
    if case.count:
        assert planned.json["summary"][case.count] >= 1
    assert planned.codes() == dict(case.says), str(planned)
    done = project.apply(code=case.exit)
    assert len(project.writes()) - before == case.writes, str(done)
    truth = sorted(
        (each["media"][0] if each["service"] == "tikflow" else each["caption"], each["status"])
        for each in project.posts()
    )
    if "processing" in dict(truth).values():
        truth = [each for each in truth if each[0] != STAYS[0]]
    assert truth == sorted(case.after)
    project.box.clear_faults()
    settled = project.plan()
    left = {each for each in settled.actions().values() if each not in ("blocked", "deferred")}
    assert left == set() or case.says.get("unknown"), str(settled)


def test_unmanaged_posts_are_counted_and_left_alone(project: Project) -> None:
    """2: what nobody wants and nobody recorded is counted and never touched."""
    project.box.add_post("tikflow", FLOW, moment(IN_4), media=[UPLOADS[1]])
    project.calendar(flow("post", IN_3))
    assert project.plan().json["summary"]["unmanaged"] == 1
    project.apply()
    assert project.plan().json["summary"]["unmanaged"] == 1


def test_a_create_waits_for_the_cancel_it_is_tied_to(project: Project) -> None:
    """Tied: a create with the same media as a vanished post goes out after its cancel, and not where that failed."""
    project.calendar(flow("old", IN_3, 0), flow("stays", IN_5, 9))
    project.apply()
    project.calendar(flow("new", IN_4, 0), flow("stays", IN_5, 9))
    planned = project.plan()
    assert list(planned.actions().items()) == [("spring/old@flow", "cancel"), ("spring/new@flow", "create")]
    project.box.fault(
        "answer",
        method="PUT",
        path="/api/v1/schedule/*",
        status=400,
        body={"success": False, "error": {"code": "X"}},
    )
    done = project.apply(code=4)
    assert done.outcomes() == {"spring/old@flow": "failed", "spring/new@flow": "blocked"}
    assert len(project.posts("pending")) == 2
    project.apply()
    assert sorted(each["at"] or "" for each in project.posts("pending"))[0].startswith(IN_4[:16])


def test_an_account_left_is_another_address(project: Project) -> None:
    """An entry that leaves one account for another is cancelled there and created here, in that order."""
    project.settings["accounts"]["other"] = {
        "provider": "tikflow",
        "id": "123e4567-e89b-12d3-a456-426614174001",
    }
    project.configure()
    project.calendar(flow("post", IN_3, 0), flow("stays", IN_5, 9))
    project.apply()
    project.calendar(flow("post", IN_3, 0, accounts=["other"]), flow("stays", IN_5, 9))
    planned = project.plan()
    assert list(planned.actions().items()) == [
        ("spring/post@flow", "cancel"),
        ("spring/post@other", "create"),
    ]
    project.apply()
    assert {(each["account"], each["status"]) for each in project.posts()} >= {
        ("my_tiktok_handle", "cancelled"),
        ("my_other_handle", "pending"),
    }


def test_a_renamed_alias_moves_its_records(project: Project) -> None:
    """Where only the alias changed the records pass to it, without any write."""
    project.calendar(video("post", IN_3), video("more", IN_4))
    project.apply()
    before = project.wrote()
    project.settings["accounts"]["marke"] = project.settings["accounts"].pop("brand")
    project.configure()
    project.calendar(video("post", IN_3, accounts=["marke"]), video("more", IN_4, accounts=["marke"]))
    assert set(project.plan().actions().values()) == {"move"}
    project.apply()
    assert project.wrote() == before
    assert set(project.state()["posts"]) == {"spring/post@marke", "spring/more@marke"}


def test_a_renamed_calendar_moves_its_records(project: Project) -> None:
    """`previously:` on a calendar keeps the posts of a renamed calendar what they are."""
    project.calendar(video("post", IN_3), flow("loop", IN_4))
    project.apply()
    before = project.wrote()
    (project.root / "calendars/spring.yaml").unlink()
    project.calendar(video("post", IN_3), flow("loop", IN_4), name="summer", previously="spring")
    assert project.plan().actions() == {"summer/post@brand": "move", "summer/loop@flow": "move"}
    project.apply()
    assert project.wrote() == before


def test_the_filters_choose_among_finished_actions(project: Project) -> None:
    """--calendar and --account choose actions and change nothing else."""
    project.calendar(video("a", IN_3), flow("b", IN_4, 0))
    project.calendar(flow("c", IN_5, 1), name="summer")
    assert set(project.plan("--account", "flow").actions()) == {"spring/b@flow", "summer/c@flow"}
    assert set(project.plan("--calendar", "summer").actions()) == {"summer/c@flow"}
    assert set(project.plan("--calendar", "spring", "--account", "flow").actions()) == {"spring/b@flow"}
    assert set(project.plan("--calendar", "spring", "--calendar", "summer").actions()) == set(
        project.plan().actions()
    )
    project.apply("--account", "flow", "--calendar", "summer")
    assert [each["media"] for each in project.posts()] == [[UPLOADS[1]]]


def test_the_wrong_key_guard(project: Project) -> None:
    """More than half of an account's posts missing at once is a wrong key: plan shows it, both exit 1, nothing is made."""
    project.calendar(*(flow(f"p{n}", ahead(days=3 + n), n) for n in range(5)))
    project.apply()
    before = project.wrote()
    for each in project.posts()[:3]:
        project.box.delete_post(each["id"])
    planned = project.plan(code=1)
    assert planned.codes()["wrong-key"] == "error"
    project.apply(code=1)
    assert project.wrote() == before


def test_a_workspace_that_is_not_there_is_not_guessed(project: Project) -> None:
    """An account that the service does not have is an error of the project file, named with what there is."""
    project.settings["accounts"]["brand"] = {"provider": "postqued", "username": "@brnad"}
    project.configure()
    project.calendar(video("post", IN_3))
    result = project.run("plan")
    assert result.code in (1, 3)
    assert "@brnad" in result.err
    assert project.writes() == []


def test_ids_name_accounts_too(project: Project) -> None:
    """An account may be named by its id, and one post goes to every account that is listed."""
    project.calendar(
        video(
            "post", IN_3, accounts=["brand", "second"], overrides={"second": {"at": IN_4, "caption": "Short"}}
        )
    )
    project.apply()
    assert {(each["account_id"] == BRAND, each["caption"]) for each in project.posts()} == {
        (True, POST),
        (False, "Short"),
    }
