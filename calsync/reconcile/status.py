"""The verbs status and accounts: how every managed post stands, and which accounts there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from calsync.binding import means
from calsync.errors import ProviderError, Source
from calsync.model import Address, Capabilities, Intent, Post, Record, Sighting, Status
from calsync.observed import LONG_PAST, Refresh
from calsync.plan import Filters, Plan
from calsync.plan.counting import counted, in_place, shelved
from calsync.plan.outcome import AccountLine, PostStatus, StatusLine
from calsync.plan.situation import OVERDUE
from calsync.reconcile.look import View, make_plan
from calsync.reconcile.project import Project

ALARMING = frozenset({PostStatus.FAILED, PostStatus.MISSED, PostStatus.OVERDUE, PostStatus.LOST})
"""What makes `calsync status` exit 4, up to 7 days after the post's time."""

_PLAIN: Mapping[Status, PostStatus] = {
    Status.SCHEDULED: PostStatus.SCHEDULED,
    Status.PROCESSING: PostStatus.PROCESSING,
    Status.FAILED: PostStatus.FAILED,
    Status.CANCELED: PostStatus.STOPPED,
    Status.MISSING: PostStatus.LOST,
    Status.UNKNOWN: PostStatus.UNKNOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One line per managed post, and the plan they were seen with.

    `alarms`: the lines that need a person; `sources`: where the posts stand in the calendars, those that still do.
    """

    lines: tuple[StatusLine, ...]
    plan: Plan
    alarms: tuple[StatusLine, ...]
    sources: Mapping[Address, Source]

    @property
    def alarming(self) -> bool:
        """One of them needs a person."""
        return bool(self.alarms)


def status(project: Project) -> Report:
    """Look, and say of every post when, where and how it went. Writes nothing."""
    view = make_plan(project, filters=Filters(), mode=Refresh.AUTO)
    now = view.plan.created_at
    lines = sorted(_lines(view, now), key=lambda line: (line.at or now, line.address))
    alarms = [
        line
        for line in lines
        if line.status in ALARMING and line.at is not None and now - line.at <= LONG_PAST
    ]
    sources = {post.address: post.entry.source for post in view.ground.desired.posts}
    return Report(lines=tuple(lines), plan=view.plan, alarms=tuple(alarms), sources=sources)


def _lines(view: View, now: datetime) -> list[StatusLine]:
    posts = {(post.address, post.account.key): post for post in view.ground.desired.posts}
    moved = {
        action.previous_address: action.address
        for action in view.plan.actions
        if action.previous_address is not None
    }
    reasons = {action.address: action for action in view.plan.actions}
    lines: list[StatusLine] = []
    for record in view.recorded.records.values():
        address = moved.get(record.address, record.address)
        post = posts.pop((address, record.account), None)
        opening = view.recorded.opens.get(record.address)
        if opening is not None and opening.cleared and post is not None:
            posts[address, record.account] = post
            continue
        sighting = view.observed.by_address.get(record.address)
        abilities = view.ground.abilities.get(record.account.service)
        lines.append(_recorded(address, record, sighting, post, now, abilities))
    for (address, account), post in posts.items():
        if not post.wanted:
            continue
        action = reasons.get(address)
        lines.append(
            StatusLine(
                address=address,
                status=_unmade(view, address, post, now),
                at=post.content.at,
                provider=account.service,
                error=action.reason if action is not None and action.code is not None else None,
                zone=post.entry.zone,
            )
        )
    return lines


def _recorded(
    address: Address,
    record: Record,
    sighting: Sighting | None,
    post: Post | None,
    now: datetime,
    abilities: Capabilities | None,
) -> StatusLine:
    stopped = there = False
    if abilities is not None:
        stopped = shelved(sighting, record, post, abilities)
        intent = (sighting.intent if sighting is not None else None) or record.content.intent
        there = in_place(replace(record.content, intent=intent), abilities)
        sighting = None if sighting is None else counted(sighting, record, post, abilities)
    status = record.seen if sighting is None else sighting.status
    at = (sighting.at if sighting is not None else None) or record.content.at
    if status is Status.PUBLISHED:
        draft = record.content.intent is Intent.DRAFT
        word = PostStatus.DELIVERED if draft else PostStatus.PUBLISHED
    elif stopped:
        word = PostStatus.STOPPED
    elif status is Status.SCHEDULED and there:
        word = PostStatus.DELIVERED
    elif status is Status.SCHEDULED and now - at >= OVERDUE:
        word = PostStatus.OVERDUE
    else:
        word = _PLAIN[status]
    return StatusLine(
        address=address,
        status=word,
        at=at,
        provider=record.account.service,
        remote_id=str(record.remote_id),
        error=record.reason if sighting is None else sighting.reason,
        zone=post.entry.zone if post is not None else "UTC",
    )


def _unmade(view: View, address: Address, post: Post, now: datetime) -> PostStatus:
    opening = view.recorded.opens.get(address)
    if opening is not None and not opening.cleared:
        return PostStatus.UNKNOWN
    if opening is not None and post.content.at < now + timedelta(minutes=15):
        return PostStatus.LOST
    if any(action.address == address and action.kind.value == "deferred" for action in view.plan.actions):
        return PostStatus.DEFERRED
    if any(action.address == address and action.kind.value == "adopt" for action in view.plan.actions):
        return PostStatus.PENDING
    return PostStatus.MISSED if post.content.at <= now else PostStatus.PENDING


def accounts(project: Project) -> tuple[tuple[AccountLine, ...], dict[str, str]]:
    """The accounts of every configured service, with our aliases; and the services that could not be asked."""
    aliases = project.settings.accounts.values()
    lines: list[AccountLine] = []
    with project.services() as services:
        unreached = services.reach(project.settings.services)
        failed = {name: error.message for name, error in unreached.items()}
        for name, provider in sorted(services.providers.items()):
            try:
                listed = provider.accounts()
            except ProviderError as error:
                failed[name] = error.message
                continue
            for each in listed:
                alias = next(
                    (spec.alias for spec in aliases if spec.service == name and means(spec, each)),
                    None,
                )
                lines.append(
                    AccountLine(
                        provider=name,
                        id=each.id,
                        platform=each.platform,
                        username=each.username,
                        name=each.name,
                        workspace=each.workspace,
                        alias=alias,
                        unusable=each.unusable,
                    )
                )
    return tuple(lines), failed
