"""What the parts of one running sandbox share: data, clock, faults, limits, log and the knobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict

from calsync.sandbox.clock import Clock
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
    processing_seconds: float
    tikflow_history: bool
    tikflow_delete_status: Literal[200, 204]
    tikflow_upload_publishes: bool
    tikflow_quota: int


DEFAULTS = Knobs(
    # True: the documented limits; False: none; a dict: other numbers per minute for upload, read, publish,
    # delete (Postqued) and tikflow.
    rate_limits=True,
    # What GET /v2/ping answers: how a client tells which versions of Postqued are there.
    ping=404,
    # Whether Postqued's upload answer carries `upload.key`: v1's guide leaves it out, v2 has it.
    upload_key=False,
    # The same key with the same body: "replay" the first answer (v2's document), or "conflict" (v1's guide).
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
)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One sandbox's shared parts; ``knobs`` is the one mutable value, read anew at every request."""

    store: Store
    clock: Clock
    faults: Faults
    limits: Limits
    log: RequestLog
    knobs: Knobs
