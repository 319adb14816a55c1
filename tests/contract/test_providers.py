"""The contract suite at the services that are built in, over HTTP at the sandbox and in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Literal

import pytest
from services import House, connected

from calsync.errors import Rejected
from calsync.model import RemoteId
from calsync.providers.memory import ACCOUNTS, CAPABILITIES, Memory
from calsync.sandbox import Sandbox, seeds
from calsync.testing import NOBODY, ProviderContract

BARE = replace(CAPABILITIES, lists=False, cancels=False, moves=False, updates=False)
"""As little as Postqued v1 can."""
KEYLESS = replace(
    CAPABILITIES, key_life=None, drafts_wait=True, hidden=frozenset({"media", "options"}), together=20
)
"""As Postiz can."""
KINDS = {"": CAPABILITIES, "bare": BARE, "keyless": KEYLESS}
HOUSES = (
    "memory",
    "memory, bare",
    "memory, keyless",
    "postqued, v1",
    "postqued, v2",
    "tikflow",
    "postiz, 2.23.0",
    "postiz, HEAD",
)


class TestProviders(ProviderContract):
    """Every test of the suite, at every service."""

    @pytest.fixture(params=HOUSES)
    def bench(self, request: pytest.FixtureRequest) -> Iterator[House]:
        """One service with two accounts."""
        service, _, kind = str(request.param).partition(", ")
        postiz: Literal["2.23.0", "HEAD"] = "2.23.0" if kind == "2.23.0" else "HEAD"
        with Sandbox(rate_limits=False, ping=200 if kind == "v2" else 404, postiz=postiz) as box:
            if service == "memory":
                memory = Memory(now=box.now, capabilities=KINDS[kind])
                yield House("memory", box, memory, (ACCOUNTS[0].id, ACCOUNTS[1].id))
                return
            accounts = {
                "postqued": [each[0] for each in seeds.POSTQUED_ACCOUNTS],
                "tikflow": [each[0] for each in seeds.TIKFLOW_ACCOUNTS],
                "postiz": [each.id for each in seeds.POSTIZ_CHANNELS if each.network == "telegram"],
            }
            box.seed_upload(seeds.TIKFLOW_ACCOUNTS[1][0])
            provider, transport = connected(service, box.url, box.now, allow_upload=True)
            with transport:
                assert service != "postqued" or kind == provider.capabilities.api
                first, second, *_ = accounts[service]
                yield House(service, box, provider, (first, second))

    def test_an_id_is_one_segment_of_a_path(self, bench: House) -> None:
        """Whatever is in it becomes neither another path nor a query."""
        for wild in ("a/../b", "x?y=1#z", NOBODY.id):
            with suppress(Rejected):
                bench.seen(RemoteId(wild))
        assert not any("y" in each["query"] for each in bench.box.requests())
