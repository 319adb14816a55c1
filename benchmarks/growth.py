"""`calsync plan --refresh off` of ten times as many posts: time and memory have to grow by as much and no more.

Profile: python -m cProfile -s tottime -m calsync plan | head -60
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks import ground
from benchmarks.measure import Plan, Row, interleaved, process

MOST = 1.05
"""Of what is proportional: 10.5 times for ten times as many."""


def rows(plan: Plan, folder: Path) -> Iterator[Row]:
    """The same project in two sizes."""
    few, many = plan.posts, plan.posts * plan.growth
    small, large = (ground.project(folder / f"posts-{posts}", posts) for posts in (few, many))
    command = [*ground.calsync(), "plan", "--quiet", "--refresh", "off"]
    env = ground.environment(folder, POSTQUED_API_KEY="not-asked")
    for root in (small, large):
        ground.settle(root)
        if plan.rounds > 1:
            process(
                command, env=env, cwd=root
            )()  # what is found out of media is kept for the rounds that count
    sides = {"few": process(command, env=env, cwd=small), "many": process(command, env=env, cwd=large)}
    taken = interleaved(sides, plan.rounds, warm=False)
    name, most = f"`calsync plan --refresh off`, {many:,} posts", MOST * plan.growth
    yield Row(
        name=name, against=f"{few:,} posts", by="cpu", ours=taken["many"], theirs=taken["few"], most=most
    )
    yield Row(
        name=f"memory of that, {many:,} posts",
        against=f"{few:,} posts",
        by="mebibytes",
        ours=taken["many"],
        theirs=taken["few"],
        most=most,
    )
