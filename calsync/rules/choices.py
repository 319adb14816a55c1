"""Rules about choices: privacy, disclosure, intent, cover, and options that a service cannot set."""

from __future__ import annotations

from collections.abc import Iterator

from calsync.errors import Diagnostic, Severity
from calsync.model import Intent, Limits, MediaKind
from calsync.rules.case import (
    DIRECT_POST,
    INBOX_UPLOAD,
    PHOTO_POST,
    SHARING_GUIDELINES,
    Case,
    count_of,
    judge,
    listed,
)
from calsync.rules.media import clock

PRIVACY_LEVELS = ("PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR", "SELF_ONLY")


def privacy_chosen(case: Case) -> Iterator[Diagnostic]:
    """A person chooses who sees a TikTok post: no default (content sharing guidelines)."""
    if not case.choices or case.entry.content.options.get("privacy_level"):
        return
    if all(each.options is not None and "privacy_level" not in each.options for each in case.versions):
        return
    yield case.error(
        "privacy-missing",
        "options.privacy_level",
        f"no privacy_level; who sees a TikTok post has no default ({SHARING_GUIDELINES})",
        f"options: {{privacy_level: ...}} on the post or in defaults; one of {', '.join(PRIVACY_LEVELS)}",
    )


def branded_is_seen(case: Case) -> Iterator[Diagnostic]:
    """A paid partnership may not be visible to its author alone (content sharing guidelines)."""
    options = case.entry.content.options
    if not case.choices or options.get("privacy_level") != "SELF_ONLY":
        return
    if options.get("brand_content_toggle") is True:
        yield case.error(
            "branded-private",
            "options.brand_content_toggle",
            "brand_content_toggle with privacy_level SELF_ONLY; TikTok allows no branded content that only its "
            f"author sees ({SHARING_GUIDELINES})",
            "choose another privacy_level, or take brand_content_toggle off",
        )


def commercial_is_declared(case: Case) -> Iterator[Diagnostic]:
    """Commercial content says whose: at least one of the two brand toggles is on (content sharing guidelines)."""
    options = case.entry.content.options
    if not case.choices or options.get("commercial_content") is not True:
        return
    if not any(options.get(each) is True for each in ("brand_content_toggle", "brand_organic_toggle")):
        yield case.error(
            "commercial-undeclared",
            "options.commercial_content",
            "commercial_content without brand_content_toggle or brand_organic_toggle; TikTok wants at least one "
            f"of them ({SHARING_GUIDELINES})",
            "brand_organic_toggle: true for your own business, brand_content_toggle: true for somebody else's",
        )


def video_cover(case: Case) -> Iterator[Diagnostic]:
    """The cover's time lies in the video; otherwise TikTok silently takes the first frame (direct post)."""
    time = _whole(case, "video_cover_timestamp_ms")
    if time is None:
        return
    lengths = [each.duration_ms for _, each in case.files if each.kind is MediaKind.VIDEO]
    length = lengths[0] if lengths and case.uploads else None
    if time < 0 or (length is not None and time >= length):
        held = (
            "before the video"
            if time < 0 or length is None
            else f"not in the video, which lasts {clock(length)}"
        )
        yield case.error(
            "video-cover",
            "options.video_cover_timestamp_ms",
            f"video_cover_timestamp_ms {time} is {held}; TikTok would silently take the first frame "
            f"({DIRECT_POST})",
        )


def photo_cover(case: Case) -> Iterator[Diagnostic]:
    """The cover's index, from 0, names one of the images (photo post reference)."""
    index = _whole(case, "photo_cover_index")
    if index is None:
        return
    number = None if case.by_id or not case.files else len(case.files)
    if index < 0 or (number is not None and index >= number):
        images = "" if number is None else f" of {count_of(number, 'image')}"
        yield case.error(
            "photo-cover",
            "options.photo_cover_index",
            f"photo_cover_index {index} is none{images}; the first image is 0 ({PHOTO_POST})",
        )


def settable_options(case: Case) -> Iterator[Diagnostic]:
    """Every option is one that the service can set: nothing is dropped in silence (Limits.options)."""
    options = case.entry.content.options
    if not case.choices or case.terms.options is None or case.terms.options.issuperset(options):
        return
    for name in options:

        def objection(limits: Limits, name: str = name) -> str | None:
            if limits.options is None or name in limits.options:
                return None
            known = f"sets {listed(sorted(limits.options))}" if limits.options else "sets none"
            return f"{limits.name} cannot set it, it {known} ({limits.origin})"

        yield from judge(case, "option-unsupported", f"options.{name}", f"option {name}", objection)


def accepted_intent(case: Case) -> Iterator[Diagnostic]:
    """The service can do what is meant with the post: publish it, or put a draft in the inbox (Limits)."""
    intent = case.entry.content.intent
    if all(intent in each.intents for each in case.versions):
        return

    def objection(limits: Limits) -> str | None:
        if intent in limits.intents:
            return None
        able = listed(sorted(limits.intents))
        return f"{limits.name} can only {able} ({limits.origin})"

    yield from judge(case, "intent-unsupported", "intent", f"intent: {intent}", objection)


def draft_of_video(case: Case) -> Iterator[Diagnostic]:
    """TikTok's inbox takes only the file of a video: the rest is for the person who finishes it."""
    if not case.choices or case.entry.content.intent is not Intent.DRAFT:
        return
    if case.kind is MediaKind.VIDEO and any(Intent.DRAFT in each.intents for each in case.versions):
        yield case.say(
            Severity.NOTE,
            "draft-video",
            "intent",
            "TikTok's inbox takes only the file of a video, so caption and privacy are for the person who "
            f"finishes the draft ({INBOX_UPLOAD})",
        )


def _whole(case: Case, name: str) -> int | None:
    """A whole number among the options that are ours; what else stands there is the schema's to refuse."""
    value = case.entry.content.options.get(name) if case.choices else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
