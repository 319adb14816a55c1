"""What `state check` says: each record and each open intent held against its service, and who mends what differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from calsync.plan.action import Change, Plan


class CheckStatus(StrEnum):
    """What was found of one record, intent, upload or twin."""

    AGREES = "agrees"
    PUBLISHED = "published"
    CHANGED = "changed"
    STOPPED = "stopped"
    FAILED = "failed"
    GONE = "gone"
    UNKNOWN = "unknown"
    OPEN = "open"
    HALF_DONE = "half-done"
    TWIN = "twin"
    DUPLICATE = "duplicate"
    NO_ALIAS = "no-alias"
    NO_ACCOUNT = "no-account"
    UPLOAD_GONE = "upload-gone"


class Needs(StrEnum):
    """Who mends it: the next apply by itself, or a person."""

    APPLY = "apply"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding. `needs` None: it is as it should be, or somebody has decided it already."""

    address: str
    status: CheckStatus
    message: str
    provider: str
    needs: Needs | None = None
    hint: str | None = None
    remote_id: str | None = None
    changes: tuple[Change, ...] = ()

    @property
    def order(self) -> tuple[str, str, str]:
        """Sort key: by address."""
        return (self.address, self.status.value, self.remote_id or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """All findings in order of their addresses, and the plan that they were seen with."""

    checks: tuple[Check, ...]
    plan: Plan

    @property
    def counts(self) -> Mapping[str, int]:
        """How many findings there are of each status, and how many need whom."""
        counts = {each.value: sum(check.status is each for check in self.checks) for each in CheckStatus}
        needs = {f"needs_{each.value}": sum(check.needs is each for check in self.checks) for each in Needs}
        return {**counts, **needs, "unmanaged": self.plan.summary["unmanaged"]}

    @property
    def sound(self) -> bool:
        """Nothing has to be mended, by the next apply or by a person."""
        return all(each.needs is None for each in self.checks)
