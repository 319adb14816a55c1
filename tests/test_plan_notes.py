"""What is said of a plan as a whole: how long it takes, and what nobody can see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from worlds import POSTIZ, Spec, World, files_in

from calsync.errors import Diagnostic, Severity
from calsync.model import Rate
from calsync.reconcile.project import Project

HOURLY = Rate(2, 3600)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return files_in(tmp_path_factory.mktemp("project"))


class Slow(World):
    """A project at a service that takes two requests an hour."""

    def project(self) -> Project:
        return replace(super().project(), rates=lambda _: {"publish": HOURLY})


def told(world: World, code: str) -> list[Diagnostic]:
    return [each for each in world.plan().diagnostics if each.code == code]


def test_a_plan_that_takes_hours_says_so(root: Path) -> None:
    """Requests count, not posts; an hour's worth is not worth a word."""
    world = Slow(root, POSTIZ)
    world.calendar = {(f"p{hour}", "brand"): Spec(hour=hour, caption=str(hour)) for hour in (20, 21)}
    assert told(world, "takes-long") == []
    world.calendar = {
        **{(f"p{hour}", "brand"): Spec(hour=hour, caption=str(hour)) for hour in range(20, 25)},
        ("q", "second"): Spec(hour=24),
    }
    (note,) = told(world, "takes-long")
    assert note.severity is Severity.NOTE
    assert note.message == (
        "memory takes 2 creates an hour: these 6 posts in 5 requests take about 2 h 30 min, the soonest first"
    )


def test_a_post_whose_turn_comes_too_late_is_warned_of(root: Path) -> None:
    """At its own place; the others are in time."""
    world = Slow(root, POSTIZ)
    world.calendar = {(f"p{number}", "brand"): Spec(hour=1, caption=str(number)) for number in range(3)}
    world.service.capabilities = replace(POSTIZ, together=1)
    note, warning = told(world, "takes-long")
    assert (note.severity, warning.severity) == (Severity.NOTE, Severity.WARNING)
    assert (warning.address, warning.message) == (
        "spring/p2@brand",
        "its turn comes in about 1 h, which is too late for its time",
    )


def test_what_is_not_shown_is_said_once_for_a_service(root: Path) -> None:
    """Of the posts that are still to go out; where all of it shows, nothing is said."""
    world = World(root, replace(POSTIZ, hidden=frozenset({"media", "thread", "options"})))
    world.calendar = {("a", "brand"): Spec(thread=(("a reply", None),)), ("b", "brand"): Spec(hour=25)}
    assert told(world, "not-shown") == []
    world.apply()
    (note,) = told(world, "not-shown")
    assert note.severity is Severity.NOTE
    assert note.message == (
        "memory shows neither media nor replies nor options of its posts: what is changed there by hand cannot be seen"
    )
    world.service.capabilities = replace(POSTIZ, hidden=frozenset({"thread"}))
    assert [each.message.partition(":")[0] for each in told(world, "not-shown")] == [
        "memory shows no replies of its posts"
    ]
    world.service.capabilities = replace(POSTIZ, hidden=frozenset())
    assert told(world, "not-shown") == []
