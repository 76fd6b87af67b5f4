"""The sandbox's own routes: what they show and turn, and whom they answer."""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import Any

import httpx
import pytest

from judged import build
from storykeeper_server.sandbox.app import Switches
from storykeeper_server.sandbox.clock import Clock
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio
TEXT = "/v1/convai/knowledge-base/text"


def connect(*, at: str = "http://127.0.0.1", caller: str = "127.0.0.1", **options: Any) -> httpx.AsyncClient:
    """A client of a fresh sandbox, at an address and from one, without a key."""
    transport = httpx.ASGITransport(build(State(None), **options), client=(caller, 5))
    return httpx.AsyncClient(transport=transport, base_url=at)


KEY = {"xi-api-key": "sandbox"}


async def test_the_overview_tells_what_the_sandbox_is() -> None:
    """Its plan, its switches, who speaks, which keys there are and how much it holds; and no key."""
    keys = ["sk_first", "sk_second workspace=sk_first scopes=convai_read credits=5 addresses=127.0.0.1"]
    options: dict[str, Any] = {"keys": keys, "plan": "starter", "switches": Switches(check_voice=False)}
    async with connect(**options, faults=["GET /v1/user 429 x2"]) as client:
        await client.post(f"{TEXT}?colour=red", json={"text": "x"}, headers={"xi-api-key": "sk_first"})
        answer = await client.get("/_sandbox")
    seen = answer.json()

    assert "nothing in it is real" in seen["service"]
    assert seen["plan"]["tier"] == "starter"
    assert seen["speech"] in ("espeak-ng", "tone")
    assert seen["switches"]["check_voice"] is False
    assert seen["counts"] == {"voice": 0, "document": 1, "agent": 0, "conversation": 0}
    assert (seen["requests"], seen["warnings"]) == (1, 1)
    assert [(fault["text"], fault["fired"]) for fault in seen["faults"]] == [("GET /v1/user 429 x2", 0)]
    assert [key["sha256"] for key in seen["keys"]] == [
        hashlib.sha256(k.split()[0].encode()).hexdigest()[:8] for k in keys
    ]
    assert seen["keys"][0]["workspace"] == seen["keys"][1]["workspace"]
    assert (seen["keys"][1]["scopes"], seen["keys"][1]["credits"]) == (["convai_read"], 5)
    assert "sk_" not in answer.text


async def test_requests_are_logged_without_what_is_in_them(recording: Any) -> None:
    """Names and sizes of parts, names of fields, and a digest of the key."""
    audio = recording(1.5)
    async with connect() as client:
        form = {"data": {"name": "Dörte"}, "files": {"files": ("mum.wav", audio)}}
        added = await client.post("/v1/voices/add?secret=1", **form, headers=KEY)
        await client.post(TEXT, json={"text": "A secret.", "name": "a secret"}, headers=KEY)
        await client.get("/v1/user", headers={"xi-api-key": "sk_wrong"})
        log = await client.get("/_sandbox/requests")
    voice, text, user = log.json()["requests"]

    assert voice["parts"] == [
        {"name": "name", "bytes": 6, "file": False},
        {"name": "files", "bytes": len(audio), "file": True},
    ]
    assert (voice["method"], voice["path"], voice["query"]) == ("POST", "/v1/voices/add", ["secret"])
    assert (voice["status"], voice["trace"]) == (200, added.headers["x-trace-id"])
    assert voice["key"] == hashlib.sha256(b"sandbox").hexdigest()[:8]
    assert [part["name"] for part in text["parts"]] == ["text", "name"]
    assert (user["status"], user["key"]) == (401, hashlib.sha256(b"sk_wrong").hexdigest()[:8])
    assert not any(secret in log.text for secret in ("A secret", "a secret", "mum.wav", "sk_wrong", "Dörte"))


