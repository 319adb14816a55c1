"""`calsync ci apply` from outside: the head of the default branch, one issue of what failed, the apply's own codes."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ci_runs import Runner, commands
from forge_fakes import NEW, OLD, STRANGER, TOKEN, Fake
from outside import Project, ahead, flow, until, video

MARKER = "<!-- calsync:apply:calsync.yaml -->"
TITLE = "calsync: the last apply was not complete"
PUBLISH = "/v1/content/publish"


@pytest.fixture
def fake() -> Iterator[Fake]:
    """GitHub."""
    with Fake("github") as forge:
        yield forge


@pytest.fixture
def runner(project: Project, fake: Fake) -> Runner:
    """A job about a push to main, with one post to create."""
    project.calendar(video("teaser", ahead(days=3)))
    runner = Runner(project, fake)
    runner.about_push()
    return runner


def scheduled(project: Project) -> int:
    """How many posts are scheduled."""
    return len(project.posts("scheduled"))


@pytest.mark.parametrize("kind", ["github", "gitlab", "forgejo"])
def test_one_issue_from_the_first_failure_to_the_next_good_run(project: Project, kind: str) -> None:
    """It is opened once, edited while applies fail, never doubled, and closed with a note; a stranger's stays as it is."""
    project.calendar(video("teaser", ahead(days=3)), video("reveal", ahead(days=2)))
    project.box.fault(
        "answer", path=PUBLISH, status=400, body={"error": "No @mercy", "code": "BAD"}, times=None
    )
    text = "description" if kind == "gitlab" else "body"
    with Fake(kind) as fake:
        runner = Runner(project, fake)
        runner.about_push()
        stranger = fake.issue(TITLE, f"{MARKER}\nmine", STRANGER)
        result = runner.run("apply", code=4)
        assert (commands(result.out, "error") == []) == (kind == "gitlab")
        [_, issue] = fake.open_issues()
        assert issue["title"] == TITLE
        assert issue[text].startswith(f"{MARKER}\n")
        assert issue[text].index("spring/reveal") < issue[text].index("spring/teaser")
        assert "@mercy" not in issue[text]
        if kind == "github":
            assert (runner.outputs["failed"], runner.outputs["exitcode"]) == ("2", "4")
            assert "failed" in runner.summary

        double = fake.issue(TITLE, f"{MARKER}\nfrom a race")
        project.calendar(video("teaser", ahead(days=3)))
        runner.run("apply", code=4)
        assert fake.open_issues() == [stranger, issue]
        assert "reveal" not in issue[text]
        assert len(double["notes"]) == 1

        project.box.clear_faults()
        runner.run("apply")
        assert fake.open_issues() == [stranger]
        assert "complete" in issue["notes"][0]
        assert stranger[text] == f"{MARKER}\nmine"
        writes = len(fake.writes())
        runner.run("apply")
        assert len(fake.writes()) == writes


def test_only_the_head_is_applied(runner: Runner, fake: Fake) -> None:
    """An older checkout is left to the head's own run: exit 0, nothing sent, no issue. Another branch is an error."""
    runner.about_push(OLD)
    result = runner.run("apply")
    assert "::warning" in result.out
    assert f"the head of main is {NEW[:10]}" in result.out
    assert (runner.outputs["applied"], runner.outputs["exitcode"]) == ("false", "0")
    runner.about_push(OLD, branch="feature")
    assert "not-default-branch" in runner.run("apply", code=1).err
    runner.about_pull(OLD)
    runner.run("apply", code=1)
    assert runner.project.writes() == []
    assert fake.writes() == []
    runner.about_push(NEW, branch="same-commit", event="workflow_dispatch")
    runner.run("apply")
    assert scheduled(runner.project) == 1


def test_a_head_that_came_while_this_run_waited(runner: Runner, fake: Fake) -> None:
    """The head is asked for again with the plan at hand and the lock held: what became old meanwhile is not applied."""
    fake.main, fake.later = OLD, NEW
    runner.about_push(OLD)
    result = runner.run("apply")
    assert "nothing was applied" in result.out
    assert runner.outputs["applied"] == "false"
    assert runner.project.writes() == []


