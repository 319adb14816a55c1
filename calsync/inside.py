"""A path of a project -> an open file, without ever leaving the project or entering its `.git`.

A calendar comes from a stranger's pull request: what it names may be a link, a device, a pipe, or swapped for one
of them between a check and the opening.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import NamedTuple

_HELD = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
# O_NONBLOCK: opening a FIFO must not wait for a writer. O_NOCTTY: opening a terminal must not adopt it.
_FILE_FLAGS = os.O_RDONLY | _HELD | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
# O_PATH: a folder may be passed through without leave to list it.
_FOLDER_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | _HELD | getattr(os, "O_DIRECTORY", 0)
_BY_STEPS = os.open in os.supports_dir_fd and bool(getattr(os, "O_NOFOLLOW", 0))

# macOS takes a name with these for the name without them; git looks at them for the same reason.
_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")

_LOOKS = 100
REPLACED = (errno.ELOOP, errno.ENOTDIR, errno.EMLINK)
"""How opening fails where a link was put into a path that had none a moment ago."""


class Outside(Exception):
    """A path that leads out of the project, or into its `.git`, where CI keeps a token; says so after a name."""


class Located(NamedTuple):
    """A path inside a project, both links resolved. `name` is what people and the plan call it: with `/`."""

    root: str
    real: str
    name: str


def locate(path: str | os.PathLike[str], project: str | os.PathLike[str]) -> Located:
    """Where a path leads now, whether or not anything is there. Raises Outside and OSError."""
    return _located(os.path.realpath(project), _real(path))


def _located(root: str, real: str) -> Located:
    if not within(real, root):
        raise Outside("is a link that leads outside of the project")
    name = real[len(root) :].replace(os.sep, "/").lstrip("/")
    if ".git" in _IGNORED.sub("", name).casefold().split("/"):
        raise Outside("leads into .git, which is no place for what a calendar names")
    return Located(root, real, name)


class Folders:
    """Where paths lead, every folder resolved once: for one run, in which the folders of a project stay as they are.

    What is opened later is walked to anew (`open_inside`), so that a folder swapped meanwhile is refused then.
    """

    def __init__(self, project: str | os.PathLike[str]) -> None:
        self.root = os.path.realpath(project)
        self._real: dict[str, str] = {}

    def real(self, folder: str) -> str:
        """A folder, links resolved. Raises OSError."""
        known = self._real.get(folder)
        if known is None:
            known = self._real[folder] = _real(folder)
        return known

    def locate(self, path: str) -> Located:
        """The same as `locate` of this project. Raises Outside and OSError."""
        folder, name = os.path.split(path)
        if name not in ("", ".", ".."):
            path = f"{self.real(folder).rstrip(os.sep)}{os.sep}{name}"
            if not os.path.islink(path):  # noqa: PTH114 - a Path would cost more than the look
                return _located(self.root, path)
        return _located(self.root, _real(path))


def _real(path: str | os.PathLike[str]) -> str:
    for _ in range(_LOOKS):
        try:
            return os.path.realpath(path)
        except OSError as error:
            # A link was replaced by a file between being seen and being read.
            if error.errno != errno.EINVAL:
                raise
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def within(path: str, root: str) -> bool:
    """Whether a path is a folder or lies below it, by their names alone."""
    path, root = os.path.normcase(path), os.path.normcase(root)
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def open_inside(at: Located) -> int:
    """A descriptor of what `locate` found a moment ago, without following links; never waits for a pipe.

    It may be anything: the caller looks at what was opened. Raises OSError: one of REPLACED where a link has been
    put there since, ESTALE where links cannot be refused and the path means something else by now.
    """
    return _walk(at.root, at.name.split("/")) if _BY_STEPS else _open_and_compare(at)


def _walk(root: str, parts: list[str]) -> int:
    # From the project downwards: what `realpath` said cannot be swapped for a link in between.
    folder = os.open(root, _FOLDER_FLAGS)
    try:
        for part in parts[:-1]:
            deeper = os.open(part, _FOLDER_FLAGS, dir_fd=folder)
            os.close(folder)
            folder = deeper
        return os.open(parts[-1] or ".", _FILE_FLAGS, dir_fd=folder)
    finally:
        os.close(folder)


def _open_and_compare(at: Located) -> int:
    # Without openat (Windows): what was opened must still be what the path means, inside, afterwards.
    descriptor = os.open(at.real, _FILE_FLAGS)
    try:
        again = os.path.realpath(at.real)
        if not within(again, at.root) or not os.path.samestat(os.fstat(descriptor), os.lstat(again)):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return descriptor
    except BaseException:
        os.close(descriptor)
        raise


def is_regular(descriptor: int) -> bool:
    """Whether an open descriptor is a regular file."""
    return stat.S_ISREG(os.fstat(descriptor).st_mode)
