"""The project file and the environment: what they mean, what is refused, and that no key is ever shown."""

from __future__ import annotations

import pickle
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calsync.errors import CalendarError, CalsyncError, Diagnostic, Exit, Severity
from calsync.model import DriftPolicy, Policy
from calsync.settings import Environment, Secret, Settings, find_project, load_settings

ACCOUNTS = 'accounts:\n  brand: {provider: postqued, username: "@brand"}\n'


def project(folder: Path, text: str) -> Path:
    path = folder / "calsync.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str) -> Settings:
    return load_settings(project(folder, text))


def problems(folder: Path, text: str) -> list[Diagnostic]:
    with pytest.raises(CalendarError) as caught:
        load(folder, text)
    assert caught.value.exit_code is Exit.INVALID
    return [each for each in caught.value.diagnostics if each.severity is Severity.ERROR]


def codes(folder: Path, text: str) -> list[tuple[str, str]]:
    return [(str(each.source), each.code) for each in problems(folder, text)]


def test_the_contract_s_project_file(tmp_path: Path) -> None:
    """Everything that the contract shows is read as it says."""
    text = """\
version: 1
project: 5b1e0c6a-1c4d-4f2a-9c37-0a4c0e9d7b11
timezone: Europe/Berlin
calendars: ["calendars/*.yaml"]
accounts:
  brand:
    provider: postqued
    platform: tiktok
    username: "@brand"
    paused: true
  other:
    provider: postqued
    username: "@other"
    workspace: 8a1d
  second:
    provider: tikflow
    id: 123e4567-e89b-12d3-a456-426614174000
providers:
  postqued:
    api: auto
    workspace: 7f0c
    rate_limits: {upload: 5, read: 30, publish: 10, delete: 20}
  tikflow:
    quota: 50
    allow_upload: false
    rate_limits: {all: 100}
state:
  path: .calsync/state.json
policy:
  lead_time: 15m
  max_cancels: 10
  drift: restore
"""
    loaded = load(tmp_path, text)
    assert (loaded.root, loaded.file) == (tmp_path.resolve(), "calsync.yaml")
    assert loaded.project == "5b1e0c6a-1c4d-4f2a-9c37-0a4c0e9d7b11"
    assert (loaded.timezone, loaded.calendars) == ("Europe/Berlin", ("calendars/*.yaml",))
    brand, other, second = (loaded.accounts[alias] for alias in ("brand", "other", "second"))
    assert (brand.service, brand.username, brand.workspace, brand.paused) == (
        "postqued",
        "@brand",
        "7f0c",
        True,
    )
    assert (other.workspace, other.paused) == ("8a1d", False)
    assert (second.id, second.workspace, second.platform) == (
        "123e4567-e89b-12d3-a456-426614174000",
        None,
        "tiktok",
    )
    assert dict(loaded.services["postqued"].rate_limits) == {
        "upload": 5,
        "read": 30,
        "publish": 10,
        "delete": 20,
    }
    assert (loaded.services["tikflow"].quota, loaded.services["tikflow"].allow_upload) == (50, False)
    assert loaded.policy == Policy()
    assert loaded.warnings == ()


