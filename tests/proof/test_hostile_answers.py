"""Whatever a service answers, a run ends: with an error that says so, in bounded memory, the key kept to itself."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import shutil
import socket
import ssl
import struct
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from liar import Liar, Weight
from loopback import Act, Loopback, answer, endless
from outside import BRAND, EXAMPLES, UPLOADS, Project, Result, ahead, flow, video
from services import connected

from calsync.errors import Unavailable
from calsync.model import AccountKey
from calsync.providers.base import Scope, Window

MB = 1024 * 1024
MOST = 200
"""MB that a run may come to hold beyond what it begins with."""
JUNK = b"x" * (256 * 1024)
BIDI, ESCAPE, COMMAND = "\u202e", "\x1b[31m", "\n::error::owned"


def begun(length: str = "", **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{length}{lines}\r\n".encode()


def bomb() -> tuple[bytes, bytes]:
    """The beginning of a gzip stream of blanks, and a piece that can follow it for ever."""
    squeeze = zlib.compressobj(9, wbits=31)
    first = squeeze.compress(b" " * MB) + squeeze.flush(zlib.Z_FULL_FLUSH)
    more = squeeze.compress(b" " * 8 * MB) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return first, more


def said(body: object, status: int = 200, **headers: str) -> Act:
    return answer(status, json.dumps(body).encode(), headers=headers)


def piece(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(body), body)


BOMB = bomb()
UNREADABLE: dict[str, Act] = {
    "ten gigabytes": endless(begun("content-length: 10000000000\r\n"), JUNK),
    "no end": endless(begun(), b" " * len(JUNK)),
    "no end, in chunks": endless(begun(transfer_encoding="chunked"), piece(JUNK)),
    "no end, in small chunks": endless(begun(transfer_encoding="chunked"), piece(b" " * 2000) * 500),
    "a gzip bomb": endless(begun(content_encoding="gzip") + BOMB[0], BOMB[1]),
    "a whole gzip bomb": answer(body=gzip.compress(b" " * 64 * MB, 9), content_encoding="gzip"),
    "deflate": answer(body=zlib.compress(b"{}"), content_encoding="deflate"),
    "brotli": answer(body=b"\x0b\x01\x80{}\x03", content_encoding="br"),
    "gzip in gzip": answer(body=gzip.compress(gzip.compress(b"{}")), content_encoding="gzip, gzip"),
    "headers without end": endless(b"HTTP/1.1 200 OK\r\n", b"x-more: more\r\n" * 10_000),
    "a header without end": endless(b"HTTP/1.1 200 OK\r\nx: ", JUNK),
    "millions of objects": answer(body=b"[" + b"{}," * (5 * MB) + b"{}]"),
    "millions of lists in a page": answer(body=b'{"data":[' + b"[]," * (4 * MB) + b"[]]}"),
    "a text of sixteen megabytes": answer(body='{"data": "\U0001f3ac'.encode() + b"x" * (15 * MB) + b'"}'),
    "nested a hundred thousand deep": answer(body=b"[" * 100_000 + b"]" * 100_000),
    "nested nine hundred deep": answer(body=b'{"data":[' + b'{"options":' * 900 + b"1" + b"}" * 900 + b"]}"),
    "a number of a million digits": answer(body=b'{"data":[], "n": ' + b"9" * MB + b"}"),
    "a number beyond floats": answer(body=b'{"data":[], "n": 1e999}'),
    "not a number": answer(body=b'{"data":[], "n": NaN}'),
    "half a character": answer(body=b'{"data":[], "n": "\xed\xa0\x80"}'),
    "another encoding": answer(body='{"data":[]}'.encode("utf-16")),
    "half an answer": answer(body=b'{"data":[]', length=5000),
    "a line break in the status": answer(body=b"[]", headers={"x": "a\r\n\r\n{}"}, length=90),
    "nothing": lambda connection: connection.shutdown(socket.SHUT_RDWR),
    "a list of nothing": said([None, None]),
    "no list": said({"data": {"data": 7}}),
}  # fmt: skip
PLAN = ("plan", "--format", "json", "--refresh", "full")
LISTS = {"v2": "/v2/publish", "v1": "/v1/platform-accounts", "tikflow": "/api/v1/schedule/scheduled-videos"}


def held_to_the_laws(result: Result) -> Result:
    """What every run keeps to, whatever it was answered."""
    said = result.out + result.err
    assert "bug in calsync" not in said, str(result)
    assert len(said) < 200_000, f"{len(said)} letters"
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", said), str(result)
    assert not re.search(r"(?m)^::", said), str(result)
    return result


@pytest.fixture
def liar(project: Project) -> Iterator[Liar]:
    """A liar between the project and its sandbox, which speaks v2."""
    project.box.set_knobs(ping=200)
    with Liar(project.box.url) as server:
        project.env.update(server.environment())
        yield server


def scheduled(project: Project) -> None:
    """A post at each service, made while everybody was honest."""
    project.calendar(video("teaser", ahead(days=3)), flow("loop", ahead(days=4)))
    project.apply()


def test_an_answer_that_cannot_be_read_is_an_error_and_no_burden(project: Project) -> None:
    """Endless, huge, packed, deep or no JSON: exit 1 with the services' names, and 200 MB are never passed."""
    project.box.set_knobs(ping=200)
    scheduled(project)
    # In turn at each service: what reads their answers is the same for all.
    turns = itertools.cycle(("v2", "tikflow"))
    cases = [
        *zip(UNREADABLE, turns, strict=False),
        ("nested nine hundred deep", "v1"),
        ("a list of nothing", "v2"),
    ]
    for group in (cases[start : start + 7] for start in range(0, len(cases), 7)):
        running = []
        with ExitStack() as opened:
            # A run waits between its tries, so that several at once take no longer.
            for name, api in group:
                server = opened.enter_context(Liar(project.box.url))
                if api == "v1":
                    server.lie("GET", "/v2/ping", said({}, 404))
                server.lie("GET", LISTS[api], UNREADABLE[name])
                run = project.start(*PLAN, env=server.environment())
                running.append((name, api, run, Weight(run)))
            ended = [
                (name, api, project.end(run, *PLAN, seconds=200), weight)
                for name, api, run, weight in running
            ]
        for name, api, result, weight in ended:
            held_to_the_laws(result)
            assert result.code == 1, f"{name}: {result}"
            service = "tikflow" if api == "tikflow" else "postqued"
            assert service in result.json["error"]["message"], f"{name}: {result}"
            assert weight.gained() < MOST, name


