"""Laws of plan and apply, over random calendars, hands that meddle, and processes that die."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TypeAlias, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from worlds import NOON, SERVICES, AtOnce, Calendar, Fate, Spec, World, files_in

from calsync.apply import run, uploads
from calsync.errors import CalsyncError, Rejected, Source, Throttled, Unavailable, Uncertain
from calsync.model import (
    Account,
    AccountKey,
    Address,
    Content,
    Desired,
    DriftPolicy,
    Entry,
    Intent,
    MediaRef,
    Observed,
    Options,
    Policy,
    Post,
    Record,
    Recorded,
    RemoteId,
    RemoteMedia,
    Sighting,
    Standing,
    Status,
)
from calsync.observed import Refresh
from calsync.plan import Filters, Plan, plan
from calsync.plan.action import Cancel, Create, Forget, Move, Replace
from calsync.plan.outcome import OutcomeKind
from calsync.providers.memory import MemoryPost
from calsync.reconcile.look import View, make_plan
from calsync.render.jsondoc import plan_document, to_text

K = TypeVar("K")
V = TypeVar("V")

laws = settings(
    deadline=None,
    derandomize=True,
    max_examples=30,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

POSTS = ("a", "b", "c", "d")
ALIASES: tuple[Mapping[str, str], ...] = (
    {"brand": "memory-1", "second": "memory-2"},
    {"brand": "memory-1", "second": "memory-2"},
    {"brand": "memory-2", "second": "memory-1"},
)
"""What the aliases mean: mostly what they meant before."""
THREADS: tuple[tuple[tuple[str, str | None], ...], ...] = (
    (),
    (),
    (("One", None),),
    (("One", "b.mp4"), ("Two", None), ("", "a.mp4")),
)
"""What follows below a post."""
kinds = pytest.mark.parametrize("kind", SERVICES)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return files_in(tmp_path_factory.mktemp("project"))


@pytest.fixture(autouse=True)
def _one_thing_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "ThreadPoolExecutor", AtOnce)
    monkeypatch.setattr(uploads, "ThreadPoolExecutor", AtOnce)


@st.composite
def calendars(draw: st.DrawFn, *, wanted: bool = False) -> Calendar:
    """A few posts that are easily mistaken for each other; a former name is never one that still has an entry."""
    keys = draw(
        st.lists(
            st.tuples(st.sampled_from(POSTS), st.sampled_from(["brand", "second"])), unique=True, max_size=5
        )
    )
    standings = st.just(Standing.WANTED) if wanted else st.sampled_from([*[Standing.WANTED] * 4, *Standing])
    present = {post for post, _ in keys}
    absent = [each for each in POSTS if each not in present]
    calendar: dict[tuple[str, str], Spec] = {}
    claimed: set[tuple[str, str]] = set()
    for post, alias in keys:
        former = draw(st.none() | st.sampled_from(absent)) if absent else None
        if former is not None and (former, alias) in claimed:
            former = None
        if former is not None:
            claimed.add((former, alias))
        calendar[post, alias] = Spec(
            hour=draw(st.sampled_from([20, 24, 25, 30])),
            caption=draw(st.sampled_from(["Hello", "Goodbye"])),
            media=draw(st.sampled_from(["a.mp4", "b.mp4"])),
            standing=draw(standings),
            previously=former,
            thread=draw(st.sampled_from(THREADS)),
            intent=draw(st.sampled_from([Intent.PUBLISH, Intent.PUBLISH, Intent.DRAFT])),
        )
    return calendar


Hand: TypeAlias = tuple[str, int, int]
hands = st.lists(
    st.tuples(
        st.sampled_from(["move", "edit", "stop", "delete", "fail", "add", "shelve", "finish", "repeat"]),
        st.integers(0, 5),
        st.sampled_from([22, 24, 26]),
    ),
    max_size=2,
)
"""At most two, since more that are missing at once would be a wrong key."""


def meddle(world: World, done: Sequence[Hand]) -> None:
    """A person at the service's dashboard."""
    for what, which, hour in done:
        waiting = list(world.scheduled().values())
        at = NOON + timedelta(hours=hour)
        if what == "add":
            account = world.service.remote_accounts[which % 2].id
            options = Options({"privacy_level": "SELF_ONLY"})
            caption = ("Hello", "Goodbye", "By hand")[which % 3]
            world.service.add(
                account, Content(at=at, caption=caption, options=options), f"asset-hand-{which}"
            )
        elif waiting:
            post = waiting[which % len(waiting)]
            known = post.content
            if what == "move":
                if at > world.now:
                    world.service.edit(post.remote_id, replace(known, at=at))
            elif what == "edit":
                world.service.edit(post.remote_id, replace(known, caption="By hand"))
            elif what in ("shelve", "finish"):
                intent = Intent.DRAFT if what == "shelve" else Intent.PUBLISH
                world.service.edit(post.remote_id, replace(known, intent=intent))
            elif what == "repeat":
                world.service.repeat(post.remote_id, "repeats every 7 days")
            elif what == "stop":
                world.service.stop(post.remote_id)
            elif what == "delete":
                world.service.delete(post.remote_id)
            else:
                world.service.fail(post.remote_id, "spam_risk")


