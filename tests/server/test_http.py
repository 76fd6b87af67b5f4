"""The server over HTTP, as a service: who is let in, to do what, and how it goes."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from mcp import MCPError
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.auth.utils import extract_resource_metadata_from_www_auth, extract_scope_from_www_auth
from mcp.shared.auth import OAuthToken
from mcp.types import ElicitResult
from starlette.types import ASGIApp, Receive, Scope, Send

from endpoints import AUDIENCE, FAR_OFF, LONG_AGO, Endpoint, Issuer, calling, endpoint, message
from judged import build, served
from processes import PATIENCE, Place, place
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio
EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "dorothy"
SPEC = {"subject": {"name": "Dorothy"}, "recordings": [str(EXAMPLE / "recording.mp3")]}
READER, MAKER, REMOVER = "reader-" + "r" * 24, "maker-" + "m" * 24, "remover-" + "d" * 24
TOKENS = f"desk:read:{READER},studio:read+provision:{MAKER},attic:destroy:{REMOVER}"


@dataclass
class Service:
    """A server that lets in three callers of its own, and those of an identity provider."""

    at: Endpoint
    issuer: Issuer


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    issuer = Issuer()
    with served(issuer.app()) as issuer.url, ExitStack() as stack:
        settings = {
            "STORYKEEPER_HTTP_TOKENS": TOKENS,
            "STORYKEEPER_HTTP_ISSUER": issuer.url,
            "STORYKEEPER_HTTP_HOSTS": "keeper.example.org",
            "STORYKEEPER_FILES": str(EXAMPLE),
        }
        here = stack.enter_context(place(tmp_path_factory.mktemp("service"), **settings))
        yield Service(stack.enter_context(endpoint(here)), issuer)


async def post(url: str, *, token: str = "", headers: dict[str, str] | None = None, **body: Any) -> httpx2.Response:
    body = body or message("tools/list")
    authorization = {"Authorization": f"Bearer {token}"} if token else {}
    body["headers"] = {**body.get("headers", {}), **authorization, **(headers or {})}
    async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        return await http.post(url, **body)


async def test_who_shows_no_token_is_told_where_to_get_one(service: Service) -> None:
    """As RFC 6750 and RFC 9728 have it: the metadata name the provider, letter by letter, and the scopes."""
    refused = await post(service.at.url)
    async with httpx2.AsyncClient(trust_env=False) as http:
        path = "/.well-known/oauth-protected-resource/mcp"
        metadata = (await http.get(service.at.base + path)).json()
    assert refused.status_code == 401
    assert extract_resource_metadata_from_www_auth(refused) == f"https://keeper.example.org{path}"
    assert extract_scope_from_www_auth(refused) == "read"
    assert "error=" not in refused.headers["www-authenticate"]
    assert metadata == {
        "resource": AUDIENCE,
        "authorization_servers": [service.issuer.url],
        "scopes_supported": ["read", "provision", "destroy"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Storykeeper",
    }


SCOPED = [
    ("desk", READER, {"read"}),
    ("studio", MAKER, {"read", "provision"}),
    ("attic", REMOVER, {"destroy"}),
]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize(("token", "scopes"), [row[1:] for row in SCOPED], ids=[row[0] for row in SCOPED])
async def test_a_caller_does_what_its_token_is_for(
    service: Service, mode: Any, token: str, scopes: set[str], record_property: Any
) -> None:
    """And nothing else; all see the same list of tools."""
    calls = {
        "read": ("list_companions", {}),
        "provision": ("plan_companion", {"spec": SPEC}),
        "destroy": ("retire_companion", {"companion": "dorothy-0000", "action": "pause"}),
    }
    answers = dict[str, str]()
    heard = [f"Authorization: Bearer {token[:8]}... ({', '.join(sorted(scopes))})"]
    async with calling(service.at.url, token, heard=heard, mode=mode) as client:
        listed = (await client.list_tools()).tools
        for scope, (tool, arguments) in calls.items():
            try:
                result = await client.call_tool(tool, arguments)
                answers[scope] = ""
                heard.append(f"    {str(getattr(result.content[0], 'text', '')).splitlines()[0][:120]}")
            except MCPError as refused:
                answers[scope] = refused.error.message
    if mode == "auto":
        record_property("session", "\n".join(heard))
    assert len(listed) == 20
    assert answers == {scope: "" if scope in scopes else f"this needs the scope {scope}" for scope in calls}


@pytest.mark.parametrize("method", ["prompts/get", "resources/read", "resources/list", "completion/complete", "x/y"])
async def test_whatever_tells_of_companions_needs_to_read(service: Service, method: str) -> None:
    """Prompts and resources do; what nobody knows, too."""
    refused = await post(service.at.url, token=REMOVER, **message(method, name="interview", uri="x"))
    read = await post(service.at.url, token=READER, **message(method, name="interview", uri="x"))
    assert refused.status_code == 403
    assert read.status_code != 403


async def test_a_refusal_names_the_scopes_to_ask_for(service: Service) -> None:
    """What is needed with what there is, so that a client that asks anew loses nothing."""
    refused = await post(service.at.url, token=READER, **message("tools/call", name="plan_companion", arguments={}))
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
    assert extract_scope_from_www_auth(refused) == "read provision"


async def test_a_provider_s_token_lets_in_for_its_scopes(service: Service) -> None:
    """By the claim of RFC 9068, or the one that some providers have."""
    as_list = {"scope": None, "scp": ["read", "else"]}
    for claims in ({"scope": "openid read"}, as_list, {"scope": "read", "aud": ["else", AUDIENCE]}):
        async with calling(service.at.url, service.issuer.token(**claims)) as client:
            assert not (await client.call_tool("list_companions", {})).is_error
            with pytest.raises(MCPError, match="needs the scope provision"):
                await client.call_tool("plan_companion", {"spec": SPEC})
    nothing = await post(
        service.at.url, token=service.issuer.token(scope="write"), **message("prompts/get", name="interview")
    )
    assert nothing.status_code == 403


class Remembered:
    """Where a client keeps its token."""

    tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> None:
        return None

    async def set_client_info(self, client_info: Any) -> None:
        raise AssertionError(client_info)


async def test_a_client_finds_its_way_to_a_token_by_itself(tmp_path: Path, record_property: Any) -> None:
    """From the first refusal to the provider, and from the second to a token for more."""
    issuer, heard = Issuer(), list[str]()
    with ExitStack() as stack:
        issuer.url = stack.enter_context(served(issuer.app()))
        here = stack.enter_context(place(tmp_path, STORYKEEPER_HTTP_ISSUER=issuer.url))
        at = stack.enter_context(endpoint(here))
        auth = ClientCredentialsOAuthProvider(at.url, Remembered(), "desk", "secret", issuer=issuer.url)
        async with calling(at.url, heard=heard, auth=auth) as client:
            listed = await client.call_tool("list_companions", {})
            planned = await client.call_tool("plan_companion", {"spec": SPEC})
    record_property("session", "\n".join(heard))
    assert not listed.is_error
    assert planned.is_error  # at the tool: it names a file that this server may not read
    assert issuer.given == ["read", "read provision"]


def forged(issuer: Issuer, algorithm: str, secret: bytes | None) -> str:
    """By hand: libraries know better than to sign with a public key."""
    parts = [
        {"alg": algorithm, "typ": "JWT", "kid": "one"},
        jwt.decode(issuer.token(), options={"verify_signature": False}),
    ]
    said = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    digest = hmac.digest(secret, said.encode(), hashlib.sha256) if secret is not None else b""
    return f"{said}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


WRONG = {
    "expired": lambda issuer: issuer.token(exp=LONG_AGO),
    "not yet good": lambda issuer: issuer.token(nbf=FAR_OFF - 1),
    "from the future": lambda issuer: issuer.token(iat=FAR_OFF - 1),
    "for somebody else": lambda issuer: issuer.token(aud="https://elsewhere.example.org/mcp"),
    "for nobody": lambda issuer: issuer.token(aud=None),
    "another issuer's": lambda issuer: issuer.token(iss="https://elsewhere.example.org"),
    "nobody's": lambda issuer: issuer.token(iss=None),
    "without an end": lambda issuer: issuer.token(exp=None),
    "of another key": lambda issuer: issuer.token(rsa.generate_private_key(65537, 2048)),
    "of an unknown key": lambda issuer: issuer.token(header={"kid": "two"}),
    "of no key": lambda issuer: issuer.token(header={"kid": None}),
    "with another algorithm of that key": lambda issuer: issuer.token(algorithm="RS512"),
    "unsigned": lambda issuer: forged(issuer, "none", None),
    "signed with the public key": lambda issuer: forged(issuer, "HS256", issuer.public_pem),
    "an empty secret": lambda issuer: forged(issuer, "HS256", b""),
    "an id token": lambda issuer: issuer.token(header={"typ": "id_token+jwt"}),
    "changed": lambda issuer: issuer.token()[:-9] + "AAAAAAAAA",
    "no JWT": lambda issuer: "not.a.token",
    "half of one": lambda issuer: READER[:-1],
    "one too many": lambda issuer: READER + "r",
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_token_that_is_not_good_lets_nobody_in(service: Service, wrong: str) -> None:
    """Whatever is wrong with it, the answer is the same, and repeats nothing of it."""
    token = WRONG[wrong](service.issuer)
    refused = await post(service.at.url, headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert refused.json()["error"]["message"] == "that token isn't good here"


@pytest.mark.parametrize("said", ["", "Basic ZGVzazpw", READER, f"Bearer {READER}, Bearer {READER}", "Bearer"])
async def test_only_one_bearer_token_is_taken(service: Service, said: str) -> None:
    """Not a password, nor two of them."""
    assert (await post(service.at.url, headers={"Authorization": said})).status_code == 401


STRANGE = {
    "another name": ({"Host": "evil.example.org"}, 421),
    "a name that ends like ours": ({"Host": "x.keeper.example.org"}, 421),
    "our name at another port": ({"Host": "keeper.example.org:8443"}, 421),
    "another site's page": ({"Origin": "https://evil.example.org"}, 403),
    "another program's page on this machine": ({"Origin": "http://localhost:3000"}, 403),
    "a page of no site": ({"Origin": "null"}, 403),
    "our name": ({"Host": "keeper.example.org"}, 200),
    "our name and port": ({"Host": "keeper.example.org:443"}, 200),
    "our own page": ({"Host": "keeper.example.org", "Origin": "https://keeper.example.org"}, 200),
    "a port of this machine that leads here": ({"Host": "localhost:9000"}, 200),
}


@pytest.mark.parametrize("who", STRANGE)
async def test_it_is_called_by_its_names_alone(service: Service, who: str) -> None:
    """Names that aren't ours lead nowhere, token or not."""
    headers, status = STRANGE[who]
    assert (await post(service.at.url, token=READER, headers=headers)).status_code == status


