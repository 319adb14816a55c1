"""From a row of the decision table to an action and its words: what is done, why, and what to type instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from calsync.plan import scheduled, unscheduled
from calsync.plan.action import Move
from calsync.plan.situation import Situation, Verdict


def verdict(row: int, situation: Situation) -> Verdict:
    """The verdict of a row of the table, by its number, on a situation."""
    outcome = _VERDICTS[row](situation)
    acts = outcome.action is not None and outcome.action.kind.acts
    if situation.quiet and not acts:
        wanted = situation.case.post is not None and situation.case.post.wanted
        outcome = replace(outcome, action=None, count="past" if wanted else outcome.count, diagnostics=())
    if not acts and outcome.refreshed is None and (news := situation.refreshed) is not None:
        outcome = replace(outcome, refreshed=news)
    return _renamed(outcome, situation) if outcome.action is None else outcome


def _renamed(outcome: Verdict, situation: Situation) -> Verdict:
    """A record whose address is another one now passes to it, as it stands, where nothing else is to be done."""
    case = situation.case
    if case.previous is None:
        return outcome
    record = outcome.refreshed or situation.record
    move = situation.action(
        Move(replace(record, address=case.address)),
        f"renamed from {case.previous}",
        before=record.content.at,
        after=situation.post.content.at,
    )
    return replace(outcome, action=move, count=None)


_VERDICTS: Mapping[int, Callable[[Situation], Verdict]] = {
    1: unscheduled.unknown,
    2: unscheduled.unmanaged,
    3: unscheduled.cancel,
    4: unscheduled.going_out,
    5: unscheduled.forget,
    6: unscheduled.adopt,
    7: unscheduled.missed,
    8: unscheduled.too_close_new,
    9: unscheduled.lookalike,
    10: unscheduled.create,
    11: unscheduled.history,
    12: unscheduled.create,
    13: unscheduled.ended,
    14: scheduled.unchanged,
    15: scheduled.left,
    16: scheduled.too_close,
    17: scheduled.reschedule,
    18: scheduled.update,
    19: scheduled.replace_post,
    20: scheduled.by_hand,
    21: unscheduled.shelved,
}
