"""Whose companion is wanted, from what, and what is said of the person and of how it shall be."""

import re
from typing import Any

from .reading import LANGUAGES, LISTS, Message, find, finds, plainly

_OWN = r"(?:(?:both )?(?:my|our|the|his|her|their|a) (?:(?!(?:of|for|and|from)\b)[a-z-]+ ){0,2}|late )?"
_AHEAD = (
    r"(?:(?:'s)?[\s,(:=-]+(?:(?:whose|his|her|full|the|name(?:'s)?|named|called|is|was|late)[\s:,]+)*|[^.!?\n]{0,30}, )"
)
_BEHIND = r"[\s,(=-]+(?:who |that )?(?:is |was |'s )?(?:my|our|the|his|her|a)(?: [a-z-]+){0,2} "
_PERSON = rf"{_OWN}(?:(?P<r>R_*)(?:{_AHEAD}(?P<n>N_*))?|(?P<m>N_*)(?:{_BEHIND}(?P<s>R_*))?)"
_OF = r"\b(?:companions?(?: for [^,.]{1,40}?)?|one|another|voices?|clone)(?: \w+)?"
_LEADS = (rf"{_OF} of ", r"(?:(?:^|\W)\d[).:]|[-•*=:]) |\bcompanions? (?:please|pls)\W+", rf"{_OF} for ")
_NAMED = r"(?:\b(?:names?|named|called|who|call (?:it|the voice))(?:'s| is| was)?[\s:,-]*|\bclone(?: of)?:? |\n(?=N_*\W*(?:\n|$)))N_"
_WHO = (
    r"(?:[NCR]_+|s?he|her|him|his|it|they|them|the (?:companion|voice))(?:'s)?(?: (?:companion|voice|tone|manner))?\b"
)
WISH = re.compile(
    rf"(?:\b{_WHO} (?:should|shall|must|ought to|has to|have to|needs to|is to)(?: also| please)?|\b(?:manner|tone|style|wishes):"
    rf"|(?<!'ll )\b(?:can|make|have|let|keep|get|want|like|love|prefer|ask|tell|need) {_WHO}(?: to)?"
    r"|^(?:please |(?:can|could) you )*(?=(?:stop|quit) \w+ing)):? ?(?P<wish>[^\n]+)"
)
_FACT = r"(?:,|;| and) (?:and )?(?:not|never) | not \S+$|(?:\bnever|\bnot|n't)\b.*[,;=-] ?(?:but|it was|s?he)\b|\b(?:1[89]|20)\d\d\b"
_IDLE = r"[STFVAKCQ]_|\bcompanion\b|(?:^| )be$|^(?:go|gone|so|rest|stay|just)$"
_HOLDS = r"\W*(?:for|as|has|is|are|holds?|contains?)\b(?:(?! and [^.;]*[STF]_)[^STF.,;)])*"
_TELLS = r"(?:(?:[a-z]+ ?){1,4}(?:, |that ))?(?:she|he|her|his|it|(?:(?:my|our) )?[NR]_*(?:'s)?) "


def persons(message: Message, lead: str) -> list[dict[str, Any]]:
    """Everybody who is mentioned after such a lead: by relation, name or both."""
    found, texts = list[dict[str, Any]](), {t.start: t.text for t in message.things} | {-1: ""}
    if first := re.search(lead + _PERSON, message.low):
        pattern = re.compile(rf"(?:{lead}|\band (?:of |for )?){_PERSON}" if lead else _PERSON)
        for m in pattern.finditer(message.low, first.start()):
            name, kin = (texts[max(m.start(one), m.start(other))] for one, other in ("nm", "rs"))
            found.append({"name": name, "relation": kin, "deceased": bool(find("late", m[0])), "start": m.start()})
    return [person for person in found if person["name"] or person["relation"]]


def subjects(message: Message) -> list[dict[str, Any]]:
    """Whose companion is wanted: more than one where more than one is named as such."""
    low, her = message.low, re.search(rf"{_OF} of (him|her)\b", message.low)
    others = LISTS["men" if her[1] == "her" else "women"] if her else []
    everybody = [p for p in persons(message, "") if p["relation"] not in others]
    wanted = persons(message, _LEADS[0]) or persons(message, _LEADS[1])
    wanted = wanted or [*persons(message, _LEADS[2]), *(p for p in everybody if p["name"] and p["relation"])]
    named = list({p["name"]: p for p in reversed(wanted) if p["name"]}.values())[::-1]
    full = list({p["name"]: p for p in everybody if p["name"] and p["relation"]}.values())
    named = full if len(full) > 1 > len(named) - 1 and find("companions", low) else named
    if len(named) > 1:
        return named
    one = (
        named
        or wanted
        or [p for p in everybody if p["relation"]]
        or everybody
        or [{"name": "", "relation": "", "start": 0}]
    )[0]
    declared = re.search(_NAMED, low)
    if declared and (not one["name"] or "full name" in low):
        one = one | {"name": next(t.text for t in message.things if t.start == declared.end() - 2)}
    name, kin = one["name"], one["relation"]
    same = [one, *(p for p in everybody if (p["name"] == name if name and p["name"] else p["relation"] == kin))]
    late, gone = any(p.get("deceased") for p in same), bool(find("heir", low) and find("agree", low))
    for a, b in message.sentences:
        m = find("died", low[a:b])
        others = [t for t in message.texts("NR", a, a + m.end() + 4) if t != kin and t not in name] if m else []
        gone |= bool(m and not others and not find("not", low[a:b][: m.start()]))
    found = {key: next((p[key] for p in same if p[key]), "") for key in ("name", "relation")}
    return [{**one, **found, "deceased": late or gone}]


