"""What is known of files that have not changed since, so that they are not read again.

It saves time and nothing else: lost, broken or not writable, the results are the same.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from calsync.media.sniff import CODECS, MIMES, kind_of
from calsync.media.window import FASTEST
from calsync.model import MediaFile

_VERSION = 3
"""Raised whenever a reader learns to see something differently: older answers are then forgotten."""
_MOST = 20_000
_LARGEST = 16 << 20
_SETTLED_NS = 2_000_000_000
_PLACE = (".calsync", "cache")
_NAME = "media.json"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells that a file was not written since: size in bytes, times in nanoseconds, inode.

    ctime cannot be set back by hand, and neither ctime nor inode can be foreseen by who commits a cache.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp of an open file."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


class ProbeCache:
    """What `inspect` found, by path and stamp; kept under the project's `.calsync/cache/` by `save()` alone.

    Without a project it lives in memory. `clock` gives nanoseconds since the epoch. No method raises.
    """

    def __init__(self, project: Path | None = None, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._project = project
        self._clock = clock
        self._changed = False
        # Oldest first; what is used or found moves to the end, and the front is dropped when it is full.
        self._known: dict[str, tuple[Stamp, MediaFile]] = {} if project is None else _load(project)

    def __len__(self) -> int:
        return len(self._known)

    def get(self, path: str, stamp: Stamp) -> MediaFile | None:
        """What was found at this path, if the file still has this stamp."""
        known = self._known.get(path)
        return known[1] if known is not None and known[0] == stamp else None

    def put(self, found: MediaFile, stamp: Stamp) -> None:
        """Remember what was just found, unless the file was written a moment ago.

        A second write within the clock's grain would leave the stamp as it is, so only files at rest for two
        seconds are remembered (git calls the others racily clean).
        """
        at_rest = self._clock() - max(stamp.mtime_ns, stamp.ctime_ns) >= _SETTLED_NS
        if found.pointer or stamp.mtime_ns < 0 or not at_rest:
            return
        self._known.pop(found.path, None)
        self._known[found.path] = (stamp, found)
        self._changed = True
        while len(self._known) > _MOST:
            del self._known[next(iter(self._known))]

    def save(self) -> None:
        """Write what was learnt, atomically. Silent where it cannot: a cache is no reason to fail."""
        if self._project is None or not self._changed:
            return
        files = {
            path: [
                *(stamp.size, stamp.mtime_ns, stamp.ctime_ns, stamp.inode),
                *(found.sha256, found.mime, found.width, found.height, found.duration_ms),
                *(found.codec, found.frame_rate),
            ]
            for path, (stamp, found) in self._known.items()
        }
        text = json.dumps({"version": _VERSION, "files": files}, separators=(",", ":"))
        try:
            folder = self._project.joinpath(*_PLACE)
            # A committed `.calsync/cache` may be a link: nothing is ever made or written elsewhere.
            if folder.resolve() == self._project.resolve().joinpath(*_PLACE):
                # `parents` makes the folder above with the mask alone.
                folder.parent.mkdir(mode=0o700, exist_ok=True)
                folder.mkdir(mode=0o700, exist_ok=True)
                _replace(folder, text)
                self._changed = False
        except (OSError, RuntimeError):
            pass


def _replace(folder: Path, text: str) -> None:
    descriptor, draft = tempfile.mkstemp(prefix=f"{_NAME}.", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(draft).replace(folder / _NAME)
    except BaseException:
        Path(draft).unlink()
        raise


def _load(project: Path) -> dict[str, tuple[Stamp, MediaFile]]:
    path = project.joinpath(*_PLACE, _NAME)
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return {}
        document = json.loads(path.read_bytes())
        if document["version"] != _VERSION or len(document["files"]) > _MOST:
            return {}
        return {name: _entry(name, *row) for name, row in document["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _entry(name: str, *row: object) -> tuple[Stamp, MediaFile]:
    # One impossible value, and the whole file is not what `save` wrote.
    size, mtime_ns, ctime_ns, inode, sha256, mime, width, height, duration_ms, codec, frame_rate = row
    if mime not in MIMES or not isinstance(mime, str):
        raise ValueError("not a type of ours")
    if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError("not a digest")
    if codec is not None and codec not in CODECS:
        raise ValueError("not a codec of ours")
    found = MediaFile(
        path=name,
        sha256=sha256,
        size=_whole(size),
        kind=kind_of(mime),
        mime=mime,
        width=None if width is None else _whole(width),
        height=None if height is None else _whole(height),
        duration_ms=None if duration_ms is None else _whole(duration_ms),
        codec=None if codec is None else str(codec),
        frame_rate=None if frame_rate is None else _rate(frame_rate),
    )
    return Stamp(found.size, _whole(mtime_ns), _whole(ctime_ns), _whole(inode)), found


def _rate(value: object) -> float:
    if type(value) is not float or not 0 < value <= FASTEST:
        raise ValueError("not a frame rate")
    return value


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not a whole number")
    return value
