"""Calendars -> entries: fields from the nearest level, times, names, files, and every problem in one run."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from calsync.desired import Loaded, all_problems, load, tzdata_version
from calsync.errors import CalendarError, Diagnostic, Severity
from calsync.media import MediaProblem, ProbeCache
from calsync.model import Entry, Intent, MediaFile, MediaKind, MediaRef, RemoteMedia, Standing
from calsync.settings import InvalidProject, load_settings
from calsync.zones import BadTime, load_zone, parse_at, spell, to_utc, zone_names

ROOT = Path(__file__).resolve().parents[1]
PROJECT = """\
version: 1
timezone: Europe/Berlin
accounts:
  brand: {provider: postqued, username: "@brand"}
  second: {provider: tikflow, id: 123e4567-e89b-12d3-a456-426614174000}
  third: {provider: postqued, username: "@third"}
  sky: {provider: postqued, username: "@sky", platform: bluesky}
"""
POST = "at: 2031-03-15 14:00, media: v.mp4, options: {privacy_level: SELF_ONLY}"


def look(folder: Path, name: str) -> MediaFile:
    """Media by its name alone: v*.mp4 are videos, *.jpg images, the rest is missing."""
    if not name.endswith((".mp4", ".jpg")):
        raise MediaProblem("media-missing", f"{name} does not exist")
    video = name.endswith(".mp4")
    return MediaFile(
        path=f"{folder.name}/{name}",
        sha256=f"sha-{name}",
        size=1,
        kind=MediaKind.VIDEO if video else MediaKind.IMAGE,
        mime="video/mp4" if video else "image/jpeg",
    )


class Home:
    """A project in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "calendars").mkdir()
        self.file("calsync.yaml", PROJECT)

    def file(self, name: str, text: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def load(self, text: str | None = None) -> Loaded:
        if text is not None:
            self.file("calendars/cal.yaml", text)
        return load(load_settings(self.root / "calsync.yaml"), look=look)

    def entries(self, text: str | None = None) -> dict[str, Entry]:
        """The entries by address; there must be no error."""
        loaded = self.load(text)
        assert errors(loaded) == []
        return {str(entry.address): entry for entry in loaded.entries}

    def one(self, text: str) -> Entry:
        (entry,) = self.entries(text).values()
        return entry


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def where(each: Diagnostic) -> tuple[str, str]:
    source = each.source
    return (f"{source.file.rpartition('/')[2]}:{source.line}:{source.column}" if source else "", each.code)


def errors(loaded: Loaded) -> list[tuple[str, str]]:
    return [where(each) for each in loaded.diagnostics if each.severity is Severity.ERROR]


def others(loaded: Loaded) -> list[tuple[str, str]]:
    return [where(each) for each in loaded.diagnostics if each.severity is not Severity.ERROR]


def one_post(fields: str) -> str:
    return f"posts:\n  - {{id: a, {fields}}}\n"


# -- fields -------------------------------------------------------------------------------------------------------


def test_the_contract_s_calendar(home: Home) -> None:
    """The calendar that the contract shows becomes the entries that it describes."""
    home.file("calendars/captions/reveal.md", "It is here.\r\n#launch  \n\n")
    entries = home.entries(
        """\
calendar: spring-launch
previously: spring
timezone: Europe/Berlin
defaults:
  accounts: [brand]
  intent: publish
  options: {privacy_level: PUBLIC_TO_EVERYONE}
posts:
  - id: teaser
    at: 2026-03-15 14:00
    media: media/v.mp4
    caption: |
      Something is coming. #launch
    options:
      disable_duet: true
      disable_stitch: false
      disable_comment: false
      video_cover_timestamp_ms: 1000
  - id: reveal
    at: 2026-03-16 18:30
    accounts: [brand, third]
    media: [media/1.jpg, media/2.jpg]
    caption_file: captions/reveal.md
    title: The reveal
    overrides:
      third: {at: 2026-03-16 20:00, caption: "Shorter here"}
  - id: final
    previously: finale
    at: 2026-03-17T09:00Z
    media: {id: 550e8400-e29b-41d4-a716-446655440000}
  - id: gone
    cancel: true
    at: 2026-03-18 10:00
    media: media/v.mp4
"""
    )
    assert list(entries) == [
        "spring-launch/teaser@brand",
        "spring-launch/reveal@brand",
        "spring-launch/reveal@third",
        "spring-launch/final@brand",
        "spring-launch/gone@brand",
    ]
    teaser, reveal, third, final, gone = entries.values()
    assert teaser.content.at == datetime(2026, 3, 15, 13, tzinfo=UTC)
    assert teaser.content.caption == "Something is coming. #launch"
    assert dict(teaser.content.options) == {
        "privacy_level": "PUBLIC_TO_EVERYONE",
        "disable_duet": True,
        "disable_stitch": False,
        "disable_comment": False,
        "video_cover_timestamp_ms": 1000,
    }
    assert teaser.content.media == (MediaRef("sha256", "sha-media/v.mp4"),)
    assert (teaser.zone, teaser.previously) == ("Europe/Berlin", (("spring", "teaser"),))
    assert (reveal.content.caption, reveal.content.title) == ("It is here.\n#launch", "The reveal")
    assert [each.value for each in reveal.content.media] == ["sha-media/1.jpg", "sha-media/2.jpg"]
    assert (third.content.caption, third.content.title) == ("Shorter here", "The reveal")
    assert third.content.at - reveal.content.at == timedelta(minutes=90)
    assert final.media == (RemoteMedia("550e8400-e29b-41d4-a716-446655440000"),)
    assert final.previously == (("spring-launch", "finale"), ("spring", "final"), ("spring", "finale"))
    assert (final.standing, gone.standing) == (Standing.WANTED, Standing.CANCELED)


def test_the_nearest_level_wins(home: Home) -> None:
    """Override, post, the defaults' override, the defaults: in that order, field by field."""
    text = """\
defaults:
  accounts: [brand, third]
  caption: from defaults
  title: from defaults
  intent: draft
  media: v1.mp4
  options: {privacy_level: SELF_ONLY, disable_duet: true, disable_comment: true}
  overrides:
    third: {caption: from defaults for third, title: from defaults for third, media: v2.mp4, intent: publish,
            options: {disable_duet: false, disable_stitch: true}}
posts:
  - {id: a, at: 2031-03-15 14:00}
  - id: b
    at: 2031-03-15 14:00
    caption: from post
    options: {disable_duet: null, disable_stitch: false}
    overrides:
      third: {title: from override, options: {disable_comment: null}}
"""
    entries = home.entries(text)
    a, a3, b, b3 = (entries[f"cal/{name}"].content for name in ("a@brand", "a@third", "b@brand", "b@third"))
    assert (a.caption, a.title, a.intent) == ("from defaults", "from defaults", Intent.DRAFT)
    assert (a3.caption, a3.title, a3.intent) == (
        "from defaults for third",
        "from defaults for third",
        Intent.PUBLISH,
    )
    assert (b.caption, b.title) == ("from post", "from defaults")
    assert (b3.caption, b3.title) == ("from post", "from override")
    assert (b.media[0].value, b3.media[0].value) == ("sha-v1.mp4", "sha-v2.mp4")
    assert dict(a.options) == {"privacy_level": "SELF_ONLY", "disable_duet": True, "disable_comment": True}
    assert dict(a3.options) == {
        "privacy_level": "SELF_ONLY", "disable_duet": False, "disable_comment": True, "disable_stitch": True,
    }  # fmt: skip
    assert dict(b.options) == {"privacy_level": "SELF_ONLY", "disable_comment": True, "disable_stitch": False}
    assert dict(b3.options) == {"privacy_level": "SELF_ONLY", "disable_stitch": False}


def test_caption_and_caption_file_are_one_field(home: Home) -> None:
    """The nearest of the two wins, whichever it is; both at one level is an error."""
    home.file("calendars/c.md", "from a file")
    text = "defaults: {caption: from defaults, caption_file: c.md}\n" + one_post(f"accounts: [brand], {POST}")
    assert errors(home.load(text)) == [("cal.yaml:1:50", "caption-twice")]
    text = "defaults: {caption: from defaults}\n" + one_post(f"accounts: [brand], {POST}, caption_file: c.md")
    assert home.one(text).content.caption == "from a file"
    text = "defaults: {caption_file: c.md}\n" + one_post(f"accounts: [brand], {POST}, caption: here")
    assert home.one(text).content.caption == "here"


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ({}, "Europe/Berlin"),
        ({"calendar": 1}, "America/New_York"),
        ({"calendar": 1, "defaults": 1}, "Asia/Tokyo"),
        ({"defaults": 1, "default override": 1}, "Asia/Kolkata"),
        ({"default override": 1, "post": 1}, "Europe/Lisbon"),
        ({"post": 1, "override": 1}, "Australia/Sydney"),
    ],
)
def test_the_time_zone_is_a_field_too(home: Home, chain: dict[str, int], expected: str) -> None:
    """18:30 is 18:30 in the zone of the nearest level, down to the calendar's and the project's."""
    zones = {
        "calendar": "America/New_York",
        "defaults": "Asia/Tokyo",
        "default override": "Asia/Kolkata",
        "post": "Europe/Lisbon",
        "override": "Australia/Sydney",
    }

    def line(level: str) -> dict[str, Any]:
        return {"timezone": zones[level]} if level in chain else {}

    data = {
        **line("calendar"),
        "defaults": {**line("defaults"), "overrides": {"brand": line("default override")}},
        "posts": [
            {
                "id": "a", "at": "2031-07-01 18:30", "accounts": ["brand"], "media": "v.mp4", **line("post"),
                "options": {"privacy_level": "SELF_ONLY"}, "overrides": {"brand": line("override")},
            }
        ],
    }  # fmt: skip
    entry = home.one(yaml.safe_dump(data))
    assert entry.zone == expected
    assert entry.content.at.astimezone(ZoneInfo(expected)).strftime("%H:%M") == "18:30"


