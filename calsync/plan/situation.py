"""What the words of a verdict are made from: one address with all that was found of it, and what a verdict is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from calsync.errors import Diagnostic, Severity
from calsync.model import Capabilities, Content, Intent, Policy, Post, Record, RemoteId, Sighting, Status
from calsync.plan.action import Action, Blocked, Change, Step
from calsync.plan.names import Case
from calsync.plan.safety import blocked
from calsync.plan.twins import Alike

QUIET = timedelta(days=7)
"""So long after its time a post is past: nothing is said of it any more."""
MISSED = timedelta(days=1)
"""So long a post that was never scheduled is an error."""
OVERDUE = timedelta(minutes=15)
"""So long after its time a scheduled post should be out."""


class Situation(NamedTuple):
    """All that a verdict is worded from; the facts of the table have been found already.

    `at`: the desired time, or the recorded one. `seen`: the content as it stands at the service. `gaps`: fields
    that differ from it, `edited`: fields that differ from the record, `drifted`: fields that somebody else
    changed, `fixed`: fields that cannot be set. `shelved`: a person has made a draft of it.
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
    edited: frozenset[str]
    drifted: frozenset[str]
    fixed: frozenset[str]
    alike: Alike
    moved: bool
    late: bool
    resendable: bool
    shelved: bool = False

    @property
    def quiet(self) -> bool:
        """The post's time is more than 7 days past."""
        return self.now - self.at > QUIET

    @property
    def past(self) -> bool:
        """The post's time is past."""
        return self.at <= self.now

    @property
    def untouchable(self) -> str | None:
        """Why nobody may touch the post at its service."""
        return None if self.sighting is None else self.sighting.fixed

    @property
    def finished(self) -> bool:
        """A person has made a post of this draft."""
        record, sighting = self.case.record, self.sighting
        return (
            self.abilities.drafts_wait
            and record is not None
            and record.content.intent is Intent.DRAFT
            and sighting is not None
            and (sighting.status, sighting.intent) == (Status.PUBLISHED, Intent.PUBLISH)
        )

    @property
    def lead(self) -> str:
        """The lead time in words."""
        return f"{int(self.policy.lead_time.total_seconds() // 60)} min"

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

    def action(
        self,
        step: Step,
        reason: str,
        *,
        before: datetime | None = None,
        after: datetime | None = None,
        drift: bool = False,
        changes: tuple[Change, ...] = (),
    ) -> Action:
        """An action of this address."""
        case = self.case
        return Action(
            step=step,
            address=case.address,
            account=case.account,
            reason=reason,
            drift=drift,
            previous_address=case.previous,
            source=case.post.entry.source if case.post is not None else None,
            zone=self.zone,
            before=before,
            after=after,
            changes=changes,
        )

    def stop(self, code: str, reason: str, hint: str | None) -> Verdict:
        """Blocked: what should be done and cannot be, with its diagnostic."""
        record = self.case.record
        before = self.seen.at if self.seen is not None else record.content.at if record is not None else None
        after = self.post.content.at if self.case.post is not None and self.post.wanted else None
        action, finding = blocked(
            self.action(Blocked(), reason, before=before, after=after), code, reason, hint
        )
        return Verdict(action=action, diagnostics=(finding,))

    @property
    def refreshed(self) -> Record | None:
        """The record with the status that was seen, where that is news.

        What an older version of the service made, and this one shows, is this one's from now on.
        """
        record, sighting = self.case.record, self.sighting
        if record is None or sighting is None or sighting.status is Status.UNKNOWN:
            return None
        news = replace(record, seen=sighting.status, reason=sighting.reason)
        if sighting.status is not Status.MISSING and record.api != self.abilities.api:
            name = RemoteId(record.remote_id.id, record.remote_id.part or sighting.remote_id.part)
            home = record.workspace or (self.case.post.account.workspace if self.case.post else None)
            news = replace(news, api=self.abilities.api, remote_id=name, workspace=home)
        return None if news == record else news


@dataclass(frozen=True, slots=True)
class Verdict:
    """What comes of one address: an action or a count, diagnostics, and a record that takes over what was seen."""

    action: Action | None = None
    count: str | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    refreshed: Record | None = None
