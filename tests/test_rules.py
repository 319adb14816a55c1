"""The rules on desired state: what is refused, what is warned about, and in what words."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calsync.errors import Diagnostic, Severity, Source
from calsync.model import (
    AccountSpec,
    Address,
    Content,
    Entry,
    Intent,
    Json,
    Limits,
    Media,
    MediaFile,
    MediaKind,
    MediaRef,
    Options,
    RemoteMedia,
    Standing,
    units,
)
from calsync.rules import ACCOUNT_RULES, POST_RULES, check
from calsync.rules.case import listed
from calsync.rules.crowd import fullest
from calsync.rules.media import amount, clock

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
MB = 10**6
ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE

VIDEOS = frozenset({"video/mp4", "video/quicktime", "video/webm"})
V1 = Limits(
    name="Postqued v1",
    origin="skill 1.0.6",
    video_bytes=500 * MB,
    image_bytes=20 * MB,
    videos=VIDEOS,
    images=frozenset({"image/jpeg", "image/webp"}),
    images_with_warning=frozenset({"image/png"}),
    options=frozenset(
        {"privacy_level", "brand_content_toggle", "brand_organic_toggle", "video_cover_timestamp_ms"}
    ),
)
V2 = replace(
    V1, name="Postqued v2", origin="v2 reference", video_bytes=4 * 10**9, caption_required=True, options=None
)
WHY = "TikFlow's documented upload may publish at once"
BY_ID = Limits(
    name="TikFlow",
    origin="TikFlow API docs",
    video_bytes=4 * 10**9,
    image_bytes=10 * MB,
    videos=VIDEOS,
    images=frozenset({"image/jpeg", "image/webp"}),
    caption_units=2200,
    title_units=150,
    title_from_caption=True,
    intents=frozenset({Intent.PUBLISH}),
    by_id_only=WHY,
    options=frozenset({"privacy_level"}),
    one_schedule_per_asset=True,
)
LIMITS = {
    "v1": [V1],
    "v2": [V2],
    "auto": [V1, V2],
    "tikflow": [BY_ID],
    "trusted": [replace(BY_ID, by_id_only=None)],
}
ACCOUNTS = {
    **{service: AccountSpec(alias=service, service=service, id=f"id-{service}") for service in LIMITS},
    "other": AccountSpec(alias="other", service="v1", id="id-other"),
    "bare": AccountSpec(alias="bare", service="plug-in", username="@Bare"),
    "plain": AccountSpec(alias="plain", service="plug-in", platform="mastodon", id="id-plain"),
    "masto": AccountSpec(alias="masto", service="v2", platform="mastodon", id="id-masto"),
}
PUBLIC: dict[str, Json] = {"privacy_level": "PUBLIC_TO_EVERYONE"}


def video(path: str = "a.mp4", **facts: Any) -> MediaFile:
    given: dict[str, Any] = {"mime": "video/mp4", "size": 5 * MB}
    given |= {"width": 1080, "height": 1920, "duration_ms": 15_000}
    return MediaFile(path=path, sha256=path, kind=MediaKind.VIDEO, **(given | facts))


def image(path: str = "1.jpg", **facts: Any) -> MediaFile:
    given: dict[str, Any] = {"size": MB, "mime": "image/jpeg", "width": 1080, "height": 1350}
    return MediaFile(path=path, sha256=path, kind=MediaKind.IMAGE, **(given | facts))


def entry(
    *media: Media,
    account: str = "v1",
    post: str = "teaser",
    at: datetime = NOON,
    caption: str = "Soon. #launch",
    title: str = "",
    intent: Intent = Intent.PUBLISH,
    options: dict[str, Json] | None = None,
    standing: Standing = Standing.WANTED,
    places: dict[str, Source] | None = None,
) -> Entry:
    return Entry(
        address=Address("spring", post, account),
        content=Content(
            at=at,
            caption=caption,
            title=title,
            media=tuple(map(MediaRef.of, media)),
            intent=intent,
            options=Options(PUBLIC if options is None else options),
        ),
        media=media,
        zone="Europe/Berlin",
        source=Source(file="spring.yaml", line=3),
        standing=standing,
        places=places or {},
    )


def found(*entries: Entry, now: datetime | None = None) -> tuple[Diagnostic, ...]:
    return check(entries, ACCOUNTS, LIMITS, now=now)


def codes(*entries: Entry) -> list[tuple[Severity, str]]:
    return [(each.severity, each.code) for each in found(*entries)]


GOOD = [
    entry(video()),
    entry(video(), account="v2"),
    entry(video(), account="auto"),
    entry(video(), account="trusted"),
    entry(video(), account="bare"),
    entry(image()),
    entry(*(image(f"{number}.jpg") for number in range(35))),
    entry(RemoteMedia("c-1")),
    entry(RemoteMedia("u-1"), account="tikflow", caption="", options={}),
    entry(RemoteMedia("u-1"), account="trusted", caption="", options={}),
    entry(account="masto", options={}),
    entry(video(), image(mime="image/gif"), account="masto", options={"sensitive": True}),
    entry(video(size=500 * MB, duration_ms=180_000, width=360, height=4096)),
    entry(
        video(width=None, height=None, duration_ms=None),
        options={**PUBLIC, "video_cover_timestamp_ms": 10**6},
    ),
    entry(video(), caption="x" * 2200),
    entry(image(), caption="x" * 4000, title="t" * 90),
    entry(video(), caption="x" * 2200 + "\n\n"),
    entry(video(), options={**PUBLIC, "video_cover_timestamp_ms": 14_999}),
    entry(image(width=1920, height=1080)),
    entry(video(), options={"privacy_level": "SELF_ONLY", "brand_organic_toggle": True}),
    entry(
        image(), account="v2", options={**PUBLIC, "commercial_content": True, "brand_organic_toggle": True}
    ),
    entry(image(), intent=Intent.DRAFT),
    entry(video(), caption="Zażółć 👩‍👩‍👧 می‌خواهم\tשלום‏\nنص"),
    entry(standing=Standing.CANCELED, options={}),
    entry(video(), account="nobody", options={}),
]


@pytest.mark.parametrize("post", GOOD)
def test_what_every_limit_allows_is_not_mentioned(post: Entry) -> None:
    """At its limits, and where nothing is known, a post has no finding."""
    assert found(post) == ()


BAD: list[tuple[Entry, Severity, str, str]] = [
    (entry(video(), account="plain", caption="a\ufeff"), WARNING, "hidden-characters", "U+FEFF"),
    (entry(video(), image()), ERROR, "media-mixed", "1 video and 1 image in one post"),
    (entry(video("a.mp4"), video("b.mp4")), ERROR, "media-count", "2 videos in one post; TikTok takes one"),
    (
        entry(*(image(f"{n}.jpg") for n in range(36))),
        ERROR,
        "media-count",
        "36 images; TikTok takes at most 35",
    ),
    (entry(), ERROR, "media-count", "no media"),
    (
        entry(image(mime="image/bmp")),
        ERROR,
        "media-type",
        "1.jpg is image/bmp; Postqued v1 takes images of type",
    ),
    (
        entry(video(mime="video/x-matroska")),
        ERROR,
        "media-type",
        "takes videos of type video/mp4, video/quicktime and",
    ),
    (entry(image(mime="image/gif"), account="bare"), ERROR, "media-type", "TikTok takes images of type"),
    (
        entry(image(mime="image/png")),
        WARNING,
        "media-converted",
        "1.jpg is image/png; TikTok takes image/jpeg and",
    ),
    (
        entry(video(size=500 * MB + 1)),
        ERROR,
        "media-size",
        "476.8 MiB (500,000,001 bytes); Postqued v1 takes videos",
    ),
    (entry(video(size=5 * 10**9), account="bare"), ERROR, "media-size", "TikTok takes videos up to 4 GiB"),
    (entry(image(size=25 * MB), account="trusted"), ERROR, "media-size", "TikFlow takes images up to 10 MB"),
    (
        entry(video(duration_ms=600_001)),
        ERROR,
        "video-duration",
        "lasts 10:00.001 min; TikTok's API takes at most 10:00",
    ),
    (entry(video(duration_ms=180_001)), WARNING, "video-duration", "every TikTok account may post 3:00 min"),
    (
        entry(video(codec="av1")),
        ERROR,
        "video-codec",
        "encoded as av1; TikTok takes H.264, H.265, VP8 and VP9",
    ),
    (
        entry(video(frame_rate=10.0)),
        WARNING,
        "video-frame-rate",
        "10 frames per second on average; TikTok takes 23",
    ),
    (entry(video(frame_rate=120.0)), WARNING, "video-frame-rate", "120 frames"),
    (entry(video(width=359)), ERROR, "video-dimensions", "359x1920 pixels; TikTok takes 360 to 4096"),
    (entry(video(height=4097)), ERROR, "video-dimensions", "1080x4097"),
    (
        entry(image(), image("2.jpg", width=1086, height=1448)),
        WARNING,
        "photo-dimensions",
        "2.jpg is 1086x1448",
    ),
    (entry(image(width=1000, height=1921)), WARNING, "photo-dimensions", "1000x1921"),
    (
        entry(video(), caption=" \n", account="v2"),
        ERROR,
        "caption-missing",
        "no caption; Postqued v2 takes no post",
    ),
    (entry(caption="", account="masto"), ERROR, "caption-missing", "no caption; Postqued v2"),
    (
        entry(video(), caption="x" * 2201),
        ERROR,
        "caption-length",
        "has 2201 UTF-16 units; TikTok takes at most 2200",
    ),
    (entry(video(), caption="😀" * 1101), ERROR, "caption-length", "has 2202 UTF-16 units"),
    (entry(image(), caption="x" * 4001), ERROR, "caption-length", "TikTok takes at most 4000 with photos"),
    (
        entry(image(), caption="x" * 2201, account="trusted"),
        ERROR,
        "caption-length",
        "TikFlow takes at most 2200",
    ),
    (
        entry(RemoteMedia("c"), caption="x" * 2201),
        WARNING,
        "caption-length",
        "at most 2200 if that content is a video",
    ),
    (entry(RemoteMedia("c"), caption="x" * 4001), ERROR, "caption-length", "at most 4000"),
    (entry(video(), title="t" * 151, account="trusted"), ERROR, "title-length", "TikFlow takes at most 150"),
    (
        entry(image(), title="t" * 91, account="trusted"),
        ERROR,
        "title-length",
        "TikTok takes at most 90 with photos",
    ),
    (
        entry(video(), caption="", account="trusted"),
        ERROR,
        "title-missing",
        "neither title nor caption; TikFlow",
    ),
    (entry(video(), options={}), ERROR, "privacy-missing", "no privacy_level"),
    (entry(RemoteMedia("c"), options={}), ERROR, "privacy-missing", "no privacy_level"),
    (
        entry(video(), options={"privacy_level": "SELF_ONLY", "brand_content_toggle": True}),
        ERROR,
        "branded-private",
        "TikTok content sharing guidelines",
    ),
    (
        entry(
            video(),
            account="v2",
            options={**PUBLIC, "commercial_content": True, "brand_organic_toggle": False},
        ),
        ERROR,
        "commercial-undeclared",
        "without brand_content_toggle or brand_organic_toggle",
    ),
    (
        entry(video(), options={**PUBLIC, "video_cover_timestamp_ms": 15_000}),
        ERROR,
        "video-cover",
        "15000 is not in the video, which lasts 0:15 min",
    ),
    (
        entry(RemoteMedia("c"), options={**PUBLIC, "video_cover_timestamp_ms": -1}),
        ERROR,
        "video-cover",
        "before",
    ),
    (
        entry(image(), image("2.jpg"), account="v2", options={**PUBLIC, "photo_cover_index": 2}),
        ERROR,
        "photo-cover",
        "photo_cover_index 2 is none of 2 images",
    ),
    (
        entry(video(), options={**PUBLIC, "auto_add_music": True}),
        ERROR,
        "option-unsupported",
        "option auto_add_music; Postqued v1 cannot set it",
    ),
    (entry(video(), account="tikflow", options={}), ERROR, "media-by-id-only", WHY),
    (
        entry(RemoteMedia("u"), account="tikflow", intent=Intent.DRAFT),
        ERROR,
        "intent-unsupported",
        "intent: draft; TikFlow can only publish",
    ),
    (entry(video(), intent=Intent.DRAFT), NOTE, "draft-video", "caption and privacy are for the person"),
    (
        entry(video(), caption="ok \u202egnp.exe\u200b"),
        WARNING,
        "hidden-characters",
        "the caption holds characters that nobody sees: U+200B ZERO WIDTH SPACE and U+202E RIGHT-TO-LEFT OVERRIDE",
    ),
    (
        entry(video(), title="a\x1b[2J"),
        WARNING,
        "hidden-characters",
        "the title holds characters that nobody sees: U+001B",
    ),
    (
        entry(video(), caption="half \ud83d"),
        ERROR,
        "broken-text",
        "the caption holds half of a character (U+D83D)",
    ),
]


@pytest.mark.parametrize(("post", "severity", "code", "words"), BAD)
def test_each_break_of_a_rule_is_one_finding_with_its_measure(
    post: Entry, severity: Severity, code: str, words: str
) -> None:
    """One broken rule is one finding: its severity, its code, what was measured and whose limit it is."""
    (finding,) = found(post)
    assert (finding.severity, finding.code) == (severity, code)
    assert words in finding.message
    assert finding.address == str(post.address)


VERSIONS: list[tuple[Entry, str, str]] = [
    (entry(video(), account="auto", caption=""), "caption-missing", "Postqued v1 would take it"),
    (entry(video(size=600 * MB), account="auto"), "media-size", "Postqued v1 takes videos up to 500 MB"),
    (
        entry(video(), account="auto", options={**PUBLIC, "x": 1}),
        "option-unsupported",
        "Postqued v2 would take it",
    ),
]


@pytest.mark.parametrize(("post", "code", "words"), VERSIONS)
def test_what_only_one_version_refuses_is_a_warning_that_names_both(
    post: Entry, code: str, words: str
) -> None:
    """While the version is not known, what one of them would take is a warning, with the way to say which it is."""
    (finding,) = found(post)
    assert (finding.severity, finding.code) == (WARNING, code)
    assert words in finding.message
    assert finding.hint == "say which version it is: providers.auto.api in calsync.yaml"


def test_what_every_version_refuses_is_one_error_with_each_limit() -> None:
    """Two versions with two limits, both exceeded, are one error that names both."""
    (finding,) = found(entry(video(size=5 * 10**9), account="auto"))
    assert finding.severity is ERROR
    assert (
        "Postqued v1 takes videos up to 500 MB (skill 1.0.6); Postqued v2 takes videos up to 4 GB"
        in finding.message
    )


def test_a_file_where_only_ids_go_says_why_and_nothing_else() -> None:
    """Of a file path at TikFlow the one finding is the service's reason, word for word."""
    (finding,) = found(entry(video(size=9**11, duration_ms=10**7), account="tikflow", caption="", options={}))
    assert finding.message == WHY


