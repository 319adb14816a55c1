"""Refresh: ask the services, match what they show to addresses, and note what nobody recorded.

Reads alone. A service that cannot be read decides nothing; a post that was asked and not answered is `unknown`;
what is not asked on purpose stays what its record last saw.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from calsync.errors import ProviderError, Unauthorized, Unavailable
from calsync.model import (
    AccountKey,
    Address,
    Desired,
    Observed,
    Open,
    Post,
    Record,
    Recorded,
    Sighting,
    Status,
    Usage,
)
from calsync.providers.base import Provider, Scope, Window

LONG_PAST = timedelta(days=7)
"""A post whose time is further past, in its entry and its record, is read by `--refresh full` alone."""
DUE = timedelta(days=1)
"""Where a service has no list, posts due within this time are read although nothing would touch them."""

SETTLED = (Status.PUBLISHED, Status.FAILED, Status.CANCELED)
"""How a post may stand for good; a missing one is looked for again."""


class Refresh(StrEnum):
    """How much is read: what is not settled, everything, or nothing."""

    AUTO = "auto"
    FULL = "full"
    OFF = "off"


def refresh(
    desired: Desired,
    recorded: Recorded,
    providers: Mapping[str, Provider],
    *,
    mode: Refresh,
    now: datetime,
    touched: frozenset[Address] = frozenset(),
) -> Observed:
    """Ask every service for what the mode wants read.

    `touched`: addresses that a plan made from the record alone would touch; where a service has no list, only
    they and what is due are read.
    """
    if mode is Refresh.OFF:
        return Observed()
    look = _Look(desired, recorded, mode, now, touched)
    for service, provider in sorted(providers.items()):
        try:
            look.read(service, provider)
        except ProviderError as error:
            look.unreadable[service] = error.words
    strangers = {key: tuple(each) for key, each in look.strangers.items()}
    return Observed(
        by_address=look.by_address, strangers=strangers, unreadable=look.unreadable, usage=look.usage
    )


@dataclass
class _Look:
    """One refresh in the making."""

    desired: Desired
    recorded: Recorded
    mode: Refresh
    now: datetime
    touched: frozenset[Address]
    by_address: dict[Address, Sighting] = field(default_factory=dict)
    strangers: dict[AccountKey, list[Sighting]] = field(default_factory=lambda: defaultdict(list))
    unreadable: dict[str, str] = field(default_factory=dict)
    usage: dict[str, Usage] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._wanted_at = {
            (post.address, post.account.key): post.content.at for post in self.desired.posts if post.wanted
        }

    def read(self, service: str, provider: Provider) -> None:
        """Read one service. Raises ProviderError where its list cannot be read."""
        records = [each for each in self.recorded.records.values() if each.account.service == service]
        records = [each for each in records if provider.capabilities.handles_api(each.api)]
        if provider.capabilities.lists:
            self._listed(service, provider, records)
        else:
            for record in records:
                if self._asked(record):
                    self.by_address[record.address] = _ask(provider, record)
        if any(post.account.key.service == service and post.wanted for post in self.desired.posts):
            with suppress(ProviderError):
                # Without it creates are refused one by one, once the places are taken: no reason to stand still.
                usage = provider.usage()
                if usage is not None:
                    self.usage[service] = usage

    def _listed(self, service: str, provider: Provider, records: Sequence[Record]) -> None:
        scopes = self._scopes(service)
        if not scopes:
            return
        ours = {scope.account for scope in scopes}
        by_id = {each.remote_id: each for each in records}
        by_name: dict[str, list[Record]] = defaultdict(list)
        for each in records:
            by_name[each.remote_id.id].append(each)
        for sighting in provider.list_posts(scopes, self._window(service)):
            record = by_id.get(sighting.remote_id) or _loosely(sighting, by_name)
            if record is not None:
                self.by_address[record.address] = _of(record, sighting)
            elif sighting.account_id is not None:
                account = AccountKey(service, sighting.account_id)
                if account in ours:
                    self.strangers[account].append(sighting)
        for record in records:
            if record.address not in self.by_address and self._unsettled(record):
                self.by_address[record.address] = self._unlisted(provider, record)

    def _unlisted(self, provider: Provider, record: Record) -> Sighting:
        """A record that the list does not hold: by id where that is possible, or where its time is past."""
        over = record.content.at <= self.now
        sighting = None
        if provider.capabilities.finds_by_id or over:
            sighting = _ask(provider, record)
        if sighting is not None and sighting.status is not Status.MISSING:
            return sighting
        gone = Status.UNKNOWN if over and not provider.capabilities.keeps_history else Status.MISSING
        return _blank(record, gone)

    def _unsettled(self, record: Record) -> bool:
        if self.mode is Refresh.FULL or record.address in self.recorded.opens:
            return True
        return record.seen not in SETTLED and not self._over(record)

    def _asked(self, record: Record) -> bool:
        """Whether a record is read at a service without a list."""
        if self.mode is Refresh.FULL or record.address in self.recorded.opens:
            return True
        if self._over(record):
            return False
        if record.address in self.touched:
            return True
        return record.seen not in SETTLED and record.content.at <= self.now + DUE

    def _over(self, record: Record) -> bool:
        """Long past and wanted just so: whatever is seen of it, nothing would be done about it.

        One that nobody wants any more, or that has a time ahead by now, is looked at before it is touched.
        """
        wanted = self._wanted_at.get((record.address, record.account))
        return max(record.content.at, wanted or self.now) < self.now - LONG_PAST

    def _held(self, service: str) -> list[Record | Open]:
        """What is recorded or open at a service."""
        held: list[Record | Open] = [*self.recorded.records.values(), *self.recorded.opens.values()]
        return [each for each in held if each.account.service == service]

    def _wanted(self, service: str) -> list[Post]:
        return [post for post in self.desired.posts if post.account.key.service == service]

    def _scopes(self, service: str) -> list[Scope]:
        found = {Scope(post.account.key, post.account.workspace) for post in self._wanted(service)}
        found |= {Scope(each.account, each.workspace) for each in self._held(service)}
        return sorted(found, key=lambda scope: (scope.account, scope.workspace or ""))

    def _window(self, service: str) -> Window:
        """The span that covers what is desired, recorded and open, as far as it matters."""
        oldest = self.now - LONG_PAST
        times = [post.content.at for post in self._wanted(service)]
        times += [each.content.at for each in self._held(service)]
        if self.mode is not Refresh.FULL:
            times = [at for at in times if at >= oldest]
        return Window.around(times or [self.now])


def _loosely(seen: Sighting, by_name: Mapping[str, Sequence[Record]]) -> Record | None:
    """The one record of this id whose part is not known on one side; another account's part is never it."""
    found = [
        record
        for record in by_name.get(seen.remote_id.id, ())
        if seen.remote_id.part is None or record.remote_id.part is None
        if seen.account_id in (None, record.account.id)
    ]
    return found[0] if len(found) == 1 else None


def _blank(record: Record, status: Status) -> Sighting:
    return Sighting(remote_id=record.remote_id, account_id=record.account.id, status=status)


def _ask(provider: Provider, record: Record) -> Sighting:
    """One post by id; asked and not answered is `unknown`. Raises ProviderError where nothing is answered at all."""
    try:
        sighting = provider.get_post(record.remote_id, Scope(record.account, record.workspace))
    except (Unauthorized, Unavailable) as error:
        if isinstance(error, Unauthorized) or error.status is None:
            raise
        return _blank(record, Status.UNKNOWN)
    except ProviderError:
        return _blank(record, Status.UNKNOWN)
    return _blank(record, Status.MISSING) if sighting is None else _of(record, sighting)


def _of(record: Record, seen: Sighting) -> Sighting:
    """What was seen of a record; what is shown as another account's says nothing about it."""
    return seen if seen.account_id in (None, record.account.id) else _blank(record, Status.UNKNOWN)
