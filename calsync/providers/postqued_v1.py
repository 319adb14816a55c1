"""Postqued's API v1, from its scheduling guide (March 2026), and where that is silent its agent skill 1.0.6.

v1 documents no way to list, move, change or cancel a post: a person does that in Postqued's dashboard.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Unpack

from calsync.errors import Rejected, Unavailable, Uncertain
from calsync.model import (
    Capabilities,
    Content,
    Json,
    MediaKind,
    RemoteId,
    Sighting,
    stamp,
)
from calsync.providers.base import Link, Payload, Plain, RemoteAccount, Scope, Submission, Window
from calsync.providers.postqued_common import How, Presigned, documented, names_lost_content, status
from calsync.providers.reading import camel, fields, file_part, ident, items, reason, segment, text
from calsync.transport import Answer, Form

CAPABILITIES = Capabilities(
    api="v1",
    lists=False,
    finds_by_id=True,
    keeps_history=True,
    cancels=False,
    moves=False,
    updates=False,
    # The skill: an idempotency key lasts 24 hours.
    key_life=timedelta(hours=24),
    settable=frozenset({"at", "caption", "media", "intent", "options"}),
    settable_by_id=frozenset({"at", "caption", "media", "intent", "options"}),
    by_hand="in Postqued's dashboard",
)


class PostquedV1(Plain):
    """Postqued by its v1 API."""

    def __init__(self, link: Link) -> None:
        self.service = link.settings.service
        self.capabilities = CAPABILITIES
        self._transport = link.transport
        self._in_time = link.in_time
        self._presigned = Presigned(
            ask=self._collection,
            transport=link.transport,
            service=self.service,
            path="/v1/content/upload",
        )

    def normalize(self, content: Content, platform: str = "tiktok") -> Content:  # noqa: ARG002 - the contract's
        """Without the title, which v1 has no field for."""
        return replace(content, title="") if content.title else content

    def accounts(self) -> Sequence[RemoteAccount]:
        """The connected TikTok accounts (the guide, step 3)."""
        answer = self._collection("GET", "/v1/platform-accounts", klass="read", query={"platform": "tiktok"})
        listed = fields(answer.body).get("accounts")
        if not isinstance(listed, list):
            raise Unavailable(f"{self.service} listed its accounts in an unknown shape", service=self.service)
        return tuple(
            RemoteAccount(
                id=account_id,
                platform=text(each, "platform") or "tiktok",
                username=text(each, "username"),
                name=text(each, "displayName"),
            )
            for each in items(listed)
            if (account_id := text(each, "id"))
        )

    def list_posts(self, scopes: Sequence[Scope], window: Window) -> Sequence[Sighting]:  # noqa: ARG002 - the contract's
        """Nothing: v1 has no list."""
        return ()

    def get_post(self, remote_id: RemoteId, scope: Scope) -> Sighting | None:
        """How a post stands (the guide, "Poll for status"): its status is all that v1 shows."""
        path = f"/v1/content/publish/{segment(remote_id.id, service=self.service)}"
        answer = self._transport.request("GET", path, klass="read", accept=(404, 410))
        if answer.status in (404, 410):
            if documented(answer.body):
                return None
            raise self._retired(answer.status)
        request = fields(answer.body)
        request = fields(answer.body, "publish") or request
        targets = list(items(request.get("targets")))
        target: Mapping[str, Json] = next(
            (each for each in targets if text(each, "id") == remote_id.part), {}
        )
        if not target and len(targets) == 1:
            target = targets[0]
        return Sighting(
            remote_id=RemoteId(remote_id.id, remote_id.part or ident(target, "id")),
            account_id=scope.account.id,
            status=status(text(target, "status"), text(request, "status")),
            reason=reason(target, request),
        )

    def upload(self, files: Sequence[Payload], submission: Submission) -> str:  # noqa: ARG002 - the contract's
        """Upload one file and return its content id: a video by presigned address, an image as a form or, failing that, alike.

        An upload makes no post, so that it may be repeated whatever happened: never Uncertain.
        """
        if len(files) != 1:
            raise Rejected(f"{self.service} takes one file an upload, not {len(files)}", service=self.service)
        if files[0].media.kind is MediaKind.IMAGE:
            content_id = self._upload_image(files[0])
            if content_id is not None:
                return content_id
        return self._presigned.upload(files[0], {})

    def create_body(self, submission: Submission) -> bytes:
        """The publish request, field for field and in the order of the guide's step 3."""
        content = submission.content
        body: Json = {
            "contentIds": list(submission.assets),
            "targets": [
                {
                    "platform": submission.platform,
                    "accountId": submission.scope.account.id,
                    "intent": content.intent.value,
                    "caption": content.caption,
                    "dispatchAt": stamp(content.at),
                    "options": {camel(name): value for name, value in content.options.items()},
                }
            ],
        }
        return json.dumps(body).encode()

    def create(self, submission: Submission, *, token: str) -> RemoteId:
        """Schedule a post under an idempotency key; in doubt the same bytes go out again under the same key."""
        answer = self._collection(
            "POST",
            "/v1/content/publish",
            klass="publish",
            content=self.create_body(submission),
            headers={"Idempotency-Key": token},
            repeatable=True,
            before=self._in_time(submission.content.at),
        )
        whole = fields(answer.body)
        # `id` in the guide, `publishId` in the skill; `publish.id` as v2's clients have met it.
        nested = fields(answer.body, "publish")
        publish_id = ident(whole, "id", "publishId") or ident(nested, "id")
        if publish_id is None:
            message = f"{self.service} accepted a post, but its answer does not name it"
            raise Uncertain(message, service=self.service, status=answer.status)
        target: Mapping[str, Json] = next(items(whole.get("targets") or nested.get("targets")), {})
        ours = text(target, "accountId") in (None, submission.scope.account.id)
        return RemoteId(publish_id, ident(target, "id") if ours else None)

    def reschedule(self, remote_id: RemoteId, submission: Submission) -> None:  # noqa: ARG002 - the contract's
        """Refused: v1 documents no way."""
        raise self._unable("move")

    def update(self, remote_id: RemoteId, submission: Submission) -> RemoteId:  # noqa: ARG002 - the contract's
        """Refused: v1 documents no way."""
        raise self._unable("change")

    def cancel(self, remote_id: RemoteId, scope: Scope) -> None:  # noqa: ARG002 - the contract's
        """Refused: v1 documents no way."""
        raise self._unable("cancel")

    def _upload_image(self, payload: Payload) -> str | None:
        """One form with one part, `file` (the skill); the answer's shape is not documented.

        None where there is no such path: the guide alone has the three steps for videos and photos alike.
        """
        form = Form(files=(file_part("file", payload.media, payload),))
        answer = self._transport.request(
            "POST",
            "/v1/content/upload-image",
            klass="upload",
            form=form,
            harmless=True,
            accept=(404, 405, 410),
        )
        if answer.status in (404, 405, 410):
            return None
        whole = fields(answer.body)
        content_id = (
            text(whole, "contentId") or text(fields(answer.body, "content"), "id") or text(whole, "id")
        )
        return self._presigned.known(content_id, "a content id")

    def _collection(self, method: str, path: str, **how: Unpack[How]) -> Answer:
        """A request whose path is always there, as long as v1 is."""
        try:
            return self._transport.request(method, path, **how)
        except Rejected as error:
            if path == "/v1/content/publish" and names_lost_content(error):
                raise Rejected(
                    error.message,
                    asset_gone=True,
                    service=self.service,
                    status=error.status,
                    remote_code=error.remote_code,
                ) from error
            if error.status == 410 or (error.status == 404 and error.remote_code is None):
                raise self._retired(error.status) from error
            raise

    def _retired(self, status: int) -> Rejected:
        return Rejected(
            f"{self.service} answers {status} where its API v1 was: v1 is retired, use v2",
            service=self.service,
            status=status,
            hint="set `providers.postqued.api: v2` or `auto`",
            code="api-version",
        )

    def _unable(self, verb: str) -> Rejected:
        message = f"{self.service} v1 has no way to {verb} a post"
        return Rejected(message, service=self.service, hint=f"do it {CAPABILITIES.by_hand}")