def held(world: World) -> frozenset[RemoteId]:
    """What the state holds, by the service's name of it."""
    return frozenset(each.remote_id for each in world.recorded().records.values())


def applied(world: World, *accounts: str) -> None:
    """Apply, and judge what it planned and did."""
    before = {each.remote_id: each for each in world.service.posts()}
    planned = world.plan(Refresh.AUTO, *accounts)
    if planned.halted:
        return
    for action in planned.actions:
        if isinstance(action.step, (Cancel, Replace)):
            assert before[action.step.record.remote_id].status is not Status.PUBLISHED
    unsettled_first(world, planned)
    ours_before = held(world)
    outcome = world.apply(None, *accounts)
    assert outcome is not None
    assert outcome.plan.lines == planned.lines
    for action, each in zip(outcome.plan.actions, outcome.outcomes, strict=True):
        event(f"{action.kind.value} {each.kind.value}")
        if action.kind.acts:
            assert each.kind is OutcomeKind.DONE, (action, each)
    ours = held(world)
    for post in world.service.posts():
        was = before.get(post.remote_id)
        if post.remote_id not in ours_before and post.token is None:
            assert post == was, "what nobody manages was touched"
        if was is not None and was.status is Status.PUBLISHED:
            assert post == was, "what is out was touched"
    assert not world.recorded().opens
    assert world.ours().keys() <= ours, "a post that waits is not recorded"
    assert len(ours) == len(world.recorded().records), "one post stands for two addresses"
    if accounts:
        return
    again = world.plan()
    if again.actions and all(isinstance(each.step, Move) for each in again.actions):
        # A record waited for its new address, where a post of another account had to be cancelled first.
        assert any(isinstance(each.step, (Cancel, Forget)) for each in outcome.plan.actions)
        world.apply()
        again = world.plan()
    if not any(each.code == "tied" for each in outcome.plan.actions):
        assert not again.acts, [(each.kind, each.address) for each in again.actions]
        assert not again.lines
        assert again.refreshed == ()
    promised(world, again)


def unsettled_first(world: World, planned: Plan) -> None:
    """No create goes out beside a live record of its address, or before the cancel of what it may be."""
    recorded = world.recorded()
    live = {
        each.remote_id: each
        for each in world.service.posts()
        if each.status in (Status.SCHEDULED, Status.PROCESSING) and not each.deleted
    }
    wanted = {(each.address, world.accounts[each.address.account]) for each in world.entries()}
    passed = {each.previous_address for each in world.plan().actions}
    for action in planned.actions:
        if not isinstance(action.step, Create):
            continue
        content = action.step.post.content
        for address, record in recorded.records.items():
            if record.remote_id not in live or address in passed:
                continue
            assert (address, record.account) != (action.address, action.account)
            if (address, record.account.id) in wanted:
                continue
            named_alike = (address.calendar, address.post) == (action.address.calendar, action.address.post)
            alike = record.content.at == content.at or record.content.media == content.media
            if named_alike or (record.account == action.account and alike):
                assert address in action.waits_for


