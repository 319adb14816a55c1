"""What a file is, by its first bytes. The name is never asked: it is the author's claim."""

from __future__ import annotations

from calsync.media.window import Flaw, wrong_type
from calsync.model import MediaKind

MIMES = frozenset(
    {
        "video/mp4",
        "video/quicktime",
        "video/3gpp",
        "video/webm",
        "video/x-matroska",
        "image/jpeg",
        "image/png",
        "image/webp",
        "image/gif",
    }
)
"""Every type that a reader here can tell."""

CODECS = frozenset({"h264", "h265", "vp8", "vp9", "av1", "mpeg4", "h263", "prores", "mjpeg"})
"""Every codec that a reader here can tell."""

_BRANDS = {
    b"heic": "a HEIC photo",
    b"heix": "a HEIC photo",
    b"heim": "a HEIC photo",
    b"hevc": "a HEIC photo",
    b"mif1": "a HEIF photo",
    b"msf1": "a HEIF photo",
    b"avif": "an AVIF image",
    b"avis": "an AVIF image",
    b"crx ": "a raw photo (CR3)",
    b"M4A ": "an audio file (M4A)",
    b"M4B ": "an audio file (M4B)",
    b"jp2 ": "a JPEG 2000 image",
}
# Top-level boxes that a QuickTime file without `ftyp` may begin with.
_OLD_QUICKTIME = (b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "a PDF"),
    (0, b"PK\x03\x04", "a ZIP archive (or an office document)"),
    (0, b"BM", "a BMP image"),
    (0, b"II*\0", "a TIFF image (or a raw photo)"),
    (0, b"MM\0*", "a TIFF image (or a raw photo)"),
    (0, b"II+\0", "a BigTIFF image"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"gimp xcf", "a GIMP document"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
    (0, b"\0\0\1\0", "an icon (ICO)"),
    (0, b"FLV\1", "a Flash video"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a Windows Media file (WMV, WMA)"),
    (0, b"\0\0\1\xba", "an MPEG programme stream"),
    (0, b"\0\0\1\xb3", "an MPEG video stream"),
    (0, b"OggS", "an Ogg file"),
    (0, b"ID3", "an MP3 audio file"),
    (0, b"\xff\xfb", "an MP3 audio file"),
    (0, b"fLaC", "a FLAC audio file"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a Windows program"),
    (0, b"SQLite format 3\0", "a database"),
    (8, b"AVI ", "an AVI video"),
    (8, b"WAVE", "a WAV audio file"),
)
_CONVERT = "export it as MP4 (video) or JPEG (image)"


def kind_of(mime: str) -> MediaKind:
    """Video or image, of one of our own mime types."""
    return MediaKind.VIDEO if mime.startswith("video/") else MediaKind.IMAGE


def sniff(head: bytes) -> str:
    """The mime type of a file with these first bytes (512 suffice). Raises Flaw that names what it is instead."""
    if head[4:8] == b"ftyp":
        return _by_brand(head[8:12])
    if head[4:8] in _OLD_QUICKTIME:
        return "video/quicktime"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    raise _foreign(head)


def _by_brand(brand: bytes) -> str:
    if brand in _BRANDS:
        raise wrong_type(f"is {_BRANDS[brand]}", _CONVERT)
    if brand == b"qt  ":
        return "video/quicktime"
    return "video/3gpp" if brand.startswith((b"3gp", b"3g2")) else "video/mp4"


def _foreign(head: bytes) -> Flaw:
    for offset, magic, name in _OTHERS:
        if head.startswith(magic, offset) and (offset == 0 or head.startswith(b"RIFF")):
            return wrong_type(f"is {name}", _CONVERT)
    if len(head) > 188 and head[0] == head[188] == 0x47:
        return wrong_type("is an MPEG transport stream", _CONVERT)
    if not any(head):
        return Flaw("media-broken", "begins with zeros only: nothing was written there", "copy it again")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:256].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return wrong_type("is an HTML page", "a download may have failed: fetch the file itself")
    if b"<svg" in start:
        return wrong_type("is an SVG drawing", _CONVERT)
    if not any(byte < 9 or 13 < byte < 32 for byte in head):
        return wrong_type("is text, not a video or an image")
    return wrong_type("is not a video or an image of a type that calsync knows", _CONVERT)
