"""What browsers and strangers try over HTTP: at the MCP server, and at the page that people talk through."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from processes import PATIENCE, Place, place
from wire import ERAS, Web, request, webbed

EXAMPLE = Path(__file__).parent.parent / "examples" / "dorothy"
EVIL = "https://evil.example"


@dataclass(frozen=True)
class Asked:
    """A request, and which statuses are right. `{c}` in a path is the companion's id."""

    what: str
    method: str
    path: str
    statuses: tuple[int, ...]
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: str = ""


def _mcp(
    what: str, *statuses: int, method: str = "POST", path: str = "/mcp", body: str = "CALL", **headers: str
) -> Asked:
    return Asked(what, method, path, statuses, {name.replace("_", "-"): value for name, value in headers.items()}, body)


MCP = [
    _mcp("another Host", 421, host="evil.example"),
    _mcp("another Host with this port", 421, host="127.0.0.1.evil.example:80"),
    _mcp("another Origin", 403, origin=EVIL),
    _mcp("an Origin that says null", 403, origin="null"),
    _mcp("what a form may send", 400, 403, 415, content_type="text/plain"),
    _mcp("what a form may send from elsewhere", 403, content_type="application/x-www-form-urlencoded", origin=EVIL),
    _mcp("a page that asks whether it may", 400, 403, 404, 405, method="OPTIONS", origin=EVIL, access_control_request_method="POST"),
    _mcp("nothing that may be answered with", 400, 406, accept="text/html"),
    _mcp("a version that there isn't", 400, mcp_protocol_version="1999-01-01"),
    _mcp("another method in the header", 400, mcp_method="tools/list"),
    _mcp("another name in the header", 400, mcp_name="list_agents"),
    _mcp("a session that there isn't", 400, 404, mcp_session_id="x", mcp_protocol_version=ERAS[0], body="OLD CALL"),
    _mcp("no body", 400, body=""),
    _mcp("a body of 5 MB", 413, body="x" * 5_000_000),
    _mcp("a PUT", 404, 405, method="PUT"),
    _mcp("another path", 404, path="/"),
    _mcp("a path above", 404, path="/mcp/../../etc/passwd"),
    _mcp("a path in disguise", 404, path="/mcp/%2e%2e/%2e%2e/etc/passwd"),
]  # fmt: skip
_SESSION = "/api/companions/{c}/session"
PAGE = [
    Asked("a link by GET", "GET", _SESSION, (404, 405)),
    Asked("a link from elsewhere", "POST", _SESSION, (401, 403), {"origin": EVIL}, "{}"),
    Asked("a link from nowhere, without a token", "POST", _SESSION, (401, 403), {}, "{}"),
    Asked("a link with a wrong token", "POST", _SESSION, (401, 403), {"authorization": "Bearer wrong"}, "{}"),
    Asked("a link with a token in the address", "POST", f"{_SESSION}?token=wrong", (401, 403), {}, "{}"),
    Asked("a link by a form", "POST", _SESSION, (400, 401, 403, 415), {"origin": EVIL, "content-type": "text/plain"}, "{}"),
    Asked("a link to an agent that isn't a companion", "POST", "/api/companions/agent_unknown/session", (404,), {"origin": "OWN", "x-storykeeper": "talk"}, "{}"),
    Asked("a link to what is no id", "POST", "/api/companions/..%2f..%2fv1%2fuser/session", (404,), {"origin": "OWN", "x-storykeeper": "talk"}, "{}"),
    Asked("a page that asks whether it may", "OPTIONS", _SESSION, (400, 403, 404, 405), {"origin": EVIL, "access-control-request-method": "POST"}),
    Asked("another Host", "GET", "/", (400, 403, 404, 421), {"host": "evil.example"}),
    Asked("a file beside the page's", "GET", "/assets/..%2f..%2fapp.py", (404,)),
    Asked("a file of the system", "GET", "/assets/%2fetc%2fpasswd", (404,)),
    Asked("markup for a companion", "GET", "/c/%3Cscript%3Ealert(1)%3C%2Fscript%3E", (404,)),
]  # fmt: skip


