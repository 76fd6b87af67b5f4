"""Faults on demand: each kind, how often, and that nothing else is touched."""

from __future__ import annotations

import contextlib
import logging
from email.utils import parsedate_to_datetime
from typing import Any

import anyio
import httpx
import pytest
from elevenlabs.client import ElevenLabs
from elevenlabs.core.api_error import ApiError
from starlette.types import ASGIApp
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosedError, InvalidMessage

from judged import build, served
from storykeeper_server.sandbox import app
from storykeeper_server.sandbox.faults.rules import rule
from storykeeper_server.sandbox.serving import serving
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio
TEXT = "/v1/convai/knowledge-base/text"
DOCUMENTS = "/v1/convai/knowledge-base"


def connect(sandbox: ASGIApp) -> httpx.AsyncClient:
    """A client with a key, on this machine."""
    transport = httpx.ASGITransport(sandbox)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers={"xi-api-key": "sandbox"})


def faulty(*rules: str) -> httpx.AsyncClient:
    """A client of a judged sandbox with these faults."""
    return connect(build(State(None), faults=rules))


def spoiling(*rules: str) -> httpx.AsyncClient:
    """A client of a sandbox that nobody judges, since its answers are wrong on purpose."""
    return connect(app.build(State(None), faults=rules))


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("429", 429, "rate_limit_exceeded"),
        ("429 code=system_busy", 429, "system_busy"),
        ("500", 500, "internal_error"),
        ("503", 503, "service_unavailable"),
        ("409", 409, "conflict"),
        ("418", 418, "invalid_request"),
    ],
)
async def test_a_status_comes_instead_of_the_handler(fault: str, status: int, code: str) -> None:
    """In the service's envelope, and only once when told so."""
    async with faulty(f"POST {TEXT} {fault} x1") as client:
        failed = await client.post(TEXT, json={"text": "x"})
        nothing = (await client.get(DOCUMENTS)).json()["documents"]
        after = await client.post(TEXT, json={"text": "x"})

    assert failed.status_code == status
    assert failed.json()["detail"]["code"] == code
    assert failed.json()["detail"]["request_id"] == failed.headers["x-trace-id"]
    assert "retry-after" not in failed.headers
    assert nothing == []
    assert after.status_code == 200


@pytest.mark.parametrize(
    ("option", "sent"),
    [("retry-after=7", "7"), ("retry-after=soon", "soon"), ("retry-after=-1", "-1")],
)
async def test_retry_after_is_sent_as_told(option: str, sent: str) -> None:
    """A number, or what no client can read."""
    async with faulty(f"* * 429 {option}") as client:
        assert (await client.get("/v1/user")).headers["retry-after"] == sent


async def test_retry_after_may_be_a_date() -> None:
    """In the format of HTTP, so many seconds ahead of the sandbox's clock."""
    async with faulty("* * 503 retry-after=date+90") as client:
        now = (await client.get("/_sandbox")).json()["now"]
        date = parsedate_to_datetime((await client.get("/v1/user")).headers["retry-after"])

    assert 88 < date.timestamp() - now < 95


@pytest.mark.parametrize(("body", "kind"), [("html", "text/html"), ("text", "text/plain"), ("empty", "text/plain")])
async def test_an_error_may_come_from_a_gateway(body: str, kind: str) -> None:
    """As a page, a text or nothing, none of which is JSON."""
    async with faulty(f"GET /v1/user 502 body={body}") as client:
        answer = await client.get("/v1/user")

    assert answer.status_code == 502
    assert answer.headers["content-type"].startswith(kind)
    assert ("<h1>" in answer.text, bool(answer.text)) == (body == "html", body != "empty")


