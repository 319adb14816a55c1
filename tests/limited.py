"""A call in a process of its own that may not run away, and what it took."""

from __future__ import annotations

import os
import pickle
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Limited:
    """What a call came to: its result, its CPU seconds, and by how many MiB its memory grew at its peak."""

    result: Any
    seconds: float
    mebibytes: float


def limited(call: Callable[[], Any], *, seconds: int = 60, mebibytes: int = 2048) -> Limited:
    """Call in a fork of this process, which is ended where it takes more CPU time or address space than that."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            room = _status("VmSize") * 1024 + mebibytes * 2**20
            resource.setrlimit(resource.RLIMIT_AS, (room, room))
            before = _status("VmRSS")
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins now
            begun = os.times()
            result = call()
            ended = os.times()
            spent = ended.user + ended.system - begun.user - begun.system
            answer = pickle.dumps(Limited(result, spent, (_status("VmHWM") - before) / 1024))
            with os.fdopen(writing, "wb") as stream:
                stream.write(answer)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        answer = stream.read()
    os.waitpid(pid, 0)
    assert answer, "it was ended: too much time or memory, or it raised"
    answered = pickle.loads(answer)
    assert isinstance(answered, Limited)
    return answered


def _status(name: str) -> int:
    """A figure of this process, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
