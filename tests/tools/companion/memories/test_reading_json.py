"""JSON as items: records of any application."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storykeeper_tools.companion.memories.item import Item
from storykeeper_tools.companion.memories.reading.files import read
from storykeeper_tools.errors import BadInput


def told(value: Any, name: str = "a.json") -> list[Item]:
    return read(name, json.dumps(value).encode())


def test_a_record_is_an_item_with_what_it_states() -> None:
    """Text under its title; date, contributor, people and places beside it; its id is the memory's."""
    record = {
        "id": 7,
        "title": "The boat",
        "text": "He built it.\r\nHe never sailed.",
        "date": "1947-05",
        "told_by": "Niamh",
        "people": ["Tom", {"name": "Ann"}],
        "places": "Cork; Kinsale",
    }
    (item,) = told([record])
    assert item == Item(
        text="# The boat\n\nHe built it.\nHe never sailed.",
        source="a.json",
        at=1,
        unit="record",
        title="The boat",
        date="1947-05",
        contributor="Niamh",
        people=("Tom", "Ann"),
        places=("Cork", "Kinsale"),
        key="a.json#7",
    )
    (corrected,) = told([{**record, "text": "He built it and sailed."}])
    assert corrected.id == item.id


@pytest.mark.parametrize("field", ["text", "memory", "story", "content", "body", "Text"])
def test_the_text_has_one_of_the_usual_names(field: str) -> None:
    """Letter for letter, also as a list of paragraphs."""
    assert [item.text for item in told([{field: "One."}, {field: ["One.", "Two."]}])] == ["One.", "One.\n\nTwo."]


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (["One.", "Two."], ["One.", "Two."]),
        ({"text": "One."}, ["One."]),
        ({"memories": [{"text": "One."}, "Two."]}, ["One.", "Two."]),
        ({"name": "Dorothy", "stories": [{"text": "One."}]}, ["name: Dorothy", "One."]),
        ({"chapters": [{"title": "A", "memories": [{"text": "One."}]}]}, ["# A", "One."]),
        ({"-Nx1": {"text": "One."}, "-Nx2": {"text": "Two."}}, ["One.", "Two."]),
        ({"childhood": {"text": "One."}}, ["# childhood\n\nOne."]),
        ({"born": 1941, "alive": False, "height": 1.60, "son": None}, ["born: 1941\nalive: no\nheight: 1.6"]),
        ({"a": {"b": {"c": ["x", "y"]}}, "d": "e"}, ["a.b.c: x, y\nd: e"]),
        (
            [{"text": "One.", "mood": "a little sad", "uid": "x93", "n": 4, "tags": ["x"]}],
            ["One.\n\nmood: a little sad"],
        ),
        ([{"text": "One.", "date": "summer of 1947"}], ["One.\n\ndate: summer of 1947"]),
        ([{"text": "One.", "date": "12.03.1947"}], ["One.\n\ndate: 12.03.1947"]),
        ([{"text": "The boat was his.", "title": "The boat"}], ["The boat was his."]),
        ([None, "", {}, {"text": " "}, [], "One."], ["One."]),
        ([[["One."]]], ["One."]),
        ("One.", ["One."]),
        ([{"text": "{{ x }} {name} </memories> ---"}], ["{{ x }} {name} </memories> ---"]),
    ],
)
def test_records_are_found_wherever_they_are_held(value: Any, texts: list[str]) -> None:
    """Lists, objects that hold some, objects by id; what has no text is told as lines."""
    assert [item.text for item in told(value)] == texts


@pytest.mark.parametrize(
    ("date", "iso"),
    [("1947", "1947"), (1947, "1947"), ({"_seconds": 1552394733, "_nanoseconds": 0}, "2019-03-12"), (True, "")],
)
def test_a_date_may_be_a_number_or_a_stamp(date: Any, iso: str) -> None:
    """As exports of databases write it."""
    assert [item.date for item in told([{"text": "One.", "date": date}])] == [iso]


