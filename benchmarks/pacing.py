"""An apply under Postqued's documented rate, on a clock that only moves by waiting, against what the rate allows.

So many requests a minute in any minute take (requests / rate, rounded up, less one) minutes and nothing less.

Profile: there is nothing to profile: what is measured is waiting.
"""

from __future__ import annotations

import io
import math
import threading
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

from benchmarks import ground
from benchmarks.measure import Plan, Row

RATE = 10
"""Publish requests a minute, as Postqued documents them."""
_LULL = 0.05
"""Seconds of real time in which requests under way come to their end, before a sleeper moves the clock."""


class Clock:
    """Moves by sleeping alone: to where the sleeper that it moves for wants to wake."""

    def __init__(self) -> None:
        self.now = 0.0
        self._lock = threading.Lock()
        self._looked = threading.local()

    def __call__(self) -> float:
        """The present, in seconds."""
        self._looked.at = self.now
        return self.now

    def sleep(self, seconds: float) -> None:
        """Sleep from when this thread last looked."""
        time.sleep(_LULL)
        with self._lock:
            self.now = max(self.now, self._looked.at + seconds)


def rows(plan: Plan, folder: Path) -> Iterator[Row]:
    """One run: simulated time does not vary with the machine."""
    from calsync.cli.group import Common, run
    from calsync.sandbox import Sandbox
    from calsync.transport import Transport

    root = ground.by_id(folder / "pacing", plan.creates // 10 or 1)
    path = root / "calsync.yaml"
    path.write_text(
        path.read_text().replace(f", rate_limits: {ground.RATES}", "")
    )  # those that are documented
    clock, said = Clock(), io.StringIO()
    with Sandbox(rate_limits=False) as box, redirect_stdout(said), redirect_stderr(said):
        world = Common(
            environ=ground.environment(folder, **box.environment),
            transport=partial(Transport, clock=clock, sleep=clock.sleep),
        )
        code = run(["-C", str(root), "apply", "--yes"], world=world)
        sent = sum(each["write"] for each in box.requests())
    if code or sent != (plan.creates // 10 or 1):
        raise SystemExit(f"apply ended with {code} after {sent} writes:\n{said.getvalue()[-2000:]}")
    bound = (math.ceil(sent / RATE) - 1) * 60 or 60
    yield Row(
        name=f"apply of {sent:,} creates at {RATE} a minute",
        against="what the rate allows",
        by="wall",
        values=[clock.now / bound if clock.now else 0.0],
        most=1.02,
    )
