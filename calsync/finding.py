"""Which files are calendars: the project file's globs, expanded the same way on every machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fnmatch import translate
from pathlib import Path

from calsync.errors import Diagnostic, Severity, Source
from calsync.settings import Settings
from calsync.textfile import name_of, shown

_MAGIC = re.compile(r"[*?\[]")


def calendar_files(settings: Settings) -> tuple[list[Path], list[Diagnostic]]:
    """The calendar files in the order of their names, each once, and what is wrong with the globs.

    Hidden files are matched only by a pattern that starts with a dot; `**` does not follow links, and what leads
    out of the project is an error.
    """
    found: dict[Path, Path] = {}  # by real path: a link to a calendar is that calendar, not a second one
    problems: list[Diagnostic] = []
    source = settings.sources.get("calendars", Source(file=settings.file, line=1))
    project_file = (settings.root / settings.file).resolve()

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
        for path in _expand(settings.root, parts):
            real = path.resolve()
            if real == project_file:
                continue
            if not real.is_relative_to(settings.root):
                name = name_of(path, settings.root)
                report(
                    Severity.ERROR,
                    "outside",
                    f"{name} is a link that leads out of the project",
                    "copy the file here",
                )
                continue
            matched = True
            known = found.get(real)
            if known is None or (known.is_symlink() and not path.is_symlink()):
                found[real] = path
        if not matched:
            hint = "no calendar means no posts; check the spelling"
            report(Severity.WARNING, "no-match", f"the glob {shown(pattern)} matches no file", hint)
    return sorted(found.values(), key=lambda path: path.relative_to(settings.root).as_posix()), problems


def _expand(folder: Path, parts: list[str]) -> Iterator[Path]:
    """The files below a folder that a split pattern matches."""
    if not parts:
        return
    head, rest = parts[0], parts[1:]
    if head == "**":
        yield from _expand(folder, rest or ["*"])
        for name, is_folder, is_link in _entries(folder):
            if is_folder and not is_link and not name.startswith("."):
                yield from _expand(folder / name, parts)
        return
    if not _MAGIC.search(head):
        path = folder / head
        if rest and path.is_dir():
            yield from _expand(path, rest)
        elif not rest and path.exists() and not path.is_dir():
            yield path
        return
    matches = re.compile(translate(head)).match
    for name, is_folder, _ in _entries(folder):
        if matches(name) and (head.startswith(".") or not name.startswith(".")):
            if rest and is_folder:
                yield from _expand(folder / name, rest)
            elif not rest and not is_folder:
                yield folder / name


def _entries(folder: Path) -> list[tuple[str, bool, bool]]:
    """Name, whether it is a folder, whether a link; in order. A folder that cannot be listed has none."""
    try:
        with os.scandir(folder) as entries:
            return sorted((each.name, each.is_dir(), each.is_symlink()) for each in entries)
    except OSError:
        return []
