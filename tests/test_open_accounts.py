"""Accounts of a service that knows its own networks, offline: how they are named, and options taken as written."""

from __future__ import annotations

from pathlib import Path

import pytest

from calsync.desired import Loaded, load
from calsync.environment import Environment
from calsync.errors import CalendarError, CalsyncError, Diagnostic, Severity
from calsync.media import MediaProblem
from calsync.model import MediaFile
from calsync.settings import Settings, load_settings

ACCOUNTS = """\
accounts:
  chirp: {provider: postiz, platform: x, username: "@chirp"}
  page: {provider: postiz, platform: linkedin-page, name: Our page}
  any: {provider: postiz, id: cm3x}
  brand: {provider: postqued, username: "@brand"}
"""


def nowhere(folder: Path, name: str) -> MediaFile:
    raise MediaProblem("media-missing", f"{name} does not exist")


def settings(root: Path, text: str = ACCOUNTS) -> Settings:
    (root / "calsync.yaml").write_text(text)
    return load_settings(root / "calsync.yaml")


def said(found: tuple[Diagnostic, ...], *severities: Severity) -> list[tuple[str, str]]:
    return [
        (f"{each.source.line}:{each.source.column}" if each.source else "", each.code)
        for each in found
        if each.severity in severities
    ]


def calendar(root: Path, text: str, accounts: str = ACCOUNTS) -> Loaded:
    (root / "calendars").mkdir(exist_ok=True)
    (root / "calendars" / "cal.yaml").write_text(text)
    return load(settings(root, accounts), look=nowhere)


def test_channels_are_named_by_id_handle_or_name(tmp_path: Path) -> None:
    """A network is any word there, x by either of its names; it may be left out where the id says it."""
    specs = settings(tmp_path, ACCOUNTS.replace("platform: x", "platform: twitter")).accounts
    assert {each.alias: (each.platform, each.open_options) for each in specs.values()} == {
        "chirp": ("x", True),
        "page": ("linkedin-page", True),
        "any": ("", True),
        "brand": ("tiktok", False),
    }
    assert specs["page"].name == "Our page"


@pytest.mark.parametrize(
    ("account", "code"),
    [
        ('a: {provider: postiz, username: "@a"}', "missing-key"),
        ("a: {provider: postiz, platform: Linked In, id: c}", "bad-value"),
        ("a: {provider: postqued, platform: linkedin-page, id: c}", "bad-value"),
        ("a: {provider: postiz, platform: x}", "missing-key"),
        ("a: {provider: postiz, platform: x, name: A}\n  b: {provider: postiz, platform: x, name: a}", "same-account"),
    ],
)  # fmt: skip
def test_what_does_not_name_a_channel(tmp_path: Path, account: str, code: str) -> None:
    """A name without its network, a network's name that is none, and one channel under two aliases are errors."""
    with pytest.raises(CalendarError) as caught:
        settings(tmp_path, f"accounts:\n  {account}\n")
    assert [each.code for each in caught.value.diagnostics] == [code]
    assert all(each.source is not None for each in caught.value.diagnostics)


def test_one_handle_on_x_through_two_services_is_a_warning(tmp_path: Path) -> None:
    """What one service calls twitter and the other x is one network."""
    loaded = settings(
        tmp_path, f'{ACCOUNTS}  other: {{provider: postqued, platform: twitter, username: "@Chirp"}}\n'
    )
    assert [each.code for each in loaded.warnings] == ["same-handle"]


def test_creates_per_hour_are_set_for_postiz_alone(tmp_path: Path) -> None:
    """A server's own quota is a setting of the service."""
    text = f"{ACCOUNTS}providers: {{postiz: {{creates_per_hour: 30}}}}\n"
    assert settings(tmp_path, text).services["postiz"].creates_per_hour == 30
    assert settings(tmp_path).services["postiz"].creates_per_hour is None
    with pytest.raises(CalendarError):
        settings(tmp_path, text.replace("postiz: {creates", "postqued: {creates"))


POST = "posts:\n  - {id: a, at: 2031-03-15 14:00, caption: hi, accounts: [chirp]"


