"""The tool server as the nodes of a procedure call it: structured results, and errors that are raised."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from google.adk.agents.context import Context

from storykeeper_tools.errors import BadInput, InternalError, StorykeeperError, TimedOut, from_text

from .hearing import Ear
from .sharing import Shared

RUN = "a whole run"
# Seconds. Recordings of hours are decoded while a plan is drawn up, and a clone may wait for its turn at the service.
PATIENCE: Mapping[str, float] = {
    RUN: 1800,
    "plan_companion": 900,
    "inspect_recording": 900,
    "clone_voice": 900,
    "upload_knowledge_base": 600,
}
USUAL = 150.0
POLL = 2.0


@dataclass(frozen=True, slots=True)
class Server:
    tools: Shared
    ear: Ear
    patience: Mapping[str, float]
    elicits: bool = False  # only a person's own answer is a consent
    sandbox: bool = False  # the one that comes with it

    async def call(self, ctx: Context, tool: str, run: str | None = None, /, **arguments: Any) -> dict[str, Any]:
        """A tool's structured result. Raises what the tool refused with. After a pause a call is answered as it was
        before it, unless it is a `run` of its own."""
        try:
            async with asyncio.timeout(seconds(self.patience, tool)):
                with self.tools.used():
                    return await self._call(ctx, tool, run, arguments)
        except ConnectionError:
            raise StorykeeperError("the tool server did not start", next="run `storykeeper mcp` to see why") from None
        except TimeoutError:
            raise TimedOut(
                f"the tool server didn't answer {tool}", exists="what was made before is in list_companions"
            ) from None

    def talk(self, companion: str) -> str:
        """The command that opens a page to talk to it, where it is."""
        return f"storykeeper talk {companion}{' --sandbox' * self.sandbox}"

    async def again(self, since: float) -> None:
        """A moment before what goes on by itself is looked at once more; raises TimedOut where that has been done for
        long enough since `since`, a reading of time.monotonic()."""
        left = since + seconds(self.patience, RUN) - time.monotonic()
        if left <= 0:
            what = "it takes longer than anybody should wait here, and still goes on"
            raise TimedOut(what, exists="what was done so far stays", next="say it again later to see how it stands")
        await asyncio.sleep(min(POLL, left))

    async def _call(self, ctx: Context, name: str, run: str | None, arguments: dict[str, Any]) -> dict[str, Any]:
        found = {tool.name: tool for tool in await self.tools.get_tools(ctx)}
        if name not in found:
            raise BadInput(
                f"the tool server doesn't offer {name}", next="unset STORYKEEPER_READ_ONLY, or allow the tool"
            )
        answer: dict[str, Any] = await ctx.run_node(found[name], node_input=arguments, run_id=run)
        if answer.get("isError") or "structuredContent" not in answer:
            raise refusal(name, answer)
        return dict(answer["structuredContent"])


def seconds(patience: Mapping[str, float], tool: str) -> float:
    """How long a tool is waited for."""
    return patience.get(tool, patience.get("", USUAL))


def refusal(tool: str, answer: Mapping[str, Any]) -> StorykeeperError:
    """What a tool refused with; where there is only ADK's word that the call failed, the server has died under it."""
    if "content" in answer:
        return from_text(text(answer))
    return InternalError(
        f"the tool server broke off during {tool}",
        exists="what was made before is in list_companions",
        next="say it again: the server is started anew, and nothing is made twice",
    )


def text(answer: Mapping[str, Any]) -> str:
    """What a tool says, or refuses with."""
    return " ".join(str(part.get("text", "")) for part in cast("list[dict[str, Any]]", answer.get("content") or []))
