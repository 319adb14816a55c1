"""State on a branch, and the older-commit guard, from outside: real clones, real runs, kills."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from gits import bare, file_of, git, log
from outside import Project, ahead, until, video

LINEAGE = "5b1e0c6a-0000-4000-8000-000000000001"
GIT = {"backend": "git"}


@pytest.fixture
def remote(tmp_path: Path, project: Project) -> Path:
    """The project's remote; its Postqued is v2."""
    project.box.set_knobs(ping=200)
    project.env["TMPDIR"] = str(tmp_path)  # what a killed run leaves behind goes with the test
    found = bare(tmp_path / "remote.git")
    git(project.root, "init", "-q", "-b", "main")
    git(project.root, "remote", "add", "origin", found.as_uri())
    project.write(".gitignore", ".calsync/\n")
    return found


def commit(project: Project, *posts: str, at: str = "") -> str:
    """Commit a calendar of these posts and push it."""
    project.calendar(*(video(name, at or ahead(days=3)) for name in posts))
    git(project.root, "add", ".")
    git(project.root, "commit", "-q", "-m", " ".join(posts) or "nothing")
    git(project.root, "push", "-q", "origin", "HEAD:main")
    return git(project.root, "rev-parse", "HEAD")


def cloned(project: Project, remote: Path, name: str, *options: str) -> Project:
    """The same project in a fresh clone."""
    root = project.root.parent / name
    git(root.parent, "clone", "-q", *options, remote.as_uri(), str(root))
    other = replace(project, root=root)
    other.settings = project.settings
    git(root, "checkout", "-q", ".")
    return other


@pytest.mark.parametrize(("creates", "commits"), [(1, 3), (10, 3), (100, 7)])
def test_a_run_makes_few_commits(project: Project, remote: Path, creates: int, commits: int) -> None:
    """One for the lock, one per 20 intents, one at the end, whatever was created; a fresh clone has nothing to do."""
    start = datetime.fromisoformat(ahead(days=2))
    times = [f"{start + timedelta(minutes=20 * number):%Y-%m-%dT%H:%M:00Z}" for number in range(creates)]
    project.configure(state=GIT)
    project.calendar(*(video(f"p{number}", at) for number, at in enumerate(times)))
    git(project.root, "add", ".")
    git(project.root, "commit", "-q", "-m", "posts")
    git(project.root, "push", "-q", "origin", "main")
    project.apply(code=0)
    assert len(log(remote)) == commits
    assert not (project.root / ".calsync/state.json").exists()
    assert git(project.root, "status", "--porcelain") == ""
    if creates == 10:
        said = git(remote, "log", "--format=%B", "calsync-state")
        assert f"Commit: {git(project.root, 'rev-parse', 'HEAD')}" in said
        assert f"Plan: {project.settings and said.partition('Plan: ')[2][:8]}" in said
        assert all(f"begin create spring/p{number}@brand" in said for number in range(creates))
        other = cloned(project, remote, "other", "--depth=1")
        done = other.apply(code=0)
        assert done.json["actions"] == []
        assert done.json["summary"]["unchanged"] == creates
        assert len(log(remote)) == commits + 2


def test_killed_runs_converge(project: Project, remote: Path) -> None:
    """Killed at any point: the next run names who holds it; unlocked, it goes on; every post is there once."""
    project.configure(state=GIT, project=LINEAGE)
    names = [f"p{number}" for number in range(5)]
    commit(project, *names[:1])
    assert "lost" in project.run("plan", code=1).err
    project.run("state", "init", code=0)
    project.calendar(*(video(name, ahead(days=3, hours=number)) for number, name in enumerate(names)))

    def published() -> int:
        return sum(each["path"] == "/v2/publish" for each in project.writes())

    before = len(log(remote))
    points = [
        lambda: len(log(remote)) > before,
        lambda: published() >= 1,
        lambda: published() >= 3,
        lambda: len(project.posts()) >= len(names),
    ]
    for number, reached in enumerate(points):
        run = project.start("apply", "-y", env={"GITHUB_ACTOR": "ada"})
        until(reached, 60)
        run.kill()
        held = project.run("apply", "-y")
        if held.code == 1 and number == 0:
            assert "locked by pid" in held.err
            assert "by ada" in held.err
            assert "state unlock" in held.err
        project.run("state", "unlock", code=0)
    project.apply(code=0)
    assert project.plan("--detailed-exitcode").json["summary"]["unchanged"] == len(names)
    assert len(project.posts("scheduled")) == len(names)
    assert len({each["caption"] for each in project.posts()}) == len(names)
    assert f'"lineage": "{LINEAGE}"' in file_of(remote, f"{LINEAGE}/state.json")


def test_an_older_commit_is_refused(project: Project, remote: Path) -> None:
    """A job that is run again at an older commit exits 5 and sends nothing; a revert and --allow-older pass."""
    project.configure(state=GIT)
    old = commit(project, "a")
    project.apply(code=0)
    commit(project, "a", "b")
    project.apply(code=0)
    project.apply(code=0)
    sent = len(project.writes())
    # In the same clone, and in a fresh and shallow one that knows only the old commit.
    git(remote, "update-ref", "refs/heads/rerun", old)
    shallow = cloned(project, remote, "shallow", "--depth=1", "--branch=rerun")
    git(project.root, "checkout", "-q", old)
    for each in (project, shallow):
        refused = each.run("apply", "-y", "--format", "json", code=5)
        assert refused.json["error"]["code"] == "older"
        assert each.plan().codes()["older"] == "warning"
    assert len(project.writes()) == sent
    allowed = project.apply("--allow-older", "--allow-cancels", "1", code=0)
    assert allowed.actions() == {"spring/b@brand": "cancel"}
    git(project.root, "checkout", "-q", "main")
    git(project.root, "revert", "--no-edit", "HEAD")
    assert project.apply(code=0).json["actions"] == []


