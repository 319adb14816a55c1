"""What calsync hears from its environment: keys, service addresses, and where it runs."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import select
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from calsync.errors import CalsyncError

_LONGEST_KEY = 16 * 1024
_RUNNERS = ("GITHUB_", "FORGEJO_", "GITEA_", "GITLAB_", "CI_", "CALSYNC_FORGE_TOKEN")
_TOKENS = frozenset(
    {
        "CALSYNC_FORGE_TOKEN",
        "CALSYNC_GIT_TOKEN",
        "GITHUB_TOKEN",
        "FORGEJO_TOKEN",
        "GITEA_TOKEN",
        "CI_JOB_TOKEN",
        "GH_TOKEN",
    }
)
_KEY_FILES = ("_API_KEY_FILE", "CALSYNC_GIT_TOKEN_FILE")
_PATIENCE = 60.0
"""Seconds that whoever writes a key into a pipe may take: a password manager asks for a passphrase first."""
_IDLE = 5.0
_GIT_KEPT = (
    "GIT_SSH", "GIT_SSL_", "GIT_HTTP_", "GIT_PROXY_", "GIT_EXEC_PATH", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_",
)  # fmt: skip
_ROUTE = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Secret:
    """A text that shows itself only when asked: neither printing nor formatting nor a traceback does."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written anywhere")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The environment, read once. A variable that is set to nothing counts as not set."""

    config: str | None = None
    no_color: bool = False
    force_color: bool = False
    dumb: bool = False
    """The terminal calls itself dumb (TERM): no colours unless forced."""
    ci: bool = False
    github_actions: bool = False
    github_step_summary: str | None = None
    run_url: str | None = None
    actor: str | None = None
    """Who started the CI run."""
    _values: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, env: Mapping[str, str]) -> Environment:
        """Take what concerns calsync from a mapping of environment variables."""
        values = {name: value for name, value in env.items() if value}
        server, repository, run = (
            values.get(f"GITHUB_{part}") for part in ("SERVER_URL", "REPOSITORY", "RUN_ID")
        )
        run_url = f"{server}/{repository}/actions/runs/{run}" if server and repository and run else None
        return cls(
            config=values.get("CALSYNC_CONFIG"),
            no_color="NO_COLOR" in values,
            force_color=values.get("FORCE_COLOR", "0") not in ("0", "false"),
            dumb=values.get("TERM") == "dumb",
            ci=values.get("CI", "false").casefold() not in ("false", "0"),
            github_actions=values.get("GITHUB_ACTIONS", "").casefold() == "true",
            github_step_summary=values.get("GITHUB_STEP_SUMMARY"),
            run_url=run_url or values.get("CI_JOB_URL"),
            actor=values.get("GITHUB_ACTOR") or values.get("GITLAB_USER_LOGIN"),
            _values=values,
        )

    def api_key(self, service: str) -> Secret | None:
        """The bearer key of a service: NAME_API_KEY, or the file that NAME_API_KEY_FILE names.

        Raises CalsyncError for a key that cannot be one, without showing it.
        """
        return self._secret(f"{_upper(service)}_API_KEY")

    def _secret(self, name: str) -> Secret | None:
        text = self._values.get(name)
        path = self._values.get(f"{name}_FILE")
        if text is not None and path is not None:
            raise CalsyncError(f"{name} and {name}_FILE are both set", hint="unset one of them", code="key")
        if path is not None:
            name, text = f"{name}_FILE", _key_file(f"{name}_FILE", Path(path))
        if text is None:
            return None
        key = text.strip()
        if not key:
            raise CalsyncError(f"{name}: the key is empty", code="key")
        if not key.isascii() or any(not "!" <= each <= "~" for each in key):
            hint = "a key is one word; check for line breaks and quotes that were copied along"
            raise CalsyncError(
                f"{name}: this cannot be a key: it holds spaces or control characters", hint=hint, code="key"
            )
        return Secret(key)

    def first_wait(self) -> float | None:
        """Seconds before a failed request is first repeated, where CALSYNC_RETRY_WAIT sets them.

        Raises CalsyncError for anything but 0.001 to 60.
        """
        text = self._values.get("CALSYNC_RETRY_WAIT")
        if text is None:
            return None
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        if not 0.001 <= seconds <= 60:
            raise CalsyncError(
                "CALSYNC_RETRY_WAIT is no wait", hint="expected seconds, 0.001 to 60", code="retry-wait"
            )
        return seconds

    @property
    def runner(self) -> Mapping[str, str]:
        """What a CI runner says of itself and of the run, tokens included: for `forges.context.detect`."""
        return {
            name: value
            for name, value in self._values.items()
            if name.startswith(_RUNNERS) and not name.endswith("_API_KEY")
        }

    def secrets(self) -> tuple[Secret, ...]:
        """Every key and forge token there is, for a log that is told to hide them; unreadable key files have none."""
        found: list[str] = []
        for name, value in sorted(self._values.items()):
            if name.endswith("_API_KEY") or name in _TOKENS:
                found.append(value)
            elif name.endswith(_KEY_FILES) and Path(value).is_file():  # a pipe can be read only once
                with contextlib.suppress(CalsyncError):
                    found.append(_key_file(name, Path(value)))
        # A log is hidden from line by line.
        lines = (line.strip() for text in found for line in text.splitlines())
        return tuple(Secret(line) for line in dict.fromkeys(lines) if line)

    def for_git(self) -> dict[str, str]:
        """The environment of a git process: no key of ours, nothing that points at another repository or asks.

        How git reaches a remote (SSH command, proxies, certificates, configuration) stays the person's own.
        """
        env = {
            name: value
            for name, value in self._values.items()
            if not name.endswith(("_API_KEY", "_API_KEY_FILE"))
            and not name.startswith(("CALSYNC_", "SSH_ASKPASS"))
            and (not name.startswith("GIT_") or name.startswith(_GIT_KEPT))
        }
        command = env.get("GIT_SSH_COMMAND", "" if "GIT_SSH" in env else "ssh")
        if command.split(" ")[0].endswith("ssh"):
            env["GIT_SSH_COMMAND"] = f"{command} -oBatchMode=yes -oConnectTimeout=30"
        return env | {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "",
            "GCM_INTERACTIVE": "never",
            "LC_ALL": "C",
        }

    def git_token(self) -> tuple[str, Secret] | None:
        """User name and token for the remote that keeps the state: CALSYNC_GIT_TOKEN, or the file that
        CALSYNC_GIT_TOKEN_FILE names. GitLab's job token goes with a user name of its own.

        Raises CalsyncError for a token that cannot be one, without showing it.
        """
        token = self._secret("CALSYNC_GIT_TOKEN")
        if token is None:
            return None
        job = token.reveal() == self._values.get("CI_JOB_TOKEN")
        return ("gitlab-ci-token" if job else "oauth2", token)

    def service_url(self, service: str, *, path: bool = False) -> str | None:
        """The base address of a service where CALSYNC_NAME_URL sets one: `scheme://host[:port]`, or with a `path`.

        Raises CalsyncError for anything else; plain http is for loopback hosts only.
        """
        name = f"CALSYNC_{_upper(service)}_URL"
        text = self._values.get(name)
        if text is None:
            return None
        expected = "expected https://HOST[:PORT][/PATH]" if path else "expected https://HOST[:PORT]"
        try:
            parts = urlsplit(text.strip())
            host, port = parts.hostname, parts.port
        except ValueError:
            raise CalsyncError(f"{name} is no address", hint=expected, code="service-url") from None
        if (
            parts.scheme not in ("http", "https")
            or not host
            or any(not "!" <= each <= "~" for each in text.strip())
        ):
            raise CalsyncError(f"{name} is no address", hint=expected, code="service-url")
        route = parts.path.rstrip("/")
        if "@" in parts.netloc or (route and not path) or "?" in text or "#" in text:
            message = f"{name} holds more than scheme, host{', port and path' if path else ' and port'}"
            raise CalsyncError(message, hint=expected, code="service-url")
        if parts.scheme == "http" and not _loopback(host):
            message = f"{name}: plain http would show the key to the network; it is for loopback hosts only"
            raise CalsyncError(message, hint="use https", code="service-url")
        if not _ROUTE.fullmatch(route):
            message = f"{name}: the path is none that an address of a service has"
            raise CalsyncError(message, hint=expected, code="service-url")
        shown_host = f"[{host}]" if ":" in host else host
        return f"{parts.scheme}://{shown_host}" + (f":{port}" if port is not None else "") + route


def _upper(service: str) -> str:
    return service.upper().replace("-", "_")


def _loopback(host: str) -> bool:
    if host in _LOOPBACK:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _piped(descriptor: int) -> bytes:
    """What a file or pipe holds, to its end. Raises TimeoutError for a pipe without a writer, or with an idle one."""
    data = b""
    is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    while len(data) <= _LONGEST_KEY:
        if is_pipe and not select.select([descriptor], [], [], _IDLE if data else _PATIENCE)[0]:
            raise TimeoutError
        more = os.read(descriptor, _LONGEST_KEY + 1 - len(data))
        if not more:
            break
        data += more
    return data


def _key_file(name: str, path: Path) -> str:
    """The text of a key file. A pipe is fine (a shell's process substitution); what it holds is never shown."""
    try:
        # Non-blocking, so that a pipe into which nobody writes is an error and not a wait.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            data = _piped(descriptor)
        finally:
            os.close(descriptor)
    except TimeoutError:
        raise CalsyncError(f"{name}: nobody writes a key into this pipe", code="key") from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a usable path"
        raise CalsyncError(f"{name}: the file cannot be read: {reason.lower()}", code="key") from None
    if len(data) > _LONGEST_KEY:
        raise CalsyncError(f"{name}: the file is too large to hold a key", code="key")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise CalsyncError(f"{name}: the file is not text", code="key") from None
