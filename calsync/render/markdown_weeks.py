"""What will be live, week by week: what a plan adds to a calendar, takes from it and leaves there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, TypeAlias

from calsync.model import Address
from calsync.plan.action import ActionKind
from calsync.plan.sheet import Sheet, excerpt
from calsync.render import facts
from calsync.render.safe import markdown_table_cell
from calsync.render.when import Clock

HEAD = (
    "| week of | account | Mon | Tue | Wed | Thu | Fri | Sat | Sun |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
)

_NAME = 24
_PER_DAY = 3
_QUIET_WEEKS = 8

_State: TypeAlias = Literal["new", "gone", "same"]


@dataclass(frozen=True, slots=True, order=True)
class _Spot:
    """One post on one day. `state` sorts what changes before what stays."""

    state: _State
    hour: str
    name: str


_Week: TypeAlias = dict[str, dict[int, list[_Spot]]]


@dataclass(frozen=True, slots=True)
class Weeks:
    """The weeks of a plan: `rows` of those in which something changes, `quiet` says which others have posts."""

    rows: tuple[str, ...]
    quiet: str

    @classmethod
    def of(cls, sheet: Sheet, clock: Clock) -> Weeks:
        """Sort the posts of a plan into weeks, each by the days of its own zone."""
        weeks: dict[date, _Week] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
        changing: set[date] = set()
        posts: Counter[date] = Counter()
        for state, address, moment, zone in _spots(sheet):
            day = clock.day(moment, zone)
            monday = day - timedelta(days=day.weekday())
            name = excerpt(address.post, _NAME)
            weeks[monday][address.account][day.weekday()].append(_Spot(state, clock.hour(moment, zone), name))
            posts[monday] += state != "gone"
            if state != "same":
                changing.add(monday)
        rows = (
            _row(clock.month_day(monday), account, days)
            for monday in sorted(changing)
            for account, days in sorted(weeks[monday].items())
        )
        still = [(monday, posts[monday]) for monday in sorted(weeks.keys() - changing)]
        return cls(tuple(rows), _quiet(still, clock))


def _spots(sheet: Sheet) -> Iterator[tuple[_State, Address, datetime, str]]:
    for slot in sheet.kept:
        yield "same", slot.address, slot.at, slot.zone
    for each in sheet.actions:
        if not each.kind.acts or each.kind is ActionKind.FORGET:
            continue  # what is blocked stays where it is, if it is anywhere: among those that are kept
        if each.before is not None and each.before == each.after:
            yield "same", each.address, each.before, each.zone
            continue
        if each.before is not None:
            yield "gone", each.previous_address or each.address, each.before, each.zone
        if each.after is not None:
            yield "new", each.address, each.after, each.zone


def _row(label: str, account: str, days: dict[int, list[_Spot]]) -> str:
    cells = [_cell(days.get(number, [])) for number in range(7)]
    return f"| {' | '.join((label, markdown_table_cell(account), *cells))} |\n"


def _cell(spots: list[_Spot]) -> str:
    # What changes is shown first where a day is full, then all of it in the order of the day.
    chosen = sorted(spots, key=lambda each: (each.state == "same", each.hour, each.name))[:_PER_DAY]
    words = [_word(each) for each in sorted(chosen, key=lambda each: (each.hour, each.name))]
    if len(spots) > len(chosen):
        words.append(f"and {len(spots) - len(chosen)} more")
    return "<br>".join(words)


def _word(spot: _Spot) -> str:
    name = markdown_table_cell(spot.name)
    if spot.state == "gone":
        return f"~~{spot.hour} {name}~~"
    return f"**{spot.hour}** {name}" if spot.state == "new" else f"{spot.hour} {name}"


def _quiet(weeks: list[tuple[date, int]], clock: Clock) -> str:
    """`2 Mar: 3 posts, 16 Mar: 1 post and 40 posts in 12 later weeks`; empty where there are none."""
    if not weeks:
        return ""
    shown, later = weeks[:_QUIET_WEEKS], weeks[_QUIET_WEEKS:]
    words = ", ".join(f"{clock.month_day(monday)}: {facts.number(count, 'post')}" for monday, count in shown)
    if not later:
        return words
    more = sum(count for _, count in later)
    return f"{words} and {facts.number(more, 'post')} in {facts.number(len(later), 'later week')}"
