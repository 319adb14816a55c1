"""Uploads: one large file against `curl -T`, and many at once against one after the other.

calsync hashes what it sends, in the same pass, and holds back the last bytes until the hash is the planned one; curl
does not. So there are three comparisons of the large file: with curl alone as fast as this machine can, with a digest
and then curl, and with curl alone on a line of 1 Gbit/s, where the hash costs nothing that anybody waits for.

Profile: python -m cProfile -s tottime benchmarks/uploading.py put URL FILE SHA256 | head -40
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import ground
from benchmarks.measure import Plan, Row, Side, interleaved, process, reported, told

GIGABIT = 125_000_000
LATENCY = 0.02


def rows(plan: Plan, folder: Path) -> Iterator[Row]:
    """The large file in three ways, then many."""
    if shutil.which("curl") and shutil.which("openssl"):
        yield from _large(plan, folder)
    yield from _many(plan, folder)


def _large(plan: Plan, folder: Path) -> Iterator[Row]:
    path = folder / "large.bin"
    with path.open("wb") as file:
        file.truncate(plan.large)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    certificate = folder / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    options = [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        str(certificate),
        "-out",
        str(certificate),
    ]
    subprocess.run([*command.split(), *options], check=True, capture_output=True)
    env = ground.environment(folder, SSL_CERT_FILE=str(certificate))
    size = f"{plan.large / 1e6:,.0f} MB"
    ways = (("http", 0, False), ("TLS", 0, True), ("http at 1 Gbit/s", GIGABIT, False))
    for words, rate, secure in ways if plan.rounds > 1 else ways[1:2]:
        with _sink(rate, certificate if secure else None) as port:
            url = f"{'https' if secure else 'http'}://127.0.0.1:{port}/large"
            curl = ["curl", "-sS", "-f", "-T", str(path), "--cacert", str(certificate), "-H", "Expect:", url]
            sides: dict[str, Side] = {
                "ours": reported(
                    [sys.executable, "-m", "benchmarks.uploading", "put", url, str(path), sha256], env=env
                ),
                "curl": process(curl, env=env),
            }
            if not rate:
                by_hand = 'openssl dgst -sha256 "$1" && shift && exec "$@"'
                sides["by hand"] = process(["sh", "-c", by_hand, "sh", str(path), *curl], env=env)
            taken = interleaved(sides, plan.rounds)
        what = f"upload of {size}, {words}"
        yield Row(
            name=what, against="`curl -T`", by="wall", ours=taken["ours"], theirs=taken["curl"], most=1.15
        )
        if not rate:
            yield Row(
                name=what, against="a digest, then `curl -T`", by="wall", ours=taken["ours"], theirs=taken["by hand"],
                most=1.15,
            )  # fmt: skip
    yield Row(
        name=f"memory of an upload of {size}", against="", by="mebibytes", unit="MiB", most=80,
        values=[each.mebibytes for each in taken["ours"]],
    )  # fmt: skip
    path.unlink()


def _many(plan: Plan, folder: Path) -> Iterator[Row]:
    root = ground.project(folder / "uploads", plan.uploads * ground.PER_MEDIA, size=plan.small)
    sides: dict[str, Side] = {}
    with ground.sandbox(latency=LATENCY) as services:
        env = ground.environment(folder, **services)
        for name, workers in (("ours", ""), ("one", "1")):
            argv = [sys.executable, "-m", "benchmarks.uploading", "many", str(root), workers]
            sides[name] = reported(argv, env=env)
        taken = interleaved(sides, plan.rounds, warm=False)
    shutil.rmtree(root)
    yield Row(
        name=f"{plan.uploads:,} uploads of {plan.small / 1e6:g} MB, {LATENCY * 1000:g} ms away",
        against="one after the other",
        by="wall",
        ours=taken["ours"],
        theirs=taken["one"],
        least=2,
    )
    yield Row(
        name="memory of those", against="", by="mebibytes", unit="MiB", most=150,
        values=[each.mebibytes for each in taken["ours"]],
    )  # fmt: skip


@contextmanager
def _sink(rate: int, certificate: Path | None) -> Iterator[int]:
    argv = [sys.executable, str(Path(__file__).with_name("sink.py")), str(rate)]
    server = subprocess.Popen(
        [*argv, *([str(certificate)] if certificate else [])], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        yield int(server.stdout.readline())
    finally:
        server.stdin.close()
        server.wait(10)
        server.stdout.close()


def put(url: str, path: Path, sha256: str) -> None:
    """Send one file as an apply does."""
    from calsync.apply.uploads import FilePayload
    from calsync.model import MediaFile, MediaKind
    from calsync.transport import Transport

    size = path.stat().st_size
    media = MediaFile(path=path.name, sha256=sha256, size=size, kind=MediaKind.VIDEO, mime="video/mp4")
    payload = FilePayload(media, path.parent, lambda *_: None)
    with Transport(url.rpartition("/")[0], None, service="sink") as way:
        told(lambda: way.put_file(url, headers={}, source=payload, size=size))


def many(root: Path, workers: int | None) -> None:
    """Send every medium of a project to Postqued, as an apply does; `workers` at a time."""
    import os

    from calsync.apply.uploads import Uploads
    from calsync.binding import bind
    from calsync.desired import load
    from calsync.environment import Environment
    from calsync.interrupts import StopSign
    from calsync.providers import connect
    from calsync.providers.base import Link
    from calsync.recorded import Ledger
    from calsync.settings import load_settings
    from calsync.stores.base import Holder
    from calsync.stores.memory import MemoryStore
    from calsync.transport import Transport

    settings, environment = load_settings(root / "calsync.yaml"), Environment.read(os.environ)
    who, store = Holder(host="benchmark", pid=0, since=""), MemoryStore()
    more = {} if workers is None else {"workers": workers}
    with (
        Transport(
            environment.service_url("postqued") or "", environment.api_key("postqued"), service="postqued"
        ) as way,
        Ledger.hold(store, who, project=None, timeout=0, create=True) as ledger,
    ):
        link = Link(settings=settings.services["postqued"], transport=way, now=lambda: datetime.now(UTC))
        provider = connect(link)
        desired = bind(load(settings).entries, settings.accounts, {"postqued": provider}).desired

        def send() -> None:
            with Uploads(ledger, root, lambda *_: None, link.now, StopSign(), **more) as uploads:
                for post in desired.posts:
                    uploads.begin(post, provider)
                for post in desired.posts:
                    uploads.assets(post, provider)

        told(send)


if __name__ == "__main__":
    if sys.argv[1] == "put":
        put(sys.argv[2], Path(sys.argv[3]), sys.argv[4])
    else:
        many(Path(sys.argv[2]), int(sys.argv[3]) if sys.argv[3] else None)
