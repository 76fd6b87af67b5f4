"""Workspace webhooks, the settings that point at them, and what is sent when a conversation is over."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from elevenlabs.client import ElevenLabs
from elevenlabs.errors import BadRequestError
from elevenlabs.types import WebhookHmacSettings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from judged import build, served
from storykeeper_server.sandbox import auth, plans
from storykeeper_server.sandbox.app import Switches
from storykeeper_server.sandbox.clock import Clock
from storykeeper_server.sandbox.conversation import post_call
from storykeeper_server.sandbox.routing import Setup
from storykeeper_server.sandbox.serving import serving
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio
BASE = "/v1/workspace/webhooks"
SETTINGS = "/v1/convai/settings"
AGENTS = "/v1/convai/agents"
HTTPS = "https://example.org/hook"
MINE = auth.workspace("sandbox")


@dataclass
class Listener:
    """Somebody's endpoint: what it was sent, and what it answers."""

    status: int = 200
    got: list[tuple[bytes, dict[str, str]]] = field(default_factory=list[tuple[bytes, dict[str, str]]])

    async def hook(self, request: Request) -> Response:
        self.got.append((await request.body(), dict(request.headers)))
        return Response(status_code=self.status, headers={"location": "http://127.0.0.1:9/elsewhere"})

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        async with serving(Starlette(routes=[Route("/hook", self.hook, methods=["POST"])])) as url:
            yield f"{url}/hook"


def connect(sandbox: ASGIApp) -> httpx.AsyncClient:
    """A client of a sandbox."""
    transport = httpx.ASGITransport(sandbox)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers={"xi-api-key": "sandbox"})


async def add(client: httpx.AsyncClient, url: str = HTTPS, **more: Any) -> dict[str, str]:
    """Add a webhook; answers its id and secret."""
    settings = {"auth_type": "hmac", "name": "hook", "webhook_url": url, **more}
    return (await client.post(BASE, json={"settings": settings})).json()


async def use(client: httpx.AsyncClient, webhook: str | None, **more: Any) -> httpx.Response:
    """Make a webhook the workspace's own for calls that are over."""
    return await client.patch(SETTINGS, json={"webhooks": {"post_call_webhook_id": webhook, **more}})


async def had(client: httpx.AsyncClient, state: State, id: str = "conv_1", **platform: Any) -> str:
    """Store a conversation with a recording, had with an agent of its own."""
    body = {"conversation_config": {}, "platform_settings": platform}
    made = (await client.post(f"{AGENTS}/create", json=body)).json()["agent_id"]
    agent = (await client.get(f"{AGENTS}/{made}")).json()
    said = {"role": "agent", "message": "Hello dear. ♥", "at": 0.0, "medium": "audio", "interrupted": False}
    more = {"original": None, "tool_calls": [], "tool_results": [], "sources": [], "feedback": None}
    row: dict[str, Any] = {
        "id": id,
        "created": agent["metadata"]["created_at_unix_secs"],
        "agent": made,
        "branch": agent["branch_id"],
        "version": agent["version_id"],
        "status": "done",
        "ended": agent["metadata"]["created_at_unix_secs"] + 5,
        "user": "anna",
        "text_only": False,
        "source": "python_sdk",
        "source_version": "2.78.0",
        "method": "signed_url",
        "reason": "Client disconnected",
        "error": None,
        "cost": 40,
        "client_data": {"custom_llm_extra_body": {"odd": float("inf")}},
        "language": "en",
        "transcript": [{**said, **more}],
        "rating": None,
        "has_user_audio": True,
        "has_response_audio": True,
    }
    with state.rows(MINE) as rows:
        rows.put("conversation", id, row)
        rows.keep("conversation audio", id, b"mp3")
    return id


def setup(state: State) -> Setup:
    """What a sandbox over `state` is built with."""
    return Setup(state, {}, plans.named("creator"), Switches(), Clock())


def deliveries(state: State) -> list[dict[str, Any]]:
    """What became of each event."""
    with state.rows(MINE) as rows:
        return sorted(rows.all("delivery"), key=lambda row: row["created"])


