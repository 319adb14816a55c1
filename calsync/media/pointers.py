"""Git LFS pointers: small text files that stand for the media (git-lfs/docs/spec.md).

With a checkout without LFS, plan works from them: `oid` is the sha256 of the content and `size` its size.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from calsync.media.sniff import kind_of
from calsync.media.window import Flaw, wrong_type
from calsync.model import MediaKind

LONGEST = 1024
"""A pointer is shorter than this, in bytes (the specification's figure)."""

_VERSIONS = ("https://git-lfs.github.com/spec/v1", "https://hawser.github.com/spec/v1")
_EXTENSIONS = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".3gp": "video/3gpp",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
}


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a pointer says of the file it stands for. The type is a guess from the name: there is nothing else."""

    sha256: str
    size: int
    kind: MediaKind
    mime: str


def read_pointer(content: bytes, name: str) -> Pointer | None:
    """The pointer that a whole file's `content` is, or None when it is none. Raises Flaw when it is malformed."""
    if len(content) >= LONGEST or not re.match(rb"version https://(git-lfs|hawser)\.github\.com/", content):
        return None
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise _malformed("it is not UTF-8") from None
    fields: dict[str, str] = {}
    for line in lines:
        key, space, value = line.partition(" ")
        if not space or key in fields or not re.fullmatch(r"[a-z0-9.-]+", key):
            raise _malformed("it is not made of unique `key value` lines")
        fields[key] = value
    if fields["version"] not in _VERSIONS:
        raise _malformed("it is of a version other than v1")
    if any(key.startswith("ext-") for key in fields):
        # Its oid is that of what the extension made of the file, not of the file that would be uploaded.
        raise _malformed("it uses Git LFS extensions, so the file's own sha256 is not known")
    oid = re.fullmatch(r"sha256:([0-9a-f]{64})", fields.get("oid", ""))
    if oid is None:
        raise _malformed("it has no `oid sha256:...` of 64 hexadecimal digits")
    if not re.fullmatch(r"[0-9]{1,18}", fields.get("size", ""), re.ASCII):
        raise _malformed("it has no `size` in bytes")
    if int(fields["size"]) == 0:
        raise Flaw("media-empty", "is a Git LFS pointer to an empty file")
    mime = _EXTENSIONS.get(PurePosixPath(name).suffix.lower())
    if mime is None:
        hint = "name it like what it is (.mp4, .mov, .webm, .jpg, .png, .webp), or fetch it: git lfs pull"
        raise wrong_type("is a Git LFS pointer whose name does not tell the type of its file", hint)
    return Pointer(oid[1], int(fields["size"]), kind_of(mime), mime)


def pull_patterns(project: Path, paths: Iterable[str]) -> list[str]:
    """What git-lfs is told to fetch: patterns from the top of the repository, without a comma in any.

    `paths`: relative to the project, as in MediaFile.
    """
    prefix = _below_repository(project)
    # Patterns know no escapes: `?` stands for the characters that would mean something else.
    return sorted({re.sub(r"[,*?\[\]\\{}!]", "?", f"{prefix}{path}") for path in paths})


def pull_command(project: Path, paths: Iterable[str]) -> str:
    """The command that fetches the files behind pointers; `paths` relative to the project, as in MediaFile."""
    return f"git lfs pull -I {shlex.quote(','.join(pull_patterns(project, paths)))}"


def _below_repository(project: Path) -> str:
    # Patterns count from the top of the repository, paths from the project.
    real = project.resolve()
    for folder in (real, *real.parents):
        if (folder / ".git").exists():
            below = real.relative_to(folder).as_posix()
            return "" if below == "." else f"{below}/"
    return ""


def _malformed(why: str) -> Flaw:
    return Flaw(
        "media-pointer", f"is a Git LFS pointer that cannot be used: {why}", "fetch the file: git lfs pull"
    )
