"""What a message is made of. In `low`, its lower-case copy of the same length, each thing found begins with a capital:
S sound, T text, F folder, Q quotation, N name, R relation; ids of a V voice, A agent, K document, C companion."""

import difflib
import re
import tomllib
from pathlib import Path
from typing import NamedTuple

DATA = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
LISTS: dict[str, list[str]] = {name: words.split() for name, words in DATA["lists"].items()}
LANGUAGES = dict(zip(LISTS["languages"][::2], LISTS["languages"][1::2], strict=True))
KIN = LISTS["women"] + LISTS["men"] + LISTS["others"]
KNOWN = {*KIN, *LANGUAGES, *LISTS["common"], *LISTS["lead"], *re.findall(r"[^\s,.]+", " ".join(DATA["words"].values()))}
IDS = r"[a-z][a-z0-9-]*-(?!dea[df]\b|fa[cd]e\b)[0-9a-f]{4,8}\b(?!-)"


def pattern(phrases: str) -> str:
    """Any of these phrases: ".." is up to three words, a capital is a thing, each first word has the usual endings."""
    found = list[str]()
    for phrase in sorted(phrases.split(","), key=len, reverse=True):
        first, *rest = phrase.replace("..", " .. ").split()
        stem, last = (first[:-1], first[-1]) if first[-1] in "ey" else (first, "")
        ends = (
            rf"{stem}(?:{last}|{first[-1]}?(?:e?s|e?d|ing)|ies|ied)"
            if len(first) > 2 and first.isalpha() and first != "not"
            else first
        )
        found.append(re.sub("([A-Z])", r"\1_*", " ".join([ends, *rest])))
    return rf"(?<![\w'-])(?:{'|'.join(found)})(?!\w|-|'t)".replace(" .. ", r" (?:[^\s,.;]+ ){0,3}?")


WORDS = {name: pattern(phrases) for name, phrases in DATA["words"].items()}


def find(words: str, low: str) -> re.Match[str] | None:
    """The first place where a phrase of these lists is said."""
    return next(iter(finds(words, low)), None)


def finds(words: str, low: str) -> list[re.Match[str]]:
    """Wherever a phrase of these lists is said; `lastgroup` is its list."""
    return list(re.finditer("|".join(f"(?P<{word}>{WORDS[word]})" for word in words.split()), low))


def understandable(low: str) -> bool:
    """Whether each word is known, as it is or without a usual ending."""
    words = re.findall(r"[^\W\d_]+(?:'[a-z]+)?", re.sub(r"[A-Z]_*|'s\b|firestore under \S+", " ", low))
    return all(KNOWN & {w, w[:-1], w[:-2], w[:-3], w[:-3] + "e", w[:-4]} for w in words)


def plainly(lead: str) -> bool:
    """Whether what stands before a verb is no more than politeness, or the wish of who speaks."""
    return set(re.findall(r"[A-Z]|[^\W_A-Z]+(?:'[a-z]+)?", lead)) <= {*LISTS["lead"]}


def _any(*lists: str) -> str:
    return "|".join(re.escape(word) for name in lists for word in sorted(LISTS[name], key=len, reverse=True))


_LARGE = "".join(filter(str.isupper, map(chr, range(0x250)))) + "\u0370-\u1fff\u3040-\ud7ff"
_LETTER = r"(?:[^\W\d_]|[\u0300-\u036f\u0900-\u0963\u0966-\u1fff\u200c\u200d])"  # with the marks of other scripts
_WORD = rf"[{_LARGE}]{_LETTER}*(?:[-'](?!s\b){_LETTER}+)*"
_KNOWN = rf"(?i:{'|'.join(map(re.escape, KNOWN))})(?![\w-]|'[^s])"
_PROPER = rf"(?:(?i:{_any('short')}|[a-z])\.|(?:d'|o'|al-|el-)?(?!{_KNOWN}|I'){_WORD})"
_TITLE = rf"(?<!my )(?<!our )(?<!the )(?:{'|'.join(map(str.capitalize, LISTS['titles']))}) (?=[{_LARGE}])"
_FIRST = rf"(?:{_TITLE}{_PROPER}|{_PROPER}|(?:(?<=called )|(?<=named )|(?<= to )|(?<=agent ))(?!(?i:{'|'.join(LANGUAGES)})\b){_WORD})"
_NAME = rf"{_FIRST}(?: (?:(?:{_any('particles')}) )*(?:{_PROPER}|{_WORD}))*"
_KIN = rf"(?i:(?:(?:great|step|god|half|ex|foster)[- ]?)*(?:{_any('women', 'men', 'others')})(?:-in-law)?)(?![\w-])"
_PATH = rf"(?=~|[^\s\",;=()]*(?:[/\\]|\.(?i:{_any('sound', 'text')})\b))[^\s\",;=()]*[^\s\",;=().:!?'…\]]"
_THING = re.compile(
    rf"\"(?P<Q>[^\"\n]+)\"|(?<!\w)'(?P<q>[^'\n]+(?:'\w[^'\n]+)?)'(?!\w)|(?<![\w'-])(?:(?P<A>agent_\w+)|(?P<K>kb_\w+)"
    rf"|(?!https?:|(?:and|or|s?he|her|his|him|sir)/)(?P<F>{_PATH})|(?P<V>(?=[a-zA-Z]*\d)(?=\d*[a-zA-Z])[a-zA-Z0-9]{{20}}\b)"
    rf"|(?P<C>{IDS})|(?P<R>(?!{_TITLE}){_KIN})|(?P<N>{_NAME}))"
)
_SMALL = re.compile(  # a name in small letters, where nothing else can stand
    rf"(?:R_*|{WORDS['pause']}|{WORDS['resume']}|{WORDS['forget']}|rehearse|(?:link|talk) to) "
    r"(?P<n>[^\W\dA-Z_]{3,}(?: [^\W\dA-Z_]{3,})?)(?=[.,!?]|$| (?:from|into|using|out of|please|for|again|now)\b|'s )"
)
_ALIKE = str.maketrans("\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb`\u2013\u2014", '\'\'"""""\'==')
_FOLDER = re.compile(r"\b(?:folders?(?: called| named)?|director(?:y|ies)|from|in|inside|under|using)\s+$", re.I)
_SIGNED = re.compile(r"(?:thanks|thank you|regards|cheers|love|best|yours|wishes),?\s*$", re.I)
_OBJECT = re.compile(r" (?:my|the|her|his|him|it|me|us|an?|this|that|these|those|all|up|off|down|out|you)\b")


