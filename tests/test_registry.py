"""Services by name: built in, from plug-ins, and unknown ones; and the one that lives in memory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from loopback import Key
from services import video

from calsync import providers
from calsync.errors import CalsyncError, Rejected, Unauthorized, Uncertain
from calsync.model import AccountKey, Content, Options, Rate, Status
from calsync.providers.base import Link, Scope, ServiceSettings, Submission, Window
from calsync.providers.memory import ACCOUNTS, CAPABILITIES, Memory
from calsync.transport import Transport

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SCOPE = Scope(AccountKey("memory", ACCOUNTS[0].id))


def post(number: int = 0) -> Submission:
    content = Content(
        at=NOW + timedelta(hours=1 + number), caption=f"post {number}", options=Options({"a": 1})
    )
    return Submission(scope=SCOPE, platform="tiktok", content=content, assets=())


def test_built_in_services_and_what_they_are_reached_with() -> None:
    """Addresses and documented rates, under what the project says."""
    assert {"memory", "postqued", "tikflow"} <= {*providers.known()}
    assert providers.base_url("postqued") == "https://api.postqued.com"
    assert providers.base_url("tikflow") == "https://api.d1g.qzz.io"
    assert providers.base_url("memory") is None
    chosen = ServiceSettings(service="postqued", rate_limits={"publish": 2})
    assert providers.rates(chosen) == {
        "upload": Rate(20),
        "read": Rate(30),
        "publish": Rate(2),
        "delete": Rate(20),
    }
    assert providers.rates(ServiceSettings(service="tikflow")) == {"all": Rate(100)}
    assert providers.rates(ServiceSettings(service="memory")) == {}


def test_an_unknown_service_says_which_there_are() -> None:
    """And which one may have been meant."""
    for ask in (providers.base_url, lambda name: providers.limits(ServiceSettings(service=name))):
        with pytest.raises(CalsyncError, match="memory, postiz, postqued, tikflow") as caught:
            ask("postqeud")
        assert caught.value.hint == "did you mean postqued?"


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Installs a distribution with one entry point."""

    def install(name: str, module: str) -> None:
        info = tmp_path / f"plug_{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: plug-{name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[calsync.providers]\n{name} = {module}\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    (tmp_path / "our_service.py").write_text(
        "from calsync.providers.memory import LIMITS, Memory\n"
        "BASE_URL = 'https://example.com'\n"
        "from calsync.model import Rate\n"
        "RATE_LIMITS = {'all': 5, 'publish': Rate(90, 3600)}\n"
        "def limits(settings): return (LIMITS,)\n"
        "def connect(link): return Memory(now=link.now, service=link.settings.service)\n"
    )
    monkeypatch.delitem(sys.modules, "our_service", raising=False)
    return install


def test_a_plug_in_is_a_service_like_any_other(plug_in: Callable[[str, str], None]) -> None:
    """Named in the entry point group, imported when it is asked for."""
    plug_in("ours", "our_service")
    assert "ours" in providers.known()
    assert "our_service" not in sys.modules
    settings = ServiceSettings(service="ours")
    assert providers.base_url("ours") == "https://example.com"
    assert providers.rates(settings) == {"all": Rate(5), "publish": Rate(90, 3600)}
    with Transport("http://localhost", Key(), service="ours") as transport:
        provider = providers.connect(Link(settings=settings, transport=transport, now=lambda: NOW))
    assert provider.service == "ours"
    del sys.modules["our_service"]


def test_a_plug_in_cannot_take_the_place_of_a_built_in(plug_in: Callable[[str, str], None]) -> None:
    """It would be handed that service's key."""
    plug_in("postqued", "our_service")
    assert providers.base_url("postqued") == "https://api.postqued.com"


def test_a_broken_plug_in_is_named(plug_in: Callable[[str, str], None]) -> None:
    """Rather than a traceback."""
    plug_in("broken", "no_such_module")
    with pytest.raises(CalsyncError, match="plug-in for broken cannot be loaded from no_such_module"):
        providers.base_url("broken")


# In memory


