"""The rules of voices, documents, agents and sessions, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from judged import build
from storykeeper_server.sandbox.app import Switches
from storykeeper_server.sandbox.clock import Clock
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio
BASE = "/v1/convai/knowledge-base"
AGENTS = "/v1/convai/agents"
SESSIONS = "/v1/convai/conversation"
ERIC = "cjVigY5qzO86Huf0OWal"


def connect(address: str = "http://127.0.0.1", **options: Any) -> httpx.AsyncClient:
    """A client of a fresh sandbox."""
    transport = httpx.ASGITransport(build(State(None), **options))
    return httpx.AsyncClient(transport=transport, base_url=address, headers={"xi-api-key": "sandbox"})


async def clone(client: httpx.AsyncClient, data: bytes, **fields: str) -> httpx.Response:
    """Clone a voice called Dot."""
    return await client.post("/v1/voices/add", data={"name": "Dot", **fields}, files={"files": ("a.wav", data)})


async def create(client: httpx.AsyncClient, config: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
    """Create an agent."""
    return await client.post(f"{AGENTS}/create", json={"conversation_config": config or {}, **more})


@pytest.mark.parametrize(("seconds", "code"), [(0.5, "audio_too_short"), (0.0, "invalid_audio")])
async def test_a_voice_needs_audio_that_can_be_heard(
    recording: Callable[[float], bytes], seconds: float, code: str
) -> None:
    """Too short or undecodable audio is refused and takes no slot."""
    async with connect() as client:
        answer = await clone(client, recording(seconds) if seconds else b"not audio" * 100)
        subscription = (await client.get("/v1/user/subscription")).json()

    assert answer.status_code == 400
    assert answer.json()["detail"]["code"] == code
    assert (subscription["voice_slots_used"], subscription["voice_add_edit_counter"]) == (0, 0)


@pytest.mark.parametrize("labels", ["[]", '"{}"', "{", '{"age": 3}'])
async def test_labels_must_be_a_json_object(recording: Callable[[float], bytes], labels: str) -> None:
    """A list, a string inside a string, broken JSON and numbers are schema errors."""
    async with connect() as client:
        answer = await clone(client, recording(1.2), labels=labels)

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][:2] == ["body", "labels"]


async def test_a_voice_needs_a_name_and_a_file_with_something_in_it() -> None:
    """Empty and missing parts are schema errors."""
    async with connect() as client:
        nothing = await client.post("/v1/voices/add")
        empty = await clone(client, b"")
        text = await client.post("/v1/voices/add", data={"name": "Dot", "files": "x"}, files={"other": ("a", b"x")})

    assert [error["loc"] for error in nothing.json()["detail"]] == [["body", "name"], ["body", "files"]]
    assert (empty.status_code, text.status_code) == (422, 422)


async def test_no_voice_can_be_added_when_the_slots_are_full(recording: Callable[[float], bytes]) -> None:
    """The refusal tells how many of how many there are."""
    async with connect(plan="starter") as client:
        for _ in range(10):
            assert (await clone(client, recording(1.2))).status_code == 200
        answer = await clone(client, recording(1.2))

    assert answer.status_code == 400
    assert answer.json()["detail"]["status"] == "voice_limit_reached"
    assert "(10 / 10)" in answer.json()["detail"]["message"]


async def test_the_month_s_edits_run_out_and_come_back(recording: Callable[[float], bytes]) -> None:
    """Deleting gives back the slot, only the next month gives back the edits."""
    now = [1_800_000_000.0]
    async with connect(plan="starter", clock=Clock(lambda: now[0])) as client:
        for _ in range(60):
            made = await clone(client, recording(1.0))
            await client.delete(f"/v1/voices/{made.json()['voice_id']}")
        refused = await clone(client, recording(1.0))
        now[0] += 31 * 24 * 60 * 60
        later = await clone(client, recording(1.0))

    assert refused.json()["detail"]["status"] == "voice_add_edit_limit_reached"
    assert later.status_code == 200


async def test_voices_come_in_pages_with_the_premade_ones_on_the_first(recording: Callable[[float], bytes]) -> None:
    """Following the tokens shows each cloned voice once, whatever is deleted meanwhile."""
    async with connect() as client:
        made = [(await clone(client, recording(1.0))).json()["voice_id"] for _ in range(5)]
        seen: list[str] = []
        page = (await client.get("/v2/voices?page_size=2")).json()
        premade = [voice["voice_id"] for voice in page["voices"] if voice["category"] == "premade"]
        while True:
            seen += [voice["voice_id"] for voice in page["voices"] if voice["category"] == "cloned"]
            if not page["has_more"]:
                break
            await client.delete(f"/v1/voices/{seen[0]}")
            token = page["next_page_token"]
            page = (await client.get("/v2/voices", params={"page_size": 2, "next_page_token": token})).json()

    assert ERIC in premade
    assert sorted(seen) == sorted(made)
    assert page["next_page_token"] is None


async def test_voices_are_found_by_their_words_ids_and_kinds(recording: Callable[[float], bytes]) -> None:
    """Search looks at name, description and labels."""
    async with connect() as client:
        made = (await clone(client, recording(1.0), description="Of Cork", labels='{"keep": "42"}')).json()["voice_id"]
        queries = [
            "search=dot",
            "search=CORK",
            "search=42",
            f"voice_ids={made}",
            "voice_type=personal",
            "category=cloned",
        ]
        found = [[v["voice_id"] for v in (await client.get(f"/v2/voices?{q}")).json()["voices"]] for q in queries]
        default = (await client.get("/v2/voices?voice_type=default")).json()["voices"]

    assert found == [[made]] * len(queries)
    assert {voice["category"] for voice in default} == {"premade"}


async def test_premade_voices_can_be_read_but_not_deleted() -> None:
    """They belong to nobody."""
    async with connect() as client:
        read = await client.get(f"/v1/voices/{ERIC}")
        deleted = await client.delete(f"/v1/voices/{ERIC}")

    assert (read.status_code, deleted.status_code) == (200, 404)
    assert read.json()["is_owner"] is False


async def test_new_voices_can_be_made_to_require_verification(recording: Callable[[float], bytes]) -> None:
    """A switch scripts what the live service decides."""
    async with connect(switches=Switches(require_verification=True)) as client:
        assert (await clone(client, recording(1.0))).json()["requires_verification"] is True


async def test_documents_are_listed_in_pages_and_by_the_start_of_their_name() -> None:
    """Search is a prefix of the name, not a part of it."""
    async with connect() as client:
        for name in ("Dot 1", "Dot 2", "Dot 3", "About Dot"):
            await client.post(f"{BASE}/text", json={"text": "x", "name": name})
        first = (await client.get(f"{BASE}?search=Dot&page_size=2&sort_by=name&sort_direction=asc")).json()
        query = {"search": "Dot", "page_size": 2, "sort_by": "name", "sort_direction": "asc"}
        second = (await client.get(BASE, params={**query, "cursor": first["next_cursor"]})).json()

    assert [item["name"] for item in first["documents"]] == ["Dot 1", "Dot 2"]
    assert [item["name"] for item in second["documents"]] == ["Dot 3"]
    assert (first["has_more"], second["has_more"], second["next_cursor"]) == (True, False, None)


@pytest.mark.parametrize("query", ["page_size=0", "page_size=101", "types=poem", "sort_by=mood"])
async def test_a_list_refuses_what_its_schema_does_not_have(query: str) -> None:
    """Query parameters are part of the schema."""
    async with connect() as client:
        assert (await client.get(f"{BASE}?{query}")).status_code == 422


async def test_a_cursor_is_good_for_its_own_order_only() -> None:
    """Made-up cursors and those of another order are refused."""
    async with connect() as client:
        for _ in range(2):
            await client.post(f"{BASE}/text", json={"text": "x"})
        cursor = (await client.get(f"{BASE}?page_size=1")).json()["next_cursor"]
        other = await client.get(BASE, params={"cursor": cursor, "sort_by": "name"})
        made_up = await client.get(BASE, params={"cursor": "WzFd"})

    assert (other.status_code, made_up.status_code) == (400, 400)


async def test_files_of_unknown_types_are_refused() -> None:
    """A knowledge base takes documents, not programs."""
    async with connect() as client:
        answer = await client.post(f"{BASE}/file", files={"file": ("run.exe", b"MZ")})

    assert answer.json()["detail"]["code"] == "invalid_file_type"


async def test_the_knowledge_base_of_an_account_is_limited() -> None:
    """Both the characters and the bytes of all documents count together."""
    async with connect() as client:
        first = await client.post(f"{BASE}/text", json={"text": "x" * 200_000})
        second = await client.post(f"{BASE}/text", json={"text": "x" * 100_001})
        third = await client.post(f"{BASE}/text", json={"text": "x" * 100_000})
    async with connect(switches=Switches(max_knowledge_bytes=10)) as client:
        file = await client.post(f"{BASE}/file", files={"file": ("a.pdf", b"%PDF" * 4)})

    assert [answer.status_code for answer in (first, second, third, file)] == [200, 400, 200, 400]
    assert second.json()["detail"]["code"] == file.json()["detail"]["code"] == "knowledge_base_limit_exceeded"


async def test_a_document_in_use_is_only_deleted_by_force() -> None:
    """Force takes it out of the agents that use it."""
    async with connect() as client:
        document = (await client.post(f"{BASE}/text", json={"text": "x", "name": "Dot"})).json()["id"]
        item = {"type": "text", "name": "Dot", "id": document}
        agent = (await create(client, {"agent": {"prompt": {"knowledge_base": [item]}}})).json()["agent_id"]
        users = (await client.get(BASE)).json()["documents"][0]["dependent_agents"]
        refused = await client.delete(f"{BASE}/{document}")
        forced = await client.delete(f"{BASE}/{document}?force=true")
        left = (await client.get(f"{AGENTS}/{agent}")).json()

    assert [user["id"] for user in users] == [agent]
    assert refused.status_code == 400
    assert refused.json()["detail"]["code"] == "document_has_dependent_agents"
    assert forced.status_code == 200
    assert left["conversation_config"]["agent"]["prompt"]["knowledge_base"] == []


@pytest.mark.parametrize(
    "config",
    [
        {"tts": {"stability": 1.1}},
        {"tts": {"speed": 0.6}},
        {"tts": {"model_id": "eleven_sings"}},
        {"asr": {"quality": "low"}},
        {"agent": {"prompt": {"llm": "hal-9000"}}},
        {"agent": {"prompt": {"mcp_server_ids": ["x"] * 11}}},
        {"agent": {"prompt": {"knowledge_base": [{"type": "text", "id": "x"}]}}},
        {"conversation": {"client_events": ["applause"]}},
    ],
)
async def test_an_agent_outside_the_schema_is_refused(config: dict[str, Any]) -> None:
    """Ranges, enums and required fields, each told by its place."""
    async with connect() as client:
        answer = await create(client, config)

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][:2] == ["body", "conversation_config"]


@pytest.mark.parametrize("kind", ["file", "text"])
async def test_an_agent_s_documents_must_exist_and_be_of_their_type(kind: str) -> None:
    """A file of that id, or no document at all, is a 404."""
    async with connect() as client:
        document = (await client.post(f"{BASE}/text", json={"text": "x"})).json()["id"]
        item = {"type": kind, "name": "x", "id": document if kind == "file" else "nothing"}
        answer = await create(client, {"agent": {"prompt": {"knowledge_base": [item]}}})

    assert answer.status_code == 404
    assert answer.json()["detail"]["code"] == "knowledge_base_documentation_not_found"


async def test_an_agent_s_voice_must_exist_unless_switched_off() -> None:
    """Whether the live service looks is unverified."""
    config = {"tts": {"voice_id": "nobody"}}
    async with connect() as strict, connect(switches=Switches(check_voice=False)) as lax:
        assert (await create(strict, config)).json()["detail"]["code"] == "voice_not_found"
        assert (await create(lax, config)).status_code == 200


@pytest.mark.parametrize(
    ("language", "model", "status"),
    [
        ("en", "eleven_flash_v2", 200),
        ("en", "eleven_turbo_v2", 200),
        ("en", "eleven_v3_conversational", 200),
        ("en", "eleven_v4_turbo", 200),
        ("en", "eleven_flash_v2_5", 400),
        ("en", "eleven_multilingual_v2", 400),
        ("de", "eleven_flash_v2", 400),
        ("de", "eleven_multilingual_v2", 400),
        ("de", "eleven_turbo_v2_5", 200),
        ("de", "eleven_v4", 200),
    ],
)
async def test_language_and_model_must_fit(language: str, model: str, status: int) -> None:
    """English agents need a v2 model, others v2.5."""
    config = {"agent": {"language": language}, "tts": {"model_id": model}}
    async with connect() as client, connect(switches=Switches(check_language=False)) as lax:
        answer = await create(client, config)
        assert (await create(lax, config)).status_code == 200

    assert answer.status_code == status
    if status == 400:
        assert answer.json()["detail"]["status"] == "invalid_agent_config"


@pytest.mark.parametrize(("presets", "status"), [({"es": {}}, 200), ({"en": {}}, 400), ({}, 400)])
async def test_an_english_agent_with_other_languages_may_use_their_models(presets: Any, status: int) -> None:
    """Its own goes too; one that knows neither doesn't."""
    config = {"agent": {"language": "en"}, "language_presets": {id: {"overrides": {}} for id in presets}}
    async with connect() as client:
        answers = [
            (await create(client, {**config, "tts": {"model_id": model}})).status_code
            for model in ("eleven_flash_v2_5", "eleven_turbo_v2_5", "eleven_flash_v2", "eleven_multilingual_v2")
        ]

    assert answers == [status, status, 200, 400]


