"""Postqued v2 from outside: every row of the decision table that it can reach, and what is its own.

It lists, moves and cancels, and changes nothing in place: row 18 is never reached, nor is row 20.
"""

from __future__ import annotations

from typing import Any

import pytest
from cli import test_cli_table as table
from cli.test_cli_table import (
    IN_3,
    IN_4,
    IN_5,
    POST,
    STAYS,
    Case,
    both,
    delete,
    fail,
    fresh,
    move,
    policy,
    pq,
    process,
    publish,
    stop,
)
from outside import BRAND, SECOND, Project, ahead, moment, video


@pytest.fixture
def v2(project: Project) -> Project:
    """A project whose Postqued answers to v2."""
    project.box.set_knobs(ping=200)
    return project


def weird(project: Project, post_id: str) -> None:
    [target] = [each["target_id"] for each in project.posts() if each["id"] == post_id]
    body: Any = {"id": post_id, "targets": [{"id": target, "accountId": BRAND, "status": "weird"}]}
    project.box.fault("answer", method="GET", path="/v2/publish", status=200, body=[body], times=None)


def by_hand(at: str = IN_3, caption: str = POST) -> Any:
    """A person schedules a post in Postqued's dashboard."""
    return lambda project, *_: project.box.add_post("postqued", BRAND, moment(at), caption=caption)


def edited(project: Project, post_id: str) -> None:
    project.box.edit_post(post_id, caption="By hand")


OTHER = video("post", IN_3, caption="Other")

