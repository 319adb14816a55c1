"""What people and scripts read of a plan.

The golden files in tests/golden are written anew by `CALSYNC_WRITE_GOLDEN=1 pytest tests/test_render.py`; look at
the diff before committing it.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from render_plans import BRAND, NOW, TEASER, at, create, edit, everything, made

from calsync.errors import CalendarError, CalsyncError, Diagnostic, Severity, Source, UsageProblem
from calsync.model import Address, comparable
from calsync.plan.action import ActionKind, Filters
from calsync.plan.outcome import (
    AccountLine,
    Outcome,
    OutcomeKind,
    PostStatus,
    StatusLine,
    outcome_of_each,
    result,
)
from calsync.planfile import MAX_BYTES, read_plan_document
from calsync.render import github, jsondoc, markdown, terminal
from calsync.render.page import cells
from calsync.render.when import Clock
from calsync.zones import load_zone

GOLDEN = Path(__file__).parent / "golden"
CLOCK = Clock(load_zone, NOW)
ESCAPE = re.compile("\x1b\\[[0-9;]*m")
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def golden(name: str, text: str) -> None:
    file = GOLDEN / name
    if os.environ.get("CALSYNC_WRITE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
    assert text == file.read_text(encoding="utf-8")


def shown(plan: object = None, **how: object) -> str:
    return terminal.plan_text(plan or everything(), zones=load_zone, now=NOW, **how)  # type: ignore[arg-type]


def in_markdown(plan: object = None, **how: object) -> str:
    return markdown.plan_markdown(plan or everything(), zones=load_zone, **how)  # type: ignore[arg-type]


# --- golden files


@pytest.mark.parametrize("width", [50, 80, 120])
def test_plan_on_a_terminal(width: int) -> None:
    """A plan reads the same, byte for byte, at every width, and no line is wider than the terminal."""
    text = shown(width=width)
    assert max(cells(line) for line in text.splitlines()) <= width
    assert not any(line.endswith(" ") for line in text.splitlines())
    golden(f"plan-{width}.txt", text)


def test_verbose_plan_on_a_terminal() -> None:
    """`-v` shows whole captions, every medium with its path, accounts and where each entry stands."""
    golden("plan-verbose.txt", shown(verbose=True))


def test_plan_in_colour() -> None:
    """Colour adds nothing but colour codes, and takes the place of the marks of a word diff."""
    text = shown(colour=True)
    golden("plan-colour.txt", text)
    assert "[-" not in ESCAPE.sub("", text)
    assert "\x1b" not in ESCAPE.sub("", text)


def test_plan_in_markdown() -> None:
    """A plan on a pull request: a table, warnings with file and line, details folded."""
    golden("plan.md", in_markdown())


def test_plan_as_json() -> None:
    """The plan document."""
    golden("plan.json", jsondoc.to_text(jsondoc.plan_document(everything(), version="0.1.0", tzdata="2026b")))


def test_outcomes_on_a_terminal() -> None:
    """Outcomes always say which: done, skipped, blocked, unknown, failed."""
    golden("outcome-80.txt", terminal.outcome_text(everything(), OUTCOMES, width=80))


OUTCOMES = {
    **{index: Outcome(OutcomeKind.DONE, remote_id=f"pub_{index}") for index in range(6)},
    6: Outcome(OutcomeKind.FAILED, "postqued: 422 the caption is too long\x1b[2J for this account"),
    7: Outcome(OutcomeKind.UNKNOWN, "no answer came back after the request went out"),
}


# --- JSON


def test_plan_document_has_every_key_of_the_contract() -> None:
    """Every key of the contract is there, spelled so, whatever the plan."""
    for plan in (everything(), made(())):
        document = jsondoc.plan_document(plan, version="0.1.0", tzdata="2026b")
        assert list(document)[:9] == [
            "format_version",
            "calsync_version",
            "created_at",
            "digest",
            "state",
            "filters",
            "refresh",
            "tzdata",
            "summary",
        ]
        assert document["created_at"] == "2026-03-01T09:00:00Z"
        assert document["state"] == {"lineage": plan.lineage, "serial": 7}
        assert document["filters"] == {"calendars": [], "accounts": []}
        summary = document["summary"]
        assert isinstance(summary, dict)
        assert list(summary) == [*(kind.value for kind in ActionKind), "unchanged", "unmanaged", "past"]
        for action in _list(document["actions"]):
            assert list(action)[:12] == [
                "address",
                "action",
                "provider",
                "account_id",
                "code",
                "reason",
                "drift",
                "previous_address",
                "source",
                "at",
                "zone",
                "changes",
            ]
            assert list(action)[12:] == ["media", "waits_for", "texts"]
        for diagnostic in _list(document["diagnostics"]):
            assert list(diagnostic) == [
                "severity",
                "code",
                "address",
                "file",
                "line",
                "column",
                "message",
                "hint",
            ]


def test_apply_document_counts_every_outcome() -> None:
    """Each action has its outcome, and the result counts all five kinds, none left out."""
    document = jsondoc.apply_document(everything(), OUTCOMES, version="0.1.0")
    assert document["result"] == {"done": 6, "failed": 1, "blocked": 1, "skipped": 3, "unknown": 1}
    first, failed = _list(document["actions"])[0], _list(document["actions"])[6]
    assert (first["outcome"], first["error"], first["remote_id"]) == ("done", None, "pub_0")
    assert (failed["outcome"], failed["remote_id"]) == ("failed", None)


def test_outcomes_may_be_given_in_order() -> None:
    """A sequence parallel to the actions means the same as a mapping by index; gaps were not reached."""
    plan = everything()
    in_order = [OUTCOMES.get(index) for index in range(8)]
    assert outcome_of_each(plan, in_order) == outcome_of_each(plan, OUTCOMES)
    assert set(result(())) == {"done", "failed", "blocked", "skipped", "unknown"}


def test_other_documents() -> None:
    """Validate, status, accounts and errors have the keys of the contract."""
    finding = Diagnostic(severity=Severity.ERROR, code="x", message="m", source=Source(file="a.yaml", line=2))
    assert jsondoc.validate_document(False, 3, [finding]) == {
        "format_version": "1",
        "valid": False,
        "posts": 3,
        "diagnostics": [
            {
                "severity": "error",
                "code": "x",
                "address": None,
                "file": "a.yaml",
                "line": 2,
                "column": 1,
                "message": "m",
                "hint": None,
            }
        ],
    }
    posts = _list(jsondoc.status_document(STATUS)["posts"])
    assert posts[1] == {
        "address": "spring-launch/reveal@brand",
        "status": "failed",
        "at": "2026-03-01T08:00:00Z",
        "provider": "tikflow",
        "remote_id": "550e8400",
        "error": "too short",
    }
    assert _list(jsondoc.accounts_document(ACCOUNTS)["accounts"])[0]["alias"] == "brand"
    error = jsondoc.error_document(3, "invalid", "1 error", diagnostics=[finding])
    assert list(error) == ["format_version", "exit_code", "error", "diagnostics"]
    assert error["exit_code"] == 3
    assert error["error"] == {"code": "invalid", "message": "1 error", "hint": None}


STATUS = [
    StatusLine(
        address=Address("spring-launch", "teaser", "brand"),
        status=PostStatus.SCHEDULED,
        at=at(15),
        provider="postqued",
        remote_id="pub_1",
        zone="Europe/Berlin",
    ),
    StatusLine(
        address=Address("spring-launch", "reveal", "brand"),
        status=PostStatus.FAILED,
        at=at(1, 8),
        provider="tikflow",
        remote_id="550e8400",
        error="too short",
        zone="Europe/Berlin",
    ),
    StatusLine(address=Address("x", "y", "z"), status=PostStatus.PENDING, at=None, provider="postqued"),
]
ACCOUNTS = [
    AccountLine(provider="postqued", id=BRAND.id, platform="tiktok", username="@brand", alias="brand"),
    AccountLine(provider="tikflow", id="2", platform="tiktok", name="Second", workspace="7f0c"),
]


@given(st.text())
@settings(deadline=None)
def test_json_says_the_caption_and_nothing_that_a_terminal_obeys(caption: str) -> None:
    """Any caption survives the JSON document, and no control character stands raw in it."""
    text = jsondoc.to_text(jsondoc.plan_document(create(caption), version="0.1.0"))
    assert not CONTROL.search(text)
    text.encode("utf-8")
    changes = json.loads(text)["actions"][0]["changes"]
    said = [each["after"] for each in changes if each["path"] == "caption"]
    assert said == ([comparable(caption)] if comparable(caption) else [])


# --- plan files


def test_a_plan_file_reads_back() -> None:
    """What `plan --out` wrote names the same digest, filters, lines and actions."""
    plan = replace(everything(), filters=Filters(calendars=("spring-launch",), accounts=("brand",)))
    file = read_plan_document(jsondoc.to_text(jsondoc.plan_document(plan, version="0.1.0")))
    assert (file.digest, file.filters, file.lines) == (plan.digest, plan.filters, plan.lines)
    assert file.actions == tuple((str(each.address), each.kind) for each in plan.actions)


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        "\udcff{}",
        b"\xff\xfe",
        b" " * (MAX_BYTES + 1),
        '{"format_version": 1}',
        '{"format_version": "2", "digest": "3f9a1c2b", "filters": {}, "actions": []}',
        '{"format_version": "1", "digest": "3F9A", "filters": {}, "actions": []}',
        '{"format_version": "1", "digest": "3f9a1c2b\\n", "filters": {}, "actions": []}',
        '{"format_version": "1", "digest": "3f9a1c2b", "filters": {"calendars": "all"}, "actions": []}',
        '{"format_version": "1", "digest": "3f9a1c2b", "filters": {}, "actions": [{"action": "create"}]}',
        '{"format_version": "1", "digest": "3f9a1c2b", "filters": {}, "actions": [], "lines": [1]}',
    ],
    ids=range(14),
)
def test_what_is_no_plan_file_is_refused(document: str | bytes) -> None:
    """A plan file is untrusted: anything that is not one ends in one error, never a traceback."""
    with pytest.raises(CalsyncError) as caught:
        read_plan_document(document)
    assert caught.value.code == "plan-file"
    assert caught.value.hint


def test_a_newer_minor_version_is_read() -> None:
    """Unknown keys and a newer minor version are read: only a newer major version is refused."""
    text = '{"format_version": "1.4", "digest": "3f9a1c2b", "filters": {"new": 1}, "actions": [], "new": {}}'
    assert read_plan_document(text).digest == "3f9a1c2b"


# --- times


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (at(16, 17, 30), "Mon 16 Mar 18:30 Europe/Berlin, in 15 days"),
        (at(1, 9, 0), "Sun 1 Mar 10:00 Europe/Berlin, now"),
        (at(1, 9, 20), "Sun 1 Mar 10:20 Europe/Berlin, in 20 minutes"),
        (at(1, 8, 59), "Sun 1 Mar 09:59 Europe/Berlin, 1 minute ago"),
        (at(1, 23, 0), "Mon 2 Mar 00:00 Europe/Berlin, in 14 hours"),
        (at(2, 23, 30), "Tue 3 Mar 00:30 Europe/Berlin, in 2 days"),
        (at(1, 12, year=2027), "Mon 1 Mar 2027 13:00 Europe/Berlin, in 52 weeks"),
        (at(25, 0, 30, month=10), "Sun 25 Oct 02:30+02:00 Europe/Berlin, in 34 weeks"),
        (at(25, 1, 30, month=10), "Sun 25 Oct 02:30+01:00 Europe/Berlin, in 34 weeks"),
    ],
)
def test_times_in_words(moment: object, words: str) -> None:
    """Weekday, the year only where it is not this one, the offset only where a clock shows a time twice."""
    assert CLOCK.when(moment, "Europe/Berlin") == words  # type: ignore[arg-type]


def test_a_zone_that_is_not_known_shows_utc() -> None:
    """A record may name a zone that this tz database has not; its time is shown in UTC."""
    assert CLOCK.when(at(2), "Mars/Olympus").startswith("Mon 2 Mar 13:00 UTC")


# --- terminal


def test_what_to_type_next() -> None:
    """The last lines name the plan and the command that applies exactly it, filters included."""
    plan = replace(create(TEASER), filters=Filters(calendars=("a b",), accounts=("brand",)))
    assert shown(plan, width=120).splitlines()[-2:] == [
        f"plan {plan.digest[:8]}",
        f"next: calsync apply --expect {plan.digest[:16]} --calendar 'a b' --account brand",
    ]
    assert "next: calsync" not in shown(replace(plan, brake="12 posts would be cancelled"))
    assert "next: calsync" not in shown(replace(plan, refresh="off"))
    assert "Nothing to do: 40 unchanged, 3 unmanaged, 12 past." in shown(made(()))
    assert "Nothing to do" not in shown(made((), halted={"postqued": "503"}))


def test_word_diff_shows_what_changes_and_cuts_what_does_not() -> None:
    """A caption's change is marked word by word; a long unchanged stretch is cut, unless -v."""
    words = " ".join(f"w{number}" for number in range(60))
    text = " ".join(shown(edit(f"one {words} two", f"1 {words} 2")).split())
    assert "[-one-]{+1+}" in text.replace(" -]", "-]").replace(" +}", "+}")
    assert "..." in text
    assert "w30" not in text
    assert "w30" in shown(edit(f"one {words} two", f"1 {words} 2"), verbose=True)


