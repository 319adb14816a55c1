"""State on a branch: real repositories over file:// and smart HTTP, races, lost answers, and what is not ours."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace as altered
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gits import PLAIN, Smart, bare, branch, clone, file_of, git, log
from state_values import NOON, PROJECT, WHO, held, opening, record

import calsync
from calsync.apply import Hands, send_again
from calsync.environment import Environment
from calsync.errors import StateConflict, StateError, StateLocked, StateUnreadable
from calsync.git.branch import LARGEST, folder_of
from calsync.git.calls import Git, GitProblem
from calsync.git.repository import Repository, Token
from calsync.interrupts import StopSign
from calsync.model import AccountKey, MediaFile, Policy
from calsync.plan import Action
from calsync.plan.outcome import Outcome
from calsync.providers.base import Scope, Submission
from calsync.providers.memory import Memory
from calsync.recorded import Ledger, read
from calsync.stores.base import Blob, Holder
from calsync.stores.git import LEASE, MARGIN, GitStore

OTHER = Holder(host="runner-2", pid=12, since="2026-03-01T09:05:00Z")
JOB = Holder(
    host="runner-1",
    pid=7,
    since="2026-03-01T09:00:00Z",
    run="https://ci.example/runs/7",
    actor="ada",
    commit="c0ffee",
)


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return bare(tmp_path / "remote.git")


@pytest.fixture
def here(tmp_path: Path, remote: Path) -> Path:
    return clone(tmp_path / "here", remote.as_uri())


def there(blob: Blob | None) -> Blob:
    assert blob is not None
    return blob


# What is written


def test_a_run_is_a_few_commits_that_tell_what_was_done(here: Path, remote: Path) -> None:
    """The log names project, actions, run, actor, commit and plan; the tree is a README and a folder per project."""
    with held(GitStore(branch(here)), create=True):
        pass
    assert log(remote) == ["project: lock", "project: unlock"]
    store = GitStore(branch(here))
    with store.hold(JOB, timeout=0):
        token = store.write(b"snapshot", expecting=None, lazy=True)
        token = store.append(b"one", expecting=token, lazy=True, note="plan 3f9a1c2b")
        token = store.append(b"two", expecting=token, note="begin create a/b@c\nbegin cancel a/c@c")
        assert file_of(remote, "project/journal.jsonl") == "one\ntwo"
        token = store.append(b"three", expecting=token, lazy=True, note="done a/b@c, \x1b[31mr-1")
        assert file_of(remote, "project/journal.jsonl") == "one\ntwo"
        store.write(b"folded", expecting=token, lazy=True)
    assert log(remote)[2:] == ["project: lock", "project: plan, 2 x begin", "project: done"]
    assert git(remote, "ls-tree", "-r", "--name-only", "calsync-state").splitlines() == [
        "README.md",
        "calsync-state.json",
        "project/state.json",
    ]
    assert file_of(remote, "project/state.json") == "folded"
    said = git(remote, "log", "-1", "--format=%b", "calsync-state")
    for word in (
        "done a/b@c, \\x1b[31mr-1",
        "Plan: 3f9a1c2b",
        "Commit: c0ffee",
        "runs/7",
        "Actor: ada",
        "runner-1",
    ):
        assert word in said
    assert git(remote, "rev-list", "--max-parents=0", "--count", "calsync-state") == "1"


@pytest.mark.parametrize("depth", [None, 1])
def test_the_persons_repository_is_not_touched(tmp_path: Path, remote: Path, depth: int | None) -> None:
    """Index, HEAD, refs, work tree and shallow marks keep their bytes; hooks do not run; GIT_DIR leads nowhere."""
    seed = clone(tmp_path / "seed", remote.as_uri())
    (seed / "file").write_text("one")
    git(seed, "add", ".")
    git(seed, "commit", "-q", "-m", "second")
    git(seed, "push", "-q", "origin", "main")
    here = tmp_path / "here"
    git(tmp_path, "clone", "-q", *([f"--depth={depth}"] if depth else []), remote.as_uri(), str(here))
    hooks = here / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    ran = tmp_path / "ran"
    for name in ("pre-push", "post-checkout", "reference-transaction", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {ran}\nexit 1\n")
        (hooks / name).chmod(0o755)
    git(here, "config", "core.hooksPath", str(hooks))
    (here / "file").write_text("two")
    (here / "new").write_text("new")
    before = {
        path: path.read_bytes() for path in here.rglob("*") if path.is_file() and path.name != "fsmonitor"
    }
    ran.unlink(missing_ok=True)
    env = PLAIN | {"GIT_DIR": "/nowhere", "GIT_WORK_TREE": "/nowhere", "GIT_INDEX_FILE": str(tmp_path / "i")}
    store = GitStore(branch(here, env=env))
    with store.hold(WHO, timeout=0):
        store.append(b"one", expecting=store.write(b"snapshot", expecting=None))
    assert there(GitStore(branch(here, env=env)).read()).entries == (b"one",)
    after = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    assert after == before
    assert not ran.exists()


def test_names_of_folders_are_safe() -> None:
    """A folder is named by the lineage, else by the project's path, and no two of them meet."""
    assert folder_of("5b1e0c6a-0000-4000-8000-000000000001", "x") == "5b1e0c6a-0000-4000-8000-000000000001"
    assert folder_of(None, "") == "at.root"
    names = ["a/b", "a-b", "../x", "-rf", ".git", "ü", "a\nb", '"', "x" * 300]
    folders = {folder_of(name, "") for name in names} | {folder_of(None, name) for name in names}
    assert len(folders) == 2 * len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", each) for each in folders)


