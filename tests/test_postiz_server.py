"""Postiz as it really is: what calsync rests on, tried at a server that somebody runs, and at the sandbox for comparison.

    POSTIZ_TEST_URL=https://postiz.example.com/api POSTIZ_TEST_KEY=... pytest -n 0 tests/test_postiz_server.py

It needs one channel that is switched on and asks for no settings, such as Mastodon's or Bluesky's (POSTIZ_TEST_CHANNEL
names another by its id), and about 20 of the 90 requests that an hour allows. What it makes are posts more than a
year ahead, whose text holds a word made up for the run; when it ends they are deleted, and whatever else there was is
compared with what there was before. Two small pictures stay in the library: no API can take them out again.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from loopback import Key
from outside import EXAMPLES
from warm import Warm

from calsync import providers
from calsync.errors import Rejected
from calsync.model import AccountKey, Content, Intent, MediaRef, RemoteId, Reply, Sighting, Status
from calsync.providers.base import Link, Provider, Scope, ServiceSettings, Submission, Window
from calsync.sandbox import Sandbox, postiz
from calsync.testing import File, image
from calsync.transport import Transport

PICTURE = (EXAMPLES / "look-1.jpg").read_bytes()
URL, KEY = os.environ.get("POSTIZ_TEST_URL"), os.environ.get("POSTIZ_TEST_KEY")
REAL = pytest.param(
    "real",
    marks=[
        pytest.mark.server,
        pytest.mark.skipif(not (URL and KEY), reason="POSTIZ_TEST_URL and POSTIZ_TEST_KEY name no server"),
    ],
)


@dataclass
class Server:
    """A server, one of its channels, and what this run has made there."""

    url: str
    key: str
    provider: Provider
    channel: str
    network: str
    word: str = field(default_factory=lambda: f"calsync-{uuid.uuid4().hex[:12]}")
    start: datetime = field(
        default_factory=lambda: datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=400)
    )

    @property
    def scope(self) -> Scope:
        """The channel."""
        return Scope(AccountKey("postiz", self.channel))

    def at(self, minutes: int) -> datetime:
        """A time of this run."""
        return self.start + timedelta(minutes=minutes)

    def post(self, minutes: int, text: str = "Hello", **changes: Any) -> Submission:
        """A post of this run."""
        content = replace(Content(at=self.at(minutes), caption=f"{text} {self.word}"), **changes)
        normal = self.provider.normalize(content, self.network)
        return Submission(scope=self.scope, platform=self.network, content=normal, assets=())

    def seen(self, remote_id: RemoteId) -> Sighting:
        """A post as the server lists it."""
        [found] = [each for each in self.listed() if each.remote_id == remote_id]
        return found

    def listed(self) -> Sequence[Sighting]:
        """The channel's posts around the times of this run."""
        window = Window(self.start - timedelta(days=1), self.start + timedelta(days=2))
        return self.provider.list_posts([self.scope], window)

    def mine(self) -> list[Sighting]:
        """The posts of this run that are there."""
        return [each for each in self.listed() if self.word in (each.caption or "")]

    def others(self) -> list[Sighting]:
        """Whatever else there is, on all channels: for a comparison."""
        now = datetime.now(UTC)
        scopes = [Scope(AccountKey("postiz", each.id)) for each in self.provider.accounts()]
        found = self.provider.list_posts(scopes, Window(now - timedelta(days=90), self.at(60 * 48)))
        kept = [each for each in found if self.word not in (each.caption or "")]
        return sorted(kept, key=lambda each: each.remote_id.id)

    def sweep(self) -> None:
        """Delete what this run has made, and nothing else."""
        for each in self.mine():
            with suppress(Rejected):
                self.provider.cancel(each.remote_id, self.scope)
        assert self.mine() == []


@pytest.fixture(scope="module", params=["2.23.0", "HEAD", REAL])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server, as it is afterwards but for two pictures."""
    with ExitStack() as opened:
        url, key = URL or "", KEY or ""
        if request.param != "real":
            box = opened.enter_context(Sandbox(postiz=request.param))
            url, key = box.url, postiz.KEY
        transport = opened.enter_context(
            Transport(url, Key(key), service="postiz", authorization=providers.authorization("postiz"))
        )
        link = Link(
            settings=ServiceSettings(service="postiz"),
            transport=transport,
            now=lambda: datetime.now(UTC),
            lead_time=timedelta(minutes=15),
        )
        provider = providers.connect(link)
        channel, network = _channel(provider)
        found = Server(url, key, provider, channel, network)
        before = found.others()
        try:
            yield found
        finally:
            found.sweep()
        assert [_lasting(each) for each in found.others()] == [_lasting(each) for each in before]


def _channel(provider: Provider) -> tuple[str, str]:
    """A channel that takes a plain text."""
    named = os.environ.get("POSTIZ_TEST_CHANNEL")
    for each in provider.accounts():
        if named not in (None, each.id) or each.unusable:
            continue
        takes = provider.channel(Scope(AccountKey("postiz", each.id)))
        if named or (takes is not None and takes.options is not None and not takes.options.get("required")):
            return each.id, each.platform
    pytest.skip("no channel is on that asks for no settings")


def _lasting(seen: Sighting) -> tuple[Any, ...]:
    """What of somebody else's post only a person changes: it may go out while this runs."""
    return seen.remote_id, seen.account_id, seen.at, seen.caption, seen.fixed


