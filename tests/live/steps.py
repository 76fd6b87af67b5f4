"""The contract, step by step: the official SDK does everything that the sandbox serves.

A step needs what earlier ones made. Those with a reason beside them in the list only run against a sandbox: at the
service they would spend, or touch what isn't ours.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

from live.conversation import TEXT_ONLY, talk
from live.world import World

Step = Callable[[World], Awaitable[None]]

EMBEDDING = "multilingual_e5_large_instruct"
SPEECH = "eleven_flash_v2"
TEXT = "# Dorothy\n\nBorn in Cork in 1938, over the bakery. " + "She sang while she baked. " * 40
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
NOBODY = "x" * 20
AI = "conversational_ai"
AGENTS, CONVERSATIONS = f"{AI}.agents", f"{AI}.conversations"
KNOWLEDGE = f"{AI}.knowledge_base"
DOCUMENTS = f"{KNOWLEDGE}.documents"


# Account


async def the_account_shows_its_plan(world: World) -> None:
    await world.sdk("user.get")
    await world.sdk("user.subscription.get")


async def models_are_listed(world: World) -> None:
    await world.sdk("models.list")
    await world.sdk(f"{AI}.llm.list")


# Voices


async def a_voice_is_cloned(world: World) -> None:
    files = [("dorothy.mp3", world.recording, "audio/mpeg")]
    made = await world.sdk(
        "voices.ivc.create", name=f"{world.marker} voice", files=files, description="A test.", labels={"language": "en"}
    )
    world.ids["voice"] = made.voice_id
    world.facts["require_verification"] = made.requires_verification
    world.facts["library_voice_match"] = bool(made.library_voice_match)


async def a_new_voice_is_listed(world: World) -> None:
    found = await world.sdk("voices.search", search=world.marker)
    listed = world["voice"] in [voice.voice_id for voice in found.voices]
    world.facts["list_lag_seconds"] = 0.0 if listed else 10.0
    await world.sdk("voices.get_all")


async def a_voice_is_read(world: World) -> None:
    voice = await world.sdk("voices.get", world["voice"])
    world.ids["sample"] = voice.samples[0].sample_id
    await world.sdk("voices.settings.get_default")
    await world.sdk("voices.settings.get", world["voice"])
    await world.sdk("voices.samples.audio.get", world["voice"], world["sample"])


async def a_voice_is_changed(world: World) -> None:
    settings = {"stability": 0.6, "similarity_boost": 0.8, "style": 0.0, "use_speaker_boost": True, "speed": 1.0}
    await world.sdk("voices.settings.update", world["voice"], request=settings)
    files = [("again.mp3", world.recording, "audio/mpeg")]
    await world.sdk("voices.update", world["voice"], name=f"{world.marker} voice", files=files, labels={"age": "old"})


async def a_sample_is_deleted(world: World) -> None:
    voice = await world.sdk("voices.get", world["voice"])
    await world.sdk("samples.delete", world["voice"], voice.samples[-1].sample_id)


async def a_voice_speaks(world: World) -> None:
    for method in ("convert", "convert_with_timestamps", "stream", "stream_with_timestamps"):
        await world.sdk(f"text_to_speech.{method}", world["voice"], text="Hello.", model_id=SPEECH)


async def voices_that_are_not_there_are_refused(world: World) -> None:
    await world.sdk.refused("voices.get", NOBODY)


# Knowledge


async def a_text_is_added(world: World) -> None:
    made = await world.sdk(f"{DOCUMENTS}.create_from_text", text=TEXT, name=f"{world.marker} text")
    world.ids["text"] = made.id


async def a_file_is_added(world: World) -> None:
    name, content = f"{world.marker} file", TEXT.encode()
    refused = await world.sdk.refused(
        f"{DOCUMENTS}.create_from_file", file=("letters.md", content, "text/markdown"), name=name
    )
    world.facts["accept_markdown"] = refused is None
    if refused:
        await world.sdk(f"{DOCUMENTS}.create_from_file", file=("letters.txt", content, "text/plain"), name=name)
    made = [id for id, sort in world.budget.made.items() if sort == "document" and id != world["text"]]
    world.ids["file"] = made[-1]


async def a_folder_is_made(world: World) -> None:
    made = await world.sdk(f"{DOCUMENTS}.create_folder", name=f"{world.marker} folder")
    world.ids["folder"] = made.id


async def a_page_is_added_and_fetched_again(world: World) -> None:
    made = await world.sdk(f"{DOCUMENTS}.create_from_url", url="https://example.org/", name=f"{world.marker} page")
    await world.sdk(f"{KNOWLEDGE}.document.refresh", made.id)
    old = await world.sdk(f"{AI}.add_to_knowledge_base", name=f"{world.marker} old", url="https://example.org/")
    await world.sdk(f"{DOCUMENTS}.bulk_delete", document_ids=[made.id, old.id], force=True)


async def documents_are_read(world: World) -> None:
    for name in ("text", "file", "folder"):
        await world.sdk(f"{DOCUMENTS}.get", world[name])
    shown = await world.sdk(f"{DOCUMENTS}.get", world["text"])
    world.facts["knowledge_format"] = shown.content_format
    await world.sdk(f"{DOCUMENTS}.get_content", world["text"])
    await world.sdk(f"{DOCUMENTS}.get_source_file_url", world["file"])
    await world.sdk(f"{DOCUMENTS}.summaries.get", document_ids=[world["text"]])


async def documents_are_found(world: World) -> None:
    await world.sdk(f"{KNOWLEDGE}.list", search=world.marker, types=["text", "file"])
    await world.sdk(f"{KNOWLEDGE}.search", query="bakery")


async def documents_are_changed(world: World) -> None:
    await world.sdk(f"{DOCUMENTS}.update", world["text"], name=f"{world.marker} memories")
    file = ("letters.txt", TEXT.encode(), "text/plain")
    await world.sdk(f"{KNOWLEDGE}.document.update_file", world["file"], file=file)


async def documents_are_moved(world: World) -> None:
    await world.sdk(f"{DOCUMENTS}.move", world["text"], move_to=world["folder"])
    await world.sdk(f"{DOCUMENTS}.bulk_move", document_ids=[world["text"]])


async def documents_that_are_not_there_are_refused(world: World) -> None:
    await world.sdk.refused(f"{DOCUMENTS}.get", NOBODY)


async def a_document_is_indexed(world: World) -> None:
    text = world["text"]
    made = await world.sdk(f"{KNOWLEDGE}.document.compute_rag_index", text, model=EMBEDDING)

    async def ready() -> bool:
        indexes = (await world.sdk(f"{AI}.get_document_rag_indexes", text)).indexes
        return any(index.status == "succeeded" for index in indexes)

    await world.until(ready)
    world.ids["index"] = made.id
    await world.sdk(f"{AI}.rag_index_overview")
    item = {"document_id": text, "create_if_missing": False, "model": EMBEDDING}
    await world.sdk(f"{KNOWLEDGE}.get_or_create_rag_indexes", items=[item])


async def passages_are_read(world: World) -> None:
    found = await world.sdk(f"{DOCUMENTS}.chunks.list", world["text"], embedding_model=EMBEDDING)
    await world.sdk(f"{DOCUMENTS}.chunk.get", world["text"], found.chunks[0].id, embedding_model=EMBEDDING)


async def an_index_is_deleted(world: World) -> None:
    await world.sdk(f"{AI}.delete_document_rag_index", world["text"], world["index"])


# Agents


async def an_agent_is_made(world: World) -> None:
    knows = [{"type": "text", "name": "memories", "id": world["text"]}]
    config = {
        "agent": {
            "first_message": "Hello.",
            "language": "en",
            "prompt": {"prompt": "Be kind.", "knowledge_base": knows},
        },
        "tts": {"voice_id": world["voice"], "model_id": SPEECH},
    }
    allowed = {"conversation_config_override": {"conversation": {"text_only": True}}}
    private = {"auth": {"enable_auth": True}, "overrides": allowed}
    made = await world.sdk(
        f"{AGENTS}.create", conversation_config=config, platform_settings=private, name=f"{world.marker} agent"
    )
    world.ids["agent"] = made.agent_id


async def an_agent_is_read(world: World) -> None:
    await world.sdk(f"{AGENTS}.get", world["agent"])
    await world.sdk(f"{AGENTS}.list", search=world.marker)
    await world.sdk(f"{AGENTS}.link.get", world["agent"])
    await world.sdk(f"{AGENTS}.knowledge_base.size", world["agent"])


async def an_agent_is_changed(world: World) -> None:
    await world.sdk(f"{AGENTS}.update", world["agent"], conversation_config={"tts": {"speed": 0.9}}, tags=["test"])


async def an_agent_is_dressed(world: World) -> None:
    await world.sdk(f"{AGENTS}.widget.avatar.create", world["agent"], avatar_file=("face.png", PIXEL, "image/png"))
    signed = await world.sdk(f"{CONVERSATIONS}.get_signed_url", agent_id=world["agent"])
    signature = parse_qs(urlsplit(signed.signed_url).query)["conversation_signature"][0]
    await world.sdk(f"{AGENTS}.widget.get", world["agent"], conversation_signature=signature)


async def documents_know_their_agents(world: World) -> None:
    await world.sdk(f"{DOCUMENTS}.get_agents", world["text"])
    await world.sdk(f"{DOCUMENTS}.get_bulk_agents", document_ids=[world["text"]])
    await world.sdk.refused(f"{DOCUMENTS}.delete", world["text"])


async def agents_that_can_not_be_are_refused(world: World) -> None:
    await world.sdk.refused(f"{AGENTS}.get", f"agent_{NOBODY}")
    await world.sdk.refused(f"{AGENTS}.update", world["agent"], conversation_config={"tts": {"speed": 9}})


async def an_agent_is_copied(world: World) -> None:
    copy = await world.sdk(f"{AGENTS}.duplicate", world["agent"], name=f"{world.marker} copy")
    await world.sdk(f"{AGENTS}.delete", copy.agent_id)


async def conversations_are_simulated(world: World) -> None:
    specification = {"simulated_user_config": {"prompt": {"prompt": "Where were you born?"}}}
    for method in ("simulate_conversation", "simulate_conversation_stream"):
        await world.sdk(f"{AGENTS}.{method}", world["agent"], simulation_specification=specification, new_turns_limit=2)


# Conversations


async def a_conversation_begins(world: World) -> None:
    signed = await world.sdk(f"{CONVERSATIONS}.get_signed_url", agent_id=world["agent"])
    await world.sdk(f"{CONVERSATIONS}.get_webrtc_token", agent_id=world["agent"])
    world.ids["conversation"] = await talk(world, signed.signed_url, override=TEXT_ONLY)


async def a_conversation_is_kept(world: World) -> None:
    await world.sdk(f"{CONVERSATIONS}.list", agent_id=world["agent"])
    await world.sdk(f"{CONVERSATIONS}.feedback.create", world["conversation"], feedback="like")
    await world.sdk(f"{CONVERSATIONS}.get", world["conversation"])
    await world.sdk.refused(f"{CONVERSATIONS}.audio.get", world["conversation"])


async def a_spoken_conversation_can_be_heard(world: World) -> None:
    signed = await world.sdk(f"{CONVERSATIONS}.get_signed_url", agent_id=world["agent"])
    spoken = await talk(world, signed.signed_url, until="audio")

    async def over() -> bool:
        return (await world.sdk(f"{CONVERSATIONS}.get", spoken)).status == "done"

    await world.until(over)
    await world.sdk(f"{CONVERSATIONS}.audio.get", spoken)


async def a_conversation_is_deleted(world: World) -> None:
    await world.sdk(f"{CONVERSATIONS}.delete", world["conversation"])


# The workspace


async def settings_are_read(world: World) -> None:
    await world.sdk(f"{AI}.settings.get")
    await world.sdk("webhooks.list")


async def webhooks_come_and_go(world: World) -> None:
    hook = {"auth_type": "hmac", "name": f"{world.marker} hook", "webhook_url": "https://example.org/hook"}
    made = await world.sdk("webhooks.create", settings=hook)
    await world.sdk(
        f"{AI}.settings.update", webhooks={"post_call_webhook_id": made.webhook_id, "events": ["transcript"]}
    )
    await world.sdk("webhooks.update", made.webhook_id, is_disabled=True, name=f"{world.marker} hook")
    await world.sdk(f"{AI}.settings.update", webhooks={"post_call_webhook_id": None, "events": ["transcript"]})
    await world.sdk("webhooks.delete", made.webhook_id)


# At last


async def everything_is_deleted(world: World) -> None:
    await world.sdk(f"{AGENTS}.delete", world["agent"])
    await world.sdk(f"{DOCUMENTS}.delete", world["text"], force=True)
    await world.sdk(f"{DOCUMENTS}.bulk_delete", document_ids=[world["file"], world["folder"]], force=True)
    await world.sdk("voices.delete", world["voice"])


STEPS: dict[Step, str] = dict.fromkeys(
    [
        the_account_shows_its_plan,
        models_are_listed,
        a_voice_is_cloned,
        a_new_voice_is_listed,
        a_voice_is_read,
        a_voice_is_changed,
        a_sample_is_deleted,
        a_voice_speaks,
        voices_that_are_not_there_are_refused,
        a_text_is_added,
        a_file_is_added,
        a_folder_is_made,
        documents_are_read,
        documents_are_found,
        documents_are_changed,
        documents_are_moved,
        documents_that_are_not_there_are_refused,
        a_document_is_indexed,
        passages_are_read,
        an_index_is_deleted,
        an_agent_is_made,
        an_agent_is_read,
        an_agent_is_changed,
        an_agent_is_dressed,
        documents_know_their_agents,
        agents_that_can_not_be_are_refused,
        a_conversation_begins,
        a_conversation_is_kept,
        a_conversation_is_deleted,
        settings_are_read,
    ],
    "",
) | {
    a_page_is_added_and_fetched_again: "it makes the service fetch pages, and more documents than the budget has",
    an_agent_is_copied: "the budget has one agent",
    conversations_are_simulated: "it spends on a language model",
    a_spoken_conversation_can_be_heard: "it spends on speech",
    webhooks_come_and_go: "it changes what the whole workspace uses",
}
LAST: Step = everything_is_deleted