def test_one_image_in_a_list_is_one_image(home: Home) -> None:
    """A list of one equals its only item."""
    options = "options: {privacy_level: SELF_ONLY}"
    single = home.one(one_post(f"at: 2031-01-01 10:00, accounts: [brand], {options}, media: 1.jpg"))
    listed = home.one(one_post(f"at: 2031-01-01 10:00, accounts: [brand], {options}, media: [1.jpg]"))
    assert single.content == listed.content


def test_where_an_entry_s_fields_stand(home: Home) -> None:
    """An entry stands at its list item, each field at the value of the level that it came from."""
    text = """\
defaults:
  options: {privacy_level: SELF_ONLY}
posts:
  - id: a
    at: 2031-03-15 14:00
    accounts: [brand, third]
    media:
      - 1.jpg
      - 2.jpg
    caption: hello
    overrides: {third: {at: 2031-03-15 15:00}}
"""
    entries = home.entries(text)
    first, second = entries["cal/a@brand"], entries["cal/a@third"]
    assert (first.source.file, first.source.line) == ("calendars/cal.yaml", 4)
    places = {name: f"{each.line}:{each.column}" for name, each in first.places.items()}
    assert places == {
        "at": "5:9",
        "accounts": "6:15",
        "media": "8:7",
        "media.0": "8:9",
        "media.1": "9:9",
        "caption": "10:14",
        "options": "2:12",
        "options.privacy_level": "2:28",
    }
    assert str(second.place("at")) == "calendars/cal.yaml:11:29"
    assert second.place("title") == second.source


