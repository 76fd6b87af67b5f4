"""The session route: a companion and a caller in, a credential out that opens one talk. It fails closed."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from storykeeper_tools.elevenlabs.client import plain_id
from storykeeper_tools.errors import StorykeeperError
from storykeeper_tools.provisioning.ledger import Companion
from storykeeper_tools.sessions import Sessions
from storykeeper_tools.telemetry import spanned

from .limits import Gate
from .refusals import Refused, refused

Mode = Literal["voice", "text"]
Transport = Literal["websocket", "webrtc"]
_CHOICES: Mapping[str, tuple[object, ...]] = {
    "mode": get_args(Mode),
    "transport": get_args(Transport),
    "again": (True, False),
}
PATIENCE = 12.0
_USUAL_MINUTES = 30
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a page asks for: how it is going to talk, over what, and whether it may begin `again` with the same URL, as
    ElevenLabs' widget does. Else a URL begins one talk, and replayed opens nothing."""

    mode: Mode = "voice"
    transport: Transport = "websocket"
    again: bool = False


def wish(body: bytes) -> Wish:
    """From JSON; nothing at all is the usual. Raises Refused for anything else than is known here."""
    said = document(body) if body.strip() else {}
    if not all(_chosen(name, value) for name, value in said.items()):
        raise Refused("bad_request", why="a body that asks for something unknown")
    return Wish(**said)


def _chosen(name: str, value: object) -> bool:
    # 1 is True to Python, and nobody else.
    return any(type(value) is type(choice) and value == choice for choice in _CHOICES.get(name, ()))


def document(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises Refused for anything else."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused("bad_request", why="a body that isn't JSON") from None
    if not isinstance(said, dict):
        raise Refused("bad_request", why="a body that is no object")
    return cast("dict[str, Any]", said)


@dataclass(frozen=True, slots=True)
class Desk:
    """`patience`: seconds that a visitor waits at most."""

    sessions: Sessions
    gate: Gate = field(default_factory=Gate)
    patience: float = PATIENCE

    @spanned("session")
    async def session(self, companion: str, caller: str, wished: Wish | None = None) -> dict[str, Any]:
        """`signed_url` or `token`, with `expires_at` and `max_minutes`, for a companion of the ledger that is ready.

        Raises Refused, whatever is wrong; there is no way around it to the agent itself.
        """
        async with told(self.patience):
            known = self.known(companion)
            if self.sessions.door(known) == "paused":
                raise Refused("paused")
            self.gate.admit(caller)
            opened = await self._credential(known, wished or Wish())
            return {**opened, "max_minutes": self.minutes(known)}

    def known(self, companion: str) -> Companion:
        """A companion that is made; agents, and what is only planned or being forgotten, are as good as none."""
        try:
            found = self.sessions.ledger.companion(plain_id(companion))
        except StorykeeperError as error:
            raise refused(error) from None
        if found is None or self.sessions.door(found) == "unfinished":
            raise Refused("not_found")
        return found

    def minutes(self, companion: Companion) -> int:
        """How long a talk may be."""
        plan = self.sessions.ledger.plan(companion.plan_id)
        return plan.spec.privacy.max_minutes if plan else _USUAL_MINUTES

    async def _credential(self, companion: Companion, wished: Wish) -> dict[str, Any]:
        if wished.transport == "webrtc":
            token = await self.sessions.get_conversation_token(companion.id)
            return {"token": token.token, "expires_at": token.expires_at}
        call = self.sessions.get_signed_url(companion.id) if wished.again else self.sessions.invite(companion)
        link = await call
        return {"signed_url": link.signed_url, "expires_at": link.expires_at}


@asynccontextmanager
async def told(patience: float = PATIENCE) -> AsyncGenerator[None]:
    """Whatever goes wrong inside is a refusal in a visitor's words; the keeper's log has its code, and nothing else."""
    try:
        async with asyncio.timeout(patience):
            yield
    except TimeoutError:
        _LOG.warning("a visitor was turned away: timed_out")
        raise Refused("unavailable", why="timed_out") from None
    except StorykeeperError as error:
        _LOG.warning("a visitor was turned away: %s", error.code)
        raise refused(error) from None
