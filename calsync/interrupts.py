"""Ctrl-C and SIGTERM, from the first import to the last word. Imports next to nothing."""

from __future__ import annotations

import signal
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Ears:
    """Hears both signals for a whole run."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        """What has arrived. What is raised after a signal may be its KeyboardInterrupt in disguise: an import
        that it breaks off ends in whatever the half-imported module makes of it."""

    def listen(self) -> None:
        """Let both end the run by KeyboardInterrupt: a CI runner that cancels a job sends SIGTERM."""
        for number in NUMBERS:
            signal.signal(number, self._interrupt)

    def settle(self) -> None:
        """What the run came to is settled: no signal may change it while Python clears up."""
        for number in NUMBERS:
            signal.signal(number, signal.SIG_IGN)

    def _interrupt(self, number: int, _: FrameType | None) -> None:
        self.heard.append(number)
        raise KeyboardInterrupt
