"""What to do about a message: calls, a question, or an answer. What isn't plain is asked about."""

import re
from collections.abc import Iterator
from itertools import pairwise
from operator import itemgetter
from typing import Any, cast

from .outcomes import NOTHING, UNCLEAR, Act, Answer, Ask, Outcome, call, sure
from .reading import DATA, WORDS, Message, find, finds
from .telling import WISH, manner, subjects, told

_MAKE = re.compile(
    rf"(?:{WORDS['make']}[^.!?]{{0,60}}?(?<!'s )(?<!her )(?<!his )(?<!my )(?<!no )(?<!the )|^(?:new |memory )?|\binto "
    r"|\b(?:an?|another|one|new|two|three|of these) (?:\w+ )?)companions?\b(?!')"
    r"|\b(?:another|one) (?:of|for) (?:(?:my|our|the) )?(?:late )?[RN]_"
    r"|\b(?:make|create|build) (?:(?:the|his|her|(?:my )?(?:R_* )?[NR]_*'s) companion|it|one)(?= of\b| with\b| from\b| out\b| using\b|[.,;!]|$)"
)
_WHO = re.compile(
    r"(?:(?<!\bin )(?<!\bat )[CNA]_+|[CN]_+(?='s))|\b(?:s?he|hers?|him|his|its?|they|them|the companion(?! [NC]_)|that one)\b"
)
_ANOTHER = r"[NC]_[^.!?]*?(?:[,;]|,? and) (?=(?:make|give|let) [NC]_|(?:add|put|take) [STF]_* (?:\w+ ){1,3}[NC]_)"
_FUTURE = r"(?<!until)(?<!till)(?<!for)(?<!over) (?:tomorrow|tonight|next \w+|on \w+day)\b"
_TURNS = r"^\W+or\b| (?:if|unless|later|someday)\b(?! you)| from \w+ing\b"
_WHOSE = r"(?:\b(?:to|into|in|from|of|for|make|give)|[,;]) ([NC]_+)"
_ASIDE = r"[;.] |..(?:\w+ )?R_* N_* (?:is|was)\b"
_AGE = r"(?:\bis|'s|\baged?|\b(?:just|only|my|a)|[,(]) ?(?:only |just )?(?:[1-9]|1[0-7])(?=[,.;)]|$| (?:and|but|so|now)\b| ?-?(?:years?|yrs?|yo)\b| from\b)"


def understand(raw: str, after: str = "") -> list[Act] | Ask | Answer:
    """What a message asks for; `after` is the id of the companion that was spoken of last."""
    message = Message(raw[:4000])
    low, lows = message.low, [message.low[a:b] for a, b in message.sentences]
    if len(raw) > 4000 or message.foreign:
        return Answer("model_needed")
    public = find("public", low) and not subjects(message)[0]["relation"]
    if find("cloned", low) and (public or re.search(_AGE, re.sub(WORDS["young"], "9", low))):
        return Answer("refused")
    if any(
        find(a, s) and find(b, s)
        for s in lows
        for a, b in (("skip", "consent"), ("hide", "machine"), ("claim", "real"), ("pretend", "agree"))
    ):
        return Answer("refused")
    jobs: list[Outcome] = list(made(message))
    jobs += [] if any(o != NOTHING for _, o in jobs) else job(message)
    found: list[Outcome] = [
        *jobs,
        *managed(message, after),
        *([] if jobs or _MAKE.search(low) else changed(message, after)),
    ]
    found = [sure(message, outcome) for outcome in [*found, *looked(message, after, found)]]
    outcomes = [o for _, o in sorted(found, key=itemgetter(0))]
    acts = [o for n, o in enumerate(outcomes) if isinstance(o, Act) and o not in outcomes[:n]]
    ends = [act.whom for act in acts if act.tool == "retire_companion"]
    topics = [t for o in outcomes if isinstance(o, Ask) for t in o.topics] + ["unclear"] * (len(set(ends)) < len(ends))
    command = find("export", low) or (find("consent", low) and find("revoke", low))
    no = any(re.match(r"\W*(?:\w+,? )?$", s[: m.start()]) for s in lows for m in finds("no", s)[:1])
    said = [o for o in outcomes if isinstance(o, Answer)] + [Answer("command")] * bool(command) + [NOTHING] * no
    topics = [t for t in topics if t != "unclear"] or topics * (not no or len(lows) < 2)
    topics = topics * (not (command and topics == ["which"]))
    return Ask(tuple(dict.fromkeys(topics))) if topics else acts or [*said, Answer("help")][0]


