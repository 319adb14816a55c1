"""Where a CI run takes place, from the variables that its runner sets and from its event file.

Variables come from the runner, the event file holds what strangers write (titles, branch names, user names):
whatever is taken from either is checked for its form.

GitHub Actions   https://docs.github.com/en/actions/reference/workflows-and-actions/variables
Forgejo Actions  https://forgejo.org/docs/latest/user/actions/reference/ (sets GITHUB_* too)
GitLab CI        https://docs.gitlab.com/ci/variables/predefined_variables/
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from calsync.environment import Secret
from calsync.errors import CalsyncError
from calsync.forges.base import Followed, ForgeContext, Kind, text, whole
from calsync.model import Json

MOST_BYTES = 25 * 1024 * 1024
"""GitHub's own bound of an event."""

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_BRANCH = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\]{1,250}")
_PULL = re.compile(r"refs/pull/([1-9][0-9]{0,9})/(?:merge|head)")
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_ADDRESS = re.compile(r"https?://[!-;=?-~]{1,2000}")
_PROJECT = re.compile(r"[1-9][0-9]{0,15}")


def read_event(path: str) -> Json:
    """The event file of a run. Raises CalsyncError where it cannot be read, is too large or is no JSON."""
    try:
        with Path(path).open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a usable path"
        raise _unusable(f"cannot be read: {reason.lower()}") from None
    if len(raw) > MOST_BYTES:
        raise _unusable("is too large")
    try:
        event: Json = json.loads(raw)
    except (ValueError, RecursionError):
        raise _unusable("is not JSON") from None
    return event


def _unusable(why: str) -> CalsyncError:
    return CalsyncError(f"the event file of this run {why}", code="event-file")


def detect(values: Mapping[str, str], event: Json = None) -> ForgeContext | None:
    """Where this run takes place; None outside of the CI systems that calsync knows."""
    if values.get("GITLAB_CI") == "true":
        return _gitlab(values)
    if any(values.get(f"{name}_ACTIONS") == "true" for name in ("FORGEJO", "GITEA")):
        return _hub(Kind.FORGEJO, values, event)
    if values.get("GITHUB_ACTIONS", "").casefold() == "true":
        return _hub(Kind.GITHUB, values, event)
    return None


def followed(context: ForgeContext, event: Json) -> Followed | None:
    """The run whose end started this one (`on: workflow_run`); None where there is none or it comes from nowhere.

    The event is the forge's own word. What the run itself left behind is not asked: a stranger may have made it.
    """
    if context.event != "workflow_run":
        return None
    run = "workflow_run"
    head = _formed(_COMMIT, text(event, run, "head_sha"))
    branch = _formed(_BRANCH, text(event, run, "head_branch"))
    repository = _formed(_REPOSITORY, text(event, run, "head_repository", "full_name"))
    if head is None or branch is None or repository is None:
        return None
    number = whole(event, run, "id")
    return Followed(
        about=text(event, run, "event") or "",
        head=head,
        branch=branch,
        repository=repository,
        conclusion=text(event, run, "conclusion") or "",
        # Put together here, for an address in the event could be anything.
        url=f"{context.runs}/{number}" if context.runs and number is not None and number > 0 else None,
    )


def _hub(kind: Kind, values: Mapping[str, str], event: Json) -> ForgeContext | None:
    """GitHub, and Forgejo, which sets the same variables and newer ones under its own name."""

    def value(name: str) -> str | None:
        own = values.get(f"FORGEJO_{name}") if kind is Kind.FORGEJO else None
        return own or values.get(f"GITHUB_{name}")

    repository = _formed(_REPOSITORY, value("REPOSITORY"))
    if repository is None:
        return None
    server, run, ref = _formed(_ADDRESS, value("SERVER_URL")), value("RUN_ID"), value("REF") or ""
    pulled = _PULL.fullmatch(ref)
    about = {"pull_request", "pull_request_target"} & {value("EVENT_NAME") or ""}
    number = whole(event, "pull_request", "number") or whole(event, "number") if about else None
    if number is None and pulled is not None:
        number = int(pulled[1])
    # A fork that was deleted meanwhile is null.
    source = text(event, "pull_request", "head", "repo", "full_name")
    fork = number is not None and source is not None and source.casefold() != repository.casefold()
    if about and whole(event, "pull_request", "number") is not None and source is None:
        fork = True
    runs = f"{server}/{repository}/actions/runs" if server else None
    branch = ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else None
    tokens = ("FORGEJO_TOKEN", "GITHUB_TOKEN", "GITEA_TOKEN") if kind is Kind.FORGEJO else ("GITHUB_TOKEN",)
    return ForgeContext(
        kind=kind,
        repository=repository,
        api=_formed(_ADDRESS, value("API_URL")),
        token=_token(values, "CALSYNC_FORGE_TOKEN", *tokens),
        event=value("EVENT_NAME") or "",
        number=number if number is not None and 0 < number < 10**10 else None,
        commit=_formed(_COMMIT, value("SHA")),
        head=_formed(_COMMIT, text(event, "pull_request", "head", "sha")),
        base=_formed(_BRANCH, value("BASE_REF") or text(event, "pull_request", "base", "ref")),
        branch=_formed(_BRANCH, branch),
        default_branch=_formed(_BRANCH, text(event, "repository", "default_branch")),
        run_url=f"{runs}/{run}" if runs and run and run.isdecimal() else None,
        runs=runs,
        actor=value("ACTOR"),
        fork=fork,
        workspace=value("WORKSPACE"),
        summary=value("STEP_SUMMARY"),
        output=value("OUTPUT"),
    )


def _gitlab(values: Mapping[str, str]) -> ForgeContext | None:
    """GitLab. Only a token of one's own may write notes and issues; the job's own token may not."""
    # In a merge request from a fork the pipeline may run in the fork; its notes belong to the target.
    target = values.get("CI_MERGE_REQUEST_PROJECT_ID")
    repository = _formed(_PROJECT, target or values.get("CI_PROJECT_ID"))
    if repository is None:
        return None
    source = values.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID")
    number = _formed(_NUMBER, values.get("CI_MERGE_REQUEST_IID"))
    commit = _formed(_COMMIT, values.get("CI_COMMIT_SHA"))
    # In a merged results pipeline the commit is a merge, and this is the source branch's.
    merged = _formed(_COMMIT, values.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"))
    return ForgeContext(
        kind=Kind.GITLAB,
        repository=repository,
        api=_formed(_ADDRESS, values.get("CI_API_V4_URL")),
        token=_token(values, "CALSYNC_FORGE_TOKEN"),
        event=values.get("CI_PIPELINE_SOURCE", ""),
        number=int(number) if number else None,
        commit=commit,
        head=(merged or commit) if number else None,
        base=_formed(_BRANCH, values.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME")),
        branch=_formed(_BRANCH, values.get("CI_COMMIT_BRANCH")),
        default_branch=_formed(_BRANCH, values.get("CI_DEFAULT_BRANCH")),
        run_url=_formed(_ADDRESS, values.get("CI_JOB_URL")),
        actor=values.get("GITLAB_USER_LOGIN"),
        fork=bool(number and source and target and source != target),
        workspace=values.get("CI_PROJECT_DIR"),
    )


def _formed(form: re.Pattern[str], value: str | None) -> str | None:
    return value if value is not None and form.fullmatch(value) else None


def _token(values: Mapping[str, str], *names: str) -> Secret | None:
    found = next((values[name].strip() for name in names if values.get(name, "").strip()), None)
    return Secret(found) if found is not None else None
