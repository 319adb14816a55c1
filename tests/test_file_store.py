"""State in a file: real bytes at every length, and places that are none."""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from state_values import PROJECT, WHO, address, file_store, held, opening, record, there

from calsync.errors import StateConflict, StateError, StateUnreadable
from calsync.model import Recorded
from calsync.recorded import read
from calsync.stores.file import FileStore

STATE = Path(".calsync/state.json")


def state_of(root: Path) -> Recorded:
    return there(read(file_store(root), project=PROJECT))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# Bytes


def run_of_changes(root: Path) -> tuple[list[Recorded], bytes, bytes]:
    """The states of a run after each change, and its snapshot and journal before they are folded."""
    states = []
    with held(file_store(root)) as ledger:
        ledger.note_commit("before")
    with held(file_store(root)) as ledger:
        states.append(ledger.recorded)
        for number in range(3):
            ledger.begin(opening(f"p{number}"))
            states.append(ledger.recorded)
            ledger.settle(address(f"p{number}"), record=record(f"p{number}", caption="é 🎬"))
            states.append(ledger.recorded)
        snapshot = (root / STATE).read_bytes()
        journal = (root / ".calsync/state.json.journal").read_bytes()
    return states, snapshot, journal


def test_a_journal_torn_at_any_byte_is_a_state_that_was(tmp_path: Path) -> None:
    """Every length of the journal reads as the state after some change, and the next run goes on from it."""
    states, snapshot, journal = run_of_changes(tmp_path)
    file = tmp_path / ".calsync/state.json.journal"
    (tmp_path / STATE).write_bytes(snapshot)
    for length in range(len(journal) + 1):
        file.write_bytes(journal[:length])
        whole = journal[:length].count(b"\n")
        assert state_of(tmp_path) == states[whole]
    for length in (0, 1, len(journal) // 2, len(journal) - 1):
        (tmp_path / STATE).write_bytes(snapshot)
        file.write_bytes(journal[:length])
        with held(file_store(tmp_path)) as ledger:
            assert ledger.recorded == states[journal[:length].count(b"\n")]
            ledger.put(record("after"))
            expected = ledger.recorded
            assert state_of(tmp_path) == expected
        assert state_of(tmp_path) == expected
        assert not file.exists()


def test_a_torn_line_is_cut_off_before_the_next(tmp_path: Path) -> None:
    """An entry never continues a torn one, however long that is."""
    store = file_store(tmp_path)
    journal = tmp_path / ".calsync/state.json.journal"
    for torn in (b"t", b"t" * 4096, b"t" * 10_000):
        for whole in (b"", b"one\n", b"one\n" * 3000):
            with store.hold(WHO, timeout=0):
                blob = store.read()
                store.write(b"snapshot", expecting=blob.token if blob else None)
                journal.write_bytes(whole + torn)
                blob = store.read()
                assert blob is not None
                store.append(b"two", expecting=blob.token)
                assert journal.read_bytes() == whole + b"two\n"


def test_a_crash_before_the_journal_is_emptied_is_harmless(tmp_path: Path) -> None:
    """The new snapshot under the old journal is the same state, and the next run tidies up."""
    states, _, journal = run_of_changes(tmp_path)
    file = tmp_path / ".calsync/state.json.journal"
    file.write_bytes(journal)
    assert state_of(tmp_path) == states[-1]
    with held(file_store(tmp_path)) as ledger:
        assert ledger.recorded == states[-1]
        assert not file.exists()


def test_a_half_written_snapshot_is_never_the_state(tmp_path: Path) -> None:
    """What a killed run left in its temporary file is in nobody's way."""
    states, snapshot, _ = run_of_changes(tmp_path)
    fresh = tmp_path / ".calsync/state.json.tmp"
    fresh.write_bytes(snapshot[: len(snapshot) // 2])
    assert state_of(tmp_path) == states[-1]
    with held(file_store(tmp_path)) as ledger:
        ledger.put(record("after"))
    assert not fresh.exists()
    assert state_of(tmp_path).serial == states[-1].serial + 1


def test_the_backup_can_be_put_back(tmp_path: Path) -> None:
    """`.bak` is the state before the last run, byte for byte."""
    states, snapshot, _ = run_of_changes(tmp_path)
    backup = tmp_path / ".calsync/state.json.bak"
    assert backup.read_bytes() == snapshot
    (tmp_path / STATE).write_bytes(b"broken")
    with pytest.raises(StateUnreadable):
        state_of(tmp_path)
    (tmp_path / STATE).write_bytes(backup.read_bytes())
    assert state_of(tmp_path) == states[0]


def test_an_action_writes_the_same_bytes_in_any_state(tmp_path: Path) -> None:
    """An action appends one line to the journal and leaves the snapshot alone, whatever its size."""
    grown = []
    for posts in (1, 2000):
        root = tmp_path / str(posts)
        root.mkdir()
        with held(file_store(root)) as ledger:
            ledger.put(*(record(f"other-{number}") for number in range(posts)))
        with held(file_store(root)) as ledger:
            before = (root / STATE).stat()
            ledger.begin(opening())
            journal = root / ".calsync/state.json.journal"
            grown.append(journal.stat().st_size)
            after = (root / STATE).stat()
            assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert grown[0] == grown[1]


def test_a_reader_never_sees_a_half_state(tmp_path: Path) -> None:
    """Plan and status read without a lock while runs begin, write, fold and end."""
    with held(file_store(tmp_path)) as ledger:
        ledger.note_commit("first")
    seen: list[int] = []
    done = threading.Event()
    errors: list[BaseException] = []

    def look() -> None:
        try:
            while not done.is_set():
                seen.append(state_of(tmp_path).serial)
        except BaseException as error:  # noqa: BLE001 - the assertion is made in the test's own thread
            errors.append(error)

    reader = threading.Thread(target=look)
    reader.start()
    for run in range(30):
        with held(file_store(tmp_path)) as ledger:
            for number in range(4):
                ledger.note_commit(f"{run}-{number}")
    done.set()
    reader.join()
    assert errors == []
    assert seen == sorted(seen)


# Somebody else


def test_an_edit_by_hand_is_not_overwritten(tmp_path: Path) -> None:
    """Who changes the file or its journal during a run wins; the run stops."""
    for name in ("state.json", "state.json.journal"):
        root = tmp_path / name
        root.mkdir()
        with ExitStack() as run:
            ledger = run.enter_context(held(file_store(root)))
            ledger.put(record("a"))
            edited = (root / ".calsync" / name).read_bytes() + b"\n"
            (root / ".calsync" / name).write_bytes(edited)
            with pytest.raises(StateConflict):
                ledger.put(record("b"))
            with pytest.raises(StateConflict):
                run.close()
        assert (root / ".calsync" / name).read_bytes() == edited


def test_an_edit_at_any_moment_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an edit that keeps the size nor one during a write is overwritten."""
    store, file = file_store(tmp_path), tmp_path / STATE
    with store.hold(WHO, timeout=0):
        token = store.write(b"snapshot", expecting=None)
        file.write_bytes(b"SNAPSHOT")
        os.utime(file, ns=(0, 0))
        with pytest.raises(StateConflict):
            store.write(b"other", expecting=token)
        blob = store.read()
        assert blob is not None

        def fsync(_: int) -> None:
            file.write_bytes(b"meanwhile")

        with monkeypatch.context() as patched:
            patched.setattr("calsync.stores.file.os.fsync", fsync)
            with pytest.raises(StateConflict):
                store.write(b"other", expecting=blob.token)
    assert file.read_bytes() == b"meanwhile"
    assert not (tmp_path / ".calsync/state.json.tmp").exists()


def test_a_directory_that_vanished_is_a_conflict(tmp_path: Path) -> None:
    """A state that is deleted under a run is not made again behind anybody's back."""
    store = file_store(tmp_path)
    with store.hold(WHO, timeout=0):
        token = store.write(b"snapshot", expecting=None)
        (tmp_path / STATE).unlink()
        with pytest.raises(StateConflict):
            store.append(b"one", expecting=token)
        with pytest.raises(StateConflict):
            store.write(b"other", expecting=token)
    assert store.read() is None


# Places


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    """Captions are not public before their time: 0600 for files, 0700 for the directory."""
    with held(file_store(tmp_path)) as ledger:
        ledger.put(record("a"))
    with held(file_store(tmp_path)) as ledger:
        ledger.put(record("b"))
        files = sorted((tmp_path / ".calsync").iterdir())
        assert [each.name for each in files] == [
            "state.json",
            "state.json.bak",
            "state.json.journal",
            "state.json.lock",
        ]
        assert {mode(each) for each in files} == {0o600}
    assert mode(tmp_path / ".calsync") == 0o700


def test_reading_leaves_no_trace(tmp_path: Path) -> None:
    """Plan makes neither directory nor lock."""
    assert file_store(tmp_path).read() is None
    assert file_store(tmp_path).holder() is None
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_leaves_the_project_is_refused(tmp_path: Path) -> None:
    """Neither `..`, nor an absolute path, nor a link of any kind leads out."""
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()
    (outside / "state.json").write_text("{}")
    (project / "file.json").symlink_to(outside / "state.json")
    (project / "dangling.json").symlink_to(outside / "new.json")
    (project / "directory").symlink_to(outside)
    (project / "round.json").symlink_to(project / "round.json")
    for path in (
        "../outside/state.json",
        str(outside / "state.json"),
        "file.json",
        "dangling.json",
        "directory/state.json",
        "round.json",
        "nul\0.json",
        ".",
    ):
        with pytest.raises(StateError) as caught:
            FileStore(Path(path), project)
        assert str(tmp_path) not in caught.value.message or path.startswith("/")


def test_a_link_inside_the_project_is_followed_and_stays(tmp_path: Path) -> None:
    """A state file may be a link to another place of the project, and both names are one state with one lock."""
    (tmp_path / "data").mkdir()
    (tmp_path / "state.json").symlink_to("data/real.json")
    linked, real = FileStore(Path("state.json"), tmp_path), FileStore(Path("data/real.json"), tmp_path)
    with linked.hold(WHO, timeout=0):
        linked.write(b"snapshot", expecting=None)
        assert real.holder() == WHO
    assert (tmp_path / "state.json").is_symlink()
    assert linked.read() == real.read()
    assert linked.where == "data/real.json"


def two_runs(root: Path) -> None:
    for post in ("a", "b"):
        with held(file_store(root)) as ledger:
            ledger.put(record(post))


@pytest.mark.parametrize(
    "name", ["state.json.journal", "state.json.lock", "state.json.bak", "state.json.tmp"]
)
def test_a_link_beside_it_is_not_followed(tmp_path: Path, name: str) -> None:
    """A pull request cannot have calsync write through a link: it is refused or replaced, its target stays."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    home = tmp_path / "project"
    (home / ".calsync").mkdir(parents=True)
    (home / ".calsync" / name).symlink_to(victim)
    if name in ("state.json.journal", "state.json.lock"):
        with pytest.raises(StateError, match="symbolic link"):
            two_runs(home)
    else:
        two_runs(home)
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("name", ["state.json", "state.json.journal", "state.json.lock"])
@pytest.mark.parametrize("kind", ["directory", "pipe"])
def test_what_is_not_a_file_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    """A directory or a pipe in the place of a file is an error, and nobody waits at it."""
    (tmp_path / ".calsync").mkdir()
    place = tmp_path / ".calsync" / name
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
    with pytest.raises(StateError):
        two_runs(tmp_path)


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """The message has the reason and no path of this machine."""
    (tmp_path / ".calsync").write_text("a file where the directory should be")
    with pytest.raises(StateError) as caught:
        two_runs(tmp_path)
    assert str(tmp_path) not in caught.value.message
    with pytest.raises(StateError):
        file_store(tmp_path).read()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_directory_is_an_error(tmp_path: Path) -> None:
    """Reading still works there; holding says what to do."""
    with held(file_store(tmp_path)) as ledger:
        ledger.put(record())
    (tmp_path / ".calsync").chmod(0o500)
    (tmp_path / ".calsync/state.json.lock").chmod(0o400)
    try:
        assert state_of(tmp_path).serial == 1
        with pytest.raises(StateError) as caught, held(file_store(tmp_path)):
            raise AssertionError
        assert caught.value.hint is not None
    finally:
        (tmp_path / ".calsync").chmod(0o700)


@pytest.mark.parametrize(
    ("broken", "name"),
    [
        ("os.write", "append"),
        ("_sync_data", "append"),
        ("os.write", "write"),
        ("os.fsync", "write"),
        ("Path.replace", "write"),
        ("os.write", "keep"),
    ],
)
def test_a_failing_disk_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, name: str
) -> None:
    """Whatever call fails, snapshot and journal read as before, and the next attempt is welcome."""
    store = file_store(tmp_path)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with store.hold(WHO, timeout=0):
        token = store.append(b"one", expecting=store.write(b"snapshot", expecting=None))
        before = store.read()
        attempts: dict[str, Callable[[], object]] = {
            "append": lambda: store.append(b"two", expecting=token),
            "write": lambda: store.write(b"other", expecting=token),
            "keep": store.keep,
        }
        with monkeypatch.context() as patched:
            patched.setattr(f"calsync.stores.file.{broken}", fail)
            with pytest.raises(StateError, match=os.strerror(errno.EIO)):
                attempts[name]()
        assert store.read() == before
        assert not (tmp_path / ".calsync/state.json.tmp").exists()
        attempts[name]()


def test_a_platform_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where two runs could not be kept apart, none begins."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with pytest.raises(StateError, match="no file locks"), file_store(tmp_path).hold(WHO, timeout=0):
        raise AssertionError
