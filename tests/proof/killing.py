"""A world to which a test can go back, and a run in it that is killed at a chosen point."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from outside import Project, Result
from warm import Warm

from calsync.model import UploadKey
from calsync.recorded import read
from calsync.sandbox import PostEntry, RequestEntry, Sandbox
from calsync.stores.file import FileStore

APPLY = ("apply", "-y", "--format", "json")
LIVE = ("scheduled", "pending", "queued", "processing", "QUEUE", "DRAFT")


@dataclass(frozen=True)
class Point:
    """One moment of a run: its n-th request, its n-th that writes, or its n-th system call that writes the state."""

    kind: Literal["request", "write", "store"]
    n: int
    when: Literal["before", "after"]

    def __str__(self) -> str:
        return f"{self.kind}-{self.n}-{self.when}"


class Reaper:
    """Watches a sandbox's requests and kills the client at one of them; nothing it sent goes on from there."""

    def __init__(self, box: Sandbox, point: Point | None) -> None:
        self.hit: RequestEntry | None = None
        self.seen: list[str] = []
        self._point = point
        self._pid: int | None = None
        self._known = threading.Event()
        self._lock = threading.Lock()
        self._numbers: dict[int, int] = {}
        box.watch(self._watch)

    def aim(self, pid: int) -> None:
        """Say whom to kill."""
        self._pid = pid
        self._known.set()

    def _watch(self, when: str, entry: RequestEntry) -> bool:
        with self._lock:
            if self.hit is not None:
                return False
            point = self._point
            if point is not None and point.kind == "write" and not entry["write"]:
                return True
            number = self._numbers.setdefault(entry["n"], len(self._numbers))
            if when == "before":
                self.seen.append(f"{entry['method']} {entry['path']} {_shape(entry['body'])}")
            if point is None or point.kind == "store" or (point.n, point.when) != (number, when):
                return True
            self.hit = entry
        assert self._known.wait(30)
        assert self._pid is not None
        os.kill(self._pid, signal.SIGKILL)
        return False


