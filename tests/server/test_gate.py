"""What stands before the tools over HTTP, piece by piece: what no client and no provider can be made to do in time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client, MCPError
from mcp.server.transport_security import TransportSecurityMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from endpoints import AUDIENCE, LONG_AGO, Issuer, message
from judged import served
from stage import Stage
from storykeeper_server.mcp.addresses import allowed, check_public, parsed
from storykeeper_server.mcp.app import build
from storykeeper_server.mcp.auth import Verifier
from storykeeper_server.mcp.draining import Drain, Drained
from storykeeper_server.mcp.gate import Gate, Named
from storykeeper_server.mcp.provider import SKEW_SECONDS, OutOfReach, Provider, Unverified
from storykeeper_server.mcp.scopes import needed_by, needs, within_scope
from storykeeper_server.mcp.serving import Health
from storykeeper_server.reporting.logs import fields
from storykeeper_tools.access import Access, Bearer
from storykeeper_tools.errors import BadInput, Busy

pytestmark = pytest.mark.anyio
TOKEN = "a-token-of-24-characters"
READS = Verifier({"desk": Bearer(frozenset({"read"}), TOKEN)})


@pytest.mark.parametrize(
    "address", ["0.0.0.0:1", "[::]:1", "10.0.0.7:1", "keeper.example.org:1", "127.0.0.1.example.org:1"]
)
async def test_an_address_of_others_needs_somebody_who_checks_them(address: str) -> None:
    """A name, too: it may be anybody's."""
    host, _ = parsed(address)
    with pytest.raises(BadInput, match="on your bill"):
        check_public(host, Access())
    check_public(host, Access(tokens=READS.tokens))


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:8000", "[::1]:8000", "127.0.0.2:65535"])
async def test_this_machine_s_own_addresses_do_not(address: str) -> None:
    """Whoever can run programs here may."""
    check_public(parsed(address)[0], Access())


