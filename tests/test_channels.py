"""Accounts of a service that says what its networks take: bound, typed, measured and held back before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from state_values import PROJECT, WHO
from worlds import Quiet

from calsync.desired import load
from calsync.errors import CalendarError, CalsyncError, Diagnostic, Unavailable
from calsync.interrupts import StopSign
from calsync.model import Channel, Json
from calsync.observed import Refresh
from calsync.plan import Filters, Plan
from calsync.providers.base import RemoteAccount
from calsync.providers.memory import CAPABILITIES, LIMITS, Memory
from calsync.reconcile.apply import Applied, Orders, apply
from calsync.reconcile.look import make_plan
from calsync.reconcile.project import Project
from calsync.reconcile.status import accounts
from calsync.recorded import Ledger
from calsync.rules.channel import measured
from calsync.settings import load_settings
from calsync.stores.memory import MemoryStore

NOW = datetime(2031, 3, 1, 12, tzinfo=UTC)
X: dict[str, Json] = {
    "type": "object",
    "properties": {
        "who_can_reply_post": {"type": "string", "enum": ["everyone", "following"]},
        "made_with_ai": {"type": "boolean"},
        "community": {"type": "string"},
    },
    "required": ["who_can_reply_post"],
}
LINKEDIN: dict[str, Json] = {"type": "object", "properties": {"carousel": {"type": "boolean"}}}
CHANNELS = {
    "c-x": Channel(options=X, caption_units=280),
    "c-li": Channel(options=LINKEDIN, caption_units=3000),
    "c-m": Channel(caption_units=500),
}
REMOTE = (
    RemoteAccount(id="c-x", platform="x", username="@chirp", name="Chirp"),
    RemoteAccount(id="c-li", platform="linkedin-page", username="ours", name="Our page"),
    RemoteAccount(id="c-li2", platform="linkedin-page", username="ours", name="Other page"),
    RemoteAccount(id="c-m", platform="mastodon", username="@m@example.social", name="M"),
)
ACCOUNTS = """\
accounts:
  chirp: {provider: postiz, platform: x, username: "@Chirp"}
  page: {provider: postiz, platform: linkedin-page, name: our page}
  toot: {provider: postiz, id: c-m}
"""


@dataclass
class Place:
    """A project in a directory, at a service in memory that stands for one with networks of its own."""

    root: Path
    accounts: str = ACCOUNTS
    store: MemoryStore = field(default_factory=MemoryStore)

    def __post_init__(self) -> None:
        self.service = Memory(
            now=lambda: NOW,
            service="postiz",
            capabilities=replace(CAPABILITIES, knows_channel=True),
            remote_accounts=REMOTE,
            channels=dict(CHANNELS),
        )
        (self.root / "calendars").mkdir()
        Ledger.init(self.store, WHO, project=PROJECT)

    def posts(self, text: str) -> None:
        """Write the one calendar."""
        (self.root / "calendars" / "cal.yaml").write_text(text)

    def project(self) -> Project:
        (self.root / "calsync.yaml").write_text(f"project: {PROJECT}\n{self.accounts}")
        settings = load_settings(self.root / "calsync.yaml")
        return Project(
            settings=settings,
            store=self.store,
            now=lambda: NOW,
            load=lambda: load(settings),
            connect=lambda *_: self.service,
            limits=lambda _: (replace(LIMITS, thread=True),),
        )

    def plan(self) -> Plan:
        return make_plan(self.project(), filters=Filters(), mode=Refresh.AUTO).plan

    def apply(self) -> Applied:
        orders = Orders(
            filters=Filters(),
            approve=lambda _, __: True,
            holder=WHO,
            stop=StopSign(),
            watcher=Quiet(),
            allow_cancels=100,
        )
        return apply(self.project(), orders)

    def refused(self) -> list[Diagnostic]:
        """What stops a plan; nothing is sent."""
        with pytest.raises(CalendarError) as caught:
            self.plan()
        assert "create" not in self.service.calls
        return list(caught.value.diagnostics)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def said(found: list[Diagnostic] | tuple[Diagnostic, ...]) -> list[tuple[str, str, str]]:
    return [(str(each.source or ""), each.severity.value, each.code) for each in found]


def post(name: str, account: str, more: str = "") -> str:
    hour = "abcdef".index(name)
    return f"  - {{id: {name}, at: 2031-03-15 1{hour}:00, accounts: [{account}], caption: {name}{more}}}\n"


def test_what_was_typed_shows_no_change_right_after_it_was_applied(place: Place) -> None:
    """Options are typed by the network's schema, recorded as such, and the next plan has nothing to do."""
    place.posts(
        "posts:\n"
        + post("a", "chirp", ", options: {who_can_reply_post: everyone, made_with_ai: true, community: 123}")
        + post("b", "page", ", options: {carousel: false, short_link: true, tags: [launch]}")
        + post("c", "toot")
    )
    assert [outcome.kind.value for outcome in place.apply().outcomes] == ["done"] * 3
    assert {each.account_id: dict(each.content.options) for each in place.service.posts()} == {
        "c-x": {"who_can_reply_post": "everyone", "made_with_ai": True, "community": "123"},
        "c-li": {"carousel": False, "short_link": True, "tags": ["launch"]},
        "c-m": {},
    }
    place.service.calls.clear()
    again = place.plan()
    assert (again.actions, again.diagnostics) == ((), ())
    assert place.service.calls.count("channel") == 3


