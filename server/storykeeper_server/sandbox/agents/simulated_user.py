"""What a simulated user says: without a language model it can't improvise, so it says the lines that it was given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from ..brain import questions
from .conversation_config import AgentConfig

_MOST = 50
_LONGEST = 1000
_READ = 100_000
_BREAKS = r"\"\u201c\u201d\u201e«»\n"
_ENDS = rf".!?\u3002\uff01\uff1f{_BREAKS}"
# What is neither is taken whole too, and nothing is given back: no part of a prompt is read a third time.
_LINE = re.compile(
    rf"[\"\u201c\u201e«](?P<quoted>[^{_BREAKS}]{{2,{_LONGEST}}}+)[\"\u201c\u201d»]"
    rf"|(?P<asked>[^{_ENDS}]{{2,}}+[?\uff1f])"
    rf"|[^{_ENDS}]++"
)


def lines(user: AgentConfig) -> list[str]:
    """Its first message, then what its prompt quotes or asks; the usual questions if that is nothing at all."""
    first = [user.first_message.strip()[:_LONGEST]] if user.first_message.strip() else []
    found = list(islice(_in_prompt(user.prompt.prompt), _MOST))
    return [*first, *(found or questions(user.language))]


def _in_prompt(prompt: str) -> Iterator[str]:
    for found in _LINE.finditer(prompt, 0, _READ):
        line = (found["quoted"] or found["asked"] or "").strip(" -*\t")
        if 0 < len(line) <= _LONGEST:
            yield line
