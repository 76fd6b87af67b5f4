# ruff: noqa: RUF001 - Chinese and French have marks of their own
"""What the procedures ask, understand and report, in every language that companions speak."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from google.adk.apps import App
from google.adk.models import BaseLlm
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.genai import types

import canary
from conversations import Conversation, environ, slots
from storykeeper_orchestrator import build_app
from storykeeper_orchestrator.answers import is_name, taken_back, yes_or_no
from storykeeper_orchestrator.checking import of_a_child
from storykeeper_orchestrator.consent import again, answered, denied, found, question
from storykeeper_orchestrator.visitors import audience
from storykeeper_orchestrator.wording import listed, say, spoken_in
from storykeeper_server.sandbox.app import build as sandbox
from storykeeper_server.sandbox.serving import serving
from storykeeper_server.sandbox.state import State
from storykeeper_tools.companion.language import offered, table
from storykeeper_tools.errors import NeedsConsent

ROOT = Path(__file__).parent.parent.parent
DOROTHY = f"{ROOT}/examples/dorothy"
OTHERS = [code for code in offered() if code != "en"]
ENGLISH = {"the", "was", "were", "with", "they", "that", "when", "you", "your", "this", "and", "from", "made"}


def sentences(code: str) -> dict[str, str]:
    """All that is said in a language, by its place."""
    told = table(code, "orchestrator")
    parts = {f"{part} {key}": text for part in ("status", "fields", "following") for key, text in told[part].items()}
    return {key: text for key, text in told.items() if isinstance(text, str)} | parts


@pytest.mark.parametrize("code", OTHERS)
def test_a_language_says_all_of_it_and_nothing_in_english(code: str) -> None:
    """Each sentence has the same values in it as the English one."""
    own, english = sentences(code), sentences("en")
    assert own.keys() == english.keys()
    for key, text in own.items():
        assert text != english[key], key
        assert not ENGLISH & set(re.findall(r"[a-z]+", text.lower())), text
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", english[key])), text


@pytest.mark.parametrize("code", offered())
def test_what_is_said_to_be_an_answer_is_understood(code: str) -> None:
    """Whoever repeats an answer that was proposed is heard."""
    for deceased in (False, True):
        asked = question("Anne", "anne.mp3", deceased=deceased, language=code)
        proposed = again("", deceased=deceased, language=code)
        answers = re.findall(r"[“„«]\s?([^“”»]+?)\s?[“”»]", proposed)
        yes = [answer for answer in answers if yes_or_no(answer) is not False]
        assert len(yes) == 2 if deceased else 3
        for answer in yes:
            assert answered(asked, answer, "Anne", deceased=deceased).statement.endswith(f"Answered: {answer}")


def test_values_are_filled_in_once() -> None:
    """What a name or a file is called is never read as a place for another value."""
    assert say("en", "clone", name="{files}", files="{name}.mp3").startswith("The voice of files is cloned from {name}")
    assert say("fr", "clone", name="Anne", files="a.mp3").startswith("La voix d'Anne")
    assert listed(map(str, range(30))) == "0, 1, 2, 3, 4, 5, 6, 7 … (+22)"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("de", "Mach eine Begleiterin von meiner Oma Ruth aus ruth.mp3"),
        ("es", "Crea un acompañante de mi abuela Rosa desde rosa.mp3"),
        ("fr", "Fais un compagnon de ma grand-mère Anne à partir de anne.mp3"),
        ("it", "Crea un accompagnatore di mia nonna Lucia da lucia.mp3"),
        ("pt", "Cria um acompanhante da minha avó Maria a partir de maria.mp3"),
        ("zh", "给我奶奶王秀英做一个陪伴者，录音在 wang.mp3"),
        ("en", 'Make a companion of María José de la Cruz from "la voz de mi abuela.mp3"'),
        ("en", "Make a companion of 王秀英 from wang.mp3"),
        ("en", "Pause dorothy-7f3a"),
    ],
)
def test_the_language_is_that_of_the_persons_own_words(code: str, said: str) -> None:
    """Names and paths say nothing about it, and an answer too short to tell keeps what was spoken before."""
    assert spoken_in([said]) == code
    assert spoken_in([said, "ok"]) == code
    assert spoken_in(["Mach bitte eine Begleiterin von meiner Mutter", "could you make it in English, please"]) == "en"


@pytest.mark.parametrize(
    ("answer", "meant"),
    [(a, True) for a in ("yes", "Yes.", "True", "Ja!", "sí", "Sì", "oui", "sim", "好的", "Yes, please")]
    + [(a, False) for a in ("no", "No, wait", "nein", "Nein danke", "non", "não", "不要", "False", "", "不，算了")]
    + [(a, None) for a in ("ok", "go", "yes?", "sure thing", "yes but slower", "maybe", "ja, aber", "是吗？", "1")],
)
def test_only_a_plain_yes_is_one(answer: str, meant: bool | None) -> None:
    """What is neither is asked about once more."""
    assert yes_or_no(answer) is meant


@pytest.mark.parametrize(
    ("answer", "deceased", "kind"),
    [
        ("Ja", False, "self"),
        ("Ja, sie hat zugestimmt.", False, "self"),
        ("Anne hat ausdrücklich zugestimmt", False, "self"),
        ("ja, hat sie", False, "self"),
        ("Ja, ich bin ihr gesetzlicher Vertreter und stimme zu", False, "guardian"),
        ("Ich bin ihre Erbin und stimme zu", True, "executor_or_heir"),
        ("Ja, ich bin die Testamentsvollstreckerin", True, "executor_or_heir"),
        ("sí, ella estuvo de acuerdo", False, "self"),
        ("Si, estuvo de acuerdo", False, "self"),
        ("Soy su hija y heredera", True, None),
        ("soy su heredera y estoy de acuerdo", True, "executor_or_heir"),
        ("oui", False, "self"),
        ("Oui, elle m’a donné son accord", False, "self"),
        ("oui, elle est d'accord", False, "self"),
        ("sì, ha dato il suo consenso", False, "self"),
        ("sim, ela concordou", False, "self"),
        ("sim, autorizou", False, "self"),
        ("是的，她同意了", False, "self"),
        ("我是她的继承人，我同意", True, "executor_or_heir"),
        ("yes, she did", False, "self"),
        ("yes", True, "executor_or_heir"),
        # None of these is a consent.
        ("Ja, glaube ich", False, None),
        ("ja, aber erst nächste Woche", False, None),
        ("sie hat nicht zugestimmt", False, None),
        ("meine Schwester hat zugestimmt", False, None),
        ("si ella estuvo de acuerdo", False, None),
        ("sí, creo que ella estuvo de acuerdo", False, None),
        ("si è d'accordo", False, None),
        ("oui, si elle est d'accord", False, None),
        ("elle n'a pas accepté", False, None),
        ("sim, se ela concordou", False, None),
        ("我同意", False, None),
        ("她会同意的", False, None),
        ("她同意了吗？", False, None),
        ("ja?", False, None),
        ("sie hat zugestimmt", True, None),
        ("ok", False, None),
        ("yes, she said she'd think about it", False, None),
    ],
)
def test_consent_counts_where_every_word_is_understood(answer: str, deceased: bool, kind: str | None) -> None:
    """And is kept in the person's words, with the question they answered."""
    if kind is None:
        with pytest.raises(NeedsConsent):
            answered("Darf das sein?", answer, "Anne", deceased=deceased)
        return
    given = answered("Darf das sein?", answer, "Anne", deceased=deceased)
    assert (given.kind, given.statement) == (kind, f"Asked: Darf das sein? Answered: {answer}")


