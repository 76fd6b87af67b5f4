"""The cut follows its rule: of usable speech only, in order, ended in pauses, one to three minutes long."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storykeeper_tools.companion.recordings.cutting import Cut, Tape, propose
from storykeeper_tools.companion.recordings.timeline import Timeline

RATE = 44_100


def say(
    seconds: float, *, level: float = -20, noise: float = -55, clipped: bool = False, music: bool = False
) -> list[tuple[float, ...]]:
    """Windows of speech."""
    return [(level, noise, 1, clipped, music)] * round(seconds * 10)


def pause(seconds: float, noise: float = -55) -> list[tuple[float, ...]]:
    return [(noise, noise, 0, 0, 0)] * round(seconds * 10)


def tape(*parts: Sequence[tuple[float, ...]], rate: int = RATE) -> Tape:
    windows = [window for part in parts for window in part]
    level, noise, *flags = zip(*windows, strict=True) if windows else ((),) * 5
    return Tape(Timeline(array("f", level), array("f", noise), *(bytes(map(int, flag)) for flag in flags)), rate)


def talk(seconds: float, **how: float | bool) -> list[tuple[float, ...]]:
    """Phrases of 4 s with pauses of half a second between them."""
    quiet = pause(0.5, how.get("noise", -55))
    return [window for _ in range(round(seconds / 4.5)) for window in (*say(4, **how), *quiet)]


def within(cut: Cut, start: float, end: float, of: int = 0) -> float:
    """How many seconds of a stretch of a tape are in the cut."""
    return sum(max(0, min(s.stop, end) - max(s.start, start)) for s in cut.segments if s.tape == of)


windows = st.tuples(
    st.floats(-70, 0), st.floats(-80, -10), st.sampled_from([0, 1, 1, 1]), st.sampled_from([0] * 9 + [1]), st.sampled_from([0] * 9 + [1])
)  # fmt: skip
stretches = st.lists(st.tuples(windows, st.integers(1, 60)), max_size=60).map(
    lambda runs: [window for window, count in runs for _ in range(count)]
)
tapes = st.lists(st.builds(tape, stretches, rate=st.sampled_from([RATE, 48_000])), max_size=4)


@given(tapes)
def test_whatever_the_recordings_are_the_cut_keeps_its_rule(tapes: list[Tape]) -> None:
    """At most three minutes, of parts of at least three seconds, in order, and never through a word."""
    cut = propose(tapes)
    assert cut.seconds <= 180
    for segment in cut.segments:
        speech = tapes[segment.tape].timeline.speech
        assert segment.end - segment.first >= 30
        assert 0 <= segment.first < segment.end <= len(speech)
        assert segment.first == 0 or not (speech[segment.first - 1] and speech[segment.first])
        assert segment.end == len(speech) or not (speech[segment.end - 1] and speech[segment.end])
    assert all((a.tape, a.end) <= (b.tape, b.first) for a, b in pairwise(cut.segments))
    assert propose(tapes) == cut


@given(st.lists(st.tuples(st.integers(10, 80), st.integers(2, 9)), min_size=1, max_size=80))
def test_where_there_is_a_minute_of_clear_speech_the_cut_has_one(phrases: list[tuple[int, int]]) -> None:
    """And two where there are two; the last phrase is heard to its end."""
    parts = [part for spoken, quiet in phrases for part in (say(spoken / 10), pause(quiet / 10))]
    whole = sum(spoken + quiet for spoken, quiet in phrases) / 10
    cut = propose([tape(*parts)])
    assert min(whole - 1, 120) <= cut.seconds + 0.001 or whole < 4
    assert cut.seconds <= 120 + 8.5


@pytest.mark.parametrize("spoiled", [{"noise": -32}, {"clipped": True}, {"music": True}, {"level": -45, "noise": -80}])
def test_clean_speech_is_taken_before_what_is_spoiled(spoiled: dict[str, float | bool]) -> None:
    """Noisy, clipped, with music, or much softer than the rest."""
    middle = talk(90, **spoiled)
    cut = propose([tape(talk(90), middle, talk(90))])
    assert within(cut, 90, 179.5) == 0
    assert cut.seconds == pytest.approx(120, abs=5)


def test_what_is_spoiled_only_fills_up_a_minute() -> None:
    """Better some noise than too little to clone from, but no more of it than that."""
    cut = propose([tape(talk(40), talk(200, noise=-35))])
    assert cut.seconds == pytest.approx(60, abs=5)
    assert within(cut, 0, 40) == pytest.approx(40, abs=1)


@pytest.mark.parametrize("useless", [{"noise": -28}, {"noise": -20}, {"level": -60, "noise": -60}, {"clipped": True}])
def test_what_hardly_stands_out_is_never_used(useless: dict[str, float]) -> None:
    """Nor is silence."""
    assert propose([tape(talk(200, **useless))]).segments == ()
    assert propose([tape(pause(300))]).segments == propose([tape()]).segments == propose([]).segments == ()


def test_a_word_that_hardly_stands_out_is_not_carried_along() -> None:
    """However short it is, and however poor what lies around it."""
    word = [*pause(0.3, -35), *say(0.4, level=-30, noise=-35), *pause(0.3, -35)]
    fair = say(6, noise=-35)
    cut = propose([tape(*[part for _ in range(10) for part in (fair, word)])])
    assert cut.segments
    assert all(segment.end - segment.first <= 64 for segment in cut.segments)


def test_a_phrase_with_a_clipped_word_comes_after_clean_ones() -> None:
    """A tenth of a second is enough to be heard."""
    spoiled = [window for _ in range(20) for window in (*say(3.9), *say(0.1, clipped=True), *pause(0.5))]
    assert within(propose([tape(talk(45), spoiled, talk(90))]), 45, 134.5) == 0
    assert propose([tape(spoiled)]).seconds == pytest.approx(60, abs=5)


def test_a_minute_is_filled_up_with_no_less_than_three_seconds() -> None:
    """Where less would do: nothing shorter is ever joined."""
    fair = [window for _ in range(9) for window in (*say(2, noise=-35), *pause(0.5, -35))]
    cut = propose([tape(talk(58.5), fair)])
    assert [segment.end - segment.first >= 30 for segment in cut.segments] == [True, True]
    assert cut.seconds >= 60


def test_noise_that_begins_within_seconds_ends_the_part_there() -> None:
    """What is measured of the seconds around is late by some; the pauses beside a phrase are not."""
    late = [window for _ in range(20) for window in (*say(4), *pause(0.5, -30))]
    cut = propose([tape(talk(45), late, talk(45, noise=-30), talk(90))])
    assert [(segment.start, segment.stop) for segment in cut.segments] == [(0, 44.7), (184.3, 260.7)]


def test_long_pauses_are_left_out_and_short_ones_kept() -> None:
    """Half a second between sentences belongs to how somebody speaks; what is cut meets in a short pause."""
    cut = propose([tape(talk(27), pause(20), talk(45))])
    assert [(segment.start, segment.stop) for segment in cut.segments] == [(0, 26.7), (46.8, 91.7)]


def test_short_sentences_of_a_slow_speaker_are_kept_with_their_pauses() -> None:
    """Somebody who says two seconds, and thinks for two, isn't lost."""
    cut = propose([tape(*[part for _ in range(40) for part in (say(2), pause(2))])])
    assert cut.seconds >= 60
    assert all(segment.end - segment.first >= 30 for segment in cut.segments)


