"""Media files: nothing outside of the project is read, nothing broken is accepted, nothing can lie to a plan."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calsync import inside
from calsync.errors import Exit
from calsync.media import (
    CHUNK,
    HashingReader,
    MediaProblem,
    ProbeCache,
    inspect,
    open_for_upload,
    probe,
    pull_command,
    resolve,
)
from calsync.media.cache import Stamp
from calsync.media.pointers import read_pointer
from calsync.media.sniff import CODECS
from calsync.media.window import Figures, Flaw, Window
from calsync.model import MediaFile, MediaKind

REAL = Path(__file__).parent / "media"
EXAMPLES = Path(__file__).parents[1] / "examples" / "calendars" / "calendars" / "media"
T = TypeVar("T")
LATER_NS = 60_000_000_000

# As ffprobe 5.1.9 (videos, rotation and pixel shape applied) and Pillow 13 (images, Exif applied) tell them.
FACTS: dict[str, tuple[str, int, int, int | None, str | None]] = {
    "exif-6.jpg": ("image/jpeg", 96, 160, None, None),
    "exif-6.png": ("image/png", 96, 160, None, None),
    "exif-6.webp": ("image/webp", 96, 160, None, None),
    "fragments-and-index.mp4": ("video/mp4", 160, 96, 500, "h264"),
    "fragments.mp4": ("video/mp4", 160, 96, 500, "h264"),
    "index-last.mp4": ("video/mp4", 160, 96, 512, "h264"),
    "live.webm": ("video/webm", 160, 96, None, "vp9"),
    "lossless.webp": ("image/webp", 160, 96, None, None),
    "moving.gif": ("image/gif", 160, 96, None, None),
    "plain.gif": ("image/gif", 160, 96, None, None),
    "plain.jpg": ("image/jpeg", 160, 96, None, None),
    "plain.mkv": ("video/x-matroska", 160, 96, 500, "vp9"),
    "plain.mov": ("video/quicktime", 160, 96, 512, "h264"),
    "plain.mp4": ("video/mp4", 160, 96, 512, "h264"),
    "plain.png": ("image/png", 160, 96, None, None),
    "plain.webm": ("video/webm", 160, 96, 500, "vp9"),
    "plain.webp": ("image/webp", 160, 96, None, None),
    "rotated-180.mp4": ("video/mp4", 160, 96, 500, "h264"),
    "rotated-270.mp4": ("video/mp4", 96, 160, 500, "h264"),
    "rotated-90.mp4": ("video/mp4", 96, 160, 500, "h264"),
    "wide-pixels.mp4": ("video/mp4", 240, 96, 500, "h264"),
    "wide-pixels.webm": ("video/webm", 240, 96, 500, "vp8"),
}
EXAMPLE_FACTS = {
    "launch.mp4": ("video/mp4", 720, 1280, 4000, "h264"),
    "look-1.jpg": ("image/jpeg", 1080, 1350, None, None),
    "look-2.jpg": ("image/jpeg", 1080, 1350, None, None),
    "look-3.jpg": ("image/jpeg", 1080, 1350, None, None),
    "still.webp": ("image/webp", 1080, 1920, None, None),
    "teaser.mp4": ("video/mp4", 1080, 1920, 3000, "h264"),
}
POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    "size 12345\n"
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "calendars" / "media").mkdir(parents=True)
    shutil.copy(REAL / "plain.mp4", root / "calendars" / "media" / "film.mp4")
    return root


@contextmanager
def problem(code: str) -> Iterator[pytest.ExceptionInfo[MediaProblem]]:
    with pytest.raises(MediaProblem) as caught:
        yield caught
    assert caught.value.code == code


def put(project: Path, content: bytes, name: str = "it.mp4") -> Path:
    path = project / name
    path.write_bytes(content)
    return path


def figures(content: bytes) -> tuple[str, int | None, int | None, int | None, str | None]:
    mime, told = probe.figures(Window(io.BytesIO(content), len(content)))
    return mime, *told[:4]


def outcome(read: Callable[[bytes], T], content: bytes) -> T | Flaw:
    try:
        return read(content)
    except Flaw as flaw:
        return flaw


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", len(body) + 8, kind) + body


# --- names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["media/film.mp4", "./media/film.mp4", "media/../media/film.mp4", "../calendars/media/film.mp4"]
)
def test_a_name_is_relative_to_the_file_that_names_it(project: Path, name: str) -> None:
    """A name leads to the one real path, whatever way through the project it takes."""
    real = (project / "calendars" / "media" / "film.mp4").resolve()
    assert resolve(project / "calendars", name, project) == real


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "media-name"),
        ("  ", "media-name"),
        ("media/film.mp4\0.jpg", "media-name"),
        ("media/film\n.mp4", "media-name"),
        ("media/\x1b[31m.mp4", "media-name"),
        ("media/\udcff.mp4", "media-name"),
        ("media\\film.mp4", "media-name"),
        ("https://example.org/film.mp4", "media-name"),
        ("media/" + "x" * 300, "media-name"),
        ("/etc/passwd", "media-absolute"),
        ("//server/share/film.mp4", "media-absolute"),
        ("\\\\server\\share\\film.mp4", "media-absolute"),
        ("C:\\film.mp4", "media-absolute"),
        ("c:film.mp4", "media-absolute"),
        ("../../secret.mp4", "media-outside"),
        ("../../nothing-there.mp4", "media-outside"),
        ("../../project/calendars/media/film.mp4x/../../../../../secret.mp4", "media-outside"),
        ("media/none.mp4", "media-missing"),
        ("media/film.mp4/film.mp4", "media-missing"),
        ("~/film.mp4", "media-missing"),
        ("media", "media-not-a-file"),
        (".", "media-not-a-file"),
        ("..", "media-not-a-file"),
    ],
)
def test_a_name_that_no_project_should_use_is_refused_by_its_own_code(
    project: Path, name: str, code: str
) -> None:
    """Each way to name something else than a file of the project has a stable code and exits like a bad calendar."""
    (project.parent / "secret.mp4").write_bytes(b"secret")
    with problem(code) as caught:
        resolve(project / "calendars", name, project)
    assert caught.value.exit_code is Exit.INVALID
    assert all(character.isprintable() for character in caught.value.message)


def test_a_link_inside_the_project_is_followed(project: Path) -> None:
    """A symbolic link is as good as the file it leads to, as long as that lies in the project."""
    (project / "calendars" / "link.mp4").symlink_to("media/film.mp4")
    (project / "shared").symlink_to("calendars/media")
    real = (project / "calendars" / "media" / "film.mp4").resolve()
    assert resolve(project / "calendars", "link.mp4", project) == real
    assert resolve(project / "calendars", "../shared/film.mp4", project) == real


@pytest.mark.parametrize(
    "target", ["/proc/self/environ", "/dev/zero", "../../../secret.mp4", "../../../none.mp4", "/"]
)
def test_a_link_out_of_the_project_is_refused_whether_or_not_its_target_exists(
    project: Path, target: str
) -> None:
    """What lies outside of the project can neither be read nor be told apart from what does not exist."""
    (project.parent / "secret.mp4").write_bytes(b"secret")
    (project / "calendars" / "media" / "link.mp4").symlink_to(target)
    with problem("media-outside"):
        resolve(project / "calendars", "media/link.mp4", project)
    with problem("media-outside"):
        inspect(project / "calendars" / "media" / "link.mp4", project, ProbeCache())


def test_a_folder_that_is_a_link_out_of_the_project_is_refused(project: Path) -> None:
    """A link anywhere on the way counts, not only the last one."""
    (project.parent / "other").mkdir()
    (project.parent / "other" / "film.mp4").write_bytes(b"secret")
    (project / "calendars" / "out").symlink_to("../../other")
    with problem("media-outside"):
        resolve(project / "calendars", "out/film.mp4", project)


def test_a_link_that_leads_to_itself_is_refused(project: Path) -> None:
    """A loop of links ends in a problem, not in a loop."""
    (project / "calendars" / "loop.mp4").symlink_to("loop.mp4")
    with pytest.raises(MediaProblem):
        resolve(project / "calendars", "loop.mp4", project)


def test_a_project_behind_a_link_works(project: Path) -> None:
    """The project itself may be reached through a link, as temporary folders on macOS are."""
    link = project.parent / "link"
    link.symlink_to("project")
    found = inspect(resolve(link / "calendars", "media/film.mp4", link), link, ProbeCache())
    assert found.path == "calendars/media/film.mp4"


@pytest.mark.parametrize(
    ("there", "named"), [("Teaser.MP4", "teaser.mp4"), ("cafe\u0301.mp4", "caf\u00e9.mp4")]
)
def test_a_name_that_differs_in_case_or_accents_only_is_pointed_out(
    project: Path, there: str, named: str
) -> None:
    """What works on a Mac and is missing in CI is explained."""
    put(project, b"x", there)
    if (project / named).exists():
        pytest.skip("this file system takes the two names for one")
    with problem("media-missing") as caught:
        resolve(project, named, project)
    assert caught.value.hint is not None
    assert ascii(there) in caught.value.hint


# --- opening ----------------------------------------------------------------------------------------------------


def test_a_pipe_a_socket_and_a_folder_are_no_files_and_opening_them_does_not_hang(project: Path) -> None:
    """Only regular files are opened, and nothing waits for the other end of a pipe."""
    os.mkfifo(project / "pipe.mp4")
    before = Path.cwd()
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(project)  # names of sockets are short
        try:
            listener.bind("socket.mp4")
        finally:
            os.chdir(before)
        for name in ("pipe.mp4", "socket.mp4", "calendars"):
            with problem("media-not-a-file"):
                resolve(project, name, project)
            with problem("media-not-a-file"):
                open_for_upload(project / name, project)


@pytest.mark.parametrize("swapped", ["film.mp4", "."])
def test_a_file_or_folder_swapped_for_a_link_after_the_check_is_not_followed(
    project: Path, swapped: str
) -> None:
    """Between checking and opening, a link to another file gains nothing."""
    path = resolve(project / "calendars", "media/film.mp4", project)
    outside = project.parent / "outside"
    outside.mkdir()
    (outside / "film.mp4").write_bytes(b"secret")
    place = (path.parent / swapped).resolve()
    place.rename(project / "aside")
    place.symlink_to(outside / swapped)
    with problem("media-outside"):
        open_for_upload(path, project)


@pytest.mark.parametrize("swapped", ["film.mp4", "."])
def test_a_link_put_there_at_the_very_last_moment_is_not_followed(
    project: Path, swapped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even after the links were resolved, the walk to the file takes none, inside of the project or out of it."""
    path = resolve(project / "calendars", "media/film.mp4", project)
    root = project.resolve()
    place = path if swapped == "film.mp4" else path.parent
    place.rename(project / "aside")
    place.symlink_to(project / "aside")
    monkeypatch.setattr(os.path, "realpath", os.fspath)  # what was true a moment ago
    with problem("media-changed"):
        open_for_upload(path, root)