@dataclass
class World:
    """A project and its services at one moment, to which every case goes back.

    `wanted`: the truth about the live posts in the end; `left`: the posts that no run may touch, whole.
    """

    project: Project
    unmanaged: frozenset[str]
    addresses: frozenset[str]
    wanted: list[tuple[object, ...]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    result: Result | None = None
    settled: set[str] = field(default_factory=set)
    """The situations from which a run was seen to go on to the right end."""

    def __post_init__(self) -> None:
        self.copy = self.project.box.copy()
        self.folder = self.project.root.parent / "kept"
        if (self.project.root / ".calsync").exists():
            shutil.copytree(self.project.root / ".calsync", self.folder)
        self.left = self._unmanaged()
        self.sent = self._transfers()

    def back(self) -> None:
        """Go back to the start."""
        self.project.box.restore(self.copy)
        here = self.project.root / ".calsync"
        shutil.rmtree(here, ignore_errors=True)
        if self.folder.exists():
            shutil.copytree(self.folder, here)

    def count(self) -> None:
        """Run to the end once, to learn the points and what is true in the end."""
        self.back()
        reaper = Reaper(self.project.box, None)
        log = self.project.root.parent / "calls.json"
        running = self._start({"log": str(log)})
        reaper.aim(running.pid)
        self.result = self.project.end(running, *APPLY)
        assert self.result.code == 0, str(self.result)
        self.project.box.watch(None)
        self.requests, self.calls = reaper.seen, json.loads(log.read_text())
        self.wanted = self.truth()
        self.end()

    def points(self, *, every: bool = True) -> Iterator[Point]:
        """All moments at which the run can be killed.

        Left out are those that cannot be told from the next one: after a read was answered, and after a call that
        the store follows up with another in the same breath.

        Without `every` also what repeats within the run: of the requests of one kind those between the first and
        the last, and of a journal entry all but its end, before which to a kill it is the entry before it, or the
        request that it tells of.
        """
        for n, request in enumerate(self.requests):
            if every or self._first_or_last(n):
                yield Point("request", n, "before")
                if not request.startswith("GET "):
                    yield Point("request", n, "after")
        for n, call in enumerate(self.calls):
            entry = any(self.calls[max(n - k, 0) : n - k + 3] == _ENTRY for k in range(3))
            if every or not entry:
                yield Point("store", n, "before")
            if call not in ("open", "write", "ftruncate"):
                yield Point("store", n, "after")

    def _first_or_last(self, n: int) -> bool:
        kinds = [_RANDOM.sub("*", each) for each in self.requests]
        return kinds[n] not in kinds[:n] or kinds[n] not in kinds[n + 1 :]

    def kill(self, point: Point, argv: Sequence[str] = APPLY) -> str | None:
        """Start the run and kill it at a point; what it was about to do or had done, None where it ended before."""
        reaper = Reaper(self.project.box, point)
        log = self.project.root.parent / "calls.json"
        trap = None
        if point.kind == "store":
            log.unlink(missing_ok=True)
            trap = {"log": str(log), "n": point.n, "when": point.when}
        running = self._start(trap, argv)
        reaper.aim(running.pid)
        code, out, err = running.wait()
        self._quiet()
        self.project.box.watch(None)
        if code != -signal.SIGKILL:
            assert code == 0, f"exit {code}\n{out}\n{err}"
            return None
        if point.kind == "store":
            return str(json.loads(log.read_text())[-1])
        assert reaper.hit is not None
        return f"{reaper.hit['method']} {reaper.hit['path']}"

    def situation(self) -> str:
        """All that the next run can find: the files of the state, and what the services were made to do.

        Ids and moments that differ from run to run are numbered as they come, so that two kills with nothing between
        them that lasts leave the same situation.
        """
        folder = self.project.root / ".calsync"
        files = [
            f"{path.relative_to(folder)}\n{path.read_bytes().decode('utf-8', 'replace')}"
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != "state.json.lock" and "cache" not in path.parts
        ]
        done = [
            f"{each['method']} {each['path']} {each['query']} {json.dumps(each['body'])} {each['idempotency_key']}"
            for each in self.project.writes()
            if each["status"] is not None
        ]
        found: dict[str, str] = {}
        text = _MOMENT.sub("", "\0".join([*files, "", *done]))
        text = _RANDOM.sub(lambda match: found.setdefault(match[0], f"#{len(found)}"), text)
        return hashlib.sha256(text.encode()).hexdigest()

    def recorded(self) -> frozenset[UploadKey]:
        """The uploads that the state knows, by whatever it is in."""
        state = read(FileStore(Path(".calsync/state.json"), self.project.root), project=None)
        return frozenset(() if state is None else state.uploads)

    def never_twice(self) -> None:
        """Nothing is there twice, not even for a while, and what is not ours is as it was."""
        live = self.truth()
        assert len({_name(each) for each in live}) == len(live), live
        assert self._unmanaged() == self.left

    def end(self) -> None:
        """The laws that hold in the end: a further apply has nothing to do, and the truth is what was wanted."""
        project = self.project
        before = len(project.writes())
        again = project.run(*APPLY)
        assert again.code == 0, str(again)
        assert again.json["actions"] == [], str(again)
        assert len(project.writes()) == before, project.wrote()[before:]
        assert self.truth() == self.wanted
        assert self._unmanaged() == self.left
        state = project.state()
        assert state["posts"].keys() == self.addresses
        assert not state.get("opens"), state
        assert {each.name for each in (project.root / ".calsync").iterdir()} <= _TIDY

    def published(self) -> None:
        """When all times have come, each post has gone out once."""
        box = self.project.box
        box.advance(timedelta(days=60))
        ours = [each for each in box.posts() if each["id"] not in self.unmanaged]
        out = Counter(each["times_published"] for each in ours if each["kind"] != "upload")
        assert out[1] == sum("DRAFT" not in each for each in self.wanted), ours
        assert not out.keys() - {0, 1}, ours

    def truth(self) -> list[tuple[object, ...]]:
        """The live posts that are ours, without what differs from run to run."""
        return sorted(
            (
                each["service"], each["account"], each["caption"], each["title"] or "", each["at"], each["intent"],
                json.dumps(each["options"], sort_keys=True), each["sha256"] or each["media"], each["status"],
                list(zip(each["thread"], map(len, each["thread_media"]), strict=True)),
            )
            for each in self.project.posts()
            if each["status"] in LIVE and each["id"] not in self.unmanaged
        )  # fmt: skip

    def transfers(self) -> dict[str, int]:
        """How many times each content has arrived since the start."""
        return {key: times - self.sent.get(key, 0) for key, times in self._transfers().items()}

    def _transfers(self) -> dict[str, int]:
        return {each["sha256"]: each["times"] for each in self.project.box.uploads()}

    def _unmanaged(self) -> list[PostEntry]:
        return [each for each in self.project.posts() if each["id"] in self.unmanaged]

    def _start(self, trap: dict[str, Any] | None, argv: Sequence[str] = APPLY) -> Any:
        assert isinstance(self.project.warm, Warm)
        return self.project.warm.start(argv, self.project.env, self.project.root, trap=trap)

    def _quiet(self) -> None:
        """Wait until what the dead had sent has been dealt with: it came before this."""
        for address in (self.project.box.url, self.project.box.storage_url):
            connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection.request("GET", "/_sandbox/nothing")
                connection.getresponse().read()
            connection.close()


def _shape(body: Any) -> str:
    """What a request asks for, without the values: to move is not to cancel, though both change a post."""
    if isinstance(body, dict):
        return ",".join(f"{name}={_shape(value)}" for name, value in sorted(body.items()))
    return body if isinstance(body, str) and body.isalpha() else type(body).__name__


_ENTRY = ["open", "write", "fdatasync"]
_MOMENT = re.compile(r'"begun": ?"[^"]*"')
_RANDOM = re.compile(
    r'[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|signature=[^"& ]*|c?[0-9a-f]{24}|[0-9a-f]{32}|(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])|state\.json\.[0-9a-z_]{6,}'
)
_TIDY = {"cache", "state.json", "state.json.bak", "state.json.lock"}


def _name(live: tuple[object, ...]) -> tuple[object, ...]:
    """By what a live post is one of the calendar's: caption at Postqued, upload at TikFlow, and the account."""
    return (*live[:3], str(live[7]) if live[0] == "tikflow" else "")
