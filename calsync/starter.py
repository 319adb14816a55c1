"""A starter project: as little as makes `calsync validate` pass and shows what to write next."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from calsync.errors import CalsyncError
from calsync.model import stamp
from calsync.recorded import Ledger
from calsync.stores import open_store
from calsync.stores.base import Holder

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


def start(directory: Path) -> Iterator[str]:
    """Write the files; yields a line for each. Raises CalsyncError rather than touch one that is there."""
    root = directory.resolve()
    project = str(uuid.uuid4())
    files = {
        root / "calsync.yaml": _PROJECT.format(project=project),
        root / "calendars" / "first.yaml": _CALENDAR,
    }
    present = [path for path in (*files, root / ".calsync" / "state.json") if path.exists()]
    if present:
        raise CalsyncError(
            f"{present[0].relative_to(root)} is there already; nothing was written",
            hint="calsync init makes a new project only",
            code="exists",
        )
    try:
        (root / "calendars" / "media").mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")
            yield f"wrote {path.relative_to(root).as_posix()}"
        yield _ignore(root / ".gitignore")
    except OSError as error:
        reason = (error.strerror or "no reason given").lower()
        raise CalsyncError(f"{directory} cannot be written: {reason}", code="exists") from error
    store = open_store("file", path=root / ".calsync" / "state.json", root=root)
    who = Holder(host=socket.gethostname(), pid=os.getpid(), since=stamp(datetime.now(UTC)))
    Ledger.init(store, who, project=project)
    yield "wrote .calsync/state.json"
    yield "Next: name your account in calsync.yaml, write a post, then `calsync validate` and `calsync plan`."


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
