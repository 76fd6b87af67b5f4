"""The judge can fail: what the official file does not allow is refused, and what it allows passes."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, cast

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from judge import Judge, JudgedApp, JudgedTransport, Misfit, official

Steps = tuple[Any, ...]

CREATE = "/v1/convai/agents/create"

AGENT: dict[str, Any] = {
    "name": "Dorothy",
    "tags": ["keep-dorothy"],
    "conversation_config": {
        "agent": {
            "first_message": "Hello. I am an AI made from Dorothy's memories, with a copy of her voice.",
            "language": "en",
            "disable_first_message_interruptions": True,
            "prompt": {
                "prompt": "You are a memory companion, not Dorothy herself.",
                "llm": "gemini-2.5-flash",
                "knowledge_base": [{"type": "text", "name": "Childhood", "id": "doc_1", "usage_mode": "auto"}],
                "rag": {"enabled": False},
                "built_in_tools": {
                    "end_call": {"name": "end_call", "description": "", "params": {"system_tool_type": "end_call"}}
                },
            },
        },
        "tts": {
            "voice_id": "voice_1",
            "model_id": "eleven_flash_v2",
            "stability": 0.75,
            "similarity_boost": 0.85,
            "speed": 0.9,
        },
        "asr": {"quality": "high", "user_input_audio_format": "pcm_16000"},
        "conversation": {"max_duration_seconds": 1800, "text_only": False},
    },
    "platform_settings": {
        "auth": {"enable_auth": True, "allowlist": [], "require_origin_header": False},
        "privacy": {
            "record_voice": False,
            "retention_days": 30,
            "delete_audio": True,
            "conversation_history_redaction": {"enabled": False},
        },
        "call_limits": {"agent_concurrency_limit": 2, "daily_limit": 50, "bursting_enabled": False},
        "guardrails": {
            "version": "1",
            "focus": {"is_enabled": True},
            "prompt_injection": {"is_enabled": True},
            "content": {
                "config": {
                    "self_harm": {"is_enabled": True, "threshold": "low"},
                    "medical_and_legal_information": {"is_enabled": True, "threshold": "medium"},
                },
                "trigger_action": {"type": "retry", "feedback": "Speak kindly and name a helpline."},
            },
            "custom": {
                "config": {"configs": [{"is_enabled": True, "name": "Honesty", "prompt": "Says it is the person."}]}
            },
        },
        "overrides": {"conversation_config_override": {"conversation": {"text_only": True}}},
    },
}


@pytest.fixture
def judge() -> Judge:
    spec = official()
    if spec is None and "CI" in os.environ:
        pytest.fail("CI must judge by the official OpenAPI file, and npm could not deliver it.")
    if spec is None:
        pytest.skip("NOT JUDGED: the official OpenAPI file needs npm (comes with Node.js) and a network, once.")
    return Judge(spec)


def post(judge: Judge, path: str, body: Any) -> None:
    judge.request("POST", path, [], "application/json", json.dumps(body).encode())


def upload(judge: Judge, path: str, data: dict[str, str], files: list[tuple[str, Any]]) -> None:
    request = httpx.Request("POST", f"http://test{path}", data=data, files=files)
    judge.request("POST", path, [], request.headers["content-type"], request.read())


def parts(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).items()
    return enumerate(cast("list[Any]", value)) if isinstance(value, list) else ()


def objects(value: Any, path: Steps = ()) -> Iterator[Steps]:
    """The path of every object inside a value, itself included."""
    if isinstance(value, dict):
        yield path
    for step, part in parts(value):
        yield from objects(part, (*path, step))


def at(value: Any, path: Steps) -> Any:
    for step in path:
        value = value[step]
    return value


def test_a_full_agent_is_accepted(judge: Judge) -> None:
    """Everything we send about an agent has its place in the file."""
    post(judge, CREATE, AGENT)

    assert judge.requested == {f"POST {CREATE}": 1}


def test_a_guardrail_in_the_wrong_place_is_refused(judge: Judge) -> None:
    """`self_harm` beside `focus` would be ignored by the service, so it must not pass here."""
    agent = copy.deepcopy(AGENT)
    guardrails = agent["platform_settings"]["guardrails"]
    guardrails["self_harm"] = guardrails["content"]["config"].pop("self_harm")

    with pytest.raises(Misfit, match=r"agents/create: body\.platform_settings\.guardrails: .*self_harm"):
        post(judge, CREATE, agent)


@pytest.mark.parametrize("path", list(objects(AGENT)), ids=lambda path: ".".join(map(str, path)) or "agent")
def test_an_invented_field_is_refused_at_every_depth(judge: Judge, path: Steps) -> None:
    """No object of an agent takes a field that the file does not name."""
    agent = copy.deepcopy(AGENT)
    at(agent, path)["invented"] = True

    with pytest.raises(Misfit, match="'invented' was unexpected"):
        post(judge, CREATE, agent)


def test_an_object_that_the_file_leaves_open_stays_open(judge: Judge) -> None:
    """Where the file takes any key, so does the judge."""
    agent = copy.deepcopy(AGENT)
    variables = {"dynamic_variable_placeholders": {"invented": "value"}}
    agent["conversation_config"]["agent"]["dynamic_variables"] = variables

    post(judge, CREATE, agent)


def test_a_knowledge_base_item_without_a_name_is_refused(judge: Judge) -> None:
    """A required field is required inside lists too."""
    agent = copy.deepcopy(AGENT)
    del agent["conversation_config"]["agent"]["prompt"]["knowledge_base"][0]["name"]

    with pytest.raises(Misfit, match=r"knowledge_base\[0\]: 'name' is a required property"):
        post(judge, CREATE, agent)


def test_an_unknown_tag_of_a_union_is_refused_by_its_name(judge: Judge) -> None:
    """A union is told by its tag, so the message names the tag and not every branch."""
    agent = copy.deepcopy(AGENT)
    agent["platform_settings"]["guardrails"]["content"]["trigger_action"]["type"] = "scold"

    with pytest.raises(Misfit, match="'scold' in 'type' is not one of end_call, retry"):
        post(judge, CREATE, agent)


def test_a_text_document_sent_as_a_form_is_refused(judge: Judge) -> None:
    """Text documents are JSON; only files are forms."""
    with pytest.raises(Misfit, match=r"knowledge-base/text: body: 'multipart/form-data' is not one of"):
        upload(judge, "/v1/convai/knowledge-base/text", {}, [("text", (None, "Cork, 1941"))])


def test_a_missing_body_is_refused_where_one_is_required(judge: Judge) -> None:
    """An empty body passes only where the file makes it optional."""
    judge.request("DELETE", "/v1/voices/voice_1", [], None, b"")

    with pytest.raises(Misfit, match="body: it is missing"):
        judge.request("POST", CREATE, [], "application/json", b"")


def test_a_body_that_is_not_json_is_refused(judge: Judge) -> None:
    """Broken JSON is a misfit, not an error of the judge."""
    with pytest.raises(Misfit, match="body: not JSON"):
        judge.request("POST", CREATE, [], "application/json", b"{")


def test_an_unknown_operation_is_refused(judge: Judge) -> None:
    """A path or a method that the file does not list cannot be sent."""
    with pytest.raises(Misfit, match="PUT /v1/convai/agents: path: the file has no such operation"):
        judge.request("PUT", "/v1/convai/agents", [], None, b"")


def test_a_literal_segment_wins_over_a_parameter(judge: Judge) -> None:
    """`summaries` is an operation, not the id of an agent."""
    judge.request("GET", "/v1/convai/agents/summaries", [("agent_ids", "agent_1")], None, b"")

    assert judge.requested == {"GET /v1/convai/agents/summaries": 1}


def test_query_values_are_read_as_their_types(judge: Judge) -> None:
    """Numbers, truth values and repeated names arrive as text and are judged as what they mean."""
    query = [("page_size", "30"), ("archived", "false"), ("tags", "1941"), ("tags", "keep"), ("search", "12")]

    judge.request("GET", "/v1/convai/agents", query, None, b"")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ([("invented", "1")], "query: .*'invented' was unexpected"),
        ([("page_size", "many")], "query.page_size: 'many' is not of type 'integer'"),
        ([("page_size", "1000")], "query.page_size: 1000 is greater than the maximum"),
        ([("page_size", "1"), ("page_size", "2")], "query.page_size: .* is not of type 'integer'"),
        ([("sort_by", "mood")], "query.sort_by: 'mood' is not one of"),
    ],
)
def test_a_query_the_file_does_not_allow_is_refused(judge: Judge, query: list[tuple[str, str]], reason: str) -> None:
    """Unknown names and wrong values are refused by name."""
    with pytest.raises(Misfit, match=reason):
        judge.request("GET", "/v1/convai/agents", query, None, b"")


def test_a_missing_query_parameter_is_refused(judge: Judge) -> None:
    """A signed URL is for an agent."""
    with pytest.raises(Misfit, match="query: 'agent_id' is a required property"):
        judge.request("GET", "/v1/convai/conversation/get-signed-url", [], None, b"")


def test_a_voice_with_recordings_is_accepted(judge: Judge) -> None:
    """A form carries files, text, truth values and an object written as text."""
    data = {"name": "1941", "remove_background_noise": "false", "labels": '{"language": "en"}'}
    files = [("files", ("a.mp3", b"\xff\r\n\x00", "audio/mpeg")), ("files", ("b.mp3", b"\x01", "audio/mpeg"))]

    upload(judge, "/v1/voices/add", data, files)
    upload(judge, "/v1/voices/add", data, files[:1])


@pytest.mark.parametrize(
    ("data", "part", "reason"),
    [
        ({"name": "Dorothy", "invented": "1"}, "files", "body: .*'invented' was unexpected"),
        ({}, "files", "body: 'name' is a required property"),
        ({"name": "Dorothy"}, "file", "body: .*"),
        ({"name": "Dorothy", "remove_background_noise": "perhaps"}, "files", "is not of type 'boolean'"),
        ({"name": "Dorothy", "labels": '{"age": {"years": 85}}'}, "files", r"body\.labels\.age: .*'string'"),
    ],
)
def test_a_form_the_file_does_not_allow_is_refused(judge: Judge, data: dict[str, str], part: str, reason: str) -> None:
    """Part names, required parts and the values inside parts are all judged."""
    with pytest.raises(Misfit, match=reason):
        upload(judge, "/v1/voices/add", data, [(part, ("a.mp3", b"\xff", "audio/mpeg"))])


def test_text_and_files_cannot_pass_for_each_other(judge: Judge) -> None:
    """A part without a file name is text, one with a file name is a file."""
    recording = ("files", ("a.mp3", b"\xff", "audio/mpeg"))

    with pytest.raises(Misfit, match=r"body\.files"):
        upload(judge, "/v1/voices/add", {"name": "Dorothy"}, [("files", (None, "not a file"))])
    with pytest.raises(Misfit, match=r"body\.name"):
        upload(judge, "/v1/voices/add", {}, [recording, ("name", ("name.txt", b"Dorothy"))])


def test_a_response_with_an_extra_field_is_refused(judge: Judge) -> None:
    """The sandbox may not answer what the service never would."""
    answer = {"voice_id": "voice_1", "requires_verification": False}
    more = json.dumps(answer | {"invented": 1}).encode()
    judge.response("POST", "/v1/voices/add", 200, "application/json", json.dumps(answer).encode())

    with pytest.raises(Misfit, match=r"voices/add: 200 body: .*'invented' was unexpected"):
        judge.response("POST", "/v1/voices/add", 200, "application/json", more)


def test_a_validation_error_may_carry_what_pydantic_adds(judge: Judge) -> None:
    """The service sends `input` and `ctx`, which the file's 422 leaves out; the rest of it stays closed."""
    error: dict[str, Any] = {
        "loc": ["body", "name"],
        "msg": "Field required",
        "type": "missing",
        "input": {},
        "ctx": {},
    }
    more = json.dumps({"detail": [error], "invented": 1}).encode()
    judge.response("POST", CREATE, 422, "application/json", json.dumps({"detail": [error]}).encode())

    with pytest.raises(Misfit, match="'invented' was unexpected"):
        judge.response("POST", CREATE, 422, "application/json", more)


