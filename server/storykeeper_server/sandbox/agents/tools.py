"""The system tools that an agent's prompt can be given. Phone transfers are kept as sent, not looked into."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ..schema import Part

ToolInterruptionMode = Literal["allow", "disable_during_tool", "disable_during_tool_and_turn"]

PreToolSpeechMode = Literal["auto", "force", "off"]


class Assignment(Part):
    source: Literal["response"] = "response"
    dynamic_variable: str
    value_path: str
    sanitize: bool = False
    preserve_native_type: bool = False


ToolCallSoundType = Literal["typing", "elevator1", "elevator2", "elevator3", "elevator4"]

ToolCallSoundBehavior = Literal["auto", "always"]

ToolErrorHandlingMode = Literal["auto", "summarized", "passthrough", "hide"]


class EndCall(Part):
    system_tool_type: Literal["end_call"] = "end_call"


class LanguageDetection(Part):
    system_tool_type: Literal["language_detection"] = "language_detection"
    only_at_conversation_start: bool = False


class AgentTransfer(Part):
    agent_id: str | None = None
    node_id: str | None = None
    condition: str
    delay_ms: int = 0
    transfer_message: str | None = None
    enable_transferred_agent_first_message: bool = False
    is_workflow_node_transfer: bool = False
    preserve_client_tts_overrides: bool = False


class TransferToAgent(Part):
    system_tool_type: Literal["transfer_to_agent"] = "transfer_to_agent"
    transfers: list[AgentTransfer]


class TransferToNumber(Part):
    system_tool_type: Literal["transfer_to_number"] = "transfer_to_number"
    transfers: list[dict[str, Any]]
    enable_client_message: bool = True


class SkipTurn(Part):
    system_tool_type: Literal["skip_turn"] = "skip_turn"


class PlayTone(Part):
    system_tool_type: Literal["play_keypad_touch_tone"] = "play_keypad_touch_tone"
    use_out_of_band_dtmf: bool = True
    suppress_turn_after_dtmf: bool = False


class VoicemailDetection(Part):
    system_tool_type: Literal["voicemail_detection"] = "voicemail_detection"
    voicemail_message: str | None = None


class SearchPassages(Part):
    system_tool_type: Literal["knowledge_base_rag"] = "knowledge_base_rag"


class SearchDocuments(Part):
    system_tool_type: Literal["knowledge_base"] = "knowledge_base"
    enabled_strategies: list[Literal["cat", "keyword", "semantic", "ls"]] = []


class Procedure(Part):
    procedure_id: str
    version_id: str | None = None


class StartProcedure(Part):
    system_tool_type: Literal["start_procedure"] = "start_procedure"
    procedures: dict[str, Procedure] = {}


class EndProcedure(Part):
    system_tool_type: Literal["end_procedure"] = "end_procedure"
    procedures: dict[str, Procedure] = {}


SystemToolParams = Annotated[
    EndCall
    | LanguageDetection
    | TransferToAgent
    | TransferToNumber
    | SkipTurn
    | PlayTone
    | VoicemailDetection
    | SearchPassages
    | SearchDocuments
    | StartProcedure
    | EndProcedure,
    Field(discriminator="system_tool_type"),
]


class SystemTool(Part):
    type: Literal["system"] = "system"
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str = ""
    response_timeout_secs: int = 20
    disable_interruptions: bool = False
    interruption_mode: ToolInterruptionMode = "allow"
    force_pre_tool_speech: bool = False
    pre_tool_speech: PreToolSpeechMode = "auto"
    assignments: list[Assignment] = []
    tool_call_sound: ToolCallSoundType | None = None
    tool_call_sound_behavior: ToolCallSoundBehavior = "auto"
    tool_error_handling_mode: ToolErrorHandlingMode = "auto"
    params: SystemToolParams


class BuiltInTools(Part):
    transfer_to_agent: SystemTool | None = None
    end_call: SystemTool | None = None
    language_detection: SystemTool | None = None
    transfer_to_number: SystemTool | None = None
    skip_turn: SystemTool | None = None
    play_keypad_touch_tone: SystemTool | None = None
    voicemail_detection: SystemTool | None = None