class Thing(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


class Message:
    """What somebody wrote, the things in it, and whether it isn't English, as far as its commonest words tell."""

    def __init__(self, raw: str) -> None:
        raw = "".join(c if c.isprintable() or c == "\n" else " " for c in raw)
        self.raw = re.sub(r"(?:\A[A-Z]|(?<![\w/.-])[a-z])[a-z]{4,10}(?<!ed|ng)(?<!s)(?![\w/.-])", _mended, raw)
        plain, self.things = self.raw.translate(_ALIKE), list[Thing]()
        low = [c.lower() if len(c.lower()) == 1 else c for c in plain]
        for m in _THING.finditer(plain):
            kind, text, before = (m.lastgroup or "").upper(), m[m.lastgroup or 0], plain[: m.start()]
            if kind in "QF":
                folder = kind == "F" or "/" in text or _FOLDER.search(before[-30:])
                ends = {"S": LISTS["sound"], "T": LISTS["text"], "F": [""] if folder else []}
                kind = next((k for k, of in ends.items() if text.lower().endswith(tuple(of))), "Q")
            begins = kind == "N" and " " not in text and re.search(r"(?:^|[.!?:]\s|\n)\s*$", before[-9:])
            signed = kind == "N" and _SIGNED.search(before[-20:]) and not plain[m.end() :].strip(" .!\n")
            if not signed and not (begins and _OBJECT.match(plain, m.end())):  # a verb with which a sentence begins
                kind = "K" if kind == "V" and re.search(r"doc\w*\W+(?:\w+ and )?$", before[-60:]) else kind
                text = text.lower() if kind == "R" else self.raw[slice(*m.span(m.lastgroup or 0))]
                self.things.append(Thing(kind, text, *m.span()))
                low[m.start() : m.end()] = kind + "_" * (len(m[0]) - 1)
        for m in _SMALL.finditer("".join(low)):
            if not {*re.split("[ ']", m["n"])} & KNOWN and not m["n"].endswith(("ing", "ed")):
                self.things.append(Thing("N", self.raw[slice(*m.span("n"))], *m.span("n")))
                low[m.start("n") : m.end("n")] = "N" + "_" * (len(m["n"]) - 1)
        self.low = "".join(low)
        self.things.sort(key=lambda thing: thing.start)
        ends = [cut for m in re.finditer(r"(?<=[.!?])[\"')]*\s+|\s*\n\s*", self.low) for cut in m.span()]
        cuts = [0, *ends, len(self.raw)]
        self.sentences = [(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=True) if a < b]
        words = re.findall(r"(?<![\w'])[^\W\d_]+(?:'\w+)?", re.sub(r"[A-Z]_*", " ", self.low))
        strange = not "".join(words or [raw]).isascii()
        few = sum(word in KNOWN for word in words) < 0.3 * len(words) and (len(words) > 3 or strange)
        self.foreign = few or (not words and strange)

    def texts(self, kinds: str, start: int = 0, end: int = 10**9) -> list[str]:
        """What was found of these kinds, each once, in order."""
        return list(dict.fromkeys(t.text for t in self.things if t.kind in kinds and start <= t.start < end))


def _mended(word: re.Match[str]) -> str:
    low = word[0].lower()
    near = [] if low in KNOWN else difflib.get_close_matches(low, LISTS["keys"], 1, 0.84)
    return near[0] if near and near[0][0] == low[0] else word[0]
