"""The session route: a talk for who may have one, and for nobody else; whatever fails, fails closed."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx
import pytest

from stage import Held, Stage
from storykeeper_server.talk.limits import Limits
from storykeeper_tools.companion.spec import Wish
from visiting import DOROTHY, ORIGIN, TOKEN, made, visitor

pytestmark = pytest.mark.anyio
MINTS = "/v1/convai/conversation/get-signed-url"


def error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


async def test_a_page_that_was_opened_here_gets_a_link(stage: Stage) -> None:
    """For one talk, kept by nobody on the way, with how long the talk may be."""
    view = await made(stage)
    async with visitor(stage) as page:
        answer = await page.ask(view.companion, {"mode": "text", "transport": "websocket"})

    opened = answer.json()
    assert answer.status_code == 200
    assert set(opened) == {"signed_url", "expires_at", "max_minutes"}
    assert answer.headers["cache-control"] == "no-store"
    link = urlsplit(opened["signed_url"])
    assert (link.scheme, link.path, parse_qs(link.query)["agent_id"]) == (
        "ws",
        "/v1/convai/conversation",
        [view.agent_id],
    )
    assert "conversation_id" in parse_qs(link.query)  # which makes it good for one talk
    assert opened["max_minutes"] == 30
    assert datetime.fromisoformat(opened["expires_at"]).tzinfo is not None


@pytest.mark.parametrize(("embedded", "flag"), [(False, ""), (True, " --sandbox")])
async def test_whoever_looks_at_a_companion_is_told_where_to_talk_to_it(
    stage: Stage, embedded: bool, flag: str
) -> None:
    """With the command for a page: a link alone is nothing that a person could open."""
    view = await made(stage)
    workspace = replace(stage.keeper.companions.workspace, embedded=embedded)
    seen = await replace(stage.keeper.companions, workspace=workspace).get_companion(view.companion)
    assert seen.next.endswith(f"in a terminal, `storykeeper talk {view.companion}{flag}` opens a page for that")


async def test_a_widget_may_begin_again_with_its_link(stage: Stage) -> None:
    """Where it asks for that."""
    view = await made(stage)
    async with visitor(stage) as page:
        answer = await page.ask(view.companion, {"again": True})
    assert "conversation_id" not in answer.json()["signed_url"]


async def test_a_token_for_webrtc(stage: Stage) -> None:
    """In the place of a link."""
    view = await made(stage)
    async with visitor(stage) as page:
        answer = await page.ask(view.companion, {"transport": "webrtc"})
    assert set(answer.json()) == {"token", "expires_at", "max_minutes"}


FOREIGN: list[dict[str, str]] = [
    {"Origin": "http://127.0.0.1:9999"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"without": "Origin"},
    {"without": "X-Storykeeper"},
    {"X_Storykeeper": "yes"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
    {"Cookie": "storykeeper-talk-8780=made.up"},
    {"Cookie": "storykeeper-talk-8780=."},
    {"Cookie": "storykeeper-talk-8780=\x80.\x80"},
    {"Host": "evil.example"},
    {"Host": "127.0.0.1:9999"},
]


async def test_what_another_page_could_send_opens_nothing(stage: Stage) -> None:
    """Neither another origin nor a request that no page of ours makes; the service isn't even asked."""
    view = await made(stage)
    async with visitor(stage) as page:
        for wrong in FOREIGN:
            answer = await page.ask(view.companion, **wrong)
            assert error(answer) == (403, "forbidden"), wrong
            assert "access-control-allow-origin" not in answer.headers
        assert stage.faults.sent("GET", MINTS) == 0
        assert (await page.ask(view.companion)).status_code == 200


async def test_a_page_that_was_never_opened_here_gets_none(stage: Stage) -> None:
    """It has no cookie."""
    view = await made(stage)
    async with visitor(stage, opens=False) as page:
        assert error(await page.ask(view.companion)) == (403, "forbidden")


async def test_only_posts_and_no_preflight(stage: Stage) -> None:
    """A link can't be had by an address, nor by another page that asks first."""
    view = await made(stage)
    path = f"/api/companions/{view.companion}/session"
    async with visitor(stage) as page:
        for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS"):
            answer = await page.http.request(
                method, path, headers={**page.said, "Access-Control-Request-Method": "POST"}
            )
            assert answer.status_code == 405
            assert "access-control-allow-origin" not in answer.headers


