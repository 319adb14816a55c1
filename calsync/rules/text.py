"""Rules about text: that it is there, that it fits, and that a reader sees all of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from calsync.errors import Diagnostic, Severity
from calsync.model import TEXT_FIELDS, Limits, MediaKind, comparable, units
from calsync.rules.case import DIRECT_POST, PHOTO_POST, Case, judge, listed

VIDEO_CAPTION, PHOTO_CAPTION, PHOTO_TITLE = 2200, 4000, 90

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, save tab and line feed
    "\xad\u200b\u2060-\u2064\ufeff"  # no width, no use outside typesetting
    "\u2028\u2029"  # line ends that most apps do not show as such
    "\u202a-\u202e\u2066-\u2069"  # bidirectional embeddings, overrides and isolates
    "\U000e0001]"
)
_USUAL = bytes([*range(0x20, 0x7F), 0x0A])
_HALF = re.compile("[\ud800-\udfff]")
_TAG = re.compile(r"</?[A-Za-z][\w \"'=:/.;#-]{0,60}>", re.ASCII)


def caption_present(case: Case) -> Iterator[Diagnostic]:
    """There is a caption where the service wants one (Limits.caption_required)."""
    if not case.ours or comparable(case.entry.content.caption):
        return

    def objection(limits: Limits) -> str | None:
        return (
            f"{limits.name} takes no post without one ({limits.origin})" if limits.caption_required else None
        )

    yield from judge(case, "caption-missing", "caption", "no caption", objection)


def caption_length(case: Case) -> Iterator[Diagnostic]:
    """A caption has at most 2200 UTF-16 units with a video, 4000 with photos, or what the service takes."""
    if not (case.tiktok and case.ours):
        return
    length = units(comparable(case.entry.content.caption))
    if length <= VIDEO_CAPTION and all(
        each.caption_units is None or length <= each.caption_units for each in case.versions
    ):
        return
    video = case.kind is MediaKind.VIDEO
    most = VIDEO_CAPTION if video else PHOTO_CAPTION
    theirs = (
        f"TikTok takes at most {VIDEO_CAPTION} with a video ({DIRECT_POST})"
        if video
        else f"TikTok takes at most {PHOTO_CAPTION} with photos ({PHOTO_POST})"
    )
    measured = f"the caption has {length} UTF-16 units"
    found = tuple(
        judge(
            case,
            "caption-length",
            "caption",
            measured,
            lambda limits: _too_long(length, limits, limits.caption_units, most, theirs),
        )
    )
    yield from found
    if not found and case.by_id and length > VIDEO_CAPTION:
        yield case.warning(
            "caption-length",
            "caption",
            f"{measured}; TikTok takes at most {VIDEO_CAPTION} if that content is a video ({DIRECT_POST})",
        )


def title_present(case: Case) -> Iterator[Diagnostic]:
    """There is a title, or a caption to cut it from, where the service wants a title (Limits)."""
    if not case.ours or comparable(case.entry.content.caption) or comparable(case.entry.content.title):
        return

    def objection(limits: Limits) -> str | None:
        wanted = limits.title_from_caption
        return f"{limits.name} takes no post without a title ({limits.origin})" if wanted else None

    yield from judge(
        case,
        "title-missing",
        "title",
        "neither title nor caption",
        objection,
        "write a caption, whose first line becomes the title, or a title",
    )


def title_length(case: Case) -> Iterator[Diagnostic]:
    """A title has at most 90 UTF-16 units with photos (photo post reference), or what the service takes."""
    title = comparable(case.entry.content.title)
    if not (case.tiktok and case.ours and title):
        return
    length = units(title)
    most = PHOTO_TITLE if case.kind is MediaKind.IMAGE else None
    theirs = f"TikTok takes at most {PHOTO_TITLE} with photos ({PHOTO_POST})"
    yield from judge(
        case,
        "title-length",
        "title",
        f"the title has {length} UTF-16 units",
        lambda limits: _too_long(length, limits, limits.title_units, most, theirs),
    )


def room(case: Case) -> dict[str, int]:
    """The UTF-16 units that caption and title may have before a rule says anything; absent: no limit is known."""
    if not (case.tiktok and case.ours):
        return {}
    captions = [VIDEO_CAPTION if case.kind is not MediaKind.IMAGE else PHOTO_CAPTION]
    titles = [PHOTO_TITLE] if case.kind is MediaKind.IMAGE else []
    captions += [each.caption_units for each in case.versions if each.caption_units is not None]
    titles += [each.title_units for each in case.versions if each.title_units is not None]
    return {"caption": min(captions)} | ({"title": min(titles)} if titles else {})


def _too_long(length: int, limits: Limits, own: int | None, most: int | None, theirs: str) -> str | None:
    """What is against a text: the smaller of the service's limit and the platform's is the one named."""
    if own is not None and (most is None or own < most):
        return f"{limits.name} takes at most {own} ({limits.origin})" if length > own else None
    return theirs if most is not None and length > most else None


def title_taken(case: Case) -> Iterator[Diagnostic]:
    """A title goes where the service has a field for one: none is dropped in silence (Limits.titles)."""
    without = [each.name for each in case.versions if not each.titles]
    if without and case.ours and comparable(case.entry.content.title):
        yield case.say(
            Severity.NOTE,
            "title-dropped",
            "title",
            f"{listed(without)} has no titles, so this one is left out",
            "where the network has a title, it is one of its options",
        )


def thread_taken(case: Case) -> Iterator[Diagnostic]:
    """A post has others below it only where the service can make them: none is dropped in silence (Limits)."""
    thread = case.entry.content.thread
    if not thread:
        return
    yield from judge(
        case,
        "no-thread",
        "thread",
        "",
        lambda limits: None if limits.thread else f"{limits.name} has no threads ({limits.origin})",
        "take thread: out, or set it under overrides: for the accounts that have threads",
    )


def whole_characters(case: Case) -> Iterator[Diagnostic]:
    """Text holds no half of a surrogate pair: it is not Unicode text and cannot be sent (RFC 3629)."""
    for place, name, text in _texts(case):
        if found := _HALF.findall(text):
            yield case.error(
                "broken-text",
                place,
                f"the {name} holds half of a character ({_points(found)}), which cannot be sent",
                "write the character itself instead of an escape",
            )


def visible_characters(case: Case) -> Iterator[Diagnostic]:
    """Text holds no control characters, bidirectional overrides or characters without width."""
    for place, name, text in _texts(case):
        if found := _HIDDEN.findall(text):
            yield case.warning(
                "hidden-characters",
                place,
                f"the {name} holds characters that nobody sees: {_points(found)}",
                "they can make it read differently from what is written; delete them unless they are meant",
            )


def markup_is_text(case: Case) -> Iterator[Diagnostic]:
    """Where a service's own editor has markup, what looks like a tag is told to be text (Limits.markup)."""
    told = next((each.markup for each in case.versions if each.markup is not None), None)
    if told is None or not case.ours:
        return
    content = case.entry.content
    texts = [("caption", "caption", content.caption)]
    texts += [
        (f"thread.{number}", f"reply {number + 1}", each.text) for number, each in enumerate(content.thread)
    ]
    for place, name, text in texts:
        if found := _TAG.search(text):
            yield case.warning(
                "markup",
                place,
                f"{found.group()} in the {name} looks like a tag of HTML; {told}",
                "take it out, unless it is meant to be read so",
            )


def _texts(case: Case) -> Iterator[tuple[str, str, str]]:
    """The texts that may hold more than letters of English: place, name, text."""
    if not case.ours:
        return
    content = case.entry.content
    for name, text in zip(TEXT_FIELDS, (content.caption, content.title), strict=True):
        if _unusual(text):
            yield name, name, text
    for number, reply in enumerate(content.thread):
        if _unusual(reply.text):
            yield f"thread.{number}", f"reply {number + 1}", reply.text


def _unusual(text: str) -> bool:
    """Whether a text has more than lines of what English keyboards have; far quicker than to look for what."""
    return not text.isascii() or bool(text.encode().translate(None, _USUAL))


def _points(found: list[str]) -> str:
    """`U+202E RIGHT-TO-LEFT OVERRIDE`, each once, in code point order."""
    return listed(
        (f"U+{ord(each):04X} {unicodedata.name(each, '')}".rstrip() for each in sorted(set(found))), 5
    )
