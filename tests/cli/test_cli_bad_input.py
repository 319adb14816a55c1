"""Bad input from outside: every kind is a diagnostic at its place and exit 3, never a traceback.

Each case is a calendar or project file with the place of its error marked by ``^`` alone on the line below it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from outside import Project

PROJECT = """\
version: 1
accounts:
  brand: {provider: postqued, username: "@brand"}
  flow: {provider: tikflow, id: 123e4567-e89b-12d3-a456-426614174000}
"""
TOP = """\
defaults:
  accounts: [brand]
  options: {privacy_level: SELF_ONLY}
posts:
"""
POST = """\
  - id: one
    at: 2031-01-01 12:00
    media: media/teaser.mp4
    caption: Words
"""


@dataclass(frozen=True)
class Bad:
    """A file with a marked error and the code that it has to have; `top`: it stands before the text."""

    name: str
    text: str
    code: str
    top: str = TOP
    file: str = "calendars/spring.yaml"

    def marked(self) -> tuple[str, int, int]:
        """The text without its marks, and the line and column of the mark."""
        lines: list[str] = []
        place = (0, 0)
        for line in (self.top + self.text).splitlines(keepends=True):
            if line.strip() == "^":
                place = (len(lines), line.index("^") + 1)
            else:
                lines.append(line)
        return "".join(lines), *place


def post(field: str, code: str, name: str | None = None, *, without: str = "", top: str = TOP) -> Bad:
    """A post with one more field, marked; `without`: the line of the good post that it replaces."""
    good = "".join(
        line for line in POST.splitlines(keepends=True) if not (without and line.strip().startswith(without))
    )
    body = "".join(f"    {line}\n" for line in field.split("\n"))
    return Bad(name or field.split("\n")[0], good + body, code, top)


def project_file(text: str, code: str, name: str) -> Bad:
    return Bad(name, text, code, "", "calsync.yaml")


CASES = [
    # YAML
    Bad("tab", "  - id: one\n\tat: 2031-01-01 12:00\n^\n", "tab"),
    Bad("unclosed bracket", "  - {id: one, at: 2031-01-01 12:00\n    ^\n", "syntax"),
    Bad("unclosed quote", '  - id: one\n    caption: "never ends\n             ^\n', "syntax"),
    Bad("bad UTF-8", "", "encoding"),
    post("caption: Again\n^", "duplicate-key", "duplicate key"),
    post("capton: Words\n^", "unknown-key", without="caption"),
    post("caption: #tips\n         ^", "unquoted-hash", without="caption"),
    post("caption: &name Words\n         ^", "anchor", without="caption"),
    post("caption: *name\n         ^", "alias", without="caption"),
    post("caption: !!str Words\n         ^", "tag", without="caption"),
    post("<<: {caption: Words}\n^", "merge-key"),
    Bad("several documents", "  []\n---\n^\nposts: []\n", "documents"),
    Bad("deep", "  " + "[" * 300 + "]" * 300 + "\n", "too-deep"),
    Bad("no mapping", "- one\n^\n", "wrong-type", top=""),
    Bad("empty", "", "empty-file", top=""),
    # Times
    post("at: 2031-01-01\n    ^", "bad-time", without="at:"),
    post("at: 14:30\n    ^", "bad-time", without="at:"),
    post("at: tomorrow\n    ^", "bad-time", without="at:"),
    post("at: 2031-13-01 12:00\n    ^", "bad-time", without="at:"),
    post("at: 2031-02-30 12:00\n    ^", "bad-time", without="at:"),
    post("at: 2031-01-01 25:00\n    ^", "bad-time", without="at:"),
    post("at: null\n    ^", "bad-time", without="at:"),
    post("at: now\n    ^", "bad-time", without="at:"),
    post("at: 2031-03-30 02:30\n    ^", "time-skipped", without="at:", top="timezone: Europe/Berlin\n" + TOP),
    post("at: 2031-10-26 02:30\n    ^", "time-repeated", without="at:", top="timezone: Europe/Berlin\n" + TOP),
    post("timezone: CEST\n          ^", "unknown-zone"),
    post("timezone: ../../etc/passwd\n          ^", "unknown-zone"),
    # What is required
    Bad("no id", "  - at: 2031-01-01 12:00\n    ^\n    media: media/teaser.mp4\n", "missing-key"),
    Bad("no at", "  - id: one\n    ^\n    media: media/teaser.mp4\n    caption: Words\n", "missing-key"),
    Bad("no media", "  - id: one\n    ^\n    at: 2031-01-01 12:00\n    caption: Words\n", "missing-key"),
    Bad("no accounts", POST.replace("    at", "    ^\n    at"), "missing-key", TOP.replace("  accounts: [brand]\n", "")),
    Bad("no privacy", POST.replace("    at", "    ^\n    at"), "privacy-missing", "defaults: {accounts: [brand]}\nposts:\n"),
    # Names
    Bad("bad id", POST.replace("one\n", "Über\n        ^\n"), "bad-id"),
    Bad("long id", POST.replace("one\n", "a" * 65 + "\n        ^\n"), "bad-id"),
    Bad("same id", POST + POST.replace("one\n", "one\n        ^\n"), "duplicate-id"),
    post("accounts: [nobody]\n           ^", "unknown-account"),
    post("accounts: []\n          ^", "empty-value"),
    post("overrides:\n  nobody: {caption: x}\n  ^", "unknown-account", "override of nobody"),
    post("overrides:\n  flow: {caption: x}\n  ^", "not-on-account", "override of another account"),
    post("overrides:\n  brand: {id: two}\n          ^", "unknown-key", "override of the id"),
    post("previously: one\n            ^", "previously-present"),
    # Media
    post("media: media/absent.mp4\n       ^", "media-missing", without="media"),
    post("media: ../../../etc/passwd\n       ^", "media-outside", without="media"),
    post("media: /etc/passwd\n       ^", "media-absolute", without="media"),
    post("media: media/link.mp4\n       ^", "media-outside", without="media"),
    post("media: media\n       ^", "media-not-a-file", without="media"),
    post("media: media/words.mp4\n       ^", "media-type", without="media"),
    post("media: media/empty.mp4\n       ^", "media-empty", without="media"),
    post("media: []\n       ^", "empty-value", without="media"),
    post("media: [media/teaser.mp4, media/look-1.jpg]\n       ^", "media-mixed", without="media"),
    post("media: {id: a, path: b}\n               ^", "unknown-key", without="media"),
    post("media: media/*.jpg\n       ^", "media-missing", without="media"),
    # Texts and options
    post("caption_file: words.md\n              ^", "caption-twice"),
    post("caption_file: absent.md\n              ^", "caption-file-missing", without="caption"),
    post("caption_file: ../../../etc/passwd\n              ^", "caption-file-outside", without="caption"),
    post("options: {privacy_level: EVERYONE}\n                         ^", "bad-value"),
    post("options: {disable_dut: true}\n          ^", "unknown-key"),
    post("options: {disable_duet: perhaps}\n                        ^", "wrong-type"),
    post("options: [disable_duet]\n         ^", "wrong-type"),
    post("intent: post\n        ^", "bad-value"),
    post("caption: " + "x" * 2201 + "\n         ^", "caption-length", "long caption", without="caption"),
    post("cancel: perhaps\n        ^", "wrong-type"),
    # TikFlow
    post("accounts: [flow]\nmedia: media/teaser.mp4\n       ^", "media-by-id-only", "a file", without="media"),
    post("accounts: [flow]\nmedia: {id: a}\nintent: draft\n        ^", "intent-unsupported", "a draft", without="media"),
    # The project file
    project_file("version: 2\n         ^\n", "newer-format", "newer version"),
    project_file(PROJECT + "timezone: Berlin\n          ^\n", "unknown-zone", "project zone"),
    project_file(PROJECT + "api_key: abc\n^\n", "unknown-key", "key at the top"),
    project_file(PROJECT + "providers:\n  postqued: {api_key: abc}\n             ^\n", "unknown-key", "key of a provider"),
    project_file(PROJECT + "providers:\n  postqued: {url: x}\n             ^\n", "unknown-key", "address of a provider"),
    project_file(PROJECT + "state: {path: ../state.json}\n              ^\n", "outside", "state outside"),
    project_file(PROJECT + "policy: {lead_time: soon}\n                    ^\n", "wrong-type", "lead time"),
    project_file(PROJECT + "policy: {max_cancels: many}\n                      ^\n", "wrong-type", "max cancels"),
    project_file(PROJECT + "policy: {drift: fight}\n                ^\n", "bad-value", "drift"),
    project_file("version: 1\naccounts:\n  brand: {username: '@brand'}\n  ^\n", "missing-key", "no provider"),
    project_file("version: 1\naccounts:\n  brand: {provider: postqued}\n  ^\n", "missing-key", "no name"),
    project_file(PROJECT + "  same: {provider: postqued, username: '@Brand'}\n  ^\n", "same-account", "two aliases"),
    project_file(PROJECT + "calendars: ['../*.yaml']\n           ^\n", "outside", "calendars outside"),
]  # fmt: skip


def arrange(project: Project, bad: Bad) -> tuple[int, int]:
    project.media("teaser.mp4", "look-1.jpg")
    project.write("calsync.yaml", PROJECT)
    project.write("calendars/media/words.mp4", "these are words")
    project.write("calendars/media/empty.mp4", "")
    link = project.root / "calendars/media/link.mp4"
    link.symlink_to("/etc/passwd")
    project.write("calendars/words.md", "Words")
    text, line, column = bad.marked()
    project.write(bad.file, text.encode() + b"#\xff" if bad.code == "encoding" else text)
    return line, column


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.name)
def test_bad_input(project: Project, bad: Bad) -> None:
    """The error is named with file, line, column and code, by validate and by plan, and nothing is asked of anybody."""
    line, column = arrange(project, bad)
    found = project.run("validate", "--format", "json", code=3).json
    assert found["valid"] is False
    errors = [each for each in found["diagnostics"] if each["severity"] == "error"]
    assert [each["code"] for each in errors] == [bad.code], errors
    [error] = errors
    assert error["file"] == bad.file
    assert error["line"] >= 1
    if line:
        assert (error["line"], error["column"]) == (line, column), error
    text = project.run("validate", code=3).out
    assert re.search(rf"^{re.escape(bad.file)}:\d+:\d+: error\[{bad.code}\]: ", text, re.MULTILINE), text
    project.run("plan", code=3)
    assert project.box.requests() == []


def test_everything_is_reported_in_one_run(project: Project) -> None:
    """All problems of all files are reported together, sorted by place, and none of them twice."""
    project.write("calsync.yaml", PROJECT)
    for name in ("a", "b", "c"):
        posts = "".join(
            f"  - {{id: p{n}, at: soon, media: media/teaser.mp4, caption: x}}\n" for n in range(5)
        )
        project.write(f"calendars/{name}.yaml", TOP + posts)
    project.write("calendars/d.yaml", "posts: [}")
    found = project.run("validate", "--format", "json", code=3).json["diagnostics"]
    places = [(each["file"], each["line"]) for each in found]
    assert places == [(f"calendars/{name}.yaml", 5 + n) for name in "abc" for n in range(5)] + [
        ("calendars/d.yaml", 1)
    ]
    text = project.run("apply", "-y", code=3).err
    assert text.count("error[bad-time]") == 15
    github = project.run("validate", "--format", "github", code=3).out
    assert github.count("::error file=calendars/a.yaml,line=5") == 1


def test_scalars_are_the_text_that_was_written(project: Project) -> None:
    """No implicit types: yes, 007, 14:30 and 2026-01-01 are what their author wrote."""
    project.write("calsync.yaml", PROJECT)
    words = ["yes", "007", "14:30", "2026-01-01", "null", "~", "1e3", "0x1F", "1_000", ".inf", "on"]
    posts = "".join(
        f"  - {{id: {n:03}, at: 2031-01-{n + 1:02} 12:00, media: media/teaser.mp4, caption: {word}}}\n"
        for n, word in enumerate(words)
    )
    project.write("calendars/spring.yaml", TOP + posts)
    planned = project.plan()
    captions = {each["address"]: each["changes"][0]["after"] for each in planned.json["actions"]}
    assert captions == {f"spring/{n:03}@brand": word for n, word in enumerate(words)}


def test_names_cannot_leave_their_line(project: Project) -> None:
    """Nothing that a calendar says reaches a terminal as a control sequence or a workflow as a command."""
    project.write("calsync.yaml", PROJECT)
    evil = "\\e]0;title\\a\\e[2J::error::gone\\r\\n::stop-commands::x"
    project.write(
        "calendars/spring.yaml",
        TOP + f'  - {{id: one, at: 2031-01-01 12:00, media: media/teaser.mp4, caption: "{evil}"}}\n'
        f'  - {{id: two, at: "{evil}", media: "{evil}"}}\n',
    )
    for argv in (
        ["validate"],
        ["validate", "--format", "github"],
        ["plan"],
        ["validate", "--format", "json"],
    ):
        result = project.run(*argv, code=3)
        said = result.out + result.err
        assert "\x1b" not in said
        assert "\a" not in said
        assert not any(line.lstrip().startswith(("::stop", "::error::gone")) for line in said.splitlines())
