"""init --ci: the workflows of a forge, beside a new project or one that is there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from outside import Project

from calsync.workflows import FORGES

forges = pytest.mark.parametrize("forge", FORGES)


def git(top: Path, *words: str) -> None:
    """Run git."""
    subprocess.run(["git", *words], cwd=top, check=True, capture_output=True)


@pytest.fixture
def top(project: Project) -> Path:
    """A repository whose branch has a name of its own, with nothing in it."""
    (project.root / "calsync.yaml").unlink()
    git(project.root, "init", "--quiet", "--initial-branch=trunk")
    return project.root


@forges
def test_a_new_project_with_its_workflows(forge: str, top: Path, project: Project) -> None:
    """Its state is on a branch, since a file would be gone with the runner; it applies the branch that is there."""
    said = project.run("init", "--ci", forge, code=0).out
    assert yaml.safe_load((top / "calsync.yaml").read_text())["state"] == {
        "backend": "git",
        "branch": "calsync-state",
    }
    for path in FORGES[forge]:
        assert f"wrote {path}" in said
        assert (top / path).is_file()
    assert not (top / ".calsync/state.json").exists()
    assert "calsync state init" in said
    assert "which the workflows install, is this calsync" in said
    applies = "".join((top / path).read_text() for path in FORGES[forge])
    assert '"trunk"' in applies or forge == "gitlab"
    project.run("validate", code=0)


@forges
def test_beside_a_project_that_is_there(forge: str, top: Path, project: Project) -> None:
    """Only workflows are written, at the top of the repository, and they know where the project is."""
    project.run("init", "social", code=0)
    before = (top / "social/calsync.yaml").read_bytes()
    project.run("init", "social", "--ci", forge, code=0)
    assert (top / "social/calsync.yaml").read_bytes() == before
    for path in FORGES[forge]:
        text = (top / path).read_text()
        assert "calsync -C social ci" in text or "--project social/calsync.yaml" in text
        assert not (top / "social" / path).exists()


@forges
def test_a_workflow_that_is_there_stays(forge: str, top: Path, project: Project) -> None:
    """Nothing is written at all then."""
    path = top / list(FORGES[forge])[-1]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    result = project.run("init", "--ci", forge, code=1)
    assert "nothing was written" in result.err
    assert path.read_text() == "mine"
    assert not (top / "calsync.yaml").exists()
    assert [each for each in FORGES[forge] if (top / each).exists()] == [list(FORGES[forge])[-1]]


def test_the_first_state_is_made_once_there_is_a_remote(top: Path, project: Project, tmp_path: Path) -> None:
    """As the last line of init says; never as the remote's first branch, which forges take for the default branch."""
    project.run("init", "--ci", "github", code=0)
    assert project.run("state", "init").code == 1
    git(tmp_path, "init", "--quiet", "--bare", "remote.git")
    git(top, "remote", "add", "origin", str(tmp_path / "remote.git"))
    refused = project.run("state", "init", code=1)
    assert "has no branch yet" in refused.err
    assert "git push origin HEAD" in refused.err
    git(top, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--allow-empty", "-m", "first")
    git(top, "push", "--quiet", "origin", "HEAD")
    project.run("state", "init", code=0)
    git(tmp_path / "remote.git", "rev-parse", "--verify", "refs/heads/calsync-state")
    project.run("state", "list", code=0)