def test_a_post_lives_and_is_deleted(server: Server) -> None:
    """Made with a picture and replies, seen as it was sent, moved, given other words, made a draft, deleted."""
    picture = File(PICTURE, image(PICTURE).media)
    bare = server.post(
        0,
        "I <3 you & <b>me</b> 1 > 0",
        media=(MediaRef.of(picture.media),),
        thread=(Reply("First <reply>"), Reply("Second")),
    )
    first = replace(bare, assets=(server.provider.upload([picture], bare),))
    remote_id = server.provider.create(first, token="")
    seen = server.seen(remote_id)
    assert (seen.status, seen.intent, seen.at) == (Status.SCHEDULED, Intent.PUBLISH, server.at(0))
    assert (seen.caption, seen.account_id, seen.fixed) == (first.content.caption, server.channel, None)

    moved = replace(first, content=replace(first.content, at=server.at(3)))
    server.provider.reschedule(remote_id, moved)
    assert server.seen(remote_id).at == server.at(3)
    for intent in (Intent.DRAFT, Intent.PUBLISH):
        other = replace(moved, content=replace(moved.content, intent=intent, thread=(Reply("Second"),)))
        assert server.provider.update(remote_id, other) == remote_id
        seen = server.seen(remote_id)
        assert (seen.status, seen.intent, seen.caption) == (Status.SCHEDULED, intent, first.content.caption)
    for _ in range(2):
        server.provider.cancel(remote_id, server.scope)
        assert server.provider.get_post(remote_id, server.scope) is None


@pytest.mark.parametrize(
    "text",
    ["a < b and 3>2", "<i>x</i> &amp; <", "R&D, 3 > 2, &lt;kept&gt;", "é 🚀\n\ttwo lines\n\n#tag @you"],
)
def test_a_text_stays_as_it_is_compared(server: Server, text: str) -> None:
    """No drift right after it was sent."""
    wanted = server.post(10, text)
    remote_id = server.provider.create(wanted, token="")
    assert server.seen(remote_id).caption == wanted.content.caption
    server.provider.cancel(remote_id, server.scope)


def test_posts_of_one_time_are_made_with_one_request(server: Server) -> None:
    """Each has an id of its own, in their order, and can be deleted alone."""
    wanted = [server.post(20, f"Number {each}") for each in range(3)]
    made = server.provider.create_together(wanted, tokens=["", "", ""])
    assert [server.seen(each).caption for each in made] == [each.content.caption for each in wanted]
    assert all(server.seen(each).fixed is None for each in made)
    server.provider.cancel(made[1], server.scope)
    assert {each.remote_id for each in server.mine()} == {made[0], made[2]}
    server.sweep()


def test_a_refusal_has_made_nothing(server: Server) -> None:
    """One bad post of two, and none is there."""
    bad = replace(server.post(30), scope=Scope(AccountKey("postiz", "nobody")))
    with pytest.raises(Rejected):
        server.provider.create_together([server.post(30), bad], tokens=["", ""])
    assert server.mine() == []


def test_what_is_gone_is_neither_brought_back_nor_made_anew(server: Server) -> None:
    """A deleted id and one that nobody has: nothing is sent, and there is nothing afterwards."""
    remote_id = server.provider.create(server.post(40), token="")
    server.provider.cancel(remote_id, server.scope)
    for each in (remote_id, RemoteId(f"c{uuid.uuid4().hex[:24]}")):
        with pytest.raises(Rejected):
            server.provider.update(each, server.post(40, "Other"))
        server.provider.cancel(each, server.scope)
    assert server.mine() == []


def test_a_calendar_is_applied_edited_and_taken_back(server: Server, tmp_path: Path, warm: Warm) -> None:
    """By the command line: each apply once, and a second one with nothing to do."""
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "POSTIZ_API_KEY": server.key,
        "CALSYNC_POSTIZ_URL": server.url,
    }
    (tmp_path / "calendars").mkdir()
    shutil.copy(EXAMPLES / "look-1.jpg", tmp_path / "calendars")
    account = {"provider": "postiz", "platform": server.network, "id": server.channel}
    (tmp_path / "calsync.yaml").write_text(json.dumps({"version": "1", "accounts": {"here": account}}))

    def applied(*posts: dict[str, Any]) -> dict[str, str]:
        (tmp_path / "calendars/spring.yaml").write_text(yaml.safe_dump({"posts": list(posts)}))
        argv = ("apply", "-y", "--format", "json", "--allow-cancels", "9")
        code, out, err = warm.start(argv, env, tmp_path).wait(600)
        assert code == 0, out + err
        assert server.key not in out + err
        return {each["address"]: each["action"] for each in json.loads(out)["actions"]}

    def post(name: str, minutes: int, text: str, **more: Any) -> dict[str, Any]:
        at = server.at(minutes).strftime("%Y-%m-%dT%H:%M:00Z")
        return {"id": name, "at": at, "accounts": ["here"], "caption": f"{text} {server.word}"} | more

    one = post("one", 50, "I <3 calendars", media="look-1.jpg", thread=["More"])
    two = post("two", 50, "A draft", intent="draft")
    assert applied(one, two) == {"spring/one@here": "create", "spring/two@here": "create"}
    assert applied(one, two) == {}
    edited = one | {"caption": f"Other words {server.word}"}
    assert applied(edited, post("two", 55, "A draft", intent="draft")) == {
        "spring/one@here": "update",
        "spring/two@here": "reschedule",
    }
    assert [each.at for each in server.mine()].count(server.at(55)) == 1
    assert applied() == {"spring/one@here": "cancel", "spring/two@here": "cancel"}
    assert server.mine() == []