def test_options_are_kept_as_written_with_their_places(tmp_path: Path) -> None:
    """Texts, lists and mappings, whatever their names; each value has a place, also inside another."""
    text = f"""\
defaults:
  options: {{short_link: true, who_can_reply_post: everyone, gone: 1}}
{POST},
     options: {{who_can_reply_post: following, gone: null, deep: {{list: [yes, ~, {{n: 1}}]}}}}}}
"""
    [entry] = calendar(tmp_path, text).entries
    assert dict(entry.content.options) == {
        "short_link": "true",
        "who_can_reply_post": "following",
        "deep": {"list": ["yes", None, {"n": "1"}]},
    }
    assert entry.inherited == {"short_link"}
    assert {
        name: f"{place.line}:{place.column}"
        for name, place in entry.places.items()
        if name.startswith("options.")
    } == {
        "options.short_link": "2:25",
        "options.who_can_reply_post": "5:36",
        "options.deep": "5:65",
        "options.deep.list": "5:72",
        "options.deep.list.0": "5:73",
        "options.deep.list.1": "5:78",
        "options.deep.list.2": "5:81",
        "options.deep.list.2.n": "5:85",
    }


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("{__type: x}", ("3:16", "bad-id")),
        ("{a: {b: {c: {d: {e: {f: 1}}}}}}", ("3:35", "too-deep")),
        (f"{{a: [{'1, ' * 600}]}}", ("3:1517", "too-many")),
        ("{a: &anchor [1]}", ("3:19", "anchor")),
    ],
)
def test_values_that_no_option_has(tmp_path: Path, options: str, found: tuple[str, str]) -> None:
    """Names that are the service's own business, values too deep, and what YAML may not say are errors."""
    loaded = calendar(tmp_path, f"{POST},\n     options: {options}}}\n")
    assert said(loaded.diagnostics, Severity.ERROR) == [found]


def test_defaults_may_hold_options_of_networks_that_nobody_knows_here(tmp_path: Path) -> None:
    """They are dropped with a note where the platform has none of that name; on the post itself they are errors."""
    text = """\
defaults:
  options: {privacy_level: SELF_ONLY, who_can_reply_post: everyone}
posts:
  - {id: a, at: 2031-03-15 14:00, accounts: [brand], media: {id: x}}
"""
    loaded = calendar(tmp_path, text)
    assert said(loaded.diagnostics, *Severity) == [("2:39", "option-dropped")]
    assert set(loaded.entries[0].content.options) == {"privacy_level"}
    own = "posts:\n  - {id: a, at: 2031-03-15 14:00, accounts: [brand], media: {id: x},\n     options: {privacy_level: SELF_ONLY, who_can_reply_post: everyone}}\n"
    assert ("3:42", "unknown-key") in said(calendar(tmp_path, own).diagnostics, Severity.ERROR)
    closed = calendar(tmp_path, text, 'accounts:\n  brand: {provider: postqued, username: "@brand"}\n')
    assert said(closed.diagnostics, Severity.ERROR) == [("2:39", "unknown-key")]


def test_tiktok_s_own_options_are_not_asked_of_an_open_account(tmp_path: Path) -> None:
    """There the service says which options its TikTok has."""
    accounts = "accounts:\n  tok: {provider: postiz, platform: tiktok, id: c}\n"
    text = "posts:\n  - {id: a, at: 2031-03-15 14:00, accounts: [tok], media: {id: x}}\n"
    assert calendar(tmp_path, text, accounts).valid


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://post.example.org/api", "https://post.example.org/api"),
        ("https://post.example.org/api/", "https://post.example.org/api"),
        ("http://localhost:4007/a-b/_c.d/", "http://localhost:4007/a-b/_c.d"),
        ("https://post.example.org", "https://post.example.org"),
    ],
)
def test_an_address_with_a_path(url: str, expected: str) -> None:
    """A server that people host themselves may stand below a path, where the service says so."""
    assert Environment.read({"CALSYNC_POSTIZ_URL": url}).service_url("postiz", path=True) == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://post.example.org/../api",
        "https://post.example.org/a//b",
        "https://post.example.org/a%2fb",
        "https://post.example.org/api?x",
        "https://u:p@post.example.org/api",
        "http://post.example.org/api",
        "https://post.example.org/a;b",
    ],
)
def test_paths_that_no_service_has(url: str) -> None:
    """Anything but plain segments is refused, and so is plain http beyond this machine."""
    with pytest.raises(CalsyncError) as caught:
        Environment.read({"CALSYNC_POSTIZ_URL": url}).service_url("postiz", path=True)
    assert caught.value.code == "service-url"
