"""Real git for tests: bare repositories, clones, and what it takes to run git without the machine's own settings."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from calsync.environment import Environment
from calsync.git.branch import Branch
from calsync.git.calls import Git
from calsync.git.repository import Repository, Token

PLAIN = {
    "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
}
"""An environment in which git has no settings but those of its repository."""
_WHO = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgSign=false")


def git(cwd: Path, *arguments: str, env: Mapping[str, str] = PLAIN) -> str:
    """Run git as a person would; what it said."""
    done = subprocess.run(
        ["git", *_WHO, *arguments], cwd=cwd, env=dict(env), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def bare(path: Path, *, empty: bool = False) -> Path:
    """A remote; unless `empty` with a branch that nobody works on, for no state is begun where there is none."""
    git(path.parent, "init", "-q", "--bare", "-b", "main", str(path))
    if not empty:
        tree = git(path, "hash-object", "-t", "tree", "-w", os.devnull)
        git(path, "update-ref", "refs/heads/begun", git(path, "commit-tree", "-m", "begun", tree))
    return path


def clone(path: Path, remote: str) -> Path:
    """A repository with one commit and this remote."""
    path.mkdir(parents=True, exist_ok=True)
    git(path, "init", "-q", "-b", "main")
    git(path, "remote", "add", "origin", remote)
    git(path, "commit", "-q", "--allow-empty", "-m", "first")
    return path


def branch(
    root: Path,
    *,
    folder: str = "project",
    name: str = "calsync-state",
    token: Token | None = None,
    env: Mapping[str, str] = PLAIN,
) -> Branch:
    """The state's branch as a run in this clone sees it."""
    found = Repository.find(root, Git(Environment.read(env).for_git()))
    assert found is not None
    return Branch(found, name, folder, remote="origin", token=token)


def log(remote: Path, name: str = "calsync-state") -> list[str]:
    """The subjects of the state's commits, oldest first."""
    return git(remote, "log", "--reverse", "--format=%s", name).splitlines()


def file_of(remote: Path, path: str, name: str = "calsync-state") -> str:
    """A file of the state's branch."""
    return git(remote, "show", f"{name}:{path}")


class Smart:
    """git's smart HTTP on loopback, for whoever sends this token; `cut`: pushes whose answer is lost; `slow`: such
    that land no sooner than somebody calls what is `waiting`. Who sends the token `reading` may fetch, and no more."""

    def __init__(self, root: Path, token: str, reading: str | None = None) -> None:
        self.cut = 0
        self.slow = 0
        self.waiting: list[Callable[[], bytes]] = []
        smart = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._serve(b"")

            def do_POST(self) -> None:
                if self.headers.get("Transfer-Encoding") == "chunked":
                    body = b""
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                self._serve(body)

            def _serve(self, body: bytes) -> None:
                given = self.headers.get("Authorization", "")
                _, _, basic = given.partition(" ")
                sent = base64.b64decode(basic).decode().partition(":")[2]
                if sent != token and (sent != reading or "git-receive-pack" in self.path):
                    self.send_response(401 if sent != reading else 403)
                    self.send_header("WWW-Authenticate", 'Basic realm="git"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                path, _, query = self.path.partition("?")
                env = PLAIN | {
                    "GIT_PROJECT_ROOT": str(root),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "REQUEST_METHOD": self.command,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                    "REMOTE_USER": "ci",
                }
                push = path.endswith("git-receive-pack") and self.command == "POST" and len(body) > 4
                if push and smart.slow:
                    smart.slow -= 1
                    smart.waiting.append(lambda: _backend(env, body))
                else:
                    done = _backend(env, body)
                    if not push or not smart.cut:
                        self._answer(done)
                        return
                    smart.cut -= 1
                self.close_connection = True
                self.connection.close()

            def _answer(self, answer_of_git: bytes) -> None:
                head, _, answer = answer_of_git.partition(b"\r\n\r\n")
                lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
                self.send_response(int(lines.pop("Status", "200 OK").split()[0]))
                for name, value in lines.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/remote.git"

    def __enter__(self) -> Smart:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _backend(env: Mapping[str, str], body: bytes) -> bytes:
    return subprocess.run(
        ["git", "http-backend"], input=body, capture_output=True, check=True, env=dict(env)
    ).stdout
