"""The transport against a server that breaks in every way: what is retried, and what each trouble is called."""

from __future__ import annotations

import gzip
import subprocess
import sys
import time
from email.utils import format_datetime

import pytest
from loopback import (
    KEY,
    NOW,
    Act,
    Ask,
    Key,
    Loopback,
    Time,
    answer,
    drip,
    endless,
    free_port,
    keyed,
    read,
    reset,
    to,
    write,
)

from calsync.errors import (
    CalsyncError,
    ProviderError,
    Rejected,
    Throttled,
    Unauthorized,
    Unavailable,
    Uncertain,
)
from calsync.transport import Answer, Timeouts, Transport

BROKEN: dict[str, Act] = {
    "reset": reset,
    "truncated": answer(body=b'{"a": ', length=1000),
    "html": answer(body=b"<html>captive portal</html>", content_type="text/html"),
    "not json": answer(body=b"pong"),
    "not utf-8": answer(body=b'{"a": "\xff"}'),
    "nested": answer(body=b"[" * 200_000),
    "502": answer(502, b"bad gateway"),
    "503": answer(503),
    "504": answer(504),
    "500": answer(500),
    "no http": lambda connection: connection.sendall(b"SSH-2.0-OpenSSH\r\n\r\n"),
    "unasked encoding": answer(body=b"{}", content_encoding="br"),
    "twice compressed": answer(body=gzip.compress(gzip.compress(b"{}")), content_encoding="gzip, gzip"),
    "damaged gzip": answer(body=b"\x1f\x8b\x08garbage", content_encoding="gzip"),
    "half a gzip": answer(body=gzip.compress(b"[" + b"1," * 9999 + b"1]")[:-20], content_encoding="gzip"),
}


