"""The sandbox's clock: it starts at the real time, can be moved, and goes on from wherever it is put."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

from calsync.sandbox.wire import to_ms


class Clock:
    """Instants of the sandbox. Rate limits do not use it: they protect a real service in real time."""

    def __init__(self) -> None:
        """Start at the real time."""
        self._lock = threading.Lock()
        self.set_now(datetime.now(UTC))

    def now_ms(self) -> int:
        """Tell the time in milliseconds since 1970, UTC."""
        with self._lock:
            return self._base_ms + int((time.monotonic() - self._mark) * 1000)

    def set_now(self, now: datetime) -> None:
        """Put the clock to an aware datetime."""
        base = to_ms(now)
        with self._lock:
            self._base_ms, self._mark = base, time.monotonic()

    def advance(self, span: timedelta) -> None:
        """Move the clock on by a span, or back by a negative one."""
        with self._lock:
            self._base_ms += span // timedelta(milliseconds=1)
