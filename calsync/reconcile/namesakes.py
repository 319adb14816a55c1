"""The guard against a copied project: two of one `project:` would take each other's posts for their own."""

from __future__ import annotations

from calsync.errors import CalsyncError, Diagnostic, Severity
from calsync.reconcile.project import Project

_CODE = "same-project"
_HINT = (
    "give the copy an id of its own, any UUID, and `calsync state init`; with one id they share keys, and on a branch"
    " the state, so that each cancels what the other has scheduled"
)


def refuse_namesakes(project: Project) -> None:
    """Raise CalsyncError where another project file of the repository names the same project."""
    others = project.namesakes()
    if others:
        raise CalsyncError(f"{_words(others)}; nothing was sent", hint=_HINT, code=_CODE)


def found_namesakes(project: Project) -> tuple[Diagnostic, ...]:
    """The same as a warning."""
    others = project.namesakes()
    if not others:
        return ()
    message = f"{_words(others)}; `calsync apply` refuses this"
    return (Diagnostic(severity=Severity.WARNING, code=_CODE, message=message, hint=_HINT),)


def _words(others: tuple[str, ...]) -> str:
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return f"{others[0]}{more} in this repository has the same `project:` as this project"