def test_importing_the_transport_and_the_registry_does_not_import_httpx() -> None:
    """Offline commands do not pay for a client."""
    code = (
        "import sys, calsync.transport, calsync.providers as p\n"
        "from calsync.providers.base import ServiceSettings\n"
        "for name in p.BUILT_IN: p.limits(ServiceSettings(service=name)); p.base_url(name)\n"
        "print('httpx' in sys.modules, 'pydantic' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]


def test_a_request_carries_what_it_was_given_and_nothing_else() -> None:
    """Key, agent, JSON and query go out as they were said; no cookie that was set before comes along."""
    with (
        Loopback(answer(body=b'{"b": [1, "\xc3\xa9"]}', set_cookie="id=1; Path=/")) as server,
        to(server.url) as way,
    ):
        got = way.request(
            "POST", "/thing", klass="publish", json={"a": "é"}, query={"q": "a&b"}, headers={"X": "y"}
        )
        write(way)
    first, second = server.received
    assert got == Answer(200, got.headers, {"b": [1, "é"]})
    assert (first.method, first.target, first.body) == ("POST", "/thing?q=a%26b", b'{"a": "\\u00e9"}')
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert first.headers["content-type"] == "application/json"
    assert first.headers["user-agent"].startswith("calsync/")
    assert first.headers["x"] == "y"
    assert "cookie" not in second.headers


@pytest.mark.parametrize("trouble", BROKEN)
def test_a_read_is_tried_again_until_it_comes_through(trouble: str) -> None:
    """Whatever broke, the next try counts."""
    with Loopback(BROKEN[trouble], answer(body=b'{"ok": true}')) as server, to(server.url) as way:
        assert read(way).body == {"ok": True}
    assert len(server.received) == 2


@pytest.mark.parametrize("trouble", BROKEN)
def test_a_read_that_never_comes_through_is_unavailable(trouble: str) -> None:
    """Five tries, with growing waits between them."""
    clock = Time()
    with Loopback(BROKEN[trouble]) as server, to(server.url, clock) as way, pytest.raises(Unavailable):
        read(way)
    assert len(server.received) == 5
    assert clock.slept == [0.5, 1, 2, 4]


def test_the_first_wait_sets_the_others() -> None:
    """Each further wait is twice as long as the one before."""
    clock = Time()
    broken = BROKEN[next(iter(BROKEN))]
    with (
        Loopback(broken) as server,
        to(server.url, clock, first_wait=0.01) as way,
        pytest.raises(Unavailable),
    ):
        read(way)
    assert clock.slept == [0.01, 0.02, 0.04, 0.08]


@pytest.mark.parametrize("trouble", BROKEN)
def test_a_write_in_doubt_is_sent_once(trouble: str) -> None:
    """A create without a key is never repeated blindly: it may have been done."""
    with Loopback(BROKEN[trouble], answer()) as server, to(server.url) as way, pytest.raises(Uncertain):
        write(way)
    assert len(server.received) == 1


@pytest.mark.parametrize("trouble", BROKEN)
def test_a_repeatable_write_goes_out_again_unchanged(trouble: str) -> None:
    """Same bytes, same key; and if nothing is ever answered, it stays uncertain."""
    with Loopback(BROKEN[trouble], answer(body=b'{"id": "1"}')) as server, to(server.url) as way:
        assert keyed(way).body == {"id": "1"}
    assert server.received[0].body == server.received[1].body
    with Loopback(BROKEN[trouble]) as server, to(server.url) as way, pytest.raises(Uncertain):
        keyed(way)
    assert len(server.received) == 5


@pytest.mark.parametrize("ask", [read, write, keyed])
def test_a_refused_connection_is_unavailable_and_tried_again(ask: Ask) -> None:
    """Nothing was sent, whatever it was."""
    clock = Time()
    with (
        to(f"http://127.0.0.1:{free_port()}", clock) as way,
        pytest.raises(Unavailable, match="could not be reached"),
    ):
        ask(way)
    assert len(clock.slept) == 4


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_a_refusal_after_a_lost_answer_leaves_the_doubt(status: int) -> None:
    """What the second try meets says nothing about the first, except that a conflict says it arrived."""
    with Loopback(reset, answer(status)) as server, to(server.url) as way:
        with pytest.raises(Uncertain) as caught:
            keyed(way)
        assert caught.value.status == status
    with Loopback(reset, answer(409)) as server, to(server.url) as way:
        with pytest.raises(Rejected) as conflict:
            keyed(way)
        assert conflict.value.conflict


def test_a_service_that_goes_away_after_a_lost_answer_leaves_the_doubt() -> None:
    """Connecting fails at the second try, but the first may have been done."""
    server = Loopback(reset)

    def leave(_: float) -> None:
        if server.received:
            server.__exit__()
            server.received.clear()

    with (
        to(server.__enter__().url, sleep=leave) as way,
        pytest.raises(Uncertain, match="could not be reached"),
    ):
        keyed(way)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Rejected),
        (401, Unauthorized),
        (402, Unauthorized),
        (403, Unauthorized),
        (404, Rejected),
        (409, Rejected),
        (410, Rejected),
        (413, Rejected),
        (422, Rejected),
    ],
)
@pytest.mark.parametrize("ask", [read, write, keyed])
def test_other_refusals_are_final(status: int, kind: type[ProviderError], ask: Ask) -> None:
    """They are not tried again, and say their status, code and the service's words in both envelopes."""
    flat = b'{"error": "no such thing", "code": "NO_THING"}'
    deep = b'{"success": false, "error": {"code": "NO_THING", "message": "no such thing", "details": {"field": "at"}}}'
    for body in (flat, deep):
        with (
            Loopback(answer(status, body)) as server,
            to(server.url) as way,
            pytest.raises(kind, match=f"answered {status} to .*: no such thing") as caught,
        ):
            ask(way)
        assert len(server.received) == 1
        assert (caught.value.status, caught.value.remote_code) == (status, "NO_THING")
        assert getattr(caught.value, "conflict", False) is (status == 409)
        assert getattr(caught.value, "quota", False) is False


@pytest.mark.parametrize("code", ["SCHEDULING_LIMIT_EXCEEDED", "QUOTA_EXCEEDED"])
def test_a_full_plan_is_told_from_missing_rights(code: str) -> None:
    """A 403 whose code names a limit refuses creates, not the service."""
    body = f'{{"success": false, "error": {{"code": "{code}", "message": "full"}}}}'.encode()
    with Loopback(answer(403, body)) as server, to(server.url) as way, pytest.raises(Unauthorized) as caught:
        write(way)
    assert caught.value.quota
    assert caught.value.code == "quota"


def test_a_success_that_says_it_failed_is_none() -> None:
    """TikFlow's envelope has the word."""
    body = b'{"success": false, "error": {"code": "X", "message": "no"}}'
    with Loopback(answer(200, body)) as server, to(server.url) as way, pytest.raises(Rejected, match="no"):
        write(way)


