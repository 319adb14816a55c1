"""Carry out a plan: state first, then cancels, then moves, then what uploads; bounded, interruptible, resumable.

A failure stops neither other posts nor other services, except where it says that the service will refuse them too.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar, assert_never

from calsync.apply.together import create_together
from calsync.apply.uploads import Uploads
from calsync.apply.writes import Writer
from calsync.errors import CalsyncError, Interrupted, StateError, TooClose, Unauthorized, Uncertain
from calsync.interrupts import StopSign
from calsync.model import Address, MediaFile, Open, Policy, Record
from calsync.plan.action import (
    Action,
    Adopt,
    Blocked,
    Cancel,
    Create,
    Deferred,
    Forget,
    Move,
    Plan,
    Replace,
    Reschedule,
    Step,
    Update,
)
from calsync.plan.bundles import bundles
from calsync.plan.outcome import Outcome, OutcomeKind
from calsync.providers.base import Provider
from calsync.recorded import Ledger

T = TypeVar("T")
Bundle: TypeAlias = tuple[tuple[int, Action], ...]
"""Actions by their index in the plan, which may share a request."""

WORKERS = 4
"""Posts under way at once; services allow tens of requests a minute, so more would only wait."""
TOGETHER = 3.0
"""Seconds for which media may keep a batch of intents from being opened; a post whose media take longer is opened
alone, so that none becomes too close for the sake of another."""


class Watcher(Protocol):
    """Told how an apply goes on; from several threads at once."""

    def uploading(self, path: str, sent: int, size: int) -> None:
        """Bytes of one file that have gone up."""

    def fetching(self, files: Sequence[MediaFile]) -> None:
        """Files that are fetched from Git LFS before anything is written."""

    def begun(self, action: Action) -> None:
        """An action has its turn; it may be in flight from now on."""

    def finished(self, action: Action, outcome: Outcome) -> None:
        """An action came to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What an apply works with: the ledger it writes, the services, the project's files, clock and stop sign."""

    ledger: Ledger
    providers: Mapping[str, Provider]
    root: Path
    policy: Policy
    now: Callable[[], datetime]
    stop: StopSign
    watcher: Watcher


def pointers(plan: Plan) -> tuple[MediaFile, ...]:
    """The Git LFS pointers that this plan would have to upload."""
    found = {
        use.media
        for action in plan.actions
        for use in action.media
        if use.upload and isinstance(use.media, MediaFile) and use.media.pointer
    }
    return tuple(sorted(found, key=lambda each: each.path))


def carry_out(plan: Plan, hands: Hands) -> tuple[Outcome, ...]:
    """Do what the plan says; one outcome per action, in the plan's order.

    Raises StateError where the state can no longer be written: then nothing more may be sent.
    """
    with Uploads(hands.ledger, hands.root, hands.watcher.uploading, hands.now, hands.stop) as uploads:
        return _Run(plan, hands, uploads).run()


def send_again(openings: Iterable[Open], hands: Hands) -> None:
    """Settle open creates by sending the same bodies under the same keys; what stays open is left so."""
    with Uploads(hands.ledger, hands.root, hands.watcher.uploading, hands.now, hands.stop) as uploads:
        for opening in openings:
            if hands.stop.is_set():
                return
            provider = hands.providers[opening.account.service]
            writer = Writer(provider, hands.ledger, uploads, hands.policy.lead_time, hands.now)
            writer.send_again(opening)


