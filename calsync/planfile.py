"""Reading a plan document back: `calsync apply PLANFILE`.

The file may have come through a pull request or a CI artifact, so it is data to compare with and nothing more:
apply plans afresh, and only the digest, the filters and the lines that name a difference are taken from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calsync.errors import CalsyncError
from calsync.plan.action import ActionKind, Filters

MAX_BYTES = 32 * 1024 * 1024
_HINT = "write it anew with calsync plan --out FILE"


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


_Name = Annotated[str, Field(max_length=256)]


class _Part(BaseModel):
    """Strict about types; unknown keys are those of a newer minor version."""

    model_config = ConfigDict(strict=True, extra="ignore")


class _Filters(_Part):
    calendars: list[_Name] = []
    accounts: list[_Name] = []


class _Action(_Part):
    address: Annotated[str, Field(max_length=1024)]
    action: Annotated[ActionKind, Field(strict=False)]


class _State(_Part):
    lineage: _Name = ""
    serial: Annotated[int, Field(ge=0)] = 0


class _Document(_Part):
    digest: Annotated[str, Field(pattern=r"\A[0-9a-f]{8,128}\z")]
    filters: _Filters
    actions: list[_Action]
    lines: list[str] = []
    state: _State = _State()
    refresh: str = "auto"


class _Version(_Part):
    format_version: Annotated[str, Field(pattern=r"\A[0-9]{1,6}(\.[0-9]{1,6})*\z")]


def read_plan_document(document: str | bytes) -> PlanFile:
    """The plan file in this text. Raises CalsyncError (code `plan-file`) when it is not one, or a newer one."""
    data = document.encode("utf-8", "surrogatepass") if isinstance(document, str) else document
    if len(data) > MAX_BYTES:
        raise _refused(f"the plan file is larger than {MAX_BYTES // 1024**2} MiB")
    try:
        version = _Version.model_validate_json(data).format_version
        if version.partition(".")[0] != "1":
            raise _refused(
                f"the plan file has format version {version}, this calsync reads version 1",
                hint="use the calsync that wrote it, or " + _HINT,
            )
        found = _Document.model_validate_json(data)
    except ValidationError as error:
        raise _refused(f"not a plan file: {_first(error)}") from error
    return PlanFile(
        digest=found.digest,
        filters=Filters(calendars=tuple(found.filters.calendars), accounts=tuple(found.filters.accounts)),
        lines=tuple(found.lines),
        lineage=found.state.lineage,
        serial=found.state.serial,
        refresh=found.refresh,
        actions=tuple((each.address, each.action) for each in found.actions),
    )


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(each) for each in first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place + ': ' if place else ''}{first['msg']}{more}"


def _refused(message: str, hint: str = _HINT) -> CalsyncError:
    return CalsyncError(message, hint=hint, code="plan-file")
