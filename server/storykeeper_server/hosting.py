"""`storykeeper mcp --http`: one process that serves, or several at one address."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from mcp.server import MCPServer

from storykeeper_tools.settings import Settings

from .listening import listener
from .mcp.addresses import PATH, check_public, own, parsed
from .mcp.serving import Site, serve
from .mcp.workers import supervise
from .wiring import Storykeeper


async def host(arguments: argparse.Namespace, keeper: Storykeeper, server: MCPServer[Any], leave: asyncio.Event) -> int:
    """Serve until it is time to leave. A worker's listener is its supervisor's."""
    with _listening(arguments, keeper.settings) as listening:
        site = Site(
            *_where(arguments, listening),
            keeper.settings.http,
            keeper.tools,
            keeper.ledger.database.version,
            stateless=arguments.stateless,
            ca_file=keeper.settings.ca_file,
        )
        if arguments.listener is not None:
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _orphaned, leave)
        await serve(server, site, listening, leave)
    return 0


async def host_several(arguments: argparse.Namespace, settings: Settings, leave: asyncio.Event) -> int:
    """As many processes as are asked for. Without sessions: a caller's next call may reach another of them."""
    with _listening(arguments, settings) as listening:
        name, port = _where(arguments, listening)
        switches = {"--sandbox": arguments.sandbox, "--read-only": arguments.read_only, "--stateless": True}
        command = ["mcp", "--http", f"{name}:{port}", "--listener", str(listening.fileno())]
        command += [switch for switch, on in switches.items() if on]
        return await supervise(command, listening.fileno(), arguments.workers, leave)


@contextmanager
def _listening(arguments: argparse.Namespace, settings: Settings) -> Generator[socket.socket]:
    """The listener, and its address told: on stdout, for whoever started this and waits."""
    name, port = parsed(arguments.http)
    check_public(name, settings.http)
    if arguments.listener is not None:
        with socket.socket(fileno=arguments.listener) as inherited:
            yield inherited
        return
    with listener(name, port, "--http") as made:
        print(f"{own(*_where(arguments, made))}{PATH}", flush=True)
        print("Ctrl-C ends it.", file=sys.stderr, flush=True)
        yield made


def _where(arguments: argparse.Namespace, listening: socket.socket) -> tuple[str, int]:
    return parsed(arguments.http)[0], int(listening.getsockname()[1])


def _orphaned(leave: asyncio.Event) -> None:
    """The supervisor holds the other end, and writes nothing: there is something to read when it has gone."""
    if not os.read(sys.stdin.fileno(), 1):
        leave.set()
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