@pytest.mark.parametrize(
    ("fault", "kept"),
    [
        ("500", 0),
        ("500-after-commit", 1),
        ("reset", 0),
        ("reset-after-commit", 1),
        ("reset-mid-body", 1),
        ("blackhole seconds=0.01", 0),
        ("blackhole-after-commit seconds=0.01", 1),
    ],
)
@pytest.mark.parametrize("over", ["a socket", "httpx's own transport"])
async def test_what_is_lost_may_have_happened_all_the_same(
    caplog: pytest.LogCaptureFixture, fault: str, kept: int, over: str
) -> None:
    """Before the commit nothing is kept, after it all is; the server is quiet about it, and goes on."""
    sandbox = build(State(None), faults=[f"POST {TEXT} {fault} x1"])

    async def lose(client: httpx.AsyncClient) -> tuple[int, int]:
        status = 0
        with contextlib.suppress(httpx.ReadError, ConnectionResetError):
            status = (await client.post(TEXT, json={"text": "x" * 100_000})).status_code
        return status, len((await client.get(DOCUMENTS)).json()["documents"])

    with caplog.at_level(logging.WARNING):
        if over == "a socket":
            headers = {"xi-api-key": "sandbox"}
            async with serving(sandbox) as url, httpx.AsyncClient(base_url=url, headers=headers) as client:
                seen = await lose(client)
        else:
            async with connect(sandbox) as client:
                seen = await lose(client)

    assert seen == (500 if "500" in fault else 0, kept)
    assert caplog.records == []


async def test_a_blackhole_swallows_until_the_client_goes(caplog: pytest.LogCaptureFixture) -> None:
    """The client's time-out ends it; others are served meanwhile, and the server stops without waiting."""
    headers = {"xi-api-key": "sandbox"}
    swallowed: list[type[Exception]] = []

    async def wait(client: httpx.AsyncClient, seconds: float) -> None:
        try:
            await client.get("/v1/user", timeout=seconds)
        except httpx.TransportError as error:
            swallowed.append(type(error))

    with caplog.at_level(logging.WARNING), anyio.fail_after(60):
        async with (
            httpx.AsyncClient(headers=headers) as client,
            anyio.create_task_group() as group,
            serving(build(State(None), faults=["GET /v1/user blackhole"])) as url,
        ):
            client.base_url = httpx.URL(url)
            await wait(client, 0.05)
            assert (await client.get(DOCUMENTS)).status_code == 200
            group.start_soon(wait, client, 600)
            while (await client.get("/_sandbox/requests?path=/v1/user")).json()["count"] < 2:
                await anyio.lowlevel.checkpoint()

    assert len(swallowed) == 2
    assert swallowed[0] is httpx.ReadTimeout
    assert caplog.records == []


async def test_a_slow_answer_comes_in_pieces_and_whole() -> None:
    """What trickles in is what would have come at once."""
    headers = {"xi-api-key": "sandbox"}
    sandbox = app.build(State(None), faults=["GET /v1/models slow seconds=0.1 x1"])
    async with serving(sandbox) as url, httpx.AsyncClient(base_url=url, headers=headers) as client:
        async with client.stream("GET", "/v1/models") as answer:
            pieces = [piece async for piece in answer.aiter_raw()]
        usual = await client.get("/v1/models")

    assert len(pieces) > 1
    assert b"".join(pieces) == usual.content


async def test_a_redirect_leads_to_another_host() -> None:
    """With path and query; a client that follows takes its key there."""
    async with spoiling("GET /v1/user redirect x1", "GET /v1/user redirect to=http://127.0.0.2:9 status=302") as client:
        first = await client.get("/v1/user?a=b")
        second = await client.get("/v1/user")

    assert (first.status_code, first.headers["location"]) == (307, "http://elsewhere.invalid/v1/user?a=b")
    assert (second.status_code, second.headers["location"]) == (302, "http://127.0.0.2:9/v1/user")


async def test_an_error_may_repeat_the_key() -> None:
    """What a client logs or shows of it is the client's matter."""
    async with faulty("* * echo-key status=401") as client:
        answer = await client.get("/v1/user", headers={"xi-api-key": "sk_a_secret"})

    assert answer.status_code == 401
    assert "sk_a_secret" in answer.json()["detail"]["message"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("html", b"<!doctype html><html><body><h1>Welcome</h1></body></html>"),
        ("wrong-json", b'["unexpected"]'),
        ("truncated", b'{"status":"ok"}'[:7]),
        ("wrong-types", b'{"status":7}'),
        ("extra-fields", b'{"status":"ok","unknown_to_everybody":{"of":["the","sandbox"]}}'),
    ],
)
async def test_an_answer_may_be_spoilt(recording: Any, kind: str, body: bytes) -> None:
    """The status stays good, the length is right, and what was asked for was done."""
    async with spoiling(f"DELETE /v1/voices/{{voice_id}} {kind}") as client:
        form = {"data": {"name": "Dot"}, "files": {"files": ("a.wav", recording(1.5))}}
        voice = (await client.post("/v1/voices/add", **form)).json()["voice_id"]
        spoilt = await client.delete(f"/v1/voices/{voice}")
        gone = await client.get(f"/v1/voices/{voice}")

    assert (spoilt.status_code, spoilt.content) == (200, body)
    assert spoilt.headers["content-length"] == str(len(body))
    assert gone.status_code == 404


