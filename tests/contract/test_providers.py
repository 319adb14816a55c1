"""The same story at every service: what the provider contract promises, whichever it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from services import House, connected

from calsync.errors import Rejected, TooClose
from calsync.model import RemoteId, Status
from calsync.providers.memory import ACCOUNTS, CAPABILITIES, Memory
from calsync.sandbox import Sandbox, seeds

BARE = replace(CAPABILITIES, lists=False, cancels=False, moves=False, updates=False)
"""As little as Postqued v1 can."""


@pytest.fixture(params=["memory", "memory, bare", "postqued", "tikflow"])
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    """One service with two accounts."""
    service, _, bare = str(request.param).partition(", ")
    with Sandbox(rate_limits=False) as box:
        if service == "memory":
            memory = Memory(now=box.now, capabilities=BARE if bare else CAPABILITIES)
            yield House("memory", box, memory, (ACCOUNTS[0].id, ACCOUNTS[1].id))
            return
        known = seeds.POSTQUED_ACCOUNTS if service == "postqued" else seeds.TIKFLOW_ACCOUNTS
        box.seed_upload(seeds.TIKFLOW_ACCOUNTS[1][0])
        provider, transport = connected(service, box.url, box.now, allow_upload=True)
        with transport:
            yield House(service, box, provider, (known[0][0], known[1][0]))


def test_the_life_of_two_posts(house: House) -> None:
    """Uploaded, made on two accounts, seen by id and in the list, published when their time comes, once."""
    assert {*house.accounts} <= {each.id for each in house.provider.accounts()}
    first, second = house.uploaded(number=0), house.uploaded(number=1, data=b"other")
    made = [house.provider.create(each, token=token) for each, token in ((first, "a"), (second, "b"))]
    assert len(set(made)) == 2
    for number, (remote_id, submission) in enumerate(zip(made, (first, second), strict=True)):
        seen = house.seen(remote_id, number)
        assert seen is not None
        assert (seen.status, seen.remote_id, seen.account_id) == (
            Status.SCHEDULED,
            remote_id,
            house.accounts[number],
        )
        content = submission.content
        assert seen.at in (None, content.at)
        assert seen.caption in (None, content.caption)
        assert seen.title in (None, content.title)
        assert seen.intent in (None, content.intent)
        assert seen.media in (None, submission.assets)
        assert all(content.options[name] == value for name, value in seen.options.items())
    if house.provider.capabilities.lists:
        assert house.listed().keys() == {*made}
        assert house.listed(1).keys() == {made[1]}
        assert house.listed()[made[0]] == house.seen(made[0])
    else:
        assert house.listed() == {}
    house.box.advance(timedelta(days=1, minutes=1))
    for number, remote_id in enumerate(made):
        seen = house.seen(remote_id, number)
        assert seen is not None
        assert seen.status is Status.PUBLISHED
    assert house.times_published() == [1, 1]


def test_moving(house: House) -> None:
    """A post gets its new time, any number of times; where that is not possible, nothing changes."""
    remote_id = house.provider.create(house.uploaded(), token="a")
    later = house.now() + timedelta(days=3)
    if not house.provider.capabilities.moves:
        with pytest.raises(Rejected):
            house.provider.reschedule(remote_id, later, house.scope())
    else:
        for _ in range(2):
            house.provider.reschedule(remote_id, later, house.scope())
        seen = house.seen(remote_id)
        assert seen is not None
        assert (seen.status, seen.at) == (Status.SCHEDULED, later)
        with pytest.raises(TooClose):
            house.provider.reschedule(remote_id, house.now(), house.scope())
        house.provider.cancel(remote_id, house.scope())
    seen = house.seen(remote_id)
    assert seen is not None
    assert seen.status in (Status.SCHEDULED, Status.CANCELED)


def test_cancelling(house: House) -> None:
    """Confirmed when it returns, fine when repeated or when there is nothing, and it does not go out."""
    remote_id = house.provider.create(house.uploaded(), token="a")
    if not house.provider.capabilities.cancels:
        with pytest.raises(Rejected):
            house.provider.cancel(remote_id, house.scope())
        return
    for _ in range(2):
        house.provider.cancel(remote_id, house.scope())
        seen = house.seen(remote_id)
        assert seen is None or seen.status is Status.CANCELED
    house.provider.cancel(RemoteId("00000000-0000-4000-8000-000000000000"), house.scope())
    house.delete(remote_id)
    house.provider.cancel(remote_id, house.scope())
    house.box.advance(timedelta(days=2))
    # TikFlow publishes uploads that nobody schedules: only what was scheduled counts here.
    kinds = [each for each in house.box.posts() if each["kind"] == "schedule"]
    assert all(each["times_published"] == 0 for each in kinds)
    assert house.service == "tikflow" or house.times_published() in ([0], [])


def test_what_has_gone_out_cannot_be_cancelled(house: House) -> None:
    """It is said, not swallowed."""
    if not house.provider.capabilities.cancels:
        return
    remote_id = house.provider.create(house.uploaded(), token="a")
    house.box.advance(timedelta(days=2))
    with pytest.raises(Rejected) as caught:
        house.provider.cancel(remote_id, house.scope())
    assert caught.value.conflict


def test_failing(house: House) -> None:
    """A failure is seen, with the service's reason where it shows one."""
    remote_id = house.provider.create(house.uploaded(), token="a")
    house.fail(remote_id, "spam_risk_too_many_posts")
    house.box.advance(timedelta(days=1, minutes=1))
    seen = house.seen(remote_id)
    assert seen is not None
    assert seen.status is Status.FAILED
    assert seen.reason in (None, "spam_risk_too_many_posts")


