"""What a request is answered that gets no further than the door."""

from __future__ import annotations

from dataclasses import dataclass, field

from mcp.types import INTERNAL_ERROR, INVALID_REQUEST
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send


@dataclass(slots=True)
class Refused(Exception):
    """`again` says after how many seconds to call again; `challenge` how to be let in."""

    status: int
    what: str
    again: int | None = None
    challenge: dict[str, str] = field(default_factory=dict[str, str])

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        code = INTERNAL_ERROR if self.status == 503 else INVALID_REQUEST
        # As the protocol has it, so that clients show the sentence and not only the status.
        body = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": self.what}}
        headers = {"Cache-Control": "no-store"}
        if self.again is not None:
            headers["Retry-After"] = str(self.again)
        if self.challenge:
            headers["WWW-Authenticate"] = "Bearer " + ", ".join(f'{k}="{v}"' for k, v in self.challenge.items())
        await JSONResponse(body, self.status, headers=headers)(scope, receive, send)
