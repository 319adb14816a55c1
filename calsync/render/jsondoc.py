"""The JSON documents of the contract: plan, apply, status, accounts, validate, state check and errors.

Keys may be added within format version 1, never renamed: readers ignore the ones that they do not know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from calsync.errors import Diagnostic
from calsync.model import Json, stamp
from calsync.plan.action import Action, Plan, Slot
from calsync.plan.checkup import Checkup
from calsync.plan.outcome import AccountLine, Outcome, Outcomes, StatusLine, outcome_of_each, result
from calsync.plan.sheet import Line

FORMAT_VERSION = "1"

SUMMARY_KEYS = (
    "create",
    "adopt",
    "update",
    "reschedule",
    "replace",
    "cancel",
    "move",
    "forget",
    "blocked",
    "deferred",
    "unchanged",
    "unmanaged",
    "past",
)

# What JSON allows raw in a string and a terminal or a script obeys: C1 controls, DEL, line separators, marks that
# reorder text, and lone surrogates, which UTF-8 cannot carry.
_RAW = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def to_text(document: dict[str, Json]) -> str:
    """The document as text: keys in the contract's order, readable letters, nothing that a terminal obeys."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    # A runner of GitHub Actions obeys `##[name]` anywhere in a line of its log; only text can hold it here.
    text = text.replace("##[", "#\\u0023[")
    return _RAW.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def plan_document(plan: Plan, *, version: str, tzdata: str | None = None) -> dict[str, Json]:
    """The plan document. `version` is calsync's own, `tzdata` that of the time zone rules the times come from."""
    return _plan(plan, [_action(each) for each in plan.actions], version, tzdata)


def apply_document(
    plan: Plan, outcomes: Outcomes, *, version: str, tzdata: str | None = None
) -> dict[str, Json]:
    """The plan document with what became of each action, and the number of actions per outcome."""
    settled = outcome_of_each(plan, outcomes)
    actions = [_action(action) | _outcome(each) for action, each in zip(plan.actions, settled, strict=True)]
    return _plan(plan, actions, version, tzdata) | {"result": {**result(settled)}}


def error_document(
    exit_code: int, code: str, message: str, hint: str | None = None, diagnostics: Iterable[Diagnostic] = ()
) -> dict[str, Json]:
    """What a command prints that ends in an error."""
    return {
        "format_version": FORMAT_VERSION,
        "exit_code": int(exit_code),
        "error": {"code": code, "message": message, "hint": hint},
        "diagnostics": _diagnostics(diagnostics),
    }


def validate_document(valid: bool, posts: int, diagnostics: Iterable[Diagnostic]) -> dict[str, Json]:
    """What `validate` found, and the number of posts that it looked at."""
    return {
        "format_version": FORMAT_VERSION,
        "valid": valid,
        "posts": posts,
        "diagnostics": _diagnostics(diagnostics),
    }


def status_document(posts: Sequence[StatusLine], diagnostics: Iterable[Diagnostic] = ()) -> dict[str, Json]:
    """How every managed post stands."""
    return {
        "format_version": FORMAT_VERSION,
        "posts": [
            {
                "address": str(each.address),
                "status": each.status.value,
                "at": stamp(each.at) if each.at else None,
                "provider": each.provider,
                "remote_id": each.remote_id,
                "error": each.error,
            }
            for each in posts
        ],
        "diagnostics": _diagnostics(diagnostics),
    }


def accounts_document(
    accounts: Sequence[AccountLine], diagnostics: Iterable[Diagnostic] = ()
) -> dict[str, Json]:
    """The accounts that each configured service has."""
    return {
        "format_version": FORMAT_VERSION,
        "accounts": [
            {
                "provider": each.provider,
                "id": each.id,
                "platform": each.platform,
                "username": each.username,
                "name": each.name,
                "workspace": each.workspace,
                "alias": each.alias,
                "unusable": each.unusable,
            }
            for each in accounts
        ],
        "diagnostics": _diagnostics(diagnostics),
    }


def check_document(checkup: Checkup) -> dict[str, Json]:
    """What `state check` found, and how often."""
    return {
        "format_version": FORMAT_VERSION,
        "checks": [
            {
                "address": each.address,
                "status": each.status.value,
                "needs": each.needs.value if each.needs else None,
                "message": each.message,
                "hint": each.hint,
                "provider": each.provider,
                "remote_id": each.remote_id,
                "changes": [
                    {"path": change.path, "before": change.before, "after": change.after}
                    for change in each.changes
                ],
            }
            for each in checkup.checks
        ],
        "summary": {**checkup.counts},
        "diagnostics": _diagnostics(each for each in checkup.plan.diagnostics if each.address is None),
    }


def _plan(plan: Plan, actions: list[dict[str, Json]], version: str, tzdata: str | None) -> dict[str, Json]:
    return {
        "format_version": FORMAT_VERSION,
        "calsync_version": version,
        "created_at": stamp(plan.created_at),
        "digest": plan.digest,
        "state": {"lineage": plan.lineage, "serial": plan.serial},
        "filters": {"calendars": list(plan.filters.calendars), "accounts": list(plan.filters.accounts)},
        "refresh": plan.refresh,
        "tzdata": tzdata,
        "summary": {key: plan.summary.get(key, 0) for key in SUMMARY_KEYS},
        "actions": list(actions),
        "diagnostics": _diagnostics(plan.diagnostics),
        "lines": list(plan.lines),
        "brake": plan.brake,
        "halted": dict(plan.halted),
        "commit": plan.commit,
        "base": {"ref": plan.base.ref, "commit": plan.base.commit} if plan.base else None,
        "kept": _kept(plan.kept),
    }


def _kept(slots: Iterable[Slot]) -> dict[str, Json]:
    """What stays scheduled as it is: by zone, then address, its time."""
    zones: dict[str, dict[str, Json]] = {}
    for each in slots:
        zones.setdefault(each.zone, {})[str(each.address)] = stamp(each.at)
    return {**zones}


def _action(action: Action) -> dict[str, Json]:
    source, previous = action.source, action.previous_address
    return {
        "address": str(action.address),
        "action": action.kind.value,
        "provider": action.account.service,
        "account_id": action.account.id,
        "code": action.code,
        "reason": action.reason,
        "drift": action.drift,
        "previous_address": str(previous) if previous else None,
        "source": {"file": source.file, "line": source.line, "column": source.column} if source else None,
        "at": {
            "before": stamp(action.before) if action.before else None,
            "after": stamp(action.after) if action.after else None,
        },
        "zone": action.zone,
        "changes": [
            {"path": each.path, "before": each.before, "after": each.after} for each in action.changes
        ],
        "media": [each.to_json() for each in action.media],
        "waits_for": [str(each) for each in action.waits_for],
        "texts": {
            name: {"excerpt": each.excerpt, "units": each.units, "limit": each.limit}
            for name, each in Line.of(action).texts.items()
        },
    }


def _outcome(outcome: Outcome) -> dict[str, Json]:
    document: dict[str, Json] = {} if outcome.code is None else {"code": outcome.code}
    return document | {
        "outcome": outcome.kind.value,
        "error": outcome.error,
        "remote_id": outcome.remote_id,
    }


def _diagnostics(diagnostics: Iterable[Diagnostic]) -> list[Json]:
    return [
        {
            "severity": each.severity.value,
            "code": each.code,
            "address": each.address,
            "file": each.source.file if each.source else None,
            "line": each.source.line if each.source else None,
            "column": each.source.column if each.source else None,
            "message": each.message,
            "hint": each.hint,
        }
        for each in diagnostics
    ]
