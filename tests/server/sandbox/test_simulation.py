"""Simulated conversations, over HTTP and through the official SDK."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from elevenlabs import ConversationSimulationSpecification
from elevenlabs.client import AsyncElevenLabs

from judged import build
from storykeeper_server.sandbox.app import Switches
from storykeeper_server.sandbox.serving import serving
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio
AGENTS = "/v1/convai/agents"
TEXT = "I was born in Cork in 1941.\n\nI came to Liverpool on the boat, with a cardboard case."


def connect(**options: Any) -> httpx.AsyncClient:
    """A client of a fresh sandbox."""
    transport = httpx.ASGITransport(build(State(None), **options))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers={"xi-api-key": "sandbox"})


async def create(client: httpx.AsyncClient, *, greeting: str = "Hello, {{visitor}}.", **prompt: Any) -> str:
    """An agent that knows the text."""
    document = (await client.post("/v1/convai/knowledge-base/text", json={"text": TEXT, "name": "Life"})).json()["id"]
    knows = [{"type": "text", "name": "Life", "id": document}]
    config = {"agent": {"first_message": greeting, "prompt": {"knowledge_base": knows, **prompt}}}
    return (await client.post(f"{AGENTS}/create", json={"conversation_config": config})).json()["agent_id"]


async def simulate(client: httpx.AsyncClient, agent: str, prompt: str = "", **more: Any) -> httpx.Response:
    """A simulation with a user who has this prompt."""
    specification = {"simulated_user_config": {"prompt": {"prompt": prompt}}, **more.pop("specification", {})}
    return await client.post(
        f"{AGENTS}/{agent}/simulate-conversation", json={"simulation_specification": specification, **more}
    )


def said(answer: httpx.Response) -> list[tuple[str, str]]:
    """Who said what."""
    return [(turn["role"], turn["message"]) for turn in answer.json()["simulated_conversation"]]


async def test_the_simulated_user_asks_what_its_prompt_quotes_or_asks() -> None:
    """Sentences about it are not said."""
    async with connect() as client:
        agent = await create(client)
        prompt = 'You are a shy boy. Ask "Where were you born?" first.\nHow did you come to Liverpool? Then stop.'
        answer = await simulate(client, agent, prompt, specification={"dynamic_variables": {"visitor": "Joe"}})

    assert answer.status_code == 200
    assert said(answer) == [
        ("agent", "Hello, Joe."),
        ("user", "Where were you born?"),
        ("agent", "I was born in Cork in 1941."),
        ("user", "How did you come to Liverpool?"),
        ("agent", "I came to Liverpool on the boat, with a cardboard case."),
    ]


async def test_without_lines_it_asks_the_usual_questions() -> None:
    """One of them is whether the agent is real."""
    async with connect() as client:
        answer = await simulate(client, await create(client, greeting=""))

    spoken = said(answer)
    assert spoken[0] == ("user", "What do you remember?")
    assert "AI" in spoken[-1][1]


@pytest.mark.parametrize("start", ["a" * 1_000_000, "a? " * 40, f"{'a' * 2000}? "])
async def test_a_prompt_is_read_within_bounds(start: str) -> None:
    """Neither what comes after a hundred thousand letters nor a sentence of more than a thousand is said."""
    async with connect() as client:
        answer = await simulate(client, await create(client, greeting=""), f'{start} Ask "Who are you?"')
    asked = [words for role, words in said(answer) if role == "user"]

    assert ("Who are you?" in asked) == (len(start) < 100_000)
    assert all(len(words) <= 1000 for words in asked)


@pytest.mark.parametrize(("limit", "turns"), [(-1, 0), (0, 0), (1, 1), (2, 2), (3, 3), (10_000, 7)])
async def test_no_more_turns_are_made_than_allowed(limit: int, turns: int) -> None:
    """The agent's greeting is one; a limit below zero allows none."""
    async with connect() as client:
        answer = await simulate(client, await create(client), new_turns_limit=limit)

    assert len(said(answer)) == turns


