"""What tests share: a network that ends at this machine, the official file as judge, and a sandbox of one's own."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import canary
import sounds
from judge import Judge, JudgedApp, official
from judged import verdict
from postgres import Server, installed, postgres
from stage import Stage, open_stage
from storykeeper_server.sandbox.app import build
from storykeeper_server.sandbox.serving import serving
from storykeeper_server.sandbox.state import State

pytest_plugins = ["canary_hooks"]
ROOT = Path(__file__).parent.parent
JUDGED: Counter[str] = Counter()
COUNTED = ("requests", "responses", "creates", "changes")
LIVE: list[bool] = []
TALLIES: list[dict[str, Any]] = []


def _loopback_only(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook, so that not even a library can reach out; only `make live` may."""
    if event == "socket.connect" and isinstance(arguments[1], tuple) and not LIVE:
        host = str(arguments[1][0])
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise RuntimeError(f"a test tried to reach {host}")


sys.addaudithook(_loopback_only)


def pytest_configure(config: pytest.Config) -> None:
    if config.option.markexpr == "live":
        LIVE.append(True)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One for all tests of a process; each makes a database of its own there."""
    if not installed() and not os.environ.get("CI"):
        pytest.skip("there is no Postgres here: apt-get install postgresql")
    with postgres() as server:
        yield server
        canary.FOUND += canary.files([server.folder])  # which is gone before the rest is looked through


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """Every kind of database: None is a file."""
    return request.getfixturevalue("postgres_server").database() if request.param == "postgres" else None


@pytest.fixture
def recording() -> Callable[[float], bytes]:
    """Makes WAV files of what sounds like speech, so many seconds long; a sixth of it are pauses."""
    return lambda seconds: sounds.wav(sounds.speech(seconds), 16_000)


@pytest.fixture
def example() -> Path:
    """The example companion: a real recording and real memories."""
    return ROOT / "examples" / "dorothy"


@pytest.fixture
def judge() -> Iterator[Judge]:
    """The official OpenAPI file. A test that touches it fails for anything the file doesn't allow."""
    spec = official()
    if spec is None:
        assert not os.environ.get("CI"), "in CI the official file must be there"
        pytest.skip("NOT JUDGED: the official OpenAPI file needs npm")
    judge = Judge(spec)
    yield judge
    kept = judge.promises
    JUDGED.update(requests=judge.requests, responses=judge.responses, creates=kept.creates, changes=kept.changes)
    assert judge.misfits == []


@pytest.fixture
async def stage(judge: Judge, tmp_path: Path) -> AsyncIterator[Stage]:
    """Storykeeper in this process, on a judged sandbox of its own."""
    async with open_stage(judge, tmp_path) as stage:
        yield stage


@pytest.fixture
async def sandbox_url(judge: Judge) -> AsyncIterator[str]:
    """A judged sandbox on a loopback port, for programs that run beside the test."""
    async with serving(JudgedApp(build(State(None), keys=canary.KEYS), judge)) as url:
        yield url


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    _tell_sessions(terminalreporter)
    _tell_counts(terminalreporter)
    tallies = [*TALLIES, _tally()]
    requests, responses, creates, changes = (sum(tally[what] for tally in tallies) for what in COUNTED)
    methods = {method for tally in tallies for method in tally["methods"]}
    terminalreporter.write_line(f"judged by the official OpenAPI file: {requests} requests, {responses} responses")
    terminalreporter.write_line(f"agents of ours with every promise kept: {creates} creates, {changes} changes")
    terminalreporter.write_line(f"driven by the official SDK: {len(methods)} of its methods")


def _tally() -> dict[str, Any]:
    """What this process judged and drove; each of several has its own."""
    shared = verdict()
    counts = JUDGED + Counter(requests=shared.requests, responses=shared.responses) if shared else JUDGED
    methods = sys.modules["live.sdk"].EXERCISED if "live.sdk" in sys.modules else ()
    return {what: counts[what] for what in COUNTED} | {"methods": sorted(map(str, methods))}


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tally"] = _tally()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    TALLIES.append(getattr(node, "workeroutput", {}).get("tally", _tally()))


def _tell_sessions(terminalreporter: pytest.TerminalReporter) -> None:
    """What the official clients saw, so that it can be read and not only believed."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    for report in (report for report in reports if report.when == "call"):
        for _, told in (each for each in report.user_properties if each[0] == "session"):
            terminalreporter.section(report.nodeid.rpartition("::")[2], sep="-")
            terminalreporter.write_line(str(told))


def _tell_counts(terminalreporter: pytest.TerminalReporter) -> None:
    """How many rows of the table of bad input held, by its groups."""
    properties = [each for report in terminalreporter.getreports("passed") for each in report.user_properties]
    held = Counter(str(group) for name, group in properties if name == "bad input")
    if held:
        rows = ", ".join(f"{group} {count}" for group, count in sorted(held.items()))
        terminalreporter.write_line(f"bad input that was answered as it should be: {held.total()} ({rows})")