# -- what does not fit --------------------------------------------------------------------------------------------


def test_options_of_the_defaults_that_do_not_fit_are_dropped(home: Home) -> None:
    """Video options on photos, photo options on a video: dropped with a note where the defaults say so."""
    text = """\
defaults:
  accounts: [brand]
  options: {privacy_level: SELF_ONLY, disable_duet: true, disable_stitch: true, video_cover_timestamp_ms: 1,
            auto_add_music: true, photo_cover_index: 0}
  overrides: {brand: {options: {max_video_post_duration_sec: 60}}}
posts:
  - {id: photos, at: 2031-03-15 14:00, media: [1.jpg, 2.jpg]}
  - {id: video, at: 2031-03-15 14:00, media: v.mp4}
  - {id: remote, at: 2031-03-15 14:00, media: {id: x}}
"""
    loaded = home.load(text)
    assert errors(loaded) == []
    options = {entry.address.post: set(entry.content.options) - {"privacy_level"} for entry in loaded.entries}
    video = {"disable_duet", "disable_stitch", "video_cover_timestamp_ms", "max_video_post_duration_sec"}
    photo = {"auto_add_music", "photo_cover_index"}
    assert options == {"photos": photo, "video": video, "remote": photo | video}
    notes = [each for each in loaded.diagnostics if each.severity is Severity.NOTE]
    assert {each.code for each in notes} == {"option-dropped"}
    assert len(notes) == 6


@pytest.mark.parametrize(
    ("media", "option"),
    [
        ("1.jpg", "disable_duet: false"),
        ("[1.jpg, 2.jpg]", "disableStitch: true"),
        ("v.mp4", "auto_add_music: true"),
    ],
)
def test_options_of_the_post_that_do_not_fit_are_errors(home: Home, media: str, option: str) -> None:
    """What the post itself asks for in vain is an error, in its overrides too."""
    base = f"at: 2031-03-15 14:00, accounts: [brand], media: {media}"
    first = one_post(f"{base}, options: {{privacy_level: SELF_ONLY, {option}}}")
    second = one_post(
        f"{base}, options: {{privacy_level: SELF_ONLY}}, overrides: {{brand: {{options: {{{option}}}}}}}"
    )
    for text in (first, second):
        assert [code for _, code in errors(home.load(text))] == ["option-unfit"]


def test_other_platforms(home: Home) -> None:
    """Elsewhere a post needs media or a caption; TikTok's options from the defaults are dropped there."""
    text = "defaults: {options: {privacy_level: SELF_ONLY}}\n" + one_post(
        "at: 2031-03-15 14:00, accounts: [sky], caption: hi"
    )
    assert dict(home.one(text).content.options) == {}
    assert others(home.load()) == [("cal.yaml:1:22", "option-dropped")]
    assert [code for _, code in errors(home.load(one_post("at: 2031-03-15 14:00, accounts: [sky]")))] == [
        "missing-key"
    ]
    own = one_post("at: 2031-03-15 14:00, accounts: [sky], caption: hi, options: {privacy_level: SELF_ONLY}")
    assert [code for _, code in errors(home.load(own))] == ["option-unfit"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (f"{POST}", ("cal.yaml:2:5", "missing-key")),
        (
            "accounts: [brand], media: v.mp4, options: {privacy_level: SELF_ONLY}",
            ("cal.yaml:2:5", "missing-key"),
        ),
        (
            "accounts: [brand], at: 2031-03-15 14:00, options: {privacy_level: SELF_ONLY}",
            ("cal.yaml:2:5", "missing-key"),
        ),
        (f"accounts: [brnd], {POST}", ("cal.yaml:2:24", "unknown-account")),
        (f"accounts: [brand, brand], {POST}", ("cal.yaml:2:31", "repeated")),
        (f"accounts: [brand], overrides: {{third: {{}}}}, {POST}", ("cal.yaml:2:44", "not-on-account")),
        (f"accounts: [brand], overrides: {{thrd: {{}}}}, {POST}", ("cal.yaml:2:44", "unknown-account")),
        (f"accounts: [brand], caption: a, caption_file: b.md, {POST}", ("cal.yaml:2:58", "caption-twice")),
        (f"accounts: [brand], caption_file: gone.md, {POST}", ("cal.yaml:2:46", "caption-file-missing")),
        (f"accounts: [brand], caption_file: ../../../x, {POST}", ("cal.yaml:2:46", "caption-file-outside")),
        (
            "accounts: [brand], at: 2031-03-15 14:00, media: [1.jpg, gone.png]",
            ("cal.yaml:2:69", "media-missing"),
        ),
    ],
)
def test_what_a_post_may_not_lack(home: Home, fields: str, expected: tuple[str, str]) -> None:
    """What is required and missing, unknown, twice or astray is an error at its own place."""
    loaded = home.load(one_post(fields))
    assert expected in errors(loaded)
    assert not loaded.valid


