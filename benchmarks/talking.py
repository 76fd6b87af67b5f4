"""The session route against its bars: what it adds to the service's own time, and many at once within the limit.

    python benchmarks/talking.py [ROUNDS]

The page and the sandbox are processes of their own, as families have them. A session's start is what the page waits for:
from its request to the link; the sandbox's own time is that of the same questions, asked of it directly.
"""

from __future__ import annotations

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
from bars import at_most

ADDED_BAR, AT_ONCE, LEAVING_BAR = 0.300, 50, 2.0
EXAMPLE = Path(__file__).parent.parent / "examples" / "dorothy"
STORYKEEPER = [sys.executable, "-m", "storykeeper_server"]
KEY = {"xi-api-key": "sandbox"}


def environ(home: str, url: str) -> dict[str, str]:
    bare = {"PATH": os.environ["PATH"], "HOME": home, "STORYKEEPER_HOME": home}
    return {**bare, "STORYKEEPER_ELEVENLABS_URL": url, "ELEVENLABS_API_KEY": "sandbox"} if url else bare


@contextmanager
def started(home: str, url: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A command that prints an address, and ends when it is told to."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*STORYKEEPER, *arguments], env=environ(home, url), text=True, **pipes) as process:
        assert process.stdout
        assert process.stderr
        line = (process.stderr if arguments[0] == "sandbox" else process.stdout).readline()
        try:
            yield process, re.findall(r"http://127\.0\.0\.1:\d+(?:/c/[\w-]+)?", line)[0]
        finally:
            process.kill()


def made(home: str, url: str) -> str:
    files = ["--audio", str(EXAMPLE / "recording.mp3"), "--memories", str(EXAMPLE / "memories")]
    command = [*STORYKEEPER, "provision", "--name", "Dorothy", *files, "--consent", "self", "--yes"]
    said = subprocess.run(command, env=environ(home, url), check=True, capture_output=True, text=True).stdout
    return next(word for word in said.split() if word.startswith("dorothy-"))


def visitor(origin: str, companion: str) -> Callable[[], httpx.Response]:
    """Somebody who opened the page: what their button does."""
    http = httpx.Client(base_url=origin, timeout=30, headers={"Origin": origin, "X-Storykeeper": "talk"})
    http.get(f"/c/{companion}")
    return lambda: http.post(f"/api/companions/{companion}/session", json={})


def median(call: Callable[[], object], rounds: int) -> float:
    times: list[float] = []
    for _ in range(rounds):
        before = time.perf_counter()
        call()
        times.append(time.perf_counter() - before)
    return statistics.median(times)


def service(url: str) -> Callable[[], None]:
    """What the route asks of the service: the agent, and then the link."""
    http = httpx.Client(base_url=url, headers=KEY)
    agent = http.get("/v1/convai/agents").json()["agents"][0]["agent_id"]

    def ask() -> None:
        http.get(f"/v1/convai/agents/{agent}").raise_for_status()
        once = {"agent_id": agent, "include_conversation_id": "true"}
        http.get("/v1/convai/conversation/get-signed-url", params=once).raise_for_status()

    return ask


def at_once(origin: str, companion: str, visitors: int, each: int) -> tuple[Counter[int], float]:
    """How many answers of each status, and how long all of them took."""
    calls = [call for _ in range(visitors) for call in [visitor(origin, companion)] * each]
    before = time.perf_counter()
    with ThreadPoolExecutor(len(calls)) as pool:
        statuses = Counter(answer.status_code for answer in pool.map(lambda call: call(), calls))
    return statuses, time.perf_counter() - before


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    failed: list[str] = []

    def shown(what: str, value: str, good: bool) -> None:
        print(f"{what:<58} {value:>22}  {'ok' if good else 'MISSED'}")
        failed.extend([] if good else [what])

    with tempfile.TemporaryDirectory() as home, started(home, "", "sandbox", "--port", "0") as (_, url):
        companion = made(home, url)
        with started(home, url, "talk", companion, "--port", "0") as (_, page):
            origin = page.partition("/c/")[0]
            added = median(visitor(origin, companion), rounds) - median(service(url), rounds)
            shown(
                f"a session's start over the sandbox's own, under {ADDED_BAR * 1000:.0f} ms",
                f"{added * 1000:.0f} ms",
                at_most(added, ADDED_BAR),
            )
        with started(home, url, "talk", companion, "--port", "0") as (_, page):
            statuses, seconds = at_once(page.partition("/c/")[0], companion, AT_ONCE, 1)
            shown(
                f"{AT_ONCE} visitors at once, all of whom get in",
                f"{statuses[200]} in {seconds:.1f} s",
                statuses[200] == AT_ONCE,
            )
        with started(home, url, "talk", companion, "--port", "0") as (_, page):
            statuses, _ = at_once(page.partition("/c/")[0], companion, 1, AT_ONCE)
            good = statuses == Counter({200: 30, 429: AT_ONCE - 30})
            shown(
                f"{AT_ONCE} at once of one visitor, 30 of which get in",
                f"{statuses[200]}, {statuses[429]} refused",
                good,
            )
        with started(home, url, "talk", companion, "--port", "0") as (process, _):
            before = time.perf_counter()
            process.send_signal(signal.SIGINT)
            process.wait()
            left = time.perf_counter() - before
            shown(f"from Ctrl-C to the end, under {LEAVING_BAR:.0f} s", f"{left:.1f} s", at_most(left, LEAVING_BAR))
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
