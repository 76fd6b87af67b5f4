"""Our MCP server beside the official one (elevenlabs-mcp 0.12.2) and beside the floor, in one run against one local API.

    python benchmarks/peer.py [--peer PYTHON] [--rounds N]

The floor is a bare MCPServer whose only tool makes the one httpx request that `check_quota` makes. The official server
knows no other address than its regions', so the function that names them is replaced before it starts; it lives in an
environment of its own, with its bytecode compiled (`make bench` sees to that). All three are asked over a pipe by the
same few lines of JSON, since a whole client would cost more than what is measured, and by turns, so that whatever else
the machine does befalls all of them.

Fails when a bar is missed. One ratio to the official server is told and not held: that of the slowest hundredth of calls,
which says more of the machine. Half of them are the first of a turn, while processors still hold what another needed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from bars import at_least, at_most
from sandbox import free_port

HERE = Path(__file__).parent
EXAMPLE = HERE.parent / "examples" / "dorothy" / "recording.mp3"
FLOOR_BAR, PEER_BAR, THROUGHPUT_BAR, START_BAR, LIST_BAR = 1.25, 0.25, 20.0, 1.3, 0.25
IN_FLIGHT, SLOW, CLONING, TURN = 32, 0.05, 1.0, 50
CONSENT = {"kind": "self", "granted_by": "Dorothy", "name": "Dorothy", "recordings": [str(EXAMPLE)]}
PEER = """
import sys
from elevenlabs_mcp import utils
utils.parse_location = lambda _: sys.argv[1]
from elevenlabs_mcp.server import main
main()
"""
FLOOR = """
import sys
from mcp.server import MCPServer
server, opened = MCPServer(name="floor"), []
@server.tool()
async def check() -> str:
    import httpx
    if not opened:
        opened.append(httpx.AsyncClient(base_url=sys.argv[1], headers={"xi-api-key": "sandbox"}))
    response = await opened[0].get("/v1/user/subscription")
    return str(response.json()["tier"])
server.run("stdio")
"""


@dataclass
class Session:
    """A conversation with a server over its pipes: JSON-RPC, a line each."""

    process: asyncio.subprocess.Process
    _waiting: dict[int, asyncio.Future[dict[str, Any]]] = field(
        default_factory=dict[int, "asyncio.Future[dict[str, Any]]"]
    )

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The result. Raises where there is an error, or the result is one."""
        number = len(self._waiting)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        self.tell(method, id=number, params=params)
        message = await self._waiting[number]
        if "error" in message or message["result"].get("isError"):
            raise RuntimeError(f"{method}: {message}")
        return message["result"]

    def tell(self, method: str, **more: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", "method": method, **more}).encode() + b"\n")

    async def listen(self) -> None:
        assert self.process.stdout
        async for line in self.process.stdout:
            if line.startswith(b"{"):  # the official server prints a greeting first
                message = json.loads(line)
                if "id" in message:
                    self._waiting[message["id"]].set_result(message)

    async def begin(self) -> None:
        about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "0"}}
        await self.ask("initialize", **about)
        self.tell("notifications/initialized")

    def resident(self) -> float:
        """Megabytes."""
        ps = ["ps", "-o", "rss=", "-p", str(self.process.pid)]
        return int(subprocess.run(ps, check=True, capture_output=True, text=True).stdout) / 1024


@dataclass(frozen=True)
class Rival:
    """A server, the tool of it that makes one request, and the one that clones a voice."""

    name: str
    python: str
    arguments: tuple[str, ...]
    tool: str
    clone: tuple[str, dict[str, Any]] | None = None

    @asynccontextmanager
    async def session(self, url: str, home: str) -> AsyncGenerator[Session]:
        environ = {"PATH": os.environ["PATH"], "HOME": home, "STORYKEEPER_HOME": f"{home}/state"}
        environ |= {"ELEVENLABS_API_KEY": "sandbox", "STORYKEEPER_ELEVENLABS_URL": url}
        environ |= {"STORYKEEPER_FILES": str(EXAMPLE.parent), "ELEVENLABS_MCP_BASE_PATH": str(EXAMPLE.parent)}
        command = [self.python, *self.arguments, *([] if self.name == "ours" else [url])]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        process = await asyncio.create_subprocess_exec(*command, env=environ, limit=2**24, **pipes)
        session = Session(process)
        listening = asyncio.create_task(session.listen())
        try:
            await session.begin()
            yield session
        finally:
            assert process.stdin
            process.stdin.close()
            await process.wait()
            await listening


def rivals(peer: str) -> list[Rival]:
    sound = str(EXAMPLE)
    ours = ("clone_voice", {"name": "Dorothy", "recordings": [sound]})
    theirs = ("voice_clone", {"name": "Dorothy", "files": [sound]})
    return [
        Rival("floor", sys.executable, ("-c", FLOOR), "check"),
        Rival("ours", sys.executable, ("-m", "storykeeper_server", "mcp"), "check_quota", ours),
        Rival("peer", peer, ("-c", PEER), "check_subscription", theirs),
    ]


