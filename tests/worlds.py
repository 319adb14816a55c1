"""Small worlds for laws: a calendar, a service in memory, a state in memory, a clock, and a process that may die."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ParamSpec, Self, TypeVar

from state_values import PROJECT, WHO, Killed

from calsync.desired import Loaded
from calsync.errors import Source
from calsync.interrupts import StopSign
from calsync.model import (
    AccountSpec,
    Address,
    Capabilities,
    Content,
    Entry,
    Intent,
    Media,
    MediaFile,
    MediaKind,
    MediaRef,
    Options,
    Policy,
    Recorded,
    RemoteId,
    RemoteMedia,
    Reply,
    Standing,
    Status,
)
from calsync.observed import Refresh
from calsync.plan import Action, Filters, Plan
from calsync.plan.outcome import Outcome
from calsync.providers.base import ServiceSettings
from calsync.providers.memory import CAPABILITIES as FULL
from calsync.providers.memory import LIMITS, Memory, MemoryPost
from calsync.reconcile.apply import Applied, Orders, apply
from calsync.reconcile.look import make_plan
from calsync.reconcile.project import Project
from calsync.recorded import Ledger, read
from calsync.settings import Settings
from calsync.stores.memory import MemoryStore

P = ParamSpec("P")
T = TypeVar("T")

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FILES = {name: f"the bytes of {name}".encode() for name in ("a.mp4", "b.mp4")}

POSTQUED_V1 = replace(
    FULL,
    api="v1",
    lists=False,
    cancels=False,
    moves=False,
    updates=False,
    settable=FULL.settable - {"title", "thread"},
    settable_by_id=FULL.settable - {"title", "thread"},
)
TIKFLOW = replace(
    FULL,
    api="v1",
    keeps_history=False,
    updates=False,
    key_life=None,
    settable=FULL.settable - {"thread"},
    settable_by_id=frozenset({"at"}),
    one_schedule_per_asset=True,
)
REPLACING = replace(FULL, moves=False, updates=False)
"""Nothing in place: every change is a cancel and a create."""
KEYLESS = replace(REPLACING, key_life=None)

POSTIZ = replace(
    FULL,
    api="v1",
    key_life=None,
    late_move_may_repeat=True,
    drafts_wait=True,
    hidden=frozenset({"media", "options"}),
    together=3,
)

SERVICES: Mapping[str, Capabilities] = {
    "full": FULL,
    "postqued-v1": POSTQUED_V1,
    "tikflow": TIKFLOW,
    "replacing": REPLACING,
    "keyless": KEYLESS,
    "postiz": POSTIZ,
}


@dataclass(frozen=True, slots=True)
class Spec:
    """What a calendar says of one post; `hour` counts from noon of the first day."""

    hour: int = 24
    caption: str = "Hello"
    media: str = "a.mp4"
    standing: Standing = Standing.WANTED
    previously: str | None = None
    thread: tuple[tuple[str, str | None], ...] = ()
    """Text and file of each reply; left out where the service has no threads."""
    intent: Intent = Intent.PUBLISH


Calendar = Mapping[tuple[str, str], Spec]
"""By post id and alias."""


@dataclass
class Fate:
    """Counts what a process does, and ends it at the n-th call, before its effect or after it."""

    at: int = 0
    after: bool = False
    count: int = 0
    dead: bool = False

    def begins(self, _: str = "") -> None:
        """A call is about to happen."""
        if self.dead:
            raise Killed
        self.count += 1
        if self.count == self.at and not self.after:
            self.dead = True
            raise Killed

    def ends(self, _: str = "") -> None:
        """It has happened."""
        if self.count == self.at and self.after:
            self.dead = True
        if self.dead:
            raise Killed


@dataclass(kw_only=True)
class Mortal(Memory):
    """The service as one process reaches it."""

    fate: Fate = field(default_factory=Fate)

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        self.fate.begins(name)
        with super()._call(name):
            yield
        self.fate.ends(name)


class AtOnce:
    """An executor without threads, so that the n-th call is the same call in every run."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do it now."""
        future: Future[T] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future

    def shutdown(self, **_: object) -> None:
        """Nothing is left to be done."""


class Quiet:
    """A watcher that tells nobody."""

    def fetching(self, files: Sequence[MediaFile]) -> None:
        """Files are fetched from Git LFS."""

    def uploading(self, path: str, sent: int, size: int) -> None:
        """Bytes have gone up."""

    def begun(self, action: Action) -> None:
        pass

    def finished(self, action: Action, outcome: Outcome) -> None:
        """An action came to its end."""


