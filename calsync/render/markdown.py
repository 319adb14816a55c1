"""A plan as a comment on a pull request: a table that anybody can read, and what changes, folded per post.

Captions are full of `@handles`, `#1`, links and whatever their authors like: every word that comes from a
calendar or a service passes `render.safe` and stays text.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from datetime import datetime

from calsync.errors import Diagnostic, Severity
from calsync.plan.action import Action, ActionKind, Change, Plan
from calsync.render import facts
from calsync.render.diff import marked
from calsync.render.safe import markdown_code_block, markdown_inline, markdown_table_cell, terminal
from calsync.render.when import Clock, Zones

MARKER = "<!-- calsync:plan -->"
"""The first line: by it a workflow finds its own comment and edits it in place."""

_EXCERPT = 80
_RESERVE = 400  # for the line that says what was cut
_SIGNS = {Severity.ERROR: "**error**", Severity.WARNING: "warning", Severity.NOTE: "note"}
_TABLE = "| | when | account | post | caption |\n| --- | --- | --- | --- | --- |\n"


def plan_markdown(plan: Plan, *, zones: Zones, now: datetime, limit: int = 60_000) -> str:
    """The plan in markdown, of at most `limit` characters: what does not fit is cut, the least important first.

    Details go before warnings, warnings before posts in the table, posts before errors. What was cut is said; the
    counts and what to type stay, whatever the limit.
    """
    clock = Clock(zones, now)
    head, tail = _head(plan, clock), _tail(plan)
    findings = facts.by_weight(plan.diagnostics)
    errors = [_finding(each) for each in findings if each.severity is Severity.ERROR]
    others = [_finding(each) for each in findings if each.severity is not Severity.ERROR]
    rows = [_row(each, clock) for each in plan.actions]
    details = [text for text in (_details(each, plan, clock) for each in plan.actions) if text]

    room = max(limit - len(head) - len(tail) - len(_TABLE) - _RESERVE, 0)
    shown_errors, room = _fitting(errors, room)
    shown_rows, room = _fitting(rows, room)
    shown_others, room = _fitting(others, room)
    shown_details, _ = _fitting(details, room)
    cut = [
        words.format(whole - shown)
        for words, whole, shown in (
            ("{} errors", len(errors), len(shown_errors)),
            ("{} posts of the table", len(rows), len(shown_rows)),
            ("{} warnings and notes", len(others), len(shown_others)),
            ("the details of {} posts", len(details), len(shown_details)),
        )
        if whole > shown
    ]
    parts = [head]
    for group in (shown_errors, [_TABLE, *shown_rows] if shown_rows else [], shown_others):
        if group:
            parts.append("".join(group))
    parts += shown_details
    if cut:
        parts.append(f"_Left out to stay short: {', '.join(cut)}. `calsync plan` shows everything._\n")
    parts.append(tail)
    return "\n".join(parts)


def _head(plan: Plan, clock: Clock) -> str:
    lines = [MARKER, f"### calsync plan `{plan.digest[:8]}`", ""]
    rest = facts.rest(plan)
    if plan.actions:
        counts = ", ".join(f"{count} {kind.value}" for kind, count in facts.counted(plan))
        lines.append(f"**{counts}**{f' ({rest})' if rest else ''}, as of {clock.at(clock.now, 'UTC')} UTC")
    else:
        lines.append(f"{markdown_inline(facts.nothing(plan))}{f': {rest}' if rest else ''}.")
    chosen = [*(f"calendar {name}" for name in plan.filters.calendars)]
    chosen += [f"account {name}" for name in plan.filters.accounts]
    if chosen:
        lines.append(f"\nOnly {', '.join(markdown_inline(each) for each in chosen)}.")
    if plan.brake is not None:
        lines.append(f"\n**Apply will refuse:** {markdown_inline(plan.brake)}")
    return "\n".join(lines) + "\n"


def _tail(plan: Plan) -> str:
    return _how(plan) + (f"\nTimes by tzdata {plan.tzdata}.\n" if plan.tzdata else "")


def _how(plan: Plan) -> str:
    if not plan.acts or plan.brake is not None:
        return ""
    if plan.refresh == "off":
        return "This plan was made without looking at the services; it cannot be applied.\n"
    return (
        "To apply exactly this plan:\n\n" + markdown_code_block(facts.apply_command(plan)).rstrip("\n") + "\n"
    )


def _row(action: Action, clock: Clock) -> str:
    at = action.after or action.before
    cells = (
        clock.when(at, action.zone) if at else "",
        action.address.account,
        f"{action.address.calendar}/{action.address.post}",
        facts.excerpt(facts.caption(action), _EXCERPT),
    )
    words = [f"{action.kind.symbol} {action.kind.value}", *map(markdown_table_cell, cells)]
    return f"| {' | '.join(words)} |\n"


def _finding(each: Diagnostic) -> str:
    place = f"{_code(str(each.source))}: " if each.source else ""
    address = f"{markdown_inline(each.address)}: " if each.address else ""
    hint = f" ({markdown_inline(each.hint)})" if each.hint else ""
    return f"- {place}{_SIGNS[each.severity]} {markdown_inline(each.code)}: {address}{markdown_inline(each.message)}{hint}\n"


def _code(text: str) -> str:
    # A place is copied into an editor, so it should hold nothing but itself.
    shown = terminal(text)
    return markdown_inline(text) if "`" in shown else f"`{shown}`"


def _details(action: Action, plan: Plan, clock: Clock) -> str:
    """What changes about one post, folded; empty where the table says it all."""
    lines = list(_lines(action, plan, clock))
    blocks = list(_texts(action.changes))
    if not lines and not blocks:
        return ""
    # Inside an HTML tag markdown's own escapes would be shown; in <code> nobody is mentioned either.
    title = f"{action.kind.value} <code>{html.escape(terminal(str(action.address)))}</code>"
    body = "".join(f"- {line}\n" for line in lines) + "".join(f"\n{block.rstrip()}\n" for block in blocks)
    return f"<details><summary>{title}</summary>\n\n{body}\n</details>\n"


def _lines(action: Action, plan: Plan, clock: Clock) -> Iterator[str]:
    if facts.telling(action):
        yield markdown_inline(action.reason)
    if action.previous_address is not None:
        yield f"was {markdown_inline(str(action.previous_address))}"
    if action.before and action.after and action.before != action.after:
        old, new = clock.at(action.before, action.zone), clock.at(action.after, action.zone)
        yield f"time: {old} → **{new}** {markdown_inline(clock.zone(action.zone))}"
    for each in action.changes:
        if each.path == "intent" and not (action.kind is ActionKind.CREATE and each.after == "publish"):
            yield _replaced("intent", each, action.kind)
        elif each.path.startswith("options."):
            yield _replaced(each.path.removeprefix("options."), each, action.kind)
    if facts.shows_media(action):
        for line in facts.media_lines(action):
            yield f"media: {markdown_inline(line)}"
        changed = next((each for each in action.changes if each.path == "media" and each.before), None)
        if changed is not None:
            yield f"media before: {markdown_inline(facts.was_media(changed))}"
    for address in action.waits_for:
        yield f"waits for the cancel of {markdown_inline(str(address))}"
    for found in facts.own(action, plan.diagnostics):
        if found.hint:
            yield f"to do: {markdown_inline(found.hint)}"


def _replaced(name: str, change: Change, kind: ActionKind) -> str:
    before, after = facts.value(change.before), facts.value(change.after)
    old = "" if change.before is None and kind is ActionKind.CREATE else f"{markdown_inline(before)} → "
    return f"{markdown_inline(name)}: {old}{markdown_inline(after)}"


def _texts(changes: Sequence[Change]) -> Iterator[str]:
    for each in changes:
        if each.path in ("caption", "title"):
            before, after = facts.text_of(each)
            text = marked(before, after) if before else after
            yield f"{each.path}:\n\n{markdown_code_block(text)}"


def _fitting(parts: Sequence[str], room: int) -> tuple[list[str], int]:
    """The first parts that fit, and the room that is left; a part that is too large does not keep out the next."""
    shown = []
    for each in parts:
        if len(each) + 1 <= room:
            shown.append(each)
            room -= len(each) + 1
    return shown, room
