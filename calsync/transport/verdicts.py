"""What an exchange came to: an answer that counts, or the error it means and whether another try is safe.

The one place where statuses and broken connections become our errors. `Unavailable` is only what certainly had
no effect; a write that went out and was not understandably answered is `Uncertain`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from calsync.errors import ProviderError, Rejected, Throttled, Unauthorized, Unavailable, Uncertain
from calsync.model import Json
from calsync.transport.answers import Answer, clean, clean_code, parsed, refusal, retry_after, span
from calsync.transport.multipart import Body
from calsync.transport.redaction import Redactor


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request ready to go. `reads`: it cannot make a post; `again`: it may be repeated; `bare`: no JSON is due."""

    what: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: Body | None
    wire: str
    reads: bool
    again: bool
    accept: frozenset[int] = frozenset()
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """One try that did not succeed: the error it would end in, whether another is safe, and how long to wait."""

    error: ProviderError
    again: bool = False
    wait: float | None = None
    cause: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Judges the exchanges with one service; the key is blotted out of all that the service says."""

    service: str
    redactor: Redactor

    def answered(
        self,
        call: Call,
        status: int,
        headers: Mapping[str, str],
        raw: bytes,
        broken: str | None,
        now: datetime,
    ) -> Answer | Trouble:
        """Something came back; `broken` says why its body is not whole."""
        success = 200 <= status < 300
        if success and call.bare:
            return Answer(status)
        body: Json = None
        try:
            body = parsed(raw)
            if self.redactor.needed(raw):
                body = self.redactor.data(body)
        except ValueError:
            broken = broken or "an answer that is not JSON"
        if status in call.accept:
            return Answer(status, headers, body)
        if success and broken is not None:
            return self.unclear(call, broken, status=status)
        # TikFlow's envelope says it twice; where it contradicts the status, it is no success.
        if not success or (isinstance(body, dict) and body.get("success") is False):
            return self._refused(call, status, headers, raw, body, now)
        return Answer(status, headers, body)

    def unreached(self, call: Call, cause: Exception) -> Trouble:
        """Connecting failed: nothing was sent, so any request may be tried again."""
        why = clean(str(cause), redactor=self.redactor)
        message = f"{self.service} could not be reached for {call.what}: {why}"
        return Trouble(Unavailable(message, service=self.service), again=True, cause=cause)

    def unclear(
        self,
        call: Call,
        why: str,
        *,
        status: int | None = None,
        code: str | None = None,
        cause: Exception | None = None,
    ) -> Trouble:
        """No understandable answer: harmless for what only reads, a doubt for what writes."""
        why = clean(why, redactor=self.redactor)
        if call.reads:
            message = f"{self.service} did not answer {call.what}: {why}"
            unread = Unavailable(message, service=self.service, status=status, remote_code=code)
            return Trouble(unread, again=True, cause=cause)
        message = f"{call.what} went out to {self.service}, and whether it was done is not known: {why}"
        doubt = Uncertain(message, service=self.service, status=status, remote_code=code)
        return Trouble(doubt, again=call.again, cause=cause)

    def unsafe(self, cause: Exception | None = None) -> Trouble:
        """A presigned address that no file may go to."""
        message = f"{self.service} sent us to an upload address that is not safe; nothing was sent there"
        return Trouble(Rejected(message, service=self.service, code="unsafe-address"), cause=cause)

    def _refused(
        self, call: Call, status: int, headers: Mapping[str, str], raw: bytes, body: Json, now: datetime
    ) -> Trouble:
        said, code = refusal(body, raw)
        code = clean_code(code, redactor=self.redactor)
        message = f"{self.service} answered {status} to {call.what}"
        if said:
            message += f": {clean(said, redactor=self.redactor)}"
        if status < 200 or 300 <= status < 400:
            return self._redirected(call, status, message)
        if status == 429:
            wait = retry_after(headers, now)
            if wait:
                message += f"; it asks to wait {span(wait)}"
            refused: ProviderError = Throttled(
                message, retry_after=wait, service=self.service, status=status, remote_code=code
            )
            return Trouble(refused, again=True, wait=wait)
        if status >= 500 or status == 408:
            return self.unclear(call, f"{status} {said or ''}".strip(), status=status, code=code)
        if status in (401, 402, 403) and not call.bare:
            refused = Unauthorized(
                message,
                quota=status == 403 and bool(re.search("LIMIT_EXCEEDED|QUOTA", code or "")),
                hint=self._advice(status),
                service=self.service,
                status=status,
                remote_code=code,
            )
            return Trouble(refused)
        return Trouble(
            Rejected(message, conflict=status == 409, service=self.service, status=status, remote_code=code)
        )

    def _redirected(self, call: Call, status: int, message: str) -> Trouble:
        hint = "calsync follows no redirects, so that a key goes nowhere else; check the service's address"
        if call.reads:
            return Trouble(Rejected(message, service=self.service, status=status, hint=hint))
        # A redirect after a write may well mean that the write was done.
        doubt = Uncertain(
            f"{message}; whether it was done is not known", service=self.service, status=status, hint=hint
        )
        return Trouble(doubt)

    def _advice(self, status: int) -> str:
        if status == 401:
            return f"check {re.sub(r'[^A-Z0-9]', '_', self.service.upper())}_API_KEY"
        return "check the subscription of the key's owner, and what the key may do"


def doubted(error: ProviderError) -> Uncertain:
    """A refusal of a later try says nothing about an earlier one that was never answered."""
    return Uncertain(
        f"an earlier try may have been done; then: {error.message}",
        service=error.service,
        hint=error.hint,
        status=error.status,
        remote_code=error.remote_code,
    )
