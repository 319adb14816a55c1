"""What was looked at counts only for what it shows: the right account, the right post, a key that still lives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from state_values import WHO
from worlds import NOON, SERVICES, Quiet, Spec, World, files_in

from calsync.errors import CalsyncError, StateError, Uncertain
from calsync.interrupts import StopSign
from calsync.model import (
    AccountKey,
    Address,
    Capabilities,
    Content,
    Desired,
    IntentKind,
    Observed,
    Open,
    Options,
    Record,
    Recorded,
    RemoteId,
    Sighting,
    Status,
)
from calsync.observed import Refresh, refresh
from calsync.plan import Filters, Plan
from calsync.plan.settling import settle
from calsync.providers.base import Scope, Window
from calsync.providers.memory import Memory
from calsync.reconcile.apply import Orders, apply
from calsync.reconcile.state import adopt
from calsync.recorded import Ledger
from calsync.stores.memory import MemoryStore

MINE, OTHER = AccountKey("memory", "memory-1"), AccountKey("memory", "memory-2")
CONTENT = Content(at=NOON + timedelta(days=1), caption="Hello")


def record(remote_id: RemoteId, *, account: AccountKey = MINE) -> Record:
    return Record(
        address=Address("spring", "a", "brand"),
        account=account,
        remote_id=remote_id,
        content=CONTENT,
        api=SERVICES["full"].api,
    )


def test_a_key_that_died_while_a_person_thought_is_not_used(tmp_path: Path) -> None:
    """A create is sent again only while its key lives at that moment, however long the question stood there."""
    world = World(files_in(tmp_path), SERVICES["postqued-v1"])
    world.calendar = {("a", "brand"): Spec(hour=72)}
    world.service.trouble = lambda name: (
        Uncertain("no answer", service="memory") if name == "create" else None
    )
    world.apply()
    world.service.trouble = lambda _: None
    asked: list[int] = []

    def approve(_: Plan, again: int) -> bool:
        asked.append(again)
        world.passes(timedelta(hours=25))
        return True

    orders = Orders(filters=Filters(), approve=approve, holder=WHO, stop=StopSign(), watcher=Quiet())
    apply(world.project(), orders)
    assert asked == [1]
    assert len(world.service.posts()) == 1
    assert len(world.recorded().opens) == 1


def test_a_run_that_wakes_after_a_long_sleep_asks_whether_the_state_is_still_its_own(tmp_path: Path) -> None:
    """While it holds it, and neither before nor after."""
    world, stop, asked = World(files_in(tmp_path), SERVICES["full"]), StopSign(), list[str]()
    project = world.project()

    class Store(MemoryStore):
        def confirm(self) -> None:
            asked.append("confirm")
            raise StateError("somebody else has taken over")

    def approve(_: Plan, __: int) -> bool:
        with pytest.raises(StateError):
            stop.awake()
        return False

    stop.awake()
    store = Store()
    Ledger.init(store, WHO, project=project.settings.project)
    orders = Orders(filters=Filters(), approve=approve, holder=WHO, stop=stop, watcher=Quiet())
    apply(replace(project, store=store), orders)
    stop.awake()
    assert asked == ["confirm"]


@dataclass(kw_only=True)
class TwoTargets(Memory):
    """A service where one request went to two accounts."""

    def list_posts(self, scopes: Sequence[Scope], window: Window) -> Sequence[Sighting]:
        """Ours first."""
        return tuple(
            Sighting(remote_id=RemoteId("p1", part), account_id=account.id, status=status, at=CONTENT.at)
            for part, account, status in (
                ("t1", MINE, Status.SCHEDULED),
                ("t2", OTHER, Status.CANCELED),
            )
        )


def test_another_accounts_part_is_not_ours() -> None:
    """Where a record does not know its part, the account tells which one is meant."""
    recorded = Recorded(
        lineage="l",
        records={
            Address("spring", "a", "brand"): record(RemoteId("p1")),
            Address("spring", "b", "second"): replace(
                record(RemoteId("p9"), account=OTHER), address=Address("spring", "b", "second")
            ),
        },
    )
    provider = TwoTargets(now=lambda: NOON)
    seen = refresh(Desired(posts=()), recorded, {"memory": provider}, mode=Refresh.AUTO, now=NOON)
    assert seen.by_address[Address("spring", "a", "brand")].remote_id == RemoteId("p1", "t1")
    assert [each.remote_id.part for each in seen.strangers[OTHER]] == ["t2"]


def opening(post: str) -> Open:
    return Open(
        kind=IntentKind.CREATE,
        address=Address("spring", post, "brand"),
        account=MINE,
        content=CONTENT,
        begun=NOON,
        api="v1",
        token=post,
        generation=1,
    )


def test_one_post_does_not_settle_two_creates() -> None:
    """Where one post may be either of two creates without an answer, which differ, neither is taken for done."""
    other = replace(opening("b"), content=replace(CONTENT, options=Options({"privacy_level": "SELF_ONLY"})))
    opens = {each.address: each for each in (opening("a"), other)}
    seen = Sighting(
        remote_id=RemoteId("p1"), account_id=MINE.id, status=Status.SCHEDULED, at=CONTENT.at, caption="Hello"
    )
    abilities: dict[str, Capabilities] = {"memory": SERVICES["full"]}
    observed = Observed(strangers={MINE: (seen,)})
    settled = settle(Recorded(lineage="l", opens=opens), observed, abilities, NOON)
    assert settled.closings == ()
    assert set(settled.recorded.opens) == set(opens)


def test_a_post_that_waits_is_not_left_for_another(tmp_path: Path) -> None:
    """`state adopt` does not put another post in the place of one that would then go out as nobody's."""
    world = World(files_in(tmp_path), SERVICES["full"])
    world.calendar = {("a", "brand"): Spec()}
    world.apply()
    before = world.recorded().records
    by_hand = world.service.add("memory-1", CONTENT)
    with pytest.raises(CalsyncError) as caught:
        adopt(world.project(), WHO, Address("spring", "a", "brand"), by_hand.id)
    assert caught.value.code == "taken"
    assert "state rm" in str(caught.value.hint)
    assert world.recorded().records == before
