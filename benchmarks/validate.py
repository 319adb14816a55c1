"""`calsync validate` against what it costs to hear libyaml's events of the same files, and to load them with PyYAML.

Profile: python -m cProfile -s tottime -m calsync validate | head -60
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import ground
from benchmarks.measure import Plan, Row, interleaved, process

_EVENTS = """\
import pathlib, sys
from yaml._yaml import CParser
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.yaml")):
    parser = CParser(path.read_bytes())
    while parser.get_event() is not None:
        pass
"""
_LOADED = """\
import pathlib, sys, yaml
kept = [yaml.load(path.read_bytes(), yaml.CSafeLoader) for path in sorted(pathlib.Path(sys.argv[1]).glob("*.yaml"))]
"""


def rows(plan: Plan, folder: Path) -> Iterator[Row]:
    """The whole command, imports and rules and media included, against one thing that it does among others."""
    root = ground.project(folder / f"posts-{plan.posts}", plan.posts)
    env = ground.environment(folder)
    taken = interleaved(
        {
            "events": process([sys.executable, "-c", _EVENTS, str(root / "calendars")], env=env),
            "ours": process([*ground.calsync(), "validate"], env=env, cwd=root),
            "loaded": process([sys.executable, "-c", _LOADED, str(root / "calendars")], env=env),
        },
        plan.rounds,
    )
    what = f"`calsync validate`, {plan.posts:,} posts"
    yield Row(
        name=what, against="libyaml's events", by="cpu", ours=taken["ours"], theirs=taken["events"], most=1.8
    )
    yield Row(
        name=what,
        against="PyYAML's CSafeLoader",
        by="cpu",
        ours=taken["ours"],
        theirs=taken["loaded"],
        most=1,
    )
