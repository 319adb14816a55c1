"""The handles of tests: clock, people, log, control over HTTP, and the sandbox as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from calsync.sandbox import NoSuchPost, Sandbox

BRAND = "660e8400-e29b-41d4-a716-446655440001"
TIKFLOW = "123e4567-e89b-12d3-a456-426614174000"
Ahead = Callable[[float], str]


def test_the_clock_goes_on_from_where_it_is_put(box: Sandbox) -> None:
    """It is moved, not stopped; a naive time is refused."""
    assert abs(box.now() - datetime.now(UTC)) < timedelta(seconds=5)
    box.set_now(datetime(2030, 3, 31, 12, tzinfo=UTC))
    box.advance(timedelta(hours=1))
    first = box.now()
    assert timedelta() <= first - datetime(2030, 3, 31, 13, tzinfo=UTC) < timedelta(seconds=5)
    while box.now() == first:
        pass
    with pytest.raises(ValueError, match="time zone"):
        box.set_now(box.now().replace(tzinfo=None))


@pytest.mark.parametrize(("service", "account"), [("postqued", BRAND), ("tikflow", TIKFLOW)])
def test_a_person_changes_posts(box: Sandbox, service: str, account: str) -> None:
    """What a person does in a dashboard is done at once, to waiting posts only."""
    at = box.now().replace(microsecond=0) + timedelta(days=1)
    made = [box.add_post(service, account, at, caption="By hand") for _ in range(4)]  # type: ignore[arg-type]
    box.edit_post(made[0], at=at + timedelta(hours=1), caption="Edited")
    box.stop_post(made[1])
    box.delete_post(made[2])
    box.fail_post(made[3], "spam_risk")
    box.advance(timedelta(days=2))
    posts = box.posts()
    assert (posts[0]["at"], posts[0]["caption"]) == (
        (at + timedelta(hours=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "Edited",
    )
    assert [post["times_published"] for post in posts] == [1, 0, 0, 0]
    assert posts[1]["status"] == ("canceled" if service == "postqued" else "cancelled")
    assert posts[2]["status"] == "deleted"
    assert posts[3]["error"] == "spam_risk"
    assert {post["made_by"] for post in posts} == {"person"}
    with pytest.raises(NoSuchPost):
        box.edit_post(made[0], caption="Too late")


def test_a_failed_tikflow_post_stays_pending(box: Sandbox, tikflow: httpx.Client) -> None:
    """No schedule status for a failure is documented: only the upload tells."""
    post_id = box.add_post("tikflow", TIKFLOW, box.now() + timedelta(hours=1))
    box.fail_post(post_id, "spam_risk")
    box.advance(timedelta(days=1))
    assert tikflow.get("/schedule/scheduled-videos").json()["data"][0]["status"] == "pending"
    upload = tikflow.get("/upload/history", params={"limit": 1}).json()["data"][0]
    assert (upload["status"], upload["error"]) == ("failed", "spam_risk")


def test_a_post_deleted_by_hand_is_not_found(box: Sandbox, postqued: httpx.Client) -> None:
    """Postqued does not show it any more."""
    post_id = box.add_post("postqued", BRAND, box.now() + timedelta(hours=1))
    assert postqued.get(f"/v1/content/publish/{post_id}").status_code == 200
    box.delete_post(post_id)
    assert postqued.get(f"/v1/content/publish/{post_id}").status_code == 404


def test_the_log_tells_what_was_sent(box: Sandbox, postqued: httpx.Client, tikflow: httpx.Client) -> None:
    """Requests stand in the order of their arrival, with class, body and answer."""
    postqued.get("/v1/platform-accounts", params={"platform": "tiktok"})
    postqued.post("/v1/content/publish", json={"contentIds": []}, headers={"Idempotency-Key": "key-1"})
    tikflow.delete("/schedule/x")
    tikflow.put("/schedule/x", json={})
    tikflow.post("/upload/video", json={})
    assert [
        (entry["n"], entry["service"], entry["request_class"], entry["write"], entry["status"])
        for entry in box.requests()
    ] == [
        (0, "postqued", "read", False, 200),
        (1, "postqued", "publish", True, 400),
        (2, "tikflow", "delete", True, 404),
        (3, "tikflow", "other", True, 404),
        (4, "tikflow", "upload", True, 400),
    ]
    first, second = box.requests()[:2]
    assert first["query"] == {"platform": "tiktok"}
    assert (second["body"], second["idempotency_key"], second["key_ok"]) == (
        {"contentIds": []},
        "key-1",
        True,
    )


def test_reset_goes_back_to_the_start(box: Sandbox, tikflow: httpx.Client) -> None:
    """Posts, log, faults, knobs and clock are as in a fresh sandbox; its own knobs stay."""
    box.add_post("postqued", BRAND, box.now() + timedelta(hours=1))
    box.fault("reset_before", times=None)
    box.set_knobs(tikflow_quota=1)
    box.advance(timedelta(days=365))
    box.reset()
    assert (box.posts(), box.requests(), box.uploads()) == ([], [], [])
    assert tikflow.get("/subscription").status_code == 200
    assert (box.knobs()["tikflow_quota"], box.knobs()["rate_limits"]) == (50, False)
    assert abs(box.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_copy_brings_records_back(box: Sandbox) -> None:
    """What was there at the copy is there again, any number of times, and all else is as after a reset."""
    post_id = box.add_post("postqued", BRAND, box.now() + timedelta(hours=1))
    before, copy = box.posts(), box.copy()
    for _ in range(2):
        box.stop_post(post_id)
        box.add_post("tikflow", TIKFLOW, box.now() + timedelta(hours=1))
        box.advance(timedelta(days=365))
        box.restore(copy)
        assert box.posts() == before
        assert abs(box.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_handles_work_over_http(box: Sandbox, plain: httpx.Client, ahead: Ahead) -> None:
    """Each handle has its control endpoint, which is neither logged nor hit by faults."""

    def act(name: str, **body: object) -> str:
        answer = plain.post(f"/_sandbox/{name}", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json().get("id"))

    account = act("accounts", service="tikflow", username="third")
    upload = act("tikflow-uploads", account_id=account, title="Mine")
    post = act("posts", service="tikflow", account_id=account, at=ahead(60), media=[upload])
    act("edit", id=post, caption="Edited", at=ahead(90))
    act("knobs", tikflow_history=False, rate_limits={"read": 5})
    act("clock", now="2030-01-01T00:00:00Z")
    act("clock", advance_seconds=60)
    act("faults", kind="reset_before", times=None)
    assert plain.get("/_sandbox/clock").json()["now"].startswith("2030-01-01T00:01:0")
    [entry] = plain.get("/_sandbox/posts").json()["posts"]
    assert (entry["caption"], entry["account"], entry["status"]) == ("Edited", "third", "executed")
    with pytest.raises(httpx.TransportError):
        plain.get("/v2/ping")
    assert plain.delete("/_sandbox/faults").status_code == 200
    assert plain.get("/v2/ping").status_code == 404
    assert [entry["path"] for entry in plain.get("/_sandbox/requests").json()["requests"]] == ["/v2/ping"] * 2
    assert plain.get("/_sandbox/uploads").json() == {"uploads": []}
    assert plain.get("/_sandbox/knobs").json()["knobs"]["rate_limits"] == {"read": 5}
    act("reset")
    assert plain.get("/_sandbox/posts").json() == {"posts": []}


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("edit", {"id": "nothing", "caption": "x"}, 404),
        ("posts", {"service": "postqued", "account_id": "nobody", "at": "2099-01-01T00:00:00Z"}, 400),
        ("clock", {"now": "noon"}, 400),
        ("faults", {"kind": "flood"}, 400),
        ("knobs", {"colour": "red"}, 400),
    ],
)
def test_control_says_what_is_wrong(
    plain: httpx.Client, name: str, body: dict[str, object], status: int
) -> None:
    """A mistake in a test's own request is answered, not swallowed."""
    answer = plain.post(f"/_sandbox/{name}", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_data_outlives_the_sandbox(tmp_path: Path) -> None:
    """With a folder of its own a sandbox finds its posts again; without one it leaves nothing behind."""
    with Sandbox(tmp_path) as box:
        post_id = box.add_post("postqued", BRAND, box.now() + timedelta(hours=1))
    with Sandbox(tmp_path) as box:
        assert [post["id"] for post in box.posts()] == [post_id]


def test_closing_twice_is_fine() -> None:
    """A closed sandbox answers no more, and closing it again does nothing."""
    box = Sandbox()
    box.close()
    box.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(box.url, trust_env=False)


def test_serve_ends_tidily_at_sigterm(tmp_path: Path) -> None:
    """As a process it says where it is and what to export, and stops at SIGTERM without a traceback."""
    code = "import functools, pathlib, sys; from calsync.sandbox import serve; "
    code += "serve(0, pathlib.Path(sys.argv[1]), functools.partial(print, flush=True))"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Stop with"):
                break
        exported = dict(line.removeprefix("export ").strip().split("=") for line in lines if "export" in line)
        ping = httpx.get(f"{exported['CALSYNC_POSTQUED_URL']}/v2/ping", trust_env=False)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert ping.status_code == 404
    assert (exported["POSTQUED_API_KEY"], exported["TIKFLOW_API_KEY"]) == ("pq_sandbox", "sk_live_sandbox")
    assert any("@brand" in line for line in lines)


def test_the_sandbox_imports_nothing_of_calsync() -> None:
    """A double that shared code with what it doubles would share its mistakes."""
    code = "import sys, calsync.sandbox; print(*(n for n in sys.modules if n.startswith('calsync')))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    shown = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    foreign = [name for name in shown.stdout.split()[1:] if not name.startswith("calsync.sandbox")]
    assert foreign == []
