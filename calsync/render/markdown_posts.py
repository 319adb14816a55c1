"""One action of a plan in markdown: its row in the table, its place among what needs attention, its details."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from calsync.errors import Diagnostic, Severity
from calsync.model import MediaFile
from calsync.plan.action import ActionKind, Change, MediaUse
from calsync.plan.sheet import EXCERPT, Gist, Line, Sheet, excerpt
from calsync.render import facts
from calsync.render.diff import marked
from calsync.render.safe import markdown_code_block, markdown_inline, markdown_table_cell, terminal
from calsync.render.when import Clock

MEANINGS = {
    ActionKind.REPLACE: "cancelled and scheduled again, because the service cannot edit it",
    ActionKind.ADOPT: "it is at the service already; calsync takes it over and sends nothing",
    ActionKind.MOVE: "it has a new name in the calendar; the post itself stays as it is",
    ActionKind.FORGET: "it is over and in no calendar any more; calsync stops tracking it and sends nothing",
}
"""What an action means, where its name alone does not say it to somebody who is new."""

DRIFT = "somebody changed the post at the service; apply puts back what the calendar says"

_REASON = 1000
_TEXT = 12_000  # characters of one caption: three times what any platform takes
_VALUE = 200
_MEDIA = 5


@dataclass(frozen=True, slots=True)
class Posts:
    """Words the actions of one plan."""

    sheet: Sheet
    clock: Clock
    _own: dict[str, list[Diagnostic]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for each in self.sheet.diagnostics:
            if each.address is not None:
                self._own.setdefault(each.address, []).append(each)

    def own(self, line: Line) -> list[Diagnostic]:
        """The diagnostics that say the same as the action does."""
        return facts.own(line, self._own.get(str(line.address), ()))

    def row(self, line: Line, zone: str | None) -> str:
        """Its row in the table. `zone`: the one that the heading names; None where each row does."""
        gist = line.texts.get("caption") or line.texts.get("title")
        name = f"{line.address.calendar}/{line.address.post}"
        previous = line.previous_address
        cells = (
            f"{line.kind.symbol} {line.kind.value}{' (drift)' if line.drift else ''}",
            self._when(line, zone),
            markdown_table_cell(line.address.account),
            markdown_table_cell(name) + (f" (was {markdown_table_cell(_former(line))})" if previous else ""),
            markdown_table_cell(excerpt(gist.excerpt, EXCERPT + len("..."))) if gist else "",
        )
        return f"| {' | '.join(cells)} |\n"

    def attention(self, line: Line) -> str:
        """What is blocked or waits, as an item of a list: which post, why, and what a person can do."""
        at = line.after or line.before
        own = self.own(line)
        place = next((each.source for each in own if each.source), line.source)
        parts = [f"- **{line.kind.value}** {markdown_inline(str(line.address))}"]
        if at is not None:
            parts.append(f", {self.clock.at(at, line.zone)} {self.clock.zone(line.zone)}")
        parts.append(f": {markdown_inline(excerpt(line.reason, _REASON))}")
        if place is not None:
            parts.append(f" ({code(str(place))})")
        hints = dict.fromkeys(each.hint for each in own if each.hint)
        parts += [f"<br>**To do:** {markdown_inline(excerpt(hint, _REASON))}" for hint in hints]
        return "".join(parts) + "\n"

    def finding(self, each: Diagnostic) -> str:
        """A diagnostic as an item of a list, with its file and line."""
        place = f"{code(str(each.source))}: " if each.source else ""
        address = f"{markdown_inline(each.address)}: " if each.address else ""
        hint = f"<br>**To do:** {markdown_inline(excerpt(each.hint, _REASON))}" if each.hint else ""
        word = f"**{each.severity.value}**" if each.severity is Severity.ERROR else each.severity.value
        says = f"{markdown_inline(each.code)}: {address}{markdown_inline(excerpt(each.message, _REASON))}"
        return f"- {place}{word} {says}{hint}\n"

    def details(self, line: Line) -> str:
        """What changes about one post, folded; empty where the rest of the page says it all."""
        items = list(self._items(line))
        blocks = list(_texts(line))
        if not items and not blocks:
            return ""
        at = line.after or line.before
        # Inside an HTML tag markdown's own escapes would be shown; in <code> nobody is mentioned either.
        title = f"{line.kind.value} <code>{html.escape(terminal(str(line.address)))}</code>"
        if at is not None:
            title += f", {self.clock.at(at, line.zone)}"
        if line.source is not None:
            items.append(f"written in {code(f'{line.source.file}:{line.source.line}')}")
        body = "".join(f"- {item}\n" for item in items) + "".join(f"\n{block.rstrip()}\n" for block in blocks)
        return f"<details><summary>{title}</summary>\n\n{body}\n</details>\n"

    def _when(self, line: Line, zone: str | None) -> str:
        at = line.after or line.before
        if at is None:
            return ""
        name = "" if zone is not None else f" {self.clock.zone(line.zone)}"
        new = self.clock.at(at, line.zone)
        if line.before is None or line.after is None or line.before == line.after:
            return f"{new}{name}"
        return f"~~{self.clock.at(line.before, line.zone)}~~ **{new}**{name}"

    def _items(self, line: Line) -> Iterator[str]:
        if line.kind.acts and facts.telling(line):
            yield markdown_inline(excerpt(line.reason, _REASON))
        if line.drift:
            yield f"drift: {DRIFT}"
        if line.previous_address is not None:
            yield f"renamed: was {markdown_inline(str(line.previous_address))}"
        yield from self._time(line)
        for each in line.changes:
            if each.path == "intent" and not (line.kind is ActionKind.CREATE and each.after == "publish"):
                yield _replaced("intent", each, line.kind)
            elif each.path.startswith("options."):
                yield _replaced(each.path.removeprefix("options."), each, line.kind)
        if facts.shows_media(line):
            yield from _media(line)
        for address in line.waits_for:
            yield f"waits for the cancel of {markdown_inline(str(address))}"
        if line.kind.acts:
            for found in self.own(line):
                if found.hint:
                    yield f"to do: {markdown_inline(excerpt(found.hint, _REASON))}"

    def _time(self, line: Line) -> Iterator[str]:
        if line.after is not None and line.after != line.before:
            old = f"{self.clock.at(line.before, line.zone)} → " if line.before else ""
            away = f"{self.clock.zone(line.zone)}, {self.clock.away(line.after, line.zone)}"
            yield f"time: {old}**{self.clock.at(line.after, line.zone)}** {away}"


def code(text: str) -> str:
    """A place, as code: it is copied into an editor, so it should hold nothing but itself."""
    shown = terminal(excerpt(text, _VALUE))
    return markdown_inline(shown) if "`" in shown or not shown else f"`{shown}`"


def counted(gist: Gist) -> str:
    """`96 of 2,200 characters`: UTF-16 units, as the platforms count."""
    if gist.limit is None:
        return facts.number(gist.units, "character")
    over = ", **too long**" if gist.units > gist.limit else ""
    return f"{gist.units:,} of {gist.limit:,} characters{over}"


def measures(media: MediaFile) -> str:
    """`video, 1080 × 1920, 12.5 s, 52.4 MB`, as far as it is known."""
    known = [media.kind.value]
    if media.width and media.height:
        known.append(f"{media.width} × {media.height}")
    if media.duration_ms is not None:
        known.append(_length(media.duration_ms))
    return ", ".join([*known, facts.size(media.size)])


def _length(milliseconds: int) -> str:
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _former(line: Line) -> str:
    """The old name, as far as it differs: the calendar goes without saying where it stayed."""
    old = line.previous_address
    assert old is not None
    name = old.post if old.calendar == line.address.calendar else f"{old.calendar}/{old.post}"
    return name if old.account == line.address.account else f"{name}@{old.account}"


def _media(line: Line) -> Iterator[str]:
    uses = line.media
    shown = uses if len(uses) <= _MEDIA else uses[: _MEDIA - 1]
    for each in shown:
        whose = "" if each.reply is None else f" of reply {each.reply + 1}"
        yield f"media{whose}: {_medium(each)}"
    others = uses[len(shown) :]
    if others:
        total = sum(each.media.size for each in others if isinstance(each.media, MediaFile))
        uploads = sum(each.upload for each in others)
        yield f"media: and {len(others)} more, {facts.size(total)}, {facts.number(uploads, 'upload')}"
    for changed in facts.replaced(line):
        yield f"{markdown_inline(_whose(changed))} before: {code(facts.was_media(changed))}"


def _whose(change: Change) -> str:
    return "media" if change.path == "media" else f"media of {facts.field(change)}"


def _medium(use: MediaUse) -> str:
    media = use.media
    if not isinstance(media, MediaFile):
        return f"content {code(media.id)} that the service has already"
    name = markdown_inline(excerpt(media.path.rpartition("/")[2], _VALUE))
    if not use.upload:
        what = "uploaded already"
    else:
        what = "to be uploaded (from Git LFS)" if media.pointer else "to be uploaded"
    return f"{name}: {measures(media)}, {what}"


def _replaced(name: str, change: Change, kind: ActionKind) -> str:
    before, after = excerpt(facts.value(change.before), _VALUE), excerpt(facts.value(change.after), _VALUE)
    old = "" if change.before is None and kind is ActionKind.CREATE else f"{markdown_inline(before)} → "
    meaning = ", which a person finishes" if (name, after) == ("intent", "draft") else ""
    return f"{markdown_inline(excerpt(name, _VALUE))}: {old}{markdown_inline(after)}{meaning}"


def _texts(line: Line) -> Iterable[str]:
    for each in line.changes:
        if not each.is_text:
            continue
        before, after = (_clipped(text) for text in facts.text_of(each))
        gist = line.texts.get(each.path)
        name = markdown_inline(facts.field(each))
        title = f"{name}, {counted(gist)}" if after and gist else name
        if before and after:
            yield f"{title} (`[-removed-]`, `{{+added+}}`):\n\n{markdown_code_block(marked(before, after))}"
        elif after:
            yield f"{title}:\n\n{markdown_code_block(after)}"
        else:
            yield f"{title}, removed:\n\n{markdown_code_block(before)}"


def _clipped(text: str) -> str:
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}\n... {len(text) - _TEXT:,} characters more"


def sort_key(line: Line) -> tuple[int, str, str]:
    """Cancels and replaces first, other writes next, what only changes the record last; the soonest first."""
    weight = 0 if line.kind in (ActionKind.CANCEL, ActionKind.REPLACE) else 1 if line.kind.writes else 2
    at = line.after or line.before
    return (weight, at.isoformat() if at else "", str(line.address))
