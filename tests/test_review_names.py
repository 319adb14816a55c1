"""Records pass to other names without one of them being lost, whatever else the run does or leaves out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from worlds import SERVICES, Spec, World, files_in

from calsync.errors import Unavailable

SWAPPED = {"brand": "memory-2", "second": "memory-1"}


def world_of(root: Path, kind: str) -> World:
    """A post on both accounts, scheduled."""
    world = World(files_in(root), SERVICES[kind])
    world.calendar = {("a", "brand"): Spec(), ("a", "second"): Spec()}
    world.apply()
    assert len(world.scheduled()) == 2
    return world


def recorded_ids(world: World) -> set[str]:
    return {each.remote_id.id for each in world.recorded().records.values()}


def scheduled_ids(world: World) -> set[str]:
    return {each.id for each in world.scheduled()}


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
