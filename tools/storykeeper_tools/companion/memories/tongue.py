"""Which language memories are told in: a companion may speak another one than its family writes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from ..language import offered, table

_LONGEST = 200_000  # characters that are looked at
_LEAST, _CLEARLY = 5, 1.5
_HAN = re.compile(r"[\u4e00-\u9fff]")


def told_in(texts: Iterable[str], otherwise: str) -> str:
    """The language whose commonest words most of the texts are made of; `otherwise` where that isn't clear."""
    said = "\n".join(texts)[:_LONGEST].casefold()
    words = Counter(re.findall(r"[^\W\d_]+", said))
    score = {code: sum(words[word] for word in table(code, "tongue")["words"]) for code in offered()}
    score["zh"] = len(_HAN.findall(said)) // 2  # as many signs as make a word
    best = max(score, key=lambda code: (score[code], code == otherwise))
    clear = score[best] >= _LEAST and score[best] >= _CLEARLY * score.get(otherwise, 0)
    return best if clear else otherwise
