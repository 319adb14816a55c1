"""A starter project: as little as makes `calsync validate` pass and shows what to write next."""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from calsync.errors import CalsyncError
from calsync.model import stamp
from calsync.recorded import Ledger
from calsync.stores import open_store
from calsync.stores.base import Holder
from calsync.workflows import NEXT, PACKAGE, workflows

_PROJECT = """\
version: 1
project: {project}   # the state's birth mark; never change it
timezone: UTC                                   # an IANA name, such as Europe/Berlin
calendars: ["calendars/*.yaml"]
accounts:
  brand:
    provider: postqued
    username: "@your_handle"                      # `calsync accounts` lists what the service has
"""

_STATE_IN_GIT = """\
state: {backend: git, branch: calsync-state}    # a file would be gone with the runner
"""

_CALENDAR = """\
# Posts of this calendar. `calsync schema calendar` prints the JSON Schema for your editor.
calendar: first
defaults:
  accounts: [brand]
  options:
    privacy_level: SELF_ONLY                      # PUBLIC_TO_EVERYONE once you mean it
posts: []
# posts:
#   - id: hello
#     at: 2030-01-31 18:30                        # in the project's timezone
#     media: media/hello.mp4                      # relative to this file
#     caption: "Hello. #first"
"""

_IGNORE = """\
# calsync: the state of a local run; back it up, or name another store before CI applies
.calsync/
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where CI runs: the forge, the repository's top, and the branch that is applied."""

    forge: str
    top: Path
    branch: str
    package: str | None = None
    """What the runners are to install; None: this version, from their package index."""


def start(directory: Path, place: Place | None = None) -> Iterator[str]:
    """Write the files; yields a line for each. Raises CalsyncError rather than touch one that is there.

    With a `place` the workflows too, to a project that is there or to a new one, whose state is then kept on a
    branch: what is in a file is gone with the runner.
    """
    root = directory.resolve()
    file = root / "calsync.yaml"
    if place is not None and file.exists():
        yield from _write(_workflows(root, place, str(file)), place.top)
        yield f"Next: {NEXT[place.forge]}."
        yield _source(place)
        yield (
            "Next: where runners forget their files, `state: {backend: git}` in calsync.yaml and `calsync state init`."
        )
        return
    project = str(uuid.uuid4())
    files = {
        file: _PROJECT.format(project=project) + ("" if place is None else _STATE_IN_GIT),
        root / "calendars" / "first.yaml": _CALENDAR,
    }
    if (root / ".calsync" / "state.json").exists():
        raise _there(root / ".calsync" / "state.json", root)
    more = {} if place is None else _workflows(root, place, project)
    yield from _write({**files, **more}, root if place is None else place.top)
    try:
        (root / "calendars" / "media").mkdir(parents=True, exist_ok=True)
        yield _ignore(root / ".gitignore")
    except OSError as error:
        raise _unwritable(directory, error) from error
    if place is None:
        store = open_store("file", path=root / ".calsync" / "state.json", root=root)
        who = Holder(host=socket.gethostname(), pid=os.getpid(), since=stamp(datetime.now(UTC)))
        Ledger.init(store, who, project=project)
        yield "wrote .calsync/state.json"
    yield "Next: name your account in calsync.yaml, write a post, then `calsync validate` and `calsync plan`."
    if place is not None:
        yield f"Next: {NEXT[place.forge]}."
        yield _source(place)
        yield "Next: `calsync state init`, once the repository has a remote: it makes the branch calsync-state there."


def _source(place: Place) -> str:
    return f"Next: see that `{place.package or PACKAGE}`, which the workflows install, is this calsync: it gets your keys."


def _workflows(root: Path, place: Place, project: str) -> dict[Path, str]:
    top = place.top.resolve()
    folder = root.relative_to(top).as_posix() if root.is_relative_to(top) else "."
    made = workflows(
        place.forge,
        folder="" if folder == "." else folder,
        branch=place.branch,
        minute=minute_of(project),
        package=place.package or PACKAGE,
    )
    return {top / path: text for path, text in made.items()}


def minute_of(project: str) -> int:
    """When a project's nightly run starts, so that not everybody's starts at once."""
    return int(hashlib.sha256(project.encode()).hexdigest(), 16) % 60


def _write(files: Mapping[Path, str], top: Path) -> Iterator[str]:
    """Write files of which none may be there."""
    top = top.resolve()
    for path in files:
        if os.path.lexists(path):
            raise _there(path, top)
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise _unwritable(path, error) from error
        yield f"wrote {path.relative_to(top).as_posix()}"


def _there(path: Path, top: Path) -> CalsyncError:
    return CalsyncError(
        f"{path.relative_to(top)} is there already; nothing was written",
        hint="calsync init touches no file that is there; move it away, or write by hand what it would have held",
        code="exists",
    )


def _unwritable(path: Path, error: OSError) -> CalsyncError:
    reason = (error.strerror or "no reason given").lower()
    return CalsyncError(f"{path} cannot be written: {reason}", code="exists")


def _ignore(path: Path) -> str:
    if not path.exists():
        path.write_text(_IGNORE, encoding="utf-8")
        return "wrote .gitignore"
    present = path.read_text(encoding="utf-8", errors="replace")
    if ".calsync/" in present.split():
        return ".gitignore has .calsync/ already"
    with path.open("a", encoding="utf-8") as stream:
        stream.write(("" if not present or present.endswith("\n") else "\n") + _IGNORE)
    return "added .calsync/ to .gitignore"
