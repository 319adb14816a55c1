"""Rules about media: how many, of what type, size, length and dimensions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from calsync.errors import Diagnostic, Severity
from calsync.model import Limits, MediaFile, MediaKind
from calsync.rules.case import DIRECT_POST, PHOTO_POST, TIKTOK, TRANSFER_GUIDE, Case, count_of, judge, listed

MOST_PHOTOS = 35
LONGEST_MS = 10 * 60 * 1000
COMMON_MS = 3 * 60 * 1000
CODECS = {"h264": "H.264", "h265": "H.265", "vp8": "VP8", "vp9": "VP9"}
SLOWEST, FASTEST = 23, 60
VIDEO_SIDE = range(360, 4096 + 1)
PHOTO_SHORT_SIDE, PHOTO_LONG_SIDE = 1080, 1920


def by_id_only(case: Case) -> Iterator[Diagnostic]:
    """Files go only where uploading does not publish (TikFlow: the upload may publish at once)."""
    if case.files and any(each.by_id_only for each in case.versions):
        yield from judge(case, "media-by-id-only", "media", "", lambda limits: limits.by_id_only)


def files_only(case: Case) -> Iterator[Diagnostic]:
    """Content is named by its id only where the service can tell what that is (Limits.files_only)."""
    if case.by_id:
        yield from judge(case, "media-files-only", "media", "", lambda limits: limits.files_only)


def one_kind(case: Case) -> Iterator[Diagnostic]:
    """A TikTok post is one video or photos, never both (separate endpoints of the Content Posting API)."""
    if not case.tiktok or len(case.files) < 2:
        return
    videos = sum(each.kind is MediaKind.VIDEO for _, each in case.files)
    photos = len(case.files) - videos
    if videos and photos:
        yield case.error(
            "media-mixed",
            "media",
            f"{count_of(videos, 'video')} and {count_of(photos, 'image')} in one post; TikTok takes one video, "
            f"or photos, never both ({PHOTO_POST})",
            "make it two posts",
        )


def count(case: Case) -> Iterator[Diagnostic]:
    """A TikTok post shows 1 video, 1 image, or 2 to 35 images (photo post reference)."""
    if not case.tiktok:
        return
    number = len(case.entry.media)
    if not number:
        yield case.error(
            "media-count", "media", f"no media; a TikTok post shows a video or photos ({DIRECT_POST})"
        )
    elif case.kind is MediaKind.VIDEO and number > 1:
        yield case.error(
            "media-count",
            "media",
            f"{number} videos in one post; TikTok takes one ({DIRECT_POST})",
            "make each video a post of its own",
        )
    elif case.kind is not MediaKind.VIDEO:

        def objection(limits: Limits) -> str | None:
            if number > MOST_PHOTOS <= limits.max_images:
                return f"TikTok takes at most {MOST_PHOTOS} in one post ({PHOTO_POST})"
            if number > limits.max_images:
                return f"{limits.name} takes at most {limits.max_images} in one post ({limits.origin})"
            return None

        yield from judge(case, "media-count", "media", count_of(number, "image"), objection)


def accepted_type(case: Case) -> Iterator[Diagnostic]:
    """The service takes the file's type; where it says that it converts one, so does calsync (Limits)."""
    if not (case.tiktok and case.uploads):
        return
    for index, each in case.files:
        video = each.kind is MediaKind.VIDEO
        if all(each.mime in (limits.videos if video else limits.images) for limits in case.versions):
            continue
        measured = f"{each.path} is {each.mime}"

        def objection(limits: Limits, file: MediaFile = each, video: bool = video) -> str | None:
            taken = limits.videos if video else limits.images | limits.images_with_warning
            if limits.by_id_only is not None or file.mime in taken:
                return None
            nouns = "videos" if video else "images"
            return f"{limits.name} takes {nouns} of type {listed(sorted(taken))} ({limits.origin})"

        refused = tuple(judge(case, "media-type", f"media.{index}", measured, objection))
        yield from refused
        converting = [limits for limits in case.versions if each.mime in limits.images_with_warning]
        if converting and not refused and not video:
            names = listed(f"{limits.name} ({limits.origin})" for limits in converting)
            yield case.warning(
                "media-converted",
                f"media.{index}",
                f"{measured}; TikTok takes {listed(sorted(TIKTOK.images))} ({TRANSFER_GUIDE}), "
                f"and it is left to {names} to convert it",
                "export it as JPEG to decide yourself how it looks",
            )


def accepted_size(case: Case) -> Iterator[Diagnostic]:
    """A file is no larger than the service takes (Limits), nor TikTok (media transfer guide: 4 GB, 20 MB)."""
    if not case.uploads:
        return
    for place, each in case.uploaded:
        video = each.kind is MediaKind.VIDEO
        if each.size <= (case.terms.video_bytes if video else case.terms.image_bytes):
            continue

        def bound(limits: Limits, video: bool = video) -> tuple[int, Limits]:
            own = limits.video_bytes if video else limits.image_bytes
            theirs = TIKTOK.video_bytes if video else TIKTOK.image_bytes
            return (theirs, TIKTOK) if case.tiktok and theirs <= own else (own, limits)

        def objection(limits: Limits, file: MediaFile = each, video: bool = video) -> str | None:
            most, of = bound(limits, video)
            if limits.by_id_only is not None or file.size <= most:
                return None
            return f"{of.name} takes {'videos' if video else 'images'} up to {amount(most)} ({of.origin})"

        measured = f"{each.path} is {amount(each.size)} ({each.size:,} bytes)"
        yield from judge(case, "media-size", place, measured, objection)


