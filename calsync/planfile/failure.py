"""The other document of `plan --out`: why there is no plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from calsync.errors import MAX_DIAGNOSTICS, CalsyncError, Diagnostic
from calsync.plan.sheet import Sheet, excerpt
from calsync.planfile.document import DiagnosticPart, Name, Part, diagnostic_of, failed, load, part_of
from calsync.planfile.sheet import shown

_MOST = 1000


@dataclass(frozen=True, slots=True)
class NoPlan:
    """Why there is no plan: the error that its run ended in, and what it found."""

    error: CalsyncError
    diagnostics: tuple[Diagnostic, ...] = ()


class _Why(Part):
    code: Name
    message: str
    hint: str | None = None


class _Document(Part):
    error: _Why
    # `too-many` is one more.
    diagnostics: Annotated[list[DiagnosticPart], Field(max_length=MAX_DIAGNOSTICS + 1, default_factory=list)]


def read_answer(document: str | bytes) -> Sheet | NoPlan:
    """The plan to be shown out of this document, or why there is none.

    Raises CalsyncError (code `plan-file`) as `read_sheet` does.
    """
    parsed = load(document)
    if not failed(parsed):
        return shown(parsed)
    found = part_of(_Document, parsed)
    why = found.error
    hint = None if why.hint is None else excerpt(why.hint, _MOST)
    error = CalsyncError(excerpt(why.message, _MOST), hint=hint, code=why.code)
    return NoPlan(error, tuple(map(diagnostic_of, found.diagnostics)))
