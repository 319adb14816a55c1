"""What stands under an action in a plan on a terminal: its changes, field by field, and what to do by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from calsync.errors import Diagnostic, Severity
from calsync.plan.action import Action, ActionKind, Change
from calsync.plan.sheet import excerpt
from calsync.render import facts
from calsync.render.diff import mark, pieces
from calsync.render.page import Page, Span, Style
from calsync.render.safe import terminal
from calsync.render.when import Clock

_LABEL = 9
_CAPTION_LINES = 4


@dataclass(frozen=True, slots=True)
class Details:
    """Writes the details of actions on a page."""

    page: Page
    clock: Clock
    verbose: bool

    def write(self, action: Action, diagnostics: Iterable[Diagnostic]) -> None:
        """Everything under the action's first line. `diagnostics`: those that say why it is as it is."""
        self._why(action, list(diagnostics))
        if action.before and action.after and action.before != action.after:
            self._time(action)
        for each in action.changes:
            if each.is_text:
                self._text(each)
            elif each.path == "intent":
                self._intent(each, new=action.kind is ActionKind.CREATE)
        if not any(each.path == "caption" for each in action.changes):
            self._excerpt(action)
        if facts.shows_media(action) or (self.verbose and action.media):
            self._media(action)
        self._options(action)
        if action.waits_for:
            names = ", ".join(terminal(str(each)) for each in action.waits_for)
            self._line("waits", f"for the cancel of {names}")
        if self.verbose:
            if action.source:
                self._line("source", terminal(f"{action.source.file}:{action.source.line}"), "dim")
            self._line("account", terminal(str(action.account)), "dim")

    def _why(self, action: Action, own: list[Diagnostic]) -> None:
        reason = terminal(action.reason)
        previous = str(action.previous_address) if action.previous_address else ""
        if not action.kind.acts:
            severity = min((each.severity for each in own), key=list(Severity).index, default=Severity.ERROR)
            style: Style = "alarm" if severity is Severity.ERROR else "yellow"
            code = f"{severity.value}[{terminal(action.code or action.kind.value)}]"
            self._put(action.kind.value, [(style, code), f": {reason}"])
            if action.source and not self.verbose:
                self._line("source", terminal(str(action.source)), "dim")
        elif action.drift:
            self._put("drift", [("yellow", reason)])
        elif self.verbose or facts.telling(action):
            self._line("reason", reason)
        if previous:
            self._line("was", terminal(previous))
        for each in own:
            if each.message not in action.reason and action.reason not in each.message:
                self._line(each.severity.value, terminal(each.message))
            if each.hint:
                self._line("hint", terminal(each.hint))

    def _time(self, action: Action) -> None:
        assert action.before
        assert action.after
        old, new = self.clock.at(action.before, action.zone), self.clock.at(action.after, action.zone)
        self._put("time", [("removed", old) if self.page.colour else old, " -> ", _new(self.page, new)])

    def _text(self, change: Change) -> None:
        before, after = facts.text_of(change)
        if after and not before:
            text = terminal(after, lines=True).strip("\n")
            self._put(facts.field(change), [text], most=0 if self.verbose else _CAPTION_LINES)
            return
        spans: list[Span | str] = []
        for kind, text in pieces(before, after, whole=self.verbose):
            safe = terminal(text, lines=True)
            style: Style = "plain" if kind == "same" else kind
            spans.append((style, safe) if self.page.colour else mark(kind, safe))
        self._put(facts.field(change), spans)

    def _excerpt(self, action: Action) -> None:
        if action.kind in (ActionKind.CANCEL, ActionKind.FORGET, ActionKind.DEFERRED) or self.verbose:
            text = facts.caption(action)
            if text:
                self._line("caption", terminal(excerpt(text, 60)), "dim")

    def _intent(self, change: Change, *, new: bool) -> None:
        after = facts.value(change.after)
        meaning = f"{after}, which a person finishes" if after == "draft" else after
        if not new:
            self._line("intent", f"{facts.value(change.before)} -> {meaning}")
        elif after != "publish":
            self._line("intent", meaning)

    def _media(self, action: Action) -> None:
        label = "media"
        for line in facts.media_lines(action, whole=self.verbose):
            self._put(label, [terminal(line)])
            label = ""
        for each in facts.replaced(action):
            whose = "" if each.path == "media" else f"{terminal(facts.field(each))}: "
            how = "instead of" if each.after else "without"
            self._line(label, f"{whose}{how} {terminal(facts.was_media(each))}", "dim")
            label = ""

    def _options(self, action: Action) -> None:
        label = "options"
        plain: list[str] = []
        for each in action.changes:
            if not each.path.startswith("options."):
                continue
            name = terminal(each.path.removeprefix("options."))
            before, after = terminal(facts.value(each.before)), terminal(facts.value(each.after))
            if each.before is None and action.kind is ActionKind.CREATE:
                plain.append(f"{name}: {after}")
                continue
            self._put(label, [f"{name}: ", _old(self.page, before), " -> ", _new(self.page, after)])
            label = ""
        if plain:
            self._line(label, ", ".join(plain))

    def _line(self, label: str, text: str, style: Style = "plain") -> None:
        self._put(label, [(style, text)])

    def _put(self, label: str, spans: list[Span | str], most: int = 0) -> None:
        roomy = self.page.width is None or self.page.width >= 60
        name = f"{label:<{_LABEL}}" if roomy else f"{label}: " if label else "    "
        self.page.put(("dim", name), *spans, indent=4, hang=4 + _LABEL if roomy else 8, most=most)


def _old(page: Page, text: str) -> Span:
    return ("removed" if page.colour else "plain", text)


def _new(page: Page, text: str) -> Span:
    return ("added" if page.colour else "plain", text)