def test_a_post_without_an_id(home: Home) -> None:
    """An id is required; a repeated one names the first."""
    text = f"posts:\n  - {{{POST}, accounts: [brand]}}\n"
    assert errors(home.load(text)) == [("cal.yaml:2:5", "missing-key")]
    post = f"{{id: a, {POST}, accounts: [brand]}}"
    loaded = home.load(f"posts:\n  - {post}\n  - {post}\n")
    assert errors(loaded) == [("cal.yaml:3:10", "duplicate-id")]
    assert "line 2" in loaded.diagnostics[0].message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("calendar: x\n", [("cal.yaml:1:1", "missing-key")]),
        ("posts:\n", [("cal.yaml:1:1", "wrong-type")]),
        ("posts: {}\n", [("cal.yaml:1:8", "wrong-type")]),
        ("posts: [a]\n", [("cal.yaml:1:9", "wrong-type")]),
        ("- a\n", [("cal.yaml:1:1", "wrong-type")]),
        ("calendar: Not A Name\nposts: []\n", [("cal.yaml:1:11", "bad-id")]),
        ("defaults: {id: x}\nposts: []\n", [("cal.yaml:1:12", "unknown-key")]),
        ("defaults: {at: x}\nposts: []\n", [("cal.yaml:1:12", "unknown-key")]),
        ("defaults: {previously: x}\nposts: []\n", [("cal.yaml:1:12", "unknown-key")]),
        ("defaults: {accounts: [x]}\nposts: []\n", [("cal.yaml:1:23", "unknown-account")]),
        ("defaults: {overrides: {x: {}}}\nposts: []\n", [("cal.yaml:1:24", "unknown-account")]),
        (
            "defaults: {overrides: {brand: {at: 2031-01-01 10:00}}}\nposts: []\n",
            [("cal.yaml:1:32", "unknown-key")],
        ),
        ("defaults: {options: {disable_duett: true}}\nposts: []\n", [("cal.yaml:1:22", "unknown-key")]),
        ("post: []\nposts: []\n", [("cal.yaml:1:1", "unknown-key")]),
        ("", [("cal.yaml:1:1", "empty-file")]),
        ("posts: []\n", []),
        ("defaults: {overrides: {brand: {caption: x}}}\nposts: []\n", []),
    ],
)
def test_the_calendar_s_own_fields(home: Home, text: str, expected: list[tuple[str, str]]) -> None:
    """Mistakes outside the posts are found whether a post uses them or not."""
    assert errors(home.load(text)) == expected


def test_every_problem_of_every_file_in_one_run(home: Home) -> None:
    """A broken file, a broken post and a broken field hide nothing of the others; the report is sorted."""
    home.file("calendars/a.yaml", "posts: [\n")
    home.file(
        "calendars/b.yaml",
        f"posts:\n  - {{id: x, at: 14:30, media: gone.png, accounts: [who], titel: y}}\n  - {{id: y, {POST}, accounts: [brand]}}\n",
    )
    home.file(
        "calendars/c.yaml",
        "posts:\n  - {id: z, at: 2031-03-30 02:30, media: v.mp4, accounts: [brand], caption: [a]}\n",
    )
    loaded = home.load()
    assert errors(loaded) == [
        ("a.yaml:2:1", "syntax"),
        ("b.yaml:2:17", "bad-time"),
        ("b.yaml:2:31", "media-missing"),
        ("b.yaml:2:52", "unknown-account"),
        ("b.yaml:2:58", "unknown-key"),
        ("c.yaml:2:5", "privacy-missing"),
        ("c.yaml:2:17", "time-skipped"),
        ("c.yaml:2:77", "wrong-type"),
    ]
    assert [str(entry.address) for entry in loaded.entries] == ["b/y@brand"]


def test_a_broken_project_file_does_not_hide_the_calendars(home: Home) -> None:
    """One run shows the mistakes of the project file and of its calendars, and blames none on the other."""
    path = home.file(
        "calsync.yaml", PROJECT.replace("provider: tikflow", "provdier: tikflow") + "policy: {drift: x}\n"
    )
    home.file("calendars/cal.yaml", one_post("at: 2031-02-30 14:00, media: {id: x}, accounts: [second]"))
    with pytest.raises(InvalidProject) as caught:
        load_settings(path)
    assert [where(each) for each in all_problems(caught.value).diagnostics] == [
        ("cal.yaml:2:17", "bad-time"),
        ("calsync.yaml:5:3", "missing-key"),
        ("calsync.yaml:5:12", "unknown-key"),
        ("calsync.yaml:8:17", "bad-value"),
    ]


