"""Rows 14 to 20: posts that are wanted and scheduled, as they should be or not."""

from __future__ import annotations

from dataclasses import replace

from calsync.errors import Diagnostic, Severity
from calsync.model import stamp
from calsync.plan.action import Replace, Reschedule, Step, Update
from calsync.plan.changes import changes, named
from calsync.plan.counting import in_place
from calsync.plan.situation import OVERDUE, Situation, Verdict


def unchanged(s: Situation) -> Verdict:
    """Row 14: as it should be."""
    found: list[Diagnostic] = []
    record = s.record
    if s.now - s.at >= OVERDUE and not in_place(s.post.content, s.abilities):
        message = f"its time {stamp(s.at)} is past and {s.case.account.service} has not published it"
        found.append(s.said(Severity.ERROR, "overdue", message))
    if s.fixed:
        message = (
            f"{', '.join(sorted(s.fixed))} differ from the upload"
            f" and cannot be set for content that {s.case.account.service} already has"
        )
        found.append(s.said(Severity.WARNING, "fixed-upstream", message))
    record = replace(s.refreshed or record, content=s.post.content)
    return Verdict(
        count="unchanged",
        diagnostics=tuple(found),
        refreshed=record if record != s.record else None,
    )


def left(s: Situation) -> Verdict:
    """Row 15: changed by hand, and the policy leaves it."""
    assert s.seen is not None
    shown = changes(s.record.content, s.seen)
    parts = [f"{each.path} {each.before!r} to {each.after!r}" for each in shown]
    if s.seen.at != s.record.content.at:
        parts.insert(0, f"at {stamp(s.record.content.at)} to {stamp(s.seen.at)}")
    message = f"changed by hand and left so: {'; '.join(parts)}"
    return Verdict(count="unchanged", diagnostics=(s.said(Severity.WARNING, "drift", message),))


def too_close(s: Situation) -> Verdict:
    """Row 16: no time for a change any more."""
    message = f"its time is closer than the lead time of {s.lead}, so its change is not sent"
    hint = "`cancel: true` still works, and so does a later time"
    return Verdict(
        count="unchanged", diagnostics=(s.said(Severity.WARNING, "too-close", message, hint, "at"),)
    )


def _change(s: Situation, step: Step, reason: str) -> Verdict:
    assert s.seen is not None
    by_hand = s.gaps & s.drifted
    found: tuple[Diagnostic, ...] = ()
    if s.shelved:
        again = "given a new time" if s.moved else "to be scheduled again"
        reason = f"a person has made a draft of it; {again}"
        found = (s.said(Severity.WARNING, "drift", reason),)
    elif by_hand:
        names = named(by_hand)
        reason = f"changed by hand ({names})"
        found = (s.said(Severity.WARNING, "drift", f"{reason}; git is the truth"),)
    return Verdict(
        action=s.action(
            step,
            reason,
            before=s.seen.at,
            after=s.post.content.at,
            drift=bool(by_hand),
            changes=changes(s.seen, s.post.content, s.gaps),
        ),
        diagnostics=found,
    )


def reschedule(s: Situation) -> Verdict:
    """Row 17: moved in place."""
    return _change(s, Reschedule(s.post, s.record), "new time")


def update(s: Situation) -> Verdict:
    """Row 18: changed in place."""
    return _change(s, Update(s.post, s.record), f"changed: {named(s.gaps)}")


def replace_post(s: Situation) -> Verdict:
    """Row 19: cancelled and made anew."""
    service = s.case.account.service
    reason = f"changed: {named(s.gaps)}; {service} cannot edit it in place"
    return _change(s, Replace(s.post, s.record), reason)


def by_hand(s: Situation) -> Verdict:
    """Row 20: a person has to."""
    service, names = s.case.account.service, named(s.gaps)
    why = (
        f"its present time is too close to change it ({names}) at {service} without publishing twice"
        if s.late
        else f"{service} {s.abilities.api} cannot change {names} of a scheduled post, nor cancel it"
    )
    outcome = s.stop(
        "by-hand", why, f"change post {s.record.remote_id} {s.abilities.by_hand}, or put the entry back"
    )
    assert outcome.action is not None
    assert s.seen is not None
    shown = changes(s.seen, s.post.content, s.gaps)
    return replace(outcome, action=replace(outcome.action, changes=shown))
