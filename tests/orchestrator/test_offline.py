"""The rules read a sentence as a person means it, and never find a consent that wasn't given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.adk.events.event import Event
from google.genai import types

from storykeeper_orchestrator import consent
from storykeeper_orchestrator.offline import decide
from storykeeper_orchestrator.sentence import read
from storykeeper_orchestrator.workflow import Request, spoken
from storykeeper_tools.errors import NeedsConsent


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        (
            "Create a companion for my grandmother Dorothy from examples/dorothy. She spoke English and gave me her consent.",
            {
                "name": "Dorothy",
                "relation": "grandmother",
                "language": "en",
                "recordings": ["examples/dorothy"],
                "memories": ["examples/dorothy"],
                "consent_statement": "She spoke English and gave me her consent.",
            },
        ),
        (
            "make a companion of mum Mary Ann O'Neill from mum.m4a and notes/ and tape 2.mp3",
            {
                "name": "Mary Ann O'Neill",
                "relation": "mum",
                "recordings": ["mum.m4a", "2.mp3"],
                "memories": ["notes/"],
            },
        ),
        (
            "Build a companion of my late father José from /tapes/jose.wav. I am his executor and agree. He spoke Spanish. "
            "It should speak slowly and warmly.",
            {
                "name": "José",
                "relation": "father",
                "deceased": True,
                "language": "es",
                "recordings": ["/tapes/jose.wav"],
                "wishes": "slowly and warmly",
                "consent_statement": "I am his executor and agree.",
            },
        ),
    ],
)
def test_a_sentence_is_read(sentence: str, found: dict[str, Any]) -> None:
    """Name, relation, paths, language, wishes, consent; and nothing that isn't said."""
    assert read(sentence) == found


@pytest.mark.parametrize(
    "said",
    [
        "She did not consent.",
        "She never agreed to it.",
        "I have no permission.",
        "Do it without her consent.",
        "She hasn't agreed yet.",
        "She refused to give her consent.",
        "Would she have agreed?",
        "I hope she agrees.",
        "She might consent.",
        "If she agrees, go on.",
        "I will ask for her permission.",
        "She would have agreed.",
        "I agree with her voice being cloned.",
        "She gave me her recipe. I consent.",
        "My brother agreed.",
        "She said that my brother agreed.",
        "She agreed? ",
        "Her doctor gave me permission.",
        "I am her heir.",
        "She wants her consent form back.",
        "She agreed to a recording.",
        "She allowed the hospital to record her.",
        "She gave me permission to use her car.",
        "She consents to nothing.",
        "She has allowed nobody to copy her voice.",
        "She agreed last year but changed her mind.",
        "She agrees to disagree.",
        "My sisters are in. They agreed.",
        "My brother spoke to her. He agreed.",
        "My sister asked her. She agreed.",
        "He agreed.",
        "I am her executor and I agreed to sell the house.",
        "",
    ],
)
def test_what_is_no_consent_is_never_taken_for_one(said: str) -> None:
    """Denied, hoped for, conditional or asked about."""
    assert "consent_statement" not in read(f"Make a companion of my mother Ruth from ruth.wav. {said}")


@pytest.mark.parametrize(
    "said",
    [
        "She agreed.",
        "Ruth has given me her permission.",
        "She has also gladly agreed to it.",
        "She spoke French, and gave us her written consent.",
        "She consents.",
    ],
)
def test_a_plain_consent_is_heard(said: str) -> None:
    """Of the very person, in the present or the past."""
    found = read(f"Make a companion of my mother Ruth from ruth.wav. {said}")
    assert found["consent_statement"] == said


def test_the_dead_do_not_consent_now() -> None:
    """Only an executor or heir does."""
    assert "consent_statement" not in read("Make a companion of my late mother Ruth from ruth.wav. She agreed to it.")


