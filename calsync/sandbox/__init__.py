"""A loopback double of Postqued v1 and TikFlow, made from their documents and not from our client.

It imports nothing of calsync: a double that shared code with what it doubles would share its mistakes. Where
the documents are silent, the choice is named in the module that makes it and, where a client should bear
both, is a knob.

::

    with Sandbox(rate_limits=False) as box:
        ...                      # speak to box.url with box.environment
        box.advance(timedelta(days=2))
        assert [post["status"] for post in box.posts()] == ["published"]

===================  =================================================================================
``server``           ``Sandbox`` and ``serve``: start, stop, the two ports ``handles``          what tests do
with a sandbox: look, move the clock, act as a person, script faults ``control``          the same over HTTP,
under ``/_sandbox/`` ``apps``             puts the services behind their gates ``gate``             before
each service: log, faults, key, rate limit, passing of time ``postqued_v1``      Postqued's endpoints;
``postqued``: its records and rules, whatever the version ``storage``          where Postqued's presigned URLs
lead ``tikflow``          TikFlow's scheduling and subscription; ``tikflow_uploads``: its uploads ``passing``
posts go out when their time comes ``people``           what a person does in a dashboard, past the API
``posts``            the truth about posts and uploads, for tests ``world``            what these parts share,
and the knobs ``seeds``            what a fresh sandbox holds ``store``            SQLite and the stored bytes
``clock``            the movable clock; ``limits``: rate limits; ``faults``: scripted faults; ``log``:
requests ``wire``             JSON, instants, refusals ===================
=================================================================================
"""

from __future__ import annotations

from calsync.sandbox.log import RequestEntry
from calsync.sandbox.people import NoSuchPost
from calsync.sandbox.posts import PostEntry, UploadEntry
from calsync.sandbox.server import Sandbox, serve
from calsync.sandbox.world import Knobs

__all__ = ["Knobs", "NoSuchPost", "PostEntry", "RequestEntry", "Sandbox", "UploadEntry", "serve"]
