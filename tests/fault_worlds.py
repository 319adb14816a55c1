"""Projects whose next apply does every kind of thing that their service can do, to be done while the service fails.

The command line runs in this process, on its real files and against the sandbox over real sockets; only its patience
is another one: waiting costs nothing, and time-outs are short where a service is to be silent.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from outside import BRAND, CODES, EXAMPLES, FLOW, SECOND, UPLOADS, Result, ahead, flow, moment, video

from calsync.cli import run
from calsync.cli.group import Common
from calsync.sandbox import PostEntry, RequestEntry, Sandbox, seeds
from calsync.transport import Timeouts, Transport

SHORT = Timeouts(connect=2.0, read=0.25, deadline=0.5)
"""For a service that is silent on purpose: a busy machine only adds more of the same fault."""

LIVE = ("queued", "scheduled", "pending", "processing", "QUEUE", "DRAFT")
MASTODON, TELEGRAM = (
    next(each.id for each in seeds.POSTIZ_CHANNELS if each.network == network)
    for network in ("mastodon", "telegram")
)
THEIRS = ahead(days=20)
"""When the post that nobody manages is due."""


@dataclass
class Patience:
    """A clock that waiting moves on."""

    skipped: float = 0.0
    waits: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def clock(self) -> float:
        with self.lock:
            return time.monotonic() + self.skipped

    def sleep(self, seconds: float) -> None:
        with self.lock:
            self.skipped += seconds
            self.waits.append(seconds)

    def transport(self, timeouts: Timeouts) -> Any:
        """What makes transports with this patience."""
        return functools.partial(Transport, clock=self.clock, sleep=self.sleep, timeouts=timeouts)


@dataclass(frozen=True)
class Want:
    """One post as it is to be at its service: exactly once."""

    account: str
    at: str
    caption: str
    media: tuple[str, ...]
    thread: tuple[str, ...] = ()
    draft: bool = False


@dataclass
class World:
    """A project and its service, ready for the apply that is to meet trouble."""

    name: str
    root: Path
    box: Sandbox
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]
    settings: dict[str, Any]
    fresh: tuple[str, ...] = ()
    """Media that the apply has to upload."""

    def __post_init__(self) -> None:
        self.env = {"PATH": "/usr/bin:/bin", "HOME": str(self.root), **self.box.environment}
        self.patience = Patience()
        self._write("calsync.yaml", self.settings)
        for name in ("teaser.mp4", *self.fresh):
            target = self.root / "calendars/media" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(EXAMPLES / name, target)
        service = service_of(self.name)
        account = {"tikflow": FLOW, "postqued": BRAND, "postiz": MASTODON}[service]
        media = UPLOADS[9:] if service == "tikflow" else ()
        self.box.add_post(service, account, moment(THEIRS), caption="Theirs", media=media)
        self._calendar(self.before)
        if self.before:
            done = self.apply()
            assert done.code == 0, str(done)
        self._calendar(self.after)
        self._copy = self.box.copy()
        shutil.copytree(self.root, self._kept)

    @property
    def _kept(self) -> Path:
        return self.root.with_name(f"{self.root.name}-kept")

    def renew(self) -> None:
        """Go back to right before the apply."""
        self.box.restore(self._copy)
        shutil.rmtree(self.root)
        shutil.copytree(self._kept, self.root)
        self.patience = Patience()

    def _calendar(self, posts: Iterable[Mapping[str, Any]]) -> None:
        options = {} if service_of(self.name) == "postiz" else {"privacy_level": "SELF_ONLY"}
        defaults = {"options": options}
        self._write("calendars/spring.yaml", {"defaults": defaults, "posts": list(posts)})

    def _write(self, name: str, content: Any) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def run(self, *argv: str, timeouts: Timeouts | None = None) -> Result:
        """Run the command line, and hold it to the laws of every run."""
        common = Common(
            directory=str(self.root),
            environ=self.env,
            transport=self.patience.transport(timeouts or Timeouts()),
        )
        with (
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
        ):
            code = run(argv, world=common)
        result = Result(argv, int(code), out.getvalue(), err.getvalue())
        said = result.out + result.err
        assert "Traceback" not in said, str(result)
        assert "bug in calsync" not in said, str(result)
        assert code in CODES, str(result)
        for name, value in self.env.items():
            assert not name.endswith("_API_KEY") or value not in said, str(result)
        return result

    def apply(self, timeouts: Timeouts | None = None) -> Result:
        """Apply without asking; the outcome as JSON."""
        return self.run("apply", "-y", "-q", "--format", "json", timeouts=timeouts)

    def writes(self) -> list[RequestEntry]:
        """Every request so far that could change anything."""
        return [each for each in self.box.requests() if each["write"]]

    def live(self) -> Counter[Want]:
        """What is going to be published, but for what nobody manages."""
        return Counter(_want(each) for each in self._posts() if each["status"] in LIVE)

    def wanted(self) -> Counter[Want]:
        """What the calendar wants to be there."""
        return Counter(self.want(each, account) for each in self.after for account in each["accounts"])

    def want(self, post: Mapping[str, Any], alias: str) -> Want:
        """One entry as its post has to be."""
        account = {"brand": BRAND, "second": SECOND, "flow": FLOW, "toots": MASTODON, "news": TELEGRAM}[alias]
        at = moment(post["at"]).isoformat()
        if isinstance(post.get("media"), dict):
            return Want(account, at, "", (post["media"]["id"],))
        media = (Path(post["media"]).name,) if "media" in post else ()
        thread = tuple(post.get("thread", ()))
        return Want(account, at, post["caption"], media, thread, post.get("intent") == "draft")

    def unharmed(self) -> None:
        """Nothing went out, and what nobody manages is as it was."""
        posts = self.box.posts()
        assert [each for each in posts if each["times_published"] or each["published_now"]] == []
        [theirs] = [each for each in posts if each["made_by"] == "person"]
        assert theirs["at"] is not None
        assert theirs["status"] in LIVE
        assert moment(theirs["at"]) == moment(THEIRS)

    def readable(self) -> None:
        """The state can be read, and names the posts that are there."""
        listed = self.run("state", "list")
        assert listed.code == 0, str(listed)
        document = json.loads((self.root / ".calsync/state.json").read_text())
        recorded = {each["remote_id"] if isinstance(each["remote_id"], str) else each["remote_id"]["id"]
                    for each in document["posts"].values()}  # fmt: skip
        assert recorded == {each["id"] for each in self._posts() if each["status"] in LIVE}

    def transfers(self) -> dict[str, int]:
        """How often each of the fresh files arrived."""
        return {_NAMES.get(each["sha256"], each["sha256"]): each["times"] for each in self.box.uploads()}

    def _posts(self) -> list[PostEntry]:
        return [each for each in self.box.posts() if each["made_by"] == "api"]


def _digests() -> dict[str, str]:
    import hashlib

    return {hashlib.sha256(each.read_bytes()).hexdigest(): each.name for each in EXAMPLES.iterdir()}


_NAMES = _digests()


def _want(post: PostEntry) -> Want:
    at = moment(post["at"] or "").isoformat()
    if post["service"] == "tikflow" and post["kind"] == "schedule" and not post["sha256"]:
        return Want(post["account_id"], at, "", tuple(post["media"]))
    names = tuple(_NAMES.get(each, each) for each in post["sha256"])
    return Want(
        post["account_id"], at, post["caption"], names, tuple(post["thread"]), post["intent"] == "draft"
    )


def service_of(world: str) -> Literal["postqued", "tikflow", "postiz"]:
    """The service of a world."""
    if world.startswith("tikflow"):
        return "tikflow"
    return "postiz" if world == "postiz" else "postqued"


def _text(post_id: str, at: str, **more: Any) -> dict[str, Any]:
    return {"id": post_id, "at": at, "accounts": ["toots"], "caption": f"The {post_id}"} | more


_POSTQUED = {
    "version": "1",
    "accounts": {
        "brand": {"provider": "postqued", "username": "@brand"},
        "second": {"provider": "postqued", "id": SECOND},
    },
    "providers": {
        "postqued": {"rate_limits": dict.fromkeys(("upload", "read", "publish", "delete"), "60000")}
    },
}
_POSTIZ = {
    "version": "1",
    "accounts": {
        "toots": {"provider": "postiz", "platform": "mastodon", "id": MASTODON},
        "news": {"provider": "postiz", "platform": "telegram", "id": TELEGRAM},
    },
}
_TIKFLOW = {
    "version": "1",
    "accounts": {"flow": {"provider": "tikflow", "username": "my_tiktok_handle"}},
    "providers": {"tikflow": {"rate_limits": {"all": "60000"}}},
}


def make(name: str, root: Path) -> World:
    """One of the worlds: v1, v1-conflict, v2, tikflow, tikflow-upload, postiz."""
    root.mkdir(parents=True)
    fresh = {"media": "media/launch.mp4"}
    if name == "v2":
        both = [video("stays", ahead(days=3)), video("moves", ahead(days=4))]
        return World(
            name, root, Sandbox(rate_limits=False, ping=200),
            before=[*both, video("goes", ahead(days=5)), video("changes", ahead(days=6))],
            after=[both[0], video("moves", ahead(days=4, hours=2)),
                   video("changes", ahead(days=6), caption="Another caption"),
                   video("new", ahead(days=8), **fresh), video("again", ahead(days=9), accounts=["second"], **fresh)],
            settings=_POSTQUED, fresh=("launch.mp4",),
        )  # fmt: skip
    if name.startswith("v1"):
        duplicate: Literal["conflict", "replay"] = "conflict" if name == "v1-conflict" else "replay"
        stays = video("stays", ahead(hours=20))
        return World(
            name, root, Sandbox(rate_limits=False, duplicate_key=duplicate),
            before=[stays],
            after=[stays, video("new", ahead(days=8), **fresh),
                   video("again", ahead(days=9), accounts=["second"], **fresh),
                   video("look", ahead(days=10), media="media/look-1.jpg")],
            settings=_POSTQUED, fresh=("launch.mp4", "look-1.jpg"),
        )  # fmt: skip
    if name == "tikflow":
        both = [flow("stays", ahead(days=3), 0), flow("moves", ahead(days=4), 1)]
        return World(
            name, root, Sandbox(rate_limits=False),
            before=[*both, flow("goes", ahead(days=5), 2), flow("changes", ahead(days=6), 3)],
            after=[both[0], flow("moves", ahead(days=4, hours=2), 1), flow("changes", ahead(days=6), 4),
                   flow("new", ahead(days=8), 5)],
            settings=_TIKFLOW,
        )  # fmt: skip
    if name == "postiz":
        stays, shown = _text("stays", ahead(days=3)), video("changes", ahead(days=6), accounts=["toots"])
        return World(
            name, root, Sandbox(rate_limits=False, postiz="2.23.0"),
            before=[stays, _text("moves", ahead(days=4), thread=["Reply"]), _text("goes", ahead(days=5)),
                    shown | {"thread": ["First", "Second"]}],
            after=[stays, _text("moves", ahead(days=4, hours=2), thread=["Reply"]),
                   shown | {"caption": "Another caption", "thread": ["Second"]},
                   video("new", ahead(days=8), accounts=["toots", "news"], thread=["More"], **fresh),
                   video("again", ahead(days=9), accounts=["news"], intent="draft", **fresh)],
            settings=_POSTIZ, fresh=("launch.mp4",),
        )  # fmt: skip
    settings = {
        **_TIKFLOW,
        "providers": {"tikflow": {"rate_limits": {"all": "60000"}, "allow_upload": "true"}},
    }
    return World(
        name, root, Sandbox(rate_limits=False, tikflow_upload_publishes=False),
        before=[flow("stays", ahead(days=3), 0)],
        after=[flow("stays", ahead(days=3), 0), video("new", ahead(days=8), accounts=["flow"], **fresh)],
        settings=settings, fresh=("launch.mp4",),
    )  # fmt: skip
