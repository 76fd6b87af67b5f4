"""A model without a model: rules that read a sentence of English, so that everything runs with no key at all.
In `low`, a message's lower-case copy of the same length, each thing found begins with a capital: see words.toml."""

import re
import tomllib
from collections.abc import AsyncGenerator, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from google.adk.models import BaseLlm, LlmCapabilities, LLMRegistry
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.genai import types

from storykeeper_tools.errors import from_row

NAME = "offline-rules"
Answers = AsyncGenerator[LlmResponse]
Slots = dict[str, list[Any]]
Wish = tuple[list[tuple[str, dict[str, Any]]], list[str], str]  # the calls, else what to ask, else what to say
DATA = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
LISTS: dict[str, list[str]] = {name: words.split() for name, words in DATA["lists"].items()}
_COMMON = [*DATA["words"].values(), *DATA["languages"], *(DATA["lists"][name] for name in DATA["usual"])]
KNOWN = {*re.findall(r"[^\s,.]+", (_ALL := " ".join(_COMMON)) + " " + _ALL.replace("'", ""))}


def pattern(phrases: str) -> re.Pattern[str]:
    """Any of these phrases: ".." is up to three words, a capital is a thing, each first word has the usual endings."""
    found = list[str]()
    for phrase in sorted(phrases.replace("'", "'?").split(","), key=len, reverse=True):
        first, *rest = phrase.replace("..", " .. ").split()
        endings = rf"{first[:-1]}(?:{first[-1]}{{1,2}}(?:e?s|e?d|ing)?|e[sd]|ing|ie[sd])"
        found.append(" +".join([endings if len(first) > 2 and first.isalpha() and first != "not" else first, *rest]))
    either = re.sub("([A-Z])", r"\1_*", "|".join(found)).replace(" +.. +", r" +(?:[^\s,.;]+ +){0,3}?")
    return re.compile(rf"(?<![\w'-])(?:{either})(?![\w-]|'t)".replace("companio", "com[panio]+"))  # however it's spelt


def find(names: str, low: str) -> re.Match[str] | None:
    return next(filter(None, (WORDS[name].search(low) for name in names.split())), None)


WORDS = {name: pattern(phrases) for name, phrases in DATA["words"].items()}
_EITHER = {name: "|".join(sorted(words, key=len, reverse=True)) for name, words in LISTS.items()}
_LARGE = "".join(filter(str.isupper, map(chr, range(0x250)))) + "\u0370-\u1fff\u3040-\ud7ff"
_LETTER = r"(?:[^\W\d_]|[\u0300-\u036f\u0900-\u0963\u0966-\u1fff\u200c\u200d])"  # with the marks of other scripts
_WORD = rf"(?!I\b(?!\.))[{_LARGE}]{_LETTER}*(?:[-'](?!s\b){_LETTER}+)*"
_KNOWN = rf"(?i:{'|'.join(map(re.escape, KNOWN))})(?![\w-]|'[^s])"
_PROPER = rf"(?:(?i:{_EITHER['short']}|[a-z])\.|(?:d'|o'|al-|el-)?(?!{_KNOWN}){_WORD})"
_CALLED = rf"(?:(?<=called )|(?<=named )|(?<=name: )|(?<=agent to )){_WORD}(?: {_WORD})*"
_TITLE = rf"(?:{DATA['patterns']['title']})(?= (?!{_KNOWN}){_WORD})"
_NICK = rf"[\"'(]{_WORD}[\"')](?= {_WORD})"  # Margaret "Peggy" Doyle
_NAME = rf"{_CALLED}|{_PROPER}(?: (?:(?:{_EITHER['particles']}) )*(?:{_PROPER}|{_WORD}|{_NICK}))*"
_KIN = rf"(?i:(?:(?:great|step|god|half|ex|foster)[- ]?)*(?:{_EITHER['kin']})(?:-in-law)?)(?![\w-])"
_PATH = rf"(?=~|[^\s\",;=()]*(?:[/\\]|\.(?i:{_EITHER['files']})\b))[^\s\",;=()]*[^\s\",;=().:!?'…\]]|{DATA['patterns']['beside']}"
_THING = re.compile(
    rf"\"(?P<Q>[^\"\n]+)\"|(?<!\w)'(?P<q>[^'\n]+(?:'\w[^'\n]+)?)'(?!\w)|(?<![\w'-])(?:(?P<A>agent_\w+)|(?P<K>kb_\w+)"
    rf"|(?!https?:|(?:and|or|s?he|her|his|him|sir)/)(?P<F>{_PATH})|(?P<V>(?=[^\W\d]*\d)(?=\d*[^\W\d])[^\W_]{{20}}\b)"
    rf"|(?P<C>[a-z][a-z0-9-]*-(?!dea[df]\b|fa[cd]e\b)[0-9a-f]{{4,8}}\b(?!-))|(?P<n>{_TITLE} (?:{_NAME})|{_CALLED} {_WORD})"
    rf"|(?P<R>{_KIN})|(?P<N>{_NAME}))"
)
_ALIKE = str.maketrans("\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb`\u2013\u2014", '\'\'"""""\'==')
WORDS.update({name: re.compile(text) for name, text in DATA["patterns"].items()})
WORDS["tongue"] = re.compile(rf"\b(?:(in|into|to) )?({'|'.join(DATA['languages'])})\b")
_FIRST = " ".join(dict.fromkeys(row["words"].split()[0] for row in DATA["intents"]["rows"]))
_BLANK = re.compile(f"{WORDS['hoped'].pattern}|{WORDS['polite'].pattern}|{WORDS['blank'].pattern}")
_GATE = r"(?:[A-Z]_*(?:'s)?|(?<=under )\S+|[\W\d_]|\b(?:%s)(?:'s|e?s|e?d|ing)?\b)*+"
_LED, _PLAIN, _LOOSE, _ANY = (re.compile(_GATE % "|".join(_EITHER[name] for name in names)) for names in DATA["gates"])
_CUT = [(w, n) for w in LISTS["lead"] + LISTS["plain"] + LISTS["loose"] if len(w) > 4 for n in range(1, len(w) - 1)]
_SLIPS = [(w, w[:n], slip, w[n + 2 :]) for w, n in _CUT for slip in (w[n], w[n] + w[n : n + 2], w[n + 1] + w[n])]
SLIPS = {a + b + z: w for w, a, b, z in _SLIPS if a + b + z not in KNOWN}  # a letter left out, doubled or swapped


