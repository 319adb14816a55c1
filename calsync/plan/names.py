"""Names first: which record belongs to which entry.

A record passes to a new address when only the alias changed, when `previously` says so, or when exactly one
vanished and one new address of an account have equal specs. Nothing passes between remote accounts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Set
from typing import NamedTuple

from calsync.model import AccountKey, Address, Desired, Open, Post, Record, Recorded, canonical
from calsync.plan.changes import fields


class Case(NamedTuple):
    """One address on one account: what is wanted of it, what is recorded, and an intent left open.

    `record` still carries its old address where `previous` is set.
    """

    address: Address
    account: AccountKey
    post: Post | None = None
    record: Record | None = None
    opening: Open | None = None

    @property
    def vanished(self) -> bool:
        """There is no entry any more."""
        return self.post is None

    @property
    def previous(self) -> Address | None:
        """The address its record comes from, where that is another one."""
        if self.record is None or self.record.address == self.address:
            return None
        return self.record.address


_Key = tuple[Address, AccountKey]


def pair(desired: Desired, recorded: Recorded) -> tuple[Case, ...]:
    """Match entries with records and open intents; ordered by address and account."""
    posts: dict[_Key, Post] = {(each.address, each.account.key): each for each in desired.posts}
    cleared = {address for address, opening in recorded.opens.items() if opening.cleared}
    records: dict[_Key, Record] = {
        (address, record.account): record
        for address, record in recorded.records.items()
        if address not in cleared
    }
    opens: dict[_Key, Open] = {
        (address, opening.account): opening for address, opening in recorded.opens.items()
    }
    passed = _passed(
        {key: post for key, post in posts.items() if key not in records and key not in opens},
        {key: record for key, record in records.items() if key not in posts and key not in opens},
        records.keys() | opens.keys(),
    )
    taken = {(record.address, record.account) for record in passed.values()}
    cases = [
        Case(
            address=key[0],
            account=key[1],
            post=posts.get(key),
            record=passed.get(key, records.get(key)),
            opening=opens.get(key),
        )
        for key in posts.keys() | records.keys() | opens.keys()
        if key in posts or key not in taken
    ]
    return tuple(sorted(cases, key=lambda case: (case.address, case.account, case.vanished)))


def _passed(new: Mapping[_Key, Post], vanished: Mapping[_Key, Record], held: Set[_Key]) -> dict[_Key, Record]:
    """The record that each new address takes over, alias changes before names before equal specs.

    `held`: all that is recorded or open, vanished or not.
    """
    left = dict(vanished)
    passed: dict[_Key, Record] = {}

    def take(key: _Key, record: Record) -> None:
        passed[key] = record
        del left[record.address, record.account]

    def by_names(names_of: Callable[[Post], Iterable[tuple[str, str]]]) -> None:
        index: dict[tuple[AccountKey, str, str], list[Record]] = defaultdict(list)
        for record in left.values():
            index[record.account, record.address.calendar, record.address.post].append(record)
        for key in sorted(new.keys() - passed.keys()):
            for calendar, name in names_of(new[key]):
                found = [
                    record
                    for record in index[key[1], calendar, name]
                    if (record.address, record.account) in left
                ]
                if found:
                    take(
                        key,
                        min(found, key=lambda each: (each.address.account != key[0].account, each.address)),
                    )
                    break

    by_names(lambda post: [(post.address.calendar, post.address.post)])
    by_names(lambda post: post.entry.previously)

    specs: dict[tuple[AccountKey, str], tuple[list[_Key], list[Record]]] = defaultdict(lambda: ([], []))
    for key, post in new.items():
        if key not in passed:
            specs[key[1], canonical(fields(post.content))][0].append(key)
    for record in left.values():
        specs[record.account, canonical(fields(record.content))][1].append(record)
    for keys, records in specs.values():
        if len(keys) == 1 and len(records) == 1:
            take(keys[0], records[0])
    return _free(passed, held)


def _free(passed: dict[_Key, Record], held: Set[_Key]) -> dict[_Key, Record]:
    """Without the passes to an address that still holds a record or an open intent of another account.

    That has to end first: a ledger keeps one of each by address, and would lose either.
    """
    while True:
        leaving = {(record.address, record.account) for record in passed.values()}
        occupied = {key[0] for key in held if key not in leaving}
        free = {key: record for key, record in passed.items() if key[0] not in occupied}
        if len(free) == len(passed):
            return free
        passed = free