def test_every_option_of_a_long_caption_is_counted() -> None:
    """A long new caption shows its beginning and how much more there is; -v shows it all."""
    plan = create("\n".join(f"line {number}" for number in range(30)))
    assert "... 26 more lines, -v shows them" in shown(plan)
    assert "line 29" in shown(plan, verbose=True)


def test_lines_without_a_width_are_not_wrapped() -> None:
    """Diagnostics are one line each, so that editors and scripts can read them; errors come first."""
    lines = terminal.diagnostics_text(everything().diagnostics).splitlines()
    assert lines[0].startswith("calendars/spring.yaml:80:5: error[by-hand]: spring-launch/city@second: ")
    assert lines[1] == "  hint: change post 7 in TikFlow's own app, or put the entry back"
    assert [line.split("[")[0].split(" ")[-1] for line in lines if not line.startswith(" ")] == [
        "error",
        "warning",
        "warning",
        "warning",
        "note",
    ]


def test_notes_speak_where_something_happens() -> None:
    """A note is shown when its post has an action, or with `-v`; in a plan that only repeats it, it is not."""
    busy = create("Hello.")
    about = str(busy.actions[0].address)
    notes = [
        Diagnostic(severity=Severity.NOTE, code="draft-video", message="read so", address=address)
        for address in (about, None, "other/post@brand")
    ]
    busy = replace(busy, diagnostics=tuple(notes))
    assert shown(busy).count("note[") == 2
    assert shown(busy, verbose=True).count("note[") == 3
    assert "note[" not in shown(made((), tuple(notes)))