def test_trouble_comes_before_a_call_or_after_it() -> None:
    """A lost request and a lost answer differ in what has happened."""
    errors: list[Exception] = [Uncertain("lost", service="memory")]

    def before(name: str) -> None:
        if name == "create":
            raise errors[0]

    memory = Memory(now=lambda: NOW, trouble=before)
    with pytest.raises(Uncertain):
        memory.create(post(), token="k")
    assert memory.posts() == []
    memory.trouble = lambda name: errors[0] if name == "create" else None
    with pytest.raises(Uncertain):
        memory.create(post(), token="k")
    assert len(memory.posts()) == 1
    memory.trouble = lambda _: None
    assert memory.create(post(), token="k") == memory.posts()[0].remote_id
    assert memory.calls == ["create", "create", "create"]


def test_keys_live_as_long_as_they_are_said_to() -> None:
    """After that, or where there are none, the same create makes another post."""
    now = [NOW]
    memory = Memory(now=lambda: now[0])
    first = memory.create(post(48), token="k")
    now[0] += timedelta(hours=24)
    assert memory.create(post(48), token="k") != first
    keyless = Memory(now=lambda: NOW, capabilities=replace(CAPABILITIES, key_life=None))
    assert keyless.create(post(), token="k") != keyless.create(post(), token="k")


def test_what_a_service_hides_is_not_shown() -> None:
    """So that one provider stands for any."""
    memory = Memory(now=lambda: NOW, hides=frozenset({"at", "caption", "media", "options"}))
    seen = memory.get_post(memory.create(post(), token="k"), SCOPE)
    assert seen is not None
    assert (seen.at, seen.caption, seen.media, dict(seen.options)) == (None, None, None, {})
    assert (seen.title, seen.media_count) == ("", 0)


def test_without_history_what_is_over_is_gone() -> None:
    """As TikFlow's list may be."""
    now = [NOW]
    memory = Memory(now=lambda: now[0], capabilities=replace(CAPABILITIES, keeps_history=False))
    remote_id = memory.create(post(), token="k")
    window = Window(NOW, NOW + timedelta(days=2))
    assert [each.remote_id for each in memory.list_posts([SCOPE], window)] == [remote_id]
    now[0] += timedelta(days=1)
    assert memory.get_post(remote_id, SCOPE) is None
    assert memory.list_posts([SCOPE], window) == ()
    assert [(each.status, each.times_published) for each in memory.posts()] == [(Status.PUBLISHED, 1)]


def test_places_accounts_and_content_are_checked() -> None:
    """What a real service refuses, it refuses."""
    memory = Memory(now=lambda: NOW, quota=1)
    stranger = replace(post(), scope=Scope(AccountKey("memory", "nobody")))
    with pytest.raises(Rejected):
        memory.create(stranger, token="a")
    asset = memory.upload([video()], post())
    assert memory.contents == {asset: video().media.sha256}
    lost = replace(post(), assets=("asset-9",))
    with pytest.raises(Rejected) as caught:
        memory.create(lost, token="b")
    assert caught.value.asset_gone
    memory.create(replace(post(), assets=(asset,)), token="c")
    with pytest.raises(Unauthorized) as full:
        memory.create(post(1), token="d")
    assert full.value.quota


def test_a_person_adds_and_edits() -> None:
    """Past the API."""
    memory = Memory(now=lambda: NOW)
    remote_id = memory.add(ACCOUNTS[0].id, post().content, "asset-x")
    memory.edit(remote_id, post(3).content)
    seen = memory.get_post(remote_id, SCOPE)
    assert seen is not None
    assert (seen.at, seen.caption, seen.media) == (post(3).content.at, "post 3", ("asset-x",))


def test_updating_in_place() -> None:
    """All fields, where the service is able to."""
    memory = Memory(now=lambda: NOW)
    remote_id = memory.create(post(), token="k")
    assert memory.update(remote_id, post(5)) == remote_id
    assert memory.posts()[0].content == post(5).content
    memory.capabilities = replace(CAPABILITIES, updates=False)
    with pytest.raises(Rejected):
        memory.update(remote_id, post(6))
