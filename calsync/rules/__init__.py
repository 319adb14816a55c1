"""Checks on desired state before anything is sent: one small function per rule, pure, without a clock.

    case      a post with what its account and service make of it, and the two ways to report
    media     how many files, of what type, size, length and dimensions
    text      caption, title, thread: length, presence, characters nobody sees
    choices   privacy, disclosure, intent, cover, options
    crowd     posts of one account against each other: volume, spacing, repeats
    channel   posts against what a service says of their account's network
    creator   posts against what their account's creator info allows right now

A rule states its law and its source in its docstring; `POST_RULES` and `ACCOUNT_RULES` are all there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from calsync.errors import Diagnostic, Severity
from calsync.model import AccountSpec, Entry, Limits, Standing
from calsync.rules import choices, crowd, media, text
from calsync.rules.case import Case, Terms

PostRule: TypeAlias = Callable[[Case], Iterator[Diagnostic]]
AccountRule: TypeAlias = Callable[[Sequence[Case]], Iterator[Diagnostic]]
"""Given the wanted posts of all accounts, soonest first."""

POST_RULES: tuple[PostRule, ...] = (
    media.by_id_only,
    media.files_only,
    media.one_kind,
    media.count,
    media.accepted_type,
    media.accepted_size,
    media.accepted_codec,
    media.frame_rate,
    media.video_duration,
    media.video_dimensions,
    media.photo_dimensions,
    text.caption_present,
    text.caption_length,
    text.title_present,
    text.title_length,
    text.title_taken,
    text.thread_taken,
    text.whole_characters,
    text.visible_characters,
    text.markup_is_text,
    choices.privacy_chosen,
    choices.branded_is_seen,
    choices.commercial_is_declared,
    choices.video_cover,
    choices.photo_cover,
    choices.settable_options,
    choices.accepted_intent,
    choices.draft_of_video,
)

ACCOUNT_RULES: tuple[AccountRule, ...] = (
    crowd.posts_per_day,
    crowd.drafts_per_day,
    crowd.spacing,
    crowd.repeats,
    crowd.one_schedule_per_upload,
)

SETTLED_AFTER = timedelta(days=7)
"""Posts longer past than this are history: what is wrong with them is no longer reported."""


def check(
    entries: Sequence[Entry],
    accounts: Mapping[str, AccountSpec],
    limits: Mapping[str, Sequence[Limits]],
    *,
    now: datetime | None = None,
) -> tuple[Diagnostic, ...]:
    """Every finding about the entries, ordered by place.

    `limits` holds, per service, one Limits for each version that could be meant: what all of them refuse is
    an error, what only some refuse is a warning that names them. An entry with `cancel: true` is not checked.
    On a paused account errors are warnings: an emergency stop must not wait for a caption to be mended. With
    `now`, posts more than 7 days past are silent. One finding at one place that hits several accounts is
    reported once.
    """
    settled = None if now is None else now - SETTLED_AFTER
    terms = {alias: Terms.of(spec, limits.get(spec.service, ())) for alias, spec in accounts.items()}
    cases = [
        Case.of(entry, known, past=settled is not None and entry.content.at < settled)
        for entry in entries
        if entry.standing is not Standing.CANCELED and (known := terms.get(entry.address.account)) is not None
    ]
    found: dict[tuple[object, ...], Diagnostic] = {}
    for each in _findings(cases):
        found.setdefault((each.severity, each.code, each.message, each.source), each)
    return tuple(sorted(found.values(), key=lambda each: each.order))


def text_room(entry: Entry, account: AccountSpec, limits: Sequence[Limits]) -> dict[str, int]:
    """How many UTF-16 units caption and title of an entry may have; absent: no limit is known."""
    return text.room(Case.of(entry, Terms.of(account, limits)))


def _findings(cases: Sequence[Case]) -> Iterator[Diagnostic]:
    for case in cases:
        if case.past:
            continue
        for post_rule in POST_RULES:
            for each in post_rule(case):
                paused = case.entry.standing is Standing.PAUSED and each.severity is Severity.ERROR
                yield replace(each, severity=Severity.WARNING) if paused else each
    yield from media.not_probed(cases)
    wanted = crowd.in_time(case for case in cases if case.entry.standing is Standing.WANTED)
    for account_rule in ACCOUNT_RULES:
        yield from account_rule(wanted)
