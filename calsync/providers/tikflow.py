"""TikFlow, from its scheduling page and the generated reference pages beside it.

A schedule plays one upload on one account; caption, title and options belong to the upload. How one uploads in
order to schedule is documented nowhere, and the documented upload publishes within seconds: so calsync uploads
only where the project says `allow_upload: true`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from calsync.errors import Interrupted, ProviderError, Rejected, Unauthorized, Uncertain
from calsync.model import (
    Capabilities,
    Content,
    Intent,
    Json,
    Limits,
    MediaKind,
    RemoteId,
    Sighting,
    Status,
    Usage,
    stamp,
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
from calsync.providers.reading import camel, cut, fields, file_part, ident, segment, text, whole
from calsync.providers.tikflow_reading import SCHEDULE, UPLOAD, Reading
from calsync.transport import Answer, Form, RequestClass

BASE_URL = "https://api.d1g.qzz.io"
RATE_LIMITS = {"all": 100}
"""Requests per minute by API key, which only the Professional plan has (the overview page)."""

LIMITS = Limits(
    name="TikFlow",
    origin="TikFlow's pages on uploading; sizes of videos are TikTok's own, since TikFlow states none",
    video_bytes=4096 * 1024 * 1024,
    image_bytes=10 * 1024 * 1024,
    videos=frozenset({"video/mp4", "video/quicktime", "video/webm"}),
    images=frozenset({"image/jpeg", "image/webp"}),
    max_images=35,
    caption_units=2200,
    title_units=150,
    title_from_caption=True,
    intents=frozenset({Intent.PUBLISH}),
    by_id_only=(
        "TikFlow's documented upload may publish at once, instead of at the post's time; name an upload that is"
        " there, `media: {id: ...}`, or set `providers.tikflow.allow_upload: true` if you know better"
    ),
    options=frozenset(
        {"disable_comment", "disable_duet", "disable_stitch", "privacy_level", "video_cover_timestamp_ms"}
    ),
    one_schedule_per_asset=True,
)
_UPLOADED = frozenset({"at", "caption", "title", "media", "options"})
_BY_ID = frozenset({"at", "media"})


def limits(settings: ServiceSettings) -> Sequence[Limits]:
    """Those of the upload pages; files are refused unless the project allows uploads."""
    return (replace(LIMITS, by_id_only=None) if settings.allow_upload else LIMITS,)


def abilities(settings: ServiceSettings) -> Capabilities:
    """What its documents promise; files only where the project allows uploads."""
    return Capabilities(
        api="v1",
        lists=True,
        finds_by_id=True,
        # Whether executed and cancelled schedules stay in the list is not documented.
        keeps_history=False,
        cancels=True,
        moves=True,
        updates=False,
        key_life=None,
        settable=_UPLOADED if settings.allow_upload else _BY_ID,
        settable_by_id=_BY_ID,
        intents=frozenset({Intent.PUBLISH}),
        uploads=settings.allow_upload,
        one_schedule_per_asset=True,
        by_hand="in TikFlow's web app",
    )


def connect(link: Link) -> Provider:
    """The provider; nothing is asked."""
    return TikFlow(link)


class TikFlow(Plain):
    """TikFlow by its one API."""

    def __init__(self, link: Link) -> None:
        self.service = link.settings.service
        self.capabilities = abilities(link.settings)
        self._settings = link.settings
        self._transport = link.transport
        self._in_time = link.in_time
        self._reading = Reading(link.transport, service=self.service, now=link.now)

    def normalize(self, content: Content, platform: str = "tiktok") -> Content:  # noqa: ARG002 - the contract's
        """With the title that an upload gets; content named by id keeps the title it has there."""
        if content.title or any(each.scheme == "id" for each in content.media):
            return content
        return replace(content, title=_title(content))

    def accounts(self) -> Sequence[RemoteAccount]:
        """The accounts that appear in schedules and uploads: no page documents a list of accounts."""
        return self._reading.accounts()

    def usage(self) -> Usage | None:
        """Places for schedules, by the usage page; the project's `quota` overrides what the service says."""
        if self._settings.quota is None:
            answer = self._get("/subscription/usage")
            data = fields(answer.body, "data")
            limit, used = whole(data, "scheduledPostsLimit"), whole(data, "scheduledPostsUsed")
            return Usage(limit=limit, used=used) if limit is not None and used is not None else None
        try:
            used = whole(fields(self._get("/subscription/usage").body, "data"), "scheduledPostsUsed")
        except (Rejected, Unauthorized):
            used = None
        if used is None:
            used = sum(each.status is Status.SCHEDULED for each in self._reading.listed())
        return Usage(limit=self._settings.quota, used=used)

    def list_posts(self, scopes: Sequence[Scope], window: Window) -> Sequence[Sighting]:
        """The schedules of these accounts in the window, from the one list that TikFlow has of all."""
        accounts = {scope.account.id for scope in scopes}
        return tuple(
            each
            for each in self._reading.listed()
            # One whose account is not shown may be anybody's: it is matched by its id or not at all.
            if (each.account_id is None or each.account_id in accounts)
            and (each.at is None or window.start <= each.at <= window.end)
        )

    def get_post(self, remote_id: RemoteId, scope: Scope) -> Sighting | None:  # noqa: ARG002 - ids suffice here
        """From the list; what that has no more, by the fate of its upload."""
        return self._reading.find(remote_id)

    def upload(self, files: Sequence[Payload], submission: Submission) -> str:
        """Upload a video or the photos of a carousel, with caption and options; the upload id.

        Sent once: an upload may publish, so that a lost answer is Uncertain. The part `video` is a guess, since
        the page for it is cut off; `photos` is documented.
        """
        if not self._settings.allow_upload:
            raise Rejected(LIMITS.by_id_only or "", service=self.service, code="upload-not-allowed")
        if not files:
            raise Rejected("an upload needs a file", service=self.service)
        photos = files[0].media.kind is MediaKind.IMAGE
        field = "photos" if photos else "video"
        form = Form(
            fields=self._form_fields(submission, photos=len(files) if photos else None),
            files=tuple(file_part(field, each.media, each) for each in files),
        )
        with self._reading.writing():
            answer = self._write("POST", f"/upload/{'photo' if photos else 'video'}", form=form)
        upload_id = ident(fields(answer.body, "data"), "uploadId", "id")
        if upload_id is None:
            message = f"{self.service} took an upload, but its answer does not name it"
            raise Uncertain(message, service=self.service, status=answer.status)
        return upload_id

    def asset_status(self, asset: str) -> Status | None:
        """How an upload stands, read afresh from the upload history; None where it is not there."""
        found = self._reading.upload(asset)
        return None if found is None else UPLOAD.get((text(found, "status") or "").lower(), Status.UNKNOWN)

    def create_body(self, submission: Submission) -> bytes:
        """The three documented fields and no other: caption and options are the upload's."""
        if len(submission.assets) != 1:
            message = f"{self.service} schedules one upload a post, not {len(submission.assets)}"
            raise Rejected(message, service=self.service)
        body: Json = {
            "videoId": submission.assets[0],
            "tiktokAccountId": submission.scope.account.id,
            "scheduledPublishTime": stamp(submission.content.at),
        }
        return json.dumps(body).encode()

    def create(self, submission: Submission, *, token: str) -> RemoteId:  # noqa: ARG002 - no idempotency keys here
        """Schedule an upload, sent once."""
        in_time = self._in_time(submission.content.at)
        body = self.create_body(submission)
        try:
            with self._reading.writing():
                answer = self._write("POST", "/schedule/create", content=body, before=in_time)
        except Unauthorized as error:
            if error.status != 403:
                raise
            # The scheduling page gives this status its own code in one place and a plain FORBIDDEN in another.
            raise Unauthorized(
                error.message,
                quota=True,
                hint="the plan's places for scheduled posts are taken",
                service=self.service,
                status=403,
                remote_code=error.remote_code,
            ) from error
        except Rejected as error:
            raise self._explained(error) from error
        data = fields(answer.body, "data")
        schedule_id = ident(data, "scheduleId", "id")
        if schedule_id is None:
            message = f"{self.service} accepted a schedule, but its answer does not name it"
            raise Uncertain(message, service=self.service, status=answer.status)
        return RemoteId(schedule_id, submission.assets[0])

    def reschedule(self, remote_id: RemoteId, submission: Submission) -> None:
        """Give a schedule another time."""
        at = submission.content.at
        try:
            self._put(remote_id, {"scheduledPublishTime": stamp(at)}, before=self._in_time(at))
        except Rejected as error:
            raise self._explained(error) from error

    def update(self, remote_id: RemoteId, submission: Submission) -> RemoteId:  # noqa: ARG002 - the contract's
        """Refused: the content of an upload cannot be changed."""
        raise Rejected(f"{self.service} has no way to change an upload", service=self.service)

    def cancel(self, remote_id: RemoteId, scope: Scope) -> None:  # noqa: ARG002 - ids suffice here
        """Set a schedule to `cancelled`, and look that it is. One that is not there is as good as cancelled.

        Unless it is not there because it was published: that shows in the fate of its upload.
        """
        status: int | None
        try:
            answer = self._put(remote_id, {"status": "cancelled"})
        except (Rejected, Uncertain) as error:
            if error.status not in (404, 409, 410):
                raise
            status = error.status
        else:
            if SCHEDULE.get((text(fields(answer.body, "data"), "status") or "").lower()) is Status.CANCELED:
                return
            status = answer.status
        try:
            seen = self._reading.find(remote_id)
        except (ProviderError, Interrupted) as error:
            # The cancel went out, so that it may be done, whatever kept us from looking.
            message = f"whether {self.service} cancelled the post could not be read: {error.message}"
            raise Uncertain(message, service=self.service, hint=error.hint) from error
        # A conflict means that it is there, cancelled by an earlier try perhaps: then its absence proves nothing.
        if (seen is None and status != 409) or (seen is not None and seen.status is Status.CANCELED):
            return
        if seen is not None and seen.status is Status.PUBLISHED:
            message = f"{self.service} published the post before it could be cancelled"
            raise Rejected(message, conflict=True, service=self.service)
        shown = "not shown" if seen is None else f"{seen.status} still"
        message = f"{self.service} answered {status} to a cancel, but the schedule is {shown}"
        raise Uncertain(message, service=self.service, status=status)

    def _form_fields(self, submission: Submission, *, photos: int | None) -> tuple[tuple[str, str], ...]:
        content = submission.content
        title = content.title or _title(content)
        if not title:
            raise Rejected(f"{self.service} wants a title for an upload", service=self.service)
        named = {
            "title": title,
            "description": content.caption,
            "tiktokAccountId": submission.scope.account.id,
        }
        for name, value in content.options.items():
            if value is not None:
                named[camel(name)] = str(value).lower() if isinstance(value, bool) else str(value)
        if photos is not None:
            named["photoCount"] = str(photos)
        return tuple((name, value) for name, value in named.items() if value)

    def _explained(self, error: Rejected) -> Rejected:
        hint = error.hint
        if error.status == 409:
            hint = "the upload is scheduled or published already: look at it in TikFlow's web app"
        elif error.status == 422:
            hint = "TikFlow wants a time at least 15 minutes ahead"
        return Rejected(
            error.message,
            conflict=error.conflict,
            hint=hint,
            code="too-close" if error.status == 422 else error.code,
            service=self.service,
            status=error.status,
            remote_code=error.remote_code,
        )

    def _get(self, path: str) -> Answer:
        return self._transport.request("GET", f"/api/v1{path}", klass="read")

    def _put(self, remote_id: RemoteId, body: Json, *, before: Callable[[], None] | None = None) -> Answer:
        """Naming the state to reach, so that it may be repeated."""
        path = f"/api/v1/schedule/{segment(remote_id.id, service=self.service)}"
        with self._reading.writing():
            return self._transport.request(
                "PUT", path, klass="publish", json=body, repeatable=True, before=before
            )

    def _write(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        form: Form | None = None,
        before: Callable[[], None] | None = None,
    ) -> Answer:
        """What makes something, and is sent once."""
        klass: RequestClass = "upload" if form is not None else "publish"
        return self._transport.request(
            method, f"/api/v1{path}", klass=klass, content=content, form=form, before=before
        )


def _title(content: Content) -> str:
    """1 to 150 characters (the upload page): the caption's first line that says something, cut to fit."""
    line = next((each.strip() for each in content.caption.splitlines() if each.strip()), "")
    return cut(line, LIMITS.title_units or 0)
