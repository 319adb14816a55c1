"""What a sighting counts as, where a service knows drafts that wait and posts that nobody may touch. Pure."""

from __future__ import annotations

from dataclasses import replace

from calsync.model import Capabilities, Content, Intent, Post, Record, Sighting, Status


def counted(sighting: Sighting, record: Record, post: Post | None, abilities: Capabilities) -> Sighting:
    """The sighting of a record, with the status that decides.

    What nobody may touch is like a post on its way out. A draft that a person has finished is published, unless
    the calendar wants it published too: then it is a scheduled post like any other.
    """
    if sighting.fixed is not None and sighting.status is not Status.UNKNOWN:
        return replace(sighting, status=Status.PROCESSING)
    finished = (
        abilities.drafts_wait
        and record.content.intent is Intent.DRAFT
        and (sighting.status, sighting.intent) == (Status.SCHEDULED, Intent.PUBLISH)
    )
    if finished and not _published(post):
        return replace(sighting, status=Status.PUBLISHED)
    return sighting


def shelved(sighting: Sighting | None, record: Record, post: Post | None, abilities: Capabilities) -> bool:
    """Whether a person has made a draft of a post that is wanted."""
    return (
        abilities.drafts_wait
        and record.content.intent is Intent.PUBLISH
        and _published(post)
        and sighting is not None
        and (sighting.status, sighting.intent) == (Status.SCHEDULED, Intent.DRAFT)
    )


def _published(post: Post | None) -> bool:
    return post is not None and post.wanted and post.content.intent is Intent.PUBLISH


def in_place(content: Content, abilities: Capabilities) -> bool:
    """Whether a post is where it is to be as soon as it is made: a draft that waits is never overdue."""
    return abilities.drafts_wait and content.intent is Intent.DRAFT
