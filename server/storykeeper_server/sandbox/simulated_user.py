"""What a simulated user says: without a language model it can't improvise, so it says the lines that it was given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from .brain import questions
from .conversation_config import AgentConfig

_MOST = 50
_LONGEST = 1000
_LINE = re.compile(
    r"[\"\u201c\u201e«](?P<quoted>[^\"\u201c\u201d\u201e«»\n]{2,1000})[\"\u201c\u201d»]"
    r"|(?P<asked>[^.!?\u3002\uff01\uff1f\n\"\u201c\u201d\u201e«»]{2,1000}[?\uff1f])"
)


def lines(user: AgentConfig) -> list[str]:
    """Its first message, then what its prompt quotes or asks; the usual questions if that is nothing at all."""
    first = [user.first_message.strip()[:_LONGEST]] if user.first_message.strip() else []
    found = list(islice(_in_prompt(user.prompt.prompt), _MOST))
    return [*first, *(found or questions(user.language))]


def _in_prompt(prompt: str) -> Iterator[str]:
    for found in _LINE.finditer(prompt):
        line = (found["quoted"] or found["asked"]).strip(" -*\t")
        if line:
            yield line
