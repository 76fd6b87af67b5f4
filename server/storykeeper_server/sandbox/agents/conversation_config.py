"""An agent's `conversation_config`: the official fields, ranges and defaults.

The names of enums are those of the official client, which knows some more than the official schema file.
Inline tools and text behaviours are kept as sent, not looked into.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ..catalogue import Llm
from ..schema import Part
from .tools import BuiltInTools

ASRQuality = Literal["high"]

AsrProvider = Literal["elevenlabs", "scribe_realtime", "scribe_v2_turbo"]

InputAudio = Literal["pcm_8000", "pcm_16000", "pcm_22050", "pcm_24000", "pcm_44100", "pcm_48000", "ulaw_8000"]


class Asr(Part):
    quality: ASRQuality = "high"
    provider: AsrProvider = "scribe_realtime"
    user_input_audio_format: InputAudio = "pcm_16000"
    keywords: list[str] = []


TurnMode = Literal["silence", "turn"]

TurnEagerness = Literal["patient", "normal", "eager"]

SpellingPatience = Literal["auto", "off"]

TurnModel = Literal["turn_v2", "turn_v3"]


class SoftTimeout(Part):
    timeout_seconds: float = -1
    message: Annotated[str, Field(min_length=1, max_length=200)] = "Hhmmmm...yeah."
    additional_soft_timeout_messages: Annotated[list[str], Field(max_length=7)] = []
    use_llm_generated_message: bool = False
    randomize_fillers: bool = False
    max_soft_timeouts_per_generation: Annotated[int, Field(ge=1, le=8)] = 1
    llm_generated_message_prompt_override: Annotated[str | None, Field(min_length=1, max_length=1000)] = None
    disable_until_first_user_message: bool = False


class Turn(Part):
    turn_timeout: float = 7
    initial_wait_time: float | None = None
    silence_end_call_timeout: float = -1
    mode: TurnMode = "turn"
    turn_eagerness: TurnEagerness = "normal"
    spelling_patience: SpellingPatience = "auto"
    speculative_turn: bool = False
    retranscribe_on_turn_timeout: bool = False
    turn_model: TurnModel = "turn_v3"
    interruption_ignore_terms: list[str] = []
    interruption_ignore_term_languages: list[str] = []
    merge_with_default_ignore_terms: bool = False
    transcribe_on_disabled_interruptions: bool = False
    soft_timeout_config: SoftTimeout = SoftTimeout()


TtsModel = Literal[
    "eleven_turbo_v2",
    "eleven_turbo_v2_5",
    "eleven_flash_v2",
    "eleven_flash_v2_5",
    "eleven_multilingual_v2",
    "eleven_v3_conversational",
    "eleven_v4",
    "eleven_v4_turbo",
]

ModelFamily = Literal["turbo", "flash", "multilingual", "v3_conversational", "v4", "v4_turbo"]

Latency = Literal[0, 1, 2, 3, 4]


class SupportedVoice(Part):
    label: Annotated[str, Field(min_length=1)]
    voice_id: Annotated[str, Field(min_length=1)]
    description: str | None = None
    language: str | None = None
    model_family: ModelFamily | None = None
    optimize_streaming_latency: Latency | None = None
    stability: Annotated[float | None, Field(ge=0, le=1)] = None
    speed: Annotated[float | None, Field(ge=0.7, le=1.2)] = None
    similarity_boost: Annotated[float | None, Field(ge=0, le=1)] = None


class SuggestedAudioTag(Part):
    tag: Annotated[str, Field(min_length=1, max_length=30)]
    description: Annotated[str | None, Field(max_length=200)] = None


OutputAudio = Literal["pcm_8000", "pcm_16000", "pcm_22050", "pcm_24000", "pcm_44100", "pcm_48000", "ulaw_8000"]

Normalisation = Literal["system_prompt", "elevenlabs"]


class Dictionary(Part):
    pronunciation_dictionary_id: str
    version_id: str | None


class AudioEffects(Part):
    filter_preset_id: str | None = None
    distance: Annotated[float, Field(ge=0, le=1)] = 0
    environment_id: str | None = None
    background_noise_id: str | None = None
    send_level: Annotated[float, Field(ge=0, le=1)] = 1
    seed: int | None = None


class Tts(Part):
    model_id: TtsModel = "eleven_flash_v2"
    voice_id: str = "cjVigY5qzO86Huf0OWal"
    supported_voices: list[SupportedVoice] = []
    expressive_mode: bool = True
    suggested_audio_tags: Annotated[list[SuggestedAudioTag], Field(max_length=20)] = []
    agent_output_audio_format: OutputAudio = "pcm_16000"
    optimize_streaming_latency: Latency = 3
    stability: Annotated[float, Field(ge=0, le=1)] = 0.5
    speed: Annotated[float, Field(ge=0.7, le=1.2)] = 1
    similarity_boost: Annotated[float, Field(ge=0, le=1)] = 0.8
    text_normalisation_type: Normalisation = "system_prompt"
    pronunciation_dictionary_locators: list[Dictionary] = []
    enable_phoneme_tags: bool = True
    audio_effects: AudioEffects | None = None


ClientEvent = Literal[
    "conversation_initiation_metadata",
    "asr_initiation_metadata",
    "ping",
    "audio",
    "interruption",
    "user_transcript",
    "tentative_user_transcript",
    "agent_response",
    "agent_response_correction",
    "client_tool_call",
    "mcp_tool_call",
    "mcp_connection_status",
    "agent_tool_request",
    "agent_tool_response",
    "agent_tool_response_full_payload",
    "agent_response_metadata",
    "vad_score",
    "agent_chat_response_part",
    "client_error",
    "guardrail_triggered",
    "dtmf_request",
    "agent_response_complete",
    "context_usage",
    "internal_turn_probability",
    "internal_tentative_agent_response",
]


class FileInput(Part):
    enabled: bool = True
    max_files_in_memory: Annotated[int, Field(ge=1, le=30)] = 10
    max_files_per_conversation: int = 10


class DtmfInput(Part):
    dtmf_input_timeout: Annotated[float, Field(ge=0.5, le=10)] = 2
    hash_terminator: bool = True
    redact_input: bool = False


BackgroundSoundSourceType = Literal["preset"]

BackgroundPreset = Literal[
    "office2", "office1", "restaurant", "city", "typing", "elevator1", "elevator2", "elevator3", "elevator4"
]


class BackgroundSound(Part):
    source_type: BackgroundSoundSourceType | None = None
    source_id: BackgroundPreset | None = None
    volume: Annotated[float, Field(ge=0.01, le=1)] = 0.15
    crossfade_loop: bool = True


class Conversation(Part):
    text_only: bool = False
    max_duration_seconds: int = 600
    client_events: list[ClientEvent] = ["audio", "interruption", "user_transcript", "agent_response"]
    file_input: FileInput = FileInput()
    monitoring_enabled: bool = False
    monitoring_events: list[ClientEvent] = []
    dtmf_input_settings: DtmfInput | None = None
    background_sound: BackgroundSound = BackgroundSound()
    source_attribution: bool = False


class AsrOverride(Part):
    keywords: list[str] | None = None


class SoftTimeoutOverride(Part):
    message: str | None = None
    additional_soft_timeout_messages: list[str] | None = None


class TurnOverride(Part):
    soft_timeout_config: SoftTimeoutOverride | None = None


class TtsOverride(Part):
    model_id: TtsModel | None = None
    voice_id: str | None = None
    supported_voices: list[SupportedVoice] | None = None
    stability: float | None = None
    speed: float | None = None
    similarity_boost: float | None = None
    pronunciation_dictionary_locators: list[Dictionary] | None = None


class ConversationOverride(Part):
    text_only: bool | None = None
    max_duration_seconds: int | None = None


DocumentType = Literal["file", "url", "text", "folder"]

UsageMode = Literal["prompt", "auto"]


class KnowledgeItem(Part):
    type: DocumentType
    name: str
    id: str
    usage_mode: UsageMode = "auto"


class PromptOverride(Part):
    prompt: str | None = None
    llm: Llm | None = None
    tool_ids: list[str] | None = None
    native_mcp_server_ids: list[str] | None = None
    knowledge_base: list[KnowledgeItem] | None = None


class AgentOverride(Part):
    first_message: str | None = None
    language: str | None = None
    max_conversation_duration_message: str | None = None
    prompt: PromptOverride | None = None


class ClientOverride(Part):
    asr: AsrOverride | None = None
    turn: TurnOverride | None = None
    tts: TtsOverride | None = None
    conversation: ConversationOverride | None = None
    agent: AgentOverride | None = None


class Translation(Part):
    source_hash: str
    text: str


class LanguagePreset(Part):
    overrides: ClientOverride
    first_message_translation: Translation | None = None
    soft_timeout_translation: Translation | None = None


class Vad(Part):
    background_voice_detection: bool = False


ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

SearchStrategy = Literal["cat", "keyword", "semantic", "ls"]


class Secret(Part):
    secret_id: str


class EnvironmentVariable(Part):
    env_var_label: str


class AuthConnectionLocator(Part):
    auth_connection_id: str


class EnvironmentAuthConnectionLocator(Part):
    env_var_label: str


class DynamicVariable(Part):
    variable_name: str


CustomLlmApi = Literal["chat_completions", "responses", "websocket"]


class CustomLlm(Part):
    url: str
    model_id: str | None = None
    api_key: Secret | EnvironmentVariable | None = None
    auth_connection: AuthConnectionLocator | EnvironmentAuthConnectionLocator | None = None
    request_headers: dict[str, str | Secret | DynamicVariable | EnvironmentVariable] = {}
    api_version: str | None = None
    api_type: CustomLlmApi = "chat_completions"


EmbeddingModel = Literal["e5_mistral_7b_instruct", "multilingual_e5_large_instruct"]


class SearchTool(Part):
    enabled_strategies: list[SearchStrategy] = []


class Rag(Part):
    enabled: bool = False
    embedding_model: EmbeddingModel = "e5_mistral_7b_instruct"
    max_vector_distance: Annotated[float, Field(gt=0, lt=1)] = 0.6
    max_documents_length: Annotated[int, Field(gt=0, lt=10000000)] = 50000
    max_retrieved_rag_chunks_count: Annotated[int, Field(le=20, gt=0)] = 20
    num_candidates: Annotated[int | None, Field(le=10000, gt=0)] = None
    query_rewrite_prompt_override: Annotated[str | None, Field(min_length=1, max_length=1000)] = None
    knowledge_base_tool_info: SearchTool | None = None


class BackupDefault(Part):
    preference: Literal["default"] = "default"


class BackupDisabled(Part):
    preference: Literal["disabled"] = "disabled"


class BackupOrder(Part):
    preference: Literal["override"] = "override"
    order: list[Llm]


BackupLlm = Annotated[BackupDefault | BackupDisabled | BackupOrder, Field(discriminator="preference")]


class Prompt(Part):
    prompt: str = ""
    llm: Llm = "gemini-2.5-flash"
    reasoning_effort: ReasoningEffort | None = None
    thinking_budget: int | None = None
    enable_reasoning_summary: bool = False
    temperature: float | None = 0
    max_tokens: int = -1
    tool_ids: list[str] = []
    built_in_tools: BuiltInTools = BuiltInTools()
    mcp_server_ids: Annotated[list[str], Field(max_length=10)] = []
    native_mcp_server_ids: Annotated[list[str], Field(max_length=10)] = []
    knowledge_base: list[KnowledgeItem] = []
    custom_llm: CustomLlm | None = None
    ignore_default_personality: bool | None = True
    rag: Rag = Rag()
    timezone: str | None = None
    backup_llm_config: BackupLlm = BackupDefault()
    cascade_timeout_seconds: Annotated[float, Field(ge=2, le=15)] = 4
    tools: list[dict[str, Any]] = []


class DynamicVariables(Part):
    dynamic_variable_placeholders: dict[str, Any] = {}


class AgentConfig(Part):
    first_message: str = ""
    language: str = "en"
    hinglish_mode: bool = False
    dynamic_variables: DynamicVariables = DynamicVariables()
    disable_first_message_interruptions: bool = False
    max_conversation_duration_message: str = ""
    text_behavior_overrides: dict[str, dict[str, Any]] | None = None
    prompt: Prompt = Prompt()


class ConversationalConfig(Part):
    asr: Asr = Asr()
    turn: Turn = Turn()
    tts: Tts = Tts()
    conversation: Conversation = Conversation()
    language_presets: dict[str, LanguagePreset] = {}
    vad: Vad = Vad()
    agent: AgentConfig = AgentConfig()
