"""The older-commit guard: a job that is run again must not undo what a newer commit has applied."""

from __future__ import annotations

from calsync.errors import Diagnostic, Severity, StalePlan
from calsync.model import Recorded
from calsync.reconcile.project import Commit, Project


def refuse_older(project: Project, recorded: Recorded) -> None:
    """Raise StalePlan where the commit is an ancestor of the one last applied. A revert is a descendant."""
    commit = project.commit()
    if commit is not None and recorded.commit is not None and _precedes(commit, recorded.commit):
        raise StalePlan(
            f"{_words(commit, recorded.commit)}; nothing was sent",
            hint="apply the newer commit; to go back on purpose, revert it in git, or: calsync apply --allow-older",
            code="older",
        )


def found_older(project: Project, recorded: Recorded) -> tuple[Diagnostic, ...]:
    """The same as a warning, and one where it cannot be told."""
    commit = project.commit()
    if recorded.commit is None:
        return ()
    if commit is None:
        message = f"commit {recorded.commit[:12]} was applied last, and here the calendars are in no repository that git can read"
        hint = "apply from a clone, so that an older commit cannot undo a newer one"
        return (_warning("older-unknown", message, hint),)
    older = _precedes(commit, recorded.commit)
    if older:
        hint = "`calsync apply` refuses this unless --allow-older"
        return (_warning("older", _words(commit, recorded.commit), hint),)
    if older is None:
        message = f"whether commit {commit.id[:12]} is older than the one last applied, {recorded.commit[:12]}, cannot be told"
        hint = (
            "this clone does not know both, and the remote did not help; a deeper clone does (fetch-depth: 0)"
        )
        return (_warning("older-unknown", message, hint),)
    return ()


def _precedes(commit: Commit, applied: str) -> bool | None:
    return False if commit.id == applied else commit.precedes(applied)


def _words(commit: Commit, applied: str) -> str:
    return f"the commit {commit.id[:12]} is older than what was applied: {applied[:12]}"


def _warning(code: str, message: str, hint: str) -> Diagnostic:
    return Diagnostic(severity=Severity.WARNING, code=code, message=message, hint=hint)