def test_accepted_statuses_come_back_as_answers() -> None:
    """A 404 that is an answer is one, JSON or not."""
    with Loopback(answer(404, b"<html>")) as server, to(server.url) as way:
        got = way.request("GET", "/ping", klass="read", accept=(404,))
    assert (got.status, got.body) == (404, None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    """The key goes nowhere else: reading is refused, and of a write nobody knows."""
    with (
        Loopback(answer()) as elsewhere,
        Loopback(answer(status, location=f"{elsewhere.url}/thing")) as server,
    ):
        with to(server.url) as way:
            with pytest.raises(Rejected, match="answered 30"):
                read(way)
            with pytest.raises(Uncertain):
                keyed(way)
        assert len(server.received) == 2
        assert elsewhere.received == []


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after": format_datetime(NOW.replace(second=9), usegmt=True)}, 9),
        # The service's own clock counts: ours may be wrong.
        ({"retry_after": "Sun, 01 Mar 2026 15:00:30 GMT", "date": "Sun, 01 Mar 2026 15:00:00 GMT"}, 30),
        ({"x_ratelimit_reset": str(int(NOW.timestamp()) + 11)}, 11),
        ({"x_ratelimit_reset": str((int(NOW.timestamp()) + 12) * 1000)}, 12),
        ({"x_ratelimit_reset": "13"}, 13),
        ({"retry_after": "Fri, 01 Jan 1999 00:00:00 GMT"}, 0.5),
        ({"retry_after": "soon"}, 4),
        ({"retry_after": "-5"}, 4),
        ({}, 4),
    ],
)
@pytest.mark.parametrize("ask", [read, write, keyed])
def test_a_429_waits_as_long_as_the_service_says(headers: dict[str, str], wait: float, ask: Ask) -> None:
    """In whichever form it says so; nothing had happened, so that any write is sent again."""
    clock = Time()
    with (
        Loopback(answer(429, headers=headers), answer(body=b'{"ok": 1}')) as server,
        to(server.url, clock) as way,
    ):
        assert ask(way).body == {"ok": 1}
    assert len(server.received) == 2
    assert clock.slept == [pytest.approx(wait)]


def test_a_429_without_a_word_outlasts_a_minute() -> None:
    """The limits are per minute, so that the waits together span one before it is given up."""
    clock = Time()
    with Loopback(answer(429)) as server, to(server.url, clock) as way, pytest.raises(Throttled):
        write(way)
    assert len(server.received) == 5
    assert 60 <= sum(clock.slept) <= 180


def test_a_429_for_an_hour_is_not_waited_for() -> None:
    """It says when to come back."""
    clock = Time()
    with (
        Loopback(answer(429, retry_after="3600")) as server,
        to(server.url, clock) as way,
        pytest.raises(Throttled) as caught,
    ):
        write(way)
    assert (caught.value.retry_after, clock.slept) == (3600, [])


@pytest.mark.parametrize(
    ("seconds", "said"), [("7200", "2 hours"), ("999999999", "11574 days"), ("90", "90 seconds")]
)
def test_a_429_that_is_not_waited_for_says_how_long_it_would_be(seconds: str, said: str) -> None:
    """Whoever reads the error knows when another run is worth while."""
    with (
        Loopback(answer(429, retry_after=seconds)) as server,
        to(server.url) as way,
        pytest.raises(Throttled, match=f"asks to wait {said}"),
    ):
        write(way)


@pytest.mark.parametrize("status", [429, 503])
def test_patience_is_spent_once_for_all(status: int) -> None:
    """A service that has turned one request away to the end is not waited for by each of a hundred others."""
    clock = Time()
    with Loopback(answer(status, retry_after="60")) as server, to(server.url, clock) as way:
        for _ in range(3):
            with pytest.raises((Throttled, Unavailable)):
                read(way)
        first = len(server.received)
        waited = sum(clock.slept)
        for _ in range(20):
            with pytest.raises((Throttled, Unavailable)):
                read(way)
    assert waited <= 180
    assert sum(clock.slept) == waited
    assert len(server.received) == first + 20


def test_an_answer_gives_patience_back() -> None:
    """Whatever it says, the service is there again."""
    clock = Time()
    acts = [*[answer(503)] * 5, answer(503), answer(404), answer(503), answer()]
    with Loopback(*acts) as server, to(server.url, clock) as way:
        for error in (Unavailable, Unavailable, Rejected):
            with pytest.raises(error):
                read(way)
        assert len(server.received) == 7
        read(way)
    assert len(server.received) == 9


def test_a_429_holds_back_everybody() -> None:
    """The whole service pauses, not only the request that was told."""
    clock = Time()
    with Loopback(answer(429, retry_after="30"), answer()) as server, to(server.url, clock) as way:
        write(way)
        assert clock.now == pytest.approx(1030)
        way._pacer.pause(20)
        read(way)
    assert clock.now == pytest.approx(1050)


