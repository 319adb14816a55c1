"""The provider contract: what a service must be able to do, and how to add one.

A provider turns these calls into requests of one service and what comes back into model values. It knows
neither calendars nor plans, never decides, and never retries a create on its own: `Uncertain` means "look first".

To add a service: write a module with two names and register it in the entry point group `calsync.providers`
(`my-service = "my_package.my_module"`), or in `calsync.providers.BUILT_IN`:

    def limits(settings: ServiceSettings) -> Sequence[Limits]      # offline: one per version that could be meant
    def connect(link: Link) -> Provider                            # online: may ask the service for its version

and, if it can do less than everything, `abilities(settings: ServiceSettings) -> Capabilities`: what it is expected to
be able to do, for comparing two commits offline;

and, where the service is reached over HTTP, two more: `BASE_URL`, its address, which makes `MY_SERVICE_API_KEY` its
key and `CALSYNC_MY_SERVICE_URL` another address of it (with `URL_PATH = True` one that may have a path), and
`RATE_LIMITS`, requests per minute by class (`upload`, `read`, `publish`, `delete`, or `all`), or in another span:
`{"publish": Rate(90, 3600)}`. `AUTHORIZATION` is what the header of that name holds, "Bearer {key}" unless it says
otherwise. In a distribution of its own, that is in `pyproject.toml`

    [project.entry-points."calsync.providers"]
    my-service = "my_package.my_module"

and, once it is installed beside calsync, `provider: my-service` in calsync.yaml. What it has to keep is tested by
subclassing `calsync.testing.ProviderContract`. The names of built-in services cannot be taken.

Capabilities say what a service can do, and the plan never asks for more: `list_posts`, `cancel`, `reschedule`,
`update`, `create_together`, `creator`, `channel`, `workspace` and `check` need not do anything where their
capability is not set. Calls come from several threads at once.

Raise the errors of `calsync.errors`: `Rejected`, `Unauthorized`, `Throttled`, `Unavailable`, `Uncertain`. The line
between the last two is what idempotence rests on: `Unavailable` only where the request certainly had no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from calsync.errors import Diagnostic, Rejected, TooClose
from calsync.model import (
    AccountKey,
    Capabilities,
    Channel,
    Content,
    CreatorInfo,
    MediaFile,
    Rates,
    RemoteId,
    Sighting,
    Status,
    Usage,
    stamp,
)

if TYPE_CHECKING:
    from calsync.transport import Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """What the project file says of one service (never a key, never an address)."""

    service: str
    api: str = "auto"
    workspace: str | None = None
    quota: int | None = None
    allow_upload: bool = False
    rate_limits: Rates = field(default_factory=dict)
    creates_per_hour: int | None = None


def require_time(at: datetime, now: datetime, lead_time: timedelta) -> None:
    """Raise TooClose for a time that has passed, or that the lead time has caught up with."""
    if at <= now or at < now + lead_time:
        raise TooClose(
            f"its time {stamp(at)} is by now closer than the lead time, so it was not sent",
            hint="give it a later time",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a provider is connected with: its settings, the way to its service, the clock, and the policy's lead time.

    No time closer than the lead time is ever sent: a provider judges it right before each try (see `in_time`).
    """

    settings: ServiceSettings
    transport: Transport
    now: Callable[[], datetime]
    lead_time: timedelta = timedelta()

    def in_time(self, at: datetime) -> Callable[[], None]:
        """A check for `Transport.request(before=...)`: raises TooClose once the time is too close to be sent."""

        def judge() -> None:
            require_time(at, self.now(), self.lead_time)

        return judge


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteAccount:
    """One account that the service has. `unusable`: why nothing can be posted there now, such as "it is disabled"."""

    id: str
    platform: str
    username: str | None = None
    name: str | None = None
    workspace: str | None = None
    unusable: str | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a request happens: an account and, where the service has them, its workspace."""

    account: AccountKey
    workspace: str | None = None


_MARGIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of publish times, both ends included, in UTC.

    `moments`: the times in it around which something matters, sorted; none named means all of it.
    """

    start: datetime
    end: datetime
    moments: tuple[datetime, ...] = ()

    @classmethod
    def around(cls, moments: Iterable[datetime]) -> Window:
        """The window that covers these times (at least one) with a day before and after."""
        times = tuple(sorted(set(moments)))
        return cls(times[0] - _MARGIN, times[-1] + _MARGIN, times)

    def parts(self, longest: timedelta) -> Iterator[Window]:
        """Windows of at most this length that cover what matters, as few as can be.

        A calendar that jumps over years asks for the days it names, not for every month between.
        """
        left = list(self.moments)
        while left:
            last = max(each for each in left if each <= left[0] + longest - 2 * _MARGIN)
            yield Window(left[0] - _MARGIN, last + _MARGIN)
            left = [each for each in left if each > last]
        start = self.start
        while not self.moments and start < self.end:
            end = min(start + longest, self.end)
            yield Window(start, end)
            start = end


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """All that a create sends: the same submission always becomes the same bytes, so that it can be sent again."""

    scope: Scope
    platform: str
    content: Content
    assets: tuple[str, ...]


