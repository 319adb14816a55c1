"""Reading what a write has done whose answer was lost: nothing is sent again before somebody has looked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from calsync.errors import Interrupted, ProviderError
from calsync.model import IntentKind, Open, Record, Sighting, Status
from calsync.plan.settling import found, surely
from calsync.providers.base import Provider, Scope, Window
from calsync.recorded import Ledger


def scope(record: Record) -> Scope:
    """Where a post is, by its record."""
    return Scope(record.account, record.workspace)


@dataclass(frozen=True, slots=True)
class Look:
    """Asks one service how things stand now."""

    provider: Provider
    ledger: Ledger
    now: Callable[[], datetime]

    def candidates(self, opening: Open) -> list[Sighting] | None:
        """What a create may have made, in a list read afresh; None where there is none to be read.

        None, too, where that cannot be told: what another create under way may have made, or what somebody has changed since.
        """
        if not self.provider.capabilities.lists:
            return None
        at, day = opening.content.at, timedelta(days=1)
        try:
            seen = self.provider.list_posts(
                [Scope(opening.account, opening.workspace)], Window(at - day, at + day)
            )
        except (ProviderError, Interrupted):
            return None
        recorded, abilities = self.ledger.recorded, self.provider.capabilities
        owned = {record.remote_id for record in recorded.records.values()}
        strangers = [each for each in seen if each.remote_id not in owned]
        others = [
            each
            for address, each in recorded.opens.items()
            if address != opening.address and each.kind is IntentKind.CREATE
        ]
        matches = found(opening, strangers, abilities)
        doubtful = any(not surely(opening, each, abilities) for each in matches)
        return None if doubtful or any(found(each, matches, abilities) for each in others) else matches

    def at(self, record: Record) -> Sighting | None:
        """How a post stands after a write whose answer was lost; None where that cannot be read."""
        try:
            sighting = self.provider.get_post(record.remote_id, scope(record))
        except (ProviderError, Interrupted):
            return None
        if sighting is not None:
            return sighting
        return Sighting(remote_id=record.remote_id, account_id=record.account.id, status=Status.MISSING)

    def stopped(self, record: Record) -> bool:
        """Whether a cancel without an answer was done. What is gone after its time may as well be published."""
        sighting = self.at(record)
        if sighting is None:
            return False
        over = record.content.at <= self.now() and not self.provider.capabilities.keeps_history
        return sighting.status is Status.CANCELED or (sighting.status is Status.MISSING and not over)
