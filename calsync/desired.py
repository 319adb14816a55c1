"""Calendar files -> entries: what the calendars of a project say, before anything is known of a service.

Every problem of every file is found in one run. A post whose fields cannot all be read yields no entry, but always
an error, so that nobody mistakes a broken file for a wish to cancel.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from calsync.document import MAX_BYTES, read_document
from calsync.entries import CalendarReader, Claim, Inspect, Shared
from calsync.errors import MAX_DIAGNOSTICS, CalendarError, Diagnostic, Severity, Source, bounded
from calsync.finding import calendar_files
from calsync.media import Folders, MediaLock, MediaProblem, ProbeCache, inspect, read_lock, resolve
from calsync.model import Entry, MediaFile
from calsync.settings import InvalidProject, Settings
from calsync.textfile import MIB, name_of, shown
from calsync.zones import tzdata_version

MAX_WRONG_MEDIA = 1_000
"""Media files that are looked at in vain before the others are left alone."""

MAX_TOTAL = 128 * MIB
"""Bytes of all calendars of a project together."""

__all__ = ["Loaded", "all_problems", "load", "tzdata_version"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What the calendars say: entries in the order of files and posts, findings sorted, calendars by name.

    With an error among the diagnostics the entries are not complete: they may be shown, never planned with.
    """

    entries: tuple[Entry, ...]
    diagnostics: tuple[Diagnostic, ...]
    calendars: tuple[str, ...]

    @property
    def valid(self) -> bool:
        """Whether there is no error among the diagnostics."""
        return all(each.severity is not Severity.ERROR for each in self.diagnostics)


def load(settings: Settings, cache: ProbeCache | None = None, *, look: Inspect | None = None) -> Loaded:
    """Read every calendar of the project.

    `cache` remembers media that was looked into before; saving it is the caller's. `look(folder, name)` may stand
    in for looking: it gives the facts of the media that a file in `folder` names, or raises MediaProblem.
    """
    with _uncollected():
        return _load(
            settings, look or _looking(settings.root, ProbeCache(settings.root) if cache is None else cache)
        )


def all_problems(invalid: InvalidProject) -> CalendarError:
    """The mistakes of a project file together with those of its calendars, so that one run shows all there is."""
    if invalid.settings is None:
        return invalid
    found = load(invalid.settings).diagnostics
    calendars = [each for each in found if each.code not in ("unknown-account", "not-on-account")]
    return CalendarError({*invalid.diagnostics, *calendars})


def _load(settings: Settings, look: Inspect) -> Loaded:
    lock, mistakes = read_lock(settings.root)
    shared = Shared(settings=settings, look=_remembering(_filled(look, lock)))
    files, problems = calendar_files(settings)
    problems.extend(mistakes)
    readers: list[CalendarReader] = []
    errors = 0
    left = MAX_TOTAL
    for path in files:
        name = name_of(path, settings.root)
        left -= _size(path)
        if left < 0:
            message = f"the calendars are larger than {MAX_TOTAL // MIB} MiB in all; this one and the rest are not read"
            problems.append(_at_file("too-large", name, message))
            break
        reader = CalendarReader(read_document(path, name, settings.root), path, shared)
        problems.extend(reader.document.problems)
        reader.read()
        readers.append(reader)
        errors += len(reader.document.problems) + reader.errors
        reader.let_go()
        if errors > MAX_DIAGNOSTICS:
            message = f"more than {MAX_DIAGNOSTICS:,} errors; the calendars after this one are not read"
            problems.append(_at_file("too-many", name, message))
            break
    _same_name(readers)
    _claims(readers)
    for reader in readers:
        problems.extend(reader.findings())
    return Loaded(
        entries=tuple(entry for reader in readers for entry in reader.entries),
        diagnostics=bounded({*settings.warnings, *problems}),
        calendars=tuple(sorted({reader.name for reader in readers if reader.name is not None})),
    )


def _at_file(code: str, file: str, message: str) -> Diagnostic:
    place = Source(file=file, line=1)
    return Diagnostic(severity=Severity.ERROR, code=code, message=message, source=place)