def promised(world: World, again: Plan) -> None:
    """Every wanted post that can still be scheduled is there as it should be, or the plan says why not.

    Where a service has no list, a hand that moved a post days ahead is not noticed before it is due.
    """
    told = {str(each.address) for each in again.actions}
    told |= {each.address or "" for each in again.diagnostics if each.code in ("drift", "unknown", "locked")}
    records = world.recorded().records
    for entry in world.entries():
        if entry.standing is not Standing.WANTED or str(entry.address) in told:
            continue
        if entry.content.at < world.now + world.policy.lead_time:
            continue
        record = records[entry.address]
        post = next(each for each in world.service.posts() if each.remote_id == record.remote_id)
        if world.service.capabilities.lists and post.status is Status.SCHEDULED:
            if record.seen is Status.PUBLISHED:
                continue  # a draft that a person has finished
            assert post.content.at == entry.content.at
            if not world.service.capabilities.one_schedule_per_asset:
                assert post.content.caption == entry.content.caption
                assert post.token is None or post.content == entry.content
                assert post.token is None or made_of(world, post) == [each.sha256 for each in entry.files]


def made_of(world: World, post: MemoryPost) -> list[str]:
    """The digests of the files that a post and its thread show, in order."""
    return [world.service.contents[each] for each in post.assets]


