"""Which files are calendars: the project file's globs, expanded the same way on every machine."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from fnmatch import translate
from pathlib import Path
from typing import NamedTuple

from calsync.errors import Diagnostic, Severity, Source
from calsync.inside import Outside, locate
from calsync.settings import Settings
from calsync.textfile import name_of, shown

MAX_FILES = 10_000
"""Calendars of one project; a glob that matches more than that was not meant so."""

_MAGIC = re.compile(r"[*?\[]")
_ABSENT = (FileNotFoundError, NotADirectoryError)

_Report = Callable[[Severity, str, str, "str | None"], None]


def calendar_files(settings: Settings) -> tuple[list[Path], list[Diagnostic]]:
    """The calendar files in the order of their names, each once, and what is wrong with the globs.

    Hidden files are matched only by a pattern that starts with a dot; `**` does not follow links, and what leads
    out of the project is an error. So is what cannot be looked at: its posts must not seem to be gone.
    """
    found: dict[str, Path] = {}  # by real path: a link to a calendar is that calendar, not a second one
    problems: list[Diagnostic] = []
    source = settings.sources.get("calendars", Source(file=settings.file, line=1))
    project_file = os.path.realpath(settings.root / settings.file)

    def report(severity: Severity, code: str, message: str, hint: str | None = None) -> None:
        problems.append(Diagnostic(severity=severity, code=code, message=message, hint=hint, source=source))

    for pattern in settings.calendars:
        parts = [part for part in pattern.replace("\\", "/").split("/") if part not in ("", ".")]
        if pattern.startswith(("/", "\\", "~")) or ".." in parts or re.match("[A-Za-z]:", pattern):
            hint = "globs are relative to the project file and stay inside its directory"
            report(Severity.ERROR, "outside", f"the glob {shown(pattern)} leads out of the project", hint)
            continue
        parts = [
            part for index, part in enumerate(parts) if part != "**" or parts[index - 1 : index] != ["**"]
        ]
        matched = False
        for path in _Glob(settings.root, report).files(tuple(parts)):
            try:
                real = locate(path, settings.root).real
            except Outside as error:
                _astray(report, path, settings.root, error)
                continue
            except OSError as error:
                reason = (error.strerror or "no reason given").lower()
                message = f"{name_of(path, settings.root)} cannot be looked at: {reason}"
                report(Severity.ERROR, "unreadable", message, "try again once nothing writes there")
                continue
            if real == project_file:
                continue
            matched = True
            known = found.get(real)
            if known is None or (known.is_symlink() and not path.is_symlink()):
                found[real] = path
            if len(found) > MAX_FILES:
                message = f"the glob {shown(pattern)} matches more than {MAX_FILES:,} files"
                report(Severity.ERROR, "too-many", message, "name the folder that holds the calendars")
                return [], problems
        if not matched:
            hint = "no calendar means no posts; check the spelling"
            report(Severity.WARNING, "no-match", f"the glob {shown(pattern)} matches no file", hint)
    return sorted(found.values(), key=lambda path: path.relative_to(settings.root).as_posix()), problems


def _astray(report: _Report, path: Path, root: Path, error: Outside) -> None:
    report(Severity.ERROR, "outside", f"{name_of(path, root)} {error}", "copy the file here")


class _Item(NamedTuple):
    name: str
    folder: bool
    link: bool


class _Glob:
    """Expands one pattern. Each folder is looked at once per part of it, whatever ways and links lead there."""

    def __init__(self, root: Path, report: _Report) -> None:
        self._root = root
        self._report = report
        self._seen: set[tuple[str, tuple[str, ...]]] = set()
        self._items: dict[str, list[_Item]] = {}

    def files(self, parts: tuple[str, ...]) -> Iterator[Path]:
        """The files of the project that match."""
        waiting = [(self._root, parts)] if parts else []
        while waiting:
            folder, left = waiting.pop()
            if (str(folder), left) in self._seen:
                continue
            self._seen.add((str(folder), left))
            head, rest = left[0], left[1:]
            if head == "**":
                waiting.append((folder, rest or ("*",)))
                for each in self._list(folder):
                    if each.folder and not each.link and not each.name.startswith("."):
                        waiting.append((folder / each.name, left))
                continue
            for each in self._matching(folder, head):
                if rest and each.folder:
                    below = folder / each.name
                    real = self._real(below) if each.link else below
                    if real is not None:
                        waiting.append((real, rest))
                elif not rest and not each.folder:
                    yield folder / each.name

    def _real(self, path: Path) -> Path | None:
        """Where a link to a folder leads."""
        try:
            return Path(locate(path, self._root).real)
        except Outside as error:
            _astray(self._report, path, self._root, error)
            return None

    def _matching(self, folder: Path, head: str) -> Iterator[_Item]:
        if not _MAGIC.search(head):
            path = folder / head
            try:
                os.lstat(path)
            except (*_ABSENT, ValueError):
                return
            except OSError as error:
                self._unseen(path, error)
                return
            yield _Item(head, path.is_dir(), path.is_symlink())
            return
        matches = re.compile(translate(head)).match
        for each in self._list(folder):
            if matches(each.name) and (head.startswith(".") or not each.name.startswith(".")):
                yield each

    def _list(self, folder: Path) -> list[_Item]:
        """What a folder holds, in order; what is not there holds nothing."""
        key = str(folder)
        if key not in self._items:
            self._items[key] = []
            try:
                with os.scandir(folder) as entries:
                    self._items[key] = sorted(
                        _Item(each.name, _is_folder(each), each.is_symlink()) for each in entries
                    )
            except _ABSENT:
                pass
            except OSError as error:
                self._unseen(folder, error)
        return self._items[key]

    def _unseen(self, path: Path, error: OSError) -> None:
        reason = (error.strerror or "no reason given").lower()
        message = f"{name_of(path, self._root)} cannot be looked at: {reason}"
        self._report(Severity.ERROR, "unreadable", message, "what it holds must not be taken for gone")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """A link that leads nowhere, or round in circles, is a file that cannot be read."""
    try:
        return entry.is_dir()
    except OSError:
        return False
