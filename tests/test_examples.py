"""The examples: valid, planned and applied as they are, and an example of every feature."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from gits import PLAIN, bare, clone

from calsync.cli.setup import open_project
from calsync.environment import Environment
from calsync.errors import Severity
from calsync.interrupts import StopSign
from calsync.model import Standing
from calsync.observed import Refresh
from calsync.plan import ActionKind, Filters, Plan
from calsync.reconcile.look import make_plan, validate
from calsync.reconcile.project import Project
from calsync.recorded import Ledger
from calsync.sandbox import Sandbox
from calsync.schema import CalendarFile, PostItem
from calsync.settings import load_settings
from calsync.starter import minute_of
from calsync.stores.base import Holder
from calsync.workflows import workflows

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PROJECTS = sorted(path.parent for path in EXAMPLES.rglob("calsync.yaml"))
REPOSITORY = EXAMPLES / "repository"
BEFORE = datetime(2031, 3, 10, 8, 0, tzinfo=UTC)
"""Before the first post of any example."""


@pytest.fixture(params=PROJECTS, ids=lambda path: path.name)
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of one example project; where its state is in git, with a remote and an empty state there."""
    copy = Path(
        shutil.copytree(request.param, tmp_path / "example", ignore=shutil.ignore_patterns(".calsync"))
    )
    settings = load_settings(copy / "calsync.yaml")
    if request.param == REPOSITORY:
        remote = bare(tmp_path / "remote.git")
        clone(copy, remote.as_uri())
        who = Holder(host="here", pid=1, since="now")
        Ledger.init(opened(copy, dict(PLAIN)).store, who, project=settings.project)
    return copy


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(rate_limits=False) as sandbox:
        sandbox.set_now(BEFORE)
        yield sandbox


def opened(root: Path, environ: dict[str, str]) -> Project:
    environment = Environment.read(environ)
    return open_project(load_settings(root / "calsync.yaml"), environment, lambda: BEFORE, StopSign(), None)


def test_there_are_examples() -> None:
    """There is an example, and no calendar lies outside of one."""
    assert PROJECTS
    calendars = {path for path in EXAMPLES.rglob("*.yaml") if path.name != "calsync.yaml"}
    assert all(any(project in path.parents for project in PROJECTS) for path in calendars)


def test_examples_load_clean(root: Path) -> None:
    """Nothing in an example is an error or a warning, and every calendar has posts."""
    checked = validate(opened(root, {}))
    assert checked.valid
    assert [each for each in checked.diagnostics if each.severity is not Severity.NOTE] == []
    files = {entry.source.file for entry in checked.entries}
    assert files == {path.relative_to(root).as_posix() for path in root.glob("calendars/*.yaml")}


def test_examples_are_planned(root: Path, box: Sandbox) -> None:
    """Every entry that is wanted is planned as a create, nothing is blocked, and the plan writes nothing."""
    project = opened(root, dict(box.environment))
    wanted = [entry for entry in validate(project).entries if entry.standing is Standing.WANTED]
    planned: Plan = make_plan(project, filters=Filters(), mode=Refresh.AUTO).plan
    assert {action.kind for action in planned.actions} == {ActionKind.CREATE}
    assert len(planned.actions) == len(wanted)
    assert [each for each in planned.diagnostics if each.severity is not Severity.NOTE] == []
    assert not any(each["write"] for each in box.requests())


def test_the_repositorys_workflows_are_those_of_init() -> None:
    """They are what `calsync init --ci github` writes into such a project, and no others are there."""
    project = load_settings(REPOSITORY / "calsync.yaml").project
    assert project is not None
    expected = workflows("github", folder="", branch="main", minute=minute_of(project))
    written = {
        path.relative_to(REPOSITORY).as_posix(): path.read_text(encoding="utf-8")
        for path in (REPOSITORY / ".github").rglob("*.*")
    }
    assert written == expected


def test_examples_show_every_feature() -> None:
    """Together they use every field of calendars and posts, every kind of media, and every service."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in EXAMPLES.rglob("*.yaml"))
    fields = {*CalendarFile.model_fields, *PostItem.model_fields}
    missing = {name for name in fields if f"{name}:" not in text}
    assert missing == set()
    assert all(
        word in text
        for word in (
            "provider: postqued",
            "provider: tikflow",
            "provider: postiz",
            "media: {id:",
            "intent: draft",
        )
    )
