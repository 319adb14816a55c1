"""What a stranger's pull request may hold: it reads nothing outside, takes little, and says nothing that is obeyed.

Every case ends in a diagnostic at a place inside a file of the project, or in a plan; in little time and memory.
"""

from __future__ import annotations

import json
import os
import random
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limited import limited
from outside import EXAMPLES, Project, ahead

from calsync import document
from calsync.desired import load
from calsync.document import LIBYAML, parse
from calsync.errors import MAX_DIAGNOSTICS, Diagnostic
from calsync.pureyaml import PureParser
from calsync.render import github, jsondoc, terminal
from calsync.settings import InvalidProject, load_settings

SECRET = "c2VjcmV0"
PROJECT = """\
version: 1
accounts:
  brand: {provider: postqued, username: "@brand"}
  flow: {provider: tikflow, id: 123e4567-e89b-12d3-a456-426614174000}
"""
TOP = "defaults: {accounts: [brand], options: {privacy_level: SELF_ONLY}}\nposts:\n"
POST = "  - {id: one, at: 2031-01-01 12:00, media: media/teaser.mp4, caption: Words}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one post, and secrets beside it and in its .git."""
    (tmp_path / "secret").write_text(f"token: {SECRET}\n")
    root = tmp_path / "project"
    (root / "calendars" / "media").mkdir(parents=True)
    (root / "calendars" / "media" / "teaser.mp4").write_bytes((EXAMPLES / "teaser.mp4").read_bytes())
    (root / "calendars" / "spring.yaml").write_text(TOP + POST)
    (root / "calsync.yaml").write_text(PROJECT)
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text(f"extraheader: {SECRET}\n")
    return root


def findings(root: Path) -> tuple[Diagnostic, ...]:
    """What loading the project finds."""
    try:
        return load(load_settings(root / "calsync.yaml")).diagnostics
    except InvalidProject as invalid:
        return invalid.diagnostics


def codes(root: Path) -> set[str]:
    """The codes of what is wrong."""
    found = findings(root)
    assert not any(SECRET in f"{each.message}{each.hint}" for each in found)
    return {each.code for each in found if each.severity == "error"}


# -- what a path may lead to --------------------------------------------------------------------------------------


def linked(target: str) -> Callable[[Path], object]:
    return lambda place: place.symlink_to(target)


def hopping(place: Path) -> None:
    (place.parent / "hop").symlink_to("../../secret")
    place.symlink_to("hop")


def closed(place: Path) -> None:
    place.write_text("x")
    place.chmod(0)


def listening(place: Path) -> None:
    before = Path.cwd()
    os.chdir(place.parent)  # names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(place.name)
    finally:
        os.chdir(before)


PLACES: dict[str, Callable[[Path], object]] = {
    "a secret": linked("../../secret"),
    "an absolute link": lambda place: place.symlink_to(place.parents[2] / "secret"),
    "a link to a link": hopping,
    "the environment": linked("/proc/self/environ"),
    "the memory": linked("/proc/self/mem"),
    "a descriptor": linked("/proc/self/fd/0"),
    "endless zeros": linked("/dev/zero"),
    "stdin": linked("/dev/stdin"),
    "a terminal": linked("/dev/tty"),
    "the root": linked("/"),
    "git's config": linked("../.git/config"),
    "itself": lambda place: place.symlink_to(place.name),
    "nowhere": linked("nowhere"),
    "a pipe": lambda place: os.mkfifo(place),
    "a socket": listening,
    "a file nobody may read": closed,
}


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("use", ["calendar", "media", "caption", "project", "state"])
def test_nothing_but_files_of_the_project_is_read(root: Path, kind: str, use: str) -> None:
    """Links, devices, pipes and sockets in the place of any file are errors, never read, followed or waited for."""
    if kind == "a file nobody may read" and os.geteuid() == 0:
        pytest.skip("root may read everything")
    place = root / "calendars" / {"calendar": "evil.yaml", "media": "evil.mp4"}.get(use, "evil")
    if use == "project":
        place = root / "calendars" / "calsync.yaml"  # as deep below the secret as the others
        PLACES[kind](place)
        if not place.is_file():
            return  # found by nobody
        with pytest.raises(InvalidProject) as caught:
            load_settings(place)
        assert not any(SECRET in each.message for each in caught.value.diagnostics)
        return
    PLACES[kind](place)
    if use == "media":
        (root / "calendars/spring.yaml").write_text(TOP + POST.replace("media/teaser.mp4", "evil.mp4"))
    elif use == "caption":
        (root / "calendars/spring.yaml").write_text(
            TOP + POST.replace("caption: Words", "caption_file: evil")
        )
    elif use == "state":
        (root / "calsync.yaml").write_text(PROJECT + "state: {path: calendars/evil}\n")
        if kind in ("a pipe", "a socket", "nowhere", "itself", "a file nobody may read"):
            return  # the store refuses them when it is opened
    found = codes(root)
    assert found or (kind, use) == ("the root", "calendar")  # a folder is no calendar, whatever its name


