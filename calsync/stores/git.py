"""State on a branch of the project's remote: it survives every runner, and its log is the audit trail.

A folder of the branch holds the snapshot (`state.json`), the journal since (`journal.jsonl`) and the lease
(`lease.json`). Every write is one commit upon the one that was read last, pushed by compare-and-swap. Where the
branch went on meanwhile, the change is made anew upon it if only other folders differ; if ours does, it is a
StateConflict. A push whose answer was lost is looked for before anything else is done.

The lock is a lease: it names its holder and its end, and every write prolongs it, also one made in the background
when there is nothing else to write for long. Another run may take it when the reader's own clock is MARGIN past its
end, or when it was seen unchanged for LEASE and MARGIN, whatever the clocks say. Whoever lost it so is told by the
next push, which comes before any request whose intent is not on the branch yet, or whose lease is nearly over.

What may wait (`lazy`) is pushed with the next intent, with the lease, or at the end of the hold.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from random import SystemRandom

from calsync.errors import StateConflict, StateError, StateLocked, StateUnreadable
from calsync.git.branch import Branch, Tip
from calsync.stores.base import Blob, Holder, Token, Waiting, conflict, not_held, unheard
from calsync.stores.git_folder import JOURNAL, LEASE_FILE, SNAPSHOT, Lease, View, token_of
from calsync.textfile import shown

LEASE = timedelta(minutes=15)
"""How long a lease lasts from its last renewal. A request goes out well within it after its intent was pushed."""
MARGIN = timedelta(minutes=5)
"""By how much clocks may differ."""
BATCH = 20
"""Intents in one push: two minutes of work at ten posts a minute."""

_NAMES = (SNAPSHOT, JOURNAL, LEASE_FILE)
_CHANCE = SystemRandom()  # keeps those apart who wait for the same
_TRIES = 3
_ROUNDS = 60
_DEEP = 100
_MOST_NOTES = 100


def _clock() -> datetime:
    return datetime.now(UTC)


class GitStore:
    """One project's folder on a branch. `now`: for the lease; `lease` and `margin`: other spans than the usual."""

    def __init__(
        self,
        branch: Branch,
        *,
        now: Callable[[], datetime] = _clock,
        lease: timedelta = LEASE,
        margin: timedelta = MARGIN,
    ) -> None:
        self.where = f"{branch.remote}/{branch.name}:{branch.folder}/{SNAPSHOT}"
        self.earlier = (
            f"`git log FETCH_HEAD -- {branch.folder}` after `git fetch {branch.remote} {branch.name}` lists every"
            " earlier version"
        )
        self.batch = BATCH
        self._branch = branch
        self._now = now
        self._span, self._margin = lease, margin
        self._guard = threading.RLock()
        self._tip = Tip()
        self._view = View.of({})
        self._lease: Lease | None = None
        self._notes: list[str] = []
        self._plan: str | None = None
        self._lost = False
        self._tried: set[str] = set()

    def read(self) -> Blob | None:
        """What is there; None when there is nothing. Raises StateError where the remote cannot be reached."""
        with self._guard:
            if self._lease is None:
                return View.of(self._look().files).blob()
            return self._view.blob()

    def append(self, entry: bytes, *, expecting: Token, lazy: bool = False, note: str = "") -> Token:
        """Add one journal entry; pushed when this returns unless `lazy`."""
        if b"\n" in entry:
            raise ValueError("an entry is one line")
        with self._guard:
            self._expect(expecting)
            before = len(self._view.entries), self._view.token, len(self._notes)
            self._view.add(entry)
            self._notes += note.splitlines()
            try:
                if not lazy:
                    self._publish()
            except BaseException:
                self._view.entries, self._view.token = self._view.entries[: before[0]], before[1]
                del self._notes[before[2] :]
                raise
            return self._view.token

    def confirm(self) -> None:
        """Push the lease anew where little of its time is left, as after a machine has slept."""
        with self._guard:
            self._held()
            assert self._lease is not None
            if self._lost:
                raise conflict(self.where)
            if self._lease.until - self._now() < self._span / 3:
                self._publish()

    def write(self, snapshot: bytes, *, expecting: Token | None, lazy: bool = False, note: str = "") -> Token:
        """Replace the snapshot and empty the journal; pushed when this returns unless `lazy`."""
        with self._guard:
            self._expect(expecting)
            before = self._view, len(self._notes)
            self._view = View(snapshot, [], token_of(snapshot))
            self._notes += note.splitlines()
            try:
                if not lazy:
                    self._publish()
            except BaseException:
                self._view = before[0]
                del self._notes[before[1] :]
                raise
            return self._view.token

    def keep(self) -> None:
        """Nothing to do: every earlier version is in the branch's history."""
        with self._guard:
            self._held()

    def backup(self) -> bytes | None:
        """Nothing: a version that is kept beside the state would be set back with it."""
        return None

    @contextmanager
    def hold(self, who: Holder, *, timeout: float, waiting: Waiting = unheard) -> Iterator[None]:
        """Be the one writer, everywhere; waits by looking again and again."""
        self._acquire(who, timeout, waiting)
        ended = threading.Event()
        beat = threading.Thread(target=self._renew, args=(ended,), name="lease", daemon=True)
        beat.start()
        try:
            yield
        except BaseException:
            ended.set()
            # What is on its way out matters more; what could not be pushed is found out by the next run.
            with suppress(StateError):
                self._release()
            raise
        finally:
            ended.set()
            beat.join()
        self._release()

    def holder(self) -> Holder | None:
        """Who holds it now, by the lease on the branch; one whose time is over is nobody's."""
        lease = self._read_lease(self._look())
        return None if lease is None or self._over(lease) else lease.holder

    def unlock(self, who: Holder) -> Holder | None:
        """Clear the lease, whoever's it is: a run that is still alive then stops before its next request."""
        with self._guard:
            tip = self._look()
            lease = self._read_lease(tip, strict=False)
            if LEASE_FILE not in tip.files:
                return None
            words = ["unlock"]
            if lease is not None:
                words += [f"held by pid {lease.holder.pid} on {lease.holder.host}", lease.holder.run or ""]
            self._take(tip, who, ", ".join(filter(None, words)))
            self._release()
            return None if lease is None else lease.holder

    # The lease

    def _acquire(self, who: Holder, timeout: float, waiting: Waiting) -> None:
        end, pause = time.monotonic() + timeout, 0.25
        seen: tuple[bytes | None, float] = (None, 0.0)
        told: str | None = None
        while True:
            tip = self._look()
            lease, written = self._read_lease(tip), tip.files.get(LEASE_FILE)
            if written != seen[0]:
                seen = (written, time.monotonic())
            patience = (self._span + self._margin).total_seconds()
            if lease is None or self._over(lease) or time.monotonic() - seen[1] > patience:
                try:
                    self._take(
                        tip, who, "lock" if lease is None else f"lock, after the time of {lease.holder.host}"
                    )
                except StateConflict:
                    continue  # somebody was faster: look who
                else:
                    return
            left = end - time.monotonic()
            if left <= 0:
                raise self._locked(lease)
            if lease.id != told:
                told = lease.id
                waiting(lease.holder)
            time.sleep(min(pause * _CHANCE.uniform(0.7, 1.3), left))
            pause = min(pause * 2, 10.0)

    def _take(self, tip: Tip, who: Holder, note: str) -> None:
        with self._guard:
            if tip.commit is None:
                self._branch.needs_another()
            self._tip, self._view = tip, View.of(tip.files)
            self._notes, self._plan, self._lost = [note], None, False
            self._tried = set()
            self._lease = Lease(uuid.uuid4().hex, self._end(), who)
            try:
                self._publish()
            except BaseException as error:
                mine = self._lease.id
                if not isinstance(error, StateConflict):
                    # It may have landed all the same, and would keep everybody out until its time is over.
                    with suppress(StateError):
                        self._withdraw(mine)
                self._lease = None
                raise

    def _withdraw(self, mine: str) -> None:
        self._tip = self._look()
        lease = self._read_lease(self._tip, strict=False)
        if lease is not None and lease.id == mine:
            self._view = View.of(self._tip.files)
            self._publish(last=True)

    def _release(self) -> None:
        """Push what waits, and let go of the lease, in one commit."""
        with self._guard:
            try:
                if not self._lost:
                    self._notes = self._notes or ["unlock"]
                    self._publish(last=True)
            finally:
                self._lease, self._notes = None, []

    def _renew(self, ended: threading.Event) -> None:
        """Prolong the lease while nothing else does; in a thread of its own."""
        while not ended.wait(max(0.05, self._span.total_seconds() / 6)):
            with self._guard:
                lease = self._lease
                if ended.is_set() or lease is None or self._lost:
                    continue
                if lease.until - self._now() < self._span * 2 / 3:
                    # What fails here fails again, and is told, at the next write.
                    with suppress(StateError):
                        self._publish()

    def _over(self, lease: Lease) -> bool:
        return self._now() > lease.until + self._margin

    def _end(self) -> datetime:
        return self._now() + self._span

    def _read_lease(self, tip: Tip, *, strict: bool = True) -> Lease | None:
        data = tip.files.get(LEASE_FILE)
        if data is None:
            return None
        try:
            return Lease.read(data)
        except (ValueError, RecursionError) as error:
            if not strict:
                return None
            raise StateUnreadable(
                f"the lock beside {self.where} cannot be read, so somebody may be writing",
                hint="`calsync state unlock` clears it",
            ) from error

    def _locked(self, lease: Lease) -> StateLocked:
        who = lease.holder
        run, actor = (
            f", {shown(who.run, 300)}" if who.run else "",
            f" by {shown(who.actor)}" if who.actor else "",
        )
        free = (lease.until + self._margin).strftime("%Y-%m-%dT%H:%M:%SZ")
        return StateLocked(
            f"{self.where} is locked by pid {who.pid} on {shown(who.host)} since {shown(who.since)}{actor}{run}",
            hint=f"wait for it with --lock-timeout, for example 10m; if that run is dead, the lock is free at {free},"
            " or at once with `calsync state unlock`",
        )

    # The branch

    def _held(self) -> None:
        if self._lease is None:
            raise not_held(self.where)

    def _expect(self, expecting: Token | None) -> None:
        self._held()
        present = self._view.token if self._view.present else None
        if self._lost or present != expecting:
            raise conflict(self.where)

    def _look(self, depth: int = 1) -> Tip:
        with self._guard:
            return self._branch.look(_NAMES, depth=depth)

    def _publish(self, *, last: bool = False) -> None:
        """One commit of all that waits, with a renewed lease, or with none: the `last` one."""
        assert self._lease is not None
        files = self._view.files()
        if not last:
            self._lease = Lease(self._lease.id, self._end(), self._lease.holder)
            files[LEASE_FILE] = self._lease.to_bytes()
        message = self._message()
        new: Tip | None = None
        refused = 0
        for attempt in range(_ROUNDS):
            if new is None:
                new = self._branch.propose(self._tip, files, message, int(self._now().timestamp()))
            # Remembered until its fate is known: it may land after this run has given it up.
            if new.tree is not None:
                self._tried.add(new.tree)
            words = self._branch.push(new, self._tip)
            now = new if words is None else self._look(_DEEP)
            if now.commit == new.commit or now.tree == new.tree or self._branch.includes(now, new.commit):
                if now.tree != new.tree and not last:
                    self._lost = True  # it landed, and somebody has written since
                    raise conflict(self.where)
                self._tip, self._notes, self._tried = now, [], set()
                return
            if now.tree != self._tip.tree and now.tree not in self._tried:
                self._lost = True
                if last and not self._pending(files):
                    return  # the lease was taken over, and nothing of ours was left to write
                raise conflict(self.where)
            if now.commit == self._tip.commit:
                refused += 1
                if refused == _TRIES:
                    raise StateError(
                        f"{self.where} cannot be written: {words}",
                        hint="may this run push to that branch? It needs write access to the repository's contents,"
                        " and a branch that no rule protects",
                    )
            else:
                # Another folder went on, or an earlier push landed late: the same change upon that.
                self._tip, new = now, None
            time.sleep(_CHANCE.uniform(0, 0.05) * min(attempt + 1, 20))
        raise StateError(f"{self.where} cannot be written: its branch changes all the time")

    def _pending(self, files: Mapping[str, bytes]) -> bool:
        written = {name: data for name, data in self._tip.files.items() if name != LEASE_FILE}
        return written != files

    def _message(self) -> str:
        """What the log says: what was done, in how many words fit, and by whom."""
        assert self._lease is not None
        who = self._lease.holder
        self._plan = next((note[5:] for note in self._notes if note.startswith("plan ")), self._plan)
        counts = Counter(note.split(" ")[0].rstrip(",") for note in self._notes)
        done = ", ".join(word if number == 1 else f"{number} x {word}" for word, number in counts.items())
        more = len(self._notes) - _MOST_NOTES
        notes = [shown(note, 200) for note in self._notes[:_MOST_NOTES]]
        about = {"Plan": self._plan, "Commit": who.commit, "Run": who.run, "Actor": who.actor}
        lines = [
            f"{self._branch.folder}: {shown(done, 120) or 'still at work'}",
            "",
            *notes,
            *([f"and {more} more"] if more > 0 else []),
            "",
            *(f"{name}: {shown(value, 300)}" for name, value in about.items() if value),
            f"Host: {shown(who.host)}, pid {who.pid}, since {shown(who.since)}",
        ]
        return "\n".join(lines) + "\n"
