"""What TikFlow shows: its one list of schedules, and the upload history, where alone a failure can be seen.

Within one refresh each is read once: whoever asks for a post that the list has no more is answered from what was
just read. Anything that was asked before, or that a write of ours may have changed, is read afresh.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from calsync.errors import Unavailable
from calsync.model import Intent, Json, RemoteId, Sighting, Status
from calsync.providers.base import RemoteAccount
from calsync.providers.reading import fields, ident, items, moment, reason, text
from calsync.transport import Transport

SCHEDULE = {
    "pending": Status.SCHEDULED,
    "executed": Status.PUBLISHED,
    "cancelled": Status.CANCELED,
    # Not documented, but the other spelling of the same word.
    "canceled": Status.CANCELED,
}
"""The statuses of a schedule (the scheduling page); there is none for a run that failed."""
UPLOAD = {"pending": Status.PROCESSING, "published": Status.PUBLISHED, "failed": Status.FAILED}
"""The statuses of an upload. `failed` is no documented word, and any other is unknown."""

_PAGE = 100
"""The largest page of the history (its reference page)."""
_MOST_PAGES = 100
_LONGEST_NAME = 200
_ACCOUNT_PAGES = 10
"""How far back accounts are looked for among the uploads."""
_FRESH = timedelta(seconds=20)
"""How long what was read may serve the same refresh."""


class Reading:
    """Reads schedules and uploads; safe to use from several threads."""

    def __init__(self, transport: Transport, *, service: str, now: Callable[[], datetime]) -> None:
        self._transport = transport
        self._service = service
        self._now = now
        self._lock = threading.Lock()
        self._writes = 0
        self._last: _Look | None = None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Around a write: what is read before its end is not what there is after it."""
        with self._lock:
            self._writes += 1
        try:
            yield
        finally:
            with self._lock:
                self._writes += 1

    def listed(self) -> Sequence[Sighting]:
        """All schedules, read afresh."""
        return tuple(self._look().posts.values())

    def find(self, remote_id: RemoteId) -> Sighting | None:
        """A schedule in the list; else, from the fate of its upload, one that has gone from the list."""
        with self._lock:
            look = self._last
            if look is not None and self._serves(look, remote_id):
                look.asked.add(remote_id)
            else:
                look = None
        if look is None:
            look = self._look()
            look.asked.add(remote_id)
        if remote_id.id in look.posts:
            return look.posts[remote_id.id]
        upload_id = remote_id.part
        # Another schedule of the same upload would make its fate that one's.
        if upload_id is None or any(each.media == (upload_id,) for each in look.posts.values()):
            return None
        upload = look.history.find(upload_id)
        status = None if upload is None else UPLOAD.get((text(upload, "status") or "").lower())
        if upload is None or status not in (Status.PUBLISHED, Status.FAILED):
            return None
        return Sighting(
            remote_id=remote_id,
            account_id=text(fields(upload.get("tiktokAccount")), "id"),
            status=status,
            media=(upload_id,),
            reason=reason(upload),
        )

    def upload(self, upload_id: str) -> Mapping[str, Json] | None:
        """An upload's entry in the history, read afresh: no page documents a way to ask for one."""
        return _History(self._transport, self._service).find(upload_id)

    def accounts(self) -> tuple[RemoteAccount, ...]:
        """The accounts of all schedules, and of as many uploads as are worth reading."""
        shown = [each.get("tiktokAccount") for each in self._rows()]
        shown += [each.get("tiktokAccount") for each in _History(self._transport, self._service).recent()]
        found: dict[str, RemoteAccount] = {}
        for each in shown:
            entry = fields(each)
            account_id = text(entry, "id")
            if account_id is not None:
                name, handle = text(entry, "displayName"), text(entry, "username")
                found.setdefault(
                    account_id, RemoteAccount(id=account_id, platform="tiktok", username=handle, name=name)
                )
        return tuple(found.values())

    def _serves(self, look: _Look, remote_id: RemoteId) -> bool:
        """Whether a question is of the refresh that read it: only what is gone from the list is asked for after it."""
        age = self._now() - look.at
        fresh = timedelta() <= age <= _FRESH and look.writes == self._writes
        return fresh and remote_id.id not in look.posts and remote_id not in look.asked

    def _look(self) -> _Look:
        with self._lock:
            writes = self._writes
        now, history = self._now(), _History(self._transport, self._service)
        seen = [_sighting(each) for each in self._rows()]
        posts = {each.remote_id.id: _with_fate(each, history, now) for each in seen}
        look = _Look(at=now, writes=writes, posts=posts, history=history)
        with self._lock:
            self._last = look
        return look

    def _rows(self) -> list[Mapping[str, Json]]:
        answer = self._transport.request("GET", "/api/v1/schedule/scheduled-videos", klass="read")
        data = fields(answer.body).get("data")
        # Whoever takes a part for the whole takes the rest for lost.
        rows = list(items(data))
        whole = isinstance(data, list) and len(rows) == len(data) and all(map(_schedule_id, rows))
        if not whole or fields(answer.body, "pagination").get("hasMore") is True:
            message = f"{self._service} listed its schedules in a shape that is not documented"
            raise Unavailable(message, service=self._service)
        return rows


