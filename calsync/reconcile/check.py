"""The verb state check: hold what is recorded against the services, and say what would mend the rest.

It writes nothing anywhere. What is matched, settled and planned is what the next apply would match, settle and plan.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from calsync.errors import Diagnostic, ProviderError, Severity
from calsync.model import Address, Capabilities, IntentKind, Open, Record, Sighting, Status, stamp
from calsync.observed import LONG_PAST, Refresh
from calsync.plan import Action, Change, Filters
from calsync.plan.action import Adopt
from calsync.plan.changes import as_observed, changes, differing, shas_by_asset
from calsync.plan.checkup import Check, CheckStatus, Checkup, Needs
from calsync.plan.settling import Closing, found, settle
from calsync.providers.base import Provider
from calsync.reconcile.look import View, look, recorded_of, valid
from calsync.reconcile.project import Project


def check(project: Project) -> Checkup:
    """Read all, and say of every record and every open intent whether it agrees with its service.

    Raises what `make_plan` raises.
    """
    recorded = recorded_of(project)
    checked = valid(project)
    with project.services() as services:
        view = look(project, services, checked, recorded, Filters(), Refresh.FULL)
        checks = _Examination(view, services.providers).checks()
    return Checkup(checks=tuple(sorted(checks, key=lambda each: each.order)), plan=view.plan)


_ENDED: Mapping[Status, tuple[CheckStatus, str]] = {
    Status.CANCELED: (CheckStatus.STOPPED, "it was cancelled there"),
    Status.FAILED: (CheckStatus.FAILED, "publishing failed"),
    Status.MISSING: (CheckStatus.GONE, "the service has no such post any more"),
}

_NOTED = "the next apply writes down what is there"


@dataclass
class _Examination:
    """One checkup in the making."""

    view: View
    providers: Mapping[str, Provider]

    def __post_init__(self) -> None:
        view = self.view
        self._now = view.plan.created_at
        self._actions: dict[tuple[Address, str, str], Action] = {}
        self._findings: dict[str, list[Diagnostic]] = defaultdict(list)
        for action in view.plan.actions:
            for address in {action.address, action.previous_address or action.address}:
                self._actions[address, action.account.service, action.account.id] = action
        for each in view.plan.diagnostics:
            if each.address is not None:
                self._findings[each.address].append(each)
        self._noted = {record.address for record in view.plan.refreshed}
        self._shas = shas_by_asset(view.recorded.uploads)

    def checks(self) -> list[Check]:
        """Every finding."""
        recorded = self.view.recorded
        records = [each for each in recorded.records.values() if each.address not in recorded.opens]
        return [
            *(self._record(each) for each in records),
            *self._intents(),
            *self._twins(),
            *self._duplicates(records),
            *self._homeless(),
            *self._uploads(),
        ]

    def _record(self, record: Record) -> Check:
        sighting, service = self.view.observed.by_address.get(record.address), record.account.service
        if sighting is None:
            why = self.view.plan.halted.get(service) or f"{service} was not asked for it"
            return self._unknown(record, why)
        if sighting.status is Status.UNKNOWN:
            return self._unknown(record, f"{service} does not say how it stands")
        if sighting.status is Status.PUBLISHED:
            return self._check(record, CheckStatus.PUBLISHED, "it is published")
        if sighting.status is Status.PROCESSING:
            return self._check(record, CheckStatus.AGREES, "it is being published right now")
        if sighting.status in _ENDED:
            status, words = _ENDED[sighting.status]
            message = f"{words}: {sighting.reason}" if sighting.reason else words
            needs = self._needs(record)
            decided = status is CheckStatus.STOPPED and needs is Needs.PERSON
            return self._check(record, status, message, None if decided else needs)
        return self._scheduled(record, sighting)

    def _scheduled(self, record: Record, sighting: Sighting) -> Check:
        can = self.view.ground.abilities[record.account.service]
        by_id = any(each.scheme == "id" for each in record.content.media)
        seen = as_observed(record, sighting, self._shas.get(record.account.service, {}))
        names = differing(seen, record.content, can.fields_of(by_id=by_id))
        if not names:
            return self._check(record, CheckStatus.AGREES, "it is scheduled as recorded")
        moved = (Change("at", stamp(record.content.at), stamp(seen.at)),) if "at" in names else ()
        message = f"changed by hand: {', '.join(sorted(names))}"
        line = self._check(record, CheckStatus.CHANGED, message, self._needs(record))
        return replace(line, changes=(*moved, *changes(record.content, seen, names)))

    def _unknown(self, record: Record, why: str) -> Check:
        said = self._findings[str(record.address)]
        harmless = bool(said) and all(each.severity is not Severity.ERROR for each in said)
        message = said[0].message if said else why
        needs = None if harmless or self._quiet(record) else Needs.PERSON
        return self._check(record, CheckStatus.UNKNOWN, message, needs)

    def _needs(self, record: Record) -> Needs | None:
        """Who mends a record that does not agree, by what the plan has for it."""
        action, sighting = self._action(record), self.view.observed.by_address[record.address]
        taken_over = sighting.status is Status.SCHEDULED and record.address in self._noted
        if taken_over or (action is not None and action.kind.acts):
            return Needs.APPLY
        return None if self._quiet(record) else Needs.PERSON

    def _quiet(self, record: Record) -> bool:
        """Its time is more than a week past, and nobody wants to hear of it."""
        return self._now - record.content.at > LONG_PAST

    def _action(self, held: Record | Open) -> Action | None:
        return self._actions.get((held.address, held.account.service, held.account.id))

    def _check(
        self,
        held: Record | Open,
        status: CheckStatus,
        message: str,
        needs: Needs | None = None,
        hint: str | None = None,
    ) -> Check:
        """A finding of one address; what a person has to do is what the plan says."""
        if needs is Needs.PERSON and hint is None:
            hint = next((each.hint for each in self._findings[str(held.address)] if each.hint), None)
        elif needs is Needs.APPLY and hint is None:
            action = self._action(held)
            hint = _NOTED
            if action is not None and action.kind.acts:
                hint = f"the next apply mends it: {action.kind.value}"
        record = held if isinstance(held, Record) else held.previous
        return Check(
            address=str(held.address),
            status=status,
            message=message,
            needs=needs,
            hint=hint,
            provider=held.account.service,
            remote_id=str(record.remote_id) if record is not None else None,
        )

    def _intents(self) -> Iterator[Check]:
        """Open intents and half-done replaces, and how the next apply settles them."""
        view = self.view
        trusted = replace(view.observed, unreadable=view.plan.halted)
        settled = settle(view.recorded, trusted, view.ground.abilities, self._now)
        ends = {each.address: each for each in settled.closings}
        for address, opening in view.recorded.opens.items():
            left = settled.recorded.opens.get(address, opening)
            if address in ends:
                yield self._check(
                    opening, CheckStatus.OPEN, _ending(opening, ends[address], view), Needs.APPLY
                )
            elif left.cleared and left.kind is IntentKind.REPLACE:
                action = self._action(left)
                acts = action is not None and action.kind.acts
                message = "half done: its old post is cancelled, the new one is not there"
                yield self._check(left, CheckStatus.HALF_DONE, message, Needs.APPLY if acts else Needs.PERSON)
            else:
                yield self._unsettled(opening)

    def _unsettled(self, opening: Open) -> Check:
        kind, service = opening.kind.value, opening.account.service
        message = f"an earlier {kind} at {service} may or may not have happened"
        action = self._action(opening)
        if service in self.view.plan.halted or (action is not None and not action.kind.acts):
            return self._check(opening, CheckStatus.OPEN, message, Needs.PERSON)
        hint = "the next apply sends it again under the same key"
        return self._check(opening, CheckStatus.OPEN, message, Needs.APPLY, hint)

    def _twins(self) -> Iterator[Check]:
        """Posts that nobody recorded and that an entry without a post may mean, as the plan matches them."""
        for action in self.view.plan.actions:
            adopts = isinstance(action.step, Adopt)
            if not adopts and action.code not in ("ambiguous", "lookalike"):
                continue
            said = self._findings[str(action.address)]
            yield Check(
                address=str(action.address),
                status=CheckStatus.TWIN,
                message=action.reason,
                needs=Needs.APPLY if adopts else Needs.PERSON,
                hint="the next apply mends it: adopt"
                if adopts
                else next((each.hint for each in said if each.code == action.code), None),
                provider=action.account.service,
                remote_id=str(action.step.sighting.remote_id) if isinstance(action.step, Adopt) else None,
            )

    def _duplicates(self, records: list[Record]) -> Iterator[Check]:
        """Posts beside the recorded one that it could be taken for, and posts that two addresses record."""
        view = self.view
        adopted = {
            (action.account, action.step.sighting.remote_id)
            for action in view.plan.actions
            if isinstance(action.step, Adopt)
        }
        owners: dict[tuple[object, object], list[Record]] = defaultdict(list)
        for record in records:
            owners[record.account, record.remote_id].append(record)
            sighting = view.observed.by_address.get(record.address)
            if sighting is None or not sighting.status.live or self._quiet(record):
                continue
            can = view.ground.abilities[record.account.service]
            others = found(_as_made(record, can), view.observed.strangers.get(record.account, ()), can)
            for other in others:
                if not other.status.live or (record.account, other.remote_id) in adopted:
                    continue
                message = (
                    f"{record.account.service} has a second post like it, {other.remote_id} ({other.status})"
                )
                hint = f"cancel one of the two {can.by_hand}, unless both are meant"
                line = self._check(record, CheckStatus.DUPLICATE, message, Needs.PERSON, hint)
                yield replace(line, remote_id=str(other.remote_id))
        for same in owners.values():
            first, *more = sorted(same, key=lambda each: each.address)
            for each in more:
                message = f"{first.address} records the same post"
                hint = (
                    f"`calsync state rm` of the one whose post it is not, {each.address} or {first.address}"
                )
                yield self._check(each, CheckStatus.DUPLICATE, message, Needs.PERSON, hint)

    def _homeless(self) -> Iterator[Check]:
        """Records whose alias the project file has no more, or whose account the service does not show."""
        specs = self.view.ground.project.settings.accounts
        shown = self._accounts()
        for record in self.view.recorded.records.values():
            if record.address.account not in specs:
                action = self._action(record)
                needs = None
                if action is not None:
                    needs = Needs.APPLY if action.kind.acts else Needs.PERSON
                message = f"calsync.yaml has no account {record.address.account} any more"
                yield self._check(record, CheckStatus.NO_ALIAS, message, needs)
            known = shown.get(record.account.service)
            if known and record.account.id not in known and record.content.at > self._now:
                message = f"{record.account.service} does not show its account {record.account.id} any more"
                hint = "connect the account again at the service; `calsync accounts` lists what it shows"
                yield self._check(record, CheckStatus.NO_ACCOUNT, message, Needs.PERSON, hint)

    def _accounts(self) -> Mapping[str, frozenset[str]]:
        """The accounts that each service shows; one that does not answer shows none, and its posts tell enough."""
        shown: dict[str, frozenset[str]] = {}
        for service in sorted({each.account.service for each in self.view.recorded.records.values()}):
            if service not in self.providers or service in self.view.plan.halted:
                continue
            try:
                shown[service] = frozenset(each.id for each in self.providers[service].accounts())
            except ProviderError:
                continue
        return shown

    def _uploads(self) -> Iterator[Check]:
        """Uploads that a post still needs and that the service, where it says, knows no more."""
        view = self.view
        wanted = {str(each.address) for each in view.ground.desired.posts if each.wanted}
        made = {str(address) for address in view.recorded.records}
        for key, asset in view.recorded.uploads.items():
            can = view.ground.abilities.get(key.service)
            if can is None or not can.one_schedule_per_asset or key.service in view.plan.halted:
                continue
            if key.address is None or key.address not in wanted - made:
                continue
            try:
                status = self.providers[key.service].asset_status(asset)
            except ProviderError:
                continue
            if status is None:
                yield Check(
                    address=key.address,
                    status=CheckStatus.UPLOAD_GONE,
                    message=f"{key.service} does not know its upload {asset} any more",
                    needs=Needs.APPLY,
                    hint="the next apply uploads it again",
                    provider=key.service,
                    remote_id=asset,
                )


def _as_made(record: Record, can: Capabilities) -> Open:
    """The create that a record came of, to be looked for once more: made of whatever upload, where it may be."""
    return Open(
        kind=IntentKind.CREATE,
        address=record.address,
        account=record.account,
        content=record.content,
        begun=record.content.at,
        api=record.api,
        workspace=record.workspace,
        platform=record.platform,
        assets=record.assets if can.one_schedule_per_asset else (),
    )


def _ending(opening: Open, closing: Closing, view: View) -> str:
    """How reading settles an intent."""
    before = view.recorded.records.get(opening.address)
    what = f"an earlier {opening.kind.value} at {opening.account.service}"
    match opening.kind:
        case IntentKind.CREATE | IntentKind.RESCHEDULE:
            happened = closing.record != before
        case IntentKind.CANCEL:
            happened = closing.record is None
        case IntentKind.UPLOAD:
            happened = True
        case IntentKind.UPDATE | IntentKind.REPLACE:
            return f"{what} is not known to have happened; it is planned afresh"
    return f"{what} has happened" if happened else f"{what} has not happened; it is planned afresh"
