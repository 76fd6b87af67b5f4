"""What is said to somebody who may harm themselves: kind words, a person to talk to now, and where to call."""

from __future__ import annotations

import re

from ..state import Row
from .languages import Language

_MARK = re.compile(
    r"crisis|suicid|samaritan|helpline|hotline|lifeline|emergency|notruf|telefonseelsorge|krisen|emergencia|ayuda|"
    r"écoute|urgence|emergenza|ascolto|emergência|apoio|急救|热线|危机",
    re.I,
)
_NUMBERED = re.compile(r"[^\n.!?。]*\d[^\n.!?。]*")
_CAPITAL = r"[A-ZÀ-Ý][\w\u2019'-]*"
_LINE = re.compile(
    rf"(?:(?:{_CAPITAL} ){{0,4}}{_CAPITAL}(?:,? (?:at|on|unter|al?|au|to|in|no))? )?"
    r"(?<![\w.,/-])\+?\d[\d -]{1,18}\d(?![\w/-])"
    rf"(?: (?:in|en|em)(?: the| el)? {_CAPITAL}(?: (?:and|und|y|et|e) {_CAPITAL})*)?"
)
_MOST = 4


def words(settings: Row, tongue: Language) -> str:
    """With the crisis lines that the feedback of the agent's guardrail or its prompt names, if they name any."""
    lines = tongue.say("between").join(_lines(settings))
    return tongue.say("crisis", lines=tongue.say("lines", lines=lines) if lines else "")


def _lines(settings: Row) -> list[str]:
    guardrails: Row = settings["platform_settings"].get("guardrails") or {}
    content: Row = guardrails.get("content") or {}
    action: Row = content.get("trigger_action") or {}
    prompt = settings["conversation_config"]["agent"]["prompt"]["prompt"]
    found = [
        line[0].strip()
        for text in (str(action.get("feedback") or ""), prompt)
        for sentence in _NUMBERED.findall(text)
        if _MARK.search(sentence)
        for line in _LINE.finditer(sentence)
    ]
    return list(dict.fromkeys(found))[:_MOST]
