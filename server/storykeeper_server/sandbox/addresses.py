"""Which addresses are this machine's: by name or number alone, without asking a name server."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address is this machine's."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def leads_here(url: str) -> bool:
    """Whether a URL, or an Origin, is one of this machine."""
    return is_loopback(split(url).hostname)


@lru_cache(maxsize=256)
def names_here(host: str) -> bool:
    """Whether a Host header names this machine; one that is rebound to it by a stranger's name server doesn't."""
    return is_loopback(split(f"//{host}").hostname)


def split(url: str) -> SplitResult:
    """The parts of a URL; none of one that makes no sense."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")
