"""Small experiments that find out how a side does what nobody could verify: each answers the value of one switch.

They need the voice, the documents and the agent that the steps made, and leave the agent as it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from live.conversation import TEXT_ONLY, closed, ping_seconds
from live.exchanges import body
from live.steps import CONVERSATIONS, NOBODY, SPEECH
from live.world import Missing, World

Probe = Callable[[World], Awaitable[Any]]
ELSEWHERE = "https://elsewhere.example"


async def change(world: World, **settings: Any) -> int:
    """The status of a change of the agent, sent as it is: the SDK would leave nulls out."""
    path = f"/v1/convai/agents/{world['agent']}"
    return (await world.http.patch(path, json=settings, headers=world.headers)).status_code


async def tts(world: World, **settings: Any) -> int:
    """The status of a change of how the agent speaks."""
    return await change(world, conversation_config={"tts": settings})


async def agent(world: World, **settings: Any) -> int:
    """The status of a change of what the agent says and knows."""
    return await change(world, conversation_config={"agent": settings})


async def shown(world: World) -> Any:
    """The agent, as it is read."""
    return body(await world.http.get(f"/v1/convai/agents/{world['agent']}", headers=world.headers))


async def signed(world: World) -> str:
    """A new signed URL."""
    return (await world.sdk(f"{CONVERSATIONS}.get_signed_url", agent_id=world["agent"])).signed_url


def noticed(name: str) -> Probe:
    """What a step noticed in passing."""

    async def look(world: World) -> Any:
        if name not in world.facts:
            raise Missing(name)
        return world.facts[name]

    return look


async def check_voice(world: World) -> bool:
    status = await tts(world, voice_id=NOBODY)
    await tts(world, voice_id=world["voice"])
    return status != 200


async def check_language(world: World) -> bool:
    status = await tts(world, model_id="eleven_flash_v2_5")
    await tts(world, model_id=SPEECH)
    return status != 200


async def v3_in_other_languages(world: World) -> bool:
    config = {"agent": {"language": "de"}, "tts": {"model_id": "eleven_v3_conversational"}}
    status = await change(world, conversation_config=config)
    await change(world, conversation_config={"agent": {"language": "en"}, "tts": {"model_id": SPEECH}})
    return status == 200


async def rag_not_ready(world: World) -> str:
    knows = [{"type": "file", "name": "letters", "id": world["file"]}]
    status = await agent(world, prompt={"knowledge_base": knows, "rag": {"enabled": True}})
    await agent(world, prompt={"knowledge_base": [], "rag": {"enabled": False}})
    return "off" if status == 200 else str(status)


async def patch_appends_lists(world: World) -> bool:
    for word in ("bread", "oven"):
        await change(world, conversation_config={"asr": {"keywords": [word]}})
    return len((await shown(world))["conversation_config"]["asr"]["keywords"]) == 2


async def patch_null_resets(world: World) -> bool:
    for value in (True, None):
        await change(world, platform_settings={"widget": {"show_avatar_when_collapsed": value}})
    return (await shown(world))["platform_settings"]["widget"]["show_avatar_when_collapsed"] is not None


async def patch_replaces_maps(world: World) -> bool:
    for name in ("first", "second"):
        await agent(world, dynamic_variables={"dynamic_variable_placeholders": {name: "x"}})
    variables = (await shown(world))["conversation_config"]["agent"]["dynamic_variables"]
    return "first" not in variables["dynamic_variable_placeholders"]


async def unknown_fields(world: World) -> str:
    return "ignore" if await change(world, storykeeper_knows_no_such_field=1) == 200 else "refuse"


async def check_webhook(world: World) -> bool:
    overrides = [{"webhooks": {"post_call_webhook_id": id}} for id in (NOBODY, None)]
    status = await change(world, platform_settings={"workspace_overrides": overrides[0]})
    await change(world, platform_settings={"workspace_overrides": overrides[1]})
    return status != 200


async def models_without_key(world: World) -> str:
    status = (await world.http.get("/v1/models")).status_code
    return {404: "workspace_not_found", 401: "needs_authorization"}.get(status, f"status {status}")


async def envelope(world: World) -> str:
    await world.sdk.refused("voices.get", NOBODY)
    return world.exchanges[world.step][-1].envelope


async def unknown_agent_close(world: World) -> int:
    base = str(world.http.base_url).replace("http", "ws", 1).rstrip("/")
    return await closed(world, f"{base}/v1/convai/conversation?agent_id=agent_{NOBODY}")


async def allowlist_close(world: World) -> int:
    await change(world, platform_settings={"auth": {"allowlist": [{"hostname": "example.org"}]}})
    code = await closed(world, await signed(world), TEXT_ONLY, ELSEWHERE)
    await change(world, platform_settings={"auth": {"allowlist": []}})
    return code


async def top_level_text_only(world: World) -> bool:
    if await closed(world, await signed(world), {"text_only": True}):
        return False
    kept = await world.http.get(f"/v1/convai/conversations/{world['latest conversation']}", headers=world.headers)
    return body(kept)["metadata"]["text_only"]


async def placeholders_count(world: World) -> bool:
    variables = {"dynamic_variable_placeholders": {"visitor": "Anna"}}
    await agent(world, first_message="Hello, {{visitor}}.", dynamic_variables=variables)
    code = await closed(world, await signed(world), TEXT_ONLY)
    await agent(world, first_message="Hello.", dynamic_variables={"dynamic_variable_placeholders": {}})
    return code == 0


async def pings(world: World) -> float:
    return round(await ping_seconds(world, await signed(world), TEXT_ONLY), 1)


PROBES: dict[str, Probe] = {
    "require_verification": noticed("require_verification"),
    "library_voice_match": noticed("library_voice_match"),
    "list_lag_seconds": noticed("list_lag_seconds"),
    "accept_markdown": noticed("accept_markdown"),
    "knowledge_format": noticed("knowledge_format"),
    "envelope": envelope,
    "models_without_key": models_without_key,
    "unknown_fields": unknown_fields,
    "check_voice": check_voice,
    "check_language": check_language,
    "v3_in_other_languages": v3_in_other_languages,
    "check_webhook": check_webhook,
    "rag_not_ready": rag_not_ready,
    "patch_appends_lists": patch_appends_lists,
    "patch_null_resets": patch_null_resets,
    "patch_replaces_maps": patch_replaces_maps,
    "unknown_agent_close": unknown_agent_close,
    "allowlist_close": allowlist_close,
    "placeholders_count": placeholders_count,
    "top_level_text_only": top_level_text_only,
    "ping_seconds": pings,
}

# Why the rest isn't found out.
NOT_PROBED = {
    "min_voice_seconds": "every try at a limit may make a voice",
    "max_voice_files": "every try at a limit may make a voice",
    "max_voice_file_bytes": "every try at a limit may make a voice",
    "credit_refusal": "the credits would have to be spent first",
    "concurrency_refusal": "it takes many requests at once that spend",
    "retry_after_seconds": "it takes many requests at once that spend",
    "max_body_bytes": "it takes a large upload",
    "max_json_bytes": "it takes a large upload",
    "max_knowledge_bytes": "it takes a large upload",
    "max_knowledge_characters": "it takes a large upload",
    "knowledge_refusal": "it takes a large upload",
    "rag_seconds": "it depends on the service's load",
    "signed_url_seconds": "it takes 15 minutes",
    "inactivity_seconds": "it takes a conversation of unknown length",
    "credits_a_minute": "it takes a minute of conversation",
    "hears": "the service recognises speech, the sandbox doesn't",
    "simulation_shows_history": "a simulation spends on a language model",
}


def alike(name: str, ours: object, theirs: object) -> bool:
    """Whether two sides show the same; times only have to be of the same size, and a lag is one or none."""
    if name == "list_lag_seconds":
        return bool(ours) == bool(theirs)
    if name == "ping_seconds" and isinstance(ours, float) and isinstance(theirs, float):
        return abs(ours - theirs) <= 0.4 or max(ours, theirs) <= 1.5 * min(ours, theirs)
    return ours == theirs
