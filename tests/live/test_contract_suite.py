"""The contract suite at a sandbox: what `make live` also does at the service, and more."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from pydantic import SecretStr

from coverage_table import ask_all
from judge import official
from judged import build, served
from live.run import DONE, LAST, steps, walk
from live.world import opened
from storykeeper_server.sandbox.app import Switches
from storykeeper_server.sandbox.state import State

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("judge")]


@pytest.mark.parametrize("client", ["sync", "async"])
async def test_the_official_sdk_can_do_everything_that_is_served(
    client: Literal["sync", "async"], example: Path
) -> None:
    """Each step is done, and no served operation was left out."""
    spec = official() or {}
    app = build(State(None), plan="pro", switches=Switches(rag_seconds=0))
    recording = (example / "recording.mp3").read_bytes()
    with served(app) as url:
        async with opened(url, SecretStr("sandbox"), spec, recording, client=client) as world:
            await walk(world, [*steps(real=False), LAST])

    done = {exchange.operation for exchanges in world.exchanges.values() for exchange in exchanges}
    left_out = [str(operation) for operation, answer in (await ask_all(spec)).items() if answer.served]
    assert {name: outcome for name, outcome in world.outcomes.items() if outcome != DONE} == {}
    assert [operation for operation in left_out if operation not in done] == []
