"""The decision table: twenty-one rows that leave no combination of facts out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product

import pytest

from calsync.model import Status
from calsync.plan.table import ROWS, Facts, Gap, decide

BOTH = (False, True)
ENDED = (Status.FAILED, Status.CANCELED, Status.MISSING)


def combinations() -> Iterator[Facts]:
    """Every combination but the impossible ones.

    Something is observed exactly of what is recorded; what is past is soon; a new time is an edit; a policy
    restores all or leaves all, not both; a draft that a person made of a wanted post differs in its intent, too. Two twins
    stand for any larger number.
    """
    for desired, observed, twins, near, gap in product(BOTH, (None, *Status), (0, 1, 2), BOTH, Gap):
        for (past, soon), (moved, edited), (restore_all, leave) in product(
            ((False, False), (False, True), (True, True)),
            ((False, False), (False, True), (True, True)),
            ((False, False), (True, False), (False, True)),
        ):
            drafted = desired and observed is Status.SCHEDULED and gap is Gap.OTHER
            for moves, updates, cancels, shelved in product(BOTH, BOTH, BOTH, BOTH if drafted else (False,)):
                yield Facts(
                    desired=desired,
                    recorded=observed is not None,
                    observed=observed,
                    twins=twins,
                    near=near,
                    past=past,
                    soon=soon,
                    shelved=shelved,
                    moved=moved,
                    edited=edited,
                    gap=gap,
                    restore_all=restore_all,
                    leave=leave,
                    moves=moves,
                    updates=updates,
                    cancels=cancels,
                )


def restated(f: Facts) -> int:
    """The table said again, as a person decides who asks first what is wanted, then what is there."""
    if f.observed is Status.UNKNOWN:
        return 1
    if not f.desired:
        if not f.recorded:
            return 2
        return {Status.SCHEDULED: 3, Status.PROCESSING: 4}.get(f.observed or Status.MISSING, 5)
    if not f.recorded:
        return 6 if f.twins else 7 if f.past else 8 if f.soon else 9 if f.near else 10
    if f.observed in (Status.PROCESSING, Status.PUBLISHED):
        return 11
    if f.observed in ENDED:
        if f.twins:
            return 6
        started_again = f.restore_all and f.observed is not Status.FAILED
        if f.soon or not (f.moved or started_again):
            return 13
        return 9 if f.near else 12
    assert f.observed is Status.SCHEDULED
    if f.gap is Gap.NONE:
        return 14
    if f.shelved and (f.edited or not f.leave) and (f.soon or not (f.moved or f.restore_all)):
        return 21
    if f.leave and not f.edited:
        return 15
    if f.soon:
        return 16
    if f.gap is Gap.TIME and f.moves:
        return 17
    return 18 if f.updates else 19 if f.cancels else 20


def test_every_combination_has_one_deciding_row_and_the_restated_table_agrees() -> None:
    """The first matching row decides, there always is one, and each of the twenty-one decides something."""
    decided: Counter[int] = Counter()
    for facts in combinations():
        row = decide(facts)
        assert row.number == restated(facts), facts
        decided[row.number] += 1
    assert sorted(decided) == list(range(1, 22))


def test_the_rows_stand_in_the_order_of_their_numbers() -> None:
    """Numbers and names are distinct; the number of a row is its place, but for 21, which is 13 again for drafts."""
    assert [row.number for row in ROWS] == [*range(1, 14), 21, *range(14, 21)]
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        (Facts(desired=True, recorded=False), "create"),
        (Facts(desired=True, recorded=False, twins=1, past=True, soon=True), "adopt"),
        (Facts(desired=False, recorded=True, observed=Status.SCHEDULED, cancels=False), "cancel"),
        (Facts(desired=True, recorded=True, observed=Status.SCHEDULED), "unchanged"),
        (
            Facts(desired=True, recorded=True, observed=Status.SCHEDULED, shelved=True, gap=Gap.OTHER),
            "shelved",
        ),
        (Facts(desired=False, recorded=True, observed=Status.SCHEDULED), "cancel"),
    ],
)
def test_what_the_words_mean(facts: Facts, word: str) -> None:
    """A few rows by their names, so that numbers alone do not decide what is right."""
    assert decide(facts).name == word


def test_dangerous_rows_need_all_of_their_reasons() -> None:
    """Nothing is made where something may be there; nothing is cancelled that is wanted or not scheduled."""
    for facts in combinations():
        number = decide(facts).number
        if number in (10, 12):
            assert facts.desired
            assert not facts.near
            assert not facts.twins
            assert not facts.soon
            assert facts.observed is None or facts.observed in ENDED
        if number == 12 and not facts.restore_all:
            assert facts.moved
        if number == 3:
            assert not facts.desired
            assert facts.observed is Status.SCHEDULED
        if number in (17, 18, 19):
            assert facts.desired
            assert facts.observed is Status.SCHEDULED
            assert not facts.soon
            assert facts.edited or not facts.leave
            assert facts.moved or facts.restore_all or not facts.shelved


def test_an_address_that_is_out_is_left_alone_whatever_else_is_so() -> None:
    """Being published or processed outweighs every other fact but not being wanted."""
    for facts in combinations():
        if facts.observed in (Status.PROCESSING, Status.PUBLISHED) and facts.desired:
            assert decide(facts).number == 11
            assert decide(facts._replace(desired=False)).number in (4, 5)