def test_defaults(tmp_path: Path) -> None:
    """What is left out has the documented default; services come from the accounts that name them."""
    loaded = load(tmp_path, ACCOUNTS)
    assert (loaded.timezone, loaded.calendars, loaded.state_path) == (
        "UTC",
        ("calendars/*.yaml",),
        ".calsync/state.json",
    )
    assert list(loaded.services) == ["postqued"]
    assert dict(loaded.services["postqued"].rate_limits) == {
        "upload": 20,
        "read": 30,
        "publish": 10,
        "delete": 20,
    }
    assert loaded.policy == Policy()
    assert loaded.project is None


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("max_cancels: 20%", Policy(max_cancels=None, max_share=0.2)),
        ("max_cancels: 0", Policy(max_cancels=0)),
        ("max_cancels: '7'", Policy(max_cancels=7)),
        ("lead_time: 90s", Policy(lead_time=timedelta(seconds=90))),
        ("lead_time: 1h30m", Policy(lead_time=timedelta(minutes=90))),
        ("drift: restore-all", Policy(drift=DriftPolicy.RESTORE_ALL)),
        ("drift: leave", Policy(drift=DriftPolicy.LEAVE)),
    ],
)
def test_policy(tmp_path: Path, text: str, policy: Policy) -> None:
    """Counts, shares, spans and words are typed from their text."""
    assert load(tmp_path, f"{ACCOUNTS}policy: {{{text}}}\n").policy == policy


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("acounts: {}", "unknown-key"),
        ("version: 2", "newer-format"),
        ("version: x", "bad-value"),
        ("timezone: CET", "unknown-zone"),
        ("timezone: UTC+2", "unknown-zone"),
        ("timezone: Europe/Berln", "unknown-zone"),
        ("calendars: []", "empty-value"),
        ("calendars: {a: b}", "wrong-type"),
        ("accounts: [brand]", "wrong-type"),
        ("accounts: {a: {username: x}}", "missing-key"),
        ("accounts: {a: {provider: postqued}}", "missing-key"),
        ("accounts: {a/b: {provider: postqued, id: x}}", "bad-id"),
        ("accounts: {a: {provider: postqued, id: x, platform: orkut}}", "bad-value"),
        ("accounts: {a: {provider: postqued, id: x, paused: yes}}", "wrong-type"),
        ("providers: {postqed: {}}", "unknown-key"),
        ("providers: {postqued: {quota: 3}}", "unknown-key"),
        ("providers: {tikflow: {api: v1}}", "unknown-key"),
        ("providers: {postqued: {api: v3}}", "bad-value"),
        ("providers: {postqued: {rate_limits: {upload: 0}}}", "wrong-type"),
        ("providers: {postqued: 7}", "wrong-type"),
        ("state: {path: ../state.json}", "outside"),
        ("state: {path: /tmp/state.json}", "outside"),
        ("state: {path: .}", "bad-value"),
        ("policy: {lead_time: 15}", "wrong-type"),
        ("policy: {lead_time: 1.5h}", "wrong-type"),
        ("policy: {max_cancels: -1}", "wrong-type"),
        ("policy: {max_cancels: 101%}", "wrong-type"),
        ("policy: {drift: undo}", "bad-value"),
    ],
)
def test_what_a_project_file_may_not_say(tmp_path: Path, text: str, code: str) -> None:
    """A mistake is one error with its code, on its line, and exit code 3."""
    lines = f"version: 1\n{text}\n" if not text.startswith("version") else f"# first\n{text}\n"
    assert [(each.source.line if each.source else 0, each.code) for each in problems(tmp_path, lines)] == [
        (2, code)
    ]


@pytest.mark.parametrize("key", ["api_key", "url", "token", "base_url", "password"])
@pytest.mark.parametrize(
    "where",
    ["{}: x", "accounts: {{a: {{provider: tikflow, id: x, {}: y}}}}", "providers: {{postqued: {{{}: x}}}}"],
)
def test_keys_and_addresses_are_no_settings(tmp_path: Path, where: str, key: str) -> None:
    """A key or an address in the project file is unknown, and the hint says where they come from."""
    (problem,) = problems(tmp_path, where.format(key))
    assert problem.code == "unknown-key"
    assert problem.hint is not None
    assert "environment" in problem.hint


def test_all_problems_in_one_run(tmp_path: Path) -> None:
    """Every mistake of the file is reported, sorted, each at its own place."""
    text = "timezone: x\naccounts:\n  a: {provider: postqued, usrname: b}\n  c: 7\npolicy: {drift: x, lead_time: y}\n"
    assert codes(tmp_path, text) == [
        ("calsync.yaml:1:11", "unknown-zone"),
        ("calsync.yaml:3:3", "missing-key"),
        ("calsync.yaml:3:27", "unknown-key"),
        ("calsync.yaml:4:6", "wrong-type"),
        ("calsync.yaml:5:17", "bad-value"),
        ("calsync.yaml:5:31", "wrong-type"),
    ]


def test_suggestions(tmp_path: Path) -> None:
    """A misspelled key names the one that was meant."""
    (problem,) = problems(tmp_path, "timezon: UTC\n")
    assert problem.hint == "did you mean timezone?"


@pytest.mark.parametrize(
    "second",
    [
        '{provider: postqued, username: "@Brand"}',
        "{provider: postqued, username: brand}",
        "{provider: postqued, id: i, username: brand}",
    ],
)
def test_two_aliases_of_one_account(tmp_path: Path, second: str) -> None:
    """Two aliases that mean one account are an error at the second one."""
    assert codes(tmp_path, f"{ACCOUNTS}  again: {second}\n") == [("calsync.yaml:3:3", "same-account")]
    by_id = "accounts:\n  a: {provider: tikflow, id: x}\n  b: {provider: tikflow, id: x}\n"
    assert codes(tmp_path, by_id) == [("calsync.yaml:3:3", "same-account")]


