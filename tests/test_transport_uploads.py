"""Files on their way up: streamed, measured, and never with the key to somebody else's host."""

from __future__ import annotations

from typing import Any

import pytest
from loopback import KEY, Bytes, Key, Loopback, answer, reset, to

from calsync.errors import CalsyncError, Rejected
from calsync.transport import FilePart, Form, Transport


def test_a_form_is_streamed_with_its_length() -> None:
    """Fields, then files, in order; its size is known before it is read, and names cannot end their header."""
    part = FilePart(field="file", filename='a".mp4', mime="video/mp4", size=6, source=Bytes((b"abc", b"def")))
    form = Form(fields=(("title", "Ünï"),), files=(part,), boundary="B")
    with Loopback(answer()) as server, to(server.url) as way:
        way.request("POST", "/up", klass="upload", form=form)
    (got,) = server.received
    assert got.headers["content-type"] == "multipart/form-data; boundary=B"
    assert got.body == (
        b'--B\r\nContent-Disposition: form-data; name="title"\r\n\r\n\xc3\x9cn\xc3\xaf\r\n'
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a%22.mp4"\r\nContent-Type: video/mp4\r\n\r\n'
        b"abcdef\r\n--B--\r\n"
    )


@pytest.mark.parametrize("parts", [(b"abc",), (b"abc", b"defg"), ()])
def test_a_file_that_changed_meanwhile_is_not_completed(parts: tuple[bytes, ...]) -> None:
    """Shorter or longer than announced: the request breaks off, and the reason is ours."""
    with Loopback(answer()) as server, to(server.url) as way:
        with pytest.raises(CalsyncError, match="changed while it was uploaded"):
            way.put_file(f"{server.url}/x", headers={}, source=Bytes(parts), size=6)
        form = Form(files=(FilePart(field="f", filename="n", mime="m/m", size=6, source=Bytes(parts)),))
        with pytest.raises(CalsyncError, match="changed while it was uploaded"):
            way.request("POST", "/up", klass="upload", form=form)
    assert server.received == []


def test_a_presigned_put_carries_no_key_and_only_its_headers() -> None:
    """Whatever headers the service hands out, ours stay at home; a failed put is repeated from the beginning."""
    handed: dict[str, Any] = {
        "Content-Type": "video/mp4", "x-amz-meta": "1", "Authorization": "Bearer x", "Host": "evil", "Cookie": "a=b",
        "Content-Length": "1", "bad\nname": "x", "bad-value": "a\r\nX-Injected: 1", "number": 3,
    }  # fmt: skip
    with Loopback(answer(503), reset, answer(body=b"<ok/>")) as server, to(server.url) as way:
        way.put_file(
            f"{server.url}/b/k?X-Signature=s", headers=handed, source=Bytes((b"abc", b"def")), size=6
        )
    assert len(server.received) == 3
    for got in server.received:
        assert (got.method, got.target, got.body) == ("PUT", "/b/k?X-Signature=s", b"abcdef")
        assert set(got.headers) == {
            "host", "user-agent", "content-type", "x-amz-meta", "content-length", "accept-encoding",
        }  # fmt: skip
        assert got.headers["content-length"] == "6"
        assert KEY not in str(got)


@pytest.mark.parametrize("status", [400, 403, 404, 302])
def test_a_storage_that_refuses_says_its_status(status: int) -> None:
    """It is no matter of our key, so never Unauthorized; redirects are not followed."""
    refusing = answer(status, b"<Error/>", location="http://127.0.0.1:1/")
    with Loopback(refusing) as server, to(server.url) as way, pytest.raises(Rejected) as caught:
        way.put_file(f"{server.url}/x", headers={}, source=Bytes((b"a",)), size=1)
    assert caught.value.status == status
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://storage.example.com/x", "ftp://storage.example.com/x", "file:///etc/passwd", "https://", "",
        "https://user@storage.example.com/x", "https://127.0.0.1/x", "https://localhost/x", "https://[::1]/x",
        "https://10.0.0.1/x", "https://192.168.1.1/x", "https://169.254.169.254/latest/meta-data", "https://0.0.0.0/x",
        "https://[::ffff:127.0.0.1]/x", "https://[fe80::1]/x", "https://2130706433/x", "https://0x7f.1/x",
        "https://100.64.0.1/x", "https://224.0.0.1/x", "https://[::1", "https://host:99999/x",
    ],
)  # fmt: skip
def test_an_outside_service_cannot_send_us_inside(url: str) -> None:
    """A presigned address is https to the outside, by its name and by what its name resolves to."""
    with (
        Transport("https://api.example.com", Key(), service="postqued", sleep=lambda _: None) as way,
        pytest.raises(Rejected) as caught,
    ):
        way.put_file(url, headers={}, source=Bytes((b"a",)), size=1)
    assert caught.value.code == "unsafe-address"


def test_a_sandbox_may_only_use_plain_http_on_this_machine() -> None:
    """Media does not cross a network in the clear even then."""
    with to("http://127.0.0.1:9") as way, pytest.raises(Rejected):
        way.put_file("http://storage.example.com/x", headers={}, source=Bytes((b"a",)), size=1)
