"""A service that lives in memory: real behaviour without a network, for tests and for authors of plug-ins.

What it can do is data, so that one provider stands for any: with or without a list, cancelling, moving, changing,
keys. A person at its dashboard is played by `add`, `edit`, `stop`, `delete`, `repeat` and `fail`; posts go out when their
time comes by the clock that it is given. It reads nothing from disk but the payloads that it is handed.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from calsync.errors import Diagnostic, Rejected, Unauthorized
from calsync.model import (
    Capabilities,
    Channel,
    Content,
    CreatorInfo,
    Intent,
    Json,
    Limits,
    RemoteId,
    Sighting,
    Status,
    Usage,
    stamp,
)
from calsync.providers.base import (
    Link,
    Payload,
    Provider,
    RemoteAccount,
    Scope,
    ServiceSettings,
    Submission,
    Window,
    require_time,
)
from calsync.providers.memory_facts import ACCOUNTS, CAPABILITIES, LIMITS

__all__ = ["ACCOUNTS", "CAPABILITIES", "LIMITS", "Memory", "MemoryPost", "abilities", "connect", "limits"]

_ENDED = (Status.PUBLISHED, Status.FAILED, Status.CANCELED)


def limits(settings: ServiceSettings) -> Sequence[Limits]:  # noqa: ARG001 - the contract's
    """Generous ones."""
    return (LIMITS,)


def abilities(settings: ServiceSettings) -> Capabilities:  # noqa: ARG001 - the contract's
    """All there are."""
    return CAPABILITIES


def connect(link: Link) -> Provider:
    """A fresh service, empty but for its accounts; it forgets all with the process."""
    return Memory(
        service=link.settings.service, now=link.now, lead_time=link.lead_time, quota=link.settings.quota
    )


@dataclass(slots=True, kw_only=True)
class MemoryPost:
    """One post as the service has it. `token` is the key that made it; `times_published` must never pass 1."""

    remote_id: RemoteId
    account_id: str
    content: Content
    assets: tuple[str, ...]
    status: Status = Status.SCHEDULED
    reason: str | None = None
    token: str | None = None
    times_published: int = 0
    deleted: bool = False
    fixed: str | None = None


@dataclass(slots=True)
class _Key:
    body: bytes
    remote_id: RemoteId
    at: datetime


@dataclass(kw_only=True)
class Memory:
    """The service and its provider in one; safe to use from several threads.

    `trouble` is asked before each call, by the call's name ("create"): it may raise, and nothing has happened;
    or return an error, which is raised after the call was carried out, as when an answer is lost.
    `hides` names the fields of a sighting that are not shown ("caption", "media", ...). `channels` are by account id.
    """

    now: Callable[[], datetime]
    service: str = "memory"
    capabilities: Capabilities = CAPABILITIES
    remote_accounts: tuple[RemoteAccount, ...] = ACCOUNTS
    lead_time: timedelta = timedelta()
    quota: int | None = None
    trouble: Callable[[str], Exception | None] = field(default=lambda _: None)
    hides: frozenset[str] = frozenset()
    channels: Mapping[str, Channel] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    """The names of all calls, in order."""
    contents: dict[str, str] = field(default_factory=dict)
    """What was uploaded: asset id -> sha256 of its bytes."""
    _posts: dict[str, MemoryPost] = field(default_factory=dict, repr=False)
    _keys: dict[str, _Key] = field(default_factory=dict, repr=False)
    _numbers: dict[str, int] = field(default_factory=dict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def normalize(self, content: Content, platform: str = "tiktok") -> Content:  # noqa: ARG002 - the contract's
        """As it is."""
        return content

    def workspace(self) -> str | None:
        """None: there are none."""
        return None

    def accounts(self) -> Sequence[RemoteAccount]:
        """Those that it was made with."""
        with self._call("accounts"):
            return self.remote_accounts

    def usage(self) -> Usage | None:
        """Places, where there is a quota."""
        with self._call("usage"):
            return None if self.quota is None else Usage(limit=self.quota, used=self._taken())

    def creator(self, scope: Scope) -> CreatorInfo | None:  # noqa: ARG002 - the contract's
        """None: it does not say."""
        return None

    def channel(self, scope: Scope) -> Channel | None:
        """What it was told of the account."""
        with self._call("channel"):
            return self.channels.get(scope.account.id)

    def list_posts(self, scopes: Sequence[Scope], window: Window) -> Sequence[Sighting]:
        """The posts of these accounts in the window, without the ended ones where it keeps no history."""
        with self._call("list_posts"):
            if not self.capabilities.lists:
                return ()
            accounts = {scope.account.id for scope in scopes}
            return tuple(
                self._shown(each)
                for each in self._present()
                if each.account_id in accounts and window.start <= each.content.at <= window.end
            )

    def get_post(self, remote_id: RemoteId, scope: Scope) -> Sighting | None:  # noqa: ARG002 - ids suffice here
        """One post by id."""
        with self._call("get_post"):
            return next(
                (self._shown(each) for each in self._present() if each.remote_id.id == remote_id.id), None
            )

    def check(self, submission: Submission) -> Sequence[Diagnostic]:  # noqa: ARG002 - the contract's
        """Nothing to object to."""
        with self._call("check"):
            return ()

    def upload(self, files: Sequence[Payload], submission: Submission) -> str:  # noqa: ARG002 - the contract's
        """Read the payloads to their end and keep the digest of their bytes."""
        with self._call("upload"):
            digest = hashlib.sha256()
            for payload in files:
                for chunk in payload.chunks():
                    digest.update(chunk)
            asset = self._number("asset")
            self.contents[asset] = digest.hexdigest()
            return asset

    def asset_status(self, asset: str) -> Status | None:  # noqa: ARG002 - the contract's
        """None: an upload here publishes nothing."""
        return None

    def create_body(self, submission: Submission) -> bytes:
        """All of the submission, as JSON."""
        body: Json = {
            "account": submission.scope.account.id,
            "platform": submission.platform,
            "content": submission.content.to_json(),
            "assets": list(submission.assets),
        }
        return json.dumps(body, sort_keys=True).encode()

    def create(self, submission: Submission, *, token: str) -> RemoteId:
        """Schedule a post; with keys, the same body under the same key gives the first answer again."""
        with self._call("create"):
            self._require(submission, token)
            return self._scheduled(submission, token)

    def create_together(
        self, submissions: Sequence[Submission], *, tokens: Sequence[str]
    ) -> Sequence[RemoteId]:
        """Schedule several posts, all or none; each as `create` would."""
        with self._call("create_together"):
            if not 1 < len(submissions) <= self.capabilities.together:
                raise Rejected(f"{len(submissions)} posts in one request", service=self.service)
            if len({(each.content.at, each.content.intent) for each in submissions}) > 1:
                raise Rejected("posts of several times in one request", service=self.service)
            for each, token in zip(submissions, tokens, strict=True):
                self._require(each, token)
            made = zip(submissions, tokens, strict=True)
            return tuple(self._scheduled(each, token) for each, token in made)

    def reschedule(self, remote_id: RemoteId, submission: Submission) -> None:
        """Move a scheduled post; where media are hidden, it is sent as a whole, as an update is."""
        with self._call("reschedule"):
            self._able(self.capabilities.moves, "move")
            require_time(submission.content.at, self.now(), self.lead_time)
            post = self._waiting(remote_id)
            post.content = replace(post.content, at=submission.content.at)
            if "media" in self.capabilities.hidden:
                post.content, post.assets = submission.content, submission.assets

    def update(self, remote_id: RemoteId, submission: Submission) -> RemoteId:
        """Set all fields of a scheduled post."""
        with self._call("update"):
            self._able(self.capabilities.updates, "change")
            require_time(submission.content.at, self.now(), self.lead_time)
            post = self._waiting(remote_id)
            self._require_contents(submission)
            post.content, post.assets = submission.content, submission.assets
            return post.remote_id

    def cancel(self, remote_id: RemoteId, scope: Scope) -> None:  # noqa: ARG002 - ids suffice here
        """Cancel a scheduled post; one that is gone or cancelled is fine."""
        with self._call("cancel"):
            self._able(self.capabilities.cancels, "cancel")
            post = self._posts.get(remote_id.id)
            if post is None or post.deleted or post.status is Status.CANCELED:
                return
            self._waiting(remote_id).status = Status.CANCELED

    def posts(self) -> list[MemoryPost]:
        """All posts there ever were, deleted ones included, as they stand now."""
        with self._lock:
            self._pass_time()
            return [replace(each) for each in self._posts.values()]

    def add(self, account_id: str, content: Content, *assets: str) -> RemoteId:
        """A person schedules a post by hand."""
        with self._lock:
            return self._made(account_id, content, assets, None)

    def edit(self, remote_id: RemoteId, content: Content) -> None:
        """A person changes a waiting post."""
        with self._lock:
            self._posts[remote_id.id].content = content

    def stop(self, remote_id: RemoteId) -> None:
        """A person cancels a waiting post."""
        with self._lock:
            self._posts[remote_id.id].status = Status.CANCELED

    def delete(self, remote_id: RemoteId) -> None:
        """A person deletes a post, whatever its status; what waited does not go out."""
        with self._lock:
            self._posts[remote_id.id].deleted = True

    def fail(self, remote_id: RemoteId, reason: str) -> None:
        """A post fails."""
        with self._lock:
            post = self._posts[remote_id.id]
            post.status, post.reason = Status.FAILED, reason

    def repeat(self, remote_id: RemoteId, why: str) -> None:
        """A person makes a post one that nobody else may touch, such as one that repeats."""
        with self._lock:
            self._posts[remote_id.id].fixed = why

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        """One call at a time, with its scripted trouble before it or after it."""
        with self._lock:
            self.calls.append(name)
            lost = self.trouble(name)
            self._pass_time()
            yield
            if lost is not None:
                raise lost

    def _pass_time(self) -> None:
        now = self.now()
        for each in self._posts.values():
            waits = self.capabilities.drafts_wait and each.content.intent is Intent.DRAFT
            if each.status is Status.SCHEDULED and not (each.deleted or waits) and each.content.at <= now:
                each.status = Status.PUBLISHED
                each.times_published += 1

    def _present(self) -> list[MemoryPost]:
        keeps = self.capabilities.keeps_history
        return [
            each for each in self._posts.values() if not each.deleted and (keeps or each.status not in _ENDED)
        ]

    def _shown(self, post: MemoryPost) -> Sighting:
        content = post.content
        assets, _ = content.split_assets(post.assets)
        shown: Mapping[str, object] = {
            "at": content.at,
            "caption": content.caption,
            "title": content.title,
            "intent": content.intent,
            "options": content.options,
            "media": assets,
            "media_count": len(assets),
        }
        bare = Sighting(
            remote_id=post.remote_id,
            account_id=post.account_id,
            status=post.status,
            reason=post.reason,
            fixed=post.fixed,
        )
        hides = self.hides | self.capabilities.hidden
        hides |= {"media_count"} if "media" in self.capabilities.hidden else set()
        return replace(bare, **{name: value for name, value in shown.items() if name not in hides})  # type: ignore[arg-type]

    def _made(
        self, account_id: str, content: Content, assets: tuple[str, ...], token: str | None
    ) -> RemoteId:
        remote_id = RemoteId(self._number("post"))
        self._posts[remote_id.id] = MemoryPost(
            remote_id=remote_id, account_id=account_id, content=content, assets=assets, token=token
        )
        return remote_id

    def _require(self, submission: Submission, token: str) -> None:
        """Raise what a create of it would be refused for."""
        require_time(submission.content.at, self.now(), self.lead_time)
        known = self._known(token)
        if known is not None:
            if known.body != self.create_body(submission):
                raise Rejected("this key came with another body", conflict=True, service=self.service)
            return
        account_id = submission.scope.account.id
        if account_id not in {each.id for each in self.remote_accounts}:
            raise Rejected(f"there is no account {account_id}", service=self.service)
        if self.quota is not None and self._taken() >= self.quota:
            raise Unauthorized(f"only {self.quota} scheduled posts", quota=True, service=self.service)
        self._require_contents(submission)

    def _require_contents(self, submission: Submission) -> None:
        lost = [each for each in submission.assets if each.startswith("asset-") and each not in self.contents]
        if lost:
            raise Rejected(f"there is no content {lost[0]}", asset_gone=True, service=self.service)

    def _scheduled(self, submission: Submission, token: str) -> RemoteId:
        known = self._known(token)
        if known is not None:
            return known.remote_id
        remote_id = self._made(submission.scope.account.id, submission.content, submission.assets, token)
        self._keys[token] = _Key(self.create_body(submission), remote_id, self.now())
        return remote_id

    def _known(self, token: str) -> _Key | None:
        """What a key was used for, as long as keys live here."""
        life, known = self.capabilities.key_life, self._keys.get(token)
        return None if life is None or known is None or known.at + life <= self.now() else known

    def _waiting(self, remote_id: RemoteId) -> MemoryPost:
        post = self._posts.get(remote_id.id)
        if post is None or post.deleted:
            raise Rejected(f"there is no post {remote_id}", service=self.service, status=404)
        if post.fixed is not None:
            raise Rejected(f"nobody may touch it: {post.fixed}", conflict=True, service=self.service)
        if post.status is not Status.SCHEDULED:
            at = stamp(post.content.at)
            raise Rejected(
                f"the post of {at} is {post.status}", conflict=True, service=self.service, status=409
            )
        return post

    def _able(self, can: bool, verb: str) -> None:
        if not can:
            raise Rejected(f"{self.service} has no way to {verb} a post", service=self.service)

    def _taken(self) -> int:
        return sum(each.status is Status.SCHEDULED and not each.deleted for each in self._posts.values())

    def _number(self, what: str) -> str:
        self._numbers[what] = self._numbers.get(what, 0) + 1
        return f"{what}-{self._numbers[what]}"