@pytest.mark.parametrize("fault", ["429", "reset", "500-after-commit", "reset-after-commit"])
async def test_what_a_fault_struck_is_logged_whole(recording: Any, fault: str) -> None:
    """With the fault, its parts, and the status that was sent, if one was: a retry can be compared with its first try."""
    async with connect(faults=[f"POST /v1/voices/add {fault} x1"]) as client:
        form = {"data": {"name": "Dot"}, "files": {"files": ("a.wav", recording(1.5))}}
        with contextlib.suppress(ConnectionResetError):
            await client.post("/v1/voices/add", **form, headers=KEY)
        await client.post("/v1/voices/add", **form, headers=KEY)
        first, second = (await client.get("/_sandbox/requests")).json()["requests"]

    assert first["parts"] == second["parts"] != []
    assert (first["fault"], second["fault"]) == (f"POST /v1/voices/add {fault} x1", None)
    assert (first["status"], second["status"]) == ({"429": 429, "500-after-commit": 500}.get(fault), 200)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["/v1/user", "/v1/models", "/v1/user"]),
        ("?method=GET", ["/v1/user", "/v1/models"]),
        ("?path=/v1/user", ["/v1/user", "/v1/user"]),
        ("?path=*/models", ["/v1/models"]),
        ("?path=/v1/{any}&method=PUT", ["/v1/user"]),
        ("?path=/v1", []),
    ],
)
async def test_the_log_can_be_searched(query: str, found: list[str]) -> None:
    """By method and path, in the order in which the requests came."""
    async with connect() as client:
        for method, path in (("GET", "/v1/user"), ("GET", "/v1/models"), ("PUT", "/v1/user")):
            await client.request(method, path)
        log = (await client.get(f"/_sandbox/requests{query}")).json()

    assert [entry["path"] for entry in log["requests"]] == found
    assert log["count"] == len(found)


async def test_the_log_is_bounded_and_can_be_cleared() -> None:
    """The oldest requests make room for the newest."""
    async with connect() as client:
        for number in range(1001):
            await client.get(f"/v1/{number}")
        full = (await client.get("/_sandbox/requests")).json()
        await client.delete("/_sandbox/requests")
        empty = (await client.get("/_sandbox/requests")).json()

    assert (full["count"], full["requests"][0]["path"], full["requests"][-1]["path"]) == (1000, "/v1/1", "/v1/1000")
    assert empty == {"requests": [], "count": 0}


async def test_what_is_kept_of_a_request_is_bounded() -> None:
    """Names and paths may be as long and as many as a client likes."""
    name = "x" * 5000
    async with connect() as client:
        await client.post(f"/v1/{name}?{'&'.join(f'{name[:300]}{number}=1' for number in range(150))}")
        await client.post(TEXT, json={f"{number}{name}": 1 for number in range(200)}, headers=KEY)
        await client.post(
            "/v1/voices/add", files=[(f"{number}{name[:300]}", b"x") for number in range(200)], headers=KEY
        )
        for number in range(10):
            await client.post(TEXT, json={"text": "x", **{f"{number} {n}{name}": 1 for n in range(500)}}, headers=KEY)
        log = await client.get("/_sandbox/requests")
        warnings = await client.get("/_sandbox/warnings")

    entries = log.json()["requests"]
    assert [len(entry["parts"]) for entry in entries[:3]] == [0, 100, 100]
    assert len(entries[0]["query"]) == 100
    assert len(log.text) < 200_000
    assert len(warnings.json()["warnings"]) == 1000
    assert len(warnings.text) < 400_000


async def test_a_link_s_secret_is_not_logged() -> None:
    """Who knows it may read the file."""
    files = {"file": ("a.txt", b"Dear Anna", "text/plain")}
    async with connect(at="http://127.0.0.1:8765") as client:
        made = (await client.post("/v1/convai/knowledge-base/file", files=files, headers=KEY)).json()["id"]
        link = (await client.get(f"/v1/convai/knowledge-base/{made}/source-file-url", headers=KEY)).json()["signed_url"]
        read = await client.get(link)
        log = await client.get("/_sandbox/requests?path=/storage/*")

    assert read.content == b"Dear Anna"
    assert [entry["path"] for entry in log.json()["requests"]] == ["/storage/knowledge-base/***"]
    assert link.rpartition("/")[2] not in log.text


