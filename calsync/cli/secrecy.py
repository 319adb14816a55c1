"""Keys that a calendar names or quotes: a key file may lie where a calendar can reach it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from calsync.desired import Loaded
from calsync.environment import Secret
from calsync.errors import CalendarError, Diagnostic, Severity
from calsync.model import Entry

_SHORTEST = 8
"""Characters: what is shorter would be found in ordinary words."""


def kept(loaded: Loaded, secrets: Iterable[Secret]) -> Loaded:
    """The same without keys: they are blotted out of findings, and a post whose text holds one is an error."""
    texts = _texts(secrets)
    if not texts:
        return loaded
    told = [_leak(entry) for entry in loaded.entries if _holds(entry, texts)]
    found = {*told, *(_blotted(each, texts) for each in loaded.diagnostics)}
    return replace(loaded, diagnostics=tuple(sorted(found, key=lambda each: each.order)))


def blotted(error: CalendarError, secrets: Iterable[Secret]) -> CalendarError:
    """The same findings with keys blotted out."""
    texts = _texts(secrets)
    return CalendarError({_blotted(each, texts) for each in error.diagnostics})


def _texts(secrets: Iterable[Secret]) -> list[str]:
    return [each.reveal() for each in secrets if len(each.reveal()) >= _SHORTEST]


def _leak(entry: Entry) -> Diagnostic:
    return Diagnostic(
        severity=Severity.ERROR,
        code="secret",
        message="the text of this post holds a key of this run",
        hint="take it out, and where it was committed make a new one at the service",
        source=entry.place("caption"),
        address=str(entry.address),
    )


def _holds(entry: Entry, texts: Sequence[str]) -> bool:
    content = entry.content
    said = [content.caption, content.title or "", *map(str, content.options.values())]
    said += [each.text for each in content.thread]
    return any(text in each for each in said for text in texts)


def _blotted(found: Diagnostic, texts: Sequence[str]) -> Diagnostic:
    message, hint = found.message, found.hint
    for text in texts:
        message = message.replace(text, "***")
        hint = hint.replace(text, "***") if hint is not None else None
    return replace(found, message=message, hint=hint)