def test_hostile_numbers_of_mistakes_end_soon(home: Home) -> None:
    """Hundreds of thousands of unknown keys, or of wrong posts, are summed up."""
    keys = "".join(f"key{number}: x\n" for number in range(100_000))
    posts = "posts:\n" + "- {id: A}\n" * 20_000
    for text in (keys, posts):
        start = time.process_time()
        loaded = home.load(text)
        assert time.process_time() - start < 40
        assert loaded.diagnostics[-1].code in ("too-many", "missing-key", "unknown-key")
        assert 100 <= len(loaded.diagnostics) <= 1_001


# -- cancel, pause, former names ----------------------------------------------------------------------------------


def test_cancel_on_a_post_a_calendar_or_one_account(home: Home) -> None:
    """cancel: true unwants a post, a whole calendar, or one account's part; it outweighs a pause."""
    home.file("calsync.yaml", PROJECT.replace('"@third"', '"@third", paused: true'))
    post = f"id: a, {POST}, accounts: [brand, third]"
    plain = home.entries(f"posts:\n  - {{{post}}}\n")
    assert [each.standing for each in plain.values()] == [Standing.WANTED, Standing.PAUSED]
    held = home.entries(f"cancel: true\nposts:\n  - {{{post}, cancel: false}}\n")
    assert [each.standing for each in held.values()] == [Standing.CANCELED] * 2
    partly = home.entries(f"posts:\n  - {{{post}, overrides: {{brand: {{cancel: true}}}}}}\n")
    assert [each.standing for each in partly.values()] == [Standing.CANCELED, Standing.PAUSED]
    default = home.entries(
        f"defaults: {{cancel: true}}\nposts:\n  - {{{post}}}\n  - {{{post.replace('a,', 'b,', 1)}, cancel: false}}\n"
    )
    assert [each.standing for each in default.values()] == [Standing.CANCELED] * 2 + [
        Standing.WANTED,
        Standing.PAUSED,
    ]


def test_a_stop_does_not_wait_for_files(home: Home) -> None:
    """Of a cancelled post a missing file is a warning; its YAML still has to be right."""
    loaded = home.load(
        one_post(
            "at: 2031-03-15 14:00, accounts: [brand], media: gone.png, caption_file: gone.md, cancel: true"
        )
    )
    assert errors(loaded) == []
    assert [each.standing for each in loaded.entries] == [Standing.CANCELED]
    assert sorted(code for _, code in others(loaded)) == ["caption-file-missing", "media-missing"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("previously: old", [("cal", "old")]),
        ("previously: other/old", [("other", "old")]),
        ("previously: [x, other/y]", [("cal", "x"), ("other", "y")]),
    ],
)
def test_former_names(home: Home, text: str, expected: list[tuple[str, str]]) -> None:
    """previously takes an id, calendar/id, or a list, in the order written."""
    assert list(home.one(one_post(f"{POST}, accounts: [brand], {text}")).previously) == expected


def test_a_former_name_that_still_has_an_entry(home: Home) -> None:
    """Naming a post, a calendar or oneself that is still there is an error, cancelled entries included."""
    rest = f"{POST}, accounts: [brand]"
    two = f"posts:\n  - {{id: a, {rest}, previously: b}}\n  - {{id: b, {rest}, cancel: true}}\n"
    assert errors(home.load(two)) == [("cal.yaml:2:117", "previously-present")]
    assert [code for _, code in errors(home.load(one_post(f"{rest}, previously: a")))] == [
        "previously-present"
    ]
    home.file("calendars/old.yaml", one_post(rest))
    assert errors(home.load(f"previously: old\n{one_post(rest)}")) == [
        ("cal.yaml:1:13", "previously-present")
    ]
    assert [code for _, code in errors(home.load(one_post(f"{rest}, previously: old/a")))] == [
        "previously-present"
    ]


def test_a_calendar_s_former_name_is_claimed_once(home: Home) -> None:
    """Two calendars may share an old one, but not one of its posts."""
    home.file("calendars/one.yaml", f"previously: old\n{one_post(f'{POST}, accounts: [brand]')}")
    home.file("calendars/two.yaml", f"previously: old\n{one_post(f'{POST}, accounts: [brand]')}")
    assert errors(home.load()) == [("two.yaml:3:5", "previously-twice")]
    home.file("calendars/two.yaml", f"previously: old\n{one_post(f'{POST}, accounts: [third]')}")
    assert errors(home.load()) == []


def test_a_former_name_is_claimed_once(home: Home) -> None:
    """One old post cannot become two on one account; on different accounts it can."""
    first, second = (f"id: {name}, {POST}, previously: old" for name in "ab")
    both = f"posts:\n  - {{{first}, accounts: [brand]}}\n  - {{{second}, accounts: [brand]}}\n"
    assert [code for _, code in errors(home.load(both))] == ["previously-twice"]
    assert len(home.entries(both.replace("[brand]", "[third]", 1))) == 2