@pytest.mark.parametrize("header", ["Host", "Origin"])
async def test_who_calls_by_another_name_learns_what_to_set(tmp_path: Path, header: str) -> None:
    """The answer says where, as any refusal; the log, in one line, by which name, cut and quoted."""
    name = "keeper.example.net" + "\x80" * 400
    with place(tmp_path) as here, here.start("mcp", "--http", "127.0.0.1:0") as process:
        assert process.stdout
        said = message("tools/list")
        said["headers"][header] = {"Host": name, "Origin": f"https://{name}"}[header].encode("latin-1")
        async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            refused = await http.post(process.stdout.readline().strip(), **said)
        process.terminate()
        _, log = process.communicate(timeout=PATIENCE)
    assert refused.status_code == {"Host": 421, "Origin": 403}[header]
    assert "can add the" in refused.json()["error"]["message"]
    assert "STORYKEEPER_HTTP_HOSTS" in refused.json()["error"]["message"]
    assert "keeper.example.net" not in refused.text
    [line] = [line for line in log.splitlines() if "turned away" in line or "library" in line]
    assert "'keeper.example.net\\x80" in line
    assert "STORYKEEPER_HTTP_HOSTS" in line
    assert len(line) < 250


@pytest.mark.parametrize("told", [True, False], ids=["told before", "found out"])
async def test_a_request_has_a_size(service: Service, told: bool) -> None:
    """Of 4 MiB; recordings are files of the server."""

    async def parts() -> Any:
        for _ in range(5):
            yield b" " * 1024 * 1024

    content = b" " * 5 * 1024 * 1024 if told else parts()
    sent = message("tools/list")
    refused = await post(service.at.url, token=READER, content=content, headers=sent["headers"])
    assert refused.status_code == 413
    assert "files of the server" in refused.json()["error"]["message"]


