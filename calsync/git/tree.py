"""Files as they were at a commit, read from git's objects: nothing is checked out and no filter runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from calsync.errors import CalsyncError
from calsync.git.calls import Done, GitProblem
from calsync.git.repository import Repository
from calsync.textfile import shown

SMALL = 64 * 1024
"""Bytes up to which every file of a commit is laid out: calendars, captions, Git LFS pointers."""
MOST_FILES = 100_000
MOST_BYTES = 128 * 1024 * 1024
_TEXTS = (".yaml", ".yml", "media.lock")
_LARGEST_TEXTS = 32 * 1024 * 1024
_SECONDS = 120.0


class UnknownCommit(CalsyncError):
    """A ref that names no commit here."""

    code = "unknown-commit"


@dataclass(frozen=True, slots=True)
class Blob:
    """A file in a commit: its mode as git writes it, object id, and size in bytes."""

    mode: str
    oid: str
    size: int

    @property
    def link(self) -> bool:
        """A symbolic link; what it points to is its content."""
        return self.mode == "120000"


@dataclass(frozen=True, slots=True)
class Tree:
    """The files below a directory of the project's repository at one commit, by their path from it, with `/`."""

    repository: Repository
    root: Path
    commit: str
    files: Mapping[str, Blob]

    @classmethod
    def at(cls, repository: Repository, root: Path, ref: str) -> Tree:
        """Look a ref up. Raises UnknownCommit where it names none here, GitProblem."""
        done = _ask(
            repository, root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"
        )
        if done.code != 0:
            raise UnknownCommit(
                f"{shown(ref)} names no commit here",
                hint="a shallow clone has only its newest commits: git fetch --depth=1 origin BRANCH, then"
                " --base FETCH_HEAD",
            )
        commit = done.text
        listed = _well(repository, root, "ls-tree", "-r", "-z", "-l", commit)
        files: dict[str, Blob] = {}
        for line in filter(None, listed.out.split(b"\0")):
            facts, _, raw = line.partition(b"\t")
            mode, kind, oid, size = facts.decode("ascii").split()
            name = raw.decode("utf-8", "surrogateescape")
            if kind == "blob" and _plain(name):
                files[name] = Blob(mode, oid, int(size))
        if len(files) > MOST_FILES:
            raise GitProblem(f"{shown(ref)} has more than {MOST_FILES:,} files below this directory")
        return cls(repository, root, commit, files)

    def lay_out(self, target: Path) -> None:
        """Write what is small, and every YAML file, below an empty directory. Raises GitProblem."""
        wanted = {name: blob for name, blob in self.files.items() if _laid_out(name, blob)}
        if sum(blob.size for blob in wanted.values()) > MOST_BYTES:
            raise GitProblem(f"the small files of {self.commit[:12]} are more than {MOST_BYTES >> 20} MiB")
        order = "".join(f"{blob.oid}\n" for blob in wanted.values()).encode()
        out = _well(self.repository, self.root, "cat-file", "--batch", stdin=order).out
        start = 0
        links: dict[Path, bytes] = {}
        try:
            for name, blob in wanted.items():
                line = out.index(b"\n", start)
                content = out[line + 1 : line + 1 + blob.size]
                start = line + 1 + blob.size + 1
                path = target / name
                path.parent.mkdir(parents=True, exist_ok=True)
                if blob.link:
                    links[path] = content
                else:
                    path.write_bytes(content)
            # Last, so that nothing is written through one, whatever a tree made by hand holds.
            for path, content in links.items():
                path.symlink_to(os.fsdecode(content))
        except (OSError, ValueError) as error:
            raise GitProblem(
                f"the files of {self.commit[:12]} cannot be laid out: {type(error).__name__}"
            ) from error

    def take(self, name: str, below: Path) -> Path:
        """Write one file, however large, below the directory that the others were laid out in. Raises GitProblem."""
        target = below / name
        if not target.parent.resolve().is_relative_to(below.resolve()):
            raise GitProblem(f"{shown(name)} is behind a link at {self.commit[:12]}")
        target.parent.mkdir(parents=True, exist_ok=True)
        done = self.repository.git.run(
            "unpack-file",
            self.files[name].oid,
            cwd=target.parent,
            directory=self.repository.directory,
            seconds=_SECONDS,
        )
        if done.code != 0:
            raise GitProblem(f"git cannot read {shown(name)} at {self.commit[:12]}: {done.words}")
        return (target.parent / done.text).rename(target)

    def untouched(self) -> frozenset[str]:
        """The files that stand in the work tree as they were. Raises GitProblem."""
        listed = _well(
            self.repository, self.root, "--no-optional-locks", "diff", "--name-only", "--no-ext-diff", "--no-textconv", "--no-renames",
            "--ignore-submodules", "-z", "--relative", self.commit, "--", ".",
        )  # fmt: skip
        changed = {name.decode("utf-8", "surrogateescape") for name in listed.out.split(b"\0") if name}
        return frozenset(self.files.keys() - changed)


def _laid_out(name: str, blob: Blob) -> bool:
    if blob.link:
        return blob.size <= 4096
    return blob.size <= SMALL or (name.endswith(_TEXTS) and blob.size <= _LARGEST_TEXTS)


def _plain(name: str) -> bool:
    """Whether a name stays below the directory: trees that somebody made by hand may hold any."""
    parts = PurePosixPath(name).parts
    return not name.startswith("/") and "\0" not in name and not {"..", "."} & {*parts}


def _ask(repository: Repository, root: Path, *arguments: str, stdin: bytes = b"") -> Done:
    return repository.git.run(*arguments, cwd=root, stdin=stdin, seconds=_SECONDS)


def _well(repository: Repository, root: Path, *arguments: str, stdin: bytes = b"") -> Done:
    done = _ask(repository, root, *arguments, stdin=stdin)
    if done.code != 0:
        raise GitProblem(f"git {arguments[0]} failed: {done.words}")
    return done