def test_content_by_id_that_brings_its_own_text_is_judged_by_its_time_alone() -> None:
    """Nothing that belongs to the upload is an error: not what is missing, not what is too much."""
    options: dict[str, Json] = {
        "privacy_level": "SELF_ONLY",
        "brand_content_toggle": True,
        "x": 1,
        "photo_cover_index": -1,
    }
    assert found(entry(RemoteMedia("u"), account="tikflow", caption="\u202e" * 9999, options=options)) == ()


def test_findings_stand_at_their_field_else_at_what_holds_it_else_at_the_entry() -> None:
    """`media.1` falls back to `media`, and that to the entry."""
    own, whole = Source(file="spring.yaml", line=9, column=7), Source(file="spring.yaml", line=8)
    small = video(width=10), video("b.mp4", width=10)
    places = {"media": whole, "media.1": own}
    lines = {each.source for each in found(entry(*small, places=places)) if each.code == "video-dimensions"}
    assert lines == {own, whole}
    (finding,) = found(entry(video(width=10)))
    assert finding.source == Source(file="spring.yaml", line=3)


def test_one_slip_on_several_accounts_is_told_once() -> None:
    """The same message at the same place is reported once, with the address of the first."""
    (finding,) = found(entry(video(), caption="x" * 2201), entry(video(), caption="x" * 2201, account="v2"))
    assert finding.address == "spring/teaser@v1"


