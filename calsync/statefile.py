"""State as JSON: how records, open intents and names are spelled in it, and how they are read back.

What is read here is not to be trusted: everything is checked, and what does not fit raises ValueError.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import NoReturn
from urllib.parse import quote, unquote

from calsync.model import (
    AccountKey,
    Address,
    Content,
    IntentKind,
    Json,
    Open,
    Record,
    RemoteId,
    Status,
    UploadKey,
    moment,
    stamp,
)

_PLAIN = json.JSONEncoder(sort_keys=True, ensure_ascii=False, allow_nan=False)
_ASCII = json.JSONEncoder(sort_keys=True, ensure_ascii=True, allow_nan=False)


def line(value: Json) -> str:
    """JSON on one line, sorted. Raises ValueError for what JSON has no word for."""
    text = _PLAIN.encode(value)
    try:
        text.encode()
    except (
        UnicodeEncodeError
    ):  # half a surrogate pair, which a service's words may hold: only escapes can say it
        return _ASCII.encode(value)
    return text


def parse(data: bytes) -> Json:
    """Strict JSON: UTF-8, no key twice, no number that cannot be written again. Raises ValueError."""

    def refuse(word: str) -> NoReturn:
        raise ValueError(f"not a number: {word}")

    def finite(word: str) -> float:
        number = float(word)
        return number if math.isfinite(number) else refuse(word)

    def unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("the same key twice")
        return found

    try:
        value: Json = json.loads(
            data.decode(), object_pairs_hook=unique, parse_constant=refuse, parse_float=finite
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def fields(value: Json, names: Iterable[str]) -> dict[str, Json]:
    """An object with exactly these fields. Raises ValueError for anything else."""
    if not isinstance(value, dict) or value.keys() != set(names):
        raise ValueError("fields are missing or unknown")
    return value


def text(value: Json) -> str:
    """A text. Raises ValueError for anything else."""
    if not isinstance(value, str):
        raise ValueError("a text was expected")
    return value


def _optional(value: Json) -> str | None:
    return None if value is None else text(value)


def texts(value: Json) -> tuple[str, ...]:
    """A list of texts. Raises ValueError for anything else."""
    if not isinstance(value, list):
        raise ValueError("a list was expected")
    return tuple(text(each) for each in value)


def count(value: Json) -> int:
    """A whole number from 0. Raises ValueError for anything else."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("a count was expected")
    return value


def _truth(value: Json) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false was expected")
    return value


RECORD_FIELDS = (
    "account_id", "api", "assets", "content", "platform", "reason", "remote_id", "remote_part", "seen", "service",
    "workspace",
)  # fmt: skip
OPEN_FIELDS = (
    "account_id", "api", "assets", "begun", "body", "cleared", "content", "generation", "kind", "platform", "previous",
    "service", "token", "workspace",
)  # fmt: skip


def record_out(record: Record) -> dict[str, Json]:
    """A record as JSON, without its address."""
    return {
        "service": record.account.service,
        "account_id": record.account.id,
        "remote_id": record.remote_id.id,
        "remote_part": record.remote_id.part,
        "content": record.content.to_json(),
        "api": record.api,
        "workspace": record.workspace,
        "assets": list(record.assets),
        "seen": record.seen.value,
        "reason": record.reason,
        "platform": record.platform,
    }


def record_in(address: Address, value: Json) -> Record:
    """Read what `record_out` wrote. Raises ValueError."""
    found = fields(value, RECORD_FIELDS)
    return Record(
        address=address,
        account=AccountKey(text(found["service"]), text(found["account_id"])),
        remote_id=RemoteId(text(found["remote_id"]), _optional(found["remote_part"])),
        content=Content.from_json(found["content"]),
        api=text(found["api"]),
        workspace=_optional(found["workspace"]),
        assets=texts(found["assets"]),
        seen=Status(text(found["seen"])),
        reason=_optional(found["reason"]),
        platform=text(found["platform"]),
    )


def open_out(opening: Open) -> dict[str, Json]:
    """An open intent as JSON, without its address."""
    before = opening.previous
    return {
        "kind": opening.kind.value,
        "service": opening.account.service,
        "account_id": opening.account.id,
        "content": opening.content.to_json(),
        "begun": stamp(opening.begun),
        "api": opening.api,
        "workspace": opening.workspace,
        "platform": opening.platform,
        "token": opening.token,
        "generation": opening.generation,
        "body": opening.body,
        "assets": list(opening.assets),
        "previous": None if before is None else {"address": str(before.address), **record_out(before)},
        "cleared": opening.cleared,
    }


def open_in(address: Address, value: Json) -> Open:
    """Read what `open_out` wrote. Raises ValueError."""
    found = fields(value, OPEN_FIELDS)
    previous = None
    if found["previous"] is not None:
        before = dict(fields(found["previous"], ("address", *RECORD_FIELDS)))
        previous = record_in(Address.parse(text(before.pop("address"))), before)
    return Open(
        kind=IntentKind(text(found["kind"])),
        address=address,
        account=AccountKey(text(found["service"]), text(found["account_id"])),
        content=Content.from_json(found["content"]),
        begun=moment(text(found["begun"])),
        api=text(found["api"]),
        workspace=_optional(found["workspace"]),
        platform=text(found["platform"]),
        token=_optional(found["token"]),
        generation=count(found["generation"]),
        body=_optional(found["body"]),
        assets=texts(found["assets"]),
        previous=previous,
        cleared=_truth(found["cleared"]),
    )


NONE = "*"
"""Stands for an absent part in the name of an upload; `quote` escapes a real one."""


def upload_out(key: UploadKey) -> str:
    """`service/workspace/sha256/address`, each part quoted."""
    parts = (key.service, key.workspace, key.sha256, key.address)
    return "/".join(NONE if part is None else quote(part, safe="@", errors="surrogatepass") for part in parts)


def upload_in(name: str) -> UploadKey:
    """Read what `upload_out` wrote. Raises ValueError."""
    parts = [None if part == NONE else unquote(part, errors="surrogatepass") for part in name.split("/")]
    match parts:
        case [str(service), workspace, str(sha256), address]:
            return UploadKey(service, workspace, sha256, address)
    raise ValueError(f"not the name of an upload: {name!r}")


def note_in(name: str, value: Json) -> Json:
    """Check a note: `policy`, `commit` or `unfinished`. Raises ValueError."""
    match name, value:
        case ("policy", dict()) | ("commit", str()):
            return value
        case "unfinished", {"digest": str(), "lines": list(lines), **more} if not more:
            texts(lines)
            return value
    raise ValueError(f"not a note: {name!r}")