async def test_its_health_is_no_secret_and_tells_none(service: Service) -> None:
    """Asked by anybody, by whatever name, it says that it lives."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        healthy = await http.get(f"{service.at.base}/healthz", headers={"Host": "10.0.0.7"})
    assert (healthy.status_code, healthy.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("url", ["", "postgresql://keeper:hidden@127.0.0.1:9/keeper"], ids=["spoilt", "away"])
async def test_without_its_state_it_is_not_healthy(tmp_path: Path, url: str) -> None:
    """Something else lies where the ledger should, or its server is away; it starts, and says no more than that."""
    (tmp_path / "sandbox").mkdir()
    local = {"STORYKEEPER_SANDBOX": "1", "STORYKEEPER_ELEVENLABS_URL": ""}
    with place(tmp_path, STORYKEEPER_DATABASE_URL=url, **local) as here:
        (tmp_path / "sandbox" / "storykeeper.sqlite").write_bytes(b"a picture" * 400)
        with endpoint(here) as at:
            async with httpx2.AsyncClient(trust_env=False) as http:
                sick = await http.get(f"{at.base}/healthz")
    assert (sick.status_code, sick.json()) == (503, {"status": "unavailable"})


@dataclass
class Holding:
    """An ElevenLabs that keeps one request waiting until the test lets go."""

    app: ASGIApp
    path: str
    came: threading.Event
    go_on: threading.Event

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") == self.path:
            self.came.set()
            await anyio.to_thread.run_sync(self.go_on.wait)
        await self.app(scope, receive, send)


async def test_told_to_go_it_ends_what_is_under_way(tmp_path: Path) -> None:
    """The call that waits is answered; meanwhile others are sent elsewhere, and whoever asks is told."""
    upstream = Holding(build(State(None)), "/v2/voices", threading.Event(), threading.Event())
    with served(upstream) as url, httpx.Client(base_url=url) as remote, endpoint(Place(remote, tmp_path)) as at:
        answers: list[httpx2.Response] = []

        async def call() -> None:
            answers.append(await post(at.url, **message("tools/call", name="list_voices", arguments={})))

        async with anyio.create_task_group() as group, httpx2.AsyncClient(trust_env=False) as http:
            group.start_soon(call)
            await anyio.to_thread.run_sync(upstream.came.wait)
            try:
                at.process.send_signal(signal.SIGTERM)
                while (going := await http.get(f"{at.base}/healthz")).status_code == 200:
                    await anyio.lowlevel.checkpoint()
                late = await http.post(at.url, **message("tools/list"))
            finally:
                upstream.go_on.set()
        assert await anyio.to_thread.run_sync(at.process.wait, PATIENCE) == 0
    assert going.json() == {"status": "draining"}
    assert (late.status_code, late.headers["retry-after"]) == (503, "1")
    assert [answer.status_code for answer in answers] == [200]
    assert answers[0].json()["result"]["structuredContent"]["voices"] == []


async def test_told_to_go_it_waits_for_nobody_who_only_listens(tmp_path: Path) -> None:
    """The streams of clients of either era would never end by themselves; they do, in order."""
    listen = message("subscriptions/listen", notifications={"resourcesListChanged": True})
    with place(tmp_path) as here, endpoint(here) as at:
        async with calling(at.url, mode="legacy") as client, httpx2.AsyncClient(trust_env=False, timeout=None) as http:
            await client.list_tools()
            async with http.stream("POST", at.url, **listen) as stream:
                parts = stream.aiter_bytes()
                told = [await anext(parts)]
                at.process.send_signal(signal.SIGTERM)
                told += [part async for part in parts]
            assert await anyio.to_thread.run_sync(at.process.wait, PATIENCE) == 0
    assert stream.headers["content-type"] == "text/event-stream"
    assert told[0]


def workers(supervisor: int) -> set[int]:
    """The processes that it started, as the system lists them."""
    found = set[int]()
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):  # which has ended meanwhile
            if f"\nPPid:\t{supervisor}\n" in status.read_text():
                found.add(int(status.parent.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc whose children there are")
async def test_several_workers_serve_at_one_address(tmp_path: Path) -> None:
    """One that is killed has a successor; told to go, all of them go."""
    with place(tmp_path) as here, endpoint(here, "--workers", "2") as at:
        while len(first := workers(at.process.pid)) < 2:
            await anyio.lowlevel.checkpoint()
        async with calling(at.url, mode="legacy") as client:
            before = [(await client.call_tool("list_companions", {})).is_error for _ in range(4)]
        os.kill(min(first), signal.SIGKILL)
        while len(after := workers(at.process.pid)) < 2 or min(first) in after:
            await anyio.lowlevel.checkpoint()
        async with calling(at.url) as client:
            again = (await client.call_tool("list_companions", {})).is_error
        at.process.send_signal(signal.SIGTERM)
        code = await anyio.to_thread.run_sync(at.process.wait, PATIENCE)
    assert (len(first), len(after), code) == (2, 2, 0)
    assert [*before, again] == [False] * 5
    assert not any(Path(f"/proc/{pid}").exists() for pid in first | after)


@dataclass
class InTurn(httpx2.AsyncBaseTransport):
    """A proxy that sends each request to another server than the last."""

    urls: list[str]
    inner: httpx2.AsyncBaseTransport
    tokens: list[str]

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.urls.append(self.urls.pop(0))
        request.url = httpx2.URL(self.urls[0])
        request.headers["Host"] = request.url.netloc.decode()
        if request.headers.get("mcp-method") == "tools/call":
            self.tokens.append(self.tokens.pop(0))
        request.headers["Authorization"] = f"Bearer {self.tokens[0]}"
        return await self.inner.handle_async_request(request)


OTHER = "other-" + "o" * 24


@pytest.mark.parametrize("tokens", [[MAKER], [MAKER, OTHER]], ids=["its own", "another's"])
async def test_a_question_of_one_server_is_answered_at_another(tmp_path: Path, tokens: list[str]) -> None:
    """What a client carries from one to the other is sealed for all of them, and for this caller alone."""
    asked: list[str] = []

    async def answer(_: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        content = {"agree": True, "kind": "self", "granted_by": "Dorothy", "confirm": True}
        return ElicitResult(action="accept", content=content)

    settings = {"STORYKEEPER_HTTP_TOKENS": f"{TOKENS},other:read+provision:{OTHER}", "STORYKEEPER_FILES": str(EXAMPLE)}
    with place(tmp_path, **settings) as here, endpoint(here) as one, endpoint(here) as two:
        async with calling(one.url, MAKER) as client:
            plan = (await client.call_tool("plan_companion", {"spec": SPEC})).structured_content
        async with httpx2.AsyncHTTPTransport() as network:
            proxy = InTurn([one.url, two.url], network, tokens)
            async with calling(one.url, MAKER, proxy, elicitation_callback=answer) as client:
                call = client.call_tool(
                    "provision_companion", {"plan_id": plan["plan_id"] if plan else "", "wait_seconds": 0}
                )
                if tokens[1:]:
                    with pytest.raises(MCPError, match="requestState"):
                        await call
                else:
                    assert not (await call).is_error
    assert asked
    assert "Dorothy" in asked[0]


@pytest.mark.parametrize("options", [["--stateless"], []], ids=["without sessions", "with sessions"])
async def test_an_older_client_may_reach_any_process_that_keeps_no_sessions(tmp_path: Path, options: list[str]) -> None:
    """It isn't asked anything there, and is told what to do instead. A session is known to its own process alone."""

    async def answer(_: Any, params: Any) -> ElicitResult:
        raise AssertionError(params)

    told: list[str] = []
    with place(tmp_path, STORYKEEPER_FILES=str(EXAMPLE)) as here, ExitStack() as stack:
        urls = [stack.enter_context(endpoint(here, *options)).url for _ in range(2)]
        async with httpx2.AsyncHTTPTransport() as network:
            proxy = InTurn(urls, network, [READER])
            async with calling(urls[0], READER, proxy, mode="legacy", elicitation_callback=answer) as client:
                try:
                    plan = (await client.call_tool("plan_companion", {"spec": SPEC})).structured_content or {}
                    made = await client.call_tool("provision_companion", {"plan_id": plan["plan_id"]})
                    told.append(str(made.content))
                except MCPError as lost:
                    told.append(lost.error.message)
    assert ("call record_consent" if options else "Session") in told[0]


def test_nobody_is_let_in_from_outside_unasked(tmp_path: Path) -> None:
    """It refuses before it listens, in one sentence."""
    with place(tmp_path) as here, here.start("mcp", "--http", "0.0.0.0:0") as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (4, "")
    assert "on your bill" in err
    assert len(err.splitlines()) == 1


def test_with_tokens_it_may_be_reached_from_outside(tmp_path: Path) -> None:
    """And still only those who show one get anything."""
    with place(tmp_path, STORYKEEPER_HTTP_TOKENS=TOKENS) as here, here.start("mcp", "--http", "0.0.0.0:0") as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        refused = httpx.post(url, json={}, trust_env=False)
        process.terminate()
        process.communicate(timeout=PATIENCE)
    assert (refused.status_code, process.returncode) == (401, 0)