@pytest.fixture
def trap() -> Iterator[Loopback]:
    """A server that nobody should ever speak to."""
    with Loopback(said({})) as server:
        yield server


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(project: Project, liar: Liar, trap: Loopback, status: int) -> None:
    """To another host, scheme or port; of a read, a create, a cancel and a file: whoever is named hears nothing."""
    scheduled(project)
    elsewhere = answer(status, b"{}", location=f"{trap.url}/v2/publish", set_cookie="a=b; Domain=127.0.0.1")
    liar.lie("GET", "/v2/publish", elsewhere)
    liar.lie("GET", "/api/v1/schedule/scheduled-videos", elsewhere)
    assert held_to_the_laws(project.run(*PLAN, code=1)).json["error"]["code"] == "unreadable"
    liar.lies.clear()
    put = {"url": f"{liar.url}/storage", "key": "k", "headers": {"Cookie": "a=b", "Authorization": "x"}}
    liar.lie("POST", "/v2/content/upload", said({"contentId": "c", "upload": put}))
    liar.lie("PUT", "/storage", elsewhere)
    liar.lie("POST", "/v2/publish/target/*", elsewhere)
    liar.lie("PUT", "/api/v1/schedule/*", elsewhere)
    liar.lie("POST", "/v2/publish", elsewhere)
    project.media("launch.mp4")
    project.calendar(
        video("teaser", ahead(days=3), cancel=True),
        video("more", ahead(days=5), media="media/launch.mp4"),
        video("again", ahead(days=6), media={"id": UPLOADS[0]}),
        flow("loop", ahead(days=5)),
    )
    done = held_to_the_laws(project.apply(code=4))
    assert set(done.outcomes().values()) <= {"failed", "unknown", "blocked"}, str(done)
    assert trap.received == []
    assert [each.method for each in liar.seen if each.target == "/storage"] == ["PUT"]
    for each in liar.seen:
        assert "cookie" not in each.headers
        assert ("authorization" in each.headers) == (each.target != "/storage")


