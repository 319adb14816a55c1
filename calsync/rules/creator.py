"""Rules about what TikTok allows one account at present (creator info): known only online, from services that tell."""

from __future__ import annotations

from collections.abc import Iterator

from calsync.errors import Diagnostic, Severity
from calsync.model import CreatorInfo, Intent, MediaFile, Post
from calsync.rules.case import SHARING_GUIDELINES, listed
from calsync.rules.media import clock

_SOURCE = f"TikTok creator info; {SHARING_GUIDELINES}"


def allowed(post: Post, creator: CreatorInfo) -> Iterator[Diagnostic]:
    """What the account does not allow of a post that is to go live; a draft's choices are made in TikTok's app."""
    if post.content.intent is not Intent.PUBLISH:
        return
    yield from _privacy(post, creator)
    yield from _duration(post, creator)
    yield from _interactions(post, creator)


def unclear(alias: str, why: str) -> Diagnostic:
    """Nothing is known of an account: no reason to stop, since the service judges by itself again."""
    message = f"what TikTok allows {alias} at present was not checked: {why}"
    return Diagnostic(severity=Severity.NOTE, code="creator-info", message=message)


def _privacy(post: Post, creator: CreatorInfo) -> Iterator[Diagnostic]:
    """Who sees a post is one of the choices that TikTok offers the account."""
    level = post.content.options.get("privacy_level")
    if not isinstance(level, str) or creator.privacy_levels is None or level in creator.privacy_levels:
        return
    yield _said(
        post,
        Severity.ERROR,
        "privacy-not-offered",
        "options.privacy_level",
        f"privacy_level {level} is not offered to {post.account.alias}; TikTok offers"
        f" {listed(creator.privacy_levels)} ({_SOURCE})",
        "choose one of these; a private account cannot post to everyone",
    )


def _duration(post: Post, creator: CreatorInfo) -> Iterator[Diagnostic]:
    """A video is no longer than the account may post."""
    most = creator.max_video_seconds
    files = [each for each in post.entry.media if isinstance(each, MediaFile)]
    longest = max((each.duration_ms or 0 for each in files), default=0)
    if most is None or longest <= most * 1000:
        return
    yield _said(
        post,
        Severity.ERROR,
        "creator-duration",
        "media",
        f"the video lasts {clock(longest)}, and {post.account.alias} may post {clock(most * 1000)} ({_SOURCE})",
        None,
    )


def _interactions(post: Post, creator: CreatorInfo) -> Iterator[Diagnostic]:
    """What the account's owner has switched off stays off, whatever a post asks for."""
    for name in sorted(creator.disabled):
        if post.content.options.get(f"disable_{name}") is False:
            yield _said(
                post,
                Severity.WARNING,
                "interaction-disabled",
                f"options.disable_{name}",
                f"disable_{name}: false, but {post.account.alias} has {name} switched off in TikTok ({_SOURCE})",
                f"disable_{name}: true says what will happen",
            )


def _said(
    post: Post, severity: Severity, code: str, place: str, message: str, hint: str | None
) -> Diagnostic:
    source = post.entry.place(place)
    address = str(post.address)
    return Diagnostic(
        severity=severity, code=code, message=message, hint=hint, source=source, address=address
    )