@pytest.mark.parametrize("allowed", [True, False])
async def test_v3_may_be_for_english_only(*, allowed: bool) -> None:
    """One report says so."""
    async with connect(switches=Switches(v3_in_other_languages=allowed)) as client:
        answers = [
            (await create(client, {"agent": {"language": language}, "tts": {"model_id": "eleven_v3_conversational"}}))
            for language in ("en", "es")
        ]

    assert [answer.status_code for answer in answers] == [200, 200 if allowed else 400]


async def test_an_allowlist_has_at_most_ten_hosts() -> None:
    """One more is against the rules of the business, not of the schema."""
    hosts = [{"hostname": f"{number}.example"} for number in range(11)]
    async with connect() as client:
        ten = await create(client, platform_settings={"auth": {"allowlist": hosts[:10]}})
        eleven = await create(client, platform_settings={"auth": {"allowlist": hosts}})

    assert (ten.status_code, eleven.status_code) == (200, 400)


async def test_a_change_merges_objects_and_replaces_lists() -> None:
    """What isn't sent stays, and the old version can still be read."""
    config = {"agent": {"first_message": "Hello", "prompt": {"tool_ids": ["a", "b"]}}, "tts": {"speed": 0.9}}
    async with connect() as client:
        path = f"{AGENTS}/{(await create(client, config, tags=['x', 'y'])).json()['agent_id']}"
        old = (await client.get(path)).json()
        body = {"conversation_config": {"agent": {"prompt": {"tool_ids": ["c"]}}}, "tags": ["z"]}
        new = (await client.patch(path, json=body)).json()
        first = (await client.get(path, params={"version_id": old["version_id"]})).json()
        unknown = await client.get(path, params={"version_id": "agtvrsn_none"})

    assert new["conversation_config"]["agent"]["first_message"] == "Hello"
    assert new["conversation_config"]["agent"]["prompt"]["tool_ids"] == ["c"]
    assert (new["conversation_config"]["tts"]["speed"], new["tags"]) == (0.9, ["z"])
    assert new["version_id"] != old["version_id"]
    assert first == {**old, "metadata": first["metadata"]}
    assert unknown.status_code == 404