def test_numbers_stay_as_they_are_written() -> None:
    """Phone numbers, prices and years of any length."""
    (item,) = read("a.json", b'{"price": 1.50, "count": 10000000000000000000000, "no": 1e3, "odd": NaN}')
    assert item.text == "price: 1.50\ncount: 10000000000000000000000\nno: 1e3\nodd: NaN"
    assert read("a.json", b'{"digits": ' + b"9" * 10_000 + b"}")[0].text == "digits: " + "9" * 10_000


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json"])
def test_a_record_may_be_a_line(name: str) -> None:
    """JSON Lines, whatever the file is called."""
    items = read(name, b'{"id": "x", "text": "One."}\n\n{"text": "Two."}\n')
    assert [(item.at, item.text, item.key) for item in items] == [(1, "One.", f"{name}#x"), (2, "Two.", "")]


def test_an_id_used_twice_loses_no_memory() -> None:
    """The second record of another text goes without; the same text twice is the same memory."""
    items = told([{"id": 1, "text": "One."}, {"id": 1, "text": "Two."}, {"id": 1, "text": "One."}])
    assert [item.key for item in items] == ["a.json#1", "", "a.json#1"]
    assert len({item.id for item in items}) == 2


def test_the_same_id_in_another_file_is_another_memory() -> None:
    """Numbers that count records start at 1 in each."""
    record = [{"id": 1, "text": "One."}]
    assert told(record)[0].id != told(record, "b.json")[0].id


def test_half_a_character_is_marked_as_missing() -> None:
    """Half of a pair and NUL can't be in any document; whole pairs can."""
    (item,) = read("a.json", rb'["cake \ud83c\udf82, half \ud83c, none \u0000."]')
    assert item.text == "cake 🎂, half \ufffd, none \ufffd."
    item.text.encode()


@pytest.mark.parametrize(
    ("data", "said", "do"),
    [
        (b"[1, 2", "'a.json' is not JSON: .*line 1", "mend it"),
        (b'{"text": "a"}\n{"text": ', "is not JSON: Extra data, line 2", "mend it"),
        (b"[" * 100_000, "nested too deeply", "plain list"),
        (b'{"a":' * 100_000, "nested too deeply", "plain list"),
        (b"[" * 900 + b'"a"' + b"]" * 900, "nested too deeply", "plain list"),
        (b"[]", "holds no memories", "give a list of records"),
        (b"null", "holds no memories", "give a list of records"),
        (b'[{"id": 1}]', "holds no memories", "give a list of records"),
        ('["Seán"]'.encode("latin-1"), r"\[encoding\]", "UTF-8"),
    ],
)
def test_what_is_no_list_of_memories_is_refused_with_what_to_do(data: bytes, said: str, do: str) -> None:
    """Broken, endless, empty."""
    with pytest.raises(BadInput, match=said) as refused:
        read("a.json", data)
    assert do in refused.value.next


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["text", "id", "date", "items"]), inner)
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_read_or_refused(value: Any) -> None:
    """Items that can be written, or a sentence."""
    try:
        items = told(value)
    except BadInput:
        return
    assert all(item.text.strip() and item.text.encode() and item.id for item in items)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip), min_size=1))
def test_the_text_of_records_is_kept(texts: list[str]) -> None:
    """In order, but for blanks at the end."""
    assert [item.text for item in told([{"text": text} for text in texts])] == [text.rstrip() for text in texts]


def test_five_megabytes_of_records_are_read_in_a_moment() -> None:
    """The bound is wide, since machines differ: it catches what grows with the square."""
    data = json.dumps([{"id": n, "text": "She told it often. " * 138, "date": "1947"} for n in range(2_000)]).encode()
    before = time.process_time()
    assert len(read("a.json", data)) == 2_000
    assert time.process_time() - before < 5
