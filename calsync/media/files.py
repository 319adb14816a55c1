"""From the name in a calendar to an open file, without ever leaving the project."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from calsync.errors import CalsyncError, Exit
from calsync.inside import REPLACED, Folders, Located, Outside, open_inside, within
from calsync.model import MediaFile

CHUNK = 256 * 1024
"""Bytes per chunk of an upload: at curl's speed in our measurements, larger chunks gain nothing over TLS."""

_LONGEST_NAME = 4096
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE = re.compile(r"[A-Za-z]:")


class MediaProblem(CalsyncError):
    """A media file cannot be used; the author's to fix. `code` is one of:

    media-name (not a usable name), media-absolute, media-outside (leads out of the project), media-missing,
    media-not-a-file, media-unreadable (permissions, disk), media-changed (while it was read or since the plan),
    media-empty, media-too-large, media-type (not a video or image, or none that calsync reads), media-broken (cut short or
    damaged), media-pointer (a malformed Git LFS pointer).
    """

    code = "media"
    exit_code = Exit.INVALID

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint, code=code)


def resolve(base: Path, name: str, project: Path | Folders) -> Path:
    """The file that `name` means in a file of the folder `base`: a real path inside `project`, links resolved.

    Raises MediaProblem. Whether something exists outside of the project cannot be learnt from which one.
    """
    _check_name(name)
    folders = project if isinstance(project, Folders) else Folders(project)
    joined = f"{folders.real(str(base)).rstrip(os.sep)}{os.sep}{name}"
    if not within(os.path.normpath(joined), folders.root):
        raise MediaProblem("media-outside", f"{name} leads outside of the project", _KEEP_INSIDE)
    # Not strict: a link out of the project is refused before it matters whether its target exists.
    try:
        real = folders.locate(joined).real
    except Outside as error:
        raise MediaProblem("media-outside", f"{name} {error}", _KEEP_INSIDE) from error
    except OSError as error:
        raise _problem(error, name) from error
    if _CONTROL.search(real, len(folders.root)):
        raise MediaProblem("media-name", f"{name} leads to a path with control characters")
    try:
        mode = os.lstat(real).st_mode
    except OSError as error:
        raise _problem(error, name, hint=_lookalike(real)) from error
    _require_regular(mode, name)
    return Path(real)


def locate(path: Path, project: Path | Folders) -> Located:
    """Where a path leads now. Raises MediaProblem when that is not inside the project."""
    folders = project if isinstance(project, Folders) else Folders(project)
    try:
        at = folders.locate(os.fspath(path))
    except Outside as error:
        raise MediaProblem("media-outside", f"{path.name} {error}", _KEEP_INSIDE) from error
    if not at.name:
        raise MediaProblem("media-outside", f"{path.name} is outside of the project", _KEEP_INSIDE)
    return at


def open_for_upload(path: Path, project: Path) -> io.FileIO:
    """Open a regular file inside the project, raw and unbuffered. The caller closes it.

    The path is checked and walked anew, folder by folder and without following links, so that a file swapped for
    a link after `resolve` is refused, not followed. Raises MediaProblem.
    """
    return open_located(locate(path, project))


