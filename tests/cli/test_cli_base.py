"""plan --base: what a change means, from two sets of calendars, with neither key nor network."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from outside import Project, Result, ahead, flow, video

IN_3, IN_4 = ahead(days=3), ahead(days=4)
STAYS = video("stays", ahead(days=20))


class Repo:
    """A git repository around a project."""

    def __init__(self, project: Project, top: Path | None = None) -> None:
        self.project = project
        self.top = top or project.root
        self.git("init", "--quiet", "--initial-branch=main")
        # The services are out of reach: whoever asks one gets nowhere.
        for name in [each for each in project.env if each.startswith(("POSTQUED", "TIKFLOW", "CALSYNC_"))]:
            del project.env[name]

    def git(self, *words: str, stdin: bytes = b"") -> str:
        """Run git; its output."""
        names = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        done = subprocess.run(
            ["git", *names, *words], cwd=self.top, input=stdin, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def commit(self) -> str:
        """Commit all there is."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=calendars")
        return self.git("rev-parse", "HEAD")

    def compare(self, ref: str = "HEAD", *more: str, code: int = 0) -> Result:
        """Compare with a commit, as JSON."""
        result = self.project.run("plan", "--base", ref, "--format", "json", *more, code=code)
        assert self.project.box.requests() == []
        return result


@pytest.fixture
def repo(project: Project) -> Repo:
    """A repository whose commit has one post and one that stays."""
    project.calendar(video("post", IN_3), STAYS)
    repo = Repo(project)
    repo.commit()
    return repo


