"""WebM and Matroska: the EBML elements (RFC 8794, RFC 9559) that tell size and duration.

Recordings by browsers state no duration: it is then not known.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import NamedTuple

from calsync.media.window import Figures, Window, broken, cut_short, per_second, wrong_type

_HEADER, _SEGMENT, _INFO, _TRACKS, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
_SCALE, _DURATION = 0x2AD7B1, 0x4489
_ENTRY, _TYPE, _CODEC, _VIDEO, _EACH = 0xAE, 0x83, 0x86, 0xE0, 0x23E383
_WIDTH, _HEIGHT, _SHOWN_WIDTH, _SHOWN_HEIGHT, _UNIT = 0xB0, 0xBA, 0x54B0, 0x54BA, 0x54B2
_BOTTOM, _TOP, _LEFT, _RIGHT = 0x54AA, 0x54BB, 0x54CC, 0x54DD
# By the Matroska codec mappings. Others are not known, not wrong.
_CODECS = {
    b"V_MPEG4/ISO/AVC": "h264",
    b"V_MPEGH/ISO/HEVC": "h265",
    b"V_AV1": "av1",
    b"V_VP8": "vp8",
    b"V_VP9": "vp9",
    b"V_MPEG4/ISO/SP": "mpeg4",
    b"V_MPEG4/ISO/ASP": "mpeg4",
    b"V_MPEG4/ISO/AP": "mpeg4",
    b"V_PRORES": "prores",
    b"V_MJPEG": "mjpeg",
}
_LONGEST_CODEC = 64


class Element(NamedTuple):
    """One element: its id, and where its content begins and ends."""

    id: int
    body: int
    end: int


def probe(window: Window) -> Figures:
    """Displayed size, duration and codec of the first video track. Raises Flaw."""
    top = _elements(window, 0, window.size)
    header = next(top, None)
    segment = next((each for each in top if each.id == _SEGMENT), None)
    if header is None or header.id != _HEADER or segment is None:
        raise broken("holds no Matroska segment")
    if segment.end > window.size:
        raise cut_short("segment", segment.end, window.size)
    video: Figures | None = None
    tracks = pictures = False
    duration: int | None = None
    for each in _elements(window, segment.body, segment.end):
        if each.end > segment.end:
            raise cut_short("segment", each.end, window.size)
        if each.id == _INFO:
            duration = _duration(window, each)
        elif each.id == _TRACKS and not tracks:
            tracks = True
            video = _first_video(window, each)
        elif each.id == _CLUSTER:
            pictures = True
            break  # Info and Tracks come before the first cluster
    if not tracks:
        raise broken("describes no tracks before its first pictures")
    if video is None:
        raise wrong_type("holds only sound, or no video track")
    if not pictures:
        raise broken("holds no pictures (no cluster)")
    return video._replace(duration_ms=duration)


def _elements(window: Window, offset: int, end: int) -> Iterator[Element]:
    while offset < end:
        head = window.at(offset, 12)
        id_width = 9 - head[0].bit_length() if head else 9
        if id_width > 4 or len(head) <= id_width:
            raise broken(f"has a damaged element at byte {offset:,}")
        width = 9 - head[id_width].bit_length()
        if width > 8 or len(head) < id_width + width:
            raise broken(f"has a damaged element at byte {offset:,}")
        size = int.from_bytes(head[id_width : id_width + width], "big") & ((1 << 7 * width) - 1)
        body = offset + id_width + width
        # All ones: not known, as far as the parent reaches.
        end_of_it = end if size == (1 << 7 * width) - 1 else body + size
        yield Element(int.from_bytes(head[:id_width], "big"), body, end_of_it)
        offset = end_of_it


def _inside(window: Window, parent: Element) -> Iterator[Element]:
    for each in _elements(window, parent.body, parent.end):
        if each.end > parent.end:
            raise broken("has an element that is larger than the one around it")
        yield each


def _duration(window: Window, info: Element) -> int | None:
    scale, ticks = 1_000_000, 0.0
    for each in _inside(window, info):
        if each.id == _SCALE:
            scale = _number(window, each)
        elif each.id == _DURATION:
            ticks = _float(window, each)
    milliseconds = ticks * scale / 1_000_000
    rounded = round(milliseconds) if math.isfinite(milliseconds) else 0
    return rounded if rounded > 0 else None


def _first_video(window: Window, tracks: Element) -> Figures | None:
    for entry in _inside(window, tracks):
        if entry.id != _ENTRY:
            continue
        found = {each.id: each for each in _inside(window, entry)}
        if _TYPE in found and _number(window, found[_TYPE]) == 1 and _VIDEO in found:
            width, height = _size(window, found[_VIDEO])
            each = _number(window, found[_EACH]) if _EACH in found else 0  # nanoseconds per frame
            return Figures(
                width or None,
                height or None,
                codec=_codec(window, found.get(_CODEC)),
                frame_rate=per_second(1e9, each),
            )
    return None


def _codec(window: Window, element: Element | None) -> str | None:
    if element is None or element.end - element.body > _LONGEST_CODEC:
        return None
    name = window.exactly(element.body, element.end - element.body, "header")
    return _CODECS.get(name.rstrip(b"\0"))


def _size(window: Window, video: Element) -> tuple[int, int]:
    wanted = {_WIDTH, _HEIGHT, _SHOWN_WIDTH, _SHOWN_HEIGHT, _UNIT, _BOTTOM, _TOP, _LEFT, _RIGHT}
    of = {each.id: _number(window, each) for each in _inside(window, video) if each.id in wanted}
    width = max(0, of.get(_WIDTH, 0) - of.get(_LEFT, 0) - of.get(_RIGHT, 0))
    height = max(0, of.get(_HEIGHT, 0) - of.get(_TOP, 0) - of.get(_BOTTOM, 0))
    across, down, unit = of.get(_SHOWN_WIDTH, 0), of.get(_SHOWN_HEIGHT, 0), of.get(_UNIT, 0)
    if unit == 0:
        return across or width, down or height
    # Centimetres, inches or a ratio: only the shape counts, the height stays.
    if across and down and 0.01 < across * height / (down * max(width, 1)) < 100:
        width = round(height * across / down)
    return width, height


def _number(window: Window, element: Element) -> int:
    if element.end - element.body > 8:
        raise broken("has a number of more than 8 bytes")
    return int.from_bytes(window.exactly(element.body, element.end - element.body, "header"), "big")


def _float(window: Window, element: Element) -> float:
    data = window.exactly(element.body, min(element.end - element.body, 9), "header")
    if len(data) not in (0, 4, 8):
        raise broken("has a duration that is not a number")
    return float(struct.unpack(">f" if len(data) == 4 else ">d", data)[0]) if data else 0.0
