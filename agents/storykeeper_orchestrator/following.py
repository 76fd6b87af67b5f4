"""What comes next, for somebody who talks: where a tool names the call of another, what to say instead."""

from __future__ import annotations

import re

from .wording import label

_OF = r"(?P<of>[\w-]+)"
_FORGET = rf"(?:call )?retire_companion\(companion={_OF}, action=forget\)"
_CALLS = (
    (r"(;| that) check_quota shows( the slots| them)?", ""),
    (rf",? or when {_FORGET} is called", ""),
    (
        rf"get_signed_url\(of={_OF}\)( gives a URL to talk to it(; in a terminal, `[^`]+` opens a page for that)?)?",
        "talk",
    ),
    (
        rf"(?:call )?retire_companion\(companion={_OF}, action=resume\)( lets people talk to it again| ends it)?",
        "resume",
    ),
    (rf"{_FORGET}( deletes it( for good)?| waits until it is gone| again to wait| to go on)?", "forget"),
    (rf"(?:call )?rehearse_companion\(companion={_OF}\)( asks it what visitors may ask)?", "rehearse"),
    (rf"delete_resource\(id={_OF}\)( deletes it( for good)?)?", "delete"),
    (r"(see |what was made before is in )?list_companions(, or the list tool of that kind)?", "look"),
    (r"see get_companion\b|get_companion shows how it stands", "look"),
    (
        r"(record_consent, then )?(call )?(provision_companion|plan_companion|record_consent|clone_voice)\b(\(\w+=\w+\))?"
        r"( with its plan)?( again)?( to wait, or get_companion to look)?",
        "again",
    ),
    (r"\bcall again\b", "again"),
)
_PATTERNS = [(re.compile(pattern), key) for pattern, key in _CALLS]


def plainly(text: str, language: str) -> str:
    """The text without calls, and without a full stop, which the sentence around it has."""
    for pattern, key in _PATTERNS:
        said = label(language, "following", key) if key else ""
        text = pattern.sub(lambda found, said=said: said.replace("{of}", found.groupdict().get("of", "")), text)
    return text.rstrip(". ")


def sentence(text: str, language: str) -> str:
    """The same as a sentence begins; an id, which something may be looked up by, stays as it is."""
    told = plainly(text, language)
    return told if re.match(r"\S*[\d_]|\S+[A-Z]", told) else f"{told[:1].upper()}{told[1:]}"