CASES = [
    Case("1 not understood", pq(weird, video("post", IN_4)), count="unchanged", says={"unknown": "error"},
         after=((POST, "scheduled"), STAYS), exit=4),
    Case("2 unmanaged", fresh(video("post", IN_3), before=by_hand(IN_4, "Theirs")), action="create", writes=4,
         after=(("Theirs", "scheduled"), (POST, "scheduled"))),
    Case("3 removed", pq(None, None), action="cancel", after=((POST, "canceled"), STAYS), writes=1),
    Case("3 cancel: true", pq(None, video("post", IN_3, cancel=True)), action="cancel",
         after=((POST, "canceled"), STAYS), writes=1),
    Case("3 however close", pq(move("in 5 minutes"), None), action="cancel",
         after=((POST, "canceled"), STAYS), writes=1),
    Case("4 in the works", pq(process, None), says={"locked": "warning"}, after=((POST, "processing"),)),
    Case("5 published", pq(publish, None), action="forget", after=((POST, "published"), STAYS)),
    Case("5 failed", pq(fail, None), action="forget", after=((POST, "failed"), STAYS)),
    Case("5 stopped", pq(stop, None), action="forget", after=((POST, "canceled"), STAYS)),
    Case("5 missing", pq(delete, None), action="forget", after=((POST, "deleted"), STAYS)),
    Case("6 a twin", fresh(video("post", IN_3), before=by_hand()), action="adopt", after=((POST, "scheduled"),)),
    Case("6 several twins", fresh(video("post", IN_3), before=lambda p: (by_hand()(p), by_hand()(p))),
         action="blocked", code="ambiguous", says={"ambiguous": "error"},
         after=((POST, "scheduled"), (POST, "scheduled")), exit=4),
    Case("7 missed", fresh(video("post", ahead(hours=-3))), count="past", says={"missed": "error"}, exit=4),
    Case("8 too close", fresh(video("post", "in 10 minutes")), says={"too-close": "warning"}),
    Case("9 another post in its minute", fresh(video("post", IN_3), before=by_hand(caption="Theirs")),
         action="blocked", code="lookalike", says={"lookalike": "error"}, after=(("Theirs", "scheduled"),), exit=4),
    Case("9 a new time that is taken", pq(both(stop, by_hand(IN_4, "Theirs")), video("post", IN_4)),
         action="blocked", code="lookalike", says={"lookalike": "error"},
         after=((POST, "canceled"), ("Theirs", "scheduled"), STAYS), exit=4),
    Case("10 new", fresh(video("post", IN_3)), action="create", after=((POST, "scheduled"),), writes=4),
    Case("11 published", pq(publish), count="unchanged", after=((POST, "published"), STAYS)),
    Case("11 edited too late", pq(publish, video("post", IN_5)), count="unchanged", says={"locked": "warning"},
         after=((POST, "published"), STAYS)),
    Case("11 in the works", pq(process, OTHER), count="unchanged", says={"locked": "warning"},
         after=((POST, "processing"),)),
    Case("12 failed, a new time", pq(fail, video("post", IN_4)), action="create",
         after=((POST, "failed"), (POST, "scheduled"), STAYS), writes=1),
    Case("12 stopped, a new time", pq(stop, video("post", IN_4)), action="create",
         after=((POST, "canceled"), (POST, "scheduled"), STAYS), writes=1),
    Case("12 missing, a new time", pq(delete, video("post", IN_4)), action="create",
         after=((POST, "deleted"), (POST, "scheduled"), STAYS), writes=1),
    Case("12 stopped, restore-all", pq(both(stop, policy(drift="restore-all"))), action="create",
         says={"policy-changed": "warning"}, after=((POST, "canceled"), (POST, "scheduled"), STAYS), writes=1),
    Case("13 failed", pq(fail, OTHER), action="blocked", code="failed", says={"failed": "error"},
         after=((POST, "failed"), STAYS), exit=4),
    Case("13 stopped", pq(stop), action="blocked", code="stopped", says={"stopped": "warning"},
         after=((POST, "canceled"), STAYS)),
    Case("13 lost", pq(delete), action="blocked", code="lost", says={"lost": "error"},
         after=((POST, "deleted"), STAYS), exit=4),
    Case("14 as it should be", pq(), count="unchanged", after=((POST, "scheduled"), STAYS)),
    Case("14 by hand, and so in git", pq(move(IN_4), video("post", IN_4)), count="unchanged",
         after=((POST, "scheduled"), STAYS)),
    Case("15 left", pq(both(move(IN_4), policy(drift="leave"))), count="unchanged",
         says={"drift": "warning", "policy-changed": "warning"}, after=((POST, "scheduled"), STAYS)),
    Case("16 too close", pq(None, video("post", "in 10 minutes")), count="unchanged",
         says={"too-close": "warning"}, after=((POST, "scheduled"), STAYS)),
    Case("17 a new time", pq(None, video("post", IN_4)), action="reschedule",
         after=((POST, "scheduled"), STAYS), writes=1),
    Case("17 drift", pq(move(IN_4)), action="reschedule", drift=True, says={"drift": "warning"},
         after=((POST, "scheduled"), STAYS), writes=1),
    Case("17 from a close time", pq(move("in 5 minutes"), video("post", IN_3)), action="reschedule", drift=True,
         says={"drift": "warning"}, after=((POST, "scheduled"), STAYS), writes=1),
    Case("19 other words", pq(None, OTHER), action="replace",
         after=((POST, "canceled"), ("Other", "scheduled"), STAYS), writes=2),
    Case("19 other words and time", pq(None, OTHER | {"at": IN_4}), action="replace",
         after=((POST, "canceled"), ("Other", "scheduled"), STAYS), writes=2),
    Case("19 drift", pq(edited), action="replace", drift=True, says={"drift": "warning"},
         after=(("By hand", "canceled"), (POST, "scheduled"), STAYS), writes=2),
    Case("move", pq(None, video("new", IN_3, caption=POST, previously="spring/post")), action="move",
         after=((POST, "scheduled"), STAYS)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.row)
def test_row(v2: Project, case: Case) -> None:
    """As at any other service."""
    table.test_row(v2, case)


def test_the_whole_life_of_posts(v2: Project) -> None:
    """Made on two accounts with one upload; moved, changed, cancelled, stopped, adopted, renamed, published."""
    teaser, stays = video("teaser", IN_3, accounts=["brand", "second"]), video("stays", ahead(days=9))
    v2.calendar(teaser, video("gone", IN_4), stays)
    assert set(v2.apply().outcomes().values()) == {"done"}
    assert [each["times"] for each in v2.box.uploads()] == [1]
    assert {each["account_id"] for each in v2.posts("scheduled")} == {BRAND, SECOND}
    assert v2.plan("--detailed-exitcode", code=0).json["summary"]["unchanged"] == 4
    ids = {each["target_id"] for each in v2.posts()}

    v2.calendar(teaser | {"at": IN_5}, stays)
    assert v2.plan().actions() == {
        "spring/gone@brand": "cancel",
        "spring/teaser@brand": "reschedule",
        "spring/teaser@second": "reschedule",
    }
    before = len(v2.wrote())
    v2.apply()
    assert sorted(each.split(" ")[0] for each in v2.wrote()[before:]) == ["PATCH", "PATCH", "POST"]
    assert {each["target_id"] for each in v2.posts()} == ids

    v2.calendar(teaser | {"at": IN_5, "caption": "New words"}, stays)
    before = len(v2.box.requests())
    v2.apply()
    sent = [each for each in v2.box.requests()[before:] if each["method"] != "GET"]
    tried = [isinstance(each["body"], dict) and each["body"].get("dryRun") is True for each in sent]
    assert tried == [True, False, False] * 2
    assert [each["path"].endswith("/cancel") for each in sent] == [False, True, False] * 2
    assert [each["times"] for each in v2.box.uploads()] == [1]
    assert sorted(each["caption"] for each in v2.posts("scheduled")) == [
        "New words",
        "New words",
        "The stays",
    ]

    shown = v2.posts("scheduled")[0]["media"]
    v2.box.add_post("postqued", SECOND, moment(IN_4), caption="The found", media=shown)
    v2.calendar(
        video("renamed", IN_5, accounts=["brand", "second"], caption="New words", previously="teaser"),
        video("found", IN_4, accounts=["second"]),
        stays,
    )
    assert v2.plan().actions() == {
        "spring/found@second": "adopt",
        "spring/renamed@brand": "move",
        "spring/renamed@second": "move",
    }
    before = len(v2.wrote())
    v2.apply()
    assert v2.wrote()[before:] == []

    v2.box.advance(moment(IN_5) - v2.box.now() + (moment(IN_5) - moment(IN_4)))
    published = v2.run("status", "--format", "json", code=0).json["posts"]
    assert {each["address"]: each["status"] for each in published} == {
        "spring/renamed@brand": "published",
        "spring/renamed@second": "published",
        "spring/found@second": "published",
        "spring/stays@brand": "scheduled",
    }
    assert all(each["times_published"] <= 1 for each in v2.posts())


@pytest.mark.parametrize("how", ["refuse", "report"])
def test_a_refused_dry_run_leaves_the_old_post(v2: Project, how: Any) -> None:
    """Where the new post would not be taken, the old one is not given up."""
    v2.box.set_knobs(v2_dry_run=how)
    v2.calendar(video("post", IN_3), video("stays", IN_5))
    v2.apply()
    v2.calendar(OTHER, video("stays", IN_5))
    planned = v2.plan()
    assert planned.action("spring/post@brand")["action"] == "replace"
    refusal: Any = {"error": "The caption is not allowed", "code": "CAPTION_REFUSED"}
    body: Any = (
        refusal
        if how == "refuse"
        else {"dryRun": True, "valid": False, "errors": [{"message": refusal["error"]}]}
    )
    v2.box.fault(
        "answer", method="POST", path="/v2/publish", status=400 if how == "refuse" else 200, body=body
    )
    done = v2.apply(code=4)
    assert done.outcomes() == {"spring/post@brand": "failed"}
    assert "caption is not allowed" in str(done.action("spring/post@brand")["error"])
    assert sorted(each["caption"] for each in v2.posts("scheduled")) == [POST, "The stays"]
    v2.apply()
    assert sorted(each["caption"] for each in v2.posts("scheduled")) == ["Other", "The stays"]


def test_expired_content_is_uploaded_again_before_a_replace(v2: Project) -> None:
    """A replace does not fail because the service has forgotten the file."""
    v2.calendar(video("post", IN_3), video("stays", IN_5))
    v2.apply()
    v2.calendar(OTHER, video("stays", IN_5))
    body: Any = {"error": "There is no such content", "code": "CONTENT_NOT_FOUND"}
    v2.box.fault("answer", method="POST", path="/v2/publish", status=404, body=body)
    assert v2.apply().outcomes() == {"spring/post@brand": "done"}
    assert [each["times"] for each in v2.box.uploads()] == [2]


def test_what_v1_made_is_taken_over(project: Project) -> None:
    """Unchanged, moved and cancelled by v2 once it is there; v1 does not touch it any more then."""
    posts = [video("moves", IN_3), video("goes", IN_4), video("stays", IN_5), video("changes", ahead(days=6))]
    project.calendar(*posts)
    project.apply()
    project.box.set_knobs(ping=200, v1_retired=True)
    assert project.plan("--detailed-exitcode", code=0).json["summary"]["unchanged"] == 4
    moved = [posts[0] | {"at": ahead(days=8)}, posts[2], posts[3] | {"caption": "Changed"}]
    project.calendar(*moved)
    assert project.plan().actions() == {
        "spring/goes@brand": "cancel",
        "spring/moves@brand": "reschedule",
        "spring/changes@brand": "replace",
    }
    project.apply()
    assert sorted((each["caption"], each["status"]) for each in project.posts()) == [
        ("Changed", "scheduled"),
        ("The changes", "canceled"),
        ("The goes", "canceled"),
        ("The moves", "scheduled"),
        ("The stays", "scheduled"),
    ]
    assert {each["api"] for each in project.state()["posts"].values()} == {"v2"}
    assert project.plan("--detailed-exitcode", code=0).json["summary"]["unchanged"] == 3
    project.box.set_knobs(ping=404, v1_retired=False)
    project.calendar(*moved[1:])
    planned = project.plan()
    assert planned.actions() == {}
    assert planned.codes() == {"unknown": "error"}


def test_several_workspaces_stop_the_run_until_one_is_named(v2: Project) -> None:
    """Nothing is sent anywhere by guess."""
    other = v2.box.seed_workspace("Second")
    main = next(
        each for each in v2.run("accounts", "--format", "json", code=0).json["accounts"] if each["alias"]
    )
    v2.calendar(video("post", IN_3))
    stopped = v2.plan(code=1).json["error"]
    assert stopped["code"] == "workspace"
    assert other in stopped["message"]
    assert main["workspace"] in stopped["message"]
    v2.settings["providers"]["postqued"]["workspace"] = main["workspace"]
    v2.configure()
    v2.apply()
    assert len(v2.posts("scheduled")) == 1


def test_creator_info_is_asked_once_and_tightens_the_checks(v2: Project) -> None:
    """A privacy level that TikTok does not offer is an error at its line; what is switched off, a warning."""
    options = {"privacy_level": "PUBLIC_TO_EVERYONE", "disable_duet": False}
    v2.calendar(video("a", IN_3, options=options), video("b", IN_4, options={**options}))
    v2.box.set_creator(BRAND, privacy_levels=["SELF_ONLY"], disabled=["duet"])
    refused = v2.plan(code=3)
    codes = [(each["severity"], each["code"], each["line"] > 0) for each in refused.json["diagnostics"]]
    assert codes.count(("error", "privacy-not-offered", True)) == 2
    assert codes.count(("warning", "interaction-disabled", True)) == 2
    asked = [each for each in v2.box.requests() if each["path"].endswith("creator-info")]
    assert len(asked) == 1
    v2.box.set_creator(BRAND, privacy_levels=["PUBLIC_TO_EVERYONE"], longest_seconds=1)
    assert v2.plan(code=3).codes()["creator-duration"] == "error"
    v2.box.set_knobs(v2_creator_info="opaque")
    assert v2.plan().codes() == {"creator-info": "note"}
    v2.box.set_knobs(v2_creator_info="camel")
    v2.box.set_creator(BRAND, privacy_levels=["PUBLIC_TO_EVERYONE"], longest_seconds=600)
    v2.apply()
    # What stands already is left alone, whatever is allowed by now.
    v2.box.set_creator(BRAND, privacy_levels=["SELF_ONLY"])
    assert v2.plan("--detailed-exitcode", code=0).codes() == {}


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["reset_before", "answer_after"])
@pytest.mark.parametrize("step", ["create", "move", "replace", "cancel"])
def test_lost_answers_leave_one_post(v2: Project, step: str, trouble: Any) -> None:
    """Whatever is lost on the way, for however long: the next apply ends with what the calendar says, once."""
    stays = video("stays", IN_5)
    v2.calendar(stays, *([] if step == "create" else [video("post", IN_3)]))
    v2.apply()
    wanted = {
        "create": [video("post", IN_3)],
        "move": [video("post", IN_4)],
        "replace": [OTHER],
        "cancel": [],
    }[step]
    v2.calendar(stays, *wanted)
    paths = {"create": "/v2/publish", "move": "/v2/publish/target/*", "cancel": "/v2/publish/target/*/cancel"}
    # A replace is broken in its create: its dry run passes, and the cancel before it.
    skip = 1 if step == "replace" else 0
    path = paths.get(step, "/v2/publish")
    method = "PATCH" if step == "move" else "POST"
    v2.box.fault(trouble, method=method, path=path, skip=skip, times=None, status=503)
    # What did happen shows by reading, in the same run; what did not is not known to.
    happened = trouble != "reset_before"
    assert set(v2.apply(code=0 if happened else 4).outcomes().values()) == {"done" if happened else "unknown"}
    v2.box.clear_faults()
    v2.apply()
    live = sorted((each["caption"], (each["at"] or "")[:16]) for each in v2.posts("scheduled"))
    said = sorted((each["caption"], each["at"][:16]) for each in [stays, *wanted])
    assert live == said
    assert v2.plan("--detailed-exitcode", code=0).actions() == {}


