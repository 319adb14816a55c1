"""Honest answers, recorded from the sandbox and then bent: readers and plans refuse them or bear them, and never guess."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from liar import Liar
from loopback import Received
from outside import BRAND, FLOW, UPLOADS, Project, ahead, flow, video
from services import connected

from calsync.errors import CalsyncError
from calsync.model import AccountKey, RemoteId, Sighting
from calsync.providers.base import Provider, Scope, Window
from calsync.sandbox import Sandbox, seeds

ACCOUNTS: Mapping[str, tuple[Literal["postqued", "tikflow", "postiz"], str]] = {
    "v1": ("postqued", BRAND), "v2": ("postqued", BRAND), "tikflow": ("tikflow", FLOW),
    "postiz": ("postiz", seeds.POSTIZ_CHANNELS[1].id),
}  # fmt: skip
Choose: TypeAlias = Callable[[Sequence[Any]], Any]
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 7, 10**15, 1.5, "", " ", "no", "\ud800", "\x1b[2J", "../..", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
    "0000-00-00T00:00:00Z", "+1000000000000-01-01T00:00:00Z", "2031-01-01", 10**12, [], {}, [None], [[]], [{}], {"id": 1}, {"id": "other"},
    "x" * 300, "canceled", "published", [{"id": "other", "status": "canceled"}],
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything inside a value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in inside:
        yield (*path, name)
        yield from places(inner, (*path, name))


def bent(choose: Choose, body: Any, *, times: int = 3) -> Any:
    """The value with fields dropped, retyped, doubled, renamed or put one level deeper."""
    body = copy.deepcopy(body)
    for _ in range(choose(range(1, times + 1))):
        found = list(places(body))
        if not found:
            return choose(ODD)
        *way, last = choose(found)
        holder = body
        for each in way:
            holder = holder[each]
        match choose(("drop", "retype", "retype", "double", "rename", "nest")):
            case "drop":
                del holder[last]
            case "retype":
                holder[last] = copy.deepcopy(choose(ODD))
            case "double" if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[last]))
            case "rename" if isinstance(holder, dict):
                holder[choose(("id", "data", "status", "items", "x"))] = holder.pop(last)
            case _:
                holder[last] = choose(({"data": holder[last]}, [holder[last]]))
    return body


@dataclass(repr=False)
class Witness:
    """A service with two posts, its answers to every look, and a provider that is shown them bent."""

    api: str
    liar: Liar
    provider: Provider
    posts: list[RemoteId]
    answers: dict[str, Any] = field(default_factory=dict)
    choose: Choose | None = None
    lists: list[Any] = field(default_factory=list)
    """What was shown to the present question."""

    @property
    def scope(self) -> Scope:
        return Scope(AccountKey(*ACCOUNTS[self.api]))

    def twist(self, request: Received, status: int, body: bytes) -> bytes:
        """Bend an answer, and keep it."""
        if status != 200 or request.method != "GET":
            return body
        shown = json.loads(body)
        if self.choose is not None and self.choose((True, True, False)):
            shown = bent(self.choose, shown)
        self.answers[request.target.partition("?")[0]] = shown
        self.lists.append(shown)
        return json.dumps(shown).encode()

    def look(self) -> Iterator[tuple[RemoteId | None, Any]]:
        """Everything that a provider can be asked; its own errors are answers too, any other is a bug."""
        window = Window.around([datetime.now(UTC), datetime.now(UTC) + timedelta(days=9)])
        looks: list[tuple[RemoteId | None, Callable[[], Any]]] = [
            (None, self.provider.accounts),
            (None, self.provider.usage),
            (None, lambda: self.provider.creator(self.scope)),
            (None, lambda: self.provider.channel(self.scope)),
            (None, lambda: self.provider.list_posts([self.scope], window)),
            (None, lambda: self.provider.asset_status(UPLOADS[3])),
        ]
        looks += [(each, partial(self.provider.get_post, each, self.scope)) for each in self.posts]
        for about, ask in looks:
            self.lists.clear()
            try:
                yield about, ask()
            except CalsyncError as error:
                yield about, error

    def may_be_absent(self, post: RemoteId) -> bool:
        """Whether what was shown says of every post which it is, and of none that it is this one."""
        if self.api == "tikflow":
            rows = self.answers["/api/v1/schedule/scheduled-videos"].get("data")
            return isinstance(rows, list) and all(
                isinstance(each, dict) and named(each, "id", "scheduleId") not in (None, post.id)
                for each in rows
            )
        if self.api == "postiz":
            shown = [each.get("posts") if isinstance(each, dict) else None for each in self.lists]
            return all(isinstance(rows, list) and all(
                isinstance(each, dict) and named(each, "id") not in (None, post.id) for each in rows
            ) for rows in shown)  # fmt: skip
        shown = self.answers[f"/v2/publish/{post.id}"]
        text = json.dumps(shown)
        if "deleted" in text:
            return True
        lists = list(under(shown, "targets"))
        return bool(lists) and all(
            isinstance(each, list)
            and each
            and all(
                isinstance(target, dict) and named(target, "id", "targetId") not in (None, post.part)
                for target in each
            )
            for each in lists
        )


def under(value: Any, name: str) -> Iterator[Any]:
    """Everything that stands under this name, however deep."""
    for way in places(value):
        if way[-1] == name:
            found = value
            for each in way:
                found = found[each]
            yield found


def named(row: dict[str, Any], *names: str) -> str | None:
    """The first of these fields that is a text."""
    return next((row[name] for name in names if isinstance(row.get(name), str) and row[name]), None)


@pytest.fixture(params=["v1", "v2", "tikflow", "postiz"])
def witness(request: pytest.FixtureRequest) -> Iterator[Witness]:
    """One service, honest as yet."""
    api = str(request.param)
    service, account = ACCOUNTS[api]
    with Sandbox(rate_limits=False, ping=200 if api == "v2" else 404) as box:
        for day in (3, 4):
            media = [UPLOADS[day]] if api == "tikflow" else []
            box.add_post(service, account, datetime.now(UTC) + timedelta(days=day), caption="Hi", media=media)
        with Liar(box.url) as liar:
            provider, transport = connected(service, liar.url, lambda: datetime.now(UTC))
            posts = [
                RemoteId(each["id"], each.get("target_id") or None)
                for each in box.posts()
                if each["service"] == service and each["kind"] != "upload"
                if each["status"] in ("scheduled", "QUEUE")
            ]
            with transport:
                found = Witness(api, liar, provider, posts)
                liar.twist = found.twist
                yield found


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_no_bent_answer_breaks_a_reader_or_hides_a_post(witness: Witness, seed: int) -> None:
    """Every reader gives a value or an error of ours, and a post that is there is never said to be absent."""
    witness.choose = None
    honest = [found for about, found in witness.look() if about is not None]
    assert all(isinstance(each, Sighting) for each in honest), honest
    # Chance, since it is the server's threads that choose.
    witness.choose = random.Random(seed).choice
    for about, found in witness.look():
        if about is not None and found is None:
            assert witness.api != "v1"
            assert witness.may_be_absent(about), f"{about} in {json.dumps(witness.answers)[:20_000]}"
        if isinstance(found, Sighting):
            json.dumps([str(found.at), found.caption, found.reason]).encode()


def test_no_bent_answer_makes_a_plan_create_again(project: Project) -> None:
    """Plans over bent answers, from a dozen liars: an exit code of the contract, no bug, and nothing made anew."""
    project.box.set_knobs(ping=200)
    project.calendar(
        *(video(f"p{day}", ahead(days=day), media={"id": UPLOADS[0]}) for day in (3, 4, 5)),
        flow("loop", ahead(days=4)), flow("two", ahead(days=5), 1),
    )  # fmt: skip
    project.apply()
    for start in range(0, 48, 12):
        with ExitStack() as opened:
            running = []
            for seed in range(start, start + 12):
                chance = random.Random(seed)

                def twist(
                    request: Received, status: int, body: bytes, chance: random.Random = chance
                ) -> bytes:
                    shown = json.loads(body)
                    if request.target.startswith("/v2/ping") or status != 200 or chance.random() < 0.5:
                        return body
                    return json.dumps(bent(chance.choice, shown)).encode()

                liar = opened.enter_context(Liar(project.box.url, twist=twist))
                argv = ("plan", "--refresh", "full", "--format", "json")
                running.append((seed, project.start(*argv, env=liar.environment())))
            for seed, run in running:
                result = project.end(run, *argv, seconds=200)
                said = f"seed {seed}: {result}"
                assert "bug in calsync" not in result.out + result.err, said
                assert result.code in (0, 1), said
                made = [each for each in result.json.get("actions", ()) if each["action"] == "create"]
                assert made == [], said
