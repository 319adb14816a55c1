"""Rows 1 to 13, and 21: posts that are not there, not wanted, over, or not known to stand anyhow."""

from __future__ import annotations

from collections.abc import Mapping

from calsync.errors import Diagnostic, Severity
from calsync.model import IntentKind, Standing, Status, stamp
from calsync.plan.action import Adopt, Cancel, Create, Forget
from calsync.plan.changes import changes, named
from calsync.plan.situation import MISSED, Situation, Verdict


def unknown(s: Situation) -> Verdict:
    """Row 1: nobody can tell, so nothing is done; what a person has to look at is blocked."""
    opening, service = s.case.opening, s.case.account.service
    count = "unchanged" if s.case.post is not None and s.post.wanted else None
    if opening is not None and not s.resendable:
        what = opening.kind.value
        return s.stop(
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
    if not s.abilities.handles_api(s.record.api):
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


def unmanaged(s: Situation) -> Verdict:
    """Row 2: not ours. Of a half-done replace that is not wanted any more only the intent is left to forget."""
    if s.case.opening is not None and s.case.opening.previous is not None:
        record = s.case.opening.previous
        return Verdict(
            action=s.action(Forget(record), "cancelled, and not wanted any more", before=record.content.at)
        )
    return Verdict()


def cancel(s: Situation) -> Verdict:
    """Row 3: taken back, or left to a person where the service cannot."""
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
        return s.stop(
            "by-hand",
            f"{reason}, but {service} {s.abilities.api} cannot cancel a scheduled post",
            f"cancel post {s.record.remote_id} {s.abilities.by_hand}",
        )
    step = Cancel(s.record, on_purpose=standing is not None)
    return Verdict(action=s.action(step, reason, before=at))


def going_out(s: Situation) -> Verdict:
    """Row 4: too late to take it back."""
    message = (
        "it is being published right now and cannot be taken back"
        if s.untouchable is None
        else f"it is not taken back: {s.untouchable}"
    )
    return Verdict(diagnostics=(s.said(Severity.WARNING, "locked", message),))


def forget(s: Situation) -> Verdict:
    """Row 5: over, and nobody wants it."""
    status = s.status.value if s.status is not None else "over"
    return Verdict(
        action=s.action(Forget(s.record), f"not wanted any more, and {status}", before=s.record.content.at)
    )


def adopt(s: Situation) -> Verdict:
    """Row 6: there already; with several that could be meant a person chooses."""
    twins, service = s.alike.twins, s.case.account.service
    if len(twins) > 1 or s.alike.contested:
        ids = ", ".join(str(each.remote_id) for each in twins[:5])
        return s.stop(
            "ambiguous",
            f"{service} has posts like it that calsync did not make ({ids}), and more than one could be meant",
            f"calsync state adopt {s.case.address} REMOTE_ID",
        )
    twin = twins[0]
    settable = s.abilities.fields_of(by_id=s.post.by_id)
    unseen = (
        [name for name in s.post.content.options if name not in twin.options] if "options" in settable else []
    )
    if s.post.content.thread and "thread" in settable:
        unseen.append("thread")
    hidden = {"media": s.post.content.media, "thread": s.post.content.thread}
    unseen += [
        name for name, said in hidden.items() if said and name in s.abilities.hidden and name not in unseen
    ]
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


def missed(s: Situation) -> Verdict:
    """Row 7: its time went by and it was never there."""
    if _half_done(s):
        return Verdict(count="past", diagnostics=(_lost_half(s),))
    if s.now - s.at > MISSED:
        return Verdict(count="past")
    message = f"its time {stamp(s.at)} is past and it was never scheduled"
    hint = "give it a new time, or remove it"
    return Verdict(count="past", diagnostics=(s.said(Severity.ERROR, "missed", message, hint, "at"),))


def too_close_new(s: Situation) -> Verdict:
    """Row 8: no time for it any more."""
    if _half_done(s):
        return Verdict(diagnostics=(_lost_half(s),))
    message = f"its time {stamp(s.at)} is closer than the lead time of {s.lead}, so it is not scheduled"
    return Verdict(
        diagnostics=(s.said(Severity.WARNING, "too-close", message, "give it a later time", "at"),)
    )


def lookalike(s: Situation) -> Verdict:
    """Row 9: something else is due in that minute, which may be this post in other words."""
    return s.stop(
        "lookalike",
        f"{s.case.account.service} has another post on this account in the same minute",
        f"if it is this post: calsync state adopt {s.case.address} REMOTE_ID; if not, give it another time",
    )


def create(s: Situation) -> Verdict:
    """Rows 10 and 12: made, or started again."""
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


def history(s: Situation) -> Verdict:
    """Row 11: out, or on its way."""
    found: tuple[Diagnostic, ...] = ()
    hint = "put the entry back as it was"
    if s.untouchable is not None and (s.edited or s.gaps):
        message = f"it is not changed ({named(s.edited | s.gaps)}): {s.untouchable}"
        found = (s.said(Severity.WARNING, "locked", message, hint),)
    elif s.edited:
        status = s.status.value if s.status is not None else ""
        if s.finished:
            status = "no draft any more: a person has finished it,"
        names = named(s.edited)
        message = f"it is {status} and cannot be changed any more ({names})"
        found = (s.said(Severity.WARNING, "locked", message, hint),)
    return Verdict(count="unchanged", diagnostics=found)


_ENDINGS: Mapping[Status, tuple[str, str]] = {
    Status.FAILED: ("failed", "publishing failed"),
    Status.CANCELED: ("stopped", "it was cancelled by hand"),
    Status.MISSING: ("lost", "the service has no such post any more"),
}


def ended(s: Situation) -> Verdict:
    """Row 13: stopped, failed or lost, until a person says go."""
    assert s.status is not None
    code, what = _ENDINGS[s.status]
    reason = f"{what}: {s.reason}" if s.reason else what
    hint = "give it a new time to schedule it again, or `cancel: true`"
    if s.past:
        severity = Severity.WARNING if code == "stopped" else Severity.ERROR
        return Verdict(count="past", diagnostics=(s.said(severity, code, reason, hint),))
    return s.stop(code, reason, hint)


def shelved(s: Situation) -> Verdict:
    """Row 21: a draft by a person's hand, until a person says go."""
    reason = "a person has made a draft of it"
    hint = "give it a new time to schedule it again, or `cancel: true`"
    if s.past:
        return Verdict(count="past", diagnostics=(s.said(Severity.WARNING, "stopped", reason, hint),))
    return s.stop("stopped", reason, hint)
