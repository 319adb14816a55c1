"""What an apply says on stderr while it works: a bar per upload on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from calsync.cli.printing import err
from calsync.plan import Action
from calsync.plan.outcome import Outcome, OutcomeKind

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Lines:
    """One line per finished action and per uploaded file; for CI and pipes."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def uploading(self, path: str, sent: int, size: int) -> None:
        """Say when a file is up."""
        if sent >= size and not self._quiet:
            from calsync.render.facts import size as spelled
            from calsync.render.safe import terminal

            err(f"uploaded {terminal(path)}, {spelled(size)}")

    def finished(self, action: Action, outcome: Outcome) -> None:
        """Say what became of an action."""
        if not self._quiet:
            err(line(action, outcome))

    def shown(self) -> AbstractContextManager[Any]:
        """Nothing to set up."""
        return nullcontext()


class Bars:
    """Uploads as bars with bytes, rate and time left; finished actions as lines above them."""

    def __init__(self, *, colour: bool) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._progress: Progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True, no_color=not colour, highlight=False, markup=False),
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def uploading(self, path: str, sent: int, size: int) -> None:
        """Move the file's bar."""
        from calsync.render.safe import terminal

        with self._lock:
            if path not in self._tasks:
                self._tasks[path] = self._progress.add_task(terminal(path), total=size)
            self._progress.update(self._tasks[path], completed=sent)
            if sent >= size:
                self._progress.update(self._tasks.pop(path), visible=False)

    def finished(self, action: Action, outcome: Outcome) -> None:
        """Say what became of an action."""
        self._progress.console.print(line(action, outcome))

    def shown(self) -> AbstractContextManager[Any]:
        """The bars, for as long as the apply goes on."""
        return self._progress


def watcher(*, quiet: bool, colour: bool) -> Lines | Bars:
    """Bars on a terminal, lines elsewhere."""
    return Bars(colour=colour) if sys.stderr.isatty() and not quiet else Lines(quiet=quiet)


def line(action: Action, outcome: Outcome) -> str:
    """One finished action in a line."""
    from calsync.render.safe import terminal

    words = f"{outcome.kind.value}: {action.kind.value} {action.address}"
    if outcome.kind is not OutcomeKind.DONE and outcome.error:
        words += f": {outcome.error}"
    return terminal(words)
