"""Many writers at once: one works, the others are told who it is, and no change that was reported durable is lost.

That a second process is told who holds the file, and that a lock dies with its process, is proved for the store alone
in tests/test_file_store_processes.py and for two runs in tests/cli/test_cli_state.py. Here: many real runs at once, and
a store behind a network, where answers come late or never and a lock may have passed to somebody else.
"""

from __future__ import annotations

import json
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outside import UPLOADS, Project, ahead, flow, until
from state_values import PROJECT, WHO, address, held, opening, record, relaxed, there
from warm import Running

from calsync.errors import StateConflict, StateError, StateLocked
from calsync.model import Address
from calsync.recorded import Ledger, read
from calsync.stores.base import Holder, Waiting, unheard
from calsync.stores.memory import MemoryStore

CREATE, LIST = "/api/v1/schedule/create", "/api/v1/schedule/scheduled-videos"
MANY = 6
CI = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://ci.example",
    "GITHUB_REPOSITORY": "team/posts",
    "GITHUB_RUN_ID": "77",
}
APPLY = ("apply", "-y", "--format", "json")


def holder_of(project: Project) -> int:
    """The pid that is written in the lock."""
    pid = json.loads((project.root / ".calsync/state.json.lock").read_bytes())["pid"]
    assert isinstance(pid, int)
    return pid


def made(project: Project) -> Counter[str]:
    """How often each upload is scheduled."""
    return Counter(media for each in project.posts("pending") for media in each["media"])


def stuck(project: Project) -> None:
    """The next create is carried out, and its run hears nothing of it: it is left looking for it."""
    project.box.fault("answer_after", path=CREATE, status=503)
    project.box.fault("delay", path=LIST, skip=1, seconds=120)


def begun(project: Project) -> bool:
    return bool(made(project))


class TestRuns:
    """Real runs on one state file."""

    def test_many_at_once(self, project: Project) -> None:
        """Of many runs started together one works; each other says host, pid, since and run of it, and exits 1."""
        project.calendar(flow("a", ahead(days=3)), flow("b", ahead(days=4), 1))
        stuck(project)
        runs = [project.start(*APPLY, env=CI) for _ in range(MANY)]
        until(lambda: begun(project), 60)
        [working] = [each for each in runs if each.pid == holder_of(project)]
        host = json.loads((project.root / ".calsync/state.json.lock").read_bytes())["host"]
        for run in runs:
            if run is working:
                continue
            error = project.end(run, *APPLY).json["error"]
            assert error["code"] == "state-locked"
            said = error["message"]
            assert f"pid {working.pid} on {host}" in said
            assert re.search(r"since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", said)
            assert "https://ci.example/team/posts/actions/runs/77" in said
            assert "--lock-timeout" in error["hint"]
        self._the_next_one_recovers(project, working)

    def _the_next_one_recovers(self, project: Project, working: Running) -> None:
        """The holder is killed in the middle of a create that happened: nobody has to unlock or mend anything."""
        assert working.kill() == -signal.SIGKILL
        project.box.clear_faults()
        assert project.plan().code == 0
        project.apply()
        assert made(project) == {UPLOADS[0]: 1, UPLOADS[1]: 1}
        assert project.plan("--detailed-exitcode").json["actions"] == []

    def test_many_that_wait(self, project: Project) -> None:
        """With --lock-timeout they have their turn one after the other, and find nothing left to do."""
        project.calendar(flow("a", ahead(days=3)))
        project.box.fault("delay", path=CREATE, seconds=1)
        argv = (*APPLY, "--lock-timeout", "5m")
        runs = [project.start(*argv) for _ in range(MANY)]
        done = [project.end(run, *argv, seconds=300) for run in runs]
        assert [each.code for each in done] == [0] * MANY
        assert sorted(len(each.json["actions"]) for each in done) == [0] * (MANY - 1) + [1]
        assert made(project) == {UPLOADS[0]: 1}

    def test_a_holder_that_is_killed_while_others_wait(self, project: Project) -> None:
        """SIGKILL lets the next in line go on from the journal; the rest find nothing to do."""
        project.calendar(flow("a", ahead(days=3)))
        stuck(project)
        first = project.start(*APPLY)
        until(lambda: begun(project), 60)
        argv = (*APPLY, "--lock-timeout", "5m")
        waiting = [project.start(*argv) for _ in range(3)]
        project.box.clear_faults()
        assert first.kill() == -signal.SIGKILL
        assert [project.end(run, *argv, seconds=300).code for run in waiting] == [0] * 3
        assert made(project) == {UPLOADS[0]: 1}
        assert project.plan("--detailed-exitcode").json["actions"] == []

    def test_each_with_work_of_its_own(self, project: Project) -> None:
        """Runs that each apply another calendar lose nothing of each other's work."""
        for number in range(MANY):
            project.calendar(flow("a", ahead(days=number + 3), number), name=f"c{number}")
        runs = {
            name: (argv, project.start(*argv))
            for name in (f"c{number}" for number in range(MANY))
            for argv in [(*APPLY, "--lock-timeout", "5m", "--calendar", name)]
        }
        for name, (argv, run) in runs.items():
            assert project.end(run, *argv, seconds=300).outcomes() == {f"{name}/a@flow": "done"}
        assert set(project.state()["posts"]) == {f"c{number}/a@flow" for number in range(MANY)}
        assert set(made(project).values()) == {1}


# A store behind a network


class Network:
    """What a network does to a store: the next calls of these kinds fail before or after they have happened."""

    def __init__(self) -> None:
        self.lost: dict[str, str] = {}

    def before(self, name: str) -> None:
        if self.lost.get(name) == "before":
            raise StateError("connection refused")

    def after(self, name: str) -> None:
        if self.lost.get(name) == "after":
            raise StateError("connection reset")

    @contextmanager
    def losing(self, calls: dict[str, str]) -> Iterator[None]:
        self.lost = calls
        try:
            yield
        finally:
            self.lost = {}