async def test_wrong_types_go_to_any_depth() -> None:
    """No value is left as it was, and every field is still there."""
    async with spoiling("GET /v1/user wrong-types x1") as client:
        wrong = (await client.get("/v1/user")).json()
        right = (await client.get("/v1/user")).json()

    assert wrong.keys() == right.keys()
    assert wrong["subscription"].keys() == right["subscription"].keys()
    assert wrong["subscription"]["voice_limit"] == "about 30"
    assert wrong["is_new_user"] == "maybe"


async def test_what_is_no_json_is_left_alone() -> None:
    """An empty answer can't be spoilt."""
    async with spoiling("DELETE * wrong-types") as client:
        made = await client.post("/v1/convai/agents/create", json={"conversation_config": {}})
        deleted = await client.delete(f"/v1/convai/agents/{made.json()['agent_id']}")

    assert (deleted.status_code, deleted.content) == (200, b"")


async def outcomes(*rules: str, count: int = 30) -> list[int]:
    """The statuses of some requests in a row."""
    async with faulty(*rules) as client:
        return [(await client.get("/v1/user")).status_code for _ in range(count)]


async def test_the_same_seed_gives_the_same_sequence() -> None:
    """Some requests fail, always the same ones; another seed chooses others."""
    first = await outcomes("GET * 503 p=0.5 seed=1")
    again = await outcomes("GET * 503 p=0.5 seed=1")
    other = await outcomes("GET * 503 p=0.5 seed=2")

    assert first == again != other
    assert {*first} == {200, 503}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (["GET * 503 x2"], [503, 503, 200, 200]),
        (["GET * 503 skip=1 x1"], [200, 503, 200, 200]),
        (["GET * 503 x1", "GET * 429 x2"], [503, 429, 429, 200]),
        (["GET * 503", "GET * 429"], [503, 503, 503, 503]),
        (["POST * 503", "GET /v1/users 503", "GET /v1 503", "WS * reset"], [200, 200, 200, 200]),
        (["GET /v?/user 503"], [200, 200, 200, 200]),
    ],
)
async def test_rules_strike_as_often_as_they_say(rules: list[str], expected: list[int]) -> None:
    """The first one that is due decides, and a path is matched whole."""
    assert await outcomes(*rules, count=4) == expected


