"""A server whose resources come and go, and which tells whoever listens of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

from mcp import MCPError
from mcp.server import CacheHint, ServerRequestContext
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp.server.mcpserver.prompts.base import Prompt
from mcp.server.subscriptions import InMemorySubscriptionBus, ResourcesListChanged, ResourceUpdated
from mcp.types import INVALID_PARAMS, EmptyResult, SubscribeRequestParams, UnsubscribeRequestParams
from mcp.types import Resource as Listed
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from storykeeper_tools.errors import StorykeeperError

from .completing import completing
from .pipe import PipedServer
from .resources import EVERY, SCHEME, add_templates, companion_of, listed
from .shelf import Shelf
from .watching import MOST, Tell, Watch

_WHILE = 600_000  # milliseconds
# What is the same for everybody may be kept for a while; what is about a person is looked at anew, and never shared.
CACHE: dict[Any, CacheHint] = {
    **dict.fromkeys(
        ("server/discover", "tools/list", "prompts/list", "resources/templates/list"), CacheHint(_WHILE, "public")
    ),
    **dict.fromkeys(("resources/list", "resources/read"), CacheHint(0, "private")),
}


class LivingServer(PipedServer[None]):
    """With a `shelf` it offers what there is of each companion."""

    def __init__(
        self,
        *,
        shelf: Shelf | None,
        prompts: Sequence[Prompt],
        look_seconds: float,
        middleware: Sequence[Any],
        **more: Any,
    ) -> None:
        self._bus = InMemorySubscriptionBus()
        super().__init__(
            **more, cache_hints=CACHE, subscriptions=self._bus, middleware=[*middleware, _kept, self._listen]
        )
        self._shelf = shelf
        self._watch = Watch(shelf.look if shelf else str, look_seconds)
        self._connections: dict[tuple[int, str], Tell] = {}
        self._heard = Counter[int]()  # how many of these are of one connection
        for prompt in prompts:
            self.add_prompt(prompt)
        if shelf:
            add_templates(self, shelf)
            self.completion()(completing(prompts, shelf))
            low = self._lowlevel_server  # the SDK's MCPServer leaves the older way of subscribing to its low-level one
            low.add_request_handler("resources/subscribe", SubscribeRequestParams, self._subscribe)
            low.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, self._unsubscribe)

    @property
    def watched(self) -> bool:
        """Whether the ledger is looked at for somebody who listens."""
        return self._watch.looking

    async def list_resources(self) -> list[Listed]:
        """Those that are always there, then the newest companions."""
        fixed = await super().list_resources()
        try:
            return [*fixed, *(listed(self._shelf) if self._shelf else ())]
        except StorykeeperError:  # a ledger that can't be read now hides no guide
            return fixed

    async def read_resource(self, uri: Any, context: Context[None, Any] | None = None) -> Any:
        """Raises what the SDK does, without repeating what was asked for."""
        try:
            return await super().read_resource(uri, context)
        except ResourceNotFoundError as error:
            if isinstance(error.__cause__, StorykeeperError):
                raise
            told = "not_found · there is no such resource · nothing was changed · see resources/list, and the templates"
            raise ResourceNotFoundError(told) from error

    # Listening

    async def _publish(self, uri: str) -> None:
        await self._bus.publish(ResourcesListChanged() if uri == EVERY else ResourceUpdated(uri))

    async def _listen(self, ctx: ServerRequestContext[Any, Any], call_next: Any) -> Any:
        """A stream of the newer era lasts as long as its request."""
        if ctx.method != "subscriptions/listen":
            return await call_next(ctx)
        with self._watch.listening(_listened(ctx.params or {}), self._publish):
            return await call_next(ctx)

    async def _subscribe(self, ctx: ServerRequestContext[Any, Any], params: SubscribeRequestParams) -> EmptyResult:
        """The older era: until it is taken back, or the connection ends."""
        uri, session = str(params.uri), ctx.session
        if not companion_of(uri):
            raise MCPError(INVALID_PARAMS, f"Only {SCHEME}ID changes, with what stands below it")
        connection = session._connection  # pyright: ignore[reportPrivateUsage] # nothing else lives as long as it does
        key = id(connection), uri
        if key not in self._connections:
            tell = session.send_resource_updated
            if self._heard[id(connection)] >= MOST or not self._watch.add(tell, uri):
                raise MCPError(INVALID_PARAMS, "That is more than can be listened to; take something back")
            self._connections[key] = tell
            self._heard[id(connection)] += 1
            connection.exit_stack.callback(self._leave, key)
        return EmptyResult()

    async def _unsubscribe(self, ctx: ServerRequestContext[Any, Any], params: UnsubscribeRequestParams) -> EmptyResult:
        connection = ctx.session._connection  # pyright: ignore[reportPrivateUsage] # as above
        self._leave((id(connection), str(params.uri)))
        return EmptyResult()

    def _leave(self, key: tuple[int, str]) -> None:
        tell = self._connections.pop(key, None)
        if tell:
            self._heard[key[0]] -= 1
            if not self._heard[key[0]]:
                del self._heard[key[0]]
            self._watch.remove(tell, key[1])


def _listened(params: Mapping[str, Any]) -> list[str]:
    """The addresses that a request to listen names. What is wrong with it the SDK says."""
    wanted = params.get("notifications")
    said = cast("dict[str, Any]", wanted) if isinstance(wanted, dict) else {}
    uris = cast("list[Any]", found) if isinstance(found := said.get("resourceSubscriptions"), list) else []
    every = [EVERY] if said.get("resourcesListChanged") is True else []
    return [*every, *(uri for uri in uris if isinstance(uri, str))]


async def _kept(ctx: ServerRequestContext[Any, Any], call_next: Any) -> Any:
    """The guide and the snippets are the same for everybody, unlike all else that can be read."""
    result = await call_next(ctx)
    fixed = str((ctx.params or {}).get("uri")).startswith("storykeeper://")
    if ctx.method == "resources/read" and fixed and ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
        return {**result, "ttlMs": _WHILE, "cacheScope": "public"}
    return result