def test_without_openat_the_opened_file_is_compared_with_the_path(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where folders cannot be held open (Windows), what was opened must still be what the path means."""
    monkeypatch.setattr(inside, "_BY_STEPS", False)
    path = resolve(project / "calendars", "media/film.mp4", project)
    with open_for_upload(path, project) as raw:
        assert raw.read() == (REAL / "plain.mp4").read_bytes()
    other = put(project, b"other")
    monkeypatch.setattr(inside, "_FILE_FLAGS", os.O_RDONLY)
    open_file = os.open
    monkeypatch.setattr(os, "open", lambda _path, flags: open_file(other, flags))
    with problem("media-changed"):
        open_for_upload(path, project)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_leave_to_read_is_unreadable(project: Path) -> None:
    """Missing permissions are a problem of their own."""
    path = put(project, b"x")
    path.chmod(0)
    with problem("media-unreadable"):
        inspect(path, project, ProbeCache())


def test_a_path_outside_is_not_opened_whoever_asks(project: Path) -> None:
    """Opening checks for itself; it does not rely on `resolve` having been called."""
    outside = project.parent / "outside.mp4"
    outside.write_bytes(b"secret")
    for path in (outside, project / ".." / "outside.mp4", project):
        with problem("media-outside"):
            open_for_upload(path, project)


# --- the reader of uploads --------------------------------------------------------------------------------------


def planned(content: bytes) -> MediaFile:
    sha256 = hashlib.sha256(content).hexdigest()
    return MediaFile(path="it.mp4", sha256=sha256, size=len(content), kind=MediaKind.VIDEO, mime="video/mp4")


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7])
def test_the_reader_hands_out_everything_once_and_its_digest(project: Path, size: int) -> None:
    """Chunks of at most 256 KiB that add up to the file, hashed in the same pass."""
    content = bytes(number % 251 for number in range(size))
    with open_for_upload(put(project, content), project) as raw:
        reader = HashingReader(raw, expect=planned(content))
        with pytest.raises(RuntimeError):
            reader.sha256  # noqa: B018
        chunks = list(reader)
    assert b"".join(chunks) == content
    assert all(0 < len(chunk) <= CHUNK for chunk in chunks)
    assert (reader.size, reader.sha256) == (size, hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("change", ["longer", "shorter", "other", "empty"])
@pytest.mark.parametrize("size", [10, CHUNK, 2 * CHUNK + 10])
def test_an_upload_of_another_content_than_planned_cannot_complete(
    project: Path, change: str, size: int
) -> None:
    """A changed file raises before as many bytes went out as the request announced."""
    content = b"a" * size
    now = {"longer": content + b"b", "shorter": content[:-1], "other": content[:-1] + b"b", "empty": b""}[
        change
    ]
    sent = 0
    with open_for_upload(put(project, now), project) as raw, problem("media-changed"):
        for chunk in HashingReader(raw, expect=planned(content)):
            sent += len(chunk)
    assert sent < size


def test_without_an_expectation_the_reader_only_measures(project: Path) -> None:
    """The caller may compare for itself."""
    with open_for_upload(put(project, b"abc"), project) as raw:
        reader = HashingReader(raw)
        assert list(reader) == [b"abc"]
    assert reader.sha256 == hashlib.sha256(b"abc").hexdigest()


# --- what files tell --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FACTS)
def test_real_files_tell_what_other_tools_read_in_them(name: str) -> None:
    """Type, displayed size and duration agree with ffprobe and Pillow, whichever way the camera was held."""
    content = (REAL / name).read_bytes()
    found = inspect(REAL / name, REAL, ProbeCache())
    assert (found.mime, found.width, found.height, found.duration_ms, found.codec) == FACTS[name]
    assert (found.path, found.size, found.pointer) == (name, len(content), False)
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert found.kind is (MediaKind.VIDEO if found.mime.startswith("video/") else MediaKind.IMAGE)


@pytest.mark.parametrize("name", EXAMPLE_FACTS)
def test_the_example_media_is_what_the_examples_need(name: str) -> None:
    """The examples hold small, sound files in the formats that TikTok takes."""
    found = inspect(EXAMPLES / name, EXAMPLES, ProbeCache())
    assert (found.mime, found.width, found.height, found.duration_ms, found.codec) == EXAMPLE_FACTS[name]
    assert found.size < 150_000


@pytest.mark.parametrize(
    ("entry", "codec"),
    [("avc3", "h264"), ("hvc1", "h265"), ("hev1", "h265"), ("av01", "av1"), ("vp08", "vp8"), ("vp09", "vp9"),
     ("mp4v", "mpeg4"), ("apch", "prores"), ("encv", None), ("\x1b[2J", None)],
)  # fmt: skip
def test_an_mp4_names_its_codec_in_its_sample_entry(entry: str, codec: str | None) -> None:
    """What stands there is one of the known codecs, or nothing is known of it."""
    content = (REAL / "plain.mp4").read_bytes()
    assert figures(content.replace(b"avc1", entry.encode()))[-1] == codec


def test_a_webm_with_another_codec_id_has_another_codec_or_none() -> None:
    """A name of the same length is looked up; one that nobody knows says nothing."""
    content = (REAL / "plain.webm").read_bytes()
    assert figures(content.replace(b"V_VP9", b"V_AV1"))[-1] == "av1"
    assert figures(content.replace(b"V_VP9", b"V_???"))[-1] is None


@pytest.mark.parametrize(
    ("name", "rate"),
    [("plain.mp4", 10.0), ("plain.mov", 10.0), ("rotated-90.mp4", 10.0), ("plain.webm", 10.0), ("plain.mkv", 10.0),
     ("fragments.mp4", None), ("fragments-and-index.mp4", None), ("plain.jpg", None), ("moving.gif", None)],
)  # fmt: skip
def test_frames_are_counted_where_the_headers_count_them(name: str, rate: float | None) -> None:
    """The average rate, as ffprobe tells it; of a recording in fragments nobody says it."""
    assert inspect(REAL / name, REAL, ProbeCache()).frame_rate == rate


def test_every_real_file_is_accounted_for() -> None:
    """No media file lies here untested."""
    assert {path.name for path in REAL.iterdir()} == {*FACTS, "half.mp4", "sound.mp4", "make.sh"}


@pytest.mark.parametrize("name", ["film.txt", "film", "film.jpg"])
def test_the_name_does_not_matter(project: Path, name: str) -> None:
    """A film is a film whatever its name says."""
    assert (
        inspect(put(project, (REAL / "plain.mp4").read_bytes(), name), project, ProbeCache()).mime
        == "video/mp4"
    )


@pytest.mark.parametrize(
    "name", sorted(set(FACTS) - {"live.webm", "fragments.mp4", "fragments-and-index.mp4"})
)
def test_no_beginning_of_a_file_passes_for_the_whole(name: str) -> None:
    """Wherever a copy stopped, it is noticed.

    The three that are left out were made to be cut anywhere: recorders write them so that a crash loses little.
    """
    content = (REAL / name).read_bytes()
    for length in range(len(content)):
        with pytest.raises(Flaw):
            figures(content[:length])


def test_a_half_copied_film_says_how_much_of_it_is_there() -> None:
    """The message states the measured facts."""
    with problem("media-broken") as caught:
        inspect(REAL / "half.mp4", REAL, ProbeCache())
    assert "half.mp4 is cut short" in caught.value.message
    assert "1,677" in caught.value.message
    assert "1,500" in caught.value.message


@pytest.mark.parametrize(
    "name", ["plain.mp4", "index-last.mp4", "plain.mov", "plain.jpg", "plain.png", "plain.gif", "plain.webp"]
)
@pytest.mark.parametrize("trailer", [b"\0" * 5, b"\0" * 4096, b"SEFHj\0\0\0\x01\0\0\0SEFT"])
def test_what_cameras_append_is_no_damage(name: str, trailer: bytes) -> None:
    """Trailers and padding behind a whole file are left alone."""
    assert figures((REAL / name).read_bytes() + trailer) == FACTS[name]


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", "media-empty", "is empty"),
        (b"%PDF-1.7 ...", "media-type", "is a PDF"),
        (b"<!DOCTYPE html><p>404", "media-type", "is an HTML page"),
        (b"\xef\xbb\xbf  <HTML>", "media-type", "is an HTML page"),
        (b'<?xml version="1.0"?><svg/>', "media-type", "is an SVG drawing"),
        (box(b"ftyp", b"heic", bytes(12)), "media-type", "is a HEIC photo"),
        (box(b"ftyp", b"avif", bytes(12)), "media-type", "is an AVIF image"),
        (box(b"ftyp", b"M4A ", bytes(12)), "media-type", "is an audio file"),
        (b"RIFF\0\0\0\0AVI LIST", "media-type", "is an AVI video"),
        (b"RIFF\0\0\0\0WAVEfmt ", "media-type", "is a WAV audio file"),
        (b"BM" + bytes(60), "media-type", "is a BMP image"),
        (b"PK\x03\x04" + bytes(60), "media-type", "is a ZIP archive"),
        ((b"G" + bytes(187)) * 3, "media-type", "is an MPEG transport stream"),
        (b"just words", "media-type", "is text"),
        (bytes(5000), "media-broken", "zeros only"),
        (b"\x01\x02\x03\x04\x05", "media-type", "of a type that calsync knows"),
    ],
)
def test_a_foreign_file_is_called_by_its_name(project: Path, content: bytes, code: str, words: str) -> None:
    """The message says what the file is instead."""
    with problem(code) as caught:
        inspect(put(project, content), project, ProbeCache())
    assert caught.value.message.startswith("it.mp4 ")
    assert words in caught.value.message


def test_sound_alone_is_no_film() -> None:
    """An MP4 without a video track is refused by what it holds."""
    with problem("media-type") as caught:
        inspect(REAL / "sound.mp4", REAL, ProbeCache())
    assert "holds only sound" in caught.value.message


def test_a_jpeg_with_a_film_behind_it_is_a_jpeg() -> None:
    """Phones append moving pictures to photos; the photo is whole all the same."""
    assert (
        figures((REAL / "plain.jpg").read_bytes() + (REAL / "plain.mp4").read_bytes()) == FACTS["plain.jpg"]
    )


def test_a_chunk_table_that_leads_behind_the_end_is_a_cut(project: Path) -> None:
    """A film whose media data does not say how long it is (size 0) is checked by where its chunks lie."""
    content = (REAL / "plain.mp4").read_bytes()
    start = content.index(b"mdat") - 4
    open_ended = content[:start] + bytes(4) + content[start + 4 :]
    assert figures(open_ended) == FACTS["plain.mp4"]
    with pytest.raises(Flaw, match="cut short: its media data"):
        figures(open_ended[: start + 20])


# --- hostile files ----------------------------------------------------------------------------------------------

PNG_START = (REAL / "plain.png").read_bytes()[:33]
HOSTILE = {
    "many boxes": box(b"ftyp", b"isom", bytes(4)) + box(b"free") * 500_000,
    "many boxes in the index": box(b"ftyp", b"isom", bytes(4))
    + box(b"mdat", b"x")
    + box(b"moov", box(b"free") * 500_000),
    "many tracks": box(b"ftyp", b"isom", bytes(4))
    + box(b"mdat", b"x")
    + box(b"moov", box(b"trak", box(b"mdia")) * 200_000),
    "many chunks": PNG_START + struct.pack(">I4sI", 0, b"tEXt", zlib.crc32(b"tEXt")) * 500_000,
    "many markers": b"\xff\xd8\xff" + b"\xff\xe0\0\x02" * 500_000,
    "many fill bytes": b"\xff\xd8" + b"\xff" * 3_000_000,
    "a scan without end": (REAL / "plain.jpg").read_bytes()[:-2] + bytes(20_000_000),
    "many blocks": (REAL / "plain.gif").read_bytes()[:-1] + b"!\xfe\x01x\0" * 500_000,
    "many elements": b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"
    + b"\xec\x80" * 500_000,
    "many picture chunks": b"RIFF" + struct.pack("<I", 8 * 500_000 + 4) + b"WEBP" + b"ABCD\0\0\0\0" * 500_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_content_keeps_a_reader_busy(name: str) -> None:
    """However a file is built, a bounded number of reads ends in a verdict."""
    started = time.process_time()
    with pytest.raises(Flaw):
        figures(HOSTILE[name])
    assert time.process_time() - started < 5  # measured: at most 0.3 s


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A real file with bytes overwritten, removed, doubled, or cut; sizes and counts are hit on purpose."""
    content = bytearray((REAL / draw(st.sampled_from(sorted(FACTS)))).read_bytes())
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(content)))
        match draw(st.integers(0, 4)):
            case 0:
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                content[at : at + 4] = draw(st.sampled_from([0, 1, 7, 8, 0x7FFFFFFF, 0xFFFFFFFF])).to_bytes(
                    4, "big"
                )
            case 2:
                del content[at : at + draw(st.integers(1, 64))]
            case 3:
                content[at:at] = content[max(0, at - draw(st.integers(1, 64))) : at]
            case _:
                content[at : at + 9] = draw(st.binary(max_size=9))
    return bytes(content)


