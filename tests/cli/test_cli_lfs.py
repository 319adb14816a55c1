"""Media in Git LFS, with the real git-lfs and a store on disk: checked without the files, fetched only to be uploaded."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gits import PLAIN, bare, git
from outside import BRAND, EXAMPLES, Project, ahead, until, video
from warm import Warm

from calsync.sandbox import Sandbox

FAR = ahead(days=3)
LATER = ahead(days=4)
LATEST = ahead(days=5)


def photos(post_id: str, at: str, *names: str, **more: Any) -> dict[str, object]:
    return video(post_id, at, media=[f"media/{name}" for name in names], **more)


@pytest.fixture
def plain(tmp_path: Path, box: Sandbox, warm: Warm) -> Project:
    """A project without git, with every example beside its calendars."""
    root = tmp_path / "plain"
    root.mkdir()
    made = Project(root, box, warm)
    made.media("teaser.mp4", "launch.mp4", "look-1.jpg", "look-2.jpg")
    made.calendar(video("teaser", FAR), photos("looks", LATER, "look-1.jpg", "look-2.jpg"))
    return made


def point(project: Project, name: str, size: int | None = None) -> None:
    """Put a pointer in the place of a media file."""
    path = project.root / "calendars" / "media" / name
    oid = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout[:64]
    size = size or path.stat().st_size
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n")


def lock(project: Project) -> dict[str, dict[str, object]]:
    """The entries of media.lock."""
    document: dict[str, Any] = json.loads((project.root / "media.lock").read_text())
    assert document.pop("version") == 1
    return document


# --- media probe ------------------------------------------------------------------------------------------------


def test_probe_writes_down_what_the_calendars_name(plain: Project) -> None:
    """Every named file that is there, and no other; the same again changes nothing; --check tells."""
    assert (
        "media.lock is out of date: 3 to add, 0 to drop" in plain.run("media", "probe", "--check", code=3).err
    )
    assert not (plain.root / "media.lock").exists()
    plain.run("media", "probe", code=0)
    found = lock(plain)
    assert len(found) == 3
    assert {"size", "type", "width", "height", "duration_ms", "codec", "frame_rate"} in [
        set(each) for each in found.values()
    ]
    text = (plain.root / "media.lock").read_text()
    assert "as it was" in plain.run("media", "probe", code=0).out
    assert (plain.root / "media.lock").read_text() == text
    plain.run("media", "probe", "--check", code=0)


def test_probe_keeps_what_is_a_pointer_by_now_and_drops_what_nobody_names(plain: Project) -> None:
    """Entries of pointers stay while a calendar names them; new pointers are said, not guessed."""
    plain.run("media", "probe", code=0)
    before = lock(plain)
    for name in ("teaser.mp4", "look-1.jpg", "launch.mp4"):
        point(plain, name)
    plain.calendar(
        video("teaser", FAR),
        photos("looks", LATER, "look-2.jpg"),
        video("launch", LATER, media="media/launch.mp4"),
    )
    checked = plain.run("media", "probe", "--check", code=3)
    assert "0 to add, 1 to drop" in checked.err
    said = plain.run("media", "probe", code=0)
    assert "2 files, 0 new or changed, 1 dropped" in said.out
    assert "1 file is only Git LFS pointers here; git lfs pull -I calendars/media/launch.mp4" in said.err
    after = lock(plain)
    assert after == {oid: before[oid] for oid in after}
    assert len(after) == 2
    checked = plain.run("media", "probe", "--check", code=3)
    assert "says nothing of 1 file" in checked.err


def test_pointers_are_checked_by_what_media_lock_says(plain: Project) -> None:
    """With an entry the rules see dimensions and duration; without, or of another size, a note says so once per file."""
    plain.run("media", "probe", code=0)
    point(plain, "teaser.mp4")
    [known] = plain.plan().action("spring/teaser@brand")["media"]
    assert (known["width"], known["height"], known["duration_ms"], known["codec"]) == (
        1080,
        1920,
        3000,
        "h264",
    )
    assert "not-probed" not in plain.plan().codes()
    text = (plain.root / "media.lock").read_text()
    (plain.root / "media.lock").write_text(text.replace('"duration_ms": 3000', '"duration_ms": 700000'))
    assert plain.run("validate", "--format", "json", code=3).codes()["video-duration"] == "error"
    (plain.root / "media.lock").write_text(text.replace("h264", "av1"))
    assert plain.run("validate", "--format", "json", code=3).codes()["video-codec"] == "error"
    (plain.root / "media.lock").unlink()
    plain.calendar(video("teaser", FAR), video("again", LATER))
    found = plain.run("validate", "--format", "json", code=0).json["diagnostics"]
    assert [(each["code"], each["severity"]) for each in found] == [("not-probed", "note")]
    assert "calsync media probe" in found[0]["hint"]


def test_a_broken_media_lock_is_an_error_of_the_project(plain: Project) -> None:
    """validate, plan and probe name file and line, and probe does not write over it."""
    plain.write("media.lock", '{\n"x": 1,\n"version": 1\n}\n')
    for argv in (("validate",), ("plan",), ("media", "probe")):
        result = plain.run(*argv, code=3)
        assert "media.lock:2:1: error[media-lock]" in result.out + result.err
    assert '"x"' in (plain.root / "media.lock").read_text()


# --- apply ------------------------------------------------------------------------------------------------------

needs_lfs = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
ODD = "a [1], x.mp4"


@dataclass
class Repository:
    """A remote with a Git LFS store, and a clone of it without media in which a project lies in a folder."""

    remote: Path
    project: Project

    def pointers(self) -> set[str]:
        """The media of the clone that are pointers."""
        media = self.project.root / "calendars" / "media"
        return {
            each.name for each in media.iterdir() if each.read_bytes().startswith(b"version https://git-lfs")
        }


@pytest.fixture
def seed(tmp_path: Path, box: Sandbox, warm: Warm) -> Project:
    """The project where the media is: `social/` of a repository with Git LFS, not committed yet."""
    top = tmp_path / "seed"
    top.mkdir()
    git(top, "init", "-q", "-b", "main")
    git(top, "lfs", "install", "--local")
    git(top, "lfs", "track", "*.mp4", "*.jpg")
    (top / "social").mkdir()
    made = Project(top / "social", box, warm)
    made.media("teaser.mp4", "launch.mp4", "look-1.jpg", "look-2.jpg")
    shutil.copy(EXAMPLES / "launch.mp4", made.root / "calendars" / "media" / ODD)
    with (made.root / "calendars" / "media" / ODD).open("ab") as stream:
        stream.write(b"\0\0\0\x08free")  # another content than its like
    made.calendar(
        video("teaser", FAR),
        video("odd", LATEST, media=f"media/{ODD}"),
        video("launch", LATER, media="media/launch.mp4", cancel=True),
        photos("looks", LATER, "look-1.jpg", "look-2.jpg"),
    )
    return made


def publish(seed: Project, tmp_path: Path, *, probe: bool = True) -> Repository:
    """Probe, commit, push to a remote on disk, and clone that without media."""
    if probe:
        seed.run("media", "probe", code=0)
    top = seed.root.parent
    remote = bare(tmp_path / "remote.git")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "calendars")
    git(top, "remote", "add", "origin", f"file://{remote}")
    git(top, "push", "-q", "origin", "main")
    git(tmp_path, "clone", "-q", f"file://{remote}", "clone", env={**PLAIN, "GIT_LFS_SKIP_SMUDGE": "1"})
    cloned = Project(tmp_path / "clone" / "social", seed.box, seed.warm)
    cloned.configure()
    return Repository(remote, cloned)


@needs_lfs
def test_apply_fetches_what_it_uploads_and_nothing_else(seed: Project, tmp_path: Path) -> None:
    """A clone without media is checked and planned as the whole; apply fetches what one account's posts need."""
    there = publish(seed, tmp_path)
    project, every = there.project, {"teaser.mp4", "launch.mp4", "look-1.jpg", "look-2.jpg", ODD}
    assert there.pointers() == every
    assert project.run("validate", "--format", "json", code=0).json["diagnostics"] == []
    project.run("media", "probe", "--check", code=0)
    planned, whole = project.plan(), seed.plan()
    assert planned.json["digest"] == whole.json["digest"]
    for mine, its in zip(planned.json["actions"], whole.json["actions"], strict=True):
        assert [{**each, "pointer": False} for each in mine["media"]] == its["media"]
    size = sum((seed.root / "calendars/media" / name).stat().st_size for name in ("teaser.mp4", ODD))
    assert "to fetch from Git LFS: 4 files" in project.run("plan", code=0).out
    project.calendar(
        video("teaser", FAR), video("odd", LATEST, media=f"media/{ODD}"),
        photos("looks", LATER, "look-1.jpg", "look-2.jpg", accounts=["second"]),
    )  # fmt: skip
    assert there.pointers() == every

    applied = project.run("apply", "-y", "--account", "brand", code=0)
    assert f"to fetch from Git LFS: 2 files, {size / 1000:.1f} kB" in applied.out
    assert "fetching 2 files" in applied.err
    assert there.pointers() == {"launch.mp4", "look-1.jpg", "look-2.jpg"}
    assert sorted(each["account_id"] for each in project.posts("scheduled")) == [BRAND, BRAND]

    before = len(project.writes())
    again = project.apply("--account", "brand")
    assert again.json["actions"] == []
    assert len(project.writes()) == before
    assert there.pointers() == {"launch.mp4", "look-1.jpg", "look-2.jpg"}


