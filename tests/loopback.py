"""A loopback server on real sockets that does to each request what a test scripts, and keeps what it was sent."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeAlias

from calsync.transport import Answer, Timeouts, Transport

Act: TypeAlias = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Received:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Loopback:
    """Serves one act per request, in order; the last act serves all that come after."""

    def __init__(self, *acts: Act, tls: ssl.SSLContext | None = None) -> None:
        self.acts = list(acts)
        self._tls = tls
        self.received: list[Received] = []
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._done.set()
        # Closing a socket does not wake who waits on it; a last visitor does.
        with socket.create_connection(self._socket.getsockname()):
            pass
        self._thread.join()
        self._socket.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self._done.is_set():
                connection.close()
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with ExitStack() as opened:
            opened.enter_context(connection)
            connection.settimeout(10)
            try:
                if self._tls is not None:
                    connection = opened.enter_context(self._tls.wrap_socket(connection, server_side=True))
                while (request := read_request(connection)) is not None:
                    with self._lock:
                        self.received.append(request)
                        act = self.acts[min(len(self.received), len(self.acts)) - 1]
                    act(connection)
            except OSError:
                return


def read_request(connection: socket.socket) -> Received | None:
    """The next request of a connection; None where it has ended."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        chunk = connection.recv(65536)
        if not chunk:
            return None
        body += chunk
    method, target, _ = first.split(" ")
    return Received(method, target, headers, body)


def answer(
    status: int = 200,
    body: bytes = b"{}",
    *,
    length: int | None = None,
    headers: Mapping[str, str] | None = None,
    **more: str,
) -> Act:
    """A whole answer; `length` lies about its size. Header names are written with `_` for `-`."""

    def act(connection: socket.socket) -> None:
        named = {
            "content-type": "application/json",
            "content-length": str(len(body) if length is None else length),
        }
        named |= {name.replace("_", "-"): value for name, value in {**(headers or {}), **more}.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        connection.sendall(f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + body)
        if length is not None:
            connection.shutdown(socket.SHUT_RDWR)

    return act


def reset(connection: socket.socket) -> None:
    """Take the request and break the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def drip(text: bytes, every: float) -> Act:
    """Send byte by byte."""

    def act(connection: socket.socket) -> None:
        for byte in text:
            connection.sendall(bytes([byte]))
            time.sleep(every)

    return act


def endless(head: bytes, chunk: bytes) -> Act:
    """Send until nobody listens any more."""

    def act(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(chunk)

    return act


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


KEY = "pq_this-is-the-secret"


class Key:
    """A key that does not print itself."""

    def __init__(self, key: str = KEY) -> None:
        self._key = key

    def reveal(self) -> str:
        return self._key


@dataclass
class Time:
    """A clock that moves only by sleeping."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> float:
        with self.lock:
            return self.now

    def sleep(self, seconds: float) -> None:
        with self.lock:
            self.now += seconds
            self.slept.append(seconds)


@dataclass
class Bytes:
    """A payload of given chunks."""

    parts: tuple[bytes, ...]

    def chunks(self) -> Iterator[bytes]:
        yield from self.parts


NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def to(url: str, clock: Time | None = None, **more: Any) -> Transport:
    clock = clock or Time()
    options: dict[str, Any] = {
        "service": "postqued",
        "clock": clock,
        "sleep": clock.sleep,
        "now": lambda: NOW,
        "jitter": lambda: 0.0,
        "timeouts": Timeouts(connect=2, read=2, deadline=3),
    }
    return Transport(url, Key(), **(options | more))


def read(transport: Transport) -> Answer:
    return transport.request("GET", "/thing", klass="read")


def write(transport: Transport, *, repeatable: bool = False) -> Answer:
    return transport.request("POST", "/thing", klass="publish", json={"a": 1}, repeatable=repeatable)


def keyed(transport: Transport) -> Answer:
    return write(transport, repeatable=True)


Ask = Callable[[Transport], Answer]
