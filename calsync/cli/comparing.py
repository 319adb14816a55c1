"""What `plan --base` compares with: the calendars of a commit, laid out beside the project and read as any others."""

from __future__ import annotations

import os
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from calsync.cli.setup import Session
from calsync.errors import CalsyncError
from calsync.model import MediaFile
from calsync.plan import Filters, Plan
from calsync.settings import InvalidProject, load_settings

if TYPE_CHECKING:
    from calsync.git.tree import Tree
    from calsync.reconcile.compare import Before


def compared(opened: Session, ref: str, filters: Filters) -> Plan:
    """The plan from the calendars of a commit to those of the project as they are. Raises CalsyncError."""
    from calsync.providers import abilities
    from calsync.reconcile.compare import compare, services

    earlier = before(opened, ref)
    able = {name: abilities(each) for name, each in services(opened.project.settings, earlier).items()}
    return compare(opened.project, earlier, able, filters)


def before(opened: Session, ref: str) -> Before:
    """The calendars at a commit. Raises CalsyncError where there is no repository, or no such commit in it."""
    from calsync.desired import Loaded
    from calsync.git.calls import Git
    from calsync.git.repository import Repository
    from calsync.git.tree import Tree
    from calsync.reconcile.compare import Before

    settings = opened.project.settings
    repository = Repository.find(settings.root, Git(opened.environment.for_git()))
    if repository is None:
        raise CalsyncError(
            "this project is in no git repository, so there is no commit to compare with",
            code="no-repository",
        )
    tree = Tree.at(repository, settings.root, ref)
    with tempfile.TemporaryDirectory(prefix="calsync-base-") as folder:
        below = Path(folder).resolve()
        tree.lay_out(below)
        project_file = below / settings.file
        if not project_file.is_file():
            nothing = Loaded(entries=(), diagnostics=(), calendars=())
            return Before(name=ref, commit=tree.commit, settings=None, loaded=nothing)
        try:
            earlier = load_settings(project_file)
        except InvalidProject as invalid:
            if invalid.settings is None:
                loaded = Loaded(entries=(), diagnostics=tuple(invalid.diagnostics), calendars=())
                return Before(name=ref, commit=tree.commit, settings=None, loaded=loaded)
            earlier = invalid.settings
        from calsync.desired import load

        return Before(
            name=ref,
            commit=tree.commit,
            settings=earlier,
            loaded=load(earlier, look=_Look(tree, below)),
        )


class _Look:
    """Looks into media as it was: from the work tree where it stands there unchanged, else from git."""

    def __init__(self, tree: Tree, below: Path) -> None:
        from calsync.media import ProbeCache

        self._tree, self._below = tree, below
        self._there, self._here = ProbeCache(), ProbeCache(tree.root)

    @cached_property
    def _untouched(self) -> frozenset[str]:
        return self._tree.untouched()

    def __call__(self, folder: Path, name: str) -> MediaFile:
        """The facts of the media that a file in `folder` names. Raises MediaProblem."""
        from calsync.media import MediaProblem, inspect, resolve

        tree, below = self._tree, self._below
        try:
            return inspect(resolve(folder, name, below), below, self._there)
        except MediaProblem as problem:
            place = os.path.relpath(folder, below)
            path = Path(os.path.normpath(f"{place}/{name}")).as_posix()
            if problem.code != "media-missing" or path not in tree.files:
                raise
        if path in self._untouched:
            return inspect(resolve(tree.root / place, name, tree.root), tree.root, self._here)
        tree.take(path, below)
        return inspect(resolve(folder, name, below), below, self._there)
