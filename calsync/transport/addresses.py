"""Where a request may go, and what may go with it: base addresses, keys, storage addresses, their headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from calsync.errors import CalsyncError
from calsync.model import Json

_NEVER_HANDED_ON = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "host",
        "te",
        "transfer-encoding",
        "upgrade",
    }
)


def base_address(url: str, service: str) -> tuple[str, bool]:
    """A service's address without its last slash, and whether it is loopback.

    Raises CalsyncError for anything but http(s)://host[:port][/path], and for plain http to other hosts.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
        raise CalsyncError(f"the address of {service} is not like https://host[:port]", code="address")
    if parts.scheme == "http" and not is_loopback(host):
        raise CalsyncError(
            f"the address of {service} has to be https: the key would go in the clear", code="address"
        )
    return url.rstrip("/"), is_loopback(host)


def storage_host(url: str, *, local: bool) -> str | None:
    """The host of a presigned address, or None where a file must not go there.

    Only https; where the service itself is loopback (`local`), plain http to loopback too.
    """
    if not re.fullmatch(r"[!-\[\]-~]{1,8192}", url):
        # Spaces, line breaks, backslashes and other letters: whoever reads such an address may read another one.
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    plain = parts.scheme == "http" and local and is_loopback(host or "")
    return host if host and parts.username is None and (parts.scheme == "https" or plain) else None


def handed_on(headers: Mapping[str, Json]) -> dict[str, str]:
    """The headers that a presigned address came with, save what would say who we are or frame the body."""
    return {
        name: value
        for name, value in headers.items()
        if isinstance(value, str)
        and name.lower() not in _NEVER_HANDED_ON
        and not name.lower().startswith("proxy-")
        and re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name)
        and re.fullmatch(r"[\t -~]*", value)
    }


def usable_key(key: str, service: str) -> str:
    """The key without surrounding space. Raises CalsyncError, which does not quote it, where no header can hold it."""
    key = key.strip()
    if not re.fullmatch(r"[!-~]+", key):
        raise CalsyncError(f"the key of {service} is empty or has characters that no key has", code="key")
    return key


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name or literal address; nothing is resolved."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
