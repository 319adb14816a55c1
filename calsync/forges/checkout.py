"""Which commit is checked out, and which one a branch of its remote points to, as git says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

_SECONDS = 30


def checked_out(root: Path) -> str | None:
    """The commit that is checked out at a place; None where git does not know."""
    return _commit(_git(root, "rev-parse", "--verify", "HEAD^{commit}"))


def head_of_remote(root: Path, branch: str) -> str | None:
    """The newest commit of a branch of the remote that the checkout came from; None where git does not know."""
    return _commit(_git(root, "ls-remote", "--exit-code", "origin", f"refs/heads/{branch}"))


def _commit(said: str) -> str | None:
    found = re.match(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\b", said)
    return found[0] if found else None


def _git(root: Path, *words: str) -> str:
    """What git prints; nothing where it fails, is missing or takes too long. It asks nobody for a password."""
    program = shutil.which("git")
    if program is None:
        return ""
    asking_nobody = ("-c", "core.askPass=", "-c", "credential.interactive=never")
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and every word is ours but the branch, which is one word
            [program, "-C", str(root), *asking_nobody, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            start_new_session=True,  # without a terminal there is nobody to ask
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