class Payload(Protocol):
    """A file on its way up: its facts, and its bytes from disk in chunks, as often as a retry needs them."""

    @property
    def media(self) -> MediaFile:
        """What the file is."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """The bytes, 256 KiB at a time. Raises CalsyncError at the end when they are not what was planned."""
        ...


class Provider(Protocol):
    """One service. Every call may raise a ProviderError."""

    service: str
    capabilities: Capabilities

    def normalize(self, content: Content, platform: str = "tiktok") -> Content:
        """The content as the service will report it back, so that an untouched post never shows drift. Pure."""
        ...

    def workspace(self) -> str | None:
        """The workspace of accounts for which the project names none; asked only with the capability `workspaces`.

        Raises CalsyncError where there are several to choose from.
        """
        ...

    def accounts(self) -> Sequence[RemoteAccount]:
        """The accounts the key can publish to, as far as the service lists them."""
        ...

    def usage(self) -> Usage | None:
        """Places for scheduled posts, where the service says."""
        ...

    def creator(self, scope: Scope) -> CreatorInfo | None:
        """What TikTok allows an account now; None where that is not understood. Asked only with `knows_creator`."""
        ...

    def channel(self, scope: Scope) -> Channel | None:
        """What an account's network takes; None where that is not understood. Asked only with `knows_channel`."""
        ...

    def list_posts(self, scopes: Sequence[Scope], window: Window) -> Sequence[Sighting]:
        """Every post of these accounts in the window; () where the service has no list (capability `lists`)."""
        ...

    def get_post(self, remote_id: RemoteId, scope: Scope) -> Sighting | None:
        """One post by id; None where the service says that it has none."""
        ...

    def check(self, submission: Submission) -> Sequence[Diagnostic]:
        """A dry run of a create, where the service has one; () otherwise. Writes nothing.

        Raises Rejected with `asset_gone` where only the content is no longer known there.
        """
        ...

    def upload(self, files: Sequence[Payload], submission: Submission) -> str:
        """Upload one unit (see `model.upload_units`) and return its asset id. `submission.assets` is empty."""
        ...

    def asset_status(self, asset: str) -> Status | None:
        """How an upload itself stands, where uploading may publish it (TikFlow); None elsewhere."""
        ...

    def create_body(self, submission: Submission) -> bytes:
        """The exact bytes that `create` sends. Pure."""
        ...

    def create(self, submission: Submission, *, token: str) -> RemoteId:
        """Schedule a post, one attempt. `token` is the idempotency key where the service has keys."""
        ...

    def create_together(
        self, submissions: Sequence[Submission], *, tokens: Sequence[str]
    ) -> Sequence[RemoteId]:
        """Schedule several posts with one request, one attempt; only with the capability `together`.

        They share workspace, time and intent. `tokens` and the ids, of which each is another, are in their order.
        Raises Rejected only where none was made.
        """
        ...

    def reschedule(self, remote_id: RemoteId, submission: Submission) -> None:
        """Move a scheduled post to the submission's time, whose other fields it has already. May be repeated.

        The assets are those it was made from, for services that can only send a post as a whole.
        """
        ...

    def update(self, remote_id: RemoteId, submission: Submission) -> RemoteId:
        """Set all fields of a scheduled post in place; only with the capability `updates`."""
        ...

    def cancel(self, remote_id: RemoteId, scope: Scope) -> None:
        """Take a scheduled post back; returns once that is confirmed. Absent already: fine. May be repeated."""
        ...


class Plain:
    """To be subclassed by providers: what a service need not have, as it is where there is none of it."""

    service: str

    def workspace(self) -> str | None:
        """None: there are none."""
        return None

    def usage(self) -> Usage | None:
        """None: it does not say."""
        return None

    def creator(self, scope: Scope) -> CreatorInfo | None:  # noqa: ARG002 - the contract's
        """None: it does not say."""
        return None

    def channel(self, scope: Scope) -> Channel | None:  # noqa: ARG002 - the contract's
        """None: it does not say."""
        return None

    def check(self, submission: Submission) -> Sequence[Diagnostic]:  # noqa: ARG002 - the contract's
        """Nothing: there is no dry run."""
        return ()

    def asset_status(self, asset: str) -> Status | None:  # noqa: ARG002 - the contract's
        """None: an upload publishes nothing."""
        return None

    def create_together(
        self,
        submissions: Sequence[Submission],
        *,
        tokens: Sequence[str],  # noqa: ARG002 - the contract's
    ) -> Sequence[RemoteId]:
        """Refused, before anything is sent."""
        message = f"{self.service} takes one post a request, not {len(submissions)}"
        raise Rejected(message, service=self.service)
