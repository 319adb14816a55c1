"""docs/reliability.md: what it counts is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_counts_the_tests_that_there_are() -> None:
    """Each command of the table runs at least as many tests as its row says."""
    page = (ROOT / "docs/reliability.md").read_text()
    rows = re.findall(r"(?m)^\| .* \| (\d+) \| `\.venv/bin/pytest ([^`]+)` \|", page)
    assert len(rows) == page.count("`.venv/bin/pytest ")
    files = [file for _, command in rows for file in command.split()]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    collected = [line.partition("::")[0] for line in done.stdout.splitlines() if "::" in line]
    for number, command in rows:
        assert sum(collected.count(file) for file in command.split()) >= int(number), command
