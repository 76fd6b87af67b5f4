"""Whose a token is, and what it lets its bearer do."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from mcp.server.auth.provider import AccessToken

from storykeeper_tools.access import SCOPES, Bearer

from .provider import Unverified


class Vouching(Protocol):
    async def claims(self, token: str) -> dict[str, Any]:
        """What a token says. Raises Unverified for one that isn't good, OutOfReach where that can't be told."""
        ...


@dataclass(frozen=True, slots=True)
class Verifier:
    """`tokens` by caller; `provider` knows all others, or is None."""

    tokens: Mapping[str, Bearer]
    provider: Vouching | None = None

    async def verify(self, token: str) -> AccessToken:
        """Raises Unverified, or OutOfReach. The answer holds no token, so that none can be logged."""
        if (name := self._named(token)) is not None:
            return AccessToken(token="", client_id=name, subject=name, scopes=sorted(self.tokens[name].scopes))
        if self.provider is None:
            raise Unverified("UnknownToken")
        claims = await self.provider.claims(token)
        subject = str(claims["sub"]) if "sub" in claims else None
        client = str(claims.get("client_id") or claims.get("azp") or subject or "")
        if not client:
            raise Unverified("NobodyNamed")
        issuer, end = {"iss": claims["iss"]}, int(claims["exp"])
        return AccessToken(
            token="", client_id=client, subject=subject, scopes=granted(claims), claims=issuer, expires_at=end
        )

    def _named(self, token: str) -> str | None:
        """Whose token it is. Each is compared, in a time that tells nothing."""
        given = token.encode("utf-8", "replace")
        same = [name for name, own in self.tokens.items() if hmac.compare_digest(own.token.encode(), given)]
        return same[0] if same else None


def granted(claims: Mapping[str, Any]) -> list[str]:
    """Those of our scopes that a token names: in one string, as RFC 9068 has it, or in a list, as some providers do."""
    said = claims.get("scope", claims.get("scp", ""))
    words = cast("list[Any]", said) if isinstance(said, list) else str(said).split()
    return [scope for scope in SCOPES if scope in words]