@pytest.mark.parametrize(
    ("answer", "deceased", "kind"),
    [
        ("yes", False, "self"),
        ("Yes, she agreed.", False, "self"),
        ("I am her legal guardian and I agree", False, "guardian"),
        ("yes, I am her executor", True, "executor_or_heir"),
    ],
)
def test_an_answer_is_recorded_in_its_words(answer: str, deceased: bool, kind: str) -> None:
    """With the question it answers."""
    given = consent.answered("Has Ruth agreed?", answer, "Ruth", deceased=deceased)
    assert given.kind == kind
    assert given.statement == f"Asked: Has Ruth agreed? Answered: {answer}"


@pytest.mark.parametrize(
    "answer", ["no", "not yet", "maybe", "I don't know", "go ahead", "", "she hasn't", "if she agrees"]
)
def test_anything_but_a_clear_yes_is_a_no(answer: str) -> None:
    """Consent isn't guessed."""
    with pytest.raises(NeedsConsent):
        consent.answered("Has Ruth agreed?", answer, "Ruth", deceased=False)


@pytest.mark.parametrize(
    ("answer", "deceased"),
    [
        ("Nobody agreed", False),
        ("My sister agreed", False),
        ("yes to recording, cloning is out", False),
        ("nope, but my dad says yes", False),
        ("yesterday", False),
        ("I agree", False),
        ("My brother agreed", True),
        ("yes, my brother is her executor", True),
        ("she agreed", True),
    ],
)
def test_an_answer_about_something_or_somebody_else_is_no_yes(answer: str, deceased: bool) -> None:
    """Every word of it has to be understood."""
    with pytest.raises(NeedsConsent):
        consent.answered("Has Ruth agreed?", answer, "Ruth", deceased=deceased)


@pytest.mark.parametrize(
    ("sentence", "name", "deceased"),
    [
        ("Make a companion of my mother Dorothy. She gave me her consent. Use mum.wav", "Dorothy", False),
        ("Make a companion of my Mother Dorothy from mum.wav", "Dorothy", False),
        ("Make a companion of Dr. J. R. Smith from mum.wav", "Dr. J. R. Smith", False),
        ("Make a companion of my grandma Émilie from mum.wav, recorded late at night.", "Émilie", False),
        ("Make a companion of my mother Dorothy, whose husband died in 1999, from mum.wav", "Dorothy", False),
        ("Make a companion of my late mother Dorothy from mum.wav", "Dorothy", True),
        ("Make a companion of my mother Dorothy from mum.wav. She passed in 2019.", "Dorothy", True),
        ("Make a companion of my mother Dorothy from mum.wav. We buried her in May.", "Dorothy", True),
    ],
)
def test_the_right_person_is_meant_and_known_to_live_or_not(sentence: str, name: str, deceased: bool) -> None:
    """It decides who may consent."""
    found = read(sentence)
    assert (found["name"], found.get("deceased", False)) == (name, deceased)


def test_not_to_make_one_is_not_a_wish() -> None:
    """And a choice of words is no folder."""
    assert decide(said("Do not make a companion of my mother Dorothy from mum.wav")).function_call is None
    assert read("Make a companion of Ruth from ruth.wav and/or nothing")["recordings"] == ["ruth.wav"]


def test_a_model_cannot_invent_a_consent() -> None:
    """What counts is what the person said, in the sentence that says it."""
    heard = "Make a companion of my mother Ruth from ruth.wav. She agreed."
    wish: dict[str, Any] = {"name": "Ruth", "relation": "mother", "recordings": ["ruth.wav"]}
    assert Request(**wish, consent_statement="She agreed.").consent(heard) is not None
    assert Request(**wish, consent_statement="She agreed.").consent("Make a companion of Ruth.") is None
    assert Request(**wish, consent_statement="She was lovely.").consent(heard + " She was lovely.") is None
    assert Request(**wish).consent(heard) is None


