"""The contract suite at the live service, beside a fresh sandbox: `make live`. It spends a little, and cleans up."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from judge import official
from judged import served
from live.budget import MOST
from live.comparison import Report, compare
from live.run import NoRoom
from live.world import SERVICE, opened
from storykeeper_server.sandbox.app import build
from storykeeper_server.sandbox.clock import Clock
from storykeeper_server.sandbox.state import State

BUDGET = (
    f"{MOST['voice']} cloned voice (and 1 change of it), {MOST['document']} documents, {MOST['agent']} agent, "
    f"{MOST['characters']} characters of speech and about 5 text conversations in which only the agent says hello"
)
NEEDS = (
    "make live compares the sandbox with the real service, and needs an account there:\n"
    f"  ELEVENLABS_API_KEY=... make live\n  It makes and deletes at most {BUDGET}."
)


@pytest.mark.live
def test_the_sandbox_is_like_the_service(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Differences are printed and don't fail: they are what is asked for. What can't be deleted does."""
    key, spec = SecretStr(os.environ.get("ELEVENLABS_API_KEY", "")), official()
    if not key.get_secret_value():
        pytest.exit(NEEDS, returncode=2)
    if spec is None:
        pytest.exit("make live needs the official OpenAPI file, and so npm, once", returncode=2)
    with capsys.disabled():
        print(f"\nAt {SERVICE}: at most {BUDGET}; all of it is deleted.")
    try:
        report = asyncio.run(_compare(key, spec, (example / "recording.mp3").read_bytes()))
    except NoRoom as full:
        pytest.exit(f"make live did nothing: {full}", returncode=2)
    with capsys.disabled():
        print("\n".join(report.lines()))
    assert report.left == []


async def _compare(key: SecretStr, spec: dict[str, object], recording: bytes) -> Report:
    clock = Clock()

    async def later() -> None:
        clock.advance(5)

    with served(build(State(None), clock=clock)) as url:
        ours = opened(url, SecretStr("sandbox"), spec, recording, pause=later)
        theirs = opened(SERVICE, key, spec, recording, real=True)
        async with ours as here, theirs as there:
            return await compare(here, there)
