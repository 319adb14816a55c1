"""Everything that can go wrong, split by what the caller does next.

CalsyncError                     message, hint, code, exit_code
├─ UsageProblem                  the command line is wrong (64)
├─ CalendarError                 the author's to fix (3); carries every Diagnostic, not the first
├─ UnsafePlan                    needs leave (6)
├─ StalePlan                     what was reviewed is not what would happen (5)
├─ ProviderError                 which service (1)
│  ├─ Rejected                   never will work as asked
│  ├─ Unauthorized               credentials, plan, capability
│  ├─ Throttled                  later; retry_after
│  ├─ Unavailable                did not happen; retrying is safe
│  └─ Uncertain                  may have happened; look before doing anything
├─ StateError                    StateLocked · StateConflict · LineageMismatch · StateUnreadable · StateLost ·
│                                StateWentBack
└─ Interrupted                   stopped by a signal; what is done is recorded (130)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple


class Exit(IntEnum):
    """The exit codes of the contract."""

    DONE = 0
    ERROR = 1
    CHANGES = 2
    INVALID = 3
    PARTIAL = 4
    STALE = 5
    UNSAFE = 6
    USAGE = 64
    INTERRUPTED = 130


class Severity(StrEnum):
    """How much a diagnostic weighs: an error in a calendar stops a run, in a plan it makes apply exit 4."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Source(NamedTuple):
    """A place in a person's file: path relative to the project, line and column from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding for a person: a stable code, where, what is wrong, and what to type."""

    severity: Severity
    code: str
    message: str
    hint: str | None = None
    source: Source | None = None
    address: str | None = None

    @property
    def order(self) -> tuple[str, int, int, str, str, str]:
        """Sort key: by file and position, then code, so that a report never depends on the order of finding."""
        place = self.source or Source(file="", line=0, column=0)
        return (place.file, place.line, place.column, self.code, self.address or "", self.message)


MAX_DIAGNOSTICS = 2_000
"""As many as one run reports: nobody reads more, and a hostile project has no end of them."""


def bounded(found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Findings in their order; of too many, errors before the rest, and how many more there are."""
    whole = sorted(found, key=lambda each: each.order)
    if len(whole) <= MAX_DIAGNOSTICS:
        return tuple(whole)
    weighed = sorted(whole, key=lambda each: each.severity is not Severity.ERROR)
    hidden = weighed[MAX_DIAGNOSTICS:]
    summary = Diagnostic(
        severity=hidden[0].severity,
        code="too-many",
        message=f"{len(hidden):,} more findings are not shown, from here on",
        source=hidden[0].source,
    )
    return tuple(sorted((*weighed[:MAX_DIAGNOSTICS], summary), key=lambda each: each.order))


class CalsyncError(Exception):
    """The root of every error calsync raises on purpose.

    `message` and `hint` are for the person who has to fix it; `code` is stable; `exit_code` is the contract's.
    """

    code = "error"
    exit_code = Exit.ERROR

    def __init__(self, message: str, *, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code

    @property
    def words(self) -> str:
        """Message and hint, where there is room for one text alone."""
        return self.message if self.hint is None else f"{self.message} ({self.hint})"


class UsageProblem(CalsyncError):
    """The command line is wrong."""

    code = "usage"
    exit_code = Exit.USAGE


class CalendarError(CalsyncError):
    """Calendars or project file are invalid; nothing was sent."""

    code = "invalid"
    exit_code = Exit.INVALID

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        found = tuple(diagnostics)
        self.diagnostics = bounded(found)
        errors = sum(each.severity is Severity.ERROR for each in found)
        super().__init__(
            f"{errors} {'error' if errors == 1 else 'errors'} in the calendars; nothing was sent"
        )


class UnsafePlan(CalsyncError):
    """The safety brake: too many cancels; nothing was sent."""

    code = "brake"
    exit_code = Exit.UNSAFE


class StalePlan(CalsyncError):
    """The plan is not the one that was expected; nothing was sent."""

    code = "stale"
    exit_code = Exit.STALE


class ProviderError(CalsyncError):
    """A service did not do what was asked. `service` names it; `status` is the HTTP status where there was one."""

    code = "service"

    def __init__(
        self,
        message: str,
        *,
        service: str,
        hint: str | None = None,
        code: str | None = None,
        status: int | None = None,
        remote_code: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.service = service
        self.status = status
        self.remote_code = remote_code


class Rejected(ProviderError):
    """It never will work as asked: a final 4xx.

    `asset_gone`: content that we named is no longer known there, a fresh upload may help.
    `conflict`: something exists already (HTTP 409): look before anything else.
    """

    code = "rejected"

    def __init__(
        self, message: str, *, asset_gone: bool = False, conflict: bool = False, **details: object
    ) -> None:
        super().__init__(message, **details)  # type: ignore[arg-type]
        self.asset_gone = asset_gone
        self.conflict = conflict


class Unauthorized(ProviderError):
    """Credentials, subscription or capability: 401, 402, 403. `quota`: only further creates are refused."""

    code = "unauthorized"

    def __init__(self, message: str, *, quota: bool = False, **details: object) -> None:
        super().__init__(message, **details)  # type: ignore[arg-type]
        self.quota = quota
        if quota:
            self.code = "quota"


class Throttled(ProviderError):
    """Refused for now (429); nothing happened. `retry_after` in seconds, where the service said."""

    code = "throttled"

    def __init__(self, message: str, *, retry_after: float | None = None, **details: object) -> None:
        super().__init__(message, **details)  # type: ignore[arg-type]
        self.retry_after = retry_after


class Unavailable(ProviderError):
    """It did not happen: connecting failed, or a read did not come through. Retrying is safe."""

    code = "unavailable"


class Uncertain(ProviderError):
    """It may have happened: the request went out and no understandable answer came back."""

    code = "uncertain"


class StateError(CalsyncError):
    """The state cannot be used as it is."""

    code = "state"


class StateLocked(StateError):
    """Somebody else is writing; the message names host, pid and since when."""

    code = "state-locked"


class StateConflict(StateError):
    """The state changed under our feet; nothing was overwritten."""

    code = "state-conflict"


class LineageMismatch(StateError):
    """The state belongs to another project."""

    code = "state-lineage"


class StateUnreadable(StateError):
    """Broken, or written by a newer calsync; the file is left alone."""

    code = "state-unreadable"


class StateWentBack(StateError):
    """The state is older than one that was there already."""

    code = "state-went-back"


class StateLost(StateError):
    """The project names a lineage, but there is no state."""

    code = "state-lost"


class TooClose(CalsyncError):
    """A publish time became closer than the lead time before its write went out; nothing was sent."""

    code = "too-close"


class Interrupted(CalsyncError):
    """Stopped by a signal; the action in flight was finished or recorded, state is saved."""

    code = "interrupted"
    exit_code = Exit.INTERRUPTED
