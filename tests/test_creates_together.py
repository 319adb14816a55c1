"""Posts of one time, made with one request: what goes wrong with it, and what a killed process leaves of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from worlds import POSTIZ, AtOnce, Fate, Mortal, Spec, World, files_in

from calsync.apply import run, uploads
from calsync.errors import Rejected, Throttled, Unauthorized, Uncertain
from calsync.model import Intent
from calsync.plan.outcome import OutcomeKind
from calsync.providers.memory import CAPABILITIES as FULL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from calsync.model import Capabilities, RemoteId
    from calsync.providers.base import Submission

NAMES = ("a", "b", "c", "d", "e")
KEYED = replace(FULL, together=3)
kinds = pytest.mark.parametrize("abilities", [POSTIZ, KEYED], ids=["keyless", "keyed"])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return files_in(tmp_path_factory.mktemp("project"))


@pytest.fixture(autouse=True)
def _one_thing_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "ThreadPoolExecutor", AtOnce)
    monkeypatch.setattr(uploads, "ThreadPoolExecutor", AtOnce)


def five() -> dict[tuple[str, str], Spec]:
    """Posts of one minute that nobody would mistake for each other."""
    return {(name, ("brand", "second")[number % 2]): Spec(caption=name) for number, name in enumerate(NAMES)}


def outcomes(world: World) -> list[str]:
    """Apply, and say what became of each action."""
    applied = world.apply()
    assert applied is not None
    return [each.kind.value for each in applied.outcomes]


def converged(world: World) -> None:
    """The next apply does all that is left, and then each post is there and recorded, once."""
    for _ in range(2):
        assert {*outcomes(world)} <= {OutcomeKind.DONE.value}
    there_once(world)
    assert world.recorded().records.keys() == {each.address for each in world.entries()}
    assert {each.remote_id for each in world.recorded().records.values()} == world.scheduled().keys()
    assert not world.recorded().opens
    assert not world.plan().actions


def there_once(world: World) -> None:
    captions = [each.content.caption for each in world.service.posts()]
    assert len(captions) == len({*captions})


def creates(world: World) -> list[str]:
    return [each for each in world.service.calls if each.startswith("create")]


def trouble(world: World, call: str, error: Exception, *, done: bool = False) -> None:
    """Let a call go wrong once, before it has done anything or after."""
    left = [error]

    def once(name: str) -> Exception | None:
        if name != call or not left:
            return None
        if done:
            return left.pop()
        raise left.pop()

    world.service.trouble = once


@kinds
def test_posts_of_one_time_share_a_request(root: Path, abilities: Capabilities) -> None:
    """As many as it takes, the soonest first; another time, another request."""
    world = World(root, abilities)
    world.calendar = {**five(), ("z", "brand"): Spec(hour=23, caption="z")}
    assert outcomes(world) == ["done"] * 6
    assert creates(world) == ["create", "create_together", "create_together"]
    assert [each.content.caption for each in world.service.posts()] == ["z", *NAMES]
    converged(world)


def test_a_draft_and_a_post_of_one_time_do_not(root: Path) -> None:
    """A request has one intent; a replace goes alone, too, and a create that waits for a cancel."""
    world = World(root, POSTIZ)
    world.calendar = {
        (name, "brand"): Spec(caption=name, intent=intent)
        for name, intent in (("a", Intent.PUBLISH), ("b", Intent.DRAFT), ("c", Intent.PUBLISH))
    }
    assert outcomes(world) == ["done"] * 3
    assert creates(world) == ["create_together", "create"]
    world = World(root, replace(POSTIZ, moves=False, updates=False, late_move_may_repeat=False))
    world.calendar = {("a", "brand"): Spec(caption="a"), ("b", "second"): Spec(caption="b")}
    world.apply()
    world.calendar = {
        ("a", "brand"): Spec(caption="A"),
        ("x", "second"): Spec(caption="x"),
        ("y", "brand"): Spec(caption="y"),
    }
    before = len(creates(world))
    planned = world.plan()
    assert [each.waits_for for each in planned.actions if each.kind.value == "create"] != [(), ()]
    assert {*outcomes(world)} == {"done"}
    assert creates(world)[before:] == ["create", "create", "create"]
    converged(world)


@kinds
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_call_the_next_apply_converges(
    root: Path, abilities: Capabilities, after: bool
) -> None:
    """At every call to the service and to the store: no post twice, none lost."""
    living, world = Fate(), World(root, abilities)
    world.calendar = five()
    world.apply(living)
    assert living.count > 10
    for number in range(1, living.count + 1):
        world = World(root, abilities)
        world.calendar = five()
        world.apply(Fate(number, after))
        there_once(world)
        written = world.recorded().records.keys() | world.recorded().opens.keys()
        assert {each.content.caption for each in world.service.posts()} <= {each.post for each in written}
        converged(world)


@dataclass(kw_only=True)
class Halfway(Mortal):
    """A service that breaks down in the middle of a request, when so many of its posts are made; None: it does not."""

    made: int | None = None

    def create_together(
        self, submissions: Sequence[Submission], *, tokens: Sequence[str]
    ) -> Sequence[RemoteId]:
        if self.made is None:
            return super().create_together(submissions, tokens=tokens)
        for each, token in zip(submissions[: self.made], tokens, strict=False):
            self.create(each, token=token)
        raise Uncertain("no answer", service="memory")


class Breaking(World):
    """A project at such a service."""

    service: Halfway

    def __init__(self, root: Path, abilities: Capabilities) -> None:
        super().__init__(root, abilities)
        self.service = Halfway(now=lambda: self.now, capabilities=abilities)


@kinds
@pytest.mark.parametrize("made", [0, 1, 2, 3])
def test_what_a_request_without_an_answer_has_made_is_found(
    root: Path, abilities: Capabilities, made: int
) -> None:
    """Each post is looked for by itself; what is not there is left to the next apply."""
    world = Breaking(root, abilities)
    world.service.made = made
    world.calendar = dict(list(five().items())[:3])
    assert sorted(outcomes(world)) == ["done"] * made + ["unknown"] * (3 - made)
    there_once(world)
    world.service.made = None
    converged(world)


@kinds
def test_a_lost_answer_whose_posts_cannot_be_listed_stays_open(root: Path, abilities: Capabilities) -> None:
    """Nothing is sent again before somebody has looked."""
    world = World(root, abilities)
    world.calendar = dict(list(five().items())[:3])
    asked: list[str] = []

    def silent(name: str) -> Exception | None:
        if name == "list_posts" and "create_together" in asked:
            raise Throttled("later", service="memory")
        asked.append(name)
        return Uncertain("no answer", service="memory") if name == "create_together" else None

    world.service.trouble = silent
    assert outcomes(world) == ["unknown"] * 3
    assert len(world.recorded().opens) == 3
    world.service.trouble = lambda _: None
    converged(world)
    assert creates(world).count("create_together") == 1 or abilities.key_life is not None


@kinds
def test_a_refused_request_is_taken_apart(root: Path, abilities: Capabilities) -> None:
    """Nothing of it was made: each post is tried alone, and only the bad one fails."""
    world = World(root, abilities)
    world.calendar = dict(list(five().items())[:3])
    refusals = {"create_together": 1, "create": 1}

    def refuse(name: str) -> None:
        if refusals.get(name):
            refusals[name] -= 1
            raise Rejected("too long", service="memory")

    world.service.trouble = refuse
    assert outcomes(world) == ["failed", "done", "done"]
    assert not world.recorded().opens
    converged(world)


@kinds
@pytest.mark.parametrize("done", [False, True])
def test_a_service_that_refuses_us_ends_all_of_it(root: Path, abilities: Capabilities, done: bool) -> None:
    """Without leaving intents of what was not made; a quota ends creates alone."""
    world = World(root, abilities)
    world.calendar = {**five(), ("z", "brand"): Spec(hour=30, caption="z")}
    trouble(world, "create_together", Unauthorized("no", quota=done, service="memory"))
    assert outcomes(world) == ["failed"] * 3 + ["skipped"] * 3
    assert not world.recorded().opens
    converged(world)


def test_two_posts_that_are_the_same_on_purpose_share_what_was_made(root: Path) -> None:
    """Whichever of them the service has made: the other is made once more, and none a third time."""
    for made in (0, 1, 2):
        world = Breaking(root, POSTIZ)
        world.service.made = made
        world.calendar = {("a", "brand"): Spec(), ("b", "brand"): Spec()}
        assert outcomes(world) == ["unknown"] * 2  # one of them alone could not tell whose a post is
        assert len(world.service.posts()) == made
        world.service.made = None
        assert {*outcomes(world)} <= {"done"}
        assert len(world.service.posts()) == 2
        assert len({each.remote_id for each in world.recorded().records.values()}) == 2
        assert not world.plan().actions