def test_one_handle_through_two_services(tmp_path: Path) -> None:
    """The same handle at two services is a warning; the same id at two services, or two platforms, is nothing."""
    loaded = load(tmp_path, f"{ACCOUNTS}  again: {{provider: tikflow, username: '@BRAND'}}\n")
    assert [(str(each.source), each.code) for each in loaded.warnings] == [
        ("calsync.yaml:3:3", "same-handle")
    ]
    fine = f"{ACCOUNTS}  again: {{provider: tikflow, username: '@brand', platform: bluesky}}\n"
    assert load(tmp_path, fine).warnings == ()
    assert (
        load(tmp_path, "accounts: {a: {provider: tikflow, id: x}, b: {provider: postqued, id: x}}").warnings
        == ()
    )


def test_plug_ins_have_settings_too(tmp_path: Path) -> None:
    """A service that calsync does not know may be configured once an account names it."""
    text = "accounts: {a: {provider: my-service, id: x}}\nproviders: {my-service: {api: v9, rate_limits: {all: 3}}}\n"
    service = load(tmp_path, text).services["my-service"]
    assert (service.api, dict(service.rate_limits)) == ("v9", {"all": 3})


def test_state_may_not_leave_by_a_link(tmp_path: Path) -> None:
    """The state's path is judged with links resolved."""
    inside = tmp_path / "project"
    inside.mkdir()
    (inside / "out").symlink_to(tmp_path)
    assert codes(inside, "state: {path: out/state.json}\n") == [("calsync.yaml:1:15", "outside")]


@pytest.mark.parametrize("text", ["", "- a\n", "just text\n", "version: [\n", "\x00"])
def test_what_is_no_project_file(tmp_path: Path, text: str) -> None:
    """A file that is no mapping, or no YAML, is one error."""
    assert len(problems(tmp_path, text)) == 1


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=80))
def test_any_text_is_settings_or_problems(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever the project file holds, it is read or it is a CalendarError."""
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load_settings(path)
    except CalendarError as error:
        assert error.diagnostics  # noqa: PT017 - either outcome is fine


# -- where the project file is ------------------------------------------------------------------------------------

NOTHING = Environment.read({})


def test_the_nearest_project_file_upwards(tmp_path: Path) -> None:
    """Without other word the project file is the nearest one from the directory upwards."""
    outer = project(tmp_path, ACCOUNTS)
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert find_project(None, deep, NOTHING).resolve() == outer.resolve()
    inner = project(tmp_path / "a", ACCOUNTS)
    assert find_project(None, deep, NOTHING).resolve() == inner.resolve()


def test_the_named_project_file_wins(tmp_path: Path) -> None:
    """--config goes before CALSYNC_CONFIG, which goes before the search; both start at the directory."""
    project(tmp_path, ACCOUNTS)
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).write_text(ACCOUNTS)
    env = Environment.read({"CALSYNC_CONFIG": "two.yaml"})
    assert find_project("one.yaml", tmp_path, env) == tmp_path / "one.yaml"
    assert find_project(None, tmp_path, env) == tmp_path / "two.yaml"
    assert find_project(None, tmp_path, Environment.read({"CALSYNC_CONFIG": ""})).name == "calsync.yaml"


@pytest.mark.parametrize(("config", "folder"), [("gone.yaml", "."), (".", "."), (None, "."), (None, "gone")])
def test_no_project_file(tmp_path: Path, config: str | None, folder: str) -> None:
    """Where there is none, the error says so (code no-project, exit code 3)."""
    with pytest.raises(CalendarError) as caught:
        find_project(config, tmp_path / folder, NOTHING)
    assert [each.code for each in caught.value.diagnostics] == ["no-project"]


# -- the environment ----------------------------------------------------------------------------------------------


def test_flags_of_the_environment() -> None:
    """The usual variables are honoured; one that is empty counts as not set."""
    env = Environment.read(
        {"NO_COLOR": "1", "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "/s"}
    )
    assert (env.no_color, env.force_color, env.ci, env.github_actions) == (True, False, True, True)
    assert env.github_step_summary == "/s"
    empty = Environment.read({"NO_COLOR": "", "CI": "", "FORCE_COLOR": "0", "GITHUB_ACTIONS": ""})
    assert (empty.no_color, empty.force_color, empty.ci, empty.github_actions) == (False, False, False, False)


def test_the_run_s_address() -> None:
    """A CI run names itself, at GitHub and its kin, and at GitLab."""
    github = {"GITHUB_SERVER_URL": "https://git.example", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "7"}
    assert Environment.read(github).run_url == "https://git.example/a/b/actions/runs/7"
    assert Environment.read({"CI_JOB_URL": "https://lab.example/1"}).run_url == "https://lab.example/1"
    assert NOTHING.run_url is None


def test_keys_come_from_variables_and_files(tmp_path: Path) -> None:
    """NAME_API_KEY, or the file that NAME_API_KEY_FILE names, white space around it aside."""
    file = tmp_path / "key"
    file.write_text("  tf_123\n")
    env = Environment.read(
        {"POSTQUED_API_KEY": "pq_1", "TIKFLOW_API_KEY_FILE": str(file), "MY_SERVICE_API_KEY": "mine"}
    )
    keys = [env.api_key(name) for name in ("postqued", "tikflow", "my-service", "other")]
    assert [key and key.reveal() for key in keys] == ["pq_1", "tf_123", "mine", None]


@pytest.mark.parametrize("key", ["pq_1\x1b[31msecret", "pq\nsecret", "pq secret", "päq-secret", " \n "])
@pytest.mark.parametrize("in_file", [False, True])
def test_a_key_that_is_none_is_never_shown(tmp_path: Path, key: str, in_file: bool) -> None:
    """A key with line breaks, spaces or control characters is refused without being repeated."""
    file = tmp_path / "key"
    file.write_text(key, encoding="utf-8")
    values = {"POSTQUED_API_KEY_FILE": str(file)} if in_file else {"POSTQUED_API_KEY": key}
    with pytest.raises(CalsyncError) as caught:
        Environment.read(values).api_key("postqued")
    assert caught.value.exit_code is Exit.ERROR
    assert "secret" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__!r}"


def test_key_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing, huge or binary key file is an error that says which variable named it."""
    big, binary = tmp_path / "big", tmp_path / "binary"
    big.write_bytes(b"x" * 100_000)
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "gone", tmp_path, big, binary):
        with pytest.raises(CalsyncError, match="POSTQUED_API_KEY_FILE"):
            Environment.read({"POSTQUED_API_KEY_FILE": str(path)}).api_key("postqued")


