"""`storykeeper mcp --http` as a service: real processes, the callers they let in, and an identity provider."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from subprocess import Popen
from typing import Any

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from processes import PATIENCE, Place

MODERN = "2026-07-28"
LONG_AGO, FAR_OFF = 1_000_000_000, 4_000_000_000


@dataclass
class Endpoint:
    """A server, and where it is."""

    url: str
    process: Popen[str]

    @property
    def base(self) -> str:
        return self.url.removesuffix("/mcp")


@contextmanager
def endpoint(here: Place, *options: str) -> Iterator[Endpoint]:
    """A server on any free port; told to go at the end, if it hasn't gone."""
    with here.start("mcp", "--http", "127.0.0.1:0", *options) as process:
        # Nobody reads what it logs, and a full pipe would stop it.
        drain = threading.Thread(target=lambda: process.stderr and process.stderr.read())
        drain.start()
        try:
            assert process.stdout
            yield Endpoint(process.stdout.readline().strip(), process)
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()
            drain.join()


@asynccontextmanager
async def calling(
    url: str,
    token: str = "",
    http: httpx2.AsyncBaseTransport | None = None,
    heard: list[str] | None = None,
    auth: httpx2.Auth | None = None,
    **more: Any,
) -> AsyncIterator[Client]:
    """A client that shows this token, if any; what goes to and fro is `heard`."""
    shown = {"Authorization": f"Bearer {token}"} if token else {}

    async def hear(response: httpx2.Response) -> None:
        if heard is not None:
            heard.extend(overheard(response))

    async with (
        httpx2.AsyncClient(
            headers=shown, transport=http, auth=auth, trust_env=False, event_hooks={"response": [hear]}
        ) as client,
        Client(streamable_http_client(url, http_client=client), **more) as caller,
    ):
        yield caller


def overheard(response: httpx2.Response) -> Iterator[str]:
    """A request and its answer, as one would see them on the wire."""
    request = response.request
    as_json = request.headers.get("content-type") == "application/json"
    said = json.loads(request.content) if as_json and request.content else {}
    what = " ".join(filter(None, (said.get("method"), said.get("params", {}).get("name"))))
    yield f"{request.method} {request.url.path} {what} -> {response.status_code} {response.reason_phrase}"
    if "www-authenticate" in response.headers:
        yield f"    {response.headers['www-authenticate']}"


def message(method: str, /, **params: Any) -> dict[str, Any]:
    """A request of the modern era, as `httpx2.AsyncClient.post` takes it."""
    meta = {
        f"io.modelcontextprotocol/{name}": value
        for name, value in (("protocolVersion", MODERN), ("clientCapabilities", {}))
    }
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": MODERN, "Mcp-Method": method}
    if "name" in params:
        headers["Mcp-Name"] = params["name"]
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    return {"content": json.dumps(body), "headers": {**headers, "Content-Type": "application/json"}}


@dataclass
class Issuer:
    """An identity provider: its metadata, its keys, how often they were asked for, and the scopes of what it gave."""

    key: RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    asked: int = 0
    given: list[str] = field(default_factory=list[str])
    url: str = ""
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])

    def app(self) -> Starlette:
        async def metadata(request: Request) -> JSONResponse:
            own = {name: f"{self.url}/{name}" for name in ("authorization_endpoint", "token_endpoint")}
            said = {"issuer": self.url, "jwks_uri": f"{self.url}/keys", "response_types_supported": ["code"]}
            return JSONResponse({**own, **said, **self.metadata})

        async def keys(_: Request) -> JSONResponse:
            self.asked += 1
            return JSONResponse({"keys": [public(self.key)]})

        async def give(request: Request) -> JSONResponse:
            form = await request.form()
            self.given.append(str(form["scope"]))
            token = self.token(scope=form["scope"], aud=form["resource"])
            return JSONResponse({"access_token": token, "token_type": "Bearer", "scope": form["scope"]})

        return Starlette(
            routes=[
                Route("/.well-known/oauth-authorization-server", metadata),
                Route("/keys", keys),
                Route("/token_endpoint", give, methods=["POST"]),
            ]
        )

    def token(
        self, key: Any = None, algorithm: str = "RS256", header: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        """One that is good, but for what is said otherwise; what is None is left out."""
        usual = {"iss": self.url, "aud": AUDIENCE, "sub": "ada", "client_id": "desk", "scope": "read", "exp": FAR_OFF}
        said = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        told = {"kid": "one", **(header or {})}
        headers = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(said, self.key if key is None else key, algorithm, headers)

    @property
    def public_pem(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


AUDIENCE = "https://keeper.example.org/mcp"


def public(key: RSAPrivateKey) -> dict[str, Any]:
    """As a provider publishes it."""
    return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "one", "use": "sig", "alg": "RS256"}
