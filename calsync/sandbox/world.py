"""What the parts of one running sandbox share: data, clock, faults, limits, log and the knobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict, get_args, get_origin, get_type_hints

from calsync.sandbox.clock import Clock
from calsync.sandbox.doors import Door
from calsync.sandbox.faults import Faults
from calsync.sandbox.limits import Limits
from calsync.sandbox.log import RequestLog
from calsync.sandbox.store import Store


class Knobs(TypedDict, total=False):
    """How the services behave where their documents are silent or contradict each other; see ``DEFAULTS``."""

    rate_limits: bool | dict[str, int]
    ping: Literal[200, 404, 410, 500]
    upload_key: bool
    duplicate_key: Literal["replay", "conflict"]
    v1_retired: bool
    v2_list_shape: Literal["list", "publishes", "publishRequests", "requests", "items", "data"]
    v2_publish_id: Literal["id", "publishId", "publish.id"]
    v2_list_dates: Literal["dispatch", "created"]
    v2_error_field: Literal["error", "errorMessage", "failureReason", "errorCode"]
    v2_dry_run: Literal["refuse", "report"]
    v2_delete_cancels: bool
    v2_creator_info: Literal["snake", "camel", "wrapped", "opaque"]
    v2_context: Literal["nested", "flat"]
    processing_seconds: float
    tikflow_history: bool
    tikflow_delete_status: Literal[200, 204]
    tikflow_upload_publishes: bool
    tikflow_quota: int
    postiz: Literal["2.23.0", "HEAD"]
    postiz_worker: bool
    url_life_seconds: float
    late_reads: int
    late_seconds: float


DEFAULTS = Knobs(
    # True: the documented limits; False: none; a dict: other numbers per minute for upload, read, publish,
    # delete (Postqued), tikflow and, in postiz_seconds, postiz.
    rate_limits=True,
    # What GET /v2/ping answers: how a client tells which versions of Postqued are there. v2 is served where
    # it is 200; otherwise every path of v2 answers the same status.
    ping=404,
    # Whether every path of v1 answers 410.
    v1_retired=False,
    # In what GET /v2/publish wraps its publishes ("list": in nothing), where a publish says its id
    # ("publish.id": answers about one are wrapped in `publish`), and what a failed target calls its reason:
    # not documented.
    v2_list_shape="publishes",
    v2_publish_id="id",
    v2_error_field="error",
    # Which date startDate and endDate of GET /v2/publish are about: not documented.
    v2_list_dates="dispatch",
    # What a dry run says of a request that is well-formed but would be refused: the same refusal, or 200 with
    # `valid` false and a list of errors. Not documented.
    v2_dry_run="refuse",
    # Whether DELETE of a publish in v2 stops what waits: not documented. By default it only hides it.
    v2_delete_cancels=False,
    # The shape of creator info: TikTok's own names, the same in camel case, that wrapped in `creatorInfo`, or
    # nothing that one could understand. Not documented.
    v2_creator_info="snake",
    # Whether GET /v2/mcp/context lists workspaces within their organizations or beside them: not documented.
    v2_context="nested",
    # Whether Postqued's upload answer carries `upload.key`: v1's guide leaves it out, v2 has it.
    upload_key=False,
    # The same key with the same body in v1: "replay" the first answer, as v2 always does by its document, or
    # "conflict", as v1's guide reads.
    duplicate_key="replay",
    # How long a Postqued target stays `processing` after its time.
    processing_seconds=0.0,
    # Whether executed and cancelled schedules stay in TikFlow's list: not documented.
    tikflow_history=True,
    # What a TikFlow DELETE answers: not documented.
    tikflow_delete_status=200,
    # Whether an upload that nobody schedules publishes itself, as it did in the one documented example.
    tikflow_upload_publishes=True,
    # Scheduled posts that the TikFlow plan allows at a time: Professional's number.
    tikflow_quota=50,
    # Which Postiz is there: the release, or the later state of its development, whose list shows settings and
    # which publishes nothing twice unless it is told to.
    postiz="2.23.0",
    # Whether Postiz's worker runs, which publishes: without it everything else works, and posts stay QUEUE.
    postiz_worker=True,
    # How long a presigned URL lives, by the sandbox's clock: the custom of S3-like stores.
    url_life_seconds=900.0,
    # How many reads of posts, or how many real seconds, the effects of writes stay hidden from lists and
    # lookups (from the last write on): whether either service is that slow is not documented.
    late_reads=0,
    late_seconds=0.0,
)

CHOICES = {
    name: get_args(kind) for name, kind in get_type_hints(Knobs).items() if get_origin(kind) is Literal
}
"""The values of those knobs that have only a few: a misspelt one would change nothing, in silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One sandbox's shared parts; ``knobs`` is the one mutable value, read anew at every request."""

    store: Store
    clock: Clock
    faults: Faults
    limits: Limits
    log: RequestLog
    knobs: Knobs
    doors: list[Door]