def test_apply_does_not_say_what_to_type() -> None:
    """A plan says how to apply it; shown by the apply itself it does not."""
    assert "next: calsync apply" in shown(create("Hello."))
    assert "next:" not in shown(create("Hello."), applying=True)


def test_errors_on_a_terminal() -> None:
    """An error is its code, its message and a hint; of invalid calendars every finding comes first."""
    assert terminal.error_text(UsageProblem("no\x1b", hint="yes")) == "error[usage]: no\\x1b\n  hint: yes\n"
    assert terminal.error_text(CalendarError(everything().diagnostics)).count("[by-hand]") == 1


@pytest.mark.parametrize("width", [60, 120])
def test_status_and_accounts_tables(width: int) -> None:
    """Tables without frames: one line per row where it fits, two and no remote id where it does not."""
    status = terminal.status_text(STATUS, zones=load_zone, now=NOW, width=width)
    accounts = terminal.accounts_text(ACCOUNTS, width=width)
    assert max(cells(line) for line in (status + accounts).splitlines()) <= width
    golden(f"tables-{width}.txt", status + "\n" + accounts)
    assert terminal.status_text([], zones=load_zone, now=NOW) == "No managed posts.\n"
    assert terminal.accounts_text([]) == "No accounts.\n"


@given(st.text(), st.text(), st.integers(20, 140), st.booleans(), st.booleans())
@settings(deadline=None)
def test_no_caption_reaches_the_terminal_raw(
    before: str, after: str, width: int, colour: bool, verbose: bool
) -> None:
    """Whatever a caption holds, no control character but the newline gets to a terminal."""
    for plan in (create(after), edit(before, after)):
        text = ESCAPE.sub("", shown(plan, width=width, colour=colour, verbose=verbose))
        assert not CONTROL.search(text)


