"""The decision table, as data: the first row whose condition holds decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from calsync.model import Status


class Gap(Enum):
    """How desired and observed differ."""

    NONE = "none"
    TIME = "time"
    OTHER = "other"


class Facts(NamedTuple):
    """All that the table looks at. `observed` is None where nothing is recorded.

    `twins` counts unmanaged posts like it; `near`: one in the same minute that is not like it. `past` and `soon`
    judge the desired time. `shelved`: a person has made a draft of it. `moved`: its time was edited since recorded; `edited`: anything was. `moves`,
    `updates`, `cancels`: what the service is able to do with it now.
    """

    desired: bool
    recorded: bool
    observed: Status | None = None
    twins: int = 0
    near: bool = False
    past: bool = False
    soon: bool = False
    shelved: bool = False
    moved: bool = False
    edited: bool = False
    gap: Gap = Gap.NONE
    restore_all: bool = False
    leave: bool = False
    moves: bool = True
    updates: bool = True
    cancels: bool = True

    @property
    def gone(self) -> bool:
        """Recorded, and over without having been published."""
        return self.observed in (Status.FAILED, Status.CANCELED, Status.MISSING)

    @property
    def recreates(self) -> bool:
        """A person said go again by a new time, or the policy starts stopped posts again; never failed ones."""
        again = self.restore_all and self.observed in (Status.CANCELED, Status.MISSING)
        return self.desired and self.recorded and self.gone and not self.soon and (self.moved or again)

    @property
    def resumes(self) -> bool:
        """A draft that a person made of a post is scheduled again, in place, by a new time or by the policy."""
        return self.shelved and not self.soon and (self.moved or self.restore_all)

    @property
    def absent(self) -> bool:
        """Wanted, and nothing of it is recorded."""
        return self.desired and not self.recorded


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number, what it decides in a word, and its condition."""

    number: int
    name: str
    holds: Callable[[Facts], bool]


ROWS: tuple[Row, ...] = (
    Row(1, "unknown", lambda f: f.recorded and f.observed is Status.UNKNOWN),
    Row(2, "unmanaged", lambda f: not f.desired and not f.recorded),
    Row(3, "cancel", lambda f: not f.desired and f.observed is Status.SCHEDULED),
    Row(4, "locked-processing", lambda f: not f.desired and f.observed is Status.PROCESSING),
    Row(5, "forget", lambda f: not f.desired),
    Row(6, "adopt", lambda f: (f.absent or f.gone) and f.twins > 0),
    Row(7, "missed", lambda f: f.absent and f.past),
    Row(8, "too-close-new", lambda f: f.absent and f.soon),
    Row(9, "lookalike", lambda f: (f.absent or f.recreates) and f.near),
    Row(10, "create", lambda f: f.absent),
    Row(11, "history", lambda f: f.observed in (Status.PROCESSING, Status.PUBLISHED)),
    Row(12, "recreate", lambda f: f.recreates),
    Row(13, "stopped", lambda f: f.gone),
    Row(21, "shelved", lambda f: f.shelved and not f.resumes and not (f.leave and not f.edited)),
    Row(14, "unchanged", lambda f: f.gap is Gap.NONE),
    Row(15, "drift-left", lambda f: not f.edited and f.leave),
    Row(16, "too-close", lambda f: f.soon),
    Row(17, "reschedule", lambda f: f.gap is Gap.TIME and f.moves),
    Row(18, "update", lambda f: f.updates),
    Row(19, "replace", lambda f: f.cancels),
    Row(20, "by-hand", lambda _: True),
)


def decide(facts: Facts) -> Row:
    """The first row that matches; the last matches whatever is left."""
    for row in ROWS:
        if row.holds(facts):
            return row
    raise AssertionError("the last row matches")
