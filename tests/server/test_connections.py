"""Whoever opens connections and says nothing keeps nobody else out."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.responses import Response
from uvicorn.server import ServerState

from endpoints import message
from processes import PATIENCE, place
from storykeeper_server.connections import Guarded

pytestmark = pytest.mark.anyio
WHOLE = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
HALF = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nhalf"


class Hasty(Guarded):
    patience = 1.0


@pytest.mark.parametrize(
    ("said", "then"),
    [(b"", b""), (WHOLE[:-2], b""), (WHOLE, WHOLE[:-2]), (HALF, b" ")],
    ids=["nothing", "half a head", "half of a second one", "half a body that nobody waits for"],
)
async def test_who_does_not_say_what_it_wants_is_let_go(said: bytes, then: bytes) -> None:
    """Though it says a little now and then."""
    config = uvicorn.Config(Response("here"), ws="none", lifespan="off", log_config=None)
    serving = await asyncio.get_running_loop().create_server(
        lambda: Hasty(config, ServerState(), {}), "127.0.0.1", 0, start_serving=True
    )
    async with serving:
        reader, writer = await asyncio.open_connection(*serving.sockets[0].getsockname())
        writer.write(said)
        if then:
            assert await reader.readuntil(b"here") != b""
            writer.write(then)
        async with asyncio.timeout(4):  # uvicorn's own five seconds for a silent one are not meant
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await reader.readexactly(1)
        writer.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_more_connections_than_there_may_be_files_leave_it_open_to_others(tmp_path: Path) -> None:
    """Who came first and still says nothing makes room."""
    few = ("sh", "-c", 'ulimit -n 256; exec "$@"', "sh")
    with (
        place(tmp_path) as here,
        here.start("mcp", "--http", "127.0.0.1:0", before=few) as process,
        ExitStack() as stack,
    ):
        stack.callback(process.kill)
        assert process.stdout
        url = httpx.URL(process.stdout.readline().strip())
        for _ in range(400):
            stack.enter_context(socket.create_connection((url.host, url.port or 0), PATIENCE))
        answer = httpx.post(url, trust_env=False, timeout=20, **message("tools/list"))
        process.terminate()
        _, said = process.communicate(timeout=PATIENCE)
    assert answer.status_code == 200
    assert "OSError" not in said
