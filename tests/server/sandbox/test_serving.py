"""Starting and stopping a served sandbox."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys

import anyio
import anyio.lowlevel
import httpx
import pytest

from judged import build
from storykeeper_server.sandbox.serving import serve, serving
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio
SERVER = """
import asyncio, sys
from storykeeper_server.sandbox.app import build
from storykeeper_server.sandbox.serving import serve
from storykeeper_server.sandbox.state import State
asyncio.run(serve(build(State(None)), int(sys.argv[1])))
"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


async def answered(port: int) -> int:
    """The status of a first request, tried until there is one."""
    async with httpx.AsyncClient() as client:
        while True:
            try:
                return (await client.get(f"http://127.0.0.1:{port}/v1/user")).status_code
            except httpx.ConnectError:
                await anyio.lowlevel.checkpoint()


async def test_a_cancelled_block_stops_its_server() -> None:
    """The port is free again, though a client kept its connection."""
    url = ""
    async with httpx.AsyncClient() as client:
        with anyio.CancelScope() as scope:
            async with serving(build(State(None))) as url:
                assert (await client.get(f"{url}/v1/user")).status_code == 401
                scope.cancel()
                await anyio.sleep_forever()
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


async def test_serving_leaves_signals_alone() -> None:
    """Whoever runs the loop decides what Ctrl-C does."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    async with serving(build(State(None))) as url, httpx.AsyncClient() as client:
        await client.get(f"{url}/v1/user")
        during = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    assert during == before


async def test_serve_runs_until_it_is_cancelled() -> None:
    """Cancelling the task frees the port."""
    port = free_port()
    task = asyncio.create_task(serve(build(State(None)), port))
    with anyio.fail_after(60):
        assert await answered(port) == 401
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    with socket.create_server(("127.0.0.1", port)):
        pass


async def test_serve_says_when_its_port_is_taken() -> None:
    """An error of the system, not a silent end."""
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(OSError, match="in use"):
        await serve(build(State(None)), listener.getsockname()[1])


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_serve_quickly_and_nothing_is_printed(signum: signal.Signals) -> None:
    """A server in a process of its own stops at Ctrl-C and at kill."""
    port = free_port()
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(port)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        with anyio.fail_after(60):
            assert await answered(port) == 401
        server.send_signal(signum)
        printed, _ = server.communicate(timeout=5)
    finally:
        server.kill()

    # Python 3.13 ends with 0 after a handled Ctrl-C, older ones with 1: that it ended is what counts.
    assert printed == b""
