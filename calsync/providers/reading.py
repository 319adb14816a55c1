"""Tolerant readers of services' answers, and what their providers share: an undocumented shape is a None, not a crash."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from pathlib import PurePosixPath
from urllib.parse import quote

from calsync.errors import Rejected
from calsync.model import Json, MediaFile
from calsync.transport import FilePart, clean
from calsync.transport.multipart import Chunks
from calsync.transport.redaction import without_queries

_LONGEST_NAME = 100
_LONGEST_ID = 200
_LONGEST_REASON = 2000
_EXACT = 1 << 53


def fields(value: Json, *path: str) -> Mapping[str, Json]:
    """The object at a path, empty where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def items(value: Json) -> Iterator[Mapping[str, Json]]:
    """The objects of a list; anything else in it is passed over."""
    yield from (each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()


def text(values: Mapping[str, Json], *names: str) -> str | None:
    """The first of these fields that is a text with something in it, without halves of characters."""
    for name in names:
        value = values.get(name)
        if isinstance(value, str) and value:
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return None


def ident(values: Mapping[str, Json], *names: str) -> str | None:
    """The first of these fields that can be an id; what is longer than any is none."""
    found = text(values, *names)
    return found if found is not None and len(found) <= _LONGEST_ID else None


def whole(values: Mapping[str, Json], name: str) -> int | None:
    """A whole number from 0 to what JSON's numbers are exact to."""
    value = values.get(name)
    known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _EXACT
    return value if known and isinstance(value, int) else None


def moment(values: Mapping[str, Json], *names: str) -> datetime | None:
    """A time with a zone; one without is no time, since its zone would be a guess."""
    found = text(values, *names)
    try:
        read = datetime.fromisoformat(found) if found else None
        read = read.astimezone(UTC) if read is not None and read.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
    # At the edges of the calendar a time has no day before or after it, and none in another zone.
    return read if read is not None and MINYEAR < read.year < MAXYEAR else None


def reason(*places: Mapping[str, Json]) -> str | None:
    """Why a post failed, from the nearest place that says: no service documents the name or type of the field."""
    for place in places:
        for name in ("error", "errorMessage", "failureReason", "errorCode"):
            value = place.get(name)
            found = text(place, name) or (text(value, "message", "code") if isinstance(value, dict) else None)
            if found:
                return without_queries(found[:_LONGEST_REASON])
    return None


def segment(remote_id: str, *, service: str) -> str:
    """An id as one segment of a path. Raises Rejected for one that would be another path.

    Percent-encoded slashes are refused too: there are servers that decode an address before they read it.
    """
    if not nameable(remote_id):
        raise Rejected(f"{clean(remote_id, longest=60)!r} is no id of {service}", service=service)
    return quote(remote_id, safe="")


def nameable(remote_id: str) -> bool:
    """Whether an id can be one segment of a path."""
    odd = not remote_id.isprintable() or re.search(r"[/\\%?#\s]", remote_id)
    return not odd and bool(remote_id.strip(".")) and len(remote_id) <= _LONGEST_ID


def filename(media: MediaFile) -> str:
    """The name a file goes by at a service: its base name alone, in letters that no header or path minds."""
    name = unicodedata.normalize("NFC", PurePosixPath(media.path).name)
    safe = "".join(each if each.isalnum() or each in "._- " else "_" for each in name).strip(". ") or "media"
    stem, suffix = PurePosixPath(safe).stem, PurePosixPath(safe).suffix[:10]
    return stem[: _LONGEST_NAME - len(suffix)] + suffix


def file_part(field: str, media: MediaFile, source: Chunks) -> FilePart:
    """A media file as a part of a form."""
    return FilePart(field=field, filename=filename(media), mime=media.mime, size=media.size, source=source)


def camel(name: str) -> str:
    """`privacy_level` as the services spell it: `privacyLevel`."""
    return re.sub(r"_([a-z0-9])", lambda found: found.group(1).upper(), name)


def cut(line: str, units: int) -> str:
    """A text cut to so many UTF-16 units (TikTok's measure), never inside a character."""
    return line.encode("utf-16-le", "replace")[: 2 * units].decode("utf-16-le", "ignore")
