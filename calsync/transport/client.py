"""Transport: requests of one service, paced and, where that is safe, tried again."""

from __future__ import annotations

import json as json_module
import random
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Protocol, Self, TypeAlias
from urllib.parse import urlencode

from calsync import __version__
from calsync.errors import Interrupted, ProviderError, Rejected, Throttled, TooClose, Uncertain
from calsync.model import Json, Rates
from calsync.transport.addresses import base_address, handed_on, storage_host, usable_key
from calsync.transport.answers import Answer, clean, exhausted, span
from calsync.transport.multipart import Body, Chunks, Form
from calsync.transport.pacing import Pacer
from calsync.transport.redaction import Redactor
from calsync.transport.verdicts import Call, Judge, Trouble, doubted

if TYPE_CHECKING:
    from calsync.transport.sockets import Wire

RequestClass: TypeAlias = Literal["upload", "read", "publish", "delete"]

TRIES = 5
FIRST_WAIT = 0.5
"""Seconds before the first repeat; each further wait is twice as long."""
PATIENCE = 180.0
"""Seconds after which a request is not tried again."""
LONGEST_WAIT = 60.0
"""Seconds: most limits are per minute, and nobody has to wait longer than the span in which requests are counted."""
MOST_BYTES = 16 * 1024 * 1024
"""The largest answer that is read, decompressed."""

_AGENT = f"calsync/{__version__}"
_SLOWEST = 64 * 1024
"""Bytes per second of a slow line: an upload is allowed that much longer than other requests."""


class Secret(Protocol):
    """A key that does not print itself."""

    def reveal(self) -> str:
        """The key."""
        ...


class Stop(Protocol):
    """What tells that the run is to end (`threading.Event`)."""

    def is_set(self) -> bool:
        """Whether it is."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep, but not beyond that moment."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """In seconds. `deadline` bounds a whole exchange, an upload's by as much more as a slow line needs."""

    connect: float = 10.0
    read: float = 60.0
    deadline: float = 120.0


