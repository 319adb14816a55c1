"""One git command at a time: whatever interrupts a run, no git of its is left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """\
import os, signal, sys
from pathlib import Path
from calsync.git.calls import Git

def stop(number, frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, stop)
git, here = Git({"PATH": sys.argv[1] + os.pathsep + os.defpath}), Path(sys.argv[1])
for tenth in range(1, 61):
    signal.setitimer(signal.ITIMER_REAL, tenth / 10_000)
    try:
        git.run("version", cwd=here)
    except KeyboardInterrupt:
        pass
"""


def test_a_run_that_is_stopped_leaves_no_git_behind(tmp_path: Path) -> None:
    """A signal may come while git is being started, at any tenth of a millisecond: git ends with the run."""
    fake = tmp_path / "git"
    fake.write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/started\nexec sleep 300\n")
    fake.chmod(0o755)
    argv = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    ran = subprocess.run(argv, capture_output=True, timeout=300, check=False, text=True)
    assert ran.returncode == 0, ran.stderr
    started = tmp_path / "started"
    numbers = started.read_text().split() if started.exists() else []
    assert [each for each in numbers if Path(f"/proc/{each}").exists()] == []
