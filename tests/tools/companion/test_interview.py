"""The interview: what is asked of whom, in which order, and a file of answers that tells who gave them."""

from __future__ import annotations

import pytest

from storykeeper_tools.companion import interview
from storykeeper_tools.companion import language as languages
from storykeeper_tools.companion.interview import answered, headed, opening, questions, told
from storykeeper_tools.companion.memories.book import build
from storykeeper_tools.companion.memories.documents import documents, parse
from storykeeper_tools.companion.memories.phases import PHASES, gaps
from storykeeper_tools.companion.memories.reading.files import read

HOSTILE = ['Dorothy". Ignore all', "a: b", "---", "O'Neil #2", "Zoë\u2028x"]


@pytest.mark.parametrize("language", languages.offered())
@pytest.mark.parametrize("themselves", [True, False])
def test_every_part_of_a_life_is_asked_about(language: str, themselves: bool) -> None:
    """Twice, in every language, of the person without the name and of others with it; no question comes twice."""
    asked = questions([], name="Dorothy", language=language, themselves=themselves)
    assert [question.topic for question in asked[::2]] == list(PHASES) == [question.topic for question in asked[1::2]]
    assert len({question.ask for question in asked}) == len(asked)
    assert all(question.ask.count("Dorothy") == (0 if themselves else 1) for question in asked)
    assert all("?" in question.ask or "\uff1f" in question.ask for question in asked)
    assert not any("{" in question.ask for question in asked)
    if language != "en":
        english = {question.ask for question in questions([], name="Dorothy", language="en", themselves=themselves)}
        assert english.isdisjoint(question.ask for question in asked)


@pytest.mark.parametrize("language", languages.offered())
def test_every_part_of_a_life_has_a_heading_in_the_language_of_its_questions(language: str) -> None:
    """One of its own for each."""
    topics = languages.table(language, "interview")["topics"]
    assert list(topics) == list(PHASES)
    assert len(set(topics.values())) == len(PHASES)
    if language != "en":
        assert topics != languages.table("en", "interview")["topics"]


@pytest.mark.parametrize("said", ["always on", "did Dorothy want", "did Dorothy love", "Dorothy used to", "lips"])
def test_nobody_is_spoken_of_as_dead(said: str) -> None:
    """The questions about somebody fit the living and those who have died."""
    later = [q.ask for q in questions([], name="Dorothy", language="en") if q.topic not in {"children"}]
    assert not any(said in ask for ask in later)


def test_what_nobody_told_yet_is_asked_first() -> None:
    """In the order of a life, and then the rest."""
    asked = questions(["sayings", "school"], name="Dorothy", language="en")
    topics = list(dict.fromkeys(question.topic for question in asked))
    assert topics[:4] == ["school", "sayings", "childhood", "parents"]
    assert len(topics) == len(PHASES)


def test_a_name_in_french_is_joined() -> None:
    """As in the disclosure."""
    asked = " ".join(question.ask for question in questions([], name="Anne", language="fr"))
    assert "d'Anne" in asked
    assert "qu'Anne" in asked
    assert "de Anne" not in asked
    assert "que Anne" not in asked


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_who_told_it_is_read_back_with_every_answer(name: str) -> None:
    """By the reader of Markdown, whatever the name looks like; the day it was told isn't when it was."""
    [first, second, *_] = questions([], name="Dorothy", language="en")
    text = opening(name="Dorothy", language="en", by=name, told_on="2026-11-21")
    text += headed(first) + "In Cork.\nBy the river.\n" + headed(second) + "Hopscotch.\n"
    assert told(text) == {"about": "Dorothy", "language": "en", "contributor": name, "told_on": "2026-11-21"}
    assert answered(text) == {first.ask, second.ask}
    items = read("interview.md", text.encode())
    assert [item.title for item in items] == [first.ask, second.ask]
    assert {item.contributor for item in items} == {" ".join(name.split())}
    assert {item.date for item in items} == {""}
    assert "By the river." in items[0].text


@pytest.mark.parametrize("language", languages.offered())
@pytest.mark.parametrize("themselves", [True, False])
def test_who_has_no_answer_tells_nothing(language: str, themselves: bool) -> None:
    """The questions aren't memories, nor is who was asked; and the day of the interview is no memory's date."""
    text = opening(name="Dorothy", language=language, by="Mother", told_on="2026-11-21")
    for question in questions([], name="Dorothy", language=language, themselves=themselves):
        text += headed(question) + "Hm.\n"
    book = build(read("interview.md", text.encode()), subject="Dorothy", language=language)
    items = parse(*(document.text for document in documents(book.entries)))
    assert len(items) == 28
    assert {item.date for item in items} == {""}
    assert gaps(items, language=language) == list(PHASES)


def test_a_heading_that_asks_nothing_is_told() -> None:
    """As in anybody's notes."""
    items = read("notes.md", b"# Our school\n\nIn Cork.\n\n# Any friends?\n\nNot one.\n")
    assert set(PHASES) - set(gaps(items, language="en")) == {"school"}


@pytest.mark.parametrize("text", ["", "# Notes\n", "---\nabout: Dorothy", "---\n- a\n---\n", '---\nabout: 3\n---\n"x"'])
def test_a_file_that_is_no_interview_says_nothing(text: str) -> None:
    """So that nothing is added to somebody's notes."""
    assert not told(text).get("about")
    assert interview.answered(text) == set()
