"""What a write came to is known from its answer or from a look, and what neither tells stays open."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from loopback import Act, Key, Loopback, answer
from worlds import SERVICES, Spec, World, files_in

from calsync import providers
from calsync.errors import Rejected, Uncertain
from calsync.interrupts import StopSign
from calsync.model import AccountKey, Content, MediaRef, RemoteId, Status
from calsync.plan.outcome import OutcomeKind
from calsync.providers.base import Link, Provider, Scope, ServiceSettings, Submission
from calsync.transport import Transport

NOW = datetime(2026, 3, 1, tzinfo=UTC)
POST = Content(at=NOW + timedelta(days=9), caption="Hello", media=(MediaRef("id", "u1"),))
UPLOAD = "550e8400-e29b-41d4-a716-446655440000"


def said(body: object, status: int = 200) -> Act:
    return answer(status, json.dumps(body).encode())


Connect = Callable[..., Provider]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connects to a scripted server; may read so many times in a minute, and its run ends at its first wait."""
    with ExitStack() as opened:

        def connected(service: str, server: Loopback, *, reads: int = 30, **settings: Any) -> Provider:
            stop = StopSign()
            transport = Transport(
                server.url,
                Key("a-key-of-ours"),
                service=service,
                rates={"read": reads},
                stop=stop,
                sleep=lambda _: stop.set(),
            )
            opened.enter_context(transport)
            if service == "postqued":
                settings = {"api": "v2", "workspace": "w1", **settings}
            link = Link(
                settings=ServiceSettings(service=service, **settings), transport=transport, now=lambda: NOW
            )
            return providers.connect(link)

        yield connected


def scope(service: str) -> Scope:
    return Scope(AccountKey(service, "a1"), "w1" if service == "postqued" else None)


def test_a_post_is_made_although_the_run_ends_before_its_target_is_read(connect: Connect) -> None:
    """Stopped while it waits to read back what it made, v2 still says that it was made."""
    with Loopback(said({"id": "p0", "targets": []}), said({"id": "p1", "status": "pending"}, 201)) as server:
        provider = connect("postqued", server, reads=1)
        provider.get_post(RemoteId("p0"), scope("postqued"))
        what = Submission(scope=scope("postqued"), platform="tiktok", content=POST, assets=("u1",))
        assert provider.create(what, token="t") == RemoteId("p1")


@pytest.mark.parametrize("acts", [[answer(404, b"<html>")], [said({"error": "no", "code": "X"}, 401)], []])
def test_a_cancel_that_cannot_be_looked_after_is_unknown_at_postqued(
    connect: Connect, acts: list[Act]
) -> None:
    """The cancel was accepted, and no failure to read how the post stands makes that undone."""
    with Loopback(said({"id": "p0", "targets": []}), said({"success": True}), *acts) as server:
        provider = connect("postqued", server, reads=5 if acts else 1)
        provider.get_post(RemoteId("p0"), scope("postqued"))
        with pytest.raises(Uncertain):
            provider.cancel(RemoteId("p1", "t1"), scope("postqued"))


@pytest.mark.parametrize("status", [200, 404])
def test_a_cancel_that_cannot_be_looked_after_is_unknown_at_tikflow(connect: Connect, status: int) -> None:
    """A schedule that was cancelled, or is gone, is looked for, and what cannot be read is not known."""
    gone = {"success": status == 200, "error": {"code": "X", "message": "no"}}
    refused = said({"success": False, "error": {"code": "UNAUTHORIZED", "message": "no"}}, 401)
    with Loopback(said(gone, status), refused) as server, pytest.raises(Uncertain):
        connect("tikflow", server).cancel(RemoteId("s1", UPLOAD), scope("tikflow"))


def test_a_schedule_that_is_gone_because_it_went_out_was_not_cancelled(connect: Connect) -> None:
    """TikFlow's list forgets what was executed, and the upload tells: so no second one is made in its place."""
    gone = said({"success": False, "error": {"code": "NOT_FOUND", "message": "no"}}, 404)
    nothing = said({"success": True, "data": []})
    history = said({"success": True, "data": [{"id": UPLOAD, "status": "published"}]})
    with Loopback(gone, nothing, history) as server, pytest.raises(Rejected) as caught:
        connect("tikflow", server).cancel(RemoteId("s1", UPLOAD), scope("tikflow"))
    assert caught.value.conflict


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(files_in(tmp_path), SERVICES["tikflow"])


def test_what_is_gone_after_its_time_was_not_cancelled(world: World) -> None:
    """A cancel without an answer, of a post that went out meanwhile and is shown no more, is not taken for done."""
    world.calendar = {("a", "brand"): Spec(hour=1), ("b", "brand"): Spec(hour=2)}
    world.apply()
    world.calendar = {("b", "brand"): Spec(hour=2)}

    def trouble(name: str) -> Exception | None:
        if name == "cancel":
            world.passes(timedelta(hours=1))
            raise Uncertain("no answer", service="memory")
        return None

    world.service.trouble = trouble
    applied = world.apply()
    assert applied is not None
    assert [each.kind for each in applied.outcomes] == [OutcomeKind.UNKNOWN]
    assert [each.status for each in world.service.posts()] == [Status.PUBLISHED, Status.SCHEDULED]
    assert len(world.recorded().records) == 2
