"""Times as people write them, and the one zone database they are read with: the `tzdata` package's.

Neither the machine's `TZ` nor its zone files are ever looked at, so a calendar means the same times everywhere.
"""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from importlib import import_module, resources
from zoneinfo import ZoneInfo

from calsync.textfile import shown

EXPECTED = "write it like 2031-03-15 14:00, or with an offset: 2031-03-15T14:00+01:00"

_AT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt]| +)([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?"
    r"(?: *([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?))?"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}")
_TIME = re.compile(r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?")
_SHORT_YEAR = re.compile(r"'?[0-9]{2}-[0-9]{1,2}-[0-9]{1,2}\b.*")
_UNPADDED = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})([Tt]| +)([0-9]{1,2}):([0-9]{1,2})(.*)")
_HALF_DAY = re.compile(r"(?i).*[0-9] *[ap]\.?m\.?")
_ABBREVIATION = re.compile(r"[A-Z0-9+-]+")
_OFFSET = re.compile(r"(?i)(?:utc|gmt|z)?[+-][0-9]{1,2}(?::?[0-9]{2})?")

FIRST_YEAR, LAST_YEAR = 2000, 9998
"""The years a post may have: nothing was ever scheduled before, and zones reach a day past the last."""


class BadTime(ValueError):
    """A time or zone that means no moment, or more than one; `code` is stable."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


@cache
def zone_names() -> frozenset[str]:
    """Every zone of the database."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text("utf-8").split())


def tzdata_version() -> str:
    """The release of the zone database in use, as IANA names it: `2026b`."""
    return str(import_module("tzdata").IANA_VERSION)


@cache
def load_zone(name: str) -> ZoneInfo:
    """A zone by its IANA name. Raises BadTime for a name that is none, or that hides a fixed offset."""
    if _OFFSET.fullmatch(name):
        hint = "name the place, such as Europe/Berlin: its offset changes over the year; or write UTC"
        raise BadTime("unknown-zone", f"{shown(name)} is an offset, not a time zone", hint)
    if name != "UTC" and _ABBREVIATION.fullmatch(name):
        hint = "name the place, such as Europe/Berlin or America/New_York; UTC is fine"
        raise BadTime("unknown-zone", f"{shown(name)} is an abbreviation, not an IANA time zone", hint)
    if name not in zone_names():
        folded = {each.casefold(): each for each in sorted(zone_names())}
        near = difflib.get_close_matches(name[:80].casefold().replace(" ", "_"), folded, n=1, cutoff=0.75)
        hint = f"did you mean {folded[near[0]]}?" if near else "use an IANA name such as Europe/Berlin"
        raise BadTime("unknown-zone", f"{shown(name)} is no IANA time zone", hint)
    place = resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
    with place.open("rb") as stream:
        return ZoneInfo.from_file(stream, key=name)


def parse_at(text: str) -> datetime:
    """A time as written: aware where it has an offset, naive (local) where not. Raises BadTime."""
    found = _AT.fullmatch(text)
    if found is None:
        raise _misspelled(text)
    year, month, day, hour, minute, second, offset = found.groups()
    if hour == "24" and minute == "00" and second in (None, "00"):
        raise BadTime(
            "bad-time", f"{text} is midnight, 24:00 is not used here", "write 00:00 of the next day"
        )
    numbers = (int(year), int(month), int(day), int(hour), int(minute), int(second or 0))
    try:
        moment = datetime(*numbers)  # noqa: DTZ001 - local until a zone is known
    except ValueError as error:
        raise BadTime("bad-time", f"{text} does not exist: {_reason(numbers)}", EXPECTED) from error
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise BadTime("bad-time", f"the year of {text} is out of range", f"{FIRST_YEAR} to {LAST_YEAR}")
    if offset is None:
        return moment
    if offset in "Zz":
        return moment.replace(tzinfo=UTC)
    hours, minutes = int(offset[1:3]), int(offset[3:].removeprefix(":") or 0)
    if hours > 14 or minutes > 59 or (hours == 14 and minutes):
        raise BadTime("bad-time", f"no place on earth has the offset {offset}", EXPECTED)
    span = timedelta(hours=hours, minutes=minutes)
    return moment.replace(tzinfo=timezone(-span if offset[0] == "-" else span))


def to_utc(moment: datetime, zone: ZoneInfo) -> datetime:
    """The moment in UTC; a naive one is local time in `zone`.

    Raises BadTime for a local time that a clock change skips or repeats, with the two spellings that are clear.
    """
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    offset = zone.utcoffset(moment)
    if offset is not None and offset == zone.utcoffset(moment.replace(fold=1)):
        return (moment - offset).replace(tzinfo=UTC)
    first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    # Where the two readings differ, a skipped time does not come back from UTC as itself.
    skipped = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) != moment
    spellings = [spell(each.astimezone(UTC), zone) for each in (first, second)]
    what = "does not exist" if skipped else "happens twice"
    moved = "clocks skip it" if skipped else "clocks are set back"
    raise BadTime(
        "time-skipped" if skipped else "time-repeated",
        f"{moment:%Y-%m-%d %H:%M} {what} in {zone.key}: {moved}",
        f"write {spellings[0]} or {spellings[1]}",
    )


def spell(moment: datetime, zone: ZoneInfo) -> str:
    """A moment in a zone with its offset: `2031-03-30 03:30+02:00`; it reads back as the same moment."""
    local = moment.astimezone(zone)
    text = local.strftime("%H:%M:%S" if local.second else "%H:%M")
    offset = local.strftime("%z")
    return f"{local.year:04d}-{local:%m-%d} {text}{offset[:3]}:{offset[3:5]}"


def _reason(numbers: tuple[int, int, int, int, int, int]) -> str:
    year, month, day, hour, minute, second = numbers
    if not 1 <= month <= 12:
        return f"there is no month {month}"
    if hour > 23 or minute > 59 or second > 59:
        return (
            f"there is no {hour:02d}:{minute:02d}:{second:02d}"
            if second
            else f"there is no {hour:02d}:{minute:02d}"
        )
    return f"month {month} of {year} has no day {day}"


def _misspelled(text: str) -> BadTime:
    """What is wrong with a time that does not read as one."""
    seen = shown(text)
    if _DATE.fullmatch(text):
        return BadTime("bad-time", f"{seen} is a date without a time of day", f"add the time: {text} 14:00")
    if _TIME.fullmatch(text):
        return BadTime("bad-time", f"{seen} is a time of day without a date", EXPECTED)
    if _SHORT_YEAR.fullmatch(text):
        return BadTime("bad-time", f"{seen} has a year of two digits", EXPECTED)
    if _HALF_DAY.fullmatch(text):
        return BadTime("bad-time", f"{seen}: a time of day is written from 00:00 to 23:59", EXPECTED)
    unpadded = _UNPADDED.fullmatch(text)
    if unpadded:
        year, month, day, gap, hour, minute, rest = unpadded.groups()
        padded = f"{year}-{month:0>2}-{day:0>2}{gap}{hour:0>2}:{minute:0>2}{rest}"
        if padded != text and _AT.fullmatch(padded):
            return BadTime("bad-time", f"{seen}: two digits each, please", f"write {padded}")
        if re.match(r"(?::[0-9]{2})?\.[0-9]", rest):
            return BadTime("bad-time", f"{seen}: times are kept to the second", EXPECTED)
        if rest:
            hint = f"{EXPECTED}; the zone of a local time is timezone:"
            return BadTime("bad-time", f"{seen}: {shown(rest.strip())!r} is not understood", hint)
    return BadTime("bad-time", f"{seen or 'nothing'} is not a date and time", EXPECTED)