FORBIDDEN = [
    "file:///etc/passwd", "ftp://storage.example/x", "http://storage.example/x", "gopher://[::1]:1/x", "//storage.example/x", "x", "",
    "https://169.254.169.254/latest/meta-data", "https://[fd00:ec2::254]/latest", "https://10.1.2.3/x", "https://172.16.0.1/x",
    "https://192.168.0.1/x", "https://127.0.0.1/x", "https://127.1/x", "https://2130706433/x", "https://0x7f000001/x", "https://0177.0.0.1/x",
    "https://0xa9fea9fe/x", "https://2852039166/x", "https://0/x", "https://[::1]/x", "https://[::]/x", "https://[::ffff:10.0.0.1]/x",
    "https://[::10.0.0.1]/x", "https://[64:ff9b::a9fe:a9fe]/x", "https://[2002:0a00:0001::1]/x", "https://[fec0::1]/x", "https://[fe80::1%25lo]/x",
    "https://localhost/x", "https://LOCALHOST./x", "https://100.64.0.1/x", "https://user:word@storage.example/x", "https://storage.example@127.0.0.1/x",
    "https://storage.example\\@127.0.0.1/x", "https://storage.example/x\r\nX-More: 1", "https://storage.example/\nx", " https://storage.example/x",
    "https://[x/y", "https://a..b/x", f"https://{'a' * 70}.example/x", f"https://storage.example/{'a' * 70_000}", "https://storage.example:99999/x",
    "https://xn--\u00df/x", "https://\u2488.1/x", "https:\\\\127.0.0.1/x", "https://%31%32%37.0.0.1/x",
]  # fmt: skip
"""Addresses to which nobody may send our files, in whatever spelling."""


def distinct(number: int) -> bytes:
    """The teaser with a box of its own at the end: another file to whoever compares them."""
    return (EXAMPLES / "teaser.mp4").read_bytes() + struct.pack(">I4sI", 12, b"free", number)


def own_address() -> str:
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        found = str(probe.getsockname()[0])
    if found.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    return found


