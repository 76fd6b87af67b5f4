"""An agent's `platform_settings`: the official fields, ranges and defaults. Analysis items are kept as sent."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ..catalogue import Llm
from ..schema import Part
from .conversation_config import Secret
from .widget import AllowlistItem, Widget

AnalysisScope = Literal["conversation", "agent"]

CriteriaScoringMode = Literal["binary", "numeric_uniform"]


class Criterion(Part):
    id: str
    name: str
    type: Literal["prompt"] = "prompt"
    conversation_goal_prompt: Annotated[str, Field(max_length=2000)]
    use_knowledge_base: bool = False
    scope: AnalysisScope = "conversation"
    llm: Llm | None = None
    scoring_mode: CriteriaScoringMode = "binary"
    max_score: int = 100
    score_instructions: Annotated[str | None, Field(max_length=2000)] = None


class Evaluation(Part):
    criteria: list[Criterion] = []


class AllowedValues(Part):
    dynamic_variable: Annotated[str, Field(min_length=1)]


class AnalysisProperty(Part):
    type: Literal["boolean", "string", "integer", "number"]
    description: str = ""
    enum: list[str] | None = None
    is_system_provided: bool = False
    dynamic_variable: str = ""
    allowed_values: AllowedValues | None = None
    allowed_values_dynamic_variable: str = ""
    constant_value: str | int | float | bool | None = ""
    is_omitted: bool = False
    name: str | None = None
    llm: Llm | None = None


class AnalysisItems(Part):
    evaluation_criteria: list[dict[str, Any]] = []
    data_collection: list[dict[str, Any]] = []


class AsrAllowed(Part):
    keywords: bool = False


class SoftTimeoutAllowed(Part):
    message: bool = False
    additional_soft_timeout_messages: bool = False


class TurnAllowed(Part):
    soft_timeout_config: SoftTimeoutAllowed = SoftTimeoutAllowed()


class TtsAllowed(Part):
    model_id: bool = False
    voice_id: bool = False
    supported_voices: bool = False
    stability: bool = False
    speed: bool = False
    similarity_boost: bool = False
    pronunciation_dictionary_locators: bool = False


class ConversationAllowed(Part):
    text_only: bool = False
    max_duration_seconds: bool = False


class PromptAllowed(Part):
    prompt: bool = False
    llm: bool = False
    tool_ids: bool = False
    native_mcp_server_ids: bool = False
    knowledge_base: bool = False


class AgentAllowed(Part):
    first_message: bool = False
    language: bool = False
    max_conversation_duration_message: bool = False
    prompt: PromptAllowed = PromptAllowed()


class ClientAllowed(Part):
    asr: AsrAllowed = AsrAllowed()
    turn: TurnAllowed = TurnAllowed()
    tts: TtsAllowed = TtsAllowed()
    conversation: ConversationAllowed = ConversationAllowed()
    agent: AgentAllowed = AgentAllowed()


class Overrides(Part):
    conversation_config_override: ClientAllowed = ClientAllowed()
    custom_llm_extra_body: bool = False
    enable_conversation_initiation_client_data_from_webhook: bool = False
    enable_starting_workflow_node_id_from_client: bool = False
    enable_procedure_ids_from_client: bool = False


class InitiationWebhook(Part):
    url: str
    request_headers: dict[str, str | Secret]


WebhookEventType = Literal[
    "transcript",
    "audio",
    "call_initiation_failure",
    "answering_machine_detection",
    "unredacted_transcript",
    "unredacted_audio",
]

WebhookTranscriptFormat = Literal["json", "opentelemetry"]


class Webhooks(Part):
    post_call_webhook_id: str | None = None
    events: list[WebhookEventType] = []
    transcript_format: WebhookTranscriptFormat = "json"
    send_audio: bool | None = None


class WorkspaceOverrides(Part):
    conversation_initiation_client_data_webhook: InitiationWebhook | None = None
    webhooks: Webhooks = Webhooks()


class AttachedTest(Part):
    test_id: str
    workflow_node_id: str | None = None


class Testing(Part):
    attached_tests: Annotated[list[AttachedTest], Field(max_length=5000)] = []


class Focus(Part):
    is_enabled: bool = False


class PromptInjection(Part):
    is_enabled: bool = False


ExecutionMode = Literal["streaming", "blocking"]


class ContentThreshold(Part):
    is_enabled: bool = False
    threshold: float | Literal["low", "medium", "high"] = 0.3


class ContentConfig(Part):
    sexual: ContentThreshold = ContentThreshold()
    violence: ContentThreshold = ContentThreshold()
    harassment: ContentThreshold = ContentThreshold()
    self_harm: ContentThreshold = ContentThreshold()
    profanity: ContentThreshold = ContentThreshold()
    religion_or_politics: ContentThreshold = ContentThreshold()
    medical_and_legal_information: ContentThreshold = ContentThreshold()


class EndCallAction(Part):
    type: Literal["end_call"] = "end_call"


class RetryAction(Part):
    type: Literal["retry"] = "retry"
    feedback: str = (
        "Your response was blocked by a guardrail that blocks content that matches this condition/category: "
        "'{{trigger_reason}}' During your next turn you must tell the user \"I'm sorry but I can't answer that "
        'question, would you like to know something else?".'
    )


TriggerAction = Annotated[EndCallAction | RetryAction, Field(discriminator="type")]


class ContentGuardrail(Part):
    execution_mode: ExecutionMode = "streaming"
    config: ContentConfig = ContentConfig()
    trigger_action: TriggerAction = EndCallAction()


class ModerationThreshold(Part):
    is_enabled: bool = False
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.3


class ModerationConfig(Part):
    sexual: ModerationThreshold = ModerationThreshold()
    violence: ModerationThreshold = ModerationThreshold()
    violence_graphic: ModerationThreshold = ModerationThreshold()
    harassment: ModerationThreshold = ModerationThreshold()
    harassment_threatening: ModerationThreshold = ModerationThreshold()
    hate: ModerationThreshold = ModerationThreshold()
    hate_threatening: ModerationThreshold = ModerationThreshold()
    self_harm_instructions: ModerationThreshold = ModerationThreshold()
    self_harm: ModerationThreshold = ModerationThreshold()
    self_harm_intent: ModerationThreshold = ModerationThreshold()
    sexual_minors: ModerationThreshold = ModerationThreshold()


class ModerationGuardrail(Part):
    execution_mode: ExecutionMode = "streaming"
    config: ModerationConfig = ModerationConfig()


class CustomRule(Part):
    is_enabled: bool = False
    name: Annotated[str, Field(min_length=1, max_length=500)]
    prompt: Annotated[str, Field(min_length=1, max_length=10000)]
    execution_mode: ExecutionMode = "streaming"
    model: Literal[
        "gemini-2.5-flash-lite",
        "gemini-2.5-flash",
        "gemini-3.1-flash-lite",
        "gemini-3.5-flash",
        "claude-haiku-4-5",
        "claude-sonnet-4-6",
        "gpt-5.4-nano",
        "gpt-5.4-mini",
    ] = "gemini-3.1-flash-lite"
    history_message_count: Annotated[int, Field(ge=0, le=100)] = 0
    history_include_tool_calls: bool = False
    trigger_action: TriggerAction = EndCallAction()
    evaluate_full_response_only: bool = False


class CustomGuardrails(Part):
    configs: list[CustomRule] = []


class CustomGuardrail(Part):
    config: CustomGuardrails = CustomGuardrails()


class Guardrails(Part):
    version: Literal["1"] = "1"
    focus: Focus = Focus()
    prompt_injection: PromptInjection = PromptInjection()
    content: ContentGuardrail = ContentGuardrail()
    moderation: ModerationGuardrail | None = None
    custom: CustomGuardrail = CustomGuardrail()


class Auth(Part):
    enable_auth: bool = False
    allowlist: list[AllowlistItem] = []
    require_origin_header: bool = False
    shareable_token: str | None = None


class CallLimits(Part):
    agent_concurrency_limit: int = -1
    daily_limit: int = 100000
    bursting_enabled: bool = True


class HoldAudio(Part):
    audio_path: str
    audio_url: str
    original_filename: str
    duration_secs: float
    size_bytes: int


class Queueing(Part):
    enabled: bool = False
    wait_timeout_seconds: Annotated[int, Field(le=1800, gt=0)] = 180
    hold_audio: HoldAudio | None = None


Entity = Literal[
    "name",
    "name.name_given",
    "name.name_family",
    "name.name_other",
    "email_address",
    "contact_number",
    "dob",
    "age",
    "religious_belief",
    "political_opinion",
    "sexual_orientation",
    "ethnicity_race",
    "marital_status",
    "occupation",
    "physical_attribute",
    "language",
    "username",
    "password",
    "url",
    "organization",
    "financial_id",
    "financial_id.payment_card",
    "financial_id.payment_card.payment_card_number",
    "financial_id.payment_card.payment_card_expiration_date",
    "financial_id.payment_card.payment_card_cvv",
    "financial_id.bank_account",
    "financial_id.bank_account.bank_account_number",
    "financial_id.bank_account.bank_routing_number",
    "financial_id.bank_account.swift_bic_code",
    "financial_id.financial_id_other",
    "location",
    "location.location_address",
    "location.location_city",
    "location.location_postal_code",
    "location.location_coordinate",
    "location.location_state",
    "location.location_country",
    "location.location_other",
    "date",
    "date_interval",
    "unique_id",
    "unique_id.government_issued_id",
    "unique_id.account_number",
    "unique_id.vehicle_id",
    "unique_id.healthcare_number",
    "unique_id.healthcare_number.medical_record_number",
    "unique_id.healthcare_number.health_plan_beneficiary_number",
    "unique_id.device_id",
    "unique_id.unique_id_other",
    "medical",
    "medical.medical_condition",
    "medical.medication",
    "medical.medical_procedure",
    "medical.medical_measurement",
    "medical.medical_other",
]


class Redaction(Part):
    enabled: bool = False
    entities: list[Entity] = []


class Privacy(Part):
    record_voice: bool = True
    retention_days: int = -1
    delete_transcript_and_pii: bool = False
    delete_audio: bool = False
    apply_to_existing_conversations: bool = False
    zero_retention_mode: bool = False
    conversation_history_redaction: Redaction = Redaction()


TrustContext = Literal["unknown", "low", "high"]


class TopicDiscovery(Part):
    pass


class SentimentAnalysis(Part):
    pass


class Monitor(Part):
    threshold: Annotated[float | None, Field(ge=0, le=1)] = None
    relative_increase_threshold: Annotated[float | None, Field(ge=0, le=10)] = None
    min_failure_count: Annotated[int | None, Field(ge=1)] = None
    min_history_bucket_count: Annotated[int | None, Field(ge=1)] = None
    min_sample_count: Annotated[int | None, Field(ge=1)] = None
    suspect_trigger_threshold: Annotated[int | None, Field(ge=1, le=10)] = None
    auto_resolve_after_inactive_minutes: Annotated[int | None, Field(ge=1)] = None


class AlertingWebhookNotifier(Part):
    type: Literal["webhook"] = "webhook"
    webhook_id: str


class AlertingIntegrationNotifier(Part):
    type: Literal["integration"] = "integration"
    connection_id: str


class Alerting(Part):
    monitor_configs: dict[str, Monitor] = {}
    auto_resolve_after_inactive_minutes: Annotated[int | None, Field(ge=1)] = None
    notifiers: Annotated[list[AlertingWebhookNotifier | AlertingIntegrationNotifier], Field(max_length=10)] = []


class PlatformSettings(Part):
    evaluation: Evaluation = Evaluation()
    widget: Widget = Widget()
    data_collection: dict[str, AnalysisProperty] = {}
    data_collection_scopes: dict[str, AnalysisScope] = {}
    analysis_items: AnalysisItems | None = None
    overrides: Overrides = Overrides()
    workspace_overrides: WorkspaceOverrides = WorkspaceOverrides()
    testing: Testing = Testing()
    archived: bool = False
    guardrails: Guardrails = Guardrails()
    summary_language: str | None = None
    auto_translate_transcript_to_app_language: bool | None = None
    auth: Auth = Auth()
    call_limits: CallLimits = CallLimits()
    queueing_config: Queueing = Queueing()
    privacy: Privacy = Privacy()
    trust_context: TrustContext = "unknown"
    analysis_llm: Llm = "gemini-2.5-flash"
    topic_discovery: TopicDiscovery = TopicDiscovery()
    sentiment_analysis: SentimentAnalysis = SentimentAnalysis()
    alerting: Alerting | None = None