@needs_lfs
def test_a_media_lock_that_lies_gets_no_file_past_the_checks(seed: Project, tmp_path: Path) -> None:
    """What the lock says is believed for a plan; what was fetched is looked into before anything is written."""
    small = Path(__file__).parents[1] / "media" / "plain.mp4"
    shutil.copy(small, seed.root / "calendars/media/teaser.mp4")
    seed.run("media", "probe", code=0)
    text = (seed.root / "media.lock").read_text()
    (seed.root / "media.lock").write_text(
        text.replace('"width": 160, "height": 96', '"width": 1080, "height": 1920')
    )
    project = publish(seed, tmp_path, probe=False).project
    planned = project.plan()
    refused = project.apply("--expect", planned.json["digest"], code=3)
    assert refused.codes()["video-dimensions"] == "error"
    assert "160x96" in refused.out
    assert project.writes() == []
    assert project.run("validate", code=3).out.count("160x96") == 1


@needs_lfs
def test_without_git_lfs_apply_says_what_to_pull(seed: Project, tmp_path: Path) -> None:
    """No git-lfs, or a store that has not the files: exit 1 with the command, before anything is written."""
    there = publish(seed, tmp_path)
    project, only = there.project, tmp_path / "bin"
    only.mkdir()
    for name in ("git", "sh"):
        (only / name).symlink_to(str(shutil.which(name)))
    refused = project.apply(code=1, env={"PATH": str(only)})
    assert "git lfs pull -I 'social/calendars/media/a ?1?? x.mp4,social/" in refused.json["error"]["hint"]
    assert "fetching" not in refused.err

    shutil.rmtree(there.remote / "lfs")
    failed = project.apply(code=1)
    assert failed.json["error"]["code"] == "media-pointer"
    assert "git lfs pull failed" in failed.json["error"]["message"]
    assert "git lfs pull -I" in failed.json["error"]["hint"]
    assert project.writes() == []


@needs_lfs
def test_ctrl_c_while_media_is_fetched_changes_nothing(seed: Project, tmp_path: Path) -> None:
    """The run ends at once with exit 130, git-lfs with it; the next one goes on as if it had never been."""
    there = publish(seed, tmp_path)
    project, slow = there.project, tmp_path / "bin"
    slow.mkdir()
    real, mark = shutil.which("git-lfs"), tmp_path / "pulling"
    (slow / "git-lfs").write_text(
        f'#!/bin/sh\n[ "$1" = pull ] || exec {real} "$@"\necho $$ > {mark}.new; mv {mark}.new {mark}; exec sleep 120\n'
    )
    (slow / "git-lfs").chmod(0o755)
    running = project.start("apply", "-y", env={"PATH": f"{slow}:{project.env['PATH']}"})
    until(mark.exists)
    running.signal(signal.SIGINT)
    stopped = project.end(running, "apply", "-y")
    assert stopped.code == 130
    assert "nothing was changed" in stopped.err
    until(lambda: not Path(f"/proc/{mark.read_text().strip()}").exists())
    assert project.writes() == []
    assert "launch.mp4" in there.pointers()
    project.apply()
    assert len(project.posts("scheduled")) == 3
