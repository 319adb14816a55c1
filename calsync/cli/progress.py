"""What an apply says on stderr while it works: a bar per upload on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from calsync.cli.printing import err
from calsync.model import MediaFile
from calsync.plan import Action
from calsync.plan.outcome import Outcome, OutcomeKind
from calsync.stores.base import Holder

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


MOST_NAMED = 3
"""Actions and files that are named where there are more."""


class UnderWay:
    """What is in flight, for a person who wants to stop it. Takes no lock: a signal may ask at any moment."""

    def __init__(self) -> None:
        self._actions: dict[str, str] = {}
        self._files: dict[str, tuple[int, int]] = {}

    def begun(self, action: Action) -> None:
        """An action is in flight from now on."""
        self._actions[str(action.address)] = action.kind.value

    def finished(self, action: Action) -> None:
        """It is no more."""
        self._actions.pop(str(action.address), None)

    def uploading(self, path: str, sent: int, size: int) -> None:
        """So much of a file has gone up."""
        if sent < size:
            self._files[path] = (sent, size)
        else:
            self._files.pop(path, None)

    def words(self) -> str:
        """All of it, on one line."""
        from calsync.render.facts import size as spelled
        from calsync.render.safe import terminal

        named = [f"{kind} {address}" for address, kind in list(self._actions.items())]
        files = [
            f"{path} ({spelled(sent)} of {spelled(size)})" for path, (sent, size) in list(self._files.items())
        ]
        if not named and not files:
            return "what is in flight"
        cut = [*named[:MOST_NAMED], *([f"{len(named) - MOST_NAMED} more"] if len(named) > MOST_NAMED else [])]
        cut += [f"the upload of {each}" for each in files[:MOST_NAMED]]
        return terminal(", ".join(cut))


class Lines:
    """One line per finished action and per uploaded file; for CI and pipes."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self.under_way = UnderWay()

    def waiting(self, holder: Holder | None) -> None:
        """Say who is waited for."""
        _waiting(holder, quiet=self._quiet)

    def fetching(self, files: Sequence[MediaFile]) -> None:
        """Say what is fetched from Git LFS."""
        _fetching(files, quiet=self._quiet)

    def begun(self, action: Action) -> None:
        """An action is in flight."""
        self.under_way.begun(action)

    def uploading(self, path: str, sent: int, size: int) -> None:
        """Say when a file is up."""
        self.under_way.uploading(path, sent, size)
        if sent >= size and not self._quiet:
            from calsync.render.facts import size as spelled
            from calsync.render.safe import terminal

            err(f"uploaded {terminal(path)}, {spelled(size)}")

    def finished(self, action: Action, outcome: Outcome) -> None:
        """Say what became of an action."""
        self.under_way.finished(action)
        if not self._quiet:
            err(line(action, outcome))

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Lines need nothing to be put up or taken away."""
        yield


class Bars:
    """Uploads as bars with bytes, rate and time left; finished actions as lines above them.

    The bars begin with the first upload: until then there may be a question on the terminal.
    """

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()
        self.under_way = UnderWay()

    def waiting(self, holder: Holder | None) -> None:
        """Say who is waited for."""
        _waiting(holder, quiet=False)

    def fetching(self, files: Sequence[MediaFile]) -> None:
        """Say what is fetched from Git LFS."""
        _fetching(files, quiet=False)

    def begun(self, action: Action) -> None:
        """An action is in flight."""
        self.under_way.begun(action)

    def uploading(self, path: str, sent: int, size: int) -> None:
        """Move the file's bar."""
        self.under_way.uploading(path, sent, size)
        from calsync.render.safe import terminal

        with self._lock:
            if self._progress is None:
                self._progress = _bars(colour=self._colour)
                self._progress.start()
            if path not in self._tasks:
                self._tasks[path] = self._progress.add_task(terminal(path), total=size)
            self._progress.update(self._tasks[path], completed=sent)
            if sent >= size:
                self._progress.update(self._tasks.pop(path), visible=False)

    def finished(self, action: Action, outcome: Outcome) -> None:
        """Say what became of an action."""
        self.under_way.finished(action)
        with self._lock:
            if self._progress is None:
                err(line(action, outcome))
            else:
                self._progress.console.print(line(action, outcome), soft_wrap=True)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Let the bars go when the apply ends."""
        try:
            yield
        finally:
            if self._progress is not None:
                self._progress.stop()


def _waiting(holder: Holder | None, *, quiet: bool) -> None:
    if not quiet:
        from calsync.render.safe import terminal

        run = f", {holder.run}" if holder is not None and holder.run else ""
        who = f"pid {holder.pid} on {holder.host}{run}" if holder is not None else "another process"
        err(terminal(f"waiting for {who} to finish with the state"))


def _fetching(files: Sequence[MediaFile], *, quiet: bool) -> None:
    if not quiet:
        from calsync.render.facts import number
        from calsync.render.facts import size as spelled

        err(
            f"fetching {number(len(files), 'file')}, {spelled(sum(each.size for each in files))}, from Git LFS"
        )


def _bars(*, colour: bool) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True, no_color=not colour, highlight=False, markup=False),
        transient=True,
        redirect_stdout=False,  # stdout may be a file, and what goes there is the result
    )


def watcher(*, quiet: bool, colour: bool) -> Lines | Bars:
    """Bars on a terminal, lines elsewhere."""
    return Bars(colour=colour) if sys.stderr.isatty() and not quiet else Lines(quiet=quiet)


def line(action: Action, outcome: Outcome) -> str:
    """One finished action in a line."""
    from calsync.render.safe import terminal

    kind = "" if action.kind.value == outcome.kind.value else f"{action.kind.value} "
    words = f"{outcome.kind.value}: {kind}{action.address}"
    if outcome.kind is not OutcomeKind.DONE and outcome.error:
        words += f": {outcome.error}"
    return terminal(words)