@pytest.mark.parametrize("ask", [read, write])
def test_an_answer_that_drips_meets_the_deadline(ask: Ask) -> None:
    """In its head or in its body: a byte now and then keeps no request alive."""
    for text in (
        b"HTTP/1.1 200 OK\r\n" * 100,
        b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n" + b"1" * 500,
    ):
        with Loopback(drip(text, 0.05)) as server:
            with to(server.url, timeouts=Timeouts(connect=1, read=1, deadline=0.4)) as way:
                began = time.monotonic()
                with pytest.raises(Uncertain if ask is write else Unavailable):
                    ask(way)
                assert time.monotonic() - began < 15
            assert len(server.received) == (1 if ask is write else 5)


def test_a_silent_server_meets_the_read_timeout() -> None:
    """Something was sent, so a write is in doubt."""

    def silent(_: object) -> None:
        time.sleep(1)

    with (
        Loopback(silent) as server,
        to(server.url, timeouts=Timeouts(read=0.2)) as way,
        pytest.raises(Uncertain),
    ):
        write(way)


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@pytest.mark.parametrize(
    "act",
    [
        endless(HEAD + b"\r\n", b" " * 65536),
        endless(HEAD + b"transfer-encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n"),
        answer(body=gzip.compress(b" " * 50_000_000), content_encoding="gzip"),
    ],
    ids=["no length", "chunked", "gzip bomb"],
)
def test_answers_are_capped(act: Act) -> None:
    """On the wire and after decompression alike."""
    with (
        Loopback(act) as server,
        to(server.url, most_bytes=1_000_000) as way,
        pytest.raises(Uncertain, match="more than 1000000 bytes"),
    ):
        write(way)


def test_a_long_error_page_is_still_an_error() -> None:
    """Its status counts, and its text is cut."""
    with (
        Loopback(answer(422, b"x" * 5_000_000)) as server,
        to(server.url) as way,
        pytest.raises(Rejected) as caught,
    ):
        write(way)
    assert len(caught.value.message) < 400


def test_compressed_answers_are_read() -> None:
    """gzip is what is asked for."""
    with (
        Loopback(answer(body=gzip.compress(b'{"a": 1}'), content_encoding="gzip")) as server,
        to(server.url) as way,
    ):
        assert read(way).body == {"a": 1}
    assert server.received[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("status", [400, 401, 403, 409, 429, 500])
def test_the_key_and_control_characters_are_in_no_message(status: int) -> None:
    """A service that echoes what it was sent cannot make us print it."""
    text = f"bad key Bearer {KEY} \x1b[31m\u202ered\nnext"
    body = f'{{"error": {text!r}, "code": "{KEY}"}}'.replace("'", '"').replace("\\x1b", "\\u001b").encode()
    lines: list[str] = []
    with (
        Loopback(answer(status, body)) as server,
        to(server.url, observe=lines.append) as way,
        pytest.raises(ProviderError) as caught,
    ):
        way.request("POST", "/thing", klass="publish", query={"secret": "hidden"})
    error: BaseException | None = caught.value
    told = "\n".join(lines)
    while error is not None:
        told += f"{error} {error.__dict__}"
        error = error.__cause__ or error.__context__
    assert KEY not in told
    assert "hidden" not in told
    assert not set(told) & {"\x1b", "\u202e"}


def test_the_lines_for_v_say_method_path_status_and_time() -> None:
    """And the wait before another try."""
    lines: list[str] = []
    with Loopback(answer(503), answer()) as server, to(server.url, observe=lines.append) as way:
        read(way)
    assert [line.rsplit(" ", 2)[0] for line in lines] == [
        "postqued: GET /thing 503",
        "postqued: again in",
        "postqued: GET /thing 200",
    ]


@pytest.mark.parametrize(
    "url", ["http://api.example.com", "ftp://localhost", "https://", "//x", "https://u@h", "x", "http://[::1"]
)
def test_an_address_that_would_leak_the_key_is_refused(url: str) -> None:
    """Plain http is for loopback alone."""
    with pytest.raises(CalsyncError):
        Transport(url, Key(), service="postqued")


@pytest.mark.parametrize("key", ["", "  ", "two words", "line\nbreak", "schlüssel"])
def test_a_key_that_no_header_can_hold_is_refused_unquoted(key: str) -> None:
    """Before anything is sent, and without showing it."""
    with pytest.raises(CalsyncError) as caught:
        Transport("https://api.example.com", Key(key), service="postqued")
    assert not key.strip() or key not in str(caught.value)


def test_a_refused_connection_is_told_whatever_error_is_being_handled() -> None:
    """Errors that name each other as their cause, while which a request is made, do not hold it up for ever."""
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    with to(f"http://127.0.0.1:{free_port()}") as transport:
        try:
            raise first
        except ValueError:
            with pytest.raises(Unavailable):
                read(transport)
