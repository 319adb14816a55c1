"""Postiz by its public API, the same in the versions that were tried: one call that makes posts and changes them.

A post sent again under its id is replaced as a whole, whatever became of it meanwhile: one that has gone out is
scheduled a second time, one that was deleted stays deleted, and an id that nobody has becomes a stranger. So each
write is preceded by a look, and followed by another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from calsync.errors import CalsyncError, Interrupted, ProviderError, Rejected, Uncertain
from calsync.model import (
    Capabilities,
    Channel,
    Content,
    Intent,
    Json,
    Limits,
    Rate,
    Rates,
    RemoteId,
    Sighting,
    Status,
    comparable,
)
from calsync.providers.base import (
    Link,
    Payload,
    Plain,
    Provider,
    RemoteAccount,
    Scope,
    ServiceSettings,
    Submission,
    Window,
)
from calsync.providers.postiz_bodies import body
from calsync.providers.postiz_reading import ROOT, Reading, Row
from calsync.providers.postiz_texts import sent
from calsync.providers.reading import fields, file_part, ident, nameable, segment, text
from calsync.transport import Answer, Form

BASE_URL = "https://api.postiz.com"
URL_PATH = True
"""Who hosts it may have it below a path."""
AUTHORIZATION = "{key}"
"""The key alone: Postiz refuses one that comes as a bearer's."""
RATE_LIMITS: Rates = {"publish": Rate(90, 3600)}
"""Requests that make or change posts, whether they were refused or not; nothing else is counted."""

LIMITS = Limits(
    name="Postiz",
    origin="measured on Postiz 2.23.0; each network's own limits are asked for when the plan is made",
    video_bytes=1024 * 1024 * 1024,
    image_bytes=10 * 1024 * 1024,
    videos=frozenset({"video/mp4"}),
    images=frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"}),
    thread=True,
    titles=False,
    markup="Postiz publishes it as these letters",
    files_only="Postiz has no way to tell whether it has a medium of that id; name a file",
)
_TOGETHER = 20
_CAPABILITIES = Capabilities(
    api="v1",
    lists=True,
    finds_by_id=True,
    keeps_history=True,
    cancels=True,
    moves=True,
    updates=True,
    key_life=None,
    settable=frozenset({"at", "caption", "media", "intent", "options", "thread"}),
    settable_by_id=frozenset(),
    late_move_may_repeat=True,
    knows_channel=True,
    drafts_wait=True,
    # Newer servers show options; whoever cannot see a change cannot be told which server it was.
    hidden=frozenset({"media", "thread", "options"}),
    together=_TOGETHER,
    shared=frozenset({"tags", "short_link"}),
    by_hand="in Postiz",
)

_TRIES = 3
_CLOSEST = timedelta(minutes=2)
"""No post is sent again whose time at the service is closer, however short the project's lead time."""
_BY_HAND = "change it in Postiz"


class _Changed(Exception):
    """A post was written between two looks."""


def limits(settings: ServiceSettings) -> Sequence[Limits]:  # noqa: ARG001 - the contract's
    """What Postiz itself takes; what a network takes is told by the channel."""
    return (LIMITS,)


def abilities(settings: ServiceSettings) -> Capabilities:  # noqa: ARG001 - the contract's
    """The same for every server."""
    return _CAPABILITIES


def connect(link: Link) -> Provider:
    """The provider; nothing is asked."""
    return Postiz(link)