def test_a_paused_account_cannot_be_held_up_by_errors() -> None:
    """An emergency stop passes although its posts are broken: what was an error is a warning."""
    assert codes(entry(video(), options={}, standing=Standing.PAUSED)) == [(WARNING, "privacy-missing")]


def test_history_is_silent_after_a_week() -> None:
    """Given the time, what is more than seven days past is not reported; up to then it is."""
    broken = entry(video(), options={})
    assert found(broken, now=NOON + timedelta(days=7, seconds=1)) == ()
    assert [each.code for each in found(broken, now=NOON + timedelta(days=7))] == ["privacy-missing"]


def series(count: int, gap: timedelta, **more: Any) -> list[Entry]:
    return [
        entry(video(f"{number}.mp4"), post=f"p{number:02}", at=NOON + number * gap, **more)
        for number in range(count)
    ]


def test_fifteen_posts_a_day_pass_and_sixteen_do_not() -> None:
    """The sixteenth post within 24 hours is a warning that names the first few and counts the rest."""
    gap = timedelta(minutes=96)
    assert codes(*series(15, gap)) == []
    assert codes(*series(40, gap)) == []
    (finding,) = found(*series(16, timedelta(minutes=95)))
    assert (finding.severity, finding.code, finding.address) == (WARNING, "too-many-posts", "spring/p15@v1")
    assert "16 posts on v1 in the 24 hours from 2026-03-15T12:00:00Z" in finding.message
    assert "spring/p00, spring/p01, spring/p02 and 13 more" in finding.message


