"""Measuring: processes side by side, in one run on one machine, and ratios of what they took.

The sides of a comparison take turns, round by round, so that a machine that gets slower does so for all of them; a
ratio is made of each round, and the median of those is what counts. Spread: the smallest and the largest.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

ROUNDS = 5
"""The least that counts as measured."""

By = Literal["wall", "cpu", "mebibytes"]


@dataclass(frozen=True, slots=True)
class Took:
    """What a run took: seconds of wall and CPU time (user and system), and its peak memory."""

    wall: float
    cpu: float
    mebibytes: float


Side = Callable[[], Took]
"""Runs once and says what it took."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: `posts` and the other sizes follow from the scale that was asked for."""

    posts: int = 10_000
    growth: int = 10
    uploads: int = 200
    small: int = 5_000_000
    large: int = 500_000_000
    creates: int = 1_000
    actions: int = 200
    rounds: int = ROUNDS
    """Odd, so that there is a middle one; 1: only whether it runs."""
    peers: bool = True
    """Whether tools of others may be run, which are installed by `make bench` alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison: our figure over theirs, round by round, held to a goal.

    `by` is what the goal is about, and the number that is remembered. `most` (or, for what is to be faster, `least`
    of theirs over ours) is the goal.
    """

    name: str
    against: str
    by: By
    ours: Sequence[Took] = ()
    theirs: Sequence[Took] = ()
    most: float | None = None
    least: float | None = None
    scale: float = 1.0
    """What one of ours is divided by, where the two did not do the same amount of work."""
    unit: str = "x"
    note: str = ""
    values: Sequence[float] = field(default=())
    """Figures that are not ratios of two runs, such as mebibytes."""

    def ratios(self, by: By) -> list[float]:
        """Of each round: how many times theirs ours took; the other way round where more is better."""
        if self.values:
            return list(self.values)
        pairs = [
            (getattr(a, by) / self.scale, getattr(b, by)) for a, b in zip(self.ours, self.theirs, strict=True)
        ]
        return [b / a if self.least is not None else a / b for a, b in pairs]

    @property
    def value(self) -> float:
        """The figure that the goal is about."""
        return statistics.median(self.ratios(self.by))

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return (self.most is None or self.value <= self.most) and (
            self.least is None or self.value >= self.least
        )

    @property
    def goal(self) -> str:
        """The goal in words."""
        if self.least is not None:
            return f"at least {self.least:g}{self.unit}"
        return "-" if self.most is None else f"at most {self.most:g}{self.unit}"


def process(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    codes: Iterable[int] = (0,),
) -> Side:
    """A side that is a process of its own, its output thrown away; anything but these exit codes ends the benchmark."""

    def run() -> Took:
        began = time.perf_counter()
        child = subprocess.Popen(
            argv,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert child.stderr is not None
        said = child.stderr.read()
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        child.stderr.close()
        if child.returncode not in codes:
            sys.exit(
                f"{' '.join(argv[:8])} ended with {child.returncode}:\n{said.decode(errors='replace')[-2000:]}"
            )
        return Took(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)

    return run


def reported(argv: Sequence[str], *, env: Mapping[str, str]) -> Side:
    """A side that is a process which says itself what it took, its start not counted: see `told`."""

    def run() -> Took:
        ran = subprocess.run(argv, env=dict(env), stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if ran.returncode:
            sys.exit(f"{' '.join(argv[:8])} ended with {ran.returncode}:\n{ran.stderr.decode()[-2000:]}")
        return Took(**json.loads(ran.stdout))

    return run


def told(work: Callable[[], object]) -> None:
    """Do it and print what it took, as JSON, for `reported`."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    took = Took(time.perf_counter() - wall, time.process_time() - cpu, peak())
    tell(took)


def tell(took: Took) -> None:
    """Print it as JSON, for `reported`."""
    print(json.dumps({"wall": took.wall, "cpu": took.cpu, "mebibytes": took.mebibytes}))


def peak() -> float:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def interleaved(sides: Mapping[str, Side], rounds: int, *, warm: bool = True) -> dict[str, list[Took]]:
    """Each side once a round; where `warm`, a round that is not counted fills caches first."""
    taken: dict[str, list[Took]] = {name: [] for name in sides}
    for number in range(-1 if warm and rounds > 1 else 0, rounds):
        for name, side in sides.items():
            took = side()
            if number >= 0:
                taken[name].append(took)
    return taken


def spread(values: Sequence[float]) -> str:
    """Median, smallest and largest."""
    return f"{_short(statistics.median(values))} ({_short(min(values))}-{_short(max(values))})"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def table(rows: Sequence[Row]) -> str:
    """The rows as a table in markdown."""
    lines = [
        "| what | against | goal | wall | CPU | ours, s (CPU) | theirs, s (CPU) | ours, MiB | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        if row.values:
            cells = [spread(row.values) + f" {row.unit}".rstrip(), "", "", "", ""]
        else:
            cells = [
                spread(row.ratios("wall")) if row.by != "mebibytes" else spread(row.ratios("mebibytes")),
                spread(row.ratios("cpu")) if row.by != "mebibytes" else "",
                _seconds(row.ours),
                _seconds(row.theirs),
                _short(statistics.median(each.mebibytes for each in row.ours)),
            ]
        judged = "" if row.most is None and row.least is None else "met" if row.met else "**missed**"
        lines.append(
            f"| {row.name} | {row.against} | {row.goal} | {' | '.join(cells)} | {judged} {row.note}".rstrip()
            + " |"
        )
    return "\n".join(lines)


def _seconds(took: Sequence[Took]) -> str:
    wall, cpu = (statistics.median(getattr(each, by) for each in took) for by in ("wall", "cpu"))
    return f"{_short(wall)} ({_short(cpu)})"