def test_files_go_to_no_address_inside(project: Project, tmp_path: Path) -> None:
    """A service that is not of this machine names inner and odd addresses for uploads: each is refused unheard."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    host = own_address()
    certificate = tmp_path / "certificate.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=liar"
    )
    extension = ["-addext", f"subjectAltName=IP:{host}", "-keyout", str(tmp_path / "key.pem")]
    subprocess.run([*command.split(), *extension, "-out", str(certificate)], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, tmp_path / "key.pem")
    project.box.set_knobs(ping=200)
    with Liar(project.box.url, host=host, tls=tls) as liar:
        names = [*FORBIDDEN, f"https://{host}:{liar.port}/inside"]
        left = iter(names)

        def named(connection: socket.socket) -> None:
            said({"contentId": "c", "key": "k", "upload": {"url": next(left)}})(connection)

        liar.lie("POST", "/v2/content/upload", named)
        project.configure(accounts={"brand": {"provider": "postqued", "username": "@brand"}})
        for number in range(len(names)):
            project.write(f"calendars/media/{number}.mp4", distinct(number))
        project.calendar(
            *(
                video(f"p{number}", ahead(days=3 + number), media=f"media/{number}.mp4")
                for number in range(len(names))
            )
        )
        project.env["CALSYNC_POSTQUED_URL"] = f"https://{host}:{liar.port}"
        done = held_to_the_laws(project.apply(code=4, env={"SSL_CERT_FILE": str(certificate)}))
        assert set(done.outcomes().values()) == {"failed"}, str(done)
        assert next(left, None) is None
        assert not any(each.method == "PUT" or "inside" in each.target for each in liar.seen)
    assert not any(
        "passwd" in each or "word@" in each or "meta-data" in each for each in (done.out, done.err)
    )


IDS = [
    "../../v2/organizations", "a/../../b", "..", ".", "", "a b", "a\nb", "a\0b", "a?b=c", "a#b", "%2e%2e%2fb", "a\\..\\b", "x" * MB,
    "\u202egnp", "\ud800", f"{COMMAND}", f"{ESCAPE}id", 5, None, [], {"id": 1}, "\u00e9\u00e9", "a;b", "::error::x", "@everyone <b>",
]  # fmt: skip
"""What a service may call a post."""
PATHS = re.compile(
    r"/v2/(ping|integrations|publish|publish/target/[^/?]+(/cancel)?|publish/[^/?]+|mcp/context|organizations/context)"
    r"|/v2/integrations/[^/?]+/creator-info|/v1/(platform-accounts|content/publish(/[^/?]+)?)"
    r"|/api/v1/(schedule/(create|scheduled-videos|[^/?]+)|upload/history|subscription/usage)"
)


@pytest.mark.parametrize("api", ["v2", "v1"])
def test_an_id_leads_to_no_other_endpoint(project: Project, liar: Liar, api: str) -> None:
    """Posts are made and answered with odd ids, looked at, shown and cancelled: nothing else is asked for."""
    if api == "v1":
        project.box.set_knobs(ping=404)
    left, flows = iter(IDS), iter(IDS)

    def made(connection: socket.socket) -> None:
        odd = next(left, "again")
        said({"id": odd, "targets": [{"id": odd, "accountId": BRAND, "status": "scheduled"}]})(connection)

    def flowed(connection: socket.socket) -> None:
        said({"success": True, "data": {"scheduleId": next(flows, "again")}})(connection)

    liar.lie("POST", "/v2/publish" if api == "v2" else "/v1/content/publish", made)
    liar.lie("POST", "/api/v1/schedule/create", flowed)
    posts = [video(f"p{n}", ahead(days=3 + n), media={"id": UPLOADS[0]}) for n in range(len(IDS))]
    flowing = [flow(f"f{n}", ahead(days=3 + n), n) for n in range(4)]
    project.calendar(*posts, *flowing)
    ran = [project.apply(code=4), project.run("apply", "-y")]
    ran += [project.run("status"), project.run("state", "list"), project.run("plan", "--format", "markdown")]
    project.calendar(*({**each, "cancel": True} for each in (*posts, *flowing)))
    ran += [project.run("apply", "-y", "--allow-cancels", "99"), project.run("plan", "--refresh", "full")]
    for result in ran:
        held_to_the_laws(result)
    for each in liar.seen:
        path = each.target.partition("?")[0]
        assert PATHS.fullmatch(path), path[:200]
        assert len(path) < 500
        assert not re.search("%2f|%5c|%2e|%0|%3f|%23|%25", path, re.IGNORECASE), path[:200]


NOW = datetime(2026, 3, 1, tzinfo=UTC)


def pages(*, fresh: bool) -> Act:
    """A page of a hundred that says there are more: the same ones again, or others for ever."""
    numbers = itertools.count()

    def act(connection: socket.socket) -> None:
        start = 100 * next(numbers) if fresh else 0
        rows = [{"id": f"u{number}", "status": "published"} for number in range(start, start + 100)]
        said({"success": True, "data": rows, "pagination": {"hasMore": True}})(connection)

    return act


@pytest.mark.parametrize(("fresh", "most"), [(False, 2), (True, 100)])
def test_pages_without_end_are_not_turned_for_ever(fresh: bool, most: int) -> None:
    """A history that repeats itself is refused, and one that always goes on is read so far and no further."""
    with Loopback(pages(fresh=fresh)) as server:
        provider, transport = connected("tikflow", server.url, lambda: NOW)
        with (
            transport,
            suppress(Unavailable) if fresh else pytest.raises(Unavailable, match="without an end"),
        ):
            provider.asset_status("elsewhere")
        assert len(server.received) == most


@pytest.mark.parametrize(
    ("body", "most"),
    [({"items": [], "hasMore": True}, 9), ([{"id": f"p{number}"} for number in range(2000)], 2)],
)
def test_a_listing_does_not_lead_on_for_ever(body: object, most: int) -> None:
    """One that is never whole, and one whose posts would all have to be asked for singly, decide nothing."""
    with Loopback(said(body)) as server:
        provider, transport = connected("postqued", server.url, lambda: NOW, api="v2", workspace="w1")
        scopes = [Scope(AccountKey("postqued", BRAND), "w1")]
        with transport, pytest.raises(Unavailable):
            provider.list_posts(scopes, Window.around([NOW]))
        assert len(server.received) <= most


def test_what_is_shown_as_anothers_says_nothing_about_ours(project: Project, liar: Liar) -> None:
    """A service that shows our post on another account, stopped: it is not known, and nothing is made or recorded."""
    project.calendar(video("teaser", ahead(days=3)))
    project.apply()
    [made] = project.posts("scheduled")
    target = {"id": made["target_id"], "accountId": "someone-else", "status": "canceled"}
    body = {"id": made["id"], "targets": [target]}
    liar.lie("GET", "/v2/publish", said([body]))
    liar.lie("GET", "/v2/publish/*", said(body))
    assert held_to_the_laws(project.plan()).codes() == {"unknown": "error"}
