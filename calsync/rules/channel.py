"""Rules about what a service says of one account's network: known only online, from services that tell."""

from __future__ import annotations

import re
from collections.abc import Iterator

from calsync.errors import Diagnostic, Severity
from calsync.model import Post, units
from calsync.rules.case import listed

_ADDRESS = re.compile(r"https?://[^\s<>]+", re.IGNORECASE)
_SHORTENED = 23
_ONE = ((0, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))
"""Characters that X counts as one; most of the others count as two."""
_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});)")


def texts_fit(post: Post, most: int, network: str) -> Iterator[Diagnostic]:
    """No text of the post is longer than the network takes, as the service counts it."""
    content = post.content
    said = [("caption", "the caption", content.caption)]
    said += [
        (f"thread.{index}", f"reply {index + 1}", each.text) for index, each in enumerate(content.thread)
    ]
    for place, name, text in said:
        length = measured(text, network)
        if length > most:
            counted = "as X counts them, & as 5" if network == "x" else "in UTF-16 units"
            yield Diagnostic(
                severity=Severity.ERROR,
                code="caption-length" if place == "caption" else "thread-length",
                message=f"{name} has {length:,} characters ({counted}); {network} takes at most {most:,}"
                f" ({post.account.key.service})",
                source=post.entry.place(place),
                address=str(post.address),
            )


def measured(text: str, network: str) -> int:
    """How long a text counts on a network: UTF-16 units; on X by its weights where that is more."""
    if network != "x":
        return units(text)
    sent = _AMPERSAND.sub("&amp;", text)
    rest, addresses = _ADDRESS.subn("", sent)
    return max(units(sent), addresses * _SHORTENED + sum(map(_weight, rest)))


def _weight(character: str) -> int:
    point = ord(character)
    if point == 0xFE0F:  # only says that the one before it is an emoji
        return 0
    return 1 if any(first <= point <= last for first, last in _ONE) else 2


def unusable(alias: str, service: str, why: str, blocked: int, *, there: bool) -> tuple[Severity, str, str]:
    """An account where nothing can be posted now: how much that weighs, what is so, and what to do."""
    mend = f"mend it at {service}" if there else "correct `id:` (`calsync accounts` lists them)"
    if blocked:
        waiting = f"; {blocked:,} {'post waits' if blocked == 1 else 'posts wait'} for it"
        return (
            Severity.ERROR,
            f"account {alias} cannot be posted to: {why}{waiting}",
            f"{mend}, or `paused: true`",
        )
    return Severity.WARNING, f"account {alias} cannot be posted to: {why}", mend


def unchecked(alias: str, service: str, network: str, names: list[str]) -> str:
    """Options of which nothing is known."""
    return (
        f"{service} does not say which options {network or alias} takes: {listed(names, 5)}"
        f" {'goes' if len(names) == 1 else 'go'} there as text, unchecked"
    )
