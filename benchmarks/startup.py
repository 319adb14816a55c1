"""How long it takes until something is said: --version, --help, and the completion of a command's name.

Profile: python -X importtime -m calsync --help 2>&1 | sort -t'|' -k2 -n | tail -30
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import ground
from benchmarks.measure import Plan, Row, interleaved, process


def rows(plan: Plan, folder: Path) -> Iterator[Row]:
    """Each against an interpreter that does nothing."""
    env = ground.environment(folder)
    completion = {**env, "_CALSYNC_COMPLETE": "bash_complete", "COMP_WORDS": "calsync pl", "COMP_CWORD": "1"}
    calsync = ground.calsync()
    taken = interleaved(
        {
            "pass": process([sys.executable, "-c", "pass"], env=env),
            "version": process([*calsync, "--version"], env=env),
            "help": process([*calsync, "--help"], env=env),
            "completion": process(calsync, env=completion),
        },
        2 * plan.rounds - 1,
    )
    for name, words, most in (
        ("version", "`calsync --version`", 1.5),
        ("help", "`calsync --help`", 5.5),
        ("completion", "completion of a command's name", 5.5),
    ):
        yield Row(
            name=words,
            against="`python -c pass`",
            by="cpu",
            ours=taken[name],
            theirs=taken["pass"],
            most=most,
        )