@pytest.mark.parametrize(
    "address", ["127.0.0.1", ":8000", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:\u0663", "", "::"]
)
async def test_an_address_is_a_host_and_a_port(address: str) -> None:
    """Or it is asked for."""
    with pytest.raises(BadInput, match="a host and a port"):
        parsed(address)


async def test_strangers_do_not_make_it_ask_the_provider_again_and_again() -> None:
    """Keys that nobody has are looked up once, whoever names them."""
    issuer = Issuer()
    with served(issuer.app()) as issuer.url:
        provider = Provider(issuer.url, AUDIENCE)
        for number in range(20):
            with pytest.raises(Unverified, match="UnknownKey"):
                await provider.claims(issuer.token(header={"kid": str(number)}))
        assert (await provider.claims(issuer.token()))["sub"] == "ada"
    assert issuer.asked == 1


async def test_a_provider_that_fails_is_left_alone_for_a_while() -> None:
    """Nothing can be said of a token meanwhile; then it is asked again."""
    issuer, now, asked = Issuer(), [0.0], list[str]()

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(scope["path"])
        await JSONResponse({}, 503)(scope, receive, send)

    with served(broken) as issuer.url:
        provider = Provider(issuer.url, AUDIENCE, jwks=f"{issuer.url}/keys", clock=lambda: now[0])
        for now[0] in (0.0, 1.0, 4.9, 5.0):
            with pytest.raises(OutOfReach):
                await provider.claims(issuer.token())
    assert asked == ["/keys"] * 2


async def test_who_has_a_known_key_gets_in_while_the_provider_is_away() -> None:
    """Whatever other keys strangers make it look for."""
    issuer = Issuer()
    with served(issuer.app()) as issuer.url:
        provider = Provider(issuer.url, AUDIENCE, cooldown=0)
        before = await provider.claims(issuer.token())
    with pytest.raises(OutOfReach):
        await provider.claims(issuer.token(header={"kid": "two"}))
    assert await provider.claims(issuer.token()) == before


@pytest.mark.parametrize(
    "said",
    [{"issuer": "https://else.example.org"}, {"jwks_uri": "http://else.example.org/keys"}, {"jwks_uri": None}],
    ids=["of another", "without protection", "without keys"],
)
async def test_metadata_that_cannot_be_trusted_are_not(said: dict[str, str]) -> None:
    """A provider that says it is another, or whose keys anybody on the way could change."""
    issuer = Issuer(metadata=said)
    with served(issuer.app()) as issuer.url, pytest.raises(OutOfReach):
        await Provider(issuer.url, AUDIENCE).claims(issuer.token())


@pytest.mark.parametrize("keys", [b"[]", b'"keys"', b"[" * 100_000, b"<html>"])
async def test_keys_that_are_none_say_nothing_of_a_token(keys: bytes) -> None:
    """What a provider in trouble answers condemns nobody's token, and strangers don't make it answer again."""
    issuer, asked = Issuer(), list[str]()

    async def odd(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(scope["path"])
        await Response(keys, media_type="application/json")(scope, receive, send)

    with served(odd) as issuer.url:
        for provider in (Provider(issuer.url, AUDIENCE, jwks=f"{issuer.url}/keys"), Provider(issuer.url, AUDIENCE)):
            for _ in range(3):
                with pytest.raises(OutOfReach):
                    await provider.claims(issuer.token())
    assert asked.count("/keys") == 1
    assert len(asked) <= 4


async def test_a_caller_whose_token_nobody_can_judge_calls_again() -> None:
    """It isn't told that its token is bad: it would throw it away."""
    issuer = Issuer(url="http://127.0.0.1:9")
    gate = Gate(_echo, Verifier({}, Provider(issuer.url, AUDIENCE)), needs([]))
    answer = await _posted(gate, issuer.token())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "www-authenticate" not in answer.headers


async def test_a_request_that_never_ends_is_not_waited_for() -> None:
    """Half a body holds up nobody."""
    sent: list[Message] = []

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/mcp",
        "headers": [(b"authorization", f"Bearer {TOKEN}".encode())],
    }
    await Gate(_echo, READS, needs([]), patience=0)(scope, receive, send)
    assert sent[0]["status"] == 408


async def test_a_length_said_in_two_ways_is_believed_in_neither() -> None:
    """A proxy may believe the other, and take the rest for somebody else's request; so nothing follows, either."""
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    said = {"host": "127.0.0.1", "content-length": "3", "transfer-encoding": "chunked"}
    headers = [(name.encode(), value.encode()) for name, value in said.items()]
    named = Named(_echo, TransportSecurityMiddleware(allowed("127.0.0.1", 80, Access())))
    await named({"type": "http", "method": "POST", "path": "/mcp", "headers": headers}, receive, send)
    assert sent[0]["status"] == 400
    assert (b"connection", b"close") in sent[0]["headers"]


class Vouched:
    """A provider for which everybody is Ada, until a moment."""

    def __init__(self, until: int) -> None:
        self.until = until

    async def claims(self, token: str) -> dict[str, Any]:
        return {"iss": "https://id.example.org", "sub": "ada", "scope": "read", "exp": self.until}


async def test_nobody_listens_longer_than_the_token_is_good() -> None:
    """The stream ends in order, and its client comes back with another token; a call that is under way goes on."""

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        async def lines() -> AsyncGenerator[bytes]:
            yield b": here\n\n"
            await anyio.sleep_forever()

        await StreamingResponse(lines(), media_type="text/event-stream")(scope, receive, send)

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.lowlevel.checkpoint()  # where it would be cut
        await _echo(scope, receive, send)

    drain, verifier = Drain(), Verifier({}, Vouched(int(time.time()) - SKEW_SECONDS + 1))
    with anyio.fail_after(60):
        async with _to(Drained(Gate(stream, verifier, needs([])), drain)) as http:
            heard = await http.get("/mcp", headers={"Authorization": "Bearer x"})
    assert heard.content == b": here\n\n"
    called = await _posted(Drained(Gate(call, Verifier({}, Vouched(LONG_AGO)), needs([])), drain), "x")
    assert called.status_code == 200


async def test_the_log_says_what_is_wrong_with_a_token(caplog: pytest.LogCaptureFixture) -> None:
    """As whoever looks after it needs to know; never the token."""
    with caplog.at_level(logging.INFO, "storykeeper_server"):
        await _posted(Gate(_echo, READS, needs([])), f"{TOKEN}x")
    assert [fields(record)["message"] for record in caplog.records] == ["a caller was turned away: UnknownToken"]


async def test_the_body_arrives_as_it_was_sent() -> None:
    """Having been read once at the gate."""
    sent = message("tools/list")
    answer = await _posted(Gate(_echo, READS, needs([])), TOKEN, **sent)
    assert answer.content.decode() == sent["content"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[{}]", b"null", b"{}", b'{"method": 1}', b"[" * 100_000, b"\xff"])
async def test_what_is_no_call_is_left_to_who_reads_it(body: bytes) -> None:
    """It needs no scope, and gets nothing."""
    assert needed_by(body, needs([])) is None


async def test_what_the_gate_reads_otherwise_than_the_server_does_gets_nothing(stage: Stage) -> None:
    """The server looks once more, at what it has read itself; here nobody has said who they are."""
    server = build(stage.keeper.tools, _running, "0")
    server.middleware.append(within_scope(needs(stage.keeper.tools)))
    async with Client(server) as client:
        assert len((await client.list_tools()).tools) == 20
        for tool in stage.keeper.tools:
            with pytest.raises(MCPError, match="insufficient_scope"):
                await client.call_tool(tool.name, {})
    assert stage.faults.log == []


async def test_at_the_end_of_its_patience_a_call_is_sent_elsewhere() -> None:
    """And a stream that somebody listens to ends in order."""
    drain, begun = Drain(), asyncio.Event()

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await anyio.sleep_forever()

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        async def lines() -> AsyncGenerator[bytes]:
            yield b": here\n\n"
            begun.set()
            await anyio.sleep_forever()

        await StreamingResponse(lines(), media_type="text/event-stream")(scope, receive, send)

    answers: list[httpx.Response] = []

    async def ask(app: ASGIApp, method: str) -> None:
        async with _to(Drained(app, drain)) as http:
            answers.append(await http.request(method, "/mcp"))

    async with anyio.create_task_group() as group:
        for app, method in ((call, "POST"), (stream, "GET")):
            group.start_soon(ask, app, method)
            await begun.wait()
            begun.clear()
        await drain.finish(0)
    assert sorted(answer.status_code for answer in answers) == [200, 503]
    assert [answer.content for answer in answers if answer.status_code == 200] == [b": here\n\n"]


async def test_many_who_ask_for_its_health_ask_the_ledger_once_a_second() -> None:
    """Since anybody may."""
    now, checks = [0.0], list[float]()

    def check() -> None:
        checks.append(now[0])
        if now[0] >= 2:
            raise Busy("the ledger is away")

    drain = Drain()
    health = Health(check, drain, clock=lambda: now[0])
    told: list[Any] = []
    for now[0] in (0.0, 0.5, 0.9, 1.0, 2.0, 2.5, 3.0):
        told.append((await health.answer(Request({"type": "http"}))).status_code)
    await drain.finish(0)
    told.append((await health.answer(Request({"type": "http"}))).body)
    assert checks == [0.0, 1.0, 2.0, 3.0]
    assert told == [200, 200, 200, 200, 503, 503, 503, b'{"status":"draining"}']


@asynccontextmanager
async def _running(_: object) -> AsyncGenerator[None]:
    yield


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(await Request(scope, receive).body())(scope, receive, send)


def _to(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


async def _posted(app: ASGIApp, token: str, **sent: Any) -> httpx.Response:
    sent = sent or message("tools/list")
    sent["headers"] = {**sent["headers"], "Authorization": f"Bearer {token}"}
    async with _to(app) as http:
        return await http.post("/mcp", **sent)