# -- files --------------------------------------------------------------------------------------------------------


def test_which_files_are_calendars(home: Home) -> None:
    """Globs match in the order of names, each file once; hidden files only when a pattern says so."""
    home.file("calsync.yaml", PROJECT + 'calendars: ["**/*.yaml", "calendars/a.yaml", ".hidden/*.yaml"]\n')
    for name in (
        "calendars/b.yaml",
        "calendars/a.yaml",
        "deep/er/c.yaml",
        ".hidden/d.yaml",
        "calendars/.e.yaml",
        ".git/f.yaml",
        "g.yaml",
    ):
        home.file(name, "posts: []\n")
    (home.root / "calendars" / "folder.yaml").mkdir()
    (home.root / "deep" / "loop").symlink_to(home.root)
    (home.root / "deep" / "same.yaml").symlink_to(home.root / "calendars" / "a.yaml")
    loaded = home.load()
    assert loaded.diagnostics == ()
    assert loaded.calendars == ("a", "b", "c", "d", "g")


def test_a_glob_that_matches_nothing_is_a_warning(home: Home) -> None:
    """A glob without a match may be a typo: it is said, at the project file's line."""
    home.file("calsync.yaml", PROJECT + "calendars: [calendrs/*.yaml]\n")
    assert others(home.load()) == [("calsync.yaml:8:12", "no-match")]


@pytest.mark.parametrize(
    "glob", ["../*.yaml", "/etc/*.yaml", "calendars/../../*.yaml", "~/x.yaml", "C:/x.yaml"]
)
def test_globs_stay_inside_the_project(home: Home, glob: str) -> None:
    """A pattern that leads out is an error."""
    home.file("calsync.yaml", PROJECT + f"calendars: ['{glob}']\n")
    assert [code for _, code in errors(home.load())] == ["outside"]


def test_links_stay_inside_the_project(home: Home, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A calendar, or a folder of calendars, that is a link out of the project is an error and is not read."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "x.yaml").write_text(one_post(f"{POST}, accounts: [brand]"))
    (home.root / "calendars" / "x.yaml").symlink_to(outside / "x.yaml")
    loaded = home.load()
    assert [code for _, code in errors(loaded)] == ["outside"]
    assert loaded.entries == ()


def test_two_files_with_one_name(home: Home) -> None:
    """Two files that are one calendar are an error that names both."""
    home.file("calsync.yaml", PROJECT + 'calendars: ["*/*.yaml"]\n')
    for folder in ("one", "two"):
        home.file(f"{folder}/cal.yaml", "posts: []\n")
    (problem,) = home.load().diagnostics
    assert problem.code == "same-calendar"
    assert "one/cal.yaml" in problem.message
    assert "two/cal.yaml" in problem.message


def test_a_stem_that_is_no_name(home: Home) -> None:
    """A file whose stem cannot name a calendar needs calendar:."""
    home.file("calendars/Spring Launch.yaml", "posts: []\n")
    assert [code for _, code in errors(home.load())] == ["bad-id"]
    home.file("calendars/Spring Launch.yaml", "calendar: spring\nposts: []\n")
    assert home.load().calendars == ("spring",)


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"a\xffb", "encoding"), (b"a\x00b", "control-character"), (b"x" * 300_000, "too-large")],
)
def test_caption_files_that_are_no_text(home: Home, data: bytes, code: str) -> None:
    """A caption file is UTF-8 text of a bounded size."""
    home.file("calendars/c.md", data)
    assert [
        each for _, each in errors(home.load(one_post(f"{POST}, accounts: [brand], caption_file: c.md")))
    ] == [code]


def test_a_caption_file_is_never_waited_for(home: Home) -> None:
    """A pipe in place of a caption or a calendar is an error, not a wait."""
    os.mkfifo(home.root / "calendars" / "c.md")
    os.mkfifo(home.root / "calendars" / "pipe.yaml")
    loaded = home.load(one_post(f"{POST}, accounts: [brand], caption_file: c.md"))
    assert [code for _, code in errors(loaded)] == ["caption-file-not-a-file", "unreadable"]


def test_names_of_files_are_shown_escaped(home: Home) -> None:
    """A file's name reaches messages with its control characters escaped."""
    home.file("calendars/a\x1b[31mb.yaml", "posts: [\n")
    (problem,) = home.load().diagnostics
    assert problem.source is not None
    assert problem.source.file == "calendars/a\\x1b[31mb.yaml"


