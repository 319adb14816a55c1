"""JPEG, PNG, WebP and GIF: displayed size from the headers, and whether the file reaches its end.

No pixels are decoded, so there is nothing to bomb. Orientation as in Exif 2.3, tag 0x0112: 5 to 8 lie on
their side.
"""

from __future__ import annotations

import struct
import zlib

from calsync.media.window import Figures, Window, broken, cut_short

_SCAN = 256 * 1024
_LONGEST_SCAN = 64 << 20
"""How far behind the first scan a JPEG's end is looked for; three times what TikTok takes as a photo."""


def jpeg(window: Window) -> Figures:
    """Width and height in pixels as displayed (ISO/IEC 10918-1 markers). Raises Flaw."""
    offset, turned, size = 2, False, None
    while True:
        marker = window.exactly(offset, 2, "header")
        if marker[0] != 0xFF:
            raise broken(f"has a damaged JPEG header at byte {offset:,}")
        kind = marker[1]
        if kind == 0xFF:
            offset += 1
            continue
        if kind == 0x01 or 0xD0 <= kind <= 0xD7:
            offset += 2
            continue
        if kind == 0xD9:
            raise broken("is a JPEG without a picture")
        length = int.from_bytes(window.exactly(offset + 2, 2, "header"), "big")
        if length < 2:
            raise broken(f"has a damaged JPEG header at byte {offset:,}")
        if kind == 0xDA:
            break
        body = offset + 4
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC) and size is None:
            height, width = struct.unpack(">xHH", window.exactly(body, 5, "header"))
            size = width, height
        elif kind == 0xE1 and window.at(body, 6) == b"Exif\0\0":
            turned = turned or _lies(window.at(body + 6, length - 8) if length > 8 else b"")
        offset += 2 + length
    if size is None:
        raise broken("is a JPEG that does not state its size")
    if not _jpeg_ends(window, offset + 2 + length):
        raise broken(f"is cut short: the JPEG of {window.size:,} bytes has no end", "copy or export it again")
    return _shown(size, turned)


def _jpeg_ends(window: Window, scan: int) -> bool:
    # FF D9 cannot occur inside of a scan: a data byte FF is always followed by 00. Phones append a second
    # picture or a film behind it, so it need not be the last thing in the file.
    if scan > window.size:
        return False
    if window.at(max(scan, window.size - 64), 64).rstrip(b"\0").endswith(b"\xff\xd9"):
        return True
    for offset in range(scan, min(window.size, scan + _LONGEST_SCAN), _SCAN):
        if b"\xff\xd9" in window.at(offset, _SCAN + 1):
            return True
    return False


def png(window: Window) -> Figures:
    """Width and height in pixels as displayed (ISO/IEC 15948 chunks). Raises Flaw."""
    head = window.exactly(8, 25, "header")
    if head[:8] != b"\0\0\0\x0dIHDR" or zlib.crc32(head[4:21]) != int.from_bytes(head[21:], "big"):
        raise broken("has a damaged PNG header")
    width, height = struct.unpack(">II", head[8:16])
    offset, turned, pictures = 33, False, False
    while True:
        length, kind = struct.unpack(">I4s", window.exactly(offset, 8, "next chunk"))
        end = offset + 12 + length
        if end > window.size:
            raise cut_short("next chunk", end, window.size)
        if kind == b"IEND":
            break
        pictures = pictures or kind == b"IDAT"
        if kind == b"eXIf":
            turned = _lies(window.at(offset + 8, min(length, 65536)))
        offset = end
    if not pictures:
        raise broken("is a PNG without a picture")
    return _shown((width, height), turned)


def webp(window: Window) -> Figures:
    """Width and height in pixels as displayed (RFC 9649 chunks). Raises Flaw."""
    end = 8 + int.from_bytes(window.at(4, 4), "little")
    if end > window.size:
        raise cut_short("RIFF chunk", end, window.size)
    offset, turned, pictures = 12, False, False
    size: tuple[int, int] | None = None
    while offset + 8 <= end:
        kind, length = struct.unpack("<4sI", window.exactly(offset, 8, "next chunk"))
        if offset + 8 + length > end:
            raise broken("has a chunk that is larger than the WebP around it")
        data = window.at(offset + 8, min(length, 10))
        if kind == b"VP8X" and len(data) == 10:
            size = int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:], "little") + 1
        elif kind in (b"VP8 ", b"VP8L"):
            pictures = True
            size = size or _bitstream(kind, data)
        elif kind == b"ANMF":
            pictures = True
        elif kind == b"EXIF":
            exif = window.at(offset + 8, min(length, 65536))
            turned = _lies(exif.removeprefix(b"Exif\0\0"))
        offset += 8 + length + (length & 1)
    if not pictures or size is None:
        raise broken("is a WebP without a picture")
    return _shown(size, turned)


def _bitstream(kind: bytes, data: bytes) -> tuple[int, int]:
    if kind == b"VP8 " and len(data) == 10 and data[3:6] == b"\x9d\x01\x2a" and not data[0] & 1:
        width, height = struct.unpack("<HH", data[6:])
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and len(data) >= 5 and data[0] == 0x2F:
        bits = int.from_bytes(data[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise broken("has a damaged WebP picture header")


def gif(window: Window) -> Figures:
    """Width and height in pixels of the screen (GIF89a blocks). Raises Flaw."""
    width, height, flags = struct.unpack("<HHB", window.exactly(6, 5, "header"))
    offset, pictures = 13 + _colours(flags), False
    while (kind := window.exactly(offset, 1, "next block")) != b";":
        if kind == b"!":
            offset += 2
        elif kind == b",":
            pictures = True
            offset += 11 + _colours(window.exactly(offset + 9, 1, "next picture")[0])
        else:
            raise broken(f"has a damaged GIF block at byte {offset:,}")
        while length := window.exactly(offset, 1, "next block")[0]:
            offset += 1 + length
        offset += 1
    if not pictures:
        raise broken("is a GIF without a picture")
    return _shown((width, height), False)


def _colours(flags: int) -> int:
    return int(3 << (flags & 7) + 1) if flags & 0x80 else 0


def _shown(size: tuple[int, int], turned: bool) -> Figures:
    width, height = size
    if not width or not height:
        raise broken(f"says that it is {width} x {height} pixels")
    return Figures(height, width) if turned else Figures(width, height)


def _lies(exif: bytes) -> bool:
    # Damaged Exif is as good as none: viewers show the picture as it is stored.
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 8:
        return False
    (start,) = struct.unpack_from(f"{order}I", exif, 4)
    if start + 2 > len(exif):
        return False
    (count,) = struct.unpack_from(f"{order}H", exif, start)
    for entry in range(start + 2, min(start + 2 + 12 * count, len(exif) - 11), 12):
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, entry)
        if tag == 0x0112:
            return bool(kind == 3 and 5 <= value <= 8)
    return False
