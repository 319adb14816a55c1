"""What each platform's posts can be told, as the services document it: one model per platform.

Names are snake_case; the services' own camelCase spelling is accepted too (`spellings`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from calsync.fields import Filled, Flag, Kind, Line, Names, Text, fault, found, one_of, whole_number

VIDEO_ONLY = frozenset(
    {"disable_duet", "disable_stitch", "video_cover_timestamp_ms", "max_video_post_duration_sec"}
)
"""TikTok options that mean nothing on photos."""
PHOTO_ONLY = frozenset({"auto_add_music", "photo_cover_index"})
"""TikTok options that mean nothing on a video."""


def _comment(value: object) -> dict[str, str]:
    if isinstance(value, dict) and list(value) == ["text"] and isinstance(value["text"], str):
        return {"text": str(value["text"])}
    raise fault("wrong-type", f"expected {{text: ...}}, found {found(value)}")


Privacy = Annotated[
    str, one_of("PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR", "SELF_ONLY")
]
Comment = Annotated[
    dict[str, str],
    Kind(_comment, type="object", properties={"text": {"type": "string"}}, required=["text"]),
]


class PlatformOptions(BaseModel):
    """Options of one platform. null takes an option back that the defaults set."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)


class TikTok(PlatformOptions):
    """TikTok's post options."""

    privacy_level: Privacy | None = Field(
        None,
        description="who can see the post; TikTok's rules forbid a default",
        examples=["PUBLIC_TO_EVERYONE", "SELF_ONLY"],
    )
    disable_comment: Flag | None = Field(None, description="no comments", examples=[False])
    disable_duet: Flag | None = Field(None, description="no duets; video only", examples=[True])
    disable_stitch: Flag | None = Field(None, description="no stitches; video only", examples=[True])
    auto_add_music: Flag | None = Field(None, description="TikTok adds music; photos only", examples=[True])
    video_cover_timestamp_ms: Annotated[int, whole_number(0, 2**31 - 1)] | None = Field(
        None, description="the frame that is the cover, in milliseconds; video only", examples=[1000]
    )
    photo_cover_index: Annotated[int, whole_number(0, 34)] | None = Field(
        None, description="which image is the cover, counted from 0; photos only", examples=[0]
    )
    commercial_content: Flag | None = Field(
        None, description="the post is commercial content", examples=[False]
    )
    brand_content_toggle: Flag | None = Field(
        None, description="paid partnership for a third party; not with SELF_ONLY", examples=[False]
    )
    brand_organic_toggle: Flag | None = Field(None, description="promotes the own business", examples=[False])
    authentic_content_confirmed: Flag | None = Field(
        None, description="confirms that the content is authentic", examples=[True]
    )
    max_video_post_duration_sec: Annotated[int, whole_number(1, 3600)] | None = Field(
        None, description="the longest video the creator may post, in seconds; video only", examples=[180]
    )


class _WithComment(PlatformOptions):
    first_comment: Comment | None = Field(
        None, description="a comment put under the post at once", examples=[{"text": "Sources below"}]
    )


class Instagram(_WithComment):
    """Instagram's post options."""

    post_type: Annotated[str, one_of("post", "reel", "story")] | None = Field(
        None, description="where it appears", examples=["reel"]
    )
    collaborators: Names | None = Field(None, description="at most 3 user names", examples=[["a.friend"]])
    trial_reel_graduation_strategy: Annotated[str, one_of("MANUAL", "SS_PERFORMANCE")] | None = Field(
        None, description="how a trial reel becomes a reel", examples=["MANUAL"]
    )


class Facebook(_WithComment):
    """Facebook's post options."""

    post_type: Annotated[str, one_of("text", "photo", "video", "reel", "link")] | None = Field(
        None, description="what kind of post", examples=["video"]
    )
    link: Filled | None = Field(
        None, description="the address that a link post shows", examples=["https://example.org"]
    )
    title: Line | None = Field(None, description="the title of a video", examples=["The reveal"])


class Threads(_WithComment):
    """Threads' post options."""

    reply_control: Annotated[str, one_of("everyone", "accounts_you_follow", "mentioned_only")] | None = Field(
        None, description="who may reply", examples=["everyone"]
    )