@pytest.mark.parametrize("shown", [True, False])
async def test_a_given_history_is_continued(shown: bool) -> None:
    """What the user asked there isn't asked again; time goes on from its end, and its tools are shown."""
    used = {"request_id": "r1", "tool_name": "show_photo", "tool_has_been_called": True}
    history = [
        {"role": "user", "time_in_call_secs": 3, "message": "Where were you born?"},
        {
            "role": "agent",
            "time_in_call_secs": 9,
            "message": "In Cork.",
            "tool_calls": [{**used, "type": "client", "params_as_json": "[" * 5_000}],
            "tool_results": [{**used, "type": "client", "result_value": "shown", "is_error": False}],
        },
    ]
    async with connect(switches=Switches(simulation_shows_history=shown)) as client:
        prompt = "Where were you born? What about Liverpool?"
        more = {"partial_conversation_history": history}
        answer = await simulate(client, await create(client), prompt, specification=more)

    new = [
        ("user", "What about Liverpool?"),
        ("agent", "I came to Liverpool on the boat, with a cardboard case."),
    ]
    turns = answer.json()["simulated_conversation"]
    assert said(answer) == ([("user", "Where were you born?"), ("agent", "In Cork."), *new] if shown else new)
    assert turns[-1]["time_in_call_secs"] > 9
    assert not shown or turns[1]["tool_results"][0]["result_value"] == "shown"


@pytest.mark.parametrize(
    ("mocks", "result", "words"),
    [
        ({"show_photo": {"default_return_value": "Here is Cork."}}, "Here is Cork.", "There it is. Here is Cork."),
        ({"show_photo": {"default_is_error": True}}, "Tool Called.", "I'm sorry, that didn't work just now."),
        ({}, "Tool Called.", "There it is. Tool Called."),
    ],
)
async def test_tools_are_mocked(mocks: dict[str, Any], result: str, words: str) -> None:
    """The call and the mock's answer are a turn, what the agent says about it is the next."""
    tool = {"type": "client", "name": "show_photo", "description": "Shows a photo from the album of the family"}
    async with connect() as client:
        agent = await create(client, greeting="", tools=[tool])
        answer = await simulate(client, agent, '"Show me a photo"', specification={"tool_mock_config": mocks})

    _, called, spoken = answer.json()["simulated_conversation"]
    assert called["tool_calls"][0]["tool_name"] == "show_photo"
    assert called["tool_results"][0]["result_value"] == result
    assert spoken["message"].startswith(words)


async def test_a_farewell_ends_the_simulation_where_the_agent_can_hang_up() -> None:
    """Lines after it are not said."""
    tools = {"end_call": {"name": "end_call", "params": {"system_tool_type": "end_call"}}}
    async with connect() as client:
        agent = await create(client, greeting="", built_in_tools=tools)
        answer = await simulate(client, agent, '"Goodbye" "Where were you born?"')

    assert said(answer) == [("user", "Goodbye"), ("agent", "Goodbye, and take good care of yourself.")]


async def test_nothing_is_judged_without_a_language_model() -> None:
    """Each criterion, the agent's and the extra ones, is unknown and says why; no conversation is kept."""
    async with connect() as client:
        agent = await create(client)
        criterion = {"id": "kind", "name": "Kindness", "conversation_goal_prompt": "The agent was kind."}
        answer = await simulate(client, agent, extra_evaluation_criteria=[criterion])
        agent_after = (await client.get(f"{AGENTS}/{agent}")).json()
        kept = (await client.get("/v1/convai/conversations")).json()["conversations"]

    judged = answer.json()["analysis"]["evaluation_criteria_results"]["kind"]
    assert judged["result"] == "unknown"
    assert "no language model" in judged["rationale"]
    assert agent_after["platform_settings"]["evaluation"]["criteria"] == []
    assert kept == []


