"""Rate limits: so many requests of a class in any 60 real seconds (Postiz: in any hour), by one key.

Postqued v1's skill file documents 20 uploads, 30 reads, 10 publishes and 20 deletes a minute; TikFlow's
overview 100 requests a minute for an API key of the Professional plan. How the real services count (window,
refused requests, scope) is not documented: here the window slides and refused requests do not count. Postiz
counts 90 writes of posts an hour (measured), refused ones too but for those that are over the limit.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from dataclasses import dataclass

DOCUMENTED = {
    "upload": 20,
    "read": 30,
    "publish": 10,
    "delete": 20,
    "tikflow": 100,
    "postiz": 90,
    "postiz_seconds": 3600,
}
"""Requests a minute by name of the limit; Postiz's are in so many seconds as stand beside them."""

_WINDOW = 60


@dataclass(frozen=True, slots=True)
class Verdict:
    """A limit, how many more requests may follow now, and the seconds to wait where this one may not.

    ``reset``: in how many seconds the first place is free again; ``window``: in how many all are.
    """

    limit: int
    remaining: int
    retry_after: int | None
    reset: int
    window: int


class Limits:
    """Counts requests in real (monotonic) time, whatever the sandbox's clock says."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._lock = threading.Lock()
        self._seen: dict[str, deque[float]] = {}

    def judge(self, name: str, setting: bool | dict[str, int], *, count: bool = True) -> Verdict:
        """Count a request against a limit by name, unless it is over it or only asks (``count=False``)."""
        numbers = DOCUMENTED | setting if isinstance(setting, dict) else DOCUMENTED
        limit, window = numbers[name], numbers.get(f"{name}_seconds", _WINDOW)
        if setting is False:
            return Verdict(limit, limit, None, window, window)
        now = time.monotonic()
        with self._lock:
            seen = self._seen.setdefault(name, deque())
            while seen and seen[0] <= now - window:
                seen.popleft()
            if count and len(seen) >= limit:
                # A limit of zero never frees a place; a whole window is the honest wait then.
                wait = seen[0] + window - now if seen else window
                return Verdict(limit, 0, max(1, math.ceil(wait)), math.ceil(wait), window)
            if count:
                seen.append(now)
            reset = math.ceil(seen[0] + window - now) if seen else 0
            return Verdict(limit, max(0, limit - len(seen)), None, reset, window)

    def clear(self) -> None:
        """Forget what was counted."""
        with self._lock:
            self._seen.clear()
