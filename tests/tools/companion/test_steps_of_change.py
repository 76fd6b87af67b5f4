"""Changes that are said as steps: slower and faster from how fast it speaks now, and one more wish."""

from __future__ import annotations

from typing import Any

import pytest

from storykeeper_tools.companion import voicing
from storykeeper_tools.companion.changes import Changes, changed
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.errors import BadInput


def wish(**more: Any) -> Wish:
    return Wish.model_validate({"subject": {"name": "Dorothy"}, "recordings": ["a.wav"], **more})


def after(before: Wish, **changes: Any) -> Wish:
    return changed(before, Changes.model_validate(changes))


@pytest.mark.parametrize(
    ("before", "pace", "speed"),
    [
        ({}, "slower", 0.8),
        ({}, "faster", 1.0),
        ({"audience": "dementia_care"}, "slower", 0.7),
        ({"wishes": "lively and fast"}, "slower", 0.93),
        ({"voice": {"speed": 0.75}}, "slower", 0.7),
        ({"voice": {"speed": 1.15}}, "faster", 1.2),
    ],
    ids=["slower", "faster", "by its audience", "by its wishes", "to the slowest", "to the fastest"],
)
def test_a_pace_is_one_step_from_how_fast_it_speaks_now(before: dict[str, Any], pace: str, speed: float) -> None:
    """As a number, which is then said outright; what else its voice is like stays."""
    changed_to = after(wish(**before), voice={"speed": pace, "stability": 0.6})
    assert (changed_to.voice.speed, changed_to.voice.stability) == (speed, 0.6)
    assert voicing.speech(changed_to).speed == speed


@pytest.mark.parametrize(("pace", "speed"), [("slower", 0.7), ("faster", 1.2)])
def test_at_the_end_it_can_go_no_further(pace: str, speed: float) -> None:
    """That is said, with the speed that it has."""
    with pytest.raises(BadInput) as told:
        after(wish(voice={"speed": speed}), voice={"speed": pace})
    assert f"it can't speak any {pace} than now, at a speed of {speed:g}" in str(told.value)


@pytest.mark.parametrize("speed", ["slowly", 0.5, 1.3, "nan"])
def test_no_other_word_or_number_is_a_speed(speed: Any) -> None:
    """Each is refused as it is given."""
    with pytest.raises(ValueError, match="speed"):
        Changes.model_validate({"voice": {"speed": speed}})


@pytest.mark.parametrize(
    ("before", "more", "wishes"),
    [
        ("", "warm", "warm"),
        ("warm", "", "warm"),
        ("warm", "call everyone darling", "warm; call everyone darling"),
        ("warm; a little teasing", " A little  TEASING. ", "warm; a little teasing"),
        ("warm", "warm; slow; slow", "warm; slow"),
        ("warm;slow", ";;", "warm;slow"),
    ],
)
def test_a_wish_is_added_once_behind_those_there_are(before: str, more: str, wishes: str) -> None:
    """What was said before stays word for word."""
    assert after(wish(wishes=before), add_wishes=more).wishes == wishes


def test_a_wish_is_added_to_those_that_take_the_place_of_others() -> None:
    """Where both are said."""
    assert after(wish(wishes="warm"), wishes="brisk", add_wishes="kind").wishes == "brisk; kind"


def test_wishes_that_grow_too_long_are_refused_in_words() -> None:
    """And so are too many corrections, which only show once they are joined."""
    with pytest.raises(BadInput, match="wishes"):
        after(wish(wishes="a" * 600), add_wishes="b" * 600)
    with pytest.raises(BadInput, match="corrections"):
        after(wish(corrections=[f"{n}." for n in range(60)]), add_corrections=[f"so {n}." for n in range(60)])
