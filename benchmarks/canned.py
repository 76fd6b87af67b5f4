"""A local API that costs next to nothing: the sandbox's own answer about the account, after as many seconds as told.

python benchmarks/canned.py SECONDS PORT
"""

from __future__ import annotations

import asyncio
import gc
import sys

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from storykeeper_server.sandbox.app import build
from storykeeper_server.sandbox.serving import serve
from storykeeper_server.sandbox.state import State

PATH = "/v1/user/subscription"


async def answer() -> bytes:
    transport = httpx.ASGITransport(build(State(None)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        response = await client.get(PATH, headers={"xi-api-key": "sandbox"})
    return response.raise_for_status().content


def canned(body: bytes, seconds: float) -> ASGIApp:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(seconds)
        await send({"type": "http.response.start", "status": 200 if scope["path"] == PATH else 404, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def main(seconds: float, port: int) -> None:
    await serve(canned(await answer(), seconds), port)


if __name__ == "__main__":
    gc.disable()  # what it would wait for would be told of whoever asks
    asyncio.run(main(float(sys.argv[1]), int(sys.argv[2])))
