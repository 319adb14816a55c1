"""One action at a time, write-ahead: the intent is durable before its request goes out, the outcome after.

What is not known to have happened stays open; nothing here ever sends a second create blindly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from calsync.apply.looking import Look, scope
from calsync.apply.uploads import Uploads, submission
from calsync.errors import (
    CalsyncError,
    Interrupted,
    ProviderError,
    Rejected,
    Severity,
    StateError,
    TooClose,
    Uncertain,
)
from calsync.model import (
    Address,
    Content,
    IntentKind,
    Open,
    Post,
    Record,
    RemoteId,
    Status,
    stamp,
)
from calsync.plan.action import Cancel, Create, Reschedule, Step
from calsync.plan.changes import needs_media
from calsync.plan.outcome import Outcome, OutcomeKind
from calsync.plan.settling import made
from calsync.providers.base import Provider, Scope, Submission
from calsync.recorded import Ledger, token


@dataclass(frozen=True, slots=True)
class Writer:
    """Carries out single actions against one service and keeps the ledger true. Thread-safe.

    Every method returns the outcome; ProviderErrors that say more of the service than of the post (credentials,
    quota) are raised for the caller to judge, after the ledger is settled.
    """

    provider: Provider
    ledger: Ledger
    uploads: Uploads
    lead_time: timedelta
    now: Callable[[], datetime]

    @property
    def look(self) -> Look:
        """Reads what a write without an answer has done."""
        return Look(self.provider, self.ledger, self.now)

    def ahead(self, step: Step, record: Record | None) -> Open | None:
        """The intent with which an action will begin, where that can be told and left open without harm.

        Of a create only where its key protects it: should the run be killed before it is sent, it is sent again.
        """
        try:
            if isinstance(step, Cancel) and record is not None:
                return self._opening(IntentKind.CANCEL, record.address, record.content, record)
            if isinstance(step, Reschedule) and record is not None:
                self.in_time(step.post.content)
                return self._opening(IntentKind.RESCHEDULE, step.post.address, step.post.content, record)
            if isinstance(step, Create) and self.provider.capabilities.key_life is not None:
                post = step.post
                self.in_time(post.content)
                if self.ledger.opened(post.address) is not None:
                    return None
                what = submission(post, self.uploads.assets(post, self.provider))
                return self.create_opening(what, post.address, None)
        except CalsyncError as error:
            if isinstance(error, StateError):
                raise
        return None  # what went wrong is met again, and told, when the action has its turn

    def cancel(self, record: Record) -> Outcome:
        """Take a post back; its record goes once that is confirmed."""
        self.ledger.begin(self._opening(IntentKind.CANCEL, record.address, record.content, record))
        try:
            self.provider.cancel(record.remote_id, scope(record))
        except Uncertain as error:
            if self.look.stopped(record):
                self.ledger.settle(record.address, record=None, lazy=self.provider.capabilities.reads_back)
                return _done(record.remote_id)
            return unknown(error, record.remote_id)
        except CalsyncError:
            self.ledger.abandon(record.address, lazy=self.provider.capabilities.reads_back)
            raise
        self.ledger.settle(record.address, record=None, lazy=self.provider.capabilities.reads_back)
        return _done(record.remote_id)

    def reschedule(self, post: Post, record: Record) -> Outcome:
        """Move a post. All else stands already as the entry says, or cannot be set there."""
        again = needs_media(post, record, self.provider.capabilities, moved=True)
        assets = self.uploads.assets(post, self.provider) if again else record.assets
        self.in_time(post.content)
        self.ledger.begin(self._opening(IntentKind.RESCHEDULE, post.address, post.content, record))
        what = submission(post, assets)
        if not again:
            what = replace(what, content=replace(post.content, media=record.content.media))
        try:
            self.provider.reschedule(record.remote_id, replace(what, scope=scope(record)))
        except Uncertain as error:
            sighting = self.look.at(record)
            if sighting is None or sighting.at != post.content.at:
                return unknown(error, record.remote_id)
        except CalsyncError:
            self.ledger.abandon(post.address, lazy=self.provider.capabilities.reads_back)
            raise
        return self._changed(post, record, assets, record.remote_id)

    def update(self, post: Post, record: Record) -> Outcome:
        """Set all fields of a post in place; uploaded once more where its content had expired."""
        again = needs_media(post, record, self.provider.capabilities, moved=False)
        for attempt in (1, 2):
            assets = self.uploads.assets(post, self.provider) if again else record.assets
            self.in_time(post.content)
            self.ledger.begin(self._opening(IntentKind.UPDATE, post.address, post.content, record, assets))
            try:
                remote_id = self.provider.update(record.remote_id, submission(post, assets))
            except Uncertain as error:
                return unknown(error, record.remote_id)
            except CalsyncError as error:
                self.ledger.abandon(post.address, lazy=self.provider.capabilities.reads_back)
                gone = isinstance(error, Rejected) and error.asset_gone
                if attempt == 2 or not gone or post.by_id:
                    raise
                self.uploads.again(post, self.provider.capabilities)
                again = True
                continue
            return self._changed(post, record, assets, remote_id)
        raise AssertionError("unreachable")

    def _changed(self, post: Post, record: Record, assets: tuple[str, ...], remote_id: RemoteId) -> Outcome:
        """A change that was made is recorded."""
        changed = replace(
            record,
            address=post.address,
            content=post.content,
            assets=assets,
            remote_id=remote_id,
            api=self.provider.capabilities.api,
        )
        self.ledger.settle(post.address, record=changed, lazy=self.provider.capabilities.reads_back)
        return _done(remote_id)

    def create(self, post: Post, *, previous: Record | None = None) -> Outcome:
        """Upload what is missing and schedule the post; once more where its content had expired.

        `previous`: the record that it replaces, whose cancel is confirmed.
        """
        for attempt in (1, 2):
            assets = self.uploads.assets(post, self.provider)
            try:
                outcome = self._create(submission(post, assets), post.address, previous)
            except Rejected as error:
                if error.conflict and self._uploaded_alone(post):
                    return self._published_at_once(post, error.message)
                if attempt == 2 or not error.asset_gone or post.by_id:
                    raise
                self.uploads.again(post, self.provider.capabilities)
                continue
            return self._read_back(post, assets, outcome)
        raise AssertionError("unreachable")

    def _uploaded_alone(self, post: Post) -> bool:
        return self.provider.capabilities.one_schedule_per_asset and not post.by_id

    def _read_back(self, post: Post, assets: tuple[str, ...], outcome: Outcome) -> Outcome:
        """An upload that may publish at once is looked at right after it was scheduled."""
        if not self._uploaded_alone(post) or outcome.kind is not OutcomeKind.DONE:
            return outcome
        try:
            status = self.provider.asset_status(assets[0])
        except (ProviderError, Interrupted):
            return outcome
        if status is not Status.PUBLISHED:
            return outcome
        return replace(outcome, kind=OutcomeKind.FAILED, error=f"PUBLISHED AT ONCE: {_LEAKED}")

    def _published_at_once(self, post: Post, why: str) -> Outcome:
        """Scheduling our own upload met a conflict: it was published. Kept open, so that it is never retried."""
        self.uploads.again(post, self.provider.capabilities)
        self.ledger.begin(self.uploads.opening(post, self.provider))
        return Outcome(OutcomeKind.FAILED, f"PUBLISHED AT ONCE: {_LEAKED} ({why})")

    def replace(self, post: Post, record: Record) -> Outcome:
        """Cancel and create as one unit: media first, then a dry run, then both back to back."""
        assets, refusal = self._tried(post)
        if refusal is not None:
            return Outcome(OutcomeKind.FAILED, refusal, str(record.remote_id))
        self.in_time(post.content)
        opening = self._opening(IntentKind.REPLACE, post.address, post.content, record, assets)
        self.ledger.begin(opening)
        try:
            self.provider.cancel(record.remote_id, scope(record))
        except Uncertain as error:
            if not self.look.stopped(record):
                return unknown(error, record.remote_id)
        except CalsyncError:
            self.ledger.abandon(post.address, lazy=self.provider.capabilities.reads_back)
            raise
        self.ledger.step(replace(opening, cleared=True), lazy=self.provider.capabilities.reads_back)
        with self.uploads.stop.unseen():  # there is no post until then: it waits for its turn if it has to
            return self.create(post, previous=record)

    def _tried(self, post: Post) -> tuple[tuple[str, ...], str | None]:
        """The assets of a post, and why its create would be refused; uploaded once more where they had expired."""
        for attempt in (1, 2):
            assets = self.uploads.assets(post, self.provider)
            try:
                findings = self.provider.check(submission(post, assets))
            except Rejected as error:
                if attempt == 2 or not error.asset_gone or post.by_id:
                    raise
                self.uploads.again(post, self.provider.capabilities)
                continue
            errors = (each.message for each in findings if each.severity is Severity.ERROR)
            return assets, next(errors, None)
        raise AssertionError("unreachable")

    def send_again(self, opening: Open) -> Outcome:
        """Settle an open create by sending the same body under the same key.

        Whatever goes wrong says nothing of the first try, so that the intent stays open then.
        """
        again = Submission(
            scope=Scope(opening.account, opening.workspace),
            platform=opening.platform,
            content=opening.content,
            assets=opening.assets,
        )
        life = self.provider.capabilities.key_life
        if life is None or self.now() - opening.begun >= life:
            # It lived when the plan was made; a person may have thought about that for long.
            return Outcome(OutcomeKind.UNKNOWN, "its key is too old by now to protect a second try")
        body = self.provider.create_body(again)
        if hashlib.sha256(body).hexdigest() != opening.body or opening.token is None:
            return Outcome(OutcomeKind.UNKNOWN, "this version of calsync would send another body")
        self.ledger.begin(opening)  # it stands there; whether it is still ours to send is another question
        try:
            remote_id = self.provider.create(again, token=opening.token)
        except CalsyncError as error:
            return self.look_for(opening) or unknown(error)
        return self.record_made(opening, remote_id)

    def _create(self, what: Submission, address: Address, previous: Record | None) -> Outcome:
        self.in_time(what.content)
        opening = self.create_opening(what, address, previous)
        self.ledger.begin(opening)
        return self._send(what, opening)

    def create_opening(self, what: Submission, address: Address, previous: Record | None) -> Open:
        """The intent of a create; one that is still open with the same body keeps its key."""
        body = hashlib.sha256(self.provider.create_body(what)).hexdigest()
        abilities, left = self.provider.capabilities, self.ledger.opened(address)
        if (
            left is not None
            and left.kind is IntentKind.CREATE
            and left.body == body
            and left.api == abilities.api
            and abilities.key_life is not None
            and self.now() - left.begun < abilities.key_life
        ):
            return left
        generation = self.ledger.generation(address) + 1
        return Open(
            kind=IntentKind.CREATE,
            address=address,
            account=what.scope.account,
            content=what.content,
            begun=self.now(),
            api=abilities.api,
            workspace=what.scope.workspace,
            platform=what.platform,
            token=token(self.ledger.lineage, address, generation),
            generation=generation,
            body=body,
            assets=what.assets,
            previous=previous,
            cleared=previous is not None,
        )

    def _send(self, what: Submission, opening: Open) -> Outcome:
        assert opening.token is not None
        try:
            remote_id = self.provider.create(what, token=opening.token)
        except Uncertain as error:
            return self.look_for(opening) or unknown(error)
        except Rejected as error:
            if error.conflict:
                # Something is there already: look; where it cannot be told what, it stays open. Without keys a list
                # that certainly shows nothing of ours means that it is somebody else's.
                seen = self.look.candidates(opening)
                if seen is not None and len(seen) == 1:
                    return self.record_made(opening, seen[0].remote_id, seen[0].status)
                if seen or seen is None or self.provider.capabilities.key_life is not None:
                    return unknown(error)
            self.not_created(opening)
            raise
        except CalsyncError:
            self.not_created(opening)
            raise
        if self.taken(remote_id, opening):
            service = self.provider.service
            doubt = f"{service} accepted a post, but its answer names {remote_id}, which is another"
            return self.look_for(opening) or unknown(Uncertain(doubt, service=service))
        return self.record_made(opening, remote_id)

    def taken(self, remote_id: RemoteId, opening: Open) -> bool:
        """Whether a post is recorded as another entry's, so that this create cannot have made it."""
        owners = self.ledger.owners(opening.account.service, remote_id)
        return any(address != opening.address for address in owners)

    def not_created(self, opening: Open) -> None:
        """Certainly nothing was made: close the intent, or keep a replace open for its create."""
        if opening.cleared:
            left = replace(opening, kind=IntentKind.REPLACE, token=None, generation=0, body=None)
            self.ledger.step(left, lazy=self.provider.capabilities.finds_again)
        else:
            self.ledger.abandon(opening.address, lazy=self.provider.capabilities.finds_again)

    def look_for(self, opening: Open) -> Outcome | None:
        """Find what a create may have made, in a list read afresh; None where it is not certain."""
        seen = self.look.candidates(opening)
        only = seen[0] if seen is not None and len(seen) == 1 else None
        return None if only is None else self.record_made(opening, only.remote_id, only.status)

    def record_made(self, opening: Open, remote_id: RemoteId, status: Status = Status.SCHEDULED) -> Outcome:
        """The post that a create has made, or turned out to have made, is recorded."""
        record = made(opening, remote_id, status)
        self.ledger.settle(opening.address, record=record, lazy=self.provider.capabilities.finds_again)
        return _done(remote_id)

    def in_time(self, content: Content) -> None:
        """Judged again right before each write: what became soon meanwhile is not sent."""
        if content.at < self.now() + self.lead_time:
            raise TooClose(
                f"its time {stamp(content.at)} is by now closer than the lead time, so it was not sent",
                hint="give it a later time",
            )

    def _opening(
        self,
        kind: IntentKind,
        address: Address,
        content: Content,
        record: Record,
        assets: tuple[str, ...] = (),
    ) -> Open:
        """An intent; one that is open for the same already goes on."""
        opening = Open(
            kind=kind,
            address=address,
            account=record.account,
            content=content,
            begun=self.now(),
            api=self.provider.capabilities.api,
            workspace=record.workspace,
            platform=record.platform,
            assets=assets,
            previous=record,
        )
        left = self.ledger.opened(address)
        return left if left is not None and replace(left, begun=opening.begun) == opening else opening


_LEAKED = "the service published the upload instead of keeping it for its schedule; it is not sent again"


def _done(remote_id: RemoteId) -> Outcome:
    return Outcome(OutcomeKind.DONE, None, str(remote_id))


def unknown(error: CalsyncError, remote_id: RemoteId | None = None) -> Outcome:
    """Nobody knows whether it was done; the next apply looks."""
    return Outcome(OutcomeKind.UNKNOWN, error.message, None if remote_id is None else str(remote_id))
