"""What `state check` found, for people."""

from __future__ import annotations

from calsync.model import Json
from calsync.plan.checkup import Check, CheckStatus, Checkup, Needs
from calsync.render import facts
from calsync.render.page import Page, Style
from calsync.render.safe import terminal

_STYLES: dict[Needs | None, Style] = {None: "green", Needs.APPLY: "yellow", Needs.PERSON: "alarm"}


def checkup_text(checkup: Checkup, *, colour: bool = False, width: int = 80, verbose: bool = False) -> str:
    """Every finding that is not just as recorded (with `verbose`: every one), and the numbers."""
    page = Page(colour=colour, width=width)
    if not checkup.checks:
        page.put("Nothing is recorded.")
        return page.text()
    for each in checkup.checks:
        if (
            verbose
            or each.needs is not None
            or each.status not in (CheckStatus.AGREES, CheckStatus.PUBLISHED)
        ):
            _finding(page, each)
    page.gap()
    counts = checkup.counts
    words = ", ".join(f"{counts[each.value]} {each.value}" for each in CheckStatus if counts[each.value])
    page.put(("bold", "Checked: "), words + ".", hang=2)
    by_apply, by_person = counts["needs_apply"], counts["needs_person"]
    if by_apply or by_person:
        page.put(f"To mend: {by_apply} by the next apply, {by_person} by a person.", hang=2)
    else:
        page.put("There is nothing to mend.")
    if counts["unmanaged"]:
        page.put(("dim", f"{facts.number(counts['unmanaged'], 'other post')} there, not calsync's."), hang=2)
    return page.text()


def _finding(page: Page, each: Check) -> None:
    address = terminal(each.address)
    page.put((_STYLES[each.needs], each.status.value), "  ", ("bold", address), hang=2, fold=False)
    page.put(terminal(each.message), indent=2, hang=4)
    for change in each.changes:
        before, after = _shown(change.before), _shown(change.after)
        page.put(f"{terminal(change.path)}: {before} to {after}", indent=4, hang=6)
    if each.hint:
        page.put(("cyan", "hint"), f": {terminal(each.hint)}", indent=2, hang=4, fold=False)


def _shown(value: Json) -> str:
    return "nothing" if value is None else terminal(value if isinstance(value, str) else repr(value))