@contextmanager
def serving(script: str, argument: str) -> Iterator[str]:
    """A local API in a process of its own. Yields its base URL."""
    port = free_port()
    with subprocess.Popen([sys.executable, str(HERE / script), argument, str(port)]) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            while True:
                try:
                    httpx.get(url, timeout=5)
                    break
                except httpx.TransportError:
                    if process.poll() is not None:
                        raise
                    time.sleep(0.05)
            yield url
        finally:
            process.terminate()


async def asked(session: Session, tool: str) -> float:
    """Seconds that a call took."""
    started = time.perf_counter()
    await session.ask("tools/call", name=tool, arguments={})
    return time.perf_counter() - started


# What is measured


async def starts(all_of: list[Rival], home: str, rounds: int) -> dict[str, dict[str, float]]:
    """Wall seconds from spawning to the first list, and processor seconds of the whole process; the best of each."""
    wall: dict[str, list[float]] = {rival.name: [] for rival in all_of}
    work: dict[str, list[float]] = {rival.name: [] for rival in all_of}
    while _in_doubt(wall, "floor", START_BAR, rounds, min) or _in_doubt(wall, "peer", 1.0, rounds, min):
        for rival in all_of:
            before, started = _used(), time.perf_counter()
            async with rival.session("http://127.0.0.1:9", home) as session:
                await session.ask("tools/list")
                wall[rival.name].append(time.perf_counter() - started)
            work[rival.name].append(_used() - before)
    return {"wall": {n: min(s) for n, s in wall.items()}, "cpu": {n: min(s) for n, s in work.items()}}


def _in_doubt(
    found: dict[str, list[float]], other: str, bar: float, least: int, of: Callable[[list[float]], float]
) -> bool:
    """Whether more are to be measured: up to three times as many while a bar is missed, since whatever else the machine
    does only ever adds."""
    ours = len(found["ours"])
    return ours < least or (ours < 3 * least and of(found["ours"]) > bar * of(found[other]))


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@asynccontextmanager
async def together(all_of: list[Rival], url: str, home: str) -> AsyncGenerator[dict[str, Session]]:
    async with AsyncExitStack() as stack:
        yield {rival.name: await stack.enter_async_context(rival.session(url, home)) for rival in all_of}


async def latencies(all_of: list[Rival], url: str, home: str, rounds: int) -> dict[str, list[float]]:
    """Seconds of each call where the API answers at once, in turns of fifty."""
    found: dict[str, list[float]] = {rival.name: [] for rival in all_of}
    async with together(all_of, url, home) as sessions:
        for rival in all_of:  # each warms up
            await _several(sessions[rival.name], rival.tool, TURN)
        while _in_doubt(found, "peer", PEER_BAR, TURN * rounds, usual):
            for rival in all_of:
                found[rival.name] += [await asked(sessions[rival.name], rival.tool) for _ in range(TURN)]
    return found


def usual(seconds: list[float]) -> float:
    """The median of the best turn: whatever else the machine does befalls some of them."""
    return min(statistics.median(seconds[n : n + TURN]) for n in range(0, len(seconds), TURN))


def slowest(seconds: list[float]) -> float:
    """What a hundredth of all calls takes longer than."""
    return sorted(seconds)[int(len(seconds) * 0.99)]


async def throughputs(all_of: list[Rival], url: str, home: str) -> dict[str, float]:
    """Calls per second with so many in flight, where the API takes its time."""
    found: dict[str, float] = {}
    async with together(all_of, url, home) as sessions:
        for rival in all_of:
            await asked(sessions[rival.name], rival.tool)
        for rival in all_of:
            found[rival.name] = await _rate(sessions[rival.name], rival)
        for rival in all_of[:2] * 5:  # again, while it is in doubt: whatever else the machine does only ever takes
            if found["ours"] < THROUGHPUT_BAR * found["peer"]:
                found[rival.name] = max(found[rival.name], await _rate(sessions[rival.name], rival))
    return found


async def _rate(session: Session, rival: Rival) -> float:
    each = 2 if rival.name == "peer" else 20
    started = time.perf_counter()
    await asyncio.gather(*(_several(session, rival.tool, each) for _ in range(IN_FLIGHT)))
    return IN_FLIGHT * each / (time.perf_counter() - started)


async def _several(session: Session, tool: str, count: int) -> None:
    for _ in range(count):
        await asked(session, tool)


