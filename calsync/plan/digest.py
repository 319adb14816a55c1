"""The digest of a plan: sha256 over one line per action that writes to a service."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from calsync.model import Content, Json, canonical
from calsync.plan.action import Action, Cancel, Create, Replace, Reschedule, Update


def line(action: Action) -> str | None:
    """What an action sends, as one comparable line: address, account, action, spec, remote id. None: nothing."""
    step = action.step
    if isinstance(step, Create):
        return _line(action, step.post.content, None)
    if isinstance(step, (Update, Replace, Reschedule)):
        return _line(action, step.post.content, str(step.record.remote_id))
    if isinstance(step, Cancel):
        return _line(action, None, str(step.record.remote_id))
    return None


def _line(action: Action, content: Content | None, remote_id: str | None) -> str:
    body: dict[str, Json] = {
        "account": str(action.account),
        "spec": None if content is None else content.to_json(),
        "remote_id": remote_id,
    }
    return f"{action.kind.value} {action.address} {canonical(body)}"


def lines(actions: Iterable[Action]) -> tuple[str, ...]:
    """The lines of all writing actions, sorted, so that the digest does not depend on their order."""
    return tuple(sorted(text for text in map(line, actions) if text is not None))


def digest(of: Iterable[str]) -> str:
    """The digest of these lines, in hex."""
    return hashlib.sha256("\n".join(of).encode("utf-8", "surrogatepass")).hexdigest()
