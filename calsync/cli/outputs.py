"""What a command writes to files besides stdout: each whole or not at all, and readable by its owner alone."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from calsync.errors import CalsyncError, UsageProblem


@dataclass(frozen=True, slots=True)
class Output:
    """One file to be written: the option that names it, and its path as it was typed."""

    option: str
    path: str

    @property
    def target(self) -> Path:
        """The file itself: a symbolic link is followed, not replaced."""
        return Path(os.path.realpath(self.path))

    def check(self) -> None:
        """Try whether it can be written, and leave nothing behind. Raises CalsyncError (code `out`)."""
        try:
            if self.target.is_dir():
                raise IsADirectoryError(None, "it is a directory")
            if not self._special():
                handle, name = self._beside()
                os.close(handle)
                Path(name).unlink()
        except OSError as error:
            raise self._refused(error) from error

    def write(self, text: str) -> None:
        """Write it. Raises CalsyncError (code `out`); then a file that was there before is as it was."""
        try:
            if self._special():
                self.target.write_text(text, encoding="utf-8")
                return
            handle, name = self._beside()
            try:
                with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                    stream.write(text)
                    stream.flush()
                    os.fsync(stream.fileno())
                Path(name).replace(self.target)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise self._refused(error) from error

    def _special(self) -> bool:
        """A device or a pipe: it is written to, and must not be replaced by a file."""
        return self.target.exists() and not self.target.is_file()

    def _beside(self) -> tuple[int, str]:
        return tempfile.mkstemp(dir=self.target.parent, prefix=f".{self.target.name[:100]}.")

    def _refused(self, error: OSError) -> CalsyncError:
        reason = (error.strerror or "no reason given").lower()
        return CalsyncError(
            f"{self.path} cannot be written: {reason}",
            hint=f"give {self.option} a file in a directory that is there and may be written to",
            code="out",
        )


def outputs(given: Mapping[str, str | None]) -> dict[str, Output]:
    """The files that options name, each tried before anything else is done.

    Raises UsageProblem where two name one file, CalsyncError (code `out`) where one cannot be written.
    """
    asked = {option: Output(option, path) for option, path in given.items() if path is not None}
    for one, other in itertools.combinations(asked.values(), 2):
        if _same(one.target, other.target):
            raise UsageProblem(
                f"{one.option} and {other.option} name the same file: {other.path}",
                hint="give each a file of its own",
            )
    for each in asked.values():
        each.check()
    return asked


def _same(one: Path, other: Path) -> bool:
    try:
        return one == other or one.samefile(other)
    except OSError:
        return False
