"""Services that take a post as a whole and hide its media: no change loses what cannot be seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from worlds import FILES, POSTIZ, Spec, World, files_in

from calsync.model import RemoteId
from calsync.plan import Action

KEY = ("teaser", "brand")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return files_in(tmp_path_factory.mktemp("project"))


def there(root: Path, *, adopted: bool) -> World:
    """One post, made by calsync or by a person."""
    world = World(root, POSTIZ)
    world.calendar = {KEY: Spec(thread=(("a reply", "b.mp4"),))}
    if adopted:
        (entry,) = world.entries()
        world.service.add("memory-1", entry.content, "asset-by-hand", "asset-by-hand-too")
    world.apply()
    return world


def changed(world: World, **changes: object) -> Action:
    """Edit the entry and apply: the one action, as planned."""
    world.calendar = {KEY: replace(world.calendar[KEY], **changes)}  # type: ignore[arg-type]
    (action,) = world.plan().actions
    applied = world.apply()
    assert applied is not None
    assert [each.kind.value for each in applied.outcomes] == ["done"]
    assert not world.plan().actions
    return action


def test_a_change_sends_the_media_that_were_recorded(root: Path) -> None:
    """A new time, or new words, upload nothing again; other media do, and the plan says so."""
    world = there(root, adopted=False)
    uploads = world.service.calls.count("upload")
    (before,) = world.service.posts()
    assert changed(world, hour=30).media == ()
    assert changed(world, caption="Other words", hour=31).media == ()
    (after,) = world.service.posts()
    assert (after.assets, after.remote_id) == (before.assets, before.remote_id)
    assert world.service.calls.count("upload") == uploads
    action = changed(world, media="b.mp4")
    assert [use.upload for use in action.media] == [False, False]
    (swapped,) = world.service.posts()
    assert swapped.assets == (before.assets[1], before.assets[1])


@pytest.mark.parametrize("kind", ["reschedule", "update"])
def test_a_change_of_an_adopted_post_uploads_its_media(root: Path, kind: str) -> None:
    """Nobody knows what the person gave it, so that it gets what the calendar says; the plan shows the uploads."""
    world = there(root, adopted=True)
    (record,) = world.recorded().records.values()
    assert record.assets == ()
    action = changed(world, **({"hour": 30} if kind == "reschedule" else {"caption": "Other words"}))
    assert action.kind.value == kind
    assert [use.upload for use in action.media] == [True, True]
    (post,) = world.service.posts()
    assert post.remote_id == RemoteId("post-1")
    digests = {each: world.service.contents[each] for each in post.assets}
    assert len(digests) == len(FILES) == 2
    (record,) = world.recorded().records.values()
    assert record.assets == post.assets


def test_media_that_the_service_has_lost_are_uploaded_once_more(root: Path) -> None:
    """An update meets it as a create does."""
    world = there(root, adopted=False)
    lost = list(world.service.contents)
    world.service.contents.clear()
    world.calendar = {KEY: replace(world.calendar[KEY], caption="Other words")}
    applied = world.apply()
    assert applied is not None
    assert [each.kind.value for each in applied.outcomes] == ["done"]
    (post,) = world.service.posts()
    assert not {*post.assets} & {*lost}
