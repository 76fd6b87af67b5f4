"""How long from starting the server to its first list of tools, against a server that has none, in one run.

    python benchmarks/startup.py [RUNS]

Fails when ours takes more than 1.3 times as long, or has loaded a heavy library to get there.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time

from bars import at_most
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

BAR = 1.3
HEAVY = ("google.adk", "dbos", "sqlalchemy", "numpy", "elevenlabs", "av", "httpx", "opentelemetry.sdk")
BARE = "from mcp.server import MCPServer; MCPServer(name='bare').run('stdio')"
LOADED = f"""
import json, sys
from storykeeper_server import commands
from storykeeper_server.mcp.app import build
from storykeeper_server.wiring import settings, wire
build(wire(settings()).tools, None, "0")
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))
"""


def environ(home: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": home, "STORYKEEPER_HOME": home}


async def first_list(arguments: list[str], home: str) -> float:
    """Seconds from spawning a server to its answer."""
    server = StdioServerParameters(command=sys.executable, args=arguments, env=environ(home))
    started = time.perf_counter()
    async with Client(stdio_client(server), mode="legacy") as client:
        await client.list_tools()
        return time.perf_counter() - started


async def main(runs: int) -> int:
    with tempfile.TemporaryDirectory() as home:
        bare: list[float] = []
        ours: list[float] = []
        # The best of several, since whatever else the machine does only ever adds; more of them while it is in doubt.
        while len(ours) < runs or (min(ours) / min(bare) > BAR and len(ours) < 3 * runs):
            bare.append(await first_list(["-c", BARE], home))
            ours.append(await first_list(["-m", "storykeeper_server", "mcp"], home))
        done = subprocess.run([sys.executable, "-c", LOADED], env=environ(home), capture_output=True, check=True)
    loaded = json.loads(done.stdout)
    ratio = min(ours) / min(bare)
    print(f"start to first tools/list, best of {len(ours)}: bare {min(bare) * 1000:.0f} ms, ", end="")
    print(f"storykeeper {min(ours) * 1000:.0f} ms, ratio {ratio:.2f} (bar {BAR})")
    print(f"heavy libraries loaded: {', '.join(loaded) or 'none'}")
    return 0 if at_most(ratio, BAR) and not loaded else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)))
