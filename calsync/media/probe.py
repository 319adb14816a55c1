"""Look into a media file: what it is, how large, how long, and its sha256."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path

from calsync.inside import Folders
from calsync.media import bmff, images, webm
from calsync.media.cache import ProbeCache, Stamp
from calsync.media.files import CHUNK, MediaProblem, locate, open_located
from calsync.media.pointers import LONGEST, read_pointer
from calsync.media.sniff import kind_of, sniff
from calsync.media.window import Figures, Flaw, Window
from calsync.model import MediaFile

LARGEST = 8 << 30
"""Bytes. No service takes half of that, and hashing more takes longer than anybody waits for a plan."""

_READERS: dict[str, Callable[[Window], Figures]] = {
    "video/mp4": bmff.probe,
    "video/quicktime": bmff.probe,
    "video/3gpp": bmff.probe,
    "video/webm": webm.probe,
    "video/x-matroska": webm.probe,
    "image/jpeg": images.jpeg,
    "image/png": images.png,
    "image/webp": images.webp,
    "image/gif": images.gif,
}


def inspect(path: Path, project: Path | Folders, cache: ProbeCache) -> MediaFile:
    """What there is to know of a media file, told by its content, never by its name.

    A Git LFS pointer stands for its file: sha256 and size are the pointer's, the type is guessed from the name.
    Raises MediaProblem, with measured facts in its message.
    """
    at = locate(path, project)
    try:
        # Nothing is opened for what is known: leave to read cannot have changed without the ctime.
        known = cache.get(at.name, Stamp.of(os.lstat(at.real)))
    except OSError:
        known = None  # opening says why
    if known is not None:
        return known
    with open_located(at) as raw:
        try:
            return _look(raw, at.name, cache)
        except Flaw as flaw:
            raise MediaProblem(flaw.code, f"{at.name} {flaw}", flaw.hint) from flaw
        except OSError as error:
            raise MediaProblem(
                "media-unreadable", f"{at.name} cannot be read: {error.strerror or error}"
            ) from error


def figures(window: Window) -> tuple[str, Figures]:
    """Mime type, and what else the headers tell. Raises Flaw."""
    mime = sniff(window.at(0, 512))
    return mime, _READERS[mime](window)


def _look(raw: io.FileIO, name: str, cache: ProbeCache) -> MediaFile:
    before = Stamp.of(os.fstat(raw.fileno()))
    if before.size == 0:
        raise Flaw("media-empty", "is empty")
    if before.size > LARGEST:
        raise Flaw("media-too-large", f"has {before.size:,} bytes; no service takes more than 4 GiB")
    window = Window(raw, before.size)
    if before.size < LONGEST:
        pointer = read_pointer(window.at(0, before.size), name)
        if pointer is not None:
            return MediaFile(
                path=name,
                sha256=pointer.sha256,
                size=pointer.size,
                kind=pointer.kind,
                mime=pointer.mime,
                width=None,
                height=None,
                duration_ms=None,
                pointer=True,
            )
    mime, told = figures(window)
    raw.seek(0)
    digest, left = hashlib.sha256(), before.size
    while left > 0 and (chunk := raw.read(CHUNK)):  # a file that grows meanwhile has no end
        digest.update(chunk)
        left -= len(chunk)
    if left or Stamp.of(os.fstat(raw.fileno())) != before:
        raise Flaw("media-changed", "was changed while it was read", "try again once it is written")
    found = MediaFile(
        path=name,
        sha256=digest.hexdigest(),
        size=before.size,
        kind=kind_of(mime),
        mime=mime,
        width=told.width,
        height=told.height,
        duration_ms=told.duration_ms,
        codec=told.codec,
        frame_rate=told.frame_rate,
    )
    cache.put(found, before)
    return found