async def test_unknown_fields_of_one_operation_are_kept_once() -> None:
    """Whatever the ids in its path."""
    async with connect() as client:
        for _ in range(3):
            made = await client.post("/v1/convai/agents/create", json={"conversation_config": {}}, headers=KEY)
            await client.patch(f"/v1/convai/agents/{made.json()['agent_id']}", json={"colour": 1}, headers=KEY)
        warnings = (await client.get("/_sandbox/warnings")).json()["warnings"]

    assert warnings == [{"path": "/v1/convai/agents/{id}", "field": "body.colour"}]


async def test_unknown_fields_can_be_read() -> None:
    """Where they were sent, and what they were."""
    async with connect() as client:
        await client.post(TEXT, json={"text": "x", "nmae": "y"}, headers=KEY)
        warnings = (await client.get("/_sandbox/warnings")).json()

    assert warnings == {"warnings": [{"path": TEXT, "field": "body.nmae"}]}


async def test_time_can_be_moved() -> None:
    """What waits for time happens at once: here, the subscription's next reset."""
    async with connect(clock=Clock(lambda: 1000.0)) as client:
        before = (await client.get("/v1/user/subscription", headers=KEY)).json()
        now = (await client.post("/_sandbox/clock", json={"advance": 31 * 24 * 3600})).json()
        after = (await client.get("/v1/user/subscription", headers=KEY)).json()

    assert now == {"now": 1000.0 + 31 * 24 * 3600}
    month = 30 * 24 * 3600
    assert after["next_character_count_reset_unix"] - before["next_character_count_reset_unix"] == month


async def test_time_can_not_be_moved_for_ever() -> None:
    """Each step may be within bounds, and all of them together not."""
    decade = {"advance": 10 * 366 * 24 * 3600}
    async with connect() as client:
        steps = [(await client.post("/_sandbox/clock", json=decade)).status_code for _ in range(11)]
        after = await client.get("/v1/user/subscription", headers=KEY)

    assert steps == [200] * 10 + [422]
    assert after.status_code == 200


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_a_clock_only_goes_forward(seconds: float) -> None:
    """By a number of seconds."""
    clock = Clock(lambda: 1000.0)
    with pytest.raises(ValueError, match="only goes forward"):
        clock.advance(seconds)

    assert clock() == 1000.0


async def test_switches_can_be_turned_while_it_runs() -> None:
    """Each by its type, those that aren't named stay."""
    agent = {"conversation_config": {"tts": {"voice_id": "nobody"}}}
    async with connect(switches=Switches(list_lag_seconds=3)) as client:
        refused = await client.post("/v1/convai/agents/create", json=agent, headers=KEY)
        turned = (await client.patch("/_sandbox/switches", json={"check_voice": False})).json()
        made = await client.post("/v1/convai/agents/create", json=agent, headers=KEY)

    assert (refused.status_code, made.status_code) == (404, 200)
    assert (turned["check_voice"], turned["list_lag_seconds"]) == (False, 3)


