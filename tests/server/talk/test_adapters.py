"""The same session route inside a site's own Flask or FastAPI."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
from fastapi import FastAPI, Header
from flask import Flask, request

from processes import Place, place
from stage import EXAMPLE
from storykeeper_server.talk import for_fastapi, for_flask
from storykeeper_server.talk.desk import Desk
from storykeeper_server.talk.limits import Gate, Limits
from storykeeper_server.talk.portal import Portal
from storykeeper_server.talk.route import route
from storykeeper_server.wiring import settings, wire
from storykeeper_tools.errors import BadInput

pytestmark = pytest.mark.anyio
SITE = "https://family.example"
PAGE = {"Origin": SITE, "X-Storykeeper": "talk", "X-Visitor": "niamh", "Content-Type": "application/json"}
Site = AbstractAsyncContextManager[httpx.AsyncClient]
Opening = Callable[[], AbstractAsyncContextManager[Desk]]


@asynccontextmanager
async def flask_site(opening: Opening, companions: list[str]) -> AsyncIterator[httpx.AsyncClient]:
    app = Flask("site")
    visitor: Callable[[], str | None] = lambda: request.headers.get("X-Visitor")  # noqa: E731 - as a site would have it
    app.register_blueprint(
        for_flask.sessions(opening, visitor, origins=[SITE], companions=companions), url_prefix="/talk"
    )
    client = app.test_client()

    class Wsgi(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            body = await request.aread()
            headers = {k: v for k, v in request.headers.items() if k != "host"}

            def call() -> Any:
                return client.open(request.url.raw_path.decode(), method=request.method, headers=headers, data=body)

            answer = await anyio.to_thread.run_sync(call)
            return httpx.Response(answer.status_code, headers=list(answer.headers), content=answer.data)

    async with httpx.AsyncClient(transport=Wsgi(), base_url=SITE) as http:
        yield http


@asynccontextmanager
async def fastapi_site(opening: Opening, companions: list[str]) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()

    def visitor(x_visitor: str | None = Header(None)) -> str | None:
        return x_visitor

    app.include_router(for_fastapi.sessions(opening, visitor, origins=[SITE], companions=companions), prefix="/talk")
    state: dict[str, Any] = {}
    async with app.router.lifespan_context(app) as kept:
        state.update(kept or {})

        async def stateful(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "state": dict(state)}, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(stateful), base_url=SITE) as http:
            yield http


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A sandbox with a companion."""
    home = tmp_path_factory.mktemp("home")
    with place(home) as here:
        yield here


@pytest.fixture(scope="module")
def companion(here: Place) -> str:
    files = ["--audio", str(EXAMPLE / "recording.mp3"), "--memories", str(EXAMPLE / "memories")]
    made = here.run("provision", "--name", "Dorothy", *files, "--consent", "self", "--yes")
    return made["companion"]


@pytest.fixture
def opening(here: Place, companion: str, monkeypatch: pytest.MonkeyPatch) -> Opening:
    """As `storykeeper_server.embedding.desk`, with a small limit."""
    assert companion
    for name, value in here.env.items():
        monkeypatch.setenv(name, value)

    @asynccontextmanager
    async def desk() -> AsyncGenerator[Desk]:
        keeper = wire(settings())
        async with keeper.running(work=False):
            yield Desk(keeper.sessions, Gate(Limits(caller=3, total=50)))

    return desk


@pytest.mark.parametrize("site", [flask_site, fastapi_site])
async def test_a_site_gets_links_for_its_visitors_alone(
    site: Callable[[Opening, list[str]], Site], opening: Opening, companion: str
) -> None:
    """From its own pages, for its own companions, as often as the limit has it."""
    async with site(opening, [companion]) as http:
        path = f"/talk/{companion}/session"

        async def ask(path: str = path, *, without: str = "", content: bytes = b"{}", **more: str) -> httpx.Response:
            said = {**PAGE, **{name.replace("_", "-"): value for name, value in more.items()}}
            headers = {name: value for name, value in said.items() if name != without}
            return await http.post(path, content=content, headers=headers)

        refused = [
            (await ask(without="X-Visitor"), 401, "unauthorized"),
            (await ask(without="Origin"), 403, "forbidden"),
            (await ask(Origin="https://evil.example"), 403, "forbidden"),
            (await ask(without="X-Storykeeper"), 403, "forbidden"),
            (await ask(Sec_Fetch_Site="cross-site"), 403, "forbidden"),
            (await ask("/talk/other-0000/session"), 404, "not_found"),
            (await ask(content=b"["), 400, "bad_request"),
            (await ask(content=b" " * 10_000), 413, "too_long"),
        ]
        for answer, status, code in refused:
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
            assert answer.headers["cache-control"] == "no-store"
        assert (await http.get(path, headers=PAGE)).status_code == 405

        answers = [await ask() for _ in range(4)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429]
        assert answers[0].json()["signed_url"].startswith("ws://127.0.0.1:")
        assert answers[0].headers["cache-control"] == "no-store"
        assert int(answers[3].headers["retry-after"]) > 0
        assert (await ask(X_Visitor="clare")).status_code == 200


@pytest.mark.parametrize(
    ("origins", "companions"),
    [
        ([], ["a"]),
        ([SITE], []),
        (SITE, ["a"]),
        ([SITE], "a"),
        (["*"], ["a"]),
        (["http://family.example"], ["a"]),
        ([f"{SITE}/"], ["a"]),
    ],
)
def test_a_route_that_would_be_open_is_not_made(origins: Any, companions: Any) -> None:
    """It is said for which pages, and for whom."""
    with pytest.raises(BadInput):
        route(origins, companions)


def test_a_site_that_cannot_be_opened_leaves_no_thread_behind() -> None:
    """Or its process would never end."""

    @asynccontextmanager
    async def broken() -> AsyncGenerator[Desk]:
        raise BadInput("no key")
        yield

    async def ask(desk: Desk) -> Desk:
        return desk

    before = threading.active_count()
    portal = Portal(broken)
    for _ in range(3):
        with pytest.raises(BadInput):
            portal.call(ask)
    assert threading.active_count() == before


def test_nothing_of_the_sites_is_needed_by_storykeeper_itself(tmp_path: Path) -> None:
    """Flask is only imported by its own adapter."""
    source = Path(for_flask.__file__).parent
    users = [
        path.name
        for path in source.glob("*.py")
        if "import flask" in path.read_text() or "from flask" in path.read_text()
    ]
    assert users == ["for_flask.py"]
    assert tmp_path
