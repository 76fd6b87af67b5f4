"""Conversations over REST: listed, filtered, read, heard, rated, deleted, and gone when their time is over."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from elevenlabs.client import ElevenLabs
from elevenlabs.core.api_error import ApiError

from furnished import ENDED
from judged import build, served
from storykeeper_server.sandbox import auth
from storykeeper_server.sandbox.clock import Clock
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio
AGENTS = "/v1/convai/agents"
BASE = "/v1/convai/conversations"
NOW = 1_800_000_000.0
DAY = 24 * 60 * 60
MINE = auth.workspace("sandbox")


def connect(state: State, clock: Clock | None = None, key: str | None = "sandbox", **options: Any) -> httpx.AsyncClient:
    """A client of a sandbox that shares `state` with the test."""
    sandbox = build(state, clock=clock or Clock(lambda: NOW), **options)
    headers = {"xi-api-key": key} if key else {}
    return httpx.AsyncClient(transport=httpx.ASGITransport(sandbox), base_url="http://127.0.0.1", headers=headers)


async def create(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    """A new agent, as GET shows it."""
    made = await client.post(f"{AGENTS}/create", json={"conversation_config": {}, **more})
    return (await client.get(f"{AGENTS}/{made.json()['agent_id']}")).json()


def turn(role: str, message: str | None, **more: Any) -> dict[str, Any]:
    """What one side said."""
    usual = {"interrupted": False, "original": None, "tool_calls": [], "tool_results": [], "sources": []}
    return {"role": role, "message": message, "at": 1.5, "medium": "text", "feedback": None, **usual, **more}


def had(state: State, agent: dict[str, Any], id: str, audio: bytes | None = None, **more: Any) -> str:
    """Store a conversation as the WebSocket does when it ends; a minute long, unless told otherwise."""
    row: dict[str, Any] = {
        "id": id,
        "created": NOW - 100,
        "agent": agent["agent_id"],
        "branch": agent["branch_id"],
        "version": agent["version_id"],
        "status": "done",
        "ended": NOW - 40,
        **ENDED,
        "transcript": [turn("agent", "Hello dear."), turn("user", "Where were you born?"), turn("agent", "In Cork.")],
        "rating": None,
        "has_user_audio": audio is not None,
        "has_response_audio": audio is not None,
        **more,
    }
    with state.rows(MINE) as rows:
        rows.put("conversation", id, row)
        if audio:
            rows.keep("conversation audio", id, audio)
    return id


def ids(answer: httpx.Response) -> list[str]:
    """The ids in a list."""
    return [item["conversation_id"] for item in answer.json()["conversations"]]


def test_the_official_client_lists_reads_hears_rates_and_deletes_a_conversation() -> None:
    """Every method of the SDK for conversations that were had."""
    state = State(None)
    with served(build(state, clock=Clock(lambda: NOW))) as url, httpx.Client() as connections:
        official = ElevenLabs(api_key="sandbox", base_url=url, httpx_client=connections).conversational_ai
        made = official.agents.create(conversation_config={}, name="Dorothy")  # pyright: ignore[reportArgumentType]
        agent = official.agents.get(made.agent_id).model_dump()
        had(state, agent, "conv_1", b"mp3")
        listed = official.conversations.list(agent_id=made.agent_id, summary_mode="include")
        heard = b"".join(official.conversations.audio.get("conv_1"))
        official.conversations.feedback.create("conv_1", feedback="like")
        read = official.conversations.get("conv_1")
        official.conversations.delete("conv_1")
        with pytest.raises(ApiError) as gone:
            official.conversations.get("conv_1")

    assert [(item.conversation_id, item.agent_name) for item in listed.conversations] == [("conv_1", "Dorothy")]
    assert "first and last sentence" in (listed.conversations[0].transcript_summary or "")
    assert (heard, read.has_audio, read.metadata.call_duration_secs) == (b"mp3", True, 60)
    assert [turn.message for turn in read.transcript] == ["Hello dear.", "Where were you born?", "In Cork."]
    assert read.metadata.feedback is not None
    assert read.metadata.feedback.overall_score == "like"
    assert gone.value.status_code == 404


async def test_a_conversation_shows_what_happened_in_it() -> None:
    """Tools, sources, interruptions, errors and what the client sent, in the official shape."""
    state = State(None)
    call = {"name": "show_photo", "id": "t1", "type": "client", "parameters": {"of": "wedding"}}
    end = {"name": "end_call", "id": "t2", "type": "system", "parameters": {}}
    results = [
        {"name": "show_photo", "id": "t1", "type": "client", "result": "shown", "error": False},
        {"name": "end_call", "id": "t2", "type": "system", "result": "bye", "error": False},
    ]
    source = {"document": "doc", "chunk": "c1", "distance": 0.2}
    transcript = [
        turn("user", "Show me the wedding.", medium="audio"),
        turn("agent", None, tool_calls=[call, end], tool_results=results),
        turn("agent", "Here", interrupted=True, original="Here it is.", sources=[source], feedback="like"),
    ]
    data = {
        "conversation_config_override": {"agent": {"language": "en"}, "tts": {}, "text_only": True},
        "dynamic_variables": {"visitor": "Anna"},
    }
    async with connect(state) as client:
        agent = await create(client)
        error = {"code": 1011, "reason": "boom"}
        had(
            state, agent, "conv_1", transcript=transcript, client_data=data, error=error, source="python_sdk", user="u1"
        )
        read = (await client.get(f"{BASE}/conv_1")).json()

    asked, tools, answer = read["transcript"]
    assert (asked["source_medium"], asked["agent_metadata"]) == ("audio", None)
    assert [item["tool_has_been_called"] for item in tools["tool_calls"]] == [True, True]
    assert [item["result_value"] for item in tools["tool_results"]] == ["shown", "bye"]
    assert answer["rag_retrieval_info"]["retrieval_query"] == "Show me the wedding."
    assert answer["rag_retrieval_info"]["chunks"][0]["document_id"] == "doc"
    assert (answer["interrupted"], answer["original_message"]) == (True, "Here it is.")
    assert (read["metadata"]["feedback"]["likes"], read["metadata"]["error"]["code"]) == (1, 1011)
    sent = read["conversation_initiation_client_data"]
    assert sent["conversation_config_override"] == {"agent": {"language": "en"}, "tts": {}}
    assert (sent["dynamic_variables"], sent["source_info"]["source"]) == ({"visitor": "Anna"}, "python_sdk")


async def test_whatever_a_client_says_of_itself_can_be_shown() -> None:
    """Overrides that mean nothing, unknown sources and endless versions don't break the official shape."""
    state = State(None)
    data = {"conversation_config_override": {"agent": "nonsense"}}
    async with connect(state) as client:
        agent = await create(client)
        had(state, agent, "conv_1", client_data=data, source="toaster", source_version="9" * 80)
        read = await client.get(f"{BASE}/conv_1")
        listed = await client.get(BASE, params={"conversation_initiation_source": "unknown"})

    assert read.json()["metadata"]["conversation_initiation_source"] == "unknown"
    assert ids(listed) == ["conv_1"]


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "success"),
        ({"transcript": [turn("agent", "Hello?")]}, "unknown"),
        ({"status": "failed"}, "failure"),
        ({"error": {"code": 1002, "reason": "quota"}}, "failure"),
    ],
)
async def test_a_call_succeeds_when_both_sides_spoke_and_nothing_broke(change: dict[str, Any], verdict: str) -> None:
    """More can't be judged without a language model."""
    state = State(None)
    async with connect(state) as client:
        had(state, await create(client), "conv_1", **change)
        read = (await client.get(f"{BASE}/conv_1")).json()
        listed = await client.get(BASE, params={"call_successful": verdict})

    assert read["analysis"]["call_successful"] == verdict
    assert ids(listed) == ["conv_1"]