@settings(max_examples=600, deadline=1000)
@given(damaged())
def test_damage_is_a_verdict_never_a_crash(content: bytes) -> None:
    """A damaged file is refused with a reason, or read as far as it makes sense."""
    found = outcome(figures, content)
    if isinstance(found, Flaw):
        assert found.code in {"media-broken", "media-type"}
        assert str(found).isprintable()
    else:
        mime, width, height, duration, codec = found
        assert mime in {mime for mime, *_ in FACTS.values()} | {"video/3gpp"}
        assert all(figure is None or figure > 0 for figure in (width, height, duration))
        assert codec is None or codec in CODECS


@pytest.mark.parametrize("ticks", [0.0, 0.2, -5.0, float("inf"), float("nan")])
def test_a_duration_that_is_none_is_unknown(ticks: float) -> None:
    """A WebM file whose duration is nothing, less than nothing or no number has no known duration."""
    content = (REAL / "plain.webm").read_bytes()
    at = content.index(b"\x44\x89\x88") + 3
    damaged = content[:at] + struct.pack(">d", ticks) + content[at + 8 :]
    assert figures(damaged) == ("video/webm", 160, 96, None, "vp9")


@settings(max_examples=200, deadline=1000)
@given(
    st.sampled_from(
        [b"", b"\0\0\0\x18ftypisom", b"\x1a\x45\xdf\xa3", b"\xff\xd8\xff", PNG_START, b"GIF89a", b"RIFF"]
    ),
    st.binary(max_size=2000),
)
def test_noise_is_a_verdict_never_a_crash(start: bytes, noise: bytes) -> None:
    """Random bytes behind any format's first ones are refused or read, nothing else."""
    found = outcome(figures, start + noise)
    assert not isinstance(found, Flaw) or str(found).isprintable()