async def pings(all_of: list[Rival], url: str, home: str) -> dict[str, float]:
    """Seconds until a ping is answered that comes while the service clones a voice."""
    found: dict[str, float] = {}
    for rival in (rival for rival in all_of if rival.clone):
        async with rival.session(url, home) as session:
            if rival.name == "ours":
                await session.ask("tools/call", name="record_consent", arguments=CONSENT)
            tool, arguments = rival.clone or ("", {})
            before = _clones(url)
            cloning = asyncio.create_task(session.ask("tools/call", name=tool, arguments=arguments))
            while _clones(url) == before and not cloning.done():  # noqa: ASYNC110 - another process counts
                await asyncio.sleep(0.01)
            started = time.perf_counter()
            await session.ask("ping")
            found[rival.name] = time.perf_counter() - started
            with suppress(RuntimeError):  # the official server's ends in an error after the voice was made
                await cloning
            if _clones(url) == before:
                raise RuntimeError(f"{rival.name} cloned nothing: {cloning}")
    return found


def _clones(url: str) -> int:
    return int(httpx.get(f"{url}/_counts").json().get("POST /v1/voices/add", 0))


async def sizes(all_of: list[Rival], url: str, home: str) -> dict[str, dict[str, float]]:
    """Characters of the list of tools, and resident megabytes after a start and after a hundred calls."""
    found: dict[str, dict[str, float]] = {"list": {}, "fresh": {}, "used": {}}
    for rival in all_of:
        async with rival.session(url, home) as session:
            tools = (await session.ask("tools/list"))["tools"]
            found["list"][rival.name] = len(json.dumps(tools, separators=(",", ":"), ensure_ascii=False))
            found["fresh"][rival.name] = session.resident()
            await _several(session, rival.tool, 100)
            found["used"][rival.name] = session.resident()
    return found


# What is told


Bar = tuple[str, float, bool]


def row(
    what: str, of: dict[str, float], unit: Callable[[float], str], *bars: Bar, told_only: tuple[Bar, ...] = ()
) -> bool:
    """A line of the table; each bar is (whose figure, the ratio to it, whether more is better). Answers whether they hold."""
    shown = "".join(f"{unit(of[name]) if name in of else '-':>12}" for name in ("floor", "ours", "peer"))
    kept, told = True, list[str]()
    for whose, bar, more in (*bars, *told_only):
        ratio = of["ours"] / of[whose]
        missed = ": MISSED" if (ratio < bar if more else ratio > bar) else ""
        told.append(f"{ratio:.2f} x {whose} ({'at least' if more else 'at most'} {bar:g}{missed})")
        kept &= (at_least if more else at_most)(ratio, bar) or (whose, bar, more) in told_only
    print(f"{what:34}{shown}   {', '.join(told)}", flush=True)
    return kept


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


async def main(peer: str, rounds: int) -> int:
    all_of, kept = rivals(peer), list[bool]()
    print(f"{'':34}{'floor':>12}{'ours':>12}{'peer':>12}")
    with tempfile.TemporaryDirectory() as home, serving("canned.py", "0") as quick:
        start = await starts(all_of, home, rounds)
        bars = ("floor", START_BAR, False), ("peer", 1.0, False)
        kept.append(row("start to tools/list, best", start["wall"], ms, *bars))
        kept.append(row("  processor time", start["cpu"], ms))
        took = await latencies(all_of, quick, home, rounds)
        bars = ("floor", FLOOR_BAR, False), ("peer", PEER_BAR, False)
        kept.append(row("call, p50", {n: usual(s) for n, s in took.items()}, ms, *bars))
        kept.append(row("call, p99", {n: slowest(s) for n, s in took.items()}, ms, bars[0], told_only=bars[1:]))
        size = await sizes(all_of, quick, home)
        with serving("canned.py", str(SLOW)) as slow:
            many = await throughputs(all_of, slow, home)
        bars = (("peer", THROUGHPUT_BAR, True),)
        kept.append(row(f"calls/s, {IN_FLIGHT} at {SLOW * 1000:.0f} ms", many, "{:.0f}".format, *bars))
        with serving("upstream.py", json.dumps({"POST /v1/voices/add": CLONING})) as cloning:
            kept.append(row(f"ping during a {CLONING:.0f} s clone", await pings(all_of, cloning, home), ms))
        row("characters of tools/list", size["list"], "{:.0f}".format, ("peer", LIST_BAR, False))
        kept.append(size["list"]["ours"] <= LIST_BAR * size["list"]["peer"])
        kept.append(row("resident, MB", size["fresh"], "{:.0f}".format))
        kept.append(row("  after a hundred calls", size["used"], "{:.0f}".format))
    return 0 if all(kept) else 1


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--peer", default=str(HERE.parent / ".cache" / "peer" / "bin" / "python"))
    options.add_argument("--rounds", type=int, default=10)
    chosen = options.parse_args()
    gc.disable()  # what it waited for here would be told of the servers
    sys.exit(asyncio.run(main(chosen.peer, chosen.rounds)))