def test_what_a_network_does_not_take_is_said_at_its_place(place: Place) -> None:
    """Unknown options with a suggestion, wrong types and values, what is missing, and texts that are too long."""
    place.posts(
        "posts:\n"
        + post("a", "chirp", ", options: {who_can_reply_post: nobody, made_wth_ai: true}")
        + post("b", "chirp", ", options: {community: [1]}")
        + post("c", "page", ", options: {carousel: maybe, short_link: soon}")
        + "  - id: d\n    at: 2031-03-15 15:00\n    accounts: [toot]\n"
        + f"    caption: {'x' * 501}\n    thread: [fine, {'y' * 501}]\n"
    )
    found = place.refused()
    assert said(found) == [
        ("calendars/cal.yaml:2:96", "error", "bad-value"),
        ("calendars/cal.yaml:2:117", "error", "unknown-key"),
        ("calendars/cal.yaml:3:75", "error", "missing-key"),
        ("calendars/cal.yaml:3:87", "error", "wrong-type"),
        ("calendars/cal.yaml:4:85", "error", "wrong-type"),
        ("calendars/cal.yaml:4:104", "error", "wrong-type"),
        ("calendars/cal.yaml:8:14", "error", "caption-length"),
        ("calendars/cal.yaml:9:20", "error", "thread-length"),
    ]
    hints = {each.code: each.hint for each in found}
    assert hints["unknown-key"] == "did you mean made_with_ai?"
    assert all(each.address is not None for each in found)


def test_options_of_several_networks_may_stand_in_the_defaults(place: Place) -> None:
    """Each account takes its own and goes without the others', with a note; what no network knows is an error."""
    place.posts(
        "defaults:\n  options: {who_can_reply_post: everyone, carousel: true}\nposts:\n"
        + post("a", "chirp")
        + post("b", "page")
    )
    plan = place.plan()
    assert {each.address.post: dict(each.content.options) for each in plan.actions if each.content} == {
        "a": {"who_can_reply_post": "everyone"},
        "b": {"carousel": True},
    }
    assert said(plan.diagnostics) == [
        ("calendars/cal.yaml:2:33", "note", "option-dropped"),
        ("calendars/cal.yaml:2:53", "note", "option-dropped"),
    ]
    place.posts("defaults:\n  options: {zzz: true}\nposts:\n" + post("a", "page"))
    assert said(place.plan().diagnostics) == [("calendars/cal.yaml:2:18", "note", "option-dropped")]
    place.accounts = ACCOUNTS.rpartition("  toot")[0]
    place.posts(
        "defaults:\n  options: {who_can_reply_post: everyone, zzz: true}\nposts:\n"
        + post("a", "chirp")
        + post("b", "page")
    )
    assert ("calendars/cal.yaml:2:48", "error", "unknown-key") in said(place.refused())


