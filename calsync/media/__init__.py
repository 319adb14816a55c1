"""Local media files: open safely, digest, probe, Git LFS pointers.

    files      a calendar's name -> a path inside the project -> an open file; the reader of uploads
    probe      a path -> MediaFile: size, sha256, type, displayed size, duration
    cache      what is known of files that have not changed since
    pointers   Git LFS pointers, which stand for the file they point to
    lock       media.lock: facts that are committed, for where only pointers are
    sniff      the type of a file by its first bytes
    bmff       MP4 and QuickTime        webm   WebM and Matroska        images   JPEG, PNG, WebP, GIF

Every file is input from a stranger (a pull request): readers work on a `Window`, which bounds how much they
read, never decode pixels or samples, and say what is wrong as a `Flaw`. What leaves here is a MediaProblem.
"""

from calsync.inside import Folders
from calsync.media.cache import ProbeCache
from calsync.media.files import CHUNK, HashingReader, MediaProblem, open_for_upload, resolve
from calsync.media.lock import LOCK_FILE, MediaLock, lock_text, read_lock, write_lock
from calsync.media.pointers import pull_command, pull_patterns
from calsync.media.probe import inspect

__all__ = [
    "CHUNK",
    "LOCK_FILE",
    "Folders",
    "HashingReader",
    "MediaLock",
    "MediaProblem",
    "ProbeCache",
    "inspect",
    "lock_text",
    "open_for_upload",
    "pull_command",
    "pull_patterns",
    "read_lock",
    "resolve",
    "write_lock",
]