def fitting(name: str, message: Message, low: str) -> str:
    """The first call of a table whose words and (in capitals) things are all there."""
    table = cast("dict[str, str]", DATA[name])
    for tool, needs in table.items():
        if all(message.texts(need) if need.isupper() else find(need, low) for need in needs.split()):
            return tool
    return ""


def wishing(message: Message) -> Iterator[tuple[int, int, str]]:
    """The sentences that may hold a wish: not those by which somebody consents."""
    for a, b in message.sentences:
        low = message.low[a:b]
        if _MAKE.search(low) or not find("agree", low) or re.match(r"\W*(?:\w+ )?clone", low):
            yield a, b, low


def mood(message: Message, low: str, at: int, *, ending: bool = False) -> str:
    """Whether a verb at a place of a sentence is a plain wish (""), or denied, asked about, or unclear."""
    lead = re.sub(r"\b(?:if|when(?:ever)?) (?:you|it's|possible|that's)\b", "", low[:at])
    lead = lead if ending else re.sub(r"\bwould it be(?: at all)? possible\b", "please", lead)
    own = re.split(r"[,;:=]| - | (?:and|but|then|so) ", lead)[-1]
    denied = finds("not", own)
    if denied and not re.match(r" (?:only|just|mind|hesitate)\b", own[denied[-1].end() :]):
        return "nothing"
    if find("asked", own) and not find("polite", own):
        return "help"
    asks = low.endswith("?") and not find("polite should", low)
    if find("maybe tell later", lead) or asks if ending else find("maybe tell", own):
        return "help" if asks else "unclear"
    return "unclear" if find("torn", message.low) else ""


def made(message: Message) -> Iterator[Outcome]:
    """The companions that are wanted, each with what is said of its person."""
    found = [
        (a + m.start(), m[0], mood(message, s, m.end() - 9)) for a, _, s in wishing(message) for m in _MAKE.finditer(s)
    ]
    plain, moods = [at for at, _, how in found if not how], {how for _, _, how in found}
    if "nothing" in moods:
        yield 0, NOTHING
        plain = [] if found[-1][2] and re.search(r" (?:it|one|the companion)$", found[-1][1]) else plain
    elif not plain and "unclear" in moods:
        yield 0, UNCLEAR
    people = subjects(message) if plain else []
    for person, (a, b) in zip(people, pairwise([0, *(p["start"] for p in people[1:]), len(message.raw)]), strict=False):
        lead, part = re.split(r"[;.!?]| but ", message.low[: person["start"]])[-1], Message(message.raw[a:b])
        if len(people) < 2 or mood(message, lead, len(lead)) != "nothing":
            outcome = call("make_companion", told(part, person))
            doubt = any(find("doubt", s) and re.search(r"\bborn\b|\d{4}", s) for s in re.split("[.!?]", part.low))
            several = len(people) > 1 and isinstance(outcome, Ask)
            aside = person != people[0] and re.match(_ASIDE, message.low[person["start"] - 2 :])
            several |= bool(aside) and not find("companions", message.low)
            several |= bool(re.search(r"[SF]_.*R_* N_.*\bfrom [SF]_", part.low, re.S)) and len(part.texts("N")) > 1
            yield max(a, plain[0]), UNCLEAR if doubt else Ask(("which",)) if several else outcome


def job(message: Message) -> Iterator[Outcome]:
    """A single job: a voice, a document, an agent."""
    verbs = [(a, low, find("clone make upload", low)) for a, _, low in wishing(message)]
    plain = [low for _, low, verb in verbs if not mood(message, low, verb.start() if verb else 0)]
    at = next((a + verb.start() for a, low, verb in verbs if verb and low in plain), 0)
    tool = fitting("jobs", message, " . ".join(low for low in plain if low[-1] != "?" or find("polite", low)))
    tool = tool if plain else ""
    found = told(message, subjects(message)[0]) if tool else {}
    if tool not in {"", "clone_voice"}:
        named = [t.text for t in message.things if t.kind in "NQ" and find("titled", message.low[: t.start][-40:])][:1]
        rest, ids = [q for q in message.texts("Q") if q not in named][:1], message.texts("K")
        one = {"title": named, "name": named, "text": rest, "first_message": rest if find("opens", message.low) else []}
        one |= {"voice_id": message.texts("V")[:1], "agent_id": message.texts("A")[:1], "manner": [found["wishes"]]}
        found |= {"files": message.texts("TF"), "documents": ids, "add_documents": ids}
        found |= {key: "".join(value) for key, value in one.items()}
    act = call(tool, found)
    if tool == "update_agent" and isinstance(act, Act) and len(act.arguments) < 2:
        yield from [] if find("link forget", message.low) else [(0, call("get_agent", found))]
    elif tool:
        yield (
            at,
            act
            if isinstance(act, Ask) or {"files", "text"} & {*act.arguments} or "_kn" not in tool
            else Ask(("which",)),
        )


