"""Times for people: "Mon 16 Mar 18:30 Europe/Berlin, in 3 days". The same whatever the machine's locale or TZ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from typing import TypeAlias

from calsync.errors import CalsyncError

Zones: TypeAlias = Callable[[str], tzinfo]
"""IANA name to zone, from the tz database that the calendars were read with."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_HOUR = 3600
_DAY = 24 * _HOUR


@dataclass(frozen=True, slots=True)
class Clock:
    """What it takes to word a time: the zones, and now."""

    zones: Zones
    now: datetime
    _found: dict[str, tuple[tzinfo, str]] = field(default_factory=dict, repr=False, compare=False)

    def at(self, moment: datetime, zone: str) -> str:
        """Weekday, day, month, the year where it is not this one, and the time on a clock in that zone."""
        rules, _ = self._rules(zone)
        local = moment.astimezone(rules)
        year = "" if local.year == self.now.astimezone(rules).year else f" {local.year}"
        seconds = f":{local.second:02}" if local.second else ""
        return (
            f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]}{year}"
            f" {local.hour:02}:{local.minute:02}{seconds}{_fold(local)}"
        )

    def when(self, moment: datetime, zone: str) -> str:
        """The time in its zone, and how far away it is."""
        return f"{self.at(moment, zone)} {self.zone(zone)}, {self.away(moment, zone)}"

    def dated(self, moment: datetime) -> str:
        """The time in UTC, with its year: for what is read long after."""
        day = moment.astimezone(UTC)
        return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year} {day.hour:02}:{day.minute:02} UTC"

    def day(self, moment: datetime, zone: str) -> date:
        """The day of a time, on a calendar in that zone."""
        return self._local(moment, zone).date()

    def hour(self, moment: datetime, zone: str) -> str:
        """The time of day, on a clock in that zone."""
        local = self._local(moment, zone)
        return f"{local.hour:02}:{local.minute:02}{_fold(local)}"

    def month_day(self, day: date) -> str:
        """A day in short: `9 Mar`, with its year where it is not this one."""
        year = "" if day.year == self.now.year else f" {day.year}"
        return f"{day.day} {_MONTHS[day.month - 1]}{year}"

    def away(self, moment: datetime, zone: str) -> str:
        """How far a time is from now in words: minutes, hours, then days as a wall calendar counts them."""
        seconds = int((moment - self.now).total_seconds())
        if abs(seconds) < 60:
            return "now"
        if abs(seconds) < _HOUR:
            words = _number(abs(seconds) // 60, "minute")
        elif abs(seconds) < _DAY:
            words = _number(abs(seconds) // _HOUR, "hour")
        else:
            rules, _ = self._rules(zone)
            days = abs((moment.astimezone(rules).date() - self.now.astimezone(rules).date()).days)
            words = _number(days, "day") if days < 60 else _number(days // 7, "week")
        return f"in {words}" if seconds > 0 else f"{words} ago"

    def zone(self, zone: str) -> str:
        """The zone's name as times are shown in it: UTC where the tz database does not have it."""
        return self._rules(zone)[1]

    def _local(self, moment: datetime, zone: str) -> datetime:
        return moment.astimezone(self._rules(zone)[0])

    def _rules(self, zone: str) -> tuple[tzinfo, str]:
        if zone not in self._found:
            # A record may name a zone that this tz database has not: its time is still a time.
            try:
                self._found[zone] = self.zones(zone), zone
            except (CalsyncError, LookupError, OSError, ValueError):
                self._found[zone] = UTC, "UTC"
        return self._found[zone]


def _fold(local: datetime) -> str:
    """The offset, where a clock shows this time twice."""
    if local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
        return ""
    return local.strftime("%z")[:3] + ":" + local.strftime("%z")[3:5]


def _number(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
