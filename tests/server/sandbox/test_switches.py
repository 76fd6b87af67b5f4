"""Assumptions about the live service that can be turned."""

from __future__ import annotations

import logging
from typing import Any, Literal

import httpx
import pytest

from judged import build
from storykeeper_server.sandbox.app import Switches
from storykeeper_server.sandbox.state import State
from storykeeper_server.sandbox.switches import turned

pytestmark = pytest.mark.anyio
TEXT = "/v1/convai/knowledge-base/text"


def connect(switches: Switches, state: State | None = None, **options: Any) -> httpx.AsyncClient:
    """A client of a sandbox with these switches."""
    transport = httpx.ASGITransport(build(state or State(None), switches=switches, **options))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers={"xi-api-key": "sandbox"})


@pytest.mark.parametrize(
    ("envelope", "fields"),
    [
        ("current", {"type", "code", "message", "status", "request_id"}),
        ("legacy", {"status", "message"}),
        ("text", None),
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/convai/agents/nobody", None, 404),
        ("GET", "/v1/history", None, 501),
        ("GET", "/v1/user/subscription", None, 503),
        ("POST", "/v1/convai/agents/create", {"conversation_config": {"tts": {"model_id": "eleven_flash_v2_5"}}}, 400),
    ],
)
async def test_refusals_come_in_three_shapes(
    envelope: Literal["current", "legacy", "text"],
    fields: set[str] | None,
    method: str,
    path: str,
    body: dict[str, Any] | None,
    status: int,
) -> None:
    """Those of the business, of the sandbox, of a fault, and of the rule for languages; the message is the same."""
    options: dict[str, Any] = {"faults": ["GET /v1/user/subscription 503"]}
    async with connect(Switches(), **options) as client:
        usual = (await client.request(method, path, json=body)).json()["detail"]
    async with connect(Switches(envelope=envelope), **options) as client:
        answer = await client.request(method, path, json=body)
    detail = answer.json()["detail"]

    assert answer.status_code == status
    if fields is None:
        assert detail == usual["message"]
    else:
        assert {*detail} - {"param"} == fields
        assert (detail["message"], detail["status"]) == (usual["message"], usual["status"])


async def test_a_schema_error_has_one_shape_only() -> None:
    """A list, whatever the envelope."""
    async with connect(Switches(envelope="text")) as client:
        answer = await client.post(TEXT, json={})

    assert answer.json()["detail"][0]["loc"] == ["body", "text"]


@pytest.mark.parametrize(
    ("path", "body", "loc"),
    [
        (f"{TEXT}?colour=red", {"text": "x"}, ["query", "colour"]),
        (TEXT, {"text": "x", "nmae": "y"}, ["body", "nmae"]),
        (
            "/v1/convai/agents/create",
            {"conversation_config": {"tts": {"speeed": 1}}},
            ["body", "conversation_config", "tts", "speeed"],
        ),
    ],
)
async def test_unknown_fields_may_be_refused(path: str, body: dict[str, Any], loc: list[str]) -> None:
    """As schema errors, before the key is looked at, and nothing is made."""
    async with connect(Switches(unknown_fields="refuse")) as client:
        answer = await client.post(path, json=body, headers={"xi-api-key": "wrong"})
        known = await client.post(TEXT, json={"text": "x"})

    assert answer.status_code == 422
    assert [(error["type"], error["loc"]) for error in answer.json()["detail"]] == [("extra_forbidden", loc)]
    assert known.status_code == 200


async def test_an_unknown_field_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """For each operation, whatever the id; a name that would move the cursor is told in its escaped form."""
    async with connect(Switches()) as client:
        for number in range(2):
            made = await client.post("/v1/convai/agents/create", json={"conversation_config": {"xyz": number}})
            await client.patch(f"/v1/convai/agents/{made.json()['agent_id']}", json={"colour": 1, "\x1b[2J": 1})

    assert [record.getMessage() for record in caplog.records] == [
        "unknown field body.conversation_config.xyz in POST /v1/convai/agents/create",
        "unknown field body.colour in PATCH /v1/convai/agents/{id}",
        "unknown field 'body.\\x1b[2J' in PATCH /v1/convai/agents/{id}",
    ]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("check_voice", "false", False),
        ("check_voice", "0", False),
        ("list_lag_seconds", "2.5", 2.5),
        ("signed_url_seconds", "60", 60),
        ("envelope", "legacy", "legacy"),
        ("credit_refusal", "401", "401"),
        ("hears", '["Hello", "Bye"]', ("Hello", "Bye")),
        ("hears", "Hello. / Bye.", ("Hello.", "Bye.")),
        ("unknown_agent_close", "1008", 1008),
        ("allowlist_close", "4999", 4999),
        ("rag_seconds", "0", 0),
    ],
)
def test_a_switch_is_read_by_its_type(name: str, text: str, value: object) -> None:
    """From text, as the command line has it."""
    assert getattr(turned(Switches(), {name: text}), name) == value


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"chek_voice": True}, "no switch chek_voice; there are check_voice, "),
        ({"check_voice": "perhaps"}, "check_voice=perhaps"),
        ({"list_lag_seconds": "inf"}, "finite"),
        ({"envelope": "pigeon"}, "'current', 'legacy' or 'text'"),
        ({"hears": 3}, "hears=3"),
        ({"unknown_agent_close": 99_999}, "close code"),
        ({"allowlist_close": 1001}, "close code"),
        ({"allowlist_close": "2999"}, "close code"),
        ({"ping_seconds": 0}, "greater than"),
        ({"rag_seconds": -1}, "greater than"),
        ({"rag_seconds": "1e12"}, "less than"),
        ({"max_body_bytes": -5}, "greater than"),
        ({"max_json_bytes": 0}, "greater than"),
        ({"max_voice_files": 0}, "greater than"),
        ({"signed_url_seconds": -1}, "greater than"),
        ({"retry_after_seconds": -1}, "greater than"),
        ({"credits_a_minute": -0.5}, "greater than"),
        ({"list_lag_seconds": -0.5}, "greater than"),
    ],
)
def test_a_switch_that_makes_no_sense_is_refused(given: dict[str, object], told: str) -> None:
    """In words that say what would."""
    with pytest.raises(ValueError, match=told):
        turned(Switches(), given)
