"""What Postqued v2 shows. Its OpenAPI document leaves these bodies out, so that every reader takes several shapes.

What cannot be told from an answer is None, which its caller turns into "not read", never into "nothing there".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from calsync.model import CreatorInfo, Intent, Json, Options, RemoteId, Sighting, Status
from calsync.providers.base import RemoteAccount
from calsync.providers.postqued_common import status
from calsync.providers.reading import fields, ident, items, moment, reason, text, whole

_LISTS = ("publishes", "requests", "publishRequests", "items", "data")
"""Where a list of publish requests may be, when it is not the answer itself."""
_SHELLS = ("publish", "publishRequest", "request", "data")
"""What one publish request may be wrapped in."""
_PUBLISH = ("publishId", "publishRequestId")
_ACCOUNT = ("accountId", "platformAccountId", "integrationId", "socialAccountId")
_TIMES = ("dispatchAt", "scheduledAt", "scheduledFor", "publishAt")


@dataclass(frozen=True, slots=True)
class Request:
    """A publish request as it is shown: one sighting per target; `posts` None: its targets are not shown.

    `deleted`: it says of itself that it is.
    """

    id: str
    posts: tuple[Sighting, ...] | None
    status: Status = Status.UNKNOWN
    deleted: bool = False


def requests(body: Json) -> tuple[Request, ...] | None:
    """All publish requests of a listing; None where the answer, or anything in it, is not understood."""
    rows = body
    for _ in range(2):
        if isinstance(rows, dict):
            held = [rows[name] for name in _LISTS if isinstance(rows.get(name), list)]
            rows = held[0] if held else rows.get("data")
    if not isinstance(rows, list):
        return None
    found = [request(each) for each in rows]
    known = tuple(each for each in found if each is not None)
    return known if len(known) == len(rows) else None


def more(body: Json) -> bool:
    """Whether a listing says that it is not whole, although no way to ask for the rest is documented."""
    for place in (fields(body), fields(body, "pagination"), fields(body, "meta"), fields(body, "data")):
        if place.get("hasMore") is True or place.get("hasNextPage") is True or text(place, "nextCursor"):
            return True
        page = whole(place, "page")
        pages = whole(place, "pages") or whole(place, "totalPages")
        if page is not None and pages is not None and page < pages:
            return True
    return False


def request(body: Json) -> Request | None:
    """One publish request, in a listing or alone; None where it has no id."""
    outer = fields(body)
    inner = next((fields(outer.get(name)) for name in _SHELLS if isinstance(outer.get(name), dict)), {})
    shown = {**inner, **outer}
    targets = shown.get("targets")
    if isinstance(targets, list) and not all(isinstance(each, dict) for each in targets):
        # One that is not understood may be ours.
        targets = None
    if not isinstance(targets, list) and (publish_id := ident(shown, *_PUBLISH)) and _account(shown):
        # A row per target instead of a row per request.
        return Request(publish_id, (_sighting(publish_id, shown, shown),))
    publish_id = ident(outer, "id", *_PUBLISH) or ident(inner, "id", *_PUBLISH)
    if publish_id is None:
        return None
    if shown.get("deletedAt") or shown.get("status") == "deleted":
        return Request(publish_id, (), deleted=True)
    if not isinstance(targets, list):
        return Request(publish_id, None, status(None, text(shown, "status")))
    alone = shown if len(targets) == 1 else {**shown, "status": None}
    return Request(publish_id, tuple(_sighting(publish_id, each, alone) for each in items(targets)))


def chosen(posts: Sequence[Sighting], remote_id: RemoteId, account_id: str) -> Sighting | None:
    """The target that is meant: by its id, else, where that is not known, the account's, else the only one."""
    if remote_id.part is not None:
        found = [each for each in posts if each.remote_id.part == remote_id.part]
        # A target without an id cannot be told apart, unless it is alone.
        return found[0] if found else posts[0] if len(posts) == 1 and not posts[0].remote_id.part else None
    ours = [each for each in posts if each.account_id == account_id]
    if len(ours) == 1:
        return ours[0]
    return posts[0] if len(posts) == 1 and posts[0].account_id in (None, account_id) else None


def doubtful(found: Request, remote_id: RemoteId) -> bool:
    """Whether the one that is meant, though none was chosen, may be there: its targets do not tell."""
    if not found.posts:
        return not found.deleted
    return any(
        each.remote_id.part is None or (remote_id.part is None and each.account_id is None)
        for each in found.posts
    )


