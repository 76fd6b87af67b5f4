"""Where the server listens, by which names it may be called, and that nobody is let in from outside unasked."""

from __future__ import annotations

import ipaddress

from mcp.server.transport_security import TransportSecuritySettings

from storykeeper_tools.access import Access
from storykeeper_tools.errors import BadInput

PATH = "/mcp"
_HERE = ("127.0.0.1", "localhost", "[::1]")


def parsed(address: str) -> tuple[str, int]:
    """Host and port. Raises BadInput."""
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise BadInput("--http takes a host and a port", next="write it as 127.0.0.1:8000")
    return host, int(port)


def check_public(host: str, access: Access) -> None:
    """Raises BadInput for an address of others than this machine's own people, where nobody checks who calls."""
    if not local(host) and not access.closed:
        raise BadInput(
            "whoever can reach that address could make and delete companions, on your bill",
            next="set STORYKEEPER_HTTP_TOKENS or STORYKEEPER_HTTP_ISSUER (docs/http.md), or use 127.0.0.1",
        )


def local(host: str) -> bool:
    """Whether only this machine gets there; a name that means several addresses may not."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def own(host: str, port: int) -> str:
    """The address as this machine's own programs call it."""
    if _any(host):
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def public(host: str, port: int, access: Access) -> str:
    """The address of the tools, as callers know it."""
    return (access.hosts[0] if access.hosts else own(host, port)) + PATH


def allowed(host: str, port: int, access: Access) -> TransportSecuritySettings:
    """Names and origins that are ours. Another name that leads here is somebody's trick, as is another site's page."""
    here = [own(host, port), *(f"http://{name}:{port}" for name in _HERE)]
    # A port of this machine may lead to another one here, as containers have it.
    names = [*_HERE, *(f"{name}:*" for name in _HERE), *map(_name, here)]
    for address in access.hosts:
        names += [_name(address), *([] if ":" in _name(address) else [f"{_name(address)}:{_usual_port(address)}"])]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True, allowed_hosts=names, allowed_origins=[*here, *access.hosts]
    )


def _name(address: str) -> str:
    return address.partition("://")[2]


def _usual_port(address: str) -> int:
    return 443 if address.startswith("https:") else 80


def _any(host: str) -> bool:
    """Whether it stands for every address of this machine."""
    return host in {"0.0.0.0", "::"}  # noqa: S104 - it is compared, not bound
