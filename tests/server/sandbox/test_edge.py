"""What reaches no handler: other methods, other paths, other origins, and whatever else a client may send."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect as dial
from websockets.exceptions import InvalidStatus

from judge import official
from judged import build
from storykeeper_server.sandbox import app
from storykeeper_server.sandbox.serving import serving
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio
KEY = {"xi-api-key": "sandbox"}


def connect(**options: Any) -> httpx.AsyncClient:
    """A client of a fresh judged sandbox."""
    transport = httpx.ASGITransport(build(State(None), **options))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=KEY)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "TRACE", "BREW"])
@pytest.mark.parametrize("path", ["/v1/user", "/v1/voices/add", "/v1/convai/agents/x", "/v1/history", "/v1/dubbing/x"])
async def test_a_method_that_the_service_lacks_is_a_405(method: str, path: str) -> None:
    """It says which there are, and the next request works."""
    async with connect() as client:
        answer = await client.request(method, path)
        after = await client.get("/v1/user")

    assert answer.status_code == 405
    assert answer.headers["allow"]
    assert method == "HEAD" or answer.json() == {"detail": "Method Not Allowed"}
    assert answer.headers["x-trace-id"]
    assert after.status_code == 200


async def test_every_official_operation_is_served_or_says_that_it_is_not(judge: object) -> None:
    """None is taken for a wrong method or a missing page, which would mean that the service doesn't have it."""
    paths: dict[str, Any] = (official() or {})["paths"]
    wrong: set[str] = set()
    transport = httpx.ASGITransport(app.build(State(None)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for path, item in paths.items():
            for method in {"get", "post", "put", "patch", "delete"} & item.keys():
                answer = await client.request(method, path.replace("{", "").replace("}", ""))
                if answer.status_code == 405 or answer.json() == {"detail": "Not Found"}:
                    wrong.add(f"{method.upper()} {path}")

    assert wrong == set()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/favicon.ico",
        "/v3/user",
        "/v1",
        "//v1/user",
        "/%00",
        "/v1/nowhere",
        "/v1/history/",
        "/v1//history",
        "/v1/dubbing/x/y/z/z/y",
    ],
)
async def test_other_paths_are_not_found(path: str) -> None:
    """What the service doesn't have there is nothing to emulate of."""
    async with connect() as client:
        answer = await client.get(path)

    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status"),
    [
        ("POST", "/v1/voices/add", b"", {}, 422),
        ("POST", "/v1/voices/add", b"{}", {"content-type": "application/json"}, 422),
        ("POST", "/v1/voices/add", b"--b\r\n\r\n", {"content-type": "multipart/form-data; boundary=b"}, 400),
        ("POST", "/v1/convai/agents/create", b"\xff\xfe", {"content-type": "application/json"}, 422),
        ("POST", "/v1/convai/agents/create", b"null", {}, 422),
        ("POST", "/v1/convai/agents/create", b"{}", {"content-type": "application/xml"}, 422),
        ("GET", "/v1/convai/agents?page_size=%00", b"", {}, 422),
        ("GET", "/v1/convai/agents?page_size=1e99&page_size=x", b"", {}, 422),
        ("GET", "/v1/convai/agents/%F0%28%8C%28", b"", {}, 404),
        ("GET", "/v1/convai/agents/" + "x" * 5000, b"", {}, 404),
        ("GET", "/v1/user", b"a body", {"content-type": "text/plain"}, 200),
        ("GET", "/v1/user", b"", {"xi-api-key": "\xe9"}, 401),
    ],
)
async def test_whatever_is_sent_gets_the_service_s_answer(
    method: str, path: str, content: bytes, headers: dict[str, str], status: int
) -> None:
    """Over a real connection, on which the next request works."""
    async with (
        serving(build(State(None))) as url,
        httpx.AsyncClient(base_url=url, headers={"xi-api-key": "sandbox"}) as client,
    ):
        sent = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = await client.request(method, path, content=content, headers=sent)  # pyright: ignore[reportArgumentType]
        after = await client.get("/v1/user")

    assert answer.status_code == status
    assert status == 200 or "detail" in answer.json()
    assert after.status_code == 200


