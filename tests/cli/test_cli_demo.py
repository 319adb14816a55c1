"""calsync demo, as a newcomer starts it: anywhere, without keys, without a project."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from outside import until
from warm import Cold

from calsync.render.page import cells

REMOTE_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|c[0-9a-f]{24}")
KEY = "pq-real-and-private"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has keys and a broken project around; TMPDIR is theirs alone."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "calsync.yaml").write_text("version: 99\n")
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path / "tmp"),
        "POSTQUED_API_KEY": KEY,
        "TIKFLOW_API_KEY_FILE": "/does/not/exist",
        "CALSYNC_POSTQUED_URL": "https://127.0.0.1:9",
        "CALSYNC_CONFIG": str(tmp_path / "calsync.yaml"),
        "HTTP_PROXY": "http://127.0.0.1:9",
        "CI": "true",
        "GITHUB_ACTIONS": "true",
    }


def left(env: dict[str, str]) -> list[str]:
    """What the demo left behind anywhere that it can write."""
    base = Path(env["TMPDIR"]).parent
    return sorted(str(each.relative_to(base)) for each in base.rglob("*"))


def test_the_demo_tells_the_main_job(env: dict[str, str]) -> None:
    """It plans, applies, has nothing to do, moves, cancels, has nothing to do, and shows what was published."""
    before, spent = left(env), resource.getrusage(resource.RUSAGE_CHILDREN)
    code, out, err = Cold().start(["demo"], env, Path(env["HOME"], "here")).wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert code == 0, err
    told = [
        "$ calsync validate", "15 posts, valid",
        "$ calsync plan", "Plan: + 14 create",
        "$ calsync apply --yes", "Applied: 14 done.",
        "$ calsync apply --yes", "Nothing to do: 14 unchanged.",
        "-    at: 2031-03-25 19:00", "+    at: 2031-03-26 20:30", "+    cancel: true",
        "$ calsync apply --yes", "Plan: ~ 1 reschedule, - 1 cancel", "Applied: 2 done.",
        "$ calsync apply --yes", "Nothing to do: 13 unchanged.",
        "$ calsync status", "13 posts: 10 scheduled, 2 published, 1 delivered",
    ]  # fmt: skip
    at = 0
    for words in told:
        assert words in out[at:], f"{words!r} is missing after:\n{out[:at]}"
        at = out.index(words, at) + len(words)
    assert KEY not in out + err
    assert "\x1b" not in out + err
    assert left(env) == before
    assert after.ru_utime + after.ru_stime - spent.ru_utime - spent.ru_stime < 10


def test_the_demo_is_the_same_every_time(env: dict[str, str]) -> None:
    """Apart from the ids that the services give, two runs print the same, on 80 columns where it is prose."""
    outs = [
        Cold().start(["demo"], {**env, "TZ": zone}, Path(env["HOME"])).wait()[1]
        for zone in ("", "Asia/Tokyo")
    ]
    first, second = (REMOTE_ID.sub("ID", out) for out in outs)
    # The digest of a plan covers the ids of what it moves and cancels.
    assert re.sub(r"(?m)^plan [0-9a-f]{8}", "plan", first) == re.sub(r"(?m)^plan [0-9a-f]{8}", "plan", second)
    wide = [line for line in outs[0].splitlines() if cells(line) > 80]
    assert all("note[" in line for line in wide)  # `validate` keeps file:line:column: message on one line


def test_the_demo_is_interrupted(env: dict[str, str]) -> None:
    """Ctrl-C at any moment ends it with 130, and leaves nothing behind."""
    before = left(env)
    for words in ("1. Check", "$ calsync apply", "7. Nine days later"):
        running = Cold().start(["demo"], env, Path(env["HOME"]))
        until(lambda words=words, running=running: words in running.said()[0])  # type: ignore[misc]
        running.signal(signal.SIGINT)
        code, out, err = running.wait()
        # Where Ctrl-C met an import that ran generated code, Python ends by the signal itself; a shell says 130 too.
        assert code in (130, -signal.SIGINT) or out.rstrip().endswith("a first real post.")
        # Python may swallow it, with a complaint, where it meets a weak reference's callback; then the demo goes on.
        assert "Traceback" not in err or "Exception ignored" in err
        assert left(env) == before


def test_bars_leave_the_result_on_stdout(env: dict[str, str]) -> None:
    """With the terminal on stderr only, bars are drawn there, and stdout holds what it holds without them."""
    ours, theirs = pty.openpty()
    drawn: list[bytes] = []
    reader = threading.Thread(target=_drain, args=(ours, drawn))
    reader.start()
    try:
        process = subprocess.run(
            [sys.executable, "-m", "calsync", "demo"],
            env={**env, "TERM": "xterm", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            cwd=env["HOME"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
            timeout=60,
            check=True,
        )
    finally:
        os.close(theirs)
        reader.join()
        os.close(ours)
    assert b"\x1b[" in b"".join(drawn)
    assert process.stdout.count(b"Plan: + 14 create") == 2
    assert b"\x1b" not in process.stdout


def _drain(terminal: int, drawn: list[bytes]) -> None:
    """Read what is drawn until nobody can draw any more, which a terminal says by an error."""
    with contextlib.suppress(OSError):
        while chunk := os.read(terminal, 65536):
            drawn.append(chunk)