async def test_the_analysis_says_that_no_language_model_made_it() -> None:
    """The summary is the first and the last sentence; criteria and data stay open."""
    state = State(None)
    platform = {
        "evaluation": {"criteria": [{"id": "kind", "name": "Kind", "conversation_goal_prompt": "Was it kind?"}]},
        "data_collection": {"town": {"type": "string", "description": "Where"}},
    }
    async with connect(state) as client:
        had(state, await create(client, platform_settings=platform), "conv_1")
        found = (await client.get(f"{BASE}/conv_1")).json()["analysis"]
        query = {"evaluation_criteria_ids": "kind", "data_collection_ids": ["town", "x"]}
        item = (await client.get(BASE, params=query)).json()["conversations"][0]

    assert found["transcript_summary"].startswith("[Not made by a language model")
    assert 'agent: "Hello dear." … agent: "In Cork."' in found["transcript_summary"]
    assert found["evaluation_criteria_results"]["kind"]["result"] == "unknown"
    assert "no language model" in found["data_collection_results"]["town"]["rationale"]
    assert item["evaluation_criteria_results"] == {"kind": {"result": "unknown", "score": None, "max_score": None}}
    assert list(item["data_collection_results"]) == ["town"]
    assert item["transcript_summary"] is None


async def test_a_conversation_that_goes_on_is_not_analysed_yet() -> None:
    """It can be read, lasts no seconds, and can be hidden from lists."""
    state = State(None)
    async with connect(state) as client:
        had(state, await create(client), "conv_1", status="in-progress", ended=None)
        read = (await client.get(f"{BASE}/conv_1")).json()
        hidden = await client.get(BASE, params={"exclude_statuses": ["in-progress", "failed"]})

    assert (read["status"], read["analysis"], read["metadata"]["call_duration_secs"]) == ("in-progress", None, 0)
    assert ids(hidden) == []


