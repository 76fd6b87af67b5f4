"""Text as a search sees it: words without case, accents and endings, in any script; and its sentences."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_LONGEST_SENTENCE = 400
_MARKS = dict.fromkeys([0x2018, 0x2019, 0x02BC], "'")
_HIDDEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u0300-\u036f]")
_EAST = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_EAST}]+|[^\W_{_EAST}]+")
_IS_EAST = re.compile(rf"[{_EAST}]")
_END = re.compile(r"[.!?…]+[\"'\u201d\u2019»)\]]*(?=\s)|[\u3002\uff01\uff1f]+[\u201d』」\uff09]*")
_ABBREVIATED = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Prof|Hr|Fr|Sr|Sra|Dra|Mme|Sig|ca)|(?<!\w)[^\W\d_])\.$")

# Endings of the languages of western Europe, and how many letters must stay before each.
_ENDINGS = {"ings": 3, "ing": 3, "ed": 3, "es": 3, "as": 4, "os": 4, "en": 4, "er": 4, "s": 3, "e": 3, "a": 4, "o": 4}


def fold(text: str) -> str:
    """Without case, accents and invisible characters."""
    return _HIDDEN.sub("", unicodedata.normalize("NFKD", text.translate(_MARKS))).casefold()


def plain(text: str) -> str:
    """Folded words, one space apart, without apostrophes: what patterns of speech are matched against."""
    return " ".join(_WORD.findall(fold(text).replace("'", "")))


def words(text: str) -> list[str]:
    """The folded words; a run of Chinese or Japanese signs is one."""
    return _WORD.findall(fold(text))


def terms(text: str) -> Iterator[str]:
    """What a text can be found by: its stems, and for scripts without spaces single signs and pairs of them."""
    for word in words(text):
        if is_east(word):
            yield from word
            yield from pairs(word)
        else:
            yield stem(word)


def is_east(word: str) -> bool:
    """Whether a word is written in signs, without spaces."""
    return _IS_EAST.match(word) is not None


def pairs(run: str) -> Iterator[str]:
    """The overlapping pairs of signs."""
    return (run[at : at + 2] for at in range(len(run) - 1))


def stem(word: str) -> str:
    """A folded word without its ending."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-2]
    fitting = (end for end, kept in _ENDINGS.items() if word.endswith(end) and len(word) - len(end) >= kept)
    word = word.removesuffix(next(fitting, ""))
    return word[:-1] + "i" if len(word) > 3 and word.endswith("y") else word


def sentences(paragraph: str) -> list[str]:
    """The sentences of a paragraph, each of bounded length."""
    found: list[str] = []
    start = 0
    for end in _END.finditer(paragraph):
        if not _ABBREVIATED.search(paragraph[max(start, end.end() - 8) : end.end()]):
            found.append(paragraph[start : end.end()])
            start = end.end()
    found.append(paragraph[start:])
    return [piece for sentence in found for piece in _pieces(sentence.strip()) if piece]


def _pieces(sentence: str) -> Iterator[str]:
    # A text without any full stop must not become one endless answer.
    start = 0
    while len(sentence) - start > _LONGEST_SENTENCE:
        cut = sentence.rfind(" ", start + 1, start + _LONGEST_SENTENCE)
        cut = cut if cut > 0 else start + _LONGEST_SENTENCE
        yield sentence[start:cut].strip()
        start = cut
    yield sentence[start:].strip()
