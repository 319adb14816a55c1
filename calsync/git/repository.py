"""The repository that a project is in: where, HEAD, ancestry, remotes. Reads; index, HEAD and refs stay as they are."""

from __future__ import annotations

import base64
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from calsync.errors import CalsyncError
from calsync.git.calls import Done, Git, GitProblem, Settings

NETWORK = 120.0
"""Seconds that a fetch or push may take."""
DEPTHS = (50, 1000)
"""Commits back from HEAD, and from the commit last applied, among which the other one is looked for."""
PATIENCE = 30.0
"""Seconds that each look for them may take."""

_PASSED = ("http.", "url.", "credential.", "ssh.", "protocol.")
_PASSED_WHOLE = ("core.sshcommand", "core.gitproxy")
_OF_REMOTE = ("url", "pushurl", "proxy", "proxyauthmethod")


@dataclass(frozen=True, slots=True)
class Token:
    """A token for the remote, and the user name that goes with it."""

    user: str
    text: str

    @property
    def basic(self) -> str:
        """What goes into the header."""
        return base64.b64encode(f"{self.user}:{self.text}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository around a project. `top`: its work tree; `directory`: its own place (`.git`)."""

    git: Git
    top: Path
    directory: Path

    @classmethod
    def find(cls, root: Path, git: Git) -> Repository | None:
        """The repository around a directory; None where there is none. Raises GitProblem where git refuses it."""
        if not any(os.path.lexists(folder / ".git") for folder in (root, *root.parents)):
            return None
        done = git.run("rev-parse", "--show-toplevel", "--absolute-git-dir", cwd=root)
        if done.code != 0:
            raise GitProblem(f"git cannot use the repository of this project: {done.words}")
        top, directory = done.text.split("\n")
        return cls(git, Path(top), Path(directory))

    def head(self) -> str | None:
        """The commit that is checked out; None before the first."""
        done = self._ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        return done.text or None if done.code == 0 else None

    def branch(self) -> str | None:
        """The remote's default branch, as far as this clone knows, else the one that is checked out."""
        for ref, prefix in (("refs/remotes/origin/HEAD", "origin/"), ("HEAD", "")):
            done = self._ask("symbolic-ref", "--quiet", "--short", ref)
            if done.code == 0 and done.text:
                return done.text.removeprefix(prefix)
        return None

    def clean(self, root: Path) -> bool:
        """Whether what git tracks below a directory is as it was committed."""
        try:
            done = self._ask(
                "--no-optional-locks", "status", "--porcelain", "--untracked-files=no", "--", str(root)
            )
        except GitProblem:
            return False
        return done.code == 0 and not done.out

    def tracks(self, file: Path) -> bool:
        """Whether a file is one of the repository's, and does not only lie in its work tree."""
        return self._ask("ls-files", "--error-unmatch", "--", str(file)).code == 0

    def holding(self, text: str, line: re.Pattern[str], name: str, *, outside: Path) -> tuple[str, ...]:
        """The tracked files of this name in other directories where a line with this text is such; from the top."""
        done = self._ask("grep", "-z", "--no-color", "-I", "-F", "-e", text, "--", f":(top,glob)**/{name}")
        found: set[str] = set()
        for each in done.out.decode("utf-8", "surrogateescape").splitlines():
            path, _, found_line = each.partition("\0")
            if line.fullmatch(found_line) and (self.top / path).resolve().parent != outside.resolve():
                found.add(path)
        return tuple(sorted(found))

    def precedes(self, one: str, other: str, remote: str) -> bool | None:
        """Whether a commit is an ancestor of another; None where that cannot be told.

        Asks the remote where this clone does not know enough; what that answers is not kept here.
        """
        if one == other:
            return False
        known = all(self._ask("cat-file", "-e", f"{each}^{{commit}}").code == 0 for each in (one, other))
        if known:
            if self._ask("merge-base", "--is-ancestor", one, other).code == 0:
                return True
            shallow = self._ask("rev-parse", "--is-shallow-repository").text != "false"
            if not shallow or self._ask("merge-base", "--is-ancestor", other, one).code == 0:
                return False
        try:
            return self._elsewhere(one, other, remote)
        except CalsyncError:
            return None

    def _elsewhere(self, one: str, other: str, remote: str) -> bool | None:
        """The same, in a repository for this question alone that fetches commits and no files."""
        with self.aside(self.remote(remote)) as aside:
            for depth in DEPTHS:
                done = aside.run(
                    "fetch", "--quiet", "--no-tags", f"--depth={depth}", "--filter=tree:0", "state", one, other,
                    seconds=PATIENCE,
                )  # fmt: skip
                if done.code != 0:
                    return None
                if aside.run("merge-base", "--is-ancestor", one, other).code == 0:
                    return True
                if aside.run("merge-base", "--is-ancestor", other, one).code == 0:
                    return False
                if not (aside.directory / "shallow").exists():
                    return False
                if "filtering not recognized" in done.words:
                    break  # that server sends all files along, and further back that may be much
        return None

    def newest(self, branch: str, remote: str) -> str | None:
        """The newest commit of a branch of a remote; None where there is no such branch or the remote says nothing."""
        done = self.git.run("ls-remote", "--", remote, f"refs/heads/{branch}", cwd=self.top, seconds=NETWORK)
        # A branch may be called `x/refs/heads/main`, and git takes that for a match too.
        tips = {ref: commit for commit, _, ref in (line.partition("\t") for line in done.text.splitlines())}
        return tips.get(f"refs/heads/{branch}") if done.code == 0 else None

    def prefix(self, root: Path) -> str:
        """A directory's path within the repository, with `/`; empty at its top."""
        path = root.resolve().relative_to(self.top.resolve()).as_posix()
        return "" if path == "." else path

    def remote(self, name: str, token: Token | None = None) -> Settings:
        """What another repository needs to reach a remote of this one under the name `state`.

        Credentials and addresses that stand in this repository's own configuration (as CI's checkout leaves them)
        are handed on in the environment; a token replaces them. Raises GitProblem where there is no such remote.
        """
        done = self._ask("config", "--list", "--show-scope", "--includes", "-z")
        words = done.out.decode("utf-8", "surrogateescape").split("\0")
        found: list[tuple[str, str]] = []
        passed: list[tuple[str, str]] = []
        for scope, setting in zip(words[::2], words[1::2], strict=False):
            key, _, value = setting.partition("\n")
            of_remote = key.removeprefix(f"remote.{name}.")
            if of_remote in _OF_REMOTE:
                found.append((of_remote, value))
            elif scope in ("local", "worktree") and (key.startswith(_PASSED) or key in _PASSED_WHOLE):
                passed.append((key, value))
        urls = [value for key, value in found if key == "url"]
        if not urls:
            raise GitProblem(
                f"this repository has no remote {name}",
                hint=f"git remote add {name} URL, or name another in `state: {{remote: ...}}`",
            )
        reach = next((value for key, value in found if key == "pushurl"), urls[0])
        if token is not None:
            reach = _bare(reach)
            passed = [each for each in passed if not each[0].endswith(".extraheader")]
            header = f"Authorization: Basic {token.basic}"
            passed += [("http.extraheader", ""), (f"http.{reach}.extraheader", header)]
        # One address for reading and writing: what was pushed is what is read.
        rest = [(f"remote.state.{key}", value) for key, value in found if key.startswith("proxy")]
        return (*passed, ("remote.state.url", reach), *rest)

    @contextmanager
    def aside(self, settings: Settings) -> Iterator[Aside]:
        """An empty repository of our own, gone afterwards."""
        aside = self.beside(settings)
        try:
            yield aside
        finally:
            aside.remove()

    def beside(self, settings: Settings) -> Aside:
        """An empty repository of our own, outside the project; whoever asks for it removes it."""
        self.git.require(self.top)
        kind = self._ask("rev-parse", "--show-object-format").text or "sha1"
        home = Path(tempfile.mkdtemp(prefix="calsync-git-"))
        secrets = tuple(secret for key, value in settings for secret in _secrets(key, value))
        git = replace(self.git, secrets=(*self.git.secrets, *secrets))
        aside = Aside(git, home, home / "git", self.top, settings)
        done = aside.run("init", "--quiet", "--bare", "--template=", f"--object-format={kind}")
        if done.code != 0:
            aside.remove()
            raise GitProblem(f"git cannot make a repository to work in: {done.words}")
        return aside

    def _ask(self, *arguments: str) -> Done:
        return self.git.run(*arguments, cwd=self.top)


@dataclass(frozen=True, slots=True)
class Aside:
    """A bare repository of our own, which nobody else sees; it reaches the remote `state`."""

    git: Git
    home: Path
    directory: Path
    cwd: Path
    settings: Settings

    def run(self, *arguments: str, stdin: bytes = b"", seconds: float = 30.0) -> Done:
        """Run a command in it. Raises GitProblem."""
        return self.git.run(
            *arguments,
            cwd=self.cwd,
            directory=self.directory,
            stdin=stdin,
            seconds=seconds,
            settings=(("core.bare", "true"), *self.settings),
        )

    def remove(self) -> None:
        """Remove it."""
        shutil.rmtree(self.home, ignore_errors=True)


def _bare(url: str) -> str:
    """An http address without the user in it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise GitProblem(
            "CALSYNC_GIT_TOKEN is set, and the remote is not one that takes a token",
            hint="use an https address, or unset CALSYNC_GIT_TOKEN",
        )
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise GitProblem("plain http would show CALSYNC_GIT_TOKEN to the network", hint="use https")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _secrets(key: str, value: str) -> tuple[str, ...]:
    """What must not be shown of a setting."""
    if key.endswith(".extraheader"):
        return (value, value.split()[-1]) if value.split() else ()
    parts = urlsplit(value) if "://" in value else None
    return (parts.password,) if parts is not None and parts.password else ()