def test_the_official_client_manages_webhooks_and_settings() -> None:
    """Every method of the SDK for both."""
    with served(build(State(None))) as url, httpx.Client() as connections:
        official = ElevenLabs(api_key="sandbox", base_url=url, httpx_client=connections)
        settings = official.conversational_ai.settings
        made = official.webhooks.create(settings=WebhookHmacSettings(name="hook", webhook_url=HTTPS))
        before = settings.get()
        after = settings.update(webhooks={"post_call_webhook_id": made.webhook_id, "events": ["audio"]})  # pyright: ignore[reportArgumentType]
        official.webhooks.update(made.webhook_id, is_disabled=True, name="new", events=["agent_qa"], retry_enabled=True)
        listed = official.webhooks.list(include_usages=True).webhooks
        official.webhooks.delete(made.webhook_id)
        left = official.webhooks.list().webhooks

    assert made.webhook_secret is not None
    assert made.webhook_secret.startswith("wsec_")
    assert before.webhooks is not None
    assert after.webhooks is not None
    assert (before.webhooks.post_call_webhook_id, after.webhooks.events) == (None, ["audio"])
    assert (listed[0].name, listed[0].is_disabled, listed[0].webhook_url) == ("new", True, HTTPS)
    assert [use.usage_type for use in listed[0].usage or []] == ["ConvAI Settings"]
    assert listed[0].events == ["agent_qa"]
    assert left == []


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://example.org/hook", 400),
        ("ftp://127.0.0.1/hook", 400),
        ("https://", 400),
        ("https://[broken", 400),
        ("https://host:port/", 400),
        ("http://127.0.0.1.example.org/", 400),
        ("http://127.0.0.1:9/hook", 200),
        ("http://localhost:9/hook", 200),
        ("http://[::1]:9/hook", 200),
        (HTTPS, 200),
    ],
)
async def test_a_webhook_must_be_https_or_on_this_machine(url: str, status: int) -> None:
    """The service takes only HTTPS; the sandbox also plain HTTP to a loopback address."""
    settings = {"auth_type": "hmac", "name": "hook", "webhook_url": url}
    async with connect(build(State(None))) as client:
        answer = await client.post(BASE, json={"settings": settings})

    assert answer.status_code == status


async def test_a_secret_is_told_once() -> None:
    """No later answer has it."""
    async with connect(build(State(None))) as client:
        made = await add(client)
        await use(client, made["webhook_id"])
        later = [(await client.get(path)).text for path in (BASE, f"{BASE}?include_usages=true", SETTINGS)]
        later.append(
            (await client.patch(f"{BASE}/{made['webhook_id']}", json={"is_disabled": False, "name": "x"})).text
        )

    assert not any(made["webhook_secret"] in text for text in later)


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_webhook_that_is_not_there_is_not_found(method: str) -> None:
    """Neither changed nor deleted."""
    async with connect(build(State(None))) as client:
        body = {"json": {"is_disabled": False, "name": "x"}} if method == "PATCH" else {}
        answer = await client.request(method, f"{BASE}/x", **body)

    assert (answer.status_code, answer.json()["detail"]["code"]) == (404, "webhook_not_found")


@pytest.mark.parametrize(("check", "status"), [(True, 404), (False, 200)])
async def test_settings_point_at_webhooks_that_exist(check: bool, status: int) -> None:
    """The workspace's and an agent's own, unless the switch is off."""
    async with connect(build(State(None), switches=Switches(check_webhook=check))) as client:
        workspace = await use(client, "x")
        webhooks = {"workspace_overrides": {"webhooks": {"post_call_webhook_id": "x"}}}
        agent = await client.post(f"{AGENTS}/create", json={"conversation_config": {}, "platform_settings": webhooks})

    assert (workspace.status_code, agent.status_code) == (status, status)


