"""What the folder of a project on the state's branch holds: snapshot, journal, lease."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from calsync.stores.base import Blob, Holder, Token

SNAPSHOT, JOURNAL, LEASE_FILE = "state.json", "journal.jsonl", "lease.json"


@dataclass(frozen=True, slots=True)
class Lease:
    """Who writes, and until when."""

    id: str
    until: datetime
    holder: Holder

    def to_bytes(self) -> bytes:
        """As it stands in its file."""
        until = self.until.strftime("%Y-%m-%dT%H:%M:%SZ")
        return (json.dumps({"id": self.id, "until": until, **asdict(self.holder)}, indent=2) + "\n").encode()

    @classmethod
    def read(cls, data: bytes) -> Lease:
        """Read what `to_bytes` wrote. Raises ValueError."""
        match json.loads(data):
            case {
                "id": str(name),
                "until": str(until),
                "host": str(host),
                "pid": int(pid),
                "since": str(since),
                **rest,
            }:
                more = {key: value for key, value in rest.items() if isinstance(value, str)}
                run, actor, commit = (more.get(key) for key in ("run", "actor", "commit"))
                end = datetime.strptime(until, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
                return cls(
                    name, end, Holder(host=host, pid=pid, since=since, run=run, actor=actor, commit=commit)
                )
        raise ValueError("not a lease")


@dataclass
class View:
    """The state as this store sees it: what it last read or pushed, and what waits on top."""

    snapshot: bytes | None
    entries: list[bytes]
    token: Token

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> View:
        """What a folder holds; a torn last entry is left out."""
        snapshot = files.get(SNAPSHOT)
        view = cls(snapshot, [], token_of(snapshot))
        for entry in files.get(JOURNAL, b"").split(b"\n")[:-1]:
            view.add(entry)
        return view

    def add(self, entry: bytes) -> None:
        """One entry more."""
        self.entries.append(entry)
        self.token = Token(hashlib.sha256(self.token.encode() + entry).hexdigest())

    @property
    def present(self) -> bool:
        """Whether there is a state at all."""
        return self.snapshot is not None or bool(self.entries)

    def blob(self) -> Blob | None:
        """For the reader."""
        return Blob(self.snapshot, tuple(self.entries), self.token) if self.present else None

    def files(self) -> dict[str, bytes]:
        """For the branch."""
        files = {} if self.snapshot is None else {SNAPSHOT: self.snapshot}
        if self.entries:
            files[JOURNAL] = b"".join(entry + b"\n" for entry in self.entries)
        return files


def token_of(snapshot: bytes | None) -> Token:
    """The version of a snapshot that no entry follows yet."""
    return Token("" if snapshot is None else hashlib.sha256(snapshot).hexdigest())