def test_what_the_file_does_not_describe_is_counted(judge: Judge) -> None:
    """An undeclared error and an answer without a schema pass, and are known to be unjudged."""
    judge.response("POST", CREATE, 401, "application/json", b"{}")
    judge.response("DELETE", "/v1/convai/agents/agent_1", 200, None, b"")

    assert (judge.responses, judge.undeclared) == (0, 2)


def test_an_undeclared_success_is_refused(judge: Judge) -> None:
    """Agents are created with 200; another success would be our invention."""
    with pytest.raises(Misfit, match="201: the file does not declare this status"):
        judge.response("POST", CREATE, 201, "application/json", b"{}")


def test_a_judged_transport_passes_a_streamed_body_on(judge: Judge) -> None:
    """The request is read to be judged, and arrives whole all the same."""

    async def exchange() -> tuple[bytes, Any]:
        arrived: list[bytes] = []

        async def answer(request: httpx.Request) -> httpx.Response:
            arrived.append(await request.aread())
            return httpx.Response(200, json={"agent_id": "agent_1"})

        async def chunks() -> AsyncIterator[bytes]:
            yield json.dumps(AGENT).encode()[:100]
            yield json.dumps(AGENT).encode()[100:]

        transport = JudgedTransport(httpx.MockTransport(answer), judge)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            response = await client.post(CREATE, content=chunks(), headers={"content-type": "application/json"})
        return arrived[0], response.json()["agent_id"]

    assert anyio.run(exchange) == (json.dumps(AGENT).encode(), "agent_1")
    assert (judge.requests, judge.responses) == (1, 1)


