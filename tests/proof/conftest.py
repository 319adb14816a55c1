"""Processes that start and end quickly: proofs are made of hundreds of runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from outside import Project
from warm import Warm

from calsync.sandbox import Sandbox


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """The process that the runs are forked from."""
    process = Warm(tidy=False)
    yield process
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