def test_five_drafts_a_day_pass_and_six_do_not() -> None:
    """The sixth draft within 24 hours is a warning."""
    photos = [
        replace(each, media=(image(f"{number}.jpg"),))
        for number, each in enumerate(series(6, timedelta(hours=4), intent=Intent.DRAFT))
    ]
    assert codes(*photos[:5]) == []
    assert codes(*photos) == [(WARNING, "too-many-drafts")]


def test_posts_of_one_account_keep_a_quarter_of_an_hour() -> None:
    """Less than 15 minutes apart is a warning at the later one; 15 minutes, or another account, is none."""
    first = entry(video(), post="a")

    def later(seconds: int, account: str = "v1") -> Entry:
        return entry(video("b.mp4"), post="b", at=NOON + timedelta(seconds=seconds), account=account)

    assert codes(first, later(900)) == []
    assert codes(first, later(60, "other")) == []
    assert codes(first, replace(later(60), standing=Standing.PAUSED)) == []
    (finding,) = found(first, later(630))
    assert (finding.severity, finding.code, finding.address) == (WARNING, "too-dense", "spring/b@v1")
    assert finding.message.startswith("spring/a and spring/b are 10 min 30 s apart on one account")
    (finding,) = found(first, later(0))
    assert "spring/a and spring/b are at the same time on one account" in finding.message
    assert len(found(*series(4, timedelta(minutes=5)))) == 1