@pytest.fixture(autouse=True)
def counted(record_property: Callable[[str, object], None]) -> None:
    """All of it is of the table's group I."""
    record_property("bad input", "I")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A sandbox with a companion."""
    with place(tmp_path_factory.mktemp("web")) as here:
        here.run("provision", str(EXAMPLE / "companion.yaml"), "--yes")
        yield here


@pytest.fixture(scope="module")
def web(here: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """The MCP server, at which the next good call always works."""
    with webbed(here, ERAS[1], tmp_path_factory.mktemp("log") / "stderr") as (web, running):
        yield web
        assert "Traceback" not in running.said()


@pytest.fixture(scope="module")
def page(here: Place) -> Iterator[httpx.Client]:
    """The talk page."""
    with here.start("talk", "--port", "0") as server:
        assert server.stdout
        url = server.stdout.readline().strip().rstrip("/")
        try:
            with httpx.Client(base_url=url, trust_env=False, timeout=10) as http:
                http.get("/").raise_for_status()  # whoever opens it has its cookie
                yield http
        finally:
            server.terminate()
            said = "".join(server.communicate(timeout=PATIENCE))
            assert not any(word in said for word in ("Traceback", "conversation_signature", "xi-api-key"))


def safe(response: httpx.Response, row: Asked) -> None:
    """The status; nothing for other sites to read, nothing of this machine, and no link that is good for anything."""
    assert response.status_code in row.statuses, (response.status_code, response.text[:300])
    assert "access-control-allow-origin" not in response.headers
    said = response.text
    assert not any(word in said for word in ("Traceback", "signature", "root:x:", "<script>alert"))
    assert len(said) <= 600 or response.headers.get("content-type", "").startswith("text/html")


@pytest.mark.parametrize("row", MCP, ids=[row.what for row in MCP])
def test_the_mcp_server_answers_nobody_it_should_not(web: Web, here: Place, row: Asked) -> None:
    """No other site, no form, no half a protocol; nothing goes upstream, and the next good call works."""
    here.http.delete("/_sandbox/requests")
    call = {"name": "check_quota", "arguments": {}}
    bodies = {
        "CALL": json.dumps(request(ERAS[1], 1, "tools/call", call)),
        "OLD CALL": json.dumps(request(ERAS[0], 1, "tools/call", call)),
    }
    headers = {**web.headers("tools/call", "check_quota"), **row.headers}
    body = bodies.get(row.body, row.body)
    safe(web.http.request(row.method, row.path, content=body, headers=headers, timeout=5), row)
    assert here.http.get("/_sandbox/requests").json()["count"] == 0
    assert web.call("list_companions").code == "ok"


@pytest.mark.parametrize("row", PAGE, ids=[row.what for row in PAGE])
def test_the_page_gives_no_link_to_strangers(page: httpx.Client, here: Place, row: Asked) -> None:
    """And no talk is begun at the service for them."""
    here.http.delete("/_sandbox/requests")
    companion = here.run("list")["companions"][0]["companion"] if "{c}" in row.path else ""
    own = str(page.base_url).rstrip("/")
    headers = {name: own if value == "OWN" else value for name, value in row.headers.items()}
    safe(page.request(row.method, row.path.replace("{c}", companion), content=row.body, headers=headers), row)
    path = "/v1/convai/conversation/get-signed-url"
    assert here.http.get("/_sandbox/requests", params={"path": path}).json()["count"] == 0


def test_the_page_is_framed_nowhere_and_runs_nothing_of_others(page: httpx.Client) -> None:
    """Its policy names no inline script and no other site."""
    policy = page.get("/").headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert not any(word in policy for word in ("unsafe-inline", "unsafe-eval", " * ", "https:"))


def test_links_run_out_for_whoever_wants_too_many(page: httpx.Client, here: Place) -> None:
    """429 with when to come back, and no link is kept by anybody on the way."""
    companion = here.run("list")["companions"][0]["companion"]
    origin = {"origin": str(page.base_url).rstrip("/"), "x-storykeeper": "talk"}
    asked = {"mode": "text", "transport": "websocket"}
    seen = [page.post(f"/api/companions/{companion}/session", json=asked, headers=origin) for _ in range(60)]
    assert {each.status_code for each in seen} == {200, 429}
    assert {each.headers["cache-control"] for each in seen} == {"no-store"}
    assert all("retry-after" in each.headers for each in seen if each.status_code == 429)