def open_located(at: Located) -> io.FileIO:
    """`open_for_upload` of what `locate` found a moment ago."""
    name = at.name
    try:
        descriptor = open_inside(at)
    except OSError as error:
        if error.errno in (*REPLACED, errno.ESTALE):
            raise MediaProblem(
                "media-changed", f"{name} was replaced while it was opened", "try again"
            ) from error
        raise _problem(error, name) from error
    try:
        _require_regular(os.fstat(descriptor).st_mode, name)
        return io.FileIO(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


class HashingReader:
    """Iterates a file in chunks of 256 KiB and hashes it in the same pass; one pass only.

    With `expect`, the last chunk is handed out only once the whole content is known to be the expected one, so
    that an upload with a Content-Length cannot complete with another content. Raises MediaProblem
    (media-changed) instead, and media-unreadable when reading fails.
    """

    def __init__(self, raw: io.RawIOBase | BinaryIO, *, expect: MediaFile | None = None) -> None:
        self._raw = raw
        self._expect = expect
        self._hash = hashlib.sha256()
        self._done = False
        self.size = 0
        """Bytes read so far."""

    @property
    def sha256(self) -> str:
        """The digest of the whole content. Raises RuntimeError before the end was reached."""
        if not self._done:
            raise RuntimeError("the file has not been read to its end")
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        held = b""
        while chunk := self._read():
            self._hash.update(chunk)
            self.size += len(chunk)
            if self._expect is not None and self.size > self._expect.size:
                raise self._changed(f"more than {self._expect.size:,} bytes")
            if held:
                yield held
            held = chunk
        self._done = True
        if self._expect is not None and (self.size, self.sha256) != (self._expect.size, self._expect.sha256):
            raise self._changed(f"{self.size:,} bytes, sha256 {self.sha256[:12]}")
        if held:
            yield held

    def _read(self) -> bytes:
        try:
            return self._raw.read(CHUNK) or b""
        except OSError as error:
            raise _problem(error, self._expect.path if self._expect else "the file") from error

    def _changed(self, found: str) -> MediaProblem:
        assert self._expect is not None
        wanted = f"{self._expect.size:,} bytes, sha256 {self._expect.sha256[:12]}"
        message = f"{self._expect.path} is not what was planned: {found}, not {wanted}"
        return MediaProblem("media-changed", message, "plan again")


_KEEP_INSIDE = "media is named relative to the file that names it and stays inside the project directory"


def _check_name(name: str) -> None:
    if not name.strip():
        raise MediaProblem("media-name", "the media has an empty name")
    if len(name) > _LONGEST_NAME:
        raise MediaProblem("media-name", f"{name[:80]}... is too long for a name")
    if _CONTROL.search(name):
        shown = ascii(name)
        raise MediaProblem("media-name", f"{shown} holds control characters", "rename the file")
    if _ADDRESS.match(name):
        hint = "put the file into the project, or name content that the service has: media: {id: ...}"
        raise MediaProblem("media-name", f"{name} is an address, not a file", hint)
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        raise MediaProblem("media-absolute", f"{name} is an absolute path", _KEEP_INSIDE)
    if "\\" in name:
        raise MediaProblem("media-name", f"{name} has backslashes", f"write {name.replace(chr(92), '/')}")


def _require_regular(mode: int, name: str) -> None:
    if stat.S_ISREG(mode):
        return
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFLNK: "a symbolic link that leads nowhere",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    kind = kinds.get(stat.S_IFMT(mode), "something else")
    hint = "name each file of a carousel; order is content" if stat.S_ISDIR(mode) else None
    raise MediaProblem("media-not-a-file", f"{name} is {kind}, not a file", hint)


def _problem(error: OSError, name: str, hint: str | None = None) -> MediaProblem:
    match error.errno:
        case errno.ENOENT:
            return MediaProblem("media-missing", f"{name} does not exist", hint)
        case errno.ENOTDIR | errno.ELOOP | errno.EMLINK:
            return MediaProblem(
                "media-missing", f"{name} leads nowhere: a part of its path is not a folder", hint
            )
        case errno.ENAMETOOLONG | errno.EINVAL | errno.EILSEQ:
            return MediaProblem(
                "media-name", f"{name[:80]}... is too long or not a name that this system takes"
            )
        case errno.ENXIO | errno.EOPNOTSUPP | errno.EISDIR:
            return MediaProblem("media-not-a-file", f"{name} is not a file")
        case _:
            return MediaProblem("media-unreadable", f"{name} cannot be read: {error.strerror or error}")


def _lookalike(real: str) -> str | None:
    # The usual reasons why a file is there on one machine and not on the next: letter case and, from macOS,
    # decomposed accents.
    folder, wanted = os.path.split(real)
    try:
        with os.scandir(folder) as entries:
            for entry, _ in zip(entries, range(10_000), strict=False):
                if _fold(entry.name) == _fold(wanted):
                    return f"there is {entry.name!a}; names count letter by letter, case and accents included"
    except OSError:
        pass
    return None


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