def test_what_cannot_be_compared_is_a_warning(project: Project, remote: Path) -> None:
    """A commit that nobody knows any more, as after a rewritten history in a shallow clone: it goes on, and says so."""
    project.configure(state=GIT)
    commit(project, "a")
    git(project.root, "commit", "-q", "--allow-empty", "-m", "never pushed")
    project.apply(code=0)
    shallow = cloned(project, remote, "shallow", "--depth=1")
    assert shallow.plan().codes() == {"older-unknown": "warning"}
    shallow.apply(code=0)
    assert shallow.plan().codes() == {}


def test_a_wrong_store_is_an_error_before_anything_is_sent(project: Project) -> None:
    """Unknown backends, names that git would take for options or refspecs, and git outside of git."""
    project.calendar(video("a", ahead(days=3)))
    cases = {
        "backend: gti": 'did you mean "git"',
        "backend: git, branch: --upload-pack=x": "no name for a branch",
        "backend: git, branch: 'a:b'": "no name for a branch",
        "backend: git, branch: '+a'": "no name for a branch",
        "backend: git, branch: a..b": "no name for a branch",
        "backend: git, remote: --all": "no remote's name",
        "backend: git, remote: 'https://u:p@h/x'": "no remote's name",
        "backend: git, path: x.json": "path is nothing that",
        "branch: x": "branch is nothing that",
    }
    text = (project.root / "calsync.yaml").read_text()
    for state, words in cases.items():
        project.write("calsync.yaml", text + f"state: {{{state}}}\n")
        assert words.replace('"', "") in project.run("plan", code=3).err.replace('"', "")
    project.write("calsync.yaml", text + "state: {backend: git}\n")
    assert "no git repository" in project.run("apply", "-y", code=1).err
    assert project.writes() == []


def test_what_was_opened_and_not_sent_is_closed(project: Project, remote: Path) -> None:
    """Intents are opened together; where the service then refuses all, none is left open, and the next run goes on."""
    project.configure(state=GIT)
    names = [f"p{number}" for number in range(8)]
    commit(project, *names)
    project.box.fault(
        "answer", method="POST", path="/v2/publish", status=402, body={"error": "pay"}, times=None
    )
    refused = project.apply(code=4)
    assert set(refused.outcomes().values()) == {"failed", "skipped"}
    state = project.run("state", "list", "--format", "json", code=0).json
    assert (state["open"], state["posts"]) == ([], {})
    project.box.clear_faults()
    project.apply(code=0)
    commit(project, *names, at=ahead(days=5))
    before = len(log(remote))
    moved = project.apply(code=0)
    assert set(moved.actions().values()) == {"reschedule"}
    assert len(log(remote)) == before + 3
    commit(project)
    assert set(project.apply("--allow-cancels", "8", code=0).actions().values()) == {"cancel"}
    assert len(log(remote)) == before + 6


def test_a_post_does_not_wait_for_the_media_of_others(project: Project, remote: Path) -> None:
    """Intents are opened together, and who is ready goes out all the same while others still upload."""
    project.configure(state=GIT)
    project.media("teaser.mp4", "launch.mp4")
    commit(project, "z")
    project.apply(code=0)
    slow = video("slow", ahead(days=4), media="media/launch.mp4")
    project.calendar(video("z", ahead(days=3)), video("ready", ahead(days=4, minutes=30)), slow)
    project.box.fault("stall_before", request_class="upload", times=None)
    run = project.start("apply", "-y")
    until(lambda: any(each["caption"] == "The ready" for each in project.posts()), 60)
    run.kill()
    project.box.clear_faults()
    assert len(project.posts()) == 2


def test_a_copied_project_does_not_take_the_posts_of_the_other(project: Project, remote: Path) -> None:
    """Two project files of one repository with one `project:` would share a state: an error, and nothing is sent."""
    project.configure(state=GIT, project=LINEAGE)
    project.run("state", "init", code=0)
    commit(project, "a", "b", "c")
    project.apply(code=0)
    project.write("ci.yaml", (project.root / "calsync.yaml").read_bytes())
    project.run("--config", "ci.yaml", "apply", "-y", code=0)
    copy = replace(project, root=project.root / "other")
    copy.settings = project.settings
    copy.media()
    copy.configure()
    commit(copy, "a")
    sent = len(project.writes())
    for each, other in ((copy, "calsync.yaml"), (project, "other/calsync.yaml")):
        refused = each.run("apply", "-y", "--format", "json", code=1)
        assert refused.json["error"]["code"] == "same-project"
        assert other in refused.json["error"]["message"]
        assert each.plan().codes()["same-project"] == "warning"
    assert len(project.writes()) == sent
    copy.configure(project=LINEAGE.replace("1", "2"))
    copy.run("state", "init", code=0)
    copy.calendar(video("d", ahead(days=5)), name="autumn")
    (copy.root / "calendars/spring.yaml").unlink()
    assert copy.apply(code=0).actions() == {"autumn/d@brand": "create"}
