"""The whole story of a team's repository: reviewed, merged, applied, taken back, and what happens when things go wrong."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from forge_fakes import TOKEN, Fake
from gits import Smart, git, log
from outside import until
from warm import Warm
from workflow_runs import READING, ROOT, Hub, Job, gitlab

from calsync import __version__
from calsync.sandbox import Sandbox

EXAMPLE = ROOT / "examples" / "repository"
PROJECT = "3d0f6f0e-5c1c-4a57-9a55-0c2f8a9d7b11"
REVEAL = """
  - id: reveal
    at: 2031-03-28 18:30
    media: media/teaser.mp4
    caption: "It is here. #launch"
"""


@pytest.fixture
def hub(tmp_path: Path, box: Sandbox, warm: Warm) -> Iterator[Hub]:
    """GitHub with the example repository, its state begun, and nothing applied yet."""
    box.set_knobs(ping=200)
    with Fake("github") as fake, Smart(tmp_path, TOKEN, READING) as smart:
        yield begun(Hub(tmp_path, fake, box, warm, smart))


@pytest.fixture
def near(tmp_path: Path, box: Sandbox, warm: Warm) -> Iterator[Hub]:
    """The same, with git's own files as the remote: where tokens are not what it is about."""
    box.set_knobs(ping=200)
    with Fake("github") as fake:
        yield begun(Hub(tmp_path, fake, box, warm))


def begun(hub: Hub) -> Hub:
    """The example in a repository, with an empty state."""
    anna = hub.person()
    shutil.copytree(EXAMPLE, anna, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".calsync"))
    hub.push(anna, "Begin")
    hub.calsync(anna, "state", "init")
    return hub


def scheduled(hub: Hub) -> set[str]:
    """What will go out, by its caption's first line; each once."""
    found = [(each["caption"] or "").splitlines()[0] + each["account"] for each in hub.box.posts()
             if each["status"] == "scheduled"]  # fmt: skip
    assert len(found) == len(set(found))
    return set(found)


def propose(hub: Hub, text: str, branch: str) -> None:
    """Somebody adds a post to the spring launch, on a branch."""
    anna = hub.folder / "anna"
    git(anna, "fetch", "-q", "origin")
    git(anna, "checkout", "-q", "-B", branch, "origin/main")
    with (anna / "calendars" / "spring-launch.yaml").open("a", encoding="utf-8") as file:
        file.write(text)
    hub.push(anna, branch, branch)


def titles(hub: Hub) -> list[str]:
    """What the log of the state says was done, without the project's folder."""
    return [each.partition(": ")[2] for each in log(hub.remote)]


def history(hub: Hub) -> str:
    """The log of the state in full."""
    return git(hub.remote, "log", "--format=%B", "calsync-state")


def published(hub: Hub) -> int:
    """How many requests to publish there were."""
    return sum(each["path"] == "/v2/publish" and each["method"] == "POST" for each in hub.box.requests())


def writes(hub: Hub) -> int:
    """How many requests there were that could change anything."""
    return sum(each["write"] for each in hub.box.requests())


def good(job: Job) -> Job:
    """A job that came to its end without a complaint."""
    assert job.code == 0, job.log
    return job


def test_from_a_branch_to_a_post_and_back(hub: Hub) -> None:
    """Reviewed, merged, applied; applied again without a write; reverted, which cancels; the state's log tells all."""
    assert titles(hub) == ["lock", "init", "unlock"]
    good(hub.pushed())
    assert len(scheduled(hub)) == 4
    before = titles(hub), writes(hub)
    propose(hub, REVEAL, "reveal")
    plan, comment = hub.pull("reveal")
    good(plan)
    assert (titles(hub), writes(hub)) == before
    assert "+ spring-launch/reveal@brand" in plan.log
    assert "4 unchanged" in plan.log
    assert comment is not None
    good(comment)
    [said] = hub.fake.ours()
    assert "It is here" in said
    git(hub.folder / "anna", "checkout", "-q", "reveal")
    edit(hub, "It is here.", "Here it is.")
    hub.push(hub.folder / "anna", "Better words", "reveal")
    good(hub.pull("reveal")[0])
    [said] = hub.fake.ours()
    assert "Here it is" in said
    assert "It is here" not in said
    assert [each.split()[0] for each in hub.fake.writes()] == ["POST", "PATCH"]

    merged = hub.merge("reveal")
    applied = good(hub.pushed())
    assert "Applied: 1 done." in applied.log
    assert len(scheduled(hub)) == 5
    assert titles(hub)[len(before[0]) :] == ["lock", "commit, plan, begin", "done"]
    last = git(hub.remote, "log", "-1", "--skip=1", "--format=%B", "calsync-state")
    assert "begin create spring-launch/reveal@brand" in last
    assert f"Commit: {merged}" in last
    assert f"Run: https://github.example/acme/posts/actions/runs/{hub.jobs}" in last
    assert "Actor: anna" in last

    sent, state = writes(hub), git(hub.remote, "show", f"calsync-state:{PROJECT}/state.json")
    again = good(hub.pushed())
    assert "Nothing to do: 5 unchanged." in again.log
    assert writes(hub) == sent
    assert git(hub.remote, "show", f"calsync-state:{PROJECT}/state.json") == state
    assert titles(hub)[-2:] == ["lock", "unlock"]

    anna = hub.folder / "anna"
    git(anna, "fetch", "-q", "origin")
    git(anna, "checkout", "-q", "-B", "back", "origin/main")
    git(anna, "revert", "--no-edit", "-m", "1", "HEAD")
    hub.push(anna, "Not yet", "back")
    plan, _ = hub.pull("back")
    assert "- spring-launch/reveal@brand" in good(plan).log
    hub.merge("back")
    assert "cancel" in good(hub.pushed()).log
    assert len(scheduled(hub)) == 4
    assert "begin cancel spring-launch/reveal@brand" in history(hub)
    assert hub.fake.issues == []