# Several writers


def test_projects_share_a_branch(here: Path, remote: Path, tmp_path: Path) -> None:
    """Two projects that write at once rebase on each other: nothing of either is lost, none is in the other's way."""
    rounds, errors = 5, list[BaseException]()

    def work(folder: str) -> None:
        try:
            store = GitStore(branch(here, folder=folder))
            with store.hold(WHO, timeout=0):
                token = store.write(b"snapshot", expecting=None)
                for number in range(rounds):
                    token = store.append(b"%d" % number, expecting=token)
        except BaseException as error:  # noqa: BLE001 - the assertion is made in the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []
    for folder in ("a", "b"):
        blob = there(GitStore(branch(here, folder=folder)).read())
        assert blob.entries == tuple(b"%d" % number for number in range(rounds))
    assert len(log(remote)) == 2 * (rounds + 3)


def test_one_of_many_writers_holds_it(tmp_path: Path, remote: Path) -> None:
    """Runs in several clones that start at once: one at a time, every durable entry is there, in order."""
    errors, inside, most = list[BaseException](), [0], [0]

    def work(name: str) -> None:
        try:
            root = clone(tmp_path / name, remote.as_uri())
            for number in range(2):
                store = GitStore(branch(root))
                with store.hold(WHO, timeout=120):
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    blob = store.read()
                    token = store.write(b"snapshot", expecting=None) if blob is None else blob.token
                    store.append(f"{name}{number}".encode(), expecting=token)
                    inside[0] -= 1
        except BaseException as error:  # noqa: BLE001 - the assertion is made in the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b", "c")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []
    assert most == [1]
    entries = there(GitStore(branch(tmp_path / "a")).read()).entries
    assert sorted(entries) == sorted(f"{name}{number}".encode() for name in "abc" for number in range(2))
    for name in "abc":
        assert [each for each in entries if each.startswith(name.encode())] == [
            f"{name}{number}".encode() for number in range(2)
        ]


