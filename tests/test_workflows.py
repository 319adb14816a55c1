"""The workflows that `init --ci` writes: what their jobs may do, get and run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from calsync import __version__
from calsync.workflows import FORGES, workflows

SECRET = re.compile(r"\$\{\{\s*secrets\.")
EXPRESSION = re.compile(r"\$\{\{.*?\}\}")


def made(forge: str, folder: str = "") -> dict[str, dict[str, Any]]:
    """The documents of a forge."""
    texts = workflows(forge, folder=folder, branch="main", minute=77)
    # YAML 1.1 takes `on` for true.
    return {path: yaml.load(text, yaml.BaseLoader) for path, text in texts.items()}


def steps(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Every step of every job."""
    return [step for job in document["jobs"].values() for step in job["steps"]]


HUBS = [(forge, path) for forge in ("github", "forgejo") for path in FORGES[forge]]
hubs = pytest.mark.parametrize(("forge", "path"), HUBS)


@pytest.mark.parametrize("forge", FORGES)
@pytest.mark.parametrize("folder", ["", "social media/calendars; true"])
def test_every_place_is_filled_in(forge: str, folder: str) -> None:
    """Nothing is left to fill in, and the project's folder is one word for the shell."""
    for path, text in workflows(forge, folder=folder, branch='ma"in', minute=1).items():
        assert not re.search(r"@[A-Z]+@", text), path
        assert f"calsync=={__version__}" in text
        yaml.safe_load(text)
        commands = re.findall(r"calsync (?:-C '[^']*' )?ci (?:comment --project (?:'[^']*'|\S+))?", text)
        assert commands
        assert all(
            (("-C '" in command) or ("--project '" in command)) == bool(folder) for command in commands
        )


@hubs
def test_scripts_hold_no_expressions(forge: str, path: str) -> None:
    """What strangers write reaches a script through its environment or not at all."""
    for step in steps(made(forge)[path]):
        assert not EXPRESSION.search(step.get("run", "")), step


@pytest.mark.parametrize("forge", FORGES)
def test_python_imports_nothing_of_the_checkout(forge: str) -> None:
    """`python -m` would: a pull request could bring a pip of its own."""
    for text in workflows(forge, folder="", branch="main", minute=1).values():
        assert re.findall(r"python3? (?!-I -m (?:pip|venv)|@)-\S+", text) == []
        assert "-I -m" in text


def test_the_plan_of_a_pull_request_only_reads() -> None:
    """Its token can do no more, and the comment is made elsewhere."""
    plan = made("github")[".github/workflows/calsync-plan.yml"]
    assert plan["permissions"] == {"contents": "read"}
    assert "permissions" not in plan["jobs"]["plan"]
    assert list(plan["on"]) == ["pull_request"]
    assert "--base HEAD^1" in str(plan)


def test_the_comment_runs_nothing_of_a_pull_request() -> None:
    """It has a token that writes: so it gets no secret, checks nothing out, and takes the plan as data."""
    comment = made("github")[".github/workflows/calsync-comment.yml"]
    assert comment["permissions"] == {}
    [job] = comment["jobs"].values()
    assert job["permissions"] == {"actions": "read", "pull-requests": "write"}
    assert not SECRET.search(str(comment))
    used = [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step]
    assert used == ["actions/setup-python", "actions/download-artifact"]
    # What strangers made is there for one command only, and not among what Python imports.
    *_, install, download, last = job["steps"]
    assert "pip install" in install["run"]
    assert download["with"]["path"] == "calsync-plan"
    assert last["run"] == "calsync ci comment --project calsync.yaml calsync-plan/calsync-plan.json"
    assert job["if"] == "github.event.workflow_run.event == 'pull_request'"


@pytest.mark.parametrize("forge", ["github", "forgejo"])
def test_only_apply_writes_and_only_from_the_branch(forge: str) -> None:
    """It checks the branch out, never the commit of an event, and no run that waits is dropped."""
    [path] = [each for each in FORGES[forge] if "apply" in each]
    apply = made(forge)[path]
    assert set(apply["on"]) == {"push", "schedule", "workflow_dispatch"}
    assert apply["on"]["push"] == {"branches": ["main"]}
    assert apply["on"]["schedule"] == [{"cron": "17 3 * * *"}]
    assert "concurrency" not in apply
    [checkout] = [each for each in steps(apply) if each.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"]["ref"] == "${{ github.event.repository.default_branch }}"
    ran = " ".join(step.get("run", "") for step in steps(apply))
    assert "ci apply --status" in ran


@hubs
def test_no_media_is_fetched(forge: str, path: str) -> None:
    """Pointers stand for media; what has to go up is pulled by apply."""
    for step in steps(made(forge)[path]):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["lfs"] == "false"


def test_gitlab_plans_what_would_be_merged_and_drops_no_apply() -> None:
    """The target's head is merged in first; applies stand in line."""
    document = made("gitlab")[".gitlab-ci.yml"]
    assert document[".calsync"]["variables"]["GIT_LFS_SKIP_SMUDGE"] == "1"
    plan, apply = document["calsync-plan"], document["calsync-apply"]
    script = "\n".join(plan["script"])
    assert script.index("git fetch") < script.index("merge --quiet") < script.index("ci plan")
    assert plan["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'}]
    assert apply["resource_group"] == "calsync-apply"
    assert all("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" in rule["if"] for rule in apply["rules"])


def test_the_files_are_part_of_the_package() -> None:
    """A template that nobody names would be forgotten."""
    here = Path(__file__).parents[1] / "calsync" / "workflows"
    named = {name for paths in FORGES.values() for name in paths.values()}
    assert {path.name for path in here.glob("*.yml")} == named


def test_the_template_at_the_top_is_what_init_writes() -> None:
    """Whoever includes `gitlab-ci.yml` from this repository gets the jobs that `init --ci gitlab` writes."""
    [written] = workflows("gitlab", folder="", branch="main", minute=0).values()
    assert (Path(__file__).parents[1] / "gitlab-ci.yml").read_text() == written


def test_the_action_hands_words_to_scripts_in_the_environment() -> None:
    """No expression stands in a script, and what the caller types is split into words, not run."""
    action = yaml.load((Path(__file__).parents[1] / "action.yml").read_text(), yaml.BaseLoader)
    assert action["runs"]["using"] == "composite"
    scripts = [step["run"] for step in action["runs"]["steps"] if "run" in step]
    assert scripts
    assert not any(EXPRESSION.search(script) for script in scripts)
    assert "read -r -a words" in scripts[-1]
