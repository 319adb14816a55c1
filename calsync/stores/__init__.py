"""Where state lives. A store is imported when it is asked for, so that none costs a run that does not use it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from calsync.errors import StateError
from calsync.stores.base import Store

if TYPE_CHECKING:
    from calsync.git.branch import Branch

KINDS = ("file", "git", "memory")


def open_store(kind: str, *, path: Path, root: Path, branch: Branch | None = None) -> Store:
    """The store of a kind: `file` at `path`, which must lie inside the project directory `root`; `git` on a
    `branch`; or `memory`.

    Raises StateError for an unknown kind, for a path that leaves the project, and for git without a branch.
    """
    match kind:
        case "file":
            from calsync.stores.file import FileStore

            return FileStore(path, root)
        case "git":
            from calsync.stores.git import GitStore

            if branch is None:
                raise StateError(
                    "the project is in no git repository, so its state cannot be on a branch of one",
                    hint="git init, or `state: {backend: file}` in calsync.yaml",
                )
            return GitStore(branch)
        case "memory":
            from calsync.stores.memory import MemoryStore

            return MemoryStore()
    raise StateError(f"there is no store of the kind {kind!r}", hint=f"known are {', '.join(KINDS)}")
