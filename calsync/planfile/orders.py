"""What a plan document asks of an apply: its digest, its filters, and the state that it was made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from calsync.plan.action import ActionKind, Filters
from calsync.planfile.document import ActionPart, FiltersPart, Name, Part, filters_of, load, plan_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFile:
    """What a plan document asks for. `lines` are the digest's lines; `actions` addresses and kinds, in order.

    `lineage` and `serial` are those of the state that it was made with; no lineage: there was none.
    """

    digest: str
    filters: Filters
    lines: tuple[str, ...]
    actions: tuple[tuple[str, ActionKind], ...]
    lineage: str = ""
    serial: int = 0
    refresh: str = "auto"


class _State(Part):
    lineage: Name = ""
    serial: Annotated[int, Field(ge=0)] = 0


class _Document(Part):
    digest: Annotated[str, Field(pattern=r"\A[0-9a-f]{8,128}\z")]
    filters: FiltersPart
    actions: list[ActionPart]
    lines: list[str] = Field(default_factory=list)
    state: _State = _State()
    refresh: str = "auto"


def read_plan_document(document: str | bytes) -> PlanFile:
    """The plan file in this text. Raises CalsyncError (code `plan-file`) when it is not one, or a newer one."""
    found = plan_of(_Document, load(document))
    return PlanFile(
        digest=found.digest,
        filters=filters_of(found.filters),
        lines=tuple(found.lines),
        lineage=found.state.lineage,
        serial=found.state.serial,
        refresh=found.refresh,
        actions=tuple((each.address, each.action) for each in found.actions),
    )
