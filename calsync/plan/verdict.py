"""From a row of the decision table to an action and its words: what is done, why, and what to type instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from calsync.errors import Diagnostic, Severity
from calsync.model import (
    Capabilities,
    Content,
    IntentKind,
    Policy,
    Post,
    Record,
    RemoteId,
    Sighting,
    Standing,
    Status,
    stamp,
)
from calsync.plan.action import (
    Action,
    Adopt,
    Cancel,
    Create,
    Forget,
    Move,
    Replace,
    Reschedule,
    Step,
    Update,
)
from calsync.plan.changes import changes
from calsync.plan.names import Case
from calsync.plan.safety import blocked
from calsync.plan.twins import Alike

QUIET = timedelta(days=7)
"""So long after its time a post is past: nothing is said of it any more."""
MISSED = timedelta(days=1)
OVERDUE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a verdict is worded from; the facts of the table have been found already.

    `at`: the desired time, or the recorded one. `seen`: the content as it stands at the service. `gaps`: fields
    that differ from it, `drifted`: fields that somebody else changed, `fixed`: fields that cannot be set.
    """

    case: Case
    abilities: Capabilities
    policy: Policy
    now: datetime
    zone: str
    at: datetime
    status: Status | None
    sighting: Sighting | None
    seen: Content | None
    gaps: frozenset[str]
    drifted: frozenset[str]
    fixed: frozenset[str]
    alike: Alike
    moved: bool
    late: bool
    resendable: bool

    @property
    def quiet(self) -> bool:
        """The post's time is more than 7 days past."""
        return self.now - self.at > QUIET

    @property
    def past(self) -> bool:
        """The post's time is past."""
        return self.at <= self.now

    @property
    def post(self) -> Post:
        """The desired post; asked only in rows where there is one."""
        assert self.case.post is not None
        return self.case.post

    @property
    def record(self) -> Record:
        """The record; asked only in rows where there is one."""
        assert self.case.record is not None
        return self.case.record

    @property
    def reason(self) -> str | None:
        """The service's own words for how the post ended."""
        if self.sighting is not None and self.sighting.reason:
            return self.sighting.reason
        return self.case.record.reason if self.case.record is not None else None

    def said(
        self, severity: Severity, code: str, message: str, hint: str | None = None, field: str | None = None
    ) -> Diagnostic:
        """A diagnostic of this address, placed at the field or the entry."""
        entry = self.case.post.entry if self.case.post is not None else None
        source = None if entry is None else entry.place(field) if field else entry.source
        return Diagnostic(
            severity=severity,
            code=code,
            message=message,
            hint=hint,
            source=source,
            address=str(self.case.address),
        )

    def action(self, step: Step, reason: str, **details: object) -> Action:
        """An action of this address."""
        case = self.case
        known: dict[str, object] = {
            "source": case.post.entry.source if case.post is not None else None,
            "previous_address": case.previous,
            "zone": self.zone,
        }
        return Action(
            step=step,
            address=case.address,
            account=case.account,
            reason=reason,
            **(known | details),  # type: ignore[arg-type]
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What comes of one address: an action or a count, diagnostics, and a record that takes over what was seen."""

    action: Action | None = None
    count: str | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    refreshed: Record | None = None


def verdict(row: int, situation: Situation) -> Verdict:
    """The verdict of a row (its number in semantics.md §2) on a situation."""
    outcome = _VERDICTS[row](situation)
    if situation.quiet and (outcome.action is None or not outcome.action.kind.acts):
        wanted = situation.case.post is not None and situation.case.post.wanted
        outcome = replace(outcome, action=None, count="past" if wanted else outcome.count, diagnostics=())
    if outcome.action is None and situation.case.previous is not None:
        moved = _refreshed(situation) or situation.record
        move = situation.action(
            Move(replace(moved, address=situation.case.address)),
            f"renamed from {situation.case.previous}",
            before=moved.content.at,
            after=situation.post.content.at,
        )
        return replace(outcome, action=move, count=None)
    if outcome.refreshed is None and (outcome.action is None or not outcome.action.kind.acts):
        outcome = replace(outcome, refreshed=_refreshed(situation))
    return outcome


def _refreshed(s: Situation) -> Record | None:
    """The record with the status that was seen, where that is news."""
    record, sighting = s.case.record, s.sighting
    if record is None or sighting is None or sighting.status is Status.UNKNOWN:
        return None
    news = replace(record, seen=sighting.status, reason=sighting.reason)
    return None if news == record else news


def _stop(s: Situation, code: str, reason: str, hint: str | None) -> Verdict:
    at = s.seen.at if s.seen is not None else s.case.record.content.at if s.case.record else None
    after = s.post.content.at if s.case.post is not None and s.post.wanted else None
    action, finding = blocked(
        s.action(Move(_any_record(s)), reason, before=at, after=after), code, reason, hint
    )
    return Verdict(action=action, diagnostics=(finding,))


def _any_record(s: Situation) -> Record:
    # `blocked` swaps the step; only the rest of the action survives.
    if s.case.record is not None:
        return s.case.record
    return Record(
        address=s.case.address,
        account=s.case.account,
        remote_id=RemoteId(""),
        content=Content(at=s.at),
        api=s.abilities.api,
    )


def _unknown(s: Situation) -> Verdict:
    opening, service = s.case.opening, s.case.account.service
    count = "unchanged" if s.case.post is not None and s.post.wanted else None
    if opening is not None and not s.resendable:
        what = opening.kind.value
        return _stop(
            s,
            "unknown",
            f"the outcome of an earlier {what} at {service} is not known: it may or may not have happened",
            f"look at {service}; if the post is there: calsync state adopt {s.case.address} REMOTE_ID;"
            f" if it is not: calsync state rm {s.case.address}",
        )
    if opening is not None:
        message = (
            f"the outcome of an earlier create at {service} is not known;"
            " apply sends it again under the same key"
        )
        return Verdict(count=count, diagnostics=(s.said(Severity.ERROR, "unknown", message),))
    if not s.abilities.handles_record(s.record):
        message = f"it was made with {service} {s.record.api} and cannot be handled with {s.abilities.api}"
        hint = f"set providers.{service}.api to {s.record.api} or auto"
        return Verdict(count=count, diagnostics=(s.said(Severity.ERROR, "unknown", message, hint),))
    forgotten = s.past and s.abilities.lists and not s.abilities.keeps_history
    message = (
        f"{service} no longer shows this post, and its time is past: it may be published"
        if forgotten
        else f"{service} does not say how this post stands"
    )
    severity = Severity.WARNING if forgotten else Severity.ERROR
    return Verdict(count=count, diagnostics=(s.said(severity, "unknown", message),))


def _nothing(s: Situation) -> Verdict:
    if s.case.opening is not None and s.case.opening.previous is not None:
        record = s.case.opening.previous
        return Verdict(
            action=s.action(Forget(record), "cancelled, and not wanted any more", before=record.content.at)
        )
    return Verdict()


def _cancel(s: Situation) -> Verdict:
    post, service = s.case.post, s.case.account.service
    standing = None if post is None else post.entry.standing
    reason = (
        "cancel: true"
        if standing is Standing.CANCELED
        else "its account is paused"
        if standing is Standing.PAUSED
        else "no longer in the calendar"
    )
    at = (s.sighting.at if s.sighting is not None else None) or s.record.content.at
    if not s.abilities.cancels:
        return _stop(
            s,
            "by-hand",
            f"{reason}, but {service} {s.abilities.api} cannot cancel a scheduled post",
            f"cancel post {s.record.remote_id} {s.abilities.by_hand}",
        )
    step = Cancel(s.record, on_purpose=standing is not None)
    return Verdict(action=s.action(step, reason, before=at))


def _locked_processing(s: Situation) -> Verdict:
    message = "it is being published right now and cannot be taken back"
    return Verdict(diagnostics=(s.said(Severity.WARNING, "locked", message),))


def _forget(s: Situation) -> Verdict:
    status = s.status.value if s.status is not None else "over"
    return Verdict(
        action=s.action(Forget(s.record), f"not wanted any more, and {status}", before=s.record.content.at)
    )


def _adopt(s: Situation) -> Verdict:
    twins, service = s.alike.twins, s.case.account.service
    if len(twins) > 1 or s.alike.contested:
        ids = ", ".join(str(each.remote_id) for each in twins[:5])
        return _stop(
            s,
            "ambiguous",
            f"{service} has posts like it that calsync did not make ({ids}), and more than one could be meant",
            f"calsync state adopt {s.case.address} REMOTE_ID",
        )
    twin = twins[0]
    settable = s.abilities.fields_of(by_id=s.post.by_id)
    unseen = (
        [name for name in s.post.content.options if name not in twin.options] if "options" in settable else []
    )
    reason = f"{service} has this post already ({twin.remote_id})"
    if unseen:
        reason += f"; not visible there: {', '.join(unseen)}"
    step = Adopt(s.post, twin)
    return Verdict(action=s.action(step, reason, before=twin.at, after=s.post.content.at))


def _lost_half(s: Situation) -> Diagnostic:
    message = "its old post was cancelled to be replaced, and its time is too close to create it again"
    return s.said(Severity.ERROR, "lost", message, "give it a later time", "at")


def _half_done(s: Situation) -> bool:
    opening = s.case.opening
    return opening is not None and opening.cleared and opening.kind is IntentKind.REPLACE


def _missed(s: Situation) -> Verdict:
    if _half_done(s):
        return Verdict(count="past", diagnostics=(_lost_half(s),))
    if s.now - s.at > MISSED:
        return Verdict(count="past")
    message = f"its time {stamp(s.at)} is past and it was never scheduled"
    hint = "give it a new time, or remove it"
    return Verdict(count="past", diagnostics=(s.said(Severity.ERROR, "missed", message, hint, "at"),))


def _lead(s: Situation) -> str:
    return f"{int(s.policy.lead_time.total_seconds() // 60)} min"


def _too_close_new(s: Situation) -> Verdict:
    if _half_done(s):
        return Verdict(diagnostics=(_lost_half(s),))
    message = f"its time {stamp(s.at)} is closer than the lead time of {_lead(s)}, so it is not scheduled"
    return Verdict(
        diagnostics=(s.said(Severity.WARNING, "too-close", message, "give it a later time", "at"),)
    )


def _lookalike(s: Situation) -> Verdict:
    return _stop(
        s,
        "lookalike",
        f"{s.case.account.service} has another post on this account in the same minute",
        f"if it is this post: calsync state adopt {s.case.address} REMOTE_ID; if not, give it another time",
    )


def _create(s: Situation) -> Verdict:
    post = s.post
    reason = "new post"
    if _half_done(s):
        reason = "its old post is cancelled, the new one is still to be created"
    elif s.case.record is not None:
        status = s.status.value if s.status is not None else "over"
        reason = f"{status}, and given a new time" if s.moved else f"{status}, to be started again"
    return Verdict(
        action=s.action(Create(post), reason, after=post.content.at, changes=changes(None, post.content))
    )


def _history(s: Situation) -> Verdict:
    found: tuple[Diagnostic, ...] = ()
    if s.gaps:
        status = s.status.value if s.status is not None else ""
        names = ", ".join(sorted(s.gaps))
        message = f"it is {status} and cannot be changed any more ({names})"
        found = (s.said(Severity.WARNING, "locked", message, "put the entry back as it was"),)
    return Verdict(count="unchanged", diagnostics=found)


_ENDINGS: Mapping[Status, tuple[str, str]] = {
    Status.FAILED: ("failed", "publishing failed"),
    Status.CANCELED: ("stopped", "it was cancelled by hand"),
    Status.MISSING: ("lost", "the service has no such post any more"),
}


def _ended(s: Situation) -> Verdict:
    assert s.status is not None
    code, what = _ENDINGS[s.status]
    reason = f"{what}: {s.reason}" if s.reason else what
    hint = "give it a new time to schedule it again, or `cancel: true`"
    if s.past:
        severity = Severity.WARNING if code == "stopped" else Severity.ERROR
        return Verdict(count="past", diagnostics=(s.said(severity, code, reason, hint),))
    return _stop(s, code, reason, hint)


def _unchanged(s: Situation) -> Verdict:
    found: list[Diagnostic] = []
    record = s.record
    if s.now - s.at >= OVERDUE:
        message = f"its time {stamp(s.at)} is past and {s.case.account.service} has not published it"
        found.append(s.said(Severity.ERROR, "overdue", message))
    if s.fixed:
        message = (
            f"{', '.join(sorted(s.fixed))} differ from the upload"
            f" and cannot be set for content that {s.case.account.service} already has"
        )
        found.append(s.said(Severity.WARNING, "fixed-upstream", message))
    record = replace(_refreshed(s) or record, content=s.post.content)
    return Verdict(
        count="unchanged",
        diagnostics=tuple(found),
        refreshed=record if record != s.record else None,
    )


def _left(s: Situation) -> Verdict:
    assert s.seen is not None
    shown = changes(s.record.content, s.seen)
    parts = [f"{each.path} {each.before!r} to {each.after!r}" for each in shown]
    if s.seen.at != s.record.content.at:
        parts.insert(0, f"at {stamp(s.record.content.at)} to {stamp(s.seen.at)}")
    message = f"changed by hand and left so: {'; '.join(parts)}"
    return Verdict(count="unchanged", diagnostics=(s.said(Severity.WARNING, "drift", message),))


def _too_close(s: Situation) -> Verdict:
    message = f"its time is closer than the lead time of {_lead(s)}, so its change is not sent"
    hint = "`cancel: true` still works, and so does a later time"
    return Verdict(
        count="unchanged", diagnostics=(s.said(Severity.WARNING, "too-close", message, hint, "at"),)
    )


def _change(s: Situation, step: Step, reason: str) -> Verdict:
    assert s.seen is not None
    by_hand = s.gaps & s.drifted
    found: tuple[Diagnostic, ...] = ()
    if by_hand:
        names = ", ".join(sorted(by_hand))
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


def _reschedule(s: Situation) -> Verdict:
    return _change(s, Reschedule(s.post, s.record), "new time")


def _update(s: Situation) -> Verdict:
    return _change(s, Update(s.post, s.record), f"changed: {', '.join(sorted(s.gaps))}")


def _replace(s: Situation) -> Verdict:
    service = s.case.account.service
    reason = f"changed: {', '.join(sorted(s.gaps))}; {service} cannot edit it in place"
    return _change(s, Replace(s.post, s.record), reason)


def _by_hand(s: Situation) -> Verdict:
    service, names = s.case.account.service, ", ".join(sorted(s.gaps))
    why = (
        f"its present time is too close to change {names} at {service} without publishing twice"
        if s.late
        else f"{service} {s.abilities.api} cannot change {names} of a scheduled post, nor cancel it"
    )
    outcome = _stop(
        s, "by-hand", why, f"change post {s.record.remote_id} {s.abilities.by_hand}, or put the entry back"
    )
    assert outcome.action is not None
    assert s.seen is not None
    shown = changes(s.seen, s.post.content, s.gaps)
    return replace(outcome, action=replace(outcome.action, changes=shown))


_VERDICTS: Mapping[int, Callable[[Situation], Verdict]] = {
    1: _unknown,
    2: _nothing,
    3: _cancel,
    4: _locked_processing,
    5: _forget,
    6: _adopt,
    7: _missed,
    8: _too_close_new,
    9: _lookalike,
    10: _create,
    11: _history,
    12: _create,
    13: _ended,
    14: _unchanged,
    15: _left,
    16: _too_close,
    17: _reschedule,
    18: _update,
    19: _replace,
    20: _by_hand,
}
