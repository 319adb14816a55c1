"""State in a file among real processes, with real signals and a disk that is really full."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from state_values import PROJECT, WHO, file_store, held, record, there

import calsync
from calsync.errors import StateLocked
from calsync.model import Recorded
from calsync.recorded import read

PREAMBLE = """
import sys
from pathlib import Path
from calsync.stores.base import Holder
from calsync.stores.file import FileStore
store = FileStore(Path(".calsync/state.json"), Path(sys.argv[1]))
who = Holder(host="elsewhere", pid=99, since="2026-03-01T09:00:00Z", run="https://ci.example/runs/7")
"""


def state_of(root: Path) -> Recorded:
    return there(read(file_store(root), project=PROJECT))


@contextmanager
def process(root: Path, script: str) -> Iterator[subprocess.Popen[str]]:
    """Another Python that runs PREAMBLE and the script; killed at the end."""
    environment = os.environ | {"PYTHONPATH": str(Path(calsync.__file__).parent.parent)}
    with subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + script, str(root), PROJECT],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def line_of(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


HOLD_FOR_EVER = """
import time
with store.hold(who, timeout=0):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_process_is_told_who_the_first_is(tmp_path: Path) -> None:
    """A lock of another process holds here, and the message names host, pid, since and CI run."""
    with process(tmp_path, HOLD_FOR_EVER) as child:
        assert line_of(child) == "held"
        with pytest.raises(StateLocked) as caught, file_store(tmp_path).hold(WHO, timeout=0.1):
            raise AssertionError
        words = (
            "elsewhere",
            "99",
            "2026-03-01T09:00:00Z",
            "https://ci.example/runs/7",
            ".calsync/state.json",
        )
        assert all(word in caught.value.message for word in words)
        found = file_store(tmp_path).holder()
        assert found is not None
        assert found.host == "elsewhere"


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    """SIGKILL frees the lock at once, though the name is still written in it."""
    with process(tmp_path, HOLD_FOR_EVER) as child:
        assert line_of(child) == "held"
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert b"elsewhere" in (tmp_path / ".calsync/state.json.lock").read_bytes()
    assert file_store(tmp_path).holder() is None
    with file_store(tmp_path).hold(WHO, timeout=0):
        pass


def test_a_child_that_inherited_the_lock_does_not_keep_it(tmp_path: Path) -> None:
    """A forked process that outlives the run shares the lock's descriptor and holds nothing."""
    store = file_store(tmp_path)
    with store.hold(WHO, timeout=0):
        assert store._lock_fd is not None
        inherited = os.dup(store._lock_fd)
    with file_store(tmp_path).hold(WHO, timeout=0):
        pass
    os.close(inherited)


def test_all_that_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """A process that is killed while it writes has lost nothing that it had been told is durable."""
    script = """
from datetime import UTC, datetime
from calsync.model import *
from calsync.recorded import Ledger
content = Content(at=datetime(2026, 3, 15, tzinfo=UTC), caption="x" * 5000)
with Ledger.hold(store, who, project=sys.argv[2], timeout=0, create=True) as ledger:
    number = 0
    while True:
        number += 1
        ledger.put(Record(address=Address("c", f"p{number}", "b"), account=AccountKey("postqued", "1"),
                          remote_id=RemoteId("r"), content=content, api="v1"))
        print(ledger.recorded.serial, flush=True)
"""
    with process(tmp_path, script) as child:
        for _ in range(20):
            told = int(line_of(child))
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert child.stdout is not None
        told = max([told, *(int(line) for line in child.stdout.read().split("\n")[:-1])])
    state = state_of(tmp_path)
    assert state.serial in (told, told + 1)
    assert len(state.records) == state.serial
    with held(file_store(tmp_path)) as ledger:
        assert ledger.recorded == state
        ledger.put(record())
    assert state_of(tmp_path).serial == state.serial + 1


def test_a_full_disk_never_makes_it_worse(tmp_path: Path) -> None:
    """Where a file cannot grow, the change is refused, the journal has its old length, and all before is there."""
    script = """
import resource
from calsync.errors import StateError
room = 3000
with store.hold(who, timeout=0):
    token = store.write(b"s" * 100, expecting=None)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    journal = Path(sys.argv[1], ".calsync/state.json.journal")
    entries = 0
    try:
        while True:
            token = store.append(b"e" * 699, expecting=token)
            entries += 1
    except StateError as error:
        print(entries, journal.stat().st_size, error.message, "|", error.hint, flush=True)
    token = store.append(b"small", expecting=token)
    try:
        store.write(b"s" * 5000, expecting=token)
    except StateError as error:
        print(error.message, flush=True)
    store.write(b"end", expecting=token)
"""
    with process(tmp_path, script) as child:
        said = line_of(child)
        assert said.startswith("4 2800 ")
        assert os.strerror(errno.EFBIG) in said
        assert "still there" in said
        assert "cannot be written" in line_of(child)
        assert child.wait() == 0
    blob = file_store(tmp_path).read()
    assert blob is not None
    assert (blob.snapshot, blob.entries) == (b"end", ())
    assert {each.name for each in (tmp_path / ".calsync").iterdir()} == {"state.json", "state.json.lock"}