def test_a_judged_transport_refuses_before_sending(judge: Judge) -> None:
    """A misfit reaches the caller and stays on the list, even if the caller swallows it."""

    async def exchange() -> None:
        transport = JudgedTransport(httpx.MockTransport(lambda request: pytest.fail("it was sent")), judge)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            await client.post(CREATE, json={"invented": 1})

    with pytest.raises(Misfit):
        anyio.run(exchange)
    assert len(judge.misfits) == 1


async def call(app: JudgedApp, method: str, path: str, body: Any) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.request(method, path, json=body)


def served(judge: Judge, answer: Any, *, status: int = 200, requests: bool = True) -> JudgedApp:
    async def endpoint(request: Request) -> Response:
        await request.body()
        return JSONResponse(answer, status)

    routes = [Route(path, endpoint, methods=["POST"]) for path in (CREATE, "/elsewhere")]
    return JudgedApp(Starlette(routes=routes), judge, requests=requests)


def test_a_judged_app_turns_a_misfit_into_an_answer_and_remembers_it(judge: Judge) -> None:
    """A server would swallow the exception, so a test can ask for the list instead."""
    response = anyio.run(call, served(judge, {"invented": 1}), "POST", CREATE, AGENT)

    assert response.status_code == 500
    assert [str(misfit) for misfit in judge.misfits] == [response.json()["detail"]["message"]]


def test_a_judged_app_can_leave_requests_alone(judge: Judge) -> None:
    """The official SDK may know more than the file; what we answer is judged all the same."""
    created = {"agent_id": "agent_1"}
    response = anyio.run(call, served(judge, created, requests=False), "POST", CREATE, {"invented": 1})

    assert (response.json(), judge.requests, judge.responses, judge.misfits) == (created, 0, 1, [])


def test_a_judged_app_says_when_something_is_not_emulated(judge: Judge) -> None:
    """501 is ours: the file does not know it, and it is no misfit."""
    response = anyio.run(call, served(judge, {"detail": "not emulated"}, status=501), "POST", CREATE, AGENT)

    assert (response.status_code, judge.misfits) == (501, [])


def test_a_judged_app_ignores_what_is_not_the_api(judge: Judge) -> None:
    """Only /v1 and /v2 belong to the service."""
    response = anyio.run(call, served(judge, {"any": "thing"}), "POST", "/elsewhere", {"any": "thing"})

    assert (response.status_code, judge.requests, judge.misfits) == (200, 0, [])