@pytest.mark.parametrize(
    "filters",
    [
        {"user_id": "anna"},
        {"search": "WEDDING me"},
        {"text_only": "true"},
        {"main_languages": ["fr", "de"]},
        {"termination_reasons": "end_call"},
        {"call_start_after_unix": int(NOW) - 60},
        {"call_duration_max_secs": 10},
        {"rating_min": 4},
        {"rating_max": 5},
        {"has_feedback_comment": "true"},
        {"dynamic_variable_params": "visitor:eq:Anna"},
        {"dynamic_variable_params": ["age:gte:7", "age:lt:8.5"]},
        {"tool_names": "show_photo"},
        {"tool_names_successful": "show_photo"},
        {"tool_names": "never_ran", "include_invalid_tool_calls": "true"},
        {"conversation_initiation_source": "widget"},
        {"version_id": "agtvrsn_other"},
        {"branch_id": "agtbrch_other"},
        {"visited_agent_branch_ids": ["agtbrch_other", "x"]},
    ],
)
async def test_each_filter_leaves_only_what_matches(filters: dict[str, Any]) -> None:
    """Of two conversations one is found."""
    state = State(None)
    calls = [{"name": name, "id": name, "type": "client", "parameters": {}} for name in ("show_photo", "never_ran")]
    result = {"name": "show_photo", "id": "show_photo", "type": "client", "result": "", "error": False}
    special = {
        "created": NOW - 50,
        "ended": NOW - 45,
        "user": "anna",
        "text_only": True,
        "source": "widget",
        "reason": "end_call",
        "language": "de",
        "branch": "agtbrch_other",
        "version": "agtvrsn_other",
        "client_data": {"dynamic_variables": {"visitor": "Anna", "age": 8}},
        "rating": {"rating": 5, "comment": "Lovely", "feedback": None},
        "transcript": [turn("user", "Show me your wedding", tool_calls=calls, tool_results=[result])],
    }
    async with connect(state) as client:
        agent = await create(client)
        had(state, agent, "conv_usual")
        had(state, agent, "conv_special", **special)
        found = await client.get(BASE, params=filters)

    assert ids(found) == ["conv_special"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"agent_id": "agent_x"}, 0),
        ({"visited_agent_ids": "agent_x"}, 0),
        ({"call_start_before_unix": 1}, 0),
        ({"call_duration_min_secs": 61}, 0),
        ({"tool_names": "never_ran"}, 0),
        ({"tool_names_errored": "show_photo"}, 0),
        ({"tag_ids": "tag"}, 0),
        ({"topic_ids": "topic"}, 0),
        ({"guardrail_types": "violence"}, 0),
        ({"conversation_product_type": "speech_engine"}, 0),
        ({"conversation_product_type": "agents"}, 1),
        ({"evaluation_params": "kind:success"}, 0),
        ({"evaluation_params": "kind:unknown"}, 1),
        ({"data_collection_params": "town:eq:Cork"}, 0),
        ({"data_collection_params": "town:missing"}, 1),
        ({"dynamic_variable_params": "visitor:gt:x"}, 0),
        ({"dynamic_variable_params": "nonsense"}, 0),
    ],
)
async def test_filters_on_what_is_not_there_leave_nothing(filters: dict[str, Any], found: int) -> None:
    """Also those on what the sandbox never has, such as tags."""
    state = State(None)
    criterion = {"id": "kind", "name": "Kind", "conversation_goal_prompt": "Was it kind?"}
    async with connect(state) as client:
        agent = await create(client, platform_settings={"evaluation": {"criteria": [criterion]}})
        had(state, agent, "conv_1", client_data={"dynamic_variables": {"visitor": "Anna"}})
        answer = await client.get(BASE, params=filters)

    assert len(ids(answer)) == found


