"""Rules about posts of one account together: how many, how close, and whether they repeat each other.

They look at wanted posts only, soonest first. Names are given without the account, so that a calendar that goes to
several accounts is told once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeAlias

from calsync.errors import Diagnostic
from calsync.model import Intent, MediaRef, RemoteMedia, comparable, stamp
from calsync.rules.case import PHOTO_POST, SHARING_GUIDELINES, Case, listed

DAY = timedelta(hours=24)
POSTS_A_DAY = 15
DRAFTS_A_DAY = 5
CLOSE = timedelta(minutes=15)
NAMED = 3
"""How many posts a message names before it only counts them."""

AccountName: TypeAlias = tuple[str, str, str]


def posts_per_day(cases: Sequence[Case]) -> Iterator[Diagnostic]:
    """An account gets about 15 posts in any 24 hours, from all apps together (content sharing guidelines)."""
    yield from _volume(
        (case for case in cases if case.tiktok),
        POSTS_A_DAY,
        "too-many-posts",
        "posts",
        f"TikTok takes about {POSTS_A_DAY} a day per creator, all apps together ({SHARING_GUIDELINES})",
    )


def drafts_per_day(cases: Sequence[Case]) -> Iterator[Diagnostic]:
    """An inbox takes at most 5 unfinished drafts in any 24 hours (photo post and video upload references)."""
    yield from _volume(
        (
            case
            for case in cases
            if case.tiktok and not case.account.open_options and case.entry.content.intent is Intent.DRAFT
        ),
        DRAFTS_A_DAY,
        "too-many-drafts",
        "drafts",
        f"TikTok's inbox takes {DRAFTS_A_DAY} unfinished ones ({PHOTO_POST})",
    )


def _volume(cases: Iterable[Case], most: int, code: str, noun: str, law: str) -> Iterator[Diagnostic]:
    for posts in _by_account(case for case in cases if not case.past):
        first, count = fullest([case.entry.content.at for case in posts], DAY)
        if count <= most:
            continue
        crowd = posts[first : first + count]
        yield crowd[most].warning(
            code,
            "at",
            f"{count} {noun} on {crowd[0].account.alias} in the 24 hours from "
            f"{stamp(crowd[0].entry.content.at)}: {_names(crowd)}; {law}",
        )


def fullest(times: Sequence[datetime], span: timedelta) -> tuple[int, int]:
    """The window of `span` (its end excluded) that holds most of the sorted times: index of its first, count."""
    best, end = (0, 0), 0
    for start, time in enumerate(times):
        while end < len(times) and times[end] - time < span:
            end += 1
        if end - start > best[1]:
            best = (start, end - start)
    return best


def spacing(cases: Sequence[Case]) -> Iterator[Diagnostic]:
    """Two posts of one account are at least 15 minutes apart: closer is more often a slip than a wish."""
    for posts in _by_account(case for case in cases if not case.past):
        run: list[Case] = posts[:1]
        for case in posts[1:]:
            if case.entry.content.at - run[-1].entry.content.at >= CLOSE:
                yield from _dense(run)
                run = []
            run.append(case)
        yield from _dense(run)


def _dense(run: Sequence[Case]) -> Iterator[Diagnostic]:
    if len(run) < 2:
        return
    least = min(late.entry.content.at - early.entry.content.at for early, late in pairwise(run))
    apart = f"{_spoken(least)} apart" if least else "at the same time"
    yield run[1].warning(
        "too-dense",
        "at",
        f"{_names(run)} are {apart if len(run) == 2 else f'close together, two of them {apart},'} on one account; "
        f"calsync warns under {_spoken(CLOSE)}",
    )


def repeats(cases: Sequence[Case]) -> Iterator[Diagnostic]:
    """The same media with the same caption goes to an account once: twice is more often a slip than a wish."""
    for posts in _by_account(case for case in cases if not case.fixed):
        alike: defaultdict[tuple[tuple[MediaRef, ...], str], list[Case]] = defaultdict(list)
        for case in posts:
            content = case.entry.content
            key = content.media, comparable(content.caption)
            if any(key):
                alike[key].append(case)
        for same in alike.values():
            if len(same) > 1 and not same[-1].past:
                yield same[-1].warning(
                    "duplicate-content",
                    "media",
                    f"{_names(same)} show the same media with the same caption on one account",
                )


def one_schedule_per_upload(cases: Sequence[Case]) -> Iterator[Diagnostic]:
    """An upload takes one schedule where the service says so: no two posts name it (Limits)."""
    takers: dict[tuple[str, str], Case] = {}
    for case in cases:
        if not case.by_id:
            continue
        once = [each for each in case.versions if each.one_schedule_per_asset]
        if not once or len(once) < len(case.versions):
            continue
        for index, each in enumerate(case.entry.media):
            if not isinstance(each, RemoteMedia):
                continue
            first = takers.setdefault((case.account.service, each.id), case)
            if first is not case and not case.past:
                yield case.error(
                    "media-taken",
                    f"media.{index}",
                    f"{each.id} is scheduled by {first.entry.address} ({first.place('media')}) already; an upload "
                    f"takes one schedule at {once[0].name} ({once[0].origin})",
                    "name another upload, or drop one of the posts",
                )


def _by_account(cases: Iterable[Case]) -> Iterable[list[Case]]:
    """The cases of each remote account, soonest first, as they come."""
    accounts: defaultdict[AccountName, list[Case]] = defaultdict(list)
    names: dict[str, AccountName] = {}
    for case in cases:
        alias = case.account.alias
        name = names.get(alias) or names.setdefault(alias, _account(case))
        accounts[name].append(case)
    return accounts.values()


def _account(case: Case) -> AccountName:
    """The remote account as far as the project file tells: by id, else by handle, else by alias."""
    spec = case.account
    handle = (spec.username or "").removeprefix("@").casefold()
    name = f"id {spec.id}" if spec.id else f"@{handle}" if handle else f"alias {spec.alias}"
    return spec.service, spec.platform, name


def in_time(cases: Iterable[Case]) -> list[Case]:
    """Soonest first."""
    return sorted(cases, key=lambda case: (case.entry.content.at, case.entry.address))


def _names(cases: Sequence[Case]) -> str:
    return listed((case.post for case in cases), NAMED)


def _spoken(span: timedelta) -> str:
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    return " ".join(f"{number} {noun}" for number, noun in ((minutes, "min"), (seconds, "s")) if number)