def test_two_aliases_of_one_handle_are_one_account() -> None:
    """Handles are compared without @ and case, within one service and platform."""
    accounts = {
        "a": AccountSpec(alias="a", service="v1", username="@Brand"),
        "b": AccountSpec(alias="b", service="v1", username="brand"),
        "c": AccountSpec(alias="c", service="v2", username="brand"),
    }
    posts = {alias: entry(video(alias), post=alias, account=alias) for alias in accounts}
    assert [each.code for each in check([posts["a"], posts["b"]], accounts, LIMITS)] == ["too-dense"]
    assert check([posts["a"], posts["c"]], accounts, LIMITS) == ()


def test_the_same_media_and_caption_twice_on_an_account_is_a_warning() -> None:
    """A repeat is told at the later post; another caption, other media, or another account is none."""
    first = entry(video(), post="a")
    later = NOON + timedelta(days=30)
    (finding,) = found(first, entry(video(), post="b", at=later, caption="Soon. #launch\n"))
    assert (finding.severity, finding.code, finding.address) == (WARNING, "duplicate-content", "spring/b@v1")
    assert codes(first, entry(video(), post="b", at=later, caption="Now.")) == []
    assert codes(first, entry(video("b.mp4"), post="b", at=later)) == []
    assert codes(first, entry(video(), post="b", at=later, account="other")) == []
    assert codes(entry(video(), post="a"), entry(video(), post="b", at=later, standing=Standing.PAUSED)) == []


