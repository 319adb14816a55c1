"""The nouns: addresses, content, posts, records, sightings, capabilities, and the three states made of them.

Everything here is a frozen value. `plan` meets nothing else: what was typed (desired), what we wrote down that
we did (recorded) and what the services say (observed).

    values     times, text, addresses, options, media, content
    posts      entries, accounts, posts, the desired state
    services   capabilities, limits, policy
    records    sightings, records, open intents, uploads, the recorded and the observed state
"""

from calsync.model.posts import (
    Account,
    AccountKey,
    AccountSpec,
    Desired,
    Entry,
    Post,
    Standing,
)
from calsync.model.records import (
    IntentKind,
    Observed,
    Open,
    Record,
    Recorded,
    RemoteId,
    Sighting,
    Status,
    Unfinished,
    UploadKey,
    UploadUnit,
    single_upload,
    upload_units,
)
from calsync.model.services import (
    Capabilities,
    Channel,
    CreatorInfo,
    DriftPolicy,
    Limits,
    Policy,
    Usage,
)
from calsync.model.values import (
    TEXT_FIELDS,
    Address,
    Content,
    Intent,
    Json,
    Media,
    MediaFile,
    MediaKind,
    MediaRef,
    Options,
    RemoteMedia,
    Reply,
    canonical,
    comparable,
    moment,
    stamp,
    units,
    utc,
)

__all__ = [
    "TEXT_FIELDS",
    "Account",
    "AccountKey",
    "AccountSpec",
    "Address",
    "Capabilities",
    "Channel",
    "Content",
    "CreatorInfo",
    "Desired",
    "DriftPolicy",
    "Entry",
    "Intent",
    "IntentKind",
    "Json",
    "Limits",
    "Media",
    "MediaFile",
    "MediaKind",
    "MediaRef",
    "Observed",
    "Open",
    "Options",
    "Policy",
    "Post",
    "Record",
    "Recorded",
    "RemoteId",
    "RemoteMedia",
    "Reply",
    "Sighting",
    "Standing",
    "Status",
    "Unfinished",
    "UploadKey",
    "UploadUnit",
    "Usage",
    "canonical",
    "comparable",
    "moment",
    "single_upload",
    "stamp",
    "units",
    "upload_units",
    "utc",
]