@pytest.mark.parametrize(
    "after",
    [
        "Actually no.",
        "She hasn't.",
        "She has withdrawn her consent.",
        "She changed her mind.",
        "Wait, she refused.",
        "She didn't agree to that.",
        "Kidding.",
    ],
)
def test_a_consent_that_is_taken_back_in_the_same_breath_is_asked_about(after: str) -> None:
    """What was stated counts only where nothing is said after it."""
    said = "Make a companion of my mother Anne from anne.mp3. She gave me her consent."
    assert found(said, "Anne", relation="mother", deceased=False)
    assert not found(f"{said} {after}", "Anne", relation="mother", deceased=False)
    assert not found(f"{said}\n{after}", "Anne", relation="mother", deceased=False)


def test_a_speech_is_no_consent() -> None:
    """However often it says so."""
    with pytest.raises(NeedsConsent):
        answered("May it be?", "yes, she agreed " + "to it " * 20_000, "Anne", deceased=False)


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("de", "Nein"),
        ("de", "ich glaube schon"),
        ("es", "todavía no"),
        ("es", "quizás"),
        ("fr", "je crois que oui"),
        ("it", "forse"),
        ("pt", "ainda não"),
        ("zh", "不知道"),
        ("en", "no"),
    ],
)
def test_a_doubt_is_a_no(code: str, answer: str) -> None:
    """Whoever hesitates isn't asked a second time."""
    assert denied(answer, code)


