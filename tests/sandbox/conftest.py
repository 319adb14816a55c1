"""A running sandbox, and clients that speak to it as any HTTP client would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from postiz_calls import KEY, Caller

from calsync.sandbox import Sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """Run a sandbox without rate limits."""
    with Sandbox(rate_limits=False) as sandbox:
        yield sandbox


@pytest.fixture
def plain(box: Sandbox) -> Iterator[httpx.Client]:
    """Speak without a key; here as below no proxy is taken from the environment."""
    with httpx.Client(base_url=box.url, trust_env=False) as client:
        yield client


@pytest.fixture
def postqued(box: Sandbox) -> Iterator[httpx.Client]:
    """Speak to Postqued with its key."""
    headers = {"Authorization": "Bearer pq_sandbox"}
    with httpx.Client(base_url=box.url, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def v2(box: Sandbox, postqued: httpx.Client) -> httpx.Client:
    """Speak to Postqued where v2 is served too."""
    box.set_knobs(ping=200)
    return postqued


@pytest.fixture
def tikflow(box: Sandbox) -> Iterator[httpx.Client]:
    """Speak to TikFlow with its key."""
    headers = {"Authorization": "Bearer sk_live_sandbox"}
    with httpx.Client(base_url=f"{box.url}/api/v1", headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def ahead(box: Sandbox) -> Callable[[float], str]:
    """Spell the time so many minutes ahead of the sandbox's clock."""
    return lambda minutes: (box.now() + timedelta(minutes=minutes)).isoformat()


@pytest.fixture(scope="module")
def postiz_house() -> Iterator[Caller]:
    """Run one sandbox for the tests of a module, and speak to its Postiz with the key."""
    with Sandbox(rate_limits=False) as sandbox:
        headers = {"Authorization": KEY}
        base = f"{sandbox.url}/public/v1"
        with httpx.Client(base_url=base, headers=headers, trust_env=False) as client:
            yield Caller(sandbox, client)


@pytest.fixture
def postiz(postiz_house: Caller) -> Caller:
    """Speak to a Postiz that is as at the start."""
    postiz_house.box.reset()
    return postiz_house