STRANGE: list[tuple[bytes, tuple[int, str]]] = [
    (b"{", (400, "bad_request")),
    (b"[]", (400, "bad_request")),
    (b'{"mode": "song"}', (400, "bad_request")),
    (b'{"mode": ["text"]}', (400, "bad_request")),
    (b'{"again": 1}', (400, "bad_request")),
    (b'{"agent_id": "agent_1"}', (400, "bad_request")),
    (b"[" * 5000, (400, "bad_request")),
    (b" " * 9000, (413, "too_long")),
]


async def test_a_body_that_asks_for_something_else_is_refused(stage: Stage) -> None:
    """In our own words."""
    view = await made(stage)
    async with visitor(stage) as page:
        headers = {**page.said, "Content-Type": "application/json"}
        path = f"/api/companions/{view.companion}/session"
        for body, code in STRANGE:
            assert error(await page.http.post(path, content=body, headers=headers)) == code, body[:40]
        form = await page.http.post(path, data={"mode": "text"}, headers=page.said)
        assert error(form) == (400, "bad_request")
        assert (await page.http.post(path, content=b"", headers=headers)).status_code == 200


async def test_only_finished_companions_are_there(stage: Stage) -> None:
    """Not what is unknown or only planned; an agent's own id, a path and another kind of id are nobody, too."""
    view = await made(stage)
    planned = await stage.call("plan_companion", spec=Wish.model_validate(DOROTHY | {"subject": {"name": "Ruth"}}))
    strangers = [
        "ruth-0000",
        planned.companion,
        view.agent_id,
        view.voice_id,
        "..%2f..%2fv1",
        "a?x=1",
        "x" * 200,
        "%00",
    ]
    async with visitor(stage) as page:
        for stranger in strangers:
            assert (await page.ask(stranger)).status_code in {404, 405}, stranger
            assert (await page.http.get(f"/api/companions/{stranger}")).status_code == 404, stranger
        [card] = (await page.http.get("/api/companions")).json()["companions"]
    assert card["id"] == view.companion
    assert stage.faults.sent("GET", MINTS) == 0


async def test_a_page_for_one_companion_shows_no_other(stage: Stage) -> None:
    """Neither on the gallery nor by its id."""
    view, other = await made(stage), await made(stage, subject={"name": "Ruth"})
    async with visitor(stage, only=view.companion) as page:
        assert [c["id"] for c in (await page.http.get("/api/companions")).json()["companions"]] == [view.companion]
        assert error(await page.ask(other.companion)) == (404, "not_found")
        assert (await page.http.get(f"/api/companions/{other.companion}")).status_code == 404


async def test_a_paused_companion_receives_nobody_until_it_is_resumed(stage: Stage) -> None:
    """It is shown as closed, and who was turned away isn't counted."""
    view = await made(stage)
    async with visitor(stage, limits=Limits(caller=1, total=1)) as page:
        await stage.call("retire_companion", companion=view.companion, action="pause")
        assert error(await page.ask(view.companion)) == (409, "paused")
        [card] = (await page.http.get("/api/companions")).json()["companions"]
        assert (card["name"], card["state"]) == ("Dorothy", "paused")
        await stage.call("retire_companion", companion=view.companion, action="resume")
        assert (await page.ask(view.companion)).status_code == 200
    assert stage.faults.sent("GET", MINTS) == 1


async def test_a_companion_whose_consent_was_taken_back_receives_nobody(stage: Stage) -> None:
    """Its page doesn't say why."""
    view = await made(stage)
    await stage.keeper.revoking.revoke(view.companion, 60)
    async with visitor(stage) as page:
        answer = await page.ask(view.companion)
    assert error(answer) == (409, "paused")
    assert "consent" not in answer.text


async def test_a_forgotten_companion_is_nobody(stage: Stage) -> None:
    """As if there had never been one."""
    view = await made(stage)
    asked = await stage.call("retire_companion", companion=view.companion, action="forget")
    await stage.call(
        "retire_companion", companion=view.companion, action="forget", confirm=asked.confirm, wait_seconds=60
    )
    async with visitor(stage) as page:
        assert error(await page.ask(view.companion)) == (404, "not_found")
        assert (await page.http.get("/api/companions")).json()["companions"] == []


FAULTS: list[tuple[str, tuple[int, str]]] = [
    ("500 before", (503, "unavailable")),
    ("html", (503, "unavailable")),
    ("no permission", (503, "unavailable")),
    ("refused", (503, "unavailable")),
    ("reset after", (503, "unavailable")),
    ("429 0", (503, "busy")),
]