class Message:  # a message or a part of it; `things` are the kind, the text and the place of each thing in it
    def __init__(self, raw: str) -> None:
        self.raw = "".join(c if c.isprintable() or c == "\n" else " " for c in raw)
        plain, self.things = self.raw.translate(_ALIKE), list[tuple[str, str, int]]()
        low = [c.lower() if len(c.lower()) == 1 else c for c in plain]
        for m in _THING.finditer(plain):
            kind, text = (m.lastgroup or "").upper(), self.raw[slice(*m.span(m.lastgroup or 0))]
            if kind in "QF":
                ending = text.lower().rpartition(".")[2]
                folder = kind == "F" or "/" in text or find("folder", plain[: m.start()].lower())
                kind = "S" if ending in LISTS["sound"] else "T" if ending in LISTS["text"] else "F" if folder else "Q"
            if kind in "STF" and find("omit", WORDS["clause"].split("".join(low[: m.start()]))[-1]):
                kind = kind.lower()
            self.things.append((kind, text.lower() if kind == "R" else text, m.start()))
            low[m.start() : m.end()] = kind + "_" * (len(m[0]) - 1) if kind.isupper() else low[m.start() : m.end()]
        nobody = {m.start("N") for m in WORDS["nobody"].finditer("".join(low))}
        self.things = [("P" if at in nobody else kind, text, at) for kind, text, at in self.things]
        self.low = "".join("P" if at in nobody else c for at, c in enumerate(low))

    def texts(self, kinds: str, end: int = 10**9) -> list[str]:
        return list(dict.fromkeys(text for kind, text, at in self.things if kind in kinds and at < end))

    def sentences(self) -> list["Message"]:
        ends = [0, *(at for m in WORDS["end"].finditer(self.low) for at in m.span()), len(self.raw)]
        return [Message(self.raw[a:b]) for a, b in zip(ends[::2], ends[1::2], strict=True) if a < b]

    def person(self) -> Slots:  # whose companion or voice, and from what; several names where several are wanted
        texts, found = {at: text for _, text, at in self.things} | {-1: ""}, list[tuple[str, str, str]]()
        for m in WORDS["people"].finditer(self.low):
            name, kin = (texts[max(m.start(one), m.start(other))] for one, other in ("nm", "rs"))
            found.append(("" if m["lead"] == "and " and not (found and found[-1][0]) else m["lead"] or "", name, kin))
        led, full = [p for p in found if p[0]], [p for p in found if p[1] and p[2]]
        one = [*(p for p in led if p[1]), *led, *full, *found, ("", "", "")][0]
        kin = next((p[2] for p in found if p[2] and (p[1] == one[1] or p == one)), "")
        kin = kin or (texts[m.start("R")] if (m := find("stated", self.low)) else "")
        named, heard, written = full if find("companions pair", self.low) else led, self.texts("S"), self.texts("T")
        bare = one[2] if find("declared", self.low) is None else ""  # a name beside "my mother" need not be hers
        names = [p[1] for p in named if p[1]] or [p[1] for p in [*full, *found] if p[1] and p[2] in {kin, bare}][:1]
        names = [texts[m.start("N")]] if (m := find("full_name", self.low)) else names
        folders = [(f, WORDS["clause"].split(self.low[:at])[-1]) for kind, f, at in self.things if kind == "F"]
        both = [f for f, lead in folders if find("heard", lead) or not (heard or find("written", lead))]
        written += [f for f, lead in folders if find("written", lead) or not find("heard", lead)]
        late = any(find("died", one.low) and {*one.texts("NR")} <= {kin, *names} for one in self.sentences())
        who: Slots = {"name": names, "relation": [kin], "deceased": [late or bool(find("late", self.low))]}
        return who | {"recordings": heard + both, "memories": written}

    def told(self) -> Slots:
        found: Slots = {slot: self.texts(kinds) for slot, kinds in DATA["kinds"].items()}
        for one in self.sentences():
            fact = find("fact", one.low)
            found["corrections"] += [one.raw[fact.start(1) :]] if fact and not find("unfact turns", fact[1]) else []
            found["wishes"] += [] if find("agree", one.low) else [one.after("wish")]
            found["language"] += map(self.language, WORDS["clause"].split(one.low))
            found["about"] += [one.after("topic")]
        found["audience"] = [kind for kind in DATA["audiences"] if find(kind, self.low)][:1]
        found["memory_id"] = re.findall(r"(?i)firestore\b.*?\bunder (\S+?)[.,;]?(?:\s|$)", self.raw)
        ends = [m.end() for m in WORDS["declared"].finditer(self.low)]
        title = [text for kind, text, at in self.things if at + len(text) + 2 * (kind == "Q") in ends][:1]
        text = [text for text in self.texts("Q") if text not in title][:1]
        first = text * bool(find("opens", self.low))
        return found | {"title": title, "name": title, "text": text, "first_message": first, "manner": found["wishes"]}

    def language(self, low: str) -> str:
        spoken = None if find("written ours", low) else find("tongue", low)  # rather than what letters are written in
        return DATA["languages"][spoken[2]] if spoken and (spoken[1] or find("speak", low)) else ""

    def after(self, words: str) -> str:  # such as a wish for how to speak, but for the language
        for m in WORDS[words].finditer(self.low):
            end = WORDS["cut"].search(self.low, m.end())
            rest = self.low[m.end() : end.start() if end else None].strip(" ,.;:?!-=\u2013")
            parts = [p for p in re.split(r",? (?:and|but) |, ", rest) if p != "speak" and not self.language(p)]
            if rest and parts and not re.search("[STFVAKCQ]_", rest) and not WORDS["unwish"].match(rest):
                at = self.low.find(rest, m.end())
                return self.raw[at + rest.find(parts[0]) : at + rest.rfind(parts[-1]) + len(parts[-1])]
        return ""

    def clauses(self) -> Iterator[tuple[dict[str, Any], "Message", str]]:  # each with its row, and why not to do it
        low, bare = self.low, _BLANK.sub(lambda m: " " * len(m[0]), self.low)
        cuts = sorted({0, len(low), *(m.start() for m in WORDS["clause"].finditer(bare) if not find("fact", low))})
        begins = [(c, d) for c, d in pairwise(cuts) if find(_FIRST, bare[c:d]) and not find("agree aside", bare[c:d])]
        for (c, d), (e, _) in pairwise([*begins, (len(low), 0)]):
            part = Message(self.raw[c:e])
            hits = list[tuple[int, dict[str, Any], str]]()
            for row in DATA["intents"]["rows"]:
                (first, *rest), said = row["words"].split(), low if "free" in row else bare
                verb, things = find(first, said[c:d]), all(map(part.texts, row.get("things", "").split()))
                ends = [found.end() for word in rest if (found := find(word, part.low))]
                fits = verb and things and len(ends) == len(rest)
                if verb and fits and (not hits or first == hits[0][1]["words"][:4] == "list"):  # lists may be several
                    how = self.mood(row, said, c, slice(c + verb.start(), c + verb.end()), d)
                    hits.append((max([0, *ends]), row, how))
            yield from ((row, part, how) for _, row, how in sorted(hits, key=lambda hit: hit[0]))

    def mood(self, row: dict[str, Any], low: str, begin: int, verb: slice, end: int) -> str:  # "" where it is asked
        parts = low[begin : verb.start].removeprefix("but"), low[verb.stop : end], self.low
        lead, tail, whole = (re.sub("[a-z]{4,}", lambda m: SLIPS.get(m[0], m[0]), part) for part in parts)
        if find("not", lead) or row["tool"].startswith(("get_", "list_", "check_", "inspect_")):
            return "nothing" if find("not", lead) else ""
        past = re.match(r"(?!need)\w+ed\b", low[verb]) and not find("wanted", lead)
        done = past and find("been", lead) and low[-1:] != "?"
        if done or find("told", re.split(r"\b(?:but|so)\b", low[: verb.start])[-1]):
            return "told"
        led, then = (_LED, _PLAIN) if row["tool"] == "retire_companion" else (_LOOSE, _ANY)
        plain = "free" in row or (not past and led.fullmatch(lead) and then.fullmatch(tail))
        doubt = not plain or find("turns", lead if row["words"] == "wish" else low)
        return "help" if low.endswith("?") and not find("polite", whole) else "unclear" if doubt else ""

    def gathered(self, spoken_of: str) -> tuple[dict[tuple[str, str], Slots], list[str]]:  # the calls, and each mood
        asked, calls = [clause for one in self.sentences() for clause in one.clauses()], dict[tuple[str, str], Slots]()
        jobs = [row for row, _, how in asked if "whole" in row and not how]
        parts: list[str] = DATA["parts"] if jobs else []
        for row, clause, how in asked:
            part, tool = self if "whole" in row else clause, row["tool"]
            if not (how or ("whole" in row and row is not jobs[0]) or tool in parts):
                slots = part.told() | (part.person() if "relation" in DATA["slots"].get(tool, "") else {})
                values = row.get("value") or part.texts(row.get("things", "")) or self.texts(row.get("before", ""))
                names = row.get("slot", "").split()
                slots |= {name: values[n :: len(names)] for n, name in enumerate(names)}
                for whom in self.meant(tool, clause, spoken_of):
                    held = calls.setdefault((tool, whom), {"companion": [whom], "of": [whom]})
                    held |= {slot: held.get(slot, []) + values for slot, values in slots.items()}
        return calls, [how for row, _, how in asked if row["tool"] not in parts or row["words"] == "fact"]

    def meant(self, tool: str, clause: "Message", spoken_of: str) -> list[str]:  # whom it names, or calls she, he or it
        if not re.match("COMPANION|OF", DATA["slots"].get(tool, "")):
            return [""]
        name, pronoun, at = re.search("N_", clause.low), find("pronoun", clause.low), self.raw.find(clause.raw)
        named = "N" if tool != "change_companion" or "R_" not in self.low else ""  # with a relation it's somebody new
        known = [spoken_of] if spoken_of else self.texts("C") or self.texts(named, at)
        first = name and not (pronoun and known and pronoun.start() < name.start())
        exact = self.texts("C") if len(self.texts("C")) == 1 else clause.texts("N")
        sure = len(known) == 1 and (pronoun or tool != "retire_companion")
        return (clause.texts("CA") or exact * bool(first))[:1] or (known if sure else [""] * (tool != "get_companion"))