def accepted_codec(case: Case) -> Iterator[Diagnostic]:
    """TikTok reads H.264 (recommended), H.265, VP8 and VP9 (media transfer guide); no finding where it is not known."""
    if not (case.tiktok and case.uploads):
        return
    for index, each in case.files:
        if each.kind is MediaKind.VIDEO and each.codec is not None and each.codec not in CODECS:
            yield case.error(
                "video-codec",
                f"media.{index}",
                f"{each.path} is encoded as {each.codec}; TikTok takes {listed(CODECS.values())} ({TRANSFER_GUIDE})",
                "export it as H.264, which TikTok recommends",
            )


def frame_rate(case: Case) -> Iterator[Diagnostic]:
    """A video has 23 to 60 frames per second (media transfer guide); ours is an average, so it is a warning."""
    if not (case.tiktok and case.uploads):
        return
    for index, each in case.files:
        if each.frame_rate is not None and not SLOWEST - 0.5 < each.frame_rate < FASTEST + 0.5:
            yield case.warning(
                "video-frame-rate",
                f"media.{index}",
                f"{each.path} has {each.frame_rate:g} frames per second on average; TikTok takes {SLOWEST} to"
                f" {FASTEST} ({TRANSFER_GUIDE})",
                "export it with 24, 25, 30 or 60",
            )


def video_duration(case: Case) -> Iterator[Diagnostic]:
    """A video through TikTok's API lasts at most 10 min, and over 3 min only for some (media transfer guide)."""
    if not (case.tiktok and case.uploads):
        return
    for index, each in case.files:
        if each.kind is not MediaKind.VIDEO or each.duration_ms is None or each.duration_ms <= COMMON_MS:
            continue
        measured = f"{each.path} lasts {clock(each.duration_ms)}"
        if each.duration_ms > LONGEST_MS:
            message = f"{measured}; TikTok's API takes at most {clock(LONGEST_MS)} ({TRANSFER_GUIDE})"
            yield case.error("video-duration", f"media.{index}", message)
        else:
            message = (
                f"{measured}; every TikTok account may post {clock(COMMON_MS)}, only some may post more "
                f"({TRANSFER_GUIDE})"
            )
            yield case.warning("video-duration", f"media.{index}", message)


def video_dimensions(case: Case) -> Iterator[Diagnostic]:
    """Each side of a video is 360 to 4096 pixels (media transfer guide)."""
    if not (case.tiktok and case.uploads):
        return
    for index, each in case.files:
        if each.kind is not MediaKind.VIDEO or each.width is None or each.height is None:
            continue
        if each.width not in VIDEO_SIDE or each.height not in VIDEO_SIDE:
            yield case.error(
                "video-dimensions",
                f"media.{index}",
                f"{each.path} is {each.width}x{each.height} pixels; TikTok takes {VIDEO_SIDE.start} to "
                f"{VIDEO_SIDE.stop - 1} on each side ({TRANSFER_GUIDE})",
            )


def photo_dimensions(case: Case) -> Iterator[Diagnostic]:
    """A photo has at most 1080p (media transfer guide), which does not say what that is upright: a warning."""
    if not (case.tiktok and case.uploads):
        return
    for index, each in case.files:
        if each.kind is not MediaKind.IMAGE or each.width is None or each.height is None:
            continue
        short, long = sorted((each.width, each.height))
        if short > PHOTO_SHORT_SIDE or long > PHOTO_LONG_SIDE:
            yield case.warning(
                "photo-dimensions",
                f"media.{index}",
                f"{each.path} is {each.width}x{each.height} pixels; TikTok takes photos of at most 1080p "
                f"({TRANSFER_GUIDE}) and may refuse the whole post for one that is larger",
                f"scale it to fit {PHOTO_SHORT_SIDE}x{PHOTO_LONG_SIDE}, in either orientation",
            )


def not_probed(cases: Sequence[Case]) -> Iterator[Diagnostic]:
    """A pointer of whose file nobody has written down more than its size: said once per file, not silently passed."""
    told: set[str] = set()
    for case in cases:
        for index, each in case.files if case.uploads and not case.past else ():
            if each.probed or each.sha256 in told:
                continue
            told.add(each.sha256)
            yield case.say(
                Severity.NOTE,
                "not-probed",
                f"media.{index}",
                f"{each.path} is a Git LFS pointer, and media.lock says nothing of its file: duration, codec and"
                " dimensions are checked once it is fetched",
                "calsync media probe, where the media is, and commit media.lock",
            )


def amount(size: int) -> str:
    """A size for people, in the unit in which it is round, else in MiB."""
    for unit, factor in (("GiB", 2**30), ("GB", 10**9), ("MiB", 2**20), ("MB", 10**6)):
        if size and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size / 2**20:,.1f} MiB"


def clock(milliseconds: int) -> str:
    """A duration for people: `3:00 min`, to the millisecond where it has any."""
    whole, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(whole, 60)
    return f"{minutes}:{seconds:02}{f'.{rest:03}' if rest else ''} min"