async def test_faults_can_be_added_and_cleared_while_it_runs() -> None:
    """As a line of text or as an object, in the order in which they came."""
    async with connect() as client:
        await client.post("/_sandbox/faults", json="GET /v1/user 503 x1")
        rows = await client.post(
            "/_sandbox/faults", json={"method": "GET", "path": "/v1/*", "kind": "429", "retry_after": 3}
        )
        statuses = [(await client.get("/v1/user", headers=KEY)) for _ in range(2)]
        fired = (await client.get("/_sandbox/faults")).json()["faults"]
        cleared = (await client.delete("/_sandbox/faults")).json()
        after = await client.get("/v1/user", headers=KEY)

    assert [row["text"] for row in rows.json()["faults"]] == ["GET /v1/user 503 x1", "GET /v1/* 429 retry-after=3"]
    assert [answer.status_code for answer in statuses] == [503, 429]
    assert [row["fired"] for row in fired] == [1, 1]
    assert (cleared, after.status_code) == ({"faults": []}, 200)


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        ("POST", "faults", '"GET /v1/user explode"', "no fault 'explode'"),
        ("POST", "faults", '{"method": "GET", "path": "/v1/user", "kind": "500", "colour": "red"}', "colour"),
        ("POST", "faults", "[]", "string"),
        ("POST", "faults", "", "string"),
        ("PATCH", "switches", '{"no_such_switch": 1}', "there are check_voice"),
        ("PATCH", "switches", '{"check_voice": "perhaps"}', "check_voice=perhaps"),
        ("PATCH", "switches", '{"envelope": "carrier pigeon"}', "'current', 'legacy' or 'text'"),
        ("PATCH", "switches", '{"list_lag_seconds": "nan"}', "finite"),
        ("PATCH", "switches", "[1]", "dictionary"),
        ("POST", "clock", '{"advance": -1}', "greater than or equal to 0"),
        ("POST", "clock", '{"advance": 1e300}', "less than or equal"),
        ("POST", "clock", '{"advance": 1, "back": true}', "back"),
        ("POST", "clock", "{", "JSON decode error"),
    ],
)
async def test_what_cannot_be_meant_changes_nothing(method: str, path: str, body: str, told: str) -> None:
    """A 422 in the service's shape says what was wrong."""
    async with connect() as client:
        before = {**(await client.get("/_sandbox")).json(), "now": 0}
        answer = await client.request(method, f"/_sandbox/{path}", content=body)
        after = {**(await client.get("/_sandbox")).json(), "now": 0}

    assert answer.status_code == 422
    assert told in json.dumps(answer.json()["detail"], ensure_ascii=False)
    assert after == before


@pytest.mark.parametrize(
    ("at", "caller", "headers", "status"),
    [
        ("http://127.0.0.1:8765", "127.0.0.1", {}, 200),
        ("http://localhost", "::1", {"origin": "http://localhost"}, 200),
        ("http://[::1]:80", "127.0.0.1", {}, 200),
        ("http://127.0.0.1:8765", "127.0.0.1", {"origin": "http://127.0.0.1:8765"}, 200),
        ("http://127.0.0.1:8765", "127.0.0.1", {"origin": "http://127.0.0.1:3000"}, 403),
        ("http://127.0.0.1:8765", "127.0.0.1", {"origin": "https://elsewhere.example"}, 403),
        ("http://127.0.0.1:8765", "127.0.0.1", {"origin": "null"}, 403),
        ("http://127.0.0.1:8765", "192.0.2.1", {}, 403),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/_sandbox/requests"), ("DELETE", "/_sandbox/faults")])
async def test_only_this_machine_is_answered(
    at: str, caller: str, headers: dict[str, str], status: int, method: str, path: str
) -> None:
    """Neither another host, nor a page of another origin."""
    async with connect(at=at, caller=caller) as client:
        answer = await client.request(method, path, headers=headers)

    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers


async def test_the_own_routes_are_neither_logged_nor_struck() -> None:
    """A fault for everything leaves them alone, so that it can be taken back."""
    async with connect(faults=["* * 500"]) as client:
        overview = await client.get("/_sandbox")
        requests = (await client.get("/_sandbox/requests")).json()["requests"]
        missing = await client.get("/_sandbox/nothing")

    assert overview.status_code == 200
    assert requests == []
    assert (missing.status_code, missing.json()) == (404, {"detail": "Not Found"})