def test_words_about_one_person_never_count_for_the_next() -> None:
    """What was said before the last companion was made is over."""
    response = types.FunctionResponse(name="make_companion", response={"companion": {}})
    events = [
        Event(author="user", content=types.UserContent("Make a companion of Ruth from ruth.wav. She agreed.")),
        Event(author="agent", content=types.Content(role="user", parts=[types.Part(function_response=response)])),
        Event(author="user", content=types.UserContent("Make a companion of Anna from anna.wav.")),
    ]
    assert spoken(events) == "Make a companion of Anna from anna.wav."
    wish = Request(name="Anna", recordings=["anna.wav"], consent_statement="She agreed.")
    assert wish.consent(spoken(events)) is None


def said(*texts: str) -> list[types.Content]:
    return [types.UserContent(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "tool", "arguments"),
    [
        ("How much quota is left?", "check_quota", {}),
        ("list my companions", "list_companions", {}),
        ("show dorothy-7f3a", "get_companion", {"companion": "dorothy-7f3a"}),
        ("rehearse dorothy-7f3a", "rehearse_companion", {"companion": "dorothy-7f3a"}),
        ("give me the link to dorothy-7f3a", "get_signed_url", {"of": "dorothy-7f3a"}),
    ],
)
def test_small_wishes_are_single_tools(text: str, tool: str, arguments: dict[str, str]) -> None:
    """One call each."""
    call = decide(said(text)).function_call
    assert call is not None
    assert (call.name, call.args) == (tool, arguments)


def test_what_is_missing_is_asked_for_and_then_understood() -> None:
    """The answer adds to the wish before it."""
    wish = "Make a companion of my mother Ruth"
    assert "Which recording" in (decide(said(wish)).text or "")
    call = decide([*said(wish), types.ModelContent("Which recording?"), *said("ruth.wav")]).function_call
    assert call is not None
    assert call.args is not None
    assert (call.args["name"], call.args["recordings"]) == ("Ruth", ["ruth.wav"])


def test_answers_add_up_until_nothing_is_missing() -> None:
    """One by one, in either order."""
    talk = [*said("make a companion"), types.ModelContent("Whose?"), *said("Lina"), types.ModelContent("Which?")]
    call = decide([*talk, *said("lina.wav")]).function_call
    assert call is not None
    assert call.args is not None
    assert (call.args["name"], call.args["recordings"]) == ("Lina", ["lina.wav"])


@pytest.mark.parametrize(
    "wish",
    [
        "make a companion of my mother Rosa and my father Tom from rosa.wav and tom.wav.",
        "make a companion of my mother Rosa from rosa.wav, and one of my father Tom from tom.wav",
        "Make a companion for my daughter Anna of my mother Dorothy from mum.wav.",
    ],
)
def test_two_people_are_never_one_voice(wish: str) -> None:
    """It is asked which of them is meant."""
    answer = decide(said(wish))
    assert answer.function_call is None
    assert "One companion at a time" in (answer.text or "")


def test_names_of_files_are_not_people_and_may_hold_blanks() -> None:
    """In either kind of quotes."""
    for quote in ('"', "'"):
        found = read(f"Make a companion of my friend Ulf from {quote}my recs/grandpa two.wav{quote}. He agreed.")
        assert found["recordings"] == ["my recs/grandpa two.wav"]
    assert (
        read('Make a companion of my friend Ulf from "grandpa two.wav". He agreed.')["consent_statement"]
        == "He agreed."
    )


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("Please pause rosa-6f84, my mother is upset", "storykeeper retire rosa-6f84 --pause"),
        ("Let people talk to rosa-6f84 again: resume it", "storykeeper retire rosa-6f84 --resume"),
        ("delete rosa-6f84", "storykeeper retire rosa-6f84 --forget"),
        ("Forget Rosa", "storykeeper retire ID --forget"),
        ("Forget Rosa", "storykeeper consent ID --revoke"),
        ("She takes back her consent to rosa-6f84", "storykeeper consent rosa-6f84"),
        ("export rosa-6f84", "storykeeper export rosa-6f84"),
        ("Change rosa-6f84: it should speak more slowly", "storykeeper provision companion.yaml"),
        ("Change rosa-6f84: I think she was born in 1937", "storykeeper provision companion.yaml"),
    ],
)
def test_what_rules_do_not_do_is_left_to_a_command(text: str, command: str) -> None:
    """It says which one, and that nothing was done."""
    answer = decide(said(text))
    assert answer.function_call is None
    assert "did nothing" in (answer.text or "")
    assert command in (answer.text or "")


