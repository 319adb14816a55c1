"""The line to a forge: how long it is held."""

from __future__ import annotations

import pytest
from forge_fakes import TOKEN, Fake
from loopback import Key, Time

from calsync.errors import CalsyncError
from calsync.forges.forgejo import Forgejo
from calsync.forges.line import PATIENCE, Line
from calsync.transport import Transport


def test_a_forge_is_not_waited_for_without_end() -> None:
    """What takes too long altogether is given up between two requests, however quick each of them is."""
    clock = Time()
    with (
        Fake("forgejo") as fake,
        Transport(fake.url, Key(TOKEN), service="forgejo", authorization="token {key}") as transport,
    ):
        forge = Forgejo(Line(transport, clock=clock), "acme/posts")
        assert forge.default_branch() == "main"
        clock.sleep(PATIENCE + 1)
        with pytest.raises(CalsyncError, match="took more than 120 s"):
            forge.default_branch()
        assert len(fake.seen) == 1


def test_lists_in_pages_smaller_than_asked_for() -> None:
    """An instance may give fewer items a page than asked for; what it gives whole whatever page is asked is read once."""
    with (
        Fake("forgejo", most=20) as fake,
        Transport(fake.url, Key(TOKEN), service="forgejo", authorization="token {key}") as transport,
    ):
        for number in range(50):
            fake.issue(f"{number}", "", "mallory")
            fake.comment(f"{number}", "mallory")
        forge = Forgejo(Line(transport), "acme/posts")
        assert len(list(forge.open_issues())) == 50
        assert len(list(forge.comments(7))) == 50
