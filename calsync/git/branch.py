"""A branch that nobody has checked out: look at one folder of it, and push a change by compare-and-swap.

All happens in a repository of our own, outside the project: the person's index, HEAD, refs and hooks are not touched,
and nothing of the branch is ever checked out.
"""

from __future__ import annotations

import hashlib
import re
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from calsync.errors import StateError, StateUnreadable
from calsync.git.calls import Done, GitProblem
from calsync.git.repository import NETWORK, Aside, Repository, Token
from calsync.textfile import shown

LARGEST = 64 * 1024 * 1024
"""Bytes of one file that are read."""
MARK = "calsync-state.json"
_MARKED = b'{"format_version": 1}\n'
_README = b"""# The state of calsync

This branch is written by `calsync apply` and shares no history with the others. Each folder is one project: what
calsync has scheduled where (`state.json`), what the present run has done so far (`journal.jsonl`), and who is writing
(`lease.json`). The log of the branch says which run did what.

Do not merge it, do not edit it by hand, and do not rewrite its history: `calsync state` shows and mends what is in it.
"""
_LOOKS = 5
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True, slots=True)
class Tip:
    """The branch at one commit, as far as our folder goes: `tree` is the folder's own id; None: not there."""

    commit: str | None = None
    tree: str | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)


class Branch:
    """One folder of one branch of a remote. Not thread-safe.

    `names`: the files that our folder may hold. Raises StateError for what git says no to, StateUnreadable for
    what is on the branch and is not ours.
    """

    def __init__(
        self, repository: Repository, name: str, folder: str, *, remote: str, token: Token | None = None
    ) -> None:
        self.name, self.folder, self.remote = name, folder, remote
        self._repository = repository
        self._token = token
        self._made: Aside | None = None

    def look(self, names: Sequence[str], *, depth: int = 1) -> Tip:
        """The branch as it is on the remote now. Raises StateError where it cannot be reached: that is no answer."""
        for _ in range(_LOOKS):
            commit = self._there()
            if commit is None:
                return Tip()
            done = self._git(
                "fetch", "--quiet", "--no-tags", f"--depth={depth}", "state",
                f"+refs/heads/{self.name}:refs/calsync/tip", seconds=NETWORK,
            )  # fmt: skip
            if done.code == 0:
                commit = self._well("rev-parse", "--verify", "refs/calsync/tip").text
                return self._tip(commit, names)
        raise StateError(
            f"the branch {self.name} of {self.remote} cannot be fetched: {done.words}", hint=_REACH
        )

    def propose(self, base: Tip, files: Mapping[str, bytes], message: str, seconds: int) -> Tip:
        """A commit upon `base` in which our folder holds exactly these files; nothing is sent yet.

        `seconds`: its time, since 1970.
        """
        text = message.encode("utf-8", "replace")
        lines = [
            b"commit refs/calsync/next\nmark :1\n",
            b"committer calsync <calsync@localhost> %d +0000\n" % seconds,
            b"data %d\n%s\n" % (len(text), text),
        ]
        if base.commit is not None:
            lines.append(b"from %s\n" % base.commit.encode())
        else:
            lines += [_file("README.md", _README), _file(MARK, _MARKED)]
        lines.append(b"D %s\n" % self.folder.encode())
        lines += [_file(f"{self.folder}/{name}", content) for name, content in files.items()]
        lines.append(b"\nget-mark :1\n")
        # Started anew each time: fast-import only adds to a ref, and ours may have to begin at another base.
        self._well("update-ref", "-d", "refs/calsync/next")
        commit = self._well("fast-import", "--quiet", "--force", stdin=b"".join(lines)).text
        tree = self._git("rev-parse", "--verify", "--quiet", f"{commit}:{self.folder}")
        return Tip(commit, tree.text or None if tree.code == 0 else None, dict(files))

    def push(self, new: Tip, base: Tip) -> str | None:
        """Send a commit, provided that the branch still stands at `base`; None when it landed, else git's words.

        With words it may have landed all the same: look.
        """
        # `new` is a child of `base`, so this never rewinds; the lease only makes the remote compare first, also
        # where the branch is gone or not there yet.
        ref = f"refs/heads/{self.name}"
        try:
            done = self._git(
                "push", "--quiet", "--porcelain", "--no-verify", f"--force-with-lease={ref}:{base.commit or ''}",
                "state", f"{new.commit}:{ref}", seconds=NETWORK,
            )  # fmt: skip
        except StateError as error:
            return error.message
        if done.code == 0:
            return None
        refused = [line for line in done.text.splitlines() if line.startswith("!")]
        return "; ".join(filter(None, (self._aside.git.fit("\n".join(refused)), done.words)))

    def includes(self, tip: Tip, commit: str | None) -> bool:
        """Whether a commit is part of what was fetched with `tip`."""
        if tip.commit is None or commit is None:
            return False
        return self._git("merge-base", "--is-ancestor", commit, tip.commit).code == 0

    def needs_another(self) -> None:
        """Raise StateError where the remote has no branch at all: forges take the first one for the default branch."""
        done = self._git("ls-remote", "--quiet", "--heads", "state", seconds=NETWORK)
        if done.code == 0 and not done.text:
            raise StateError(
                f"{self.remote} has no branch yet, and {self.name} would become its default branch; nothing was written",
                hint=f"push the branch of the calendars first, for example `git push {self.remote} HEAD`",
            )

    def _there(self) -> str | None:
        done = self._git("ls-remote", "--quiet", "state", f"refs/heads/{self.name}", seconds=NETWORK)
        if done.code != 0:
            raise StateError(
                f"the branch {self.name} cannot be looked at on {self.remote}: {done.words or 'no reason given'}",
                hint=_REACH,
            )
        for line in done.text.splitlines():
            commit, _, ref = line.partition("\t")
            if ref == f"refs/heads/{self.name}":
                return commit
        return None

    def _tip(self, commit: str, names: Sequence[str]) -> Tip:
        """Our folder at a commit, read within bounds; what is not a plain file or too large is refused."""
        root = self._entries(commit, MARK, self.folder)
        if root.get(MARK, ("", "", ""))[0] != "blob":
            raise StateUnreadable(
                f"the branch {self.name} of {self.remote} is there, and it is not one of calsync's",
                hint="name another in `state: {branch: ...}`, such as calsync-state; calsync makes it",
            )
        if self.folder not in root:
            return Tip(commit)
        kind, tree, _ = root[self.folder]
        if kind != "tree":
            raise self._strange(self.folder)
        files: dict[str, bytes] = {}
        for name, (kind, blob, size) in self._entries(tree, *names).items():
            if kind != "blob" or not size.isdigit():
                raise self._strange(f"{self.folder}/{name}")
            if int(size) > LARGEST:
                raise StateUnreadable(
                    f"{self.folder}/{name} on the branch {self.name} is larger than {LARGEST >> 20} MiB",
                    hint="look at who wrote it: `git log` of that branch",
                )
            files[name] = self._well("cat-file", "blob", blob).out
        return Tip(commit, tree, files)

    def _entries(self, tree: str, *names: str) -> dict[str, tuple[str, str, str]]:
        """Kind, id and size of these entries of a tree; of a file that is a link the kind is `link`."""
        found: dict[str, tuple[str, str, str]] = {}
        listing = self._well("ls-tree", "-z", "-l", tree, "--", *names)
        for line in listing.out.decode("utf-8", "surrogateescape").split("\0")[:-1]:
            head, _, name = line.partition("\t")
            mode, kind, blob, size = head.split()
            found[name] = ("link" if mode == "120000" else kind, blob, size)
        return found

    def _strange(self, name: str) -> StateUnreadable:
        return StateUnreadable(
            f"{shown(name, 200)} on the branch {self.name} is not what calsync writes there",
            hint="look at who wrote it: `git log` of that branch; nothing was changed",
        )

    @property
    def _aside(self) -> Aside:
        if self._made is None:
            self._made = self._repository.beside(self._repository.remote(self.remote, self._token))
            weakref.finalize(self, self._made.remove)
        return self._made

    def _git(self, *arguments: str, stdin: bytes = b"", seconds: float = 30.0) -> Done:
        try:
            return self._aside.run(*arguments, stdin=stdin, seconds=seconds)
        except GitProblem as error:
            raise StateError(error.message, hint=error.hint) from error

    def _well(self, *arguments: str, stdin: bytes = b"") -> Done:
        done = self._git(*arguments, stdin=stdin)
        if done.code != 0:
            raise StateError(f"git {arguments[0]} failed: {done.words}")
        return done


_REACH = (
    "nothing was changed; can this machine reach the remote, and may it read there? `git fetch` has to work without"
    " a question"
)


def folder_of(project: str | None, prefix: str) -> str:
    """The folder of a project: named by its lineage, else by the path of its directory in the repository."""
    name = project if project is not None else f"at.{prefix or 'root'}"
    if _PLAIN.fullmatch(name):
        return name
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60]
    return f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")


def _file(path: str, content: bytes) -> bytes:
    return b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content)
