"""python -m benchmarks [--quick | --tiny] [--only NAME] [--record]: every comparison, as one table."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from benchmarks.measure import Plan, Row, table

PROGRAMS = ("startup", "validate", "planning", "growth", "journal", "applying", "uploading", "pacing")
RECORDED = Path(__file__).with_name("recorded.json")
WORSE = 1.2
"""So many times worse than the recorded figure is worth a word."""

SCALES = {
    "full": Plan(),
    "quick": Plan(posts=2_000, growth=5, uploads=40, large=100_000_000, creates=200, actions=50),
    "tiny": Plan(
        posts=10,
        growth=2,
        uploads=3,
        small=10_000,
        large=100_000,
        creates=10,
        actions=3,
        rounds=1,
        peers=False,
    ),
}


def main() -> int:
    """Run, print, compare; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    scale = parser.add_mutually_exclusive_group()
    scale.add_argument(
        "--quick", dest="scale", action="store_const", const="quick", help="a fifth of the sizes"
    )
    scale.add_argument(
        "--tiny", dest="scale", action="store_const", const="tiny", help="only whether it runs"
    )
    parser.add_argument("--only", action="append", choices=PROGRAMS, help="these alone")
    parser.add_argument(
        "--record", action="store_true", help="remember these figures as those to compare with"
    )
    chosen = parser.parse_args()
    name = chosen.scale or "full"
    rows: list[Row] = []
    began = time.monotonic()
    # Memory where there is a file system in it: the disk is not what is compared.
    shared = Path("/dev/shm")
    home = shared if os.access(shared, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="calsync-bench-", dir=home) as folder:
        for program in chosen.only or PROGRAMS:
            print(f"{program} ...", file=sys.stderr, flush=True)
            found = list(importlib.import_module(f"benchmarks.{program}").rows(SCALES[name], Path(folder)))
            rows += found
            if name != "tiny":
                print(table(found), file=sys.stderr, flush=True)
    print(f"{_here()}; scale: {name}; {time.monotonic() - began:.0f} s\n")
    print(table(rows))
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    if name != "tiny":
        _compare(rows, recorded.get(name, {}))
    if chosen.record:
        recorded[name] = {**recorded.get(name, {}), **{_key(row): round(row.value, 3) for row in rows}}
        RECORDED.write_text(json.dumps(recorded, indent=2, sort_keys=True) + "\n")
    return 0


def _key(row: Row) -> str:
    return f"{row.name} / {row.against} ({row.by})"


def _compare(rows: Sequence[Row], recorded: dict[str, float]) -> None:
    """Say what got worse since it was recorded, and what misses its goal."""
    for row in rows:
        before = recorded.get(_key(row))
        if before is not None:
            worse = before / row.value if row.least is not None else row.value / before
            if worse > WORSE:
                print(f"\nworse: {_key(row)}: {row.value:.3g} now, {before:.3g} recorded")
    missed = [row for row in rows if not row.met]
    print(
        f"\n{len(rows) - len(missed)} of {len(rows)} goals met"
        + "".join(f"\nmissed: {_key(row)}" for row in missed)
    )


def _here() -> str:
    """The machine and the versions, for whoever reads the figures later."""
    cpu = platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), cpu)
    versions = [f"CPython {platform.python_version()}"]
    for name in ("PyYAML", "pydantic", "httpx", "octodns"):
        with suppress(metadata.PackageNotFoundError):
            versions.append(f"{name} {metadata.version(name)}")
    return (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} x {cpu}, {platform.system()}, {', '.join(versions)}"
    )


if __name__ == "__main__":
    sys.exit(main())