def test_both_a_key_and_a_file_are_refused() -> None:
    """Which of the two would win is nobody's guess."""
    with pytest.raises(CalsyncError, match="both"):
        Environment.read({"POSTQUED_API_KEY": "a", "POSTQUED_API_KEY_FILE": "b"}).api_key("postqued")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example", "https://api.example"),
        ("https://api.example:8443/", "https://api.example:8443"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:1", "http://localhost:1"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("HTTP://127.8.9.1", "http://127.8.9.1"),
    ],
)
def test_service_addresses(url: str, expected: str) -> None:
    """An address is scheme, host and port; plain http reaches loopback hosts."""
    assert Environment.read({"CALSYNC_POSTQUED_URL": url}).service_url("postqued") == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "https://user:secret@api.example",
        "https://api.example/v1",
        "https://api.example?x=1",
        "https://api.example#x",
        "https://api.example?",
        "ftp://api.example",
        "api.example",
        "https://",
        "https://api.example:99999",
        "https://[::1",
        "https://api example",
        "https://api.example\\@evil.example",
        "http://localhost\\.evil.example",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    """Anything else could send a key where it does not belong: it is refused, and not repeated."""
    with pytest.raises(CalsyncError, match="CALSYNC_POSTQUED_URL") as caught:
        Environment.read({"CALSYNC_POSTQUED_URL": url}).service_url("postqued")
    assert "secret" not in f"{caught.value}{caught.value.hint}"


def test_secrets_do_not_show_themselves() -> None:
    """Printing, formatting or pickling never reveals a secret."""
    secret = Secret("pq_hidden")
    shown = f"{secret} {secret!r} {[secret]} {secret!s:>5}" + str({"key": secret})
    assert "hidden" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    env = Environment.read({"POSTQUED_API_KEY": "pq_hidden"})
    assert "hidden" not in repr(env)
    assert secret.reveal() == "pq_hidden"
    assert secret == Secret("pq_hidden") != Secret("other")


def test_the_wait_before_a_repeat_may_be_set() -> None:
    """Seconds, within reason; unset, the transport's own."""
    assert Environment.read({}).first_wait() is None
    assert Environment.read({"CALSYNC_RETRY_WAIT": "0.25"}).first_wait() == 0.25


@pytest.mark.parametrize("text", ["soon", "0", "-1", "61", "nan", "inf"])
def test_a_wait_that_is_none(text: str) -> None:
    """Anything else is an error that names the variable."""
    with pytest.raises(CalsyncError, match="CALSYNC_RETRY_WAIT"):
        Environment.read({"CALSYNC_RETRY_WAIT": text}).first_wait()