CHANGES: dict[str, tuple[list[dict[str, Any]], dict[str, str]]] = {
    "nothing": ([video("post", IN_3)], {}),
    "a new post": ([video("post", IN_3), video("new", IN_4)], {"spring/new@brand": "create"}),
    "another time": ([video("post", IN_4)], {"spring/post@brand": "reschedule"}),
    "other words": ([video("post", IN_3, caption="Other")], {"spring/post@brand": "replace"}),
    "no longer there": ([], {"spring/post@brand": "cancel"}),
    "held": ([video("post", IN_3, cancel="true")], {"spring/post@brand": "cancel"}),
    "renamed": ([video("other", IN_3, caption="The post", previously="post")], {"spring/other@brand": "move"}),
    "on another account": (
        [video("post", IN_3, accounts=["second"])],
        {"spring/post@brand": "cancel", "spring/post@second": "create"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_shown_as_what_it_asks_of_the_service(change: str, repo: Repo) -> None:
    """The planner's own words, as if the commit had been applied."""
    posts, expected = CHANGES[change]
    repo.project.calendar(*posts, STAYS)
    result = repo.compare()
    assert result.actions() == expected, result
    assert result.json["refresh"] == "off"


def test_media_counts_by_content(repo: Repo) -> None:
    """Other bytes under the same name are other media; a renamed file is the same."""
    media = repo.project.root / "calendars/media"
    (media / "teaser.mp4").rename(media / "renamed.mp4")
    repo.project.calendar(
        video("post", IN_3, media="media/renamed.mp4"), STAYS | {"media": "media/renamed.mp4"}
    )
    assert repo.compare().actions() == {}
    repo.project.media("launch.mp4")
    (media / "launch.mp4").rename(media / "renamed.mp4")
    result = repo.compare()
    assert result.actions() == {"spring/post@brand": "replace", "spring/stays@brand": "replace"}


def test_large_media_is_read_from_git(repo: Repo) -> None:
    """A file too large to be laid out is taken from git's objects where the work tree has another."""
    media = repo.project.root / "calendars/media/teaser.mp4"
    old = media.read_bytes()
    media.write_bytes(old + bytes(100_000))
    repo.commit()
    assert repo.compare().actions() == {}
    media.write_bytes(old)
    assert set(repo.compare().actions().values()) == {"replace"}


def test_pointers_stand_for_their_media(repo: Repo) -> None:
    """Git LFS pointers on both sides are compared by what they point to."""
    media = repo.project.root / "calendars/media/teaser.mp4"
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 2000\n"
    media.write_text(pointer.format("1" * 64))
    repo.commit()
    assert repo.compare().actions() == {}
    media.write_text(pointer.format("2" * 64))
    assert set(repo.compare().actions().values()) == {"replace"}


def test_an_upload_that_the_service_has_can_be_moved_alone(project: Project) -> None:
    """What a service can do counts here too."""
    project.calendar(flow("post", IN_3, caption="One"))
    repo = Repo(project)
    repo.commit()
    project.calendar(flow("post", IN_4, caption="Two"))
    assert repo.compare().actions() == {"spring/post@flow": "reschedule"}


def test_a_project_below_the_top(project: Project) -> None:
    """Only what is below the project's directory counts."""
    project.calendar(video("post", IN_3), STAYS)
    repo = Repo(project, project.root.parent)
    repo.commit()
    project.calendar(video("post", IN_4), STAYS)
    assert repo.compare().actions() == {"spring/post@brand": "reschedule"}


def test_a_commit_without_a_project(repo: Repo) -> None:
    """Before the project file there was nothing: all is new."""
    empty = repo.git("commit-tree", repo.git("mktree"), "-m", "nothing")
    assert set(repo.compare(empty).actions().values()) == {"create"}


def test_a_shallow_clone(repo: Repo, tmp_path: Path) -> None:
    """What is not there is said with what to type; what is there is enough."""
    repo.commit()
    clone = tmp_path / "clone"
    repo.git("clone", "--quiet", "--depth=1", f"file://{repo.top}", str(clone))
    shallow = Project(clone, repo.project.box, repo.project.warm)
    inside = Repo(shallow)
    shallow.calendar(video("post", IN_4), STAYS)
    assert inside.compare().actions() == {"spring/post@brand": "reschedule"}
    result = inside.compare("HEAD~1", code=1)
    assert result.json["error"]["code"] == "unknown-commit"
    assert "git fetch" in result.json["error"]["hint"]


@pytest.mark.parametrize(
    "ref", ["nowhere", "--output=x", "-", "HEAD^{tree}", "HEAD:calsync.yaml", "", "@{1000}"]
)
def test_a_ref_that_is_none(ref: str, repo: Repo) -> None:
    """No commit, no comparison."""
    result = repo.project.run("plan", f"--base={ref}", "--format", "json", code=1)
    assert result.json["error"]["code"] == "unknown-commit"


def test_outside_of_git(project: Project) -> None:
    """There is no commit to compare with."""
    project.calendar(video("post", IN_3))
    result = project.run("plan", "--base", "HEAD", "--format", "json", code=1)
    assert result.json["error"]["code"] == "no-repository"


def test_the_repository_stays_as_it_is(repo: Repo) -> None:
    """Index, refs and work tree are only read, dirty as they may be."""
    repo.project.write("dirty.txt", "dirty")
    repo.git("add", "dirty.txt")
    repo.project.calendar(video("post", IN_4), STAYS)
    seen = repo.git("status", "--porcelain"), repo.git("for-each-ref")
    index = (repo.top / ".git/index").read_bytes()
    repo.compare()
    assert (repo.top / ".git/index").read_bytes() == index
    assert (repo.git("status", "--porcelain"), repo.git("for-each-ref")) == seen


def test_calendars_that_were_broken(repo: Repo) -> None:
    """What cannot be read at the commit is one warning; what is broken now is exit 3."""
    good = (repo.project.root / "calendars/spring.yaml").read_text()
    repo.project.write("calendars/spring.yaml", good + "\n- broken")
    repo.commit()
    repo.project.write("calendars/spring.yaml", good)
    assert repo.compare().codes()["base-invalid"] == "warning"
    repo.project.write("calendars/spring.yaml", good + "\n- broken")
    repo.compare("HEAD~1", code=3)


def test_a_link_out_of_the_project_is_not_followed(repo: Repo, tmp_path: Path) -> None:
    """Not in the work tree and not in the commit."""
    secret = tmp_path / "secret.yaml"
    secret.write_text((repo.project.root / "calendars/spring.yaml").read_text())
    link = repo.project.root / "calendars/linked.yaml"
    link.symlink_to(secret)
    repo.commit()
    link.unlink()
    result = repo.compare()
    assert result.codes()["base-invalid"] == "warning"
    assert result.actions() == {}


def test_a_tree_made_by_hand_writes_nowhere_else(repo: Repo, tmp_path: Path) -> None:
    """Names that lead out of the directory, and a file behind a link, are left out or refused."""
    outside = tmp_path / "outside"
    outside.mkdir()
    blob = repo.git("hash-object", "-w", "--stdin", stdin=b"x")
    target = repo.git("hash-object", "-w", "--stdin", stdin=str(outside).encode())

    def tree(*entries: tuple[str, str, str]) -> str:
        raw = b"".join(
            mode.encode() + b" " + name.encode() + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries
        )
        return repo.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=raw)

    below = tree(("100644", "planted", blob))
    hostile = tree(("120000", "calendars", target), ("40000", "calendars", below), ("40000", "..", below))
    commit = repo.git("commit-tree", hostile, "-m", "hostile")
    repo.project.run("plan", "--base", commit)
    assert list(outside.iterdir()) == []
    assert not (Path("/tmp") / "planted").exists()


def test_a_policy_that_changes_is_said(repo: Repo) -> None:
    """A pull request may loosen the brake: the plan says so."""
    repo.project.configure(policy={"max_cancels": "50"})
    assert repo.compare().codes()["policy-changed"] == "warning"


def test_exit_codes_are_those_of_plan(repo: Repo) -> None:
    """2 with --detailed-exitcode where something would be written."""
    repo.compare("HEAD", "--detailed-exitcode", code=0)
    repo.project.calendar(video("post", IN_4), STAYS)
    repo.compare("HEAD", "--detailed-exitcode", code=2)


def test_what_was_compared_cannot_be_applied(repo: Repo) -> None:
    """Its digest is of no plan, and its document says what it is."""
    repo.project.calendar(video("post", IN_4), STAYS)
    repo.project.run("plan", "--base", "HEAD", "--out", "plan.json", code=0)
    assert repo.project.run("apply", "plan.json", "-y").code == 64