def file_of(name: str) -> MediaFile:
    """One of the files, as the calendars name it."""
    data = FILES[name]
    digest = hashlib.sha256(data).hexdigest()
    return MediaFile(path=name, sha256=digest, size=len(data), kind=MediaKind.VIDEO, mime="video/mp4")


def files_in(root: Path) -> Path:
    """A project directory with the media that the worlds post."""
    for name, data in FILES.items():
        (root / name).write_bytes(data)
    return root


class World:
    """One project at one service with two accounts; `now` is its clock."""

    def __init__(self, root: Path, abilities: Capabilities, policy: Policy | None = None) -> None:
        self.root = root
        self.policy = policy or Policy()
        self.now = NOON
        self.fate = Fate()
        self.service = Mortal(now=lambda: self.now, capabilities=abilities)
        self.store = MemoryStore(before=self._begins, after=self._ends)
        self.accounts: Mapping[str, str] = {"brand": "memory-1", "second": "memory-2"}
        self.calendar: Calendar = {}
        Ledger.init(self.store, WHO, project=PROJECT)

    def _begins(self, name: str) -> None:
        self.fate.begins(name)

    def _ends(self, name: str) -> None:
        self.fate.ends(name)

    def _born(self, fate: Fate | None = None) -> None:
        self.fate = self.service.fate = fate or Fate()

    # What a person does

    def entry(self, key: tuple[str, str], spec: Spec) -> Entry:
        """The calendar's entry."""
        post, alias = key
        media: Media
        abilities = self.service.capabilities
        if abilities.one_schedule_per_asset:
            media = RemoteMedia(f"upload-{spec.previously or post}-{alias}")
        else:
            media = file_of(spec.media)
        thread = spec.thread if "thread" in abilities.settable else ()
        shown = tuple(() if name is None else (file_of(name),) for _, name in thread)
        return Entry(
            address=Address("spring", post, alias),
            content=Content(
                at=NOON + timedelta(hours=spec.hour),
                caption=spec.caption,
                media=(MediaRef.of(media),),
                intent=spec.intent,
                options=Options({"privacy_level": "SELF_ONLY"}),
                thread=tuple(
                    Reply(text, tuple(map(MediaRef.of, files)))
                    for (text, _), files in zip(thread, shown, strict=True)
                ),
            ),
            media=(media,),
            thread_media=shown,
            zone="UTC",
            source=Source(file="spring.yaml", line=1),
            standing=spec.standing,
            previously=() if spec.previously is None else (("spring", spec.previously),),
        )

    def entries(self) -> tuple[Entry, ...]:
        """All of them."""
        return tuple(self.entry(key, spec) for key, spec in self.calendar.items())

    def passes(self, span: timedelta) -> None:
        """Time goes by, and what is due goes out."""
        self.now += span
        self.service.posts()

    # What calsync does

    def project(self) -> Project:
        """The project as the verbs meet it."""
        specs = {
            alias: AccountSpec(alias=alias, service="memory", id=number)
            for alias, number in self.accounts.items()
        }
        return Project(
            settings=Settings(
                root=self.root,
                file="calsync.yaml",
                project=PROJECT,
                accounts=specs,
                services={"memory": ServiceSettings(service="memory")},
                policy=self.policy,
            ),
            store=self.store,
            now=lambda: self.now,
            load=lambda: Loaded(entries=self.entries(), diagnostics=(), calendars=("spring",)),
            connect=lambda _, __: self.service,
            limits=lambda _: (replace(LIMITS, thread="thread" in self.service.capabilities.settable),),
        )

    def plan(self, mode: Refresh = Refresh.AUTO, *accounts: str) -> Plan:
        """Look, and plan."""
        self._born()
        return make_plan(self.project(), filters=Filters(accounts=accounts), mode=mode).plan

    def apply(self, fate: Fate | None = None, *accounts: str) -> Applied | None:
        """Apply; None where the process did not live to its end."""
        self._born(fate)
        orders = Orders(
            filters=Filters(accounts=accounts),
            approve=lambda _, __: True,
            holder=WHO,
            stop=StopSign(),
            watcher=Quiet(),
            allow_cancels=1000,
        )
        try:
            return apply(self.project(), orders)
        except Killed:
            return None
        finally:
            self._born()

    # What is so

    def recorded(self) -> Recorded:
        """The state."""
        recorded = read(self.store, project=PROJECT)
        assert recorded is not None
        return recorded

    def scheduled(self) -> dict[RemoteId, MemoryPost]:
        """What waits at the service."""
        return {
            each.remote_id: each
            for each in self.service.posts()
            if each.status is Status.SCHEDULED and not each.deleted
        }

    def ours(self) -> dict[RemoteId, MemoryPost]:
        """What waits at the service and was made by calsync."""
        return {name: post for name, post in self.scheduled().items() if post.token is not None}
