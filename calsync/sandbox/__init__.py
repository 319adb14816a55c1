"""A loopback double of Postqued, TikFlow and Postiz, made from what is known of them and not from our client.

It imports nothing of calsync: a double that shared code with what it doubles would share its mistakes. Where
the documents are silent, the choice is named in the module that makes it and, where a client should bear
both, is a knob.

::

    with Sandbox(rate_limits=False) as box:
        ...                      # speak to box.url with box.environment
        box.advance(timedelta(days=2))
        assert [post["status"] for post in box.posts()] == ["published"]

Postqued's v1 is always there unless ``v1_retired=True``, its v2 where ``ping=200``; ``postiz="HEAD"`` is a later
Postiz than the release.

====================  ================================================================================
``server``            ``Sandbox`` and ``serve``: start, stop, the two ports
``handles``           what tests do with a sandbox: look, move the clock, act as a person, script faults
``control``           the same over HTTP, under ``/_sandbox/``
``apps``              puts the services behind their gates
``gate``              before each service: log, faults, key, rate limit, passing of time
``postqued``          Postqued's records and rules, whatever the version
``postqued_v1``       its endpoints of v1
``postqued_v2``       its endpoints of v2; ``v2_contents``: those for contents
``v2_calls``          what the endpoints of v2 have in common: description, workspaces
``v2_targets``        what v2 checks in a publish; ``v2_creators``: what TikTok allows an account
``v2_shapes``         how v2's answers look
``described``         holds requests and answers to the OpenAPI description beside it
``contents``          the first step of an upload in both versions
``storage``           where Postqued's presigned URLs lead
``tikflow``           TikFlow's scheduling and subscription; ``tikflow_uploads``: its uploads
``postiz``            Postiz's endpoints for channels and posts; ``postiz_media``: for uploads
``postiz_bodies``     what it checks in a post; ``postiz_channels``: its networks and their rules
``postiz_texts``      what it makes of texts, and how it counts them; ``postiz_wire``: its dates and refusals
``postiz_posts``      its posts and their jobs; ``postiz_people``: what a person does to them
``passing``           posts go out when their time comes
``people``            what a person does in a dashboard, past the API
``posts``             the truth about posts and uploads, for tests
``world``             what these parts share, and the knobs
``seeds``             what a fresh sandbox holds
``store``             SQLite and the stored bytes
``clock``             the movable clock; ``limits``: rate limits
``faults``            scripted faults: which, when; ``trouble``: how a request suffers one; ``changed``: answers
                      that are not quite as documented; ``doors``: ports that refuse connections
``lateness``          lists and lookups that lag behind writes
``log``               the requests; ``wire``: JSON, instants, refusals
====================  ================================================================================
"""

from __future__ import annotations

from calsync.sandbox.log import RequestEntry
from calsync.sandbox.people import NoSuchPost
from calsync.sandbox.posts import PostEntry, PublicationEntry, UploadEntry
from calsync.sandbox.server import Sandbox, serve
from calsync.sandbox.world import Knobs

__all__ = [
    "Knobs",
    "NoSuchPost",
    "PostEntry",
    "PublicationEntry",
    "RequestEntry",
    "Sandbox",
    "UploadEntry",
    "serve",
]