def test_stopping_and_deleting_by_hand(house: House) -> None:
    """What a person does at the service shows as it is."""
    remote_id = house.provider.create(house.uploaded(), token="a")
    house.stop(remote_id)
    seen = house.seen(remote_id)
    assert seen is not None
    assert seen.status is Status.CANCELED
    house.delete(remote_id)
    assert house.seen(remote_id) is None
    assert remote_id not in house.listed()


def test_the_same_create_again(house: House) -> None:
    """Never a second post: the first answer again where there are keys, a conflict where there are none."""
    submission = house.uploaded()
    remote_id = house.provider.create(submission, token="a")
    if house.provider.capabilities.key_life is not None:
        assert house.provider.create(submission, token="a") == remote_id
        other = replace(submission, content=replace(submission.content, caption="another"))
        with pytest.raises(Rejected) as caught:
            house.provider.create(other, token="a")
    else:
        with pytest.raises(Rejected) as caught:
            house.provider.create(submission, token="a")
    assert caught.value.conflict
    house.box.advance(timedelta(days=2))
    assert house.times_published() == [1]


def test_a_create_body_is_a_function_of_its_submission(house: House) -> None:
    """Equal submissions become equal bytes, whatever the clock says: they have to be sendable again."""
    submission = house.uploaded()
    body = house.provider.create_body(submission)
    house.box.advance(timedelta(days=2))
    assert house.provider.create_body(replace(submission, content=replace(submission.content))) == body


@pytest.mark.parametrize("late", [timedelta(), timedelta(seconds=1), timedelta(days=400)])
def test_a_past_time_is_never_sent(house: House, late: timedelta) -> None:
    """A service might publish such a post at once."""
    submission = house.uploaded()
    before = len(house.box.requests())
    past = replace(submission, content=replace(submission.content, at=house.now() - late))
    with pytest.raises(TooClose):
        house.provider.create(past, token="a")
    assert len(house.box.requests()) == before


def test_an_unknown_id_is_nobody(house: House) -> None:
    """None, and only where the service says so."""
    unknown = RemoteId("00000000-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000001")
    assert house.seen(unknown) is None
    for wild in ("a/../b", "x?y=1#z", "é 🚀"):
        assert house.seen(RemoteId(wild)) is None
    assert not any("y" in each["query"] for each in house.box.requests())


def test_normalizing_twice_changes_nothing(house: House) -> None:
    """What the planner compares is stable."""
    for content in (
        house.content(),
        house.content(title="A title"),
        house.content(caption=""),
        house.content(media=()),
    ):
        assert house.provider.normalize(content) == content


def test_usage_counts_places(house: House) -> None:
    """Where the service knows of places, a post takes one."""
    before = house.provider.usage()
    house.provider.create(house.uploaded(), token="a")
    after = house.provider.usage()
    if before is not None:
        assert after == replace(before, used=before.used + 1)
