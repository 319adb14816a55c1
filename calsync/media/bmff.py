"""MP4 and QuickTime: the boxes of ISO/IEC 14496-12, as far as size and duration need them.

Only headers are read. What a cut file loses is noticed: a box that reaches past the end, no `moov`, no media
data, samples that should lie behind the end.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from calsync.media.window import Figures, Flaw, Window, broken, cut_short, per_second, wrong_type

# What may follow media data in a sound file. Other bytes there are trailers of cameras and editors.
_KNOWN = {
    *(b"ftyp", b"styp", b"moov", b"mdat", b"moof", b"mfra", b"sidx", b"ssix", b"prft", b"emsg"),
    *(b"free", b"skip", b"wide", b"uuid", b"udta", b"meta", b"pnot", b"PICT", b"imda"),
}
# By the sample entries of the MP4 registration authority and of QuickTime. Others are not known, not wrong.
_CODECS = {
    **dict.fromkeys((b"avc1", b"avc2", b"avc3", b"avc4", b"dva1", b"dvav"), "h264"),
    **dict.fromkeys((b"hvc1", b"hvc2", b"hev1", b"hev2", b"dvh1", b"dvhe"), "h265"),
    **dict.fromkeys((b"av01", b"dav1"), "av1"),
    b"vp08": "vp8",
    b"vp09": "vp9",
    b"mp4v": "mpeg4",
    b"s263": "h263",
    **dict.fromkeys((b"ap4h", b"ap4x", b"apch", b"apcn", b"apcs", b"apco"), "prores"),
    **dict.fromkeys((b"jpeg", b"mjpa", b"mjpb"), "mjpeg"),
}
_MOST_FRAGMENTS = 2_000
"""Fragments added up one by one; only old recorders, which state no decode time, need it at all."""


class Box(NamedTuple):
    """One box: its type, where its content begins, and where it says that it ends."""

    kind: bytes
    body: int
    end: int


@dataclass(slots=True)
class Track:
    """What is known of one track."""

    id: int = 0
    handler: bytes = b""
    enabled: bool = False
    turned: bool = False
    size: tuple[int, int] = (0, 0)
    codec: str | None = None
    samples: int = 0
    timescale: int = 0
    duration: int = 0
    default_duration: int = 0
    indexed: bool = False
    """The index itself lists samples, before any fragment does."""


def probe(window: Window) -> Figures:
    """Displayed size, duration and codec of the first video track. Raises Flaw."""
    moov: Box | None = None
    fragments: list[Box] = []
    data = False
    for box in _top(window):
        if box.kind == b"moov" and moov is None:
            moov = box
        elif box.kind == b"moof":
            fragments.append(box)
        elif box.kind in (b"mdat", b"imda"):
            data = data or box.end > box.body
        if box.end > window.size:
            if box.kind not in _KNOWN and moov is not None and data:
                break
            raise cut_short(f"{_name(box.kind)} box", box.end, window.size)
    if moov is None:
        raise broken("has no index (no moov box): the recording or the copy was not finished")
    if not data:
        raise broken(f"holds an index of {moov.end - moov.body:,} bytes, but no pictures (no mdat box)")
    return _movie(window, moov, fragments)


def _top(window: Window) -> Iterator[Box]:
    offset = 0
    seen: set[bytes] = set()
    while offset + 8 <= window.size:
        box = _header(window, offset, window.size)
        if box is None:
            if {b"moov", b"mdat"} <= seen or {b"moov", b"moof"} <= seen:
                return  # padding or a trailer
            raise broken(f"has a box of an impossible size at byte {offset:,}")
        yield box
        seen.add(box.kind)
        offset = box.end


def _header(window: Window, offset: int, limit: int) -> Box | None:
    head = window.at(offset, 16)
    if len(head) < 8:
        return None
    size = int.from_bytes(head[:4], "big")
    body = offset + 8
    if size == 1:
        if len(head) < 16:
            return None
        size, body = int.from_bytes(head[8:], "big"), offset + 16
    elif size == 0:
        size = limit - offset
    return None if offset + size < body else Box(head[4:8], body, offset + size)


def _children(window: Window, parent: Box, skip: int = 0) -> Iterator[Box]:
    offset = parent.body + skip
    while offset + 8 <= parent.end:
        box = _header(window, offset, parent.end)
        if box is None:
            if window.at(offset, 4) == b"\0\0\0\0":
                return  # QuickTime ends some lists with a zero
            raise broken(f"has a damaged {_name(parent.kind)} box")
        if box.end > parent.end:
            raise broken(f"has a {_name(box.kind)} box that is larger than its {_name(parent.kind)} box")
        yield box
        offset = box.end


def _movie(window: Window, moov: Box, fragments: list[Box]) -> Figures:
    timescale = duration = fragmented_duration = 0
    turned = fragmented = False
    tracks: list[Track] = []
    defaults: dict[int, int] = {}
    for box in _children(window, moov):
        if box.kind == b"mvhd":
            timescale, duration, rest = _clock(window, box)
            turned = _turned(window.at(rest + 16, 36))
        elif box.kind == b"trak":
            tracks.append(_track(window, box))
        elif box.kind == b"cmov":
            raise wrong_type("is a QuickTime file with a compressed index", "export it as MP4")
        elif box.kind == b"mvex":
            fragmented = True
            for each in _children(window, box):
                if each.kind == b"mehd":
                    version = window.at(each.body, 1)
                    wide = 8 if version == b"\1" else 4
                    fragmented_duration = int.from_bytes(_content(window, each, 4, wide), "big")
                elif each.kind == b"trex":
                    track_id, _, default = struct.unpack(">III", _content(window, each, 4, 12))
                    defaults[track_id] = default
    videos = [track for track in tracks if track.handler == b"vide"]
    if not videos:
        sound = any(track.handler == b"soun" for track in tracks)
        raise wrong_type("holds only sound" if sound else "holds no video track")
    video = next((track for track in videos if track.enabled), videos[0])
    width, height = video.size
    if video.turned != turned:
        width, height = height, width
    spans = [_ms(duration, timescale) or max(_ms(track.duration, track.timescale) for track in tracks)]
    if fragmented:
        video.default_duration = defaults.get(video.id, 0)
        spans.append(_ms(fragmented_duration, timescale) or _fragments(window, fragments, video))
    rate = None
    if video.timescale and not fragmented:  # an index of fragments counts nothing, or not all
        rate = per_second(video.samples, video.duration / video.timescale)
    return Figures(width or None, height or None, max(spans) or None, video.codec, rate)


def _track(window: Window, trak: Box) -> Track:
    track = Track()
    shown = (0, 0)
    for box in _children(window, trak):
        if box.kind == b"tkhd":
            wide = _content(window, box, 0, 1) == b"\1"
            payload = _content(window, box, 0, 96 if wide else 84)
            track.enabled = bool(payload[3] & 1)
            track.id = int.from_bytes(payload[20:24] if wide else payload[12:16], "big")
            track.turned = _turned(payload[-44:-8])
            shown = int.from_bytes(payload[-8:-6], "big"), int.from_bytes(payload[-4:-2], "big")
        elif box.kind == b"mdia":
            _media(window, box, track)
    if not all(track.size):
        track.size = shown
    return track


def _media(window: Window, mdia: Box, track: Track) -> None:
    for box in _children(window, mdia):
        if box.kind == b"mdhd":
            track.timescale, track.duration, _ = _clock(window, box)
        elif box.kind == b"hdlr":
            track.handler = _content(window, box, 8, 4)
    for minf in _named(window, mdia, b"minf"):
        for stbl in _named(window, minf, b"stbl"):
            for box in _children(window, stbl):
                if box.kind == b"stsd" and track.handler == b"vide":
                    track.size, track.codec = _picture(window, box)
                elif box.kind in (b"stsz", b"stz2"):
                    track.samples = int.from_bytes(_content(window, box, 8, 4), "big")
                elif box.kind in (b"stco", b"co64"):
                    track.indexed = _check_offsets(window, box, 4 if box.kind == b"stco" else 8)


def _picture(window: Window, stsd: Box) -> tuple[tuple[int, int], str | None]:
    # The first sample entry: 86 bytes of a VisualSampleEntry with the coded size, then boxes, of which `pasp`
    # says that pixels are not square.
    if stsd.end - stsd.body < 8 + 86:
        return (0, 0), None
    entry = _header(window, stsd.body + 8, stsd.end)
    if entry is None or entry.end > stsd.end or entry.end - entry.body < 78:
        raise broken("has a damaged stsd box")
    width, height = struct.unpack(">HH", _content(window, entry, 24, 4))
    try:
        for box in _children(window, entry, skip=78):
            if box.kind == b"pasp":
                across, down = struct.unpack(">II", _content(window, box, 0, 8))
                if across and down and 0.01 < across / down < 100:
                    width = round(width * across / down)
    except Flaw:
        pass  # QuickTime's own extensions need not be boxes
    return (width, height), _CODECS.get(entry.kind)


def _check_offsets(window: Window, box: Box, wide: int) -> bool:
    # The last entry is the last chunk in any file that a muxer wrote in order; one read finds a cut.
    count = int.from_bytes(_content(window, box, 4, 4), "big")
    if count == 0:
        return False
    if 8 + count * wide > box.end - box.body:
        raise broken(f"has a damaged {_name(box.kind)} box")
    last = int.from_bytes(_content(window, box, 8 + (count - 1) * wide, wide), "big")
    if last >= window.size:
        raise cut_short("media data", last + 1, window.size)
    return True


def _fragments(window: Window, fragments: list[Box], video: Track) -> int:
    # From the first fragment's decode time (live recordings begin anywhere) to the end of the last one; without
    # decode times, all added up.
    found = [_fragment(window, box, video) for box in (fragments[:1] + fragments[-1:])]
    if not found or not video.timescale:
        return 0
    first, last = found[0][0], found[-1][0]
    if first is not None and last is not None:
        return _ms(last + found[-1][1] - (0 if video.indexed else first), video.timescale)
    if len(fragments) > _MOST_FRAGMENTS:
        return 0
    return _ms(sum(_fragment(window, box, video)[1] for box in fragments), video.timescale)


def _fragment(window: Window, moof: Box, video: Track) -> tuple[int | None, int]:
    for traf in _named(window, moof, b"traf"):
        boxes = {box.kind: box for box in _children(window, traf) if box.kind != b"trun"}
        header = boxes.get(b"tfhd")
        if header is None or _content(window, header, 4, 4) != video.id.to_bytes(4, "big"):
            continue
        flags = int.from_bytes(_content(window, header, 0, 4), "big")
        each = video.default_duration
        if flags & 0x8:
            each = int.from_bytes(_content(window, header, 8 + 8 * (flags & 1) + 2 * (flags & 2), 4), "big")
        start = None
        if b"tfdt" in boxes:
            wide = 8 if _content(window, boxes[b"tfdt"], 0, 1) == b"\1" else 4
            start = int.from_bytes(_content(window, boxes[b"tfdt"], 4, wide), "big")
        return start, sum(_run(window, box, each) for box in _named(window, traf, b"trun"))
    return None, 0


def _run(window: Window, trun: Box, each: int) -> int:
    flags, count = struct.unpack(">II", _content(window, trun, 0, 8))
    flags &= 0xFFFFFF
    if not flags & 0x100:
        return int(count * each)
    row = 4 * (flags & 0xF00).bit_count()
    skip = 8 + 4 * (flags & 0x1) + (flags & 0x4)
    table = _content(window, trun, skip, count * row)
    return sum(int.from_bytes(table[at : at + 4], "big") for at in range(0, len(table), row))


def _clock(window: Window, box: Box) -> tuple[int, int, int]:
    # mvhd and mdhd begin alike: timescale, duration, and where the rest begins.
    if _content(window, box, 0, 1) == b"\1":
        timescale, duration = struct.unpack(">IQ", _content(window, box, 20, 12))
        return timescale, 0 if duration == (1 << 64) - 1 else duration, box.body + 32
    timescale, duration = struct.unpack(">II", _content(window, box, 12, 8))
    return timescale, 0 if duration == (1 << 32) - 1 else duration, box.body + 20


def _turned(matrix: bytes) -> bool:
    # (a b u, c d v, x y w), a pixel (p, q) is shown at (a*p + c*q + x, b*p + d*q + y), y downwards: a quarter
    # turn either way has a = d = 0. Which way does not matter for the size.
    if len(matrix) < 36:
        return False
    a, b, _, c, d = struct.unpack(">5i", matrix[:20])
    return bool(abs(b) + abs(c) > abs(a) + abs(d))


def _ms(duration: int, timescale: int) -> int:
    return round(duration * 1000 / timescale) if timescale else 0


def _named(window: Window, parent: Box, kind: bytes) -> Iterator[Box]:
    return (box for box in _children(window, parent) if box.kind == kind)


def _content(window: Window, box: Box, skip: int, count: int) -> bytes:
    if box.body + skip + count > box.end:
        raise broken(f"has a {_name(box.kind)} box that is too small")
    return window.exactly(box.body + skip, count, f"{_name(box.kind)} box")


def _name(kind: bytes) -> str:
    # A box type comes from the file and goes to a terminal.
    return kind.decode("ascii") if kind.isalnum() and kind.isascii() else kind.hex()
