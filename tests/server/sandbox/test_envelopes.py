"""What a refused request is answered, and in which order the reasons are looked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from judged import build
from storykeeper_server.sandbox.app import Switches
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio
TEXT = "/v1/convai/knowledge-base/text"


def connect(key: str | None = "sandbox", **options: Any) -> httpx.AsyncClient:
    """A client of a fresh sandbox."""
    headers = {"xi-api-key": key} if key else {}
    transport = httpx.ASGITransport(build(State(None), **options))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, "needs_authorization"),
        ({"xi-api-key": "wrong"}, "invalid_api_key"),
        ({"authorization": "Bearer sandbox"}, "invalid_authorization_header"),
        ({"authorization": "Bearer sandbox", "xi-api-key": "wrong"}, "invalid_api_key"),
    ],
)
async def test_a_call_without_the_right_key_is_told_why(headers: dict[str, str], status: str) -> None:
    """Each wrong way to authenticate has a status of its own."""
    async with connect(None) as client:
        answer = await client.get("/v1/user", headers=headers)

    assert answer.status_code == 401
    assert answer.json()["detail"]["type"] == "authentication_error"
    assert answer.json()["detail"]["status"] == status


async def test_the_trace_id_is_the_request_id() -> None:
    """A refusal can be found again by its header."""
    async with connect() as client:
        first = await client.get("/v1/voices/nobody")
        second = await client.get("/v1/voices/nobody")

    assert first.headers["x-trace-id"] == first.json()["detail"]["request_id"]
    assert first.headers["x-trace-id"] != second.headers["x-trace-id"]


async def test_the_schema_is_looked_at_before_the_key() -> None:
    """A body without its text is a 422 whoever sends it."""
    async with connect("wrong") as client:
        answer = await client.post(TEXT, json={"name": "x"})

    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [{"type": "missing", "loc": ["body", "text"], "msg": "Field required", "input": None}]
    }


async def test_the_key_is_looked_at_before_the_resource() -> None:
    """Who has no key doesn't learn what exists."""
    async with connect("wrong") as client:
        assert (await client.get("/v1/voices/nobody")).status_code == 401


async def test_the_plan_is_looked_at_before_the_audio(recording: Callable[[float], bytes]) -> None:
    """A free plan is refused even when the audio is too short."""
    async with connect(plan="free") as client:
        form = {"data": {"name": "Dot"}, "files": {"files": ("a.wav", recording(0.1))}}
        answer = await client.post("/v1/voices/add", **form)

    detail = answer.json()["detail"]
    assert answer.status_code == 400
    assert (detail["type"], detail["code"]) == ("payment_required", "paid_plan_required")
    assert detail["status"] == "can_not_use_instant_voice_cloning"


async def test_a_missing_resource_is_found_before_a_broken_rule() -> None:
    """An agent with an unknown voice and a wrong model is a 404."""
    config = {"tts": {"voice_id": "nobody", "model_id": "eleven_flash_v2_5"}}
    async with connect() as client:
        answer = await client.post("/v1/convai/agents/create", json={"conversation_config": config})

    assert answer.status_code == 404
    assert answer.json()["detail"]["code"] == "voice_not_found"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/history"),
        ("POST", "/v1/text-to-dialogue"),
        ("GET", "/v1/convai/agents/summaries"),
        ("GET", "/v1/voices/accents"),
        ("POST", "/v1/voices/pvc"),
    ],
)
async def test_what_is_not_emulated_says_so(method: str, path: str) -> None:
    """Such a call is a 501 that names itself, so that nobody takes it for a missing resource."""
    async with connect() as client:
        answer = await client.request(method, path)

    assert answer.status_code == 501
    assert answer.json()["detail"]["message"] == f"The sandbox does not emulate {method} {path}."


@pytest.mark.parametrize(
    ("content", "kind", "error"),
    [
        (b'{"text":', "application/json", "json_invalid"),
        (b'{"text": NaN}', "application/json", "json_invalid"),
        (b'{"text": "\\ud800"}', "application/json", "json_invalid"),
        (b'{"text": "\xff"}', "application/json", "json_invalid"),
        (b"[" * 100_000, "application/json", "json_invalid"),
        (b'{"text": 1e999}', "application/json", "string_type"),
        (b"[1]", "application/json", "model_attributes_type"),
        (b"", "application/json", "missing"),
        (b'{"text": "x"}', "text/plain", "model_attributes_type"),
    ],
)
async def test_a_malformed_body_is_a_schema_error(content: bytes, kind: str, error: str) -> None:
    """Nothing that a client may send leads to a 500, and the next request works."""
    async with connect() as client:
        answer = await client.post(TEXT, content=content, headers={"content-type": kind})
        after = await client.post(TEXT, json={"text": "x"})

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["type"] == error
    assert after.status_code == 200


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=b"])
async def test_a_malformed_form_is_refused(kind: str) -> None:
    """A form that can't be taken apart is a 400."""
    async with connect() as client:
        answer = await client.post("/v1/voices/add", content=b"no form", headers={"content-type": kind})

    assert answer.status_code == 400
    assert answer.json()["detail"]["code"] == "invalid_body"


