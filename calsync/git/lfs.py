"""Git LFS by its own command: fetch the files behind some pointers, and no others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from calsync.git.calls import Git, GitProblem, Settings

# What `git lfs install` would write; without it git-lfs fetches and leaves the pointers where they are.
_FILTERS: Settings = (
    ("filter.lfs.clean", "git-lfs clean -- %f"),
    ("filter.lfs.smudge", "git-lfs smudge -- %f"),
    ("filter.lfs.process", "git-lfs filter-process"),
    ("filter.lfs.required", "true"),
    ("lfs.fetchRecentAlways", "false"),
    ("lfs.skipDownloadErrors", "false"),
)
_LONGEST = 30_000
"""Characters of patterns in one command: some systems take no longer ones."""
_PATIENCE = 600.0
_SLOWEST = 200_000
"""Bytes per second: a slower connection is taken for none."""


def has_lfs(git: Git, cwd: Path) -> bool:
    """Whether git-lfs is there."""
    try:
        return git.run("lfs", "version", cwd=cwd).code == 0
    except GitProblem:
        return False


def pull(git: Git, cwd: Path, patterns: Sequence[str], size: int) -> None:
    """Fetch the files of these patterns, `size` bytes in all, into the work tree. Raises GitProblem."""
    seconds = _PATIENCE + size / _SLOWEST
    for each in _portions(patterns):
        done = git.run("lfs", "pull", "-I", each, "-X", "", cwd=cwd, seconds=seconds, settings=_FILTERS)
        if done.code != 0:
            raise GitProblem(f"git lfs pull failed: {done.words or 'it does not say why'}")


def _portions(patterns: Sequence[str]) -> Iterator[str]:
    portion = ""
    for each in patterns:
        if portion and len(portion) + len(each) >= _LONGEST:
            yield portion
            portion = ""
        portion = f"{portion},{each}" if portion else each
    if portion:
        yield portion