def test_a_file_that_changes_while_it_is_read_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A digest and a size never belong to two different contents."""
    path = put(project, (REAL / "plain.mp4").read_bytes())

    def figures_while_written(window: Window) -> tuple[str, Figures]:
        with path.open("ab") as file:
            file.write(b"more")
        return "video/mp4", Figures(160, 96, 512, "h264")

    monkeypatch.setattr(probe, "figures", figures_while_written)
    cache = ProbeCache(clock=lambda: time.time_ns() + LATER_NS)
    with problem("media-changed"):
        inspect(path, project, cache)
    assert len(cache) == 0


# --- Git LFS pointers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "mime"),
    [
        ("a.mp4", "video", "video/mp4"),
        ("A.MOV", "video", "video/quicktime"),
        ("b.jpeg", "image", "image/jpeg"),
    ],
)
def test_a_pointer_stands_for_its_file(project: Path, name: str, kind: str, mime: str) -> None:
    """Digest and size are the pointer's, the type is guessed from the name, the rest is not known."""
    found = inspect(put(project, POINTER.encode(), name), project, ProbeCache())
    assert found == MediaFile(
        path=name,
        sha256="4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393",
        size=12345,
        kind=MediaKind(kind),
        mime=mime,
        pointer=True,
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("spec/v1", "spec/v2"),
        ("sha256:", "sha512:"),
        ("4d7a", "4D7A"),
        ("4d7a", ""),
        ("size 12345", "size -1"),
        ("size 12345", "size 1e5"),
        ("size 12345", "size \u0661"),
        ("size 12345\n", ""),
        ("size 12345", "size 12345\nsize 12345"),
        ("size 12345", "size " + "9" * 40),
        ("oid ", "ext-0-crypt sha256:" + "0" * 64 + "\noid "),
        ("oid ", "\n\noid "),
    ],
)
def test_a_malformed_pointer_is_refused(project: Path, old: str, new: str) -> None:
    """What begins like a pointer and is none is never taken for text, media or another size."""
    with problem("media-pointer"):
        inspect(put(project, POINTER.replace(old, new).encode()), project, ProbeCache())


