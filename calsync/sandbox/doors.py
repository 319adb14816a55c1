"""The doors of the sandbox: a port that lets nobody in for a while, as that of a service that is restarted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable


class Door:
    """One listening port. All but ``open`` has to be called in the event loop that serves it."""

    def __init__(
        self,
        address: tuple[str, int],
        close: Callable[[], None],
        listen: Callable[[socket.socket], Awaitable[None]],
    ) -> None:
        """Stand at an address: ``close`` stops listening there and throws everybody out, ``listen`` begins again."""
        self._address = address
        self._close = close
        self._listen = listen
        self._loop = asyncio.get_running_loop()
        self._kept: socket.socket | None = None

    def shut(self, seconds: float = 0.0) -> None:
        """Refuse connections for so long, or until it is opened."""
        if self._kept is not None:
            return
        self._close()
        # Bound and not listening: connecting is refused, and nobody else can take the port.
        self._kept = bound(*self._address)
        if seconds:
            self._loop.call_later(seconds, lambda: self._loop.create_task(self._reopen()))

    def open(self) -> None:
        """Let connections in again; from any thread but the loop's own."""
        if self._kept is not None:
            asyncio.run_coroutine_threadsafe(self._reopen(), self._loop).result()

    def leave(self) -> None:
        """Give the port away for good."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    async def _reopen(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            await self._listen(kept)


def bound(host: str, port: int) -> socket.socket:
    """Bind a port, 0 for any free one. Raises OSError that names it."""
    # With the protocol named, asyncio switches Nagle's algorithm off, which would cost 40 ms an answer.
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise OSError(error.errno, f"port {port}: {error.strerror}") from error
    return made