def call(tool: str, found: Slots) -> tuple[str, dict[str, Any], list[str]]:
    given, lacks = dict[str, Any](), list[str]()
    for slot in DATA["slots"].get(tool, "").split():
        name, values = slot.lower(), list(dict.fromkeys(value for value in found.get(slot.lower(), []) if value))
        joined, many = name in {"wishes", "manner"}, name.endswith("s") and name != "wishes"
        lacks += [name if name in DATA["asked"] else "which"] if slot.isupper() and not values else []
        lacks += ["which" if name == "name" else "unclear"] if len(values) > 1 and not (joined or many) else []
        given |= {name: values if many else ", ".join(values) if joined else values[0]} if values else {}
    return tool, given, lacks


def understand(raw: str, spoken_of: str = "") -> Wish:  # `spoken_of` is the companion that was spoken of last
    message = Message(raw[:4000])
    known = [w in KNOWN for w in re.findall(r"(?<![\w'])[^\W\d_]+(?:'\w+)?", re.sub(r"[A-Z]_*", " ", message.low))]
    if len(raw) > 4000 or sum(known) < 0.3 * len(known) or not (known or message.raw.isascii()):
        return [], [], "model_needed"
    lows = [one.low for one in message.sentences()]
    for needs, answer in DATA["answers"].items():
        if any(all(find(word, low) for word in needs.split()) for low in [*lows, message.low * ("child" in needs)]):
            return [], [], answer
    if (other := find("next", message.low)) and find("make", message.low[: (end := other.start("cut"))]):
        acts, asks, kind = understand(message.raw[:end], spoken_of)
        more, also, _ = understand("please a companion of " + message.raw[other.end() :], spoken_of)
        return acts + more if acts and not (asks or also) else [], ["which"] if asks or also else [], kind
    calls, moods = message.gathered(spoken_of)
    called = [call(tool, slots) for (tool, _), slots in calls.items()]
    outcomes = [one for one in called if one[0] != "change_companion" or one[1].keys() - {"companion"}]
    asks, acts = [topic for _, _, lacks in outcomes for topic in lacks], [one[:2] for one in outcomes]
    no = find("denied", bare := _BLANK.sub("", message.low))
    left = acts and acts[0][0] == "change_companion" and any(text not in str(acts) for text in message.texts("STF"))
    doubt = left or "unclear" in moods or ("told" in moods and not acts)
    if asks or find("torn choice", bare) or (doubt and (acts or not (no and no.start()))):
        return [], [*dict.fromkeys(asks or ["unclear"])], ""
    return acts, [], "" if acts else [*(m for m in moods if m in {"nothing", "help"}), "nothing" if no else "help"][0]