def test_a_killed_holder_keeps_others_out_until_its_time_is_over(tmp_path: Path, here: Path) -> None:
    """After SIGKILL the lease stands: the message says whose and until when; later, or by unlock, it is free."""
    script = """
import sys, time
from pathlib import Path
from gits import branch
from calsync.stores.base import Holder
from calsync.stores.git import GitStore
store = GitStore(branch(Path(sys.argv[1])))
with store.hold(Holder(host="elsewhere", pid=99, since="2026-03-01T09:00:00Z", run="https://ci.example/7"), timeout=0):
    store.append(b"begun", expecting=store.write(b"snapshot", expecting=None))
    print("held", flush=True)
    time.sleep(600)
"""
    paths = [str(Path(calsync.__file__).parent.parent), str(Path(__file__).parent)]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", script, str(here)], stdout=subprocess.PIPE, text=True, env=env
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        child.send_signal(signal.SIGKILL)
        child.wait()
    with pytest.raises(StateLocked) as caught, GitStore(branch(here)).hold(OTHER, timeout=0):
        raise AssertionError
    for word in ("elsewhere", "99", "2026-03-01T09:00:00Z", "https://ci.example/7"):
        assert word in caught.value.message
    assert re.search(r"free at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", caught.value.hint or "")
    later = GitStore(branch(here), now=lambda: datetime.now(UTC) + LEASE + MARGIN + timedelta(seconds=30))
    with later.hold(OTHER, timeout=0):
        assert there(later.read()).entries == (b"begun",)
    with GitStore(branch(here)).hold(WHO, timeout=0):
        was = GitStore(branch(here)).unlock(OTHER)
        assert was == WHO
        assert GitStore(branch(here)).unlock(OTHER) is None


def test_who_lost_the_lease_writes_nothing_more(here: Path) -> None:
    """A run whose lease another one took is told at its next intent, before that can be sent."""
    first, second = (
        GitStore(branch(here)),
        GitStore(branch(here), now=lambda: datetime.now(UTC) + timedelta(hours=1)),
    )
    with ExitStack() as run:
        ledger = run.enter_context(held(first))
        ledger.begin(opening("a"))
        with held(second) as other:
            assert other.opened(opening("a").address) == opening("a")
            other.settle(opening("a").address, record=record("a"))
        with pytest.raises(StateConflict):
            ledger.begin(opening("b"))
        with pytest.raises(StateConflict):
            run.close()
    state = read(GitStore(branch(here)), project=PROJECT)
    assert state is not None
    assert (set(state.records), set(state.opens)) == ({opening("a").address}, set())


def test_an_intent_that_was_opened_with_others_goes_out_within_the_lease_alone(
    here: Path, remote: Path
) -> None:
    """Begun again before its request: at once while the lease is fresh, after a push when it is not, never when lost."""
    late = timedelta()
    first = GitStore(branch(here), now=lambda: datetime.now(UTC) + late)
    with ExitStack() as run:
        ledger = run.enter_context(held(first))
        ledger.begin(opening("a"), opening("b"), opening("c"))
        commits = len(log(remote))
        ledger.begin(opening("a"))
        assert len(log(remote)) == commits
        late = LEASE  # as after a machine has slept
        ledger.begin(opening("b"))
        assert len(log(remote)) == commits + 1
        late = LEASE * 3
        with held(GitStore(branch(here), now=lambda: datetime.now(UTC) + late)) as other:
            other.abandon(opening("c").address)
        with pytest.raises(StateConflict):
            ledger.begin(opening("c"))
        with pytest.raises(StateConflict):
            run.close()


