"""A plan as a comment on a pull request, for whoever has to approve it: what needs a person, a table of what
happens when, warnings, the weeks it leads to, and every post in detail, folded.

Captions are full of `@handles`, `#1`, links and whatever their authors like: every word that comes from a
calendar, a service or a plan document passes `render.safe` and stays text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from calsync.errors import Diagnostic, Severity
from calsync.plan.action import ActionKind, Plan
from calsync.plan.sheet import Line, Sheet, excerpt
from calsync.render import facts
from calsync.render.markdown_posts import DRIFT, MEANINGS, Posts, sort_key
from calsync.render.markdown_weeks import HEAD, Weeks
from calsync.render.safe import markdown_code_block, markdown_inline
from calsync.render.when import Clock, Zones

LIMIT = 60_000
"""Bytes of UTF-8, so that no forge counts more: GitHub takes 65,536 characters in a comment."""

_RESERVE = 1500  # for headings, and for what says what was cut
_URGENT = 0.6  # the share of the room that blocked posts and errors may take, so that a table remains
_WARNINGS = 0.1  # and the share that is kept for warnings
_HOPELESS = 20  # so many in a row did not fit: no later one is tried
_MOST = 300
_COMMAND = 800
_WHERE = "`calsync plan` and the plan document (`--out FILE`) have everything"

_Item = TypeVar("_Item")


def plan_markdown(plan: Plan | Sheet, *, zones: Zones, limit: int = LIMIT) -> str:
    """The plan in markdown, of at most `limit` bytes: what does not fit is cut, the least important first.

    Overview goes before details, details before warnings, warnings before posts of the table, these before
    cancels and replaces, and what is wrong goes last. What was cut is said where it would stand. Counts and what
    to type always stay: a limit under 6,000 may be too small for them. The same for a plan and for its document.
    """
    sheet = plan if isinstance(plan, Sheet) else Sheet.of(plan)
    clock = Clock(zones, sheet.created_at)
    return _Page(sheet, clock, limit).text()


class _Page:
    """Collects the sections in the order of their importance, and puts them in the order of reading."""

    def __init__(self, sheet: Sheet, clock: Clock, limit: int) -> None:
        self.sheet = sheet
        self.clock = clock
        self.posts = Posts(sheet, clock)
        self.head, self.tail = _head(sheet, clock), _tail(sheet)
        self.total = max(limit - _size(self.head) - _size(self.tail) - _RESERVE, 0)
        self.room = self.total

    def text(self) -> str:
        stuck = sorted((each for each in self.sheet.actions if not each.kind.acts), key=_urgency)
        moving = sorted((each for each in self.sheet.actions if each.kind.acts), key=sort_key)
        found = facts.apart(self.sheet)
        urgent: list[Diagnostic | Line] = [
            *(each for each in found if each.severity is Severity.ERROR),
            *stuck,
        ]
        others = [each for each in found if each.severity is not Severity.ERROR]
        # Nothing takes all the room before the next has had its share; what is over goes to the more important.
        wrong, wrong_left = self._fit(urgent, self._urgent, int(self.total * _URGENT))
        warned, warned_left = self._fit(others, self.posts.finding, int(self.total * _WARNINGS))
        table = self._table(moving)
        more, wrong_left = self._fit(wrong_left, self._urgent)
        too, warned_left = self._fit(warned_left, self.posts.finding)
        details = self._details([*moving, *stuck])
        weeks = self._weeks()
        lost = [each for each in wrong_left if isinstance(each, Line)]
        errors = facts.number(len(wrong_left) - len(lost), "error") if len(lost) < len(wrong_left) else ""
        silent = facts.number(len(warned_left), "warning or note") if warned_left else ""
        sections = (
            self._section("Needs a person", [*wrong, *more], [*filter(None, [errors]), *_kinds(lost)], "- "),
            table,
            self._section("Warnings", [*warned, *too], [*filter(None, [silent])], "- "),
            weeks,
            details,
        )
        return "\n".join(filter(None, (self.head, *sections, self.tail)))

    def _urgent(self, each: Diagnostic | Line) -> str:
        return self.posts.attention(each) if isinstance(each, Line) else self.posts.finding(each)

    def _table(self, lines: Sequence[Line]) -> str:
        names = {self.clock.zone(each.zone) for each in lines}
        zone = names.pop() if len(names) == 1 else None
        head = f"| | when{f' ({zone})' if zone else ''} | account | post | caption |\n| --- | --- | --- | --- | --- |\n"
        rows, left = self._fit(lines, lambda each: self.posts.row(each, zone))
        there = {each.kind for each in lines}
        words = [f"- {kind.value}: {MEANINGS[kind]}\n" for kind in MEANINGS if kind in there]
        if any(each.drift for each in lines):
            words.append(f"- drift: {DRIFT}\n")
        cut = _kinds(left)
        notes = ["\n", *words] if words else []
        return self._section(
            "What happens", [head, *rows, *notes] if lines else [], cut, "- " if words else "\n"
        )

    def _weeks(self) -> str:
        weeks = Weeks.of(self.sheet, self.clock)
        quiet = [f"\nIn other weeks nothing moves: {weeks.quiet}.\n"] if weeks.quiet else []
        rows, left = self._fit(weeks.rows, str, self.room - _size("".join(quiet)) - len(HEAD) - 100)
        table = [HEAD, *rows, "\n**new**, ~~no longer~~; times of each calendar's zone.\n"] if rows else []
        if not rows:
            quiet = [each.lstrip() for each in quiet]
        cut = [facts.number(len(left), "row") + " of later weeks"] if left else []
        return self._section("What will be live", [*table, *quiet], cut)

    def _details(self, lines: Sequence[Line]) -> str:
        shown, left = self._fit(lines, self.posts.details)
        cut = [f"the details of {facts.number(len(left), 'post')}"] if left else []
        return self._section("Post by post", ["\n".join(shown)] if shown else [], cut)

    def _section(self, title: str, parts: Sequence[str], cut: Sequence[str], bullet: str = "\n") -> str:
        if not parts and not cut:
            return ""
        note = (
            f"{bullet if parts else ''}**Left out to stay short: {', '.join(cut)}.** {_WHERE}.\n"
            if cut
            else ""
        )
        return f"#### {title}\n\n{''.join(parts)}{note}"

    def _fit(
        self, items: Sequence[_Item], render: Callable[[_Item], str], most: int | None = None
    ) -> tuple[list[str], list[_Item]]:
        """The items that fit into the room, as text, and those that do not; one that is too large keeps out no other."""
        room = max(self.room if most is None else min(most, self.room), 0)
        shown: list[str] = []
        left: list[_Item] = []
        misses = used = 0
        for number, each in enumerate(items):
            if misses >= _HOPELESS:
                left += items[number:]
                break
            text = render(each)
            size = _size(text) + 1
            if used + size > room:
                misses += 1
                left.append(each)
            elif text:
                misses = 0
                shown.append(text)
                used += size
        self.room -= used
        return shown, left


def _head(sheet: Sheet, clock: Clock) -> str:
    commit = f" of commit `{sheet.commit[:12]}`" if sheet.commit else ""
    lines = [f"### calsync plan `{sheet.digest[:8]}`{commit}, {clock.dated(clock.now)}", ""]
    rest = facts.rest(sheet)
    if sheet.actions:
        counts = ", ".join(f"{count:,} {kind.value}" for kind, count in facts.counted(sheet))
        lines.append(f"**{counts}**{f' ({rest})' if rest else ''}")
    else:
        lines.append(f"{markdown_inline(excerpt(facts.nothing(sheet), _MOST))}{f': {rest}' if rest else ''}.")
    fetch = facts.to_fetch(sheet)
    if fetch:
        lines.append(f"\n{fetch[:1].upper()}{fetch[1:]}.")
    chosen = [*(f"calendar {name}" for name in sheet.filters.calendars)]
    chosen += [f"account {name}" for name in sheet.filters.accounts]
    if chosen:
        lines.append(f"\nOnly {markdown_inline(excerpt(', '.join(chosen), _MOST))}.")
    if sheet.base is not None:
        ref = markdown_inline(excerpt(sheet.base.ref, _MOST))
        lines.append(
            f"\nCompared with the calendars at {ref} (`{sheet.base.commit[:12]}`), offline: as if these had been applied."
            " Services and state were not looked at."
        )
    if sheet.brake is not None:
        lines.append(f"\n**Apply will refuse:** {markdown_inline(excerpt(sheet.brake, _MOST))}")
    return "\n".join(lines) + "\n"


def _tail(sheet: Sheet) -> str:
    return _how(sheet) + (f"\nTimes by tzdata {markdown_inline(sheet.tzdata)}.\n" if sheet.tzdata else "")


def _how(sheet: Sheet) -> str:
    if not sheet.acts or sheet.brake is not None:
        return ""
    if sheet.base is not None:
        return ""
    if sheet.refresh == "off":
        return "This plan was made without looking at the services; it cannot be applied.\n"
    command = facts.apply_command(sheet)
    if len(command) > _COMMAND:
        return "To apply exactly this plan, give `calsync apply` its plan document.\n"
    return "To apply exactly this plan:\n\n" + markdown_code_block(command).rstrip("\n") + "\n"


def _urgency(line: Line) -> tuple[bool, tuple[int, str, str]]:
    return (line.kind is ActionKind.DEFERRED, sort_key(line))


def _kinds(lines: Iterable[Line]) -> list[str]:
    """`12 create`, `1 cancel`: how many of each kind there are."""
    return [f"{count:,} {kind.value}" for kind, count in Counter(each.kind for each in lines).items()]


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
