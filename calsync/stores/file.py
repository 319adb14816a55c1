"""State in a file of the project: `state.json`, and beside it its journal, its lock and its last good version.

`state.json.journal` holds the entries since the snapshot, one a line, and is gone between runs;
`state.json.lock` is locked with flock, so the lock dies with its process, and what is written in it is for people;
`state.json.bak` is the last good version before the current run.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

from calsync.errors import StateError, StateUnreadable
from calsync.stores.base import Blob, Holder, Token, Waiting, conflict, locked, not_held, unheard

POLL = 0.05
"""Seconds between two looks at a lock that somebody holds."""

# Non-blocking, so that a pipe in the place of a file is an error and not a wait.
_SAFELY = sum(getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"))
_sync_data = getattr(os, "fdatasync", os.fsync)


class FileStore:
    """One file below the project directory `root`; symbolic links may not lead out of it.

    Raises StateError when they do, and on a platform without file locks. Writing is for one thread at a time, as
    a ledger does it.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self._fcntl = _fcntl()
        try:
            home = root.resolve()
            place = (home / path).resolve()
            self.where = place.relative_to(home).as_posix()
        except (ValueError, RuntimeError, OSError) as error:  # RuntimeError: links that go round in circles
            raise StateError(
                f"the state file {str(path)!r} is not inside the project directory",
                hint="name a path below the directory of calsync.yaml in `state: {path: ...}`",
            ) from error
        self.earlier = f"{self.where}.bak is the last good version before the last run"
        self.batch = 1
        if place == home or place.is_symlink():
            raise StateError(
                f"the state file {str(path)!r} cannot be one",
                hint="it is the project directory itself, or a link to nowhere",
            )
        self._snapshot = place
        self._journal = place.with_name(f"{place.name}.journal")
        self._backup = place.with_name(f"{place.name}.bak")
        self._lock = place.with_name(f"{place.name}.lock")
        self._lock_fd: int | None = None

    def read(self) -> Blob | None:
        """What is there; None when there is nothing. Needs no lock."""
        # The journal first: a snapshot that replaces it meanwhile holds its entries already, and those are skipped.
        try:
            journal = _slurp(self._journal)
            snapshot = _slurp(self._snapshot)
        except OSError as error:
            raise StateUnreadable(
                f"{self.where} cannot be read: {_reason(error)}",
                hint="nothing was changed; make it and what lies beside it readable files again",
            ) from error
        *entries, torn = journal[0].split(b"\n") if journal else [b""]
        if snapshot is None:
            return Blob(None, tuple(entries), Token("")) if entries else None
        length = len(journal[0]) - len(torn) if journal else 0
        return Blob(snapshot[0], tuple(entries), _token(snapshot[1], length))

    def append(self, entry: bytes, *, expecting: Token, lazy: bool = False, note: str = "") -> Token:
        """Add one journal entry, durably, whatever the size of what is there."""
        del lazy, note  # all is written at once
        if b"\n" in entry:
            raise ValueError("an entry is one line")
        with self._errors("written"):
            self._expect(expecting)
            new = not self._journal.exists()
            with _opened(self._journal, os.O_RDWR | os.O_APPEND | os.O_CREAT) as descriptor:
                length = _whole(descriptor)
                if length < os.fstat(descriptor).st_size:
                    os.ftruncate(descriptor, length)
                try:
                    _write(descriptor, entry + b"\n")
                    _sync_data(descriptor)
                    if new:
                        _sync_directory(self._journal.parent)
                except OSError:
                    with suppress(OSError):
                        os.ftruncate(descriptor, length)
                    raise
            return _token(self._snapshot.lstat(), length + len(entry) + 1)

    def confirm(self) -> None:
        """Nothing to ask: the lock lives as long as its process."""
        self._held()

    def write(self, snapshot: bytes, *, expecting: Token | None, lazy: bool = False, note: str = "") -> Token:
        """Replace the snapshot and empty the journal, durably."""
        del lazy, note
        with self._errors("written"):
            self._expect(expecting)
            _replace(self._snapshot, snapshot, last_look=lambda: self._expect(expecting))
            # A crash here is harmless: the snapshot includes what the journal still says, and serials show it.
            self._journal.unlink(missing_ok=True)
            _sync_directory(self._journal.parent)
            return _token(self._snapshot.lstat(), 0)

    def keep(self) -> None:
        """Copy the present snapshot to `.bak`."""
        with self._errors("copied to its .bak"):
            self._held()
            present = _slurp(self._snapshot)
            if present is not None:
                _replace(self._backup, present[0])

    def backup(self) -> bytes | None:
        """What `.bak` holds."""
        with suppress(OSError):  # what cannot be read is no witness, and nothing depends on one
            kept = _slurp(self._backup)
            return None if kept is None else kept[0]
        return None

    @contextmanager
    def hold(self, who: Holder, *, timeout: float, waiting: Waiting = unheard) -> Iterator[None]:
        """Be the one writer, on this machine; the lock frees itself when the process dies."""
        fcntl = self._fcntl
        with ExitStack() as stack:
            with self._errors("locked"):
                if not self._lock.parent.exists():
                    self._lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    _sync_directory(self._lock.parent.parent)
                descriptor = stack.enter_context(_opened(self._lock, os.O_RDWR | os.O_CREAT))
                self._wait(descriptor, timeout, waiting)
                _note(descriptor, who)
            self._lock_fd = descriptor
            try:
                yield
            finally:
                self._lock_fd = None
                _note(descriptor, None)
                # Closing would not do where a child process has inherited the lock.
                fcntl.flock(descriptor, fcntl.LOCK_UN)

    def holder(self) -> Holder | None:
        """Who holds it now, by the lock itself; what is written in it only gives the name."""
        fcntl = self._fcntl
        with self._errors("looked at"):
            try:
                with _opened(self._lock, os.O_RDONLY) as descriptor:
                    fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except FileNotFoundError:
                return None
            except BlockingIOError:
                return _noted(self._lock) or Holder(host="an unknown host", pid=0, since="an unknown time")
        return None

    def unlock(self, who: Holder) -> Holder | None:
        """Make sure that nobody holds it: the lock of a dead process is free by itself."""
        with self.hold(who, timeout=0):
            return None

    def _wait(self, descriptor: int, timeout: float, waiting: Waiting) -> None:
        fcntl, told = self._fcntl, False
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise locked(self.where, _noted(self._lock)) from error
                if not told:
                    told = True
                    waiting(_noted(self._lock))
                time.sleep(min(POLL, left))
            else:
                return

    def _held(self) -> None:
        if self._lock_fd is None:
            raise not_held(self.where)

    def _expect(self, expecting: Token | None) -> None:
        self._held()
        try:
            with _opened(self._journal, os.O_RDONLY) as descriptor:
                length = _whole(descriptor)
        except FileNotFoundError:
            length = 0
        present: Token | None
        try:
            present = _token(self._snapshot.lstat(), length)
        except FileNotFoundError:
            present = Token("") if length else None
        if present != expecting:
            raise conflict(self.where)

    @contextmanager
    def _errors(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StateError(
                f"{self.where} cannot be {verb}: {_reason(error)}",
                hint=_HINTS.get(error.errno or 0, "what it held before is still there"),
            ) from error


_HINTS = {
    errno.ENOSPC: "free some space on its disk; what it held before is still there",
    errno.EDQUOT: "free some space in your quota; what it held before is still there",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f); what it held before is still there",
    errno.EROFS: "it is on a read-only file system; what it held before is still there",
    errno.EACCES: "let this user write to its directory; what it held before is still there",
    errno.EPERM: "let this user write to its directory; what it held before is still there",
    errno.ELOOP: "replace the symbolic link with a file of its own",
    errno.ENOLCK: "its file system has no locks; put the project on one that has",
    errno.ENOTSUP: "its file system has no locks; put the project on one that has",
}


