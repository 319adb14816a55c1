"""Pages whose commands are run: their sections, their fenced blocks, and what differs in them from run to run."""

from __future__ import annotations

import re
from collections.abc import Iterator

CHANGING = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID"),
    (r"\b[0-9a-f]{40}\b", "COMMIT"),
    (r"\bplan [0-9a-f]{8}\b", "plan DIGEST"),
    (r"\bPlan: [0-9a-f]{8}\b", "Plan: DIGEST"),
    (r"--expect [0-9a-f]{16}", "--expect DIGEST"),
    (r"in \d+ (weeks?|days?|hours?|minutes?)", "in TIME"),
    (r"tzdata \S+", "tzdata VERSION"),
)
"""What differs from run to run."""


def section(page: str, title: str) -> str:
    """The text under a heading, with the headings below it."""
    found = re.search(rf"(?ms)^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page)
    assert found is not None, title
    return found[1]


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", text)


def steps(text: str) -> Iterator[tuple[str, str]]:
    """Commands with the output that is shown below them, and files as `write`."""
    for language, body in re.findall(r"(?ms)^```(console|yaml)\n(.*?)^```$", text):
        if language == "yaml":
            yield "write", body
            continue
        yield from re.findall(r"(?m)^\$ (.*)\n((?:(?!\$ ).*\n)*)", body)


def settled(text: str) -> str:
    """Text without what differs from run to run."""
    for pattern, word in CHANGING:
        text = re.sub(pattern, word, text)
    return text.strip()
