"""The contract suite for providers: one story, told at every service. For authors of providers, under pytest.

    import pytest
    from calsync.testing import Bench, ProviderContract

    class OurBench(Bench):
        ...                             # the provider, its accounts, and what a person can do there

    class TestOurs(ProviderContract):
        @pytest.fixture
        def bench(self):
            return OurBench(...)

What a service cannot do by its own capabilities is not asked of it, and what a bench cannot play is skipped.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from calsync.benches import Bench, File, image, video
from calsync.errors import Rejected, Severity, TooClose
from calsync.model import (
    Intent,
    RemoteId,
    Reply,
    Status,
)

__all__ = ["NOBODY", "Bench", "File", "ProviderContract", "image", "video"]

NOBODY = RemoteId("00000000-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000001")
"""An id that no service has given to anything."""


class ProviderContract:
    """What every provider promises. Subclass it, and give it a fixture `bench`."""

    def test_the_life_of_two_posts(self, bench: Bench) -> None:
        """Uploaded, made on two accounts, seen by id and in the list, published when their time comes, once."""
        accounts = [bench.scope(number).account.id for number in (0, 1)]
        assert {*accounts} <= {each.id for each in bench.provider.accounts()}
        first, second = bench.uploaded(number=0), bench.uploaded(number=1, data=b"other")
        made = [bench.provider.create(each, token=token) for each, token in ((first, "a"), (second, "b"))]
        assert len(set(made)) == 2
        for number, (remote_id, submission) in enumerate(zip(made, (first, second), strict=True)):
            seen = bench.seen(remote_id, number)
            assert seen is not None
            known = (Status.SCHEDULED, remote_id, accounts[number])
            assert (seen.status, seen.remote_id, seen.account_id) == known
            content = submission.content
            assert seen.at in (None, content.at)
            assert seen.caption in (None, content.caption)
            assert seen.title in (None, content.title)
            assert seen.intent in (None, content.intent)
            assert seen.media in (None, submission.assets)
            assert all(content.options[name] == value for name, value in seen.options.items())
        if bench.provider.capabilities.lists:
            assert bench.listed().keys() == {*made}
            assert bench.listed(1).keys() == {made[1]}
            assert bench.listed()[made[0]] == bench.seen(made[0])
        else:
            assert bench.listed() == {}
        bench.advance(timedelta(days=1, minutes=1))
        for number, remote_id in enumerate(made):
            seen = bench.seen(remote_id, number)
            assert seen is not None
            assert seen.status is Status.PUBLISHED
        assert bench.times_published() in (None, [1, 1])

    def test_moving(self, bench: Bench) -> None:
        """A post gets its new time, any number of times; where that is not possible, nothing changes."""
        submission = bench.uploaded()
        remote_id = bench.provider.create(submission, token="a")
        later = bench.now() + timedelta(days=3)
        moved = replace(submission, content=replace(submission.content, at=later))
        if not bench.provider.capabilities.moves:
            with pytest.raises(Rejected):
                bench.provider.reschedule(remote_id, moved)
            seen = bench.seen(remote_id)
            assert seen is not None
            assert seen.status is Status.SCHEDULED
            return
        for _ in range(2):
            bench.provider.reschedule(remote_id, moved)
        seen = bench.seen(remote_id)
        assert seen is not None
        assert (seen.status, seen.at, seen.remote_id) == (Status.SCHEDULED, later, remote_id)
        assert seen.caption in (None, submission.content.caption)
        assert seen.media in (None, submission.assets)
        with pytest.raises(TooClose):
            bench.provider.reschedule(
                remote_id, replace(moved, content=replace(moved.content, at=bench.now()))
            )

    def test_changing_the_caption(self, bench: Bench) -> None:
        """In place where that is possible, else as a replace: tried, cancelled, made anew; never two at a time."""
        abilities = bench.provider.capabilities
        old = bench.uploaded()
        remote_id = bench.provider.create(old, token="a")
        new = replace(old, content=replace(old.content, caption="Other words"))
        if abilities.updates:
            remote_id = bench.provider.update(remote_id, new)
        elif not abilities.cancels or "caption" not in abilities.settable_by_id:
            with pytest.raises(Rejected):
                bench.provider.update(remote_id, new)
            return
        else:
            assert tuple(bench.provider.check(new)) == ()
            bench.provider.cancel(remote_id, bench.scope())
            remote_id = bench.provider.create(new, token="b")
        seen = bench.seen(remote_id)
        assert seen is not None
        assert (seen.status, seen.caption or "Other words") == (Status.SCHEDULED, "Other words")
        if abilities.lists:
            live = [each for each in bench.listed().values() if each.status.live]
            assert [each.remote_id for each in live] == [remote_id]

    def test_a_thread(self, bench: Bench) -> None:
        """Where posts can be followed by others: made and changed with them, and shown as one post, by its own media."""
        abilities = bench.provider.capabilities
        if "thread" not in abilities.settable:
            return
        main, shown = bench.uploaded(), bench.uploaded(data=b"below")
        thread = (Reply("First of all"), Reply("With media", shown.content.media))
        content = bench.provider.normalize(replace(main.content, thread=thread), bench.platform)
        assert [each.media for each in content.thread] == [each.media for each in thread]
        whole = replace(main, content=content, assets=(*main.assets, *shown.assets))
        assert bench.provider.create_body(whole) != bench.provider.create_body(main)
        remote_id = bench.provider.create(whole, token="a")
        if abilities.updates:
            less = replace(whole, content=replace(content, thread=content.thread[:1]), assets=main.assets)
            for each in (less, main, whole):
                remote_id = bench.provider.update(remote_id, each)
        seen = bench.seen(remote_id)
        assert seen is not None
        assert seen.status is Status.SCHEDULED
        assert seen.caption in (None, content.caption)
        assert seen.media in (None, main.assets)
        if abilities.lists:
            assert [each.remote_id for each in bench.listed().values() if each.status.live] == [remote_id]

    def test_a_dry_run_makes_nothing(self, bench: Bench) -> None:
        """It says what a create would be refused for, and leaves no post."""
        submission = bench.uploaded()
        assert tuple(bench.provider.check(submission)) == ()
        if bench.provider.capabilities.dry_runs:
            scope = replace(submission.scope, account=submission.scope.account._replace(id=NOBODY.id))
            findings = bench.provider.check(replace(submission, scope=scope))
            assert [each.severity for each in findings] == [Severity.ERROR]
        assert bench.listed() == {}
        assert not bench.times_published()

    def test_cancelling(self, bench: Bench) -> None:
        """Confirmed when it returns, fine when repeated or when there is nothing."""
        remote_id = bench.provider.create(bench.uploaded(), token="a")
        if not bench.provider.capabilities.cancels:
            with pytest.raises(Rejected):
                bench.provider.cancel(remote_id, bench.scope())
            return
        for _ in range(2):
            bench.provider.cancel(remote_id, bench.scope())
            seen = bench.seen(remote_id)
            assert seen is None or seen.status is Status.CANCELED
        bench.provider.cancel(NOBODY, bench.scope())
        bench.provider.cancel(RemoteId(NOBODY.id), bench.scope())

    def test_what_is_cancelled_does_not_go_out(self, bench: Bench) -> None:
        """Nor does it matter that it was deleted by hand in between."""
        if not bench.provider.capabilities.cancels:
            return
        remote_id = bench.provider.create(bench.uploaded(), token="a")
        bench.provider.cancel(remote_id, bench.scope())
        if bench.seen(remote_id) is not None:
            bench.delete(remote_id)
        bench.provider.cancel(remote_id, bench.scope())
        bench.advance(timedelta(days=2))
        assert bench.times_published() in (None, [0], [])

    def test_what_has_gone_out_cannot_be_cancelled(self, bench: Bench) -> None:
        """It is said, not swallowed."""
        if not bench.provider.capabilities.cancels:
            return
        remote_id = bench.provider.create(bench.uploaded(), token="a")
        bench.advance(timedelta(days=2))
        with pytest.raises(Rejected) as caught:
            bench.provider.cancel(remote_id, bench.scope())
        assert caught.value.conflict

    def test_failing(self, bench: Bench) -> None:
        """A failure is seen, with the service's reason where it shows one."""
        remote_id = bench.provider.create(bench.uploaded(), token="a")
        bench.fail(remote_id, "spam_risk_too_many_posts")
        bench.advance(timedelta(days=1, minutes=1))
        seen = bench.seen(remote_id)
        assert seen is not None
        assert seen.status is Status.FAILED
        assert seen.reason in (None, "spam_risk_too_many_posts")

    def test_stopping_and_deleting_by_hand(self, bench: Bench) -> None:
        """What a person does at the service shows as it is."""
        remote_id = bench.provider.create(bench.uploaded(), token="a")
        bench.stop(remote_id)
        seen = bench.seen(remote_id)
        assert seen is not None
        drafted = bench.provider.capabilities.drafts_wait and seen.intent is Intent.DRAFT
        assert seen.status is (Status.SCHEDULED if drafted else Status.CANCELED)
        bench.delete(remote_id)
        assert bench.seen(remote_id) is None
        assert remote_id not in bench.listed()

    def test_the_same_create_again(self, bench: Bench) -> None:
        """The first answer again where there are keys; else a conflict, or a second post that shows as one.

        Which of these it is, nobody relies on: without keys a create is sent once, and looked for when in doubt.
        """
        submission = bench.uploaded()
        remote_id = bench.provider.create(submission, token="a")
        if bench.provider.capabilities.key_life is not None:
            assert bench.provider.create(submission, token="a") == remote_id
            other = replace(submission, content=replace(submission.content, caption="another"))
            with pytest.raises(Rejected) as caught:
                bench.provider.create(other, token="a")
            assert caught.value.conflict
        else:
            try:
                second = bench.provider.create(submission, token="a")
            except Rejected as refused:
                conflict = refused.conflict
            else:
                assert bench.provider.capabilities.finds_again
                assert bench.listed().keys() == {remote_id, second}
                return
            assert conflict
        bench.advance(timedelta(days=2))
        assert bench.times_published() in (None, [1])

    def test_several_posts_in_one_request(self, bench: Bench) -> None:
        """Each is as if it had been made alone; where one is refused, none is made."""
        if bench.provider.capabilities.together < 2:
            return
        at = bench.now() + timedelta(days=1)
        several = [
            bench.uploaded(number=number, caption=caption, at=at)
            for number, caption in enumerate(("one", "two"))
        ]
        made = bench.provider.create_together(several, tokens=["a", "b"])
        assert len({*made}) == 2
        for number, (remote_id, submission) in enumerate(zip(made, several, strict=True)):
            seen = bench.seen(remote_id, number)
            assert seen is not None
            assert (seen.status, seen.account_id) == (Status.SCHEDULED, bench.scope(number).account.id)
            assert seen.caption in (None, submission.content.caption)
        scope = replace(several[1].scope, account=several[1].scope.account._replace(id=NOBODY.id))
        with pytest.raises(Rejected):
            bench.provider.create_together([several[0], replace(several[1], scope=scope)], tokens=["c", "d"])
        before = bench.requests()
        past = [replace(each, content=replace(each.content, at=bench.now())) for each in several]
        with pytest.raises(TooClose):
            bench.provider.create_together(past, tokens=["e", "f"])
        assert bench.requests() == before
        bench.advance(timedelta(days=1, minutes=1))
        assert bench.times_published() in (None, [1, 1])

    def test_a_draft_waits(self, bench: Bench) -> None:
        """Where drafts wait for a person, one is not published by time alone, and can be taken back."""
        if not bench.provider.capabilities.drafts_wait:
            return
        remote_id = bench.provider.create(bench.uploaded(intent=Intent.DRAFT), token="a")
        bench.advance(timedelta(days=2))
        seen = bench.seen(remote_id)
        assert seen is not None
        assert (seen.status, seen.intent) == (Status.SCHEDULED, Intent.DRAFT)
        assert bench.times_published() in (None, [0], [])
        bench.provider.cancel(remote_id, bench.scope())
        assert remote_id not in bench.listed() or bench.listed()[remote_id].status is Status.CANCELED

    def test_a_create_body_is_a_function_of_its_submission(self, bench: Bench) -> None:
        """Equal submissions become equal bytes, whatever the clock says: they have to be sendable again."""
        submission = bench.uploaded()
        body = bench.provider.create_body(submission)
        bench.advance(timedelta(days=2))
        assert bench.provider.create_body(replace(submission, content=replace(submission.content))) == body

    @pytest.mark.parametrize("late", [timedelta(), timedelta(seconds=1), timedelta(days=400)])
    def test_a_past_time_is_never_sent(self, bench: Bench, late: timedelta) -> None:
        """A service might publish such a post at once."""
        submission = bench.uploaded()
        before = bench.requests()
        past = replace(submission, content=replace(submission.content, at=bench.now() - late))
        with pytest.raises(TooClose):
            bench.provider.create(past, token="a")
        assert bench.requests() == before

    def test_an_unknown_id_is_nobody(self, bench: Bench) -> None:
        """None, and only where the service says so; one that cannot be an id there may be refused."""
        assert bench.seen(NOBODY) is None
        for wild in ("a/../b", "x?y=1#z", "é 🚀"):
            with suppress(Rejected):
                assert bench.seen(RemoteId(wild)) is None

    def test_normalizing_twice_changes_nothing(self, bench: Bench) -> None:
        """What the planner compares is stable."""
        for content in (
            bench.content(),
            bench.content(title="A title"),
            bench.content(caption=""),
            bench.content(media=()),
        ):
            assert bench.provider.normalize(content, bench.platform) == content

    def test_what_a_channel_takes(self, bench: Bench) -> None:
        """A schema of an object and a length above nothing, as far as the service says."""
        if not bench.provider.capabilities.knows_channel:
            pytest.skip("it does not know what its networks take")
        channel = bench.provider.channel(bench.scope())
        if channel is not None:
            assert channel.caption_units is None or channel.caption_units > 0
            assert channel.options is None or channel.options.get("type", "object") == "object"

    def test_usage_counts_places(self, bench: Bench) -> None:
        """Where the service knows of places, a post takes one."""
        before = bench.provider.usage()
        bench.provider.create(bench.uploaded(), token="a")
        after = bench.provider.usage()
        if before is not None:
            assert after == replace(before, used=before.used + 1)