def target(message: Message, after: str, start: int, a: int, b: int) -> str:
    """The first that is meant after a verb; otherwise whoever the sentence names or means."""
    low, text = message.low, {t.start: t.text for t in message.things}
    if answer := re.search(r"\n(?:i mean |it's |for )?(?=[NC]_*\W*$)", low[b:]):
        return text[b + answer.end()]
    if re.search(
        r"R_*(?:'s)? (?:companion|voice|one)\b(?!,? [NC]_)|^ ?\S+ (?:the|this) (?:agent|account)", low[start:b]
    ):
        return ""
    who = _WHO.search(low, start, b) or _WHO.search(low, a, b)
    if who and who[0][0] in "CNA":
        ids = message.texts("C", a, b) if who[0][0] == "N" else []
        return ids[0] if len(ids) == 1 else text[who.start()]
    known = message.texts("C", 0, start) or message.texts("N", 0, start) or message.texts("CN", a, b)
    return after or (known[0] if len(known) == 1 and who else "")


def managed(message: Message, after: str) -> Iterator[Outcome]:
    """Share, rehearse, pause, resume, forget: by the verb of each clause, and whether it is meant."""
    found = list[tuple[str, Outcome]]()
    for a, b, low in wishing(message):
        verbs = finds(" ".join(DATA["manage"]), low)
        for m, following in zip(verbs, [*verbs[1:], None], strict=False):
            kind, tail, at = m.lastgroup or "", low[m.end() : following.start() if following else None], a + m.start()
            part = re.match(r"\W*(?:the )?(?:agent |voice |document )?(?=[AVK]_+(?! from\b|'s))", tail)
            if part and kind == "forget" and not mood(message, low, m.start(), ending=True):
                ids = message.texts("AVK", a + m.end() + part.end())
                found.append((kind, (at, call("delete_resource", {"id": ids[0]}))))
            if _elsewhere(m, kind, tail, low, making=bool(_MAKE.search(message.low))):
                continue
            tool, how = DATA["manage"][kind], mood(message, low, m.start(), ending=kind in "pause resume forget")
            rest = re.split(r"[,;.!?:=]| (?:until|because|since|as|so|while) ", tail)[0]
            other = kind == "forget" and re.match(
                r" (?:the|those|these|this|my|an?|any|some) (?![NCR]_|companion|voice)", tail
            )
            other = other or re.match(r" (?:all|every\w*)\b(?! (?:of|about|that) )", tail)
            other = other or (tool == "retire_companion" and re.search(_FUTURE, rest))
            if (
                other or find("not maybe", rest) or re.search(_TURNS, tail)
                if how != "nothing"
                else m[0] == "forget" and len(verbs) == 1
            ):
                how = "unclear"
            several = re.match(
                r"\W*(?:both )?(?:[NC]_+(?:, and |, | and | & ))+[NC]_+(?=[.,;!?]|$| please| for| until)", tail
            )
            names = (
                message.texts("NC", at, a + m.end() + several.end()) if several else [target(message, after, at, a, b)]
            )
            acts = [call(tool, {"companion": name, "of": name, "action": kind}) for name in names]
            found += [(kind, (at, o)) for o in ([UNCLEAR if how == "unclear" else Answer(how)] if how else acts)]
    denied = {kind for kind, (_, outcome) in found if outcome == NOTHING}
    yield from (outcome for kind, outcome in found if not (outcome[1] == UNCLEAR and kind in denied))


def _elsewhere(m: re.Match[str], kind: str, tail: str, low: str, *, making: bool) -> bool:
    """Whether the verb belongs to something else: a wish for how to speak, a memory to take out, a companion to make."""
    lead, talks = low[: m.start()], " " in m[0] and kind == "link"
    if m[0] == "pause" and lead.endswith("on "):
        return True
    if kind in {"link", "rehearse"}:
        ours = re.search(r"\b(?:i|we|me|us)\b[^,;]*$", lead)
        return bool((making and (talks or _MAKE.search(low))) or (talks and not ours))
    if m[0].endswith("ed"):
        return not re.search(r"(?<!to )\b(?:wants?|have|get|like|need|be)\b", lead)
    part = re.match(r"(?: all)?(?: of)? (?:h(?:er|is)|its|the|those|[NC]_*'s) (?:\w+ )?(\w+)", tail)
    if part and kind == "forget" and find("written heard", part[1]):
        return "voice" not in part[1]
    wish = WISH.search(lead + " x")
    idle = wish and not find("unwish", wish["wish"].split(" ")[0])
    idle = re.search(r"\b(?:i|we|you)\b\S*(?: \w+)?\s*$", lead) if m[0] == "forget" else idle
    return bool(idle or re.match(r"[^NC]*?[TSQFVAK]_", tail) or find("idle", m[0] + tail))