@pytest.mark.parametrize(
    ("code", "answer", "whom"),
    [
        ("en", "my mum, who has dementia", "dementia_care"),
        ("en", "not dementia, just us", "family"),
        ("en", "Nobody has dementia", "family"),
        ("en", "not only us, also somebody with Alzheimer's", "dementia_care"),
        ("en", "a grieving friend", "bereavement"),
        ("en", "my grandchildren", "family"),
        ("en", "what do you mean?", None),
        ("de", "jemand mit Demenz", "dementia_care"),
        ("de", "Opa ist demenzkrank", "dementia_care"),
        ("de", "niemand mit Demenz, nur wir", "family"),
        ("de", "meine Schwester, sie trauert sehr", "bereavement"),
        ("es", "alguien con demencia", "dementia_care"),
        ("es", "no tiene demencia, solo la familia", "family"),
        ("es", "mi tía, que está de luto", "bereavement"),
        ("fr", "une personne atteinte de démence", "dementia_care"),
        ("fr", "pas de démence, seulement nous", "family"),
        ("fr", "ma sœur en deuil", "bereavement"),
        ("it", "qualcuno con demenza", "dementia_care"),
        ("it", "tutta la famiglia", "family"),
        ("pt", "alguém com demência", "dementia_care"),
        ("pt", "os netos", "family"),
        ("pt", "alguém de luto", "bereavement"),
        ("zh", "患有失智症的妈妈", "dementia_care"),
        ("zh", "没有失智症，只有家人", "family"),
        ("de", "dementia_care", "dementia_care"),
        ("de", "family", "family"),
        ("de", "weiß ich nicht", None),
    ],
)
def test_who_will_talk_to_it_is_understood(code: str, answer: str, whom: str | None) -> None:
    """Somebody who is named with a no isn't meant; what says neither is asked about."""
    assert audience(answer, code) == whom


@pytest.mark.parametrize("name", ["Anna Byrne", "María José de la Cruz", "王秀英", "May", "Will Hope", "Dr. Müller"])
def test_a_name_is_no_refusal(name: str) -> None:
    """Also where it is a word, too."""
    assert is_name(name)
    assert not taken_back(name, "de")


@pytest.mark.parametrize("code", offered())
def test_a_refusal_is_no_name(code: str) -> None:
    """In any language."""
    said = {"en": "Actually I don't agree", "de": "Doch nicht, ich verweigere es", "es": "No, no quiero"}
    more = {"fr": "Non, je refuse", "it": "Non voglio", "pt": "Não quero", "zh": "我不同意"}
    assert taken_back({**said, **more}[code], code)
    assert not is_name("yes")


@pytest.mark.parametrize(
    ("words", "name", "relation"),
    [
        ("Make a companion of my 9 year old Tim from tim.mp3", "Tim", ""),
        ("Clone my little boy's voice, from tim.wav. Tim is 9.", "Tim", ""),
        ("a companion of my son Tim, 9, from t.mp3", "Tim", "son"),
        ("Make a companion of my daughter Mia from a.mp3. She is 12.", "Mia", "daughter"),
        ("My son Tim was born in 2015.", "Tim", "son"),
        ("Mia is a minor, so I agree for her", "Mia", ""),
    ],
)
def test_a_childs_voice_is_known_by_plain_words(words: str, name: str, relation: str) -> None:
    """An age, or what children are called, said of the one whose voice it is."""
    assert of_a_child(words, name, relation)


@pytest.mark.parametrize(
    "words",
    [
        "Make a companion of my grandmother Ruth from ruth.mp3. She was 9 when the war began.",
        "a companion of Ruth for my 9 year old daughter Mia",
        "My daughter Mia will talk to it. She is 9.",
        "a companion of my 9 year old's grandmother Ruth",
        "Ruth is 90. As a little girl Ruth lived in Cork.",
        "Ruth was born in 1941, and her grandson in 2015.",
        "my grandmother Ruth, 84, from r.mp3",
    ],
)
def test_an_adult_who_was_a_child_is_not_refused(words: str) -> None:
    """Nor one whose grandchildren will talk to it."""
    assert not of_a_child(words, "Ruth", "grandmother")


class Script(BaseLlm):
    """A model that plays what it is given."""

    model: str = "script"
    turns: list[types.Part] = []

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        part = self.turns.pop(0) if self.turns else types.Part(text="...")
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


def call(tool: str, /, **args: Any) -> types.Part:
    return types.Part(function_call=types.FunctionCall(name=tool, args=args))


def make(**more: Any) -> types.Part:
    return call("make_companion", **{"name": "Dorothy", "recordings": [DOROTHY], **more})