@pytest.mark.parametrize(
    ("path", "faults", "status"),
    [
        ("/v1/user", [], 200),
        ("/v1/convai/agents/nobody", [], 404),
        ("/v1/nowhere", [], 404),
        ("/v1/history", [], 501),
        ("/v1/user", ["* * 500"], 500),
        ("/v1/user", ["* * 429"], 429),
    ],
)
async def test_pages_of_any_origin_may_read_every_answer(path: str, faults: list[str], status: int) -> None:
    """Errors too, else a page would only learn that something failed."""
    async with connect(faults=faults) as client:
        answer = await client.get(path, headers={"origin": "https://app.example"})

    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_browser_may_ask_before_it_sends_a_key() -> None:
    """The preflight takes no key, and no fault."""
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "xi-api-key,content-type"}
    # Not judged: the official file has no preflights.
    transport = httpx.ASGITransport(app.build(State(None), faults=["* * 500"]))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.options("/v1/convai/agents/create", headers={"origin": "https://app.example", **asked})

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "xi-api-key" in answer.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8765", 200),
        ("localhost", 200),
        ("[::1]:80", 200),
        ("rebound.example", 403),
        ("127.0.0.1.example", 403),
        ("localhost.example:8765", 403),
        ("[::1", 403),
        ("", 403),
    ],
)
@pytest.mark.parametrize("path", ["/v1/user", "/_sandbox"])
async def test_only_names_of_this_machine_are_answered(host: str, status: int, path: str) -> None:
    """A page whose name was rebound to this machine would be of the sandbox's own origin."""
    async with connect() as client:
        answer = await client.get(path, headers={"host": host})

    assert answer.status_code == status
    if status == 403:
        detail = answer.json()["detail"]
        assert (detail["code"], detail["request_id"]) == ("forbidden", answer.headers["x-trace-id"])


async def test_a_conversation_by_another_name_is_refused_in_the_handshake() -> None:
    """Browsers show the page nothing of why."""
    async with serving(build(State(None))) as url:
        port = httpx.URL(url).port
        named = f"ws://rebound.example:{port}/v1/convai/conversation?agent_id=x"
        with pytest.raises(InvalidStatus) as refused:
            await dial(named, host="127.0.0.1", port=port, proxy=None)

    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("path", ["/v1/convai/agents?cursor={}", "/v2/voices?next_page_token={}"])
@pytest.mark.parametrize("content", ["[" * 20_000, "[1, NaN]", "[1, [2]]", "\xff", "7"])
async def test_a_cursor_of_one_s_own_making_is_refused(path: str, content: str) -> None:
    """Whatever is in it, however deep."""
    token = base64.urlsafe_b64encode(content.encode("latin-1")).decode().rstrip("=")
    async with connect() as client:
        answer = await client.get(path.format(token))

    assert (answer.status_code, answer.json()["detail"]["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    ("charset", "status"),
    [
        ("utf-8", 422),
        ("ISO-8859-1", 422),
        ("undefined", 400),
        ("punycode", 400),
        ("raw_unicode_escape", 400),
        ("hex", 400),
        ("%00", 400),
        ("", 400),
    ],
)
async def test_a_form_is_read_in_a_charset_of_text_only(charset: str, status: int) -> None:
    """Some codecs can read nothing, or make what can't be written again; the 422 is for the missing files."""
    kind = f'multipart/form-data; boundary=b; charset="{charset}"'
    body = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n\\ud800\xe9-\r\n--b--\r\n'
    async with connect() as client:
        answer = await client.post("/v1/voices/add", content=body, headers={"content-type": kind})

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("query", "status"),
    [("page_size=", 422), ("page_size=&page_size=5", 200), ("archived=", 422), ("search=", 200), ("cursor=", 200)],
)
async def test_an_empty_value_in_a_query_is_an_empty_text(query: str, status: int) -> None:
    """It is no number, and not the default."""
    async with connect() as client:
        answer = await client.get(f"/v1/convai/agents?{query}")

    assert answer.status_code == status


async def test_a_failure_says_that_the_connection_ends() -> None:
    """Else the next request might go out on it just before it is closed."""
    impossible: Any = "an hour"  # makes the sandbox fail
    async with (
        serving(app.build(State(None), switches=app.Switches(list_lag_seconds=impossible))) as url,
        httpx.AsyncClient(base_url=url, headers=KEY) as client,
    ):
        answer = await client.get("/v1/convai/agents")
        after = await client.get("/v1/user")

    assert (answer.status_code, answer.headers["connection"]) == (500, "close")
    assert answer.json()["detail"]["code"] == "internal_error"
    assert after.status_code == 200