def test_where_nothing_is_known_options_go_as_text_with_a_note(place: Place) -> None:
    """What was recorded with a type keeps it, also once the service no longer describes its network."""
    place.posts("posts:\n" + post("a", "toot", ", options: {visibility: 1}"))
    plan = place.plan()
    assert [dict(each.content.options) for each in plan.actions if each.content] == [{"visibility": "1"}]
    assert said(plan.diagnostics) == [("calendars/cal.yaml:2:87", "note", "options-unchecked")]
    place.posts("posts:\n" + post("a", "page", ", options: {carousel: true}"))
    place.apply()
    place.service.channels = {}
    assert (place.plan().actions, place.plan().diagnostics) == ((), ())


def test_what_is_over_or_unwanted_needs_no_mending(place: Place) -> None:
    """A network that asks for more today does not make yesterday's calendars wrong."""
    line = "  - {id: b, at: 2031-02-15 14:00, accounts: [chirp], caption: hi, options: {zzz: 1}}\n"
    place.posts("posts:\n" + post("a", "chirp", ", cancel: true, options: {zzz: 1}") + line)
    assert place.plan().lines == ()


@pytest.mark.parametrize("told", ["accounts", "channel"])
def test_an_account_where_nothing_can_be_posted_holds_back_its_own_posts(place: Place, told: str) -> None:
    """Its creates are blocked and the account is named; other accounts go on, and so do cancels."""
    place.posts("posts:\n" + post("a", "toot") + post("b", "page", ", options: {carousel: true}"))
    place.apply()
    if told == "accounts":
        place.service.remote_accounts = tuple(
            replace(each, unusable="it is disabled") if each.id == "c-m" else each for each in REMOTE
        )
    else:
        place.service.channels = CHANNELS | {"c-m": Channel(unusable="it needs a refresh")}
    unchanged = place.plan()
    assert said(unchanged.diagnostics) == [("calsync.yaml:5:3", "warning", "account-unusable")]
    later = ", title: other"
    place.posts("posts:\n" + post("c", "toot", later) + post("d", "page", later))
    applied = place.apply()
    assert {each.address.post: each.kind.value for each in applied.plan.actions} == {
        "a": "cancel",
        "b": "cancel",
        "c": "blocked",
        "d": "create",
    }
    assert ("calsync.yaml:5:3", "error", "account-unusable") in said(applied.plan.diagnostics)
    lines, _ = accounts(place.project())
    assert [each.unusable for each in lines if each.alias == "toot"] == [
        "it is disabled" if told == "accounts" else None
    ]


def test_an_id_that_the_service_does_not_have_is_no_account(place: Place) -> None:
    """Nothing is posted there, and nobody is asked what it takes."""
    place.accounts = ACCOUNTS.replace("id: c-m", "id: c-gone")
    place.posts("posts:\n" + post("a", "toot") + post("b", "page"))
    plan = place.plan()
    assert {each.address.post: each.kind.value for each in plan.actions} == {"a": "blocked", "b": "create"}
    assert said(plan.diagnostics) == [("calsync.yaml:5:3", "error", "account-unusable")]