@asynccontextmanager
async def scripted(url: str, home: Path, *turns: types.Part) -> AsyncIterator[Conversation]:
    """Each turn is a call, and then some words."""
    both = [part for turn in turns for part in (turn, types.Part(text="..."))]
    app: App = build_app(environ(url, home, ROOT / "examples"), model=Script(turns=both))
    async with Runner(app=app, session_service=InMemorySessionService(), auto_create_session=True) as runner:
        yield Conversation(runner)


@pytest.mark.anyio
async def test_a_conversation_in_german(sandbox_url: str, tmp_path: Path) -> None:
    """Asked, answered and reported in German, from the first question to the last."""
    turns = (make(), call("retire_companion", companion="Dorothy", action="pause"))
    forget = call("retire_companion", companion="Dorothy", action="forget")
    async with scripted(sandbox_url, tmp_path, *turns, forget) as talk:
        await talk.say(f"Mach bitte eine Begleiterin von meiner Oma Dorothy aus {DOROTHY}.")
        assert "Wer wird mit dem Begleiter von Dorothy sprechen" in talk.said[-1]
        await talk.answer("hm")
        assert "Ich bin nicht sicher" in talk.said[-1]
        await talk.answer("jemand mit Demenz")
        assert "Hat Dorothy zugestimmt" in talk.said[-1]
        await talk.answer("Ja, sie hat zugestimmt")
        assert "/dorothy: recording.mp3 geklont" in talk.said[-1]
        assert "Er ist für jemanden mit Demenz." in talk.said[-1]
        await talk.answer("ja, ok")
        assert "Soll ich das so machen?" in talk.said[-1]
        await talk.answer("Ja")
        assert "Der Begleiter dorothy-55ed von Dorothy ist fertig" in talk.outcome["report"]
        assert "Antworten bestanden" in talk.outcome["report"]
        await talk.say("Pausiere sie bitte")
        await talk.answer("nein")
        assert talk.outcome["report"].startswith("Gut, dann geschieht es nicht, und alles bleibt")
        await talk.say("Lösche sie bitte")
        assert "Das würde endgültig gelöscht" in talk.said[-1]
        await talk.answer("dorothy-55ed")
        assert talk.outcome["report"].startswith("dorothy-55ed ist vergessen. Beleg ")


@pytest.mark.anyio
async def test_whoever_says_yes_and_then_refuses_has_not_agreed(sandbox_url: str, tmp_path: Path) -> None:
    """Not even as a name: no consent is recorded, so that it is asked for again."""
    dead = make(deceased=True, audience="family")
    async with scripted(sandbox_url, tmp_path, dead, dead) as talk:
        await talk.say("Make it.")
        await talk.answer("yes")
        assert "What is your name" in talk.said[-1]
        await talk.answer("No, I don't want that after all")
        assert talk.outcome["error"]["code"] == "needs_consent"
        await talk.say("Make it.")
        assert talk.pause is not None
        assert str(talk.pause.id).startswith("consent ")
    assert await slots(sandbox_url) == 0


REFUSED = (
    ("Make it.", make(recordings=[]), "needs_answer", "the recordings"),
    ("Make it.", make(name=" "), "needs_answer", "their name"),
    ("A companion of my 9 year old Dorothy.", make(), "bad_input", "a child"),
    ("Clone my toddler.", call("clone_voice", name="Dorothy", recordings=[DOROTHY]), "bad_input", "a child"),
)


@pytest.mark.anyio
async def test_what_needs_no_plan_is_refused_at_once(sandbox_url: str, tmp_path: Path) -> None:
    """Whatever the model makes of it; nobody is asked anything. A child stays one, and nobody else is taken for it."""
    turns = [*(turn for _, turn, _, _ in REFUSED), make(), make(name="Ruth")]
    async with scripted(sandbox_url, tmp_path, *turns) as talk:
        for said, _, code, told in REFUSED:
            await talk.say(said)
            assert talk.pause is None
            assert talk.outcome["error"]["code"] == code
            assert told in talk.outcome["report"]
        await talk.say("Then make it.")
        assert "a child" in talk.outcome["report"]
        await talk.say("Then of Ruth.")
        assert talk.pause is not None


@pytest.mark.anyio
async def test_what_was_begun_and_waits_says_for_whom(tmp_path: Path) -> None:
    """And how it goes on."""
    async with (
        serving(sandbox(State(None), keys=canary.KEYS, faults=["POST /v1/voices/add 403"])) as url,
        scripted(url, tmp_path, make(audience="family")) as talk,
    ):
        await talk.make("Make it.", consent="yes", confirm=True)
        assert "It waits for whoever looks after the ElevenLabs account" in talk.outcome["report"]
        assert "say your wish again" in talk.outcome["report"]