@pytest.mark.parametrize(
    "name", ["../.git/config", "../.GIT/config", "../.git/../.git/config", "../.g\u200cit/config"]
)
def test_a_caption_is_never_read_from_git(root: Path, name: str) -> None:
    """`.git` holds the token of a CI checkout: no spelling of it is a caption, a medium, a calendar or a state."""
    for folder in (".GIT", ".g\u200cit"):  # on a file system that tells them apart
        if not (root / folder).exists():
            (root / folder).mkdir()
            (root / folder / "config").write_text(f"extraheader: {SECRET}\n")
    (root / "calendars/spring.yaml").write_text(
        TOP + POST.replace("caption: Words", f'caption_file: "{name}"')
    )
    assert codes(root) == {"caption-file-outside"}
    (root / "calendars/spring.yaml").write_text(TOP + POST.replace("media/teaser.mp4", f'"{name}"'))
    assert codes(root) == {"media-outside"}
    for field in (f'state: {{path: "{name[3:]}"}}\n', f'calendars: ["{name[3:]}"]\n'):
        (root / "calsync.yaml").write_text(PROJECT + field)
        assert codes(root) == {"outside"}


@pytest.mark.parametrize("use", ["calendar", "caption"])
def test_a_file_swapped_for_a_link_again_and_again_is_never_followed(root: Path, use: str) -> None:
    """Whoever swaps a file, or a folder on the way, for a link while calsync runs gains nothing."""
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "spring.yaml").write_text(TOP + POST.replace("Words", SECRET))
    (outside / "words").write_text(SECRET)
    (root / "calendars/words").write_text("Words")
    (root / "calendars/spring.yaml").write_text(TOP + POST.replace("caption: Words", "caption_file: words"))
    name = "spring.yaml" if use == "calendar" else "words"
    pid = os.fork()
    if pid == 0:
        place, link, own = root / "calendars" / name, root / "link", root / "own"
        own.write_bytes(place.read_bytes())
        while True:
            link.symlink_to(outside / name)
            link.replace(place)
            link.hardlink_to(own)
            link.replace(place)
    try:
        for _ in range(150):
            loaded = load(load_settings(root / "calsync.yaml"))
            assert not any(entry.content.caption == SECRET for entry in loaded.entries)
            assert loaded.entries or not loaded.valid
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


# -- what cannot be looked at is not gone -------------------------------------------------------------------------