class _History:
    """The upload history, read page by page as far as somebody looks."""

    def __init__(self, transport: Transport, service: str) -> None:
        self._transport = transport
        self._service = service
        self._lock = threading.Lock()
        self._uploads: dict[str, Mapping[str, Json]] = {}
        self._pages = 0
        self._more = True

    def find(self, upload_id: str) -> Mapping[str, Json] | None:
        """An upload by id, or None where all pages (at most 10,000 uploads) are without it."""
        with self._lock:
            while upload_id not in self._uploads and self._more and self._pages < _MOST_PAGES:
                self._read_on()
            return self._uploads.get(upload_id)

    def recent(self) -> list[Mapping[str, Json]]:
        """The uploads of the first pages."""
        with self._lock:
            while self._more and self._pages < _ACCOUNT_PAGES:
                self._read_on()
            return list(self._uploads.values())

    def _read_on(self) -> None:
        query = {"limit": str(_PAGE), "offset": str(_PAGE * self._pages)}
        answer = self._transport.request("GET", "/api/v1/upload/history", klass="read", query=query)
        data = fields(answer.body).get("data")
        if not isinstance(data, list):
            message = f"{self._service} listed its uploads in a shape that is not documented"
            raise Unavailable(message, service=self._service)
        before = len(self._uploads)
        for each in items(data):
            if upload_id := ident(each, "id"):
                self._uploads[upload_id] = _kept(each)
        self._pages += 1
        more = fields(answer.body, "pagination").get("hasMore")
        self._more = bool(data) and (more if isinstance(more, bool) else len(data) >= _PAGE)
        if self._more and len(self._uploads) == before:
            # Whoever shows the same page again and again shows the rest never.
            message = f"{self._service} lists its uploads without an end"
            raise Unavailable(message, service=self._service)
        self._more = self._more and len(self._uploads) < _PAGE * _MOST_PAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What was read, when, after how many writes; and the posts that were asked for since."""

    at: datetime
    writes: int
    posts: Mapping[str, Sighting]
    history: _History
    asked: set[RemoteId] = field(default_factory=set)


def _kept(upload: Mapping[str, Json]) -> Mapping[str, Json]:
    """What is read of an upload, so that ten thousand of them are no burden whatever else they hold."""
    account = fields(upload.get("tiktokAccount"))
    shown: dict[str, Json] = {"status": text(upload, "status"), "error": reason(upload)}
    shown["tiktokAccount"] = {
        name: (text(account, name) or "")[:_LONGEST_NAME] for name in ("id", "displayName", "username")
    }
    return shown


def _schedule_id(row: Mapping[str, Json]) -> str | None:
    return ident(row, "id", "scheduleId")


def _sighting(row: Mapping[str, Json]) -> Sighting:
    """A schedule as the list shows it: caption and title are its upload's, options are not shown."""
    schedule_id = _schedule_id(row) or ""
    video = fields(row.get("video"))
    upload_id = ident(video, "id")
    return Sighting(
        remote_id=RemoteId(schedule_id, upload_id),
        account_id=text(fields(row.get("tiktokAccount")), "id"),
        status=SCHEDULE.get((text(row, "status") or "").lower(), Status.UNKNOWN),
        at=moment(row, "scheduledPublishTime", "scheduledTime", "publishTime"),
        # An upload of photos has no documented description: an absent one may only be not shown.
        caption=text(video, "description"),
        title=text(video, "title"),
        intent=Intent.PUBLISH,
        media=None if upload_id is None else (upload_id,),
    )


def _with_fate(seen: Sighting, history: _History, now: datetime) -> Sighting:
    """A schedule still `pending` after its time, with what became of its upload: failures show nowhere else."""
    upload_id = seen.remote_id.part
    if seen.status is not Status.SCHEDULED or seen.at is None or seen.at > now or upload_id is None:
        return seen
    upload = history.find(upload_id)
    if upload is None:
        return seen
    status = UPLOAD.get((text(upload, "status") or "").lower())
    if status not in (Status.PUBLISHED, Status.FAILED):
        return seen
    return replace(seen, status=status, reason=reason(upload))