def test_a_pointer_to_nothing_is_empty_and_one_without_a_type_has_none(project: Path) -> None:
    """A pointer is judged like the file it stands for."""
    with problem("media-empty"):
        inspect(put(project, POINTER.replace("12345", "0").encode()), project, ProbeCache())
    with problem("media-type"):
        inspect(put(project, POINTER.encode(), "film"), project, ProbeCache())


def test_a_pointer_is_not_uploaded_as_the_film(project: Path) -> None:
    """The reader notices that the pointer's text is not the content."""
    path = put(project, POINTER.encode())
    found = inspect(path, project, ProbeCache())
    with open_for_upload(path, project) as raw, problem("media-changed"):
        list(HashingReader(raw, expect=found))


@given(st.text(alphabet=POINTER + "0:z\r\0", max_size=300), st.integers(0, len(POINTER)))
def test_any_text_is_a_pointer_or_not(noise: str, keep: int) -> None:
    """A pointer's beginning with anything behind it gives a pointer, a refusal, or is none."""
    found = outcome(lambda content: read_pointer(content, "a.mp4"), (POINTER[:keep] + noise).encode())
    assert not isinstance(found, Flaw) or found.code in {"media-pointer", "media-empty"}


def test_the_pull_command_counts_from_the_top_of_the_repository(project: Path) -> None:
    """Paths are given as git lfs wants them, quoted for a shell, without characters that are patterns."""
    assert pull_command(project, ["b.mp4", "a.mp4"]) == "git lfs pull -I a.mp4,b.mp4"
    (project.parent / ".git").mkdir()
    assert pull_command(project, ["m/a [1],x.mp4"]) == "git lfs pull -I 'project/m/a ?1??x.mp4'"