def _sighting(publish_id: str, target: Mapping[str, Json], shown: Mapping[str, Json]) -> Sighting:
    intent = text(target, "intent") or text(shown, "intent")
    return Sighting(
        remote_id=RemoteId(publish_id, ident(target, "id", "targetId")),
        account_id=_account(target),
        status=status(text(target, "status"), text(shown, "status")),
        at=moment(target, *_TIMES) or moment(shown, *_TIMES),
        caption=text(target, "caption") or text(shown, "caption"),
        intent=Intent(intent) if intent in tuple(Intent) else None,
        options=Options(renamed(fields(target.get("options")), snake)),
        media=_media(target) or _media(shown),
        reason=reason(target, shown),
    )


def _account(target: Mapping[str, Json]) -> str | None:
    places = ("account", "platformAccount", "integration", "socialAccount")
    nested = (text(fields(target.get(name)), "id") for name in places)
    return text(target, *_ACCOUNT) or next((each for each in nested if each), None)


def _media(shown: Mapping[str, Json]) -> tuple[str, ...] | None:
    """Content ids in order; None where one is not told."""
    for name in ("contentIds", "contents", "content", "assets", "media"):
        value = shown.get(name)
        if not isinstance(value, list):
            continue
        ids = [each if isinstance(each, str) else text(fields(each), "id", "contentId") for each in value]
        known = tuple(each for each in ids if each)
        return known if len(known) == len(ids) else None
    return None


def snake(name: str) -> str:
    """`privacyLevel` as calendars spell it: `privacy_level`."""
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda found: f"_{found.group()}", name).lower()


def renamed(values: Mapping[str, Json], spell: Callable[[str], str]) -> dict[str, Json]:
    """Options with all names in one spelling, those inside of options (an Instagram crop) too."""

    def within(value: Json) -> Json:
        if isinstance(value, dict):
            return {spell(name): within(each) for name, each in value.items()}
        return [within(each) for each in value] if isinstance(value, list) else value

    return {spell(name): within(value) for name, value in values.items()}


@dataclass(frozen=True, slots=True, order=True)
class Workspace:
    """A workspace that the key sees."""

    id: str
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.id})" if self.name else self.id


def workspaces(body: Json) -> tuple[Workspace, ...]:
    """The workspaces in a context, wherever they are: those listed as such, else those that an id names."""
    listed: dict[str, Workspace] = {}
    mentioned: dict[str, Workspace] = {}
    for name, value in _walk(body):
        word = re.sub(r"[^a-z]", "", name.lower())
        if word.endswith(("workspace", "workspaces")):
            for each in (*items(value), *([value] if isinstance(value, dict) else ())):
                if found := text(each, "id", "workspaceId"):
                    listed.setdefault(found, Workspace(found, text(each, "name", "title", "slug")))
        ids = value if isinstance(value, list) else [value]
        if word.endswith(("workspaceid", "workspaceids")):
            mentioned.update({each: Workspace(each) for each in ids if isinstance(each, str) and each})
    return tuple((listed or mentioned).values())


def accounts(body: Json, workspace: str) -> list[RemoteAccount] | None:
    """The connected accounts of a workspace; None where there is no list of them."""
    listed = body
    if not isinstance(body, list):
        held = (fields(body).get(name) for name in ("accounts", "integrations", "items", "data"))
        listed = next((each for each in held if isinstance(each, list)), None)
    if listed is None:
        return None
    return [
        RemoteAccount(
            id=account_id,
            platform=text(each, "platform") or "tiktok",
            username=text(each, "username"),
            name=text(each, "displayName"),
            workspace=workspace,
        )
        for each in items(listed)
        if (account_id := text(each, "id"))
    ]


def creator(body: Json) -> CreatorInfo | None:
    """What TikTok says of an account, in its own snake_case or in camelCase, however deep; None: not understood."""
    for shown in ({snake(name): value for name, value in each.items()} for each in _objects(body)):
        levels = shown.get("privacy_level_options")
        seconds = whole(shown, "max_video_post_duration_sec")
        switches = [shown.get(f"{name}_disabled") for name in ("comment", "duet", "stitch")]
        choices = tuple(each for each in levels if isinstance(each, str)) if isinstance(levels, list) else ()
        if not choices and not seconds and not any(isinstance(each, bool) for each in switches):
            continue
        return CreatorInfo(
            privacy_levels=choices or None,
            max_video_seconds=seconds or None,
            disabled=frozenset(
                name
                for name, value in zip(("comment", "duet", "stitch"), switches, strict=True)
                if value is True
            ),
        )
    return None


def _objects(value: Json) -> Iterator[Mapping[str, Json]]:
    """Every object of a body, outermost first."""
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _objects(each)
    elif isinstance(value, list):
        for each in value:
            yield from _objects(each)


def _walk(value: Json) -> Iterator[tuple[str, Json]]:
    """Every field of every object of a body, by name."""
    for each in _objects(value):
        yield from each.items()