@pytest.mark.parametrize("body", [{"conversation_config": None}, {"conversation_config": {"tts": {"speed": 9}}}, [1]])
async def test_a_change_outside_the_schema_is_refused(body: object) -> None:
    """Null is not the same as absent, and ranges hold for changes too."""
    async with connect() as client:
        agent = (await create(client)).json()["agent_id"]
        assert (await client.patch(f"{AGENTS}/{agent}", json=body)).status_code == 422


async def test_a_refused_change_changes_nothing() -> None:
    """Checks come before anything is kept."""
    async with connect() as client:
        path = f"{AGENTS}/{(await create(client)).json()['agent_id']}"
        old = (await client.get(path)).json()
        answer = await client.patch(path, json={"conversation_config": {"tts": {"voice_id": "nobody"}}})
        new = (await client.get(path)).json()

    assert answer.status_code == 404
    assert new == old


async def test_an_agent_read_and_sent_back_stays_the_same() -> None:
    """Everything that the sandbox fills in, it also takes."""
    async with connect() as client:
        path = f"{AGENTS}/{(await create(client)).json()['agent_id']}"
        old = (await client.get(path)).json()
        sent = {name: old[name] for name in ("name", "tags", "conversation_config", "platform_settings", "workflow")}
        new = (await client.patch(path, json=sent)).json()

    assert {name: new[name] for name in sent} == sent


