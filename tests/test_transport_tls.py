"""The transport over TLS, as every real service is reached."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from loopback import Bytes, Loopback, answer, drip, read, to, write

from calsync.errors import Unavailable, Uncertain
from calsync.transport import Timeouts


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for this machine, signed by itself, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    path = tmp_path / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    extension = ["-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(path)]
    subprocess.run([*command.split(), *extension, *files], check=True, capture_output=True)
    path.write_text(path.read_text() + (tmp_path / "key.pem").read_text())
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    """What a server with that certificate serves with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_requests_and_uploads_go_over_tls(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an authority that the environment names, as behind a company's proxy."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with Loopback(answer(body=b'{"a": 1}'), tls=tls) as server, to(server.url) as way:
        assert read(way).body == {"a": 1}
        data = b"x" * 1_000_000
        way.put_file(f"{server.url}/x", headers={}, source=Bytes((data, data)), size=2_000_000)
        assert len(server.received[1].body) == 2_000_000


def test_a_certificate_that_nobody_vouches_for_is_refused(tls: ssl.SSLContext) -> None:
    """Before the key is sent, and with the reason."""
    with Loopback(answer(), tls=tls) as server, to(server.url) as way:
        with pytest.raises(Unavailable, match=r"certificate is not valid: self.signed"):
            write(way)
        assert server.received == []


def test_the_deadline_holds_over_tls(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dripping answer meets it all the same."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    dripping = drip(b"HTTP/1.1 200 OK\r\n" * 100, 0.05)
    limits = Timeouts(connect=2, read=2, deadline=0.5)
    with (
        Loopback(dripping, tls=tls) as server,
        to(server.url, timeouts=limits) as way,
        pytest.raises(Uncertain),
    ):
        write(way)
