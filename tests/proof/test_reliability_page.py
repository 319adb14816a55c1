"""docs/reliability.md: what it counts is there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_page_counts_the_tests_that_there_are(request: pytest.FixtureRequest) -> None:
    """Each command of the table runs at least as many tests as its row says."""
    page = (ROOT / "docs/reliability.md").read_text()
    rows = re.findall(r"(?m)^\| .* \| (\d+) \| `\.venv/bin/pytest ([^`]+)` \|", page)
    assert len(rows) == page.count("`.venv/bin/pytest ")
    files = [file for _, command in rows for file in command.split()]
    collected = Counter(item.nodeid.partition("::")[0] for item in request.session.items)
    if _short(rows, collected):
        collected = _collected(files)
    assert _short(rows, collected) == []


def _short(rows: Sequence[tuple[str, str]], collected: Counter[str]) -> list[str]:
    """The commands that run fewer tests than their row says."""
    return [
        command for number, command in rows if sum(collected[file] for file in command.split()) < int(number)
    ]


def _collected(files: Sequence[str]) -> Counter[str]:
    """How many tests each file has, where this run is not of all of them."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return Counter(line.partition("::")[0] for line in done.stdout.splitlines() if "::" in line)
