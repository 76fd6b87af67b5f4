"""Credits: what speech costs, who pays, when they run out and when they come back."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from judged import build
from storykeeper_server.sandbox import account, auth, plans
from storykeeper_server.sandbox.app import Switches
from storykeeper_server.sandbox.clock import Clock
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio
SPEECH = "/v1/text-to-speech/cjVigY5qzO86Huf0OWal"
SUBSCRIPTION = "/v1/user/subscription"


def connect(state: State | None = None, key: str = "sandbox", **options: Any) -> httpx.AsyncClient:
    """A client of a sandbox, fresh unless a state is given."""
    transport = httpx.ASGITransport(build(state or State(None), **options))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers={"xi-api-key": key})


def spend(state: State, credits: int, now: float = 1_800_000_000.0) -> None:
    """Use up credits of the usual workspace, as long conversations do."""
    with state.rows(auth.workspace("sandbox")) as rows:
        account.spend(rows, now, credits)


async def used(client: httpx.AsyncClient) -> int:
    """What the subscription counts."""
    return (await client.get(SUBSCRIPTION)).json()["character_count"]


@pytest.mark.parametrize(
    ("model", "cost"), [("eleven_multilingual_v2", 11), ("eleven_v3", 11), ("eleven_flash_v2_5", 6), (None, 11)]
)
async def test_speech_costs_as_its_model_says(model: str | None, cost: int) -> None:
    """Characters, not bytes, times the model's rate; half a credit counts as one."""
    body = {"text": "Grüß dich, ", **({"model_id": model} if model else {})}
    async with connect() as client:
        answer = await client.post(SPEECH, json=body)

        assert answer.headers["character-cost"] == str(cost)
        assert await used(client) == cost


@pytest.mark.parametrize(
    ("switches", "status", "code"),
    [
        (Switches(), 402, "insufficient_credits"),
        (Switches(credit_refusal="401"), 401, "quota_exceeded"),
    ],
)
async def test_speech_is_refused_when_the_credits_do_not_suffice(switches: Switches, status: int, code: str) -> None:
    """Both ways tell how many there are and how many it takes; a shorter text may still be said."""
    state = State(None)
    spend(state, 9_995)
    clock = Clock(lambda: 1_800_000_000.0)
    async with connect(state, plan="free", switches=switches, clock=clock) as client:
        refused = await client.post(SPEECH, json={"text": "Hello!"})
        before = await used(client)
        short = await client.post(SPEECH, json={"text": "Hello"})
        after = await used(client)

    detail = refused.json()["detail"]
    assert (refused.status_code, detail["code"], detail["status"]) == (status, code, "quota_exceeded")
    assert "quota of 10000. You have 5 credits remaining, while 6 credits are required" in detail["message"]
    assert (before, short.status_code, after) == (9_995, 200, 10_000)


async def test_a_new_period_has_its_credits_again() -> None:
    """Thirty days after the account was opened, whatever was used."""
    state, clock = State(None), Clock(lambda: 1_800_000_000.0)
    spend(state, 12_000)
    async with connect(state, plan="free", clock=clock) as client:
        refused = await client.post(SPEECH, json={"text": "Hello"})
        reset = (await client.get(SUBSCRIPTION)).json()["next_character_count_reset_unix"]
        clock.advance(reset - clock())
        allowed = await client.post(SPEECH, json={"text": "Hello"})
        after = await used(client)

    assert (refused.status_code, allowed.status_code, after) == (402, 200, 5)
    assert "You have 0 credits remaining" in refused.json()["detail"]["message"]


async def test_requests_at_once_cannot_spend_the_same_credits() -> None:
    """Both look, both are made, and only one can be paid for."""
    state, clock = State(None), Clock(lambda: 1_800_000_000.0)
    spend(state, 9_992)
    codes: list[int] = []
    async with connect(state, plan="free", clock=clock) as client:

        async def say() -> None:
            codes.append((await client.post(SPEECH, json={"text": "Hello"})).status_code)

        async with anyio.create_task_group() as group:
            group.start_soon(say)
            group.start_soon(say)
        after = await used(client)

    assert sorted(codes) == [200, 402]
    assert after == 9_997


async def test_a_key_may_have_a_cap_below_the_plan_s() -> None:
    """Its workspace pays; the other key of the workspace goes on when it can't."""
    keys = ["one workspace=family credits=7", "two workspace=family"]
    async with connect(key="one", keys=keys) as client:
        codes = [(await client.post(SPEECH, json={"text": "Hello"})).status_code for _ in range(2)]
        refused = await client.post(SPEECH, json={"text": "Hello"})
        other = await client.post(SPEECH, json={"text": "Hello"}, headers={"xi-api-key": "two"})
        counted = await used(client)

    assert codes == [200, 402]
    assert "API key quota of 7. You have 2 credits remaining" in refused.json()["detail"]["message"]
    assert (other.status_code, counted) == (200, 10)


async def test_reading_an_account_writes_nothing(tmp_path: Path) -> None:
    """After the first look, which opens it; a new period, too, is only written with what is spent in it."""
    clock = Clock(lambda: 1_800_000_000.0)
    async with connect(State(tmp_path / "sandbox.db"), clock=clock) as client:
        first = (await client.get(SUBSCRIPTION)).json()
        watching = sqlite3.connect(tmp_path / "sandbox.db")
        before = watching.execute("PRAGMA data_version").fetchone()
        again = (await client.get(SUBSCRIPTION)).json()
        clock.advance(40 * 24 * 60 * 60)
        for path in ("/v1/user", SUBSCRIPTION, "/v1/models", "/v1/voices"):
            assert (await client.get(path)).status_code == 200
        after = watching.execute("PRAGMA data_version").fetchone()
        await client.post(SPEECH, json={"text": "Hello"})
        spent = watching.execute("PRAGMA data_version").fetchone()
        watching.close()

    assert again == first
    assert before == after != spent


def test_what_is_left_is_never_less_than_nothing() -> None:
    """A conversation that went on too long owes nothing to the next period's reader."""
    state, plan = State(None), plans.named("free")
    spend(state, 11_000)
    with state.rows(auth.workspace("sandbox")) as rows:
        assert account.left(rows, plan, 1_800_000_000.0) == 0
        assert account.left(rows, plan, 1_800_000_000.0 + 31 * 24 * 60 * 60) == 10_000