def test_somebody_who_never_stops_is_parted_at_the_shortest_pauses() -> None:
    """A tenth of a second, where there is none longer; a word is never cut for it."""
    breathless = [part for _ in range(40) for part in (say(7), pause(0.1))]
    assert propose([tape(*breathless)]).seconds == pytest.approx(120, abs=8)
    assert propose([tape(say(400))]).segments == ()
    assert propose([tape(pause(1), say(100), pause(1))]).seconds == pytest.approx(100.4)


def test_the_best_recording_comes_first_and_others_fill_up() -> None:
    """In the order in which they are given; the order within each stays."""
    cut = propose([tape(talk(50)), tape(talk(30)), tape(talk(200))])
    assert [segment.tape for segment in cut.segments] == [0, 1, 2]
    assert cut.seconds == pytest.approx(120, abs=5)


def test_recordings_of_another_rate_are_only_joined_where_it_takes_them() -> None:
    """A minute of one rate is better than two of which one was converted."""
    other = tape(talk(100), rate=48_000)
    assert propose([tape(talk(70)), other]).tapes == [0]
    cut = propose([tape(talk(40)), other])
    assert (cut.tapes, cut.rate) == ([0, 1], RATE)


def test_a_louder_recording_is_turned_down_to_the_softer_one() -> None:
    """So that the voice stays where it is; nothing is turned up, nor down to a whisper."""
    even = propose([tape(talk(50, level=-14)), tape(talk(70, level=-22))])
    assert even.gains == (-8, 0)
    whisper = propose([tape(talk(50, level=-14)), tape(talk(70, level=-40, noise=-80))])
    assert whisper.gains == (-16, 0)
    assert propose([tape(talk(100, level=-5))]).gains == (0,)
