"""What TikTok allows an account at present, against what is to be posted there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calsync.errors import Severity, Source
from calsync.model import (
    Account,
    AccountKey,
    Address,
    Content,
    CreatorInfo,
    Entry,
    Intent,
    MediaFile,
    MediaKind,
    Options,
    Post,
    RemoteMedia,
    moment,
    units,
)
from calsync.rules.choices import PRIVACY_LEVELS
from calsync.rules.creator import allowed

ENTRY, LEVEL = Source(file="spring.yaml", line=3), Source(file="spring.yaml", line=9, column=7)
KNOWN = CreatorInfo(
    privacy_levels=("SELF_ONLY", "FOLLOWER_OF_CREATOR"), max_video_seconds=60, disabled=frozenset({"duet"})
)


def post(
    *, options: dict[str, Any] | None = None, intent: Intent = Intent.PUBLISH, milliseconds: int | None = None
) -> Post:
    content = Content(at=moment("2026-03-15T14:00:00Z"), intent=intent, options=Options(options or {}))
    file = MediaFile(
        path="a.mp4",
        sha256="0" * 64,
        size=1,
        kind=MediaKind.VIDEO,
        mime="video/mp4",
        duration_ms=milliseconds,
    )
    entry = Entry(
        address=Address("spring", "a", "brand"),
        content=content,
        media=(file, RemoteMedia("x")),
        zone="UTC",
        source=ENTRY,
        places={"options.privacy_level": LEVEL},
    )
    return Post(entry=entry, account=Account(alias="brand", key=AccountKey("s", "1")), content=content)


@pytest.mark.parametrize(
    ("what", "info", "found"),
    [
        (post(options={"privacy_level": "SELF_ONLY"}), KNOWN, []),
        (post(options={"privacy_level": "PUBLIC_TO_EVERYONE"}), KNOWN, [("error", "privacy-not-offered", LEVEL)]),
        (post(options={"privacy_level": "PUBLIC_TO_EVERYONE"}), CreatorInfo(), []),
        (post(options={"privacy_level": "PUBLIC_TO_EVERYONE"}, intent=Intent.DRAFT), KNOWN, []),
        (post(), KNOWN, []),
        (post(milliseconds=60_000), KNOWN, []),
        (post(milliseconds=60_001), KNOWN, [("error", "creator-duration", ENTRY)]),
        (post(milliseconds=60_001), CreatorInfo(), []),
        (post(milliseconds=None), KNOWN, []),
        (post(options={"disable_duet": False}), KNOWN, [("warning", "interaction-disabled", ENTRY)]),
        (post(options={"disable_duet": True, "disable_stitch": False}), KNOWN, []),
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_said_where_it_stands(
    what: Post, info: CreatorInfo, found: list[tuple[str, str, Source]]
) -> None:
    """Errors for what TikTok would refuse, a warning for what it would switch off, nothing for drafts."""
    assert [(each.severity.value, each.code, each.source) for each in allowed(what, info)] == found


def test_messages_name_the_choices() -> None:
    """So that nobody has to look them up."""
    (finding,) = allowed(post(options={"privacy_level": "PUBLIC_TO_EVERYONE"}), KNOWN)
    assert "TikTok offers SELF_ONLY and FOLLOWER_OF_CREATOR" in finding.message
    (long,) = allowed(post(milliseconds=61_500), KNOWN)
    assert "1:01.500 min" in long.message
    assert "1:00 min" in long.message
    assert units(long.message) < 300


@given(
    level=st.sampled_from(PRIVACY_LEVELS),
    offered=st.sets(st.sampled_from(PRIVACY_LEVELS), min_size=1),
)
def test_a_privacy_level_is_refused_if_it_is_not_offered(level: str, offered: set[str]) -> None:
    """If and only if."""
    info = CreatorInfo(privacy_levels=tuple(sorted(offered)))
    found = [each.severity for each in allowed(post(options={"privacy_level": level}), info)]
    assert found == ([] if level in offered else [Severity.ERROR])