class LinkedIn(_WithComment):
    """LinkedIn's post options."""

    post_type: Annotated[str, one_of("text", "article", "image", "video")] | None = Field(
        None, description="what kind of post", examples=["text"]
    )
    article_url: Filled | None = Field(
        None, description="the article's address", examples=["https://example.org"]
    )
    article_title: Line | None = Field(None, description="the article's title", examples=["The reveal"])
    article_description: Text | None = Field(
        None, description="the article in a sentence", examples=["How we did it"]
    )


class YouTube(_WithComment):
    """YouTube's post options."""

    visibility: Annotated[str, one_of("public", "unlisted", "private")] | None = Field(
        None, description="who can see it", examples=["public"]
    )
    title: Line | None = Field(None, description="the video's title", examples=["The reveal"])
    description: Text | None = Field(None, description="the text under the video", examples=["How we did it"])
    category_id: Filled | None = Field(None, description="YouTube's number of a category", examples=["22"])
    tags: Names | None = Field(None, description="at most 30 tags", examples=[["launch"]])
    made_for_kids: Flag | None = Field(None, description="made for kids", examples=[False])
    contains_synthetic_media: Flag | None = Field(None, description="shows synthetic media", examples=[False])


class Twitter(_WithComment):
    """Twitter's post options."""

    reply_settings: Annotated[str, one_of("everyone", "mentionedUsers", "following")] | None = Field(
        None, description="who may reply", examples=["everyone"]
    )


class Pinterest(PlatformOptions):
    """Pinterest's post options."""

    board_id: Filled | None = Field(None, description="the board", examples=["549755885175"])
    board_section_id: Filled | None = Field(None, description="a section of the board", examples=["5027"])
    title: Line | None = Field(None, description="the pin's title", examples=["The reveal"])
    description: Text | None = Field(None, description="the pin's text", examples=["How we did it"])
    link: Filled | None = Field(None, description="where the pin leads", examples=["https://example.org"])
    alt_text: Text | None = Field(None, description="what the image shows", examples=["A red door"])
    cover_image_url: Filled | None = Field(
        None, description="the cover of a video", examples=["https://example.org/c.jpg"]
    )
    is_standard: Flag | None = Field(None, description="a standard pin", examples=[True])


class Reddit(PlatformOptions):
    """Reddit's post options."""

    subreddit: Filled | None = Field(None, description="where it is posted; required", examples=["pics"])
    kind: Annotated[str, one_of("self", "link", "image", "video", "videogif")] | None = Field(
        None, description="what kind of post", examples=["image"]
    )
    title: Line | None = Field(None, description="the post's title", examples=["The reveal"])
    text: Text | None = Field(None, description="the text of a self post", examples=["How we did it"])
    url: Filled | None = Field(
        None, description="the address of a link post", examples=["https://example.org"]
    )
    flair_id: Filled | None = Field(None, description="a flair's id", examples=["a1b2"])
    flair_text: Line | None = Field(None, description="the flair's text", examples=["Launch"])
    nsfw: Flag | None = Field(None, description="not safe for work", examples=[False])
    spoiler: Flag | None = Field(None, description="a spoiler", examples=[False])
    send_replies: Flag | None = Field(None, description="replies are sent to the inbox", examples=[True])
    resubmit: Flag | None = Field(None, description="may post an address again", examples=[False])
    video_poster_url: Filled | None = Field(
        None, description="a video's still", examples=["https://example.org/c.jpg"]
    )


class Mastodon(_WithComment):
    """Mastodon's post options."""

    visibility: Annotated[str, one_of("public", "unlisted", "private", "direct")] | None = Field(
        None, description="who can see it", examples=["public"]
    )
    sensitive: Flag | None = Field(None, description="media is sensitive", examples=[False])
    spoiler_text: Line | None = Field(None, description="a warning shown first", examples=["Loud"])
    language: Filled | None = Field(None, description="the text's language", examples=["en"])


class Bluesky(PlatformOptions):
    """Bluesky has no post options."""


PLATFORMS: Mapping[str, type[PlatformOptions]] = {
    "tiktok": TikTok,
    "instagram": Instagram,
    "facebook": Facebook,
    "threads": Threads,
    "linkedin": LinkedIn,
    "youtube": YouTube,
    "twitter": Twitter,
    "pinterest": Pinterest,
    "reddit": Reddit,
    "mastodon": Mastodon,
    "bluesky": Bluesky,
}


@cache
def spellings(platform: str) -> Mapping[str, str]:
    """Every accepted spelling of a platform's options, with the snake_case name that it means."""
    names = PLATFORMS[platform].model_fields
    return {**{to_camel(name): name for name in names}, **{name: name for name in names}}
