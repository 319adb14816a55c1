"""Killed at any request and at any write of the state, and run again: each post is there once, and nothing else is touched.

Every point is a case of its own: the world goes back to the start, the run is killed there by SIGKILL, and the next
apply has to bring about exactly what a run brings about that nobody kills. Where two kills leave the same files and the
same services behind, that is seen once. One point alone is repeated by

    KILL_POINT=request-7-after pytest tests/proof/test_kill_points.py -k "any_point and tikflow"

and KILL_POINT=all adds those that repeat others within the run: see `World.points`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from outside import BRAND, EXAMPLES, FLOW, OTHER_FLOW, SECOND, UPLOADS, Project, ahead, flow, moment, video
from proof.killing import APPLY, Point, World
from warm import Warm

from calsync.sandbox import Sandbox, seeds

Posts = list[dict[str, Any]]
PARTS = 6
MASTODON, TELEGRAM = (
    next(each.id for each in seeds.POSTIZ_CHANNELS if each.network == network)
    for network in ("mastodon", "telegram")
)
D = [ahead(days=n) for n in range(40)]
LOOK = video("look", D[16], media=["media/look-1.jpg"], accounts=["second"])
"""What a carousel shares a picture with."""


def _media(project: Project, count: int) -> None:
    """Videos that differ in their last bytes: a box that players skip."""
    teaser = (EXAMPLES / "teaser.mp4").read_bytes()
    for n in range(count):
        project.write(f"calendars/media/v{n}.mp4", teaser + b"\x00\x00\x00\x09free%d" % n)
    project.media("look-1.jpg", "look-2.jpg")


def _clip(post_id: str, day: int, media: int = 0, **more: Any) -> dict[str, Any]:
    return video(post_id, D[day], media=f"media/v{media}.mp4", **more)


def _by_caption(project: Project, caption: str) -> str:
    [found] = [each["id"] for each in project.posts() if each["caption"] == caption]
    return found


def _by_upload(project: Project, upload: str) -> str:
    [found] = [each["id"] for each in project.posts() if each["media"] == [upload]]
    return found


def _made(project: Project, posts: Posts) -> None:
    project.calendar(*posts)
    project.apply()


def _new_at_postqued() -> Posts:
    """What every version makes: an upload, one that two posts share, a carousel, a draft."""
    return [
        _clip("fresh", 18, 2),
        _clip("shares", 19, 2),
        video("pictures", D[20], media=["media/look-1.jpg", "media/look-2.jpg"]),
        _clip("inbox", 21, 2, intent="draft"),
    ]


def _theirs(project: Project) -> list[str]:
    """Posts of people, on the same accounts."""
    box = project.box
    return [
        box.add_post("postqued", BRAND, moment(D[24]), caption="Theirs"),
        box.add_post("postqued", SECOND, moment(D[3]), caption="Theirs too"),
        box.add_post("tikflow", FLOW, moment(D[25])),
        box.add_post("tikflow", OTHER_FLOW, moment(D[5])),
        box.add_post("postiz", MASTODON, moment(D[24]), caption="Theirs"),
        box.add_post("postiz", TELEGRAM, moment(D[3]), caption="Theirs too", intent="draft"),
    ]


def _v1(project: Project) -> Posts:
    """Postqued v1, which makes posts and neither lists, moves nor cancels them."""
    _made(
        project,
        [
            _clip("stays", 3),
            _clip("old-name", 8, caption="Named"),
            _clip("out", 11),
            _clip("again", 12),
            LOOK,
        ],
    )
    for caption in ("The out", "The again"):
        project.box.stop_post(_by_caption(project, caption))
    return [
        _clip("stays", 3),
        _clip("new-name", 8, previously="old-name", caption="Named"),
        _clip("again", 13),
        LOOK,
        *_new_at_postqued(),
    ]


def _v2(project: Project) -> Posts:
    """Postqued v2: all but a change in place."""
    _made(
        project,
        [
            _clip("stays", 3), _clip("gone", 4), _clip("tied-old", 5, 1), _clip("words", 7),
            _clip("old-name", 8, caption="Named"), _clip("old-late", 9, caption="Late"), _clip("out", 11),
            _clip("again", 12), LOOK,
        ],
    )  # fmt: skip
    for caption in ("The out", "The again"):
        project.box.stop_post(_by_caption(project, caption))
    [media] = [each["media"] for each in project.posts() if each["caption"] == "The stays"]
    project.box.add_post("postqued", BRAND, moment(D[17]), caption="The twin", media=media)
    return [
        _clip("stays", 3),
        _clip("tied-new", 5),
        _clip("words", 7, 3, caption="Other words"),
        _clip("new-name", 8, previously="old-name", caption="Named"),
        _clip("new-late", 27, previously="old-late", caption="Late"),
        _clip("again", 13),
        LOOK,
        _clip("twin", 17),
        *_new_at_postqued(),
    ]


def _tikflow(project: Project) -> Posts:
    """TikFlow, whose creates have no key: uploads that it has, scheduled."""
    more = [project.box.seed_upload() for _ in range(4)]

    def named(post_id: str, day: int, upload: int, **also: Any) -> dict[str, Any]:
        post = flow(post_id, D[day], min(upload, 9), **also)
        return post | ({"media": {"id": more[upload - 10]}} if upload >= 10 else {})

    _made(
        project,
        [
            named("stays", 3, 0), named("gone", 4, 1), named("tied-old", 6, 2),
            named("media", 8, 4), named("old-name", 9, 6), named("old-late", 10, 7), named("out", 11, 8),
            named("again", 12, 9), named("drifted", 14, 10),
        ],
    )  # fmt: skip
    for upload in UPLOADS[8:10]:
        project.box.stop_post(_by_upload(project, upload))
    project.box.edit_post(_by_upload(project, more[0]), at=moment(D[15]))
    project.box.add_post("tikflow", FLOW, moment(D[17]), media=[more[1]])
    return [
        named("stays", 3, 0),
        named("tied-new", 6, 12),
        named("media", 8, 5),
        named("new-name", 9, 6, previously="old-name"),
        named("new-late", 27, 7, previously="old-late"),
        named("again", 13, 9),
        named("drifted", 14, 10),
        named("twin", 17, 11),
        named("fresh", 18, 13),
        named("takes-over", 19, 1),
    ]


def _postiz(project: Project) -> Posts:
    """Postiz, which has no key and shows neither media nor replies: every change in place, and drafts that wait."""
    project.options = {}
    channels = {"brand": ("mastodon", MASTODON), "second": ("telegram", TELEGRAM)}
    project.configure(
        accounts={
            alias: {"provider": "postiz", "platform": network, "id": channel}
            for alias, (network, channel) in channels.items()
        },
        providers=None,
    )

    def text(post_id: str, day: int, **more: Any) -> dict[str, Any]:
        return {"id": post_id, "at": D[day], "accounts": ["brand"], "caption": f"The {post_id}"} | more

    def picture() -> dict[str, Any]:
        return {"text": "Second", "media": "media/look-1.jpg"}

    _made(
        project,
        [
            text("stays", 3), text("gone", 4), text("tied-old", 5), _clip("words", 7, thread=["First", picture()]),
            text("old-name", 8, caption="Named"), text("old-late", 9, caption="Late", thread=["Later"]),
            text("out", 11), text("again", 12), text("drifted", 14), text("inbox", 15, intent="draft"),
        ],
    )  # fmt: skip
    project.box.delete_post(_by_caption(project, "The out"))
    project.box.stop_post(_by_caption(project, "The again"))
    project.box.edit_post(_by_caption(project, "The drifted"), at=moment(D[16]))
    project.box.add_post("postiz", MASTODON, moment(D[17]), caption="The twin")
    return [
        text("stays", 3),
        text("tied-new", 5),
        _clip("words", 7, 3, caption="Other words", thread=[picture()]),
        text("new-name", 8, previously="old-name", caption="Named"),
        text("new-late", 27, previously="old-late", caption="Late", thread=["Later"]),
        text("again", 13),
        text("drifted", 14),
        text("inbox", 15),
        text("twin", 17),
        _clip("fresh", 18, 2, accounts=["brand", "second"], thread=["First", picture()]),
        _clip("shares", 19, 2, intent="draft"),
    ]


def _first(project: Project) -> Posts:
    """The first apply of a project: there is no state yet."""
    project.configure(state={"path": "deep/er/.calsync/state.json"})
    return [_clip("fresh", 18, 2), _clip("shares", 19, 2)]


@dataclass(frozen=True)
class Scenario:
    """How the world of a service comes about, and the kinds of action that are in its apply."""

    arrange: Callable[[Project], Posts]
    kinds: frozenset[str]
    requests: int
    calls: int
    points: int
    v2: bool = False
    one_in: int = 1
    """How many points there are to one that is tried where not all are asked for."""


SCENARIOS = {
    "v1": Scenario(_v1, frozenset({"create", "move", "forget"}), requests=14, calls=60, points=60),
    "v2": Scenario(
        _v2,
        frozenset({"create", "adopt", "reschedule", "replace", "cancel", "move", "forget"}),
        requests=26,
        calls=90,
        points=88,
        v2=True,
    ),
    "tikflow": Scenario(
        _tikflow,
        frozenset({"create", "adopt", "reschedule", "replace", "cancel", "move", "forget"}),
        requests=12,
        calls=90,
        points=66,
    ),
    "postiz": Scenario(
        _postiz,
        frozenset({"create", "adopt", "reschedule", "update", "cancel", "move", "forget"}),
        requests=40,
        calls=90,
        points=60,
        one_in=2,
    ),
}


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> Iterator[Callable[[str], World]]:
    """The world of a scenario, arranged once."""
    made: dict[str, World] = {}

    def world(name: str) -> World:
        if name not in made:
            made[name] = _arranged(tmp_path_factory.mktemp(name), SCENARIOS[name], warm)
        return made[name]

    yield world
    for each in made.values():
        each.project.box.close()


def _arranged(folder: Path, scenario: Scenario, warm: Warm) -> World:
    root = folder / "project"
    root.mkdir()
    project = Project(root, Sandbox(rate_limits=False, ping=200 if scenario.v2 else 404), warm)
    _media(project, 4)
    theirs = _theirs(project)
    posts = scenario.arrange(project)
    project.calendar(*posts)
    addresses = frozenset(f"spring/{each['id']}@{alias}" for each in posts for alias in each["accounts"])
    world = World(project, frozenset(theirs), addresses)
    world.count()
    return world


def _hold(world: World, point: Point) -> bool:
    """The case of one point; False where the run ended before it."""
    project = world.project
    world.back()
    what = world.kill(point)
    try:
        situation = world.situation()
        if what is not None:
            world.never_twice()
            if situation in world.settled:
                return True
            if point.n % 5 == 0:
                project.run("state", "list", code=0)
            known, sent = world.recorded(), world.transfers()
            again = project.run(*APPLY)
            assert again.code == 0, str(again)
            world.never_twice()
            _not_again(world, known, sent)
        world.end()
    except Exception as error:
        error.add_note(f"point {point}: {what}")
        raise
    world.settled.add(situation)
    return what is not None


def _not_again(world: World, known: frozenset[Any], sent: dict[str, int]) -> None:
    done = {each.sha256 for each in known}
    for sha256, times in world.transfers().items():
        assert times - sent.get(sha256, 0) <= (sha256 not in done), "an upload that was complete was repeated"


def _chosen(world: World, part: int, scenario: Scenario) -> list[Point]:
    alone = os.environ.get("KILL_POINT")
    step = scenario.one_in if alone is None else 1
    return [
        point
        for number, point in enumerate(world.points(every=alone is not None))
        if (str(point) == alone if alone not in (None, "all") else number % (PARTS * step) == part * step)
    ]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_apply_that_is_killed(worlds: Callable[[str], World], name: str) -> None:
    """It holds every kind of action of its service, and no fewer points than are expected."""
    world, scenario = worlds(name), SCENARIOS[name]
    assert world.result is not None
    assert set(world.result.actions().values()) == scenario.kinds, world.result.actions()
    assert set(world.result.outcomes().values()) == {"done"}
    assert len(world.wanted) == len(world.addresses)
    assert len(world.requests) >= scenario.requests
    assert len(world.calls) >= scenario.calls
    assert len(list(world.points(every=False))) >= scenario.points
    world.published()


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_any_point(worlds: Callable[[str], World], name: str, part: int) -> None:
    """Killed at a request or at a write of the state, and run again: as if it had never been killed."""
    world = worlds(name)
    failed: list[Exception] = []
    for point in _chosen(world, part, SCENARIOS[name]):
        try:
            assert _hold(world, point), f"the run ended before {point}"
        except (AssertionError, OSError) as error:
            failed.append(error)
    if failed:
        raise ExceptionGroup(f"{name}: {len(failed)} points failed", failed[:5])


CHAINS = [("write", 0, "before", 1), ("write", 0, "after", 1), ("store", 3, "after", 8)]


@pytest.mark.parametrize(
    ("name", "kind", "first", "when", "step"),
    [(name, *each) for name in SCENARIOS for each in (CHAINS[1:2] if name == "postiz" else CHAINS)],
)
def test_killed_again_and_again(
    worlds: Callable[[str], World], name: str, kind: Any, first: int, when: Any, step: int
) -> None:
    """Killed, run again and killed a little later, until a run comes to its end: as if nobody had killed any."""
    world = worlds(name)
    world.back()
    kills, known, sent = 0, world.recorded(), world.transfers()
    while world.kill(Point(kind, first + kills * step, when)) is not None:
        kills += 1
        world.never_twice()
        _not_again(world, known, sent)
        known, sent = world.recorded(), world.transfers()
    assert kills >= 3
    _not_again(world, known, sent)
    world.end()


def test_the_first_apply_is_killed(project: Project) -> None:
    """Where there is no state yet: killed at any write of it, and run again, with the one post in the end."""
    project.calendar(flow("first", D[3]))
    world = World(project, frozenset(), frozenset({"spring/first@flow"}))
    world.count()
    assert {"mkdir", "open", "write", "fsync", "replace", "fdatasync", "unlink"} <= set(world.calls)
    for point in world.points():
        assert _hold(world, point), point


def test_the_first_state_is_killed(project: Project) -> None:
    """`state init` killed at any write: run again it begins or is done, and the apply makes the one post."""
    project.configure(project="5b1e0c6a-8d3f-4f5e-9a51-0c1f2e3d4b5a")
    project.calendar(flow("first", D[3]))
    world = World(project, frozenset(), frozenset({"spring/first@flow"}))
    ends: list[int] = []
    for n in itertools.count():
        world.back()
        if world.kill(Point("store", n, "before"), ("state", "init")) is None:
            break
        ends.append(project.run("state", "init").code)
        project.run("state", "list", code=0)
        assert project.apply().actions() == {"spring/first@flow": "create"}
        assert len(world.truth()) == 1
    assert len(ends) >= 8
    assert set(ends) == {0, 1}, "begun anew, and there already"


@pytest.mark.parametrize("service", ["v2", "tikflow"])
@pytest.mark.parametrize("point", [Point("write", 0, "after"), Point("write", 1, "before")], ids=str)
@pytest.mark.parametrize("soon", [False, True], ids=["in-time", "soon"])
def test_killed_between_the_halves_of_a_replace(
    project: Project, service: str, point: Point, soon: bool
) -> None:
    """The next apply goes on with the create; where its time is soon by then it is lost, and nothing is created."""
    project.box.set_knobs(ping=200 if service == "v2" else 404)
    edited = _half_replaced(project, service)
    world = World(project, frozenset(), frozenset(f"spring/{each}" for each in ("post@brand", "stays@brand")))
    assert world.kill(point) is not None
    assert [each["status"] for each in project.posts()].count(
        "canceled" if service == "v2" else "cancelled"
    ) == 1
    address = "spring/post@brand" if service == "v2" else "spring/post@flow"
    if not soon:
        assert project.apply().actions() == {address: "create"}
        assert len(world.truth()) == 2
        assert project.apply().actions() == {}
        return
    # The time passes: what was far enough ahead is not any more.
    project.configure(policy={"lead_time": "100h"})
    sent = len(project.writes())
    for _ in range(2):
        lost = project.apply(code=4)
        assert lost.actions() == {}
        assert lost.codes()["lost"] == "error"
        assert len(world.truth()) == 1
    assert len(project.writes()) == sent
    # Until a person gives it another time.
    project.calendar(edited[0] | {"at": D[9]}, *edited[1:])
    assert project.apply().actions() == {address: "create"}
    assert len(world.truth()) == 2
    assert project.apply().actions() == {}


def _half_replaced(project: Project, service: str) -> Posts:
    """One post that the next apply replaces, and one that stays; the edited calendar."""
    if service == "v2":
        before, after, stays = (
            video("post", D[3]),
            video("post", D[3], caption="Edited"),
            video("stays", D[9]),
        )
    else:
        before, after, stays = flow("post", D[3], 0), flow("post", D[3], 1), flow("stays", D[9], 2)
    _made(project, [before, stays])
    project.calendar(after, stays)
    assert set(project.plan().actions().values()) == {"replace"}
    return [after, stays]


def test_an_upload_that_may_publish_at_once_is_killed(project: Project) -> None:
    """TikFlow's own uploads have neither key nor list: made or not, none is made again, and nothing else is held up.

    What the kill left open is `unknown` at its one address, until a person ends it.
    """
    project.configure(
        providers={"tikflow": {"allow_upload": "true", "rate_limits": {"all": "6000"}}},
    )
    project.media("look-1.jpg", "look-2.jpg")
    pictures = {
        "id": "up", "at": D[4], "accounts": ["flow"], "media": ["media/look-1.jpg", "media/look-2.jpg"],
        "caption": "Up",
    }  # fmt: skip
    project.calendar(pictures, flow("named", D[5]))
    world = World(project, frozenset(), frozenset({"spring/up@flow", "spring/named@flow"}))
    world.count()
    ends = set()
    for point in world.points():
        world.back()
        what = world.kill(point)
        assert what is not None
        situation = world.situation()
        if situation in world.settled:
            continue
        world.settled.add(situation)
        again = project.run(*APPLY)
        assert all(each["times"] == 1 for each in project.box.uploads()), point
        ends.add(again.code)
        if again.code == 0:
            world.end()
            continue
        assert again.code == 4, str(again)
        for result in (again, project.run(*APPLY)):
            assert [
                each["address"] for each in result.json["diagnostics"] if each["severity"] == "error"
            ] == ["spring/up@flow"], point
            assert result.codes()["unknown"] == "error", point
        assert len(world.truth()) in (1, 2), point
        assert len({str(each[7]) for each in world.truth()}) == len(world.truth()), point
    assert ends == {0, 4}
