"""Whether what a plan document shows is what its digest covers."""

from __future__ import annotations

import json
from collections.abc import Iterable

from calsync.model import Content, Json, MediaRef, comparable, units
from calsync.plan.action import ActionKind
from calsync.plan.changes import fields
from calsync.plan.digest import digest
from calsync.plan.sheet import EXCERPT, Line, Sheet, excerpt


def covered(sheet: Sheet, lines: list[str]) -> None:
    """That the writes which are shown are those of the digest's lines. Raises ValueError."""
    if digest(lines) != sheet.digest:
        raise ValueError("its digest is not that of its lines")
    specs: dict[tuple[str, str], Json] = {}
    for line in lines:
        kind, _, rest = line.partition(" ")
        address, _, body = rest.partition(" {")
        specs[kind, address] = json.loads("{" + body)
    writes = [each for each in sheet.actions if each.kind.writes]
    if len(writes) != len(lines):
        raise ValueError(f"it shows {len(writes)} writes, and its digest covers {len(lines)}")
    for each in writes:
        if not _fits(each, specs.get((each.kind.value, str(each.address)))):
            raise ValueError(f"what it shows of {each.address} is not what its digest covers")


def _fits(line: Line, spec: Json) -> bool:
    match spec:
        case {"account": str(account), "spec": None} if line.kind is ActionKind.CANCEL:
            return account == str(line.account) and line.after is None
        case {"account": str(account), "spec": dict(content)} if line.kind is not ActionKind.CANCEL:
            return account == str(line.account) and _shows(line, Content.from_json(content))
    return False


def _shows(line: Line, content: Content) -> bool:
    """Whether a line says of a post what its spec does; what a create sets has to be said in full."""
    flat = fields(content)
    after = {each.path: each.after for each in line.changes}
    shown: dict[str, list[str]] = {}
    for use in line.media:
        name = "media" if use.reply is None else f"thread.{use.reply}.media"
        shown.setdefault(name, []).append(str(MediaRef.of(use.media)))
    texts = {"caption": content.caption, "title": content.title}
    gists = {name: (gist.excerpt, gist.units) for name, gist in line.texts.items()}
    must: Iterable[str] = [*flat, *after] if line.kind is ActionKind.CREATE else after
    return (
        line.after == content.at
        and all(refs == flat.get(name) for name, refs in shown.items())
        and gists
        == {name: (excerpt(text, EXCERPT), units(comparable(text))) for name, text in texts.items() if text}
        and all(_said(after.get(name)) == _said(flat.get(name)) for name in must if name != "at")
    )


def _said(value: Json) -> Json:
    """A value as changes show it: what is empty is not there."""
    return None if value in ("", []) else value