async def test_agents_are_found_by_name_tag_and_archive() -> None:
    """Tags match any, archived agents stay out unless asked for."""
    async with connect() as client:
        one = (await create(client, name="Dot", tags=["a"])).json()["agent_id"]
        two = (await create(client, name="Ann", tags=["b"], platform_settings={"archived": True})).json()["agent_id"]
        queries = ["", "search=dO", "tags=a&tags=c", "archived=true", "tags=c"]
        found = [[a["agent_id"] for a in (await client.get(f"{AGENTS}?{q}")).json()["agents"]] for q in queries]

    assert found == [[one], [one], [one], [two], []]


async def test_agents_come_newest_first_and_in_pages() -> None:
    """Following the cursors shows each agent once."""
    now = iter(range(1, 100))
    async with connect(clock=Clock(lambda: float(next(now)))) as client:
        made = [(await create(client)).json()["agent_id"] for _ in range(5)]
        seen: list[str] = []
        query: dict[str, Any] = {"page_size": 2}
        while True:
            page = (await client.get(AGENTS, params=query)).json()
            seen += [agent["agent_id"] for agent in page["agents"]]
            if not page["has_more"]:
                break
            query["cursor"] = page["next_cursor"]

    assert seen == made[::-1]


async def test_a_signed_url_is_secure_where_the_sandbox_is() -> None:
    """Behind HTTPS, and under a path, the URL says so."""
    async with connect("https://localhost:8443") as client:
        agent = (await create(client)).json()["agent_id"]
        query = {"agent_id": agent, "include_conversation_id": True}
        url = (await client.get(f"{SESSIONS}/get-signed-url", params=query)).json()["signed_url"]
        unknown = await client.get(f"{SESSIONS}/get-signed-url", params={"agent_id": "nobody"})
        nameless = await client.get(f"{SESSIONS}/get-signed-url")

    assert url.startswith("wss://localhost:8443/v1/convai/conversation?")
    assert "conversation_id=conv_" in url
    assert (unknown.status_code, nameless.status_code) == (404, 422)


async def test_tokens_of_private_agents_need_a_key() -> None:
    """Agents are public until they are told otherwise."""
    transport = httpx.ASGITransport(build(State(None)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        client.headers["xi-api-key"] = "sandbox"
        public = (await create(client)).json()["agent_id"]
        private = (await create(client, platform_settings={"auth": {"enable_auth": True}})).json()["agent_id"]
        with_key = await client.get(f"{SESSIONS}/token", params={"agent_id": private})
        del client.headers["xi-api-key"]
        answers = [await client.get(f"{SESSIONS}/token", params={"agent_id": id}) for id in (public, private, "x")]

    assert with_key.status_code == 200
    assert with_key.json()["conversation_id"].startswith("conv_")
    assert [answer.status_code for answer in answers] == [200, 401, 404]
