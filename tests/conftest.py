"""The helpers beside this file can be imported by every test.

A sandbox without rate limits, a project in a directory of its own, and processes that start quickly.

Hypothesis: no deadlines, since workers share processors; with CI set the same examples in every run, so that a
red build is about the change, and what failed is printed to be repeated.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from outside import Project, rehearse
from warm import Warm

from calsync.sandbox import Sandbox

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """The process that the runs are forked from."""
    process = Warm()
    try:
        rehearse(process, tmp_path_factory.mktemp("rehearsal"))
        yield process
    finally:
        process.close()


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """Both services, without rate limits."""
    with Sandbox(rate_limits=False) as sandbox:
        yield sandbox


@pytest.fixture
def project(tmp_path: Path, box: Sandbox, warm: Warm) -> Project:
    """A project with two accounts at Postqued and one at TikFlow, and no calendar yet."""
    root = tmp_path / "project"
    root.mkdir()
    project = Project(root, box, warm)
    project.media()
    return project
