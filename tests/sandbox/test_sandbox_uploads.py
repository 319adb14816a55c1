"""Postqued's three-step upload and its storage."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from calsync.sandbox import Sandbox

DATA = b"the bytes of a video"


def announce(postqued: httpx.Client, size: int = len(DATA)) -> Any:
    """Take the first step."""
    body = {"filename": "a.mp4", "contentType": "video/mp4", "fileSize": size}
    answer = postqued.post("/v1/content/upload", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def put(
    announced: Any,
    content: bytes | Iterator[bytes] = DATA,
    content_type: str = "video/mp4",
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """Take the second step, without a key unless one is given."""
    headers = {"Content-Type": content_type, **(headers or {})}
    return httpx.put(announced["upload"]["url"], content=content, headers=headers, trust_env=False)


def complete(postqued: httpx.Client, announced: Any, **changes: Any) -> httpx.Response:
    """Take the third step; the key is read off the presigned address."""
    key = urlsplit(announced["upload"]["url"]).path.removeprefix("/postqued-media/")
    body = {"contentId": announced["contentId"], "key": key, "filename": "a.mp4", "contentType": "video/mp4"}
    return postqued.post("/v1/content/upload/complete", json={**body, "size": len(DATA), **changes})


def test_an_upload_takes_three_steps(box: Sandbox, postqued: httpx.Client) -> None:
    """Announced, put and completed, bytes are known by their sha256 and counted once."""
    announced = announce(postqued)
    assert announced["upload"]["method"] == "PUT"
    assert announced["upload"]["headers"] == {"Content-Type": "video/mp4"}
    assert urlsplit(announced["upload"]["url"]).netloc == urlsplit(box.storage_url).netloc
    assert put(announced).status_code == 200
    assert complete(postqued, announced, width=1080, height=1920, durationMs=45000).status_code == 200
    [upload] = box.uploads()
    assert upload["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert (upload["size"], upload["times"]) == (len(DATA), 1)
    assert upload["content_ids"] == [announced["contentId"]]


def test_the_same_bytes_twice_are_counted(box: Sandbox, postqued: httpx.Client) -> None:
    """A client that uploads one content again under another id is found out."""
    for announced in (announce(postqued), announce(postqued)):
        put(announced)
    [upload] = box.uploads()
    assert upload["times"] == 2
    assert len(upload["content_ids"]) == 2


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"content_type": "video/webm"}, 403),
        ({"headers": {"Authorization": "Bearer pq_sandbox"}}, 400),
        ({"content": iter([DATA])}, 411),
    ],
)
def test_storage_refuses(box: Sandbox, postqued: httpx.Client, changes: dict[str, Any], status: int) -> None:
    """A presigned address takes neither another type, nor a bearer key, nor a body of unknown length."""
    announced = announce(postqued)
    assert put(announced, **changes).status_code == status
    assert box.uploads() == []


def test_a_presigned_address_expires(box: Sandbox, postqued: httpx.Client) -> None:
    """After 15 minutes on the sandbox's clock the address is worth nothing."""
    announced = announce(postqued)
    box.advance(timedelta(minutes=15))
    assert put(announced).status_code == 403


def test_a_forged_address_is_refused(postqued: httpx.Client) -> None:
    """Only the address that was signed is taken."""
    announced = announce(postqued)
    announced["upload"]["url"] += "0"
    assert put(announced).status_code == 403


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"size": len(DATA) + 1}, 400),
        ({"key": "content/usr_sandbox/other.mp4"}, 404),
        ({"contentType": "video/webm"}, 400),
        ({"contentId": "00000000-0000-4000-8000-000000000000"}, 404),
    ],
)
def test_completing_is_checked(postqued: httpx.Client, changes: dict[str, Any], status: int) -> None:
    """Size, key, type and id have to be those of the bytes that arrived."""
    announced = announce(postqued)
    put(announced)
    assert complete(postqued, announced, **changes).status_code == status


def test_fewer_bytes_than_announced_are_not_completed(postqued: httpx.Client) -> None:
    """A truncated upload is refused, whichever of the two sizes the client then claims."""
    announced = announce(postqued)
    put(announced, DATA[:5])
    assert complete(postqued, announced).status_code == 400
    assert complete(postqued, announced, size=5).status_code == 400


def test_completing_without_bytes_is_refused(postqued: httpx.Client) -> None:
    """What was announced but never put cannot be completed."""
    answer = complete(postqued, announce(postqued))
    assert answer.status_code == 404
    assert answer.json()["code"] == "UPLOAD_NOT_FOUND"


def test_the_key_is_in_the_answer_only_where_asked_for(box: Sandbox, postqued: httpx.Client) -> None:
    """v1's guide shows no key in the upload answer; a knob adds it."""
    assert "key" not in announce(postqued)["upload"]
    box.set_knobs(upload_key=True)
    upload = announce(postqued)["upload"]
    assert upload["key"] in upload["url"]


def test_videos_over_500_mb_and_images_are_not_announced(postqued: httpx.Client) -> None:
    """v1 takes videos up to 500 MB by presigned address, and images elsewhere."""
    body = {"filename": "a.mp4", "contentType": "video/mp4", "fileSize": 500 * 1024 * 1024 + 1}
    assert postqued.post("/v1/content/upload", json=body).status_code == 400
    body = {"filename": "a.jpg", "contentType": "image/jpeg", "fileSize": 5}
    assert postqued.post("/v1/content/upload", json=body).status_code == 400


def test_an_image_goes_in_one_multipart_request(box: Sandbox, postqued: httpx.Client) -> None:
    """The part is called file, and has to be an image."""
    files = {"file": ("a.jpg", b"an image", "image/jpeg")}
    answer = postqued.post("/v1/content/upload-image", files=files)
    assert answer.status_code == 200
    assert [upload["content_ids"] for upload in box.uploads()] == [[answer.json()["contentId"]]]
    files = {"file": ("a.pdf", b"a paper", "application/pdf")}
    assert postqued.post("/v1/content/upload-image", files=files).status_code == 400


def test_storage_streams(postqued: httpx.Client) -> None:
    """Bytes pass through to the disk: 64 MB of them never stand in memory."""
    chunk, chunks = b"x" * 65536, 1024
    size = len(chunk) * chunks
    announced = announce(postqued, size)
    tracemalloc.start()
    answer = put(announced, (chunk for _ in range(chunks)), headers={"Content-Length": str(size)})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answer.status_code == 200
    assert peak < size / 4