class Transport:
    """The one client of one service, for use from several threads.

    `base_url` is scheme://host[:port][/path], https unless the host is loopback; `key` the key, None for none,
    `authorization` what the header of that name holds; `tries` bounds how often a request is sent.
    `rates`: requests by class, `all` for all together (see `Pacer`). `clock` is monotonic, `now` the
    wall clock that an HTTP date is compared with. `sleep` replaces waiting on `stop`, and `jitter` chance, in
    tests; `first_wait` is how long a first repeat waits, in seconds. `observe` is told one line per request and per wait, without query, body or key;
    `notice` once of each wait that is longer than anybody would expect. `awake` is asked after each such wait; what it
    raises is raised with nothing sent.

    Raises CalsyncError for an address or key that cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        key: Secret | None,
        *,
        service: str,
        rates: Rates | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], object] | None = None,
        stop: Stop | None = None,
        observe: Callable[[str], None] | None = None,
        notice: Callable[[str], None] | None = None,
        awake: Callable[[], None] | None = None,
        jitter: Callable[[], float] = random.random,
        timeouts: Timeouts | None = None,
        first_wait: float = FIRST_WAIT,
        most_bytes: int = MOST_BYTES,
        authorization: str = "Bearer {key}",
        tries: int = TRIES,
    ) -> None:
        self.service = service
        self._base, self._local = base_address(base_url, service)
        self._key = usable_key(key.reveal(), service) if key is not None else None
        self._redactor = Redactor(self._key)
        self._judge = Judge(service=service, redactor=self._redactor)
        self._clock, self._now, self._jitter = clock, now, jitter
        self._stop: Stop = stop if stop is not None else threading.Event()
        self._sleep = sleep if sleep is not None else self._stop.wait
        self._observe = observe or (lambda _: None)
        self._notice = notice or (lambda _: None)
        self._noticed = float("-inf")
        self._awake = awake or (lambda: None)
        self._timeouts = timeouts or Timeouts()
        self._first_wait = first_wait
        self._most_bytes = most_bytes
        self._authorization, self._tries = authorization, tries
        self._pacer = Pacer(rates or {}, clock=clock, rest=self._rest)
        self._lock = threading.Lock()
        self._wires: dict[str, Wire] = {}
        # Wires on which a request has used up all patience and no answer has come since: nobody waits there again.
        self._spent: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; a later request would open new ones."""
        with self._lock:
            wires, self._wires = list(self._wires.values()), {}
        for wire in wires:
            wire.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        klass: RequestClass,
        json: Json = None,
        content: bytes | None = None,
        form: Form | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
        harmless: bool = False,
        accept: Collection[int] = (),
        before: Callable[[], None] | None = None,
    ) -> Answer:
        """Send one request, paced, and again where that is safe; only 2xx and the statuses in `accept` return.

        `repeatable`: a write whose repetition has no further effect (by its key, or because it names the state
        to reach); in doubt it is tried again, and stays Uncertain where no try was answered. `harmless`: a write
        that makes no post, which is treated like a read. Any other write is sent once, except after 429 and when
        connecting failed. `before` is asked right before each try, after all waiting; what it raises is raised
        with nothing sent, unless an earlier try is in doubt. Raises the ProviderErrors, and Interrupted when the run
        ends while this waits.
        """
        body = None
        if form is not None:
            body = form.body()
        elif content is not None:
            body = Body.of_bytes(content)
        elif json is not None:
            body = Body.of_bytes(json_module.dumps(json).encode())
        reads = harmless or method in ("GET", "HEAD")
        sent = {"User-Agent": _AGENT, "Accept": "application/json", **(headers or {})}
        if self._key is not None:
            sent["Authorization"] = self._authorization.replace("{key}", self._key)
        call = Call(
            what=clean(f"{method} {path}", redactor=self._redactor),
            method=method,
            url=f"{self._base}{path}" + (f"?{urlencode(query)}" if query else ""),
            headers=sent,
            body=body,
            wire="service",
            reads=reads,
            again=reads or repeatable,
            accept=frozenset(accept),
        )
        return self._persist(call, klass, before)

    def put_file(self, url: str, *, headers: Mapping[str, Json], source: Chunks, size: int) -> None:
        """Put a file to a presigned address of the service's storage, without our key, and again where it fails.

        Only to https; when the service is loopback (the sandbox) also to loopback http, and otherwise never to
        an inner address. Raises Rejected with the storage's `status` (400 and 403: the address may have expired)
        and Unavailable.
        """
        host = storage_host(url, local=self._local)
        if host is None:
            raise self._judge.unsafe().error
        call = Call(
            what=f"PUT to its storage at {clean(host, redactor=self._redactor)}",
            method="PUT",
            url=url,
            headers={"User-Agent": _AGENT, **handed_on(headers)},
            body=Body.of_file(source, size),
            wire="storage",
            reads=True,
            again=True,
            bare=True,
        )
        self._persist(call, None, None)

    def _persist(self, call: Call, klass: RequestClass | None, before: Callable[[], None] | None) -> Answer:
        """Try until there is an answer that counts, or no further try would be safe or worth it."""
        began = float("inf")
        doubt: ProviderError | None = None
        for number in range(self._tries):
            with _unless_in(doubt), self._pacer.place(klass):
                # Waiting for its first turn, for hours perhaps, is nobody's trouble.
                began = min(began, self._clock())
                if before is not None:
                    before()
                outcome = self._try(call)
            if isinstance(outcome, Answer):
                self._spent.discard(call.wire)
                rest = exhausted(outcome.headers, self._now())
                if rest is not None and klass is not None:
                    self._pacer.pause(min(rest, self._pacer.window(klass)), klass)
                return outcome
            error = outcome.error
            # A conflict says that the earlier try arrived; any other refusal says nothing about it.
            if doubt is not None and not (isinstance(error, Rejected) and error.conflict):
                error = doubted(error)
            if isinstance(error, Uncertain):
                doubt = error
            throttled = isinstance(outcome.error, Throttled)
            window = self._pacer.window(klass)
            longest, patience = LONGEST_WAIT, PATIENCE
            if throttled and window > LONGEST_WAIT:
                # Counted by the hour: to wait for the next one is what the plan has said.
                longest, patience = window, PATIENCE + TRIES * window
            wait = self._wait(number, outcome.wait, throttled=throttled, longest=longest)
            spent = self._clock() - began
            if not outcome.again:
                if not isinstance(outcome.error, Uncertain):
                    self._spent.discard(call.wire)
                raise error from outcome.cause
            worn = number == self._tries - 1 or spent + wait > patience
            if worn:
                self._spent.add(call.wire)
            if worn or wait > longest or call.wire in self._spent:
                raise error from outcome.cause
            self._observe(f"{self.service}: again in {wait:.1f} s")
            if throttled:
                self._pacer.pause(wait, klass if window > LONGEST_WAIT else None)
            else:
                with _unless_in(doubt):
                    self._rest(wait)
        raise AssertionError("the last try returns or raises")

    def _try(self, call: Call) -> Answer | Trouble:
        from calsync.transport.sockets import Forbidden, Lost, NotSent

        slack = call.body.size / _SLOWEST if call.body is not None else 0.0
        began, status = time.monotonic(), "no answer"
        try:
            raw = self._wire(call.wire).exchange(
                call.method,
                call.url,
                headers=call.headers,
                body=call.body,
                seconds=self._timeouts.deadline + slack,
            )
            status = str(raw.status)
        except NotSent as error:
            return self._judge.unreached(call, error)
        except Lost as error:
            return self._judge.unclear(call, str(error), cause=error)
        except Forbidden as error:
            return self._judge.unsafe(error)
        finally:
            self._observe(f"{self.service}: {call.what} {status} {(time.monotonic() - began) * 1000:.0f} ms")
        return self._judge.answered(call, raw.status, raw.headers, raw.body, raw.broken, self._now())

    def _wait(self, number: int, asked: float | None, *, throttled: bool, longest: float) -> float:
        if asked is not None:
            if asked >= longest:
                return asked
            return min(longest, max(asked, self._first_wait) + self._jitter() * self._first_wait)
        # A 429 that says nothing is about a window of a minute: the waits of all tries have to span it.
        base = self._first_wait * (8 if throttled else 1)
        return min(LONGEST_WAIT, base * (1 << number) * (1 + self._jitter() / 4))

    def _rest(self, seconds: float) -> None:
        if not self._stop.is_set():
            self._announce(seconds)
            self._sleep(seconds)
        if self._stop.is_set():
            raise Interrupted(f"stopped while waiting for {self.service}; nothing of this request was done")
        if seconds > LONGEST_WAIT:
            self._awake()

    def _announce(self, seconds: float) -> None:
        """Say of a long wait how long it is; of those that end together only of the first."""
        if seconds <= LONGEST_WAIT:
            return
        with self._lock:
            until, told = self._clock() + seconds, self._noticed
            self._noticed = max(until, told)
        if until > told + LONGEST_WAIT:
            self._notice(f"{self.service} takes no more for now; going on in {span(seconds)}")

    def _wire(self, name: str) -> Wire:
        from calsync.transport.sockets import Wire

        with self._lock:
            if name not in self._wires:
                self._wires[name] = Wire(
                    connect=self._timeouts.connect,
                    read=self._timeouts.read,
                    cap=self._most_bytes,
                    secure=not self._local or name == "storage" or self._base.startswith("https"),
                    outside_only=name == "storage" and not self._local,
                )
            return self._wires[name]


@contextmanager
def _unless_in(doubt: ProviderError | None) -> Iterator[None]:
    """Turn "nothing was sent" into the doubt that an earlier try has left."""
    try:
        yield
    except (Interrupted, TooClose) as error:
        if doubt is None:
            raise
        raise doubt from error