async def test_a_body_beyond_the_limit_is_refused() -> None:
    """Both JSON and forms are cut off, and the next request works."""
    async with connect(switches=Switches(max_body_bytes=1000)) as client:
        text = await client.post(TEXT, json={"text": "x" * 2000})
        form = await client.post("/v1/voices/add", data={"name": "x"}, files={"files": ("a.wav", b"x" * 2000)})
        after = await client.post(TEXT, json={"text": "x"})

    assert (text.status_code, form.status_code, after.status_code) == (413, 413, 200)
    assert text.json()["detail"]["code"] == "request_too_large"


@pytest.mark.parametrize(
    ("body", "errors", "inputs"),
    [
        ({"tags": [1] * 1000}, 1000, {1}),
        ({"tags": [1] * 150_000}, 1, {None}),
        ({"tags": [["x" * 600_000], ["x" * 600_000], 7]}, 3, {None}),
        ({"tags": [7, "x", ["x" * 1_100_000]]}, 2, {7, None}),
    ],
)
async def test_what_is_told_of_schema_errors_is_bounded(body: Any, errors: int, inputs: set[Any]) -> None:
    """However many there are, and however much each would repeat of what was sent."""
    async with connect() as client:
        answer = await client.post("/v1/convai/agents/create", json={"conversation_config": {}, **body})
    detail = answer.json()["detail"]

    assert answer.status_code == 422
    assert len(detail) == errors
    assert {error["input"] for error in detail if not isinstance(error["input"], list)} == inputs
    assert len(answer.content) < 1_100_000


async def test_json_of_very_many_items_is_too_large() -> None:
    """Though it isn't long; a text may have as many commas as texts have."""
    async with connect(switches=Switches(max_knowledge_characters=9_000_000)) as client:
        items = await client.post("/v1/convai/agents/create", json={"conversation_config": {}, "tags": [[]] * 300_000})
        text = await client.post(TEXT, json={"text": "x, " * 20 + "And so on, and on for quite some time. " * 230_000})

    assert (items.status_code, items.json()["detail"]["code"]) == (413, "request_too_large")
    assert text.status_code == 200


async def test_json_has_a_limit_of_its_own() -> None:
    """Texts for the knowledge base have a larger one, and forms the largest."""
    limits = Switches(max_json_bytes=1000, max_knowledge_bytes=3000, max_body_bytes=9000)
    many = {"name": "x" * 2000, "conversation_config": {}}
    async with connect(switches=limits) as client:
        agent = await client.post("/v1/convai/agents/create", json=many)
        text = await client.post(TEXT, json={"text": "x" * 2000})
        longer = await client.patch(f"{TEXT.removesuffix('/text')}/{text.json()['id']}", json={"content": "x" * 2500})
        longest = await client.post(TEXT, json={"text": "x" * 4000})
        file = await client.post(
            f"{TEXT.removesuffix('text')}file", files={"file": ("a.txt", b"x" * 400 + b" " * 5000)}
        )
        huge = await client.post(f"{TEXT.removesuffix('text')}file", files={"file": ("a.txt", b"x" * 10_000)})

    answers = (agent, text, longer, longest, huge)
    assert [answer.status_code for answer in answers] == [413, 200, 200, 413, 413]
    assert file.status_code != 413


async def test_unknown_fields_are_accepted_and_remembered() -> None:
    """The service ignores a misplaced setting; the sandbox ignores it too, but tells."""
    state = State(None)
    transport = httpx.ASGITransport(build(state))
    body = {"conversation_config": {"tts": {"speeed": 0.9}}, "platform_settings": {"guardrails": {"self_harm": {}}}}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        headers = {"xi-api-key": "sandbox"}
        made = await client.post("/v1/convai/agents/create?colour=red", json=body, headers=headers)
        agent = (await client.get(f"/v1/convai/agents/{made.json()['agent_id']}", headers=headers)).json()

    assert made.status_code == 200
    assert "speeed" not in agent["conversation_config"]["tts"]
    assert [(warning.path, warning.field) for warning in state.warnings] == [
        ("/v1/convai/agents/create", "body.conversation_config.tts.speeed"),
        ("/v1/convai/agents/create", "body.platform_settings.guardrails.self_harm"),
        ("/v1/convai/agents/create", "query.colour"),
    ]


async def test_each_key_has_a_workspace_of_its_own() -> None:
    """What one key made, another doesn't see."""
    async with connect("one", keys=["one", "two"]) as client:
        made = (await client.post(TEXT, json={"text": "x"})).json()
        mine = await client.get("/v1/user")
        theirs = await client.get("/v1/user", headers={"xi-api-key": "two"})
        seen = await client.get(f"/v1/convai/knowledge-base/{made['id']}", headers={"xi-api-key": "two"})
        default = await client.get("/v1/user", headers={"xi-api-key": "sandbox"})

    assert mine.json()["user_id"] != theirs.json()["user_id"]
    assert seen.status_code == 404
    assert default.status_code == 401
