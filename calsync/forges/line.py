"""The line to one forge: questions and orders, all of them together within a time that a job can spare."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from calsync.errors import CalsyncError
from calsync.model import Json
from calsync.transport import Answer, Transport

PATIENCE = 120.0
"""Seconds after which a forge is asked nothing more in one go: the plan and the apply matter, it does not."""
MOST_PAGES = 50
"""As many pages of comments or issues are looked through; with more, nothing is written that might be there already."""


class Line:
    """A transport with a forge's headers and a limit of time. `clock` is monotonic, in seconds."""

    def __init__(
        self,
        transport: Transport,
        headers: Mapping[str, str] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._headers = dict(headers or {})
        self._clock = clock
        self._end = clock() + PATIENCE

    def read(self, path: str, query: Mapping[str, str] | None = None, accept: tuple[int, ...] = ()) -> Answer:
        """Ask something."""
        return self._transport.request(
            "GET", path, klass="read", query=query, headers=self._headers, accept=accept, before=self._in_time
        )

    def query(self, path: str, body: dict[str, Json], accept: tuple[int, ...] = ()) -> Answer:
        """Ask something that is too long for an address."""
        return self._transport.request(
            "POST",
            path,
            klass="read",
            json=body,
            headers=self._written,
            harmless=True,
            accept=accept,
            before=self._in_time,
        )

    def write(self, method: str, path: str, body: dict[str, Json], accept: tuple[int, ...] = ()) -> Answer:
        """Write something: an edit again where it fails, what makes something new only once."""
        return self._transport.request(
            method,
            path,
            klass="publish",
            json=body,
            headers=self._written,
            repeatable=method != "POST",
            accept=accept,
            before=self._in_time,
        )

    def pages(self, path: str, query: Mapping[str, str], *, size: int, what: str) -> Iterator[list[Json]]:
        """A list, page by page as long as somebody asks for more.

        Raises CalsyncError for an answer that is no list, which does not mean "none", and for too many pages.
        """
        for page in range(1, MOST_PAGES + 1):
            said = self.read(path, {**query, "page": str(page)}).body
            if not isinstance(said, list):
                raise CalsyncError(f"the answer to the question for {what} is no list", code="forge")
            yield said
            if len(said) < size:
                return
        raise CalsyncError(f"there are more {what} than calsync looks through", code="forge")

    @property
    def _written(self) -> dict[str, str]:
        return {**self._headers, "Content-Type": "application/json"}

    def _in_time(self) -> None:
        if self._clock() > self._end:
            raise CalsyncError(f"the forge took more than {PATIENCE:.0f} s", code="forge")
