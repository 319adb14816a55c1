"""A plan document to be shown: out of the document alone, as out of the plan that it was written from."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from calsync.errors import Source
from calsync.model import AccountKey, Address, Json, MediaFile, MediaKind, RemoteMedia, moment
from calsync.plan.action import Base, Change, MediaUse, Slot
from calsync.plan.covering import covered
from calsync.plan.sheet import EXCERPT, Gist, Line, Sheet
from calsync.planfile.document import (
    ActionPart,
    Count,
    DiagnosticPart,
    FiltersPart,
    Name,
    Part,
    Place,
    diagnostic_of,
    filters_of,
    load,
    plan_of,
    refused,
)
from calsync.zones import FIRST_YEAR, LAST_YEAR, zone_names

_DEEPEST = 8  # lists in lists: no option of any platform comes near

_Commit = Annotated[str, Field(pattern=r"\A[0-9a-f]{40,64}\z")]


class _Source(Part):
    file: str
    line: Count
    column: Count = 1


class _Times(Part):
    before: str | None = None
    after: str | None = None


class _Change(Part):
    path: Name
    before: object = None
    after: object = None


class _Media(Part):
    id: str | None = None
    path: str = ""
    sha256: str = ""
    size: Count = 0
    upload: bool = False
    kind: Annotated[MediaKind, Field(strict=False)] = MediaKind.VIDEO
    mime: str = ""
    width: Count | None = None
    height: Count | None = None
    duration_ms: Count | None = None
    codec: Annotated[str, Field(pattern=r"\A[a-z0-9._-]{1,16}\z")] | None = None
    frame_rate: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] | None = None
    pointer: bool = False
    reply: Count | None = None


class _Text(Part):
    excerpt: Annotated[str, Field(max_length=EXCERPT + len("..."))]
    units: Count
    limit: Count | None = None


class _ShownAction(ActionPart):
    provider: Name
    account_id: str
    code: str | None = None
    reason: str
    drift: bool = False
    previous_address: Place | None = None
    source: _Source | None = None
    at: _Times
    zone: Name = "UTC"
    changes: list[_Change] = Field(default_factory=list)
    media: list[_Media] = Field(default_factory=list)
    waits_for: list[Place] = Field(default_factory=list)
    texts: dict[Name, _Text] = Field(default_factory=dict)


class _Base(Part):
    ref: str
    commit: _Commit


class _ShownDocument(Part):
    created_at: str
    digest: Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]
    filters: FiltersPart
    refresh: Name = "auto"
    tzdata: Annotated[str, Field(pattern=r"\A[0-9A-Za-z.]{0,32}\z")] | None = None
    summary: dict[Name, Count]
    actions: list[_ShownAction]
    diagnostics: list[DiagnosticPart]
    lines: list[str] = Field(default_factory=list)
    brake: str | None = None
    halted: dict[Name, str] = Field(default_factory=dict)
    commit: _Commit | None = None
    base: _Base | None = None
    kept: dict[Name, dict[Place, str]] = Field(default_factory=dict)


def read_sheet(document: str | bytes) -> Sheet:
    """The plan to be shown out of this document, as out of the plan that it was written from.

    Raises CalsyncError (code `plan-file`) when it is not a plan document, is a newer one, or shows other writes
    than its digest covers.
    """
    return shown(load(document))


def shown(parsed: object) -> Sheet:
    """The same of a document that was loaded."""
    found = plan_of(_ShownDocument, parsed)
    try:
        sheet = _sheet(found)
        covered(sheet, found.lines)
    except ValueError as error:
        raise refused(f"not a plan file: {error}") from error
    except RecursionError as error:
        raise refused("not a plan file: its lines are nested too deeply") from error
    return sheet


def _sheet(found: _ShownDocument) -> Sheet:
    return Sheet(
        created_at=_time(found.created_at),
        digest=found.digest,
        summary=found.summary,
        actions=tuple(map(_line, found.actions)),
        diagnostics=tuple(map(diagnostic_of, found.diagnostics)),
        filters=filters_of(found.filters),
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
        frame_rate=found.frame_rate,
        pointer=found.pointer,
    )
    return MediaUse(file, found.upload, found.reply)


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