def told(message: Message, person: dict[str, Any]) -> dict[str, Any]:
    """All that a message says of a person's companion; a folder may hold recordings and memories, or what is said of it."""
    sounds, texts, last, out = message.texts("S"), message.texts("T"), 0, list[str]()
    for thing in (thing for thing in message.things if thing.kind in "STF"):
        clause = re.split(r"[.!?\n;,:] ?| but ", message.low[last : thing.start])[-1]
        after = re.match(_HOLDS, message.low[thing.end :])
        no = re.match(r"\W*(?:is|are|was)(?:n't| not)\b(?! only| just)", message.low[thing.end :])
        out += [thing.text] if no or find("not leaveout", clause) else []
        if thing.kind == "F":
            before = re.split(r"[.!?\n;] ", message.low[last : thing.start])[-1]
            heard, written = (find(word, before + (after[0] if after else "")) for word in ("heard", "written"))
            sounds += [thing.text] if heard or not (written or message.texts("S")) else []
            texts += [thing.text] if written or not heard else []
        last = thing.end + (len(after[0]) if after else 0)
    said = [message.raw[a:b] for a, b in message.sentences]
    under = re.search(r"\bfirestore\b.*\bunder (\S+?)[.,;]?(?:\s|$)", message.raw, re.I)
    files = {
        "memory_id": under[1] if under else "",
        "recordings": [path for path in dict.fromkeys(sounds) if path not in out],
        "memories": [path for path in dict.fromkeys(texts) if path not in out],
    }
    rest = manner([s for s in said if not find("agree", s.lower())])
    rest["language"] = rest["language"] or next(filter(None, (language(s.lower()) for s in said)), "")
    return {**person, **files, **rest}


def manner(said: list[str], *, changing: bool = False) -> dict[str, Any]:
    """How the companion shall be, and facts of the person's life, from the sentences that say it."""
    found: dict[str, Any] = {"language": "", "wishes": [], "corrections": [], "audience": "", "speeds": []}
    for sentence in said:
        low = Message(sentence).low
        tongue = language(low)
        found["language"] = tongue if tongue and find("wanted", low) else found["language"] or tongue
        found["wishes"] += _wishes(sentence, low, changing)
        fact = re.sub(r"^[^.:,]*[:-] ", "", low)
        plain = re.match(_TELLS, fact) and re.search(_FACT, fact) and not re.search(r"\?|[STFQVAK]_", fact)
        found["corrections"] += [sentence[-len(fact) :]] if plain and not find("doubt unfact", fact) else []
        kind = find("dementia_care bereavement", low) if find("visit", low) else None
        found["audience"] = found["audience"] or (kind.lastgroup if kind else "family" if find("family", low) else "")
        found["speeds"] += [m.lastgroup for m in finds("slower faster", low)]
    return {**found, "wishes": ", ".join(found["wishes"])}


def language(low: str) -> str:
    """The language to speak, rather than the one that letters are in."""
    for m in re.finditer(rf"\b(?P<how>in |into |to )?({'|'.join(LANGUAGES)})\b", low):
        clause = re.split(r", | but ", low[: m.start()])[-1]
        of = find("written heard", re.split(r"[,.:;]| but ", low[m.end() :])[0][:12])
        if (m["how"] or find("speak", low)) and not of and not find("written heard not", clause):
            return LANGUAGES[m[2]]
    return ""


def _wishes(sentence: str, low: str, changing: bool) -> list[str]:
    """How it is to speak or behave, in the words of the sentence; language and speed are said otherwise."""
    for found in WISH.finditer(low):
        at, cut = found.start("wish"), find("cut", found["wish"])
        rest = re.sub(r"(?:,| and| but|[,.!?;:)\s=-])+$", "", found["wish"][: cut.start() if cut else None])
        speed = "slower faster" if changing else "idle"
        clause = re.split(r"[,;:=.] ?| (?:and|but|so) ", low[: found.start()])[-1]
        if found[0][:5] in {"have ", "make ", "want ", "need "} and not plainly(clause):
            continue
        parts = [
            p for p in re.split(r",? (?:and|but) |, ", rest) if not (p == "speak" or language(p) or find(speed, p))
        ]
        idle = find("unwish", rest.split(" ")[0]) or re.search(_IDLE, rest)
        idle = idle or re.search(r"\bas (?:s?he|it|they|[NC]_*) (?:is|was|are)\b", found["wish"])
        if parts[:1] > [""] and not idle and not find("not", re.split("[,;:]", low[: found.start()])[-1]):
            return [sentence[at + rest.find(parts[0]) : at + rest.rfind(parts[-1]) + len(parts[-1])].strip()]
    return []
