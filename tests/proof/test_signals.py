"""Ctrl-C and SIGTERM wherever a run may be: it ends soon, what was begun is known, and the next apply converges."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from outside import EXAMPLES, Project, Result, ahead, flow, until, video

BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
APPLY = ("apply", "-y", "--format", "json")
HANGS = 40
"""Seconds of a request that nobody waits for; far more than a busy machine needs for all else."""


def films(project: Project, count: int) -> list[str]:
    """So many films of different content."""
    whole = (EXAMPLES / "teaser.mp4").read_bytes()
    for number in range(count):
        project.write(f"calendars/media/film{number}.mp4", whole + b"%04d" % number)
    return [f"media/film{number}.mp4" for number in range(count)]


def seen(project: Project, path: str, count: int = 1) -> None:
    """Wait until the services have got so many requests of a path."""
    until(lambda: sum(path in each["path"] for each in project.box.requests()) >= count)


def converges(project: Project, live: int) -> Result:
    """The next apply does the rest, and the one after that nothing; each address has one live post."""
    project.box.clear_faults()
    last = project.apply()
    after = project.plan().json["summary"]
    assert not any(after[each] for each in ("create", "update", "replace", "reschedule", "cancel", "blocked"))
    alive = [each for each in project.posts() if each["status"] in ("pending", "scheduled")]
    assert len(alive) == live
    assert len({(each["account_id"], each["at"]) for each in alive}) == live
    return last


@BOTH
@pytest.mark.parametrize("verb", ["plan", "status", "apply"])
def test_a_read_that_hangs_is_not_waited_for(project: Project, verb: str, number: int) -> None:
    """Nothing is in flight that a person could lose, so a signal ends the run at once."""
    project.calendar(video("teaser", ahead(days=3)), flow("loop", ahead(days=3), 0))
    project.apply()
    project.calendar(video("teaser", ahead(days=3)), flow("loop", ahead(days=4), 0))
    before = len(project.writes())
    project.box.fault("delay", request_class="read", seconds=HANGS, times=None)
    argv = APPLY if verb == "apply" else (verb, "--format", "json")
    begun = len(project.box.requests())
    running = project.start(*argv)
    until(lambda: len(project.box.requests()) > begun)
    began = time.monotonic()
    running.signal(number)
    result = project.end(running, *argv)
    assert result.code == 130
    assert time.monotonic() - began < HANGS / 2
    assert len(project.writes()) == before
    converges(project, 2)


@BOTH
def test_a_wait_for_the_rate_ends_at_once(project: Project, number: int) -> None:
    """A run that waits for its place in the minute, or for what the service asked it to wait, wakes and ends."""
    project.calendar(*(flow(f"p{n}", ahead(days=3 + n), n) for n in range(3)))
    project.box.fault(
        "answer", path="/api/v1/schedule/create", status=429, headers={"Retry-After": "50"}, times=None
    )
    running = project.start(*APPLY)
    seen(project, "/api/v1/schedule/create")
    began = time.monotonic()
    running.signal(number)
    result = project.end(running, *APPLY)
    assert result.code == 130
    assert time.monotonic() - began < HANGS / 2
    assert set(result.outcomes().values()) == {"skipped"}
    assert project.posts() == []
    converges(project, 3)


@BOTH
def test_a_backoff_ends_at_once(project: Project, number: int) -> None:
    """A run that would try again later does not; what is not known stays open, and no post is made twice."""
    project.calendar(video("teaser", ahead(days=3)))
    project.box.fault("reset_after", path="/v1/content/publish", times=None)
    running = project.start(*APPLY)
    seen(project, "/v1/content/publish")
    running.signal(number)
    result = project.end(running, *APPLY)
    assert result.code == 130
    converges(project, 1)


@BOTH
def test_a_wait_for_the_lock_ends_at_once(project: Project, number: int) -> None:
    """An apply that waits for another one ends without having changed anything; the other one is not disturbed."""
    project.calendar(flow("loop", ahead(days=3), 0))
    project.box.fault("delay", path="/api/v1/schedule/create", seconds=4)
    first = project.start(*APPLY)
    seen(project, "/api/v1/schedule/create")
    waiting = ("apply", "-y", "--format", "json", "--lock-timeout", "10m", "-v")
    second = project.start(*waiting)
    until(lambda: (lock := project.root / ".calsync/state.json.lock").exists() and opened(second.pid, lock))
    second.signal(number)
    assert project.end(second, *waiting).code == 130
    assert project.end(first, *APPLY).code == 0
    converges(project, 1)


def opened(pid: int, path: Path) -> bool:
    """Whether a process has a file open."""
    try:
        return any(each.resolve() == path.resolve() for each in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


@BOTH
def test_no_further_upload_begins(project: Project, number: int) -> None:
    """Uploads under way are finished and kept; those that waited for their turn are not begun."""
    project.calendar(
        *(video(f"p{n}", ahead(days=3 + n), media=name) for n, name in enumerate(films(project, 10)))
    )
    project.box.fault("delay", request_class="upload", seconds=1, times=None)
    running = project.start(*APPLY)
    until(lambda: sum(each["request_class"] == "upload" for each in project.writes()) >= 2)
    running.signal(number)
    until(lambda: "finishing" in running.said()[1])
    result = project.end(running, *APPLY)
    assert result.code == 130
    uploaded = len(project.box.uploads())
    assert uploaded <= 4  # as many as are under way at once
    assert len(project.state()["uploads"]) == uploaded
    last = converges(project, 10)
    assert len(project.box.uploads()) == 10, last


@BOTH
def test_a_replace_is_not_left_half_done(project: Project, number: int) -> None:
    """A post that was taken back to be replaced is made again before the run ends, whatever has to be waited for."""
    project.box.set_knobs(ping=200)
    project.calendar(video("teaser", ahead(days=3)))
    project.apply()
    project.calendar(video("teaser", ahead(days=3), caption="Edited"))
    project.box.fault("answer", request_class="publish", status=429, headers={"Retry-After": "2"}, times=1)
    before = len(project.box.requests())
    running = project.start(*APPLY)
    until(lambda: any(each["status"] == 429 for each in project.box.requests()[before:]))
    running.signal(number)
    result = project.end(running, *APPLY)
    assert result.code == 130
    assert result.outcomes() == {"spring/teaser@brand": "done"}
    converges(project, 1)


def test_ctrl_c_at_a_terminal_reaches_the_whole_group(project: Project) -> None:
    """Terminals signal the whole process group, shells and all: what is in flight is finished all the same."""
    project.calendar(*(flow(f"p{n}", ahead(days=3 + n), n) for n in range(8)))
    project.box.fault("delay", path="/api/v1/schedule/create", seconds=1, times=None)
    process = subprocess.Popen(
        ["/bin/sh", "-c", f"trap '' INT; '{sys.executable}' -m calsync apply -y; exit $?"],
        cwd=project.root,
        env={**project.env, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    seen(project, "/api/v1/schedule/create")
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert b"interrupted: finishing create spring/p" in err
    assert 1 <= len(project.posts()) < 8
    assert len(project.state()["posts"]) == len(project.posts())
    converges(project, 8)
