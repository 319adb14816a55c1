"""The one place that knows httpx: a client that meets a deadline, caps answers and can refuse inner addresses.

Imported by `client` at the first request, so that commands that send nothing do not pay for it.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore
import httpx

from calsync.transport.multipart import Body

_KEEP_ALIVE = 2.0
"""Seconds. Servers drop idle connections after 5 and more; a create that meets such a drop would be in doubt."""
_CONNECTIONS = 16
_UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is handed out to the public; what lies beside it is for single networks, or for nobody yet."""
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 addresses as a network sees them that has IPv6 alone (NAT64)."""
_ERROR_PAGE = 64 * 1024
"""As much as is read of an answer that is no success."""


class NotSent(Exception):
    """Connecting failed: nothing was sent."""


class Lost(Exception):
    """Something was sent, and no whole answer came back."""


class Forbidden(Exception):
    """An address inside our own network, which no outside service may send us to."""


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What came back; `broken` says why the body is not whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    broken: str | None = None


class Wire:
    """One httpx client: no redirects, no cookies, no proxies, at most `cap` bytes an answer, decompressed.

    `outside_only` refuses hosts that are, or resolve to, loopback, private, link-local or reserved addresses.
    """

    def __init__(
        self, *, connect: float, read: float, cap: int, secure: bool, outside_only: bool = False
    ) -> None:
        self._cap = cap
        self._client = httpx.Client(
            transport=_Transport(_Sockets(outside_only=outside_only), secure=secure),
            timeout=httpx.Timeout(read, connect=connect),
            follow_redirects=False,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
        # Nothing goes out that was not asked for.
        self._client.headers.clear()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def exchange(
        self, method: str, url: str, *, headers: Mapping[str, str], body: Body | None, seconds: float
    ) -> RawAnswer:
        """Send one request and read its answer within `seconds`. Raises NotSent, Lost or Forbidden."""
        sent = {**headers, "Accept-Encoding": "gzip"}
        if body is not None:
            sent["Content-Length"] = str(body.size)
            if body.content_type is not None:
                sent.setdefault("Content-Type", body.content_type)
        with _deadline(seconds):
            try:
                content = body.chunks() if body is not None else None
                request = self._client.build_request(method, url, headers=sent, content=content)
                response = self._client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                raise NotSent(_why(error)) from error
            except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError) as error:
                raise NotSent("the address cannot be used") from error
            except httpx.HTTPError as error:
                raise Lost(_why(error)) from error
            try:
                return self._read(response)
            finally:
                response.close()

    def _read(self, response: httpx.Response) -> RawAnswer:
        headers = {name.lower(): value for name, value in response.headers.items()}
        cap = self._cap if response.is_success else _ERROR_PAGE
        # Not a list of chunks: a server that sends them letter by letter would make each of them an object.
        body = bytearray()
        broken = None
        try:
            for chunk in _decoded(response.iter_raw(), headers.get("content-encoding", ""), cap):
                body += chunk
        except Lost as error:
            broken = str(error)
        except httpx.HTTPError as error:
            broken = _why(error)
        return RawAnswer(response.status_code, headers, bytes(body), broken)


def _decoded(chunks: Iterable[bytes], encoding: str, cap: int) -> Iterator[bytes]:
    """The body as it was before compression, by our own hands: httpx inflates a whole chunk before it can be capped."""
    coding = encoding.strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise Lost("an answer in an encoding that was not asked for")
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16) if "gzip" in coding else None
    total, begun = 0, False
    for chunk in chunks:
        begun = begun or bool(chunk)
        try:
            data = inflater.decompress(chunk, cap - total + 1) if inflater else chunk
        except zlib.error as error:
            raise Lost("a damaged answer") from error
        total += len(data)
        if total > cap:
            raise Lost(f"an answer of more than {cap} bytes")
        yield data
    if inflater and begun and not inflater.eof:
        raise Lost("an answer that ends early")


def _why(error: Exception) -> str:
    """What went wrong, in words of our own: foreign texts may quote what must not be shown."""
    words: dict[type[Exception], str] = {
        httpx.ConnectTimeout: "connecting took too long",
        httpx.PoolTimeout: "no connection became free",
        httpx.ReadTimeout: "the answer took too long",
        httpx.WriteTimeout: "sending took too long",
        httpx.ReadError: "the connection broke",
        httpx.WriteError: "the connection broke while sending",
        httpx.RemoteProtocolError: "the connection ended without a whole answer",
        httpx.LocalProtocolError: "the request could not be put on the wire",
    }
    if isinstance(error, httpx.ConnectError):
        cause: BaseException | None = error
        seen: set[int] = (
            set()
        )  # whatever is being handled while this is sent is in the chain too, cycles included
        while cause is not None and id(cause) not in seen:
            seen.add(id(cause))
            if isinstance(cause, ssl.SSLCertVerificationError):
                return f"its certificate is not valid: {cause.verify_message}"
            if isinstance(cause, socket.gaierror):
                return "its name does not resolve"
            cause = cause.__cause__ or cause.__context__
        return f"connecting failed ({error})" if str(error) else "connecting failed"
    return words.get(type(error), type(error).__name__)


class _Transport(httpx.HTTPTransport):
    """httpx's transport over our own sockets, which is the only way to a deadline for the whole exchange."""

    def __init__(self, backend: httpcore.NetworkBackend, *, secure: bool) -> None:
        # Loading the certificates takes tens of milliseconds, which plain http does not need.
        context = httpx.create_ssl_context() if secure else httpx.create_ssl_context(verify=False)
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_CONNECTIONS,
            keepalive_expiry=_KEEP_ALIVE,
            network_backend=backend,
        )


_current = threading.local()


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Bound all socket work of this thread: a peer that drips a byte now and then resets every other time-out."""
    _current.until = time.monotonic() + seconds
    try:
        yield
    finally:
        _current.until = None


def _left(timeout: float | None, late: type[Exception]) -> float | None:
    until: float | None = getattr(_current, "until", None)
    if until is None:
        return timeout
    left = until - time.monotonic()
    if left <= 0:
        raise late("the deadline has passed")
    return left if timeout is None else min(left, timeout)


class _Sockets(httpcore.NetworkBackend):
    """Plain sockets that meet the deadline; with `outside_only`, to vetted addresses alone."""

    def __init__(self, *, outside_only: bool) -> None:
        self._plain = httpcore.SyncBackend()
        self._outside_only = outside_only

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        # Vetted here, not before: the address that was looked at is the one that is connected to.
        hosts = _vetted(host, port) if self._outside_only else (host,)
        for index, each in enumerate(hosts):
            try:
                left = _left(timeout, httpcore.ConnectTimeout)
                return _Stream(self._plain.connect_tcp(each, port, left, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if index == len(hosts) - 1:
                    raise
        raise httpcore.ConnectError("no address")

    def sleep(self, seconds: float) -> None:
        self._plain.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    """A connection whose every step is bounded by the thread's deadline."""

    def __init__(self, plain: httpcore.NetworkStream) -> None:
        self._plain = plain

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._plain.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._plain.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._plain.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._plain.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._plain.get_extra_info(info)


def _vetted(host: str, port: int) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError("its name does not resolve") from error
    addresses = tuple(dict.fromkeys(str(each[4][0]) for each in found))
    if not all(_outside(each) for each in addresses):
        raise Forbidden(host)
    return addresses


def _outside(text: str) -> bool:
    """Whether an address is of the public internet; one that only wraps another is judged by what it wraps."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address in _TRANSLATED:
            address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        elif address not in _UNICAST or address.sixtofour is not None or address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast
