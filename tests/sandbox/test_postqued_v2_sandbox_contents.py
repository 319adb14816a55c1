"""Postqued v2: uploads in three steps, and the library."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from calsync.sandbox import Sandbox

MAIN = "770e8400-e29b-41d4-a716-446655440000"
NOBODY = "00000000-0000-4000-8000-000000000000"
HERE = {"workspaceId": MAIN}
BYTES = {
    "video/mp4": b"moving pictures",
    "image/jpeg": b"\xff\xd8\xff\xe0 a still",
    "image/png": b"\x89PNG\r\n\x1a\n a still",
    "image/webp": b"RIFF\x00\x00\x00\x00WEBP a still",
    "image/gif": b"GIF89a a still",
}


def announce(v2: httpx.Client, mime: str, **changes: Any) -> httpx.Response:
    """Ask for an address."""
    asked = {"filename": "My file", "contentType": mime, "fileSize": len(BYTES.get(mime, b"")), **HERE}
    return v2.post("/v2/content/upload", json={**asked, **changes})


def put(answer: httpx.Response, data: bytes) -> None:
    """Send the bytes to where the answer says, with the headers it says."""
    upload = answer.json()["upload"]
    sent = httpx.request(
        upload["method"], upload["url"], content=data, headers=upload["headers"], trust_env=False
    )
    assert sent.status_code == 200


def complete(v2: httpx.Client, answer: httpx.Response, mime: str, **changes: Any) -> httpx.Response:
    """Say that the bytes are there."""
    made = answer.json()
    asked = {"contentId": made["contentId"], "key": made["upload"]["key"], "filename": "My file"}
    return v2.post("/v2/content/upload/complete", json={**asked, "contentType": mime, **HERE, **changes})


@pytest.mark.parametrize("mime", BYTES)
def test_videos_and_images_go_up_alike(box: Sandbox, v2: httpx.Client, mime: str) -> None:
    """Announced, put and completed, a content is in the library; the service turns PNG and GIF into JPEG."""
    answer = announce(v2, mime)
    put(answer, BYTES[mime])
    shape = {"size": len(BYTES[mime]), "width": 1080, "height": 1920}
    asset = complete(v2, answer, mime, **shape).json()["content"]
    assert asset["id"] == answer.json()["contentId"]
    assert (asset["status"], asset["mediaType"]) == ("ready", mime.partition("/")[0])
    assert {name: asset[name] for name in shape} == shape
    assert asset["mimeType"] == ("image/jpeg" if mime in ("image/png", "image/gif") else mime)
    shown = v2.get(f"/v2/content/{asset['id']}", params=HERE).json()
    assert shown == {"content": asset}
    assert [(each["size"], each["times"]) for each in box.uploads()] == [(len(BYTES[mime]), 1)]
    assert [entry["request_class"] for entry in box.requests()] == ["upload"] * 3 + ["read"]


def test_only_two_fields_are_required(v2: httpx.Client) -> None:
    """Name and type announce a file; sizes are checked where they are told."""
    answer = announce(v2, "video/mp4")
    asked = {"filename": "a.mp4", "contentType": "video/mp4", **HERE}
    answer = v2.post("/v2/content/upload", json=asked)
    put(answer, b"some bytes")
    assert complete(v2, answer, "video/mp4").json()["content"]["size"] == 10


@pytest.mark.parametrize(
    ("mime", "changes", "code"),
    [
        ("image/bmp", {}, "VALIDATION_ERROR"),
        ("video/mp4", {"fileSize": 4 * 1024**3 + 1}, "FILE_TOO_LARGE"),
        ("image/png", {"fileSize": 20 * 1024**2 + 1}, "FILE_TOO_LARGE"),
        ("video/mp4", {"fileSize": 0}, "VALIDATION_ERROR"),
        ("video/mp4", {"fileSize": "12"}, "VALIDATION_ERROR"),
        ("video/mp4", {"filename": ""}, "VALIDATION_ERROR"),
        ("video/mp4", {"workspaceId": None}, "VALIDATION_ERROR"),
    ],
)
def test_a_bad_announcement_is_refused(
    v2: httpx.Client, mime: str, changes: dict[str, Any], code: str
) -> None:
    """Types that are not listed, sizes above the limits and malformed fields are 400."""
    answer = announce(v2, mime, **changes)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_large_videos_are_announced(v2: httpx.Client) -> None:
    """4 GB are allowed here, where v1 stops at 500 MB."""
    assert announce(v2, "video/mp4", fileSize=4 * 1024**3).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"contentId": NOBODY}, 404, "CONTENT_NOT_FOUND"),
        ({"key": "content/other.png"}, 404, "UPLOAD_NOT_FOUND"),
        ({"size": 3}, 400, "VALIDATION_ERROR"),
        ({"width": 0}, 400, "VALIDATION_ERROR"),
        ({"contentType": "image/jpeg"}, 400, "VALIDATION_ERROR"),
        ({"width": 1081, "height": 1081}, 400, "DIMENSIONS_TOO_LARGE"),
        ({"width": 1080, "height": 1921}, 400, "DIMENSIONS_TOO_LARGE"),
    ],
)
def test_a_bad_completion_is_refused(
    v2: httpx.Client, changes: dict[str, Any], status: int, code: str
) -> None:
    """What is not there is 404; what is not as it was announced is 400, and the content is not ready."""
    answer = announce(v2, "image/png")
    put(answer, BYTES["image/png"])
    refused = complete(v2, answer, "image/png", **changes)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert v2.get(f"/v2/content/{answer.json()['contentId']}", params=HERE).status_code == 404


def test_bytes_have_to_arrive_and_to_be_an_image(v2: httpx.Client) -> None:
    """Without bytes it is 404; with the bytes of something else 400."""
    answer = announce(v2, "image/png")
    assert complete(v2, answer, "image/png").json()["code"] == "UPLOAD_NOT_FOUND"
    put(answer, BYTES["image/jpeg"].ljust(len(BYTES["image/png"])))
    refused = complete(v2, answer, "image/png")
    assert (refused.status_code, refused.json()["code"]) == (400, "TYPE_MISMATCH")


def test_more_bytes_than_allowed_are_found_out(v2: httpx.Client) -> None:
    """A size that was not announced is looked at when all has arrived."""
    answer = v2.post("/v2/content/upload", json={"filename": "a.gif", "contentType": "image/gif", **HERE})
    put(answer, b"GIF89a".ljust(20 * 1024**2 + 1))
    assert complete(v2, answer, "image/gif").json()["code"] == "FILE_TOO_LARGE"


def test_the_library_is_paged_and_filtered(box: Sandbox, v2: httpx.Client) -> None:
    """Newest first, of one workspace, by kind and by a part of the name."""
    second = box.seed_workspace("Client")
    there = box.seed_content(workspace_id=second)
    images = [box.seed_content("image") for _ in range(3)]

    def listed(**params: Any) -> Any:
        return v2.get("/v2/content", params={**HERE, **params}).json()

    page = listed(mediaType="image", perPage=2, page=2)
    assert [asset["id"] for asset in page["content"]] == images[:1]
    assert page["pagination"] == {"page": 2, "perPage": 2, "total": 3, "pages": 2}
    assert listed()["pagination"] == {"page": 1, "perPage": 24, "total": 6, "pages": 1}
    assert [asset["mediaType"] for asset in listed(search="BOARD.mp4")["content"]] == ["video"] * 3
    assert there not in str(listed())
    assert v2.get(f"/v2/content/{there}", params=HERE).status_code == 404
    for params in ({"perPage": 61}, {"page": 0}, {"page": "one"}, {"mediaType": "sound"}):
        assert v2.get("/v2/content", params={**HERE, **params}).status_code == 400


def test_a_deleted_content_is_gone(box: Sandbox, v2: httpx.Client) -> None:
    """It is found no more, by either version."""
    content = box.seed_content()
    assert v2.delete(f"/v2/content/{content}", params=HERE).json() == {"success": True}
    assert v2.delete(f"/v2/content/{content}", params=HERE).status_code == 404
    assert content not in v2.get("/v2/content", params=HERE).text
    answer = v2.post("/v1/content/publish", json={"contentIds": [content]}, headers={"Idempotency-Key": "1"})
    assert (answer.status_code, answer.json()["code"]) == (404, "CONTENT_NOT_FOUND")
