"""media.lock: written one way, read as input from a stranger."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from gits import git
from hypothesis import given, settings
from hypothesis import strategies as st

from calsync.media import MediaLock, read_lock, write_lock
from calsync.media.lock import Facts
from calsync.model import MediaFile, MediaKind

A, B, C = "a" * 64, "b" * 64, "c" * 64
FILM = Facts(
    size=52_428_800,
    mime="video/mp4",
    width=1080,
    height=1920,
    duration_ms=12_480,
    codec="h264",
    frame_rate=29.97,
)
PHOTO = Facts(size=500, mime="image/jpeg", width=1080, height=1350)
WRITTEN = (
    "{\n"
    f'"{A}": {{"size": 500, "type": "image/jpeg", "width": 1080, "height": 1350}},\n'
    f'"{B}": {{"size": 52428800, "type": "video/mp4", "width": 1080, "height": 1920, "duration_ms": 12480,'
    ' "codec": "h264", "frame_rate": 29.97},\n'
    '"version": 1\n'
    "}\n"
)


def pointer(sha256: str, size: int) -> MediaFile:
    return MediaFile(
        path="a.mp4", sha256=sha256, size=size, kind=MediaKind.VIDEO, mime="video/mp4", pointer=True
    )


def test_it_has_one_line_per_file_and_reads_as_it_was_written(tmp_path: Path) -> None:
    """Sorted by sha256, every entry with a comma, the version last, valid JSON, nothing left beside it."""
    lock = MediaLock({B: FILM, A: PHOTO})
    write_lock(tmp_path, lock.to_text())
    assert (tmp_path / "media.lock").read_text() == WRITTEN
    assert json.loads(WRITTEN)["version"] == 1
    assert read_lock(tmp_path) == (lock, ())
    assert [each.name for each in tmp_path.iterdir()] == ["media.lock"]


def test_no_lock_is_an_empty_one(tmp_path: Path) -> None:
    """Nobody needs a media.lock."""
    assert read_lock(tmp_path) == (MediaLock(), ())


def test_it_stands_in_for_pointers_of_the_same_content_and_nothing_else() -> None:
    """Same sha256 and same size; a real file, another size or another file get nothing from it."""
    lock = MediaLock({B: FILM})
    filled = lock.fill(pointer(B, FILM.size))
    assert (filled.width, filled.height, filled.duration_ms, filled.codec) == (1080, 1920, 12_480, "h264")
    assert (filled.pointer, filled.probed) == (True, True)
    for other in (pointer(B, 1), pointer(A, FILM.size)):
        assert lock.fill(other) == other
        assert not other.probed
    real = MediaFile(path="a.mp4", sha256=B, size=FILM.size, kind=MediaKind.VIDEO, mime="video/webm", width=7)
    assert lock.fill(real) == real


def test_what_branches_add_merges(tmp_path: Path) -> None:
    """Two branches that each probed a film of their own merge without a conflict, to what probing both gives."""
    git(tmp_path, "init", "-q", "-b", "main")
    names = [f"{number:x}" * 64 for number in range(16)]
    lock = MediaLock(dict.fromkeys(names[2:14:2], PHOTO))

    def commit(change: dict[str, Facts]) -> None:
        write_lock(tmp_path, MediaLock({**lock.facts, **change}).to_text())
        git(tmp_path, "add", "media.lock")
        git(tmp_path, "commit", "-q", "-m", "probe")

    commit({})
    git(tmp_path, "checkout", "-q", "-b", "theirs")
    commit({names[15]: FILM})
    git(tmp_path, "checkout", "-q", "main")
    commit({names[0]: FILM, names[5]: FILM})
    git(tmp_path, "merge", "-q", "-m", "both", "theirs")
    both = {names[0]: FILM, names[5]: FILM, names[15]: FILM}
    assert (tmp_path / "media.lock").read_text() == MediaLock({**lock.facts, **both}).to_text()


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("", 1, "not JSON"),
        ("[]", 1, "expected an object"),
        (WRITTEN.replace("1350},", "1350}"), 3, "not JSON"),
        (WRITTEN.replace('"version": 1', '"version": 2'), 4, "expected one version, which is 1"),
        (WRITTEN.replace('"version": 1', '"version": true'), 4, "expected one version"),
        (WRITTEN.replace(',\n"version": 1', ""), 1, "expected one version"),
        (WRITTEN.replace(B, A), 3, "stands here twice"),
        (WRITTEN.replace(B, "B" * 64), 3, "is no sha256"),
        (WRITTEN.replace(B, "\\u001b[2J"), 3, "is no sha256"),
        (WRITTEN.replace('"size": 500,', ""), 2, "it has no size"),
        (WRITTEN.replace("52428800", "-1"), 3, "size is a whole number"),
        (WRITTEN.replace("12480", "1e4"), 3, "duration_ms is a whole number"),
        (WRITTEN.replace("1920", '"1920"'), 3, "height is a whole number"),
        (WRITTEN.replace("12480", "NaN"), 1, "not JSON of a kind"),
        (WRITTEN.replace("12480", "9" * 5000), 1, "not JSON of a kind"),
        (WRITTEN.replace("video/mp4", "text/html"), 3, "type is one of"),
        (WRITTEN.replace('"h264"', '"\\u001b[2J"'), 3, "codec is a short name"),
        (WRITTEN.replace("29.97", "1e999"), 3, "frame_rate is a number"),
        (f'{{\n"{A}": 7,\n"version": 1\n}}\n', 2, "expected an object such as"),
        (WRITTEN.replace("29.97", "true"), 3, "frame_rate is a number"),
        (WRITTEN.replace('"codec"', '"kodec"'), 3, "unknown key kodec"),
        (WRITTEN.replace('"width": 1080, "height": 1350', '"width": 1, "width": 2'), 2, "a key stands there twice"),
        ('{"version": 1, "x": ' + "[" * 100_000, 1, "not JSON"),
        (WRITTEN.replace(f'"{B}"', f'<<<<<<< HEAD\n"{B}"'), 3, "a merge was left unresolved"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_at_its_line_and_nothing_is_taken(
    tmp_path: Path, content: str, line: int, words: str
) -> None:
    """Wrong JSON, types, keys and versions, and a merge with conflicts: an error with file and line."""
    (tmp_path / "media.lock").write_text(content)
    lock, problems = read_lock(tmp_path)
    assert lock == MediaLock()
    [problem] = problems
    assert problem.code == "media-lock"
    assert problem.source is not None
    assert (problem.source.file, problem.source.line) == ("media.lock", line)
    assert words in problem.message
    assert problem.message.isprintable()


def test_a_lock_that_is_no_plain_file_of_the_project_is_not_read(tmp_path: Path) -> None:
    """A link out of the project, a folder, bytes that are no text, and more than anybody has: an error each."""
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "secret").write_text(WRITTEN)
    lock = root / "media.lock"
    lock.symlink_to("../secret")
    assert [each.code for each in read_lock(root)[1]] == ["outside"]
    lock.unlink()
    lock.mkdir()
    assert [each.code for each in read_lock(root)[1]] == ["unreadable"]
    lock.rmdir()
    subprocess.run(["mkfifo", str(lock)], check=True)
    assert [each.code for each in read_lock(root)[1]] == ["unreadable"]
    lock.unlink()
    lock.write_bytes(b'{"\xff": 1}')
    assert [each.code for each in read_lock(root)[1]] == ["encoding"]
    with lock.open("wb") as stream:
        stream.truncate(9 << 20)
    assert [each.code for each in read_lock(root)[1]] == ["too-large"]


def test_many_mistakes_are_bounded(tmp_path: Path) -> None:
    """A file made of nothing but mistakes is not told in full."""
    rows = "".join(f'"{number}": 1,\n' for number in range(100_000))
    (tmp_path / "media.lock").write_text("{\n" + rows + '"version": 1}')
    assert len(read_lock(tmp_path)[1]) == 50


@settings(max_examples=150)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([A, "version", "size", "type"]), inner),
        max_leaves=8,
    )
)  # fmt: skip
def test_any_json_is_a_lock_or_a_mistake(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    """Never a traceback, and nothing is taken of what has a mistake."""
    root = tmp_path_factory.getbasetemp()
    (root / "media.lock").write_text(json.dumps(value))
    lock, problems = read_lock(root)
    assert not (lock.facts and problems)