# --- the cache --------------------------------------------------------------------------------------------------


def later() -> int:
    return time.time_ns() + LATER_NS


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, whoever reads media fails."""

    def refuse(window: Window) -> None:
        raise AssertionError("it was read again")

    monkeypatch.setattr(probe, "figures", refuse)


def test_an_unchanged_file_is_not_read_again(project: Path, request: pytest.FixtureRequest) -> None:
    """What was saved is known in the next run, and is equal."""
    path = project / "calendars" / "media" / "film.mp4"
    cache = ProbeCache(project, clock=later)
    found = inspect(path, project, cache)
    cache.save()
    request.getfixturevalue("unread")
    assert inspect(path, project, cache) == found
    assert inspect(path, project, ProbeCache(project)) == found


def test_a_file_written_a_moment_ago_is_not_remembered(project: Path) -> None:
    """A second write within the clock's grain would go unseen, so only files at rest are trusted."""
    cache = ProbeCache(project)
    inspect(put(project, (REAL / "plain.mp4").read_bytes()), project, cache)
    assert len(cache) == 0
    ahead = put(project, (REAL / "plain.mp4").read_bytes(), "ahead.mp4")
    os.utime(ahead, ns=(later() * 2, later() * 2))
    inspect(ahead, project, ProbeCache(project, clock=later))
    assert len(cache) == 0


