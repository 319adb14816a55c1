"""A plan document as text: read within bounds, and held against a model, part by part."""

from __future__ import annotations

import json
from typing import Annotated, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calsync.errors import CalsyncError, Diagnostic, Severity, Source
from calsync.plan.action import ActionKind, Filters
from calsync.plan.sheet import excerpt

MAX_BYTES = 32 * 1024 * 1024
_MOST = 4000
"""Characters of a finding that are read: no honest one is as long, and all of it would have to be made harmless."""
_HINT = "write it anew with calsync plan --out FILE"

Name = Annotated[str, Field(max_length=256)]
Place = Annotated[str, Field(max_length=1024)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Kind = Annotated[ActionKind, Field(strict=False)]


class Part(BaseModel):
    """Strict about types; unknown keys are those of a newer minor version."""

    model_config = ConfigDict(strict=True, extra="ignore")


class FiltersPart(Part):
    """Which actions were asked for."""

    calendars: list[Name] = []
    accounts: list[Name] = []


class ActionPart(Part):
    """What every action says."""

    address: Place
    action: Kind


class DiagnosticPart(Part):
    """One finding."""

    severity: Annotated[Severity, Field(strict=False)]
    code: str
    address: str | None = None
    file: str | None = None
    line: Count | None = None
    column: Count | None = None
    message: str
    hint: str | None = None


class _Version(Part):
    format_version: Annotated[str, Field(pattern=r"\A[0-9]{1,6}(\.[0-9]{1,6})*\z")]


class _Error(Part):
    message: str


class _Failure(Part):
    error: _Error


_Model = TypeVar("_Model", bound=Part)


def load(document: str | bytes) -> object:
    """The document as data, of a version that is read here. Raises CalsyncError (code `plan-file`)."""
    try:
        data = document.encode("utf-8", "surrogatepass") if isinstance(document, str) else document
        if len(data) > MAX_BYTES:
            raise refused(f"the plan file is larger than {MAX_BYTES // 1024**2} MiB")
        # Not pydantic's own JSON parser: half a surrogate pair in what a service said must not make a plan unreadable.
        parsed: object = json.loads(data.decode("utf-8"), parse_constant=_no_number)
        version = _Version.model_validate(parsed).format_version
    except ValidationError as error:
        raise refused(f"not a plan file: {_first(error)}") from error
    except RecursionError as error:
        raise refused("not a plan file: it is nested too deeply") from error
    except ValueError as error:
        raise refused(f"not a plan file: {error}") from error
    if version.partition(".")[0] != "1":
        raise refused(
            f"the plan file has format version {version}, this calsync reads version 1",
            hint="use the calsync that wrote it, or " + _HINT,
        )
    return parsed


def failed(parsed: object) -> bool:
    """The document says why there is no plan."""
    return isinstance(parsed, dict) and parsed.get("error") is not None and "actions" not in parsed


def plan_of(model: type[_Model], parsed: object) -> _Model:
    """A plan as a model has it. Raises CalsyncError (code `plan-file`); of a document without a plan it says why."""
    if failed(parsed):
        why = part_of(_Failure, parsed).error.message
        raise refused(f"there is no plan in this file, only why there is none: {why}")
    return part_of(model, parsed)


def part_of(model: type[_Model], parsed: object) -> _Model:
    """The document as a model has it. Raises CalsyncError (code `plan-file`)."""
    try:
        return model.model_validate(parsed)
    except ValidationError as error:
        raise refused(f"not a plan file: {_first(error)}") from error


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number in JSON")


def diagnostic_of(found: DiagnosticPart) -> Diagnostic:
    """A finding as it was before it was written down."""
    source = None
    if found.file is not None:
        source = Source(file=found.file, line=found.line or 0, column=found.column or 0)
    return Diagnostic(
        severity=found.severity,
        code=found.code,
        message=found.message[:_MOST],
        hint=found.hint[:_MOST] if found.hint is not None else None,
        source=source,
        address=found.address,
    )


def filters_of(found: FiltersPart) -> Filters:
    """The filters as they were before they were written down."""
    return Filters(calendars=tuple(found.calendars), accounts=tuple(found.accounts))


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(each) for each in first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place + ': ' if place else ''}{first['msg']}{more}"


def refused(message: str, hint: str = _HINT) -> CalsyncError:
    """The error of a document that is not what it should be."""
    return CalsyncError(excerpt(message, 500), hint=hint, code="plan-file")