@pytest.mark.parametrize("glob", ["calendars/*.yaml", "**/*.yaml", "*/*.yaml", "calendars/spring.yaml"])
@pytest.mark.parametrize("name", ["loop.yaml", "loop"])
def test_a_link_in_circles_hides_no_calendar(root: Path, glob: str, name: str) -> None:
    """A link that leads to itself beside a calendar does not make the calendar's posts seem gone."""
    (root / "calsync.yaml").write_text(PROJECT + f"calendars: ['{glob}']\n")
    (root / "calendars" / name).symlink_to(name)
    loaded = load(load_settings(root / "calsync.yaml"))
    assert [entry.content.caption for entry in loaded.entries] == ["Words"]
    assert loaded.valid == (name == "loop" or glob == "calendars/spring.yaml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_listed_is_an_error(root: Path) -> None:
    """No leave to list the calendars is not the wish to cancel every post."""
    (root / "calendars").chmod(0o300)
    try:
        assert codes(root) == {"unreadable"}
    finally:
        (root / "calendars").chmod(0o700)


LONG = {
    "a glob": 'calendars: ["%s"]\n',
    "a glob with a pattern": 'calendars: ["%s*/x"]\n',
    "the state's path": 'state: {path: "%s"}\n',
    "the state's folder": 'state: {path: "%s/x"}\n',
}


@pytest.mark.parametrize("field", LONG)
@pytest.mark.parametrize(
    "name", ["a" * 300, "a/" * 3000 + "a", "loop/x", "a\\0b"], ids=["long", "deep", "loop", "NUL"]
)
def test_names_that_no_system_takes(root: Path, field: str, name: str) -> None:
    """A name that is too long, or leads in circles, is a finding and no bug."""
    (root / "loop").symlink_to("loop")
    (root / "calsync.yaml").write_text(PROJECT + LONG[field] % name)
    assert findings(root)


@pytest.mark.parametrize("option", ["-C", "--config"])
@pytest.mark.parametrize("name", ["a" * 300, "a/" * 3000, "/dev/zero", "/dev/stdin", "pipe", "loop"])
def test_a_project_that_is_none(project: Project, option: str, name: str) -> None:
    """Where a project is looked for, a device, a pipe or an impossible name is `no-project`, at once."""
    os.mkfifo(project.root / "pipe")
    (project.root / "loop").symlink_to("loop")
    result = project.run("validate", "--format", "json", option, name, code=3)
    assert [each["code"] for each in result.json["diagnostics"]] == ["no-project"]
    assert project.run("validate", env={"CALSYNC_CONFIG": name}, code=3)


# -- what a file may take -----------------------------------------------------------------------------------------

MOST = document.MAX_BYTES


def many(each: str, count: int = MOST) -> str:
    """A calendar of so many posts, or as many as its size and its number of values allow."""
    room = min(count, (MOST - len(TOP)) // (len(each) + 6))
    return TOP + "".join(each.replace("#", str(number)) for number in range(room))


TAKING: dict[str, Callable[[], str | bytes]] = {
    "empty posts": lambda: many("  - {}\n", 60_000),
    "posts without media": lambda: many(
        "  - {id: p#, at: 2031-01-01 12:00, media: m#.mp4, caption: a}\n", 20_000
    ),
    "many names of one file": lambda: many(
        "  - {id: p#, at: 2031-01-01 12:00, media: ././x/../media/teaser.mp4, caption: '#'}\n", 8_000
    ),
    "unknown zones": lambda: many("  - {id: p#, at: 2031-01-01 12:00, timezone: Europe/Berl#}\n", 20_000),
    "unknown options": lambda: many("  - {id: p#, options: {privacy_leve#: x}}\n", 20_000),
    "one long caption": lambda: TOP + POST.replace("Words", f'"{"x" * (MOST - 300)}"'),
    "one long zone": lambda: f"timezone: {'x' * (MOST - 300)}\n{TOP}{POST}",
    "one long file name": lambda: TOP + POST.replace("media/", "./" * (MOST // 2 - 300)),
    "long threads": lambda: many(
        f"  - {{id: p#, at: 2031-01-01 12:00, thread: [{'x, {text: y, media: media/teaser.mp4}, ' * 12}]}}\n",
        2_500,
    ),
    "one endless thread": lambda: many("  - x\n").replace("posts:", "posts:\n- id: a\n  thread:", 1),
    "one long line": lambda: "a: [" + "[]," * 80_000 + "]",
    "thousands of documents": lambda: "--- a\n" * (MOST // 6),
    "a thousand errors a line": lambda: "a: [" + "*x, " * 80_000 + "]",
    "too large": lambda: b"#" * (MOST + 1),
}


@pytest.mark.parametrize("name", TAKING)
def test_no_calendar_takes_long_or_much(root: Path, name: str) -> None:
    """The worst files within the bounds take seconds and less than 200 MiB, and end in a bounded report."""
    text = TAKING[name]()
    (root / "calendars/spring.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    taken = limited(lambda: findings(root))
    assert taken.mebibytes < 200
    assert taken.seconds < 30
    assert len(taken.result) <= MAX_DIAGNOSTICS + 1
    for each in taken.result:
        assert each.source.file in ("calsync.yaml", "calendars/spring.yaml")
        assert len(each.message) < 1_000


def test_no_project_takes_long_or_much(root: Path) -> None:
    """Thousands of calendars full of errors end in a bounded report."""
    text = many("  - {id: A#}\n", 900)
    for number in range(2_000):
        (root / f"calendars/c{number}.yaml").write_text(text if number < 20 else "posts: [\n")
    taken = limited(lambda: findings(root))
    assert taken.mebibytes < 200
    assert len(taken.result) == MAX_DIAGNOSTICS + 1


def test_a_glob_with_too_many_matches(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Matches are counted before any is read."""
    for number in range(20):
        (root / f"calendars/c{number}.yaml").touch()
    monkeypatch.setattr("calsync.finding.MAX_FILES", 10)
    assert codes(root) == {"too-many"}


def test_links_and_stars_do_not_multiply(root: Path) -> None:
    """A pattern of many stars over folders that link to each other looks at each folder once per part."""
    for number in range(12):
        (root / f"again{number}").symlink_to(".")
    deep = root
    for _ in range(60):
        deep = deep / "d"
    deep.mkdir(parents=True)
    patterns = ["*/" * 30 + "*.yaml", "**/d/" * 30 + "*.yaml", "**/*/" * 30 + "*.yaml"]
    (root / "calsync.yaml").write_text(PROJECT + yaml.safe_dump({"calendars": patterns}))
    taken = limited(lambda: findings(root))
    assert taken.seconds < 30


@pytest.mark.parametrize(
    ("use", "size", "code"),
    [("calendars/huge.yaml", 5 << 30, "too-large"), ("calendars/media/huge.mp4", 1 << 40, "media-too-large")],
)
def test_huge_files_are_told_by_their_size(root: Path, use: str, size: int, code: str) -> None:
    """A calendar of 5 GiB and a film of a terabyte are refused without reading them to the end."""
    place = root / use
    with place.open("wb") as stream:
        stream.write((root / "calendars/media/teaser.mp4").read_bytes() if "media" in use else b"")
        stream.truncate(size)
    if "media" in use:
        (root / "calendars/spring.yaml").write_text(TOP + POST.replace("teaser", "huge"))
    taken = limited(lambda: codes(root))
    assert taken.result == {code}
    assert taken.mebibytes < 100


def test_many_posts_with_full_carousels(root: Path) -> None:
    """Posts with 35 images each, each image by another name, are planned with or refused in bounded time."""
    (root / "calendars/media/a.jpg").write_bytes((EXAMPLES / "look-1.jpg").read_bytes())
    images = ", ".join("./" * (number % 7) + "media/a.jpg" for number in range(35))
    text = many(f"  - {{id: p#, at: 2031-01-01 12:00, media: [{images}], caption: '#'}}\n", 1_500)
    (root / "calendars/spring.yaml").write_text(text)
    taken = limited(lambda: codes(root), mebibytes=4096)
    assert taken.seconds < 30
    assert taken.mebibytes < 400


# -- what is shown ------------------------------------------------------------------------------------------------

EVIL = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            [
                *"\x1b\x9b\x07\x08\x7f\x85\r\n\t\x00\u2028\u2029\u200b\u200e\u202e\u2066\u2069\ufeff\U000e0041",
                *"`~|\\<>&[]()!*_#@:-+=/$%",
                *(
                    "\x1b]0;x\x07",
                    "\x1b[2J",
                    "\n::error::x",
                    "::set-output name=a::b",
                    "::stop-commands::x",
                    "##[error]x",
                ),
                *("\n```\n", "\n````\n", "~~~", "</details>", "<!--", "-->", "<img src=x>", "<script>"),
                *(
                    "@octocat",
                    "closes #1",
                    "#123",
                    "GH-1",
                    "!12",
                    "https://x.example",
                    "www.x.example",
                    "\n# Approved",
                ),
                *(
                    "\n- [x] done",
                    "|",
                    "\n| a | b |",
                    "&lt;b&gt;",
                    "[a](b)",
                    "![a](b)",
                    "\n---\n",
                    "/approve",
                ),
            ]
        ),
    ),
    max_size=6,
).map("".join)
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
COMMAND = re.compile(
    r"^[ \t]*::(?:error|warning|notice|debug|group|set-output|stop-commands|add-mask)\b|##\[", re.M
)


def no_orders(text: str, *, ours: str = "") -> None:
    """Nothing in it is obeyed by a terminal, or by a CI runner, but what begins like our own commands."""
    assert not CONTROL.search(text)
    lines = text.split("\n")
    assert not [line for line in lines if COMMAND.search(line) and not (ours and line.startswith(ours))]


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(evil=st.lists(EVIL, min_size=8, max_size=8))
def test_whatever_a_project_says_nothing_of_it_is_obeyed(root: Path, evil: list[str]) -> None:
    """Captions, titles, ids, names, keys, times, options and files in any text: no format of validate lets it act."""
    caption, title, name, media, key, at, alias, option = evil
    post = {
        "id": "one",
        "at": "2031-01-01 12:00",
        "media": "media/teaser.mp4",
        "caption": caption,
        "title": title,
        "thread": [caption, {"text": title, "media": "media/teaser.mp4"}],
    }
    wrong = {
        **post,
        "id": name,
        "media": media,
        "at": at,
        key or "x": title,
        "accounts": [alias],
        "options": {option or "o": key},
        "thread": [caption, {key or "x": title}, {"text": caption, "media": [media]}],
    }
    top = {"defaults": {"accounts": ["brand"], "options": {"privacy_level": "SELF_ONLY"}}}
    evil_name = re.sub(r"[/\x00\ud800-\udfff]", "", name)[:40] or "x"
    other = root / "calendars" / f"{evil_name}.yaml"
    for posts in ([post], [wrong], [post, wrong]):
        (root / "calendars/spring.yaml").write_text(
            yaml.safe_dump({**top, "posts": posts}, allow_unicode=True)
        )
        other.write_text(f"{key}: [\n{caption}")
        found = findings(root)
        other.unlink()
        assert found
        no_orders(terminal.diagnostics_text(found))
        no_orders(github.annotations(found), ours="::error file=")
        document = jsondoc.to_text(jsondoc.validate_document(False, 0, found))
        no_orders(document)
        assert len(json.loads(document)["diagnostics"]) == len(found)


@pytest.mark.parametrize("style", ["text", "markdown", "json"])
def test_a_plan_of_hostile_texts(project: Project, style: str) -> None:
    """The plan of captions, titles and names made to act shows them, and nothing acts."""
    texts = [
        "\x1b]0;x\x07\x1b[2J\u202e::error::x\n::stop-commands::y\n##[error]z",
        "</details><img src=x> <!-- @octocat closes #123 GH-1 https://x.example\n```\n````\n# Approved\n| a | b |",
    ]
    shown = [re.sub("[\x00-\x09\x0b-\x1f]", "", text) for text in texts]
    (project.root / "calendars/media/@octocat #1 <b>.mp4").write_bytes((EXAMPLES / "teaser.mp4").read_bytes())
    posts = [
        {
            "id": f"p{number}", "at": ahead(days=3 + number), "accounts": ["brand"], "caption": text,
            "media": "media/@octocat #1 <b>.mp4", "title": " ".join(text.split()),
        }
        for number, text in enumerate(shown)
    ]  # fmt: skip
    project.calendar(*posts)
    text = project.run("plan", *(["-v"] if style == "text" else ["--format", style]), code=0).out
    no_orders(text)
    if style == "json":
        changes = [each["changes"] for each in json.loads(text)["actions"]]
        assert {c["after"] for each in changes for c in each if c["path"] == "caption"} == {
            each.strip() for each in shown
        }
    if style == "markdown":
        outside = re.sub(r"(?ms)^(`{3,})\n.*?^\1$", "", text)
        outside = re.sub(r"`[^`\n]*`|<!-- calsync:plan -->|</?(?:details|summary|code)>|<br>", "", outside)
        assert not re.search(r"[<>]|(?<![A-Za-z0-9_;])@\w|#[0-9]|https?://", re.sub(r"&#\d+;", " ", outside))


# -- any bytes ----------------------------------------------------------------------------------------------------

SEEDS = tuple(
    path.read_bytes()
    for path in (*sorted(EXAMPLES.parent.glob("*.yaml")), EXAMPLES.parents[1] / "calsync.yaml")
)
PIECES = (
    b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b"\x1b[2J", b"\x85",
    b"\r", b"\r\n", b"\t", b"\n---\n", b"\n...\n", b"&a ", b"*a", b"<<: *a\n", b"!!python/object/apply:os.system ",
    b"!!binary ", b"%YAML 9.9\n---\n", b"[" * 40, b"{" * 40, b"- " * 40, b"? ", b": ", b" #", b"'", b'"', b"|\n", b">-\n", b"@", b"`",
    b"\\", b"null", b"~", b"9" * 5000, b"\xe2\x80\xae", b"\xe2\x80\xa8", b"../" * 40, b"/dev/zero", b"id: ", b"at: ", b"media: ",
)  # fmt: skip


def mutated(chance: random.Random) -> bytes:
    """A real file, changed a few times as fuzzers do: flip, insert, delete, repeat, splice, nest, swell."""
    data = chance.choice(SEEDS)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice((1, 2, 8, 64, 512)))
        match chance.randrange(8):
            case 0 if at < len(data):
                data = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
            case 1 | 2:
                data = data[:at] + chance.choice(PIECES) + data[at:]
            case 3:
                data = data[:at] + data[end:]
            case 4:
                data = data[:end] + data[at:end] * chance.randint(1, 40) + data[end:]
            case 5:
                other = chance.choice(SEEDS)
                data = data[:at] + other[chance.randrange(len(other)) :]
            case 6:
                lines = data.splitlines(keepends=True)
                chance.shuffle(lines)
                data = b"".join(lines)
            case _:
                data = (
                    data[:at]
                    + chance.choice((b"x", b"\n", b" ", b"\xc3\xa9")) * chance.randint(1, 5000)
                    + data[at:]
                )
    return data


def judged(root: Path, data: bytes) -> None:
    """Both parsers agree on the bytes; the project that holds them loads or has findings at places inside of it."""
    fast, pure = parse(data, "f", parser=LIBYAML), parse(data, "f", parser=PureParser)
    tags = any(each.code == "tag" for each in (*fast.problems, *pure.problems))
    assert tags or (fast.problems, fast.root) == (pure.problems, pure.root)
    lines = len(re.split(b"\r\n|\r|\n", data))
    for name in ("calendars/spring.yaml", "calsync.yaml"):
        whole = (root / name).read_bytes()
        (root / name).write_bytes(data)
        found = findings(root)
        (root / name).write_bytes(whole)
        assert len(found) <= MAX_DIAGNOSTICS + 1
        for each in found:
            assert each.source is not None
            assert each.source.file in ("calsync.yaml", "calendars/spring.yaml")
            assert each.source.column >= 1
            assert 1 <= each.source.line <= max(lines, 20)
            assert len(each.message) < 5_000


def test_mutations_of_real_files(root: Path) -> None:
    """The example files, damaged in every way, are data or diagnostics; a longer run takes other seeds."""
    count, seed = int(os.environ.get("CALSYNC_FUZZ", "150")), int(os.environ.get("CALSYNC_FUZZ_SEED", "1"))
    (root / "calsync.yaml").write_bytes(SEEDS[-1])
    for number in range(count):
        data = mutated(random.Random(f"{seed}-{number}"))
        (root.parent / "tried").write_bytes(data)
        judged(root, data)
