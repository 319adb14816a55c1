"""Where state lives. A store is imported when it is asked for, so that none costs a run that does not use it."""

from __future__ import annotations

from pathlib import Path

from calsync.errors import StateError
from calsync.stores.base import Store

KINDS = ("file", "memory")


def open_store(kind: str, *, path: Path, root: Path) -> Store:
    """The store of a kind: `file` at `path`, which must lie inside the project directory `root`, or `memory`.

    Raises StateError for an unknown kind and for a path that leaves the project.
    """
    match kind:
        case "file":
            from calsync.stores.file import FileStore

            return FileStore(path, root)
        case "memory":
            from calsync.stores.memory import MemoryStore

            return MemoryStore()
    raise StateError(f"there is no store of the kind {kind!r}", hint=f"known are {', '.join(KINDS)}")
