"""Drafts that wait for a person, posts that a person has made drafts of, and posts that nobody may touch."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from worlds import POSTIZ, Spec, World, files_in

from calsync.model import DriftPolicy, Intent, Policy, Standing, Status
from calsync.plan import Plan
from calsync.plan.outcome import PostStatus
from calsync.reconcile.status import status

KEY = ("teaser", "brand")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return files_in(tmp_path_factory.mktemp("project"))


def scheduled(root: Path, intent: Intent = Intent.PUBLISH, policy: Policy | None = None) -> World:
    """One post of tomorrow, applied."""
    world = World(root, POSTIZ, policy)
    world.calendar = {KEY: Spec(intent=intent)}
    world.apply()
    return world


def by_hand(world: World, intent: Intent) -> None:
    """A person makes a draft of the post, or a post of the draft."""
    (post,) = world.service.posts()
    world.service.edit(post.remote_id, replace(post.content, intent=intent))


def planned(world: World) -> tuple[list[str], list[str]]:
    """What would be done, and what is said."""
    plan = world.plan()
    return [each.kind.value for each in plan.actions], codes(plan)


def codes(plan: Plan) -> list[str]:
    """Of what is said, that which concerns drafts."""
    return [each.code for each in plan.diagnostics if each.code not in ("draft-video", "not-shown")]


def word(world: World) -> PostStatus:
    (line,) = status(world.project()).lines
    return line.status


def edited(world: World, **changes: object) -> None:
    world.calendar = {KEY: replace(world.calendar[KEY], **changes)}  # type: ignore[arg-type]


def test_a_draft_is_delivered_at_once_and_never_overdue(root: Path) -> None:
    """It lies there for a person, before its time and after it, and goes when nobody wants it any more."""
    world = scheduled(root, Intent.DRAFT)
    assert word(world) is PostStatus.DELIVERED
    world.passes(timedelta(days=3))
    assert planned(world) == ([], [])
    assert word(world) is PostStatus.DELIVERED
    world.calendar = {}
    assert planned(world)[0] == ["cancel"]


def test_a_draft_that_a_person_has_finished_is_published(root: Path) -> None:
    """It is not put back, nor changed, nor cancelled; a calendar that says the same by now goes on with it."""
    world = scheduled(root, Intent.DRAFT)
    by_hand(world, Intent.PUBLISH)
    assert planned(world) == ([], [])
    assert word(world) is PostStatus.DELIVERED
    world.apply()
    (record,) = world.recorded().records.values()
    assert record.seen is Status.PUBLISHED
    edited(world, caption="Other words")
    assert planned(world) == ([], ["locked"])
    edited(world, intent=Intent.PUBLISH)
    assert planned(world)[0] == ["update"]
    world.calendar = {}
    assert planned(world)[0] == ["forget"]


def test_a_draft_that_becomes_a_post_by_its_entry_is_updated(root: Path) -> None:
    """And the other way round; the post stays the same one."""
    world = scheduled(root, Intent.DRAFT)
    for intent in (Intent.PUBLISH, Intent.DRAFT):
        edited(world, intent=intent)
        assert planned(world)[0] == ["update"]
        world.apply()
        (post,) = world.service.posts()
        assert post.content.intent is intent
        assert planned(world) == ([], [])


def test_a_post_that_a_person_has_made_a_draft_of_is_stopped(root: Path) -> None:
    """A stop wins over a go, whatever else is edited, until its time is: then it goes on in place."""
    world = scheduled(root)
    by_hand(world, Intent.DRAFT)
    assert planned(world) == (["blocked"], ["stopped"])
    assert word(world) is PostStatus.STOPPED
    edited(world, caption="Other words")
    assert planned(world) == (["blocked"], ["stopped"])
    edited(world, hour=30)
    assert planned(world) == (["update"], ["drift"])
    world.apply()
    (post,) = world.service.posts()
    assert (post.content.intent, post.content.caption) == (Intent.PUBLISH, "Other words")
    assert planned(world) == ([], [])


def test_what_else_may_become_of_such_a_draft(root: Path) -> None:
    """Restored by policy, shown by another, cancelled when unwanted, and past without an alarm."""
    restoring = scheduled(root, policy=Policy(drift=DriftPolicy.RESTORE_ALL))
    by_hand(restoring, Intent.DRAFT)
    assert planned(restoring) == (["update"], ["drift"])
    leaving = scheduled(root, policy=Policy(drift=DriftPolicy.LEAVE))
    by_hand(leaving, Intent.DRAFT)
    assert planned(leaving) == ([], ["drift"])
    world = scheduled(root)
    by_hand(world, Intent.DRAFT)
    edited(world, hour=1, standing=Standing.CANCELED)
    assert planned(world)[0] == ["cancel"]
    world = scheduled(root)
    by_hand(world, Intent.DRAFT)
    world.passes(timedelta(days=2))
    assert planned(world) == ([], ["stopped"])


def test_what_nobody_may_touch_is_left_alone(root: Path) -> None:
    """A post that repeats keeps its record; what would have to be done is told, with the reason."""
    world = scheduled(root)
    (post,) = world.service.posts()
    world.service.repeat(post.remote_id, "it repeats every 7 days")
    assert planned(world) == ([], [])
    edited(world, caption="Other words")
    (told,) = (each for each in world.plan().diagnostics if each.code != "not-shown")
    assert (told.code, told.message) == ("locked", "it is not changed (caption): it repeats every 7 days")
    world.calendar = {}
    assert planned(world) == ([], ["locked"])
    world.apply()
    assert len(world.recorded().records) == 1


def test_a_strangers_repeating_post_is_no_twin(root: Path) -> None:
    """Nor does it keep a post from its minute, unless that would say the same there twice."""
    world = World(root, POSTIZ)
    world.calendar = {KEY: Spec()}
    (entry,) = world.entries()
    for caption, expected in (("Every Monday", "create"), (entry.content.caption, "blocked")):
        remote_id = world.service.add("memory-1", replace(entry.content, caption=caption), "asset-1")
        world.service.repeat(remote_id, "it repeats every 7 days")
        assert planned(world)[0] == [expected]
    assert planned(world)[1] == ["lookalike"]


def test_a_strangers_draft_is_no_twin(root: Path) -> None:
    """Recorded as the post, it would never go out."""
    world = World(root, POSTIZ)
    world.calendar = {KEY: Spec()}
    (entry,) = world.entries()
    world.service.add("memory-1", replace(entry.content, intent=Intent.DRAFT), "asset-1")
    assert planned(world) == (["blocked"], ["lookalike"])