def test_nothing_is_sent_again_by_who_lost_the_lease(here: Path, tmp_path: Path) -> None:
    """A create that an earlier run left open goes out again within the lease alone, however long a person thought."""
    memory = Memory(now=lambda: NOON - timedelta(days=1))
    account = AccountKey("memory", memory.remote_accounts[0].id)
    left = altered(opening("a"), account=account, begun=NOON - timedelta(days=1), api="1")
    what = Submission(scope=Scope(account), platform=left.platform, content=left.content, assets=left.assets)
    left = altered(left, body=hashlib.sha256(memory.create_body(what)).hexdigest())
    late = timedelta()
    with held(GitStore(branch(here)), create=True) as ledger:
        ledger.begin(left)

    class Deaf:
        def uploading(self, path: str, sent: int, size: int) -> None: ...
        def fetching(self, files: Sequence[MediaFile]) -> None: ...
        def begun(self, action: Action) -> None: ...
        def finished(self, action: Action, outcome: Outcome) -> None: ...

    def send(ledger: Ledger) -> None:
        send_again(
            [left],
            Hands(
                ledger=ledger,
                providers={"memory": memory},
                root=tmp_path,
                policy=Policy(),
                now=memory.now,
                stop=StopSign(),
                watcher=Deaf(),
            ),
        )

    with ExitStack() as run:
        first = run.enter_context(held(GitStore(branch(here), now=lambda: datetime.now(UTC) + late)))
        late = LEASE * 3
        with held(GitStore(branch(here), now=lambda: datetime.now(UTC) + late)) as other:
            other.abandon(left.address)
        with pytest.raises(StateConflict):
            send(first)
        assert "create" not in memory.calls


def test_a_lease_is_prolonged_while_nothing_is_written(here: Path, remote: Path) -> None:
    """A long upload keeps its lease: it is renewed in the background, and others go on being refused."""
    short = timedelta(seconds=1)
    store = GitStore(branch(here), lease=short, margin=timedelta(seconds=60))
    with store.hold(WHO, timeout=0):
        deadline = datetime.now(UTC) + timedelta(seconds=60)
        while len(log(remote)) < 3:
            assert datetime.now(UTC) < deadline
            threading.Event().wait(0.05)
        with pytest.raises(StateLocked), GitStore(branch(here)).hold(OTHER, timeout=0):
            raise AssertionError
    assert GitStore(branch(here)).holder() is None


def test_a_clock_that_is_far_ahead_keeps_nobody_out_for_ever(here: Path, remote: Path) -> None:
    """A lease that ends in a year, and that nobody renews, is taken by whoever saw it unchanged for its span."""
    ahead = GitStore(branch(here), now=lambda: datetime.now(UTC) + timedelta(days=365))
    with ahead.hold(WHO, timeout=0):
        span = timedelta(seconds=1)
        patient = GitStore(branch(here), lease=span, margin=span)
        with patient.hold(OTHER, timeout=120):
            assert patient.holder() == OTHER


# What goes wrong


def test_a_lost_answer_is_looked_for(tmp_path: Path, remote: Path) -> None:
    """A push that landed while its answer was lost counts as done, over HTTP with a token; nothing is written twice."""
    git(remote, "config", "http.receivepack", "true")
    with Smart(tmp_path, "t0ken-s3cret") as server:
        here = clone(tmp_path / "here", server.url)
        store = GitStore(branch(here, token=Token("oauth2", "t0ken-s3cret")))
        with store.hold(WHO, timeout=0):
            token = store.write(b"snapshot", expecting=None)
            server.cut = 1
            token = store.append(b"one", expecting=token)
            token = store.append(b"two", expecting=token)
            server.cut = 1
        assert server.cut == 0
        assert there(GitStore(branch(here, token=Token("oauth2", "t0ken-s3cret"))).read()).entries == (
            b"one",
            b"two",
        )
        assert len(log(remote)) == 5
        # As CI's checkout leaves it: a header in the local configuration.
        git(
            here,
            "config",
            f"http.{server.url}.extraheader",
            f"AUTHORIZATION: basic {Token('x', 't0ken-s3cret').basic}",
        )
        assert GitStore(branch(here)).read() is not None
        git(here, "config", "--unset", f"http.{server.url}.extraheader")
        # Without, or with a wrong one, it is an error that shows none of them, and never "no state".
        wrong = Token("oauth2", "wr0ng-s3cret")
        git(here, "remote", "set-url", "origin", server.url.replace("//", "//ci:url-s3cret@"))
        for each in (None, wrong):
            with pytest.raises(StateError) as caught:
                GitStore(branch(here, token=each)).read()
            said = f"{caught.value.message} {caught.value.hint}"
            assert "calsync-state" in said
            assert "s3cret" not in said
            assert wrong.basic not in said