@pytest.mark.parametrize("how", ["in place", "replaced"])
def test_a_changed_file_is_read_again_even_with_its_old_time(project: Path, how: str) -> None:
    """Size and modification time can be faked; the change time and the inode cannot."""
    path = put(project, (REAL / "rotated-90.mp4").read_bytes())
    cache = ProbeCache(project, clock=later)
    before, status = inspect(path, project, cache), path.stat()
    time.sleep(0.02)
    other = (REAL / "rotated-180.mp4").read_bytes()
    assert len(other) == status.st_size
    if how == "replaced":
        put(project, other, "new.mp4").replace(path)
    else:
        path.write_bytes(other)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = inspect(path, project, cache)
    assert after.sha256 == hashlib.sha256(other).hexdigest() != before.sha256


def test_nothing_is_written_before_save_and_nothing_when_nothing_was_learnt(project: Path) -> None:
    """Looking changes no file; only `save` does, and leaves no drafts."""
    cache = ProbeCache(project, clock=later)
    cache.save()
    inspect(project / "calendars" / "media" / "film.mp4", project, cache)
    assert not (project / ".calsync").exists()
    cache.save()
    assert [path.name for path in (project / ".calsync" / "cache").iterdir()] == ["media.json"]


@pytest.mark.parametrize("place", [".calsync", ".calsync/cache"])
def test_a_cache_is_never_written_through_a_link(project: Path, place: str) -> None:
    """A pull request cannot point the cache folder at another one."""
    outside = project.parent / "outside"
    outside.mkdir()
    (project / place).parent.mkdir(exist_ok=True)
    (project / place).symlink_to(outside)
    cache = ProbeCache(project, clock=later)
    inspect(project / "calendars" / "media" / "film.mp4", project, cache)
    cache.save()
    assert list(outside.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_silent(project: Path) -> None:
    """A cache is no reason to fail."""
    (project / ".calsync").write_text("a file where the folder should be")
    cache = ProbeCache(project, clock=later)
    found = inspect(project / "calendars" / "media" / "film.mp4", project, cache)
    cache.save()
    assert found.mime == "video/mp4"


def test_a_cache_that_is_a_folder_or_too_large_is_ignored(project: Path) -> None:
    """Neither reading nor writing minds what stands in its place."""
    place = project / ".calsync" / "cache" / "media.json"
    place.mkdir(parents=True)
    cache = ProbeCache(project, clock=later)
    inspect(project / "calendars" / "media" / "film.mp4", project, cache)
    cache.save()
    assert [path.name for path in place.parent.iterdir()] == ["media.json"]
    place.rmdir()
    with place.open("wb") as file:
        file.truncate(17 << 20)
    assert len(ProbeCache(project)) == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=10) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=20,
)


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cached")
    shutil.copy(REAL / "plain.mp4", root / "film.mp4")
    (root / ".calsync" / "cache").mkdir(parents=True)
    return root


