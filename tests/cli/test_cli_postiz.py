"""Postiz from outside: the rows of the decision table that are its own, and what it alone has.

It lists, moves, changes and cancels, all in place: row 19 is never reached. It has no keys, shows neither media nor
replies, and goes on showing a draft until a person finishes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cli import test_cli_table as table
from cli.test_cli_table import (
    IN_3,
    IN_4,
    IN_5,
    POST,
    Case,
    both,
    delete,
    fail,
    fresh,
    move,
    policy,
    pq,
    publish,
    stop,
)
from outside import UPLOADS, Project, ahead, moment, video

from calsync.sandbox import PostEntry, RequestEntry, seeds

CHANNELS = {each.network: each.id for each in seeds.POSTIZ_CHANNELS}
STAYS = (UPLOADS[9], "pending")
ALIASES = {"brand": "mastodon", "sky": "bluesky", "x": "x"}


def text(post_id: str, at: str, **more: Any) -> dict[str, Any]:
    """A post without media."""
    return {"id": post_id, "at": at, "accounts": ["brand"], "caption": f"The {post_id}"} | more


@pytest.fixture(params=["2.23.0", "HEAD"])
def postiz(project: Project, request: pytest.FixtureRequest) -> Project:
    """A project with accounts at Postiz, in either version, beside the one at TikFlow."""
    return _at(project, request.param)


@pytest.fixture
def release(project: Project) -> Project:
    """The same, in the released version alone."""
    return _at(project, "2.23.0")


def _at(project: Project, version: Any) -> Project:
    project.box.set_knobs(postiz=version)
    accounts: dict[str, Any] = {
        alias: {"provider": "postiz", "platform": network, "id": CHANNELS[network]}
        for alias, network in ALIASES.items()
    }
    project.options = {}
    project.configure(
        accounts={**accounts, "flow": project.settings["accounts"]["flow"]},
        providers={"tikflow": {"rate_limits": {"all": "6000"}}},
    )
    return project


def by_hand(at: str = IN_3, caption: str = POST) -> Any:
    """A person schedules a post in Postiz."""
    return lambda project, *_: project.box.add_post(
        "postiz", CHANNELS["mastodon"], moment(at), caption=caption
    )


def edited(project: Project, post_id: str) -> None:
    project.box.edit_post(post_id, caption="By hand")


def due(project: Project, post_id: str) -> None:
    """Its time has come, and nothing shows yet that it goes out."""
    project.box.set_knobs(postiz_worker=False)
    project.box.edit_post(post_id, at=moment(ahead(minutes=-2)))


def finish(project: Project, post_id: str) -> None:
    """A person schedules the draft."""
    import httpx

    headers = {"Authorization": project.env["POSTIZ_API_KEY"]}
    path = f"{project.box.url}/public/v1/posts/{post_id}/status"
    assert httpx.put(path, json={"status": "schedule"}, headers=headers).status_code == 200


OTHER = video("post", IN_3, caption="Other")
THREAD = video("post", IN_3, thread=["First reply"])
PICTURE = video("post", IN_3, media="media/look-1.jpg")

CASES = [
    Case("3 however close", pq(move("in 5 minutes"), None), action="cancel", after=((POST, "deleted"), STAYS), writes=1),
    Case("4 on its way", pq(due, None), says={"locked": "warning"}, after=((POST, "QUEUE"), STAYS)),
    Case("6 a twin", fresh(video("post", IN_3), before=by_hand()), action="adopt", after=((POST, "QUEUE"),)),
    Case("11 edited too late", pq(publish, video("post", IN_5)), count="unchanged", says={"locked": "warning"},
         after=((POST, "PUBLISHED"), STAYS)),
    Case("13 failed", pq(fail, OTHER), action="blocked", code="failed", says={"failed": "error"},
         after=((POST, "ERROR"), STAYS), exit=4),
    Case("13 made a draft by hand", pq(stop), action="blocked", code="stopped", says={"stopped": "warning"},
         after=((POST, "DRAFT"), STAYS)),
    Case("13 lost", pq(delete), action="blocked", code="lost", says={"lost": "error"}, after=((POST, "deleted"), STAYS), exit=4),
    Case("17 a new time", pq(None, video("post", IN_4)), action="reschedule", after=((POST, "QUEUE"), STAYS), writes=1),
    Case("17 drift", pq(move(IN_4)), action="reschedule", drift=True, says={"drift": "warning"},
         after=((POST, "QUEUE"), STAYS), writes=1),
    Case("17 of a draft that a person made", pq(stop, video("post", IN_4)), action="update", drift=True,
         says={"drift": "warning"}, after=((POST, "QUEUE"), STAYS), writes=1),
    Case("18 restore-all", pq(both(stop, policy(drift="restore-all"))), action="update", drift=True,
         says={"drift": "warning", "policy-changed": "warning"}, after=((POST, "QUEUE"), STAYS), writes=1),
    Case("18 other words", pq(None, OTHER), action="update", after=(("Other", "QUEUE"), STAYS), writes=1),
    Case("18 drift", pq(edited), action="update", drift=True, says={"drift": "warning"},
         after=((POST, "QUEUE"), STAYS), writes=1),
    Case("18 a thread", pq(None, THREAD), action="update", after=((POST, "QUEUE"), STAYS), writes=1),
    Case("18 other media", pq(None, PICTURE), action="update", after=((POST, "QUEUE"), STAYS), writes=2),
    Case("18 a draft", pq(None, video("post", IN_3, intent="draft")), action="update",
         after=((POST, "DRAFT"), STAYS), writes=1),
    Case("20 from a close time", pq(move("in 5 minutes"), video("post", IN_4)), action="blocked", code="by-hand",
         says={"by-hand": "error"}, after=((POST, "QUEUE"), STAYS), exit=4),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.row)
def test_row(release: Project, case: Case) -> None:
    """As at any other service, besides that what nobody can see is told of what is recorded."""
    release.media("teaser.mp4", "look-1.jpg")
    unseen = {} if case.row == "6 a twin" else {"not-shown": "note"}
    table.test_row(release, replace(case, says={**case.says, **unseen}))


def by_alias(project: Project) -> Mapping[str, PostEntry]:
    """The truth about the posts that are not deleted."""
    aliases = {CHANNELS[network]: alias for alias, network in ALIASES.items()}
    return {
        f"{each['caption']} @{aliases[each['account_id']]}": each
        for each in project.posts()
        if each["status"] != "deleted"
    }


def test_the_whole_life_of_posts(postiz: Project) -> None:
    """Made on three networks with one upload; moved, edited, given a thread, made a draft, cancelled, published."""
    postiz.media("look-1.jpg", "look-2.jpg")
    on_x = {"x": {"options": {"who_can_reply_post": "everyone"}}}
    teaser = text("teaser", IN_3, accounts=["brand", "sky", "x"], caption="I <3 you & <b>me</b>",
                  media="media/look-1.jpg", thread=["More", {"text": "and", "media": "media/look-2.jpg"}], overrides=on_x)  # fmt: skip
    draft, gone, stays = (
        text("draft", IN_4, intent="draft"),
        text("gone", IN_4, accounts=["sky"]),
        text("stays", ahead(days=9)),
    )
    postiz.calendar(teaser, draft, gone, stays)
    planned = postiz.plan("--detailed-exitcode", code=2)
    assert set(planned.actions().values()) == {"create"}
    assert set(postiz.apply().outcomes().values()) == {"done"}
    assert [each["times"] for each in postiz.box.uploads()] == [1, 1]
    again = postiz.plan("--detailed-exitcode")
    assert again.json["summary"]["unchanged"] == 6
    before = len(postiz.writes())
    postiz.apply()
    assert len(postiz.writes()) == before
    made = by_alias(postiz)
    sent = "I &lt;3 you &amp; &lt;b&gt;me&lt;/b&gt;"
    assert [made[f"{sent} @{alias}"]["thread"] for alias in ALIASES] == [["More", "and"]] * 3
    assert made["The draft @brand"]["status"] == "DRAFT"
    ids = {each["id"] for each in made.values()}

    # Every change is in place: moved, given other words, a shorter thread, a draft made a post.
    teaser |= {"at": IN_5, "thread": ["More"]}
    postiz.calendar(
        teaser, draft | {"intent": "publish"}, gone | {"caption": "The other"}, stays, defaults={}
    )
    assert set(postiz.plan().actions().values()) == {"update"}
    postiz.apply()
    made = by_alias(postiz)
    assert {each["id"] for each in made.values()} == ids
    assert [made[f"{sent} @{alias}"]["thread"] for alias in ALIASES] == [["More"]] * 3
    assert {moment(made[f"{sent} @{alias}"]["at"] or "") for alias in ALIASES} == {moment(IN_5)}
    assert {each["status"] for each in made.values()} == {"QUEUE"}
    postiz.calendar(teaser | {"at": IN_4}, draft | {"intent": "publish"}, stays)
    assert sorted(postiz.plan().actions().values()) == ["cancel", *["reschedule"] * 3]
    postiz.apply()
    made = by_alias(postiz)
    assert [made[f"{sent} @{alias}"]["media"] for alias in ALIASES] == [made[f"{sent} @x"]["media"]] * 3
    assert [made[f"{sent} @{alias}"]["thread"] for alias in ALIASES] == [["More"]] * 3
    assert len(made) == 5
    assert [each["times"] for each in postiz.box.uploads()] == [1, 1]
    assert postiz.plan("--detailed-exitcode").json["summary"]["unchanged"] == 5

    postiz.box.advance(moment(IN_5) - postiz.box.now())
    told = {
        each["address"]: each["status"] for each in postiz.run("status", "--format", "json").json["posts"]
    }
    assert told.pop("spring/stays@brand") == "scheduled"
    assert set(told.values()) == {"published"}
    assert {each["times_published"] for each in by_alias(postiz).values()} == {0, 1}
    assert len(postiz.box.publications()) == 4


def test_a_draft_waits_until_a_person_finishes_it(release: Project) -> None:
    """Delivered at once, never overdue; finished by a person it is published, and no more ours to edit."""
    draft = text("draft", IN_3, intent="draft")
    release.calendar(draft, text("stays", ahead(days=20)))
    release.apply()
    [made] = [each["id"] for each in release.posts("DRAFT")]
    release.box.advance(timedelta(days=4))
    told = release.run("status", "--format", "json", code=0).json["posts"]
    assert {each["address"]: each["status"] for each in told}["spring/draft@brand"] == "delivered"
    assert release.plan("--detailed-exitcode").codes() == {}
    finish(release, made)
    release.calendar(draft | {"caption": "Other"}, text("stays", ahead(days=20)))
    assert release.apply().codes() == {"locked": "warning"}


def test_what_was_adopted_is_moved_with_its_media(release: Project) -> None:
    """Nobody sees what a person's post shows, so that the entry's own media go along when it is sent again."""
    stays = text("stays", ahead(days=20))
    by_hand()(release)
    release.calendar(video("post", IN_3), stays)
    assert release.apply().actions()["spring/post@brand"] == "adopt"
    release.calendar(video("post", IN_4), stays)
    planned = release.plan().action("spring/post@brand")
    assert set(release.apply().outcomes().values()) == {"done"}, planned
    [post] = [each for each in release.posts("QUEUE") if each["caption"] == POST]
    assert (moment(post["at"] or ""), len(post["sha256"])) == (moment(IN_4), 1)
    assert release.plan("--detailed-exitcode").json["summary"]["unchanged"] == 2


def test_a_lost_answer_is_settled_by_the_list(release: Project) -> None:
    """Made or not, and two that are the same on purpose: never a second post of one entry."""
    posts = [text("one", IN_3), text("two", IN_4), text("three", IN_5, accounts=["sky"])]
    release.calendar(*posts)
    release.box.fault("reset_after", method="POST", path="/public/v1/posts")
    release.box.fault("reset_before", method="POST", path="/public/v1/posts")
    done = release.apply(code=4)
    assert sorted(done.outcomes().values()) == ["done", "done", "unknown"]
    assert len(release.posts("QUEUE")) == 2
    assert release.apply().actions().popitem()[1] == "create"
    assert len(release.posts("QUEUE")) == 3
    assert release.plan("--detailed-exitcode").json["summary"]["unchanged"] == 3
    # Of a change too.
    release.calendar(*(each | {"caption": "Other"} for each in posts))
    release.box.fault("reset_after", method="POST", path="/public/v1/posts")
    release.box.fault("reset_before", method="POST", path="/public/v1/posts")
    done = release.apply(code=4)
    assert sorted(done.outcomes().values()) == ["done", "done", "unknown"]
    assert set(release.apply().outcomes().values()) == {"done"}
    assert [each["caption"] for each in release.posts("QUEUE")] == ["Other"] * 3


@pytest.mark.parametrize("lost", ["reset_after", "reset_before"])
def test_two_that_are_the_same_on_purpose_are_two(release: Project, lost: Any) -> None:
    """Made with one request whose answer is lost: each entry is given one of them, or both are made by the next apply."""
    posts = [text("one", IN_3, caption="Same"), text("two", IN_3, caption="Same")]
    release.calendar(*posts)
    release.box.fault(lost, method="POST", path="/public/v1/posts")
    assert set(release.apply(code=4).outcomes().values()) == {"unknown"}
    release.apply()
    assert len(release.posts("QUEUE")) == 2
    assert release.plan("--detailed-exitcode").json["summary"]["unchanged"] == 2
    release.calendar(posts[0])
    release.apply()
    assert len(release.posts("QUEUE")) == 1


@pytest.mark.parametrize("named", ["another", "..", "a/b"])
def test_an_answer_that_names_another_post_is_no_answer(release: Project, named: str) -> None:
    """Nor one that names none: what was made is found by the list, and no two entries share a post."""
    release.calendar(text("one", IN_3))
    release.apply()
    [first] = release.posts()
    body: Any = [
        {"postId": first["id"] if named == "another" else named, "integration": CHANNELS["mastodon"]}
    ]
    release.box.fault("answer_after", method="POST", path="/public/v1/posts", status=201, body=body)
    release.calendar(text("one", IN_3), text("two", IN_4))
    assert release.apply().outcomes() == {"spring/two@brand": "done"}
    assert {each["remote_id"] for each in release.state()["posts"].values()} == {
        each["id"] for each in release.posts()
    }


def test_nothing_is_published_twice_by_a_change_that_comes_late(release: Project) -> None:
    """The post is near its time at the service when its turn comes: it is left, and the person is told what to do."""
    release.calendar(text("post", IN_3), text("stays", ahead(days=20)))
    release.apply()
    [post] = [each["id"] for each in release.posts("QUEUE") if each["caption"] == "The post"]
    release.calendar(text("post", IN_4), text("stays", ahead(days=20)))
    digest = release.plan().json["digest"]
    writes = release.writes()
    # Between plan and apply a person has moved it.
    release.box.edit_post(post, at=release.box.now() + timedelta(minutes=5))
    stale = release.run("apply", "-y", "--expect", digest)
    assert stale.code == 5
    blocked = release.apply(code=4)
    assert blocked.codes()["by-hand"] == "error"
    assert release.writes() == writes
    release.box.advance(timedelta(minutes=10))
    assert [each["id"] for each in release.box.publications()] == [post]


def test_a_stop_wins_that_comes_while_a_change_waits_for_its_turn(release: Project) -> None:
    """A person makes a draft of the post between list and write: it stays one, and the next plan says so."""
    release.calendar(text("post", IN_3))
    release.apply()
    [post] = release.posts("QUEUE")
    lists: list[str] = []

    def watch(moment: str, entry: RequestEntry) -> bool:
        if moment == "before" and (entry["method"], entry["path"]) == ("GET", "/public/v1/posts"):
            lists.append(entry["path"])
            if len(lists) == 2:
                release.box.stop_post(post["id"])
        return True

    release.box.watch(watch)
    release.calendar(text("post", IN_3, caption="Other"))
    done = release.apply(code=4)
    release.box.watch(None)
    assert "somebody has made a draft of it" in done.out
    assert [(each["caption"], each["status"]) for each in release.posts()] == [("The post", "DRAFT")]
    assert release.plan().codes() == {"stopped": "warning"}