@dataclass
class _Run:
    plan: Plan
    hands: Hands
    uploads: Uploads
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    """Services that refuse everything more, with the reason."""
    full: dict[str, str] = field(default_factory=dict)
    """Services without places for more creates."""
    half: set[str] = field(default_factory=set)
    """Services where a replace was left half done: no further one is begun."""

    def __post_init__(self) -> None:
        self._cancels = {
            action.address: index
            for index, action in enumerate(self.plan.actions)
            if isinstance(action.step, Cancel)
        }
        self._ahead: dict[int, Open] = {}
        self._turns: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._writers = {
            service: Writer(
                provider,
                self.hands.ledger,
                self.uploads,
                self.hands.policy.lead_time,
                self.hands.now,
            )
            for service, provider in self.hands.providers.items()
        }

    def run(self) -> tuple[Outcome, ...]:
        indexed = list(enumerate(self.plan.actions))
        self._rename([action for _, action in indexed])
        for index, action in indexed:
            if isinstance(action.step, (Forget, Move, Adopt)):
                self._one(index, action)
        self._all([((index, action),) for index, action in indexed if isinstance(action.step, Cancel)])
        changing = [
            (index, action) for index, action in indexed if isinstance(action.step, (Reschedule, Update))
        ]
        for _, action in changing:
            self._upload_ahead(action)
        self._all([(each,) for each in changing])
        making = [(index, action) for index, action in indexed if isinstance(action.step, (Create, Replace))]
        for _, action in making:
            self._upload_ahead(action)
        abilities = {name: each.capabilities for name, each in self.hands.providers.items()}
        self._all(bundles(making, abilities))
        for index, action in indexed:
            if isinstance(action.step, (Blocked, Deferred)):
                self._one(index, action)
        return tuple(self.outcomes[index] for index, _ in indexed)

    def _rename(self, actions: Iterable[Action]) -> None:
        """Records pass to their new addresses in one step, so that two may also swap.

        Whatever else becomes of the action, even nothing: the calendar names the old address only for so long.
        """
        ledger, moved = self.hands.ledger, list[tuple[Address, Record]]()
        for action in actions:
            step, previous = action.step, action.previous_address
            if previous is None:
                continue
            record = step.record if isinstance(step, Move) else ledger.record(previous)
            if record is not None:
                moved.append((previous, replace(record, address=action.address)))
        if moved:
            ledger.rename(moved)

    def _upload_ahead(self, action: Action) -> None:
        step = action.step
        if not isinstance(step, (Create, Replace, Reschedule, Update)):
            return
        named = isinstance(step, (Reschedule, Update)) and not any(use.upload for use in action.media)
        if not named and self._hindrance(action) is None:
            provider = self.hands.providers[action.account.service]
            self.uploads.begin(step.post, provider)

    def _all(self, units: Sequence[Bundle]) -> None:
        """Several at once; where a write of the state is dear, the intents of a batch are opened with one."""
        batch = self.hands.ledger.batch
        size = len(units) if batch == 1 else batch
        for first in range(0, len(units), size or 1):
            group = units[first : first + size]
            if batch > 1:
                self._open_ahead([each for bundle in group for each in bundle])
            with ThreadPoolExecutor(min(WORKERS, len(group)), thread_name_prefix="apply") as pool:
                for done in [pool.submit(self._bundle, bundle) for bundle in group]:
                    done.result()

    def _open_ahead(self, actions: Sequence[tuple[int, Action]]) -> None:
        openings = dict[int, Open]()
        end = time.monotonic() + TOGETHER
        for index, action in actions:
            if self._hindrance(action) is None and self._ready(action.step, end - time.monotonic()):
                record = _changed(action.step)
                named = None if record is None else _named(record, action)
                opening = self._writers[action.account.service].ahead(action.step, named)
                if opening is not None:
                    openings[index] = opening
        if openings:
            self.hands.ledger.begin(*openings.values())
            self._ahead.update(openings)

    def _ready(self, step: Step, seconds: float) -> bool:
        """Whether the media of a create are there, or come within so many seconds."""
        if not isinstance(step, Create):
            return True
        return self.uploads.ready(step.post, self.hands.providers[step.post.account.key.service], seconds)

    def _bundle(self, bundle: Bundle) -> None:
        """Actions that may share a request; what cannot, each by itself."""
        if len(bundle) > 1:
            bundle = self._together(bundle)
        for index, action in bundle:
            self._one(index, action)

    def _together(self, bundle: Bundle) -> Bundle:
        """Make several posts with one request; those that are left have to be tried alone."""
        for index, action in bundle:
            hindrance = self._hindrance(action)
            if hindrance is not None:
                self._over(index, action, hindrance)
        bundle = tuple(each for each in bundle if each[0] not in self.outcomes)
        if len(bundle) < 2:
            return bundle
        service = bundle[0][1].account.service
        posts = [action.step.post for _, action in bundle if isinstance(action.step, Create)]
        for _, action in bundle:
            self.hands.watcher.begun(action)
        outcomes = self._judged(service, lambda: create_together(self._writers[service], posts))
        for index, action in bundle:
            outcome = outcomes if isinstance(outcomes, Outcome) else outcomes.get(action.address)
            if outcome is not None:
                self._over(index, action, outcome)
        return tuple(each for each in bundle if each[0] not in self.outcomes)

    def _one(self, index: int, action: Action) -> None:
        outcome = self._hindrance(action)
        if outcome is None:
            self.hands.watcher.begun(action)
            outcome = self._judged(action.account.service, lambda: self._do(action))
        self._over(index, action, outcome)

    def _over(self, index: int, action: Action, outcome: Outcome) -> None:
        opened = self._ahead.pop(index, None)
        left = None if opened is None else self.hands.ledger.opened(action.address)
        if (
            opened is not None
            and left is not None
            and outcome.kind in (OutcomeKind.SKIPPED, OutcomeKind.BLOCKED)
            and replace(opened, begun=left.begun) == left  # written down to the second
        ):
            # Opened with others, and never sent.
            self.hands.ledger.abandon(action.address, lazy=True)
        self.outcomes[index] = outcome
        self.hands.watcher.finished(action, outcome)

    def _hindrance(self, action: Action) -> Outcome | None:
        """Why an action is not even begun."""
        if isinstance(action.step, Blocked):
            return Outcome(OutcomeKind.BLOCKED, action.reason)
        if isinstance(action.step, Deferred):
            return Outcome(OutcomeKind.SKIPPED, action.reason)
        if not action.kind.writes:
            return None
        service = action.account.service
        if self.hands.stop.is_set():
            return Outcome(OutcomeKind.SKIPPED, "interrupted before it began")
        if service in self.refused:
            return Outcome(
                OutcomeKind.SKIPPED, f"{service} refused an earlier action: {self.refused[service]}"
            )
        if service in self.full and isinstance(action.step, Create):
            return Outcome(OutcomeKind.SKIPPED, f"quota: {self.full[service]}", code="quota")
        if service in self.half and isinstance(action.step, Replace):
            return Outcome(OutcomeKind.SKIPPED, "an earlier replace at this service was left half done")
        open_cancels = [address for address in action.waits_for if not self._cancelled(address)]
        if open_cancels:
            return Outcome(OutcomeKind.BLOCKED, f"tied: the cancel of {open_cancels[0]} is not confirmed")
        return None

    def _cancelled(self, address: Address) -> bool:
        outcome = self.outcomes.get(self._cancels.get(address, -1))
        return outcome is not None and outcome.kind is OutcomeKind.DONE

    def _judged(self, service: str, work: Callable[[], T]) -> T | Outcome:
        """What the work comes to, or what its error means for its actions and for those that follow."""
        try:
            return work()
        except Interrupted as error:
            return Outcome(OutcomeKind.SKIPPED, error.message)
        except TooClose as error:
            return Outcome(OutcomeKind.SKIPPED, error.message)
        except Uncertain as error:
            return Outcome(OutcomeKind.UNKNOWN, error.message)
        except Unauthorized as error:
            if error.quota:
                self.full[service] = error.message
                return Outcome(OutcomeKind.FAILED, f"quota: {error.message}", code="quota")
            self.refused[service] = error.message
            return Outcome(OutcomeKind.FAILED, error.message)
        except StateError:
            # What cannot be written down may not be sent: nobody begins anything any more.
            self.hands.stop.set()
            raise
        except CalsyncError as error:
            return Outcome(OutcomeKind.FAILED, error.words)

    def _do(self, action: Action) -> Outcome:
        step, ledger = action.step, self.hands.ledger
        writer = self._writers.get(action.account.service)
        if isinstance(step, Forget):
            ledger.settle(action.address, record=None)
            return Outcome(OutcomeKind.DONE, None, str(step.record.remote_id))
        if isinstance(step, Move):
            return Outcome(OutcomeKind.DONE, None, str(step.record.remote_id))
        assert writer is not None
        if isinstance(step, Adopt):
            ledger.settle(action.address, record=_adopted(action, step, writer.provider.capabilities.api))
            return Outcome(OutcomeKind.DONE, None, str(step.sighting.remote_id))
        if isinstance(step, Cancel):
            return writer.cancel(_named(step.record, action))
        if isinstance(step, Reschedule):
            return writer.reschedule(step.post, _named(step.record, action))
        if isinstance(step, Update):
            return writer.update(step.post, _named(step.record, action))
        if isinstance(step, Create):
            left = ledger.opened(action.address)
            return writer.create(
                step.post, previous=left.previous if left is not None and left.cleared else None
            )
        if isinstance(step, Replace):
            return self._replace(action, step, writer)
        if isinstance(step, (Blocked, Deferred)):
            raise AssertionError("has no turn")
        assert_never(step)

    def _replace(self, action: Action, step: Replace, writer: Writer) -> Outcome:
        """One replace at a time per service, and none after one that was left half done."""
        with self._turns[action.account.service]:
            hindrance = self._hindrance(action)
            if hindrance is not None:
                return hindrance
            try:
                return writer.replace(step.post, _named(step.record, action))
            finally:
                left = self.hands.ledger.opened(action.address)
                if left is not None and left.cleared:
                    self.half.add(action.account.service)


def _changed(step: Step) -> Record | None:
    return step.record if isinstance(step, (Cancel, Reschedule)) else None


def _named(record: Record, action: Action) -> Record:
    return replace(record, address=action.address)


def _adopted(action: Action, step: Adopt, api: str) -> Record:
    post, seen = step.post, step.sighting
    return Record(
        address=action.address,
        account=action.account,
        remote_id=seen.remote_id,
        content=post.content,
        api=api,
        workspace=post.account.workspace,
        assets=seen.media or (),
        seen=seen.status,
        platform=post.account.platform,
    )