async def test_what_the_service_answers_is_told_in_our_words(stage: Stage) -> None:
    """Never as it came, never with a bare agent in its place; and the next visitor is served."""
    view = await made(stage)
    async with visitor(stage, patience=60) as page:
        for fault, expected in FAULTS:
            stage.faults.due = [("GET", MINTS, fault)] * 10
            answer = await page.ask(view.companion)
            assert error(answer) == expected, fault
            for secret in ("user_read", "<h1>", "sandbox", "elevenlabs", view.agent_id, "signed"):
                assert secret not in answer.text.lower()
            stage.faults.due.clear()
            assert (await page.ask(view.companion)).status_code == 200


async def test_a_service_that_does_not_answer_is_not_waited_for(stage: Stage) -> None:
    """Longer than a visitor has patience."""
    view = await made(stage)
    link = stage.keeper.elevenlabs.link
    await link.close()
    link.transport = held = Held(stage.faults, MINTS)
    async with visitor(stage, patience=0.2) as page:
        assert error(await page.ask(view.companion)) == (503, "unavailable")
        assert held.came.is_set()


async def test_callers_share_a_limit_and_each_has_one(stage: Stage) -> None:
    """However many ask at the very same time, just as many get in as is promised; who is refused is told when to come."""
    view = await made(stage)
    limits = Limits(caller=3, total=5)
    async with visitor(stage, limits=limits) as page:
        answers: list[httpx.Response] = []

        async def ask(**more: str) -> None:
            answers.append(await page.ask(view.companion, **more))

        async with anyio.create_task_group() as group:
            for _ in range(12):
                group.start_soon(ask)
        assert sorted(a.status_code for a in answers) == [200] * 3 + [429] * 9
        refused = next(a for a in answers if a.status_code == 429)
        assert (error(refused), refused.headers["retry-after"]) == ((429, "rate_limited"), "600")

        others = [await page.ask(view.companion, Authorization=f"Bearer {TOKEN}") for _ in range(3)]
        assert [a.status_code for a in others] == [200, 200, 429]
        page.clock.now += 600
        assert (await page.ask(view.companion)).status_code == 200


async def test_what_is_refused_is_not_counted(stage: Stage) -> None:
    """A flood of another page's requests keeps nobody out."""
    view = await made(stage)
    async with visitor(stage, limits=Limits(caller=1, total=1)) as page:
        for _ in range(20):
            await page.ask(view.companion, Origin="https://evil.example")
            await page.ask("nobody-0000")
        assert (await page.ask(view.companion)).status_code == 200


async def test_a_visitor_is_counted_once_however_often_the_page_is_loaded(stage: Stage) -> None:
    """Each page gives back the cookie that it was shown; one that was made up is replaced."""
    view = await made(stage)
    async with visitor(stage, limits=Limits(caller=2, total=99)) as page:
        statuses: list[int] = []
        for _ in range(3):
            await page.http.get(f"/c/{view.companion}")
            statuses.append((await page.ask(view.companion)).status_code)
        assert statuses == [200, 200, 429]
        [name] = page.http.cookies
        forged = await page.http.get("/", headers={"Cookie": f"{name}=mine.0123456789abcdef0123456789abcdef"})
        assert "mine." not in forged.headers["set-cookie"]


TOKENS: list[tuple[dict[str, str], int]] = [
    ({"Authorization": f"Bearer {TOKEN}"}, 200),
    ({"Authorization": f"bearer {TOKEN}"}, 200),
    ({"Authorization": f"Bearer {TOKEN}x"}, 401),
    ({"Authorization": "Bearer "}, 401),
    ({"Authorization": "Bearer \xff"}, 401),
    ({"Authorization": f"Basic {TOKEN}"}, 401),
    ({"Authorization": f"Bearer {TOKEN}", "Origin": "https://evil.example"}, 403),
    ({}, 403),
]


async def test_a_caller_with_a_token_needs_no_page(stage: Stage) -> None:
    """One that is wrong is refused, whatever else is right."""
    view = await made(stage)
    async with visitor(stage, opens=False) as page:
        path = f"/api/companions/{view.companion}/session"
        for said, status in TOKENS:
            headers = [(name.encode(), value.encode("latin-1")) for name, value in said.items()]
            assert (await page.http.post(path, json={}, headers=headers)).status_code == status, said
        query = await page.http.post(f"{path}?token={TOKEN}&access_token={TOKEN}", json={})
        assert query.status_code == 403


