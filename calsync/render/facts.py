"""What every rendering of a plan says, as plain values: counts, names, sizes, what belongs together."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from calsync.errors import Diagnostic, Severity
from calsync.model import Json, MediaFile, canonical
from calsync.plan.action import Action, ActionKind, Cancel, Change, Forget, MediaUse, Move, Plan
from calsync.plan.sheet import Line, Sheet

_CONTENT = frozenset({ActionKind.CREATE, ActionKind.UPDATE, ActionKind.REPLACE})
WEIGHT = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


def number(count: int, unit: str) -> str:
    """`1 post`, `2 posts`."""
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def size(count: int) -> str:
    """A file's size as file managers show it: decimal, one digit."""
    if count < 1000:
        return f"{count} B"
    amount = count / 1000
    for unit in ("kB", "MB"):
        if amount < 999.95:
            return f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def counted(plan: Plan | Sheet) -> list[tuple[ActionKind, int]]:
    """The kinds of actions there are, with their numbers, in the contract's order."""
    counts = [(kind, sum(each.kind is kind for each in plan.actions)) for kind in ActionKind]
    return [(kind, count) for kind, count in counts if count]


def rest(plan: Plan | Sheet) -> str:
    """What is only counted: `40 unchanged, 3 unmanaged, 12 past`."""
    counts = ((name, plan.summary.get(name, 0)) for name in ("unchanged", "unmanaged", "past"))
    return ", ".join(f"{count} {name}" for name, count in counts if count)


def to_fetch(plan: Plan | Sheet) -> str:
    """What apply fetches before it uploads: `to fetch from Git LFS: 2 files, 38.0 MB`; empty where that is nothing."""
    files = {
        use.media.path: use.media.size
        for action in plan.actions
        for use in action.media
        if use.upload and isinstance(use.media, MediaFile) and use.media.pointer
    }
    return (
        f"to fetch from Git LFS: {number(len(files), 'file')}, {size(sum(files.values()))}" if files else ""
    )


def nothing(plan: Plan | Sheet) -> str:
    """The heading of a plan without actions; what could not be read is not "nothing to do"."""
    return f"Nothing planned for {', '.join(sorted(plan.halted))}" if plan.halted else "Nothing to do"


def by_weight(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Errors first, then warnings, then notes; each by file and line."""
    return sorted(diagnostics, key=lambda each: (WEIGHT[each.severity], each.order))


def own(action: Action | Line, diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics that say the same as an action does: why it is blocked or deferred, or its drift."""
    codes = {"drift"} if action.drift else set() if action.kind.acts else {action.code, action.kind.value}
    return [each for each in diagnostics if each.code in codes and each.address == str(action.address)]


def apart(plan: Plan | Sheet, *, verbose: bool = False) -> list[Diagnostic]:
    """The diagnostics that no action shows as its own, by weight.

    A note says once how an entry is understood, when something happens to its post; afterwards it would only
    teach people not to read. `verbose` and `calsync validate` show them all.
    """
    about: dict[str, list[Diagnostic]] = {}
    for each in plan.diagnostics:
        about.setdefault(each.address or "", []).append(each)
    shown = {id(each) for action in plan.actions for each in own(action, about.get(str(action.address), ()))}
    busy: set[str | None] = {str(action.address) for action in plan.actions}
    if any(action.kind in _CONTENT for action in plan.actions):
        busy.add(None)
    return by_weight(
        each
        for each in plan.diagnostics
        if id(each) not in shown and (verbose or each.severity is not Severity.NOTE or each.address in busy)
    )


def telling(action: Action | Line) -> bool:
    """Its reason says more than its kind and its changes do."""
    if action.kind in (ActionKind.UPDATE, ActionKind.RESCHEDULE) and not action.drift:
        return False
    previous = action.previous_address
    return action.reason != "new post" and not (previous and str(previous) in action.reason)


def value(data: Json) -> str:
    """An option's value as a calendar would spell it."""
    if data is None:
        return "unset"
    return data if isinstance(data, str) else canonical(data)


def text_of(change: Change) -> tuple[str, str]:
    """Before and after of a text field; absent is empty."""
    return value(change.before) if change.before else "", value(change.after) if change.after else ""


def field(change: Change) -> str:
    """What a change is about, as people say it: `caption`; `reply 3` of what the third reply says or shows."""
    name, _, rest = change.path.partition(".")
    number = rest.partition(".")[0]
    if name == "thread" and number.isascii() and number.isdecimal():
        return f"reply {int(number) + 1}"
    return change.path


def caption(action: Action) -> str:
    """The caption that a post will have, or had where the action ends it."""
    content = action.content
    if content is None and isinstance(action.step, Cancel | Forget | Move):
        content = action.step.record.content
    if content is not None:
        return content.caption
    found = next((each for each in action.changes if each.path == "caption"), None)
    return "" if found is None else text_of(found)[1] or text_of(found)[0]


def shows_media(action: Action | Line) -> bool:
    """Its media is news: new, changed or to be uploaded."""
    return (
        action.kind in (ActionKind.CREATE, ActionKind.REPLACE, ActionKind.DEFERRED)
        or any(each.is_media for each in action.changes)
        or any(each.upload for each in action.media)
    )


def medium(use: MediaUse, *, whole: bool = False) -> str:
    """`teaser.mp4, 52.4 MB, upload`; `whole`: with its path and the beginning of its digest."""
    media = use.media
    whose = "" if use.reply is None else f"reply {use.reply + 1}: "
    if not isinstance(media, MediaFile):
        return f"content {media.id} at the service"
    name = media.path if whole else media.path.rpartition("/")[2]
    facts = [f"{whose}{name}", size(media.size)]
    if use.upload:
        facts.append("upload (from Git LFS)" if media.pointer else "upload")
    else:
        facts.append("uploaded already")
    if whole:
        facts.append(f"sha256 {media.sha256[:12]}")
    return ", ".join(facts)


def media_lines(action: Action | Line, *, most: int = 4, whole: bool = False) -> list[str]:
    """One line per medium; of a long carousel the first ones and the sum of the others."""
    uses = action.media
    shown = uses if whole or len(uses) <= most else uses[: most - 1]
    lines = [medium(each, whole=whole) for each in shown]
    others = uses[len(shown) :]
    if others:
        total = sum(each.media.size for each in others if isinstance(each.media, MediaFile))
        uploads = sum(each.upload for each in others)
        lines.append(f"and {len(others)} more, {size(total)}, {number(uploads, 'upload')}")
    return lines


def replaced(action: Action | Line) -> list[Change]:
    """The changes of media that put others in the place of some, or none."""
    return [each for each in action.changes if each.is_media and each.before]


def was_media(change: Change) -> str:
    """Which media a change replaces, as far as the record knows: digests or ids, not names."""
    before = change.before if isinstance(change.before, list) else []
    refs = [str(each) for each in before]
    short = [ref[: len("sha256:") + 12] if ref.startswith("sha256:") else ref for ref in refs]
    return ", ".join(short[:3]) + (f" and {len(short) - 3} more" if len(short) > 3 else "")


def apply_command(plan: Plan | Sheet) -> str:
    """What to type to apply exactly this plan.

    Sixteen digits of the digest: eight name a plan well enough to talk about it, but somebody who can choose a
    caption could search for a second plan with the same eight.
    """
    chosen: Sequence[str] = [
        *(part for name in plan.filters.calendars for part in ("--calendar", name)),
        *(part for name in plan.filters.accounts for part in ("--account", name)),
    ]
    return shlex.join(["calsync", "apply", "--expect", plan.digest[:16], *chosen])
