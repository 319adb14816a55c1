"""What it costs to write an action down, in a state of many posts and in one of few.

A run pays once for reading the state, keeping a copy and folding the journal in; what is measured here is what it pays
for each action: the intent before the request and the outcome after it.

Profile: python -m cProfile -s tottime benchmarks/journal.py DIR ACTIONS | head -40
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks import ground
from benchmarks.measure import Plan, Row, Side, Took, interleaved, peak, reported, tell

FEW = 100


def rows(plan: Plan, folder: Path) -> Iterator[Row]:
    """The same actions, written down in two states."""
    many = plan.posts * plan.growth
    sizes = {"few": min(FEW, plan.posts), "many": many}
    sides: dict[str, Side] = {}
    for name, posts in sizes.items():
        root = ground.project(folder / f"posts-{posts}", posts)
        ground.settle(root)
        sides[name] = _side(root, plan.actions)
    taken = interleaved(sides, plan.rounds, warm=False)
    yield Row(
        name=f"writing an action down, {many:,} posts",
        against=f"{sizes['few']:,} posts",
        by="cpu",
        ours=taken["many"],
        theirs=taken["few"],
        most=1.1,
    )


def _side(root: Path, actions: int) -> Side:
    argv = [sys.executable, "-m", "benchmarks.journal", str(root), str(actions)]
    return reported(argv, env=ground.environment(root))


def measure(root: Path, actions: int) -> Took:
    """Of one action, in seconds: the median, so that no one wait for the disk decides."""
    from calsync.model import IntentKind, Open
    from calsync.recorded import Ledger
    from calsync.stores.base import Holder
    from calsync.stores.file import FileStore

    store, who = FileStore(root / ".calsync" / "state.json", root), Holder(host="benchmark", pid=0, since="")
    walls: list[float] = []
    cpus: list[float] = []
    with Ledger.hold(store, who, project=ground.LINEAGE, timeout=5, create=False) as ledger:
        records = sorted(ledger.recorded.records.values(), key=lambda each: each.address)[: actions + 1]
        for number, record in enumerate(records):
            opening = Open(
                kind=IntentKind.CANCEL,
                address=record.address,
                account=record.account,
                content=record.content,
                begun=record.content.at,
                api=record.api,
            )
            wall, cpu = time.perf_counter(), time.process_time()
            ledger.begin(opening)
            ledger.settle(record.address, record=replace(record, reason=f"for the {number}th time"))
            if number:  # the first keeps a copy of the state and has to copy what was handed out
                walls.append(time.perf_counter() - wall)
                cpus.append(time.process_time() - cpu)
    return Took(statistics.median(walls), statistics.median(cpus), peak())


if __name__ == "__main__":
    tell(measure(Path(sys.argv[1]), int(sys.argv[2])))
