"""Keeping under a service's documented rates: at most so many requests of a class in any minute, or another span."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from calsync.model import Rate, Rates

MINUTE = 60.0

_POLL = 0.05
"""How often to look again where every place is held by a request that is still under way."""


class _Place:
    """One request's place in the window: held while it is under way, then from its end on for a window."""

    __slots__ = ("ended",)

    def __init__(self) -> None:
        self.ended: float | None = None


class Pacer:
    """A sliding window per class, shared by all threads: bursts up to the number, never more in any window.

    A request counts from when it is sent until a window after its end, because the service may have counted it
    at any moment in between. `rates` are by class, plain numbers per minute; `all` is for all classes together; a
    class that neither names is not paced. `rest` sleeps and raises Interrupted when the run is to stop.
    """

    def __init__(self, rates: Rates, *, clock: Callable[[], float], rest: Callable[[float], None]) -> None:
        self._rates = {name: Rate.of(each) for name, each in rates.items()}
        self._clock = clock
        self._rest = rest
        self._lock = threading.Lock()
        self._places: dict[str, list[_Place]] = {name: [] for name in self._rates}
        self._resume = float("-inf")
        self._resume_class: dict[str, float] = {}

    @contextmanager
    def place(self, klass: str | None) -> Iterator[None]:
        """Wait for a place in the window and hold it. Raises Interrupted instead of waiting on a stopped run."""
        held = self._take(klass)
        try:
            yield
        finally:
            held.ended = self._clock()

    def window(self, klass: str | None) -> float:
        """The longest span, in seconds, in which a service counts requests of a class; a minute where nobody says."""
        return max([MINUTE, *(self._rates[name].seconds for name in self._names(klass))])

    def pause(self, seconds: float, klass: str | None = None) -> None:
        """Let nobody pass for so long, or nobody of a class: the service said that it had enough (429)."""
        with self._lock:
            until = self._clock() + seconds
            if klass is None:
                self._resume = max(self._resume, until)
            else:
                self._resume_class[klass] = max(self._resume_class.get(klass, until), until)

    def _names(self, klass: str | None) -> list[str]:
        return [name for name in (klass, "all") if name in self._rates] if klass else []

    def _take(self, klass: str | None) -> _Place:
        names = self._names(klass)
        while True:
            with self._lock:
                now = self._clock()
                # Without a class it goes to the service's storage, a host of its own: no rates, no pauses.
                wait = max(self._resume, self._resume_class.get(klass, self._resume)) - now if klass else 0.0
                wait = max([wait, *(self._wait(name, now) for name in names)])
                if wait <= 0:
                    mine = _Place()
                    for name in names:
                        self._places[name].append(mine)
                    return mine
            self._rest(wait)

    def _wait(self, name: str, now: float) -> float:
        rate = self._rates[name]
        places = [
            each for each in self._places[name] if each.ended is None or each.ended > now - rate.seconds
        ]
        self._places[name] = places
        if len(places) < rate.most:
            return 0.0
        ends = [each.ended for each in places if each.ended is not None]
        return min(ends) + rate.seconds - now if ends else _POLL
