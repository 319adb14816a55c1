"""Ctrl-C and SIGTERM, from the first import to the last word. Imports next to nothing."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


class StopSign:
    """Tells all threads of a run to begin nothing more, and wakes those that wait.

    A thread that is in the middle of what must not stay half done does not see it until that is done.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._mine = threading.local()
        self._guard: Callable[[], None] | None = None

    def set(self) -> None:
        """Ask the run to end."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether this thread is to end."""
        return self._event.is_set() and not self._busy()

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep so many seconds, or until this thread is to end; whether it is."""
        if self._busy() and timeout is not None:
            time.sleep(timeout)
            return False
        return self._event.wait(timeout)

    def awake(self) -> None:
        """Ask the guard, after a long sleep and before anything is sent."""
        if self._guard is not None:
            self._guard()

    @contextmanager
    def guarded(self, guard: Callable[[], None]) -> Iterator[None]:
        """Have it asked meanwhile; it raises where the run may not go on, since somebody else has taken over."""
        self._guard = guard
        try:
            yield
        finally:
            self._guard = None

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """Do what must not stay half done: this thread does not see the sign meanwhile."""
        self._mine.busy = True
        try:
            yield
        finally:
            self._mine.busy = False

    def _busy(self) -> bool:
        return getattr(self._mine, "busy", False)
