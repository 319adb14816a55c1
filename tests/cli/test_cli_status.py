"""status and accounts from outside: each word, and when it is exit 4."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from outside import FLOW, UPLOADS, Project, ahead, flow, moment, video

IN_3, IN_4 = ahead(days=3), ahead(days=4)


def applied(
    post: dict[str, Any], change: Callable[[Project, str], Any] | None = None
) -> Callable[[Project], None]:
    """One post, applied; then something happens to it."""

    def arrange(project: Project) -> None:
        project.calendar(post)
        project.apply()
        if change is not None:
            change(project, project.posts()[0]["id"])

    return arrange


def unapplied(*posts: dict[str, Any], **knobs: Any) -> Callable[[Project], None]:
    """Posts that were never applied."""

    def arrange(project: Project) -> None:
        project.box.set_knobs(**knobs)
        project.calendar(*posts)

    return arrange


def publish(project: Project, _: str) -> None:
    project.box.advance(timedelta(days=3, hours=1))


def process(project: Project, _: str) -> None:
    project.box.set_knobs(processing_seconds=1e6)
    project.box.advance(timedelta(hours=6))


def overdue(project: Project) -> None:
    """The service's clock stands still: what was due 20 minutes ago is scheduled still."""
    project.box.set_now(moment(ahead(hours=-2)))
    at = ahead(minutes=-20)
    project.box.add_post("tikflow", FLOW, moment(at), media=[UPLOADS[0]])
    project.calendar(flow("post", at))
    project.run("state", "adopt", "spring/post@flow", code=0)


def unknown(project: Project) -> None:
    project.calendar(flow("post", IN_3))
    project.box.fault("answer", path="/api/v1/schedule/create", status=500)
    project.apply(code=4)
    # Two posts that may be the one: nobody can tell.
    for _ in range(2):
        project.box.add_post("tikflow", FLOW, moment(IN_3), media=[UPLOADS[0]])


WORDS: list[tuple[str, str, Callable[[Project], None], int]] = [
    ("pending", "pending", unapplied(video("post", IN_3)), 0),
    ("pending, too close", "pending", unapplied(video("post", ahead(hours=1))), 0),
    ("deferred", "deferred", unapplied(flow("post", IN_3), tikflow_quota=0), 0),
    ("missed", "missed", unapplied(video("post", ahead(hours=-2))), 4),
    ("missed within 7 days", "missed", unapplied(video("post", ahead(days=-6))), 4),
    ("missed long ago", "missed", unapplied(video("post", ahead(days=-8))), 0),
    ("scheduled, postqued", "scheduled", applied(video("post", IN_3)), 0),
    ("scheduled, tikflow", "scheduled", applied(flow("post", IN_3)), 0),
    ("processing", "processing", applied(video("post", ahead(hours=5)), process), 0),
    ("published, postqued", "published", applied(video("post", ahead(hours=5)), publish), 0),
    ("published, tikflow", "published", applied(flow("post", ahead(hours=5)), publish), 0),
    ("delivered", "delivered", applied(video("post", ahead(hours=5), intent="draft"), publish), 0),
    ("failed", "failed", applied(video("post", ahead(hours=5)), lambda p, i: p.box.fail_post(i, "spam_risk")), 4),
    ("stopped", "stopped", applied(flow("post", IN_3), lambda p, i: p.box.stop_post(i)), 0),
    ("lost", "lost", applied(flow("post", IN_3), lambda p, i: p.box.delete_post(i)), 4),
    ("overdue", "overdue", overdue, 4),
    ("unknown", "unknown", unknown, 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "arrange", "code"), [each[1:] for each in WORDS], ids=[each[0] for each in WORDS]
)
def test_each_word(project: Project, word: str, arrange: Callable[[Project], None], code: int) -> None:
    """Each status has its word, in JSON and for people, and alarms with exit 4 where a person is needed."""
    arrange(project)
    shown = project.run("status", "--format", "json")
    [line] = shown.json["posts"]
    assert line["status"] == word, str(shown)
    assert shown.code == code, str(shown)
    assert set(line) >= {"address", "status", "at", "provider", "remote_id", "error"}
    assert line["address"].startswith("spring/post@")
    assert line["provider"] in ("postqued", "tikflow")
    assert bool(line["remote_id"]) == (word not in ("pending", "deferred", "missed", "unknown"))
    text = project.run("status", code=code)
    assert word in text.out
    assert "spring/post@" in text.out


def test_the_reason_of_a_failure_is_told(project: Project) -> None:
    """A service's reason stands in status, and in the plan: where TikFlow shows it only after the time, then."""
    overdue(project)
    project.box.fail_post(project.posts()[0]["id"], "spam_risk_too_many_posts")
    shown = project.run("status", "--format", "json", code=4).json["posts"][0]
    assert shown["status"] == "failed"
    assert "spam_risk_too_many_posts" in shown["error"]
    planned = project.plan()
    assert planned.codes() == {"failed": "error"}
    assert "spam_risk_too_many_posts" in planned.json["diagnostics"][0]["message"]


def test_what_is_due_soon_is_read_at_postqued(project: Project) -> None:
    """v1 has no list: status asks for every post due within the last 7 days or the next one, and for no other."""
    project.calendar(video("near", ahead(hours=20)), video("far", ahead(days=20)))
    project.apply()
    before = len(project.box.requests())
    project.run("status", code=0)
    asked = [each["path"] for each in project.box.requests()[before:] if "/publish/" in each["path"]]
    near = next(each["id"] for each in project.posts() if each["caption"] == "The near")
    assert asked == [f"/v1/content/publish/{near}"]


def test_removed_posts_are_listed_until_they_are_gone(project: Project) -> None:
    """status shows what is recorded, whether its entry is still there or not."""
    project.calendar(flow("post", IN_3), flow("stays", IN_4, 1))
    project.apply()
    project.calendar(flow("stays", IN_4, 1))
    addresses = [each["address"] for each in project.run("status", "--format", "json").json["posts"]]
    assert addresses == ["spring/post@flow", "spring/stays@flow"]
    project.apply()
    addresses = [each["address"] for each in project.run("status", "--format", "json").json["posts"]]
    assert addresses == ["spring/stays@flow"]


def test_accounts(project: Project) -> None:
    """accounts lists what each service has, with our aliases; a service that cannot be asked is exit 1 after the rest."""
    project.calendar()
    shown = project.run("accounts", "--format", "json", code=0).json["accounts"]
    by_alias = {each["alias"]: each for each in shown if each["alias"]}
    assert by_alias["brand"]["username"] == "@brand"
    assert by_alias["second"]["provider"] == "postqued"
    project.box.fault("answer", path="/v1/platform-accounts", status=401)
    failed = project.run("accounts", "--format", "json", code=1)
    assert "postqued" in failed.json["error"]["message"]
    text = project.run("accounts", code=0).out
    assert "@second" in text