async def test_passages_are_shown_as_retrieved_only_with_rag() -> None:
    """Without it the documents stand in the prompt."""
    async with connect(switches=Switches(rag_not_ready="off")) as client:
        plain = await simulate(client, await create(client, greeting=""), "Where were you born?")
        agent = await create(client, greeting="", rag={"enabled": True})
        retrieved = await simulate(client, agent, "Where were you born?")

    assert plain.json()["simulated_conversation"][1]["rag_retrieval_info"] is None
    info = retrieved.json()["simulated_conversation"][1]["rag_retrieval_info"]
    assert info["retrieval_query"] == "Where were you born?"
    assert len(info["chunks"]) == 1


async def test_a_flood_of_lines_is_cut() -> None:
    """However long the prompt is, so is the conversation not."""
    async with connect() as client:
        agent = await create(client, greeting="")
        answer = await simulate(client, agent, "Why? " * 50_000 + "\u201e" * 50_000)

    assert len(said(answer)) == 100


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"simulation_specification": {}},
        {"simulation_specification": {"simulated_user_config": []}},
        {
            "simulation_specification": {
                "simulated_user_config": {},
                "partial_conversation_history": [{"role": "ghost", "time_in_call_secs": 1}],
            }
        },
        {"simulation_specification": {"simulated_user_config": {}}, "new_turns_limit": "many"},
    ],
)
@pytest.mark.parametrize("path", ["simulate-conversation", "simulate-conversation/stream"])
async def test_a_broken_simulation_is_a_schema_error(path: str, body: dict[str, Any]) -> None:
    """Before the agent is looked for."""
    async with connect() as client:
        answer = await client.post(f"{AGENTS}/agent_none/{path}", json=body)

    assert answer.status_code == 422


@pytest.mark.parametrize("path", ["simulate-conversation", "simulate-conversation/stream"])
async def test_an_agent_that_is_not_there_cannot_be_simulated(path: str) -> None:
    """The service's 404."""
    async with connect() as client:
        body = {"simulation_specification": {"simulated_user_config": {}}}
        answer = await client.post(f"{AGENTS}/agent_none/{path}", json=body)

    assert (answer.status_code, answer.json()["detail"]["code"]) == (404, "agent_not_found")


async def test_the_stream_gives_turns_and_then_the_analysis() -> None:
    """The lists put together are the conversation that the plain operation answers."""
    async with connect() as client:
        agent = await create(client)
        whole = (await simulate(client, agent)).json()
        body = {"simulation_specification": {"simulated_user_config": {}}}
        answer = await client.post(f"{AGENTS}/{agent}/simulate-conversation/stream", json=body)

    *turns, last = [json.loads(line) for line in answer.text.splitlines()]
    assert [turn for part in turns for turn in part] == whole["simulated_conversation"]
    assert last == {"analysis": whole["analysis"]}


async def test_the_official_client_simulates() -> None:
    """Both methods; the SDK gives nothing back for the stream."""
    async with httpx.AsyncClient() as connections, serving(build(State(None))) as url:
        official = AsyncElevenLabs(api_key="sandbox", base_url=url, httpx_client=connections)
        agents = official.conversational_ai.agents
        made = await agents.create(conversation_config={"agent": {"first_message": "Hello."}})  # pyright: ignore[reportArgumentType]
        user = {"first_message": "Are you real?", "language": "en", "prompt": {"prompt": '"Thank you."'}}
        specification = ConversationSimulationSpecification(simulated_user_config=user)  # pyright: ignore[reportArgumentType]
        done = await agents.simulate_conversation(made.agent_id, simulation_specification=specification)
        streamed = await agents.simulate_conversation_stream(made.agent_id, simulation_specification=specification)

    assert streamed is None
    assert [turn.message for turn in done.simulated_conversation][:2] == ["Hello.", "Are you real?"]
    assert "I'm an AI" in (done.simulated_conversation[2].message or "")
    assert done.analysis.call_successful == "success"