@kinds
@laws
@given(
    story=st.lists(
        st.tuples(
            calendars(),
            st.sampled_from(ALIASES),
            st.sampled_from([(), (), ("brand",), ("second",)]),
            hands,
            st.sampled_from([0, 0, 5, 21]),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_apply_does_what_plan_says_and_then_nothing_is_left(
    root: Path,
    kind: str,
    story: list[tuple[Calendar, Mapping[str, str], tuple[str, ...], list[Hand], int]],
) -> None:
    """Whatever the calendars, aliases, filters and hands: all succeeds, others' and published posts stay, nothing is left."""
    world = World(root, SERVICES[kind])
    for world.calendar, world.accounts, chosen, done, hours in story:
        applied(world, *chosen)
        meddle(world, done)
        world.passes(timedelta(hours=hours))
        applied(world)


# Plan is a function


def _shuffled(view: View, by: random.Random) -> Plan:
    """The same three states in another order."""

    def mixed(items: Mapping[K, V]) -> dict[K, V]:
        return dict(by.sample([*items.items()], len(items)))

    desired, recorded, observed = view.ground.desired, view.recorded, view.observed
    return plan(
        replace(desired, posts=tuple(by.sample(desired.posts, len(desired.posts)))),
        replace(
            recorded,
            records=mixed(recorded.records),
            opens=mixed(recorded.opens),
            uploads=mixed(recorded.uploads),
            generations=mixed(recorded.generations),
        ),
        replace(
            observed,
            by_address=mixed(observed.by_address),
            strangers={
                key: tuple(by.sample(each, len(each))) for key, each in mixed(observed.strangers).items()
            },
            usage=mixed(observed.usage),
        ),
        abilities=mixed(view.ground.abilities),
        policy=view.ground.project.settings.policy,
        now=view.plan.created_at,
    )


@kinds
@laws
@given(first=calendars(), done=hands, second=calendars(), death=st.integers(5, 40), seed=st.integers(0, 9))
def test_plan_is_a_function_of_sets(
    root: Path, kind: str, first: Calendar, done: list[Hand], second: Calendar, death: int, seed: int
) -> None:
    """The same inputs give the same bytes, in whatever order entries, records, intents and sightings come."""
    world = World(root, SERVICES[kind])
    world.calendar = first
    world.apply(Fate(at=death))
    meddle(world, done)
    world.calendar = second
    view = make_plan(world.project(), filters=Filters(), mode=Refresh.FULL)
    texts = {
        to_text(plan_document(_shuffled(view, random.Random(each)), version="1"))
        for each in (seed, seed + 1, seed + 2)
    }
    assert len(texts) == 1


# Stops and drift

STOPS = ("stop", "delete", "fail")


def end(world: World, remote_id: RemoteId, how: str) -> None:
    """A post comes to its end without having been published."""
    if how == "stop":
        world.service.stop(remote_id)
    elif how == "delete":
        world.service.delete(remote_id)
    else:
        world.service.fail(remote_id, "spam_risk")


@kinds
@laws
@given(
    calendar=calendars(wanted=True),
    done=st.lists(st.sampled_from(STOPS), min_size=1, max_size=2),
    caption=st.sampled_from(["Hello", "Edited"]),
    renamed=st.booleans(),
    policy=st.sampled_from(DriftPolicy),
)
def test_no_stop_is_undone_without_a_new_time(
    root: Path,
    kind: str,
    calendar: Calendar,
    done: list[str],
    caption: str,
    renamed: bool,
    policy: DriftPolicy,
) -> None:
    """Whatever else is edited: what was stopped or failed is made again by a new time, or by restore-all, alone."""
    world = World(root, SERVICES[kind], Policy(drift=policy))
    world.calendar = {key: replace(spec, previously=None) for key, spec in calendar.items()}
    world.apply()
    names = {each.remote_id: each.address for each in world.recorded().records.values()}
    ended = dict(zip(list(world.scheduled()), done, strict=False))
    for remote_id, how in ended.items():
        end(world, remote_id, how)
    later = {post: f"{post}-later" if renamed else post for post in POSTS}
    edited = {
        (later[post], alias): replace(spec, caption=caption, previously=post if renamed else None)
        for (post, alias), spec in world.calendar.items()
    }
    forgetting = {key: replace(spec, previously=None) for key, spec in edited.items()}
    keeps = world.service.capabilities.keeps_history  # where none is kept, what failed is missing
    for world.calendar in (edited, forgetting):
        world.apply()
        for remote_id, how in ended.items():
            name = names[remote_id]
            record = world.recorded().records[Address("spring", later[name.post], name.account)]
            if policy is DriftPolicy.RESTORE_ALL and (how != "fail" or not keeps):
                assert record.remote_id in world.scheduled() or not world.service.capabilities.lists
            else:
                assert record.remote_id == remote_id
                assert remote_id not in world.scheduled()
    world.calendar = {key: replace(spec, hour=spec.hour + 7) for key, spec in forgetting.items()}
    world.apply()
    for remote_id in ended:
        name = names[remote_id]
        record = world.recorded().records[Address("spring", later[name.post], name.account)]
        spec = world.calendar[later[name.post], name.account]
        assert record.remote_id != remote_id
        if world.service.capabilities.moves or world.service.capabilities.cancels:
            assert world.scheduled()[record.remote_id].content.at == NOON + timedelta(hours=spec.hour)


@kinds
@laws
@given(
    calendar=calendars(wanted=True),
    done=st.lists(
        st.tuples(st.sampled_from(["move", "edit"]), st.integers(0, 5), st.sampled_from([22, 26])), max_size=3
    ),
    edited=st.sampled_from(POSTS),
)
def test_with_leave_a_hand_edit_stays_until_its_entry_is_edited(
    root: Path, kind: str, calendar: Calendar, done: list[Hand], edited: str
) -> None:
    """Nothing is written of what was changed by hand; an edit of the entry writes it all again, and only it."""
    world = World(root, SERVICES[kind], Policy(drift=DriftPolicy.LEAVE))
    world.calendar = {key: replace(spec, previously=None) for key, spec in calendar.items()}
    world.apply()
    meddle(world, done)
    for mode in (Refresh.AUTO, Refresh.FULL):
        assert world.plan(mode).lines == ()
    before = world.scheduled()
    world.apply()
    assert world.scheduled() == before
    world.calendar = {
        key: replace(spec, hour=spec.hour + 1) if key[0] == edited else spec
        for key, spec in world.calendar.items()
    }
    applied(world)
    untouched = {each.remote_id for each in world.recorded().records.values() if each.address.post != edited}
    assert {name: post for name, post in world.scheduled().items() if name in untouched} == {
        name: post for name, post in before.items() if name in untouched
    }


# Death


def alone(world: World) -> None:
    """No post waits twice: the calendars of this part give every post an hour of its own."""
    waiting = [(each.account_id, each.content.at, each.content.caption) for each in world.ours().values()]
    assert len(waiting) == len(set(waiting)), "a post is there twice"


def survives(world: World, *fates: Fate) -> None:
    """Processes die one after the other; then one lives, and all is as if none had died."""
    for fate in fates:
        world.apply(fate)
        alone(world)
        planned = world.plan()
        assert not planned.halted
    for _ in range(2):
        outcome = world.apply()
        assert outcome is not None
        for action, each in zip(outcome.plan.actions, outcome.outcomes, strict=True):
            if action.kind.acts:
                assert each.kind is OutcomeKind.DONE, (action, each)
        alone(world)
    left = world.plan()
    recorded = world.recorded()
    assert not left.acts, [(each.kind, each.address) for each in left.actions]
    unsettled = {each.address for each in left.actions if each.code == "unknown"}
    known = {each.remote_id for each in recorded.records.values()}
    assert recorded.opens.keys() == unsettled
    assert known <= world.ours().keys()
    assert len(world.ours().keys() - known) <= len(unsettled)
    if world.service.capabilities.cancels:
        assert left.actions == ()
        assert known == world.ours().keys()
        assert recorded.records.keys() == {each.address for each in world.entries()}
    else:
        # What cannot be cancelled stays recorded, and an open create that nobody wants any more waits for a person.
        blocked = {each.address for each in left.actions}
        assert all(each.address in recorded.records.keys() | blocked for each in world.entries())
    assert not any(each.times_published for each in world.service.posts())


BEFORE: Calendar = {
    ("a", "brand"): Spec(hour=20),
    ("b", "brand"): Spec(hour=21, media="b.mp4"),
    ("c", "brand"): Spec(hour=22),
    ("d", "brand"): Spec(hour=23),
    ("e", "second"): Spec(hour=24),
}
AFTER: Calendar = {
    ("a", "brand"): Spec(hour=30),
    ("b", "brand"): Spec(hour=21, media="a.mp4", caption="Edited"),
    ("f", "brand"): Spec(hour=22, media="b.mp4", caption="Renamed and edited", previously="c"),
    ("g", "brand"): Spec(hour=27),
    ("h", "second"): Spec(hour=28, media="b.mp4"),
    ("e", "second"): Spec(hour=24),
}
"""Moved, edited, renamed and edited, gone, new and tied to what is gone, new, and unchanged."""


def _calls(root: Path, kind: str) -> int:
    world = World(root, SERVICES[kind])
    world.calendar = BEFORE
    world.apply()
    world.calendar = AFTER
    living = Fate()
    world.apply(living)
    return living.count


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@kinds
def test_killed_at_any_call_the_next_apply_converges(root: Path, kind: str, after: bool) -> None:
    """At every call to the service and to the store, before it happens and after: nothing twice, nothing lost."""
    calls = _calls(root, kind)
    assert calls > 10
    for number in range(1, calls + 1):
        world = World(root, SERVICES[kind])
        world.calendar = BEFORE
        world.apply()
        world.calendar = AFTER
        survives(world, Fate(number, after))


@kinds
@laws
@given(
    hours=st.permutations(range(20, 30)),
    first=calendars(wanted=True),
    second=calendars(wanted=True),
    aliases=st.sampled_from(ALIASES),
    fates=st.lists(
        st.tuples(st.integers(1, 45), st.booleans(), st.sampled_from([0, 0, 1, 30 * 60])),
        min_size=1,
        max_size=4,
    ),
)
def test_killed_again_and_again_it_converges(
    root: Path,
    kind: str,
    hours: list[int],
    first: Calendar,
    second: Calendar,
    aliases: Mapping[str, str],
    fates: list[tuple[int, bool, int]],
) -> None:
    """Any calendars, killed any number of times, with minutes to half a day between: each wanted post once."""
    world = World(root, SERVICES[kind])
    world.calendar = apart(first, hours)
    for number, after, seconds in fates:
        world.apply(Fate(number, after))
        alone(world)
        world.now += timedelta(seconds=seconds)
    world.calendar, world.accounts = apart(second, hours[::-1]), aliases
    survives(world, *(Fate(number, after) for number, after, _ in fates))


def apart(calendar: Calendar, hours: Sequence[int]) -> Calendar:
    """The calendar with an hour for each of its posts, so that no two are alike."""
    return {key: replace(spec, hour=hour) for (key, spec), hour in zip(calendar.items(), hours, strict=False)}


@kinds
@pytest.mark.parametrize("number", [12, 19, 26])
def test_killed_with_several_posts_under_way(
    root: Path, kind: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same with real threads, where several posts are in flight when the process dies."""
    monkeypatch.setattr(run, "ThreadPoolExecutor", ThreadPoolExecutor)
    monkeypatch.setattr(uploads, "ThreadPoolExecutor", ThreadPoolExecutor)
    world = World(root, SERVICES[kind])
    world.calendar = BEFORE
    world.apply(Fate(number))
    alone(world)
    world.apply()
    world.calendar = AFTER
    survives(world, Fate(number), Fate(number // 2))


@laws
@given(
    kind=st.sampled_from(["postqued-v1", "full", "tikflow"]),
    number=st.integers(1, 45),
    after=st.booleans(),
    hours=st.sampled_from([1, 23, 25, 19]),
)
def test_however_late_the_next_apply_comes_nothing_is_there_twice(
    root: Path, kind: str, number: int, after: bool, hours: int
) -> None:
    """After a key has expired, or a time has passed, a create that may have happened is never repeated."""
    world = World(root, SERVICES[kind])
    world.calendar = BEFORE
    world.apply(Fate(number, after))
    world.passes(timedelta(hours=hours))
    for _ in range(3):
        assert world.apply() is not None
        made = [(each.account_id, each.content.at, each.content.caption) for each in world.service.posts()]
        assert len(made) == len(set(made))
        assert all(each.times_published <= 1 for each in world.service.posts())


# Trouble

Trouble: TypeAlias = tuple[int, str]
troubles = st.lists(
    st.tuples(
        st.integers(0, 25), st.sampled_from(["refused", "throttled", "not sent", "lost before", "lost after"])
    ),
    max_size=4,
)


def troubled(world: World, planned: Sequence[Trouble]) -> None:
    """The n-th call to the service, from 0, goes wrong: nothing happened, or nobody knows."""
    what, count = dict(planned), itertools.count()

    def trouble(name: str) -> Exception | None:
        kind = what.get(next(count))
        writes = name in ("create", "create_together", "cancel", "reschedule", "update", "upload")
        if kind == "refused" and writes:
            raise Rejected("no", service="memory")
        if kind == "throttled":
            raise Throttled("later", service="memory")
        if kind == "not sent":
            raise Unavailable("no way there", service="memory")
        if kind == "lost before" and writes:
            raise Uncertain("no answer", service="memory")
        return Uncertain("no answer", service="memory") if kind == "lost after" and writes else None

    world.service.trouble = trouble


@kinds
@laws
@given(
    hours=st.permutations(range(20, 30)),
    first=calendars(wanted=True),
    second=calendars(wanted=True),
    planned=troubles,
)
def test_whatever_the_service_answers_the_next_apply_converges(
    root: Path, kind: str, hours: list[int], first: Calendar, second: Calendar, planned: list[Trouble]
) -> None:
    """Refused, throttled, not sent, or sent and never answered: nothing twice, nothing lost."""
    world = World(root, SERVICES[kind])
    world.calendar = apart(first, hours)
    troubled(world, planned)
    with suppress(CalsyncError):
        world.apply()
    alone(world)
    world.calendar = apart(second, hours[::-1])
    troubled(world, planned)
    with suppress(CalsyncError):
        world.apply()
    troubled(world, ())
    survives(world)


# What was not looked at


@kinds
@pytest.mark.parametrize("ending", ["gone", "moved", "edited and moved"])
def test_what_nobody_has_looked_at_for_long_is_looked_at_before_it_is_touched(
    root: Path, kind: str, ending: str
) -> None:
    """A post that was scheduled when last seen, weeks ago, is out by now: it is neither cancelled nor made again."""
    world = World(root, SERVICES[kind])
    world.calendar = {("a", "brand"): Spec()}
    world.apply()
    world.passes(timedelta(days=20))
    world.calendar = {
        "gone": {},
        "moved": {("a", "brand"): Spec(hour=21 * 24)},
        "edited and moved": {("a", "brand"): Spec(hour=21 * 24, caption="Edited", media="b.mp4")},
    }[ending]
    planned = world.plan()
    assert planned.lines == ()
    assert world.apply() is not None
    assert [each.times_published for each in world.service.posts()] == [1]


# A conflict, and a key that is not ours


def answered(world: World, to_create: Exception, *, lost: bool, readable: bool) -> None:
    """The service's answer to a create, and whether its list can be read afterwards."""
    asked: list[str] = []

    def trouble(name: str) -> Exception | None:
        if name == "create":
            asked.append(name)
            if lost:
                return to_create
            raise to_create
        if name == "list_posts" and asked and not readable:
            raise Unavailable("no way there", service="memory")
        return None

    world.service.trouble = trouble


@pytest.mark.parametrize(
    ("kind", "readable", "ending"),
    [
        ("full", True, "unknown"),
        ("full", False, "unknown"),
        ("keyless", False, "unknown"),
        ("keyless", True, "failed"),
    ],
)
def test_a_conflict_means_that_something_is_there(root: Path, kind: str, readable: bool, ending: str) -> None:
    """Where it cannot be told what, the create stays open: never a second one under another key."""
    world = World(root, SERVICES[kind])
    world.calendar = {("a", "brand"): Spec()}
    conflict = Rejected("there is one already", conflict=True, service="memory")
    answered(world, conflict, lost=False, readable=readable)
    outcome = world.apply()
    assert outcome is not None
    assert [each.kind.value for each in outcome.outcomes] == [ending]
    assert len(world.recorded().opens) == (ending == "unknown")


def test_a_wrong_key_settles_nothing(root: Path) -> None:
    """What a wrong key does not show is no proof: records and open intents stay as they are."""
    world = World(root, SERVICES["tikflow"])
    world.calendar = {(post, "brand"): Spec(hour) for post, hour in (("a", 20), ("b", 21), ("c", 22))}
    world.apply()
    world.calendar = {**world.calendar, ("d", "brand"): Spec(23)}
    answered(world, Uncertain("no answer", service="memory"), lost=True, readable=False)
    world.apply()
    before = world.recorded()
    assert [each.post for each in before.opens] == ["d"]
    world.service.trouble = lambda _: None
    for remote_id in world.scheduled():
        world.service.delete(remote_id)
    outcome = world.apply()
    assert outcome is not None
    assert outcome.plan.halted
    after = world.recorded()
    assert (after.opens, after.records) == (before.opens, before.records)


# Size


def _big(count: int) -> tuple[Desired, Recorded, Observed]:
    """Posts that are new, kept, changed, renamed and vanished, and as many of other people's."""
    posts, records, seen, strangers = [], {}, {}, []
    key = AccountKey("memory", "memory-1")
    account = Account(alias="brand", key=key)
    for number in range(count):
        media = RemoteMedia(f"upload-{number}")
        content = Content(
            at=NOON + timedelta(hours=1, minutes=number), caption="Hello", media=(MediaRef.of(media),)
        )
        address = Address("spring", f"post-{number}", "brand")
        what = number % 5
        if what != 4:
            entry = Entry(
                address=address._replace(post=f"renamed-{number}") if what == 3 else address,
                content=replace(content, caption="Edited") if what == 2 else content,
                media=(media,),
                zone="UTC",
                source=Source(file="spring.yaml", line=number + 1),
                previously=(("spring", f"post-{number}"),) if what == 3 else (),
            )
            posts.append(Post(entry=entry, account=account, content=entry.content))
        if what != 0:
            remote_id = RemoteId(f"remote-{number}")
            records[address] = Record(
                address=address,
                account=key,
                remote_id=remote_id,
                content=content,
                api="1",
                assets=(media.id,),
            )
            seen[address] = Sighting(
                remote_id=remote_id, account_id=key.id, status=Status.SCHEDULED, at=content.at
            )
        strangers.append(
            Sighting(
                remote_id=RemoteId(f"stranger-{number}"),
                account_id=key.id,
                status=Status.SCHEDULED,
                at=content.at + timedelta(days=30),
                caption="Hello",
            )
        )
    return (
        Desired(posts=tuple(posts)),
        Recorded(lineage="x", records=records),
        Observed(by_address=seen, strangers={key: tuple(strangers)}),
    )


def _calls_of_plan(count: int) -> int:
    """How many functions of calsync a plan of so many posts calls."""
    desired, recorded, observed = _big(count)
    calls = 0

    def counted(frame: FrameType, what: str, _: object) -> None:
        nonlocal calls
        calls += what == "call" and "calsync" in frame.f_code.co_filename

    sys.setprofile(counted)
    try:
        made = plan(
            desired, recorded, observed, abilities={"memory": SERVICES["full"]}, policy=Policy(), now=NOON
        )
    finally:
        sys.setprofile(None)
    assert len(made.actions) == count - count // 5
    return calls


def test_the_work_of_a_plan_grows_with_its_posts() -> None:
    """Ten times the posts are ten times the calls, no more: counted, since time depends on the machine."""
    assert _calls_of_plan(2000) < 10.5 * _calls_of_plan(200)