# -- times --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-15 14:00", "2026-03-15T13:00:00"),
        ("2026-03-15T14:00", "2026-03-15T13:00:00"),
        ("2026-07-15 14:00:30", "2026-07-15T12:00:30"),
        ("2026-03-15 14:00Z", "2026-03-15T14:00:00"),
        ("2026-03-15T14:00:00z", "2026-03-15T14:00:00"),
        ("2026-03-15 14:00 +05:30", "2026-03-15T08:30:00"),
        ("2026-03-15T14:00-0800", "2026-03-15T22:00:00"),
        ("2026-03-15T14:00+02", "2026-03-15T12:00:00"),
    ],
)
def test_times_as_people_write_them(home: Home, text: str, utc: str) -> None:
    """Local to the zone, or with Z or an offset; seconds are optional."""
    entry = home.one(one_post(f"{POST}, accounts: [brand]").replace("2031-03-15 14:00", f"'{text}'"))
    assert entry.content.at == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "14:30", "2031-03-15", "31-03-15 14:00", "2031-3-5 9:00", "15.03.2031 14:00", "03/15/2031 14:00",
        "2031-03-15 2pm", "2031-03-15 02:00 PM", "2031-02-30 14:00", "2031-13-01 14:00", "2031-03-15 25:00",
        "2031-03-15 24:00", "2031-03-15 14:60", "2031-03-15 14:00:00.5", "2031-03-15 14:00 CET",
        "2031-03-15 14:00 Europe/Berlin", "2031-03-15T14:00+15:00", "now", "tomorrow", "", "1e9", "0000-01-01 00:00",
        "9999-12-31 23:59", "１２-03-15 14:00", "2031-03-15\u00a014:00", "2031-03-15  14:00x",
    ],
)  # fmt: skip
def test_times_that_mean_nothing(text: str) -> None:
    """A time that cannot be meant is one error with a hint, and never another time."""
    with pytest.raises(BadTime) as caught:
        parse_at(text)
    assert caught.value.code == "bad-time"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "zone", "code"),
    [
        ("2026-03-29 02:30", "Europe/Berlin", "time-skipped"),
        ("2026-10-25 02:30", "Europe/Berlin", "time-repeated"),
        ("2026-03-08 02:00", "America/New_York", "time-skipped"),
        ("2026-11-01 01:59", "America/New_York", "time-repeated"),
        ("2026-04-05 01:45", "Australia/Lord_Howe", "time-repeated"),
        ("2011-12-30 10:00", "Pacific/Apia", "time-skipped"),
    ],
)
def test_clock_changes_propose_two_spellings(text: str, zone: str, code: str) -> None:
    """A skipped or repeated time is an error whose two proposals are clear, different moments that read back."""
    with pytest.raises(BadTime) as caught:
        to_utc(parse_at(text), load_zone(zone))
    assert caught.value.code == code
    assert caught.value.hint is not None
    first, second = (parse_at(each) for each in caught.value.hint.removeprefix("write ").split(" or "))
    assert first.tzinfo is not None
    assert second.tzinfo is not None
    assert to_utc(first, load_zone(zone)) != to_utc(second, load_zone(zone))
    if code == "time-repeated":
        assert first.replace(tzinfo=None) == second.replace(tzinfo=None) == parse_at(text)


@pytest.mark.parametrize(
    "name",
    ["EST", "CET", "GMT", "UTC+2", "GMT-5", "+02:00", "Etc", "europe/berlin", "../etc/passwd", "", "Berlin"],
)
def test_zones_are_iana_names(name: str) -> None:
    """Abbreviations, offsets and misspellings are refused with a hint; UTC is fine."""
    with pytest.raises(BadTime) as caught:
        load_zone(name)
    assert (caught.value.code, bool(caught.value.hint)) == ("unknown-zone", True)
    assert load_zone("UTC").key == "UTC"


USABLE = sorted(name for name in zone_names() if "/" in name or name == "UTC")


def local(text: str) -> datetime:
    """A time without a zone."""
    return datetime.fromisoformat(text)


moments = st.datetimes(local("2000-01-02"), local("2040-01-01")).map(lambda each: each.replace(microsecond=0))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(moments, st.sampled_from(USABLE))
@example(local("2026-03-29 01:30"), "Europe/Berlin")
@example(local("2026-10-25 00:30"), "Europe/Berlin")
@example(local("2026-10-25 01:30"), "Europe/Berlin")
@example(local("2026-04-04 15:30"), "Australia/Lord_Howe")
def test_every_moment_can_be_written_in_every_zone(moment: datetime, name: str) -> None:
    """A moment spelled in any zone with its offset reads back as itself; without, as itself or as an error."""
    zone, instant = load_zone(name), moment.replace(tzinfo=UTC)
    text = spell(instant, zone)
    assert to_utc(parse_at(text), zone) == instant
    try:
        assert to_utc(parse_at(text[:-6]), zone) == instant
    except BadTime as problem:
        assert problem.code == "time-repeated"  # noqa: PT017 - either outcome is fine


