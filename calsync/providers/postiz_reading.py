"""What Postiz shows: the posts of a span of time, in one list of all channels. It has no way to ask for one post.

So a post is looked for around the time that it was last seen at, and else in spans that reach further and further
from now. Within one refresh each span is read once; what a write of ours may have changed is read afresh.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from calsync.errors import Unavailable
from calsync.model import Channel, Intent, Json, Options, RemoteId, Sighting, Status, stamp
from calsync.providers.base import RemoteAccount, Window
from calsync.providers.postiz_bodies import OWN, RESERVED
from calsync.providers.reading import fields, ident, moment, reason, text, whole
from calsync.transport import Transport
from calsync.transport.answers import parsed

ROOT = "/public/v1"
PUBLISHING = timedelta(minutes=15)
"""How long after its time a post may be on its way: Postiz has no status for that."""

_STATES = {
    "QUEUE": (Status.SCHEDULED, Intent.PUBLISH),
    "DRAFT": (Status.SCHEDULED, Intent.DRAFT),
    "PUBLISHED": (Status.PUBLISHED, Intent.PUBLISH),
    "ERROR": (Status.FAILED, Intent.PUBLISH),
}
_LONGEST_SPAN = timedelta(days=366)
_FRESH = timedelta(seconds=20)
"""How long what was read may serve the same refresh."""
_LONGEST_SETTINGS = 100_000
_NO_SETTINGS: Mapping[str, Json] = {"type": "object", "properties": {}}
_DAY = timedelta(days=1)
_YEARS = (0, 1, 3, 10, 25)
"""How far from now posts are looked for, before and after, the near ones first. Repeating posts are listed once for
each time that they go out until the end of the span, so that it cannot simply be endless."""


@dataclass(frozen=True, slots=True)
class Row:
    """One post of the list. `group` is what its replies hang on, and changes with every write. `alone`: it was made
    through the API, which gives each post a group of its own; a person makes one group of posts on several channels.
    """

    sighting: Sighting
    group: str | None
    alone: bool


class Reading:
    """Reads posts and channels; safe to use from several threads."""

    def __init__(self, transport: Transport, *, service: str, now: Callable[[], datetime]) -> None:
        self._transport = transport
        self._service = service
        self._now = now
        self._lock = threading.Lock()
        self._writes = 0
        self._last: _Look | None = None
        self._times: dict[str, datetime] = {}
        self._groups: dict[str, str | None] = {}
        self._looked_at: dict[str, Intent | None] = {}

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

    def known(self, remote_id: str) -> bool:
        """Whether a post was listed before."""
        with self._lock:
            return remote_id in self._groups

    def expect(self, remote_id: str, at: datetime) -> None:
        """Where a post will be found that was just written."""
        with self._lock:
            self._times[remote_id] = at
            self._looked_at.pop(remote_id, None)

    def looked_at(self, seen: Sighting) -> Intent | None:
        """What the post was to become when somebody last asked how it stands; None where nobody has, or it was written since."""
        with self._lock:
            return self._looked_at.get(seen.remote_id.id)

    def listed(self, window: Window) -> tuple[Sighting, ...]:
        """The posts of a window, read afresh."""
        found: dict[str, Row] = {}
        for part in window.parts(_LONGEST_SPAN):
            found |= self._read(part.start, part.end)
        return tuple(
            self._answered(each)
            for each in found.values()
            if each.sighting.at is None or window.start <= each.sighting.at <= window.end
        )

    def find(self, remote_id: str) -> Sighting | None:
        """A post by id, from what this refresh has read, or read afresh."""
        row = self._found(remote_id)
        return None if row is None else self._answered(row)

    def _answered(self, row: Row) -> Sighting:
        with self._lock:
            self._looked_at[row.sighting.remote_id.id] = row.sighting.intent
        return row.sighting

    def _found(self, remote_id: str) -> Row | None:
        with self._lock:
            look = self._last
            if look is not None and self._serves(look, remote_id):
                look.asked.add(remote_id)
            else:
                look = self._last = None
        if look is None:
            row = self.there(remote_id)
            if row is not None:
                return row
            with self._lock:
                look = self._last = _Look(at=self._now(), writes=self._writes)
                look.asked.add(remote_id)
        with look.lock:
            while remote_id not in look.rows and look.spans:
                start, end = look.spans[0]
                look.rows |= self._read(start, end)
                del look.spans[0]
        return look.rows.get(remote_id)

    def row(self, remote_id: str) -> Row | None:
        """A post by id, read afresh; where a person has made it, so that it tells also of others in its group."""
        row = self.there(remote_id)
        for start, end in _spans(self._now()):
            if row is not None and row.alone:
                return row
            # Others of its group may have been moved anywhere.
            row = self._read(start, end).get(remote_id, row)
        return row if row is None or row.alone else self.there(remote_id)

    def accounts(self) -> tuple[RemoteAccount, ...]:
        """The channels, whoever they belong to."""
        rows = self._transport.request("GET", f"{ROOT}/integrations", klass="read").body
        if not isinstance(rows, list):
            message = f"{self._service} listed its channels in a shape that is not documented"
            raise Unavailable(message, service=self._service)
        found = []
        for each in rows:
            entry = fields(each)
            account_id, network = ident(entry, "id"), ident(entry, "identifier")
            if account_id is not None and network is not None:
                found.append(
                    RemoteAccount(
                        id=account_id,
                        platform=network,
                        username=text(entry, "profile"),
                        name=text(entry, "name"),
                        unusable=_unusable(entry),
                    )
                )
        return tuple(found)

    def channel(self, channel_id: str) -> Channel | None:
        """What posts on a channel have to look like; None where that is not understood."""
        path = f"{ROOT}/integration-settings/{channel_id}"
        shown = fields(self._transport.request("GET", path, klass="read").body, "output")
        if not shown:
            return None
        # A text in its place says that the network has no settings.
        settings = shown.get("settings")
        return Channel(
            options=_NO_SETTINGS if isinstance(settings, str) else fields(settings) or None,
            caption_units=whole(shown, "maxLength") or None,
        )

    def there(self, remote_id: str) -> Row | None:
        """A post where it was last seen, read afresh."""
        with self._lock:
            at = self._times.get(remote_id)
        return None if at is None else self._read(at - _DAY, at + _DAY).get(remote_id)

    def _serves(self, look: _Look, remote_id: str) -> bool:
        fresh = self._now() - look.at < _FRESH
        return fresh and look.writes == self._writes and remote_id not in look.asked

    def _read(self, start: datetime, end: datetime) -> dict[str, Row]:
        query = {"startDate": stamp(start), "endDate": stamp(end)}
        answer = self._transport.request("GET", f"{ROOT}/posts", klass="read", query=query)
        shown = fields(answer.body).get("posts")
        rows = [fields(each) for each in shown] if isinstance(shown, list) else None
        if rows is None or not all(ident(each, "id") for each in rows):
            message = f"{self._service} listed its posts in a shape that is not documented"
            raise Unavailable(message, service=self._service)
        with self._lock:
            self._groups |= {ident(each, "id") or "": ident(each, "group") for each in rows}
            sharing = Counter(self._groups.values())
        found = _posts(rows, sharing, self._now())
        with self._lock:
            self._times |= {
                name: row.sighting.at for name, row in found.items() if row.sighting.at is not None
            }
        return found


@dataclass(slots=True, kw_only=True)
class _Look:
    """One search of everything: what was read so far, the spans to come, and the posts that were asked for."""

    at: datetime
    writes: int
    rows: dict[str, Row] = field(default_factory=dict)
    spans: list[tuple[datetime, datetime]] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.spans = _spans(self.at)


def _unusable(channel: Mapping[str, Json]) -> str | None:
    """Why nothing goes out there: Postiz takes posts for such a channel all the same."""
    if channel.get("disabled") is True:
        return "it is disabled in Postiz"
    # Not shown by every version.
    return "it has to be connected again in Postiz" if channel.get("refreshNeeded") is True else None


def _spans(now: datetime) -> list[tuple[datetime, datetime]]:
    def years(number: int) -> timedelta:
        return timedelta(days=366 * number)

    found = []
    for near, far in pairwise(_YEARS):
        found.append((now + years(near), now + years(far)))
        found.append((now - years(far), now - years(near)))
    return found


def _posts(
    rows: Sequence[Mapping[str, Json]], sharing: Mapping[str | None, int], now: datetime
) -> dict[str, Row]:
    """One row for each post: one that repeats is listed for each time that it goes out.

    `sharing`: how many posts there are in a group, as far as they have been seen.
    """
    by_id: dict[str, list[Mapping[str, Json]]] = {}
    for each in rows:
        by_id.setdefault(ident(each, "id") or "", []).append(each)
    return {
        name: Row(
            _sighting(name, shown, sharing, now),
            ident(shown[0], "group"),
            alone=shown[0].get("creationMethod") == "API",
        )
        for name, shown in by_id.items()
    }


def _sighting(
    name: str, shown: Sequence[Mapping[str, Json]], sharing: Mapping[str | None, int], now: datetime
) -> Sighting:
    row = shown[0]
    group = ident(row, "group")
    times = [at for each in shown if (at := moment(each, "actualDate", "publishDate")) is not None]
    at = min(times, default=None)
    status, intent = _STATES.get((text(row, "state") or "").upper(), (Status.UNKNOWN, None))
    if status is Status.SCHEDULED and intent is Intent.PUBLISH and at is not None:
        status = Status.PROCESSING if at <= now < at + PUBLISHING else status
    content = row.get("content")
    return Sighting(
        remote_id=RemoteId(name),
        account_id=ident(fields(row.get("integration")), "id"),
        status=status,
        at=at,
        # An empty text is a text: it may be all that a picture came with.
        caption="" if content == "" else text(row, "content"),
        intent=intent,
        options=_settings(row),
        reason=reason(row),
        fixed=_fixed(shown, shared=group is not None and sharing[group] > 1),
    )


def _fixed(shown: Sequence[Mapping[str, Json]], *, shared: bool) -> str | None:
    """Why nobody but a person in Postiz may touch it."""
    days = whole(shown[0], "intervalInDays")
    if days:
        return f"it repeats every {days} days" if days > 1 else "it repeats every day"
    if (
        any(text(each, "actualDate") for each in shown)
        or len({text(each, "publishDate") for each in shown}) > 1
    ):
        return "it repeats"
    if shared:
        return "it was made together with posts on other channels, which would be deleted with it"
    return None


def _settings(row: Mapping[str, Json]) -> Options:
    """The settings, which newer servers show as the text of a JSON document."""
    shown = row.get("settings")
    if isinstance(shown, str) and len(shown) <= _LONGEST_SETTINGS:
        try:
            shown = parsed(shown.encode("utf-8", "replace"))
        except ValueError:
            shown = None
    return Options(
        {
            OWN + name if name in RESERVED else name: value
            for name, value in fields(shown).items()
            if name != "__type"
        }
    )