def edit(hub: Hub, old: str, new: str) -> None:
    """Somebody changes words of the spring launch."""
    file = hub.folder / "anna" / "calendars" / "spring-launch.yaml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_a_strangers_pull_request(hub: Hub) -> None:
    """From a fork there are no keys: the two sets of calendars are compared offline, and a job that trusts nothing
    of it makes the comment."""
    good(hub.pushed())
    propose(hub, REVEAL, "reveal")
    before, branch = len(hub.box.requests()), titles(hub)
    plan, comment = hub.pull("reveal", fork=True)
    assert "spring-launch/reveal@brand" in good(plan).log
    assert len(hub.box.requests()) == before
    assert titles(hub) == branch
    assert comment is not None
    good(comment)
    assert len(hub.box.requests()) == before
    [said] = hub.fake.ours()
    assert "It is here" in said
    assert hub.artifacts


def test_two_merges_race(near: Hub) -> None:
    """The second run waits for the lease of the first, both end well, and each post is there once; older ones undo nothing."""
    old = near.head()
    near.box.fault("delay", method="POST", path="/v2/publish", seconds=2)
    first = near.pushed(wait=False)
    until(lambda: published(near) or not first.going)
    propose(near, REVEAL, "reveal")
    newer = near.merge("reveal")
    second = near.pushed(wait=False)
    good(first.end())
    good(second.end())
    assert len(scheduled(near)) == 5
    assert published(near) == 5
    said = git(
        near.remote, "log", "--reverse", "--format=%(trailers:key=Run,valueonly,separator=)", "calsync-state"
    )
    runs = [each.rpartition("/")[2] for each in said.splitlines() if each]
    assert runs == sorted(runs)
    assert set(runs) == {"1", "2"}

    # The first run, run again: the branch is checked out, so there is nothing to do.
    assert "Nothing to do" in good(near.pushed(sha=old)).log
    # A workflow that checks out the event's commit leaves the work to the newer one.
    text = git(near.remote, "show", f"{newer}:.github/workflows/calsync-apply.yml")
    pinned = re.sub(r"(?m)^ +ref: .*\n", "", text)
    assert pinned != text
    assert "nothing was applied" in good(near.pushed(sha=old, text=pinned)).log
    # And who does without `ci` is stopped.
    plain = pinned.replace("calsync ci apply", "calsync apply -y")
    stopped = near.pushed(sha=old, text=plain)
    assert stopped.code == 5, stopped.log
    assert len(scheduled(near)) == 5


def test_a_runner_that_dies(near: Hub) -> None:
    """Killed between a request and its answer: the next run waits, goes on once somebody unlocks, and sends nothing twice."""
    near.box.fault("stall_after", method="POST", path="/v2/publish", skip=1)
    dying = near.pushed(wait=False)
    until(lambda: published(near) > 1 or not dying.going)
    dying.kill()
    assert dying.code != 0
    near.box.clear_faults()
    assert 0 < len(near.box.posts()) <= 4
    heir = near.night(wait=False)
    until(lambda: "waiting for pid" in heir.log or not heir.going)
    said = near.calsync(near.folder / "anna", "state", "unlock")
    assert "runs/1" in said
    good(heir.end())
    assert re.search(r"(?m)^unlock, held by pid \d+ on .*, https://.*/runs/1$", history(near))
    assert len(scheduled(near)) == 4
    assert len(near.box.posts()) == 4
    assert near.fake.issues == []
    assert "Nothing to do" in good(near.pushed()).log


