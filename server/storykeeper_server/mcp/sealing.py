"""What a client carries from one round of a call to the next is sealed with a key that all processes share."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from mcp.server.mcpserver import RequestStateSecurity
from mcp.server.request_state import AESGCMRequestStateCodec

_PURPOSE = b"storykeeper: what an MCP client carries between two rounds of a call"


def sealed(key: Callable[[], bytes]) -> RequestStateSecurity:
    """By a key that is made of the workspace's own, which is read when the first question is asked."""
    return RequestStateSecurity(codec=_Codec(key))


@dataclass(slots=True)
class _Codec:
    key: Callable[[], bytes]
    _made: AESGCMRequestStateCodec | None = field(default=None, repr=False)

    def seal(self, payload: bytes) -> str:
        return self._codec().seal(payload)

    def unseal(self, token: str) -> bytes:
        return self._codec().unseal(token)

    def _codec(self) -> AESGCMRequestStateCodec:
        if self._made is None:
            own = hmac.digest(self.key(), _PURPOSE, hashlib.sha256)
            self._made = AESGCMRequestStateCodec([own])
        return self._made
