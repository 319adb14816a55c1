"""One comment and one issue, found again by a hidden first line and by who wrote them, and kept up to date.

The marker alone proves nothing: anybody may write it. What somebody else wrote is neither edited nor believed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import TypeVar

from calsync.forges.base import Comment, Forge, Issue

T = TypeVar("T", Comment, Issue)

_DOUBLE = "_The plan is in the comment above._\n"
_OUTDATED = "<!-- calsync:outdated -->"


def heading(marker: str, head: str | None) -> str:
    """The hidden lines that a comment begins with: whose it is, and which commit it is about."""
    return f"{marker}\n<!-- calsync:head:{head} -->\n" if head else f"{marker}\n"


def keep_comment(
    forge: Forge, number: int, *, marker: str, head: str | None, body: str, telling: bool
) -> None:
    """Bring our comment on a pull request up to date; make it where there is none and `telling`.

    Where the pull request has another head by now, what was planned is news no more: our comment is marked
    outdated then, unless it is about that head already, and none is made.
    """
    newest = forge.head_of_pull(number)
    mine = list(_ours(forge, forge.comments(number), marker))
    if head is not None and newest is not None and newest != head:
        for each in mine:
            marked = _outdated(each.body, newest)
            if marked is not None:
                forge.edit_comment(each, marked)
        return
    text = heading(marker, head) + body
    kept = next((each for each in mine if forge.edit_comment(each, text)), None)
    if kept is None:
        if telling or mine:
            forge.add_comment(number, text)
        return
    # Two runs that found none at the same moment made one each; the older plan must not be left standing.
    for each in mine[mine.index(kept) + 1 :]:
        forge.edit_comment(each, _DOUBLE)


def keep_issue(forge: Forge, *, marker: str, title: str, body: str) -> None:
    """Say what is wrong in the one issue for it: the one that is open, or a new one."""
    mine = sorted(each.number for each in _ours(forge, forge.open_issues(), marker))
    if not mine:
        forge.open_issue(title, f"{marker}\n{body}")
        return
    first, *others = mine
    forge.edit_issue(first, f"{marker}\n{body}")
    for each in others:
        forge.close_issue(each, f"The same as #{first}.")


def close_issue(forge: Forge, *, marker: str, note: str) -> None:
    """All is well again: close the issue that says otherwise, if there is one."""
    for each in list(_ours(forge, forge.open_issues(), marker)):
        forge.close_issue(each.number, note)


def _ours(forge: Forge, found: Iterator[T], marker: str) -> Iterator[T]:
    """Those that begin with the marker and that we wrote."""
    return (each for each in found if each.body.startswith(marker) and each.author in forge.me())


def _hidden(body: str) -> list[str]:
    """The lines that a comment begins with and that nobody sees; further down is what calendars say."""
    return list(takewhile(lambda line: line.startswith("<!-- "), body.splitlines()))


def _outdated(body: str, newest: str) -> str | None:
    """The same comment, which says first that it is outdated; None where it needs not."""
    hidden = _hidden(body)
    if _OUTDATED in hidden or f"<!-- calsync:head:{newest} -->" in hidden:
        return None
    words = f"> **Outdated**: the head is `{newest[:10]}` by now; its own run brings this up to date."
    return "\n".join([*hidden, _OUTDATED, words, "", *body.splitlines()[len(hidden) :]]) + "\n"
