"""Requests take turns: together never more a second than is allowed, and everybody's turn comes."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from judged import build, served
from storykeeper_server.sandbox.state import State
from storykeeper_tools.elevenlabs.client import ElevenLabs, Limits
from storykeeper_tools.elevenlabs.link import Link
from storykeeper_tools.elevenlabs.pace import Pace
from storykeeper_tools.errors import Busy, RateLimited

pytestmark = pytest.mark.anyio


class Time:
    """A clock that only sleeping moves."""

    def __init__(self, now: float = 1000) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await anyio.lowlevel.checkpoint()


def paced(folder: Path, time: Time, rate: float = 10) -> Pace:
    return Pace(rate, folder / "made" / "pace", time, time.sleep)


async def test_turns_come_one_after_the_other_whoever_asks(tmp_path: Path) -> None:
    """Two who share a file share its turns; the first comes at once."""
    time = Time()
    pair = [paced(tmp_path, time), paced(tmp_path, time)]
    seen: list[float] = []
    for n in range(6):
        await pair[n % 2].turn(longest=9)
        seen.append(time.now)
    assert seen == pytest.approx([1000, 1000.1, 1000.2, 1000.3, 1000.4, 1000.5])


async def test_a_turn_that_would_come_too_late_is_not_taken(tmp_path: Path) -> None:
    """How long it would have taken is said, and whoever has more patience loses nothing by it."""
    time = Time()
    paces = [paced(tmp_path, time, rate=1) for _ in range(3)]
    waiting = [asyncio.ensure_future(pace.turn(longest=9)) for pace in paces]
    await anyio.wait_all_tasks_blocked()
    time.now = 1000
    with pytest.raises(RateLimited) as caught:
        await paces[0].turn(longest=2.5)
    assert caught.value.after == pytest.approx(3)
    assert caught.value.maybe_done is False
    await paces[0].turn(longest=3.5)
    assert time.now == pytest.approx(1003)
    await asyncio.gather(*waiting)


@pytest.mark.parametrize("left", [b"", b"\0", b"\xff" * 8, b"nonsense and more", bytes(7) + b"\x7f"])
async def test_what_an_earlier_start_of_the_machine_left_is_ignored(tmp_path: Path, left: bytes) -> None:
    """Its clock began anew; a damaged file is no reason to wait either."""
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "pace").write_bytes(left)
    time = Time()
    await paced(tmp_path, time).turn(longest=1)
    await paced(tmp_path, time).turn(longest=1)
    assert time.now == pytest.approx(1000.1)


async def test_a_turn_that_another_process_is_taking_is_waited_for_without_blocking(tmp_path: Path) -> None:
    """The loop goes on meanwhile, and whoever waits can be told to stop."""
    pace = Pace(1000, tmp_path / "pace")
    descriptor = os.open(tmp_path / "pace", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    first, second = asyncio.ensure_future(pace.turn(1)), asyncio.ensure_future(pace.turn(1))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first], timeout=20)
    assert first.cancelled()
    assert not second.done()
    os.close(descriptor)
    async with asyncio.timeout(60):
        await second


async def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """In our words."""
    (tmp_path / "made").write_text("in the way")
    with pytest.raises(Busy, match="take turns"):
        await paced(tmp_path, Time()).turn(longest=1)


@pytest.fixture
def url() -> Iterator[str]:
    with served(build(State(None))) as url:
        yield url


def log(url: str, path: str = "*") -> list[dict[str, Any]]:
    found = httpx.get(f"{url}/_sandbox/requests", params={"path": path}, trust_env=False)
    return found.json()["requests"]


async def test_waiting_for_a_turn_is_no_part_of_the_time_that_a_read_may_take(url: str, tmp_path: Path) -> None:
    """The last of these waits longer for its turn than the service is given to answer."""
    limits = Limits(reading=0.4, trying=0.4)
    elevenlabs = ElevenLabs(Link(url, "sandbox", pace=Pace(8, tmp_path / "pace")), limits=limits)
    await asyncio.gather(*(elevenlabs.user() for _ in range(6)))
    await elevenlabs.link.close()
    assert len(log(url)) == 6


async def test_a_create_whose_turn_is_too_far_off_is_not_sent(url: str, tmp_path: Path) -> None:
    """It certainly made nothing, and says when it is worth another try."""
    elevenlabs = ElevenLabs(Link(url, "sandbox", pace=Pace(0.1, tmp_path / "pace")), limits=Limits(queueing=5))
    await elevenlabs.add_text("first", "x")
    with pytest.raises(RateLimited) as caught:
        await elevenlabs.add_text("second", "x")
    await elevenlabs.link.close()
    assert (caught.value.maybe_done, round(caught.value.after or 0)) == (False, 10)
    assert len(log(url)) == 1


SENDER = """
import asyncio, sys
from pathlib import Path
from storykeeper_tools.elevenlabs.client import ElevenLabs
from storykeeper_tools.elevenlabs.link import Link
from storykeeper_tools.elevenlabs.pace import Pace

async def main(url, path, query):
    elevenlabs = ElevenLabs(Link(url, "sandbox", pace=Pace(20, Path(path))))
    await elevenlabs.user()  # the first request of a process is late, since it loads what sends it

    async def some():
        for _ in range(8):
            await elevenlabs.voices(**{query: "9"})
    await asyncio.gather(*(some() for _ in range(4)))
    await elevenlabs.link.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_two_processes_keep_to_one_rate_and_neither_starves(url: str, tmp_path: Path) -> None:
    """As the sandbox saw it: twenty a second for both together, and about as many for the one as for the other."""
    command = [sys.executable, "-c", SENDER, url, str(tmp_path / "pace")]
    async with (
        await anyio.open_process([*command, "search"]) as first,
        await anyio.open_process([*command, "page_size"]) as second,
    ):
        assert (await first.wait(), await second.wait()) == (0, 0)

    entries = log(url, "/v2/voices")
    times = sorted(entry["at"] for entry in entries)
    busiest = max(sum(start <= at < start + 1 for at in times) for start in times)
    assert len(times) == 64
    # None is early; a machine under load may send a few late, and then close together.
    assert times[-1] - times[0] >= 63 / 20 - 0.2
    assert busiest <= 24, times
    together = _together(entries)
    assert min(together.count("search"), together.count("page_size")) >= len(together) / 3


def _together(entries: list[dict[str, Any]]) -> list[str]:
    """Whose requests came while both were sending."""
    who = [(entry["at"], entry["query"][0]) for entry in entries]
    spans = [[at for at, name in who if name == sender] for sender in ("search", "page_size")]
    start, end = max(map(min, spans)), min(map(max, spans))
    return [name for at, name in who if start <= at <= end]