def decide(contents: list[types.Content]) -> types.Part:  # the next call, or what there is to say once all are done
    said, spoken_of, results = turn(contents)
    text, (acts, asks, kind) = wished(said, spoken_of)
    left = acts[len(results) :]
    same = bool(results and left) and [*acts[len(results) - 1][1].values()][:1] == [*left[0][1].values()][:1]
    if left and not (same and results[-1].get("error")):
        return types.Part(function_call=types.FunctionCall(name=left[0][0], args=left[0][1]))
    rows = [{**r, "error": from_row(r["error"])} if isinstance(r.get("error"), dict) else r for r in results]
    told = [str(r.get("report") or r.get("told") or r.get("error")) for r in rows]
    say = " ".join([DATA["asked"][topic] for topic in asks] or [DATA["said"].get(kind, "")])
    return types.Part(text="\n\n".join(told) or say.replace("{0}", [*Message(text).texts("C"), "ID"][0]))


def turn(contents: list[types.Content]) -> tuple[list[str], str, list[dict[str, Any]]]:  # and whom it was about
    said, before, latest, results = list[str](), "", "", list[dict[str, Any]]()
    ours = [c for c in contents if c.parts and c.parts[0].text != "For context:"]  # what another agent of ADK's said
    for part, role in ((part, content.role) for content in ours for part in content.parts or []):
        if part.text and role == "user":
            said, results, before = [*([] if results else said), part.text], [], latest
        results += [part.function_response.response or {}] if part.function_response else []
        given = (part.function_call and part.function_call.args) or {}
        latest = str(given.get("companion") or given.get("of") or given.get("name") or latest)
    return said, before, results


