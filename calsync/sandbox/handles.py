"""The handles of a running sandbox: look at it, move its clock, act as a person, script faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, Unpack
from uuid import uuid4

from calsync.sandbox import people, postiz_channels, postiz_people, seeds, v2_creators
from calsync.sandbox.faults import Fault, FaultKind
from calsync.sandbox.limits import DOCUMENTED
from calsync.sandbox.log import RequestClass, RequestEntry, ServiceName, Watcher
from calsync.sandbox.passing import settle
from calsync.sandbox.posts import (
    PostEntry,
    PublicationEntry,
    UploadEntry,
    all_posts,
    all_publications,
    all_uploads,
)
from calsync.sandbox.store import MAIN_WORKSPACE, Copy
from calsync.sandbox.wire import Json, JsonObject, to_datetime, to_ms
from calsync.sandbox.world import CHOICES, DEFAULTS, Knobs, World


class Handles:
    """What tests do with a sandbox besides speaking to its services; safe to call from any thread."""

    def __init__(self, world: World, knobs: Knobs) -> None:
        """Hold one sandbox, to which ``reset`` goes back with these knobs."""
        self._world = world
        self._first_knobs = knobs
        self.set_knobs(**knobs)
        self._plant()

    def now(self) -> datetime:
        """Tell the sandbox's time."""
        return to_datetime(self._world.clock.now_ms())

    def set_now(self, now: datetime) -> None:
        """Put the clock to an aware datetime, from where it goes on."""
        self._world.clock.set_now(now)

    def advance(self, span: timedelta) -> None:
        """Move the clock on."""
        self._world.clock.advance(span)

    def requests(self) -> list[RequestEntry]:
        """List the requests to the services and the storage, in the order of their arrival."""
        return self._world.log.entries()

    def watch(self, watcher: Watcher | None) -> None:
        """Have every request told as it arrives and before it is answered; None: no more. See ``log.Watcher``."""
        self._world.log.watcher = watcher

    def posts(self) -> list[PostEntry]:
        """List all posts there ever were, as they stand now, deleted ones included."""
        settle(self._world)
        with self._world.store.transaction() as db:
            return all_posts(db)

    def publications(self) -> list[PublicationEntry]:
        """List each time that a Postiz post went out, with what it was then."""
        settle(self._world)
        with self._world.store.transaction() as db:
            return all_publications(db)

    def uploads(self) -> list[UploadEntry]:
        """List what bytes arrived, and how many times."""
        with self._world.store.transaction() as db:
            return all_uploads(db)

    def seed_account(
        self,
        service: Literal["postqued", "tikflow", "postiz"],
        username: str,
        *,
        account_id: str | None = None,
        display_name: str | None = None,
        platform: str = "tiktok",
        workspace_id: str = MAIN_WORKSPACE,
        v2_only: bool = False,
    ) -> str:
        """Connect one more account; its id. Postqued's usernames begin with ``@``, TikFlow's do not.

        Workspaces are known to Postqued v2 alone; v1 shows the accounts of all, but for those ``v2_only``. At
        Postiz ``username`` is the profile, ``display_name`` the channel's name, ``platform`` its network.
        """
        account_id = account_id or str(uuid4())
        with self._world.store.transaction() as db:
            name = username if display_name is None else display_name
            seeds.add_account(
                db,
                service,
                account_id,
                username,
                name,
                platform,
                workspace_id=workspace_id,
                v2_only=v2_only,
                now=self._world.clock.now_ms(),
            )
        return account_id

    def seed_workspace(
        self, name: str, *, workspace_id: str | None = None, organization: str | None = None
    ) -> str:
        """Open one more workspace at Postqued; its id. The key reaches none of another organization."""
        workspace_id = workspace_id or str(uuid4())
        with self._world.store.transaction() as db:
            seeds.add_workspace(db, workspace_id, name, organization=organization)
        return workspace_id

    def set_creator(
        self,
        account_id: str,
        *,
        privacy_levels: Sequence[str] | None = None,
        longest_seconds: int | None = None,
        disabled: Sequence[Literal["comment", "duet", "stitch"]] = (),
    ) -> None:
        """Change what TikTok allows an account: Postqued v2 tells it as creator info and holds posts to it."""
        with self._world.store.transaction() as db:
            v2_creators.set_creator(
                db,
                account_id,
                privacy_levels=privacy_levels,
                longest_seconds=longest_seconds,
                disabled=disabled,
            )

    def set_channel(
        self, account_id: str, *, disabled: bool | None = None, refresh_needed: bool | None = None
    ) -> None:
        """Switch a channel of Postiz off or on, or let it lose its access, which only its posts will show."""
        with self._world.store.transaction() as db:
            seeds.set_channel(db, account_id, disabled=disabled, refresh_needed=refresh_needed)

    def remove_channel(self, account_id: str) -> None:
        """Take a channel of Postiz away by hand; its posts go with it."""
        with self._world.store.transaction() as db:
            seeds.check_channel(db, account_id)
            postiz_channels.remove(db, account_id)

    def seed_tag(self, label: str) -> str:
        """Make a tag at Postiz, which cannot be done through its API; its id."""
        tag_id = str(uuid4())
        with self._world.store.transaction() as db:
            db.execute("INSERT OR IGNORE INTO postiz_tags VALUES (?, ?, '#942828')", (tag_id, label))
        return tag_id

    def seed_medium(self, kind: Literal["video", "image"] = "image", *, media_id: str | None = None) -> str:
        """Put a medium into Postiz's library; its id."""
        now = self._world.clock.now_ms()
        with self._world.store.transaction() as db:
            return postiz_people.add_medium(db, now, kind=kind, media_id=media_id)

    def seed_content(
        self,
        kind: Literal["video", "image"] = "video",
        *,
        content_id: str | None = None,
        workspace_id: str = MAIN_WORKSPACE,
    ) -> str:
        """Put a content into Postqued's library; its id."""
        now = self._world.clock.now_ms()
        with self._world.store.transaction() as db:
            seeds.check_workspace(db, workspace_id)
            return people.add_content(db, now, content_id=content_id, kind=kind, workspace_id=workspace_id)

    def seed_upload(
        self,
        account_id: str = seeds.TIKFLOW_ACCOUNTS[0][0],
        *,
        upload_id: str | None = None,
        title: str = "Uploaded in the dashboard",
        description: str = "",
    ) -> str:
        """Put an upload at TikFlow that can be scheduled; its id."""
        with self._world.store.transaction() as db:
            return people.add_upload(
                db,
                self._world.clock.now_ms(),
                account_id=account_id,
                upload_id=upload_id,
                title=title,
                description=description,
            )

    def add_post(
        self,
        service: Literal["postqued", "tikflow", "postiz"],
        account_id: str,
        at: datetime,
        *,
        caption: str = "",
        media: Sequence[str] = (),
        intent: Literal["publish", "draft"] = "publish",
        options: JsonObject | None = None,
        thread: Sequence[str] = (),
    ) -> str:
        """Schedule a post by hand in the dashboard; its publish or schedule id, or Postiz's id.

        ``thread``: the texts of replies, at Postiz only.
        """
        now = settle(self._world)
        with self._world.store.transaction() as db:
            return people.add_post(
                db,
                now,
                service=service,
                account_id=account_id,
                at_ms=to_ms(at),
                caption=caption,
                media=media,
                intent=intent,
                options=options,
                thread=thread,
            )

    def edit_post(
        self,
        post_id: str,
        *,
        at: datetime | None = None,
        caption: str | None = None,
        media: Sequence[str] | None = None,
        thread: Sequence[str] | None = None,
    ) -> None:
        """Change a waiting post by hand; its media, by their ids, and its replies only at Postiz."""
        now = settle(self._world)
        at_ms = None if at is None else to_ms(at)
        with self._world.store.transaction() as db:
            people.edit_post(db, now, post_id, at_ms=at_ms, caption=caption, media=media, thread=thread)

    def stop_post(self, post_id: str) -> None:
        """Cancel a waiting post by hand; at Postiz it is a draft then."""
        settle(self._world)
        with self._world.store.transaction() as db:
            people.stop_post(db, post_id)

    def delete_post(self, post_id: str) -> None:
        """Delete a post by hand, so that its service does not show it any more."""
        settle(self._world)
        with self._world.store.transaction() as db:
            people.delete_post(db, post_id)

    def fail_post(self, post_id: str, error: str = "spam_risk_too_many_posts") -> None:
        """Let a post that has not gone out fail."""
        settle(self._world)
        with self._world.store.transaction() as db:
            people.fail_post(db, post_id, error)

    def fault(
        self,
        kind: FaultKind,
        *,
        service: ServiceName | None = None,
        request_class: RequestClass | None = None,
        method: str | None = None,
        path: str | None = None,
        skip: int = 0,
        times: int | None = 1,
        status: int = 503,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = 0.0,
        field: str = "",
    ) -> None:
        """Script a fault; see ``faults.Fault`` for the meaning of each argument."""
        self._world.faults.add(
            Fault(
                kind=kind,
                service=service,
                request_class=request_class,
                method=method,
                path=path,
                skip=skip,
                times=times,
                status=status,
                body=body,
                headers=headers or {},
                seconds=seconds,
                field=field,
            )
        )

    def clear_faults(self) -> None:
        """Forget the faults still to come, and let connections in again."""
        self._world.faults.clear()
        for door in self._world.doors:
            door.open()

    def knobs(self) -> Knobs:
        """Tell how the services are set to behave."""
        return self._world.knobs.copy()

    def set_knobs(self, **knobs: Unpack[Knobs]) -> None:
        """Change how the services behave from the next request on; see ``world.DEFAULTS``."""
        unknown = knobs.keys() - DEFAULTS.keys()
        if unknown:
            raise TypeError(f"the sandbox has no knob {', '.join(sorted(unknown))}")
        limits = knobs.get("rate_limits")
        if isinstance(limits, dict) and not limits.keys() <= DOCUMENTED.keys():
            raise TypeError(f"the rate limits are {', '.join(DOCUMENTED)}")
        for name, value in knobs.items():
            choices = CHOICES.get(name, ())
            if choices and value not in choices:
                raise ValueError(f"the knob {name} is one of {', '.join(map(str, choices))}")
        self._world.knobs.update(knobs)

    def reset(self) -> None:
        """Go back to a fresh sandbox: seeds only, no faults, nothing counted or logged, the real time."""
        self._world.store.clear()
        self.clear_faults()
        self._world.limits.clear()
        self._world.log.clear()
        self._world.clock.set_now(datetime.now().astimezone())
        self._world.knobs.update(DEFAULTS)
        self._world.knobs.update(self._first_knobs)
        self._plant()

    def copy(self) -> Copy:
        """Copy the services' records as they stand, for ``restore``."""
        return self._world.store.copy()

    def restore(self, copy: Copy) -> None:
        """Reset, but to the records of a copy instead of to the seeds."""
        self.reset()
        self._world.store.restore(copy)

    def _plant(self) -> None:
        with self._world.store.transaction() as db:
            seeds.plant(db, self._world.clock.now_ms())