@pytest.mark.parametrize(
    "filters", [{"page_size": 0}, {"page_size": 101}, {"rating_min": 6}, {"visited_agent_ids": ["a"] * 51}]
)
async def test_filters_out_of_range_are_schema_errors(filters: dict[str, Any]) -> None:
    """As the official schema has them."""
    async with connect(State(None)) as client:
        assert (await client.get(BASE, params=filters)).status_code == 422


async def test_conversations_come_newest_first_and_in_pages() -> None:
    """Following the cursor shows each once, in either direction."""
    state = State(None)
    async with connect(state) as client:
        agent = await create(client)
        made = [had(state, agent, f"conv_{at}", created=NOW - 100 - at) for at in range(5)]
        pages = [(await client.get(BASE, params={"page_size": 2})).json()]
        while cursor := pages[-1]["next_cursor"]:
            pages.append((await client.get(BASE, params={"page_size": 2, "cursor": cursor})).json())
        oldest = await client.get(BASE, params={"sort_direction": "asc"})

    assert [item["conversation_id"] for page in pages for item in page["conversations"]] == made
    assert [page["has_more"] for page in pages] == [True, True, False]
    assert ids(oldest) == made[::-1]


async def test_agents_tell_when_they_were_called_last_and_how_often() -> None:
    """Sorted by the calls of seven days; older calls count only as the last."""
    state = State(None)
    async with connect(state) as client:
        busy, quiet, _ = [await create(client, name=name) for name in ("busy", "quiet", "idle")]
        for at in range(2):
            had(state, busy, f"conv_{at}", created=NOW - 100 - at)
        had(state, quiet, "conv_old", created=NOW - 8 * DAY, ended=NOW - 8 * DAY)
        had(state, quiet, "conv_new")
        listed = (await client.get(AGENTS, params={"sort_by": "call_count_7d"})).json()["agents"]

    assert [agent["name"] for agent in listed] == ["busy", "quiet", "idle"]
    assert [agent["last_call_time_unix_secs"] for agent in listed] == [int(NOW) - 100, int(NOW) - 100, None]


async def test_feedback_needs_no_key_and_may_be_given_in_parts() -> None:
    """A thumb, and the stars and words of the widget, each kept when the next comes."""
    state = State(None)
    async with connect(state) as client, connect(state, key=None) as stranger:
        had(state, await create(client, platform_settings={"auth": {"enable_auth": True}}), "conv_1")
        answers = [
            await stranger.post(f"{BASE}/conv_1/feedback", json=body)
            for body in (
                {"feedback": "dislike"},
                {"rating": 4},
                {"comment": "Lovely"},
                {"rating": 6},
                {"feedback": "x"},
            )
        ]
        unknown = await stranger.post(f"{BASE}/conv_x/feedback", json={"feedback": "like"})
        feedback = (await client.get(f"{BASE}/conv_1")).json()["metadata"]["feedback"]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 422, 422]
    assert unknown.status_code == 404
    assert feedback == {
        "type": "rating",
        "overall_score": "dislike",
        "likes": 0,
        "dislikes": 0,
        "rating": 4,
        "comment": "Lovely",
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/audio"), ("DELETE", ""), ("POST", "/feedback")],
)
async def test_conversations_of_another_workspace_are_not_found(method: str, path: str) -> None:
    """Neither read nor heard, rated or deleted."""
    state = State(None)
    async with connect(state, keys=["sandbox", "other"]) as client:
        had(state, await create(client), "conv_1", b"mp3")
        body = {"json": {"feedback": "like"}} if method == "POST" else {}
        answer = await client.request(method, f"{BASE}/conv_1{path}", headers={"xi-api-key": "other"}, **body)
        left = await client.get(f"{BASE}/conv_1/audio")

    assert (answer.status_code, answer.json()["detail"]["code"]) == (404, "conversation_not_found")
    assert left.content == b"mp3"


async def test_a_deleted_conversation_leaves_no_recording() -> None:
    """Its audio is erased with it; one that was never recorded has none to give."""
    state = State(None)
    async with connect(state) as client:
        agent = await create(client)
        had(state, agent, "conv_1", b"mp3")
        had(state, agent, "conv_2")
        await client.delete(f"{BASE}/conv_1")
        silent = await client.get(f"{BASE}/conv_2/audio")
    with state.rows(MINE) as rows:
        kept = rows.kept("conversation audio", "conv_1")

    assert kept is None
    assert silent.json()["detail"]["code"] == "conversation_audio_not_found"


