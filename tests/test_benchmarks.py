"""The benchmarks run: every program, at sizes that measure nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import PROGRAMS
from benchmarks.measure import Row, Took, table

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_every_program_prints_its_table() -> None:
    """Whoever changes what a benchmark uses finds out here, not on the day when figures are wanted."""
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--tiny"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert sum(line.startswith("| ") for line in lines) >= 2 + len(PROGRAMS), ran.stdout
    for words in (
        "--version",
        "validate",
        "plan",
        "memory",
        "apply",
        "upload",
        "a minute",
        "writing an action",
    ):
        assert any(words in line for line in lines), words


def test_a_ratio_is_of_rounds() -> None:
    """Each round has its own ratio and their median counts, so that a slow minute does not decide."""
    ours = [Took(2, 2, 10), Took(30, 30, 10), Took(2.2, 2.2, 10)]
    theirs = [Took(1, 1, 10), Took(10, 10, 10), Took(1, 1, 10)]
    row = Row(name="a", against="b", by="wall", ours=ours, theirs=theirs, most=2)
    assert row.value == 2.2
    assert not row.met
    assert "2.2 (2-3)" in table([row])


def test_where_more_is_better_the_ratio_is_turned() -> None:
    """At least five times faster: theirs over ours."""
    row = Row(name="a", against="b", by="cpu", ours=[Took(1, 1, 1)], theirs=[Took(6, 6, 1)], least=5)
    assert (row.value, row.met) == (6, True)