@pytest.mark.parametrize("text", ["rosa-6f84 upsets my mother", "Don't show rosa-6f84", "rosa-6f84: no more calls"])
def test_an_id_alone_is_not_a_wish_to_see_it(text: str) -> None:
    """What isn't understood isn't answered with something else."""
    answer = decide(said(text))
    assert answer.function_call is None
    assert "did nothing" in (answer.text or "")


@pytest.mark.parametrize(
    ("text", "who", "correction"),
    [
        ("Change rosa-6f84: she was born in 1937, not 1938.", "rosa-6f84", "She was born in 1937, not 1938."),
        ("please correct Rosa's companion: Rosa was born in 1937", "Rosa", "Rosa was born in 1937"),
    ],
)
def test_a_plain_correction_of_a_companion_is_a_change(text: str, who: str, correction: str) -> None:
    """Through the same procedure, which plans and asks before anything changes."""
    call = decide(said(text)).function_call
    assert call is not None
    assert (call.name, call.args) == ("make_companion", {"companion": who, "corrections": [correction]})


@pytest.mark.parametrize(
    "told", ["She was born in 1941.", "Rosa was born in 1941, not 1940.", "Her name was Rosa Maria, not Rose Marie."]
)
def test_what_is_plainly_told_of_the_person_is_a_correction(told: str) -> None:
    """It outranks the memories."""
    assert read(f"Make a companion of my mother Rosa from rosa.mp3. She agreed. {told}")["corrections"] == [told]


@pytest.mark.parametrize(
    "told",
    [
        "I think she was born in 1941.",
        "She may have been born in 1941.",
        "Her husband was a baker. He was born in 1930.",
        "Or was she born in 1940?",
    ],
)
def test_a_birth_that_is_not_plainly_told_is_asked_about(told: str) -> None:
    """Rather than dropped, or believed; the answer counts."""
    wish = f"Make a companion of my mother Rosa from rosa.mp3. She agreed. {told}"
    asked = decide(said(wish))
    assert "I'm not sure" in (asked.text or "")
    call = decide(said(wish, "She was born in 1942.")).function_call
    assert call is not None
    assert call.args is not None
    assert call.args["corrections"] == ["She was born in 1942."]


@pytest.mark.parametrize(
    "words", ["rosa.mp3 and lies.", "rosa.mp3, lies and notes.md.", "lies and rosa.mp3.", "'lies'."]
)
def test_a_word_that_names_a_folder_is_one(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also without a slash, where a path is expected."""
    monkeypatch.chdir(tmp_path)
    wish = f"Make a companion of my mother Rosa from {words} She agreed."
    if "rosa.mp3" in words and not words.startswith("lies"):
        assert "no file or folder 'lies'" in (decide(said(wish)).text or "")
    (tmp_path / "lies").mkdir()
    assert "lies" in read(wish)["memories"]


def test_what_is_not_understood_is_said_honestly() -> None:
    """That these are rules, and what they understand."""
    text = decide(said("Write me a poem")).text or ""
    assert "not a language model" in text


def test_a_wish_may_name_memories_in_firestore() -> None:
    """Beside files, or in their place."""
    assert Request(name="Anna", recordings=["anna.wav"], memory_id="anna").spec()["memory_id"] == "anna"
