"""Open intents, settled by reading: pure, so that plan and apply agree.

What cannot be settled by reading stays open: apply may send the same body under the same key again, and until
then the post is `unknown`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from calsync.model import (
    AccountKey,
    Address,
    Capabilities,
    Content,
    IntentKind,
    Observed,
    Open,
    Post,
    Record,
    Recorded,
    RemoteId,
    Sighting,
    Status,
    comparable,
    single_upload,
)


@dataclass(frozen=True, slots=True)
class Closing:
    """How an open intent ends: `record` is what is recorded afterwards, None that nothing is."""

    address: Address
    record: Record | None


@dataclass(frozen=True, slots=True)
class Settled:
    """The recorded state with every intent settled that reading could settle, and the closings that did it.

    `cleared`: replaces whose cancel happened and whose create did not; they stay open for it.
    """

    recorded: Recorded
    closings: tuple[Closing, ...]
    cleared: tuple[Open, ...]


def settle(
    recorded: Recorded, observed: Observed, abilities: Mapping[str, Capabilities], now: datetime
) -> Settled:
    """Close every open intent whose outcome shows in what was observed."""
    records, opens = dict(recorded.records), dict(recorded.opens)
    closings: list[Closing] = []
    cleared: list[Open] = []
    claims = _claims(recorded.opens.values(), observed, abilities)
    counts = Counter(each.remote_id for held in claims.values() for each in held)
    contested = frozenset(remote_id for remote_id, number in counts.items() if number > 1)
    for address, opening in sorted(recorded.opens.items()):
        service = opening.account.service
        if service in observed.unreadable or service not in abilities:
            continue
        outcome = (
            _uploaded(opening, recorded)
            if opening.kind is IntentKind.UPLOAD
            else _outcome(
                opening,
                records.get(address),
                observed,
                abilities[service],
                now,
                None
                if contested.intersection(each.remote_id for each in claims.get(address, ()))
                else claims.get(address, ()),
            )
        )
        if isinstance(outcome, Open):
            opens[address] = outcome
            cleared.append(outcome)
        elif outcome is not None:
            closings.append(outcome)
            del opens[address]
            if outcome.record is None:
                records.pop(address, None)
            else:
                records[address] = outcome.record
    if not closings and not cleared:
        return Settled(recorded, (), ())
    return Settled(replace(recorded, records=records, opens=opens), tuple(closings), tuple(cleared))


def resendable(
    opening: Open, post: Post | None, abilities: Capabilities, now: datetime, soon: datetime
) -> bool:
    """Whether apply may send this create again: the same body, still wanted, its key alive, its time not soon."""
    return (
        opening.kind is IntentKind.CREATE
        and opening.token is not None
        and abilities.key_life is not None
        and opening.api == abilities.api
        and now - opening.begun < abilities.key_life
        and post is not None
        and post.wanted
        and (post.account.key, post.account.workspace) == (opening.account, opening.workspace)
        and post.content == opening.content
        and opening.content.at >= soon
    )


def _uploaded(opening: Open, recorded: Recorded) -> Closing | Open | None:
    """An upload whose answer was recorded is over; one whose answer is not known may have been published."""
    key = single_upload(opening.address, opening.account, opening.workspace, opening.content)
    if key not in recorded.uploads:
        return None
    if opening.cleared:
        return replace(opening, kind=IntentKind.REPLACE)
    return Closing(opening.address, recorded.records.get(opening.address))


def _claims(
    opens: Iterable[Open], observed: Observed, abilities: Mapping[str, Capabilities]
) -> Mapping[Address, tuple[Sighting, ...]]:
    """The posts that each open create may have made.

    Creates that were to make the very same post share what they find, one each by their addresses: which is whose
    makes no difference. Where there are more posts than creates, or creates that differ, all claim all.
    """
    creates = [each for each in opens if each.kind is IntentKind.CREATE and each.account.service in abilities]
    alike: dict[tuple[AccountKey, Content, tuple[str, ...]], list[Open]] = defaultdict(list)
    for each in sorted(creates, key=lambda opening: opening.address):
        alike[each.account, each.content, each.assets].append(each)
    claims: dict[Address, tuple[Sighting, ...]] = {}
    for group in alike.values():
        matches = _matches(group[0], observed, abilities[group[0].account.service])
        matches.sort(key=lambda each: each.remote_id)
        for number, each in enumerate(group):
            shared = len(group) > 1 and len(matches) <= len(group)
            claims[each.address] = tuple(matches[number : number + 1] if shared else matches)
    return claims


def _outcome(
    opening: Open,
    record: Record | None,
    observed: Observed,
    abilities: Capabilities,
    now: datetime,
    matches: Sequence[Sighting] | None,
) -> Closing | Open | None:
    if opening.cleared and opening.kind is IntentKind.REPLACE:
        return None
    if opening.kind is IntentKind.CREATE:
        return _created(opening, record, matches, abilities, now)
    sighting = observed.by_address.get(opening.address)
    if sighting is None or sighting.status is Status.UNKNOWN or record is None:
        return None
    stopped = sighting.status in (Status.CANCELED, Status.MISSING)
    if opening.kind is IntentKind.CANCEL:
        return Closing(opening.address, None if stopped else record)
    if opening.kind is IntentKind.REPLACE:
        return replace(opening, cleared=True) if stopped else Closing(opening.address, record)
    if opening.kind is IntentKind.UPDATE:
        return Closing(opening.address, arrived(opening, record, sighting))
    moved = sighting.at == opening.content.at
    return Closing(opening.address, replace(record, content=opening.content) if moved else record)


def arrived(opening: Open, record: Record, sighting: Sighting) -> Record:
    """The record of a post after an update without an answer: what shows the new values has them.

    The rest, hidden or not there, stays as it was, so that it is set again.
    """
    new, known = opening.content, record.content
    content = replace(
        known,
        at=new.at if sighting.at == new.at else known.at,
        caption=new.caption if _shows(sighting.caption, new.caption) else known.caption,
        title=new.title if _shows(sighting.title, new.title) else known.title,
        intent=new.intent if sighting.intent is new.intent else known.intent,
    )
    done = content == new
    return replace(record, content=content, assets=opening.assets if done else record.assets)


def _shows(there: str | None, new: str) -> bool:
    return there is not None and comparable(there) == comparable(new)


def _created(
    opening: Open,
    record: Record | None,
    matches: Sequence[Sighting] | None,
    abilities: Capabilities,
    now: datetime,
) -> Closing | Open | None:
    """A create that the list shows, or that it certainly does not: then all is as it was before.

    `matches`: what it may have made; None where something of it may be another create's.
    """
    if not abilities.lists or matches is None:
        return None
    if len(matches) == 1 and surely(opening, matches[0], abilities):
        return Closing(opening.address, made(opening, matches[0].remote_id, matches[0].status))
    if matches or (opening.content.at <= now and not abilities.keeps_history):
        return None
    if opening.cleared:
        return half_done(opening)
    return Closing(opening.address, record)


def half_done(opening: Open) -> Open:
    """The intent of a replace whose cancel is confirmed and whose create certainly did not happen."""
    return replace(opening, kind=IntentKind.REPLACE, token=None, generation=0, body=None)


def _matches(opening: Open, observed: Observed, abilities: Capabilities) -> list[Sighting]:
    return found(opening, observed.strangers.get(opening.account, ()), abilities)


def found(opening: Open, strangers: Sequence[Sighting], abilities: Capabilities) -> list[Sighting]:
    """The posts that nobody records and that an open create may have made."""
    return [
        sighting
        for sighting in strangers
        if sighting.status not in (Status.CANCELED, Status.MISSING)
        and sighting.account_id == opening.account.id
        and _alike(opening, sighting, abilities)
    ]


def surely(opening: Open, match: Sighting, abilities: Capabilities) -> bool:
    """Whether a match is what the create made: not where somebody has made it repeat, or a draft of it, since."""
    same = not abilities.drafts_wait or match.intent in (None, opening.content.intent)
    return same and match.fixed is None


def _alike(opening: Open, sighting: Sighting, abilities: Capabilities) -> bool:
    assets, _ = opening.content.split_assets(opening.assets)
    if sighting.media is not None and assets and sighting.media != assets:
        return False
    if abilities.one_schedule_per_asset and sighting.media is not None:
        # Caption and title belong to the upload there.
        return same_minute(opening.content, sighting)
    return same_minute(opening.content, sighting) and (
        sighting.caption is None or comparable(sighting.caption) == comparable(opening.content.caption)
    )


def same_minute(content: Content, sighting: Sighting) -> bool:
    """The sighting is due in the same minute as the content."""
    return sighting.at is not None and sighting.at.replace(second=0) == content.at.replace(second=0)


def made(opening: Open, remote_id: RemoteId, status: Status = Status.SCHEDULED) -> Record:
    """The record of a create that is known to have happened."""
    return Record(
        address=opening.address,
        account=opening.account,
        remote_id=remote_id,
        content=opening.content,
        api=opening.api,
        workspace=opening.workspace,
        assets=opening.assets,
        seen=status,
        platform=opening.platform,
    )