@pytest.mark.parametrize("width", range(20, 60))
def test_no_caption_is_a_workflow_command(width: int) -> None:
    """However a caption is wrapped, a CI runner that reads the log finds no command in it."""
    text = shown(
        edit("calm words", "calm words ::error::boo ##[group]x\n::set-output name=a::b"), width=width
    )
    assert not re.search("(?m)^ *::[a-z]|##\\[", text)


# --- annotations


def test_annotations_are_at_most_ten_of_each() -> None:
    """GitHub shows ten errors and ten warnings per step: these come first, and the rest is counted."""
    found = [
        Diagnostic(
            severity=severity,
            code="x",
            message=f"finding\n::set-output {number}",
            source=Source(file="cal,endar:s/a.yaml", line=number + 1, column=5),
        )
        for severity in (Severity.WARNING, Severity.ERROR)
        for number in range(12)
    ]
    lines = github.annotations(found).splitlines()
    assert [line.split(" ")[0] for line in lines[:20]] == ["::error"] * 10 + ["::warning"] * 10
    assert lines[0] == (
        "::error file=cal%2Cendar%3As/a.yaml,line=1,col=5,title=x::finding%0A\\x3a:set-output 0"
    )
    assert "and 4 more" in lines[20]
    assert github.annotations([]) == ""


def _list(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list)
    return value
