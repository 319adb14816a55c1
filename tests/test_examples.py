"""The examples: valid, planned and applied as they are, and an example of every feature."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from calsync.cli.setup import open_project
from calsync.environment import Environment
from calsync.errors import Severity
from calsync.interrupts import StopSign
from calsync.model import Standing
from calsync.observed import Refresh
from calsync.plan import ActionKind, Filters, Plan
from calsync.reconcile.look import make_plan, validate
from calsync.reconcile.project import Project
from calsync.sandbox import Sandbox
from calsync.schema import CalendarFile, PostItem
from calsync.settings import load_settings

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PROJECTS = sorted(path.parent for path in EXAMPLES.rglob("calsync.yaml"))
BEFORE = datetime(2031, 3, 10, 8, 0, tzinfo=UTC)
"""Before the first post of any example."""


@pytest.fixture(params=PROJECTS, ids=lambda path: path.name)
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of one example project."""
    return Path(
        shutil.copytree(request.param, tmp_path / "example", ignore=shutil.ignore_patterns(".calsync"))
    )


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


def test_examples_show_every_feature() -> None:
    """Together they use every field of calendars and posts, every kind of media, and both services."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in EXAMPLES.rglob("*.yaml"))
    fields = {*CalendarFile.model_fields, *PostItem.model_fields}
    missing = {name for name in fields if f"{name}:" not in text}
    assert missing == set()
    assert all(
        word in text for word in ("provider: postqued", "provider: tikflow", "media: {id:", "intent: draft")
    )