async def test_a_page_that_everybody_can_reach_lets_nobody_in_without_a_token(stage: Stage) -> None:
    """Not even to look; its cookie alone opens nothing."""
    view = await made(stage)
    public = "https://talk.example.org"
    async with visitor(stage, closed=True, origin=public, opens=False) as page:
        page.said["Origin"] = public
        for path in (
            "/",
            f"/c/{view.companion}",
            "/api/companions",
            f"/api/companions/{view.companion}",
            "/assets/x.js",
        ):
            assert (await page.http.get(path)).status_code == 401, path
        assert error(await page.ask(view.companion)) == (401, "unauthorized")
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        shell = await page.http.get("/", headers=bearer)
        assert "Secure" in shell.headers["set-cookie"]
        assert error(await page.ask(view.companion)) == (401, "unauthorized")
        assert (await page.ask(view.companion, **bearer)).status_code == 200
        assert (await page.http.get("/healthz", headers={"Host": "10.0.0.7"})).json() == {"status": "ok"}


async def test_neither_key_nor_link_is_left_anywhere(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Not in a page, not in what it asks for, not in a header, and not in a log."""
    view = await made(stage)
    seen: list[str] = []
    async with visitor(stage) as page:
        with caplog.at_level(logging.DEBUG):
            link = (await page.ask(view.companion)).json()["signed_url"]
            stage.faults.due = [("GET", MINTS, "500 before")] * 4
            await page.ask(view.companion)
            for path in (
                "/",
                f"/c/{view.companion}",
                "/api/companions",
                f"/api/companions/{view.companion}",
                "/nothing",
            ):
                answer = await page.http.get(path)
                seen += [answer.text, str(answer.headers)]
                assert answer.headers["referrer-policy"] == "no-referrer"
    signature = parse_qs(urlsplit(link).query)["conversation_signature"][0]
    logged = "\n".join(
        str(vars(record)) + record.getMessage() for record in caplog.records if record.name.startswith("storykeeper")
    )
    told: Any = [*seen, logged]
    assert not [text for text in told if signature in text or view.agent_id in text or "xi-api-key" in text]


async def test_every_answer_has_its_fence(stage: Stage) -> None:
    """Errors and what isn't there, too."""
    view = await made(stage)
    async with visitor(stage) as page:
        for path in ("/", "/nothing", "/api/companions", f"/api/companions/{view.companion}", "/healthz"):
            headers = (await page.http.get(path)).headers
            policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
            assert policy["default-src"] == "'none'"
            assert policy["script-src"] == policy["style-src"] == "'self'"
            assert policy["connect-src"] == "'self' ws://127.0.0.1:9"
            assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["permissions-policy"].startswith("microphone=(self)")
            assert headers["cross-origin-resource-policy"] == "same-origin"
        strange = await page.http.get("/", headers={"Host": "rebound.example"})
        assert (error(strange), strange.headers["x-frame-options"]) == ((403, "forbidden"), "DENY")
        assert "set-cookie" not in strange.headers
        cookie = (await page.http.get("/")).headers["set-cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/"))
        assert ORIGIN.startswith("http://")


async def test_a_body_that_does_not_come_is_not_waited_for(stage: Stage) -> None:
    """However slowly it is sent."""
    view = await made(stage)

    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await anyio.sleep_forever()

    async with visitor(stage, patience=0.2) as page:
        headers = {**page.said, "Content-Type": "application/json"}
        answer = await page.http.post(f"/api/companions/{view.companion}/session", content=never(), headers=headers)
    assert error(answer) == (400, "bad_request")


async def test_a_visitor_who_hangs_up_leaves_no_trace(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Nor does a fault of ours say where in this machine it came from: nothing reaches the server that would log it."""
    view = await made(stage)
    path = f"/api/companions/{view.companion}/session"
    async with visitor(stage) as page:
        cookie = "; ".join(f"{name}={value}" for name, value in page.http.cookies.items())
        said = {
            **page.said,
            "Host": ORIGIN.removeprefix("http://"),
            "Content-Type": "application/json",
            "Cookie": cookie,
        }
        headers = [(name.lower().encode(), value.encode()) for name, value in said.items()]
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": headers,
        }
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        transport: Any = page.http._transport  # pyright: ignore[reportPrivateUsage]  # a client can't hang up halfway
        await transport.app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert "Traceback" not in caplog.text
