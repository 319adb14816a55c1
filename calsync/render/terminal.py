"""What people read on a terminal: plans, outcomes, status, accounts, diagnostics and errors.

Everything that comes from a calendar or a service passes `safe.terminal` on its way. Nothing here reads the
environment or a clock: the same values give the same text, line for line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from calsync.errors import CalendarError, CalsyncError, Diagnostic, Severity
from calsync.plan.action import Action, ActionKind, Plan
from calsync.plan.outcome import (
    AccountLine,
    Outcome,
    OutcomeKind,
    Outcomes,
    PostStatus,
    StatusLine,
    outcome_of_each,
)
from calsync.render import facts
from calsync.render.details import Details
from calsync.render.page import GLUE, Page, Span, Style, cells
from calsync.render.safe import terminal
from calsync.render.when import Clock, Zones

_KINDS: dict[ActionKind, Style] = {
    ActionKind.CREATE: "green",
    ActionKind.ADOPT: "cyan",
    ActionKind.UPDATE: "yellow",
    ActionKind.RESCHEDULE: "yellow",
    ActionKind.REPLACE: "yellow",
    ActionKind.CANCEL: "red",
    ActionKind.MOVE: "cyan",
    ActionKind.FORGET: "dim",
    ActionKind.BLOCKED: "alarm",
    ActionKind.DEFERRED: "dim",
}
_SEVERITIES: dict[Severity, Style] = {
    Severity.ERROR: "alarm",
    Severity.WARNING: "yellow",
    Severity.NOTE: "cyan",
}
_OUTCOMES: dict[OutcomeKind, Style] = {
    OutcomeKind.DONE: "green",
    OutcomeKind.FAILED: "alarm",
    OutcomeKind.UNKNOWN: "alarm",
    OutcomeKind.BLOCKED: "alarm",
    OutcomeKind.SKIPPED: "yellow",
}
_STATUSES: dict[PostStatus, Style] = {
    PostStatus.SCHEDULED: "green",
    PostStatus.PROCESSING: "green",
    PostStatus.PUBLISHED: "green",
    PostStatus.DELIVERED: "green",
    PostStatus.PENDING: "yellow",
    PostStatus.DEFERRED: "yellow",
    PostStatus.STOPPED: "yellow",
    PostStatus.MISSED: "alarm",
    PostStatus.FAILED: "alarm",
    PostStatus.OVERDUE: "alarm",
    PostStatus.LOST: "alarm",
    PostStatus.UNKNOWN: "alarm",
}


def plan_text(
    plan: Plan,
    *,
    zones: Zones,
    now: datetime,
    colour: bool = False,
    width: int = 80,
    verbose: bool = False,
    applying: bool = False,
) -> str:
    """The plan as a person reviews it: one line per action, what changes below, and what to type next.

    `applying`: nothing has to be typed, apply is about to do it.
    """
    page = Page(colour=colour, width=width)
    clock = Clock(zones, now)
    _heading(page, plan)
    details = Details(page, clock, verbose)
    firsts = _first_lines(plan.actions, clock, width)
    for action, lines in zip(plan.actions, firsts, strict=True):
        page.gap()
        for number, spans in enumerate(lines):
            page.put(*spans, indent=4 if number else 0, hang=4, fold=False)
        details.write(action, facts.own(action, plan.diagnostics))
    page.gap()
    rest = facts.rest(plan)
    if rest and plan.actions:
        page.put(("dim", rest))
    fetch = facts.to_fetch(plan)
    if fetch:
        page.put(fetch)
    page.gap()
    _findings(page, facts.apart(plan, verbose=verbose))
    page.gap()
    _next(page, plan, applying=applying)
    return page.text()


def diagnostics_text(
    diagnostics: Iterable[Diagnostic], *, colour: bool = False, width: int | None = None
) -> str:
    """`file:line:column: severity[code]: message` and hints, errors first; unwrapped unless a width is given."""
    page = Page(colour=colour, width=width)
    _findings(page, facts.by_weight(diagnostics))
    return page.text()


def outcome_text(plan: Plan, outcomes: Outcomes, *, colour: bool = False, width: int = 80) -> str:
    """What became of every action, by outcome: always which, never only how many."""
    page = Page(colour=colour, width=width)
    settled = outcome_of_each(plan, outcomes)
    columns = _Columns.of(plan, settled, width)
    order = (
        OutcomeKind.DONE,
        OutcomeKind.SKIPPED,
        OutcomeKind.BLOCKED,
        OutcomeKind.UNKNOWN,
        OutcomeKind.FAILED,
    )
    for kind in order:
        pairs = [pair for pair in zip(plan.actions, settled, strict=True) if pair[1].kind is kind]
        if not pairs:
            continue
        page.gap()
        page.put((_OUTCOMES[kind], kind.value))
        for action, outcome in pairs:
            _outcome(page, action, outcome, columns)
    page.gap()
    if not plan.actions:
        page.put("Nothing to do.")
        return page.text()
    _result(page, plan, settled)
    return page.text()


def status_text(
    posts: Sequence[StatusLine],
    *,
    zones: Zones,
    now: datetime,
    colour: bool = False,
    width: int = 80,
) -> str:
    """Every managed post in the order given: how it stands, when, where, and what went wrong.

    Remote ids are shown where a post fits on one line with its id; `state list` has them all.
    """
    page = Page(colour=colour, width=width)
    clock = Clock(zones, now)
    if not posts:
        page.put("No managed posts.")
        return page.text()
    rows: list[list[Span]] = [
        [
            (_STATUSES[each.status], each.status.value),
            ("plain", terminal(str(each.address))),
            ("plain", terminal(clock.when(each.at, each.zone)) if each.at else "no time"),
            ("dim", terminal(each.provider)),
            ("dim", terminal(each.remote_id or "")),
        ]
        for each in posts
    ]
    if not _fits(page, rows):
        rows = [row[:-1] for row in rows]
    _table(page, rows, [each.error for each in posts])
    page.gap()
    counts = ((kind, sum(each.status is kind for each in posts)) for kind in PostStatus)
    page.put(
        ("dim", f"{facts.number(len(posts), 'post')}: "),
        ("dim", ", ".join(f"{count} {kind.value}" for kind, count in counts if count)),
    )
    return page.text()


def accounts_text(accounts: Sequence[AccountLine], *, colour: bool = False, width: int = 80) -> str:
    """The accounts of each service, with the alias that the project file gives them."""
    page = Page(colour=colour, width=width)
    if not accounts:
        page.put("No accounts.")
        return page.text()
    rows: list[list[Span]] = [
        [
            ("bold" if each.alias else "dim", terminal(each.alias or "not used")),
            ("plain", terminal(f"{each.provider} {each.platform}")),
            ("plain", terminal(each.username or each.name or "no name")),
            ("dim", terminal(each.id)),
            ("dim", terminal(f"workspace {each.workspace}") if each.workspace else ""),
        ]
        for each in accounts
    ]
    _table(page, rows, [each.unusable for each in accounts])
    return page.text()


def error_text(error: CalsyncError, *, colour: bool = False, width: int | None = None) -> str:
    """`error[code]: message` and its hint; of invalid calendars every finding first.

    A message may have several lines; only the first begins at the margin, so that no other can pass for an error.
    """
    page = Page(colour=colour, width=width)
    if isinstance(error, CalendarError):
        _findings(page, facts.by_weight(error.diagnostics))
        page.gap()
    message, *more = error.message.split("\n")
    page.put(("alarm", f"error[{terminal(error.code)}]"), f": {terminal(message)}", hang=2, fold=False)
    for line in more:
        page.put(terminal(line.strip()), indent=2, hang=4, fold=False)
    if error.hint:
        page.put(("cyan", "hint"), f": {terminal(error.hint)}", indent=2, hang=4, fold=False)
    return page.text()


def _heading(page: Page, plan: Plan) -> None:
    if not plan.actions:
        rest = facts.rest(plan)
        page.put(("bold", terminal(facts.nothing(plan))), f": {rest}." if rest else ".")
        return
    spans: list[Span | str] = [("bold", "Plan: ")]
    for kind, count in facts.counted(plan):
        if len(spans) > 1:
            spans.append(", ")
        spans += [(_KINDS[kind], kind.symbol), f"{GLUE}{count}{GLUE}{kind.value}"]
    page.put(*spans, hang=6)
    chosen = [*(f"calendar {name}" for name in plan.filters.calendars)]
    chosen += [f"account {name}" for name in plan.filters.accounts]
    if chosen:
        page.put(("dim", f"only {', '.join(terminal(each) for each in chosen)}"), indent=6)


def _first_lines(actions: Sequence[Action], clock: Clock, width: int) -> list[list[list[Span]]]:
    """Symbol, address and time of each action: in columns where that fits for all, else on two lines."""
    heads: list[list[Span]] = [
        [(_KINDS[each.kind], f"{each.kind.symbol} "), ("bold", terminal(str(each.address)))]
        for each in actions
    ]
    times = [_moment(each, clock) for each in actions]
    widest = max((cells(head[1][1]) for head in heads), default=0)
    if 2 + widest + 2 + max((cells(each) for each in times), default=0) > width:
        return [
            [head, [("plain", time)]] if time else [head] for head, time in zip(heads, times, strict=True)
        ]
    return [
        [[*head, ("plain", " " * (widest - cells(head[1][1]) + 2) + time)]]
        for head, time in zip(heads, times, strict=True)
    ]


def _moment(action: Action, clock: Clock) -> str:
    at = action.after or action.before
    return terminal(clock.when(at, action.zone)) if at else ""


def _findings(page: Page, diagnostics: Sequence[Diagnostic]) -> None:
    for each in diagnostics:
        place = f"{terminal(str(each.source))}: " if each.source else ""
        address = f"{terminal(each.address)}: " if each.address else ""
        page.put(
            place,
            (_SEVERITIES[each.severity], f"{each.severity.value}[{terminal(each.code)}]"),
            f": {address}{terminal(each.message)}",
            hang=2,
            fold=False,
        )
        if each.hint:
            page.put(("cyan", "hint"), f": {terminal(each.hint)}", indent=2, hang=4, fold=False)


def _next(page: Page, plan: Plan, *, applying: bool) -> None:
    rules: list[Span | str] = [("dim", f"  times by tzdata {plan.tzdata}")] if plan.tzdata else []
    page.put(("bold", f"plan {plan.digest[:8]}"), *rules)
    if applying or (not plan.acts and plan.base is None):
        return
    if plan.base is not None:
        words = (
            f"compared with the calendars at {terminal(plan.base.ref)} ({plan.base.commit[:12]}), as if these"
        )
        page.put(f"{words} had been applied; services and state were not looked at", hang=2)
    elif plan.refresh == "off":
        page.put("next: plan again without --refresh off; what was not read cannot be applied", hang=6)
    elif plan.brake is None:
        page.put(f"next: {terminal(facts.apply_command(plan))}", hang=6, fold=False)


@dataclass(frozen=True, slots=True)
class _Columns:
    """How wide addresses and kinds are in a list of outcomes, and whether remote ids fit beside them."""

    address: int
    kind: int
    ids: bool

    @classmethod
    def of(cls, plan: Plan, settled: Sequence[Outcome], width: int) -> _Columns:
        address = max((cells(terminal(str(each.address))) for each in plan.actions), default=0)
        kind = max((len(each.kind.value) for each in plan.actions), default=0)
        longest = max((cells(terminal(each.remote_id or "")) for each in settled), default=0)
        return cls(address, kind, ids=2 + 2 + address + 2 + kind + 2 + longest <= width)


def _outcome(page: Page, action: Action, outcome: Outcome, columns: _Columns) -> None:
    address, kind = terminal(str(action.address)), action.kind.value
    spans: list[Span] = [
        (_KINDS[action.kind], f"{action.kind.symbol} "),
        ("plain", address + " " * (columns.address - cells(address) + 2) + kind),
    ]
    if outcome.remote_id and columns.ids:
        spans.append(("dim", " " * (columns.kind - len(kind) + 2) + terminal(outcome.remote_id)))
    page.put(*spans, indent=2, hang=6, fold=False)
    why = outcome.error
    if why is None and not action.kind.acts:
        why = action.reason
    elif why is None and outcome.kind is OutcomeKind.SKIPPED:
        why = "not attempted"
    if why:
        page.put(terminal(why), indent=6)


def _result(page: Page, plan: Plan, settled: Sequence[Outcome]) -> None:
    counts = [(kind, sum(each.kind is kind for each in settled)) for kind in OutcomeKind]
    # What waits for a place, and what a person stopped, is as it should be.
    whole = all(
        outcome.kind is OutcomeKind.DONE or action.kind is ActionKind.DEFERRED or action.code == "stopped"
        for action, outcome in zip(plan.actions, settled, strict=True)
    )
    page.put(
        ("bold", "Applied: " if whole else "Applied in part: "),
        ", ".join(f"{count}{GLUE}{kind.value}" for kind, count in counts if count) + ".",
        hang=2,
    )
    if any(each.kind is OutcomeKind.UNKNOWN for each in settled):
        page.put(
            "Unknown ones may have happened: the next apply looks before it sends anything again.", hang=2
        )


def _widths(rows: Sequence[Sequence[Span]]) -> list[int]:
    widths = [max(cells(text) for _, text in column) for column in zip(*rows, strict=True)]
    while widths and not widths[-1]:
        widths.pop()
    return widths


def _fits(page: Page, rows: Sequence[Sequence[Span]]) -> bool:
    widths = _widths(rows)
    return page.width is None or sum(widths) + 2 * (len(widths) - 1) <= page.width


def _table(page: Page, rows: Sequence[Sequence[Span]], notes: Sequence[str | None]) -> None:
    """Columns without frames, so that a cell is copied alone; on a narrow terminal two lines per row."""
    widths, fits = _widths(rows), _fits(page, rows)
    for row, note in zip(rows, notes, strict=True):
        padded: list[Span] = [
            (style, text + " " * (size - cells(text) + 2))
            for size, (style, text) in zip(widths, row, strict=False)
        ]
        if fits:
            page.put(*padded, fold=False)
        else:
            page.put(*padded[:1], *row[1:2], fold=False, hang=2)
            page.put(*(part for each in row[2:] for part in (each, ("plain", "  "))), indent=2, fold=False)
        if note:
            page.put(terminal(note), indent=2, hang=4)