class Leased(MemoryStore):
    """A store whose lock is a lease that ran out for whoever holds it: many believe that they are the one writer."""

    @contextmanager
    def hold(self, who: Holder, *, timeout: float, waiting: Waiting = unheard) -> Iterator[None]:
        self._holder = who
        yield


WRITERS = 3
TROUBLE = st.dictionaries(
    st.sampled_from(["append", "write", "keep"]), st.sampled_from(["before", "after"]), max_size=1
)
STEP = st.tuples(st.integers(0, WRITERS - 1), st.sampled_from(["put", "put", "begin", "new"]), TROUBLE)


@relaxed
@given(st.lists(STEP, max_size=25))
def test_no_interleaving_loses_what_was_durable(steps: list[tuple[int, str, dict[str, str]]]) -> None:
    """Whoever writes after somebody else gets a conflict; what was reported durable is there after every step.

    A change whose answer was lost is there or is not, and its writer changes nothing any more: never a silent
    overwrite.
    """
    network = Network()
    store = Leased(before=network.before, after=network.after)
    durable: set[Address] = set()
    refused: set[Address] = set()
    out: set[int] = set()
    """Writers that were told of a conflict, or heard no answer."""
    serial = 0
    with ExitStack() as runs:
        writers: dict[int, tuple[ExitStack, Ledger]] = {}

        def begin(number: int) -> None:
            run = runs.enter_context(ExitStack())
            with suppress(StateError):
                writers[number] = (run, run.enter_context(held(store)))
            out.discard(number)

        for count, (number, kind, trouble) in enumerate(steps):
            with network.losing(trouble):
                if kind == "new" or number not in writers:
                    if number in writers:
                        with suppress(StateError):
                            writers.pop(number)[0].close()
                    begin(number)
                    continue
                ledger, name = writers[number][1], f"{kind}-{count}"
                before = store.read()
                try:
                    if kind == "put":
                        ledger.put(record(name))
                    else:
                        ledger.begin(opening(name))
                except StateConflict:
                    refused.add(address(name))
                    out.add(number)
                    assert store.read() == before
                except StateError:
                    if "after" in trouble.values() and store.read() != before:
                        out.add(number)
                else:
                    assert number not in out, "a writer that lost track went on"
                    durable.add(address(name))
            state = read(store, project=PROJECT)
            if state is not None:
                there_now = state.records.keys() | state.opens.keys()
                assert durable <= there_now
                assert not refused & there_now
                assert state.serial >= serial, "the serial went back"
                serial = state.serial
        for run, _ in writers.values():
            with suppress(StateError):
                run.close()
    state = read(store, project=PROJECT)
    assert durable <= (state.records.keys() | state.opens.keys() if state is not None else set())


@pytest.mark.parametrize("call", ["append", "write", "keep"])
@pytest.mark.parametrize("lost", ["before", "after"])
def test_an_answer_lost_at_any_call(call: str, lost: str) -> None:
    """One answer lost at each call of a run: refused and as before, or a conflict for all that comes after."""
    network = Network()
    store = MemoryStore(before=network.before, after=network.after)
    with held(store) as ledger:
        ledger.put(record("before"))
    told = {address("before")}
    with suppress(StateError), held(store) as ledger:
        for number in range(4):
            with network.losing({call: lost} if number == 1 else {}), suppress(StateError):
                ledger.put(record(f"p{number}"))
                told.add(address(f"p{number}"))
        if (call, lost) == ("append", "after"):
            with pytest.raises(StateConflict):
                ledger.put(record("later"))
    state = there(read(store, project=PROJECT))
    assert told <= state.records.keys()
    assert address("later") not in state.records
    if (call, lost) == ("append", "after"):
        assert told == {address("before"), address("p0")}
        assert state.records.keys() == told | {address("p1")}
    else:
        assert state.records.keys() == told
    with held(store) as ledger:
        ledger.put(record("next"))
    assert address("next") in there(read(store, project=PROJECT)).records


def test_threads_behind_a_slow_network() -> None:
    """Runs that wait for each other over a slow network with lost answers: one at a time, and nothing durable is lost."""
    chance = random.Random(7)
    guard = threading.Lock()
    durable: set[Address] = set()
    locked: list[StateLocked] = []
    wrong: list[BaseException] = []

    def unlucky() -> bool:
        with guard:
            return chance.random() < 0.1

    def slow(name: str) -> None:
        time.sleep(0.0005)
        if name in ("append", "write") and unlucky():
            raise StateError(f"no answer to {name}")

    store = MemoryStore(before=slow, after=slow)

    def work(name: int) -> None:
        for turn in range(8):
            post = f"{name}-{turn}"
            try:
                with held_patiently(store, name) as ledger:
                    for part in ("x", "y"):
                        ledger.put(record(post + part))
                        with guard:
                            durable.add(address(post + part))
            except StateLocked as error:
                locked.append(error)
            except StateError:
                continue
            except BaseException as error:  # noqa: BLE001 - the assertion is made in the test's own thread
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(120)
    assert (wrong, locked) == ([], [])
    store.before = store.after = lambda _: None
    state = there(read(store, project=PROJECT))
    assert durable <= state.records.keys()
    assert len(durable) > 20


@contextmanager
def held_patiently(store: MemoryStore, name: int) -> Iterator[Ledger]:
    who = Holder(host=f"runner-{name}", pid=name, since=WHO.since)
    with Ledger.hold(store, who, project=PROJECT, timeout=120, create=True) as ledger:
        assert store.holder() == who
        yield ledger