def changed(message: Message, after: str) -> Iterator[Outcome]:
    """What is to be different, gathered for each companion."""
    changes, last = dict[str, dict[str, Any]](), ""
    parts = [[a, *(a + m.end() for m in re.finditer(_ANOTHER, low)), b] for a, b, low in wishing(message)]
    for a, b in (pair for cuts in parts for pair in pairwise(cuts)):
        low = message.low[a:b].rstrip()
        if find("doubt", low) and re.search(r"\bborn\b|\d{4}|\b(?:was|had|did)\b", low):
            yield a, UNCLEAR
        elif not (find("check", low) and message.texts("S", a, b)) and not (
            low.endswith("?") and re.match(r"(?:is|are|was|do|does|has|have|what|did|which|how|why)\b", low)
        ):
            found = {key: value for key, value in _changes(message, a, b, low).items() if value}
            last = (
                target(message, after, a, a, min(b, a + 30) if "corrections" in found else b) or last if found else last
            )
            verbs = finds("swap remove add slower faster", low)
            at = next((m for m in verbs if mood(message, low, m.start()) != "nothing"), verbs[0] if verbs else None)
            held = changes.setdefault(last, {"at": a + at.start() if at else a}) if found else {}
            whose = {message.raw[a + m.start(1) : a + m.end(1)] for m in re.finditer(_WHOSE, low)}
            if len(whose) > 1 and "corrections" not in found and (message.texts("STF", a, b) or "speeds" in found):
                yield a, Ask(("which",))
            for key, value in found.items():
                held[key] = (
                    f"{held[key]}, {value}" if key in held and key == "wishes" else held.get(key, value[:0]) + value
                )
    for companion, found in changes.items():
        speeds = set(found.pop("speeds", []))
        found |= {"speed": "".join(speeds), "companion": companion}
        yield found["at"], UNCLEAR if len(speeds) > 1 else call("change_companion", found)


def _changes(message: Message, a: int, b: int, low: str) -> dict[str, Any]:
    """What one sentence changes."""
    found, marks = (
        manner([message.raw[a:b]], changing=True),
        [(m.start(), m.lastgroup) for m in finds("swap remove add", low) or finds("using", low)],
    )
    for thing in (t for t in message.things if t.kind in "STFQ" and a <= t.start < b):
        at, verb = ([mark for mark in marks if mark[0] < thing.start - a] or marks[:1] or [(0, "")])[-1]
        verb = "add" if verb == "using" else verb
        no = re.search(r"\bnot (?:\w+ )?$", low[: thing.start - a])
        if verb and not no and mood(message, low, at) != "nothing" and not (thing.kind == "Q" and verb == "add"):
            heard = thing.kind == "S" or (thing.kind == "F" and find("heard", low[: thing.start - a]))
            key = "recordings" if heard and verb != "remove" else "add_memories" if verb == "add" else "remove_memories"
            found.setdefault(key, []).append(thing.text)
            marks += [(thing.start - a, "add")] if verb == "swap" else []
    return found


def looked(message: Message, after: str, others: list[Outcome]) -> Iterator[Outcome]:
    """Questions: about recordings, the account, what there is, and what a companion knows."""
    low, alone = message.low, all(o == NOTHING for _, o in others)
    cuts = [0, *(m.end() for m in re.finditer(r"[.!?;] |, (?:and|then|but) | and then ", low)), len(low)]
    for a, b in [(0, len(low))] if alone else pairwise(cuts):
        tool = fitting("looks", Message(message.raw[a:b]), low[a:b])
        tool = "list_companions" if low.strip(" .!") == "list" else tool
        idle = tool == "inspect_recording" and not alone and not find("check", low[a:b])
        if tool and not idle and not message.texts("C", a, b) and (alone or not any(a <= at < b for at, _ in others)):
            yield a, call(tool, {"recordings": message.texts("SF", a, b)})
        elif alone and not message.texts("SF"):
            for c, d, said in wishing(message):
                about = re.search(
                    rf"(?:{WORDS['know']}.*?{WORDS['about']}|\bremembers?) (?P<about>.+?)(?: in \S+ memories)?[.?! ]*$",
                    said,
                )
                shown = about or find("show", said) or said.strip(" .?!_") == "C"
                if shown and _WHO.search(said) and not find("not", said):
                    span = (c + about.start("about"), c + about.end("about")) if about else (d, d)
                    found = {
                        "companion": target(message, after, c, c, span[0]),
                        "about": message.raw[slice(*span)],
                    }
                    yield c, call("get_companion", found)