async def test_settings_are_changed_in_part() -> None:
    """What isn't sent stays; what is out of range is a schema error."""
    async with connect(build(State(None))) as client:
        await client.patch(SETTINGS, json={"rag_retention_period_days": 7, "webhooks": {"events": ["audio"]}})
        refused = await client.patch(SETTINGS, json={"rag_retention_period_days": 31})
        await client.patch(SETTINGS, json={"can_use_mcp_servers": True})
        settings = (await client.get(SETTINGS)).json()

    assert refused.status_code == 422
    assert settings["rag_retention_period_days"] == 7
    assert (settings["can_use_mcp_servers"], settings["webhooks"]["events"]) == (True, ["audio"])


async def test_the_official_client_trusts_what_is_sent() -> None:
    """The transcript has the shape of GET and a signature that the SDK verifies, and only for the right secret."""
    state, listener = State(None), Listener()
    async with listener.listening() as url, connect(build(state)) as client:
        made = await add(client, url, request_headers={"X-Mine": "yes"})
        await use(client, made["webhook_id"])
        await post_call.deliver(setup(state), MINE, await had(client, state))
        read = (await client.get("/v1/convai/conversations/conv_1")).json()
    [(body, headers)] = listener.got
    webhooks = ElevenLabs(api_key="x").webhooks
    event = webhooks.construct_event(body.decode(), headers["elevenlabs-signature"], made["webhook_secret"])
    with pytest.raises(BadRequestError):
        webhooks.construct_event(body.decode(), headers["elevenlabs-signature"], "wsec_other")

    assert event["type"] == "post_call_transcription"
    assert event["data"] == {**read, "metadata": {**read["metadata"], **_undated(event)}}
    assert isinstance(event["event_timestamp"], int)
    assert (headers["x-mine"], headers["content-type"]) == ("yes", "application/json")
    assert deliveries(state)[0]["status"] == 200


def _undated(event: dict[str, Any]) -> dict[str, Any]:
    # The time of deletion is worked out when somebody reads.
    return {"deletion_settings": event["data"]["metadata"]["deletion_settings"]}


@pytest.mark.parametrize(
    ("wanted", "types"),
    [
        ({}, ["post_call_transcription"]),
        ({"send_audio": True}, ["post_call_transcription", "post_call_audio"]),
        ({"events": ["audio"]}, ["post_call_audio"]),
        ({"events": ["transcript", "audio"]}, ["post_call_transcription", "post_call_audio"]),
        ({"events": ["call_initiation_failure"]}, []),
    ],
)
async def test_the_settings_choose_what_is_sent(wanted: dict[str, Any], types: list[str]) -> None:
    """No list of events means transcripts. Audio is base64 and brings nothing else along."""
    state, listener = State(None), Listener()
    async with listener.listening() as url, connect(build(state)) as client:
        await use(client, (await add(client, url))["webhook_id"], **wanted)
        await post_call.deliver(setup(state), MINE, await had(client, state))
    events = [json.loads(body) for body, _ in listener.got]

    assert [event["type"] for event in events] == types
    for event in events:
        if event["type"] == "post_call_audio":
            assert base64.b64decode(event["data"]["full_audio"]) == b"mp3"
            assert event["data"].keys() == {"agent_id", "conversation_id", "full_audio"}


async def test_an_agent_s_own_webhook_wins() -> None:
    """The workspace's isn't told."""
    state, own, shared = State(None), Listener(), Listener()
    async with own.listening() as first, shared.listening() as second, connect(build(state)) as client:
        await use(client, (await add(client, second))["webhook_id"])
        webhooks = {"post_call_webhook_id": (await add(client, first))["webhook_id"]}
        conversation = await had(client, state, workspace_overrides={"webhooks": webhooks})
        await post_call.deliver(setup(state), MINE, conversation)

    assert (len(own.got), len(shared.got)) == (1, 0)


async def test_without_a_webhook_nothing_is_sent() -> None:
    """Nor for a conversation that isn't there."""
    state = State(None)
    async with connect(build(state)) as client:
        await post_call.deliver(setup(state), MINE, await had(client, state))
        await use(client, (await add(client))["webhook_id"])
        await post_call.deliver(setup(state), MINE, "conv_x")

    assert deliveries(state) == []