def test_a_push_that_lands_late_is_known_again(tmp_path: Path, remote: Path) -> None:
    """A push that was given up and lands afterwards is this run's own: it goes on upon it and lets go of the lease."""
    git(remote, "config", "http.receivepack", "true")
    with Smart(tmp_path, "t0ken") as server:
        here = clone(tmp_path / "here", server.url.replace("//", "//ci:t0ken@"))
        store = GitStore(branch(here))
        with store.hold(WHO, timeout=0):
            token = store.write(b"snapshot", expecting=None)
            server.slow = 3
            with pytest.raises(StateError):
                store.append(b"one", expecting=token)
            server.waiting[0]()
            token = store.append(b"two", expecting=token)
            assert there(GitStore(branch(here)).read()).entries == (b"two",)
        assert GitStore(branch(here)).holder() is None


def test_a_refused_push_says_why(here: Path, remote: Path) -> None:
    """A hook or a rule of the remote: its words, escaped, and what to do; nothing is held."""
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nprintf 'protected \\033[31mbranch https://u:pa55@h/x' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(StateError) as caught, GitStore(branch(here)).hold(WHO, timeout=0):
        raise AssertionError
    assert "protected" in caught.value.message
    assert "\x1b" not in caught.value.message
    assert "pa55" not in caught.value.message
    assert "push" in (caught.value.hint or "")
    hook.unlink()
    assert GitStore(branch(here)).read() is None
    assert GitStore(branch(here)).holder() is None


def test_a_remote_that_is_away_is_not_an_empty_one(here: Path, remote: Path) -> None:
    """No branch is no state; no remote is an error, and so is one that went away during a run."""
    assert GitStore(branch(here)).read() is None
    store, away = GitStore(branch(here)), remote.with_name("away.git")
    with ExitStack() as run:
        run.enter_context(store.hold(WHO, timeout=0))
        token = store.write(b"snapshot", expecting=None)
        remote.rename(away)
        with pytest.raises(StateError, match="cannot be looked at"):
            GitStore(branch(here)).read()
        with pytest.raises(StateError):
            store.append(b"one", expecting=token)
        away.rename(remote)
        token = store.append(b"two", expecting=token)
        remote.rename(away)
        with pytest.raises(StateError, match="cannot be looked at"):
            run.close()
    away.rename(remote)
    assert there(GitStore(branch(here)).read()).entries == (b"two",)


@pytest.mark.parametrize("how", ["deleted", "set back", "edited"])
def test_a_branch_that_somebody_else_changed_is_a_conflict(here: Path, remote: Path, how: str) -> None:
    """Deleted, forced back to an older commit, or edited by hand: the run stops, and nothing is overwritten."""
    store = GitStore(branch(here))
    with store.hold(WHO, timeout=0):
        token = store.append(b"one", expecting=store.write(b"snapshot", expecting=None))
        if how == "deleted":
            git(remote, "update-ref", "-d", "refs/heads/calsync-state")
        elif how == "set back":
            git(remote, "update-ref", "refs/heads/calsync-state", "calsync-state~1")
        else:
            replace(remote, f"100644 blob {git(remote, 'hash-object', '-w', '--stdin')}\tstate.json")
        before = git(remote, "for-each-ref")
        with pytest.raises(StateConflict):
            store.append(b"two", expecting=token)
    assert git(remote, "for-each-ref") == before


def replace(remote: Path, *entries: str) -> None:
    """Somebody's commit, in which our folder holds just these entries."""

    def tree(*lines: str) -> str:
        data = "".join(f"{line}\n" for line in lines)
        return subprocess.run(
            ["git", "mktree", "--missing"], cwd=remote, input=data, capture_output=True, text=True, check=True
        ).stdout.strip()

    kept = [
        line
        for line in git(remote, "ls-tree", "calsync-state").splitlines()
        if not line.endswith("\tproject")
    ]
    root = tree(*kept, f"040000 tree {tree(*entries)}\tproject")
    commit = git(remote, "commit-tree", "-p", "calsync-state", "-m", "mine", root)
    git(remote, "update-ref", "refs/heads/calsync-state", commit)