@pytest.mark.parametrize(
    ("path", "strikes"),
    [
        ("/v1/convai/knowledge-base/{id}", True),
        ("/v1/convai/{a}/{b}", True),
        ("/v1/*", True),
        ("*", True),
        ("/v1/*/abc", True),
        ("/v1/{rest}", False),
        ("/v1/convai/knowledge-base/{id}/content", False),
        ("/v1/convai/knowledge-base/", False),
        ("/v1/convai/knowledge.base/abc", False),
    ],
)
async def test_a_path_may_have_gaps(path: str, strikes: bool) -> None:
    """`*` is any text, a name in braces one segment, and nothing else has a meaning."""
    async with faulty(f"GET {path} 418") as client:
        assert ((await client.get("/v1/convai/knowledge-base/abc")).status_code == 418) is strikes


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "METHOD PATH KIND"),
        ("GET /v1/user", "METHOD PATH KIND"),
        ("GET /v1/user explode", "there are 400 to 599"),
        ("GET /v1/user 200", "no fault '200'"),
        ("GET /v1/user reset-after-open", "no fault"),
        ("WS * 429", "there are blackhole, reset, reset-after-open"),
        ("get /v1/user 500", "method"),
        ("GET v1/user 500", "path"),
        ("GET /v1/user 500 twice", "'twice' is no option"),
        ("GET /v1/user 500 x0", "times"),
        ("GET /v1/user 500 p=2", "probability"),
        ("GET /v1/user 500 p=nan", "probability"),
        ("GET /v1/user 500 colour=red", "colour"),
        ("GET /v1/user slow seconds=1e9", "seconds"),
        ("GET /v1/user redirect to=elsewhere", "to"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(text: str, told: str) -> None:
    """In words that say what would."""
    with pytest.raises(ValueError, match=told):
        rule(text)


@pytest.mark.parametrize(
    "text",
    [
        "POST /v1/voices/add reset-after-commit x1",
        "* * 503 skip=2 probability=0.5 seed=3",
        "WS * reset-after-open messages=2",
    ],
)
def test_a_rule_says_itself(text: str) -> None:
    """What is shown can be given again."""
    assert str(rule(text)) == text
    assert rule(str(rule(text))) == rule(text)


@pytest.mark.parametrize(
    ("fault", "error"),
    [("reset", (ConnectionResetError, InvalidMessage)), ("reset-after-open", (ConnectionClosedError,))],
)
async def test_a_conversation_may_be_dropped(
    caplog: pytest.LogCaptureFixture, fault: str, error: tuple[type[Exception], ...]
) -> None:
    """While its socket opens, or after, without a close frame; the next one works."""
    async with serving(app.build(State(None), faults=[f"WS * {fault} x1"])) as url, httpx.AsyncClient() as client:
        headers = {"xi-api-key": "sandbox"}
        made = await client.post(f"{url}/v1/convai/agents/create", json={"conversation_config": {}}, headers=headers)
        address = f"{url.replace('http', 'ws')}/v1/convai/conversation?agent_id={made.json()['agent_id']}"
        with caplog.at_level(logging.WARNING, "uvicorn"), pytest.raises(error):
            async with open_socket(address, proxy=None) as socket:
                await socket.recv()
        async with open_socket(address, proxy=None) as socket:
            await socket.send('{"type": "conversation_initiation_client_data"}')
            assert "conversation_initiation_metadata" in str(await socket.recv())

    assert caplog.records == []


async def test_a_conversation_may_be_dropped_after_some_messages() -> None:
    """The first message still arrives."""
    sandbox = app.build(State(None), faults=["WS * reset-after-open messages=2"])
    async with serving(sandbox) as url, httpx.AsyncClient() as client:
        headers = {"xi-api-key": "sandbox"}
        body = {"conversation_config": {"agent": {"first_message": "Hello"}, "conversation": {"text_only": True}}}
        made = await client.post(f"{url}/v1/convai/agents/create", json=body, headers=headers)
        address = f"{url.replace('http', 'ws')}/v1/convai/conversation?agent_id={made.json()['agent_id']}"
        async with open_socket(address, proxy=None) as socket:
            await socket.send('{"type": "conversation_initiation_client_data"}')
            first = str(await socket.recv())
            await socket.wait_closed()

    assert "conversation_initiation_metadata" in first
    assert socket.close_code == 1006  # what the protocol calls an end without a word


def test_the_official_client_loses_an_answer() -> None:
    """It sees a broken connection, and the agent was made."""
    sandbox = build(State(None), faults=["POST /v1/convai/agents/create reset-after-commit"])
    with served(sandbox) as url, httpx.Client() as connections:
        agents = ElevenLabs(api_key="sandbox", base_url=url, httpx_client=connections).conversational_ai.agents
        with pytest.raises(httpx.ReadError):
            agents.create(conversation_config={}, name="Lost", request_options={"max_retries": 0})  # pyright: ignore[reportArgumentType]
        assert [agent.name for agent in agents.list().agents] == ["Lost"]


def test_the_official_client_retries_what_may_have_happened() -> None:
    """By default it sends a create again after a 500: that makes two agents."""
    sandbox = build(State(None), faults=["POST /v1/convai/agents/create 500-after-commit x1"])
    with served(sandbox) as url, httpx.Client() as connections:
        agents = ElevenLabs(api_key="sandbox", base_url=url, httpx_client=connections).conversational_ai.agents
        agents.create(conversation_config={}, name="Twice")  # pyright: ignore[reportArgumentType]
        assert [agent.name for agent in agents.list().agents] == ["Twice", "Twice"]


def test_the_official_client_takes_faults_for_the_service_s_errors() -> None:
    """Status, headers and body arrive as from the service."""
    with served(build(State(None), faults=["GET /v1/user 429 retry-after=1"])) as url, httpx.Client() as connections:
        official = ElevenLabs(api_key="sandbox", base_url=url, httpx_client=connections)
        with pytest.raises(ApiError) as busy:
            official.user.get(request_options={"max_retries": 0})

    assert busy.value.status_code == 429
    assert busy.value.body["detail"]["type"] == "rate_limit_error"
    assert (busy.value.headers or {})["retry-after"] == "1"