async def test_traces_are_not_made_up() -> None:
    """The OpenTelemetry format is a 501 that says so."""
    state = State(None)
    async with connect(state) as client:
        had(state, await create(client), "conv_1")
        answer = await client.get(f"{BASE}/conv_1", params={"format": "opentelemetry"})

    assert answer.status_code == 501


async def test_a_conversation_outlives_its_agent() -> None:
    """It can still be read, without the agent's name."""
    state = State(None)
    async with connect(state) as client:
        agent = await create(client)
        had(state, agent, "conv_1")
        await client.delete(f"{AGENTS}/{agent['agent_id']}")
        read = (await client.get(f"{BASE}/conv_1")).json()

    assert (read["agent_id"], read["agent_name"]) == (agent["agent_id"], None)


@pytest.mark.parametrize("days", [0, 3])
async def test_a_conversation_is_gone_when_its_days_are_over(days: int) -> None:
    """Recording and all; until then it tells when that will be."""
    state, clock = State(None), Clock(lambda: NOW)
    async with connect(state, clock) as client:
        agent = await create(client, platform_settings={"privacy": {"retention_days": days}})
        had(state, agent, "conv_1", b"mp3", created=NOW, ended=NOW + 60)
        before = (await client.get(f"{BASE}/conv_1")).json()
        clock.advance(days * DAY + 120)
        agents = (await client.get(AGENTS)).json()["agents"]
        after, listed = await client.get(f"{BASE}/conv_1"), await client.get(BASE)
    with state.rows(MINE) as rows:
        kept = rows.get("conversation", "conv_1"), rows.kept("conversation audio", "conv_1")

    deletion = before["metadata"]["deletion_settings"]["deletion_time_unix_secs"]
    assert int(NOW) + days * DAY <= deletion <= int(NOW) + days * DAY + 120
    assert (after.status_code, ids(listed), kept) == (404, [], (None, None))
    assert agents[0]["last_call_time_unix_secs"] is None


@pytest.mark.parametrize(
    ("privacy", "audio", "turns"),
    [
        ({"retention_days": 1, "delete_audio": True}, False, 3),
        ({"retention_days": 1, "delete_transcript_and_pii": True}, True, 0),
        ({"zero_retention_mode": True}, False, 0),
    ],
)
async def test_only_a_part_may_be_deleted(privacy: dict[str, Any], audio: bool, turns: int) -> None:
    """The recording, or what was said and by whom; that there was a conversation stays known."""
    state, clock = State(None), Clock(lambda: NOW)
    async with connect(state, clock) as client:
        agent = await create(client, platform_settings={"privacy": privacy})
        had(state, agent, "conv_1", b"mp3", user="anna", client_data={"dynamic_variables": {"visitor": "Anna"}})
        clock.advance(2 * DAY)
        heard = await client.get(f"{BASE}/conv_1/audio")
        read = (await client.get(f"{BASE}/conv_1")).json()

    settings = read["metadata"]["deletion_settings"]
    assert (read["has_audio"], heard.status_code == 200, len(read["transcript"])) == (audio, audio, turns)
    assert (read["user_id"] is None) == (turns == 0) == (settings["deleted_transcript_at_time_unix_secs"] is not None)
    assert (settings["deleted_audio_at_time_unix_secs"] is None) == audio
    assert bool(read["conversation_initiation_client_data"]["dynamic_variables"]) == (turns > 0)


@pytest.mark.parametrize(("existing", "status"), [(False, 200), (True, 404)])
async def test_new_privacy_settings_reach_old_conversations_when_told_to(existing: bool, status: int) -> None:
    """Else a conversation keeps to the settings of the version it was had with."""
    state, clock = State(None), Clock(lambda: NOW)
    async with connect(state, clock) as client:
        agent = await create(client)
        had(state, agent, "conv_1")
        privacy = {"retention_days": 1, "apply_to_existing_conversations": existing}
        await client.patch(f"{AGENTS}/{agent['agent_id']}", json={"platform_settings": {"privacy": privacy}})
        clock.advance(2 * DAY)
        read = await client.get(f"{BASE}/conv_1")

    assert read.status_code == status


async def test_a_conversation_that_goes_on_is_never_deleted() -> None:
    """Retention begins when it is over."""
    state, clock = State(None), Clock(lambda: NOW)
    async with connect(state, clock) as client:
        agent = await create(client, platform_settings={"privacy": {"retention_days": 0}})
        had(state, agent, "conv_1", status="in-progress", ended=None)
        clock.advance(DAY)
        read = await client.get(f"{BASE}/conv_1")

    assert read.status_code == 200
