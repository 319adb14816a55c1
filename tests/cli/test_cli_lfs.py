"""Media in Git LFS, with the real git-lfs and a store on disk: checked without the files, fetched only to be uploaded."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from outside import Project, ahead, video
from warm import Warm

from calsync.sandbox import Sandbox

FAR = ahead(days=3)
LATER = ahead(days=4)


def photos(post_id: str, at: str, *names: str) -> dict[str, object]:
    return video(post_id, at, media=[f"media/{name}" for name in names])


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
    assert {"size", "type", "width", "height", "duration_ms", "codec"} in [
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
