"""Findings as annotations of a GitHub Actions run, on the lines of the files that they are about."""

# No `from __future__ import annotations` here: the name is this module's own.
from collections.abc import Collection, Iterable
from typing import Literal, TypeAlias

from calsync.errors import Diagnostic, Severity
from calsync.render.facts import WEIGHT, by_weight
from calsync.render.safe import annotation

MOST = 10
"""What GitHub shows of each level in a step; it drops the others without a word."""

_Level: TypeAlias = Literal["error", "warning", "notice"]
_LEVELS: dict[Severity, _Level] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTE: "notice",
}


def annotations(
    diagnostics: Iterable[Diagnostic],
    *,
    folder: str = "",
    touched: Collection[str] = (),
    elsewhere: str = "calsync validate lists them all",
) -> str:
    """One workflow command per finding, at most ten of each level; then how many more there are, and where.

    Errors first, and of each level first what is about the addresses `touched`. `folder`: where the project is in
    its repository, as `folder/`; annotations name files from there.
    """
    lines: list[str] = []
    shown = dict.fromkeys(Severity, 0)
    found = by_weight(diagnostics)
    for each in sorted(found, key=lambda each: (WEIGHT[each.severity], each.address not in touched)):
        if shown[each.severity] < MOST:
            shown[each.severity] += 1
            lines.append(_annotation(each, folder))
    more = len(found) - len(lines)
    if more:
        lines.append(f"and {more} more that GitHub would not show; {elsewhere}")
    return "".join(line + "\n" for line in lines)


def _annotation(each: Diagnostic, folder: str) -> str:
    message = f"{each.address}: {each.message}" if each.address else each.message
    return annotation(
        _LEVELS[each.severity],
        f"{message}\nhint: {each.hint}" if each.hint else message,
        file=f"{folder}{each.source.file}" if each.source else None,
        line=each.source.line if each.source else None,
        column=each.source.column if each.source else None,
        title=each.code,
    )