class Postiz(Plain):
    """Postiz by its public API."""

    def __init__(self, link: Link) -> None:
        self.service = link.settings.service
        self.capabilities = abilities(link.settings)
        self._transport = link.transport
        self._link = link
        self._reading = Reading(link.transport, service=self.service, now=link.now)

    def normalize(self, content: Content, platform: str = "x") -> Content:  # noqa: ARG002 - the contract's
        """With texts as Postiz keeps them, and without the title, for which it has no field."""
        return replace(
            content,
            caption=sent(content.caption),
            title="",
            thread=tuple(replace(each, text=sent(each.text)) for each in content.thread),
        )

    def accounts(self) -> Sequence[RemoteAccount]:
        """The channels."""
        return self._reading.accounts()

    def channel(self, scope: Scope) -> Channel | None:
        """What the channel's network takes."""
        return self._reading.channel(segment(scope.account.id, service=self.service))

    def list_posts(self, scopes: Sequence[Scope], window: Window) -> Sequence[Sighting]:
        """The posts of these channels in the window, from the one list of all."""
        accounts = {scope.account.id for scope in scopes}
        return tuple(
            each
            for each in self._reading.listed(window)
            # One whose channel is not shown may be anybody's: it is matched by its id or not at all.
            if each.account_id is None or each.account_id in accounts
        )

    def get_post(self, remote_id: RemoteId, scope: Scope) -> Sighting | None:  # noqa: ARG002 - ids suffice here
        """From the list, wherever the post has gone in it."""
        segment(remote_id.id, service=self.service)
        return self._reading.find(remote_id.id)

    def upload(self, files: Sequence[Payload], submission: Submission) -> str:  # noqa: ARG002 - the contract's
        """Upload one file; its id and path together, since a post has to name both."""
        if len(files) != 1:
            raise Rejected("an upload is one file", service=self.service)
        form = Form(files=(file_part("file", files[0].media, files[0]),))
        path = f"{ROOT}/upload"
        # Nothing is published by an upload: in doubt it is repeated, and the other copy stays unused.
        answer = self._transport.request("POST", path, klass="upload", form=form, harmless=True)
        found = fields(answer.body)
        media_id, address = ident(found, "id"), text(found, "path")
        if media_id is None or address is None or " " in media_id:
            message = f"{self.service} took a file, but its answer does not name it"
            raise Rejected(message, service=self.service, status=answer.status)
        return f"{media_id} {address}"

    def create_body(self, submission: Submission) -> bytes:
        """One post with its replies."""
        return body((submission,), service=self.service)

    def create(self, submission: Submission, *, token: str) -> RemoteId:  # noqa: ARG002 - no idempotency keys here
        """Schedule a post, sent once: the same body a second time would be a second post."""
        return self._created((submission,))[0]

    def create_together(
        self,
        submissions: Sequence[Submission],
        *,
        tokens: Sequence[str],  # noqa: ARG002 - no idempotency keys here
    ) -> Sequence[RemoteId]:
        """Schedule several posts, all or none."""
        return self._created(submissions)

    def reschedule(self, remote_id: RemoteId, submission: Submission) -> None:
        """Give a post another time, by sending all of it again."""
        self._rewrite(remote_id, submission)

    def update(self, remote_id: RemoteId, submission: Submission) -> RemoteId:
        """Replace a post that has not gone out by another under its id."""
        self._rewrite(remote_id, submission)
        return remote_id

    def cancel(self, remote_id: RemoteId, scope: Scope) -> None:  # noqa: ARG002 - ids suffice here
        """Delete a post that has not gone out, and look that it is gone: its answer says `error` on success."""
        path = f"{ROOT}/posts/{segment(remote_id.id, service=self.service)}"
        row = self._reading.row(remote_id.id)
        doubt: Uncertain | None = None
        for _ in range(_TRIES):
            if row is None:
                return
            self._require_here(row.sighting, "deleted")
            try:
                with self._reading.writing():
                    answer = self._transport.request("DELETE", path, klass="delete", accept=(404, 500))
            except Uncertain as error:
                doubt = error
            else:
                said = f"{self.service} answered {answer.status} to a cancel, but lists the post still"
                doubt = Uncertain(said, service=self.service, status=answer.status)
            with self._looking():
                row = self._reading.there(remote_id.id)
        if row is not None and doubt is not None:
            raise doubt

    def _rewrite(self, remote_id: RemoteId, submission: Submission) -> None:
        """Send all of a post again under its id, where that makes no second post, and look that it is there."""
        content, in_time = submission.content, self._link.in_time(submission.content.at)
        in_time()
        doubt: Uncertain | None = None
        for _ in range(_TRIES):
            before = self._rewritable(remote_id, submission.scope)
            written = body((submission,), service=self.service, replaces=remote_id.id, group=before.group)

            def judge(before: Row = before) -> None:
                # After all waiting for a turn, which may have been long.
                in_time()
                if self._rewritable(remote_id, submission.scope) != before:
                    raise _Changed

            try:
                with self._reading.writing():
                    answer = self._send(written, before=judge)
                self._require_same(remote_id, submission, answer)
            except _Changed:
                continue
            except Uncertain as error:
                doubt = error
            try:
                after = self._after(remote_id, content)
            except Uncertain as error:
                # What went wrong first says more.
                doubt = doubt or error
                break
            if doubt is not None:
                # Every write gives it another group.
                if after is None or after.group == before.group or not _shows(after.sighting, content):
                    break
                return
            if after is None:
                message = f"{self.service} has no post {remote_id.id} any more, so that nothing was changed"
                raise Rejected(message, service=self.service)
            if not _shows(after.sighting, content):
                message = f"{self.service} took the change of the post {remote_id.id}, but does not show it"
                raise Uncertain(message, service=self.service, status=answer.status)
            return
        raise doubt or Rejected(
            f"the post {remote_id.id} is being changed by somebody else", service=self.service
        )

    def _after(self, remote_id: RemoteId, content: Content) -> Row | None:
        """The post as it stands after a write that was to put it there."""
        self._reading.expect(remote_id.id, content.at)
        with self._looking():
            return self._reading.row(remote_id.id)

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """Around a look after a write: where it fails, nobody knows what the write has done."""
        try:
            yield
        except (ProviderError, Interrupted) as error:
            message = f"what {self.service} made of it could not be read: {error.message}"
            raise Uncertain(message, service=self.service, hint=error.hint) from error

    def _rewritable(self, remote_id: RemoteId, scope: Scope) -> Row:
        """The post as it stands now. Raises Rejected where it cannot be sent again without harm."""
        row = self._reading.row(remote_id.id)
        if row is None:
            message = f"{self.service} has no post {remote_id.id}, so that nothing was sent"
            raise Rejected(message, service=self.service)
        seen = row.sighting
        self._require_here(seen, "changed")
        self._require_as_planned(seen, scope)
        if row.group is None:
            message = f"{self.service} does not show the group of the post {remote_id.id}, which its replies hang on"
            raise Rejected(message, service=self.service, code="by-hand", hint=_BY_HAND)
        soon = seen.at is None or seen.at < self._link.now() + max(self._link.lead_time, _CLOSEST)
        # A draft waits for a person; anything else goes out by itself at its time.
        if soon and seen.intent is not Intent.DRAFT:
            message = f"its time at {self.service} is too close: changed now it could go out twice"
            raise Rejected(message, service=self.service, code="by-hand", hint=_BY_HAND)
        return row

    def _require_here(self, seen: Sighting, done: str) -> None:
        """Raise Rejected for a post that is not waiting for its time, or that is not ours to touch."""
        if seen.status is Status.PUBLISHED:
            message = f"{self.service} published the post before it could be {done}"
            raise Rejected(message, conflict=True, service=self.service)
        if seen.status is not Status.SCHEDULED:
            what = "on its way" if seen.status is Status.PROCESSING else f"{seen.status}"
            message = f"the post is {what} at {self.service}, so that it cannot be {done}"
            raise Rejected(message, conflict=True, service=self.service)
        if seen.fixed is not None:
            message = f"the post cannot be {done}: {seen.fixed}"
            raise Rejected(message, service=self.service, code="by-hand", hint=_BY_HAND)

    def _require_as_planned(self, seen: Sighting, scope: Scope) -> None:
        """Raise Rejected where a person has decided otherwise since the plan: a stop, too, is written over by a change."""
        planned = self._reading.looked_at(seen)
        if seen.account_id not in (None, scope.account.id):
            what = "it is on another channel by now"
        elif planned not in (None, seen.intent):
            stopped = seen.intent is Intent.DRAFT
            what = "somebody has made a draft of it" if stopped else "somebody has scheduled the draft"
        else:
            return
        message = f"{what} at {self.service} since the plan was made, so that it is not changed"
        raise Rejected(message, service=self.service, code="by-hand", hint="plan again")

    def _require_same(self, remote_id: RemoteId, submission: Submission, answer: Answer) -> None:
        """Raise unless the answer names the post that was sent; a stranger that was made instead is deleted again."""
        (made,) = self._ids(answer, 1)
        if made == remote_id.id:
            return
        said = f"{self.service} made a post {made} instead of changing {remote_id.id}"
        stranger = Uncertain(said, service=self.service, hint=f"look at the post {made} in Postiz")
        if self._reading.known(made):
            raise stranger
        self._reading.expect(made, submission.content.at)
        try:
            row = self._reading.there(made)
        except (CalsyncError, Interrupted) as error:
            raise stranger from error
        ours = row is not None and row.sighting.account_id == submission.scope.account.id
        if row is None or not ours or not _shows(row.sighting, submission.content):
            raise stranger
        try:
            with self._reading.writing():
                path = f"{ROOT}/posts/{segment(made, service=self.service)}"
                self._transport.request("DELETE", path, klass="delete")
        except (CalsyncError, Interrupted) as error:
            raise stranger from error
        raise Rejected(f"{said}; it is deleted again", service=self.service)

    def _created(self, submissions: Sequence[Submission]) -> tuple[RemoteId, ...]:
        at, written = submissions[0].content.at, body(submissions, service=self.service)
        with self._reading.writing():
            answer = self._send(written, before=self._link.in_time(at))
        made = self._ids(answer, len(submissions))
        channels = [ident(fields(each), "integration") for each in _rows(answer)]
        wanted = [each.scope.account.id for each in submissions]
        if len(set(made)) != len(made) or any(
            told not in (None, asked) for told, asked in zip(channels, wanted, strict=True)
        ):
            message = f"{self.service} made posts, but its answer does not say which is which"
            raise Uncertain(message, service=self.service, status=answer.status)
        for name in made:
            self._reading.expect(name, at)
        return tuple(RemoteId(name) for name in made)

    def _ids(self, answer: Answer, number: int) -> tuple[str, ...]:
        found = [ident(fields(each), "postId") for each in _rows(answer)]
        ids = tuple(each for each in found if each is not None and nameable(each))
        if len(ids) != number or len(found) != number:
            message = f"{self.service} took what was sent, but its answer does not name it"
            raise Uncertain(message, service=self.service, status=answer.status)
        return ids

    def _send(self, written: bytes, *, before: Callable[[], None]) -> Answer:
        path = f"{ROOT}/posts"
        return self._transport.request("POST", path, klass="publish", content=written, before=before)


def _rows(answer: Answer) -> list[Json]:
    return answer.body if isinstance(answer.body, list) else []


def _shows(seen: Sighting, content: Content) -> bool:
    """Whether a post is seen as it was sent."""
    same_text = seen.caption is None or comparable(seen.caption) == comparable(content.caption)
    return (
        seen.status is Status.SCHEDULED
        and (seen.at, seen.intent) == (content.at, content.intent)
        and same_text
    )
