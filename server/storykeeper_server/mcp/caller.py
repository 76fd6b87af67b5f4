"""How a tool reaches whoever called it: progress and questions, in both eras of the protocol."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from mcp import MCPError
from mcp.server.mcpserver import AcceptedElicitation, Context
from mcp.types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from storykeeper_tools.caller import Answer, Declined, Interrupted


class Unanswered(Interrupted):
    """What the client is to ask before it starts the call again."""

    def __init__(self, name: str, request: ElicitRequest) -> None:
        super().__init__(name)
        # Sealed on its way, and read again by whichever process is asked next: for this caller and call alone.
        self.result = InputRequiredResult(input_requests={name: request}, request_state=name)


@dataclass(frozen=True, slots=True)
class McpCaller:
    ctx: Context[Any, Any]

    async def report(self, done: float, total: float, message: str) -> None:
        await self.ctx.report_progress(done, total, message)

    async def ask(self, question: str, form: type[Answer]) -> Answer | None:
        able = self.ctx.client_capabilities
        asks = able.elicitation if able else None
        if asks is None or (asks.url is not None and asks.form is None):  # some only ever open pages
            return None
        if self.ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return self._answered(question, form)
        try:
            result = await self.ctx.elicit(question, form)
        except ValueError:  # how the SDK says that an accepted answer lacks something
            raise Declined("the answer doesn't fit the question") from None
        except MCPError:  # a client that could ask somebody, if only somebody were there
            return None
        if isinstance(result, AcceptedElicitation):
            return result.data
        raise Declined(result.action)

    def _answered(self, question: str, form: type[Answer]) -> Answer:
        """The answer that came with this call, under the digest of its very question, so that none is replayed."""
        name = f"{form.__name__}-{hashlib.sha256(question.encode()).hexdigest()[:12]}"
        asked = self.ctx.request_state == name
        answer = (self.ctx.input_responses or {}).get(name)
        if not asked or not isinstance(answer, ElicitResult):
            params = ElicitRequestFormParams(message=question, requested_schema=form.model_json_schema())
            raise Unanswered(name, ElicitRequest(params=params))
        if answer.action != "accept":
            raise Declined(answer.action)
        try:
            return form.model_validate(answer.content)
        except ValidationError:
            raise Declined("the answer doesn't fit the question") from None