async def test_nothing_leaves_this_machine() -> None:
    """A webhook elsewhere is recorded as not sent, which isn't its failure."""
    state = State(None)
    async with connect(build(state)) as client:
        await use(client, (await add(client))["webhook_id"])
        await post_call.deliver(setup(state), MINE, await had(client, state))
        webhook = (await client.get(BASE)).json()["webhooks"][0]
    [delivery] = deliveries(state)

    assert (delivery["sent"], delivery["status"]) == (False, None)
    assert webhook["most_recent_failure_timestamp"] is None


@pytest.mark.parametrize(("status", "code"), [(500, 500), (204, 204), (302, 302), (None, None)])
async def test_ten_failures_in_a_row_disable_a_webhook(status: int | None, code: int | None) -> None:
    """Anything but a 200 is one, also a redirect, which isn't followed, and nobody there. Enabling starts anew."""
    state, listener = State(None), Listener(status=status or 200)
    async with listener.listening() as url, connect(build(state)) as client:
        made = await add(client, url if status else "http://127.0.0.1:1/hook")
        await use(client, made["webhook_id"])
        conversation = await had(client, state)
        disabled: list[bool] = []
        for _ in range(11):
            await post_call.deliver(setup(state), MINE, conversation)
            webhook = (await client.get(BASE)).json()["webhooks"][0]
            disabled.append(webhook["is_auto_disabled"])
        await client.patch(f"{BASE}/{made['webhook_id']}", json={"is_disabled": False, "name": "x"})
        again = (await client.get(BASE)).json()["webhooks"][0]

    assert disabled == [False] * 9 + [True] * 2
    assert len(deliveries(state)) == 10
    assert webhook["most_recent_failure_error_code"] == code
    assert webhook["most_recent_failure_timestamp"] is not None
    assert again["is_auto_disabled"] is False


async def test_a_success_forgives_the_failures_before_it() -> None:
    """Only failures in a row count; a webhook that its owner disabled is told nothing."""
    state, listener = State(None), Listener(status=500)
    async with listener.listening() as url, connect(build(state)) as client:
        made = await add(client, url)
        await use(client, made["webhook_id"])
        conversation = await had(client, state)
        for status in [500] * 9 + [200] + [500] * 9:
            listener.status = status
            await post_call.deliver(setup(state), MINE, conversation)
        webhook = (await client.get(BASE)).json()["webhooks"][0]
        await client.patch(f"{BASE}/{made['webhook_id']}", json={"is_disabled": True, "name": "x"})
        await post_call.deliver(setup(state), MINE, conversation)

    assert webhook["is_auto_disabled"] is False
    assert len(listener.got) == 19


@pytest.mark.parametrize("headers", [{"X-Odd": "a\r\nb: c"}, {"X Odd": "a"}, {"X-Odd": "♥"}])
async def test_headers_that_cannot_be_sent_are_a_failure_and_no_crash(headers: dict[str, str]) -> None:
    """The end of a conversation must never fail for its webhook."""
    state, listener = State(None), Listener()
    async with listener.listening() as url, connect(build(state)) as client:
        await use(client, (await add(client, url, request_headers=headers))["webhook_id"])
        await post_call.deliver(setup(state), MINE, await had(client, state))

    assert listener.got == []
    assert deliveries(state)[0]["error"] is not None


async def test_a_webhook_is_told_even_what_is_not_kept() -> None:
    """With a retention of no days the post-call webhook is where a transcript goes."""
    state, listener = State(None), Listener()
    async with listener.listening() as url, connect(build(state)) as client:
        await use(client, (await add(client, url))["webhook_id"])
        conversation = await had(client, state, privacy={"zero_retention_mode": True})
        await client.get("/v1/convai/conversations")
        await post_call.deliver(setup(state), MINE, conversation)

    assert json.loads(listener.got[0][0])["data"]["transcript"][0]["message"] == "Hello dear. ♥"
