"""Several creates in one request: all intents are durable before it goes out, every outcome is recorded after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from calsync.apply.uploads import submission
from calsync.apply.writes import Writer, unknown
from calsync.errors import CalsyncError, Rejected, StateError, Uncertain
from calsync.model import Address, Open, Post, RemoteId
from calsync.plan.outcome import Outcome
from calsync.providers.base import Submission


def create_together(writer: Writer, posts: Sequence[Post]) -> Mapping[Address, Outcome]:
    """Schedule posts that share time and intent; what is missing from the answer has to be tried alone.

    That is what could not be made ready, and all of them where the service refused the request and made nothing.
    Raises what says more of the service than of a post, after the ledger is settled.
    """
    orders = _orders(writer, posts)
    if len(orders) < 2:
        return {}
    writer.ledger.begin(*(opening for _, opening in orders))
    tokens = [opening.token or "" for _, opening in orders]
    try:
        made = writer.provider.create_together([what for what, _ in orders], tokens=tokens)
    except Uncertain as error:
        return _looked_for(writer, orders, error)
    except Rejected as error:
        if error.conflict:
            return _looked_for(writer, orders, error)
        _abandon(writer, orders)
        return {}
    except CalsyncError:
        _abandon(writer, orders)
        raise
    if not _names_each(writer, orders, made):
        service = writer.provider.service
        doubt = Uncertain(f"{service} accepted posts, but its answer does not name each", service=service)
        return _looked_for(writer, orders, doubt)
    return {
        opening.address: writer.record_made(opening, remote_id)
        for (_, opening), remote_id in zip(orders, made, strict=True)
    }


def _orders(writer: Writer, posts: Sequence[Post]) -> list[tuple[Submission, Open]]:
    """What goes out, with its intents; without what is better tried alone, where its trouble is met again and told."""
    found: list[tuple[Submission, Open]] = []
    for post in posts:
        if writer.ledger.opened(post.address) is not None and writer.provider.capabilities.key_life is None:
            continue
        try:
            what = submission(post, writer.uploads.assets(post, writer.provider))
            found.append((what, writer.create_opening(what, post.address, None)))
        except CalsyncError as error:
            if isinstance(error, StateError):
                raise
    try:
        for what, _ in found:
            writer.in_time(what.content)
    except CalsyncError:
        return []
    return found


def _names_each(writer: Writer, orders: Sequence[tuple[Submission, Open]], made: Sequence[RemoteId]) -> bool:
    """Whether the answer names as many posts as were ordered, each another, and none that is recorded already."""
    return (
        len(made) == len(orders)
        and len({*made}) == len(made)
        and not any(writer.taken(each, opening) for each, (_, opening) in zip(made, orders, strict=True))
    )


def _looked_for(
    writer: Writer, orders: Sequence[tuple[Submission, Open]], error: CalsyncError
) -> Mapping[Address, Outcome]:
    """What a request without an answer has made; the rest stays open for the next apply to settle."""
    return {opening.address: writer.look_for(opening) or unknown(error) for _, opening in orders}


def _abandon(writer: Writer, orders: Sequence[tuple[Submission, Open]]) -> None:
    for _, opening in orders:
        writer.not_created(opening)