@settings(max_examples=400, deadline=None, derandomize=True)
@given(moments, st.sampled_from(USABLE))
@example(local("2026-03-29 02:30"), "Europe/Berlin")
def test_a_local_time_is_itself_or_an_error(moment: datetime, name: str) -> None:
    """What a local time becomes shows the same wall clock in its zone, or it is refused."""
    zone = load_zone(name)
    try:
        result = to_utc(moment, zone)
    except BadTime as problem:
        assert problem.code in ("time-skipped", "time-repeated")  # noqa: PT017 - either outcome is fine
    else:
        assert result.astimezone(zone).replace(tzinfo=None) == moment


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.text(max_size=30) | st.from_regex(r"[0-9]{1,5}-[0-9]{1,3}-[0-9]{1,3}[T ]+[0-9]{1,3}:[0-9]{1,3}.{0,8}")
)
def test_any_text_is_a_time_or_an_error(text: str) -> None:
    """Parsing a time never raises anything but BadTime."""
    try:
        to_utc(parse_at(text), load_zone("Europe/Berlin"))
    except BadTime as problem:
        assert problem.message  # noqa: PT017 - either outcome is fine


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Nowhere/At_All"])
def test_the_machine_s_zones_are_never_looked_at(home: Home, zone: str) -> None:
    """TZ, and a machine without zone files, change nothing."""
    home.file("calendars/cal.yaml", one_post("at: 2031-03-15 14:00, accounts: [sky], caption: x"))
    code = (
        "import sys; from pathlib import Path; from calsync.desired import load; from calsync.settings import load_settings;"
        "print(load(load_settings(Path(sys.argv[1]))).entries[0].content.at)"
    )
    env = {**os.environ, "TZ": zone, "PYTHONTZPATH": "", "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", code, str(home.root / "calsync.yaml")],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "2031-03-15 13:00:00+00:00"


def test_the_zone_database_has_a_name() -> None:
    """The version is IANA's: a year and a letter."""
    assert tzdata_version()[:4].isdigit()
    assert tzdata_version()[4:].isalpha()


# -- laws ---------------------------------------------------------------------------------------------------------

_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff\ufffe\uffff")
    | st.sampled_from("\n\t"),
    max_size=60,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(_TEXT)
def test_captions_survive(tmp_path_factory: pytest.TempPathFactory, caption: str) -> None:
    """A caption arrives as it was written, in YAML or in a file, but for white space at its end."""
    folder = tmp_path_factory.mktemp("captions")
    home = Home(folder)
    home.file("calendars/c.md", caption)
    base: dict[str, Any] = {
        "at": "2031-03-15 14:00",
        "accounts": ["brand"],
        "media": "v.mp4",
        "options": {"privacy_level": "SELF_ONLY"},
    }
    posts = [
        {"id": "a", "caption": caption, **base},
        {"id": "b", "caption_file": "c.md", **copy.deepcopy(base)},
    ]
    entries = home.entries(yaml.safe_dump({"posts": posts}, allow_unicode=True, default_style='"'))
    assert [each.content.caption for each in entries.values()] == [caption.rstrip()] * 2


_LINES = [
    "posts:", "  - id: a", "  - id: b", "    at: 2031-03-15 14:00", "    at: 14:30", "    accounts: [brand, second]",
    "    accounts: [x]", "    media: v.mp4", "    media: [1.jpg, 2.jpg]", "    media: {id: x}", "    caption: hi #x",
    "    options: {privacy_level: SELF_ONLY}", "    options: {disableDuet: null, disable_duet: 1}", "    overrides:",
    "      brand: {caption: x}", "      second: 7", "defaults:", "  accounts: [brand]", "  overrides: {brand: {at: x}}",
    "timezone: CET", "calendar: X", "previously: cal", "cancel: maybe", "    previously: [a, b/c]", "    id: [a]", "- x",
]  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(lines=st.lists(st.sampled_from(_LINES), max_size=14), noise=st.text(max_size=3))
def test_any_calendar_is_entries_or_errors(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], noise: str
) -> None:
    """Whatever a calendar holds, loading it ends in entries or in errors at places, the same each time."""
    home = Home(tmp_path_factory.mktemp("any"))
    text = "\n".join(lines) + noise
    home.file("calendars/cal.yaml", text.encode("utf-8", "surrogatepass"))
    try:
        first, second = home.load(), home.load()
    except CalendarError:
        return
    assert first == second
    assert all(each.source is not None for each in first.diagnostics)
    posts = {entry.address.post for entry in first.entries}
    assert first.valid or len(first.diagnostics) > 0
    assert posts <= {"a", "b"}


def test_an_empty_cache_learns_what_was_found(home: Home) -> None:
    """What one run finds out of media is known to the next, from the first run on."""
    film = ROOT / "examples" / "calendars" / "calendars" / "media" / "teaser.mp4"
    home.file("calendars/film.mp4", film.read_bytes())
    home.file(
        "calendars/cal.yaml",
        f"posts:\n  - {{id: a, accounts: [brand], {POST.replace('v.mp4', 'film.mp4')}}}\n",
    )
    cache = ProbeCache(home.root, clock=lambda: time.time_ns() + 10**10)
    assert load(load_settings(home.root / "calsync.yaml"), cache).valid
    assert len(cache) == 1


def test_the_example_project_is_clean() -> None:
    """The example loads without errors and shows every feature that the contract names."""
    loaded = load(load_settings(ROOT / "examples" / "calendars" / "calsync.yaml"))
    assert errors(loaded) == []
    assert {each.standing for each in loaded.entries} == {Standing.WANTED, Standing.CANCELED}
    assert {each.content.intent for each in loaded.entries} == {Intent.PUBLISH, Intent.DRAFT}
    assert {len(each.media) for each in loaded.entries} == {0, 1, 3}
    assert any(each.thread_media for each in loaded.entries)
    assert any(isinstance(media, RemoteMedia) for each in loaded.entries for media in each.media)
    assert any(each.previously for each in loaded.entries)
    assert all(each.content.at.year >= 2031 for each in loaded.entries)
