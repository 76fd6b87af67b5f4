"""Fixtures that need answers before they are done: the rounds that 2026-07-28 has in place of requests by the server."""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.prompts.base import Prompt
from mcp.types import (
    CallToolResult,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
    TextContent,
)

from .contents import said

Asked = CallToolResult | InputRequiredResult
Ctx = Context[None, Any]

ROOTS = ListRootsRequest()


def form(question: str, field: str, kind: str = "string") -> ElicitRequest:
    """A question with one field."""
    schema = {"type": "object", "properties": {field: {"type": kind}}, "required": [field]}
    return ElicitRequest(params=ElicitRequestFormParams(message=question, requested_schema=schema))


def prompted(text: str) -> list[SamplingMessage]:
    return [SamplingMessage(role="user", content=TextContent(text=text))]


def sample(text: str) -> CreateMessageRequest:
    """A question to the client's model."""
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=prompted(text), max_tokens=100))


def asking(state: str | None = None, **requests: InputRequest) -> InputRequiredResult:
    return InputRequiredResult(input_requests=requests, request_state=state)


def answered(ctx: Ctx, name: str, field: str) -> Any:
    """What was answered in a field of a form, or None."""
    answer = (ctx.input_responses or {}).get(name)
    return (answer.content or {}).get(field) if isinstance(answer, ElicitResult) else None


async def test_input_required_result_elicitation(ctx: Ctx) -> Asked:
    """Asks for a name."""
    name = answered(ctx, "user_name", "name")
    return said(f"Hello, {name}!") if name else asking(user_name=form("What is your name?", "name"))


async def test_input_required_result_sampling(ctx: Ctx) -> Asked:
    """Asks the client's model."""
    answer = (ctx.input_responses or {}).get("capital_question")
    if isinstance(answer, CreateMessageResult):
        return said(str(answer.content))
    return asking(capital_question=sample("What is the capital of France?"))


async def test_input_required_result_list_roots(ctx: Ctx) -> Asked:
    """Asks for the client's folders."""
    answer = (ctx.input_responses or {}).get("client_roots")
    if isinstance(answer, ListRootsResult):
        return said(" ".join(str(root.uri) for root in answer.roots))
    return asking(client_roots=ROOTS)


async def test_input_required_result_request_state(ctx: Ctx) -> Asked:
    """Asks, and has its state brought back."""
    if ctx.request_state == "asked" and answered(ctx, "confirm", "ok"):
        return said("state-ok")
    return asking("asked", confirm=form("Please confirm", "ok", "boolean"))


async def test_input_required_result_tampered_state(ctx: Ctx) -> Asked:
    """As the one before; its state comes back as another."""
    return await test_input_required_result_request_state(ctx)


async def test_input_required_result_multiple_inputs(ctx: Ctx) -> Asked:
    """Asks a person, a model and the client at once."""
    asks: dict[str, InputRequest] = {
        "user_name": form("What is your name?", "name"),
        "greeting": sample("Generate a greeting"),
        "client_roots": ROOTS,
    }
    if asks.keys() <= (ctx.input_responses or {}).keys() and ctx.request_state == "asked":
        return said(f"Hello, {answered(ctx, 'user_name', 'name')}!")
    return asking("asked", **asks)


async def test_input_required_result_multi_round(ctx: Ctx) -> Asked:
    """Asks for a name, then for a colour."""
    name = answered(ctx, "step1", "name")
    if ctx.request_state is None or (ctx.request_state == "first" and not name):
        return asking("first", step1=form("Step 1: What is your name?", "name"))
    if ctx.request_state == "first":
        return asking(f"second {name}", step2=form("Step 2: What is your favorite color?", "color"))
    return said(f"{ctx.request_state.removeprefix('second ')} likes {answered(ctx, 'step2', 'color')}")


async def test_input_required_result_capabilities(ctx: Ctx) -> Asked:
    """Asks only whom the client says there is."""
    able, asks = ctx.client_capabilities, dict[str, InputRequest]()
    if able and able.elicitation:
        asks["user_name"] = form("What is your name?", "name")
    if able and able.sampling:
        asks["greeting"] = sample("Generate a greeting")
    return asking(**asks) if asks else said("there is nobody to ask")


async def test_input_required_result_prompt(ctx: Ctx) -> str | InputRequiredResult:
    """Asks what it is about."""
    context = answered(ctx, "user_context", "context")
    return context or asking(user_context=form("What context should the prompt use?", "context"))


ASKING = (
    test_input_required_result_elicitation,
    test_input_required_result_sampling,
    test_input_required_result_list_roots,
    test_input_required_result_request_state,
    test_input_required_result_tampered_state,
    test_input_required_result_multiple_inputs,
    test_input_required_result_multi_round,
    test_input_required_result_capabilities,
)
PROMPT = Prompt.from_function(test_input_required_result_prompt)