@settings(max_examples=100, deadline=1000)
@given(
    content=st.one_of(
        st.binary(max_size=50),
        JSON.map(lambda value: json.dumps(value).encode()),
        st.fixed_dictionaries({"version": st.just(1), "files": JSON}).map(
            lambda value: json.dumps(value).encode()
        ),
        st.lists(JSON, min_size=9, max_size=9).map(
            lambda row: json.dumps({"version": 1, "files": {"film.mp4": row}}).encode()
        ),
        st.just(b"[" * 100_000),
    )
)
def test_a_broken_cache_is_no_cache(cached: Path, content: bytes) -> None:
    """Whatever stands in the cache's file, what is found is the same."""
    (cached / ".calsync" / "cache" / "media.json").write_bytes(content)
    found = inspect(cached / "film.mp4", cached, ProbeCache(cached))
    assert (found.mime, found.width, found.height, found.duration_ms, found.codec) == FACTS["plain.mp4"]


@pytest.mark.parametrize(
    "row",
    [
        ["sha256", "nonsense"],
        ["mime", "text/html"],
        ["width", "160"],
        ["height", -1],
        ["duration_ms", 1.5],
        ["width", True],
    ],
)
def test_a_cache_with_an_impossible_value_is_ignored(project: Path, row: list[object]) -> None:
    """What `save` cannot have written is not used."""
    cache = ProbeCache(project, clock=later)
    found = inspect(project / "calendars" / "media" / "film.mp4", project, cache)
    cache.save()
    place = project / ".calsync" / "cache" / "media.json"
    document = json.loads(place.read_bytes())
    columns = ["size", "mtime", "ctime", "inode", "sha256", "mime", "width", "height", "duration_ms"]
    document["files"][found.path][columns.index(str(row[0]))] = row[1]
    place.write_text(json.dumps(document))
    assert len(ProbeCache(project)) == 0


def test_the_cache_keeps_what_was_found_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is bounded, and forgets what was found longest ago."""
    monkeypatch.setattr("calsync.media.cache._MOST", 3)
    cache = ProbeCache(clock=later)
    stamp = Stamp(size=1, mtime_ns=0, ctime_ns=0, inode=1)
    for number in (1, 2, 3, 1, 4):
        cache.put(
            MediaFile(path=str(number), sha256="0" * 64, size=1, kind=MediaKind.IMAGE, mime="image/png"),
            stamp,
        )
    assert [number for number in range(1, 5) if cache.get(str(number), stamp)] == [1, 3, 4]


def test_a_pointer_is_not_cached(project: Path) -> None:
    """It costs nothing to read, and the real file may take its place."""
    cache = ProbeCache(project, clock=later)
    inspect(put(project, POINTER.encode()), project, cache)
    assert len(cache) == 0
