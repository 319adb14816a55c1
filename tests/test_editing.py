"""Changing one key of a person's file leaves the rest as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from calsync.editing import set_key
from calsync.errors import CalsyncError

TEXT = """\
# The project.
version: 1                # of the format
timezone: "Europe/Berlin"

calendars: ["calendars/*.yaml"]   # globs
accounts:
  # the brand
  brand:
    provider: postqued
    username: "@brand"
policy: {drift: leave, max_cancels: 20%}
steps:
  - one
  - two: 2
"""


def test_a_key_is_added_behind_the_version(tmp_path: Path) -> None:
    """A new key stands behind version; comments, quotes, order and layout stay."""
    path = tmp_path / "calsync.yaml"
    path.write_text(TEXT)
    set_key(path, "project", "5b1e0c6a-1c4d-4f2a-9c37-0a4c0e9d7b11")
    lines = path.read_text().splitlines()
    assert "project: 5b1e0c6a-1c4d-4f2a-9c37-0a4c0e9d7b11" in lines
    lines.remove("project: 5b1e0c6a-1c4d-4f2a-9c37-0a4c0e9d7b11")
    assert lines == TEXT.splitlines()
    assert [each.name for each in tmp_path.iterdir()] == ["calsync.yaml"]


def test_a_key_is_replaced_where_it_stands(tmp_path: Path) -> None:
    """A key that is there gets the new value and keeps its place and its quotes."""
    path = tmp_path / "calsync.yaml"
    path.write_text(TEXT)
    set_key(path, "timezone", "Asia/Tokyo")
    assert path.read_text() == TEXT.replace("Europe/Berlin", "Asia/Tokyo")


@pytest.mark.parametrize("text", ["- a\n", "a: [\n", "\x00", ""])
def test_what_cannot_be_edited_is_left_alone(tmp_path: Path, text: str) -> None:
    """A file that is no mapping is refused and not touched."""
    path = tmp_path / "calsync.yaml"
    path.write_text(text)
    with pytest.raises(CalsyncError):
        set_key(path, "project", "x")
    assert path.read_text() == text


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """Nothing is made where nothing was."""
    with pytest.raises(CalsyncError):
        set_key(tmp_path / "calsync.yaml", "project", "x")