def _size(path: Path) -> int:
    """Bytes of a calendar; what is not there, or too large to be read, is told by reading it."""
    try:
        return min(path.stat().st_size, MAX_BYTES)
    except (OSError, ValueError):
        return 0


@contextmanager
def _uncollected() -> Iterator[None]:
    """Loading makes many objects and no cycles: looking for some meanwhile costs a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _looking(project: Path, cache: ProbeCache) -> Inspect:
    looked: dict[Path, MediaFile | MediaProblem] = {}
    folders = Folders(project)

    def look(folder: Path, name: str) -> MediaFile:
        # One file has many names: `a.mp4`, `./a.mp4`, `b/../a.mp4`. It is read once.
        path = resolve(folder, name, folders)
        if path not in looked:
            looked[path] = _tried(lambda: inspect(path, folders, cache))
        return _told(looked[path])

    return look


def _filled(look: Inspect, lock: MediaLock) -> Inspect:
    """Pointers get the facts that media.lock has of the files they stand for."""
    return lambda folder, name: lock.fill(look(folder, name))


def _remembering(look: Inspect) -> Inspect:
    """Each file is looked at once, however many posts show it; its problem is told at each of them."""
    known: dict[tuple[Path, str], MediaFile | MediaProblem] = {}
    wrong = 0

    def once(folder: Path, name: str) -> MediaFile:
        nonlocal wrong
        key = (folder, name)
        if key not in known:
            if wrong >= MAX_WRONG_MEDIA:
                message = f"not looked at: {MAX_WRONG_MEDIA:,} media files are wrong already"
                raise MediaProblem("too-many", message, "mend the others first")
            known[key] = _tried(lambda: look(folder, name))
            wrong += isinstance(known[key], MediaProblem)
        return _told(known[key])

    return once


def _tried(look: Callable[[], MediaFile]) -> MediaFile | MediaProblem:
    try:
        return look()
    except MediaProblem as problem:
        return problem


def _told(result: MediaFile | MediaProblem) -> MediaFile:
    if isinstance(result, MediaProblem):
        raise result
    return result


def _same_name(readers: list[CalendarReader]) -> None:
    """Two files with one calendar name: neither is the calendar, so that none of its posts is taken for gone."""
    first: dict[str, CalendarReader] = {}
    for reader in readers:
        if reader.name is None:
            continue
        other = first.setdefault(reader.name, reader)
        if other is not reader:
            message = f"{shown(other.document.file)} and {shown(reader.document.file)} are both the calendar {reader.name}"
            reader.report(
                "same-calendar", reader.name_at, message, "give one of them another name with calendar:"
            )


def _claims(readers: list[CalendarReader]) -> None:
    """Former names: none may still have an entry, and none may be claimed twice on one account."""
    present: dict[tuple[str, str], CalendarReader] = {}
    names: dict[str, CalendarReader] = {}
    for reader in readers:
        if reader.name is not None:
            if reader.ids:
                names.setdefault(reader.name, reader)
            for post in reader.ids:
                present.setdefault((reader.name, post), reader)
    for reader in readers:
        for former, at in reader.former:
            if former in names:
                message = f"the calendar {former} still has entries"
                hint = "previously names what a calendar was called before; drop it, or remove the old file"
                reader.report("previously-present", at, message, hint)
    claimed: dict[tuple[str, str, str], Claim] = {}
    for reader in readers:
        for claim in reader.claims:
            for calendar, post in claim.names:
                if claim.own and (calendar, post) in present:
                    message = f"{calendar}/{post} still has an entry"
                    hint = (
                        "previously names what this post was called before; drop it, or remove the old entry"
                    )
                    reader.report("previously-present", claim.at, message, hint)
                    continue
                other = claimed.setdefault((calendar, post, claim.account), claim)
                if (other.calendar, other.post) != (claim.calendar, claim.post):
                    message = (
                        f"{calendar}/{post}@{claim.account} cannot become both {other.post} and {claim.post}"
                    )
                    reader.report("previously-twice", claim.at, message, "keep it on the post that it became")