def _fcntl() -> ModuleType:
    try:
        import fcntl
    except ImportError as error:
        raise StateError(
            "this platform has no file locks, and without them two runs could post twice",
            hint="run calsync on Linux or macOS; under Windows, in WSL",
        ) from error
    return fcntl


def _reason(error: OSError) -> str:
    return "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror or type(error).__name__


def _token(snapshot: os.stat_result, journal: int) -> Token:
    return Token(f"{snapshot.st_ino}-{snapshot.st_size}-{snapshot.st_mtime_ns}-{journal}")


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | _SAFELY, 0o600)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"{path.name} is not a regular file")
        if flags & os.O_CREAT and mode & 0o077:
            with suppress(OSError):  # another user's, who has to see to it
                os.fchmod(descriptor, 0o600)
        yield descriptor
    finally:
        os.close(descriptor)


def _slurp(path: Path) -> tuple[bytes, os.stat_result] | None:
    try:
        with _opened(path, os.O_RDONLY) as descriptor, open(descriptor, "rb", closefd=False) as file:
            return file.read(), os.fstat(descriptor)
    except FileNotFoundError:
        return None


def _whole(descriptor: int) -> int:
    """How many bytes of a journal are whole lines: one look at its end, unless that is torn."""
    end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - 4096) if end < os.fstat(descriptor).st_size else end - 1
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:  # a disk that gets full takes a part first and says why at the next call
        view = view[os.write(descriptor, view) :]


def _replace(path: Path, data: bytes, *, last_look: Callable[[], None] | None = None) -> None:
    fresh = path.with_name(f"{path.name}.tmp")
    fresh.unlink(missing_ok=True)
    try:
        with _opened(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as descriptor:
            _write(descriptor, data)
            os.fsync(descriptor)
        if last_look is not None:
            last_look()
        fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot, and need not
            raise
    finally:
        os.close(descriptor)


def _note(descriptor: int, who: Holder | None) -> None:
    """Write the holder's name into the lock: information only, so a full disk may keep it out."""
    text = json.dumps(asdict(who)).encode() if who else b""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text, 0)


def _noted(path: Path) -> Holder | None:
    try:
        content = _slurp(path)
        match json.loads(content[0]) if content else None:
            case {"host": str(host), "pid": int(pid), "since": str(since), **rest}:
                more = {name: value for name, value in rest.items() if isinstance(value, str)}
                run, actor, commit = (more.get(name) for name in ("run", "actor", "commit"))
                return Holder(host=host, pid=pid, since=since, run=run, actor=actor, commit=commit)
    except (OSError, ValueError, RecursionError):
        pass
    return None
