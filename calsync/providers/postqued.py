"""Postqued: which version of its API is meant. v1 is in its scheduling guide, v2 in its OpenAPI document."""

from __future__ import annotations

from collections.abc import Sequence

from calsync.errors import CalsyncError, ProviderError
from calsync.model import Capabilities, Limits
from calsync.providers.base import Link, Provider, ServiceSettings

BASE_URL = "https://api.postqued.com"
RATE_LIMITS = {"upload": 20, "read": 30, "publish": 10, "delete": 20}
"""Requests per minute, from v1's agent skill (publish also in the guide); v2 states none, so they are its too."""

_MB = 1024 * 1024
_VIDEOS = frozenset({"video/mp4", "video/quicktime", "video/webm"})

V1_LIMITS = Limits(
    name="Postqued v1",
    origin="Postqued's scheduling guide of March 2026 and its photo page",
    video_bytes=500 * _MB,
    image_bytes=20 * _MB,
    videos=_VIDEOS,
    images=frozenset({"image/jpeg", "image/webp"}),
    images_with_warning=frozenset({"image/png"}),
    max_images=35,
    options=frozenset(
        {
            "auto_add_music",
            "brand_content_toggle",
            "brand_organic_toggle",
            "disable_comment",
            "disable_duet",
            "disable_stitch",
            "privacy_level",
            "video_cover_timestamp_ms",
        }
    ),
)
V2_LIMITS = Limits(
    name="Postqued v2",
    origin="Postqued's v2 OpenAPI document and agent skill",
    video_bytes=4096 * _MB,
    image_bytes=20 * _MB,
    videos=_VIDEOS,
    images=frozenset({"image/jpeg", "image/webp"}),
    images_with_warning=frozenset({"image/gif", "image/png"}),
    max_images=35,
    caption_units=63206,
    caption_required=True,
)


def limits(settings: ServiceSettings) -> Sequence[Limits]:
    """Those of the chosen version; of both while the service itself is to say which it speaks."""
    return {"v1": (V1_LIMITS,), "v2": (V2_LIMITS,)}.get(settings.api, (V1_LIMITS, V2_LIMITS))


def abilities(settings: ServiceSettings) -> Capabilities:
    """Those of the chosen version; of v2 while the service itself is to say which it speaks."""
    if settings.api == "v1":
        from calsync.providers.postqued_v1 import CAPABILITIES as V1

        return V1
    from calsync.providers.postqued_v2 import CAPABILITIES as V2

    return V2


def connect(link: Link) -> Provider:
    """The provider of the chosen version, or of the one that the service says it speaks. Raises CalsyncError."""
    api = _asked(link) if link.settings.api == "auto" else link.settings.api
    if api == "v1":
        from calsync.providers.postqued_v1 import PostquedV1

        return PostquedV1(link)
    from calsync.providers.postqued_v2 import PostquedV2

    return PostquedV2(link)


def _asked(link: Link) -> str:
    """GET /v2/ping: 200 is v2, 404 or 410 is v1; anything else is no answer to build on."""
    try:
        answer = link.transport.request("GET", "/v2/ping", klass="read", accept=(404, 410))
    except ProviderError as error:
        raise CalsyncError(
            f"Postqued did not say which version of its API it speaks: {error.message}",
            hint=error.hint or "try again, or choose with `providers.postqued.api: v1` or `v2`",
            code="api-version",
        ) from error
    if answer.status == 200:
        return "v2"
    if answer.status in (404, 410):
        return "v1"
    raise CalsyncError(
        f"Postqued answered {answer.status} to the question which version of its API it speaks",
        hint="try again, or choose with `providers.postqued.api: v1` or `v2`",
        code="api-version",
    )
