"""The instruction table, the bars that the rules are held to, and what no message may do to them."""

from __future__ import annotations

import time

import pytest
from google.adk.models.llm_request import LlmRequest
from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st

from storykeeper_orchestrator.offline import OfflineRules, decide, understand
from understood import calls, graded, rows


@pytest.mark.parametrize(("part", "bar"), [("development", 0.95), ("measured", 0.90)])
def test_instructions_are_understood(part: str, bar: float) -> None:
    """Exactly as a fair reader expects; the measured part wasn't known to who wrote the rules."""
    assert len(rows(part)) >= 80
    assert graded(part).accuracy >= bar


@pytest.mark.parametrize("part", ["development", "measured"])
def test_nothing_is_called_that_was_not_asked_for(part: str) -> None:
    """Not for another person, not from other recordings, not at all."""
    assert graded(part).wrong == []


WORDS = st.sampled_from(
    [
        "make",
        "a",
        "companion",
        "of",
        "my",
        "mum",
        "Ann",
        "from",
        "ann.wav",
        "and",
        "delete",
        "pause",
        "Dorothy",
        "her",
        "it",
        "not",
        "or",
        "dorothy-7f3a",
        "agent_01abc",
        ",",
        ".",
        "?",
        "!",
        "-",
        '"',
        "'",
        "(",
        "\n",
        "she",
        "should",
        "speak",
        "Irish",
        "was",
        "born",
        "1941",
        "letters/",
        "knowledge",
        "base",
        "clone",
        "the",
        "voice",
        "🥰",
        "王秀英",
        "\x00",
        "\u202e",
        "companions",
        "don't",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=300), st.lists(WORDS, max_size=40).map(" ".join)))
def test_any_text_at_all_gets_an_answer(text: str) -> None:
    """A call or words, and never an exception."""
    part = decide([types.UserContent(text)])
    assert part.function_call or part.text


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS, max_size=30).map(" ".join))
def test_the_same_words_are_always_understood_alike(text: str) -> None:
    """Every call is decided anew from the whole conversation, so that each wish is carried out once and then told."""
    made = calls([types.UserContent(text)])
    assert len(made) < 10


@pytest.mark.parametrize(
    "unit", ["a ", "from ", '"', "'", "mum ", "N_", "Ann ", "and ", "delete ", "1.", "\n", "x/", "🥰"]
)
def test_a_hundred_kilobytes_are_answered_at_once(unit: str) -> None:
    """They are no instruction; what is just short enough to be one is read about as fast."""
    began = time.process_time()
    assert understand(unit * (100_000 // len(unit))) == ([], [], "model_needed")
    understand(unit * (3_900 // len(unit)))
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "text",
    [
        "🥰😭🙏",
        "Ma grand-mère Jeanne est morte il y a deux ans. Nous avons des cassettes où elle raconte sa jeunesse à Lyon, et je voudrais en faire un compagnon.",
        "मेरी माँ का साथी बनाओ",
        "请用这些录音做一个我奶奶的伴侣",
        "Зроби, будь ласка, компаньйона моєї мами з mama.wav",
    ],
)
def test_another_language_needs_a_model(text: str) -> None:
    """It is said how to set one; nothing is guessed."""
    answer = decide([types.UserContent(text)])
    assert answer.function_call is None
    assert "GOOGLE_API_KEY" in (answer.text or "")


@pytest.mark.anyio
async def test_an_answer_is_streamed_in_sentences_and_then_whole() -> None:
    """As ADK wants it: partial ones, then one that carries all."""
    request = LlmRequest(contents=[types.UserContent("Write me a poem")])
    responses = [response async for response in OfflineRules().generate_content_async(request, stream=True)]
    texts = ["".join(part.text or "" for part in (r.content and r.content.parts) or []) for r in responses]
    assert [bool(r.partial) for r in responses] == [True] * (len(responses) - 1) + [False]
    assert len(responses) > 2
    assert "".join(texts[:-1]) == texts[-1]