def test_what_is_not_ours_is_neither_followed_nor_swallowed(here: Path, remote: Path, tmp_path: Path) -> None:
    """Links, submodules, folders and files that are too large are refused; other folders are carried along unread."""
    with GitStore(branch(here)).hold(WHO, timeout=0):
        pass
    large = tmp_path / "large"
    with large.open("wb") as stream:
        stream.truncate(LARGEST + 1)
    small = git(remote, "hash-object", "-w", "--stdin")
    huge = git(remote, "hash-object", "-w", str(large))
    empty = git(remote, "mktree")
    strange = {
        "a link": f"120000 blob {small}\tstate.json",
        "a submodule": f"160000 commit {'ab' * 20}\tstate.json",
        "a folder": f"040000 tree {empty}\tjournal.jsonl",
        "a large file": f"100644 blob {huge}\tstate.json",
    }
    for what, entry in strange.items():
        replace(remote, entry)
        with pytest.raises(StateUnreadable):
            GitStore(branch(here)).read()
        if what == "a link":
            with pytest.raises(StateUnreadable), GitStore(branch(here)).hold(WHO, timeout=0):
                raise AssertionError
    with GitStore(branch(here, folder="next")).hold(WHO, timeout=0):
        pass
    assert git(remote, "ls-tree", "calsync-state:project").endswith("state.json")


def test_a_branch_of_something_else_is_left_alone(here: Path, remote: Path) -> None:
    """Who names `main` by mistake gets an error and keeps main as it was."""
    git(here, "push", "-q", "origin", "main")
    before = git(remote, "rev-parse", "main")
    store = GitStore(branch(here, name="main"))
    with pytest.raises(StateUnreadable, match="not one of calsync's"):
        store.read()
    with pytest.raises(StateUnreadable), store.hold(WHO, timeout=0):
        raise AssertionError
    assert git(remote, "rev-parse", "main") == before


def test_without_git_or_a_remote_it_says_so(here: Path, tmp_path: Path) -> None:
    """No git, an old git, one that never ends, and no remote: one sentence each."""
    real = shutil.which("git")
    tools = tmp_path / "tools"
    tools.mkdir()
    env = PLAIN | {"PATH": str(tools)}
    with pytest.raises(GitProblem, match="no git here"):
        branch(here, env=env)
    (tools / "git").write_text(
        f'#!/bin/sh\n[ "$1" = version ] && echo git version 2.20.1 || exec {real} "$@"\n'
    )
    (tools / "git").chmod(0o755)
    with pytest.raises(StateError, match="too old"):
        GitStore(branch(here, env=env)).read()
    (tools / "git").write_text("#!/bin/sh\n/bin/sleep 600 & wait\n")
    with pytest.raises(GitProblem, match="did not come to an end"):
        Git(env).run("fetch", cwd=here, seconds=0.2)
    git(here, "remote", "remove", "origin")
    with pytest.raises(StateError, match="no remote origin"):
        GitStore(branch(here)).read()


def test_a_branch_is_asked_for_by_its_whole_name(here: Path, remote: Path) -> None:
    """Another branch whose name ends alike is not taken for it: nobody decides so which commit is applied."""
    git(here, "push", "-q", "origin", "HEAD:refs/heads/main")
    head = git(here, "rev-parse", "HEAD")
    git(here, "commit", "-q", "--allow-empty", "-m", "other")
    git(here, "push", "-q", "origin", "HEAD:refs/heads/a/refs/heads/main")
    found = Repository.find(here, Git(Environment.read(PLAIN).for_git()))
    assert found is not None
    assert found.newest("main", "origin") == head
    assert found.newest("mai", "origin") is None
