"""Keys that a calendar names or quotes: a key file may lie where a calendar can reach it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from calsync.desired import Loaded
from calsync.environment import Secret
from calsync.errors import CalendarError, Diagnostic, Severity
from calsync.model import Content, Entry

_SHORTEST = 8
"""Characters: what is shorter would be found in ordinary words."""


def kept(loaded: Loaded, secrets: Iterable[Secret]) -> Loaded:
    """The same without keys: they are blotted out of findings, and a post whose text holds one is an error."""
    texts = _texts(secrets)
    if not texts:
        return loaded
    told = [each for entry in loaded.entries for each in _leaks(entry, texts)]
    found = {*told, *(_blotted(each, texts) for each in loaded.diagnostics)}
    return replace(loaded, diagnostics=tuple(sorted(found, key=lambda each: each.order)))


def blotted(error: CalendarError, secrets: Iterable[Secret]) -> CalendarError:
    """The same findings with keys blotted out."""
    texts = _texts(secrets)
    return CalendarError({_blotted(each, texts) for each in error.diagnostics})


def _texts(secrets: Iterable[Secret]) -> list[str]:
    return [each.reveal() for each in secrets if len(each.reveal()) >= _SHORTEST]


def _leaks(entry: Entry, texts: Sequence[str]) -> Iterator[Diagnostic]:
    """The first field of a post that holds a key, if there is one."""
    for name, said in _said(entry.content):
        if any(text in said for text in texts):
            yield Diagnostic(
                severity=Severity.ERROR,
                code="secret",
                message="the text of this post holds a key of this run",
                hint="take it out, and where it was committed make a new one at the service",
                source=entry.place(name),
                address=str(entry.address),
            )
            return


def _said(content: Content) -> Iterator[tuple[str, str]]:
    """What a post says, by field."""
    yield from (("caption", content.caption), ("title", content.title))
    yield from ((f"options.{name}", str(value)) for name, value in content.options.items())
    yield from ((f"thread.{number}", each.text) for number, each in enumerate(content.thread))


def _blotted(found: Diagnostic, texts: Sequence[str]) -> Diagnostic:
    message, hint = found.message, found.hint
    for text in texts:
        message = message.replace(text, "***")
        hint = hint.replace(text, "***") if hint is not None else None
    return replace(found, message=message, hint=hint)
