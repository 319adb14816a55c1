"""The planner: a pure function of what is desired, recorded and observed, and of the clock and policy it is given.

The same inputs give the same plan, byte for byte. `names` says which record belongs to which entry, `table` which
row decides, `verdict` turns a row into an action with words for people, `safety` judges the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from calsync.errors import Diagnostic, Severity
from calsync.model import (
    AccountKey,
    Address,
    Capabilities,
    Desired,
    DriftPolicy,
    Entry,
    IntentKind,
    Media,
    Observed,
    Policy,
    Record,
    Recorded,
    RemoteId,
    Sighting,
    Status,
    upload_units,
)
from calsync.plan import digest as digests
from calsync.plan import safety
from calsync.plan.action import (
    Action,
    ActionKind,
    Create,
    Filters,
    MediaUse,
    Plan,
    Replace,
    Reschedule,
    Slot,
    Update,
)
from calsync.plan.changes import (
    as_observed,
    differing,
    fixed_upstream,
    needs_media,
    settled_media,
    shas_by_asset,
)
from calsync.plan.counting import counted, in_place, shelved
from calsync.plan.names import Case, pair
from calsync.plan.settling import made, resendable, settle
from calsync.plan.situation import Situation
from calsync.plan.table import Facts, Gap, decide
from calsync.plan.twins import Lookalikes
from calsync.plan.verdict import verdict

SUMMARY = (*(kind.value for kind in ActionKind), "unchanged", "unmanaged", "past")


def plan(
    desired: Desired,
    recorded: Recorded,
    observed: Observed,
    *,
    abilities: Mapping[str, Capabilities],
    policy: Policy,
    now: datetime,
    filters: Filters | None = None,
    refresh: str = "auto",
    zone: str = "UTC",
    unusable: Mapping[AccountKey, str] | None = None,
    missing: frozenset[AccountKey] = frozenset(),
) -> Plan:
    """Compare the three states and say what apply would do. Pure.

    `abilities` holds the capabilities of each service that could be reached; records of any other decide
    nothing. `zone`: the project's, to show posts in that no calendar names any more.
    `unusable`: accounts where nothing can be posted now, with the reason; `missing`: those that are not there at all.
    """
    filters = filters or Filters()
    guard = safety.wrong_keys(recorded, observed, now)
    halted = dict(observed.unreadable) | {key.service: why for key, why in sorted(guard.items())}
    readable = replace(observed, unreadable=halted)
    settled = settle(recorded, readable, abilities, now).recorded
    judge = _Judge(settled, readable, abilities, policy, now, zone)
    paired = pair(desired, settled)
    cases = [case for case in paired if case.account.service in abilities.keys() - halted.keys()]
    judge.look_alikes(cases)

    counts = dict.fromkeys(SUMMARY, 0)
    actions: list[Action] = []
    found: list[Diagnostic] = []
    leaving = [
        (_stand_in(case), False)
        for case in paired
        if case.account.service not in abilities.keys() - halted.keys()
        and case.vanished
        and case.address not in desired.unbound
        and _may_go_out(case)
    ]
    scheduled: list[Address] = []
    standing: list[tuple[AccountKey, Slot]] = []
    refreshed: list[Record] = []
    for case in cases:
        facts, situation = judge.facts(case)
        row = decide(facts)
        outcome = verdict(row.number, situation)
        if outcome.action is not None:
            actions.append(outcome.action)
        elif outcome.count is not None:
            counts[outcome.count] += 1
        found.extend(outcome.diagnostics)
        if facts.recorded and facts.observed is Status.SCHEDULED and case.record is not None:
            scheduled.append(case.record.address if case.vanished else case.address)
        if facts.observed in (Status.SCHEDULED, Status.PROCESSING) and case.record is not None:
            seen = situation.sighting.at if situation.sighting is not None else None
            slot = Slot(seen or case.record.content.at, case.address, situation.zone)
            standing.append((case.account, slot))
        if case.vanished and row.number in (1, 3, 4):
            leaving.append((_stand_in(case), outcome.action is not None and outcome.action.kind.writes))
        if outcome.refreshed is not None:
            refreshed.append(outcome.refreshed)

    actions, ties = safety.tie(actions, leaving)
    actions = safety.hold_back(actions, unusable or {}, missing)
    actions, waiting = safety.give_places(actions, observed.usage, now)
    actions, unchosen = safety.filtered(safety.in_order(actions), filters)
    ordered = judge.with_media(safety.in_order(actions))
    cancels, brake = safety.brake(ordered, policy, scheduled)
    found += ties + waiting + unchosen + safety.many_moves(ordered, len(scheduled))
    found += _project_findings(recorded, policy, halted, guard, brake)
    for action in ordered:
        counts[action.kind.value] += 1
    counts["unmanaged"] = judge.unmanaged(ordered)
    touched = {(each.account, each.address) for each in ordered if each.kind.acts}
    kept = (slot for account, slot in standing if slot.at > now and (account, slot.address) not in touched)
    lines = digests.lines(ordered)
    return Plan(
        created_at=now,
        lineage=recorded.lineage,
        serial=recorded.serial,
        refresh=refresh,
        filters=filters,
        actions=ordered,
        diagnostics=tuple(sorted(found, key=lambda each: each.order)),
        summary=counts,
        lines=lines,
        digest=digests.digest(lines),
        cancels=cancels,
        brake=brake,
        halted=halted,
        refreshed=tuple(refreshed),
        kept=tuple(sorted(kept)),
    )


def _stand_in(case: Case) -> Record:
    """A record for what leaves: the record, or the one that an unsettled create may have made."""
    if case.record is not None:
        return case.record
    assert case.opening is not None
    if case.opening.previous is not None:
        return replace(case.opening.previous, content=case.opening.content)
    return made(case.opening, RemoteId(""))


def _may_go_out(case: Case) -> bool:
    """Whether a post at a service that decides nothing is, by its record, still to be published."""
    if case.opening is not None and not case.opening.cleared:
        return True
    return case.record is not None and case.record.seen in (Status.SCHEDULED, Status.PROCESSING)


def _project_findings(
    recorded: Recorded,
    policy: Policy,
    halted: Mapping[str, str],
    guard: Mapping[AccountKey, str],
    brake: str | None,
) -> list[Diagnostic]:
    """What concerns no single post."""
    wrong = {key.service for key in guard}
    found = [
        Diagnostic(
            severity=Severity.ERROR,
            code="wrong-key" if service in wrong else "unreadable",
            message=why
            if service in wrong
            else f"{service} could not be read, so nothing of it is planned: {why}",
            hint="posts that are gone on purpose: `cancel: true`, then `calsync state rm ADDRESS`"
            if service in wrong
            else None,
        )
        for service, why in sorted(halted.items())
    ]
    if recorded.policy is not None and dict(recorded.policy) != policy.to_json():
        old, new = recorded.policy, policy.to_json()
        names = [f"{name} {old.get(name)} to {new[name]}" for name in new if old.get(name) != new[name]]
        found.append(
            Diagnostic(
                severity=Severity.WARNING,
                code="policy-changed",
                message=f"the policy differs from the one last applied: {', '.join(names)}",
            )
        )
    if brake is not None:
        found.append(
            Diagnostic(
                severity=Severity.WARNING,
                code="brake",
                message=f"apply will refuse: {brake}",
                hint="if that is meant: calsync apply --allow-cancels N",
            )
        )
    return found


@dataclass
class _Judge:
    """Finds the facts of one address after the other; holds what is looked up for all of them."""

    settled: Recorded
    observed: Observed
    abilities: Mapping[str, Capabilities]
    policy: Policy
    now: datetime
    zone: str

    def __post_init__(self) -> None:
        self._owned = {(record.account, record.remote_id) for record in self.settled.records.values()}
        self._shas = shas_by_asset(self.settled.uploads)

    def look_alikes(self, cases: list[Case]) -> None:
        """Find twins and near posts for every wanted address that has no live post of its own."""
        searching = [
            case.post for case in cases if case.post is not None and case.post.wanted and not self._live(case)
        ]
        self._alike = Lookalikes.find(
            searching, self.observed.strangers, self._owned, self.abilities, self.settled.uploads
        )

    def _live(self, case: Case) -> bool:
        if case.opening is not None and not case.opening.cleared:
            return True
        status, _ = self._status(case)
        return status is not None and (status.live or status is Status.UNKNOWN)

    def _status(self, case: Case) -> tuple[Status | None, Sighting | None]:
        """How the address stands: None where nothing is recorded."""
        opening, record = case.opening, case.record
        if opening is not None and not (opening.cleared and opening.kind is IntentKind.REPLACE):
            return Status.UNKNOWN, None
        if record is None:
            return None, None
        if not self.abilities[case.account.service].handles_api(record.api):
            return Status.UNKNOWN, None
        sighting = self.observed.by_address.get(record.address)
        if sighting is None:
            return record.seen, None
        sighting = counted(sighting, record, case.post, self.abilities[case.account.service])
        return sighting.status, sighting

    def facts(self, case: Case) -> tuple[Facts, Situation]:
        """The facts of one address, and all that its verdict is worded from."""
        abilities, policy = self.abilities[case.account.service], self.policy
        post, record = case.post, case.record
        status, sighting = self._status(case)
        wanted = post is not None and post.wanted
        known = post or record or case.opening
        assert known is not None
        at = known.content.at
        alike = self._alike.of(case.address, case.account)
        gaps: frozenset[str] = frozenset()
        edits: frozenset[str] = frozenset()
        fixed: frozenset[str] = frozenset()
        drifted: frozenset[str] = frozenset()
        seen = None
        if post is not None and record is not None:
            settable = abilities.fields_of(by_id=post.by_id)
            shas = self._shas.get(case.account.service, {})
            content = settled_media(post.content, record)
            seen = as_observed(record, sighting, shas)
            gaps = differing(content, seen, settable)
            edits = gaps if seen is record.content else differing(content, record.content, settable)
            drifted = differing(seen, record.content, settable)
            fixed = fixed_upstream(post.content, sighting, settable)
        # A draft that waits goes out by nobody's clock.
        late = (
            abilities.late_move_may_repeat
            and seen is not None
            and not in_place(seen, abilities)
            and seen.at < self.now + policy.lead_time
        )
        facts = Facts(
            desired=wanted,
            recorded=status is not None,
            observed=status,
            twins=len(alike.twins),
            near=alike.near,
            past=at <= self.now,
            soon=at < self.now + policy.lead_time,
            shelved=record is not None and shelved(sighting, record, post, abilities),
            moved=record is not None and at != record.content.at,
            edited=bool(edits),
            gap=Gap.NONE if not gaps else Gap.TIME if gaps == {"at"} else Gap.OTHER,
            restore_all=policy.drift is DriftPolicy.RESTORE_ALL,
            leave=policy.drift is DriftPolicy.LEAVE,
            moves=abilities.moves and not late,
            updates=abilities.updates and not late,
            cancels=abilities.cancels and not (late and wanted),
        )
        situation = Situation(
            case=case,
            abilities=abilities,
            policy=policy,
            now=self.now,
            zone=post.entry.zone if post is not None else self.zone,
            at=at,
            status=status,
            sighting=sighting,
            seen=seen,
            gaps=gaps,
            edited=edits,
            drifted=drifted,
            fixed=fixed,
            alike=alike,
            moved=facts.moved,
            late=late,
            resendable=case.opening is not None
            and resendable(case.opening, post, abilities, self.now, self.now + policy.lead_time),
            shelved=facts.shelved,
        )
        return facts, situation

    def with_media(self, actions: tuple[Action, ...]) -> tuple[Action, ...]:
        """Each action with its media, the first that needs an upload marked as the one that makes it."""
        uploaded = set(self.settled.uploads)
        finished: list[Action] = []
        for action in actions:
            step, can = action.step, self.abilities[action.account.service]
            if not isinstance(step, (Create, Replace, Update, Reschedule)) or (
                isinstance(step, (Update, Reschedule))
                and not needs_media(step.post, step.record, can, moved=isinstance(step, Reschedule))
            ):
                finished.append(action)
                continue
            fresh: set[Media] = set()
            for unit in upload_units(step.post, can):
                if unit.key not in uploaded:
                    uploaded.add(unit.key)
                    fresh.update(unit.files)
            finished.append(replace(action, media=tuple(_uses(step.post.entry, fresh))))
        return tuple(finished)

    def unmanaged(self, actions: tuple[Action, ...]) -> int:
        """Live posts on our accounts that stay nobody's."""
        adopted = sum(action.kind is ActionKind.ADOPT for action in actions)
        live = sum(
            sighting.status in (Status.SCHEDULED, Status.PROCESSING)
            and (account, sighting.remote_id) not in self._owned
            for account, sightings in self.observed.strangers.items()
            for sighting in sightings
        )
        return max(0, live - adopted)


def _uses(entry: Entry, fresh: set[Media]) -> Iterator[MediaUse]:
    """What a post and its thread show; a file that has to go up, where it is shown first."""
    for each in entry.media:
        yield MediaUse(each, each in fresh)
        fresh.discard(each)
    for number, files in enumerate(entry.thread_media):
        for each in files:
            yield MediaUse(each, each in fresh, number)
            fresh.discard(each)
