"""Lines to begin a talk from: short, of the person's life, and nothing that a visitor shouldn't read."""

from __future__ import annotations

from pathlib import Path

import pytest

from storykeeper_tools.companion.language import offered
from storykeeper_tools.companion.memories.item import Item
from storykeeper_tools.companion.memories.reading import blocks
from storykeeper_tools.companion.memories.topics import LONGEST, MOST_LINES, MOST_TOPICS, topics

EXAMPLE = Path(__file__).parents[3] / "examples" / "dorothy" / "memories"


def test_the_example_has_topics_of_a_life() -> None:
    """Each line once, whole sentences, those first that most is told about."""
    items = [item for path in sorted(EXAMPLE.glob("*.md")) for item in blocks.items(path.read_text(), path.name)]
    found = topics(items, name="Dorothy", language="en")
    assert 3 <= len(found) <= MOST_TOPICS
    lines = [line for topic in found for line in topic.lines]
    assert len(lines) == len(set(lines))
    assert all(line[-1] in '.!?"' and len(line) <= LONGEST for line in lines)
    assert [len(topic.lines) for topic in found] == sorted((len(t.lines) for t in found), reverse=True)
    assert max(len(topic.lines) for topic in found) == MOST_LINES
    assert not any("#" in line or "Told by" in line for line in lines)


@pytest.mark.parametrize("language", offered())
def test_titles_are_in_the_companions_language(language: str) -> None:
    """Whatever language the memories are in."""
    told = Item("When she was a little girl she went to school by the river every day.", "a.md")
    [topic] = topics([told], name="Ann", language=language)
    assert topic.title
    assert (topic.title == "School" or topic.title == "Childhood") == (language == "en")


def test_nothing_is_made_of_nothing() -> None:
    """No memories, or none that are short enough."""
    assert topics([], name="Ann", language="en") == []
    assert topics([Item("school " * 200, "a.md"), Item("# School", "b.md")], name="Ann", language="en") == []
