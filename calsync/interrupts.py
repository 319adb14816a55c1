"""Ctrl-C and SIGTERM, from the first import to the last word. Imports next to nothing."""

from __future__ import annotations

import signal
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM)

heard: list[int] = []
"""The signals that have arrived. What is raised after one may be its KeyboardInterrupt in disguise: an import
that it breaks off ends in whatever the half-imported module makes of it."""


def listen() -> None:
    """Let both end the run by KeyboardInterrupt: a CI runner that cancels a job sends SIGTERM."""
    for number in NUMBERS:
        signal.signal(number, _interrupt)


def settle() -> None:
    """What the run came to is settled: no signal may change it while Python clears up."""
    for number in NUMBERS:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(number: int, _: FrameType | None) -> None:
    heard.append(number)
    raise KeyboardInterrupt