def test_a_slip_in_an_id_takes_no_post_back(place: Place) -> None:
    """What stands under the alias stays, until the account is there that it now means."""
    place.posts("posts:\n" + post("a", "toot") + post("b", "page"))
    place.apply()
    place.accounts = ACCOUNTS.replace("id: c-m", "id: c-n")
    applied = place.apply()
    assert [(each.kind.value, each.code) for each in applied.plan.actions] == [
        ("blocked", "account-unusable")
    ] * 2
    assert [each.hint for each in applied.plan.diagnostics] == [
        "correct `id:` (`calsync accounts` lists them), or `paused: true`"
    ]
    assert len(place.service.posts()) == 2
    place.accounts = ACCOUNTS
    assert place.plan().actions == ()


@pytest.mark.parametrize(
    ("account", "code"),
    [
        ("{provider: postiz, platform: linkedin-page, username: ours}", "account-ambiguous"),
        ("{provider: postiz, platform: x, name: Nobody}", "account-unknown"),
        ("{provider: postiz, platform: x, id: c-m}", "account-unknown"),
    ],
)
def test_an_account_that_cannot_be_told_stops_the_run(place: Place, account: str, code: str) -> None:
    """Two of a name, none of it, and an id on another network: the message says where and what to write."""
    place.accounts = f"accounts:\n  page: {account}\n"
    place.posts("posts:\n" + post("b", "page"))
    with pytest.raises(CalsyncError, match=r"calsync\.yaml:3:3") as caught:
        place.plan()
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("account", "words"),
    [
        (
            "{provider: postiz, platform: x, name: Nobody}",
            r"no x account Nobody; it has Brand, Chirp, Mal\\n::error::x$",
        ),
        ("{provider: postiz, platform: mastadon, name: Brand}", "no mastadon accounts; .* on .*mastodon"),
    ],
)
def test_what_the_service_has_is_named_in_one_line(place: Place, account: str, words: str) -> None:
    """The accounts of that network by what was asked for; a name from there is no line of its own in a log."""
    place.service.remote_accounts = (
        *REMOTE,
        RemoteAccount(id="c-y", platform="x", username="mal", name="Mal\n::error::x"),
        RemoteAccount(id="c-z", platform="x", username="brand", name="Brand"),
    )
    place.accounts = f"accounts:\n  page: {account}\n"
    place.posts("posts:\n" + post("b", "page"))
    with pytest.raises(CalsyncError, match=words):
        place.plan()


def test_a_service_that_does_not_say_what_its_networks_take_decides_nothing(place: Place) -> None:
    """Its posts are left alone, as where its accounts cannot be read."""
    place.posts("posts:\n" + post("b", "page"))
    place.service.trouble = failing("channel")
    plan = place.plan()
    assert plan.actions == ()
    assert set(plan.halted) == {"postiz"}


def failing(call: str) -> Callable[[str], Exception | None]:
    def trouble(name: str) -> Exception | None:
        if name == call:
            raise Unavailable("it does not answer", service="postiz")
        return None

    return trouble


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("hello", 5),
        ("漢" * 140, 280),
        ("漢" * 141, 282),
        ("&" * 56, 280),
        ("&" * 57, 285),
        ("&lt;b", 5),
        ("https://a.io", 23),
        ("https://a.io/" + "x" * 307, 320),
        ("🚀", 2),
        ("❤️", 2),
    ],
)
def test_lengths_on_x(text: str, length: int) -> None:
    """Weighted or raw, whichever is more; an ampersand counts as it is sent, an address 23 at least."""
    assert measured(text, "x") == length
    assert measured(text, "mastodon") == len(text.encode("utf-16-le")) // 2


def test_services_that_know_no_channels_are_asked_for_none(tmp_path: Path) -> None:
    """Then options are what they are written as, and ids are taken at their word."""
    place = Place(tmp_path)
    place.service.capabilities = CAPABILITIES
    place.accounts = "accounts:\n  toot: {provider: postiz, id: c-gone}\n"
    place.posts("posts:\n" + post("a", "toot", ", options: {a: 1}"))
    assert [each.kind.value for each in place.plan().actions] == ["create"]
    assert "channel" not in place.service.calls
    assert "accounts" not in place.service.calls
