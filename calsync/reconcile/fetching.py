"""Media in Git LFS: fetched once a plan is approved, and looked into before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from calsync.apply import pointers
from calsync.errors import CalsyncError, StalePlan
from calsync.media import pull_command
from calsync.model import MediaFile
from calsync.observed import Refresh
from calsync.reconcile.look import View, creators, judged, valid
from calsync.reconcile.project import Project, Services


def need_media(view: View, project: Project) -> tuple[MediaFile, ...]:
    """The pointers that a plan uploads the files of. Raises CalsyncError where they cannot be fetched from here."""
    needed = pointers(view.plan)
    if needed and project.fetcher() is None:
        raise _refused(needed, project, "")
    return needed


def fetch(needed: Sequence[MediaFile], project: Project) -> None:
    """Fetch the files behind pointers. Raises CalsyncError where that fails."""
    fetcher = project.fetcher()
    assert fetcher is not None
    try:
        fetcher(needed)
    except CalsyncError as error:
        raise _refused(needed, project, f", and {error.message}") from error


def looked_into(view: View, project: Project, services: Services) -> View:
    """The same view and plan, with what the files really are: what media.lock said of them is forgotten.

    Raises CalendarError where a rule refuses them, StalePlan where the plan is not the same any more.
    """
    checked = valid(project)
    found = {*checked.loading, *judged(project, checked, view.ground.limits)}
    entries = {entry.address: entry for entry in checked.entries}
    before = view.ground.desired
    if any(
        post.address not in entries or entries[post.address].content != post.entry.content
        for post in before.posts
    ):
        raise _changed(view)
    desired = replace(
        before, posts=tuple(replace(post, entry=entries[post.address]) for post in before.posts)
    )
    readable = {
        name: each for name, each in services.providers.items() if name not in view.observed.unreadable
    }
    found |= creators(project, checked, desired, view.recorded, readable)
    kept = {each for each in view.ground.findings if each.code != "not-probed"}
    # Planned for the moment of the approved plan: what has become too close since is judged right before each write.
    then = replace(project, now=lambda: view.plan.created_at)
    ground = replace(view.ground, project=then, desired=desired, findings=frozenset(kept | found))
    planned = ground.plan(view.recorded, view.observed, view.plan.filters, Refresh(view.plan.refresh))
    if planned.digest != view.plan.digest:
        raise _changed(view)
    left = pointers(planned)
    if left:
        raise _refused(left, project, " still, after git lfs pull")
    return replace(view, ground=replace(ground, project=project), plan=planned)


def _refused(needed: Sequence[MediaFile], project: Project, why: str) -> CalsyncError:
    return CalsyncError(
        f"{', '.join(each.path for each in needed[:3])}: a Git LFS pointer, not the media itself{why};"
        " nothing was sent",
        hint=pull_command(project.settings.root, [each.path for each in needed]),
        code="media-pointer",
    )


def _changed(view: View) -> StalePlan:
    return StalePlan(
        f"the calendars are not those of plan {view.plan.digest[:8]} any more; nothing was sent",
        hint="plan again and review that",
    )
