"""Reading a plan document back: for `calsync apply PLANFILE`, and to show a plan where there is nothing else of it.

The file may have come through a pull request or a CI artifact, so it is data and nothing more. Apply plans afresh
and takes only the digest, the filters and the lines that name a difference from it. What is shown of it has to be
what its digest covers; who wrote it is not known all the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calsync.errors import CalsyncError, Diagnostic, Severity, Source
from calsync.model import (
    AccountKey,
    Address,
    Json,
    MediaFile,
    MediaKind,
    RemoteMedia,
    moment,
)
from calsync.plan.action import ActionKind, Base, Change, Filters, MediaUse, Slot
from calsync.plan.covering import covered
from calsync.plan.sheet import EXCERPT, Gist, Line, Sheet, excerpt
from calsync.zones import FIRST_YEAR, LAST_YEAR, zone_names

MAX_BYTES = 32 * 1024 * 1024
_HINT = "write it anew with calsync plan --out FILE"
_DEEPEST = 8  # lists in lists: no option of any platform comes near


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
_Place = Annotated[str, Field(max_length=1024)]
_Commit = Annotated[str, Field(pattern=r"\A[0-9a-f]{40,64}\z")]
_Count = Annotated[int, Field(ge=0, le=2**53)]
_Kind = Annotated[ActionKind, Field(strict=False)]


class _Part(BaseModel):
    """Strict about types; unknown keys are those of a newer minor version."""

    model_config = ConfigDict(strict=True, extra="ignore")


class _Filters(_Part):
    calendars: list[_Name] = []
    accounts: list[_Name] = []


class _Action(_Part):
    address: _Place
    action: _Kind


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


class _Source(_Part):
    file: str
    line: _Count
    column: _Count = 1


class _Times(_Part):
    before: str | None = None
    after: str | None = None


class _Change(_Part):
    path: _Name
    before: object = None
    after: object = None


class _Media(_Part):
    id: str | None = None
    path: str = ""
    sha256: str = ""
    size: _Count = 0
    upload: bool = False
    kind: Annotated[MediaKind, Field(strict=False)] = MediaKind.VIDEO
    mime: str = ""
    width: _Count | None = None
    height: _Count | None = None
    duration_ms: _Count | None = None
    codec: Annotated[str, Field(pattern=r"\A[a-z0-9._-]{1,16}\z")] | None = None
    pointer: bool = False


class _Text(_Part):
    excerpt: Annotated[str, Field(max_length=EXCERPT + len("..."))]
    units: _Count
    limit: _Count | None = None


class _ShownAction(_Action):
    provider: _Name
    account_id: str
    code: str | None = None
    reason: str
    drift: bool = False
    previous_address: _Place | None = None
    source: _Source | None = None
    at: _Times
    zone: _Name = "UTC"
    changes: list[_Change] = []
    media: list[_Media] = []
    waits_for: list[_Place] = []
    texts: dict[_Name, _Text] = {}


class _Diagnostic(_Part):
    severity: Annotated[Severity, Field(strict=False)]
    code: str
    address: str | None = None
    file: str | None = None
    line: _Count | None = None
    column: _Count | None = None
    message: str
    hint: str | None = None


class _Base(_Part):
    ref: str
    commit: _Commit


class _ShownDocument(_Part):
    created_at: str
    digest: Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]
    filters: _Filters
    refresh: _Name = "auto"
    tzdata: Annotated[str, Field(pattern=r"\A[0-9A-Za-z.]{0,32}\z")] | None = None
    summary: dict[_Name, _Count]
    actions: list[_ShownAction]
    diagnostics: list[_Diagnostic]
    lines: list[str] = []
    brake: str | None = None
    halted: dict[_Name, str] = {}
    commit: _Commit | None = None
    base: _Base | None = None
    kept: dict[_Name, dict[_Place, str]] = {}


_Model = TypeVar("_Model", bound=_Part)


def read_plan_document(document: str | bytes) -> PlanFile:
    """The plan file in this text. Raises CalsyncError (code `plan-file`) when it is not one, or a newer one."""
    found = _read(_Document, document)
    return PlanFile(
        digest=found.digest,
        filters=_filters(found.filters),
        lines=tuple(found.lines),
        lineage=found.state.lineage,
        serial=found.state.serial,
        refresh=found.refresh,
        actions=tuple((each.address, each.action) for each in found.actions),
    )


def read_sheet(document: str | bytes) -> Sheet:
    """The plan to be shown out of this document, as out of the plan that it was written from.

    Raises CalsyncError (code `plan-file`) when it is not a plan document, is a newer one, or shows other writes
    than its digest covers.
    """
    found = _read(_ShownDocument, document)
    try:
        sheet = _sheet(found)
        covered(sheet, found.lines)
    except ValueError as error:
        raise _refused(f"not a plan file: {error}") from error
    return sheet


def _read(model: type[_Model], document: str | bytes) -> _Model:
    try:
        data = document.encode("utf-8", "surrogatepass") if isinstance(document, str) else document
        if len(data) > MAX_BYTES:
            raise _refused(f"the plan file is larger than {MAX_BYTES // 1024**2} MiB")
        # Not pydantic's own JSON parser: half a surrogate pair in what a service said must not make a plan unreadable.
        parsed = json.loads(data.decode("utf-8"), parse_constant=_no_number)
        version = _Version.model_validate(parsed).format_version
        if version.partition(".")[0] != "1":
            raise _refused(
                f"the plan file has format version {version}, this calsync reads version 1",
                hint="use the calsync that wrote it, or " + _HINT,
            )
        return model.model_validate(parsed)
    except ValidationError as error:
        raise _refused(f"not a plan file: {_first(error)}") from error
    except RecursionError as error:
        raise _refused("not a plan file: it is nested too deeply") from error
    except ValueError as error:
        raise _refused(f"not a plan file: {error}") from error


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number in JSON")


def _sheet(found: _ShownDocument) -> Sheet:
    return Sheet(
        created_at=_time(found.created_at),
        digest=found.digest,
        summary=found.summary,
        actions=tuple(map(_line, found.actions)),
        diagnostics=tuple(map(_diagnostic, found.diagnostics)),
        filters=_filters(found.filters),
        refresh=found.refresh,
        kept=tuple(
            sorted(
                Slot(_time(at), Address.parse(address), _zone(zone))
                for zone, slots in found.kept.items()
                for address, at in slots.items()
            )
        ),
        commit=found.commit,
        brake=found.brake,
        halted=found.halted,
        tzdata=found.tzdata or "",
        base=Base(found.base.ref, found.base.commit) if found.base else None,
    )


def _line(found: _ShownAction) -> Line:
    source, before, after = found.source, found.at.before, found.at.after
    return Line(
        kind=found.action,
        address=Address.parse(found.address),
        account=AccountKey(found.provider, found.account_id),
        reason=found.reason,
        code=found.code,
        drift=found.drift,
        previous_address=Address.parse(found.previous_address) if found.previous_address else None,
        source=Source(file=source.file, line=source.line, column=source.column) if source else None,
        zone=_zone(found.zone),
        before=_time(before) if before else None,
        after=_time(after) if after else None,
        changes=tuple(Change(each.path, _json(each.before), _json(each.after)) for each in found.changes),
        media=tuple(map(_media, found.media)),
        waits_for=tuple(map(Address.parse, found.waits_for)),
        texts={
            name: Gist(excerpt=each.excerpt, units=each.units, limit=each.limit)
            for name, each in found.texts.items()
        },
    )


def _media(found: _Media) -> MediaUse:
    if found.id is not None:
        return MediaUse(RemoteMedia(found.id), False)
    file = MediaFile(
        path=found.path,
        sha256=found.sha256,
        size=found.size,
        kind=found.kind,
        mime=found.mime,
        width=found.width,
        height=found.height,
        duration_ms=found.duration_ms,
        codec=found.codec,
        pointer=found.pointer,
    )
    return MediaUse(file, found.upload)


def _diagnostic(found: _Diagnostic) -> Diagnostic:
    source = None
    if found.file is not None:
        source = Source(file=found.file, line=found.line or 0, column=found.column or 0)
    return Diagnostic(
        severity=found.severity,
        code=found.code,
        message=found.message,
        hint=found.hint,
        source=source,
        address=found.address,
    )


def _filters(found: _Filters) -> Filters:
    return Filters(calendars=tuple(found.calendars), accounts=tuple(found.accounts))


def _time(text: str) -> datetime:
    found = moment(text)
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ValueError(f"the year {found.year}")
    return found


def _zone(name: str) -> str:
    # A zone that this tz database has not is shown as UTC anyway; to look for what was meant takes long.
    return name if name in zone_names() else "UTC"


def _json(value: object, depth: int = 0) -> Json:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if depth < _DEEPEST and isinstance(value, list):
        return [_json(each, depth + 1) for each in value]
    if depth < _DEEPEST and isinstance(value, dict):
        return {str(name): _json(each, depth + 1) for name, each in value.items()}
    raise ValueError("a value in a change is nested too deeply")


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(each) for each in first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place + ': ' if place else ''}{first['msg']}{more}"


def _refused(message: str, hint: str = _HINT) -> CalsyncError:
    return CalsyncError(excerpt(message, 500), hint=hint, code="plan-file")
