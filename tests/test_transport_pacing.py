"""Staying under documented rates, and stopping: what waits and what does not."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

import pytest
from loopback import Key, Loopback, Time, answer, keyed, read, reset, to, write

from calsync.errors import Interrupted, StateError, Throttled, TooClose, Uncertain
from calsync.model import Rate, Rates
from calsync.transport import Transport


def test_requests_stay_under_their_rate() -> None:
    """A burst up to the number goes out at once, and the next waits until the window has room."""
    clock = Time()
    with Loopback(answer()) as server, to(server.url, clock, rates={"read": 3}) as way:
        for _ in range(7):
            read(way)
        write(way)
    assert clock.slept == [60, 60]


HOURLY: Rates = {"publish": Rate(2, 3600)}


def test_a_rate_may_count_by_the_hour() -> None:
    """Writes wait for the next one; what is not counted goes on meanwhile."""
    clock = Time()
    with Loopback(answer()) as server, to(server.url, clock, rates=HOURLY) as way:
        for _ in range(5):
            write(way)
        read(way)
    assert clock.slept == [3600, 3600]


def test_a_long_wait_is_told_once_and_a_short_one_not() -> None:
    """A run that stands still for an hour says so, however many posts wait."""
    for rates, told in (
        (HOURLY, ["postqued takes no more for now; going on in 60 minutes"]),
        ({"publish": 2}, []),
    ):
        said: list[str] = []
        with (
            Loopback(answer()) as server,
            to(server.url, Time(), rates=rates, notice=said.append) as way,
        ):
            for _ in range(4):
                write(way)
        assert said == told


def test_who_has_slept_for_long_asks_whether_it_may_go_on() -> None:
    """After an hour somebody else may hold the state: then nothing is sent any more; a minute is no such sleep."""

    def lost() -> None:
        raise StateError("somebody else has written")

    for rates, sent in ((HOURLY, 2), ({"publish": 2}, 3)):
        with Loopback(answer()) as server, to(server.url, Time(), rates=rates, awake=lost) as way:
            write(way)
            write(way)
            with suppress(StateError):
                write(way)
        assert len(server.received) == sent


def test_a_429_of_such_a_rate_is_waited_for() -> None:
    """Up to its span, and the shorter of what the service says; a longer wait is an error, as anywhere."""
    for headers, waited in (
        ({"retry_after": "3600"}, 3600),
        ({"retry_after": "3600", "x_ratelimit_reset": "900"}, 900),
    ):
        clock = Time()
        with (
            Loopback(answer(429, headers=headers), answer()) as server,
            to(server.url, clock, rates=HOURLY) as way,
        ):
            write(way)
            assert len(server.received) == 2
        assert waited <= sum(clock.slept) <= waited + 1
    with (
        Loopback(answer(429, retry_after="3601")) as server,
        to(server.url, Time(), rates=HOURLY) as way,
        pytest.raises(Throttled),
    ):
        write(way)
    clock = Time()
    with (
        Loopback(answer(429, retry_after="3600")) as server,
        to(server.url, clock) as way,
        pytest.raises(Throttled),
    ):
        write(way)
    assert clock.slept == []


def test_an_answer_that_uses_up_the_last_place_is_heeded() -> None:
    """Others may have taken places that we do not know of; other classes are not held up, nor for longer than the span."""
    for said, waited in (("1200", 1200), ("99999", 3600)):
        clock = Time()
        full = answer(x_ratelimit_remaining="0", x_ratelimit_reset=said)
        with (
            Loopback(full, answer()) as server,
            to(server.url, clock, rates={"publish": Rate(9, 3600)}) as way,
        ):
            write(way)
            read(way)
            assert clock.slept == []
            write(way)
        assert clock.slept == [waited]


def test_waiting_for_a_turn_uses_up_no_patience() -> None:
    """After an hour in the queue, trouble is met as at any other time."""
    clock = Time()
    acts = (answer(), answer(), answer(503), answer())
    with Loopback(*acts) as server, to(server.url, clock, rates=HOURLY) as way:
        write(way)
        write(way)
        keyed(way)
    assert len(server.received) == 4


def test_retries_count_as_requests() -> None:
    """The limit is of what is sent."""
    clock = Time()
    with (
        Loopback(answer(503), answer(503), answer()) as server,
        to(server.url, clock, rates={"read": 2}) as way,
    ):
        read(way)
    assert clock.slept == [0.5, 1, 58.5]


def test_all_is_for_all_classes_together() -> None:
    """As TikFlow counts."""
    clock = Time()
    with Loopback(answer()) as server, to(server.url, clock, rates={"all": 2, "publish": 1}) as way:
        read(way)
        write(way)
        assert clock.slept == []
        read(way)
    assert clock.slept == [60]


def test_threads_share_the_rate() -> None:
    """Eight threads at once never send more than the number in any minute."""
    clock = Time()
    stamps: list[float] = []

    def noted(connection: Any) -> None:
        stamps.append(clock())
        answer()(connection)

    with Loopback(noted) as server, to(server.url, clock, rates={"publish": 5}) as way:
        threads = [threading.Thread(target=write, args=(way,)) for _ in range(24)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert len(stamps) == 24
    stamps.sort()
    assert all(later - early >= 60 - 1e-6 for early, later in zip(stamps, stamps[5:], strict=False))


def test_a_stop_ends_waiting_but_not_what_needs_no_wait() -> None:
    """The action in flight is finished; whoever would have to wait is told that nothing was done."""
    stop = threading.Event()
    with Loopback(answer()) as server, to(server.url, rates={"publish": 1}, stop=stop, sleep=None) as way:
        stop.set()
        write(way)
        with pytest.raises(Interrupted):
            write(way)
    assert len(server.received) == 1


def test_a_stop_wakes_a_sleeper_at_once() -> None:
    """Waiting for a place in the window takes up to a minute; Ctrl-C does not."""
    stop = threading.Event()
    with (
        Loopback(answer()) as server,
        Transport(server.url, Key(), service="postqued", rates={"publish": 1}, stop=stop) as way,
    ):
        write(way)
        threading.Timer(0.1, stop.set).start()
        began = time.monotonic()
        with pytest.raises(Interrupted):
            write(way)
        assert time.monotonic() - began < 5


def test_a_stop_after_a_lost_answer_leaves_the_doubt() -> None:
    """Interrupted would claim that nothing was done."""
    stop = threading.Event()

    def breaking(connection: Any) -> None:
        stop.set()
        reset(connection)

    with Loopback(breaking) as server, to(server.url, stop=stop) as way, pytest.raises(Uncertain):
        keyed(way)
    assert len(server.received) == 1


def test_the_last_word_before_each_try_is_the_callers() -> None:
    """A time that comes too close while the request waits is not sent; after a lost answer the doubt stays."""
    clock = Time()

    def judge() -> None:
        if clock.now > 1010:
            raise TooClose("too late by now")

    def ask(way: Transport) -> None:
        way.request("POST", "/thing", klass="publish", repeatable=True, before=judge)

    with Loopback(answer(429, retry_after="30")) as server, to(server.url, clock) as way:
        with pytest.raises(TooClose):
            ask(way)
        assert len(server.received) == 1
    clock.now = 1009.8
    with Loopback(reset) as server, to(server.url, clock) as way:
        with pytest.raises(Uncertain):
            ask(way)
        assert len(server.received) == 1
