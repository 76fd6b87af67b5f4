"""The sandbox as a service of some size: answers take as long as told, an account has room for a million voices, and
`GET /_counts` says how many requests came of each kind.

    python benchmarks/upstream.py '{"": 0.01, "POST /v1/voices/add": 1.2}' PORT

The seconds are those of all requests that begin so; where several fit, the longest beginning counts.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import Mapping

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from storykeeper_server.sandbox import plans
from storykeeper_server.sandbox.app import Switches, build
from storykeeper_server.sandbox.serving import serve
from storykeeper_server.sandbox.state import State

MANY = 10**6
LARGE = plans.Plan("large", MANY, MANY, MANY, True, 1, MANY, MANY, MANY)
ROOMY = Switches(max_knowledge_characters=10**9, max_knowledge_bytes=2**30)
ID = re.compile(r"/agent_\w+")


class Slow:
    """Counts what comes, and lets it wait before it is looked at."""

    def __init__(self, app: ASGIApp, seconds: Mapping[str, float]) -> None:
        self._app = app
        self._seconds = dict(sorted(seconds.items(), key=lambda item: -len(item[0])))
        self._counts: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/_counts":
            await JSONResponse(self._counts)(scope, receive, send)
            return
        name = f"{scope['method']} {ID.sub('/*', scope['path'])}"
        self._counts[name] += 1
        await asyncio.sleep(next((s for start, s in self._seconds.items() if name.startswith(start)), 0))
        await self._app(scope, receive, send)


def main(seconds: Mapping[str, float], port: int) -> None:
    plans.PLANS["large"] = LARGE
    asyncio.run(serve(Slow(build(State(None), plan="large", switches=ROOMY), seconds), port))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), int(sys.argv[2]))
