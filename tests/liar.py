"""A server between calsync and the sandbox: honest until a test has it answer something else."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from loopback import Act, Received, answer, read_request
from warm import Running

Twist = Callable[[Received, int, bytes], bytes]
"""What becomes of an honest answer: the request, the status and the body in; the body out."""


@dataclass
class Liar:
    """Forwards to `home` what no lie is for; lies are by method and a glob of the path, the first that fits."""

    home: str
    lies: list[tuple[str, str, Act]] = field(default_factory=list)
    twist: Twist | None = None
    seen: list[Received] = field(default_factory=list)
    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        self._socket = socket.create_server((self.host, 0), backlog=64)
        self._done = threading.Event()
        self.port = int(self._socket.getsockname()[1])
        self.url = f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        with suppress(OSError), socket.create_connection(self._socket.getsockname()):
            pass
        self._socket.close()

    def lie(self, method: str, path: str, act: Act) -> None:
        """Answer so from now on, before what was said earlier."""
        self.lies.insert(0, (method, path, act))

    def _accept(self) -> None:
        while not self._done.is_set():
            with suppress(OSError):
                connection, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError), ExitStack() as opened:
            connection.settimeout(60)
            if self.tls is not None:
                connection = opened.enter_context(self.tls.wrap_socket(connection, server_side=True))
            while not self._done.is_set() and (request := read_request(connection)) is not None:
                self.seen.append(request)
                path = request.target.partition("?")[0]
                act = next(
                    (
                        act
                        for method, glob, act in self.lies
                        if method in ("*", request.method) and fnmatchcase(path, glob)
                    ),
                    None,
                )
                (act or self._forward(request))(connection)

    def _forward(self, request: Received) -> Act:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name not in ("host", "connection", "accept-encoding")
        }
        onward = http.client.HTTPConnection(urlsplit(self.home).netloc, timeout=30)
        try:
            onward.request(request.method, request.target, request.body, headers)
            response = onward.getresponse()
            status, body = response.status, response.read()
        finally:
            onward.close()
        return answer(status, self.twist(request, status, body) if self.twist else body)

    def environment(self) -> Mapping[str, str]:
        """Both services are this server."""
        return {"CALSYNC_POSTQUED_URL": self.url, "CALSYNC_TIKFLOW_URL": self.url}


class Weight:
    """How many MB a running process comes to hold beyond what it began with, watched until it ends."""

    def __init__(self, running: Running) -> None:
        self._status = Path(f"/proc/{running.pid}/status")
        self._first = self._last = self._held()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._over = threading.Event()
        self._thread.start()

    def gained(self) -> float:
        """So many, once the process has ended."""
        self._over.set()
        self._thread.join()
        return (self._last - self._first) / 1024

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            held = self._held()
            if not held:
                return
            self._first = self._first or held
            self._last = max(self._last, held)

    def _held(self) -> int:
        with suppress(OSError):
            for line in self._status.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1])
        return 0
