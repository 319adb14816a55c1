"""Postqued's API v2, from its OpenAPI document and, where that is silent, its agent skill 1.0.7 and reference.

v2 lists, moves and cancels posts, and changes none: a changed post is cancelled and made anew. Every request
names its workspace; a post is one publish request with one target, so that each has its own key and its own fate.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Unpack

from calsync.errors import Diagnostic, Interrupted, ProviderError, Rejected, Severity, Unavailable, Uncertain
from calsync.model import (
    Capabilities,
    Content,
    CreatorInfo,
    Json,
    Options,
    RemoteId,
    Sighting,
    Status,
    Usage,
    stamp,
)
from calsync.providers import postqued_v2_reading as reading
from calsync.providers.base import Link, Payload, Plain, RemoteAccount, Scope, Submission, Window
from calsync.providers.postqued_common import How, Presigned, documented, names_lost_content, status
from calsync.providers.postqued_v2_workspaces import Workspaces
from calsync.providers.reading import camel, fields, items, segment, text
from calsync.transport import Answer, clean

_FIELDS = frozenset({"at", "caption", "media", "intent", "options"})

CAPABILITIES = Capabilities(
    api="v2",
    lists=True,
    finds_by_id=True,
    keeps_history=True,
    cancels=True,
    moves=True,
    updates=False,
    # v1's skill: an idempotency key lasts 24 hours. v2 does not say.
    key_life=timedelta(hours=24),
    settable=_FIELDS,
    settable_by_id=_FIELDS,
    dry_runs=True,
    handles=frozenset({"v1"}),
    knows_creator=True,
    workspaces=True,
    by_hand="in Postqued's dashboard",
)

TITLED = frozenset({"facebook", "pinterest", "reddit", "youtube"})
"""Platforms whose options have a `title`; nothing else in v2 has one."""

_SPAN = timedelta(days=31)
"""How much one listing asks for: it has no pages, so that months of posts are asked for in parts."""
_LEAST_SPAN = timedelta(days=1)
_MOST_ALONE = 300
"""Publish requests of one listing that are asked for one by one: ten minutes at the documented rate."""


class PostquedV2(Plain):
    """Postqued by its v2 API."""

    def __init__(self, link: Link) -> None:
        self.service = link.settings.service
        self.capabilities = CAPABILITIES
        self._transport = link.transport
        self._in_time = link.in_time
        self._workspaces = Workspaces(link.transport, self.service, link.settings.workspace)
        self._presigned = Presigned(
            ask=self._transport.request,
            transport=link.transport,
            service=self.service,
            path="/v2/content/upload",
        )

    def normalize(self, content: Content, platform: str = "tiktok") -> Content:
        """Without a title of its own: where the platform has one it is an option, elsewhere there is no field for it."""
        options = content.options
        if any(isinstance(each, (dict, list)) for each in options.values()):
            options = Options(reading.renamed(options, reading.snake))
        if content.title and platform in TITLED and options.get("title") is None:
            options = Options({**options, "title": content.title})
        return replace(content, title="", options=options)

    def workspace(self) -> str | None:
        """The one that accounts without a workspace are in. Raises CalsyncError (`workspace`) where it has to be named."""
        return self._workspaces.default()

    def accounts(self) -> Sequence[RemoteAccount]:
        """The connected accounts of every workspace, on all platforms (GET /v2/integrations)."""
        found: list[RemoteAccount] = []
        for workspace in self._workspaces.all():
            answer = self._transport.request(
                "GET", "/v2/integrations", klass="read", query={"workspaceId": workspace}
            )
            listed = reading.accounts(answer.body, workspace)
            if listed is None:
                raise self._unread("its accounts", answer)
            found += listed
        return tuple(found)

    def usage(self) -> Usage | None:
        """None: what v2 answers about usage is not documented."""
        return None

    def creator(self, scope: Scope) -> CreatorInfo | None:
        """What TikTok allows the account (GET /v2/integrations/{id}/creator-info); None where it is not understood."""
        path = f"/v2/integrations/{self._segment(scope.account.id)}/creator-info"
        answer = self._transport.request("GET", path, klass="read", query=self._query(scope))
        return reading.creator(answer.body)

    def list_posts(self, scopes: Sequence[Scope], window: Window) -> Sequence[Sighting]:
        """Every target of these accounts, by windows of 31 days, each post once (GET /v2/publish).

        Whether the dates are those of dispatch or of creation is not documented, so that the list without dates
        is read besides, for what it is worth: it may be cut off, and has no pages. What is recorded and in
        neither has to be asked for by id.
        """
        accounts = {scope.account.id for scope in scopes}
        for scope in scopes:
            self._workspaces.note(scope)
        found: dict[tuple[RemoteId, str | None], Sighting] = {}
        for workspace in sorted({self._workspaces.of(scope) for scope in scopes}):
            for each in (*self._undated(workspace, window), *self._dated(workspace, window)):
                if each.account_id is None or each.account_id in accounts:
                    found[each.remote_id, each.account_id] = each
        return tuple(found.values())

    def get_post(self, remote_id: RemoteId, scope: Scope) -> Sighting | None:
        """One target of one publish request (GET /v2/publish/{publishId})."""
        return self._get(remote_id, scope.account.id, self._workspaces.of(scope))

    def check(self, submission: Submission) -> Sequence[Diagnostic]:
        """The create with `dryRun: true`: what v2 would refuse, as errors. Makes nothing.

        Raises Rejected (`asset_gone`) where only the content is no longer there: a fresh upload may help.
        """
        body = self._body(submission) | {"dryRun": True}
        try:
            answer = self._publish(content=json.dumps(body).encode(), klass="publish", harmless=True)
            self._passed(answer)
        except Rejected as error:
            if error.asset_gone:
                raise
            return (Diagnostic(severity=Severity.ERROR, code="dry-run", message=error.message),)
        return ()

    def _passed(self, answer: Answer) -> None:
        """A dry run may also be answered 200 with what is wrong. Raises Rejected."""
        whole = fields(answer.body)
        wrong = list(items(whole.get("errors")))
        if whole.get("valid") is not False and not (wrong and whole.get("valid") is None):
            return
        said = "; ".join(found for each in wrong if (found := text(each, "message", "error", "code")))
        code = text(wrong[0], "code") if wrong else None
        message = f"{self.service} would refuse the post: {clean(said) or 'it does not say why'}"
        refused = Rejected(message, service=self.service, status=400, remote_code=code)
        refused.asset_gone = names_lost_content(refused)
        raise refused

    def upload(self, files: Sequence[Payload], submission: Submission) -> str:
        """Upload one file, video or image, to a presigned address and return its content id."""
        if len(files) != 1:
            raise Rejected(f"{self.service} takes one file an upload, not {len(files)}", service=self.service)
        workspace = self._workspaces.of(submission.scope)
        return self._presigned.upload(files[0], {"workspaceId": workspace})

    def create_body(self, submission: Submission) -> bytes:
        """The publish request (PublishRequest of the OpenAPI document), one target."""
        return json.dumps(self._body(submission)).encode()

    def create(self, submission: Submission, *, token: str) -> RemoteId:
        """Schedule a post under an idempotency key; in doubt the same bytes go out again under the same key."""
        answer = self._publish(
            content=self.create_body(submission),
            klass="publish",
            headers={"Idempotency-Key": token},
            repeatable=True,
            before=self._in_time(submission.content.at),
        )
        made = reading.request(answer.body)
        if made is None:
            message = f"{self.service} accepted a post, but its answer does not name it"
            raise Uncertain(message, service=self.service, status=answer.status)
        remote_id = RemoteId(made.id)
        mine = (None, submission.scope.account.id)
        if made.posts and len(made.posts) == 1 and made.posts[0].account_id in mine:
            remote_id = made.posts[0].remote_id
        if remote_id.part is None:
            # It is made, whatever becomes of this question.
            try:
                seen = self.get_post(remote_id, submission.scope)
            except (ProviderError, Interrupted):
                return remote_id
            remote_id = remote_id if seen is None else seen.remote_id
        return remote_id

    def reschedule(self, remote_id: RemoteId, submission: Submission) -> None:
        """Give a target another time (PATCH /v2/publish/target/{targetId}), never null, which is now."""
        at, scope = submission.content.at, submission.scope
        self._in_time(at)()
        workspace = self._workspaces.of(scope)
        target = remote_id.part
        if target is None:
            seen = self._get(remote_id, scope.account.id, workspace)
            target = None if seen is None else seen.remote_id.part
        if target is None:
            raise Rejected(f"{self.service} does not show post {remote_id}", service=self.service)
        self._transport.request(
            "PATCH",
            f"/v2/publish/target/{self._segment(target)}",
            klass="publish",
            json={"dispatchAt": stamp(at), "workspaceId": workspace},
            repeatable=True,
            before=self._in_time(at),
        )

    def update(self, remote_id: RemoteId, submission: Submission) -> RemoteId:  # noqa: ARG002 - the contract's
        """Refused: v2 changes the time of a post and nothing else."""
        raise Rejected(f"{self.service} v2 has no way to change a post", service=self.service)

    def cancel(self, remote_id: RemoteId, scope: Scope) -> None:
        """Cancel a target and look that it is. One that is not there is as good as cancelled."""
        account, workspace = scope.account.id, self._workspaces.of(scope)
        target = remote_id.part
        if target is None:
            seen = self._get(remote_id, account, workspace)
            if seen is None or seen.status is Status.CANCELED:
                return
            target = seen.remote_id.part
        if target is None:
            raise Rejected(f"{self.service} does not name the target of {remote_id}", service=self.service)
        refused: Rejected | None = None
        try:
            answer = self._transport.request(
                "POST",
                f"/v2/publish/target/{self._segment(target)}/cancel",
                klass="delete",
                query={"workspaceId": workspace},
                repeatable=True,
            )
        except Rejected as error:
            refused = error
        else:
            shown = fields(answer.body, "target") or fields(answer.body)
            if text(shown, "id", "targetId") in (None, target) and (
                status(text(shown, "status"), None) is Status.CANCELED
            ):
                return
        self._confirm(RemoteId(remote_id.id, target), account, workspace, refused)

    def _confirm(self, remote_id: RemoteId, account: str, workspace: str, refused: Rejected | None) -> None:
        """Read how a post stands after its cancel, since the answers to it are not documented."""
        try:
            seen = self._get(remote_id, account, workspace)
        except (ProviderError, Interrupted) as error:
            # The cancel went out, so that it may be done, whatever kept us from looking.
            message = f"whether {self.service} cancelled the post could not be read: {error.message}"
            raise Uncertain(message, service=self.service, hint=error.hint) from error
        if seen is None or seen.status is Status.CANCELED:
            return
        if seen.status in (Status.PUBLISHED, Status.PROCESSING, Status.FAILED):
            message = f"{self.service} cannot cancel the post: it is {seen.status} already"
            raise Rejected(message, conflict=True, service=self.service) from refused
        if refused is not None and refused.status not in (404, 409, 410):
            raise refused
        # Refused as if cancelled already, shown as if not: what is shown may lag behind an earlier try.
        answered = 200 if refused is None else refused.status
        message = f"{self.service} answered {answered} to a cancel, but the post is {seen.status} still"
        raise Uncertain(message, service=self.service, status=answered)

    def _body(self, submission: Submission) -> dict[str, Json]:
        content = submission.content
        return {
            "contentIds": list(submission.assets),
            "targets": [
                {
                    "platform": submission.platform,
                    "accountId": submission.scope.account.id,
                    "intent": content.intent.value,
                    "caption": content.caption,
                    "dispatchAt": stamp(content.at),
                    "options": reading.renamed(content.options, camel),
                }
            ],
            "workspaceId": self._workspaces.of(submission.scope),
        }

    def _publish(self, **how: Unpack[How]) -> Answer:
        try:
            return self._transport.request("POST", "/v2/publish", **how)
        except Rejected as error:
            if not names_lost_content(error):
                raise
            raise Rejected(
                error.message,
                asset_gone=True,
                service=self.service,
                status=error.status,
                remote_code=error.remote_code,
            ) from error

    def _dated(self, workspace: str, window: Window) -> Iterator[Sighting]:
        for part in window.parts(_SPAN):
            yield from self._listed(workspace, part.start, part.end)

    def _undated(self, workspace: str, window: Window) -> Iterator[Sighting]:
        """The list without dates, as far as it can be read."""
        try:
            answer = self._transport.request(
                "GET", "/v2/publish", klass="read", query={"workspaceId": workspace}
            )
        except (Rejected, Unavailable):
            return
        for request in reading.requests(answer.body) or ():
            for each in request.posts or ():
                if each.at is None or window.start <= each.at <= window.end:
                    yield each

    def _listed(self, workspace: str, start: datetime, end: datetime) -> list[Sighting]:
        query = {"startDate": stamp(start), "endDate": stamp(end), "workspaceId": workspace}
        answer = self._transport.request("GET", "/v2/publish", klass="read", query=query)
        listed = reading.requests(answer.body)
        if listed is None:
            raise self._unread("its posts", answer)
        if reading.more(answer.body):
            # Whoever takes a part for the whole takes the rest for lost.
            if end - start <= _LEAST_SPAN:
                raise self._unread("its posts in part, without a way to read on", answer)
            middle = start + (end - start) / 2
            return [*self._listed(workspace, start, middle), *self._listed(workspace, middle, end)]
        if sum(each.posts is None for each in listed) > _MOST_ALONE:
            raise self._unread("its posts without their targets", answer)
        found: list[Sighting] = []
        for each in listed:
            posts = each.posts
            if posts is None:
                alone = self._request(each.id, workspace)
                posts = () if alone is None else alone.posts
            if posts is None:
                raise self._unread("its posts without their targets", answer)
            found += posts
        return found

    def _request(self, publish_id: str, workspace: str) -> reading.Request | None:
        """One publish request; None where v2 itself says that there is none."""
        answer = self._transport.request(
            "GET",
            f"/v2/publish/{self._segment(publish_id)}",
            klass="read",
            query={"workspaceId": workspace},
            accept=(404, 410),
        )
        if answer.status in (404, 410):
            if documented(answer.body):
                return None
            raise self._unread("a post", answer)
        found = reading.request(answer.body)
        if found is None:
            raise self._unread("a post", answer)
        return found

    def _get(self, remote_id: RemoteId, account: str, workspace: str) -> Sighting | None:
        found = self._request(remote_id.id, workspace)
        if found is None:
            return None
        seen = reading.chosen(found.posts or (), remote_id, account)
        if seen is None and reading.doubtful(found, remote_id):
            # Its targets, or which of them is ours, are not shown.
            return Sighting(remote_id=remote_id, account_id=account, status=found.status)
        if seen is None:
            return None
        known = RemoteId(remote_id.id, seen.remote_id.part or remote_id.part)
        return replace(seen, remote_id=known, account_id=seen.account_id or account)

    def _query(self, scope: Scope) -> Mapping[str, str]:
        return {"workspaceId": self._workspaces.of(scope)}

    def _segment(self, remote_id: str) -> str:
        return segment(remote_id, service=self.service)

    def _unread(self, what: str, answer: Answer) -> Unavailable:
        message = f"{self.service} showed {what} in an unknown shape"
        return Unavailable(message, service=self.service, status=answer.status)
