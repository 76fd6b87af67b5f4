"""Where ElevenLabs is. A key is only ever sent to these hosts, or to this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from ..errors import BadInput, UnexpectedAnswer
from ..settings import loopback

REGIONS: Mapping[str, str] = {
    "default": "https://api.elevenlabs.io",
    "us": "https://api.us.elevenlabs.io",
    "eu": "https://api.eu.residency.elevenlabs.io",
    "in": "https://api.in.residency.elevenlabs.io",
    "sg": "https://api.sg.residency.elevenlabs.io",
}
_OFFICIAL = re.compile(r"([a-z0-9-]+\.)*elevenlabs\.io")


def address(region: str, url: str | None) -> str:
    """The base URL. Raises BadInput for one that is neither ElevenLabs' own nor loopback."""
    if url is None:
        return REGIONS[region]
    parts = urlsplit(url)
    official = parts.scheme == "https" and _OFFICIAL.fullmatch(parts.hostname or "") and parts.username is None
    if official or loopback(url):
        return url.rstrip("/")
    raise BadInput(
        "STORYKEEPER_ELEVENLABS_URL is neither an https address of elevenlabs.io nor this machine",
        next="unset it, or point it at a sandbox on 127.0.0.1",
    )


def trusted_session_url(signed_url: str, base_url: str) -> str:
    """`signed_url`, if a visitor may be sent there. Raises UnexpectedAnswer for any other host or an open channel."""
    parts = urlsplit(signed_url)
    if parts.scheme == "wss" and _OFFICIAL.fullmatch(parts.hostname or ""):
        return signed_url
    if loopback(base_url) and parts.scheme in {"ws", "wss"} and parts.netloc == urlsplit(base_url).netloc:
        return signed_url
    raise UnexpectedAnswer("the signed URL leads to a host that isn't ElevenLabs'", exists="the URL was thrown away")