def wished(said: list[str], spoken_of: str) -> tuple[str, Wish]:  # an answer is read with what it answers
    text, wish = "", understand("", spoken_of)
    for newest in said:
        acts, _, kind = understand(newest, spoken_of)
        plain = [s.raw for s in Message(text).sentences() if "unclear" not in wish[1] or not find("turns", s.low)]
        answer = f"name: {newest}" if "name" in wish[1] and Message(newest).low.startswith("N_") else newest
        new = not wish[1] or kind == "nothing" or (acts and acts[0][0] != "change_companion")
        text = newest if new else "\n".join([answer, *plain] if "which" in wish[1] else [*plain, answer])
        wish = understand(text, spoken_of)
    return text, wish


class OfflineRules(BaseLlm):
    model: str = NAME

    @classmethod
    def supported_models(cls) -> list[str]:
        return [r"offline-.*"]

    @property
    def capabilities(self) -> LlmCapabilities:
        return LlmCapabilities(output_schema_and_tools=True)

    async def generate_content_async(self, llm_request: LlmRequest, stream: bool = False) -> Answers:
        part = decide(llm_request.contents)
        for sentence in re.split(r"(?<=[.!?] )", part.text or "") if stream and part.text else []:
            yield LlmResponse(content=types.ModelContent(sentence), partial=True)
        yield LlmResponse(content=types.Content(role="model", parts=[part]), partial=False if stream else None)


LLMRegistry.register(OfflineRules)
