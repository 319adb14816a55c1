"""One git command at a time: a neutral environment, no prompt, no hook, a time limit, words that hide secrets.

Secrets reach git in its environment alone, never in an argument and never in a file of ours.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from calsync.errors import CalsyncError
from calsync.textfile import shown

OLDEST = (2, 31)
"""The first version of git that takes its configuration from the environment."""

Settings = Sequence[tuple[str, str]]
"""Configuration as git spells it: key and value, in order; a key may stand there more than once."""

_ALWAYS: Settings = (
    ("core.hooksPath", os.devnull),
    ("core.askPass", ""),
    ("core.fsmonitor", "false"),
    ("credential.interactive", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.writeCommitGraph", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("push.gpgSign", "false"),
    ("push.recurseSubmodules", "no"),
    ("submodule.recurse", "false"),
)
_USER = re.compile(r"(?<=://)[^/@\s]+@")
_HEADER = re.compile(r"(?i)(authorization:?\s*)(\w+\s+)?\S+")
_MOST_LINES = 6


class GitProblem(CalsyncError):
    """git is missing, too old, too slow, or says no; the message has its words without secrets."""

    code = "git"


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to: its exit code, its output, and what it complained of, fit to be shown."""

    code: int
    out: bytes
    words: str

    @property
    def text(self) -> str:
        """The output as text without the space around it."""
        return self.out.decode("utf-8", "replace").strip()


@dataclass(frozen=True, slots=True)
class Git:
    """Runs git. `environment`: what its processes get (see Environment.for_git); `secrets`: never shown."""

    environment: Mapping[str, str]
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def run(
        self,
        *arguments: str,
        cwd: Path,
        directory: Path | None = None,
        stdin: bytes = b"",
        seconds: float = 30.0,
        settings: Settings = (),
    ) -> Done:
        """Run one command in `cwd`; `directory`: the repository to use instead of the one around `cwd`.

        Raises GitProblem where there is no git, and where it takes longer than `seconds`.
        """
        env = self._environment(directory, (*_ALWAYS, *settings))
        start = _Start(["git", *arguments], cwd, env)
        try:
            process = start()
            out, complaint = process.communicate(stdin, timeout=seconds)
        except FileNotFoundError as error:
            raise GitProblem("there is no git here", hint="install git; it has to be in the PATH") from error
        except OSError as error:
            start.end()
            reason = (error.strerror or "no reason given").lower()
            raise GitProblem(f"git cannot be started: {reason}") from error
        except subprocess.TimeoutExpired:
            start.end()
            raise GitProblem(
                f"git {shown(arguments[0])} did not come to an end within {seconds:.0f} s",
                hint="is the remote reachable from here?",
            ) from None
        except BaseException:
            start.end()
            raise
        return Done(process.returncode, out, self.fit(complaint.decode("utf-8", "replace")))

    def fit(self, text: str) -> str:
        """What git said, on one line: secrets hidden, nothing invisible, not too long."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        text = _HEADER.sub(r"\1***", _USER.sub("***@", text))
        lines = [line.strip() for line in text.splitlines()]
        told = [line for line in lines if line and not line.startswith(("hint:", "To "))]
        return "; ".join(shown(line, 240) for line in told[:_MOST_LINES])

    def _environment(self, directory: Path | None, settings: Settings) -> dict[str, str]:
        env = dict(self.environment)
        count = int(env.get("GIT_CONFIG_COUNT", "0")) if env.get("GIT_CONFIG_COUNT", "0").isdigit() else 0
        for number, (key, value) in enumerate(settings, count):
            env[f"GIT_CONFIG_KEY_{number}"], env[f"GIT_CONFIG_VALUE_{number}"] = key, value
        env["GIT_CONFIG_COUNT"] = str(count + len(settings))
        if directory is not None:
            env["GIT_DIR"] = str(directory)
        return env

    def require(self, cwd: Path) -> None:
        """Raise GitProblem where git is missing or too old."""
        said = self.run("version", cwd=cwd).text
        found = re.search(r"(\d+)\.(\d+)", said)
        if found is None or (int(found[1]), int(found[2])) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise GitProblem(
                f"this git is too old: {shown(said)}", hint=f"calsync works with git {oldest} and later"
            )


class _Start:
    """Starts a command so that it can be ended whatever happens meanwhile.

    A signal ends a run by an exception in its main thread, at any moment: also after the fork and before anybody
    has the process in hand. So another thread starts it, and ends it again where nobody wants it any more.
    """

    def __init__(self, command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> None:
        self._thread = threading.Thread(target=self._run, args=(command, cwd, environment))
        self._lock = threading.Lock()
        self._over = False
        self._process: subprocess.Popen[bytes] | None = None
        self._error: Exception | None = None

    def __call__(self) -> subprocess.Popen[bytes]:
        """The process. Raises OSError, and ValueError for what cannot be a command."""
        self._thread.start()
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._process is not None
        return self._process

    def end(self) -> None:
        """End it, be it started already or only about to be."""
        with self._lock:
            self._over = True
        if self._process is not None:
            _end(self._process)

    def _run(self, command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> None:
        try:
            # A session of its own: Ctrl-C is for us to hear, and no terminal is there to ask on.
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._error = error
            return
        with self._lock:
            self._process, over = process, self._over
        if over:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and what it has started; asked first, git takes its lock files away."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(2)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.close()