def test_a_post_fails_and_the_night_finds_it(near: Hub) -> None:
    """The nightly run exits 4 and opens one issue, once; a new time for the post makes the next run good and closes it."""
    good(near.pushed())
    assert near.fake.issues == []
    [post] = [each for each in near.box.posts() if "Something" in (each["caption"] or "")]
    near.box.fail_post(post["id"], "spam_risk")
    for _ in range(2):
        night = near.night()
        assert night.code == 4, night.log
        assert "failed" in night.log
        assert "spam" in night.log
        assert "**failed** spring-launch/teaser@brand" in night.summary
    [issue] = near.fake.open_issues()
    assert "spring-launch/teaser@brand" in issue["body"]
    propose(near, "", "later")
    edit(near, "at: 2031-03-14 18:00", "at: 2031-03-14 19:00")
    near.push(near.folder / "anna", "Once more", "later")
    plan, _ = near.pull("later")
    assert "+ spring-launch/teaser@brand" in good(plan).log
    near.merge("later")
    good(near.pushed())
    assert near.fake.open_issues() == []
    assert len(issue["notes"]) == 1
    assert len(scheduled(near)) == 4
    assert "4 scheduled" in good(near.night()).summary


@contextmanager
def elsewhere(kind: str, hub: Hub) -> Iterator[Hub]:
    """The same repository at another forge, with the workflows that `init --ci` writes for that."""
    with Fake(kind) as fake:
        hub.fake = fake
        anna = hub.folder / "anna"
        hub.calsync(anna, "init", "--ci", kind)
        hub.push(anna, "Workflows")
        yield hub


def test_on_forgejo(hub: Hub) -> None:
    """A comment by the plan's own job, an apply, a night; a fork's plan is offline, and in the log."""
    with elsewhere("forgejo", hub):
        job = good(hub.pushed())
        assert f"pip install --disable-pip-version-check --quiet calsync=={__version__}" in job.installed
        assert len(scheduled(hub)) == 4
        propose(hub, REVEAL, "reveal")
        good(hub.pull("reveal")[0])
        assert "It is here" in hub.fake.ours()[0]
        hub.fake.order("POST", ".*", 403)
        hub.fake.order("PATCH", ".*", 403)
        before = len(hub.box.requests())
        plan, _ = hub.pull("reveal", fork=True)
        assert "spring-launch/reveal@brand" in good(plan).log
        assert len(hub.box.requests()) == before
        hub.fake.orders.clear()
        hub.merge("reveal")
        good(hub.night())
        assert len(scheduled(hub)) == 5
        assert hub.fake.issues == []


def test_on_gitlab(hub: Hub) -> None:
    """A note on the merge request, its artifacts, an apply of the push, a night; each job only where it belongs."""
    with elsewhere("gitlab", hub):
        assert gitlab(hub, "calsync-plan", "push") is None
        good(ran(gitlab(hub, "calsync-apply", "push")))
        assert len(scheduled(hub)) == 4
        propose(hub, REVEAL, "reveal")
        assert gitlab(hub, "calsync-apply", "merge_request_event", branch="reveal") is None
        assert gitlab(hub, "calsync-apply", "push", branch="reveal") is None
        before = len(hub.box.requests())
        stranger = good(ran(gitlab(hub, "calsync-plan", "merge_request_event", branch="reveal", forked=True)))
        assert "spring-launch/reveal@brand" in stranger.log
        assert len(hub.box.requests()) == before
        plan = good(ran(gitlab(hub, "calsync-plan", "merge_request_event", branch="reveal")))
        assert "4 unchanged" in plan.log
        assert "It is here" in hub.fake.ours()[0]
        for name in ("calsync-plan.md", "calsync-plan.json", "gl-code-quality-report.json"):
            assert (plan.workspace / name).exists()
        hub.merge("reveal")
        night = good(ran(gitlab(hub, "calsync-apply", "schedule")))
        assert "scheduled  spring-launch/reveal@brand" in night.log
        assert len(scheduled(hub)) == 5
        assert hub.fake.issues == []


def ran(job: Job | None) -> Job:
    """A job that its rules let run."""
    assert job is not None
    return job


def test_the_action(near: Hub) -> None:
    """action.yml installs what it came with, runs the words that it is given, and says what came of them."""
    workflow = """
on: {push: {branches: [main]}}
jobs:
  plan:
    steps:
      - uses: actions/checkout@v4
        with: {fetch-depth: 1}
      - uses: acme/calsync@v0
        with: {command: "ci plan --markdown plan.md; true"}
        env:
          POSTQUED_API_KEY: ${{ secrets.POSTQUED_API_KEY }}
      - run: test -n "$(cat plan.md)"
"""
    wrong = near.play("", "push", {}, text=workflow)
    assert wrong.code == 64, wrong.log
    job = good(near.play("", "push", {}, text=workflow.replace("; true", "")))
    assert "-m venv" in job.installed
    assert f"pip install --disable-pip-version-check --quiet {ROOT}" in job.installed
    assert "has_changes<<" in (job.folder / "output").read_text(encoding="utf-8")
    assert "4 create" in job.log