def test_an_upload_takes_one_schedule_where_the_service_says_so() -> None:
    """Two posts that name one upload at TikFlow are an error at the later; at Postqued content is reused."""
    later = NOON + timedelta(days=3)
    one = entry(RemoteMedia("u"), post="a", account="tikflow")
    two = entry(RemoteMedia("u"), post="b", account="tikflow", at=later)
    (finding,) = found(two, one)
    assert (finding.severity, finding.code, finding.address) == (ERROR, "media-taken", "spring/b@tikflow")
    assert "u is scheduled by spring/a@tikflow (spring.yaml:3:1) already" in finding.message
    assert codes(one, replace(two, standing=Standing.PAUSED)) == []
    assert (
        codes(entry(RemoteMedia("u"), post="a"), entry(RemoteMedia("u"), post="b", at=later, caption="x"))
        == []
    )


@given(st.text())
def test_length_is_counted_in_utf16_units(text: str) -> None:
    """Outside the basic plane a character counts twice, inside it once."""
    assert units(text) == sum(2 if ord(each) > 0xFFFF else 1 for each in text)


@given(st.lists(st.integers(0, 100).map(lambda hours: NOON + timedelta(hours=hours)), max_size=40))
def test_the_fullest_window_is_what_trying_every_window_finds(times: Sequence[datetime]) -> None:
    """The rolling window over sorted times agrees with counting from every time, and starts at its first."""
    times, day = sorted(times), timedelta(hours=24)
    start, count = fullest(times, day)
    counts = [sum(each <= other < each + day for other in times) for each in times]
    assert count == max(counts, default=0)
    assert not count or times[start + count - 1] - times[start] < day


@given(st.randoms(use_true_random=False))
def test_the_order_of_entries_does_not_matter(shuffle: random.Random) -> None:
    """The same entries in any order give the same findings, but for whose address stands at a shared one."""
    entries = [
        replace(post, address=post.address._replace(post=f"p{index}")) for index, (post, *_) in enumerate(BAD)
    ]
    shuffled = entries[:]
    shuffle.shuffle(shuffled)

    def told(entries: Sequence[Entry]) -> list[tuple[str, str, str]]:
        return sorted((each.severity, each.code, each.message) for each in check(entries, ACCOUNTS, LIMITS))

    assert told(shuffled) == told(entries)


def test_ten_thousand_entries_are_checked_in_a_moment() -> None:
    """The cost is linear, or n log n: ten thousand posts of one account, all of them too close, in seconds at the most."""
    entries = series(10_000, timedelta(minutes=1))
    start = time.process_time()
    assert {each.code for each in found(*entries)} == {"too-dense", "too-many-posts"}
    # Of the processor, and generous: anything quadratic takes minutes.
    assert time.process_time() - start < 30


def test_every_rule_states_its_law() -> None:
    """A rule without a sentence is one that nobody can appeal against."""
    assert all((rule.__doc__ or "").endswith(".") for rule in (*POST_RULES, *ACCOUNT_RULES))


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (4 * 2**30, "4 GiB"),
        (500 * MB, "500 MB"),
        (10 * 2**20, "10 MiB"),
        (4 * 10**9, "4 GB"),
        (1_234_567, "1.2 MiB"),
        (0, "0.0 MiB"),
    ],
)
def test_sizes_are_written_in_the_unit_in_which_they_are_round(size: int, text: str) -> None:
    """A limit reads as its source wrote it."""
    assert amount(size) == text


def test_durations_and_lists_read_like_speech() -> None:
    """Minutes and seconds; commas and a last and."""
    assert [clock(0), clock(61_000), clock(600_001)] == ["0:00 min", "1:01 min", "10:00.001 min"]
    assert [listed([]), listed("a"), listed("ab"), listed("abc"), listed("abcde", 3)] == [
        "",
        "a",
        "a and b",
        "a, b and c",
        "a, b, c and 2 more",
    ]
