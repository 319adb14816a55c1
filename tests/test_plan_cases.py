"""Planner cases as data: each folder of plan_cases holds one, and is named for the row that decides it.

A case is read like a story: what is wanted, recorded and seen, then what the plan says. Everything that a case
does not mention is as in the plainest post: due in two days, captioned Hello, one video, on the account brand.

    why         the rule that the case shows
    service     full, bare, moving, replacing, postqued-v1 or tikflow (CAPABILITIES below)
    services    more services by name; accounts on them are written SERVICE:ACCOUNT
    policy      lead_time in minutes, max_cancels (a number or a share), drift
    accounts    aliases by the account that they mean; an alias that is not named means the account of its name
    desired     entries by address; times are distances from now
    recorded    records by address; as the entry where there is one
    opens       open intents by address
    uploads     content ids by file
    observed    by address of the record: a status, or what is shown; as recorded where nothing is said
    strangers   unmanaged posts by account
    plan        the actions in order, one line each (see `said`)
    counts      all of the summary that is not 0
    notes       the diagnostics, `severity code address`
    brake, halted
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from calsync.errors import Source
from calsync.model import (
    Account,
    AccountKey,
    Address,
    Capabilities,
    Content,
    Desired,
    DriftPolicy,
    Entry,
    Intent,
    IntentKind,
    Media,
    MediaFile,
    MediaKind,
    MediaRef,
    Observed,
    Open,
    Options,
    Policy,
    Post,
    Record,
    Recorded,
    RemoteId,
    RemoteMedia,
    Sighting,
    Standing,
    Status,
    UploadKey,
    Usage,
)
from calsync.plan import Action, Filters, Plan, plan, planner
from calsync.plan.table import Facts, Row, decide
from calsync.providers.memory import CAPABILITIES as FULL

CASES = Path(__file__).parent / "plan_cases"
NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
LINEAGE = "5b1e0c6a-0000-4000-8000-000000000001"

MOVING = replace(FULL, updates=False)
REPLACING = replace(FULL, updates=False, moves=False)
CAPABILITIES: Mapping[str, Capabilities] = {
    "full": FULL,
    "moving": MOVING,
    "replacing": REPLACING,
    "late": replace(FULL, late_move_may_repeat=True),
    "postqued-v1": replace(
        REPLACING,
        api="v1",
        lists=False,
        cancels=False,
        settable=FULL.settable - {"title"},
        settable_by_id=FULL.settable - {"title"},
    ),
    "tikflow": replace(
        MOVING,
        api="v1",
        keeps_history=False,
        key_life=None,
        settable_by_id=frozenset({"at"}),
        one_schedule_per_asset=True,
    ),
}

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DISTANCE = re.compile(r"([+-])((?:\d+[dhms])+)")


def at(text: str) -> datetime:
    """A distance from now: `+2d`, `-1h30m`."""
    found = _DISTANCE.fullmatch(text)
    assert found is not None, text
    parts = re.findall(r"(\d+)([dhms])", found[2])
    span = sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
    return NOW + span if found[1] == "+" else NOW - span


def media(names: Any) -> tuple[Media, ...]:
    """Files by name, or content of the service as `id:NAME`."""
    return tuple(
        RemoteMedia(name.removeprefix("id:"))
        if name.startswith("id:")
        else MediaFile(path=name, sha256=name, size=10, kind=MediaKind.VIDEO, mime="video/mp4")
        for name in ([names] if isinstance(names, str) else names)
    )


_PLAIN: Mapping[str, Any] = {"at": "+2d", "caption": "Hello", "media": "clip.mp4"}


def content(values: Mapping[str, Any]) -> Content:
    known = {**_PLAIN, **values}
    return Content(
        at=at(known["at"]),
        caption=known["caption"],
        title=known.get("title", ""),
        media=tuple(MediaRef.of(each) for each in media(known["media"])),
        intent=Intent(known.get("intent", "publish")),
        options=Options(known.get("options", {})),
    )


@dataclass(frozen=True)
class Case:
    """One case file, and the states that it describes."""

    file: Mapping[str, Any]

    @property
    def abilities(self) -> Mapping[str, Capabilities]:
        known = {"service": CAPABILITIES[self.file.get("service", "full")]}
        known |= {name: CAPABILITIES[kind] for name, kind in self.file.get("services", {}).items()}
        for name in self.file.get("unreached", ()):
            del known[name]
        return known

    @property
    def policy(self) -> Policy:
        values = dict(self.file.get("policy", {}))
        most = values.pop("max_cancels", 10)
        return Policy(
            lead_time=timedelta(minutes=values.pop("lead_time", 15)),
            drift=DriftPolicy(values.pop("drift", "restore")),
            max_cancels=most if isinstance(most, int) else None,
            max_share=most if isinstance(most, float) else None,
        )

    def account(self, alias: str) -> AccountKey:
        name = self.file.get("accounts", {}).get(alias, alias)
        service, colon, number = name.partition(":")
        return AccountKey(service, number) if colon else AccountKey("service", name)

    @property
    def desired(self) -> Desired:
        posts = []
        for line, (name, values) in enumerate((self.file.get("desired") or {}).items(), 1):
            values, address = values or {}, Address.parse(name)
            spec = content(values)
            entry = Entry(
                address=address,
                content=spec,
                media=media({**_PLAIN, **values}["media"]),
                zone="UTC",
                source=Source(file=f"{address.calendar}.yaml", line=line),
                standing=Standing(values.get("standing", "wanted")),
                previously=tuple(
                    (calendar, post)
                    for calendar, _, post in (each.partition("/") for each in values.get("previously", ()))
                ),
            )
            account = Account(alias=address.account, key=self.account(address.account))
            posts.append(Post(entry=entry, account=account, content=spec))
        unbound = frozenset(Address.parse(each) for each in self.file.get("unbound", ()))
        return Desired(posts=tuple(posts), unbound=unbound)

    def record(self, name: str, values: Mapping[str, Any]) -> Record:
        address = Address.parse(name)
        like = (self.file.get("desired") or {}).get(name) or {}
        account = values.get("account")
        key = self.account(address.account) if account is None else self.account(account)
        return Record(
            address=address,
            account=key,
            remote_id=RemoteId(values.get("id", f"remote-{address.post}")),
            content=content({**like, **values}),
            api=values.get("api", self.api(key)),
            assets=tuple(values.get("assets", ())),
            seen=Status(values.get("seen", "scheduled")),
            reason=values.get("reason"),
        )

    def api(self, key: AccountKey) -> str:
        kinds = {"service": self.file.get("service", "full"), **self.file.get("services", {})}
        return CAPABILITIES[kinds[key.service]].api

    @property
    def recorded(self) -> Recorded:
        records = {
            Address.parse(name): self.record(name, values or {})
            for name, values in (self.file.get("recorded") or {}).items()
        }
        return Recorded(
            lineage=LINEAGE,
            serial=7,
            records=records,
            uploads={
                UploadKey("service", None, name): asset
                for name, asset in self.file.get("uploads", {}).items()
            },
            opens={
                Address.parse(name): self.opening(name, values or {})
                for name, values in (self.file.get("opens") or {}).items()
            },
            policy=self.file.get("applied_policy"),
        )

    def opening(self, name: str, values: Mapping[str, Any]) -> Open:
        address = Address.parse(name)
        like = (self.file.get("desired") or {}).get(name) or {}
        kind = IntentKind(values.get("kind", "create"))
        key = self.account(values.get("account", address.account))
        previous = values.get("previous")
        token = "key" if kind is IntentKind.CREATE else None
        return Open(
            kind=kind,
            address=address,
            account=key,
            content=content({**like, **values}),
            begun=at(values.get("begun", "-1h")),
            api=self.api(key),
            token=token,
            generation=1 if token else 0,
            assets=tuple(values.get("assets", ())),
            previous=None if previous is None else self.record(name, previous),
            cleared=values.get("cleared", False),
        )

    @property
    def observed(self) -> Observed:
        """Every record is seen as it was recorded, but for what the case says and, with `asked: false`, not at all."""
        shown = self.file.get("observed") or {}
        by_address = {}
        for address, record in self.recorded.records.items():
            said = shown.get(str(address), {})
            if said != "not asked" and record.account.service in self.abilities:
                by_address[address] = _sighting(record, {"status": said} if isinstance(said, str) else said)
        strangers = {
            self.account(name): tuple(
                _stranger(self.account(name), number, each or {}) for number, each in enumerate(several, 1)
            )
            for name, several in (self.file.get("strangers") or {}).items()
        }
        places = self.file.get("places")
        return Observed(
            by_address=by_address,
            strangers=strangers,
            unreadable=self.file.get("unreadable", {}),
            usage={} if places is None else {"service": Usage(limit=places["limit"], used=places["used"])},
        )


def _sighting(record: Record, said: Mapping[str, Any]) -> Sighting:
    known = record.content
    if said.get("status") in ("missing", "unknown"):
        return Sighting(
            remote_id=record.remote_id, account_id=record.account.id, status=Status(said["status"])
        )
    return Sighting(
        remote_id=record.remote_id,
        account_id=record.account.id,
        status=Status(said.get("status", "scheduled")),
        at=at(said["at"]) if "at" in said else known.at,
        caption=said.get("caption", known.caption),
        title=said.get("title", known.title),
        options=Options(said.get("options", dict(known.options))),
        media=tuple(said["media"]) if "media" in said else record.assets or None,
        reason=said.get("reason"),
    )


def _stranger(key: AccountKey, number: int, said: Mapping[str, Any]) -> Sighting:
    return Sighting(
        remote_id=RemoteId(said.get("id", f"stranger-{number}")),
        account_id=key.id,
        status=Status(said.get("status", "scheduled")),
        at=at(said.get("at", "+2d")),
        caption=said.get("caption", "Hello"),
        media=tuple(said["media"]) if "media" in said else None,
        media_count=said.get("count", 1),
    )


def said(action: Action) -> str:
    """An action as one line: what, where, then whatever is not plain about it."""
    words = [action.kind.value, str(action.address)]
    if action.code is not None:
        words.append(action.code)
    if action.drift:
        words.append("drift")
    if action.previous_address is not None:
        words.append(f"from {action.previous_address}")
    if action.waits_for:
        words.append(f"after {' '.join(map(str, action.waits_for))}")
    if action.kind.value in ("update", "replace"):
        words.append(f"[{' '.join(each.path for each in action.changes)}]")
    return " ".join(words)


def noted(made: Plan) -> list[str]:
    """The diagnostics as lines."""
    return sorted(
        " ".join(filter(None, (each.severity.value, each.code, each.address))) for each in made.diagnostics
    )


def names() -> list[str]:
    return sorted(each.name for each in CASES.iterdir() if (each / "case.yaml").is_file())


def loaded(name: str) -> Case:
    file = yaml.safe_load((CASES / name / "case.yaml").read_text("utf-8"))
    known = {
        *("why", "service", "services", "unreached", "policy", "applied_policy", "accounts", "desired"),
        *("unbound", "recorded", "opens", "uploads", "observed", "strangers", "unreadable", "places"),
        *("filters", "plan", "counts", "notes", "brake", "halted", "unmentioned"),
    }
    assert set(file) <= known, f"{name}: {set(file) - known}"
    return Case(file)


def planned(case: Case) -> Plan:
    filters = case.file.get("filters", {})
    return plan(
        case.desired,
        case.recorded,
        case.observed,
        abilities=case.abilities,
        policy=case.policy,
        now=NOW,
        filters=Filters(
            calendars=tuple(filters.get("calendars", ())), accounts=tuple(filters.get("accounts", ()))
        ),
    )


@pytest.mark.parametrize("name", names())
def test_case(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan of the case is what its file says, and the row that its folder names decided in it."""
    case = loaded(name)
    rows: list[int] = []

    def watched(facts: Facts) -> Row:
        row = decide(facts)
        rows.append(row.number)
        return row

    monkeypatch.setattr(planner, "decide", watched)
    made = planned(case)
    assert [said(each) for each in made.actions] == (case.file.get("plan") or [])
    assert {name: count for name, count in made.summary.items() if count} == case.file.get("counts", {})
    assert noted(made) == sorted(case.file.get("notes", []))
    assert bool(made.brake) is case.file.get("brake", False)
    assert sorted(made.halted) == case.file.get("halted", [])
    row = re.match(r"row-(\d\d)-", name)
    if row is not None:
        assert int(row[1]) in rows


def test_every_row_has_a_case() -> None:
    """A folder for each of the twenty rows."""
    assert {int(each[4:6]) for each in names() if each.startswith("row-")} == set(range(1, 21))
