"""A plan as people read it: what its document holds, whether it came from a plan or from that document.

Apply needs more than a reader does (records, sightings, the whole content of posts), and a plan document must be
readable where there is neither project nor state. A sheet is what both have in common, so that a rendering of it
says the same on either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from calsync.errors import Diagnostic, Source
from calsync.model import TEXT_FIELDS, AccountKey, Address, comparable, units
from calsync.plan.action import (
    Action,
    ActionKind,
    Base,
    Cancel,
    Change,
    Filters,
    Forget,
    MediaUse,
    Move,
    Plan,
    Slot,
)

EXCERPT = 80
"""The characters of a text that its gist shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gist:
    """A text in short: its first words on one line, its UTF-16 units, and how many it may have, if known."""

    excerpt: str
    units: int
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One action of a plan, for readers. `texts`: caption and title, by field, where there are any."""

    kind: ActionKind
    address: Address
    account: AccountKey
    reason: str
    code: str | None = None
    drift: bool = False
    previous_address: Address | None = None
    source: Source | None = None
    zone: str = "UTC"
    before: datetime | None = None
    after: datetime | None = None
    changes: tuple[Change, ...] = ()
    media: tuple[MediaUse, ...] = ()
    waits_for: tuple[Address, ...] = ()
    texts: Mapping[str, Gist] = field(default_factory=dict)

    @classmethod
    def of(cls, action: Action) -> Line:
        """What readers need of an action."""
        return cls(
            kind=action.kind,
            address=action.address,
            account=action.account,
            reason=action.reason,
            code=action.code,
            drift=action.drift,
            previous_address=action.previous_address,
            source=action.source,
            zone=action.zone,
            before=action.before,
            after=action.after,
            changes=action.changes,
            media=action.media,
            waits_for=action.waits_for,
            texts=_texts(action),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A plan for readers; its parts mean what they mean in `Plan`."""

    created_at: datetime
    digest: str
    summary: Mapping[str, int]
    actions: tuple[Line, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    filters: Filters = field(default_factory=Filters)
    refresh: str = "auto"
    kept: tuple[Slot, ...] = ()
    commit: str | None = None
    brake: str | None = None
    halted: Mapping[str, str] = field(default_factory=dict)
    tzdata: str = ""
    base: Base | None = None

    @property
    def acts(self) -> bool:
        """There is something for apply to do."""
        return any(each.kind.acts for each in self.actions)

    @classmethod
    def of(cls, plan: Plan) -> Sheet:
        """What readers need of a plan."""
        return cls(
            created_at=plan.created_at,
            digest=plan.digest,
            summary=plan.summary,
            actions=tuple(map(Line.of, plan.actions)),
            diagnostics=plan.diagnostics,
            filters=plan.filters,
            refresh=plan.refresh,
            kept=plan.kept,
            commit=plan.commit,
            brake=plan.brake,
            halted=plan.halted,
            tzdata=plan.tzdata,
            base=plan.base,
        )


def excerpt(text: str, most: int) -> str:
    """The beginning of a text on one line, cut between words where there are any."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    cut = line[:most].rpartition(" ")[0]
    return (cut if len(cut) > most // 2 else line[:most]).rstrip() + "..."


def _texts(action: Action) -> dict[str, Gist]:
    content = action.content
    if content is None and isinstance(action.step, Cancel | Forget | Move):
        content = action.step.record.content
    said = {} if content is None else {"caption": content.caption, "title": content.title}
    for change in action.changes:
        if content is None and change.path in TEXT_FIELDS:
            said[change.path] = str(change.after or change.before or "")
    return {
        name: Gist(
            excerpt=excerpt(text, EXCERPT), units=units(comparable(text)), limit=action.limits.get(name)
        )
        for name, text in said.items()
        if text
    }
