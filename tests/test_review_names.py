"""Records pass to other names without one of them being lost, whatever else the run does or leaves out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from state_values import WHO
from worlds import SERVICES, Quiet, Spec, World, files_in

from calsync.errors import Unavailable
from calsync.interrupts import StopSign
from calsync.model import Standing
from calsync.plan import Filters
from calsync.plan.outcome import OutcomeKind
from calsync.reconcile.apply import Applied, Orders, apply

SWAPPED = {"brand": "memory-2", "second": "memory-1"}


def world_of(root: Path, kind: str) -> World:
    """A post on both accounts, scheduled."""
    world = World(files_in(root), SERVICES[kind])
    world.calendar = {("a", "brand"): Spec(), ("a", "second"): Spec()}
    world.apply()
    assert len(world.scheduled()) == 2
    return world


def applied(world: World, filters: Filters) -> Applied:
    orders = Orders(
        filters=filters,
        approve=lambda _, __: True,
        holder=WHO,
        stop=StopSign(),
        watcher=Quiet(),
        allow_cancels=1000,
    )
    return apply(world.project(), orders)


def recorded_ids(world: World) -> set[str]:
    return {each.remote_id.id for each in world.recorded().records.values()}


def scheduled_ids(world: World) -> set[str]:
    return {each.id for each in world.scheduled()}


@pytest.mark.parametrize("kind", ["postqued-v1", "full"])
@pytest.mark.parametrize("alias", ["brand", "second"])
def test_half_of_a_swap_is_not_chosen(tmp_path: Path, kind: str, alias: str) -> None:
    """Where a filter leaves out the record that has to make room, the other one waits instead of taking its place."""
    world = world_of(tmp_path, kind)
    world.accounts = SWAPPED
    half = applied(world, Filters(accounts=(alias,)))
    assert [each.kind for each in half.outcomes] == [OutcomeKind.BLOCKED]
    assert recorded_ids(world) == scheduled_ids(world)
    whole = applied(world, Filters())
    assert [each.kind for each in whole.outcomes] == [OutcomeKind.DONE] * 2
    assert recorded_ids(world) == scheduled_ids(world)
    assert len(world.service.posts()) == 2


def test_a_post_that_failed_is_forgotten_amid_a_swap(tmp_path: Path) -> None:
    """What is forgotten is the post that nobody wants, not the one that takes its name: else that is made twice."""
    world = world_of(tmp_path, "postqued-v1")
    failed = next(each for each in world.service.posts() if each.account_id == "memory-2")
    world.service.fail(failed.remote_id, "no")
    world.apply()
    world.accounts = SWAPPED
    world.calendar = {**world.calendar, ("a", "brand"): Spec(standing=Standing.CANCELED)}
    world.apply()
    world.apply()
    assert recorded_ids(world) == scheduled_ids(world)
    assert len(world.service.posts()) == 2


def test_a_post_is_cancelled_amid_a_swap(tmp_path: Path) -> None:
    """The record that goes is the cancelled post's, not that of the one that takes its name."""
    world = world_of(tmp_path, "full")
    world.accounts = SWAPPED
    world.calendar = {**world.calendar, ("a", "brand"): Spec(standing=Standing.CANCELED)}
    done = world.apply()
    assert done is not None
    assert {each.kind for each in done.outcomes} == {OutcomeKind.DONE}
    assert len(scheduled_ids(world)) == 1
    assert recorded_ids(world) == scheduled_ids(world)


def test_a_half_done_replace_keeps_its_name(tmp_path: Path) -> None:
    """No record passes to a name under which another account's replace is still open, to be forgotten with it."""
    world = world_of(tmp_path, "replacing")
    world.service.hides = frozenset({"caption"})  # so that nothing lost is adopted again

    def trouble(name: str) -> Exception | None:
        if name == "create":
            raise Unavailable("no way there", service="memory")
        return None

    world.service.trouble = trouble
    world.calendar = {**world.calendar, ("a", "second"): replace(Spec(), caption="Edited")}
    world.apply()
    world.service.trouble = lambda _: None
    assert [each.cleared for each in world.recorded().opens.values()] == [True]
    world.accounts = SWAPPED
    world.calendar = {("a", "brand"): replace(Spec(), caption="Edited"), ("a", "second"): Spec()}
    for _ in range(3):
        world.apply()
        assert scheduled_ids(world) <= recorded_ids(world)
    assert len(world.scheduled()) == 2
    assert not world.recorded().opens
