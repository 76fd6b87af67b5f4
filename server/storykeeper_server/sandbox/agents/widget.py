"""An agent's `platform_settings.widget`: how it looks on a web page."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from ..schema import Part
from .conversation_config import Translation

EmbedVariant = Literal["tiny", "compact", "full", "expandable"]

WidgetPlacement = Literal["top-left", "top", "top-right", "bottom-left", "bottom", "bottom-right"]

WidgetExpandable = Literal["never", "mobile", "desktop", "always"]


class OrbAvatar(Part):
    type: Literal["orb"] = "orb"
    color_1: str = "#2792dc"
    color_2: str = "#9ce6e6"


class URLAvatar(Part):
    type: Literal["url"] = "url"
    custom_url: str = ""


class ImageAvatar(Part):
    type: Literal["image"] = "image"
    url: str = ""


WidgetFeedbackMode = Literal["none", "during", "end"]

WidgetEndFeedbackType = Literal["rating"]


class EndFeedback(Part):
    type: WidgetEndFeedbackType = "rating"


class AllowlistItem(Part):
    hostname: str


class Texts(Part):
    model_config = ConfigDict(serialize_by_alias=True)

    main_label: str | None = None
    start_call: str | None = None
    start_chat: str | None = None
    new_call: str | None = None
    end_call: str | None = None
    mute_microphone: str | None = None
    change_language: str | None = None
    collapse: str | None = None
    expand: str | None = None
    copied: str | None = None
    accept_terms: str | None = None
    dismiss_terms: str | None = None
    listening_status: str | None = None
    speaking_status: str | None = None
    connecting_status: str | None = None
    chatting_status: str | None = None
    input_label: str | None = None
    input_placeholder: str | None = None
    input_placeholder_text_only: str | None = None
    input_placeholder_new_conversation: str | None = None
    user_ended_conversation: str | None = None
    agent_ended_conversation: str | None = None
    conversation_id: str | None = None
    error_occurred: str | None = None
    copy_id: str | None = None
    initiate_feedback: str | None = None
    request_follow_up_feedback: str | None = None
    thanks_for_feedback: str | None = None
    thanks_for_feedback_details: str | None = None
    follow_up_feedback_placeholder: str | None = None
    submit: str | None = None
    go_back: str | None = None
    send_message: str | None = None
    text_mode: str | None = None
    voice_mode: str | None = None
    switched_to_text_mode: str | None = None
    switched_to_voice_mode: str | None = None
    copy_code: str | None = Field(default=None, alias="copy")
    download: str | None = None
    wrap: str | None = None
    agent_working: str | None = None
    agent_done: str | None = None
    agent_error: str | None = None
    attach_file: str | None = None
    remove_file: str | None = None
    file_upload_error: str | None = None
    file_type_unsupported: str | None = None
    file_too_large: str | None = None
    file_limit_reached: str | None = None
    typing_indicator: str | None = None


class Styles(Part):
    base: str | None = None
    base_hover: str | None = None
    base_active: str | None = None
    base_border: str | None = None
    base_subtle: str | None = None
    base_primary: str | None = None
    base_error: str | None = None
    accent: str | None = None
    accent_hover: str | None = None
    accent_active: str | None = None
    accent_border: str | None = None
    accent_subtle: str | None = None
    accent_primary: str | None = None
    overlay_padding: float | None = None
    button_radius: float | None = None
    input_radius: float | None = None
    bubble_radius: float | None = None
    sheet_radius: float | None = None
    compact_sheet_radius: float | None = None
    dropdown_sheet_radius: float | None = None


class TextsTranslation(Part):
    source: dict[str, str] = {}
    text: dict[str, str] = {}


class WidgetPreset(Part):
    text_contents: Texts | None = None
    text_contents_translation: TextsTranslation | None = None
    terms_text: str | None = None
    terms_html: str | None = None
    terms_key: str | None = None
    terms_translation: Translation | None = None


class Widget(Part):
    variant: EmbedVariant = "full"
    placement: WidgetPlacement = "bottom-right"
    expandable: WidgetExpandable = "never"
    avatar: OrbAvatar | URLAvatar | ImageAvatar = OrbAvatar()
    feedback_mode: WidgetFeedbackMode = "none"
    end_feedback: EndFeedback | None = None
    bg_color: str = "#ffffff"
    text_color: str = "#000000"
    btn_color: str = "#000000"
    btn_text_color: str = "#ffffff"
    border_color: str = "#e1e1e1"
    focus_color: str = "#000000"
    border_radius: int | None = None
    btn_radius: int | None = None
    action_text: str | None = None
    start_call_text: str | None = None
    end_call_text: str | None = None
    expand_text: str | None = None
    listening_text: str | None = None
    speaking_text: str | None = None
    shareable_page_text: str | None = None
    shareable_page_show_terms: bool = True
    terms_text: str | None = None
    terms_html: str | None = None
    terms_key: str | None = None
    show_avatar_when_collapsed: bool | None = False
    disable_banner: bool = False
    override_link: str | None = None
    markdown_link_allowed_hosts: list[AllowlistItem] = []
    markdown_link_include_www: bool = True
    markdown_link_allow_http: bool = True
    mic_muting_enabled: bool = True
    transcript_enabled: bool = True
    text_input_enabled: bool = True
    conversation_mode_toggle_enabled: bool = False
    default_expanded: bool = False
    always_expanded: bool = False
    dismissible: bool = False
    show_agent_status: bool = False
    show_conversation_id: bool = True
    strip_audio_tags: bool = True
    syntax_highlight_theme: Literal["light", "dark"] | None = None
    text_contents: Texts = Texts()
    styles: Styles = Styles()
    show_resize_button: bool = True
    language_selector: bool = False
    supports_text_only: bool = True
    custom_avatar_path: str | None = None
    language_presets: dict[str, WidgetPreset] = {}
