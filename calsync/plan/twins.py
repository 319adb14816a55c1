"""Unmanaged posts that may be ours already: twins are alike in all that shows, near ones only in the minute."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from calsync.model import (
    AccountKey,
    Address,
    Capabilities,
    MediaFile,
    Post,
    RemoteId,
    Sighting,
    UploadKey,
    comparable,
    upload_units,
)


@dataclass(frozen=True, slots=True)
class Alike:
    """What was found of one address.

    `near`: something else is due then, that is not another address's one twin. `contested`: a twin that more than
    one address could be.
    """

    twins: tuple[Sighting, ...] = ()
    near: bool = False
    contested: bool = False


_NONE = Alike()


@dataclass(frozen=True, slots=True)
class Lookalikes:
    """Twins and near posts by address and account."""

    found: Mapping[tuple[Address, AccountKey], Alike] = field(default_factory=dict)

    def of(self, address: Address, account: AccountKey) -> Alike:
        """What was found of one address; nothing where it was not searched."""
        return self.found.get((address, account), _NONE)

    @classmethod
    def find(
        cls,
        posts: Sequence[Post],
        strangers: Mapping[AccountKey, tuple[Sighting, ...]],
        owned: set[tuple[AccountKey, RemoteId]],
        abilities: Mapping[str, Capabilities],
        uploads: Mapping[UploadKey, str],
    ) -> Lookalikes:
        """Search for every post; each stranger is looked at once per post of its minute."""
        minutes: dict[tuple[AccountKey, datetime], list[Sighting]] = defaultdict(list)
        for account, sightings in strangers.items():
            for sighting in sightings:
                if sighting.status.live and sighting.at and (account, sighting.remote_id) not in owned:
                    minutes[account, sighting.at.replace(second=0)].append(sighting)
        there: dict[tuple[Address, AccountKey], tuple[list[Sighting], list[Sighting]]] = {}
        claims: Counter[tuple[AccountKey, RemoteId]] = Counter()
        for post in posts:
            account = post.account.key
            due = minutes.get((account, post.content.at.replace(second=0)), [])
            can = abilities[account.service]
            alike = [sighting for sighting in due if _twin(post, sighting, can, uploads)]
            twins = [each for each in alike if each.fixed is None]
            claims.update((account, sighting.remote_id) for sighting in twins)
            # What nobody may touch is not adopted; where it is alike, the post would go out twice beside it.
            near = [each for each in due if each not in twins and (each.fixed is None or each in alike)]
            there[post.address, account] = (twins, near)
        taken = {
            (key[1], twins[0].remote_id)
            for key, (twins, _) in there.items()
            if len(twins) == 1 and claims[key[1], twins[0].remote_id] == 1
        }
        return cls(
            {
                key: Alike(
                    tuple(sorted(twins, key=lambda each: each.remote_id.id)),
                    any((key[1], each.remote_id) not in taken for each in others),
                    any(claims[key[1], each.remote_id] > 1 for each in twins),
                )
                for key, (twins, others) in there.items()
                if twins or others
            }
        )


def assets_of(
    post: Post, abilities: Capabilities, uploads: Mapping[UploadKey, str]
) -> tuple[str, ...] | None:
    """The asset ids that a post itself would be made from, without its thread's, where all are known."""
    ids = tuple(each.id for each in post.entry.media if not isinstance(each, MediaFile))
    if ids:
        return ids
    needed = upload_units(post, abilities)
    if post.content.thread:
        needed = needed[: len(post.entry.media)]
    assets = tuple(uploads.get(unit.key) for unit in needed)
    known = tuple(each for each in assets if each is not None)
    return known if known and len(known) == len(assets) else None


def _twin(post: Post, sighting: Sighting, abilities: Capabilities, uploads: Mapping[UploadKey, str]) -> bool:
    """The same minute (given), the same caption where it is ours to set, and the same media as far as it shows.

    Where drafts wait, a draft is no twin of a post: recorded as one, it would never go out.
    """
    if "caption" in abilities.fields_of(by_id=post.by_id) and (
        sighting.caption is None or comparable(sighting.caption) != comparable(post.content.caption)
    ):
        return False
    if abilities.drafts_wait and sighting.intent not in (None, post.content.intent):
        return False
    mine = assets_of(post, abilities, uploads)
    if mine is not None and sighting.media is not None:
        return mine == sighting.media
    count = len(sighting.media) if sighting.media is not None else sighting.media_count
    return count is None or abilities.one_schedule_per_asset or count == len(post.entry.media)
