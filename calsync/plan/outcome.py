"""How it went: what apply made of each action, how each post stands, and the accounts there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from calsync.model import Address
from calsync.plan.action import ActionKind, Plan


class OutcomeKind(StrEnum):
    """What became of an action; `unknown`: it may have happened, the next apply looks before it does anything."""

    DONE = "done"
    FAILED = "failed"
    BLOCKED = "blocked"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one action, why where it is not done, and the service's id of the post where it is known."""

    kind: OutcomeKind
    error: str | None = None
    remote_id: str | None = None
    code: str | None = None
    """A stable word for why, where there is one (`quota`)."""


Outcomes: TypeAlias = Mapping[int, Outcome] | Sequence[Outcome | None]
"""By index in `plan.actions`, or parallel to it; an action without one was not reached."""


def outcome_of_each(plan: Plan, outcomes: Outcomes) -> tuple[Outcome, ...]:
    """One outcome per action of the plan: what was not reached is blocked if it was planned so, else skipped."""
    return tuple(
        _get(outcomes, index)
        or Outcome(OutcomeKind.BLOCKED if action.kind is ActionKind.BLOCKED else OutcomeKind.SKIPPED)
        for index, action in enumerate(plan.actions)
    )


def _get(outcomes: Outcomes, index: int) -> Outcome | None:
    if isinstance(outcomes, Mapping):
        return outcomes.get(index)
    return outcomes[index] if index < len(outcomes) else None


def result(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """The number of actions per outcome, all five always there."""
    return {kind.value: sum(each.kind is kind for each in outcomes) for kind in OutcomeKind}


class PostStatus(StrEnum):
    """How a managed post stands, in the words of `calsync status`."""

    PENDING = "pending"
    DEFERRED = "deferred"
    MISSED = "missed"
    SCHEDULED = "scheduled"
    PROCESSING = "processing"
    PUBLISHED = "published"
    DELIVERED = "delivered"
    FAILED = "failed"
    STOPPED = "stopped"
    OVERDUE = "overdue"
    LOST = "lost"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusLine:
    """One managed post: when, where, how it went. `zone` is the IANA zone to show its time in."""

    address: Address
    status: PostStatus
    at: datetime | None
    provider: str
    remote_id: str | None = None
    error: str | None = None
    zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    """One account that a service has, and the alias under which the project file uses it, if it does."""

    provider: str
    id: str
    platform: str
    username: str | None = None
    name: str | None = None
    workspace: str | None = None
    alias: str | None = None
    unusable: str | None = None
