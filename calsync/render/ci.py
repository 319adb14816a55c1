"""What a run in CI says beside its plan, in markdown: which run it was, what went wrong, what an apply came to.

Every word that comes from a calendar, a service or a forge passes `render.safe`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from calsync.errors import CalsyncError, Diagnostic, Severity
from calsync.plan.action import Action, Plan
from calsync.plan.outcome import Outcome, OutcomeKind, Outcomes, StatusLine, outcome_of_each, result
from calsync.render import facts
from calsync.render.safe import markdown_inline, markdown_table_cell, terminal
from calsync.render.when import Clock

_SIGNS = {Severity.ERROR: "**error**", Severity.WARNING: "warning", Severity.NOTE: "note"}
_OUTCOMES = {
    OutcomeKind.FAILED: 0,
    OutcomeKind.UNKNOWN: 1,
    OutcomeKind.BLOCKED: 2,
    OutcomeKind.SKIPPED: 3,
    OutcomeKind.DONE: 4,
}
_RESERVE = 300  # for the line that says what was cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Which run says it: the commit it is about, and its page at the forge."""

    commit: str | None = None
    url: str | None = None

    @property
    def line(self) -> str:
        """A last line that says so; empty where nothing is known."""
        words = [f"commit `{self.commit[:10]}`"] if self.commit else []
        words += [f"[this run]({self.url})"] if self.url else []
        return f"\n<sub>{', '.join(words)}</sub>\n" if words else ""


def failure_markdown(
    title: str, error: CalsyncError, diagnostics: Iterable[Diagnostic], *, limit: int = 60_000
) -> str:
    """A run that ended in an error, of at most about `limit` characters: what was found, errors first."""
    head = f"### {title}\n\n**{markdown_inline(error.message)}**\n"
    if error.hint:
        head += f"\n{markdown_inline(error.hint)}\n"
    return head + _list([_finding(each) for each in facts.by_weight(diagnostics)], limit - len(head))


def outcome_markdown(plan: Plan, outcomes: Outcomes, *, clock: Clock, limit: int = 60_000) -> str:
    """What an apply came to: the counts, then one row per action, what is not done first and by its time."""
    settled = outcome_of_each(plan, outcomes)
    counts = ", ".join(f"{count} {name}" for name, count in result(settled).items() if count)
    head = f"### calsync apply `{plan.digest[:8]}`\n\n"
    rest = facts.rest(plan)
    if not plan.actions:
        head += f"{markdown_inline(facts.nothing(plan))}{f': {rest}' if rest else ''}.\n"
    else:
        head += f"**{counts}**{f' ({rest})' if rest else ''}\n"
    for service, why in plan.halted.items():
        head += f"\n**{markdown_inline(service)}**: {markdown_inline(why)}\n"
    rows = [_row(action, outcome, clock) for action, outcome in _by_need(plan.actions, settled)]
    head += "\n| | | when | post | why not |\n| --- | --- | --- | --- | --- |\n" if rows else ""
    findings = [_finding(each) for each in facts.apart(plan)]
    return head + _list(rows, (limit - len(head)) * 3 // 4) + _list(findings, (limit - len(head)) // 4)


def status_markdown(lines: Sequence[StatusLine], alarming: Iterable[StatusLine], *, clock: Clock) -> str:
    """How the managed posts stand: the counts, and those that need a person."""
    counts: dict[str, int] = {}
    for each in lines:
        counts[each.status.value] = counts.get(each.status.value, 0) + 1
    head = "### calsync status\n\n" + (
        ", ".join(f"{count} {name}" for name, count in counts.items()) or "No posts"
    )
    shown = [
        f"- **{each.status.value}** {markdown_inline(str(each.address))}"
        f"{f', {markdown_inline(clock.when(each.at, each.zone))}' if each.at else ''}"
        f"{f': {markdown_inline(each.error)}' if each.error else ''}\n"
        for each in alarming
    ]
    return f"{head}\n" + _list(shown, 30_000)


def unfinished(plan: Plan, outcomes: Outcomes) -> list[Diagnostic]:
    """What an apply did not do and no diagnostic of its plan says, at the lines of the calendars."""
    found = []
    for action, outcome in _by_need(plan.actions, outcome_of_each(plan, outcomes)):
        if outcome.kind in (OutcomeKind.FAILED, OutcomeKind.UNKNOWN):
            why = f": {outcome.error}" if outcome.error else ""
            found.append(
                Diagnostic(
                    severity=Severity.ERROR,
                    code=outcome.code or outcome.kind.value,
                    message=f"{action.kind.value} {outcome.kind.value}{why}",
                    source=action.source,
                    address=str(action.address),
                )
            )
    return found


def _by_need(actions: Sequence[Action], settled: Sequence[Outcome]) -> list[tuple[Action, Outcome]]:
    """What is not done first, the soonest first."""

    def need(pair: tuple[Action, Outcome]) -> tuple[int, float]:
        at = pair[0].after or pair[0].before
        return _OUTCOMES[pair[1].kind], at.timestamp() if at else 0.0

    return sorted(zip(actions, settled, strict=True), key=need)


def _row(action: Action, outcome: Outcome, clock: Clock) -> str:
    at = action.after or action.before
    why = outcome.error or (action.reason if outcome.kind is OutcomeKind.BLOCKED else "")
    cells = (
        clock.when(at, action.zone) if at else "",
        str(action.address),
        why or "",
    )
    words = [outcome.kind.value, f"{action.kind.symbol} {action.kind.value}"]
    return f"| {' | '.join([*words, *map(markdown_table_cell, cells)])} |\n"


def _finding(each: Diagnostic) -> str:
    place = terminal(str(each.source)) if each.source else ""
    where = (markdown_inline(place) if "`" in place else f"`{place}`") + ": " if place else ""
    address = f"{markdown_inline(each.address)}: " if each.address else ""
    hint = f" ({markdown_inline(each.hint)})" if each.hint else ""
    said = f"{address}{markdown_inline(each.message)}{hint}"
    return f"- {where}{_SIGNS[each.severity]} {markdown_inline(each.code)}: {said}\n"


def _list(lines: Sequence[str], room: int) -> str:
    """As many lines as there is room for, after an empty one; what was cut is said."""
    shown: list[str] = []
    room -= _RESERVE
    for each in lines:
        if len(each) > room:
            break
        shown.append(each)
        room -= len(each)
    cut = len(lines) - len(shown)
    said = f"\n_{cut} more left out to stay short; the log shows everything._\n" if cut else ""
    table = bool(lines) and lines[0].startswith("|")
    return ("" if table or not lines else "\n") + "".join(shown) + said