def git(root: Path, *words: str) -> str:
    """Run git in a directory; what it says."""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    return subprocess.run(
        ["git", *who, *words], cwd=root, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def checkout(runner: Runner, tmp_path: Path) -> Path:
    """The project as a checkout of main, whose newest commit the forge knows, too."""
    root = runner.project.root
    git(tmp_path, "init", "-q", "--bare", str(tmp_path / "origin"))
    git(root, "init", "-q")
    (root / ".gitignore").write_text(".calsync/\n")
    git(root, "add", ".gitignore", "calsync.yaml", "calendars")
    git(root, "commit", "-qm", "one")
    git(root, "remote", "add", "origin", str(tmp_path / "origin"))
    git(root, "push", "-q", "origin", "HEAD:refs/heads/main")
    return root


def test_git_knows_the_head_where_the_forge_does_not(runner: Runner, fake: Fake, checkout: Path) -> None:
    """What is checked out counts, not what the event was about; without a token git is asked for the branch's head."""
    runner.about_push(OLD)
    runner.env["GITHUB_TOKEN"] = ""
    result = runner.run("apply")
    assert "there is no token" in result.out
    assert scheduled(runner.project) == 1
    git(checkout, "commit", "-qm", "two", "--allow-empty")
    git(checkout, "push", "-q", "origin", "HEAD:refs/heads/main")
    git(checkout, "checkout", "-q", "HEAD~1")
    runner.project.calendar(video("reveal", ahead(days=4)))
    assert "nothing was applied" in runner.run("apply").out
    assert len(runner.project.posts()) == 1
    assert fake.seen == []


def test_a_branch_that_was_set_back(runner: Runner, fake: Fake, checkout: Path) -> None:
    """A head older than what was applied is refused with 5 and in the issue, until a person allows it."""
    one = git(checkout, "rev-parse", "HEAD")
    git(checkout, "commit", "-qm", "two", "--allow-empty")
    fake.main = git(checkout, "rev-parse", "HEAD")
    runner.run("apply")
    git(checkout, "reset", "-q", "--hard", one)
    fake.main = one
    runner.project.calendar(video("teaser", ahead(days=3)), video("reveal", ahead(days=4)))
    runner.run("apply", code=5)
    assert scheduled(runner.project) == 1
    assert len(fake.open_issues()) == 1
    runner.run("apply", "--allow-older")
    assert scheduled(runner.project) == 2
    assert fake.open_issues() == []


def test_a_forge_that_is_down_neither_fails_nor_repeats_an_apply(runner: Runner, fake: Fake) -> None:
    """All its answers are errors: warnings, the apply is done once, and its code is its own."""
    for method in ("GET", "POST", "PATCH"):
        fake.order(method, ".*", 503)
    result = runner.run("apply")
    assert "applying this checkout" in result.out
    assert len(commands(result.out, "warning title=calsync")) == 3
    assert scheduled(runner.project) == 1
    assert [each for each in runner.project.wrote() if PUBLISH in each] == [f"POST {PUBLISH}"]
    assert runner.outputs["done"] == "1"


def test_exit_codes_are_the_applys(runner: Runner, fake: Fake) -> None:
    """Stale is 5, invalid 3, the brake 6, a service without a key 1; each is in the outputs, the summary and the issue."""
    runner.project.calendar(flow("teaser", ahead(days=3)))
    runner.run("apply", "--expect", "0123456789", code=5)
    assert runner.outputs == {"applied": "false", "exitcode": "5"}
    [issue] = fake.open_issues()
    assert "was expected" in issue["body"]
    runner.run("apply", env_without="TIKFLOW_API_KEY", code=1)
    assert "TIKFLOW" in issue["body"]
    runner.run("apply")
    runner.project.calendar(flow("teaser", "soon"))
    runner.run("apply", code=3)
    runner.project.calendar()
    result = runner.run("apply", code=6)
    assert "--allow-cancels" in result.err
    [issue] = fake.open_issues()
    assert "nothing was applied" in issue["body"]
    assert "nothing was applied" in runner.summary
    runner.run("apply", "--lock-timeout", "x", code=64)
    runner.run("apply", "--allow-cancels", "1", "--expect", digest(runner.project))
    assert fake.open_issues() == []
    assert scheduled(runner.project) == 0


def digest(project: Project) -> str:
    """The digest of the plan as it is now."""
    return str(project.plan().json["digest"])


def test_status_after_the_apply(runner: Runner, fake: Fake) -> None:
    """With --status the log, the summary and the annotations also say how posts stand; what was missed is 4 and in the issue."""
    missed = video("gone", ahead(hours=-2))
    runner.project.calendar(video("teaser", ahead(days=3)), missed)
    result = runner.run("apply", "--status", code=4)
    assert scheduled(runner.project) == 1
    assert "missed" in result.out
    [error] = commands(result.out, "error")
    assert error.startswith("::error file=calendars/spring.yaml,line=")
    assert "spring/gone@brand" in error
    assert "**missed** spring/gone@brand" in runner.summary
    assert runner.outputs["exitcode"] == "4"
    [issue] = fake.open_issues()
    assert "spring/gone" in issue["body"]
    runner.project.calendar(video("teaser", ahead(days=3)))
    runner.run("apply", "--status")
    assert fake.open_issues() == []
    assert "1 scheduled" in runner.summary


def test_a_signal_while_the_forge_is_told_does_not_deny_what_was_done(runner: Runner, fake: Fake) -> None:
    """SIGTERM after the last write: the exit code is still the apply's, and nobody is told that nothing was changed."""
    fake.delay = 0.6
    running = runner.project.start("ci", "apply", env=runner.env)
    until(lambda: any(path.endswith("/issues") for _, path, _ in list(fake.seen)))
    running.signal(signal.SIGTERM)
    code, out, err = running.wait()
    assert (code, "nothing was changed" in out + err) == (0, False)
    assert TOKEN not in out
    assert scheduled(runner.project) == 1