def test_a_lost_state_adopts_what_is_there(v2: Project) -> None:
    """What calsync made before is recognised, and nothing is made twice."""
    v2.calendar(video("post", IN_3), video("both", IN_4, accounts=["brand", "second"]))
    v2.apply()
    before = v2.wrote()
    for path in (v2.root / ".calsync").iterdir():
        if path.is_file():
            path.unlink()
    assert set(v2.plan().actions().values()) == {"adopt"}
    v2.apply()
    assert v2.wrote() == before
    assert v2.plan("--detailed-exitcode", code=0).json["summary"]["unchanged"] == 3


def test_other_platforms_work_as_tiktok_does(v2: Project) -> None:
    """Made with their own options, a title where the platform has one, and left alone by the next apply."""
    v2.settings["accounts"]["films"] = {
        "provider": "postqued",
        "platform": "youtube",
        "username": "@brand.films",
    }
    v2.settings["accounts"]["pictures"] = {
        "provider": "postqued",
        "platform": "instagram",
        "username": "@brand.pictures",
    }
    v2.configure()
    film = video("film", IN_3, accounts=["films"], title="The film", options={"visibility": "unlisted"})
    reel = video(
        "reel", IN_4, accounts=["pictures"], options={"postType": "reel", "first_comment": {"text": "1st"}}
    )
    v2.calendar(film, reel, defaults={"intent": "publish"})
    v2.apply()
    assert {each["platform"]: each["options"] for each in v2.posts("scheduled")} == {
        "youtube": {"visibility": "unlisted", "title": "The film"},
        "instagram": {"postType": "reel", "firstComment": {"text": "1st"}},
    }
    assert v2.plan("--detailed-exitcode", code=0).actions() == {}
    v2.calendar(film | {"title": "Another"}, reel | {"at": IN_5}, defaults={"intent": "publish"})
    assert v2.plan().actions() == {"spring/film@films": "replace", "spring/reel@pictures": "reschedule"}
    v2.apply()
    assert sorted(str(each["options"].get("title")) for each in v2.posts("scheduled")) == ["Another", "None"]
