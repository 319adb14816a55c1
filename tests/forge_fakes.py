"""Forges on loopback: as much of GitHub's, GitLab's and Forgejo's APIs as calsync asks for, after their documentation.

https://docs.github.com/en/rest, https://docs.gitlab.com/api/rest/, https://forgejo.org/docs/latest/user/api-usage/.
They check tokens, cut lists into pages, and answer what a test orders instead.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "ghs_the-token-of-this-job"
OLD, NEW = "a" * 40, "b" * 40
STRANGER = "mallory"
WRITERS = {"github": "github-actions[bot]", "forgejo": "forgejo-actions", "gitlab": "project_7_bot"}
API = {"github": "", "forgejo": "/api/v1", "gitlab": "/api/v4"}
HOME = {"github": "/repos/acme/posts", "forgejo": "/repos/acme/posts", "gitlab": "/projects/7"}


@dataclass
class Order:
    """What to answer instead, so many times."""

    method: str
    path: str
    status: int
    times: int
    headers: Mapping[str, str]
    message: str


@dataclass
class Fake:
    """One repository, `acme/posts`, with pull request 7 and the branch `main`."""

    kind: str
    pull_head: str = NEW
    main: str = NEW
    later: str | None = None
    """The head of `main` once it has been asked for."""
    pulls: list[dict[str, Any]] = field(default_factory=list)
    """Pull requests beside, or in the place of, number 7."""
    comments: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    delay: float = 0.0
    enterprise: bool = False
    """GitHub on a server of one's own, with REST and GraphQL below /api."""
    most: int = 100
    """The most items that a page has, whatever is asked for."""
    _last: int = 100

    def __post_init__(self) -> None:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one_request(self) -> None:
                self.do_GET = self.do_POST = self.do_PATCH = self.do_PUT = self._do
                super().handle_one_request()

            def _do(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                time.sleep(fake.delay)
                status, body, headers = fake._answer(
                    self.command, self.path, dict(self.headers), json.loads(raw or b"{}")
                )
                said = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {
                    "Content-Type": "application/json",
                    "Content-Length": len(said),
                    **headers,
                }.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The address of the API, as the runner's environment has it."""
        return f"http://127.0.0.1:{self._server.server_port}{self._api}"

    @property
    def _api(self) -> str:
        return "/api/v3" if self.enterprise else API[self.kind]

    def order(
        self,
        method: str,
        path: str,
        status: int,
        times: int = 99,
        headers: Mapping[str, str] | None = None,
        body: str = f"ordered by {TOKEN}",
    ) -> None:
        """Answer this to requests whose path ends so; a regular expression."""
        self.orders.append(Order(method, path, status, times, headers or {}, body))

    def pull(
        self, head: str, *, number: int = 7, source: str = "acme/posts", branch: str = "spring"
    ) -> dict[str, Any]:
        """An open pull request from a branch of a repository."""
        place = {"full_name": source, "owner": {"login": source.partition("/")[0]}}
        made = {"id": 5000 + number, "number": number, "state": "open", "base": {"ref": "main"}}
        made["head"] = {"sha": head, "ref": branch, "repo": place}
        self.pulls.append(made)
        return made

    def comment(self, body: str, author: str | None = None, pull: int = 7) -> dict[str, Any]:
        """Somebody's comment on a pull request."""
        made = self._written(body, author or WRITERS[self.kind], "body") | {"pull": pull}
        self.comments.append(made)
        return made

    def issue(self, title: str, body: str, author: str | None = None) -> dict[str, Any]:
        """Somebody's issue."""
        text = "description" if self.kind == "gitlab" else "body"
        made = self._written(body, author or WRITERS[self.kind], text)
        made |= {"title": title, "state": "opened" if self.kind == "gitlab" else "open", "notes": []}
        made["iid" if self.kind == "gitlab" else "number"] = made["id"] + 1000
        self.issues.append(made)
        return made

    def writes(self) -> list[str]:
        """Method and path of everything that could change something."""
        return [
            f"{method} {path.removeprefix(HOME[self.kind])}"
            for method, path, _ in self.seen
            if method != "GET" and not path.endswith("graphql")
        ]

    def ours(self) -> list[str]:
        """What the comments of the token's user say."""
        return [each["body"] for each in self.comments if self._by_us(each)]

    def open_issues(self) -> list[dict[str, Any]]:
        """The issues that are open."""
        return [each for each in self.issues if each["state"] != "closed"]

    def _by_us(self, each: Mapping[str, Any]) -> bool:
        user = each.get("user") or each.get("author") or {}
        return WRITERS[self.kind] in (user.get("login"), user.get("username"))

    def _written(self, body: str, author: str, name: str) -> dict[str, Any]:
        self._last += 1
        made: dict[str, Any] = {"id": self._last, name: body}
        if self.kind == "gitlab":
            number = 70 if author == WRITERS["gitlab"] else 71
            return made | {"author": {"id": number, "username": author}, "system": False}
        return made | {"user": {"login": author, "type": "User" if author == STRANGER else "Bot"}}

    def _open(self) -> set[str]:
        return {"7", *(str(each["number"]) for each in self.pulls)}

    def _page(self, found: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
        size = min(int(query.get("per_page", query.get("limit", "30"))), self.most)
        start = (int(query.get("page", "1")) - 1) * size
        return found[start : start + size]

    def _answer(
        self, method: str, target: str, headers: Mapping[str, str], body: dict[str, Any]
    ) -> tuple[int, Any, Mapping[str, str]]:
        parts = urlsplit(target)
        path = unquote(parts.path)
        if self.enterprise:
            assert path.startswith("/api/v3/") or path == "/api/graphql"
            path = path.removeprefix("/api")
        path = path.removeprefix("/v3" if self.enterprise else self._api)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        with self._lock:
            self.seen.append((method, path, body))
            for order in self.orders:
                if order.times and method == order.method and re.search(f"{order.path}$", path):
                    order.times -= 1
                    return order.status, {"message": order.message}, order.headers
            scheme = "token" if self.kind == "forgejo" else "Bearer"
            if headers.get("Authorization") != f"{scheme} {TOKEN}":
                return 401, {"message": "Bad credentials"}, {}
            status, said = (
                self._gitlab(method, path, query, body)
                if self.kind == "gitlab"
                else self._hub(method, path, query, body)
            )
            return status, said, {}

    def _hub(self, method: str, path: str, query: Mapping[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        if path == "/graphql" and self.kind == "github":
            return 200, {"data": {"viewer": {"login": WRITERS["github"]}}}
        if path == "/user":
            return 403, {"message": "Resource not accessible by integration"}
        rest = path.removeprefix(HOME[self.kind])
        name = "sha" if self.kind == "github" else "id"
        paged = self.kind == "github" or not rest.endswith("/comments")
        match method, rest.strip("/").split("/"):
            case "GET", [""]:
                return 200, {"default_branch": "main"}
            case "GET", ["branches", "main"]:
                said, self.main = self.main, self.later or self.main
                return 200, {"name": "main", "commit": {name: said}}
            case "GET", ["pulls"]:
                found = [each for each in self.pulls if query["state"] in (each["state"], "all")]
                if self.kind == "github":  # the others know no such filter
                    owner, _, branch = query["head"].partition(":")
                    found = [each for each in found if _from(each, owner, branch)]
                return 200, self._page(found, query)
            case "GET", ["pulls", number] if others := [e for e in self.pulls if str(e["number"]) == number]:
                return 200, others[0]
            case "GET", ["pulls", "7"]:
                return 200, {"number": 7, "head": {"sha": self.pull_head}}
            case "GET", ["issues", number, "comments"]:
                found = [each for each in self.comments if str(each["pull"]) == number]
                return 200, self._page(found, query) if paged else found
            case "POST", ["issues", number, "comments"] if number in self._open():
                return 201, self.comment(body["body"], pull=int(number))
            case "PATCH", ["issues", "comments", number]:
                return _changed(self.comments, "id", number, body)
            case "GET", ["issues"]:
                found = [each for each in self.open_issues() if each["user"]["login"] == query.get("creator")]
                mine = found if self.kind == "github" else self.open_issues()
                pull = {"number": 7, "user": {"login": WRITERS[self.kind]}, "pull_request": {}, "body": ""}
                return 200, self._page([pull, *mine], query)
            case "POST", ["issues"]:
                return 201, self.issue(body["title"], body["body"])
            case "PATCH", ["issues", number]:
                return _changed(self.issues, "number", number, body)
            case "POST", ["issues", number, "comments"]:
                return _noted(self.issues, "number", number, body)
        return 404, {"message": "Not Found"}

    def _gitlab(
        self, method: str, path: str, query: Mapping[str, str], body: dict[str, Any]
    ) -> tuple[int, Any]:
        if path == "/user":
            return 200, {"id": 70, "username": WRITERS["gitlab"]}
        rest = path.removeprefix(HOME["gitlab"])
        match method, rest.strip("/").split("/"):
            case "GET", [""]:
                return 200, {"default_branch": "main"}
            case "GET", ["repository", "branches", "main"]:
                said, self.main = self.main, self.later or self.main
                return 200, {"name": "main", "commit": {"id": said}}
            case "GET", ["merge_requests", "7"]:
                return 200, {"iid": 7, "sha": self.pull_head}
            case "GET", ["merge_requests", "7", "notes"]:
                return 200, self._page(self.comments, query)
            case "POST", ["merge_requests", "7", "notes"]:
                return 201, self.comment(body["body"])
            case "PUT", ["merge_requests", "7", "notes", number]:
                return _changed(self.comments, "id", number, body)
            case "GET", ["issues"]:
                found = [
                    each for each in self.open_issues() if str(each["author"]["id"]) == query["author_id"]
                ]
                return 200, self._page(found, query)
            case "POST", ["issues"]:
                return 201, self.issue(body["title"], body["description"])
            case "PUT", ["issues", number]:
                if body.pop("state_event", None) == "close":
                    body["state"] = "closed"
                return _changed(self.issues, "iid", number, body)
            case "POST", ["issues", number, "notes"]:
                return _noted(self.issues, "iid", number, body)
        return 404, {"message": "404 Not Found"}


def _from(pull: Mapping[str, Any], owner: str, branch: str) -> bool:
    head = pull["head"]
    return head["repo"] is not None and (head["repo"]["owner"]["login"], head["ref"]) == (owner, branch)


def _changed(found: list[dict[str, Any]], name: str, number: str, body: Mapping[str, Any]) -> tuple[int, Any]:
    for each in found:
        if str(each[name]) == number:
            each.update(body)
            return 200, each
    return 404, {"message": "Not Found"}


def _noted(found: list[dict[str, Any]], name: str, number: str, body: Mapping[str, Any]) -> tuple[int, Any]:
    for each in found:
        if str(each[name]) == number:
            each["notes"].append(body["body"])
            return 201, {"id": 1}
    return 404, {"message": "Not Found"}
